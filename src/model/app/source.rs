//! Where templates come from: the catalogs that the configuration names.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::hex;

/// Whose a template is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Everybody's.
    #[default]
    Public,
    /// One's own.
    Private,
}

impl Visibility {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// `[[catalog]]`: templates of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogSource {
    /// What it is called.
    pub name: String,
    /// A directory of templates, one template, or a file of Portainer's, on this machine.
    pub path: PathBuf,
    /// The repository that it is a copy of, if it is one.
    pub repository: Option<CatalogRepository>,
    /// Whose its templates are; none as each says itself.
    pub visibility: Option<Visibility>,
}

impl CatalogSource {
    /// The same, with the copies of its repository in a directory of their own below this one.
    #[must_use]
    pub fn below(mut self, dir: &Path) -> Self {
        if let Some(repository) = &mut self.repository {
            repository.kept = dir.join(repository.directory(&self.name));
            self.path = repository.now().join(&self.path);
        }
        self
    }
}

/// The repository of a catalog. Its files are fetched when somebody says so, and read from a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogRepository {
    /// Where it is, as git takes it.
    pub url: String,
    /// A branch, a tag or a commit; none for what it is at.
    pub reference: Option<String>,
    /// The directory of its copies on this machine.
    pub kept: PathBuf,
}

impl CatalogRepository {
    /// The link to the copy that counts.
    pub fn now(&self) -> PathBuf {
        self.kept.join("now")
    }

    /// What the directory of its copies is called: by the catalog's name, and by what it is a copy of, because what
    /// was fetched from elsewhere is no copy of it.
    fn directory(&self, name: &str) -> String {
        let mut of = Sha256::new();
        of.update(&self.url);
        of.update([0]);
        of.update(self.reference.as_deref().unwrap_or_default());
        let of = hex(&of.finalize()[..6]);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let name: String = name.chars().filter(|c| is_plain(*c)).take(40).collect();
        format!("{name}-{of}")
    }
}
