//! What a container uses: samples, their history, and the rates between them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What a container used at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// When the engine took the sample.
    pub at: Timestamp,
    /// CPU in percent of one core, as `docker stats` computes it; none before a second sample.
    pub cpu: Option<f32>,
    /// Memory in bytes, without the page cache that can be given back (as `docker stats`).
    pub memory: u64,
    /// The limit in bytes: the container's, else the host's memory.
    pub memory_limit: u64,
    /// Bytes received on all its networks since it started.
    pub net_in: u64,
    /// Bytes sent on all its networks since it started.
    pub net_out: u64,
    /// Bytes read from block devices since it started.
    pub block_in: u64,
    /// Bytes written to block devices since it started.
    pub block_out: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// CPU that changes by less than this share, or by less than this many points, is shown as before.
const STEADY_CPU: (f32, f32) = (0.05, 0.15);
/// Memory that changes by less than this many percent is shown as before.
const STEADY_MEMORY: u64 = 1;
/// Rates that change by less than this many percent are shown as before.
const STEADY_RATE: u64 = 10;

fn steadied(new: u64, shown: u64, percent: u64) -> u64 {
    let is_noticeable =
        u128::from(new.abs_diff(shown)) * 100 > u128::from(shown) * u128::from(percent);
    if is_noticeable { new } else { shown }
}

/// For so many seconds the CPU of one sample stands in for that of the next.
const CPU_STANDS: i64 = 120;

impl Usage {
    /// This sample with the figures that hardly changed as they are shown: a figure that trembles in its last digit
    /// tells nothing, and each digit drawn is bytes on a slow link. The first sample of a stream has no CPU yet: what
    /// was known of it stands until the next, so that a row sorted by it keeps its place when it comes on the screen.
    #[must_use]
    pub fn steadied(mut self, shown: &Self) -> Self {
        let stands = self.at.as_second() - shown.at.as_second() <= CPU_STANDS;
        self.cpu = match (self.cpu, shown.cpu) {
            (None, Some(_)) if !stands => None,
            (Some(new), Some(old))
                if (new - old).abs() >= (old * STEADY_CPU.0).max(STEADY_CPU.1) =>
            {
                Some(new)
            }
            (new, old) => old.or(new),
        };
        self.memory = steadied(self.memory, shown.memory, STEADY_MEMORY);
        self
    }

    /// Memory in percent of the limit; none without a limit.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a percentage needs three digits"
    )]
    pub fn memory_percent(&self) -> Option<f32> {
        (self.memory_limit > 0)
            .then(|| (self.memory as f64 / self.memory_limit as f64 * 100.0) as f32)
    }
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rates {
    /// Received on all networks.
    pub net_in: u64,
    /// Sent on all networks.
    pub net_out: u64,
    /// Read from block devices.
    pub block_in: u64,
    /// Written to block devices.
    pub block_out: u64,
}

impl Rates {
    /// These rates, with those that hardly changed as they are shown.
    #[must_use]
    pub fn steadied(self, shown: Self) -> Self {
        let hold = |new, old| steadied(new, old, STEADY_RATE);
        Self {
            net_in: hold(self.net_in, shown.net_in),
            net_out: hold(self.net_out, shown.net_out),
            block_in: hold(self.block_in, shown.block_in),
            block_out: hold(self.block_out, shown.block_out),
        }
    }
}

/// The last samples of a container, for its charts; bounded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(VecDeque<Usage>);

impl History {
    /// How many samples are kept: two minutes at one a second.
    pub const LENGTH: usize = 120;
    /// Samples older than this, in seconds, are not kept: of a container that is looked at now and then only the
    /// last few are.
    const AGE: i64 = 600;
    /// Over how many samples rates are taken.
    const RATE_SAMPLES: usize = 6;

    /// Adds the newest sample; the oldest go when there is no room, or when they are from another time.
    pub fn push(&mut self, usage: Usage) {
        let oldest = usage.at.as_second() - Self::AGE;
        while self.0.len() == Self::LENGTH
            || self
                .0
                .front()
                .is_some_and(|one| one.at.as_second() < oldest)
        {
            self.0.pop_front();
        }
        self.0.push_back(usage);
    }

    /// The rates over the newest samples; none before the second.
    pub fn rates(&self) -> Option<Rates> {
        let last = self.0.back()?;
        let first = self
            .0
            .get(self.0.len().saturating_sub(Self::RATE_SAMPLES))?;
        let ms = u64::try_from(last.at.as_millisecond() - first.at.as_millisecond()).ok()?;
        let rate = |before: u64, after: u64| {
            after
                .saturating_sub(before)
                .saturating_mul(1000)
                .checked_div(ms)
        };
        Some(Rates {
            net_in: rate(first.net_in, last.net_in)?,
            net_out: rate(first.net_out, last.net_out)?,
            block_in: rate(first.block_in, last.block_in)?,
            block_out: rate(first.block_out, last.block_out)?,
        })
    }

    /// The samples, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Usage> {
        self.0.iter()
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&Usage> {
        self.0.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: i64, cpu: f32, memory: u64, net_in: u64) -> Usage {
        Usage {
            at: Timestamp::from_second(second).expect("a moment"),
            cpu: Some(cpu),
            memory,
            memory_limit: 1 << 30,
            net_in,
            net_out: 0,
            block_in: 0,
            block_out: 0,
            pids: 1,
        }
    }

    #[test]
    fn figures_that_hardly_changed_stay_as_they_are_shown() {
        let shown = sample(0, 10.0, 1000, 0);
        let trembling = sample(1, 10.4, 1009, 5).steadied(&shown);
        assert_eq!((trembling.cpu, trembling.memory), (Some(10.0), 1000));
        assert_eq!(trembling.net_in, 5, "counters are never held back");
        let moved = sample(2, 10.6, 1011, 9).steadied(&trembling);
        assert_eq!((moved.cpu, moved.memory), (Some(10.6), 1011));
        let first_of_a_stream = Usage {
            cpu: None,
            ..sample(3, 0.0, 1000, 0)
        };
        assert_eq!(first_of_a_stream.steadied(&shown).cpu, Some(10.0));
        let much_later = Usage {
            cpu: None,
            ..sample(300, 0.0, 1000, 0)
        };
        assert_eq!(much_later.steadied(&shown).cpu, None);
        let idle = sample(3, 0.0, 0, 9).steadied(&sample(2, 0.2, 7, 9));
        assert_eq!((idle.cpu, idle.memory), (Some(0.0), 0));
    }

    #[test]
    fn what_creeps_is_followed() {
        let mut shown = sample(0, 1.0, 100_000, 0);
        for second in 1..=100 {
            let memory = 100_000 + u64::try_from(second).expect("after the start") * 100;
            shown = sample(second, 1.0, memory, 0).steadied(&shown);
            assert!(shown.memory.abs_diff(memory) * 100 <= shown.memory);
        }
    }

    #[test]
    fn rates_are_bytes_a_second_over_the_newest_samples() {
        let mut history = History::default();
        assert_eq!(history.rates(), None);
        history.push(sample(0, 1.0, 1, 1_000_000));
        assert_eq!(history.rates(), None, "one sample is no rate");
        for second in 1..=10 {
            let sent = 1_000_000 + u64::try_from(second).expect("after the start") * 500;
            history.push(sample(second, 1.0, 1, sent));
        }
        assert_eq!(history.rates().map(|rates| rates.net_in), Some(500));
        history.push(sample(11, 1.0, 1, 0));
        assert_eq!(
            history.rates().map(|rates| rates.net_in),
            Some(0),
            "a counter that began anew is no flood"
        );
    }

    #[test]
    fn a_history_is_bounded_in_number_and_in_time() {
        let mut history = History::default();
        for second in 0..500 {
            history.push(sample(second, 1.0, 1, 0));
        }
        assert_eq!(history.iter().count(), History::LENGTH);
        history.push(sample(2000, 1.0, 1, 0));
        assert_eq!(history.iter().count(), 1);
    }
}
