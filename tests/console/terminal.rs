//! A pseudo-terminal with the real program in it: keys in, screen out.

use std::{
    ffi::OsStr,
    io::{Read as _, Write},
    num::NonZeroU16,
    path::PathBuf,
    process::Command,
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
    home: tempfile::TempDir,
}

/// Mounts a disk of a megabyte over the home, where only this program and its children see it.
const SMALL_DISK: &str = "mount -t tmpfs -o size=1m,mode=700 tmpfs \"$HOME\" && exec \"$0\" \"$@\"";

/// What came out of it.
struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

impl Terminal {
    /// Starts `wharf` with these arguments on a terminal of that size, with a home of its own.
    pub fn start(arguments: &[&str], columns: u16, rows: u16) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(arguments);
        Self::run(command, columns, rows)
    }

    /// The same with a home on a disk of its own, which is soon full. Needs root.
    pub fn start_on_small_disk(arguments: &[&str], columns: u16, rows: u16) -> Self {
        let mut command = CommandBuilder::new("unshare");
        let program = env!("CARGO_BIN_EXE_wharf");
        command.args(["-m", "sh", "-c", SMALL_DISK, program]);
        command.args(arguments);
        Self::run(command, columns, rows)
    }

    fn run(mut command: CommandBuilder, columns: u16, rows: u16) -> Self {
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
            home,
        }
    }

    /// Its home as seen from here, also one on a disk of its own as long as it runs.
    pub fn home(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        let home = self.home.path();
        root.join(home.strip_prefix("/").unwrap_or(home))
    }

    /// What `wharf` in a shell of the same person says to a line, with what it complains of;
    /// and whether it ended well.
    pub fn shell(&self, line: &[&str]) -> (bool, String) {
        // SQLite resolves the way through /proc, so a shell has to stand where the console does.
        let output = Command::new("nsenter")
            .args(["-t", &self.pid().to_string(), "-m"])
            .arg(env!("CARGO_BIN_EXE_wharf"))
            .args(line)
            .env_clear()
            .env("HOME", self.home.path())
            .env("LANG", "C.UTF-8")
            .env(
                "PATH",
                std::env::var_os("PATH")
                    .as_deref()
                    .unwrap_or(OsStr::new("/bin")),
            )
            .output()
            .expect("wharf starts");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (output.status.success(), text)
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
