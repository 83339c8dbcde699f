//! Service discovery: who keeps lists of the targets of apps, what such a list says, and what is done to one.

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    ContainerId, HostName, Machine,
    jenkins::Kept,
    release::{ReleaseNumber, Scope},
};

/// Somebody who keeps lists of targets, as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverySpec {
    /// What it is called.
    pub name: Arc<str>,
    /// The apps that it lists, a name or a pattern.
    pub app: Arc<str>,
    /// The environments of those, a name or a pattern.
    pub environment: Arc<str>,
    /// How.
    pub kind: DiscoveryKind,
    /// A deploy goes on when it does not work.
    pub warns: bool,
    /// So long its readers have, once a target left the list, before the target is stopped.
    pub grace: Duration,
    /// Nothing may be changed there.
    pub read_only: bool,
}

impl DiscoverySpec {
    /// Whether it lists that app.
    pub fn lists(&self, scope: &Scope) -> bool {
        fits(&self.app, scope.app.as_str()) && self.covers(&scope.environment)
    }

    /// Whether it lists apps of that environment.
    pub fn covers(&self, environment: &str) -> bool {
        fits(&self.environment, environment)
    }

    /// Where it is, in a few words.
    pub fn place(&self) -> String {
        match &self.kind {
            DiscoveryKind::File(file) => {
                let all: Vec<String> = file.machines.iter().map(ToString::to_string).collect();
                format!("{} on {}", file.path, all.join(", "))
            }
            DiscoveryKind::Etcd(etcd) => {
                format!("{} in {}", etcd.prefix, etcd.endpoints.join(", "))
            }
        }
    }
}

/// Whether a text is as a pattern says: `*` and `?` stand for others.
fn fits(pattern: &str, text: &str) -> bool {
    glob::Pattern::new(pattern).is_ok_and(|one| one.matches(text))
}

/// The kinds of lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryKind {
    /// A file, made of a template.
    File(FileSpec),
    /// Keys in etcd.
    Etcd(EtcdSpec),
}

impl DiscoveryKind {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Etcd(_) => "etcd",
        }
    }
}

/// A file on machines, made of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// The machines that have it.
    pub machines: Vec<Machine>,
    /// The template, a file of this machine.
    pub template: PathBuf,
    /// Its path there; a template itself.
    pub path: Arc<str>,
    /// Its mode; that of the old one, or what the machine gives, when none is said.
    pub mode: Option<u32>,
    /// Its owner, `user` or `user:group`.
    pub owner: Option<Arc<str>>,
    /// A command there that finds it good.
    pub check: Option<Arc<str>>,
    /// A command there that has its reader take it.
    pub reload: Option<Arc<str>>,
}

/// Keys in etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdSpec {
    /// Its members, `https://etcd-1:2379`; one that answers is enough.
    pub endpoints: Vec<Arc<str>>,
    /// What all keys of an app begin with; a template. What is below it is ours alone.
    pub prefix: Arc<str>,
    /// What a target's key goes on with; a template.
    pub key: Arc<str>,
    /// What stands below a key; a template, and JSON when none is said.
    pub value: Option<Arc<str>>,
    /// The authority that signed their certificates, a PEM file.
    pub ca: Option<PathBuf>,
    /// Who we are to it, and where the password is.
    pub login: Option<(Arc<str>, Kept)>,
}

/// The targets of an app, as they are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Of which app in which environment.
    #[serde(skip)]
    pub scope: Scope,
    /// The services of its newest release, each with what can be reached of it.
    pub services: Vec<ListedService>,
}

impl Listing {
    /// All targets.
    pub fn targets(&self) -> impl Iterator<Item = &Listed> {
        self.services.iter().flat_map(|one| &one.targets)
    }
}

/// A service in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedService {
    /// Its name.
    pub name: String,
    /// Where it is reached.
    pub targets: Vec<Listed>,
}

/// A target in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Listed {
    /// The service.
    pub service: String,
    /// Where others reach its host.
    pub address: IpAddr,
    /// The port there: that for its balancer, else of the lowest port that it publishes.
    pub port: u16,
    /// The host.
    pub host: String,
    /// Which replica of the service on that host.
    pub replica: u32,
    /// The release it was made for.
    pub release: ReleaseNumber,
    /// All that it publishes.
    pub ports: Vec<Publication>,
    /// The container.
    #[serde(skip)]
    pub id: ContainerId,
}

/// A TCP port of a container that its host publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Publication {
    /// Inside the container.
    pub container: u16,
    /// On its host.
    pub host: u16,
}

/// A file that is put on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placing {
    /// Its path.
    pub path: String,
    /// What it says.
    pub text: String,
    /// Its mode.
    pub mode: Option<u32>,
    /// Its owner.
    pub owner: Option<String>,
    /// A command that finds it good. With `{new}` in it, it is asked of the new file before that takes the place of the old
    /// one; otherwise after that, and the old one comes back when it finds it wrong.
    pub check: Option<String>,
    /// A command that has its reader take it. The old file comes back when it fails.
    pub reload: Option<String>,
    /// The SHA-256 of what it said when it was read to be changed; another one is not written over.
    pub was: Option<String>,
}

impl Placing {
    /// What is said of a file that somebody else wrote meanwhile.
    pub const OTHER: &str = "it is not any more what it was";
    /// What is said of a file that its check does not find good.
    pub const UNCHECKED: &str = "its check refuses it";
    /// What is said of a file that its reader did not take.
    pub const UNTAKEN: &str = "its reload failed";
}

/// An app is listed anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct DiscoveryStep {
    /// Where.
    pub discovery: Arc<str>,
    /// Which app in which environment.
    pub scope: Scope,
    /// The services of its newest release.
    pub services: Vec<String>,
    /// The hosts that may have targets of it.
    pub hosts: Vec<HostName>,
    /// Targets that are about to go.
    pub without: Vec<ContainerId>,
    /// Targets that come, and are waited for until they are well; for so many seconds.
    pub with: (Vec<ContainerId>, u32),
}

impl DiscoveryStep {
    /// How it is written in plans: `edge-files:shop`, `edge-files:shop/prod`.
    pub fn target(&self) -> String {
        let Scope { app, environment } = &self.scope;
        match &**environment {
            "" => format!("{}:{app}", self.discovery),
            environment => format!("{}:{app}/{environment}", self.discovery),
        }
    }
}

impl fmt::Display for DiscoveryStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.without.len(), self.with.0.len()) {
            (0, 0) => f.write_str("list its targets"),
            (0, many) => write!(f, "list its targets, {many} of them new"),
            (many, _) => write!(f, "take {many} of its targets off the list"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::app::AppName;

    #[test]
    fn apps_are_meant_by_pattern_and_environments_too() {
        let spec = DiscoverySpec {
            name: "edge".into(),
            app: "shop-*".into(),
            environment: "prod".into(),
            kind: DiscoveryKind::Etcd(EtcdSpec {
                endpoints: vec!["http://a:2379".into()],
                prefix: "/svc/{{ app }}/".into(),
                key: "{{ service }}".into(),
                value: None,
                ca: None,
                login: None,
            }),
            warns: false,
            grace: Duration::ZERO,
            read_only: false,
        };
        let scope = |app: &str, environment: &str| Scope {
            app: AppName::new(app).unwrap(),
            environment: environment.into(),
        };
        assert!(spec.lists(&scope("shop-eu", "prod")));
        assert!(!spec.lists(&scope("shop-eu", "")));
        assert!(!spec.lists(&scope("pay", "prod")));
        let any = DiscoverySpec {
            environment: "*".into(),
            ..spec
        };
        assert!(any.lists(&scope("shop-eu", "")));
    }
}
