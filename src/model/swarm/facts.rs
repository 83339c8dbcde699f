//! What a service of a Swarm is made of, in words: what is compared, and what is told of differences.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::hex;

/// What of a service counts: its image, variables, ports, mounts, bounds, replicas, places and networks, each by a name.
/// Of what may hold a secret there is only a digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Facts(pub BTreeMap<String, Fact>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// It can be told.
    Open(String),
    /// It cannot; this is a digest of it.
    Closed(String),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(text) => f.write_str(text),
            Self::Closed(_) => f.write_str("…"),
        }
    }
}

impl Facts {
    /// Notes something that can be told.
    pub fn open(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.0.insert(name.into(), Fact::Open(text.into()));
    }

    /// Notes something that may hold a secret.
    pub fn closed(&mut self, name: impl Into<String>, text: &str) {
        self.0.insert(name.into(), Fact::Closed(digest(text)));
    }

    /// What is noted of something, where that can be told.
    pub fn says(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Fact::Open(text) => Some(text),
            Fact::Closed(_) => None,
        }
    }

    /// Tells it from others; 16 hexadecimal digits.
    pub fn print(&self) -> String {
        let parts = self.0.iter().map(|(name, fact)| match fact {
            Fact::Open(text) | Fact::Closed(text) => format!("{name}\0{text}\0"),
        });
        digest(&parts.collect::<String>())
    }

    /// What differs on the way from this to another, in words.
    pub fn diff(&self, to: &Self) -> Vec<String> {
        let names = self
            .0
            .keys()
            .chain(to.0.keys().filter(|one| !self.0.contains_key(*one)));
        let mut names: Vec<&String> = names.collect();
        names.sort();
        names
            .into_iter()
            .filter_map(|name| match (self.0.get(name), to.0.get(name)) {
                (Some(from), Some(to)) if from == to => None,
                (Some(Fact::Open(from)), Some(Fact::Open(to))) => {
                    Some(format!("{name} {from} → {to}"))
                }
                (Some(_), Some(_)) => Some(format!("{name} changed")),
                (None, Some(Fact::Open(to))) => Some(format!("+ {name} {to}")),
                (None, Some(Fact::Closed(_))) => Some(format!("+ {name}")),
                (Some(Fact::Open(from)), None) => Some(format!("- {name} {from}")),
                (Some(Fact::Closed(_)), None) => Some(format!("- {name}")),
                (None, None) => None,
            })
            .collect()
    }
}

fn digest(text: &str) -> String {
    hex(Sha256::digest(text.as_bytes()).as_slice())[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_without_what_may_be_secret() {
        let mut before = Facts::default();
        before.open("replicas", "2");
        before.open("port 80/tcp", "host 8080");
        before.closed("environment KEY", "one");
        let mut after = before.clone();
        assert!(before.diff(&after).is_empty());
        assert_eq!(before.print(), after.print());
        after.open("replicas", "3");
        after.closed("environment KEY", "two");
        after.closed("environment MORE", "x");
        after.0.remove("port 80/tcp");
        assert_eq!(
            before.diff(&after),
            [
                "environment KEY changed",
                "+ environment MORE",
                "- port 80/tcp host 8080",
                "replicas 2 → 3",
            ]
        );
        assert_ne!(before.print(), after.print());
    }
}
