//! A backup becomes a volume again: only when it is whole, and only where nothing is overwritten.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::mpsc;

use super::helper::{Helper, MOUNT};
use super::keep::{Kept, find};
use super::{Cleaning, files, podman, story, stream, told, users};
use crate::engine::actor::Common;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::pipe::{ON_THE_WAY, Pipe, poured};
use crate::engine::resources::VolumeEntry;
use crate::engine::session::Session;
use crate::engine::volume::create;
use crate::engine::wire::{Wire, escape, query};
use crate::model::{BackupName, Manifest, NewVolume, Product, Said, VaultWay, Volume};

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
    (backup, from): (&BackupName, &VaultWay),
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let kept = find(common, deed, backup, from).await?;
    let kept = kept.check(deed, say).await?;
    let fresh = prepare(session, common, volume, kept.manifest(), deed).await?;
    let helper = Helper::mount(session, &common.cleaning, volume, false, &[], deed).await?;
    write(session, &helper, &kept, deed, say).await?;
    helper.remove().await;
    if let Some(mut fresh) = fresh {
        fresh.volume = None;
    }
    let manifest = kept.manifest();
    Ok(format!("{} of {}", story(manifest), manifest.name()))
}

/// Makes the volume, or sees that the one that is there may be filled: unused, and empty.
async fn prepare(
    session: &Session,
    common: &Common,
    volume: &str,
    manifest: &Manifest,
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
            let labels = manifest.labels.iter();
            let own = (Arc::from(RESTORED), Arc::from(manifest.name()));
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

/// Writes the tar of an archive on, named as the engine unpacks it.
fn unpack(
    product: Product,
    from: impl io::Read,
    manifest: &Manifest,
    mut to: Pipe,
    done: &AtomicU64,
) -> io::Result<()> {
    if product == Product::Docker {
        return stream::unpack(from, manifest, to, done);
    }
    let (reader, writer) = io::pipe()?;
    let naming = std::thread::spawn(move || {
        let named = podman::from_ours(io::BufReader::new(reader), io::BufWriter::new(&mut to));
        (named, to)
    });
    let unpacked = stream::unpack(from, manifest, io::BufWriter::new(writer), done);
    // The engine is told that all was sent only when it is known that it was.
    let (named, _to) = naming
        .join()
        .map_err(|_| io::Error::other("its writer broke down"))?;
    match (unpacked, named) {
        (Err(error), Err(_)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        (_, Err(error)) => Err(error),
        (unpacked, Ok(())) => unpacked,
    }
}

/// Sends the archive to the engine, which unpacks it into the volume.
async fn write(
    session: &Session,
    helper: &Helper,
    kept: &Kept,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<(), Error> {
    let manifest = kept.manifest().clone();
    let total = Some(manifest.tar.bytes);
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    let done = Arc::new(AtomicU64::new(0));
    let counted = done.clone();
    let product = session.product;
    let unpacking = kept.through(deed, move |from| {
        unpack(product, from, &manifest, Pipe(sender), &counted)
    });
    // The archive names the directory that the volume is mounted at, so that this one gets its own rights, too.
    debug_assert_eq!(MOUNT.trim_start_matches('/'), super::helper::ROOT);
    let pairs: &[(&str, &str)] = match product {
        Product::Docker => &[("path", "/")],
        // Without the second all would be the container's own user's.
        Product::Podman => &[("path", MOUNT), ("copyUIDGID", "false")],
    };
    let path = format!("/containers/{}/archive{}", helper.name(), query(pairs));
    let ask = session.wire.put(path).within(LONGEST);
    let sent = ask.body("application/x-tar", poured(receiver)).status();
    let both = async { tokio::join!(sent, unpacking) };
    let (sent, unpacked) = told("writing", &done, total, say, both).await;
    match (sent, unpacked?) {
        (Ok(_), Ok(())) => Ok(()),
        // The engine's refusal closes the pipe, so it is the reason for both.
        (Err(fault @ Fault::Refused { .. }), _) | (Err(fault), Ok(())) => Err(deed.fault(fault)),
        (Err(fault), Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Err(deed.fault(fault))
        }
        (_, Err(error)) => Err(deed.failed_here("reading the backup", &error)),
    }
}
