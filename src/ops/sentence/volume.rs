//! What can be said of volumes.

use std::str::FromStr;

use clap::{Args, Subcommand};

use super::{Accepts, Danger, ListArgs, Number, Role, Why, traits::unless_removing};
use crate::{
    model::{BackupName, Resource, Vault},
    ops::target::{ContainerPattern, HostPattern, ResourcePattern},
};

/// Sentences about volumes.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum VolumeCommand {
    /// List the volumes of all hosts
    List(ListArgs),
    /// Show volumes: where they are, who uses them, their backups
    Show {
        /// The volumes, `data@ams-1`; without them, those that are selected
        #[arg(value_name = "TARGET")]
        targets: Vec<ResourcePattern>,
    },
    /// Make volumes
    Create(CreateVolumeArgs),
    /// Remove volumes with what is in them
    Remove(VolumeTargets),
    /// Remove the anonymous volumes that no container uses
    Prune(PruneVolumeArgs),
    /// List the files of a volume, or print one
    Browse(BrowseArgs),
    /// Back volumes up into a directory of this machine or of a host
    Backup(BackupArgs),
    /// List the backups in a directory
    Backups(BackupsArgs),
    /// Read backups through and compare them with their sums
    Verify(VerifyArgs),
    /// Make a volume from a backup
    Restore(RestoreArgs),
    /// Make containers anew with another volume in the place of one they mount
    Switch(SwitchArgs),
}

/// Which volumes, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct VolumeTargets {
    /// The volumes, `data@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Volumes that are to be made.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct CreateVolumeArgs {
    /// Name and host of each, `data@ams-1`; `data@env:prod` on several hosts at once
    #[arg(value_name = "NAME@HOST", required = true)]
    pub places: Vec<ResourcePattern>,
    /// The driver; the engine's own without it
    #[arg(long, value_name = "NAME")]
    pub driver: Option<String>,
    /// An option of the driver, `type=nfs`; may be said several times
    #[arg(long = "option", value_name = "KEY=VALUE")]
    pub options: Vec<Pair>,
    /// A label; may be said several times
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<Pair>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// What stands before the first `=`.
    pub key: String,
    /// What stands behind it.
    pub value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() {
            return Err("write it as KEY=VALUE".to_owned());
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// On which hosts unused volumes are removed.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct PruneVolumeArgs {
    /// The hosts, `@ams-1`; without them, those that are selected
    #[arg(value_name = "HOST")]
    pub hosts: Vec<HostPattern>,
    /// Also those that have a name
    #[arg(long)]
    pub all: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Where to look into a volume.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct BrowseArgs {
    /// The volume, and a directory in it: `data@ams-1:/logs`; without it, the selected one
    #[arg(value_name = "TARGET[:/PATH]")]
    pub place: Option<VolumePath>,
    /// Print this file of it
    #[arg(long, value_name = "FILE")]
    pub cat: Option<String>,
}

/// A volume with a path in it: `data@ams-1:/logs`.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumePath {
    /// The volume; none for the selected one.
    pub target: Option<ResourcePattern>,
    /// The path in it, without a slash at either end; empty for all of it.
    pub path: String,
}

impl FromStr for VolumePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, path) = text.split_once(":/").unwrap_or((text, ""));
        let target = match target {
            "" => None,
            named => Some(named.parse().map_err(|error| format!("{error}"))?),
        };
        if path.split('/').any(|part| part == "..") {
            return Err(format!("/{path} leads elsewhere"));
        }
        let path = path.trim_matches('/').to_owned();
        Ok(Self { target, path })
    }
}

/// How volumes are backed up.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct BackupArgs {
    /// The volumes, `data@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// The directory: of this machine, or of a host that is reached over ssh, `nas:/srv/backups`; without it, that of
    /// wharf.toml
    #[arg(long, value_name = "[HOST:]DIR")]
    pub to: Option<Vault>,
    /// Freeze the containers that use it meanwhile
    #[arg(long)]
    pub pause: bool,
    /// Run this by `sh -c` before, in the first container that uses it and runs; if it fails nothing is backed up
    #[arg(long, value_name = "COMMAND")]
    pub before: Option<String>,
    /// Keep only the newest so many backups of each volume
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which backups are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct BackupsArgs {
    /// Only those of these volumes: `data@ams-1`, `data@*`
    #[arg(value_name = "TARGET")]
    pub names: Vec<String>,
    /// The directory, here or on a host (`nas:/srv/backups`); without it, that of wharf.toml
    #[arg(long, value_name = "[HOST:]DIR")]
    pub from: Option<Vault>,
}

/// Which backups are read through.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct VerifyArgs {
    /// The newest of a volume (`data@ams-1`), one of a moment (`data@ams-1/20261122T114501Z`), or a path of its file
    #[arg(value_name = "BACKUP", required = true)]
    pub backups: Vec<BackupName>,
    /// The directory, here or on a host (`nas:/srv/backups`); without it, that of wharf.toml
    #[arg(long, value_name = "[HOST:]DIR")]
    pub from: Option<Vault>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is restored, and as what.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct RestoreArgs {
    /// The newest of a volume (`data@ams-1`), one of a moment (`data@ams-1/20261122T114501Z`), or a path of its file
    #[arg(value_name = "BACKUP")]
    pub backup: BackupName,
    /// Name and host of the new volume, `data-2@ams-1`
    #[arg(value_name = "NAME@HOST")]
    pub place: ResourcePattern,
    /// The directory, here or on a host (`nas:/srv/backups`); without it, that of wharf.toml
    #[arg(long, value_name = "[HOST:]DIR")]
    pub from: Option<Vault>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which containers mount what instead of what.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct SwitchArgs {
    /// The volume that they mount
    #[arg(value_name = "OLD")]
    pub from: String,
    /// The volume of the same host that they are to mount, where OLD is
    #[arg(value_name = "NEW")]
    pub to: String,
    /// The containers, `web@ams-1`; without them, those that are selected
    #[arg(value_name = "CONTAINER")]
    pub targets: Vec<ContainerPattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

impl VolumeCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List(_)
            | Self::Show { .. }
            | Self::Browse(_)
            | Self::Backups(_)
            | Self::Verify(_) => Danger::Reads,
            Self::Backup(args) if args.pause => Danger::Disrupts,
            Self::Create(_) | Self::Backup(_) | Self::Restore(_) => Danger::Changes,
            Self::Remove(_) | Self::Prune(_) | Self::Switch(_) => Danger::Destroys,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List(_) | Self::Show { .. } | Self::Browse(_) | Self::Backups(_) => Role::Query,
            Self::Verify(_) => Role::Look,
            Self::Create(_)
            | Self::Remove(_)
            | Self::Prune(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Switch(_) => Role::Act,
        }
    }

    /// Which selection it takes when it names no targets.
    pub(super) fn accepts(&self) -> Accepts {
        let number = match self {
            Self::List(_)
            | Self::Create(_)
            | Self::Backups(_)
            | Self::Verify(_)
            | Self::Restore(_) => return Accepts::Nothing,
            Self::Prune(_) => {
                return Accepts::Hosts {
                    number: Number::Some,
                };
            }
            Self::Switch(_) => {
                return Accepts::Containers {
                    number: Number::Some,
                    unfit: unless_removing,
                };
            }
            Self::Browse(_) => Number::One,
            Self::Show { .. } | Self::Remove(_) | Self::Backup(_) => Number::Some,
        };
        Accepts::Resources {
            kind: Resource::Volume,
            number,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) | Self::Show { .. } | Self::Browse(_) | Self::Backups(_) => None,
            Self::Create(args) => Some(&args.why),
            Self::Remove(args) => Some(&args.why),
            Self::Prune(args) => Some(&args.why),
            Self::Backup(args) => Some(&args.why),
            Self::Verify(args) => Some(&args.why),
            Self::Restore(args) => Some(&args.why),
            Self::Switch(args) => Some(&args.why),
        }
    }

    /// The volumes that it names itself, those that are to be made among them.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::List(_)
            | Self::Prune(_)
            | Self::Backups(_)
            | Self::Verify(_)
            | Self::Switch(_) => &[],
            Self::Show { targets } => targets,
            Self::Create(args) => &args.places,
            Self::Remove(args) => &args.targets,
            Self::Browse(args) => args
                .place
                .as_ref()
                .map_or(&[], |place| place.target.as_slice()),
            Self::Backup(args) => &args.targets,
            Self::Restore(args) => std::slice::from_ref(&args.place),
        }
    }

    /// The hosts that it names itself.
    pub(in crate::ops) fn hosts(&self) -> &[HostPattern] {
        match self {
            Self::Prune(args) => &args.hosts,
            Self::List(_)
            | Self::Show { .. }
            | Self::Create(_)
            | Self::Remove(_)
            | Self::Browse(_)
            | Self::Backup(_)
            | Self::Backups(_)
            | Self::Verify(_)
            | Self::Restore(_)
            | Self::Switch(_) => &[],
        }
    }

    /// The containers that it acts on, as it names them itself.
    pub(in crate::ops) fn containers(&self) -> &[ContainerPattern] {
        match self {
            Self::Switch(args) => &args.targets,
            Self::List(_)
            | Self::Show { .. }
            | Self::Create(_)
            | Self::Remove(_)
            | Self::Prune(_)
            | Self::Browse(_)
            | Self::Backup(_)
            | Self::Backups(_)
            | Self::Verify(_)
            | Self::Restore(_) => &[],
        }
    }

    /// Whether it is about files of this machine alone, so that no host has to be reached.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Backups(_) | Self::Verify(_))
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "volume list",
            Self::Show { .. } => "volume show",
            Self::Create(_) => "volume create",
            Self::Remove(_) => "volume remove",
            Self::Prune(_) => "volume prune",
            Self::Browse(_) => "volume browse",
            Self::Backup(_) => "volume backup",
            Self::Backups(_) => "volume backups",
            Self::Verify(_) => "volume verify",
            Self::Restore(_) => "volume restore",
            Self::Switch(_) => "volume switch",
        }
    }
}
