//! A text longer than its place: lines, and which of them is the first on the screen.

use ratatui::{Frame, layout::Rect};

use super::line::{self, Line};
use crate::ui::{look::Look, nav::Nav, scroll};

/// Lines that are scrolled as a whole.
#[derive(Clone, Debug, Default)]
pub struct Page {
    lines: Vec<Line>,
    offset: usize,
    height: usize,
}

impl Page {
    /// Takes these lines now; the place in the text stays.
    pub fn set(&mut self, lines: Vec<Line>) {
        self.lines = lines;
        self.place(self.offset);
    }

    /// Tells how many lines the screen has for it.
    pub fn set_height(&mut self, height: usize) {
        self.height = height;
        self.place(self.offset);
    }

    /// Goes back to the beginning.
    pub fn rewind(&mut self) {
        self.offset = 0;
    }

    /// Scrolls; false when the move is none of a text's.
    pub fn nav(&mut self, nav: &Nav) -> bool {
        let page = self.height.saturating_sub(1).max(1);
        let half = (self.height / 2).max(1);
        let to = match nav {
            Nav::Up { rows } => self.offset.saturating_sub(*rows),
            Nav::Down { rows } => self.offset.saturating_add(*rows),
            Nav::PageUp => self.offset.saturating_sub(page),
            Nav::PageDown => self.offset.saturating_add(page),
            Nav::HalfUp => self.offset.saturating_sub(half),
            Nav::HalfDown => self.offset.saturating_add(half),
            Nav::Top => 0,
            Nav::Bottom => self.lines.len(),
            _ => return false,
        };
        self.place(to);
        true
    }

    /// Draws what is on the screen, with a scrollbar where there is more.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let room = Rect {
            width: area.width.saturating_sub(1),
            ..area
        };
        line::draw(
            self.lines.iter().skip(self.offset),
            look,
            frame.buffer_mut(),
            room,
        );
        // The scrollbar leaves out the first row of a table, its titles; a text has none.
        let track = Rect {
            y: area.y.saturating_sub(1),
            height: area.height + 1,
            ..area
        };
        scroll::bar(self.offset, self.lines.len(), look, frame, track);
    }

    fn place(&mut self, offset: usize) {
        self.offset = offset.min(self.lines.len().saturating_sub(self.height));
    }
}
