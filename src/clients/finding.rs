//! What a look at a system beside Docker found.

use serde::Serialize;

use crate::model::Mark;

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `level`, `slots of shop_stable`.
    pub what: String,
    /// How it is.
    pub mark: Mark,
    /// What was seen.
    pub saw: String,
    /// What to do; empty where nothing is to be done.
    pub remedy: String,
}

/// A finding; what is well needs no remedy.
pub(super) fn finding(
    what: &str,
    mark: Mark,
    saw: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        what: what.to_owned(),
        mark,
        saw: saw.into(),
        remedy: if mark == Mark::Ok {
            String::new()
        } else {
            remedy.into()
        },
    }
}
