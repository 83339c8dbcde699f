//! The reader of keys: a task of its own, so that what is typed while a frame is drawn is found together.

use std::io;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::{sync::mpsc, task::JoinHandle};

/// How many events may wait. The terminal itself holds back what is beyond.
const WAITING: usize = 64;

/// What is typed, as long as this lives. The stream may be asked only by a task that waits for it: asked in
/// passing it would wake nobody at the next key.
pub struct Keys {
    events: mpsc::Receiver<io::Result<Event>>,
    reader: JoinHandle<()>,
}

impl Keys {
    /// Begins to read.
    pub fn read() -> Self {
        let (sender, events) = mpsc::channel(WAITING);
        let reader = tokio::spawn(async move {
            let mut stream = EventStream::new();
            while let Some(event) = stream.next().await {
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        Self { events, reader }
    }

    /// The next event. None when the terminal is gone.
    pub async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }

    /// The next event, if it is there already.
    pub fn waiting(&mut self) -> Option<io::Result<Event>> {
        self.events.try_recv().ok()
    }

    /// Stops reading: when this returns, no byte is taken from the terminal any more.
    pub async fn stop(&mut self) {
        self.reader.abort();
        // It ends by being stopped; there is nothing to be learned from how.
        let _ = (&mut self.reader).await;
        while self.events.try_recv().is_ok() {}
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
