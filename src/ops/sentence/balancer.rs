//! What can be said of load balancers.

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{Danger, Role, Why};
use crate::model::{ServerName, Share, balancer::is_name};

/// How long the checks of a server that is made ready are waited for, in seconds.
pub const READY: u32 = 30;

/// Sentences about load balancers.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum BalancerCommand {
    /// List the load balancers that are known: their version, what stands behind them, or why they cannot be asked
    List,
    /// Show the backends of a balancer: their servers, whether each takes traffic, what it did
    Show(ShowBalancerArgs),
    /// Check whether a balancer is as Wharf needs it, and say what to do where it is not
    Check {
        /// The balancer
        #[arg(value_name = "BALANCER")]
        balancer: String,
    },
    /// Print what a balancer's configuration needs for an app: stable and canary slots, checks, the map of shares
    Render(RenderBalancerArgs),
    /// Give servers traffic again, once their checks find them up
    Ready(ReadyArgs),
    /// Give servers nothing new; what they have goes on
    Drain(DrainArgs),
    /// Take servers out of traffic and checks; they keep their addresses
    Maintenance(ServersArgs),
    /// Give a server another part of its backend's traffic
    Weight(WeightArgs),
    /// Give a canary another share of an app's traffic
    Share(ShareArgs),
    /// Write down what a balancer knows only until its next reload: addresses, states, weights, shares
    Save(SaveArgs),
}

/// What is shown of a balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ShowBalancerArgs {
    /// The balancer
    #[arg(value_name = "BALANCER")]
    pub balancer: String,
    /// Only this backend
    #[arg(value_name = "BACKEND")]
    pub backend: Option<String>,
}

/// What is rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct RenderBalancerArgs {
    /// The app; its backends are APP_stable and APP_canary
    #[arg(value_name = "APP", value_parser = name)]
    pub app: Arc<str>,
    /// How many slots each backend has: twice the replicas, as old and new ones stand side by side
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub servers: u16,
    /// The port that clients come to
    #[arg(long, value_name = "PORT", default_value_t = 80, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// The path of the app's health check
    #[arg(long, value_name = "PATH", default_value = "/healthz")]
    pub check: String,
    /// With the paths of this balancer
    #[arg(long, value_name = "BALANCER")]
    pub balancer: Option<String>,
    /// A file of subnets, on the balancer's machine, whose requests go to the canary
    #[arg(long, value_name = "FILE")]
    pub sources: Option<String>,
}

/// Servers of a balancer.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ServersArgs {
    /// The balancer
    #[arg(value_name = "BALANCER")]
    pub balancer: String,
    /// The servers, `shop_stable/s1`
    #[arg(value_name = "SERVER", required = true)]
    pub servers: Vec<ServerName>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Servers that get traffic again.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ReadyArgs {
    /// Which.
    #[command(flatten)]
    pub servers: ServersArgs,
    /// How many seconds its checks are waited for
    #[arg(long, value_name = "SECONDS", default_value_t = READY)]
    pub wait: u32,
}

/// Servers that get nothing new.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct DrainArgs {
    /// Which.
    #[command(flatten)]
    pub servers: ServersArgs,
    /// How many seconds the end of what it has is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub wait: u32,
}

/// The weight of a server.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct WeightArgs {
    /// The balancer
    #[arg(value_name = "BALANCER")]
    pub balancer: String,
    /// The server, `shop_stable/s1`
    #[arg(value_name = "SERVER")]
    pub server: ServerName,
    /// Its part among the servers of its backend, 0 to 256
    #[arg(value_name = "WEIGHT", value_parser = clap::value_parser!(u16).range(0..=256))]
    pub weight: u16,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// The share of a canary.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ShareArgs {
    /// The balancer
    #[arg(value_name = "BALANCER")]
    pub balancer: String,
    /// The app, as the map names it
    #[arg(value_name = "APP", value_parser = name)]
    pub app: Arc<str>,
    /// How many percent of its requests go to the canary, 0 to 100
    #[arg(value_name = "PERCENT")]
    pub share: Share,
    /// The map's file, if not that of the balancer
    #[arg(long, value_name = "FILE")]
    pub map: Option<String>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// The balancer whose knowledge is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct SaveArgs {
    /// The balancer
    #[arg(value_name = "BALANCER")]
    pub balancer: String,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

fn name(text: &str) -> Result<Arc<str>, String> {
    if is_name(text) {
        Ok(Arc::from(text))
    } else {
        Err("a name has letters, digits and -_.:".to_owned())
    }
}

impl BalancerCommand {
    /// How bad it can be; less, where it is known that another server takes the traffic.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List | Self::Show(_) | Self::Check { .. } | Self::Render(_) => Danger::Reads,
            Self::Ready(_) | Self::Share(_) | Self::Save(_) => Danger::Changes,
            Self::Weight(args) if args.weight > 0 => Danger::Changes,
            Self::Weight(_) | Self::Drain(_) | Self::Maintenance(_) => Danger::Disrupts,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List | Self::Show(_) | Self::Check { .. } | Self::Render(_) => Role::Query,
            Self::Ready(_)
            | Self::Drain(_)
            | Self::Maintenance(_)
            | Self::Weight(_)
            | Self::Share(_)
            | Self::Save(_) => Role::Act,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List | Self::Show(_) | Self::Check { .. } | Self::Render(_) => None,
            Self::Ready(args) => Some(&args.servers.why),
            Self::Drain(args) => Some(&args.servers.why),
            Self::Maintenance(args) => Some(&args.why),
            Self::Weight(args) => Some(&args.why),
            Self::Share(args) => Some(&args.why),
            Self::Save(args) => Some(&args.why),
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List => "balancer list",
            Self::Show(_) => "balancer show",
            Self::Check { .. } => "balancer check",
            Self::Render(_) => "balancer render",
            Self::Ready(_) => "balancer ready",
            Self::Drain(_) => "balancer drain",
            Self::Maintenance(_) => "balancer maintenance",
            Self::Weight(_) => "balancer weight",
            Self::Share(_) => "balancer share",
            Self::Save(_) => "balancer save",
        }
    }

    /// The balancer that it changes, and whether what stands behind it decides how bad that is.
    pub fn changes(&self) -> Option<(&str, bool)> {
        match self {
            Self::List | Self::Show(_) | Self::Check { .. } | Self::Render(_) => None,
            Self::Ready(args) => Some((&args.servers.balancer, false)),
            Self::Drain(args) => Some((&args.servers.balancer, true)),
            Self::Maintenance(args) => Some((&args.balancer, true)),
            Self::Weight(args) => Some((&args.balancer, args.weight == 0)),
            Self::Share(args) => Some((&args.balancer, false)),
            Self::Save(args) => Some((&args.balancer, false)),
        }
    }
}
