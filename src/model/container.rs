//! A container as its host's list, events, inspection and samples describe it.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    History, Rates, Timestamp, Usage, exit,
    release::{Print, ReleaseNumber},
};

/// A container's full id: 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// Takes an id as the engine gives it.
    pub fn new(id: &str) -> Self {
        Self(Arc::from(id))
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, as `docker ps` shows it.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// What a container is doing, in Docker's own words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Never started.
    Created,
    /// Its main process lives.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Ended, and the engine is about to start it again.
    Restarting,
    /// Being removed.
    Removing,
    /// Its main process ended.
    Exited,
    /// Could not be removed or started; only removal is left.
    Dead,
    /// A word this program does not know (Podman has some): shown as it is.
    Other(Arc<str>),
}

impl State {
    /// Reads Docker's word; never fails.
    pub fn parse(word: &str) -> Self {
        match word {
            "created" => Self::Created,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" => Self::Removing,
            "exited" => Self::Exited,
            "dead" => Self::Dead,
            other => Self::Other(Arc::from(other)),
        }
    }

    /// Docker's word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Other(word) => word,
        }
    }

    /// Whether processes of it exist, so that it can be stopped, entered or sampled.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

/// What the container's own health check says.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has no health check.
    #[default]
    None,
    /// Within its start period, or not checked yet.
    Starting,
    /// The last checks passed.
    Healthy,
    /// The last `retries` checks failed.
    Unhealthy,
}

impl Health {
    /// Docker's word, or nothing when there is no health check.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// A port of a container, and where the host publishes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    /// The port inside the container.
    pub private: u16,
    /// The port on the host, when published.
    pub public: Option<u16>,
    /// The host's address it is bound to; empty when not published.
    pub ip: Box<str>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: Box<str>,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(public) = self.public {
            if !matches!(&*self.ip, "" | "0.0.0.0" | "::") {
                write!(f, "{}:", self.ip)?;
            }
            write!(f, "{public}→")?;
        }
        write!(f, "{}", self.private)?;
        if &*self.protocol == "tcp" {
            Ok(())
        } else {
            write!(f, "/{}", self.protocol)
        }
    }
}

/// A hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Reads `02:42:ac:11:00:02`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut bytes = [0; 6];
        for byte in &mut bytes {
            *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { ":" };
            write!(f, "{between}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How a container is attached to a network. It has addresses while it runs only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// The network's name.
    pub network: Arc<str>,
    /// The network's id; empty before the container was started.
    pub id: Arc<str>,
    /// Its address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// Its hardware address.
    pub mac: Option<Mac>,
}

impl Attachment {
    /// As an engine tells it; what it leaves out is empty.
    pub fn read(network: Arc<str>, id: Arc<str>, ipv4: &str, ipv6: &str, mac: &str) -> Self {
        Self {
            network,
            id,
            ipv4: ipv4.parse().ok(),
            ipv6: ipv6.parse().ok(),
            mac: Mac::parse(mac),
        }
    }

    /// Its address as a text; empty without one.
    pub fn address(&self) -> String {
        let ipv4 = self.ipv4.map(|address| address.to_string());
        ipv4.or_else(|| self.ipv6.map(|address| address.to_string()))
            .unwrap_or_default()
    }
}

/// One container of one host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the leading slash.
    pub name: Arc<str>,
    /// The image as its creator named it.
    pub image: Arc<str>,
    /// The id of that image, `sha256:…`.
    pub image_id: Arc<str>,
    /// What it is doing.
    pub state: State,
    /// What its health check says.
    pub health: Health,
    /// The exit code of the last run, when it is over.
    pub exit: Option<i64>,
    /// The kernel killed it for want of memory; none until it was inspected.
    pub oom_killed: Option<bool>,
    /// How often the engine restarted it; none until it was inspected.
    pub restarts: Option<u64>,
    /// When it was created.
    pub created: Timestamp,
    /// When its present state began (start, or end of the last run); from the list it is rough, from an inspection exact.
    pub since: Option<Timestamp>,
    /// The app it belongs to (Compose's project, Swarm's stack).
    pub app: Option<Arc<str>>,
    /// Its service within the app.
    pub service: Option<Arc<str>>,
    /// The release of its app that it was made for, when a deploy of ours made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseNumber>,
    /// What all that decided about it came to when a deploy of ours made it.
    #[serde(skip)]
    pub print: Option<Print>,
    /// Its ports.
    pub ports: Box<[Port]>,
    /// The networks it is attached to.
    pub networks: Box<[Attachment]>,
    /// The ports that it publishes whenever it runs; none until it was inspected.
    #[serde(skip)]
    pub claims: Option<Box<[Port]>>,
    /// How many volumes and bind mounts it has.
    pub mounts: u16,
    /// The volumes that it mounts.
    pub volumes: Box<[Arc<str>]>,
    /// Its last words: the last line it logged, kept for broken containers.
    pub last_line: Option<Box<str>>,
    /// What is being done to it from here, `restarting`; none when nothing is.
    #[serde(skip)]
    pub busy: Option<&'static str>,
    /// Its newest sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What goes over its networks and disks; none before a second sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// The samples before it, while somebody looks.
    #[serde(skip)]
    pub history: Option<Box<History>>,
}

impl Container {
    /// A container of which only the identity is known.
    pub fn new(id: ContainerId, name: &str, state: State, created: Timestamp) -> Self {
        Self {
            id,
            name: Arc::from(name),
            image: Arc::from(""),
            image_id: Arc::from(""),
            state,
            health: Health::None,
            exit: None,
            oom_killed: None,
            restarts: None,
            created,
            since: None,
            app: None,
            service: None,
            release: None,
            print: None,
            ports: Box::default(),
            networks: Box::default(),
            claims: None,
            mounts: 0,
            volumes: Box::default(),
            last_line: None,
            busy: None,
            usage: None,
            rates: None,
            history: None,
        }
    }

    /// Takes in a sample.
    pub fn sampled(&mut self, usage: Usage) {
        let history = self.history.get_or_insert_default();
        history.push(usage);
        let rates = history.rates();
        self.usage = Some(self.usage.map_or(usage, |shown| usage.steadied(&shown)));
        self.rates = match (rates, self.rates) {
            (Some(rates), Some(shown)) => Some(rates.steadied(shown)),
            (rates, _) => rates,
        };
    }

    /// Why it needs somebody's attention, in a few words; none when it does not.
    ///
    /// Unhealthy, restarting, dead, killed for want of memory, or ended with an error. 130 and 143
    /// (SIGINT, SIGTERM) are how an orderly stop looks, so they do not count.
    pub fn trouble(&self) -> Option<String> {
        match &self.state {
            State::Dead => Some("dead: cannot be started or removed".into()),
            State::Restarting => Some(match self.exit {
                Some(code) => format!("restarting after exit {code}{}", exit::meaning(code)),
                None => "restarting".into(),
            }),
            State::Running if self.health == Health::Unhealthy => Some("unhealthy".into()),
            State::Exited if self.oom_killed == Some(true) => {
                Some("killed: out of memory (OOM)".into())
            }
            State::Exited => match self.exit {
                None | Some(0 | 130 | 143) => None,
                Some(code) => Some(format!("exited {code}{}", exit::meaning(code))),
            },
            State::Created | State::Running | State::Paused | State::Removing | State::Other(_) => {
                None
            }
        }
    }

    /// Keeps what a list does not tell but an earlier inspection, log or sample did, as long as
    /// it is still the same run of the container.
    pub fn inherit(&mut self, before: &mut Self) {
        self.busy = before.busy;
        // What it publishes was said when it was made.
        self.claims = self.claims.take().or_else(|| before.claims.take());
        let same_run = self.state == before.state && self.exit == before.exit;
        if same_run {
            // A list tells rough times, which do not replace those of an inspection.
            if self.restarts.is_none() && before.restarts.is_some() {
                self.since = before.since.or(self.since);
            }
            self.oom_killed = self.oom_killed.or(before.oom_killed);
            self.restarts = self.restarts.or(before.restarts);
            self.last_line = self.last_line.take().or_else(|| before.last_line.take());
        }
        if self.state.is_live() {
            self.usage = self.usage.or(before.usage);
            self.rates = self.rates.or(before.rates);
            self.history = self.history.take().or_else(|| before.history.take());
        }
    }
}
