//! The binary at a terminal: questions, colours, widths, a shell in a container.

use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

use crate::bench::Bench;

/// The binary at a terminal of 60 columns.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    screen: mpsc::Receiver<Vec<u8>>,
    seen: String,
    _pty: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    fn open(bench: &Bench, line: &str, variables: &[(&str, &str)]) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 60,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_wharf"));
        command.args(shlex::split(line).unwrap());
        command.env_clear();
        command.env("HOME", bench.home());
        command.env("PATH", "/usr/bin:/bin");
        command.env("LANG", "C.UTF-8");
        command.env("TERM", "xterm");
        for (name, value) in variables {
            command.env(name, value);
        }
        command.cwd(bench.home());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut from = pair.master.try_clone_reader().unwrap();
        let (to_us, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if to_us.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keys: pair.master.take_writer().unwrap(),
            screen,
            seen: String::new(),
            _pty: pair.master,
        }
    }

    /// Reads until the text is on the screen.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let start = Instant::now();
        while !self.seen.contains(text) {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "no {text:?} in {:?}",
                self.seen
            );
            if let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(100)) {
                self.seen.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    /// Types a question again and again until the answer is on the screen: an engine hears of a terminal's size
    /// only when the shell runs already.
    #[track_caller]
    fn asks(&mut self, question: &str, answer: &str) {
        for _ in 0..40 {
            self.types(question);
            if let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(500)) {
                self.seen.push_str(&String::from_utf8_lossy(&bytes));
            }
            if self.seen.contains(answer) {
                return;
            }
        }
        panic!("no {answer:?} in {:?}", self.seen);
    }

    fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end; answers the code and all that was seen.
    fn ends(mut self) -> (u32, String) {
        let code = self.child.wait().unwrap().exit_code();
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(300)) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (code, self.seen)
    }
}

#[test]
fn a_question_takes_yes_and_everything_else_is_no() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let line = format!("container pause {target}");
    for (answer, code, state) in [
        ("\n", 3, "running"),
        ("n\n", 3, "running"),
        ("y\n", 0, "paused"),
    ] {
        let mut terminal = Terminal::open(&bench, &line, &[]);
        terminal.sees("Do it? [y/N]");
        terminal.types(answer);
        let (ended, seen) = terminal.ends();
        assert_eq!(ended, code, "{seen}");
        assert!(
            seen.contains("lost: it does not answer until it is unpaused"),
            "{seen}"
        );
        assert_eq!(bench.container(&target)["state"], state);
    }
}

#[test]
fn what_destroys_in_a_guarded_environment_asks_for_its_name() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let line = format!("container remove --force {target}");
    for (answer, code) in [("y\n", 3), ("prod\n", 0)] {
        let mut terminal = Terminal::open(&bench, &line, &[]);
        terminal.sees("Type prod to do it:");
        terminal.types(answer);
        assert_eq!(terminal.ends().0, code, "{answer:?}");
    }
}

#[test]
fn a_question_can_be_left_with_ctrl_c() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let mut terminal = Terminal::open(&bench, &format!("container stop {target}"), &[]);
    terminal.sees("Do it? [y/N]");
    terminal.types("\x03");
    assert_eq!(terminal.ends().0, 130);
    assert_eq!(bench.container(&target)["state"], "running");
}

#[test]
fn tables_have_colours_and_fit_the_terminal() {
    let bench = Bench::new();
    let (code, seen) = Terminal::open(&bench, "container list", &[]).ends();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("\x1b[32m● running\x1b[0m"), "{seen}");
    let side = NonZero::new(60).unwrap();
    let mut screen = vt100::Parser::new(side, side, 0);
    screen.process(seen.as_bytes());
    let rows: Vec<String> = screen.screen().rows(0, 60).collect();
    let filled = rows.iter().filter(|row| !row.trim().is_empty());
    assert_eq!(filled.count(), 19, "a row is on one line: {rows:#?}");

    let (_, plain) = Terminal::open(&bench, "container list", &[("NO_COLOR", "1")]).ends();
    assert!(!plain.contains("\x1b["), "{plain}");
}

#[test]
fn a_shell_in_a_container_has_the_terminal() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let mut terminal = Terminal::open(&bench, &format!("container exec {target}"), &[]);
    terminal.sees("# ");
    terminal.types("echo a-$((1))b\r");
    terminal.asks("stty size\r", "24 60");
    terminal.types("exit 5\r");
    let (code, seen) = terminal.ends();
    assert_eq!(code, 5, "{seen}");
    let acts = bench.say("audit list -o json").ended(0).json();
    assert_eq!(acts[0]["sentence"], format!("container exec {target}"));
    assert_eq!(acts[0]["detail"], "exit code 5");
}
