//! An operation as the log of acts remembers it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Timestamp, pipeline::Saying};

/// Who acts, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The operator: the login name, with the name before `sudo` when there is one (`ann (root)`).
    pub operator: String,
    /// From where: the machine, the terminal and the SSH client if any: `ops-1 pts/3 from 10.1.2.3`.
    pub place: String,
    /// Through what: `console` or `shell`.
    pub through: String,
    /// The step of a run that said it; none when a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Saying>,
}

impl Origin {
    /// Who and where, in a word: `ann@ops-1`.
    pub fn signature(&self) -> String {
        format!("{}@{}", self.operator, self.machine())
    }

    /// The machine that it came through.
    pub fn machine(&self) -> &str {
        self.place.split(' ').next().unwrap_or("")
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// It has begun and has not ended.
    Running,
    /// All its steps were done.
    Done {
        /// What was achieved beyond the steps, such as the space freed; may be empty.
        detail: String,
    },
    /// Some of its steps, or all, failed.
    Failed {
        /// How many steps were done.
        done: u32,
        /// How many failed.
        failed: u32,
        /// The reasons, target by target.
        detail: String,
    },
    /// The operator stopped it.
    Cancelled {
        /// How many steps were done before.
        done: u32,
    },
    /// The program ended before the operation did; found at a later start.
    Interrupted,
}

impl Outcome {
    /// One word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done { .. } => "done",
            Self::Failed { done: 0, .. } => "failed",
            Self::Failed { .. } => "partly failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// What there is to say beyond the word.
    pub fn detail(&self) -> &str {
        match self {
            Self::Done { detail } | Self::Failed { detail, .. } => detail,
            Self::Running | Self::Cancelled { .. } => "",
            Self::Interrupted => "the program ended before it did",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        let detail = self.detail();
        if detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {detail}")
        }
    }
}

/// One act: an entry of the operations log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number in the log, from 1, without gaps; 0 before it was recorded. One that waits beside
    /// the log is told apart by a number that no log reaches (see [`Operation::is_waiting`]).
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
    /// Who acted and from where.
    pub origin: Origin,
    /// The sentence, as it can be pasted into a shell.
    pub sentence: String,
    /// What it acted on, each as `name@host` or `@host`.
    pub targets: Vec<String>,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds; none while it runs.
    pub duration_ms: Option<u64>,
}

/// Acts that wait beside the log are counted from here.
const WAITING: u64 = 1 << 63;

impl Operation {
    /// Whether it waits to be recorded in the log, because the log could not be written.
    pub fn is_waiting(&self) -> bool {
        self.number == 0 || self.number >= WAITING
    }

    /// The same as one that waits, the so-manieth.
    pub(super) fn waiting(self, place: u64) -> Self {
        Self {
            number: WAITING + place,
            ..self
        }
    }

    /// Its number as people read it.
    pub fn number_text(&self) -> String {
        if self.is_waiting() {
            "waits".to_owned()
        } else {
            self.number.to_string()
        }
    }
}

/// What a check of the log's hash chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Entries read.
    pub entries: u64,
    /// The hash of the last entry, to be compared with one written down elsewhere.
    pub head: String,
    /// What is wrong, entry by entry; empty when the log is whole.
    pub faults: Vec<String>,
}
