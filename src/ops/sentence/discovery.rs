//! What can be said of lists of targets that are kept outside.

use clap::{Args, Subcommand};

use super::{Danger, Role, Why, write::Words};
use crate::model::app::AppName;

/// Sentences about service discovery.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum DiscoveryCommand {
    /// List who keeps lists of targets: files made of templates, etcd
    List,
    /// Show the targets that belong into a list, and whether it has them
    Show(DiscoveryPlace),
    /// Print what a list would say: its files, or its keys
    Render(DiscoveryPlace),
    /// Check whether lists can be made and reached, and are as they should be; nothing is written
    Check(DiscoveryPlace),
    /// Bring lists to where they are kept; nothing is written that is there already
    Push(PushArgs),
}

/// Which list.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DiscoveryPlace {
    /// Who keeps it, as wharf.toml calls it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Of this app only
    #[arg(value_name = "APP")]
    pub app: Option<AppName>,
    /// In this environment only
    #[arg(long, value_name = "ENVIRONMENT")]
    pub env: Option<String>,
}

/// Which lists are brought to where they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct PushArgs {
    /// Which.
    #[command(flatten)]
    pub place: DiscoveryPlace,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

impl DiscoveryCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List | Self::Show(_) | Self::Render(_) | Self::Check(_) => Danger::Reads,
            Self::Push(_) => Danger::Changes,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List | Self::Show(_) | Self::Render(_) | Self::Check(_) => Role::Query,
            Self::Push(_) => Role::Deploy,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List | Self::Show(_) | Self::Render(_) | Self::Check(_) => None,
            Self::Push(args) => Some(&args.why),
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List => "discovery list",
            Self::Show(_) => "discovery show",
            Self::Render(_) => "discovery render",
            Self::Check(_) => "discovery check",
            Self::Push(_) => "discovery push",
        }
    }

    /// Which list it means; none for all.
    pub fn place(&self) -> Option<&DiscoveryPlace> {
        match self {
            Self::List => None,
            Self::Show(place) | Self::Render(place) | Self::Check(place) => Some(place),
            Self::Push(args) => Some(&args.place),
        }
    }

    /// Writes what follows its words.
    pub(super) fn write(&self, words: &mut Words) {
        if let Some(place) = self.place() {
            words.add(&place.name);
            if let Some(app) = &place.app {
                words.add(app.to_string());
            }
            words.option("--env", place.env.as_ref());
        }
    }
}
