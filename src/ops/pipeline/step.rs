//! A step of a run: what each verb does, and how it goes on after whoever worked on it was killed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    gate::{self, Look},
    junit,
    work::Shop,
};
use crate::{
    engine::{LogMark, StepState, Yard, YardStep},
    model::{
        MASK, Timestamp,
        app::AppName,
        hex,
        pipeline::{
            ApprovalStep, BuildStep, Cause, DeployStep, GateStep, GitStep, LogLine, PipelineStep,
            PromoteStep, Reply, Run, RunLease, Status, SuiteResult, TestReport, Verb, filled,
        },
        printable,
        release::{Phase, Scope, SecretOf, Standing},
    },
    ops::sentence::Sentence,
};

/// A step may take so long when it does not say.
const LONGEST: Duration = Duration::from_hours(1);
/// People and suites are looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// So many bytes of a step's log are kept.
const LOG: usize = 16 << 20;
/// So many lines are written at once.
const LINES: usize = 500;
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
    fn new(status: Status, detail: impl Into<String>) -> Self {
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

/// The names of what every step knows.
const BUILT_IN: [&str; 8] = [
    "CI",
    "CI_PIPELINE_NUMBER",
    "CI_PIPELINE_NAME",
    "CI_PIPELINE_EVENT",
    "CI_PIPELINE_STARTED_BY",
    "CI_COMMIT_SHA",
    "CI_COMMIT_BRANCH",
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
        }
        .to_owned(),
        "CI_PIPELINE_STARTED_BY" => run.by.clone(),
        "CI_COMMIT_SHA" => match &run.cause {
            Cause::Push { commit, .. } => commit.clone(),
            Cause::Manual | Cause::Cron | Cause::Image { .. } => return None,
        },
        "CI_COMMIT_BRANCH" => match &run.cause {
            Cause::Push { branch, .. } => branch.clone(),
            Cause::Manual | Cause::Cron | Cause::Image { .. } => return None,
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
            self.write(&[self.line(format!("— try {} —", self.attempt))], "")
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
            self.write(&[self.line(ended.detail.clone())], "").await;
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
            Verb::Run(line) => self.sentence(line).await,
        }
    }

    fn fill(&self, text: &str) -> Result<String, String> {
        let value = |name: &str| variable(&self.run, Some(&self.step), name);
        filled(text, &value).map_err(|name| format!("'{text}': {name} is not known here"))
    }

    fn fill_all(
        &self,
        texts: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let filled = texts
            .iter()
            .map(|(name, text)| Ok((name.clone(), self.fill(text)?)));
        filled.collect()
    }

    fn line(&self, text: impl Into<String>) -> LogLine {
        LogLine {
            at: i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            error: false,
            text: text.into(),
        }
    }

    /// Adds to the log; false when it cannot be written now.
    async fn write(&self, lines: &[LogLine], mark: &str) -> bool {
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

    async fn note(&self, blocks: bool, detail: String, asks: Option<(String, Vec<Reply>)>) {
        let note = Note {
            index: self.index,
            blocks,
            detail,
            asks,
        };
        let _ = self.notes.send(note).await;
    }

    fn yard(&self) -> Result<Yard, String> {
        let host = self.run.host.clone().ok_or("the run has no host")?;
        Ok(Yard {
            host,
            run: self.run.number,
        })
    }

    async fn stop(&self) {
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

    /// Commands in a container.
    async fn commands(&self, image: &str, commands: &[String]) -> Result<Ended, String> {
        let yard = self.yard()?;
        let engines = self.shop.engines;
        let (secrets, hidden) = self.secrets()?;
        let spec = YardStep {
            step: self.step.name.clone(),
            attempt: self.attempt,
            image: self.fill(image)?,
            commands: commands.to_vec(),
            environment: self.environment()?,
            secrets,
            cache: self.step.cache.clone(),
            working_dir: None,
        };
        let told = |error: crate::engine::Error| error.to_string();
        if self.goes_on {
            let state = engines.yard_state(&yard, &spec.step, spec.attempt).await;
            let wrote = self
                .shop
                .store
                .run_log_mark(self.run.number, &spec.step)
                .await;
            let wrote = wrote.map_err(|error| error.to_string())?;
            if state.map_err(told)? == StepState::Missing
                && self.mark_of(wrote.as_deref()).is_some()
            {
                let why = "its container is gone, so that nobody knows how it ended";
                return Ok(Ended::new(Status::Lost, why));
            }
        }
        engines.yard_step(&yard, &spec).await.map_err(told)?;
        self.follow(&yard, &hidden).await?;
        let state = engines
            .yard_state(&yard, &spec.step, spec.attempt)
            .await
            .map_err(told)?;
        if self.wish.is_cancelled() {
            return Ok(Ended::new(Status::Canceled, "it was stopped"));
        }
        let mut ended = match state {
            StepState::Ended { code: 0, .. } => Ended::new(Status::Success, ""),
            StepState::Ended { oom: true, .. } => {
                Ended::failed("it was killed: it needed more memory than it may have")
            }
            StepState::Ended { code, .. } => Ended::failed(format!("it ended with {code}")),
            StepState::Missing | StepState::Created | StepState::Running => {
                Ended::new(Status::Lost, "its container does not say how it ended")
            }
        };
        self.collect(&yard, &mut ended).await;
        Ok(ended)
    }

    /// The variables of its container.
    fn environment(&self) -> Result<BTreeMap<String, String>, String> {
        let pipeline = &self.run.pipeline;
        let names = BUILT_IN.iter().map(|name| (*name).to_owned());
        let names = names
            .chain(pipeline.vars.keys().cloned())
            .chain(self.run.variables.keys().cloned())
            .chain(self.step.cell.keys().cloned());
        let values = names.filter_map(|name| {
            let value = variable(&self.run, Some(&self.step), &name)?;
            Some((name, value))
        });
        let mut all: BTreeMap<String, String> = values.collect();
        all.insert("CI_STEP_NAME".to_owned(), self.step.name.to_string());
        all.extend(self.fill_all(&self.step.environment)?);
        Ok(all)
    }

    /// Its secrets by the names that it knows them by, and the values that no log may show.
    fn secrets(&self) -> Result<(BTreeMap<String, String>, Vec<String>), String> {
        let mut values = BTreeMap::new();
        for (name, of) in &self.step.secrets {
            let value = self.shop.secrets.value(&SecretOf::Variable(of));
            let value = value.map_err(|why| format!("the secret {of}: {why}"))?;
            values.insert(name.clone(), value.expose_secret().to_owned());
        }
        let hidden = values.values().flat_map(|value| value.lines());
        let hidden = hidden
            .filter(|line| line.len() > 3)
            .map(str::to_owned)
            .collect();
        Ok((values, hidden))
    }

    /// Where the log was read up to, of this try.
    fn mark_of(&self, text: Option<&str>) -> Option<LogMark> {
        let (attempt, mark) = text?.split_once(' ')?;
        (attempt.parse() == Ok(self.attempt)).then_some(())?;
        serde_json::from_str(mark).ok()
    }

    /// Brings the log of its container into the store until the container has ended.
    async fn follow(&self, yard: &Yard, hidden: &[String]) -> Result<(), String> {
        /// It is asked again after so long when the way to the host broke.
        const AGAIN: Duration = Duration::from_secs(2);
        /// So many times without a word between.
        const TIMES: u32 = 60;
        let (store, engines) = (self.shop.store, self.shop.engines);
        let (run, step) = (self.run.number, &self.step.name);
        let (mut size, mut broken) = (0, 0);
        loop {
            let mark = store
                .run_log_mark(run, step)
                .await
                .map_err(|error| error.to_string())?;
            let mark = self.mark_of(mark.as_deref()).unwrap_or_default();
            let why = match engines.yard_log(yard, step, self.attempt, mark).await {
                Err(error) => error.to_string(),
                Ok(mut log) => loop {
                    let next = tokio::select! {
                        next = log.next() => next,
                        () = self.wish.cancelled() => {
                            self.stop().await;
                            return Ok(());
                        }
                    };
                    let (lines, mark) = match next {
                        Ok(Some(batch)) => batch,
                        Ok(None) => return Ok(()),
                        Err(error) => break error.to_string(),
                    };
                    broken = 0;
                    let before = size;
                    size += lines.iter().map(|line| line.text.len() + 1).sum::<usize>();
                    let lines: Vec<LogLine> = if before > LOG {
                        Vec::new()
                    } else if size > LOG {
                        vec![self.line("— the log is longer than 16 MiB; the rest is not kept —")]
                    } else {
                        let lines = lines.into_iter().map(|line| LogLine {
                            at: line.at,
                            error: line.error,
                            text: masked(line.text, hidden),
                        });
                        lines.collect()
                    };
                    let mark = serde_json::to_string(&mark).unwrap_or_default();
                    // What is not written is read again: the mark is the store's.
                    if !self
                        .write(&lines, &format!("{} {mark}", self.attempt))
                        .await
                    {
                        break "the log could not be written".to_owned();
                    }
                },
            };
            broken += 1;
            if broken > TIMES {
                return Err(why);
            }
            tracing::warn!(%why, "the log of a step broke off");
            sleep(AGAIN).await;
        }
    }

    /// Brings reports and artifacts here.
    async fn collect(&self, yard: &Yard, ended: &mut Ended) {
        let mut said = Vec::new();
        if let Some(reports) = &self.step.reports {
            match self.gathered(yard, &reports.junit).await {
                Ok((_dir, files)) => {
                    let mut report: Option<TestReport> = None;
                    for (name, path) in files {
                        let text = fs::read(&path).map_err(|error| error.to_string());
                        let read =
                            text.and_then(|bytes| junit::read(&String::from_utf8_lossy(&bytes)));
                        match read {
                            Ok(one) => report.get_or_insert_default().add(one),
                            Err(why) => said.push(format!("the report {name}: {why}")),
                        }
                    }
                    if report.is_none() {
                        said.push(format!("no report is there: {}", reports.junit));
                    }
                    ended.report = report;
                }
                Err(why) => said.push(format!("the reports {}: {why}", reports.junit)),
            }
        }
        for pattern in &self.step.artifacts {
            let kept = match self.gathered(yard, pattern).await {
                Ok((_dir, files)) => self.keep(files),
                Err(why) => Err(why),
            };
            match kept {
                Ok(kept) => ended.artifacts.extend(kept),
                Err(why) => said.push(format!("the artifacts {pattern}: {why}")),
            }
        }
        let lines: Vec<LogLine> = said.into_iter().map(|text| self.line(text)).collect();
        if !lines.is_empty() {
            self.write(&lines, "").await;
        }
    }

    /// The files of the workspace that a pattern means, here in a directory that goes when it is dropped.
    async fn gathered(
        &self,
        yard: &Yard,
        pattern: &str,
    ) -> Result<(Scratch, Vec<(String, PathBuf)>), String> {
        let pattern = self.fill(pattern)?;
        let is_wild = |part: &&str| part.contains(['*', '?', '[']);
        let parts: Vec<&str> = pattern
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        if parts.contains(&"..") {
            return Err("it leads out of the workspace".to_owned());
        }
        let fixed = parts.iter().take_while(|part| !is_wild(part)).count();
        // A file by its name is in its directory.
        let fixed = if fixed == parts.len() {
            fixed.saturating_sub(1)
        } else {
            fixed
        };
        let base = parts[..fixed].join("/");
        let dir = Scratch::new(self.shop.scratch)?;
        let fetched = self.shop.engines.yard_fetch(yard, &base, &dir.0).await;
        fetched.map_err(|error| error.to_string())?;
        let whole = dir.0.join(parts[fixed..].join("/"));
        let mut files = Vec::new();
        for path in glob::glob(&whole.to_string_lossy()).map_err(|error| error.to_string())? {
            let path = path.map_err(|error| error.to_string())?;
            if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file())
                && let Ok(below) = path.strip_prefix(&dir.0)
            {
                let name = Path::new(&base).join(below).display().to_string();
                files.push((name, path));
            }
        }
        Ok((dir, files))
    }

    /// Keeps files where people find them.
    fn keep(&self, files: Vec<(String, PathBuf)>) -> Result<Vec<(String, u64)>, String> {
        let mut kept = Vec::new();
        let into = self.shop.artifacts.join(self.run.number.0.to_string());
        let into = into.join(self.step.name.as_str());
        for (name, path) in files {
            let to = into.join(&name);
            let copied = fs::create_dir_all(to.parent().unwrap_or(&into))
                .and_then(|()| fs::copy(&path, &to));
            let size = copied.map_err(|error| format!("{}: {error}", to.display()))?;
            kept.push((name, size));
        }
        Ok(kept)
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
            digest: self.image(),
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

    /// The image that the run made last.
    fn image(&self) -> Option<String> {
        self.run.variables.get("CI_IMAGE_DIGEST").cloned()
    }

    /// A commit comes into the workspace.
    async fn git(&self, git: &GitStep) -> Result<Ended, String> {
        let yard = self.yard()?;
        let url = self.fill(&git.url)?;
        let reference = match &git.reference {
            Some(reference) => Some(self.fill(reference)?),
            None => variable(&self.run, None, "CI_COMMIT_SHA"),
        };
        let engines = self.shop.engines;
        let tree = engines.check_out(&url, reference.as_deref()).await?;
        let filled = engines.yard_fill(&yard, &tree.path()).await;
        filled.map_err(|error| error.to_string())?;
        let commit = tree.commit().to_owned();
        let short = commit.get(..12).unwrap_or(&commit).to_owned();
        let from = printable(&url);
        self.write(&[self.line(format!("{from} at {commit}"))], "")
            .await;
        let mut ended = Ended::new(Status::Success, short);
        ended.variables.insert("CI_COMMIT_SHA".to_owned(), commit);
        Ok(ended)
    }

    /// An image of the workspace.
    async fn build(&self, build: &BuildStep) -> Result<Ended, String> {
        let yard = self.yard()?;
        let dir = Scratch::new(self.shop.scratch)?;
        let context = self.fill(&build.context)?;
        let fetched = self.shop.engines.yard_fetch(&yard, &context, &dir.0).await;
        fetched.map_err(|error| error.to_string())?;
        let tag = self.fill(&build.tag)?;
        let mut words = words(["image", "build", &dir.0.display().to_string(), "--on"]);
        words.extend([format!("@{}", yard.host), "--tag".to_owned(), tag.clone()]);
        if let Some(file) = &build.dockerfile {
            let file = dir.0.join(self.fill(file)?);
            words.extend(["--file".to_owned(), file.display().to_string()]);
        }
        for (name, value) in self.fill_all(&build.args)? {
            words.push(format!("--build-arg={name}={value}"));
        }
        if let Some(target) = &build.target {
            words.extend(["--target".to_owned(), self.fill(target)?]);
        }
        if let Some(ended) = self.said(words).await? {
            return Ok(ended);
        }
        let digest = if build.push {
            let push = [
                "image".to_owned(),
                "push".to_owned(),
                format!("{tag}@{}", yard.host),
            ];
            if let Some(ended) = self.said(push.to_vec()).await? {
                return Ok(ended);
            }
            self.shop.digest(&tag).await?
        } else {
            let images = self.shop.engines.images(&yard.host).await;
            let images = images.map_err(|error| error.to_string())?;
            let named = |image: &&crate::model::Image| image.tags.iter().any(|one| **one == *tag);
            let found = images.iter().find(named).map(|image| image.id.to_string());
            found.ok_or_else(|| format!("{tag} was built, but {} does not have it", yard.host))?
        };
        let mut ended = Ended::new(Status::Success, format!("{tag} is {}", brief(&digest)));
        ended.variables.insert("CI_IMAGE".to_owned(), tag.clone());
        ended
            .variables
            .insert("CI_IMAGE_DIGEST".to_owned(), digest.clone());
        ended.images.insert(tag, digest);
        Ok(ended)
    }

    /// Another name for the same image.
    async fn promote(&self, promote: &PromoteStep) -> Result<Ended, String> {
        let image = self.fill(&promote.image)?;
        let (from, to) = (self.fill(&promote.from)?, self.fill(&promote.to)?);
        let source = if from.contains(':') {
            format!("{image}@{from}")
        } else {
            format!("{image}:{from}")
        };
        let target = format!("{image}:{to}");
        // What the run knows of a name holds: a tag that was moved since stops it.
        let digest = match self.run.images.get(&source) {
            Some(digest) => digest.clone(),
            None => self.shop.digest(&source).await?,
        };
        let words = words(["registry", "promote", &source, &target, "--expect", &digest]);
        if let Some(ended) = self.said(words).await? {
            return Ok(ended);
        }
        let mut ended = Ended::new(Status::Success, format!("{target} is {}", brief(&digest)));
        ended.images.insert(source, digest.clone());
        ended.images.insert(target, digest);
        Ok(ended)
    }

    /// A release comes to its hosts. What was begun before is gone on with and not begun again.
    async fn deploy(&self, deploy: &DeployStep) -> Result<Ended, String> {
        let app = self.fill(&deploy.app)?;
        let app = AppName::new(&app).map_err(|error| error.to_string())?;
        let environment = deploy
            .environment
            .as_ref()
            .map(|text| self.fill(text))
            .transpose()?;
        let scope = Scope {
            app: app.clone(),
            environment: environment.clone().unwrap_or_default().into(),
        };
        let mut place = words(["app", "continue", app.as_str()]);
        if let Some(environment) = &environment {
            place.extend(["--env".to_owned(), environment.clone()]);
        }
        let began = self.run.steps[self.index]
            .started
            .unwrap_or_else(Timestamp::now);
        if self.goes_on
            && let Some(ended) = self.went_on(&scope, &place, began).await?
        {
            return Ok(ended);
        }
        let _dir;
        let mut words = place;
        words[1] = "deploy".to_owned();
        for (service, image) in &deploy.images {
            let image = self.fill(image)?;
            let image = match self.run.images.get(&image) {
                Some(digest) if !image.contains('@') && self.is_remote(digest, &image) => {
                    format!("{image}@{digest}")
                }
                Some(_) | None => image,
            };
            let service = match service.as_str() {
                "" => self.only_service(&scope).await?,
                service => service.to_owned(),
            };
            words.push(format!("--image={service}={image}"));
        }
        for host in &deploy.hosts {
            words.extend(["--hosts".to_owned(), self.fill(host)?]);
        }
        if let Some(template) = &deploy.template {
            words.extend(["--template".to_owned(), self.fill(template)?]);
        }
        if let Some(file) = &deploy.file {
            let file = self.fill(file)?;
            let (dir, files) = self.gathered(&self.yard()?, &file).await?;
            let (_, path) = files
                .first()
                .ok_or_else(|| format!("{file} is not in the workspace"))?;
            words.extend(["--file".to_owned(), path.display().to_string()]);
            _dir = dir;
        }
        for (name, value) in self.fill_all(&deploy.set)? {
            words.push(format!("--set={name}={value}"));
        }
        if !deploy.canary.is_empty() {
            let shares: Vec<String> = deploy.canary.iter().map(ToString::to_string).collect();
            words.extend(["--canary".to_owned(), shares.join(",")]);
            if let Some(every) = deploy.every {
                words.extend(["--every".to_owned(), format!("{}s", every.as_secs())]);
            }
            if let Some(requests) = deploy.requests {
                words.extend(["--requests".to_owned(), requests.to_string()]);
            }
        }
        if let Some(environment) = &environment {
            words.extend(["--confirm".to_owned(), environment.clone()]);
        }
        loop {
            let Some(ended) = self.said(words.clone()).await? else {
                let newest = self.newest(&scope).await?;
                let detail =
                    newest.map_or_else(String::new, |(number, ..)| format!("{number} of {scope}"));
                return Ok(Ended::new(Status::Success, detail));
            };
            // It may have asked for approvals: then it is done when they are given, and not before.
            if !self.waited(&scope).await? {
                return Ok(ended);
            }
        }
    }

    /// Whether a digest is one that registries know: what was built and not pushed has an id only.
    fn is_remote(&self, digest: &str, image: &str) -> bool {
        let built = self
            .run
            .variables
            .get("CI_IMAGE")
            .is_some_and(|one| one == image);
        let is_id = built
            && self.run.pipeline.steps.iter().any(|step| {
                matches!(&step.verb, Verb::Build(build) if !build.push
                    && self.fill(&build.tag).is_ok_and(|tag| tag == image))
            });
        !is_id && digest.starts_with("sha256:")
    }

    /// The one service of an app.
    async fn only_service(&self, scope: &Scope) -> Result<String, String> {
        let releases = self.shop.store.releases(scope, 1).await;
        let releases = releases.map_err(|error| error.to_string())?;
        let services: Vec<String> = releases
            .first()
            .map(|(release, _)| release.pins.keys().map(ToString::to_string).collect())
            .unwrap_or_default();
        match &services[..] {
            [service] => Ok(service.clone()),
            [] => Err(format!(
                "{scope} has no release yet: write images: {{SERVICE: image}}"
            )),
            many => Err(format!(
                "{scope} has several services: write images: {{SERVICE: image}}, of {}",
                many.join(", ")
            )),
        }
    }

    async fn newest(
        &self,
        scope: &Scope,
    ) -> Result<
        Option<(
            crate::model::release::ReleaseNumber,
            Phase,
            Timestamp,
            String,
        )>,
        String,
    > {
        let newest = self.shop.store.releases(scope, 1).await;
        let newest = newest.map_err(|error| error.to_string())?;
        let newest = newest.into_iter().next();
        Ok(newest.map(|(release, held)| (release.number, held.phase, release.at, held.detail)))
    }

    /// What came of a deploy that this step began before; none when it began none.
    async fn went_on(
        &self,
        scope: &Scope,
        go_on: &[String],
        began: Timestamp,
    ) -> Result<Option<Ended>, String> {
        loop {
            let Some((number, phase, at, detail)) = self.newest(scope).await? else {
                return Ok(None);
            };
            if at < began {
                return Ok(None);
            }
            match phase {
                Phase::Succeeded => {
                    return Ok(Some(Ended::new(
                        Status::Success,
                        format!("{number} of {scope}"),
                    )));
                }
                phase if !phase.is_open() => {
                    return Ok(Some(Ended::failed(format!(
                        "{number} of {scope} is {}: {detail}",
                        phase.word()
                    ))));
                }
                _ => {}
            }
            let open = self.shop.store.open_deploy(scope).await;
            let open = open.map_err(|error| error.to_string())?;
            match open {
                Some((held, _)) if !held.is_live() && held.phase != Phase::Paused => {
                    let mut words = go_on.to_vec();
                    if !scope.environment.is_empty() {
                        words.extend(["--confirm".to_owned(), scope.environment.to_string()]);
                    }
                    // Somebody else may have been quicker: what came of it is looked up.
                    if let Some(ended) = self.said(words).await?
                        && self.wish.is_cancelled()
                    {
                        return Ok(Some(ended));
                    }
                }
                Some((held, _)) => {
                    let paused = held.phase == Phase::Paused;
                    self.note(
                        paused,
                        format!("{number} of {scope}: {}", held.phase.word()),
                        None,
                    )
                    .await;
                }
                None => {}
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => return Ok(Some(Ended::new(Status::Canceled, "the deploy goes on by itself"))),
            }
        }
    }

    /// Waits while a deploy waits for approvals; whether it is to be said again.
    async fn waited(&self, scope: &Scope) -> Result<bool, String> {
        let mut has_waited = false;
        loop {
            let requests = self.shop.store.requests(Some(scope), 20).await;
            let requests = requests.map_err(|error| error.to_string())?;
            let now = Timestamp::now();
            let waiting = requests.iter().find_map(|one| match one.standing(now) {
                Standing::Waiting(missing) => Some((one, missing)),
                Standing::Approved | Standing::Rejected(_) | Standing::Expired => None,
            });
            let Some((request, missing)) = waiting else {
                let newest = requests.first().map(|one| one.standing(now));
                return Ok(has_waited && newest == Some(Standing::Approved));
            };
            has_waited = true;
            let detail = format!(
                "{scope} asks for {missing} more approvals: app approve {} --env {} {}",
                scope.app, scope.environment, request.digest
            );
            self.note(true, detail, None).await;
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => return Ok(false),
            }
        }
    }

    /// Any sentence.
    async fn sentence(&self, line: &str) -> Result<Ended, String> {
        if self.goes_on {
            let why = "whoever said it was killed, so that nobody knows what came of it";
            return Ok(Ended::new(Status::Lost, why));
        }
        let line = self.fill(line)?;
        Sentence::parse(&line).map_err(|error| format!("'{line}' is no sentence: {error}"))?;
        let words = shlex::split(&line)
            .ok_or_else(|| format!("'{line}' has a quote without its other one"))?;
        let words = match words.first().map(String::as_str) {
            Some("wharf") => words[1..].to_vec(),
            _ => words,
        };
        Ok(self
            .said(words)
            .await?
            .unwrap_or_else(|| Ended::new(Status::Success, "")))
    }

    /// Says a sentence; none when it went well.
    async fn said(&self, mut words: Vec<String>) -> Result<Option<Ended>, String> {
        let told = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        let mut lines = vec![self.line(format!("+ wharf {told}"))];
        self.write(&lines, "").await;
        lines.clear();
        let reason = format!(
            "run {} of {}, {}",
            self.run.number,
            self.run.name(),
            self.run.by
        );
        let mut with = words.clone();
        with.extend(["--reason".to_owned(), reason]);
        let line = shlex::try_join(
            with.iter()
                .filter(|word| !word.starts_with("--confirm"))
                .map(String::as_str),
        );
        let is_confirmed = words.iter().any(|word| word == "--confirm");
        if is_confirmed || line.is_ok_and(|line| Sentence::parse(&line).is_ok()) {
            words = with;
        }
        if !is_confirmed {
            words.push("--yes".to_owned());
        }
        let (sender, mut heard) = mpsc::channel(1024);
        let saying = self.shop.program.say(&words, sender, &self.wish);
        let mut last = String::new();
        let writing = async {
            let mut batch = Vec::new();
            while heard.recv_many(&mut batch, LINES).await > 0 {
                let lines: Vec<LogLine> = batch
                    .drain(..)
                    .map(|(error, text): (bool, String)| LogLine {
                        error,
                        ..self.line(printable(&text))
                    })
                    .collect();
                if let Some(line) = lines.iter().rfind(|line| !line.text.trim().is_empty()) {
                    last.clone_from(&line.text);
                    self.note(false, last.clone(), None).await;
                }
                self.write(&lines, "").await;
            }
        };
        let (code, ()) = tokio::join!(saying, writing);
        let code = code?;
        if self.wish.is_cancelled() {
            return Ok(Some(Ended::new(Status::Canceled, "it was stopped")));
        }
        Ok(match code {
            0 => None,
            code => Some(Ended::failed(match last.trim() {
                "" => format!("it ended with {code}"),
                last => last.strip_prefix("wharf: ").unwrap_or(last).to_owned(),
            })),
        })
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
            match gate::results(step, &results, digest.as_deref()) {
                Look::Open(why) => {
                    self.write(&[self.line(why.clone())], "").await;
                    return Ok(Ended::new(Status::Success, why));
                }
                Look::Shut(why) if step.wait => {
                    if why != said {
                        self.write(&[self.line(why.clone())], "").await;
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
            let look = gate::approval(
                step,
                &replies,
                &digest,
                &self.run.by,
                asked,
                Timestamp::now(),
            );
            match look {
                Look::Open(why) => {
                    self.note(true, why.clone(), Some((digest, replies))).await;
                    self.write(&[self.line(why.clone())], "").await;
                    return Ok(Ended::new(Status::Success, why));
                }
                Look::Closed(why) => {
                    self.note(true, why.clone(), Some((digest, replies))).await;
                    return Ok(Ended::new(Status::Declined, why));
                }
                Look::Shut(why) => {
                    if why != said {
                        self.write(&[self.line(why.clone())], "").await;
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

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(below: &Path) -> Result<Self, String> {
        use std::os::unix::fs::DirBuilderExt as _;
        let name = format!(
            "wharf-step-{}-{:x}",
            std::process::id(),
            Timestamp::now().as_nanosecond()
        );
        let path = below.join(name);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let made = builder.create(&path);
        made.map_err(|error| format!("a directory {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// A text without the values that nobody may see.
fn masked(mut text: String, hidden: &[String]) -> String {
    for value in hidden {
        if text.contains(value.as_str()) {
            text = text.replace(value.as_str(), MASK);
        }
    }
    text
}

/// The first digits of a digest.
fn brief(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..12).unwrap_or(digits)
}
