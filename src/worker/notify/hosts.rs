//! Hosts that are lost and come back: one worker keeps a quiet eye on those that somebody wants to hear of.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{Worker, look_lease};
use crate::{
    engine::{Engines, Pace, Settings, Signal},
    model::{
        Event, HostName, HostSpec, Link, Timestamp,
        notify::{Places, host_notice, host_notices},
    },
};

/// How often it is judged whether a host is lost.
const LOOK: Duration = Duration::from_secs(1);
/// How often the right to look is renewed.
const LEASE: Duration = Duration::from_secs(10);
/// What is not needed to know whether a host answers is hardly ever asked.
const SELDOM: Duration = Duration::from_hours(24);
/// Hosts that turn one after the other are told together, but nobody waits longer for that.
const GATHER: Duration = Duration::from_secs(10);
/// How many signals may wait.
const INBOX: usize = 256;

/// Looks until the worker ends; at nothing where no channel takes news of hosts.
pub(super) async fn watch(worker: &Worker<'_>) {
    let (specs, patience) = wanted(worker);
    if specs.is_empty() {
        return;
    }
    while !worker.cancel.is_cancelled() {
        if look_lease(worker).await {
            let mut eye = Eye::open(worker, &specs, patience);
            eye.look(worker).await;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(LEASE) => {}
            () = worker.cancel.cancelled() => {}
        }
    }
}

/// The hosts of which some channel takes news, and the shortest time after which one is lost.
fn wanted(worker: &Worker<'_>) -> (Vec<HostSpec>, Duration) {
    let setup = worker.setup;
    let places = Places(&setup.hosts);
    let mut patience = None;
    let mut specs = Vec::new();
    for spec in &setup.hosts {
        let lost = host_notice(&spec.name, Some(""), Timestamp::UNIX_EPOCH, places);
        let back = host_notice(&spec.name, None, Timestamp::UNIX_EPOCH, places);
        let channels = setup.channels.iter();
        let takes = channels.filter(|one| one.takes(&lost, places) || one.takes(&back, places));
        let shortest = takes.map(|one| one.lost_after).min();
        if let Some(shortest) = shortest {
            patience = Some(patience.map_or(shortest, |known: Duration| known.min(shortest)));
            specs.push(spec.clone());
        }
    }
    (specs, patience.unwrap_or_default())
}

/// The hosts in sight.
struct Eye<'s> {
    /// Dropped, all ways end.
    _engines: Engines,
    inbox: mpsc::Receiver<Signal>,
    /// Since when a host cannot be reached, and why; none when it answers.
    links: BTreeMap<HostName, Option<(Instant, String)>>,
    /// The hosts that were told to be lost; none when that has to be read.
    lost: Option<BTreeSet<HostName>>,
    places: Places<'s>,
    patience: Duration,
    /// Since when some have turned that were not told yet, and how many at the last look.
    gathered: Option<(Instant, usize)>,
}

impl<'s> Eye<'s> {
    fn open(worker: &Worker<'s>, specs: &[HostSpec], patience: Duration) -> Self {
        let (sender, inbox) = mpsc::channel(INBOX);
        let settings = Settings {
            pace: Pace {
                resync: SELDOM,
                resources: SELDOM,
                load: SELDOM,
            },
            sampling: SELDOM,
            ..worker.setup.engine.clone()
        };
        let engines = Engines::start(settings, sender);
        engines.set_hosts(specs.to_vec());
        Self {
            _engines: engines,
            inbox,
            links: BTreeMap::new(),
            lost: None,
            places: Places(&worker.setup.hosts),
            patience,
            gathered: None,
        }
    }

    /// Looks until somebody else does, or the worker ends.
    async fn look(&mut self, worker: &Worker<'_>) {
        let mut turn = interval(LOOK);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leased = Instant::now();
        while !worker.cancel.is_cancelled() {
            tokio::select! {
                signal = self.inbox.recv() => match signal {
                    Some(Signal::Event(Event::Link(host, link))) => self.take(host, &link),
                    Some(Signal::Event(_) | Signal::Feed(..)) => {}
                    None => return,
                },
                _ = turn.tick() => {
                    if leased.elapsed() >= LEASE {
                        if !look_lease(worker).await {
                            return;
                        }
                        leased = Instant::now();
                    }
                    self.judge(worker).await;
                }
                () = worker.cancel.cancelled() => return,
            }
        }
    }

    fn take(&mut self, host: HostName, link: &Link) {
        match link {
            Link::Online { .. } => {
                self.links.insert(host, None);
            }
            Link::Offline { trouble, .. } => {
                let why = trouble.to_string();
                let known = self.links.get(&host).and_then(Option::as_ref);
                let since = known.map_or_else(Instant::now, |(since, _)| *since);
                self.links.insert(host, Some((since, why)));
            }
            // Nothing can be said of it.
            Link::Unknown
            | Link::Connecting { .. }
            | Link::Installing { .. }
            | Link::InstallFailed { .. } => {}
        }
    }

    /// Tells which hosts are lost or back now.
    async fn judge(&mut self, worker: &Worker<'_>) {
        let store = worker.store;
        if self.lost.is_none() {
            match store.lost_hosts().await {
                Ok(lost) => self.lost = Some(lost.into_iter().collect()),
                Err(error) => return tracing::warn!(%error, "nobody knows which hosts are lost"),
            }
        }
        let Some(lost) = &mut self.lost else { return };
        let turned = self.links.iter().filter(|(host, state)| match state {
            Some((since, _)) => since.elapsed() >= self.patience && !lost.contains(*host),
            None => lost.contains(*host),
        });
        let turned: Vec<_> = turned.collect();
        if turned.is_empty() {
            self.gathered = None;
            return;
        }
        // Whoever loses a hundred at once is told so once.
        let (since, before) = *self.gathered.get_or_insert((Instant::now(), 0));
        let is_next = |state: &Option<(Instant, String)>| {
            let away = state.as_ref().map(|(since, _)| since.elapsed());
            away.is_some_and(|away| {
                away < self.patience && self.patience.saturating_sub(away) < GATHER
            })
        };
        let grows = turned.len() > before || self.links.values().any(is_next);
        self.gathered = Some((since, turned.len()));
        if grows && since.elapsed() < GATHER {
            return;
        }
        self.gathered = None;
        // A host in maintenance is taken down on purpose.
        let resting = match store.maintenances().await {
            Ok(all) => all,
            Err(error) => {
                return tracing::warn!(%error, "nobody knows which hosts are in maintenance");
            }
        };
        let is_resting = |host: &HostName| resting.iter().any(|one| one.host == *host);
        let turned = turned.into_iter();
        let turned = turned.filter(|(host, state)| state.is_none() || !is_resting(host));
        let told: Vec<(HostName, Option<String>)> = turned
            .map(|(host, state)| (host.clone(), state.as_ref().map(|(_, why)| why.clone())))
            .collect();
        if told.is_empty() {
            return;
        }
        let states: Vec<(HostName, bool)> = told
            .iter()
            .map(|(host, why)| (host.clone(), why.is_some()))
            .collect();
        let notices = host_notices(&told, Timestamp::now(), self.places);
        if let Err(error) = store.hosts_turned(&states, &notices).await {
            return tracing::warn!(%error, "that hosts are lost or back cannot be kept");
        }
        for (host, is_lost) in states {
            if is_lost {
                lost.insert(host);
            } else {
                lost.remove(&host);
            }
        }
    }
}
