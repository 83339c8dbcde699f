//! Plans of acts on networks.

mod attach;
mod create;
mod probe;

use super::{Plan, Refusal, RefusalKind, prune, query, resource::Act};
use crate::{
    model::{Action, Fleet, Host, Network, NetworkAction, Resource},
    ops::{
        sentence::{NetworkCommand, PruneArgs, Sentence},
        subnet::members_of,
        target::{Target, resource_text},
    },
};

/// So many names are told before the rest is counted.
const NAMES: usize = 5;

/// The plan of a sentence about networks.
pub(super) fn plan(
    sentence: &Sentence,
    command: &NetworkCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        NetworkCommand::List(_) | NetworkCommand::Show { .. } => {
            query::plan(sentence, fleet, selection)
        }
        NetworkCommand::Create(args) => create::plan(sentence, args, fleet, selection),
        NetworkCommand::Connect(args) => attach::connect(sentence, args, fleet, selection),
        NetworkCommand::Disconnect(args) => attach::disconnect(sentence, args, fleet, selection),
        NetworkCommand::Probe(args) => probe::plan(sentence, args, fleet, selection),
        NetworkCommand::Prune { .. } => prune_networks(sentence, fleet, selection),
        NetworkCommand::Remove(_) => Act {
            kind: Resource::Network,
            verb: "Remove",
            busy: NetworkAction::Remove.busy(),
            action: &|_, _| (Action::Network(NetworkAction::Remove), None),
            unfit: &unfit_to_remove,
            loss: &|host, id| Some(lost(host, id)),
        }
        .plan(sentence, fleet, selection),
    }
}

fn find<'h>(host: &'h Host, id: &str) -> Option<&'h Network> {
    host.networks.iter().flatten().find(|one| *one.id == *id)
}

/// `web, api and 3 more`.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names
        .iter()
        .take(NAMES)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The containers that are attached to a network of a host, by whether they live.
fn attached(host: &Host, network: &Network, live: bool) -> String {
    let members = members_of(host, network).into_iter();
    listed(
        members
            .filter(|(_, one, _)| one.state.is_live() == live)
            .map(|(_, one, _)| &*one.name),
    )
}

/// Why a network cannot be removed; the engine would say the same later.
fn unfit_to_remove(host: &Host, id: &str) -> Option<Refusal> {
    let network = find(host, id)?;
    let text = resource_text(host, Resource::Network, id);
    let refuse = |why: String, remedy: &str| Some(Refusal::new(RefusalKind::State, why, remedy));
    if network.is_engines_own() {
        return refuse(format!("{text} belongs to the engine itself"), "");
    }
    let users = attached(host, network, true);
    if users.is_empty() {
        return None;
    }
    refuse(
        format!("{text} is in use by {users}"),
        "stop them, or disconnect them first",
    )
}

/// What is gone with a network.
fn lost(host: &Host, id: &str) -> String {
    let stopped = find(host, id).map(|network| attached(host, network, false));
    match stopped.as_deref() {
        None | Some("") => "its addresses: containers that name it will not start".to_owned(),
        Some(stopped) => format!("its addresses: {stopped} will not start without it"),
    }
}

/// The plan of a cleaning that says which networks go.
fn prune_networks(
    sentence: &Sentence,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let only_networks = PruneArgs {
        networks: true,
        ..PruneArgs::default()
    };
    let mut plan = prune::plan(sentence, &only_networks, fleet, selection)?;
    plan.title = match plan.targets.as_slice() {
        [only] => format!("Remove unused networks of {only}"),
        several => format!("Remove unused networks of {} hosts", several.len()),
    };
    let hosts = plan.steps.iter().filter_map(|step| fleet.host(&step.host));
    plan.loses = hosts
        .map(|host| match &host.networks {
            None => format!("@{}: networks that no running container uses", host.name()),
            Some(all) => match listed(doomed(host, all)) {
                none if none.is_empty() => format!("@{}: nothing, as far as is known", host.name()),
                names => format!("@{}: {names}", host.name()),
            },
        })
        .collect();
    Ok(plan)
}

/// The names of networks that a cleaning takes: stopped containers do not keep theirs.
fn doomed<'h>(host: &'h Host, all: &'h [Network]) -> impl Iterator<Item = &'h str> {
    let is_used = |network: &Network| {
        let mut members = members_of(host, network).into_iter();
        members.any(|(_, container, _)| container.state.is_live())
    };
    all.iter()
        .filter(move |one| !one.is_engines_own() && !one.is_shared() && !is_used(one))
        .map(|one| &*one.name)
}
