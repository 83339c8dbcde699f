//! Speaks with Docker hosts: connects, lists, follows, feeds and acts.

mod act;
mod actor;
mod address;
mod archive;
mod ask;
mod backoff;
pub mod backup;
mod build;
mod certificate;
mod checkup;
mod deploy;
mod df;
mod dial;
mod docker;
mod error;
mod events;
mod exec;
mod feeds;
mod follow;
mod image;
mod info;
mod inspect;
mod install;
mod lines;
mod list;
mod load;
mod logs;
mod machine;
mod network;
mod older;
mod outbox;
mod pipe;
mod placing;
mod probe;
mod prune;
mod registry;
mod resources;
mod rest;
mod session;
pub mod ssh;
mod stamp;
mod stats;
mod swarm;
mod switch;
mod task;
mod tls;
mod trouble;
mod volume;
mod watch;
mod wire;
mod yard;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

pub use crate::model::registry::Keys;
pub use build::{Repository, Variables};
pub use error::{Error, ErrorKind};
pub use exec::{Exec, ExecControl, ExecInput, ExecOutput, ExecSpec};
#[doc(hidden)]
pub use lines::LogReader;
pub use logs::{LogOptions, Logs};
pub use machine::Bytes;
pub use outbox::Room;
pub use rest::RestFacts;
pub use yard::{LogMark, StepLine, StepState, Yard, YardLog, YardService, YardStep};

use crate::model::{
    Action, ContainerId, Event, Feed, FileList, HostName, HostSpec, Install, Payload, Process,
    Said, Step, Trouble, Vault, VaultWay, VolumeAction,
};
use actor::Status;
use error::Deed;
use image::source::Spools;
use registry::{Command, Door};
use session::Session;

/// How long somebody who wants to act waits for a host that is being opened.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it may take after a loss until the host's way knows why.
const EXPLAINED: Duration = Duration::from_secs(2);

/// What engines tell.
#[derive(Clone, Debug)]
pub enum Signal {
    /// Something for the fleet.
    Event(Event),
    /// What a wanted feed brings, and the room it takes until it is taken in.
    Feed(Feed, Payload, Room),
}

/// How hosts are reached and how often they are asked what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The ssh transport.
    pub ssh: ssh::Settings,
    /// Engines opened at the same time over sockets and TCP; ssh counts its own logins.
    pub concurrent_connects: usize,
    /// How often what no event tells is asked for.
    pub pace: Pace,
    /// Between two pings of a host.
    pub heartbeat: Duration,
    /// Between two samples of containers that are not on the screen, per host.
    pub sampling: Duration,
    /// A directory of this machine with room for images on their way.
    pub scratch: PathBuf,
    /// The directories of backups, of which volumes are told when they were last backed up.
    pub vaults: Vec<PathBuf>,
    /// Where it is noted which backups there are in directories of other hosts; nowhere when empty.
    pub notes: PathBuf,
    /// Who makes backups here, for their manifests.
    pub operator: String,
    /// Who knows what opens image registries.
    pub keys: Keys,
    /// Who knows the variables of our environment, for the secrets of builds.
    pub variables: Variables,
}

impl Default for Settings {
    /// At most nine requests a minute and host while nothing happens.
    fn default() -> Self {
        Self {
            ssh: ssh::Settings::default(),
            concurrent_connects: 256,
            pace: Pace::default(),
            heartbeat: Duration::from_secs(20),
            sampling: Duration::from_secs(12),
            scratch: PathBuf::from("/var/tmp"),
            vaults: Vec::new(),
            notes: PathBuf::new(),
            operator: String::new(),
            keys: Keys::default(),
            variables: Variables::default(),
        }
    }
}

/// How often what no event tells is asked for; it may change while hosts are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two full lists of a host's containers; events tell what happens in between.
    pub resync: Duration,
    /// Between two looks at images, networks and volumes when nothing is known to have changed.
    pub resources: Duration,
    /// Between two readings of a host's load.
    pub load: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            resync: Duration::from_mins(1),
            resources: Duration::from_mins(1),
            load: Duration::from_secs(5),
        }
    }
}

/// The handle to all hosts; cheap to clone. When the last one is dropped, all connections end.
#[derive(Clone, Debug)]
pub struct Engines {
    commands: mpsc::UnboundedSender<Command>,
    spools: Arc<Spools>,
    ground: Arc<build::Ground>,
    keys: Keys,
    machines: Arc<machine::Machines>,
}

impl Engines {
    /// Starts with no hosts. What is learnt of hosts goes to `inbox`: changes of state wait for
    /// room in it, samples are dropped when there is none. Needs a tokio runtime around it.
    pub fn start(settings: Settings, inbox: mpsc::Sender<Signal>) -> Self {
        let (commands, orders) = mpsc::unbounded_channel();
        let spools = Arc::new(Spools::new(settings.scratch.clone()));
        let keys = settings.keys.clone();
        let ground = build::Ground::new(&settings.scratch, settings.variables.clone());
        tokio::spawn(registry::run(settings, inbox, orders));
        Self {
            commands,
            spools,
            ground: Arc::new(ground),
            keys,
            machines: Arc::default(),
        }
    }

    /// Who knows what opens image registries.
    fn keys(&self) -> Keys {
        self.keys.clone()
    }

    /// What builds need of this machine.
    fn ground(&self) -> &build::Ground {
        &self.ground
    }

    /// The archives of images that are in use now.
    fn spools(&self) -> &Spools {
        &self.spools
    }

    /// These are the hosts now: new ones are opened, others than these are let go. Hosts whose
    /// endpoint is the same are not disturbed. [`Event::Hosts`] comes before all that is told of them.
    pub fn set_hosts(&self, hosts: Vec<HostSpec>) {
        self.order(Command::Hosts(hosts));
    }

    /// Things are asked for so often from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.order(Command::Pace(pace));
    }

    /// This is wanted now: what is new begins, what is no longer wanted ends.
    pub fn want(&self, feeds: BTreeSet<Feed>) {
        self.order(Command::Want(feeds));
    }

    /// These are the hosts now, and none is opened: for what opens a way of its own.
    pub fn know_hosts(&self, hosts: Vec<HostSpec>) {
        self.order(Command::Known(hosts));
    }

    /// Tries a host that is offline now, instead of waiting for the next try; one that is online
    /// is listed anew.
    pub fn reconnect(&self, host: &HostName) {
        self.order(Command::Reconnect(host.clone()));
    }

    /// Does one step. What comes back says what there is to say beyond that it is done: how much
    /// was freed, that it was stopped already.
    ///
    /// A checkup and an installation open a way of their own, and say meanwhile how they go on.
    pub async fn act(&self, step: &Step, say: &(dyn Fn(Said) + Sync)) -> Result<String, Error> {
        match &step.action {
            Action::Examine => return self.examine(step, say).await,
            Action::Install(what) => return self.install(step, what, say).await,
            Action::Image(action) => {
                return match image::act(self, step, action, say).await {
                    Err(error) if error.kind == ErrorKind::Lost => Err(self.explained(error).await),
                    done => done,
                };
            }
            Action::Swarm(action) => {
                return match Box::pin(swarm::act(self, step, action, say)).await {
                    Err(error) if error.kind == ErrorKind::Lost => Err(self.explained(error).await),
                    done => done,
                };
            }
            Action::Start
            | Action::Stop { .. }
            | Action::Restart { .. }
            | Action::Pause
            | Action::Unpause
            | Action::Kill { .. }
            | Action::Remove { .. }
            | Action::Rename { .. }
            | Action::CopyIn { .. }
            | Action::CopyOut { .. }
            | Action::Exec { .. }
            | Action::Prune(_)
            | Action::Network(_)
            | Action::Volume(_)
            | Action::Registry(_)
            | Action::Balancer(_)
            | Action::Jenkins(_)
            | Action::Discovery(_)
            | Action::Deploy(_) => {}
        }
        if let Action::Volume(VolumeAction::Verify { backup, from }) = &step.action {
            let deed = act::deed(step);
            let common = self.common(&deed).await?;
            return backup::verify(&common, &deed, backup, from, say).await;
        }
        let session = self.session(&act::deed(step)).await?;
        let door = self.door(&step.host).await;
        let door = door.ok_or_else(|| act::deed(step).no_host())?;
        match act::act(&session, step, &door.common, say).await {
            Err(error) if error.kind == ErrorKind::Lost => Err(self.explained(error).await),
            done => done,
        }
    }

    /// Walks the way to a host and tells what it finds.
    async fn examine(&self, step: &Step, say: &(dyn Fn(Said) + Sync)) -> Result<String, Error> {
        let deed = act::deed(step);
        let door = self.door(&deed.host).await;
        let door = door.ok_or_else(|| deed.no_host())?;
        checkup::examine(&door.spec, &door.common, &|finding| {
            say(Said::Finding(finding));
        })
        .await
        .map_err(|why| deed.failed(ErrorKind::Offline, why))
    }

    /// Puts an engine on a host. Its link tells so meanwhile, and why it failed.
    async fn install(
        &self,
        step: &Step,
        what: &Install,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<String, Error> {
        let deed = act::deed(step);
        let door = self.door(&deed.host).await;
        let door = door.ok_or_else(|| deed.no_host())?;
        let mut working = install::Working::begin(&door);
        let done = install::install(&door.spec, what, &door.common, say).await;
        working.ended(done.as_ref().err().cloned());
        match done {
            Ok(text) => {
                self.reconnect(&deed.host);
                Ok(text)
            }
            Err(trouble) => Err(deed.fault(error::Fault::Way(trouble))),
        }
    }

    /// Runs a command in a container, or the best shell it has.
    pub async fn exec(
        &self,
        host: &HostName,
        id: &ContainerId,
        spec: ExecSpec,
    ) -> Result<Exec, Error> {
        let doing = match spec.command.first() {
            Some(command) => format!("run {command}"),
            None => "open a shell".to_owned(),
        };
        let deed = Deed::on(host, &doing, id.short());
        let session = self.session(&deed).await?;
        exec::exec(&session, id, spec, &deed).await
    }

    /// Opens the log of a container.
    pub async fn logs(
        &self,
        host: &HostName,
        id: &ContainerId,
        options: LogOptions,
    ) -> Result<Logs, Error> {
        let deed = Deed::on(host, "read the log", id.short());
        let session = self.session(&deed).await?;
        Logs::open(&session, id, options)
            .await
            .map_err(|fault| deed.fault(fault))
    }

    /// The whole inspection of a container.
    pub async fn inspect(
        &self,
        host: &HostName,
        id: &ContainerId,
    ) -> Result<Arc<serde_json::Value>, Error> {
        let deed = Deed::on(host, "inspect", id.short());
        let session = self.session(&deed).await?;
        ask::inspection(&session, id)
            .await
            .map_err(|fault| deed.fault(fault))
    }

    /// Column titles and processes of a container.
    pub async fn top(
        &self,
        host: &HostName,
        id: &ContainerId,
    ) -> Result<(Vec<Box<str>>, Vec<Process>), Error> {
        let deed = Deed::on(host, "list the processes", id.short());
        let session = self.session(&deed).await?;
        ask::top(&session, id)
            .await
            .map_err(|fault| deed.fault(fault))
    }

    /// Files of a container that differ from its image: `A`dded, `C`hanged, `D`eleted.
    pub async fn changes(
        &self,
        host: &HostName,
        id: &ContainerId,
    ) -> Result<Vec<(char, Box<str>)>, Error> {
        let deed = Deed::on(host, "compare files", id.short());
        let session = self.session(&deed).await?;
        ask::changes(&session, id)
            .await
            .map_err(|fault| deed.fault(fault))
    }

    /// The files of a volume, as far as they are read in reasonable time; nothing of it is kept here.
    pub async fn files(&self, host: &HostName, volume: &str) -> Result<FileList, Error> {
        let deed = Deed::on(host, "list the files", volume);
        let session = self.session(&deed).await?;
        let door = self.door(host).await.ok_or_else(|| deed.no_host())?;
        backup::files(&session, volume, &door.common.cleaning)
            .await
            .map_err(|fault| deed.fault(fault))
    }

    /// What is in a file of a volume.
    pub async fn file(&self, host: &HostName, volume: &str, path: &str) -> Result<Vec<u8>, Error> {
        let deed = Deed::on(host, &format!("read {path}"), volume);
        let session = self.session(&deed).await?;
        let door = self.door(host).await.ok_or_else(|| deed.no_host())?;
        backup::file(&session, volume, path, &door.common.cleaning, &deed).await
    }

    /// Waits until what was begun and broken off has been cleaned up on its hosts, for a while.
    pub async fn settle(&self, host: &HostName) {
        if let Some(door) = self.door(host).await {
            door.common.cleaning.done().await;
        }
    }

    /// Logs in to a host over ssh with a person at the terminal, which is in raw mode and not
    /// used by anybody else meanwhile; the host is tried again afterwards.
    pub async fn login(
        &self,
        host: &HostName,
        input: impl tokio::io::AsyncRead + Unpin + Send,
        output: impl tokio::io::AsyncWrite + Unpin + Send,
    ) -> Result<(), Trouble> {
        use crate::model::Endpoint;
        let no_ssh = |why: String| {
            trouble::trouble(
                crate::model::TroubleKind::Other,
                why,
                "there is nothing to log in to",
            )
        };
        let door = self
            .door(host)
            .await
            .ok_or_else(|| no_ssh(format!("there is no host {host}")))?;
        let Endpoint::Ssh {
            destination, port, ..
        } = &door.spec.endpoint
        else {
            return Err(no_ssh(format!("{host} is not reached over ssh")));
        };
        let done = door
            .common
            .ssh()?
            .login(destination, *port, input, output)
            .await;
        self.reconnect(host);
        done
    }

    fn order(&self, command: Command) {
        // The registry lives as long as a handle does.
        let _ = self.commands.send(command);
    }

    /// All backups in a directory, by host and volume, newest first; beside them the manifests that cannot be read, with
    /// the reason.
    pub async fn backups(
        &self,
        vault: &VaultWay,
    ) -> Result<(Vec<backup::vault::Found>, Vec<String>), Error> {
        let at = match &vault.vault {
            Vault::Here(_) => HostName::new("here"),
            Vault::On(host, _) => host.clone(),
        };
        let deed = Deed::on(&at, "list the backups in", &vault.vault.to_string());
        let common = self.common(&deed).await?;
        backup::all(&common, vault, &deed).await
    }

    async fn common(&self, deed: &Deed) -> Result<Arc<actor::Common>, Error> {
        let (reply, answer) = oneshot::channel();
        self.order(Command::Common(reply));
        answer.await.map_err(|_| deed.no_host())
    }

    async fn door(&self, host: &HostName) -> Option<Door> {
        let (reply, answer) = oneshot::channel();
        self.order(Command::Door(host.clone(), reply));
        answer.await.ok().flatten()
    }

    /// A loss with the reason that the host's own way has for it: a stream that broke in the
    /// middle of an act says only that it did.
    async fn explained(&self, error: Error) -> Error {
        let Some(mut door) = self.door(&error.host).await else {
            return error;
        };
        let is_offline = |status: &Status| matches!(status, Status::Offline(_));
        let status = tokio::time::timeout(EXPLAINED, door.status.wait_for(is_offline)).await;
        match status.ok().and_then(Result::ok).as_deref() {
            Some(Status::Offline(trouble)) => Error {
                why: trouble.reason.clone(),
                ..error
            },
            Some(Status::Connecting | Status::Online(_)) | None => error,
        }
    }

    /// The open way to a host; waits for one that is being opened.
    async fn session(&self, deed: &Deed) -> Result<Session, Error> {
        let Some(mut door) = self.door(&deed.host).await else {
            return Err(deed.no_host());
        };
        let decided = |status: &Status| !matches!(status, Status::Connecting);
        let status = tokio::time::timeout(PATIENCE, door.status.wait_for(decided)).await;
        match status.ok().and_then(Result::ok).as_deref() {
            Some(Status::Online(session)) => Ok(Session::clone(session)),
            Some(Status::Offline(trouble)) => Err(deed.fault(error::Fault::Way(trouble.clone()))),
            Some(Status::Connecting) | None => {
                Err(deed.failed(ErrorKind::Offline, "the host is still being connected to"))
            }
        }
    }
}
