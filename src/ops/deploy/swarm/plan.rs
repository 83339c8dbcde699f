//! The plan of a deploy to a Swarm: the rules of its order, what speaks against it, what differs from what runs.

use std::{collections::BTreeMap, sync::Arc};

use super::super::{
    Draft,
    check::{impossible, left_out},
};
use super::trial::trials;
use crate::{
    model::{
        Fleet, HostName, Share,
        app::{
            Condition, DeployMode, FileFrom, HostPort, NetworkMode, Order, PortMode, Protocol,
            Published, Service, ServiceName,
        },
        release::{Release, Rollout, Stack, Stacked, Target},
        swarm::{Facts, Mode, Node, fits},
    },
    ops::{
        plan::{LeftOut, Refusal, RefusalKind},
        swarm::host_of,
    },
};

/// A name of a service has at most so many letters, for it is a name in networks.
const LONGEST: usize = 63;

/// So many differences of a service are told before the rest is counted.
const CHANGES: usize = 8;

/// What a deploy to a Swarm is planned from.
#[derive(Clone, Debug, PartialEq)]
pub struct Stacking {
    /// Why it is for the Swarm and not for containers of the host.
    pub why: String,
    /// The manager that is told.
    pub manager: HostName,
    /// What that knows of the app, or why it cannot be asked.
    pub seen: Result<Stacked, String>,
    /// What each service is to be made of, or why that cannot be said.
    pub wanted: BTreeMap<ServiceName, Result<Facts, String>>,
}

impl Stacking {
    pub(super) fn known(&self) -> Option<&Stacked> {
        self.seen.as_ref().ok()
    }
}

/// The hosts of the fleet that are nodes of a Swarm, by the ids of those.
pub(in crate::ops::deploy) fn nodes_of(
    fleet: &Fleet,
    seen: &Stacked,
) -> BTreeMap<Arc<str>, HostName> {
    let nodes = seen.nodes.iter();
    nodes
        .filter_map(|node| Some((node.id.clone(), host_of(fleet, &node.id)?.name().clone())))
        .collect()
}

/// The Swarm that a release is for.
pub(in crate::ops::deploy) fn stack(draft: &Draft, fleet: &Fleet) -> Option<Stack> {
    let stacking = draft.stack.as_ref()?;
    let none = Stacked::default();
    let seen = stacking.known().unwrap_or(&none);
    let services = draft.spec.services.iter();
    Some(Stack {
        cluster: seen.cluster.clone(),
        nodes: nodes_of(fleet, seen),
        orders: services
            .map(|(name, service)| (name.clone(), order(draft, service, seen).0))
            .collect(),
    })
}

/// The nodes that may have tasks of a service now.
pub(super) fn eligible<'s>(service: &Service, seen: &'s Stacked) -> Vec<&'s Node> {
    let constraints = &service.deploy.placement.constraints;
    let may = |node: &&Node| {
        let fit = constraints.iter().all(|one| fits(node, one) != Some(false));
        node.takes_tasks() && fit
    };
    seen.nodes.iter().filter(may).collect()
}

/// The port of nodes themselves that a service publishes.
pub(super) fn host_port(service: &Service) -> Option<&Published> {
    let mut ports = service.ports.iter();
    ports.find(|port| port.mode == PortMode::Host && !matches!(port.host, HostPort::Any))
}

/// Which goes first, by rule, and the reason for it.
fn order(draft: &Draft, service: &Service, seen: &Stacked) -> (Order, String) {
    let stop = |why: String| (Order::StopFirst, why);
    if service.network_mode == Some(NetworkMode::Host) {
        return stop("both would use the network of the node".to_owned());
    }
    if let Some(mount) = service.shared_mount() {
        return stop(format!("both would write to {}", mount.target));
    }
    if let Some(port) = host_port(service) {
        let nodes = eligible(service, seen).len();
        let all = service.replicas() as usize;
        if service.deploy.mode == DeployMode::Global || all >= nodes {
            return stop(format!(
                "no node of the {nodes} that may have it is without one that publishes {port}"
            ));
        }
        // What is tried stays beside it until all tasks are replaced.
        if draft.policy.gray.is_some() {
            return stop(format!(
                "what is tried publishes {port} of the nodes that are free"
            ));
        }
    }
    match service.deploy.update.as_ref().and_then(|one| one.order) {
        Some(Order::StopFirst) => stop("its file says so".to_owned()),
        Some(Order::StartFirst) | None => {
            let why = "nothing of it can be there only once";
            (Order::StartFirst, why.to_owned())
        }
    }
}

fn word(order: Order) -> &'static str {
    match order {
        Order::StartFirst => "start-first",
        Order::StopFirst => "stop-first",
    }
}

/// What of a service differs from what runs; none when it is not there.
fn differences(draft: &Draft, service: &ServiceName) -> Option<Vec<String>> {
    let stacking = draft.stack.as_ref()?;
    let one = stacking.known()?.service(service)?;
    let wanted = stacking.wanted.get(service)?.as_ref().ok()?;
    Some(one.facts.diff(wanted))
}

/// Whether a service is not as it is to be.
pub(in crate::ops::deploy) fn changed(draft: &Draft, service: &ServiceName) -> bool {
    differences(draft, service).is_none_or(|all| !all.is_empty())
}

/// What services were made of when it was planned.
pub(in crate::ops::deploy) fn seen(draft: &Draft) -> BTreeMap<ServiceName, String> {
    let stacking = draft.stack.as_ref();
    let Some(known) = stacking.and_then(Stacking::known) else {
        return BTreeMap::new();
    };
    let names = draft.spec.services.keys();
    names
        .filter_map(|name| Some((name.clone(), known.service(name)?.facts.print())))
        .collect()
}

/// The services of the release before that the new one does not have.
pub(in crate::ops::deploy) fn leftovers(rollout: &Rollout) -> Vec<Target> {
    let Some(previous) = &rollout.previous else {
        return Vec::new();
    };
    let release = &rollout.release;
    let Some(manager) = release.targets.first().map(|one| &one.host) else {
        return Vec::new();
    };
    let gone = previous.spec.services.keys();
    gone.filter(|name| !release.spec.services.contains_key(*name))
        .map(|name| Target {
            service: name.clone(),
            replica: 0,
            host: manager.clone(),
        })
        .collect()
}

/// Where it goes and why, and what differs from what runs.
pub(in crate::ops::deploy) fn told(draft: &Draft) -> Vec<String> {
    let Some(stacking) = &draft.stack else {
        return Vec::new();
    };
    let none = Stacked::default();
    let seen = stacking.known().unwrap_or(&none);
    let takes = seen.nodes.iter().filter(|one| one.takes_tasks()).count();
    let mut told = vec![format!(
        "to the Swarm that {} manages ({takes} of {} nodes take tasks), for {}",
        stacking.manager,
        seen.nodes.len(),
        stacking.why
    )];
    for name in draft.spec.services.keys() {
        let Some(all) = differences(draft, name) else {
            continue;
        };
        let more = all.len().saturating_sub(CHANGES);
        let shown: Vec<String> = all.into_iter().take(CHANGES).collect();
        if shown.is_empty() {
            continue;
        }
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        told.push(format!(
            "  {name} as it runs now: {}{more}",
            shown.join(", ")
        ));
    }
    told
}

/// How each service is brought there.
pub(in crate::ops::deploy) fn how(draft: &Draft) -> Vec<String> {
    let none = Stacked::default();
    let seen = draft.stack.as_ref().and_then(Stacking::known);
    let seen = seen.unwrap_or(&none);
    let services = draft.spec.services.iter().map(|(name, service)| {
        let (order, why) = order(draft, service, seen);
        let nodes = eligible(service, seen).len();
        let all = match service.deploy.mode {
            DeployMode::Global => format!("one task on each of {nodes} nodes"),
            _ => match service.replicas() {
                1 => format!("1 task on {nodes} nodes"),
                all => format!("{all} tasks on {nodes} nodes"),
            },
        };
        match differences(draft, name) {
            None => format!("{name}: is made, {all}"),
            Some(changes) if changes.is_empty() => format!("{name}: stays as it is"),
            Some(_) => format!("{name}: {} ({why}), {all}", word(order)),
        }
    });
    services.collect()
}

/// What is interrupted.
pub(in crate::ops::deploy) fn interrupted(draft: &Draft, rollout: &Rollout) -> Vec<String> {
    let none = Stacked::default();
    let seen = draft.stack.as_ref().and_then(Stacking::known);
    let seen = seen.unwrap_or(&none);
    let mut told: Vec<String> = Vec::new();
    for (name, service) in &draft.spec.services {
        let (order, why) = order(draft, service, seen);
        let changes = differences(draft, name).is_some_and(|all| !all.is_empty());
        if order == Order::StopFirst && changes {
            told.push(format!(
                "each task of {name} stops before the one that replaces it starts: {why}"
            ));
        }
    }
    let gone: Vec<String> = leftovers(rollout)
        .iter()
        .map(|one| one.service.to_string())
        .collect();
    if !gone.is_empty() {
        told.push(format!(
            "{} go: the release does not have them",
            gone.join(", ")
        ));
    }
    told
}

/// What is only to be known.
pub(in crate::ops::deploy) fn noted(draft: &Draft) -> Vec<String> {
    let mut notes = Vec::new();
    let none = Stacked::default();
    let seen = draft.stack.as_ref().and_then(Stacking::known);
    let seen = seen.unwrap_or(&none);
    for node in seen.nodes.iter().filter(|node| !node.is_ready()) {
        notes.push(format!("the node {} is {}", node.name, node.state));
    }
    for (name, service) in &draft.spec.services {
        let said = service.deploy.update.as_ref().and_then(|one| one.order);
        let (order, why) = order(draft, service, seen);
        if said == Some(Order::StartFirst) && order == Order::StopFirst {
            notes.push(format!(
                "{name}: its file says start-first, which would wait without end: {why}"
            ));
        }
        if let Some(own) = &service.container_name {
            notes.push(format!("{name}: tasks have names of their own, not {own}"));
        }
        for constraint in &service.deploy.placement.constraints {
            let understood = seen
                .nodes
                .iter()
                .all(|node| fits(node, constraint).is_some());
            if !understood {
                notes.push(format!("{name}: '{constraint}' is left to the managers"));
            }
        }
    }
    notes
}

/// Everything that keeps it from its Swarm, all at once.
pub(in crate::ops::deploy) fn against(
    draft: &Draft,
    release: &Release,
    fleet: &Fleet,
) -> Vec<LeftOut> {
    let Some(stacking) = &draft.stack else {
        return Vec::new();
    };
    let state = |why: String, remedy: &str| Refusal::new(RefusalKind::State, why, remedy);
    let at = format!("@{}", stacking.manager);
    let mut found: Vec<LeftOut> = Vec::new();
    for why in &draft.unknown {
        found.push(left_out(release.scope.app.as_str(), state(why.clone(), "")));
    }
    if let Some(host) = fleet.host(&stacking.manager)
        && let Some(why) = fleet.forbids_change(host)
    {
        found.push(left_out(&at, Refusal::new(RefusalKind::ReadOnly, why, "")));
    }
    let seen = match &stacking.seen {
        Ok(seen) => seen,
        Err(why) => {
            let refusal = Refusal::new(
                RefusalKind::Offline,
                why.clone(),
                "`host doctor` looks at the way to it",
            );
            found.push(left_out(&at, refusal));
            return found;
        }
    };
    found.extend(quorum(seen).map(|refusal| left_out(&at, refusal)));
    found.extend(untried(draft, release).map(|refusal| left_out("--canary", refusal)));
    for (name, service) in &release.spec.services {
        let refusals = [
            impossible(name, service, true),
            unfit(name, service, release),
            foreign(draft, name, release, seen),
            unplaced(name, service, seen),
            unbound(name, release, seen),
            unmade(draft, name),
        ];
        let refusals = refusals.into_iter().flatten();
        found.extend(refusals.map(|refusal| left_out(name.as_str(), refusal)));
        let taken = service
            .ports
            .iter()
            .filter(|one| one.mode == PortMode::Ingress);
        for port in taken {
            let HostPort::Fixed(number) = port.host else {
                continue;
            };
            let protocol = match port.protocol {
                Protocol::Tcp => "tcp",
                Protocol::Udp => "udp",
                Protocol::Sctp => "sctp",
            };
            if let Some(other) = seen.ports.get(&(protocol.to_owned(), number)) {
                let why = format!("{other} publishes {number} on every node");
                found.push(left_out(name.as_str(), state(why, "publish another port")));
            }
        }
    }
    found.extend(absent(release, seen));
    found
}

/// Why nothing of a release can be tried, where that is wished.
fn untried(draft: &Draft, release: &Release) -> Option<Refusal> {
    let gray = draft.policy.gray.as_ref()?;
    let refuse = |why: String, remedy: &str| Some(Refusal::new(RefusalKind::State, why, remedy));
    if gray.steps.contains(&Share::NONE) {
        let why = "a Swarm cannot tell requests apart, so a share of none would be seen by nobody";
        return refuse(why.to_owned(), "say shares from 1 up");
    }
    let (trials, whys) = trials(draft, release);
    (trials.is_empty()).then(|| {
        let why = format!(
            "nothing of it can be tried beside what runs: {}",
            whys.join("; ")
        );
        Refusal::new(RefusalKind::State, why, "deploy without --canary")
    })
}

/// Whether the managers can decide anything.
fn quorum(seen: &Stacked) -> Option<Refusal> {
    let managers: Vec<&Node> = seen.nodes.iter().filter(|node| node.manages).collect();
    let lost: Vec<&str> = managers
        .iter()
        .filter(|node| &*node.reachability == "unreachable")
        .map(|node| &*node.name)
        .collect();
    let reachable = managers.len() - lost.len();
    (reachable * 2 <= managers.len() && !managers.is_empty()).then(|| {
        let why = format!(
            "{reachable} of {} managers are reachable, which is no majority ({} are not)",
            managers.len(),
            lost.join(", ")
        );
        Refusal::new(RefusalKind::State, why, "bring managers back first")
    })
}

/// What of a service Swarms do not have.
fn unfit(name: &ServiceName, service: &Service, release: &Release) -> Option<Refusal> {
    let refuse = |why: String, remedy: &str| Some(Refusal::new(RefusalKind::State, why, remedy));
    let length = release.scope.app.as_str().len() + name.as_str().len() + 1;
    if length > LONGEST {
        let why = format!(
            "{}_{name} has {length} letters, a Swarm takes {LONGEST}",
            release.scope.app
        );
        return refuse(why, "name the app or the service shorter");
    }
    if matches!(
        service.deploy.mode,
        DeployMode::ReplicatedJob | DeployMode::GlobalJob
    ) {
        return refuse(
            format!("{name} is a job"),
            "jobs are not deployed to Swarms yet; deploy it to a host",
        );
    }
    let awaited = release.spec.services.values().any(|other| {
        let on = other.depends_on.get(name);
        on.is_some_and(|on| on.condition == Condition::Completed)
    });
    if awaited {
        let why = format!("others wait for the end of {name}, which is a job");
        return refuse(
            why,
            "jobs are not deployed to Swarms yet; deploy it to a host",
        );
    }
    let lacks = [
        (service.privileged, "privileged"),
        (!service.devices.is_empty(), "devices"),
        (
            !service.deploy.resources.devices.is_empty(),
            "device reservations",
        ),
        (service.pid.is_some(), "pid"),
        (service.ipc.is_some(), "ipc"),
        (service.userns_mode.is_some(), "userns_mode"),
        (!service.security_opt.is_empty(), "security_opt"),
        (service.runtime.is_some(), "runtime"),
        (
            matches!(service.network_mode, Some(NetworkMode::Container(_))),
            "network_mode: container",
        ),
        // Tasks of two services need not be on one node.
        (
            matches!(service.network_mode, Some(NetworkMode::Service(_))),
            "network_mode: service",
        ),
        (service.balancer.is_some(), "x-wharf.balancer"),
        (
            service.gate != crate::model::app::LogGate::default(),
            "x-wharf.gate",
        ),
    ];
    let lacks: Vec<&str> = lacks
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| *word)
        .collect();
    if !lacks.is_empty() {
        let why = format!("{name}: services of a Swarm have no {}", lacks.join(", "));
        return refuse(why, "take it out, or deploy to hosts without --swarm");
    }
    let fixed = service
        .networks
        .values()
        .any(|one| one.ipv4.is_some() || one.ipv6.is_some());
    if fixed {
        return refuse(
            format!("{name} has a fixed address, which tasks cannot have"),
            "take it out",
        );
    }
    let ingress = service
        .ports
        .iter()
        .find(|port| port.mode == PortMode::Ingress);
    if let Some(port) = ingress
        && service.deploy.endpoint_mode.as_deref() == Some("dnsrr")
    {
        let why =
            format!("{name} publishes {port} through the mesh, which needs endpoint_mode vip");
        return refuse(why, "write mode: host at the port");
    }
    for key in service.networks.keys() {
        let network = release.spec.networks.get(key);
        let driver = network.and_then(|one| one.driver.as_deref());
        if let Some(driver) = driver.filter(|driver| *driver != "overlay") {
            return refuse(
                format!("{name} joins the {driver} network {key}, which is of one host"),
                "say driver: overlay, or leave it out",
            );
        }
    }
    None
}

/// Whether somebody else made the service, or made it otherwise than it can be changed to.
fn foreign(
    draft: &Draft,
    name: &ServiceName,
    release: &Release,
    seen: &Stacked,
) -> Option<Refusal> {
    let one = seen.service(name)?;
    let refuse = |why: String, remedy: String| Some(Refusal::new(RefusalKind::State, why, remedy));
    let adopt = "say --adopt to take it over, or deploy under another name".to_owned();
    match &one.mark {
        None if !draft.adopt => {
            return refuse(format!("{} was made by somebody else", one.name), adopt);
        }
        Some(mark) if mark.environment != *release.scope.environment => {
            let why = format!("{} is of {}", one.name, mark.environment);
            return refuse(why, "deploy under another name".to_owned());
        }
        Some(_) | None => {}
    }
    let service = release.spec.services.get(name)?;
    let wanted = service.deploy.mode == DeployMode::Global;
    if one.mode.is_global() != wanted || !matches!(one.mode, Mode::Replicated(_) | Mode::Global) {
        let why = format!("{} is {}, which cannot be changed", one.name, one.mode);
        return refuse(
            why,
            format!("remove it first: `service remove {}`", one.name),
        );
    }
    None
}

/// Whether its tasks find no place.
fn unplaced(name: &ServiceName, service: &Service, seen: &Stacked) -> Option<Refusal> {
    let nodes = eligible(service, seen).len();
    let all = service.replicas() as usize;
    let refuse = |why: String, remedy: &str| Some(Refusal::new(RefusalKind::State, why, remedy));
    if nodes == 0 && (all > 0 || service.deploy.mode == DeployMode::Global) {
        return refuse(
            format!("no node may have tasks of {name} now"),
            "look at `node list` and its placement constraints",
        );
    }
    if service.deploy.mode == DeployMode::Global {
        return None;
    }
    if let Some(port) = host_port(service)
        && all > nodes
    {
        let why = format!(
            "{all} tasks of {name} publish {port} of their node, and {nodes} nodes may have them"
        );
        return refuse(why, "have fewer replicas, or more nodes");
    }
    let most = service
        .deploy
        .placement
        .max_per_node
        .filter(|most| *most > 0);
    let most = usize::try_from(most?).unwrap_or(usize::MAX);
    if all > nodes.saturating_mul(most) {
        let why = format!("{all} tasks of {name} do not fit on {nodes} nodes, {most} on each");
        return refuse(why, "raise max_replicas_per_node, or have more nodes");
    }
    None
}

/// Whether an image that no registry has is missing on a node.
fn unbound(name: &ServiceName, release: &Release, seen: &Stacked) -> Option<Refusal> {
    let pin = release.pins.get(name)?;
    if pin.digest.is_some() {
        return None;
    }
    let known = release.stack.as_ref()?;
    let service = release.spec.services.get(name)?;
    let strangers: Vec<&str> = eligible(service, seen)
        .into_iter()
        .filter(|node| !known.nodes.contains_key(&node.id))
        .map(|node| &*node.name)
        .collect();
    (!strangers.is_empty()).then(|| {
        let why = format!(
            "{} comes from no registry, and nobody can tell whether {} have it",
            pin.image,
            strangers.join(", ")
        );
        Refusal::new(
            RefusalKind::State,
            why,
            "push it to a registry, or configure those hosts",
        )
    })
}

/// Why it cannot be said what a service is to be made of.
fn unmade(draft: &Draft, name: &ServiceName) -> Option<Refusal> {
    let wanted = draft.stack.as_ref()?.wanted.get(name)?;
    let why = wanted.as_ref().err()?;
    // A secret that is not known is told already.
    (draft.unknown.is_empty()).then(|| Refusal::new(RefusalKind::State, why.clone(), ""))
}

/// What has to be there already and is not.
fn absent(release: &Release, seen: &Stacked) -> Vec<LeftOut> {
    let spec = &release.spec;
    let mut found = Vec::new();
    for (kind, command, files, there) in [
        ("secret", "secret", &spec.secrets, &seen.secrets),
        ("config", "swarm-config", &spec.configs, &seen.configs),
    ] {
        for (key, file) in files {
            let name = file.name.as_deref().unwrap_or(key);
            let used = spec.services.values().any(|service| {
                let uses = if kind == "secret" {
                    &service.secrets
                } else {
                    &service.configs
                };
                uses.iter().any(|one| one.source == *key)
            });
            if used && file.from == FileFrom::External && !there.iter().any(|one| **one == *name) {
                found.push(left_out(
                    key,
                    Refusal::new(
                        RefusalKind::State,
                        format!("the Swarm has no {kind} {name}"),
                        format!("`{command} create {name}` makes it"),
                    ),
                ));
            }
        }
    }
    for (key, network) in spec.networks.iter().filter(|(_, one)| one.external) {
        let name = network.name.as_deref().unwrap_or(key);
        if !seen.networks.iter().any(|one| **one == *name) {
            found.push(left_out(
                key,
                Refusal::new(
                    RefusalKind::State,
                    format!("the Swarm has no network {name}"),
                    "make it with driver overlay, or leave external out",
                ),
            ));
        }
    }
    found
}
