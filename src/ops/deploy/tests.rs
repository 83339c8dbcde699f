//! Deploys on hosts of memory: whole ones, failing ones, and ones that are killed at any moment.

#![expect(clippy::unwrap_used, reason = "tests")]

pub(crate) mod drift;
mod gray;
mod listed;
mod swarm;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Begin, Draft, Move, Place, Task, Trouble, plan, run};
use crate::{
    clients::haproxy::Sample,
    model::{
        Backend, ContainerId, DatabasePlace, Endpoint, Event, Fleet, Health, HostName, HostSpec,
        Image, Listing, Outcome, Publication, Rules, Said, Share, State, Timestamp,
        app::{
            AppName, Condition, Dependency, HostPort, ImageReference, Published, Restart, Service,
            ServiceName, Spec,
        },
        release::{
            BatchSize, Converge, Direction, Found, Front, Held, Lease, Mark, OnFailure, Phase, Pin,
            Policy, Release, ReleaseNumber, Rollout, Scope, Secrets, Target,
        },
    },
    ops::{Plan, Sentence},
    store::Store,
};

/// What a container is on a host of memory.
#[derive(Clone, Debug)]
struct One {
    found: Found,
    port: Option<u16>,
    image: String,
}

/// Hosts of memory. Images with `sick` in their name never get well, those with `dies` end at once.
#[derive(Default)]
struct Hosts {
    all: Mutex<BTreeMap<HostName, Vec<One>>>,
    marks: Mutex<BTreeMap<HostName, String>>,
    /// What was done, in order.
    done: Mutex<Vec<String>>,
    /// After so many acts a host does not answer any more, as after a kill.
    left: AtomicU64,
    ids: AtomicU64,
    /// The fewest containers of `web` that ran at any moment, once all did.
    fewest: Mutex<Option<usize>>,
    edge: Arc<Mutex<gray::Edge>>,
    swarm: Mutex<swarm::Memory>,
    book: Mutex<listed::Book>,
}

fn trouble(why: &str) -> Trouble {
    Trouble {
        why: why.to_owned(),
        passes: false,
    }
}

impl Hosts {
    fn new() -> Self {
        let hosts = Self::default();
        hosts.left.store(u64::MAX, Ordering::SeqCst);
        hosts
    }

    /// Counts an act; one too many never ends, as when its program was killed.
    async fn act(&self, what: String) {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            std::future::pending::<()>().await;
        }
        if left != u64::MAX {
            self.left.store(left - 1, Ordering::SeqCst);
        }
        self.done.lock().unwrap().push(what);
    }

    fn change<T>(
        &self,
        host: &HostName,
        id: &ContainerId,
        change: impl FnOnce(&mut One) -> T,
    ) -> T {
        let mut all = self.all.lock().unwrap();
        let one = all
            .get_mut(host)
            .unwrap()
            .iter_mut()
            .find(|one| one.found.id == *id);
        let changed = change(one.unwrap());
        let running = all.values().flatten().filter(|one| {
            one.found.is_live()
                && one.found.service == "web"
                && one.found.health != Health::Unhealthy
        });
        let running = running.count();
        drop(all);
        let mut fewest = self.fewest.lock().unwrap();
        if let Some(before) = *fewest {
            *fewest = Some(before.min(running));
        }
        changed
    }

    /// The live containers of all hosts: host, service, image.
    fn live(&self) -> Vec<(String, String, String)> {
        let all = self.all.lock().unwrap();
        let mut live: Vec<_> = all
            .iter()
            .flat_map(|(host, all)| all.iter().map(move |one| (host, one)))
            .filter(|(_, one)| one.found.is_live())
            .map(|(host, one)| {
                (
                    host.to_string(),
                    one.found.service.clone(),
                    one.image.clone(),
                )
            })
            .collect();
        live.sort();
        live
    }
}

impl Place for Hosts {
    async fn observe(&self, host: &HostName, _: &Scope) -> Result<Vec<Found>, Trouble> {
        let all = self.all.lock().unwrap();
        let all = all.get(host).into_iter().flatten();
        Ok(all.map(|one| one.found.clone()).collect())
    }

    async fn image(&self, _: &HostName, pin: &Pin) -> Result<Option<String>, Trouble> {
        Ok(Some(pin.image.to_string()))
    }

    async fn pull(
        &self,
        _: &HostName,
        _: &Pin,
        _: Option<&Path>,
        _: &(dyn Fn(Said) + Sync),
    ) -> Result<(), Trouble> {
        Ok(())
    }

    async fn make(
        &self,
        converge: &Converge,
        image: &str,
        port: Option<u16>,
    ) -> Result<(), Trouble> {
        let (release, target) = (&converge.release, &converge.target);
        let name = release.container(target);
        self.act(format!("make {name}")).await;
        let mut all = self.all.lock().unwrap();
        let host = all.entry(target.host.clone()).or_default();
        if host.iter().any(|one| one.found.name == name) {
            return Ok(());
        }
        let service = &release.spec.services[&target.service];
        let fixed = service.ports.first().and_then(|port| match port.host {
            HostPort::Fixed(number) => Some(number),
            HostPort::Any | HostPort::Between(..) => None,
        });
        let id = self.ids.fetch_add(1, Ordering::SeqCst);
        let all: Vec<Found> = host.iter().map(|one| one.found.clone()).collect();
        let joins = release.lender(target, &all).map(|one| one.id.clone());
        assert_eq!(joins.is_some(), release.shares(&target.service).is_some());
        host.push(One {
            port: port.or(fixed),
            image: image.to_owned(),
            found: Found {
                id: ContainerId::new(&format!("{id:064x}")),
                name,
                service: target.service.to_string(),
                replica: target.replica,
                mark: Some(Mark {
                    release: release.number,
                    environment: release.scope.environment.to_string(),
                    print: release.print(&target.service).unwrap(),
                    port,
                }),
                state: State::Created,
                health: Health::None,
                exit: 0,
                oom: false,
                restarts: 0,
                started: None,
                rises: service.restart.is_some(),
                joins,
                ports: vec![Publication {
                    container: 80,
                    host: 30_000 + u16::try_from(id).unwrap(),
                }],
            },
        });
        Ok(())
    }

    async fn start(&self, host: &HostName, one: &Found) -> Result<(), Trouble> {
        self.act(format!("start {}", one.name)).await;
        let taken = {
            let all = self.all.lock().unwrap();
            let all = &all[host];
            let ours = all
                .iter()
                .find(|other| other.found.id == one.id)
                .unwrap()
                .port;
            all.iter().any(|other| {
                other.found.is_live()
                    && other.found.id != one.id
                    && other.port.is_some()
                    && other.port == ours
            })
        };
        if taken {
            return Err(trouble("port is already allocated"));
        }
        self.change(host, &one.id, |one| {
            one.found.started = Some(Timestamp::now());
            one.found.health = Health::Healthy;
            one.found.state = State::Running;
            if one.image.contains("sick") {
                one.found.health = Health::Unhealthy;
            }
            if one.image.contains("dies") {
                (one.found.state, one.found.exit) = (State::Exited, 3);
            }
            if one.image.contains("job") {
                (one.found.state, one.found.exit) = (State::Exited, 0);
            }
        });
        Ok(())
    }

    async fn stop(&self, host: &HostName, one: &Found) -> Result<(), Trouble> {
        self.act(format!("stop {}", one.name)).await;
        let well = one.health != Health::Unhealthy;
        self.book.lock().unwrap().stops(one);
        self.edge.lock().unwrap().stops(gray::at(host, one), well);
        self.change(host, &one.id, |one| one.found.state = State::Exited);
        Ok(())
    }

    async fn remove(&self, host: &HostName, one: &Found) -> Result<(), Trouble> {
        self.act(format!("remove {}", one.name)).await;
        let mut all = self.all.lock().unwrap();
        all.get_mut(host)
            .unwrap()
            .retain(|other| other.found.id != one.id);
        Ok(())
    }

    async fn set_restart(
        &self,
        host: &HostName,
        one: &Found,
        restart: Option<Restart>,
    ) -> Result<(), Trouble> {
        self.act(format!("restart policy {}", one.name)).await;
        self.change(host, &one.id, |one| one.found.rises = restart.is_some());
        Ok(())
    }

    async fn last_words(&self, _: &HostName, _: &ContainerId) -> Vec<String> {
        vec!["no database".to_owned()]
    }

    async fn log(
        &self,
        host: &HostName,
        id: &ContainerId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, String)>, Trouble> {
        let all = self.all.lock().unwrap();
        let one = all[host].iter().find(|one| one.found.id == *id).unwrap();
        let at = one.found.started.unwrap_or(since);
        let mut lines = vec![(at, "starting".to_owned())];
        if !one.image.contains("mute") {
            lines.push((at, "listening on :80".to_owned()));
        }
        if one.image.contains("panics") {
            lines.push((at, "PANIC: no database".to_owned()));
        }
        Ok(lines)
    }

    async fn mark(&self, host: &HostName, lease: &Lease, _: &str) -> Result<(), Trouble> {
        let mut marks = self.marks.lock().unwrap();
        let ours = lease.number.to_string();
        let there = marks.entry(host.clone()).or_insert_with(|| ours.clone());
        if *there == ours {
            Ok(())
        } else {
            Err(trouble("it is marked"))
        }
    }

    async fn unmark(&self, host: &HostName, _: &Scope) -> Result<(), Trouble> {
        self.marks.lock().unwrap().remove(host);
        Ok(())
    }

    fn is_listed(&self, _: &Scope) -> bool {
        self.book.lock().unwrap().open
    }

    async fn address(&self, _: &HostName) -> Result<std::net::IpAddr, Trouble> {
        Ok([10, 0, 0, 1].into())
    }

    async fn publish(&self, listing: &Listing, leaving: bool) -> Result<Vec<String>, Trouble> {
        self.act(format!("publish {leaving}")).await;
        self.book.lock().unwrap().publish(listing)
    }

    async fn backends(&self, _: &Front) -> Result<Vec<Backend>, Trouble> {
        let all = self.all.lock().unwrap();
        let all = all
            .iter()
            .flat_map(|(host, all)| all.iter().map(move |one| (host, &one.found)));
        let live: Vec<_> = all
            .filter(|(_, one)| one.is_live())
            .filter_map(|(host, one)| Some((gray::at(host, one)?, one.health != Health::Unhealthy)))
            .collect();
        let mut edge = self.edge.lock().unwrap();
        edge.look(&live);
        Ok(edge.backends.clone())
    }

    async fn balance(&self, _: &Front, what: &Move) -> Result<(), Trouble> {
        self.act(format!("{what:?}")).await;
        self.edge.lock().unwrap().act(what);
        Ok(())
    }

    async fn share(&self, _: &Front) -> Result<Share, Trouble> {
        Ok(self.edge.lock().unwrap().share)
    }

    fn watch(
        &self,
        _: &Front,
        _: Duration,
        _: Rules,
    ) -> BoxStream<'static, Result<Sample, Trouble>> {
        let edge = Arc::clone(&self.edge);
        stream::unfold(edge, |edge| async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let sample = edge.lock().unwrap().sample();
            Some((Ok(sample), edge))
        })
        .boxed()
    }

    fn pace(&self) -> Duration {
        Duration::from_millis(1)
    }
}

fn scope() -> Scope {
    Scope {
        app: AppName::new("shop").unwrap(),
        environment: "dev".into(),
    }
}

/// A release of one service on one host.
pub(super) fn small() -> Release {
    (*release(1, &["a"], &[("web", "web:1")], None)).clone()
}

/// A release with `web` on these hosts and whatever else is named, each with its image.
pub(crate) fn release(
    number: u32,
    hosts: &[&str],
    services: &[(&str, &str)],
    port: Option<u16>,
) -> Arc<Release> {
    let mut spec = Spec::new(scope().app);
    let mut pins = BTreeMap::new();
    let mut targets = Vec::new();
    for (name, image) in services {
        let name = ServiceName::new(name).unwrap();
        let image = ImageReference::new(image).unwrap();
        let mut service = Service {
            image: Some(image.clone()),
            restart: Some(Restart::UnlessStopped),
            ..Service::default()
        };
        if name.as_str() == "web" {
            service.ports.extend(port.map(|port| Published {
                container: 80,
                protocol: crate::model::app::Protocol::Tcp,
                host: HostPort::Fixed(port),
                address: None,
                mode: crate::model::app::PortMode::Ingress,
                name: None,
                app_protocol: None,
            }));
            if services.iter().any(|(name, _)| *name == "init") {
                let need = Dependency {
                    condition: Condition::Completed,
                    restart: false,
                    optional: false,
                };
                service
                    .depends_on
                    .insert(ServiceName::new("init").unwrap(), need);
            }
        }
        if name.as_str() == "init" {
            service.restart = None;
        }
        spec.services.insert(name.clone(), service);
        pins.insert(
            name.clone(),
            Pin {
                image: image.clone(),
                digest: None,
                id: Some(format!("sha256:{image}")),
            },
        );
        targets.extend(hosts.iter().map(|host| Target {
            service: name.clone(),
            replica: 1,
            host: HostName::new(host),
        }));
    }
    Arc::new(Release {
        scope: scope(),
        number: ReleaseNumber(number),
        spec,
        pins,
        targets,
        at: Timestamp::UNIX_EPOCH,
        by: "ann@ops".to_owned(),
        source: "a test".to_owned(),
        reason: None,
        stack: None,
        fronts: BTreeMap::new(),
    })
}

fn rollout(release: &Arc<Release>, previous: Option<&Arc<Release>>) -> Rollout {
    Rollout {
        release: Arc::clone(release),
        previous: previous.map(Arc::clone),
        policy: Policy {
            batches: vec![BatchSize::Count(1), BatchSize::Percent(100)],
            bake: Duration::from_millis(3),
            settle: Duration::from_millis(1),
            deadline: Some(Duration::from_millis(200)),
            ..Policy::default()
        },
        adopt: false,
        generate: Vec::new(),
        bundle: None,
        seen: BTreeMap::new(),
        trials: BTreeMap::new(),
    }
}

/// A store of its own.
struct Ground {
    _home: TempDir,
    store: Store,
}

async fn ground() -> Ground {
    let home = tempfile::tempdir().unwrap();
    let place = crate::model::Place {
        database: DatabasePlace::File(home.path().join("db")),
        spill: home.path().join("spill"),
    };
    let store = Store::open(&place).await.unwrap();
    Ground { _home: home, store }
}

async fn deploy(hosts: &Hosts, store: &Store, rollout: &Rollout) -> Outcome {
    let begin = Begin::New(Box::new(rollout.clone()));
    run(
        &begin,
        hosts,
        &Secrets::default(),
        store,
        "ann@ops",
        &CancellationToken::new(),
        &|_| (),
    )
    .await
}

async fn phase(store: &Store) -> (Phase, String) {
    let held = store.deploys(false, 1).await.unwrap().remove(0);
    (held.phase, held.detail)
}

fn webs(hosts: &[&str], image: &str) -> Vec<(String, String, String)> {
    hosts
        .iter()
        .map(|host| (host.to_string(), "web".to_owned(), image.to_owned()))
        .collect()
}

pub(super) const THREE: [&str; 3] = ["a", "b", "c"];

#[tokio::test]
async fn a_release_replaces_the_one_before_and_nothing_else_is_touched() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = release(1, &THREE, &[("web", "web:1"), ("db", "db:1")], None);
    assert!(matches!(
        deploy(&hosts, &ground.store, &rollout(&one, None)).await,
        Outcome::Done { .. }
    ));
    *hosts.fewest.lock().unwrap() = Some(3);
    let two = release(2, &THREE, &[("web", "web:2"), ("db", "db:1")], None);
    let before = hosts.done.lock().unwrap().len();
    let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    let live = hosts.live();
    let of = |service: &str| {
        live.iter()
            .filter(|one| one.1 == service)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(of("web"), webs(&THREE, "web:2"));
    assert_eq!(of("db").len(), 3);
    // The new one runs before the old one stops.
    assert_eq!(*hosts.fewest.lock().unwrap(), Some(3));
    let done = hosts.done.lock().unwrap().clone();
    assert!(
        !done[before..].iter().any(|act| act.contains(".db.")),
        "{done:?}"
    );
    assert_eq!(phase(&ground.store).await.0, Phase::Succeeded);
    assert!(hosts.marks.lock().unwrap().is_empty());
    // What was replaced does not rise by itself.
    let all = hosts.all.lock().unwrap();
    assert!(
        all.values()
            .flatten()
            .all(|one| one.found.is_live() || !one.found.rises)
    );
}

#[tokio::test]
async fn with_one_port_the_old_one_stops_first() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = release(1, &THREE, &[("web", "web:1")], Some(80));
    deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    *hosts.fewest.lock().unwrap() = Some(3);
    let two = release(2, &THREE, &[("web", "web:2")], Some(80));
    let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    assert_eq!(hosts.live(), webs(&THREE, "web:2"));
    // At most one batch stands still.
    let fewest = hosts.fewest.lock().unwrap().unwrap();
    assert!((1..3).contains(&fewest), "{fewest}");
}

#[tokio::test]
async fn what_does_not_get_well_goes_back_and_its_last_words_are_told() {
    for (image, why) in [
        ("web:sick", "its health check fails"),
        ("web:dies", "exit code 3"),
    ] {
        for port in [None, Some(80)] {
            let (hosts, ground) = (Hosts::new(), ground().await);
            let one = release(1, &THREE, &[("web", "web:1")], port);
            deploy(&hosts, &ground.store, &rollout(&one, None)).await;
            let two = release(2, &THREE, &[("web", image)], port);
            let before = hosts.done.lock().unwrap().len();
            let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
            let told = outcome.to_string();
            for part in [why, "no database", "everything is back at r000001"] {
                assert!(told.contains(part), "{part}: {told}");
            }
            assert_eq!(hosts.live(), webs(&THREE, "web:1"));
            assert_eq!(phase(&ground.store).await.0, Phase::RolledBack);
            // The other hosts were not touched.
            let done = hosts.done.lock().unwrap().clone();
            let made = done[before..].iter().filter(|act| act.starts_with("make"));
            assert_eq!(made.count(), 1, "{done:?}");
        }
    }
}

#[tokio::test]
async fn a_first_release_that_fails_leaves_nothing_running() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = release(1, &THREE, &[("db", "db:1"), ("web", "web:sick")], None);
    let outcome = deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    assert!(outcome.to_string().contains("back at nothing"), "{outcome}");
    assert_eq!(hosts.live(), []);
}

#[tokio::test]
async fn jobs_run_to_their_end_before_those_that_wait_for_them() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = release(1, &["a"], &[("init", "init:job"), ("web", "web:1")], None);
    let outcome = deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    let done = hosts.done.lock().unwrap().join("; ");
    let at = |part: &str| done.find(part).unwrap();
    assert!(
        at("start shop.dev.r000001.init.1") < at("make shop.dev.r000001.web.1"),
        "{done}"
    );
}

#[tokio::test]
async fn nobody_starts_who_waits_for_a_job_that_failed() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = release(1, &["a"], &[("init", "init:dies"), ("web", "web:1")], None);
    let outcome = deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    assert!(outcome.to_string().contains("exit code 3"), "{outcome}");
    assert_eq!(hosts.live(), []);
}

#[tokio::test]
async fn services_and_hosts_that_a_release_does_not_have_are_taken_away() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = release(1, &THREE, &[("web", "web:1"), ("old", "old:1")], None);
    deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    let two = release(2, &["a", "b"], &[("web", "web:1")], None);
    let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    assert_eq!(hosts.live(), webs(&["a", "b"], "web:1"));
}

#[tokio::test]
async fn only_so_many_releases_keep_their_containers() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let mut previous = None;
    for number in 1..=6 {
        let next = release(number, &["a"], &[("web", &format!("web:{number}"))], None);
        deploy(&hosts, &ground.store, &rollout(&next, previous.as_ref())).await;
        previous = Some(next);
    }
    let all = hosts.all.lock().unwrap();
    let mut images: Vec<&str> = all
        .values()
        .flatten()
        .map(|one| one.image.as_str())
        .collect();
    images.sort_unstable();
    assert_eq!(images, ["web:4", "web:5", "web:6"]);
}

#[tokio::test]
async fn somebody_elses_container_is_left_alone_or_adopted() {
    for adopt in [false, true] {
        let (hosts, ground) = (Hosts::new(), ground().await);
        let one = release(1, &["a"], &[("web", "web:1")], Some(80));
        let foreign = Found {
            id: ContainerId::new(&"f".repeat(64)),
            name: "shop-web-1".to_owned(),
            service: "web".to_owned(),
            replica: 1,
            mark: None,
            state: State::Running,
            health: Health::None,
            exit: 0,
            oom: false,
            restarts: 4,
            started: None,
            rises: true,
            joins: None,
            ports: Vec::new(),
        };
        let one_there = One {
            found: foreign,
            port: Some(80),
            image: "web:0".to_owned(),
        };
        hosts
            .all
            .lock()
            .unwrap()
            .insert(HostName::new("a"), vec![one_there]);
        let rollout = Rollout {
            adopt,
            ..rollout(&one, None)
        };
        let outcome = deploy(&hosts, &ground.store, &rollout).await;
        if adopt {
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
            assert_eq!(hosts.live(), webs(&["a"], "web:1"));
        } else {
            assert!(outcome.to_string().contains("--adopt"), "{outcome}");
            assert_eq!(hosts.live(), webs(&["a"], "web:0"));
        }
    }
}

/// Kills a deploy after every number of acts, and has it gone on with by another program: it ends as if nothing had
/// happened, and no second release can begin meanwhile.
#[tokio::test]
async fn a_deploy_that_was_killed_at_any_moment_is_gone_on_with() {
    for port in [None, Some(80)] {
        for kill in 0..40 {
            let (hosts, ground) = (Hosts::new(), ground().await);
            let one = release(1, &THREE, &[("web", "web:1")], port);
            deploy(&hosts, &ground.store, &rollout(&one, None)).await;
            let two = rollout(&release(2, &THREE, &[("web", "web:2")], port), Some(&one));
            hosts.left.store(kill, Ordering::SeqCst);
            let killed = timeout(
                Duration::from_millis(150),
                deploy(&hosts, &ground.store, &two),
            )
            .await;
            hosts.left.store(u64::MAX, Ordering::SeqCst);
            if killed.is_ok() {
                assert!(kill > 10, "{kill}");
                assert_eq!(hosts.live(), webs(&THREE, "web:2"));
                break;
            }
            let three = rollout(&release(3, &THREE, &[("web", "web:3")], port), Some(&one));
            let outcome = deploy(&hosts, &ground.store, &three).await;
            assert!(outcome.to_string().contains("deploys r000002"), "{outcome}");
            // Its program is gone: of another machine it is known when its lease has run out.
            expire(&ground).await;
            let begin = Begin::Again {
                rollout: Box::new(two),
                direction: if kill % 3 == 2 {
                    Direction::Back
                } else {
                    Direction::Forth
                },
            };
            let cancel = CancellationToken::new();
            let outcome = run(
                &begin,
                &hosts,
                &Secrets::default(),
                &ground.store,
                "bob@ops",
                &cancel,
                &|_| (),
            )
            .await;
            if kill % 3 == 2 {
                assert!(
                    outcome.to_string().contains("back at r000001"),
                    "{kill}: {outcome}"
                );
                assert_eq!(hosts.live(), webs(&THREE, "web:1"), "{kill}");
            } else {
                assert!(matches!(outcome, Outcome::Done { .. }), "{kill}: {outcome}");
                assert_eq!(hosts.live(), webs(&THREE, "web:2"), "{kill}");
            }
            assert!(hosts.marks.lock().unwrap().is_empty());
        }
    }
}

/// Lets the lease of the open deploy run out.
async fn expire(ground: &Ground) {
    let held = ground.store.deploys(true, 1).await.unwrap().remove(0);
    let lease = Lease {
        scope: held.scope,
        number: held.number,
        token: 1,
    };
    assert!(
        ground
            .store
            .end_deploy(&lease, Phase::Rolling, "left")
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_pause_stands_still_and_an_abort_goes_back() {
    use crate::model::release::Wish;
    let (hosts, ground) = (Arc::new(Hosts::new()), ground().await);
    let one = release(1, &THREE, &[("web", "web:1")], None);
    deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    let two = Rollout {
        policy: Policy {
            wait: Duration::from_mins(5),
            ..rollout(&one, None).policy
        },
        ..rollout(&release(2, &THREE, &[("web", "web:2")], None), Some(&one))
    };
    let running = {
        let (hosts, store, two) = (Arc::clone(&hosts), ground.store.clone(), two.clone());
        tokio::spawn(async move { deploy(&hosts, &store, &two).await })
    };
    // The first batch is there, and it waits.
    while !hosts.live().iter().any(|one| one.2 == "web:2") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ground
        .store
        .wish_deploy(&scope(), Wish::Pause)
        .await
        .unwrap()
        .unwrap();
    let outcome = timeout(Duration::from_secs(20), running)
        .await
        .unwrap()
        .unwrap();
    assert!(
        outcome.to_string().contains("`app continue` goes on"),
        "{outcome}"
    );
    assert_eq!(phase(&ground.store).await.0, Phase::Paused);
    let begin = Begin::Again {
        rollout: Box::new(two),
        direction: Direction::Back,
    };
    let cancel = CancellationToken::new();
    run(
        &begin,
        &*hosts,
        &Secrets::default(),
        &ground.store,
        "bob@ops",
        &cancel,
        &|_| (),
    )
    .await;
    assert_eq!(hosts.live(), webs(&THREE, "web:1"));
    assert_eq!(phase(&ground.store).await.0, Phase::RolledBack);
}

#[tokio::test]
async fn where_it_is_to_pause_a_later_failure_waits_for_somebody() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = release(1, &THREE, &[("db", "db:1"), ("web", "web:1")], None);
    deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    let two = release(2, &THREE, &[("db", "db:2"), ("web", "web:sick")], None);
    let mut rollout = rollout(&two, Some(&one));
    rollout.policy.on_failure = OnFailure::Pause;
    let outcome = deploy(&hosts, &ground.store, &rollout).await;
    assert!(
        outcome.to_string().contains("`app abort` goes back"),
        "{outcome}"
    );
    assert_eq!(phase(&ground.store).await.0, Phase::Paused);
    // The old one that worked was left alone.
    let live = hosts.live();
    assert_eq!(
        live.iter().filter(|one| one.2 == "web:1").count(),
        3,
        "{live:?}"
    );
}

#[tokio::test]
async fn a_host_that_another_store_marked_is_not_touched() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    hosts
        .marks
        .lock()
        .unwrap()
        .insert(HostName::new("b"), "r000007".to_owned());
    let one = release(1, &THREE, &[("web", "web:1")], None);
    let outcome = deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    assert!(
        outcome
            .to_string()
            .contains("nothing was changed: it is marked"),
        "{outcome}"
    );
    assert!(hosts.done.lock().unwrap().is_empty());
}

/// A fleet of three hosts of `dev`, online.
pub(super) fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    let specs = THREE.map(|name| {
        let endpoint = Endpoint::Unix("/run/docker.sock".into());
        let mut spec = HostSpec::new(name, endpoint, "a test");
        spec.environment = Some("dev".into());
        spec
    });
    fleet.apply(Event::Hosts(specs.to_vec()));
    fleet
}

fn image(id: &str, tag: &str, digest: Option<&str>) -> Image {
    let digest = digest.map(|digest| format!("web@sha256:{}", digest.repeat(64)));
    Image {
        id: id.into(),
        tags: vec![tag.into()],
        digests: digest.into_iter().map(Into::into).collect(),
        created: Timestamp::UNIX_EPOCH,
        size: 1,
        shared: None,
        used_by: None,
    }
}

/// What a deploy of `release` is planned from, when every host has every image.
pub(super) fn draft(release: &Release, before: Option<&Arc<Release>>) -> Draft {
    let hosts: Vec<HostName> = release.hosts().into_iter().cloned().collect();
    let images = |_: &HostName| -> Vec<Image> {
        let pins = release.pins.values();
        pins.map(|pin| image(pin.id.as_deref().unwrap(), pin.image.as_str(), None))
            .collect()
    };
    let held = |release: &Release| Held {
        scope: release.scope.clone(),
        number: release.number,
        phase: Phase::Succeeded,
        wish: crate::model::release::Wish::Go,
        by: "ann@ops".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        detail: String::new(),
        seconds_left: 0,
    };
    Draft {
        bundle: None,
        plain: Vec::new(),
        targets: None,
        stack: None,
        fronts: BTreeMap::new(),
        scope: scope(),
        spec: release.spec.clone(),
        source: "shop.yaml".to_owned(),
        keeps: None,
        told: Vec::new(),
        generate: Vec::new(),
        unknown: Vec::new(),
        images: hosts
            .iter()
            .map(|host| (host.clone(), images(host)))
            .collect(),
        found: hosts
            .iter()
            .map(|host| (host.clone(), Ok(Vec::new())))
            .collect(),
        hosts,
        releases: before
            .into_iter()
            .map(|one| ((**one).clone(), held(one)))
            .collect(),
        digests: BTreeMap::new(),
        policy: Policy::default(),
        adopt: false,
        at: Timestamp::UNIX_EPOCH,
        by: "ann@ops".to_owned(),
        reason: None,
        requests: Vec::new(),
        suites: Vec::new(),
        resting: Vec::new(),
        emergency: None,
    }
}

/// A plan of a second release of an app with two services, for screens.
pub(crate) fn planned() -> (Sentence, Plan) {
    let one = release(1, &THREE, &[("db", "db:1"), ("web", "web:1")], Some(80));
    let two = release(2, &THREE, &[("db", "db:1"), ("web", "web:2")], Some(80));
    let sentence = Sentence::parse("app deploy shop --file shop.yaml").unwrap();
    let plan = plan(&sentence, &draft(&two, Some(&one)), &fleet()).unwrap();
    (sentence, plan)
}

#[test]
fn a_plan_says_what_changes_how_and_what_speaks_against_it() {
    let (sentence, plan_of_two) = planned();
    let told = plan_of_two.told.join("\n");
    for part in [
        "shop in dev: r000001 → r000002, shop.yaml",
        "web: image web:1 → web:2",
        "web: stop-first (both would publish 80:80)",
        "if it fails everything goes back to r000001",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(plan_of_two.steps.len(), 6);
    assert_eq!(plan_of_two.targets, ["shop@a", "shop@b", "shop@c"]);
    // The same tag, another image.
    let two = release(2, &THREE, &[("web", "web:2")], None);
    let mut other = draft(&two, None);
    let images = other.images.get_mut(&HostName::new("b")).unwrap();
    *images = vec![image("sha256:other", "web:2", None)];
    let why = plan(&sentence, &other, &fleet()).unwrap_err().to_string();
    assert!(
        why.contains("web:2 is not the same image on a and on b"),
        "{why}"
    );
    // It is only on some of them, and from no registry; or from one, by its digest.
    other.images.insert(HostName::new("b"), Vec::new());
    let why = plan(&sentence, &other, &fleet()).unwrap_err().to_string();
    assert!(why.contains("comes from no registry and is not on b; bring it there with `image copy web:2@a --to b`"), "{why}");
    for host in ["a", "c"] {
        other.images.insert(
            HostName::new(host),
            vec![image("sha256:web:2", "web:2", Some("a"))],
        );
    }
    let fetched = plan(&sentence, &other, &fleet()).unwrap();
    let Some(Task::Run(Begin::New(rollout))) = fetched.deploy.as_deref() else {
        panic!("{fetched:?}");
    };
    let pin = rollout.release.pins.values().next().unwrap();
    assert_eq!(pin.pull(), Some(format!("web@sha256:{}", "a".repeat(64))));
    // Everything that speaks against it comes at once.
    let mut wrong = draft(&two, None);
    wrong.unknown = vec!["the secret PASSWORD is not known".to_owned()];
    wrong
        .found
        .insert(HostName::new("c"), Err("it does not answer".to_owned()));
    let why = plan(&sentence, &wrong, &fleet()).unwrap_err().to_string();
    assert!(
        why.contains("PASSWORD") && why.contains("@c: it does not answer"),
        "{why}"
    );
}

#[test]
fn replicas_are_spread_and_stay_where_they_are() {
    let counts = |draft: &Draft| {
        let targets = super::spread::targets(draft, &fleet()).unwrap();
        THREE.map(|host| {
            targets
                .iter()
                .filter(|one| one.host == HostName::new(host))
                .count()
        })
    };
    let with = |draft: &Draft, count: u32| {
        let mut draft = draft.clone();
        for service in draft.spec.services.values_mut() {
            service.deploy.replicas = Some(count);
        }
        draft
    };
    let base = draft(&release(1, &THREE, &[("web", "web:1")], None), None);
    assert_eq!(counts(&base), [1, 1, 1], "nothing said: one on each");
    assert_eq!(counts(&with(&base, 7)), [3, 2, 2]);
    assert_eq!(counts(&with(&base, 0)), [0, 0, 0]);
    // Fewer: those that are there stay.
    let only_c = release(1, &["c"], &[("web", "web:1")], None);
    let mut next = draft(
        &release(2, &THREE, &[("web", "web:1")], None),
        Some(&only_c),
    );
    assert_eq!(counts(&with(&next, 1)), [0, 0, 1]);
    for service in next.spec.services.values_mut() {
        service.deploy.placement.constraints = vec!["node.hostname != c".to_owned()];
    }
    assert_eq!(counts(&with(&next, 2)), [1, 1, 0]);
    for service in next.spec.services.values_mut() {
        service.deploy.placement.constraints = vec!["node.labels.zone == x".to_owned()];
    }
    let refused = super::spread::targets(&next, &fleet()).unwrap_err();
    assert!(refused.why.contains("means nothing on hosts"), "{refused}");
}

#[test]
fn batches_are_dealt_until_nothing_is_left() {
    let policy = Policy::default();
    for (all, sizes) in [
        (0, &[][..]),
        (1, &[1]),
        (3, &[1, 1, 1]),
        (10, &[1, 3, 6]),
        (100, &[1, 25, 74]),
    ] {
        assert_eq!(policy.deal(all), sizes, "{all}");
    }
}

/// A release whose log is listened to.
fn listened(number: u32, image: &str) -> Arc<Release> {
    let mut release = (*release(number, &THREE, &[("web", image)], None)).clone();
    for service in release.spec.services.values_mut() {
        service.gate.ready = Some(r"listening on :\d+".to_owned());
        service.gate.fault = Some("PANIC|FATAL".to_owned());
    }
    Arc::new(release)
}

#[tokio::test]
async fn a_log_has_to_say_one_thing_and_must_not_say_another() {
    let ground = ground().await;
    let hosts = Hosts::new();
    let one = listened(1, "web:1");
    let outcome = deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    let two = listened(2, "web:panics");
    let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
    let told = outcome.detail();
    assert!(
        told.contains("its log says: PANIC: no database") && told.contains("back at r000001"),
        "{told}"
    );
    assert_eq!(hosts.live(), webs(&THREE, "web:1"));
    let three = listened(3, "web:mute");
    let mut slow = rollout(&three, Some(&one));
    slow.policy.deadline = Some(Duration::from_millis(50));
    let outcome = deploy(&hosts, &ground.store, &slow).await;
    let told = outcome.detail();
    assert!(
        told.contains("it still waited for its log to say"),
        "{told}"
    );
    assert_eq!(hosts.live(), webs(&THREE, "web:1"));
}

/// `web` in the network of `vpn`, on these hosts.
fn shared(number: u32, vpn: &str, web: &str) -> Arc<Release> {
    use crate::model::app::NetworkMode;
    let mut one = (*release(number, &["a", "b"], &[("vpn", vpn), ("web", web)], None)).clone();
    let (vpn, web) = ["vpn", "web"]
        .map(|name| ServiceName::new(name).unwrap())
        .into();
    let service = one.spec.services.get_mut(&web).unwrap();
    service.network_mode = Some(NetworkMode::Service(vpn.clone()));
    let need = Dependency {
        condition: Condition::Started,
        restart: true,
        optional: false,
    };
    service.depends_on.insert(vpn, need);
    Arc::new(one)
}

/// Every `web` is in the network of the `vpn` that runs beside it, and began after it.
fn is_joined(hosts: &Hosts) {
    for (host, all) in &*hosts.all.lock().unwrap() {
        let live = |service: &str| {
            let mut found = all.iter().map(|one| &one.found);
            found
                .find(|one| one.is_live() && one.service == service)
                .unwrap()
                .clone()
        };
        let (vpn, web) = (live("vpn"), live("web"));
        assert_eq!(web.joins, Some(vpn.id), "{host}");
        assert!(web.started >= vpn.started, "{host}");
    }
}

#[tokio::test]
async fn who_uses_the_network_of_another_one_is_made_anew_with_it() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = shared(1, "vpn:1", "web:1");
    let outcome = deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    is_joined(&hosts);
    let two = shared(2, "vpn:2", "web:1");
    let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    is_joined(&hosts);
    let made = hosts.done.lock().unwrap().join("; ");
    assert!(made.contains("make shop.dev.r000002.web.1"), "{made}");
    // What goes back, goes back with it: whatever of both does not get well.
    for (number, vpn, web) in [
        (3, "vpn:3", "web:sick"),
        (4, "vpn:sick", "web:1"),
        (5, "vpn:3", "web:dies"),
    ] {
        let three = shared(number, vpn, web);
        let outcome = deploy(&hosts, &ground.store, &rollout(&three, Some(&two))).await;
        assert!(
            outcome
                .to_string()
                .contains("everything is back at r000002"),
            "{vpn} {web}: {outcome}"
        );
        is_joined(&hosts);
        assert_eq!(
            hosts.live(),
            [
                ("a", "vpn", "vpn:2"),
                ("a", "web", "web:1"),
                ("b", "vpn", "vpn:2"),
                ("b", "web", "web:1")
            ]
            .map(|(host, service, image)| (
                host.to_owned(),
                service.to_owned(),
                image.to_owned()
            ))
        );
    }
}
