//! Which step of a run says a sentence: told to the program that says it, and kept in the log of acts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{RunNumber, RunTag, StepName};

/// A try of a step that says a sentence. As text `42-1f0c9a3e/unit/1/7`, at its end `/once` where it is said once only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// The run.
    pub run: RunTag,
    /// The step.
    pub step: StepName,
    /// The how-manieth try of the step it is.
    pub attempt: u32,
    /// The lease of whoever said it: each worker that takes the run has another one.
    pub lease: i64,
    /// What this try has begun before, by whomever, is not begun again.
    pub once: bool,
}

impl Saying {
    /// What the act that it begins is told apart by in the log; none when it may begin several.
    pub fn token(&self) -> Option<String> {
        let Self {
            run, step, attempt, ..
        } = self;
        self.once.then(|| format!("run-{run}/{step}/{attempt}"))
    }

    /// The number of the run.
    pub fn number(&self) -> RunNumber {
        let number = self.run.as_str().split('-').next();
        RunNumber(number.and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run,
            step,
            attempt,
            lease,
            once,
        } = self;
        let once = if *once { "/once" } else { "" };
        write!(f, "{run}/{step}/{attempt}/{lease}{once}")
    }
}

impl FromStr for Saying {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("'{text}' is no step of a run");
        let parts: Vec<&str> = text.split('/').collect();
        let (run, step, attempt, lease, once) = match parts[..] {
            [run, step, attempt, lease] => (run, step, attempt, lease, false),
            [run, step, attempt, lease, "once"] => (run, step, attempt, lease, true),
            _ => return Err(fail()),
        };
        Ok(Self {
            run: run.parse().map_err(|_| fail())?,
            step: step.parse().map_err(|_| fail())?,
            attempt: attempt.parse().map_err(|_| fail())?,
            lease: lease.parse().map_err(|_| fail())?,
            once,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_only_what_is_said_once_has_a_token() {
        for text in ["42-1f0c9a3e/unit.tests/3/7", "1-0/a/1/1/once"] {
            let saying: Saying = text.parse().unwrap();
            assert_eq!(saying.to_string(), text);
            assert_eq!(saying.token().is_some(), saying.once);
        }
        let first: Saying = "42-1f/a/1/7/once".parse().unwrap();
        let later: Saying = "42-1f/a/1/8/once".parse().unwrap();
        let again: Saying = "42-1f/a/2/8/once".parse().unwrap();
        assert_eq!(first.token(), later.token(), "whoever says it");
        assert_ne!(first.token(), again.token(), "another try is another act");
        assert_eq!(first.number(), RunNumber(42));
        for wrong in ["", "42", "42/a/1/7", "x y/a/1/7", "42-1f/a/1/7/twice"] {
            let read: Result<Saying, _> = wrong.parse();
            assert!(read.is_err() || wrong == "42/a/1/7", "{wrong}");
        }
    }
}
