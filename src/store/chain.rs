//! The entries of the operations log and the hashes that chain them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::owner::Owner;
use crate::model::{Operation, Origin, Outcome, Timestamp, hex, redact};

/// What stands as the previous hash of the first entry.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What an entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An operation began.
    Begin,
    /// It ended.
    End,
    /// Something about the log itself, such as a record that could not be read.
    Note,
}

impl Kind {
    /// Its word in the database.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::End => "end",
            Self::Note => "note",
        }
    }
}

/// One entry as it is stored. The body is hashed as the text it is, so there is nothing to agree
/// on about the order of keys or the writing of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the log, from 1, without gaps.
    pub seq: i64,
    /// The operation's number; 0 for notes.
    pub operation: i64,
    /// `begin`, `end` or `note`.
    pub kind: String,
    /// The operation's token, drawn by the program that began it.
    pub token: String,
    /// The hash of the entry before.
    pub previous: String,
    /// The hash of this entry.
    pub hash: String,
    /// What happened, as JSON.
    pub body: String,
}

impl Entry {
    /// What the hash of this entry has to be. All fields but the body are free of line ends.
    pub(super) fn expected_hash(&self) -> String {
        let Self {
            seq,
            operation,
            kind,
            token,
            previous,
            hash: _,
            body,
        } = self;
        let canonical =
            format!("wharf log 1\n{seq}\n{operation}\n{kind}\n{token}\n{previous}\n{body}");
        hex(&Sha256::digest(canonical.as_bytes()))
    }
}

/// The body of a `begin`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Begin {
    /// When it began.
    pub at: Timestamp,
    /// Who acts and from where.
    pub origin: Origin,
    /// The sentence.
    pub sentence: String,
    /// What it acts on.
    pub targets: Vec<String>,
    /// Why.
    pub reason: Option<String>,
    /// The program that does it.
    pub owner: Owner,
    /// When it was taken in from the spill; none when it was recorded at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Timestamp>,
}

/// The body of an `end`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct End {
    /// When it ended, or was found interrupted.
    pub at: Timestamp,
    /// How.
    pub result: Outcome,
    /// How long it took; none when that is not known.
    pub duration_ms: Option<u64>,
    /// When it was taken in from the spill; none when it was recorded at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Timestamp>,
}

/// The body of a `note`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    /// When it was written.
    pub at: Timestamp,
    /// What there is to say.
    pub text: String,
}

impl End {
    /// What is recorded when an operation ends: nothing that looks like a secret.
    pub(super) fn of(outcome: &Outcome, at: Timestamp, duration_ms: Option<u64>) -> Self {
        let mut result = outcome.clone();
        match &mut result {
            Outcome::Done { detail } | Outcome::Failed { detail, .. } => {
                *detail = redact(detail).into_owned();
            }
            Outcome::Running | Outcome::Cancelled { .. } | Outcome::Interrupted => {}
        }
        Self {
            at,
            result,
            duration_ms,
            late: None,
        }
    }
}

impl Begin {
    /// What is recorded when an operation begins: nothing that looks like a secret.
    pub(super) fn of(operation: &Operation, owner: Owner) -> Self {
        Self {
            at: operation.at,
            origin: operation.origin.clone(),
            sentence: redact(&operation.sentence).into_owned(),
            targets: operation.targets.clone(),
            reason: operation
                .reason
                .as_deref()
                .map(|reason| redact(reason).into_owned()),
            owner,
            late: None,
        }
    }

    /// The operation, with its end if there was one.
    pub(super) fn into_operation(self, number: u64, end: Option<End>) -> Operation {
        let (outcome, duration_ms) = match end {
            Some(end) => (end.result, end.duration_ms),
            None => (Outcome::Running, None),
        };
        Operation {
            number,
            at: self.at,
            origin: self.origin,
            sentence: self.sentence,
            targets: self.targets,
            reason: self.reason,
            outcome,
            duration_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of an entry never changes: logs written by older programs must verify.
    #[test]
    fn the_canonical_form_is_frozen() {
        let entry = Entry {
            seq: 7,
            operation: 3,
            kind: "end".into(),
            token: "t".into(),
            previous: GENESIS.into(),
            hash: String::new(),
            body: "{}".into(),
        };
        assert_eq!(
            entry.expected_hash(),
            hex(&Sha256::digest(format!(
                "wharf log 1\n7\n3\nend\nt\n{GENESIS}\n{{}}"
            )))
        );
        assert_eq!(Kind::Begin.word(), "begin");
    }
}
