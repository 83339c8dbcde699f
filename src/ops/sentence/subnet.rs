//! What can be said of subnets: the addresses of all networks seen together.

use clap::{Args, Subcommand};

use super::{ListArgs, PrefixLength};

/// Sentences about subnets.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum SubnetCommand {
    /// List all subnets of all hosts, with addresses in use and what is wrong
    List(ListArgs),
    /// Say the next block of addresses that no network and no range of the site has
    Free(FreeArgs),
    /// Say what is wrong: overlaps, hidden ranges of the site, ports claimed twice, what is full or unused
    Check,
}

/// Which block.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct FreeArgs {
    /// Its size
    #[arg(value_name = "/BITS", default_value = "/24")]
    pub size: PrefixLength,
    /// Out of this range: a `[[site_range]]` by name, or a CIDR; else out of the ranges to deal from, or the private ones
    #[arg(long = "in", value_name = "RANGE")]
    pub range: Option<String>,
    /// So many blocks
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub number: u16,
}

impl SubnetCommand {
    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "subnet list",
            Self::Free(_) => "subnet free",
            Self::Check => "subnet check",
        }
    }
}
