//! What can be done to an image, as values.

use std::{fmt, sync::Arc};

use serde::Serialize;

/// What is done to an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageAction {
    /// Remove a name of it, or all of it.
    Remove {
        /// Only this name of it; none for the image with all that it is called.
        only: Option<Arc<str>>,
        /// Also with several names, or used by containers that do not run.
        force: bool,
    },
}

impl fmt::Display for ImageAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove { .. } => f.write_str("remove"),
        }
    }
}

impl ImageAction {
    /// What to show on it meanwhile.
    pub fn busy(&self) -> &'static str {
        match self {
            Self::Remove { .. } => "removing",
        }
    }
}
