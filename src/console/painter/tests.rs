//! The painter beside another backend and a terminal that is played by a library.

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
    (colours.clone(), colours, modifiers).prop_map(|(fg, bg, modifier)| {
        // Texts may lie over each other, and a cell keeps what the style above does not take away.
        let plain = Style::new().remove_modifier(Modifier::BOLD | Modifier::DIM);
        plain.fg(fg).bg(bg).add_modifier(modifier)
    })
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
            let mut painter = Painter::new(&mut ours, size);
            painter.synchronize(true);
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
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("still") && !text.contains("2026"), "{text:?}");
}

#[test]
fn long_frames_are_marked_where_the_terminal_knows_the_marks_and_nowhere_else() {
    let size = Size {
        width: WIDTH,
        height: HEIGHT,
    };
    for (synchronized, length) in [(true, 9), (true, 300), (false, 300)] {
        let mut written = Vec::new();
        let mut painter = Painter::new(&mut written, size);
        painter.synchronize(synchronized);
        painter.send(&vec![b'x'; length]);
        painter.flush().expect("memory");
        let is_marked = synchronized && length >= PIECE;
        assert_eq!(written.starts_with(BEGIN), is_marked);
        assert_eq!(written.ends_with(END), is_marked);
    }
}

#[test]
fn where_only_ascii_is_known_nothing_else_is_written_and_all_stays_in_place() {
    let mut written = Vec::new();
    {
        let size = Size {
            width: WIDTH,
            height: HEIGHT,
        };
        let painter = Painter::new(&mut written, size).with(Signs::Ascii);
        let mut terminal = Terminal::with_options(painter, options()).expect("memory");
        let text = |x, y, text: &str| (x, y, text.to_owned(), Style::new());
        let frame = (
            vec![text(1, 1, "漢字|é\u{301}|"), text(1, 2, "●→|…|")],
            None,
        );
        show(&mut terminal, &frame);
    }
    assert!(
        written.is_ascii(),
        "{:?}",
        String::from_utf8_lossy(&written)
    );
    let (rows, _) = seen(&written);
    assert!(rows[1].contains("? ? |?|"), "{:?}", rows[1]);
    assert!(rows[2].contains("*>|~|"), "{:?}", rows[2]);
}

#[test]
fn nothing_that_a_terminal_obeys_is_written_whatever_a_cell_holds() {
    for (symbol, wanted) in [
        ("\u{9b}", "·"),
        ("\u{202e}", "·"),
        ("👩\u{200d}👩", "👩"),
        ("漢", "漢"),
    ] {
        assert_eq!(shown(symbol, Signs::All), wanted);
    }
}

proptest! {
    /// Behind whatever text stands what belongs there, also where the text is cut and at the right edge.
    #[test]
    fn columns_stand_under_each_other_whatever_stands_before(texts in proptest::collection::vec("\\PC{0,14}|[\u{0}-\u{10ffff}]{0,12}|[👩👍🏽\u{200d}\u{fe0f}漢字é\u{301}🇩🇪‼ا-ی]{0,9}", HEIGHT as usize)) {
        use crate::ui::look::{Glyphs, cut};
        let mut written = Vec::new();
        {
            let size = Size { width: WIDTH, height: HEIGHT };
            let painter = Painter::new(&mut written, size);
            let mut terminal = Terminal::with_options(painter, options()).expect("memory");
            terminal.draw(|frame| {
                for (y, text) in (0..).zip(&texts) {
                    // The emulator passes over this one, as no terminal does.
                    let text = printable(text).replace('\u{fffd}', "x");
                    for (x, cells) in [(0, 11), (12, 12)] {
                        let part = cut(&text, cells, &Glyphs::UNICODE);
                        frame.buffer_mut().set_stringn(x, y, &part, cells, Style::new());
                    }
                    frame.buffer_mut().set_string(11, y, "|", Style::new());
                }
            }).expect("memory");
        }
        let mut parser = vt100::Parser::new(cells(HEIGHT), cells(WIDTH), 0);
        parser.process(&written);
        for y in 0..HEIGHT {
            let cell = parser.screen().cell(y, 11).expect("within the screen");
            prop_assert_eq!(cell.contents(), "|", "row {} of {:?}", y, texts);
        }
    }
}
