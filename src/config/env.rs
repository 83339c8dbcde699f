//! The environment of the program as a value, so that nothing else reads it.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fmt,
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

/// How many colours a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colors {
    /// None, or none are wanted (`NO_COLOR`, `TERM=dumb`).
    None,
    /// The sixteen of old.
    Sixteen,
    /// 256.
    Many,
    /// Any (`COLORTERM` is `truecolor` or `24bit`).
    All,
}

/// The program between ours and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
}

/// What the environment says of the terminal and the programs of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// `TERM`; empty when it is not set.
    pub term: String,
    /// How many colours it shows.
    pub colors: Colors,
    /// The locale is UTF-8.
    pub utf8: bool,
    /// The program between, if any.
    pub multiplexer: Option<Multiplexer>,
    /// The user's shell.
    pub shell: PathBuf,
    /// The user's editor, as a command line.
    pub editor: String,
}

impl Terminal {
    /// Reads it from an environment.
    pub fn of(env: &Env) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| env.text(name));
        let locale = locale.unwrap_or_default().to_lowercase();
        let tmux = env.text("TMUX").map(|_| Multiplexer::Tmux);
        let editor = env.text("VISUAL").or_else(|| env.text("EDITOR"));
        let term = env.text("TERM").unwrap_or_default();
        Self {
            colors: colors(env, &term),
            utf8: locale.contains("utf-8") || locale.contains("utf8"),
            multiplexer: tmux.or_else(|| env.text("STY").map(|_| Multiplexer::Screen)),
            shell: env
                .path("SHELL")
                .unwrap_or_else(|| PathBuf::from("/bin/sh")),
            editor: editor.unwrap_or_else(|| "vi".to_owned()),
            term,
        }
    }
}

/// The colours that the variables promise.
fn colors(env: &Env, term: &str) -> Colors {
    let promised = env.text("COLORTERM").unwrap_or_default().to_lowercase();
    if env.text("NO_COLOR").is_some() || term == "dumb" {
        Colors::None
    } else if matches!(promised.as_str(), "truecolor" | "24bit") || term.ends_with("-direct") {
        Colors::All
    } else if term.contains("256color") {
        Colors::Many
    } else {
        Colors::Sixteen
    }
}
