//! Whatever is done to the log behind the store's back is found.

use std::{fs, path::Path};

use proptest::prelude::*;
use sqlx::Connection;
use tempfile::TempDir;
use wharf::{model::Place, store::Store};

use crate::scene::{all, behind, entries, faults, perform, place, run, store, without_rules};

/// A closed log of so many acts, two entries each.
async fn closed_log(acts: usize) -> (TempDir, Place) {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path()).await;
    for number in 0..acts {
        perform(&store, &format!("container restart web-{number}@ams-1")).await;
    }
    store.close().await;
    let place = place(directory.path());
    (directory, place)
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// What a check says after SQL was run without the rules, which it put back afterwards.
async fn found_after(sql: &str) -> Vec<String> {
    let (_directory, place) = closed_log(5).await;
    let mut connection = behind(&place).await;
    let rules =
        sqlx::query_scalar::<_, String>("select sql from sqlite_schema where type = 'trigger'");
    let rules = rules.fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mut connection = without_rules(&place).await;
    run(&mut connection, sql).await;
    for rule in rules {
        run(&mut connection, &rule).await;
    }
    connection.close().await.unwrap();
    faults(&Store::open(&place).await.unwrap()).await
}

#[tokio::test]
async fn the_rules_refuse_changes() {
    let (_directory, place) = closed_log(2).await;
    let before = entries(&place).await;
    let mut connection = behind(&place).await;
    for sql in [
        "update entry set body = '{}' where seq = 1",
        "delete from entry where seq = 4",
        "insert into entry values (9, 9, 'begin', 't', '', '', '')",
        "insert into entry select seq + 4, 9, kind, 't', previous, hash, body from entry where seq = 1",
        "delete from head",
        "update head set seq = 3",
        "update head set seq = 5, hash = 'x'",
    ] {
        assert!(
            sqlx::raw_sql(sql).execute(&mut connection).await.is_err(),
            "{sql}"
        );
    }
    assert_eq!(entries(&place).await, before);
}

#[tokio::test]
async fn each_kind_of_change_is_told() {
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
        "update entry set body = cast(x'ff00' as text) where seq = 2",
    ] {
        told.push(format!(
            "{sql}\n    {}",
            found_after(sql).await.join("\n    ")
        ));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn missing_rules_are_told() {
    let (_directory, place) = closed_log(1).await;
    without_rules(&place).await.close().await.unwrap();
    let found = faults(&Store::open(&place).await.unwrap()).await;
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(
        found[0].contains("the rule entry_continues is missing or changed"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_head_file_that_was_removed_changed_or_replaced_is_told() {
    let (_directory, place) = closed_log(3).await;
    let file = place.database.with_extension("db.head");
    let right = fs::read_to_string(&file).unwrap();
    let check = async || faults(&Store::open(&place).await.unwrap()).await;
    assert_eq!(check().await, Vec::<String>::new());
    fs::write(&file, "nonsense").unwrap();
    assert_eq!(check().await, ["head file: it is not a head file"]);
    fs::write(&file, right.replace(|c: char| c.is_ascii_lowercase(), "0")).unwrap();
    assert_eq!(
        check().await,
        ["entry 6 is not the one that the head file names"]
    );
    fs::remove_file(&file).unwrap();
    assert_eq!(check().await, ["the head file is missing"]);
}

#[tokio::test]
async fn a_cut_log_that_grows_again_stays_told() {
    let (_directory, place) = closed_log(5).await;
    let mut connection = without_rules(&place).await;
    let cut = "delete from entry where seq > 8; update head set seq = 8, operation = 4, hash = (select hash from entry where seq = 8)";
    run(&mut connection, cut).await;
    connection.close().await.unwrap();
    let store = Store::open(&place).await.unwrap();
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
    let (_directory, place) = closed_log(2).await;
    fs::remove_file(place.database.with_extension("db.head")).unwrap();
    let store = Store::open(&place).await.unwrap();
    perform(&store, "container start web@ams-1").await;
    assert_eq!(faults(&store).await, Vec::<String>::new());
    assert!(entries(&place).await[4].contains("the head file was missing after entry 4"));
    assert_eq!(all(&store).await.len(), 3, "a note is no operation");
}

#[tokio::test]
async fn a_damaged_entry_hides_no_other() {
    let (_directory, place) = closed_log(3).await;
    let mut connection = without_rules(&place).await;
    run(&mut connection, "update entry set body = '{' where seq = 3").await;
    connection.close().await.unwrap();
    let found = all(&Store::open(&place).await.unwrap()).await;
    assert_eq!(found.len(), 3);
    assert!(
        found[1].sentence.contains("damaged"),
        "{}",
        found[1].sentence
    );
}

/// Copies the files of a log, so that one log serves many trials.
fn copy(place: &Place, to: &Path) -> Place {
    let copied = Place::in_directories(to, to);
    for ending in ["db", "db.head"] {
        fs::copy(
            place.database.with_extension(ending),
            copied.database.with_extension(ending),
        )
        .unwrap();
    }
    copied
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Any byte of the database: it is told, or it was one that means nothing.
    #[test]
    fn a_flipped_byte_is_told_or_changed_nothing(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 30)) {
        on_runtime(async {
            let (_directory, original) = closed_log(20).await;
            let before = entries(&original).await;
            for (index, bit) in flips {
                let directory = tempfile::tempdir().unwrap();
                let place = copy(&original, directory.path());
                let mut bytes = fs::read(&place.database).unwrap();
                let at = index.index(bytes.len());
                bytes[at] ^= 1 << bit;
                fs::write(&place.database, &bytes).unwrap();
                let Ok(store) = Store::open(&place).await else { continue };
                let Ok(check) = store.verify().await else { continue };
                if check.faults.is_empty() {
                    assert_eq!(entries(&place).await, before, "byte {at}, bit {bit}");
                }
                store.close().await;
            }
        });
    }

    /// Any one letter of any column of any entry.
    #[test]
    fn a_changed_letter_is_told(
        seq in 1..=10, at in any::<prop::sample::Index>(), letter in "[a-z0-9 ]",
        column in prop::sample::select(vec!["kind", "token", "previous", "hash", "body"]),
    ) {
        let mut sql = format!("select length({column}) from entry where seq = {seq}");
        let found = on_runtime(async {
            let (_directory, place) = closed_log(5).await;
            let mut connection = without_rules(&place).await;
            let length: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.as_str())).fetch_one(&mut connection).await.unwrap();
            let at = at.index(usize::try_from(length).unwrap());
            let changed = format!("substr({column}, 1, {at}) || '{letter}' || substr({column}, {at} + 2)");
            sql = format!("update or ignore entry set {column} = {changed} where seq = {seq} and {column} <> {changed}");
            let before = entries(&place).await;
            let result = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.as_str())).execute(&mut connection).await;
            connection.close().await.unwrap();
            // A check constraint may refuse a kind that is no kind, and a letter may be the same.
            if result.is_err() || entries(&place).await == before {
                return None;
            }
            Some(faults(&Store::open(&place).await.unwrap()).await)
        });
        // The missing rules are told as well; at least one fault has to name an entry.
        if let Some(found) = found {
            prop_assert!(found.iter().any(|fault| fault.starts_with("entry ")), "{}: {:?}", sql, found);
        }
    }

    /// Any entry removed, and any two exchanged.
    #[test]
    fn removed_and_exchanged_entries_are_told(one in 1..=10, other in 1..=10, remove in any::<bool>()) {
        prop_assume!(remove || one != other);
        let sql = if remove {
            format!("delete from entry where seq = {one}")
        } else {
            format!("update entry set seq = 99 where seq = {one}; update entry set seq = {one} where seq = {other}; update entry set seq = {other} where seq = 99")
        };
        let found = on_runtime(found_after(&sql));
        prop_assert!(!found.is_empty(), "{}", sql);
    }
}
