//! Whether a canary is as good as what runs beside it, from what the balancer counted of both over the same time.

use std::fmt;

use serde::Serialize;

use super::Counters;

/// When a canary is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rules {
    /// Fewer requests than these say nothing.
    pub requests: u64,
    /// How much more of a canary's requests may be answered by an error, in percentage points.
    pub errors: f64,
    /// How much more of its connections and answers may break, in percentage points.
    pub broken: f64,
    /// How many times as long its answers may take.
    pub slower: f64,
    /// A difference of time below this many milliseconds does not count: a small answer takes twice as long soon.
    pub slack_ms: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            requests: 200,
            errors: 1.0,
            broken: 1.0,
            slower: 1.5,
            slack_ms: 20,
        }
    }
}

/// What is to be thought of a canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// It is as good.
    Success,
    /// It is worse: its share is taken back.
    Failure(String),
    /// Nobody can tell: it goes no further, and a person decides.
    Inconclusive(String),
}

impl Verdict {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure(_) => "failure",
            Self::Inconclusive(_) => "inconclusive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Success => Ok(()),
            Self::Failure(why) | Self::Inconclusive(why) => write!(f, ": {why}"),
        }
    }
}

/// Judges a canary by what both did in the same time.
pub fn judge(stable: &Counters, canary: &Counters, rules: &Rules) -> Verdict {
    let is_compared = stable.requests >= rules.requests;
    let measures = [
        (
            "answers with an error (5xx)",
            canary.errors_5xx,
            stable.errors_5xx,
            rules.errors,
        ),
        (
            "broken connections and answers",
            canary.broken(),
            stable.broken(),
            rules.broken,
        ),
    ];
    for (what, of_canary, of_stable, margin) in measures {
        // Were all that come until there are enough of them good, it would still be worse: that is certain now.
        let at_best = percent(of_canary, canary.requests.max(rules.requests));
        let usual = percent(of_stable, stable.requests);
        if at_best <= usual + margin {
            continue;
        }
        let so_far = percent(of_canary, canary.requests);
        let told = format!(
            "{so_far:.1} % {what} of {} requests, beside {usual:.1} % of {}",
            canary.requests, stable.requests
        );
        return if is_compared {
            Verdict::Failure(format!("{told}; {margin} points more are allowed"))
        } else {
            let needed = rules.requests;
            Verdict::Inconclusive(format!("{told}: {needed} are needed to compare it with"))
        };
    }
    if canary.requests < rules.requests {
        return Verdict::Inconclusive(format!(
            "{} requests came to the canary, of {} that are needed",
            canary.requests, rules.requests
        ));
    }
    slower(stable, canary, rules)
        .filter(|_| is_compared)
        .unwrap_or(Verdict::Success)
}

fn slower(stable: &Counters, canary: &Counters, rules: &Rules) -> Option<Verdict> {
    let (usual, now) = (stable.total_ms, canary.total_ms);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of one request")]
    let is_slower =
        now as f64 > usual as f64 * rules.slower && now.saturating_sub(usual) > rules.slack_ms;
    is_slower.then(|| {
        Verdict::Failure(format!(
            "a request takes {now} ms, beside {usual} ms; {} times as long is allowed",
            rules.slower
        ))
    })
}

/// A part of a whole in percent; none of nothing is nothing, and more than nothing of it is all.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn percent(part: u64, whole: u64) -> f64 {
    match (part, whole) {
        (0, _) => 0.0,
        (_, 0) => 100.0,
        (part, whole) => part as f64 * 100.0 / whole as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn did(requests: u64, errors_5xx: u64, broken: u64, total_ms: u64) -> Counters {
        Counters {
            requests,
            errors_5xx,
            connect_errors: broken / 2,
            response_errors: broken - broken / 2,
            total_ms,
            ..Counters::default()
        }
    }

    fn word(stable: Counters, canary: Counters) -> &'static str {
        judge(&stable, &canary, &Rules::default()).word()
    }

    #[test]
    fn a_canary_may_be_one_point_worse_and_no_more() {
        let stable = did(4000, 40, 0, 30);
        assert_eq!(word(stable, did(200, 4, 0, 30)), "success");
        assert_eq!(word(stable, did(200, 5, 0, 30)), "failure");
        assert_eq!(word(stable, did(1000, 20, 0, 30)), "success");
        assert_eq!(word(stable, did(1000, 21, 0, 30)), "failure");
        assert_eq!(word(stable, did(1000, 0, 10, 30)), "success");
        assert_eq!(word(stable, did(1000, 0, 11, 30)), "failure");
    }

    #[test]
    fn too_few_requests_say_nothing_unless_more_could_not_mend_it() {
        let stable = did(4000, 0, 0, 30);
        assert_eq!(word(stable, did(199, 0, 0, 30)), "inconclusive");
        assert_eq!(word(stable, did(0, 0, 0, 0)), "inconclusive");
        assert_eq!(word(stable, did(50, 2, 0, 30)), "inconclusive");
        assert_eq!(word(stable, did(50, 3, 0, 30)), "failure");
        assert_eq!(word(stable, did(0, 0, 3, 0)), "failure");
    }

    #[test]
    fn without_anything_to_compare_with_a_bad_canary_is_not_blamed() {
        assert_eq!(word(did(10, 0, 0, 1), did(500, 50, 0, 30)), "inconclusive");
        assert_eq!(word(did(0, 0, 0, 0), did(500, 0, 0, 900)), "success");
    }

    #[test]
    fn a_slow_canary_fails_but_not_for_a_few_milliseconds() {
        let stable = did(4000, 0, 0, 100);
        assert_eq!(word(stable, did(500, 0, 0, 150)), "success");
        assert_eq!(word(stable, did(500, 0, 0, 151)), "failure");
        assert_eq!(word(did(4000, 0, 0, 2), did(500, 0, 0, 20)), "success");
        assert_eq!(word(stable, did(500, 0, 0, 20)), "success");
    }

    #[test]
    fn a_verdict_says_what_it_saw() {
        let verdict = judge(
            &did(1000, 1, 0, 30),
            &did(400, 20, 0, 30),
            &Rules::default(),
        );
        assert_eq!(
            verdict.to_string(),
            "failure: 5.0 % answers with an error (5xx) of 400 requests, beside 0.1 % of 1000; 1 points more are allowed"
        );
    }
}
