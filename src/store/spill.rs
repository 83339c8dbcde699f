//! The spill: where acts are recorded while the database cannot take them.
//!
//! A file of JSON lines, each forced to the disk before the act begins. It is taken into the log at
//! the next chance and its entries are marked as late there. The file is never smaller than its
//! reserve: what is not used of it is line ends, which are overwritten in place, so that a full disk
//! has room for the next acts.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    chain::{Begin, End},
    head::{PATIENCE, lock},
};

/// Bytes that the file has at least: some hundred acts.
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

/// Whether something waits in the spill: records begin with its first byte.
pub(super) fn waits(path: &Path) -> bool {
    let mut first = [0];
    let read = File::open(path).and_then(|file| file.read_at(&mut first, 0));
    read.is_ok_and(|count| count == 1 && first != [b'\n'])
}

/// What waits in the spill, without taking it.
pub(super) fn read(path: &Path) -> io::Result<Vec<Line>> {
    match File::open(path) {
        Ok(mut file) => Ok(lines(&contents(&mut file)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Adds a record and forces it to the disk.
pub(super) fn append(path: &Path, record: &Record) -> io::Result<()> {
    let line = serde_json::to_string(record)?;
    let mut file = open(path)?;
    lock(&file, PATIENCE)?;
    let before = contents(&mut file)?;
    let end = used(&before);
    // Whatever is there ends before this record, even half a line of a program that was killed.
    let text = if end == 0 {
        format!("{line}\n")
    } else {
        format!("\n{line}\n")
    };
    let written = file
        .write_all_at(text.as_bytes(), end as u64)
        .and_then(|()| file.sync_data());
    if written.is_err() {
        // Half a record is none. Nothing more can be done when this fails, too.
        let _ = file.write_all_at(&before[end..], end as u64);
        let _ = file.set_len(before.len() as u64);
    }
    written
}

/// How many bytes are in use: all up to the last that is not a line end.
fn used(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != b'\n')
        .map_or(0, |last| last + 1)
}

/// The spill, locked against other programs while its records are taken into the log.
pub(super) struct Taking {
    file: File,
    used: usize,
}

impl Taking {
    /// Locks the spill; none when there is nothing in it.
    pub(super) fn start(path: &Path) -> io::Result<Option<(Self, Vec<Line>)>> {
        if !waits(path) {
            return Ok(None);
        }
        let mut file = open(path)?;
        lock(&file, PATIENCE)?;
        let bytes = contents(&mut file)?;
        let taking = Self {
            file,
            used: used(&bytes),
        };
        Ok(Some((taking, lines(&bytes))))
    }

    /// Empties the spill: its records are in the log now.
    pub(super) fn done(self) -> io::Result<()> {
        self.file.write_all_at(&vec![b'\n'; self.used], 0)?;
        if self.used > RESERVE {
            self.file.set_len(RESERVE as u64)?;
        }
        self.file.sync_data()
    }
}

/// Sees to it that the spill is there and has its reserve.
pub(super) fn prepare(path: &Path) -> io::Result<()> {
    let size = |file: &File| {
        file.metadata()
            .map(|file| usize::try_from(file.len()).unwrap_or(usize::MAX))
    };
    if File::open(path).is_ok_and(|file| size(&file).is_ok_and(|size| size >= RESERVE)) {
        return Ok(());
    }
    let file = open(path)?;
    lock(&file, PATIENCE)?;
    let size = size(&file)?;
    let written = file.write_all_at(&vec![b'\n'; RESERVE.saturating_sub(size)], size as u64);
    if written.is_err() {
        file.set_len(size as u64)?;
    }
    written
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

fn contents(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(RESERVE);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let whole =
        |line| serde_json::from_slice(line).map_err(|_| String::from_utf8_lossy(line).into_owned());
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(whole)
        .collect()
}
