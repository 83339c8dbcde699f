//! The question before an operation: what will be done, to what, what is lost, and the way out first.

use crossterm::event::{Event, KeyEvent};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use tui_input::{Input, backend::crossterm::EventHandler};

use super::{Answer, popup};
use crate::{
    ops::{Confirm, Danger, Plan, Sentence},
    ui::{
        keymap::{Edit, edit, typed},
        look::{Look, cut},
        prompt::insert,
        widget::line::wrap,
    },
};

/// How many targets are named before the rest is counted.
const TARGETS_SHOWN: usize = 8;

/// A plan that waits for a yes.
#[derive(Debug)]
pub struct Question {
    sentence: Sentence,
    plan: Plan,
    typed: Input,
    commands: bool,
    on_yes: bool,
}

impl Question {
    /// Asks for this plan.
    pub fn new(plan: Plan, sentence: Sentence) -> Self {
        Self {
            sentence,
            plan,
            typed: Input::default(),
            commands: false,
            on_yes: false,
        }
    }

    /// `y` is yes where a yes is enough; Enter alone is no, because the way out has the focus.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        if let Confirm::Phrase(phrase) = &self.plan.confirm {
            return match edit(key) {
                Edit::Cancel => Answer::Close,
                Edit::Accept if self.typed.value().trim() == phrase => self.yes(),
                Edit::Complete => {
                    self.commands = !self.commands;
                    Answer::Stay
                }
                _ => {
                    self.typed.handle_event(&Event::Key(key));
                    Answer::Stay
                }
            };
        }
        match (edit(key), typed(key)) {
            (_, Some('y' | 'Y')) => self.yes(),
            (Edit::Accept, _) if self.on_yes => self.yes(),
            (Edit::Cancel | Edit::Accept, _) | (_, Some('n' | 'N' | 'q')) => Answer::Close,
            (_, Some('c')) if self.plan.deploy.is_none() => {
                self.commands = !self.commands;
                Answer::Stay
            }
            (Edit::Complete | Edit::CompleteBack, _) => {
                self.on_yes = !self.on_yes;
                Answer::Stay
            }
            _ => Answer::Stay,
        }
    }

    /// Takes pasted text, where a phrase is typed.
    pub fn paste(&mut self, line: &str) -> bool {
        let is_typed = matches!(self.plan.confirm, Confirm::Phrase(_));
        if is_typed {
            insert(&mut self.typed, line);
        }
        is_typed
    }

    fn yes(&self) -> Answer {
        Answer::Run(Box::new(self.sentence.clone()), Box::new(self.plan.clone()))
    }

    fn lines(&self, look: &Look, cells: usize) -> Vec<Line<'static>> {
        let theme = &look.theme;
        let mut lines = Vec::new();
        if self.commands {
            lines.push(Line::styled("The same with docker:", theme.faint));
            lines.extend(
                self.plan
                    .docker
                    .iter()
                    .map(|one| Line::styled(format!("  {one}"), theme.text)),
            );
        } else if !self.plan.told.is_empty() {
            let told = self.plan.told.iter().flat_map(|one| wrap(one, cells));
            lines.extend(told.map(|one| Line::styled(one, theme.text)));
        } else {
            let steps = &self.plan.steps;
            lines.extend(steps.iter().take(TARGETS_SHOWN).map(|step| {
                Line::from(vec![
                    Span::styled(format!("  {}", step.target()), theme.accent),
                    Span::styled(format!("  {}", step.action), theme.faint),
                ])
            }));
            if steps.len() > TARGETS_SHOWN {
                lines.push(Line::styled(
                    format!("  and {} more", steps.len() - TARGETS_SHOWN),
                    theme.faint,
                ));
            }
        }
        if !self.plan.loses.is_empty() {
            lines.push(Line::default());
            let word = match &self.plan.deploy {
                Some(_) => "What is interrupted:",
                None => "What is lost:",
            };
            lines.push(Line::styled(word, theme.warn));
            let loses = self.plan.loses.iter().flat_map(|one| wrap(one, cells - 2));
            lines.extend(loses.map(|one| Line::styled(format!("  {one}"), theme.text)));
        }
        if !self.plan.left_out.is_empty() {
            lines.push(Line::default());
            lines.push(Line::styled("What is left out:", theme.warn));
            lines.extend(self.plan.left_out.iter().take(TARGETS_SHOWN).map(|one| {
                Line::styled(
                    format!("  {}: {}", one.target, one.refusal.why),
                    theme.faint,
                )
            }));
        }
        lines.push(Line::default());
        lines
    }

    fn answer_line(&self, look: &Look) -> Line<'_> {
        let theme = &look.theme;
        let button = |text: &'static str, focused: bool, style: Style| {
            Span::styled(text, if focused { theme.cursor } else { style })
        };
        match &self.plan.confirm {
            Confirm::Phrase(phrase) => Line::from(vec![
                Span::styled("Type ", theme.text),
                Span::styled(format!("'{phrase}'"), theme.bad),
                Span::styled(" and Enter to go on, Esc to leave: ", theme.text),
                Span::styled(self.typed.value(), theme.prompt),
                Span::styled("▏", theme.key),
            ]),
            Confirm::Ask | Confirm::No => {
                let mut spans = vec![
                    button(" n  no ", !self.on_yes, theme.hint),
                    Span::raw("  "),
                    button(" y  yes ", self.on_yes, theme.bad),
                ];
                if self.plan.deploy.is_none() {
                    spans.push(Span::styled("   c  docker commands", theme.hint));
                }
                Line::from(spans)
            }
        }
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let cells = usize::from(area.width.saturating_sub(4)).clamp(16, 120);
        let mut lines = self.lines(look, cells);
        lines.push(self.answer_line(look));
        let widest = lines
            .iter()
            .map(Line::width)
            .max()
            .unwrap_or(40)
            .clamp(48, 120);
        let size = (
            u16::try_from(widest).unwrap_or(48),
            u16::try_from(lines.len()).unwrap_or(u16::MAX),
        );
        let style = match self.plan.danger {
            Danger::Reads | Danger::Changes => look.theme.popup,
            Danger::Disrupts | Danger::Destroys => look.theme.danger,
        };
        let title = format!("{}?", self.plan.title);
        let title = cut(
            &title,
            usize::from(area.width.saturating_sub(8)),
            &look.glyphs,
        )
        .into_owned();
        let inner = popup(&title, size, style, look, frame, area);
        // When it does not all fit, the answers stay on the screen.
        let room = usize::from(inner.height);
        let answer = lines.pop();
        if lines.len() + 1 > room {
            lines.truncate(room.saturating_sub(1));
        }
        for (y, line) in (inner.y..inner.bottom()).zip(lines.iter().chain(answer.iter())) {
            frame.buffer_mut().set_line(inner.x, y, line, inner.width);
        }
    }
}
