//! What a container uses, as a function of time: nothing is counted while nobody looks.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "invented measurements: a part in 10^15 does not matter, and none is negative"
)]

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::clock::{self, Nanos, SECOND};
use super::container::Container;
use super::host::Host;
use super::http::{self, Answer};
use super::processes;
use super::route::Call;

/// What a container has used up to a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub read: Nanos,
    /// CPU time since the start, in ns.
    pub cpu: u64,
    /// Memory in use without the page cache, bytes.
    pub memory: u64,
    /// Page cache, bytes.
    pub cache: u64,
    /// Bytes received and sent.
    pub network: (u64, u64),
    /// Bytes read and written.
    pub disk: (u64, u64),
    /// Processes and threads.
    pub pids: u64,
}

impl Sample {
    /// CPU time in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.cpu as f64 / 1e9
    }

    /// Memory as a number to calculate with.
    pub fn memory_bytes(&self) -> f64 {
        self.memory as f64
    }
}

/// A span in seconds.
pub fn seconds(span: Nanos) -> f64 {
    span as f64 / 1e9
}

/// Bytes as a number to calculate with.
pub fn bytes(count: i64) -> f64 {
    count as f64
}

/// What `container` has used at `now`. CPU is the integral of a mean load with three waves on it,
/// so it always grows, and two readings give a load that moves as real ones do.
pub fn sample(container: &Container, host_memory: i64, now: Nanos) -> Sample {
    let seed = container.seed.of("stats");
    // Time of the process: a paused one stands still.
    let lived = seconds(container.lived(now));
    let load = container.plan.load * (0.3 + 1.4 * seed.of("load").unit());
    let wave = |name: &str, period: f64, depth: f64| {
        let (omega, phase) = (TAU / period, TAU * seed.of(name).unit());
        depth * (phase.cos() - (omega * lived + phase).cos()) / omega
    };
    let busy = load
        * (lived + wave("slow", 613.0, 0.4) + wave("mid", 47.0, 0.3) + wave("fast", 5.3, 0.25));
    let limit = if container.plan.memory > 0 {
        container.plan.memory
    } else {
        host_memory / 32
    };
    let (memory, cache) = memory(seed, limit as f64, lived);
    let traffic = if load > 0.05 { 60_000.0 } else { 900.0 } * (0.2 + seed.of("traffic").unit());
    let flow = |name: &str, rate: f64| {
        let integral = lived + wave(name, 31.0, 0.5);
        (rate * integral).max(0.0) as u64
    };
    let writes = !container.plan.mounts.is_empty();
    Sample {
        read: now,
        cpu: (busy.max(0.0) * 1e9) as u64,
        memory: memory as u64,
        cache: cache as u64,
        network: (flow("received", traffic), flow("sent", traffic * 1.7)),
        disk: (
            flow("read", 700.0),
            flow("written", if writes { 24_000.0 } else { 150.0 }),
        ),
        pids: processes::count(container) * (1 + seed.of("threads").below(6)),
    }
}

/// Memory in use and page cache: a level, a tide, and in one of twelve containers a leak that
/// fills the limit in half an hour and begins again.
fn memory(seed: super::seed::Seed, limit: f64, lived: f64) -> (f64, f64) {
    let level = 0.15 + 0.5 * seed.of("memory").unit();
    let tide = 0.04 * (TAU * lived / 190.0 + TAU * seed.of("tide").unit()).sin();
    let warm = (lived / 40.0).min(1.0);
    let leaks = seed.of("leak").unit() < 1.0 / 12.0;
    let leak = if leaks {
        (0.97 - level) * (lived % 1800.0) / 1800.0
    } else {
        0.0
    };
    let used = (level + leak + tide).min(0.985) * (0.3 + 0.7 * warm);
    (limit * used, limit * (1.0 - used).min(0.1) * warm)
}

/// Docker's JSON of a sample and the one before it, in the shape of the host's cgroup version.
fn to_json(
    container: &Container,
    host: &Host,
    sample: Option<&Sample>,
    before: Option<&Sample>,
) -> Value {
    let profile = &host.profile;
    let cpu = |sample: Option<&Sample>| cpu_json(host, sample);
    let mut value = json!({
        "read": sample.map_or_else(|| clock::NEVER.to_owned(), |one| clock::rfc3339(one.read)),
        "preread": before.map_or_else(|| clock::NEVER.to_owned(), |one| clock::rfc3339(one.read)),
        "pids_stats": {},
        "blkio_stats": blkio_json(sample, profile.cgroup),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": cpu(sample),
        "precpu_stats": cpu(before),
        "memory_stats": {},
        "name": format!("/{}", container.name),
        "id": container.id,
    });
    let Some(sample) = sample else { return value };
    value["pids_stats"] = json!({ "current": sample.pids });
    if profile.cgroup == 2 {
        value["pids_stats"]["limit"] = json!(18_446_744_073_709_551_615_u64);
    }
    let limit = if container.plan.memory > 0 {
        container.plan.memory
    } else {
        profile.memory
    };
    value["memory_stats"] = if profile.cgroup == 2 {
        memory_v2(sample, limit)
    } else {
        memory_v1(sample, limit)
    };
    if !matches!(container.plan.network_mode.as_str(), "host" | "none") {
        let (received, sent) = sample.network;
        value["networks"] = json!({ "eth0": {
            "rx_bytes": received, "rx_packets": received / 610, "rx_errors": 0, "rx_dropped": 0,
            "tx_bytes": sent, "tx_packets": sent / 730, "tx_errors": 0, "tx_dropped": 0,
        }});
    }
    value
}

fn cpu_json(host: &Host, sample: Option<&Sample>) -> Value {
    let throttling = json!({ "periods": 0, "throttled_periods": 0, "throttled_time": 0 });
    let Some(sample) = sample else {
        return json!({
            "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 },
            "throttling_data": throttling,
        });
    };
    let cpus = u64::from(host.profile.cpus);
    let kernel = sample.cpu / 4;
    let mut usage = json!({
        "total_usage": sample.cpu,
        "usage_in_kernelmode": kernel,
        "usage_in_usermode": sample.cpu - kernel,
    });
    if host.profile.cgroup == 1 {
        usage["percpu_usage"] = json!(vec![sample.cpu / cpus; host.profile.cpus as usize]);
    }
    json!({
        "cpu_usage": usage,
        // All cores' time since the host's boot, idle included, in steps of 10 ms.
        "system_cpu_usage": uptime(host, sample.read) / 10_000_000 * 10_000_000 * cpus,
        "online_cpus": cpus,
        "throttling_data": throttling,
    })
}

/// How long the host has been up at `now`, in ns.
pub fn uptime(host: &Host, now: Nanos) -> u64 {
    let booted = host.profile.epoch - 211 * 24 * 3600 * SECOND;
    now.saturating_sub(booted).unsigned_abs()
}

fn memory_v1(sample: &Sample, limit: i64) -> Value {
    let (memory, cache) = (sample.memory, sample.cache);
    let stats = [
        ("active_anon", memory),
        ("active_file", cache / 3),
        ("cache", cache),
        ("dirty", 0),
        ("inactive_anon", 0),
        ("inactive_file", cache - cache / 3),
        ("mapped_file", cache / 4),
        ("pgfault", memory / 2048),
        ("pgmajfault", 12),
        ("pgpgin", memory / 3000),
        ("pgpgout", memory / 9000),
        ("rss", memory),
        ("rss_huge", 0),
        ("unevictable", 0),
        ("writeback", 0),
    ];
    let mut all = serde_json::Map::new();
    for (name, value) in stats {
        all.insert(name.to_owned(), json!(value));
        all.insert(format!("total_{name}"), json!(value));
    }
    all.insert("hierarchical_memory_limit".into(), json!(limit));
    all.insert("hierarchical_memsw_limit".into(), json!(limit));
    json!({ "usage": memory + cache, "max_usage": (memory + cache) * 11 / 10, "stats": all, "limit": limit })
}

fn memory_v2(sample: &Sample, limit: i64) -> Value {
    let (memory, cache) = (sample.memory, sample.cache);
    json!({ "usage": memory + cache, "limit": limit, "stats": {
        "active_anon": memory / 50, "active_file": cache / 3, "anon": memory, "anon_thp": 0,
        "file": cache, "file_dirty": 0, "file_mapped": cache / 4, "file_writeback": 0,
        "inactive_anon": memory - memory / 50, "inactive_file": cache - cache / 3,
        "kernel_stack": 131_072, "pgactivate": 0, "pgdeactivate": 0, "pgfault": memory / 2048,
        "pglazyfree": 0, "pglazyfreed": 0, "pgmajfault": 12, "pgrefill": 0, "pgscan": 0,
        "pgsteal": 0, "shmem": 0, "slab": 614_400, "slab_reclaimable": 409_600,
        "slab_unreclaimable": 204_800, "sock": 4096, "thp_collapse_alloc": 0, "thp_fault_alloc": 0,
        "unevictable": 0, "workingset_activate": 0, "workingset_nodereclaim": 0,
        "workingset_refault": 0,
    }})
}

fn blkio_json(sample: Option<&Sample>, cgroup: u8) -> Value {
    const LISTS: [&str; 7] = [
        "io_serviced_recursive",
        "io_queue_recursive",
        "io_service_time_recursive",
        "io_wait_time_recursive",
        "io_merged_recursive",
        "io_time_recursive",
        "sectors_recursive",
    ];
    let other = if sample.is_some() && cgroup == 1 {
        json!([])
    } else {
        Value::Null
    };
    let mut value: serde_json::Map<String, Value> = LISTS
        .iter()
        .map(|name| ((*name).to_owned(), other.clone()))
        .collect();
    let bytes = sample.map(|sample| {
        // Version 1 writes the operation with a capital letter, version 2 without.
        let (read, write) = if cgroup == 1 {
            ("Read", "Write")
        } else {
            ("read", "write")
        };
        json!([
            { "major": 8, "minor": 0, "op": read, "value": sample.disk.0 },
            { "major": 8, "minor": 0, "op": write, "value": sample.disk.1 },
        ])
    });
    value.insert(
        "io_service_bytes_recursive".into(),
        bytes.unwrap_or(Value::Null),
    );
    Value::Object(value)
}

/// A stream of samples.
struct Watch {
    host: Arc<Host>,
    id: String,
    before: Option<Sample>,
}

impl Watch {
    /// The next sample's JSON; none when the container is gone. What has no process has zeros.
    fn take(&mut self) -> Option<Bytes> {
        let host = Arc::clone(&self.host);
        let text = host.read(|engine, now| {
            let container = engine.get(&self.id).ok()?;
            let fresh = container
                .state
                .alive()
                .then(|| sample(container, host.profile.memory, now));
            // The counters begin again with the process.
            let before = self
                .before
                .filter(|before| container.started.is_some_and(|at| at < before.read));
            let value = to_json(container, &host, fresh.as_ref(), before.as_ref());
            self.before = fresh;
            Some(format!("{value}\n"))
        })?;
        Some(Bytes::from(text))
    }

    /// The collector's next second, which is the same for all containers of the host.
    async fn tick(&self) {
        let now = clock::now();
        let phase = self.host.profile.epoch.rem_euclid(SECOND);
        let next = (now - phase).div_euclid(SECOND) * SECOND + SECOND + phase;
        tokio::time::sleep(clock::until(next, now).max(Duration::from_millis(1))).await;
    }
}

/// `GET /containers/{id}/stats`
pub async fn stats(call: &Call, id: &str) -> Answer {
    let stream = call.query.get("stream").is_none() || call.query.flag("stream");
    let one_shot = call.query.flag("one-shot");
    let found = call.host.read(|engine, _| {
        engine
            .get(id)
            .map(|one| (one.id.clone(), one.state.alive()))
    });
    let (id, alive) = found?;
    let mut watch = Watch {
        host: Arc::clone(&call.host),
        id,
        before: None,
    };
    if stream {
        let kind = (call.minor >= 42).then_some("application/json");
        let samples = stream::unfold(watch, |mut watch| async move {
            watch.tick().await;
            watch.take().map(|sample| (sample, watch))
        });
        return Ok(http::stream(kind, samples));
    }
    if !one_shot && alive {
        // Two collections, so that the answer carries a load.
        watch.tick().await;
        watch.take();
        watch.tick().await;
    }
    let body = watch.take().unwrap_or_default();
    Ok(http::bytes(hyper::StatusCode::OK, "application/json", body))
}
