//! Plans of what is done to load balancers. What stands behind one is part of the fleet only when it was looked at.

use std::sync::Arc;

use super::{Confirm, Plan, Refusal, RefusalKind, gather::unpermitted, query};
use crate::{
    model::{
        Action, BalancerAction, BalancerSpec, BalancerStep, Fleet, HostName, Machine, ServerName,
        Spot, Step, Subject,
    },
    ops::{
        sentence::{BalancerCommand, Danger, Sentence},
        target::Target,
    },
};

/// The plan of a sentence about load balancers.
pub(super) fn plan(
    sentence: &Sentence,
    command: &BalancerCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let (name, actions) = match command {
        BalancerCommand::List
        | BalancerCommand::Show(_)
        | BalancerCommand::Check { .. }
        | BalancerCommand::Render(_) => return query::plan(sentence, fleet, selection),
        BalancerCommand::Ready(args) => {
            let ready = |server: &ServerName| BalancerAction::Ready {
                server: server.clone(),
                wait: args.wait,
            };
            (&args.servers.balancer, each(&args.servers.servers, ready))
        }
        BalancerCommand::Drain(args) => {
            let drain = |server: &ServerName| BalancerAction::Drain {
                server: server.clone(),
                wait: args.wait,
            };
            (&args.servers.balancer, each(&args.servers.servers, drain))
        }
        BalancerCommand::Maintenance(args) => {
            let rest = |server: &ServerName| BalancerAction::Maintenance {
                server: server.clone(),
            };
            (&args.balancer, each(&args.servers, rest))
        }
        BalancerCommand::Weight(args) => {
            let action = BalancerAction::Weight {
                server: args.server.clone(),
                weight: args.weight,
            };
            (&args.balancer, vec![action])
        }
        BalancerCommand::Share(args) => {
            let action = BalancerAction::Share {
                key: args.app.clone(),
                share: args.share,
                map: args.map.as_deref().map(Arc::from),
            };
            (&args.balancer, vec![action])
        }
        BalancerCommand::Save(args) => (&args.balancer, vec![BalancerAction::Save]),
    };
    let spec = find(fleet, name)?;
    if let Some(refusal) = forbidden(sentence, fleet, spec) {
        return Err(refusal);
    }
    Ok(of(sentence, fleet, spec, actions))
}

fn each(
    servers: &[ServerName],
    action: impl Fn(&ServerName) -> BalancerAction,
) -> Vec<BalancerAction> {
    let mut known: Vec<&ServerName> = Vec::new();
    for server in servers {
        if !known.contains(&server) {
            known.push(server);
        }
    }
    known.into_iter().map(action).collect()
}

fn of(
    sentence: &Sentence,
    fleet: &Fleet,
    spec: &BalancerSpec,
    actions: Vec<BalancerAction>,
) -> Plan {
    let name = &spec.name;
    let targets: Vec<String> = actions.iter().map(|one| target(name, one)).collect();
    let loss = loss(fleet, name, &actions);
    let danger = match &loss {
        // Others take the traffic: it only moves.
        Loss::Nothing => Danger::Changes,
        Loss::Some(_) => sentence.danger(),
    };
    let title = title(name, &actions);
    let steps = actions
        .into_iter()
        .zip(&targets)
        .map(|(action, target)| Step {
            host: HostName::new(name),
            subject: Subject::Outside(Arc::from(target.as_str())),
            action: Action::Balancer(BalancerStep {
                balancer: name.clone(),
                action,
            }),
        });
    Plan {
        sentence: sentence.canonical(&targets),
        title,
        danger,
        steps: steps.collect(),
        loses: match loss {
            Loss::Nothing => Vec::new(),
            Loss::Some(lines) => lines,
        },
        docker: Vec::new(),
        confirm: Confirm::for_act(danger, targets.len(), &[], false),
        left_out: Vec::new(),
        busy: "being changed",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
    }
}

/// How what is changed is written: `edge:shop_stable/s1`.
fn target(balancer: &str, action: &BalancerAction) -> String {
    match action {
        BalancerAction::Ready { server, .. }
        | BalancerAction::Drain { server, .. }
        | BalancerAction::Maintenance { server }
        | BalancerAction::Weight { server, .. } => format!("{balancer}:{server}"),
        BalancerAction::Share { key, .. } => format!("{balancer}:{key}"),
        BalancerAction::Save => balancer.to_owned(),
    }
}

fn title(balancer: &str, actions: &[BalancerAction]) -> String {
    let servers = |what: &str, server: &ServerName| match actions.len() {
        1 => format!("{what} {server} of {balancer}"),
        several => format!("{what} {several} servers of {balancer}"),
    };
    match actions.first() {
        Some(BalancerAction::Ready { server, .. }) => servers("Give traffic to", server),
        Some(BalancerAction::Drain { server, .. }) => servers("Drain", server),
        Some(BalancerAction::Maintenance { server }) => servers("Put into maintenance", server),
        Some(BalancerAction::Weight { server, weight }) => {
            format!("Give {server} of {balancer} the weight {weight}")
        }
        Some(BalancerAction::Share { key, share, .. }) => {
            format!("Give the canary of {key} {share} of the requests at {balancer}")
        }
        Some(BalancerAction::Save) | None => format!("Write down what {balancer} knows"),
    }
}

/// What is lost.
enum Loss {
    /// Nothing: it takes nothing away, or others are known to take over.
    Nothing,
    /// Traffic, or nobody knows.
    Some(Vec<String>),
}

/// What traffic is lost by taking those servers out.
fn loss(fleet: &Fleet, balancer: &str, actions: &[BalancerAction]) -> Loss {
    let out: Vec<&ServerName> = actions
        .iter()
        .filter_map(|action| match action {
            BalancerAction::Drain { server, .. }
            | BalancerAction::Maintenance { server }
            | BalancerAction::Weight { server, weight: 0 } => Some(server),
            BalancerAction::Ready { .. }
            | BalancerAction::Weight { .. }
            | BalancerAction::Share { .. }
            | BalancerAction::Save => None,
        })
        .collect();
    let mut names: Vec<&Arc<str>> = out.iter().map(|server| &server.backend).collect();
    names.sort();
    names.dedup();
    let Some(seen) = fleet.behind.get(balancer) else {
        let unknown = |name: &&Arc<str>| {
            format!(
                "{name}: all its traffic, if no other of its servers takes it; that was not looked at"
            )
        };
        return match names.iter().map(unknown).collect::<Vec<_>>() {
            none if none.is_empty() => Loss::Nothing,
            lines => Loss::Some(lines),
        };
    };
    let lines: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let backend = seen.iter().find(|one| one.name == *name)?;
            let serving = backend.slots.iter().filter(|slot| slot.is_serving());
            let (gone, left): (Vec<_>, Vec<_>) = serving.partition(|slot| out.contains(&&slot.name));
            (!gone.is_empty() && left.is_empty()).then(|| {
                let gone: Vec<&str> = gone.iter().map(|slot| &*slot.name.server).collect();
                format!(
                    "{name}: all its traffic; after {} none of its servers takes any, and it answers 503",
                    gone.join(", ")
                )
            })
        })
        .collect();
    if lines.is_empty() {
        Loss::Nothing
    } else {
        Loss::Some(lines)
    }
}

fn find<'f>(fleet: &'f Fleet, name: &str) -> Result<&'f BalancerSpec, Refusal> {
    let found = fleet.balancers.iter().find(|one| *one.name == *name);
    found.ok_or_else(|| {
        let known: Vec<&str> = fleet.balancers.iter().map(|one| &*one.name).collect();
        let remedy = if known.is_empty() {
            "write a [[balancer]] into wharf.toml; `wharf config example` shows one".to_owned()
        } else {
            format!("there is {}", known.join(", "))
        };
        let why = format!("no balancer is called '{name}'");
        Refusal::new(RefusalKind::Unknown, why, remedy)
    })
}

/// Why nothing may be changed at that balancer, or not by whoever says it.
fn forbidden(sentence: &Sentence, fleet: &Fleet, spec: &BalancerSpec) -> Option<Refusal> {
    if fleet.read_only {
        return Some(Refusal::read_only());
    }
    let name = &spec.name;
    let host = match &spec.machine {
        Machine::Host(host) => fleet.host(host),
        Machine::Here | Machine::Ssh { .. } => None,
    };
    let of_environment = |environment: &str| {
        let is_closed = fleet.environment(environment).read_only;
        is_closed.then(|| format!("{name} belongs to {environment}, which is read-only"))
    };
    let why = if spec.read_only {
        Some(format!("{name} is read-only"))
    } else {
        match &spec.environment {
            Some(environment) => of_environment(environment),
            None => host.and_then(|host| fleet.forbids_change(host)),
        }
    };
    let closed = why.map(|why| {
        let remedy = "change `read_only` in wharf.toml if that is wrong";
        Refusal::new(RefusalKind::ReadOnly, why, remedy)
    });
    let spot = match (&spec.environment, host) {
        (Some(environment), _) => Spot::Environment(environment),
        (None, Some(host)) => Spot::Host(&host.spec),
        (None, None) => Spot::Environment(""),
    };
    closed.or_else(|| unpermitted(sentence, fleet, spot))
}
