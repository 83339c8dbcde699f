//! An event: the only way in. What engines, the store and the clock tell.

use std::sync::Arc;

use super::{
    BuildRecord, Container, ContainerId, DiskUsage, EngineInfo, HostLoad, HostName, HostSpec,
    Image, Link, Maintenance, Network, Operation, Settings, Skew, State, Timestamp, Usage, Volume,
    Way,
    app::{Template, Told},
    pipeline::{Pipeline, RunHeld},
    release::Deploys,
    swarm::Swarm,
};

/// Something that happened or became known.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time went on.
    Tick(Timestamp),
    /// The configuration names these hosts now; others are forgotten.
    Hosts(Vec<HostSpec>),
    /// The way to a host is in another state.
    Link(HostName, Link),
    /// The opening of the way to a host has come to that step.
    Opening(HostName, Box<str>),
    /// The way in use to a host.
    Way(HostName, Way),
    /// The engine introduced itself.
    Engine(HostName, Box<EngineInfo>),
    /// The engine answered a ping after so many milliseconds, at that moment.
    Heard(HostName, Timestamp, Option<f32>),
    /// The host's clock was compared with ours.
    Skew(HostName, Skew),
    /// All containers of a host.
    Containers(HostName, Vec<Container>),
    /// One container changed or is new.
    Container(HostName, Box<Container>),
    /// One container is in another state; the rest is told after an inspection.
    ContainerState(HostName, ContainerId, State, Timestamp),
    /// A container is gone.
    ContainerGone(HostName, ContainerId),
    /// Samples of containers, batched.
    Usages(HostName, Vec<(ContainerId, Usage)>),
    /// The last line that a broken container logged.
    LastLine(HostName, ContainerId, Box<str>),
    /// The images of a host.
    Images(HostName, Vec<Image>),
    /// The networks of a host.
    Networks(HostName, Vec<Network>),
    /// The volumes of a host.
    Volumes(HostName, Vec<Volume>),
    /// `docker system df` of a host.
    Disk(HostName, DiskUsage),
    /// What a manager tells of its Swarm; none when the host is no manager.
    Swarm(HostName, Option<Box<Swarm>>),
    /// The load of a host.
    Load(HostName, HostLoad),
    /// These hosts are in maintenance, and no others.
    Maintenance(Vec<Arc<Maintenance>>),
    /// The store knows this of deploys.
    Deploys(Box<Deploys>),
    /// An act was recorded or ended, here or by somebody else.
    Operation(Box<Operation>),
    /// Another log of acts was begun or put in the place of the one that was told of: what was
    /// known is forgotten.
    AnotherLog,
    /// These acts wait to be recorded, because the log cannot be written; oldest first.
    Waiting(Vec<Operation>),
    /// The templates of all catalogs were read, and what could not be read was told.
    Templates(Arc<[Template]>, Arc<[Told]>),
    /// The files of pipelines were read, or could not be, and why.
    Pipelines(Result<Arc<[Arc<Pipeline>]>, Arc<str>>),
    /// The newest runs of pipelines were read, newest first, or could not be, and why.
    Runs(Result<Arc<[RunHeld]>, Arc<str>>),
    /// The newest builds of images, the newest first; or why they cannot be read.
    Builds(Result<Arc<[BuildRecord]>, Arc<str>>),
    /// What the console is told about itself was read anew.
    Settings(Box<Settings>),
}
