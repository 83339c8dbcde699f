//! What panes ask for: one task per feed, which waits until its host is online and begins again after trouble.

use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::actor::{Context, Status};
use super::error::Fault;
use super::events::Change;
use super::follow::{self, Reading};
use super::older::{self, Older};
use super::outbox::Outbox;
use super::session::Session;
use super::stats::Samples;
use super::{ask, backup, inspect, load, resources, stats, swarm};
use crate::model::{ContainerId, Event, Feed, Payload, Timestamp, Usage, nanoseconds};

/// After a failure; twice as long after each further one.
const RETRY: Duration = Duration::from_secs(3);

/// After many failures.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// Between two looks at the processes of a container.
const TOP: Duration = Duration::from_secs(2);

/// Between two looks at a Swarm.
const SWARM: Duration = Duration::from_secs(3);

/// The same where a host is no manager, which it may become.
const NO_SWARM: Duration = Duration::from_secs(30);

/// How long it may take after a stream broke until the host's way knows why.
const EXPLAINED: Duration = Duration::from_secs(2);

/// After a change: more may follow.
const SETTLE: Duration = Duration::from_millis(300);

/// Runs a feed until nobody wants it: dropping the task ends it.
pub(super) async fn run(feed: Feed, context: Context, mut status: watch::Receiver<Status>) {
    let mut progress = Progress::default();
    let mut pause = RETRY;
    loop {
        let session = online(&mut status).await;
        let one = One {
            feed: &feed,
            context: &context,
            session: &session,
            changes: context.changes.subscribe(),
        };
        let end = select! {
            end = one.run(&mut progress) => end,
            () = offline(status.clone()) => {
                pause = RETRY;
                progress.lost(&feed, &context, &status).await;
                continue;
            }
        };
        if let (Feed::Logs(..), Err(fault)) = (&feed, &end) {
            // A stream that broke says only that it did; the host's way may know more.
            if timeout(EXPLAINED, offline(status.clone())).await.is_ok() {
                pause = RETRY;
                progress.lost(&feed, &context, &status).await;
                continue;
            }
            let why = format!("the log broke off: {fault}; it is asked for again by itself");
            let advanced = progress.log.broke_off(&why);
            let payloads = &mut progress.log.payloads;
            context.out.deliver(&feed, payloads).await;
            if advanced {
                pause = RETRY;
                continue;
            }
        }
        pause = match end {
            Ok(()) => RETRY,
            Err(_) => (pause * 2).min(LONGEST_RETRY),
        };
        if let (Err(fault), false) = (&end, matches!(feed, Feed::Logs(..))) {
            context
                .out
                .bring(&feed, Payload::Failed(fault.to_string()))
                .await;
            if fault.is_missing() {
                // What is gone does not come back, except with another engine.
                offline(status.clone()).await;
            }
        }
        sleep(pause).await;
    }
}

/// What a feed brought already, so that it can be gone on with after a break.
#[derive(Default)]
struct Progress {
    /// How far a log was read.
    log: Reading,
    /// What is asked once was answered.
    answered: bool,
}

impl Progress {
    /// Says that the host was lost, to those who read a log of it.
    async fn lost(&mut self, feed: &Feed, context: &Context, status: &watch::Receiver<Status>) {
        let why = match &*status.borrow() {
            Status::Offline(trouble) => trouble.reason.clone(),
            Status::Connecting | Status::Online(_) => "it is being connected to again".to_owned(),
        };
        let why = follow::lost(&context.out.host, &why);
        match feed {
            Feed::Logs(..) => {
                self.log.broke_off(&why);
                context.out.deliver(feed, &mut self.log.payloads).await;
            }
            Feed::Older(..) if !self.answered => {
                context.out.bring(feed, Payload::Failed(why)).await;
            }
            _ => {}
        }
    }
}

/// Waits until the host can be used.
async fn online(status: &mut watch::Receiver<Status>) -> Session {
    let session = {
        let online = status
            .wait_for(|status| matches!(status, Status::Online(_)))
            .await;
        match online.as_deref() {
            Ok(Status::Online(session)) => Some(Session::clone(session)),
            Ok(Status::Connecting | Status::Offline(_)) | Err(_) => None,
        }
    };
    match session {
        Some(session) => session,
        // Its actor is gone, and so will be this task.
        None => std::future::pending().await,
    }
}

async fn offline(mut status: watch::Receiver<Status>) {
    let gone = status
        .wait_for(|status| !matches!(status, Status::Online(_)))
        .await
        .is_err();
    if gone {
        std::future::pending::<()>().await;
    }
}

/// A feed on an engine that answers.
pub(super) struct One<'f> {
    /// Which it is.
    pub feed: &'f Feed,
    /// What belongs to its host.
    pub context: &'f Context,
    /// The engine.
    pub session: &'f Session,
    changes: broadcast::Receiver<Change>,
}

impl One<'_> {
    async fn run(mut self, progress: &mut Progress) -> Result<(), Fault> {
        match self.feed.clone() {
            Feed::Stats(_, id) => self.stats(&id).await,
            // The watch over the engine inspects what is wanted.
            Feed::Facts(..) => std::future::pending().await,
            // There are many streams of samples and few of these: they do not take the room of the largest in each.
            Feed::Inspect(_, id) => Box::pin(self.inspect(&id)).await,
            Feed::Top(_, id) => Box::pin(self.top(&id)).await,
            Feed::Changes(_, id) => Box::pin(self.changed(&id)).await,
            Feed::Logs(_, id, range) => Box::pin(self.follow(&id, range, &mut progress.log)).await,
            Feed::Older(_, id, before, count) => {
                Box::pin(self.older(&id, before, count, &mut progress.answered)).await
            }
            Feed::Resources(_) => Box::pin(self.resources()).await,
            Feed::Swarm(_) => Box::pin(self.swarm()).await,
            Feed::Load(_) => Box::pin(self.load()).await,
            Feed::Files(_, volume) => Box::pin(self.files(&volume, &mut progress.answered)).await,
        }
    }

    async fn inspect(&mut self, id: &ContainerId) -> Result<(), Fault> {
        loop {
            let value = ask::inspection(self.session, id).await?;
            self.bring(Payload::Inspected(value)).await;
            self.change_of(id).await;
        }
    }

    async fn top(&self, id: &ContainerId) -> Result<(), Fault> {
        loop {
            let (titles, processes) = ask::top(self.session, id).await?;
            self.bring(Payload::Processes(titles, processes)).await;
            sleep(TOP).await;
        }
    }

    async fn changed(&mut self, id: &ContainerId) -> Result<(), Fault> {
        loop {
            let changed = ask::changes(self.session, id).await?;
            self.bring(Payload::Changed(changed)).await;
            self.change_of(id).await;
        }
    }

    async fn bring(&self, payload: Payload) {
        self.context.out.bring(self.feed, payload).await;
    }

    /// Waits until something happened to that container, and until it has settled.
    pub(super) async fn change_of(&mut self, id: &ContainerId) {
        loop {
            match self.changes.recv().await {
                Ok(Change::State(one, ..) | Change::Container(one) | Change::Gone(one))
                    if one == *id =>
                {
                    break;
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => break,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
        sleep(SETTLE).await;
    }

    async fn stats(&mut self, id: &ContainerId) -> Result<(), Fault> {
        let Ok(_permit) = self.session.streams.try_acquire() else {
            return Box::pin(self.stats_in_turn(id)).await;
        };
        let first = stats::now(self.session, id).await?;
        let mut opening = if first.is_some() { 1 } else { 2 };
        if let Some(first) = &first {
            self.tell(id, first.usage, true);
        }
        let mut samples = Samples::open(self.session, id, first).await?;
        while let Some(usage) = samples.next().await? {
            self.tell(id, usage, opening > 0);
            opening -= i32::from(opening > 0);
        }
        // It ended with its container; it goes on when that starts again.
        self.change_of(id).await;
        Ok(())
    }

    /// The way has no stream left for this container: it is asked now and then, until one is free.
    async fn stats_in_turn(&self, id: &ContainerId) -> Result<(), Fault> {
        // The semaphore is fair and never closed.
        let _turn = self.session.turns.acquire().await;
        if let Some(usage) = stats::once(self.session, id).await? {
            self.tell(id, usage, false);
        }
        Ok(())
    }

    fn tell(&self, id: &ContainerId, usage: Usage, awaited: bool) {
        let sample = Sample {
            id: id.clone(),
            usage,
            awaited,
        };
        // Where there is no room the next one, a second later, is as good.
        let _ = self.context.samples.try_send(sample);
    }

    /// Answers once.
    async fn older(
        &self,
        id: &ContainerId,
        before: Timestamp,
        count: u32,
        answered: &mut bool,
    ) -> Result<(), Fault> {
        if !*answered {
            let tty = inspect::inspect(&self.session.wire, id).await?.tty;
            let moment = nanoseconds(before);
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let Older { lines, whole } = older::older(self.session, id, tty, moment, count).await?;
            self.bring(Payload::Older { lines, whole }).await;
            *answered = true;
        }
        std::future::pending().await
    }

    async fn resources(&mut self) -> Result<(), Fault> {
        loop {
            let asked = Instant::now();
            let vaults = &self.context.settings.vaults;
            resources::tell_all(self.session, vaults, &self.context.out).await?;
            // Docker reckons sizes by walking directories, so once in a while is enough.
            let mut pace = self.context.pace.clone();
            let next = asked + pace.borrow_and_update().resources.max(asked.elapsed() * 10);
            select! {
                Ok(()) = pace.changed() => {}
                () = sleep_until(next) => {}
                () = resources_changed(&mut self.changes) => sleep(SETTLE).await,
            }
        }
    }

    /// Tasks come and go without an event, so that they are asked for again and again.
    async fn swarm(&mut self) -> Result<(), Fault> {
        loop {
            let asked = Instant::now();
            let known = swarm::swarm(self.session).await?;
            let is_manager = known.is_some();
            let out = &self.context.out;
            out.tell(Event::Swarm(out.host.clone(), known.map(Box::new)))
                .await;
            let pause = if is_manager { SWARM } else { NO_SWARM };
            select! {
                () = sleep_until(asked + pause.max(asked.elapsed() * 10)) => {}
                () = resources_changed(&mut self.changes) => sleep(SETTLE).await,
            }
        }
    }

    /// Answers once.
    async fn files(&self, volume: &str, answered: &mut bool) -> Result<(), Fault> {
        if !*answered {
            let list = backup::files(self.session, volume, &self.context.common.cleaning).await?;
            self.bring(Payload::Files(Arc::new(list))).await;
            *answered = true;
        }
        std::future::pending().await
    }

    async fn load(&mut self) -> Result<(), Fault> {
        let Some(mut meter) = load::Meter::of(self.session).await else {
            // This way shows nothing of the host itself.
            return std::future::pending().await;
        };
        loop {
            let load = meter.read().await.map_err(Fault::Cut)?;
            let host = self.context.out.host.clone();
            self.context.out.mention(Event::Load(host, load));
            let mut pace = self.context.pace.clone();
            let rest = pace.borrow_and_update().load;
            select! {
                () = sleep(rest) => {}
                Ok(()) = pace.changed() => {}
            }
        }
    }
}

async fn resources_changed(changes: &mut broadcast::Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::Resources) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Ok(Change::State(..) | Change::Container(_) | Change::Gone(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// A sample on its way to the fleet.
pub(super) struct Sample {
    /// Of which container.
    pub id: ContainerId,
    /// What it uses.
    pub usage: Usage,
    /// Its row shows nothing yet, or no CPU yet.
    pub awaited: bool,
}

/// Between two batches of samples of a host.
const BATCH: Duration = Duration::from_secs(1);

/// The engine sends the samples of all containers one after the other, once a second.
const BURST: Duration = Duration::from_millis(120);

/// Awaited samples wait so long for others.
const AWAITED: Duration = Duration::from_millis(30);

/// Collects the samples of a host and tells them once a second, those that are awaited at once.
pub(super) async fn batch(mut samples: mpsc::Receiver<Sample>, out: Outbox) {
    let mut last = Instant::now() - BATCH;
    while let Some(first) = samples.recv().await {
        let now = Instant::now();
        let mut until = (last + BATCH).max(now + BURST);
        let mut hurried = first.awaited;
        if hurried {
            until = until.min(now + AWAITED);
        }
        let mut all = vec![(first.id, first.usage)];
        while let Ok(Some(sample)) = timeout_at(until, samples.recv()).await {
            if sample.awaited && !hurried {
                hurried = true;
                until = until.min(Instant::now() + AWAITED);
            }
            all.push((sample.id, sample.usage));
        }
        if !hurried {
            last = Instant::now();
        }
        out.mention(Event::Usages(out.host.clone(), all));
        out.mention(Event::Heard(out.host.clone(), Timestamp::now(), None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Signal;
    use crate::engine::outbox::Rooms;
    use crate::model::HostName;

    fn sample(awaited: bool) -> Sample {
        let usage = Usage {
            at: Timestamp::UNIX_EPOCH,
            cpu: None,
            memory: 1,
            memory_limit: 1,
            net_in: 0,
            net_out: 0,
            block_in: 0,
            block_out: 0,
            pids: 1,
        };
        let id = ContainerId::new(&"a".repeat(64));
        Sample { id, usage, awaited }
    }

    #[tokio::test(start_paused = true)]
    async fn samples_are_told_once_a_second_and_awaited_ones_at_once() {
        let (inbox, mut told) = mpsc::channel(64);
        let (samples, sampled) = mpsc::channel(64);
        let host = HostName::new("node1");
        let _batch = {
            let rooms = Rooms::of(&inbox);
            tokio::spawn(batch(sampled, Outbox { host, inbox, rooms }))
        };
        let start = Instant::now();
        let mut next = async || loop {
            let signal = told.recv().await.expect("it goes on");
            if let Signal::Event(Event::Usages(_, all)) = signal {
                return (all.len(), start.elapsed());
            }
        };
        let give = async |awaited| samples.send(sample(awaited)).await.expect("it goes on");
        give(false).await;
        give(false).await;
        assert_eq!(next().await, (2, BURST));
        give(false).await;
        assert_eq!(next().await, (1, BURST + BATCH));
        // What waits goes with what is awaited.
        give(false).await;
        sleep(Duration::from_millis(300)).await;
        give(true).await;
        let at = BURST + BATCH + Duration::from_millis(300) + AWAITED;
        assert_eq!(next().await, (2, at));
        give(true).await;
        assert_eq!(next().await, (1, at + AWAITED));
    }
}
