//! Tests of the pane of subnets: keys in, screen out.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::{
    model::{
        Attachment, Container, ContainerId, Endpoint, Event, HostSpec, Link, Network, Pool,
        SiteRange, State, Timestamp,
    },
    ui::{Msg, desk::Desk},
};

fn network(host: usize, name: &str, driver: &str, subnet: &str) -> Network {
    Network {
        id: Arc::from(format!("{host}-{name}")),
        name: Arc::from(name),
        driver: Arc::from(driver),
        scope: Arc::from("local"),
        subnets: vec![Pool {
            gateway: Some(
                subnet
                    .replace("0/24", "1")
                    .replace("0/16", "1")
                    .parse()
                    .unwrap(),
            ),
            ..Pool::new(subnet.parse().unwrap())
        }],
        ..Network::default()
    }
}

fn container(host: usize, name: &str, network: &str, address: &str, state: State) -> Container {
    let place = Attachment::read(
        Arc::from(network),
        Arc::from(format!("{host}-{network}")),
        address,
        "",
        "02:42:0a:14:01:05",
    );
    Container {
        networks: Box::new([place]),
        ..Container::new(
            ContainerId::new(&format!("{name}{host:060}")),
            name,
            state,
            Timestamp::UNIX_EPOCH,
        )
    }
}

/// Two hosts: `back` on ams-1 with two containers, `front` there that lies in the office, a bridge on each.
fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.apply(Event::Tick(Timestamp::from_second(1_700_000_000).unwrap()));
    let spec = |name| HostSpec::new(name, Endpoint::Unix("/run/docker.sock".into()), "test");
    fleet.apply(Event::Hosts(vec![spec("ams-1"), spec("ams-2")]));
    for (at, name) in ["ams-1", "ams-2"].into_iter().enumerate() {
        let host = HostName::new(name);
        let since = Timestamp::UNIX_EPOCH;
        fleet.apply(Event::Link(host.clone(), Link::Online { since }));
        let mut containers = Vec::new();
        let mut networks = vec![network(at, "bridge", "bridge", "172.17.0.0/16")];
        if at == 0 {
            networks.push(network(at, "back", "bridge", "10.20.1.0/24"));
            networks.push(network(at, "front", "bridge", "10.50.3.0/24"));
            containers.push(container(at, "web", "back", "10.20.1.5", State::Running));
            containers.push(container(at, "old", "back", "", State::Exited));
        }
        fleet.apply(Event::Containers(host.clone(), containers));
        fleet.apply(Event::Networks(host, networks));
    }
    let range = |name: &str, cidr: &str, deal| SiteRange {
        name: Arc::from(name),
        cidr: cidr.parse().unwrap(),
        deal,
    };
    fleet.site_ranges = vec![
        range("office", "10.50.0.0/16", false),
        range("pool", "10.20.0.0/16", true),
    ];
    fleet
}

fn desk() -> Desk {
    Desk::new(fleet(), 140, 24).keys("6")
}

/// The screen without the blanks at ends of lines.
fn screen(desk: &mut Desk) -> String {
    desk.screen()
}

#[test]
fn by_host_each_subnet_has_its_bar_and_what_is_wrong() {
    let mut desk = desk();
    let screen = screen(&mut desk);
    for part in [
        "Subnets[4]  1 finding",
        "10.20.1.0/24",
        "10.20.1.1",
        "█░░░░░      2/254",
        "▲ site",
        "▲ site +1",
    ] {
        assert!(screen.contains(part), "{part}:\n{screen}");
    }
    let mut desk = desk.keys("/ f i n d i n g : s i t e enter");
    let screen = desk.screen();
    assert!(screen.contains("[1 of 4]"), "{screen}");
    assert!(
        screen.contains("▲ site: front (10.50.3.0/24) hides site range office"),
        "{screen}"
    );
}

#[test]
fn by_address_what_lies_in_what_is_seen_with_what_is_free() {
    let mut desk = desk().keys("t");
    let screen = screen(&mut desk);
    for part in [
        "Subnets by address[4]",
        "10.0.0.0/8",
        "  10.20.0.0/16",
        "site pool",
        "    10.20.1.0/24",
        "up to a /17",
        "bridge ×2",
        "2 hosts",
    ] {
        assert!(screen.contains(part), "{part}:\n{screen}");
    }
    assert!(desk.keys("t").screen().contains("Subnets[4]"));
}

#[test]
fn what_is_selected_is_the_network_in_both_shapes() {
    let mut desk = desk().keys("/ n a m e : f r o n t enter x d");
    assert!(
        desk.screen().contains("Remove network front@ams-1"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc t G x d");
    assert!(
        desk.screen().contains("Remove network front@ams-1"),
        "{}",
        desk.screen()
    );
}

#[test]
fn a_network_in_detail_says_who_is_attached() {
    let mut desk = desk().keys("/ b a c k enter enter");
    let screen = desk.screen();
    for part in [
        "Network back@ams-1[2]",
        "gateway 10.20.1.1",
        "web",
        "10.20.1.5",
        "02:42:0a:14:01:05",
        "exited",
    ] {
        assert!(screen.contains(part), "{part}:\n{screen}");
    }
    let inspects: Vec<Feed> = desk
        .wants()
        .into_iter()
        .filter(|feed| matches!(feed, Feed::Inspect(..)))
        .collect();
    assert_eq!(
        inspects.len(),
        2,
        "who is on the screen is inspected for its names"
    );
    for feed in inspects {
        let place = json!({"NetworkID": "0-back", "Aliases": ["shop", "api"], "Links": null});
        let json = json!({"NetworkSettings": {"Networks": {"back": place}}});
        desk.send(Msg::Feed(feed, Payload::Inspected(Arc::new(json))));
    }
    assert!(desk.screen().contains("shop api"), "{}", desk.screen());
    let mut desk = desk.keys("/ w e b enter x r");
    let typed = desk.screen();
    assert!(typed.contains("network disconnect"), "{typed}");
    let mut desk = desk.keys("esc esc esc");
    assert!(desk.screen().contains("Subnets["), "{}", desk.screen());
}

#[test]
fn who_is_stopped_is_inspected_for_the_ports_it_would_claim() {
    let mut desk = desk();
    let facts = desk
        .wants()
        .into_iter()
        .filter(|feed| matches!(feed, Feed::Facts(..)));
    assert_eq!(facts.count(), 1);
    let mut old = container(0, "old", "back", "", State::Exited);
    old.claims = Some(Box::default());
    desk.send(Msg::Event(Event::Container(
        HostName::new("ams-1"),
        Box::new(old),
    )));
    assert!(
        !desk
            .wants()
            .iter()
            .any(|feed| matches!(feed, Feed::Facts(..))),
        "once it is known no more"
    );
}

#[test]
fn sentences_lead_here() {
    let mut desk = desk().keys("1 : n e t w o r k space s h o w space b a c k enter");
    assert!(
        desk.screen().contains("Network back@ams-1"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys(": s u b n e t space c h e c k enter");
    assert!(
        desk.screen().contains("Subnets[1 of 4]"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys(": s u b n e t space f r e e enter");
    assert!(
        desk.screen().contains("free: 10.20.0.0/24"),
        "{}",
        desk.screen()
    );
}

#[test]
fn where_there_is_nothing_it_says_why() {
    let mut nothing = Fleet::new();
    nothing.apply(Event::Hosts(vec![HostSpec::new(
        "a",
        Endpoint::Unix("/x".into()),
        "test",
    )]));
    let mut desk = Desk::new(nothing.clone(), 100, 20).keys("6");
    assert!(
        desk.screen().contains("No host is online"),
        "{}",
        desk.screen()
    );
    let since = Timestamp::UNIX_EPOCH;
    nothing.apply(Event::Link(HostName::new("a"), Link::Online { since }));
    let mut desk = Desk::new(nothing, 100, 20).keys("6");
    assert!(
        desk.screen().contains("Asking 1 hosts for their networks"),
        "{}",
        desk.screen()
    );
    let mut desk = self::desk().keys("/ z z z enter");
    assert!(
        desk.screen()
            .contains("None of the 4 subnets matches 'zzz'"),
        "{}",
        desk.screen()
    );
}

/// So many hosts with twenty networks each.
fn large(hosts: usize) -> Fleet {
    let mut fleet = Fleet::new();
    let names: Vec<String> = (0..hosts).map(|at| format!("host-{at}")).collect();
    let spec =
        |name: &String| HostSpec::new(name, Endpoint::Unix("/run/docker.sock".into()), "test");
    fleet.apply(Event::Hosts(names.iter().map(spec).collect()));
    for (at, name) in names.iter().enumerate() {
        let host = HostName::new(name);
        let since = Timestamp::UNIX_EPOCH;
        fleet.apply(Event::Link(host.clone(), Link::Online { since }));
        let networks = (0..20).map(|n| {
            network(
                at,
                &format!("net-{n}"),
                "bridge",
                &format!("10.{at}.{n}.0/24"),
            )
        });
        fleet.apply(Event::Networks(host, networks.collect()));
    }
    fleet
}

/// How long a key and the screen after it take.
fn each_key(fleet: Fleet, shape: &str) -> Duration {
    let mut desk = Desk::new(fleet, 200, 50).keys(shape);
    desk.screen();
    let began = Instant::now();
    for _ in 0..30 {
        desk = desk.keys("j");
        desk.screen();
    }
    began.elapsed() / 30
}

#[test]
fn among_two_thousand_networks_a_key_costs_no_more_than_among_sixty() {
    for shape in ["6", "6 t"] {
        let few = each_key(large(3), shape);
        let many = each_key(large(100), shape);
        let limit = few * 3 + Duration::from_millis(20);
        assert!(many < limit, "{many:?} for a key, {few:?} among few");
    }
}
