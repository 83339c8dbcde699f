//! Files of this machine into the workspace of a run, and files of it back.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{MOUNT, WORKSPACE};
use crate::engine::archive::{
    make_directory, no_links, pack_all, replace, set_mode, split, write_file,
};
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::pipe::{ON_THE_WAY, Pipe, STALLED, Spout, pour, poured};
use crate::engine::session::Session;
use crate::engine::wire::query;

/// No more than this is fetched at once.
const MOST_BYTES: u64 = 4 << 30;

/// No more files and directories than this, either.
const MOST_FILES: u64 = 200_000;

/// The path below the workspace, empty or with a slash first; refuses what leads out of it.
pub(super) fn inside(path: &str) -> Result<String, String> {
    let refused = || format!("'{path}' is not in the workspace");
    let below = match path.strip_prefix(WORKSPACE) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ if path.starts_with('/') => return Err(refused()),
        _ => path,
    };
    let mut whole = String::new();
    for part in below.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(refused()),
            part => {
                whole.push('/');
                whole.push_str(part);
            }
        }
    }
    Ok(whole)
}

fn archive_at(helper: &str, path: &str) -> String {
    format!("/containers/{helper}/archive{}", query(&[("path", path)]))
}

/// Puts what is in a directory into the workspace that a helper has.
pub(super) async fn fill(
    session: &Session,
    helper: &str,
    from: &Path,
    deed: &Deed,
) -> Result<u64, Error> {
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let source = from.to_owned();
    let packing = spawn_blocking(move || {
        let all: io::Result<Vec<(PathBuf, PathBuf)>> = fs::read_dir(&source)?
            .map(|entry| entry.map(|entry| (entry.path(), entry.file_name().into())))
            .collect();
        pack_all(all?, Pipe(sender))
    });
    let asked = session.wire.put(archive_at(helper, MOUNT));
    let sent = asked
        .body("application/x-tar", poured(receiver))
        .within(Duration::from_hours(24))
        .status()
        .await;
    let packed = packing
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    match (sent, packed) {
        (Ok(_), Ok(copied)) => Ok(copied.bytes),
        // The engine's refusal closes the pipe, so it is the reason for both.
        (Err(fault @ Fault::Refused { .. }), _) | (Err(fault), Ok(_)) => Err(deed.fault(fault)),
        (_, Err(error)) => Err(deed.failed_here(&format!("reading {}", from.display()), &error)),
    }
}

/// Brings what is at a path of a helper into a directory of this machine.
pub(super) async fn fetch(
    session: &Session,
    helper: &str,
    place: &str,
    into: &Path,
    deed: &Deed,
) -> Result<u64, Error> {
    let asked = session.wire.get(archive_at(helper, place)).within(STALLED);
    let body = match asked.response().await {
        Ok(response) => response.into_body(),
        Err(fault) if fault.is_missing() => {
            let why = "there is no such file or directory in the workspace";
            return Err(deed.failed(ErrorKind::NotFound, why));
        }
        Err(fault) => return Err(deed.fault(fault)),
    };
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let target = into.to_owned();
    let unpacking = spawn_blocking(move || {
        let most = Most {
            bytes: MOST_BYTES,
            files: MOST_FILES,
        };
        unpack(Spout::new(receiver), &target, most)
    });
    let received = pour(body, sender).await;
    let unpacked = unpacking
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    match (received, unpacked) {
        (Ok(()), Ok(bytes)) => Ok(bytes),
        (Err(fault), _) => Err(deed.fault(fault)),
        (Ok(()), Err(error)) => {
            Err(deed.failed_here(&format!("writing {}", into.display()), &error))
        }
    }
}

/// What may still come.
#[derive(Clone, Copy)]
struct Most {
    bytes: u64,
    files: u64,
}

impl Most {
    fn too_much() -> io::Error {
        let most = crate::model::bytes(MOST_BYTES);
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is more than {most} or {MOST_FILES} files; fetch less of it"),
        )
    }
}

/// Unpacks what is in an archive of one directory into another one, or the one file that it is of.
///
/// The archive comes from a container and is not trusted: names with `..` are refused, nothing is written through a
/// symbolic link, links that lead out and devices are left out, and no set-user-id bit survives.
fn unpack(from: impl Read, into: &Path, mut most: Most) -> io::Result<u64> {
    fs::create_dir_all(into)?;
    let into = into.canonicalize()?;
    let mut archive = tar::Archive::new(from);
    let mut of_directory = None;
    let mut written = 0;
    let mut modes = HashMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if of_directory.is_none() && kind.is_symlink() {
            let why = "it is a symbolic link; name what it leads to";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let of_directory = *of_directory.get_or_insert(kind.is_dir());
        let (first, rest) = parts(&entry.path()?)?;
        let place = match (of_directory, rest.as_os_str().is_empty()) {
            (true, _) => rest,
            (false, true) => first,
            (false, false) => first.join(rest),
        };
        if place.as_os_str().is_empty() {
            continue;
        }
        most.files = most.files.checked_sub(1).ok_or_else(Most::too_much)?;
        no_links(&into, &place)?;
        let target = into.join(&place);
        let mode = entry.header().mode()? & 0o777;
        if kind.is_dir() {
            make_directory(&target)?;
            // Set at the end, and so that whoever fetched it can remove it again.
            modes.insert(target, mode | 0o700);
        } else if kind.is_file() {
            let bytes = write_file(&mut (&mut entry).take(most.bytes + 1), &target, mode)?;
            most.bytes = most.bytes.checked_sub(bytes).ok_or_else(Most::too_much)?;
            written += bytes;
        } else if kind.is_symlink() {
            if let Some(link) = entry.link_name()?.filter(|link| stays_inside(&place, link)) {
                replace(&target, |target| std::os::unix::fs::symlink(&link, target))?;
            }
        } else if kind.is_hard_link()
            && let Some(link) = entry.link_name()?
        {
            let (_, rest) = parts(&link)?;
            no_links(&into, &rest)?;
            let original = into.join(rest);
            replace(&target, |target| fs::hard_link(&original, target))?;
        }
    }
    if of_directory.is_none() {
        let why = "the archive is empty";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    for (directory, mode) in modes {
        set_mode(&directory, mode)?;
    }
    Ok(written)
}

/// The first part of a name in an archive, and the rest. Podman names what is in a whole volume from `/` on.
fn parts(name: &Path) -> io::Result<(PathBuf, PathBuf)> {
    match name.strip_prefix("/") {
        Ok(inside) => split(&Path::new("workspace").join(inside)),
        Err(_) => split(name),
    }
}

/// Whether a link at that place stays inside, whatever other links do that stay inside: it goes up first, and no further
/// than to the top, and then only down.
fn stays_inside(place: &Path, link: &Path) -> bool {
    let mut ups_left = place.components().count().saturating_sub(1);
    let mut went_down = false;
    for part in link.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(_) => went_down = true,
            Component::ParentDir if !went_down && ups_left > 0 => ups_left -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const MOST: Most = Most {
        bytes: 100,
        files: 10,
    };

    /// An archive of `(name, content)`; `-> target` is a link, a name that ends with a slash a directory.
    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(if name.ends_with('/') { 0o500 } else { 0o4750 });
            // Names are written past tar's own care.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(0);
            if let Some(target) = content.strip_prefix("-> ") {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name_literal(target).unwrap();
                header.set_cksum();
                builder.append(&header, io::empty()).unwrap();
                continue;
            }
            if name.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn names(directory: &Path) -> Vec<String> {
        let all = fs::read_dir(directory).unwrap();
        let mut all: Vec<String> = all
            .map(|one| one.unwrap().file_name().into_string().unwrap())
            .collect();
        all.sort();
        all
    }

    #[test]
    fn a_directory_lands_in_ours_and_a_file_under_its_name() {
        use std::os::unix::fs::PermissionsExt as _;
        let here = tempfile::tempdir().unwrap();
        let into = here.path().join("a/b");
        let tar = archive(&[
            ("out/", ""),
            ("out/x", "12345"),
            ("out/sub/", ""),
            ("out/sub/y", "1"),
        ]);
        assert_eq!(unpack(&tar[..], &into, MOST).unwrap(), 6);
        assert_eq!(names(&into), ["sub", "x"]);
        let mode = |path: &str| fs::metadata(into.join(path)).unwrap().permissions().mode();
        assert_eq!((mode("x") & 0o7777, mode("sub") & 0o7777), (0o750, 0o700));
        // Again, over what is there.
        assert_eq!(unpack(&tar[..], &into, MOST).unwrap(), 6);
        // As Podman names a whole volume; it leads out no more than others.
        let whole = here.path().join("whole");
        let tar = archive(&[("/", ""), ("/x", "12345"), ("/sub/", ""), ("/sub/y", "1")]);
        assert_eq!(unpack(&tar[..], &whole, MOST).unwrap(), 6);
        assert_eq!(names(&whole), ["sub", "x"]);
        let tar = archive(&[("/", ""), ("/../evil", "x")]);
        assert!(unpack(&tar[..], &whole, MOST).is_err());
        let tar = archive(&[("report.xml", "<x/>")]);
        assert_eq!(unpack(&tar[..], &into, MOST).unwrap(), 4);
        assert_eq!(names(&into), ["report.xml", "sub", "x"]);
    }

    #[test]
    fn nothing_leads_out() {
        let here = tempfile::tempdir().unwrap();
        let into = here.path().join("into");
        let tar = archive(&[("o/", ""), ("o/../../evil", "x")]);
        assert!(unpack(&tar[..], &into, MOST).is_err());
        let tar = archive(&[
            ("o/", ""),
            ("o/d/", ""),
            ("o/d/ok", "-> ../x"),
            ("o/d/out", "-> ../../x"),
            ("o/up", "-> d/../.."),
            ("o/abs", "-> /etc/passwd"),
            ("o/x", "1"),
        ]);
        unpack(&tar[..], &into, MOST).unwrap();
        assert_eq!(names(&into), ["d", "x"]);
        assert_eq!(names(&into.join("d")), ["ok"]);
        let tar = archive(&[("o/", ""), ("o/l", "-> d"), ("o/l/evil", "x")]);
        assert!(unpack(&tar[..], &into, MOST).is_err(), "not through a link");
        let tar = archive(&[("link", "-> x")]);
        let error = unpack(&tar[..], &into, MOST).unwrap_err();
        assert!(
            error.to_string().contains("name what it leads to"),
            "{error}"
        );
        assert_eq!(names(here.path()), ["into"]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let into = tempfile::tempdir().unwrap();
        let large = "x".repeat(60);
        let tar = archive(&[("o/", ""), ("o/a", &large), ("o/b", &large)]);
        let error = unpack(&tar[..], into.path(), MOST).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        let many: Vec<String> = (0..11).map(|nth| format!("o/{nth}")).collect();
        let mut entries = vec![("o/", "")];
        entries.extend(many.iter().map(|name| (name.as_str(), "")));
        let error = unpack(&archive(&entries)[..], into.path(), MOST).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
    }

    #[test]
    fn paths_are_of_the_workspace() {
        assert_eq!(inside("target/./x/").as_deref(), Ok("/target/x"));
        assert_eq!(inside("").as_deref(), Ok(""));
        assert_eq!(inside("/workspace/a").as_deref(), Ok("/a"));
        for path in ["/etc", "a/../..", "/workspaces/a"] {
            assert!(inside(path).is_err(), "{path}");
        }
    }
}
