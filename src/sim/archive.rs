//! `/containers/{id}/archive`: files out of a container and into it, as tar.

use std::io::Read as _;

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};

use super::clock::{Nanos, SECOND};
use super::engine::{Engine, Volume};
use super::files::{self, Content, Entry, Tree};
use super::http::{self, Answer, Body, Refusal};
use super::route::Call;

const STAT: &str = "x-docker-container-path-stat";

/// The path that is asked for, as given.
fn wanted(call: &Call) -> Result<String, Refusal> {
    // The words are Docker's, the missing space included.
    let none = || Refusal::bad("bad parameter: pathcannot be empty");
    call.query.get("path").map(str::to_owned).ok_or_else(none)
}

fn no_file(path: &str, id: &str) -> Refusal {
    Refusal::missing(format!("Could not find the file {path} in container {id}"))
}

/// `GET /containers/{id}/archive`
pub fn get(call: &Call, id: &str) -> Answer {
    let path = wanted(call)?;
    call.host.change(|engine, now| {
        let (key, _) = engine.get_mut(id)?;
        let tree = whole(engine, id, now)?;
        let place = files::normal(&path);
        let entry = tree.get(&place).ok_or_else(|| no_file(&path, id))?;
        let archive = pack(&tree, &place).map_err(|error| Refusal::internal(error.to_string()))?;
        engine.emit_container(now, key, "archive-path", &[]);
        Ok(with_stat(
            http::bytes(StatusCode::OK, "application/x-tar", archive),
            &place,
            entry,
        ))
    })
}

/// `HEAD /containers/{id}/archive`
pub fn head(call: &Call, id: &str) -> Answer {
    let path = wanted(call)?;
    call.host.read(|engine, now| {
        let tree = whole(engine, id, now)?;
        let place = files::normal(&path);
        let entry = tree.get(&place).ok_or_else(|| no_file(&path, id))?;
        Ok(with_stat(http::empty(StatusCode::OK), &place, entry))
    })
}

/// What is in a volume.
fn contents(volume: &Volume) -> Tree {
    volume.files.clone().unwrap_or_else(|| born(volume))
}

/// What it was born with.
fn born(volume: &Volume) -> Tree {
    files::born(&volume.name, volume.created)
}

/// The files of a container with those of the volumes that it mounts.
pub fn whole(engine: &Engine, id: &str, now: Nanos) -> Result<Tree, Refusal> {
    let container = engine.get(id)?;
    let mut tree = files::tree(container, now);
    for mount in &container.plan.mounts {
        let volume = mount
            .volume
            .as_deref()
            .and_then(|name| engine.volumes.get(name));
        for (path, entry) in volume.map(contents).unwrap_or_default() {
            tree.insert(format!("{}{path}", mount.destination), entry);
        }
    }
    Ok(tree)
}

fn with_stat(mut response: Response<Body>, path: &str, entry: &Entry) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(&files::stat_header(path, entry)) {
        response.headers_mut().insert(STAT, value);
    }
    response
}

/// A file or a directory with all below it; names begin with its own.
fn pack(tree: &Tree, place: &str) -> std::io::Result<Vec<u8>> {
    let parent = place.rfind('/').map_or(0, |slash| slash + 1);
    let below = format!("{place}/");
    let mut archive = tar::Builder::new(Vec::new());
    let inside = tree
        .iter()
        .filter(|(path, _)| *path == place || path.starts_with(&below));
    for (path, entry) in inside {
        let name = if path.is_empty() {
            "."
        } else {
            &path[parent..]
        };
        let mut header = tar::Header::new_ustar();
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(u64::try_from(entry.changed / SECOND).unwrap_or(0));
        header.set_size(0);
        match &entry.content {
            Content::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                archive.append_data(&mut header, format!("{name}/"), std::io::empty())?;
            }
            Content::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                archive.append_link(&mut header, name, target)?;
            }
            Content::File(bytes) => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, name, &bytes[..])?;
            }
        }
    }
    archive.into_inner()
}

/// `PUT /containers/{id}/archive`
pub async fn put(call: Call, id: &str) -> Answer {
    let path = wanted(&call)?;
    let place = files::normal(&path);
    call.host.read(|engine, now| {
        let tree = whole(engine, id, now)?;
        match tree.get(&place).map(|entry| &entry.content) {
            Some(Content::Directory) => Ok(()),
            Some(_) => Err(Refusal::internal("extraction point is not a directory")),
            None => Err(no_file(&path, id)),
        }
    })?;
    let archive = http::read(call.body).await?;
    let entries = unpack(&archive, &place).map_err(|error| {
        Refusal::internal(format!("Error processing tar file(exit status 1): {error}"))
    })?;
    call.host.change(|engine, now| {
        store(engine, id, entries)?;
        let (key, _) = engine.get_mut(id)?;
        engine.emit_container(now, key, "extract-to-dir", &[]);
        Ok(http::empty(StatusCode::OK))
    })
}

/// Puts files into a container, or into the volumes that it mounts there.
pub fn store(engine: &mut Engine, id: &str, entries: Vec<(String, Entry)>) -> Result<(), Refusal> {
    let mounts = engine.get(id)?.plan.mounts.clone();
    for (path, entry) in entries {
        let mounted = mounts.iter().find_map(|mount| {
            let rest = path.strip_prefix(&mount.destination)?;
            let inside = rest.is_empty() || rest.starts_with('/');
            let name = mount.volume.as_deref().filter(|_| inside)?;
            Some((name, rest.to_owned(), mount.writable))
        });
        match mounted {
            Some((_, _, false)) => {
                return Err(Refusal::internal("mounted volume is marked read-only"));
            }
            Some((name, rest, true)) => {
                if let Some(volume) = engine.volumes.get_mut(name) {
                    volume.size += i64::try_from(entry.size()).unwrap_or(0);
                    let mut files = volume.files.take().unwrap_or_else(|| born(volume));
                    files.insert(rest, entry);
                    volume.files = Some(files);
                }
            }
            None => {
                let (_, container) = engine.get_mut(id)?;
                container.extras_mut().files.insert(path, entry);
            }
        }
    }
    Ok(())
}

fn unpack(archive: &[u8], place: &str) -> std::io::Result<Vec<(String, Entry)>> {
    let mut out = Vec::new();
    // An archive of less than one block ends before it begins; tar would take it for an empty one.
    if archive.len() < 512 {
        return Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "unexpected EOF",
        ));
    }
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let header = entry.header();
        let mode = header.mode()? & 0o7777;
        let changed = Nanos::try_from(header.mtime()?)
            .unwrap_or(0)
            .saturating_mul(SECOND);
        let content = match header.entry_type() {
            tar::EntryType::Directory => Content::Directory,
            tar::EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default();
                Content::Link(target.to_string_lossy().into_owned())
            }
            tar::EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                Content::File(Bytes::from(bytes))
            }
            // Devices, sockets and what else has no place here.
            _ => continue,
        };
        let path = files::normal(&format!("{place}/{name}"));
        if !path.is_empty() {
            out.push((
                path,
                Entry {
                    content,
                    mode,
                    changed,
                },
            ));
        }
    }
    Ok(out)
}
