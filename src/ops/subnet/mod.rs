//! All networks of the fleet seen together: who is attached, which addresses are in use, what is wrong with them.

mod finding;
mod free;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

pub(super) use finding::hidden_range;
pub use finding::{Finding, FindingKind};
pub use free::{Dealer, free, site_range};

use crate::model::{Attachment, Container, ContainerId, Fleet, Host, HostName, Network, Subnet};

/// What is known of a network beyond what its engine tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The first host that has it, in the order of the fleet.
    pub host: HostName,
    /// Its place among that host's networks.
    at: usize,
    /// All hosts that have it: more than one only for a Swarm's.
    pub hosts: Vec<HostName>,
    /// Containers that are attached to it, running or not.
    pub attached: u32,
    /// Of them, those that live: these have addresses.
    pub live: u32,
    /// Addresses in use, by subnet.
    pub used: Vec<u128>,
    /// What is wrong with it: places in [`Survey::findings`].
    found: Vec<usize>,
}

/// All networks of the fleet, each once, as of one version of it.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    seen: Vec<Seen>,
    index: HashMap<Key, usize>,
    findings: Vec<Finding>,
}

/// A host, and the id of a network of it.
type Key = (HostName, Arc<str>);

/// A network with its host and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Surveyed<'a> {
    /// The first host that has it.
    pub host: &'a Host,
    /// The network as that host tells it.
    pub network: &'a Network,
    /// What is known of it beyond.
    pub seen: &'a Seen,
    /// The survey it belongs to.
    pub survey: &'a Survey,
}

impl Survey {
    /// Looks at all networks of a fleet. Cost: a few passes over networks and containers.
    pub fn of(fleet: &Fleet) -> Self {
        let mut survey = Self::default();
        survey.gather(fleet);
        survey.attach(fleet);
        finding::find(&mut survey, fleet);
        survey
    }

    /// Takes in each network once: a Swarm's is told by every host that takes part in it.
    fn gather(&mut self, fleet: &Fleet) {
        let mut shared: HashMap<Arc<str>, usize> = HashMap::new();
        for host in fleet.hosts() {
            for (at, network) in host.networks.iter().flatten().enumerate() {
                let key = (host.name().clone(), network.id.clone());
                if network.is_shared()
                    && let Some(known) = shared.get(&network.id)
                {
                    let hosts = &mut self.seen[*known].hosts;
                    if !hosts.contains(host.name()) {
                        hosts.push(host.name().clone());
                    }
                    self.index.insert(key, *known);
                    continue;
                }
                let place = self.seen.len();
                if network.is_shared() {
                    shared.insert(network.id.clone(), place);
                }
                self.index.insert(key, place);
                self.seen.push(Seen {
                    host: host.name().clone(),
                    at,
                    hosts: vec![host.name().clone()],
                    attached: 0,
                    live: 0,
                    used: Vec::new(),
                    found: Vec::new(),
                });
            }
        }
    }

    /// Counts who is attached, and which addresses are in use.
    fn attach(&mut self, fleet: &Fleet) {
        let mut addresses: Vec<HashSet<IpAddr>> = vec![HashSet::new(); self.seen.len()];
        for host in fleet.hosts() {
            let networks = host.networks.iter().flatten();
            let place = |network: &Network| {
                let key = (host.name().clone(), network.id.clone());
                self.index.get(&key).copied()
            };
            let by_id: HashMap<&str, usize> = networks
                .clone()
                .filter_map(|one| Some((&*one.id, place(one)?)))
                .collect();
            let by_name: HashMap<&str, usize> = networks
                .filter_map(|one| Some((&*one.name, place(one)?)))
                .collect();
            for container in host.containers.values() {
                for one in &container.networks {
                    let found = if one.id.is_empty() {
                        by_name.get(&*one.network)
                    } else {
                        by_id.get(&*one.id)
                    };
                    let Some(at) = found else { continue };
                    self.seen[*at].attached += 1;
                    self.seen[*at].live += u32::from(container.state.is_live());
                    addresses[*at].extend(one.ipv4.map(IpAddr::V4));
                    addresses[*at].extend(one.ipv6.map(IpAddr::V6));
                }
            }
        }
        for (at, mut taken) in addresses.into_iter().enumerate() {
            let Some(network) = self.network(fleet, at) else {
                continue;
            };
            for pool in &network.subnets {
                taken.extend(pool.gateway);
                taken.extend(pool.aux.values());
            }
            let within = |subnet: Subnet| taken.iter().filter(|one| subnet.holds(**one)).count();
            let pools = network.subnets.iter();
            let used = pools.map(|pool| within(pool.subnet) as u128).collect();
            self.seen[at].used = used;
        }
    }

    fn network<'f>(&self, fleet: &'f Fleet, at: usize) -> Option<&'f Network> {
        let seen = &self.seen[at];
        fleet.host(&seen.host)?.networks.as_ref()?.get(seen.at)
    }

    fn surveyed<'a>(&'a self, fleet: &'a Fleet, at: usize) -> Option<Surveyed<'a>> {
        let seen = self.seen.get(at)?;
        let host = fleet.host(&seen.host)?;
        let network = host.networks.as_ref()?.get(seen.at)?;
        Some(Surveyed {
            host,
            network,
            seen,
            survey: self,
        })
    }

    /// All networks, each once, in the order of the fleet.
    pub fn all<'a>(&'a self, fleet: &'a Fleet) -> impl Iterator<Item = Surveyed<'a>> {
        (0..self.seen.len()).filter_map(move |at| self.surveyed(fleet, at))
    }

    /// A network by one of its hosts and its id. None when the fleet has another version by now and it is gone.
    pub fn get<'a>(
        &'a self,
        fleet: &'a Fleet,
        host: &HostName,
        id: &Arc<str>,
    ) -> Option<Surveyed<'a>> {
        let at = *self.index.get(&(host.clone(), id.clone()))?;
        let found = self.surveyed(fleet, at)?;
        (found.network.id == *id).then_some(found)
    }

    /// What is wrong, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl<'a> Surveyed<'a> {
    /// What is wrong with it.
    pub fn findings(&self) -> impl Iterator<Item = &'a Finding> + use<'a> {
        let survey = self.survey;
        self.seen.found.iter().map(|at| &survey.findings[*at])
    }

    /// How much is wrong with it.
    pub fn found(&self) -> usize {
        self.seen.found.len()
    }

    /// Its hosts in one word: `ams-1`, `ams-1 +2`.
    pub fn hosts(&self) -> String {
        match self.seen.hosts.len() {
            0 | 1 => self.host.name().to_string(),
            several => format!("{} +{}", self.host.name(), several - 1),
        }
    }

    /// Who is attached to it on which host, and how, by host and name.
    pub fn members(&self, fleet: &'a Fleet) -> Vec<Member<'a>> {
        let mut members = Vec::new();
        for name in &self.seen.hosts {
            if let Some(host) = fleet.host(name) {
                members.extend(members_of(host, self.network));
            }
        }
        members
    }
}

/// A container that is attached to a network, and how.
pub type Member<'a> = (&'a Host, &'a Container, &'a Attachment);

/// The containers of one host that are attached to a network, by name.
pub fn members_of<'a>(host: &'a Host, network: &Network) -> Vec<Member<'a>> {
    let mut members: Vec<Member<'a>> = host
        .containers
        .values()
        .filter_map(|one| Some((host, one, network.attachment(one)?)))
        .collect();
    members.sort_by(|(_, a, _), (_, b, _)| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    members
}

/// Which container of a host has each address of a network.
pub fn holders(host: &Host, network: &Network) -> BTreeMap<IpAddr, ContainerId> {
    let mut holders = BTreeMap::new();
    for (_, container, place) in members_of(host, network) {
        let addresses = [place.ipv4.map(IpAddr::V4), place.ipv6.map(IpAddr::V6)];
        for address in addresses.into_iter().flatten() {
            holders.insert(address, container.id.clone());
        }
    }
    holders
}
