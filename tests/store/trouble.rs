//! A locked or newer database, and a spill that a crash left behind: no act is lost silently, none blocks.

use std::{
    fs,
    time::{Duration, Instant},
};

use wharf::store::{ErrorKind, Store};

use crate::{
    ground::Ground,
    scene::{act, all, done, faults, perform},
};

on_both!(
    a_locked_database_delays_an_act_for_seconds_and_loses_none,
    a_newer_database_is_not_touched,
    records_that_cannot_be_read_are_noted_and_the_others_taken,
    what_was_taken_in_before_a_crash_is_not_taken_twice,
    acts_wait_while_what_is_configured_cannot_be_used,
);

async fn a_locked_database_delays_an_act_for_seconds_and_loses_none(ground: Ground) {
    let place = ground.place();
    let store = Store::open(&place).await.unwrap();
    let before = store
        .begin(&act("container start before@ams-1"))
        .await
        .unwrap();
    let mut other = ground.behind().await;
    other.hold().await;
    let clock = Instant::now();
    let ticket = store
        .begin(&act("container start late@ams-1"))
        .await
        .unwrap();
    // Five seconds at most for the database, as much for the spill; here it is half of the first.
    assert!(
        clock.elapsed() < Duration::from_secs(10),
        "{:?}",
        clock.elapsed()
    );
    assert_eq!(ticket.number, None);
    let why = ticket.waits.as_ref().unwrap();
    assert!(
        matches!(why.kind, ErrorKind::Locked | ErrorKind::Timeout),
        "{why}"
    );
    store.finish(&ticket, &done(), 1).await.unwrap();
    store.finish(&before, &done(), 1).await.unwrap();
    let waiting = store.waiting().await.unwrap();
    assert_eq!(
        (waiting.len(), waiting[0].number, &waiting[0].outcome),
        (1, 0, &done())
    );
    assert_eq!(all(&store).await.len(), 1, "reading goes on");

    other.run("rollback").await;
    perform(&store, "container start after@ams-1").await;
    assert!(store.waiting().await.unwrap().is_empty());
    let operations = all(&store).await;
    let sentences: Vec<&str> = operations
        .iter()
        .map(|operation| operation.sentence.as_str())
        .collect();
    let expected = [
        "container start after@ams-1",
        "container start late@ams-1",
        "container start before@ams-1",
    ];
    assert_eq!(sentences, expected);
    assert!(
        operations
            .iter()
            .all(|operation| operation.outcome == done())
    );
    let late = ground
        .entries()
        .await
        .iter()
        .filter(|entry| entry.contains("\"late\""))
        .count();
    assert_eq!(
        late, 3,
        "the late act's two entries, and the end of the one before"
    );
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

async fn a_newer_database_is_not_touched(ground: Ground) {
    let place = ground.place();
    ground.store().await.close().await;
    let mut behind = ground.behind().await;
    let newer = if ground.is_file() {
        "pragma user_version = 99"
    } else {
        "update migration set number = 99"
    };
    behind.run(newer).await;
    behind.close().await;
    let error = Store::open(&place).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Newer, "{error}");
}

async fn records_that_cannot_be_read_are_noted_and_the_others_taken(ground: Ground) {
    let place = ground.place();
    let detached = Store::detached(&ground.broken_place());
    let one = detached
        .begin(&act("container start one@ams-1"))
        .await
        .unwrap();
    // A program that was killed left half a line.
    let half = format!(
        "{}{{\"kind\":\"begin\",\"tok",
        fs::read_to_string(&place.spill).unwrap()
    );
    fs::write(&place.spill, half).unwrap();
    detached.finish(&one, &done(), 1).await.unwrap();
    let store = Store::open(&place).await.unwrap();
    store.interrupted().await.unwrap();
    let operations = all(&store).await;
    assert_eq!((operations.len(), &operations[0].outcome), (1, &done()));
    let noted = ground.entries().await;
    assert!(
        noted
            .iter()
            .any(|entry| entry.contains("a record in the spill cannot be read: {\\\"kind\\\"")),
        "{noted:?}"
    );
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

async fn what_was_taken_in_before_a_crash_is_not_taken_twice(ground: Ground) {
    let place = ground.place();
    let detached = Store::detached(&ground.broken_place());
    let ticket = detached
        .begin(&act("container start one@ams-1"))
        .await
        .unwrap();
    detached.finish(&ticket, &done(), 1).await.unwrap();
    let waiting = fs::read(&place.spill).unwrap();
    let store = Store::open(&place).await.unwrap();
    store.interrupted().await.unwrap();
    let before = ground.entries().await;
    assert_eq!(before.len(), 2);
    // As if the program had died after the log was written and before the spill was emptied.
    fs::write(&place.spill, waiting).unwrap();
    store.interrupted().await.unwrap();
    assert_eq!(ground.entries().await, before);
    assert!(store.waiting().await.unwrap().is_empty());
}

async fn acts_wait_while_what_is_configured_cannot_be_used(ground: Ground) {
    let store = Store::detached(&ground.broken_place());
    let ticket = store
        .begin(&act("container start one@ams-1"))
        .await
        .unwrap();
    let why = ticket.waits.clone().unwrap().to_string();
    assert_eq!(
        why,
        "cannot open the operations log of [store] database: it is away; write it as a path, or as postgres://USER@HOST/DATABASE"
    );
    store.finish(&ticket, &done(), 1).await.unwrap();
    let mended = ground.store().await;
    mended.take_in().await.unwrap();
    assert_eq!(all(&mended).await[0].outcome, done());
}
