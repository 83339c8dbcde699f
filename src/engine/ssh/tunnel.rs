//! An open way to the engine of one host, and the byte streams on it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
    time::timeout,
};

use super::{
    connect::Target,
    master::{Forward, Master},
    mux::NoSession,
    stdio::{SessionStream, Stdio},
};
use crate::model::{Trouble, Way};

/// Streams over one forward that a console has use for; sshd itself sets no limit.
const FORWARD_STREAMS: usize = 64;

/// An open way to one engine; dropping it ends the ssh connection and removes its sockets. (The
/// connection of a login that a person made stays for the next tunnel, and one that the person
/// opened outside is not ours to end.)
#[derive(Debug)]
pub struct Tunnel {
    pub(super) target: Target,
    pub(super) socket: String,
    pub(super) carry: Carry,
    pub(super) master: Arc<Master>,
}

/// What carries the streams.
#[derive(Debug)]
pub(super) enum Carry {
    /// A forwarded socket.
    Forward(Forward),
    /// Sessions.
    Stdio(Stdio),
}

impl Tunnel {
    /// The way in use: forwarded, or by sessions.
    pub fn way(&self) -> Way {
        match self.carry {
            Carry::Forward(_) => Way::SshForward,
            Carry::Stdio(_) => Way::SshStdio,
        }
    }

    /// The engine's socket on the host.
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// How many streams may be open at once. By sessions this is what sshd allows as far as we
    /// know: it sinks when sshd refuses one.
    pub fn max_streams(&self) -> usize {
        match &self.carry {
            Carry::Forward(_) => FORWARD_STREAMS,
            Carry::Stdio(stdio) => stdio.max_streams(),
        }
    }

    /// A byte stream to the engine. Fails with ssh's reason when the way is lost, and by sessions
    /// also when all streams are in use.
    pub async fn connect(&self) -> io::Result<Stream> {
        if let Some(end) = self.master.end() {
            let trouble = self.target.scene(&self.master, |scene| scene.lost(end));
            return Err(io::Error::new(io::ErrorKind::NotConnected, trouble.reason));
        }
        let stream = match &self.carry {
            Carry::Forward(forward) => Inner::Socket(forward.connect().await?),
            Carry::Stdio(stdio) => Inner::Session(stdio.connect().await?),
        };
        Ok(Stream(stream))
    }

    /// Waits until the way is lost and says why. Any number of tasks may wait.
    pub async fn closed(&self) -> Trouble {
        let end = self.master.ended().await;
        self.target.scene(&self.master, |scene| scene.lost(end))
    }

    /// Runs a short POSIX shell script on the host and returns what it printed, or why it failed.
    pub async fn run(&self, script: &str, deadline: Duration) -> Result<String, String> {
        let masters = match &self.carry {
            Carry::Forward(_) => vec![Arc::clone(&self.master)],
            Carry::Stdio(stdio) => stdio.masters(),
        };
        for master in masters {
            let Some(permit) = master.sessions().acquire() else {
                continue;
            };
            match timeout(deadline, master.mux().script(script)).await {
                Ok(Ok(text)) => return Ok(text),
                Ok(Err(NoSession::Failed(words))) => return Err(words),
                Ok(Err(NoSession::Refused)) => master.sessions().refused(permit),
                Err(_) => return Err(format!("it took longer than {deadline:?}")),
            }
        }
        Err("all sessions that sshd allows are in use".to_owned())
    }

    /// What sshd and ssh said meanwhile (the banner, warnings), cleaned of control characters.
    pub fn notes(&self) -> Vec<String> {
        self.master.heard().lines()
    }
}

/// A byte stream to an engine.
#[derive(Debug)]
pub struct Stream(pub(super) Inner);

/// What carries it.
#[derive(Debug)]
pub(super) enum Inner {
    /// A socket of ours that ssh forwards.
    Socket(UnixStream),
    /// A program in a session.
    Session(SessionStream),
}

/// Calls the same method of whichever stream it is.
macro_rules! either {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().0 {
            Inner::Socket(socket) => Pin::new(socket).$method($($argument),*),
            Inner::Session(session) => Pin::new(session).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::Socket(socket) => socket.is_write_vectored(),
            Inner::Session(session) => session.is_write_vectored(),
        }
    }
}
