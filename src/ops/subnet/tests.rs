//! Tests of what is found wrong with networks, and of what is not.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::model::{
    AddressPool, Attachment, ContainerId, Endpoint, EngineInfo, Event, HostSpec, Link, Pool, Port,
    SiteRange, State, Timestamp,
};

fn network(name: &str, driver: &str, subnets: &[&str]) -> Network {
    Network {
        id: Arc::from(format!("{name}-id")),
        name: Arc::from(name),
        driver: Arc::from(driver),
        scope: Arc::from(if driver == "overlay" {
            "swarm"
        } else {
            "local"
        }),
        subnets: subnets
            .iter()
            .map(|text| Pool::new(text.parse().unwrap()))
            .collect(),
        ..Network::default()
    }
}

fn with(network: Network, key: &str, value: &str) -> Network {
    let mut network = network;
    network.options.insert(Arc::from(key), Arc::from(value));
    network
}

fn dealing(mut network: Network, range: &str) -> Network {
    network.subnets[0].ip_range = Some(range.parse().unwrap());
    network
}

/// A container on a network, with an address while it runs.
fn container(name: &str, network: &str, address: &str, state: State) -> Container {
    let id = ContainerId::new(&format!("{name}-0000"));
    Container {
        networks: Box::new([Attachment::read(
            Arc::from(network),
            Arc::from(format!("{network}-id")),
            address,
            "",
            "",
        )]),
        claims: Some(Box::default()),
        ..Container::new(id, name, state, Timestamp::UNIX_EPOCH)
    }
}

fn publishing(mut container: Container, ip: &str, public: u16) -> Container {
    let ports: Box<[Port]> = Box::new([Port {
        private: 80,
        public: Some(public),
        ip: ip.into(),
        protocol: "tcp".into(),
    }]);
    if container.state.is_live() {
        container.ports.clone_from(&ports);
    }
    container.claims = Some(ports);
    container
}

fn fleet(hosts: Vec<(&str, Vec<Network>, Vec<Container>)>) -> Fleet {
    let mut fleet = Fleet::new();
    let specs = hosts
        .iter()
        .map(|(name, ..)| HostSpec::new(name, Endpoint::Unix("/run/docker.sock".into()), "test"));
    fleet.apply(Event::Hosts(specs.collect()));
    for (name, networks, containers) in hosts {
        let name = HostName::new(name);
        let since = Timestamp::UNIX_EPOCH;
        fleet.apply(Event::Link(name.clone(), Link::Online { since }));
        fleet.apply(Event::Engine(name.clone(), Box::default()));
        fleet.apply(Event::Containers(name.clone(), containers));
        fleet.apply(Event::Networks(name, networks));
    }
    fleet
}

/// The kinds and texts of what is wrong, without what is merely unused.
fn found(fleet: &Fleet) -> Vec<String> {
    let survey = Survey::of(fleet);
    let harmful = survey.findings().iter().filter(|one| one.kind.is_harmful());
    harmful
        .map(|one| format!("{} {}: {}", one.host, one.kind.word(), one.text))
        .collect()
}

#[test]
fn the_same_bridge_on_every_host_is_well() {
    let bridges = || {
        vec![
            network("bridge", "bridge", &["172.17.0.0/16"]),
            network("app", "bridge", &["172.18.0.0/16"]),
        ]
    };
    assert!(
        found(&fleet(vec![
            ("a", bridges(), vec![]),
            ("b", bridges(), vec![])
        ]))
        .is_empty()
    );
}

#[test]
fn networks_of_one_host_that_overlap_are_found_once() {
    let networks = vec![
        network("mesh", "overlay", &["10.0.0.0/16"]),
        network("app", "bridge", &["10.0.3.0/24"]),
        network("else", "bridge", &["10.1.0.0/24"]),
    ];
    let fleet = fleet(vec![("a", networks, vec![])]);
    assert_eq!(
        found(&fleet),
        [
            "a overlap: app (10.0.3.0/24) has addresses of mesh (10.0.0.0/16): on a only one of both can be reached"
        ]
    );
    let survey = Survey::of(&fleet);
    let flagged: Vec<_> = survey.all(&fleet).map(|one| one.found()).collect();
    assert_eq!(flagged, [1, 2, 1], "both are marked, and two are unused");
}

#[test]
fn on_the_lan_only_what_is_dealt_twice_is_wrong() {
    let lan = || network("lan", "macvlan", &["192.168.7.0/24"]);
    let same = found(&fleet(vec![
        ("a", vec![lan()], vec![]),
        ("b", vec![lan()], vec![]),
    ]));
    assert_eq!(same.len(), 1);
    assert!(
        same[0].starts_with("b overlap: lan (192.168.7.0/24) deals the same addresses as"),
        "{same:?}"
    );
    let apart = fleet(vec![
        ("a", vec![dealing(lan(), "192.168.7.0/25")], vec![]),
        ("b", vec![dealing(lan(), "192.168.7.128/25")], vec![]),
    ]);
    assert!(found(&apart).is_empty());
    let vlans = fleet(vec![
        ("a", vec![with(lan(), "parent", "eth0.20")], vec![]),
        ("b", vec![with(lan(), "parent", "ens3.30")], vec![]),
    ]);
    assert!(found(&vlans).is_empty());
}

#[test]
fn overlays_of_other_swarms_never_meet_but_routed_bridges_do() {
    let mesh = |id: &str| Network {
        id: Arc::from(id),
        ..network("ingress", "overlay", &["10.0.0.0/24"])
    };
    assert!(
        found(&fleet(vec![
            ("a", vec![mesh("1")], vec![]),
            ("b", vec![mesh("2")], vec![])
        ]))
        .is_empty()
    );
    let routed = || {
        with(
            network("app", "bridge", &["10.9.0.0/24"]),
            "com.docker.network.bridge.enable_ip_masquerade",
            "false",
        )
    };
    let fleet = fleet(vec![
        ("a", vec![routed()], vec![]),
        ("b", vec![routed()], vec![]),
    ]);
    assert!(found(&fleet)[0].contains("both are seen outside of their hosts"));
}

#[test]
fn a_network_of_a_swarm_is_there_once_with_all_its_hosts() {
    let mesh = || vec![network("mesh", "overlay", &["10.0.9.0/24"])];
    let web = |name: &str, address: &str| vec![container(name, "mesh", address, State::Running)];
    let fleet = fleet(vec![
        ("a", mesh(), web("w1", "10.0.9.5")),
        ("b", mesh(), web("w2", "10.0.9.6")),
    ]);
    let survey = Survey::of(&fleet);
    let all: Vec<Surveyed<'_>> = survey.all(&fleet).collect();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].hosts(), all[0].seen.attached),
        ("a +1".to_owned(), 2)
    );
    assert_eq!(all[0].seen.used, [2]);
    assert_eq!(all[0].members(&fleet).len(), 2);
    let id = Arc::from("mesh-id");
    assert!(survey.get(&fleet, &HostName::new("b"), &id).is_some());
}

#[test]
fn ranges_of_the_site_are_not_to_be_hidden() {
    let networks = vec![
        network("big", "bridge", &["10.0.0.0/8"]),
        network("lan", "macvlan", &["192.168.0.0/24"]),
        network("dealt", "bridge", &["172.30.4.0/24"]),
    ];
    let mut fleet = fleet(vec![("a", networks, vec![])]);
    let range = |name: &str, cidr: &str, deal| SiteRange {
        name: Arc::from(name),
        cidr: cidr.parse().unwrap(),
        deal,
    };
    fleet.site_ranges = vec![
        range("office", "10.7.0.0/16", false),
        range("campus", "192.168.0.0/16", false),
        range("core", "172.30.0.0/16", false),
        range("containers", "172.30.4.0/22", true),
    ];
    let told = found(&fleet);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("big (10.0.0.0/8) hides site range office (10.7.0.0/16)"));
}

#[test]
fn used_addresses_are_those_of_containers_gateway_and_others() {
    let mut net = network("app", "bridge", &["10.1.0.0/28"]);
    net.subnets[0].gateway = Some("10.1.0.1".parse().unwrap());
    net.subnets[0]
        .aux
        .insert("nas".into(), "10.1.0.9".parse().unwrap());
    let mut containers: Vec<Container> = (2..12)
        .map(|n| {
            container(
                &format!("c{n}"),
                "app",
                &format!("10.1.0.{n}"),
                State::Running,
            )
        })
        .collect();
    containers.push(container("stopped", "app", "", State::Exited));
    let fleet = fleet(vec![("a", vec![net], containers)]);
    let survey = Survey::of(&fleet);
    let one = survey.all(&fleet).next().unwrap();
    assert_eq!(
        one.seen.used,
        [11],
        "one container has the address that was set apart"
    );
    assert_eq!((one.seen.attached, one.seen.live), (11, 10));
    assert!(found(&fleet).is_empty(), "11 of 14 is not nearly full");
}

#[test]
fn a_full_subnet_and_an_unused_network_are_told() {
    let containers = (2..15).map(|n| {
        container(
            &format!("c{n}"),
            "app",
            &format!("10.1.0.{n}"),
            State::Running,
        )
    });
    let networks = vec![
        network("app", "bridge", &["10.1.0.0/28"]),
        network("spare", "bridge", &["10.2.0.0/24"]),
        network("bridge", "bridge", &["172.17.0.0/16"]),
    ];
    let fleet = fleet(vec![("a", networks, containers.collect())]);
    assert_eq!(
        found(&fleet),
        ["a full: app (10.1.0.0/28) has 1 of 14 addresses left"]
    );
    let survey = Survey::of(&fleet);
    let last = survey.findings().last().unwrap();
    assert_eq!(
        (last.kind, last.network.as_deref()),
        (FindingKind::Unused, Some("spare@a"))
    );
    assert_eq!(
        survey.findings().len(),
        2,
        "the engine's own bridge is no finding"
    );
}

#[test]
fn ports_that_several_claim_are_told_also_of_those_that_are_stopped() {
    let web = publishing(
        container("web", "app", "10.1.0.2", State::Running),
        "0.0.0.0",
        80,
    );
    let old = publishing(container("old", "app", "", State::Exited), "", 80);
    let other_address = publishing(
        container("inner", "app", "", State::Exited),
        "127.0.0.1",
        81,
    );
    let on_another = publishing(container("outer", "app", "", State::Exited), "10.0.0.5", 81);
    let networks = vec![network("app", "bridge", &["10.1.0.0/24"])];
    let fleet_of = |containers| fleet(vec![("a", networks.clone(), containers)]);
    let told = found(&fleet_of(vec![
        web.clone(),
        old.clone(),
        other_address,
        on_another,
    ]));
    assert_eq!(
        told,
        ["a ports: old cannot run while web runs: both claim port 80/tcp of a"]
    );

    let service = |one: Container| Container {
        app: Some("shop".into()),
        service: Some("web".into()),
        ..one
    };
    let kept = fleet_of(vec![service(web.clone()), service(old.clone())]);
    assert!(
        found(&kept).is_empty(),
        "a release that is kept is no collision"
    );
    let both_stopped = publishing(container("older", "app", "", State::Exited), "", 80);
    let told = found(&fleet_of(vec![old, both_stopped]));
    assert_eq!(
        told,
        ["a ports: older cannot run together with old: both claim port 80/tcp of a"]
    );
}

#[test]
fn pools_near_their_end_are_told() {
    let networks = |count: u32| -> Vec<Network> {
        (0..count)
            .map(|n| {
                let subnet = if n < 15 {
                    format!("172.{}.0.0/16", 17 + n)
                } else {
                    format!("192.168.{}.0/20", (n - 15) * 16)
                };
                network(&format!("n{n}"), "bridge", &[&subnet])
            })
            .collect()
    };
    let of = |count| found(&fleet(vec![("a", networks(count), vec![])]));
    assert!(of(27).is_empty());
    assert_eq!(
        of(28),
        ["a pools: a has addresses for 3 more networks that name no subnet, of 31"]
    );
    assert_eq!(
        of(31),
        [
            "a pools: a has no addresses left for networks that name no subnet (all 31 blocks are in use)"
        ]
    );
    let mut own = fleet(vec![("a", networks(28), vec![])]);
    let engine = EngineInfo {
        address_pools: vec![AddressPool {
            base: "10.200.0.0/16".parse().unwrap(),
            size: 24,
        }],
        ..EngineInfo::default()
    };
    own.apply(Event::Engine(HostName::new("a"), Box::new(engine)));
    assert!(found(&own).is_empty());
}

#[test]
fn two_thousand_networks_are_surveyed_at_once() {
    let hosts: Vec<String> = (0..100).map(|n| format!("host-{n}")).collect();
    let all = hosts.iter().enumerate().map(|(h, name)| {
        let networks = (0..20).map(|n| {
            network(
                &format!("n{n}"),
                if n == 0 { "macvlan" } else { "bridge" },
                &[&format!("10.{h}.{n}.0/24")],
            )
        });
        let containers = (0..50).map(|n| {
            container(
                &format!("c{n}"),
                &format!("n{}", n % 20),
                &format!("10.{h}.{}.{}", n % 20, 2 + n),
                State::Running,
            )
        });
        (name.as_str(), networks.collect(), containers.collect())
    });
    let fleet = fleet(all.collect());
    let began = std::time::Instant::now();
    let survey = Survey::of(&fleet);
    let took = began.elapsed();
    assert_eq!(survey.all(&fleet).count(), 2000);
    assert!(took.as_millis() < 500, "{took:?} in a debug build");
}
