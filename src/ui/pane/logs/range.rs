//! Which part of a log is read first.

use crate::{
    model::{LogRange, Timestamp},
    ops::LogsCommand,
};

/// How many lines are read of each container at first.
pub const TAIL: u32 = 1000;

/// A part of a log, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// What is asked for.
    pub feed: LogRange,
    /// What is younger is left out.
    pub until: Option<Timestamp>,
    /// What it is called.
    pub word: String,
}

impl Default for Range {
    fn default() -> Self {
        Self::tail(TAIL)
    }
}

impl Range {
    /// The last lines.
    pub fn tail(lines: u32) -> Self {
        Self {
            feed: LogRange::Tail(lines),
            until: None,
            word: format!("last {lines}"),
        }
    }

    /// What a sentence asks for; none where it says nothing of that.
    pub fn said(args: &LogsCommand, now: Timestamp) -> Option<Self> {
        let range = match (args.since, args.tail) {
            (Some(since), _) => Some(Self::since(since.at(now), format!("since {since}"))),
            (None, Some(lines)) => Some(Self::tail(lines)),
            (None, None) => None,
        };
        let Some(until) = args.until else {
            return range;
        };
        let range = range.unwrap_or_else(|| Self::numbered(1, now));
        Some(range.until(until.at(now), &until.to_string()))
    }

    /// From a moment on.
    pub fn since(at: Timestamp, word: String) -> Self {
        Self {
            feed: LogRange::Since(at),
            until: None,
            word,
        }
    }

    /// The same up to a moment.
    #[must_use]
    pub fn until(self, at: Timestamp, word: &str) -> Self {
        Self {
            until: Some(at),
            word: format!("{} until {word}", self.word),
            ..self
        }
    }

    /// The range on a number key.
    pub fn numbered(number: u8, now: Timestamp) -> Self {
        let ago = |seconds: i64, word: &str| {
            let at = Timestamp::from_second(now.as_second() - seconds).unwrap_or(now);
            Self::since(at, format!("last {word}"))
        };
        match number {
            1 => Self {
                feed: LogRange::All,
                until: None,
                word: "from the start".into(),
            },
            2 => ago(60, "minute"),
            3 => ago(300, "5 minutes"),
            4 => ago(900, "15 minutes"),
            5 => ago(1800, "30 minutes"),
            6 => ago(3600, "hour"),
            _ => Self::default(),
        }
    }
}
