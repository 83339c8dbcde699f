//! Load balancers: how one is reached, what stands behind it, and what is done to it.

mod action;
mod analysis;
mod counters;
mod name;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use serde::{Serialize, Serializer};

pub use self::{
    action::{BalancerAction, BalancerStep},
    analysis::{Rules, Verdict, judge},
    counters::Counters,
    name::{ServerName, Share, is_name},
};
use super::HostName;

/// Where a slot that is not in use points: an address that is kept for documentation (RFC 5737), so nobody listens there.
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

/// A load balancer that the configuration describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalancerSpec {
    /// What it is called.
    pub name: Arc<str>,
    /// What it is.
    pub kind: BalancerKind,
    /// The machine it runs on.
    pub machine: Machine,
    /// The path of its admin socket there; empty for one that has none.
    pub socket: Arc<str>,
    /// The file of the map that holds the shares of canaries.
    pub map: Option<Arc<str>>,
    /// The file that it reads the states of its servers from when it starts (`server-state-file`).
    pub state: Option<Arc<str>>,
    /// Its configuration.
    pub config: Option<Arc<str>>,
    /// The environment it belongs to, if not that of its host.
    pub environment: Option<Arc<str>>,
    /// Nothing may be changed there.
    pub read_only: bool,
}

/// The kinds of balancers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BalancerKind {
    /// `HAProxy`, by its admin socket.
    Haproxy,
    /// nginx, by a file that it includes.
    Nginx(Arc<NginxSpec>),
}

/// How an nginx is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxSpec {
    /// The file of upstreams and shares.
    pub file: Arc<str>,
    /// The command that finds its configuration good.
    pub check: Arc<str>,
    /// The command that has it read its configuration anew.
    pub reload: Arc<str>,
    /// The file with the number of its master process.
    pub pid: Arc<str>,
}

impl fmt::Display for BalancerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Haproxy => f.write_str("haproxy"),
            Self::Nginx(_) => f.write_str("nginx"),
        }
    }
}

impl Serialize for BalancerKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A machine on which something beside Docker runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// This one.
    Here,
    /// That of a host of the fleet.
    Host(HostName),
    /// One that is no host of the fleet.
    Ssh {
        /// An alias of `ssh_config`, or `user@host`.
        destination: Arc<str>,
        /// The port, when one is named.
        port: Option<u16>,
    },
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("this machine"),
            Self::Host(name) => name.fmt(f),
            Self::Ssh { destination, port } => {
                write!(f, "ssh://{destination}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

/// What an operator wants of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admin {
    /// It takes traffic while its checks pass.
    Ready,
    /// It takes nothing new, and ends what it has; its checks go on.
    Drain,
    /// It takes nothing and is not checked.
    Maintenance,
}

impl Admin {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether a server works, as the balancer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It does not (`op_state` 0).
    Down,
    /// It does since a moment, and is given more bit by bit (1).
    Starting,
    /// It does (2).
    Up,
    /// It does not want anything new (3).
    Stopping,
}

impl Standing {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Stopping => "stopping",
        }
    }
}

/// A server of a backend: one that stands for an address, or waits to be given one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slot {
    /// Its backend and its own name.
    pub name: ServerName,
    /// Where it points; none for what is no address and port.
    pub address: Option<SocketAddr>,
    /// What is wanted of it.
    pub admin: Admin,
    /// Whether it works.
    pub standing: Standing,
    /// Whether it is checked at all; what is not counts as up whatever it answers.
    pub checked: bool,
    /// What its last check found, in the balancer's words: `L7OK`, `L4CON Connection refused`.
    pub check: Arc<str>,
    /// Its part among the servers of its backend, 0 to 256.
    pub weight: u32,
    /// What it is doing now.
    pub sessions: u64,
    /// What waits for it.
    pub queue: u64,
    /// What it has done.
    pub counters: Counters,
}

impl Slot {
    /// Whether it takes traffic.
    pub fn is_serving(&self) -> bool {
        self.admin == Admin::Ready
            && matches!(self.standing, Standing::Up | Standing::Starting)
            && self.weight > 0
    }

    /// Whether its checks found it working.
    pub fn is_up(&self) -> bool {
        self.checked && self.standing == Standing::Up
    }
}

/// What a frontend can send requests to: a set of servers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Backend {
    /// Its name.
    pub name: Arc<str>,
    /// Its servers, in the order of the configuration.
    pub slots: Vec<Slot>,
    /// It gets a server more when one is needed; others have a slot for it, or none.
    pub elastic: bool,
    /// What waits for any of them.
    pub queue: u64,
    /// What it is doing now.
    pub sessions: u64,
    /// What it has done, with what it answered itself because no server could.
    pub counters: Counters,
}

impl Backend {
    /// The slot that stands for an address; one that serves before one that does not.
    pub fn slot_of(&self, address: SocketAddr) -> Option<&Slot> {
        let mut found: Vec<&Slot> = self
            .slots
            .iter()
            .filter(|slot| slot.address == Some(address))
            .collect();
        found.sort_by_key(|slot| match slot.admin {
            Admin::Ready => 0,
            Admin::Drain => 1,
            Admin::Maintenance => 2,
        });
        found.first().copied()
    }

    /// A slot that can be given an address: out of traffic, done with what it had, and pointing nowhere. One that an
    /// operator put into maintenance keeps its address, and is not taken.
    pub fn free_slot(&self) -> Option<&Slot> {
        self.slots.iter().find(|slot| self.is_free(slot))
    }

    /// How many more servers it can have.
    pub fn room(&self) -> usize {
        if self.elastic {
            return usize::MAX;
        }
        self.slots.iter().filter(|slot| self.is_free(slot)).count()
    }

    /// Whether a slot can be given an address.
    pub fn is_free(&self, slot: &Slot) -> bool {
        slot.admin == Admin::Maintenance && slot.sessions == 0 && self.points_nowhere(slot)
    }

    /// The addresses of templates are not meant: they are those of the documentation, have a port that nobody listens
    /// on, or stand in several slots that wait.
    fn points_nowhere(&self, slot: &Slot) -> bool {
        let Some(address) = slot.address else {
            return false;
        };
        let is_for_documentation = matches!(address.ip(), IpAddr::V4(ip) if ip.is_documentation());
        let waits =
            |other: &&Slot| other.admin == Admin::Maintenance && other.address == slot.address;
        is_for_documentation || address.port() <= 1 || self.slots.iter().filter(waits).count() > 1
    }

    /// How many of its servers take traffic.
    pub fn serving(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_serving()).count()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn slot(name: &str, address: &str, admin: Admin) -> Slot {
        Slot {
            name: name.parse().unwrap(),
            address: Some(address.parse().unwrap()),
            admin,
            standing: Standing::Up,
            checked: true,
            check: Arc::from("L7OK"),
            weight: 1,
            sessions: 0,
            queue: 0,
            counters: Counters::default(),
        }
    }

    fn backend(slots: Vec<Slot>) -> Backend {
        Backend {
            name: Arc::from("shop"),
            slots,
            elastic: false,
            queue: 0,
            sessions: 0,
            counters: Counters::default(),
        }
    }

    #[test]
    fn a_slot_in_maintenance_is_free_only_when_it_points_nowhere() {
        let mut busy = slot("shop/s1", "192.0.2.1:1", Admin::Maintenance);
        busy.sessions = 1;
        let kept = slot("shop/s2", "10.0.0.7:8080", Admin::Maintenance);
        let ready = slot("shop/s3", "192.0.2.1:1", Admin::Ready);
        assert_eq!(
            backend(vec![busy.clone(), kept.clone(), ready.clone()]).free_slot(),
            None
        );
        let free = slot("shop/s4", "10.0.0.1:1", Admin::Maintenance);
        let all = backend(vec![busy, kept, ready, free.clone()]);
        assert_eq!(all.free_slot(), Some(&free));
    }

    #[test]
    fn slots_of_a_template_wait_at_one_address() {
        let one = slot("shop/s1", "10.0.0.1:80", Admin::Maintenance);
        let two = slot("shop/s2", "10.0.0.1:80", Admin::Maintenance);
        assert_eq!(backend(vec![one.clone()]).free_slot(), None);
        assert_eq!(backend(vec![one.clone(), two]).free_slot(), Some(&one));
    }

    #[test]
    fn the_slot_of_an_address_is_the_one_that_serves() {
        let resting = slot("shop/s1", "10.0.0.7:80", Admin::Maintenance);
        let serving = slot("shop/s2", "10.0.0.7:80", Admin::Ready);
        let all = backend(vec![resting, serving.clone()]);
        assert_eq!(all.slot_of("10.0.0.7:80".parse().unwrap()), Some(&serving));
        assert_eq!(all.serving(), 1);
    }
}
