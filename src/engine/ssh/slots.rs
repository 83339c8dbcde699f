//! How many logins are made at the same time.
//!
//! A login costs processor time here and, on the way, one of the few unauthenticated connections
//! that a jump host's sshd allows (`MaxStartups` begins to drop at 10). Waiting for a host that
//! does not answer costs nothing, so such a login gives its slot back: a dead host delays nobody.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use super::{
    heard::{Heard, Phase},
    settings::Settings,
};

/// An address that does not take a connection in this time is not keeping our processor busy.
const SILENT: Duration = Duration::from_millis(500);

/// A login that takes longer is waiting for the host.
const LONG: Duration = Duration::from_secs(3);

/// The slots of this process.
#[derive(Debug)]
pub struct Slots {
    logins: Arc<Semaphore>,
    per_jump: usize,
    jumps: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to log in.
#[derive(Debug)]
pub struct Slot {
    login: OwnedSemaphorePermit,
    jump: Option<OwnedSemaphorePermit>,
}

impl Slots {
    /// As many as the settings say.
    pub fn new(settings: &Settings) -> Self {
        Self {
            logins: Arc::new(Semaphore::new(settings.concurrent_logins.max(1))),
            per_jump: settings.per_jump.max(1),
            jumps: Mutex::default(),
        }
    }

    /// Waits for a slot; `proxy` is what `ssh_config` has for the way to the host.
    pub async fn acquire(&self, proxy: Option<&str>) -> Slot {
        // The jump's first: a login that waits for its jump host must not keep others waiting.
        let jump = match proxy {
            Some(proxy) => Some(permit(self.jump(proxy)).await),
            None => None,
        };
        Slot {
            login: permit(Arc::clone(&self.logins)).await,
            jump,
        }
    }

    fn jump(&self, proxy: &str) -> Arc<Semaphore> {
        let mut jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = jumps
            .entry(proxy.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_jump)));
        Arc::clone(slots)
    }
}

async fn permit(slots: Arc<Semaphore>) -> OwnedSemaphorePermit {
    #[expect(clippy::expect_used, reason = "no slots are ever closed")]
    slots.acquire_owned().await.expect("slots are never closed")
}

impl Slot {
    /// Holds the slot as long as the login needs it; to be dropped when the login is done.
    pub async fn hold(self, heard: &Heard) {
        let Self { login, jump } = self;
        let mut phase = heard.phase();
        let processor = async {
            let answers = phase.wait_for(|phase| *phase >= Phase::Connected);
            if matches!(timeout(SILENT, answers).await, Ok(Ok(_))) {
                sleep(LONG).await;
            }
            drop(login);
        };
        let mut phase = heard.phase();
        let startups = async {
            // The first hop that accepts us is the jump host.
            drop(timeout(LONG, phase.wait_for(|phase| *phase == Phase::Accepted)).await);
            drop(jump);
        };
        tokio::join!(processor, startups);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Slots {
        Slots::new(&Settings {
            concurrent_logins: 2,
            per_jump: 1,
            ..Settings::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_host_gives_its_slot_back() {
        let slots = slots();
        let heard = Heard::new();
        slots.acquire(None).await.hold(&heard).await;
        assert_eq!(slots.logins.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_working_login_keeps_its_slot() {
        let slots = slots();
        let heard = Heard::new();
        heard.hear("debug1: Connection established.");
        let slot = slots.acquire(None).await;
        let held = timeout(Duration::from_secs(2), slot.hold(&heard));
        let (held, free) = tokio::join!(held, async {
            sleep(Duration::from_secs(1)).await;
            slots.logins.available_permits()
        });
        assert!(held.is_err());
        assert_eq!(free, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_host_has_slots_of_its_own() {
        let slots = slots();
        let first = slots.acquire(Some("bastion")).await;
        let second = timeout(Duration::from_secs(9), slots.acquire(Some("bastion"))).await;
        assert!(second.is_err());
        let other = timeout(Duration::from_secs(9), slots.acquire(Some("other"))).await;
        assert!(other.is_ok());
        drop(first);
        assert!(
            timeout(Duration::from_secs(9), slots.acquire(Some("bastion")))
                .await
                .is_ok()
        );
    }
}
