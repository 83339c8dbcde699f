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
    /// Nothing more is read for now.
    stopped: bool,
}

impl Terminal {
    /// Starts `wharf` with these arguments on a terminal of that size, with a home of its own.
    pub fn start(arguments: &[&str], columns: u16, rows: u16) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(arguments);
        Self::run(command, columns, rows, &[])
    }

    /// The same with variables of its own; an empty one is not set.
    pub fn start_with(
        arguments: &[&str],
        columns: u16,
        rows: u16,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(arguments);
        Self::run(command, columns, rows, variables)
    }

    /// The same on a line that carries so many bytes a second, as the terminal says of itself or not.
    pub fn start_on_line(arguments: &[&str], bytes_a_second: usize, says: bool) -> Self {
        let program = env!("CARGO_BIN_EXE_wharf");
        let mut command = if says {
            let mut command = CommandBuilder::new("sh");
            command.args(["-c", "stty 9600 && exec \"$0\" \"$@\"", program]);
            command
        } else {
            CommandBuilder::new(program)
        };
        command.args(arguments);
        Self::run_at(command, 80, 24, &[], Some(bytes_a_second))
    }

    /// The same below a shell that a person types at.
    pub fn start_shell(columns: u16, rows: u16) -> Self {
        let mut command = CommandBuilder::new("bash");
        command.args(["--norc", "--noprofile", "--noediting", "-i"]);
        let program = env!("CARGO_BIN_EXE_wharf");
        Self::run(
            command,
            columns,
            rows,
            &[("PS1", "shell> "), ("WHARF", program)],
        )
    }

    /// The same with a home on a disk of its own, which is soon full. Needs root.
    pub fn start_on_small_disk(arguments: &[&str], columns: u16, rows: u16) -> Self {
        let mut command = CommandBuilder::new("unshare");
        let program = env!("CARGO_BIN_EXE_wharf");
        command.args(["-m", "sh", "-c", SMALL_DISK, program]);
        command.args(arguments);
        Self::run(command, columns, rows, &[])
    }

    fn run(command: CommandBuilder, columns: u16, rows: u16, variables: &[(&str, &str)]) -> Self {
        Self::run_at(command, columns, rows, variables, None)
    }

    fn run_at(
        mut command: CommandBuilder,
        columns: u16,
        rows: u16,
        variables: &[(&str, &str)],
        bytes_a_second: Option<usize>,
    ) -> Self {
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
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        command.env("HOME", home.path());
        command.env("XDG_RUNTIME_DIR", home.path());
        let child = pty.slave.spawn_command(command).expect("wharf starts");
        drop(pty.slave);
        let seen = Arc::new(Mutex::new(Seen {
            parser: vt100::Parser::new(cells(rows), cells(columns), 0),
            raw: Vec::new(),
            stopped: false,
        }));
        let mut output = pty.master.try_clone_reader().expect("a reader");
        let sink = Arc::clone(&seen);
        thread::spawn(move || {
            // A slow line brings a fiftieth part of what it carries in a second every fiftieth of it.
            let mut chunk = vec![0; bytes_a_second.map_or(8192, |bytes| bytes / 50)];
            while let Ok(count) = output.read(&mut chunk) {
                if count == 0 {
                    break;
                }
                if bytes_a_second.is_some() {
                    thread::sleep(
                        Duration::from_millis(20) * u32::try_from(count).unwrap_or(1)
                            / u32::try_from(chunk.len()).unwrap_or(1),
                    );
                }
                let mut seen = sink.lock().expect("no test panics with the lock held");
                while seen.stopped {
                    drop(seen);
                    thread::sleep(Duration::from_millis(5));
                    seen = sink.lock().expect("no test panics with the lock held");
                }
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

    /// The screen with every attribute, and the cursor.
    pub fn screen_with_styles(&self) -> String {
        let seen = self.seen.lock().expect("no test panics with the lock held");
        seen.parser.screen().state_formatted()
    }

    /// Reads nothing more of what is written, as a terminal that was told to hold on.
    pub fn stop_reading(&self) {
        self.seen
            .lock()
            .expect("no test panics with the lock held")
            .stopped = true;
    }

    /// Reads on.
    pub fn go_on_reading(&self) {
        self.seen
            .lock()
            .expect("no test panics with the lock held")
            .stopped = false;
    }

    /// Whether keys reach the program one by one.
    pub fn is_raw(&self) -> bool {
        let name = self.master.tty_name().expect("a pseudo-terminal has one");
        let output = Command::new("stty").arg("-F").arg(name).arg("-a").output();
        let text = output.expect("stty runs").stdout;
        String::from_utf8_lossy(&text).contains("-icanon")
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
            .set_size(cells(rows.max(1)), cells(columns.max(1)));
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

/// Lets what was typed be taken in.
pub fn pause() {
    thread::sleep(Duration::from_millis(60));
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
