//! What can be said of Swarms: their nodes and services, their secrets and configs.

mod node;
mod service;
mod stored;

pub use node::{DrainNodeArgs, NodeCommand, NodeTargets};
pub use service::{RemoveServiceArgs, ScaleServiceArgs, ServiceCommand, ServiceTargets, TasksArgs};
pub use stored::{CreateStoredArgs, StoredCommand, StoredTargets};

use clap::{Args, Subcommand};

use super::{Danger, Role};
use crate::ops::target::HostPattern;

/// Sentences about Swarms as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum SwarmCommand {
    /// List the Swarms that the hosts form: managers, nodes, services, and which hosts take part
    List,
}

impl SwarmCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List => Danger::Reads,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List => Role::Query,
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List => "swarm list",
        }
    }
}

/// Which managers are asked.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ManagersArgs {
    /// Only what these hosts tell as managers, `@ams-1`; all managers without them
    #[arg(value_name = "HOST")]
    pub hosts: Vec<HostPattern>,
}
