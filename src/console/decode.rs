//! Bytes of a terminal as keys, pastes and answers, wherever they are cut: a slow line brings them one by one.

use std::collections::VecDeque;

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

/// The longest sequence that is waited for; text of a terminal's own may be longer.
const LONGEST: usize = 4096;
/// What is pasted beyond this is left out, in bytes.
const LONGEST_PASTE: usize = 1 << 20;
/// So many bytes that come at once, with an end of line among them, were not typed.
const PASTED: usize = 24;

const ESC: u8 = 0x1b;
/// What begins a sequence behind an escape.
const INTRODUCERS: &[u8] = b"[]OPX^_";
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody did something.
    Event(Event),
    /// Whether the terminal knows synchronized updates.
    Synchronized(bool),
    /// How light the background of the terminal is: 0 black, 1 white.
    Background(u8),
}

/// Takes bytes apart.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// What was pasted so far, while a paste goes on.
    paste: Option<Vec<u8>>,
    heard: VecDeque<Heard>,
}

/// What the beginning of some bytes is.
enum Found {
    /// So many bytes that mean this, if anything.
    Whole(usize, Option<Heard>),
    /// The beginning of something.
    Part,
}

impl Decoder {
    /// Takes in what was read at once.
    pub fn read(&mut self, bytes: &[u8]) {
        if self.bytes.is_empty() && self.paste.is_none() && is_pasted(bytes) {
            let text = String::from_utf8_lossy(bytes).replace('\r', "\n");
            self.heard.push_back(Heard::Event(Event::Paste(text)));
            return;
        }
        self.bytes.extend_from_slice(bytes);
        self.advance(false);
    }

    /// The next thing that was heard.
    pub fn next(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// Whether something has begun and is not whole.
    pub fn is_waiting(&self) -> bool {
        !self.bytes.is_empty() || self.paste.is_some()
    }

    /// Whether a paste has begun and has not ended.
    pub fn is_pasting(&self) -> bool {
        self.paste.is_some()
    }

    /// Whether an escape is all that waits, and these bytes make no sequence of it unless they came with it.
    pub fn is_escape_before(&self, bytes: &[u8]) -> bool {
        self.bytes == [ESC]
            && bytes
                .first()
                .is_some_and(|byte| !INTRODUCERS.contains(byte))
    }

    /// Nothing more comes: what has begun is what is there. An escape is the key of that name.
    pub fn give_up(&mut self) {
        if let Some(mut paste) = self.paste.take() {
            paste.append(&mut self.bytes);
            self.pasted(&paste);
        }
        self.advance(true);
    }

    fn advance(&mut self, is_last: bool) {
        loop {
            if self.paste.is_some() {
                if !self.advance_paste() {
                    return;
                }
                continue;
            }
            if self.bytes.is_empty() {
                return;
            }
            if self.bytes.starts_with(PASTE_BEGINS) {
                self.bytes.drain(..PASTE_BEGINS.len());
                self.paste = Some(Vec::new());
                continue;
            }
            let found = match parse(&self.bytes) {
                Found::Part if self.bytes.len() > LONGEST => Found::Whole(self.bytes.len(), None),
                Found::Part if is_last => cut_off(&self.bytes),
                found => found,
            };
            let Found::Whole(count, heard) = found else {
                return;
            };
            self.bytes.drain(..count);
            self.heard.extend(heard);
        }
    }

    /// Takes in pasted text; whether its end was there.
    fn advance_paste(&mut self) -> bool {
        let Some(paste) = &mut self.paste else {
            return true;
        };
        let end = memchr::memmem::find(&self.bytes, PASTE_ENDS);
        // What may be the beginning of the end is kept.
        let upto = end.unwrap_or_else(|| self.bytes.len().saturating_sub(PASTE_ENDS.len() - 1));
        let room = LONGEST_PASTE.saturating_sub(paste.len());
        paste.extend_from_slice(&self.bytes[..upto.min(room)]);
        self.bytes.drain(..upto);
        if end.is_none() {
            return false;
        }
        self.bytes.drain(..PASTE_ENDS.len());
        let paste = self.paste.take().unwrap_or_default();
        self.pasted(&paste);
        true
    }

    fn pasted(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes)
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        self.heard.push_back(Heard::Event(Event::Paste(text)));
    }
}

/// Whether bytes that came at once are text of several lines: nobody types so fast.
fn is_pasted(bytes: &[u8]) -> bool {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let is_text = |byte: &u8| *byte >= b' ' && *byte != 0x7f || is_end(byte) || *byte == b'\t';
    let inner = bytes.iter().rposition(|byte| !is_end(byte)).unwrap_or(0);
    bytes.len() >= PASTED && bytes.iter().all(is_text) && bytes[..inner].iter().any(is_end)
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Heard {
    Heard::Event(Event::Key(KeyEvent::new(code, modifiers)))
}

/// What is left of a sequence that does not go on.
fn cut_off(bytes: &[u8]) -> Found {
    match bytes {
        [ESC] => Found::Whole(1, Some(key(KeyCode::Esc, KeyModifiers::NONE))),
        [ESC, letter] if INTRODUCERS.contains(letter) => Found::Whole(
            2,
            Some(key(KeyCode::Char(char::from(*letter)), KeyModifiers::ALT)),
        ),
        other => Found::Whole(other.len(), None),
    }
}

/// Reads the beginning of `bytes`, of which there is at least one.
fn parse(bytes: &[u8]) -> Found {
    match bytes {
        [ESC] => Found::Part,
        [ESC, b'[', ..] => parse_csi(bytes),
        [ESC, b'O'] => Found::Part,
        [ESC, b'O', letter, ..] => Found::Whole(3, letter_key(*letter, KeyModifiers::NONE)),
        [ESC, b']' | b'P' | b'X' | b'^' | b'_', ..] => parse_string(bytes),
        [ESC, ESC, ..] => Found::Whole(1, Some(key(KeyCode::Esc, KeyModifiers::NONE))),
        [ESC, rest @ ..] => match parse_char(rest) {
            Found::Whole(count, heard) => Found::Whole(count + 1, heard.map(with_alt)),
            Found::Part => Found::Part,
        },
        _ => parse_char(bytes),
    }
}

fn with_alt(heard: Heard) -> Heard {
    match heard {
        Heard::Event(Event::Key(mut key)) => {
            key.modifiers |= KeyModifiers::ALT;
            Heard::Event(Event::Key(key))
        }
        other => other,
    }
}

/// A key that is one character, or one byte below the letters.
fn parse_char(bytes: &[u8]) -> Found {
    let first = bytes[0];
    let control = |letter: u8| key(KeyCode::Char(char::from(letter)), KeyModifiers::CONTROL);
    let plain = |code: KeyCode| key(code, KeyModifiers::NONE);
    let one = match first {
        0 => control(b' '),
        b'\t' => plain(KeyCode::Tab),
        b'\r' => plain(KeyCode::Enter),
        0x01..=0x1a => control(first - 1 + b'a'),
        0x1c..=0x1f => control(first - 0x1c + b'4'),
        0x7f => plain(KeyCode::Backspace),
        b' '..=b'~' => character(char::from(first)),
        _ => return parse_utf8(bytes),
    };
    Found::Whole(1, Some(one))
}

fn character(c: char) -> Heard {
    let modifiers = if c.is_uppercase() {
        KeyModifiers::SHIFT
    } else {
        KeyModifiers::NONE
    };
    key(KeyCode::Char(c), modifiers)
}

fn parse_utf8(bytes: &[u8]) -> Found {
    let length = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Found::Whole(1, None),
    };
    let there = &bytes[..length.min(bytes.len())];
    match std::str::from_utf8(there) {
        Ok(text) => Found::Whole(length, text.chars().next().map(character)),
        Err(error) if error.error_len().is_none() => Found::Part,
        Err(_) => Found::Whole(1, None),
    }
}

/// A sequence with a text of the terminal's own, up to BEL or ST.
fn parse_string(bytes: &[u8]) -> Found {
    let bell = bytes
        .iter()
        .position(|byte| *byte == 0x07)
        .map(|at| (at, 1));
    let end = memchr::memmem::find(bytes, b"\x1b\\").map(|at| (at, 2));
    match bell.into_iter().chain(end).min() {
        None => Found::Part,
        Some((at, length)) => Found::Whole(at + length, background(&bytes[2..at])),
    }
}

/// The answer to the question for the background's colour: `11;rgb:1c1c/1c1c/1c1c`.
fn background(text: &[u8]) -> Option<Heard> {
    let text = std::str::from_utf8(text).ok()?;
    let colours = text.strip_prefix("11;rgb:")?;
    let part = |part: &str| {
        let value = u32::from_str_radix(part, 16).ok()?;
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok()?)? - 1;
        (most > 0).then(|| value * 255 / most)
    };
    let mut parts = colours.split('/').map(part);
    let (red, green, blue) = (parts.next()??, parts.next()??, parts.next()??);
    // The weights of the eye, in thousands.
    let light = (red * 299 + green * 587 + blue * 114) / 1000;
    u8::try_from(light).ok().map(Heard::Background)
}

fn parse_csi(bytes: &[u8]) -> Found {
    match bytes {
        [_, _] => return Found::Part,
        // The first function keys of the text console.
        [_, _, b'['] => return Found::Part,
        [_, _, b'[', letter, ..] => {
            let number = letter.checked_sub(b'A').filter(|number| *number < 5);
            let code = number.map(|number| KeyCode::F(number + 1));
            return Found::Whole(4, code.map(|code| key(code, KeyModifiers::NONE)));
        }
        _ => {}
    }
    for (at, byte) in bytes.iter().enumerate().skip(2) {
        match byte {
            b' '..=b'?' => {}
            b'@'..=b'~' => return Found::Whole(at + 1, csi(&bytes[2..at], *byte)),
            // It was broken off; what broke it off counts by itself.
            _ => return Found::Whole(at, None),
        }
    }
    Found::Part
}

/// What a control sequence means: its parameters, and the letter at its end.
fn csi(parameters: &[u8], letter: u8) -> Option<Heard> {
    let text = std::str::from_utf8(parameters).ok()?;
    if let Some(answer) = text.strip_prefix('?') {
        // 1 and 2: it is on or off, and can be turned. 0: not known; 3 and 4: it cannot be turned.
        let state = answer.strip_prefix("2026;")?.strip_suffix('$')?;
        return (letter == b'y').then_some(Heard::Synchronized(matches!(state, "1" | "2")));
    }
    if let Some(place) = text.strip_prefix('<') {
        return mouse(place, letter == b'm');
    }
    let mut numbers = text.split(';').map(|part| {
        let number = part.split(':').next().unwrap_or_default();
        number.parse::<u32>().ok()
    });
    let first = numbers.next().flatten();
    let modifiers = modifiers(numbers.next().flatten().unwrap_or(1));
    match letter {
        b'~' if first == Some(27) => key_of_code(numbers.next().flatten()?, modifiers),
        b'~' => Some(key(numbered(first?)?, modifiers)),
        b'u' => key_of_code(first?, modifiers),
        b'I' if text.is_empty() => Some(Heard::Event(Event::FocusGained)),
        b'O' if text.is_empty() => Some(Heard::Event(Event::FocusLost)),
        // A report of the cursor's place looks like F3 with modifiers; nobody asks for one.
        _ if first.is_none_or(|first| first == 1) => letter_key(letter, modifiers),
        _ => None,
    }
}

fn modifiers(number: u32) -> KeyModifiers {
    let mask = number.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
    ] {
        if mask & bit != 0 {
            modifiers |= modifier;
        }
    }
    modifiers
}

fn letter_key(letter: u8, modifiers: KeyModifiers) -> Option<Heard> {
    let code = match letter {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(letter - b'P' + 1),
        b'Z' => return Some(key(KeyCode::BackTab, modifiers | KeyModifiers::SHIFT)),
        _ => return None,
    };
    Some(key(code, modifiers))
}

fn numbered(number: u32) -> Option<KeyCode> {
    let function = |from: u32, first: u8| {
        let further = u8::try_from(number - from).ok()?;
        Some(KeyCode::F(first + further))
    };
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => function(11, 1),
        17..=21 => function(17, 6),
        23..=26 => function(23, 11),
        28 | 29 => function(28, 15),
        31..=34 => function(31, 17),
        _ => None,
    }
}

/// A key that a terminal names by its character.
fn key_of_code(code: u32, modifiers: KeyModifiers) -> Option<Heard> {
    let code = match char::from_u32(code)? {
        '\u{1b}' => KeyCode::Esc,
        '\r' => KeyCode::Enter,
        '\t' if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        '\t' => KeyCode::Tab,
        '\u{7f}' | '\u{8}' => KeyCode::Backspace,
        c if c.is_control() => return None,
        c => KeyCode::Char(c),
    };
    Some(key(code, modifiers))
}

/// What was done with the mouse: `button;column;row`.
fn mouse(place: &str, released: bool) -> Option<Heard> {
    let mut numbers = place.split(';').map(str::parse::<u16>);
    let (button, column, row) = (
        numbers.next()?.ok()?,
        numbers.next()?.ok()?.checked_sub(1)?,
        numbers.next()?.ok()?.checked_sub(1)?,
    );
    let which = match button & 0b11 {
        0 => Some(MouseButton::Left),
        1 => Some(MouseButton::Middle),
        2 => Some(MouseButton::Right),
        _ => None,
    };
    let kind = match (button & 0b1110_0000, button & 0b11, which) {
        (64, 0, _) => MouseEventKind::ScrollUp,
        (64, 1, _) => MouseEventKind::ScrollDown,
        (64, 2, _) => MouseEventKind::ScrollLeft,
        (64, 3, _) => MouseEventKind::ScrollRight,
        (32, _, Some(which)) => MouseEventKind::Drag(which),
        (32, _, None) => MouseEventKind::Moved,
        (0, _, Some(which)) if released => MouseEventKind::Up(which),
        (0, _, Some(which)) => MouseEventKind::Down(which),
        _ => return None,
    };
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (4, KeyModifiers::SHIFT),
        (8, KeyModifiers::ALT),
        (16, KeyModifiers::CONTROL),
    ] {
        if button & bit != 0 {
            modifiers |= modifier;
        }
    }
    Some(Heard::Event(Event::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers,
    })))
}

#[cfg(test)]
mod tests;
