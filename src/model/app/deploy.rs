//! How a service is spread over hosts, updated and kept within bounds: Compose's `deploy`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{duration, is_default};

/// How many replicas, where, within which bounds, and how they are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deploy {
    /// Replicas, or one on every host.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: DeployMode,
    /// How many replicas; none for one (also of `scale`).
    #[serde(skip_serializing_if = "is_default")]
    pub replicas: Option<u32>,
    /// How a Swarm reaches them: `vip` or `dnsrr`.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint_mode: Option<String>,
    /// Labels of the service (Swarm), not of its containers.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Bounds and guarantees.
    #[serde(skip_serializing_if = "is_default")]
    pub resources: Resources,
    /// When a replica that ended is started again (Swarm; on plain hosts when `restart` says nothing).
    #[serde(skip_serializing_if = "is_default")]
    pub restart: Option<RestartWish>,
    /// How replicas are replaced by those of a new release.
    #[serde(skip_serializing_if = "is_default")]
    pub update: Option<Update>,
    /// How they are replaced when an update is taken back.
    #[serde(skip_serializing_if = "is_default")]
    pub rollback: Option<Update>,
    /// On which hosts they may run.
    #[serde(skip_serializing_if = "is_default")]
    pub placement: Placement,
}

/// Replicas, one on every host, or jobs that end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployMode {
    /// So many of it.
    #[default]
    Replicated,
    /// One on every host.
    Global,
    /// So many that run to their end.
    ReplicatedJob,
    /// One on every host that runs to its end.
    GlobalJob,
}

/// Bounds and guarantees of one replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// More it does not get (also of `cpus`, `mem_limit` and `pids_limit`).
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// So much is kept for it (also of `mem_reservation`).
    #[serde(skip_serializing_if = "is_default")]
    pub reservations: Limits,
    /// Devices that are kept for it, such as graphics cards (also of `gpus`).
    #[serde(skip_serializing_if = "is_default")]
    pub devices: Vec<DeviceRequest>,
    /// Countable things that the cluster's operator named, with how many (Swarm).
    #[serde(skip_serializing_if = "is_default")]
    pub generic: BTreeMap<String, i64>,
}

/// An amount of processor, memory and processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Processors in billionths, as engines take them: half a processor is 500 000 000.
    #[serde(skip_serializing_if = "is_default")]
    pub nano_cpus: Option<u64>,
    /// Memory in bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: Option<u64>,
    /// Processes.
    #[serde(skip_serializing_if = "is_default")]
    pub pids: Option<i64>,
}

/// A wish for devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceRequest {
    /// Who gives them, such as `nvidia`; none for whoever can.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: Option<String>,
    /// How many; none for all, when no ids are said.
    #[serde(skip_serializing_if = "is_default")]
    pub count: Option<u32>,
    /// Which.
    #[serde(skip_serializing_if = "is_default")]
    pub ids: Vec<String>,
    /// What they must be able to do, such as `gpu`.
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Vec<String>,
    /// Options of the driver.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, String>,
}

/// When a replica that ended is started again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestartWish {
    /// `none`, `on-failure` or `any`.
    #[serde(skip_serializing_if = "is_default")]
    pub condition: Option<String>,
    /// How long is waited before.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub delay: Option<Duration>,
    /// How often it is tried.
    #[serde(skip_serializing_if = "is_default")]
    pub max_attempts: Option<u64>,
    /// How long it must run to count as started.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub window: Option<Duration>,
}

/// How replicas are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Update {
    /// How many at once; none for one, 0 for all.
    #[serde(skip_serializing_if = "is_default")]
    pub parallelism: Option<u32>,
    /// How long is waited between.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub delay: Option<Duration>,
    /// What is done when one fails.
    #[serde(skip_serializing_if = "is_default")]
    pub on_failure: Option<Failure>,
    /// How long a new one is watched before it counts as good.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub monitor: Option<Duration>,
    /// Which share may fail, from 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub max_failure_ratio: Option<f64>,
    /// Whether the old goes first, or the new comes first.
    #[serde(skip_serializing_if = "is_default")]
    pub order: Option<Order>,
}

/// What is done when an update fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Go on.
    Continue,
    /// Take it back.
    Rollback,
    /// Stop there.
    Pause,
}

/// Which goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The old one stops before the new one starts.
    StopFirst,
    /// The new one runs before the old one stops.
    StartFirst,
}

/// On which hosts replicas may run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Placement {
    /// What must hold of a node, such as `node.labels.zone==a`.
    #[serde(skip_serializing_if = "is_default")]
    pub constraints: Vec<String>,
    /// Labels of nodes over whose values replicas are spread, the first one first.
    #[serde(skip_serializing_if = "is_default")]
    pub spread: Vec<String>,
    /// How many replicas one node may have.
    #[serde(skip_serializing_if = "is_default")]
    pub max_per_node: Option<u64>,
}
