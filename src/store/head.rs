//! The head file: where the log ends, kept a second time outside the database.
//!
//! One line of fixed length beside the database (or on this machine, when the database is on a server), replaced in place under a lock: the number of the
//! newest entry and its hash. A log that ends earlier than its head file says was cut.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::model::{DatabasePlace, Place};

/// How long the lock of a file beside the database is waited for.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// An entry's number and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The entry's place in the log.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// The head file of a place: `<database>.head`; for a database on a server, which may be on another
/// machine, a file beside the spill.
pub(super) fn path_of(place: &Place) -> PathBuf {
    match &place.database {
        DatabasePlace::File(database) => beside(database),
        DatabasePlace::Server { url, .. } => place
            .spill
            .with_file_name(format!("postgres-{}.head", url.slug())),
        DatabasePlace::Unusable { .. } => place.spill.with_extension("head"),
    }
}

/// `<database>.head`.
pub(super) fn beside(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".head");
    PathBuf::from(name)
}

/// What a head file says; none when there is no such file.
pub(super) fn read(path: &Path) -> io::Result<Option<Head>> {
    match File::open(path) {
        Ok(mut file) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            parse(&text).map(Some)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Brings the head file up to `head`, unless another program brought it further already. To be
/// called only when what it says belongs to the log: otherwise it is evidence and has to stay.
pub(super) fn advance(path: &Path, head: &Head, wait: Duration) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    lock(&file, wait)?;
    let mut text = String::new();
    (&file).read_to_string(&mut text)?;
    if !text.is_empty() && parse(&text)?.seq >= head.seq {
        return Ok(());
    }
    let line = format!("{:020} {}\n", head.seq, head.hash);
    file.write_all_at(line.as_bytes(), 0)
}

/// Takes the lock of an open file, or gives up after `wait`. Closing the file releases it.
pub(super) fn lock(file: &File, wait: Duration) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
            Err(std::fs::TryLockError::WouldBlock) if start.elapsed() >= wait => {
                return Err(io::Error::new(
                    ErrorKind::WouldBlock,
                    "another program holds its lock",
                ));
            }
            Err(std::fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn parse(text: &str) -> io::Result<Head> {
    text.strip_suffix('\n')
        .and_then(|line| line.split_once(' '))
        .filter(|(_, hash)| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|(seq, hash)| {
            let seq = seq.parse().ok()?;
            Some(Head {
                seq,
                hash: hash.to_owned(),
            })
        })
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it is not a head file"))
}
