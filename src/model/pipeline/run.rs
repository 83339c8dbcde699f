//! One execution of a pipeline: how far each of its steps is, as it is kept and shown.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Pipeline, PipelineName, RunTag, StepName, TestReport};
use crate::model::{HostName, Stream, Timestamp, jenkins::BuildResult};

/// The number of a run among all runs of a store; written `#42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunNumber(pub u64);

/// The logs of builds are kept beside those of runs, under numbers from here that no run reaches.
const BUILDS: u64 = 1 << 62;

impl RunNumber {
    /// The number under which the log of a build is kept, by the number of its act.
    pub fn of_build(operation: u64) -> Self {
        Self(BUILDS + operation)
    }

    /// The step under whose name it is kept there.
    pub fn build_step() -> StepName {
        StepName::of_build()
    }
}

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("#{}", self.0))
    }
}

impl FromStr for RunNumber {
    type Err = String;

    /// `#42` or `42`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('#').unwrap_or(text).parse() {
            Ok(0) | Err(_) => Err("a run is a number, 42 or #42".to_owned()),
            Ok(number) => Ok(Self(number)),
        }
    }
}

/// How far a run or a step is (Woodpecker's words, as far as they happen here).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It waits for its turn, or for the steps before it.
    #[default]
    Pending,
    /// It goes on.
    Running,
    /// It waits for people.
    Blocked,
    /// It ended well.
    Success,
    /// It ended badly.
    Failure,
    /// Somebody said that it shall not go on.
    Canceled,
    /// It was not done, because of what was before it or of its conditions.
    Skipped,
    /// Somebody did not approve it.
    Declined,
    /// What it ran in is gone, so that nobody knows how it ended.
    Lost,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Running,
        Self::Blocked,
        Self::Success,
        Self::Failure,
        Self::Canceled,
        Self::Skipped,
        Self::Declined,
        Self::Lost,
    ];

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Canceled => "canceled",
            Self::Skipped => "skipped",
            Self::Declined => "declined",
            Self::Lost => "lost",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// Whether nothing more comes of it.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Blocked)
    }

    /// Whether it is over and went badly.
    pub fn is_bad(self) -> bool {
        matches!(
            self,
            Self::Failure | Self::Canceled | Self::Declined | Self::Lost
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Somebody started it.
    Manual,
    /// The clock.
    Cron,
    /// A branch moved to a commit.
    Push {
        /// The branch.
        branch: String,
        /// The commit.
        commit: String,
    },
    /// A build of a job of Jenkins is over.
    Jenkins {
        /// The server.
        server: String,
        /// The job with its folders.
        job: String,
        /// The number of the build.
        build: u64,
        /// How it ended.
        result: BuildResult,
    },
    /// A tag points at another image.
    Image {
        /// The image with its tag.
        image: String,
        /// The digest it points at now.
        digest: String,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manual => f.write_str("manual"),
            Self::Cron => f.write_str("cron"),
            Self::Push { branch, commit } => {
                write!(f, "{branch} {}", commit.get(..8).unwrap_or(commit))
            }
            Self::Image { image, .. } => f.write_str(image),
            Self::Jenkins {
                server, job, build, ..
            } => write!(f, "{job}@{server} {build}"),
        }
    }
}

/// A run of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number; 0 before the store has taken it.
    pub number: RunNumber,
    /// What tells it from runs of the same number in other stores; made by the store.
    #[serde(default)]
    pub key: String,
    /// Its pipeline as it was when the run was made.
    pub pipeline: Arc<Pipeline>,
    /// Why it began.
    pub cause: Cause,
    /// Who started it: `operator@machine`, or the worker.
    pub by: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// When somebody took it.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// When it was over.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// How far it is.
    #[serde(default)]
    pub status: Status,
    /// What there is to say of that.
    #[serde(default)]
    pub detail: String,
    /// The host of its containers and its workspace, once it is chosen.
    #[serde(default)]
    pub host: Option<HostName>,
    /// Its parameters, and what its steps found out: never a secret.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// The images that its steps made or named: each name with the digest that it stood for.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Its steps, in the order of the pipeline.
    pub steps: Vec<StepRun>,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRun {
    /// Its name.
    pub name: StepName,
    /// How far it is.
    #[serde(default)]
    pub status: Status,
    /// The how-manieth try it is, from 1; 0 before it began.
    #[serde(default)]
    pub attempt: u32,
    /// When the try began.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// When it was over.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// What there is to say of how it is: what it waits for, why it failed.
    #[serde(default)]
    pub detail: String,
    /// What its tests said.
    #[serde(default)]
    pub report: Option<TestReport>,
    /// The files that it left: name and bytes.
    #[serde(default)]
    pub artifacts: Vec<(String, u64)>,
    /// What people said to it, when they were asked.
    #[serde(default)]
    pub replies: Vec<Reply>,
    /// What exactly is asked to be approved; an approval of anything else counts for nothing.
    #[serde(default)]
    pub digest: Option<String>,
}

/// What somebody said when a step asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Whether it may go on.
    pub approves: bool,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// What was approved.
    pub digest: String,
}

impl StepRun {
    /// A step that has not begun.
    pub fn new(name: StepName) -> Self {
        Self {
            name,
            status: Status::Pending,
            attempt: 0,
            started: None,
            ended: None,
            detail: String::new(),
            report: None,
            artifacts: Vec::new(),
            replies: Vec::new(),
            digest: None,
        }
    }

    /// How long it takes or took, in milliseconds.
    pub fn milliseconds(&self, now: Timestamp) -> Option<u64> {
        took(self.started, self.ended, now)
    }
}

impl Run {
    /// A run that has not begun.
    pub fn new(pipeline: Arc<Pipeline>, cause: Cause, by: String, created: Timestamp) -> Self {
        let steps = pipeline.steps.iter();
        let steps = steps.map(|step| StepRun::new(step.name.clone())).collect();
        Self {
            number: RunNumber(0),
            key: String::new(),
            cause,
            by,
            created,
            started: None,
            ended: None,
            status: Status::Pending,
            detail: String::new(),
            host: None,
            variables: BTreeMap::new(),
            images: BTreeMap::new(),
            steps,
            pipeline,
        }
    }

    /// What a run that has not begun waits for, among others that are not over; none of one that has begun.
    pub fn waits_for<'r>(&self, others: impl Iterator<Item = &'r RunHeld>) -> Option<String> {
        if self.status != Status::Pending {
            return None;
        }
        let key = self.pipeline.key();
        let mut before: Vec<&Self> = others
            .map(|held| &held.run)
            .filter(|one| one.number != self.number && one.pipeline.key() == key)
            .filter(|one| match one.status {
                Status::Running => true,
                Status::Pending => one.number < self.number,
                _ => false,
            })
            .collect();
        before.sort_by_key(|one| (one.status == Status::Pending, one.number));
        Some(match before.first() {
            Some(one) => format!("waits for run {} of {}", one.number, one.name()),
            None => "waits for a worker".to_owned(),
        })
    }

    /// What it leaves on its host goes by this.
    pub fn tag(&self) -> Option<RunTag> {
        format!("{}-{}", self.number.0, self.key).parse().ok()
    }

    /// What it is a run of.
    pub fn name(&self) -> &PipelineName {
        &self.pipeline.name
    }

    /// A step by its name.
    pub fn step(&self, name: &StepName) -> Option<&StepRun> {
        self.steps.iter().find(|step| step.name == *name)
    }

    /// How long it takes or took, in milliseconds.
    pub fn milliseconds(&self, now: Timestamp) -> Option<u64> {
        took(self.started, self.ended, now)
    }

    /// The steps that wait for people.
    pub fn asks(&self) -> impl Iterator<Item = &StepRun> {
        let steps = self.steps.iter();
        steps.filter(|step| step.status == Status::Blocked && step.digest.is_some())
    }
}

fn took(started: Option<Timestamp>, ended: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    let span = ended.unwrap_or(now).duration_since(started?);
    Some(u64::try_from(span.as_millis()).unwrap_or(0))
}

/// The right to work on a run, until somebody else takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLease {
    /// The run.
    pub number: RunNumber,
    /// Raised with each taking; whoever has an older one is told so.
    pub token: i64,
}

/// What is wished of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunWish {
    /// It goes on.
    #[default]
    Go,
    /// It ends.
    Cancel,
}

/// A run with who works on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunHeld {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// Who works on it, or did last; empty before anybody did.
    pub worker: String,
    /// So many seconds that one is still believed to live; 0 or less when it is left.
    pub seconds_left: i64,
    /// What is wished of it.
    pub wish: RunWish,
}

/// A line of a step's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written, in nanoseconds since 1970 by the host's clock.
    pub at: i64,
    /// Whether it came from the errors' output.
    #[serde(default)]
    pub error: bool,
    /// The text, with secrets masked.
    pub text: String,
}

impl LogLine {
    /// Which output it came from.
    pub fn stream(&self) -> Stream {
        if self.error {
            Stream::Stderr
        } else {
            Stream::Stdout
        }
    }
}

/// Where in the log of a step somebody is: after that many lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace(pub u64);

/// A part of a step's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogChunk {
    /// Its lines, in order.
    pub lines: Vec<LogLine>,
    /// Where it ends.
    pub next: LogPlace,
}

/// What a suite of tests said in one run, for gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteResult {
    /// The run.
    pub run: RunNumber,
    /// The step.
    pub step: StepName,
    /// When it was over.
    pub at: Timestamp,
    /// What the image was that was tested, when the run knows.
    #[serde(default)]
    pub digest: Option<String>,
    /// What its tests said; none when it broke off or left no report.
    #[serde(default)]
    pub report: Option<TestReport>,
}
