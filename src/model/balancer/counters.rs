//! What servers have done since their balancer started, and what they did since somebody looked.

use serde::Serialize;

/// Totals since the balancer started. The times are averages over its newest 1024 requests, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests; connections where it does not look into them.
    pub requests: u64,
    /// Answers that tell of a failure of the server, 500 and above.
    pub errors_5xx: u64,
    /// Connections that did not come about.
    pub connect_errors: u64,
    /// Answers that broke off, or were none.
    pub response_errors: u64,
    /// Connections that were tried again.
    pub retries: u64,
    /// How long a connection takes to come about.
    pub connect_ms: u64,
    /// How long an answer takes to begin.
    pub response_ms: u64,
    /// How long all takes, from the request to the end of its answer.
    pub total_ms: u64,
}

impl Counters {
    /// What was counted since then; none when the counters began anew meanwhile, which they do with every reload.
    pub fn since(&self, then: &Self) -> Option<Self> {
        Some(Self {
            requests: self.requests.checked_sub(then.requests)?,
            errors_5xx: self.errors_5xx.checked_sub(then.errors_5xx)?,
            connect_errors: self.connect_errors.checked_sub(then.connect_errors)?,
            response_errors: self.response_errors.checked_sub(then.response_errors)?,
            retries: self.retries.checked_sub(then.retries)?,
            connect_ms: self.connect_ms,
            response_ms: self.response_ms,
            total_ms: self.total_ms,
        })
    }

    /// Both together; the times are those of whichever did more.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let times = if other.requests > self.requests {
            other
        } else {
            self
        };
        Self {
            requests: self.requests + other.requests,
            errors_5xx: self.errors_5xx + other.errors_5xx,
            connect_errors: self.connect_errors + other.connect_errors,
            response_errors: self.response_errors + other.response_errors,
            retries: self.retries + other.retries,
            ..*times
        }
    }

    /// Connections and answers that failed.
    pub fn broken(&self) -> u64 {
        self.connect_errors + self.response_errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_is_none_across_a_restart() {
        let then = Counters {
            requests: 100,
            errors_5xx: 3,
            total_ms: 40,
            ..Counters::default()
        };
        let now = Counters {
            requests: 250,
            errors_5xx: 4,
            total_ms: 20,
            ..then
        };
        let delta = now.since(&then);
        let wanted = Counters {
            requests: 150,
            errors_5xx: 1,
            total_ms: 20,
            ..Counters::default()
        };
        assert_eq!(delta, Some(wanted));
        assert_eq!(then.since(&now), None);
    }
}
