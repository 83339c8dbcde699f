//! Runs of pipelines: read from the store as long as somebody looks at them, and told as they change.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep},
};

use crate::{
    model::{
        Event, Timestamp,
        app::Severity,
        pipeline::{LogChunk, LogPlace, samples},
        sample_builds,
    },
    ops::{builds, pipeline},
    store::Store,
    ui::{Msg, RunsWanted, message::Level},
};

use super::hand::Hand;

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_secs(1);
/// How often the files of pipelines are read anew: few people change them while they look.
const FILES: Duration = Duration::from_secs(10);
/// So many of the newest runs are shown.
const NEWEST: u32 = 500;

/// So many of the newest builds are shown.
const BUILDS: usize = 300;

/// Where runs come from.
pub enum Source {
    /// The store, and the directory of the files.
    Store(Store, PathBuf),
    /// Nowhere: those of the demo are made up.
    Demo(Timestamp),
}

/// Reads what is wanted, until nobody can want anything any more. Where a hand is given it carries out what nobody else
/// does, as long as somebody looks, and when something was put into the queue here.
pub async fn follow(
    source: Source,
    mut hand: Option<Hand>,
    asked: Arc<Notify>,
    mut wanted: watch::Receiver<Option<RunsWanted>>,
    inbox: mpsc::Sender<Msg>,
) {
    let (mut mark, mut read, mut built) = (None, None, None);
    loop {
        let now = wanted.borrow_and_update().clone();
        if let (Some(hand), Source::Store(store, _)) = (&mut hand, &source)
            && let Some(told) = hand.look(store).await
            && inbox.send(Msg::Say(Level::Info, told)).await.is_err()
        {
            return;
        }
        let Some(now) = now else {
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                () = asked.notified() => {}
            }
            continue;
        };
        let is_due = read.is_none_or(|at: Instant| at.elapsed() >= FILES);
        let mut said = Vec::new();
        if is_due {
            said.extend(source.files().await);
            read = Some(Instant::now());
        }
        said.extend(source.look(&now, &mut mark).await);
        if now.builds {
            said.extend(source.builds(&mut built).await);
        }
        for msg in said {
            if inbox.send(msg).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = asked.notified() => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

impl Source {
    /// The pipelines that have a file, and what is wrong with others.
    async fn files(&self) -> Vec<Msg> {
        let Self::Store(store, directory) = self else {
            return vec![Msg::Event(Event::Pipelines(Ok(samples::pipelines())))];
        };
        let (files, told) = pipeline::known(store, directory).await;
        let mut said = vec![Msg::Event(Event::Pipelines(Ok(files.into())))];
        let wrong = told.iter().find(|one| one.severity == Severity::Error);
        if let Some(wrong) = wrong {
            let why = Arc::from(wrong.to_string());
            said.push(Msg::Event(Event::Pipelines(Err(why))));
        }
        said
    }

    /// The builds, if something was done or a run has changed since those marks.
    async fn builds(&self, marks: &mut Option<(i64, i64)>) -> Option<Msg> {
        let store = match self {
            Self::Store(store, _) => store,
            Self::Demo(began) => {
                let made = || sample_builds(&samples::runs(*began), *began).into();
                let is_first = marks.replace((0, 0)).is_none();
                return is_first.then(|| Msg::Event(Event::Builds(Ok(made()))));
            }
        };
        let read = async {
            let now = store.marks().await?;
            if *marks == Some(now) {
                return Ok(None);
            }
            let found = builds::newest(store, BUILDS, None, |_| true).await?;
            *marks = Some(now);
            Ok(Some(found))
        };
        let read: Result<_, crate::store::Error> = read.await;
        let event = match read {
            Ok(None) => return None,
            Ok(Some(found)) => Ok(found.into()),
            Err(error) => {
                *marks = None;
                Err(Arc::from(error.to_string()))
            }
        };
        Some(Msg::Event(Event::Builds(event)))
    }

    /// The runs, if any has changed since that mark, and the next lines that are wanted.
    async fn look(&self, wanted: &RunsWanted, mark: &mut Option<i64>) -> Vec<Msg> {
        let mut said = Vec::new();
        match self {
            Self::Store(store, _) => {
                said.extend(changed(store, mark).await.map(Msg::Event));
                if let Some((run, step, from)) = &wanted.log {
                    let read = store.run_log(*run, step, *from).await;
                    let read = read.map_err(|error| error.to_string());
                    said.push(Msg::StepLog(*run, step.clone(), read));
                }
            }
            Self::Demo(began) => {
                if mark.replace(0).is_none() {
                    said.push(Msg::Event(Event::Runs(Ok(samples::runs(*began)))));
                }
                if let Some((run, step, from)) = &wanted.log {
                    let runs = samples::runs(*began);
                    let held = runs.iter().find(|held| held.run.number == *run);
                    let lines = held.map(|held| samples::lines(&held.run, step, Timestamp::now()));
                    let lines = lines.unwrap_or_default();
                    let next = LogPlace(u64::try_from(lines.len()).unwrap_or(0));
                    let known = usize::try_from(from.0).unwrap_or(usize::MAX);
                    let lines = lines.into_iter().skip(known).collect();
                    let chunk = LogChunk { lines, next };
                    said.push(Msg::StepLog(*run, step.clone(), Ok(chunk)));
                }
            }
        }
        said
    }
}

/// The newest runs, if any has changed since that mark; why they cannot be read, as long as they cannot.
async fn changed(store: &Store, mark: &mut Option<i64>) -> Option<Event> {
    let read = async {
        let now = store.runs_mark().await?;
        if *mark == Some(now) {
            return Ok(None);
        }
        let runs = store.runs(None, false, NEWEST).await?;
        *mark = Some(now);
        Ok(Some(runs))
    };
    match read.await {
        Ok(None) => None,
        Ok(Some(runs)) => Some(Event::Runs(Ok(runs.into()))),
        Err(error) => {
            *mark = None;
            let error: crate::store::Error = error;
            Some(Event::Runs(Err(Arc::from(error.to_string()))))
        }
    }
}
