//! Lines of several logs put into the order of time while they come.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::WINDOW;
use crate::{
    engine::Room,
    model::{LogBatch, LogText, Timestamp, nanoseconds},
};

/// A log that brought nothing yet is waited for so long: it has to be opened.
const OPENING: Duration = Duration::from_secs(1);

/// What one log brings.
pub(super) enum Part {
    /// Lines.
    Lines {
        /// The lines.
        lines: LogBatch,
        /// What they take in the inbox until they are written.
        _room: Room,
    },
    /// Something to be told of it, behind its lines.
    Note(String),
}

/// Logs being woven together. A line waits for older ones of others: until each of them has brought a newer one, or
/// for a moment.
#[derive(Default)]
pub(super) struct Weave {
    strands: Vec<Strand>,
}

/// What of one log waits.
struct Strand {
    parts: VecDeque<(Instant, Part)>,
    /// The next line of the first part.
    next: usize,
    /// How far its clock is ahead of ours, in nanoseconds.
    ahead: i64,
    /// The time of the line before.
    last: i64,
    /// Since when nothing of it waits.
    empty: Instant,
    /// How long it is waited for then.
    patience: Duration,
    /// Nothing is expected of it for now.
    rests: bool,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// For waiting.
    pub at: Instant,
    /// In nanoseconds since 1970.
    pub wall: i64,
}

impl Now {
    /// This moment.
    pub fn read() -> Self {
        Self {
            at: Instant::now(),
            wall: nanoseconds(Timestamp::now()),
        }
    }
}

/// What is next of one log.
pub(super) enum Front<'w> {
    /// A line.
    Line(LogText<'w>),
    /// Something to be told.
    Note(&'w str),
}

/// What is next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Something of that log: see [`Weave::front`].
    Of(usize),
    /// Nothing before then, if nothing comes.
    At(Instant),
    /// Nothing before something comes.
    Nothing,
}

impl Weave {
    /// Adds a log whose clock is so many nanoseconds ahead of ours; its number.
    pub fn add(&mut self, ahead: i64, now: Now) -> usize {
        self.strands.push(Strand {
            parts: VecDeque::new(),
            next: 0,
            ahead,
            last: i64::MIN,
            empty: now.at,
            patience: OPENING,
            rests: false,
        });
        self.strands.len() - 1
    }

    /// Takes in what a log brings. `rests` is whether no more is expected of it for now.
    pub fn put(&mut self, strand: usize, part: Part, rests: bool, now: Now) {
        let strand = &mut self.strands[strand];
        strand.parts.push_back((now.at, part));
        strand.patience = WINDOW;
        strand.rests = rests;
    }

    /// What is next.
    pub fn next(&self, now: Now) -> Next {
        let keys = self.strands.iter().enumerate();
        let first = keys
            .filter_map(|(at, strand)| Some((strand.key()?, at)))
            .min();
        let Some((_, at)) = first else {
            return Next::Nothing;
        };
        let others = self.strands.iter();
        let waits = others
            .filter(|strand| strand.parts.is_empty() && !strand.rests)
            .map(|strand| strand.empty + strand.patience);
        let Some(wait) = waits.max() else {
            return Next::Of(at);
        };
        let due = wait.max(self.strands[at].due(now));
        if due <= now.at {
            Next::Of(at)
        } else {
            Next::At(due)
        }
    }

    /// What is next of a log.
    pub fn front(&self, strand: usize) -> Option<Front<'_>> {
        let strand = &self.strands[strand];
        let (_, part) = strand.parts.front()?;
        Some(match part {
            Part::Lines { lines, .. } => Front::Line(lines.get(strand.next)?),
            Part::Note(text) => Front::Note(text),
        })
    }

    /// Goes on behind what was next of a log.
    pub fn advance(&mut self, strand: usize, now: Now) {
        let strand = &mut self.strands[strand];
        strand.last = strand.key().unwrap_or(strand.last);
        strand.next += 1;
        let is_through = match strand.parts.front() {
            Some((_, Part::Lines { lines, .. })) => strand.next >= lines.len(),
            Some((_, Part::Note(_))) | None => true,
        };
        if is_through {
            strand.parts.pop_front();
            strand.next = 0;
            strand.empty = now.at;
        }
    }
}

impl Strand {
    /// The time of what is next, by our clock; what has none goes with the line before.
    fn key(&self) -> Option<i64> {
        let (_, part) = self.parts.front()?;
        Some(match part {
            Part::Lines { lines, .. } => lines
                .get(self.next)
                .and_then(|line| line.at)
                .map_or(self.last, |at| at.saturating_sub(self.ahead)),
            Part::Note(_) => self.last,
        })
    }

    /// Until when what is next waits for older lines of others: lines of long ago do not.
    fn due(&self, now: Now) -> Instant {
        let (Some((came, _)), Some(key)) = (self.parts.front(), self.key()) else {
            return now.at;
        };
        let latest = *came + WINDOW;
        match u64::try_from(now.wall.saturating_sub(key)).map(Duration::from_nanos) {
            Ok(age) if age >= WINDOW => now.at,
            Ok(age) => latest.min(now.at + WINDOW.saturating_sub(age)),
            // From the future: its clock is wrong.
            Err(_) => latest,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::Stream;

    const MS: i64 = 1_000_000;

    fn lines(times: &[i64]) -> Part {
        let mut batch = LogBatch::default();
        for at in times {
            batch.push(Some(at * MS), Stream::Stdout, at.to_string().as_bytes());
        }
        Part::Lines {
            lines: batch,
            _room: Room::default(),
        }
    }

    /// A moment so many milliseconds after the beginning.
    struct Clock(Instant);

    impl Clock {
        fn at(&self, ms: i64) -> Now {
            Now {
                at: self.0 + Duration::from_millis(ms.unsigned_abs()),
                wall: ms * MS,
            }
        }
    }

    /// All that can be taken now.
    fn taken(weave: &mut Weave, now: Now) -> Vec<String> {
        let mut all = Vec::new();
        while let Next::Of(strand) = weave.next(now) {
            all.push(match weave.front(strand).unwrap() {
                Front::Line(line) => String::from_utf8_lossy(line.text).into_owned(),
                Front::Note(text) => text.to_owned(),
            });
            weave.advance(strand, now);
        }
        all
    }

    #[test]
    fn one_log_is_held_up_by_nothing() {
        let (clock, mut weave) = (Clock(Instant::now()), Weave::default());
        let one = weave.add(0, clock.at(0));
        weave.put(one, lines(&[5, 9]), true, clock.at(10));
        assert_eq!(taken(&mut weave, clock.at(10)), ["5", "9"]);
        assert_eq!(weave.next(clock.at(10)), Next::Nothing);
    }

    #[test]
    fn lines_that_come_late_are_put_in_their_places() {
        let (clock, mut weave) = (Clock(Instant::now()), Weave::default());
        let (one, two) = (weave.add(0, clock.at(0)), weave.add(0, clock.at(0)));
        weave.put(one, lines(&[2000, 2040]), false, clock.at(2050));
        assert_eq!(weave.next(clock.at(2050)), Next::At(clock.at(2100).at));
        weave.put(two, lines(&[2020, 2060]), false, clock.at(2070));
        assert_eq!(taken(&mut weave, clock.at(2070)), ["2000", "2020", "2040"]);
        // The other may bring one of before 2060, for as long as a window.
        assert!(taken(&mut weave, clock.at(2165)).is_empty());
        assert_eq!(taken(&mut weave, clock.at(2170)), ["2060"]);
    }

    #[test]
    fn a_long_history_does_not_wait_for_a_silent_log_once_it_is_open() {
        let (clock, mut weave) = (Clock(Instant::now()), Weave::default());
        let (one, two) = (weave.add(0, clock.at(9000)), weave.add(0, clock.at(9000)));
        weave.put(one, lines(&[1, 2]), false, clock.at(9010));
        assert_eq!(weave.next(clock.at(9010)), Next::At(clock.at(10_000).at));
        assert_eq!(taken(&mut weave, clock.at(10_000)), ["1", "2"]);
        weave.put(one, lines(&[3, 4]), false, clock.at(10_001));
        assert_eq!(taken(&mut weave, clock.at(10_001)), ["3", "4"]);
        // One that ended is not waited for, and a note stands behind its lines.
        weave.put(two, lines(&[9999]), false, clock.at(10_002));
        weave.put(two, Part::Note("ended".into()), true, clock.at(10_002));
        weave.put(one, lines(&[10_000]), false, clock.at(10_003));
        assert_eq!(
            taken(&mut weave, clock.at(10_003)),
            ["9999", "ended", "10000"]
        );
    }

    #[test]
    fn a_clock_that_is_wrong_is_corrected_and_delays_nothing_for_long() {
        let (clock, mut weave) = (Clock(Instant::now()), Weave::default());
        let (one, two) = (weave.add(5000 * MS, clock.at(0)), weave.add(0, clock.at(0)));
        weave.put(one, lines(&[7000]), false, clock.at(2010));
        weave.put(two, lines(&[1990, 2020]), false, clock.at(2010));
        assert_eq!(taken(&mut weave, clock.at(2020)), ["1990", "7000"]);
        weave.put(two, lines(&[90_000]), false, clock.at(2021));
        assert_eq!(taken(&mut weave, clock.at(2200)), ["2020", "90000"]);
    }
}
