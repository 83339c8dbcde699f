//! An archive of ours as Podman unpacks it: what is above a volume goes beside it there, so the archive is unpacked in the
//! volume itself, and names are put right as it streams by.

use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use super::helper::ROOT;
use super::stream::Whole;

/// Writes an archive of ours on as it is to be unpacked in the volume itself.
pub(super) fn from_ours(from: impl Read, to: impl Write) -> io::Result<()> {
    renamed(from, to, |name| {
        let below = name.strip_prefix(ROOT).ok()?;
        let leads_out = below.components().any(|part| part == Component::ParentDir);
        if leads_out {
            return None;
        }
        Some(Path::new(".").join(below))
    })
}

/// Copies a tar with other names; further names of a file are put right, too.
fn renamed(
    from: impl Read,
    to: impl Write,
    name: impl Fn(&Path) -> Option<PathBuf>,
) -> io::Result<()> {
    let mut whole = Whole::new(from);
    let mut out = tar::Builder::new(to);
    let refused = |path: &Path| {
        let why = format!("it names {}, which is not in the volume", path.display());
        io::Error::new(io::ErrorKind::InvalidData, why)
    };
    let mut end = 0;
    let mut archive = tar::Archive::new(&mut whole);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let mut header = entry.header().clone();
        let old = entry.path()?.into_owned();
        let path = name(&old).ok_or_else(|| refused(&old))?;
        end = Whole::<()>::end_of(&entry)?;
        // What a header has no room for stands before it; names are written anew, and all else as it was.
        let more: Vec<(String, Vec<u8>)> = match entry.pax_extensions()? {
            None => Vec::new(),
            Some(all) => all
                .map(|one| {
                    let one = one?;
                    Ok((
                        one.key().unwrap_or_default().to_owned(),
                        one.value_bytes().to_owned(),
                    ))
                })
                .collect::<io::Result<_>>()?,
        };
        let kept = more.iter().filter(|(key, _)| {
            !["path", "linkpath", "size", ""].contains(&key.as_str())
                && !key.starts_with("GNU.sparse")
        });
        let kept: Vec<(&str, &[u8])> = kept.map(|(key, value)| (&**key, &**value)).collect();
        if !kept.is_empty() {
            out.append_pax_extensions(kept)?;
        }
        header.set_size(entry.size());
        let kind = header.entry_type();
        match entry.link_name()? {
            Some(link) if kind.is_hard_link() => {
                let link = name(&link).ok_or_else(|| refused(&link))?;
                out.append_link(&mut header, path, link)?;
            }
            Some(link) if kind.is_symlink() => {
                let link = link.into_owned();
                out.append_link(&mut header, path, link)?;
            }
            Some(_) | None => out.append_data(&mut header, path, &mut entry)?,
        }
    }
    whole.is_whole(end)?;
    out.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn entry(
        out: &mut tar::Builder<Vec<u8>>,
        name: &str,
        kind: tar::EntryType,
        (mode, uid): (u32, u64),
        content: &[u8],
    ) {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(uid);
        header.set_gid(uid);
        header.set_mtime(12345);
        header.set_size(content.len() as u64);
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        out.append(&header, content).unwrap();
    }

    /// As an engine sent a volume.
    fn ours() -> Vec<u8> {
        let mut out = tar::Builder::new(Vec::new());
        entry(
            &mut out,
            "wharf-volume/",
            tar::EntryType::Directory,
            (0o751, 7),
            b"",
        );
        entry(
            &mut out,
            "wharf-volume/a",
            tar::EntryType::Regular,
            (0o4755, 1000),
            b"hello",
        );
        entry(
            &mut out,
            "wharf-volume/d",
            tar::EntryType::Directory,
            (0o700, 0),
            b"",
        );
        out.append_pax_extensions([("SCHILY.xattr.user.x", &b"y"[..])])
            .unwrap();
        entry(
            &mut out,
            "wharf-volume/d/f",
            tar::EntryType::Regular,
            (0o600, 0),
            b"x",
        );
        for (name, link, kind) in [
            ("wharf-volume/hl", "wharf-volume/a", tar::EntryType::Link),
            ("wharf-volume/l", "/etc/passwd", tar::EntryType::Symlink),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(0o777);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(0);
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_cksum();
            out.append(&header, io::empty()).unwrap();
        }
        out.into_inner().unwrap()
    }

    fn told(tar: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(tar);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| {
                let mut entry = entry.unwrap();
                let more = entry.pax_extensions().unwrap().is_some();
                let link = entry
                    .link_name()
                    .unwrap()
                    .map(|link| link.display().to_string());
                let header = entry.header();
                let (mode, owner, at) = (header.mode(), header.uid(), header.mtime());
                let facts = (mode.unwrap(), owner.unwrap(), at.unwrap());
                let facts = format!("{:o} {} {}", facts.0, facts.1, facts.2);
                let name = entry.path().unwrap().display().to_string();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                format!("{name} {link:?} {facts} {more} {text}")
            })
            .collect()
    }

    #[test]
    fn names_are_put_right_and_all_else_stays() {
        let mut theirs = Vec::new();
        from_ours(&ours()[..], &mut theirs).unwrap();
        let told = told(&theirs);
        assert_eq!(told.len(), 6, "{told:?}");
        for (line, wanted) in told.iter().zip([
            "/ None 751 7 12345 false ",
            "a None 4755 1000 12345 false hello",
            "d None 700 0 12345 false ",
            "d/f None 600 0 12345 true x",
            "a\") 777 0 0 false ",
            "l Some(\"/etc/passwd\") 777 0 0 false ",
        ]) {
            assert!(line.ends_with(wanted), "{line:?} is not {wanted:?}");
        }
    }

    #[test]
    fn what_ends_in_the_middle_is_no_archive() {
        let tar = ours();
        for length in [0, 511, 512, 1024, 1536, tar.len() - 1024, tar.len() - 512] {
            let mut out = Vec::new();
            from_ours(&tar[..length], &mut out).unwrap_err();
        }
    }

    #[test]
    fn what_leads_out_is_refused() {
        let mut out = tar::Builder::new(Vec::new());
        entry(
            &mut out,
            "wharf-volume/../x",
            tar::EntryType::Regular,
            (0o600, 0),
            b"x",
        );
        let tar = out.into_inner().unwrap();
        let error = from_ours(&tar[..], io::sink()).unwrap_err();
        assert!(error.to_string().contains("not in the volume"), "{error}");
    }
}
