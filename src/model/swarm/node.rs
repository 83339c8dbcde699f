//! A node: a host as a part of a Swarm.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;

/// Whether a node takes tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// It takes tasks.
    #[default]
    Active,
    /// It keeps those it has and takes none.
    Pause,
    /// Its tasks are stopped and go elsewhere.
    Drain,
}

impl Availability {
    /// The engine's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pause => "pause",
            Self::Drain => "drain",
        }
    }

    /// Reads the engine's word; one that is not known keeps tasks away.
    pub fn read(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "drain" => Self::Drain,
            _ => Self::Pause,
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One host of a Swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its id.
    pub id: Arc<str>,
    /// The host's own name.
    pub name: Arc<str>,
    /// Whether it is a manager.
    pub manages: bool,
    /// Whether it leads the managers.
    pub leads: bool,
    /// Whether other managers reach it: `reachable`, `unreachable`; empty for workers.
    pub reachability: Arc<str>,
    /// Whether it takes tasks.
    pub availability: Availability,
    /// `ready`, `down`, `unknown` or `disconnected`.
    pub state: Arc<str>,
    /// What the managers say of its state; empty for nothing.
    pub message: Arc<str>,
    /// Its address.
    pub address: Arc<str>,
    /// The version of its engine.
    pub engine: Arc<str>,
    /// Processors, in billionths.
    pub nano_cpus: u64,
    /// Memory in bytes.
    pub memory: u64,
    /// Its labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

impl Node {
    /// Whether it answers its managers.
    pub fn is_ready(&self) -> bool {
        &*self.state == "ready"
    }

    /// Whether a task may be put on it now, as far as the node itself goes.
    pub fn takes_tasks(&self) -> bool {
        self.is_ready() && self.availability == Availability::Active
    }

    /// `leader`, `manager` or `worker`.
    pub fn role(&self) -> &'static str {
        match (self.leads, self.manages) {
            (true, _) => "leader",
            (false, true) => "manager",
            (false, false) => "worker",
        }
    }
}

/// Whether a node is as a placement constraint wants it (`node.labels.zone==a`); none for what is not understood.
pub fn fits(node: &Node, constraint: &str) -> Option<bool> {
    let parts = constraint.split_once("==").map(|parts| (parts, true));
    let parts = parts.or_else(|| constraint.split_once("!=").map(|parts| (parts, false)));
    let ((key, value), is) = parts?;
    let (key, value) = (key.trim(), value.trim());
    let holds = match key {
        "node.id" => *node.id == *value,
        "node.hostname" => *node.name == *value,
        "node.role" => (value == "manager") == node.manages,
        _ => {
            let label = key.strip_prefix("node.labels.")?;
            node.labels.get(label).is_some_and(|one| **one == *value)
        }
    };
    Some(holds == is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_compared_as_managers_do() {
        let node = Node {
            id: "n1".into(),
            name: "ams-1".into(),
            manages: true,
            labels: [("zone".into(), "a".into())].into(),
            ..Node::default()
        };
        for (constraint, is) in [
            ("node.hostname==ams-1", Some(true)),
            ("node.hostname != ams-1", Some(false)),
            ("node.role==worker", Some(false)),
            ("node.labels.zone==a", Some(true)),
            ("node.labels.rack!=7", Some(true)),
            ("engine.labels.os==x", None),
        ] {
            assert_eq!(fits(&node, constraint), is, "{constraint}");
        }
    }
}
