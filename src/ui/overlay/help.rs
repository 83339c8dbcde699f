//! Help: what every key does here and what can be said, drawn from the key table and the sentences.

use crossterm::event::KeyEvent;
use ratatui::{Frame, layout::Rect};

use super::{Answer, Window, popup};
use crate::{
    ops::{Danger, Sentence},
    ui::{
        command::Command,
        keymap::{Binding, Edit, Keymap, edit, typed},
        look::{Look, cut},
    },
};

/// One line of help.
#[derive(Clone, Debug)]
enum Line {
    Title(String),
    Entry {
        keys: String,
        words: String,
        about: String,
    },
}

/// The help of one pane.
#[derive(Debug)]
pub struct Help {
    pane: &'static str,
    lines: Vec<Line>,
    window: Window,
}

impl Help {
    /// Gathers what can be done in a pane. Without the right to change anything, what changes is not there.
    pub fn new(pane: &'static str, keymap: &Keymap, read_only: bool) -> Self {
        let mut lines = Vec::new();
        let own: Vec<&Binding> = keymap.section(pane).iter().collect();
        let all = keymap.everywhere(pane).collect();
        for (title, bindings) in [(format!("In {pane}"), own), ("Everywhere".to_owned(), all)] {
            lines.push(Line::Title(title));
            for binding in bindings {
                if read_only
                    && matches!(&binding.command, Command::Op(sentence) if sentence.danger() > Danger::Reads)
                {
                    continue;
                }
                lines.push(Line::Entry {
                    keys: binding.keys(),
                    words: binding.line.clone(),
                    about: Command::about(&binding.line),
                });
            }
        }
        lines.push(Line::Title("Sentences, for ':' and for the shell".into()));
        for entry in Sentence::catalogue() {
            if read_only && !entry.is_for_readers() {
                continue;
            }
            let keys = keymap.keys_for(pane, entry.words).unwrap_or_default();
            lines.push(Line::Entry {
                keys,
                words: entry.words.to_owned(),
                about: entry.about.clone(),
            });
        }
        Self {
            pane,
            lines,
            window: Window::default(),
        }
    }

    /// Scrolls, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let page = 10;
        match (edit(key), typed(key)) {
            (Edit::Cancel | Edit::Accept, _) | (_, Some('q' | '?')) => return Answer::Close,
            (_, Some('j')) => self.window.key(Edit::Next, self.lines.len(), page),
            (_, Some('k')) => self.window.key(Edit::Previous, self.lines.len(), page),
            (_, Some(' ')) => self.window.key(Edit::PageDown, self.lines.len(), page),
            (edit, _) => self.window.key(edit, self.lines.len(), page),
        }
        Answer::Stay
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let height = u16::try_from(self.lines.len()).unwrap_or(u16::MAX);
        let title = format!("Help: {}  (j k to scroll, Esc to close)", self.pane);
        let inner = popup(&title, (110, height), look.theme.popup, look, frame, area);
        let rows = usize::from(inner.height);
        let top = self.window.top(self.lines.len(), rows);
        let narrow = inner.width < 90;
        let keys_width = 10;
        let words_width = if narrow { 24 } else { 44 };
        for (y, line) in (inner.y..inner.bottom()).zip(self.lines.iter().skip(top)) {
            let buffer = frame.buffer_mut();
            match line {
                Line::Title(title) => {
                    buffer.set_stringn(
                        inner.x,
                        y,
                        title,
                        usize::from(inner.width),
                        look.theme.title,
                    );
                }
                Line::Entry { keys, words, about } => {
                    let at = inner.x + 2;
                    let left = usize::from(inner.width.saturating_sub(2));
                    buffer.set_stringn(at, y, keys, keys_width.min(left), look.theme.key);
                    let at = at + 11;
                    let left = left.saturating_sub(11);
                    let words = cut(words, words_width.min(left), &look.glyphs);
                    buffer.set_stringn(at, y, &words, left, look.theme.text);
                    let skip = words_width + 1;
                    let about = cut(about, left.saturating_sub(skip), &look.glyphs);
                    let x = at + u16::try_from(skip).unwrap_or(0);
                    buffer.set_stringn(
                        x,
                        y,
                        look.glyphs.plain(&about),
                        left.saturating_sub(skip),
                        look.theme.faint,
                    );
                }
            }
        }
    }
}
