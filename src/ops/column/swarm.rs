//! The columns of nodes and services of Swarms.

use std::borrow::Cow;

use super::{Align, Column, OnHost, Row, Rows, Tone, between, fixed, growing, natural, of_host};
use crate::model::{
    Host, ago, bytes,
    swarm::{Availability, Node, Service, Swarm},
};

/// A node with the manager that tells of it.
#[derive(Clone, Copy, Debug)]
pub struct NodeRow<'a> {
    /// The manager.
    pub host: &'a Host,
    /// Its Swarm.
    pub swarm: &'a Swarm,
    /// The node.
    pub node: &'a Node,
}

/// A service with the manager that tells of it.
#[derive(Clone, Copy, Debug)]
pub struct ServiceRow<'a> {
    /// The manager.
    pub host: &'a Host,
    /// Its Swarm.
    pub swarm: &'a Swarm,
    /// The service.
    pub service: &'a Service,
}

impl NodeRow<'_> {
    /// How many tasks are to run on it.
    fn tasks(&self) -> usize {
        self.swarm.tasks_on(&self.node.id).count()
    }
}

impl ServiceRow<'_> {
    /// What is wrong with it: the update's words, else the newest trouble of its tasks.
    pub fn trouble(&self) -> Option<String> {
        let update = self.service.update.as_ref().filter(|one| one.failed());
        let told = update.map(|one| one.message.to_string());
        let tasks = || {
            let mut tasks = self.swarm.tasks_of(&self.service.id, false);
            tasks.find_map(|task| self.swarm.trouble(task))
        };
        told.filter(|text| !text.is_empty()).or_else(tasks)
    }

    fn tone(&self) -> Tone {
        match &self.service.update {
            Some(update) if update.failed() => Tone::Bad,
            Some(update) if update.is_under_way() => Tone::Busy,
            Some(_) | None if self.service.lacks() => Tone::Warn,
            Some(_) | None => Tone::Good,
        }
    }
}

/// Rows of nodes.
#[derive(Clone, Copy, Debug)]
pub struct Nodes;

/// Rows of services.
#[derive(Clone, Copy, Debug)]
pub struct Services;

impl Rows for Nodes {
    type Row<'a> = NodeRow<'a>;

    const NAME: &'static str = "nodes";

    fn columns() -> &'static [Column<Self>] {
        &NODES
    }
}

impl Rows for Services {
    type Row<'a> = ServiceRow<'a>;

    const NAME: &'static str = "services";

    fn columns() -> &'static [Column<Self>] {
        &SERVICES
    }
}

impl OnHost for Nodes {
    fn host<'r>(row: &'r NodeRow<'_>) -> &'r Host {
        row.host
    }
}

impl OnHost for Services {
    fn host<'r>(row: &'r ServiceRow<'_>) -> &'r Host {
        row.host
    }
}

/// The manager that tells.
const fn manager<K: OnHost>() -> Column<K> {
    Column {
        name: "manager",
        title: "MANAGER",
        about: "The manager that tells of it",
        priority: 5,
        ..super::host_column()
    }
}

static NODES: [Column<Nodes>; 10] = [
    Column {
        name: "name",
        title: "NODE",
        about: "Its name",
        align: Align::Left,
        width: growing(10, 24),
        text: |row, _| Cow::Borrowed(&*row.node.name),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.node.name, &b.node.name),
        shown: true,
        priority: 0,
    },
    Column {
        name: "state",
        title: "STATE",
        about: "Whether it answers its managers",
        align: Align::Left,
        width: between(5, 8),
        text: |row, _| Cow::Borrowed(&*row.node.state),
        tone: |row| {
            if row.node.is_ready() {
                Tone::Good
            } else {
                Tone::Bad
            }
        },
        order: |a, b| a.node.state.cmp(&b.node.state),
        shown: true,
        priority: 0,
    },
    Column {
        name: "availability",
        title: "TAKES",
        about: "Whether it takes tasks: active, pause or drain",
        align: Align::Left,
        width: fixed(6),
        text: |row, _| Cow::Borrowed(row.node.availability.word()),
        tone: |row| match row.node.availability {
            Availability::Active => Tone::Plain,
            Availability::Pause | Availability::Drain => Tone::Warn,
        },
        order: |a, b| a.node.availability.word().cmp(b.node.availability.word()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "role",
        title: "ROLE",
        about: "leader, manager or worker",
        align: Align::Left,
        width: fixed(7),
        text: |row, _| Cow::Borrowed(row.node.role()),
        tone: |row| {
            if row.node.manages {
                Tone::Plain
            } else {
                Tone::Faint
            }
        },
        order: |a, b| a.node.role().cmp(b.node.role()),
        shown: true,
        priority: 1,
    },
    Column {
        name: "tasks",
        title: "TASKS",
        about: "How many tasks are to run on it",
        align: Align::Right,
        width: fixed(5),
        text: |row, _| row.tasks().to_string().into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.tasks().cmp(&b.tasks()),
        shown: true,
        priority: 1,
    },
    Column {
        name: "engine",
        title: "ENGINE",
        about: "The version of its engine",
        align: Align::Left,
        width: between(7, 16),
        text: |row, _| Cow::Borrowed(&*row.node.engine),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&a.node.engine, &b.node.engine),
        shown: true,
        priority: 2,
    },
    Column {
        name: "cpus",
        title: "CPUS",
        about: "How many processors it has",
        align: Align::Right,
        width: fixed(4),
        text: |row, _| (row.node.nano_cpus / 1_000_000_000).to_string().into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.node.nano_cpus.cmp(&b.node.nano_cpus),
        shown: true,
        priority: 4,
    },
    Column {
        name: "memory",
        title: "MEMORY",
        about: "How much memory it has",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| bytes(row.node.memory).into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.node.memory.cmp(&b.node.memory),
        shown: true,
        priority: 4,
    },
    Column {
        name: "address",
        title: "ADDRESS",
        about: "Its address in the Swarm",
        align: Align::Left,
        width: between(9, 15),
        text: |row, _| Cow::Borrowed(&*row.node.address),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&a.node.address, &b.node.address),
        shown: true,
        priority: 3,
    },
    manager(),
];

static SERVICES: [Column<Services>; 10] = [
    Column {
        name: "name",
        title: "SERVICE",
        about: "Its name",
        align: Align::Left,
        width: growing(12, 28),
        text: |row, _| Cow::Borrowed(&*row.service.name),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.service.name, &b.service.name),
        shown: true,
        priority: 0,
    },
    Column {
        name: "tasks",
        title: "TASKS",
        about: "How many of its tasks run, of how many that are to",
        align: Align::Left,
        width: between(5, 9),
        text: |row, _| row.service.tally().into(),
        tone: |row| {
            if row.service.lacks() {
                Tone::Warn
            } else {
                Tone::Plain
            }
        },
        order: |a, b| a.service.running.cmp(&b.service.running),
        shown: true,
        priority: 0,
    },
    Column {
        name: "state",
        title: "STATE",
        about: "How its newest update is, else whether enough of it runs",
        align: Align::Left,
        width: between(11, 18),
        text: |row, _| Cow::Borrowed(row.service.word()),
        tone: |row| row.tone(),
        order: |a, b| a.service.word().cmp(b.service.word()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "image",
        title: "IMAGE",
        about: "The image of its tasks",
        align: Align::Left,
        width: growing(12, 36),
        text: |row, _| Cow::Borrowed(&*row.service.image),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.service.image, &b.service.image),
        shown: true,
        priority: 1,
    },
    Column {
        name: "app",
        title: "APP",
        about: "The stack that it is of",
        align: Align::Left,
        width: between(6, 14),
        text: |row, _| Cow::Borrowed(row.service.app.as_deref().unwrap_or("")),
        tone: |_| Tone::Plain,
        order: |a, b| a.service.app.cmp(&b.service.app),
        shown: true,
        priority: 3,
    },
    Column {
        name: "release",
        title: "RELEASE",
        about: "The release that changed it last, when Wharf deployed it",
        align: Align::Left,
        width: fixed(7),
        text: |row, _| {
            let release = row.service.release.map(|one| one.to_string());
            release.unwrap_or_default().into()
        },
        tone: |_| Tone::Faint,
        order: |a, b| a.service.release.cmp(&b.service.release),
        shown: true,
        priority: 3,
    },
    Column {
        name: "mode",
        title: "MODE",
        about: "replicated, global or a job",
        align: Align::Left,
        width: between(6, 10),
        text: |row, _| row.service.mode.to_string().into(),
        tone: |_| Tone::Faint,
        order: |a, b| a.service.mode.to_string().cmp(&b.service.mode.to_string()),
        shown: true,
        priority: 5,
    },
    Column {
        name: "ports",
        title: "PORTS",
        about: "The ports that it publishes",
        align: Align::Left,
        width: between(8, 20),
        text: |row, _| row.service.ports.join(" ").into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.service.ports.cmp(&b.service.ports),
        shown: true,
        priority: 4,
    },
    Column {
        name: "changed",
        title: "CHANGED",
        about: "When it was changed",
        align: Align::Right,
        width: fixed(7),
        text: |row, context| ago(context.now, row.service.updated).into(),
        tone: |_| Tone::Faint,
        order: |a, b| b.service.updated.cmp(&a.service.updated),
        shown: true,
        priority: 4,
    },
    manager(),
];

impl Row for NodeRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match key {
            "name" | "node" => &*self.node.name,
            "state" => &*self.node.state,
            "availability" => self.node.availability.word(),
            "role" => self.node.role(),
            "engine" => &*self.node.engine,
            key => return of_host(self.host, key),
        }))
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        (key == "tasks").then(|| self.tasks() as f64)
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let node = self.node;
        [&*node.name, node.role(), &*node.state, &*node.address]
            .into_iter()
            .map(Cow::Borrowed)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name",
            "node",
            "state",
            "availability",
            "role",
            "engine",
            "host",
            "env",
            "group",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["tasks"]
    }
}

impl Row for ServiceRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match key {
            "name" | "service" => &*self.service.name,
            "state" => self.service.word(),
            "image" => &*self.service.image,
            "app" => self.service.app.as_deref()?,
            key => return of_host(self.host, key),
        }))
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "running" => Some(self.service.running as f64),
            "wanted" => Some(self.service.wanted as f64),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let service = self.service;
        let app = service.app.as_deref().unwrap_or("");
        [&*service.name, &*service.image, app, service.word()]
            .into_iter()
            .map(Cow::Borrowed)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name", "service", "state", "image", "app", "host", "env", "group",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["running", "wanted"]
    }
}
