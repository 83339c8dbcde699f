//! The environment of the program as a value, so that nothing else reads it.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// Environment variables, and the root under which the machine's own files are.
#[derive(Clone, Debug)]
pub struct Env {
    variables: HashMap<OsString, OsString>,
    root: PathBuf,
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

/// What the environment says of the terminal and the programs of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// `TERM`; empty when it is not set.
    pub term: String,
    /// The terminal shows any colour (`COLORTERM` is `truecolor` or `24bit`).
    pub true_color: bool,
    /// 256 colours at least, by the name of the terminal.
    pub many_colors: bool,
    /// No colours are wanted (`NO_COLOR`), or the terminal has none (`TERM=dumb`).
    pub no_color: bool,
    /// The locale is UTF-8.
    pub utf8: bool,
    /// Inside tmux.
    pub tmux: bool,
    /// Inside GNU screen.
    pub screen: bool,
    /// The user's shell.
    pub shell: PathBuf,
    /// The user's editor, as a command line.
    pub editor: String,
}

impl Terminal {
    /// Reads it from an environment.
    pub fn of(env: &Env) -> Self {
        let text = |name| env.text(name).unwrap_or_default();
        let term = text("TERM");
        let color = text("COLORTERM").to_lowercase();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| env.text(name));
        let locale = locale.unwrap_or_default().to_lowercase();
        let true_color =
            matches!(color.as_str(), "truecolor" | "24bit") || term.ends_with("-direct");
        Self {
            true_color,
            many_colors: true_color || term.contains("256color"),
            no_color: env.text("NO_COLOR").is_some() || term == "dumb",
            utf8: locale.contains("utf-8") || locale.contains("utf8"),
            tmux: env.text("TMUX").is_some(),
            screen: env.text("STY").is_some(),
            shell: env
                .path("SHELL")
                .unwrap_or_else(|| PathBuf::from("/bin/sh")),
            editor: env
                .text("VISUAL")
                .or_else(|| env.text("EDITOR"))
                .unwrap_or_else(|| "vi".to_owned()),
            term,
        }
    }
}
