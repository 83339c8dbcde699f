//! A line to the terminal that carries little: keys are answered first, and what changes by itself gets a small part.

use std::{io::Write, time::Duration};

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
};
use tokio::time::Instant as Moment;

use super::painter::Painter;

/// Lines that carry fewer bits a second are spared by themselves. Terminals that are no lines say this number.
const SLOW: u32 = 38_400;
/// On a serial line a byte takes ten bits.
const BITS: u32 = 10;
/// What is written at once takes the line for a quarter of a second: a key waits for no more than that.
const PIECES: u32 = 4;
/// So many bytes are written at once even on the slowest line.
const LEAST_PIECE: usize = 32;
/// For so long after a key whatever changes is taken to be its answer.
const ANSWER: Duration = Duration::from_secs(3);
/// What changes by itself is looked at again after so long.
const REFRESH: Duration = Duration::from_secs(10);
/// And is given one part in so many of the line.
const SHARE: u32 = 4;

/// The speed to reckon with: what is asked for, else what the line says of itself, if it is slow.
pub fn baud(wanted: Option<u32>, line: Option<u32>) -> Option<u32> {
    wanted.or_else(|| line.filter(|speed| (1..SLOW).contains(speed)))
}

/// What the line has carried and what it has not, and when it is free.
pub struct Slow {
    bytes_a_second: u32,
    /// When all that was written is through.
    free: Moment,
    /// Until when changes are taken to be answers.
    answered: Moment,
    /// When changes that nobody asked for are looked at again.
    refresh: Moment,
    /// When the next piece of them may follow.
    next: Moment,
    /// What the terminal is to show.
    wanted: Buffer,
    /// What it shows.
    shown: Buffer,
    /// The cells that a key has changed and the line has not carried.
    asked: Vec<bool>,
    /// Something is wanted that is not shown.
    is_behind: bool,
    /// A key was taken in since the last frame.
    is_asked: bool,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Wait until then; nothing may be written before.
    Wait(Moment),
    /// Look at the console anew, then write a piece.
    Look,
    /// Write a piece of what was seen last.
    Go,
}

impl Slow {
    /// A line of so many bits a second to a terminal of that size that shows nothing.
    pub fn new(baud: u32, size: Rect, now: Moment) -> Self {
        Self {
            bytes_a_second: (baud / BITS).max(1),
            free: now,
            answered: now + ANSWER,
            refresh: now,
            next: now,
            wanted: Buffer::empty(size),
            shown: Buffer::empty(size),
            asked: vec![false; usize::from(size.width) * usize::from(size.height)],
            is_behind: false,
            is_asked: true,
        }
    }

    /// The terminal was cleared, and may have another size.
    pub fn clear(&mut self, size: Rect) {
        self.wanted = Buffer::empty(size);
        self.shown = Buffer::empty(size);
        self.asked = vec![false; usize::from(size.width) * usize::from(size.height)];
        self.is_behind = false;
        self.is_asked = true;
    }

    /// A key was taken in: what changes now is its answer.
    pub fn key(&mut self, now: Moment) {
        self.is_asked = true;
        self.answered = now + ANSWER;
    }

    /// Whether the answer to a key is to be looked for.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// What to do now.
    pub fn turn(&self, now: Moment) -> Turn {
        if now < self.free {
            return Turn::Wait(self.free);
        }
        let is_answer = now < self.answered;
        if self.is_asked {
            Turn::Look
        } else if self.is_behind {
            if is_answer || now >= self.next {
                Turn::Go
            } else {
                Turn::Wait(self.next)
            }
        } else if is_answer || now >= self.refresh {
            Turn::Look
        } else {
            Turn::Wait(self.refresh)
        }
    }

    /// Takes note of what the console shows before a key is taken in, so that its answer can be told from the rest.
    pub fn before_key(&mut self, frame: &Buffer) {
        self.wanted.clone_from(frame);
        self.is_behind = true;
    }

    /// Takes note of what the console shows now.
    pub fn look(&mut self, frame: &Buffer) {
        if std::mem::take(&mut self.is_asked) {
            let width = usize::from(frame.area.width);
            for (x, y, _) in self.wanted.diff_iter(frame) {
                self.asked[usize::from(y) * width + usize::from(x)] = true;
            }
        }
        self.wanted.clone_from(frame);
        self.is_behind = true;
    }

    /// Draws a piece: first what a key has changed. When the next one may follow is the answer, if there is more.
    pub fn piece<W: Write>(&mut self, painter: &mut Painter<W>, now: Moment) -> Option<Moment> {
        let room = usize::try_from(self.bytes_a_second / PIECES).unwrap_or(usize::MAX);
        let room = room.max(LEAST_PIECE);
        let was_asked = self.draw(painter, room, true);
        if painter.waiting() < room {
            self.draw(painter, room, false);
        }
        let bytes = u32::try_from(painter.waiting()).unwrap_or(u32::MAX);
        let through = Duration::from_secs(1) * bytes / self.bytes_a_second;
        self.free = self.free.max(now) + through;
        self.is_behind = self.shown.diff_iter(&self.wanted).next().is_some();
        if now >= self.answered && !was_asked {
            self.next = now + through * SHARE;
        }
        if self.is_behind {
            let is_answer = self.free < self.answered || self.asked.contains(&true);
            return Some(if is_answer {
                self.free
            } else {
                self.next.max(self.free)
            });
        }
        self.refresh = now + REFRESH;
        None
    }

    /// Draws cells until so many bytes wait; whether there were any.
    fn draw<W: Write>(&mut self, painter: &mut Painter<W>, room: usize, only_asked: bool) -> bool {
        let width = usize::from(self.wanted.area.width);
        let mut drawn = Vec::new();
        for (x, y, cell) in self.shown.diff_iter(&self.wanted) {
            if painter.waiting() >= room {
                break;
            }
            if only_asked && !self.asked[usize::from(y) * width + usize::from(x)] {
                continue;
            }
            painter.cell(x, y, cell);
            drawn.push((x, y, cell.clone()));
        }
        if painter.waiting() < room && only_asked {
            // All that is still marked has its cell on the screen already.
            self.asked.fill(false);
        }
        let any = !drawn.is_empty();
        for (x, y, cell) in drawn {
            self.asked[usize::from(y) * width + usize::from(x)] = false;
            self.take(x, y, cell);
        }
        any
    }

    /// The terminal shows this cell now; what lay under the rest of a wide sign is gone.
    fn take(&mut self, x: u16, y: u16, cell: Cell) {
        let cells =
            u16::try_from(unicode_width::UnicodeWidthStr::width(cell.symbol())).unwrap_or(1);
        for under in x + 1..(x + cells.max(1)).min(self.shown.area.right()) {
            self.shown[(under, y)].reset();
        }
        self.shown[(x, y)] = cell;
    }
}

#[cfg(test)]
mod tests;
