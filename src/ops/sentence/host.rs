//! What can be said of hosts.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};

use super::{ListArgs, Why};
use crate::{
    config::inventory::{Format, Mapping},
    model::Endpoint,
    ops::target::HostPattern,
};

/// Sentences about hosts.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum HostCommand {
    /// List the hosts with the state of the way to them
    List(ListArgs),
    /// Show what is known of hosts
    Show {
        /// The hosts, `@ams-1`; without them, those that are selected
        #[arg(value_name = "HOST")]
        hosts: Vec<HostPattern>,
    },
    /// Add a host to wharf.toml
    Add(AddArgs),
    /// Change a host of wharf.toml
    Edit(EditArgs),
    /// Take hosts out of wharf.toml; nothing on them is touched
    Remove {
        /// The hosts, `@ams-1`; without them, those that are selected
        #[arg(value_name = "HOST")]
        hosts: Vec<HostPattern>,
        /// Why it is done.
        #[command(flatten)]
        why: Why,
    },
    /// Add the hosts of an inventory to wharf.toml, and change those that are there; none is taken out
    Import(ImportArgs),
    /// Write the hosts as an inventory
    Export(ExportArgs),
    /// Try at once to reach hosts again
    Reconnect {
        /// The hosts, `@ams-1`; without them, those that are selected
        #[arg(value_name = "HOST")]
        hosts: Vec<HostPattern>,
    },
    /// Log in to a host by hand, where ssh asks for a password, a code or to trust its key
    Login {
        /// The host, `@ams-1`; without it, the selected one
        #[arg(value_name = "HOST")]
        host: Option<HostPattern>,
    },
    /// Walk the way to hosts step by step, and name the remedy of what fails
    Doctor {
        /// The hosts, `@ams-1`; without them, those that are selected
        #[arg(value_name = "HOST")]
        hosts: Vec<HostPattern>,
    },
    /// Put a Docker Engine on a bare host over ssh, from its package source or a bundle
    Install(InstallArgs),
    /// Take a host out of traffic and stop what runs there, for maintenance
    Drain(DrainHostArgs),
    /// Start what a drain stopped, and give the host traffic again
    Activate(ActivateHostArgs),
    /// Bring the newest Docker Engine of its package source to a host over ssh, or that of a bundle
    Upgrade(UpgradeArgs),
    /// Clean up hosts: by default stopped containers, untagged images, unused networks and the build cache
    Prune(PruneArgs),
}

/// A new host.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AddArgs {
    /// Its name, unique in the fleet
    pub name: String,
    /// Where its engine is: `unix:///path`, `tcp://host:port`, `https://host:port` or
    /// `ssh://[user@]host[:port]`; without it, where ssh finds a host of that name
    pub endpoint: Option<Endpoint>,
    /// The environment it belongs to, such as prod
    #[arg(long, short, value_name = "NAME")]
    pub environment: Option<String>,
    /// A group it belongs to; may be said several times
    #[arg(long = "group", short, value_name = "NAME")]
    pub groups: Vec<String>,
    /// The directory with ca.pem, cert.pem and key.pem for TLS
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
    /// Nothing on it may be changed from here
    #[arg(long)]
    pub protected: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What becomes different of a host.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct EditArgs {
    /// The host's name
    #[arg(value_name = "HOST")]
    pub name: String,
    /// Another name
    #[arg(long, value_name = "NAME")]
    pub rename: Option<String>,
    /// Where its engine is
    #[arg(long)]
    pub endpoint: Option<Endpoint>,
    /// The environment it belongs to; empty for none
    #[arg(long, short, value_name = "NAME")]
    pub environment: Option<String>,
    /// A group it belongs to, in place of those it had; may be said several times, empty for none
    #[arg(long = "group", short, value_name = "NAME")]
    pub groups: Vec<String>,
    /// The directory with ca.pem, cert.pem and key.pem for TLS; empty for none
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
    /// Whether nothing on it may be changed from here
    #[arg(long, value_name = "BOOL")]
    pub protected: Option<bool>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is installed, and where from.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct InstallArgs {
    /// The host, `@ams-1`; without it, the selected one
    #[arg(value_name = "HOST")]
    pub host: Option<HostPattern>,
    /// Packages of this machine in place of the host's package source: a directory or a tar archive of .deb or
    /// .rpm files, with all they depend on
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// A package to install in place of the distribution's usual one: docker.io, docker-ce; may be said several times
    #[arg(long = "package", value_name = "NAME", value_parser = package)]
    pub packages: Vec<String>,
    /// Make the account that logs in a member of the group docker
    #[arg(long)]
    pub add_to_group: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is drained, and how.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct DrainHostArgs {
    /// The host, `@ams-1`; without it, the selected one
    #[arg(value_name = "HOST")]
    pub host: Option<HostPattern>,
    /// How many seconds its servers may take to end what they have
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub wait: u32,
    /// Let its containers go on: only traffic and deploys keep off it
    #[arg(long)]
    pub leave_running: bool,
    /// What becomes of replicas of apps that Wharf deployed: they go to other hosts of their app, or stop here
    #[arg(long, value_name = "WHAT", default_value = "move")]
    pub replicas: Replicas,
    /// Hosts that may have them besides those that have the app
    #[arg(long = "to", value_name = "HOST")]
    pub to: Vec<HostPattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What becomes of replicas of a host that is drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replicas {
    /// They run elsewhere, where that is possible
    #[default]
    Move,
    /// They stop
    Stop,
}

impl Replicas {
    /// As it is said.
    pub fn word(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Stop => "stop",
        }
    }
}

impl FromStr for Replicas {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = [Self::Move, Self::Stop].into_iter();
        let found = all.find(|one| one.word() == text);
        found.ok_or_else(|| "it is move or stop".to_owned())
    }
}

/// What comes back.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ActivateHostArgs {
    /// The host, `@ams-1`; without it, the selected one
    #[arg(value_name = "HOST")]
    pub host: Option<HostPattern>,
    /// How many seconds the checks of a server may take to find it up
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub wait: u32,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is upgraded.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct UpgradeArgs {
    /// The host, `@ams-1`; without it, the selected one
    #[arg(value_name = "HOST")]
    pub host: Option<HostPattern>,
    /// Packages of this machine in place of the host's package source: a directory or a tar archive of .deb or
    /// .rpm files, with all they depend on
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// An inventory that hosts are taken from.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ImportArgs {
    /// A CMDB's export as CSV or JSON, an inventory of Ansible's (INI, YAML, `--list`), or another wharf.toml
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Its form, where the file does not tell
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Which column means what, `name=ci_name,endpoint=net.ip`; of name, endpoint, user, port, environment,
    /// groups and read_only; the others are found by their usual names
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub map: Option<Mapping>,
    /// The environment of hosts of which nothing else is said
    #[arg(long, short, value_name = "NAME")]
    pub environment: Option<String>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// The name of a package, as Debian and RPM allow it: nothing that a shell or a package manager
/// would take for something else.
fn package(text: &str) -> Result<String, String> {
    let first = text
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    let rest = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+-._:=~".contains(c));
    if first && rest {
        Ok(text.to_owned())
    } else {
        Err("a package's name has letters, digits and + - . _ : = ~".to_owned())
    }
}

/// An inventory that is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ExportArgs {
    /// Only hosts that fit, as in `host list`
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// Its form; without it as the file's name ends, else toml
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Into this file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// What is cleaned up.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct PruneArgs {
    /// The hosts, `@ams-1`; without them, those that are selected
    #[arg(value_name = "HOST")]
    pub hosts: Vec<HostPattern>,
    /// Containers that do not run
    #[arg(long)]
    pub containers: bool,
    /// Images without a tag that no container uses
    #[arg(long)]
    pub images: bool,
    /// Networks that no container uses
    #[arg(long)]
    pub networks: bool,
    /// Anonymous volumes that no container uses
    #[arg(long)]
    pub volumes: bool,
    /// The build cache
    #[arg(long)]
    pub build_cache: bool,
    /// Also images with a tag and volumes with a name, if no container uses them
    #[arg(long)]
    pub all: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

impl HostCommand {
    /// Why it is done, where that can be said.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::Add(AddArgs { why, .. })
            | Self::Edit(EditArgs { why, .. })
            | Self::Remove { why, .. }
            | Self::Import(ImportArgs { why, .. })
            | Self::Install(InstallArgs { why, .. })
            | Self::Drain(DrainHostArgs { why, .. })
            | Self::Activate(ActivateHostArgs { why, .. })
            | Self::Upgrade(UpgradeArgs { why, .. })
            | Self::Prune(PruneArgs { why, .. }) => Some(why),
            Self::List(_)
            | Self::Show { .. }
            | Self::Export(_)
            | Self::Reconnect { .. }
            | Self::Login { .. }
            | Self::Doctor { .. } => None,
        }
    }
}
