//! Why there is no engine behind a connection that stands, and what to do.
//!
//! With a forward, four causes give the same line (`open failed: connect failed: open failed`): no
//! socket, no right to it, no daemon, forwarding forbidden. They are told apart by what the
//! preflight saw and by what `docker system dial-stdio` says.

use super::{ping::NoEngine, preflight::Facts, site::Site};
use crate::model::{Trouble, TroubleKind};

/// What is known when no engine answers.
#[derive(Clone, Debug)]
pub struct Patient<'a> {
    /// What the configuration says of the host.
    pub site: &'a Site,
    /// The socket that was tried.
    pub socket: &'a str,
    /// What the preflight saw, or why it saw nothing.
    pub facts: Result<&'a Facts, &'a str>,
    /// What ssh said meanwhile.
    pub raw: Vec<String>,
}

impl Patient<'_> {
    /// What can be said without trying: there is no socket, or we may not use it.
    pub fn hopeless(&self) -> Option<Trouble> {
        let facts = self.facts.ok()?;
        match facts.socket(self.socket) {
            Some(socket) if !socket.usable => Some(self.denied()),
            None if facts.sockets.is_empty() => Some(self.missing()),
            // The one that was named may hide in a directory that we may not search.
            Some(_) | None => None,
        }
    }

    /// The engine did not answer over the forward, and no session can carry a stream instead.
    pub fn no_other_way(&self) -> Trouble {
        let facts = match self.facts {
            Ok(facts) => facts,
            Err(why) => return self.blind(why),
        };
        match facts.socket(self.socket) {
            None => self.missing(),
            Some(socket) if !socket.listening => self.down(),
            Some(_) => self.forbidden("there is no docker or podman command for the other way"),
        }
    }

    /// The engine did not answer over the forward, nor over a session, which said `words`.
    pub fn other_way_failed(&self, words: &str) -> Trouble {
        let text = words.to_lowercase();
        let says = |needle: &str| text.contains(needle);
        if says("permission denied") {
            self.denied()
        } else if says("connection refused") || says("cannot connect to the docker daemon") {
            self.down()
        } else if says("no such file") {
            self.missing()
        } else {
            self.forbidden(words)
        }
    }

    /// Something is there, and it is no engine that works.
    pub fn sick(&self, why: &NoEngine) -> Trouble {
        match why {
            NoEngine::Silent => self.trouble(
                TroubleKind::Timeout,
                format!(
                    "the engine at {} takes requests and does not answer",
                    self.socket
                ),
                format!(
                    "look at it on {}: systemctl status docker; journalctl -u docker",
                    self.site.hostname
                ),
            ),
            NoEngine::Strange(line) => self.trouble(
                TroubleKind::Other,
                format!("what answers at {} is no engine: {line}", self.socket),
                "name the engine's socket in the endpoint: ssh://user@host/path/docker.sock",
            ),
            NoEngine::Closed(error) => self.other_way_failed(&error.to_string()),
        }
    }

    fn user(&self) -> &str {
        match self.facts {
            Ok(facts) if !facts.user.is_empty() => &facts.user,
            _ => &self.site.user,
        }
    }

    fn is_podman(&self) -> bool {
        self.socket.contains("podman")
    }

    fn denied(&self) -> Trouble {
        let (user, host) = (self.user(), &self.site.hostname);
        let remedy = if self.is_podman() {
            format!(
                "log in as root, or use {user}'s own engine: systemctl --user enable --now podman.socket on {host}"
            )
        } else if self
            .facts
            .is_ok_and(|f| f.groups.iter().any(|g| g == "docker"))
        {
            format!(
                "{user} is in the group docker, but the socket is not that group's: ls -l {} on {host}",
                self.socket
            )
        } else {
            format!("sudo usermod -aG docker {user} on {host}, then connect again")
        };
        self.trouble(
            TroubleKind::SocketDenied,
            format!("{user} may not use {}", self.socket),
            remedy,
        )
    }

    fn missing(&self) -> Trouble {
        let host = &self.site.hostname;
        let Ok(facts) = self.facts else {
            return self.trouble(
                TroubleKind::SocketMissing,
                format!("there is no {} on the host", self.socket),
                format!("start Docker on {host}, or name its socket in the endpoint"),
            );
        };
        if !facts.sockets.is_empty() {
            let others: Vec<_> = facts.sockets.iter().map(|s| s.path.as_str()).collect();
            return self.trouble(
                TroubleKind::SocketMissing,
                format!("there is no {} on the host", self.socket),
                format!("correct the endpoint; there is {}", others.join(", ")),
            );
        }
        if facts.dockerd {
            return self.trouble(
                TroubleKind::DaemonDown,
                format!("Docker is installed but does not run: no {}", self.socket),
                format!("sudo systemctl start docker on {host}"),
            );
        }
        match &facts.carrier {
            Some(carrier) if carrier.podman => self.trouble(
                TroubleKind::SocketMissing,
                "Podman is installed, but its service has no socket",
                format!(
                    "systemctl --user enable --now podman.socket on {host} (as root without --user)"
                ),
            ),
            Some(_) => self.trouble(
                TroubleKind::SocketMissing,
                format!(
                    "there is a docker command, but no engine's socket ({})",
                    self.socket
                ),
                format!("start the engine on {host}, or name its socket in the endpoint"),
            ),
            None => self.trouble(
                TroubleKind::NoDocker,
                "there is no Docker or Podman on the host",
                format!("install Docker Engine on {host}, by hand or with `host install`"),
            ),
        }
    }

    fn down(&self) -> Trouble {
        let host = &self.site.hostname;
        let remedy = if self.is_podman() {
            format!("systemctl --user start podman.socket on {host} (as root without --user)")
        } else if self.socket.starts_with("/run/user/") {
            format!("systemctl --user start docker on {host}")
        } else {
            format!("sudo systemctl start docker on {host}")
        };
        self.trouble(
            TroubleKind::DaemonDown,
            format!("no daemon listens at {}", self.socket),
            remedy,
        )
    }

    fn forbidden(&self, other: &str) -> Trouble {
        self.trouble(
            TroubleKind::ForwardForbidden,
            format!("sshd does not forward {}, and: {other}", self.socket),
            format!(
                "{}; or install the docker command there",
                allow_forwarding(self.site)
            ),
        )
    }

    /// Nothing could be seen: the account has no shell, or sshd allows no sessions.
    fn blind(&self, why: &str) -> Trouble {
        self.trouble(
            TroubleKind::SocketMissing,
            format!("no engine answers at {}, and no session could look why: {why}", self.socket),
            "check on the host: the socket and its group, the daemon, AllowStreamLocalForwarding; give the account a shell to have Wharf look",
        )
    }

    fn trouble(
        &self,
        kind: TroubleKind,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Trouble {
        Trouble {
            kind,
            reason: reason.into(),
            remedy: remedy.into(),
            raw: self.raw.clone(),
        }
    }
}

/// How forwarding of sockets is allowed.
pub fn allow_forwarding(site: &Site) -> String {
    format!(
        "in the sshd_config of {}: AllowStreamLocalForwarding yes (or local), and no DisableForwarding for this account",
        site.hostname
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Facts {
        Facts::parse(text)
    }

    fn patient<'a>(site: &'a Site, facts: &'a Facts) -> Patient<'a> {
        Patient {
            site,
            socket: "/var/run/docker.sock",
            facts: Ok(facts),
            raw: Vec::new(),
        }
    }

    fn site() -> Site {
        Site::parse("hostname ams-1\nport 22\nuser alice\n")
    }

    #[test]
    fn what_the_preflight_saw_is_enough() {
        let site = site();
        let denied = facts("wharf user bob\nwharf socket denied listening /var/run/docker.sock\n");
        let trouble = patient(&site, &denied).hopeless();
        let trouble = trouble.map(|t| (t.kind, t.reason, t.remedy));
        assert_eq!(
            trouble,
            Some((
                TroubleKind::SocketDenied,
                "bob may not use /var/run/docker.sock".to_owned(),
                "sudo usermod -aG docker bob on ams-1, then connect again".to_owned()
            ))
        );
        for (saw, kind) in [
            ("", TroubleKind::NoDocker),
            (
                "wharf has dockerd /usr/bin/dockerd\n",
                TroubleKind::DaemonDown,
            ),
            (
                "wharf has docker /usr/bin/docker\n",
                TroubleKind::SocketMissing,
            ),
            (
                "wharf has podman /usr/bin/podman\n",
                TroubleKind::SocketMissing,
            ),
        ] {
            let facts = facts(saw);
            let trouble = patient(&site, &facts).hopeless();
            assert_eq!(trouble.map(|t| t.kind), Some(kind), "{saw}");
        }
        let usable = facts("wharf socket usable listening /var/run/docker.sock\n");
        assert_eq!(patient(&site, &usable).hopeless(), None);
    }

    #[test]
    fn the_words_of_dial_stdio() {
        let site = site();
        let facts = facts("wharf socket usable listening /var/run/docker.sock\n");
        let dial =
            "failed to open the raw stream connection: dial unix /var/run/docker.sock: connect:";
        for (words, kind) in [
            (
                format!("{dial} permission denied"),
                TroubleKind::SocketDenied,
            ),
            (
                format!("{dial} connection refused"),
                TroubleKind::DaemonDown,
            ),
            (
                format!("{dial} no such file or directory"),
                TroubleKind::SocketMissing,
            ),
            (
                "bash: line 1: docker: command not found".to_owned(),
                TroubleKind::ForwardForbidden,
            ),
        ] {
            let trouble = patient(&site, &facts).other_way_failed(&words);
            assert_eq!(trouble.kind, kind, "{words}");
        }
    }

    #[test]
    fn without_a_command_there() {
        let site = site();
        let silent = facts("wharf socket usable silent /var/run/docker.sock\n");
        assert_eq!(
            patient(&site, &silent).no_other_way().kind,
            TroubleKind::DaemonDown
        );
        let listening = facts("wharf socket usable listening /var/run/docker.sock\n");
        let trouble = patient(&site, &listening).no_other_way();
        assert_eq!(trouble.kind, TroubleKind::ForwardForbidden);
        let mut blind = patient(&site, &listening);
        blind.facts = Err("This account is currently not available.");
        assert!(blind.no_other_way().reason.contains("not available"));
    }
}
