//! Plans about load balancers: what is lost, who may not, and what is known.

use std::{net::SocketAddr, sync::Arc};

use crate::{
    model::{
        Admin, Backend, BalancerKind, BalancerSpec, Counters, EnvironmentSpec, Fleet, Machine,
        Slot, Standing, release::Admission,
    },
    ops::{Confirm, Danger, Plan, Refusal, RefusalKind, Sentence},
};

/// A balancer that nobody looked at.
pub(super) fn edge() -> BalancerSpec {
    BalancerSpec {
        name: Arc::from("edge"),
        kind: BalancerKind::Haproxy,
        machine: Machine::Here,
        socket: Arc::from("/run/haproxy/admin.sock"),
        map: None,
        state: None,
        config: None,
        environment: None,
        read_only: false,
    }
}

fn slot(name: &str, admin: Admin) -> Slot {
    Slot {
        name: name.parse().unwrap(),
        address: Some(SocketAddr::from(([10, 0, 0, 7], 8080))),
        admin,
        standing: Standing::Up,
        checked: true,
        check: Arc::from("L7OK"),
        weight: 1,
        sessions: 0,
        queue: 0,
        counters: Counters::default(),
    }
}

/// Two servers take traffic, one rests.
fn looked_at() -> Fleet {
    let slots = [
        ("s1", Admin::Ready),
        ("s2", Admin::Ready),
        ("s3", Admin::Drain),
    ];
    let mut fleet = Fleet::new();
    fleet.balancers = Arc::from([edge()]);
    let backend = Backend {
        name: Arc::from("shop"),
        slots: slots
            .map(|(name, admin)| slot(&format!("shop/{name}"), admin))
            .to_vec(),
        elastic: false,
        queue: 0,
        sessions: 0,
        counters: Counters::default(),
    };
    fleet.behind.insert(Arc::from("edge"), vec![backend]);
    fleet
}

fn plan(line: &str, fleet: &Fleet) -> Result<Plan, Refusal> {
    Sentence::parse(line).unwrap().plan(fleet, &[])
}

#[test]
fn only_what_takes_the_last_server_asks() {
    let fleet = looked_at();
    for line in [
        "balancer drain edge shop/s1",
        "balancer maintenance edge shop/s3",
        "balancer weight edge shop/s2 0",
        "balancer weight edge shop/s2 9",
        "balancer ready edge shop/s3",
        "balancer share edge shop 50",
        "balancer save edge",
    ] {
        let plan = plan(line, &fleet).unwrap();
        assert_eq!(
            (plan.confirm, plan.danger),
            (Confirm::No, Danger::Changes),
            "{line}"
        );
        assert_eq!((plan.steps.len(), plan.loses.len()), (1, 0), "{line}");
    }
    for line in [
        "balancer drain edge shop/s1 shop/s2",
        "balancer maintenance edge shop/s2 shop/s1",
    ] {
        let plan = plan(line, &fleet).unwrap();
        assert_eq!(
            (plan.confirm, plan.danger),
            (Confirm::Ask, Danger::Disrupts),
            "{line}"
        );
        assert_eq!(
            plan.loses,
            [
                "shop: all its traffic; after s1, s2 none of its servers takes any, and it answers 503"
            ]
        );
    }
}

#[test]
fn what_was_not_looked_at_is_asked_and_said() {
    let mut fleet = looked_at();
    fleet.behind.clear();
    let plan = plan("balancer drain edge shop/s1 shop/s1 --wait 9", &fleet).unwrap();
    assert_eq!((plan.confirm, plan.steps.len()), (Confirm::Ask, 1));
    assert!(
        plan.loses[0].contains("that was not looked at"),
        "{:?}",
        plan.loses
    );
    assert_eq!(plan.targets, ["edge:shop/s1"]);
    assert_eq!(plan.title, "Drain shop/s1 of edge");
}

#[test]
fn a_closed_balancer_and_an_unknown_one_are_refused() {
    let mut fleet = looked_at();
    let refused = plan("balancer save other", &fleet).unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Unknown);
    assert_eq!(refused.remedy, "there is edge");
    fleet.balancers = Arc::from([BalancerSpec {
        environment: Some(Arc::from("prod")),
        ..edge()
    }]);
    assert!(plan("balancer save edge", &fleet).is_ok());
    fleet.environments = vec![EnvironmentSpec {
        name: Arc::from("prod"),
        guarded: true,
        read_only: true,
        deny: Vec::new(),
        worker_only: false,
        deploys: None,
        tags: Vec::new(),
        admission: Admission::default(),
    }];
    let refused = plan("balancer share edge shop 5", &fleet).unwrap_err();
    assert_eq!(refused.kind, RefusalKind::ReadOnly);
    assert_eq!(refused.why, "edge belongs to prod, which is read-only");
    fleet.environments.clear();
    fleet.balancers = Arc::from([BalancerSpec {
        read_only: true,
        ..edge()
    }]);
    assert_eq!(
        plan("balancer save edge", &fleet).unwrap_err().why,
        "edge is read-only"
    );
    fleet.balancers = Arc::from([edge()]);
    fleet.read_only = true;
    assert_eq!(
        plan("balancer save edge", &fleet).unwrap_err().kind,
        RefusalKind::ReadOnly
    );
}

#[test]
fn balancers_and_their_servers_are_completed() {
    let fleet = looked_at();
    let offers = |line: &str| -> Vec<String> {
        let offers = Sentence::complete(line, &fleet, &[]);
        offers
            .into_iter()
            .map(|one| one.text)
            .filter(|text| !text.starts_with('-'))
            .collect()
    };
    assert_eq!(offers("balancer drain "), ["edge"]);
    assert_eq!(
        offers("balancer drain edge "),
        ["shop/s1", "shop/s2", "shop/s3"]
    );
    assert_eq!(offers("balancer drain edge shop/s1 s3"), ["shop/s3"]);
    assert_eq!(offers("balancer show edge "), ["shop"]);
    assert_eq!(offers("balancer render shop --balancer "), ["edge"]);
}
