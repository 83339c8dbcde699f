//! Where Wharf's files are, by the XDG base directory rules.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Env, origin};

/// Wharf's files and directories. Nothing of it is made by asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The user's home.
    pub home: PathBuf,
    /// The configuration, `wharf.toml`.
    pub config_file: PathBuf,
    /// What may be lost without harm to data, but not on a restart: logs, the spill.
    pub state_dir: PathBuf,
    /// What must be kept: the store.
    pub data_dir: PathBuf,
    /// What can be computed again.
    pub cache_dir: PathBuf,
    /// Sockets of this run. To be made with [`Paths::make_runtime_dir`].
    pub runtime_dir: PathBuf,
    /// The user's own keymaps.
    pub keymaps_dir: PathBuf,
    /// The user's own themes.
    pub themes_dir: PathBuf,
    /// Where the docker client keeps its configuration.
    pub docker_dir: PathBuf,
}

impl Paths {
    /// The usual places: each under its `XDG_…` variable, when that is an absolute path, else
    /// under the home. `config` replaces the configuration file.
    pub fn of(env: &Env, config: Option<&Path>) -> Self {
        let home = home(env);
        let base = |variable, default: &str| {
            env.path(variable)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(default))
                .join("wharf")
        };
        let config_dir = base("XDG_CONFIG_HOME", ".config");
        let runtime_dir = env
            .path("XDG_RUNTIME_DIR")
            .filter(|path| path.is_absolute() && path.is_dir())
            .map_or_else(
                || env.at(&format!("/tmp/wharf-{}", origin::uid(env))),
                |path| path.join("wharf"),
            );
        Self {
            config_file: config.map_or_else(|| config_dir.join("wharf.toml"), Path::to_owned),
            state_dir: base("XDG_STATE_HOME", ".local/state"),
            data_dir: base("XDG_DATA_HOME", ".local/share"),
            cache_dir: base("XDG_CACHE_HOME", ".cache"),
            runtime_dir,
            keymaps_dir: config_dir.join("keymaps"),
            themes_dir: config_dir.join("themes"),
            docker_dir: env
                .path("DOCKER_CONFIG")
                .unwrap_or_else(|| home.join(".docker")),
            home,
        }
    }

    /// Where docker looks for the authorities of registries.
    pub fn registry_certificates(&self) -> Vec<PathBuf> {
        let own = self.docker_dir.join("certs.d");
        vec![own, PathBuf::from("/etc/docker/certs.d")]
    }

    /// Makes the runtime directory for its owner alone; refuses one that belongs to somebody else,
    /// is a link, or is open to others: sockets in it would be, too.
    pub fn make_runtime_dir(&self, env: &Env) -> Result<(), String> {
        let path = &self.runtime_dir;
        let told = |why: String| {
            format!(
                "cannot use {} for sockets: {why}; set XDG_RUNTIME_DIR",
                path.display()
            )
        };
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(told(error.to_string()));
            }
            Ok(()) | Err(_) => {}
        }
        let found = fs::symlink_metadata(path).map_err(|error| told(error.to_string()))?;
        let mode = found.permissions().mode() & 0o777;
        if !found.is_dir() {
            Err(told("it is not a directory".to_owned()))
        } else if found.uid() != origin::uid(env) {
            Err(told(format!(
                "it belongs to the user with number {}",
                found.uid()
            )))
        } else if mode & 0o077 != 0 {
            Err(told(format!(
                "it is open to others (mode {mode:o}, not 700)"
            )))
        } else {
            Ok(())
        }
    }
}

/// The user's home: `HOME`, else what the machine's list of users says, else the root.
fn home(env: &Env) -> PathBuf {
    env.path("HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| origin::user(env, origin::uid(env)).map(|user| PathBuf::from(user.home)))
        .unwrap_or_else(|| env.at("/"))
}
