//! A step: one thing to be done on one host, as a value, before it happens.

mod build;
mod image;
mod network;
mod volume;

pub use build::{Build, BuildArg, BuildSecret, BuildSource, Builder, SecretSource};
pub use image::{BundledFile, BundledImage, ImageAction};
pub use network::{NetworkAction, NetworkSpec};
pub use volume::{Backup, NewVolume, VolumeAction};

use std::{fmt, path::PathBuf, sync::Arc};

use serde::Serialize;

use super::{
    BalancerStep, ContainerId, DiscoveryStep, HostName, RegistryAction, Resource,
    jenkins::JenkinsStep, release::DeployAction, swarm::SwarmAction,
};

/// What is cleaned up by a prune.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prune {
    /// Containers that do not run.
    Containers,
    /// Images without a tag and without a container; with `all`, every image without a container.
    Images {
        /// Also those with a tag.
        all: bool,
    },
    /// Networks without containers.
    Networks,
    /// Volumes that no container uses; with `all`, also named ones.
    Volumes {
        /// Also named ones.
        all: bool,
    },
    /// The build cache.
    BuildCache,
}

/// How an engine is put on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Install {
    /// Packages of this machine, a directory or a tar archive, in place of the host's package source.
    pub bundle: Option<PathBuf>,
    /// The packages to install; none for those that the distribution has.
    pub packages: Vec<Arc<str>>,
    /// The account that logs in is to be a member of the group docker.
    pub add_to_group: bool,
    /// The engine that is there is to be replaced by a newer one.
    pub upgrade: bool,
}

/// What is done to a container, or to a whole host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Start it.
    Start,
    /// Ask its main process to end; kill it after `grace` seconds (none: as the container is set up).
    Stop {
        /// Seconds.
        grace: Option<u32>,
    },
    /// Stop it, then start it.
    Restart {
        /// Seconds.
        grace: Option<u32>,
    },
    /// Freeze its processes.
    Pause,
    /// Let them go on.
    Unpause,
    /// Send its main process a signal.
    Kill {
        /// Its name or number, as Docker takes it.
        signal: Arc<str>,
    },
    /// Remove it.
    Remove {
        /// Kill it first if it runs.
        force: bool,
        /// Its anonymous volumes too.
        volumes: bool,
    },
    /// Give it another name.
    Rename {
        /// The new name.
        to: Arc<str>,
    },
    /// Copy a file or directory of this machine into it.
    CopyIn {
        /// On this machine.
        from: PathBuf,
        /// In the container.
        to: Arc<str>,
    },
    /// Copy a file or directory out of it to this machine.
    CopyOut {
        /// In the container.
        from: Arc<str>,
        /// On this machine.
        to: PathBuf,
    },
    /// Run a command in it, or a shell when none is named; the terminal is handed over.
    Exec {
        /// The command and its arguments; empty for the best shell it has.
        command: Vec<Arc<str>>,
        /// As which user; the container's own when none is named.
        user: Option<Arc<str>>,
    },
    /// Clean up the host.
    Prune(Prune),
    /// Walk the way to the host and look at each step of it.
    Examine,
    /// Put an engine on the host.
    Install(Install),
    /// Something is done to an image, or one is brought to the host.
    Image(ImageAction),
    /// Something is done to a network, or one is made.
    Network(NetworkAction),
    /// Something is done to a volume, or one is made.
    Volume(VolumeAction),
    /// Something is done in an image registry.
    Registry(RegistryAction),
    /// Something is done to a load balancer.
    Balancer(BalancerStep),
    /// Something is done on a Jenkins server.
    Jenkins(JenkinsStep),
    /// The targets of an app are listed anew.
    Discovery(DiscoveryStep),
    /// Something is done to a part of a Swarm.
    Swarm(SwarmAction),
    /// A target of a deploy is brought to its release.
    Deploy(Box<DeployAction>),
}

/// What a step is done to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The host as a whole.
    Host,
    /// A container, with its name.
    Container(ContainerId, Arc<str>),
    /// An image, a network or a volume.
    Resource {
        /// Which of them.
        kind: Resource,
        /// What tells it apart on its host; what does not exist yet has none, and is empty.
        id: Arc<str>,
        /// What it is called.
        name: Arc<str>,
    },
    /// Something beside the engines, by its whole name.
    Outside(Arc<str>),
}

/// One thing to be done on one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Step {
    /// The host.
    pub host: HostName,
    /// What it is done to.
    pub subject: Subject,
    /// What is done.
    pub action: Action,
}

impl Step {
    /// `name@host`, or `@host` for the whole host: how a target is written everywhere.
    pub fn target(&self) -> String {
        match &self.subject {
            Subject::Container(_, name) | Subject::Resource { name, .. } => {
                format!("{name}@{}", self.host)
            }
            Subject::Host => format!("@{}", self.host),
            Subject::Outside(name) => name.to_string(),
        }
    }

    /// The container it is done to, if it is one.
    pub fn container(&self) -> Option<(&ContainerId, &Arc<str>)> {
        match &self.subject {
            Subject::Container(id, name) => Some((id, name)),
            Subject::Host | Subject::Resource { .. } | Subject::Outside(_) => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Stop { .. } => f.write_str("stop"),
            Self::Restart { .. } => f.write_str("restart"),
            Self::Pause => f.write_str("pause"),
            Self::Unpause => f.write_str("unpause"),
            Self::Kill { signal } => write!(f, "kill with {signal}"),
            Self::Remove { .. } => f.write_str("remove"),
            Self::Rename { to } => write!(f, "rename to {to}"),
            Self::CopyIn { from, to } => write!(f, "copy {} to {to}", from.display()),
            Self::CopyOut { from, to } => write!(f, "copy {from} to {}", to.display()),
            Self::Exec { command, .. } if command.is_empty() => f.write_str("open a shell"),
            Self::Exec { command, .. } => write!(f, "run {}", command.join(" ")),
            Self::Prune(Prune::Containers) => f.write_str("prune containers"),
            Self::Prune(Prune::Images { .. }) => f.write_str("prune images"),
            Self::Prune(Prune::Networks) => f.write_str("prune networks"),
            Self::Prune(Prune::Volumes { .. }) => f.write_str("prune volumes"),
            Self::Prune(Prune::BuildCache) => f.write_str("prune the build cache"),
            Self::Examine => f.write_str("examine the way"),
            Self::Install(what) if what.upgrade => f.write_str("upgrade Docker Engine"),
            Self::Install(_) => f.write_str("install Docker Engine"),
            Self::Image(action) => action.fmt(f),
            Self::Network(action) => action.fmt(f),
            Self::Volume(action) => action.fmt(f),
            Self::Registry(action) => action.fmt(f),
            Self::Swarm(action) => action.fmt(f),
            Self::Balancer(step) => step.action.fmt(f),
            Self::Jenkins(step) => step.action.fmt(f),
            Self::Discovery(step) => step.fmt(f),
            Self::Deploy(action) => action.fmt(f),
        }
    }
}
