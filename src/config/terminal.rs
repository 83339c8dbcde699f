//! What the environment says of the terminal and of the programs of the user.

use std::path::PathBuf;

use super::Env;

/// How many colours a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colors {
    /// None, or none are wanted (`NO_COLOR`, `TERM=dumb`, the VT100 and its kin).
    None,
    /// The sixteen of old.
    Sixteen,
    /// 256.
    Many,
    /// Any (`COLORTERM` is `truecolor` or `24bit`).
    All,
}

/// Which signs a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Those of Unicode.
    Unicode,
    /// Those that the fonts of text consoles have: ASCII, Latin letters, lines and blocks (code page 437).
    Console,
    /// ASCII alone.
    Ascii,
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
    /// Which signs it shows.
    pub signs: Signs,
    /// Slanted text is shown slanted; others show it as if it were selected.
    pub italic: bool,
    /// The locale is UTF-8.
    pub utf8: bool,
    /// The program between, if any.
    pub multiplexer: Option<Multiplexer>,
    /// Synchronized updates are known to be understood: the terminal need not be asked.
    pub synchronized: bool,
    /// It bears being asked for what it knows: it answers, or passes over the question.
    pub answers: bool,
    /// The user's shell.
    pub shell: PathBuf,
    /// The user's editor, as a command line.
    pub editor: String,
}

/// What `TERM` is where nothing is known of the terminal.
const UNKNOWN: [&str; 6] = ["", "dumb", "unknown", "network", "dialup", "emacs"];
/// Terminals that show no colour at all.
const COLOURLESS: [&str; 7] = [
    "vt100",
    "vt102",
    "vt220",
    "vt320",
    "vt420",
    "vt510",
    "xterm-mono",
];
/// `TERM` and `TERM_PROGRAM` of terminals that have had synchronized updates for years.
const SYNCHRONIZED: [&str; 9] = [
    "alacritty",
    "contour",
    "foot",
    "foot-extra",
    "WezTerm",
    "xterm-ghostty",
    "ghostty",
    "xterm-kitty",
    "iTerm.app",
];

impl Terminal {
    /// Reads it from an environment.
    pub fn of(env: &Env) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| env.text(name));
        let locale = locale.unwrap_or_default().to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let editor = env.text("VISUAL").or_else(|| env.text("EDITOR"));
        let term = env.text("TERM").unwrap_or_default();
        let multiplexer = multiplexer(env);
        Self {
            colors: colors(env, &term, multiplexer),
            signs: match (utf8, term == "linux") {
                (false, _) => Signs::Ascii,
                (true, true) => Signs::Console,
                (true, false) => Signs::Unicode,
            },
            italic: !(term == "linux" || is_screen(&term) || COLOURLESS.contains(&term.as_str())),
            utf8,
            synchronized: is_synchronized(env, &term, multiplexer),
            multiplexer,
            answers: ["xterm", "tmux"].iter().any(|name| term.starts_with(name)),
            shell: env
                .path("SHELL")
                .unwrap_or_else(|| PathBuf::from("/bin/sh")),
            editor: editor.unwrap_or_else(|| "vi".to_owned()),
            term,
        }
    }

    /// Why the full screen cannot be drawn on it, with what to do instead; none when it can.
    pub fn refusal(&self) -> Option<String> {
        if !UNKNOWN.contains(&self.term.as_str()) {
            return None;
        }
        let what = if self.term.is_empty() {
            "TERM is not set, so nothing is known of this terminal".to_owned()
        } else {
            format!("this terminal (TERM={}) cannot place its cursor", self.term)
        };
        Some(format!(
            "{what}; the console is not opened. Say in the shell what is to be done, as 'wharf container list', \
             'wharf logs -f NAME' or 'wharf container restart NAME' (see wharf --help); or, where the terminal can \
             do more than it says: TERM=xterm wharf"
        ))
    }
}

fn multiplexer(env: &Env) -> Option<Multiplexer> {
    let tmux = env.text("TMUX").map(|_| Multiplexer::Tmux);
    tmux.or_else(|| env.text("STY").map(|_| Multiplexer::Screen))
}

/// Whether `TERM` is one of GNU screen's names; tmux has them too, unless told otherwise.
fn is_screen(term: &str) -> bool {
    term == "screen" || term.starts_with("screen.") || term.starts_with("screen-")
}

/// The colours that the variables promise.
fn colors(env: &Env, term: &str, multiplexer: Option<Multiplexer>) -> Colors {
    let promised = env.text("COLORTERM").unwrap_or_default().to_lowercase();
    let is_promised = matches!(promised.as_str(), "truecolor" | "24bit");
    // The variable outlives the terminal it was set for: the text console has its sixteen colours, and screen reads
    // a colour of 24 bits as something else.
    let outlived = term == "linux" || is_screen(term) && multiplexer != Some(Multiplexer::Tmux);
    if env.text("NO_COLOR").is_some() || term == "dumb" || COLOURLESS.contains(&term) {
        Colors::None
    } else if is_promised && !outlived || term.ends_with("-direct") {
        Colors::All
    } else if term.contains("256color") {
        Colors::Many
    } else {
        Colors::Sixteen
    }
}

/// Whether it is known by name to understand synchronized updates. What a multiplexer does with them is not known.
fn is_synchronized(env: &Env, term: &str, multiplexer: Option<Multiplexer>) -> bool {
    let program = env.text("TERM_PROGRAM").unwrap_or_default();
    multiplexer.is_none()
        && [term, &program]
            .iter()
            .any(|name| SYNCHRONIZED.contains(name))
}
