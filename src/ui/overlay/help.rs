//! Help: what every key does here and what can be said, with what cannot be done now and why; searched by typing.

use crossterm::event::{Event, KeyEvent};
use ratatui::{Frame, layout::Rect};
use tui_input::{Input, backend::crossterm::EventHandler};

use super::{Answer, Window, nothing, popup};
use crate::{
    model::Fleet,
    ops::{Danger, Entry, Sentence, target::Target},
    ui::{
        command::{Command, begun},
        keymap::{Binding, Edit, Keymap, edit, is_backspace, typed},
        look::{Look, cut, width},
    },
};

/// How many lines a page is.
const PAGE: usize = 10;

/// One line of help.
#[derive(Clone, Debug)]
enum Line {
    Title(String),
    Entry {
        keys: String,
        words: String,
        about: String,
        /// Why it cannot be done now.
        obstacle: Option<String>,
    },
}

/// What help is about: a pane, and what is selected in it.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// The pane's name.
    pub pane: &'static str,
    /// The keys in force.
    pub keymap: &'a Keymap,
    /// What the console knows.
    pub fleet: &'a Fleet,
    /// What is marked, or under the cursor.
    pub selection: &'a [Target],
}

/// The help of one pane.
#[derive(Debug)]
pub struct Help {
    pane: &'static str,
    lines: Vec<Line>,
    window: Window,
    search: Input,
}

impl About<'_> {
    /// Why a sentence cannot be done with the selection; none when it can.
    fn obstacle(&self, sentence: &Sentence) -> Option<String> {
        let refusal = sentence.plan(self.fleet, self.selection).err()?;
        Some(refusal.why)
    }

    /// Why an entry of the catalogue cannot be done now. One that needs more words can be begun when
    /// something that it takes is selected.
    fn obstacle_of(&self, entry: &Entry) -> Option<String> {
        if let Ok(sentence) = Sentence::parse(entry.words) {
            return self.obstacle(&sentence);
        }
        let fits = |target: &Target| entry.accepts.takes(self.fleet, target);
        let is_free = matches!(entry.accepts, crate::ops::Accepts::Nothing);
        let can = is_free || self.selection.iter().any(fits);
        (!can).then(|| "nothing that fits is selected".to_owned())
    }

    /// Nothing that changes something is there without the right to change anything.
    fn is_hidden(&self, binding: &Binding) -> bool {
        let changes =
            matches!(&binding.command, Command::Op(sentence) if sentence.danger() > Danger::Reads);
        self.fleet.read_only && changes
    }

    fn line(&self, binding: &Binding) -> Line {
        let obstacle = match &binding.command {
            Command::Op(sentence) => self.obstacle(sentence),
            Command::Nav(_) => {
                let begun = begun(&binding.line);
                let entry = begun
                    .and_then(|words| Sentence::catalogue().iter().find(|one| one.words == words));
                entry.and_then(|entry| self.obstacle_of(entry))
            }
        };
        Line::Entry {
            keys: binding.keys(),
            words: binding.line.clone(),
            about: Command::about(&binding.line),
            obstacle,
        }
    }

    /// What is selected, in a few words.
    fn selected(&self) -> String {
        match self.selection {
            [] => "nothing selected".to_owned(),
            [one] => one.text(self.fleet),
            many => format!("{} selected", many.len()),
        }
    }
}

/// Whether a key acts on the fleet, at once or after more words.
fn acts(binding: &Binding) -> bool {
    matches!(binding.command, Command::Op(_)) || begun(&binding.line).is_some()
}

impl Help {
    /// Gathers what can be done in a pane with what is selected there.
    pub fn new(about: About<'_>) -> Self {
        let (pane, keymap) = (about.pane, about.keymap);
        let own: Vec<&Binding> = keymap.section(pane).iter().collect();
        let all: Vec<&Binding> = keymap.everywhere(pane).collect();
        let mut lines = Vec::new();
        let mut group = |title: String, bindings: Vec<&Binding>| {
            let bindings: Vec<&Binding> = bindings
                .into_iter()
                .filter(|one| !about.is_hidden(one))
                .collect();
            if !bindings.is_empty() {
                lines.push(Line::Title(title));
                lines.extend(bindings.into_iter().map(|one| about.line(one)));
            }
        };
        let of = |from: &[&'_ Binding], wanted: bool| -> Vec<Binding> {
            from.iter()
                .filter(|one| acts(one) == wanted)
                .map(|one| (*one).clone())
                .collect()
        };
        let both: Vec<&Binding> = own.iter().chain(&all).copied().collect();
        let done = of(&both, true);
        group(
            format!("Now, with {}", about.selected()),
            done.iter().collect(),
        );
        let moves = of(&own, false);
        group(format!("In {pane}"), moves.iter().collect());
        let moves = of(&all, false);
        group("Everywhere".to_owned(), moves.iter().collect());
        lines.push(Line::Title("Sentences, for ':' and for the shell".into()));
        for entry in Sentence::catalogue() {
            if about.fleet.read_only && !entry.is_for_readers() {
                continue;
            }
            lines.push(Line::Entry {
                keys: keymap.keys_for(pane, entry.words).unwrap_or_default(),
                words: entry.words.to_owned(),
                about: entry.about.clone(),
                obstacle: about.obstacle_of(entry),
            });
        }
        Self {
            pane,
            lines,
            window: Window::default(),
            search: Input::default(),
        }
    }

    /// Searches, scrolls, or closes. Esc clears the search first.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let total = self.found().len();
        let is_searched = !self.search.value().is_empty();
        match (edit(key), typed(key)) {
            (Edit::Cancel, _) if is_searched => {
                self.search = Input::default();
                self.window = Window::default();
            }
            (Edit::Cancel | Edit::Accept, _) => return Answer::Close,
            (_, Some('?' | 'q')) if !is_searched => return Answer::Close,
            (Edit::Other, Some(' ')) if !is_searched => {
                self.window.key(Edit::PageDown, total, PAGE);
            }
            (Edit::Other, character) if character.is_some() || is_backspace(key) => {
                self.search.handle_event(&Event::Key(key));
                self.window = Window::default();
            }
            (edit, _) => self.window.key(edit, total, PAGE),
        }
        Answer::Stay
    }

    /// The lines that hold all words that are searched, each with the title of its group.
    fn found(&self) -> Vec<&Line> {
        let search = self.search.value().to_lowercase();
        let words: Vec<&str> = search.split_whitespace().collect();
        let mut found: Vec<&Line> = Vec::new();
        for line in &self.lines {
            match line {
                Line::Title(_) => {
                    // A group of which nothing was found has no title.
                    if matches!(found.last(), Some(Line::Title(_))) {
                        found.pop();
                    }
                    found.push(line);
                }
                Line::Entry {
                    keys,
                    words: said,
                    about,
                    ..
                } => {
                    let text = format!("{} {said} {about}", keys.to_lowercase()).to_lowercase();
                    if words.iter().all(|word| text.contains(word)) {
                        found.push(line);
                    }
                }
            }
        }
        if matches!(found.last(), Some(Line::Title(_))) {
            found.pop();
        }
        found
    }

    /// Draws it.
    pub fn view(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let height = u16::try_from(self.lines.len()).unwrap_or(u16::MAX);
        let title = match self.search.value() {
            "" => format!(
                "Help: {}  (type to search, up and down scroll, esc closes)",
                self.pane
            ),
            search => format!("Help: {}  /{search}  (esc clears)", self.pane),
        };
        let inner = popup(&title, (118, height), look.theme.popup, look, frame, area);
        let found = self.found();
        if found.is_empty() {
            return nothing("Nothing here is called so.", look, frame, inner);
        }
        let top = self.window.top(found.len(), usize::from(inner.height));
        let keys_of = |line: &Line| match line {
            Line::Title(_) => 0,
            Line::Entry { keys, .. } => width(keys),
        };
        let keys = self
            .lines
            .iter()
            .map(keys_of)
            .max()
            .unwrap_or(0)
            .clamp(6, 14);
        let words = if inner.width < 90 { 24 } else { 44 };
        for (y, line) in (inner.y..inner.bottom()).zip(found.into_iter().skip(top)) {
            let row = Rect {
                y,
                height: 1,
                ..inner
            };
            draw(line, (keys, words), look, frame, row);
        }
    }
}

/// Draws a line: keys, what is said, and what that does or why it cannot be done now.
fn draw(
    line: &Line,
    (keys_room, words_room): (usize, usize),
    look: &Look,
    frame: &mut Frame<'_>,
    row: Rect,
) {
    let (theme, glyphs, buffer) = (&look.theme, &look.glyphs, frame.buffer_mut());
    let room = usize::from(row.width);
    let (keys, words, about, obstacle) = match line {
        Line::Title(title) => {
            buffer.set_stringn(row.x, row.y, glyphs.plain(title), room, theme.title);
            return;
        }
        Line::Entry {
            keys,
            words,
            about,
            obstacle,
        } => (keys, words, about, obstacle),
    };
    let dim = obstacle.is_some();
    let mut put = |skip: usize, cells: usize, text: &str, style| {
        let cells = cells.min(room.saturating_sub(skip));
        let text = glyphs.plain(text);
        let text = cut(&text, cells, glyphs);
        let x = row.x + u16::try_from(skip.min(room)).unwrap_or(0);
        buffer.set_stringn(x, row.y, &text, cells, style);
    };
    put(
        2,
        keys_room,
        keys,
        if dim { theme.faint } else { theme.key },
    );
    let said = 2 + keys_room + 1;
    put(
        said,
        words_room,
        words,
        if dim { theme.faint } else { theme.text },
    );
    let told = said + words_room + 1;
    match obstacle {
        Some(why) => put(told, room, &format!("not now: {why}"), theme.faint),
        None => put(told, room, about, theme.hint),
    }
}
