//! The helper: a container that is never started and mounts a volume, so that the engine packs and unpacks it.

use std::fs;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::Cleaning;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::resources;
use crate::engine::session::Session;
use crate::engine::wire::{Wire, query};
use crate::model::{Container, Product, Timestamp, Volume};

/// Where the volume is in the helper; no image has that.
pub(in crate::engine) const MOUNT: &str = "/wharf-volume";

/// The first part of the name of everything in an archive.
pub(super) const ROOT: &str = "wharf-volume";

/// Says what it is for.
const PURPOSE: &str = "io.wharf.helper";

/// Says which process of which machine made it.
const OWNER: &str = "io.wharf.owner";

/// Says which containers are frozen as long as it is there.
const FROZEN: &str = "io.wharf.frozen";

/// A helper of which nobody knows whose it is has been forgotten after so long.
const FORGOTTEN: i64 = 24 * 3600;

/// A helper whose making was broken off may appear a moment later.
const APPEARS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// How long the engine may take for one.
const DEADLINE: Duration = Duration::from_mins(1);

/// A helper; removed when dropped, whatever became of what it was for.
pub(in crate::engine) struct Helper {
    wire: Wire,
    cleaning: Cleaning,
    /// None once it was removed.
    name: Option<String>,
}

impl Helper {
    /// Makes one that mounts that volume. What a run that was killed left behind on the host is cleaned up first.
    pub async fn mount(
        session: &Session,
        cleaning: &Cleaning,
        volume: &str,
        read_only: bool,
        frozen: &[&Container],
        deed: &Deed,
    ) -> Result<Self, Error> {
        if read_only && session.product == Product::Podman {
            return Err(Error {
                remedy: Some("look into a container that mounts it; a backup can be restored there".to_owned()),
                ..deed.failed(
                    ErrorKind::Unsupported,
                    "Podman's API tells all files as owned by the container's user, so owners would be lost",
                )
            });
        }
        sweep(session).await.map_err(|fault| deed.fault(fault))?;
        let image = image(session, deed).await?;
        let name = fresh_name();
        let frozen: Vec<&str> = frozen.iter().map(|one| one.id.as_str()).collect();
        let body = json!({
            "Image": image,
            "Entrypoint": ["-"],
            "Cmd": ["never started"],
            "NetworkDisabled": true,
            "Labels": {
                (PURPOSE): purpose(volume),
                (OWNER): owner().unwrap_or_default(),
                (FROZEN): frozen.join(","),
            },
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [{
                    "Type": "volume",
                    "Source": volume,
                    "Target": MOUNT,
                    "ReadOnly": read_only,
                    "VolumeOptions": { "NoCopy": true },
                }],
            },
        });
        // From here on it is removed, even if nobody waits for the answer any more.
        let helper = Self {
            wire: session.wire.clone(),
            cleaning: cleaning.clone(),
            name: Some(name.clone()),
        };
        let path = format!("/containers/create{}", query(&[("name", &name)]));
        let made = session.wire.post(path).json_body(&body).within(DEADLINE);
        made.status().await.map_err(|fault| deed.fault(fault))?;
        Ok(helper)
    }

    /// What the engine knows it by.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("")
    }

    /// What cleans up after it.
    pub fn cleaning(&self) -> &Cleaning {
        &self.cleaning
    }

    /// Removes it and waits until it is gone. What the engine refuses now is cleaned up by the next run.
    pub async fn remove(mut self) {
        if let Some(name) = self.name.clone() {
            drop(remove(&self.wire, &name).await);
            self.name = None;
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else {
            return;
        };
        let wire = self.wire.clone();
        self.cleaning.spawn(async move {
            for wait in APPEARS {
                tokio::time::sleep(wait).await;
                match remove(&wire, &name).await {
                    Err(fault) if fault.is_missing() => {}
                    Ok(()) | Err(_) => return,
                }
            }
        });
    }
}

/// What a helper says that it is for.
fn purpose(volume: &str) -> String {
    format!("volume {volume}")
}

/// The label that the helpers of a volume have.
pub(in crate::engine) fn helper_label(volume: &str) -> String {
    format!("{PURPOSE}={}", purpose(volume))
}

/// Removes a helper with what its image made it mount beside the volume; volumes with a name stay.
async fn remove(wire: &Wire, name: &str) -> Result<(), Fault> {
    let path = format!("/containers/{name}?force=1&v=1");
    wire.delete(path).within(DEADLINE).status().await.map(drop)
}

fn fresh_name() -> String {
    let random = std::hash::RandomState::new();
    let number = std::hash::BuildHasher::hash_one(&random, Timestamp::now().as_nanosecond());
    format!("{}{number:016x}", Volume::HELPER)
}

/// The image that a helper is of, which is never run: the smallest that the host has, so that the choice is always
/// the same and nothing has to be pulled.
async fn image(session: &Session, deed: &Deed) -> Result<String, Error> {
    let images = resources::images(session)
        .await
        .map_err(|fault| deed.fault(fault))?;
    let smallest = images.iter().min_by_key(|image| (image.size, &image.id));
    match smallest {
        Some(image) => Ok(image.id.to_string()),
        None => Err(Error {
            remedy: Some("pull or load any image there; it is never run".to_owned()),
            ..deed.failed(
                ErrorKind::Conflict,
                "the host has no image, and the container that mounts the volume needs one",
            )
        }),
    }
}

/// Cleans up what runs left behind that were killed: lets frozen containers go on and removes the helpers.
async fn sweep(session: &Session) -> Result<(), Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry {
        id: String,
        #[serde(default)]
        created: i64,
        #[serde(default)]
        labels: Option<std::collections::HashMap<String, String>>,
    }
    let filters = format!(r#"{{"label":["{PURPOSE}"]}}"#);
    let path = format!(
        "/containers/json{}",
        query(&[("all", "1"), ("filters", &filters)])
    );
    let left: Vec<Entry> = session.wire.get(path).json().await?;
    for entry in left {
        let labels = entry.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        let age = Timestamp::now().as_second() - entry.created;
        if !is_forsaken(label(OWNER), age) {
            continue;
        }
        for frozen in label(FROZEN).split(',').filter(|id| !id.is_empty()) {
            // One that goes on already, or is gone, is as it should be.
            let path = format!("/containers/{frozen}/unpause");
            drop(session.wire.post(path).status().await);
        }
        drop(remove(&session.wire, &entry.id).await);
    }
    Ok(())
}

/// Which process this is, so that another one can tell whether it lives: machine, boot, room for numbers, number, start.
fn owner() -> Option<String> {
    let read = |path: &str| Some(fs::read_to_string(path).ok()?.trim().to_owned());
    let machine = read("/proc/sys/kernel/hostname")?;
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let room = fs::read_link("/proc/self/ns/pid").ok()?;
    let number = std::process::id();
    let start = started(number)?;
    Some(format!(
        "{machine} {boot} {} {number} {start}",
        room.display()
    ))
}

/// When a process began, in the kernel's ticks.
fn started(number: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // Behind the name, which may hold anything, in parentheses; its start is the 22nd field.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// Whether whoever made a helper is gone.
pub(super) fn is_forsaken(owner_label: &str, age_seconds: i64) -> bool {
    let parts = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (theirs, ours) = (parts(owner_label), parts(&owner().unwrap_or_default()));
    let (5, 5) = (theirs.len(), ours.len()) else {
        return age_seconds > FORGOTTEN;
    };
    if theirs[0] != ours[0] || (theirs[1] == ours[1] && theirs[2] != ours[2]) {
        // On another machine, or where we cannot see it.
        return age_seconds > FORGOTTEN;
    }
    if theirs[1] != ours[1] {
        // This machine was started anew since.
        return true;
    }
    let start = theirs[3].parse().ok().and_then(started);
    start.is_none_or(|start| start.to_string() != theirs[4])
}

/// Which process this is.
#[cfg(test)]
pub(super) fn owner_for_tests() -> String {
    owner().unwrap_or_default()
}
