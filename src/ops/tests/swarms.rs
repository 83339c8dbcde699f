//! Plans of acts on Swarms say what stops, what goes on elsewhere, and what does not.

use super::*;
use crate::{
    model::{
        Action, Resource,
        swarm::{Availability, Membership, Mode, Node, Service, Stored, Swarm, SwarmAction, Task},
    },
    ops::{Confirm, Danger, RefusalKind, swarm::clusters},
};

/// `ams-1` and `ams-2` manage one Swarm, which has a third node that is no host of ours.
pub(super) fn form(fleet: &mut Fleet) {
    for (host, node) in [("ams-1", "n1"), ("ams-2", "n2")] {
        let name = HostName::new(host);
        let engine = EngineInfo {
            version: "28.1.0".into(),
            api: "1.44".into(),
            swarm: Some(Membership {
                node: node.into(),
                cluster: Some("c1".into()),
                manages: true,
                state: "active".into(),
                managers: vec!["n1".into(), "n2".into()],
                error: "".into(),
            }),
            ..EngineInfo::default()
        };
        fleet.apply(Event::Engine(name.clone(), Box::new(engine)));
        fleet.apply(Event::Swarm(name, Some(Box::new(swarm()))));
    }
}

fn swarm() -> Swarm {
    let node = |id: &str, name: &str, manages: bool| Node {
        id: id.into(),
        name: name.into(),
        manages,
        leads: id == "n1",
        state: "ready".into(),
        ..Node::default()
    };
    let service = |name: &str, mode: Mode, running: u64| Service {
        id: format!("s-{name}").into(),
        name: format!("shop_{name}").into(),
        app: Some("shop".into()),
        mode,
        running,
        wanted: running,
        ..Service::default()
    };
    let task = |id: &str, service: &str, slot: u64, node: &str| Task {
        id: id.into(),
        service: format!("s-{service}").into(),
        slot: (slot > 0).then_some(slot),
        node: Some(node.into()),
        desired: "running".into(),
        state: "running".into(),
        ..Task::default()
    };
    let db = Service {
        constraints: vec!["node.hostname==ams-2".into()],
        release: "r000004".parse().ok(),
        ..service("db", Mode::Replicated(1), 1)
    };
    Swarm {
        nodes: vec![
            node("n1", "ams-1", true),
            node("n2", "ams-2", true),
            node("n3", "far-1", false),
        ],
        services: vec![
            service("agent", Mode::Global, 3),
            db,
            service("web", Mode::Replicated(3), 3),
        ],
        tasks: vec![
            task("t1", "web", 1, "n1"),
            task("t2", "web", 2, "n2"),
            task("t3", "web", 3, "n3"),
            task("t4", "db", 1, "n2"),
            task("t5", "agent", 0, "n2"),
        ],
        secrets: vec![
            stored("x1", "tls-key", &["shop_web"]),
            stored("x2", "old-key", &[]),
        ],
        configs: vec![stored("y1", "site", &[])],
    }
}

fn stored(id: &str, name: &str, used_by: &[&str]) -> Stored {
    Stored {
        id: id.into(),
        name: name.into(),
        used_by: used_by.iter().map(|name| Arc::from(*name)).collect(),
        ..Stored::default()
    }
}

#[test]
fn a_swarm_is_told_once_however_many_managers_it_has() {
    let fleet = fleet();
    let all = clusters(&fleet, |_| true);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].managers(&fleet).len(), 2);
    // No host has to be named: the first manager that answers is asked.
    let plan = plan("service restart shop_web");
    assert_eq!(plan.targets, ["shop_web@ams-1"]);
    assert_eq!(
        super::plan("service restart shop_web@ams-2").targets,
        ["shop_web@ams-2"]
    );
    assert_eq!(
        super::plan("service restart app:shop").targets,
        ["shop_agent@ams-1", "shop_db@ams-1", "shop_web@ams-1"]
    );
}

#[test]
fn a_drain_says_what_stops_and_what_finds_no_other_place() {
    let plan = plan("node drain ams-2 --wait 30");
    assert_eq!(plan.title, "Drain node ams-2@ams-1");
    assert_eq!(plan.danger, Danger::Disrupts);
    assert_eq!(
        plan.loses,
        [
            "shop_web.2 stop here and start elsewhere; shop_agent.ams-2 end: there is one on each node; \
          shop_db.1 stop, and no other node takes them"
        ]
    );
    assert_eq!(
        plan.steps[0].action,
        Action::Swarm(SwarmAction::Availability {
            to: Availability::Drain,
            wait: 30
        })
    );
    assert_eq!(
        plan.docker,
        ["docker -H ssh://ops@ams-1 node update --availability drain ams-2"]
    );
    assert_eq!(plan.sentence, "node drain ams-2@ams-1 --wait 30");
    let refusal = refusal("node activate ams-2");
    assert_eq!(refusal.why, "ams-2 is active already");
}

#[test]
fn scaling_says_what_stops_and_asks_only_then() {
    let fewer = plan("service scale shop_web --replicas 1");
    assert_eq!(fewer.loses, ["2 tasks of the 3 of shop_web"]);
    assert_eq!(fewer.confirm, Confirm::Ask);
    assert_eq!(fewer.told, ["shop_web: 3 → 1"]);
    let none = plan("service scale shop_web --replicas 0");
    assert_eq!(none.loses, ["3 tasks of shop_web: nothing of it runs then"]);
    let more = plan("service scale shop_web --replicas 5");
    assert_eq!((more.danger, more.confirm), (Danger::Changes, Confirm::No));
    assert_eq!(
        more.docker,
        ["docker -H ssh://ops@ams-1 service scale shop_web=5"]
    );
    let ours = plan("service scale shop_db --replicas 2");
    assert!(ours.told[1].contains("`app scale`"), "{:?}", ours.told);
    let refused = refusal("service scale shop_agent --replicas 2");
    assert!(
        refused.why.contains("one task on each node"),
        "{}",
        refused.why
    );
}

#[test]
fn what_is_used_stays_and_what_is_made_has_one_manager() {
    let refused = refusal("secret remove tls-key");
    assert_eq!(refused.why, "tls-key is used by shop_web");
    let plan = plan("secret remove old-key");
    assert_eq!(
        plan.loses,
        ["what is in it: nobody can read that out of a Swarm"]
    );
    assert_eq!(plan.confirm, Confirm::Phrase("prod".into()));
    for (line, why) in [
        (
            "secret create tls-key@ams-1 --file k",
            "the Swarm of ams-1 has a secret tls-key already",
        ),
        (
            "secret create a@fra-1 --file k",
            "fra-1 is no Swarm manager",
        ),
        (
            "secret create a --file k",
            "it is not said in which Swarm a is to be",
        ),
        (
            "swarm-config create a@ams-* --variable V",
            "2 hosts are named, of which one manager is enough",
        ),
    ] {
        assert_eq!(refusal(line).why, why, "{line}");
    }
    let made = super::plan("swarm-config create b@ams-1 --variable V --label a=b");
    assert_eq!(
        made.sentence,
        "swarm-config create b@ams-1 --variable V --label a=b"
    );
    assert_eq!(made.title, "Make the config b@ams-1");
}

#[test]
fn a_name_that_is_nowhere_is_told_with_what_is_near() {
    let refused = refusal("service show shop_wep");
    assert_eq!(refused.kind, RefusalKind::Unknown);
    assert!(refused.remedy.contains("shop_web"), "{}", refused.remedy);
    let refused = refusal("swarm-config remove nothing-like-it");
    assert!(
        refused.remedy.contains("wharf swarm-config list"),
        "{}",
        refused.remedy
    );
    let found = "web@ams-1".parse::<crate::ops::ResourcePattern>().unwrap();
    assert!(found.resolve(Resource::Node, &fleet()).is_err());
}
