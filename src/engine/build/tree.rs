//! The files that a build is given: looked through once, read when they are sent; nothing outside the directory.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ignore::Ignore;

/// The name of a Dockerfile of another directory, where a builder can be given one directory only.
pub(super) const FOREIGN: &str = ".dockerfile.wharf";

/// The file with the rules of what stays at home.
pub(super) const RULES: &str = ".dockerignore";

/// No Dockerfile and no file of rules is larger.
const LARGEST_TEXT: u64 = 4 << 20;

/// A file, directory or link that is sent.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// What it is called there, with `/` between its parts.
    pub name: PathBuf,
    /// What it is.
    pub what: What,
    /// Its permissions.
    pub mode: u32,
    /// When it was changed, in nanoseconds since 1970: who has it already compares this.
    pub mtime: i64,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A directory.
    Directory,
    /// A symbolic link, as it is.
    Link(PathBuf),
    /// A file of this machine, with its size.
    File(PathBuf, u64),
    /// A file that was read already.
    Text(Arc<[u8]>),
}

impl Entry {
    /// A file that was read already, under a name of its own.
    pub fn text(name: impl Into<PathBuf>, text: &Text) -> Self {
        Self {
            name: name.into(),
            what: What::Text(Arc::clone(&text.bytes)),
            mode: 0o644,
            mtime: text.mtime,
        }
    }

    /// Its size; that of what is no file is 0.
    pub fn size(&self) -> u64 {
        match &self.what {
            What::Directory | What::Link(_) => 0,
            What::File(_, size) => *size,
            What::Text(text) => text.len() as u64,
        }
    }

    /// All that is in it.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What is in it.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.what {
            What::File(path, size) => Ok(Box::new(Whole {
                from: no_link(path)?,
                path: path.clone(),
                left: *size,
            })),
            What::Text(text) => Ok(Box::new(io::Cursor::new(Arc::clone(text)))),
            What::Directory | What::Link(_) => Ok(Box::new(io::empty())),
        }
    }
}

/// Opens what was a file when the directory was looked through; should a link have come in its place, it is not followed.
fn no_link(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    options.read(true).custom_flags(flags);
    options.open(path).map_err(|error| told(path, &error))
}

fn told(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A file of the size that was announced: what was appended meanwhile is left out, what is missing is an error.
struct Whole {
    from: File,
    path: PathBuf,
    left: u64,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self
            .from
            .read(&mut buffer[..most])
            .map_err(|error| told(&self.path, &error))?;
        if count == 0 {
            let why = format!("{} became shorter while it was read", self.path.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// A directory as it is sent: in the order of the names, each directory before what is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// What is sent.
    pub entries: Vec<Entry>,
    /// The bytes of all files.
    pub bytes: u64,
    /// What can be sent by nobody: sockets, pipes, devices.
    pub odd: Vec<PathBuf>,
}

impl Tree {
    /// Looks a directory through.
    pub fn of(root: &Path, ignore: &Ignore) -> io::Result<Self> {
        let mut looking = Looking {
            ignore,
            tree: Self::default(),
            seen: BTreeSet::new(),
        };
        looking.directory(root, Path::new(""))?;
        Ok(looking.tree)
    }

    /// How many files it has.
    pub fn files(&self) -> usize {
        let is_file = |one: &&Entry| matches!(one.what, What::File(..) | What::Text(_));
        self.entries.iter().filter(is_file).count()
    }

    /// The same with one more file, or with another one in its place.
    pub fn put(&mut self, entry: Entry) {
        self.entries.retain(|one| one.name != entry.name);
        self.entries.push(entry);
        self.bytes = self.entries.iter().map(Entry::size).sum();
    }

    /// Writes it as a tar archive; tells how many bytes of files have gone.
    pub fn pack(&self, to: impl Write, gone: &AtomicU64) -> io::Result<()> {
        let mut builder = tar::Builder::new(to);
        for entry in &self.entries {
            let mut header = tar::Header::new_gnu();
            // Ids of this machine mean nothing in an image.
            header.set_uid(0);
            header.set_gid(0);
            header.set_mode(entry.mode);
            header.set_mtime(u64::try_from(entry.mtime / 1_000_000_000).unwrap_or(0));
            header.set_size(entry.size());
            match &entry.what {
                What::Directory => {
                    header.set_entry_type(tar::EntryType::Directory);
                    builder.append_data(&mut header, &entry.name, io::empty())?;
                }
                What::Link(to) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, &entry.name, to)?;
                }
                What::File(..) | What::Text(_) => {
                    let from = Counted(entry.open()?, gone);
                    builder.append_data(&mut header, &entry.name, from)?;
                }
            }
        }
        builder.into_inner()?.flush()
    }
}

struct Counted<'g, R>(R, &'g AtomicU64);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A directory that is being looked through.
struct Looking<'i> {
    ignore: &'i Ignore,
    tree: Tree,
    /// The directories that are in the tree already.
    seen: BTreeSet<PathBuf>,
}

impl Looking<'_> {
    fn directory(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let listed = fs::read_dir(path).map_err(|error| told(path, &error))?;
        let mut names = Vec::new();
        for entry in listed {
            names.push(entry.map_err(|error| told(path, &error))?.file_name());
        }
        names.sort_unstable();
        for one in names {
            self.one(&path.join(&one), &name.join(&one))?;
        }
        Ok(())
    }

    fn one(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(path).map_err(|error| told(path, &error))?;
        let shown = name.to_string_lossy();
        if self.ignore.leaves_out(&shown) {
            return if meta.is_dir() && self.ignore.may_take_back_below(&shown) {
                self.directory(path, name)
            } else {
                Ok(())
            };
        }
        let what = if meta.is_dir() {
            What::Directory
        } else if meta.is_symlink() {
            What::Link(fs::read_link(path).map_err(|error| told(path, &error))?)
        } else if meta.is_file() {
            What::File(path.to_owned(), meta.len())
        } else {
            self.tree.odd.push(name.to_owned());
            return Ok(());
        };
        self.parents(path, name)?;
        self.add(name, what, &meta);
        if meta.is_dir() {
            self.directory(path, name)?;
        }
        Ok(())
    }

    /// Directories that stay at home go along where something in them does.
    fn parents(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let (Some(path), Some(name)) = (path.parent(), name.parent()) else {
            return Ok(());
        };
        if name.as_os_str().is_empty() || self.seen.contains(name) {
            return Ok(());
        }
        self.parents(path, name)?;
        let meta = fs::symlink_metadata(path).map_err(|error| told(path, &error))?;
        self.add(name, What::Directory, &meta);
        Ok(())
    }

    fn add(&mut self, name: &Path, what: What, meta: &Metadata) {
        if matches!(what, What::Directory) {
            self.seen.insert(name.to_owned());
        }
        let entry = Entry {
            name: name.to_owned(),
            mode: meta.mode() & 0o7777,
            mtime: changed(meta),
            what,
        };
        self.tree.bytes += entry.size();
        self.tree.entries.push(entry);
    }
}

fn changed(meta: &Metadata) -> i64 {
    let seconds = meta.mtime().saturating_mul(1_000_000_000);
    seconds.saturating_add(meta.mtime_nsec())
}

/// A file that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// What is in it.
    pub bytes: Arc<[u8]>,
    /// When it was changed, in nanoseconds since 1970.
    pub mtime: i64,
}

impl Text {
    /// Reads it.
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path).map_err(|error| told(path, &error))?;
        let meta = file.metadata().map_err(|error| told(path, &error))?;
        if !meta.is_file() {
            let why = format!("{} is no file", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST_TEXT + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| told(path, &error))?;
        if bytes.len() as u64 > LARGEST_TEXT {
            let why = format!("{} is larger than 4 MB", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Self {
            bytes: Arc::from(bytes),
            mtime: changed(&meta),
        })
    }

    /// As text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn ground() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for directory in ["src/deep", "target/debug", "empty"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        for (name, text) in [
            ("Dockerfile", "FROM scratch\n"),
            ("a.txt", "a"),
            ("src/run.sh", "#!/bin/sh\n"),
            ("src/deep/x", "xx"),
            ("target/debug/big", "bigbig"),
            ("target/keep", "k"),
        ] {
            fs::write(at(name), text).unwrap();
        }
        fs::set_permissions(at("src/run.sh"), fs::Permissions::from_mode(0o4755)).unwrap();
        symlink("/etc/passwd", at("outside")).unwrap();
        symlink("src", at("within")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        dir
    }

    fn names(tree: &Tree) -> Vec<&str> {
        let names = tree.entries.iter();
        names.map(|one| one.name.to_str().unwrap()).collect()
    }

    #[test]
    fn directories_come_before_what_is_in_them_and_links_are_not_followed() {
        let dir = ground();
        let ignore = Ignore::read("target\n!target/keep\nempty").unwrap();
        let tree = Tree::of(dir.path(), &ignore).unwrap();
        assert_eq!(
            names(&tree),
            [
                "Dockerfile",
                "a.txt",
                "outside",
                "src",
                "src/deep",
                "src/deep/x",
                "src/run.sh",
                "target",
                "target/keep",
                "within"
            ]
        );
        assert_eq!(tree.odd, [PathBuf::from("socket")]);
        assert_eq!(tree.bytes, 13 + 1 + 2 + 10 + 1);
    }

    #[test]
    fn the_archive_has_modes_links_and_names_of_any_length() {
        let dir = ground();
        let long = "n".repeat(180);
        fs::create_dir_all(dir.path().join(&long)).unwrap();
        fs::write(dir.path().join(&long).join(&long), "long").unwrap();
        symlink("t".repeat(200), dir.path().join("far")).unwrap();
        let tree = Tree::of(dir.path(), &Ignore::default()).unwrap();
        let gone = AtomicU64::new(0);
        let mut packed = Vec::new();
        tree.pack(&mut packed, &gone).unwrap();
        assert_eq!(gone.load(Ordering::Relaxed), tree.bytes);

        let mut archive = tar::Archive::new(&packed[..]);
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            let kind = entry.header().entry_type();
            let link = entry.link_name().unwrap().map(std::borrow::Cow::into_owned);
            let mode = entry.header().mode().unwrap();
            assert_eq!(entry.header().uid().unwrap(), 0);
            entry.read_to_string(&mut text).unwrap();
            let name = entry.path().unwrap().into_owned();
            seen.push((name, kind, mode, link, text));
        }
        let one = |name: &str| seen.iter().find(|one| one.0 == Path::new(name)).unwrap();
        assert_eq!(
            (one("src/run.sh").2, &*one("src/run.sh").4),
            (0o4755, "#!/bin/sh\n")
        );
        assert_eq!(one("outside").3.as_deref(), Some(Path::new("/etc/passwd")));
        assert_eq!(one("far").3.as_deref(), Some(Path::new(&"t".repeat(200))));
        assert_eq!(one("src").1, tar::EntryType::Directory);
        assert_eq!(one(&format!("{long}/{long}")).4, "long");
        assert!(seen.iter().all(|one| !one.4.contains("root:")));
    }

    #[test]
    fn what_changes_while_it_is_read_spoils_no_archive() {
        let dir = ground();
        let tree = Tree::of(dir.path(), &Ignore::default()).unwrap();
        fs::write(dir.path().join("a.txt"), "longer now").unwrap();
        let mut packed = Vec::new();
        tree.pack(&mut packed, &AtomicU64::new(0)).unwrap();
        fs::write(dir.path().join("src/run.sh"), "short").unwrap();
        let why = tree.pack(io::sink(), &AtomicU64::new(0)).unwrap_err();
        assert!(why.to_string().contains("run.sh became shorter"), "{why}");
        fs::remove_file(dir.path().join("a.txt")).unwrap();
        symlink("/etc/passwd", dir.path().join("a.txt")).unwrap();
        let why = tree.pack(io::sink(), &AtomicU64::new(0)).unwrap_err();
        assert!(why.to_string().contains("a.txt"), "{why}");
    }

    #[test]
    fn a_file_of_many_gigabytes_can_be_announced() {
        let mut header = tar::Header::new_gnu();
        header.set_size(20 << 30);
        assert_eq!(header.size().unwrap(), 20 << 30);
    }
}
