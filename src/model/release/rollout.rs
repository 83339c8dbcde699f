//! One deploy: a release on its way to its hosts, who brings it there, and how far it is.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
    path::PathBuf,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Front, Gate, Lane, Policy, Release, ReleaseNumber, Scope, Strategy, Target, Trial};
use crate::model::{Timestamp, app::ServiceName};

/// Which way a deploy goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the new release.
    #[default]
    Forth,
    /// Back to the one before, whatever was changed.
    Back,
    /// To the new release, and no gray release is judged any more.
    Promote,
}

/// How far a deploy is. It is the row in the store that others see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// On its way to the new release.
    Rolling,
    /// On its way back.
    RollingBack,
    /// It stands still until somebody says how to go on.
    Paused,
    /// The new release is everywhere.
    Succeeded,
    /// The release before is everywhere again.
    RolledBack,
    /// It ended otherwise; somebody has to look.
    Failed,
}

impl Phase {
    /// In the store and in lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::RollingBack => "rolling-back",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Rolling,
            Self::RollingBack,
            Self::Paused,
            Self::Succeeded,
            Self::RolledBack,
            Self::Failed,
        ];
        all.into_iter().find(|one| one.word() == word)
    }

    /// Whether something is still to be done, so that no other deploy of the app may begin.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Rolling | Self::RollingBack | Self::Paused)
    }
}

/// What an operator wishes of a deploy that runs, maybe elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// That it goes on.
    #[default]
    Go,
    /// That it stops after what is under way.
    Pause,
    /// That it goes back.
    Abort,
    /// That a gray release is judged no more and comes everywhere.
    Promote,
}

impl Wish {
    /// In the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Pause => "pause",
            Self::Abort => "abort",
            Self::Promote => "promote",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Go, Self::Pause, Self::Abort, Self::Promote];
        all.into_iter().find(|one| one.word() == word)
    }
}

/// A deploy: what it brings, from what, and how. All that is needed to begin it or to go on with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The new release.
    pub release: Arc<Release>,
    /// The one before; none for the first.
    pub previous: Option<Arc<Release>>,
    /// How.
    pub policy: Policy,
    /// Containers of the app that somebody else made are replaced, too.
    pub adopt: bool,
    /// Secrets that are made when they are not there yet, each of so many characters.
    pub generate: Vec<(crate::model::app::SecretName, usize)>,
    /// The file of this machine that has its images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<PathBuf>,
    /// What services of a Swarm were made of when it was planned: whoever finds something else asks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<ServiceName, String>,
    /// The services of a Swarm that are tried in a second one first, and how.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trials: BTreeMap<ServiceName, Vec<Trial>>,
}

impl Rollout {
    /// Of which app in which environment.
    pub fn scope(&self) -> &Scope {
        &self.release.scope
    }
}

/// The right to work on a deploy: whoever has the newest token of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Of which app in which environment.
    pub scope: Scope,
    /// Which release it brings.
    pub number: ReleaseNumber,
    /// The fencing token; each taking raises it.
    pub token: i64,
}

/// A deploy as the store tells of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// Of which app in which environment.
    pub scope: Scope,
    /// Which release it brings.
    pub number: ReleaseNumber,
    /// How far it is.
    pub phase: Phase,
    /// What is wished of it.
    pub wish: Wish,
    /// Who works on it, or did last.
    pub by: String,
    /// When it began.
    pub since: Timestamp,
    /// In words: what it came to, or what it waits for.
    pub detail: String,
    /// Seconds until its worker counts as lost; none or less when it is lost.
    pub seconds_left: i64,
}

impl Held {
    /// What it is: `r000003 of shop in prod, by ann@ops-1`.
    pub fn told(&self) -> String {
        format!("{} of {}, by {}", self.number, self.scope, self.by)
    }

    /// Whether somebody works on it now.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Rolling | Phase::RollingBack) && self.seconds_left > 0
    }
}

/// One target on its way to a release. Doing it again changes nothing more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Converge {
    /// The release that it is to have.
    pub release: Arc<Release>,
    /// Which replica of which service, where.
    pub target: Target,
    /// How the one before is replaced.
    pub strategy: Strategy,
    /// When it counts as well.
    pub gate: Gate,
    /// Containers that somebody else made are replaced, too.
    pub adopt: bool,
    /// To which servers of its balancer it belongs.
    pub lane: Lane,
    /// Where the release that it comes from stood, when that was elsewhere.
    pub left: Option<Box<Front>>,
}

impl Converge {
    /// Where it is to stand behind a balancer.
    pub fn front(&self) -> Option<&Front> {
        self.release.fronts.get(&self.target.service)
    }

    /// Where any container of the target may stand.
    pub fn fronts(&self) -> Vec<&Front> {
        self.front()
            .into_iter()
            .chain(self.left.as_deref())
            .collect()
    }
}

/// What a step of a deploy does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployAction {
    /// Bring a target to a release.
    Converge(Converge),
    /// Take the replicas of a target away that the release does not have.
    Withdraw {
        /// The release that does not have it.
        release: Arc<Release>,
        /// Which one.
        target: Target,
    },
    /// Remove containers of releases that are no longer kept.
    Prune {
        /// The newest release.
        release: Arc<Release>,
        /// So many releases keep their containers.
        keep: u32,
    },
}

impl DeployAction {
    /// The release that it is about.
    pub fn release(&self) -> &Arc<Release> {
        match self {
            Self::Converge(converge) => &converge.release,
            Self::Withdraw { release, .. } | Self::Prune { release, .. } => release,
        }
    }

    /// What tells it apart from others of its release.
    fn parts(&self) -> (u8, Option<&Target>) {
        match self {
            Self::Converge(converge) => (0, Some(&converge.target)),
            Self::Withdraw { target, .. } => (1, Some(target)),
            Self::Prune { .. } => (2, None),
        }
    }
}

/// Specs hold shares between 0 and 1, which are numbers always.
impl Eq for DeployAction {}

impl Hash for DeployAction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let release = self.release();
        (&release.scope, release.number, self.parts()).hash(state);
    }
}

impl fmt::Display for DeployAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converge(converge) => write!(f, "bring to {}", converge.release.number),
            Self::Withdraw { release, .. } => write!(f, "take away, {} has none", release.number),
            Self::Prune { release, keep } => {
                write!(
                    f,
                    "keep containers of the {keep} releases up to {}",
                    release.number
                )
            }
        }
    }
}
