//! What goes wrong with a PostgreSQL server, told with its remedy.

use super::{Error, ErrorKind, HEAD_MISSING, Subject};

/// What a driver's error means.
struct Meaning {
    kind: ErrorKind,
    why: String,
    /// Where it is more exact than the kind's.
    remedy: Option<&'static str>,
}

/// An error of the driver or of the server. None of them holds the password: the server never repeats it,
/// and what is wrong with the URL is found before the driver sees it.
pub(super) fn told(doing: &'static str, subject: &Subject, error: &sqlx::Error) -> Error {
    let Meaning { kind, why, remedy } = meaning(error);
    let told = Error::new(kind, doing, subject, why);
    match remedy {
        Some(remedy) => Error {
            remedy: remedy.to_owned(),
            ..told
        },
        None => told,
    }
}

fn meaning(error: &sqlx::Error) -> Meaning {
    let plain = |kind, why: &str| Meaning {
        kind,
        why: why.to_owned(),
        remedy: None,
    };
    match error {
        sqlx::Error::Database(inner) => {
            of_server(&inner.code().unwrap_or_default(), inner.message())
        }
        sqlx::Error::Io(inner) if inner.kind() == std::io::ErrorKind::TimedOut => {
            plain(ErrorKind::Timeout, "it did not answer in time")
        }
        // What TLS finds wrong while hands are shaken.
        sqlx::Error::Io(inner) if inner.kind() == std::io::ErrorKind::InvalidData => {
            of_tls(&inner.to_string())
        }
        sqlx::Error::Io(inner) => plain(ErrorKind::Unreachable, &inner.to_string()),
        sqlx::Error::Tls(inner) => of_tls(&inner.to_string()),
        sqlx::Error::Configuration(inner) => Meaning {
            kind: ErrorKind::Other,
            why: inner.to_string(),
            remedy: Some("mend it in [store], or in $WHARF_DATABASE"),
        },
        sqlx::Error::RowNotFound => plain(ErrorKind::Corrupt, HEAD_MISSING),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            plain(ErrorKind::Corrupt, &error.to_string())
        }
        other => plain(ErrorKind::Other, &other.to_string()),
    }
}

fn of_tls(why: &str) -> Meaning {
    Meaning {
        kind: ErrorKind::Denied,
        why: format!("TLS: {why}"),
        remedy: Some(
            "see sslmode and sslrootcert in the URL, and whether the server's certificate is for this host",
        ),
    }
}

/// The server's codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn of_server(code: &str, message: &str) -> Meaning {
    let (kind, remedy) = match code {
        "28P01" | "28000" => (
            ErrorKind::Denied,
            Some(
                "see the user and the password: in the URL, the file of database_password_file, $PGPASSWORD or ~/.pgpass; and the server's pg_hba.conf",
            ),
        ),
        "3D000" => (
            ErrorKind::Other,
            Some("make it with `createdb`, or name another in [store] database"),
        ),
        "42501" => (ErrorKind::Denied, None),
        "25006" => (
            ErrorKind::ReadOnly,
            Some(
                "it is a standby or set to read-only: name the primary server in [store] database",
            ),
        ),
        "3F000" | "42P01" | "42883" => (
            ErrorKind::Lost,
            Some("the schema wharf or a part of it is gone: restore it from a backup"),
        ),
        "53300" => (
            ErrorKind::Unreachable,
            Some("raise its max_connections, or close consoles"),
        ),
        "53100" => (ErrorKind::Full, None),
        "55P03" => (ErrorKind::Locked, None),
        "57014" | "25P03" => (ErrorKind::Timeout, None),
        "XX001" | "XX002" => (ErrorKind::Corrupt, None),
        _ if code.starts_with("57P") || code.starts_with("08") => (ErrorKind::Unreachable, None),
        _ => (ErrorKind::Other, None),
    };
    let why = match kind {
        ErrorKind::Locked => "another program holds it".to_owned(),
        _ => message.to_owned(),
    };
    Meaning { kind, why, remedy }
}

/// What to do about each kind.
pub(super) fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Full => "free space on the database server",
        ErrorKind::ReadOnly => "name the primary server in [store] database",
        ErrorKind::Denied => {
            "let the database's owner run `create schema wharf authorization ROLE`, or grant its role's rights to yours (see README)"
        }
        ErrorKind::Locked => "see who holds the row of wharf.head in pg_stat_activity",
        ErrorKind::Corrupt => "it is left as it is: restore the schema wharf from a backup",
        ErrorKind::Newer => "update this Wharf, or name another database in [store] database",
        ErrorKind::Lost => {
            "restore it from a backup; or, to begin a new log, remove the postgres-….head beside the spill"
        }
        ErrorKind::Timeout | ErrorKind::Unreachable => {
            "see whether the server runs and the network to it; acts wait in the spill until then"
        }
        ErrorKind::Unrecordable | ErrorKind::Other => "",
    }
}
