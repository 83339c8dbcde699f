//! A Swarm, as its managers tell of it: nodes, services, tasks, secrets and configs.

mod action;
mod facts;
mod node;
mod service;
mod task;

pub use action::{NewStored, SwarmAction};
pub use facts::{Fact, Facts};
pub use node::{Availability, Node, fits};
pub use service::{Mode, Service, Update};
pub use task::Task;

use std::sync::Arc;

use serde::Serialize;

use super::{Resource, Timestamp};

/// What a host is in a Swarm, as its own engine says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// Its id among the nodes.
    pub node: Arc<str>,
    /// The Swarm; only its managers know it.
    pub cluster: Option<Arc<str>>,
    /// Whether it is a manager that can be asked and told now.
    pub manages: bool,
    /// `active`, `pending`, `locked` or `error`.
    pub state: Arc<str>,
    /// The ids of the managers that it knows.
    pub managers: Vec<Arc<str>>,
    /// What is wrong with its membership; empty for nothing.
    pub error: Arc<str>,
}

impl Membership {
    /// `manager` or `worker`.
    pub fn role(&self) -> &'static str {
        if self.manages || self.cluster.is_some() || self.managers.contains(&self.node) {
            "manager"
        } else {
            "worker"
        }
    }
}

/// All that a manager tells of its Swarm.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Swarm {
    /// Its hosts.
    pub nodes: Vec<Node>,
    /// What is to run.
    pub services: Vec<Service>,
    /// What runs, ran or is to run, the newest first.
    pub tasks: Vec<Task>,
    /// Its secrets; nobody can read what is in them.
    pub secrets: Vec<Stored>,
    /// Its configs.
    pub configs: Vec<Stored>,
}

/// A secret or a config as the Swarm keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Its id.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// When it was made.
    pub created: Timestamp,
    /// The app that it was made for.
    pub app: Option<Arc<str>>,
    /// The services that use it, by name.
    pub used_by: Vec<Arc<str>>,
}

impl Swarm {
    /// A node by its id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|one| *one.id == *id)
    }

    /// A service by its id.
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|one| *one.id == *id)
    }

    /// The tasks of a service that are to run, or that it has at all.
    pub fn tasks_of(&self, service: &str, all: bool) -> impl Iterator<Item = &Task> {
        let tasks = self.tasks.iter();
        tasks.filter(move |one| *one.service == *service && (all || one.is_wanted()))
    }

    /// The tasks on a node that are to run.
    pub fn tasks_on(&self, node: &str) -> impl Iterator<Item = &Task> {
        let tasks = self.tasks.iter();
        tasks.filter(move |one| one.node.as_deref() == Some(node) && one.is_wanted())
    }

    /// The nodes on which a task may be put now.
    pub fn ready_nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|one| one.takes_tasks())
    }

    /// The secrets or configs.
    pub fn stored(&self, kind: Resource) -> &[Stored] {
        match kind {
            Resource::Secret => &self.secrets,
            Resource::Config => &self.configs,
            Resource::Image
            | Resource::Network
            | Resource::Volume
            | Resource::Node
            | Resource::Service => &[],
        }
    }

    /// What is wrong with a task; of one that does not run yet, why the one before it in its place failed.
    pub fn trouble(&self, task: &Task) -> Option<String> {
        let own = task.trouble();
        if own.is_some() || task.is_running() || task.is_over() {
            return own;
        }
        let before = self.tasks.iter().filter(|one| {
            one.service == task.service
                && one.slot == task.slot
                && one.id != task.id
                && one.failed()
        });
        // Where there is one on each node, its node is its place.
        let same = before.filter(|one| one.slot.is_some() || one.node == task.node);
        let last = same.max_by_key(|one| one.since)?;
        Some(format!("before: {}", last.trouble()?))
    }

    /// What a task is called: `shop_web.2`, or by its node where there is one on each.
    pub fn task_name(&self, task: &Task) -> String {
        let service = self.service(&task.service);
        let service = service.map_or(&*task.service, |one| &*one.name);
        match (task.slot, &task.node) {
            (Some(slot), _) => format!("{service}.{slot}"),
            (None, Some(node)) => {
                let known = self.node(node);
                format!("{service}.{}", known.map_or(&**node, |one| &*one.name))
            }
            (None, None) => service.to_owned(),
        }
    }
}
