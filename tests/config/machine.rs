//! A machine for a test: a root directory, a home in it, and variables.

use std::{fs, os::unix::net::UnixListener, path::PathBuf};

use tempfile::TempDir;
use wharf::{
    config::{Config, Env, Flags},
    model::HostSpec,
};

/// A machine of one user: a root directory with a home in it.
pub(crate) struct Machine {
    pub(crate) root: TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home/ann").display().to_string();
        let machine = Self {
            variables: vec![("HOME".into(), home)],
            root,
        };
        fs::create_dir_all(machine.path("home/ann")).unwrap();
        machine
    }

    /// A machine whose `wharf.toml` is this.
    pub(crate) fn with(text: &str) -> Self {
        let machine = Self::new();
        machine.write("home/ann/.config/wharf/wharf.toml", text);
        machine
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn socket(&self, path: &str) -> UnixListener {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        UnixListener::bind(path).unwrap()
    }

    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(crate) fn env(&self) -> Env {
        let variables = self.variables.iter();
        Env::new(
            self.root.path(),
            variables.map(|(name, value)| (name.as_str(), value.as_str())),
        )
    }

    pub(crate) fn load(&self, flags: &Flags) -> Config {
        Config::load(flags, &self.env())
    }

    pub(crate) fn plain(&self) -> Config {
        self.load(&Flags::default())
    }

    pub(crate) fn toml(&self) -> PathBuf {
        self.path("home/ann/.config/wharf/wharf.toml")
    }
}

pub(crate) fn hosts_flags(hosts: &[&str]) -> Flags {
    Flags {
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        ..Flags::default()
    }
}

pub(crate) fn names(config: &Config) -> Vec<&str> {
    config.hosts.iter().map(|host| host.name.as_str()).collect()
}

pub(crate) fn host<'c>(config: &'c Config, name: &str) -> &'c HostSpec {
    config
        .hosts
        .iter()
        .find(|host| host.name.as_str() == name)
        .unwrap()
}

/// Line and text of each notice.
pub(crate) fn complaints(config: &Config) -> Vec<String> {
    let line = |line: Option<usize>| line.map_or(String::new(), |line| format!("{line}: "));
    let notices = config.notices.iter();
    notices
        .map(|n| format!("{}{}; {}", line(n.line), n.what, n.remedy))
        .collect()
}
