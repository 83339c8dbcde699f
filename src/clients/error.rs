//! What goes wrong with a system beside Docker: doing what, why, and what to do.

use std::{error::Error as _, fmt};

/// The kinds of failures, as far as what can be done differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It cannot be reached.
    Offline,
    /// It does not let us in.
    Login,
    /// It does not have it.
    Missing,
    /// It, or a rule of ours, refuses.
    Refused,
    /// What it says cannot be understood or trusted.
    Wrong,
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// What was being done: `listing the tags of registry.example.org/shop/api`.
    pub doing: String,
    /// Why it failed.
    pub why: String,
    /// What to do, as far as that is known.
    pub remedy: Option<String>,
}

impl Error {
    /// A failure without a remedy.
    pub(super) fn new(kind: ErrorKind, doing: &str, why: impl Into<String>) -> Self {
        Self {
            kind,
            doing: doing.to_owned(),
            why: why.into(),
            remedy: None,
        }
    }

    /// With what can be done.
    pub(super) fn with(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// What a request that got no answer failed of, down to its cause.
    pub(super) fn of_request(doing: &str, error: &reqwest::Error) -> Self {
        Self::of_request_to("[[registry]] with host and ca", doing, error)
    }

    /// The same, with what of wharf.toml names the authority of such a system.
    pub(super) fn of_request_to(section: &str, doing: &str, error: &reqwest::Error) -> Self {
        let mut why = Vec::new();
        let mut cause = error.source();
        while let Some(one) = cause {
            why.push(one.to_string());
            cause = one.source();
        }
        // What stands above it repeats the address and says no more.
        let why = why.pop().unwrap_or_else(|| {
            if error.is_timeout() {
                "no answer came in time".to_owned()
            } else {
                error.to_string()
            }
        });
        let is_certificate = why.contains("certificate") || why.contains("UnknownIssuer");
        let failed = Self::new(ErrorKind::Offline, doing, why);
        if is_certificate {
            failed.with(format!("name its authority in wharf.toml: {section}"))
        } else {
            failed
        }
    }

    /// Why it failed and what to do, without what was being done.
    pub fn reason(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {remedy}", self.why),
            None => self.why.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.reason())
    }
}

impl std::error::Error for Error {}
