//! A pseudo-terminal with the real program in it: keys in, screen out.

use std::{
    io::{Read as _, Write},
    num::NonZeroU16,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long something may take to appear. Generous: it is no measurement.
const PATIENCE: Duration = Duration::from_secs(45);

/// The program in a terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<Seen>>,
    _home: tempfile::TempDir,
}

/// What came out of it.
struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

impl Terminal {
    /// Starts `wharf` with these arguments on a terminal of that size, with a home of its own.
    pub fn start(arguments: &[&str], columns: u16, rows: u16) -> Self {
        let home = tempfile::tempdir().expect("a directory for the home");
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pty = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(arguments);
        command.env_clear();
        for (name, value) in [
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
            ("USER", "ann"),
        ] {
            command.env(name, value);
        }
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home.path());
        command.env("XDG_RUNTIME_DIR", home.path());
        let child = pty.slave.spawn_command(command).expect("wharf starts");
        drop(pty.slave);
        let seen = Arc::new(Mutex::new(Seen {
            parser: vt100::Parser::new(cells(rows), cells(columns), 0),
            raw: Vec::new(),
        }));
        let mut output = pty.master.try_clone_reader().expect("a reader");
        let sink = Arc::clone(&seen);
        thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(count) = output.read(&mut chunk) {
                if count == 0 {
                    break;
                }
                let mut seen = sink.lock().expect("no test panics with the lock held");
                seen.parser.process(&chunk[..count]);
                seen.raw.extend_from_slice(&chunk[..count]);
            }
        });
        let keys = pty.master.take_writer().expect("a writer");
        Self {
            master: pty.master,
            keys,
            child,
            seen,
            _home: home,
        }
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        self.seen
            .lock()
            .expect("no test panics with the lock held")
            .parser
            .screen()
            .contents()
    }

    /// All bytes that were written to the terminal.
    pub fn raw(&self) -> Vec<u8> {
        self.seen
            .lock()
            .expect("no test panics with the lock held")
            .raw
            .clone()
    }

    /// Types text, or control characters.
    pub fn keys(&mut self, text: &str) {
        self.keys
            .write_all(text.as_bytes())
            .expect("the terminal takes keys");
        self.keys.flush().expect("the terminal takes keys");
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "never seen: {what}; the screen was\n{screen}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.seen
            .lock()
            .expect("no test panics with the lock held")
            .parser
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).expect("the terminal takes a size");
    }

    /// The program's process.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Waits for its end; whether it ended well.
    #[track_caller]
    pub fn wait_end(&mut self) -> bool {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its end can be seen") {
                // What it wrote last may still be on its way.
                thread::sleep(Duration::from_millis(100));
                return status.success();
            }
            assert!(
                start.elapsed() < PATIENCE,
                "it never ended; the screen was\n{}",
                self.screen()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the terminal is as it was: on the main screen, the cursor shown, no bracketed paste.
    pub fn is_restored(&self) -> bool {
        let raw = self.raw();
        let last = |sequence: &[u8]| {
            raw.windows(sequence.len())
                .rposition(|part| part == sequence)
        };
        let after = |off: &[u8], on: &[u8]| last(off).is_some() && last(off) > last(on);
        after(b"\x1b[?1049l", b"\x1b[?1049h")
            && after(b"\x1b[?25h", b"\x1b[?25l")
            && after(b"\x1b[?2004l", b"\x1b[?2004h")
    }
}

/// A size of a terminal; none is empty.
fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN)
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
