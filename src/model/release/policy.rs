//! How a release is brought to its hosts: strategy, batches, the gate, and what is done when it fails.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::model::Share;
use crate::model::app::{
    Condition, DeployMode, Healthcheck, HostPort, LogGate, NetworkMode, Order, Restart, Service,
    ServiceName, Spec,
};

/// How a container is replaced by the one of a new release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The new one runs and is well before the old one stops: nothing is interrupted.
    StartFirst,
    /// The old one stops before the new one starts: both cannot run at once.
    StopFirst,
    /// It runs to its end; its exit code is the gate.
    Job,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartFirst => "start-first",
            Self::StopFirst => "stop-first",
            Self::Job => "job",
        })
    }
}

/// The strategy of a service, by rule, and the reason for it.
pub fn strategy(name: &ServiceName, service: &Service, spec: &Spec) -> (Strategy, String) {
    let is_job = matches!(
        service.deploy.mode,
        DeployMode::ReplicatedJob | DeployMode::GlobalJob
    );
    let is_awaited = spec.services.values().any(|other| {
        let on = other.depends_on.get(name);
        on.is_some_and(|on| on.condition == Condition::Completed)
    });
    if is_job {
        return (Strategy::Job, "it is a job".to_owned());
    }
    if is_awaited && matches!(service.restart, None | Some(Restart::No)) {
        return (Strategy::Job, "others wait for its end".to_owned());
    }
    let stop = |why: String| (Strategy::StopFirst, why);
    if service.network_mode == Some(NetworkMode::Host) {
        return stop("both would use the host's network".to_owned());
    }
    if let Some(NetworkMode::Service(other)) = &service.network_mode {
        return stop(format!("both would use the network of {other}"));
    }
    let fixed = service
        .ports
        .iter()
        .find(|port| !matches!(port.host, HostPort::Any));
    if let Some(port) = fixed {
        return stop(format!("both would publish {port}"));
    }
    if let Some(mount) = service.shared_mount() {
        return stop(format!("both would write to {}", mount.target));
    }
    if service
        .networks
        .values()
        .any(|one| one.ipv4.is_some() || one.ipv6.is_some())
    {
        return stop("both would have the same address".to_owned());
    }
    match service.deploy.update.as_ref().and_then(|one| one.order) {
        Some(Order::StopFirst) => stop("its file says so".to_owned()),
        Some(Order::StartFirst) | None => {
            let why = "nothing of it can be there only once";
            (Strategy::StartFirst, why.to_owned())
        }
    }
}

/// How many targets go at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum BatchSize {
    /// So many.
    Count(u32),
    /// So many of a hundred, at least one.
    Percent(u32),
}

impl BatchSize {
    /// How many of so many that is.
    pub fn of(self, all: usize) -> usize {
        let size = match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => (all * percent as usize).div_ceil(100),
        };
        size.max(1)
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl From<BatchSize> for String {
    fn from(size: BatchSize) -> Self {
        size.to_string()
    }
}

impl TryFrom<String> for BatchSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for BatchSize {
    type Err = String;

    /// `3` or `25%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a batch is a number of replicas, or a share such as 25%".to_owned();
        match text.strip_suffix('%') {
            Some(share) => match share.parse() {
                Ok(percent @ 1..=100) => Ok(Self::Percent(percent)),
                Ok(_) | Err(_) => Err(wrong()),
            },
            None => match text.parse() {
                Ok(0) | Err(_) => Err(wrong()),
                Ok(count) => Ok(Self::Count(count)),
            },
        }
    }
}

/// What is done when a replica of the new release does not get well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Everything that was changed goes back to the release before.
    #[default]
    Rollback,
    /// It stops there and waits for somebody; after a first batch that failed it goes back.
    Pause,
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rollback => "rollback",
            Self::Pause => "pause",
        })
    }
}

impl FromStr for OnFailure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rollback" => Ok(Self::Rollback),
            "pause" => Ok(Self::Pause),
            _ => Err("it is rollback or pause".to_owned()),
        }
    }
}

/// How a release is brought to its hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// How many replicas of a service go at once: the first batch, the second …; the last size holds for the rest.
    pub batches: Vec<BatchSize>,
    /// How long is waited between batches.
    pub wait: Duration,
    /// How long replicas of a batch are watched once they are well.
    pub bake: Duration,
    /// How long a container without a probe of health has to run before it counts as well.
    pub settle: Duration,
    /// How long a container may take to get well; none for what its probe allows, 2 minutes at least.
    pub deadline: Option<Duration>,
    /// What is done when one does not.
    pub on_failure: OnFailure,
    /// So many releases keep their containers on the hosts, for a quick way back.
    pub keep: u32,
    /// So many deploys go on in its environment at once; it does not begin beside as many others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// It is tried with a share of the requests first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gray: Option<Gray>,
}

/// How a release is tried with a share of the requests before it comes everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gray {
    /// The shares, one after the other. None of the requests: only those that ask for it by header or come from its
    /// subnets.
    pub steps: Vec<Share>,
    /// How long each is watched.
    pub every: Duration,
    /// Fewer requests than these say nothing.
    pub requests: u64,
}

impl Gray {
    /// How many of so many replicas take part at a share: as many as it is of them, at least one.
    pub fn replicas(share: Share, all: usize) -> usize {
        let part = (all * usize::from(share.percent())).div_ceil(100);
        part.clamp(1, all.max(1))
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            batches: vec![
                BatchSize::Count(1),
                BatchSize::Percent(25),
                BatchSize::Percent(100),
            ],
            wait: Duration::ZERO,
            bake: Duration::from_secs(10),
            settle: Duration::from_secs(7),
            deadline: None,
            on_failure: OnFailure::Rollback,
            keep: 3,
            at_once: None,
            gray: None,
        }
    }
}

impl Policy {
    /// How so many targets are dealt into batches.
    pub fn deal(&self, all: usize) -> Vec<usize> {
        let mut sizes = self.batches.iter().copied();
        let mut size = sizes.next().unwrap_or(BatchSize::Percent(100));
        let (mut left, mut dealt) = (all, Vec::new());
        while left > 0 {
            let next = size.of(all).min(left);
            dealt.push(next);
            left -= next;
            size = sizes.next().unwrap_or(size);
        }
        dealt
    }

    /// When a container of that service counts as well, and when no more.
    pub fn gate(&self, service: &Service) -> Gate {
        Gate {
            settle: self.settle,
            deadline: self.deadline.unwrap_or_else(|| allowed(service)),
            log: service.gate.clone(),
        }
    }
}

/// How long a probe of health allows: with the default interval the first check comes only after 30 s.
fn allowed(service: &Service) -> Duration {
    const LEAST: Duration = Duration::from_mins(2);
    let usual = Duration::from_secs(30);
    match &service.healthcheck {
        Some(Healthcheck::Probe(probe)) => {
            let interval = probe.interval.unwrap_or(usual);
            let timeout = probe.timeout.unwrap_or(usual);
            let tries = u32::try_from(probe.retries.unwrap_or(3)).unwrap_or(u32::MAX);
            let checks = (interval + timeout).saturating_mul(tries.saturating_add(1));
            LEAST.max(
                probe
                    .start_period
                    .unwrap_or_default()
                    .saturating_add(checks),
            )
        }
        Some(Healthcheck::Disabled) | None => LEAST,
    }
}

/// When a container counts as well, and when no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gate {
    /// It has to run so long, when it has no probe of health.
    pub settle: Duration,
    /// It may take so long.
    pub deadline: Duration,
    /// What its log has to say, and what it must not say.
    #[serde(default)]
    pub log: LogGate,
}
