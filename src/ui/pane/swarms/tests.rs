//! The pane of Swarms: what it wants, what it shows of services, nodes and tasks, and what is selected in it.

use super::*;
use crate::{
    model::{
        EngineInfo, Event, HostSpec, Link, Timestamp,
        swarm::{Availability, Membership, Mode, Task},
    },
    ui::pane::stage,
};

fn info(manages: bool) -> EngineInfo {
    EngineInfo {
        swarm: Some(Membership {
            node: if manages { "n1" } else { "n2" }.into(),
            cluster: manages.then(|| "c1".into()),
            manages,
            ..Membership::default()
        }),
        ..stage::engine()
    }
}

fn task(id: &str, slot: u64, state: &str, error: &str) -> Task {
    Task {
        id: id.into(),
        service: "s1".into(),
        slot: Some(slot),
        node: Some("n2".into()),
        desired: if error.is_empty() {
            "running"
        } else {
            "shutdown"
        }
        .into(),
        state: state.into(),
        error: error.into(),
        ..Task::default()
    }
}

fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    let spec = |name: &str| HostSpec::new(name, crate::model::Endpoint::Unix("/x".into()), "test");
    fleet.apply(Event::Hosts(vec![spec("ams-1"), spec("ams-2")]));
    for (name, manages) in [("ams-1", true), ("ams-2", false)] {
        let host = HostName::new(name);
        let since = Timestamp::UNIX_EPOCH;
        fleet.apply(Event::Link(host.clone(), Link::Online { since }));
        fleet.apply(Event::Engine(host, Box::new(info(manages))));
    }
    let node = |id: &str, name: &str| Node {
        id: id.into(),
        name: name.into(),
        state: "ready".into(),
        manages: id == "n1",
        ..Node::default()
    };
    let swarm = Swarm {
        nodes: vec![
            node("n1", "ams-1"),
            Node {
                availability: Availability::Drain,
                ..node("n2", "ams-2")
            },
        ],
        services: vec![Service {
            id: "s1".into(),
            name: "shop_web".into(),
            image: "shop/web:2".into(),
            mode: Mode::Replicated(2),
            running: 1,
            wanted: 2,
            app: Some("shop".into()),
            ..Service::default()
        }],
        tasks: vec![
            task("t1", 1, "running", ""),
            task("t2", 2, "starting", ""),
            task("t3", 2, "failed", "task: non-zero exit (3)"),
        ],
        ..Swarm::default()
    };
    fleet.apply(Event::Swarm(HostName::new("ams-1"), Some(Box::new(swarm))));
    fleet
}

fn area() -> Rect {
    Rect::new(0, 0, 110, 20)
}

#[test]
fn services_are_seen_with_their_tasks_and_nodes_with_theirs() {
    let fleet = fleet();
    let mut pane = Swarms::default();
    // One manager is asked, whoever else is of the Swarm.
    let host = HostName::new("ams-1");
    assert_eq!(
        pane.wants(&fleet),
        BTreeSet::from([Feed::Swarm(host.clone())])
    );
    pane.settle(&fleet, area());
    assert_eq!(pane.title(&fleet), "Services[1]");
    let of = |kind, id: &str| Target::Resource(kind, host.clone(), id.into());
    assert_eq!(pane.selection(&fleet), [of(Resource::Service, "s1")]);
    let shown = stage::screen(&mut pane, &fleet, &stage::look(), 112, 24);
    for part in [
        "shop_web",
        "1/2",
        "lacking",
        "shop_web.2",
        "starting",
        "task: non-zero exit (3)",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(
        pane.nav(&Nav::Open, &fleet),
        Reply::Containers("app:shop".to_owned())
    );
    pane.nav(&Nav::Shape, &fleet);
    pane.settle(&fleet, area());
    assert_eq!(pane.title(&fleet), "Nodes[2]");
    pane.nav(&Nav::Bottom, &fleet);
    assert_eq!(pane.selection(&fleet), [of(Resource::Node, "n2")]);
    let shown = stage::screen(&mut pane, &fleet, &stage::look(), 112, 24);
    for part in ["drain", "worker", "Tasks on ams-2", "shop_web.1"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let led = pane.nav(&Nav::Open, &fleet);
    assert_eq!(led, Reply::Detail(Target::Host(HostName::new("ams-2"))));
    assert!(pane.back() && !pane.back());
}
