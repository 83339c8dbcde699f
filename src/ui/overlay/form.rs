//! A form drawn from parameters: types, defaults and choices, checked while they are typed; its end is a sentence.

use crossterm::event::{Event, KeyEvent};
use ratatui::{Frame, layout::Rect, style::Style};
use tui_input::{Input, backend::crossterm::EventHandler};

use super::{Answer, popup};
use crate::{
    model::{
        app::{Choice, Parameter, ParameterKind},
        pipeline::{Pipeline, RunParameter},
    },
    ui::{
        keymap::{Edit, edit, typed},
        look::{Look, cut, width},
        prompt::insert,
    },
};

/// The width of the form's inside where there is room.
const WIDTH: u16 = 84;
/// Rows below the fields: a gap, two of help, the hint.
const FOOT: u16 = 4;

/// Parameters being filled in.
#[derive(Debug)]
pub struct Form {
    title: String,
    /// The words before the answers: `app deploy nginx --template nginx`.
    words: String,
    /// The option that each answer is said with: `--set`.
    option: &'static str,
    /// The words behind them, which are gone on with in the palette: `--hosts`.
    rest: &'static str,
    fields: Vec<Filling>,
    here: usize,
}

#[derive(Debug)]
struct Filling {
    asks: Parameter,
    way: Way,
    /// What is wrong with it as far as it is filled in.
    wrong: Option<String>,
}

#[derive(Debug)]
enum Way {
    /// A line.
    Type(Input),
    /// One of these, as it stands in the file and as people see it.
    Choose(Vec<(String, String)>, usize),
    /// Made or asked for where it is needed; never shown, never part of a sentence.
    Secret,
}

impl Filling {
    fn new(asks: Parameter) -> Self {
        let default = asks.default.clone().unwrap_or_default();
        let among = |choices: Vec<(String, String)>| {
            let at = choices.iter().position(|(value, _)| *value == default);
            Way::Choose(choices, at.unwrap_or(0))
        };
        let way = match &asks.kind {
            ParameterKind::Secret => Way::Secret,
            ParameterKind::Bool => among(
                ["true", "false"]
                    .into_iter()
                    .zip(["yes", "no"])
                    .map(|(value, label)| (value.to_owned(), label.to_owned()))
                    .collect(),
            ),
            ParameterKind::Choice(choices) => among(
                choices
                    .iter()
                    .map(|one| (one.value.clone(), one.label.clone()))
                    .collect(),
            ),
            ParameterKind::Text
            | ParameterKind::Int
            | ParameterKind::Port
            | ParameterKind::HostPath
            | ParameterKind::Size
            | ParameterKind::Duration => Way::Type(Input::new(default)),
        };
        let mut filling = Self {
            asks,
            way,
            wrong: None,
        };
        filling.check();
        filling
    }

    /// What it is now, as it stands in the file; none for a secret.
    fn value(&self) -> Option<&str> {
        match &self.way {
            Way::Type(input) => Some(input.value().trim()),
            Way::Choose(choices, at) => choices.get(*at).map(|(value, _)| value.as_str()),
            Way::Secret => None,
        }
    }

    fn check(&mut self) {
        self.wrong = self.value().and_then(|value| self.asks.check(value).err());
    }

    /// `NAME=value`, when it is not what it would be anyway.
    fn answer(&self) -> Option<String> {
        let value = self.value()?;
        let usual = self.asks.default.as_deref().unwrap_or_default();
        (value != usual).then(|| format!("{}={value}", self.asks.name))
    }

    /// What is seen of it.
    fn shown(&self) -> String {
        match &self.way {
            Way::Type(input) => input.value().to_owned(),
            Way::Choose(choices, at) => {
                let label = choices.get(*at).map_or("", |(_, label)| label.as_str());
                format!("< {label} >")
            }
            Way::Secret => match self.asks.generate {
                Some(length) => format!("made by itself, {length} characters"),
                None => "asked for where it is needed".to_owned(),
            },
        }
    }
}

impl Form {
    /// Begins with the defaults. The end is `words` with `--set NAME=value` for every answer that differs from them, and
    /// `rest`, which is gone on with in the palette.
    pub fn new(title: String, words: String, rest: &'static str, parameters: &[Parameter]) -> Self {
        let fields = parameters.iter().cloned().map(Filling::new).collect();
        Self {
            title,
            words,
            option: "--set",
            rest,
            fields,
            here: 0,
        }
    }

    /// The same with another option for each answer, and nothing behind them.
    pub fn of_option(
        title: String,
        words: String,
        option: &'static str,
        parameters: &[Parameter],
    ) -> Self {
        Self {
            option,
            ..Self::new(title, words, "", parameters)
        }
    }

    /// What is asked when a pipeline is started.
    pub fn start(pipeline: &Pipeline) -> Self {
        let asks = |one: &RunParameter| Parameter {
            name: one.name.clone(),
            label: one.name.clone(),
            help: match one.default {
                Some(_) => "what it is when nothing is said stands there".to_owned(),
                None => "it has to be said".to_owned(),
            },
            kind: if one.choices.is_empty() {
                ParameterKind::Text
            } else {
                let choice = |value: &String| Choice {
                    value: value.clone(),
                    label: value.clone(),
                };
                ParameterKind::Choice(one.choices.iter().map(choice).collect())
            },
            default: one.default.clone(),
            required: one.default.is_none(),
            generate: None,
            pattern: None,
            min: None,
            max: None,
        };
        let asked: Vec<Parameter> = pipeline.parameters.iter().map(asks).collect();
        let title = format!("{}: what it asks", pipeline.name);
        Self::new(title, format!("pipeline run {}", pipeline.name), "", &asked)
    }

    /// Moves, types, chooses, ends or closes.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let last = self.fields.len().saturating_sub(1);
        match edit(key) {
            Edit::Cancel => return Answer::Close,
            Edit::Accept => return self.end(),
            Edit::Next | Edit::Complete => {
                self.here = if self.here == last { 0 } else { self.here + 1 }
            }
            Edit::Previous | Edit::CompleteBack => {
                self.here = self.here.checked_sub(1).unwrap_or(last);
            }
            Edit::PageDown => self.here = last,
            Edit::PageUp => self.here = 0,
            Edit::Other => self.write(key),
        }
        Answer::Stay
    }

    fn write(&mut self, key: KeyEvent) {
        let Some(field) = self.fields.get_mut(self.here) else {
            return;
        };
        match &mut field.way {
            Way::Type(input) => {
                input.handle_event(&Event::Key(key));
            }
            Way::Choose(choices, at) => match typed(key) {
                Some(' ' | 'l' | '+') => *at = (*at + 1) % choices.len().max(1),
                Some('h' | '-') => {
                    *at = at.checked_sub(1).unwrap_or(choices.len().saturating_sub(1));
                }
                // The first that begins so.
                Some(letter) => {
                    let begins = |label: &str| label.to_lowercase().starts_with(letter);
                    let found = choices.iter().position(|(_, label)| begins(label));
                    *at = found.unwrap_or(*at);
                }
                None => {}
            },
            Way::Secret => {}
        }
        field.check();
    }

    /// The sentence into the palette; the cursor onto what is wrong as long as anything is.
    fn end(&mut self) -> Answer {
        if let Some(wrong) = self.fields.iter().position(|field| field.wrong.is_some()) {
            self.here = wrong;
            return Answer::Stay;
        }
        let mut line = format!("palette {}", self.words);
        for answer in self.fields.iter().filter_map(Filling::answer) {
            let quoted = shlex::try_quote(&answer);
            let quoted = quoted.map_or_else(|_| answer.clone(), std::borrow::Cow::into_owned);
            for word in [self.option, &quoted] {
                line.push(' ');
                line.push_str(word);
            }
        }
        let gap = if self.rest.is_empty() { "" } else { " " };
        Answer::Say(format!("{line}{gap}{} ", self.rest))
    }

    /// Takes pasted text of one line; whether there is a place for it.
    pub fn paste(&mut self, line: &str) -> bool {
        let Some(field) = self.fields.get_mut(self.here) else {
            return false;
        };
        let Way::Type(input) = &mut field.way else {
            return false;
        };
        insert(input, line);
        field.check();
        true
    }

    /// Draws it. When not all fields fit, those around the cursor are shown.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let rows = u16::try_from(self.fields.len()).unwrap_or(u16::MAX);
        let wanted = (WIDTH, rows.saturating_add(FOOT));
        let inner = popup(&self.title, wanted, look.theme.popup, look, frame, area);
        let fit = usize::from(inner.height.saturating_sub(FOOT));
        let top = (self.here + 1).saturating_sub(fit.max(1));
        let labels = self.fields.iter().map(|field| width(&field.asks.label));
        let labels = labels.max().unwrap_or(0).min(usize::from(inner.width) / 2);
        let labels = u16::try_from(labels).unwrap_or(0) + 2;
        for (y, (at, field)) in (inner.y..).zip(self.fields.iter().enumerate().skip(top).take(fit))
        {
            let row = Rect {
                y,
                height: 1,
                ..inner
            };
            let is_here = at == self.here;
            draw_row(field, is_here, labels, look, frame, row);
        }
        let hidden = self.fields.len().saturating_sub(fit);
        if hidden > 0 {
            let text = format!("{} of {}", self.here + 1, self.fields.len());
            let row = Rect {
                y: inner.y + u16::try_from(fit).unwrap_or(0),
                height: 1,
                ..inner
            };
            put(&text, look.theme.faint, look, frame, row);
        }
        self.foot(look, frame, inner);
    }

    /// What is wrong with the field under the cursor, or what it is; and what the keys do.
    fn foot(&self, look: &Look, frame: &mut Frame<'_>, inner: Rect) {
        if inner.height < FOOT {
            return;
        }
        let line = |from_end: u16| Rect {
            y: inner.bottom() - from_end,
            height: 1,
            ..inner
        };
        if let Some(field) = self.fields.get(self.here) {
            let asks = &field.asks;
            let about = match &field.wrong {
                Some(wrong) => (format!("{}: {wrong}", asks.label), look.theme.bad),
                None => (asks.help.clone(), look.theme.faint),
            };
            put(&about.0, about.1, look, frame, line(3));
            let kind = format!("{}, {}", asks.name, asks.kind);
            put(&kind, look.theme.faint, look, frame, line(2));
        }
        let hint = "enter ends   tab, up, down move   space chooses   esc leaves";
        put(hint, look.theme.hint, look, frame, line(1));
    }
}

/// Draws a field: its name, and what it is.
fn draw_row(
    field: &Filling,
    is_here: bool,
    labels: u16,
    look: &Look,
    frame: &mut Frame<'_>,
    row: Rect,
) {
    let style = if is_here {
        look.theme.cursor
    } else {
        look.theme.text
    };
    frame.buffer_mut().set_style(row, style);
    let label = Rect {
        width: labels.min(row.width),
        ..row
    };
    let mark = if field.wrong.is_some() { "!" } else { " " };
    put(
        &format!("{mark}{}", field.asks.label),
        style,
        look,
        frame,
        label,
    );
    let value = Rect {
        x: row.x + label.width,
        width: row.width - label.width,
        ..row
    };
    let room = usize::from(value.width.saturating_sub(1));
    match &field.way {
        Way::Type(input) if is_here => {
            let scroll = input.visual_scroll(room);
            let text: String = input.value().chars().skip(scroll).collect();
            put(&text, look.theme.prompt, look, frame, value);
            let cursor = input.visual_cursor().max(scroll) - scroll;
            let cursor = u16::try_from(cursor).unwrap_or(0);
            let x = value.x + cursor.min(value.width.saturating_sub(1));
            frame.set_cursor_position((x, value.y));
        }
        Way::Secret => put(
            &field.shown(),
            if is_here { style } else { look.theme.faint },
            look,
            frame,
            value,
        ),
        Way::Type(_) | Way::Choose(..) => put(&field.shown(), style, look, frame, value),
    }
}

fn put(text: &str, style: Style, look: &Look, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let text = crate::model::printable(text);
    let text = cut(&text, cells, &look.glyphs).into_owned();
    let text = look.glyphs.plain(&text).into_owned();
    frame
        .buffer_mut()
        .set_stringn(area.x, area.y, &text, cells, style);
}
