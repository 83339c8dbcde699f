//! One container: what it was made of, how it stands, and what it lived through.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::blueprint::Voice;
use super::clock::{self, Nanos};
use super::seed::Seed;

/// The label that tells replicas apart; every other one is the plan's.
const NUMBER: &str = "com.docker.compose.container-number";
/// How many past runs a container remembers for its log.
const RUNS_KEPT: usize = 24;
/// How many pushed lines a container keeps.
const LINES_KEPT: usize = 20_000;

/// What a container is created from; replicas of a service share one.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The image reference as given.
    pub image: String,
    /// `sha256:…`
    pub image_id: String,
    /// `ENTRYPOINT`
    pub entrypoint: Vec<String>,
    /// `CMD`
    pub command: Vec<String>,
    /// `KEY=value`
    pub env: Vec<String>,
    /// Labels, without Compose's container number.
    pub labels: BTreeMap<String, String>,
    /// Exposed and published ports.
    pub ports: Vec<Port>,
    /// Volumes and binds.
    pub mounts: Vec<Mount>,
    /// The network of `HostConfig.NetworkMode`.
    pub network_mode: String,
    /// Bytes, 0 for no limit.
    pub memory: i64,
    /// Restart policy.
    pub restart: Restart,
    /// Health check.
    pub probe: Option<Probe>,
    /// Whether it has a terminal: its log is raw, not multiplexed.
    pub tty: bool,
    /// `USER`
    pub user: String,
    /// `WORKDIR`
    pub workdir: String,
    /// Whether it is removed when it ends.
    pub auto_remove: bool,
    /// Where its log goes.
    pub log_driver: String,
    /// Mean CPU in cores.
    pub load: f64,
    /// How its log reads.
    pub voice: Voice,
}

impl Plan {
    /// The whole command line: entrypoint and command.
    pub fn argv(&self) -> Vec<&str> {
        self.entrypoint
            .iter()
            .chain(&self.command)
            .map(String::as_str)
            .collect()
    }

    /// Compose's project and service, where the container belongs to an app.
    pub fn app(&self) -> Option<(&str, &str)> {
        let label = |key| self.labels.get(key).map(String::as_str);
        Some((
            label("com.docker.compose.project")?,
            label("com.docker.compose.service")?,
        ))
    }
}

/// A port of the container, and where the host publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Inside.
    pub private: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Address and port on the host; an empty address is every one, v4 and v6.
    pub public: Option<(String, u16)>,
}

/// A volume or a bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name; none for a bind.
    pub volume: Option<String>,
    /// The path on the host.
    pub source: String,
    /// The path inside.
    pub destination: String,
    /// Whether it can be written.
    pub writable: bool,
}

/// A restart policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    No,
    /// Whenever it ends.
    Always,
    /// Whenever it ends, unless somebody stopped it.
    UnlessStopped,
    /// When it ends with an error, so many times (0: without end).
    OnFailure(u32),
}

impl Restart {
    /// Docker's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
            Self::OnFailure(_) => "on-failure",
        }
    }

    /// `MaximumRetryCount`
    pub const fn limit(self) -> u32 {
        match self {
            Self::OnFailure(limit) => limit,
            Self::No | Self::Always | Self::UnlessStopped => 0,
        }
    }

    /// Whether a run that ended with `code` is followed by another.
    pub const fn again(self, code: i64, restarts: u32, by_hand: bool) -> bool {
        match self {
            Self::No => false,
            Self::Always | Self::UnlessStopped => !by_hand,
            Self::OnFailure(limit) => !by_hand && code != 0 && (limit == 0 || restarts < limit),
        }
    }
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `["CMD-SHELL", …]`
    pub test: Vec<String>,
    /// Between two checks.
    pub every: Nanos,
}

/// Docker's container states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Frozen by `docker pause`.
    Paused,
    /// Ended, and waiting to be started again by its policy.
    Restarting,
    /// Ended.
    Exited,
    /// Removal failed.
    Dead,
}

impl State {
    /// Docker's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether there is a process (Docker counts a restarting container as running).
    pub const fn alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// What the health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// There is no check.
    None,
    /// Not yet checked since the start.
    Starting,
    /// Passing.
    Healthy,
    /// Failing since this moment.
    Unhealthy(Nanos),
}

impl Health {
    /// Docker's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy(_) => "unhealthy",
        }
    }
}

/// Why a run ended; its last log lines tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By its own will, code 0.
    Finished,
    /// It was asked to stop and did.
    Stopped,
    /// It was killed and said nothing.
    Killed,
    /// The kernel took it for its memory.
    OutOfMemory,
    /// It failed with this code.
    Crashed(i64),
    /// It was paused: what follows is not a new process.
    Frozen,
}

/// A time in which the process runs, from a start or thaw to an end or pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub began: Nanos,
    /// Whether with a new process.
    pub fresh: bool,
    /// Whether the sim invents nothing that it says.
    pub silent: bool,
    /// When and how it ended.
    pub ended: Option<(Nanos, Ending)>,
}

/// A network that the container is on.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The network's id.
    pub network: Arc<str>,
    /// The network's name.
    pub name: Arc<str>,
    /// Its address while it runs; none on `host` and `none`.
    pub address: Option<Ipv4Addr>,
    /// The network's gateway.
    pub gateway: Option<Ipv4Addr>,
    /// The length of the network's prefix.
    pub prefix: u8,
    /// Its other names on the network.
    pub aliases: Vec<String>,
}

/// Output that somebody put into the log from outside the simulation.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// When it was written.
    pub at: Nanos,
    /// Whether on stderr.
    pub stderr: bool,
    /// The line, without its end.
    pub text: String,
}

/// A flood of generated lines.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// When it begins.
    pub began: Nanos,
    /// How many lines.
    pub lines: u64,
    /// Between two lines.
    pub step: Nanos,
}

/// What only few containers have; kept apart to keep the many small.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Lines from outside.
    pub pushed: VecDeque<Pushed>,
    /// Floods.
    pub bursts: Vec<Burst>,
    /// Files that were copied in, by absolute path.
    pub files: BTreeMap<String, super::files::Entry>,
}

/// A container of a simulated engine.
#[derive(Clone, Debug)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// Where its random values come from.
    pub seed: Seed,
    /// Compose's container number; 0 for a container that is not Compose's.
    pub number: u32,
    /// What it was made of.
    pub plan: Arc<Plan>,
    /// When it was made.
    pub created: Nanos,
    /// How it stands.
    pub state: State,
    /// The code of the last run.
    pub exit_code: i64,
    /// Whether the last run was ended by the kernel for its memory.
    pub oom: bool,
    /// Why the last start failed.
    pub error: String,
    /// When it last started.
    pub started: Option<Nanos>,
    /// When it last ended.
    pub finished: Option<Nanos>,
    /// How often its policy has started it again.
    pub restarts: u32,
    /// Whether somebody stopped it.
    pub by_hand: bool,
    /// What the health check says.
    pub health: Health,
    /// Its networks.
    pub networks: Vec<Attachment>,
    /// Its runs, the last one last.
    pub runs: Vec<Run>,
    /// The rare.
    pub extras: Option<Box<Extras>>,
}

impl Container {
    /// One of its labels.
    pub fn label(&self, key: &str) -> Option<Cow<'_, str>> {
        if key == NUMBER && self.number > 0 {
            return Some(self.number.to_string().into());
        }
        self.plan.labels.get(key).map(Cow::from)
    }

    /// All its labels.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.plan.labels.clone();
        if self.number > 0 {
            labels.insert(NUMBER.into(), self.number.to_string());
        }
        labels
    }

    /// The process's id on the host; 0 when there is none.
    pub fn pid(&self) -> u64 {
        match self.started {
            Some(started) if self.state.alive() => {
                2000 + self
                    .seed
                    .of("pid")
                    .at(started.unsigned_abs())
                    .below(4_000_000)
            }
            _ => 0,
        }
    }

    /// The words of `docker ps`'s status column.
    pub fn status(&self, now: Nanos) -> String {
        let ago = |moment: Option<Nanos>| clock::human(now - moment.unwrap_or(now));
        match self.state {
            State::Created => "Created".into(),
            State::Dead => "Dead".into(),
            State::Paused => format!("Up {} (Paused)", ago(self.started)),
            State::Restarting => {
                format!("Restarting ({}) {} ago", self.exit_code, ago(self.finished))
            }
            State::Exited => format!("Exited ({}) {} ago", self.exit_code, ago(self.finished)),
            State::Running => match self.health {
                Health::None => format!("Up {}", ago(self.started)),
                Health::Starting => format!("Up {} (health: starting)", ago(self.started)),
                other => format!("Up {} ({})", ago(self.started), other.word()),
            },
        }
    }

    /// A port's place on the host: replicas after the first get high ones, as from the kernel.
    pub fn published(&self, port: &Port) -> Option<(String, u16)> {
        let (address, public) = port.public.clone()?;
        if self.number <= 1 {
            return Some((address, public));
        }
        let high = self
            .seed
            .of("port")
            .at(u64::from(port.private))
            .below(28_000);
        Some((address, 32_768 + u16::try_from(high).unwrap_or(0)))
    }

    /// The rare things, made when first needed.
    pub fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Puts a line into the log.
    pub fn push_line(&mut self, at: Nanos, stderr: bool, text: String) {
        let pushed = &mut self.extras_mut().pushed;
        pushed.push_back(Pushed { at, stderr, text });
        if pushed.len() > LINES_KEPT {
            pushed.pop_front();
        }
    }

    /// Notes the start of a run; `fresh` unless it goes on after a pause.
    pub fn begin_run(&mut self, now: Nanos, fresh: bool) {
        if self.runs.len() >= RUNS_KEPT {
            self.runs.remove(0);
        }
        self.runs.push(Run {
            began: now,
            fresh,
            silent: false,
            ended: None,
        });
    }

    /// How long the process has run up to now, without its pauses.
    pub fn lived(&self, now: Nanos) -> Nanos {
        let mut lived = 0;
        for run in self.runs.iter().rev() {
            lived += run.ended.map_or(now, |(end, _)| end) - run.began;
            if run.fresh {
                break;
            }
        }
        lived.max(0)
    }

    /// Notes the end of the run.
    pub fn end_run(&mut self, now: Nanos, ending: Ending) {
        if let Some(run) = self.runs.last_mut() {
            run.ended.get_or_insert((now, ending));
        }
    }
}

/// The labels of a container as JSON, without a copy of them.
#[derive(Debug)]
pub struct Labels<'a>(pub &'a Container);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(container) = self;
        let plan = container.plan.labels.iter();
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in plan {
            map.serialize_entry(key, value)?;
        }
        if container.number > 0 {
            map.serialize_entry(NUMBER, &container.number.to_string())?;
        }
        map.end()
    }
}
