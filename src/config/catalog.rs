//! `[[catalog]]`: where templates of one's own are.

use std::path::{Component, Path, PathBuf};

use super::{document::Section, file::Base};
use crate::model::app::{CatalogRepository, CatalogSource, Visibility};

/// What a catalog says; none, and complained of, when it does not say enough. Paths of a repository's copies are
/// relative until [`CatalogSource::below`] is told where they are.
pub(super) fn read(section: &mut Section<'_, '_>, base: Base<'_>) -> Option<CatalogSource> {
    let (name, path) = (section.text("name"), section.text("path"));
    let (url, reference) = (section.text("url"), section.text("reference"));
    let visibility = section.text("visibility");
    if let Some(name) = &name {
        section.rename(format!("[[catalog]] {name}"));
    }
    let visibility = match visibility.as_deref() {
        None => None,
        Some("public") => Some(Visibility::Public),
        Some("private") => Some(Visibility::Private),
        Some(_) => {
            let remedy = "write public or private; until then its templates are private";
            section.complain_of("visibility", "is neither public nor private", remedy);
            Some(Visibility::Private)
        }
    };
    if url.is_none() && reference.is_some() {
        let remedy = "write the url of the repository, or remove it";
        section.complain_of("reference", "says nothing without a url", remedy);
    }
    let (path, repository) = match (path, url) {
        (path, Some(url)) => {
            let path = PathBuf::from(path.unwrap_or_default());
            if !stays_inside(&path) {
                let remedy = "write a path below the repository's root; until then it is not read";
                section.complain_of("path", "leads out of the repository", remedy);
                return None;
            }
            let repository = CatalogRepository {
                url,
                reference,
                kept: PathBuf::new(),
            };
            (path, Some(repository))
        }
        (Some(path), None) => (base.path(&path), None),
        (None, None) => (PathBuf::new(), None),
    };
    let is_somewhere = repository.is_some() || !path.as_os_str().is_empty();
    let Some(name) = name.filter(|_| is_somewhere) else {
        let remedy = "write name = \"team\", and path = \"templates\" or the url of a repository; \
                      until then it is not read";
        section.complain("needs a name, and a path or a url", remedy);
        return None;
    };
    Some(CatalogSource {
        name,
        path,
        repository,
        visibility,
    })
}

fn stays_inside(path: &Path) -> bool {
    let mut parts = path.components();
    parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}
