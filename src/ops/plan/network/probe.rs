//! The plan of seeing from inside a container whether something answers.

use std::{net::IpAddr, sync::Arc};

use crate::{
    model::{Action, Attachment, Container, Fleet, Host, NetworkAction, Step, Subject},
    ops::{
        plan::{Plan, Refusal, RefusalKind, docker, gather},
        sentence::{ProbeArgs, ProbeWhat, Sentence},
        target::{ContainerPattern, Target, container_text},
    },
};

/// The plan: one step in one container.
pub(super) fn plan(
    sentence: &Sentence,
    args: &ProbeArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let gathered = gather::containers(sentence, fleet, selection)?;
    let (host, container) = gathered.chosen[0];
    let to = match &args.to.what {
        ProbeWhat::Name(name) => name.clone(),
        ProbeWhat::Container(pattern) => address_of(fleet, (host, container), pattern)?.to_string(),
    };
    let target = container_text(host, container);
    let steps = vec![Step {
        host: host.name().clone(),
        subject: Subject::Container(container.id.clone(), container.name.clone()),
        action: Action::Network(NetworkAction::Probe {
            to: Arc::from(to),
            port: args.to.port,
            seconds: args.wait,
            helper: args.helper.as_deref().map(Arc::from),
        }),
    }];
    let danger = sentence.danger();
    let targets = vec![target.clone()];
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: format!("Probe {} from {target}", args.to),
        danger,
        loses: Vec::new(),
        docker: docker::commands(&steps, fleet),
        confirm: gathered.confirm(danger, fleet, [host].into_iter()),
        left_out: gathered.left_out,
        busy: "probing",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

/// The address of a container as another one sees it: on a network that both are on; else on any of its networks where
/// they share a host, or where its addresses are seen outside.
fn address_of(
    fleet: &Fleet,
    (from_host, from): (&Host, &Container),
    pattern: &ContainerPattern,
) -> Result<IpAddr, Refusal> {
    let found = pattern.resolve(fleet)?;
    let [(host, container)] = found.as_slice() else {
        return Err(Refusal::new(
            RefusalKind::Ambiguous,
            format!("{pattern} means {} containers", found.len()),
            "name one",
        ));
    };
    let text = container_text(host, container);
    if !container.state.is_live() {
        return Err(Refusal::new(
            RefusalKind::State,
            format!("{text} does not run, so it has no address"),
            "start it first",
        ));
    }
    let networks = host.networks.iter().flatten();
    let is_shared = |place: &Attachment| {
        let same = |own: &Attachment| !own.id.is_empty() && own.id == place.id;
        let crosses = networks
            .clone()
            .any(|one| one.id == place.id && one.is_shared());
        from.networks.iter().any(same) && (crosses || host.name() == from_host.name())
    };
    let is_outside = |place: &Attachment| {
        let lan = |driver: &str| matches!(driver, "macvlan" | "ipvlan");
        networks
            .clone()
            .any(|one| one.id == place.id && lan(&one.driver))
    };
    let places = || container.networks.iter();
    let near = host.name() == from_host.name();
    let shared = places().filter(|place| is_shared(place)).find_map(address);
    let outside = || places().filter(|place| is_outside(place)).find_map(address);
    let any = || places().filter(|_| near).find_map(address);
    shared.or_else(outside).or_else(any).ok_or_else(|| {
        Refusal::new(
            RefusalKind::State,
            format!(
                "{text} has no address that {} could see",
                container_text(from_host, from)
            ),
            "name an address and port that its host publishes, as 192.0.2.7:8080",
        )
    })
}

fn address(place: &Attachment) -> Option<IpAddr> {
    let ipv4 = place.ipv4.map(IpAddr::V4);
    ipv4.or_else(|| place.ipv6.map(IpAddr::V6))
}
