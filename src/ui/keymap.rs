//! Key maps: files of chords and sentences, parsed into commands when they are read.

use std::{collections::BTreeMap, fmt};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};

use toml::de::{DeTable, DeValue};

use super::command::{Command, Reader};

/// The key maps that are part of the program, by name.
pub const EMBEDDED: &[(&str, &str)] = &[
    (DEFAULT, include_str!("../../keymaps/default.toml")),
    ("emacs", include_str!("../../keymaps/emacs.toml")),
    ("k9s", include_str!("../../keymaps/k9s.toml")),
    ("lazydocker", include_str!("../../keymaps/lazydocker.toml")),
];

/// The key map that all others are laid over.
pub const DEFAULT: &str = "default";

/// The sections of a key map: everywhere, and one for each pane.
pub const SECTIONS: &[&str] = &[
    "global",
    "overview",
    "hosts",
    "containers",
    "apps",
    "detail",
    "logs",
    "images",
    "subnets",
    "volumes",
    "templates",
    "operations",
    "pipelines",
    "swarms",
    "settings",
    "welcome",
];

/// One press of a key, without what cannot be told apart on every terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Press {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
}

impl From<KeyEvent> for Press {
    fn from(key: KeyEvent) -> Self {
        let code = match key.code {
            KeyCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Self {
            code,
            ctrl: key.modifiers.contains(KeyModifiers::CONTROL),
            alt: key.modifiers.contains(KeyModifiers::ALT),
        }
    }
}

/// Names of keys that are not a character, as key maps write them.
const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("backspace", KeyCode::Backspace),
];

impl Press {
    /// Reads `x`, `G`, `ctrl-r`, `alt-enter`, `f5`, `space`.
    fn parse(text: &str) -> Option<Self> {
        let mut press = Self {
            code: KeyCode::Null,
            ctrl: false,
            alt: false,
        };
        let mut rest = text;
        loop {
            if let Some(more) = rest.strip_prefix("ctrl-").filter(|more| !more.is_empty()) {
                press.ctrl = true;
                rest = more;
            } else if let Some(more) = rest.strip_prefix("alt-").filter(|more| !more.is_empty()) {
                press.alt = true;
                rest = more;
            } else {
                break;
            }
        }
        press.code = code(rest)?;
        Some(press)
    }
}

/// Reads a key without its modifiers.
pub(super) fn code(text: &str) -> Option<KeyCode> {
    let mut chars = text.chars();
    if let (Some(one), None) = (chars.next(), chars.next()) {
        return Some(KeyCode::Char(one));
    }
    if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == text) {
        return Some(*code);
    }
    let number = text.strip_prefix('f')?.parse().ok()?;
    (1..=12).contains(&number).then_some(KeyCode::F(number))
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "f{n}"),
            _ => f.write_str("?"),
        }
    }
}

/// A key event that types text into a line.
pub fn typed(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(c)
            if !key
                .modifiers
                .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
        {
            Some(c)
        }
        _ => None,
    }
}

/// What a key means to a line of text or a list that is open over a pane. These keys are the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Take what is typed or chosen.
    Accept,
    /// Close without it.
    Cancel,
    /// The next of a list.
    Next,
    /// The one before.
    Previous,
    /// Complete what is typed.
    Complete,
    /// Complete backwards.
    CompleteBack,
    /// A page down.
    PageDown,
    /// A page up.
    PageUp,
    /// Anything else.
    Other,
}

/// Whether a key stops what runs, over a window that shows it.
pub fn stops(key: KeyEvent) -> bool {
    let press = Press::from(key);
    press.ctrl && press.code == KeyCode::Char('x')
}

/// Reads a key for an open line or list.
pub fn edit(key: KeyEvent) -> Edit {
    let press = Press::from(key);
    match press.code {
        KeyCode::Enter => Edit::Accept,
        KeyCode::Esc => Edit::Cancel,
        KeyCode::Char('c' | 'g') if press.ctrl => Edit::Cancel,
        KeyCode::Char('n') if press.ctrl => Edit::Next,
        KeyCode::Char('p') if press.ctrl => Edit::Previous,
        KeyCode::Down => Edit::Next,
        KeyCode::Up => Edit::Previous,
        KeyCode::Tab => Edit::Complete,
        KeyCode::BackTab => Edit::CompleteBack,
        KeyCode::PageDown => Edit::PageDown,
        KeyCode::PageUp => Edit::PageUp,
        _ => Edit::Other,
    }
}

/// One line of a key map.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    chord: Vec<Press>,
    /// The sentence as written.
    pub line: String,
    /// What it means.
    pub command: Command,
}

impl Binding {
    /// Whether the chord goes on from what is pressed.
    pub fn begins_with(&self, pressed: &[Press]) -> bool {
        self.chord.len() > pressed.len() && self.chord.starts_with(pressed)
    }

    /// The chord as people read it: `x d`, `ctrl-r`.
    pub fn keys(&self) -> String {
        written(&self.chord)
    }
}

/// A chord as people read it.
fn written(chord: &[Press]) -> String {
    let keys: Vec<_> = chord.iter().map(ToString::to_string).collect();
    keys.join(" ")
}

/// What the keys pressed so far mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// Nothing begins so.
    Nothing,
    /// The beginning of a chord.
    More,
    /// A command.
    Found(Box<Command>),
}

/// All bindings, by section.
#[derive(Clone, Debug, Default)]
pub struct Keymap {
    sections: BTreeMap<String, Vec<Binding>>,
}

/// A key map that cannot be used as it is: every wrong place, with its line from 1 where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeymapError(pub Vec<(Option<usize>, String)>);

impl std::error::Error for KeymapError {}

impl fmt::Display for KeymapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.0.iter().map(|(_, text)| text.as_str()).collect();
        f.write_str(&texts.join("\n"))
    }
}

/// The line of a byte, from 1.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before.filter(|byte| **byte == b'\n').count() + 1
}

impl Keymap {
    /// The key map of that name that is part of the program: the default one, and the named one
    /// laid over it.
    pub fn embedded(name: &str) -> Option<Self> {
        let text = |wanted: &str| {
            let (_, text) = EMBEDDED.iter().find(|(known, _)| *known == wanted)?;
            Some(*text)
        };
        let mut keymap = Self::default();
        keymap.overlay(text(DEFAULT)?).ok()?;
        if name != DEFAULT {
            keymap.overlay(text(name)?).ok()?;
        }
        Some(keymap)
    }

    /// Lays a file's bindings over those that are here, chord by chord; an empty sentence takes a
    /// binding away. A key that was the beginning of longer chords takes their place, and the other
    /// way round. Right lines are taken even when others are wrong.
    pub fn overlay(&mut self, text: &str) -> Result<(), KeymapError> {
        let line = |span: std::ops::Range<usize>| Some(line_at(text, span.start));
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().and_then(line);
            KeymapError(vec![(at, format!("it is not TOML: {}", error.message()))])
        })?;
        let mut wrong = Vec::new();
        let mut reader = Reader::default();
        for (section, bindings) in table.get_ref() {
            let (at, section) = (line(section.span()), section.get_ref().as_ref());
            if !SECTIONS.contains(&section) {
                let known = SECTIONS.join(", ");
                wrong.push((
                    at,
                    format!("[{section}]: there is no such pane; use one of {known}"),
                ));
                continue;
            }
            let DeValue::Table(bindings) = bindings.get_ref() else {
                wrong.push((
                    at,
                    format!("{section}: is no table of keys; write [{section}]"),
                ));
                continue;
            };
            let mut own = Vec::new();
            for (keys, value) in bindings {
                let (at, keys) = (line(keys.span()), keys.get_ref().as_ref());
                let said = value.get_ref().as_str();
                if let Err(why) = self.bind(section, keys, said, &mut own, &mut reader) {
                    wrong.push((at, format!("[{section}] \"{keys}\": {why}")));
                }
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(KeymapError(wrong))
        }
    }

    /// Binds one chord; `own` are those that the same file has bound before.
    fn bind(
        &mut self,
        section: &str,
        keys: &str,
        line: Option<&str>,
        own: &mut Vec<Vec<Press>>,
        reader: &mut Reader,
    ) -> Result<(), String> {
        let line = line.ok_or("its value is no text")?;
        let chord: Option<Vec<Press>> = keys.split(' ').map(Press::parse).collect();
        let chord = chord
            .filter(|chord| !chord.is_empty())
            .ok_or("this is no key")?;
        let clashes = |other: &[Press]| other.starts_with(&chord) || chord.starts_with(other);
        let bindings = self.sections.entry(section.to_owned()).or_default();
        if line.is_empty() {
            bindings.retain(|one| one.chord != chord);
            return Ok(());
        }
        if let Some(clash) = own.iter().find(|other| clashes(other)) {
            return Err(format!(
                "one is the beginning of the other: \"{}\"",
                written(clash)
            ));
        }
        let command = reader
            .read(line)
            .map_err(|error| error.summary().to_owned())?;
        bindings.retain(|one| !clashes(&one.chord));
        own.push(chord.clone());
        bindings.push(Binding {
            chord,
            line: line.to_owned(),
            command,
        });
        Ok(())
    }

    /// What the pressed keys mean in a pane; the pane's own bindings come first.
    pub fn lookup(&self, pane: &str, pressed: &[Press]) -> Lookup {
        let mut more = false;
        for section in [pane, "global"] {
            for binding in self.section(section) {
                if binding.chord == pressed {
                    return Lookup::Found(Box::new(binding.command.clone()));
                }
                more |= binding.chord.starts_with(pressed);
            }
            if more {
                return Lookup::More;
            }
        }
        Lookup::Nothing
    }

    /// The bindings of a section, in the order of their keys.
    pub fn section(&self, section: &str) -> &[Binding] {
        self.sections.get(section).map_or(&[], Vec::as_slice)
    }

    /// The bindings of all panes, without those whose keys mean something else in this one.
    pub fn everywhere(&self, pane: &str) -> impl Iterator<Item = &Binding> {
        let own = self.section(pane);
        self.section("global").iter().filter(move |one| {
            !own.iter().any(|other| {
                other.chord.starts_with(&one.chord) || one.chord.starts_with(&other.chord)
            })
        })
    }

    /// The keys for a sentence in a pane, the shortest first.
    pub fn keys_for(&self, pane: &str, line: &str) -> Option<String> {
        self.section(pane)
            .iter()
            .chain(self.everywhere(pane))
            .filter(|one| one.line == line)
            .min_by_key(|one| one.keys().len())
            .map(Binding::keys)
    }
}

/// The key that a notch of the mouse wheel stands for; none when it is something else of the mouse.
pub fn wheel(mouse: MouseEvent) -> Option<KeyEvent> {
    let code = match mouse.kind {
        MouseEventKind::ScrollDown => KeyCode::Down,
        MouseEventKind::ScrollUp => KeyCode::Up,
        MouseEventKind::ScrollLeft => KeyCode::Left,
        MouseEventKind::ScrollRight => KeyCode::Right,
        MouseEventKind::Down(_)
        | MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved => return None,
    };
    Some(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Whether a key takes away the character before the cursor.
pub fn is_backspace(key: KeyEvent) -> bool {
    key.code == KeyCode::Backspace
}
