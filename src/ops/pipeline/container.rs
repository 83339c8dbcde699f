//! Steps in containers: commands, their log, their reports and artifacts, and the commit that they work on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::ExposeSecret as _;
use tokio::time::sleep;

use super::{
    junit,
    step::{AUTHOR, BUILT_IN, Ended, Turn, line, variable},
};
use crate::{
    engine::{LogMark, StepState, Yard, YardStep},
    model::{
        MASK, Timestamp,
        pipeline::{GitStep, LogLine, Status, TestReport, thousandths},
        printable,
        release::SecretOf,
    },
};

/// So many bytes of a step's log are kept.
pub(super) const LOG: usize = 16 << 20;

impl Turn<'_> {
    /// Commands in a container.
    pub(super) async fn commands(&self, image: &str, commands: &[String]) -> Result<Ended, String> {
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
    pub(super) fn secrets(&self) -> Result<(BTreeMap<String, String>, Vec<String>), String> {
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
                        vec![line(
                            "— the log is longer than 16 MiB; the rest is not kept —",
                        )]
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
            let mut report: Option<TestReport> = None;
            for (pattern, read) in [
                (&reports.junit, junit::read as fn(&str) -> _),
                (&reports.metrics, measured),
            ] {
                let Some(pattern) = pattern else { continue };
                let files = match self.gathered(yard, pattern).await {
                    Ok(files) => files,
                    Err(why) => {
                        said.push(format!("the reports {pattern}: {why}"));
                        continue;
                    }
                };
                let (_dir, files) = files;
                if files.is_empty() {
                    said.push(format!("no report is there: {pattern}"));
                }
                for (name, path) in files {
                    let text = fs::read(&path).map_err(|error| error.to_string());
                    match text.and_then(|bytes| read(&String::from_utf8_lossy(&bytes))) {
                        Ok(one) => report.get_or_insert_default().add(one),
                        Err(why) => said.push(format!("the report {name}: {why}")),
                    }
                }
            }
            ended.report = report;
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
        let lines: Vec<LogLine> = said.into_iter().map(line).collect();
        if !lines.is_empty() {
            self.write(&lines, "").await;
        }
    }

    /// The files of the workspace that a pattern means, here in a directory that goes when it is dropped.
    pub(super) async fn gathered(
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

    /// A commit comes into the workspace.
    pub(super) async fn git(&self, git: &GitStep) -> Result<Ended, String> {
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
        self.write(&[line(format!("{from} at {commit}"))], "").await;
        let mut ended = Ended::new(Status::Success, short);
        ended.variables.insert("CI_COMMIT_SHA".to_owned(), commit);
        let author = tree.author().to_owned();
        ended.variables.insert(AUTHOR.to_owned(), author);
        Ok(ended)
    }
}

/// Measured values: an object of numbers in JSON; those of objects inside have names such as `latency.p95`.
fn measured(text: &str) -> Result<TestReport, String> {
    fn into(report: &mut TestReport, name: &str, value: &serde_json::Value) {
        if let Some(inner) = value.as_object() {
            for (key, value) in inner {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                into(report, &name, value);
            }
        } else if let Some(number) = value.as_f64().and_then(thousandths) {
            report.metrics.insert(printable(name), number);
        }
    }
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let mut report = TestReport::default();
    into(&mut report, "", &value);
    if report.metrics.is_empty() {
        return Err("it has no numbers".to_owned());
    }
    Ok(report)
}

/// A directory that goes when it is dropped.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(below: &Path) -> Result<Self, String> {
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

/// A text without the values that nobody may see.
pub(super) fn masked(mut text: String, hidden: &[String]) -> String {
    for value in hidden {
        if text.contains(value.as_str()) {
            text = text.replace(value.as_str(), MASK);
        }
    }
    text
}
