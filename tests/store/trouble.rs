//! A full disk, a lost, damaged, locked or read-only database: no act is lost silently, none blocks.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use sqlx::Connection;
use wharf::{
    model::{Outcome, Place},
    store::{ErrorKind, Store},
};

use crate::scene::{
    act, all, behind, child, chosen_directory, done, entries, faults, perform, place, run, store,
};

#[tokio::test]
async fn a_locked_database_delays_an_act_for_seconds_and_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let store = Store::open(&place).await.unwrap();
    let before = store
        .begin(&act("container start before@ams-1"))
        .await
        .unwrap();
    let mut other = behind(&place).await;
    run(&mut other, "begin immediate").await;
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

    run(&mut other, "rollback").await;
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
    let late = entries(&place)
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

#[tokio::test]
async fn a_damaged_database_is_left_as_it_is_and_a_new_one_offered() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    fs::create_dir_all(place.database.parent().unwrap()).unwrap();
    fs::write(
        &place.database,
        "this is no database, but somebody's letter".repeat(200),
    )
    .unwrap();
    let before = fs::read(&place.database).unwrap();
    let error = Store::open(&place).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    let told = error
        .to_string()
        .replace(&directory.path().display().to_string(), "");
    insta::assert_snapshot!(told);
    let store = Store::detached(&place);
    let ticket = store
        .begin(&act("container start web@ams-1"))
        .await
        .unwrap();
    assert_eq!(ticket.waits.as_ref().unwrap().kind, ErrorKind::Corrupt);
    store.finish(&ticket, &done(), 1).await.unwrap();
    assert_eq!(fs::read(&place.database).unwrap(), before);

    let new = place.with_database(error.beside().unwrap());
    let store = Store::open(&new).await.unwrap();
    store.interrupted().await.unwrap();
    assert_eq!(
        all(&store).await[0].outcome,
        done(),
        "what waited is in the new log"
    );
    assert_eq!(fs::read(&place.database).unwrap(), before);
}

#[tokio::test]
async fn a_lost_database_is_missed_and_taken_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let store = Store::open(&place).await.unwrap();
    perform(&store, "container start first@ams-1").await;
    store.close().await;
    let aside = directory.path().join("aside.db");
    fs::rename(&place.database, &aside).unwrap();
    let ticket = store
        .begin(&act("container start second@ams-1"))
        .await
        .unwrap();
    let why = ticket.waits.as_ref().unwrap();
    assert_eq!(why.kind, ErrorKind::Lost, "{why}");
    assert!(
        !place.database.exists(),
        "no new log takes the place of the lost one"
    );
    assert_eq!(Store::open(&place).await.unwrap_err().kind, ErrorKind::Lost);
    fs::rename(&aside, &place.database).unwrap();
    store.finish(&ticket, &done(), 1).await.unwrap();
    let operations = all(&store).await;
    assert_eq!((operations.len(), &operations[0].outcome), (2, &done()));
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_removed_while_it_is_open_swallows_no_act() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let store = Store::open(&place).await.unwrap();
    perform(&store, "container start first@ams-1").await;
    for ending in ["db", "db-wal", "db-shm"] {
        fs::remove_file(place.database.with_extension(ending)).unwrap();
    }
    let ticket = store
        .begin(&act("container start second@ams-1"))
        .await
        .unwrap();
    assert_eq!(ticket.waits.unwrap().kind, ErrorKind::Lost);
    assert_eq!(store.waiting().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_database_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    store(directory.path()).await.close().await;
    let mut connection = behind(&place).await;
    run(&mut connection, "pragma user_version = 99").await;
    connection.close().await.unwrap();
    let error = Store::open(&place).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Newer, "{error}");
}

#[tokio::test]
async fn records_that_cannot_be_read_are_noted_and_the_others_taken() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let detached = Store::detached(&place);
    fs::create_dir_all(&place.database).unwrap();
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
    fs::remove_dir(&place.database).unwrap();
    let store = Store::open(&place).await.unwrap();
    store.interrupted().await.unwrap();
    let operations = all(&store).await;
    assert_eq!((operations.len(), &operations[0].outcome), (1, &done()));
    let noted = entries(&place).await;
    assert!(
        noted
            .iter()
            .any(|entry| entry.contains("a record in the spill cannot be read: {\\\"kind\\\"")),
        "{noted:?}"
    );
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_taken_in_before_a_crash_is_not_taken_twice() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let detached = Store::detached(&place);
    fs::create_dir_all(&place.database).unwrap();
    let ticket = detached
        .begin(&act("container start one@ams-1"))
        .await
        .unwrap();
    detached.finish(&ticket, &done(), 1).await.unwrap();
    let waiting = fs::read(&place.spill).unwrap();
    fs::remove_dir(&place.database).unwrap();
    let store = Store::open(&place).await.unwrap();
    store.interrupted().await.unwrap();
    let before = entries(&place).await;
    assert_eq!(before.len(), 2);
    // As if the program had died after the log was written and before the spill was emptied.
    fs::write(&place.spill, waiting).unwrap();
    store.interrupted().await.unwrap();
    assert_eq!(entries(&place).await, before);
    assert!(store.waiting().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_act_that_can_be_recorded_nowhere_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("file");
    fs::write(&nowhere, "").unwrap();
    let place = Place::in_directories(&nowhere.join("data"), &nowhere.join("state"));
    let error = Store::detached(&place)
        .begin(&act("container start web@ams-1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unrecordable);
    insta::assert_snapshot!(
        error
            .to_string()
            .replace(&directory.path().display().to_string(), "")
    );
}

/// Runs a test of this file as a child that has a small file system of its own at `small`.
fn in_small_space(test: &str, directory: &Path) {
    let small = directory.join("small");
    fs::create_dir_all(&small).unwrap();
    let inner = child(test, directory);
    let script = "mount -t tmpfs -o size=640k tmpfs \"$0\" && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(&small)
        .arg(inner.get_program())
        .args(inner.get_args())
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .expect("unshare (util-linux) is there");
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "the child, or `unshare` and `mount` for its small file system, failed:\n{}{}",
        told(&output.stdout),
        told(&output.stderr)
    );
    assert!(
        told(&output.stdout).contains("1 passed"),
        "{}",
        told(&output.stdout)
    );
}

/// Fills what is left of a file system; removing the file gives it back.
fn fill(small: &Path) -> std::path::PathBuf {
    let path = small.join("filler");
    let mut size = 512 * 1024;
    let mut filler = Vec::new();
    while size > 0 {
        filler.resize(filler.len() + size, b'x');
        if fs::write(&path, &filler).is_err() {
            filler.truncate(filler.len() - size);
            size /= 2;
        }
    }
    path
}

#[test]
fn a_full_disk_loses_no_act() {
    let directory = tempfile::tempdir().unwrap();
    in_small_space("trouble::child_on_a_full_disk", directory.path());
}

#[tokio::test]
#[ignore = "a child of `a_full_disk_loses_no_act`"]
async fn child_on_a_full_disk() {
    let small = chosen_directory().join("small");
    let place = place(&small);
    let store = Store::open(&place).await.unwrap();
    perform(&store, "container start before@ams-1").await;
    let filler = fill(&small);
    let (mut recorded, mut waited) = (1, 0);
    let refusal = loop {
        match store.begin(&act("container start full@ams-1")).await {
            Ok(ticket) => {
                recorded += 1;
                waited += usize::from(
                    ticket
                        .waits
                        .as_ref()
                        .is_some_and(|why| why.kind == ErrorKind::Full),
                );
            }
            Err(refusal) => break refusal,
        }
        assert!(recorded < 10_000, "the disk is not full");
    };
    println!("{recorded} recorded, {waited} of them in the spill, then: {refusal}");
    assert_eq!(refusal.kind, ErrorKind::Unrecordable, "{refusal}");
    assert!(waited > 50, "the reserve gives room for {waited} acts only");
    assert_eq!(store.waiting().await.unwrap().len(), waited);
    fs::remove_file(filler).unwrap();
    let ticket = store
        .begin(&act("container start after@ams-1"))
        .await
        .unwrap();
    assert_eq!(ticket.waits, None);
    let operations = all(&store).await;
    assert_eq!(operations.len(), recorded + 1);
    assert!(
        operations
            .iter()
            .skip(1)
            .take(recorded - 1)
            .all(|operation| operation.outcome == Outcome::Running)
    );
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

#[test]
fn a_read_only_disk_spills_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    in_small_space("trouble::child_on_a_read_only_disk", directory.path());
}

#[tokio::test]
#[ignore = "a child of `a_read_only_disk_spills_elsewhere`"]
async fn child_on_a_read_only_disk() {
    let directory = chosen_directory();
    let small = directory.join("small");
    let place = Place::in_directories(&small, &directory);
    let store = Store::open(&place).await.unwrap();
    perform(&store, "container start before@ams-1").await;
    let remount = |how: &str| {
        let options = format!("remount,{how}");
        assert!(
            Command::new("mount")
                .args(["-o", &options])
                .arg(&small)
                .status()
                .unwrap()
                .success()
        );
    };
    store.close().await;
    remount("ro");
    let ticket = store
        .begin(&act("container start during@ams-1"))
        .await
        .unwrap();
    let why = ticket.waits.clone().unwrap();
    println!("{why}");
    assert!(
        matches!(why.kind, ErrorKind::ReadOnly | ErrorKind::Denied),
        "{why}"
    );
    assert!(why.to_string().contains("writable"), "{why}");
    remount("rw");
    store.finish(&ticket, &done(), 1).await.unwrap();
    assert_eq!(all(&store).await[0].outcome, done());
    assert_eq!(faults(&store).await, Vec::<String>::new());
}
