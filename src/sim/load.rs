//! What a host itself uses, in the words of its `/proc` and `df`: its containers, and a system around them.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "invented measurements: a part in 10^15 does not matter, and none is negative"
)]

use hyper::{Response, StatusCode};

use super::clock::{Nanos, SECOND};
use super::container::State;
use super::engine::Engine;
use super::host::Host;
use super::http::{self, Body};
use super::route::Call;
use super::stats::{bytes, sample as sample_of, seconds};

/// How long hosts run already when their fleet begins: longer than any container of theirs.
const UP: Nanos = 400 * 24 * 3600 * SECOND;

/// Over how much of the past it is counted how busy the processors are.
const SPAN: Nanos = 5 * SECOND;

/// Of processors and memory, the share of the system itself.
const SYSTEM: f64 = 0.04;

/// Of processors, the share that containers get on average at the most.
const MOST: f64 = 0.72;

/// `GET /sim/load`: Docker tells nothing of its host, so the sim has a page of its own for it.
pub fn load(call: &Call) -> Response<Body> {
    let text = call.host.read(|engine, now| told(&call.host, engine, now));
    http::bytes(StatusCode::OK, "text/plain; charset=utf-8", text)
}

fn told(host: &Host, engine: &Engine, now: Nanos) -> String {
    let profile = &host.profile;
    let (mut cpu, mut memory, mut wanted) = (0.0, 0.0, 0.0);
    let running = engine
        .containers
        .values()
        .filter(|one| one.state == State::Running);
    for container in running {
        let sample = sample_of(container, profile.memory, now);
        let before = sample_of(container, profile.memory, now - SPAN);
        cpu += (sample.cpu_seconds() - before.cpu_seconds()).max(0.0) / seconds(SPAN);
        wanted += container.plan.load;
        memory += sample.memory_bytes();
    }
    // Containers that want more than there is get their share.
    cpu *= (f64::from(profile.cpus) * MOST / f64::max(wanted, 0.01)).min(1.0);
    let all = f64::from(profile.cpus) * seconds(UP + now - profile.epoch);
    let cores = f64::from(profile.cpus) * SYSTEM + cpu;
    let busy = host.busy(now, cores).min(all);
    let ticks = |seconds: f64| (seconds * 100.0) as u64;
    let total = bytes(profile.memory);
    let left = (total * (1.0 - SYSTEM) - memory).max(total * 0.02);
    let seed = profile.seed.of("disk");
    let size = [80.0, 160.0, 250.0, 500.0][seed.of("size").below(4) as usize] * 1e9;
    let images: i64 = engine.images.iter().map(|image| image.size).sum();
    let used = (size * (0.12 + 0.66 * seed.of("used").unit()) + bytes(images)).min(size * 0.97);
    let kibi = |bytes: f64| (bytes / 1024.0) as u64;
    format!(
        "cpu {} 0 0 {} 0 0 0 0 0 0\nMemTotal: {} kB\nMemAvailable: {} kB\n\
         /dev/vda1 {} {} {} {:.0}% /var/lib/docker\n",
        ticks(busy),
        ticks(all - busy),
        kibi(total),
        kibi(left),
        kibi(size),
        kibi(used),
        kibi(size - used),
        used / size * 100.0,
    )
}
