//! The database itself: opening it, its migrations, and all that differs between kinds of them.
//!
//! The rest of the store writes portable SQL with `$1` placeholders and passes [`Value`]s, so
//! that another kind of database is another arm here and nowhere else.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Executor, Row as _, Sqlite, SqlitePool, Transaction,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};

use super::{
    error::{Error, ErrorKind},
    head,
};

/// How long a statement waits for another program's transaction to end.
const BUSY: Duration = Duration::from_millis(2500);

/// The schema, step by step. Files are added and never edited: `migrations_are_frozen` checks it.
const MIGRATIONS: [(i64, &str); 2] = [
    (1, include_str!("migrations/sqlite/0001_log.sql")),
    (2, include_str!("migrations/sqlite/0002_setting.sql")),
];

/// What is bound to a placeholder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

/// One row of an answer; columns count from 0.
pub(super) struct Row(SqliteRow);

impl Row {
    /// A whole number.
    pub(super) fn int(&self, column: usize) -> Result<i64, sqlx::Error> {
        self.0.try_get(column)
    }

    /// A text.
    pub(super) fn text(&self, column: usize) -> Result<String, sqlx::Error> {
        self.0.try_get(column)
    }

    /// A text that may be missing.
    pub(super) fn maybe_text(&self, column: usize) -> Result<Option<String>, sqlx::Error> {
        self.0.try_get(column)
    }
}

/// An open database.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pool: SqlitePool,
    path: PathBuf,
    /// Device and number of the file, to notice when another one or none is in its place.
    identity: (u64, u64),
}

/// A transaction that holds the right to write from its beginning, so that what it reads stays
/// true until it commits. Dropping it undoes it.
pub(super) struct Writer(Transaction<'static, Sqlite>);

/// A transaction that sees one state of the database throughout.
pub(super) struct Snapshot(Transaction<'static, Sqlite>);

/// What the number of the newest migration that was applied is asked with.
const VERSION: &str = "pragma user_version";

impl Database {
    /// Opens the database, makes it when there never was one, and brings its schema up to date.
    pub(super) async fn open(path: &Path, wait: Duration) -> Result<Self, Error> {
        const DOING: &str = "open the operations log";
        let place = path.to_owned();
        let prepared = tokio::task::spawn_blocking(move || prepare(&place)).await;
        let identity = prepared
            .map_err(|error| Error::new(ErrorKind::Other, DOING, path, error.to_string()))??;
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
            match database.migrate().await {
                Ok(()) => return Ok(database),
                Err(error) if error.kind == ErrorKind::Locked && start.elapsed() < wait => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error.while_doing(DOING)),
            }
        }
    }

    /// The file of the database.
    pub(super) fn path(&self) -> &Path {
        &self.path
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
    pub(super) async fn write(&self) -> Result<Writer, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map(Writer)
    }

    /// Begins a transaction that reads one state.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, sqlx::Error> {
        self.pool.begin_with("BEGIN DEFERRED").await.map(Snapshot)
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
        let done = bound(sql, values).execute(&self.pool).await?;
        Ok(done.rows_affected())
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
    async fn migrate(&self) -> Result<(), Error> {
        let doing = "bring up to date";
        let error = |error: sqlx::Error| Error::sql(doing, &self.path, &error);
        let newest = MIGRATIONS[MIGRATIONS.len() - 1].0;
        if self.version().await.map_err(error)? != newest {
            let mut writer = self.write().await.map_err(error)?;
            let present = writer.version().await.map_err(error)?;
            if present > newest {
                let why =
                    format!("its schema is number {present}, this Wharf knows up to {newest}");
                return Err(Error::new(ErrorKind::Newer, doing, &self.path, why));
            }
            for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > present) {
                sqlx::raw_sql(*sql)
                    .execute(&mut *writer.0)
                    .await
                    .map_err(error)?;
                // A pragma takes no placeholder; the number is ours.
                let sql = format!("pragma user_version = {number}");
                sqlx::raw_sql(AssertSqlSafe(sql))
                    .execute(&mut *writer.0)
                    .await
                    .map_err(error)?;
            }
            writer.commit().await.map_err(error)?;
        }
        Ok(())
    }

    /// The number of the newest migration that was applied.
    async fn version(&self) -> Result<i64, sqlx::Error> {
        version_in(&self.rows(VERSION, &[]).await?)
    }
}

impl Writer {
    /// Reads rows.
    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        fetch(&mut *self.0, sql, values).await
    }

    /// Runs one statement that changes something.
    pub(super) async fn run(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        let done = bound(sql, values).execute(&mut *self.0).await?;
        Ok(done.rows_affected())
    }

    /// Makes all of it lasting.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.0.commit().await
    }

    async fn version(&mut self) -> Result<i64, sqlx::Error> {
        version_in(&self.rows(VERSION, &[]).await?)
    }
}

impl Snapshot {
    /// Reads rows.
    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        fetch(&mut *self.0, sql, values).await
    }
}

async fn fetch(
    from: impl Executor<'_, Database = Sqlite>,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = bound(sql, values).fetch_all(from).await?;
    Ok(rows.into_iter().map(Row).collect())
}

/// The answer to [`VERSION`].
fn version_in(rows: &[Row]) -> Result<i64, sqlx::Error> {
    rows.first().map_or(Ok(0), |row| row.int(0))
}

fn bound<'q>(
    sql: &'static str,
    values: &[Value<'_>],
) -> sqlx::query::Query<'q, Sqlite, SqliteArguments> {
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
fn prepare(path: &Path) -> Result<(u64, u64), Error> {
    let doing = "open the operations log";
    let error = |error: io::Error| Error::io(doing, path, &error);
    match identity_of(path) {
        Ok(identity) => return Ok(identity),
        Err(found) if found.kind() != io::ErrorKind::NotFound => return Err(error(found)),
        Err(_) => {}
    }
    if let Ok(Some(head)) = head::read(path)
        && head.seq > 0
    {
        let why = format!("it is gone; it held {} entries", head.seq);
        return Err(Error::new(ErrorKind::Lost, doing, path, why));
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
    use sha2::{Digest, Sha256};

    use super::*;

    /// A migration that was shipped is history: what it made is out there. Add a file instead.
    #[test]
    fn migrations_are_frozen() {
        let prints = MIGRATIONS.map(|(number, sql)| {
            let digest = Sha256::digest(sql.as_bytes());
            format!(
                "{number} {:02x}{:02x}{:02x}{:02x}",
                digest[0], digest[1], digest[2], digest[3]
            )
        });
        assert_eq!(prints, ["1 56a45fa3", "2 23d06d8d"]);
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
        ];
        assert_eq!(names.collect::<Vec<_>>(), expected);
        assert!(triggers().all(|rule| rule.ends_with("end")));
    }
}
