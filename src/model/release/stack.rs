//! A release in a Swarm: which Swarm, and what is found there of its app.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Print, ReleaseNumber};
use crate::model::{
    HostName,
    app::{Order, ServiceName},
    swarm::{Facts, Mode, Node, Task, Update},
};

/// The Swarm that a release is for. Its targets name one manager, which is told what is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stack {
    /// The Swarm's id.
    pub cluster: Arc<str>,
    /// The hosts of the fleet that are nodes of it, by the ids of those: they fetch images before anything is changed.
    pub nodes: BTreeMap<Arc<str>, HostName>,
    /// Which goes first when tasks are replaced, by rule.
    pub orders: BTreeMap<ServiceName, Order>,
}

impl Stack {
    /// Which goes first; the old one where nothing is known.
    pub fn order(&self, service: &ServiceName) -> Order {
        let known = self.orders.get(service).copied();
        known.unwrap_or(Order::StopFirst)
    }
}

/// All that is found of an app in a Swarm, and what it needs to know of that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stacked {
    /// The Swarm's id.
    pub cluster: Arc<str>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The services of the app's stack.
    pub services: Vec<StackService>,
    /// The ports that services of others publish on every node, and whose they are.
    pub ports: BTreeMap<(String, u16), Arc<str>>,
    /// The names of all secrets.
    pub secrets: Vec<Arc<str>>,
    /// The names of all configs.
    pub configs: Vec<Arc<str>>,
    /// The names of all networks of the whole Swarm.
    pub networks: Vec<Arc<str>>,
}

impl Stacked {
    /// A service by what the app calls it.
    pub fn service(&self, name: &ServiceName) -> Option<&StackService> {
        self.services
            .iter()
            .find(|one| *one.service == *name.as_str())
    }
}

/// A service of an app's stack as a manager has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackService {
    /// Its id.
    pub id: Arc<str>,
    /// Its name in the Swarm.
    pub name: Arc<str>,
    /// What the app calls it.
    pub service: Arc<str>,
    /// The version that a change has to name.
    pub version: u64,
    /// What we wrote on it; none when somebody else made it.
    pub mark: Option<StackMark>,
    /// What it is made of.
    pub facts: Facts,
    /// How many tasks it is to have.
    pub mode: Mode,
    /// How far its newest update is.
    pub update: Option<Update>,
    /// Its tasks, the newest first, also those that are over.
    pub tasks: Vec<Task>,
}

/// What we write on a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackMark {
    /// The release that it was changed for.
    pub release: ReleaseNumber,
    /// Its environment.
    pub environment: String,
    /// What its tasks are made of.
    pub print: Print,
}

/// How a service is brought to what it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a new release: the Swarm takes it back by itself when it fails while nobody looks.
    Forth,
    /// Back to the one before: the Swarm must never take that back, for that would be the bad one again.
    Back,
}
