//! The plans of a drain and of its end: pure, from what was read of the host and its balancers.

use std::{collections::BTreeMap, sync::Arc};

use super::{Moving, Upkeep};
use crate::{
    engine::RestFacts,
    model::{
        Action, BalancerAction, BalancerStep, Container, Fleet, Host, HostName, Maintenance,
        Rested, ServerName, Step, Subject, Timestamp, Withdrawn, app::Restart,
    },
    ops::{
        deploy::Task,
        plan::{Confirm, Plan, Refusal, RefusalKind},
        sentence::{Danger, Sentence},
    },
};

/// Where else the services of an app run, by its release: app, service, hosts.
pub type Elsewhere = BTreeMap<(String, String), Vec<HostName>>;

/// What a drain is planned from.
pub struct Rest<'r> {
    /// The host.
    pub host: &'r Host,
    /// What stops does to its containers.
    pub facts: &'r [RestFacts],
    /// Its servers that take traffic, by balancer.
    pub servers: &'r [(Arc<str>, ServerName)],
    /// What takes its targets off lists.
    pub lists: &'r [Step],
    /// Backends that have no other server.
    pub bare: &'r [String],
    /// Where else its apps run.
    pub elsewhere: &'r Elsewhere,
    /// What is recorded of it, if it is in maintenance already.
    pub known: Option<&'r Maintenance>,
    /// What leaves it, and what cannot.
    pub moving: &'r Moving,
    /// Its containers go on.
    pub leave_running: bool,
    /// So long what its servers have is waited for, in seconds.
    pub wait: u32,
    /// Who does it.
    pub by: &'r str,
    /// Why.
    pub reason: Option<&'r str>,
    /// When.
    pub at: Timestamp,
}

/// The plan of a drain: servers out of traffic first, then the containers, those that were started last first.
pub fn drain(sentence: &Sentence, fleet: &Fleet, rest: &Rest<'_>) -> Result<Plan, Refusal> {
    let host = rest.host;
    let mut live: Vec<&Container> = host.containers.values().collect();
    let leaves = |one: &Container| rest.moving.leaving.contains(&one.id);
    live.retain(|one| one.state.is_live() && !rest.leave_running && !leaves(one));
    live.sort_by(|a, b| (b.since, &b.name).cmp(&(a.since, &a.name)));
    let is_empty = live.is_empty() && rest.servers.is_empty() && rest.moving.moves.is_empty();
    if is_empty && rest.known.is_some() {
        let why = format!("{} is in maintenance already", host.name());
        return Err(Refusal::new(
            RefusalKind::State,
            why,
            format!("`host activate @{}` brings it back", host.name()),
        ));
    }
    let maintenance = noted(rest, &live);
    let mut steps = rest.moving.steps.clone();
    steps.extend(rest.lists.iter().cloned());
    steps.extend(rest.servers.iter().map(|(balancer, server)| {
        let action = BalancerAction::Drain {
            server: server.clone(),
            wait: rest.wait,
        };
        at_balancer(host, balancer, server, action)
    }));
    steps.extend(
        live.iter()
            .map(|one| at_container(host, one, Action::Stop { grace: None })),
    );
    let mut loses = apps(rest, &live);
    loses.extend(rest.moving.stay.iter().cloned());
    loses.extend(rest.bare.iter().map(|backend| {
        format!("{backend}: all its traffic; none of its servers is left, and it answers 503")
    }));
    let gone: Vec<&str> = live
        .iter()
        .filter(|one| is_fleeting(rest, one))
        .map(|one| &*one.name)
        .collect();
    if !gone.is_empty() {
        loses.push(format!("{} for good: started with --rm", gone.join(", ")));
    }
    let environment = fleet.environment(host.environment());
    let told = told(rest, live.len());
    Ok(Plan {
        title: format!("Drain {} for maintenance", host.name()),
        danger: Danger::Disrupts,
        steps,
        loses,
        confirm: if environment.guarded {
            Confirm::Phrase(environment.name.to_string())
        } else {
            Confirm::Ask
        },
        busy: "draining",
        told,
        ..bare(
            sentence,
            host,
            Upkeep::Drain(maintenance, rest.moving.moves.clone()),
        )
    })
}

/// Whether it is gone for good once it stops.
fn is_fleeting(rest: &Rest<'_>, one: &Container) -> bool {
    let mut facts = rest.facts.iter();
    facts.any(|facts| facts.id == one.id && facts.is_fleeting)
}

/// What is written down, so that `host activate` brings it back as it was.
fn noted(rest: &Rest<'_>, live: &[&Container]) -> Maintenance {
    let host = rest.host;
    let restart = |one: &Container| {
        let known = rest.facts.iter().find(|facts| facts.id == one.id);
        known.map_or(Restart::No, |facts| facts.restart)
    };
    let mut maintenance = rest.known.cloned().unwrap_or_else(|| Maintenance {
        host: host.name().clone(),
        by: rest.by.to_owned(),
        reason: rest.reason.map(str::to_owned),
        since: rest.at,
        stopped: Vec::new(),
        servers: Vec::new(),
        moved: Vec::new(),
    });
    for one in live.iter().filter(|one| !is_fleeting(rest, one)) {
        // What a first try hushed keeps what it had before.
        if !maintenance.stopped.iter().any(|rested| rested.id == one.id) {
            maintenance.stopped.push(Rested {
                id: one.id.clone(),
                name: one.name.clone(),
                restart: restart(one),
            });
        }
    }
    for one in &rest.moving.moves {
        let mut moved = one.moved.clone();
        let before = maintenance
            .moved
            .iter()
            .position(|known| known.scope == moved.scope);
        if let Some(before) = before.map(|at| maintenance.moved.remove(at)) {
            // What a first drain moved, if that is where it is now.
            let is_so = one.rollout.previous.as_ref().map(|one| one.number) == Some(before.release);
            moved
                .replicas
                .extend(before.replicas.into_iter().filter(|_| is_so));
        }
        maintenance.moved.push(moved);
    }
    maintenance
        .servers
        .extend(rest.servers.iter().map(|(balancer, server)| Withdrawn {
            balancer: balancer.clone(),
            server: server.to_string(),
        }));
    maintenance
}

/// What a drain does, in words.
fn told(rest: &Rest<'_>, live: usize) -> Vec<String> {
    let host = rest.host;
    let moves = rest.moving.moves.iter();
    let mut told: Vec<String> = moves
        .map(|one| {
            let goes = one.moved.told(false);
            format!("first {goes}; {} has it so", one.moved.release)
        })
        .collect();
    told.push(format!(
        "{} servers leave the traffic and end what they have ({} s at most); then {} containers stop",
        rest.servers.len(),
        rest.wait,
        live
    ));
    // Its tasks are its manager's.
    if host.membership().is_some() {
        told.push(
            "it is a node of a Swarm: `node drain` moves its tasks, else its manager starts them again"
                .to_owned(),
        );
    }
    if rest.leave_running {
        told.push("its containers go on".to_owned());
    }
    told.push(format!(
        "nothing is deployed to it until `host activate @{}`",
        host.name()
    ));
    told
}

/// What is down of which app, and where it goes on.
fn apps(rest: &Rest<'_>, live: &[&Container]) -> Vec<String> {
    let mut by_app: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for one in live {
        by_app
            .entry(one.app.as_deref().unwrap_or_default())
            .or_default()
            .push(one);
    }
    let told = by_app.into_iter().map(|(app, all)| {
        let names: Vec<&str> = all.iter().map(|one| &*one.name).collect();
        let names = names.join(", ");
        if app.is_empty() {
            return format!("{names} stop: of no app");
        }
        let mut services: Vec<&str> = all
            .iter()
            .filter_map(|one| one.service.as_deref())
            .collect();
        services.sort_unstable();
        services.dedup();
        let goes_on = services.iter().map(|service| {
            let key = (app.to_owned(), (*service).to_owned());
            match rest.elsewhere.get(&key).map(Vec::as_slice) {
                None | Some([]) => format!("{service} runs nowhere else"),
                Some(hosts) => {
                    let hosts: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
                    format!("{service} goes on on {}", hosts.join(", "))
                }
            }
        });
        let goes_on: Vec<String> = goes_on.collect();
        format!("{app}: {names} stop; {}", goes_on.join("; "))
    });
    told.collect()
}

/// What the end of a maintenance is planned from.
pub struct Back<'b> {
    /// What puts its targets onto lists again.
    pub lists: &'b [Step],
    /// The host.
    pub host: &'b Host,
    /// What is recorded of it.
    pub known: &'b Maintenance,
    /// What comes back to it, and what does not.
    pub moving: &'b Moving,
    /// So long the checks of its servers are waited for, in seconds.
    pub wait: u32,
}

/// The plan of its end: what was stopped starts, those that were stopped last first, then traffic comes back after checks.
pub fn activate(sentence: &Sentence, back: &Back<'_>) -> Plan {
    let (host, known) = (back.host, back.known);
    let mut gone = Vec::new();
    let mut steps = Vec::new();
    for one in known.stopped.iter().rev() {
        match host.containers.get(&one.id) {
            Some(found) => steps.push(at_container(host, found, Action::Start)),
            None => gone.push(one.name.to_string()),
        }
    }
    let started = steps.len();
    for one in &known.servers {
        // A name that cannot be read was never a server's.
        let Ok(server) = one.server.parse::<ServerName>() else {
            continue;
        };
        let action = BalancerAction::Ready {
            server: server.clone(),
            wait: back.wait,
        };
        steps.push(at_balancer(host, &one.balancer, &server, action));
    }
    steps.extend(back.lists.iter().cloned());
    let mut told = vec![
        known.to_string(),
        format!(
            "{started} containers start; then {} servers get traffic, once their checks find them up",
            known.servers.len()
        ),
    ];
    if !gone.is_empty() {
        told.push(format!("gone meanwhile: {}", gone.join(", ")));
    }
    let moves = back.moving.moves.iter();
    told.extend(moves.map(|one| {
        let comes = one.moved.told(true);
        format!("last {comes}; {} has it so", one.moved.release)
    }));
    told.extend(back.moving.stay.iter().cloned());
    steps.extend(back.moving.steps.iter().cloned());
    Plan {
        title: format!("Activate {}", host.name()),
        danger: Danger::Changes,
        steps,
        confirm: Confirm::Ask,
        busy: "activating",
        told,
        ..bare(
            sentence,
            host,
            Upkeep::Activate(known.clone(), back.moving.moves.clone()),
        )
    }
}

fn at_container(host: &Host, one: &Container, action: Action) -> Step {
    Step {
        host: host.name().clone(),
        subject: Subject::Container(one.id.clone(), one.name.clone()),
        action,
    }
}

fn at_balancer(
    host: &Host,
    balancer: &Arc<str>,
    server: &ServerName,
    action: BalancerAction,
) -> Step {
    Step {
        host: host.name().clone(),
        subject: Subject::Outside(format!("{balancer}:{server}").into()),
        action: Action::Balancer(BalancerStep {
            balancer: balancer.clone(),
            action,
        }),
    }
}

fn bare(sentence: &Sentence, host: &Host, upkeep: Upkeep) -> Plan {
    let target = format!("@{}", host.name());
    Plan {
        sentence: sentence.canonical(std::slice::from_ref(&target)),
        title: String::new(),
        danger: Danger::Changes,
        targets: vec![target],
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::Ask,
        left_out: Vec::new(),
        busy: "resting",
        recorded: true,
        told: Vec::new(),
        deploy: Some(Box::new(Task::Upkeep(Box::new(upkeep)))),
    }
}
