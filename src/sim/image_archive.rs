//! `/images/get` and `/images/load`: images as archives. Layers are a kilobyte each, whatever they claim to be.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;

use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::engine::{Engine, Image};
use super::http::{self, Answer, Refusal};
use super::images::{emit, missing};
use super::images_table::{self, ImageRow};
use super::route::Call;
use super::seed::Seed;

/// The bytes of a layer of an image of that seed.
fn content(seed: Seed, nth: u64) -> Vec<u8> {
    seed.of("diff").at(nth).hex64().repeat(16).into_bytes()
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// An image's configuration, of which its id is the sum, and the digests of its layers.
pub fn configured(
    seed: Seed,
    row: &ImageRow,
    labels: &BTreeMap<String, String>,
    size: i64,
    created: i64,
) -> (String, Vec<String>) {
    let count = 2 + seed.of("layers").below(6);
    let layers: Vec<String> = (0..count).map(|nth| digest(&content(seed, nth))).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": layers},
        "sim": {"seed": seed.number(), "repo": row.repo, "size": size, "created": created},
    });
    (config.to_string(), layers)
}

/// The id of an image with that configuration.
pub fn id_of(config: &str) -> String {
    digest(config.as_bytes())
}

/// `GET /images/get?names=`
pub fn get(call: &Call, named: Option<&str>) -> Answer {
    let mut names = call.query.all("names");
    names.extend(named);
    let archive = call.host.read(|engine, _| {
        let images = names.iter().map(|name| {
            let image = engine.find_image(name).ok_or_else(|| missing(name))?;
            // By a tag, that tag alone goes along; by an id, none.
            let tags = image.tags.iter().filter(|tag| tag.as_str() == *name);
            Ok((image, tags.cloned().collect()))
        });
        let images: Result<Vec<(&Image, Vec<String>)>, Refusal> = images.collect();
        pack(&images?).map_err(|error| Refusal::internal(error.to_string()))
    })?;
    let pieces: Vec<Bytes> = archive
        .chunks(32 << 10)
        .map(Bytes::copy_from_slice)
        .collect();
    Ok(http::stream(
        Some("application/x-tar"),
        stream::iter(pieces),
    ))
}

fn pack(images: &[(&Image, Vec<String>)]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes)
    };
    let mut manifest = Vec::new();
    for (image, tags) in images {
        let mut files = Vec::new();
        for (nth, layer) in (0..).zip(&image.layers) {
            let file = format!("{}/layer.tar", &layer["sha256:".len()..]);
            add(&file, &content(image.seed, nth))?;
            files.push(file);
        }
        let config = format!("{}.json", &image.id["sha256:".len()..]);
        add(&config, image.config.as_bytes())?;
        let tags = if tags.is_empty() {
            Value::Null
        } else {
            json!(tags)
        };
        manifest.push(json!({"Config": config, "RepoTags": tags, "Layers": files}));
    }
    add(
        "manifest.json",
        Value::Array(manifest).to_string().as_bytes(),
    )?;
    builder.into_inner()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    config: Inner,
    rootfs: RootFs,
    #[serde(default)]
    sim: Option<Origin>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inner {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Origin {
    seed: u64,
    repo: String,
    size: i64,
    created: i64,
}

/// `POST /images/load`: as the engine does, whose answer begins well also where it ends badly.
pub async fn load(call: Call) -> Answer {
    let body = http::read(call.body).await?;
    let taken = unpack(&body)
        .map_err(|error| error.to_string())
        .and_then(|files| call.host.change(|engine, now| take(engine, now, &files)));
    let lines: Vec<Value> = match taken {
        Ok(names) => names
            .into_iter()
            .map(|name| json!({"stream": format!("Loaded image: {name}\n")}))
            .collect(),
        Err(why) => vec![json!({"errorDetail": {"message": why}, "error": why})],
    };
    let lines = lines
        .into_iter()
        .map(|line| Bytes::from(format!("{line}\r\n")));
    Ok(http::stream(Some("application/json"), stream::iter(lines)))
}

type Files = HashMap<String, Vec<u8>>;

fn unpack(archive: &[u8]) -> std::io::Result<Files> {
    let mut files = Files::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(name, bytes);
    }
    Ok(files)
}

fn take(engine: &mut Engine, now: i64, files: &Files) -> Result<Vec<String>, String> {
    let file = |name: &str| {
        let open = "open /var/lib/docker/tmp/docker-import-000000000";
        files
            .get(name)
            .ok_or_else(|| format!("{open}/{name}: no such file or directory"))
    };
    let manifest: Vec<Entry> =
        serde_json::from_slice(file("manifest.json")?).map_err(|error| error.to_string())?;
    let mut names = Vec::new();
    for entry in manifest {
        let config = file(&entry.config)?;
        let read: Config = serde_json::from_slice(config).map_err(|error| error.to_string())?;
        for (nth, name) in entry.layers.iter().enumerate() {
            let chain = &read.rootfs.diff_ids[..=nth];
            if engine
                .images
                .iter()
                .any(|one| one.layers.starts_with(chain))
            {
                continue;
            }
            let found = digest(file(name)?);
            if found != chain[nth] {
                return Err(format!(
                    "invalid diffID for layer {nth}: expected \"{}\", got \"{found}\"",
                    chain[nth]
                ));
            }
        }
        let id = digest(config);
        if engine.images.iter().all(|one| one.id != id) {
            engine.images.push(image(config, id.clone(), read, now));
        }
        emit(engine, now, "load", &id, &id);
        let tags = entry.repo_tags.unwrap_or_default();
        for one in &mut engine.images {
            one.tags.retain(|tag| !tags.contains(tag));
            if one.id == id {
                one.tags.extend(tags.iter().cloned());
            }
        }
        names.extend(if tags.is_empty() { vec![id] } else { tags });
    }
    Ok(names)
}

fn image(config: &[u8], id: String, read: Config, now: i64) -> Image {
    let origin = read.sim.as_ref();
    let row = origin.and_then(|origin| images_table::row_of(&origin.repo));
    Image {
        id,
        tags: Vec::new(),
        digests: Vec::new(),
        size: origin.map_or(0, |origin| origin.size),
        created: origin.map_or(now, |origin| origin.created),
        row: row.unwrap_or(&images_table::IMAGES[0]),
        labels: read.config.labels.unwrap_or_default(),
        seed: Seed::of_number(origin.map_or(0, |origin| origin.seed)),
        layers: read.rootfs.diff_ids,
        config: String::from_utf8_lossy(config).into(),
    }
}
