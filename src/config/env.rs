//! The environment of the program as a value, so that nothing else reads it.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fmt, io,
    path::{Path, PathBuf},
};

/// Environment variables, and the root under which the machine's own files are.
#[derive(Clone)]
pub struct Env {
    variables: HashMap<OsString, OsString>,
    root: PathBuf,
}

/// The names alone: values may be secrets.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// The words this program was called with, its own name first.
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// This program.
///
/// # Errors
/// When the system does not tell.
pub fn program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

impl Env {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            root: PathBuf::from("/"),
        }
    }

    /// An environment of one's own, for tests; `root` stands for `/`.
    pub fn new<'a>(root: &Path, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
            root: root.to_owned(),
        }
    }

    /// A variable as text; an empty one counts as missing, one that is not UTF-8 is read with replacements.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw(name)
            .map(|value| value.to_string_lossy().into_owned())
    }

    /// A variable as a path; an empty one counts as missing.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    /// Whether a variable says yes: anything but nothing, `0`, `false`, `no` and `off`.
    pub fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| {
            !matches!(value.to_lowercase().as_str(), "0" | "false" | "no" | "off")
        })
    }

    /// An absolute path of this machine, `/etc/passwd`, under the root.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn raw(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }
}
