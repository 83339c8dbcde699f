//! How the program ends: codes that mean something, and errors with cause and remedy.

use std::{fmt, io, process::ExitCode};

use crate::{
    clients, engine,
    model::Outcome,
    ops::{Refusal, RefusalKind, RunError},
    store,
};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is done.
    Done,
    /// Some or all steps failed, or a check found a fault.
    Failed,
    /// It was not a sentence.
    Usage,
    /// Refused, or not confirmed.
    Refused,
    /// A host could not be reached, so the answer is not complete.
    Unreached,
    /// The operator interrupted it.
    Interrupted,
    /// As a command in a container ended.
    Command(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Unreached => 4,
            Exit::Interrupted => 130,
            Exit::Command(code) => code,
        })
    }
}

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// It must not or cannot be done.
    Refused(Refusal),
    /// Something that was written makes no sense.
    Usage(String),
    /// Something failed.
    Failed(String),
    /// The answer cannot be written.
    Output(io::Error),
}

impl Failure {
    /// How the program ends with it. Whoever closes the pipe has read enough.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(refusal) => match refusal.kind {
                RefusalKind::Offline => Exit::Unreached,
                RefusalKind::Sentence | RefusalKind::Nothing | RefusalKind::Kind => Exit::Usage,
                RefusalKind::ReadOnly
                | RefusalKind::Forbidden
                | RefusalKind::State
                | RefusalKind::Unknown
                | RefusalKind::Ambiguous
                | RefusalKind::Busy
                | RefusalKind::Unconfirmed => Exit::Refused,
            },
            Self::Usage(_) => Exit::Usage,
            Self::Failed(_) => Exit::Failed,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Output(_) => Exit::Failed,
        }
    }

    /// Whether there is nothing to be told.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Usage(text) | Self::Failed(text) => f.write_str(text),
            Self::Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<clients::Error> for Failure {
    fn from(error: clients::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How the program ends after an act.
pub(super) fn of_outcome(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Done { .. } => Exit::Done,
        Outcome::Failed { .. } | Outcome::Interrupted | Outcome::Running => Exit::Failed,
        Outcome::Cancelled { .. } => Exit::Interrupted,
    }
}
