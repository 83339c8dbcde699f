//! What can be done to parts of a Swarm, as values.

use std::{fmt, sync::Arc};

use serde::Serialize;

use super::Availability;
use crate::model::{Resource, SecretSource};

/// What is done to a node, a service, a secret or a config.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwarmAction {
    /// Let a node take tasks, or not.
    Availability {
        /// What it is to be.
        to: Availability,
        /// So many seconds it is waited until its tasks are gone.
        wait: u32,
    },
    /// Let a service have so many tasks.
    Scale {
        /// How many.
        to: u64,
    },
    /// Have all tasks of a service made anew, one after the other, as its update settings say.
    Restart,
    /// Remove a service with its tasks, a secret or a config.
    Remove(Resource),
    /// Make a secret or a config.
    Create(NewStored),
}

/// A secret or a config that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct NewStored {
    /// Which of the two.
    pub kind: Resource,
    /// What is to be in it.
    pub from: SecretSource,
    /// Its labels.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
}

impl fmt::Display for SwarmAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Availability { to, .. } => f.write_str(match to {
                Availability::Active => "activate",
                Availability::Pause => "pause",
                Availability::Drain => "drain",
            }),
            Self::Scale { to } => write!(f, "scale to {to}"),
            Self::Restart => f.write_str("restart"),
            Self::Remove(_) => f.write_str("remove"),
            Self::Create(_) => f.write_str("create"),
        }
    }
}

impl SwarmAction {
    /// What to show on it meanwhile.
    pub fn busy(&self) -> &'static str {
        match self {
            Self::Availability { to, .. } => match to {
                Availability::Active => "activating",
                Availability::Pause => "pausing",
                Availability::Drain => "draining",
            },
            Self::Scale { .. } => "scaling",
            Self::Restart => "restarting",
            Self::Remove(_) => "removing",
            Self::Create(_) => "creating",
        }
    }
}
