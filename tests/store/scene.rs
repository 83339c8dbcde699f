//! What the tests of the store share: a place, an act, a look behind the store's back, and children.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use wharf::{
    model::{Operation, Origin, Outcome, Place, Timestamp},
    store::{Filter, Store},
};

/// Names the directory of a child's place.
const DIRECTORY: &str = "WHARF_TEST_DIRECTORY";

pub(crate) fn place(directory: &Path) -> Place {
    Place::in_directories(&directory.join("data"), &directory.join("state"))
}

pub(crate) async fn store(directory: &Path) -> Store {
    Store::open(&place(directory)).await.unwrap()
}

pub(crate) fn act(sentence: &str) -> Operation {
    Operation {
        number: 0,
        at: Timestamp::from_second(1_790_000_000).unwrap(),
        origin: Origin {
            operator: "ann".into(),
            place: "ops-1 pts/3".into(),
            through: "console".into(),
        },
        sentence: sentence.into(),
        targets: vec!["web@ams-1".into()],
        reason: Some("it leaks".into()),
        outcome: Outcome::Running,
        duration_ms: None,
    }
}

pub(crate) fn done() -> Outcome {
    Outcome::Done {
        detail: String::new(),
    }
}

/// Begins and ends an act.
pub(crate) async fn perform(store: &Store, sentence: &str) {
    let ticket = store.begin(&act(sentence)).await.unwrap();
    store.finish(&ticket, &done(), 7).await.unwrap();
}

pub(crate) async fn all(store: &Store) -> Vec<Operation> {
    store
        .operations(100_000, None, &Filter::default())
        .await
        .unwrap()
}

pub(crate) async fn faults(store: &Store) -> Vec<String> {
    store.verify().await.unwrap().faults
}

/// A way to the database that asks nobody.
pub(crate) async fn behind(place: &Place) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(&place.database);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Runs SQL behind the store's back.
pub(crate) async fn run(connection: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}

/// Takes away the rules that keep the log append-only, as somebody with evil in mind would.
pub(crate) async fn without_rules(place: &Place) -> SqliteConnection {
    let mut connection = behind(place).await;
    for rule in [
        "entry_continues",
        "entry_stays",
        "entry_remains",
        "head_advances",
        "head_remains",
    ] {
        run(&mut connection, &format!("drop trigger {rule}")).await;
    }
    connection
}

/// All entries as they are stored.
pub(crate) async fn entries(place: &Place) -> Vec<String> {
    let mut connection = behind(place).await;
    let sql = "select seq || ' ' || operation || ' ' || kind || ' ' || token || ' ' || previous || ' ' || hash || ' ' || body from entry order by seq";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// This test program again, running one ignored test as a child in a directory.
pub(crate) fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped());
    command
}

/// The directory that the parent chose.
pub(crate) fn chosen_directory() -> PathBuf {
    std::env::var_os(DIRECTORY)
        .expect("this is the child of another test; it is not run by itself")
        .into()
}
