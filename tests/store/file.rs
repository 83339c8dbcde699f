//! The files of an SQLite store: a full or read-only disk, a lost or damaged file: no act is lost silently.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use wharf::{
    model::{Outcome, Place},
    store::{ErrorKind, Store},
};

use crate::{
    ground::{Ground, child, database_file},
    scene::{act, all, done, faults, perform},
};

#[tokio::test]
async fn a_damaged_database_is_left_as_it_is_and_a_new_one_offered() {
    let ground = Ground::file();
    let place = ground.place();
    let database = database_file(&place);
    fs::create_dir_all(database.parent().unwrap()).unwrap();
    fs::write(
        database,
        "this is no database, but somebody's letter".repeat(200),
    )
    .unwrap();
    let before = fs::read(database).unwrap();
    let error = Store::open(&place).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    let told = error
        .to_string()
        .replace(&ground.directory().display().to_string(), "");
    insta::assert_snapshot!(told);
    let store = Store::detached(&place);
    let ticket = store
        .begin(&act("container start web@ams-1"))
        .await
        .unwrap();
    assert_eq!(ticket.waits.as_ref().unwrap().kind, ErrorKind::Corrupt);
    store.finish(&ticket, &done(), 1).await.unwrap();
    assert_eq!(fs::read(database).unwrap(), before);

    let new = place.with_database(error.beside().unwrap());
    let store = Store::open(&new).await.unwrap();
    store.interrupted().await.unwrap();
    assert_eq!(
        all(&store).await[0].outcome,
        done(),
        "what waited is in the new log"
    );
    assert_eq!(fs::read(database).unwrap(), before);
}

#[tokio::test]
async fn a_lost_database_is_missed_and_taken_up_again() {
    let ground = Ground::file();
    let place = ground.place();
    let database = database_file(&place);
    let store = Store::open(&place).await.unwrap();
    perform(&store, "container start first@ams-1").await;
    store.close().await;
    let aside = ground.directory().join("aside.db");
    fs::rename(database, &aside).unwrap();
    let ticket = store
        .begin(&act("container start second@ams-1"))
        .await
        .unwrap();
    let why = ticket.waits.as_ref().unwrap();
    assert_eq!(why.kind, ErrorKind::Lost, "{why}");
    assert!(
        !database.exists(),
        "no new log takes the place of the lost one"
    );
    assert_eq!(Store::open(&place).await.unwrap_err().kind, ErrorKind::Lost);
    fs::rename(&aside, database).unwrap();
    store.finish(&ticket, &done(), 1).await.unwrap();
    let operations = all(&store).await;
    assert_eq!((operations.len(), &operations[0].outcome), (2, &done()));
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_removed_while_it_is_open_swallows_no_act() {
    let ground = Ground::file();
    let place = ground.place();
    let database = database_file(&place);
    let store = Store::open(&place).await.unwrap();
    perform(&store, "container start first@ams-1").await;
    for ending in ["db", "db-wal", "db-shm"] {
        fs::remove_file(database.with_extension(ending)).unwrap();
    }
    let ticket = store
        .begin(&act("container start second@ams-1"))
        .await
        .unwrap();
    assert_eq!(ticket.waits.unwrap().kind, ErrorKind::Lost);
    assert_eq!(store.waiting().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_act_that_can_be_recorded_nowhere_is_refused() {
    let ground = Ground::file();
    let nowhere = ground.directory().join("file");
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
            .replace(&ground.directory().display().to_string(), "")
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
    in_small_space("file::child_on_a_full_disk", directory.path());
}

#[tokio::test]
#[ignore = "a child of `a_full_disk_loses_no_act`"]
async fn child_on_a_full_disk() {
    let small = given().join("small");
    let place = Place::in_directories(&small.join("data"), &small.join("state"));
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
    in_small_space("file::child_on_a_read_only_disk", directory.path());
}

#[tokio::test]
#[ignore = "a child of `a_read_only_disk_spills_elsewhere`"]
async fn child_on_a_read_only_disk() {
    let directory = given();
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

#[tokio::test]
async fn all_files_are_for_their_owner_alone() {
    let ground = Ground::file();
    let store = ground.store().await;
    perform(&store, "container start web@ams-1").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for part in ["data", "state"] {
        let part = ground.directory().join(part);
        assert_eq!(mode(&part), 0o700, "{}", part.display());
        for file in fs::read_dir(&part).unwrap() {
            let file = file.unwrap().path();
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn closing_folds_the_write_ahead_log_into_the_file() {
    let ground = Ground::file();
    let store = ground.store().await;
    perform(&store, "container start web@ams-1").await;
    store.close().await;
    assert!(
        !database_file(&ground.place())
            .with_extension("db-wal")
            .exists()
    );
}

/// The directory that the parent chose.
fn given() -> PathBuf {
    let spill = Ground::given().spill;
    spill.ancestors().nth(2).unwrap().to_owned()
}
