//! A directory of backups on this machine: `HOST/VOLUME/MOMENT.tar.zst`, each with a manifest `MOMENT.json` beside it.
//!
//! Archive and manifest are written under other names, brought to the disk, and only then named; the manifest comes
//! last. So what has a manifest is whole, and what a killed run left behind is seen and removed by the next.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::model::{BackupName, HostName, Manifest, Timestamp, Volume, file_part, stamp};

/// The ending of archives.
pub(super) const ARCHIVE: &str = ".tar.zst";

/// The ending of manifests.
pub(super) const MANIFEST: &str = ".json";

/// The ending of what is being written.
const PART: &str = ".part";

/// No manifest is larger.
const LARGEST: u64 = 4 << 20;

/// So many backups of one volume can begin in one second.
const SAME_SECOND: u32 = 100;

/// A backup in its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The archive.
    pub archive: PathBuf,
    /// What is kept beside it.
    pub manifest: Manifest,
}

/// A backup that is being written; gone when dropped before it was committed.
#[derive(Debug)]
pub(super) struct Draft {
    folder: PathBuf,
    name: String,
    part: PathBuf,
    file: File,
    /// What is there already of it, to be removed if it comes to nothing.
    written: Vec<PathBuf>,
}

impl Draft {
    /// Begins one. What killed runs left behind of the same volume is removed.
    pub fn begin(root: &Path, host: &str, volume: &str, at: Timestamp) -> io::Result<Self> {
        let folder = folder(root, host, volume);
        fs::create_dir_all(&folder)?;
        sweep(&folder)?;
        for nth in 0..SAME_SECOND {
            let name = match nth {
                0 => stamp(at),
                nth => format!("{}-{nth}", stamp(at)),
            };
            let taken = [ARCHIVE, MANIFEST].map(|ending| folder.join(format!("{name}{ending}")));
            if taken.iter().any(|path| path.exists()) {
                continue;
            }
            let part = folder.join(format!(".{name}{PART}"));
            match new_file(&part) {
                Ok(file) => {
                    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                    let written = vec![part.clone()];
                    return Ok(Self {
                        folder,
                        name,
                        part,
                        file,
                        written,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("too many backups began in this second"))
    }

    /// What the archive is written into.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Brings it to the disk under its name, and removes those that are older than the `keep` newest. Answers the
    /// archive's path and how many were removed.
    pub fn commit(mut self, manifest: Manifest, keep: Option<u32>) -> io::Result<(PathBuf, usize)> {
        self.file.sync_all()?;
        let archive = self.folder.join(format!("{}{ARCHIVE}", self.name));
        self.written.push(archive.clone());
        fs::rename(&self.part, &archive)?;
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        let part = self.folder.join(format!(".{}{MANIFEST}{PART}", self.name));
        self.written.push(part.clone());
        let mut file = new_file(&part)?;
        file.write_all(&text)?;
        file.sync_all()?;
        // The archive is to be there first, also after the power failed.
        sync(&self.folder)?;
        fs::rename(&part, self.folder.join(format!("{}{MANIFEST}", self.name)))?;
        sync(&self.folder)?;
        // The directories above may be new, too.
        for above in self.folder.ancestors().skip(1).take(2) {
            sync(above)?;
        }
        self.written.clear();
        let retired = keep.map_or(Ok(0), |keep| retire(&self.folder, keep))?;
        Ok((archive, retired))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for path in &self.written {
            // It may not be there, and nobody is left to be told.
            let _ = fs::remove_file(path);
        }
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // What is in a volume is nobody else's business.
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Where the backups of a volume are.
fn folder(root: &Path, host: &str, volume: &str) -> PathBuf {
    root.join(relative_folder(host, volume))
}

/// The same below the directory, in letters that mean nothing to any shell.
pub(super) fn relative_folder(host: &str, volume: &str) -> String {
    format!("{}/{}", file_part(host), file_part(volume))
}

/// Removes what is half-written and nobody writes any more.
fn sweep(folder: &Path) -> io::Result<()> {
    for name in names(folder)? {
        if !(name.starts_with('.') && name.ends_with(PART)) {
            continue;
        }
        let path = folder.join(&name);
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::remove_file(&path)?;
        }
    }
    // An archive without a manifest was named, and its run killed before the manifest was.
    let names = names(folder)?;
    for name in &names {
        let Some(stem) = name.strip_suffix(ARCHIVE) else {
            continue;
        };
        let path = folder.join(name);
        let is_alone = !names.contains(&format!("{stem}{MANIFEST}"));
        let is_free = || {
            let file = File::open(&path);
            file.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok())
        };
        if is_alone && is_stamp(stem) && is_free() {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Removes all but the newest so many backups of a folder; the manifest goes first, so that none points nowhere.
fn retire(folder: &Path, keep: u32) -> io::Result<usize> {
    let old = surplus(&mut stems(folder)?, Some(keep));
    for stem in &old {
        fs::remove_file(folder.join(format!("{stem}{MANIFEST}")))?;
        match fs::remove_file(folder.join(format!("{stem}{ARCHIVE}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    sync(folder)?;
    Ok(old.len())
}

/// Takes those out of a folder's backups, oldest first, that are more than the `keep` newest.
pub(super) fn surplus(stems: &mut Vec<String>, keep: Option<u32>) -> Vec<String> {
    let keep = keep.and_then(|keep| usize::try_from(keep.max(1)).ok());
    let old = stems.len().saturating_sub(keep.unwrap_or(usize::MAX));
    stems.drain(..old).collect()
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The backups of a folder by their moments, oldest first.
fn stems(folder: &Path) -> io::Result<Vec<String>> {
    Ok(stems_of(names(folder)?))
}

/// The backups among the names of a folder by their moments, oldest first.
pub(super) fn stems_of(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let mut stems: Vec<String> = names
        .into_iter()
        .filter_map(|name| name.as_ref().strip_suffix(MANIFEST).map(str::to_owned))
        .filter(|stem| is_stamp(stem))
        .collect();
    stems.sort_by_key(|stem| order(stem));
    stems
}

/// The moment, and which of the same second it is.
fn order(stem: &str) -> (String, u32) {
    let (stamp, nth) = stem.split_once('-').unwrap_or((stem, "0"));
    (stamp.to_owned(), nth.parse().unwrap_or(0))
}

fn is_stamp(stem: &str) -> bool {
    moment(stem).is_some()
}

/// The moment that a backup is named by.
fn moment(stem: &str) -> Option<Timestamp> {
    let (stamp, nth) = stem.split_once('-').unwrap_or((stem, "0"));
    nth.parse::<u32>().ok()?;
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
    let zoned = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// All backups of a directory, by host and volume, newest first; beside them the manifests that cannot be read, with
/// the reason.
pub fn all(root: &Path) -> io::Result<(Vec<Found>, Vec<String>)> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    if !root.exists() {
        return Ok((found, wrong));
    }
    for host in fs::read_dir(root)? {
        let host = host?.path();
        for volume in fs::read_dir(&host).into_iter().flatten() {
            let folder = volume?.path();
            for stem in stems(&folder).unwrap_or_default() {
                match read(&folder.join(format!("{stem}{MANIFEST}"))) {
                    Ok(one) => found.push(one),
                    Err(why) => wrong.push(why),
                }
            }
        }
    }
    in_order(&mut found);
    Ok((found, wrong))
}

/// By host and volume, newest first.
pub(super) fn in_order(found: &mut [Found]) {
    found.sort_by(|a, b| {
        let key = |one: &Found| (one.manifest.host.clone(), one.manifest.volume.clone());
        key(a)
            .cmp(&key(b))
            .then_with(|| b.manifest.at.cmp(&a.manifest.at))
    });
}

/// The backup of that name.
pub fn find(root: &Path, backup: &BackupName) -> Result<Found, String> {
    match backup {
        BackupName::File(path) => {
            let text = path.to_string_lossy();
            let stem = text.strip_suffix(ARCHIVE).or(text.strip_suffix(MANIFEST));
            let stem = stem.ok_or_else(|| {
                format!("{text} is neither an archive ({ARCHIVE}) nor a manifest ({MANIFEST})")
            })?;
            read(Path::new(&format!("{stem}{MANIFEST}")))
        }
        BackupName::Of {
            volume,
            host,
            stamp,
        } => {
            let folder = folder(root, host.as_str(), volume);
            let stems = stems(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            let stem = match stamp {
                Some(stamp) => stems.iter().find(|stem| ***stem == **stamp),
                None => stems.last(),
            };
            let stem = stem.ok_or_else(|| {
                format!(
                    "there is no backup {backup} in {}; `wharf volume backups` lists those that are there",
                    root.display()
                )
            })?;
            read(&folder.join(format!("{stem}{MANIFEST}")))
        }
    }
}

/// Reads a manifest.
fn read(path: &Path) -> Result<Found, String> {
    let fail = |why: String| format!("{}: {why}", path.display());
    let meta = fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    if meta.len() > LARGEST {
        return Err(fail("it is too large for a manifest".to_owned()));
    }
    let text = fs::read(path).map_err(|error| fail(error.to_string()))?;
    let manifest = parse(&text).map_err(fail)?;
    let name = path.to_string_lossy();
    let stem = name.strip_suffix(MANIFEST).unwrap_or(&name);
    let archive = PathBuf::from(format!("{stem}{ARCHIVE}"));
    Ok(Found { archive, manifest })
}

/// A manifest, if it is one that this program knows.
pub(super) fn parse(text: &[u8]) -> Result<Manifest, String> {
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|error| format!("it is damaged: {error}"))?;
    if manifest.version != Manifest::VERSION {
        return Err(format!(
            "it is of version {}, which this program does not know",
            manifest.version
        ));
    }
    Ok(manifest)
}

/// Notes which backups of a volume there are in a directory of another host, as empty manifests below `root`: what
/// tells volumes when they were last backed up looks at names only.
pub(super) fn note(root: &Path, host: &str, volume: &str, stems: &[String]) -> io::Result<()> {
    let folder = folder(root, host, volume);
    fs::create_dir_all(&folder)?;
    for stem in stems_of(names(&folder)?) {
        if !stems.contains(&stem) {
            fs::remove_file(folder.join(format!("{stem}{MANIFEST}")))?;
        }
    }
    for stem in stems {
        let path = folder.join(format!("{stem}{MANIFEST}"));
        OpenOptions::new().create(true).append(true).open(path)?;
    }
    Ok(())
}

/// Tells volumes when they were last backed up, as the names in those directories say.
pub(in crate::engine) async fn date(roots: &[PathBuf], host: &HostName, volumes: &mut [Volume]) {
    if roots.is_empty() {
        return;
    }
    let folders: Vec<PathBuf> = roots
        .iter()
        .map(|root| root.join(file_part(host.as_str())))
        .collect();
    let newest = tokio::task::spawn_blocking(move || {
        let mut newest = std::collections::HashMap::new();
        for folder in folders {
            for name in names(&folder).unwrap_or_default() {
                let stems = stems(&folder.join(&name)).unwrap_or_default();
                let at = stems.last().and_then(|stem| moment(stem));
                let known = newest.entry(name).or_insert(at);
                *known = at.max(*known);
            }
        }
        newest
    })
    .await
    .unwrap_or_default();
    for volume in volumes {
        volume.backup = newest.get(&file_part(&volume.name)).copied().flatten();
    }
}
