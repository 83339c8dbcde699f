//! A service: what a Swarm keeps running.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::model::{Timestamp, release::ReleaseNumber};

/// How many tasks a service has, and whether they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// So many.
    Replicated(u64),
    /// One on each node.
    Global,
    /// So many that run to their end.
    ReplicatedJob(u64),
    /// One on each node that runs to its end.
    GlobalJob,
}

impl Mode {
    /// Whether it can be said how many there are.
    pub fn scales(self) -> bool {
        matches!(self, Self::Replicated(_))
    }

    /// Whether there is one on each node.
    pub fn is_global(self) -> bool {
        matches!(self, Self::Global | Self::GlobalJob)
    }
}

impl Default for Mode {
    fn default() -> Self {
        Self::Replicated(1)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replicated(_) => "replicated",
            Self::Global => "global",
            Self::ReplicatedJob(_) => "job",
            Self::GlobalJob => "global job",
        })
    }
}

/// How far the newest update of a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Update {
    /// `updating`, `paused`, `completed`, `rollback_started`, `rollback_paused`, `rollback_completed`.
    pub state: Arc<str>,
    /// The managers' words.
    pub message: Arc<str>,
    /// When it began.
    pub began: Option<Timestamp>,
}

impl Update {
    /// Whether the managers are at it.
    pub fn is_under_way(&self) -> bool {
        matches!(&*self.state, "updating" | "rollback_started")
    }

    /// Its state in plain words.
    pub fn word(&self) -> &str {
        match &*self.state {
            "rollback_started" => "rolling back",
            "rollback_paused" => "rollback paused",
            "rollback_completed" => "rolled back",
            other => other,
        }
    }

    /// Whether it stopped before it came to its end, or went back.
    pub fn failed(&self) -> bool {
        &*self.state == "paused" || self.state.starts_with("rollback")
    }
}

/// What a Swarm keeps running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its id.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The image of its tasks, as it was named.
    pub image: Arc<str>,
    /// How many tasks it has.
    pub mode: Mode,
    /// So many of them run.
    pub running: u64,
    /// So many are to run.
    pub wanted: u64,
    /// So many have run to their end; of jobs.
    pub completed: u64,
    /// How far its newest update is; none when there was none.
    pub update: Option<Update>,
    /// The ports that it publishes: `8080→80/tcp`, those of single nodes with `host`.
    pub ports: Vec<Arc<str>>,
    /// On which nodes its tasks may be.
    pub constraints: Vec<Arc<str>>,
    /// The app that it is of: the stack.
    pub app: Option<Arc<str>>,
    /// The release that it was made for, when Wharf deployed it.
    pub release: Option<ReleaseNumber>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
}

impl Service {
    /// `2/3`, or how many tasks of a job are done.
    pub fn tally(&self) -> String {
        match self.mode {
            Mode::Replicated(_) | Mode::Global => format!("{}/{}", self.running, self.wanted),
            Mode::ReplicatedJob(all) => format!("{}/{all} done", self.completed),
            Mode::GlobalJob => format!("{} done", self.completed),
        }
    }

    /// Whether fewer of it run than are to.
    pub fn lacks(&self) -> bool {
        matches!(self.mode, Mode::Replicated(_) | Mode::Global) && self.running < self.wanted
    }

    /// What is to be seen of it in a word: how its update is, else whether enough of it runs.
    pub fn word(&self) -> &str {
        match &self.update {
            Some(update) if &*update.state != "completed" => update.word(),
            Some(_) | None if self.lacks() => "lacking",
            Some(_) | None => "running",
        }
    }
}
