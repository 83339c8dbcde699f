//! A host: one Docker Engine, the way to it, and the state of that way.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    AddressPool, Container, ContainerId, DiskUsage, Image, Maintenance, Network, Skew, Timestamp,
    Volume,
    app::Rule,
    release::Admission,
    swarm::{Membership, Swarm},
};

/// The name a host has in the configuration; hosts are told apart by nothing else (engine ids are
/// not unique on cloned machines).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostName(Arc<str>);

impl HostName {
    /// Takes a name as the configuration gives it.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text can be a host's name, so that `web@ams-1` has one meaning: letters and
    /// digits, then also `.`, `_`, `-`, `+` and `:`. The error says what is wrong.
    pub fn check(name: &str) -> Result<(), String> {
        let mut letters = name.chars();
        match letters.next() {
            None => return Err("is empty".to_owned()),
            Some(first) if !first.is_alphanumeric() => {
                return Err(format!(
                    "begins with '{}'",
                    super::printable(&first.to_string())
                ));
            }
            Some(_) => {}
        }
        match letters.find(|c| !is_name_letter(*c)) {
            Some(bad) => Err(format!(
                "has a '{}' in it",
                super::printable(&bad.to_string())
            )),
            None if name.len() > 128 => Err("is longer than 128 bytes".to_owned()),
            None => Ok(()),
        }
    }
}

/// Whether a letter may stand in a host's name after the first.
fn is_name_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | ':')
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for HostName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// The files of a TLS client, per host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TlsFiles {
    /// The authorities that may have signed the engine's certificate.
    pub ca: Option<PathBuf>,
    /// Our certificate.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// Accept any certificate of the engine (Docker's `skip-tls-verify`).
    pub skip_verify: bool,
}

/// Where an engine is, as the configuration says it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// A unix socket on this machine: `unix:///var/run/docker.sock`.
    Unix(PathBuf),
    /// Plain TCP: `tcp://10.0.0.1:2375`.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// TCP with TLS: `https://10.0.0.1:2376`, or `tcp://` with certificates.
    Tls {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// Client certificate and authorities.
        files: TlsFiles,
    },
    /// Over the system's ssh: `ssh://[user@]alias[:port][/path/to/docker.sock]`.
    Ssh {
        /// What ssh is asked for: an alias of ssh_config, or `user@host`.
        destination: String,
        /// The port, when the endpoint names one.
        port: Option<u16>,
        /// The engine's socket on the host, when it is not to be found by itself.
        socket: Option<String>,
    },
}

/// A text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not an endpoint: {why}; write unix:///path, tcp://host:port, https://host:port or ssh://[user@]host[:port]"
)]
pub struct EndpointError {
    text: String,
    why: &'static str,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let error = |why| EndpointError {
            text: text.to_owned(),
            why,
        };
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') {
                Ok(Self::Unix(PathBuf::from(path)))
            } else {
                Err(error("the path of the socket is not absolute"))
            };
        }
        if text.starts_with('/') {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| error("it has no scheme"))?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, (!path.is_empty()).then(|| format!("/{path}"))),
            None => (rest, None),
        };
        let tls = || TlsFiles {
            ca: None,
            cert: None,
            key: None,
            skip_verify: false,
        };
        match scheme {
            "ssh" => {
                let (user, address) = match authority.rsplit_once('@') {
                    Some((user, address)) => (Some(user), address),
                    None => (None, authority),
                };
                let (host, port) = split_port(address).map_err(error)?;
                if host.is_empty()
                    || host.starts_with('-')
                    || user.is_some_and(|u| u.starts_with('-'))
                {
                    return Err(error("it names no host"));
                }
                let destination =
                    user.map_or_else(|| host.clone(), |user| format!("{user}@{host}"));
                Ok(Self::Ssh {
                    destination,
                    port,
                    socket: path,
                })
            }
            "tcp" | "http" | "https" => {
                let (host, port) = split_port(authority).map_err(error)?;
                if host.is_empty() {
                    return Err(error("it names no host"));
                }
                Ok(if scheme == "https" {
                    Self::Tls {
                        host,
                        port: port.unwrap_or(2376),
                        files: tls(),
                    }
                } else {
                    Self::Tcp {
                        host,
                        port: port.unwrap_or(2375),
                    }
                })
            }
            _ => Err(error("its scheme is unknown")),
        }
    }
}

impl Endpoint {
    /// What a host at this endpoint is called when nobody names it: the ssh alias, the address,
    /// `local` for this machine's own engine, or what tells a socket from its neighbours.
    pub fn usual_name(&self) -> String {
        let name = match self {
            Self::Ssh { destination, .. } => match destination.rsplit_once('@') {
                Some((_, host)) => host.to_owned(),
                None => destination.clone(),
            },
            Self::Tcp { host, port: 2375 }
            | Self::Tls {
                host, port: 2376, ..
            } => host.clone(),
            Self::Tcp { host, port } | Self::Tls { host, port, .. } => format!("{host}:{port}"),
            Self::Unix(path) => usual_name_of_socket(path),
        };
        let name = name.trim_start_matches(|c: char| !c.is_alphanumeric());
        if name.is_empty() {
            return "host".to_owned();
        }
        name.chars()
            .map(|c| if is_name_letter(c) { c } else { '-' })
            .take(60)
            .collect()
    }
}

/// `docker.sock` says nothing, so its directory does; other sockets are called by their own names.
fn usual_name_of_socket(path: &Path) -> String {
    let part = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, directory) = (
        part(path.file_stem()),
        part(path.parent().and_then(Path::file_name)),
    );
    match (stem.as_str(), directory.as_str()) {
        ("docker", "run") => "local".to_owned(),
        ("docker", number) if number.parse::<u32>().is_ok() => "rootless".to_owned(),
        ("docker" | "podman", "") => stem,
        ("podman", "run") => stem,
        ("docker" | "podman", _) => directory,
        _ => stem,
    }
}

/// Splits `host`, `host:port` and `[v6]:port`; brackets are taken off.
fn split_port(address: &str) -> Result<(String, Option<u16>), &'static str> {
    const BAD: &str = "its port is not a number from 1 to 65535";
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("its bracket is not closed")?;
        (host, rest.strip_prefix(':'))
    } else {
        match address.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (address, None),
        }
    };
    let port = match port {
        None => None,
        Some(text) => match text.parse::<u16>() {
            Ok(0) | Err(_) => return Err(BAD),
            Ok(port) => Some(port),
        },
    };
    Ok((host.to_owned(), port))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracket = |host: &str| {
            if host.contains(':') {
                format!("[{host}]")
            } else {
                host.to_owned()
            }
        };
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp://{}:{port}", bracket(host)),
            Self::Tls { host, port, .. } => write!(f, "https://{}:{port}", bracket(host)),
            Self::Ssh {
                destination,
                port,
                socket,
            } => {
                match destination.rsplit_once('@') {
                    Some((user, host)) => write!(f, "ssh://{user}@{}", bracket(host))?,
                    None => write!(f, "ssh://{}", bracket(destination))?,
                }
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                f.write_str(socket.as_deref().unwrap_or(""))
            }
        }
    }
}

/// A host as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostSpec {
    /// Its name, unique in the fleet.
    pub name: HostName,
    /// Where its engine is.
    pub endpoint: Endpoint,
    /// The environment it belongs to (`dev`, `prod` …), when it is said.
    pub environment: Option<Arc<str>>,
    /// Its groups.
    pub groups: Vec<Arc<str>>,
    /// Where this entry came from, for people: `wharf.toml`, `-H`, `docker context prod`, `ssh_config`.
    pub source: Arc<str>,
    /// Nothing on it may be changed.
    pub read_only: bool,
    /// Where others reach the ports of its containers, when that is said.
    pub address: Option<IpAddr>,
}

impl HostSpec {
    /// A host of which only name and endpoint are said.
    pub fn new(name: &str, endpoint: Endpoint, source: &str) -> Self {
        Self {
            name: HostName::new(name),
            endpoint,
            environment: None,
            groups: Vec::new(),
            source: Arc::from(source),
            read_only: false,
            address: None,
        }
    }
}

/// What the configuration says of an environment: where policy lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Acts that take something away are confirmed by typing the environment's name.
    pub guarded: bool,
    /// Nothing in it may be changed.
    pub read_only: bool,
    /// What it does not allow of apps.
    #[serde(default)]
    pub deny: Vec<Rule>,
    /// Only a worker changes it: what people say is put into its queue.
    #[serde(default)]
    pub worker_only: bool,
    /// So many deploys of apps go on in it at once; as many as there are when none.
    #[serde(default)]
    pub deploys: Option<u32>,
    /// Tags of images that say what runs there, such as `prod`: they move as if they were deployed.
    #[serde(default)]
    pub tags: Vec<Arc<str>>,
    /// What it asks of releases before it lets them in.
    #[serde(default)]
    pub admission: Admission,
}

/// The way in use to an engine, once it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A unix socket of this machine.
    Unix,
    /// Plain TCP.
    Tcp,
    /// TCP with TLS.
    Tls,
    /// The engine's socket forwarded over one ssh connection.
    SshForward,
    /// `docker system dial-stdio` in sessions of one ssh connection, because sshd forbids forwarding.
    SshStdio,
}

impl Way {
    /// A word for the host's row.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::SshForward => "ssh",
            Self::SshStdio => "ssh-stdio",
        }
    }
}

/// The kinds of reasons why a host cannot be used; decides about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// The host's key is not in known_hosts.
    HostKeyUnknown,
    /// The host's key is not the one in known_hosts.
    HostKeyChanged,
    /// The host does not accept our keys.
    AuthFailed,
    /// A password or a one-time code is needed: an interactive login.
    LoginNeeded,
    /// A jump host on the way failed.
    JumpFailed,
    /// The name cannot be resolved.
    Dns,
    /// Nothing answers at the address, or it refuses.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// sshd drops connections for now (MaxStartups, a penalty).
    Throttled,
    /// sshd forbids forwarding and there is no other way.
    ForwardForbidden,
    /// There is no engine's socket where it was looked for.
    SocketMissing,
    /// The socket is there but not for this user.
    SocketDenied,
    /// The socket is there but no daemon answers.
    DaemonDown,
    /// There is no Docker on the host.
    NoDocker,
    /// The TLS handshake failed.
    Tls,
    /// The engine speaks no API version that this program speaks.
    ApiVersion,
    /// The connection was lost.
    Lost,
    /// There is no ssh program on this machine.
    NoSsh,
    /// Something else; the text says it.
    Other,
}

impl TroubleKind {
    /// Whether trying again without a person's help is pointless (and may lock an account).
    pub fn needs_person(self) -> bool {
        matches!(
            self,
            Self::HostKeyUnknown
                | Self::HostKeyChanged
                | Self::AuthFailed
                | Self::LoginNeeded
                | Self::NoSsh
        )
    }

    /// Whether an interactive login, with the console suspended, may help.
    pub fn login_may_help(self) -> bool {
        matches!(
            self,
            Self::HostKeyUnknown | Self::AuthFailed | Self::LoginNeeded
        )
    }
}

/// Why a host cannot be used, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The kind of reason.
    pub kind: TroubleKind,
    /// The reason in one line.
    pub reason: String,
    /// What to do, in one line.
    pub remedy: String,
    /// What ssh or the engine said, line by line, cleaned of control characters.
    pub raw: Vec<String>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason, self.remedy)
    }
}

/// The state of the way to a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "link")]
pub enum Link {
    /// Nothing was tried yet.
    #[default]
    Unknown,
    /// Being opened.
    Connecting {
        /// Since when.
        since: Timestamp,
    },
    /// The engine answers.
    Online {
        /// Since when.
        since: Timestamp,
    },
    /// It cannot be used.
    Offline {
        /// Why, and what to do.
        trouble: Trouble,
        /// Since when.
        since: Timestamp,
        /// When it is tried again; none when a person is needed first.
        next_try: Option<Timestamp>,
    },
    /// An engine is being installed on it.
    Installing {
        /// Since when.
        since: Timestamp,
    },
    /// Installing an engine failed.
    InstallFailed {
        /// Why, and what to do.
        trouble: Trouble,
    },
}

impl Link {
    /// The word of the vocabulary.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Connecting { .. } => "connecting",
            Self::Online { .. } => "online",
            Self::Offline { .. } => "offline",
            Self::Installing { .. } => "installing",
            Self::InstallFailed { .. } => "install failed",
        }
    }

    /// Whether the engine answers.
    pub fn is_online(&self) -> bool {
        matches!(self, Self::Online { .. })
    }

    /// Why it cannot be used, if so.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Offline { trouble, .. } | Self::InstallFailed { trouble } => Some(trouble),
            Self::Unknown
            | Self::Connecting { .. }
            | Self::Online { .. }
            | Self::Installing { .. } => None,
        }
    }
}

/// Who makes the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    /// Docker Engine (also Mirantis' and Docker Desktop's).
    #[default]
    Docker,
    /// Podman's Docker-compatible service.
    Podman,
}

/// What an engine says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// Who makes it.
    pub product: Product,
    /// Its version, `20.10.24`.
    pub version: String,
    /// The API version in use with it, `1.41`.
    pub api: String,
    /// The host's own name.
    pub hostname: String,
    /// The operating system, `Debian GNU/Linux 12`.
    pub os: String,
    /// The kernel's version.
    pub kernel: String,
    /// The architecture, `x86_64`.
    pub arch: String,
    /// Processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The storage driver, `overlay2`.
    pub storage_driver: String,
    /// Where the engine keeps its data on the host.
    pub root_dir: String,
    /// 1 or 2; 0 when it does not say.
    pub cgroup_version: u8,
    /// The engine's id; not unique on cloned machines.
    pub id: String,
    /// Where it takes the addresses of networks whose maker names none; empty for the usual ones.
    pub address_pools: Vec<AddressPool>,
    /// What it warns of.
    pub warnings: Vec<String>,
    /// What it is in a Swarm; none when it is in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm: Option<Membership>,
    /// Containers go on while it is restarted.
    pub live_restore: bool,
}

/// How loaded the host itself is, as far as the way to it lets one see.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HostLoad {
    /// When it was read.
    pub at: Timestamp,
    /// CPU in percent of all cores; none before a second reading.
    pub cpu: Option<f32>,
    /// Memory in use, in bytes, without what can be given back.
    pub memory: u64,
    /// Memory of the host in bytes.
    pub memory_total: u64,
    /// Used space where the engine keeps its data, in bytes.
    pub disk: u64,
    /// Size of that file system in bytes; 0 when not known.
    pub disk_total: u64,
}

impl HostLoad {
    /// From so many percent on a disk is to be looked at.
    pub const DISK_FILLS: f32 = 80.0;

    /// From so many percent on a disk is about to stop what runs on it.
    pub const DISK_FULL: f32 = 90.0;

    /// Disk in percent; none when not known.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a percentage needs three digits"
    )]
    pub fn disk_percent(&self) -> Option<f32> {
        (self.disk_total > 0).then(|| (self.disk as f64 / self.disk_total as f64 * 100.0) as f32)
    }

    /// Memory in percent; none when not known.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a percentage needs three digits"
    )]
    pub fn memory_percent(&self) -> Option<f32> {
        (self.memory_total > 0)
            .then(|| (self.memory as f64 / self.memory_total as f64 * 100.0) as f32)
    }
}

/// One host of the fleet with all that is known of it.
#[derive(Clone, Debug)]
pub struct Host {
    /// As configured.
    pub spec: HostSpec,
    /// The state of the way to it.
    pub link: Link,
    /// How far the opening of the way has come, while it is being opened.
    pub opening: Option<Box<str>>,
    /// The way in use, once it was opened.
    pub way: Option<Way>,
    /// What its engine says of itself.
    pub engine: Option<EngineInfo>,
    /// How long the engine's last answer to a ping took, in milliseconds.
    pub latency_ms: Option<f32>,
    /// How far its clock is from ours, once it was measured.
    pub skew: Option<Skew>,
    /// When something was last heard of it; facts are as old as this.
    pub heard: Option<Timestamp>,
    /// Its containers.
    pub containers: HashMap<ContainerId, Container>,
    /// Whether the containers were listed at least once.
    pub listed: bool,
    /// Its images, once somebody asked.
    pub images: Option<Vec<Image>>,
    /// Its networks, once somebody asked.
    pub networks: Option<Vec<Network>>,
    /// Its volumes, once somebody asked.
    pub volumes: Option<Vec<Volume>>,
    /// What it tells of its Swarm, when it is a manager and somebody asked.
    pub swarm: Option<Box<Swarm>>,
    /// What `docker system df` says, once somebody asked.
    pub disk: Option<DiskUsage>,
    /// The host's own load.
    pub load: Option<HostLoad>,
    /// That it is in maintenance, as the store tells.
    pub maintenance: Option<Arc<Maintenance>>,
    /// What is being done to it from here, `cleaning up`; none when nothing is.
    pub busy: Option<&'static str>,
}

impl Host {
    /// A host of which nothing is known but the configuration.
    pub fn new(spec: HostSpec) -> Self {
        Self {
            spec,
            link: Link::Unknown,
            opening: None,
            way: None,
            engine: None,
            latency_ms: None,
            skew: None,
            heard: None,
            containers: HashMap::new(),
            listed: false,
            images: None,
            networks: None,
            volumes: None,
            swarm: None,
            disk: None,
            load: None,
            maintenance: None,
            busy: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &HostName {
        &self.spec.name
    }

    /// The name of its environment; empty when it has none.
    pub fn environment(&self) -> &str {
        self.spec.environment.as_deref().unwrap_or("")
    }

    /// What it is in a Swarm, as its engine said when it introduced itself.
    pub fn membership(&self) -> Option<&Membership> {
        self.engine.as_ref()?.swarm.as_ref()
    }

    /// Whether it is a manager of a Swarm that can be asked and told.
    pub fn is_manager(&self) -> bool {
        self.membership().is_some_and(|one| one.manages)
    }

    /// Whether its disk is nearly full, as far as it is known.
    pub fn disk_is_full(&self) -> bool {
        self.load
            .and_then(|load| load.disk_percent())
            .is_some_and(|percent| percent >= HostLoad::DISK_FULL)
    }

    /// Whether what is known of it is no longer fed: figures must not be shown as live.
    pub fn is_stale(&self) -> bool {
        self.listed && !self.link.is_online()
    }
}
