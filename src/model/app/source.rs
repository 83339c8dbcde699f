//! Where templates come from: the catalogs that the configuration names.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// A directory of templates, one template, or a file of Portainer's.
    pub path: PathBuf,
    /// Whose its templates are; none as each says itself.
    pub visibility: Option<Visibility>,
}
