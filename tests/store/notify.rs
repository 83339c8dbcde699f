//! Notifications: one conformance suite for both databases.

use std::time::Duration;

use wharf::{
    model::{
        HostName, Timestamp,
        notify::{DeliveryState, Kind, Notice, Places, Routing, Turn, host_notice, of_operation},
    },
    store::{Store, Tried},
};

use crate::{ground::Ground, scene::perform};

fn notice(key: &str, same: &str) -> Notice {
    let at = Timestamp::now();
    let mut one = Notice::new(Kind::Run, Turn::Success, at, key.to_owned(), key);
    same.clone_into(&mut one.same);
    one
}

fn routing(channel: &str, repeat: i64) -> Routing {
    Routing {
        channel: channel.to_owned(),
        held_until: None,
        repeat,
        given_up: None,
    }
}

/// Puts all that is new into the queues.
async fn route(store: &Store, routing: &Routing) {
    let all = store.unrouted().await.unwrap();
    let all: Vec<_> = all
        .into_iter()
        .map(|(number, notice)| (number, notice, vec![routing.clone()]))
        .collect();
    store.route_notices(&all).await.unwrap();
    // Whoever comes second changes nothing.
    store.route_notices(&all).await.unwrap();
}

async fn read_news(store: &Store) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(news) = store.news().await.unwrap() {
        let operations = news.operations.iter();
        let notices: Vec<Notice> = operations
            .filter_map(|one| of_operation(one, Places(&[])))
            .collect();
        assert!(store.take_news(&news, &notices).await.unwrap());
        // Another one that looked at the same time is told that it came too late.
        assert!(!store.take_news(&news, &notices).await.unwrap());
        told.extend(notices.into_iter().map(|one| one.title));
    }
    told
}

#[expect(
    clippy::too_many_lines,
    reason = "one story, for a database is not made for each promise"
)]
async fn conforms(store: &Store) {
    // What was before the first look is not told; what comes then is, once, however much it is.
    perform(store, "container stop a@x").await;
    assert!(read_news(store).await.is_empty());
    for number in 0..450 {
        perform(store, &format!("container start c{number}@x")).await;
    }
    let told = read_news(store).await;
    assert_eq!(told.len(), 450);
    assert_eq!(told[0], "container start c0@x: done");
    assert!(read_news(store).await.is_empty());
    let mut kept = 0;
    loop {
        let all = store.unrouted().await.unwrap();
        if all.is_empty() {
            break;
        }
        kept += all.len();
        let all: Vec<_> = all
            .into_iter()
            .map(|(n, one)| (n, one, Vec::new()))
            .collect();
        store.route_notices(&all).await.unwrap();
    }
    assert_eq!(kept, 450);

    // A notice is kept once, and goes out once.
    store.post_notice(&notice("one", "one")).await.unwrap();
    store.post_notice(&notice("one", "one")).await.unwrap();
    route(store, &routing("ops", 0)).await;
    assert_eq!(store.due_channels().await.unwrap(), ["ops"]);
    assert_eq!(store.claim_delivery("other", 60).await.unwrap(), None);
    let first = store.claim_delivery("ops", 60).await.unwrap().unwrap();
    assert_eq!(first.message.title(), "one");
    // Leased, nobody else gets it.
    assert_eq!(store.claim_delivery("ops", 60).await.unwrap(), None);
    assert!(store.due_channels().await.unwrap().is_empty());

    // After a try that failed it waits, and what comes after it waits behind it.
    store.post_notice(&notice("two", "two")).await.unwrap();
    route(store, &routing("ops", 0)).await;
    let again = Tried::Again {
        why: "no route".to_owned(),
        after: 2,
        channel: true,
    };
    assert!(store.settle_delivery(&first, &again).await.unwrap());
    // A late word changes nothing.
    let sent = Tried::Sent("ok".to_owned());
    assert_eq!(store.claim_delivery("ops", 60).await.unwrap(), None);
    let standing = store
        .channel_standings()
        .await
        .unwrap()
        .remove("ops")
        .unwrap();
    assert_eq!(
        (standing.waiting, standing.error.as_deref()),
        (2, Some("no route"))
    );
    tokio::time::sleep(Duration::from_millis(3100)).await;
    // The same message has the same id.
    let repeated = store.claim_delivery("ops", 0).await.unwrap().unwrap();
    assert_eq!(repeated.message.id, first.message.id);
    assert_eq!((repeated.tries, repeated.began), (1, first.began));
    // Its lease is over: somebody else sends it, and the first one's word does not count.
    let other = store.claim_delivery("ops", 60).await.unwrap().unwrap();
    assert_eq!(other.message.id, first.message.id);
    assert!(!store.settle_delivery(&repeated, &again).await.unwrap());
    assert!(store.settle_delivery(&other, &sent).await.unwrap());
    assert!(!store.settle_delivery(&other, &again).await.unwrap());
    let two = store.claim_delivery("ops", 60).await.unwrap().unwrap();
    assert_eq!(two.message.title(), "two");
    let given_up = Tried::GivenUp("too often".to_owned());
    assert!(store.settle_delivery(&two, &given_up).await.unwrap());
    let failed = store
        .deliveries(Some("ops"), Some(DeliveryState::Failed), 10)
        .await
        .unwrap();
    assert_eq!((failed.len(), failed[0].told.as_str()), (1, "too often"));
    assert_eq!(store.retry_deliveries(Some("none"), &[]).await.unwrap(), 0);
    let number = failed[0].number;
    assert_eq!(store.retry_deliveries(None, &[number]).await.unwrap(), 1);
    let two = store.claim_delivery("ops", 60).await.unwrap().unwrap();
    assert_eq!(two.tries, 0);
    assert!(store.settle_delivery(&two, &sent).await.unwrap());

    // Equal ones are told once at first, then once for all that come in a while.
    for key in ["flap 1", "flap 2", "flap 3"] {
        store.post_notice(&notice(key, "flap")).await.unwrap();
        route(store, &routing("desk", 2)).await;
        if key == "flap 1" {
            let one = store.claim_delivery("desk", 60).await.unwrap().unwrap();
            store.settle_delivery(&one, &sent).await.unwrap();
        }
    }
    assert_eq!(store.claim_delivery("desk", 60).await.unwrap(), None);
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let rest = store.claim_delivery("desk", 60).await.unwrap().unwrap();
    assert_eq!(rest.message.title(), "flap 3 (2 times)");
    store.settle_delivery(&rest, &sent).await.unwrap();

    // What waits for the end of a quiet time comes together; what is urgent does not wait.
    let until = Timestamp::now() + Duration::from_secs(3);
    for key in ["held 1", "held 2"] {
        store.post_notice(&notice(key, key)).await.unwrap();
    }
    let held = Routing {
        held_until: Some(until),
        ..routing("quiet", 60)
    };
    route(store, &held).await;
    store
        .post_notice(&notice("urgent", "urgent"))
        .await
        .unwrap();
    route(store, &routing("quiet", 60)).await;
    let urgent = store.claim_delivery("quiet", 60).await.unwrap().unwrap();
    assert_eq!(urgent.message.title(), "urgent");
    store.settle_delivery(&urgent, &sent).await.unwrap();
    assert_eq!(store.claim_delivery("quiet", 60).await.unwrap(), None);
    tokio::time::sleep(Duration::from_millis(4100)).await;
    let both = store.claim_delivery("quiet", 60).await.unwrap().unwrap();
    assert_eq!(both.message.title(), "2 notifications");
    assert!(both.message.text().contains("held 1\n"));
    // Together it goes out again, and nothing that came meanwhile goes with it.
    let again = Tried::Again {
        why: "no".to_owned(),
        after: 0,
        channel: false,
    };
    store.settle_delivery(&both, &again).await.unwrap();
    store
        .post_notice(&notice("held 3", "held 3"))
        .await
        .unwrap();
    route(store, &held).await;
    let same = store.claim_delivery("quiet", 60).await.unwrap().unwrap();
    assert_eq!(same.message, both.message);
    store.settle_delivery(&same, &sent).await.unwrap();

    // What is too old is not told, and that is told.
    store.post_notice(&notice("old", "old")).await.unwrap();
    let old = Routing {
        given_up: Some("it was older than 24 h".to_owned()),
        ..routing("late", 0)
    };
    route(store, &old).await;
    let late = store.deliveries(Some("late"), None, 10).await.unwrap();
    assert_eq!(late[0].state, DeliveryState::Failed);

    // A host is lost once and back once.
    let name = HostName::new("ams-1");
    let lost = host_notice(&name, Some("no route"), Timestamp::now(), Places(&[]));
    let back = host_notice(&name, None, Timestamp::now(), Places(&[]));
    assert!(!store.host_turned(&name, false, &back).await.unwrap());
    assert!(store.host_turned(&name, true, &lost).await.unwrap());
    assert!(!store.host_turned(&name, true, &lost).await.unwrap());
    assert_eq!(
        store.lost_hosts().await.unwrap(),
        std::slice::from_ref(&name)
    );
    assert!(store.host_turned(&name, false, &back).await.unwrap());
    assert!(store.lost_hosts().await.unwrap().is_empty());
    assert_eq!(store.unrouted().await.unwrap().len(), 2);

    assert!(!store.is_delivering().await.unwrap());
    store.delivers().await.unwrap();
    assert!(store.is_delivering().await.unwrap());
    assert!(store.watches_hosts().await.unwrap());
    assert!(store.watches_hosts().await.unwrap());
}

async fn every_notification_goes_out_once(ground: Ground) {
    let store = ground.store().await;
    conforms(&store).await;
    store.close().await;
}

on_both!(every_notification_goes_out_once);
