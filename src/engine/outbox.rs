//! How an engine tells what it learnt: states wait for room in the inbox, samples do not.

use tokio::sync::mpsc;

use super::Signal;
use crate::model::{Event, Feed, HostName, Payload};

/// The way to whoever started the engines, for one host.
#[derive(Clone)]
pub(super) struct Outbox {
    /// The host that speaks.
    pub host: HostName,
    /// Where it speaks to.
    pub inbox: mpsc::Sender<Signal>,
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
        let _ = self.inbox.send(Signal::Feed(feed.clone(), payload)).await;
    }
}
