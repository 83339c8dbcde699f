//! The lines a log view holds: bounded, in time order, filtered.

use std::collections::VecDeque;

use regex::{Regex, RegexBuilder};

use crate::model::{Stream, Timestamp};

/// How many lines are held.
const LINES: usize = 100_000;
/// How many bytes of text are held.
const BYTES: usize = 64 * 1024 * 1024;

/// One line, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When the engine read it.
    pub at: Option<Timestamp>,
    /// Whose it is.
    pub source: usize,
    /// Which output it came from; none for what the view itself says.
    pub stream: Option<Stream>,
    /// Its text.
    pub text: Box<str>,
}

/// Lines, oldest first.
#[derive(Debug, Default)]
pub struct Lines {
    all: VecDeque<Entry>,
    bytes: usize,
    dropped: usize,
    disordered: bool,
    filter: String,
    matcher: Option<(Regex, bool)>,
    /// The places in `all` of the lines that match, when there is a filter.
    matching: Vec<usize>,
}

impl Lines {
    /// Forgets all lines; the filter stays.
    pub fn clear(&mut self) {
        self.all.clear();
        self.matching.clear();
        self.bytes = 0;
        self.dropped = 0;
        self.disordered = false;
    }

    /// Adds a line. One that is older than the last is put in its place at the next [`Self::settle`].
    pub fn push(&mut self, entry: Entry) {
        if let (Some(last), Some(at)) = (self.all.back().and_then(|last| last.at), entry.at) {
            self.disordered |= at < last;
        }
        self.bytes += entry.text.len();
        if self.matches(&entry) {
            self.matching.push(self.all.len());
        }
        self.all.push_back(entry);
    }

    /// Puts lines in order and drops the oldest above the bounds. Returns how many shown lines went.
    pub fn settle(&mut self) -> usize {
        let before = self.shown();
        let mut gone = 0;
        if std::mem::take(&mut self.disordered) {
            self.all.make_contiguous().sort_by_key(|entry| entry.at);
            gone += 1;
        }
        while self.all.len() > LINES || self.bytes > BYTES {
            let Some(oldest) = self.all.pop_front() else {
                break;
            };
            self.bytes -= oldest.text.len();
            self.dropped += 1;
            gone += 1;
        }
        if gone > 0 {
            self.rebuild();
        }
        before.saturating_sub(self.shown())
    }

    /// Shows only lines that match: a text in any case, `!text` for lines without it, `/regex/`.
    pub fn set_filter(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        let (inverse, wanted) = match text.strip_prefix('!') {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, text),
        };
        let pattern = match wanted
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'))
        {
            Some(pattern) if !pattern.is_empty() => pattern.to_owned(),
            _ => regex::escape(wanted),
        };
        self.matcher = if wanted.is_empty() {
            None
        } else {
            let regex = RegexBuilder::new(&pattern).case_insensitive(true).build();
            let regex = regex.map_err(|error| {
                error
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .to_owned()
            })?;
            Some((regex, inverse))
        };
        text.clone_into(&mut self.filter);
        self.rebuild();
        Ok(())
    }

    /// The filter as it was typed.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// How many lines are shown.
    pub fn shown(&self) -> usize {
        if self.matcher.is_some() {
            self.matching.len()
        } else {
            self.all.len()
        }
    }

    /// How many old lines were dropped for want of room.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// A shown line.
    pub fn get(&self, at: usize) -> Option<&Entry> {
        let at = if self.matcher.is_some() {
            *self.matching.get(at)?
        } else {
            at
        };
        self.all.get(at)
    }

    fn matches(&self, entry: &Entry) -> bool {
        self.matcher
            .as_ref()
            .is_some_and(|(regex, inverse)| regex.is_match(&entry.text) != *inverse)
    }

    fn rebuild(&mut self) {
        let places: Vec<usize> = match self.matcher {
            None => Vec::new(),
            Some(_) => (0..self.all.len())
                .filter(|at| self.matches(&self.all[*at]))
                .collect(),
        };
        self.matching = places;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::cast_possible_wrap, reason = "tests")]
mod tests {
    use super::*;

    fn line(second: i64, text: &str) -> Entry {
        Entry {
            at: Timestamp::from_second(second).ok(),
            source: 0,
            stream: Some(Stream::Stdout),
            text: text.into(),
        }
    }

    fn texts(lines: &Lines) -> Vec<String> {
        (0..lines.shown())
            .filter_map(|at| lines.get(at))
            .map(|entry| entry.text.to_string())
            .collect()
    }

    #[test]
    fn lines_of_two_sources_come_into_time_order() {
        let mut lines = Lines::default();
        for (second, text) in [(1, "a"), (5, "e"), (2, "b"), (3, "c")] {
            lines.push(line(second, text));
        }
        lines.settle();
        assert_eq!(texts(&lines), ["a", "b", "c", "e"]);
    }

    #[test]
    fn a_filter_holds_for_old_and_new_lines() {
        let mut lines = Lines::default();
        lines.push(line(1, "GET /health 200"));
        lines.push(line(2, "Error: refused"));
        lines.set_filter("error").unwrap();
        assert_eq!(texts(&lines), ["Error: refused"]);
        lines.push(line(3, "another ERROR"));
        assert_eq!(lines.shown(), 2);
        lines.set_filter("!error").unwrap();
        assert_eq!(texts(&lines), ["GET /health 200"]);
        lines.set_filter(r"/\d{3}$/").unwrap();
        assert_eq!(texts(&lines), ["GET /health 200"]);
        assert!(lines.set_filter("/(/").is_err());
    }

    #[test]
    fn the_oldest_lines_go_when_there_are_too_many() {
        let mut lines = Lines::default();
        for second in 0..(LINES as i64 + 10) {
            lines.push(line(second, "x"));
        }
        assert_eq!(lines.settle(), 10);
        assert_eq!(lines.shown(), LINES);
        assert_eq!(lines.dropped(), 10);
    }
}
