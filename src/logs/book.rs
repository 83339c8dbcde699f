//! A book of lines: bounded, in the order of time, with what is shown of it and what is found in it.

mod weave;

use std::collections::VecDeque;

use memchr::memchr;

use self::weave::Queue;
use super::{
    Filter, Ink, Pattern,
    segment::{Marks, Segment, number},
    trace::continues,
};
use crate::model::{LogBatch, Stream};

/// Lines that are held, oldest first. Each has a number; the numbers of lines behind one that is put in later change,
/// and whoever remembers numbers gives them to [`Book::settle`].
#[derive(Debug)]
pub struct Book {
    segments: VecDeque<Segment>,
    spare: Option<Segment>,
    limit: usize,
    dropped: usize,
    filter: Filter,
    search: Option<Pattern>,
    /// The names of the sources, by their numbers.
    names: Vec<String>,
    pending: Vec<Queue>,
    /// The time of the newest line.
    newest: i64,
}

/// A line that is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'b> {
    /// Its number.
    pub number: i64,
    /// When it was logged, in nanoseconds since 1970.
    pub at: Option<i64>,
    /// Whose it is.
    pub source: u16,
    /// Which output it came from; none for what the view itself says.
    pub stream: Option<Stream>,
    /// Marked by the operator.
    pub is_marked: bool,
    /// It goes on with what a line before began.
    pub continues: bool,
    /// Its text without escape sequences; any other bytes.
    pub text: &'b [u8],
    /// Where in the text other colours begin.
    pub inks: Vec<(usize, Ink)>,
}

impl Book {
    /// An empty one that holds at most about so many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            segments: VecDeque::new(),
            spare: None,
            limit,
            dropped: 0,
            filter: Filter::default(),
            search: None,
            names: Vec::new(),
            pending: Vec::new(),
            newest: i64::MIN,
        }
    }

    /// Forgets all lines. Filter, search and names stay.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.pending.clear();
        self.dropped = 0;
        self.newest = i64::MIN;
    }

    /// How many bytes may be held from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The number of a source, by its name; a new one for a new name.
    pub fn source(&mut self, name: &str) -> u16 {
        let known = self.names.iter().position(|one| one == name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// A source's name.
    pub fn name(&self, source: u16) -> &str {
        self.names
            .get(usize::from(source))
            .map_or("", String::as_str)
    }

    /// The names of the sources, by their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Takes lines in; they are put in their places by [`Book::settle`]. `ahead` is how far the host's clock is ahead
    /// of ours, in nanoseconds.
    pub fn add(&mut self, source: u16, batch: LogBatch, ahead: i64) {
        self.queue(source, ahead, false, batch);
    }

    /// Takes in lines that are older than those held of that source.
    pub fn add_older(&mut self, source: u16, batch: LogBatch, ahead: i64) {
        self.queue(source, ahead, true, batch);
    }

    /// Takes in what the view itself says, at the end of that source's lines.
    pub fn note(&mut self, source: u16, at: i64, text: &str) {
        let mut batch = LogBatch::default();
        batch.push(Some(at), Stream::Stdout, text.as_bytes());
        self.pending.push(Queue::note(source, batch));
    }

    fn queue(&mut self, source: u16, ahead: i64, is_older: bool, batch: LogBatch) {
        let last = self.pending.last_mut();
        match last.filter(|last| last.takes(source, ahead, is_older)) {
            Some(last) => last.parts.push_back(batch),
            None => self
                .pending
                .push(Queue::new(source, ahead, is_older, batch)),
        }
    }

    /// Puts what was taken in into its places by time, and drops the oldest above the bound. The numbers in `pins`
    /// follow their lines; that of a line that was dropped becomes the oldest.
    pub fn settle(&mut self, pins: &mut [Option<i64>]) {
        if self.pending.is_empty() {
            return;
        }
        let mut in_order = Vec::new();
        for mut queue in std::mem::take(&mut self.pending) {
            let Some(key) = queue.key(self.newest) else {
                continue;
            };
            if key >= self.newest && !queue.is_older {
                in_order.push(queue);
            } else {
                self.append(&mut in_order);
                self.weave(queue, key, pins);
            }
        }
        self.append(&mut in_order);
        self.drop_oldest(pins);
    }

    /// The segment to add a line of that length to.
    fn open(&mut self, length: usize) -> Option<&mut Segment> {
        let has_room = self
            .segments
            .back()
            .is_some_and(|last| last.has_room(length));
        if !has_room {
            let start = self.end();
            if let Some(last) = self.segments.back_mut() {
                last.seal();
            }
            let spare = self.spare.take().unwrap_or_default();
            self.segments.push_back(Segment::new(start, spare));
        }
        self.segments.back_mut()
    }

    /// Behind the number of the newest line.
    pub fn end(&self) -> i64 {
        self.segments
            .back()
            .map_or(0, |last| last.start + number(last.len()))
    }

    /// The number of the oldest line.
    pub fn first(&self) -> i64 {
        self.segments.front().map_or(0, |first| first.start)
    }

    fn drop_oldest(&mut self, pins: &mut [Option<i64>]) {
        let mut held = self.size();
        while held > self.limit && self.segments.len() > 1 {
            let Some(oldest) = self.segments.pop_front() else {
                break;
            };
            held -= oldest.size();
            self.dropped += oldest.len();
            self.spare = Some(oldest);
        }
        let first = self.first();
        for pin in pins.iter_mut().flatten() {
            *pin = (*pin).max(first);
        }
    }

    /// How many bytes the lines take.
    pub fn size(&self) -> usize {
        self.segments.iter().map(Segment::size).sum()
    }

    /// Whether there is room for more before the oldest are dropped.
    pub fn has_room(&self) -> bool {
        self.size() < self.limit - self.limit / 8
    }

    /// How many lines are held.
    pub fn len(&self) -> usize {
        self.segments.iter().map(Segment::len).sum()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// How many lines were dropped for want of room.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Shows only what the filter lets through.
    pub fn set_filter(&mut self, filter: Filter) {
        if filter != self.filter {
            self.filter = filter;
            for segment in &mut self.segments {
                segment.forget();
            }
        }
    }

    /// The filter in force.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Searches for that from now on.
    pub fn set_search(&mut self, search: Option<Pattern>) {
        if search != self.search {
            self.search = search;
            for segment in &mut self.segments {
                segment.forget_hits();
            }
        }
    }

    /// What is searched for.
    pub fn search(&self) -> Option<&Pattern> {
        self.search.as_ref()
    }

    /// Filters and searches on, newest lines first, about as much as a plain text is found in `budget` bytes. Whether
    /// something is left to be done.
    pub fn work(&mut self, budget: usize) -> bool {
        let mut left = budget;
        for segment in self.segments.iter_mut().rev() {
            if left == 0 && segment.is_behind(&self.filter, self.search.as_ref()) {
                return true;
            }
            let seen = segment.work(&self.filter, &self.names, self.search.as_ref());
            left = left.saturating_sub(seen);
        }
        false
    }

    /// Whether lines wait to be filtered or searched.
    pub fn is_behind(&self) -> bool {
        let search = self.search.as_ref();
        self.segments
            .iter()
            .any(|one| one.is_behind(&self.filter, search))
    }

    fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    /// The segment and the place in it of a line.
    fn place(&self, line: i64) -> Option<(usize, usize)> {
        let at = self
            .segments
            .partition_point(|one| one.start <= line)
            .checked_sub(1)?;
        let within = usize::try_from(line - self.segments[at].start).ok()?;
        (within < self.segments[at].len()).then_some((at, within))
    }

    /// A line.
    pub fn line(&self, number: i64) -> Option<Line<'_>> {
        let (segment, line) = self.place(number)?;
        let segment = &self.segments[segment];
        let entry = segment.entries[line];
        let has = |bit| entry.marks.has(bit);
        Some(Line {
            number,
            at: (!has(Marks::UNTIMED)).then_some(entry.at),
            source: entry.source,
            stream: (!has(Marks::NOTE)).then(|| entry.marks.stream()),
            is_marked: has(Marks::MARKED),
            continues: has(Marks::CONTINUES),
            text: segment.text(line),
            inks: segment.inks(line),
        })
    }

    /// Marks a line, or takes its mark away. Whether it is marked now.
    pub fn mark(&mut self, number: i64) -> bool {
        let Some((segment, line)) = self.place(number) else {
            return false;
        };
        let marks = &mut self.segments[segment].entries[line].marks;
        marks.toggle(Marks::MARKED);
        marks.has(Marks::MARKED)
    }

    /// The next marked line after that one, going round.
    pub fn next_marked(&self, after: i64) -> Option<i64> {
        let marked = self.segments.iter().flat_map(|segment| {
            let is_marked =
                |(_, entry): &(usize, &super::segment::Entry)| entry.marks.has(Marks::MARKED);
            let all = segment.entries.iter().enumerate();
            all.filter(is_marked)
                .map(|(line, _)| segment.start + number(line))
        });
        let mut first = None;
        for line in marked {
            first = first.or(Some(line));
            if line > after {
                return Some(line);
            }
        }
        first
    }

    /// How many lines are shown.
    pub fn shown(&self) -> usize {
        let is_filtered = self.is_filtered();
        self.segments
            .iter()
            .map(|one| one.shown_count(is_filtered))
            .sum()
    }

    /// How many lines are shown before that one.
    pub fn shown_before(&self, line: i64) -> usize {
        let is_filtered = self.is_filtered();
        let mut count = 0;
        for segment in &self.segments {
            let Ok(within) = usize::try_from(line - segment.start) else {
                break;
            };
            count += segment.shown_before(within, is_filtered);
        }
        count
    }

    /// The number of the line that is shown as that one, counted from 0.
    pub fn nth(&self, mut at: usize) -> Option<i64> {
        let is_filtered = self.is_filtered();
        for segment in &self.segments {
            let count = segment.shown_count(is_filtered);
            if at < count {
                return Some(segment.start + number(segment.nth(at, is_filtered)?));
            }
            at -= count;
        }
        None
    }

    /// Calls `each` with every line that is shown, in order.
    pub fn each_shown(&self, mut each: impl FnMut(i64)) {
        let is_filtered = self.is_filtered();
        for segment in &self.segments {
            for at in 0..segment.shown_count(is_filtered) {
                if let Some(line) = segment.nth(at, is_filtered) {
                    each(segment.start + number(line));
                }
            }
        }
    }

    /// How many shown lines have what is searched for.
    pub fn hits(&self) -> usize {
        self.segments.iter().map(|one| one.hits.len()).sum()
    }

    /// How many of them are before that line.
    pub fn hits_before(&self, line: i64) -> usize {
        let before = |segment: &Segment| match usize::try_from(line - segment.start) {
            Ok(within) => segment.hits.partition_point(|hit| (*hit as usize) < within),
            Err(_) => 0,
        };
        self.segments.iter().map(before).sum()
    }

    /// The line with the hit of that number, counted from 0.
    pub fn hit(&self, mut at: usize) -> Option<i64> {
        for segment in &self.segments {
            match segment.hits.get(at) {
                Some(line) => return Some(segment.start + i64::from(*line)),
                None => at -= segment.hits.len(),
            }
        }
        None
    }

    /// In which of so many equal parts of the shown lines there are hits.
    pub fn hit_parts(&self, parts: usize) -> Vec<bool> {
        let mut marks = vec![false; parts];
        let (is_filtered, all) = (self.is_filtered(), self.shown().max(1));
        let mut before = 0;
        for segment in &self.segments {
            // Where hits are many, some stand for all.
            let step = (segment.hits.len() / parts.max(1)).max(1);
            for line in segment.hits.iter().step_by(step) {
                let at = before + segment.shown_before(*line as usize, is_filtered);
                if let Some(mark) = marks.get_mut(at * parts / all) {
                    *mark = true;
                }
            }
            before += segment.shown_count(is_filtered);
        }
        marks
    }
}

/// Whether any line of a batch has escape sequences.
fn has_escapes(batch: &LogBatch) -> bool {
    memchr(0x1b, batch.bytes()).is_some()
}

/// The marks of a line that came from a log.
fn marks(stream: Stream, is_timed: bool, text: &[u8]) -> Marks {
    let mut bits = 0;
    if stream == Stream::Stderr {
        bits |= Marks::STDERR;
    }
    if !is_timed {
        bits |= Marks::UNTIMED;
    }
    if continues(text) {
        bits |= Marks::CONTINUES;
    }
    Marks::new(bits)
}

#[cfg(test)]
mod tests;
