//! What can be said of images.

use clap::{Args, Subcommand};

use super::{Accepts, Danger, ListArgs, Number, Role, Why};
use crate::{model::Resource, ops::target::ResourcePattern};

/// Sentences about images.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum ImageCommand {
    /// List the images of all hosts
    List(ListArgs),
    /// Remove names of images, and what no other name needs
    Remove(RemoveImageArgs),
}

/// Which images, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ImageTargets {
    /// The images, `nginx:1.25@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which images are removed, and how.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RemoveImageArgs {
    /// Which ones.
    #[command(flatten)]
    pub targets: ImageTargets,
    /// Also those with several names, or used by containers that do not run
    #[arg(long)]
    pub force: bool,
}

impl ImageCommand {
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
                kind: Resource::Image,
                number: Number::Some,
            },
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) => None,
            Self::Remove(args) => Some(&args.targets.why),
        }
    }

    /// The images that it names itself.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::List(_) => &[],
            Self::Remove(args) => &args.targets.targets,
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "image list",
            Self::Remove(_) => "image remove",
        }
    }
}
