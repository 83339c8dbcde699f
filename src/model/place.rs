//! Where the store keeps its records.

use std::path::{Path, PathBuf};

use super::DatabaseUrl;

/// The places of the store. Relative paths are the caller's business; `config` gives absolute ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The database of the log.
    pub database: DatabasePlace,
    /// Where acts wait as lines of JSON while the database cannot take them; best on another file
    /// system than the database.
    pub spill: PathBuf,
}

/// A database of one operator, or of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabasePlace {
    /// An SQLite file. Beside it lie its write-ahead log and the head file (`<database>.head`).
    File(PathBuf),
    /// A PostgreSQL server. The head file is on this machine, beside the spill.
    Server {
        /// Which server and database, and as whom.
        url: DatabaseUrl,
        /// A file whose first line is the password.
        password_file: Option<PathBuf>,
    },
    /// What was configured cannot be used: acts wait in the spill until it is mended, and go into
    /// no other log.
    Unusable {
        /// Why, without what was written: there may be a password in it.
        why: String,
    },
}

impl Place {
    /// The usual file names in a data and a state directory.
    pub fn in_directories(data: &Path, state: &Path) -> Self {
        Self {
            database: DatabasePlace::File(data.join("wharf.db")),
            spill: state.join("operations.spill.jsonl"),
        }
    }

    /// The same place with another database file: how a new log is begun beside a broken one.
    #[must_use]
    pub fn with_database(&self, database: PathBuf) -> Self {
        Self {
            database: DatabasePlace::File(database),
            spill: self.spill.clone(),
        }
    }
}
