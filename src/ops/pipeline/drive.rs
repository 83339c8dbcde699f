//! Futures that go on while whoever began them waits for something else.
//!
//! What holds a lock of the store has to be polled until it lets it go: were steps polled by the loop that begins them
//! only, the loop would wait for the store, and the store for the loop.

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Begins futures, and hears what comes of them.
#[derive(Debug)]
pub struct Drive<'f, T> {
    begin: UnboundedSender<BoxFuture<'f, T>>,
    ended: UnboundedReceiver<T>,
    /// How many go on.
    going: usize,
}

impl<'f, T: Send + 'f> Drive<'f, T> {
    /// Both ends: who begins them, and what has to be polled beside it, which never ends.
    pub fn new() -> (Self, impl Future<Output = ()> + Send + 'f) {
        let (begin, mut begun) = unbounded_channel::<BoxFuture<'f, T>>();
        let (say, ended) = unbounded_channel();
        let driving = async move {
            let mut going = FuturesUnordered::new();
            loop {
                tokio::select! {
                    Some(one) = begun.recv() => going.push(one),
                    Some(done) = going.next() => drop(say.send(done)),
                    else => std::future::pending().await,
                }
            }
        };
        let drive = Self {
            begin,
            ended,
            going: 0,
        };
        (drive, driving)
    }

    /// Begins one.
    pub fn begin(&mut self, one: BoxFuture<'f, T>) {
        // Who is not driven any more is dropped as well.
        if self.begin.send(one).is_ok() {
            self.going += 1;
        }
    }

    /// What the next one that ends comes to; none while none goes on.
    pub async fn next(&mut self) -> Option<T> {
        if self.going == 0 {
            return None;
        }
        let ended = self.ended.recv().await?;
        self.going -= 1;
        Some(ended)
    }

    /// How many go on.
    pub fn len(&self) -> usize {
        self.going
    }

    /// Whether none goes on.
    pub fn is_empty(&self) -> bool {
        self.going == 0
    }
}
