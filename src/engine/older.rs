//! Lines of a log from before those that are known: Docker can only be asked for the last so many.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::error::Fault;
use super::lines::LogReader;
use super::logs::{Body, LogOptions};
use super::session::Session;
use crate::model::{ContainerId, LogBatch, LogRange, Product, moment as at_moment};

/// How many times more lines are asked for when so many did not reach back far enough.
const GROWTH: u64 = 8;

/// No log is asked for more lines than this, but for all of them.
const MOST: u64 = 50_000_000;

/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// By so many first lines it is known that asking for more brought no more.
const FIRST: usize = 64;

/// Lines of a log that are older than a moment.
pub(super) struct Older {
    /// The lines next before it, oldest first.
    pub lines: LogBatch,
    /// They begin with the first line that the engine has.
    pub whole: bool,
}

/// Asks for at most `count` lines from before `moment` (in nanoseconds since 1970).
///
/// `tail` counts from the end of the log, wherever the moment is, and not every log driver heeds `until`: so more and
/// more is asked for until enough of it is older. What is not older is not read.
pub(super) async fn older(
    session: &Session,
    id: &ContainerId,
    tty: bool,
    moment: i64,
    count: usize,
) -> Result<Older, Fault> {
    let mut tail = u64::try_from(count.max(1)).unwrap_or(MOST);
    let mut before = None;
    loop {
        let range = match u32::try_from(tail) {
            Ok(lines) if tail <= MOST => LogRange::Tail(lines),
            Ok(_) | Err(_) => LogRange::All,
        };
        let options = LogOptions {
            range,
            ..LogOptions::default()
        };
        let mut body = Body::open(session, id, options).await?;
        let part = Part::read(&mut body, tty, moment, count).await?;
        // The first line of all of them stays the first however many are asked for.
        let is_all = range == LogRange::All || part.is_empty || before == Some(part.first);
        let first = part.first;
        if is_all || part.has_enough(count) {
            let found = match session.product {
                Product::Docker => Some(part),
                Product::Podman => part.again(session, id, tty, moment, count, is_all).await?,
            };
            if let Some(part) = found {
                return Ok(Older {
                    whole: is_all && !part.dropped,
                    lines: part.lines,
                });
            }
        }
        before = Some(first);
        tail *= GROWTH;
    }
}

/// What one question brought.
struct Part {
    lines: LogBatch,
    /// Older ones were read than are kept.
    dropped: bool,
    /// Tells its first lines from others.
    first: u64,
    /// The log had no lines at all.
    is_empty: bool,
}

impl Part {
    async fn read(body: &mut Body, tty: bool, moment: i64, count: usize) -> Result<Self, Fault> {
        let mut reader = LogReader::new(tty);
        let (mut batch, mut first) = (LogBatch::default(), First::default());
        let mut part = Self {
            lines: LogBatch::default(),
            dropped: false,
            first: 0,
            is_empty: false,
        };
        let (mut is_past, mut goes_on) = (false, true);
        while goes_on && !(is_past && first.is_known()) {
            goes_on = body
                .fill(&mut reader, &mut batch)
                .await
                .map_err(Fault::Cut)?;
            if !goes_on {
                reader.finish(&mut batch);
            }
            first.note(&batch);
            if !is_past {
                let end = batch
                    .iter()
                    .position(|line| line.at.is_some_and(|at| at >= moment));
                is_past = end.is_some();
                batch.truncate(end.unwrap_or(batch.len()));
                part.lines.append(&batch);
                part.keep(2 * count + FIRST);
            }
            batch = LogBatch::default();
        }
        part.keep(count);
        part.is_empty = first.count == 0;
        part.first = first.hash.finish();
        Ok(part)
    }

    /// The same, asked for by time. Podman (4.3; mended in 4.7) puts a line that its monitor wrote in two pieces, as it
    /// does at the end of each buffer, together in the wrong order when it counts from the end; not so when it is asked
    /// for what was logged since a moment. None when that may begin in the middle of a line.
    async fn again(
        self,
        session: &Session,
        id: &ContainerId,
        tty: bool,
        moment: i64,
        count: usize,
        is_all: bool,
    ) -> Result<Option<Self>, Fault> {
        let first = self.lines.iter().next().and_then(|line| line.at);
        let range = match first {
            // It tells whole seconds only.
            Some(at) if !is_all => LogRange::Since(at_moment(at - SECOND)),
            Some(_) | None => LogRange::All,
        };
        let options = LogOptions {
            range,
            ..LogOptions::default()
        };
        let mut body = Body::open(session, id, options).await?;
        let part = Self::read(&mut body, tty, moment, count).await?;
        let is_sure = range == LogRange::All || part.dropped;
        Ok(is_sure.then_some(part))
    }

    /// Keeps the last lines only when there are more than so many.
    fn keep(&mut self, count: usize) {
        if self.lines.len() > count {
            self.dropped = true;
            self.lines.drop_first(self.lines.len() - count);
        }
    }

    fn has_enough(&self, count: usize) -> bool {
        self.lines.len() >= count
    }
}

/// The first lines of an answer, as a number.
#[derive(Default)]
struct First {
    hash: DefaultHasher,
    count: usize,
}

impl First {
    fn note(&mut self, batch: &LogBatch) {
        for line in batch.iter().take(FIRST - self.count) {
            line.at.hash(&mut self.hash);
            line.stream.hash(&mut self.hash);
            line.text.hash(&mut self.hash);
            self.count += 1;
        }
    }

    fn is_known(&self) -> bool {
        self.count == FIRST
    }
}
