//! Where the services of a release stand behind load balancers: found out, and looked at, before anything is changed.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use futures_util::future::join_all;

use super::{Draft, check::left_out, gray::candidate, stages};
use crate::{
    model::{
        Backend, BalancerSpec, Fleet, HostName, Machine, Share,
        app::{Behind, HostPort, PortMode, Protocol, Published, ServiceName, Spec},
        release::{Front, Gray, Policy, Release, Rollout, Scope},
    },
    ops::{
        Crew,
        plan::{LeftOut, Refusal, RefusalKind},
    },
};

/// How long an old container may take to end what it has, when its file does not say.
const DRAIN: Duration = Duration::from_secs(30);

/// Where a service stands, with the backends as they are now; or why it cannot.
pub type Fronted = Result<(Front, Vec<Backend>), String>;

/// Finds out where services stand, and what their balancers say.
pub(super) async fn fronts(
    crew: &Crew,
    fleet: &Fleet,
    draft: &Draft,
) -> BTreeMap<ServiceName, Fronted> {
    let mut hosts: Vec<&HostName> = draft.hosts.iter().collect();
    hosts.extend(draft.current().iter().flat_map(|one| one.hosts()));
    hosts.sort();
    hosts.dedup();
    let behind = draft
        .spec
        .services
        .iter()
        .filter_map(|(name, service)| Some((name, service.balancer.as_ref()?)));
    let looked = behind.map(|(name, behind)| {
        let hosts = &hosts;
        async move {
            let front = front(crew, fleet, &draft.scope, behind, hosts).await;
            (name.clone(), front)
        }
    });
    join_all(looked).await.into_iter().collect()
}

async fn front(
    crew: &Crew,
    fleet: &Fleet,
    scope: &Scope,
    behind: &Behind,
    hosts: &[&HostName],
) -> Fronted {
    let spec = balancer(fleet, scope, behind)?;
    if spec.read_only {
        return Err(format!("{} is read-only by configuration", spec.name));
    }
    let addresses = hosts.iter().map(|host| async move {
        let address = crew.engines.address(host).await;
        let address: Result<IpAddr, String> = address.map_err(|error| error.to_string());
        ((*host).clone(), address)
    });
    let mut known = BTreeMap::new();
    for (host, address) in join_all(addresses).await {
        known.insert(host, address?);
    }
    let opened = crew.balancers.open(&spec.name);
    let backends = match opened {
        Ok(balancer) => balancer.backends().await,
        Err(error) => Err(error),
    };
    let backends = backends.map_err(|error| error.to_string())?;
    let find = |name: &str| backends.iter().find(|one| *one.name == *name);
    let stable = behind
        .backend
        .clone()
        .unwrap_or_else(|| format!("{}_stable", scope.app));
    let usual = format!("{}_canary", scope.app);
    let canary = match &behind.canary {
        Some(name) => Some(name.clone()),
        None => find(&usual).map(|_| usual),
    };
    for name in std::iter::once(&stable).chain(&canary) {
        if find(name).is_none() {
            let names: Vec<&str> = backends.iter().map(|one| &*one.name).collect();
            return Err(format!(
                "{} has no backend {name}; it has {}; `wharf balancer render {}` writes what is missing",
                spec.name,
                names.join(", "),
                scope.app
            ));
        }
    }
    let front = Front {
        balancer: spec.name.to_string(),
        stable,
        canary,
        key: behind.key.clone().unwrap_or_else(|| scope.app.to_string()),
        port: behind.port,
        host_port: behind.host_port,
        drain: behind.drain.unwrap_or(DRAIN),
        addresses: known,
    };
    let names: Vec<String> = front.backends().map(str::to_owned).collect();
    let of_it = backends
        .into_iter()
        .filter(|one| names.iter().any(|name| **name == *one.name));
    Ok((front, of_it.collect()))
}

/// The balancer that a service means: the one it names, else the only one of its environment.
fn balancer<'f>(
    fleet: &'f Fleet,
    scope: &Scope,
    behind: &Behind,
) -> Result<&'f BalancerSpec, String> {
    let all = fleet.balancers.iter();
    if let Some(name) = &behind.name {
        let found = all.clone().find(|one| *one.name == **name);
        return found.ok_or_else(|| {
            format!("no balancer is called '{name}'; write a [[balancer]] into wharf.toml")
        });
    }
    let mut of_it = all.filter(|one| environment(fleet, one) == &*scope.environment);
    match (of_it.next(), of_it.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(format!(
            "{} and {} both are balancers of its environment: name one below x-wharf",
            one.name, other.name
        )),
        (None, _) => Err(NONE.to_owned()),
    }
}

/// What is said where an environment has no balancer.
const NONE: &str = "its environment has no balancer; write a [[balancer]] into wharf.toml";

/// The environment of a balancer: its own, else that of the host it runs on.
fn environment<'f>(fleet: &'f Fleet, spec: &'f BalancerSpec) -> &'f str {
    match (&spec.environment, &spec.machine) {
        (Some(environment), _) => environment,
        (None, Machine::Host(name)) => fleet.host(name).map_or("", |host| host.environment()),
        (None, Machine::Here | Machine::Ssh { .. }) => "",
    }
}

/// In an environment without any balancer a service publishes its first port itself.
pub(super) fn plainly(fleet: &Fleet, scope: &Scope, spec: &mut Spec) -> Vec<ServiceName> {
    let has_one = |one: &BalancerSpec| environment(fleet, one) == &*scope.environment;
    if fleet.balancers.iter().any(has_one) {
        return Vec::new();
    }
    let mut changed = Vec::new();
    for (name, service) in &mut spec.services {
        let Some(behind) = service.balancer.take_if(|behind| behind.name.is_none()) else {
            continue;
        };
        let last = behind.host_port.saturating_add(99);
        service.ports.push(Published {
            container: behind.port,
            protocol: Protocol::Tcp,
            host: HostPort::Between(behind.host_port, last),
            address: None,
            mode: PortMode::Ingress,
            name: None,
            app_protocol: None,
        });
        changed.push(name.clone());
    }
    changed
}

/// What stands in the release.
pub(super) fn decided(draft: &Draft) -> BTreeMap<ServiceName, Front> {
    let known = draft.fronts.iter().filter_map(|(name, fronted)| {
        let (front, _) = fronted.as_ref().ok()?;
        Some((name.clone(), front.clone()))
    });
    known.collect()
}

/// What is only to be known.
pub(super) fn notes(draft: &Draft) -> Vec<String> {
    let plain = draft
        .plain
        .iter()
        .map(|name| format!("{name} publishes its port itself: its environment has no balancer"));
    let quiet = draft.fronts.iter().filter_map(|(name, fronted)| {
        let (front, backends) = fronted.as_ref().ok()?;
        let stable = backends.iter().find(|one| *one.name == *front.stable)?;
        (stable.serving() == 0).then(|| {
            let Front {
                balancer, stable, ..
            } = front;
            format!("{name}: {stable} of {balancer} has no server yet that takes requests")
        })
    });
    plain.chain(quiet).collect()
}

/// What keeps services from standing where they are to stand.
pub(super) fn against(draft: &Draft, release: &Release) -> Vec<LeftOut> {
    let state = |name: &ServiceName, why: String, remedy: &str| {
        left_out(name.as_str(), Refusal::new(RefusalKind::State, why, remedy))
    };
    let mut found = Vec::new();
    for (name, fronted) in &draft.fronts {
        match fronted {
            Err(why) => found.push(state(name, why.clone(), "")),
            Ok((front, backends)) => {
                let told = slots(draft, release, name, front, backends);
                found.extend(told.map(|(why, remedy)| state(name, why, remedy)));
            }
        }
    }
    let fronts: Vec<_> = release.fronts.iter().collect();
    for (at, (name, front)) in fronts.iter().enumerate() {
        let mut before = fronts[..at].iter();
        let same = before.find(|(_, one)| {
            one.balancer == front.balancer
                && one
                    .backends()
                    .any(|name| front.backends().any(|other| other == name))
        });
        if let Some((other, _)) = same {
            let why = format!("{name} and {other} would be servers of one backend");
            let remedy = "name a backend, and a canary, of its own for each below x-wharf";
            found.push(state(name, why, remedy));
        }
    }
    if let Some(gray) = &draft.policy.gray {
        let told = untriable(draft, release, gray);
        found.extend(told.map(|(why, remedy)| {
            left_out("--canary", Refusal::new(RefusalKind::State, why, remedy))
        }));
    }
    found
}

/// Why backends have no room for new servers beside the old ones.
fn slots(
    draft: &Draft,
    release: &Release,
    name: &ServiceName,
    front: &Front,
    backends: &[Backend],
) -> Option<(String, &'static str)> {
    let remedy = "give it a larger server-template; `wharf balancer render` writes one";
    for backend in backends {
        if let Some(slot) = backend.slots.iter().find(|slot| !slot.checked) {
            let why = format!(
                "{} of {} is not checked: nobody would know whether a server works",
                slot.name, front.balancer
            );
            return Some((
                why,
                "write `option httpchk` and `default-server check` there",
            ));
        }
        let needed = if *backend.name == *front.stable {
            largest_batch(&draft.policy, release, name)
        } else {
            let all = release.targets.iter();
            let all = all.filter(|one| one.service == *name).count();
            let steps = draft.policy.gray.iter().flat_map(|gray| &gray.steps);
            steps
                .map(|share| Gray::replicas(*share, all))
                .max()
                .unwrap_or(0)
        };
        let free = backend.room();
        let has = backend.slots.len();
        // A template of a single slot does not look like several that wait at one address.
        if free < needed && (free > 0 || !is_known(draft, backend, front)) {
            let why = format!(
                "{} of {} has {free} free slots of {has}, and {needed} are needed at once",
                backend.name, front.balancer
            );
            return Some((why, remedy));
        }
    }
    None
}

/// Whether a backend has servers of this app already, so that it is only asked to take them again.
fn is_known(draft: &Draft, backend: &Backend, front: &Front) -> bool {
    let mut ports = draft.found.values().flatten().flatten();
    ports.any(|one| {
        one.port().is_some_and(|port| {
            let mut hosts = front.addresses.keys();
            hosts.any(|host| {
                front
                    .at(host, port)
                    .is_some_and(|address| backend.slot_of(address).is_some())
            })
        })
    })
}

/// How many replicas of a service go at once at most.
fn largest_batch(policy: &Policy, release: &Release, name: &ServiceName) -> usize {
    let rollout = Rollout {
        release: std::sync::Arc::new(release.clone()),
        previous: None,
        policy: policy.clone(),
        adopt: false,
        generate: Vec::new(),
        bundle: None,
        seen: BTreeMap::new(),
        trials: BTreeMap::new(),
    };
    let of_it = stages(&rollout).into_iter();
    let sizes = of_it.filter(|stage| stage.service == *name);
    sizes.map(|stage| stage.targets.len()).max().unwrap_or(0)
}

/// Why a release cannot be tried with a share of the requests.
fn untriable(draft: &Draft, release: &Release, gray: &Gray) -> Option<(String, &'static str)> {
    let ascending = gray.steps.is_sorted_by(|one, next| one < next);
    if !ascending || gray.steps.iter().any(|share| share.percent() >= 100) {
        let why = "its shares do not rise from step to step, or reach all";
        return Some((why.to_owned(), "write --canary 5,25,50"));
    }
    let Some((service, front)) = candidate(release) else {
        let why = "no service of it stands behind a balancer with a backend for a gray release";
        return Some((
            why.to_owned(),
            "say it below x-wharf: balancer; `wharf balancer render` writes both backends",
        ));
    };
    let Some(previous) = draft.current() else {
        let why = "it is the first release, and there is nothing to compare it with";
        return Some((why.to_owned(), "leave --canary out"));
    };
    if previous.print(service) == release.print(service) {
        let why = format!("nothing of {service} changes, so there is nothing to try");
        return Some((why, "leave --canary out"));
    }
    if gray.steps.contains(&Share::NONE) && gray.steps.len() == 1 {
        let why = "with 0 alone nobody is judged by any share";
        return Some((why.to_owned(), "write --canary 0,5,25"));
    }
    let is_fronted = previous.fronts.get(service);
    if !is_fronted.is_some_and(|before| before.is_beside(front)) {
        let why = format!(
            "{} does not stand behind {} yet",
            previous.number, front.balancer
        );
        return Some((why, "deploy it there once without --canary"));
    }
    None
}
