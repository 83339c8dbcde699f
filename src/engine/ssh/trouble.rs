//! Why ssh did not connect or did not last, in one line, and what to do, in another.
//!
//! ssh tells its reasons only as text on stderr. The texts are OpenSSH's own (`ssh.c`,
//! `sshconnect*.c`, `packet.c`), the same for many years and never translated; what is not
//! recognized is shown as ssh said it.

use std::process::ExitStatus;

use super::{heard::Story, site::Site};
use crate::model::{Trouble, TroubleKind};

/// What is known when a connection fails.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The command with which a person does the same by hand.
    pub by_hand: &'a str,
    /// What the configuration says of the host.
    pub site: &'a Site,
    /// What ssh said.
    pub story: &'a Story,
}

/// How the ssh process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself or by a signal; none when it cannot be known.
    Exit(Option<ExitStatus>),
    /// We ended it, because it took longer than so many seconds.
    Deadline(u64),
}

impl Scene<'_> {
    /// Why no connection came about.
    pub fn login_failed(&self, end: End) -> Trouble {
        let found = self
            .bad_configuration()
            .or_else(|| self.host_key())
            .or_else(|| self.permission())
            .or_else(|| self.behind_jump())
            .or_else(|| self.name())
            .or_else(|| self.port())
            .or_else(|| self.negotiation())
            .or_else(|| self.dropped())
            .unwrap_or_else(|| self.unexplained(end));
        self.trouble(found)
    }

    /// Why a connection that stood is gone.
    pub fn lost(&self, end: End) -> Trouble {
        let kind = TroubleKind::Lost;
        let again = "it is tried again by itself";
        let found = if let Some(line) = self.story.find(" not responding") {
            let silent = line
                .split_once("server ")
                .and_then(|(_, rest)| rest.split(' ').next());
            let silent = silent.unwrap_or("the host");
            found(
                kind,
                format!("{silent} no longer answers (no reply to three ssh keep-alives)"),
                again,
            )
        } else if self.jump_failed() {
            let jump = self.site.proxy.as_deref().unwrap_or("the proxy");
            found(kind, format!("the way through {jump} broke"), again)
        } else if self.story.says("closed by remote host") {
            found(kind, "sshd closed the connection", again)
        } else if let Some(line) = ["reset by peer", "Broken pipe", "Connection closed by"]
            .iter()
            .find_map(|text| self.story.find(text))
        {
            let reason = format!("the connection broke: {line}");
            found(kind, reason, again)
        } else {
            found(kind, format!("the connection ended: {}", ended(end)), again)
        };
        self.trouble(found)
    }

    fn trouble(&self, (kind, reason, remedy): Found) -> Trouble {
        Trouble {
            kind,
            reason,
            remedy,
            raw: self.story.lines.iter().cloned().collect(),
        }
    }

    /// The hop that logged in last: the host itself or a jump host.
    fn hop(&self) -> String {
        let of_site = || self.site.address();
        let hop = self.story.hop.as_ref();
        hop.map_or_else(of_site, |hop| {
            let address = hop.address.strip_suffix(":22").unwrap_or(&hop.address);
            if self.jump_failed() {
                format!("the jump host {address}")
            } else {
                address.to_owned()
            }
        })
    }

    /// The outer ssh, which speaks through a pipe and not to an address, saw its pipe closed.
    fn jump_failed(&self) -> bool {
        self.story.says("UNKNOWN port 65535")
    }

    fn bad_configuration(&self) -> Option<Found> {
        let line = [
            "Bad configuration option",
            "Bad owner or permissions on",
            "terminating, ",
        ]
        .iter()
        .find_map(|text| self.story.find(text))?;
        Some(found(
            TroubleKind::Other,
            format!("ssh refuses its configuration: {line}"),
            "correct the named file",
        ))
    }

    fn host_key(&self) -> Option<Found> {
        if !self.story.says("Host key verification failed") {
            return None;
        }
        let key = self.story.hop.as_ref().and_then(|hop| hop.key.as_deref());
        let key = key.map_or_else(String::new, |key| format!(" ({key})"));
        let hop = self.hop();
        if self.story.says("REVOKED HOST KEY") {
            return Some(found(
                TroubleKind::HostKeyChanged,
                format!("the host key of {hop} is revoked{key}"),
                "do not connect; ask who revoked it",
            ));
        }
        if self.story.says("IDENTIFICATION HAS CHANGED") || self.story.says("has changed and you") {
            return Some(found(
                TroubleKind::HostKeyChanged,
                format!("the host key of {hop} is not the one in known_hosts{key}"),
                format!(
                    "only if its owner confirms the new key: {}, then accept it with: {}",
                    self.forget_key(),
                    self.by_hand
                ),
            ));
        }
        Some(found(
            TroubleKind::HostKeyUnknown,
            format!("the host key of {hop} is not known{key}"),
            format!(
                "compare the fingerprint with its owner's, then accept it once: {}",
                self.by_hand
            ),
        ))
    }

    /// The command that takes an old key out; Debian's ssh prints it, others name the file.
    fn forget_key(&self) -> String {
        if let Some(line) = self.story.find("ssh-keygen -f ") {
            return line.trim().to_owned();
        }
        let file = self.story.find("Offending ").and_then(|line| {
            let file = line.split_once(" in ")?.1;
            Some(file.rsplit_once(':').map_or(file, |(file, _)| file))
        });
        let name = match self.story.hop.as_ref().map(|hop| hop.address.as_str()) {
            Some(address) => match address.rsplit_once(':') {
                Some((host, "22")) => host.to_owned(),
                Some((host, port)) => format!("[{host}]:{port}"),
                None => address.to_owned(),
            },
            None => self.site.hostname.clone(),
        };
        match file {
            Some(file) => format!("ssh-keygen -f '{file}' -R '{name}'"),
            None => format!("ssh-keygen -R '{name}'"),
        }
    }

    fn permission(&self) -> Option<Found> {
        if self.story.says("Too many authentication failures") {
            return Some(found(
                TroubleKind::AuthFailed,
                format!("{} refused us after too many keys of the agent", self.hop()),
                "name the key in ssh_config: IdentityFile and IdentitiesOnly yes",
            ));
        }
        let line = self.story.find("Permission denied (")?;
        let (who, methods) = line.split_once(": Permission denied (")?;
        let methods = methods.trim_end_matches([')', '.']);
        let who = if self.jump_failed() {
            format!("the jump host ({who})")
        } else {
            who.to_owned()
        };
        if methods.contains("password") || methods.contains("keyboard-interactive") {
            return Some(found(
                TroubleKind::LoginNeeded,
                format!("{who} asks for a password or a code ({methods})"),
                "log in by hand with `host login`: ssh asks there, and the connection is kept",
            ));
        }
        let hint = if self.story.says("UNPROTECTED PRIVATE KEY") {
            "the private key file is readable by others: chmod 600 it"
        } else if self.story.says("agent refused operation") {
            "the agent refused to sign: unlock it or touch the key"
        } else {
            "add your key to the agent (ssh-add) or to the account's authorized_keys"
        };
        Some(found(
            TroubleKind::AuthFailed,
            format!("{who} accepts none of our keys ({methods})"),
            format!("{hint}; see why with: {}", self.by_hand),
        ))
    }

    /// The jump host let us in and did not reach the host, or may not.
    fn behind_jump(&self) -> Option<Found> {
        let line = self.story.find("open failed: ")?;
        let jump = self.site.proxy.as_deref().unwrap_or("the jump host");
        let target = self.site.address();
        if line.contains("administratively prohibited") {
            return Some(found(
                TroubleKind::JumpFailed,
                format!("the jump host {jump} does not let connections through"),
                format!(
                    "allow TCP forwarding for this account in its sshd (AllowTcpForwarding, PermitOpen {target})"
                ),
            ));
        }
        let (_, why) = line.rsplit_once(": ")?;
        let (kind, remedy) = kind_of_errno(why);
        Some(found(
            kind,
            format!("{target} is not reached from the jump host {jump}: {why}"),
            remedy,
        ))
    }

    fn name(&self) -> Option<Found> {
        let line = self.story.find("Could not resolve hostname ")?;
        let (_, rest) = line.split_once("hostname ")?;
        let (name, why) = rest.split_once(": ").unwrap_or((rest, "not found"));
        let (kind, what) = if self.jump_failed() {
            (TroubleKind::JumpFailed, "the jump host ")
        } else {
            (TroubleKind::Dns, "")
        };
        Some(found(
            kind,
            format!("the name of {what}{name} is not found: {why}"),
            "check the name, the resolver, or HostName in ssh_config",
        ))
    }

    fn port(&self) -> Option<Found> {
        let line = self.story.find("connect to host ")?;
        let (_, rest) = line.split_once("connect to host ")?;
        let (at, why) = rest.split_once(": ")?;
        let at = at.replace(" port ", ":");
        let at = at.strip_suffix(":22").unwrap_or(&at);
        let (kind, remedy) = kind_of_errno(why);
        Some(if self.jump_failed() {
            let reason = format!("the jump host {at} is not reached: {why}");
            found(TroubleKind::JumpFailed, reason, remedy)
        } else {
            found(kind, format!("{at} is not reached: {why}"), remedy)
        })
    }

    fn negotiation(&self) -> Option<Found> {
        let line = self.story.find("no matching ")?;
        Some(found(
            TroubleKind::Other,
            format!("no common cryptography: {line}"),
            "bring the older side up to date, or allow the named algorithm for this host in ssh_config",
        ))
    }

    /// Connections that were taken and closed, or fell silent, before the login was done.
    fn dropped(&self) -> Option<Found> {
        if self.story.says("timed out during banner exchange")
            || self.story.says("Operation timed out")
        {
            return Some(found(
                TroubleKind::Timeout,
                format!(
                    "{} is reached, but no sshd greets there",
                    self.site.address()
                ),
                "check that sshd runs and is not stuck",
            ));
        }
        if self.story.says("Connection timed out") || self.story.says(" timed out") {
            return Some(found(
                TroubleKind::Timeout,
                format!("{} did not answer in time", self.site.address()),
                "check that the host is up and the network lets ssh through",
            ));
        }
        let early = self
            .story
            .find("kex_exchange_identification")
            .or_else(|| self.story.find("banner exchange: "));
        if let Some(line) = early {
            return Some(self.throttled(line));
        }
        let line = self
            .story
            .find("Connection closed by")
            .or_else(|| self.story.find("reset by"))?;
        if self.jump_failed() {
            return Some(self.proxy_ended());
        }
        Some(found(
            TroubleKind::Throttled,
            format!("sshd closed the connection during the login: {line}"),
            "ask the host's log why (journalctl -u ssh): access rules, or too many logins",
        ))
    }

    /// sshd took the connection and dropped it before its greeting.
    fn throttled(&self, line: &str) -> Found {
        if let Some(greeting) = &self.story.greeting {
            return found(
                TroubleKind::Throttled,
                format!("sshd turns us away for now: {greeting}"),
                "wait; raise MaxStartups or exempt this address in PerSourcePenaltyExemptList",
            );
        }
        let reached = self.story.phase == super::heard::Phase::Accepted;
        if self.jump_failed() && (!reached || self.words_of_proxy().is_some()) {
            return self.proxy_ended();
        }
        found(
            TroubleKind::Throttled,
            format!("sshd turns us away before its greeting: {line}"),
            "wait; too many logins at once (MaxStartups), a penalty for failed ones, or a firewall",
        )
    }

    /// The ssh or the command on the way ended; its own last words say why.
    fn proxy_ended(&self) -> Found {
        let why = self.words_of_proxy().unwrap_or("it ended without a word");
        found(
            TroubleKind::JumpFailed,
            format!(
                "the way through {} failed: {why}",
                self.site.proxy.as_deref().unwrap_or("the proxy")
            ),
            format!("try it by hand: {}", self.by_hand),
        )
    }

    /// The last line that is not the outer ssh's, which only saw its pipe closed.
    fn words_of_proxy(&self) -> Option<&str> {
        let of_outer = |line: &&String| {
            line.contains("UNKNOWN port 65535") || line.starts_with("kex_exchange_identification")
        };
        let mut lines = self.story.lines.iter().rev();
        lines.find(|line| !of_outer(line)).map(String::as_str)
    }

    fn unexplained(&self, end: End) -> Found {
        if let End::Deadline(seconds) = end {
            let reached = self.story.phase > super::heard::Phase::Started;
            let reason = if reached {
                format!("{} did not finish the login in {seconds} s", self.hop())
            } else {
                format!("{} did not answer in {seconds} s", self.site.address())
            };
            let remedy = format!("see where it waits with: {} -v", self.by_hand);
            return found(TroubleKind::Timeout, reason, remedy);
        }
        let last = self.story.lines.back();
        found(
            TroubleKind::Other,
            last.map_or_else(|| ended(end), |line| format!("ssh: {line}")),
            format!("try it by hand: {}", self.by_hand),
        )
    }
}

type Found = (TroubleKind, String, String);

fn found(kind: TroubleKind, reason: impl Into<String>, remedy: impl Into<String>) -> Found {
    (kind, reason.into(), remedy.into())
}

fn ended(end: End) -> String {
    match end {
        End::Exit(Some(status)) => format!("ssh ended ({status})"),
        End::Exit(None) => "ssh ended".to_owned(),
        End::Deadline(seconds) => format!("ssh took longer than {seconds} s"),
    }
}

/// What the system's own words for a failed `connect` mean.
fn kind_of_errno(why: &str) -> (TroubleKind, &'static str) {
    if why.contains("timed out") {
        (
            TroubleKind::Timeout,
            "check that the host is up and a firewall lets ssh through",
        )
    } else if why.contains("refused") {
        (
            TroubleKind::Unreachable,
            "check that sshd runs and listens on that port",
        )
    } else if why.contains("not known") || why.contains("resolve") || why.contains("resolution") {
        (TroubleKind::Dns, "check the name or the resolver")
    } else {
        (
            TroubleKind::Unreachable,
            "check the address, the route and the VPN",
        )
    }
}

/// There is no ssh, or it cannot be started.
pub fn no_ssh(program: &std::path::Path, error: &std::io::Error) -> Trouble {
    Trouble {
        kind: TroubleKind::NoSsh,
        reason: format!("{} cannot be started: {error}", program.display()),
        remedy: "install OpenSSH's client (openssh-client) on this machine".to_owned(),
        raw: Vec::new(),
    }
}

/// Something of ours failed, before any host was asked.
pub fn local(doing: &str, error: &std::io::Error) -> Trouble {
    Trouble {
        kind: TroubleKind::Other,
        reason: format!("{doing} failed on this machine: {error}"),
        remedy: "check free space, file limits and the runtime directory".to_owned(),
        raw: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
