//! What a container uses, as `docker stats` computes it, on cgroup v1 and v2, Docker and Podman.

use std::fmt;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::Fault;
use super::session::{Api, Session};
use crate::model::{ContainerId, Product, Timestamp, Usage, Way};

/// Docker takes two samples a second apart for one answer.
const ONCE: Duration = Duration::from_secs(15);

/// CPU is not reckoned over less than this, in nanoseconds: a timeslice would look like a load.
const SHORTEST: u64 = 200_000_000;

/// No sample is longer than this.
const LONGEST: usize = 1 << 20;

/// One sample with its CPU known, by questions instead of a stream; none when the container does not run.
pub(super) async fn once(session: &Session, id: &ContainerId) -> Result<Option<Usage>, Fault> {
    let path = format!("/containers/{}/stats?stream=false", id.as_str());
    let body = session.wire.get(&path).within(ONCE).bytes().await?;
    let Some((usage, counters)) = read(&body, None)? else {
        return Ok(None);
    };
    if usage.cpu.is_some() || session.product == Product::Docker {
        return Ok(Some(usage));
    }
    // Podman answers at once, without a sample before.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let body = session.wire.get(&path).within(ONCE).bytes().await?;
    Ok(read(&body, Some(counters))?.map(|(usage, _)| usage))
}

/// The first API version whose engines take a sample at once when they are asked to (`one-shot`).
const AT_ONCE: Api = Api(41);

/// A sample taken now, without CPU; none when the container does not run, when the engine only has samples of its
/// own time, or when one more connection would cost more than a second's patience. The CPU of the next sample is
/// reckoned from it.
pub(super) async fn now(session: &Session, id: &ContainerId) -> Result<Option<First>, Fault> {
    let is_cheap = match session.way {
        Way::Unix | Way::Tcp | Way::SshForward => true,
        // A handshake; a session and a process on the host.
        Way::Tls | Way::SshStdio => false,
    };
    if !is_cheap || session.product != Product::Docker || session.api < AT_ONCE {
        return Ok(None);
    }
    let path = format!(
        "/containers/{}/stats?stream=false&one-shot=true",
        id.as_str()
    );
    let body = session.wire.get(&path).within(ONCE).bytes().await?;
    let sample = read(&body, None)?;
    Ok(sample.map(|(usage, counters)| First { usage, counters }))
}

/// What [`now`] saw.
pub(super) struct First {
    /// The sample.
    pub usage: Usage,
    counters: Counters,
}

/// An open stream of samples of one container, about one a second.
pub(super) struct Samples {
    body: Incoming,
    buffer: BytesMut,
    before: Option<Counters>,
}

impl Samples {
    /// Opens the stream that goes on from a first sample.
    pub async fn open(
        session: &Session,
        id: &ContainerId,
        first: Option<First>,
    ) -> Result<Self, Fault> {
        let path = format!("/containers/{}/stats?stream=1", id.as_str());
        let response = session.wire.get(path).response().await?;
        Ok(Self {
            body: response.into_body(),
            buffer: BytesMut::new(),
            before: first.map(|first| first.counters),
        })
    }

    /// The next sample; none when the stream ended.
    pub async fn next(&mut self) -> Result<Option<Usage>, Fault> {
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let sample = read(&self.buffer[..end], self.before)?;
                self.buffer.advance(end + 1);
                if let Some((usage, counters)) = sample {
                    self.before = Some(counters);
                    return Ok(Some(usage));
                }
            }
            if self.buffer.len() > LONGEST {
                return Err(Fault::Garbled("a sample without end".into()));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Fault::Cut(error.to_string())),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

/// What the next sample's CPU is reckoned from, where the engine does not tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counters {
    at: Timestamp,
    cpu: u64,
}

/// Reads one sample; none for the empty ones of containers that do not run.
fn read(line: &[u8], before: Option<Counters>) -> Result<Option<(Usage, Counters)>, Fault> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let entry: Entry<'_> = serde_json::from_slice(line)
        .map_err(|error| Fault::Garbled(format!("a sample: {error}")))?;
    let Some(at) = super::inspect::moment(entry.read) else {
        return Ok(None);
    };
    let counters = Counters {
        at,
        cpu: entry.cpu_stats.cpu_usage.total_usage,
    };
    let usage = Usage {
        at,
        cpu: entry
            .cpu()
            .or_else(|| before.and_then(|before| counters.percent_since(before))),
        memory: entry.memory_stats.used(),
        memory_limit: entry.memory_stats.limit,
        net_in: entry.networks.received,
        net_out: entry.networks.sent,
        block_in: entry.blkio_stats.io_service_bytes_recursive.read,
        block_out: entry.blkio_stats.io_service_bytes_recursive.written,
        pids: entry.pids_stats.current,
    };
    Ok(Some((usage, counters)))
}

impl Counters {
    /// CPU time over wall time; none over a time too short to tell.
    fn percent_since(self, before: Self) -> Option<f32> {
        let wall = u64::try_from(self.at.duration_since(before.at).as_nanos()).ok()?;
        let used = self.cpu.checked_sub(before.cpu)?;
        (wall >= SHORTEST).then(|| ratio(used, wall) * 100.0)
    }
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    read: &'a str,
    #[serde(borrow, default)]
    preread: &'a str,
    #[serde(default)]
    cpu_stats: Cpu,
    #[serde(default)]
    precpu_stats: Cpu,
    #[serde(default)]
    memory_stats: Memory,
    #[serde(default, deserialize_with = "or_default")]
    networks: Traffic,
    #[serde(default)]
    blkio_stats: Block,
    #[serde(default)]
    pids_stats: Pids,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cpu {
    cpu_usage: CpuUsage,
    system_cpu_usage: u64,
    online_cpus: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CpuUsage {
    total_usage: u64,
    #[serde(deserialize_with = "or_default")]
    percpu_usage: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Memory {
    usage: u64,
    limit: u64,
    #[serde(deserialize_with = "or_default")]
    stats: MemoryStats,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MemoryStats {
    total_inactive_file: Option<u64>,
    inactive_file: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Block {
    #[serde(deserialize_with = "or_default")]
    io_service_bytes_recursive: Transfer,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pids {
    current: u64,
}

impl Entry<'_> {
    /// As `docker stats`: the container's share of the host's CPU time between the two samples that
    /// the engine sends, times the number of CPUs. None for the first of a stream.
    fn cpu(&self) -> Option<f32> {
        let (now, before) = (&self.cpu_stats, &self.precpu_stats);
        if before.system_cpu_usage == 0 {
            return None;
        }
        let used = now
            .cpu_usage
            .total_usage
            .checked_sub(before.cpu_usage.total_usage)?;
        let system = now.system_cpu_usage.checked_sub(before.system_cpu_usage)?;
        let cpus: u32 = match now.online_cpus {
            0 => now.cpu_usage.percpu_usage.0.max(1),
            online => online,
        };
        // What Podman calls the system's time leaves out idle processors: no measure for a share of the host.
        let moments = super::inspect::moment(self.read).zip(super::inspect::moment(self.preread));
        let wall = moments.map(|(read, before)| read.duration_since(before).as_nanos());
        let whole = wall.map(|wall| wall.saturating_mul(i128::from(cpus)));
        if whole.is_some_and(|whole| i128::from(system) < whole / 4 * 3) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of processors")]
        let cpus = cpus as f32;
        (system > 0).then(|| ratio(used, system) * cpus * 100.0)
    }
}

impl Memory {
    /// Without the file cache that the kernel gives back first: `total_inactive_file` on cgroup v1,
    /// `inactive_file` on v2.
    fn used(&self) -> u64 {
        let cache = self
            .stats
            .total_inactive_file
            .or(self.stats.inactive_file)
            .unwrap_or(0);
        if cache < self.usage {
            self.usage - cache
        } else {
            self.usage
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a percentage needs three digits"
)]
fn ratio(part: u64, whole: u64) -> f32 {
    (part as f64 / whole as f64) as f32
}

/// Engines write `null` for what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// How many elements a list has.
#[derive(Default)]
struct Count(u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_seq(Counting)
    }
}

/// The sum over all networks of a container.
#[derive(Default)]
struct Traffic {
    received: u64,
    sent: u64,
}

impl<'de> Deserialize<'de> for Traffic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct One {
            rx_bytes: u64,
            tx_bytes: u64,
        }
        struct Sum;
        impl<'de> Visitor<'de> for Sum {
            type Value = Traffic;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("networks")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Traffic, A::Error> {
                let mut sum = Traffic::default();
                while let Some((_, one)) = map.next_entry::<IgnoredAny, One>()? {
                    sum.received += one.rx_bytes;
                    sum.sent += one.tx_bytes;
                }
                Ok(sum)
            }
        }
        deserializer.deserialize_map(Sum)
    }
}

/// The sum over all block devices: the kernel tells reads and writes of each.
#[derive(Default)]
struct Transfer {
    read: u64,
    written: u64,
}

impl<'de> Deserialize<'de> for Transfer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct One<'a> {
            #[serde(borrow)]
            op: &'a str,
            #[serde(default)]
            value: u64,
        }
        struct Sum;
        impl<'de> Visitor<'de> for Sum {
            type Value = Transfer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("block devices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Transfer, A::Error> {
                let mut sum = Transfer::default();
                while let Some(one) = list.next_element::<One<'de>>()? {
                    if one.op.eq_ignore_ascii_case("read") {
                        sum.read += one.value;
                    } else if one.op.eq_ignore_ascii_case("write") {
                        sum.written += one.value;
                    }
                }
                Ok(sum)
            }
        }
        deserializer.deserialize_seq(Sum)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A sample with these figures, in cgroup v2's shape.
    fn sample(second: u8, cpu: u64, system: u64, before: &str) -> String {
        format!(
            r#"{{"read":"2026-11-22T00:00:{second:02}Z","cpu_stats":{{"cpu_usage":{{"total_usage":{cpu}}},"system_cpu_usage":{system},
            "online_cpus":4}},"precpu_stats":{before},"memory_stats":{{"usage":5000,"limit":9000,"stats":{{"inactive_file":1200,"file":3000}}}},
            "networks":{{"eth0":{{"rx_bytes":10,"tx_bytes":3}},"eth1":{{"rx_bytes":5,"tx_bytes":4}}}},"pids_stats":{{"current":7}},
            "blkio_stats":{{"io_service_bytes_recursive":[{{"major":8,"op":"read","value":100}},{{"op":"write","value":30}},
            {{"op":"Read","value":1}},{{"op":"discard","value":9}}]}}}}"#
        )
    }

    #[test]
    fn a_sample_is_reckoned_as_docker_stats_does() {
        let before = r#"{"cpu_usage":{"total_usage":1000},"system_cpu_usage":10000}"#;
        let (usage, _) = read(sample(1, 1500, 14_000, before).as_bytes(), None)
            .unwrap()
            .unwrap();
        // 500 of 4000 on 4 processors.
        assert_eq!(usage.cpu, Some(50.0));
        assert_eq!((usage.memory, usage.memory_limit), (3800, 9000));
        assert_eq!((usage.net_in, usage.net_out), (15, 7));
        assert_eq!((usage.block_in, usage.block_out), (101, 30));
        assert_eq!(usage.pids, 7);
    }

    #[test]
    fn the_first_sample_has_no_cpu_and_the_second_has_by_the_clock() {
        let (first, counters) = read(sample(1, 1_000_000_000, 0, "{}").as_bytes(), None)
            .unwrap()
            .unwrap();
        assert_eq!(first.cpu, None);
        let (second, _) = read(sample(3, 1_500_000_000, 0, "{}").as_bytes(), Some(counters))
            .unwrap()
            .unwrap();
        // Half a second of processor in two seconds.
        assert_eq!(second.cpu, Some(25.0));
    }

    #[test]
    fn a_load_is_not_reckoned_over_a_moment() {
        let at = |ms: i64, cpu| Counters {
            at: Timestamp::from_millisecond(ms).unwrap(),
            cpu,
        };
        let first = at(0, 0);
        assert_eq!(at(150, 75_000_000).percent_since(first), None);
        assert_eq!(at(300, 75_000_000).percent_since(first), Some(25.0));
    }

    #[test]
    fn recorded_samples_are_read() {
        let docker = include_bytes!("recorded/docker-20.10-stats-cgroup1.json");
        let (usage, _) = read(docker, None).unwrap().unwrap();
        assert!(
            usage.cpu.is_some()
                && usage.memory > 0
                && usage.memory_limit > usage.memory
                && usage.net_in > 0
        );
        let podman = include_bytes!("recorded/podman-4.3-stats.json");
        let (usage, _) = read(podman, None).unwrap().unwrap();
        assert_eq!(usage.cpu, None);
        assert!(usage.memory > 0 && usage.pids == 2);
    }

    #[test]
    fn a_container_that_does_not_run_has_no_sample() {
        let stopped = br#"{"read":"0001-01-01T00:00:00Z","networks":null,"memory_stats":{},"cpu_stats":{"cpu_usage":{"percpu_usage":null}}}"#;
        assert_eq!(read(stopped, None).unwrap().map(|(usage, _)| usage), None);
        assert_eq!(read(b"\r\n", None).unwrap().map(|(usage, _)| usage), None);
        assert!(read(b"{", None).is_err());
    }
}
