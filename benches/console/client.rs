//! A console in a pseudo-terminal: keys in, its bytes with their moments out.

use std::{
    io::{Read as _, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use regex::{Regex, bytes};

use super::{cases::Case, process};

/// The size of the terminal.
pub const SIZE: (u16, u16) = (200, 50);

/// A program to measure.
pub struct Client {
    /// What it is called in the table.
    pub name: &'static str,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What a row that shows a live figure looks like.
    pub figures: Option<Regex>,
}

/// Wharf and its peers that can be built with cargo, as they are when they are started by hand.
pub fn all(wharf: &Path) -> Vec<Client> {
    let percent = || Regex::new(r"(^|[^\d.])(\d*[1-9]\d*\.\d+|\d+\.\d*[1-9]\d*) ?%").ok();
    let peer = |name: &'static str, figures| Client {
        name,
        program: PathBuf::from(name),
        arguments: Vec::new(),
        figures,
    };
    let ours = Client {
        name: "wharf",
        program: wharf.to_owned(),
        arguments: vec!["--start".into(), "pane containers".into()],
        // CPU and memory beside each other.
        figures: Regex::new(r"\d\.\d +\d+(\.\d+)?[KMG]").ok(),
    };
    vec![
        ours,
        peer("oxker", percent()),
        peer("dtop", percent()),
        peer("ducker", None),
    ]
}

/// Wharf on a large fleet.
pub fn on_a_fleet(wharf: &Path, case: &Case) -> Client {
    let mut client = all(wharf).swap_remove(0);
    client
        .arguments
        .extend(["--config".into(), case.configuration.display().to_string()]);
    client
}

/// What was written at one moment.
pub type Chunk = (Instant, Vec<u8>);

/// A client that runs.
pub struct Running {
    /// When it was started.
    pub started: Instant,
    pid: u32,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Arc<Mutex<Box<dyn Write + Send>>>,
    chunks: Arc<Mutex<Vec<Chunk>>>,
    reader: Option<JoinHandle<()>>,
    modes: String,
    _home: tempfile::TempDir,
}

/// How a client ended.
pub struct End {
    /// From the key to the end of the process, in seconds; none when it had to be killed.
    pub seconds: Option<f64>,
    /// The terminal's own modes are as before.
    pub restored: bool,
    /// A process of its own outlived it.
    pub left_children: bool,
    /// All it wrote.
    pub chunks: Vec<Chunk>,
}

impl Running {
    /// Starts a client with a home of its own on the engine of a case.
    pub fn start(client: &Client, case: &Case) -> Self {
        let home = tempfile::tempdir().expect("a home");
        let mut command = CommandBuilder::new(&client.program);
        command.args(&client.arguments);
        command.env_clear();
        let path = std::env::var("PATH").unwrap_or_default();
        let own = home.path().to_string_lossy().into_owned();
        for (name, value) in [
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LANG", "C.UTF-8"),
            ("PATH", path.as_str()),
            ("HOME", own.as_str()),
            ("XDG_RUNTIME_DIR", own.as_str()),
        ] {
            command.env(name, value);
        }
        if let Some(socket) = &case.socket {
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        }
        command.cwd(home.path());
        let (cols, rows) = SIZE;
        let pty = native_pty_system()
            .openpty(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .expect("a pseudo-terminal");
        let modes = modes(pty.master.as_ref());
        let output = pty.master.try_clone_reader().expect("a reader");
        let keys = Arc::new(Mutex::new(pty.master.take_writer().expect("a writer")));
        let chunks = Arc::new(Mutex::new(Vec::new()));
        let started = Instant::now();
        let child = pty.slave.spawn_command(command).expect("the client starts");
        drop(pty.slave);
        let pid = child.process_id().expect("a process");
        process::favour(pid);
        let reader = {
            let (chunks, keys) = (Arc::clone(&chunks), Arc::clone(&keys));
            thread::spawn(move || record(output, &chunks, &keys))
        };
        Self {
            started,
            pid,
            child,
            master: pty.master,
            keys,
            chunks,
            reader: Some(reader),
            modes,
            _home: home,
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Types something.
    pub fn write(&self, keys: &str) {
        let mut terminal = self.keys.lock().expect("nobody panics with the lock");
        // A client that ended takes no keys; its end is noticed by who waits for it.
        let _ = terminal
            .write_all(keys.as_bytes())
            .and_then(|()| terminal.flush());
    }

    /// How many bytes it wrote so far.
    pub fn written(&self) -> usize {
        let chunks = self.chunks.lock().expect("nobody panics with the lock");
        chunks.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Presses a key that ends it, and waits for the end.
    pub fn quit(mut self, key: &str) -> End {
        let others = process::has_children(self.pid);
        let asked = Instant::now();
        self.write(key);
        let mut seconds = None;
        while asked.elapsed() < Duration::from_secs(10) {
            if let Ok(Some(_)) = self.child.try_wait() {
                seconds = Some(asked.elapsed().as_secs_f64());
                break;
            }
            thread::sleep(Duration::from_micros(300));
        }
        let restored = self.modes == modes(self.master.as_ref());
        let left_children = others && process::has_children(self.pid);
        // One that ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.master);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let chunks = std::mem::take(&mut *self.chunks.lock().expect("nobody panics with the lock"));
        End {
            seconds,
            restored,
            left_children,
            chunks,
        }
    }
}

/// Whether lines are edited and echoed, and so on.
fn modes(terminal: &dyn MasterPty) -> String {
    terminal.get_termios().map_or_else(String::new, |modes| {
        format!(
            "{:?} {:?} {:?}",
            modes.local_flags, modes.input_flags, modes.output_flags
        )
    })
}

/// Reads until the end, and answers what a terminal is asked.
fn record(
    mut output: Box<dyn std::io::Read + Send>,
    chunks: &Mutex<Vec<Chunk>>,
    keys: &Mutex<Box<dyn Write + Send>>,
) {
    let questions = bytes::Regex::new(
        r"\x1b\[(?<da1>0?)c|\x1b\[>(?<da2>0?)c|\x1b\[(?<dsr>[56])n|\x1b\](?<osc>1[01]);\?|\x1b\[\?(?<mode>\d+)\$p|\x1b\[\?(?<kitty>u)",
    )
    .expect("it is well formed");
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        let text = &buffer[..count];
        chunks
            .lock()
            .expect("nobody panics with the lock")
            .push((Instant::now(), text.to_vec()));
        for question in questions.captures_iter(text) {
            let mut terminal = keys.lock().expect("nobody panics with the lock");
            // A client that is gone needs no answer.
            let _ = terminal
                .write_all(&answer(&question))
                .and_then(|()| terminal.flush());
        }
    }
}

/// As xterm answers.
fn answer(question: &bytes::Captures<'_>) -> Vec<u8> {
    let named = |name: &str| {
        question
            .name(name)
            .map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned())
    };
    if named("da1").is_some() {
        return b"\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c".to_vec();
    }
    if named("da2").is_some() {
        return b"\x1b[>41;390;0c".to_vec();
    }
    if let Some(what) = named("dsr") {
        return if what == "5" {
            b"\x1b[0n".to_vec()
        } else {
            b"\x1b[1;1R".to_vec()
        };
    }
    if let Some(which) = named("osc") {
        let colour = if which == "10" {
            "cccc/cccc/cccc"
        } else {
            "0000/0000/0000"
        };
        return format!("\x1b]{which};rgb:{colour}\x1b\\").into_bytes();
    }
    if let Some(mode) = named("mode") {
        return format!("\x1b[?{mode};0$y").into_bytes();
    }
    Vec::new()
}
