//! What can be done to a volume, as values.

use std::fmt;

use serde::Serialize;

/// What is done to a volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeAction {
    /// Remove it with what is in it.
    Remove,
}

impl fmt::Display for VolumeAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove => f.write_str("remove"),
        }
    }
}

impl VolumeAction {
    /// What to show on it meanwhile.
    pub fn busy(&self) -> &'static str {
        match self {
            Self::Remove => "removing",
        }
    }
}
