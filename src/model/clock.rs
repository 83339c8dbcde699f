//! Moments as nanoseconds, and how far a host's clock is from ours.

use std::fmt;

use serde::Serialize;

use super::Timestamp;

/// A moment in nanoseconds since 1970, as logs and engines count; the last one there is (in 2262) for later ones.
pub fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

/// The moment so many nanoseconds after 1970; each of them is one.
pub fn moment(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How far a host's clock is from ours, as far as it could be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Skew {
    /// How far it is ahead of ours, in milliseconds; below zero when it is behind.
    pub ahead_ms: i64,
    /// How far off the measurement may be, in milliseconds: half of the way there and back.
    pub doubt_ms: i64,
}

impl Skew {
    /// From the time that a host told between two readings of our clock; all in nanoseconds since 1970.
    pub fn measured(asked: i64, told: i64, answered: i64) -> Self {
        let nanos = 1_000_000;
        let way = answered.saturating_sub(asked).max(0);
        Self {
            ahead_ms: told.saturating_sub(asked + way / 2).div_euclid(nanos),
            // Rounded up, for the division of the other too.
            doubt_ms: way / 2 / nanos + 1,
        }
    }

    /// How far it is ahead, in nanoseconds; nothing as long as that may be the measurement's doubt.
    pub fn correction(self) -> i64 {
        if self.is_certain() {
            self.ahead_ms.saturating_mul(1_000_000)
        } else {
            0
        }
    }

    /// Whether it is more than what the measurement may be off.
    pub fn is_certain(self) -> bool {
        self.ahead_ms.abs() > self.doubt_ms
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.ahead_ms < 0 { '-' } else { '+' };
        let ms = self.ahead_ms.unsigned_abs();
        let text = match ms {
            0..10_000 => format!("{sign}{}.{:02}s", ms / 1000, ms % 1000 / 10),
            10_000..1_000_000 => format!("{sign}{}s", ms / 1000),
            _ => format!("{sign}{}min", ms / 60_000),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_measured_halfway() {
        const MS: i64 = 1_000_000;
        let skew = |told| Skew::measured(1000 * MS, told * MS, 1100 * MS);
        assert_eq!((skew(1050).ahead_ms, skew(1050).doubt_ms), (0, 51));
        assert!(!skew(1090).is_certain());
        assert_eq!(skew(3050).ahead_ms, 2000);
        assert!(skew(3050).is_certain());
        assert_eq!(skew(850).ahead_ms, -200);
        assert!(skew(850).is_certain());
        let corrections = [skew(1090), skew(3050)].map(Skew::correction);
        assert_eq!(corrections, [0, 2000 * MS]);
    }

    #[test]
    fn it_is_told_in_a_few_cells() {
        for (ahead_ms, told) in [
            (0, "+0.00s"),
            (-230, "-0.23s"),
            (4_017, "+4.01s"),
            (-61_000, "-61s"),
            (7_200_000, "+120min"),
        ] {
            let skew = Skew {
                ahead_ms,
                doubt_ms: 1,
            };
            assert_eq!(skew.to_string(), told);
        }
    }
}
