//! What a run says, live, over the pane.

use crossterm::event::KeyEvent;
use ratatui::{Frame, layout::Rect};

use super::{Answer, popup};
use crate::{
    model::Timestamp,
    ops::Progress,
    ui::{
        keymap::{Edit, edit, stops, typed},
        look::{Look, cut},
        output::Output,
        runs::RunId,
        widget::line,
    },
};

/// How many lines a page is.
const PAGE: usize = 10;

/// A window on what a run says.
#[derive(Debug)]
pub struct Live {
    output: Output,
    /// So many lines above the last one that is seen.
    up: usize,
    /// It shows the end as it grows.
    follows: bool,
    /// The first line that is seen, when it does not follow.
    top: usize,
}

impl Live {
    /// On that output.
    pub fn new(output: Output) -> Self {
        Self {
            follows: output.goes_on(),
            output,
            up: 0,
            top: 0,
        }
    }

    /// Takes in how far a run is, if it is this one.
    pub fn take(&mut self, id: RunId, progress: &Progress, now: Timestamp) {
        if self.output.id == id {
            self.output.take(progress, now);
        }
    }

    /// Scrolls, or closes; the run goes on.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        if stops(key) && self.output.goes_on() {
            return Answer::Say("cancel".to_owned());
        }
        match (edit(key), typed(key)) {
            (Edit::Cancel | Edit::Accept, _) | (_, Some('q')) => return Answer::Close,
            (Edit::Next, _) | (_, Some('j')) => self.down(1),
            (Edit::Previous, _) | (_, Some('k')) => self.rise(1),
            (Edit::PageDown, _) | (_, Some(' ')) => self.down(PAGE),
            (Edit::PageUp, _) => self.rise(PAGE),
            (_, Some('g')) => {
                self.follows = false;
                self.top = 0;
                self.up = 0;
            }
            (_, Some('G')) => {
                self.follows = true;
                self.up = 0;
            }
            _ => {}
        }
        Answer::Stay
    }

    fn down(&mut self, rows: usize) {
        if self.follows {
            self.up = self.up.saturating_sub(rows);
        } else {
            self.top += rows;
        }
    }

    fn rise(&mut self, rows: usize) {
        if self.follows {
            self.up += rows;
        } else {
            self.top = self.top.saturating_sub(rows);
        }
    }

    /// Draws it.
    pub fn view(&self, now: Timestamp, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let title = format!("{}  (j k to scroll, Esc to close)", self.output.title());
        let room = usize::from(area.width.saturating_sub(6));
        let title = cut(&title, room, &look.glyphs).into_owned();
        let inner = popup(
            &title,
            (130, area.height),
            look.theme.popup,
            look,
            frame,
            area,
        );
        let lines = self
            .output
            .lines(look.glyphs.ascii, usize::from(inner.width), now);
        let last = lines.len().saturating_sub(usize::from(inner.height));
        let top = if self.follows {
            last.saturating_sub(self.up)
        } else {
            self.top.min(last)
        };
        line::draw(lines.iter().skip(top), look, frame.buffer_mut(), inner);
    }
}
