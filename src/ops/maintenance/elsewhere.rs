//! Reads what is moved off a host that is drained, and what comes back to it: each app by a release of its own.

use super::{
    Move,
    moves::{Others, moves},
};
use crate::{
    model::{
        Action, ContainerId, Host, HostName, Maintenance, Moved, Step,
        app::AppName,
        release::{Release, Scope, Target},
    },
    ops::{
        deploy::{Begin, Desk, Task, current},
        plan::{Plan, Refusal, RefusalKind},
        sentence::{DrainHostArgs, Sentence},
    },
};

/// So many releases of an app are looked at.
const RELEASES: u32 = 50;

/// What leaves a host or comes back to it.
#[derive(Debug, Default)]
pub struct Moving {
    /// App by app.
    pub moves: Vec<Move>,
    /// The steps of all of them.
    pub steps: Vec<Step>,
    /// The containers of the host that leave it.
    pub leaving: Vec<ContainerId>,
    /// At which ports of the host balancers find those.
    pub ports: Vec<u16>,
    /// What stays where it is, and why.
    pub stay: Vec<String>,
}

impl Moving {
    /// Steps that bring lists of targets, with the hosts that what moves goes to: what runs there stays listed.
    pub fn listed(&self, mut lists: Vec<Step>) -> Vec<Step> {
        for step in &mut lists {
            let Action::Discovery(list) = &mut step.action else {
                continue;
            };
            let of_it = |one: &&Move| *one.rollout.scope() == list.scope;
            for one in self.moves.iter().filter(of_it) {
                let hosts = one.rollout.release.hosts().into_iter().cloned();
                let more: Vec<_> = hosts.filter(|host| !list.hosts.contains(host)).collect();
                list.hosts.extend(more);
            }
        }
        lists
    }

    fn add(&mut self, moved: Moved, plan: Plan) -> Result<(), String> {
        match plan.deploy.map(|task| *task) {
            Some(Task::Run(Begin::New(rollout))) => {
                let steps = plan.steps.len();
                self.steps.extend(plan.steps);
                let moved = Moved {
                    release: rollout.release.number,
                    ..moved
                };
                self.moves.push(Move {
                    moved,
                    rollout,
                    steps,
                });
                Ok(())
            }
            Some(_) | None => Err("others have to approve that first".to_owned()),
        }
    }
}

/// The apps of a host.
pub(super) fn scopes(host: &Host) -> Vec<Scope> {
    let containers = host.containers.values();
    let mut apps: Vec<&str> = containers.filter_map(|one| one.app.as_deref()).collect();
    apps.sort_unstable();
    apps.dedup();
    let names = apps.into_iter().filter_map(|name| AppName::new(name).ok());
    let scope = |app| Scope {
        app,
        environment: host.environment().into(),
    };
    names.map(scope).collect()
}

/// The newest release of an app that is everywhere, where it is one of hosts.
async fn now(desk: &Desk<'_>, scope: &Scope) -> Result<Option<Release>, Refusal> {
    let releases = desk.store.releases(scope, RELEASES).await;
    let releases =
        releases.map_err(|error| Refusal::new(RefusalKind::State, error.to_string(), ""))?;
    let now = current(&releases).filter(|one| one.stack.is_none());
    Ok(now.cloned())
}

/// What leaves a host, and what of its apps has no other place.
pub(super) async fn leaving(
    desk: &Desk<'_>,
    sentence: &Sentence,
    args: &DrainHostArgs,
    host: &Host,
    all: &[Maintenance],
) -> Result<Moving, Refusal> {
    let mut moving = Moving::default();
    let mut named: Vec<&HostName> = Vec::new();
    for pattern in &args.to {
        let found = pattern.resolve(desk.fleet)?;
        named.extend(found.into_iter().map(Host::name));
    }
    for scope in scopes(host) {
        let Some(now) = now(desk, &scope).await? else {
            continue;
        };
        let mut names: Vec<&HostName> = now.hosts();
        names.extend(&named);
        names.sort();
        names.dedup();
        let others = names.into_iter().filter(|name| *name != host.name());
        let others = others_of(desk, host, others, all);
        let found = moves(&now, host.name(), &others);
        let stops = |target: &Target, why: &str| format!("{scope}: {target} stops: {why}");
        let staying = found.stay.iter().map(|(target, why)| stops(target, why));
        moving.stay.extend(staying);
        if found.moved.is_empty() {
            continue;
        }
        let goes = |one: &&Target| found.moved.iter().any(|(from, _)| from == *one);
        let stay = now.targets.iter().filter(|one| !goes(one)).cloned();
        let come = found.moved.iter().map(|(_, to)| to.clone());
        let to = (
            stay.chain(come).collect(),
            format!("{} without {}", now.number, host.name()),
        );
        let moved = Moved {
            scope: scope.clone(),
            release: now.number,
            replicas: found.moved.clone(),
        };
        let planned = desk.elsewhere(sentence, &now, to, Some(host.name())).await;
        let done = planned
            .map_err(|refusal| refusal.to_string())
            .and_then(|(plan, containers)| {
                moving.add(moved, plan)?;
                let here = containers.get(host.name()).into_iter().flatten();
                let of_moved = here.filter(|one| {
                    one.mark.is_some()
                        && found.moved.iter().any(|(from, _)| {
                            one.service == from.service.as_str() && one.replica == from.replica
                        })
                });
                for one in of_moved {
                    moving.leaving.push(one.id.clone());
                    moving.ports.extend(one.port());
                }
                Ok(())
            });
        if let Err(why) = done {
            let all = found.moved.iter();
            moving.stay.extend(all.map(|(from, _)| stops(from, &why)));
        }
    }
    Ok(moving)
}

/// Which of some hosts take what leaves another one, and why the others do not.
fn others_of<'a>(
    desk: &Desk<'a>,
    host: &Host,
    names: impl Iterator<Item = &'a HostName>,
    all: &[Maintenance],
) -> Others<'a> {
    let mut others = Others::default();
    for name in names {
        let Some(one) = desk.fleet.host(name) else {
            others.away.push(format!("{name}: it is no host of ours"));
            continue;
        };
        let why = if !one.link.is_online() {
            Some("it is not reached".to_owned())
        } else if one.environment() != host.environment() {
            Some(format!("it is of {}", one.environment()))
        } else if all.iter().any(|known| known.host == *name) {
            Some("it is in maintenance itself".to_owned())
        } else {
            desk.fleet.forbids_change(one)
        };
        match why {
            Some(why) => others.away.push(format!("{name}: {why}")),
            None => others.hosts.push(one),
        }
    }
    others
}

/// What comes back to a host: what went elsewhere when it was drained, where that was not changed since.
pub(super) async fn returning(
    desk: &Desk<'_>,
    sentence: &Sentence,
    known: &Maintenance,
) -> Result<Moving, Refusal> {
    let mut moving = Moving::default();
    for moved in &known.moved {
        let scope = &moved.scope;
        let Some(now) = now(desk, scope).await? else {
            continue;
        };
        if now.number != moved.release {
            if !now.hosts().contains(&&known.host) {
                moving.stay.push(how(moved, &now, &known.host));
            }
            continue;
        }
        let back = |one: &Target| {
            let mut all = moved.replicas.iter();
            let from = all.find(|(_, to)| to == one).map(|(from, _)| from);
            from.unwrap_or(one).clone()
        };
        let to = (
            now.targets.iter().map(back).collect(),
            format!("{} with {} again", now.number, known.host),
        );
        let planned = desk.elsewhere(sentence, &now, to, Some(&known.host)).await;
        let done = planned
            .map_err(|refusal| refusal.to_string())
            .and_then(|(plan, _)| moving.add(moved.clone(), plan));
        if let Err(why) = done {
            moving
                .stay
                .push(format!("{scope} stays where it is: {why}"));
        }
    }
    Ok(moving)
}

/// How an app that was changed meanwhile comes back to a host.
fn how(moved: &Moved, now: &Release, host: &HostName) -> String {
    let mut services: Vec<&str> = moved
        .replicas
        .iter()
        .map(|(from, _)| from.service.as_str())
        .collect();
    services.sort_unstable();
    services.dedup();
    let counts = services.iter().map(|name| {
        let of = now
            .targets
            .iter()
            .filter(|one| one.service.as_str() == *name);
        format!("{name}={}", of.count())
    });
    let counts: Vec<String> = counts.collect();
    let mut hosts: Vec<&str> = now.hosts().into_iter().map(HostName::as_str).collect();
    hosts.push(host.as_str());
    format!(
        "{} is {} meanwhile and stays where it is: `app scale {} {} --hosts {}` spreads it again",
        moved.scope,
        now.number,
        moved.scope.app,
        counts.join(" "),
        hosts.join(" --hosts ")
    )
}
