//! A host in maintenance: what was stopped there and taken out of traffic, so that it comes back as it was.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ContainerId, HostName, Timestamp,
    app::Restart,
    release::{ReleaseNumber, Scope, Target},
};

/// That a host is in maintenance. Nothing is deployed to it meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// The host.
    pub host: HostName,
    /// Who drained it, `user@machine`.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// The containers that were stopped, in that order.
    pub stopped: Vec<Rested>,
    /// The servers of balancers that were taken out of traffic.
    pub servers: Vec<Withdrawn>,
    /// The apps of which replicas went elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
}

/// Replicas of an app that went elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Of which app in which environment.
    pub scope: Scope,
    /// The release that has them elsewhere.
    pub release: ReleaseNumber,
    /// From where to where.
    pub replicas: Vec<(Target, Target)>,
}

impl Moved {
    /// `shop in prod: web.1@ams-1 → web.2@ams-2`.
    pub fn told(&self, back: bool) -> String {
        let replicas = self.replicas.iter().map(|(from, to)| {
            let (from, to) = if back { (to, from) } else { (from, to) };
            format!("{from} → {to}")
        });
        let replicas: Vec<String> = replicas.collect();
        format!("{}: {}", self.scope, replicas.join(", "))
    }
}

/// A container that was stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rested {
    /// Which.
    pub id: ContainerId,
    /// What it is called.
    pub name: Arc<str>,
    /// When its engine started it by itself before.
    pub restart: Restart,
}

/// A server of a balancer that was taken out of traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The balancer.
    pub balancer: Arc<str>,
    /// The server, `shop_stable/s1`.
    pub server: String,
}

impl fmt::Display for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.strftime("%F %H:%M UTC");
        write!(
            f,
            "{} is in maintenance since {since} by {}",
            self.host, self.by
        )?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
