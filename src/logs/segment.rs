//! A part of a book: about a megabyte of lines one after the other, with where each ends.

use super::{Filter, Ink, Level, Pattern, filter::Test, strip};
use crate::model::Stream;

/// A segment takes no more than this, except one line alone that is longer.
pub(super) const SIZE: usize = 1 << 20;

/// How far back the beginning of a stack trace is looked for, in lines.
const TRACE: usize = 500;

/// A line: 16 bytes beside its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its moment, in nanoseconds since 1970: what lines are ordered by.
    pub at: i64,
    /// Where its text ends; a line feed stands there.
    pub end: u32,
    /// Whose it is.
    pub source: u16,
    /// What else is known of it.
    pub marks: Marks,
}

/// What is known of a line, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    /// From the standard error.
    pub const STDERR: u16 = 1;
    /// Not from the log: the view itself says it.
    pub const NOTE: u16 = 2;
    /// Marked by the operator.
    pub const MARKED: u16 = 4;
    /// It goes on with what the line before began.
    pub const CONTINUES: u16 = 8;
    /// The engine told no time for it.
    pub const UNTIMED: u16 = 16;

    pub fn new(bits: u16) -> Self {
        Self(bits)
    }

    pub fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    pub fn toggle(&mut self, bit: u16) {
        self.0 ^= bit;
    }

    pub fn stream(self) -> Stream {
        if self.has(Self::STDERR) {
            Stream::Stderr
        } else {
            Stream::Stdout
        }
    }
}

/// Where another colour begins.
#[derive(Clone, Copy, Debug)]
struct Span {
    at: u32,
    ink: u16,
}

/// Lines one after the other.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// The number of its first line.
    pub start: i64,
    bytes: Vec<u8>,
    pub entries: Vec<Entry>,
    spans: Vec<Span>,
    inks: Vec<Ink>,
    has_traces: bool,
    /// The lines that the filter shows, of the first `filtered`.
    shown: Vec<u32>,
    filtered: usize,
    /// The shown lines with what is searched for, of the first `searched`.
    pub hits: Vec<u32>,
    searched: usize,
}

impl Segment {
    /// An empty one, in the memory of another that is needed no more.
    pub fn new(start: i64, mut spare: Self) -> Self {
        spare.bytes.clear();
        spare.bytes.reserve(SIZE);
        spare.entries.clear();
        spare.spans.clear();
        spare.inks.clear();
        spare.forget();
        Self {
            start,
            has_traces: false,
            ..spare
        }
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether a line of that length may be added.
    pub fn has_room(&self, length: usize) -> bool {
        self.bytes.len() + length < SIZE || self.entries.is_empty()
    }

    /// What it takes of the memory, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
            + self.entries.len() * size_of::<Entry>()
            + self.spans.len() * size_of::<Span>()
    }

    /// Gives back what it took in advance: it grows no more.
    pub fn seal(&mut self) {
        self.bytes.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.spans.shrink_to_fit();
    }

    /// Adds a line as it came.
    pub fn push(&mut self, at: i64, source: u16, marks: Marks, text: &[u8], has_escapes: bool) {
        if has_escapes {
            let Self {
                bytes, spans, inks, ..
            } = self;
            strip(text, bytes, |at, ink| {
                let (at, ink) = (offset(at), place(inks, ink));
                spans.push(Span { at, ink });
            });
        } else {
            self.bytes.extend_from_slice(text);
        }
        self.finish(at, source, marks);
    }

    /// Adds a line of another segment.
    pub fn copy(&mut self, other: &Self, line: usize) {
        let Some(entry) = other.entries.get(line) else {
            return;
        };
        let base = offset(self.bytes.len());
        let start = offset(other.start_of(line));
        self.bytes.extend_from_slice(other.text(line));
        for span in other.spans_of(line) {
            let ink = place(&mut self.inks, other.inks[usize::from(span.ink)]);
            let at = base + (span.at - start);
            self.spans.push(Span { at, ink });
        }
        self.finish(entry.at, entry.source, entry.marks);
    }

    fn finish(&mut self, at: i64, source: u16, marks: Marks) {
        let end = offset(self.bytes.len());
        self.bytes.push(b'\n');
        if marks.has(Marks::CONTINUES) {
            self.has_traces = true;
            self.judge_again(source);
        }
        self.entries.push(Entry {
            at,
            end,
            source,
            marks,
        });
    }

    /// A trace is judged as a whole: with another line of it, its beginning has to be judged again.
    fn judge_again(&mut self, source: u16) {
        let from = self.entries.len().saturating_sub(TRACE);
        let head = self.entries[from..]
            .iter()
            .rposition(|entry| entry.source == source && !entry.marks.has(Marks::CONTINUES));
        if let Some(head) = head {
            self.cut_judged(from + head);
        }
    }

    fn cut_judged(&mut self, line: usize) {
        let cut = |lines: &mut Vec<u32>| {
            lines.truncate(lines.partition_point(|at| (*at as usize) < line));
        };
        if self.filtered > line {
            self.filtered = line;
            cut(&mut self.shown);
        }
        if self.searched > line {
            self.searched = line;
            cut(&mut self.hits);
        }
    }

    /// Takes away the lines from that one on.
    pub fn split_off(&mut self, line: usize) -> Self {
        let mut rest = Self::new(self.start + number(line), Self::default());
        for one in line..self.len() {
            rest.copy(self, one);
        }
        let start = self.start_of(line);
        self.bytes.truncate(start);
        self.entries.truncate(line);
        let spans = self
            .spans
            .partition_point(|span| (span.at as usize) < start);
        self.spans.truncate(spans);
        self.cut_judged(line);
        rest
    }

    fn start_of(&self, line: usize) -> usize {
        line.checked_sub(1)
            .and_then(|before| self.entries.get(before))
            .map_or(0, |before| before.end as usize + 1)
    }

    /// The text of a line.
    pub fn text(&self, line: usize) -> &[u8] {
        let end = self.entries.get(line).map_or(0, |entry| entry.end as usize);
        self.bytes.get(self.start_of(line)..end).unwrap_or_default()
    }

    fn spans_of(&self, line: usize) -> &[Span] {
        let start = offset(self.start_of(line));
        let end = self.entries.get(line).map_or(0, |entry| entry.end);
        let from = self.spans.partition_point(|span| span.at < start);
        let length = self.spans[from..].partition_point(|span| span.at <= end);
        &self.spans[from..from + length]
    }

    /// Where in a line other colours begin.
    pub fn inks(&self, line: usize) -> Vec<(usize, Ink)> {
        let start = self.start_of(line);
        let ink = |span: &Span| (span.at as usize - start, self.inks[usize::from(span.ink)]);
        self.spans_of(line).iter().map(ink).collect()
    }

    /// Calls `each` with every line from `from` on that has the pattern, in order.
    fn scan(&self, pattern: &Pattern, from: usize, mut each: impl FnMut(usize)) {
        let mut line = from;
        let mut place = self.start_of(from);
        while let Some((start, end)) = pattern.next(&self.bytes, place) {
            line += self.entries[line.min(self.len())..]
                .partition_point(|entry| (entry.end as usize) < start);
            let Some(entry) = self.entries.get(line) else {
                return;
            };
            // What reaches into the next line is none, but there may be one that does not.
            if end <= entry.end as usize || pattern.is_in(self.text(line)) {
                each(line);
            }
            place = entry.end as usize + 1;
            line += 1;
        }
    }

    /// Judges the lines that were not judged yet. Returns the bytes that were looked at.
    pub fn work(&mut self, filter: &Filter, names: &[String], search: Option<&Pattern>) -> usize {
        let mut seen = 0;
        if !filter.is_empty() && self.filtered < self.len() {
            seen += (self.bytes.len() - self.start_of(self.filtered)) * filter.cost();
            self.filter(filter, names);
        }
        if let Some(pattern) = search
            && self.searched < self.len()
        {
            let from = self.searched;
            seen += (self.bytes.len() - self.start_of(from)) * pattern.cost();
            let mut hits = Vec::new();
            self.scan(pattern, from, |line| hits.push(offset(line)));
            if !filter.is_empty() {
                hits.retain(|line| self.shown.binary_search(line).is_ok());
            }
            self.hits.extend(hits);
            self.searched = self.len();
        }
        seen
    }

    /// Whether lines wait to be judged.
    pub fn is_behind(&self, filter: &Filter, search: Option<&Pattern>) -> bool {
        (!filter.is_empty() && self.filtered < self.len())
            || (search.is_some() && self.searched < self.len())
    }

    /// Forgets what was judged.
    pub fn forget(&mut self) {
        self.cut_judged(0);
    }

    /// Forgets which lines have what is searched for.
    pub fn forget_hits(&mut self) {
        self.hits.clear();
        self.searched = 0;
    }

    fn filter(&mut self, filter: &Filter, names: &[String]) {
        let from = self.filtered;
        let count = self.len() - from;
        let heads = self.has_traces.then(|| self.heads(from));
        let mut keep = vec![true; count];
        for term in &filter.terms {
            let mut holds = vec![false; count];
            match &term.test {
                Test::Pattern(pattern) => {
                    self.scan(pattern, from, |line| holds[line - from] = true);
                }
                Test::Level(least) => {
                    for (line, holds) in (from..).zip(&mut holds) {
                        *holds = Level::of(self.text(line)).is_some_and(|level| level >= *least);
                    }
                }
                Test::Stream(stream) => {
                    for (entry, holds) in self.entries[from..].iter().zip(&mut holds) {
                        *holds = entry.marks.stream() == *stream;
                    }
                }
                Test::From(part) => {
                    let fits: Vec<bool> = names
                        .iter()
                        .map(|name| name.contains(part.as_str()))
                        .collect();
                    for (entry, holds) in self.entries[from..].iter().zip(&mut holds) {
                        *holds = fits
                            .get(usize::from(entry.source))
                            .copied()
                            .unwrap_or(false);
                    }
                }
            }
            if let Some(heads) = &heads {
                for (line, head) in heads.iter().enumerate() {
                    holds[*head] |= holds[line];
                }
                for (line, head) in heads.iter().enumerate() {
                    holds[line] = holds[*head];
                }
            }
            for (keep, holds) in keep.iter_mut().zip(holds) {
                *keep &= holds != term.is_not;
            }
        }
        for (line, entry) in (from..).zip(&self.entries[from..]) {
            if keep[line - from] || entry.marks.has(Marks::NOTE) {
                self.shown.push(offset(line));
            }
        }
        self.filtered = self.len();
    }

    /// For each line from `from` on, the line that began what it goes on with: itself, mostly.
    fn heads(&self, from: usize) -> Vec<usize> {
        let mut last: Vec<(u16, usize)> = Vec::new();
        let head = |(at, entry): (usize, &Entry)| {
            let known = last.iter().position(|(source, _)| *source == entry.source);
            match known {
                Some(known) if entry.marks.has(Marks::CONTINUES) => last[known].1,
                Some(known) => {
                    last[known].1 = at;
                    at
                }
                None => {
                    last.push((entry.source, at));
                    at
                }
            }
        };
        self.entries[from..].iter().enumerate().map(head).collect()
    }

    /// How many lines are shown.
    pub fn shown_count(&self, is_filtered: bool) -> usize {
        if is_filtered {
            self.shown.len()
        } else {
            self.len()
        }
    }

    /// How many of the lines before that one are shown.
    pub fn shown_before(&self, line: usize, is_filtered: bool) -> usize {
        if is_filtered {
            self.shown.partition_point(|at| (*at as usize) < line)
        } else {
            line.min(self.len())
        }
    }

    /// The line that is shown as number `at` of this segment.
    pub fn nth(&self, at: usize, is_filtered: bool) -> Option<usize> {
        if is_filtered {
            self.shown.get(at).map(|line| *line as usize)
        } else {
            (at < self.len()).then_some(at)
        }
    }
}

/// A place in a segment. None has 4 GiB: a line is cut long before.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A count of lines as a step between their numbers.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The place of a colour among those of the segment. Beyond 65 536 different ones the last stands for more.
fn place(inks: &mut Vec<Ink>, ink: Ink) -> u16 {
    let known = inks.iter().rposition(|one| *one == ink);
    let at = known.unwrap_or_else(|| {
        if u16::try_from(inks.len()).is_ok() {
            inks.push(ink);
        }
        inks.len() - 1
    });
    u16::try_from(at).unwrap_or(u16::MAX)
}
