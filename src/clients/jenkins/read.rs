//! What is on a server: who we are there, jobs and folders, builds, the queue, reports, artifacts.

use std::path::Path;

use reqwest::Url;
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;

use super::{
    Error, ErrorKind, SECTION, Server,
    wire::{self, BUILD, CASES, JOB, QUEUE},
};
use crate::model::{
    Timestamp,
    jenkins::{Build, Job, JobPath, Waiting},
    pipeline::TestReport,
    printable,
};

/// Jenkins tells so many builds of a job without reading all of them.
const NEWEST: u32 = 100;
/// A build that is looked for by its queue id is among the last so many.
const FAR: u32 = 1000;

/// Who answers, and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// Its version; empty where what answers does not say that it is a Jenkins.
    pub version: String,
    /// Who we are to it.
    pub user: String,
    /// We are nobody to it.
    pub anonymous: bool,
    /// The groups that we are in.
    pub groups: Vec<String>,
    /// What time it has.
    pub at: Option<Timestamp>,
}

/// What became of an item of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queued {
    /// It waits, for that reason.
    Waits(String),
    /// It is that build.
    Began(u64),
    /// Somebody took it out.
    Withdrawn,
    /// Nobody knows it any more.
    Forgotten,
}

impl Server {
    /// Who answers, and who we are to it.
    ///
    /// # Errors
    /// When it cannot be reached or does not let us in.
    pub async fn who(&self) -> Result<Who, Error> {
        let doing = format!("asking {}", self.spec.name);
        let url = self.url(["whoAmI", "api", "json"]);
        let response = self.get(&doing, url).await?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(printable)
        };
        let version = header("x-jenkins").unwrap_or_default();
        let at = header("date").and_then(|text| {
            let read = jiff::fmt::rfc2822::parse(&text).ok()?;
            Some(read.timestamp())
        });
        let me: wire::Me = self.understand(&doing, response).await?;
        Ok(Who {
            version,
            user: printable(&me.name),
            anonymous: me.anonymous,
            groups: me.authorities,
            at,
        })
    }

    /// What is in a folder, or at the top of all.
    ///
    /// # Errors
    /// When it cannot be reached, or there is no such folder.
    pub async fn jobs(&self, folder: Option<&JobPath>) -> Result<Vec<Job>, Error> {
        let (doing, url) = match folder {
            Some(folder) => (
                format!("listing {}", self.called(folder)),
                self.below(folder, &[]),
            ),
            None => (
                format!("listing the jobs of {}", self.spec.name),
                self.url([]),
            ),
        };
        let tree = format!("jobs[{JOB},lastBuild[{BUILD}]]");
        let found: Result<wire::Jobs, Error> = self.read(&doing, url, &tree).await;
        let found = found.map_err(|error| self.hinted(error))?;
        let mut jobs: Vec<Job> = found.jobs.into_iter().filter_map(wire::Job::read).collect();
        jobs.sort_by(|a, b| crate::model::natural(a.path.as_str(), b.path.as_str()));
        Ok(jobs)
    }

    /// One job.
    ///
    /// # Errors
    /// When it cannot be reached, or there is no such job.
    pub async fn job(&self, job: &JobPath) -> Result<Job, Error> {
        let doing = format!("reading {}", self.called(job));
        let tree = format!("{JOB},lastBuild[{BUILD}]");
        let read: Result<wire::Job, Error> = self.read(&doing, self.below(job, &[]), &tree).await;
        let read = read.map_err(|error| self.hinted(error))?.read();
        read.ok_or_else(|| Error::new(ErrorKind::Wrong, &doing, "it has no name"))
    }

    fn hinted(&self, error: Error) -> Error {
        match error.kind {
            ErrorKind::Missing => {
                error.with(format!("see `wharf jenkins jobs {}`", self.spec.name))
            }
            _ => error,
        }
    }

    /// The newest builds of a job.
    ///
    /// # Errors
    /// When it cannot be reached, or there is no such job.
    pub async fn builds(&self, job: &JobPath, newest: u32) -> Result<Vec<Build>, Error> {
        let doing = format!("reading the builds of {}", self.called(job));
        let field = if newest > NEWEST {
            "allBuilds"
        } else {
            "builds"
        };
        let tree = format!("{field}[{BUILD}]{{0,{newest}}}");
        let read: Result<wire::Builds, Error> =
            self.read(&doing, self.below(job, &[]), &tree).await;
        let read = read.map_err(|error| self.hinted(error))?;
        let builds = read.builds.into_iter().chain(read.all_builds);
        Ok(builds.map(wire::Build::read).collect())
    }

    /// One build.
    ///
    /// # Errors
    /// When it cannot be reached, or there is no such build.
    pub async fn build(&self, job: &JobPath, number: u64) -> Result<Build, Error> {
        let doing = format!("reading build {number} of {}", self.called(job));
        let url = self.below(job, &[&number.to_string()]);
        let read: wire::Build = self.read(&doing, url, BUILD).await?;
        Ok(read.read())
    }

    /// The last build of a job that is over; none when none is.
    ///
    /// # Errors
    /// When it cannot be reached, or there is no such job.
    pub async fn last_over(&self, job: &JobPath) -> Result<Option<Build>, Error> {
        let doing = format!("reading the last build of {}", self.called(job));
        let url = self.below(job, &["lastCompletedBuild"]);
        let read: Result<wire::Build, Error> = self.read(&doing, url, BUILD).await;
        match read {
            Ok(build) => Ok(Some(build.read())),
            // That there is no such job is something else than that none of its builds is over.
            Err(error) if error.kind == ErrorKind::Missing => self.job(job).await.map(|_| None),
            Err(error) => Err(error),
        }
    }

    /// The build that an item of the queue became, by that: also when the item was forgotten.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn build_of(&self, job: &JobPath, queued: u64) -> Result<Option<u64>, Error> {
        for newest in [NEWEST, FAR] {
            let builds = self.builds(job, newest).await?;
            let found = builds.iter().find(|build| build.queued == queued);
            if found.is_some() || builds.len() < newest as usize {
                return Ok(found.map(|build| build.number));
            }
        }
        Ok(None)
    }

    /// What waits.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn queue(&self) -> Result<Vec<Waiting>, Error> {
        let doing = format!("reading the queue of {}", self.spec.name);
        let read: wire::Queue = self.read(&doing, self.url(["queue"]), QUEUE).await?;
        Ok(read.items.into_iter().map(wire::Item::read).collect())
    }

    /// What became of an item of the queue.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn queued(&self, id: u64) -> Result<Queued, Error> {
        let doing = format!("reading {id} in the queue of {}", self.spec.name);
        let url = self.url(["queue", "item", &id.to_string()]);
        let read: Result<wire::Item, Error> = self.read(&doing, url, "").await;
        match read {
            Ok(item) => Ok(match (&item.executable, item.cancelled) {
                (Some(build), _) => Queued::Began(build.number),
                (None, true) => Queued::Withdrawn,
                (None, false) => Queued::Waits(item.read().why),
            }),
            Err(error) if error.kind == ErrorKind::Missing => Ok(Queued::Forgotten),
            Err(error) => Err(error),
        }
    }

    /// What the tests of a build said; none when it has no report.
    ///
    /// # Errors
    /// When it cannot be reached, or the report is not understood.
    pub async fn report(&self, job: &JobPath, number: u64) -> Result<Option<TestReport>, Error> {
        let doing = format!(
            "reading the report of build {number} of {}",
            self.called(job)
        );
        let url = self.below(job, &[&number.to_string(), "testReport"]);
        let tree = format!("{CASES},childReports[result[{CASES}]]");
        let read: Result<wire::Report, Error> = self.read(&doing, url, &tree).await;
        match read {
            Ok(report) => Ok(Some(report.read())),
            Err(error) if error.kind == ErrorKind::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn artifact(&self, job: &JobPath, number: u64, path: &str) -> Url {
        let number = number.to_string();
        let head = [number.as_str(), "artifact"];
        let parts: Vec<&str> = head.into_iter().chain(path.split('/')).collect();
        self.below(job, &parts)
    }

    /// Brings a file that a build kept to this machine; answers how many bytes it has. Nobody ever sees half of it.
    ///
    /// # Errors
    /// When it cannot be reached or written, or its path leads elsewhere.
    pub async fn save(
        &self,
        job: &JobPath,
        number: u64,
        path: &str,
        below: &Path,
    ) -> Result<u64, Error> {
        let doing = format!("saving {path} of build {number} of {}", self.called(job));
        let failed = |why: String| Error::new(ErrorKind::Wrong, &doing, why);
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
        if !path.split('/').all(is_part) {
            return Err(failed("its path leads elsewhere".to_owned()));
        }
        let to = below.join(path);
        let part = to.with_file_name(format!(
            ".{}.part",
            to.file_name().unwrap_or_default().to_string_lossy()
        ));
        let unwritten = |error: std::io::Error| failed(format!("{}: {error}", to.display()));
        let mut response = self.get(&doing, self.artifact(job, number, path)).await?;
        if let Some(parent) = to.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(unwritten)?;
        }
        let mut file = tokio::fs::File::create(&part).await.map_err(unwritten)?;
        let mut size = 0;
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| Error::of_request_to(SECTION, &doing, &error));
            let written = match chunk {
                Ok(None) => break,
                Ok(Some(chunk)) => {
                    size += chunk.len() as u64;
                    file.write_all(&chunk).await.map_err(unwritten)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                drop(tokio::fs::remove_file(&part).await);
                return Err(error);
            }
        }
        file.sync_all().await.map_err(unwritten)?;
        tokio::fs::rename(&part, &to).await.map_err(unwritten)?;
        Ok(size)
    }

    /// What nobody may see of what opens it.
    pub async fn hidden(&self) -> Vec<String> {
        self.login.hidden().await
    }
}
