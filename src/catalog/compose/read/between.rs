//! What holds between the parts of an app: that everything named is there, and that nothing waits for itself.

use std::collections::BTreeSet;

use super::super::{At, Node, tell};
use crate::model::app::{
    Condition, Dependency, Joined, NetworkMode, Service, ServiceName, Severity, Spec, Told,
};

/// Checks a spec as a whole, and adds what follows from it: the default network, and services that are waited for
/// because their network or processes are shared.
pub(super) fn check(
    spec: &mut Spec,
    services: &Node,
    left_out: &[ServiceName],
    told: &mut Vec<Told>,
) {
    implied(spec);
    default_network(spec);
    let names: BTreeSet<ServiceName> = spec.services.keys().cloned().collect();
    for (name, service) in &spec.services {
        let mut checked = Checked {
            at: place(services, name),
            path: format!("services.{name}"),
            told,
        };
        for (other, dependency) in &service.depends_on {
            if !names.contains(other) && !dependency.optional {
                let known = left_out.contains(other);
                let (what, remedy) = if known {
                    (
                        format!("it depends on '{other}', which is left out"),
                        "ask for its profile too",
                    )
                } else {
                    (
                        format!("it depends on '{other}', which is not there"),
                        "add the service, or take it out",
                    )
                };
                checked.wrong("depends_on", &what, remedy);
            }
        }
        if let Some(NetworkMode::Service(other)) = &service.network_mode
            && !names.contains(other)
        {
            let what = format!("it shares the network of '{other}', which is not there");
            checked.wrong("network_mode", &what, "add the service");
        }
        if service.network_mode.is_some() && !service.networks.is_empty() {
            let what = "network_mode and networks exclude each other";
            checked.wrong("network_mode", what, "keep one of them");
        }
        for network in service.networks.keys() {
            if !spec.networks.contains_key(network) {
                let what = format!("the network '{network}' is not declared");
                let remedy = format!("add '{network}:' below the top-level networks:");
                checked.wrong("networks", &what, &remedy);
            }
        }
        for (key, uses, files) in [
            ("configs", &service.configs, &spec.configs),
            ("secrets", &service.secrets, &spec.secrets),
        ] {
            for one in uses {
                if !files.contains_key(&one.source) {
                    let what = format!("'{}' is not declared", one.source);
                    let remedy = format!("add '{}:' below the top-level {key}:", one.source);
                    checked.wrong(key, &what, &remedy);
                }
            }
        }
    }
    for service in spec.services.values_mut() {
        let there = |other: &ServiceName| names.contains(other);
        service.depends_on.retain(|other, _| there(other));
    }
    circles(spec, services, told);
}

struct Checked<'t> {
    at: At,
    path: String,
    told: &'t mut Vec<Told>,
}

impl Checked<'_> {
    fn wrong(&mut self, key: &str, what: &str, remedy: &str) {
        let path = format!("{}.{key}", self.path);
        self.told
            .push(tell(Severity::Error, &self.at, &path, what, remedy));
    }
}

/// Where a service begins.
fn place(services: &Node, name: &ServiceName) -> At {
    let found = services.get(name.as_str());
    found.map_or_else(|| services.at.clone(), |node| node.at.clone())
}

/// Whose network, processes or volumes are shared has to run before.
fn implied(spec: &mut Spec) {
    let names: BTreeSet<ServiceName> = spec.services.keys().cloned().collect();
    for service in spec.services.values_mut() {
        let mut others: Vec<ServiceName> = Vec::new();
        if let Some(NetworkMode::Service(other)) = &service.network_mode {
            others.push(other.clone());
        }
        let shared = [&service.pid, &service.ipc].into_iter().flatten();
        let shared = shared.filter_map(|text| text.strip_prefix("service:"));
        let volumes = service.volumes_from.iter();
        let volumes = volumes.filter_map(|text| text.split(':').next());
        others.extend(
            shared
                .chain(volumes)
                .filter_map(|name| ServiceName::new(name).ok()),
        );
        for other in others.into_iter().filter(|other| names.contains(other)) {
            service.depends_on.entry(other).or_insert(Dependency {
                condition: Condition::Started,
                restart: true,
                optional: false,
            });
        }
    }
}

/// Services that say nothing of networks join the app's own, which is declared by that.
fn default_network(spec: &mut Spec) {
    const DEFAULT: &str = "default";
    for service in spec.services.values_mut() {
        if service.networks.is_empty() && service.network_mode.is_none() {
            service
                .networks
                .insert(DEFAULT.to_owned(), Joined::default());
        }
    }
    let joined = |service: &Service| service.networks.contains_key(DEFAULT);
    if spec.services.values().any(joined) {
        spec.networks.entry(DEFAULT.to_owned()).or_default();
    }
}

/// Services that wait for each other never start.
fn circles(spec: &Spec, services: &Node, told: &mut Vec<Told>) {
    let mut done: BTreeSet<&ServiceName> = BTreeSet::new();
    for name in spec.services.keys() {
        let mut way = Vec::new();
        if let Some(circle) = circle(spec, name, &mut way, &mut done) {
            let path = format!("services.{name}.depends_on");
            let what = format!("services wait for each other: {circle}");
            let at = place(services, name);
            told.push(tell(
                Severity::Error,
                &at,
                &path,
                what,
                "take one of them out",
            ));
            return;
        }
    }
}

fn circle<'s>(
    spec: &'s Spec,
    name: &'s ServiceName,
    way: &mut Vec<&'s ServiceName>,
    done: &mut BTreeSet<&'s ServiceName>,
) -> Option<String> {
    if let Some(start) = way.iter().position(|one| *one == name) {
        let names: Vec<&str> = way[start..].iter().map(|one| one.as_str()).collect();
        return Some(format!("{} → {name}", names.join(" → ")));
    }
    if done.contains(name) {
        return None;
    }
    way.push(name);
    let others = spec
        .services
        .get(name)
        .map(|service| service.depends_on.keys());
    let found = others
        .into_iter()
        .flatten()
        .find_map(|other| circle(spec, other, way, done));
    way.pop();
    done.insert(name);
    found
}
