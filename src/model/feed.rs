//! A feed: a stream of facts that somebody asks for by wanting it, and what it brings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ContainerId, HostName, Timestamp};

/// Which part of a log is read first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogRange {
    /// The last so many lines.
    Tail(u32),
    /// All of it.
    #[default]
    All,
    /// What was logged since a moment.
    Since(Timestamp),
}

/// What somebody wants to see. Wanting it starts it, no longer wanting it ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// Samples of a container, one a second: its row is on the screen.
    Stats(HostName, ContainerId),
    /// What only an inspection tells of a container on the screen: restarts, exact start.
    Facts(HostName, ContainerId),
    /// The whole inspection, again after each change.
    Inspect(HostName, ContainerId),
    /// Its processes, every two seconds.
    Top(HostName, ContainerId),
    /// Its changed files, once and after each change of state.
    Changes(HostName, ContainerId),
    /// Its log, then followed.
    Logs(HostName, ContainerId, LogRange),
    /// Images, networks, volumes and `df` of a host, about every minute.
    Resources(HostName),
    /// The host's own load, every few seconds.
    Load(HostName),
}

impl Feed {
    /// The host it comes from.
    pub fn host(&self) -> &HostName {
        match self {
            Self::Stats(host, _)
            | Self::Facts(host, _)
            | Self::Inspect(host, _)
            | Self::Top(host, _)
            | Self::Changes(host, _)
            | Self::Logs(host, _, _)
            | Self::Resources(host)
            | Self::Load(host) => host,
        }
    }
}

/// Which of a container's outputs a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output (all output of a container with a terminal).
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When the engine read it.
    pub at: Option<Timestamp>,
    /// Which output it came from.
    pub stream: Stream,
    /// The line as it came, without its end; any bytes.
    pub text: Box<[u8]>,
}

/// One row of `top`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process(pub Vec<Box<str>>);

/// What a feed brings beyond what goes into the fleet.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// The inspection as JSON (`Feed::Inspect`).
    Inspected(Arc<serde_json::Value>),
    /// Column titles and processes (`Feed::Top`).
    Processes(Vec<Box<str>>, Vec<Process>),
    /// Changed files with their kind: `A`dded, `C`hanged, `D`eleted (`Feed::Changes`).
    Changed(Vec<(char, Box<str>)>),
    /// Lines of a log, in order (`Feed::Logs`).
    Lines(Vec<LogLine>),
    /// The stream ended, and why.
    Ended(String),
    /// It could not be had; it is tried again by itself.
    Failed(String),
}
