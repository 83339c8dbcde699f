//! Logs as they come: what ends and what begins is told, and containers that fit join, until all have ended.

use std::{collections::BTreeSet, io, pin::pin, time::Duration};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    Writer, label, range,
    weave::{Front, Next, Now, Part, Weave},
};
use crate::{
    cli::{
        complain,
        exit::Failure,
        reach::{Heard, Reached},
    },
    engine::Room,
    model::{ContainerId, Feed, HostName, LogRange, Payload, Timestamp},
    ops::{LogsCommand, Sentence, Target},
};

/// A container that ended may be started again, and what takes its place may come, for so long.
const RETURN: Duration = Duration::from_secs(2);

/// So often it is looked whether anybody still reads.
const LOOK: Duration = Duration::from_millis(500);

/// A log that is followed.
struct Source {
    host: HostName,
    id: ContainerId,
    name: String,
    feed: Feed,
    /// It ran when it was looked at last.
    ran: bool,
    /// Since when no more is expected.
    ended: Option<Instant>,
}

/// All logs that are followed; each has the number of its strand.
struct Follower<'s> {
    reached: Reached,
    sentence: &'s Sentence,
    weave: Weave,
    sources: Vec<Source>,
    began: Timestamp,
    range: LogRange,
}

/// Writes lines as they come until all containers have ended.
pub(super) async fn follow(
    reached: Reached,
    sentence: &Sentence,
    targets: Vec<Target>,
    args: &LogsCommand,
    writer: &mut Writer<'_>,
) -> Result<bool, Failure> {
    let mut follower = Follower {
        began: reached.fleet.now,
        range: range(args, reached.fleet.now),
        reached,
        sentence,
        weave: Weave::default(),
        sources: Vec::new(),
    };
    follower.join(targets, writer);
    let mut gone = pin!(reader_gone());
    loop {
        let wake = follower.write(writer).await?;
        writer.pass_on().await?;
        let wake = match (wake, follower.over()) {
            (None, Some(over)) if over <= Instant::now() => return Ok(true),
            (wake, over) => wake.into_iter().chain(over).min(),
        };
        tokio::select! {
            heard = follower.reached.hear() => match heard {
                Some(heard) => follower.take(heard, writer),
                None => return Ok(true),
            },
            () = until(wake) => {}
            () = &mut gone => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        }
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

impl Follower<'_> {
    /// Writes what is to be written now; when to look again.
    async fn write(&mut self, writer: &mut Writer<'_>) -> Result<Option<Instant>, Failure> {
        loop {
            let now = Now::read();
            let strand = match self.weave.next(now) {
                Next::Of(strand) => strand,
                Next::At(wake) => return Ok(Some(wake)),
                Next::Nothing => return Ok(None),
            };
            let name = &self.sources[strand].name;
            match self.weave.front(strand) {
                Some(Front::Line(line)) => writer.line(name, line).await?,
                Some(Front::Note(text)) => {
                    writer.pass_on().await?;
                    complain(&format!("{name}: {text}"));
                }
                None => {}
            }
            self.weave.advance(strand, now);
        }
    }

    /// Takes in what was heard.
    fn take(&mut self, heard: Heard, writer: &mut Writer<'_>) {
        match heard {
            Heard::Nothing => {}
            Heard::Fleet => {
                // A name may stand for nobody just now.
                let targets = self.sentence.targets(&self.reached.fleet, &[]);
                self.join(targets.unwrap_or_default(), writer);
            }
            Heard::Feed(feed, payload, room) => {
                let strand = self.sources.iter().position(|source| source.feed == feed);
                if let Some(strand) = strand {
                    self.put(strand, payload, room);
                }
            }
        }
    }

    fn put(&mut self, strand: usize, payload: Payload, room: Room) {
        let now = Now::read();
        let ended = matches!(payload, Payload::Ended(_)).then_some(now.at);
        let (part, rests) = match payload {
            Payload::Lines(lines) if lines.is_empty() => return,
            Payload::Lines(lines) => (Part::Lines { lines, _room: room }, false),
            Payload::Gap(text) | Payload::Resumed(text) => (Part::Note(text), false),
            Payload::Ended(text) | Payload::Failed(text) => (Part::Note(text), true),
            Payload::Inspected(_)
            | Payload::Processes(..)
            | Payload::Changed(_)
            | Payload::Files(_)
            | Payload::Older { .. } => return,
        };
        self.sources[strand].ended = ended;
        self.weave.put(strand, part, rests, now);
    }

    /// Follows those too that are not followed yet.
    fn join(&mut self, targets: Vec<Target>, writer: &mut Writer<'_>) {
        for source in &mut self.sources {
            let one = self.reached.fleet.container(&source.host, &source.id);
            source.ran |= one.is_some_and(|one| one.state.is_live());
        }
        let before = self.sources.len();
        for target in targets {
            self.add(&target, writer);
        }
        if self.sources.len() > before {
            let feeds: BTreeSet<Feed> = self.sources.iter().map(|one| one.feed.clone()).collect();
            self.reached.want(feeds);
        }
    }

    fn add(&mut self, target: &Target, writer: &mut Writer<'_>) {
        let Target::Container(host, id) = target else {
            return;
        };
        let Some(one) = self.reached.fleet.container(host, id) else {
            return;
        };
        let is_known = |source: &Source| source.host == *host && source.id == *id;
        if self.sources.iter().any(is_known) {
            return;
        }
        // What was made since is read from its beginning.
        let range = if one.created > self.began {
            LogRange::All
        } else {
            self.range
        };
        let name = label(&self.reached, target);
        let others = self.sources.first();
        writer.named |= others.is_some_and(|first| first.name != name);
        let ahead = self.reached.fleet.clock_ahead(host);
        self.weave.add(ahead, Now::read());
        self.sources.push(Source {
            host: host.clone(),
            id: id.clone(),
            name,
            feed: Feed::Logs(host.clone(), id.clone(), range),
            ran: one.state.is_live(),
            ended: None,
        });
    }

    /// When all is over, if nothing comes until then.
    fn over(&self) -> Option<Instant> {
        let ends = |source: &Source| {
            let one = self.reached.fleet.container(&source.host, &source.id);
            if one.is_some_and(|one| one.state.is_live()) {
                return None;
            }
            let grace = if source.ran { RETURN } else { Duration::ZERO };
            Some(source.ended? + grace)
        };
        let all: Option<Vec<Instant>> = self.sources.iter().map(ends).collect();
        all?.into_iter().max()
    }
}

/// Waits until nobody reads what is written any more, though nothing is written that would tell.
async fn reader_gone() {
    loop {
        sleep(LOOK).await;
        let stdout = io::stdout();
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        let told = poll(&mut watched, Some(&Timespec::default()));
        let gone = PollFlags::ERR | PollFlags::HUP;
        if told.is_ok() && watched[0].revents().intersects(gone) {
            return;
        }
    }
}
