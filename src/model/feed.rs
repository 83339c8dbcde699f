//! A feed: a stream of facts that somebody asks for by wanting it, and what it brings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ContainerId, FileList, HostName, LogBatch, Timestamp};

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
    /// Lines of its log from before that moment, at most about so many; answered once.
    Older(HostName, ContainerId, Timestamp, u32),
    /// Images, networks, volumes and `df` of a host, about every minute.
    Resources(HostName),
    /// What a manager tells of its Swarm, every few seconds.
    Swarm(HostName),
    /// The host's own load, every few seconds.
    Load(HostName),
    /// The files of a volume; answered once.
    Files(HostName, Arc<str>),
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
            | Self::Older(host, _, _, _)
            | Self::Resources(host)
            | Self::Swarm(host)
            | Self::Load(host)
            | Self::Files(host, _) => host,
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
    /// The files of a volume (`Feed::Files`).
    Files(Arc<FileList>),
    /// Lines of a log, in order (`Feed::Logs`).
    Lines(LogBatch),
    /// Lines from before the moment that was asked for, oldest first (`Feed::Older`).
    Older {
        /// The lines; all are older than the moment.
        lines: LogBatch,
        /// They begin with the first line that the engine has.
        whole: bool,
    },
    /// Between the line before and the next one lines may be missing that cannot be had any more; from when to when,
    /// and why (`Feed::Logs`).
    Gap(String),
    /// The stream ended, and why; of a log: how the container ended, or that it is gone, or why it cannot be read.
    Ended(String),
    /// It goes on after it ended or failed: the container was started again, the host answers again.
    Resumed(String),
    /// It could not be had; it is tried again by itself.
    Failed(String),
}
