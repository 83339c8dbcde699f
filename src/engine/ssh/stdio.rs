//! The second way to an engine: `docker system dial-stdio` in sessions, where sshd forbids forwarding.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    process::{ChildStdin, ChildStdout},
    task::JoinHandle,
};

use super::{
    connect::Target,
    master::Master,
    mux::{NoSession, Session, SessionProcess},
    preflight::Carrier,
    sessions::Permit,
};

/// Connections opened to one host for the sake of more sessions.
const MASTERS: usize = 3;

/// Streams to one engine, each a session of one of a few connections.
#[derive(Debug)]
pub struct Stdio {
    target: Target,
    command: String,
    masters: Mutex<Vec<Arc<Master>>>,
    growing: tokio::sync::Mutex<()>,
}

impl Stdio {
    /// Streams to the engine at `socket` by `carrier`, which begin on `master`.
    pub fn new(target: Target, carrier: &Carrier, socket: &str, master: Arc<Master>) -> Self {
        let option = if carrier.podman { "--url" } else { "-H" };
        Self {
            target,
            command: format!(
                "{} {option} unix://{socket} system dial-stdio",
                carrier.path
            ),
            masters: Mutex::new(vec![master]),
            growing: tokio::sync::Mutex::new(()),
        }
    }

    /// How many streams there may be, as far as it is known.
    pub fn max_streams(&self) -> usize {
        let masters = self.masters();
        let first = masters
            .first()
            .map_or(0, |master| master.sessions().limit());
        first * MASTERS
    }

    /// A stream to the engine.
    pub async fn connect(&self) -> io::Result<SessionStream> {
        if let Some(stream) = self.on_any(&self.masters()).await? {
            return Ok(stream);
        }
        let _turn = self.growing.lock().await;
        // Another task may have made room while we waited for our turn.
        if let Some(stream) = self.on_any(&self.masters()).await? {
            return Ok(stream);
        }
        self.grow().await?;
        let room = self.on_any(&self.masters()).await?;
        room.ok_or_else(|| self.full())
    }

    /// A stream on the first connection that has room for one.
    async fn on_any(&self, masters: &[Arc<Master>]) -> io::Result<Option<SessionStream>> {
        for master in masters {
            let Some(permit) = master.sessions().acquire() else {
                continue;
            };
            match master.mux().session(&self.command).await {
                Ok(session) => return Ok(Some(SessionStream::new(session, permit))),
                Err(NoSession::Refused) => master.sessions().refused(permit),
                Err(NoSession::Failed(words)) => return Err(io::Error::other(words)),
            }
        }
        Ok(None)
    }

    /// Logs in once more.
    async fn grow(&self) -> io::Result<()> {
        if self.masters().len() >= MASTERS {
            return Err(self.full());
        }
        let master = self.target.start().await.map_err(|trouble| {
            let reason = trouble.reason;
            io::Error::other(format!(
                "no room for another stream, and another connection failed: {reason}"
            ))
        })?;
        self.lock().push(Arc::new(master));
        Ok(())
    }

    fn full(&self) -> io::Error {
        io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!(
                "all {} streams of this host are in use: its sshd forbids forwarding, so that each stream takes a session (MaxSessions)",
                self.max_streams()
            ),
        )
    }

    /// The connections that live.
    pub fn masters(&self) -> Vec<Arc<Master>> {
        let mut masters = self.lock();
        masters.retain(|master| master.end().is_none());
        masters.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Master>>> {
        self.masters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a session; dropping it ends the session.
#[derive(Debug)]
pub struct SessionStream {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    end: Option<JoinHandle<Result<(), String>>>,
    silent: bool,
}

impl SessionStream {
    /// Of a session that is open.
    pub fn new(session: Session, permit: Permit) -> Self {
        Self {
            stdin: Some(session.stdin),
            stdout: session.stdout,
            end: Some(tokio::spawn(outlive(session.process, permit))),
            silent: true,
        }
    }
}

/// Reads the session's stderr to its end, and gives the permit back then.
async fn outlive(process: SessionProcess, permit: Permit) -> Result<(), String> {
    let end = process.end().await;
    drop(permit);
    end
}

impl Drop for SessionStream {
    fn drop(&mut self) {
        if let Some(end) = &self.end {
            end.abort();
        }
    }
}

impl AsyncRead for SessionStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.silent = false;
            return Poll::Ready(Ok(()));
        }
        // An end before the first byte: stderr has the reason.
        if let (true, Some(end)) = (self.silent, &mut self.end) {
            let end = ready!(Pin::new(end).poll(cx));
            self.end = None;
            if let Ok(Err(words)) = end {
                return Poll::Ready(Err(io::Error::other(words)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SessionStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        // Closing the pipe is what the other end sees as the end of our bytes.
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}
