//! Tests of sentences, targets, plans, filters, columns and completion on a small fleet.

#![expect(clippy::unwrap_used, reason = "tests")]

mod balancers;
mod builds;
mod columns;
mod completing;
mod discovery;
mod filtering;
mod jenkins;
mod networks;
mod permitting;
mod planning;
mod refusing;
mod resources;
mod round_trip;
mod speaking;
mod swarms;
mod targeting;
mod volumes;

use std::sync::Arc;

use crate::{
    model::{
        Attachment, Container, ContainerId, DiskUsage, Endpoint, EngineInfo, Event, Fleet, Health,
        HostName, HostSpec, Image, Link, Network, Operation, Origin, Outcome, Port, State,
        Timestamp, Trouble, TroubleKind, Usage, Volume,
    },
    ops::{Plan, Refusal, Sentence, Target},
};

/// The time in the fleet.
const NOW: i64 = 1_700_000_000;

/// Hosts: `ams-1` and `ams-2` (prod, by ssh), `fra-1` (stage, a socket), `dev-1` (dev, TCP),
/// `off-1` (stage, offline), `ro-1` (dev, read-only). Containers: see the table.
fn fleet() -> Fleet {
    let hosts = [
        ("ams-1", "ssh://ops@ams-1", "prod", &["edge", "europe"][..]),
        ("ams-2", "ssh://ams-2:2222", "prod", &["europe"]),
        ("fra-1", "unix:///run/docker.sock", "stage", &["edge"]),
        ("dev-1", "tcp://10.0.0.9:2375", "dev", &[]),
        ("off-1", "ssh://off-1", "stage", &[]),
        ("ro-1", "https://10.0.0.8:2376", "dev", &[]),
    ];
    let mut fleet = Fleet::new();
    fleet.balancers = Arc::from([balancers::edge()]);
    fleet.jenkins = Arc::from([jenkins::ci()]);
    fleet.discoveries = Arc::from([discovery::lists()]);
    fleet.apply(Event::Tick(at(0)));
    fleet.apply(Event::Hosts(
        hosts
            .iter()
            .map(|(name, endpoint, environment, groups)| HostSpec {
                environment: Some(Arc::from(*environment)),
                groups: groups.iter().map(|group| Arc::from(*group)).collect(),
                read_only: *name == "ro-1",
                ..HostSpec::new(name, endpoint.parse().unwrap(), "wharf.toml")
            })
            .collect(),
    ));
    for (name, ..) in hosts.iter().filter(|(name, ..)| *name != "off-1") {
        let name = HostName::new(name);
        fleet.apply(Event::Link(name.clone(), Link::Online { since: at(60) }));
        fleet.apply(Event::Heard(name.clone(), at(0), Some(1.5)));
        let engine = EngineInfo {
            version: "28.1.0".into(),
            api: "1.44".into(),
            ..EngineInfo::default()
        };
        fleet.apply(Event::Engine(name, Box::new(engine)));
    }
    fleet.apply(Event::Link(HostName::new("off-1"), offline()));
    for (host, list) in containers() {
        fleet.apply(Event::Containers(HostName::new(host), list));
    }
    stock(&mut fleet);
    swarms::form(&mut fleet);
    fleet
}

/// Images, networks and volumes of the hosts that are online.
fn stock(fleet: &mut Fleet) {
    let image = |letter: &str, tags: &[&str]| Image {
        id: Arc::from(format!("sha256:{}", letter.repeat(64))),
        tags: tags.iter().map(|tag| Arc::from(*tag)).collect(),
        ..Image::default()
    };
    let network = |id: &str, name: &str| Network {
        id: Arc::from(id),
        name: Arc::from(name),
        driver: Arc::from("bridge"),
        app: (name == "back").then(|| Arc::from("shop")),
        ..Network::default()
    };
    let volume = |name: &str| Volume {
        name: Arc::from(name),
        app: name.starts_with("shop").then(|| Arc::from("shop")),
        ..Volume::default()
    };
    for host in ["ams-1", "ams-2", "fra-1"] {
        let name = HostName::new(host);
        let mut images = vec![
            image("a", &["shop:1", "shop:latest"]),
            image("b", &["registry.example.org:5000/pay/api:2.0"]),
        ];
        if host == "fra-1" {
            images.push(image("c", &[]));
        }
        fleet.apply(Event::Images(name.clone(), images));
        let mut networks = vec![network("1111aaaa", "bridge"), network("2222bbbb", "back")];
        if host == "fra-1" {
            networks.push(network("3333cccc", "back"));
        }
        fleet.apply(Event::Networks(name.clone(), networks));
        let volumes = vec![volume("data"), volume("shop_db")];
        fleet.apply(Event::Volumes(name, volumes));
    }
}

/// Seconds before the time in the fleet.
fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW - seconds_ago).unwrap()
}

fn offline() -> Link {
    Link::Offline {
        trouble: Trouble {
            kind: TroubleKind::Unreachable,
            reason: "nothing answers at off-1 port 22".into(),
            remedy: "check that it is up".into(),
            raw: Vec::new(),
        },
        since: at(600),
        next_try: None,
    }
}

fn containers() -> Vec<(&'static str, Vec<Container>)> {
    let shop = |container: Container| Container {
        app: Some("shop".into()),
        ..container
    };
    vec![
        (
            "ams-1",
            vec![
                shop(container("a1", "web-1", State::Running)),
                shop(container("a2", "web-2", State::Running)),
                shop(container("a3", "db", State::Running)),
                container("a4", "old", State::Exited),
                container("a5", "frozen", State::Paused),
            ],
        ),
        (
            "ams-2",
            vec![
                shop(container("b1", "web-10", State::Running)),
                container("b2", "crash", State::Restarting),
                container("b3", "solo", State::Running),
            ],
        ),
        (
            "fra-1",
            vec![
                container("c1", "web-1", State::Running),
                container("c2", "never", State::Created),
                container("c3", "dead", State::Dead),
            ],
        ),
        ("dev-1", vec![container("d1", "web-1", State::Running)]),
        ("ro-1", vec![container("e1", "vault", State::Running)]),
    ]
}

/// A container; its id begins with the given digits.
fn container(id: &str, name: &str, state: State) -> Container {
    let id = ContainerId::new(&format!("{id:0<64}"));
    let exit = (state == State::Exited).then_some(1);
    Container {
        image: "registry.example/shop/app:1.4".into(),
        exit,
        restarts: Some(u64::from(state == State::Restarting) * 7),
        since: Some(at(7200)),
        health: if name == "web-2" {
            Health::Unhealthy
        } else {
            Health::None
        },
        ports: Box::new([Port {
            private: 80,
            public: Some(8080),
            ip: "0.0.0.0".into(),
            protocol: "tcp".into(),
        }]),
        networks: Box::new([Attachment::read(
            "shop_default".into(),
            "".into(),
            "172.18.0.2",
            "",
            "",
        )]),
        usage: state.is_live().then(|| usage(&id)),
        ..Container::new(id, name, state, at(86_400))
    }
}

fn usage(id: &ContainerId) -> Usage {
    let busy = id.as_str().starts_with("a3");
    Usage {
        at: at(1),
        cpu: Some(if busy { 93.0 } else { 2.5 }),
        memory: if busy { 800 << 20 } else { 40 << 20 },
        memory_limit: 1 << 30,
        net_in: 1 << 20,
        net_out: 2 << 20,
        block_in: 0,
        block_out: 0,
        pids: 12,
    }
}

/// A container of the fleet as a target.
fn target(host: &str, id: &str) -> Target {
    Target::Container(HostName::new(host), ContainerId::new(&format!("{id:0<64}")))
}

fn host(name: &str) -> Target {
    Target::Host(HostName::new(name))
}

fn sentence(line: &str) -> Sentence {
    Sentence::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn plan(line: &str) -> Plan {
    sentence(line)
        .plan(&fleet(), &[])
        .unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
}

fn refusal(line: &str) -> Refusal {
    refusal_in(&fleet(), line)
}

fn refusal_in(fleet: &Fleet, line: &str) -> Refusal {
    match sentence(line).plan(fleet, &[]) {
        Ok(plan) => panic!("{line} is not refused: {plan:?}"),
        Err(refusal) => refusal,
    }
}

/// An operation that began a moment ago on a target and has not ended.
fn running(sentence: &str, target: &str, seconds_ago: i64) -> Event {
    Event::Operation(Box::new(Operation {
        number: 7,
        at: at(seconds_ago),
        origin: Origin {
            operator: "ann".into(),
            ..Origin::default()
        },
        sentence: sentence.into(),
        targets: vec![target.into()],
        reason: None,
        outcome: Outcome::Running,
        duration_ms: None,
    }))
}

/// The fleet with `docker system df` of `fra-1`, and an engine there that is too old to spare
/// named volumes.
fn fleet_with_disk() -> Fleet {
    let mut fleet = fleet();
    let name = HostName::new("fra-1");
    let disk = DiskUsage {
        images_reclaimable: 3 << 30,
        containers_reclaimable: 5 << 20,
        volumes_reclaimable: 1 << 30,
        build_cache_reclaimable: 2 << 20,
        ..DiskUsage::default()
    };
    fleet.apply(Event::Disk(name.clone(), disk));
    let engine = EngineInfo {
        version: "20.10.24".into(),
        api: "1.41".into(),
        ..EngineInfo::default()
    };
    fleet.apply(Event::Engine(name, Box::new(engine)));
    fleet
}

#[test]
fn endpoints_of_the_fleet_are_what_they_seem() {
    let fleet = fleet();
    let kinds: Vec<&str> = fleet
        .hosts()
        .iter()
        .map(|host| match host.spec.endpoint {
            Endpoint::Unix(_) => "unix",
            Endpoint::Tcp { .. } => "tcp",
            Endpoint::Tls { .. } => "tls",
            Endpoint::Ssh { .. } => "ssh",
        })
        .collect();
    assert_eq!(kinds, ["ssh", "ssh", "unix", "tcp", "ssh", "tls"]);
}
