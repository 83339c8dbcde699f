//! Streams to sockets of a host that are not its engine's, and small files of it, on one connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    Broken, Shell, Ssh,
    master::Forward,
    preflight::is_plain_path,
    stdio::SessionStream,
    tunnel::{Inner, Stream},
};
use crate::{
    engine::placing,
    model::{Placing, Trouble, TroubleKind, printable},
};

/// How long the host may take to look at a socket or a file.
const LOOK: Duration = Duration::from_secs(10);
/// What stands around a file that is read; a login shell may print something of its own.
const BEGIN: &str = "wharf-file-begins";
const END: &str = "wharf-file-ends";

/// A connection to a host for what is beside Docker there; dropping it ends it.
#[derive(Debug)]
pub(in crate::engine) struct Side {
    shell: Shell,
    ways: Mutex<HashMap<String, Way>>,
}

/// How streams to one socket are carried.
#[derive(Clone, Debug)]
enum Way {
    /// Forwarded by sshd.
    Forward(Arc<Forward>),
    /// By a program in a session, where sshd forbids that: its command line.
    Session(Arc<str>),
}

/// What a host says of a socket.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// There is none.
    Missing,
    /// Our account may not use it: the account, and the socket's mode, owner and group.
    Denied(String, String),
    /// Nobody listens on it, as far as can be seen. (HAProxy's is bound as `path.PID.tmp`, and then renamed.)
    Silent,
    /// It is as it should be, and that program can carry a stream to it.
    Fine(Option<Arc<str>>),
}

impl Ssh {
    /// Connects to a host for what is beside Docker there.
    pub(in crate::engine) async fn side(
        &self,
        destination: &str,
        port: Option<u16>,
    ) -> Result<Side, Trouble> {
        Ok(Side {
            shell: self.shell(destination, port).await?,
            ways: Mutex::default(),
        })
    }
}

impl Side {
    /// Whether the connection is gone.
    pub fn is_lost(&self) -> bool {
        self.shell.is_lost()
    }

    /// A stream to a socket of the host. That it opens does not say yet that somebody answers there.
    pub async fn connect(&self, path: &str) -> Result<Stream, Trouble> {
        let known = self.ways().get(path).cloned();
        let way = match known {
            Some(way) => way,
            None => self.first(path).await?,
        };
        match way {
            Way::Forward(forward) => {
                let opened = forward.connect().await;
                let socket = opened.map_err(|error| local(&error.to_string()))?;
                Ok(Stream(Inner::Socket(socket)))
            }
            Way::Session(command) => {
                let opened = self.shell.session(&command).await;
                let (session, permit) = opened.map_err(told)?;
                Ok(Stream(Inner::Session(SessionStream::new(session, permit))))
            }
        }
    }

    /// Looks at a socket and has it forwarded.
    async fn first(&self, path: &str) -> Result<Way, Trouble> {
        plain(path)?;
        // The look has a second use: see `preflight`. That nobody listens is no reason yet: what listens in another
        // network namespace is not seen.
        let seen = self.look(path).await?;
        if let Some(trouble) = trouble_of(path, &seen).filter(|_| seen != Seen::Silent) {
            return Err(trouble);
        }
        let forward = self
            .shell
            .forward(path)
            .await
            .map_err(|words| local(&words))?;
        let way = Way::Forward(Arc::new(forward));
        self.ways().insert(path.to_owned(), way.clone());
        Ok(way)
    }

    /// Says why a stream to a socket ended without a word; none where it can be tried once more, because another way was
    /// found.
    pub async fn explain(&self, path: &str) -> Option<Trouble> {
        let seen = match self.look(path).await {
            Ok(seen) => seen,
            Err(trouble) => return Some(trouble),
        };
        let was_forwarded = matches!(self.ways().get(path), Some(Way::Forward(_)));
        match seen {
            Seen::Fine(Some(command)) if was_forwarded => {
                self.ways().insert(path.to_owned(), Way::Session(command));
                None
            }
            Seen::Fine(None) if was_forwarded => Some(Trouble {
                kind: TroubleKind::ForwardForbidden,
                reason: format!("its sshd forwards no sockets, and neither socat nor nc is there to reach {path}"),
                remedy: "allow AllowStreamLocalForwarding for this account in its sshd_config, or install socat there".to_owned(),
                raw: Vec::new(),
            }),
            Seen::Fine(_) => None,
            seen => trouble_of(path, &seen),
        }
    }

    async fn look(&self, path: &str) -> Result<Seen, Trouble> {
        plain(path)?;
        let script = format!(
            r#"s='{path}'
[ -S "$s" ] || {{ echo wharf-socket missing; exit 0; }}
[ -w "$s" ] || {{ echo "wharf-socket denied $(id -un) $(ls -ld "$s")"; exit 0; }}
grep -qE " 00010000 .* $s(\.[0-9]+\.tmp)?\$" /proc/net/unix 2>/dev/null || {{ echo wharf-socket silent; exit 0; }}
PATH=$PATH:/usr/local/bin:/usr/bin:/bin
if c=$(command -v socat); then echo "wharf-socket fine $c - UNIX-CONNECT:$s"
elif c=$(command -v nc) && "$c" -h 2>&1 | grep -q -e '-[a-zA-Z]*U'; then echo "wharf-socket fine $c -U $s"
else echo wharf-socket fine; fi"#
        );
        let text = self.shell.ask(&script, LOOK).await;
        let text = text.map_err(told)?;
        let told = text
            .lines()
            .find_map(|line| line.strip_prefix("wharf-socket "));
        seen(told.unwrap_or_default()).ok_or_else(|| {
            let why = format!(
                "what it says of {path} is not understood: {}",
                printable(&text)
            );
            local(&why)
        })
    }

    /// Reads a file.
    pub async fn read(&self, path: &str) -> Result<String, Trouble> {
        plain(path)?;
        let script = format!(
            "[ -e '{path}' ] || {{ echo 'there is no {path}'; exit 1; }}\n\
             [ -r '{path}' ] || {{ echo \"$(id -un) may not read {path}\"; exit 1; }}\n\
             echo {BEGIN}; cat '{path}'; echo {END}"
        );
        let text = self.shell.ask(&script, LOOK).await;
        let text = text.map_err(told)?;
        let inner = text
            .split_once(&format!("{BEGIN}\n"))
            .and_then(|(_, rest)| rest.strip_suffix(&format!("{END}\n")));
        inner
            .map(str::to_owned)
            .ok_or_else(|| local(&format!("{path} was not read to its end")))
    }

    /// Writes a file: beside the old one, with its owner and mode, and then in its place.
    pub async fn write(&self, path: &str, text: &str) -> Result<(), Trouble> {
        plain(path)?;
        let part = format!("{path}.part");
        let begin = format!(
            "d=$(dirname '{path}')\n\
             [ -d \"$d\" ] || {{ echo \"there is no directory $d\"; exit 1; }}\n\
             [ -w \"$d\" ] || {{ echo \"$(id -un) may not write into $d\"; exit 1; }}\n\
             if [ -e '{path}' ]; then cp -p '{path}' '{part}'; else : >'{part}'; fi"
        );
        self.shell.ask(&begin, LOOK).await.map_err(told)?;
        let sent = self.shell.send(&part, text.as_bytes()).await;
        sent.map_err(told)?;
        let end = format!("sync '{part}' 2>/dev/null; mv -f '{part}' '{path}'");
        self.shell.ask(&end, LOOK).await.map_err(told)?;
        Ok(())
    }

    /// Puts a file there; whether something was to be done.
    pub async fn place(&self, placing: &Placing) -> Result<bool, Trouble> {
        plain(&placing.path)?;
        let script = placing::script(placing);
        self.shell.ask(&script.begin, LOOK).await.map_err(told)?;
        let sent = self.shell.send(&script.part, placing.text.as_bytes());
        sent.await.map_err(told)?;
        placing::told(&self.run(&script.end).await?)
    }

    /// Runs a short script there; what it printed.
    pub async fn run(&self, script: &str) -> Result<String, Trouble> {
        let asked = self.shell.ask(script, placing::DEADLINE).await;
        asked.map_err(told)
    }

    fn ways(&self) -> MutexGuard<'_, HashMap<String, Way>> {
        // The map is whole after every step.
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a command that came to nothing says.
fn told(broken: Broken) -> Trouble {
    match broken {
        Broken::Lost(trouble) => trouble,
        Broken::Failed(words) if words.is_empty() => {
            local("the host did not do it, and does not say why")
        }
        Broken::Failed(words) => local(&printable(&words)),
    }
}

/// What the script saw.
fn seen(told: &str) -> Option<Seen> {
    let (word, rest) = told.split_once(' ').unwrap_or((told, ""));
    Some(match word {
        "missing" => Seen::Missing,
        "denied" => {
            let (user, listing) = rest.split_once(' ').unwrap_or((rest, ""));
            let fields: Vec<&str> = listing.split_whitespace().collect();
            let rights = match fields.as_slice() {
                [mode, _, owner, group, ..] => format!("{mode} {owner} {group}"),
                _ => String::new(),
            };
            Seen::Denied(printable(user), printable(&rights))
        }
        "silent" => Seen::Silent,
        "fine" => Seen::Fine((!rest.is_empty()).then(|| Arc::from(rest))),
        _ => return None,
    })
}

fn trouble_of(path: &str, seen: &Seen) -> Option<Trouble> {
    let (kind, reason, remedy) = match seen {
        Seen::Fine(_) => return None,
        Seen::Missing => (
            TroubleKind::SocketMissing,
            format!("there is no socket {path}"),
            "start what listens there, or correct the socket's path in the configuration"
                .to_owned(),
        ),
        Seen::Denied(user, rights) => (
            TroubleKind::SocketDenied,
            format!("{user} may not use {path} ({rights})"),
            format!("add {user} to the socket's group there, and log in again"),
        ),
        Seen::Silent => (
            TroubleKind::DaemonDown,
            format!("nothing listens on {path}"),
            "start what listens there; the socket was left behind".to_owned(),
        ),
    };
    Some(Trouble {
        kind,
        reason,
        remedy,
        raw: Vec::new(),
    })
}

/// Refuses a path that ssh or a shell would misread.
fn plain(path: &str) -> Result<(), Trouble> {
    if is_plain_path(path) {
        return Ok(());
    }
    Err(Trouble {
        kind: TroubleKind::Other,
        reason: format!("ssh would misread the path {path:?}"),
        remedy: "name an absolute path of letters, digits and /._-+@=, in the configuration"
            .to_owned(),
        raw: Vec::new(),
    })
}

fn local(why: &str) -> Trouble {
    Trouble {
        kind: TroubleKind::Other,
        reason: why.to_owned(),
        remedy: String::new(),
        raw: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_of_a_socket_is_read() {
        assert_eq!(seen("missing"), Some(Seen::Missing));
        assert_eq!(
            seen("denied ann srw-rw---- 1 root haproxy 0 Nov 22 17:00 /run/h.sock"),
            Some(Seen::Denied(
                "ann".to_owned(),
                "srw-rw---- root haproxy".to_owned()
            ))
        );
        assert_eq!(seen("fine"), Some(Seen::Fine(None)));
        assert_eq!(
            seen("fine /usr/bin/nc -U /run/h.sock"),
            Some(Seen::Fine(Some(Arc::from("/usr/bin/nc -U /run/h.sock"))))
        );
        assert_eq!(seen(""), None);
    }
}
