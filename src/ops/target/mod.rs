//! Targets: what a sentence acts on, and the patterns that name them.

mod resource;

pub use resource::{Found, ResourcePattern, all as all_resources, resource_text};

use std::{fmt, str::FromStr, sync::Arc};

use super::plan::{Refusal, RefusalKind};
use crate::model::{Container, ContainerId, Fleet, Host, HostName, HostSpec, Resource};

/// One thing that can be selected and acted on.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Target {
    /// A container of a host.
    Container(HostName, ContainerId),
    /// A host.
    Host(HostName),
    /// An image, network or volume of a host, by what tells it apart there.
    Resource(Resource, HostName, Arc<str>),
    /// An entry of the log of acts, by its number.
    Operation(u64),
}

impl Target {
    /// The host it is on; none for an entry of the log.
    pub fn host(&self) -> Option<&HostName> {
        match self {
            Self::Container(host, _) | Self::Host(host) | Self::Resource(_, host, _) => Some(host),
            Self::Operation(_) => None,
        }
    }

    /// How it is written: `name@host`, `@host`, `#12`. A container that the fleet does not know
    /// (any more), or whose name another one on its host has too, is written by its id.
    pub fn text(&self, fleet: &Fleet) -> String {
        match self {
            Self::Container(host, id) => match fleet.host(host) {
                Some(known) => match known.containers.get(id) {
                    Some(container) => container_text(known, container),
                    None => format!("{id}@{host}"),
                },
                None => format!("{id}@{host}"),
            },
            Self::Host(host) => format!("@{host}"),
            Self::Resource(kind, host, id) => match fleet.host(host) {
                Some(known) => resource_text(known, *kind, id),
                None => format!("{id}@{host}"),
            },
            Self::Operation(number) => format!("#{number}"),
        }
    }

    /// The word for what it is: `a container`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Container(..) => "a container",
            Self::Host(_) => "a host",
            Self::Resource(Resource::Image, ..) => "an image",
            Self::Resource(Resource::Network, ..) => "a network",
            Self::Resource(Resource::Volume, ..) => "a volume",
            Self::Resource(Resource::Node, ..) => "a node",
            Self::Resource(Resource::Service, ..) => "a service",
            Self::Resource(Resource::Secret, ..) => "a secret",
            Self::Resource(Resource::Config, ..) => "a config",
            Self::Operation(_) => "an entry of the log",
        }
    }
}

/// `name@host`, or the id in place of a name that does not tell it apart.
pub(super) fn container_text(host: &Host, container: &Container) -> String {
    let doubtful = container.name.is_empty()
        || host
            .containers
            .values()
            .any(|other| other.name == container.name && other.id != container.id);
    if doubtful {
        format!("{}@{}", container.id.as_str(), host.name())
    } else {
        format!("{}@{}", container.name, host.name())
    }
}

/// A text with the wildcards `*`, `?` and `[…]`; equal text always matches.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    text: String,
    pattern: Option<glob::Pattern>,
}

impl Glob {
    fn parse(text: &str) -> Result<Self, glob::PatternError> {
        let pattern = if text.contains(['*', '?', '[']) {
            Some(glob::Pattern::new(text)?)
        } else {
            None
        };
        Ok(Self {
            text: text.to_owned(),
            pattern,
        })
    }

    fn matches(&self, text: &str) -> bool {
        self.text == text
            || self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.matches(text))
    }
}

/// A text that names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no target: {why}")]
pub struct PatternError {
    text: String,
    why: String,
}

impl PatternError {
    fn new(text: &str, why: impl Into<String>) -> Self {
        Self {
            text: text.to_owned(),
            why: why.into(),
        }
    }
}

/// Which hosts: `@ams-1`, `ams-*`, `@env:prod`, `group:edge`. The `@` may be left out where only
/// hosts can be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    by: HostBy,
    glob: Glob,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HostBy {
    Name,
    Environment,
    Group,
}

impl FromStr for HostPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('@').unwrap_or(text);
        let (by, rest) = if let Some(rest) = rest.strip_prefix("env:") {
            (HostBy::Environment, rest)
        } else if let Some(rest) = rest.strip_prefix("group:") {
            (HostBy::Group, rest)
        } else {
            (HostBy::Name, rest)
        };
        if rest.is_empty() {
            return Err(PatternError::new(text, "it names no host"));
        }
        if rest.contains('@') {
            return Err(PatternError::new(
                text,
                "it names a container where a host is needed",
            ));
        }
        let glob = Glob::parse(rest).map_err(|error| PatternError::new(text, error.msg))?;
        Ok(Self { by, glob })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.by {
            HostBy::Name => "",
            HostBy::Environment => "env:",
            HostBy::Group => "group:",
        };
        write!(f, "@{key}{}", self.glob.text)
    }
}

impl HostPattern {
    /// Whether the host is meant, as far as the configuration tells.
    pub fn matches(&self, spec: &HostSpec) -> bool {
        match self.by {
            HostBy::Name => self.glob.matches(spec.name.as_str()),
            HostBy::Environment => spec
                .environment
                .as_deref()
                .is_some_and(|name| self.glob.matches(name)),
            HostBy::Group => spec.groups.iter().any(|group| self.glob.matches(group)),
        }
    }

    /// The hosts that are meant; at least one, or the reason why there is none.
    pub fn resolve<'f>(&self, fleet: &'f Fleet) -> Result<Vec<&'f Host>, Refusal> {
        let found: Vec<&Host> = fleet
            .hosts()
            .iter()
            .filter(|host| self.matches(&host.spec))
            .collect();
        if found.is_empty() {
            Err(self.unknown(fleet))
        } else {
            Ok(found)
        }
    }

    fn unknown(&self, fleet: &Fleet) -> Refusal {
        let names = fleet.hosts().iter();
        let remedy = match self.by {
            HostBy::Name => near(
                &self.glob.text,
                names.map(|host| host.name().as_str()),
                "`wharf host list` lists the hosts",
            ),
            HostBy::Environment => near(
                &self.glob.text,
                names.filter_map(|host| host.spec.environment.as_deref()),
                "no host belongs to such an environment",
            ),
            HostBy::Group => near(
                &self.glob.text,
                names.flat_map(|host| host.spec.groups.iter().map(AsRef::as_ref)),
                "no host belongs to such a group",
            ),
        };
        Refusal::new(RefusalKind::Unknown, format!("no host is {self}"), remedy)
    }
}

/// Which containers: `web@ams-1`, `web-*@env:prod`, `app:shop@*`, `3f2a9c@ams-1`, `web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPattern {
    by: ContainerBy,
    glob: Glob,
    host: Option<HostPattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContainerBy {
    /// By name; by the beginning of the id where no name fits.
    Name,
    App,
    Service,
}

impl FromStr for ContainerPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (name, host) = match text.split_once('@') {
            Some((name, host)) => (name, Some(host)),
            None => (text, None),
        };
        let (by, rest) = if let Some(rest) = name.strip_prefix("app:") {
            (ContainerBy::App, rest)
        } else if let Some(rest) = name.strip_prefix("service:") {
            (ContainerBy::Service, rest)
        } else {
            (ContainerBy::Name, name)
        };
        if rest.is_empty() {
            let why = match host {
                Some(host) => format!("it names no container; say *@{host} for all of the host"),
                None => "it names no container".to_owned(),
            };
            return Err(PatternError::new(text, why));
        }
        let glob = Glob::parse(rest).map_err(|error| PatternError::new(text, error.msg))?;
        let host = host.map(str::parse).transpose()?;
        Ok(Self { by, glob, host })
    }
}

impl fmt::Display for ContainerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.by {
            ContainerBy::Name => "",
            ContainerBy::App => "app:",
            ContainerBy::Service => "service:",
        };
        write!(f, "{key}{}", self.glob.text)?;
        match &self.host {
            Some(host) => write!(f, "{host}"),
            None => Ok(()),
        }
    }
}

impl ContainerPattern {
    /// Whether containers of that host can be meant: only such hosts have to be asked.
    pub fn touches(&self, spec: &HostSpec) -> bool {
        self.host.as_ref().is_none_or(|host| host.matches(spec))
    }

    /// The containers that are meant, by host in the fleet's order, then by name; at least one,
    /// or the reason why there is none.
    pub fn resolve<'f>(&self, fleet: &'f Fleet) -> Result<Vec<(&'f Host, &'f Container)>, Refusal> {
        let hosts: Vec<&Host> = match &self.host {
            Some(host) => host.resolve(fleet)?,
            None => fleet.hosts().iter().collect(),
        };
        let mut found = among(&hosts, |container| match self.by {
            ContainerBy::Name => self.glob.matches(&container.name),
            ContainerBy::App => fits(&self.glob, container.app.as_deref()),
            ContainerBy::Service => fits(&self.glob, container.service.as_deref()),
        });
        if found.is_empty() && self.may_be_id() {
            found = among(&hosts, |one| one.id.as_str().starts_with(&self.glob.text));
        }
        if found.is_empty() {
            return Err(self.unknown(&hosts));
        }
        let first = found[0].0.name();
        if self.host.is_none() && found.iter().any(|(host, _)| host.name() != first) {
            return Err(self.ambiguous(&found));
        }
        Ok(found)
    }

    /// Whether it can be the beginning of an id: four or more hexadecimal digits.
    fn may_be_id(&self) -> bool {
        let text = &self.glob.text;
        self.by == ContainerBy::Name
            && text.len() >= 4
            && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    fn ambiguous(&self, found: &[(&Host, &Container)]) -> Refusal {
        const SHOWN: usize = 6;
        let mut names: Vec<String> = found
            .iter()
            .take(SHOWN)
            .map(|(host, container)| container_text(host, container))
            .collect();
        if found.len() > SHOWN {
            names.push(format!("{} more", found.len() - SHOWN));
        }
        Refusal::new(
            RefusalKind::Ambiguous,
            format!("{self} is on several hosts: {}", names.join(", ")),
            format!("name the host, or say {self}@* for all"),
        )
    }

    fn unknown(&self, hosts: &[&Host]) -> Refusal {
        let unseen: Vec<&str> = hosts
            .iter()
            .filter(|host| !host.listed)
            .map(|host| host.name().as_str())
            .collect();
        if !unseen.is_empty() && unseen.len() == hosts.len() {
            let reason = hosts[0].link.trouble().map_or_else(
                || "they were not listed yet".to_owned(),
                ToString::to_string,
            );
            return Refusal::new(
                RefusalKind::Offline,
                format!("the containers of {} are not known", unseen.join(", ")),
                reason,
            );
        }
        let names = hosts
            .iter()
            .flat_map(|host| host.containers.values())
            .filter_map(|container| match self.by {
                ContainerBy::Name => Some(&*container.name),
                ContainerBy::App => container.app.as_deref(),
                ContainerBy::Service => container.service.as_deref(),
            });
        let remedy = near(
            &self.glob.text,
            names,
            "`wharf container list` lists the containers",
        );
        let why = if unseen.is_empty() {
            format!("no container is {self}")
        } else {
            format!(
                "no container is {self} on the hosts that could be asked (not {})",
                unseen.join(", ")
            )
        };
        Refusal::new(RefusalKind::Unknown, why, remedy)
    }
}

/// The containers of the hosts that are meant, on each by name.
fn among<'f>(
    hosts: &[&'f Host],
    is_meant: impl Fn(&Container) -> bool,
) -> Vec<(&'f Host, &'f Container)> {
    let mut found = Vec::new();
    for host in hosts {
        let mut here: Vec<&Container> = host
            .containers
            .values()
            .filter(|container| is_meant(container))
            .collect();
        here.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        found.extend(here.into_iter().map(|container| (*host, container)));
    }
    found
}

fn fits(glob: &Glob, text: Option<&str>) -> bool {
    text.is_some_and(|text| glob.matches(text))
}

/// The nearest names as a question; the other text when none is near.
fn near<'n>(wanted: &str, names: impl Iterator<Item = &'n str>, otherwise: &str) -> String {
    let limit = wanted.chars().count().div_ceil(3).max(1);
    let mut scored: Vec<(usize, &str)> = names
        .filter(|name| !name.is_empty())
        .map(|name| {
            let contained = name.contains(wanted) || wanted.contains(name);
            (
                distance(wanted, name).min(if contained { 1 } else { usize::MAX }),
                name,
            )
        })
        .filter(|(far, _)| *far <= limit)
        .collect();
    scored.sort_unstable();
    scored.dedup();
    let names: Vec<&str> = scored.into_iter().take(3).map(|(_, name)| name).collect();
    if names.is_empty() {
        otherwise.to_owned()
    } else {
        format!("did you mean {}?", names.join(", "))
    }
}

/// How many letters have to be put in, taken out or replaced to get from one text to the other
/// (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
