//! What is drawn, as few bytes: short moves, only the attributes that change, nothing for an unchanged frame.
//! On a serial line or a slow link the bytes of a frame are its time.

use std::io::{self, Write};

use ratatui::{
    backend::{Backend, ClearType, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr as _;

/// Between these a terminal that knows synchronized updates shows nothing halfway; others pass over them.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

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
        }
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
        for (x, y, cell) in content {
            self.move_to(Position { x, y });
            self.set_pen(Pen::of(cell));
            let symbol = cell.symbol();
            self.frame.extend_from_slice(symbol.as_bytes());
            // Terminals do not agree on where the cursor is behind the last column.
            let is_known = symbol.width() == 1 && x + 1 < self.size.width;
            self.at = is_known.then_some(Position { x: x + 1, y });
            self.is_sure &= symbol.is_ascii();
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor_shown {
            self.frame.extend_from_slice(b"\x1b[?25l");
            self.cursor_shown = false;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !self.cursor_shown {
            self.frame.extend_from_slice(b"\x1b[?25h");
            self.cursor_shown = true;
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.move_to(position.into());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.put_down();
        self.frame.extend_from_slice(b"\x1b[2J");
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
        let mut all = Vec::with_capacity(self.frame.len() + BEGIN.len() + END.len());
        all.extend_from_slice(BEGIN);
        all.append(&mut self.frame);
        all.extend_from_slice(END);
        self.terminal.write_all(&all)?;
        self.terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;
    use ratatui::{
        Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect, style::Style,
        widgets::Block,
    };

    use super::*;

    const WIDTH: u16 = 24;
    const HEIGHT: u16 = 6;

    /// What a frame shows: texts in places, and whether there is a cursor.
    type Frame = (Vec<(u16, u16, String, Style)>, Option<(u16, u16)>);

    fn styles() -> impl Strategy<Value = Style> {
        let colours = prop_oneof![
            Just(Color::Reset),
            Just(Color::Red),
            Just(Color::DarkGray),
            Just(Color::White),
            (0_u8..=255).prop_map(Color::Indexed),
            (0_u8..=255).prop_map(|g| Color::Rgb(9, g, 200)),
        ];
        // The emulator knows one weight at a time.
        let weight = prop_oneof![
            Just(Modifier::empty()),
            Just(Modifier::BOLD),
            Just(Modifier::DIM)
        ];
        let others = proptest::sample::subsequence(
            vec![Modifier::ITALIC, Modifier::UNDERLINED, Modifier::REVERSED],
            0..=3,
        );
        let modifiers = (weight, others)
            .prop_map(|(weight, others)| others.into_iter().fold(weight, |sum, one| sum | one));
        (colours.clone(), colours, modifiers)
            .prop_map(|(fg, bg, modifier)| Style::new().fg(fg).bg(bg).add_modifier(modifier))
    }

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let text = (0..WIDTH, 0..HEIGHT, "[a-z●─ 日é]{1,9}", styles());
        let cursor = proptest::option::of((0..WIDTH, 0..HEIGHT));
        proptest::collection::vec((proptest::collection::vec(text, 0..8), cursor), 1..6)
    }

    fn show<B: Backend>(terminal: &mut Terminal<B>, frame: &Frame)
    where
        B::Error: std::fmt::Debug,
    {
        let drawn = terminal.draw(|target| {
            target.render_widget(Block::bordered(), target.area());
            for (x, y, text, style) in &frame.0 {
                let room = usize::from(WIDTH - x);
                target.buffer_mut().set_stringn(*x, *y, text, room, *style);
            }
            if let Some(cursor) = frame.1 {
                target.set_cursor_position(cursor);
            }
        });
        drawn.expect("memory has no errors");
    }

    fn cells(count: u16) -> NonZeroU16 {
        NonZeroU16::new(count).expect("a terminal has cells")
    }

    /// The screen with every attribute, and the cursor where it is shown.
    fn seen(bytes: &[u8]) -> (Vec<String>, Option<(u16, u16)>) {
        let mut parser = vt100::Parser::new(cells(HEIGHT), cells(WIDTH), 0);
        parser.process(bytes);
        let screen = parser.screen();
        let cursor = (!screen.hide_cursor()).then(|| screen.cursor_position());
        (screen.rows_formatted(0, WIDTH).collect(), cursor)
    }

    fn options() -> TerminalOptions {
        let viewport = Viewport::Fixed(Rect::new(0, 0, WIDTH, HEIGHT));
        TerminalOptions { viewport }
    }

    proptest! {
        /// The painter shows what the terminal library's own backend shows, in fewer bytes.
        #[test]
        fn a_painter_shows_what_others_show_in_fewer_bytes(frames in frames()) {
            let size = Size { width: WIDTH, height: HEIGHT };
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            {
                let painter = Painter::new(&mut ours, size);
                let mut painter = Terminal::with_options(painter, options()).expect("memory");
                let other = CrosstermBackend::new(&mut theirs);
                let mut other = Terminal::with_options(other, options()).expect("memory");
                for frame in &frames {
                    show(&mut painter, frame);
                    show(&mut other, frame);
                }
            }
            let hidden = [b"\x1b[?25l".to_vec(), ours.clone()].concat();
            let (screen, cursor) = seen(&hidden);
            prop_assert_eq!(screen, seen(&theirs).0);
            let wanted = frames.last().and_then(|frame| frame.1);
            prop_assert_eq!(cursor, wanted.map(|(x, y)| (y, x)));
            let marks = (BEGIN.len() + END.len()) * frames.len();
            prop_assert!(ours.len() <= theirs.len() + marks, "{} and {}", ours.len(), theirs.len());
        }
    }

    #[test]
    fn a_frame_that_changes_nothing_is_not_written() {
        let mut written = Vec::new();
        {
            let size = Size {
                width: WIDTH,
                height: HEIGHT,
            };
            let painter = Painter::new(&mut written, size);
            let mut terminal = Terminal::with_options(painter, options()).expect("memory");
            let frame = (vec![(2, 2, "still".to_owned(), Style::new())], Some((3, 3)));
            show(&mut terminal, &frame);
            let before = terminal.backend().terminal.len();
            show(&mut terminal, &frame);
            assert_eq!(terminal.backend().terminal.len(), before);
        }
        assert!(written.ends_with(END));
    }
}
