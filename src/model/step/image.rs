//! What can be done to an image, as values.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::Serialize;

use super::Build;
use crate::model::HostName;

/// An image that goes into a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct BundledImage {
    /// The host it is read from.
    pub host: HostName,
    /// Its id.
    pub id: Arc<str>,
    /// What it is to be called where it is unpacked.
    pub tags: Vec<Arc<str>>,
    /// About how many bytes it has.
    pub size: u64,
}

/// A small text that goes into a bundle beside its images.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct BundledFile {
    /// Its name there.
    pub name: Arc<str>,
    /// The text.
    pub text: Arc<str>,
}

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
    /// Look at its configuration and its layers.
    Look,
    /// Give it one more name.
    Tag {
        /// The name, `repository:tag`.
        to: Arc<str>,
    },
    /// Have the engine fetch one from its registry.
    Pull {
        /// Its name, with a tag or digest.
        name: Arc<str>,
    },
    /// Have the engine bring it to its registry.
    Push {
        /// Its name, with a tag.
        name: Arc<str>,
    },
    /// Make one of the step's container as it is.
    Commit {
        /// Its name, with a tag.
        name: Arc<str>,
        /// Freeze the container meanwhile.
        pause: bool,
    },
    /// Bring it to the step's host from another one, through this machine.
    Copy {
        /// The host that has it.
        from: HostName,
        /// About how many bytes it has.
        size: u64,
        /// What it is to be called.
        tags: Vec<Arc<str>>,
        /// At most so many bytes a second.
        limit: Option<u64>,
    },
    /// Bring the images of a file of this machine to the host.
    Load {
        /// An archive of images.
        file: PathBuf,
        /// Only the image with that id, and what it is to be called, whatever the archive calls it.
        #[serde(skip_serializing_if = "Option::is_none")]
        only: Option<(Arc<str>, Vec<Arc<str>>)>,
        /// At most so many bytes a second.
        limit: Option<u64>,
    },
    /// Build one from files of this machine or from a repository.
    Build(Box<Build>),
    /// Write images of the fleet into one file of this machine.
    Bundle {
        /// Which ones.
        images: Vec<BundledImage>,
        /// What lies beside them.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        more: Vec<BundledFile>,
        /// The file.
        to: PathBuf,
        /// A file of that name is replaced.
        replace: bool,
    },
}

impl fmt::Display for ImageAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove { .. } => f.write_str("remove"),
            Self::Look => f.write_str("look at"),
            Self::Tag { to } => write!(f, "tag as {to}"),
            Self::Pull { name } => write!(f, "pull {name}"),
            Self::Push { name } => write!(f, "push {name}"),
            Self::Commit { name, .. } => write!(f, "commit as {name}"),
            Self::Copy { from, .. } => write!(f, "copy from {from}"),
            Self::Load { file, .. } => write!(f, "load {}", file.display()),
            Self::Build(build) => write!(f, "build {}", build.source),
            Self::Bundle { to, .. } => write!(f, "bundle into {}", to.display()),
        }
    }
}

impl ImageAction {
    /// What to show on it meanwhile.
    pub fn busy(&self) -> &'static str {
        match self {
            Self::Remove { .. } => "removing",
            Self::Look => "looking",
            Self::Tag { .. } => "tagging",
            Self::Pull { .. } => "pulling",
            Self::Push { .. } => "pushing",
            Self::Commit { .. } => "committing",
            Self::Copy { .. } => "copying",
            Self::Load { .. } => "loading",
            Self::Build(_) => "building",
            Self::Bundle { .. } => "bundling",
        }
    }
}
