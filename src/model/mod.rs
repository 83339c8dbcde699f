//! The fleet as plain values: `Event` is the only way in, `Step` the only way out.

mod access;
mod amount;
pub mod app;
mod backup;
pub mod balancer;
mod built;
mod checkup;
mod clock;
mod container;
mod database_url;
mod discovery;
mod event;
mod exit;
mod feed;
mod fleet;
pub mod found;
pub mod freeze;
mod host;
pub mod jenkins;
mod log;
mod maintenance;
pub mod notify;
mod operation;
pub mod pipeline;
mod place;
mod redact;
pub mod registry;
pub mod release;
mod resource;
pub mod scaling;
mod schedule;
pub mod setting;
mod step;
mod subnet;
pub mod swarm;
mod text;
mod usage;

pub use access::{Access, Actor, Grant, Permission, Role, Spot};
pub use amount::{Amount, Unit};
pub use backup::{
    BackupName, Contents, FileEntry, FileKind, FileList, Manifest, Sum, Vault, VaultWay, file_part,
    stamp,
};
pub use balancer::{
    Admin, Backend, BalancerAction, BalancerKind, BalancerSpec, BalancerStep, Counters, Machine,
    NginxSpec, Rules, ServerName, Share, Slot, Standing, Verdict,
};
pub use built::{BuildRecord, Built, sample_builds};
pub use checkup::{Check, Finding, Mark, Said};
pub use clock::{Skew, moment, nanoseconds};
pub use container::{Attachment, Container, ContainerId, Health, Mac, Port, State};
pub use database_url::DatabaseUrl;
pub use discovery::{
    DiscoveryKind, DiscoverySpec, DiscoveryStep, EtcdSpec, FileSpec, Listed, ListedService,
    Listing, Placing, Publication,
};
pub use event::Event;
pub use exit::ending;
pub use feed::{Feed, LogRange, Payload, Process, Stream};
pub use fleet::{Fleet, Tally};
pub use host::{
    Endpoint, EndpointError, EngineInfo, EnvironmentSpec, Host, HostLoad, HostName, HostSpec, Link,
    Product, TlsFiles, Trouble, TroubleKind, Way,
};
pub use log::{LogBatch, LogText};
pub use maintenance::{Maintenance, Moved, Rested, Withdrawn};
pub use operation::{Operation, Origin, Outcome, Verification};
pub use place::{DatabasePlace, Place};
pub use redact::{MASK, is_secret_name, redact};
pub use registry::{RegistryAction, RegistrySpec, RemoteImage, Repository};
pub use resource::{DiskUsage, Image, ImageId, Network, Pool, Resource, Volume, split_tag};
pub use schedule::Schedule;
pub use setting::{Setting, Settings};
pub use step::{
    Action, Backup, Build, BuildArg, BuildSecret, BuildSource, Builder, BundledFile, BundledImage,
    ImageAction, Install, NetworkAction, NetworkSpec, NewVolume, Prune, SecretSource, Step,
    Subject, VolumeAction,
};
pub use subnet::{AddressPool, SiteRange, Span, Subnet, SubnetError, gaps};
pub use text::{ago, bytes, hex, natural, nearest, printable, size, span};
pub use usage::{History, Rates, Usage};

/// A moment, in UTC with nanoseconds. The model never asks a clock: time arrives as a message.
pub use jiff::Timestamp;
