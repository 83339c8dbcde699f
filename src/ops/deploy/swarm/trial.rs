//! What of a release is tried in a Swarm beside what runs: which services can be, with how many tasks, and why others cannot.

use std::collections::BTreeMap;

use super::super::Draft;
use super::plan::{eligible, host_port};
use crate::model::{
    app::{DeployMode, HostPort, NetworkMode, PortMode, Service, ServiceName},
    release::{Release, Rollout, StackService, Stacked, Trial},
    span,
    swarm::Mode,
};

/// A name of a service has at most so many letters.
const LONGEST: usize = 63;

/// The services that are tried, with their steps; and why others that change are not.
pub(in crate::ops::deploy) fn trials(
    draft: &Draft,
    release: &Release,
) -> (BTreeMap<ServiceName, Vec<Trial>>, Vec<String>) {
    let (mut trials, mut whys) = (BTreeMap::new(), Vec::new());
    let known = draft.stack.as_ref().and_then(|one| one.known());
    let (Some(gray), Some(seen)) = (&draft.policy.gray, known) else {
        return (trials, whys);
    };
    for (name, service) in &release.spec.services {
        let Some(one) = seen.service(name) else {
            whys.push(format!("{name} is not there yet"));
            continue;
        };
        let print = release.print(name);
        if one.mark.as_ref().map(|mark| &mark.print) == print.as_ref() {
            continue;
        }
        match room(release, name, service, one, seen) {
            Ok((beside, most)) => {
                let steps = Trial::steps(&gray.steps, beside, most);
                trials.insert(name.clone(), steps);
            }
            Err(why) => whys.push(why),
        }
    }
    if trials.is_empty() && whys.is_empty() {
        whys.push("no service of it is other than what runs".to_owned());
    }
    (trials, whys)
}

/// Beside how many tasks a second service would stand, and with how many at most; or why it cannot.
fn room(
    release: &Release,
    name: &ServiceName,
    service: &Service,
    one: &StackService,
    seen: &Stacked,
) -> Result<(u32, u32), String> {
    let beside = match one.mode {
        Mode::Replicated(0) => return Err(format!("{name} has no tasks now")),
        Mode::Replicated(count) => u32::try_from(count).unwrap_or(u32::MAX),
        Mode::Global | Mode::ReplicatedJob(_) | Mode::GlobalJob => {
            return Err(format!("{name} has one task on each node"));
        }
    };
    if service.deploy.mode != DeployMode::Replicated {
        return Err(format!("{name} is to have one task on each node"));
    }
    let second = name.canary();
    let is_taken = release
        .spec
        .services
        .keys()
        .any(|other| other.as_str() == second);
    if is_taken || release.scope.app.as_str().len() + 1 + second.len() > LONGEST {
        return Err(format!(
            "a second service cannot be called {}_{second}",
            release.scope.app
        ));
    }
    if service.network_mode == Some(NetworkMode::Host) {
        return Err(format!("both would use the network of the node for {name}"));
    }
    if let Some(mount) = service.shared_mount() {
        return Err(format!("both would write to {} of {name}", mount.target));
    }
    if let Some(port) = service
        .ports
        .iter()
        .find(|one| one.mode == PortMode::Ingress)
    {
        return Err(format!(
            "{name} publishes {port} through the mesh, which knows one service for a port: write mode: host"
        ));
    }
    let is_many = |mode: Option<&str>| mode == Some("dnsrr");
    let was_many = is_many(one.facts.says("endpoint"));
    let at_many = was_many && is_many(service.deploy.endpoint_mode.as_deref());
    if !at_many && !service.networks.is_empty() {
        return Err(format!(
            "{name} is found at one address (endpoint_mode vip), and a second one would get half of the requests \
             whatever its share: deploy it with endpoint_mode: dnsrr first"
        ));
    }
    let Some(port) = host_port(service) else {
        return Ok((beside, beside));
    };
    let nodes = u32::try_from(eligible(service, seen).len()).unwrap_or(u32::MAX);
    match nodes.saturating_sub(beside) {
        0 => Err(format!(
            "no node of the {nodes} that may have {name} is without one that publishes {port}"
        )),
        free => Ok((beside, beside.min(free))),
    }
}

/// How it is tried, service by service.
pub(in crate::ops::deploy) fn told(draft: &Draft, rollout: &Rollout) -> Vec<String> {
    let Some(gray) = rollout
        .policy
        .gray
        .as_ref()
        .filter(|_| draft.stack.is_some())
    else {
        return Vec::new();
    };
    let app = &rollout.release.scope.app;
    let every = span(i64::try_from(gray.every.as_secs()).unwrap_or(i64::MAX));
    let mut told: Vec<String> = Vec::new();
    for (name, steps) in &rollout.trials {
        let steps: Vec<String> = steps.iter().map(step).collect();
        let ports = &rollout.release.spec.services[name].ports;
        let port = ports.iter().find(|one| !matches!(one.host, HostPort::Any));
        let found = match port {
            Some(port) => format!("by the same names and {port} of other nodes"),
            None => "by the same names".to_owned(),
        };
        told.push(format!(
            "{name} is tried in a second service, {app}_{}, found {found}: {}; each watched for {every}: none of its \
             tasks may fail (a Swarm counts no requests). Then {app}_{name} is changed and the second one goes",
            name.canary(),
            steps.join(", "),
        ));
    }
    let release = &rollout.release;
    let untried = trials(draft, release).1;
    told.extend(untried.into_iter().map(|why| format!("not tried: {why}")));
    told
}

/// `25%: 1 task beside 4 (20 %)`.
fn step(one: &Trial) -> String {
    let s = if one.tasks == 1 { "task" } else { "tasks" };
    let share = one.share.percent();
    let nearest = match one.comes_to() {
        is if is == u32::from(share) => String::new(),
        is => format!(" ({is} % is the nearest)"),
    };
    format!(
        "{}: {} {s} beside {}{nearest}",
        one.share, one.tasks, one.beside
    )
}
