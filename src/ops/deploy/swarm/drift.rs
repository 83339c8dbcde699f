//! How what runs in a Swarm stands to what was deployed, as far as its nodes are hosts that are heard of.

use std::collections::BTreeMap;

use super::super::{Drift, drift::of_app};
use crate::model::{
    Fleet, Host, HostName,
    app::ServiceName,
    release::{Release, Rollout},
};

/// What differs, where a manager was asked for its Swarm: services that lack tasks. While a deploy is open nothing does.
pub(in crate::ops::deploy) fn drift(
    fleet: &Fleet,
    release: &Release,
    open: Option<&Rollout>,
) -> Vec<Drift> {
    if open.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for target in &release.targets {
        let host = fleet.host(&target.host);
        let Some(swarm) = host.and_then(|host| host.swarm.as_deref()) else {
            continue;
        };
        let name = format!("{}_{}", release.scope.app, target.service);
        let one = swarm.services.iter().find(|one| *one.name == *name);
        let wanted = one.map_or(1, |one| one.wanted);
        let runs = one.map_or(0, |one| one.running);
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        if runs < wanted {
            found.push(Drift::Missing {
                service: target.service.as_str().into(),
                host: target.host.clone(),
                missing: count(wanted - runs),
                wanted: count(wanted),
            });
        }
        // A deploy that was given up leaves what it tried.
        let second = target.service.canary();
        let is_own = |name: &ServiceName| name.as_str() == second;
        let left = swarm.services.iter().find(|one| {
            let name = one.name.strip_prefix(release.scope.app.as_str());
            name.and_then(|name| name.strip_prefix('_')) == Some(&*second)
        });
        if let Some(left) = left.filter(|_| !release.spec.services.keys().any(is_own)) {
            found.push(Drift::Extra {
                service: second.into(),
                host: target.host.clone(),
                more: count(left.wanted),
            });
        }
    }
    found
}

/// Which services have as many tasks of a release as they are to, on all nodes together.
pub(in crate::ops::deploy) fn present(
    release: &Release,
    fleet: &Fleet,
) -> BTreeMap<(HostName, ServiceName), usize> {
    let nodes = release.stack.iter().flat_map(|one| one.nodes.values());
    let hosts: Vec<&Host> = nodes.filter_map(|name| fleet.host(name)).collect();
    let done = release.targets.iter().filter(|target| {
        let name = &target.service;
        let print = release.print(name);
        // Engines tell the whole name that the service has in its Swarm.
        let own = format!("{}_{name}", release.scope.app);
        let all = hosts.iter().flat_map(|host| of_app(host, &release.scope));
        let runs = all.filter(|one| {
            let is_of = |called: &str| called == name.as_str() || called == own;
            one.service.as_deref().is_some_and(is_of) && one.state.is_live() && one.print == print
        });
        runs.count() >= release.replicas(name).unwrap_or(1)
    });
    done.map(|target| ((target.host.clone(), target.service.clone()), 1))
        .collect()
}
