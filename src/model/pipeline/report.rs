//! What a step's tests said.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// So many failures are kept with their texts.
const KEPT: usize = 100;
/// So many characters of a failure's text are kept.
const TEXT: usize = 2000;

/// The counts of a step's tests, and what failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// All tests, those that were skipped too.
    pub tests: u32,
    /// Those whose assertions did not hold.
    pub failures: u32,
    /// Those that broke off.
    pub errors: u32,
    /// Those that were not run.
    pub skipped: u32,
    /// How long they took together, in milliseconds.
    pub milliseconds: u64,
    /// What was measured, by name, in thousandths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, i64>,
    /// What failed; the first 100.
    #[serde(default)]
    pub failed: Vec<Failure>,
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its class or suite; may be empty.
    pub class: String,
    /// Its name.
    pub name: String,
    /// What it said; the beginning of it.
    pub text: String,
}

impl TestReport {
    /// Adds what another file said.
    pub fn add(&mut self, other: Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
        self.milliseconds += other.milliseconds;
        self.metrics.extend(other.metrics);
        for failure in other.failed {
            self.fail(failure);
        }
    }

    /// Keeps what failed, as far as there is room.
    pub fn fail(&mut self, mut failure: Failure) {
        if self.failed.len() < KEPT {
            if let Some((at, _)) = failure.text.char_indices().nth(TEXT) {
                failure.text.truncate(at);
                failure.text.push('…');
            }
            self.failed.push(failure);
        }
    }

    /// Those that passed.
    pub fn passed(&self) -> u32 {
        let bad = self.failures + self.errors + self.skipped;
        self.tests.saturating_sub(bad)
    }

    /// Whether so many percent of the tests passed. Tests that were skipped do not count, or count as passed; without
    /// any test nothing was shown.
    pub fn is_good(&self, percent: u8, skipped_pass: bool) -> bool {
        let (passed, of) = if skipped_pass {
            (self.passed() + self.skipped, self.tests)
        } else {
            // At 100 % a skipped test is one that did not pass.
            (self.passed(), self.tests)
        };
        of > 0 && u64::from(passed) * 100 >= u64::from(of) * u64::from(percent)
    }

    /// The first limit that what was measured does not keep, in words.
    pub fn breaks(&self, limits: &[Limit]) -> Option<String> {
        limits.iter().find_map(|limit| {
            let name = &limit.metric;
            match self.metrics.get(name) {
                None => Some(format!("did not measure {name}")),
                Some(value) if limit.is_kept_by(*value) => None,
                Some(value) => Some(format!("had {name} {}, not {limit}", number(*value))),
            }
        })
    }

    /// `12 passed, 1 failed, 2 skipped`; what was measured where there are no tests.
    pub fn words(&self) -> String {
        if self.tests == 0 && !self.metrics.is_empty() {
            let all = self.metrics.iter();
            let all: Vec<String> = all
                .map(|(name, value)| format!("{name} {}", number(*value)))
                .collect();
            return all.join(", ");
        }
        let mut words = format!("{} passed", self.passed());
        for (count, word) in [
            (self.failures + self.errors, "failed"),
            (self.skipped, "skipped"),
        ] {
            if count > 0 {
                words = format!("{words}, {count} {word}");
            }
        }
        words
    }
}

/// What a measured value may be: `p95_ms <= 200`, `throughput >= 50`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Limit {
    /// What is measured.
    pub metric: String,
    /// Whether it is the most that it may be; else the least.
    pub is_most: bool,
    /// How much, in thousandths.
    pub value: i64,
}

impl Limit {
    fn is_kept_by(&self, value: i64) -> bool {
        if self.is_most {
            value <= self.value
        } else {
            value >= self.value
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_most { "<=" } else { ">=" };
        write!(f, "{} {sign} {}", self.metric, number(self.value))
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.to_string()
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no limit; write p95_ms <= 200 or throughput >= 50");
        let (is_most, (metric, value)) = match (text.split_once("<="), text.split_once(">=")) {
            (Some(parts), None) => (true, parts),
            (None, Some(parts)) => (false, parts),
            _ => return Err(wrong()),
        };
        let value = value.trim().parse::<f64>().ok().and_then(thousandths);
        let metric = metric.trim();
        if metric.is_empty() || metric.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self {
            metric: metric.to_owned(),
            is_most,
            value: value.ok_or_else(wrong)?,
        })
    }
}

/// A number in thousandths; none when it is too large for that, or no number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what does not fit was left out before"
)]
pub fn thousandths(number: f64) -> Option<i64> {
    let value = (number * 1000.0).round();
    (value.abs() < 9e15).then_some(value as i64)
}

/// A number of thousandths as people read it.
fn number(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.abs() / 1000, value.abs() % 1000);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{rest:03}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}
