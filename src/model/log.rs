//! Lines of a log in one buffer: how they travel from an engine to whoever reads them.

use super::{Stream, Timestamp, moment};

/// Lines of one container's log, in order. The texts lie one after the other in one buffer, so that many lines cost
/// few allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBatch {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// Where a line ends and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: i64,
    end: u32,
    stream: Stream,
}

/// A line of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogText<'a> {
    /// When the engine read it, in nanoseconds since 1970 by the host's clock.
    pub at: Option<i64>,
    /// Which output it came from.
    pub stream: Stream,
    /// The line as it came, without its end; any bytes.
    pub text: &'a [u8],
}

/// Stands for no time.
const NEVER: i64 = i64::MIN;

impl LogBatch {
    /// Adds a line. No batch grows beyond 4 GiB: what would is not taken.
    pub fn push(&mut self, at: Option<i64>, stream: Stream, text: &[u8]) {
        let Ok(end) = u32::try_from(self.bytes.len() + text.len()) else {
            return;
        };
        self.bytes.extend_from_slice(text);
        self.marks.push(Mark {
            at: at.unwrap_or(NEVER),
            end,
            stream,
        });
    }

    /// Takes all lines out; there is room at once for as many as there were.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = Self {
            bytes: Vec::with_capacity(self.bytes.len()),
            marks: Vec::with_capacity(self.marks.len()),
        };
        std::mem::replace(self, empty)
    }

    /// Adds the lines of another batch.
    pub fn append(&mut self, other: &Self) {
        for line in other.iter() {
            self.push(line.at, line.stream, line.text);
        }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// How many bytes the texts have together.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The texts, one after the other with nothing between.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        self.bytes.len() + self.marks.len() * size_of::<Mark>()
    }

    /// A line.
    pub fn get(&self, at: usize) -> Option<LogText<'_>> {
        let mark = self.marks.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.marks[before].end);
        Some(LogText {
            at: (mark.at != NEVER).then_some(mark.at),
            stream: mark.stream,
            text: &self.bytes[start as usize..mark.end as usize],
        })
    }

    /// The lines, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = LogText<'_>> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// Takes away the first lines.
    pub fn drop_first(&mut self, count: usize) {
        let count = count.min(self.len());
        let Some(last) = count.checked_sub(1) else {
            return;
        };
        let cut = self.marks[last].end;
        self.bytes.drain(..cut as usize);
        self.marks.drain(..count);
        for mark in &mut self.marks {
            mark.end -= cut;
        }
    }

    /// Keeps the first lines only.
    pub fn truncate(&mut self, count: usize) {
        self.marks.truncate(count);
        let end = self.marks.last().map_or(0, |mark| mark.end);
        self.bytes.truncate(end as usize);
    }
}

impl LogText<'_> {
    /// The moment, for showing it.
    pub fn time(&self) -> Option<Timestamp> {
        self.at.map(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(batch: &LogBatch) -> Vec<&[u8]> {
        batch.iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let mut batch = LogBatch::default();
        batch.push(Some(1), Stream::Stdout, b"one");
        batch.push(None, Stream::Stderr, b"");
        batch.push(Some(-3), Stream::Stdout, b"three");
        assert_eq!((batch.len(), batch.size()), (3, 8));
        let told: Vec<_> = batch.iter().map(|line| (line.at, line.stream)).collect();
        let expected = [
            (Some(1), Stream::Stdout),
            (None, Stream::Stderr),
            (Some(-3), Stream::Stdout),
        ];
        assert_eq!(told, expected);
        batch.drop_first(1);
        assert_eq!(texts(&batch), [&b""[..], b"three"]);
        batch.truncate(1);
        assert_eq!((texts(&batch), batch.size()), (vec![&b""[..]], 0));
        batch.drop_first(9);
        assert!(batch.is_empty());
    }
}
