//! Puts a text into a file: whole or not at all, never over one that is there unless that was agreed to.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Why a file was not written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsaved {
    /// There is one of that name, of so many bytes.
    Exists(u64),
    /// Why not, and what to do.
    Failed(String),
}

/// So many files were written.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Lets `write` write a file for its owner alone, beside its place, and moves it there when it is whole.
pub(super) fn save(
    path: &Path,
    replace: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Unsaved> {
    let target = place(path, replace)?;
    let failed = |error: io::Error| failure(path, &error);
    let number = COUNT.fetch_add(1, Relaxed);
    let beside = target.with_file_name(format!(".wharf-{}-{number}", std::process::id()));
    let moved = fill(&beside, write).and_then(|()| put(&beside, &target, replace));
    moved.map_err(|error| {
        // What is left of it is of no use; if it cannot be removed either, the error before says more.
        let _ = fs::remove_file(&beside);
        match error.kind() {
            ErrorKind::AlreadyExists => match place(path, false) {
                Err(exists) => exists,
                Ok(_) => failed(error),
            },
            _ => failed(error),
        }
    })
}

/// The file that a path stands for: that at the end of its links, if there is one.
fn place(path: &Path, replace: bool) -> Result<PathBuf, Unsaved> {
    let shown = path.display();
    if path.file_name().is_none() {
        let why = format!("'{shown}' names no file; name one");
        return Err(Unsaved::Failed(why));
    }
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Unsaved::Failed(format!(
            "{shown} is a directory; name a file in it"
        ))),
        Ok(there) if !there.is_file() => Err(Unsaved::Failed(format!(
            "{shown} is no regular file; name another"
        ))),
        Ok(there) if !replace => Err(Unsaved::Exists(there.len())),
        Ok(_) => fs::canonicalize(path).map_err(|error| failure(path, &error)),
        // What else is wrong shows when it is written.
        Err(_) => Ok(path.to_owned()),
    }
}

/// Writes a file of its own, and waits until the disk has it: some disks say only then that they are full.
fn fill(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    // One that an earlier process of this number left behind when it was killed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = BufWriter::new(options.open(path)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// Moves a file to its place.
fn put(from: &Path, to: &Path, replace: bool) -> io::Result<()> {
    if replace {
        return fs::rename(from, to);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            // Network and FAT disks cannot; there a name of its own is taken first.
            OpenOptions::new().write(true).create_new(true).open(to)?;
            fs::rename(from, to)
        }
        done => done.map_err(io::Error::from),
    }
}

/// Why a file was not written, and what to do.
fn failure(path: &Path, error: &io::Error) -> Unsaved {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.display().to_string(),
        Some(_) | None => "the directory that wharf was started in".to_owned(),
    };
    let why = match error.kind() {
        ErrorKind::NotFound => format!("{directory} is not there; make it or name another"),
        ErrorKind::NotADirectory => format!("{directory} is no directory; name another"),
        ErrorKind::PermissionDenied => {
            format!("you may not write in {directory}; name another place")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full; make room or name another place".to_owned()
        }
        ErrorKind::ReadOnlyFilesystem => "the disk is read-only; name another place".to_owned(),
        ErrorKind::AlreadyExists => "it is a link to nothing; name another".to_owned(),
        ErrorKind::InvalidFilename => "its name is too long; name another".to_owned(),
        _ => error.to_string(),
    };
    Unsaved::Failed(format!("{} was not written: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::{
        fs,
        io::Write as _,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::{Path, PathBuf},
    };

    use super::{Unsaved, save};

    fn put(path: &Path, text: &str, replace: bool) -> Result<(), Unsaved> {
        save(path, replace, |file| file.write_all(text.as_bytes()))
    }

    fn files(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_written_once_and_over_only_when_agreed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.log");
        put(&path, "one\n", false).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(put(&path, "two\n", false), Err(Unsaved::Exists(4)));
        assert_eq!(fs::read(&path).unwrap(), b"one\n");
        put(&path, "two\n", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two\n");
        assert_eq!(files(dir.path()), ["web.log"]);
    }

    #[test]
    fn a_link_stays_one_and_a_dangling_one_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "one").unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(put(&link, "two", false), Err(Unsaved::Exists(3)));
        put(&link, "two", true).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::remove_file(&file).unwrap();
        let Err(Unsaved::Failed(why)) = put(&link, "three", false) else {
            panic!("a link was written over");
        };
        assert!(
            why.ends_with("it is a link to nothing; name another"),
            "{why}"
        );
        assert_eq!(files(dir.path()), ["link"]);
    }

    #[test]
    fn what_hinders_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        for (path, said) in [
            (dir.path().to_owned(), "is a directory; name a file in it"),
            (PathBuf::from("/"), "names no file; name one"),
            (
                dir.path().join("no/x"),
                "no is not there; make it or name another",
            ),
            (file.join("x"), "file is no directory; name another"),
            (
                PathBuf::from("/dev/null"),
                "is no regular file; name another",
            ),
            (PathBuf::from("/proc/self/x"), "/proc/self"),
            (
                dir.path().join("x".repeat(300)),
                "its name is too long; name another",
            ),
        ] {
            let Err(Unsaved::Failed(why)) = put(&path, "text", true) else {
                panic!("{} was written", path.display());
            };
            assert!(why.contains(said), "{why}");
        }
        assert_eq!(files(dir.path()), ["file"]);
    }
}
