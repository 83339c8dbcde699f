//! A host of the lab, borrowed by a test.

use std::fs::{File, OpenOptions};
use std::process::Command;

use crate::Lab;

/// A borrowed host; given back when dropped.
#[derive(Debug)]
pub struct Host<'lab> {
    lab: &'lab Lab,
    name: String,
    _borrowed: File,
}

impl<'lab> Host<'lab> {
    pub(crate) fn shared(lab: &'lab Lab, name: &str) -> Self {
        let file = lock_file(lab, name);
        file.lock_shared().expect("a lab host can be locked");
        Self {
            lab,
            name: name.to_owned(),
            _borrowed: file,
        }
    }

    pub(crate) fn alone(lab: &'lab Lab, name: &str) -> Self {
        let file = lock_file(lab, name);
        file.lock().expect("a lab host can be locked");
        Self {
            lab,
            name: name.to_owned(),
            _borrowed: file,
        }
    }

    /// Its name: in the lab, in `ssh_config`, and in `wharf.toml`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `lab VERB HOST ARGUMENTS` and answers what it printed.
    pub fn command(&self, verb: &str, arguments: &[&str]) -> String {
        self.lab.command(&[&[verb, &self.name], arguments].concat())
    }

    /// Runs the `docker` command on this host's daemon, not over the network.
    pub fn docker(&self, arguments: &[&str]) -> String {
        self.command("docker", arguments)
    }

    /// Runs a command on the host as root, not over the network.
    pub fn exec(&self, arguments: &[&str]) -> String {
        self.command("exec", arguments)
    }

    /// `ssh` to this host, without any prompt.
    pub fn ssh(&self) -> Command {
        self.lab.ssh(&self.name)
    }
}

fn lock_file(lab: &Lab, name: &str) -> File {
    let home = lab.dir().join("hosts").join(name);
    assert!(
        home.exists(),
        "the lab in {} has no host '{name}'",
        lab.dir().display()
    );
    let path = home.join("borrowed");
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()))
}
