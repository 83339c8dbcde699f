//! The line that is typed into: a sentence with completion, or a filter.

use crossterm::event::{Event, KeyEvent};
use ratatui::{Frame, layout::Rect, widgets::Clear};
use tui_input::{Input, backend::crossterm::EventHandler};
use unicode_width::UnicodeWidthChar as _;

use super::{
    command::Command,
    keymap::{Edit, edit},
    look::{Look, cut},
};
use crate::{
    model::{Fleet, printable},
    ops::{Completion, Listing, Sentence, target::Target},
};

/// How many completions are shown at once.
const SHOWN: usize = 8;
/// How many characters of what is pasted are taken.
const LONGEST_PASTE: usize = 4096;
/// How many lines the history keeps.
const HISTORY: usize = 200;

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sentence.
    Palette,
    /// A filter for the pane.
    Filter,
    /// Something to search for in lines; older ones first.
    Search { back: bool },
}

/// What comes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Typing goes on; for a filter, this is what it is now.
    More(String),
    /// It is taken.
    Taken(Kind, String),
    /// It is left; for a filter, what was there before is to be put back.
    Left(Kind, String),
}

/// A line being typed.
#[derive(Debug)]
pub struct Prompt {
    kind: Kind,
    over: Over,
    input: Input,
    before: String,
    completions: Vec<Completion>,
    chosen: Option<usize>,
    /// What was typed before completions replaced it.
    stem: String,
    recalled: Option<usize>,
    error: Option<String>,
}

/// The lines typed before, newest last.
#[derive(Debug, Default)]
pub struct History(Vec<String>);

impl History {
    /// Remembers a line.
    pub fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        self.0.retain(|one| one != line);
        self.0.push(line.to_owned());
        if self.0.len() > HISTORY {
            self.0.remove(0);
        }
    }
}

/// What a line is typed over.
#[derive(Debug, Default)]
pub struct Over {
    /// The rows that are filtered and sorted there; none in a pane without a table.
    pub rows: Option<Listing>,
    /// What is marked there, or under the cursor.
    pub selected: Vec<Target>,
}

/// How a move that is being typed can go on: with its word, or with the column it asks for.
fn moves(text: &str, rows: Option<Listing>) -> Vec<Completion> {
    let offer = |(text, about): (String, String), line: String| Completion { text, about, line };
    if let (Some(typed), Some(rows)) = (text.strip_prefix("sort "), rows) {
        let columns = rows.columns().into_iter();
        return columns
            .filter(|(name, _)| name.starts_with(typed.trim_start()))
            .map(|column| {
                let line = format!("sort {}", column.0);
                offer(column, line)
            })
            .collect();
    }
    Command::navs()
        .into_iter()
        .filter(|(word, _)| word.starts_with(text))
        .map(|nav| {
            let line = nav.0.clone();
            offer(nav, line)
        })
        .collect()
}

/// Puts pasted text of one line where the cursor is.
pub fn insert(input: &mut Input, text: &str) {
    for c in text.chars() {
        input.handle(tui_input::InputRequest::InsertChar(c));
    }
}

/// What is pasted as one line without anything that would do more than stand there. What is longer is no line.
pub fn pasted(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let line = printable(lines.join(" ").trim());
    line.chars().take(LONGEST_PASTE).collect()
}

/// The text behind its first `cells` cells.
fn behind(text: &str, cells: usize) -> &str {
    let mut passed = 0;
    for (at, c) in text.char_indices() {
        if passed >= cells {
            return &text[at..];
        }
        passed += c.width().unwrap_or(0);
    }
    if cells == 0 { text } else { "" }
}

impl Prompt {
    /// A line with something in it already.
    pub fn new(kind: Kind, text: &str, over: Over, fleet: &Fleet) -> Self {
        let mut prompt = Self {
            kind,
            over,
            input: Input::new(text.to_owned()),
            before: text.to_owned(),
            completions: Vec::new(),
            chosen: None,
            stem: text.to_owned(),
            recalled: None,
            error: None,
        };
        if kind == Kind::Palette {
            prompt.complete(fleet);
        }
        prompt
    }

    /// What is typed.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Says that the line cannot be taken, and keeps it open.
    pub fn refuse(&mut self, why: String) {
        self.error = Some(why);
    }

    /// Takes pasted text of one line.
    pub fn paste(&mut self, text: &str, fleet: &Fleet) -> Typed {
        insert(&mut self.input, text);
        self.changed(fleet)
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, history: &History, fleet: &Fleet) -> Typed {
        match edit(key) {
            Edit::Cancel => return Typed::Left(self.kind, self.before.clone()),
            Edit::Accept => return Typed::Taken(self.kind, self.input.value().to_owned()),
            // There is nothing else to choose: what follows is offered at once.
            Edit::Complete if self.completions.len() == 1 => {
                self.choose(1);
                return self.changed(fleet);
            }
            Edit::Complete => self.choose(1),
            Edit::CompleteBack => self.choose(-1),
            Edit::Next if self.recalled.is_some() => self.recall(-1, history),
            Edit::Next if !self.completions.is_empty() => self.choose(1),
            Edit::Previous if self.chosen.is_some() => self.choose(-1),
            Edit::Previous => self.recall(1, history),
            Edit::Next | Edit::PageDown | Edit::PageUp => {}
            Edit::Other => {
                let erasing = self.input.value().is_empty() && super::keymap::is_backspace(key);
                if erasing {
                    return Typed::Left(self.kind, self.before.clone());
                }
                if self.input.handle_event(&Event::Key(key)).is_some() {
                    return self.changed(fleet);
                }
            }
        }
        Typed::More(self.input.value().to_owned())
    }

    fn changed(&mut self, fleet: &Fleet) -> Typed {
        self.error = None;
        self.recalled = None;
        self.input.value().clone_into(&mut self.stem);
        self.complete(fleet);
        Typed::More(self.input.value().to_owned())
    }

    /// Whether what is typed begins with that word of a sentence.
    pub fn is_about(&self, noun: &str) -> bool {
        self.kind == Kind::Palette && self.input.value().trim_start().starts_with(noun)
    }

    /// What can be offered is worked out anew: the fleet has more in it.
    pub fn refresh(&mut self, fleet: &Fleet) {
        if self.chosen.is_none() {
            self.complete(fleet);
        }
    }

    fn complete(&mut self, fleet: &Fleet) {
        self.chosen = None;
        let text = self.input.value();
        if self.kind != Kind::Palette {
            self.completions = match self.over.rows {
                Some(rows) if !text.ends_with(char::is_whitespace) && !text.is_empty() => {
                    rows.complete(text, fleet)
                }
                _ => Vec::new(),
            };
            return;
        }
        self.completions = moves(text, self.over.rows);
        let sentences = Sentence::complete(text, fleet, &self.over.selected);
        if text.is_empty() {
            // Nouns before moves: the palette is for sentences.
            let moves = std::mem::replace(&mut self.completions, sentences);
            self.completions.extend(moves);
        } else {
            self.completions.extend(sentences);
        }
    }

    fn choose(&mut self, by: isize) {
        let count = self.completions.len();
        if count == 0 {
            return;
        }
        let next = match self.chosen {
            None if by > 0 => Some(0),
            None => Some(count - 1),
            Some(at) => at.checked_add_signed(by).filter(|at| *at < count),
        };
        self.chosen = next;
        let text = next.map_or_else(|| self.stem.clone(), |at| self.completions[at].line.clone());
        self.input = Input::new(text);
    }

    fn recall(&mut self, by: isize, history: &History) {
        let lines = &history.0;
        let next = match self.recalled {
            None if by > 0 => Some(0),
            None => None,
            Some(at) => at.checked_add_signed(by),
        };
        match next {
            Some(back) if back < lines.len() => {
                self.recalled = Some(back);
                self.input = Input::new(lines[lines.len() - 1 - back].clone());
            }
            Some(_) => {}
            None => {
                self.recalled = None;
                self.input = Input::new(self.stem.clone());
            }
        }
    }

    /// Draws the line at the bottom of `area`, with completions above it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let line = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        frame.render_widget(Clear, line);
        let sign = match self.kind {
            Kind::Palette => ":",
            Kind::Filter if self.over.rows.is_some() => "/",
            Kind::Filter => "&",
            Kind::Search { back: false } => "/",
            Kind::Search { back: true } => "?",
        };
        let room = usize::from(line.width.saturating_sub(2));
        let scroll = self.input.visual_scroll(room);
        let shown = behind(self.input.value(), scroll);
        let buffer = frame.buffer_mut();
        buffer.set_style(line, look.theme.prompt);
        buffer.set_string(line.x, line.y, sign, look.theme.key);
        let (end, _) = buffer.set_stringn(line.x + 1, line.y, shown, room, look.theme.prompt);
        self.view_tail(look, frame, line, end);
        let cursor = u16::try_from(self.input.visual_cursor().max(scroll) - scroll).unwrap_or(0);
        frame.set_cursor_position((
            line.x + 1 + cursor.min(line.width.saturating_sub(2)),
            line.y,
        ));
        if area.height > 4 {
            self.view_completions(look, frame, area);
        }
    }

    /// What stands after the typed text: an error, or what completion would add.
    fn view_tail(&self, look: &Look, frame: &mut Frame<'_>, line: Rect, end: u16) {
        let left = usize::from(line.right().saturating_sub(end + 1));
        if let Some(error) = &self.error {
            let error = cut(error, left.saturating_sub(2), &look.glyphs);
            frame.buffer_mut().set_stringn(
                end + 2,
                line.y,
                look.glyphs.plain(&error),
                left.saturating_sub(2),
                look.theme.bad,
            );
        } else if self.chosen.is_none()
            && let Some(first) = self.completions.first()
            && let Some(rest) = first.line.strip_prefix(self.input.value())
        {
            frame
                .buffer_mut()
                .set_stringn(end, line.y, rest, left, look.theme.ghost);
        }
    }

    fn view_completions(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let count = self
            .completions
            .len()
            .min(SHOWN)
            .min(usize::from(area.height - 2));
        if count == 0 {
            return;
        }
        let first = self.chosen.map_or(0, |at| (at + 1).saturating_sub(count));
        let top = area.bottom() - 1 - u16::try_from(count).unwrap_or(0);
        for (y, (at, one)) in
            (top..).zip(self.completions.iter().enumerate().skip(first).take(count))
        {
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            let style = if Some(at) == self.chosen {
                look.theme.cursor
            } else {
                look.theme.suggestion
            };
            frame.render_widget(Clear, row);
            let buffer = frame.buffer_mut();
            buffer.set_style(row, style);
            let half = usize::from(row.width / 2).max(20);
            let text = cut(&one.text, half - 1, &look.glyphs);
            buffer.set_stringn(row.x + 1, y, &text, half, style);
            let about_at = row.x + u16::try_from(half + 1).unwrap_or(0);
            let left = usize::from(row.right().saturating_sub(about_at));
            let about = cut(&one.about, left, &look.glyphs);
            buffer.set_stringn(
                about_at,
                y,
                look.glyphs.plain(&about),
                left,
                look.theme.faint.patch(style),
            );
        }
    }
}
