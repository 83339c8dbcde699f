//! The database itself, of whichever kind: all that differs between kinds is in this folder.
//!
//! The rest of the store writes portable SQL with `$1` placeholders and passes [`Value`]s, so
//! that another kind of database is another arm here and nowhere else.

mod lines;
mod postgres;
mod sqlite;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

use super::error::{Error, ErrorKind, Subject};
use crate::model::{DatabasePlace, Place};

/// What is being done when a database is opened.
const OPEN: &str = "open the operations log";
/// What is being done when its schema is made or altered.
const MIGRATE: &str = "bring up to date";

/// What is bound to a placeholder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

/// One row of an answer; columns count from 0.
pub(super) enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    /// A whole number.
    pub(super) fn int(&self, column: usize) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// A text.
    pub(super) fn text(&self, column: usize) -> Result<String, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// A text that may be missing.
    pub(super) fn maybe_text(&self, column: usize) -> Result<Option<String>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// An open database.
#[derive(Clone, Debug)]
pub(super) struct Database {
    kind: Kind,
    subject: Subject,
    head: PathBuf,
}

#[derive(Clone, Debug)]
enum Kind {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// A transaction that holds the right to write from its beginning, so that what it reads stays
/// true until it commits. Dropping it undoes it.
pub(super) enum Writer {
    /// Of SQLite.
    Sqlite(sqlite::Transaction),
    /// Of PostgreSQL.
    Postgres(lines::Line),
}

/// A transaction that sees one state of the database throughout.
pub(super) struct Snapshot(Writer);

impl Database {
    /// Opens the database, makes it when there never was one, and brings its schema up to date.
    pub(super) async fn open(place: &Place, wait: Duration) -> Result<Self, Error> {
        let subject = Subject::of(place);
        let head = super::head::path_of(place);
        let kind = match &place.database {
            DatabasePlace::File(path) => {
                Kind::Sqlite(sqlite::Sqlite::open(path, &subject, &head, wait).await?)
            }
            DatabasePlace::Server { url, password_file } => {
                let file = password_file.clone();
                let opened = postgres::Postgres::open(url, file, &subject, &head, wait);
                Kind::Postgres(opened.await?)
            }
            DatabasePlace::Unusable { why } => {
                return Err(Error::new(ErrorKind::Other, OPEN, &subject, why.clone()));
            }
        };
        Ok(Self {
            kind,
            subject,
            head,
        })
    }

    /// What it is called in errors.
    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The head file, which tells on this machine where the log ends.
    pub(super) fn head(&self) -> &Path {
        &self.head
    }

    /// Whether programs on several machines may write into it, each with a head file of its own.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Postgres(_))
    }

    /// What tells this log from another one that comes into its place.
    pub(super) fn identity(&self) -> (u64, u64) {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.identity(),
            Kind::Postgres(postgres) => postgres.identity(),
        }
    }

    /// Whether what was opened is still what is at its place. SQLite would write on into a removed
    /// file, and the acts with it would be gone; a server tells by itself.
    pub(super) async fn is_in_place(&self) -> bool {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.is_in_place().await,
            Kind::Postgres(_) => true,
        }
    }

    /// Begins a transaction with the right to write.
    pub(super) async fn write(&self) -> Result<Writer, sqlx::Error> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.write().await.map(Writer::Sqlite),
            Kind::Postgres(postgres) => postgres.write().await.map(Writer::Postgres),
        }
    }

    /// Begins a transaction that reads one state.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, sqlx::Error> {
        let transaction = match &self.kind {
            Kind::Sqlite(sqlite) => Writer::Sqlite(sqlite.snapshot().await?),
            Kind::Postgres(postgres) => Writer::Postgres(postgres.snapshot().await?),
        };
        Ok(Snapshot(transaction))
    }

    /// Reads rows.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.rows(sql, values).await,
            Kind::Postgres(postgres) => postgres.rows(sql, values).await,
        }
    }

    /// Runs one statement that changes something, by itself.
    pub(super) async fn run(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.run(sql, values).await,
            Kind::Postgres(postgres) => postgres.run(sql, values).await,
        }
    }

    /// What the database's own check finds wrong with its files and with the rules that keep the
    /// log append-only; empty when nothing is.
    pub(super) async fn faults(&self) -> Result<Vec<String>, sqlx::Error> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.faults().await,
            Kind::Postgres(postgres) => postgres.faults().await,
        }
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.close().await,
            Kind::Postgres(postgres) => postgres.close().await,
        }
    }
}

impl Writer {
    /// Reads rows.
    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => sqlite::fetch(&mut **transaction, sql, values).await,
            Self::Postgres(line) => postgres::fetch(line.connection(), sql, values).await,
        }
    }

    /// Runs one statement that changes something.
    pub(super) async fn run(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => sqlite::execute(&mut **transaction, sql, values).await,
            Self::Postgres(line) => postgres::execute(line.connection(), sql, values).await,
        }
    }

    /// The database's own clock, in seconds since 1970: of all who share it only that one counts.
    pub(super) async fn now(&mut self) -> Result<i64, sqlx::Error> {
        let sql = match self {
            Self::Sqlite(_) => sqlite::NOW,
            Self::Postgres(_) => postgres::NOW,
        };
        let rows = self.rows(sql, &[]).await?;
        rows.first().ok_or(sqlx::Error::RowNotFound)?.int(0)
    }

    /// Makes all of it lasting.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(line) => postgres::commit(line).await,
        }
    }
}

impl Snapshot {
    /// The database's own clock, in seconds since 1970.
    pub(super) async fn now(&mut self) -> Result<i64, sqlx::Error> {
        self.0.now().await
    }

    /// Reads rows.
    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        self.0.rows(sql, values).await
    }
}

/// The error of a schema that a newer Wharf made.
fn newer(subject: &Subject, present: i64, known: i64) -> Error {
    let why = format!("its schema is number {present}, this Wharf knows up to {known}");
    Error::new(ErrorKind::Newer, MIGRATE, subject, why)
}

/// The error of a log of which the head file tells and that is not there.
fn lost(subject: &Subject, entries: i64) -> Error {
    let why = format!("it is gone; it held {entries} entries");
    Error::new(ErrorKind::Lost, OPEN, subject, why)
}

/// The first four bytes of each migration's SHA-256, to see that none is edited once it is shipped.
#[cfg(test)]
fn prints(migrations: &[(i64, &str)]) -> Vec<String> {
    use sha2::{Digest, Sha256};
    let print = |(number, sql): &(i64, &str)| {
        let digest = Sha256::digest(sql.as_bytes());
        let [a, b, c, d] = [digest[0], digest[1], digest[2], digest[3]];
        format!("{number} {a:02x}{b:02x}{c:02x}{d:02x}")
    };
    migrations.iter().map(print).collect()
}
