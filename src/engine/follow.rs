//! The feed of a log: read, followed, gone on with after a cut or a new start; and what is said of all that in place.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::sleep;

use super::error::Fault;
use super::feeds::One;
use super::inspect::{self, Inspected};
use super::lines::LogReader;
use super::logs::{Body, LogOptions};
use crate::model::{
    ContainerId, HostName, LogBatch, LogRange, Payload, Product, State, Timestamp, ending, moment,
};

/// An engine that tells times in whole seconds is asked from the second before on.
const SECOND: i64 = 1_000_000_000;

/// After the end of a stream, until the engine knows of the end of the container.
const SETTLE: Duration = Duration::from_millis(300);

/// Tells the end of a run from that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    /// None when there was no run yet.
    at: Option<Timestamp>,
}

/// How far a log was read and what was said of it, so that it can be gone on with after a break.
#[derive(Default)]
pub(super) struct Reading {
    reader: Option<LogReader>,
    /// Read, but not yet on the way.
    batch: LogBatch,
    /// On the way, in order.
    pub payloads: VecDeque<Payload>,
    /// It was said that it broke off.
    interrupted: bool,
    /// Lines came since then.
    advanced: bool,
    /// The end that was told: when the container's run was over.
    ended: Option<End>,
    /// No more will come, and that was said.
    over: bool,
}

impl Reading {
    /// Says something after all lines that were read.
    fn say(&mut self, payload: Payload) {
        self.take_batch();
        self.payloads.push_back(payload);
    }

    fn take_batch(&mut self) {
        if !self.batch.is_empty() {
            let batch = self.batch.take();
            self.payloads.push_back(Payload::Lines(batch));
        }
    }

    /// Says that it broke off, once; true when lines had come since it was said last, so that trying again at once is
    /// worth it.
    pub fn broke_off(&mut self, why: &str) -> bool {
        if !self.over && !self.interrupted {
            self.say(Payload::Failed(why.to_owned()));
            self.interrupted = true;
        }
        std::mem::take(&mut self.advanced)
    }

    fn end(&mut self, why: String) {
        if !self.over {
            self.say(Payload::Ended(why));
            self.over = true;
        }
    }
}

impl One<'_> {
    /// Reads the log and follows it; when the container starts again, goes on where it ended.
    pub(super) async fn follow(
        &mut self,
        id: &ContainerId,
        range: LogRange,
        read: &mut Reading,
    ) -> Result<(), Fault> {
        loop {
            if let Err(fault) = self.follow_once(id, range, read).await {
                match last_word(&fault, id) {
                    Some(why) => read.end(why),
                    None => return Err(fault),
                }
            }
            self.deliver(&mut read.payloads).await;
            if read.over {
                return std::future::pending().await;
            }
        }
    }

    async fn deliver(&self, payloads: &mut VecDeque<Payload>) {
        self.context.out.deliver(self.feed, payloads).await;
    }

    /// Reads until the stream ends, says why it did, and waits until there is more.
    async fn follow_once(
        &mut self,
        id: &ContainerId,
        range: LogRange,
        read: &mut Reading,
    ) -> Result<(), Fault> {
        self.deliver(&mut read.payloads).await;
        let found = inspect::inspect(&self.session.wire, id).await?;
        let reader = read.reader.get_or_insert_with(|| LogReader::new(found.tty));
        reader.again();
        let options = LogOptions {
            range: self.since(reader).map_or(range, LogRange::Since),
            until: None,
            follow: true,
        };
        let mut body = match Body::open(self.session, id, options).await {
            Ok(body) => body,
            Err(fault) => match unreadable(&fault, &found) {
                Some(why) => {
                    read.end(why);
                    return Ok(());
                }
                None => return Err(fault),
            },
        };
        if std::mem::take(&mut read.interrupted) {
            let host = &self.context.out.host;
            read.say(Payload::Resumed(format!(
                "{host} answers again; the log goes on where it broke off"
            )));
        }
        self.pump(&mut body, read).await?;
        self.ended(id, &found, read).await
    }

    /// From when on the engine is asked again; none before anything was read.
    fn since(&self, reader: &LogReader) -> Option<Timestamp> {
        let margin = match self.session.product {
            Product::Docker => 0,
            Product::Podman => SECOND,
        };
        Some(moment(reader.since()?.saturating_sub(margin)))
    }

    /// Passes lines on until the stream ends.
    async fn pump(&self, body: &mut Body, read: &mut Reading) -> Result<(), Fault> {
        let Some(reader) = &mut read.reader else {
            return Ok(());
        };
        loop {
            let goes_on = body.fill(reader, &mut read.batch).await;
            if let Some((from, to)) = reader.gap() {
                let gap = Payload::Gap(gap_text(from, to));
                read.payloads.push_back(gap);
            }
            if !read.batch.is_empty() {
                read.advanced = true;
                let batch = read.batch.take();
                read.payloads.push_back(Payload::Lines(batch));
            }
            self.deliver(&mut read.payloads).await;
            match goes_on {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(why) => return Err(Fault::Cut(why)),
            }
        }
    }

    /// The stream ended: says why, and waits until there is more.
    async fn ended(
        &mut self,
        id: &ContainerId,
        before: &Inspected,
        read: &mut Reading,
    ) -> Result<(), Fault> {
        let mut after = inspect::inspect(&self.session.wire, id).await?;
        if after.is_same_run(before) {
            sleep(SETTLE).await;
            after = inspect::inspect(&self.session.wire, id).await?;
        }
        if after.is_same_run(before) {
            let why = "the engine ended the stream though the container runs";
            return Err(Fault::Cut(why.to_owned()));
        }
        if let Some(reader) = &mut read.reader {
            reader.finish(&mut read.batch);
        }
        if !after.runs() {
            let end = Some(End { at: after.finished });
            if read.ended != end {
                read.ended = end;
                read.say(Payload::Ended(end_text(&after)));
            }
            read.take_batch();
            self.deliver(&mut read.payloads).await;
            while after.is_same_end(&inspect::inspect(&self.session.wire, id).await?) {
                self.change_of(id).await;
            }
        }
        read.say(Payload::Resumed("the container was started again".into()));
        Ok(())
    }
}

impl Inspected {
    fn runs(&self) -> bool {
        matches!(self.container.state, State::Running | State::Paused)
    }

    fn is_same_run(&self, before: &Self) -> bool {
        self.runs() && before.runs() && self.started == before.started
    }

    fn is_same_end(&self, later: &Self) -> bool {
        !later.runs() && self.started == later.started && self.finished == later.finished
    }
}

fn gap_text(from: i64, to: i64) -> String {
    format!(
        "lines may be missing from {:.0} to {:.0}: the engine had dropped the last line that came before the cut, for its log \
         files were rotated meanwhile; give the container larger or more log files (max-size, max-file)",
        moment(from),
        moment(to)
    )
}

/// How the container ended, and what happens next.
fn end_text(found: &Inspected) -> String {
    let one = &found.container;
    let at = match found.finished {
        Some(at) => format!(" ({at:.0})"),
        None => String::new(),
    };
    let ending = ending(one.exit.unwrap_or(found.exit), one.oom_killed == Some(true));
    let error = match &*found.error {
        "" => String::new(),
        error => format!("; the engine says: {error}"),
    };
    match one.state {
        State::Created => format!("the container was not started yet{error}"),
        State::Removing => "the container is being removed".to_owned(),
        State::Restarting => format!(
            "the container {ending}{at}{error}; the engine starts it again (it did so {} times)",
            one.restarts.unwrap_or(0)
        ),
        State::Dead => format!(
            "the container {ending}{at}{error}; it is dead: the engine could not remove all of it"
        ),
        State::Exited | State::Running | State::Paused | State::Other(_) => {
            format!("the container {ending}{at}{error}")
        }
    }
}

/// What is said when no more can come of that container.
fn last_word(fault: &Fault, id: &ContainerId) -> Option<String> {
    let is_missing = |message: &str| {
        // Podman says 500 while it is being removed.
        message.to_ascii_lowercase().contains("no such container")
    };
    match fault {
        Fault::Refused { status, message } if *status == 404 || is_missing(message) => {
            Some(format!(
                "container {} was removed, and its log with it; what took its place has a log of its own",
                id.short()
            ))
        }
        Fault::Refused {
            status: 409,
            message,
        } if message.contains("removal") => Some(format!(
            "container {} is dead or being removed: its log cannot be read any more",
            id.short()
        )),
        _ => None,
    }
}

/// What is said of a log that its driver does not give back.
fn unreadable(fault: &Fault, found: &Inspected) -> Option<String> {
    let Fault::Refused { status, message } = fault else {
        return None;
    };
    let is_driver = message.contains("does not support reading")
        || message.contains("log driver")
        || message.contains("logging driver");
    (*status == 501 || is_driver).then(|| {
        format!(
            "the log cannot be read: its logging driver is '{}' ({message}); read it where the driver sends it, or create \
             the container again with json-file or local",
            found.driver
        )
    })
}

/// What is said when the host is lost.
pub(super) fn lost(host: &HostName, why: &str) -> String {
    format!(
        "{host} is lost: {why}; the log goes on by itself, without a gap, when it answers again"
    )
}
