//! Jenkins: how a server is reached, what is on it, and what is done there.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};

use super::Timestamp;

/// What stands wherever somebody could believe more.
pub const CHECKED: &str =
    "checked against a stub and third-party clients, not yet against a live Jenkins";

/// A server that the configuration describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JenkinsSpec {
    /// What it is called.
    pub name: Arc<str>,
    /// Its address, without a slash at the end: `https://ci.example.org/jenkins`.
    pub url: Arc<str>,
    /// Who we are to it.
    pub login: JenkinsLogin,
    /// The authority that signed its certificate, a PEM file; none for those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// Whatever certificate it shows is taken.
    pub skip_verify: bool,
    /// The environment whose policy holds for it.
    pub environment: Option<Arc<str>>,
    /// Nothing may be changed there.
    pub read_only: bool,
}

/// Who we are to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JenkinsLogin {
    /// Nobody.
    #[default]
    Nobody,
    /// A user with a token: it needs no crumb.
    Token {
        /// Who.
        user: Arc<str>,
        /// Where the token is.
        kept: Kept,
    },
    /// A user with a password: what changes something needs a crumb, and the session that the crumb is of.
    Password {
        /// Who.
        user: Arc<str>,
        /// Where the password is.
        kept: Kept,
    },
}

impl JenkinsLogin {
    /// Who.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::Token { user, .. } | Self::Password { user, .. } => Some(user),
        }
    }

    /// Where the secret is.
    pub fn kept(&self) -> Option<&Kept> {
        match self {
            Self::Nobody => None,
            Self::Token { kept, .. } | Self::Password { kept, .. } => Some(kept),
        }
    }
}

/// Where a secret is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In a file that nobody else may read.
    File(PathBuf),
    /// In a variable.
    Variable(Arc<str>),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "the variable {name}"),
        }
    }
}

/// A job or a folder by its whole name: `pay/regression`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct JobPath(Arc<str>);

impl JobPath {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names from the outermost folder on.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for JobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for JobPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl TryFrom<String> for JobPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for JobPath {
    type Err = String;

    /// Reads it as Jenkins names things (`Jenkins.checkGoodName`): nothing of `?*\@#^&|<>[]:;!$`, a per cent sign only as
    /// jobs of branches have it.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_matches('/');
        let is_bad = |c: char| c.is_control() || "?*\\@#^&|<>[]:;!$".contains(c);
        let is_part = |part: &str| {
            !part.trim().is_empty() && part != "." && part != ".." && !part.contains(is_bad)
        };
        if !text.split('/').all(is_part) {
            return Err(format!(
                "'{text}' is no job; write it with its folders, pay/regression"
            ));
        }
        Ok(Self(Arc::from(text)))
    }
}

/// A job of a server: `pay/regression@ci`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobAt {
    /// The job.
    pub job: JobPath,
    /// The server, as the configuration calls it.
    pub server: Arc<str>,
}

impl fmt::Display for JobAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.job, self.server)
    }
}

impl FromStr for JobAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((job, server)) = text.rsplit_once('@').filter(|(_, at)| !at.is_empty()) else {
            return Err("write it as JOB@SERVER, pay/regression@ci".to_owned());
        };
        Ok(Self {
            job: job.parse()?,
            server: Arc::from(server),
        })
    }
}

/// How a build ended, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BuildResult {
    /// All went well.
    Success,
    /// Tests failed.
    Unstable,
    /// It broke.
    Failure,
    /// It was not done, because of what came before.
    NotBuilt,
    /// Somebody stopped it.
    Aborted,
}

impl BuildResult {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Unstable,
        Self::Failure,
        Self::NotBuilt,
        Self::Aborted,
    ];

    /// Jenkins' word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Unstable => "UNSTABLE",
            Self::Failure => "FAILURE",
            Self::NotBuilt => "NOT_BUILT",
            Self::Aborted => "ABORTED",
        }
    }

    /// From its word, however it is spelled.
    pub fn parse(word: &str) -> Option<Self> {
        let is_it = |one: &Self| one.word().eq_ignore_ascii_case(word);
        Self::ALL.into_iter().find(is_it)
    }
}

impl fmt::Display for BuildResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A folder, or a job with what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its whole name.
    pub path: JobPath,
    /// Jenkins' word for what it is: `FreeStyleProject`, `WorkflowJob`, `Folder`.
    pub kind: String,
    /// It holds others.
    pub is_folder: bool,
    /// It can be built.
    pub buildable: bool,
    /// It waits in the queue.
    pub queued: bool,
    /// What it says of itself.
    pub about: String,
    /// The number of its next build.
    pub next: u64,
    /// What it asks for.
    pub parameters: Vec<JobParameter>,
    /// Its last build.
    pub last: Option<Build>,
}

/// A parameter of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobParameter {
    /// Its name.
    pub name: String,
    /// Jenkins' word for what it is: `String`, `Choice`, `Boolean`, `Password`.
    pub kind: String,
    /// What holds when nothing is said; none where Jenkins does not tell.
    pub default: Option<String>,
    /// What can be said; anything when empty.
    pub choices: Vec<String>,
    /// What it says of itself.
    pub about: String,
}

/// A build of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Build {
    /// Its number.
    pub number: u64,
    /// How it ended; none while it goes on.
    pub result: Option<BuildResult>,
    /// It goes on.
    pub building: bool,
    /// When it began.
    pub started: Timestamp,
    /// How long it took; 0 while it goes on.
    pub milliseconds: u64,
    /// The item of the queue that it was.
    pub queued: u64,
    /// Why it was begun.
    pub causes: Vec<String>,
    /// Who began it, by their accounts.
    pub users: Vec<String>,
    /// What it was given; secrets are not told by Jenkins.
    pub parameters: BTreeMap<String, String>,
    /// The files that it kept: their paths.
    pub artifacts: Vec<String>,
}

impl Build {
    /// How it is, in a word.
    pub fn word(&self) -> &'static str {
        match self.result {
            _ if self.building => "building",
            Some(result) => result.word(),
            None => "unknown",
        }
    }
}

/// What waits in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its number.
    pub id: u64,
    /// The job; empty where it is none.
    pub job: String,
    /// Why it waits.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// It waits for something that will not come by itself.
    pub stuck: bool,
    /// Who asked for it, by their accounts.
    pub users: Vec<String>,
    /// What it was given.
    pub parameters: BTreeMap<String, String>,
}

/// What is done on a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JenkinsAction {
    /// Begin a build.
    Run {
        /// Of which job.
        job: JobPath,
        /// What it is given.
        parameters: BTreeMap<String, String>,
        /// Its console is told until it ends.
        follow: bool,
    },
    /// Stop a build.
    Abort {
        /// Of which job.
        job: JobPath,
        /// Its number.
        build: u64,
    },
    /// Take out of the queue what has not begun.
    Withdraw {
        /// The number of the queue.
        queued: u64,
    },
}

impl fmt::Display for JenkinsAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { .. } => f.write_str("build"),
            Self::Abort { build, .. } => write!(f, "abort build {build}"),
            Self::Withdraw { queued } => write!(f, "take {queued} out of the queue"),
        }
    }
}

/// What is done on which server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct JenkinsStep {
    /// The server.
    pub server: Arc<str>,
    /// What is done there.
    pub action: JenkinsAction,
}

/// Where in the course of a build somebody is who follows it: kept together with the lines up to there, none of its
/// console is lost or told twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildPlace {
    /// The number of the queue.
    pub queued: u64,
    /// The number of the build, once it has one.
    #[serde(default)]
    pub build: Option<u64>,
    /// The console was read up to here: bytes as Jenkins counts them, which are not those that it gives out.
    #[serde(default)]
    pub at: u64,
    /// So many lines after that are known.
    #[serde(default)]
    pub skip: u64,
    /// What stood before `at` without an end of its line.
    #[serde(default)]
    pub rest: String,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn jobs_are_named_with_their_folders_and_server() {
        let at: JobAt = "pay/feature%2Fx@ci".parse().unwrap();
        assert_eq!(at.job.parts().collect::<Vec<_>>(), ["pay", "feature%2Fx"]);
        assert_eq!(
            (&*at.server, at.to_string()),
            ("ci", "pay/feature%2Fx@ci".to_owned())
        );
        assert_eq!("/pay/x/".parse::<JobPath>().unwrap().as_str(), "pay/x");
        for bad in [
            "", "pay", "pay@", "@ci", "a//b@ci", "../x@ci", "a#1@ci", "a?b@ci",
        ] {
            assert!(bad.parse::<JobAt>().is_err(), "{bad}");
        }
    }

    #[test]
    fn results_are_known_by_their_words() {
        for result in BuildResult::ALL {
            assert_eq!(BuildResult::parse(result.word()), Some(result));
            assert_eq!(
                BuildResult::parse(&result.word().to_lowercase()),
                Some(result)
            );
        }
        assert_eq!(BuildResult::parse("green"), None);
    }
}
