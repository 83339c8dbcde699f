//! Automatic scaling: between which bounds, by what, and what is decided of what is seen.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Timestamp, app::ServiceName, release::Scope, setting::written_length};

/// So far from its target a load changes nothing.
const TOLERANCE: f64 = 0.1;

/// A service whose replicas follow its load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// Of which app in which environment.
    pub scope: Scope,
    /// Which service.
    pub service: ServiceName,
    /// Over which hosts it is spread, as sentences name them; empty for those of its newest release.
    pub hosts: Vec<String>,
    /// The fewest replicas.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// What is looked at.
    pub metric: Metric,
    /// How much of it each replica is to have.
    pub target: u32,
    /// Between a change of the app and more replicas.
    pub up: Duration,
    /// So long fewer have to be enough, and as long after a change, before one goes.
    pub down: Duration,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The processor time of a replica, in percent of one processor.
    Cpu,
    /// The requests that wait at a backend of a balancer, for each replica.
    Queue {
        /// The balancer.
        balancer: Arc<str>,
        /// The backend.
        backend: Arc<str>,
    },
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Queue { balancer, backend } => write!(f, "queue of {balancer}:{backend}"),
        }
    }
}

impl Scaling {
    /// What tells it from others: `shop/prod/web`.
    pub fn key(&self) -> String {
        let Scope { app, environment } = &self.scope;
        format!("{app}/{environment}/{}", self.service)
    }

    /// A load in its unit: `63 %`, `2.5`.
    pub fn written(&self, value: f64) -> String {
        match self.metric {
            Metric::Cpu => format!("{value:.0} %"),
            Metric::Queue { .. } => format!("{value:.1}"),
        }
    }
}

/// What is seen of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// How many replicas its newest release has.
    pub replicas: u32,
    /// The load of one of them, on average; none when it is not known.
    pub value: Option<f64>,
    /// How long ago the app was changed last.
    pub unchanged: Duration,
    /// For so long fewer would have been enough.
    pub calm: Duration,
}

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// How many replicas there were.
    pub replicas: u32,
    /// How many there are to be; none when it stays.
    pub to: Option<u32>,
    /// The load of one of them.
    pub value: Option<f64>,
    /// Why.
    pub why: String,
}

/// How many replicas the load asks for, whatever the bounds: none when it is not known.
pub fn asked(scaling: &Scaling, seen: &Seen) -> Option<u32> {
    let share = seen.value? / f64::from(scaling.target.max(1));
    if (share - 1.0).abs() <= TOLERANCE {
        return Some(seen.replicas);
    }
    let asked = (f64::from(seen.replicas.max(1)) * share).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not below nothing, and no more than the bound that follows"
    )]
    let asked = asked.clamp(0.0, f64::from(u32::MAX)) as u32;
    Some(asked)
}

/// Whether fewer replicas would be enough.
pub fn is_calm(scaling: &Scaling, seen: &Seen) -> bool {
    asked(scaling, seen).is_some_and(|asked| asked < seen.replicas)
}

/// What becomes of a service: how many replicas, none when it stays, and why. More come at once as far as they are asked
/// for; of those that are too many one goes at a time.
pub fn decide(scaling: &Scaling, seen: &Seen) -> (Option<u32>, String) {
    let Scaling {
        min, max, up, down, ..
    } = scaling;
    let now = seen.replicas;
    if now < *min {
        return (Some(*min), format!("{min} is the fewest"));
    }
    if now > *max {
        return (Some(*max), format!("{max} is the most"));
    }
    let (Some(asked), Some(value)) = (asked(scaling, seen), seen.value) else {
        return (None, format!("its {} is not known", scaling.metric));
    };
    let load = format!(
        "{} {} of {}",
        scaling.metric,
        scaling.written(value),
        scaling.written(scaling.target.into())
    );
    if asked > now {
        let to = asked.min(*max);
        return match (to > now, cooling(seen.unchanged, *up)) {
            (false, _) => (None, format!("{load}, and {max} is the most")),
            (true, Some(left)) => (
                None,
                format!("{load}; it was changed a moment ago: {left} to wait"),
            ),
            (true, None) => (Some(to), load),
        };
    }
    if asked < now {
        let to = now.saturating_sub(1).max(*min);
        let waits = cooling(seen.unchanged.min(seen.calm), *down);
        return match (to < now, waits) {
            (false, _) => (None, format!("{load}, and {min} is the fewest")),
            (true, Some(left)) => (None, format!("{load}; {left} to wait before one goes")),
            (true, None) => (Some(to), load),
        };
    }
    (None, format!("{load} is about right"))
}

/// What is left of a time to wait.
fn cooling(since: Duration, time: Duration) -> Option<String> {
    let left = time.checked_sub(since).filter(|left| !left.is_zero())?;
    Some(written_length(Duration::from_secs(left.as_secs().max(1))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;
    use crate::model::app::AppName;

    fn scaling(min: u32, max: u32, target: u32) -> Scaling {
        Scaling {
            scope: Scope {
                app: AppName::new("shop").unwrap(),
                environment: "prod".into(),
            },
            service: ServiceName::new("web").unwrap(),
            hosts: Vec::new(),
            min,
            max,
            metric: Metric::Cpu,
            target,
            up: Duration::from_mins(1),
            down: Duration::from_mins(10),
        }
    }

    fn seen(replicas: u32, value: Option<f64>) -> Seen {
        Seen {
            replicas,
            value,
            unchanged: Duration::from_hours(1),
            calm: Duration::from_hours(1),
        }
    }

    #[test]
    fn replicas_follow_the_load_and_cool_down() {
        let rule = scaling(2, 6, 50);
        assert_eq!(
            decide(&rule, &seen(2, Some(100.0))),
            (Some(4), "cpu 100 % of 50 %".to_owned())
        );
        assert_eq!(decide(&rule, &seen(4, Some(400.0))).0, Some(6));
        let full = decide(&rule, &seen(6, Some(400.0)));
        assert_eq!(
            full,
            (None, "cpu 400 % of 50 %, and 6 is the most".to_owned())
        );
        // One goes at a time.
        assert_eq!(decide(&rule, &seen(6, Some(1.0))).0, Some(5));
        assert_eq!(decide(&rule, &seen(2, Some(1.0))).0, None);
        assert_eq!(decide(&rule, &seen(4, Some(54.0))).0, None);
        assert_eq!(decide(&rule, &seen(4, None)).1, "its cpu is not known");
        assert_eq!(decide(&rule, &seen(1, None)).0, Some(2));
        assert_eq!(decide(&rule, &seen(9, None)).0, Some(6));
        let mut fresh = seen(2, Some(100.0));
        fresh.unchanged = Duration::from_secs(15);
        assert_eq!(
            decide(&rule, &fresh).1,
            "cpu 100 % of 50 %; it was changed a moment ago: 45s to wait"
        );
        let mut calm = seen(4, Some(1.0));
        calm.calm = Duration::from_mins(5);
        assert_eq!(
            decide(&rule, &calm).1,
            "cpu 1 % of 50 %; 5m to wait before one goes"
        );
    }

    proptest! {
        #[test]
        fn what_is_decided_keeps_its_bounds_and_its_pace(
            min in 0_u32..5, more in 0_u32..8, target in 1_u32..200, replicas in 0_u32..20,
            value in prop::option::of(0.0_f64..5000.0), unchanged in 0_u64..2000, calm in 0_u64..2000,
        ) {
            let rule = scaling(min, min + more, target);
            let seen = Seen {
                replicas,
                value,
                unchanged: Duration::from_secs(unchanged),
                calm: Duration::from_secs(calm),
            };
            let (to, why) = decide(&rule, &seen);
            prop_assert!(!why.is_empty());
            if let Some(to) = to {
                prop_assert!((rule.min..=rule.max).contains(&to));
                prop_assert_ne!(to, replicas);
                let is_inside = (rule.min..=rule.max).contains(&replicas);
                if is_inside && to > replicas {
                    prop_assert!(seen.unchanged >= rule.up);
                }
                if is_inside && to < replicas {
                    prop_assert_eq!(to, replicas - 1);
                    prop_assert!(seen.unchanged >= rule.down && seen.calm >= rule.down);
                }
            }
        }

        #[test]
        fn more_load_never_asks_for_fewer(
            replicas in 1_u32..20, target in 1_u32..200, one in 0.0_f64..2000.0, more in 0.0_f64..2000.0,
        ) {
            let rule = scaling(1, 20, target);
            let of = |value: f64| {
                let seen = seen(replicas, Some(value));
                decide(&rule, &seen).0.unwrap_or(replicas)
            };
            prop_assert!(of(one + more) >= of(one));
        }
    }
}
