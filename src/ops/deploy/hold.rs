//! The right to work on a deploy: taken, renewed again and again, and lost.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::rollout::Begin;
use crate::{
    model::release::{Direction, Held, Lease, Phase, Rollout, Wish},
    store::{Begun, Store},
};

/// So often the store is told that a deploy goes on, and asked what is wished of it.
const BEAT: Duration = Duration::from_secs(4);

/// After so long without the store somebody else may have taken over, so nothing more is done.
const LOST: Duration = Duration::from_secs(25);

/// Gets the right to work on a deploy.
pub(super) async fn lease(
    begin: &Begin,
    store: &Store,
    by: &str,
) -> Result<(Rollout, Lease, Phase), String> {
    match begin {
        Begin::New(rollout) => {
            let begun = store.begin_deploy(rollout).await;
            match begun.map_err(|error| error.to_string())? {
                Begun::Lease(lease) => Ok(((**rollout).clone(), lease, Phase::Rolling)),
                Begun::Held(held) => Err(busy(&held)),
                Begun::Full(others) => Err(full(&others)),
                Begun::Overtaken => Err(format!(
                    "another release of {} was made meanwhile; plan it anew",
                    rollout.scope()
                )),
            }
        }
        Begin::Again { rollout, direction } => {
            let scope = rollout.scope();
            let taken = store.take_deploy(scope, by).await;
            match taken.map_err(|error| error.to_string())? {
                None => Err(format!("no deploy of {scope} is open")),
                Some((Begun::Lease(lease), rollout, phase)) => {
                    let phase = match (direction, phase) {
                        (Direction::Back, _) | (_, Phase::RollingBack) => Phase::RollingBack,
                        (Direction::Forth | Direction::Promote, _) => Phase::Rolling,
                    };
                    Ok((rollout, lease, phase))
                }
                Some((Begun::Held(held), ..)) => Err(busy(&held)),
                Some((Begun::Overtaken | Begun::Full(_), ..)) => Err("it was overtaken".to_owned()),
            }
        }
    }
}

/// Why another deploy keeps this one from beginning, and what to do.
pub(super) fn busy(held: &Held) -> String {
    let Held {
        scope, number, by, ..
    } = held;
    let env = match &*scope.environment {
        "" => String::new(),
        environment => format!(" --env {environment}"),
    };
    let app = &scope.app;
    if held.is_live() {
        format!(
            "{by} deploys {number} of {scope} since {}; wait, or `app pause {app}{env}`",
            held.since.strftime("%H:%M:%S UTC")
        )
    } else {
        format!(
            "the deploy of {number} of {scope} by {by} stands still ({}); `app continue {app}{env}` or \
             `app abort {app}{env}`",
            if held.detail.is_empty() {
                "it was left"
            } else {
                &held.detail
            }
        )
    }
}

/// Why the other deploys of its environment keep one from beginning.
fn full(others: &[Held]) -> String {
    let told: Vec<String> = others.iter().map(Held::told).collect();
    let environment = others.first().map_or("", |held| &held.scope.environment);
    format!(
        "{environment} takes no more deploys at once ([[environment]] deploys): {}; wait until one is over",
        told.join(", ")
    )
}

/// How a deploy is, shared between what works and what tells the store.
#[derive(Debug)]
pub(super) struct Life {
    phase: Mutex<(Phase, String)>,
    wish: Mutex<Wish>,
    lost: AtomicBool,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            phase: Mutex::new((Phase::Rolling, String::new())),
            wish: Mutex::new(Wish::Go),
            lost: AtomicBool::new(false),
        }
    }
}

impl Life {
    pub fn set_phase(&self, phase: Phase) {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner).0 = phase;
    }

    pub fn set_detail(&self, detail: String) {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner).1 = detail;
    }

    fn now(&self) -> (Phase, String) {
        self.phase
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn wish(&self) -> Wish {
        *self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Tells the store again and again how far a deploy is, and hears what is wished of it. When the lease is lost, or the
/// store was silent for too long, work is stopped.
pub(super) async fn beat(store: &Store, lease: &Lease, life: &Life, stop: &CancellationToken) {
    let mut heard = Instant::now();
    loop {
        let (phase, detail) = life.now();
        match store.renew_deploy(lease, phase, &detail).await {
            Ok(Some(wish)) => {
                heard = Instant::now();
                *life.wish.lock().unwrap_or_else(PoisonError::into_inner) = wish;
            }
            Ok(None) => {
                life.lost.store(true, Ordering::Relaxed);
                stop.cancel();
            }
            Err(error) => {
                tracing::warn!(%error, "a deploy could not be renewed");
                if heard.elapsed() > LOST {
                    stop.cancel();
                }
            }
        }
        sleep(BEAT).await;
    }
}
