//! An open way to the engine of one host, and the byte streams on it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
};

use crate::model::{Trouble, Way};

/// An open way to one engine; dropping it ends the ssh connection and removes its sockets.
#[derive(Debug)]
pub struct Tunnel {
    way: Way,
    socket: String,
    trouble: Trouble,
}

impl Tunnel {
    /// The way in use: forwarded, or by sessions.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The engine's socket on the host.
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// How many streams may be open at once.
    pub fn max_streams(&self) -> usize {
        64
    }

    /// A byte stream to the engine.
    pub async fn connect(&self) -> io::Result<Stream> {
        Ok(Stream(UnixStream::connect(&self.socket).await?))
    }

    /// Waits until the way is lost and says why. Any number of tasks may wait.
    #[expect(clippy::unused_async, reason = "the interface comes first")]
    pub async fn closed(&self) -> Trouble {
        self.trouble.clone()
    }

    /// Runs a short POSIX shell script on the host and returns what it printed, or why it failed.
    #[expect(clippy::unused_async, reason = "the interface comes first")]
    pub async fn run(&self, _script: &str, _deadline: Duration) -> Result<String, String> {
        Err(self.trouble.to_string())
    }

    /// What sshd and ssh said meanwhile (the banner, warnings), cleaned of control characters.
    pub fn notes(&self) -> Vec<String> {
        self.trouble.raw.clone()
    }
}

/// A byte stream to an engine.
#[derive(Debug)]
pub struct Stream(UnixStream);

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
