//! Canaries: shares by a map, the guard of an empty one, and the analysis of what was counted.

use std::time::Duration;

use futures_util::StreamExt as _;
use wharf::{
    clients::haproxy::Watched,
    model::{Share, Verdict, balancer::Rules},
};

use super::{
    app::{App, Load, ask, failed, from, until},
    bring, edge,
    proxy::Proxy,
};

/// Percentage points that a share may be off; four times what chance makes of ten thousand requests.
const TOLERANCE: f64 = 2.0;
const REQUESTS: u32 = 10_000;

fn percent(percent: u8) -> Share {
    Share::new(percent).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_map_is_the_share_of_requests() {
    let proxy = Proxy::start(2, 2);
    let edge = edge(&proxy);
    let (stable, canary) = (
        App::start("stable", true).await,
        App::start("canary", true).await,
    );
    bring(&edge, "shop_stable", &stable).await;
    bring(&edge, "shop_canary", &canary).await;
    let map = proxy.text("canary.map");
    let front = proxy.path("front.sock");
    for share in [0, 5, 25, 50, 100] {
        edge.set_share(&map, "shop", percent(share)).await.unwrap();
        assert_eq!(
            edge.share(&map, "shop").await.unwrap(),
            Some(percent(share))
        );
        let answers = ask(&front, REQUESTS.into(), "").await;
        assert_eq!(failed(&answers), 0, "{answers:?}");
        let got = u32::try_from(from(&answers, "canary")).unwrap();
        let got = f64::from(got) * 100.0 / f64::from(REQUESTS);
        assert!(
            (got - f64::from(share)).abs() <= TOLERANCE,
            "{share} % was {got} %"
        );
        println!("share {share} %: {got:.1} % of {REQUESTS}");
    }
    edge.set_share(&map, "shop", Share::NONE).await.unwrap();
    let answers = ask(&front, 50, "X-Canary: 1\r\n").await;
    assert_eq!(from(&answers, "canary"), 50, "{answers:?}");
    // A key that the map does not have is added.
    assert_eq!(edge.share(&map, "other").await.unwrap(), None);
    edge.set_share(&map, "other", percent(7)).await.unwrap();
    let shares = edge.shares(&map).await.unwrap();
    assert_eq!(shares.len(), 2, "{shares:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_canary_is_never_chosen() {
    let proxy = Proxy::start(2, 1);
    let edge = edge(&proxy);
    let (stable, canary) = (
        App::start("stable", true).await,
        App::start("canary", true).await,
    );
    bring(&edge, "shop_stable", &stable).await;
    edge.set_share(&proxy.text("canary.map"), "shop", percent(50))
        .await
        .unwrap();
    let front = proxy.path("front.sock");
    for header in ["", "X-Canary: 1\r\n"] {
        let answers = ask(&front, 300, header).await;
        assert_eq!(from(&answers, "stable"), 300, "{answers:?}");
    }
    // One that goes down is left by itself.
    let slot = bring(&edge, "shop_canary", &canary).await;
    assert!(from(&ask(&front, 300, "").await, "canary") > 50);
    canary.set_healthy(false);
    until("it is down", || async {
        !edge.slot(&slot.name).await.unwrap().is_up()
    })
    .await;
    let answers = ask(&front, 300, "").await;
    assert_eq!(from(&answers, "stable"), 300, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_count_what_was_asked() {
    let proxy = Proxy::start(2, 1);
    let edge = edge(&proxy);
    let app = App::start("stable", true).await;
    bring(&edge, "shop_stable", &app).await;
    let front = proxy.path("front.sock");
    let before = edge.counters("shop_stable").await.unwrap();
    ask(&front, 200, "").await;
    app.set_status(500);
    app.set_delay(Duration::from_millis(30));
    ask(&front, 40, "").await;
    let backend = edge.backend("shop_stable").await.unwrap();
    let did = backend.counters.since(&before).unwrap();
    assert_eq!((did.requests, did.errors_5xx, did.broken()), (240, 40, 0));
    assert!((3..60).contains(&did.total_ms), "{did:?}");
    let serving = backend.slots.iter().find(|slot| slot.is_serving()).unwrap();
    assert_eq!(serving.counters.requests, 240);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_says_what_is_to_be_thought_of_a_canary() {
    let proxy = Proxy::start(2, 1);
    let edge = edge(&proxy);
    let (stable, canary) = (
        App::start("stable", true).await,
        App::start("canary", true).await,
    );
    bring(&edge, "shop_stable", &stable).await;
    bring(&edge, "shop_canary", &canary).await;
    let watch = |every| {
        edge.watch(Watched {
            stable: "shop_stable".to_owned(),
            canary: "shop_canary".to_owned(),
            every,
            rules: Rules::default(),
        })
    };
    // Nobody comes to it.
    let load = Load::start(&proxy.path("front.sock"), 8);
    let mut quiet = watch(Duration::from_millis(200));
    let sample = quiet.next().await.unwrap().unwrap();
    assert!(
        matches!(sample.verdict, Verdict::Inconclusive(_)),
        "{sample:?}"
    );
    assert_eq!(sample.canary.requests, 0);

    // It is as good.
    let map = proxy.text("canary.map");
    edge.set_share(&map, "shop", percent(50)).await.unwrap();
    let good = watch(Duration::from_millis(200));
    let mut settled = good
        .filter_map(|one| async { one.ok().filter(|one| one.verdict == Verdict::Success) })
        .boxed();
    let sample = tokio::time::timeout(Duration::from_secs(20), settled.next())
        .await
        .unwrap()
        .unwrap();
    assert!(
        sample.canary.requests >= 200 && sample.canary.errors_5xx == 0,
        "{sample:?}"
    );

    // It is worse: that is said as soon as there is enough to compare it with, and not before.
    canary.set_status(500);
    let bad = watch(Duration::from_millis(200)).filter_map(|one| async {
        one.ok()
            .filter(|one| !matches!(one.verdict, Verdict::Inconclusive(_)))
    });
    let mut bad = bad.boxed();
    let settled = tokio::time::timeout(Duration::from_secs(20), bad.next()).await;
    let Verdict::Failure(why) = settled.unwrap().unwrap().verdict else {
        panic!("a canary that always fails is as good")
    };
    assert!(why.contains("100.0 % answers with an error"), "{why}");
    load.stop().await;
}
