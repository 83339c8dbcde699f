//! Faults of a host's way and engine, on demand.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::http::Refusal;
use super::seed::Seed;

/// What is wrong with a host. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Added before each answer.
    pub latency: Duration,
    /// Up to so much more, evenly spread.
    pub jitter: Duration,
    /// Drop every connection, the open ones too: as a daemon that is gone behind a socket.
    pub refuse: bool,
    /// Accept connections and never answer; open streams stand still, as after `kill -STOP`.
    pub freeze: bool,
    /// The part of requests that is answered with 500, `0.0..=1.0`.
    pub error_rate: f64,
}

impl Faults {
    /// How long the `number`th request has to wait.
    pub fn delay(&self, seed: Seed, number: u64) -> Duration {
        self.latency + self.jitter.mul_f64(seed.of("jitter").at(number).unit())
    }

    /// Whether the `number`th request fails, and with what.
    pub fn failure(&self, seed: Seed, number: u64) -> Option<Refusal> {
        let fails = seed.of("error").at(number).unit() < self.error_rate;
        fails.then(|| Refusal::internal("sim: this request fails on demand (error_rate)"))
    }
}

/// Runs what serves a connection while the host has no fault that forbids it: a frozen host stops
/// it where it stands, a refusing one or the end of the fleet drops it.
pub async fn under<F: Future>(
    mut faults: watch::Receiver<Faults>,
    ended: CancellationToken,
    work: F,
) -> Option<F::Output> {
    tokio::pin!(work);
    loop {
        let (refuse, freeze) = {
            let now = faults.borrow_and_update();
            (now.refuse, now.freeze)
        };
        if refuse {
            return None;
        }
        tokio::select! {
            biased;
            () = ended.cancelled() => return None,
            change = faults.changed() => change.ok()?,
            output = &mut work, if !freeze => return Some(output),
        }
    }
}
