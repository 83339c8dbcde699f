//! An archive of images as a file of this machine: what is in it, looked through and checked.
//!
//! It is what `docker save` writes: a `manifest.json` that names for each image its configuration and its layers, and
//! these as files beside it. An image's id is the SHA-256 of its configuration, which names the SHA-256 of each of its
//! layers: so an archive is checked by itself, against nothing but the id.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::model::hex;

/// No configuration and no manifest is larger than this.
const LARGEST: u64 = 16 << 20;

/// Read at once while sums are made.
const PART: usize = 1 << 20;

/// An archive of images.
#[derive(Debug)]
pub(in crate::engine) struct Spool {
    file: Arc<File>,
    /// The images in it.
    pub images: Vec<Packed>,
}

/// An image in an archive.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Packed {
    /// Its id, `sha256:…`.
    pub id: Arc<str>,
    /// Its configuration, as it is.
    pub config: Bytes,
    /// What it was called where it comes from.
    pub tags: Vec<Arc<str>>,
    /// For which system and processor it was built: `linux`, `amd64`.
    pub platform: (String, String),
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
}

/// A layer in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Layer {
    /// The digest of its content, uncompressed.
    pub diff_id: Arc<str>,
    /// Where it begins in the file.
    pub at: u64,
    /// How long it is, in bytes.
    pub size: u64,
}

impl Layer {
    /// The name of its file in the archives that we write.
    pub fn file(&self) -> String {
        format!("{}/layer.tar", bare(&self.diff_id))
    }
}

/// A digest's digits.
pub(in crate::engine) fn bare(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// The header of a file of that size in an archive that we write.
pub(in crate::engine) fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub(in crate::engine) enum Flaw {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what it should be.
    #[error("{0}")]
    Content(String),
}

impl Flaw {
    fn content(text: impl Into<String>) -> Self {
        Self::Content(text.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestEntry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<Arc<str>>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The part of an image's configuration that is needed here.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<Arc<str>>>,
}

/// Where a member is in the file, and how long.
#[derive(Clone, Copy)]
struct Place {
    at: u64,
    size: u64,
}

/// The members of an archive by name.
#[derive(Default)]
struct Members {
    places: HashMap<String, Place>,
    links: HashMap<String, String>,
}

impl Members {
    fn read(file: &File) -> Result<Self, Flaw> {
        let mut members = Self::default();
        let mut reader = file.try_clone()?;
        reader.seek(SeekFrom::Start(0))?;
        let mut archive = tar::Archive::new(io::BufReader::new(reader));
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let name = clean(&entry.path()?.to_string_lossy());
            let kind = entry.header().entry_type();
            if kind.is_symlink() || kind.is_hard_link() {
                if let Some(link) = entry.link_name()? {
                    let link = link.to_string_lossy();
                    let base = name.rsplit_once('/').map_or("", |(base, _)| base);
                    let target = if kind.is_symlink() {
                        clean(&format!("{base}/{link}"))
                    } else {
                        clean(&link)
                    };
                    members.links.insert(name, target);
                }
            } else if kind.is_file() {
                let place = Place {
                    at: entry.raw_file_position(),
                    size: entry.size(),
                };
                members.places.insert(name, place);
            }
        }
        Ok(members)
    }

    /// The member of that name, through links.
    fn find(&self, name: &str) -> Result<Place, Flaw> {
        let mut name = clean(name);
        for _ in 0..8 {
            if let Some(place) = self.places.get(&name) {
                return Ok(*place);
            }
            match self.links.get(&name) {
                Some(target) => name.clone_from(target),
                None => break,
            }
        }
        Err(Flaw::content(format!("{name} is missing in the archive")))
    }
}

/// A name without `.`, doubled and outer slashes; `..` takes the part before it away.
pub(in crate::engine) fn clean(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Spool {
    /// Looks an archive through and checks all sums in it. `seen` hears how many bytes were checked, of how many.
    pub fn open(file: File, mut seen: impl FnMut(u64, u64)) -> Result<Self, Flaw> {
        let members = Members::read(&file)?;
        let spool = Self {
            images: read_images(&file, &members)?,
            file: Arc::new(file),
        };
        // Images share layers.
        let layers = spool.images.iter().flat_map(|image| &image.layers);
        let distinct: BTreeMap<u64, &Layer> = layers.map(|layer| (layer.at, layer)).collect();
        let total = distinct.values().map(|layer| layer.size).sum();
        let mut done = 0;
        for layer in distinct.into_values() {
            check(&spool.file, layer, |bytes| seen(done + bytes, total))?;
            done += layer.size;
        }
        Ok(spool)
    }

    /// The image with that id.
    pub fn image(&self, id: &str) -> Option<&Packed> {
        self.images.iter().find(|image| *image.id == *id)
    }

    /// The bytes of a layer.
    pub fn layer(&self, layer: &Layer) -> impl Read + Send + use<> {
        Part {
            file: Arc::clone(&self.file),
            at: layer.at,
            left: layer.size,
        }
    }
}

fn read_images(file: &File, members: &Members) -> Result<Vec<Packed>, Flaw> {
    let manifest = whole(file, members.find("manifest.json")?)?;
    let entries: Vec<ManifestEntry> = serde_json::from_slice(&manifest)
        .map_err(|error| Flaw::content(format!("manifest.json cannot be read: {error}")))?;
    entries
        .into_iter()
        .map(|entry| read_image(file, members, entry))
        .collect()
}

fn read_image(file: &File, members: &Members, entry: ManifestEntry) -> Result<Packed, Flaw> {
    let config = whole(file, members.find(&entry.config)?)?;
    let id = format!("sha256:{}", hex(&Sha256::digest(&config)));
    let named = entry.config.rsplit('/').next().unwrap_or_default();
    let named = named.strip_suffix(".json").unwrap_or(named);
    if id.strip_prefix("sha256:") != Some(named) {
        return Err(Flaw::content(format!(
            "the configuration {} is damaged: its sum is {id}",
            entry.config
        )));
    }
    let read: Config = serde_json::from_slice(&config)
        .map_err(|error| Flaw::content(format!("the configuration of {id}: {error}")))?;
    let diff_ids = read.rootfs.diff_ids.unwrap_or_default();
    let files = entry.layers.unwrap_or_default();
    if diff_ids.len() != files.len() {
        return Err(Flaw::content(format!(
            "{id} has {} layers, and the archive names {}",
            diff_ids.len(),
            files.len()
        )));
    }
    let layers = diff_ids.into_iter().zip(&files).map(|(diff_id, name)| {
        let Place { at, size } = members.find(name)?;
        Ok(Layer { diff_id, at, size })
    });
    Ok(Packed {
        id: Arc::from(id),
        layers: layers.collect::<Result<_, Flaw>>()?,
        config: Bytes::from(config),
        tags: entry.repo_tags.unwrap_or_default(),
        platform: (read.os, read.architecture),
    })
}

fn whole(file: &File, place: Place) -> Result<Vec<u8>, Flaw> {
    if place.size > LARGEST {
        return Err(Flaw::content(
            "a configuration in the archive is far too large",
        ));
    }
    let mut bytes = vec![0; usize::try_from(place.size).unwrap_or(0)];
    file.read_exact_at(&mut bytes, place.at)?;
    Ok(bytes)
}

/// Compares a layer with its digest. One that is compressed (as newer engines keep them) is unpacked for that by the
/// engine that takes it, which compares it then.
fn check(file: &File, layer: &Layer, mut seen: impl FnMut(u64)) -> Result<(), Flaw> {
    let mut sum = Sha256::new();
    let mut buffer = vec![0; PART];
    let mut done = 0;
    while done < layer.size {
        let count = usize::try_from(layer.size - done).map_or(PART, |left| left.min(PART));
        file.read_exact_at(&mut buffer[..count], layer.at + done)?;
        if done == 0 && is_compressed(&buffer[..count]) {
            return Ok(());
        }
        sum.update(&buffer[..count]);
        done += count as u64;
        seen(done);
    }
    let found = format!("sha256:{}", hex(&sum.finalize()));
    if found == *layer.diff_id {
        Ok(())
    } else {
        Err(Flaw::content(format!(
            "a layer is damaged: it should be {} and is {found}",
            layer.diff_id
        )))
    }
}

/// Whether it begins as gzip or zstd do.
fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// The identity of a layer upon those below it, by Docker's rule: the sum of the chain below and its own digest.
pub(in crate::engine) fn chain(below: Option<&str>, diff_id: &str) -> String {
    match below {
        None => diff_id.to_owned(),
        Some(below) => {
            let sum = Sha256::digest(format!("{below} {diff_id}"));
            format!("sha256:{}", hex(&sum))
        }
    }
}

/// Bytes of a file from a place on; several can be read at once.
struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.file.read_at(&mut buffer[..count], self.at)?;
        if read == 0 && count > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
pub(in crate::engine) mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write as _;

    use super::*;

    /// An archive of one image with these layers, as an engine would write it.
    pub fn packed(layers: &[&[u8]]) -> Vec<u8> {
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|layer| format!("sha256:{}", hex(&Sha256::digest(layer))))
            .collect();
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = config.to_string().into_bytes();
        let name = format!("{}.json", hex(&Sha256::digest(&config)));
        let files: Vec<String> = (0..layers.len())
            .map(|at| format!("{at}/layer.tar"))
            .collect();
        let manifest = serde_json::json!([
            {"Config": name, "RepoTags": ["app:1"], "Layers": files},
        ]);
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, bytes).unwrap();
        };
        for (file, layer) in files.iter().zip(layers) {
            add(file, layer);
        }
        add(&name, &config);
        add("manifest.json", manifest.to_string().as_bytes());
        builder.into_inner().unwrap()
    }

    fn open(bytes: &[u8]) -> Result<Spool, Flaw> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Spool::open(file, |_, _| ())
    }

    #[test]
    fn an_archive_is_looked_through() {
        let spool = open(&packed(&[b"one", b"three"])).unwrap();
        let [image] = spool.images.as_slice() else {
            panic!("{spool:?}")
        };
        assert_eq!(image.tags, [Arc::from("app:1")]);
        assert_eq!(image.platform, ("linux".to_owned(), "amd64".to_owned()));
        let mut text = String::new();
        spool
            .layer(&image.layers[1])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "three");
        assert!(spool.image(&image.id).is_some());
    }

    #[test]
    fn what_is_damaged_is_found() {
        let whole = packed(&[b"one", b"three"]);
        let swap = |from: &[u8], to: &[u8]| {
            let at = whole.windows(from.len()).position(|part| part == from);
            let mut damaged = whole.clone();
            damaged[at.unwrap()..][..to.len()].copy_from_slice(to);
            open(&damaged).unwrap_err().to_string()
        };
        let text = swap(b"three", b"thref");
        assert!(text.starts_with("a layer is damaged"), "{text}");
        let text = swap(b"amd64", b"arm64");
        assert!(text.contains("is damaged: its sum is"), "{text}");
        let cut = open(&whole[..700]).unwrap_err().to_string();
        assert!(cut.contains("missing"), "{cut}");
    }

    #[test]
    fn chains_are_those_of_docker() {
        // docker image inspect and the directories of layerdb, of a real engine.
        let first = "sha256:aa";
        assert_eq!(chain(None, first), first);
        let second = chain(Some(first), "sha256:bb");
        assert_eq!(
            second,
            format!("sha256:{}", hex(&Sha256::digest(b"sha256:aa sha256:bb")))
        );
    }
}
