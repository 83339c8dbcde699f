//! A line of 9600 bits a second, played with a clock of its own and a terminal that reads what it brings.

use std::num::NonZeroU16;

use ratatui::{backend::Backend as _, layout::Size, style::Style};

use super::*;

const WIDTH: u16 = 80;
const HEIGHT: u16 = 24;

/// A console on a slow line, and the terminal at its other end.
struct Line {
    slow: Slow,
    painter: Painter<Vec<u8>>,
    now: Moment,
    start: Moment,
    parser: vt100::Parser,
    /// When each byte went out, counted from the start.
    sent: Vec<(Duration, usize)>,
}

impl Line {
    fn new() -> Self {
        let size = Size {
            width: WIDTH,
            height: HEIGHT,
        };
        let cells = |count| NonZeroU16::new(count).expect("a terminal has cells");
        let now = Moment::now();
        Self {
            slow: Slow::new(
                9600,
                Rect::from((ratatui::layout::Position::ORIGIN, size)),
                now,
            ),
            painter: Painter::new(Vec::new(), size),
            now,
            start: now,
            parser: vt100::Parser::new(cells(HEIGHT), cells(WIDTH), 0),
            sent: Vec::new(),
        }
    }

    /// What the console does whenever it may draw, for so long; `frame` is what it shows at a second.
    fn run(&mut self, long: Duration, frame: impl Fn(u64) -> Buffer) {
        let end = self.now + long;
        while self.now < end {
            match self.slow.turn(self.now) {
                Turn::Wait(_) => {
                    self.now += Duration::from_millis(10);
                    continue;
                }
                Turn::Look => self.slow.look(&frame((self.now - self.start).as_secs())),
                Turn::Go => {}
            }
            self.slow.piece(&mut self.painter, self.now);
            self.painter.place_cursor();
            self.painter.flush().expect("memory");
            let bytes = std::mem::take(self.painter.terminal());
            self.parser.process(&bytes);
            self.sent.push((self.now - self.start, bytes.len()));
            self.now += Duration::from_millis(10);
        }
    }

    fn bytes_since(&self, from: Duration) -> usize {
        let later = self.sent.iter().filter(|(at, _)| *at >= from);
        later.map(|(_, count)| count).sum()
    }

    fn row(&self, row: u16) -> String {
        let mut rows = self.parser.screen().rows(0, WIDTH);
        rows.nth(usize::from(row)).unwrap_or_default()
    }
}

/// A table whose figures change with every second; one row is under the cursor, with its number as a heading.
fn table(second: u64, cursor: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, WIDTH, HEIGHT));
    buffer.set_string(0, 0, format!("row {cursor}"), Style::new());
    for y in 1..HEIGHT {
        let figure = (second * 7919 + u64::from(y) * 104_729) % 100_000;
        let style = if y == cursor {
            Style::new().add_modifier(ratatui::style::Modifier::REVERSED)
        } else {
            Style::new()
        };
        let text = format!("container-{y:<40}  running  {figure:>6}  up 3d");
        buffer.set_string(0, y, format!("{text:<80}"), style);
    }
    buffer
}

#[test]
fn a_key_is_answered_within_a_second_while_all_figures_change() {
    let mut line = Line::new();
    line.run(Duration::from_secs(30), |second| table(second, 1));
    for cursor in 2..12 {
        line.slow
            .before_key(&table((line.now - line.start).as_secs(), cursor - 1));
        line.slow.key(line.now);
        line.run(Duration::from_secs(1), |second| table(second, cursor));
        assert_eq!(line.row(0).trim(), format!("row {cursor}"));
        let seen = line
            .parser
            .screen()
            .cell(cursor, 70)
            .expect("within the screen");
        assert!(seen.inverse(), "row {cursor} is under the cursor");
    }
}

#[test]
fn the_line_is_never_given_more_than_it_carries() {
    let mut line = Line::new();
    for cursor in 1..20 {
        line.slow.key(line.now);
        line.run(Duration::from_millis(100), |second| table(second, cursor));
    }
    line.run(Duration::from_secs(10), |second| table(second, 19));
    let mut sum = 0;
    for (at, count) in &line.sent {
        assert!(*count <= 300, "{count} bytes at once");
        sum += count;
        let carried = at.as_millis() * 960 / 1000 + 300;
        assert!(
            u128::try_from(sum).expect("small") <= carried,
            "{sum} bytes by {at:?}"
        );
    }
}

#[test]
fn what_changes_by_itself_gets_a_quarter_of_the_line_at_most_and_is_whole_in_the_end() {
    let mut line = Line::new();
    line.run(Duration::from_secs(10), |second| table(second, 1));
    line.run(Duration::from_mins(1), |second| table(second, 1));
    let bytes = line.bytes_since(Duration::from_secs(10));
    assert!(bytes <= 60 * 960 / 4 + 300, "{bytes} bytes in a minute");
    assert!(
        bytes > 1000,
        "the figures are not frozen: {bytes} bytes in a minute"
    );
    let last = table(1000, 1);
    line.run(Duration::from_secs(30), |_| last.clone());
    for y in 0..HEIGHT {
        let wanted: String = (0..WIDTH).map(|x| last[(x, y)].symbol()).collect();
        assert_eq!(line.row(y).trim_end(), wanted.trim_end());
    }
    let quiet = line.now - line.start;
    line.run(Duration::from_secs(30), |_| last.clone());
    assert_eq!(
        line.bytes_since(quiet),
        0,
        "where nothing changes nothing is written"
    );
}

#[test]
fn slow_lines_are_found_by_themselves() {
    assert_eq!(baud(None, Some(9600)), Some(9600));
    assert_eq!(baud(None, Some(38_400)), None);
    assert_eq!(baud(None, Some(0)), None);
    assert_eq!(baud(None, None), None);
    assert_eq!(baud(Some(2400), Some(38_400)), Some(2400));
}
