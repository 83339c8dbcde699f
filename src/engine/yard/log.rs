//! The log of a step, read in parts that can be gone on with after any of them, also by somebody else.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout_at};

use super::{LogMark, StepLine, StepState, Yard, look, owned};
use crate::engine::Engines;
use crate::engine::error::{Deed, Error, ErrorKind};
use crate::engine::lines::LogReader;
use crate::engine::logs::{self, LogOptions, undressed};
use crate::model::pipeline::StepName;
use crate::model::{ContainerId, LogBatch, LogRange, Stream, Timestamp};

/// No part has more bytes, but for a single line that is longer.
const PART: usize = 64 << 10;

/// Lines wait so long for others.
const PATIENCE: Duration = Duration::from_millis(500);

/// The streams of a container overtake each other by less than this, in nanoseconds.
const LATE: i64 = 2_000_000_000;

/// So many times of lines are remembered.
const REMEMBERED: usize = 1 << 16;

/// Between two looks at a container whose log ended though it runs.
const PAUSE: Duration = Duration::from_millis(500);

/// The log of an attempt at a step, which is being read.
pub struct YardLog {
    engines: Engines,
    name: String,
    ours: [(&'static str, String); 3],
    deed: Deed,
    from: LogMark,
    body: Option<Incoming>,
    reader: LogReader,
    batch: LogBatch,
    /// Lines of what was taken before that the engine will say again.
    had: [u32; 2],
    waiting: VecDeque<StepLine>,
    /// How long they are together.
    weight: usize,
    /// When the first of them came.
    since: Instant,
    taken: Taken,
    ended: bool,
    /// Why it broke off, to be told after the lines before.
    broken: Option<Error>,
}

impl YardLog {
    /// Opens a log from there on.
    pub(super) async fn open(
        engines: Engines,
        yard: &Yard,
        step: &StepName,
        attempt: u32,
        from: LogMark,
    ) -> Result<Self, Error> {
        let name = yard.step(step, attempt);
        let deed = yard.deed("read the log of the step", &name);
        let mut log = Self {
            engines,
            name,
            ours: owned(yard, step, attempt),
            deed,
            from,
            body: None,
            reader: LogReader::new(false),
            batch: LogBatch::default(),
            had: [from.out, from.err],
            waiting: VecDeque::new(),
            weight: 0,
            since: Instant::now(),
            taken: Taken::default(),
            ended: false,
            broken: None,
        };
        if log.look().await? == StepState::Missing {
            let why = "there is no container of the step on the host";
            return Err(log.deed.failed(ErrorKind::NotFound, why));
        }
        log.ask().await?;
        Ok(log)
    }

    /// The next lines, and where to go on after them; none when the container has ended or was not started. Waits half a
    /// second for more than one line. Safe to be dropped while waiting.
    pub async fn next(&mut self) -> Result<Option<(Vec<StepLine>, LogMark)>, Error> {
        loop {
            let late = self.since + PATIENCE;
            let is_over = self.ended || self.broken.is_some();
            let is_due = self.weight >= PART || is_over || Instant::now() >= late;
            if !self.waiting.is_empty() && is_due {
                return Ok(Some(self.part()));
            }
            if let Some(error) = self.broken.take() {
                self.ended = true;
                return Err(error);
            }
            if self.ended {
                return Ok(None);
            }
            let Some(body) = &mut self.body else {
                self.again().await;
                continue;
            };
            let frame = if self.waiting.is_empty() {
                body.frame().await
            } else {
                match timeout_at(late, body.frame()).await {
                    Ok(frame) => frame,
                    Err(_) => continue,
                }
            };
            match frame {
                None => self.body = None,
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    let read = self.reader.read(&data, &mut self.batch);
                    self.take();
                    if let Err(why) = read {
                        self.broken = Some(self.deed.failed(ErrorKind::Engine, why));
                    }
                }
                Some(Err(error)) => {
                    let why = format!("the connection was lost: {error}");
                    self.broken = Some(self.deed.failed(ErrorKind::Lost, why));
                }
            }
        }
    }

    async fn look(&self) -> Result<StepState, Error> {
        let session = self.engines.session(&self.deed).await?;
        look::state(&session, &self.name, &self.ours, &self.deed).await
    }

    /// Asks the engine for the log from the last line on.
    async fn ask(&mut self) -> Result<(), Error> {
        let at = self.reader.since().unwrap_or(self.from.at);
        let range = match Timestamp::from_nanosecond(at.into()) {
            Ok(at) if at > Timestamp::UNIX_EPOCH => LogRange::Since(at),
            _ => LogRange::All,
        };
        let options = LogOptions {
            range,
            until: None,
            follow: true,
        };
        let session = self.engines.session(&self.deed).await?;
        let path = logs::path(&ContainerId::new(&self.name), options);
        let answer = session.wire.get(path).response().await;
        let answer = answer.map_err(|fault| self.deed.fault(fault))?;
        self.body = Some(answer.into_body());
        Ok(())
    }

    /// The engine said all: the log has ended if the container has, and is asked for again if not.
    async fn again(&mut self) {
        match self.look().await {
            Ok(StepState::Running) => {
                sleep(PAUSE).await;
                self.reader.again();
                if let Err(error) = self.ask().await {
                    self.broken = Some(error);
                }
            }
            Ok(StepState::Missing | StepState::Created | StepState::Ended { .. }) => {
                self.reader.finish(&mut self.batch);
                self.take();
                self.ended = true;
            }
            Err(error) => self.broken = Some(error),
        }
    }

    /// Takes in the lines that were read, but for those that were taken before.
    fn take(&mut self) {
        for line in self.batch.take().iter() {
            let stream = usize::from(line.stream == Stream::Stderr);
            let at = line.at.unwrap_or(self.taken.newest).max(self.from.at);
            if self.had[stream] > 0 {
                self.had[stream] -= 1;
                self.taken.add(at, stream);
                continue;
            }
            let text = undressed(line.text);
            if self.waiting.is_empty() {
                self.since = Instant::now();
            }
            self.weight += text.len() + 1;
            self.waiting.push_back(StepLine {
                at,
                error: stream == 1,
                text,
            });
        }
    }

    /// The first of the lines that wait.
    fn part(&mut self) -> (Vec<StepLine>, LogMark) {
        let (mut lines, mut weight) = (Vec::new(), 0);
        while let Some(line) = self.waiting.front() {
            if !lines.is_empty() && weight + line.text.len() >= PART {
                break;
            }
            weight += line.text.len() + 1;
            self.taken.add(line.at, usize::from(line.error));
            lines.extend(self.waiting.pop_front());
        }
        self.weight -= weight;
        (lines, self.taken.mark())
    }
}

/// Which lines were taken lately, by their times.
#[derive(Default)]
struct Taken {
    /// Times and how many lines had them, in the order of their stream.
    lately: [VecDeque<(i64, u32)>; 2],
    counts: [u32; 2],
    newest: i64,
    /// From here on all that were taken are remembered.
    whole: i64,
}

impl Taken {
    fn add(&mut self, at: i64, stream: usize) {
        if at < self.newest - LATE {
            // The clock was set back.
            *self = Self::default();
        }
        self.newest = at.max(self.newest);
        match self.lately[stream].back_mut() {
            Some((last, count)) if *last == at => *count += 1,
            _ => self.lately[stream].push_back((at, 1)),
        }
        self.counts[stream] += 1;
        while let Some(oldest) = self.oldest() {
            let many = self.lately[0].len() + self.lately[1].len() > REMEMBERED;
            if oldest == self.newest || (oldest >= self.newest - LATE && !many) {
                break;
            }
            self.whole = oldest + 1;
            for (lately, all) in self.lately.iter_mut().zip(&mut self.counts) {
                while let Some((_, count)) = lately.pop_front_if(|(at, _)| *at <= oldest) {
                    *all -= count;
                }
            }
        }
    }

    fn oldest(&self) -> Option<i64> {
        let fronts = self.lately.iter().filter_map(VecDeque::front);
        fronts.map(|(at, _)| *at).min()
    }

    /// As far back as a line may come late and all are remembered: from there on all lines are counted.
    fn mark(&self) -> LogMark {
        LogMark {
            at: self.whole.max(self.newest - LATE).max(0),
            out: self.counts[0],
            err: self.counts[1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// What is given by an engine from a mark on, less what the mark says was had.
    fn rest(all: &[(i64, usize)], mark: LogMark) -> Vec<(i64, usize)> {
        let mut had = [mark.out, mark.err];
        let since = all.iter().filter(|(at, _)| *at >= mark.at);
        let mut left = Vec::new();
        for (at, stream) in since {
            if had[*stream] > 0 {
                had[*stream] -= 1;
            } else {
                left.push((*at, *stream));
            }
        }
        left
    }

    #[test]
    fn wherever_it_was_cut_nothing_is_lost_and_nothing_comes_twice() {
        // Both streams, equal times, and a stream that is behind the other one.
        let times = [5, 5, 5, 7, 6, 7, 8, 8, 20, 19, 19, 20];
        let all: Vec<(i64, usize)> = times
            .iter()
            .enumerate()
            .map(|(nth, at)| (at * SECOND / 4, usize::from([4, 9, 10].contains(&nth))))
            .collect();
        for cut in 0..=all.len() {
            let mut taken = Taken::default();
            for (at, stream) in &all[..cut] {
                taken.add(*at, *stream);
            }
            assert_eq!(rest(&all, taken.mark()), all[cut..], "cut after {cut}");
        }
    }

    #[test]
    fn a_long_log_is_not_read_again_from_its_beginning() {
        let mut taken = Taken::default();
        taken.add(1, 1);
        for nth in 0..200_000 {
            taken.add(SECOND * 10 + nth, 0);
        }
        let mark = taken.mark();
        assert!(mark.at > SECOND * 10 && mark.err == 0, "{mark:?}");
        assert!(
            usize::try_from(mark.out).is_ok_and(|out| out <= REMEMBERED),
            "{mark:?}"
        );
        for _ in 0..200_000 {
            taken.add(SECOND * 20, 0);
        }
        let mark = taken.mark();
        assert_eq!((mark.at, mark.out), (SECOND * 20 - LATE, 200_000));
    }
}
