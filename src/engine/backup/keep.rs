//! Where backups are kept: a directory of this machine or one of a host, behind the same few words.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;

use super::remote::{self, Remote, Stored, differs};
use super::stream::{self, Packed, pack};
use super::vault::{self, Found};
use super::{failed, full_or_not, told};
use crate::engine::actor::Common;
use crate::engine::error::{Deed, Error, ErrorKind};
use crate::engine::pipe::{ON_THE_WAY, Pipe, Spout};
use crate::model::{BackupName, Manifest, Said, Timestamp, Vault, VaultWay, file_part};

/// A backup that is being written; gone when dropped before it was committed.
pub(super) enum Draft {
    /// On this machine.
    Here(vault::Draft),
    /// On a host.
    There(remote::Draft),
}

/// A backup where it lies.
pub(super) enum Kept {
    /// On this machine.
    Here(Found),
    /// On a host.
    There(Stored),
}

impl Draft {
    /// Begins one. What killed runs left behind of the same volume is removed.
    pub async fn begin(
        common: &Common,
        way: &VaultWay,
        volume: &str,
        at: Timestamp,
        deed: &Deed,
    ) -> Result<Self, Error> {
        match &way.vault {
            Vault::Here(path) => vault::Draft::begin(path, deed.host.as_str(), volume, at)
                .map(Self::Here)
                .map_err(|error| full_or_not(&error, &path.display().to_string(), deed)),
            Vault::On(..) => {
                let remote = Remote::open(common, way, deed).await?;
                let draft = remote.begin(&common.cleaning, volume, at, deed).await?;
                Ok(Self::There(draft))
            }
        }
    }

    /// Compresses a tar into it; `held` is held until what may be half-written is gone.
    pub async fn pack(
        self,
        from: mpsc::Receiver<io::Result<Bytes>>,
        done: Arc<AtomicU64>,
        held: Option<OwnedSemaphorePermit>,
        deed: &Deed,
    ) -> Result<(Self, Packed), Error> {
        match self {
            Self::Here(draft) => {
                let packing = spawn_blocking(move || {
                    let _held = held;
                    // It goes before what is held for it does.
                    let mut draft = draft;
                    let packed = pack(Spout::new(from), draft.file(), &done)?;
                    Ok((draft, packed))
                });
                let packed: io::Result<_> = packing.await.unwrap_or_else(|e| Err(e.into()));
                packed
                    .map(|(draft, packed)| (Self::Here(draft), packed))
                    .map_err(|error| failed(&error, "writing the backup", deed))
            }
            Self::There(draft) => {
                let (sender, receiver) = mpsc::channel(ON_THE_WAY);
                let packing = spawn_blocking(move || {
                    let _held = held;
                    pack(Spout::new(from), Pipe(sender), &done)
                });
                let (written, packed) = tokio::join!(draft.write(receiver, deed), packing);
                let (bytes, sum) = written?;
                let packed = packed.unwrap_or_else(|error| Err(error.into()));
                let packed = packed.map_err(|error| failed(&error, "packing the backup", deed))?;
                match differs(&packed.archive, bytes, sum.as_deref()) {
                    None => Ok((Self::There(draft), packed)),
                    Some(why) => {
                        let why = format!("what arrived there is not what was sent: {why}");
                        Err(deed.failed(ErrorKind::Local, why))
                    }
                }
            }
        }
    }

    /// Gives it its name, and removes those that are older than the `keep` newest. Answers where it is and how many
    /// were removed.
    pub async fn commit(
        self,
        common: &Common,
        way: &VaultWay,
        manifest: Manifest,
        keep: Option<u32>,
        deed: &Deed,
    ) -> Result<(String, usize), Error> {
        match self {
            Self::Here(draft) => {
                let ended = spawn_blocking(move || draft.commit(manifest, keep)).await;
                let ended = ended.unwrap_or_else(|error| Err(error.into()));
                let (path, retired) =
                    ended.map_err(|error| full_or_not(&error, &way.vault.to_string(), deed))?;
                Ok((path.display().to_string(), retired))
            }
            Self::There(draft) => {
                let (place, retired, stems) = draft.commit(&manifest, keep, deed).await?;
                note(common, way, &manifest.host, &manifest.volume, stems).await;
                Ok((place, retired))
            }
        }
    }
}

/// Notes here which backups of a volume are there. It is for showing only, so nothing fails with it.
async fn note(common: &Common, way: &VaultWay, host: &str, volume: &str, stems: Vec<String>) {
    if common.notes.as_os_str().is_empty() {
        return;
    }
    let root = common.notes.join(file_part(&way.vault.to_string()));
    let (host, volume) = (host.to_owned(), volume.to_owned());
    drop(spawn_blocking(move || vault::note(&root, &host, &volume, &stems)).await);
}

/// All backups in a directory, by host and volume, newest first; beside them the manifests that cannot be read.
pub(in crate::engine) async fn all(
    common: &Common,
    way: &VaultWay,
    deed: &Deed,
) -> Result<(Vec<Found>, Vec<String>), Error> {
    match way.vault.clone() {
        Vault::Here(path) => {
            let listed = spawn_blocking(move || vault::all(&path)).await;
            let listed = listed.unwrap_or_else(|error| Err(error.into()));
            listed.map_err(|error| deed.failed_here("reading it", &error))
        }
        Vault::On(..) => Remote::open(common, way, deed).await?.all(deed).await,
    }
}

/// Finds a backup. One that is named by its file is on this machine.
pub(super) async fn find(
    common: &Common,
    deed: &Deed,
    backup: &BackupName,
    from: &VaultWay,
) -> Result<Kept, Error> {
    let root = match (&from.vault, backup) {
        (Vault::On(..), BackupName::Of { .. }) => {
            let remote = Remote::open(common, from, deed).await?;
            return remote.find(deed, backup).await.map(Kept::There);
        }
        (Vault::Here(path), _) => path.clone(),
        // Where it would be looked for does not matter.
        (Vault::On(..), BackupName::File(_)) => std::path::PathBuf::new(),
    };
    let backup = backup.clone();
    let found = spawn_blocking(move || vault::find(&root, &backup)).await;
    found
        .unwrap_or_else(|error| Err(error.to_string()))
        .map(Kept::Here)
        .map_err(|why| deed.failed(ErrorKind::NotFound, why))
}

impl Kept {
    /// What is kept beside it.
    pub fn manifest(&self) -> &Manifest {
        match self {
            Self::Here(found) => &found.manifest,
            Self::There(stored) => &stored.manifest,
        }
    }

    fn place(&self) -> String {
        match self {
            Self::Here(found) => found.archive.display().to_string(),
            Self::There(stored) => stored.place(),
        }
    }

    /// Reads it through, by the host's own program where it lies on one that has any; answers it when it is whole.
    pub async fn check(self, deed: &Deed, say: &(dyn Fn(Said) + Sync)) -> Result<Self, Error> {
        let wrong = match &self {
            Self::There(stored) => {
                say(Said::Line(format!("reading {} there", stored.place())));
                match stored.sum(deed).await? {
                    (bytes, Some(sum)) => stored.differs(bytes, Some(&sum)),
                    (_, None) => self.read_through(deed, say).await?,
                }
            }
            Self::Here(_) => self.read_through(deed, say).await?,
        };
        match wrong {
            None => Ok(self),
            Some(why) => Err(Error {
                remedy: Some("take another backup; this one cannot be restored".to_owned()),
                ..deed.failed(
                    ErrorKind::Local,
                    format!("{} is damaged: {why}", self.place()),
                )
            }),
        }
    }

    /// Reads it through here; says what is wrong with it.
    async fn read_through(
        &self,
        deed: &Deed,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<Option<String>, Error> {
        let manifest = self.manifest().clone();
        let total = Some(manifest.archive.bytes);
        let done = Arc::new(AtomicU64::new(0));
        let counted = done.clone();
        let work = self.through(deed, move |from| stream::check(from, &manifest, &counted));
        let read = told("verifying", &done, total, say, work).await?;
        Ok(read.err())
    }

    /// Has a thread read the archive.
    pub async fn through<T: Send + 'static>(
        &self,
        deed: &Deed,
        read: impl FnOnce(Box<dyn io::Read>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let ended = match self {
            Self::Here(found) => {
                let path = found.archive.clone();
                let reading =
                    spawn_blocking(move || Ok::<_, io::Error>(read(Box::new(File::open(path)?))));
                reading.await
            }
            Self::There(stored) => {
                let (to, from) = mpsc::channel(ON_THE_WAY);
                let reading = spawn_blocking(move || Ok(read(Box::new(Spout::new(from)))));
                let (sent, ended) = tokio::join!(stored.read(to, deed), reading);
                sent?;
                ended
            }
        };
        ended
            .unwrap_or_else(|error| Err(error.into()))
            .map_err(|error| deed.failed_here("reading the backup", &error))
    }
}
