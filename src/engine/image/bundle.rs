//! A bundle: images in one file, with what each is and its sums, to be carried to a site without a way in.
//!
//! It is an archive that `docker load` takes too; Wharf's own list lies first in it, as `wharf-bundle.json`.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::source::{Held, Reader, Source};
use super::spool::{Layer, Packed, bare, header};
use crate::engine::error::{Error, ErrorKind};
use crate::model::{BundledFile, BundledImage, Timestamp, bytes, hex};

/// The name of Wharf's own list in a bundle.
pub const LIST: &str = "wharf-bundle.json";

/// A bundle that is to be written.
pub(super) struct Bundle<'b> {
    /// Who reads the images.
    pub reader: Reader<'b>,
    /// Which ones, and from where.
    pub images: &'b [BundledImage],
    /// Texts that lie beside them.
    pub more: &'b [BundledFile],
    /// The file.
    pub to: &'b Path,
    /// Whether one that is there may be replaced.
    pub replace: bool,
}

impl Bundle<'_> {
    /// Reads the images and writes the file; under its name it is whole, or not there.
    pub async fn write(self) -> Result<String, Error> {
        let deed = self.reader.deed;
        if self.to.exists() && !self.replace {
            let why = format!(
                "{} is there already; say --replace, or another name",
                self.to.display()
            );
            return Err(deed.failed(ErrorKind::Conflict, why));
        }
        let mut parts = Vec::new();
        for image in self.images {
            let source = Source::Engine(image.host.clone(), vec![image.id.clone()]);
            let spools = self.reader.engines.spools();
            let held = spools.get(&source, Some(image.size), self.reader).await?;
            if held.spool.image(&image.id).is_none() {
                let why = format!("@{} sent another image than {}", image.host, image.id);
                return Err(deed.failed(ErrorKind::Engine, why));
            }
            parts.push((held, image.clone()));
        }
        let (to, count) = (self.to.to_owned(), parts.len());
        let more = self.more.to_vec();
        let written = spawn_blocking(move || write_whole(&to, &parts, &more)).await;
        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
        let shown = format!("writing {}", self.to.display());
        let size = written.map_err(|error| deed.failed_here(&shown, &error))?;
        let plural = if count == 1 { "" } else { "s" };
        Ok(format!(
            "{count} image{plural}, {} in {}",
            bytes(size),
            self.to.display()
        ))
    }
}

/// An archive with the image in it that is wanted.
type Part = (Held, BundledImage);

fn packed((held, image): &Part) -> io::Result<&Packed> {
    let found = held.spool.image(&image.id);
    found.ok_or_else(|| io::Error::other(format!("{} is not in its archive", image.id)))
}

/// Writes it beside, to the disk, and gives it its name.
fn write_whole(to: &Path, parts: &[Part], more: &[BundledFile]) -> io::Result<u64> {
    let beside = beside(to);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let _ = fs::remove_file(&beside);
    let file = options.open(&beside)?;
    let done = write(file, parts, more).and_then(|size| {
        fs::rename(&beside, to)?;
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty());
        File::open(dir.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(size)
    });
    if done.is_err() {
        let _ = fs::remove_file(&beside);
    }
    done
}

fn beside(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".part-{}", std::process::id()));
    to.with_file_name(name)
}

fn write(file: File, parts: &[Part], more: &[BundledFile]) -> io::Result<u64> {
    let mut builder = tar::Builder::new(io::BufWriter::with_capacity(1 << 20, file));
    let list = list(parts)?;
    append(&mut builder, LIST, list.to_string().as_bytes())?;
    for file in more {
        append(&mut builder, &file.name, file.text.as_bytes())?;
    }
    let mut written: BTreeSet<Arc<str>> = BTreeSet::new();
    for part in parts {
        let image = packed(part)?;
        for layer in &image.layers {
            if written.insert(layer.diff_id.clone()) {
                let mut header = header(layer.size);
                builder.append_data(&mut header, layer.file(), part.0.spool.layer(layer))?;
            }
        }
        if written.insert(image.id.clone()) {
            append(&mut builder, &config_file(image), &image.config)?;
        }
    }
    let manifest = parts.iter().map(|part| {
        let image = packed(part)?;
        let layers: Vec<String> = image.layers.iter().map(Layer::file).collect();
        Ok(json!({"Config": config_file(image), "RepoTags": part.1.tags, "Layers": layers}))
    });
    let manifest = Value::Array(manifest.collect::<io::Result<_>>()?);
    append(
        &mut builder,
        "manifest.json",
        manifest.to_string().as_bytes(),
    )?;
    let mut writer = builder.into_inner()?;
    writer.flush()?;
    let file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// What is in it, for people and for checks on the way: the sums of all files but the lists.
fn list(parts: &[Part]) -> io::Result<Value> {
    let images = parts.iter().map(|part| {
        let (image, (_, said)) = (packed(part)?, part);
        let layers: Vec<Value> = image
            .layers
            .iter()
            .map(|layer| json!({"file": layer.file(), "sha256": bare(&layer.diff_id), "bytes": layer.size}))
            .collect();
        let config = json!({
            "file": config_file(image), "sha256": hex(&Sha256::digest(&image.config)), "bytes": image.config.len(),
        });
        Ok(json!({
            "id": image.id, "tags": said.tags, "from": said.host.as_str(),
            "platform": format!("{}/{}", image.platform.0, image.platform.1),
            "config": config, "layers": layers,
        }))
    });
    Ok(json!({
        "format": 1,
        "made": Timestamp::now().to_string(),
        "with": concat!("wharf ", env!("CARGO_PKG_VERSION")),
        "images": images.collect::<io::Result<Vec<Value>>>()?,
    }))
}

fn config_file(image: &Packed) -> String {
    format!("{}.json", bare(&image.id))
}

fn append(builder: &mut tar::Builder<impl io::Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    builder.append_data(&mut header(bytes.len() as u64), name, bytes)
}
