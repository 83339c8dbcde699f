//! Releases and deploys: one conformance suite for both databases.

use std::{collections::BTreeMap, sync::Arc};

use wharf::{
    model::{
        Timestamp,
        app::{AppName, Spec},
        release::{Deploys, Phase, Policy, Release, ReleaseNumber, Rollout, Scope, Wish},
    },
    store::{Begun, Store},
};

use crate::ground::Ground;

fn scope(app: &str, environment: &str) -> Scope {
    Scope {
        app: AppName::new(app).unwrap(),
        environment: environment.into(),
    }
}

fn rollout(scope: &Scope, number: u32) -> Rollout {
    Rollout {
        release: Arc::new(Release {
            stack: None,
            fronts: std::collections::BTreeMap::new(),
            scope: scope.clone(),
            number: ReleaseNumber(number),
            spec: Spec::new(scope.app.clone()),
            pins: BTreeMap::new(),
            targets: Vec::new(),
            at: Timestamp::from_second(1_790_000_000).unwrap(),
            by: "ann@ops".to_owned(),
            source: "shop.yaml".to_owned(),
            reason: Some("why not".to_owned()),
        }),
        previous: None,
        policy: Policy::default(),
        adopt: false,
        generate: Vec::new(),
        bundle: None,
        seen: BTreeMap::new(),
        trials: BTreeMap::new(),
    }
}

/// Every promise of the store about releases, in one go: a database is not made for each.
async fn conforms(store: &Store) {
    let (dev, prod) = (scope("shop", "dev"), scope("shop", "prod"));
    let one = rollout(&dev, 1);
    let Begun::Lease(lease) = store.begin_deploy(&one).await.unwrap() else {
        panic!("the first deploy begins");
    };
    // One at a time for each app in each environment.
    let Begun::Held(held) = store.begin_deploy(&rollout(&dev, 2)).await.unwrap() else {
        panic!("a second one does not");
    };
    assert_eq!(
        (held.number, held.by.as_str(), held.phase),
        (ReleaseNumber(1), "ann@ops", Phase::Rolling)
    );
    assert!(held.is_live(), "{held:?}");
    let other = store.begin_deploy(&rollout(&prod, 1)).await.unwrap();
    assert!(matches!(other, Begun::Lease(_)), "{other:?}");
    // Who works is not taken over.
    let (taken, again, phase) = store.take_deploy(&dev, "bob@ops").await.unwrap().unwrap();
    assert!(matches!(taken, Begun::Held(_)), "{taken:?}");
    assert_eq!((&again, phase), (&one, Phase::Rolling));
    // Wishes reach whoever works.
    assert_eq!(
        store
            .renew_deploy(&lease, Phase::Rolling, "batch 1")
            .await
            .unwrap(),
        Some(Wish::Go)
    );
    store.wish_deploy(&dev, Wish::Abort).await.unwrap().unwrap();
    assert_eq!(
        store
            .renew_deploy(&lease, Phase::Rolling, "batch 2")
            .await
            .unwrap(),
        Some(Wish::Abort)
    );
    // It stands still, and somebody else goes on; the one before is told.
    assert!(
        store
            .end_deploy(&lease, Phase::Paused, "paused")
            .await
            .unwrap()
    );
    let (held, kept) = store.open_deploy(&dev).await.unwrap().unwrap();
    assert_eq!(
        (held.phase, held.detail.as_str(), held.is_live()),
        (Phase::Paused, "paused", false)
    );
    assert_eq!(kept, one);
    let (taken, ..) = store.take_deploy(&dev, "bob@ops").await.unwrap().unwrap();
    let Begun::Lease(new) = taken else {
        panic!("what stands still can be taken");
    };
    assert!(new.token > lease.token);
    assert_eq!(
        store
            .renew_deploy(&lease, Phase::Rolling, "late")
            .await
            .unwrap(),
        None
    );
    assert!(
        !store
            .end_deploy(&lease, Phase::Failed, "late")
            .await
            .unwrap()
    );
    assert_eq!(
        store.renew_deploy(&new, Phase::Rolling, "").await.unwrap(),
        Some(Wish::Go)
    );
    assert!(store.end_deploy(&new, Phase::Succeeded, "").await.unwrap());
    assert!(store.open_deploy(&dev).await.unwrap().is_none());
    assert!(store.take_deploy(&dev, "bob@ops").await.unwrap().is_none());
    consoles_know(store, &dev, &prod).await;
    numbers_and_lists(store, &dev, &prod, &one).await;
}

/// What is shown of deploys: the open one of the one, and the release that is everywhere of the other.
async fn consoles_know(store: &Store, dev: &Scope, prod: &Scope) {
    let nothing = Deploys::default();
    let told = store.deployed(&nothing, Some(dev), true).await.unwrap();
    let open: Vec<&Scope> = told.open.keys().collect();
    assert_eq!(open, [prod]);
    assert_eq!(told.open[prod].rollout.release.number, ReleaseNumber(1));
    let current: Vec<(&Scope, u32)> = told
        .current
        .iter()
        .map(|(scope, release)| (scope, release.number.0))
        .collect();
    assert_eq!(current, [(dev, 1)]);
    let history = told.history(dev).unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].1.phase, Phase::Succeeded);
    assert_eq!(history[0].1.seconds_left, 0);
    assert_eq!(told.history(prod), None);
    // What is known is not read again, and is the same.
    let again = store.deployed(&told, Some(dev), false).await.unwrap();
    assert_eq!(again.current, told.current);
    assert_eq!(again.history, told.history);
    assert!(Arc::ptr_eq(
        &again.open[prod].rollout,
        &told.open[prod].rollout
    ));
    // Without being asked to, nobody looks which releases are everywhere.
    let quick = store.deployed(&nothing, None, false).await.unwrap();
    assert!(quick.current.is_empty() && quick.history.is_none());
}

/// What holds after a first release of one and the beginning of one of the other.
async fn numbers_and_lists(store: &Store, dev: &Scope, prod: &Scope, one: &Rollout) {
    // Numbers have no gaps and are given once.
    assert_eq!(
        store.begin_deploy(&rollout(dev, 1)).await.unwrap(),
        Begun::Overtaken
    );
    assert_eq!(
        store.begin_deploy(&rollout(dev, 3)).await.unwrap(),
        Begun::Overtaken
    );
    let Begun::Lease(second) = store.begin_deploy(&rollout(dev, 2)).await.unwrap() else {
        panic!("the next one begins");
    };
    // Given up: whoever worked on it is told.
    let held = store
        .break_deploy(dev, "given up by bob")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(held.number, ReleaseNumber(2));
    assert_eq!(
        store
            .renew_deploy(&second, Phase::Rolling, "")
            .await
            .unwrap(),
        None
    );
    assert!(store.break_deploy(dev, "").await.unwrap().is_none());
    // What is there is read as it was written, newest first.
    let all = store.releases(dev, 10).await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|(release, held)| (release.number.0, held.phase))
        .collect();
    assert_eq!(told, [(2, Phase::Failed), (1, Phase::Succeeded)]);
    assert_eq!(all[1].0, *one.release);
    assert_eq!(
        store.environments_of(&dev.app).await.unwrap(),
        ["dev", "prod"]
    );
    let open = store.deploys(true, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].scope, *prod);
    assert_eq!(store.deploys(false, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn releases_in_a_file() {
    let ground = Ground::file();
    conforms(&ground.store().await).await;
    // Another program reads the same.
    let again = ground.store().await;
    assert_eq!(
        again
            .releases(&scope("shop", "dev"), 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn releases_on_a_server() {
    let ground = Ground::server().await;
    conforms(&ground.store().await).await;
}

/// So many deploys go on in an environment as it takes; those that stand still keep nobody off.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_environment_takes_so_many_deploys_at_once() {
    for ground in [Ground::file(), Ground::server().await] {
        let store = ground.store().await;
        let limited = |app: &str, environment: &str| {
            let mut rollout = rollout(&scope(app, environment), 1);
            rollout.policy.at_once = Some(2);
            rollout
        };
        let all = ["a", "b", "c", "d"].map(|app| limited(app, "qa"));
        let (a, b, c, d) = tokio::join!(
            store.begin_deploy(&all[0]),
            store.begin_deploy(&all[1]),
            store.begin_deploy(&all[2]),
            store.begin_deploy(&all[3]),
        );
        let all = [a, b, c, d].map(Result::unwrap);
        let begun: Vec<_> = all
            .iter()
            .filter_map(|one| match one {
                Begun::Lease(lease) => Some(lease.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(begun.len(), 2, "{all:?}");
        let full = all
            .iter()
            .filter(|one| matches!(one, Begun::Full(held) if held.len() == 2));
        assert_eq!(full.count(), 2, "{all:?}");
        // Another environment is another matter, and what knows no bound (a way back) begins.
        let other = store.begin_deploy(&limited("c", "dev")).await.unwrap();
        assert!(matches!(other, Begun::Lease(_)), "{other:?}");
        let free = rollout(&scope("e", "qa"), 1);
        let free = store.begin_deploy(&free).await.unwrap();
        assert!(matches!(free, Begun::Lease(_)), "{free:?}");
        for lease in &begun {
            let paused = store.end_deploy(lease, Phase::Paused, "people").await;
            assert!(paused.unwrap());
        }
        let next = store.begin_deploy(&limited("f", "qa")).await.unwrap();
        assert!(matches!(next, Begun::Lease(_)), "{next:?}");
    }
}

/// Of many that begin at the same moment one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_begins() {
    for ground in [Ground::file(), Ground::server().await] {
        let scope = scope("shop", "dev");
        let begun = (0..12).map(|_| {
            let (place, rollout) = (ground.place(), rollout(&scope, 1));
            tokio::spawn(async move {
                let store = Store::open(&place).await.unwrap();
                store.begin_deploy(&rollout).await.unwrap()
            })
        });
        let mut won = 0;
        for one in begun.collect::<Vec<_>>() {
            won += usize::from(matches!(one.await.unwrap(), Begun::Lease(_)));
        }
        assert_eq!(won, 1);
    }
}
