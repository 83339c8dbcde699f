//! The keys: read in the very thread that draws, so that nothing has to be woken between a key and its frame.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::fd::AsFd as _,
    time::Duration,
};

use crossterm::{
    event::{self, Event},
    terminal,
};
use tokio::{
    io::unix::AsyncFd,
    select,
    signal::unix::{Signal, SignalKind, signal},
};

use super::tty::watched;

/// The library of keys looks at nothing when it is given no time. It waits so long only where keys may have come
/// together in one reading, and after their first is drawn.
const MOMENT: Duration = Duration::from_millis(3);

/// Longer than any key: what comes at once in so many bytes was pasted.
const PASTED: u64 = 32;

/// What is typed, and the changes of the terminal's size, as long as this lives. Needs a tokio runtime around it.
pub struct Keys {
    terminal: AsyncFd<File>,
    resized: Signal,
    /// How many bytes came with the last key, itself included, as far as not all of them are known to be read.
    together: u64,
}

impl Keys {
    /// Begins to listen.
    pub fn read() -> io::Result<Self> {
        Ok(Self {
            terminal: watched(terminal_of_process()?)?,
            resized: signal(SignalKind::window_change())?,
            together: 0,
        })
    }

    /// The next event; an error when the terminal is gone. May be given up at any moment: nothing is lost by it.
    pub async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.typed()? {
                return Ok(event);
            }
            select! {
                ready = self.terminal.readable() => {
                    let mut ready = ready?;
                    if ready.ready().is_read_closed() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    if rustix::io::ioctl_fionread(ready.get_inner())? == 0 {
                        // What comes from now on makes it ready again.
                        ready.clear_ready();
                    }
                }
                _ = self.resized.recv() => {
                    let (width, height) = terminal::size()?;
                    return Ok(Event::Resize(width, height));
                }
            }
        }
    }

    /// The next event, if it is there already and can be had without waiting.
    pub fn waiting(&mut self) -> io::Result<Option<Event>> {
        if self.together > PASTED || self.unread()? > 0 {
            self.typed()
        } else {
            Ok(None)
        }
    }

    /// How many bytes the terminal holds.
    fn unread(&self) -> io::Result<u64> {
        Ok(rustix::io::ioctl_fionread(self.terminal.get_ref())?)
    }

    /// What was typed, if anything was. Changes of size are told by the signal itself: it comes when the size is the
    /// new one.
    fn typed(&mut self) -> io::Result<Option<Event>> {
        loop {
            let unread = self.unread()?;
            self.together = self.together.max(unread);
            if self.together < 2 && unread == 0 {
                return Ok(None);
            }
            if !event::poll(MOMENT)? {
                self.together = 0;
                return Ok(None);
            }
            match event::read()? {
                Event::Resize(..) => {}
                event => return Ok(Some(event)),
            }
        }
    }
}

/// The terminal as the library of keys finds it: the standard input, else the controlling terminal.
fn terminal_of_process() -> io::Result<File> {
    let input = io::stdin();
    if input.is_terminal() {
        Ok(input.as_fd().try_clone_to_owned()?.into())
    } else {
        File::open("/dev/tty")
    }
}
