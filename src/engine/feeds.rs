//! What panes ask for: one task per feed, which waits until its host is online and begins again after trouble.

use std::time::Duration;

use tokio::select;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::actor::{Context, Status};
use super::error::Fault;
use super::events::Change;
use super::logs::{LogOptions, Logs};
use super::outbox::Outbox;
use super::session::Session;
use super::stats::Samples;
use super::{ask, load, resources};
use crate::model::{ContainerId, Event, Feed, LogRange, Payload, Timestamp, Usage};

/// After a failure.
const RETRY: Duration = Duration::from_secs(3);

/// Between two looks at the processes of a container.
const TOP: Duration = Duration::from_secs(2);

/// Between two readings of a host's load.
const LOAD: Duration = Duration::from_secs(5);

/// Between two looks at images, networks and volumes when nothing is known to have changed.
const RESOURCES: Duration = Duration::from_secs(60);

/// After a change: more may follow.
const SETTLE: Duration = Duration::from_millis(300);

/// Runs a feed until nobody wants it: dropping the task ends it.
pub(super) async fn run(feed: Feed, context: Context, mut status: watch::Receiver<Status>) {
    let mut resume = None;
    loop {
        let session = online(&mut status).await;
        let one = One {
            feed: &feed,
            context: &context,
            session: &session,
            changes: context.changes.subscribe(),
        };
        let end = select! {
            end = one.run(&mut resume) => end,
            () = offline(status.clone()) => continue,
        };
        if let Err(fault) = end {
            context
                .out
                .bring(&feed, Payload::Failed(fault.to_string()))
                .await;
            if fault.is_missing() {
                // What is gone does not come back, except with another engine.
                offline(status.clone()).await;
            }
        }
        sleep(RETRY).await;
    }
}

/// Waits until the host can be used.
async fn online(status: &mut watch::Receiver<Status>) -> Session {
    let session = {
        let online = status
            .wait_for(|status| matches!(status, Status::Online(_)))
            .await;
        match online.as_deref() {
            Ok(Status::Online(session)) => Some(session.clone()),
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
struct One<'f> {
    feed: &'f Feed,
    context: &'f Context,
    session: &'f Session,
    changes: broadcast::Receiver<Change>,
}

impl One<'_> {
    async fn run(mut self, resume: &mut Option<Timestamp>) -> Result<(), Fault> {
        match self.feed.clone() {
            Feed::Stats(_, id) => self.stats(&id).await,
            // The watch over the engine inspects what is wanted.
            Feed::Facts(..) => std::future::pending().await,
            Feed::Inspect(_, id) => loop {
                let value = ask::inspection(self.session, &id).await?;
                self.bring(Payload::Inspected(value)).await;
                self.change_of(&id).await;
            },
            Feed::Top(_, id) => loop {
                let (titles, processes) = ask::top(self.session, &id).await?;
                self.bring(Payload::Processes(titles, processes)).await;
                sleep(TOP).await;
            },
            Feed::Changes(_, id) => loop {
                let changed = ask::changes(self.session, &id).await?;
                self.bring(Payload::Changed(changed)).await;
                self.change_of(&id).await;
            },
            Feed::Logs(_, id, range) => self.logs(&id, range, resume).await,
            Feed::Resources(_) => self.resources().await,
            Feed::Load(_) => self.load().await,
        }
    }

    async fn bring(&self, payload: Payload) {
        self.context.out.bring(self.feed, payload).await;
    }

    /// Waits until something happened to that container, and until it has settled.
    async fn change_of(&mut self, id: &ContainerId) {
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
        let mut samples = Samples::open(self.session, id).await?;
        while let Some(usage) = samples.next().await? {
            let _ = self.context.samples.try_send((id.clone(), usage));
        }
        // It ended with its container; it goes on when that starts again.
        self.change_of(id).await;
        Ok(())
    }

    /// Reads the log and follows it; when the container starts again, goes on where it ended.
    async fn logs(
        &mut self,
        id: &ContainerId,
        range: LogRange,
        resume: &mut Option<Timestamp>,
    ) -> Result<(), Fault> {
        loop {
            let range = match *resume {
                Some(last) => LogRange::Since(last + jiff::SignedDuration::from_nanos(1)),
                None => range,
            };
            let options = LogOptions {
                range,
                until: None,
                follow: true,
            };
            let mut logs = Logs::open(self.session, id, options).await?;
            while let Some(lines) = logs.next().await.map_err(Fault::Cut)? {
                if let Some(at) = lines.iter().rev().find_map(|line| line.at) {
                    *resume = Some(at);
                }
                self.bring(Payload::Lines(lines)).await;
            }
            self.bring(Payload::Ended("the container does not run".to_owned()))
                .await;
            self.change_of(id).await;
        }
    }

    async fn resources(&mut self) -> Result<(), Fault> {
        loop {
            let asked = Instant::now();
            resources::tell_all(self.session, &self.context.out).await?;
            // Docker reckons sizes by walking directories, so once in a while is enough.
            let next = asked + RESOURCES.max(asked.elapsed() * 10);
            select! {
                () = sleep_until(next) => {}
                () = resources_changed(&mut self.changes) => sleep(SETTLE).await,
            }
        }
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
            sleep(LOAD).await;
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

/// Between two batches of samples of a host.
const BATCH: Duration = Duration::from_secs(1);

/// The engine sends the samples of all containers one after the other, once a second.
const BURST: Duration = Duration::from_millis(120);

/// Collects the samples of a host and tells them at most once a second.
pub(super) async fn batch(mut samples: mpsc::Receiver<(ContainerId, Usage)>, out: Outbox) {
    let mut last = Instant::now() - BATCH;
    while let Some(first) = samples.recv().await {
        let until = (last + BATCH).max(Instant::now() + BURST);
        let mut all = vec![first];
        while let Ok(Some(sample)) = timeout_at(until, samples.recv()).await {
            all.push(sample);
        }
        last = Instant::now();
        out.mention(Event::Usages(out.host.clone(), all));
        out.mention(Event::Heard(out.host.clone(), Timestamp::now(), None));
    }
}
