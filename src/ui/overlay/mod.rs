//! What lies over a pane and takes the keys first: help, menu, question, column choice, messages.

mod chooser;
mod editor;
mod form;
mod help;
mod menu;
mod messages;
mod output;
mod question;
mod replace;

use crossterm::event::KeyEvent;
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    widgets::{Block, Clear},
};

pub use chooser::Chooser;
pub use editor::{Editor, mistake};
pub use form::Form;
pub use help::{About, Help};
pub use menu::{Choice, Menu};
pub use messages::Messages;
pub use output::Live;
pub use question::Question;
pub use replace::Replace;

use super::{Effect, list::List, look::Look};
use crate::{
    model::{Timestamp, setting::Key},
    ops::{Plan, Sentence},
};

/// The one thing that lies over the pane.
#[derive(Debug)]
pub enum Overlay {
    /// What can be done here.
    Help(Help),
    /// What can be done with the selection, to be chosen from.
    Menu(Menu),
    /// Whether something may be done.
    Question(Box<Question>),
    /// Whether a file may be written over.
    Replace(Replace),
    /// Which columns are shown.
    Columns(Chooser),
    /// What a setting becomes.
    Editor(Editor),
    /// Parameters being filled in.
    Form(Form),
    /// What was said before.
    Messages(Messages),
    /// What a run says.
    Output(Box<Live>),
}

/// What comes of a key in an overlay.
#[derive(Debug)]
pub enum Answer {
    /// It stays open.
    Stay,
    /// It is closed.
    Close,
    /// It is closed and this line is carried out.
    Say(String),
    /// It stays open, and this value of a setting is shown meanwhile.
    Try(Key, String),
    /// It is closed, and this value of a setting is shown again.
    GiveUp(Key, String),
    /// It is closed and this is done.
    Do(Box<Effect>),
    /// It is closed and the plan is carried out.
    Run(Box<Sentence>, Box<Plan>),
}

impl Overlay {
    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        match self {
            Self::Help(help) => help.key(key),
            Self::Menu(menu) => menu.key(key),
            Self::Question(question) => question.key(key),
            Self::Replace(replace) => replace.key(key),
            Self::Columns(chooser) => chooser.key(key),
            Self::Editor(editor) => editor.key(key),
            Self::Form(form) => form.key(key),
            Self::Messages(messages) => messages.key(key),
            Self::Output(live) => live.key(key),
        }
    }

    /// Takes pasted text of one line; whether there is a place for it.
    pub fn paste(&mut self, line: &str) -> bool {
        match self {
            Self::Question(question) => question.paste(line),
            Self::Editor(editor) => editor.paste(line),
            Self::Form(form) => form.paste(line),
            Self::Help(_)
            | Self::Menu(_)
            | Self::Replace(_)
            | Self::Columns(_)
            | Self::Messages(_)
            | Self::Output(_) => false,
        }
    }

    /// Draws it over `area`.
    pub fn view(&self, now: Timestamp, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        match self {
            Self::Help(help) => help.view(look, frame, area),
            Self::Menu(menu) => menu.view(look, frame, area),
            Self::Question(question) => question.view(look, frame, area),
            Self::Replace(replace) => replace.view(look, frame, area),
            Self::Columns(chooser) => chooser.view(look, frame, area),
            Self::Editor(editor) => editor.view(look, frame, area),
            Self::Form(form) => form.view(look, frame, area),
            Self::Messages(messages) => messages.view(look, frame, area),
            Self::Output(live) => live.view(now, look, frame, area),
        }
    }
}

/// Clears a box of the wanted size in the middle of `area`, frames it, and returns its inside.
pub fn popup(
    title: &str,
    wanted: (u16, u16),
    style: Style,
    look: &Look,
    frame: &mut Frame<'_>,
    area: Rect,
) -> Rect {
    // A box that nearly fills the area takes all of it, so that no frames stand side by side.
    let whole = |wanted: u16, room: u16| {
        if wanted.saturating_add(2) >= room {
            room
        } else {
            wanted
        }
    };
    let width = whole(wanted.0.saturating_add(4), area.width).max(area.width.min(20));
    let height = whole(wanted.1.saturating_add(2), area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    let block = Block::bordered()
        .border_set(look.glyphs.border)
        .border_style(style)
        .title_style(style)
        .title(format!(" {} ", look.glyphs.plain(title)));
    let inner = block.inner(place);
    frame.render_widget(block, place);
    frame.buffer_mut().set_style(inner, look.theme.text);
    Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    }
}

/// Says in a popup that there is nothing in it.
fn nothing(text: &str, look: &Look, frame: &mut Frame<'_>, inner: Rect) {
    frame.buffer_mut().set_stringn(
        inner.x,
        inner.y,
        text,
        usize::from(inner.width),
        look.theme.faint,
    );
}

/// The rows of a popup that fit below each other, so that the one under the cursor is among them:
/// each with its place and its style, in which it is drawn already.
fn rows(
    list: &List<usize>,
    look: &Look,
    frame: &mut Frame<'_>,
    inner: Rect,
) -> Vec<(usize, Rect, Style)> {
    let fit = usize::from(inner.height);
    let top = list.index().saturating_sub(fit.saturating_sub(1));
    let places = (inner.y..inner.bottom()).map(|y| Rect {
        y,
        height: 1,
        ..inner
    });
    places
        .zip(list.order().iter().skip(top))
        .map(|(row, at)| {
            let style = if *at == list.index() {
                look.theme.cursor
            } else {
                look.theme.text
            };
            frame.buffer_mut().set_style(row, style);
            (*at, row, style)
        })
        .collect()
}

/// A window over lines that may be more than fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    top: usize,
}

impl Window {
    /// Moves by an edit key over `total` lines of which about `page` are seen.
    pub fn key(&mut self, edit: super::keymap::Edit, total: usize, page: usize) {
        use super::keymap::Edit;
        let last = total.saturating_sub(1);
        self.top = match edit {
            Edit::Next => (self.top + 1).min(last),
            Edit::Previous => self.top.saturating_sub(1),
            Edit::PageDown => (self.top + page).min(last),
            Edit::PageUp => self.top.saturating_sub(page),
            Edit::Accept | Edit::Cancel | Edit::Complete | Edit::CompleteBack | Edit::Other => {
                self.top
            }
        };
    }

    /// The first line to show so that the window is full when it can be.
    pub fn top(self, total: usize, height: usize) -> usize {
        self.top.min(total.saturating_sub(height))
    }
}
