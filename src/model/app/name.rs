//! Names of apps, services and images, checked where they come in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is no such name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is no name of {what}: {why}")]
pub struct NameError {
    what: &'static str,
    name: String,
    why: &'static str,
}

/// The name of an app: small letters and digits, then also `-` and `_` (Compose's rule for projects), so that it can be
/// part of the names of containers and networks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(String);

/// The name of a service in its app: letters and digits, then also `.`, `-` and `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

/// The name of a template; the rule of apps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TemplateName(String);

/// A reference to an image: `repository[:tag][@digest]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference(String);

impl AppName {
    /// Takes a name that follows the rule.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        check(
            "an app",
            name,
            fits,
            "small letters, digits, '-' and '_' only",
        )?;
        Ok(Self(name.to_owned()))
    }

    /// The nearest name that follows the rule, as Compose makes one of a directory's; none when nothing is left.
    pub fn nearest(text: &str) -> Option<Self> {
        let name: String = text
            .to_ascii_lowercase()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .collect();
        Self::new(name.trim_start_matches(['-', '_'])).ok()
    }
}

impl ServiceName {
    /// What the second service is called that is tried beside it in a Swarm.
    pub fn canary(&self) -> String {
        format!("{}-canary", self.0)
    }
}

impl TemplateName {
    /// Takes a name that follows the rule.
    pub fn new(name: &str) -> Result<Self, NameError> {
        AppName::new(name)
            .map(|name| Self(name.0))
            .map_err(|error| NameError {
                what: "a template",
                ..error
            })
    }
}

impl ServiceName {
    /// Takes a name that follows the rule.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        check(
            "a service",
            name,
            fits,
            "letters, digits, '.', '-' and '_' only",
        )?;
        Ok(Self(name.to_owned()))
    }
}

fn check(
    what: &'static str,
    name: &str,
    fits: impl Fn(char) -> bool,
    rule: &'static str,
) -> Result<(), NameError> {
    let why = match name.chars().next() {
        None => "it is empty",
        Some('.' | '-' | '_') => "it must begin with a letter or digit",
        Some(_) if name.len() > 128 => "it is longer than 128 bytes",
        Some(_) if !name.chars().all(fits) => rule,
        Some(_) => return Ok(()),
    };
    let name = super::super::printable(name);
    Err(NameError { what, name, why })
}

impl ImageReference {
    /// Takes a reference. The repository is in small letters; a registry's host may have a port.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fail = |why| NameError {
            what: "an image",
            name: super::super::printable(text),
            why,
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let (repository, tag) = parts(name);
        if repository.is_empty() {
            return Err(fail("the repository is missing"));
        }
        let host = repository.split_once('/').map_or("", |(host, _)| host);
        let host = if host.contains(['.', ':']) { host } else { "" };
        let path = &repository[host.len()..];
        if path.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(fail("a repository is in small letters"));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
        if !path.chars().all(fits) {
            return Err(fail(
                "a repository has letters, digits, '.', '-', '_' and '/' only",
            ));
        }
        if path.ends_with('/') || path.contains("//") {
            return Err(fail("a part of the repository is empty"));
        }
        let tag_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if tag.is_some_and(|tag| tag.is_empty() || tag.len() > 128 || !tag.chars().all(tag_fits)) {
            return Err(fail("a tag is 1 to 128 letters, digits, '.', '-' and '_'"));
        }
        let digest_fits = |digest: &str| {
            digest
                .split_once(':')
                .is_some_and(|(kind, sum)| !kind.is_empty() && is_sum(sum))
        };
        if digest.is_some_and(|digest| !digest_fits(digest)) {
            return Err(fail("a digest is sha256: and 64 hexadecimal digits"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name without tag and digest.
    pub fn repository(&self) -> &str {
        parts(self.name()).0
    }

    /// The tag; none when none is said.
    pub fn tag(&self) -> Option<&str> {
        parts(self.name()).1
    }

    /// The digest, as `sha256:…`; none when none is said.
    pub fn digest(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, digest)| digest)
    }

    fn name(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(name, _)| name)
    }
}

fn is_sum(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Repository and tag; a registry's port is no tag.
fn parts(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        Some(_) | None => (name, None),
    }
}

macro_rules! is_text {
    ($name:ident) => {
        impl $name {
            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

is_text!(AppName);
is_text!(ServiceName);
is_text!(TemplateName);
is_text!(ImageReference);
