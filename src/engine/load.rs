//! How loaded a host itself is: read from `/proc`, here or over ssh. TCP shows nothing of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::info::info;
use super::session::Session;
use super::ssh::Tunnel;
use super::wire::Wire;
use crate::model::{EngineInfo, HostLoad, Timestamp, Way};

/// A script over ssh may take this long.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads a host's load again and again.
pub(super) struct Meter {
    place: Place,
    root: String,
    before: Option<Ticks>,
}

enum Place {
    Here,
    There(Arc<Tunnel>),
    /// The engine itself tells it, in the words of the script: a simulated one.
    Told(Wire),
}

/// Where simulated engines tell the load of their hosts.
const TOLD: &str = "/sim/load";

impl Meter {
    /// A meter for the host of that engine; none when the way shows nothing of the host.
    pub async fn of(session: &Session) -> Option<Self> {
        let place = match (session.way, &session.tunnel) {
            (Way::Unix, _) => Place::Here,
            (Way::SshForward | Way::SshStdio, Some(tunnel)) => Place::There(tunnel.clone()),
            (Way::Tcp | Way::Tls | Way::SshForward | Way::SshStdio, _) => return None,
        };
        let (info, _) = info(session).await.ok()?;
        let place = if matches!(place, Place::Here) && !is_this_machine(&info).await {
            session.wire.get(TOLD).bytes().await.ok()?;
            Place::Told(session.wire.clone())
        } else {
            place
        };
        let root = if info.root_dir.is_empty() {
            "/".to_owned()
        } else {
            info.root_dir
        };
        Some(Self {
            place,
            root,
            before: None,
        })
    }

    /// Where the engine keeps its data.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Reads it now; CPU is known from the second reading on.
    pub async fn read(&mut self) -> Result<HostLoad, String> {
        let reading = match &self.place {
            Place::Here => here(&self.root).await?,
            Place::There(tunnel) => {
                let said = tunnel.run(&script(&self.root), DEADLINE).await?;
                Reading::parse(&said).ok_or("the host's /proc was not understood")?
            }
            Place::Told(wire) => {
                let said = wire.get(TOLD).bytes().await;
                let said = said.map_err(|fault| fault.to_string())?;
                Reading::parse(&String::from_utf8_lossy(&said))
                    .ok_or("the sim's load was not understood")?
            }
        };
        let cpu = self
            .before
            .and_then(|before| reading.ticks.percent_since(before));
        self.before = Some(reading.ticks);
        Ok(HostLoad {
            at: Timestamp::now(),
            cpu,
            memory: reading.memory,
            memory_total: reading.memory_total,
            disk: reading.disk,
            disk_total: reading.disk_total,
        })
    }
}

/// A socket of this machine may lead to an engine in a virtual machine or another host.
async fn is_this_machine(info: &EngineInfo) -> bool {
    let line = async |path: &str| tokio::fs::read_to_string(path).await.unwrap_or_default();
    line("/proc/sys/kernel/osrelease").await.trim() == info.kernel
        && line("/proc/sys/kernel/hostname").await.trim() == info.hostname
}

/// Processor time since boot, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    idle: u64,
    all: u64,
}

impl Ticks {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a percentage"
    )]
    fn percent_since(self, before: Self) -> Option<f32> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        let idle = self.idle.saturating_sub(before.idle).min(all);
        Some(((all - idle) as f64 / all as f64 * 100.0) as f32)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    ticks: Ticks,
    memory: u64,
    memory_total: u64,
    disk: u64,
    disk_total: u64,
}

impl Reading {
    /// Reads `/proc/stat`, `/proc/meminfo` and the output of `df -kP`, one after the other in any order.
    fn parse(text: &str) -> Option<Self> {
        let (mut ticks, mut total, mut available, mut disk) = (None, None, None, (0, 0));
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("cpu") => ticks = Some(cpu(words)?),
                Some("MemTotal:") => total = kibibytes(words.next()),
                Some("MemAvailable:") => available = kibibytes(words.next()),
                Some(_) if line.contains('%') => {
                    // Filesystem 1024-blocks Used Available Capacity Mounted
                    let size = kibibytes(words.next()).unwrap_or(0);
                    disk = (kibibytes(words.next()).unwrap_or(0), size);
                }
                Some(_) | None => {}
            }
        }
        let total = total?;
        Some(Self {
            ticks: ticks?,
            memory: total.saturating_sub(available?),
            memory_total: total,
            disk: disk.0,
            disk_total: disk.1,
        })
    }
}

/// user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user's.
fn cpu<'a>(words: impl Iterator<Item = &'a str>) -> Option<Ticks> {
    let times: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
    let idle = times.get(3)? + times.get(4).unwrap_or(&0);
    Some(Ticks {
        idle,
        all: times.iter().sum(),
    })
}

fn kibibytes(word: Option<&str>) -> Option<u64> {
    word?.parse::<u64>().ok().map(|count| count * 1024)
}

fn script(root: &str) -> String {
    let quoted = root.replace('\'', r"'\''");
    format!(
        "head -n 1 /proc/stat; grep -E '^Mem(Total|Available):' /proc/meminfo; df -kP '{quoted}' 2>/dev/null | tail -n 1"
    )
}

async fn here(root: &str) -> Result<Reading, String> {
    let file = async |path: &str| {
        tokio::fs::read_to_string(path)
            .await
            .map_err(|error| format!("{path}: {error}"))
    };
    let text = file("/proc/stat").await? + &file("/proc/meminfo").await?;
    let mut reading = Reading::parse(&text).ok_or("/proc was not understood")?;
    let root = PathBuf::from(root);
    let disk = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&root)).await;
    if let Ok(Ok(disk)) = disk {
        reading.disk_total = disk.f_blocks * disk.f_frsize;
        reading.disk = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn proc_and_df_are_read() {
        let text = "cpu  100 0 50 800 50 0 0 0 0 0\n\
            MemTotal:       16000 kB\nMemAvailable:   12000 kB\n\
            /dev/vda 1000 600 400 60% /var/lib/docker\n";
        let first = Reading::parse(text).unwrap();
        assert_eq!(first.memory, 4000 * 1024);
        assert_eq!((first.disk, first.disk_total), (600 * 1024, 1000 * 1024));
        let later =
            Reading::parse(&text.replace("cpu  100 0 50 800 50", "cpu  150 0 75 850 75")).unwrap();
        assert_eq!(later.ticks.percent_since(first.ticks), Some(50.0));
        assert_eq!(first.ticks.percent_since(first.ticks), None);
        assert_eq!(Reading::parse("no proc here"), None);
    }

    #[test]
    fn the_path_in_the_script_is_quoted() {
        assert!(script("/it's").contains(r"'/it'\''s'"));
    }

    #[tokio::test]
    async fn this_machine_can_be_read() {
        let reading = here("/").await.unwrap();
        assert!(reading.memory > 0 && reading.memory < reading.memory_total);
        assert!(reading.disk > 0 && reading.disk <= reading.disk_total);
        assert!(reading.ticks.all > reading.ticks.idle);
    }
}
