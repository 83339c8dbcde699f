//! What can go wrong with the store, told with its remedy.

mod postgres;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::model::{DatabasePlace, Place};

/// What is said of a log without its head row.
const HEAD_MISSING: &str = "its head row is missing";

/// The kinds of trouble with a database or the files beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No space is left, or a quota or file size limit is reached.
    Full,
    /// The file or its file system cannot be written.
    ReadOnly,
    /// This user may not open it.
    Denied,
    /// Somebody else holds it for longer than we wait.
    Locked,
    /// It is damaged, or no database at all.
    Corrupt,
    /// It was there and is gone.
    Lost,
    /// A newer Wharf made it.
    Newer,
    /// It did not answer in time.
    Timeout,
    /// The server cannot be reached, or is starting or ending.
    Unreachable,
    /// The act could be recorded nowhere: it must not be done.
    Unrecordable,
    /// Something else; the text says it.
    Other,
}

/// An act on the store that failed: doing what, where, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of trouble.
    pub kind: ErrorKind,
    doing: &'static str,
    subject: Subject,
    why: String,
    remedy: String,
}

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A file.
    File(PathBuf),
    /// A database on a server, by its URL without the password.
    Server(String),
    /// A database that is not known, for what was configured cannot be used.
    Unusable,
}

impl Subject {
    /// The database of a place.
    pub(super) fn of(place: &Place) -> Self {
        match &place.database {
            DatabasePlace::File(path) => Self::File(path.clone()),
            DatabasePlace::Server { url, .. } => Self::Server(url.to_string()),
            DatabasePlace::Unusable { .. } => Self::Unusable,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(url) => f.write_str(url),
            Self::Unusable => f.write_str("of [store] database"),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.subject, self.why)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.remedy)
        }
    }
}

impl Error {
    /// An error with the usual remedy of its kind.
    pub(super) fn new(
        kind: ErrorKind,
        doing: &'static str,
        subject: &Subject,
        why: String,
    ) -> Self {
        let remedy = match subject {
            Subject::File(path) => remedy(kind, path),
            Subject::Server(_) => postgres::remedy(kind).to_owned(),
            Subject::Unusable => {
                "write it as a path, or as postgres://USER@HOST/DATABASE".to_owned()
            }
        };
        Self {
            kind,
            doing,
            subject: subject.clone(),
            why,
            remedy,
        }
    }

    /// An error of a file beside the database.
    pub(super) fn io(doing: &'static str, place: &Path, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => ErrorKind::Full,
            io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            io::ErrorKind::TimedOut => ErrorKind::Timeout,
            io::ErrorKind::WouldBlock => ErrorKind::Locked,
            _ => ErrorKind::Other,
        };
        Self::new(
            kind,
            doing,
            &Subject::File(place.to_owned()),
            error.to_string(),
        )
    }

    /// An error of the database library.
    pub(super) fn sql(doing: &'static str, subject: &Subject, error: &sqlx::Error) -> Self {
        let path = match subject {
            Subject::File(path) => path,
            Subject::Server(_) | Subject::Unusable => {
                return postgres::told(doing, subject, error);
            }
        };
        let kind = match error {
            sqlx::Error::Database(inner) => inner
                .code()
                .and_then(|code| code.parse::<u32>().ok())
                .map_or(ErrorKind::Other, of_sqlite),
            sqlx::Error::Io(inner) => return Self::io(doing, path, inner),
            sqlx::Error::PoolTimedOut => ErrorKind::Timeout,
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::RowNotFound => ErrorKind::Corrupt,
            _ => ErrorKind::Other,
        };
        let why = match (kind, error) {
            (ErrorKind::Full, _) => "no space is left, or a limit is reached".to_owned(),
            (ErrorKind::Locked, _) => "another program holds it".to_owned(),
            (ErrorKind::Timeout, _) => "it did not answer in time".to_owned(),
            (_, sqlx::Error::Database(inner)) => inner.message().to_owned(),
            (_, sqlx::Error::RowNotFound) => HEAD_MISSING.to_owned(),
            (_, other) => other.to_string(),
        };
        Self::new(kind, doing, subject, why)
    }

    /// The database did not answer within so many seconds.
    pub(super) fn late(doing: &'static str, subject: &Subject, seconds: u64) -> Self {
        let why = format!("it did not answer within {seconds} s");
        Self::new(ErrorKind::Timeout, doing, subject, why)
    }

    /// The same trouble, met while doing something larger.
    pub(super) fn while_doing(self, doing: &'static str) -> Self {
        Self { doing, ..self }
    }

    /// The act could be recorded neither in the database nor in the spill.
    pub(super) fn unrecordable(database: &Self, spill: &Self) -> Self {
        Self {
            kind: ErrorKind::Unrecordable,
            doing: "record the act anywhere, so it is refused:",
            subject: database.subject.clone(),
            why: format!("{}; nor in {}: {}", database.why, spill.subject, spill.why),
            remedy: database.remedy.clone(),
        }
    }

    /// A file that does not exist yet, beside a damaged, lost or foreign database, where a new log
    /// can begin. Nothing is moved or made by asking.
    pub fn beside(&self) -> Option<PathBuf> {
        let Subject::File(path) = &self.subject else {
            return None;
        };
        match self.kind {
            ErrorKind::Corrupt | ErrorKind::Lost | ErrorKind::Newer => beside(path),
            ErrorKind::Full
            | ErrorKind::ReadOnly
            | ErrorKind::Denied
            | ErrorKind::Locked
            | ErrorKind::Timeout
            | ErrorKind::Unreachable
            | ErrorKind::Unrecordable
            | ErrorKind::Other => None,
        }
    }
}

/// `wharf-2.db` beside `wharf.db`, or the next number that is free.
fn beside(database: &Path) -> Option<PathBuf> {
    let stem = database.file_stem()?.to_string_lossy();
    let ending = database
        .extension()
        .map_or("db".into(), |e| e.to_string_lossy());
    (2..1000)
        .map(|n| database.with_file_name(format!("{stem}-{n}.{ending}")))
        .find(|path| !path.exists() && !super::head::beside(path).exists())
}

/// SQLite's result codes; the upper bits only refine them (<https://www.sqlite.org/rescode.html>).
fn of_sqlite(code: u32) -> ErrorKind {
    match code & 0xff {
        13 => ErrorKind::Full,
        8 => ErrorKind::ReadOnly,
        3 | 14 | 23 => ErrorKind::Denied,
        5 | 6 => ErrorKind::Locked,
        11 | 26 => ErrorKind::Corrupt,
        _ => ErrorKind::Other,
    }
}

/// What to do about each kind.
fn remedy(kind: ErrorKind, place: &Path) -> String {
    let directory = place.parent().unwrap_or(place).display();
    match kind {
        ErrorKind::Full => format!("free space in {directory}"),
        ErrorKind::ReadOnly | ErrorKind::Denied => {
            format!("make {directory} and its files writable for you, or set [store] database")
        }
        ErrorKind::Locked => format!("see who holds it with `fuser {}`", place.display()),
        ErrorKind::Corrupt | ErrorKind::Newer => match beside(place) {
            Some(new) => format!(
                "it is left as it is; put a backup in its place, or begin a new log with [store] database = \"{}\"",
                new.display()
            ),
            None => "it is left as it is; put a backup in its place".to_owned(),
        },
        ErrorKind::Lost => format!(
            "put it back, or remove {} to begin a new log",
            super::head::beside(place).display()
        ),
        ErrorKind::Timeout => format!("see whether the disk under {directory} answers"),
        ErrorKind::Unreachable | ErrorKind::Unrecordable | ErrorKind::Other => String::new(),
    }
}
