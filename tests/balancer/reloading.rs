//! What survives a reload of the balancer, and what does not.

use std::fs;

use wharf::model::{Admin, Share};

use super::{
    app::{App, Load, failed, until},
    bring, edge,
    proxy::{Proxy, head},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_is_there_after_a_reload_under_load() {
    let proxy = Proxy::start(3, 2);
    let edge = edge(&proxy);
    let (one, two) = (App::start("one", true).await, App::start("two", true).await);
    let canary = App::start("canary", true).await;
    let first = bring(&edge, "shop_stable", &one).await;
    let second = bring(&edge, "shop_stable", &two).await;
    bring(&edge, "shop_canary", &canary).await;
    edge.weight(&first.name, 7).await.unwrap();
    edge.drain(&second.name).await.unwrap();
    let map = proxy.text("canary.map");
    edge.set_share(&map, "shop", Share::new(25).unwrap())
        .await
        .unwrap();
    let done = edge.save().await.unwrap();
    assert_eq!(done.len(), 2, "{done:?}");
    let kept = fs::read_to_string(&map).unwrap();
    assert_eq!(kept, "# shares of canaries\nshop 25\n");

    let before = edge.backends().await.unwrap();
    let load = Load::start(&proxy.path("front.sock"), 8);
    until("there is load", || async { load.answered() > 200 }).await;
    for _ in 0..2 {
        proxy.reload();
        let so_far = load.answered();
        until("there is load", || async { load.answered() > so_far + 200 }).await;
    }
    let answers = load.stop().await;
    assert_eq!(failed(&answers), 0, "{answers:?}");
    let after = edge.backends().await.unwrap();
    for (before, after) in before.iter().zip(&after) {
        for (before, after) in before.slots.iter().zip(&after.slots) {
            assert_eq!(
                (&before.name, before.address, before.admin, before.weight),
                (&after.name, after.address, after.admin, after.weight)
            );
        }
    }
    assert_eq!(edge.share(&map, "shop").await.unwrap(), Share::new(25));
    let slots = edge.slots("shop_stable").await.unwrap();
    assert_eq!(slots[1].admin, Admin::Drain);
}

/// Why `render` gives slots a name: with an address in the configuration a reload brings that back, saved or not.
#[tokio::test(flavor = "multi_thread")]
async fn slots_of_an_address_have_that_again_after_a_reload() {
    let proxy = Proxy::with(|dir| {
        format!(
            "{}backend shop\n  option httpchk GET /healthz\n  default-server check inter 100ms\n  \
             server-template s 1-2 192.0.2.1:1 disabled\n",
            head(dir)
        )
    });
    let edge = edge(&proxy);
    let app = App::start("one", true).await;
    let slot = bring(&edge, "shop", &app).await;
    edge.save().await.unwrap_err();
    let spec = wharf::model::BalancerSpec {
        map: None,
        ..proxy.spec()
    };
    super::Reached::of(spec).edge().save().await.unwrap();
    proxy.reload();
    let after = edge.slot(&slot.name).await.unwrap();
    assert_eq!(
        after.address.unwrap().to_string(),
        format!("192.0.2.1:{}", app.address.port())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_saved_is_gone() {
    let proxy = Proxy::start(2, 1);
    let edge = edge(&proxy);
    let app = App::start("one", true).await;
    bring(&edge, "shop_stable", &app).await;
    proxy.reload();
    assert_eq!(edge.backend("shop_stable").await.unwrap().serving(), 0);
}
