//! What can be said of the rest: lists, logs, resources and the log of acts.

use std::{fmt, str::FromStr};

use clap::{Args, Subcommand};

use super::Why;
use crate::{logs::Filter, model::Timestamp, ops::target::ContainerPattern};

/// Which rows of a list, and which of their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ListArgs {
    /// Only rows that fit: text, !text, key:value, /regex/, cpu>50; all must hold
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// The columns to show, by name, with commas between
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// The column to sort by; with a leading `-`, the other way round
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub sort: Option<String>,
}

impl ListArgs {
    /// The filter as one text.
    pub fn filter(&self) -> String {
        self.filter.join(" ")
    }
}

/// Sentences about the log of acts.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum AuditCommand {
    /// List what was done, by whom, why and how it ended
    List {
        /// Which rows and columns.
        #[command(flatten)]
        list: ListArgs,
        /// At most so many, the newest
        #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
        number: u32,
    },
    /// Check the log's hash chain for changed or missing entries
    Verify,
}

/// Whose logs, and how much of them.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct LogsCommand {
    /// The containers, `web@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ContainerPattern>,
    /// Go on with new lines as they come, also of containers that fit later, until all have ended
    #[arg(long, short)]
    pub follow: bool,
    /// Only the last so many lines of each
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "since")]
    pub tail: Option<u32>,
    /// Only since then: 10m, 2h, 3d or 2026-01-31T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Moment>,
    /// Only until then, as --since
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    pub until: Option<Moment>,
    /// With the time of each line
    #[arg(long, short)]
    pub timestamps: bool,
    /// Only lines that fit: text, !text, "a text", /regex/, level:warn, stream:stderr, from:web; all must hold
    #[arg(long, value_name = "FILTER", value_parser = Filter::parse)]
    pub filter: Option<Filter>,
    /// Of lines that are JSON or logfmt these values only, by name, with commas between: level,msg,req.id
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// Show secrets too; this is recorded in the log of acts
    #[arg(long)]
    pub reveal: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// A moment as people say it: so long ago, or at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So many seconds before now.
    Ago(i64),
    /// At that time.
    At(Timestamp),
}

impl Moment {
    /// The moment it means at that time.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(seconds) => now
                .checked_sub(jiff::SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no moment; write 30s, 10m, 2h, 3d or 2026-01-31T08:00:00Z")]
pub struct MomentError(String);

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        if let Some(seconds) = seconds(text) {
            return Ok(Self::Ago(seconds));
        }
        text.parse()
            .map(Self::At)
            .map_err(|_| MomentError(text.to_owned()))
    }
}

/// Reads `30s`, `10m`, `2h`, `3d` or `1h30m`.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        let count: i64 = digits.parse().ok()?;
        total = total.checked_add(count.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && !text.is_empty()).then_some(total)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(seconds) => write!(f, "{seconds}s"),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}
