//! The change of one setting: a list to choose from, shown at once, or a line that is checked as it is typed.

use crossterm::event::{Event, KeyEvent};
use ratatui::{Frame, layout::Rect};
use tui_input::{Input, backend::crossterm::EventHandler};

use super::{Answer, popup, rows};
use crate::{
    model::{
        Setting,
        setting::{Form, Key, Source},
    },
    ops::setting::canonical,
    ui::{
        command::Command,
        keymap::{Edit, edit, typed},
        list::List,
        look::{Look, cut},
        nav::Nav,
        prompt::insert,
    },
};

/// A setting that is being changed.
#[derive(Debug)]
pub struct Editor {
    setting: Setting,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// One of what there is to choose from.
    Choose(List<usize>),
    /// A line, and what is wrong with it.
    Type(Input, Option<String>),
}

impl Editor {
    /// Begins with the value of now.
    pub fn new(setting: Setting) -> Self {
        let way = if setting.choices.is_empty() {
            Way::Type(Input::new(setting.value.clone()), None)
        } else {
            let mut list = List::default();
            list.settle((0..setting.choices.len()).collect());
            list.set_height(setting.choices.len());
            let now = setting
                .choices
                .iter()
                .position(|(name, _)| *name == setting.value);
            list.go_to(&now.unwrap_or(0));
            Way::Choose(list)
        };
        Self { setting, way }
    }

    /// Chooses, types, takes or closes. What is chosen by name is shown at once, and taken back by Esc.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        match &mut self.way {
            Way::Choose(_) => self.choose(key),
            Way::Type(..) => self.write(key),
        }
    }

    fn choose(&mut self, key: KeyEvent) -> Answer {
        let Way::Choose(list) = &mut self.way else {
            return Answer::Stay;
        };
        let nav = match (edit(key), typed(key)) {
            (Edit::Cancel, _) | (_, Some('q')) => return self.give_up(),
            (Edit::Accept, _) => return self.take(),
            (Edit::Next | Edit::Complete, _) | (_, Some('j' | ' ')) => Nav::Down { rows: 1 },
            (Edit::Previous | Edit::CompleteBack, _) | (_, Some('k')) => Nav::Up { rows: 1 },
            (Edit::PageDown, _) | (_, Some('G')) => Nav::Bottom,
            (Edit::PageUp, _) | (_, Some('g')) => Nav::Top,
            (Edit::Other, _) => return Answer::Stay,
        };
        let before = list.index();
        list.nav(&nav);
        if list.index() == before || !is_shown_at_once(self.setting.key) {
            return Answer::Stay;
        }
        Answer::Try(self.setting.key, self.chosen())
    }

    /// The name under the cursor, or what is typed.
    fn chosen(&self) -> String {
        match &self.way {
            Way::Choose(list) => {
                let chosen = list.current().and_then(|at| self.setting.choices.get(*at));
                chosen.map_or_else(String::new, |(name, _)| name.clone())
            }
            Way::Type(input, _) => input.value().trim().to_owned(),
        }
    }

    fn give_up(&self) -> Answer {
        if is_shown_at_once(self.setting.key) {
            Answer::GiveUp(self.setting.key, self.setting.value.clone())
        } else {
            Answer::Close
        }
    }

    fn take(&self) -> Answer {
        let value = self.chosen();
        let is_kept = matches!(self.setting.source, Source::File { .. });
        if is_kept && value == self.setting.value {
            return Answer::Close;
        }
        let key = self.setting.key;
        if value.is_empty() {
            return Answer::Say(format!("setting reset {key}"));
        }
        let value =
            shlex::try_quote(&value).map_or_else(|_| value.clone(), std::borrow::Cow::into_owned);
        Answer::Say(format!("setting set {key} {value}"))
    }

    fn write(&mut self, key: KeyEvent) -> Answer {
        let Way::Type(input, wrong) = &mut self.way else {
            return Answer::Stay;
        };
        match edit(key) {
            Edit::Cancel => return Answer::Close,
            Edit::Accept if wrong.is_none() => return self.take(),
            Edit::Accept => return Answer::Stay,
            _ => {
                input.handle_event(&Event::Key(key));
            }
        }
        *wrong = mistake(self.setting.key, input.value());
        Answer::Stay
    }

    /// Takes pasted text of one line; whether there is a place for it.
    pub fn paste(&mut self, line: &str) -> bool {
        let Way::Type(input, wrong) = &mut self.way else {
            return false;
        };
        insert(input, line);
        *wrong = mistake(self.setting.key, input.value());
        true
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let setting = &self.setting;
        let title = format!("{}  (now by {})", setting.key, setting.source);
        match &self.way {
            Way::Choose(list) => {
                let height = u16::try_from(setting.choices.len() + 2).unwrap_or(u16::MAX);
                let inner = popup(&title, (60, height), look.theme.popup, look, frame, area);
                let shown = Rect {
                    height: inner.height.saturating_sub(2),
                    ..inner
                };
                for (at, row, style) in rows(list, look, frame, shown) {
                    let (name, about) = &setting.choices[at];
                    let sign = if *name == setting.value { "now" } else { "" };
                    let line = format!("{name:<16} {sign:<4} {about}");
                    let line = cut(&line, usize::from(row.width), &look.glyphs).into_owned();
                    let text = look.glyphs.plain(&line).into_owned();
                    frame.buffer_mut().set_stringn(
                        row.x,
                        row.y,
                        &text,
                        usize::from(row.width),
                        style,
                    );
                }
                let hint = "enter keeps it in wharf.toml   esc takes it back";
                foot(hint, look, frame, inner);
            }
            Way::Type(input, wrong) => {
                let inner = popup(&title, (72, 4), look.theme.popup, look, frame, area);
                let room = usize::from(inner.width.saturating_sub(1));
                let scroll = input.visual_scroll(room);
                let text: String = input.value().chars().skip(scroll).collect();
                let buffer = frame.buffer_mut();
                let line = Rect { height: 1, ..inner };
                buffer.set_style(line, look.theme.prompt);
                buffer.set_stringn(inner.x, inner.y, &text, room, look.theme.prompt);
                let cursor = u16::try_from(input.visual_cursor().max(scroll) - scroll).unwrap_or(0);
                frame.set_cursor_position((
                    inner.x + cursor.min(inner.width.saturating_sub(1)),
                    inner.y,
                ));
                if inner.height > 1 {
                    let (text, style) = match wrong {
                        Some(wrong) => (wrong.as_str(), look.theme.bad),
                        None => (setting.key.about(), look.theme.faint),
                    };
                    let text = cut(text, usize::from(inner.width), &look.glyphs).into_owned();
                    let text = look.glyphs.plain(&text).into_owned();
                    frame.buffer_mut().set_stringn(
                        inner.x,
                        inner.y + 1,
                        &text,
                        usize::from(inner.width),
                        style,
                    );
                }
                let hint = "enter keeps it in wharf.toml   empty is the default   esc leaves";
                foot(hint, look, frame, inner);
            }
        }
    }
}

/// What can be done, in the last line of a popup.
fn foot(text: &str, look: &Look, frame: &mut Frame<'_>, inner: Rect) {
    if inner.height < 3 {
        return;
    }
    let text = cut(text, usize::from(inner.width), &look.glyphs).into_owned();
    frame.buffer_mut().set_stringn(
        inner.x,
        inner.bottom() - 1,
        &text,
        usize::from(inner.width),
        look.theme.hint,
    );
}

/// Whether what is chosen is seen while it is chosen.
fn is_shown_at_once(key: Key) -> bool {
    key.form() == Form::Name
}

/// What is wrong with a value as far as it is typed; nothing typed is the default.
pub fn mistake(key: Key, text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    if key.form() == Form::Line {
        return Command::parse(text)
            .err()
            .map(|error| error.summary().to_owned());
    }
    canonical(key, text).err()
}
