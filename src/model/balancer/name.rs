//! Names of servers behind a balancer, and the share of traffic that a canary gets.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};

/// Whether that can be the name of a backend, a server or a key of a map: nothing that a balancer would split or run.
pub fn is_name(text: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    !text.is_empty() && text.len() <= 128 && text.chars().all(is_fine)
}

/// A server behind a balancer, `shop_stable/s1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    /// Its backend.
    pub backend: Arc<str>,
    /// Its own name there.
    pub server: Arc<str>,
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.backend, self.server)
    }
}

impl Serialize for ServerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for ServerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((backend, server)) if is_name(backend) && is_name(server) => Ok(Self {
                backend: Arc::from(backend),
                server: Arc::from(server),
            }),
            Some(_) | None => Err(format!(
                "'{text}' is no server of a balancer; write BACKEND/SERVER, shop_stable/s1"
            )),
        }
    }
}

/// The part of all requests that a canary gets, in percent.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Share(u8);

impl Share {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// So many percent; none for what is more than all.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// In percent.
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let percent = number.parse().ok().and_then(Self::new);
        percent.ok_or_else(|| format!("'{text}' is no share; write a whole number from 0 to 100"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn nothing_that_would_be_a_second_command_is_a_name() {
        let name: ServerName = "shop_stable/s1".parse().unwrap();
        assert_eq!((&*name.backend, &*name.server), ("shop_stable", "s1"));
        for text in [
            "",
            "shop",
            "/s1",
            "shop/",
            "shop/s1;show env",
            "shop/s 1",
            "a/b\nc",
            "a/b/c",
        ] {
            assert!(text.parse::<ServerName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_share_is_a_part_of_the_whole() {
        assert_eq!("25%".parse::<Share>().unwrap().percent(), 25);
        assert_eq!("100".parse::<Share>().unwrap().to_string(), "100%");
        for text in ["101", "-1", "2.5", "", "%"] {
            assert!(text.parse::<Share>().is_err(), "{text:?}");
        }
    }
}
