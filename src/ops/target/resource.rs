//! How images, networks and volumes are named, and which a name means.

use std::{fmt, str::FromStr, sync::Arc};

use super::{Glob, HostPattern, PatternError, near};
use crate::{
    model::{Fleet, Host, HostSpec, Resource, swarm::Swarm},
    ops::plan::{Refusal, RefusalKind},
};

/// So many of those that a name could mean are said.
const SHOWN: usize = 6;

/// Which images, networks or volumes: `nginx:1.25@ams-1`, `back@*`, `data-*@env:prod`, `3f2a9c@ams-1`; networks and
/// volumes also `app:shop@*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePattern {
    glob: Glob,
    /// What follows `app:`; of images that is a tag.
    app: Option<Glob>,
    host: Option<HostPattern>,
}

impl FromStr for ResourcePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        // The digest of an image is behind such a sign, too.
        let (name, host) = match text.rsplit_once('@') {
            Some((name, host)) if !host.starts_with("sha256:") => (name, Some(host)),
            Some(_) | None => (text, None),
        };
        if name.is_empty() {
            let why = host.map_or_else(
                || "it is empty".to_owned(),
                |host| format!("it names nothing; say *@{host} for all of the host"),
            );
            return Err(PatternError::new(text, why));
        }
        let glob =
            |part: &str| Glob::parse(part).map_err(|error| PatternError::new(text, error.msg));
        let app = name.strip_prefix("app:").filter(|app| !app.is_empty());
        Ok(Self {
            glob: glob(name)?,
            app: app.map(glob).transpose()?,
            host: host.map(str::parse).transpose()?,
        })
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.glob.text)?;
        match &self.host {
            Some(host) => write!(f, "{host}"),
            None => Ok(()),
        }
    }
}

/// One that a name means: its host, what tells it apart there, and what it is called.
pub type Found<'f> = (&'f Host, Arc<str>, Arc<str>);

impl ResourcePattern {
    /// Whether those of that host can be meant: only such hosts have to be asked.
    pub fn touches(&self, spec: &HostSpec) -> bool {
        self.host.as_ref().is_none_or(|host| host.matches(spec))
    }

    /// The name without the host.
    pub fn name(&self) -> &str {
        &self.glob.text
    }

    /// Which hosts it names, if it does.
    pub fn hosts(&self) -> Option<&HostPattern> {
        self.host.as_ref()
    }

    /// Those of one kind that are meant, by host in the fleet's order, then by name; at least one, or the reason why
    /// there is none. Without a host it has to be one host's.
    pub fn resolve<'f>(&self, kind: Resource, fleet: &'f Fleet) -> Result<Vec<Found<'f>>, Refusal> {
        let found = self.resolve_anywhere(kind, fleet)?;
        let first = found[0].0.name();
        if self.host.is_none() && found.iter().any(|(host, ..)| host.name() != first) {
            return Err(self.ambiguous(kind, &found));
        }
        Ok(found)
    }

    /// As [`Self::resolve`], but without a host those of all hosts.
    pub fn resolve_anywhere<'f>(
        &self,
        kind: Resource,
        fleet: &'f Fleet,
    ) -> Result<Vec<Found<'f>>, Refusal> {
        let hosts: Vec<&Host> = match &self.host {
            Some(host) => host.resolve(fleet)?,
            None => fleet.hosts().iter().collect(),
        };
        let mut found: Vec<Found<'f>> = self.among(kind, &hosts, |names, id| {
            self.is_called(kind, names) || **id == *self.glob.text
        });
        if found.is_empty() && self.may_be_id(kind) {
            let digits = self.digits();
            found = self.among(kind, &hosts, |_, id| {
                id.strip_prefix("sha256:").unwrap_or(id).starts_with(digits)
            });
        }
        if found.is_empty() {
            return Err(self.unknown(kind, &hosts));
        }
        if kind.is_swarms() {
            // Each manager tells of all of its Swarm: the first that answers is asked.
            let mut seen = std::collections::HashSet::new();
            found.sort_by_key(|(host, ..)| !host.link.is_online());
            found.retain(|(_, id, _)| seen.insert(id.clone()));
        }
        Ok(found)
    }

    /// Those of a kind that fit, on each host by name.
    fn among<'f>(
        &self,
        kind: Resource,
        hosts: &[&'f Host],
        fits: impl Fn(&Names<'_>, &Arc<str>) -> bool,
    ) -> Vec<Found<'f>> {
        let mut found = Vec::new();
        for host in hosts {
            let mut here: Vec<Found<'f>> = Vec::new();
            each(host, kind, |names, id| {
                if fits(&names, id) {
                    // Of several tags it is called as it was said.
                    let said = names.all.iter().find(|name| **name == self.glob.text);
                    let name = said.map_or_else(|| names.first(id), |name| Arc::from(*name));
                    here.push((*host, id.clone(), name));
                }
            });
            here.sort_by(|a, b| (&a.2, &a.1).cmp(&(&b.2, &b.1)));
            found.extend(here);
        }
        found
    }

    fn is_called(&self, kind: Resource, names: &Names<'_>) -> bool {
        if let Some(app) = self.app.as_ref().filter(|_| has_apps(kind)) {
            return names.app.is_some_and(|name| app.matches(name));
        }
        let latest = |name: &str| {
            kind == Resource::Image
                && name
                    .strip_suffix(":latest")
                    .is_some_and(|name| self.glob.matches(name))
        };
        names
            .all
            .iter()
            .any(|name| self.glob.matches(name) || latest(name))
    }

    fn digits(&self) -> &str {
        self.glob
            .text
            .strip_prefix("sha256:")
            .unwrap_or(&self.glob.text)
    }

    /// Whether it can be the beginning of an id: four or more hexadecimal digits.
    fn may_be_id(&self, kind: Resource) -> bool {
        let text = self.digits();
        kind != Resource::Volume
            && text.len() >= 4
            && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    fn ambiguous(&self, kind: Resource, found: &[Found<'_>]) -> Refusal {
        let mut names: Vec<String> = found
            .iter()
            .take(SHOWN)
            .map(|(host, id, _)| resource_text(host, kind, id))
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

    fn unknown(&self, kind: Resource, hosts: &[&Host]) -> Refusal {
        let word = kind.word();
        let unseen: Vec<&&Host> = hosts.iter().filter(|host| !is_known(host, kind)).collect();
        let names: Vec<&str> = unseen.iter().map(|host| host.name().as_str()).collect();
        let names = names.join(", ");
        if let Some(first) = unseen.first().filter(|_| unseen.len() == hosts.len()) {
            let reason = first.link.trouble().map_or_else(
                || "they were not listed yet".to_owned(),
                ToString::to_string,
            );
            let why = format!("the {word}s of {names} are not known");
            return Refusal::new(RefusalKind::Offline, why, reason);
        }
        if kind.is_swarms() && unseen.is_empty() && !hosts.iter().any(|host| host.swarm.is_some()) {
            return Refusal::new(
                RefusalKind::State,
                format!("{self} names no Swarm manager, and only managers know {word}s"),
                "`swarm list` lists the managers",
            );
        }
        let mut known: Vec<String> = Vec::new();
        for host in hosts {
            each(host, kind, |names, _| {
                known.extend(names.all.iter().map(|&name| name.to_owned()));
            });
        }
        let remedy = near(
            &self.glob.text,
            known.iter().map(String::as_str),
            &format!("`wharf {} list` lists the {word}s", kind.noun()),
        );
        let why = if unseen.is_empty() {
            format!("no {word} is {self}")
        } else {
            format!("no {word} is {self} on the hosts that could be asked (not {names})")
        };
        Refusal::new(RefusalKind::Unknown, why, remedy)
    }
}

/// Whether things of that kind belong to apps.
fn has_apps(kind: Resource) -> bool {
    match kind {
        Resource::Network
        | Resource::Volume
        | Resource::Service
        | Resource::Secret
        | Resource::Config => true,
        // What follows `app:` is a tag of an image.
        Resource::Image | Resource::Node => false,
    }
}

/// What one is called.
struct Names<'n> {
    all: Vec<&'n str>,
    app: Option<&'n str>,
}

impl Names<'_> {
    /// What it is called where nobody said otherwise.
    fn first(&self, id: &str) -> Arc<str> {
        let short = || {
            id.strip_prefix("sha256:")
                .map_or(id, |id| id.get(..12).unwrap_or(id))
        };
        Arc::from(self.all.first().copied().unwrap_or_else(short))
    }
}

/// Whether those of a kind are known of that host.
fn is_known(host: &Host, kind: Resource) -> bool {
    match kind {
        Resource::Image => host.images.is_some(),
        Resource::Network => host.networks.is_some(),
        Resource::Volume => host.volumes.is_some(),
        // A host that is no manager tells of none.
        Resource::Node | Resource::Service | Resource::Secret | Resource::Config => {
            host.swarm.is_some() || (host.engine.is_some() && !host.is_manager())
        }
    }
}

/// Goes through those of a kind, with what each is called and what tells it apart.
fn each<'h>(host: &'h Host, kind: Resource, mut visit: impl FnMut(Names<'h>, &'h Arc<str>)) {
    match kind {
        Resource::Image => {
            for image in host.images.iter().flatten() {
                let all = image.tags.iter().chain(&image.digests).map(|name| &**name);
                visit(
                    Names {
                        all: all.collect(),
                        app: None,
                    },
                    &image.id,
                );
            }
        }
        Resource::Network => {
            for network in host.networks.iter().flatten() {
                let names = Names {
                    all: vec![&*network.name],
                    app: network.app.as_deref(),
                };
                visit(names, &network.id);
            }
        }
        Resource::Volume => {
            for volume in host.volumes.iter().flatten() {
                let names = Names {
                    all: vec![&*volume.name],
                    app: volume.app.as_deref(),
                };
                visit(names, &volume.name);
            }
        }
        Resource::Node | Resource::Service | Resource::Secret | Resource::Config => {
            if let Some(swarm) = &host.swarm {
                each_of_swarm(swarm, kind, |name, app, id| {
                    visit(
                        Names {
                            all: vec![name],
                            app,
                        },
                        id,
                    );
                });
            }
        }
    }
}

/// The same for parts of a Swarm: name, app, id.
fn each_of_swarm<'h>(
    swarm: &'h Swarm,
    kind: Resource,
    mut visit: impl FnMut(&'h str, Option<&'h str>, &'h Arc<str>),
) {
    match kind {
        Resource::Node => swarm
            .nodes
            .iter()
            .for_each(|one| visit(&one.name, None, &one.id)),
        Resource::Service => {
            for one in &swarm.services {
                visit(&one.name, one.app.as_deref(), &one.id);
            }
        }
        Resource::Secret | Resource::Config => {
            for one in swarm.stored(kind) {
                visit(&one.name, one.app.as_deref(), &one.id);
            }
        }
        Resource::Image | Resource::Network | Resource::Volume => {}
    }
}

/// `name@host`, or the id in place of a name that does not tell it apart (of networks several may have one name).
pub fn resource_text(host: &Host, kind: Resource, id: &str) -> String {
    let (mut name, mut same) = (None, 0);
    let mut called: Vec<(Arc<str>, bool)> = Vec::new();
    each(host, kind, |names, one| {
        let is_it = **one == *id;
        called.push((names.first(one), is_it));
    });
    if let Some((it, _)) = called.iter().find(|(_, is_it)| *is_it) {
        name = Some(it.clone());
        same = called.iter().filter(|(other, _)| other == it).count();
    }
    match name {
        Some(name) if same == 1 => format!("{name}@{}", host.name()),
        Some(_) | None => {
            let short = id.strip_prefix("sha256:").unwrap_or(id);
            format!("{}@{}", short.get(..12).unwrap_or(short), host.name())
        }
    }
}

/// The images, networks or volumes of all hosts as targets, each with what is said of it.
pub fn all(kind: Resource, fleet: &Fleet) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for host in fleet.hosts() {
        each(host, kind, |names, id| {
            let about = names
                .app
                .map_or_else(String::new, |app| format!("app {app}"));
            found.push((format!("{}@{}", names.first(id), host.name()), about));
        });
    }
    found
}
