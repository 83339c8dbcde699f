//! What can be said of networks.

use clap::{Args, Subcommand};

use super::{Accepts, Danger, ListArgs, Number, Role, Why};
use crate::{model::Resource, ops::target::ResourcePattern};

/// Sentences about networks.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum NetworkCommand {
    /// List the networks of all hosts
    List(ListArgs),
    /// Remove networks that no container is attached to
    Remove(NetworkTargets),
}

/// Which networks, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct NetworkTargets {
    /// The networks, `back@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

impl NetworkCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List(_) => Danger::Reads,
            Self::Remove(_) => Danger::Destroys,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List(_) => Role::Query,
            Self::Remove(_) => Role::Act,
        }
    }

    /// Which selection it takes when it names no targets.
    pub(super) fn accepts(&self) -> Accepts {
        match self {
            Self::List(_) => Accepts::Nothing,
            Self::Remove(_) => Accepts::Resources {
                kind: Resource::Network,
                number: Number::Some,
            },
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) => None,
            Self::Remove(args) => Some(&args.why),
        }
    }

    /// The networks that it names itself.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::List(_) => &[],
            Self::Remove(args) => &args.targets,
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "network list",
            Self::Remove(_) => "network remove",
        }
    }
}
