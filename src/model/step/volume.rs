//! What can be done to a volume, as values.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::model::{BackupName, VaultWay};

/// What is done to a volume.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeAction {
    /// Remove it with what is in it.
    Remove,
    /// Make it.
    Create(NewVolume),
    /// Copy what is in it into a directory of backups.
    Backup(Backup),
    /// Read a backup of it through, and compare it with its sums.
    Verify {
        /// Which.
        backup: BackupName,
        /// The directory of backups.
        from: VaultWay,
    },
    /// Make it from a backup.
    Restore {
        /// Which.
        backup: BackupName,
        /// The directory of backups.
        from: VaultWay,
    },
    /// Make a container that mounts it anew, with another one in its place.
    Switch {
        /// It.
        from: Arc<str>,
        /// The other one.
        to: Arc<str>,
    },
}

/// A volume that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct NewVolume {
    /// Its driver; none for the engine's own.
    pub driver: Option<Arc<str>>,
    /// Options of the driver.
    pub options: Vec<(Arc<str>, Arc<str>)>,
    /// Its labels.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
}

/// How a volume is backed up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Backup {
    /// The directory of backups.
    pub to: VaultWay,
    /// Freeze the containers that use it meanwhile.
    pub pause: bool,
    /// What is run before, by a shell in the first container that uses it and runs.
    pub before: Option<Arc<str>>,
    /// So many backups of the volume are kept, this one among them; none for all.
    pub keep: Option<u32>,
    /// How many bytes it is likely to have.
    pub size: Option<u64>,
}

impl fmt::Display for VolumeAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove => f.write_str("remove"),
            Self::Create(_) => f.write_str("create"),
            Self::Backup(backup) => write!(f, "back up to {}", backup.to.vault),
            Self::Verify { backup, .. } => write!(f, "verify {backup}"),
            Self::Restore { backup, .. } => write!(f, "restore {backup}"),
            Self::Switch { from, to } => write!(f, "switch {from} to {to}"),
        }
    }
}

impl VolumeAction {
    /// What to show on it meanwhile.
    pub fn busy(&self) -> &'static str {
        match self {
            Self::Remove => "removing",
            Self::Create(_) => "creating",
            Self::Backup(_) => "backing up",
            Self::Verify { .. } => "verifying",
            Self::Restore { .. } => "restoring",
            Self::Switch { .. } => "switching",
        }
    }
}
