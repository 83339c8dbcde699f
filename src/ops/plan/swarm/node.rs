//! Plans of acts on nodes: what a drain stops, and where it can go on.

use super::{named, state, swarm};
use crate::{
    model::{
        Action, Fleet, Host, Resource,
        swarm::{Availability, Node, Service, Swarm, SwarmAction, fits},
    },
    ops::{
        plan::{Plan, Refusal, query, resource::Act},
        sentence::{NodeCommand, Sentence},
        target::Target,
    },
};

/// The plan of a sentence about nodes.
pub(in crate::ops::plan) fn plan(
    sentence: &Sentence,
    command: &NodeCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let (verb, to, wait) = match command {
        NodeCommand::List(_) | NodeCommand::Show { .. } => {
            return query::plan(sentence, fleet, selection);
        }
        NodeCommand::Drain(args) => ("Drain", Availability::Drain, args.wait),
        NodeCommand::Pause(_) => ("Pause", Availability::Pause, 0),
        NodeCommand::Activate(_) => ("Activate", Availability::Active, 0),
    };
    let action = SwarmAction::Availability { to, wait };
    Act {
        kind: Resource::Node,
        verb,
        busy: action.busy(),
        action: &|_, _| (Action::Swarm(action.clone()), None),
        unfit: &|host, id| already(host, id, to),
        loss: &|host, id| match to {
            Availability::Drain => stops(swarm(host)?, id),
            Availability::Pause | Availability::Active => None,
        },
    }
    .plan(sentence, fleet, selection)
}

/// That it is so already.
fn already(host: &Host, id: &str, to: Availability) -> Option<Refusal> {
    let node = swarm(host)?.node(id)?;
    let is_so = node.availability == to;
    is_so.then(|| state(format!("{} is {to} already", node.name), ""))
}

/// What stops on a node that is drained, and what of it finds no other place.
fn stops(swarm: &Swarm, id: &str) -> Option<String> {
    let others: Vec<&Node> = swarm.ready_nodes().filter(|node| *node.id != *id).collect();
    let (mut moved, mut ends, mut stuck) = (Vec::new(), Vec::new(), Vec::new());
    for task in swarm.tasks_on(id) {
        let name = swarm.task_name(task);
        match swarm.service(&task.service) {
            Some(service) if service.mode.is_global() => ends.push(name),
            Some(service) if has_place(service, &others) => moved.push(name),
            Some(_) | None => stuck.push(name),
        }
    }
    let part = |names: Vec<String>, what: &str| {
        (!names.is_empty()).then(|| format!("{} {what}", named(&names)))
    };
    let parts: Vec<String> = [
        part(moved, "stop here and start elsewhere"),
        part(ends, "end: there is one on each node"),
        part(stuck, "stop, and no other node takes them"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Whether one of those nodes may have tasks of a service; what is not understood speaks for it.
fn has_place(service: &Service, nodes: &[&Node]) -> bool {
    let may = |node: &&Node| {
        let mut all = service.constraints.iter();
        all.all(|constraint| fits(node, constraint) != Some(false))
    };
    nodes.iter().any(may)
}
