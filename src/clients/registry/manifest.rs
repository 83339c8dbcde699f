//! Manifests: what an image in a registry is made of, with its bytes as they are.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use reqwest::{
    Method, Response,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Registry, Scope, below};
use crate::{
    clients::{Error, ErrorKind},
    model::{
        Timestamp, hex,
        registry::{Label, RemoteImage, Repository},
    },
};

/// All kinds that we understand. Without them a registry makes an old one up, of another digest (fact 16 of the
/// research on deploys).
const KINDS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";
/// The kinds that list manifests of several platforms.
const LISTS: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// A manifest is small; more than this is none.
const LARGEST: usize = 8 << 20;

/// A piece of an image in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its kind.
    pub media_type: String,
    /// The sum of its bytes.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// What it runs on, in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// What an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Whether it stands for something that does not run: attestations are listed like this.
    fn is_none(&self) -> bool {
        self.os == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The sum of its bytes, checked.
    pub digest: String,
    /// Its kind.
    pub media_type: String,
    /// As the registry has it.
    pub bytes: Bytes,
    /// What it is made of.
    pub parts: Parts,
}

/// What a manifest is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parts {
    /// One image.
    Image {
        /// Its configuration.
        config: Descriptor,
        /// Its layers, the lowest first.
        layers: Vec<Descriptor>,
    },
    /// Images of several platforms.
    List(Vec<Descriptor>),
}

/// What is needed of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// When it was made.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// What it runs on.
    #[serde(flatten)]
    pub platform: Platform,
    /// How its containers run.
    #[serde(default)]
    pub config: Option<Runs>,
}

/// How containers of an image run, as far as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct Runs {
    /// The program.
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    /// Its arguments.
    #[serde(default)]
    pub cmd: Option<Vec<String>>,
    /// As whom.
    #[serde(default)]
    pub user: Option<String>,
    /// Labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Raw {
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Reads the bytes of a manifest.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(bytes: Bytes, media_type: &str) -> Result<Self, String> {
        let digest = format!("sha256:{}", hex(&Sha256::digest(&bytes)));
        let raw: Raw = serde_json::from_slice(&bytes)
            .map_err(|error| format!("its manifest is not understood: {error}"))?;
        let parts = match raw {
            Raw {
                manifests: Some(manifests),
                ..
            } => Parts::List(manifests),
            Raw {
                config: Some(config),
                layers: Some(layers),
                ..
            } => Parts::Image { config, layers },
            Raw { .. } => return Err(format!("a manifest of the kind {media_type} is too old")),
        };
        Ok(Self {
            digest,
            media_type: media_type.to_owned(),
            bytes,
            parts,
        })
    }

    /// Bytes that have to be fetched for it; none for a list.
    pub fn size(&self) -> Option<u64> {
        match &self.parts {
            Parts::Image { config, layers } => {
                Some(config.size + layers.iter().map(|layer| layer.size).sum::<u64>())
            }
            Parts::List(_) => None,
        }
    }

    /// The manifests of a list that stand for something that runs, each with its platform.
    pub fn platforms(&self) -> impl Iterator<Item = (&Descriptor, &Platform)> {
        let listed = match &self.parts {
            Parts::List(manifests) => manifests.as_slice(),
            Parts::Image { .. } => &[],
        };
        let with = |one: &'_ Descriptor| one.platform.is_some();
        let listed = listed.iter().filter(move |one| with(one));
        let pairs = listed.filter_map(|one| Some((one, one.platform.as_ref()?)));
        pairs.filter(|(_, platform)| !platform.is_none())
    }
}

impl Registry {
    /// Reads a manifest; its bytes are compared with their sum.
    pub async fn manifest(&self, doing: &str, of: &RemoteImage) -> Result<Manifest, Error> {
        let response = self.asked(doing, Method::GET, of).await?;
        let media_type = media_type(&response);
        let told = digest_of(&response);
        let bytes = whole(doing, response, LARGEST).await?;
        let wrong = |why: String| Error::new(ErrorKind::Wrong, doing, why);
        let manifest = Manifest::read(bytes, &media_type).map_err(wrong)?;
        let expected = match &of.label {
            Label::Digest(digest) => Some(digest.to_string()),
            Label::Tag(_) => told,
        };
        match expected {
            Some(expected) if expected != manifest.digest => Err(wrong(format!(
                "{} says that the manifest is {expected}, but it is {}",
                self.host, manifest.digest
            ))),
            Some(_) | None => Ok(manifest),
        }
    }

    /// The digest and the kind that a tag stands for, without reading its manifest.
    pub async fn digest(&self, doing: &str, of: &RemoteImage) -> Result<(String, String), Error> {
        let response = self.asked(doing, Method::HEAD, of).await?;
        let kind = media_type(&response);
        match digest_of(&response) {
            Some(digest) => Ok((digest, kind)),
            // Not all registries tell it.
            None => {
                let manifest = self.manifest(doing, of).await?;
                Ok((manifest.digest, manifest.media_type))
            }
        }
    }

    async fn asked(
        &self,
        doing: &str,
        method: Method,
        of: &RemoteImage,
    ) -> Result<Response, Error> {
        let path = below(&of.repository, &format!("manifests/{}", of.label.as_str()));
        let url = self.url(doing, &path).await?;
        let request = || {
            self.http
                .request(method.clone(), url.clone())
                .header(ACCEPT, KINDS)
        };
        let scope = Scope::Pull(of.repository.path.clone());
        let sent = self.send(doing, &scope, request).await;
        sent.map_err(|error| match error.kind {
            // What is said to a HEAD has no words.
            ErrorKind::Missing => Error {
                why: format!("there is no {of}"),
                remedy: Some(format!("see `wharf registry tags {}`", of.repository)),
                ..error
            },
            _ => error,
        })
    }

    /// The configuration of an image.
    pub async fn configuration(
        &self,
        doing: &str,
        repository: &Repository,
        config: &Descriptor,
    ) -> Result<Configuration, Error> {
        let path = below(repository, &format!("blobs/{}", config.digest));
        let scope = Scope::Pull(repository.path.clone());
        let response = self.ask(doing, Method::GET, &path, &scope).await?;
        let bytes = whole(doing, response, LARGEST).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let why = format!("its configuration is not understood: {error}");
            Error::new(ErrorKind::Wrong, doing, why)
        })
    }
}

/// Whether manifests of that kind list others.
pub(super) fn is_list(media_type: &str) -> bool {
    LISTS.contains(&media_type)
}

fn media_type(response: &Response) -> String {
    let header = response.headers().get(CONTENT_TYPE);
    let text = header.and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = text.split_once(';').map_or(text, |(kind, _)| kind);
    kind.trim().to_owned()
}

/// The digest that a registry tells beside its answer.
pub(super) fn digest_of(response: &Response) -> Option<String> {
    let header = response.headers().get("docker-content-digest")?;
    header.to_str().ok().map(str::to_owned)
}

/// A body, if it is not larger than it can be.
pub(super) async fn whole(
    doing: &str,
    mut response: Response,
    most: usize,
) -> Result<Bytes, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.into()),
            Err(error) => return Err(Error::of_request(doing, &error)),
        }
        if body.len() > most {
            let why = "the answer is larger than any that makes sense";
            return Err(Error::new(ErrorKind::Wrong, doing, why));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_image_tells_its_size_and_a_list_its_platforms() {
        let image = br#"{"schemaVersion": 2, "config": {"mediaType": "c", "digest": "sha256:1", "size": 10},
            "layers": [{"mediaType": "l", "digest": "sha256:2", "size": 20}]}"#;
        let image = Manifest::read(Bytes::from_static(image), "m").unwrap();
        assert_eq!(image.size(), Some(30));
        assert_eq!(image.platforms().count(), 0);
        let list = br#"{"manifests": [
            {"mediaType": "m", "digest": "sha256:1", "size": 1, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
            {"mediaType": "m", "digest": "sha256:2", "size": 1, "platform": {"os": "unknown", "architecture": "unknown"}}]}"#;
        let list = Manifest::read(Bytes::from_static(list), LISTS[0]).unwrap();
        assert_eq!(list.size(), None);
        let platforms: Vec<String> = list.platforms().map(|(_, one)| one.to_string()).collect();
        assert_eq!(platforms, ["linux/arm/v7"]);
    }

    #[test]
    fn old_manifests_and_other_texts_are_told_apart_from_images() {
        let old = Bytes::from_static(br#"{"schemaVersion": 1, "fsLayers": []}"#);
        assert!(Manifest::read(old, "m").unwrap_err().contains("too old"));
        let other = Bytes::from_static(b"<html>");
        assert!(
            Manifest::read(other, "m")
                .unwrap_err()
                .contains("not understood")
        );
    }
}
