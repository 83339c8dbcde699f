//! How far long work has come, how fast it goes and how long it will take.

use std::sync::Arc;

use serde::Serialize;

use super::{bytes, span};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things, named by what is counted: layers, files.
    Count,
}

/// How far a step has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// What is being done now, in a word or two: `sending`, `layers`.
    pub what: Arc<str>,
    /// How much is done.
    pub done: u64,
    /// Of how much, where that is known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Unit,
}

impl Amount {
    /// So many bytes of so many.
    pub fn bytes(what: &str, done: u64, total: Option<u64>) -> Self {
        Self {
            what: Arc::from(what),
            done,
            total,
            unit: Unit::Bytes,
        }
    }

    /// So many things of so many.
    pub fn count(what: &str, done: u64, total: Option<u64>) -> Self {
        Self {
            what: Arc::from(what),
            done,
            total,
            unit: Unit::Count,
        }
    }

    /// The part that is done, 0 to 1, where the whole is known.
    pub fn share(&self) -> Option<f64> {
        let total = self.total.filter(|total| *total > 0)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share on a screen needs no more than 53 bits"
        )]
        let share = self.done as f64 / total as f64;
        Some(share.min(1.0))
    }

    /// How it stands after so many milliseconds: `sending 41.0M of 200M, 12.0M/s, 13s left`.
    pub fn text(&self, elapsed_ms: u64) -> String {
        let figure = |n: u64| match self.unit {
            Unit::Bytes => bytes(n),
            Unit::Count => n.to_string(),
        };
        let mut text = match self.total {
            Some(total) => format!("{} {} of {}", self.what, figure(self.done), figure(total)),
            None => format!("{} {}", self.what, figure(self.done)),
        };
        // A rate over less than that is chance.
        if elapsed_ms < 500 || self.done == 0 {
            return text;
        }
        let rate = u64::try_from(u128::from(self.done) * 1000 / u128::from(elapsed_ms))
            .unwrap_or(u64::MAX);
        if self.unit == Unit::Bytes {
            text = format!("{text}, {}/s", bytes(rate));
        }
        let left = self.total.and_then(|total| total.checked_sub(self.done));
        if let (Some(left @ 1..), 1..) = (left, rate) {
            let seconds = i64::try_from(left.div_ceil(rate)).unwrap_or(i64::MAX);
            text = format!("{text}, {} left", span(seconds));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_fast_and_how_long() {
        let amount = Amount::bytes("sending", 50 << 20, Some(200 << 20));
        assert_eq!(amount.text(100), "sending 50.0M of 200M");
        assert_eq!(
            amount.text(5_000),
            "sending 50.0M of 200M, 10.0M/s, 15s left"
        );
        assert_eq!(Amount::count("files", 3, None).text(5_000), "files 3");
        assert_eq!(
            Amount::count("files", 30, Some(60)).text(10_000),
            "files 30 of 60, 10s left"
        );
    }

    #[test]
    fn a_share_is_never_above_the_whole() {
        assert_eq!(Amount::bytes("x", 30, Some(20)).share(), Some(1.0));
        assert_eq!(Amount::bytes("x", 5, Some(20)).share(), Some(0.25));
        assert_eq!(Amount::bytes("x", 5, None).share(), None);
        assert_eq!(Amount::bytes("x", 5, Some(0)).share(), None);
        let done = Amount::bytes("x", 20, Some(20));
        assert!(!done.text(10_000).contains("left"));
    }
}
