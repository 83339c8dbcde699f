//! What runs beside what was deployed: replicas of other releases, of nobody's, missing ones, and a deploy on its way.

use std::sync::Arc;

use super::{release, rollout, scope};
use crate::{
    model::{
        Container, ContainerId, Endpoint, Event, Fleet, HostName, HostSpec, Link, Share, State,
        Timestamp,
        app::ServiceName,
        release::{Deploys, Gray, Held, History, Open, Phase, Release, ReleaseNumber, Wish},
    },
    ops::{
        app::{App, apps},
        deploy::{Coming, Deployed, Drift, progress, share, standing},
    },
};

/// The time of the fleet, in seconds.
const NOW: i64 = 1_790_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW - seconds).unwrap()
}

fn held(release: &Release, phase: Phase, detail: &str) -> Held {
    Held {
        scope: scope(),
        number: release.number,
        phase,
        wish: Wish::Go,
        by: "ann@ops-1".to_owned(),
        since: at(180),
        detail: detail.to_owned(),
        seconds_left: 20,
    }
}

/// Its releases: `api:1` is in all but the first, `web` is another one each time.
fn releases() -> [Arc<Release>; 3] {
    let hosts = &["a", "b", "c"];
    let of = |number: u32, services: &[(&str, &str)]| {
        let one = release(number, hosts, services, None);
        Arc::new(Release {
            at: at(i64::from(4 - number) * 90_000),
            source: "shop.yaml".to_owned(),
            ..(*one).clone()
        })
    };
    [
        of(1, &[("api", "api:0"), ("web", "web:1")]),
        of(2, &[("api", "api:1"), ("web", "web:2")]),
        of(3, &[("api", "api:1"), ("web", "web:3")]),
    ]
}

/// A container of a service, as it was made for a release; of nobody's without one.
fn container(service: &str, host: &str, of: Option<&Release>, state: State) -> Container {
    let number = of.map_or(0, |one| one.number.0);
    let id = ContainerId::new(&format!("{service}{host}{number}"));
    let name = format!("{service}-{number}");
    let mut one = Container::new(id, &name, state, at(9_000));
    one.app = Some(Arc::from("shop"));
    one.service = Some(Arc::from(service));
    one.release = of.map(|one| one.number);
    one.print = of.and_then(|one| one.print(&ServiceName::new(service).unwrap()));
    one.since = Some(at(7_200));
    one.image = Arc::from(format!("{service}:{number}"));
    one
}

/// Three hosts on which `r000002` is everywhere but for this: `api` of `b` is an old one, that of `c` does not run, and
/// somebody made a `web` on `c`.
pub(crate) fn drifting() -> Fleet {
    let [one, two, _] = releases();
    let mut fleet = Fleet::new();
    fleet.apply(Event::Tick(at(0)));
    let host = |name: &str| HostSpec {
        environment: Some(scope().environment),
        ..HostSpec::new(name, Endpoint::Unix("/x".into()), "test")
    };
    fleet.apply(Event::Hosts(["a", "b", "c"].map(host).to_vec()));
    let all = [
        ("a", vec![("api", Some(&two)), ("web", Some(&two))]),
        ("b", vec![("api", Some(&one)), ("web", Some(&two))]),
        ("c", vec![("web", Some(&two)), ("web", None)]),
    ];
    for (name, services) in all {
        let made = services
            .iter()
            .map(|(service, of)| container(service, name, of.map(|one| &**one), State::Running));
        fleet.apply(Event::Link(name.into(), Link::Online { since: at(9_000) }));
        fleet.apply(Event::Containers(HostName::new(name), made.collect()));
    }
    let past = [
        (two, Phase::Succeeded, ""),
        (
            one,
            Phase::RolledBack,
            "web.1@b: its health check says it is sick",
        ),
    ];
    let releases: Vec<(Arc<Release>, Held)> = past
        .into_iter()
        .map(|(release, phase, detail)| {
            let held = held(&release, phase, detail);
            (release, held)
        })
        .collect();
    fleet.apply(Event::Deploys(Box::new(Deploys {
        current: [(scope(), releases[0].0.clone())].into(),
        history: Some(History {
            scope: scope(),
            releases,
        }),
        ..Deploys::default()
    })));
    fleet
}

/// The same while `r000003` is brought to it, and is at `a` already.
pub(crate) fn rolling(phase: Phase, detail: &str, wish: Wish) -> Fleet {
    let mut fleet = drifting();
    let [one, two, three] = releases();
    let mut rollout = rollout(&three, Some(&two));
    rollout.policy.gray = Some(Gray {
        steps: [5, 25, 50].into_iter().filter_map(Share::new).collect(),
        every: std::time::Duration::from_mins(10),
        requests: 200,
    });
    let held = Held {
        wish,
        ..held(&three, phase, detail)
    };
    let mut deploys = fleet.deploys.clone();
    let history = deploys.history.as_mut().unwrap();
    history.releases.insert(0, (three.clone(), held.clone()));
    // One that came everywhere, to which one can go back.
    history.releases[2].1.phase = Phase::Succeeded;
    assert_eq!(history.releases[2].0.number, one.number);
    let rollout = Arc::new(rollout);
    deploys.open = [(scope(), Open { held, rollout })].into();
    fleet.apply(Event::Deploys(Box::new(deploys)));
    let new = container("web", "a", Some(&three), State::Running);
    fleet.apply(Event::Container("a".into(), Box::new(new)));
    fleet
}

fn app(fleet: &Fleet) -> App {
    apps(fleet).into_iter().next().unwrap()
}

fn told(deployed: &Deployed) -> Vec<String> {
    deployed.drift.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_not_as_the_release_has_it_is_told_replica_by_replica() {
    let mut fleet = drifting();
    let deployed = app(&fleet).deployed.unwrap();
    assert_eq!(deployed.release, Some(ReleaseNumber(2)));
    assert_eq!(
        told(&deployed),
        [
            "api@c: 1 of 1 do not run",
            "api-1@b: is of r000001",
            "web-0@c: Wharf did not make it",
        ]
    );
    assert_eq!(app(&fleet).drift_in_short(), "3 differ");
    // Of a host that is not heard of nothing is known.
    let offline = Link::Connecting { since: at(1) };
    fleet.apply(Event::Link("c".into(), offline));
    assert_eq!(told(&app(&fleet).deployed.unwrap()).len(), 1);
    // One more than the release has.
    let [_, two, _] = releases();
    let mut more = container("web", "a", Some(&two), State::Running);
    more.id = ContainerId::new("more");
    fleet.apply(Event::Container("a".into(), Box::new(more)));
    let extra = Drift::Extra {
        service: "web".into(),
        host: "a".into(),
        more: 1,
    };
    assert!(app(&fleet).deployed.unwrap().drift.contains(&extra));
}

#[test]
fn a_deploy_on_its_way_is_no_drift_and_is_counted_by_what_runs() {
    let fleet = rolling(Phase::Rolling, "web batch 2 (3 of 4)", Wish::Go);
    let deployed = app(&fleet).deployed.unwrap();
    let coming = Coming {
        release: ReleaseNumber(3),
        state: "rolling",
    };
    assert_eq!(deployed.open, Some(coming));
    assert_eq!(
        told(&deployed),
        ["api-1@b: is of r000001", "web-0@c: Wharf did not make it"]
    );
    let open = &fleet.deploys.open[&scope()];
    let far = progress(open, &fleet);
    // `api` of `a` needs nothing; `web` is new at `a` alone.
    assert_eq!((far.done, far.all), (2, 6));
    assert_eq!((far.hosts_done, far.hosts), (1, 3));
    let stages: Vec<(String, usize, usize, usize)> = far
        .stages
        .iter()
        .map(|(stage, done)| {
            let service = stage.service.to_string();
            (service, stage.batch, *done, stage.targets.len())
        })
        .collect();
    let of = |service: &str, batch, done, all| (service.to_owned(), batch, done, all);
    assert_eq!(
        stages,
        [
            of("api", 1, 1, 1),
            of("api", 2, 0, 2),
            of("web", 1, 1, 1),
            of("web", 2, 0, 2),
        ]
    );
    // On its way back what counts is the release before.
    let fleet = rolling(Phase::RollingBack, "", Wish::Go);
    let back = progress(&fleet.deploys.open[&scope()], &fleet);
    assert_eq!((back.done, back.all), (4, 6));
}

#[test]
fn the_share_of_a_gray_release_is_read_from_what_its_worker_tells() {
    for (detail, wanted) in [
        ("web for 5% of the requests: 1 of 3 replicas", Share::new(5)),
        (
            "web at 25% for 4m10s more: 812 requests, 0 failed, 12 ms; beside 2430 requests, 0 failed, 11 ms: success",
            Share::new(25),
        ),
        ("at 50% of the requests: errors", Share::new(50)),
        ("web batch 1 (1 of 4)", None),
    ] {
        let fleet = rolling(Phase::Rolling, detail, Wish::Go);
        assert_eq!(share(&fleet.deploys.open[&scope()]), wanted, "{detail}");
    }
}

#[test]
fn whoever_is_gone_has_left_the_deploy() {
    let fleet = rolling(Phase::Rolling, "", Wish::Go);
    let mut open = fleet.deploys.open[&scope()].clone();
    assert_eq!(standing(&open), "rolling");
    open.held.seconds_left = 0;
    assert_eq!(standing(&open), "left");
    open.held.phase = Phase::Paused;
    assert_eq!(standing(&open), "paused");
}

#[test]
fn an_app_that_has_no_container_any_more_is_told_with_what_is_missing() {
    let mut fleet = drifting();
    for name in ["a", "b", "c"] {
        fleet.apply(Event::Containers(HostName::new(name), Vec::new()));
    }
    let app = app(&fleet);
    assert_eq!(app.tally.wanted, 0);
    assert_eq!(app.deployed.unwrap().drift.len(), 6);
}
