//! What can be said of image registries.

use std::{str::FromStr, sync::Arc};

use clap::{Args, Subcommand};
use glob::Pattern;

use super::{Danger, Role, Why};
use crate::model::{
    RemoteImage, Repository,
    registry::{Label, is_digest, is_tag},
};

/// Sentences about image registries.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum RegistryCommand {
    /// List the registries that are known, and whether they let us in
    List,
    /// List the repositories of a registry
    Repositories(RepositoriesArgs),
    /// List the tags of a repository: what each stands for, its size and platforms
    Tags {
        /// The repository, `registry.example.org/shop/api`
        #[arg(value_name = "REPOSITORY")]
        repository: Repository,
    },
    /// Show what a tag or a digest stands for: platforms, layers, configuration
    Show {
        /// The image, `registry.example.org/shop/api:1.2`
        #[arg(value_name = "IMAGE")]
        image: RemoteImage,
    },
    /// Delete images; never one that a tag holds which is not named too
    Delete(DeleteArgs),
    /// Put the same image under another tag, in another repository or registry
    Promote(PromoteArgs),
}

/// Which repositories are listed.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RepositoriesArgs {
    /// The registry, `registry.example.org:5000`
    #[arg(value_name = "REGISTRY")]
    pub registry: String,
    /// Only those that fit, `shop/*`
    #[arg(long = "match", value_name = "PATTERN")]
    pub pattern: Option<Pattern>,
}

/// Which images are deleted.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct DeleteArgs {
    /// The images, `registry.example.org/shop/api:1.2`
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<RemoteImage>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is promoted, and to what.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct PromoteArgs {
    /// The image, `registry.example.org/shop/api:rt67`
    #[arg(value_name = "IMAGE")]
    pub from: RemoteImage,
    /// The tag that it is to have, `:prod`, or all of its other name
    #[arg(value_name = "TO")]
    pub to: Destination,
    /// The digest that the image must have; else nothing is done
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub expect: Option<Arc<str>>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Where an image is promoted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Another tag of the same repository.
    Tag(Arc<str>),
    /// Any other name.
    Image(RemoteImage),
}

impl Destination {
    /// The whole name, for an image that is there.
    pub fn of(&self, from: &RemoteImage) -> RemoteImage {
        match self {
            Self::Tag(tag) => RemoteImage {
                repository: from.repository.clone(),
                label: Label::Tag(tag.clone()),
            },
            Self::Image(image) => image.clone(),
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(':') {
            Some(tag) if is_tag(tag) => Ok(Self::Tag(Arc::from(tag))),
            Some(tag) => Err(format!("'{tag}' is no tag")),
            None => text.parse().map(Self::Image),
        }
    }
}

fn digest(text: &str) -> Result<Arc<str>, String> {
    if is_digest(text) {
        Ok(Arc::from(text))
    } else {
        Err("write sha256: and 64 digits".to_owned())
    }
}

impl RegistryCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List | Self::Repositories(_) | Self::Tags { .. } | Self::Show { .. } => {
                Danger::Reads
            }
            Self::Promote(_) => Danger::Changes,
            Self::Delete(_) => Danger::Destroys,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List | Self::Repositories(_) | Self::Tags { .. } | Self::Show { .. } => {
                Role::Query
            }
            Self::Promote(_) | Self::Delete(_) => Role::Act,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List | Self::Repositories(_) | Self::Tags { .. } | Self::Show { .. } => None,
            Self::Promote(args) => Some(&args.why),
            Self::Delete(args) => Some(&args.why),
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List => "registry list",
            Self::Repositories(_) => "registry repositories",
            Self::Tags { .. } => "registry tags",
            Self::Show { .. } => "registry show",
            Self::Delete(_) => "registry delete",
            Self::Promote(_) => "registry promote",
        }
    }
}
