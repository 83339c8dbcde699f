//! What can be said of the services of a Swarm.

use clap::{Args, Subcommand};

use super::{
    super::{Accepts, Danger, Number, Role, Why},
    ManagersArgs,
};
use crate::{
    model::Resource,
    ops::target::{HostPattern, ResourcePattern},
};

/// Sentences about services of a Swarm.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum ServiceCommand {
    /// List the services of all Swarms
    List(ManagersArgs),
    /// Show services: image, ports, update, tasks
    Show {
        /// The services, `shop_web` or `shop_web@ams-1` for that of a manager; without them, those that are selected
        #[arg(value_name = "TARGET")]
        targets: Vec<ResourcePattern>,
    },
    /// List the tasks of services: where they run, and why those that do not run do not
    Tasks(TasksArgs),
    /// Let services have so many tasks
    Scale(ScaleServiceArgs),
    /// Have all tasks of services made anew, as their update settings say; also after a node came back
    Restart(ServiceTargets),
    /// Remove services with their tasks
    Remove(RemoveServiceArgs),
}

/// Which services, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ServiceTargets {
    /// The services, `shop_web` or `shop_web@ams-1` for that of a manager; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Whose tasks are listed.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct TasksArgs {
    /// The services, `shop_web`, `shop_*`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Also tasks that were replaced
    #[arg(long)]
    pub all: bool,
}

/// How many tasks services are to have.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ScaleServiceArgs {
    /// Which.
    #[command(flatten)]
    pub services: ServiceTargets,
    /// How many tasks each is to have
    #[arg(long, value_name = "N")]
    pub replicas: u64,
}

/// Services that are removed.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RemoveServiceArgs {
    /// Which.
    #[command(flatten)]
    pub services: ServiceTargets,
}

impl ServiceCommand {
    /// How bad it can be. What scaling takes away is known when it is planned.
    pub(in crate::ops::sentence) fn danger(&self) -> Danger {
        match self {
            Self::List(_) | Self::Show { .. } | Self::Tasks(_) => Danger::Reads,
            Self::Scale(_) | Self::Restart(_) => Danger::Disrupts,
            Self::Remove(_) => Danger::Destroys,
        }
    }

    /// What has to be done with it.
    pub(in crate::ops::sentence) fn role(&self) -> Role {
        match self {
            Self::List(_) | Self::Show { .. } | Self::Tasks(_) => Role::Query,
            Self::Scale(_) | Self::Restart(_) | Self::Remove(_) => Role::Act,
        }
    }

    /// Which selection it takes when it names no targets.
    pub(in crate::ops::sentence) fn accepts(&self) -> Accepts {
        match self {
            Self::List(_) => Accepts::Nothing,
            Self::Show { .. }
            | Self::Tasks(_)
            | Self::Scale(_)
            | Self::Restart(_)
            | Self::Remove(_) => Accepts::Resources {
                kind: Resource::Service,
                number: Number::Some,
            },
        }
    }

    /// Why it is done.
    pub(in crate::ops::sentence) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) | Self::Show { .. } | Self::Tasks(_) => None,
            Self::Scale(args) => Some(&args.services.why),
            Self::Restart(args) => Some(&args.why),
            Self::Remove(args) => Some(&args.services.why),
        }
    }

    /// The services that it names itself.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::List(_) => &[],
            Self::Show { targets } => targets,
            Self::Tasks(args) => &args.targets,
            Self::Scale(args) => &args.services.targets,
            Self::Restart(args) => &args.targets,
            Self::Remove(args) => &args.services.targets,
        }
    }

    /// The managers that it names itself.
    pub(in crate::ops) fn hosts(&self) -> &[HostPattern] {
        match self {
            Self::List(args) => &args.hosts,
            Self::Show { .. }
            | Self::Tasks(_)
            | Self::Scale(_)
            | Self::Restart(_)
            | Self::Remove(_) => &[],
        }
    }

    /// The words that name it.
    pub(in crate::ops::sentence) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "service list",
            Self::Show { .. } => "service show",
            Self::Tasks(_) => "service tasks",
            Self::Scale(_) => "service scale",
            Self::Restart(_) => "service restart",
            Self::Remove(_) => "service remove",
        }
    }
}
