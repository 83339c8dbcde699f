//! Releases: immutable, numbered versions of apps, and what is needed to bring one to its hosts.

mod approval;
mod deployed;
mod diff;
mod found;
mod front;
mod policy;
mod rollout;
mod seal;
mod secrets;
mod stack;

pub use approval::{Admission, Request, Standing, Verdict, digest, people, person, runs_the_same};
pub use deployed::{Deploys, History, Open};
pub use diff::{Change, diff};
pub use found::{Found, Mark};
pub use front::{Front, Lane, pair};
pub use policy::{BatchSize, Gate, Gray, OnFailure, Policy, Strategy, strategy};
pub use rollout::{Converge, DeployAction, Direction, Held, Lease, Phase, Rollout, Wish};
pub use seal::{Seal, SigningKey, Trust};
pub use secrets::{Keeper, SecretOf, Secrets};
pub use stack::{Stack, StackMark, StackService, Stacked, Trial, Way};

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    HostName, Timestamp,
    app::{
        AppName, Behind, Deploy, ImageReference, LogGate, NetworkMode, ServiceName, Spec, SpecHash,
    },
};

/// The number of a release among those of its app in its environment; written `r000042`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseNumber(pub u32);

impl ReleaseNumber {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{:06}", self.0)
    }
}

impl FromStr for ReleaseNumber {
    type Err = String;

    /// `r000042`, `r42` or `42`.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('r').unwrap_or(text);
        match digits.parse() {
            Ok(0) | Err(_) => Err("a release is r000001 or higher".to_owned()),
            Ok(number) => Ok(Self(number)),
        }
    }
}

/// Which app in which environment: what has releases of its own, and one deploy at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The app.
    pub app: AppName,
    /// The environment of its hosts; empty for hosts that have none.
    pub environment: Arc<str>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.environment {
            "" => write!(f, "{}", self.app),
            environment => write!(f, "{} in {environment}", self.app),
        }
    }
}

/// An image that a release was bound to: always the same bytes, whatever its tag points at later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// As the file names it.
    pub image: ImageReference,
    /// The digest of its manifest, `sha256:…`, by which a registry gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its id, the digest of its configuration, by which hosts know it; none when no host had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Pin {
    /// Whether it is the same image, as far as is known of both.
    pub fn is(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        same(&self.id, &other.id) || same(&self.digest, &other.digest)
    }

    /// What a registry is asked for: `repository@sha256:…`.
    pub fn pull(&self) -> Option<String> {
        let digest = self.digest.as_deref()?;
        Some(format!("{}@{digest}", self.image.repository()))
    }

    /// What tells it from others in a label: its id, else its digest, else its name.
    fn identity(&self) -> &str {
        let known = self.id.as_deref().or(self.digest.as_deref());
        known.unwrap_or_else(|| self.image.as_str())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.digest.as_deref().or(self.id.as_deref());
        let digits = known.and_then(|one| one.strip_prefix("sha256:"));
        match digits.and_then(|digits| digits.get(..12)) {
            Some(digits) if self.image.digest().is_none() => write!(f, "{} ({digits})", self.image),
            Some(_) | None => self.image.fmt(f),
        }
    }
}

/// A place for one replica of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The service.
    pub service: ServiceName,
    /// Which of the replicas on its host, from 1; 0 for all of them in a Swarm, whose manager the host is.
    pub replica: u32,
    /// The host.
    pub host: HostName,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.replica == 0 {
            return write!(f, "{}@{}", self.service, self.host);
        }
        write!(f, "{}.{}@{}", self.service, self.replica, self.host)
    }
}

/// An immutable, numbered version of an app: its spec, the images it is bound to, and where its replicas are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Of which app in which environment.
    pub scope: Scope,
    /// Its number.
    pub number: ReleaseNumber,
    /// What it consists of.
    pub spec: Spec,
    /// The image of each service.
    pub pins: BTreeMap<ServiceName, Pin>,
    /// Where its replicas are.
    pub targets: Vec<Target>,
    /// Where they stand behind load balancers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fronts: BTreeMap<ServiceName, Front>,
    /// The Swarm that it is for; none for hosts of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it, `user@machine`.
    pub by: String,
    /// Of what: `template nginx 1.2`, `shop.yaml`, `r000041 again`.
    pub source: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Release {
    /// What all that decides about a service's containers comes to; containers with the same are the same.
    ///
    /// How many of them there are, how they are replaced and what they wait for is not part of it.
    pub fn print(&self, name: &ServiceName) -> Option<Print> {
        let service = self.spec.services.get(name)?;
        let mut bare = service.clone();
        bare.deploy = Deploy {
            resources: service.deploy.resources.clone(),
            restart: service.deploy.restart.clone(),
            ..Deploy::default()
        };
        if self.stack.is_some() {
            bare.deploy.placement = service.deploy.placement.clone();
            bare.deploy
                .endpoint_mode
                .clone_from(&service.deploy.endpoint_mode);
        }
        bare.depends_on.clear();
        bare.profiles.clear();
        bare.build = None;
        bare.pull_policy = None;
        // Where the balancer has it changes nothing of a container but its port.
        bare.balancer = service.balancer.as_ref().map(|one| Behind {
            port: one.port,
            host_port: one.host_port,
            ..Behind::default()
        });
        bare.gate = LogGate::default();
        // The name of the image says nothing that the image itself does not.
        bare.image = None;
        let files = |uses: &[super::app::FileUse], of: &BTreeMap<String, super::app::AppFile>| {
            let used = uses.iter().filter_map(|one| of.get(&one.source));
            used.cloned().collect::<Vec<_>>()
        };
        let parts = (
            &bare,
            self.pins.get(name).map(Pin::identity),
            files(&service.configs, &self.spec.configs),
            files(&service.secrets, &self.spec.secrets),
        );
        let mut text = serde_json::to_vec(&parts).ok()?;
        // Where the other one's container is made anew the network is another one.
        let lender = self
            .shares(name)
            .filter(|other| self.shares(other).is_none());
        if let Some(print) = lender.and_then(|other| self.print(other)) {
            text.extend(print.0.bytes());
        }
        let digest = super::hex(Sha256::digest(text).as_slice());
        Some(Print(digest[..16].to_owned()))
    }

    /// The service whose network another one uses.
    pub fn shares(&self, name: &ServiceName) -> Option<&ServiceName> {
        match &self.spec.services.get(name)?.network_mode {
            Some(NetworkMode::Service(other)) => Some(other),
            Some(_) | None => None,
        }
    }

    /// The container whose network a target uses, among those of its host: one that runs, as the release has it.
    pub fn lender<'f>(&self, target: &Target, all: &'f [Found]) -> Option<&'f Found> {
        let other = self.shares(&target.service)?;
        let print = self.print(other)?;
        all.iter().find(|one| {
            let is_of = one.service == other.as_str() && one.replica == target.replica;
            let mark = one.mark.as_ref();
            is_of && one.is_live() && mark.is_some_and(|mark| mark.print == print)
        })
    }

    /// How many replicas of a service there are; of those with one on each node of a Swarm that is not known.
    pub fn replicas(&self, name: &ServiceName) -> Option<usize> {
        use super::app::DeployMode;
        let service = self.spec.services.get(name);
        match (&self.stack, service) {
            (Some(_), Some(service)) => match service.deploy.mode {
                DeployMode::Replicated | DeployMode::ReplicatedJob => {
                    usize::try_from(service.replicas()).ok()
                }
                DeployMode::Global | DeployMode::GlobalJob => None,
            },
            (Some(_), None) => Some(0),
            (None, _) => {
                let of = self.targets.iter().filter(|one| one.service == *name);
                Some(of.count())
            }
        }
    }

    /// The hosts that have replicas of it, each once.
    pub fn hosts(&self) -> Vec<&HostName> {
        let mut hosts: Vec<&HostName> = self.targets.iter().map(|one| &one.host).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// What the container of a target is called on its host.
    pub fn container(&self, target: &Target) -> String {
        let Target {
            service, replica, ..
        } = target;
        let app = &self.scope.app;
        match &*self.scope.environment {
            "" => format!("{app}.{}.{service}.{replica}", self.number),
            environment => format!("{app}.{environment}.{}.{service}.{replica}", self.number),
        }
    }

    /// The SHA-256 of its spec.
    pub fn hash(&self) -> SpecHash {
        self.spec.hash()
    }
}

/// Tells containers of a service apart that were made differently: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Print(pub String);

impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
