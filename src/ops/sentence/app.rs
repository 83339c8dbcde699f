//! What can be said of apps.

use clap::Subcommand;

use super::ListArgs;

/// Sentences about apps.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum AppCommand {
    /// List the apps of all hosts: every Compose project and Swarm stack, whoever started it
    List(ListArgs),
    /// Show apps with their services and replicas
    Show {
        /// Its name; `shop-*` for several
        #[arg(value_name = "APP")]
        name: String,
        /// Only in this environment
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
    },
}

impl AppCommand {
    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "app list",
            Self::Show { .. } => "app show",
        }
    }
}
