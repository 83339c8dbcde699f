//! Builds of Jenkins as steps: asked for once, followed to their end, found again after whoever followed them was killed.
//!
//! What is known of a build is kept as the mark of the step's log: first how the job was before it was asked for, then the
//! number of the queue, then the place in its console, with the lines up to there in the same write.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{
    container::{LOG, masked},
    step::{Ended, Turn, line},
};
use crate::{
    clients::{
        Error, ErrorKind,
        jenkins::{Before, Follower, Happening, Server},
    },
    model::{
        jenkins::{Build, BuildPlace, BuildResult, JobPath},
        pipeline::{JenkinsStep, LogLine, Status},
    },
};

/// A server may be away for so long: it is started anew, or its machine is.
const PATIENCE: Duration = Duration::from_mins(15);
/// It is tried again so often meanwhile.
const AGAIN: Duration = Duration::from_secs(2);
/// A build that is stopped may take so long to end.
const STOPPING: Duration = Duration::from_secs(30);
/// Without a word of the store it is tried again so often.
const UNKEPT: Duration = Duration::from_secs(1);

/// What a server answers in its time.
type Soon<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What is known of a step's build.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Known {
    /// It is being asked for; whether that was heard nobody knows yet.
    Asking(Before),
    /// It was, and was followed up to there.
    Place(BuildPlace),
}

/// The build of a step.
struct Of<'s> {
    server: Server,
    job: JobPath,
    step: &'s JenkinsStep,
    /// What may not be seen.
    hidden: Vec<String>,
}

impl Turn<'_> {
    /// A build of a job.
    pub(super) async fn jenkins(&self, step: &JenkinsStep) -> Result<Ended, String> {
        let server = self.shop.jenkins.open(&self.fill(&step.server)?);
        let server = server.map_err(|error| error.to_string())?;
        let job: JobPath = self.fill(&step.job)?.parse()?;
        let (secrets, mut hidden) = self.secrets()?;
        hidden.extend(server.hidden().await);
        let plain = self.fill_all(&step.params)?;
        let mut given = plain.clone();
        given.extend(secrets);
        let of = Of {
            server,
            job,
            step,
            hidden,
        };
        let place = match self.known().await? {
            Some(Known::Place(place)) => place,
            Some(Known::Asking(before)) => match self.ask(&of, before, true, &plain, &given).await?
            {
                Ok(place) => place,
                Err(ended) => return Ok(ended),
            },
            None => {
                let before = self.patient(|| Box::pin(of.server.before(&of.job))).await;
                let (facts, before) = before.map_err(|error| error.to_string())?;
                of.server
                    .fits(&facts, &given)
                    .map_err(|error| error.to_string())?;
                match self.ask(&of, before, false, &plain, &given).await? {
                    Ok(place) => place,
                    Err(ended) => return Ok(ended),
                }
            }
        };
        self.build_to_its_end(&of, place).await
    }

    /// What is known of the build of this try.
    async fn known(&self) -> Result<Option<Known>, String> {
        let store = self.shop.store;
        let mark = store.run_log_mark(self.run.number, &self.step.name).await;
        let mark = mark.map_err(|error| error.to_string())?;
        let Some((attempt, text)) = mark.as_deref().and_then(|mark| mark.split_once(' ')) else {
            return Ok(None);
        };
        if attempt.parse() != Ok(self.attempt) {
            return Ok(None);
        }
        serde_json::from_str(text)
            .map(Some)
            .map_err(|error| format!("what is known of its build is not understood: {error}"))
    }

    /// Keeps what is known now, with lines that lead there. It does not return before that: nothing goes on that nobody
    /// would know of.
    async fn remember(&self, lines: &[LogLine], known: &Known) {
        let text = serde_json::to_string(known).unwrap_or_default();
        let mark = format!("{} {text}", self.attempt);
        while !self.write(lines, &mark).await {
            sleep(UNKEPT).await;
        }
    }

    /// Asks again while the server is away.
    async fn patient<'a, T>(&self, ask: impl Fn() -> Soon<'a, T>) -> Result<T, Error> {
        let begun = Instant::now();
        loop {
            match ask().await {
                Err(error) if error.kind == ErrorKind::Offline && begun.elapsed() < PATIENCE => {
                    self.note(
                        false,
                        format!("it waits for Jenkins: {}", error.reason()),
                        None,
                    )
                    .await;
                    tokio::select! {
                        () = sleep(AGAIN) => {}
                        () = self.wish.cancelled() => return Err(error),
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Asks for the build, once; where it is not known whether that was heard, it is looked for first.
    async fn ask(
        &self,
        of: &Of<'_>,
        before: Before,
        mut was_asked: bool,
        plain: &BTreeMap<String, String>,
        given: &BTreeMap<String, String>,
    ) -> Result<Result<BuildPlace, Ended>, String> {
        let known = Known::Asking(before);
        let Known::Asking(before) = &known else {
            return Err("it is not being asked for".to_owned());
        };
        if !was_asked {
            self.remember(&[], &known).await;
        }
        let begun = Instant::now();
        let queued = loop {
            if was_asked {
                let found = || -> Soon<'_, _> { Box::pin(of.server.since(&of.job, before, plain)) };
                let found = self
                    .patient(found)
                    .await
                    .map_err(|error| error.to_string())?;
                match found[..] {
                    [] => {}
                    [one] => break one,
                    _ => {
                        let why = format!(
                            "whoever asked for the build was killed, and there are {} that could be it",
                            found.len()
                        );
                        return Ok(Err(Ended::new(Status::Lost, why)));
                    }
                }
            }
            if self.wish.is_cancelled() {
                return Ok(Err(Ended::new(Status::Canceled, "it was stopped")));
            }
            match of.server.trigger(&of.job, given).await {
                Ok(queued) => break queued,
                Err(error) if error.kind == ErrorKind::Offline && begun.elapsed() < PATIENCE => {
                    was_asked = true;
                    sleep(AGAIN).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        };
        let place = BuildPlace {
            queued,
            ..BuildPlace::default()
        };
        let text = format!(
            "— {} is {queued} in the queue of {} —",
            of.job,
            of.server.spec().name
        );
        self.remember(&[line(text)], &Known::Place(place.clone()))
            .await;
        Ok(Ok(place))
    }

    /// Follows a build to its end; stops it when the run shall end.
    async fn build_to_its_end(&self, of: &Of<'_>, mut place: BuildPlace) -> Result<Ended, String> {
        let (mut size, mut broken, mut stopping) = (0, None::<Instant>, None::<Instant>);
        // Whether an input step of the build waits for somebody.
        let mut waits = false;
        loop {
            let mut follower = Follower::new(of.server.clone(), of.job.clone(), place.clone());
            let error = loop {
                let late =
                    stopping.map_or(STOPPING, |since| STOPPING.saturating_sub(since.elapsed()));
                let happened = tokio::select! {
                    happened = follower.next() => happened,
                    () = self.wish.cancelled(), if stopping.is_none() => {
                        stopping = Some(Instant::now());
                        end(of, &place).await;
                        break None;
                    }
                    () = sleep(late), if stopping.is_some() => {
                        let why = "it was stopped, but its build goes on";
                        return Ok(Ended::new(Status::Canceled, why));
                    }
                };
                match happened {
                    Ok(Happening::Waits(why)) => {
                        self.write(&[line(format!("— it waits: {why} —"))], "")
                            .await;
                        self.note(false, why, None).await;
                    }
                    Ok(Happening::Began(number)) => {
                        place = follower.place().clone();
                        let text =
                            format!("build {number} of {}@{}", of.job, of.server.spec().name);
                        let known = Known::Place(place.clone());
                        self.remember(&[line(format!("— {text} —"))], &known).await;
                        self.note(false, text, None).await;
                    }
                    Ok(Happening::Lines(texts, next)) => {
                        let asks = asks(&texts);
                        let lines = kept(texts, &of.hidden, &mut size);
                        self.remember(&lines, &Known::Place(next.clone())).await;
                        place = next;
                        if let Some(asks) = asks.filter(|asks| *asks != waits) {
                            waits = asks;
                            let told = if asks {
                                format!(
                                    "an input step of {}@{} waits for an answer, which is given in Jenkins",
                                    of.job,
                                    of.server.spec().name
                                )
                            } else {
                                "it goes on".to_owned()
                            };
                            self.note(asks, told, None).await;
                        }
                    }
                    Ok(Happening::Withdrawn) => {
                        return Ok(Ended::new(
                            Status::Canceled,
                            "it was taken out of the queue",
                        ));
                    }
                    Ok(Happening::Ended(build)) => return self.ended(of, &build).await,
                    Err(error) => break Some(error),
                }
                broken = None;
            };
            let Some(error) = error else { continue };
            if error.kind == ErrorKind::Missing {
                return Ok(Ended::new(Status::Lost, error.to_string()));
            }
            let since = *broken.get_or_insert_with(Instant::now);
            if error.kind != ErrorKind::Offline || since.elapsed() > PATIENCE {
                return Err(error.to_string());
            }
            tracing::warn!(%error, "the console of a build broke off");
            sleep(AGAIN).await;
        }
    }

    /// What the end of a build is for the step, with what its tests said and the files that it kept.
    async fn ended(&self, of: &Of<'_>, build: &Build) -> Result<Ended, String> {
        let told = format!("build {} of {}: {}", build.number, of.job, build.word());
        let status = match build.result {
            _ if self.wish.is_cancelled() => Status::Canceled,
            Some(BuildResult::Success) => Status::Success,
            Some(BuildResult::Unstable) if of.step.unstable_passes => Status::Success,
            Some(BuildResult::Aborted) => Status::Canceled,
            Some(BuildResult::Unstable | BuildResult::Failure | BuildResult::NotBuilt) => {
                Status::Failure
            }
            None => Status::Lost,
        };
        let mut ended = Ended::new(status, told);
        let mut said = Vec::new();
        let report = || -> Soon<'_, _> { Box::pin(of.server.report(&of.job, build.number)) };
        match self.patient(report).await {
            Ok(report) => {
                if report.is_none() && self.step.reports.is_some() {
                    said.push(format!("build {} has no report of tests", build.number));
                }
                ended.report = report;
            }
            Err(error) => said.push(error.to_string()),
        }
        for pattern in &self.step.artifacts {
            match self.bring(of, build, pattern).await {
                Ok(kept) => ended.artifacts.extend(kept),
                Err(why) => said.push(format!("the artifacts {pattern}: {why}")),
            }
        }
        let lines: Vec<LogLine> = said.into_iter().map(line).collect();
        if !lines.is_empty() {
            self.write(&lines, "").await;
        }
        Ok(ended)
    }

    /// Brings the files of a build that a pattern means where people find those of the step.
    async fn bring(
        &self,
        of: &Of<'_>,
        build: &Build,
        pattern: &str,
    ) -> Result<Vec<(String, u64)>, String> {
        let pattern =
            glob::Pattern::new(&self.fill(pattern)?).map_err(|error| error.to_string())?;
        let below = self.shop.artifacts.join(self.run.number.0.to_string());
        let below = below.join(self.step.name.as_str());
        let mut kept = Vec::new();
        for path in build.artifacts.iter().filter(|path| pattern.matches(path)) {
            let save =
                || -> Soon<'_, _> { Box::pin(of.server.save(&of.job, build.number, path, &below)) };
            let size = self
                .patient(save)
                .await
                .map_err(|error| error.to_string())?;
            kept.push((path.clone(), size));
        }
        Ok(kept)
    }

    /// Stops the build of a step that takes too long.
    pub(super) async fn stop_build(&self, step: &JenkinsStep) {
        let (Ok(server), Ok(job)) = (self.fill(&step.server), self.fill(&step.job)) else {
            return;
        };
        let (Ok(server), Ok(job)) = (self.shop.jenkins.open(&server), job.parse()) else {
            return;
        };
        if let Ok(Some(Known::Place(place))) = self.known().await {
            let hidden = Vec::new();
            let of = Of {
                server,
                job,
                step,
                hidden,
            };
            end(&of, &place).await;
        }
    }
}

/// Whether a console ends with what an input step asks, as its plugin words it: with or without parameters. None without
/// lines.
fn asks(texts: &[String]) -> Option<bool> {
    let mut texts = texts.iter().map(|text| text.trim());
    let last = texts.rfind(|text| !text.is_empty())?;
    Some(matches!(last, "Proceed or Abort" | "Input requested"))
}

/// Lines as they are kept: without what nobody may see, and not without end.
fn kept(texts: Vec<String>, hidden: &[String], size: &mut usize) -> Vec<LogLine> {
    let before = *size;
    *size += texts.iter().map(|text| text.len() + 1).sum::<usize>();
    if before > LOG {
        return Vec::new();
    }
    if *size > LOG {
        let what = "— the console is longer than 16 MiB; the rest is not kept —";
        return vec![line(what)];
    }
    texts
        .into_iter()
        .map(|text| line(masked(text, hidden)))
        .collect()
}

/// Has a build end, or takes it out of the queue.
async fn end(of: &Of<'_>, place: &BuildPlace) {
    let number = match place.build {
        Some(number) => Some(number),
        None => match of.server.withdraw(place.queued).await {
            Ok(_) => return,
            // It began meanwhile.
            Err(_) => of
                .server
                .build_of(&of.job, place.queued)
                .await
                .ok()
                .flatten(),
        },
    };
    if let Some(number) = number
        && let Err(error) = of.server.abort(&of.job, number).await
    {
        tracing::warn!(%error, "a build could not be stopped");
    }
}
