//! Where the replicas of a service stand behind a load balancer.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::HostName;

/// Where the replicas of a service stand behind a load balancer. It is decided when a release is planned, and stays.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// The balancer.
    pub balancer: String,
    /// The backend of what is good.
    pub stable: String,
    /// The backend of a gray release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// The key of its share in the balancer's map.
    pub key: String,
    /// The port inside the container.
    pub port: u16,
    /// The first port on the hosts.
    pub host_port: u16,
    /// How long an old one may take to end what it has.
    pub drain: Duration,
    /// Where the balancer reaches the hosts.
    pub addresses: BTreeMap<HostName, IpAddr>,
}

/// To which servers a container belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// To those that are good.
    #[default]
    Stable,
    /// To those that are tried with a share of the requests, beside the old ones.
    Canary,
}

impl Front {
    /// The two ports of a host that a replica of it has in turn.
    pub fn pair(&self, replica: u32) -> [u16; 2] {
        pair(self.host_port, replica)
    }

    /// Where the balancer reaches a port of a host.
    pub fn at(&self, host: &HostName, port: u16) -> Option<SocketAddr> {
        let address = self.addresses.get(host)?;
        Some(SocketAddr::new(*address, port))
    }

    /// The backend of a lane.
    pub fn backend(&self, lane: Lane) -> Option<&str> {
        match lane {
            Lane::Stable => Some(&self.stable),
            Lane::Canary => self.canary.as_deref(),
        }
    }

    /// Both backends.
    pub fn backends(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.stable.as_str()).chain(self.canary.as_deref())
    }

    /// Whether the same servers are meant.
    pub fn is_beside(&self, other: &Self) -> bool {
        (&self.balancer, &self.stable, &self.canary)
            == (&other.balancer, &other.stable, &other.canary)
    }
}

/// The two ports that the nth replica of a host has in turn, when the first one begins there.
pub fn pair(first: u16, replica: u32) -> [u16; 2] {
    let nth = u16::try_from(replica.saturating_sub(1)).unwrap_or(u16::MAX);
    let first = first.saturating_add(nth.saturating_mul(2));
    [first, first.saturating_add(1)]
}
