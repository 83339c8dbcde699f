//! A service: everything that its containers are made of.

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Behind, Deploy, Environment, ImageReference, LogGate, ServiceName, Value, duration, is_default,
};

/// A service of an app. What is none or empty is left to the image and the engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// The image; none when one has to be built.
    #[serde(skip_serializing_if = "is_default")]
    pub image: Option<ImageReference>,
    /// How the image is built. Recorded: a deploy takes images that are there.
    #[serde(skip_serializing_if = "is_default")]
    pub build: Option<Build>,
    /// When the image is fetched.
    #[serde(skip_serializing_if = "is_default")]
    pub pull_policy: Option<PullPolicy>,
    /// The platform of the image, such as `linux/amd64`.
    #[serde(skip_serializing_if = "is_default")]
    pub platform: Option<String>,
    /// Words instead of the image's command; empty words clear it.
    #[serde(skip_serializing_if = "is_default")]
    pub command: Option<Vec<Value>>,
    /// Words instead of the image's entrypoint; empty words clear it.
    #[serde(skip_serializing_if = "is_default")]
    pub entrypoint: Option<Vec<Value>>,
    /// Variables.
    #[serde(skip_serializing_if = "is_default")]
    pub environment: Environment,
    /// Ports that others reach, sorted.
    #[serde(skip_serializing_if = "is_default")]
    pub ports: Vec<Published>,
    /// Ports that are told to services of the same networks only, such as `80/tcp`, sorted.
    #[serde(skip_serializing_if = "is_default")]
    pub expose: Vec<String>,
    /// Volumes, directories and memory in its file system, sorted by where they are.
    #[serde(skip_serializing_if = "is_default")]
    pub mounts: Vec<Mount>,
    /// Volumes of other containers that it sees too, as Compose writes them.
    #[serde(skip_serializing_if = "is_default")]
    pub volumes_from: Vec<String>,
    /// The networks that it joins, by the app's names for them. Empty when `network_mode` is said.
    #[serde(skip_serializing_if = "is_default")]
    pub networks: BTreeMap<String, Joined>,
    /// A network that is not the app's.
    #[serde(skip_serializing_if = "is_default")]
    pub network_mode: Option<NetworkMode>,
    /// How its health is found out; none as the image says.
    #[serde(skip_serializing_if = "is_default")]
    pub healthcheck: Option<Healthcheck>,
    /// When the engine starts it again; none for never.
    #[serde(skip_serializing_if = "is_default")]
    pub restart: Option<Restart>,
    /// What must run before it.
    #[serde(skip_serializing_if = "is_default")]
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// Replicas, bounds, places, updates.
    #[serde(skip_serializing_if = "is_default")]
    pub deploy: Deploy,
    /// How it stands behind a load balancer.
    #[serde(skip_serializing_if = "is_default")]
    pub balancer: Option<Behind>,
    /// When its containers count as well, beside their health check.
    #[serde(skip_serializing_if = "is_default")]
    pub gate: LogGate,
    /// Labels of its containers.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of its containers.
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
    /// The one name that its container has; there can be only one replica on a host then.
    #[serde(skip_serializing_if = "is_default")]
    pub container_name: Option<String>,
    /// Who it runs as: a name or a number, and a group after `:`.
    #[serde(skip_serializing_if = "is_default")]
    pub user: Option<String>,
    /// Further groups.
    #[serde(skip_serializing_if = "is_default")]
    pub group_add: Vec<String>,
    /// Where it starts.
    #[serde(skip_serializing_if = "is_default")]
    pub working_dir: Option<String>,
    /// Its own name.
    #[serde(skip_serializing_if = "is_default")]
    pub hostname: Option<String>,
    /// The domain of that.
    #[serde(skip_serializing_if = "is_default")]
    pub domainname: Option<String>,
    /// Its hardware address.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_address: Option<String>,
    /// Names with addresses for its hosts file; `host-gateway` is the host.
    #[serde(skip_serializing_if = "is_default")]
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// Name servers.
    #[serde(skip_serializing_if = "is_default")]
    pub dns: Vec<String>,
    /// Domains in which short names are looked for.
    #[serde(skip_serializing_if = "is_default")]
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    #[serde(skip_serializing_if = "is_default")]
    pub dns_opt: Vec<String>,
    /// Capabilities beyond the usual, sorted.
    #[serde(skip_serializing_if = "is_default")]
    pub cap_add: Vec<String>,
    /// Usual capabilities that it does not get, sorted.
    #[serde(skip_serializing_if = "is_default")]
    pub cap_drop: Vec<String>,
    /// It may do on its host what root may.
    #[serde(skip_serializing_if = "is_default")]
    pub privileged: bool,
    /// Its own file system cannot be written.
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    /// Rules of SELinux, AppArmor and seccomp.
    #[serde(skip_serializing_if = "is_default")]
    pub security_opt: Vec<String>,
    /// Parameters of the kernel.
    #[serde(skip_serializing_if = "is_default")]
    pub sysctls: BTreeMap<String, String>,
    /// Bounds of its processes, by name.
    #[serde(skip_serializing_if = "is_default")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Devices of the host.
    #[serde(skip_serializing_if = "is_default")]
    pub devices: Vec<Device>,
    /// Rules for devices, such as `c 1:3 mr`.
    #[serde(skip_serializing_if = "is_default")]
    pub device_cgroup_rules: Vec<String>,
    /// A small init reaps its children and hands on signals; none as the engine does.
    #[serde(skip_serializing_if = "is_default")]
    pub init: Option<bool>,
    /// The signal that asks it to end.
    #[serde(skip_serializing_if = "is_default")]
    pub stop_signal: Option<String>,
    /// How long it may take to end before it is killed.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub stop_grace_period: Option<Duration>,
    /// Shared memory in bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub shm_size: Option<u64>,
    /// Memory and swap together in bytes; -1 for no bound of swap.
    #[serde(skip_serializing_if = "is_default")]
    pub memory_swap: Option<i64>,
    /// How readily its memory is swapped out, from 0 to 100.
    #[serde(skip_serializing_if = "is_default")]
    pub memory_swappiness: Option<i64>,
    /// Its share of the processors against others; 1024 is usual.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_shares: Option<i64>,
    /// The processors it may run on, such as `0-3`.
    #[serde(skip_serializing_if = "is_default")]
    pub cpuset: Option<String>,
    /// How readily it is killed when memory runs out, from -1000 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_score_adj: Option<i64>,
    /// It is not killed when memory runs out.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_kill_disable: bool,
    /// Whose processes it sees: `host`, `service:NAME`, `container:NAME`.
    #[serde(skip_serializing_if = "is_default")]
    pub pid: Option<String>,
    /// Whose shared memory it sees: `host`, `shareable`, `service:NAME`, ….
    #[serde(skip_serializing_if = "is_default")]
    pub ipc: Option<String>,
    /// Whose host name it has: `host`.
    #[serde(skip_serializing_if = "is_default")]
    pub uts: Option<String>,
    /// Whose users it has: `host`.
    #[serde(skip_serializing_if = "is_default")]
    pub userns_mode: Option<String>,
    /// Whose control groups it sees: `host` or `private`.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup: Option<String>,
    /// The control group above its own.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup_parent: Option<String>,
    /// What runs it, such as `runc` or `nvidia`.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: Option<String>,
    /// Options of the storage driver.
    #[serde(skip_serializing_if = "is_default")]
    pub storage_opt: BTreeMap<String, String>,
    /// Its input stays open.
    #[serde(skip_serializing_if = "is_default")]
    pub stdin_open: bool,
    /// It has a terminal.
    #[serde(skip_serializing_if = "is_default")]
    pub tty: bool,
    /// Where its output goes; none as the engine does.
    #[serde(skip_serializing_if = "is_default")]
    pub logging: Option<Logging>,
    /// It is part of the app only when one of these is asked for; always when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub profiles: Vec<String>,
    /// Configs that it sees as files.
    #[serde(skip_serializing_if = "is_default")]
    pub configs: Vec<FileUse>,
    /// Secrets that it sees as files.
    #[serde(skip_serializing_if = "is_default")]
    pub secrets: Vec<FileUse>,
}

impl Service {
    /// The first mount that two replicas on one machine would both write to.
    pub fn shared_mount(&self) -> Option<&Mount> {
        self.mounts.iter().find(|mount| {
            let is_shared = match &mount.kind {
                MountKind::Volume { source, .. } => source.is_some(),
                MountKind::Bind { .. } => true,
                MountKind::Tmpfs { .. } => false,
            };
            is_shared && !mount.read_only
        })
    }

    /// All its texts that may hold secrets.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let probe = match &self.healthcheck {
            Some(Healthcheck::Probe(probe)) => probe.test.iter(),
            Some(Healthcheck::Disabled) | None => None.iter(),
        };
        let words = self.command.iter().chain(&self.entrypoint).chain(probe);
        words.flatten().chain(self.environment.0.values())
    }

    /// When the engine is to start its containers by itself: as `restart` says, else as `deploy` does.
    pub fn restarts(&self) -> Option<Restart> {
        self.restart.or_else(|| {
            let wish = self.deploy.restart.as_ref()?;
            Some(match wish.condition.as_deref() {
                Some("none") => Restart::No,
                Some("on-failure") => {
                    let most = wish.max_attempts.and_then(|most| u32::try_from(most).ok());
                    Restart::OnFailure(most)
                }
                Some(_) | None => Restart::UnlessStopped,
            })
        })
    }

    /// How many replicas are wanted, where their number is said or one is meant.
    pub fn replicas(&self) -> u32 {
        self.deploy.replicas.unwrap_or(1)
    }
}

/// How an image is built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Build {
    /// The directory or address of what goes in.
    #[serde(skip_serializing_if = "is_default")]
    pub context: String,
    /// The Dockerfile in it; none for `Dockerfile`.
    #[serde(skip_serializing_if = "is_default")]
    pub dockerfile: Option<String>,
    /// The text of a Dockerfile instead.
    #[serde(skip_serializing_if = "is_default")]
    pub dockerfile_inline: Option<String>,
    /// Which of its stages.
    #[serde(skip_serializing_if = "is_default")]
    pub target: Option<String>,
    /// Arguments; none as a value for the builder's own variable.
    #[serde(skip_serializing_if = "is_default")]
    pub args: BTreeMap<String, Option<String>>,
    /// Labels of the image.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Further names of the image.
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    /// For which platforms.
    #[serde(skip_serializing_if = "is_default")]
    pub platforms: Vec<String>,
}

/// When an image is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullPolicy {
    /// Every time.
    Always,
    /// Never: it has to be there.
    Never,
    /// When it is not there.
    Missing,
    /// It is built.
    Build,
    /// When the one that is there is older than `daily`, `weekly` or `every_…` says.
    Older(String),
}

/// A port that others reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The port inside.
    pub container: u16,
    /// TCP, UDP or SCTP.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    /// The port of the host.
    #[serde(default, skip_serializing_if = "is_default")]
    pub host: HostPort,
    /// The address of the host; none for all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub address: Option<IpAddr>,
    /// On every node of a Swarm, or on those that run it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: PortMode,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// What is spoken there, such as `http`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub app_protocol: Option<String>,
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.host) {
            (Some(IpAddr::V6(address)), host) => write!(f, "[{address}]:{host}:")?,
            (Some(address), host) => write!(f, "{address}:{host}:")?,
            (None, HostPort::Any) => {}
            (None, host) => write!(f, "{host}:")?,
        }
        write!(f, "{}", self.container)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
            Protocol::Sctp => f.write_str("/sctp"),
        }
    }
}

/// A port of a host.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum HostPort {
    /// One that the engine chooses anew at every start.
    #[default]
    Any,
    /// This one.
    Fixed(u16),
    /// A free one of these.
    Between(u16, u16),
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Fixed(port) => write!(f, "{port}"),
            Self::Between(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// A protocol of ports.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Where a Swarm publishes a port.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PortMode {
    /// On every node, through the mesh.
    #[default]
    Ingress,
    /// On the nodes that run it.
    Host,
}

/// Something in a container's file system that is not the image's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Where it is inside.
    pub target: String,
    /// It cannot be written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub read_only: bool,
    /// What it is.
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MountKind {
    /// A named volume, or one without a name that goes with its container.
    Volume {
        /// The app's name for it; none for one without a name.
        #[serde(default, skip_serializing_if = "is_default")]
        source: Option<String>,
        /// What the image has there is not copied into it.
        #[serde(default, skip_serializing_if = "is_default")]
        no_copy: bool,
        /// A directory in it instead of its top.
        #[serde(default, skip_serializing_if = "is_default")]
        subpath: Option<String>,
    },
    /// A file or directory of the host.
    Bind {
        /// Where it is on the host, as the file says it: `./…` and `~/…` are of the machine that has the file.
        source: String,
        /// A missing directory is made.
        #[serde(default, skip_serializing_if = "is_default")]
        create: bool,
        /// How mounts below it are seen, such as `rslave`.
        #[serde(default, skip_serializing_if = "is_default")]
        propagation: Option<String>,
        /// SELinux: `z` shared, `Z` its own.
        #[serde(default, skip_serializing_if = "is_default")]
        selinux: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// At most so many bytes.
        #[serde(default, skip_serializing_if = "is_default")]
        size: Option<u64>,
        /// Its permissions.
        #[serde(default, skip_serializing_if = "is_default")]
        mode: Option<u32>,
        /// Other options as mount takes them.
        #[serde(default, skip_serializing_if = "is_default")]
        options: Vec<String>,
    },
}

/// How a service joins a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Joined {
    /// Further names that it has there, sorted.
    #[serde(skip_serializing_if = "is_default")]
    pub aliases: Vec<String>,
    /// Its fixed IPv4 address.
    #[serde(skip_serializing_if = "is_default")]
    pub ipv4: Option<IpAddr>,
    /// Its fixed IPv6 address.
    #[serde(skip_serializing_if = "is_default")]
    pub ipv6: Option<IpAddr>,
    /// Addresses that are not routed.
    #[serde(skip_serializing_if = "is_default")]
    pub link_local: Vec<IpAddr>,
    /// Its hardware address there.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_address: Option<String>,
    /// Which network is joined first: higher ones.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i64,
    /// Which network is the way out: higher ones.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway_priority: i64,
    /// The name of the interface inside.
    #[serde(skip_serializing_if = "is_default")]
    pub interface: Option<String>,
    /// Options of the driver.
    #[serde(skip_serializing_if = "is_default")]
    pub driver_opts: BTreeMap<String, String>,
}

/// A network that is not the app's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// The host's own.
    Host,
    /// None.
    None,
    /// The one of another service of the app.
    Service(ServiceName),
    /// The one of a container.
    Container(String),
    /// A network of the host by its name, such as `bridge`.
    Named(String),
}

/// How health is found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Healthcheck {
    /// Not at all, also when the image says how.
    Disabled,
    /// By a probe.
    Probe(Probe),
}

/// A command that tells whether a container is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    /// `CMD` and words, or `CMD-SHELL` and a line; none for the image's own.
    #[serde(skip_serializing_if = "is_default")]
    pub test: Option<Vec<Value>>,
    /// How often; none for 30 s.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub interval: Option<Duration>,
    /// How long it may take; none for 30 s.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub timeout: Option<Duration>,
    /// How long failures do not count after the start; none for 0 s.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub start_period: Option<Duration>,
    /// How often during that; none for 5 s. Engines before 25 do not know it.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub start_interval: Option<Duration>,
    /// How many failures in a row make it unhealthy; none for 3.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: Option<u64>,
}

/// When the engine starts a container again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never.
    No,
    /// Always, also after it was stopped by hand and the engine was restarted.
    Always,
    /// Unless it was stopped by hand.
    UnlessStopped,
    /// When it failed, so often at most; none for without end.
    OnFailure(Option<u32>),
}

/// What must hold of another service before this one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// What must hold.
    pub condition: Condition,
    /// This one is restarted when the other is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restart: bool,
    /// The other may be missing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub optional: bool,
}

/// What must hold of a service before another starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It was started.
    #[default]
    Started,
    /// It is healthy.
    Healthy,
    /// It ran to its end without an error.
    Completed,
}

/// A bound of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ulimit {
    /// The bound that a process may raise; -1 for none.
    pub soft: i64,
    /// The bound of that; -1 for none.
    pub hard: i64,
}

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its path on the host, or a name of the container device interface.
    pub host: String,
    /// Its path inside.
    pub container: String,
    /// What may be done with it: `r`, `w`, `m`.
    pub permissions: String,
}

/// Where output goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The driver; none for the engine's default.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: Option<String>,
    /// Its options.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, String>,
}

/// A config or a secret that a service sees as a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileUse {
    /// The app's name for it.
    pub source: String,
    /// Where it is inside; none for `/run/secrets/NAME`, and `/NAME` of a config.
    #[serde(default, skip_serializing_if = "is_default")]
    pub target: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uid: Option<String>,
    /// Which group's it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub gid: Option<String>,
    /// Its permissions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Option<u32>,
}
