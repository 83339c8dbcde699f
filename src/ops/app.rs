//! Apps as they run: every Compose project and Swarm stack of the fleet, whoever started it, service by service.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use glob::Pattern;
use serde::Serialize;

use super::{column::natural, deploy, target::Target};
use crate::model::{
    Container, ContainerId, Fleet, Health, Host, HostName, Port, State, Timestamp,
    app::AppName,
    release::{Release, ReleaseNumber, Scope},
};

/// What is the same app: its name, in its environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AppKey {
    /// The environment of its hosts; empty for those that have none.
    pub environment: Arc<str>,
    /// Compose's project, or Swarm's stack.
    pub name: Arc<str>,
}

impl AppKey {
    /// Whose releases those of it are; none when its name is none that Wharf gives.
    pub fn scope(&self) -> Option<Scope> {
        Some(Scope {
            app: AppName::new(&self.name).ok()?,
            environment: self.environment.clone(),
        })
    }
}

/// One app of one environment, on all hosts on which it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct App {
    /// Which one.
    #[serde(flatten)]
    pub key: AppKey,
    /// How it is, all services together.
    pub standing: Standing,
    /// Replicas, all services together.
    pub tally: Tally,
    /// Its services, by name.
    pub services: Vec<AppService>,
    /// What Wharf deployed of it, and what differs from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed: Option<deploy::Deployed>,
}

/// A service of an app.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AppService {
    /// Its name; empty for containers of the app that belong to none.
    pub name: Arc<str>,
    /// How it is.
    pub standing: Standing,
    /// Its replicas in figures.
    pub tally: Tally,
    /// The images that its replicas were made of, as they were named.
    pub images: Vec<Arc<str>>,
    /// How many different images they really are.
    pub builds: usize,
    /// The ports that it publishes.
    pub ports: Vec<String>,
    /// When its newest replica was made.
    pub created: Timestamp,
    /// Its replicas, by host and name.
    pub replicas: Vec<Replica>,
}

/// One container of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// Its host.
    pub host: HostName,
    /// The container.
    pub id: ContainerId,
    /// Its name.
    pub name: Arc<str>,
}

/// Replicas in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All that are to run: jobs that ended well are not counted.
    pub wanted: usize,
    /// Running, and not unhealthy.
    pub running: usize,
    /// On so many hosts.
    pub hosts: usize,
}

/// How an app or a service is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A job that ended well.
    Ended,
    /// All of it runs.
    Running,
    /// It runs, but not all is known to be healthy yet.
    Starting,
    /// Nothing of it runs, and nothing of it failed.
    Stopped,
    /// Some of it runs, some was stopped.
    Partial,
    /// Something of it is broken.
    Broken,
}

impl Standing {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopped => "stopped",
            Self::Partial => "partial",
            Self::Broken => "broken",
        }
    }

    /// Of several together.
    fn of(all: impl Iterator<Item = Self>) -> Self {
        let all: Vec<Self> = all.filter(|one| *one != Self::Ended).collect();
        let has = |one: Self| all.contains(&one);
        match all.iter().max() {
            None => Self::Ended,
            Some(Self::Broken) => Self::Broken,
            Some(Self::Stopped) if has(Self::Running) || has(Self::Starting) => Self::Partial,
            Some(worst) => *worst,
        }
    }
}

/// How a single container is, as part of an app.
pub fn standing(container: &Container) -> Standing {
    if container.trouble().is_some() {
        return Standing::Broken;
    }
    match (&container.state, container.health) {
        (State::Running, Health::Starting) => Standing::Starting,
        (State::Running | State::Restarting, _) => Standing::Running,
        (State::Exited, _) if container.exit == Some(0) => Standing::Ended,
        (State::Created | State::Removing | State::Paused | State::Exited, _) => Standing::Stopped,
        (State::Dead, _) => Standing::Broken,
        (State::Other(_), _) => Standing::Stopped,
    }
}

/// Which apps a name means, with wildcards, in one environment or in all.
///
/// # Errors
/// When the name is no pattern.
pub fn named(name: &str, env: Option<&str>) -> Result<impl Fn(&App) -> bool, String> {
    let pattern = Pattern::new(name).map_err(|error| format!("'{name}' is no pattern: {error}"))?;
    let env = env.map(str::to_owned);
    Ok(move |app: &App| {
        pattern.matches(&app.key.name)
            && env.as_ref().is_none_or(|env| **env == *app.key.environment)
    })
}

/// The app of all that is selected; none when that is of several or of none.
pub fn selected(fleet: &Fleet, selection: &[Target]) -> Option<Scope> {
    let mut found: Option<AppKey> = None;
    for target in selection {
        let Target::Container(host, id) = target else {
            return None;
        };
        let key = AppKey {
            environment: Arc::from(fleet.host(host)?.environment()),
            name: fleet.container(host, id)?.app.clone()?,
        };
        if found.as_ref().is_some_and(|found| *found != key) {
            return None;
        }
        found = Some(key);
    }
    found?.scope()
}

/// All apps of a fleet, by environment and name.
pub fn apps(fleet: &Fleet) -> Vec<App> {
    type Replicas<'f> = BTreeMap<&'f str, Vec<(&'f Host, &'f Container)>>;
    // Tens of thousands of containers are gone through: nothing is copied for each.
    let mut found: HashMap<(&str, &str), Replicas<'_>> = HashMap::new();
    for (host, container) in fleet.containers() {
        let Some(name) = &container.app else { continue };
        let environment = host.spec.environment.as_deref().unwrap_or_default();
        let service = container.service.as_deref().unwrap_or_default();
        let services = found.entry((environment, name)).or_default();
        services.entry(service).or_default().push((host, container));
    }
    for scope in deployed(fleet) {
        // Of an app that has no containers yet, or none any more, what was deployed is told all the same.
        let (environment, name) = (&*scope.environment, scope.app.as_str());
        found.entry((environment, name)).or_default();
    }
    let mut all: Vec<App> = found
        .into_iter()
        .map(|((environment, name), services)| {
            let key = AppKey {
                environment: Arc::from(environment),
                name: Arc::from(name),
            };
            let there = services.values().flatten().copied();
            let deployed = key
                .scope()
                .and_then(|scope| deploy::deployed(fleet, &scope, there));
            let mut app = app(key, services.into_iter());
            app.deployed = deployed;
            app
        })
        .collect();
    all.sort_by(|a, b| {
        let names = natural(&a.key.name, &b.key.name);
        names.then_with(|| a.key.environment.cmp(&b.key.environment))
    });
    all
}

/// The apps that were deployed to hosts of the fleet.
fn deployed(fleet: &Fleet) -> impl Iterator<Item = &Scope> {
    let open = fleet.deploys.open.iter();
    let open = open.map(|(scope, one)| (scope, &one.rollout.release));
    let current = fleet.deploys.current.iter();
    let all = open.chain(current);
    let is_here = |release: &Release| {
        let mut hosts = release.hosts().into_iter();
        hosts.any(|host| fleet.host(host).is_some())
    };
    all.filter(move |(_, release)| is_here(release))
        .map(|(scope, _)| scope)
}

fn app<'f>(
    key: AppKey,
    services: impl Iterator<Item = (&'f str, Vec<(&'f Host, &'f Container)>)>,
) -> App {
    let services: Vec<AppService> = services.map(|(name, all)| service(name, all)).collect();
    let mut hosts: Vec<&HostName> = services
        .iter()
        .flat_map(|one| one.replicas.iter().map(|replica| &replica.host))
        .collect();
    hosts.sort();
    hosts.dedup();
    let tally = Tally {
        wanted: services.iter().map(|one| one.tally.wanted).sum(),
        running: services.iter().map(|one| one.tally.running).sum(),
        hosts: hosts.len(),
    };
    App {
        key,
        standing: if services.is_empty() {
            Standing::Stopped
        } else {
            Standing::of(services.iter().map(|one| one.standing))
        },
        tally,
        services,
        deployed: None,
    }
}

/// Leaves out the containers that gave way to those of another release and are kept for a way back.
fn without_replaced(all: &mut Vec<(&Host, &Container)>) {
    let releases = all.iter().filter(|(_, one)| one.state.is_live());
    let running: Vec<(HostName, Option<ReleaseNumber>)> = releases
        .filter(|(_, one)| one.release.is_some())
        .map(|(host, one)| (host.name().clone(), one.release))
        .collect();
    if running.is_empty() {
        return;
    }
    all.retain(|(host, one)| {
        let gave_way = |(at, release): &(HostName, Option<ReleaseNumber>)| {
            at == host.name() && *release != one.release
        };
        one.state.is_live() || !running.iter().any(gave_way)
    });
}

fn service(name: &str, mut all: Vec<(&Host, &Container)>) -> AppService {
    without_replaced(&mut all);
    all.sort_by(|(a, one), (b, other)| {
        let hosts = natural(a.name().as_str(), b.name().as_str());
        hosts.then_with(|| natural(&one.name, &other.name))
    });
    let standings: Vec<Standing> = all.iter().map(|(_, one)| standing(one)).collect();
    let count = |is: fn(Standing) -> bool| standings.iter().filter(|one| is(**one)).count();
    let has_live = standings.iter().any(|one| *one != Standing::Ended);
    let mut hosts: Vec<&HostName> = all.iter().map(|(host, _)| host.name()).collect();
    hosts.dedup();
    let tally = Tally {
        // Of a service that runs elsewhere, one that ended is missing; a job is done.
        wanted: if has_live { all.len() } else { 0 },
        running: count(|one| matches!(one, Standing::Running | Standing::Starting)),
        hosts: hosts.len(),
    };
    let whole = match Standing::of(standings.iter().copied()) {
        Standing::Running | Standing::Starting if tally.running < tally.wanted => Standing::Partial,
        other => other,
    };
    let images = unique(all.iter().map(|(_, one)| &one.image));
    let builds = unique(all.iter().map(|(_, one)| &one.image_id)).len();
    let ports = all.iter().flat_map(|(_, one)| one.ports.iter());
    let ports = unique(ports.filter(|port| port.public.is_some()));
    AppService {
        name: Arc::from(name),
        standing: whole,
        tally,
        images: images.into_iter().cloned().collect(),
        builds,
        // One port of IPv4 and of IPv6 reads the same.
        ports: unique(ports.into_iter().map(Port::to_string)),
        created: all
            .iter()
            .map(|(_, one)| one.created)
            .max()
            .unwrap_or_default(),
        replicas: all
            .iter()
            .map(|(host, one)| Replica {
                host: host.name().clone(),
                id: one.id.clone(),
                name: one.name.clone(),
            })
            .collect(),
    }
}

/// In order, each once.
fn unique<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort();
    all.dedup();
    all
}

impl App {
    /// What differs between its hosts: services whose replicas are not all of one image.
    pub fn drift(&self) -> Vec<String> {
        let differ = self.services.iter().filter(|one| one.builds > 1);
        differ.map(AppService::drift).collect()
    }

    /// What differs from the release that was deployed, else between its hosts, in few words.
    pub fn drift_in_short(&self) -> String {
        match &self.deployed {
            Some(deployed) if deployed.open.is_some() && deployed.drift.is_empty() => String::new(),
            Some(deployed) if !deployed.drift.is_empty() => {
                format!("{} differ", deployed.drift.len())
            }
            Some(_) | None => self.drift().join(", "),
        }
    }

    /// Its hosts, each once.
    pub fn hosts(&self) -> Vec<&HostName> {
        let replicas = self.services.iter().flat_map(|one| one.replicas.iter());
        unique(replicas.map(|one| &one.host))
    }

    /// When its newest replica was made.
    pub fn created(&self) -> Timestamp {
        let made = self.services.iter().map(|one| one.created);
        made.max().unwrap_or_default()
    }
}

impl AppService {
    /// In how many images its replicas differ; empty when they are of one.
    pub fn drift(&self) -> String {
        match self.builds {
            0 | 1 => String::new(),
            several => format!("{}: {several} images", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::{Endpoint, Event, HostSpec};

    /// `host/app/service/name state exit image`.
    fn fleet(lines: &[&str]) -> Fleet {
        let mut fleet = Fleet::new();
        let host = |name: &str, environment: &str| HostSpec {
            environment: Some(Arc::from(environment)),
            ..HostSpec::new(name, Endpoint::Unix("/x".into()), "test")
        };
        fleet.apply(Event::Hosts(vec![
            host("a", "prod"),
            host("b", "prod"),
            host("c", "qa"),
        ]));
        for name in ["a", "b", "c"] {
            let of_host = lines.iter().filter(|line| line.starts_with(name));
            let containers = of_host.map(|line| container(line)).collect();
            fleet.apply(Event::Containers(HostName::new(name), containers));
        }
        fleet
    }

    fn container(line: &str) -> Container {
        let parts: Vec<&str> = line.split(['/', ' ']).collect();
        let id = ContainerId::new(&format!("{}{}", parts[3], parts[0]));
        let mut one = Container::new(id, parts[3], State::parse(parts[4]), Timestamp::UNIX_EPOCH);
        one.app = Some(Arc::from(parts[1])).filter(|app: &Arc<str>| !app.is_empty());
        one.service = Some(Arc::from(parts[2]));
        one.exit = parts[5].parse().ok();
        one.image = Arc::from("app:1");
        one.image_id = Arc::from(parts[6]);
        one
    }

    #[test]
    fn an_app_is_its_name_in_its_environment_on_all_hosts() {
        let fleet = fleet(&[
            "a/shop/web/web-1 running - 1",
            "b/shop/web/web-2 running - 1",
            "c/shop/web/web-1 running - 2",
            "a//x/alone running - 1",
        ]);
        let all = apps(&fleet);
        let told: Vec<(&str, &str, Standing, Tally)> = all
            .iter()
            .map(|one| {
                (
                    &*one.key.environment,
                    &*one.key.name,
                    one.standing,
                    one.tally,
                )
            })
            .collect();
        let tally = |wanted, hosts| Tally {
            wanted,
            running: wanted,
            hosts,
        };
        assert_eq!(
            told,
            [
                ("prod", "shop", Standing::Running, tally(2, 2)),
                ("qa", "shop", Standing::Running, tally(1, 1)),
            ]
        );
        assert!(all[0].drift().is_empty());
    }

    #[test]
    fn the_worst_of_it_is_told_and_a_job_that_ended_well_is_no_trouble() {
        let of = |lines: &[&str]| apps(&fleet(lines)).into_iter().next().unwrap();
        for (lines, standing, running, wanted) in [
            (
                &["a/s/web/w running - 1", "a/s/init/i exited 0 1"][..],
                Standing::Running,
                1,
                1,
            ),
            (
                &["a/s/web/w running - 1", "a/s/db/d exited 1 1"],
                Standing::Broken,
                1,
                2,
            ),
            (
                &["a/s/web/w running - 1", "a/s/db/d exited 143 1"],
                Standing::Partial,
                1,
                2,
            ),
            (
                &["a/s/web/w running - 1", "b/s/web/w exited 0 1"],
                Standing::Partial,
                1,
                2,
            ),
            (&["a/s/web/w exited 143 1"], Standing::Stopped, 0, 1),
            (&["a/s/init/i exited 0 1"], Standing::Ended, 0, 0),
            (&["a/s/web/w created - 1"], Standing::Stopped, 0, 1),
        ] {
            let app = of(lines);
            assert_eq!(app.standing, standing, "{lines:?}");
            assert_eq!(
                (app.tally.running, app.tally.wanted),
                (running, wanted),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn replicas_of_several_images_are_drift() {
        let fleet = fleet(&[
            "a/shop/web/web-1 running - 1",
            "b/shop/web/web-2 running - 2",
            "b/shop/db/db running - 3",
        ]);
        assert_eq!(apps(&fleet)[0].drift(), ["web: 2 images"]);
    }
}
