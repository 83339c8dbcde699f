//! What a step of a pipeline does: one verb each.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::Limit;

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Commands in a container, one after the other; the first that fails ends it.
    Commands {
        /// What the container is made of.
        image: String,
        /// What a shell in it does; the image's own command when empty.
        commands: Vec<String>,
    },
    /// A commit of a repository comes into the workspace.
    Git(GitStep),
    /// An image is built of the workspace.
    Build(BuildStep),
    /// The same image gets another name in its registry.
    Promote(PromoteStep),
    /// A release of an app is brought to its hosts.
    Deploy(Box<DeployStep>),
    /// The run stands still until the last runs of a suite were good, or fails.
    Gate(GateStep),
    /// The run stands still until other people have approved it.
    Approval(ApprovalStep),
    /// People are told something.
    Notify(NotifyStep),
    /// Any sentence.
    Run(String),
    /// A job of a Jenkins is built.
    Jenkins(JenkinsStep),
}

/// Which job is built, with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JenkinsStep {
    /// The server, as the configuration calls it.
    pub server: String,
    /// The job with its folders.
    pub job: String,
    /// What it is given.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// A build that is unstable is good enough.
    #[serde(default)]
    pub unstable_passes: bool,
}

/// Which commit comes into the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitStep {
    /// The repository.
    pub url: String,
    /// A branch, a tag or a commit; the commit that started the run, else the repository's main branch, when none.
    #[serde(default)]
    pub reference: Option<String>,
}

/// How an image is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStep {
    /// The directory of the workspace that it is built of.
    pub context: String,
    /// The Dockerfile, from there.
    #[serde(default)]
    pub dockerfile: Option<String>,
    /// What it is called.
    pub tag: String,
    /// Arguments of the Dockerfile.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
    /// The stage that is wanted; the last one when none.
    #[serde(default)]
    pub target: Option<String>,
    /// It goes to its registry then.
    #[serde(default)]
    pub push: bool,
}

/// Which image gets which other name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromoteStep {
    /// The repository with its registry.
    pub image: String,
    /// The tag or digest that it has.
    pub from: String,
    /// The tag that it gets.
    pub to: String,
}

/// What is deployed where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployStep {
    /// The app.
    pub app: String,
    /// Its environment.
    #[serde(default)]
    pub environment: Option<String>,
    /// Images by service; for an app of one service the service need not be said.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Hosts, as a deploy takes them.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The template that it is made of.
    #[serde(default)]
    pub template: Option<String>,
    /// A Compose file of the workspace that it is made of.
    #[serde(default)]
    pub file: Option<String>,
    /// Values of parameters or variables.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// The shares of a gray release, in percent.
    #[serde(default)]
    pub canary: Vec<u8>,
    /// How long each share is watched.
    #[serde(default)]
    pub every: Option<Duration>,
    /// So many requests are needed to judge.
    #[serde(default)]
    pub requests: Option<u64>,
}

/// When the last runs of a suite are good enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateStep {
    /// The suite.
    pub suite: String,
    /// The environment that was tested; any when none.
    #[serde(default)]
    pub environment: Option<String>,
    /// So many of the last results, one after the other, are good.
    pub consecutive: u32,
    /// So many percent of the tests that ran passed in each.
    pub pass_rate: u8,
    /// A test that was skipped is as good as one that passed.
    #[serde(default)]
    pub skipped_pass: bool,
    /// What was measured keeps within these.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// All of them tested the image of this run.
    #[serde(default)]
    pub same_digest: bool,
    /// It waits for results, and does not fail at once.
    #[serde(default)]
    pub wait: bool,
}

/// Who has to approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalStep {
    /// People who may: accounts; anybody but who started the run when empty.
    #[serde(default)]
    pub people: Vec<String>,
    /// Those who may approve in this environment, by their roles.
    #[serde(default)]
    pub environment: Option<String>,
    /// So many of them.
    pub count: u32,
    /// The question expires after so long.
    pub expires: Duration,
}

/// Whom a step tells what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyStep {
    /// The channels, as `[[notify]]` names them.
    pub to: Vec<String>,
    /// What is told; how the run goes, when nothing is said.
    #[serde(default)]
    pub text: Option<String>,
}

impl Verb {
    /// Its name in the file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Commands { .. } => "commands",
            Self::Git(_) => "git",
            Self::Build(_) => "build",
            Self::Promote(_) => "promote",
            Self::Deploy(_) => "deploy",
            Self::Gate(_) => "gate",
            Self::Approval(_) => "approval",
            Self::Notify(_) => "notify",
            Self::Run(_) => "run",
            Self::Jenkins(_) => "jenkins",
        }
    }
}
