//! Image registries: how one is reached, and how what is in one is named.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use secrecy::SecretString;
use serde::{Serialize, Serializer};

/// Docker's own registry, as names of images leave it out.
pub const HUB: &str = "docker.io";

/// The registry that a name of an image stands for: what stands before the first slash, if it looks like a machine.
pub fn registry_of(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => host,
        Some(_) | None => HUB,
    }
}

/// A registry that the configuration describes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySpec {
    /// Its host, with the port if it is not 443: `registry.example.org:5000`.
    pub host: Arc<str>,
    /// The authority that signed its certificate, a PEM file; none for those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// It is spoken to without TLS.
    pub plain: bool,
    /// Whatever certificate it shows is taken.
    pub skip_verify: bool,
}

/// What opens one registry.
#[derive(Clone, Debug)]
pub enum Key {
    /// A user's name and password.
    Password {
        /// Who.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token that stands for a login.
    Token(SecretString),
}

/// The key of a registry; none where none is known, or why that cannot be told.
pub type Opened = Result<Option<Key>, String>;

/// Who knows what opens registries, by their hosts. It may run programs and read files: it is asked on a thread of its own.
#[derive(Clone)]
pub struct Keys(Arc<dyn Fn(&str) -> Opened + Send + Sync>);

impl Keys {
    /// Who answers.
    pub fn new(ask: impl Fn(&str) -> Opened + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// What opens that registry.
    pub fn of(&self, registry: &str) -> Opened {
        (self.0)(registry)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Default for Keys {
    /// Nobody: registries are asked without a name.
    fn default() -> Self {
        Self::new(|_| Ok(None))
    }
}

/// A repository of a registry: `registry.example.org:5000/shop/api`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// The registry's host.
    pub registry: Arc<str>,
    /// Its path there.
    pub path: Arc<str>,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl FromStr for Repository {
    type Err = String;

    /// Reads `registry/path`; without a registry it is Docker's own, where a path of one part is below `library`.
    fn from_str(text: &str) -> Result<Self, String> {
        let registry = registry_of(text);
        let path = text
            .strip_prefix(registry)
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(text);
        let is_part = |part: &str| {
            let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            ends_well(part.chars().next())
                && ends_well(part.chars().next_back())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
        };
        if !path.split('/').all(is_part) {
            return Err(format!(
                "'{text}' is no repository; write it as registry.example.org:5000/shop/api"
            ));
        }
        let path = if registry == HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        Ok(Self {
            registry: Arc::from(registry),
            path: Arc::from(path),
        })
    }
}

/// What tells manifests of one repository apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A name that can be moved.
    Tag(Arc<str>),
    /// The sum of its bytes, `sha256:…`.
    Digest(Arc<str>),
}

impl Label {
    /// A tag or a digest, as it is written.
    pub fn as_str(&self) -> &str {
        let (Self::Tag(text) | Self::Digest(text)) = self;
        text
    }
}

/// A manifest in a registry: `registry.example.org:5000/shop/api:1.2`, or with `@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteImage {
    /// The repository.
    pub repository: Repository,
    /// Which of its manifests.
    pub label: Label,
}

impl fmt::Display for RemoteImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Label::Tag(tag) => write!(f, "{}:{tag}", self.repository),
            Label::Digest(digest) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

impl Serialize for RemoteImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for RemoteImage {
    type Err = String;

    /// Reads a name of an image; `latest` where it has neither a tag nor a digest.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((repository, digest)) = text.split_once('@') {
            // `app:1.2@sha256:…`: the digest says it all.
            let (repository, _) = super::split_tag(repository);
            let label = Label::Digest(Arc::from(digest));
            if !is_digest(digest) {
                return Err(format!(
                    "'{digest}' is no digest; write sha256: and 64 digits"
                ));
            }
            let repository = repository.parse()?;
            return Ok(Self { repository, label });
        }
        let (repository, tag) = super::split_tag(text);
        if !is_tag(tag) {
            return Err(format!("'{tag}' is no tag"));
        }
        Ok(Self {
            repository: repository.parse()?,
            label: Label::Tag(Arc::from(tag)),
        })
    }
}

/// Whether that is a digest as registries write it.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether that can be a tag.
pub fn is_tag(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// What is done in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryAction {
    /// Delete the manifests that these name, all of one repository. A registry deletes by digest, and with it goes
    /// every tag that holds it: it is not done while a tag holds it that is not named here.
    Delete {
        /// What names them.
        named: Vec<RemoteImage>,
    },
    /// Put the same manifest under another name, with all it is made of.
    Promote {
        /// Where it is.
        from: RemoteImage,
        /// Where it is to be.
        to: RemoteImage,
        /// The digest that it must have; else nothing is done.
        expect: Option<Arc<str>>,
    },
}

impl fmt::Display for RegistryAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete { .. } => f.write_str("delete"),
            Self::Promote { to, .. } => write!(f, "promote to {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let by_digest = format!("reg.example.org/a@{digest}");
        for (text, whole) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("shop/api:1.2", "docker.io/shop/api:1.2"),
            ("localhost/a", "localhost/a:latest"),
            ("reg.example.org:5000/a/b:1", "reg.example.org:5000/a/b:1"),
            ("reg:5000/a", "reg:5000/a:latest"),
            (&*by_digest, &*by_digest),
        ] {
            let read: RemoteImage = text.parse().unwrap();
            assert_eq!(read.to_string(), whole);
            assert_eq!(whole.parse::<RemoteImage>().unwrap(), read);
        }
        assert_eq!(
            format!("a:1@{digest}")
                .parse::<RemoteImage>()
                .unwrap()
                .to_string(),
            format!("docker.io/library/a@{digest}")
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "A/b",
            "a//b",
            "a:",
            "a@sha256:12",
            "-a",
            "a/../b",
            "a b",
        ] {
            assert!(text.parse::<RemoteImage>().is_err(), "{text}");
        }
    }
}
