//! What the store costs, printed: `cargo test --test store bench -- --nocapture`.

use std::time::{Duration, Instant};

use wharf::store::{Mark, Store};

use crate::scene::{all, perform, place};

#[tokio::test]
async fn opening_recording_and_polling_are_cheap() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let clock = Instant::now();
    let store = Store::open(&place).await.unwrap();
    println!("open, new: {:?}", clock.elapsed());
    let clock = Instant::now();
    for _ in 0..200 {
        perform(&store, "container restart web@ams-1 --grace 0").await;
    }
    println!("one act, begin and end: {:?}", clock.elapsed() / 200);
    store.close().await;
    let clock = Instant::now();
    let store = Store::open(&place).await.unwrap();
    println!("open, 400 entries: {:?}", clock.elapsed());
    let mark = store.changed_since(Mark::default()).await.unwrap().mark;
    let clock = Instant::now();
    for _ in 0..100 {
        store.changed_since(mark).await.unwrap();
    }
    let poll = clock.elapsed() / 100;
    println!("poll with nothing new: {poll:?}");
    // Generous, for a busy machine: a regression to reading the log would be far above.
    assert!(poll < Duration::from_millis(50));
    let clock = Instant::now();
    all(&store).await;
    println!("read 200 acts: {:?}", clock.elapsed());
    let clock = Instant::now();
    store.verify().await.unwrap();
    println!("verify 400 entries: {:?}", clock.elapsed());
}
