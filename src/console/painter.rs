//! What is drawn, as few bytes: short moves, only the attributes that change, nothing for an unchanged frame.
//! On a serial line or a slow link the bytes of a frame are its time.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use ratatui::{
    backend::{Backend, ClearType, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr as _;

use crate::{model::printable, ui::look::Signs};

/// Between these a terminal that knows synchronized updates shows nothing halfway.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// Frames of fewer bytes come in one piece anyway.
const PIECE: usize = 256;

/// The attributes that text is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Pen {
    /// As after a reset.
    const PLAIN: Self = Self {
        fg: Color::Reset,
        bg: Color::Reset,
        modifier: Modifier::empty(),
    };

    fn of(cell: &Cell) -> Self {
        Self {
            fg: cell.fg,
            bg: cell.bg,
            modifier: cell.modifier,
        }
    }
}

/// The modifiers with the codes that turn them on and off.
const MODIFIERS: [(Modifier, u8, u8); 8] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// A terminal to draw on. Its size is fixed: whoever owns it makes another when the terminal's size changes.
pub struct Painter<W: Write> {
    terminal: W,
    size: Size,
    /// What is drawn and not yet written.
    frame: Vec<u8>,
    /// Where the terminal's cursor is; none when that is not known.
    at: Option<Position>,
    /// Whether all that was written since the cursor was last placed takes one cell on every terminal. Without
    /// that it is taken to be where the next sign belongs, but no step is measured from there.
    is_sure: bool,
    pen: Pen,
    cursor_shown: bool,
    /// Where the cursor is to be seen; none when it is to be hidden.
    cursor: Option<Position>,
    signs: Signs,
    /// Whether the terminal knows synchronized updates.
    synchronized: bool,
    /// Whether frames are only taken note of, because a slow line is written to piece by piece.
    muted: bool,
}

impl<W: Write> Painter<W> {
    /// A painter on a terminal whose cursor is hidden and whose attributes are reset.
    pub fn new(terminal: W, size: Size) -> Self {
        Self {
            terminal,
            size,
            frame: Vec::new(),
            at: None,
            is_sure: false,
            pen: Pen::PLAIN,
            cursor_shown: false,
            cursor: None,
            signs: Signs::All,
            synchronized: false,
            muted: false,
        }
    }

    /// Draws with these signs alone, whatever is asked for.
    #[must_use]
    pub fn with(mut self, signs: Signs) -> Self {
        self.signs = signs;
        self
    }

    /// Marks where frames begin and end, or no longer.
    pub fn synchronize(&mut self, synchronized: bool) {
        self.synchronized = synchronized;
    }

    /// Draws nothing of the frames to come, or draws them again. What was drawn already stays.
    pub fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// How many bytes are drawn and not yet written.
    pub fn waiting(&self) -> usize {
        self.frame.len()
    }

    /// What it writes to.
    pub fn terminal(&mut self) -> &mut W {
        &mut self.terminal
    }

    /// Takes another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Wipes the terminal. Written with the next flush.
    pub fn wipe(&mut self) {
        self.put_down();
        self.frame.extend_from_slice(b"\x1b[2J");
        // Wherever it was left: it is hidden until a frame places it.
        self.cursor_shown = true;
        self.cursor = None;
        self.place_cursor();
    }

    /// Adds a control sequence before all that waits.
    pub fn begin(&mut self, sequence: &[u8]) {
        self.frame.splice(..0, sequence.iter().copied());
    }

    /// Adds a control sequence that draws nothing and moves nothing.
    pub fn send(&mut self, sequence: &[u8]) {
        self.frame.extend_from_slice(sequence);
    }

    /// Draws one cell.
    pub fn cell(&mut self, x: u16, y: u16, cell: &Cell) {
        self.move_to(Position { x, y });
        self.set_pen(Pen::of(cell));
        let text = shown(cell.symbol(), self.signs);
        self.frame.extend_from_slice(text.as_bytes());
        let cells = u16::try_from(text.width()).unwrap_or(u16::MAX);
        // Terminals do not agree on where the cursor is behind the last column, and behind some signs.
        let is_known = text.chars().all(is_agreed) && x.saturating_add(cells) < self.size.width;
        self.at = is_known.then_some(Position { x: x + cells, y });
        self.is_sure &= text.is_ascii();
    }

    /// Shows the cursor where the last frame wanted it, or hides it.
    pub fn place_cursor(&mut self) {
        let Some(place) = self.cursor else {
            if self.cursor_shown {
                self.frame.extend_from_slice(b"\x1b[?25l");
                self.cursor_shown = false;
            }
            return;
        };
        if !self.cursor_shown {
            self.frame.extend_from_slice(b"\x1b[?25h");
            self.cursor_shown = true;
        }
        self.move_to(place);
    }

    /// Resets the attributes, so that somebody else may write. Written with the next flush.
    pub fn put_down(&mut self) {
        self.set_pen(Pen::PLAIN);
        self.at = None;
    }

    fn move_to(&mut self, to: Position) {
        if self.at == Some(to) {
            return;
        }
        let from = self.at.filter(|_| self.is_sure);
        let short = from.and_then(|from| short_move(from, to));
        let long = if to == Position::ORIGIN {
            b"\x1b[H".to_vec()
        } else {
            format!("\x1b[{};{}H", to.y + 1, to.x + 1).into_bytes()
        };
        match short {
            Some(short) if short.len() < long.len() => self.frame.extend_from_slice(&short),
            _ => {
                self.frame.extend_from_slice(&long);
                self.is_sure = true;
            }
        }
        self.at = Some(to);
    }

    fn set_pen(&mut self, pen: Pen) {
        let was = self.pen;
        if pen == was {
            return;
        }
        self.pen = pen;
        if pen == Pen::PLAIN {
            self.frame.extend_from_slice(b"\x1b[m");
            return;
        }
        let mut codes = Vec::new();
        let gone = was.modifier - pen.modifier;
        // One code ends both of these.
        let weight = Modifier::BOLD | Modifier::DIM;
        let mut fresh = pen.modifier - was.modifier;
        if gone.intersects(weight) {
            fresh |= pen.modifier & weight;
        }
        let mut ended = 0;
        for (modifier, _, off) in MODIFIERS {
            if gone.contains(modifier) && ended != off {
                codes.push(off.to_string());
                ended = off;
            }
        }
        for (modifier, on, _) in MODIFIERS {
            if fresh.contains(modifier) {
                codes.push(on.to_string());
            }
        }
        if pen.fg != was.fg {
            codes.push(colour(pen.fg, 30));
        }
        if pen.bg != was.bg {
            codes.push(colour(pen.bg, 40));
        }
        if !codes.is_empty() {
            let codes = codes.join(";");
            self.frame
                .extend_from_slice(format!("\x1b[{codes}m").as_bytes());
        }
    }
}

/// Whether all terminals give a character as many cells as we do: letters, lines and ideographs; not emoji, marks,
/// and what came into Unicode late.
fn is_agreed(c: char) -> bool {
    matches!(c,
        ' '..='~' | '\u{a1}'..='\u{2ff}' | '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}'
        | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2190}'..='\u{2319}' | '\u{2500}'..='\u{25fc}'
        | '\u{2713}'..='\u{2717}' | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{30a0}'..='\u{30ff}'
        | '\u{4e00}'..='\u{9fa5}' | '\u{ac00}'..='\u{d7a3}' | '\u{ff01}'..='\u{ff60}')
}

/// The text of a cell as the terminal may get it: nothing that it would obey, no sign that it lacks, as many cells.
fn shown(symbol: &str, signs: Signs) -> Cow<'_, str> {
    if let [b' '..=b'~'] = symbol.as_bytes() {
        return Cow::Borrowed(symbol);
    }
    let cells = symbol.width().max(1);
    let safe = printable(symbol);
    let text = signs.plain(&safe);
    match text.width() {
        same if same == cells && *text == *symbol => Cow::Borrowed(symbol),
        same if same == cells => Cow::Owned(text.into_owned()),
        less if less < cells => Cow::Owned(format!("{text}{:1$}", "", cells - less)),
        _ => Cow::Owned("?".repeat(cells)),
    }
}

/// A move that is made of steps, where it may be shorter than naming the place.
fn short_move(from: Position, to: Position) -> Option<Vec<u8>> {
    let down = to.y.checked_sub(from.y)?;
    let mut steps = Vec::new();
    step(&mut steps, down, b'B');
    if to.x == 0 && from.x != 0 {
        steps.push(b'\r');
    } else if to.x < from.x {
        let back = from.x - to.x;
        if back <= 3 {
            steps.extend(std::iter::repeat_n(b'\x08', usize::from(back)));
        } else {
            step(&mut steps, back, b'D');
        }
    } else {
        step(&mut steps, to.x - from.x, b'C');
    }
    Some(steps)
}

fn step(steps: &mut Vec<u8>, count: u16, letter: u8) {
    match count {
        0 => {}
        1 => steps.extend_from_slice(&[b'\x1b', b'[', letter]),
        _ => {
            steps.extend_from_slice(format!("\x1b[{count}").as_bytes());
            steps.push(letter);
        }
    }
}

/// The code of a colour; `base` is 30 for text and 40 for what is behind it.
fn colour(colour: Color, base: u8) -> String {
    let named = |number: u8| (base + number).to_string();
    let light = |number: u8| (base + 60 + number).to_string();
    match colour {
        Color::Reset => named(9),
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => light(0),
        Color::LightRed => light(1),
        Color::LightGreen => light(2),
        Color::LightYellow => light(3),
        Color::LightBlue => light(4),
        Color::LightMagenta => light(5),
        Color::LightCyan => light(6),
        Color::White => light(7),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
    }
}

impl<W: Write> Backend for Painter<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        if !self.muted {
            for (x, y, cell) in content {
                self.cell(x, y, cell);
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.cursor = None;
        if !self.muted {
            self.place_cursor();
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        // It is shown where it is placed next.
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = Some(position.into());
        if !self.muted {
            self.place_cursor();
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        if !self.muted {
            self.wipe();
        }
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        // Only inline viewports ask for less than all, and the console has none.
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        if self.synchronized && self.frame.len() >= PIECE {
            let marks = BEGIN.len() + END.len();
            let mut all = Vec::with_capacity(self.frame.len() + marks);
            all.extend_from_slice(BEGIN);
            all.append(&mut self.frame);
            all.extend_from_slice(END);
            self.terminal.write_all(&all)?;
        } else {
            self.terminal.write_all(&self.frame)?;
            self.frame.clear();
        }
        self.terminal.flush()
    }
}

#[cfg(test)]
mod tests;
