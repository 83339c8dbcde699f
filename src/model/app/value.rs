//! Text in which secrets stand by reference: of variables, commands, probes and configs.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::model::{MASK, is_secret_name, redact};

/// The name of a secret that a deploy looks up: letters, digits and `_`, as a variable's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl TryFrom<String> for SecretName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| format!("'{text}' is no name of a secret"))
    }
}

impl SecretName {
    /// Takes a name; none when it is no variable's.
    pub fn new(name: &str) -> Option<Self> {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (begins && name.chars().all(fits)).then(|| Self(name.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text whose secrets are references. It is written as Compose writes it: `${NAME}` is a secret, `$$` a `$`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Value(Vec<Part>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Plain(String),
    Secret(SecretName),
}

/// Between these stands the name of a secret while a file is read. They are characters for private use, which no file
/// may hold.
const OPEN: char = '\u{F8F0}';
const CLOSE: char = '\u{F8F1}';

impl Value {
    /// A text without secrets.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() {
            return Self::default();
        }
        Self(vec![Part::Plain(text)])
    }

    /// A secret alone.
    pub fn secret(name: SecretName) -> Self {
        Self(vec![Part::Secret(name)])
    }

    /// What stands for a secret in a text while a file is read; [`Value::read`] makes a reference of it again.
    pub fn mark(name: &SecretName) -> String {
        format!("{OPEN}{name}{CLOSE}")
    }

    /// Whether a text has marks of secrets in it, which may stand in a [`Value`] only.
    pub fn is_marked(text: &str) -> bool {
        text.contains([OPEN, CLOSE])
    }

    /// Reads a text with marks of secrets.
    pub fn read(text: &str) -> Self {
        let mut value = Self::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            value.push(before);
            let (name, after) = after.split_once(CLOSE).unwrap_or((after, ""));
            match SecretName::new(name) {
                Some(name) => value.0.push(Part::Secret(name)),
                None => value.push(name),
            }
            rest = after;
        }
        value.push(rest);
        value
    }

    fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Plain(last)) => last.push_str(text),
            Some(Part::Secret(_)) | None => self.0.push(Part::Plain(text.to_owned())),
        }
    }

    /// The text, when no secret is in it.
    pub fn as_plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// The secrets in it, in order.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        self.0.iter().filter_map(|part| match part {
            Part::Secret(name) => Some(name),
            Part::Plain(_) => None,
        })
    }

    /// The text with its secrets, for a host and for nobody else. The error is a secret that is not known.
    pub fn resolve(
        &self,
        secret: impl Fn(&SecretName) -> Option<String>,
    ) -> Result<String, SecretName> {
        self.0.iter().try_fold(String::new(), |mut text, part| {
            match part {
                Part::Plain(plain) => text.push_str(plain),
                Part::Secret(name) => {
                    text.push_str(&secret(name).ok_or_else(|| name.clone())?);
                }
            }
            Ok(text)
        })
    }

    /// As Compose writes it, with `${NAME}` for a secret.
    pub fn written(&self) -> String {
        let part = |part: &Part| match part {
            Part::Plain(text) => text.replace('$', "$$"),
            Part::Secret(name) => format!("${{{name}}}"),
        };
        self.0.iter().map(part).collect()
    }

    /// For a screen: what looks like a secret is masked, references show their name.
    pub fn shown(&self) -> String {
        let part = |part: &Part| match part {
            Part::Plain(text) => redact(text).into_owned(),
            Part::Secret(name) => format!("${{{name}}}"),
        };
        self.0.iter().map(part).collect()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown(), f)
    }
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        value.written()
    }
}

impl TryFrom<String> for Value {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut value = Self::default();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            value.push(before);
            if let Some(after) = after.strip_prefix('$') {
                value.push("$");
                rest = after;
                continue;
            }
            let name = after.strip_prefix('{').and_then(|it| it.split_once('}'));
            let (name, after) = name.ok_or("a '$' stands alone")?;
            let name = SecretName::new(name).ok_or_else(|| format!("'{name}' is no name"))?;
            value.0.push(Part::Secret(name));
            rest = after;
        }
        value.push(rest);
        Ok(value)
    }
}

/// Variables with their values. Printing masks values whose name or look says that they are secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(pub BTreeMap<String, Value>);

impl Environment {
    /// A variable's value for a screen: masked when its name says that it is secret, unless it is a reference.
    pub fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| {
            let hide =
                is_secret_name(name) && value.as_plain().is_some_and(|text| !text.is_empty());
            let text = if hide { MASK.to_owned() } else { value.shown() };
            (name.as_str(), text)
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown()).finish()
    }
}
