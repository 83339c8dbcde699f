//! Many hosts: they come and go, the dead do not delay the living, and nothing is left at the end.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::UnixListener;
use tokio::sync::mpsc;
use wharf::engine::{Engines, ErrorKind, Settings, Signal};
use wharf::model::{
    Action, ContainerId, Event, Feed, Fleet, HostName, HostSpec, Link, Step, Subject,
};
use wharf::sim;

use crate::desk::Desk;

async fn simulated(directory: &Path, hosts: usize) -> (sim::Fleet, Vec<HostSpec>) {
    let spec = sim::Spec {
        hosts,
        containers: 5,
        ..sim::Spec::default()
    };
    let fleet = sim::serve(directory, spec).await.unwrap();
    let specs = fleet
        .hosts()
        .iter()
        .map(|host| at(&host.name, &host.socket))
        .collect();
    (fleet, specs)
}

fn at(name: &str, socket: &Path) -> HostSpec {
    HostSpec::new(
        name,
        format!("unix://{}", socket.display()).parse().unwrap(),
        "test",
    )
}

fn listed(fleet: &Fleet) -> usize {
    fleet.hosts().iter().filter(|host| host.listed).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_come_and_go_and_the_others_are_not_disturbed() {
    let directory = tempfile::tempdir().unwrap();
    let (_sim, specs) = simulated(directory.path(), 3).await;
    let mut desk = Desk::open(specs[..2].to_vec(), Settings::default());
    desk.until("two hosts", |fleet| listed(fleet) == 2).await;

    let mut changed = vec![specs[0].clone(), specs[2].clone()];
    changed[0].environment = Some("prod".into());
    desk.engines.set_hosts(changed);
    desk.until("the third host", |fleet| {
        fleet.host(&specs[2].name).is_some_and(|host| host.listed)
    })
    .await;
    assert!(desk.fleet.host(&specs[1].name).is_none());
    assert_eq!(desk.fleet.hosts()[0].environment(), "prod");
    assert!(
        desk.fleet.hosts()[0].listed,
        "what is known of a host that stays is kept"
    );
    let events = desk.listen(Duration::from_millis(300)).await;
    let links = events
        .iter()
        .any(|event| matches!(event, Event::Link(name, _) if *name == specs[0].name));
    assert!(!links, "{events:?}");
    let step = Step {
        host: specs[1].name.clone(),
        subject: Subject::Container(ContainerId::new("x"), "x".into()),
        action: Action::Start,
    };
    let error = desk.engines.act(&step, &|_| ()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dead_do_not_delay_the_living() {
    let directory = tempfile::tempdir().unwrap();
    let (_sim, living) = simulated(directory.path(), 20).await;
    let mut silent = Vec::new();
    let mut specs = Vec::new();
    for number in 0..80 {
        let path = directory.path().join(format!("silent-{number}"));
        silent.push(UnixListener::bind(&path).unwrap());
        specs.push(at(&format!("silent-{number}"), &path));
    }
    specs.extend(living);
    let mut desk = Desk::open(specs, Settings::default());
    let took = desk
        .until("the living are listed", |fleet| listed(fleet) == 20)
        .await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    desk.until("the dead are given up", |fleet| {
        let offline = |host: &&wharf::model::Host| matches!(host.link, Link::Offline { .. });
        fleet.hosts().iter().filter(offline).count() == 80
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_comes_up_later_appears_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (sim, specs) = simulated(directory.path(), 1).await;
    drop(sim);
    let mut desk = Desk::open(specs, Settings::default());
    desk.until("it is offline, to be tried again", |fleet| {
        fleet.hosts().first().is_some_and(|host| {
            matches!(
                host.link,
                Link::Offline {
                    next_try: Some(_),
                    ..
                }
            )
        })
    })
    .await;
    let (_sim, _) = simulated(directory.path(), 1).await;
    let took = desk.until("it is listed", |fleet| listed(fleet) == 1).await;
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_does_not_wait_for_the_next_try() {
    let settings = || Settings::default();
    let spec = HostSpec::new("far", "tcp://127.0.0.1:1".parse().unwrap(), "test");
    let mut desk = Desk::open(vec![spec.clone()], settings());
    let paused = |fleet: &Fleet| match fleet.hosts().first().map(|host| &host.link) {
        // After a few failures the pauses are long.
        Some(Link::Offline {
            next_try: Some(at), ..
        }) => {
            let now = wharf::model::Timestamp::now();
            at.duration_since(now).as_secs() >= 3
        }
        _ => false,
    };
    desk.until("a long pause", paused).await;
    desk.engines.reconnect(&spec.name);
    let began = Instant::now();
    desk.until("it is tried at once", |fleet| {
        matches!(fleet.hosts()[0].link, Link::Connecting { .. })
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_longer_wanted_ends_and_so_does_everything_with_the_last_handle() {
    let directory = tempfile::tempdir().unwrap();
    let (sim, specs) = simulated(directory.path(), 1).await;
    let host: HostName = specs[0].name.clone();
    let (inbox, mut signals) = mpsc::channel(1024);
    let settings = Settings {
        sampling: Duration::from_hours(1),
        ..Settings::default()
    };
    let engines = Engines::start(settings, inbox);
    let second = engines.clone();
    engines.set_hosts(specs);
    let id = sim
        .engine(host.as_str())
        .unwrap()
        .containers()
        .first()
        .map(|(id, _)| ContainerId::new(id))
        .unwrap();
    engines.want([Feed::Stats(host.clone(), id)].into());
    let usages = |signal: &Signal| matches!(signal, Signal::Event(Event::Usages(..)));
    while !usages(&signals.recv().await.unwrap()) {}
    engines.want([].into());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    while signals.try_recv().is_ok() {}
    tokio::time::sleep(Duration::from_millis(1500)).await;
    while let Ok(signal) = signals.try_recv() {
        assert!(!usages(&signal), "nobody wants {signal:?}");
    }
    drop(engines);
    drop(second);
    let end = tokio::time::timeout(Duration::from_secs(5), async {
        while signals.recv().await.is_some() {}
    });
    assert!(end.await.is_ok(), "all tasks of the engines end");
}
