//! The menu: what can be done with the selection, with its keys, or one of several things to choose from; Enter does it.

use std::borrow::Cow;

use crossterm::event::KeyEvent;
use ratatui::{Frame, layout::Rect};

use super::{Answer, nothing, popup, rows};
use crate::ui::{
    keymap::{Edit, edit, typed},
    list::List,
    look::{Look, cut},
    nav::Nav,
};

/// One thing that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The sentence.
    pub line: String,
    /// Its keys, if it has any.
    pub keys: String,
    /// What it does.
    pub about: String,
    /// What is seen of it in the place of the sentence.
    pub name: Option<String>,
}

impl Choice {
    /// What is said; dots where more words are asked for.
    fn words(&self) -> Cow<'_, str> {
        if let Some(name) = &self.name {
            return Cow::Borrowed(name);
        }
        match self.line.strip_prefix("palette ") {
            Some(unfinished) => format!("{unfinished} …").into(),
            None => Cow::Borrowed(&self.line),
        }
    }
}

/// The menu of one selection.
#[derive(Debug)]
pub struct Menu {
    title: String,
    choices: Vec<Choice>,
    list: List<usize>,
    /// The cells of its inside, and those up to what is said about a choice.
    cells: (u16, u16),
}

impl Menu {
    /// A menu of these choices for what `title` names.
    pub fn new(title: String, choices: Vec<Choice>) -> Self {
        let mut list = List::default();
        list.settle((0..choices.len()).collect());
        list.set_height(choices.len().max(1));
        Self {
            title,
            choices,
            list,
            cells: (76, 34),
        }
    }

    /// A menu of things of which more is to be said.
    #[must_use]
    pub fn wide(self) -> Self {
        Self {
            cells: (120, 24),
            ..self
        }
    }

    /// Moves, chooses or closes.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let nav = match (edit(key), typed(key)) {
            (Edit::Cancel, _) | (_, Some('q')) => return Answer::Close,
            (Edit::Accept, _) => {
                let chosen = self.list.current().and_then(|at| self.choices.get(*at));
                return chosen.map_or(Answer::Close, |choice| Answer::Say(choice.line.clone()));
            }
            (Edit::Next | Edit::Complete, _) | (_, Some('j')) => Nav::Down { rows: 1 },
            (Edit::Previous | Edit::CompleteBack, _) | (_, Some('k')) => Nav::Up { rows: 1 },
            (Edit::PageDown, _) | (_, Some('G')) => Nav::Bottom,
            (Edit::PageUp, _) | (_, Some('g')) => Nav::Top,
            (Edit::Other, _) => return Answer::Stay,
        };
        self.list.nav(&nav);
        Answer::Stay
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let height = u16::try_from(self.choices.len().max(1)).unwrap_or(u16::MAX);
        let inner = popup(
            &self.title,
            (self.cells.0, height),
            look.theme.popup,
            look,
            frame,
            area,
        );
        if self.choices.is_empty() {
            return nothing("Nothing can be done with this.", look, frame, inner);
        }
        for (at, row, style) in rows(&self.list, look, frame, inner) {
            let choice = &self.choices[at];
            let about_style = if at == self.list.index() {
                style
            } else {
                look.theme.faint
            };
            let buffer = frame.buffer_mut();
            buffer.set_stringn(
                row.x,
                row.y,
                &choice.keys,
                7,
                style.patch(look.theme.key).bg(style.bg.unwrap_or_default()),
            );
            let until = self.cells.1;
            let words = cut(
                &choice.words(),
                usize::from(until).saturating_sub(10),
                &look.glyphs,
            )
            .into_owned();
            buffer.set_stringn(
                row.x + 8,
                row.y,
                look.glyphs.plain(&words),
                usize::from(row.width.saturating_sub(8)),
                style,
            );
            let left = usize::from(row.width.saturating_sub(until));
            let about = cut(&choice.about, left, &look.glyphs).into_owned();
            buffer.set_stringn(
                row.x + until,
                row.y,
                look.glyphs.plain(&about),
                left,
                about_style,
            );
        }
    }
}
