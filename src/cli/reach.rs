//! A fleet for one command: the hosts it needs are reached, listed and given up after a while.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::exit::Failure;
use crate::{
    config::Config,
    console::{self, engine_settings},
    engine::{Engines, Room, Signal},
    model::{Event, Feed, Fleet, Host, HostName, HostSpec, Link, Payload, Timestamp},
    ops::{Refusal, RefusalKind},
};

/// How many signals may wait; a host sends a handful while it is listed.
const INBOX: usize = 1024;

/// A fleet as far as it answered in time.
pub(super) struct Reached {
    /// All configured hosts; only the needed ones were asked.
    pub fleet: Fleet,
    /// The ways to them.
    pub engines: Engines,
    /// Hosts that were needed and did not answer, each with the reason.
    pub missing: BTreeMap<HostName, String>,
    inbox: mpsc::Receiver<Signal>,
    patience: Duration,
    deadline: Instant,
}

/// What was told.
pub(super) enum Heard {
    /// What a wanted feed brings, and the room it takes.
    Feed(Feed, Payload, Room),
    /// Containers came, went or are in another state.
    Fleet,
    /// Nothing that anybody waits for.
    Nothing,
}

impl Reached {
    /// Reaches the hosts that are needed, until each is ready or given up.
    pub async fn hosts(
        config: &Config,
        patience: Duration,
        needed: impl Fn(&HostSpec) -> bool,
        is_ready: impl Fn(&Host) -> bool,
    ) -> Result<Self, Failure> {
        if config.hosts.is_empty() {
            return Err(no_hosts().into());
        }
        let specs: Vec<HostSpec> = config
            .hosts
            .iter()
            .filter(|spec| needed(spec))
            .cloned()
            .collect();
        let names: Vec<HostName> = specs.iter().map(|spec| spec.name.clone()).collect();
        let (to_us, inbox) = mpsc::channel(INBOX);
        let engines = Engines::start(engine_settings(config), to_us);
        engines.set_hosts(specs);
        let mut reached = Self {
            fleet: empty_fleet(config),
            engines,
            missing: BTreeMap::new(),
            inbox,
            patience,
            deadline: Instant::now() + patience,
        };
        reached.wait_for(&names, is_ready).await;
        Ok(reached)
    }

    /// All hosts by name, and the means to reach them; none is opened.
    pub fn nothing_yet(config: &Config, patience: Duration) -> Result<Self, Failure> {
        if config.hosts.is_empty() {
            return Err(no_hosts().into());
        }
        Ok(Self::beside(config, patience))
    }

    /// The same for what needs no host.
    pub fn beside(config: &Config, patience: Duration) -> Self {
        let (to_us, inbox) = mpsc::channel(INBOX);
        let engines = Engines::start(engine_settings(config), to_us);
        engines.know_hosts(config.hosts.clone());
        Self {
            fleet: empty_fleet(config),
            engines,
            missing: BTreeMap::new(),
            inbox,
            patience,
            deadline: Instant::now() + patience,
        }
    }

    /// The hosts that answer.
    pub fn online(&self) -> Vec<HostName> {
        let hosts = self.fleet.hosts().iter();
        hosts
            .filter(|host| host.link.is_online())
            .map(|host| host.name().clone())
            .collect()
    }

    /// Waits until the fleet says so or the time is up; hosts for which it does not are not missing.
    pub async fn until(&mut self, feeds: BTreeSet<Feed>, is_ready: impl Fn(&Fleet) -> bool) {
        self.deadline = Instant::now() + self.patience;
        self.engines.want(feeds);
        while !is_ready(&self.fleet) && self.fold_next().await.is_some() {}
        self.engines.want(BTreeSet::new());
    }

    /// Asks the hosts that answer for something; those where it fails or takes too long are missing.
    pub async fn ask(
        &mut self,
        feed: impl Fn(HostName) -> Feed,
        has_answered: impl Fn(&Host) -> bool,
    ) {
        self.deadline = Instant::now() + self.patience;
        let names = self.online();
        self.engines.want(names.iter().cloned().map(feed).collect());
        self.wait_for(&names, has_answered).await;
        self.engines.want(BTreeSet::new());
    }

    /// Takes in what is told until each host is ready or given up.
    async fn wait_for(&mut self, names: &[HostName], is_ready: impl Fn(&Host) -> bool) {
        let waits = |reached: &Self, name: &HostName| {
            !reached.missing.contains_key(name)
                && reached.fleet.host(name).is_some_and(|host| !is_ready(host))
        };
        loop {
            for name in names {
                if waits(self, name)
                    && let Some(why) = self.given_up(name)
                {
                    self.missing.insert(name.clone(), why);
                }
            }
            let waiting: Vec<&HostName> = names.iter().filter(|name| waits(self, name)).collect();
            if waiting.is_empty() {
                return;
            }
            if self.fold_next().await.is_none() {
                let late = waiting.into_iter().cloned().collect::<Vec<_>>();
                for name in late {
                    self.missing.insert(
                        name,
                        "it did not answer in time; give it more with --timeout".to_owned(),
                    );
                }
                return;
            }
        }
    }

    /// Why a host will not answer.
    fn given_up(&self, name: &HostName) -> Option<String> {
        match &self.fleet.host(name)?.link {
            Link::Offline { trouble, .. } | Link::InstallFailed { trouble } => {
                Some(trouble.to_string())
            }
            Link::Unknown
            | Link::Connecting { .. }
            | Link::Online { .. }
            | Link::Installing { .. } => None,
        }
    }

    /// Takes in the next signal; none when the time is up.
    async fn fold_next(&mut self) -> Option<()> {
        match timeout_at(self.deadline, self.inbox.recv()).await {
            Ok(Some(Signal::Event(Event::Hosts(_)))) => {}
            Ok(Some(Signal::Event(event))) => self.fleet.apply(event),
            Ok(Some(Signal::Feed(feed, Payload::Failed(why), _))) => {
                self.missing.insert(feed.host().clone(), why);
            }
            Ok(Some(Signal::Feed(..))) => {}
            Ok(None) | Err(_) => return None,
        }
        self.fleet.apply(Event::Tick(Timestamp::now()));
        Some(())
    }

    /// Wants these from now on; see [`Reached::hear`].
    pub fn want(&self, feeds: BTreeSet<Feed>) {
        self.engines.want(feeds);
    }

    /// Waits for what is told next, and takes into the fleet what is about it. None when nothing more can come.
    pub async fn hear(&mut self) -> Option<Heard> {
        Some(match self.inbox.recv().await? {
            Signal::Feed(feed, payload, room) => Heard::Feed(feed, payload, room),
            Signal::Event(event) => {
                let is_news = matches!(
                    event,
                    Event::Containers(..)
                        | Event::Container(..)
                        | Event::ContainerState(..)
                        | Event::ContainerGone(..)
                );
                if !matches!(event, Event::Hosts(_)) {
                    self.fleet.apply(event);
                }
                if is_news {
                    Heard::Fleet
                } else {
                    Heard::Nothing
                }
            }
        })
    }

    /// Takes in what is told from now on, so that nobody waits for room, until dropped.
    pub fn drain(self) -> (Fleet, Engines, tokio::task::JoinHandle<()>) {
        let mut inbox = self.inbox;
        let drained = tokio::spawn(async move { while inbox.recv().await.is_some() {} });
        (self.fleet, self.engines, drained)
    }
}

/// All configured hosts, of which nothing is known yet.
pub(super) fn empty_fleet(config: &Config) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.environments.clone_from(&config.environments);
    fleet.site_ranges.clone_from(&config.site_ranges);
    fleet.balancers = config.balancers.clone().into();
    fleet.jenkins = config.jenkins.clone().into();
    fleet.discoveries = config.discoveries.clone().into();
    fleet.read_only = config.read_only;
    fleet.access.clone_from(&config.access);
    fleet.settings = console::settings(config);
    fleet.apply(Event::Tick(Timestamp::now()));
    fleet.apply(Event::Hosts(config.hosts.clone()));
    fleet
}

/// What is said when there is nobody to ask.
pub(super) fn no_hosts() -> Refusal {
    Refusal::new(
        RefusalKind::Unknown,
        "no host is configured and no engine is on this machine",
        "name one with -H, or see `wharf config example`; `wharf demo` shows the console without any",
    )
}
