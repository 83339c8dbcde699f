//! How an image is built, as values. What opens something is never among what is shown.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};

use crate::model::{MASK, is_secret_name, redact};

/// An image that is to be built.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Build {
    /// The files it is built from.
    pub source: BuildSource,
    /// The Dockerfile; none for the one of the source.
    pub file: Option<PathBuf>,
    /// What it is to be called, each `repository:tag`.
    pub tags: Vec<Arc<str>>,
    /// Values for `ARG`.
    pub args: Vec<BuildArg>,
    /// The stage to build; none for the last.
    pub target: Option<Arc<str>>,
    /// Labels for it.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
    /// For which processors, `linux/arm64`.
    pub platform: Option<Arc<str>>,
    /// Nothing that was built before is used again.
    pub no_cache: bool,
    /// The images it is built on are asked for at their registries, even if they are there.
    pub pull: bool,
    /// Secrets that `RUN --mount=type=secret` may read.
    pub secrets: Vec<BuildSecret>,
    /// By what; none for BuildKit where the engine has it.
    pub builder: Option<Builder>,
}

/// Where the files of a build come from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum BuildSource {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A repository, fetched by the git of this machine.
    Git {
        /// Where it is, as git takes it.
        url: String,
        /// A branch, a tag or a commit; none for what it is at.
        reference: Option<String>,
        /// A directory in it.
        directory: Option<String>,
    },
}

/// A value for an `ARG` of a Dockerfile.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BuildArg {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
}

/// A secret that a build may read, and that stays in no layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct BuildSecret {
    /// What the Dockerfile calls it.
    pub id: Arc<str>,
    /// Where it is now.
    pub from: SecretSource,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// In a file of this machine.
    File(PathBuf),
    /// In a variable of this program's environment.
    Variable(Arc<str>),
}

/// What builds images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builder {
    /// The newer one: stages side by side, secrets, only files that changed are sent.
    Buildkit,
    /// The older one, which every engine has.
    Classic,
}

impl fmt::Display for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buildkit => "buildkit",
            Self::Classic => "classic",
        })
    }
}

impl FromStr for Builder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "buildkit" => Ok(Self::Buildkit),
            "classic" => Ok(Self::Classic),
            _ => Err("it is buildkit or classic".to_owned()),
        }
    }
}

/// What a repository on another machine is called by.
const SCHEMES: [&str; 5] = ["http://", "https://", "ssh://", "git://", "file://"];

impl FromStr for BuildSource {
    type Err = String;

    /// A directory, or a repository: a URL, `git@host:path`, or a path with `#`; behind it `REF:DIRECTORY`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (place, part) = match text.split_once('#') {
            Some((place, part)) => (place, Some(part)),
            None => (text, None),
        };
        if place.is_empty() {
            return Err("name a directory or a repository".to_owned());
        }
        let is_remote = SCHEMES.iter().any(|scheme| place.starts_with(scheme)) || is_scp(place);
        if !is_remote && place.contains("://") {
            return Err(format!(
                "'{}' is no repository: it begins with {}",
                redact(place),
                SCHEMES.join(", ")
            ));
        }
        if !is_remote && part.is_none() {
            return Ok(Self::Directory(PathBuf::from(place)));
        }
        let (reference, directory) = match part.unwrap_or("").split_once(':') {
            Some((reference, directory)) => (reference, directory),
            None => (part.unwrap_or(""), ""),
        };
        if reference.starts_with(['-', '+']) || reference.contains(char::is_whitespace) {
            return Err(format!("'{reference}' is no branch, tag or commit"));
        }
        if directory.split('/').any(|one| one == "..") || directory.starts_with('/') {
            return Err(format!("'{directory}' leads out of the repository"));
        }
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Self::Git {
            url: place.to_owned(),
            reference: said(reference),
            directory: said(directory),
        })
    }
}

/// Whether it is `user@host:path`.
fn is_scp(place: &str) -> bool {
    place.split_once(':').is_some_and(|(before, path)| {
        before.contains('@') && !before.contains('/') && !path.is_empty()
    })
}

/// As it is said, with secrets masked.
impl fmt::Display for BuildSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Git {
                url,
                reference,
                directory,
            } => {
                f.write_str(&redact(url))?;
                let is_local =
                    !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) && !is_scp(url);
                if reference.is_some() || directory.is_some() || is_local {
                    write!(f, "#{}", reference.as_deref().unwrap_or(""))?;
                }
                match directory {
                    Some(directory) => write!(f, ":{directory}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Debug for BuildSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for BuildSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl BuildArg {
    /// Whether its name says that it is a secret.
    pub fn is_secret(&self) -> bool {
        is_secret_name(&self.name)
    }
}

/// As it is said, masked where it is likely to be a secret.
impl fmt::Display for BuildArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_secret() {
            write!(f, "{}={MASK}", self.name)
        } else {
            write!(f, "{}={}", self.name, redact(&self.value))
        }
    }
}

impl fmt::Debug for BuildArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for BuildArg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for BuildArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self {
                name: Arc::from(name),
                value: Arc::from(value),
            }),
            Some(_) | None => Err("write NAME=VALUE".to_owned()),
        }
    }
}

impl fmt::Display for BuildSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id={},", self.id)?;
        match &self.from {
            SecretSource::File(path) => write!(f, "src={}", path.display()),
            SecretSource::Variable(name) => write!(f, "env={name}"),
        }
    }
}

impl FromStr for BuildSecret {
    type Err = String;

    /// `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`, as docker takes it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut id, mut from) = (None, None);
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("id", value)) if !value.is_empty() => id = Some(Arc::from(value)),
                Some(("src" | "source", value)) if !value.is_empty() => {
                    from = Some(SecretSource::File(PathBuf::from(value)));
                }
                Some(("env", value)) if !value.is_empty() => {
                    from = Some(SecretSource::Variable(Arc::from(value)));
                }
                Some(("type", "file" | "env")) => {}
                Some(_) | None => {
                    // What is wrong may be the secret itself.
                    return Err("write id=NAME,src=FILE or id=NAME,env=VARIABLE".to_owned());
                }
            }
        }
        match (id, from) {
            (Some(id), Some(from)) => Ok(Self { id, from }),
            (Some(_), None) => Err("say where it is: src=FILE or env=VARIABLE".to_owned()),
            (None, _) => Err("say what the Dockerfile calls it: id=NAME".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn sources_are_read_and_written() {
        let git = |url: &str, reference: Option<&str>, directory: Option<&str>| BuildSource::Git {
            url: url.to_owned(),
            reference: reference.map(str::to_owned),
            directory: directory.map(str::to_owned),
        };
        for (text, source) in [
            ("./shop", BuildSource::Directory("./shop".into())),
            ("a:b", BuildSource::Directory("a:b".into())),
            (
                "https://g.example/s.git",
                git("https://g.example/s.git", None, None),
            ),
            (
                "https://g.example/s.git#v1:web/api",
                git("https://g.example/s.git", Some("v1"), Some("web/api")),
            ),
            (
                "git@g.example:s.git#:web",
                git("git@g.example:s.git", None, Some("web")),
            ),
            (
                "ssh://g.example/s#main",
                git("ssh://g.example/s", Some("main"), None),
            ),
            ("../shop#main", git("../shop", Some("main"), None)),
            (".#", git(".", None, None)),
        ] {
            assert_eq!(text.parse(), Ok(source.clone()), "{text}");
            assert_eq!(source.to_string(), text);
        }
        for wrong in [
            "",
            "#main",
            "ext::sh -c x#",
            "s3://x",
            "x#-u",
            "x#a:../b",
            "x#a:/b",
        ] {
            let read: Result<BuildSource, _> = wrong.parse();
            let is_path =
                matches!(&read, Ok(BuildSource::Git { url, .. }) if url.starts_with("ext::"));
            assert!(read.is_err() || is_path, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let source: BuildSource = "https://ann:s3cret@g.example/s#main".parse().unwrap();
        let arg: BuildArg = "NPM_TOKEN=s3cret".parse().unwrap();
        let plain: BuildArg = "VERSION=1.2".parse().unwrap();
        let shown = format!(
            "{source} {source:?} {arg} {arg:?} {} {}",
            serde_json::to_string(&source).unwrap(),
            serde_json::to_string(&arg).unwrap()
        );
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(plain.to_string(), "VERSION=1.2");
    }

    #[test]
    fn secrets_are_named_by_where_they_are() {
        let read = |text: &str| text.parse::<BuildSecret>();
        assert_eq!(
            read("id=npm,src=/run/npm").unwrap().to_string(),
            "id=npm,src=/run/npm"
        );
        assert_eq!(
            read("env=TOKEN,id=npm").unwrap().to_string(),
            "id=npm,env=TOKEN"
        );
        for wrong in ["npm", "id=npm", "src=x", "id=npm,value=s3cret"] {
            let why = read(wrong).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
