//! Names, wildcards and ids find what is meant, and nothing else.

use super::*;
use crate::ops::{RefusalKind, target::ContainerPattern};

/// The targets that a pattern means, as texts.
fn found(pattern: &str) -> Vec<String> {
    let fleet = fleet();
    let pattern: ContainerPattern = pattern.parse().unwrap();
    pattern
        .resolve(&fleet)
        .unwrap_or_else(|refusal| panic!("{pattern}: {refusal}"))
        .into_iter()
        .map(|(host, container)| format!("{}@{}", container.name, host.name()))
        .collect()
}

#[test]
fn patterns_find_containers() {
    for (pattern, targets) in [
        ("web-1@ams-1", &["web-1@ams-1"][..]),
        ("solo", &["solo@ams-2"]),
        ("web-*@ams-1", &["web-1@ams-1", "web-2@ams-1"]),
        ("web-?@ams-*", &["web-1@ams-1", "web-2@ams-1"]),
        ("web-1@*", &["web-1@ams-1", "web-1@fra-1", "web-1@dev-1"]),
        ("web-*@env:stage", &["web-1@fra-1"]),
        ("web-1@group:edge", &["web-1@ams-1", "web-1@fra-1"]),
        ("web-[12]@ams-1", &["web-1@ams-1", "web-2@ams-1"]),
        (
            "app:shop@*",
            &["db@ams-1", "web-1@ams-1", "web-2@ams-1", "web-10@ams-2"],
        ),
        ("a300@ams-1", &["db@ams-1"]),
        ("a3000000", &["db@ams-1"]),
    ] {
        assert_eq!(found(pattern), targets, "{pattern}");
    }
}

#[test]
fn a_bare_name_on_several_hosts_is_refused_with_the_list() {
    let refusal = refusal("container restart web-1");
    assert_eq!(refusal.kind, RefusalKind::Ambiguous);
    assert_eq!(
        refusal.to_string(),
        "web-1 is on several hosts: web-1@ams-1, web-1@fra-1, web-1@dev-1; \
         name the host, or say web-1@* for all"
    );
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    for (line, remedy) in [
        (
            "container restart wep-1@ams-1",
            "did you mean web-1, web-2?",
        ),
        ("container restart web-1@asm-1", "did you mean ams-1?"),
        ("host show @ams-11", "did you mean ams-1, ams-2?"),
        (
            "container restart nothing-like-it@ams-1",
            "`wharf container list` lists the containers",
        ),
        ("container stop a@env:prdo", "did you mean prod?"),
    ] {
        let refusal = refusal(line);
        assert_eq!(refusal.kind, RefusalKind::Unknown, "{line}");
        assert_eq!(refusal.remedy, remedy, "{line}");
    }
}

#[test]
fn hosts_that_cannot_be_asked_are_told() {
    let refusal = refusal("container restart web@off-1");
    assert_eq!(refusal.kind, RefusalKind::Offline);
    assert_eq!(refusal.why, "the containers of off-1 are not known");
    assert!(refusal.remedy.contains("nothing answers"), "{refusal}");
}

#[test]
fn a_name_wins_over_the_beginning_of_an_id() {
    let mut fleet = fleet();
    let name = HostName::new("ams-2");
    let named = container("ff", "a300", State::Running);
    fleet.apply(Event::Container(name, Box::new(named)));
    let pattern: ContainerPattern = "a300@*".parse().unwrap();
    let found = pattern.resolve(&fleet).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.name().as_str(), "ams-2");
}

#[test]
fn only_hosts_that_can_be_meant_are_touched() {
    let fleet = fleet();
    let touched = |line: &str| -> Vec<String> {
        let sentence = sentence(line);
        let hosts = fleet.hosts().iter();
        hosts
            .filter(|host| sentence.touches(&host.spec))
            .map(|host| host.name().to_string())
            .collect()
    };
    assert_eq!(touched("container restart web@ams-1"), ["ams-1"]);
    assert_eq!(touched("container restart a@env:prod b@fra-1").len(), 3);
    assert_eq!(touched("logs web-1").len(), 6);
    assert_eq!(touched("host prune @group:edge"), ["ams-1", "fra-1"]);
    assert_eq!(touched("container copy a web@dev-1:/b"), ["dev-1"]);
    assert_eq!(touched("audit list").len(), 0);
    assert_eq!(touched("host remove @ams-1").len(), 0);
}

#[test]
fn targets_are_written_as_they_are_read() {
    let fleet = fleet();
    assert_eq!(target("ams-1", "a3").text(&fleet), "db@ams-1");
    assert_eq!(host("ams-1").text(&fleet), "@ams-1");
    assert_eq!(Target::Operation(12).text(&fleet), "#12");
    assert_eq!(target("ams-1", "99").text(&fleet), "990000000000@ams-1");
}

#[test]
fn two_containers_of_one_name_are_told_apart_by_id() {
    let mut fleet = fleet();
    let twin = container("dd", "db", State::Running);
    fleet.apply(Event::Container(HostName::new("ams-1"), Box::new(twin)));
    let text = target("ams-1", "a3").text(&fleet);
    assert!(
        text.starts_with("a300000") && text.ends_with("@ams-1"),
        "{text}"
    );
    let pattern: ContainerPattern = text.parse().unwrap();
    assert_eq!(pattern.resolve(&fleet).unwrap().len(), 1);
}

#[test]
fn the_selection_stands_in_for_targets_and_named_ones_win() {
    let fleet = fleet();
    let selection = [
        target("ams-1", "a1"),
        target("ams-1", "a1"),
        target("dev-1", "d1"),
    ];
    let plan = sentence("container restart")
        .plan(&fleet, &selection)
        .unwrap();
    assert_eq!(plan.targets, ["web-1@ams-1", "web-1@dev-1"]);
    let plan = sentence("container restart db@ams-1")
        .plan(&fleet, &selection)
        .unwrap();
    assert_eq!(plan.targets, ["db@ams-1"]);
}

#[test]
fn a_selection_of_another_kind_is_refused() {
    let fleet = fleet();
    let refusal = sentence("container stop")
        .plan(&fleet, &[host("ams-1")])
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Kind);
    assert_eq!(
        refusal.to_string(),
        "`container stop` acts on containers; @ams-1 is a host; select containers"
    );
    let refusal = sentence("host prune")
        .plan(&fleet, &[target("ams-1", "a1")])
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Kind);
    let refusal = sentence("container stop").plan(&fleet, &[]).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Nothing);
}

#[test]
fn one_target_is_enough_for_what_takes_one() {
    let refusal = refusal("container exec web-1@*");
    assert_eq!(refusal.kind, RefusalKind::Kind);
    assert_eq!(refusal.why, "`container exec` takes one container, not 3");
}
