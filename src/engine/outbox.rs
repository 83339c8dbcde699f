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
