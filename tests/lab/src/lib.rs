//! The lab of real Docker hosts, as tests use it: find it, use a host undisturbed, or disturb one and have it restored.
//!
//! `make test` starts one lab for all tests and says where in `WHARF_LAB`; [`Lab::shared`] is that lab. Tests run at the
//! same time, so each borrows the hosts it works with: [`Lab::host`] shares a host with other tests and keeps faults
//! away from it, [`Lab::disturb`] waits until nobody uses the host, takes it alone, and restores it at the end. Borrow
//! a host once in a test, several in the order of their names; a second borrowing of the same host waits for the first.
//!
//! Everything here panics, with the reason, when it cannot do what it says: it serves tests.

mod fault;
mod host;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub use fault::Disturbed;
pub use host::Host;

/// A lab that is up.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    ours: bool,
}

impl Lab {
    /// The lab that all tests share.
    ///
    /// # Panics
    /// When `WHARF_LAB` does not name a running lab: a test that needs the lab never passes without it.
    pub fn shared() -> Self {
        let dir = std::env::var_os("WHARF_LAB").expect(
            "this test needs the lab: run `make test`, or `tests/lab/lab run --engines -- cargo test …`, \
             or start one with `make lab` and set WHARF_LAB to the directory it prints",
        );
        let lab = Self {
            dir: PathBuf::from(dir),
            ours: false,
        };
        assert!(
            lab.dir.join("env").exists(),
            "WHARF_LAB names {}, and no lab is there",
            lab.dir.display()
        );
        lab
    }

    /// A lab of this test's own, for what would disturb everybody; it ends with the value, and also when the test
    /// process is killed. `options` are those of `lab up`.
    ///
    /// # Panics
    /// When it does not start; with what `lab up` said.
    pub fn start(options: &[&str]) -> Self {
        let owner = std::process::id().to_string();
        let up = Command::new(Self::script())
            .args(["up", "--owner", &owner])
            .args(options)
            .output();
        let dir = stdout_of("lab up", up.expect("tests/lab/lab can be executed"));
        Self {
            dir: PathBuf::from(dir.trim()),
            ours: true,
        }
    }

    /// Where the lab keeps its files, logs and sockets.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The `ssh_config` that knows all hosts, and all the `bad-…` ones.
    pub fn ssh_config(&self) -> PathBuf {
        self.dir.join("ssh_config")
    }

    /// A `wharf.toml` with the hosts that work.
    pub fn wharf_config(&self) -> PathBuf {
        self.dir.join("wharf.toml")
    }

    /// Where an engine without SSH listens: `unix`, `tcp`, `tls` (client files in [`Self::dir`]`/tls`) or `podman`.
    ///
    /// # Panics
    /// When the lab was started without `--engines`.
    pub fn engine(&self, way: &str) -> String {
        let list = std::fs::read_to_string(self.dir.join("engines")).unwrap_or_default();
        let named = |line: &str| {
            line.strip_prefix(way)
                .and_then(|rest| rest.strip_prefix(' '))
                .map(str::to_owned)
        };
        list.lines().find_map(named).unwrap_or_else(|| {
            panic!(
                "the lab in {} has no engine '{way}' (lab up --engines)",
                self.dir.display()
            )
        })
    }

    /// `ssh` to a `Host` of [`Self::ssh_config`], without any prompt.
    pub fn ssh(&self, alias: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F")
            .arg(self.ssh_config())
            .args(["-o", "BatchMode=yes", "-T", alias]);
        ssh.stdin(std::process::Stdio::null());
        ssh
    }

    /// Borrows a host together with other tests: no fault is put on it meanwhile.
    pub fn host(&self, name: &str) -> Host<'_> {
        Host::shared(self, name)
    }

    /// Takes a host alone, to put faults on it: waits until no other test uses it.
    pub fn disturb(&self, name: &str) -> Disturbed<'_> {
        Disturbed::new(Host::alone(self, name))
    }

    /// Runs the `lab` command on this lab and answers what it printed.
    ///
    /// # Panics
    /// When the command fails; with what it printed as the reason.
    pub fn command(&self, arguments: &[&str]) -> String {
        let (verb, rest) = arguments.split_first().expect("a lab command has a verb");
        let run = Command::new(Self::script())
            .arg(verb)
            .arg("--dir")
            .arg(&self.dir)
            .args(rest)
            .output();
        stdout_of(
            &format!("lab {}", arguments.join(" ")),
            run.expect("tests/lab/lab can be executed"),
        )
    }

    fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("lab")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.ours {
            self.command(&["down"]);
        }
    }
}

fn stdout_of(what: &str, output: Output) -> String {
    assert!(
        output.status.success(),
        "{what}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the lab prints UTF-8")
}
