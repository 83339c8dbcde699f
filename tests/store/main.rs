//! The store on real databases: what is recorded, found again, shared, checked, and survived. What is not
//! about one kind of database is tested on both.
#![expect(clippy::unwrap_used, reason = "tests")]

/// Each named test once on an SQLite file and once on a PostgreSQL server.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::ground::Ground::file()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::ground::Ground::server().await).await;
            })+
        }
    };
}

mod approval;
mod bench;
mod crowd;
mod file;
mod ground;
mod log;
mod notify;
mod postgres;
mod release;
mod run;
mod scene;
mod server;
mod tamper;
mod trouble;
