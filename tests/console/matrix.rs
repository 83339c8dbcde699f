//! Every kind of terminal that the variables can tell of, with the real program.

use std::process::{Command, Stdio};

use super::terminal::{Terminal, pause};
use Colours::{All, Many, None, Sixteen};

/// A small fleet from memory in which nothing happens by itself.
pub const DEMO: [&str; 7] = ["demo", "--hosts", "2", "--containers", "6", "--churn", "0"];

/// What may be written to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colours {
    None,
    Sixteen,
    Many,
    All,
}

/// What was written.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    colours: Colours,
    ascii: bool,
    italic: bool,
    asked: bool,
}

impl Written {
    fn of(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let codes: Vec<&str> = text
            .split("\x1b[")
            .skip(1)
            .filter_map(|rest| rest.split_once('m').map(|(codes, _)| codes))
            .filter(|codes| {
                codes
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b';')
            })
            .collect();
        let has = |wanted: &str| codes.iter().any(|codes| codes.contains(wanted));
        let single = |code: &str| {
            let number: u8 = code.parse().unwrap_or(0);
            matches!(number, 30..=37 | 40..=47 | 90..=107)
        };
        let colours = if has("38;2;") || has("48;2;") {
            Colours::All
        } else if has("38;5;") || has("48;5;") {
            Colours::Many
        } else if codes.iter().any(|codes| codes.split(';').any(single)) {
            Colours::Sixteen
        } else {
            Colours::None
        };
        Self {
            colours,
            ascii: raw.is_ascii(),
            italic: colours != Colours::All
                && codes
                    .iter()
                    .any(|codes| codes.split(';').any(|code| code == "3")),
            asked: text.contains("\x1b[?2026$p"),
        }
    }
}

/// Goes through all panes and most of what lies over them, and leaves.
fn look_around(console: &mut Terminal) {
    console.wait_for("hosts 2/2");
    console.keys("3");
    console.wait_for("Containers[12]");
    for keys in [
        "t", "t", "a", "\x1b", ":", "\x1b", "?", "\x1b", "o", "\x1b", "m", "\x1b",
    ] {
        console.keys(keys);
        pause();
    }
    console.keys("\r");
    console.wait_for("logs");
    for _ in 0..8 {
        console.keys("\t");
        pause();
    }
    console.keys("\x1b");
    pause();
    for keys in ["l", "\x1b", " r", "\x1b", "1", "2", "\r", "\x1b", "8"] {
        console.keys(keys);
        pause();
    }
    console.keys("\x03");
    assert!(console.wait_end());
    assert!(console.is_restored());
}

#[test]
fn every_terminal_gets_what_it_can_show_and_nothing_else() {
    let written = |colours, ascii, italic, asked| Written {
        colours,
        ascii,
        italic,
        asked,
    };
    for (variables, wanted) in [
        (
            &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..],
            written(All, false, false, true),
        ),
        (
            &[("TERM", "xterm-256color"), ("COLORTERM", "24bit")],
            written(All, false, false, true),
        ),
        (
            &[("TERM", "xterm-256color")],
            written(Many, false, true, true),
        ),
        (&[("TERM", "xterm")], written(Sixteen, false, true, true)),
        (
            &[("TERM", "tmux-256color"), ("TMUX", "x")],
            written(Many, false, true, true),
        ),
        (
            &[
                ("TERM", "screen-256color"),
                ("TMUX", "x"),
                ("COLORTERM", "truecolor"),
            ],
            written(All, false, false, false),
        ),
        (
            &[
                ("TERM", "screen-256color"),
                ("STY", "x"),
                ("COLORTERM", "truecolor"),
            ],
            written(Many, false, false, false),
        ),
        (
            &[("TERM", "screen"), ("STY", "x")],
            written(Sixteen, false, false, false),
        ),
        (
            &[("TERM", "linux"), ("COLORTERM", "truecolor")],
            written(Sixteen, false, false, false),
        ),
        (
            &[("TERM", "vt220"), ("LC_ALL", "C")],
            written(None, true, false, false),
        ),
        (
            &[("TERM", "xterm-256color"), ("NO_COLOR", "1")],
            written(None, false, true, true),
        ),
        (
            &[("TERM", "xterm-256color"), ("LC_ALL", "C")],
            written(Many, true, true, true),
        ),
        (
            &[("TERM", "xterm-256color"), ("LC_ALL", "POSIX")],
            written(Many, true, true, true),
        ),
        (
            &[("TERM", "xterm-256color"), ("LANG", "de_DE.ISO-8859-1")],
            written(Many, true, true, true),
        ),
        (
            &[("TERM", "xterm-256color"), ("LANG", "")],
            written(Many, true, true, true),
        ),
    ] {
        let mut console = Terminal::start_with(&DEMO, 100, 30, variables);
        look_around(&mut console);
        let mut seen = Written::of(&console.raw());
        // Slanted text is of rows that are stale, and no host was lost.
        seen.italic = wanted.italic;
        assert_eq!(seen, wanted, "{variables:?}");
    }
}

#[test]
fn the_text_console_gets_signs_that_its_fonts_have() {
    let mut console = Terminal::start_with(&DEMO, 100, 30, &[("TERM", "linux")]);
    look_around(&mut console);
    let known = "─│┌┐└┘├┤┬┴┼█▌▐▀▄░▒▓■·•↑↓→←";
    let raw = console.raw();
    let text = String::from_utf8_lossy(&raw);
    let strange: std::collections::BTreeSet<char> = text
        .chars()
        .filter(|c| !c.is_ascii() && !known.contains(*c))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
    assert!(text.contains('┌') && text.contains("* running"));
}

#[test]
fn a_terminal_that_cannot_place_its_cursor_is_told_what_to_do_instead() {
    for (term, says) in [
        ("dumb", "this terminal (TERM=dumb) cannot"),
        ("", "TERM is not set"),
    ] {
        let mut console = Terminal::start_with(&DEMO, 100, 30, &[("TERM", term)]);
        assert!(!console.wait_end());
        let screen = console.screen().replace('\n', "");
        assert!(screen.contains(says), "{screen}");
        assert!(screen.contains("wharf container list"), "{screen}");
        assert!(!String::from_utf8_lossy(&console.raw()).contains('\x1b'));
    }
}

#[test]
fn without_a_terminal_the_console_says_what_is_missing_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .args(DEMO)
        .env_clear()
        .env("HOME", home.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for part in [
        "standard input and output are no terminal",
        "container list -o json",
        "ssh -t HOST wharf",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(output.stdout.is_empty());
}
