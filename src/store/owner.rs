//! Which program began an operation, and whether it still lives.

use std::{fs, os::unix::fs::MetadataExt, process};

use serde::{Deserialize, Serialize};

/// A running program, told from every other one: process numbers are used again, so its start and
/// the boot of the machine belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The machine's own lasting id; empty when it has none.
    machine: String,
    /// The id of the machine's present boot.
    boot: String,
    /// The namespace in which the process number counts (containers have their own).
    namespace: u64,
    /// The process number.
    pid: u32,
    /// When the process started, in clock ticks since the boot.
    start: u64,
}

/// What can be said of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It runs.
    Lives,
    /// It has ended.
    Ended,
    /// It runs or ran where this program cannot look.
    Unknown,
}

impl Owner {
    /// This program.
    pub(super) fn this() -> Self {
        let pid = process::id();
        Self {
            machine: first_line("/etc/machine-id"),
            boot: first_line("/proc/sys/kernel/random/boot_id"),
            namespace: fs::metadata("/proc/self/ns/pid").map_or(0, |m| m.ino()),
            pid,
            start: start_of(pid).unwrap_or(0),
        }
    }

    /// Whom the program runs for: the user of this number on this machine.
    pub(super) fn user(&self) -> String {
        let uid = rustix::process::getuid().as_raw();
        format!("{} {uid}", self.machine)
    }

    /// Whether the program still lives, as `this` program can see it.
    pub(super) fn life(&self, this: &Self) -> Life {
        if self.boot != this.boot {
            let same_machine = !self.machine.is_empty() && self.machine == this.machine;
            return if same_machine {
                Life::Ended
            } else {
                Life::Unknown
            };
        }
        if this.boot.is_empty() || self.namespace != this.namespace || this.start == 0 {
            return Life::Unknown;
        }
        match start_of(self.pid) {
            Some(start) if start == self.start => Life::Lives,
            Some(_) | None => Life::Ended,
        }
    }
}

/// When a process started, in clock ticks since the boot; none when there is no such process, or
/// when it has ended and only waits to be collected.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // The start is the 22nd field of all, so the 19th after the state, which is the third.
    fields.nth(18)?.parse().ok()
}

/// The first line of a small file; empty when it cannot be read.
fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn this_program_lives() {
        let this = Owner::this();
        assert_eq!(this.life(&this), Life::Lives);
    }

    #[test]
    fn a_child_lives_until_it_ends_even_before_it_is_collected() {
        let this = Owner::this();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let owner = Owner {
            pid: child.id(),
            start: start_of(child.id()).unwrap(),
            ..this.clone()
        };
        assert_eq!(owner.life(&this), Life::Lives);
        child.kill().unwrap();
        while start_of(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert_eq!(owner.life(&this), Life::Ended);
        child.wait().unwrap();
        assert_eq!(owner.life(&this), Life::Ended);
    }

    #[test]
    fn a_number_used_again_is_another_program() {
        let this = Owner::this();
        let before = Owner {
            start: this.start - 1,
            ..this.clone()
        };
        assert_eq!(before.life(&this), Life::Ended);
    }

    #[test]
    fn another_boot_of_this_machine_is_over_and_other_machines_are_not_judged() {
        let this = Owner {
            machine: "m".into(),
            ..Owner::this()
        };
        let reboot = Owner {
            boot: "earlier".into(),
            ..this.clone()
        };
        assert_eq!(reboot.life(&this), Life::Ended);
        let elsewhere = Owner {
            machine: "n".into(),
            ..reboot.clone()
        };
        assert_eq!(elsewhere.life(&this), Life::Unknown);
        let container = Owner {
            namespace: 1,
            ..this.clone()
        };
        assert_eq!(container.life(&this), Life::Unknown);
    }
}
