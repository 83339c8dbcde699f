//! Nobody plans what they may not do, whatever they say and wherever it is.

use super::*;
use crate::{
    model::{Access, Grant, Role},
    ops::RefusalKind,
};

/// The fleet as somebody sees it who has these roles, each in some environments and groups.
fn fleet_of(grants: &[(Role, &[&str], &[&str])]) -> Fleet {
    let all = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    let grants: Vec<Grant> = grants
        .iter()
        .map(|(role, environments, groups)| Grant {
            people: vec![Arc::from("ann")],
            role: *role,
            environments: all(environments),
            groups: all(groups),
        })
        .collect();
    let mut fleet = fleet();
    fleet.access = Access {
        grants: Some(grants.into()),
        who: "ann@ops-1".to_owned(),
        ..Access::default()
    };
    fleet
}

#[test]
fn a_viewer_plans_nothing_that_changes_anything() {
    let viewer = fleet_of(&[(Role::Viewer, &[], &[])]);
    let mut refused = 0;
    for entry in Sentence::catalogue() {
        let sentence = sentence(entry.example);
        let planned = sentence.plan(&viewer, &[]);
        let is_own = entry.words.starts_with("setting ");
        if sentence.permission().is_some() {
            let refusal = planned.unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Forbidden, "{}", entry.example);
            assert!(refusal.why.contains("ann is viewer"), "{refusal}");
            assert!(refusal.remedy.contains("[[grant]]"), "{refusal}");
            refused += 1;
        } else {
            let is_reading = sentence.danger() == crate::ops::Danger::Reads;
            assert!(is_reading || is_own, "{} needs no role", entry.example);
            assert!(
                !planned.is_err_and(|refusal| refusal.kind == RefusalKind::Forbidden),
                "{}",
                entry.example
            );
        }
    }
    assert!(refused > 60, "{refused}");
}

#[test]
fn roles_hold_on_the_hosts_that_they_are_given_for_and_the_others_are_left_out() {
    let some = fleet_of(&[(Role::Operator, &["prod"], &["edge"])]);
    let plan = sentence("container restart web-1@*")
        .plan(&some, &[])
        .unwrap();
    assert_eq!(plan.targets, ["web-1@ams-1"]);
    let told: Vec<String> = plan
        .left_out
        .iter()
        .filter(|one| one.refusal.kind == RefusalKind::Forbidden)
        .map(|one| one.refusal.why.clone())
        .collect();
    assert!(
        told.contains(&"ann is viewer on fra-1 in stage and may not act".to_owned()),
        "{told:?}"
    );
    let why = refusal_in(&some, "container restart web-10@ams-2");
    assert_eq!(why.why, "ann is viewer on ams-2 in prod and may not act");
    for line in ["host add x", "host install @ams-1", "app approve shop"] {
        assert_eq!(
            refusal_in(&some, line).kind,
            RefusalKind::Forbidden,
            "{line}"
        );
    }
}

#[test]
fn who_approves_does_not_act_and_an_emergency_is_for_admins() {
    let approver = fleet_of(&[(Role::Approver, &["prod"], &[])]);
    assert!(sentence("app approve shop").plan(&approver, &[]).is_ok());
    let line = "container stop db@ams-1";
    assert_eq!(refusal_in(&approver, line).kind, RefusalKind::Forbidden);
    let deployer = fleet_of(&[(Role::Deployer, &[], &[])]);
    let line = "app deploy shop --file shop.yaml";
    assert!(sentence(line).plan(&deployer, &[]).is_ok());
    let line = "app deploy shop --file shop.yaml --emergency 'it burns'";
    let why = refusal_in(&deployer, line);
    assert_eq!(why.why, "ann is deployer and may not administer");
}
