//! What can be said of the secrets and of the configs of a Swarm.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    super::{Accepts, Danger, Number, Pair, Role, Why},
    ManagersArgs,
};
use crate::{
    model::Resource,
    ops::target::{HostPattern, ResourcePattern},
};

/// Sentences about secrets, or about configs, of a Swarm.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum StoredCommand {
    /// List those of all Swarms, with the services that use them
    List(ManagersArgs),
    /// Make one of what a file or a variable of this machine holds
    Create(CreateStoredArgs),
    /// Remove those that no service uses
    Remove(StoredTargets),
}

/// One that is to be made.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CreateStoredArgs {
    /// Its name and a manager, `tls-key@ams-1`
    #[arg(value_name = "NAME@HOST")]
    pub place: ResourcePattern,
    /// A file of this machine with what is to be in it
    #[arg(long, value_name = "FILE", required_unless_present = "variable")]
    pub file: Option<PathBuf>,
    /// A variable of this program's environment with what is to be in it
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    pub variable: Option<String>,
    /// A label; may be said several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<Pair>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct StoredTargets {
    /// Their names, `tls-key` or `tls-key@ams-1` for those of a manager; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

impl StoredCommand {
    /// How bad it can be.
    pub(in crate::ops::sentence) fn danger(&self) -> Danger {
        match self {
            Self::List(_) => Danger::Reads,
            Self::Create(_) => Danger::Changes,
            Self::Remove(_) => Danger::Destroys,
        }
    }

    /// What has to be done with it.
    pub(in crate::ops::sentence) fn role(&self) -> Role {
        match self {
            Self::List(_) => Role::Query,
            Self::Create(_) | Self::Remove(_) => Role::Act,
        }
    }

    /// Which selection it takes when it names no targets.
    pub(in crate::ops::sentence) fn accepts(&self, kind: Resource) -> Accepts {
        match self {
            Self::List(_) | Self::Create(_) => Accepts::Nothing,
            Self::Remove(_) => Accepts::Resources {
                kind,
                number: Number::Some,
            },
        }
    }

    /// Why it is done.
    pub(in crate::ops::sentence) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) => None,
            Self::Create(args) => Some(&args.why),
            Self::Remove(args) => Some(&args.why),
        }
    }

    /// Those that it names itself, one that is to be made among them.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::List(_) => &[],
            Self::Create(args) => std::slice::from_ref(&args.place),
            Self::Remove(args) => &args.targets,
        }
    }

    /// The managers that it names itself.
    pub(in crate::ops) fn hosts(&self) -> &[HostPattern] {
        match self {
            Self::List(args) => &args.hosts,
            Self::Create(_) | Self::Remove(_) => &[],
        }
    }

    /// The words that name it.
    pub(in crate::ops::sentence) fn words(&self, kind: Resource) -> &'static str {
        match (self, kind == Resource::Config) {
            (Self::List(_), false) => "secret list",
            (Self::Create(_), false) => "secret create",
            (Self::Remove(_), false) => "secret remove",
            (Self::List(_), true) => "swarm-config list",
            (Self::Create(_), true) => "swarm-config create",
            (Self::Remove(_), true) => "swarm-config remove",
        }
    }
}
