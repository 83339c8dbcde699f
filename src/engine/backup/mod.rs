//! Volumes out of engines into archives and back: backup, verification, restoring, and looking into one.
//!
//! No process runs for it on the host: a container that is never started mounts the volume, and the engine packs and
//! unpacks it itself (`/containers/{id}/archive`).

mod files;
mod freeze;
mod helper;
mod keep;
mod podman;
mod remote;
mod restore;
mod stream;
#[cfg(test)]
mod tests;
pub mod vault;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{interval, timeout};

pub(super) use files::{file, files};
pub(super) use helper::{Helper, MOUNT, helper_label};
pub(super) use keep::all;
pub(super) use restore::restore;

use self::freeze::Frozen;
use self::keep::{Draft, find};
use self::stream::Packed;
use super::actor::Common;
use super::error::{Deed, Error, ErrorKind, Fault};
use super::exec::{self, ExecSpec};
use super::list::{Listing, list};
use super::pipe::{ON_THE_WAY, STALLED, pour};
use super::resources::VolumeEntry;
use super::session::Session;
use super::wire::{escape, query};
use crate::model::{
    Amount, Backup, BackupName, Container, Manifest, Said, State, Timestamp, VaultWay, Volume,
    bytes, span,
};

/// How often it is told how far a transfer is.
const TOLD: Duration = Duration::from_millis(250);

/// How long whoever ends waits for what is being cleaned up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what is to be run before may take.
const HOOK: Duration = Duration::from_hours(1);

/// So many things can be cleaned up at once; more than anybody begins.
const MANY: u32 = 1 << 16;

/// What is left to be cleaned up on hosts after something was broken off.
#[derive(Clone, Debug)]
pub(super) struct Cleaning(Arc<Semaphore>);

impl Default for Cleaning {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MANY as usize)))
    }
}

impl Cleaning {
    /// Does it even where nobody waits for it; those who end wait a while.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let permit = self.hold();
        runtime.spawn(async move {
            work.await;
            drop(permit);
        });
    }

    /// Who waits until nothing is left waits for the holder of this, too.
    fn hold(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }

    /// Waits until nothing is left, for a while.
    pub async fn done(&self) {
        let _ = timeout(PATIENCE, self.0.acquire_many(MANY)).await;
    }
}

/// Backs a volume up; says how much it was.
pub(super) async fn backup(
    session: &Session,
    common: &Common,
    volume: &str,
    spec: &Backup,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let began = Instant::now();
    let at = Timestamp::now();
    let known = volume_of(session, volume, deed).await?;
    let draft = Draft::begin(common, &spec.to, volume, at, deed).await?;
    // The semaphore is never closed.
    let _turn = if spec.pause {
        session.freezing.acquire().await.ok()
    } else {
        None
    };
    let users = users(session, volume, deed).await?;
    let before = match &spec.before {
        Some(hook) => Some(run_before(session, &users, hook, deed, say).await?),
        None => None,
    };
    let to_freeze: Vec<&Container> = users
        .iter()
        .filter(|one| spec.pause && one.state == State::Running)
        .collect();
    let cleaning = &common.cleaning;
    let helper = Helper::mount(session, cleaning, volume, true, &to_freeze, deed).await?;
    let frozen = Frozen::freeze(session, cleaning, &to_freeze, deed).await?;
    let fetched = fetch(session, &helper, draft, spec.size, deed, say).await;
    let names = frozen.names().join(", ");
    let paused = frozen.release().await.map_err(|fault| {
        let error = deed.fault(fault);
        let remedy = format!(
            "they go on with the next backup of this volume, or with `wharf container unpause {names}@{}`",
            deed.host
        );
        Error {
            why: format!("{names} may still be frozen: {}", error.why),
            remedy: Some(remedy.replace(", ", &format!("@{} ", deed.host))),
            ..error
        }
    });
    let (draft, packed) = match (fetched, &paused) {
        (Ok(done), Ok(_)) => done,
        (Err(error), Ok(_)) => return Err(error),
        (Err(error), Err(frozen)) => {
            return Err(Error {
                why: format!("{}; {}", error.why, frozen.why),
                remedy: frozen.remedy.clone(),
                ..error
            });
        }
        (Ok(_), Err(frozen)) => return Err(frozen.clone()),
    };
    helper.remove().await;
    let paused = paused?;
    let manifest = Manifest {
        version: Manifest::VERSION,
        tool: concat!("wharf ", env!("CARGO_PKG_VERSION")).to_owned(),
        volume: volume.to_owned(),
        host: deed.host.as_str().to_owned(),
        driver: known.driver.to_string(),
        labels: texts(&known.labels),
        options: texts(&known.options),
        at,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        by: common.operator.clone(),
        paused,
        before,
        contents: packed.contents,
        archive: packed.archive,
        tar: packed.tar,
    };
    let story = story(&manifest);
    let committed = draft.commit(common, &spec.to, manifest, spec.keep, deed);
    let (place, retired) = committed.await?;
    let retired = match retired {
        0 => String::new(),
        1 => "; 1 older backup was removed".to_owned(),
        count => format!("; {count} older backups were removed"),
    };
    Ok(format!("{story}, as {place}{retired}"))
}

fn texts(
    map: &std::collections::BTreeMap<Box<str>, Box<str>>,
) -> std::collections::BTreeMap<String, String> {
    let pairs = map.iter();
    pairs
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn story(manifest: &Manifest) -> String {
    let contents = &manifest.contents;
    format!(
        "{} files, {}, {} compressed",
        contents.files,
        bytes(contents.bytes),
        bytes(manifest.archive.bytes)
    )
}

/// The volume, as the engine knows it.
async fn volume_of(session: &Session, volume: &str, deed: &Deed) -> Result<Volume, Error> {
    let path = format!("/volumes/{}", escape(volume));
    let entry: Result<VolumeEntry, Fault> = session.wire.get(path).json().await;
    entry
        .map(VolumeEntry::into_volume)
        .map_err(|fault| deed.fault(fault))
}

/// The containers that mount the volume; our own helpers do not count.
async fn users(session: &Session, volume: &str, deed: &Deed) -> Result<Vec<Container>, Error> {
    let listed = list(&session.wire, None).await;
    let Listing::New(all, _) = listed.map_err(|fault| deed.fault(fault))? else {
        return Ok(Vec::new());
    };
    let mounts = |one: &Container| {
        one.volumes.iter().any(|name| **name == *volume) && !one.name.starts_with(Volume::HELPER)
    };
    Ok(all.into_iter().filter(mounts).collect())
}

/// Runs what is to be run before, by a shell in the container that it names or the first that runs.
async fn run_before(
    session: &Session,
    users: &[Container],
    hook: &str,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let running = users.iter().find(|one| one.state == State::Running);
    let Some(container) = running else {
        return Err(deed.failed(
            ErrorKind::Conflict,
            "no container that uses the volume runs, so there is none to run the command in",
        ));
    };
    say(Said::Line(format!("running in {}: {hook}", container.name)));
    let spec = ExecSpec {
        command: ["sh", "-c", hook].map(Arc::from).into(),
        user: None,
        tty: false,
        size: None,
    };
    let ran = timeout(HOOK, exec::run(session, &container.id, spec, deed)).await;
    match ran {
        Ok(Ok(_)) => Ok(format!("{}: {hook}", container.name)),
        Ok(Err(error)) => Err(Error {
            why: format!(
                "the command before it failed, so nothing was backed up: {}",
                error.why
            ),
            ..error
        }),
        Err(_) => Err(deed.failed(
            ErrorKind::Timeout,
            format!("the command before it did not end within {}", span(3600)),
        )),
    }
}

/// Reads the volume into the draft.
async fn fetch(
    session: &Session,
    helper: &Helper,
    draft: Draft,
    size: Option<u64>,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<(Draft, Packed), Error> {
    let path = format!(
        "/containers/{}/archive{}",
        helper.name(),
        query(&[("path", MOUNT)])
    );
    let response = session.wire.get(path).within(STALLED).response().await;
    let body = response.map_err(|fault| deed.fault(fault))?.into_body();
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let done = Arc::new(AtomicU64::new(0));
    let held = helper.cleaning().hold();
    let packing = draft.pack(receiver, done.clone(), held, deed);
    let both = async { tokio::join!(pour(body, sender), packing) };
    match told("reading", &done, size, say, both).await {
        (Ok(()), packed) => packed,
        (Err(fault), _) => Err(deed.fault(fault)),
    }
}

/// An error of reading or writing an archive: what came was none, or something of this machine failed.
fn failed(error: &io::Error, doing: &str, deed: &Deed) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => deed.failed(
            ErrorKind::Engine,
            format!("the engine sent no whole archive: {error}"),
        ),
        _ => full_or_not(error, doing, deed),
    }
}

/// An error of this machine; of a disk without room, with what to do.
fn full_or_not(error: &io::Error, doing: &str, deed: &Deed) -> Error {
    let failed = deed.failed_here(doing, error);
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error {
            remedy: Some(
                "nothing half-written is left; make room there (--keep takes older backups away), or name another directory with --to"
                    .to_owned(),
            ),
            ..failed
        },
        _ => failed,
    }
}

/// Tells how far something is while it is done.
async fn told<T>(
    what: &str,
    done: &AtomicU64,
    total: Option<u64>,
    say: &(dyn Fn(Said) + Sync),
    work: impl Future<Output = T>,
) -> T {
    let tell = || {
        let done = done.load(Ordering::Relaxed);
        // What was counted before may have grown since.
        let total = total.filter(|total| *total >= done);
        say(Said::Amount(Amount::bytes(what, done, total)));
    };
    let mut ticks = interval(TOLD);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            ended = &mut work => {
                tell();
                return ended;
            }
            _ = ticks.tick() => tell(),
        }
    }
}

/// Reads a backup through and compares it with what its manifest says.
pub(super) async fn verify(
    common: &Common,
    deed: &Deed,
    backup: &BackupName,
    from: &VaultWay,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let kept = find(common, deed, backup, from).await?;
    let kept = kept.check(deed, say).await?;
    let manifest = kept.manifest();
    Ok(format!("{} is whole: {}", manifest.name(), story(manifest)))
}
