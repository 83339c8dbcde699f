//! What is done on a server: builds are begun and stopped, what waits is taken out of the queue.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use reqwest::header::LOCATION;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{Error, ErrorKind, Follower, Happening, Queued, Server, Servers};
use crate::model::{
    Said,
    jenkins::{BuildPlace, BuildResult, JenkinsAction, JenkinsStep, Job, JobPath},
    nearest,
};

/// What Jenkins calls a parameter that is a file.
const FILE: &str = "File";
/// The number of a build that begins at once is waited for so long.
const SOON: Duration = Duration::from_secs(8);
/// It is looked so often.
const LOOK: Duration = Duration::from_millis(500);

/// How a job was before a build of it was asked for: what came after is told from what was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The number that its next build was to have.
    pub next: u64,
    /// What waited for it.
    pub queued: Vec<u64>,
}

impl Servers {
    /// Does a step; answers what there is to say.
    ///
    /// # Errors
    /// When it cannot be done, or a build that was followed did not go well.
    pub async fn act(
        &self,
        step: &JenkinsStep,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<String, Error> {
        let server = self.open(&step.server)?;
        match &step.action {
            JenkinsAction::Run {
                job,
                parameters,
                follow,
            } => {
                let queued = server.trigger(job, parameters).await?;
                if *follow {
                    server.told(job, queued, say).await
                } else {
                    server.begun(job, queued).await
                }
            }
            JenkinsAction::Abort { job, build } => server.abort(job, *build).await,
            JenkinsAction::Withdraw { queued } => server.withdraw(*queued).await,
        }
    }
}

impl Server {
    /// How a job is now, and how it would be told that it was so.
    ///
    /// # Errors
    /// When it cannot be reached, or there is no such job.
    pub async fn before(&self, job: &JobPath) -> Result<(Job, Before), Error> {
        let facts = self.job(job).await?;
        let waiting = self.queue().await?;
        let queued = waiting.iter().filter(|one| one.job == job.as_str());
        let before = Before {
            next: facts.next,
            queued: queued.map(|one| one.id).collect(),
        };
        Ok((facts, before))
    }

    /// What was asked for since then, with these parameters and by us: by the numbers of the queue.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn since(
        &self,
        job: &JobPath,
        before: &Before,
        given: &BTreeMap<String, String>,
    ) -> Result<Vec<u64>, Error> {
        let user = self.spec.login.user();
        let is_ours = |users: &[String], told: &BTreeMap<String, String>| {
            let by_us = user.is_none_or(|user| users.iter().any(|one| one == user));
            let same = |(name, value): (&String, &String)| {
                told.get(name).is_none_or(|known| known == value)
            };
            by_us && given.iter().all(same)
        };
        let waiting = self.queue().await?;
        let waiting = waiting
            .into_iter()
            .filter(|one| one.job == job.as_str() && is_ours(&one.users, &one.parameters));
        let mut found: Vec<u64> = waiting.map(|one| one.id).collect();
        let builds = self.builds(job, 100).await?;
        let builds = builds.into_iter().filter(|build| {
            build.number >= before.next && is_ours(&build.users, &build.parameters)
        });
        found.extend(builds.map(|build| build.queued));
        found.retain(|id| !before.queued.contains(id));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Refuses what Jenkins would drop without a word.
    ///
    /// # Errors
    /// When a parameter is none of the job's, or cannot have that value.
    pub fn fits(&self, job: &Job, given: &BTreeMap<String, String>) -> Result<(), Error> {
        let called = self.called(&job.path);
        let doing = format!("building {called}");
        for (name, value) in given {
            let Some(known) = job.parameters.iter().find(|one| one.name == *name) else {
                let names = job.parameters.iter().map(|one| one.name.as_str());
                let remedy = match nearest(name, names) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("see `wharf jenkins show {called}`"),
                };
                let why = format!("{called} has no parameter {name}, and Jenkins would drop it");
                return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
            };
            if known.kind == FILE {
                let why = format!("{name} of {called} is a file, and Wharf gives builds no files");
                let remedy = "leave it out, start that build in Jenkins, or have the job fetch the file itself";
                return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
            }
            if !known.choices.is_empty() && !known.choices.contains(value) {
                let why = format!("{name} cannot be '{value}'");
                let remedy = format!("one of {}", known.choices.join(", "));
                return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
            }
        }
        Ok(())
    }

    /// Asks for a build; answers the number of the queue.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses.
    pub async fn trigger(
        &self,
        job: &JobPath,
        given: &BTreeMap<String, String>,
    ) -> Result<u64, Error> {
        let facts = self.job(job).await?;
        self.ask(&facts, given).await
    }

    /// Asks for a build of a job that was looked at.
    ///
    /// # Errors
    /// As for [`Server::trigger`].
    pub async fn ask(&self, job: &Job, given: &BTreeMap<String, String>) -> Result<u64, Error> {
        self.fits(job, given)?;
        let doing = format!("building {}", self.called(&job.path));
        if job.is_folder {
            let why = "it is a folder";
            let remedy = format!("see `wharf jenkins jobs {} {}`", self.spec.name, job.path);
            return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
        }
        // A job with parameters takes `buildWithParameters` only, one without them `build` only.
        let way = if job.parameters.is_empty() {
            "build"
        } else {
            "buildWithParameters"
        };
        let form: Vec<(String, String)> = given
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let url = self.below(&job.path, &[way]);
        let response = self.post(&doing, url, &form).await?;
        let place = response.headers().get(LOCATION);
        let place = place.and_then(|place| place.to_str().ok());
        let id = place.and_then(|place| {
            let (_, rest) = place.split_once("/queue/item/")?;
            rest.split('/').next()?.parse().ok()
        });
        id.ok_or_else(|| {
            let why = format!("{} does not say where it waits", self.spec.name);
            let remedy = format!("see `wharf jenkins builds {}`", self.called(&job.path));
            Error::new(ErrorKind::Wrong, &doing, why).with(remedy)
        })
    }

    /// What is said of a build that was asked for: its number, if it begins soon.
    async fn begun(&self, job: &JobPath, queued: u64) -> Result<String, Error> {
        let asked = Instant::now();
        loop {
            match self.queued(queued).await? {
                Queued::Began(number) => return Ok(format!("build {number} began")),
                Queued::Withdrawn => return Ok("somebody took it out of the queue".to_owned()),
                Queued::Forgotten => {
                    return Ok(match self.build_of(job, queued).await? {
                        Some(number) => format!("build {number} began"),
                        None => format!("it is {queued} in the queue"),
                    });
                }
                Queued::Waits(why) if asked.elapsed() > SOON => {
                    return Ok(format!("it is {queued} in the queue: {why}"));
                }
                Queued::Waits(_) => sleep(LOOK).await,
            }
        }
    }

    /// Tells the console of a build that was asked for until it is over.
    async fn told(
        &self,
        job: &JobPath,
        queued: u64,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<String, Error> {
        let place = BuildPlace {
            queued,
            ..BuildPlace::default()
        };
        let doing = format!("building {}", self.called(job));
        let mut follower = Follower::new(self.clone(), job.clone(), place);
        loop {
            match follower.next().await? {
                Happening::Waits(why) => say(Said::Line(format!("— it waits: {why} —"))),
                Happening::Began(number) => say(Said::Line(format!("— build {number} —"))),
                Happening::Lines(lines, _) => {
                    for line in lines {
                        say(Said::Line(line));
                    }
                }
                Happening::Withdrawn => {
                    let why = "somebody took it out of the queue";
                    return Err(Error::new(ErrorKind::Refused, &doing, why));
                }
                Happening::Ended(build) => {
                    let text = format!("build {}: {}", build.number, build.word());
                    return match build.result {
                        Some(BuildResult::Success) => Ok(text),
                        _ => Err(Error::new(ErrorKind::Refused, &doing, text)),
                    };
                }
            }
        }
    }

    /// Stops a build.
    ///
    /// # Errors
    /// When it cannot be reached, refuses, or there is no such build.
    pub async fn abort(&self, job: &JobPath, number: u64) -> Result<String, Error> {
        let doing = format!("stopping build {number} of {}", self.called(job));
        let build = self.build(job, number).await.map_err(|error| Error {
            doing: doing.clone(),
            ..error
        })?;
        if !build.building {
            return Ok(format!("build {number} is over already ({})", build.word()));
        }
        let url = self.below(job, &[&number.to_string(), "stop"]);
        self.post(&doing, url, &[]).await?;
        Ok(format!("build {number} is told to end"))
    }

    /// Takes something out of the queue.
    ///
    /// # Errors
    /// When it cannot be reached, refuses, or nothing waits there.
    pub async fn withdraw(&self, id: u64) -> Result<String, Error> {
        let doing = format!("taking {id} out of the queue of {}", self.spec.name);
        match self.queued(id).await? {
            Queued::Waits(_) => {}
            Queued::Began(number) => {
                let why = format!("it is build {number} already");
                let remedy = "`wharf jenkins abort` with its job stops it";
                return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
            }
            Queued::Withdrawn => return Ok("somebody else took it out".to_owned()),
            Queued::Forgotten => {
                let remedy = format!("see `wharf jenkins queue {}`", self.spec.name);
                let why = "it does not wait there";
                return Err(Error::new(ErrorKind::Missing, &doing, why).with(remedy));
            }
        }
        let mut url = self.url(["queue", "cancelItem"]);
        url.query_pairs_mut().append_pair("id", &id.to_string());
        match self.post(&doing, url, &[]).await {
            // Older ones send to a page that is not there.
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::Missing => {}
            Err(error) => return Err(error),
        }
        Ok(format!("{id} is taken out of the queue"))
    }
}
