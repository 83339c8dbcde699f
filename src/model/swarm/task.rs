//! A task: one container of a service, on its way to run, running, or ended.

use std::sync::Arc;

use serde::Serialize;

use crate::model::{ContainerId, Timestamp};

/// One container of a service, on its way to run, running, or ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its id.
    pub id: Arc<str>,
    /// The id of its service.
    pub service: Arc<str>,
    /// Which of the replicas; none where there is one on each node.
    pub slot: Option<u64>,
    /// The id of its node; none while it has no place.
    pub node: Option<Arc<str>>,
    /// What it is to be: `running`, `shutdown`, `remove` …
    pub desired: Arc<str>,
    /// What it is: `new`, `pending`, `preparing`, `starting`, `running`, `failed`, `rejected` …
    pub state: Arc<str>,
    /// The managers' words.
    pub message: Arc<str>,
    /// Why it failed, or has no place; empty for nothing.
    pub error: Arc<str>,
    /// The code that its container ended with.
    pub exit: Option<i64>,
    /// Since when it is in its state.
    pub since: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// Its container.
    pub container: Option<ContainerId>,
    /// Its image, as it was named.
    pub image: Arc<str>,
    /// What its container was made of, when Wharf deployed it; empty otherwise.
    pub print: Arc<str>,
}

impl Task {
    /// Whether it is to run, or to have run.
    pub fn is_wanted(&self) -> bool {
        matches!(
            &*self.desired,
            "running" | "ready" | "accepted" | "complete"
        )
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        &*self.state == "running"
    }

    /// Whether it ended as it should not.
    pub fn failed(&self) -> bool {
        matches!(&*self.state, "failed" | "rejected" | "orphaned")
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        self.failed() || matches!(&*self.state, "complete" | "shutdown" | "remove")
    }

    /// What is wrong with it: why it failed, or waits; none when it is as it should be.
    pub fn trouble(&self) -> Option<String> {
        if !self.error.is_empty() {
            return Some(self.error.to_string());
        }
        let code = self.exit.filter(|code| *code != 0);
        match (self.failed(), code) {
            (true, Some(code)) => Some(format!("it ended with exit code {code}")),
            (true, None) => Some(self.message.to_string()),
            (false, _) => None,
        }
    }
}
