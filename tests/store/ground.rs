//! What a test stands on: a directory of its own, and a database of one kind or the other.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;
use wharf::{
    model::{DatabasePlace, DatabaseUrl, Place},
    store::Store,
};

use crate::server::Server;

/// Names the directory of a child's place, and the URL of its database if that is on a server.
const DIRECTORY: &str = "WHARF_TEST_DIRECTORY";
const DATABASE: &str = "WHARF_TEST_DATABASE";

/// A place for a store, gone with it.
pub(crate) struct Ground {
    directory: TempDir,
    url: Option<String>,
}

impl Ground {
    /// On an SQLite file.
    pub(crate) fn file() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            url: None,
        }
    }

    /// On a database of its own on the server that the tests share.
    pub(crate) async fn server() -> Self {
        let shared = tokio::task::spawn_blocking(|| {
            let server = Server::shared();
            server.url("wharf", &server.new_database())
        });
        Self::at(&shared.await.unwrap())
    }

    /// On the database of a URL.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            url: Some(url.to_owned()),
        }
    }

    /// The ground that a parent gave to this child.
    pub(crate) fn given() -> Place {
        let directory = std::env::var_os(DIRECTORY)
            .expect("this is the child of another test; it is not run by itself");
        place_in(
            Path::new(&directory),
            std::env::var(DATABASE).ok().as_deref(),
        )
    }

    pub(crate) fn is_file(&self) -> bool {
        self.url.is_none()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn place(&self) -> Place {
        place_in(self.directory.path(), self.url.as_deref())
    }

    /// The place with the same spill while its database is out of use.
    pub(crate) fn broken_place(&self) -> Place {
        Place {
            database: DatabasePlace::Unusable {
                why: "it is away".into(),
            },
            ..self.place()
        }
    }

    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.place()).await.unwrap()
    }

    /// The head file.
    pub(crate) fn head(&self) -> PathBuf {
        match &self.place().database {
            DatabasePlace::File(path) => path.with_extension("db.head"),
            DatabasePlace::Server { url, .. } => {
                let name = format!("postgres-{}.head", url.slug());
                self.place().spill.with_file_name(name)
            }
            DatabasePlace::Unusable { .. } => unreachable!(),
        }
    }

    /// A way to the database that asks nobody.
    pub(crate) async fn behind(&self) -> Behind {
        if let Some(url) = &self.url {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let sql = "set search_path to wharf";
            connection.execute(sql).await.unwrap();
            Behind::Postgres(connection)
        } else {
            let place = self.place();
            let options = SqliteConnectOptions::new().filename(database_file(&place));
            Behind::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
        }
    }

    /// Takes away the rules that keep the log append-only, as somebody with evil in mind would.
    pub(crate) async fn without_rules(&self) -> Behind {
        let mut behind = self.behind().await;
        behind.drop_rules().await;
        behind
    }

    /// All entries as they are stored.
    pub(crate) async fn entries(&self) -> Vec<String> {
        let sql = "select seq || ' ' || operation || ' ' || kind || ' ' || token || ' ' || previous || ' ' || hash || ' ' || body from entry order by seq";
        let mut behind = self.behind().await;
        let entries = behind.texts(sql).await;
        behind.close().await;
        entries
    }

    /// This test program again, running one ignored test as a child on this ground.
    pub(crate) fn child(&self, test: &str) -> Command {
        let mut command = child(test, self.directory.path());
        if let Some(url) = &self.url {
            command.env(DATABASE, url);
        }
        command
    }
}

fn place_in(directory: &Path, url: Option<&str>) -> Place {
    let place = Place::in_directories(&directory.join("data"), &directory.join("state"));
    match url {
        None => place,
        Some(url) => Place {
            database: DatabasePlace::Server {
                url: DatabaseUrl::parse(url).unwrap(),
                password_file: None,
            },
            ..place
        },
    }
}

/// The file of an SQLite database.
pub(crate) fn database_file(place: &Place) -> &Path {
    match &place.database {
        DatabasePlace::File(path) => path,
        other => panic!("{other:?} is no file"),
    }
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

/// A way to the database behind the store's back.
pub(crate) enum Behind {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A rule as SQL that makes it, and SQL that takes it away.
pub(crate) struct Rule {
    make: String,
    drop: String,
}

impl Behind {
    /// Runs SQL; whether it was accepted.
    pub(crate) async fn try_run(&mut self, sql: &str) -> bool {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.is_ok(),
            Self::Postgres(connection) => sql.execute(connection).await.is_ok(),
        }
    }

    pub(crate) async fn run(&mut self, sql: &str) {
        assert!(self.try_run(sql).await, "{sql}");
    }

    /// The texts of the first column.
    pub(crate) async fn texts(&mut self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(connection) => {
                let rows = connection.fetch_all(AssertSqlSafe(sql)).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Self::Postgres(connection) => {
                let rows = connection.fetch_all(AssertSqlSafe(sql)).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }

    /// Begins a transaction that keeps everybody from writing.
    pub(crate) async fn hold(&mut self) {
        let sql = match self {
            Self::Sqlite(_) => "begin immediate",
            Self::Postgres(_) => "begin; select one from head for update",
        };
        self.run(sql).await;
    }

    /// The rules that keep the log append-only.
    pub(crate) async fn rules(&mut self) -> Vec<Rule> {
        let (make, drop) = match self {
            Self::Sqlite(_) => (
                "select sql from sqlite_schema where type = 'trigger' order by name",
                "select 'drop trigger ' || name from sqlite_schema where type = 'trigger' order by name",
            ),
            Self::Postgres(_) => (
                "select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by tgname",
                "select 'drop trigger ' || tgname || ' on ' || tgrelid::regclass from pg_trigger where not tgisinternal order by tgname",
            ),
        };
        let (make, drop) = (self.texts(make).await, self.texts(drop).await);
        assert!(make.len() >= 5, "{make:?}");
        make.into_iter()
            .zip(drop)
            .map(|(make, drop)| Rule { make, drop })
            .collect()
    }

    pub(crate) async fn drop_rules(&mut self) -> Vec<Rule> {
        let rules = self.rules().await;
        for rule in &rules {
            self.run(&rule.drop).await;
        }
        rules
    }

    pub(crate) async fn make_rules(&mut self, rules: &[Rule]) {
        for rule in rules {
            self.run(&rule.make).await;
        }
    }
}
