//! What a run says while it goes on: lines, and what a checkup finds on the way to a host.

use serde::Serialize;

use super::Amount;

/// A step of the way to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What `ssh -G` makes of the site's configuration.
    Configuration,
    /// The name of the host, or of a jump host, is looked up.
    Name,
    /// Something answers at the port.
    Tcp,
    /// The host key: known, unknown, changed.
    HostKey,
    /// The account is let in.
    Login,
    /// A session runs a command there.
    Session,
    /// Which engine's sockets there are.
    Socket,
    /// Whether the account may use the socket: its groups, or the file's rights.
    Access,
    /// sshd forwards the socket.
    Forwarding,
    /// The certificates of TLS: ours, and the engine's dates and names.
    Certificate,
    /// An engine answers.
    Engine,
    /// The versions of the API that it and we speak.
    Api,
    /// Its clock against ours.
    Clock,
    /// Free space where the engine keeps its data.
    Disk,
}

impl Check {
    /// In a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::HostKey => "host key",
            Self::Login => "login",
            Self::Session => "session",
            Self::Socket => "socket",
            Self::Access => "access",
            Self::Forwarding => "forwarding",
            Self::Certificate => "certificate",
            Self::Engine => "engine",
            Self::Api => "api",
            Self::Clock => "clock",
            Self::Disk => "disk",
        }
    }
}

/// How a step of a checkup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// It works, and something should be looked at.
    Warning,
    /// The way ends here.
    Failed,
    /// An earlier step failed.
    NotReached,
    /// It does not apply, or cannot be seen this way.
    Skipped,
}

impl Mark {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::NotReached => "not reached",
            Self::Skipped => "skipped",
        }
    }

    /// Its sign, one cell wide.
    pub fn glyph(self, ascii: bool) -> &'static str {
        match (self, ascii) {
            (Self::Ok, false) => "✓",
            (Self::Ok, true) => "+",
            (Self::Warning, _) => "!",
            (Self::Failed, false) => "✗",
            (Self::Failed, true) => "x",
            (Self::NotReached, false) => "·",
            (Self::NotReached, true) => ".",
            (Self::Skipped, _) => "-",
        }
    }
}

/// What one step of a checkup found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The step.
    pub check: Check,
    /// Of which host on the way, where jump hosts are on it.
    pub hop: Option<String>,
    /// How it ended.
    pub mark: Mark,
    /// What was seen, in one line.
    pub saw: String,
    /// What to do, in one line; empty where nothing is to be done.
    pub remedy: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

impl Finding {
    /// The step and its host: `tcp`, `host key of node1`.
    pub fn title(&self) -> String {
        match &self.hop {
            Some(hop) => format!("{} of {hop}", self.check.word()),
            None => self.check.word().to_owned(),
        }
    }
}

/// What a step of a run says before it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A line of output.
    Line(String),
    /// What a checkup found.
    Finding(Finding),
    /// How far it has come; the newest counts.
    Amount(Amount),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_differ_in_sign_and_word() {
        use std::collections::HashSet;
        let all = [
            Mark::Ok,
            Mark::Warning,
            Mark::Failed,
            Mark::NotReached,
            Mark::Skipped,
        ];
        for ascii in [true, false] {
            let signs: HashSet<_> = all.iter().map(|mark| mark.glyph(ascii)).collect();
            assert_eq!(signs.len(), all.len());
        }
        let words: HashSet<_> = all.iter().map(|mark| mark.word()).collect();
        assert_eq!(words.len(), all.len());
        assert!(all.iter().all(|mark| mark.glyph(true).is_ascii()));
    }
}
