//! The messages of this session, newest first, each in full.

use crossterm::event::KeyEvent;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Paragraph, Wrap},
};

use super::{Answer, nothing, popup};
use crate::ui::{
    keymap::{Edit, edit, typed},
    look::Look,
    message::Message,
};

/// The messages as they were when this was opened.
#[derive(Debug)]
pub struct Messages {
    messages: Vec<Message>,
    top: u16,
}

impl Messages {
    /// These messages, newest first.
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, top: 0 }
    }

    /// Scrolls, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        self.top = match (edit(key), typed(key)) {
            (Edit::Cancel | Edit::Accept, _) | (_, Some('q' | 'm')) => return Answer::Close,
            (Edit::Next, _) | (_, Some('j')) => self.top.saturating_add(1),
            (Edit::Previous, _) | (_, Some('k')) => self.top.saturating_sub(1),
            (Edit::PageDown, _) | (_, Some(' ')) => self.top.saturating_add(10),
            (Edit::PageUp, _) => self.top.saturating_sub(10),
            _ => self.top,
        };
        Answer::Stay
    }

    /// Draws them.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let inner = popup(
            "Messages",
            (120, area.height),
            look.theme.popup,
            look,
            frame,
            area,
        );
        if self.messages.is_empty() {
            return nothing("Nothing was said yet.", look, frame, inner);
        }
        let lines: Vec<Line<'_>> = self
            .messages
            .iter()
            .map(|message| {
                Line::from(vec![
                    Span::styled(
                        format!("{} ", message.at.strftime("%H:%M:%S")),
                        look.theme.faint,
                    ),
                    Span::styled(
                        format!("{:<7} ", message.level.word()),
                        message.level.style(&look.theme),
                    ),
                    Span::styled(
                        look.glyphs.plain(&message.text).into_owned(),
                        look.theme.text,
                    ),
                ])
            })
            .collect();
        let paragraph = Paragraph::new(lines)
            .wrap(Wrap { trim: false })
            .scroll((self.top, 0));
        frame.render_widget(paragraph, inner);
    }
}
