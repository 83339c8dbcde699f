//! The spill: where acts are recorded while the database cannot take them.
//!
//! A file of JSON lines, each forced to the disk before the act begins. It is taken into the log at
//! the next chance and its entries are marked as late there. A reserve beside it gives back its
//! space when the disk is full, so that the next acts can still be recorded.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    chain::{Begin, End},
    head::{PATIENCE, lock},
};

/// Bytes kept in reserve: some hundred acts.
const RESERVE: usize = 64 * 1024;

/// One line of the spill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Record {
    /// An operation began.
    Begin {
        /// Its token.
        token: String,
        /// What is recorded of it.
        body: Begin,
    },
    /// An operation ended.
    End {
        /// Its token.
        token: String,
        /// What is recorded of it.
        body: End,
    },
}

/// A line of the spill: a record, or what could not be read as one.
pub(super) type Line = Result<Record, String>;

/// Whether something waits in the spill.
pub(super) fn waits(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// What waits in the spill, without taking it.
pub(super) fn read(path: &Path) -> io::Result<Vec<Line>> {
    match File::open(path) {
        Ok(mut file) => lines(&mut file),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Adds a record and forces it to the disk.
pub(super) fn append(path: &Path, record: &Record) -> io::Result<()> {
    let line = serde_json::to_string(record)?;
    match write(path, &line) {
        Err(error) if is_full(&error) && fs::remove_file(reserve_of(path)).is_ok() => {
            write(path, &line)
        }
        done => done,
    }
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    let mut file = open(path)?;
    lock(&file, PATIENCE)?;
    let length = file.seek(SeekFrom::End(0))?;
    // A program that was killed while it wrote left half a line: it must not spoil this one.
    let start = if ends_a_line(&mut file, length)? {
        ""
    } else {
        "\n"
    };
    let written = file
        .write_all(format!("{start}{line}\n").as_bytes())
        .and_then(|()| file.sync_data());
    if written.is_err() {
        // Half a record is none. Nothing more can be done when this fails, too.
        let _ = file.set_len(length);
    }
    written
}

fn ends_a_line(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

/// The spill, locked against other programs while its records are taken into the log.
pub(super) struct Taking(File);

impl Taking {
    /// Locks the spill; none when there is nothing in it.
    pub(super) fn start(path: &Path) -> io::Result<Option<(Self, Vec<Line>)>> {
        if !waits(path) {
            return Ok(None);
        }
        let mut file = open(path)?;
        lock(&file, PATIENCE)?;
        file.rewind()?;
        let lines = lines(&mut file)?;
        Ok(Some((Self(file), lines)))
    }

    /// Empties the spill: its records are in the log now.
    pub(super) fn done(self) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.sync_data()
    }
}

/// Sees to it that the spill's directory and its reserve exist.
pub(super) fn prepare(path: &Path) -> io::Result<()> {
    let reserve = reserve_of(path);
    if fs::metadata(&reserve).is_ok_and(|file| file.len() >= RESERVE as u64) {
        return Ok(());
    }
    make_directory(path)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&reserve)?;
    // Not zeros: some file systems keep no blocks for those.
    if let Err(error) = file.write_all(&vec![b'.'; RESERVE]) {
        let _ = fs::remove_file(&reserve);
        return Err(error);
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    make_directory(path)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn make_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory),
        None => Ok(()),
    }
}

fn lines(file: &mut File) -> io::Result<Vec<Line>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line).map_err(|_| String::from_utf8_lossy(line).into_owned())
        })
        .collect())
}

fn reserve_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".reserve");
    PathBuf::from(name)
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
