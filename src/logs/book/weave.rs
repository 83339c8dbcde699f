//! Puts lines in their places by time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::{Book, has_escapes, marks};
use crate::{
    logs::segment::{Marks, Segment, number},
    model::LogBatch,
};

/// Lines of one source on their way into the book.
#[derive(Debug)]
pub(super) struct Queue {
    source: u16,
    ahead: i64,
    /// They go before what is held of the source.
    pub is_older: bool,
    is_note: bool,
    pub parts: VecDeque<LogBatch>,
    /// The next line of the first part.
    next: usize,
    has_escapes: Option<bool>,
    /// The time of the line before.
    last: Option<i64>,
}

impl Queue {
    pub fn new(source: u16, ahead: i64, is_older: bool, batch: LogBatch) -> Self {
        Self {
            source,
            ahead,
            is_older,
            is_note: false,
            parts: VecDeque::from([batch]),
            next: 0,
            has_escapes: None,
            last: None,
        }
    }

    pub fn note(source: u16, batch: LogBatch) -> Self {
        Self {
            is_note: true,
            ..Self::new(source, 0, false, batch)
        }
    }

    /// Whether more lines of that kind may follow these.
    pub fn takes(&self, source: u16, ahead: i64, is_older: bool) -> bool {
        !self.is_note && (self.source, self.ahead, self.is_older) == (source, ahead, is_older)
    }

    /// By what the next line is ordered: its time by our clock; without one, or within a stack trace, that of the
    /// line before. None when no line is left.
    pub fn key(&mut self, otherwise: i64) -> Option<i64> {
        loop {
            let part = self.parts.front()?;
            let Some(line) = part.get(self.next) else {
                self.parts.pop_front();
                (self.next, self.has_escapes) = (0, None);
                continue;
            };
            let own = line.at.map(|at| at.saturating_sub(self.ahead));
            let key = match (self.last, own) {
                (Some(last), Some(_)) if crate::logs::trace::continues(line.text) => last,
                (_, Some(own)) => own,
                (last, None) => last.unwrap_or(otherwise),
            };
            return Some(key);
        }
    }

    /// Moves the next line, whose key is known, into a book.
    fn move_into(&mut self, book: &mut Book, key: i64) {
        let Some(part) = self.parts.front() else {
            return;
        };
        let escapes = *self.has_escapes.get_or_insert_with(|| has_escapes(part));
        if let Some(line) = part.get(self.next) {
            let marks = if self.is_note {
                Marks::new(Marks::NOTE)
            } else {
                marks(line.stream, line.at.is_some(), line.text)
            };
            if let Some(segment) = book.open(line.text.len()) {
                segment.push(key, self.source, marks, line.text, escapes);
            }
        }
        self.next += 1;
        self.last = Some(key);
        book.newest = book.newest.max(key);
    }
}

impl Book {
    /// Adds lines that are newer than all that is held, in the order of their times.
    pub(super) fn append(&mut self, queues: &mut Vec<Queue>) {
        let mut queues = std::mem::take(queues);
        if let [only] = &mut queues[..] {
            while let Some(key) = only.key(self.newest) {
                only.move_into(self, key);
            }
            return;
        }
        let mut next = BinaryHeap::new();
        for (at, queue) in queues.iter_mut().enumerate() {
            next.extend(queue.key(self.newest).map(|key| Reverse((key, at))));
        }
        while let Some(Reverse((key, at))) = next.pop() {
            let queue = &mut queues[at];
            queue.move_into(self, key);
            next.extend(queue.key(key).map(|key| Reverse((key, at))));
        }
    }

    /// Puts lines between those that are held. Only what is newer than the first of them is touched.
    pub(super) fn weave(&mut self, mut queue: Queue, first: i64, pins: &mut [Option<i64>]) {
        let (segment, line) = if queue.is_older {
            self.place_of_older(first)
        } else {
            self.place_behind(first, queue.source)
        };
        let tail = self.cut(segment, line);
        let mut moved = vec![None; pins.len()];
        for mut old in tail {
            if queue.key(i64::MIN).is_none()
                && self
                    .segments
                    .back()
                    .is_none_or(|last| !last.has_room(old.size()))
            {
                let step = self.end() - old.start;
                for (pin, moved) in pins.iter().zip(&mut moved) {
                    let here =
                        pin.filter(|pin| (old.start..old.start + number(old.len())).contains(pin));
                    *moved = here.map(|pin| pin + step).or(*moved);
                }
                old.start += step;
                self.segments.push_back(old);
                continue;
            }
            for line in 0..old.len() {
                let at = old.entries[line].at;
                while let Some(key) = queue.key(first).filter(|key| *key < at) {
                    queue.move_into(self, key);
                }
                let length = old.text(line).len();
                if let Some(open) = self.open(length) {
                    open.copy(&old, line);
                }
                let (from, to) = (old.start + number(line), self.end() - 1);
                for (pin, moved) in pins.iter().zip(&mut moved) {
                    if *pin == Some(from) {
                        *moved = Some(to);
                    }
                }
            }
        }
        while let Some(key) = queue.key(first) {
            queue.move_into(self, key);
        }
        for (pin, moved) in pins.iter_mut().zip(moved) {
            *pin = moved.or(*pin);
        }
    }

    /// Behind the last line that is not newer, or is the source's own.
    fn place_behind(&self, at: i64, source: u16) -> (usize, usize) {
        for (place, segment) in self.segments.iter().enumerate().rev() {
            let before = segment
                .entries
                .iter()
                .rposition(|entry| entry.at <= at || entry.source == source);
            if let Some(before) = before {
                return (place, before + 1);
            }
        }
        (0, 0)
    }

    /// Before the first line that is newer.
    fn place_of_older(&self, at: i64) -> (usize, usize) {
        for (place, segment) in self.segments.iter().enumerate() {
            if let Some(line) = segment.entries.iter().position(|entry| entry.at > at) {
                return (place, line);
            }
        }
        (self.segments.len(), 0)
    }

    /// Takes away what begins at that line of that segment.
    fn cut(&mut self, segment: usize, line: usize) -> Vec<Segment> {
        let mut tail = Vec::new();
        if segment >= self.segments.len() {
            return tail;
        }
        if line == 0 {
            tail.extend(self.segments.split_off(segment));
        } else {
            let rest = self.segments.split_off(segment + 1);
            if let Some(last) = self.segments.back_mut().filter(|last| line < last.len()) {
                tail.push(last.split_off(line));
            }
            tail.extend(rest);
        }
        tail
    }
}
