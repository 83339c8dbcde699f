//! What containers logged so far: read to the end, and merged in the order of time.

use std::{cmp::Reverse, collections::BinaryHeap};

use tokio::sync::mpsc;

use super::{Writer, label, range};
use crate::{
    cli::{complain, exit::Failure, reach::Reached},
    engine::{LogOptions, Logs},
    model::LogBatch,
    ops::{LogsCommand, Target},
};

/// So many parts of a log may wait to be written.
const AHEAD: usize = 4;

/// A log being read, with the name of its container.
struct Source {
    name: String,
    parts: mpsc::Receiver<Result<LogBatch, String>>,
    ready: LogBatch,
    /// The next line of what is ready.
    next: usize,
    /// How far its clock is ahead of ours.
    ahead: i64,
    /// Why it ended before its end.
    broken: Option<String>,
}

/// Writes all lines in the order of their times; whether no log broke off.
pub(super) async fn merge(
    reached: Reached,
    targets: &[Target],
    args: &LogsCommand,
    writer: &mut Writer<'_>,
) -> Result<bool, Failure> {
    let mut sources = open(&reached, targets, args).await?;
    let (_fleet, _engines, drained) = reached.drain();
    let mut next = BinaryHeap::new();
    for (at, source) in sources.iter_mut().enumerate() {
        if source.fill().await {
            next.push(Reverse((source.at(), at)));
        }
    }
    while let Some(Reverse((_, at))) = next.pop() {
        let source = &mut sources[at];
        if let Some(line) = source.ready.get(source.next) {
            writer.line(&source.name, line).await?;
            source.next += 1;
        }
        if source.next == source.ready.len() {
            // While the engine is waited for, what is there can be read.
            writer.pass_on().await?;
        }
        if source.fill().await {
            next.push(Reverse((source.at(), at)));
        }
    }
    writer.pass_on().await?;
    drained.abort();
    let broken = || sources.iter().filter_map(|source| source.broken.as_ref());
    broken().for_each(|why| complain(why));
    Ok(broken().next().is_none())
}

async fn open(
    reached: &Reached,
    targets: &[Target],
    args: &LogsCommand,
) -> Result<Vec<Source>, Failure> {
    let now = reached.fleet.now;
    let options = LogOptions {
        range: range(args, now),
        until: args.until.map(|until| until.at(now)),
        follow: false,
    };
    let mut sources = Vec::new();
    for target in targets {
        let Target::Container(host, id) = target else {
            continue;
        };
        let logs = reached.engines.logs(host, id, options).await?;
        sources.push(Source {
            name: label(reached, target),
            parts: read(logs),
            ready: LogBatch::default(),
            next: 0,
            ahead: reached.fleet.clock_ahead(host),
            broken: None,
        });
    }
    Ok(sources)
}

/// Reads a log in a task of its own: where it is read beside the connection, no line costs a change of threads.
fn read(mut logs: Logs) -> mpsc::Receiver<Result<LogBatch, String>> {
    let (sender, parts) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        while let Some(part) = logs.next().await.transpose() {
            let is_broken = part.is_err();
            if sender.send(part).await.is_err() || is_broken {
                return;
            }
        }
    });
    parts
}

impl Source {
    /// Waits for its next lines; false at its end.
    async fn fill(&mut self) -> bool {
        if self.next < self.ready.len() {
            return true;
        }
        match self.parts.recv().await {
            Some(Ok(lines)) => {
                self.ready = lines;
                self.next = 0;
                true
            }
            None => false,
            Some(Err(why)) => {
                self.broken = Some(format!("the log of {} broke off: {why}", self.name));
                false
            }
        }
    }

    /// The time of the next line by our clock.
    fn at(&self) -> Option<i64> {
        let at = self.ready.get(self.next)?.at?;
        Some(at.saturating_sub(self.ahead))
    }
}
