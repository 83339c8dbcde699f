//! Pipelines: steps with conditions between them, from a commit to production, and their runs.

mod board;
mod name;
mod report;
mod run;
pub mod samples;
mod saying;
mod verb;

pub use board::Board;
pub use name::{PipelineName, RunTag, StepName};
pub use report::{Failure, Limit, TestReport, thousandths};
pub use run::{
    Cause, LogChunk, LogLine, LogPlace, Reply, Run, RunHeld, RunLease, RunNumber, RunWish, Status,
    StepRun, SuiteResult,
};
pub use saying::Saying;
pub use verb::{
    ApprovalStep, BuildStep, DeployStep, GateStep, GitStep, JenkinsStep, NotifyStep, PromoteStep,
    Verb,
};

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::jenkins::BuildResult;

/// A pipeline as its file says it. Texts may hold `${NAME}`, which is filled in when a step begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// What it is called: the name of its file, unless it says another.
    pub name: PipelineName,
    /// What starts it; nothing but a person when empty.
    #[serde(default)]
    pub when: Vec<Trigger>,
    /// Values by name, for all steps.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
    /// What is asked when somebody starts it, with what holds when nothing is said.
    #[serde(default)]
    pub parameters: Vec<RunParameter>,
    /// On which host its containers run: patterns of hosts, such as `group:build`; any host that is open to builds else.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Each combination of these is a copy of the steps between which nothing is shared but the workspace.
    #[serde(default)]
    pub matrix: BTreeMap<String, Vec<String>>,
    /// Runs with the same key never run at the same time; the pipeline's name when it says none.
    #[serde(default)]
    pub concurrency: Option<String>,
    /// How long a run may take; none for a day.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// What runs beside the steps.
    #[serde(default)]
    pub services: Vec<Service>,
    /// What is done.
    pub steps: Vec<PipelineStep>,
}

/// A repository that keeps pipelines beside its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineSource {
    /// The repository.
    pub url: String,
    /// The branch that counts.
    pub branch: String,
    /// A directory of files `NAME.yaml` in it, or one such file.
    pub path: String,
}

impl PipelineSource {
    /// What tells it from others.
    pub fn key(&self) -> String {
        format!("{}#{}:{}", self.url, self.branch, self.path)
    }
}

/// A pipeline file that a repository keeps, as a worker read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// Where it is: the repository, its branch and the path.
    pub place: String,
    /// What it says.
    pub text: String,
}

/// What starts a pipeline without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Trigger {
    /// A person; always allowed.
    Manual,
    /// At these minutes of a calendar, five fields of cron.
    Cron {
        /// The fields.
        cron: String,
    },
    /// A branch of a repository moved.
    Push {
        /// The repository.
        url: String,
        /// The branch.
        branch: String,
        /// So often it is looked.
        every: Duration,
    },
    /// A build of a job of Jenkins is over.
    Jenkins {
        /// The server, as the configuration calls it.
        server: String,
        /// The job with its folders.
        job: String,
        /// Only builds that ended so.
        results: Vec<BuildResult>,
        /// So often it is looked.
        every: Duration,
    },
    /// A tag of an image points at another digest.
    Image {
        /// The image with its tag.
        image: String,
        /// So often it is looked.
        every: Duration,
    },
}

/// What is asked when somebody starts a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunParameter {
    /// The variable that it becomes.
    pub name: String,
    /// What holds when nothing is said; must be said when none.
    #[serde(default)]
    pub default: Option<String>,
    /// What may be said; anything when empty.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// A container that runs beside the steps, found by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// By this name steps find it.
    pub name: StepName,
    /// What it is made of.
    pub image: String,
    /// Its command; the image's when empty.
    #[serde(default)]
    pub command: Vec<String>,
    /// Its variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// A step of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineStep {
    /// Its name in its pipeline.
    pub name: StepName,
    /// What it does.
    pub verb: Verb,
    /// The steps that come before it. A file that says nothing of it has its steps one after the other.
    #[serde(default)]
    pub after: Vec<StepName>,
    /// Whether it is done after these ends of the steps before; after success only, when empty.
    #[serde(default)]
    pub on: Vec<Ending>,
    /// Only when these variables have one of these values.
    #[serde(default)]
    pub only: BTreeMap<String, Vec<String>>,
    /// The run goes on when it failed.
    #[serde(default)]
    pub may_fail: bool,
    /// How long it may take; none for an hour.
    #[serde(default)]
    pub timeout: Option<Duration>,
    /// So many times it is tried again.
    #[serde(default)]
    pub retries: u32,
    /// Its variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables whose values are secrets: by which name the configuration knows each.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Volumes that keep what is in them between runs: a name and where it is mounted.
    #[serde(default)]
    pub cache: BTreeMap<String, String>,
    /// Test reports that it leaves in the workspace.
    #[serde(default)]
    pub reports: Option<Reports>,
    /// Files of the workspace that are kept: patterns.
    #[serde(default)]
    pub artifacts: Vec<String>,
    /// Values that tell this copy from others of a matrix.
    #[serde(default)]
    pub cell: BTreeMap<String, String>,
}

/// Test reports of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reports {
    /// Files of the workspace in JUnit's form: a pattern. A build of Jenkins has its own report.
    #[serde(default)]
    pub junit: Option<String>,
    /// Files of the workspace with measured values, objects of numbers in JSON: a pattern.
    #[serde(default)]
    pub metrics: Option<String>,
    /// The suite that they count for in gates; the step's name when none is said.
    #[serde(default)]
    pub suite: Option<String>,
    /// The environment that was tested; none when it says nothing about one.
    #[serde(default)]
    pub environment: Option<String>,
    /// The image that was tested, by its name in a registry; the one that the run made when nothing is said.
    #[serde(default)]
    pub image: Option<String>,
}

/// How the steps before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All well.
    Success,
    /// One did not.
    Failure,
}

impl PipelineStep {
    /// A step that says nothing but what it does.
    pub fn new(name: StepName, verb: Verb) -> Self {
        Self {
            name,
            verb,
            after: Vec::new(),
            on: Vec::new(),
            only: BTreeMap::new(),
            may_fail: false,
            timeout: None,
            retries: 0,
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            cache: BTreeMap::new(),
            reports: None,
            artifacts: Vec::new(),
            cell: BTreeMap::new(),
        }
    }
}

/// What runs are called that say what people said of environments that only workers change. Their keys begin so.
pub const BY_HAND: &str = "by-hand";

impl Pipeline {
    /// A pipeline that says nothing but its steps.
    pub fn new(name: PipelineName, steps: Vec<PipelineStep>) -> Self {
        Self {
            name,
            when: Vec::new(),
            vars: BTreeMap::new(),
            parameters: Vec::new(),
            hosts: Vec::new(),
            matrix: BTreeMap::new(),
            concurrency: None,
            timeout: None,
            services: Vec::new(),
            steps,
        }
    }

    /// Whether it was handed to workers, and no console carries it out.
    pub fn is_by_hand(&self) -> bool {
        let rest = self.key().strip_prefix(BY_HAND);
        rest.is_some_and(|rest| rest.starts_with(' '))
    }

    /// What keeps its runs apart.
    pub fn key(&self) -> &str {
        self.concurrency.as_deref().unwrap_or(self.name.as_str())
    }

    /// A step by its name.
    pub fn step(&self, name: &StepName) -> Option<&PipelineStep> {
        self.steps.iter().find(|step| step.name == *name)
    }

    /// For each step in which column of its graph it stands: one after the last of those before it.
    pub fn columns(&self) -> BTreeMap<&StepName, usize> {
        let mut columns: BTreeMap<&StepName, usize> = BTreeMap::new();
        // The reader has made sure that there is no circle, and each round places one more at least.
        for _ in &self.steps {
            for step in &self.steps {
                let before = step.after.iter().filter_map(|name| columns.get(name));
                let column = before.max().map_or(0, |column| column + 1);
                columns.insert(&step.name, column);
            }
        }
        columns
    }
}

/// Fills in `${NAME}`; `$$` is a dollar. What is not known is told by its name.
pub fn filled(
    text: &str,
    value: &dyn Fn(&str) -> Option<String>,
) -> std::result::Result<String, Arc<str>> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
        {
            let (name, fallback) = match name.split_once(":-") {
                Some((name, fallback)) => (name, Some(fallback)),
                None => (name, None),
            };
            let found = value(name).filter(|found| fallback.is_none() || !found.is_empty());
            let found = found.or_else(|| fallback.map(str::to_owned));
            out.push_str(&found.ok_or_else(|| Arc::from(name))?);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests;
