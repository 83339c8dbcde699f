//! A backup becomes a volume again: only when it is whole, and only where nothing is overwritten.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::helper::{Helper, MOUNT};
use super::vault::Found;
use super::{Cleaning, check, files, find, story, stream, told, users};
use crate::engine::actor::Common;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::pipe::{ON_THE_WAY, Pipe, poured};
use crate::engine::resources::VolumeEntry;
use crate::engine::session::Session;
use crate::engine::volume::create;
use crate::engine::wire::{Wire, escape, query};
use crate::model::{BackupName, NewVolume, Said, Volume};

/// Says of which backup a volume was made.
const RESTORED: &str = "io.wharf.restored-from";

/// The longest that writing a volume may take.
const LONGEST: Duration = Duration::from_hours(24);

/// A volume that was made here; removed when dropped before it was finished.
struct Fresh {
    wire: Wire,
    cleaning: Cleaning,
    volume: Option<String>,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let Some(volume) = self.volume.take() else {
            return;
        };
        let wire = self.wire.clone();
        self.cleaning.spawn(async move {
            // The helper that mounts it goes first; it is removed beside us.
            for _ in 0..20 {
                let path = format!("/volumes/{}", escape(&volume));
                match wire.delete(path).status().await {
                    Err(Fault::Refused { status: 409, .. }) => {
                        tokio::time::sleep(Duration::from_millis(250)).await;
                    }
                    Ok(_) | Err(_) => return,
                }
            }
        });
    }
}

/// Makes a volume of a backup; says how much it was.
pub(in crate::engine) async fn restore(
    session: &Session,
    common: &Common,
    volume: &str,
    (backup, from): (&BackupName, &Path),
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let found = find(deed, backup, from).await?;
    let found = check(deed, found, say).await?;
    let fresh = prepare(session, common, volume, &found, deed).await?;
    let helper = Helper::mount(session, &common.cleaning, volume, false, &[], deed).await?;
    let name = found.manifest.name();
    let story = story(&found.manifest);
    write(session, &helper, found, deed, say).await?;
    helper.remove().await;
    if let Some(mut fresh) = fresh {
        fresh.volume = None;
    }
    Ok(format!("{story} of {name}"))
}

/// Makes the volume, or sees that the one that is there may be filled: unused, and empty.
async fn prepare(
    session: &Session,
    common: &Common,
    volume: &str,
    found: &Found,
    deed: &Deed,
) -> Result<Option<Fresh>, Error> {
    let path = format!("/volumes/{}", escape(volume));
    let there: Result<VolumeEntry, Fault> = session.wire.get(path).json().await;
    match there {
        Ok(_) => {
            may_be_filled(session, common, volume, deed).await?;
            Ok(None)
        }
        Err(fault) if fault.is_missing() => {
            let labels = found.manifest.labels.iter();
            let own = (Arc::from(RESTORED), Arc::from(found.manifest.name()));
            let mut labels: Vec<(Arc<str>, Arc<str>)> = labels
                .filter(|(key, _)| *key != RESTORED && *key != Volume::ANONYMOUS)
                .map(|(key, value)| (Arc::from(&**key), Arc::from(&**value)))
                .collect();
            labels.push(own);
            // Its driver and options are not taken over: they could point at the very data of the other volume.
            let wanted = NewVolume {
                labels,
                ..NewVolume::default()
            };
            create(session, volume, &wanted, deed).await?;
            Ok(Some(Fresh {
                wire: session.wire.clone(),
                cleaning: common.cleaning.clone(),
                volume: Some(volume.to_owned()),
            }))
        }
        Err(fault) => Err(deed.fault(fault)),
    }
}

async fn may_be_filled(
    session: &Session,
    common: &Common,
    volume: &str,
    deed: &Deed,
) -> Result<(), Error> {
    let refuse = |why: String| {
        Err(Error {
            remedy: Some("restore into a new volume".to_owned()),
            ..deed.failed(ErrorKind::Conflict, why)
        })
    };
    let users = users(session, volume, deed).await?;
    if let Some(user) = users.first() {
        return refuse(format!(
            "the volume is there already, and {} uses it",
            user.name
        ));
    }
    let list = files(session, volume, &common.cleaning).await;
    let list = list.map_err(|fault| deed.fault(fault))?;
    if list.entries.iter().any(|entry| !entry.path.is_empty()) {
        return refuse("the volume is there already, and is not empty".to_owned());
    }
    Ok(())
}

/// Sends the archive to the engine, which unpacks it into the volume.
async fn write(
    session: &Session,
    helper: &Helper,
    found: Found,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<(), Error> {
    let total = Some(found.manifest.tar.bytes);
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let done = Arc::new(AtomicU64::new(0));
    let unpacking = {
        let done = done.clone();
        spawn_blocking(move || stream::unpack(&found.archive, &found.manifest, Pipe(sender), &done))
    };
    // The archive names the directory that the volume is mounted at, so that this one gets its own rights, too.
    debug_assert_eq!(MOUNT.trim_start_matches('/'), super::helper::ROOT);
    let path = format!(
        "/containers/{}/archive{}",
        helper.name(),
        query(&[("path", "/")])
    );
    let ask = session.wire.put(path).within(LONGEST);
    let sent = ask.body("application/x-tar", poured(receiver)).status();
    let sent = told("writing", &done, total, say, sent).await;
    let unpacked = unpacking
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)));
    match (sent, unpacked) {
        (Ok(_), Ok(())) => Ok(()),
        // The engine's refusal closes the pipe, so it is the reason for both.
        (Err(fault @ Fault::Refused { .. }), _) | (Err(fault), Ok(())) => Err(deed.fault(fault)),
        (Err(fault), Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Err(deed.fault(fault))
        }
        (_, Err(error)) => Err(deed.failed_here("reading the backup", &error)),
    }
}
