//! Reads what a drain or its end is planned from: the store, the host's containers, the balancers.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    Moving,
    elsewhere::{leaving, returning, scopes},
    plan::{Back, Elsewhere, Rest, activate, drain},
};
use crate::{
    clients::balancer::Balancer,
    model::{Admin, Backend, ContainerId, Host, HostName, ServerName, Timestamp},
    ops::{
        HostCommand,
        deploy::{Desk, current},
        discovery,
        plan::{Plan, Refusal, RefusalKind},
        sentence::{DrainHostArgs, Replicas, Sentence},
        target::HostPattern,
    },
};

/// So many releases of an app are looked at.
const RELEASES: u32 = 50;

fn refusal(why: impl Into<String>, remedy: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::State, why, remedy)
}

/// Reads what a sentence about maintenance needs, and plans it.
pub async fn prepare(
    desk: &Desk<'_>,
    sentence: &Sentence,
    command: &HostCommand,
) -> Result<Plan, Refusal> {
    match command {
        HostCommand::Drain(args) => {
            let host = one(desk, args.host.as_ref())?;
            to_rest(desk, sentence, args, host).await
        }
        HostCommand::Activate(args) => {
            let host = one(desk, args.host.as_ref())?;
            let all = desk.store.maintenances().await;
            let all = all.map_err(|error| refusal(error.to_string(), ""))?;
            let known = all.iter().find(|known| known.host == *host.name());
            let known = known
                .ok_or_else(|| refusal(format!("{} is in no maintenance", host.name()), ""))?;
            let moving = returning(desk, sentence, known).await?;
            let wait = args.wait;
            let started: Vec<ContainerId> =
                known.stopped.iter().map(|one| one.id.clone()).collect();
            let lists = &moving.listed(discovery::stay(desk, host, &started, wait).await?);
            let back = Back {
                lists,
                host,
                known,
                moving: &moving,
                wait,
            };
            Ok(activate(sentence, &back))
        }
        _ => Err(refusal("this is no maintenance", "")),
    }
}

/// The one host that is meant, if it can be changed.
fn one<'f>(desk: &Desk<'f>, pattern: Option<&HostPattern>) -> Result<&'f Host, Refusal> {
    let Some(pattern) = pattern else {
        let why = "it is not said which host";
        return Err(Refusal::new(RefusalKind::Nothing, why, "say @HOST"));
    };
    let found = pattern.resolve(desk.fleet)?;
    let host = match found.as_slice() {
        [host] => *host,
        _ => {
            let why = format!("{pattern} means {} hosts", found.len());
            let remedy = "one host is drained at a time";
            return Err(Refusal::new(RefusalKind::Ambiguous, why, remedy));
        }
    };
    if let Some(why) = desk.fleet.forbids_change(host) {
        return Err(Refusal::new(RefusalKind::ReadOnly, why, ""));
    }
    if let Some(trouble) = host.link.trouble() {
        let (why, remedy) = (trouble.reason.clone(), trouble.remedy.clone());
        return Err(Refusal::new(RefusalKind::Offline, why, remedy));
    }
    Ok(host)
}

async fn to_rest(
    desk: &Desk<'_>,
    sentence: &Sentence,
    args: &DrainHostArgs,
    host: &Host,
) -> Result<Plan, Refusal> {
    let failed = |error: crate::store::Error| refusal(error.to_string(), "");
    let all = desk.store.maintenances().await.map_err(failed)?;
    let resting: Vec<&HostName> = all.iter().map(|one| &one.host).collect();
    let live = host.containers.values().filter(|one| one.state.is_live());
    let ids: Vec<ContainerId> = live.map(|one| one.id.clone()).collect();
    let facts = desk.crew.engines.rest_facts(host.name(), &ids).await;
    let facts = facts.map_err(|error| Refusal::new(RefusalKind::Offline, error.to_string(), ""))?;
    let moving = if args.leave_running || args.replicas == Replicas::Stop {
        Moving::default()
    } else {
        leaving(desk, sentence, args, host, &all).await?
    };
    let traffic = traffic(desk, host, &moving.ports).await?;
    let elsewhere = elsewhere(desk, host, &resting).await?;
    let lists = &moving.listed(discovery::leave(desk, host).await?);
    drain(
        sentence,
        desk.fleet,
        &Rest {
            host,
            facts: &facts,
            servers: &traffic.servers,
            lists,
            bare: &traffic.bare,
            elsewhere: &elsewhere,
            moving: &moving,
            known: all.iter().find(|one| one.host == *host.name()),
            leave_running: args.leave_running,
            wait: args.wait,
            by: desk.by,
            reason: args.why.reason.as_deref(),
            at: Timestamp::now(),
        },
    )
}

/// The traffic that goes to a host.
struct Traffic {
    servers: Vec<(Arc<str>, ServerName)>,
    /// Backends that have no other server.
    bare: Vec<String>,
}

/// The servers of all balancers that stand for a host and take traffic, without those at ports of what leaves it.
async fn traffic(desk: &Desk<'_>, host: &Host, leaving: &[u16]) -> Result<Traffic, Refusal> {
    let mut traffic = Traffic {
        servers: Vec::new(),
        bare: Vec::new(),
    };
    let balancers: Vec<_> = desk.crew.balancers.all().collect();
    if balancers.is_empty() {
        return Ok(traffic);
    }
    // A host of which nobody knows the address stands behind no balancer, as far as can be told.
    let Ok(address) = desk.crew.engines.address(host.name()).await else {
        return Ok(traffic);
    };
    let asked = balancers.iter().map(Balancer::backends);
    for (balancer, answer) in balancers.iter().zip(join_all(asked).await) {
        let name = &balancer.spec().name;
        let backends = answer.map_err(|error| {
            let remedy = "nobody knows whether it sends traffic there; take the host out by hand, or mend the way to it";
            refusal(format!("{name} cannot be asked: {}", error.reason()), remedy)
        })?;
        for backend in &backends {
            let ours: Vec<ServerName> = serving(backend, address, leaving);
            if !ours.is_empty() && ours.len() == backend.serving() {
                traffic.bare.push(format!("{name}: {}", backend.name));
            }
            let ours = ours.into_iter().map(|server| (name.clone(), server));
            traffic.servers.extend(ours);
        }
    }
    Ok(traffic)
}

/// The servers of a backend that take traffic at that address.
fn serving(backend: &Backend, address: std::net::IpAddr, leaving: &[u16]) -> Vec<ServerName> {
    let slots = backend.slots.iter();
    let is_its = |one: std::net::SocketAddr| one.ip() == address && !leaving.contains(&one.port());
    let ours = slots.filter(|slot| slot.admin == Admin::Ready && slot.address.is_some_and(is_its));
    ours.map(|slot| slot.name.clone()).collect()
}

/// Where else the apps of a host run, by their releases.
async fn elsewhere(
    desk: &Desk<'_>,
    host: &Host,
    resting: &[&HostName],
) -> Result<Elsewhere, Refusal> {
    let mut elsewhere = Elsewhere::new();
    for scope in scopes(host) {
        let releases = desk.store.releases(&scope, RELEASES).await;
        let releases = releases.map_err(|error| refusal(error.to_string(), ""))?;
        for target in current(&releases)
            .iter()
            .flat_map(|release| &release.targets)
        {
            if target.host != *host.name() && !resting.contains(&&target.host) {
                let key = (scope.app.to_string(), target.service.to_string());
                let hosts = elsewhere.entry(key).or_default();
                if !hosts.contains(&target.host) {
                    hosts.push(target.host.clone());
                }
            }
        }
    }
    Ok(elsewhere)
}
