//! The way out to the terminal: it never waits, so that a terminal that reads slowly holds up nobody.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    thread,
    time::{Duration, Instant},
};

use rustix::termios::{QueueSelector, tcflush};

/// Ends a sequence that is not whole.
const CANCEL: u8 = 0x18;
/// How often a terminal that takes nothing is tried again.
const TRY: Duration = Duration::from_millis(2);

/// A terminal to write to. What it does not take at once waits here.
pub struct Outlet {
    terminal: File,
    waiting: Vec<u8>,
}

impl Outlet {
    /// Opens the terminal of the standard output anew: only so can it be told not to wait without telling that to
    /// the shell too. Where that is forbidden it is shared, and writing may wait.
    pub fn open() -> io::Result<Self> {
        let output = io::stdout();
        let name = rustix::termios::ttyname(&output, Vec::new());
        let own = name.ok().and_then(|name| anew(name.to_str().ok()?).ok());
        let terminal = match own.or_else(|| anew("/dev/tty").ok()) {
            Some(terminal) => terminal,
            None => output.as_fd().try_clone_to_owned()?.into(),
        };
        Ok(Self {
            terminal,
            waiting: Vec::new(),
        })
    }

    /// How many bits a second the line carries, as the terminal says.
    pub fn speed(&self) -> Option<u32> {
        let state = rustix::termios::tcgetattr(&self.terminal).ok()?;
        Some(state.output_speed())
    }

    /// Tries to write what waits; whether nothing waits any more.
    pub fn is_clear(&mut self) -> io::Result<bool> {
        while !self.waiting.is_empty() {
            match self.terminal.write(&self.waiting) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Writes what waits, for so long at most. What is left then is given up: its end would be missing anyway.
    pub fn drain(&mut self, patience: Duration) -> io::Result<()> {
        let start = Instant::now();
        while !self.is_clear()? {
            if start.elapsed() > patience {
                tcflush(&self.terminal, QueueSelector::OFlush)?;
                // Whatever sequence was cut is not to swallow what comes next.
                self.waiting = vec![CANCEL];
                return Ok(());
            }
            thread::sleep(TRY);
        }
        Ok(())
    }
}

fn anew(path: &str) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_clear().map(drop)
    }
}
