//! Where the replicas of a release are: on every host, or so many spread over them.

use std::collections::BTreeMap;

use super::Draft;
use crate::{
    model::{
        Fleet, Host, HostName,
        app::{DeployMode, NetworkMode, Service, ServiceName},
        release::Target,
    },
    ops::plan::{Refusal, RefusalKind},
};

/// The targets of all services, by service, host and number.
pub(super) fn targets(draft: &Draft, fleet: &Fleet) -> Result<Vec<Target>, Refusal> {
    let mut targets = Vec::new();
    for (name, service) in &draft.spec.services {
        // Whoever uses the network of another one is where that is.
        let (of, service) = match &service.network_mode {
            Some(NetworkMode::Service(other)) => match draft.spec.services.get(other) {
                Some(lender) => (other, lender),
                None => (name, service),
            },
            Some(_) | None => (name, service),
        };
        for (host, count) in counts(draft, fleet, of, service)? {
            targets.extend((1..=count).map(|replica| Target {
                service: name.clone(),
                replica,
                host: host.clone(),
            }));
        }
    }
    Ok(targets)
}

/// How many replicas of a service each host has.
fn counts(
    draft: &Draft,
    fleet: &Fleet,
    name: &ServiceName,
    service: &Service,
) -> Result<BTreeMap<HostName, u32>, Refusal> {
    let mut hosts = Vec::new();
    for host in &draft.hosts {
        let Some(host) = fleet.host(host) else {
            continue;
        };
        if is_allowed(name, service, host)? {
            hosts.push(host);
        }
    }
    let is_everywhere = matches!(
        service.deploy.mode,
        DeployMode::Global | DeployMode::GlobalJob
    );
    let wanted = match service.deploy.replicas {
        Some(wanted) if !is_everywhere => wanted,
        // Nothing said: it is on every host, as with one file on each.
        _ => {
            return Ok(hosts
                .into_iter()
                .map(|host| (host.name().clone(), 1))
                .collect());
        }
    };
    if hosts.is_empty() && wanted > 0 {
        return Err(Refusal::new(
            RefusalKind::State,
            format!("no host may have replicas of {name}"),
            "look at its placement constraints, or name other hosts",
        ));
    }
    let before = draft.current();
    let had = |host: &Host| {
        let targets = before.iter().flat_map(|one| &one.targets);
        let of = targets.filter(|one| one.service == *name && one.host == *host.name());
        u32::try_from(of.count()).unwrap_or(u32::MAX)
    };
    let most = service.deploy.placement.max_per_node.unwrap_or(u64::MAX);
    let mut counts: BTreeMap<HostName, u32> = BTreeMap::new();
    for _ in 0..wanted {
        // The one with the fewest of it; of equal ones one that has it already, then the one that runs least.
        let next = hosts
            .iter()
            .filter(|host| u64::from(counts.get(host.name()).copied().unwrap_or(0)) < most)
            .min_by_key(|host| {
                let has = counts.get(host.name()).copied().unwrap_or(0);
                (has, has >= had(host), load(host), host.name().clone())
            });
        let Some(host) = next else {
            return Err(Refusal::new(
                RefusalKind::State,
                format!(
                    "{wanted} replicas of {name} do not fit on {} hosts, {most} on each",
                    hosts.len()
                ),
                "name more hosts, or raise max_replicas_per_node",
            ));
        };
        *counts.entry(host.name().clone()).or_default() += 1;
    }
    Ok(counts)
}

/// How many containers run on a host.
pub(in crate::ops) fn load(host: &Host) -> usize {
    let all = host.containers.values();
    all.filter(|one| one.state.is_live()).count()
}

/// Whether the constraints of a service let it run on a host.
pub(in crate::ops) fn is_allowed(
    name: &ServiceName,
    service: &Service,
    host: &Host,
) -> Result<bool, Refusal> {
    for text in &service.deploy.placement.constraints {
        let split = text.split_once("==").map(|parts| (parts, true));
        let split = split.or_else(|| text.split_once("!=").map(|parts| (parts, false)));
        let Some(((key, value), is)) = split else {
            return Err(not_understood(name, text));
        };
        let (key, value) = (key.trim(), value.trim());
        let holds = match key {
            "node.hostname" => host.name().as_str() == value,
            "node.labels.group" => host.spec.groups.iter().any(|group| **group == *value),
            // Every host of its own is what a manager is in a Swarm.
            "node.role" => value == "manager",
            _ => return Err(not_understood(name, text)),
        };
        if holds != is {
            return Ok(false);
        }
    }
    Ok(true)
}

fn not_understood(name: &ServiceName, text: &str) -> Refusal {
    Refusal::new(
        RefusalKind::State,
        format!("the constraint '{text}' of {name} means nothing on hosts that are no Swarm"),
        "write node.hostname, node.labels.group or node.role with == or !=, or take it out",
    )
}
