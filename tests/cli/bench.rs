//! A bench for one test: a sim, a home of its own, and the binary to be called in it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use wharf::sim::{Fleet, Spec, serve};

/// The sim, the home, and what runs it.
pub(crate) struct Bench {
    pub sim: Fleet,
    home: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// What the binary said and how it ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    /// The answer as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer, if the binary ended with that code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// The answer, if standard error holds that.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in {self:?}");
        self
    }

    /// The answer, if standard output holds that.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "{text:?} is not in {self:?}");
        self
    }

    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

impl Bench {
    /// Three still hosts with six containers each: `ams-1` and `ams-2` in prod, `ams-3` in stage.
    pub fn new() -> Self {
        Self::on(Spec {
            hosts: 3,
            containers: 6,
            ..Spec::default()
        })
    }

    pub fn on(spec: Spec) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let home = tempfile::tempdir().unwrap();
        let sim = runtime
            .block_on(serve(&home.path().join("sim"), spec))
            .unwrap();
        let entry = |host: &wharf::sim::SimHost| {
            format!(
                "[[host]]\nname = \"{}\"\nendpoint = \"unix://{}\"\nenvironment = \"{}\"\n",
                host.name,
                host.socket.display(),
                host.environment
            )
        };
        let text: String = sim.hosts().iter().map(entry).collect();
        let bench = Self {
            sim,
            home,
            _runtime: runtime,
        };
        fs::create_dir_all(bench.file().parent().unwrap()).unwrap();
        fs::write(bench.file(), text).unwrap();
        bench
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where its wharf.toml is.
    pub fn file(&self) -> PathBuf {
        self.home.path().join(".config/wharf/wharf.toml")
    }

    /// Where its log of acts is.
    pub fn database(&self) -> PathBuf {
        self.home.path().join(".local/share/wharf/wharf.db")
    }

    /// The binary with that line, in an environment of its own.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command
            .args(shlex::split(line).unwrap())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Says that line, and waits for the end.
    pub fn say(&self, line: &str) -> Answer {
        answer(self.command(line).spawn().unwrap())
    }

    /// Says that line with something to read.
    pub fn say_with(&self, line: &str, input: &[u8]) -> Answer {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        answer(child)
    }

    /// The name of a running container of that service on that host.
    pub fn running(&self, host: &str) -> String {
        let line = format!("container list -o name host:{host} state:running");
        let answer = self.say(&line).ended(0);
        (*answer.lines().first().unwrap()).to_owned()
    }

    /// What `container list` says of a container.
    #[track_caller]
    pub fn container(&self, target: &str) -> Value {
        let (name, host) = target.split_once('@').unwrap();
        let all = self
            .say(&format!("container list -o json host:{host}"))
            .ended(0)
            .json();
        let all = all.as_array().unwrap().clone();
        all.into_iter()
            .find(|one| one["name"] == name)
            .unwrap_or_else(|| panic!("there is no {target}"))
    }
}

/// What a child said when it has ended.
pub(crate) fn answer(child: Child) -> Answer {
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Sends a signal to a child.
pub(crate) fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// Waits until something is true; fails when it is not in time.
#[track_caller]
pub(crate) fn until(what: &str, is_true: impl Fn() -> bool) {
    look(what, (20, Duration::from_secs(20)), is_true);
}

/// The same, for what takes its time.
#[track_caller]
pub(crate) fn within(limit: Duration, what: &str, is_true: impl Fn() -> bool) {
    look(what, (400, limit), is_true);
}

/// Looks again and again, after so many milliseconds, until then.
#[track_caller]
fn look(what: &str, (pause, limit): (u64, Duration), is_true: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < limit, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(pause));
    }
}
