//! What the store costs, printed: `cargo test --test store bench -- --nocapture`.

use std::time::{Duration, Instant};

use wharf::store::{Mark, Store};

use crate::{
    ground::Ground,
    scene::{all, perform},
    server::Server,
};

#[tokio::test]
async fn opening_recording_and_polling_an_sqlite_file_are_cheap() {
    measure(Ground::file()).await;
}

/// With a server of its own, which waits for the disk as SQLite does.
#[tokio::test]
async fn opening_recording_and_polling_a_postgresql_server_are_cheap() {
    let server = Server::start(&[]);
    measure(Ground::at(&server.url("wharf", &server.new_database()))).await;
}

async fn measure(ground: Ground) {
    let place = ground.place();
    let clock = Instant::now();
    let store = Store::open(&place).await.unwrap();
    println!("open, new: {:?}", clock.elapsed());
    let mut each: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let clock = Instant::now();
        perform(&store, "container restart web@ams-1 --grace 0").await;
        each.push(clock.elapsed());
    }
    each.sort_unstable();
    let (half, most) = (each[100], each[190]);
    println!("one act, begin and end: p50 {half:?}, p95 {most:?}");
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
