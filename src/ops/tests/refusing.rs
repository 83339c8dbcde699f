//! What must not or cannot be done is refused, with the reason and what to do.

use super::*;
use crate::{
    model::{EnvironmentSpec, release::Admission},
    ops::{Accepts, Confirm, RefusalKind},
};

#[test]
fn wrong_states_are_refused() {
    for (line, why) in [
        ("container start web-1@ams-1", "web-1@ams-1 already runs"),
        ("container start frozen@ams-1", "frozen@ams-1 is paused"),
        ("container start dead@fra-1", "dead@fra-1 is dead"),
        ("container stop old@ams-1", "old@ams-1 is not running"),
        ("container pause frozen@ams-1", "frozen@ams-1 is paused"),
        ("container unpause db@ams-1", "db@ams-1 is not paused"),
        ("container kill never@fra-1", "never@fra-1 is not running"),
        ("container remove db@ams-1", "db@ams-1 runs"),
        ("container exec old@ams-1", "old@ams-1 is not running"),
        ("container exec frozen@ams-1", "frozen@ams-1 is paused"),
        ("container top old@ams-1", "old@ams-1 is not running"),
        ("container restart dead@fra-1", "dead@fra-1 is dead"),
        (
            "container rename db@ams-1 web-1",
            "web-1@ams-1 exists already",
        ),
        ("host add ams-1", "there is a host ams-1 already"),
        (
            "host edit ams-1 --rename ams-2",
            "there is a host ams-2 already",
        ),
    ] {
        let refusal = refusal(line);
        assert_eq!(refusal.kind, RefusalKind::State, "{line}");
        assert_eq!(refusal.why, why, "{line}");
    }
}

#[test]
fn force_removes_what_runs() {
    let plan = plan("container remove db@ams-1 --force");
    assert_eq!(plan.targets, ["db@ams-1"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "container copy a b",
        "container copy web-1@ams-1:/a db@ams-1:/b",
        "host edit ams-1",
        "host prune @ams-1 --all",
    ] {
        assert_eq!(refusal(line).kind, RefusalKind::Sentence, "{line}");
    }
}

#[test]
fn read_only_is_respected_at_every_level() {
    let mut program = fleet();
    program.read_only = true;
    let mut environment = fleet();
    environment.environments = vec![EnvironmentSpec {
        name: "stage".into(),
        guarded: false,
        read_only: true,
        deny: Vec::new(),
        worker_only: false,
        deploys: None,
        tags: Vec::new(),
        admission: Admission::default(),
    }];
    for (fleet, line, why) in [
        (
            &program,
            "container start old@ams-1",
            "this program was started read-only",
        ),
        (&program, "host add x", "this program was started read-only"),
        (
            &program,
            "container copy a db@ams-1:/b",
            "this program was started read-only",
        ),
        (
            &environment,
            "container stop web-1@fra-1",
            "environment stage is read-only by configuration",
        ),
        (
            &fleet(),
            "container stop vault@ro-1",
            "host ro-1 is read-only by configuration",
        ),
        (
            &fleet(),
            "host prune @ro-1",
            "host ro-1 is read-only by configuration",
        ),
    ] {
        let refusal = refusal_in(fleet, line);
        assert_eq!(refusal.kind, RefusalKind::ReadOnly, "{line}");
        assert_eq!(refusal.why, why, "{line}");
        assert!(!refusal.remedy.is_empty(), "{line}");
    }
    for line in [
        "container show web-1@ams-1",
        "container copy web-1@ams-1:/etc/hosts .",
        "logs web-1@ams-1",
        "host reconnect @ams-1",
    ] {
        assert!(sentence(line).plan(&program, &[]).is_ok(), "{line}");
    }
}

#[test]
fn an_offline_host_is_refused_with_its_reason() {
    let mut fleet = fleet();
    fleet.apply(Event::Link(HostName::new("dev-1"), offline()));
    for line in [
        "container stop web-1@dev-1",
        "logs web-1@dev-1",
        "host prune @dev-1",
    ] {
        let refusal = refusal_in(&fleet, line);
        assert_eq!(refusal.kind, RefusalKind::Offline, "{line}");
        assert!(
            refusal.why.starts_with("dev-1 is offline: nothing answers"),
            "{refusal}"
        );
        assert_eq!(refusal.remedy, "check that it is up");
    }
    assert!(sentence("host show @dev-1").plan(&fleet, &[]).is_ok());
}

#[test]
fn a_target_with_an_operation_on_it_is_busy_for_a_while() {
    let line = "container restart web-1@ams-1";
    let mut fleet = fleet();
    fleet.apply(running("container stop web-1@ams-1", "web-1@ams-1", 5));
    let refusal = refusal_in(&fleet, line);
    assert_eq!(refusal.kind, RefusalKind::Busy);
    assert!(refusal.why.contains("operation 7 of ann"), "{refusal}");
    fleet.apply(running("container stop web-1@ams-1", "web-1@ams-1", 3600));
    assert!(
        sentence(line).plan(&fleet, &[]).is_ok(),
        "an old one is forgotten"
    );
    fleet.apply(running("container exec web-1@ams-1", "web-1@ams-1", 5));
    assert!(
        sentence(line).plan(&fleet, &[]).is_ok(),
        "a session keeps nobody off"
    );
}

#[test]
fn targets_that_cannot_take_part_are_left_out_with_their_reason() {
    let plan = plan("container stop *@ams-1 vault@ro-1");
    assert_eq!(
        plan.targets,
        ["db@ams-1", "frozen@ams-1", "web-1@ams-1", "web-2@ams-1"]
    );
    let left_out: Vec<(&str, RefusalKind)> = plan
        .left_out
        .iter()
        .map(|one| (one.target.as_str(), one.refusal.kind))
        .collect();
    assert_eq!(
        left_out,
        [
            ("old@ams-1", RefusalKind::State),
            ("vault@ro-1", RefusalKind::ReadOnly)
        ]
    );
}

#[test]
fn what_is_as_wanted_already_asks_nothing_but_what_cannot_be_done_does() {
    let mut fleet = fleet();
    let created = container("d2", "new", State::Created);
    fleet.apply(Event::Container(HostName::new("dev-1"), Box::new(created)));
    let started = sentence("container start *@dev-1")
        .plan(&fleet, &[])
        .unwrap();
    assert_eq!(started.left_out.len(), 1);
    assert_eq!(started.confirm, Confirm::No);

    let created = container("e2", "new", State::Created);
    fleet.apply(Event::Container(HostName::new("ro-1"), Box::new(created)));
    let started = sentence("container start new@*").plan(&fleet, &[]).unwrap();
    assert_eq!(started.targets, ["new@dev-1"]);
    assert_eq!(started.confirm, Confirm::Ask);
}

#[test]
fn when_none_can_take_part_the_first_reason_is_told() {
    let refusal = refusal("container unpause *@ams-2");
    assert_eq!(
        refusal.why,
        "none of the 3 targets can take part: crash@ams-2 is not paused"
    );
}

#[test]
fn what_is_gone_is_refused() {
    let refusal = sentence("container stop")
        .plan(&fleet(), &[target("ams-1", "99")])
        .unwrap_err();
    assert_eq!(refusal.why, "990000000000@ams-1 is gone");
}

#[test]
fn login_is_for_hosts_over_ssh() {
    assert_eq!(refusal("host login @fra-1").kind, RefusalKind::State);
    assert!(sentence("host login @off-1").plan(&fleet(), &[]).is_ok());
}

#[test]
fn the_console_can_ask_what_fits() {
    let fleet = fleet();
    let fits = |line: &str, target: &Target| sentence(line).accepts().takes(&fleet, target);
    assert!(fits("container start", &target("ams-1", "a4")));
    assert!(!fits("container start", &target("ams-1", "a1")));
    assert!(!fits("container start", &host("ams-1")));
    assert!(fits("host prune", &host("ams-1")));
    assert!(!fits("host prune", &target("ams-1", "a1")));
    assert!(matches!(sentence("audit list").accepts(), Accepts::Nothing));
}
