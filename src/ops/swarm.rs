//! The Swarms that the hosts of a fleet form, each told of once.

use crate::model::{Fleet, Host, swarm::Swarm};

/// A Swarm with the manager that tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'f> {
    /// The first of its managers that answers.
    pub manager: &'f Host,
    /// What that tells.
    pub swarm: &'f Swarm,
}

impl<'f> Cluster<'f> {
    /// What tells it apart: its id, as far as its manager knows that.
    pub fn id(&self) -> &'f str {
        let known = self
            .manager
            .membership()
            .and_then(|one| one.cluster.as_deref());
        known.unwrap_or_else(|| self.manager.name().as_str())
    }

    /// The hosts of the fleet that are nodes of it, in the fleet's order.
    pub fn hosts(&self, fleet: &'f Fleet) -> Vec<&'f Host> {
        let is_of = |host: &&Host| {
            let node = host.membership().map(|one| &one.node);
            node.is_some_and(|id| self.swarm.node(id).is_some())
        };
        fleet.hosts().iter().filter(is_of).collect()
    }

    /// The managers among them that can be asked.
    pub fn managers(&self, fleet: &'f Fleet) -> Vec<&'f Host> {
        let mut hosts = self.hosts(fleet);
        hosts.retain(|host| host.is_manager());
        hosts
    }
}

/// All Swarms of the hosts that `which` accepts as managers, each once.
pub fn clusters<'f>(fleet: &'f Fleet, which: impl Fn(&Host) -> bool) -> Vec<Cluster<'f>> {
    let mut found: Vec<Cluster<'f>> = Vec::new();
    let mut hosts: Vec<&Host> = fleet.hosts().iter().filter(|host| which(host)).collect();
    hosts.sort_by_key(|host| !host.link.is_online());
    for host in hosts {
        let Some(swarm) = host.swarm.as_deref() else {
            continue;
        };
        let one = Cluster {
            manager: host,
            swarm,
        };
        if !found.iter().any(|other| other.id() == one.id()) {
            found.push(one);
        }
    }
    found
}

/// The host of the fleet that is a node.
pub fn host_of<'f>(fleet: &'f Fleet, node: &str) -> Option<&'f Host> {
    let is_it = |host: &&Host| host.membership().is_some_and(|one| *one.node == *node);
    fleet.hosts().iter().find(is_it)
}
