//! Whatever is done to the log behind the store's back is found.

use std::fs;

use proptest::prelude::*;
use wharf::store::Store;

use crate::{
    ground::{Ground, database_file},
    scene::{all, faults, perform},
};

on_both!(
    the_rules_refuse_changes,
    each_kind_of_change_is_told,
    missing_rules_are_told,
    rules_that_do_nothing_are_told,
    a_head_file_that_was_changed_is_told,
    a_cut_log_that_grows_again_stays_told,
    a_damaged_entry_hides_no_other,
    a_changed_letter_is_told,
    removed_and_exchanged_entries_are_told,
);

/// So many acts, two entries each.
async fn write_log(ground: &Ground, acts: usize) {
    let store = ground.store().await;
    for number in 0..acts {
        perform(&store, &format!("container restart web-{number}@ams-1")).await;
    }
    store.close().await;
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// A ground of the same kind with a log of its own.
async fn another(ground: &Ground) -> Ground {
    if ground.is_file() {
        Ground::file()
    } else {
        Ground::server().await
    }
}

/// What a check says after SQL was run without the rules, which were put back afterwards; none when the
/// database itself refused it, or it changed nothing.
async fn found_after(ground: &Ground, sql: &str) -> Option<Vec<String>> {
    write_log(ground, 5).await;
    let before = ground.entries().await;
    let mut behind = ground.behind().await;
    let rules = behind.drop_rules().await;
    let is_done = behind.try_run(sql).await;
    behind.make_rules(&rules).await;
    behind.close().await;
    let is_only_head = sql.contains("head");
    if !is_done || (!is_only_head && sql != UNREADABLE && ground.entries().await == before) {
        return None;
    }
    Some(faults(&ground.store().await).await)
}

/// What SQLite takes as a text and nobody can read.
const UNREADABLE: &str = "update entry set body = cast(x'ff00' as text) where seq = 2";

async fn the_rules_refuse_changes(ground: Ground) {
    write_log(&ground, 2).await;
    let before = ground.entries().await;
    let mut behind = ground.behind().await;
    for sql in [
        "update entry set body = '{}' where seq = 1",
        "delete from entry where seq = 4",
        "insert into entry values (9, 9, 'begin', 't', '', '', '')",
        "insert into entry select seq + 4, 9, kind, 't', previous, hash, body from entry where seq = 1",
        "delete from head",
        "update head set seq = 3",
        "update head set seq = 5, hash = 'x'",
        "truncate entry",
        "truncate head",
    ] {
        assert!(!behind.try_run(sql).await, "{sql}");
    }
    assert_eq!(ground.entries().await, before);
}

async fn each_kind_of_change_is_told(ground: Ground) {
    let mut told = Vec::new();
    for sql in [
        "update entry set body = replace(body, 'web-1', 'web-9') where seq = 3",
        "update entry set kind = 'note', operation = 0 where seq = 4",
        "update entry set token = 'x' where seq = 4",
        "delete from entry where seq = 5",
        "delete from entry where seq = 1",
        "delete from entry where seq > 8",
        "delete from entry where seq > 8; update head set seq = 8, operation = 4, hash = (select hash from entry where seq = 8)",
        "delete from entry; update head set seq = 0, operation = 0, hash = substr('0000000000000000000000000000000000000000000000000000000000000000', 1, 64)",
        "delete from head",
        "update entry set seq = 99 where seq = 3; update entry set seq = 3 where seq = 5; update entry set seq = 5 where seq = 99",
        "insert into entry values (11, 6, 'begin', 't', 'p', 'h', '{}')",
    ] {
        let found = found_after(&another(&ground).await, sql).await.unwrap();
        told.push(format!("{sql}\n    {}", found.join("\n    ")));
    }
    // The same on both.
    insta::assert_snapshot!("each_kind_of_change_is_told", told.join("\n"));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_told() {
    let found = found_after(&Ground::file(), UNREADABLE).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("entry 2 cannot be read: "), "{found:?}");
}

async fn missing_rules_are_told(ground: Ground) {
    write_log(&ground, 1).await;
    let mut behind = ground.behind().await;
    let rules = behind.drop_rules().await;
    behind.close().await;
    let found = faults(&ground.store().await).await;
    assert_eq!(found.len(), rules.len(), "{found:?}");
    assert!(
        found[0].contains("the rule entry_continues is missing or changed"),
        "{found:?}"
    );
}

async fn rules_that_do_nothing_are_told(ground: Ground) {
    write_log(&ground, 1).await;
    let mut behind = ground.behind().await;
    let hollow: &[&str] = if ground.is_file() {
        &[
            "drop trigger entry_stays; create trigger entry_stays before update on entry begin select 1; end",
        ]
    } else {
        &[
            "create or replace function entry_stays() returns trigger language plpgsql as $$ begin return new; end $$",
            "alter table entry disable trigger entry_remains",
            "drop trigger head_advances on head; create trigger head_advances before update on head for each row when (false) execute procedure head_advances()",
        ]
    };
    for sql in hollow {
        behind.run(sql).await;
    }
    behind.close().await;
    let found = faults(&ground.store().await).await;
    assert_eq!(found.len(), hollow.len(), "{found:?}");
}

async fn a_head_file_that_was_changed_is_told(ground: Ground) {
    write_log(&ground, 3).await;
    let file = ground.head();
    let right = fs::read_to_string(&file).unwrap();
    let check = async || faults(&ground.store().await).await;
    assert_eq!(check().await, Vec::<String>::new());
    fs::write(&file, "nonsense").unwrap();
    assert_eq!(check().await, ["head file: it is not a head file"]);
    fs::write(&file, right.replace(|c: char| c.is_ascii_lowercase(), "0")).unwrap();
    assert_eq!(
        check().await,
        ["entry 6 is not the one that the head file names"]
    );
    fs::remove_file(&file).unwrap();
    // A machine that has never written to a shared log has none.
    let expected: &[&str] = if ground.is_file() {
        &["the head file is missing"]
    } else {
        &[]
    };
    assert_eq!(check().await, expected);
}

async fn a_cut_log_that_grows_again_stays_told(ground: Ground) {
    write_log(&ground, 5).await;
    let mut behind = ground.without_rules().await;
    let cut = "delete from entry where seq > 8; update head set seq = 8, operation = 4, hash = (select hash from entry where seq = 8)";
    behind.run(cut).await;
    behind.close().await;
    let store = ground.store().await;
    for _ in 0..4 {
        perform(&store, "container start web@ams-1").await;
    }
    let found = faults(&store).await;
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("is not the one that the head file names")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_head_file_that_was_removed_is_noted_in_the_log_itself() {
    let ground = Ground::file();
    write_log(&ground, 2).await;
    fs::remove_file(ground.head()).unwrap();
    let store = ground.store().await;
    perform(&store, "container start web@ams-1").await;
    assert_eq!(faults(&store).await, Vec::<String>::new());
    assert!(ground.entries().await[4].contains("the head file was missing after entry 4"));
    assert_eq!(all(&store).await.len(), 3, "a note is no operation");
}

async fn a_damaged_entry_hides_no_other(ground: Ground) {
    write_log(&ground, 3).await;
    let mut behind = ground.without_rules().await;
    behind
        .run("update entry set body = '{' where seq = 3")
        .await;
    behind.close().await;
    let found = all(&ground.store().await).await;
    assert_eq!(found.len(), 3);
    assert!(
        found[1].sentence.contains("damaged"),
        "{}",
        found[1].sentence
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Any byte of the database: it is told, or it was one that means nothing.
    #[test]
    fn a_flipped_byte_is_told_or_changed_nothing(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 30)) {
        on_runtime(async {
            let original = Ground::file();
            write_log(&original, 20).await;
            let before = original.entries().await;
            for (index, bit) in flips {
                // Copied, so that one log serves many trials.
                let ground = Ground::file();
                fs::create_dir_all(ground.head().parent().unwrap()).unwrap();
                fs::copy(original.head(), ground.head()).unwrap();
                let mut bytes = fs::read(database_file(&original.place())).unwrap();
                let at = index.index(bytes.len());
                bytes[at] ^= 1 << bit;
                fs::write(database_file(&ground.place()), &bytes).unwrap();
                let Ok(store) = Store::open(&ground.place()).await else { continue };
                let Ok(check) = store.verify().await else { continue };
                if check.faults.is_empty() {
                    assert_eq!(ground.entries().await, before, "byte {at}, bit {bit}");
                }
                store.close().await;
            }
        });
    }
}

/// So many values of a strategy.
fn some<T: std::fmt::Debug>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = proptest::test_runner::TestRunner::default();
    let tree = prop::collection::vec(strategy, count).new_tree(&mut runner);
    proptest::strategy::ValueTree::current(&tree.unwrap())
}

/// Any one letter of any column of any entry.
async fn a_changed_letter_is_told(ground: Ground) {
    let columns = vec!["kind", "token", "previous", "hash", "body"];
    let changes = (1..=10, 0..400, "[a-z0-9 ]", prop::sample::select(columns));
    for (seq, at, letter, column) in some(12, changes) {
        let at = format!("({at} % length({column}))");
        let changed =
            format!("substr({column}, 1, {at}) || '{letter}' || substr({column}, {at} + 2)");
        let sql = format!(
            "update entry set {column} = {changed} where seq = {seq} and {column} <> {changed}"
        );
        // A check constraint may refuse a kind that is no kind, and a letter may be the same.
        if let Some(found) = found_after(&another(&ground).await, &sql).await {
            assert!(
                found.iter().any(|fault| fault.starts_with("entry ")),
                "{sql}: {found:?}"
            );
        }
    }
}

/// Any entry removed, and any two exchanged.
async fn removed_and_exchanged_entries_are_told(ground: Ground) {
    for (one, other, remove) in some(8, (1..=10, 1..=10, any::<bool>())) {
        let sql = if remove || one == other {
            format!("delete from entry where seq = {one}")
        } else {
            format!(
                "update entry set seq = 99 where seq = {one}; update entry set seq = {one} where seq = {other}; update entry set seq = {other} where seq = 99"
            )
        };
        let found = found_after(&another(&ground).await, &sql).await.unwrap();
        assert!(!found.is_empty(), "{sql}");
    }
}
