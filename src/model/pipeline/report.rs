//! What a step's tests said.

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

    /// `12 passed, 1 failed, 2 skipped`.
    pub fn words(&self) -> String {
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
