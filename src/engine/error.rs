//! What went wrong with an act or a question, told as a story: doing what, to what, why, what to do.

use std::fmt;
use std::time::Duration;

use crate::model::{HostName, Trouble};

/// The kinds of failures; decides about exit codes and about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The host cannot be used now.
    Offline,
    /// All streams that the way to the host allows are in use.
    Busy,
    /// There is no such container, path or host.
    NotFound,
    /// The engine refuses in the present state: not running, name taken, in use.
    Conflict,
    /// The engine, or something in front of it, forbids it.
    Denied,
    /// The engine does not accept the request as it was asked.
    Rejected,
    /// This engine cannot do it at all.
    Unsupported,
    /// No answer in time; it may have been done or not.
    Timeout,
    /// The connection was lost on the way; it may have been done or not.
    Lost,
    /// The engine tried and failed.
    Engine,
    /// The image has no shell.
    NoShell,
    /// Something on this machine: a file, a permission.
    Local,
}

/// A failure, as the operator reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The host it happened on.
    pub host: HostName,
    /// What was being done: `stop`, `list containers`.
    pub doing: String,
    /// To what: `web@ams-1`, `@ams-1`.
    pub to: String,
    /// Its kind.
    pub kind: ErrorKind,
    /// Why it failed, in one line.
    pub why: String,
    /// What can be done about it, where something can.
    pub remedy: Option<String>,
}

impl Error {
    /// Why it failed and what can be done, for where it is known already what was done to what.
    pub fn reason(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {remedy}", self.why),
            None => self.why.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.doing, self.to, self.reason())
    }
}

impl std::error::Error for Error {}

/// What somebody was about to do, for the error if it fails.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    /// On which host.
    pub host: HostName,
    /// What.
    pub doing: String,
    /// To what.
    pub to: String,
}

impl Deed {
    /// Something done to a part of a host, a container mostly.
    pub fn on(host: &HostName, doing: &str, name: &str) -> Self {
        Self {
            host: host.clone(),
            doing: doing.to_owned(),
            to: format!("{name}@{host}"),
        }
    }

    /// There is no such host.
    pub fn no_host(&self) -> Error {
        self.failed(
            ErrorKind::NotFound,
            format!("there is no host {}", self.host),
        )
    }

    /// It failed for a reason of our own.
    pub fn failed(&self, kind: ErrorKind, why: impl Into<String>) -> Error {
        Error {
            host: self.host.clone(),
            doing: self.doing.clone(),
            to: self.to.clone(),
            kind,
            why: why.into(),
            remedy: None,
        }
    }

    /// It failed because something on this machine did.
    pub fn failed_here(&self, what: &str, error: &std::io::Error) -> Error {
        self.failed(ErrorKind::Local, format!("{what}: {error}"))
    }

    /// It failed because a request did.
    pub fn fault(&self, fault: Fault) -> Error {
        let remedy = fault.remedy();
        let (kind, why) = match fault {
            Fault::Way(trouble) => (ErrorKind::Offline, trouble.reason),
            Fault::Busy(why) => (ErrorKind::Busy, why),
            Fault::Late(after) => (
                ErrorKind::Timeout,
                format!("no answer within {} s", after.as_secs()),
            ),
            Fault::Cut(why) => (ErrorKind::Lost, format!("the connection was lost: {why}")),
            Fault::Refused { status, message } => (kind_of(status, &message), message),
            Fault::Garbled(why) => (
                ErrorKind::Engine,
                format!("the answer was not understood: {why}"),
            ),
        };
        Error {
            remedy,
            ..self.failed(kind, why)
        }
    }
}

/// Why a request brought no answer, or not the one that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The engine could not be reached.
    Way(Trouble),
    /// It can be reached, but not by one stream more.
    Busy(String),
    /// It did not answer within the deadline.
    Late(Duration),
    /// The connection broke before the answer was complete.
    Cut(String),
    /// It answered with an error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// It answered something that is not understood.
    Garbled(String),
}

impl Fault {
    /// Whether the engine says that there is no such thing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Way(trouble) => return Some(trouble.remedy.clone()),
            Self::Busy(_) => "close a log or a shell on this host, or allow forwarding in its sshd",
            Self::Late(_) | Self::Cut(_) => "look whether it was done before trying again",
            Self::Refused {
                status: 409 | 500,
                message,
            } => conflict_remedy(message)?,
            Self::Refused {
                status: 401 | 403, ..
            } => "ask who runs the engine: a plugin or a proxy in front of it forbids this",
            Self::Refused { .. } | Self::Garbled(_) => return None,
        };
        Some(text.to_owned())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Way(trouble) => f.write_str(&trouble.reason),
            Self::Busy(why) => f.write_str(why),
            Self::Late(after) => write!(f, "no answer within {} s", after.as_secs()),
            Self::Cut(why) => write!(f, "the connection was lost: {why}"),
            Self::Refused { message, .. } => f.write_str(message),
            Self::Garbled(why) => write!(f, "the answer was not understood: {why}"),
        }
    }
}

fn kind_of(status: u16, message: &str) -> ErrorKind {
    match status {
        // Podman says 500 where Docker says 409.
        500 if message.contains("state improper") => ErrorKind::Conflict,
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        405 | 501 => ErrorKind::Unsupported,
        409 => ErrorKind::Conflict,
        400..=499 => ErrorKind::Rejected,
        _ => ErrorKind::Engine,
    }
}

/// What helps against the conflicts that people meet every day.
fn conflict_remedy(message: &str) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    if message.contains("paused") {
        Some("unpause it first")
    } else if message.contains("remove a running container")
        || message.contains("is running or paused")
    {
        Some("stop it first, or remove it with force")
    } else if message.contains("is not running") || message.contains("state improper") {
        Some("start it first")
    } else if message.contains("already in use") {
        Some("choose another name, or rename or remove the one that has it")
    } else if message.contains("removal of container") {
        Some("wait: it is being removed already")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_doing_what_to_what_why_and_what_to_do() {
        let deed = Deed::on(&HostName::new("ams-1"), "remove", "web");
        let refused = |status, message: &str| {
            deed.fault(Fault::Refused {
                status,
                message: message.to_owned(),
            })
        };
        let running = "You cannot remove a running container 1a2b. Stop the container before attempting removal or force remove";
        let error = refused(409, running);
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert_eq!(
            error.to_string(),
            format!("remove web@ams-1: {running}; stop it first, or remove it with force")
        );
        assert_eq!(
            refused(404, "No such container: web").kind,
            ErrorKind::NotFound
        );
        assert_eq!(
            refused(403, "authorization denied by plugin").kind,
            ErrorKind::Denied
        );
        assert_eq!(
            refused(500, "container state improper").kind,
            ErrorKind::Conflict
        );
        assert_eq!(refused(500, "driver failed").kind, ErrorKind::Engine);
        let late = deed.fault(Fault::Late(Duration::from_secs(10)));
        assert_eq!(
            late.to_string(),
            "remove web@ams-1: no answer within 10 s; look whether it was done before trying again"
        );
    }
}
