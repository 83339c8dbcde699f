//! What an environment does not allow of apps: the rules of its policy.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One thing that may be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The engine's socket in a container: who has it has the host.
    DockerSocket,
    /// `privileged`.
    Privileged,
    /// The host's own network.
    HostNetwork,
    /// The host's processes, shared memory or users.
    HostNamespace,
    /// Capabilities beyond the usual.
    CapAdd,
    /// Devices of the host.
    Device,
    /// Without seccomp, AppArmor or SELinux.
    Unconfined,
    /// Files and directories of the host.
    BindMount,
    /// An image without a tag and a digest.
    Untagged,
    /// An image tagged `latest`.
    Latest,
    /// An image without a digest.
    NoDigest,
    /// No bound of memory.
    NoLimit,
    /// No probe of health.
    NoHealthcheck,
    /// A secret's value written in the file.
    PlainSecret,
    /// A port of the host that changes at every start.
    RandomPort,
}

impl Rule {
    /// All of them, by their names.
    pub const ALL: [(&'static str, Self); 15] = [
        ("docker-socket", Self::DockerSocket),
        ("privileged", Self::Privileged),
        ("host-network", Self::HostNetwork),
        ("host-namespace", Self::HostNamespace),
        ("cap-add", Self::CapAdd),
        ("device", Self::Device),
        ("unconfined", Self::Unconfined),
        ("bind-mount", Self::BindMount),
        ("untagged", Self::Untagged),
        ("latest", Self::Latest),
        ("no-digest", Self::NoDigest),
        ("no-limit", Self::NoLimit),
        ("no-healthcheck", Self::NoHealthcheck),
        ("plain-secret", Self::PlainSecret),
        ("random-port", Self::RandomPort),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, rule)| *rule == self);
        found.map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, rule)| *rule).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name);
            match crate::model::nearest(text, names) {
                Some(near) => format!("'{text}' is no rule; did you mean '{near}'?"),
                None => format!("'{text}' is no rule; there are {}", names.join(", ")),
            }
        })
    }
}
