//! Servers come and go under load, and nobody is answered by an error.

use std::time::Duration;

use tokio::time::sleep;
use wharf::model::{Admin, BalancerAction, BalancerStep, Said, balancer::NOWHERE};

use super::{
    Reached, Shared,
    app::{App, Load, failed, from, until},
    bring, deaf, edge, name,
    proxy::Proxy,
    wait_up,
};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_reaches_a_server_before_its_checks_find_it_up() {
    let proxy = Proxy::start(4, 1);
    let edge = edge(&proxy);
    let (old, new) = (
        App::start("old", true).await,
        App::start("new", false).await,
    );
    bring(&edge, "shop_stable", &old).await;
    let load = Load::start(&proxy.path("front.sock"), 8);

    let slot = edge.enter("shop_stable", new.address).await.unwrap();
    assert_eq!((slot.admin, slot.is_up()), (Admin::Drain, false));
    until("it is checked", || async { new.checks() > 5 }).await;
    let refused = edge.admit(&slot).await.unwrap_err();
    assert!(
        refused.why.contains("its checks do not find it up"),
        "{refused}"
    );
    assert_eq!(new.hits(), 0, "it was sent requests before it was up");

    new.set_healthy(true);
    wait_up(&edge, &slot).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(new.hits(), 0, "it was sent requests in drain");
    edge.admit(&slot).await.unwrap();
    until("it is sent requests", || async { new.hits() > 100 }).await;
    let answers = load.stop().await;
    assert_eq!(failed(&answers), 0, "{answers:?}");
    assert!(
        from(&answers, "old") > 100 && from(&answers, "new") > 100,
        "{answers:?}"
    );
}

/// The other way round, which proves that the counting above sees it: `state ready` alone sends requests at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_made_ready_without_that_is_sent_requests_at_once() {
    let proxy = Proxy::start(4, 1);
    let edge = edge(&proxy);
    let (old, new) = (
        App::start("old", true).await,
        App::start("new", false).await,
    );
    new.set_status(503);
    bring(&edge, "shop_stable", &old).await;
    let load = Load::start(&proxy.path("front.sock"), 8);
    let port = new.address.port();
    proxy.raw(&format!("set server shop_stable/s2 addr 127.0.0.1 port {port}; set server shop_stable/s2 state ready"));
    sleep(Duration::from_secs(1)).await;
    let answers = load.stop().await;
    assert!(new.hits() > 0 && failed(&answers) > 0, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_waits_for_what_is_under_way_and_loses_nothing() {
    let proxy = Proxy::start(2, 1);
    let edge = edge(&proxy);
    let (old, new) = (App::start("old", true).await, App::start("new", true).await);
    old.set_delay(Duration::from_millis(400));
    let slot = bring(&edge, "shop_stable", &old).await;
    let load = Load::start(&proxy.path("front.sock"), 12);
    until("the old one is busy", || async { old.busy() >= 6 }).await;
    bring(&edge, "shop_stable", &new).await;

    edge.drain(&slot.name).await.unwrap();
    assert!(old.busy() > 0, "nothing was under way");
    let said: Shared<Said> = Shared::default();
    let say = |one| said.lock().unwrap().push(one);
    let empty = edge
        .emptied(&slot.name, Duration::from_secs(10), &say)
        .await
        .unwrap();
    assert_eq!((empty.sessions, old.busy()), (0, 0));
    assert!(
        matches!(said.lock().unwrap().first(), Some(Said::Amount(amount)) if amount.total > Some(0))
    );
    let hits = old.hits();
    edge.retire(&slot.name).await.unwrap();
    let retired = edge.slot(&slot.name).await.unwrap();
    assert_eq!(
        (retired.admin, retired.address),
        (Admin::Maintenance, Some(NOWHERE))
    );
    sleep(Duration::from_millis(300)).await;
    let answers = load.stop().await;
    assert_eq!(failed(&answers), 0, "{answers:?}");
    assert_eq!(old.hits(), hits, "it was sent requests in drain");

    // Its slot is there for the next one.
    let third = App::start("third", true).await;
    assert_eq!(bring(&edge, "shop_stable", &third).await.name, slot.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_releases_under_load_lose_no_request() {
    let proxy = Proxy::start(4, 1);
    let edge = edge(&proxy);
    let mut running = vec![App::start("r0", true).await];
    bring(&edge, "shop_stable", &running[0]).await;
    let load = Load::start(&proxy.path("front.sock"), 8);
    for release in 1..=10 {
        let new = App::start(&format!("r{release}"), release % 3 != 0).await;
        new.set_delay(Duration::from_millis(release % 4 * 5));
        let slot = edge.enter("shop_stable", new.address).await.unwrap();
        if release % 3 == 0 {
            // One that never gets healthy goes as it came.
            until("it is checked", || async { new.checks() > 3 }).await;
            assert!(edge.admit(&slot).await.is_err());
            edge.retire(&slot.name).await.unwrap();
            assert_eq!(new.hits(), 0);
            continue;
        }
        wait_up(&edge, &slot).await;
        edge.admit(&slot).await.unwrap();
        until("the new one serves", || async { new.hits() > 20 }).await;
        let old = running.pop().unwrap();
        let slots = edge.slots("shop_stable").await.unwrap();
        let of_old = slots
            .iter()
            .find(|slot| slot.address == Some(old.address))
            .unwrap();
        edge.drain(&of_old.name).await.unwrap();
        edge.emptied(&of_old.name, Duration::from_secs(10), &deaf())
            .await
            .unwrap();
        edge.retire(&of_old.name).await.unwrap();
        running.push(new);
    }
    let asked = load.answered();
    let answers = load.stop().await;
    assert_eq!(failed(&answers), 0, "{answers:?}");
    assert!(asked > 1000, "only {asked} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn entering_again_changes_nothing() {
    let proxy = Proxy::start(2, 1);
    let edge = edge(&proxy);
    let app = App::start("one", true).await;
    let slot = bring(&edge, "shop_stable", &app).await;
    let again = edge.enter("shop_stable", app.address).await.unwrap();
    assert_eq!((&again.name, again.admin), (&slot.name, Admin::Ready));
    edge.admit(&again).await.unwrap();

    // A rest keeps the address, and nobody else gets the slot.
    edge.rest(&slot.name).await.unwrap();
    let other = App::start("other", true).await;
    let elsewhere = edge.enter("shop_stable", other.address).await.unwrap();
    assert_ne!(elsewhere.name, slot.name);
    let back = edge.enter("shop_stable", app.address).await.unwrap();
    assert_eq!((&back.name, back.admin), (&slot.name, Admin::Drain));
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_out_of_maintenance_begins_with_the_checks() {
    let proxy = Proxy::start(2, 1);
    let reached = Reached::of(proxy.spec());
    let edge = reached.edge();
    let (one, two) = (App::start("one", true).await, App::start("two", true).await);
    bring(&edge, "shop_stable", &one).await;
    let slot = bring(&edge, "shop_stable", &two).await;
    edge.rest(&slot.name).await.unwrap();
    two.set_healthy(false);
    let hits = two.hits();
    let load = Load::start(&proxy.path("front.sock"), 4);
    let step = BalancerStep {
        balancer: "edge".into(),
        action: BalancerAction::Ready {
            server: slot.name.clone(),
            wait: 1,
        },
    };
    let late = reached.all.act(&step, &deaf()).await.unwrap_err();
    assert!(
        late.why.contains("did not find it up in 1 s (L7STS"),
        "{late}"
    );
    assert_eq!(two.hits(), hits);
    two.set_healthy(true);
    let done = reached.all.act(&step, &deaf()).await.unwrap();
    assert!(done.starts_with("up (L7OK"), "{done}");
    until("it serves", || async { two.hits() > hits }).await;
    let answers = load.stop().await;
    assert_eq!(failed(&answers), 0, "{answers:?}");

    edge.weight(&slot.name, 0).await.unwrap();
    let slot = edge.slot(&name("shop_stable/s2")).await.unwrap();
    assert_eq!((slot.weight, slot.is_serving()), (0, false));
}
