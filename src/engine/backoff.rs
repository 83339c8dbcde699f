//! How long to wait before a host is tried again: growing, with full jitter, by the kind of trouble.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::model::{Endpoint, TroubleKind};

/// Between two tries, at least.
const SHORTEST: Duration = Duration::from_millis(250);

/// A local engine is tried often: it costs nothing, and people wait for it.
const LONGEST_LOCAL: Duration = Duration::from_secs(4);

/// Elsewhere: a host that is back is seen within half a minute.
const LONGEST: Duration = Duration::from_secs(30);

/// In a fleet with more hosts than this a dead one is tried half as often, so that many of them
/// leave the way to the others free.
const LARGE_FLEET: usize = 100;

/// sshd that drops connections must not be pressed.
const THROTTLED: Duration = Duration::from_secs(20);

/// The longest pause for such an sshd.
const LONGEST_THROTTLED: Duration = Duration::from_mins(10);

/// Counts failures in a row and draws the pauses between tries.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    longest: Duration,
}

impl Backoff {
    /// For a host at that endpoint.
    pub fn new(endpoint: &Endpoint) -> Self {
        let longest = match endpoint {
            Endpoint::Unix(_) => LONGEST_LOCAL,
            Endpoint::Tcp { .. } | Endpoint::Tls { .. } | Endpoint::Ssh { .. } => LONGEST,
        };
        Self {
            failures: 0,
            longest,
        }
    }

    /// It was usable: after a steady while the next failure is the first one again; after a short
    /// one it is tried soon, but not at once, for it may be lost again and again.
    pub fn was_online(&mut self, steady: bool) {
        self.failures = if steady { 0 } else { self.failures.min(2) };
    }

    /// How long to wait now, in a fleet of so many hosts; none when trying again is pointless
    /// before a person did something.
    pub fn pause(&mut self, kind: TroubleKind, hosts: usize) -> Option<Duration> {
        let pause = self.pause_at(kind, chance());
        match kind {
            TroubleKind::Throttled => pause,
            _ if hosts > LARGE_FLEET && self.longest > LONGEST_LOCAL => pause.map(|p| p * 2),
            _ => pause,
        }
    }

    /// The same with the dice in hand: `chance` is from 0 to 1.
    fn pause_at(&mut self, kind: TroubleKind, chance: f64) -> Option<Duration> {
        let doubled = 1_u32 << self.failures.min(16);
        self.failures += 1;
        if kind.needs_person() {
            None
        } else if kind == TroubleKind::Throttled {
            // Three quarters at least: pressing is what it punishes.
            let most = (THROTTLED * doubled).min(LONGEST_THROTTLED);
            Some(most.mul_f64(0.75 + chance / 4.0))
        } else {
            let most = (Duration::from_secs(1) * doubled).min(self.longest);
            Some(most.mul_f64(chance).max(SHORTEST))
        }
    }
}

/// A random number from 0 to 1; the seed of a hash map is as random as jitter needs.
#[expect(clippy::cast_precision_loss, reason = "jitter needs no 64 bits")]
pub(super) fn chance() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn at(text: &str) -> Backoff {
        Backoff::new(&text.parse().unwrap())
    }

    #[test]
    fn pauses_grow_to_a_limit_and_are_spread() {
        let mut far = at("tcp://10.0.0.1:2375");
        let longest: Vec<u64> = (0..9)
            .map(|_| {
                far.pause_at(TroubleKind::Unreachable, 1.0)
                    .unwrap()
                    .as_secs()
            })
            .collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
        assert_eq!(
            far.pause_at(TroubleKind::Unreachable, 0.5)
                .unwrap()
                .as_secs(),
            15
        );
        far.was_online(false);
        assert_eq!(far.pause_at(TroubleKind::Lost, 1.0).unwrap().as_secs(), 4);
        far.was_online(true);
        assert_eq!(far.pause_at(TroubleKind::Lost, 0.0).unwrap(), SHORTEST);
        assert!((0.0..=1.0).contains(&chance()));
    }

    #[test]
    fn a_local_engine_is_tried_often() {
        let mut near = at("unix:///run/docker.sock");
        for _ in 0..40 {
            assert!(near.pause(TroubleKind::DaemonDown, 500).unwrap() <= LONGEST_LOCAL);
        }
    }

    #[test]
    fn a_person_is_waited_for_and_a_throttling_sshd_is_left_alone() {
        let mut far = at("ssh://web");
        assert_eq!(far.pause(TroubleKind::AuthFailed, 1), None);
        far.was_online(true);
        let first = far.pause_at(TroubleKind::Throttled, 0.0).unwrap();
        assert_eq!(first.as_secs(), 15);
        for _ in 0..9 {
            far.pause(TroubleKind::Throttled, 1);
        }
        assert_eq!(
            far.pause_at(TroubleKind::Throttled, 1.0).unwrap(),
            LONGEST_THROTTLED
        );
    }
}
