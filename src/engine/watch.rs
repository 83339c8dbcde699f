//! Watches one engine that answered: its list, its events, and an inspection of what changed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::select;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::actor::Context;
use super::backoff::chance;
use super::error::Fault;
use super::events::{Change, Events};
use super::feeds::Sample;
use super::inspect::{self, Inspected};
use super::list::{self, Listing};
use super::session::Session;
use super::trouble::{late, lost, trouble};
use super::{info, logs, stats};
use crate::model::{
    Container, ContainerId, EngineInfo, Event, Feed, Skew, State, Timestamp, Trouble, TroubleKind,
    Usage,
};

/// Between a change and the inspection that tells what it was: events come in bursts.
const SETTLE: Duration = Duration::from_millis(20);

/// Between two inspections of the same container, so that one that flaps costs little.
const AGAIN: Duration = Duration::from_millis(500);

/// Inspections of one host at the same time.
const INSPECTIONS: usize = 4;

/// Of the containers that a list shows broken, so many are looked at closely.
const BROKEN: usize = 64;

/// How often an engine is listed while its events do not reach us: a proxy may forbid them.
const POLL: Duration = Duration::from_secs(5);

/// How often an engine is asked for its time: clocks drift by parts of a second a day, but may be set at any time.
const CLOCK: Duration = Duration::from_mins(5);

/// How many pings may fail before the engine counts as gone.
const PINGS: u8 = 2;

/// In a fleet larger than this, hosts nobody looks at are not sampled.
const LARGE_FLEET: usize = 20;

/// Watches until the engine is lost, and says why it was. `again` asks to look at everything now.
pub(super) async fn watch(session: &Session, context: &Context, again: &Notify) -> Trouble {
    let mut watch = Watch::new(session.clone(), context.clone());
    watch.begin();
    loop {
        match watch.turn(again).await {
            Ok(()) => {}
            Err(trouble) => return trouble,
        }
    }
}

struct Watch {
    session: Session,
    context: Context,
    jobs: JoinSet<Done>,
    events: Option<Events>,
    ticks: Ticks,
    /// The hash of the last list.
    hash: Option<u64>,
    listing: bool,
    /// What was removed since the list under way was asked for.
    gone: Vec<ContainerId>,
    /// What is to be inspected, and when.
    pending: HashMap<ContainerId, Instant>,
    inspecting: HashSet<ContainerId>,
    /// When what was inspected lately.
    lately: HashMap<ContainerId, Instant>,
    /// What was inspected in this session; events keep it true.
    known: HashSet<ContainerId>,
    /// What can be sampled.
    live: BTreeSet<ContainerId>,
    sampled: Option<ContainerId>,
    sampling: bool,
    missed: u8,
}

struct Ticks {
    resync: Interval,
    ping: Interval,
    sample: Interval,
    clock: Interval,
}

/// What a request on the side brought.
enum Done {
    Events(Result<Events, Fault>),
    List(Result<Listing, Fault>),
    Inspected(ContainerId, Result<Inspected, Fault>),
    LastLine(ContainerId, Option<Box<str>>),
    Info(Result<(EngineInfo, Option<Skew>), Fault>),
    Pong(Result<f32, Fault>),
    Sampled(ContainerId, Option<Usage>),
    Closed(Trouble),
}

impl Watch {
    fn new(session: Session, context: Context) -> Self {
        let settings = &context.settings;
        let ticks = Ticks {
            // Until events flow.
            resync: spread(POLL),
            ping: spread(settings.heartbeat),
            sample: spread(settings.sampling),
            clock: spread(CLOCK),
        };
        Self {
            session,
            context,
            jobs: JoinSet::new(),
            events: None,
            ticks,
            hash: None,
            listing: false,
            gone: Vec::new(),
            pending: HashMap::new(),
            inspecting: HashSet::new(),
            lately: HashMap::new(),
            known: HashSet::new(),
            live: BTreeSet::new(),
            sampled: None,
            sampling: false,
            missed: 0,
        }
    }

    /// Lists first, since that is what people wait for; events from the same second on come
    /// meanwhile over another connection, so that nothing falls between.
    fn begin(&mut self) {
        self.list();
        let session = self.session.clone();
        self.jobs
            .spawn(async move { Done::Events(Events::open(&session, session.clock).await) });
        if let Some(tunnel) = self.session.tunnel.clone() {
            self.jobs
                .spawn(async move { Done::Closed(tunnel.closed().await) });
        }
    }

    async fn turn(&mut self, again: &Notify) -> Result<(), Trouble> {
        let due = self.next_due();
        select! {
            change = next(&mut self.events) => match change {
                Ok(Some(change)) => self.changed(change).await,
                Ok(None) => return Err(lost("the engine ended its stream of events")),
                Err(why) => return Err(lost(&why)),
            },
            Some(done) = self.jobs.join_next() => self.done(done).await?,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.inspect_due(),
            _ = self.ticks.resync.tick() => self.list(),
            _ = self.ticks.ping.tick() => self.ping(),
            _ = self.ticks.sample.tick() => self.sample(),
            _ = self.ticks.clock.tick() => self.ask_who(),
            Ok(()) = self.context.wants.changed() => self.want_facts(),
            Ok(()) = self.context.pace.changed() => self.paced(),
            () = again.notified() => {
                self.list();
                self.ping();
            }
        }
        Ok(())
    }

    /// How often everything is listed.
    fn pace(&mut self) -> Duration {
        self.context.pace.borrow_and_update().resync
    }

    /// Another pace holds from now on; without events it is not the pace that counts.
    fn paced(&mut self) {
        let period = self.pace();
        if self.events.is_some() && period != self.ticks.resync.period() {
            self.ticks.resync = spread(period);
        }
    }

    // What is asked.

    fn list(&mut self) {
        if self.listing {
            return;
        }
        self.listing = true;
        self.gone.clear();
        let wire = self.session.wire.clone();
        let hash = self.hash;
        self.jobs
            .spawn(async move { Done::List(list::list(&wire, hash).await) });
    }

    /// Who the engine is, and how far its clock is from ours.
    fn ask_who(&mut self) {
        let session = self.session.clone();
        self.jobs
            .spawn(async move { Done::Info(info::info(&session).await) });
    }

    fn ping(&mut self) {
        let session = self.session.clone();
        self.jobs
            .spawn(async move { Done::Pong(session.ping().await) });
    }

    fn next_due(&self) -> Option<Instant> {
        if self.inspecting.len() >= INSPECTIONS {
            return None;
        }
        let free = self
            .pending
            .iter()
            .filter(|(id, _)| !self.inspecting.contains(*id));
        free.map(|(_, at)| *at).min()
    }

    fn inspect_due(&mut self) {
        let now = Instant::now();
        while self.inspecting.len() < INSPECTIONS {
            let due =
                |(id, at): &(&ContainerId, &Instant)| **at <= now && !self.inspecting.contains(*id);
            let Some(id) = self.pending.iter().find(due).map(|(id, _)| id.clone()) else {
                return;
            };
            self.pending.remove(&id);
            self.inspecting.insert(id.clone());
            let wire = self.session.wire.clone();
            self.jobs.spawn(async move {
                let result = inspect::inspect(&wire, &id).await;
                Done::Inspected(id, result)
            });
        }
    }

    /// Marks a container for inspection after a change.
    fn look_at(&mut self, id: &ContainerId) {
        let now = Instant::now();
        self.lately.retain(|_, at| now.duration_since(*at) < AGAIN);
        let at = match self.lately.get(id) {
            Some(before) => *before + AGAIN,
            None => now + SETTLE,
        };
        self.pending.entry(id.clone()).or_insert(at);
    }

    /// Inspects what somebody looks at and was not inspected yet.
    fn want_facts(&mut self) {
        if self.hash.is_none() {
            return;
        }
        let wants = self.context.wants.borrow_and_update().clone();
        for feed in wants.iter() {
            if let Feed::Facts(_, id) = feed
                && !self.known.contains(id)
            {
                self.pending.entry(id.clone()).or_insert_with(Instant::now);
            }
        }
    }

    /// Samples the next container that is not on the screen, in rotation.
    fn sample(&mut self) {
        let wants = self.context.wants.borrow().clone();
        if self.sampling || (wants.is_empty() && self.context.fleet_size() > LARGE_FLEET) {
            return;
        }
        let on_screen = |id: &&ContainerId| {
            wants.contains(&Feed::Stats(self.context.out.host.clone(), (*id).clone()))
        };
        let after = self
            .sampled
            .iter()
            .flat_map(|last| self.live.iter().filter(move |id| *id > last));
        let Some(id) = after
            .chain(self.live.iter())
            .find(|id| !on_screen(id))
            .cloned()
        else {
            return;
        };
        self.sampled = Some(id.clone());
        self.sampling = true;
        let session = self.session.clone();
        self.jobs.spawn(async move {
            let usage = stats::once(&session, &id).await.ok().flatten();
            Done::Sampled(id, usage)
        });
    }

    // What comes back.

    async fn changed(&mut self, change: Change) {
        match &change {
            Change::State(id, state, at) => {
                if *state == State::Exited {
                    self.live.remove(id);
                } else {
                    self.live.insert(id.clone());
                }
                let out = &self.context.out;
                out.tell(Event::ContainerState(
                    out.host.clone(),
                    id.clone(),
                    state.clone(),
                    *at,
                ))
                .await;
                self.look_at(id);
            }
            Change::Container(id) => self.look_at(id),
            Change::Gone(id) => self.forget(&id.clone()).await,
            Change::Resources => {}
        }
        // Nobody listening is fine.
        let _ = self.context.changes.send(change);
    }

    async fn forget(&mut self, id: &ContainerId) {
        self.live.remove(id);
        self.known.remove(id);
        self.pending.remove(id);
        self.inspecting.remove(id);
        if self.listing {
            self.gone.push(id.clone());
        }
        let out = &self.context.out;
        out.tell(Event::ContainerGone(out.host.clone(), id.clone()))
            .await;
    }

    async fn done(&mut self, done: Result<Done, JoinError>) -> Result<(), Trouble> {
        let done = done.map_err(|error| {
            trouble(
                TroubleKind::Other,
                format!("Wharf failed while watching this host: {error}"),
                "report this; the host is tried again by itself",
            )
        })?;
        match done {
            Done::Events(result) => self.events_opened(result)?,
            Done::List(result) => self.listed(result).await?,
            Done::Inspected(id, result) => self.inspected(id, result).await,
            Done::LastLine(id, line) => {
                if let Some(line) = line {
                    let out = &self.context.out;
                    out.tell(Event::LastLine(out.host.clone(), id, line)).await;
                }
            }
            Done::Info(Ok((info, skew))) => {
                let out = &self.context.out;
                out.tell(Event::Engine(out.host.clone(), Box::new(info)))
                    .await;
                if let Some(skew) = skew {
                    out.tell(Event::Skew(out.host.clone(), skew)).await;
                }
            }
            Done::Info(Err(fault)) => {
                tracing::debug!(host = %self.context.out.host, %fault, "info");
            }
            Done::Pong(result) => self.ponged(result)?,
            Done::Sampled(id, usage) => {
                self.sampling = false;
                if let Some(usage) = usage {
                    let awaited = false;
                    let _ = self.context.samples.try_send(Sample { id, usage, awaited });
                }
            }
            Done::Closed(trouble) => return Err(trouble),
        }
        Ok(())
    }

    fn events_opened(&mut self, result: Result<Events, Fault>) -> Result<(), Trouble> {
        match result {
            Ok(events) => {
                self.events = Some(events);
                self.ticks.resync = spread(self.pace());
            }
            // A proxy before the engine may forbid events; then the list is all there is.
            Err(Fault::Refused { status, message }) => {
                tracing::info!(host = %self.context.out.host, status, message, "no events; listing instead");
            }
            Err(fault) => return Err(ended(fault)),
        }
        Ok(())
    }

    async fn listed(&mut self, result: Result<Listing, Fault>) -> Result<(), Trouble> {
        self.listing = false;
        let first = self.hash.is_none();
        match result {
            Ok(Listing::Same) => self.heard(None),
            Ok(Listing::New(list, hash)) => {
                self.hash = Some(hash);
                self.take_list(list).await;
            }
            Err(fault) if first => return Err(ended(fault)),
            Err(fault @ (Fault::Way(_) | Fault::Cut(_))) => return Err(ended(fault)),
            Err(fault) => tracing::warn!(host = %self.context.out.host, %fault, "list"),
        }
        if first {
            self.ask_who();
            self.want_facts();
        }
        Ok(())
    }

    async fn take_list(&mut self, mut list: Vec<Container>) {
        list.retain(|one| !self.gone.contains(&one.id));
        self.live = list
            .iter()
            .filter(|one| one.state.is_live())
            .map(|one| one.id.clone())
            .collect();
        self.known.retain(|id| list.iter().any(|one| one.id == *id));
        let mut broken: Vec<&Container> = list
            .iter()
            .filter(|one| one.trouble().is_some() && !self.known.contains(&one.id))
            .collect();
        broken.sort_by_key(|one| std::cmp::Reverse(one.since));
        let now = Instant::now();
        for one in broken.into_iter().take(BROKEN) {
            self.pending.entry(one.id.clone()).or_insert(now);
        }
        let out = &self.context.out;
        out.tell(Event::Containers(out.host.clone(), list)).await;
        self.heard(None);
    }

    async fn inspected(&mut self, id: ContainerId, result: Result<Inspected, Fault>) {
        if !self.inspecting.remove(&id) {
            return; // It was removed meanwhile.
        }
        self.lately.insert(id.clone(), Instant::now());
        match result {
            // It changed again meanwhile: what was read may be older than what the event told.
            Ok(_) if self.pending.contains_key(&id) => {}
            Ok(inspected) => {
                self.known.insert(id.clone());
                if inspected.container.state.is_live() {
                    self.live.insert(id.clone());
                } else {
                    self.live.remove(&id);
                }
                self.read_last_line(&inspected);
                let out = &self.context.out;
                out.tell(Event::Container(
                    out.host.clone(),
                    Box::new(inspected.container),
                ))
                .await;
            }
            Err(fault) if fault.is_missing() => self.forget(&id).await,
            Err(fault) => tracing::debug!(host = %self.context.out.host, %fault, "inspect"),
        }
    }

    /// What a broken container said last is what people look for first.
    fn read_last_line(&mut self, inspected: &Inspected) {
        if inspected.container.trouble().is_none() {
            return;
        }
        let session = self.session.clone();
        let id = inspected.container.id.clone();
        let tty = inspected.tty;
        self.jobs.spawn(async move {
            let line = logs::last_line(&session, &id, tty).await;
            Done::LastLine(id, line)
        });
    }

    fn ponged(&mut self, result: Result<f32, Fault>) -> Result<(), Trouble> {
        match result {
            Ok(latency) => {
                self.missed = 0;
                self.heard(Some(latency));
            }
            Err(fault @ Fault::Late(_)) => {
                self.missed += 1;
                if self.missed >= PINGS {
                    return Err(ended(fault));
                }
                self.ping();
            }
            Err(fault @ (Fault::Way(_) | Fault::Cut(_))) => return Err(ended(fault)),
            // It answers, if only with an error.
            Err(Fault::Refused { .. } | Fault::Garbled(_)) => self.heard(None),
            // Only we are busy.
            Err(Fault::Busy(_)) => {}
        }
        Ok(())
    }

    fn heard(&self, latency: Option<f32>) {
        let out = &self.context.out;
        out.mention(Event::Heard(out.host.clone(), Timestamp::now(), latency));
    }
}

/// Why the watch over an engine ended with that fault.
fn ended(fault: Fault) -> Trouble {
    match fault {
        Fault::Way(trouble) => trouble,
        Fault::Busy(why) => lost(&why),
        Fault::Late(after) => late("the engine", after),
        Fault::Cut(why) => lost(&why),
        Fault::Refused { status, message } => trouble(
            TroubleKind::Other,
            format!("the engine does not let us look (HTTP {status}): {message}"),
            "look at the rules of the proxy or plugin before it, and at the engine's log",
        ),
        Fault::Garbled(why) => trouble(
            TroubleKind::Other,
            format!("the engine's answer is not understood: {why}"),
            "report this, with the engine's version",
        ),
    }
}

/// The next change, once the stream is open.
async fn next(events: &mut Option<Events>) -> Result<Option<Change>, String> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// Ticks at that interval, first after a random part of it, so that hundreds of hosts do not tick together.
fn spread(period: Duration) -> Interval {
    let first = Instant::now() + period.mul_f64(0.5 + chance() / 2.0);
    let mut interval = interval_at(first, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
