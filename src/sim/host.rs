//! One simulated host: its engine behind a lock, its faults, and the task that makes planned things happen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::{self, Nanos};
use super::engine::{Engine, Profile};
use super::faults::Faults;
use super::stats::seconds;
use super::world;

/// A host. Its engine is made when somebody first asks for it.
#[derive(Debug)]
pub struct Host {
    /// What does not change.
    pub profile: Arc<Profile>,
    engine: Mutex<Option<Engine>>,
    changed: watch::Sender<u64>,
    /// What is wrong with it.
    pub faults: watch::Sender<Faults>,
    /// Cancelled at the end of the fleet.
    pub ended: CancellationToken,
    requests: AtomicU64,
    /// Up to when processor time was counted, and how much of it there is, in seconds.
    busy: Mutex<Option<(Nanos, f64)>>,
}

impl Host {
    /// A host that nobody has asked yet.
    pub fn new(profile: Profile, ended: CancellationToken) -> Self {
        Self {
            profile: Arc::new(profile),
            engine: Mutex::new(None),
            changed: watch::Sender::new(0),
            faults: watch::Sender::new(Faults::default()),
            ended,
            requests: AtomicU64::new(0),
            busy: Mutex::new(None),
        }
    }

    /// Looks at the engine, at this moment.
    pub fn read<R>(&self, look: impl FnOnce(&Engine, Nanos) -> R) -> R {
        self.with(|engine, now| look(engine, now))
    }

    /// Changes the engine, and wakes everybody who waits for a change.
    pub fn change<R>(&self, act: impl FnOnce(&mut Engine, Nanos) -> R) -> R {
        let result = self.with(act);
        self.changed.send_modify(|count| *count += 1);
        result
    }

    fn with<R>(&self, act: impl FnOnce(&mut Engine, Nanos) -> R) -> R {
        let mut guard = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let born = guard.is_none();
        let engine = guard.get_or_insert_with(|| world::populate(&self.profile));
        let result = act(engine, clock::now());
        drop(guard);
        if born {
            self.changed.send_modify(|count| *count += 1);
        }
        result
    }

    /// Tells of every change from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The number of the next request.
    pub fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// The processor time that was used up to now, in seconds, when so many cores are busy since
    /// it was last asked for.
    pub fn busy(&self, now: Nanos, cores: f64) -> f64 {
        let mut guard = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, used) = guard.get_or_insert((now, 0.0));
        *used += cores * seconds((now - *at).max(0));
        *at = now;
        *used
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn wake_at(&self) -> Option<Nanos> {
        let guard = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_ref().and_then(Engine::wake_at)
    }
}

/// Makes planned things happen when their time comes. Sleeps otherwise: a host that nobody has
/// asked yet costs nothing.
pub async fn pulse(host: Arc<Host>) {
    let mut changed = host.changes();
    loop {
        changed.mark_unchanged();
        let wait = host.wake_at().map(|at| clock::until(at, clock::now()));
        if wait.is_some_and(|wait| wait.is_zero()) {
            host.change(Engine::run_due);
            continue;
        }
        let sleep = tokio::time::sleep(wait.unwrap_or(Duration::from_hours(1)));
        tokio::select! {
            () = host.ended.cancelled() => return,
            change = changed.changed() => if change.is_err() { return },
            () = sleep => {}
        }
    }
}
