//! The single owner of all host actors: starts and ends them, and the feeds that are wanted of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use super::actor::{Actor, Common, Context, Status, Work};
use super::outbox::{Outbox, Rooms};
use super::task::Task;
use super::{Pace, Settings, Signal, feeds};
use crate::model::{Event, Feed, HostName, HostSpec};

/// What the handle asks of the registry.
pub(super) enum Command {
    /// These are the hosts now.
    Hosts(Vec<HostSpec>),
    /// These are the hosts now, and none is opened.
    Known(Vec<HostSpec>),
    /// This is wanted now.
    Want(BTreeSet<Feed>),
    /// Things are asked for so often now.
    Pace(Pace),
    /// Try that host now.
    Reconnect(HostName),
    /// Somebody wants what all hosts share.
    Common(oneshot::Sender<Arc<Common>>),
    /// Somebody wants to use that host.
    Door(HostName, oneshot::Sender<Option<Door>>),
}

/// What is needed to use a host.
#[derive(Clone)]
pub(super) struct Door {
    /// As configured.
    pub spec: HostSpec,
    /// Whether it can be used.
    pub status: watch::Receiver<Status>,
    /// What is being done to it as a whole.
    pub work: watch::Sender<Work>,
    /// What all hosts share.
    pub common: Arc<Common>,
}

/// Runs until the last handle is gone; all actors and feeds end with it.
pub(super) async fn run(
    settings: Settings,
    inbox: mpsc::Sender<Signal>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut registry = Registry {
        common: Arc::new(Common::new(&settings)),
        pace: watch::Sender::new(settings.pace),
        settings: Arc::new(settings),
        rooms: Rooms::of(&inbox),
        inbox,
        hosts: BTreeMap::new(),
        wanted: BTreeSet::new(),
    };
    while let Some(command) = commands.recv().await {
        match command {
            Command::Hosts(specs) => registry.set_hosts(specs, true).await,
            Command::Known(specs) => registry.set_hosts(specs, false).await,
            Command::Want(feeds) => registry.want(feeds),
            Command::Pace(pace) => {
                registry.pace.send_replace(pace);
            }
            Command::Reconnect(name) => {
                if let Some(host) = registry.hosts.get(&name) {
                    host.again.notify_one();
                }
            }
            Command::Common(reply) => {
                let _ = reply.send(registry.common.clone());
            }
            Command::Door(name, reply) => {
                let door = registry.hosts.get(&name).map(|host| host.door.clone());
                let _ = reply.send(door);
            }
        }
    }
}

struct Registry {
    settings: Arc<Settings>,
    common: Arc<Common>,
    pace: watch::Sender<Pace>,
    inbox: mpsc::Sender<Signal>,
    rooms: Rooms,
    hosts: BTreeMap<HostName, Host>,
    wanted: BTreeSet<Feed>,
}

/// All that runs for one host; dropping it ends it.
struct Host {
    door: Door,
    context: Context,
    wants: watch::Sender<Arc<BTreeSet<Feed>>>,
    again: Arc<Notify>,
    feeds: BTreeMap<Feed, Task>,
    _actor: Option<Task>,
    _batch: Task,
}

impl Registry {
    async fn set_hosts(&mut self, specs: Vec<HostSpec>, open: bool) {
        self.common.hosts.store(specs.len(), Ordering::Relaxed);
        // Before anything is told of a host, the host itself is.
        let _ = self
            .inbox
            .send(Signal::Event(Event::Hosts(specs.clone())))
            .await;
        let mut before = std::mem::take(&mut self.hosts);
        for spec in specs {
            let name = spec.name.clone();
            let host = match before.remove(&name) {
                Some(mut host) if host.door.spec.endpoint == spec.endpoint => {
                    host.door.spec = spec;
                    host
                }
                Some(_) | None => self.start(spec, open),
            };
            self.hosts.insert(name, host);
        }
        drop(before);
        self.want(self.wanted.clone());
    }

    fn start(&self, spec: HostSpec, open: bool) -> Host {
        let (status_sender, status) = watch::channel(Status::Connecting);
        let (wants, wanted) = watch::channel(Arc::default());
        let (samples, sampled) = mpsc::channel(256);
        let again = Arc::new(Notify::new());
        let work = watch::Sender::new(Work::Nothing);
        let context = Context {
            out: Outbox {
                host: spec.name.clone(),
                inbox: self.inbox.clone(),
                rooms: self.rooms.clone(),
            },
            settings: self.settings.clone(),
            pace: self.pace.subscribe(),
            wants: wanted,
            changes: broadcast::Sender::new(32),
            samples,
            common: self.common.clone(),
        };
        let actor = Actor {
            spec: spec.clone(),
            context: context.clone(),
            status: status_sender,
            work: work.clone(),
            again: again.clone(),
        };
        Host {
            door: Door {
                spec,
                status,
                work,
                common: self.common.clone(),
            },
            _actor: open.then(|| Task::spawn(actor.run())),
            _batch: Task::spawn(feeds::batch(sampled, context.out.clone())),
            context,
            wants,
            again,
            feeds: BTreeMap::new(),
        }
    }

    /// Starts what is newly wanted and drops what no longer is.
    fn want(&mut self, wanted: BTreeSet<Feed>) {
        let mut by_host: BTreeMap<HostName, BTreeSet<Feed>> = BTreeMap::new();
        for feed in &wanted {
            by_host
                .entry(feed.host().clone())
                .or_default()
                .insert(feed.clone());
        }
        for (name, host) in &mut self.hosts {
            host.want(by_host.remove(name).unwrap_or_default());
        }
        self.wanted = wanted;
    }
}

impl Host {
    fn want(&mut self, wanted: BTreeSet<Feed>) {
        self.feeds.retain(|feed, _| wanted.contains(feed));
        for feed in &wanted {
            // Facts are gathered by the watch over the engine.
            if !matches!(feed, Feed::Facts(..)) && !self.feeds.contains_key(feed) {
                let task = Task::spawn(feeds::run(
                    feed.clone(),
                    self.context.clone(),
                    self.door.status.clone(),
                ));
                self.feeds.insert(feed.clone(), task);
            }
        }
        self.wants.send_if_modified(|before| {
            let changed = **before != wanted;
            if changed {
                *before = Arc::new(wanted);
            }
            changed
        });
    }
}
