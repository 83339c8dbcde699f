//! Catalogs that are repositories: the copy of their files on this machine, which changes all at once.

use std::{fs, io, os::unix::fs::symlink, path::Path, process};

use super::shelf::LARGEST;
use crate::model::{
    app::{CatalogRepository, CatalogSource},
    redact,
};

/// The commit that the copy is of; none when nothing was fetched yet.
pub fn kept_commit(repository: &CatalogRepository) -> Option<String> {
    let link = fs::read_link(repository.now()).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// Keeps the files of a tree, which is of that commit, as the copy that counts. Whoever reads meanwhile reads the one
/// before: the copies are directories beside each other, and a link to one of them is replaced.
///
/// Links, and what is larger than a template can be, are left out.
///
/// # Errors
/// When the tree holds no such path, or the files cannot be written; then the copy before still counts.
pub fn keep(tree: &Path, commit: &str, source: &CatalogSource) -> Result<(), String> {
    let Some(repository) = &source.repository else {
        return Err(format!("catalog {} is no repository", source.name));
    };
    let kept = &repository.kept;
    let inside = source.path.strip_prefix(repository.now());
    let inside = inside.unwrap_or(Path::new(""));
    if !tree.join(inside).exists() {
        let (url, inside) = (redact(&repository.url), inside.display());
        return Err(format!("there is no {inside} in {url}"));
    }
    let told = |error: io::Error| format!("{}: {error}", kept.display());
    let before = kept_commit(repository);
    let fresh = kept.join(format!(".{commit}.{}", process::id()));
    let ready = kept.join(commit);
    // What a program left behind that was killed; that there is none is usual.
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(told)?;
    let copied = copy(tree, &fresh).and_then(|()| {
        if !ready.exists() {
            fs::rename(&fresh, &ready)?;
        }
        let link = kept.join(format!(".now.{}", process::id()));
        let _ = fs::remove_file(&link);
        symlink(commit, &link)?;
        fs::rename(&link, repository.now())
    });
    let _ = fs::remove_dir_all(&fresh);
    copied.map_err(told)?;
    let others = fs::read_dir(kept).map_err(told)?.flatten();
    for other in others.filter(|other| other.path().is_dir() && !other.path().is_symlink()) {
        let name = other.file_name().to_string_lossy().into_owned();
        // The one before may be read just now.
        if name != commit && Some(&name) != before.as_ref() && !name.starts_with('.') {
            let _ = fs::remove_dir_all(other.path());
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else if kind.is_file() && entry.metadata()?.len() <= LARGEST {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
