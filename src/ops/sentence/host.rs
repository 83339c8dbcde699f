//! What can be said of hosts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ListArgs, Why};
use crate::{model::Endpoint, ops::target::HostPattern};

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
            | Self::Prune(PruneArgs { why, .. }) => Some(why),
            Self::List(_) | Self::Show { .. } | Self::Reconnect { .. } | Self::Login { .. } => None,
        }
    }
}
