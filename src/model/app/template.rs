//! A template as a plain value: what it is, what it asks, and what fits.

use std::{collections::BTreeMap, fmt};

use regex::Regex;

use super::{Spec, TemplateName, Visibility, units};

/// Parameters with what was said for them.
pub type Answers = BTreeMap<String, String>;

/// A Compose file with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path, as people name it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A template of a catalog.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// What it is called, everywhere.
    pub name: TemplateName,
    /// What it is called for people.
    pub title: String,
    /// Its version.
    pub version: String,
    /// What it is for, such as `database`.
    pub categories: Vec<String>,
    /// Whose it is.
    pub visibility: Visibility,
    /// A sign for it; empty for the usual one.
    pub icon: String,
    /// What it is, in a sentence or two.
    pub description: String,
    /// What else is to be known, such as what to do after the deploy.
    pub notes: String,
    /// What it asks.
    pub parameters: Vec<Parameter>,
    /// Digests of its images, by service.
    pub digests: BTreeMap<String, String>,
    /// The catalog that it is of.
    pub catalog: String,
    /// Its file.
    pub source: Source,
    /// The app that it makes when nothing is answered; none when that cannot be told.
    pub makes: Option<Spec>,
}

impl Template {
    /// The parameter of a name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|one| one.name == name)
    }
}

/// One thing that a template asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The variable that it is in the file.
    pub name: String,
    /// What people are asked.
    pub label: String,
    /// More about it.
    pub help: String,
    /// What fits.
    pub kind: ParameterKind,
    /// What it is when nothing is said.
    pub default: Option<String>,
    /// Something must be said, or stand as the default.
    pub required: bool,
    /// A secret that is made of so many characters when none is said.
    pub generate: Option<usize>,
    /// What the whole text must look like.
    pub pattern: Option<String>,
    /// The least: a number, or the length of a text.
    pub min: Option<i64>,
    /// The most.
    pub max: Option<i64>,
}

/// What fits a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// A port, from 1 to 65535.
    Port,
    /// `true` or `false`.
    Bool,
    /// One of these.
    Choice(Vec<Choice>),
    /// A text that nobody sees.
    Secret,
    /// A full path on the hosts.
    HostPath,
    /// An amount of bytes, such as `512m`.
    Size,
    /// A length of time, such as `30s`.
    Duration,
}

/// One of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What stands in the file.
    pub value: String,
    /// What people see.
    pub label: String,
}

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::Port => "port",
            Self::Bool => "bool",
            Self::Choice(_) => "choice",
            Self::Secret => "secret",
            Self::HostPath => "host-path",
            Self::Size => "size",
            Self::Duration => "duration",
        })
    }
}

impl Parameter {
    /// Whether a text fits. The error says what is expected; it never has the text of a secret in it.
    pub fn check(&self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return if self.required {
                Err("something has to be said".to_owned())
            } else {
                Ok(())
            };
        }
        if text.contains(['\u{f8f0}', '\u{f8f1}', '\0']) {
            return Err("it has a character that cannot be used".to_owned());
        }
        self.kind_fits(text)?;
        let measured = match &self.kind {
            ParameterKind::Int | ParameterKind::Port => text.parse().ok(),
            ParameterKind::Text | ParameterKind::Secret => i64::try_from(text.chars().count()).ok(),
            ParameterKind::Bool
            | ParameterKind::Choice(_)
            | ParameterKind::HostPath
            | ParameterKind::Size
            | ParameterKind::Duration => None,
        };
        let letters = matches!(self.kind, ParameterKind::Text | ParameterKind::Secret);
        let unit = if letters { " characters" } else { "" };
        match (measured, self.min, self.max) {
            (Some(is), Some(min), _) if is < min => return Err(format!("at least {min}{unit}")),
            (Some(is), _, Some(max)) if is > max => return Err(format!("at most {max}{unit}")),
            _ => {}
        }
        match self.pattern.as_deref().and_then(pattern) {
            Some(pattern) if !pattern.is_match(text) => {
                let pattern = self.pattern.as_deref().unwrap_or_default();
                Err(format!("it must look like {pattern}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn kind_fits(&self, text: &str) -> Result<(), String> {
        let expected = match &self.kind {
            ParameterKind::Text | ParameterKind::Secret => return Ok(()),
            ParameterKind::Int if text.parse::<i64>().is_ok() => return Ok(()),
            ParameterKind::Int => "a whole number",
            ParameterKind::Port if text.parse::<u16>().is_ok_and(|port| port > 0) => return Ok(()),
            ParameterKind::Port => "a port from 1 to 65535",
            ParameterKind::Bool if matches!(text, "true" | "false") => return Ok(()),
            ParameterKind::Bool => "true or false",
            ParameterKind::Choice(choices) => {
                if choices.iter().any(|one| one.value == text) {
                    return Ok(());
                }
                let all: Vec<&str> = choices.iter().map(|one| one.value.as_str()).collect();
                return Err(format!("one of {}", all.join(", ")));
            }
            ParameterKind::HostPath if text.starts_with('/') && !text.contains(':') => {
                return Ok(());
            }
            ParameterKind::HostPath => "a full path such as /srv/data",
            ParameterKind::Size if units::bytes(text).is_some() => return Ok(()),
            ParameterKind::Size => "an amount such as 512m",
            ParameterKind::Duration if units::duration(text).is_some() => return Ok(()),
            ParameterKind::Duration => "a time such as 30s",
        };
        Err(format!("{expected} is expected"))
    }
}

/// A pattern that the whole text has to fit; none when it is no regular expression.
pub fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{text})$")).ok()
}

/// A secret of letters and digits from random bytes, one for each character. Letters that are taken for others are left
/// out; of the 256 bytes each character has four or five.
pub fn generated(random: &[u8]) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    random
        .iter()
        .map(|byte| char::from(SIGNS[usize::from(*byte) % SIGNS.len()]))
        .collect()
}
