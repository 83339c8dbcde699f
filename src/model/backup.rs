//! A backup of a volume: what is kept beside its archive, how it is named, and what an archive holds.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Endpoint, HostName, Timestamp};

/// What is kept beside an archive, and makes it a backup: an archive without one is no backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this file.
    pub version: u32,
    /// The program that wrote it, with its version.
    pub tool: String,
    /// The volume.
    pub volume: String,
    /// The host it was on, by its name in Wharf.
    pub host: String,
    /// Its driver.
    pub driver: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The options that its driver was given.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// When the reading began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Who made it.
    pub by: String,
    /// The containers that were frozen meanwhile.
    #[serde(default)]
    pub paused: Vec<String>,
    /// What was run before, and in which container.
    #[serde(default)]
    pub before: Option<String>,
    /// What is in it.
    pub contents: Contents,
    /// The archive as it lies in the directory.
    pub archive: Sum,
    /// The tar within it.
    pub tar: Sum,
}

impl Manifest {
    /// The form that this program writes.
    pub const VERSION: u32 = 1;

    /// `data@ams-1/20261122T114501Z`: how it is named.
    pub fn name(&self) -> String {
        format!("{}@{}/{}", self.volume, self.host, stamp(self.at))
    }
}

/// What an archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Plain files.
    pub files: u64,
    /// Directories, the volume's own among them.
    pub directories: u64,
    /// Symbolic links, further names of files, pipes and devices.
    pub others: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// How long a stream of bytes is, and its sum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// A moment as backups are named by it: `20261122T114501Z`.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A name as a part of a path on any file system: what is not plain is written as `%2F`.
pub fn file_part(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => part.push(char::from(byte)),
            b'.' if at > 0 => part.push('.'),
            _ => part.extend(["%".to_owned(), format!("{byte:02X}")]),
        }
    }
    part
}

/// A directory of backups: `/srv/backups` on this machine, or `nas:/srv/backups` on a host that is reached over ssh.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vault {
    /// On this machine.
    Here(PathBuf),
    /// On a host, by a path from its root.
    On(HostName, Arc<str>),
}

impl Vault {
    /// The directory, if it is on this machine.
    pub fn here(&self) -> Option<&Path> {
        match self {
            Self::Here(path) => Some(path),
            Self::On(..) => None,
        }
    }

    /// Whether a text names a host and a directory on it: a name, then `:/`.
    pub fn names_a_host(text: &str) -> bool {
        text.split_once(":/")
            .is_some_and(|(host, _)| HostName::check(host).is_ok())
    }
}

impl FromStr for Vault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a directory of backups has a name".to_owned());
        }
        match text.split_once(":/") {
            Some((host, path)) if HostName::check(host).is_ok() => {
                if path.contains(char::is_control) || path.split('/').any(|part| part == "..") {
                    return Err("write the directory as nas:/srv/backups, without ..".to_owned());
                }
                let path = format!("/{}", path.trim_matches('/'));
                Ok(Self::On(HostName::new(host), Arc::from(path)))
            }
            Some(_) | None => Ok(Self::Here(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(path) => path.display().fmt(f),
            Self::On(host, path) => write!(f, "{host}:{path}"),
        }
    }
}

impl Serialize for Vault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A directory of backups, with the way to the host that it is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct VaultWay {
    /// The directory.
    pub vault: Vault,
    /// How its host is reached; none for this machine.
    pub endpoint: Option<Endpoint>,
}

impl From<PathBuf> for VaultWay {
    fn from(path: PathBuf) -> Self {
        Self {
            vault: Vault::Here(path),
            endpoint: None,
        }
    }
}

/// Which backup: the newest of a volume, one of a moment, or one by its file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupName {
    /// By volume and host, and by the moment where not the newest is meant.
    Of {
        /// The volume.
        volume: Arc<str>,
        /// Its host.
        host: HostName,
        /// `20261122T114501Z`; none for the newest.
        stamp: Option<Arc<str>>,
    },
    /// By the path of its archive or manifest.
    File(PathBuf),
}

impl FromStr for BackupName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let has_ending = |ending: &str| text.len() > ending.len() && text.ends_with(ending);
        let endings = [".tar.zst", ".json"];
        let is_path = text.starts_with(['/', '.', '~']) || endings.into_iter().any(has_ending);
        if is_path {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let (whose, stamp) = match text.split_once('/') {
            Some((whose, stamp)) => (whose, Some(stamp)),
            None => (text, None),
        };
        let wrong = "a backup is named as data@ams-1 (the newest), data@ams-1/20261122T114501Z, or by the path of its file";
        let (volume, host) = whose.rsplit_once('@').ok_or(wrong)?;
        HostName::check(host).map_err(|_| wrong)?;
        let is_plain = |stamp: &str| {
            !stamp.is_empty()
                && stamp
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if volume.is_empty() || stamp.is_some_and(|stamp| !is_plain(stamp)) {
            return Err(wrong.to_owned());
        }
        Ok(Self::Of {
            volume: Arc::from(volume),
            host: HostName::new(host),
            stamp: stamp.map(Arc::from),
        })
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of {
                volume,
                host,
                stamp,
            } => {
                write!(f, "{volume}@{host}")?;
                stamp.as_ref().map_or(Ok(()), |stamp| write!(f, "/{stamp}"))
            }
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// What a file in a volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A plain file.
    File,
    /// A symbolic link.
    Link,
    /// A pipe, a device, or a further name of a file.
    Other,
}

/// A file in a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Its path in the volume, without a slash at either end; empty for the volume's own directory.
    pub path: Box<str>,
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Unix permissions.
    pub mode: u32,
    /// The numbers of its owner and group.
    pub owner: (u64, u64),
    /// When it was changed.
    pub changed: Timestamp,
    /// Where a link leads.
    pub link: Option<Box<str>>,
}

impl FileEntry {
    /// The directory it is in; empty for the volume's own.
    pub fn parent(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(parent, _)| parent)
    }

    /// Its own name.
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(&self.path, |(_, name)| name)
    }
}

/// The files of a volume, as far as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileList {
    /// All that were read, by path.
    pub entries: Vec<FileEntry>,
    /// Why the rest was not read, if it was not.
    pub cut: Option<Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_are_named_by_volume_and_moment_or_by_their_file() {
        for text in [
            "data@ams-1",
            "data@ams-1/20261122T114501Z",
            "/srv/backups/ams-1/data/20261122T114501Z.tar.zst",
            "./x.json",
        ] {
            let name: BackupName = text.parse().expect(text);
            assert_eq!(name.to_string(), text);
        }
        for text in ["data", "@ams-1", "data@", "data@ams-1/", "data@ams-1/../x"] {
            assert!(text.parse::<BackupName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_directory_of_backups_is_here_or_on_a_host() {
        for (text, host) in [
            ("nas:/srv/b", Some("nas")),
            ("nas:/", Some("nas")),
            ("ops.nas-1:/a b/c:/d", Some("ops.nas-1")),
            ("/srv/b", None),
            ("./nas:/srv/b", None),
            ("/a:/b", None),
            ("vault", None),
            ("nas:srv", None),
        ] {
            let vault: Vault = text.parse().expect(text);
            assert_eq!(vault.to_string(), text);
            assert_eq!(vault.here().is_none(), host.is_some(), "{text}");
            assert_eq!(Vault::names_a_host(text), host.is_some(), "{text}");
        }
        let vault: Vault = "nas:/srv/b/".parse().expect("a vault");
        assert_eq!(vault.to_string(), "nas:/srv/b");
        for text in ["", "nas:/a/../b", "nas:/a\nb"] {
            assert!(text.parse::<Vault>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_moment_is_a_name_that_sorts() {
        let at: Timestamp = "2026-11-22T11:45:01.5Z".parse().expect("a moment");
        assert_eq!(stamp(at), "20261122T114501Z");
    }

    proptest::proptest! {
        #[test]
        fn no_name_leads_out_of_its_directory(name in "\\PC{1,40}", other in "\\PC{1,40}") {
            let part = file_part(&name);
            proptest::prop_assert!(!part.is_empty() && !part.contains('/') && !part.starts_with('.'));
            proptest::prop_assert_eq!(part == file_part(&other), name == other);
        }
    }
}
