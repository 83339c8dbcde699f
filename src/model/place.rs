//! Where the store keeps its records.

use std::path::{Path, PathBuf};

/// The files of the store. Relative paths are the caller's business; `config` gives absolute ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The SQLite database. Beside it lie its write-ahead log and the head file (`<database>.head`).
    pub database: PathBuf,
    /// Where acts wait as lines of JSON while the database cannot take them; best on another file
    /// system than the database.
    pub spill: PathBuf,
}

impl Place {
    /// The usual file names in a data and a state directory.
    pub fn in_directories(data: &Path, state: &Path) -> Self {
        Self {
            database: data.join("wharf.db"),
            spill: state.join("operations.spill.jsonl"),
        }
    }

    /// The same place with another database: how a new log is begun beside a broken one.
    #[must_use]
    pub fn with_database(&self, database: PathBuf) -> Self {
        Self {
            database,
            spill: self.spill.clone(),
        }
    }
}
