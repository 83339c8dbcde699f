//! Tells who keeps lists of an app's targets how they are: before one goes, after one came, and nobody twice.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::try_join_all;

use super::{
    converge::patiently,
    place::{Place, Trouble},
};
use crate::{
    model::{
        ContainerId, HostName, Said,
        release::{Found, Rollout},
    },
    ops::discovery::{Sight, listing, services},
};

/// Who tells of one deploy.
pub struct Teller<'t, P> {
    place: &'t P,
    rollout: &'t Rollout,
    /// Nobody keeps a list of it.
    is_quiet: bool,
    state: Mutex<State>,
    /// One tells at a time; whoever waited may have been told for.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Targets that are about to go, or went.
    leaving: BTreeSet<ContainerId>,
    /// Those that were left out when it was told last.
    told: BTreeSet<ContainerId>,
    /// Why it could not be told.
    failed: Option<String>,
}

impl<'t, P: Place> Teller<'t, P> {
    /// For one deploy.
    pub fn new(place: &'t P, rollout: &'t Rollout) -> Self {
        Self {
            is_quiet: rollout.release.stack.is_some() || !place.is_listed(rollout.scope()),
            place,
            rollout,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it could not be told.
    pub fn untold(&self) -> Option<String> {
        self.state().failed.clone()
    }

    /// A target stays, whatever was to become of it before.
    pub fn stays(&self, id: &ContainerId) {
        let mut state = self.state();
        state.leaving.remove(id);
        state.told.remove(id);
    }

    /// A target is about to go: it leaves all lists, and those that came stand in them.
    pub async fn leaves(&self, one: &Found, say: &(dyn Fn(Said) + Sync)) -> Result<(), Trouble> {
        if self.is_quiet {
            return Ok(());
        }
        self.state().leaving.insert(one.id.clone());
        let _turn = self.turn.lock().await;
        if self.state().told.contains(&one.id) {
            return Ok(());
        }
        self.tell_now(true, say).await
    }

    /// All lists are as the hosts are.
    pub async fn tell(&self, say: &(dyn Fn(Said) + Sync)) -> Result<(), Trouble> {
        if self.is_quiet {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        self.tell_now(false, say).await
    }

    async fn tell_now(&self, leaving: bool, say: &(dyn Fn(Said) + Sync)) -> Result<(), Trouble> {
        let out = self.state().leaving.clone();
        let done = self.publish(&out, leaving, say).await;
        let mut state = self.state();
        match done {
            Ok(()) => {
                state.told = out;
                state.failed = None;
                Ok(())
            }
            Err(trouble) => {
                state.failed = Some(trouble.why.clone());
                Err(Trouble {
                    passes: false,
                    ..trouble
                })
            }
        }
    }

    async fn publish(
        &self,
        out: &BTreeSet<ContainerId>,
        leaving: bool,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<(), Trouble> {
        let (scope, release) = (self.rollout.scope(), &self.rollout.release);
        let previous = self.rollout.previous.iter().flat_map(|one| one.hosts());
        let hosts: BTreeSet<&HostName> = release.hosts().into_iter().chain(previous).collect();
        let looks = hosts.into_iter().map(|host| async move {
            let found = patiently(|| self.place.observe(host, scope)).await?;
            let address = patiently(|| self.place.address(host)).await?;
            Ok::<_, Trouble>(Sight {
                host: host.clone(),
                address,
                found,
            })
        });
        let sights = try_join_all(looks).await?;
        let listing = listing(scope, &services(release), &sights, out);
        let told = patiently(|| self.place.publish(&listing, leaving)).await?;
        for line in told {
            say(Said::Line(line));
        }
        Ok(())
    }
}
