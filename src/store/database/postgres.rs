//! The store in a schema of its own in a PostgreSQL database, which consoles on many machines share.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Executor,
    postgres::{PgArguments, PgConnectOptions, PgConnection},
};

use super::{
    MIGRATE, OPEN, Row, Value,
    lines::{Line, Lines},
    lost, newer,
};
use crate::{
    model::DatabaseUrl,
    store::{
        error::{Error, Subject},
        head,
    },
};

/// What every session says first. The server ends what takes too long, so that a console that hangs
/// or is cut off in the middle of an entry does not keep the others from writing.
const SESSION: [(&str, &str); 4] = [
    ("search_path", "wharf"),
    ("statement_timeout", "5000"),
    ("lock_timeout", "2500"),
    ("idle_in_transaction_session_timeout", "5000"),
];

/// The schema, step by step. Files are added and never edited: `migrations_are_frozen` checks it.
const MIGRATIONS: [(i64, &str); 9] = [
    (1, include_str!("../migrations/postgres/0001_log.sql")),
    (2, include_str!("../migrations/postgres/0002_setting.sql")),
    (3, include_str!("../migrations/postgres/0003_alive.sql")),
    (4, include_str!("../migrations/postgres/0004_release.sql")),
    (5, include_str!("../migrations/postgres/0005_approval.sql")),
    (
        6,
        include_str!("../migrations/postgres/0006_maintenance.sql"),
    ),
    (7, include_str!("../migrations/postgres/0007_decision.sql")),
    (8, include_str!("../migrations/postgres/0008_run.sql")),
    (9, include_str!("../migrations/postgres/0009_notify.sql")),
];

/// Its clock, in seconds since 1970.
pub(super) const NOW: &str = "select floor(extract(epoch from clock_timestamp()))::bigint";

/// Consoles that start at the same moment make the schema one after the other. The number is
/// arbitrary ("wharf" as bytes), and only other programs' advisory locks in the same database could collide.
const MIGRATING: &str = "begin; select pg_advisory_xact_lock(512852324966)";
/// Locks the head row, so that the log has one writer at a time. When the row is missing nothing is
/// locked, and the writer sees that it is missing.
const WRITING: &str = "begin; select one from head for update";
const READING: &str = "begin isolation level repeatable read, read only";

/// A rule of the migrations: a trigger, its kind as `pg_trigger.tgtype` has it, its table and its function.
struct Rule {
    name: &'static str,
    table: &'static str,
    kind: i64,
    function: &'static str,
}

const ROW_BEFORE_INSERT: i64 = 1 + 2 + 4;
const ROW_BEFORE_DELETE: i64 = 1 + 2 + 8;
const ROW_BEFORE_UPDATE: i64 = 1 + 2 + 16;
const BEFORE_TRUNCATE: i64 = 2 + 32;

const RULES: [Rule; 8] = [
    rule(
        "entry_continues",
        "entry",
        ROW_BEFORE_INSERT,
        "entry_continues",
    ),
    rule("entry_stays", "entry", ROW_BEFORE_UPDATE, "entry_stays"),
    rule("entry_remains", "entry", ROW_BEFORE_DELETE, "entry_remains"),
    rule(
        "entry_remains_whole",
        "entry",
        BEFORE_TRUNCATE,
        "entry_remains",
    ),
    rule("head_advances", "head", ROW_BEFORE_UPDATE, "head_advances"),
    rule("head_remains", "head", ROW_BEFORE_DELETE, "head_remains"),
    rule(
        "head_remains_whole",
        "head",
        BEFORE_TRUNCATE,
        "head_remains",
    ),
    rule(
        "release_stays",
        "release",
        ROW_BEFORE_UPDATE,
        "release_stays",
    ),
];

const fn rule(name: &'static str, table: &'static str, kind: i64, function: &'static str) -> Rule {
    Rule {
        name,
        table,
        kind,
        function,
    }
}

/// An open PostgreSQL database.
#[derive(Clone, Debug)]
pub(super) struct Postgres {
    lines: Lines,
    identity: (u64, u64),
}

impl Postgres {
    /// Connects, makes the schema when there never was one, and brings it up to date.
    pub(super) async fn open(
        url: &DatabaseUrl,
        password_file: Option<PathBuf>,
        subject: &Subject,
        head: &Path,
        wait: Duration,
    ) -> Result<Self, Error> {
        let url = url.clone();
        let options = move || options(&url, password_file.as_deref());
        let lines = Lines::new(Box::new(options), wait);
        let mut line = lines
            .take()
            .await
            .map_err(|error| Error::sql(OPEN, subject, &error))?;
        migrate(line.connection(), subject, head).await?;
        let read = async {
            let sql = "select high, low from identity";
            let rows = fetch(line.connection(), sql, &[]).await?;
            let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
            Ok((row.int(0)?.unsigned_abs(), row.int(1)?.unsigned_abs()))
        };
        let identity = read
            .await
            .map_err(|error| Error::sql(OPEN, subject, &error))?;
        line.keep();
        Ok(Self { lines, identity })
    }

    /// The random number and the moment that were drawn when the schema was made.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    pub(super) async fn write(&self) -> Result<Line, sqlx::Error> {
        self.begin(WRITING).await
    }

    pub(super) async fn snapshot(&self) -> Result<Line, sqlx::Error> {
        self.begin(READING).await
    }

    async fn begin(&self, sql: &'static str) -> Result<Line, sqlx::Error> {
        let mut line = self.lines.take().await?;
        sqlx::raw_sql(sql).execute(line.connection()).await?;
        Ok(line)
    }

    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        let mut line = self.lines.take().await?;
        let rows = fetch(line.connection(), sql, values).await?;
        line.keep();
        Ok(rows)
    }

    pub(super) async fn run(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        let mut line = self.lines.take().await?;
        let changed = execute(line.connection(), sql, values).await?;
        line.keep();
        Ok(changed)
    }

    /// The rules that are missing, switched off or changed. PostgreSQL has no check of its files that
    /// a client could ask for; damage shows when the entries are read.
    pub(super) async fn faults(&self) -> Result<Vec<String>, sqlx::Error> {
        let sql = "select t.tgname::text, c.relname::text, t.tgtype::bigint, p.prosrc \
                   from pg_trigger t join pg_class c on c.oid = t.tgrelid \
                   join pg_proc p on p.oid = t.tgfoid \
                   where c.relnamespace = 'wharf'::regnamespace and not t.tgisinternal \
                   and t.tgenabled in ('O', 'A') and t.tgqual is null";
        let present = self.rows(sql, &[]).await?;
        let mut faults = Vec::new();
        for rule in RULES {
            let is_there = present.iter().any(|row| {
                matches!(
                    (row.text(0), row.text(1), row.int(2), row.text(3)),
                    (Ok(name), Ok(table), Ok(kind), Ok(body))
                        if name == rule.name && table == rule.table && kind == rule.kind
                            && Some(body.as_str()) == body_of(rule.function)
                )
            });
            if !is_there {
                let name = rule.name;
                faults.push(format!("database: the rule {name} is missing or changed"));
            }
        }
        Ok(faults)
    }

    pub(super) async fn close(&self) {
        self.lines.close().await;
    }
}

/// What connects to a database. The password is the first line of the file where one is named; else it
/// is in the URL, in `PGPASSWORD` or in `~/.pgpass`, as PostgreSQL's own programs have it.
fn options(
    url: &DatabaseUrl,
    password_file: Option<&Path>,
) -> Result<PgConnectOptions, sqlx::Error> {
    let mut options: PgConnectOptions = url.with_password().parse()?;
    if let Some(path) = password_file {
        let text = fs::read_to_string(path).map_err(|error| {
            let why = format!("database_password_file {}: {error}", path.display());
            sqlx::Error::Configuration(why.into())
        })?;
        options = options.password(text.lines().next().unwrap_or_default());
    }
    if options.get_application_name().is_none() {
        options = options.application_name("wharf");
    }
    Ok(options.options(SESSION).disable_statement_logging())
}

/// Brings the schema up to date. Cheap when it is: one read.
async fn migrate(
    connection: &mut PgConnection,
    subject: &Subject,
    head: &Path,
) -> Result<(), Error> {
    let error = |error: sqlx::Error| Error::sql(MIGRATE, subject, &error);
    let newest = MIGRATIONS[MIGRATIONS.len() - 1].0;
    if version(connection).await.map_err(error)? == newest {
        return Ok(());
    }
    raw(connection, MIGRATING).await.map_err(error)?;
    let present = version(connection).await.map_err(error)?;
    if present > newest {
        return Err(newer(subject, present, newest));
    }
    if present == 0 {
        let entries = entries_of_old(head).await;
        if entries > 0 {
            return Err(lost(subject, entries));
        }
    }
    apply(connection, present).await.map_err(error)?;
    raw(connection, "commit").await.map_err(error)
}

/// Applies the migrations after `present`.
async fn apply(connection: &mut PgConnection, present: i64) -> Result<(), sqlx::Error> {
    let sql = "select nspname::text from pg_namespace where nspname = 'wharf'";
    if fetch(connection, sql, &[]).await?.is_empty() {
        raw(connection, "create schema wharf").await?;
    }
    if present == 0 {
        let table = "create table wharf.migration (one bigint primary key check (one = 1), number bigint not null); \
                     insert into wharf.migration values (1, 0)";
        raw(connection, table).await?;
    }
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > present) {
        raw(connection, sql).await?;
        let sql = "update wharf.migration set number = $1";
        execute(connection, sql, &[Value::Int(*number)]).await?;
    }
    Ok(())
}

/// The number of the newest migration that was applied; 0 when there is none. The catalogue is asked as a
/// table: by its functions a session that has just waited for another one may see what was before.
async fn version(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let sql = "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
               where n.nspname = 'wharf' and c.relname = 'migration'";
    if fetch(connection, sql, &[]).await?.is_empty() {
        return Ok(0);
    }
    let rows = fetch(connection, "select number from wharf.migration", &[]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// How many entries the log had that the head file tells of. One that cannot be read is left for
/// `verify` to report.
async fn entries_of_old(head: &Path) -> i64 {
    let head = head.to_owned();
    let read = tokio::task::spawn_blocking(move || head::read(&head)).await;
    match read {
        Ok(Ok(Some(head))) => head.seq,
        Ok(Ok(None) | Err(_)) | Err(_) => 0,
    }
}

/// Makes a transaction lasting and keeps its connection.
pub(super) async fn commit(mut line: Line) -> Result<(), sqlx::Error> {
    raw(line.connection(), "commit").await?;
    line.keep();
    Ok(())
}

/// Reads rows.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = bound(sql, values).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

/// Runs one statement that changes something.
pub(super) async fn execute(
    connection: &mut PgConnection,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<u64, sqlx::Error> {
    let done = bound(sql, values).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Runs statements without values, several at once.
async fn raw(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(sql)).await.map(drop)
}

fn bound<'q>(
    sql: &'static str,
    values: &[Value<'_>],
) -> sqlx::query::Query<'q, sqlx::Postgres, PgArguments> {
    values
        .iter()
        .fold(sqlx::query(sql), |query, value| match value {
            Value::Int(number) => query.bind(*number),
            Value::Text(text) => query.bind((*text).to_owned()),
        })
}

/// The body of a function as the migrations write it.
fn body_of(function: &str) -> Option<&'static str> {
    let head = format!("create function {function}() ");
    let rest = MIGRATIONS
        .iter()
        .find_map(|(_, sql)| sql.split_once(&head))?
        .1;
    rest.split("$rule$").nth(1)
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
                "1 c5ad2c17",
                "2 3ddae0c1",
                "3 6d136ad2",
                "4 20cf2f9a",
                "5 29c58d9a",
                "6 42da25fb",
                "7 46eac598",
                "8 0c71e759",
                "9 980a0311"
            ]
        );
    }

    #[test]
    fn every_rule_is_in_the_migrations() {
        let triggers: usize = MIGRATIONS
            .iter()
            .map(|(_, sql)| sql.matches("create trigger ").count())
            .sum();
        assert_eq!(triggers, RULES.len());
        assert!(RULES.iter().all(|rule| body_of(rule.function).is_some()));
    }
}
