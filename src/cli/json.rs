//! The shapes of `-o json`: stable for machines, apart from how the program keeps its facts.
//!
//! Times are RFC 3339 in UTC, sizes bytes, CPU percent of one core. What is not known is null.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    model::{
        Container, DiskUsage, Host, HostLoad, Image, Link, Maintenance, Network, Operation,
        Product, Setting, Timestamp, Usage, Volume,
    },
    ops::column::HostRow,
};

/// A container of `container list`.
#[derive(Serialize)]
pub(super) struct ContainerJson<'a> {
    target: String,
    host: &'a str,
    environment: Option<&'a str>,
    name: &'a str,
    id: &'a str,
    image: &'a str,
    image_id: &'a str,
    app: Option<&'a str>,
    service: Option<&'a str>,
    state: &'a str,
    /// Null without a health check.
    health: Option<&'a str>,
    exit_code: Option<i64>,
    restarts: Option<u64>,
    oom_killed: Option<bool>,
    created: Timestamp,
    /// Since when it is in its state.
    since: Option<Timestamp>,
    ports: Vec<PortJson<'a>>,
    networks: BTreeMap<&'a str, String>,
    /// Why it needs attention.
    trouble: Option<String>,
    last_line: Option<&'a str>,
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct PortJson<'a> {
    private: u16,
    public: Option<u16>,
    ip: &'a str,
    protocol: &'a str,
}

impl<'a> ContainerJson<'a> {
    pub fn of(host: &'a Host, container: &'a Container) -> Self {
        Self {
            target: format!("{}@{}", container.name, host.name()),
            host: host.name().as_str(),
            environment: host.spec.environment.as_deref(),
            name: &container.name,
            id: container.id.as_str(),
            image: &container.image,
            image_id: &container.image_id,
            app: container.app.as_deref(),
            service: container.service.as_deref(),
            state: container.state.word(),
            health: Some(container.health.word()).filter(|word| !word.is_empty()),
            exit_code: container.exit,
            restarts: container.restarts,
            oom_killed: container.oom_killed,
            created: container.created,
            since: container.since,
            ports: container
                .ports
                .iter()
                .map(|port| PortJson {
                    private: port.private,
                    public: port.public,
                    ip: &port.ip,
                    protocol: &port.protocol,
                })
                .collect(),
            networks: container
                .networks
                .iter()
                .map(|one| (&*one.network, one.address()))
                .collect(),
            trouble: container.trouble(),
            last_line: container.last_line.as_deref(),
            usage: container.usage,
        }
    }
}

/// A host of `host list` and `host show`.
#[derive(Serialize)]
pub(super) struct HostJson<'a> {
    target: String,
    name: &'a str,
    endpoint: String,
    environment: Option<&'a str>,
    groups: Vec<&'a str>,
    /// Where the configuration names it.
    source: &'a str,
    read_only: bool,
    state: &'static str,
    /// Since when it is in its state.
    since: Option<Timestamp>,
    /// Why it cannot be used, and what to do.
    reason: Option<&'a str>,
    remedy: Option<&'a str>,
    way: Option<&'static str>,
    engine: Option<EngineJson<'a>>,
    latency_ms: Option<f32>,
    /// Null until they were listed.
    containers: Option<CountJson>,
    load: Option<HostLoad>,
    disk: Option<DiskUsage>,
    /// That it is in maintenance: by whom, since when, and what was stopped.
    maintenance: Option<&'a Maintenance>,
}

#[derive(Serialize)]
struct EngineJson<'a> {
    product: Product,
    version: &'a str,
    api: &'a str,
    hostname: &'a str,
    os: &'a str,
    kernel: &'a str,
    arch: &'a str,
    cpus: u32,
    memory: u64,
    storage_driver: &'a str,
    root_dir: &'a str,
    cgroup_version: u8,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct CountJson {
    all: usize,
    running: usize,
    broken: usize,
}

impl<'a> HostJson<'a> {
    pub fn of(row: &HostRow<'a>) -> Self {
        let host = row.host;
        let trouble = host.link.trouble();
        Self {
            target: format!("@{}", host.name()),
            name: host.name().as_str(),
            endpoint: host.spec.endpoint.to_string(),
            environment: host.spec.environment.as_deref(),
            groups: host.spec.groups.iter().map(|group| &**group).collect(),
            source: &host.spec.source,
            read_only: host.spec.read_only,
            state: host.link.word(),
            since: since(&host.link),
            reason: trouble.map(|trouble| &*trouble.reason),
            remedy: trouble.map(|trouble| &*trouble.remedy),
            way: host.way.map(crate::model::Way::word),
            engine: host.engine.as_ref().map(|engine| EngineJson {
                product: engine.product,
                version: &engine.version,
                api: &engine.api,
                hostname: &engine.hostname,
                os: &engine.os,
                kernel: &engine.kernel,
                arch: &engine.arch,
                cpus: engine.cpus,
                memory: engine.memory,
                storage_driver: &engine.storage_driver,
                root_dir: &engine.root_dir,
                cgroup_version: engine.cgroup_version,
                warnings: &engine.warnings,
            }),
            latency_ms: host.latency_ms,
            containers: host.listed.then_some(CountJson {
                all: host.containers.len(),
                running: row.running,
                broken: row.broken,
            }),
            load: host.load,
            disk: host.disk,
            maintenance: host.maintenance.as_deref(),
        }
    }
}

fn since(link: &Link) -> Option<Timestamp> {
    match link {
        Link::Connecting { since }
        | Link::Online { since }
        | Link::Offline { since, .. }
        | Link::Installing { since } => Some(*since),
        Link::Unknown | Link::InstallFailed { .. } => None,
    }
}

/// An image, network or volume with the host it is on.
#[derive(Serialize)]
pub(super) struct OnHost<'a, T: Serialize> {
    host: &'a str,
    #[serde(flatten)]
    thing: &'a T,
}

impl<'a, T: Resource> OnHost<'a, T> {
    pub fn of(host: &'a Host, thing: &'a T) -> Self {
        Self {
            host: host.name().as_str(),
            thing,
        }
    }
}

/// What a host has beside containers.
pub(super) trait Resource: Serialize {}
impl Resource for Image {}
impl Resource for Network {}
impl Resource for Volume {}

/// An entry of `audit list`.
#[derive(Serialize)]
pub(super) struct OperationJson<'a> {
    /// Null while the entry waits beside the log.
    number: Option<u64>,
    time: Timestamp,
    operator: &'a str,
    place: &'a str,
    through: &'a str,
    sentence: &'a str,
    targets: &'a [String],
    reason: Option<&'a str>,
    outcome: &'static str,
    detail: &'a str,
    duration_ms: Option<u64>,
}

impl<'a> OperationJson<'a> {
    pub fn of(operation: &'a Operation) -> Self {
        Self {
            number: Some(operation.number).filter(|number| *number > 0),
            time: operation.at,
            operator: &operation.origin.operator,
            place: &operation.origin.place,
            through: &operation.origin.through,
            sentence: &operation.sentence,
            targets: &operation.targets,
            reason: operation.reason.as_deref(),
            outcome: operation.outcome.word(),
            detail: operation.outcome.detail(),
            duration_ms: operation.duration_ms,
        }
    }
}

/// A setting of `setting list`.
#[derive(Serialize)]
pub(super) struct SettingJson<'a> {
    name: &'a str,
    /// As it is written; empty columns and an empty line are the default.
    value: &'a str,
    default: &'a str,
    /// `default`, `wharf.toml:12`, `--start`.
    from: String,
    /// Its place in wharf.toml.
    key: &'a str,
    about: &'a str,
}

impl<'a> SettingJson<'a> {
    pub fn of(setting: &'a Setting) -> Self {
        Self {
            name: setting.key.name(),
            value: &setting.value,
            default: setting.key.default_value(),
            from: setting.source.to_string(),
            key: setting.key.path(),
            about: setting.key.about(),
        }
    }
}
