//! The list of builds, read off the log of acts and the runs that they were part of; and what a build says, kept as its log.

use std::sync::{Mutex, PoisonError};

use super::{
    plan::Plan,
    run::Progress,
    sentence::{ImageCommand, Sentence},
};
use crate::{
    model::{
        Action, BuildRecord, Built, HostName, ImageAction, Operation, Outcome, Said, Timestamp,
        pipeline::{LogLine, Run, Verb},
    },
    store::{self, Store},
};

/// So many of its last lines are kept of what a build says.
const LINES: usize = 5000;
/// So many acts are read at once.
const PAGE: u32 = 200;

/// What an act of the log built, host by host; nothing when it is no build.
pub fn built(operation: &Operation) -> Vec<BuildRecord> {
    let Ok(Sentence::Image(ImageCommand::Build(args))) = Sentence::parse(&operation.sentence)
    else {
        return Vec::new();
    };
    let step = operation.origin.step.as_ref();
    let one = |target: &String| {
        let (_, host) = target.rsplit_once('@')?;
        let outcome = outcome_of(operation, target);
        let built: Option<Built> = match &outcome {
            Outcome::Done { detail } => detail.parse().ok(),
            _ => None,
        };
        let (digest, size, commit) = built.map_or((None, None, None), |built| {
            (Some(built.id), built.size, built.commit)
        });
        Some(BuildRecord {
            operation: operation.number,
            at: operation.at,
            by: operation.origin.operator.clone(),
            source: args.source.to_string(),
            commit,
            tags: args
                .tags
                .iter()
                .map(|tag| tag.as_str().to_owned())
                .collect(),
            digest,
            size,
            host: HostName::new(host),
            outcome,
            duration_ms: operation.duration_ms,
            run: step.map(crate::model::pipeline::Saying::number),
            step: step.map(|step| step.step.clone()),
            pipeline: None,
        })
    };
    operation.targets.iter().filter_map(one).collect()
}

/// How an act ended on one of its targets: its detail is that of all of them.
fn outcome_of(operation: &Operation, target: &str) -> Outcome {
    let said = |detail: &str| {
        if let ([_], Some(text)) = (
            operation.targets.as_slice(),
            detail.strip_prefix(&format!("{target}: ")),
        ) {
            return Some(text.to_owned());
        }
        let mut groups = detail
            .split("; ")
            .filter_map(|group| group.split_once(": "));
        let own = groups.find(|(targets, _)| targets.split(", ").any(|one| one == target));
        own.map(|(_, text)| text.to_owned())
    };
    match &operation.outcome {
        Outcome::Done { detail } => Outcome::Done {
            detail: said(detail).unwrap_or_else(|| detail.clone()),
        },
        Outcome::Failed { done, detail, .. } => match said(detail) {
            Some(detail) => Outcome::Failed {
                done: 0,
                failed: 1,
                detail,
            },
            // Of what went well the log says nothing where something else failed.
            None if *done > 0 => Outcome::Done {
                detail: String::new(),
            },
            None => operation.outcome.clone(),
        },
        other => other.clone(),
    }
}

/// Adds to a build what its run knows of it: the pipeline, the commit, the directory, the digest in the registry.
pub fn of_run(build: &mut BuildRecord, run: &Run) {
    build.pipeline = Some(run.name().clone());
    build.commit = build.commit.take().or_else(|| super::pipeline::commit(run));
    let step = build.step.as_ref().and_then(|name| run.pipeline.step(name));
    if let Some(Verb::Build(verb)) = step.map(|step| &step.verb) {
        build.source.clone_from(&verb.context);
    }
    if matches!(build.outcome, Outcome::Done { .. })
        && let Some(digest) = build.tags.iter().find_map(|tag| run.images.get(tag))
    {
        build.digest = Some(digest.clone());
    }
}

/// The newest builds that fit, newest first; it is not looked for any further back than `since`.
pub async fn newest(
    store: &Store,
    number: usize,
    since: Option<Timestamp>,
    fits: impl Fn(&BuildRecord) -> bool,
) -> Result<Vec<BuildRecord>, store::Error> {
    let (mut found, mut before) = (Vec::new(), u64::MAX);
    while found.len() < number {
        let acts = store.builds(before, PAGE).await?;
        let Some(last) = acts.last() else { break };
        before = last.number;
        if since.is_some_and(|since| acts.iter().all(|act| act.at < since)) {
            break;
        }
        for act in &acts {
            for build in told(store, act).await? {
                if fits(&build) {
                    found.push(build);
                }
            }
        }
    }
    found.truncate(number);
    Ok(found)
}

/// What an act built, with what its run knows of that.
pub async fn told(store: &Store, act: &Operation) -> Result<Vec<BuildRecord>, store::Error> {
    let mut builds = built(act);
    if let Some(step) = act.origin.step.as_ref().filter(|_| !builds.is_empty())
        && let Some(held) = store.run(step.number()).await?
        && held.run.tag().as_ref() == Some(&step.run)
    {
        for build in &mut builds {
            of_run(build, &held.run);
        }
    }
    Ok(builds)
}

/// What a build says while it goes on, to be kept when it is over.
pub(super) struct Listener<'p> {
    plan: &'p Plan,
    /// The number of the act, and the lines.
    heard: Mutex<(u64, Vec<LogLine>)>,
}

impl<'p> Listener<'p> {
    /// Of a plan that builds; none of others.
    pub fn of(plan: &'p Plan) -> Option<Self> {
        let mut steps = plan.steps.iter();
        let builds = steps.any(|step| matches!(step.action, Action::Image(ImageAction::Build(_))));
        builds.then(|| Self {
            plan,
            heard: Mutex::default(),
        })
    }

    /// Takes in what happens.
    pub fn take(&self, progress: &Progress) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let (index, error, text) = match progress {
            Progress::Began(number) => {
                heard.0 = *number;
                return;
            }
            Progress::Said(index, Said::Line(text)) => (*index, false, text),
            Progress::StepEnded(index, Ok(text), _) => (*index, false, text),
            Progress::StepEnded(index, Err(text), _) => (*index, true, text),
            Progress::Said(..)
            | Progress::Waits(_)
            | Progress::StepBegan(_)
            | Progress::Ended(_) => return,
        };
        let text = match self.plan.steps.as_slice() {
            [_] => text.clone(),
            steps => format!("{}: {text}", steps[index].host),
        };
        heard.1.push(LogLine {
            at: i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            error,
            text,
        });
        if heard.1.len() > 2 * LINES {
            heard.1.drain(..LINES);
        }
    }

    /// Keeps it. A build is no worse for a log that cannot be kept.
    pub async fn keep(self, store: &Store) {
        let heard = self.heard.into_inner();
        let (number, mut lines) = heard.unwrap_or_else(PoisonError::into_inner);
        lines.drain(..lines.len().saturating_sub(LINES));
        if number == 0 || lines.is_empty() {
            return;
        }
        if let Err(error) = store.keep_build_log(number, &lines).await {
            tracing::warn!(%error, "the log of a build is not kept");
        }
    }
}
