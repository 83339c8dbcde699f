//! The keys: read in the very thread that draws, so that nothing has to be woken between a key and its frame.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    os::fd::AsFd as _,
    time::Duration,
};

use crossterm::{event::Event, terminal};
use tokio::{
    io::unix::AsyncFd,
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant as Moment, sleep_until},
};

use super::{
    decode::{Decoder, Heard},
    tty::watched,
};

/// How many bytes are read at once.
const CHUNK: u64 = 4096;
/// How long the rest of a sequence may take: an escape alone is the key of that name.
const REST: Duration = Duration::from_millis(25);
/// How long the rest of a paste may take.
const PASTE: Duration = Duration::from_secs(3);

/// What is typed, and the changes of the terminal's size, as long as this lives. Needs a tokio runtime around it.
pub struct Keys {
    terminal: AsyncFd<File>,
    resized: Signal,
    decoder: Decoder,
    /// When something was read last.
    read: Moment,
}

impl Keys {
    /// Begins to listen.
    pub fn read() -> io::Result<Self> {
        Ok(Self {
            terminal: watched(terminal_of_process()?)?,
            resized: signal(SignalKind::window_change())?,
            decoder: Decoder::default(),
            read: Moment::now(),
        })
    }

    /// The next thing that is heard; an error when the terminal is gone. May be given up at any moment: nothing is
    /// lost by it.
    pub async fn next(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(heard) = self.waiting()? {
                return Ok(heard);
            }
            let patience = if self.decoder.is_pasting() {
                PASTE
            } else {
                REST
            };
            let is_waiting = self.decoder.is_waiting();
            select! {
                ready = self.terminal.readable() => {
                    let mut ready = ready?;
                    if rustix::io::ioctl_fionread(ready.get_inner())? == 0 {
                        if ready.ready().is_read_closed() {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        // What comes from now on makes it ready again.
                        ready.clear_ready();
                    }
                }
                () = sleep_until(self.read + patience), if is_waiting => self.decoder.give_up(),
                _ = self.resized.recv() => {
                    let (width, height) = terminal::size()?;
                    return Ok(Heard::Event(Event::Resize(width, height)));
                }
            }
        }
    }

    /// The next thing that is heard, if it is there already.
    pub fn waiting(&mut self) -> io::Result<Option<Heard>> {
        loop {
            if let Some(heard) = self.decoder.next() {
                return Ok(Some(heard));
            }
            // Not more is asked for than is there: reading never waits.
            let mut terminal = self.terminal.get_ref();
            let there = rustix::io::ioctl_fionread(terminal)?.min(CHUNK);
            let mut bytes = vec![0; usize::try_from(there).unwrap_or(0)];
            let count = terminal.read(&mut bytes)?;
            if count == 0 {
                return Ok(None);
            }
            let bytes = &bytes[..count];
            // A frame was drawn while the time of the escape ran out.
            if self.read.elapsed() > REST && self.decoder.is_escape_before(bytes) {
                self.decoder.give_up();
            }
            self.read = Moment::now();
            self.decoder.read(bytes);
        }
    }
}

/// The terminal that is typed at: the standard input, else the controlling terminal.
fn terminal_of_process() -> io::Result<File> {
    let input = io::stdin();
    if input.is_terminal() {
        Ok(input.as_fd().try_clone_to_owned()?.into())
    } else {
        File::open("/dev/tty")
    }
}
