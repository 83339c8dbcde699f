//! The question before a file is written over: which, and the way out first.

use std::path::PathBuf;

use crossterm::event::KeyEvent;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::{Answer, popup};
use crate::{
    model::{bytes, printable},
    ui::{
        Effect,
        keymap::{Edit, edit, typed},
        look::Look,
        widget::line::wrap,
    },
};

/// A file that waits to be written over.
#[derive(Debug)]
pub struct Replace {
    path: PathBuf,
    /// How many bytes it has now.
    size: u64,
    /// What is done then.
    effect: Box<Effect>,
    on_yes: bool,
}

impl Replace {
    /// Asks whether the file, which has `size` bytes, may be written over by that.
    pub fn new(path: PathBuf, size: u64, effect: Box<Effect>) -> Self {
        Self {
            path,
            size,
            effect,
            on_yes: false,
        }
    }

    /// `y` is yes; Enter alone is no, because the way out has the focus.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        match (edit(key), typed(key)) {
            (_, Some('y' | 'Y')) => self.yes(),
            (Edit::Accept, _) if self.on_yes => self.yes(),
            (Edit::Cancel | Edit::Accept, _) | (_, Some('n' | 'N' | 'q')) => Answer::Close,
            (Edit::Complete | Edit::CompleteBack, _) => {
                self.on_yes = !self.on_yes;
                Answer::Stay
            }
            _ => Answer::Stay,
        }
    }

    fn yes(&mut self) -> Answer {
        // It is closed with this: what it would still hold is never done.
        let effect = std::mem::replace(&mut *self.effect, Effect::Redraw);
        Answer::Do(Box::new(effect))
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let theme = &look.theme;
        let cells = usize::from(area.width.saturating_sub(4)).clamp(16, 100);
        let path = printable(&self.path.display().to_string());
        let mut lines: Vec<Line<'_>> = wrap(&path, cells)
            .into_iter()
            .map(|part| Line::styled(part, theme.accent))
            .collect();
        let size = bytes(self.size);
        let loses = format!("is there already; its {size} would be lost.");
        let loses = wrap(&loses, cells).into_iter();
        lines.extend(loses.map(|part| Line::styled(part, theme.text)));
        lines.push(Line::default());
        let button = |text: &'static str, focused: bool, style| {
            Span::styled(text, if focused { theme.cursor } else { style })
        };
        lines.push(Line::from(vec![
            button(" n  no ", !self.on_yes, theme.hint),
            Span::raw("  "),
            button(" y  yes ", self.on_yes, theme.bad),
        ]));
        let widest = lines.iter().map(Line::width).max().unwrap_or(0).max(40);
        let size = (
            u16::try_from(widest).unwrap_or(40),
            u16::try_from(lines.len()).unwrap_or(u16::MAX),
        );
        let inner = popup("Replace the file?", size, theme.danger, look, frame, area);
        // When it does not all fit, the answers stay on the screen.
        let spare = lines.len().saturating_sub(usize::from(inner.height));
        for (y, line) in (inner.y..inner.bottom()).zip(lines.iter().skip(spare)) {
            frame.buffer_mut().set_line(inner.x, y, line, inner.width);
        }
    }
}
