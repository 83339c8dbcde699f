//! Every pane and what lies over it, at every size and with every script: whole, in place, and nothing fails.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "picture/fleet.rs"]
#[expect(dead_code, reason = "pictures show more of it")]
mod fleet;
#[path = "picture/foreign.rs"]
mod foreign;

use ratatui::buffer::Buffer;
use wharf::ui::{
    Msg,
    desk::Desk,
    look::{Glyphs, Look, Signs, width},
    theme::{Depth, Theme},
};

/// What is typed, and what must be seen then at any size that is not too small.
const VIEWS: &[(&str, &[&str])] = &[
    ("1", &["Overview"]),
    ("2", &["Hosts["]),
    ("2 enter", &["Containers["]),
    ("3", &["Containers["]),
    ("3 t", &["Containers["]),
    ("3 t b", &["Containers["]),
    ("3 enter", &["running"]),
    ("3 enter tab", &[]),
    ("3 enter tab tab", &[]),
    ("3 enter tab tab tab", &[]),
    ("3 enter tab tab tab tab", &[]),
    ("3 enter tab tab tab tab tab", &[]),
    ("4", &[]),
    ("3 l", &["Logs"]),
    ("8", &["Operations["]),
    ("8 enter", &[]),
    ("5", &["Images["]),
    ("6", &["Subnets["]),
    ("7", &["Volumes["]),
    ("=", &["Apps["]),
    ("= enter", &["Apps["]),
    ("P", &["Pipelines["]),
    ("P enter", &["Runs("]),
    ("P enter enter", &["Run #"]),
    ("P enter enter tab", &["Run #"]),
    ("P enter enter tab tab", &["Run #"]),
    ("3 ?", &["Now, with"]),
    ("3 a", &["container"]),
    ("3 o", &["Columns"]),
    ("m", &["Messages"]),
    ("3 r", &["yes", "no"]),
    ("3 * x d", &["yes"]),
    ("3 :", &[":"]),
    ("3 : c o n t a i n e r space r", &[":container r"]),
    ("3 / s h o p", &["/shop"]),
];

const SIZES: &[(u16, u16)] = &[
    (40, 12),
    (41, 13),
    (60, 16),
    (80, 24),
    (100, 30),
    (132, 43),
    (200, 50),
    (400, 120),
];

fn desk(signs: Signs, foreign: bool, size: (u16, u16)) -> Desk {
    let theme = Theme::embedded("dark").unwrap().for_depth(Depth::Sixteen);
    let look = Look {
        theme,
        glyphs: Glyphs::of(signs),
    };
    let fleet = if foreign {
        foreign::renamed(fleet::demo())
    } else {
        fleet::demo()
    };
    Desk::with_look(fleet, size.0, size.1, look).at(fleet::now())
}

#[test]
fn every_pane_shows_what_matters_from_the_smallest_size_to_the_largest() {
    for (width, height) in SIZES {
        for (keys, wanted) in VIEWS {
            let mut desk = desk(Signs::All, false, (*width, *height)).keys(keys);
            fleet::inspected(&mut desk);
            let screen = desk.screen();
            let told = || format!("{width}x{height} {keys:?}:\n{screen}");
            assert_eq!(screen.lines().count(), usize::from(*height));
            assert!(screen.starts_with(" wharf "), "{}", told());
            for text in *wanted {
                assert!(screen.contains(text), "no {text:?} at {}", told());
            }
            if !keys.contains([':', '/']) {
                let last = screen.lines().last().unwrap();
                assert!(last.contains("ov") && last.contains("co"), "{}", told());
            }
        }
    }
}

#[test]
fn the_row_under_the_cursor_is_on_the_screen_at_every_size() {
    for (width, height) in SIZES {
        for keys in ["3 G", "2 G", "8 G", "5 G", "3 G k k", "3 ctrl-d"] {
            let mut desk = desk(Signs::All, false, (*width, *height)).keys(keys);
            let cursor = Theme::embedded("dark")
                .unwrap()
                .for_depth(Depth::Sixteen)
                .cursor;
            let buffer = desk.buffer();
            let rows = (0..*height)
                .filter(|y| (1..width - 1).all(|x| Some(buffer[(x, *y)].bg) == cursor.bg))
                .count();
            assert_eq!(rows, 1, "{width}x{height} {keys:?}:\n{}", desk.screen());
        }
    }
}

#[test]
fn sizes_that_are_too_small_say_so_and_none_fails() {
    for (keys, _) in VIEWS {
        let mut desk = desk(Signs::All, true, (80, 24)).keys(keys);
        fleet::inspected(&mut desk);
        for height in 1..14 {
            for width in [1, 2, 3, 5, 10, 19, 20, 21, 25, 30, 39, 49] {
                desk = desk.resize(width, height);
                let screen = desk.screen();
                if width < 20 || height < 5 {
                    let said = "wharf: the window is too small";
                    let first = screen.lines().next().unwrap();
                    assert!(said.starts_with(first) && !first.is_empty(), "{first}");
                }
            }
        }
    }
}

#[test]
fn another_size_shows_what_it_would_have_shown_from_the_start() {
    for (keys, _) in VIEWS {
        let mut fresh = desk(Signs::All, false, (97, 31)).keys(keys);
        let mut resized = desk(Signs::All, false, (97, 31)).keys(keys);
        for size in [(200, 50), (10, 3), (40, 12), (1, 1), (400, 120), (97, 31)] {
            resized = resized.resize(size.0, size.1);
            resized.buffer();
        }
        let (one, other) = (fresh.screen(), resized.screen());
        // Where a list was scrolled by a small window, it may stand elsewhere; all else is the same.
        if !keys.contains('G') {
            assert_eq!(one, other, "{keys}");
        }
    }
}

/// Where a frame stands at the right side and where not, row by row.
fn right_sides(buffer: &Buffer) -> Vec<String> {
    let right = buffer.area.width - 1;
    (1..buffer.area.height - 2)
        .map(|y| buffer[(right, y)].symbol().to_owned())
        .collect()
}

#[test]
fn columns_stay_in_place_whatever_the_names_are_made_of() {
    for size in [(40, 12), (80, 24), (121, 40), (200, 50)] {
        // What a question names is made safe where it is written to the terminal.
        for (keys, _) in VIEWS.iter().filter(|(keys, _)| !keys.contains('*')) {
            let mut plain = desk(Signs::All, false, size).keys(keys);
            let mut foreign = desk(Signs::All, true, size).keys(keys);
            fleet::inspected(&mut plain);
            fleet::inspected(&mut foreign);
            let buffer = foreign.buffer();
            for y in 0..buffer.area.height {
                let mut x = 0;
                while x < buffer.area.width {
                    let symbol = buffer[(x, y)].symbol();
                    let cells = width(symbol).max(1);
                    let by_char: usize = symbol
                        .chars()
                        .map(|c| unicode_width::UnicodeWidthChar::width(c).unwrap_or(0))
                        .sum();
                    assert_eq!(cells, by_char.max(1), "{symbol:?} at {keys:?}");
                    assert!(!symbol.contains(hostile), "{symbol:?} at {keys:?}");
                    x += u16::try_from(cells).unwrap();
                }
                // A wide sign at the edge would stand half outside.
                assert_eq!(x, buffer.area.width, "row {y} of {keys:?}");
            }
            if keys.contains([':', '/']) {
                // What is typed lies over the frame.
                continue;
            }
            let sides: Vec<_> = right_sides(&buffer)
                .into_iter()
                .filter(|side| ["│", "╮", "╯", "▐"].contains(&side.as_str()))
                .collect();
            assert!(
                sides.len() + 2 >= usize::from(size.1) - 3,
                "{keys:?}:\n{}",
                foreign.screen()
            );
        }
    }
}

/// What no terminal may be given out of a name.
fn hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fe0f}')
}

#[test]
fn rows_of_a_table_have_their_columns_at_the_same_cell() {
    let mut desk = desk(Signs::All, true, (160, 60)).keys("3");
    let screen = desk.buffer();
    let row = |y: u16| {
        (0..screen.area.width)
            .map(|x| screen[(x, y)].symbol().to_owned())
            .collect::<Vec<_>>()
    };
    let at = |row: &[String], text: &str| {
        (0..row.len()).find(|at| row[*at..].concat().starts_with(text))
    };
    let titles = (0..60)
        .map(row)
        .find(|row| at(row, "STATE").is_some())
        .unwrap();
    let state = at(&titles, "STATE").unwrap();
    let mut seen = 0;
    for y in 3..50 {
        let row = row(y);
        let text = row.concat();
        if let Some(word) = ["● running", "✕ exited", "‖ paused", "↻ restarting"]
            .iter()
            .find(|word| text.contains(**word))
        {
            assert_eq!(at(&row, word), Some(state), "{text}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} rows:\n{}", desk.screen());
}

#[test]
fn a_paste_is_text_and_never_keys() {
    let mut desk = desk(Signs::All, false, (100, 30)).keys("3 /");
    desk.send(Msg::Paste("sho\u{1b}[Ap\nq\r\n".into()));
    assert!(desk.screen().contains("/sho·[Ap q"), "{}", desk.screen());
    let mut desk = desk.keys("ctrl-u esc :");
    desk.send(Msg::Paste("host list\n".into()));
    assert!(desk.screen().contains(":host list"));
    let mut desk = desk.keys("esc 3");
    desk.send(Msg::Paste("q\nq\n".into()));
    assert!(desk.effects().is_empty());
    assert!(
        desk.screen().contains("never taken as keys"),
        "{}",
        desk.screen()
    );
}
