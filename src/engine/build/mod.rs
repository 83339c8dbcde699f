//! Builds images: files of this machine, or of a repository, by BuildKit or by the engine's older builder.

mod base;
mod classic;
mod git;
mod ignore;
mod kit;
mod prepare;
mod proto;
mod recipe;
mod serve;
mod trace;
mod tree;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use self::git::Checkouts;
use self::prepare::Job;
use super::Engines;
use super::error::{Deed, Error, ErrorKind};
use super::session::{Api, Session};
use super::wire::{escape, query};
use crate::model::{Build, Builder, Built, Product, Said};

/// From this version of the API on engines have BuildKit.
const HAS_BUILDKIT: Api = Api(39);

/// A step may say nothing for so long; that a link is gone is noticed otherwise.
const QUIET: Duration = Duration::from_hours(6);

/// So often it is said how far it is.
const TOLD: Duration = Duration::from_millis(250);

/// The value of a variable of that name.
type Ask = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Who knows the variables of our environment, for secrets.
#[derive(Clone)]
pub struct Variables(Arc<Ask>);

impl Variables {
    /// Who answers, for a variable's name, with its value.
    pub fn new(ask: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

impl Default for Variables {
    /// Nobody: there are none.
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables")
    }
}

/// What builds need of this machine.
#[derive(Debug)]
pub(super) struct Ground {
    checkouts: Checkouts,
    variables: Variables,
}

impl Ground {
    /// With a directory for repositories.
    pub fn new(scratch: &Path, variables: Variables) -> Self {
        Self {
            checkouts: Checkouts::new(scratch.join("git")),
            variables,
        }
    }

    /// A variable of our environment.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variables.0)(name)
    }
}

/// The files of a repository at a commit; gone from this machine when it is dropped.
pub struct Repository(git::Held);

impl Repository {
    /// Where the files are.
    pub fn path(&self) -> PathBuf {
        self.0.checkout.tree()
    }

    /// The mail address of who made the commit, as it says.
    pub fn author(&self) -> &str {
        &self.0.checkout.author
    }

    /// The commit.
    pub fn commit(&self) -> &str {
        &self.0.checkout.commit
    }
}

impl Engines {
    /// Fetches a repository with the git of this machine: at a branch, a tag or a commit, else at what it is at.
    pub async fn check_out(
        &self,
        url: &str,
        reference: Option<&str>,
    ) -> Result<Repository, String> {
        let wanted = git::Wanted { url, reference };
        self.ground().checkouts.get(wanted).await.map(Repository)
    }

    /// The commit that a branch of a repository is at; none when it has no such branch.
    pub async fn branch_at(&self, url: &str, branch: &str) -> Result<Option<String>, String> {
        self.ground().checkouts.branch(url, branch).await
    }
}

/// A build that goes on.
#[derive(Clone, Copy)]
struct Building<'b> {
    engines: &'b Engines,
    session: &'b Session,
    build: &'b Build,
    job: &'b Job,
    deed: &'b Deed,
    say: &'b (dyn Fn(Said) + Sync),
}

/// Builds an image; answers what it is called and its id.
pub(super) async fn build(
    engines: &Engines,
    build: &Build,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let job = prepare::prepare(engines.ground(), build, say).await;
    let job = job.map_err(|why| deed.failed(ErrorKind::Local, why))?;
    let session = engines.session(deed).await?;
    let building = Building {
        engines,
        session: &session,
        build,
        job: &job,
        deed,
        say,
    };
    let id = building.run().await?;
    let built = Built {
        tags: build.tags.iter().map(ToString::to_string).collect(),
        size: building.size(&id).await,
        id,
        commit: job.commit.clone(),
    };
    Ok(built.to_string())
}

/// What is read of an image that was built.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    size: u64,
}

impl Building<'_> {
    async fn run(self) -> Result<String, Error> {
        let can = self.session.product == Product::Docker && self.session.api >= HAS_BUILDKIT;
        let needs_buildkit = |what: &str| Error {
            remedy: Some("build it on a host with Docker 18.09 or newer".to_owned()),
            ..self.deed.failed(ErrorKind::Unsupported, what)
        };
        let builder = match self.build.builder {
            Some(Builder::Buildkit) if !can => {
                return Err(needs_buildkit("the engine there has no BuildKit"));
            }
            Some(chosen) => chosen,
            None if can => Builder::Buildkit,
            None => Builder::Classic,
        };
        if builder == Builder::Classic && !self.build.secrets.is_empty() {
            return Err(needs_buildkit("only BuildKit can be given secrets"));
        }
        if self.session.product == Product::Podman {
            self.line(
                "Podman: if this is cancelled, the step that runs then comes to its end there",
            );
        }
        self.bases(builder).await?;
        let built = match builder {
            Builder::Buildkit => self.by_buildkit().await?,
            Builder::Classic => Some(self.by_classic().await?),
        };
        match built {
            Some(id) => Ok(id),
            None if self.build.builder.is_none() && self.build.secrets.is_empty() => {
                self.line("the engine there has no BuildKit: its older builder does it");
                self.by_classic().await
            }
            None => Err(needs_buildkit("the engine there has no BuildKit")),
        }
    }

    /// How large an image is, if the engine says.
    async fn size(self, id: &str) -> Option<u64> {
        let path = format!("/images/{}/json", escape(id));
        let asked = self.session.wire.get(path).json().await;
        asked.ok().map(|Inspected { size }| size)
    }

    /// Says a line without what is secret in it.
    fn line(&self, text: &str) {
        (self.say)(Said::Line(self.job.hide(text)));
    }

    /// What both builders are asked with.
    fn asked(&self, more: &[(&str, &str)]) -> String {
        let build = self.build;
        let pairs = |pairs: &mut dyn Iterator<Item = (String, String)>| {
            let map: serde_json::Map<_, _> =
                pairs.map(|(key, value)| (key, value.into())).collect();
            serde_json::Value::from(map).to_string()
        };
        let args = build.args.iter();
        let args = pairs(&mut args.map(|arg| (arg.name.to_string(), arg.value.to_string())));
        let labels = build.labels.iter();
        let labels = pairs(&mut labels.map(|(key, value)| (key.to_string(), value.to_string())));
        let mut asked: Vec<(&str, &str)> = more.to_vec();
        asked.extend(build.tags.iter().map(|tag| ("t", &**tag)));
        asked.extend([("buildargs", &*args), ("labels", &*labels)]);
        asked.extend([("rm", "1"), ("forcerm", "1")]);
        asked.extend(build.target.as_deref().map(|target| ("target", target)));
        asked.extend(build.platform.as_deref().map(|one| ("platform", one)));
        asked.extend(build.no_cache.then_some(("nocache", "1")));
        asked.extend(build.pull.then_some(("pull", "1")));
        format!("/build{}", query(&asked))
    }

    /// The error of a build that failed, with the place in the Dockerfile.
    fn failed(&self, step: Option<&str>, why: &str) -> Error {
        let why = self.job.hide(why.trim());
        let place = step.and_then(|step| self.job.recipe.find(step));
        let text = match (place, step) {
            (Some(one), _) => format!(
                "{}, line {}: {}: {why}",
                self.job.shown,
                one.line,
                shortened(&self.job.hide(&one.text))
            ),
            (None, Some(step)) => format!("{}: {why}", shortened(&self.job.hide(step))),
            (None, None) => why.clone(),
        };
        Error {
            remedy: base::remedy(&why, &self.deed.host),
            ..self.deed.failed(ErrorKind::Engine, text)
        }
    }
}

/// An instruction without its end, where it is long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
