//! How an engine tells what it learnt: states wait for room in the inbox, samples do not, and lines of logs never take
//! more than their part of it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Signal;
use crate::model::{Event, Feed, HostName, LogBatch, Payload};

/// So many bytes of log lines may wait in the inbox, all hosts together.
const BYTES: usize = 16 << 20;

/// What is reckoned with: no semaphore counts as far as bytes.
const UNIT: usize = 1 << 10;

/// The way to whoever started the engines, for one host.
#[derive(Clone)]
pub(super) struct Outbox {
    /// The host that speaks.
    pub host: HostName,
    /// Where it speaks to.
    pub inbox: mpsc::Sender<Signal>,
    /// What room log lines have there, shared by all hosts.
    pub rooms: Rooms,
}

/// The room that lines of logs have in an inbox. It is given in the order in which it was asked for, so that one flood
/// holds up no other log, and at most a quarter of the inbox is theirs.
#[derive(Clone, Debug)]
pub(super) struct Rooms {
    free: Arc<Semaphore>,
    /// What a batch takes at least.
    least: usize,
}

/// The room that a signal takes while it waits to be taken in; given back when dropped.
#[derive(Clone, Debug, Default)]
pub struct Room {
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Rooms {
    /// For an inbox that takes so many signals.
    pub fn of(inbox: &mpsc::Sender<Signal>) -> Self {
        let units = BYTES / UNIT;
        let signals = (inbox.max_capacity() / 4).clamp(1, units);
        Self {
            free: Arc::new(Semaphore::new(units)),
            least: units / signals,
        }
    }

    /// Waits for the room that these lines take.
    async fn take(&self, lines: &LogBatch) -> Room {
        let units = (lines.weight() / UNIT).clamp(self.least, BYTES / UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let permit = self.free.clone().acquire_many_owned(units).await;
        Room {
            // The semaphore is never closed.
            _permit: permit.ok().map(Arc::new),
        }
    }
}

impl Outbox {
    /// Tells something that must not be lost. A closed inbox is no error: everybody is going home.
    pub async fn tell(&self, event: Event) {
        let _ = self.inbox.send(Signal::Event(event)).await;
    }

    /// Tells something that may be dropped when the other side is busy: the next one says more.
    pub fn mention(&self, event: Event) {
        let _ = self.inbox.try_send(Signal::Event(event));
    }

    /// Brings what a feed was wanted for.
    pub async fn bring(&self, feed: &Feed, payload: Payload) {
        let signal = Signal::Feed(feed.clone(), payload, Room::default());
        let _ = self.inbox.send(signal).await;
    }

    /// Brings what a feed was wanted for, in order. Safe to be dropped while waiting: what was not brought stays.
    pub async fn deliver(&self, feed: &Feed, payloads: &mut VecDeque<Payload>) {
        while let Some(payload) = payloads.front() {
            let room = match payload {
                Payload::Lines(lines) => self.rooms.take(lines).await,
                _ => Room::default(),
            };
            let slot = self.inbox.reserve().await;
            let Some(payload) = payloads.pop_front() else {
                return;
            };
            if let Ok(slot) = slot {
                slot.send(Signal::Feed(feed.clone(), payload, room));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::model::{ContainerId, LogRange, Stream, Timestamp};

    fn batch(number: usize, size: usize) -> Payload {
        let mut lines = LogBatch::default();
        lines.push(
            i64::try_from(number).ok(),
            Stream::Stdout,
            &vec![b'x'; size],
        );
        Payload::Lines(lines)
    }

    /// A log that says so many batches of that size; nobody takes them in until later.
    async fn flooded(size: usize) -> (usize, usize) {
        const BATCHES: usize = 300;
        let (inbox, mut signals) = mpsc::channel(256);
        let outbox = Outbox {
            host: HostName::new("node1"),
            rooms: Rooms::of(&inbox),
            inbox,
        };
        let id = ContainerId::new("a");
        let feed = Feed::Logs(outbox.host.clone(), id, LogRange::All);
        let flood = {
            let outbox = outbox.clone();
            let mut payloads = (0..BATCHES).map(|at| batch(at, size)).collect();
            tokio::spawn(async move { outbox.deliver(&feed, &mut payloads).await })
        };
        while !flood.is_finished() {
            let before = outbox.inbox.capacity();
            tokio::time::sleep(Duration::from_millis(5)).await;
            if outbox.inbox.capacity() == before {
                break;
            }
        }
        let waiting = outbox.inbox.max_capacity() - outbox.inbox.capacity();
        // Whoever else has something to tell gets through.
        let told = outbox.tell(Event::Tick(Timestamp::UNIX_EPOCH));
        timeout(Duration::from_secs(1), told).await.unwrap();
        let mut next = 0;
        while next < BATCHES {
            if let Signal::Feed(_, Payload::Lines(lines), _) = signals.recv().await.unwrap() {
                assert_eq!(lines.get(0).unwrap().at, i64::try_from(next).ok());
                next += 1;
            }
        }
        flood.await.unwrap();
        (waiting, waiting * size)
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_takes_its_part_of_the_inbox_and_no_more() {
        let (signals, bytes) = flooded(200 << 10).await;
        assert!(signals > 20 && bytes <= BYTES, "{signals}, {bytes}");
        let (signals, _) = flooded(100).await;
        assert_eq!(signals, 64, "a quarter of the inbox");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_brought_stays() {
        let (inbox, mut signals) = mpsc::channel(1);
        let outbox = Outbox {
            host: HostName::new("node1"),
            rooms: Rooms::of(&inbox),
            inbox,
        };
        let feed = Feed::Load(outbox.host.clone());
        let mut payloads: VecDeque<Payload> = (0..3).map(|at| batch(at, 10)).collect();
        for left in [2, 1, 0] {
            let broken_off = timeout(
                Duration::from_millis(1),
                outbox.deliver(&feed, &mut payloads),
            );
            let _ = broken_off.await;
            assert_eq!(payloads.len(), left);
            let signal = signals.recv().await.unwrap();
            assert!(matches!(signal, Signal::Feed(_, Payload::Lines(_), _)));
        }
    }
}
