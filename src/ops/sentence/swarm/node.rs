//! What can be said of the nodes of a Swarm.

use clap::{Args, Subcommand};

use super::{
    super::{Accepts, Danger, Number, Role, Why},
    ManagersArgs,
};
use crate::{
    model::Resource,
    ops::target::{HostPattern, ResourcePattern},
};

/// How long tasks of a drained node are waited for, in seconds.
const DRAINED: u32 = 120;

/// Sentences about nodes of a Swarm.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum NodeCommand {
    /// List the nodes of all Swarms
    List(ManagersArgs),
    /// Show nodes with their tasks
    Show {
        /// The nodes, `ams-2` or `ams-2@ams-1` for that of a manager; without them, those that are selected
        #[arg(value_name = "TARGET")]
        targets: Vec<ResourcePattern>,
    },
    /// Stop the tasks of nodes, and let them run elsewhere
    Drain(DrainNodeArgs),
    /// Let nodes keep their tasks and take no new ones
    Pause(NodeTargets),
    /// Let nodes take tasks again; those that went elsewhere stay there
    Activate(NodeTargets),
}

/// Which nodes, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct NodeTargets {
    /// The nodes, `ams-2` or `ams-2@ams-1` for that of a manager; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which nodes are drained.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct DrainNodeArgs {
    /// Which.
    #[command(flatten)]
    pub nodes: NodeTargets,
    /// How many seconds it is waited until their tasks have stopped; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value_t = DRAINED)]
    pub wait: u32,
}

impl NodeCommand {
    /// How bad it can be.
    pub(in crate::ops::sentence) fn danger(&self) -> Danger {
        match self {
            Self::List(_) | Self::Show { .. } => Danger::Reads,
            Self::Pause(_) | Self::Activate(_) => Danger::Changes,
            Self::Drain(_) => Danger::Disrupts,
        }
    }

    /// What has to be done with it.
    pub(in crate::ops::sentence) fn role(&self) -> Role {
        match self {
            Self::List(_) | Self::Show { .. } => Role::Query,
            Self::Pause(_) | Self::Activate(_) | Self::Drain(_) => Role::Act,
        }
    }

    /// Which selection it takes when it names no targets.
    pub(in crate::ops::sentence) fn accepts(&self) -> Accepts {
        match self {
            Self::List(_) => Accepts::Nothing,
            Self::Show { .. } | Self::Pause(_) | Self::Activate(_) | Self::Drain(_) => {
                Accepts::Resources {
                    kind: Resource::Node,
                    number: Number::Some,
                }
            }
        }
    }

    /// Why it is done.
    pub(in crate::ops::sentence) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) | Self::Show { .. } => None,
            Self::Pause(args) | Self::Activate(args) => Some(&args.why),
            Self::Drain(args) => Some(&args.nodes.why),
        }
    }

    /// The nodes that it names itself.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::List(_) => &[],
            Self::Show { targets } => targets,
            Self::Pause(args) | Self::Activate(args) => &args.targets,
            Self::Drain(args) => &args.nodes.targets,
        }
    }

    /// The managers that it names itself.
    pub(in crate::ops) fn hosts(&self) -> &[HostPattern] {
        match self {
            Self::List(args) => &args.hosts,
            Self::Show { .. } | Self::Pause(_) | Self::Activate(_) | Self::Drain(_) => &[],
        }
    }

    /// The words that name it.
    pub(in crate::ops::sentence) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "node list",
            Self::Show { .. } => "node show",
            Self::Drain(_) => "node drain",
            Self::Pause(_) => "node pause",
            Self::Activate(_) => "node activate",
        }
    }
}
