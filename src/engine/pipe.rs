//! Pipes between threads that read and write archives and the tasks that speak with an engine.

use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::error::Fault;
use super::wire::Body;

/// A transfer that stands still for so long has failed.
pub(super) const STALLED: Duration = Duration::from_mins(2);

/// Chunks on their way between a thread and the wire.
pub(super) const ON_THE_WAY: usize = 8;

/// A request's body of what comes through a pipe.
pub(super) fn poured(from: mpsc::Receiver<Bytes>) -> Body {
    let chunks = stream::unfold(from, |mut receiver| async {
        let chunk = receiver.recv().await?;
        Some((Ok::<_, io::Error>(Frame::data(chunk)), receiver))
    });
    StreamBody::new(chunks).boxed_unsync()
}

/// Passes a body on to the unpacking thread; a stall or a break reaches both sides.
pub(super) async fn pour(
    mut body: Incoming,
    to: mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), Fault> {
    loop {
        let fault = match timeout(STALLED, body.frame()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                if to.send(Ok(data)).await.is_err() {
                    // Unpacking failed and says why itself.
                    return Ok(());
                }
                continue;
            }
            Ok(Some(Err(error))) => Fault::Cut(error.to_string()),
            Err(_) => Fault::Late(STALLED),
        };
        let _ = to.send(Err(io::Error::other(fault.to_string()))).await;
        return Err(fault);
    }
}

/// The writing end of a pipe from a thread to a task.
pub(super) struct Pipe(pub mpsc::Sender<Bytes>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = &bytes[..bytes.len().min(64 << 10)];
        let sent = self.0.blocking_send(Bytes::copy_from_slice(part));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reading end of a pipe from a task to a thread.
pub(super) struct Spout {
    from: mpsc::Receiver<io::Result<Bytes>>,
    left: Bytes,
}

impl Spout {
    /// Of what comes through that channel.
    pub fn new(from: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        let left = Bytes::new();
        Self { from, left }
    }
}

impl Read for Spout {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            match self.from.blocking_recv() {
                Some(chunk) => self.left = chunk?,
                None => return Ok(0),
            }
        }
        let count = self.left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.left.split_to(count));
        Ok(count)
    }
}
