//! How the containers of an app stand to what was deployed: what differs from its release, and how far an open deploy is.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;

use super::{
    stages::{Stage, stages},
    swarm,
};
use crate::model::{
    Container, Fleet, Health, Host, HostName, Share, State,
    app::ServiceName,
    release::{Open, Phase, Print, Release, ReleaseNumber, Rollout, Scope, Target},
};

/// A difference between what runs and what was deployed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// Of the replicas that the release has there so many do not run.
    Missing {
        /// The service.
        service: Arc<str>,
        /// The host.
        host: HostName,
        /// So many are missing.
        missing: usize,
        /// So many there are to be.
        wanted: usize,
    },
    /// A replica that runs is of another release.
    Other {
        /// The container.
        name: Arc<str>,
        /// The host.
        host: HostName,
        /// The release that it was made for.
        release: ReleaseNumber,
    },
    /// A replica that runs was made by somebody else.
    Foreign {
        /// The container.
        name: Arc<str>,
        /// The host.
        host: HostName,
    },
    /// More replicas run there than the release has.
    Extra {
        /// The service.
        service: Arc<str>,
        /// The host.
        host: HostName,
        /// So many more.
        more: usize,
    },
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                service,
                host,
                missing,
                wanted,
            } => write!(f, "{service}@{host}: {missing} of {wanted} do not run"),
            Self::Other {
                name,
                host,
                release,
            } => write!(f, "{name}@{host}: is of {release}"),
            Self::Foreign { name, host } => write!(f, "{name}@{host}: Wharf did not make it"),
            Self::Extra {
                service,
                host,
                more,
            } => write!(f, "{service}@{host}: {more} more than the release has"),
        }
    }
}

/// What was deployed of an app, and how what runs stands to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Deployed {
    /// The newest release that came everywhere.
    pub release: Option<ReleaseNumber>,
    /// The release that is on its way, and how far it is.
    pub open: Option<Coming>,
    /// What differs from it. What a deploy that is open brings is no difference.
    pub drift: Vec<Drift>,
}

/// A release on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Coming {
    /// Which one.
    pub release: ReleaseNumber,
    /// How far it is, in a word.
    pub state: &'static str,
}

/// What was deployed of an app, whose containers are `there`; none when nothing was.
pub fn deployed<'f>(
    fleet: &'f Fleet,
    scope: &Scope,
    there: impl Iterator<Item = (&'f Host, &'f Container)>,
) -> Option<Deployed> {
    let open = fleet.deploys.open.get(scope);
    let current = fleet.deploys.current.get(scope);
    (open.is_some() || current.is_some()).then(|| Deployed {
        release: current.map(|one| one.number),
        open: open.map(|one| Coming {
            release: one.held.number,
            state: standing(one),
        }),
        drift: current
            .map(|release| drift(fleet, release, open.map(|one| &*one.rollout), there))
            .unwrap_or_default(),
    })
}

/// How far an open deploy is, in a word: `left` when nobody works on it any more.
pub fn standing(open: &Open) -> &'static str {
    match open.held.phase {
        Phase::Rolling | Phase::RollingBack if !open.held.is_live() => "left",
        phase => phase.word(),
    }
}

/// The containers of an app on a host.
pub(super) fn of_app<'f>(host: &'f Host, scope: &Scope) -> impl Iterator<Item = &'f Container> {
    let is_its = host.environment() == &*scope.environment;
    let app = scope.app.as_str().to_owned();
    let all = host.containers.values().filter(move |_| is_its);
    all.filter(move |one| one.app.as_deref() == Some(app.as_str()))
}

/// Whether a container stands for a replica: it runs, or it is a job that ended well.
fn counts(one: &Container) -> bool {
    one.state.is_live() || (one.state == State::Exited && one.exit == Some(0))
}

/// What of an app differs from a release, on the hosts that are heard of; `there` are the app's containers. What a deploy
/// that is open brings or takes is no difference.
fn drift<'f>(
    fleet: &'f Fleet,
    release: &'f Release,
    open: Option<&Rollout>,
    there: impl Iterator<Item = (&'f Host, &'f Container)>,
) -> Vec<Drift> {
    if release.stack.is_some() {
        return swarm::drift(fleet, release, open);
    }
    // Apps and hosts are many: only the hosts of this one are gone through.
    let mut hosts: BTreeMap<&HostName, (BTreeMap<&str, usize>, Vec<&Container>)> = BTreeMap::new();
    for target in &release.targets {
        let (wanted, _) = hosts.entry(&target.host).or_default();
        *wanted.entry(target.service.as_str()).or_default() += 1;
    }
    for (host, container) in there.filter(|(_, one)| counts(one)) {
        hosts.entry(host.name()).or_default().1.push(container);
    }
    let prints = prints(release);
    let coming = open
        .map(|one| self::prints(&one.release))
        .unwrap_or_default();
    let mut found = Vec::new();
    for (name, (wanted, containers)) in hosts {
        let is_its = |host: &&Host| host.environment() == &*release.scope.environment;
        let Some(host) = fleet.host(name).filter(is_its) else {
            continue;
        };
        if !host.listed || !host.link.is_online() {
            continue;
        }
        let mut there: BTreeMap<&str, usize> = BTreeMap::new();
        // What stands in the place of a replica is told itself.
        let mut instead: BTreeMap<&str, usize> = BTreeMap::new();
        for one in containers {
            let service = one.service.as_deref().unwrap_or_default();
            let is_of = |all: &BTreeMap<&str, Print>| {
                one.print.is_some() && all.get(service) == one.print.as_ref()
            };
            if is_of(&prints) {
                *there.entry(service).or_default() += 1;
            } else if one.state.is_live() && !is_of(&coming) {
                found.push(differs(one, host));
                *instead.entry(service).or_default() += 1;
            }
        }
        if open.is_some() {
            continue;
        }
        for (service, wanted) in &wanted {
            let count = |all: &BTreeMap<&str, usize>| all.get(service).copied().unwrap_or(0);
            let is = count(&there) + count(&instead);
            if is < *wanted {
                found.push(Drift::Missing {
                    service: (*service).into(),
                    host: name.clone(),
                    missing: wanted - is,
                    wanted: *wanted,
                });
            }
        }
        for (service, is) in there {
            let wanted = wanted.get(service).copied().unwrap_or(0);
            if is > wanted {
                found.push(Drift::Extra {
                    service: service.into(),
                    host: name.clone(),
                    more: is - wanted,
                });
            }
        }
    }
    found.sort();
    found
}

/// What the containers of each service were made of.
fn prints(release: &Release) -> BTreeMap<&str, Print> {
    let names = release.spec.services.keys();
    names
        .filter_map(|name| Some((name.as_str(), release.print(name)?)))
        .collect()
}

fn differs(one: &Container, host: &Host) -> Drift {
    let (name, host) = (one.name.clone(), host.name().clone());
    match one.release {
        Some(release) => Drift::Other {
            name,
            host,
            release,
        },
        None => Drift::Foreign { name, host },
    }
}

/// How far a deploy is, as the containers of the fleet tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Batch by batch, with how many of its targets are there.
    pub stages: Vec<(Stage, usize)>,
    /// All targets that are there.
    pub done: usize,
    /// All targets.
    pub all: usize,
    /// The hosts that have all of theirs.
    pub hosts_done: usize,
    /// All hosts.
    pub hosts: usize,
}

/// How far an open deploy is: of the new release, or of the one before when it goes back.
pub fn progress(open: &Open, fleet: &Fleet) -> Progress {
    let rollout = &open.rollout;
    let back = open.held.phase == Phase::RollingBack;
    let to = match &rollout.previous {
        Some(previous) if back => previous,
        _ => &rollout.release,
    };
    let towards = Rollout {
        release: Arc::clone(to),
        ..(**rollout).clone()
    };
    let mut there = present(to, fleet);
    let mut hosts: BTreeMap<HostName, bool> = BTreeMap::new();
    let mut counted = Vec::new();
    for stage in stages(&towards) {
        let mut done = 0;
        for Target { service, host, .. } in &stage.targets {
            let left = there.get_mut(&(host.clone(), service.clone()));
            let is_there = left.is_some_and(|left| {
                let any = *left > 0;
                *left = left.saturating_sub(1);
                any
            });
            done += usize::from(is_there);
            *hosts.entry(host.clone()).or_insert(true) &= is_there;
        }
        counted.push((stage, done));
    }
    Progress {
        done: counted.iter().map(|(_, done)| done).sum(),
        all: counted.iter().map(|(stage, _)| stage.targets.len()).sum(),
        hosts_done: hosts.values().filter(|done| **done).count(),
        hosts: hosts.len(),
        stages: counted,
    }
}

/// How many containers of each service of a release are well, by host.
fn present(release: &Release, fleet: &Fleet) -> BTreeMap<(HostName, ServiceName), usize> {
    if release.stack.is_some() {
        return swarm::present(release, fleet);
    }
    let mut present = BTreeMap::new();
    for (name, print) in release
        .spec
        .services
        .keys()
        .filter_map(|name| Some((name, release.print(name)?)))
    {
        for host in release.hosts() {
            let Some(host) = fleet.host(host) else {
                continue;
            };
            let is_well = |one: &&Container| {
                one.print.as_ref() == Some(&print)
                    && one.service.as_deref() == Some(name.as_str())
                    && counts(one)
                    && !matches!(one.health, Health::Starting | Health::Unhealthy)
            };
            let well = of_app(host, &release.scope).filter(is_well).count();
            present.insert((host.name().clone(), name.clone()), well);
        }
    }
    present
}

/// The share of the requests that a gray release has, as whoever works on it tells.
pub fn share(open: &Open) -> Option<Share> {
    let steps = &open.rollout.policy.gray.as_ref()?.steps;
    let detail = &open.held.detail;
    let told = |share: &&Share| {
        let text = share.to_string();
        let mut words = detail.split([' ', ':', ',']);
        words.any(|word| word == text)
    };
    steps.iter().find(told).copied()
}
