//! A step of a run: what each verb does, and how it goes on after whoever worked on it was killed.

use std::{collections::BTreeMap, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    gate::{self, Look, Question},
    work::Shop,
};
use crate::{
    engine::Yard,
    model::{
        Spot, Timestamp, hex,
        pipeline::{
            ApprovalStep, Cause, GateStep, LogLine, PipelineStep, Reply, Run, RunLease, Status,
            SuiteResult, TestReport, Verb, filled,
        },
    },
};

/// A step may take so long when it does not say.
const LONGEST: Duration = Duration::from_hours(1);
/// People and suites are looked at so often.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Where the workspace is in its containers.
const WORKSPACE: &str = "/workspace";
/// The names of variables may be filled in so many times over.
const DEEP: usize = 8;

/// What a step says while it goes on.
#[derive(Debug)]
pub(super) struct Note {
    /// Which step.
    pub index: usize,
    /// It waits for people.
    pub blocks: bool,
    /// What there is to say.
    pub detail: String,
    /// What it asks to be approved, and what was said of it.
    pub asks: Option<(String, Vec<Reply>)>,
}

/// How a step ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub status: Status,
    pub detail: String,
    pub variables: BTreeMap<String, String>,
    pub images: BTreeMap<String, String>,
    pub report: Option<TestReport>,
    pub artifacts: Vec<(String, u64)>,
}

impl Ended {
    pub(super) fn new(status: Status, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            variables: BTreeMap::new(),
            images: BTreeMap::new(),
            report: None,
            artifacts: Vec::new(),
        }
    }

    /// It went badly, for that reason.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::new(Status::Failure, why)
    }
}

/// A step whose turn it is.
pub(super) struct Turn<'s> {
    pub shop: &'s Shop<'s>,
    pub lease: RunLease,
    pub index: usize,
    pub attempt: u32,
    /// It was begun before, by somebody who did not bring it to its end.
    pub goes_on: bool,
    /// The run as it was when the step began.
    pub run: Run,
    pub step: PipelineStep,
    pub notes: mpsc::Sender<Note>,
    /// The run shall end.
    pub wish: CancellationToken,
    /// Somebody else goes on with the run.
    pub left: CancellationToken,
}

/// The value of a variable for a step of a run, or for the run as a whole.
pub(super) fn variable(run: &Run, step: Option<&PipelineStep>, name: &str) -> Option<String> {
    deep(run, step, name, 0)
}

fn deep(run: &Run, step: Option<&PipelineStep>, name: &str, depth: usize) -> Option<String> {
    if let Some(value) = step.and_then(|step| step.cell.get(name)) {
        return Some(value.clone());
    }
    if let Some(value) = run.variables.get(name) {
        return Some(value.clone());
    }
    if let Some(value) = built_in(run, name) {
        return Some(value);
    }
    let text = run.pipeline.vars.get(name).filter(|_| depth < DEEP)?;
    filled(text, &|name| deep(run, step, name, depth + 1)).ok()
}

/// The commit that a run is about, when it knows.
pub(in crate::ops) fn commit(run: &Run) -> Option<String> {
    variable(run, None, "CI_COMMIT_SHA").filter(|commit| !commit.is_empty())
}

/// The variable with the mail address of who made the commit.
pub(super) const AUTHOR: &str = "CI_COMMIT_AUTHOR";

/// The names of what every step knows.
pub(super) const BUILT_IN: [&str; 9] = [
    "CI",
    "CI_PIPELINE_NUMBER",
    "CI_PIPELINE_NAME",
    "CI_PIPELINE_EVENT",
    "CI_PIPELINE_STARTED_BY",
    "CI_COMMIT_SHA",
    "CI_COMMIT_BRANCH",
    "CI_JENKINS_BUILD",
    "CI_WORKSPACE",
];

fn built_in(run: &Run, name: &str) -> Option<String> {
    Some(match name {
        "CI" => "wharf".to_owned(),
        "CI_PIPELINE_NUMBER" => run.number.0.to_string(),
        "CI_PIPELINE_NAME" => run.name().to_string(),
        "CI_PIPELINE_EVENT" => match run.cause {
            Cause::Manual => "manual",
            Cause::Cron => "cron",
            Cause::Push { .. } => "push",
            Cause::Image { .. } => "image",
            Cause::Jenkins { .. } => "jenkins",
        }
        .to_owned(),
        "CI_PIPELINE_STARTED_BY" => run.by.clone(),
        "CI_COMMIT_SHA" => match &run.cause {
            Cause::Push { commit, .. } => commit.clone(),
            Cause::Manual | Cause::Cron | Cause::Image { .. } | Cause::Jenkins { .. } => {
                return None;
            }
        },
        "CI_COMMIT_BRANCH" => match &run.cause {
            Cause::Push { branch, .. } => branch.clone(),
            Cause::Manual | Cause::Cron | Cause::Image { .. } | Cause::Jenkins { .. } => {
                return None;
            }
        },
        "CI_JENKINS_BUILD" => match &run.cause {
            Cause::Jenkins { build, .. } => build.to_string(),
            Cause::Manual | Cause::Cron | Cause::Push { .. } | Cause::Image { .. } => return None,
        },
        "CI_WORKSPACE" => WORKSPACE.to_owned(),
        _ => return None,
    })
}

impl Turn<'_> {
    /// Does it; brings what its tests said to where gates look.
    pub(super) async fn take(self) -> Ended {
        let limit = self.step.timeout.unwrap_or(LONGEST);
        // People may take their time.
        let is_timed = self.step.timeout.is_some()
            || !matches!(
                self.step.verb,
                Verb::Approval(_) | Verb::Gate(_) | Verb::Deploy(_)
            );
        if !self.goes_on && self.attempt > 1 {
            self.write(&[line(format!("— try {} —", self.attempt))], "")
                .await;
        }
        let doing = Box::pin(self.act());
        let ended = if is_timed {
            tokio::time::timeout(limit, doing).await
        } else {
            Ok(doing.await)
        };
        let ended = match ended {
            Ok(Ok(ended)) => ended,
            Ok(Err(why)) => Ended::failed(why),
            Err(_) => {
                self.stop().await;
                Ended::failed(format!(
                    "it took longer than {} s and was stopped",
                    limit.as_secs()
                ))
            }
        };
        if ended.status.is_bad() && !ended.detail.is_empty() {
            self.write(&[line(ended.detail.clone())], "").await;
        }
        self.count(&ended).await;
        ended
    }

    async fn act(&self) -> Result<Ended, String> {
        match &self.step.verb {
            Verb::Commands { image, commands } => self.commands(image, commands).await,
            Verb::Git(git) => self.git(git).await,
            Verb::Build(build) => self.build(build).await,
            Verb::Promote(promote) => self.promote(promote).await,
            Verb::Deploy(deploy) => self.deploy(deploy).await,
            Verb::Gate(gate) => self.gate(gate).await,
            Verb::Approval(approval) => self.approval(approval).await,
            Verb::Notify(notify) => self.tell(notify).await,
            Verb::Run(line) => self.sentence(line).await,
            Verb::Jenkins(step) => self.jenkins(step).await,
        }
    }

    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let value = |name: &str| variable(&self.run, Some(&self.step), name);
        filled(text, &value).map_err(|name| format!("'{text}': {name} is not known here"))
    }

    pub(super) fn fill_all(
        &self,
        texts: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let filled = texts
            .iter()
            .map(|(name, text)| Ok((name.clone(), self.fill(text)?)));
        filled.collect()
    }

    /// Adds to the log; false when it cannot be written now.
    pub(super) async fn write(&self, lines: &[LogLine], mark: &str) -> bool {
        let store = self.shop.store;
        let written = store
            .add_run_log(self.lease, &self.step.name, lines, mark)
            .await;
        match written {
            Ok(is_ours) => is_ours,
            Err(error) => {
                tracing::warn!(%error, "the log of a step cannot be written");
                false
            }
        }
    }

    pub(super) async fn note(
        &self,
        blocks: bool,
        detail: String,
        asks: Option<(String, Vec<Reply>)>,
    ) {
        let note = Note {
            index: self.index,
            blocks,
            detail,
            asks,
        };
        let _ = self.notes.send(note).await;
    }

    pub(super) fn yard(&self) -> Result<Yard, String> {
        let host = self.run.host.clone().ok_or("the run has no host")?;
        Ok(Yard {
            host,
            run: self.run.tag().ok_or("the run has no name")?,
        })
    }

    pub(super) async fn stop(&self) {
        if let Verb::Jenkins(step) = &self.step.verb {
            return self.stop_build(step).await;
        }
        if let (Verb::Commands { .. }, Ok(yard)) = (&self.step.verb, self.yard()) {
            let engines = self.shop.engines;
            let stopped = engines
                .yard_stop(&yard, &self.step.name, self.attempt)
                .await;
            if let Err(error) = stopped {
                tracing::warn!(%error, "a step could not be stopped");
            }
        }
    }

    /// Tells gates what its tests said.
    async fn count(&self, ended: &Ended) {
        let Some(reports) = &self.step.reports else {
            return;
        };
        let suite = reports
            .suite
            .clone()
            .unwrap_or_else(|| self.step.name.to_string());
        let result = SuiteResult {
            run: self.run.number,
            step: self.step.name.clone(),
            at: Timestamp::now(),
            digest: match &reports.image {
                Some(image) => self.tested(image).await,
                None => self.image(),
            },
            // What broke off has shown nothing.
            report: ended
                .report
                .clone()
                .filter(|_| matches!(ended.status, Status::Success | Status::Failure)),
        };
        let environment = reports.environment.clone().unwrap_or_default();
        let store = self.shop.store;
        if let Err(error) = store.add_suite_result(&suite, &environment, &result).await {
            tracing::warn!(%error, "what tests said cannot be kept");
        }
    }

    /// The digest of the image that was tested.
    async fn tested(&self, image: &str) -> Option<String> {
        let found = match self.fill(image) {
            Ok(image) => match self.run.images.get(&image) {
                Some(digest) => Ok(digest.clone()),
                None => self.shop.digest(&image).await,
            },
            Err(why) => Err(why),
        };
        match found {
            Ok(digest) => Some(digest),
            Err(why) => {
                let told = format!("which image was tested is not known: {why}");
                self.write(&[line(told)], "").await;
                None
            }
        }
    }

    /// The image that the run made last.
    pub(super) fn image(&self) -> Option<String> {
        self.run.variables.get("CI_IMAGE_DIGEST").cloned()
    }

    /// Stands still until the last results of a suite are good, or fails.
    async fn gate(&self, step: &GateStep) -> Result<Ended, String> {
        let suite = self.fill(&step.suite)?;
        let environment = step
            .environment
            .as_ref()
            .map(|text| self.fill(text))
            .transpose()?;
        let environment = environment.unwrap_or_default();
        let digest = self.image();
        let mut said = String::new();
        loop {
            let results = self
                .shop
                .store
                .suite_results(&suite, &environment, step.consecutive)
                .await;
            let results = results.map_err(|error| error.to_string())?;
            match gate::results(step, &results, digest.as_deref().as_slice()) {
                Look::Open(why) => {
                    self.write(&[line(why.clone())], "").await;
                    return Ok(Ended::new(Status::Success, why));
                }
                Look::Shut(why) if step.wait => {
                    if why != said {
                        self.write(&[line(why.clone())], "").await;
                        self.note(true, why.clone(), None).await;
                        said = why;
                    }
                }
                Look::Shut(why) | Look::Closed(why) => return Ok(Ended::failed(why)),
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => return Ok(Ended::new(Status::Canceled, "it was canceled")),
            }
        }
    }

    /// Stands still until enough people approve exactly this, one rejects it, or nobody did in time.
    async fn approval(&self, step: &ApprovalStep) -> Result<Ended, String> {
        let digest = self.asked();
        let author = variable(&self.run, None, AUTHOR);
        let environment = step.environment.as_ref().map(|text| self.fill(text));
        let environment = environment.transpose()?;
        let asked = self.run.steps[self.index]
            .started
            .unwrap_or_else(Timestamp::now);
        let mut said = String::new();
        loop {
            let replies = self
                .shop
                .store
                .replies(self.run.number, &self.step.name)
                .await;
            let replies = replies.map_err(|error| error.to_string())?;
            let question = Question {
                digest: &digest,
                starter: &self.run.by,
                author: author.as_deref(),
                access: &self.shop.fleet.access,
                spot: environment
                    .as_deref()
                    .map_or(Spot::Somewhere, Spot::Environment),
                asked,
                now: Timestamp::now(),
            };
            let look = gate::approval(step, &replies, &question);
            match look {
                Look::Open(why) => {
                    self.note(true, why.clone(), Some((digest, replies))).await;
                    self.write(&[line(why.clone())], "").await;
                    return Ok(Ended::new(Status::Success, why));
                }
                Look::Closed(why) => {
                    self.note(true, why.clone(), Some((digest, replies))).await;
                    return Ok(Ended::new(Status::Declined, why));
                }
                Look::Shut(why) => {
                    if why != said {
                        self.write(&[line(why.clone())], "").await;
                        self.note(true, why.clone(), Some((digest.clone(), replies)))
                            .await;
                        said = why;
                    }
                }
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => return Ok(Ended::new(Status::Canceled, "it was canceled")),
            }
        }
    }

    /// What exactly is asked to be approved: the steps as they are, what they are given, the images and the commit.
    fn asked(&self) -> String {
        let run = &self.run;
        let whole = (&run.pipeline, &run.variables, &run.images, &self.step.name);
        let text = serde_json::to_string(&whole).unwrap_or_default();
        hex(&Sha256::digest(text.as_bytes()))[..12].to_owned()
    }
}

/// A line of ours.
pub(super) fn line(text: impl Into<String>) -> LogLine {
    LogLine {
        at: i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
        error: false,
        text: text.into(),
    }
}

pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
