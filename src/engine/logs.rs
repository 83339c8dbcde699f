//! A container's log: demultiplexed, split into lines, each with its time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::error::Fault;
use super::inspect;
use super::lines::LogReader;
use super::session::Session;
use super::wire::query;
use crate::model::{ContainerId, LogBatch, LogRange, Timestamp, printable};

/// Bytes given at once, about; a follower of a fast log gets them in such parts.
const BATCH: usize = 256 << 10;

/// So often the connection's own task gets its turn before it counts as silent.
const TURNS: u8 = 2;

/// What has no line end after so long is shown as it is: a prompt waits for its answer.
const PATIENCE: Duration = Duration::from_millis(250);

/// Which part of a log is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Where to begin.
    pub range: LogRange,
    /// Where to end.
    pub until: Option<Timestamp>,
    /// Go on with what is logged from now on.
    pub follow: bool,
}

/// A log being read.
pub struct Logs {
    body: Body,
    reader: LogReader,
    batch: LogBatch,
    /// Why it broke off, to be told after the lines before.
    broken: Option<String>,
}

impl Logs {
    /// Opens the log of a container; asks first whether it has a terminal, which decides its format.
    pub(super) async fn open(
        session: &Session,
        id: &ContainerId,
        options: LogOptions,
    ) -> Result<Self, Fault> {
        let tty = inspect::inspect(&session.wire, id).await?.tty;
        Self::open_known(session, id, options, tty).await
    }

    /// Opens the log of a container of which it is known whether it has a terminal.
    pub(super) async fn open_known(
        session: &Session,
        id: &ContainerId,
        options: LogOptions,
        tty: bool,
    ) -> Result<Self, Fault> {
        Ok(Self {
            body: Body::open(session, id, options).await?,
            reader: LogReader::new(tty),
            batch: LogBatch::default(),
            broken: None,
        })
    }

    /// The next lines, at least one; none at the end. Safe to be dropped while waiting.
    ///
    /// Takes what is there without waiting for more, up to about 256 KiB.
    pub async fn next(&mut self) -> Result<Option<LogBatch>, String> {
        if let Some(why) = self.broken.take() {
            return Err(why);
        }
        match self.body.fill(&mut self.reader, &mut self.batch).await {
            Ok(true) => {}
            Ok(false) => self.reader.finish(&mut self.batch),
            Err(why) if self.batch.is_empty() => return Err(why),
            Err(why) => self.broken = Some(why),
        }
        let batch = self.batch.take();
        Ok((!batch.is_empty()).then_some(batch))
    }
}

/// The bytes of a log as the engine sends them.
pub(super) struct Body {
    body: Incoming,
    ended: bool,
}

impl Body {
    /// Asks for the log of a container.
    pub async fn open(
        session: &Session,
        id: &ContainerId,
        options: LogOptions,
    ) -> Result<Self, Fault> {
        let response = session.wire.get(path(id, options)).response().await?;
        Ok(Self {
            body: response.into_body(),
            ended: false,
        })
    }

    /// Reads until there is at least one line more, and what is there without waiting, until the batch is full; false
    /// at the end. Safe to be dropped while waiting: what was read is in the reader and in the batch.
    pub async fn fill(
        &mut self,
        reader: &mut LogReader,
        batch: &mut LogBatch,
    ) -> Result<bool, String> {
        while batch.is_empty() && !self.ended {
            let data = if reader.has_rest() {
                match timeout(PATIENCE, self.body.frame()).await {
                    Ok(frame) => data(frame),
                    Err(_) => {
                        reader.flush(batch);
                        return Ok(true);
                    }
                }
            } else {
                data(self.body.frame().await)
            };
            self.take(data?, reader, batch)?;
        }
        let mut idle = 0;
        while batch.weight() < BATCH && !self.ended && idle < TURNS {
            if let Some(frame) = self.body.frame().now_or_never() {
                self.take(data(frame)?, reader, batch)?;
                idle = 0;
            } else {
                // Whoever reads the connection is another task, which gets its turn.
                idle += 1;
                tokio::task::yield_now().await;
            }
        }
        Ok(!self.ended)
    }

    fn take(
        &mut self,
        data: Option<Bytes>,
        reader: &mut LogReader,
        batch: &mut LogBatch,
    ) -> Result<(), String> {
        match data {
            Some(data) => reader.read(&data, batch),
            None => {
                self.ended = true;
                Ok(())
            }
        }
    }
}

/// The data of a frame; none at the end of the body.
fn data(
    frame: Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>,
) -> Result<Option<Bytes>, String> {
    match frame {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(error)) => Err(error.to_string()),
    }
}

/// Where the log of a container is.
pub(super) fn path(id: &ContainerId, options: LogOptions) -> String {
    let mut pairs = vec![("stdout", "1"), ("stderr", "1"), ("timestamps", "1")];
    if options.follow {
        pairs.push(("follow", "1"));
    }
    let (tail, since, until);
    match options.range {
        LogRange::All => pairs.push(("tail", "all")),
        LogRange::Tail(count) => {
            tail = count.to_string();
            pairs.push(("tail", &tail));
        }
        LogRange::Since(at) => {
            since = seconds(at);
            pairs.push(("since", &since));
        }
    }
    if let Some(at) = options.until {
        until = seconds(at);
        pairs.push(("until", &until));
    }
    format!("/containers/{}/logs{}", id.as_str(), query(&pairs))
}

/// Docker's way to write a moment: seconds with nine decimals.
fn seconds(at: Timestamp) -> String {
    format!("{}.{:09}", at.as_second(), at.subsec_nanosecond().max(0))
}

/// The last line with something in it that a container logged, made safe for a screen.
pub(super) async fn last_line(session: &Session, id: &ContainerId, tty: bool) -> Option<Box<str>> {
    let options = LogOptions {
        range: LogRange::Tail(5),
        ..LogOptions::default()
    };
    let read = async {
        let mut logs = Logs::open_known(session, id, options, tty).await.ok()?;
        let mut last = None;
        while let Ok(Some(lines)) = logs.next().await {
            let spoken = lines
                .iter()
                .rev()
                .find(|line| !line.text.trim_ascii().is_empty());
            last = spoken.map(|line| plain(line.text)).or(last);
        }
        last
    };
    let line = timeout(super::wire::DEADLINE, read).await.ok()??;
    Some(line.into_boxed_str())
}

/// The text without colours and other orders to a terminal, on one line.
pub(super) fn undressed(text: &[u8]) -> String {
    #[derive(Default)]
    struct Plain(String);
    impl vte::Perform for Plain {
        fn print(&mut self, c: char) {
            self.0.push(c);
        }
        fn execute(&mut self, byte: u8) {
            if byte == b'\t' {
                self.0.push(' ');
            }
        }
    }
    let mut out = Plain::default();
    vte::Parser::new().advance(&mut out, text);
    printable(&out.0)
}

/// The same without spaces around it, at most 300 characters.
fn plain(text: &[u8]) -> String {
    let text = undressed(text);
    text.chars().take(300).collect::<String>().trim().to_owned()
}
