//! What comes from a terminal besides keys, and what is asked of it.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    matrix::DEMO,
    terminal::{Terminal, pause},
};

fn open(variables: &[(&str, &str)]) -> Terminal {
    let console = Terminal::start_with(&DEMO, 100, 30, variables);
    console.wait_for("hosts 2/2");
    console
}

fn written(console: &Terminal) -> String {
    String::from_utf8_lossy(&console.raw()).into_owned()
}

fn leave(mut console: Terminal) {
    console.keys("\x03");
    assert!(console.wait_end());
    assert!(console.is_restored());
}

#[test]
fn pasted_text_goes_into_the_line_that_is_typed_and_nowhere_else() {
    let mut console = open(&[]);
    console.keys("3");
    console.wait_for("Containers[12]");
    console.keys("\x1b[200~q\nq\x03\x1bq\r\x1b[201~");
    console.wait_for("never taken as keys");
    console.keys("/");
    console.keys("\x1b[200~wor\x1b[Bker\r\nq\x1b[201~");
    console.wait_for("/wor·[Bker q");
    console.keys("\x1b");
    // Without the marks: what comes at once in several lines was not typed.
    console.wait("the line is closed", |screen| !screen.contains("/wor"));
    console.keys("first line of it\rq\rq\ry\rlast line of it\r");
    pause();
    console.wait_for("never taken as keys");
    console.keys(":");
    console.wait_for("host list");
    console.keys("\x1b[200~pane hosts\x1b[201~");
    console.wait_for(":pane hosts");
    console.keys("\r");
    console.wait_for("Hosts[2]");
    leave(console);
}

#[test]
fn a_sequence_that_comes_in_pieces_is_one_key_and_an_escape_alone_is_escape() {
    let mut console = open(&[]);
    console.keys("3");
    console.wait_for("Containers[12]");
    console.keys(":");
    console.wait_for("host list");
    for byte in ["\x1b", "[", "D"] {
        console.keys(byte);
        thread::sleep(Duration::from_millis(3));
    }
    pause();
    assert!(!console.screen().contains("[D"), "{}", console.screen());
    console.wait_for("host list");
    let start = Instant::now();
    console.keys("\x1b");
    console.wait("the line is closed", |screen| !screen.contains("host list"));
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
    leave(console);
}

#[test]
fn a_terminal_is_asked_once_for_synchronized_updates_and_its_answer_is_no_key() {
    for (state, wanted) in [("2", true), ("1", true), ("0", false), ("4", false)] {
        let mut console = open(&[]);
        assert_eq!(written(&console).matches("\x1b[?2026$p").count(), 1);
        assert!(
            !written(&console).contains("\x1b[?2026h"),
            "nothing is known yet"
        );
        // The answers of a terminal, one of them to a question that nobody asked.
        console.keys(&format!(
            "\x1b[?2026;{state}$y\x1b[?62;22c\x1b]11;rgb:1c1c/1c1c/1c1c\x1b\\"
        ));
        console.keys("3");
        console.wait_for("Containers[12]");
        console.keys("?");
        console.wait_for("Help");
        console.keys("\x1b");
        console.wait("the help is closed", |screen| !screen.contains("Help"));
        console.keys("\x0c");
        console.wait_for("Containers[12]");
        pause();
        let text = written(&console);
        let (begins, ends) = (
            text.matches("\x1b[?2026h").count(),
            text.matches("\x1b[?2026l").count(),
        );
        assert_eq!(begins > 0, wanted, "{state}");
        assert_eq!(begins, ends);
        assert_eq!(text.matches("\x1b[?2026$p").count(), 1, "it is asked once");
        leave(console);
    }
}

#[test]
fn terminals_that_are_known_are_not_asked_and_others_get_no_marks() {
    let mut console = open(&[("TERM", "alacritty")]);
    console.keys("3");
    console.wait_for("Containers[12]");
    let text = written(&console);
    assert!(!text.contains("2026$p") && text.contains("\x1b[?2026h"));
    leave(console);
    for term in ["screen-256color", "linux", "rxvt-unicode-256color"] {
        let mut console = open(&[("TERM", term)]);
        console.keys("3");
        console.wait_for("Containers[12]");
        assert!(!written(&console).contains("2026"), "{term}");
        leave(console);
    }
}

#[test]
fn copied_text_reaches_the_terminal_through_what_lies_between_or_a_file() {
    let copy = |variables: &[(&str, &str)]| {
        let mut console = open(variables);
        console.keys("2");
        console.wait_for("Hosts[2]");
        console.keys("c");
        console
    };
    for (variables, wanted) in [
        (&[("TERM", "xterm")][..], "\x1b]52;c;"),
        (
            &[("TERM", "tmux-256color"), ("TMUX", "/tmp/t,1,0")],
            "\x1bPtmux;\x1b\x1b]52;c;",
        ),
        (&[("TERM", "screen"), ("STY", "1.pts")], "\x1bP\x1b]52;c;"),
    ] {
        let console = copy(variables);
        console.wait_for("copied @");
        assert!(written(&console).contains(wanted), "{variables:?}");
        leave(console);
    }
    let console = copy(&[("TERM", "linux")]);
    console.wait_for("this terminal (TERM=linux) has no clipboard");
    assert!(!written(&console).contains("]52;"));
    let kept = std::fs::read_to_string(console.home().join("wharf/copied")).unwrap();
    assert!(
        console
            .screen()
            .contains(&format!("{} ", kept.trim_start_matches('@')))
    );
    leave(console);
}
