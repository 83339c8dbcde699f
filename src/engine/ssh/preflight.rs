//! Looks around on a host in one short session: who we are there, and where an engine listens.
//!
//! The session has a second use. sshd before 10.1 sets `TCP_NODELAY` only once a session was
//! opened; without it a third of all requests over a forward take 40 ms longer (Nagle's algorithm
//! against delayed acknowledgements). So it is run on every connection.

/// An engine's socket on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its path.
    pub path: String,
    /// Whether our account may use it.
    pub usable: bool,
    /// Whether a process listens on it; wrong for rootless engines, which hide in a network
    /// namespace, so this only explains a failure.
    pub listening: bool,
}

/// A program of the host that can carry a stream to an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Where it is.
    pub path: String,
    /// Podman's takes the socket by another option than Docker's.
    pub podman: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Our account there.
    pub user: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// The host's own `DOCKER_HOST`, as far as it names a unix socket.
    pub docker_host: Option<String>,
    /// The sockets that exist, in the order of preference.
    pub sockets: Vec<Socket>,
    /// `docker`, or else `podman`.
    pub carrier: Option<Carrier>,
    /// A Docker Engine is installed.
    pub dockerd: bool,
}

/// The script; `wanted` is the socket that the configuration names.
pub fn script(wanted: Option<&str>) -> String {
    format!(
        r#"echo "wharf user $(id -un)"
echo "wharf groups $(id -Gn)"
echo "wharf docker_host $DOCKER_HOST"
home=$PATH; PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/snap/bin
for c in docker podman dockerd; do p=$(command -v $c) && echo "wharf has $c $p"; done
r=${{XDG_RUNTIME_DIR:-/run/user/$(id -u)}}
for s in '{wanted}' "${{DOCKER_HOST#unix://}}" /var/run/docker.sock "$r/docker.sock" /run/podman/podman.sock "$r/podman/podman.sock"; do
[ -S "$s" ] || continue
a=denied; [ -w "$s" ] && a=usable
l=silent; grep -q " 00010000 .*${{s#/var}}\$" /proc/net/unix && l=listening
echo "wharf socket $a $l $s"
done 2>/dev/null
PATH=$home
"#,
        wanted = wanted.unwrap_or_default()
    )
}

impl Facts {
    /// Reads what the script printed; what a login shell printed around it is passed over.
    pub fn parse(text: &str) -> Self {
        let mut facts = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.strip_prefix("wharf ").and_then(|l| l.split_once(' '))
            else {
                continue;
            };
            match key {
                "user" => value.clone_into(&mut facts.user),
                "groups" => facts.groups = value.split(' ').map(str::to_owned).collect(),
                "docker_host" => {
                    facts.docker_host = value.strip_prefix("unix://").map(str::to_owned);
                }
                "has" => facts.found_program(value),
                "socket" => facts.found_socket(value),
                _ => {}
            }
        }
        facts
    }

    fn found_program(&mut self, text: &str) {
        let Some((name, path)) = text.split_once(' ') else {
            return;
        };
        if name == "dockerd" {
            self.dockerd = true;
        } else if self.carrier.is_none() && is_plain_path(path) {
            self.carrier = Some(Carrier {
                path: path.to_owned(),
                podman: name == "podman",
            });
        }
    }

    fn found_socket(&mut self, text: &str) {
        let mut parts = text.splitn(3, ' ');
        let (Some(access), Some(state), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        if is_plain_path(path) && !self.sockets.iter().any(|socket| socket.path == path) {
            self.sockets.push(Socket {
                path: path.to_owned(),
                usable: access == "usable",
                listening: state == "listening",
            });
        }
    }

    /// A socket by its path.
    pub fn socket(&self, path: &str) -> Option<&Socket> {
        self.sockets.iter().find(|socket| socket.path == path)
    }

    /// The socket to use: the configuration's, then the host's `DOCKER_HOST`, then the first that
    /// we may use, then the first there is.
    pub fn choose<'a>(&'a self, wanted: Option<&'a str>) -> Option<&'a str> {
        let first_usable = || self.sockets.iter().find(|socket| socket.usable);
        wanted.or_else(|| {
            self.docker_host
                .as_deref()
                .and_then(|path| self.socket(path))
                .or_else(first_usable)
                .or_else(|| self.sockets.first())
                .map(|socket| socket.path.as_str())
        })
    }
}

/// A path that neither ssh nor a shell would expand or split.
pub fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-+@=,".contains(c))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::{os::unix::net::UnixListener, process::Command};

    use super::*;

    const FOUND: &str = "motd of a chatty shell\nwharf user alice\nwharf groups alice docker\n\
        wharf docker_host \nwharf has docker /usr/bin/docker\nwharf has podman /usr/bin/podman\n\
        wharf socket denied listening /var/run/docker.sock\n\
        wharf socket usable silent /run/user/1000/docker.sock\nwharf socket broken\n";

    #[test]
    fn reads_what_the_script_found() {
        let facts = Facts::parse(FOUND);
        assert_eq!(facts.user, "alice");
        assert_eq!(facts.groups, ["alice", "docker"]);
        assert!(!facts.carrier.clone().unwrap().podman);
        assert_eq!(facts.sockets.len(), 2);
        assert!(facts.socket("/var/run/docker.sock").unwrap().listening);
    }

    #[test]
    fn chooses_the_socket() {
        let mut facts = Facts::parse(FOUND);
        assert_eq!(facts.choose(None), Some("/run/user/1000/docker.sock"));
        assert_eq!(facts.choose(Some("/x.sock")), Some("/x.sock"));
        facts.docker_host = Some("/var/run/docker.sock".to_owned());
        assert_eq!(facts.choose(None), Some("/var/run/docker.sock"));
        assert_eq!(Facts::default().choose(None), None);
    }

    #[test]
    fn the_script_runs_in_a_posix_shell() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.sock");
        let path = path.to_str().unwrap();
        let _engine = UnixListener::bind(path).unwrap();
        let output = Command::new("sh")
            .args(["-c", &script(Some(path))])
            .env("DOCKER_HOST", "unix:///nowhere.sock")
            .output()
            .unwrap();
        let facts = Facts::parse(&String::from_utf8_lossy(&output.stdout));
        assert_eq!(
            facts.socket(path),
            Some(&Socket {
                path: path.to_owned(),
                usable: true,
                listening: true
            })
        );
        assert_eq!(facts.docker_host.as_deref(), Some("/nowhere.sock"));
        assert!(!facts.user.is_empty() && !facts.groups.is_empty());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    #[test]
    fn paths_that_would_be_expanded_are_not_plain() {
        assert!(is_plain_path("/run/user/1000/docker.sock"));
        for bad in ["docker.sock", "/a b", "/a:b", "/%h", "/$x", "/a'b", "/a\nb"] {
            assert!(!is_plain_path(bad), "{bad}");
        }
    }
}
