//! A notice: one thing that happened, as it is told to people.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, printable, redact};

/// So much of a title is told, in characters.
const TITLE: usize = 200;
/// So much of a text is told, in characters.
const TEXT: usize = 4000;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An operation ended.
    Operation,
    /// An operation of an app ended: a deploy, a rollback, a change of its scale.
    Deploy,
    /// A run of a pipeline is over.
    Run,
    /// Somebody is asked to approve something.
    Approval,
    /// A host cannot be reached any more, or can again.
    Host,
    /// A step of a pipeline says something.
    Step,
    /// Somebody tries a channel.
    Test,
}

impl Kind {
    /// Those that a rule can name.
    pub const ALL: [Self; 6] = [
        Self::Operation,
        Self::Deploy,
        Self::Run,
        Self::Approval,
        Self::Host,
        Self::Step,
    ];

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Deploy => "deploy",
            Self::Run => "run",
            Self::Approval => "approval",
            Self::Host => "host",
            Self::Step => "step",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Self::ALL;
        let found = all.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| {
            let known = all.map(Self::word).join(", ");
            format!("'{text}' is no kind of notification; there are {known}")
        })
    }
}

/// Which turn a thing took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// It went well.
    Success,
    /// It went badly.
    Failure,
    /// People are asked.
    Asked,
}

impl Turn {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Asked];

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Asked => "asked",
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Turn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|turn| turn.word() == text);
        found.ok_or_else(|| format!("'{text}' is none of success, failure, asked"))
    }
}

/// One thing that happened. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Tells it from all others: what has the same key happened once.
    pub key: String,
    /// What is equal in it is told once and counted.
    pub same: String,
    /// When.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: Kind,
    /// Which turn it took.
    pub turn: Turn,
    /// The environments that it is about.
    #[serde(default)]
    pub environments: Vec<String>,
    /// The hosts that it is about.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// In a line.
    pub title: String,
    /// Who did it or asks; empty when nobody.
    #[serde(default)]
    pub who: String,
    /// What more there is to say; may have several lines.
    #[serde(default)]
    pub text: String,
    /// The only channel that it is for.
    #[serde(default)]
    pub to: Option<String>,
}

impl Notice {
    /// Something that happened; the rest is said by whoever knows more.
    pub fn new(kind: Kind, turn: Turn, at: Timestamp, key: String, title: &str) -> Self {
        Self {
            same: key.clone(),
            key,
            at,
            kind,
            turn,
            environments: Vec::new(),
            hosts: Vec::new(),
            title: line(title, TITLE),
            who: String::new(),
            text: String::new(),
            to: None,
        }
    }

    /// With what more there is to say.
    #[must_use]
    pub fn saying(mut self, text: &str) -> Self {
        let text: String = redact(text).chars().take(TEXT).collect();
        let lines: Vec<String> = text.lines().map(printable).collect();
        lines.join("\n").trim().clone_into(&mut self.text);
        self
    }

    /// With who did it.
    #[must_use]
    pub fn by(mut self, who: &str) -> Self {
        self.who = line(who, TITLE);
        self
    }
}

/// One line without what cannot be seen, of so many characters at most.
fn line(text: &str, most: usize) -> String {
    let text = printable(redact(text).trim());
    if text.chars().count() <= most {
        return text;
    }
    let short: String = text.chars().take(most - 1).collect();
    format!("{short}…")
}
