//! What steps of pipelines need of a Docker host: a workspace, services beside it, containers that run and their logs.
//!
//! All of a run goes by the label with its number, and each call may be made again: whoever goes on after somebody else
//! was killed finds what there is and takes it over.

mod body;
mod close;
mod files;
mod log;
mod look;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use log::YardLog;

use super::Engines;
use super::backup::{Helper, MOUNT};
use super::error::{Deed, Error, ErrorKind, Fault};
use super::image::trade;
use super::network;
use super::session::Session;
use super::wire::{escape, query};
use crate::model::pipeline::{RunTag, StepName};
use crate::model::{HostName, NetworkSpec, Timestamp};

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// Where the workspace is in each step.
const WORKSPACE: &str = "/workspace";

/// What we write on all that belongs to a run.
mod label {
    /// The number of the run.
    pub const RUN: &str = "io.wharf.run";
    /// The step.
    pub const STEP: &str = "io.wharf.step";
    /// Which attempt at the step.
    pub const ATTEMPT: &str = "io.wharf.attempt";
    /// The service beside the steps.
    pub const SERVICE: &str = "io.wharf.service";
    /// The cache, which outlives runs.
    pub const CACHE: &str = "io.wharf.cache";
}

/// What keeps a run's things together on its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yard {
    /// Where the run works.
    pub host: HostName,
    /// The run.
    pub run: RunTag,
}

impl Yard {
    /// What the workspace and the network are called.
    fn name(&self) -> String {
        format!("wharf-run-{}", self.run)
    }

    /// What the container of a step is called. (A service's ends with a word and not with a number.)
    fn step(&self, step: &StepName, attempt: u32) -> String {
        format!("{}.{step}.{attempt}", self.name())
    }

    /// What the container of a service is called.
    fn service(&self, service: &StepName) -> String {
        format!("{}.{service}.service", self.name())
    }

    fn deed(&self, doing: &str, to: &str) -> Deed {
        Deed::on(&self.host, doing, to)
    }
}

/// One attempt at a step that runs in a container.
#[derive(Clone, PartialEq, Eq)]
pub struct YardStep {
    /// The step.
    pub step: StepName,
    /// Which attempt at it.
    pub attempt: u32,
    /// What it runs in.
    pub image: String,
    /// Run one after another by `/bin/sh -e`, each shown first as `+ command`; the image's own command when there is none.
    pub commands: Vec<String>,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// More variables, which are told to nobody but the container.
    pub secrets: BTreeMap<String, String>,
    /// Caches by name, and where each one is in the container.
    pub cache: BTreeMap<String, String>,
    /// Where it begins, from the workspace on; in the workspace itself when it is not said.
    pub working_dir: Option<String>,
}

impl fmt::Debug for YardStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YardStep")
            .field("step", &self.step)
            .field("attempt", &self.attempt)
            .field("image", &self.image)
            .field("commands", &self.commands)
            .field("environment", &self.environment)
            .field("secrets", &self.secrets.keys())
            .field("cache", &self.cache)
            .field("working_dir", &self.working_dir)
            .finish()
    }
}

/// A container beside the steps, which they find by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YardService {
    /// What it is found by.
    pub name: StepName,
    /// What it runs in.
    pub image: String,
    /// What it runs; the image's own command when empty.
    pub command: Vec<String>,
    /// Variables.
    pub environment: BTreeMap<String, String>,
}

/// How far the container of a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// There is none.
    Missing,
    /// It was made and not started.
    Created,
    /// It runs.
    Running,
    /// It ended.
    Ended {
        /// Its exit code.
        code: i64,
        /// The kernel took it for its memory.
        oom: bool,
        /// When, by the host's clock.
        at: Option<Timestamp>,
    },
}

/// A line that a step said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLine {
    /// When, in nanoseconds since 1970 by the host's clock.
    pub at: i64,
    /// It came from standard error.
    pub error: bool,
    /// The line, made safe for a screen.
    pub text: String,
}

/// How far a log was read: from a time on, and how many lines of that time or later were taken of each stream. (The two
/// streams of a container overtake each other in its log, each one for itself is in order.) The default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMark {
    /// In nanoseconds since 1970 by the host's clock.
    pub at: i64,
    /// Lines of standard output.
    pub out: u32,
    /// Lines of standard error.
    pub err: u32,
}

impl Engines {
    /// Makes the workspace of a run, and starts its services in a network of their own. What is there already stays.
    pub async fn yard_open(&self, yard: &Yard, services: &[YardService]) -> Result<(), Error> {
        let name = yard.name();
        let deed = yard.deed("make the workspace", &name);
        let session = self.session(&deed).await?;
        make_volume(&session, yard, &deed).await?;
        if services.is_empty() {
            return Ok(());
        }
        let network = make_network(&session, yard).await?;
        for service in services {
            let name = yard.service(&service.name);
            let deed = yard.deed("start the service", &name);
            let ours = [
                (label::RUN, yard.run.to_string()),
                (label::SERVICE, service.name.to_string()),
            ];
            let body = body::service(yard, service, &network);
            let made = Making {
                engines: self,
                session: &session,
                name: &name,
                image: &service.image,
                ours: &ours,
                deed: &deed,
            };
            if made.make(&body).await? != StepState::Running {
                start(&session, &name, &deed).await?;
            }
        }
        Ok(())
    }

    /// Puts what is in a directory of this machine into the workspace, with its modes and symbolic links; root owns it.
    /// Says how many bytes that were.
    pub async fn yard_fill(&self, yard: &Yard, directory: &Path) -> Result<u64, Error> {
        let deed = yard.deed("fill the workspace", &yard.name());
        let (session, helper) = self.reach_in(yard, &deed).await?;
        let filled = files::fill(&session, helper.name(), directory, &deed).await;
        helper.remove().await;
        filled
    }

    /// Brings what is at a path of the workspace into a directory of this machine, which is made where it is missing: the
    /// files of a directory, or a file under its own name. Links that lead out of it are left out. Says how many bytes
    /// that were.
    pub async fn yard_fetch(&self, yard: &Yard, path: &str, into: &Path) -> Result<u64, Error> {
        let deed = yard.deed(&format!("fetch {path} from the workspace"), &yard.name());
        let inside = files::inside(path).map_err(|why| deed.failed(ErrorKind::Rejected, why))?;
        let (session, helper) = self.reach_in(yard, &deed).await?;
        let place = format!("{MOUNT}{inside}");
        let fetched = files::fetch(&session, helper.name(), &place, into, &deed).await;
        helper.remove().await;
        fetched
    }

    /// Runs an attempt at a step. One that was made before is taken over: it is started where it was not, and nothing
    /// happens to one that runs or has ended.
    pub async fn yard_step(&self, yard: &Yard, step: &YardStep) -> Result<StepState, Error> {
        let done = Box::pin(self.run_step(yard, step)).await;
        // Engines repeat what they do not understand.
        done.map_err(|error| Error {
            why: step.hide(&error.why),
            remedy: error.remedy.map(|text| step.hide(&text)),
            ..error
        })
    }

    async fn run_step(&self, yard: &Yard, step: &YardStep) -> Result<StepState, Error> {
        let name = yard.step(&step.step, step.attempt);
        let deed = yard.deed("run the step", &name);
        let rejected = |why: String| deed.failed(ErrorKind::Rejected, why);
        step.check().map_err(rejected)?;
        let session = self.session(&deed).await?;
        let fault = |fault| deed.fault(fault);
        let ours = owned(yard, &step.step, step.attempt);
        let made = Making {
            engines: self,
            session: &session,
            name: &name,
            image: &step.image,
            ours: &ours,
            deed: &deed,
        };
        let mut state = made.look().await?;
        if state == StepState::Missing {
            has_workspace(&session, yard, &deed).await?;
            let networks = look::networks(&session, &yard.run).await.map_err(fault)?;
            let body = body::step(yard, step, networks.first().map(String::as_str));
            state = made.make(&body).await?;
        }
        if state == StepState::Created {
            start(&session, &name, &deed).await?;
            state = made.look().await?;
        }
        Ok(state)
    }

    /// How far an attempt at a step is.
    pub async fn yard_state(
        &self,
        yard: &Yard,
        step: &StepName,
        attempt: u32,
    ) -> Result<StepState, Error> {
        let name = yard.step(step, attempt);
        let deed = yard.deed("look at the step", &name);
        let session = self.session(&deed).await?;
        look::state(&session, &name, &owned(yard, step, attempt), &deed).await
    }

    /// Opens the log of an attempt at a step, from where it was read to.
    pub async fn yard_log(
        &self,
        yard: &Yard,
        step: &StepName,
        attempt: u32,
        from: LogMark,
    ) -> Result<YardLog, Error> {
        YardLog::open(self.clone(), yard, step, attempt, from).await
    }

    /// Kills an attempt at a step. That it does not run is as good.
    pub async fn yard_stop(&self, yard: &Yard, step: &StepName, attempt: u32) -> Result<(), Error> {
        let name = yard.step(step, attempt);
        let deed = yard.deed("kill the step", &name);
        let session = self.session(&deed).await?;
        let state = look::state(&session, &name, &owned(yard, step, attempt), &deed).await?;
        if state != StepState::Running {
            return Ok(());
        }
        let path = format!("/containers/{name}/kill");
        match session.wire.post(path).within(DEADLINE).status().await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_missing() => Ok(()),
            Err(fault) => match deed.fault(fault) {
                // It ended by itself meanwhile.
                error if error.kind == ErrorKind::Conflict => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Removes all containers, the network and the workspace of a run; caches stay. That there is nothing is as good.
    pub async fn yard_close(&self, yard: &Yard) -> Result<(), Error> {
        let deed = yard.deed("clean up after the run", &yard.name());
        let session = self.session(&deed).await?;
        close::close(&session, yard, false, &deed).await
    }

    /// Removes all containers and the network of a run; its workspace stays, for whoever tries it again.
    pub async fn yard_rest(&self, yard: &Yard) -> Result<(), Error> {
        let deed = yard.deed("remove the containers of the run", &yard.name());
        let session = self.session(&deed).await?;
        close::close(&session, yard, true, &deed).await
    }

    /// The runs that have left something on a host.
    pub async fn yards(&self, host: &HostName) -> Result<Vec<RunTag>, Error> {
        let deed = Deed::on(host, "look for what runs left", "");
        let session = self.session(&deed).await?;
        let runs = look::runs(&session).await;
        runs.map_err(|fault| deed.fault(fault))
    }

    /// A helper that has the workspace in it.
    async fn reach_in(&self, yard: &Yard, deed: &Deed) -> Result<(Session, Helper), Error> {
        let session = self.session(deed).await?;
        has_workspace(&session, yard, deed).await?;
        let door = self.door(&yard.host).await.ok_or_else(|| deed.no_host())?;
        let cleaning = &door.common.cleaning;
        let helper = Helper::mount(&session, cleaning, &yard.name(), false, &[], deed).await?;
        Ok((session, helper))
    }
}

impl YardStep {
    /// Names that engines could take for something else.
    fn check(&self) -> Result<(), String> {
        let names = self.environment.keys().chain(self.secrets.keys());
        for name in names {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(format!("'{name}' cannot be the name of a variable"));
            }
        }
        match self.cache.iter().find(|(_, path)| !path.starts_with('/')) {
            Some((name, path)) => Err(format!(
                "the cache {name} is to be at '{path}', which is no absolute path"
            )),
            None => Ok(()),
        }
    }

    /// The text without what nobody shall read.
    fn hide(&self, text: &str) -> String {
        let secrets = self.secrets.values().filter(|value| !value.is_empty());
        secrets.fold(text.to_owned(), |text, value| text.replace(value, "***"))
    }
}

/// The labels by which an attempt at a step is ours.
fn owned(yard: &Yard, step: &StepName, attempt: u32) -> [(&'static str, String); 3] {
    [
        (label::RUN, yard.run.to_string()),
        (label::STEP, step.to_string()),
        (label::ATTEMPT, attempt.to_string()),
    ]
}

/// A container that is to be there.
struct Making<'m> {
    engines: &'m Engines,
    session: &'m Session,
    name: &'m str,
    image: &'m str,
    /// The labels by which it is ours.
    ours: &'m [(&'static str, String)],
    deed: &'m Deed,
}

impl Making<'_> {
    /// How far it is; an error when somebody else's has its name.
    async fn look(&self) -> Result<StepState, Error> {
        look::state(self.session, self.name, self.ours, self.deed).await
    }

    /// Makes it, unless it is there. It is not started.
    async fn make(&self, body: &Value) -> Result<StepState, Error> {
        let there = self.look().await?;
        if there != StepState::Missing {
            return Ok(there);
        }
        self.bring_image().await?;
        let path = format!("/containers/create{}", query(&[("name", self.name)]));
        let asked = self.session.wire.post(path).within(DEADLINE);
        match asked.json_body(body).status().await {
            Ok(_) => Ok(StepState::Created),
            // Another worker made it at the same moment, or it is somebody else's.
            Err(fault @ Fault::Refused { status: 409, .. }) => match self.look().await? {
                StepState::Missing => Err(self.deed.fault(fault)),
                there => Ok(there),
            },
            Err(fault) => Err(self.deed.fault(fault)),
        }
    }

    /// Has the engine pull the image if it does not have it.
    async fn bring_image(&self) -> Result<(), Error> {
        let path = format!("/images/{}/json", escape(self.image));
        match self.session.wire.get(path).within(DEADLINE).status().await {
            Ok(_) => return Ok(()),
            Err(fault) if fault.is_missing() => {}
            Err(fault) => return Err(self.deed.fault(fault)),
        }
        let pulled = Box::pin(trade::pull(self.engines, self.image, self.deed, &|_| {})).await;
        pulled.map(drop).map_err(|error| Error {
            why: format!(
                "the host does not have the image {}, and pulling it failed: {}",
                self.image, error.why
            ),
            remedy: Some(
                "bring it there with `image copy` or `image load`, or correct its name".to_owned(),
            ),
            ..error
        })
    }
}

/// Starts a container; one that runs already is left alone.
async fn start(session: &Session, name: &str, deed: &Deed) -> Result<(), Error> {
    let path = format!("/containers/{name}/start");
    let started = session.wire.post(path).within(DEADLINE).status().await;
    started.map(drop).map_err(|fault| deed.fault(fault))
}

/// Makes the volume of the workspace; the engine answers with the one that is there.
async fn make_volume(session: &Session, yard: &Yard, deed: &Deed) -> Result<(), Error> {
    let run = yard.run.as_str();
    let body = json!({"Name": yard.name(), "Labels": {(label::RUN): run}});
    let asked = session.wire.post("/volumes/create").within(DEADLINE);
    let made = asked.json_body(&body).json::<look::Volume>().await;
    let made = made.map_err(|fault| deed.fault(fault))?;
    if made.run().as_ref() == Some(&yard.run) {
        return Ok(());
    }
    Err(Error {
        remedy: Some(format!(
            "look at it, and remove or rename it: volume {}",
            yard.name()
        )),
        ..deed.failed(
            ErrorKind::Conflict,
            "there is a volume of that name that is not of a run",
        )
    })
}

/// An error unless the workspace is there: an engine would make an empty one for whoever mounts it.
async fn has_workspace(session: &Session, yard: &Yard, deed: &Deed) -> Result<(), Error> {
    let path = format!("/volumes/{}", yard.name());
    match session.wire.get(path).within(DEADLINE).status().await {
        Ok(_) => Ok(()),
        Err(fault) if fault.is_missing() => Err(Error {
            remedy: Some("start the run anew".to_owned()),
            ..deed.failed(
                ErrorKind::NotFound,
                "the workspace of the run is not on the host",
            )
        }),
        Err(fault) => Err(deed.fault(fault)),
    }
}

/// The id of the run's network, which is made where it is missing.
async fn make_network(session: &Session, yard: &Yard) -> Result<String, Error> {
    let name = yard.name();
    let deed = yard.deed("create the network", &name);
    let there = async || {
        let found = look::networks(session, &yard.run).await;
        found.map_err(|fault| deed.fault(fault))
    };
    if let Some(id) = there().await?.into_iter().next() {
        return Ok(id);
    }
    let spec = NetworkSpec {
        labels: [(label::RUN.into(), yard.run.to_string().into())].into(),
        ..NetworkSpec::default()
    };
    let made = network::create(session, &name, &spec, &deed).await;
    // Another worker may have made it at the same moment.
    match (there().await?.into_iter().next(), made) {
        (Some(id), _) => Ok(id),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(deed.failed(ErrorKind::Engine, "it was made and is not there")),
    }
}
