//! What can be done to a network, as values.

use std::fmt;

use serde::Serialize;

/// What is done to a network.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkAction {
    /// Remove it.
    Remove,
}

impl fmt::Display for NetworkAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove => f.write_str("remove"),
        }
    }
}

impl NetworkAction {
    /// What to show on it meanwhile.
    pub fn busy(&self) -> &'static str {
        match self {
            Self::Remove => "removing",
        }
    }
}
