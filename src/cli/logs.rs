//! Logs of containers: one as it is, several merged by time or as their lines come.

use std::{cmp::Reverse, collections::BinaryHeap};

use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    Session,
    exit::{Exit, Failure},
    output::Out,
    show::asked,
};
use crate::{
    engine::{LogOptions, Logs},
    model::{LogBatch, LogRange, LogText, Stream, Timestamp},
    ops::{LogsCommand, Sentence, Target},
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
    /// Why it ended before its end.
    broken: Option<String>,
}

/// `logs`.
pub(super) async fn logs(
    session: &Session,
    sentence: &Sentence,
    args: &LogsCommand,
) -> Result<Exit, Failure> {
    let (reached, targets) = asked(session, sentence).await?;
    let options = options(args, reached.fleet.now);
    let mut sources = Vec::new();
    for target in &targets {
        let Target::Container(host, id) = target else {
            continue;
        };
        let logs = reached.engines.logs(host, id, options).await;
        sources.push(Source {
            name: target.text(&reached.fleet),
            parts: read(logs.map_err(|error| Failure::Failed(error.to_string()))?),
            ready: LogBatch::default(),
            next: 0,
            broken: None,
        });
    }
    let exit = super::missing(&reached);
    let (_fleet, _engines, drained) = reached.drain();
    let writer = Writer {
        json: session.options.output.is_json(),
        named: sources.len() > 1,
        timestamps: args.timestamps,
        raw: session.screen.width.is_none(),
    };
    let broken = if args.follow {
        follow(sources, &writer).await?
    } else {
        merge(sources, &writer).await?
    };
    drained.abort();
    for why in &broken {
        super::complain(why);
    }
    Ok(if broken.is_empty() {
        exit
    } else {
        Exit::Failed
    })
}

fn options(args: &LogsCommand, now: Timestamp) -> LogOptions {
    let range = match (args.since, args.tail) {
        (Some(since), _) => LogRange::Since(since.at(now)),
        (None, Some(lines)) => LogRange::Tail(lines),
        (None, None) => LogRange::All,
    };
    LogOptions {
        range,
        until: args.until.map(|until| until.at(now)),
        follow: args.follow,
    }
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

    /// The time of the next line.
    fn at(&self) -> Option<i64> {
        self.ready.get(self.next)?.at
    }
}

/// Writes all lines in the order of their times; answers which logs broke off.
async fn merge(mut sources: Vec<Source>, writer: &Writer) -> Result<Vec<String>, Failure> {
    let mut next = BinaryHeap::new();
    for (at, source) in sources.iter_mut().enumerate() {
        if source.fill().await {
            next.push(Reverse((source.at(), at)));
        }
    }
    let mut out = Out::take();
    while let Some(Reverse((_, at))) = next.pop() {
        let source = &mut sources[at];
        if let Some(line) = source.ready.get(source.next) {
            writer.write(&mut out, &source.name, line)?;
            source.next += 1;
        }
        if source.next == source.ready.len() {
            // While the engine is waited for, what is there can be read.
            out.flush()?;
        }
        if source.fill().await {
            next.push(Reverse((source.at(), at)));
        }
    }
    out.flush()?;
    Ok(sources
        .into_iter()
        .filter_map(|source| source.broken)
        .collect())
}

/// Writes lines as they come, until all logs have ended.
async fn follow(sources: Vec<Source>, writer: &Writer) -> Result<Vec<String>, Failure> {
    let streams = sources.into_iter().map(|source| {
        Box::pin(stream::unfold(Some(source), |source| async {
            let mut source = source?;
            if source.fill().await {
                let lines = std::mem::take(&mut source.ready);
                let name = source.name.clone();
                Some((Ok((name, lines)), Some(source)))
            } else {
                source.broken.map(|why| (Err(why), None))
            }
        }))
    });
    let mut all = stream::select_all(streams);
    let mut broken = Vec::new();
    while let Some(part) = all.next().await {
        match part {
            Err(why) => broken.push(why),
            Ok((name, lines)) => {
                let mut out = Out::take();
                for line in lines.iter() {
                    writer.write(&mut out, &name, line)?;
                }
                out.flush()?;
            }
        }
    }
    Ok(broken)
}

/// How lines are written.
struct Writer {
    json: bool,
    named: bool,
    timestamps: bool,
    /// As they are, because no terminal can be harmed.
    raw: bool,
}

impl Writer {
    fn write(&self, out: &mut Out, name: &str, line: LogText<'_>) -> std::io::Result<()> {
        if self.json {
            let stream = match line.stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            let text = String::from_utf8_lossy(line.text);
            return out.json_line(
                &json!({"target": name, "time": line.time(), "stream": stream, "text": text}),
            );
        }
        if self.named {
            out.bytes(format!("{name} | ").as_bytes())?;
        }
        if self.timestamps
            && let Some(at) = line.time()
        {
            out.bytes(format!("{at} ").as_bytes())?;
        }
        if self.raw {
            out.bytes(line.text)?;
        } else {
            out.bytes(harmless(&String::from_utf8_lossy(line.text)).as_bytes())?;
        }
        out.bytes(b"\n")
    }
}

/// Text for a terminal: colours stay, all other control characters become `·`, so that a log can
/// neither move the cursor nor talk to the terminal.
fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let mut colored = false;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = color(rest) {
            clean.push_str(&rest[..length]);
            rest = &rest[length..];
            colored = true;
            continue;
        }
        match c {
            '\t' => clean.push(c),
            c if c.is_control() => clean.push('·'),
            c => clean.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if colored {
        clean.push_str("\x1b[0m");
    }
    clean
}

/// The length of the colour sequence (`ESC [ digits and semicolons m`) that the text begins with.
fn color(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    body[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_log_cannot_talk_to_the_terminal() {
        for (text, clean) in [
            ("plain\ttext", "plain\ttext"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
            ("\x1b]52;c;aGk=\x07", "·]52;c;aGk=·"),
            ("\x1b[2J\x1b[1;1H", "·[2J·[1;1H"),
            ("a\rb\u{9b}31m", "a·b·31m"),
        ] {
            assert_eq!(harmless(text), clean);
        }
    }
}
