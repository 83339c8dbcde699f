//! A console without a terminal: a fleet and keys in, a screen out. For tests and pictures.

use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};

use super::{
    Effect, Msg, Surroundings, Ui,
    keymap::Keymap,
    look::{Glyphs, Look},
    theme::Theme,
};
use crate::model::{Event, Feed, Fleet, Timestamp};

/// A console on a terminal of the wanted size that is held in memory.
pub struct Desk {
    ui: Ui,
    terminal: Terminal<TestBackend>,
    effects: Vec<Effect>,
}

impl Desk {
    /// A console on a fleet, with the default keys and theme.
    ///
    /// # Panics
    /// When the embedded defaults are broken, which the tests of those find first.
    pub fn new(fleet: Fleet, width: u16, height: u16) -> Self {
        let theme = Theme::embedded("dark").expect("the embedded theme is whole");
        Self::with_look(
            fleet,
            width,
            height,
            Look {
                theme,
                glyphs: Glyphs::UNICODE,
            },
        )
    }

    /// A console with another look.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn with_look(fleet: Fleet, width: u16, height: u16, look: Look) -> Self {
        let keymap = Keymap::embedded("default").expect("the embedded keymap is whole");
        let around = Surroundings {
            operator: "ann@ops-1".into(),
            ..Surroundings::default()
        };
        let mut ui = Ui::new(fleet, keymap, look, around);
        ui.update(Msg::Resize(width, height));
        let terminal =
            Terminal::new(TestBackend::new(width, height)).expect("memory has no errors");
        Self {
            ui,
            terminal,
            effects: Vec::new(),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.send(Msg::Event(Event::Tick(now)));
        self
    }

    /// Presses keys, written as in a key map with blanks between: `j j r y`, `ctrl-d`, `enter`.
    #[must_use]
    pub fn keys(mut self, keys: &str) -> Self {
        for key in keys.split_whitespace() {
            self.send(Msg::Key(press(key)));
        }
        self
    }

    /// Types text as it is.
    #[must_use]
    pub fn type_text(mut self, text: &str) -> Self {
        for c in text.chars() {
            self.send(Msg::Key(KeyEvent::new(
                KeyCode::Char(c),
                KeyModifiers::NONE,
            )));
        }
        self
    }

    /// Gives the terminal another size.
    #[must_use]
    pub fn resize(mut self, width: u16, height: u16) -> Self {
        self.terminal.backend_mut().resize(width, height);
        self.send(Msg::Resize(width, height));
        self
    }

    /// Sends a message.
    pub fn send(&mut self, msg: Msg) {
        let effects = self.ui.update(msg);
        self.effects.extend(effects);
        // As the console does before each frame: the pane settles, and what it wants is known.
        self.ui.wants();
    }

    /// What the console was asked to do since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What the panes want to see.
    pub fn wants(&mut self) -> BTreeSet<Feed> {
        self.ui.wants()
    }

    /// The console itself.
    pub fn ui(&mut self) -> &mut Ui {
        &mut self.ui
    }

    /// Draws a frame.
    ///
    /// # Panics
    /// Never: memory has no errors.
    pub fn draw(&mut self) {
        let ui = &mut self.ui;
        self.terminal
            .draw(|frame| ui.view(frame))
            .expect("memory has no errors");
    }

    /// The screen, cell by cell.
    pub fn buffer(&mut self) -> Buffer {
        self.draw();
        self.terminal.backend().buffer().clone()
    }

    /// The screen as text, line by line, without blanks at the ends.
    pub fn screen(&mut self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += u16::try_from(super::look::width(symbol).max(1)).unwrap_or(1);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A key written as in a key map.
fn press(text: &str) -> KeyEvent {
    let (rest, modifiers) = match text.strip_prefix("ctrl-") {
        Some(rest) => (rest, KeyModifiers::CONTROL),
        None => (text, KeyModifiers::NONE),
    };
    KeyEvent::new(
        super::keymap::code(rest).unwrap_or(KeyCode::Null),
        modifiers,
    )
}
