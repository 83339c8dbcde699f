//! What is said about a file or a spec: an error, a warning or a note, with its place and what to do.

use std::fmt;

use serde::Serialize;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is lost by it.
    Note,
    /// The app would not be quite as the file says.
    Warning,
    /// It cannot be used like this.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Where {
    /// The file as it was named; empty where there is none.
    pub file: String,
    /// The line, from 1; none where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The way to it through the file, such as `services.web.ports[0]`; empty for the whole.
    pub path: String,
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let gap = if self.file.is_empty() { "" } else { ": " };
        if self.path.is_empty() {
            return Ok(());
        }
        write!(f, "{gap}{}", self.path)
    }
}

/// One thing that is said, with its place and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Told {
    /// How grave it is.
    pub severity: Severity,
    /// Where it is.
    #[serde(flatten)]
    pub place: Where,
    /// What it is.
    pub what: String,
    /// What can be done; empty where nothing needs to be.
    pub remedy: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.severity, self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl Told {
    /// Whether any of them is an error.
    pub fn any_error(told: &[Self]) -> bool {
        told.iter().any(|one| one.severity == Severity::Error)
    }
}
