//! What can be said of images.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};

use super::{Accepts, Danger, ListArgs, Moment, Number, Pair, Role, Why};
use crate::{
    model::{BuildArg, BuildSecret, BuildSource, Builder, Resource, bytes, size, split_tag},
    ops::target::{ContainerPattern, HostPattern, ResourcePattern},
};

/// Sentences about images.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum ImageCommand {
    /// List the images of all hosts
    List(ListArgs),
    /// Show the configuration and the layers of images
    Show {
        /// The images, `nginx:1.25@ams-1`; without them, those that are selected
        #[arg(value_name = "TARGET")]
        targets: Vec<ResourcePattern>,
    },
    /// List the images that were built, or were to be: from what, by whom, how large, how it ended
    Builds(BuildsArgs),
    /// Read what a build said
    BuildLog {
        /// The number that `image builds` has for it
        #[arg(value_name = "NUMBER")]
        number: u64,
    },
    /// Remove names of images, and what no other name needs
    Remove(RemoveImageArgs),
    /// Give an image one more name
    #[command(allow_missing_positional = true)]
    Tag {
        /// The image, `app:1.2@ams-1`; without it, the selected one
        #[arg(value_name = "TARGET")]
        target: Option<ResourcePattern>,
        /// The name, `repository:tag`
        #[arg(value_name = "NAME")]
        name: ImageName,
        /// Why it is done.
        #[command(flatten)]
        why: Why,
    },
    /// Have hosts fetch an image from its registry
    Pull(PullArgs),
    /// Have a host bring images to their registries
    Push(ImageTargets),
    /// Make an image of a container as it is; nothing but that container says what is in it
    #[command(allow_missing_positional = true)]
    Commit(CommitArgs),
    /// Build an image on hosts, from files of this machine or a repository
    Build(Box<BuildArgs>),
    /// Remove images that no container uses: those without a tag, or all
    Prune(PruneImagesArgs),
    /// Copy images to other hosts without a registry: only the layers that they lack
    Copy(CopyImageArgs),
    /// Write images into one file with their sums, to be carried to another site
    #[command(visible_alias = "save")]
    Bundle(BundleArgs),
    /// Bring the images of a bundle, or of a file of `docker save`, to hosts
    #[command(visible_alias = "unbundle")]
    Load(LoadArgs),
}

/// Which images, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ImageTargets {
    /// The images, `nginx:1.25@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which builds are listed.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct BuildsArgs {
    /// Which rows and columns.
    #[command(flatten)]
    pub list: ListArgs,
    /// Only since then: 10m, 2h, 3d or 2026-01-31T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Moment>,
    /// At most so many, the newest
    #[arg(long, short = 'n', value_name = "N", default_value_t = BUILDS)]
    pub number: u32,
}

/// So many builds are listed when nothing else is said.
const BUILDS: u32 = 50;

/// Which images are removed, and how.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RemoveImageArgs {
    /// Which ones.
    #[command(flatten)]
    pub targets: ImageTargets,
    /// Also those with several names, or used by containers that do not run
    #[arg(long)]
    pub force: bool,
}

/// Which image is pulled, and by whom.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct PullArgs {
    /// The image, `repository:tag` or `repository@sha256:…`
    #[arg(value_name = "NAME")]
    pub name: PulledName,
    /// The hosts, `@ams-2`, `env:prod`, `group:edge`
    #[arg(long, value_name = "HOST", required = true, num_args = 1..)]
    pub to: Vec<HostPattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which container becomes an image.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CommitArgs {
    /// The container, `web@ams-1`; without it, the selected one
    #[arg(value_name = "TARGET")]
    pub target: Option<ContainerPattern>,
    /// The name of the image, `repository:tag`
    #[arg(value_name = "NAME")]
    pub name: ImageName,
    /// Let the container run on meanwhile: files may be caught half-written
    #[arg(long)]
    pub no_pause: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is built from what, and where.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct BuildArgs {
    /// A directory of this machine, or a repository: https://…/shop.git#REF:DIRECTORY, ssh://…, or PATH#REF
    #[arg(value_name = "SOURCE")]
    pub source: BuildSource,
    /// The hosts to build it on, `@ams-2`, `env:dev`, `group:build`
    #[arg(long = "on", value_name = "HOST", required = true)]
    pub hosts: Vec<HostPattern>,
    /// What it is to be called, `repository:tag`; again for more names
    #[arg(long = "tag", short, value_name = "NAME")]
    pub tags: Vec<ImageName>,
    /// The Dockerfile, if it is another one than SOURCE/Dockerfile; FILE.dockerignore goes before .dockerignore
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A value for an `ARG`; the image's history shows it, so secrets are given with --secret
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub args: Vec<BuildArg>,
    /// A secret for `RUN --mount=type=secret`: id=NAME,src=FILE or id=NAME,env=VARIABLE, both of this machine
    #[arg(long = "secret", value_name = "SECRET")]
    pub secrets: Vec<BuildSecret>,
    /// The stage to build; the last when none is said
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// A label
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<Pair>,
    /// For which processors, linux/arm64
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Use nothing that was built before
    #[arg(long)]
    pub no_cache: bool,
    /// Ask the registries for newer images to build on
    #[arg(long)]
    pub pull: bool,
    /// By what: buildkit or classic; BuildKit where the engine has it when none is said
    #[arg(long, value_name = "BUILDER")]
    pub builder: Option<Builder>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Where images are cleaned up.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct PruneImagesArgs {
    /// The hosts, `@ams-1`; without them, those that are selected
    #[arg(value_name = "HOST")]
    pub hosts: Vec<HostPattern>,
    /// Also those with a tag
    #[arg(long)]
    pub all: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which images are copied, and where to.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct CopyImageArgs {
    /// The images, `app:1.2`, from any host that has them, or `app:1.2@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// The hosts they are copied to, `@ams-2`, `env:prod`, `group:edge`
    #[arg(long, value_name = "HOST", required = true, num_args = 1..)]
    pub to: Vec<HostPattern>,
    /// To each host at most so many bytes a second, as `500K`, `10M`
    #[arg(long, value_name = "BYTES")]
    pub limit: Option<Speed>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which images are bundled, and into which file.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct BundleArgs {
    /// The images, `app:1.2`, from any host that has them, or `app:1.2@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// The file, on this machine
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub replace: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which file is loaded, and where to.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct LoadArgs {
    /// A bundle, or what `docker save` wrote, on this machine
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The hosts, `@ams-2`, `env:prod`, `group:edge`
    #[arg(long, value_name = "HOST", required = true, num_args = 1..)]
    pub to: Vec<HostPattern>,
    /// To each host at most so many bytes a second, as `500K`, `10M`
    #[arg(long, value_name = "BYTES")]
    pub limit: Option<Speed>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// So many bytes a second, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(pub u64);

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no speed; write bytes a second, as 500K or 10M");
        let bytes = size(text.trim_end_matches("/s")).filter(|bytes| *bytes >= 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is above 1, and more than fits is as fast as can be"
        )]
        bytes.map(|bytes| Self(bytes as u64)).ok_or_else(wrong)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bytes(self.0))
    }
}

/// A name under which a registry has an image: with a tag, or with a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledName(String);

impl PulledName {
    /// The name with its tag or digest.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PulledName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, digest)) = text.split_once('@') else {
            return text.parse().map(|ImageName(name)| Self(name));
        };
        let is_digest = digest.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        if !is_digest {
            return Err(format!(
                "'{digest}' is no digest: it is sha256: and 64 digits of 0-9 and a-f"
            ));
        }
        name.parse::<ImageName>()?;
        Ok(Self(text.to_owned()))
    }
}

/// A name for an image, with its tag: `repository:tag`; `latest` where none is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName(String);

impl ImageName {
    /// The name with its tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageName {
    type Err = String;

    /// Docker's grammar: a registry's host and port, then small letters, digits and `. _ - /`; a tag of at most 128 of
    /// letters, digits and `. _ -`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("'{text}' is no name for an image: {why}"));
        if text.contains('@') {
            return wrong("a digest is not given, it comes from the content");
        }
        let (repo, tag) = split_tag(text);
        let is_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if tag.is_empty()
            || tag.len() > 128
            || tag.starts_with(['.', '-'])
            || !tag.chars().all(is_tag)
        {
            return wrong("a tag has letters, digits and . _ -, and does not begin with . or -");
        }
        let mut parts: Vec<&str> = repo.split('/').collect();
        let has_registry =
            parts.len() > 1 && (parts[0] == "localhost" || parts[0].contains(['.', ':']));
        if has_registry {
            let registry = parts.remove(0);
            if !registry
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c))
            {
                return wrong("the part before the first / is no host");
            }
        }
        let is_part = |part: &&str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            !part.is_empty()
                && part.chars().all(fits)
                && !part.starts_with(['.', '_', '-'])
                && !part.ends_with(['.', '_', '-'])
        };
        if !parts.iter().all(is_part) {
            return wrong("it has small letters, digits and . _ - between / only");
        }
        Ok(Self(format!("{repo}:{tag}")))
    }
}

impl ImageCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List(_) | Self::Builds(_) | Self::BuildLog { .. } | Self::Show { .. } => {
                Danger::Reads
            }
            Self::Tag { .. }
            | Self::Pull(_)
            | Self::Push(_)
            | Self::Commit(_)
            | Self::Build(_)
            | Self::Copy(_)
            | Self::Load(_)
            | Self::Bundle(_) => Danger::Changes,
            Self::Remove(_) | Self::Prune(_) => Danger::Destroys,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List(_) | Self::Builds(_) | Self::BuildLog { .. } => Role::Query,
            Self::Show { .. } => Role::Look,
            Self::Remove(_)
            | Self::Tag { .. }
            | Self::Pull(_)
            | Self::Push(_)
            | Self::Commit(_)
            | Self::Build(_)
            | Self::Prune(_)
            | Self::Copy(_)
            | Self::Load(_)
            | Self::Bundle(_) => Role::Act,
        }
    }

    /// Which selection it takes when it names no targets.
    pub(super) fn accepts(&self) -> Accepts {
        let number = match self {
            Self::List(_)
            | Self::Builds(_)
            | Self::BuildLog { .. }
            | Self::Load(_)
            | Self::Pull(_)
            | Self::Build(_) => {
                return Accepts::Nothing;
            }
            Self::Commit(_) => {
                return Accepts::Containers {
                    number: Number::One,
                    unfit: super::traits::unless_removing,
                };
            }
            Self::Prune(_) => {
                return Accepts::Hosts {
                    number: Number::Some,
                };
            }
            Self::Tag { .. } => Number::One,
            Self::Show { .. }
            | Self::Remove(_)
            | Self::Push(_)
            | Self::Copy(_)
            | Self::Bundle(_) => Number::Some,
        };
        Accepts::Resources {
            kind: Resource::Image,
            number,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) | Self::Builds(_) | Self::BuildLog { .. } | Self::Show { .. } => None,
            Self::Remove(args) => Some(&args.targets.why),
            Self::Tag { why, .. } => Some(why),
            Self::Pull(args) => Some(&args.why),
            Self::Push(args) => Some(&args.why),
            Self::Commit(args) => Some(&args.why),
            Self::Build(args) => Some(&args.why),
            Self::Prune(args) => Some(&args.why),
            Self::Copy(args) => Some(&args.why),
            Self::Load(args) => Some(&args.why),
            Self::Bundle(args) => Some(&args.why),
        }
    }

    /// The images that it names itself.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::List(_)
            | Self::Builds(_)
            | Self::BuildLog { .. }
            | Self::Load(_)
            | Self::Pull(_)
            | Self::Commit(_)
            | Self::Build(_)
            | Self::Prune(_) => &[],
            Self::Push(args) => &args.targets,
            Self::Show { targets } => targets,
            Self::Remove(args) => &args.targets.targets,
            Self::Tag { target, .. } => target.as_slice(),
            Self::Copy(args) => &args.targets,
            Self::Bundle(args) => &args.targets,
        }
    }

    /// The hosts that it names as those where images are brought to.
    pub(in crate::ops) fn destinations(&self) -> &[HostPattern] {
        match self {
            Self::Copy(args) => &args.to,
            Self::Load(args) => &args.to,
            Self::Pull(args) => &args.to,
            Self::Build(args) => &args.hosts,
            Self::List(_)
            | Self::Builds(_)
            | Self::BuildLog { .. }
            | Self::Show { .. }
            | Self::Remove(_)
            | Self::Tag { .. }
            | Self::Push(_)
            | Self::Commit(_)
            | Self::Prune(_)
            | Self::Bundle(_) => &[],
        }
    }

    /// Whether any host will do that has the images.
    pub(in crate::ops) fn takes_any_source(&self) -> bool {
        matches!(self, Self::Copy(_) | Self::Bundle(_))
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "image list",
            Self::Builds(_) => "image builds",
            Self::BuildLog { .. } => "image build-log",
            Self::Show { .. } => "image show",
            Self::Remove(_) => "image remove",
            Self::Tag { .. } => "image tag",
            Self::Pull(_) => "image pull",
            Self::Push(_) => "image push",
            Self::Commit(_) => "image commit",
            Self::Build(_) => "image build",
            Self::Prune(_) => "image prune",
            Self::Copy(_) => "image copy",
            Self::Bundle(_) => "image bundle",
            Self::Load(_) => "image load",
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn names_follow_dockers_grammar() {
        let read = |text: &str| text.parse::<ImageName>().map(|name| name.0);
        assert_eq!(read("app").unwrap(), "app:latest");
        assert_eq!(
            read("reg.example.org:5000/pay/api:rt67").unwrap(),
            "reg.example.org:5000/pay/api:rt67"
        );
        assert_eq!(
            read("localhost:5000/app").unwrap(),
            "localhost:5000/app:latest"
        );
        for wrong in [
            "App:1",
            "app:",
            "app:-x",
            "a//b",
            "app@sha256:00",
            "",
            "pay/-x",
            "a b:1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn speeds_are_read_and_written() {
        assert_eq!("10M".parse(), Ok(Speed(10 << 20)));
        assert_eq!("500K/s".parse(), Ok(Speed(500 << 10)));
        assert!("0".parse::<Speed>().is_err());
        assert!("fast".parse::<Speed>().is_err());
    }
}
