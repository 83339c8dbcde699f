//! Names of pipelines and their steps, which become parts of the names of containers and volumes.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// What a name is made of.
const RULE: &str = "letters, digits, '-', '_' and '.' only, a letter or digit first, 60 at most";

/// The name of a pipeline: letters and digits, then also `.`, `-` and `_`; 60 at most.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PipelineName(Arc<str>);

/// The name of a step in its pipeline; the rule of pipelines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepName(Arc<str>);

/// What tells a run from all others, those of the same number in other stores too: its number and a part made by chance,
/// `42-1f0c9a3e`. What it leaves on its host goes by that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunTag(Arc<str>);

fn check(text: &str) -> Result<Arc<str>, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && text.len() <= 60 && text.chars().all(fits) {
        Ok(text.into())
    } else {
        let text = crate::model::printable(text);
        Err(format!("'{text}' is no such name: {RULE}"))
    }
}

macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// As a text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                check(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

impl StepName {
    /// The name that the log of a build has that no run made.
    pub(super) fn of_build() -> Self {
        Self(Arc::from("build"))
    }
}

name!(PipelineName);
name!(StepName);
name!(RunTag);
