//! What can be said of the console's own settings.

use clap::Subcommand;

use super::{ListArgs, Why};
use crate::model::setting::Key;

/// Sentences about settings.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum SettingCommand {
    /// List what the console can be told about itself, with the values of now and where they come from
    List(ListArgs),
    /// Set how the console looks and behaves; kept in wharf.toml
    Set {
        /// Which setting, such as theme
        #[arg(value_name = "NAME")]
        key: Key,
        /// Its value; columns with commas between
        #[arg(value_name = "VALUE", required = true)]
        value: Vec<String>,
        /// Why it is done.
        #[command(flatten)]
        why: Why,
    },
    /// Take a setting out of wharf.toml, so that the default holds
    Reset {
        /// Which setting
        #[arg(value_name = "NAME")]
        key: Key,
        /// Why it is done.
        #[command(flatten)]
        why: Why,
    },
}

impl SettingCommand {
    /// Why it is done, where that can be said.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) => None,
            Self::Set { why, .. } | Self::Reset { why, .. } => Some(why),
        }
    }

    /// The setting that becomes different, and what it becomes as it was said; none for the default.
    pub fn change(&self) -> Option<(Key, Option<String>)> {
        match self {
            Self::List(_) => None,
            Self::Set { key, value, .. } => Some((*key, Some(value.join(" ")))),
            Self::Reset { key, .. } => Some((*key, None)),
        }
    }
}
