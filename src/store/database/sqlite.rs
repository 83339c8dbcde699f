//! The store in an SQLite file.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Executor, SqlitePool,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode,
        SqlitePoolOptions, SqliteSynchronous,
    },
};

use super::{MIGRATE, OPEN, Row, Value, lost, newer};
use crate::store::{
    error::{Error, ErrorKind, Subject},
    head,
};

/// How long a statement waits for another program's transaction to end.
const BUSY: Duration = Duration::from_millis(2500);

/// The schema, step by step. Files are added and never edited: `migrations_are_frozen` checks it.
const MIGRATIONS: [(i64, &str); 8] = [
    (1, include_str!("../migrations/sqlite/0001_log.sql")),
    (2, include_str!("../migrations/sqlite/0002_setting.sql")),
    (3, include_str!("../migrations/sqlite/0003_release.sql")),
    (4, include_str!("../migrations/sqlite/0004_approval.sql")),
    (5, include_str!("../migrations/sqlite/0005_maintenance.sql")),
    (6, include_str!("../migrations/sqlite/0006_decision.sql")),
    (7, include_str!("../migrations/sqlite/0007_run.sql")),
    (8, include_str!("../migrations/sqlite/0008_notify.sql")),
];

/// A transaction; dropping it undoes it.
pub(in crate::store) type Transaction = sqlx::Transaction<'static, sqlx::Sqlite>;

/// An open SQLite database.
#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    pool: SqlitePool,
    path: PathBuf,
    /// Device and number of the file, to notice when another one or none is in its place.
    identity: (u64, u64),
}

/// Its clock, in seconds since 1970.
pub(super) const NOW: &str = "select cast(strftime('%s', 'now') as integer)";

/// What the number of the newest migration that was applied is asked with.
const VERSION: &str = "pragma user_version";

impl Sqlite {
    /// Opens the database, makes it when there never was one, and brings its schema up to date.
    pub(super) async fn open(
        path: &Path,
        subject: &Subject,
        head: &Path,
        wait: Duration,
    ) -> Result<Self, Error> {
        let (place, head) = (path.to_owned(), head.to_owned());
        let prepared = tokio::task::spawn_blocking(move || prepare(&place, &head)).await;
        let identity = prepared
            .map_err(|error| Error::new(ErrorKind::Other, OPEN, subject, error.to_string()))??;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(BUSY)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .acquire_timeout(wait)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        let database = Self {
            pool,
            path: path.to_owned(),
            identity,
        };
        // Switching a new file to WAL does not wait for another program that does the same.
        let start = Instant::now();
        loop {
            match database.migrate(subject).await {
                Ok(()) => return Ok(database),
                Err(error) if error.kind == ErrorKind::Locked && start.elapsed() < wait => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error.while_doing(OPEN)),
            }
        }
    }

    /// Device and number of its file.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Whether the file that was opened is still the one at its path. SQLite would write on into
    /// a removed file, and the acts with it would be gone.
    pub(super) async fn is_in_place(&self) -> bool {
        let path = self.path.clone();
        let found = tokio::task::spawn_blocking(move || identity_of(&path)).await;
        matches!(found, Ok(Ok(identity)) if identity == self.identity)
    }

    /// Begins a transaction with the right to write.
    pub(super) async fn write(&self) -> Result<Transaction, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Begins a transaction that reads one state.
    pub(super) async fn snapshot(&self) -> Result<Transaction, sqlx::Error> {
        self.pool.begin_with("BEGIN DEFERRED").await
    }

    /// Reads rows.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        fetch(&self.pool, sql, values).await
    }

    /// Runs one statement that changes something, by itself.
    pub(super) async fn run(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        execute(&self.pool, sql, values).await
    }

    /// What the database's own check finds wrong with its file and with the rules that keep the
    /// log append-only; empty when nothing is.
    pub(super) async fn faults(&self) -> Result<Vec<String>, sqlx::Error> {
        let mut faults = Vec::new();
        for row in self.rows("pragma integrity_check(20)", &[]).await? {
            let line = row.text(0)?;
            if line != "ok" {
                faults.push(format!("database: {line}"));
            }
        }
        let rules = self
            .rows("select sql from sqlite_schema where type = 'trigger'", &[])
            .await?;
        let rules = rules
            .iter()
            .map(|row| row.text(0))
            .collect::<Result<Vec<_>, _>>()?;
        for rule in triggers() {
            if !rules
                .iter()
                .any(|present| present.get(TRIGGER.len()..) == Some(rule))
            {
                let name = rule.split_whitespace().next().unwrap_or_default();
                faults.push(format!("database: the rule {name} is missing or changed"));
            }
        }
        Ok(faults)
    }

    /// Closes all connections; the last one folds the write-ahead log into the database.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Brings the schema up to date. Cheap when it is: one read.
    async fn migrate(&self, subject: &Subject) -> Result<(), Error> {
        let error = |error: sqlx::Error| Error::sql(MIGRATE, subject, &error);
        let newest = MIGRATIONS[MIGRATIONS.len() - 1].0;
        if version_in(&self.rows(VERSION, &[]).await.map_err(error)?).map_err(error)? == newest {
            return Ok(());
        }
        let mut writer = self.write().await.map_err(error)?;
        let rows = fetch(&mut *writer, VERSION, &[]).await.map_err(error)?;
        let present = version_in(&rows).map_err(error)?;
        if present > newest {
            return Err(newer(subject, present, newest));
        }
        apply(&mut writer, present).await.map_err(error)?;
        writer.commit().await.map_err(error)
    }
}

/// Applies the migrations after `present`.
async fn apply(connection: &mut SqliteConnection, present: i64) -> Result<(), sqlx::Error> {
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > present) {
        sqlx::raw_sql(*sql).execute(&mut *connection).await?;
        // A pragma takes no placeholder; the number is ours.
        let sql = format!("pragma user_version = {number}");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Reads rows.
pub(super) async fn fetch(
    from: impl Executor<'_, Database = sqlx::Sqlite>,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = bound(sql, values).fetch_all(from).await?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

/// Runs one statement that changes something.
pub(super) async fn execute(
    on: impl Executor<'_, Database = sqlx::Sqlite>,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<u64, sqlx::Error> {
    let done = bound(sql, values).execute(on).await?;
    Ok(done.rows_affected())
}

/// The answer to [`VERSION`].
fn version_in(rows: &[Row]) -> Result<i64, sqlx::Error> {
    rows.first().map_or(Ok(0), |row| row.int(0))
}

fn bound<'q>(
    sql: &'static str,
    values: &[Value<'_>],
) -> sqlx::query::Query<'q, sqlx::Sqlite, SqliteArguments> {
    values
        .iter()
        .fold(sqlx::query(sql), |query, value| match value {
            Value::Int(number) => query.bind(*number),
            Value::Text(text) => query.bind((*text).to_owned()),
        })
}

/// The triggers of the migrations, from the name on: the words before it SQLite writes its own way.
fn triggers() -> impl Iterator<Item = &'static str> {
    let after_keyword = MIGRATIONS
        .iter()
        .flat_map(|(_, sql)| sql.split(TRIGGER).skip(1));
    after_keyword.filter_map(|rest| {
        rest.find("end;")
            .and_then(|end| rest.get(..end + "end".len()))
    })
}

/// How the migrations begin a trigger.
const TRIGGER: &str = "create trigger ";

/// Sees to it that the database's file exists, for its owner alone, unless there was one before.
fn prepare(path: &Path, head: &Path) -> Result<(u64, u64), Error> {
    let error = |error: io::Error| Error::io(OPEN, path, &error);
    match identity_of(path) {
        Ok(identity) => return Ok(identity),
        Err(found) if found.kind() != io::ErrorKind::NotFound => return Err(error(found)),
        Err(_) => {}
    }
    if let Ok(Some(head)) = head::read(head)
        && head.seq > 0
    {
        return Err(lost(&Subject::File(path.to_owned()), head.seq));
    }
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(error)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(error)?;
    identity_of(path).map_err(error)
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A migration that was shipped is history: what it made is out there. Add a file instead.
    #[test]
    fn migrations_are_frozen() {
        assert_eq!(
            crate::store::database::prints(&MIGRATIONS),
            [
                "1 56a45fa3",
                "2 23d06d8d",
                "3 5d959537",
                "4 5774379a",
                "5 0b9b941d",
                "6 54c3dab5",
                "7 360327da",
                "8 e9f75de8"
            ]
        );
    }

    #[test]
    fn every_rule_is_found_in_the_migrations() {
        let names = triggers().filter_map(|rule| rule.split_whitespace().next());
        let expected = [
            "entry_continues",
            "entry_stays",
            "entry_remains",
            "head_advances",
            "head_remains",
            "release_stays",
        ];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        assert!(triggers().all(|rule| rule.ends_with("end")));
    }
}
