//! What is known of images that were built: what a build left, and the list of builds as the log of acts has it.

use std::{fmt, str::FromStr};

use serde::Serialize;

use super::{
    HostName, Outcome, Timestamp,
    pipeline::{Cause, PipelineName, RunHeld, RunNumber, Status, StepName, Verb},
};

/// What came of a build. As text it stands in the log of acts: `shop:9, shop:latest is sha256:…, 4096 bytes, of commit 1f0c…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// What it is called; may be nothing.
    pub tags: Vec<String>,
    /// Its id on its host.
    pub id: String,
    /// How large it is, when the host says.
    pub size: Option<u64>,
    /// The commit that it was built of, when it was built of a repository.
    pub commit: Option<String>,
}

/// What stands between the names and the id.
const IS: &str = " is ";
/// What stands in the place of names where there are none.
const NAMELESS: &str = "an image without a name";
const BYTES: &str = " bytes";
const COMMIT: &str = "of commit ";

impl fmt::Display for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tags.as_slice() {
            [] => f.write_str(NAMELESS)?,
            tags => f.write_str(&tags.join(", "))?,
        }
        write!(f, "{IS}{}", self.id)?;
        if let Some(size) = self.size {
            write!(f, ", {size}{BYTES}")?;
        }
        match &self.commit {
            Some(commit) => write!(f, ", {COMMIT}{commit}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Built {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (names, rest) = text.split_once(IS).ok_or(())?;
        let mut parts = rest.split(", ");
        let id = parts.next().filter(|id| !id.is_empty()).ok_or(())?;
        let mut built = Self {
            tags: match names {
                NAMELESS => Vec::new(),
                names => names.split(", ").map(str::to_owned).collect(),
            },
            id: id.to_owned(),
            size: None,
            commit: None,
        };
        for part in parts {
            if let Some(size) = part.strip_suffix(BYTES) {
                built.size = size.parse().ok();
            } else if let Some(commit) = part.strip_prefix(COMMIT) {
                built.commit = Some(commit.to_owned());
            }
        }
        Ok(built)
    }
}

/// An image that was built on a host, or was to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildRecord {
    /// The number of the act in the log.
    pub operation: u64,
    /// When it began.
    pub at: Timestamp,
    /// Who said it.
    pub by: String,
    /// The directory or the repository that it was built of; of a pipeline, the directory of the workspace.
    pub source: String,
    /// The commit, when it is known.
    pub commit: Option<String>,
    /// What it was to be called, `shop:9`; may be nothing.
    pub tags: Vec<String>,
    /// Its digest in its registry or, where it was not pushed, its id.
    pub digest: Option<String>,
    /// How large it is, in bytes.
    pub size: Option<u64>,
    /// The host that built it.
    pub host: HostName,
    /// How it ended there.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long the act took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The run that it was built in.
    pub run: Option<RunNumber>,
    /// The step of that run.
    pub step: Option<StepName>,
    /// The pipeline of that run.
    pub pipeline: Option<PipelineName>,
}

impl BuildRecord {
    /// What tells it from all others: one act may build on several hosts.
    pub fn key(&self) -> (u64, HostName) {
        (self.operation, self.host.clone())
    }

    /// The image by its first name.
    pub fn image(&self) -> &str {
        self.tags.first().map_or("", String::as_str)
    }

    /// What it was built of: the pipeline with the run, or the directory or repository.
    pub fn origin(&self) -> String {
        match (&self.pipeline, self.run) {
            (Some(pipeline), Some(run)) => format!("{pipeline} {run}"),
            (None, Some(run)) => format!("run {run}"),
            (_, None) => self.source.clone(),
        }
    }

    /// The first digits of a digest or an id.
    pub fn short_digest(&self) -> &str {
        let digest = self.digest.as_deref().unwrap_or("");
        let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
        digits.get(..12).unwrap_or(digits)
    }
}

/// The builds of runs that are made up: those of their steps, and one that somebody said.
pub fn sample_builds(runs: &[RunHeld], now: Timestamp) -> Vec<BuildRecord> {
    let mut all = Vec::new();
    for held in runs {
        let run = &held.run;
        for (step, of) in run.steps.iter().zip(&run.pipeline.steps) {
            let (Verb::Build(verb), Some(at)) = (&of.verb, step.started) else {
                continue;
            };
            let outcome = match step.status {
                Status::Success => Outcome::Done {
                    detail: String::new(),
                },
                Status::Running => Outcome::Running,
                _ => Outcome::Failed {
                    done: 0,
                    failed: 1,
                    detail: format!("Dockerfile, line 7: RUN ./build.sh: {}", step.detail),
                },
            };
            let is_done = matches!(outcome, Outcome::Done { .. });
            let number = run.number.0;
            all.push(BuildRecord {
                operation: 10 * number + all.len() as u64 % 10,
                at,
                by: run.by.clone(),
                source: verb.context.clone(),
                commit: match &run.cause {
                    Cause::Push { commit, .. } => Some(commit.clone()),
                    _ => None,
                },
                tags: vec![verb.tag.replace("${COMMIT}", &format!("rt{number}"))],
                digest: is_done.then(|| format!("sha256:{:064x}", 0x51f0_c9a3_u64 * number)),
                size: is_done.then_some(48_300_000 + number * 12_345),
                host: run.host.clone().unwrap_or_else(|| HostName::new("ams-1")),
                outcome,
                duration_ms: step.ended.and_then(|_| step.milliseconds(now)),
                run: Some(run.number),
                step: Some(step.name.clone()),
                pipeline: Some(run.name().clone()),
            });
        }
    }
    let at = runs.last().map_or(now, |held| held.run.created);
    all.push(BuildRecord {
        operation: 3,
        at,
        by: "ann".to_owned(),
        source: "./shop".to_owned(),
        commit: None,
        tags: vec!["shop:0.9".to_owned()],
        digest: None,
        size: None,
        host: HostName::new("fra-1"),
        outcome: Outcome::Failed {
            done: 0,
            failed: 1,
            detail: "Dockerfile, line 3: RUN npm ci: exit code 1".to_owned(),
        },
        duration_ms: Some(8400),
        run: None,
        step: None,
        pipeline: None,
    });
    all.sort_by_key(|build| std::cmp::Reverse(build.operation));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_a_build_is_read_as_it_is_written() {
        for (tags, size, commit) in [
            (
                vec!["shop:9", "reg.example.org:5000/shop:latest"],
                Some(4096),
                Some("1f0c9a3e"),
            ),
            (vec!["shop:9"], None, None),
            (vec![], Some(1), None),
        ] {
            let built = Built {
                tags: tags.into_iter().map(str::to_owned).collect(),
                id: "sha256:00ff".to_owned(),
                size,
                commit: commit.map(str::to_owned),
            };
            assert_eq!(built.to_string().parse(), Ok(built));
        }
        assert_eq!("it is".parse::<Built>(), Err(()));
    }
}
