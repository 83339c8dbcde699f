//! What is in a registry: its repositories, and their tags with what they stand for.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt as _, stream};
use reqwest::{Method, header::LINK};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Manifest, Parts, Registry, Scope, below,
    manifest::{is_list, whole},
};
use crate::{
    clients::{Error, ErrorKind},
    model::{
        Timestamp, natural,
        registry::{Label, RemoteImage, Repository},
    },
};

/// So many names are asked for at once. Some registries give all of them whatever is asked.
const PAGE: usize = 200;
/// A page is not larger than this.
const LARGEST: usize = 32 << 20;
/// More pages than this are a registry that turns in circles.
const PAGES: usize = 10_000;
/// So many tags are looked at together.
const TOGETHER: usize = 12;

/// What a tag stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagFacts {
    /// The tag.
    pub tag: Arc<str>,
    /// The sum of its manifest.
    pub digest: String,
    /// Bytes that have to be fetched for it; of a list, for the largest of its platforms.
    pub size: u64,
    /// What it runs on.
    pub platforms: Vec<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Catalog {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

impl Registry {
    /// All repositories, in order.
    pub async fn repositories(&self) -> Result<Vec<String>, Error> {
        let doing = format!("listing the repositories of {}", self.host);
        let first = format!("_catalog?n={PAGE}");
        let pages: Vec<Catalog> =
            self.pages(&doing, first, &Scope::Catalog)
                .await
                .map_err(|error| match error.kind {
                    ErrorKind::Missing | ErrorKind::Login if error.remedy.is_none() => {
                        error.with("not every registry tells what it has; ask for `registry tags`")
                    }
                    _ => error,
                })?;
        let names = pages.into_iter().filter_map(|page| page.repositories);
        let names: BTreeSet<String> = names.flatten().collect();
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_by(|a, b| natural(a, b));
        Ok(names)
    }

    /// All tags of a repository, in order: `1.9` before `1.10`.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Arc<str>>, Error> {
        let doing = format!("listing the tags of {repository}");
        let first = below(repository, &format!("tags/list?n={PAGE}"));
        let scope = Scope::Pull(repository.path.clone());
        let asked = self.pages(&doing, first, &scope).await;
        let pages: Vec<Tags> = asked.map_err(|error| match error.kind {
            ErrorKind::Missing => Error {
                why: format!("there is no {repository}"),
                remedy: Some(format!("see `wharf registry repositories {}`", self.host)),
                ..error
            },
            _ => error,
        })?;
        let names = pages.into_iter().filter_map(|page| page.tags).flatten();
        // A page may overlap the one before it.
        let names: BTreeSet<String> = names.collect();
        let mut names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
        names.sort_by(|a, b| natural(a, b));
        Ok(names)
    }

    /// All pages of a list, as the registry links one to the next.
    async fn pages<T: DeserializeOwned>(
        &self,
        doing: &str,
        first: String,
        scope: &Scope,
    ) -> Result<Vec<T>, Error> {
        let mut url = self.url(doing, &first).await?;
        let mut pages = Vec::new();
        while pages.len() < PAGES {
            let request = || self.http.request(Method::GET, url.clone());
            let response = self.send(doing, scope, request).await?;
            let link = response.headers().get(LINK);
            let next = link.and_then(|link| next(link.to_str().ok()?).map(str::to_owned));
            let body = whole(doing, response, LARGEST).await?;
            pages.push(serde_json::from_slice(&body).map_err(|error| {
                let why = format!("what {} says is not understood: {error}", self.host);
                Error::new(ErrorKind::Wrong, doing, why)
            })?);
            // The next page is at the same registry, whatever is said.
            let after = next.and_then(|next| url.join(&next).ok());
            match after.filter(|after| after.origin() == url.origin() && *after != url) {
                Some(after) => url = after,
                None => return Ok(pages),
            }
        }
        let why = format!("{} has no end of pages", self.host);
        Err(Error::new(ErrorKind::Wrong, doing, why))
    }

    /// What tags stand for; a tag that cannot be read tells why.
    pub async fn facts(
        &self,
        repository: &Repository,
        tags: &[Arc<str>],
    ) -> Vec<(Arc<str>, Result<TagFacts, Error>)> {
        stream::iter(tags.iter().cloned())
            .map(|tag| async move { (tag.clone(), self.one(repository, tag).await) })
            .buffered(TOGETHER)
            .collect()
            .await
    }

    async fn one(&self, repository: &Repository, tag: Arc<str>) -> Result<TagFacts, Error> {
        let of = reference(repository, Label::Tag(tag.clone()));
        let doing = format!("reading {of}");
        let manifest = self.manifest(&doing, &of).await?;
        let mut facts = TagFacts {
            tag,
            digest: manifest.digest.clone(),
            size: 0,
            platforms: Vec::new(),
            created: None,
        };
        let mut images = Vec::new();
        match &manifest.parts {
            Parts::Image { .. } => images.push(manifest),
            Parts::List(_) => {
                for (one, platform) in manifest.platforms() {
                    facts.platforms.push(platform.to_string());
                    let of = reference(repository, Label::Digest(one.digest.as_str().into()));
                    images.push(self.manifest(&doing, &of).await?);
                }
            }
        }
        facts.size = images.iter().filter_map(Manifest::size).max().unwrap_or(0);
        if let Some(Parts::Image { config, .. }) = images.first().map(|image| &image.parts) {
            let told = self.configuration(&doing, repository, config).await?;
            facts.created = told.created;
            if facts.platforms.is_empty() {
                facts.platforms.push(told.platform.to_string());
            }
        }
        Ok(facts)
    }

    /// The tags of a repository that hold a manifest, alone or in a list.
    pub async fn holders(
        &self,
        doing: &str,
        repository: &Repository,
        digest: &str,
    ) -> Result<Vec<Arc<str>>, Error> {
        let tags = self.tags(repository).await?;
        let held = stream::iter(tags)
            .map(|tag| async move {
                let of = reference(repository, Label::Tag(tag.clone()));
                let (found, kind) = match self.digest(doing, &of).await {
                    Ok(found) => found,
                    // It went away meanwhile.
                    Err(error) if error.kind == ErrorKind::Missing => return Ok(None),
                    Err(error) => return Err(error),
                };
                if found == digest {
                    return Ok(Some(tag));
                }
                if !is_list(&kind) {
                    return Ok(None);
                }
                let list = self.manifest(doing, &of).await?;
                let Parts::List(listed) = &list.parts else {
                    return Ok(None);
                };
                Ok(listed.iter().any(|one| one.digest == digest).then_some(tag))
            })
            .buffered(TOGETHER);
        let held: Vec<Result<Option<Arc<str>>, Error>> = held.collect().await;
        held.into_iter().filter_map(Result::transpose).collect()
    }
}

/// A manifest of a repository.
pub(super) fn reference(repository: &Repository, label: Label) -> RemoteImage {
    RemoteImage {
        repository: repository.clone(),
        label,
    }
}

/// The address of the next page, of a header as RFC 8288 has it.
fn next(link: &str) -> Option<&str> {
    link.split(',').find_map(|one| {
        let (address, rest) = one.trim().strip_prefix('<')?.split_once('>')?;
        let mut parameters = rest.split(';').map(str::trim);
        parameters
            .any(|one| one == "rel=\"next\"" || one == "rel=next")
            .then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        assert_eq!(
            next(r#"</v2/_catalog?last=b&n=2>; rel="next""#),
            Some("/v2/_catalog?last=b&n=2")
        );
        assert_eq!(
            next(r#"</a>; rel="prev", </b>; title="x"; rel=next"#),
            Some("/b")
        );
        assert_eq!(next("nonsense"), None);
        assert_eq!(next(r#"</a>; rel="prev""#), None);
    }
}
