//! Apps as plain values: what a Compose file says once everything in it is known, and the hash that tells two apart.

mod behind;
mod deploy;
mod duration;
mod gate;
mod name;
mod resource;
mod rule;
mod service;
mod source;
mod template;
#[cfg(test)]
mod tests;
mod told;
pub mod units;
mod value;

pub use behind::Behind;
pub use deploy::{
    Deploy, DeployMode, DeviceRequest, Failure, Limits, Order, Placement, Resources, RestartWish,
    Update,
};
pub use gate::LogGate;
pub use name::{AppName, ImageReference, NameError, ServiceName, TemplateName};
pub use resource::{AppFile, AppNetwork, AppVolume, FileFrom, IpamPool};
pub use rule::Rule;
pub use service::{
    Build, Condition, Dependency, Device, FileUse, Healthcheck, HostPort, Joined, Logging, Mount,
    MountKind, NetworkMode, PortMode, Probe, Protocol, Published, PullPolicy, Restart, Service,
    Ulimit,
};
pub use source::{CatalogRepository, CatalogSource, Visibility};
pub use template::{
    Answers, Choice, Parameter, ParameterKind, Source, Template, generated, pattern,
};
pub use told::{Severity, Told, Where};
pub use value::{Environment, SecretName, Value};

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// An app after interpolation: everything that its file and its parameters say, and nothing that a host decides.
///
/// Its written form is canonical: names are sorted, and what says nothing is left out. Two specs that mean the same are
/// written the same, and secrets stand in it by reference only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: AppName,
    /// It is meant for a Swarm.
    #[serde(default, skip_serializing_if = "is_default")]
    pub swarm: bool,
    /// Its services.
    pub services: BTreeMap<ServiceName, Service>,
    /// Its networks, by the name that services call them. `default` stands here when a service joins it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, AppNetwork>,
    /// Its named volumes, by the name that services call them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, AppVolume>,
    /// Its secrets: where they come from, never what they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, AppFile>,
    /// Its configs, with their text where the file has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<String, AppFile>,
}

/// The SHA-256 of a spec's canonical form, as `sha256:` and 64 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpecHash(String);

impl SpecHash {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first twelve digits, for labels and lists.
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }
}

impl fmt::Display for SpecHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Spec {
    /// An app of that name with nothing in it yet.
    pub fn new(name: AppName) -> Self {
        Self {
            name,
            swarm: false,
            services: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            secrets: BTreeMap::new(),
            configs: BTreeMap::new(),
        }
    }

    /// Its canonical form, as JSON in one line.
    ///
    /// # Panics
    /// Never: what it has can be written.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("a spec has only names as keys")
    }

    /// Tells it from every other spec; stable over runs and machines.
    pub fn hash(&self) -> SpecHash {
        hash(self)
    }

    /// Every secret whose value a deploy needs, by name: those of values, and those that come from outside.
    pub fn secrets_needed(&self) -> Vec<SecretName> {
        let files = self.configs.values().filter_map(AppFile::text);
        let mut names: Vec<SecretName> = self
            .services
            .values()
            .flat_map(Service::values)
            .chain(files)
            .flat_map(|value| value.secrets().cloned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Service {
    /// Tells what it runs from everything else; replicas of one hash are the same.
    pub fn hash(&self) -> SpecHash {
        hash(self)
    }
}

fn hash(what: &impl Serialize) -> SpecHash {
    let text = serde_json::to_vec(what).expect("a spec has only names as keys");
    SpecHash(format!(
        "sha256:{}",
        super::hex(Sha256::digest(text).as_slice())
    ))
}

/// Whether a value says nothing, so that it is not written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
