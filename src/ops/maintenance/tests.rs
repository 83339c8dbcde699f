//! Plans of drains and of their ends.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use super::*;
use crate::{
    engine::RestFacts,
    model::{
        Action, Container, ContainerId, Endpoint, Event, Fleet, Host, HostName, HostSpec,
        Maintenance, ServerName, State, Timestamp, app::Restart,
    },
    ops::{Confirm, Plan, Sentence, deploy::Task},
};

fn container(id: &str, name: &str, app: Option<&str>, second: i64) -> Container {
    let at = Timestamp::from_second(second).unwrap();
    Container {
        since: Some(at),
        app: app.map(Into::into),
        service: app.map(|_| name.split('-').next().unwrap().into()),
        ..Container::new(ContainerId::new(id), name, State::Running, at)
    }
}

fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    let mut spec = HostSpec::new("ams-1", Endpoint::Unix("/run/docker.sock".into()), "a test");
    spec.environment = Some("prod".into());
    let name = spec.name.clone();
    fleet.apply(Event::Hosts(vec![spec]));
    let all = vec![
        container("aa", "db-1", Some("shop"), 10),
        container("bb", "web-1", Some("shop"), 20),
        container("cc", "once", None, 30),
    ];
    fleet.apply(Event::Containers(name, all));
    fleet
}

fn facts() -> Vec<RestFacts> {
    let one = |id: &str, restart, is_fleeting| RestFacts {
        id: ContainerId::new(id),
        restart,
        is_fleeting,
    };
    vec![
        one("aa", Restart::Always, false),
        one("bb", Restart::UnlessStopped, false),
        one("cc", Restart::No, true),
    ]
}

fn drained(
    fleet: &Fleet,
    known: Option<&Maintenance>,
    leave_running: bool,
) -> Result<Plan, crate::ops::Refusal> {
    let servers: Vec<(Arc<str>, ServerName)> =
        vec![("edge".into(), "shop_stable/s1".parse().unwrap())];
    let elsewhere = Elsewhere::from([(
        ("shop".to_owned(), "web".to_owned()),
        vec![HostName::new("ams-2")],
    )]);
    let sentence = Sentence::parse("host drain @ams-1 --reason 'a new kernel'").unwrap();
    let host: &Host = fleet.host(&HostName::new("ams-1")).unwrap();
    drain(
        &sentence,
        fleet,
        &Rest {
            host,
            facts: &facts(),
            servers: if known.is_some() { &[] } else { &servers },
            lists: &[],
            bare: &["edge: shop_stable".to_owned()],
            elsewhere: &elsewhere,
            moving: &Moving::default(),
            known,
            leave_running,
            wait: 30,
            by: "ann@ops",
            reason: Some("a new kernel"),
            at: Timestamp::UNIX_EPOCH,
        },
    )
}

fn upkeep(plan: &Plan) -> Maintenance {
    match plan.deploy.as_deref() {
        Some(Task::Upkeep(upkeep)) => match &**upkeep {
            Upkeep::Drain(one, _) | Upkeep::Activate(one, _) => one.clone(),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_leaves_the_traffic_before_its_containers_stop_the_youngest_first() {
    let fleet = fleet();
    let plan = drained(&fleet, None, false).unwrap();
    let steps: Vec<String> = plan
        .steps
        .iter()
        .map(|step| format!("{} {}", step.action, step.target()))
        .collect();
    assert_eq!(
        steps,
        [
            "drain edge:shop_stable/s1",
            "stop once@ams-1",
            "stop web-1@ams-1",
            "stop db-1@ams-1"
        ]
    );
    assert_eq!(plan.confirm, Confirm::Phrase("prod".to_owned()));
    let loses = plan.loses.join("\n");
    for part in [
        "shop: web-1, db-1 stop; db runs nowhere else; web goes on on ams-2",
        "once stop: of no app",
        "edge: shop_stable: all its traffic",
        "once for good: started with --rm",
    ] {
        assert!(loses.contains(part), "{part}: {loses}");
    }
    let kept = upkeep(&plan);
    let stopped: Vec<(&str, Restart)> = kept
        .stopped
        .iter()
        .map(|one| (&*one.name, one.restart))
        .collect();
    assert_eq!(
        stopped,
        [("web-1", Restart::UnlessStopped), ("db-1", Restart::Always)]
    );
    assert_eq!(kept.servers.len(), 1);
    assert_eq!(kept.reason.as_deref(), Some("a new kernel"));
    let only_traffic = drained(&fleet, None, true).unwrap();
    assert_eq!(only_traffic.steps.len(), 1);
    assert!(upkeep(&only_traffic).stopped.is_empty());
}

#[test]
fn what_a_first_try_left_is_gone_on_with_and_comes_back_as_it_was() {
    let mut fleet = fleet();
    let first = upkeep(&drained(&fleet, None, false).unwrap());
    let name = HostName::new("ams-1");
    let mut web = container("bb", "web-1", Some("shop"), 20);
    web.state = State::Exited;
    fleet.apply(Event::Containers(
        name.clone(),
        vec![web, container("aa", "db-1", Some("shop"), 10)],
    ));
    let again = drained(&fleet, Some(&first), false).unwrap();
    let steps: Vec<String> = again.steps.iter().map(crate::model::Step::target).collect();
    assert_eq!(steps, ["db-1@ams-1"]);
    let kept = upkeep(&again);
    assert_eq!(kept.stopped, first.stopped);
    assert_eq!(kept.servers, first.servers);
    // Back: in the other direction, and traffic last.
    let sentence = Sentence::parse("host activate @ams-1").unwrap();
    let host = fleet.host(&name).unwrap();
    let back = activate(
        &sentence,
        &Back {
            lists: &[],
            host,
            known: &kept,
            moving: &Moving::default(),
            wait: 60,
        },
    );
    let steps: Vec<String> = back
        .steps
        .iter()
        .map(|step| format!("{} {}", step.action, step.target()))
        .collect();
    assert_eq!(
        steps,
        [
            "start db-1@ams-1",
            "start web-1@ams-1",
            "ready edge:shop_stable/s1"
        ]
    );
    assert!(matches!(back.steps[0].action, Action::Start));
    fleet.apply(Event::Containers(name, Vec::new()));
    let why = drained(&fleet, Some(&kept), false).unwrap_err().to_string();
    assert!(why.contains("in maintenance already"), "{why}");
}
