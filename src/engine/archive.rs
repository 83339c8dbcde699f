//! Copies files into and out of a container, as streams of tar; nothing leaves the place it is copied to.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::error::{Deed, Error, ErrorKind, Fault};
use super::pipe::{ON_THE_WAY, Pipe, STALLED, Spout, pour, poured};
use super::session::Session;
use super::wire::query;
use crate::model::{ContainerId, bytes};

/// Go's bit for a directory in a file mode.
const GO_DIRECTORY: u32 = 1 << 31;

/// Go's bit for a symbolic link.
const GO_SYMLINK: u32 = 1 << 27;

/// How much was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    /// Files, without directories and links.
    pub files: u64,
    /// What is in them.
    pub bytes: u64,
}

impl Copied {
    fn story(self) -> String {
        let plural = if self.files == 1 { "" } else { "s" };
        format!("{} file{plural}, {}", self.files, bytes(self.bytes))
    }
}

/// Copies a file or directory of this machine into a container, by `docker cp`'s rules: into `to`
/// when that is a directory, as `to` otherwise. Modes are kept; root owns the copies.
pub(super) async fn copy_in(
    session: &Session,
    id: &ContainerId,
    from: &Path,
    to: &str,
    deed: &Deed,
) -> Result<String, Error> {
    let shown = from.display().to_string();
    let meta = fs::symlink_metadata(from).map_err(|error| deed.failed_here(&shown, &error))?;
    let there = stat(session, id, to)
        .await
        .map_err(|fault| deed.fault(fault))?;
    let (directory, name) = place(from, meta.is_dir(), to, there)
        .map_err(|why| deed.failed(ErrorKind::Rejected, why))?;

    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let source = from.to_owned();
    let packing = spawn_blocking(move || pack(&source, &name, Pipe(sender)));
    let pairs = [
        ("path", directory.as_str()),
        ("noOverwriteDirNonDir", "true"),
    ];
    let path = format!("/containers/{}/archive{}", id.as_str(), query(&pairs));
    let sent = session
        .wire
        .put(path)
        .body("application/x-tar", poured(receiver))
        .within(Duration::from_hours(24))
        .status()
        .await;
    let packed = packing
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    match (sent, packed) {
        (Ok(_), Ok(copied)) => Ok(copied.story()),
        // The engine's refusal closes the pipe, so it is the reason for both.
        (Err(fault @ Fault::Refused { .. }), _) | (Err(fault), Ok(_)) => Err(deed.fault(fault)),
        (_, Err(error)) => Err(deed.failed_here(&format!("reading {shown}"), &error)),
    }
}

/// Copies a file or directory out of a container: into `to` when that is a directory, as `to` otherwise.
pub(super) async fn copy_out(
    session: &Session,
    id: &ContainerId,
    from: &str,
    to: &Path,
    deed: &Deed,
) -> Result<String, Error> {
    let path = format!(
        "/containers/{}/archive{}",
        id.as_str(),
        query(&[("path", from)])
    );
    let response = session.wire.get(path).within(STALLED).response().await;
    let body = response.map_err(|fault| deed.fault(fault))?.into_body();
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let target = to.to_owned();
    let unpacking = spawn_blocking(move || unpack(Spout::new(receiver), &target));
    let received = pour(body, sender).await;
    let unpacked = unpacking
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    match (received, unpacked) {
        (Ok(()), Ok(copied)) => Ok(copied.story()),
        (Err(fault), _) => Err(deed.fault(fault)),
        (Ok(()), Err(error)) => Err(deed.failed_here(&format!("writing {}", to.display()), &error)),
    }
}

/// What is at a path in a container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Stat {
    #[serde(default)]
    mode: u32,
    #[serde(default, rename = "linkTarget")]
    link_target: String,
}

impl Stat {
    fn is_directory(&self) -> bool {
        self.mode & GO_DIRECTORY != 0
    }
}

/// Looks at a path in a container, through a symbolic link if it is one; none when nothing is there.
async fn stat(session: &Session, id: &ContainerId, path: &str) -> Result<Option<Stat>, Fault> {
    let first = stat_once(session, id, path).await?;
    match first {
        Some(link) if link.mode & GO_SYMLINK != 0 && link.link_target.starts_with('/') => {
            stat_once(session, id, &link.link_target).await
        }
        other => Ok(other),
    }
}

async fn stat_once(session: &Session, id: &ContainerId, path: &str) -> Result<Option<Stat>, Fault> {
    let path = format!(
        "/containers/{}/archive{}",
        id.as_str(),
        query(&[("path", path)])
    );
    let response = match session.wire.head(path).response().await {
        Ok(response) => response,
        Err(fault) if fault.is_missing() => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let header = response.headers().get("X-Docker-Container-Path-Stat");
    let text = header.map_or(&b""[..], |header| header.as_bytes());
    let json = BASE64
        .decode(text)
        .map_err(|error| Fault::Garbled(error.to_string()))?;
    serde_json::from_slice(&json)
        .map(Some)
        .map_err(|error| Fault::Garbled(format!("what is at that path: {error}")))
}

/// Into which directory of the container, and under which name.
fn place(
    from: &Path,
    is_dir: bool,
    to: &str,
    there: Option<Stat>,
) -> Result<(String, String), String> {
    if !to.starts_with('/') {
        return Err(format!("{to} is not an absolute path"));
    }
    let own = from
        .file_name()
        .ok_or_else(|| format!("{} has no name to be copied under", from.display()))?;
    let trimmed = to.trim_end_matches('/');
    let (parent, last) = trimmed.rsplit_once('/').unwrap_or(("", ""));
    let parent = if parent.is_empty() { "/" } else { parent };
    match there {
        Some(stat) if stat.is_directory() => {
            Ok((to.to_owned(), own.to_string_lossy().into_owned()))
        }
        Some(_) if is_dir => Err(format!(
            "{to} is a file, and {} a directory",
            from.display()
        )),
        None if to.ends_with('/') && !is_dir => {
            Err(format!("there is no directory {to} in the container"))
        }
        Some(_) | None => Ok((parent.to_owned(), last.to_owned())),
    }
}

/// Writes a file or directory as tar under that name.
fn pack(from: &Path, name: &str, to: impl Write) -> io::Result<Copied> {
    pack_all(vec![(from.to_owned(), PathBuf::from(name))], to)
}

/// Writes files and directories as tar under these names.
pub(super) fn pack_all(mut left: Vec<(PathBuf, PathBuf)>, to: impl Write) -> io::Result<Copied> {
    let mut builder = tar::Builder::new(to);
    let mut copied = Copied::default();
    while let Some((path, name)) = left.pop() {
        let meta = fs::symlink_metadata(&path)?;
        let mut header = tar::Header::new_gnu();
        header.set_metadata(&meta);
        // Ids of this machine mean nothing in the container.
        header.set_uid(0);
        header.set_gid(0);
        if meta.is_symlink() {
            header.set_size(0);
            builder.append_link(&mut header, &name, fs::read_link(&path)?)?;
        } else if meta.is_dir() {
            header.set_size(0);
            builder.append_data(&mut header, &name, io::empty())?;
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                left.push((entry.path(), name.join(entry.file_name())));
            }
        } else if meta.is_file() {
            let file = fs::File::open(&path)?;
            // A file that grows while it is read must not spoil the archive.
            builder.append_data(&mut header, &name, file.take(meta.len()))?;
            copied.files += 1;
            copied.bytes += meta.len();
        }
    }
    builder.into_inner()?.flush()?;
    Ok(copied)
}

/// Unpacks an archive of one file or directory as `to`, or into it when it is a directory.
///
/// The archive comes from a container and is not trusted: names with `..` are refused, nothing is
/// written through a symbolic link, devices are left out, and no set-user-id bit survives.
fn unpack(from: impl Read, to: &Path) -> io::Result<Copied> {
    let mut archive = tar::Archive::new(from);
    let mut copied = Copied::default();
    let mut root: Option<PathBuf> = None;
    let mut modes = HashMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let (first, rest) = split(&entry.path()?)?;
        let root = match &root {
            Some(root) => root.clone(),
            None => {
                let made = if to.is_dir() {
                    to.join(&first)
                } else {
                    to.to_owned()
                };
                root.insert(made).clone()
            }
        };
        let target = if rest.as_os_str().is_empty() {
            root.clone()
        } else {
            no_links(&root, &rest)?;
            root.join(&rest)
        };
        let kind = entry.header().entry_type();
        let mode = entry.header().mode()? & 0o777;
        if kind.is_dir() {
            make_directory(&target)?;
            // Set at the end: a directory that may not be written to still has to be filled.
            modes.insert(target, mode);
        } else if kind.is_file() {
            copied.bytes += write_file(&mut entry, &target, mode)?;
            copied.files += 1;
        } else if kind.is_symlink() {
            if let Some(link) = entry.link_name()? {
                replace(&target, |target| std::os::unix::fs::symlink(&link, target))?;
            }
        } else if kind.is_hard_link()
            && let Some(link) = entry.link_name()?
        {
            let (_, rest) = split(&link)?;
            no_links(&root, &rest)?;
            let original = root.join(rest);
            replace(&target, |target| fs::hard_link(&original, target))?;
            copied.files += 1;
        }
    }
    if root.is_none() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the archive is empty",
        ));
    }
    for (directory, mode) in modes {
        set_mode(&directory, mode)?;
    }
    Ok(copied)
}

/// The first part of a name in an archive, and the rest; refuses what leads elsewhere.
pub(super) fn split(name: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let mut parts = Vec::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => {
                let why = format!(
                    "the archive names {}, which leads elsewhere",
                    name.display()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
    }
    let Some((first, rest)) = parts.split_first() else {
        return Ok((PathBuf::from("copy"), PathBuf::new()));
    };
    Ok((PathBuf::from(first), rest.iter().collect()))
}

/// Refuses to go through symbolic links that the archive itself may have made.
pub(super) fn no_links(root: &Path, rest: &Path) -> io::Result<()> {
    let mut path = root.to_owned();
    let parents = rest.parent().into_iter().flat_map(Path::components);
    for part in std::iter::once(None).chain(parents.map(Some)) {
        if let Some(part) = part {
            path.push(part);
        }
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => {
                let why = format!(
                    "{} is a symbolic link, which leads elsewhere",
                    path.display()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a directory; one that is there is as good.
pub(super) fn make_directory(target: &Path) -> io::Result<()> {
    match fs::create_dir(target) {
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists
                && fs::symlink_metadata(target)?.is_dir() =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Writes a file anew; says how long it is.
pub(super) fn write_file(entry: &mut impl Read, target: &Path, mode: u32) -> io::Result<u64> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let open = || {
        let mut options = fs::OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(target)
    };
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Removed first, so that a link in its place is not written through.
            fs::remove_file(target)?;
            open()?
        }
        other => other?,
    };
    let written = io::copy(entry, &mut file)?;
    set_mode(target, mode)?;
    Ok(written)
}

/// Makes something in the place of what is there.
pub(super) fn replace(target: &Path, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    match make(target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(target)?;
            make(target)
        }
        other => other,
    }
}

/// Sets the mode of a file or directory.
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests;
