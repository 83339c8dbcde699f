//! The terminal as a stream of raw bytes, for shells in containers and logins.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, unix::AsyncFd};

/// The controlling terminal, opened anew: a reader of its own that, when dropped, holds back not
/// one byte from whoever reads next (a thread that reads standard input would).
pub struct Tty(AsyncFd<File>);

impl Tty {
    /// Opens the controlling terminal of this process.
    pub fn open() -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open("/dev/tty")?;
        watched(file).map(Self)
    }
}

/// A file of which the runtime around says when it can be read or written.
pub(super) fn watched(file: File) -> io::Result<AsyncFd<File>> {
    #[expect(
        unsafe_code,
        reason = "registering asks that the descriptor stays open meanwhile: it is owned by the value itself"
    )]
    // SAFETY: `AsyncFd` owns the file and takes it out of the reactor before it closes it.
    let registered = unsafe { AsyncFd::register(file) }?;
    Ok(registered)
}

impl AsyncRead for Tty {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let mut guard = ready!(this.0.poll_read_ready(context))?;
            let room = buffer.initialize_unfilled();
            match guard.try_io(|tty| tty.get_ref().read(room)) {
                Ok(read) => {
                    buffer.advance(read?);
                    return Poll::Ready(Ok(()));
                }
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Tty {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            let mut guard = ready!(this.0.poll_write_ready(context))?;
            if let Ok(written) = guard.try_io(|tty| tty.get_ref().write(bytes)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
