//! Reads what a client wrote, frame by frame, as a person would see it.

use std::collections::BTreeSet;

use regex::Regex;

use super::client::{Chunk, SIZE};

/// A terminal that is fed with what was recorded.
pub struct Replay(vt100::Parser);

/// How a container's name stands on the screen: its row, its text, its colours and what is before it. A selection that
/// moves changes it, a figure that is refreshed does not.
pub type Standing = (u16, String, String, String);

impl Replay {
    /// An empty terminal.
    pub fn new() -> Self {
        Self(vt100::Parser::new(
            SIZE.1.try_into().expect("not zero"),
            SIZE.0.try_into().expect("not zero"),
            0,
        ))
    }

    /// Takes in what was written.
    pub fn feed(&mut self, (_, bytes): &Chunk) {
        self.0.process(bytes);
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        self.0.screen().contents()
    }

    /// The rows on which one of the names stands, with the name and the cell it begins in.
    fn named(&self, names: &BTreeSet<String>) -> Vec<(u16, String, u16, String)> {
        let rows = self.0.screen().rows(0, SIZE.0);
        let with_name = |(at, text): (usize, String)| {
            let is_part = |c: char| c.is_alphanumeric() || "_.-".contains(c);
            let word = text
                .split(|c| !is_part(c))
                .find(|word| names.contains(*word))?
                .to_owned();
            let before = &text[..text.find(&word)?];
            let column = u16::try_from(before.chars().count()).ok()?;
            Some((u16::try_from(at).ok()?, word, column, text))
        };
        rows.enumerate().filter_map(with_name).collect()
    }

    /// Which of the names are on the screen.
    pub fn names(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        self.named(names)
            .into_iter()
            .map(|(_, name, ..)| name)
            .collect()
    }

    /// Which of them are on a row that shows a live figure.
    pub fn with_figures(&self, names: &BTreeSet<String>, figures: &Regex) -> BTreeSet<String> {
        let rows = self.named(names).into_iter();
        rows.filter(|(.., text)| figures.is_match(text))
            .map(|(_, name, ..)| name)
            .collect()
    }

    /// How the names stand.
    pub fn standing(&self, names: &BTreeSet<String>) -> Vec<Standing> {
        let screen = self.0.screen();
        let of = |(row, name, column, text): (u16, String, u16, String)| {
            let cell = screen.cell(row, column);
            let style = cell.map_or_else(String::new, |cell| {
                format!(
                    "{:?} {:?} {} {}",
                    cell.fgcolor(),
                    cell.bgcolor(),
                    cell.bold(),
                    cell.inverse()
                )
            });
            let before: String = text
                .chars()
                .take(usize::from(column))
                .skip(usize::from(column.saturating_sub(5)))
                .collect();
            (row, name, style, before)
        };
        self.named(names).into_iter().map(of).collect()
    }

    /// What a client forgot to put back: nothing, when all is well.
    pub fn left_behind(&self) -> Vec<&'static str> {
        let screen = self.0.screen();
        let mut left = Vec::new();
        if screen.alternate_screen() {
            left.push("the alternate screen");
        }
        if screen.hide_cursor() {
            left.push("a hidden cursor");
        }
        if screen.bracketed_paste() {
            left.push("bracketed paste");
        }
        if screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None {
            left.push("the mouse");
        }
        left
    }
}
