//! The Swarms: their services or their nodes as a table, and below it the tasks of the one under the cursor with their errors.

mod tasks;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{
        Feed, Fleet, Host, HostName, Resource,
        swarm::{Node, Service, Swarm},
    },
    ops::{
        column::{self, NodeRow, ServiceRow, natural},
        swarm::{clusters, host_of},
        target::Target,
    },
    ui::{grid::Sort, look::Look, nav::Nav, widget::place},
};

/// From how many rows on there is room for tasks.
const TALL: u16 = 10;

/// Which service or node, through which manager.
type Key = (HostName, Arc<str>);

/// How Swarms are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    /// One row for each service.
    #[default]
    Services,
    /// One row for each node.
    Nodes,
}

/// All Swarms of the fleet.
pub struct Swarms {
    services: Table<Key, column::Services>,
    nodes: Table<Key, column::Nodes>,
    shape: Shape,
    /// How many there are of each, hidden or not.
    total: (usize, usize),
    stamp: Option<(u64, [(String, Sort); 2])>,
}

impl Default for Swarms {
    fn default() -> Self {
        Self {
            services: Table::new("name", false),
            nodes: Table::new("name", false),
            shape: Shape::default(),
            total: (0, 0),
            stamp: None,
        }
    }
}

fn manager<'f>(fleet: &'f Fleet, host: &HostName) -> Option<(&'f Host, &'f Swarm)> {
    let host = fleet.host(host)?;
    Some((host, host.swarm.as_deref()?))
}

fn service<'f>(fleet: &'f Fleet, (host, id): &Key) -> Option<(&'f Host, &'f Swarm, &'f Service)> {
    let (host, swarm) = manager(fleet, host)?;
    Some((host, swarm, swarm.service(id)?))
}

fn node<'f>(fleet: &'f Fleet, (host, id): &Key) -> Option<(&'f Host, &'f Swarm, &'f Node)> {
    let (host, swarm) = manager(fleet, host)?;
    Some((host, swarm, swarm.node(id)?))
}

impl Swarms {
    /// Sorts as remembered.
    pub fn remembered(&mut self, key: &str, value: &str) {
        match key {
            "services.sort" => self.services.set_sort(value),
            "nodes.sort" => self.nodes.set_sort(value),
            // What is no longer there leaves the usual columns.
            "services.columns" => drop(self.services.set_columns(value)),
            "nodes.columns" => drop(self.nodes.set_columns(value)),
            _ => {}
        }
    }

    /// Why there is nothing to see, and what to do.
    fn emptiness(&self, fleet: &Fleet) -> String {
        let (total, filter) = match self.shape {
            Shape::Services => (self.total.0, self.services.filter()),
            Shape::Nodes => (self.total.1, self.nodes.filter()),
        };
        if total > 0 {
            return format!("None of the {total} matches '{filter}'. Esc clears the filter.");
        }
        if fleet.hosts().is_empty() {
            return super::hosts::NO_HOSTS.to_owned();
        }
        let managers = fleet.hosts().iter().filter(|host| host.is_manager());
        let (all, told) = managers.fold((0, 0), |(all, told), host| {
            (all + 1, told + usize::from(host.swarm.is_some()))
        });
        match (all, told) {
            (0, _) => "No host manages a Swarm.\n\
                 `docker swarm init` on a host makes one; it is found out by itself."
                .to_owned(),
            (all, 0) => format!("Asking {all} managers for their Swarms …"),
            _ => "The Swarm has no services.\n\
                 Deploy an app to it with  :app deploy NAME --file FILE --hosts MANAGER --swarm"
                .to_owned(),
        }
    }

    /// The table, and the place for tasks.
    fn areas(area: Rect) -> (Rect, Rect) {
        let below = if area.height >= TALL {
            area.height / 2
        } else {
            0
        };
        place::above(area, area.height - below)
    }

    fn arrange(&mut self, fleet: &Fleet) {
        let of = |filter: &str, sort: Sort| (filter.to_owned(), sort);
        let stamp = (
            fleet.version(),
            [
                of(self.services.filter(), self.services.sort()),
                of(self.nodes.filter(), self.nodes.sort()),
            ],
        );
        if self.stamp.as_ref() == Some(&stamp) {
            return;
        }
        let all = clusters(fleet, Host::is_manager);
        let services = all.iter().flat_map(|one| {
            let rows = one.swarm.services.iter();
            rows.map(|service| ServiceRow {
                host: one.manager,
                swarm: one.swarm,
                service,
            })
        });
        let nodes = all.iter().flat_map(|one| {
            let rows = one.swarm.nodes.iter();
            rows.map(|node| NodeRow {
                host: one.manager,
                swarm: one.swarm,
                node,
            })
        });
        self.total = (services.clone().count(), nodes.clone().count());
        let rows = self
            .services
            .arrange(services, |a, b| natural(&a.service.name, &b.service.name));
        let keys = rows
            .iter()
            .map(|row| (row.host.name().clone(), row.service.id.clone()));
        let keys: Vec<Key> = keys.collect();
        let rows = self
            .nodes
            .arrange(nodes, |a, b| natural(&a.node.name, &b.node.name));
        let others = rows
            .iter()
            .map(|row| (row.host.name().clone(), row.node.id.clone()));
        let others: Vec<Key> = others.collect();
        self.services
            .list
            .retain_marks(|key| service(fleet, key).is_some());
        self.nodes
            .list
            .retain_marks(|key| node(fleet, key).is_some());
        self.services.list.settle(keys);
        self.nodes.list.settle(others);
        self.stamp = Some(stamp);
    }

    /// Leads to the containers of a service's app, or to the host that a node is.
    fn open(&self, fleet: &Fleet) -> Reply {
        match self.shape {
            Shape::Services => {
                let key = self.services.list.current();
                let one = key.and_then(|key| service(fleet, key));
                match one.and_then(|(_, _, one)| one.app.as_deref()) {
                    Some(app) => Reply::Containers(format!("app:{app}")),
                    None => Reply::Done,
                }
            }
            Shape::Nodes => match self.nodes.list.current() {
                Some((_, id)) => match host_of(fleet, id) {
                    Some(host) => Reply::Detail(Target::Host(host.name().clone())),
                    None => Reply::Tell("the node is no host of this fleet".to_owned()),
                },
                None => Reply::Done,
            },
        }
    }
}

impl Pane for Swarms {
    fn name(&self) -> &'static str {
        "swarms"
    }

    fn title(&self, fleet: &Fleet) -> String {
        let swarms = clusters(fleet, Host::is_manager).len();
        let of = match swarms {
            0 | 1 => String::new(),
            swarms => format!("  {swarms} Swarms"),
        };
        match self.shape {
            Shape::Services => format!("Services{}{of}", self.services.count(self.total.0)),
            Shape::Nodes => format!("Nodes{}{of}", self.nodes.count(self.total.1)),
        }
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        match (nav, self.shape) {
            (Nav::Shape, shape) => {
                self.shape = match shape {
                    Shape::Services => Shape::Nodes,
                    Shape::Nodes => Shape::Services,
                };
                Reply::Done
            }
            (Nav::Open, _) => self.open(fleet),
            (Nav::Copy, Shape::Services) => {
                let key = self.services.list.current();
                match key.and_then(|key| service(fleet, key)) {
                    Some((host, _, one)) => Reply::Copy(format!("{}@{}", one.name, host.name())),
                    None => Reply::Done,
                }
            }
            (Nav::Copy, Shape::Nodes) => {
                let key = self.nodes.list.current();
                match key.and_then(|key| node(fleet, key)) {
                    Some((host, _, one)) => Reply::Copy(format!("{}@{}", one.name, host.name())),
                    None => Reply::Done,
                }
            }
            (other, Shape::Services) => self.services.nav(other).unwrap_or(Reply::Pass),
            (other, Shape::Nodes) => self.nodes.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        self.arrange(fleet);
        let (table, _) = Self::areas(area);
        let rows = usize::from(table.height.saturating_sub(1));
        self.services.list.set_height(rows);
        self.nodes.list.set_height(rows);
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let of = |kind: Resource, key: &Key| Target::Resource(kind, key.0.clone(), key.1.clone());
        match self.shape {
            Shape::Services => {
                let chosen = self.services.list.selection().into_iter();
                let chosen = chosen.filter(|key| service(fleet, key).is_some());
                chosen.map(|key| of(Resource::Service, &key)).collect()
            }
            Shape::Nodes => {
                let chosen = self.nodes.list.selection().into_iter();
                let chosen = chosen.filter(|key| node(fleet, key).is_some());
                chosen.map(|key| of(Resource::Node, &key)).collect()
            }
        }
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        let online = fleet.hosts().iter().filter(|host| host.link.is_online());
        // One manager tells of all of its Swarm.
        online
            .filter(|host| host.is_manager())
            .filter(|host| {
                let cluster = host.membership().and_then(|one| one.cluster.as_deref());
                asked.insert(cluster.unwrap_or_else(|| host.name().as_str()))
            })
            .map(|host| Feed::Swarm(host.name().clone()))
            .collect()
    }

    fn rows(&self) -> &'static str {
        match self.shape {
            Shape::Services => "services",
            Shape::Nodes => "nodes",
        }
    }

    fn filter(&self) -> &str {
        match self.shape {
            Shape::Services => self.services.filter(),
            Shape::Nodes => self.nodes.filter(),
        }
    }

    fn back(&mut self) -> bool {
        let narrowed = self.shape == Shape::Nodes;
        self.shape = Shape::Services;
        narrowed
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self.shape {
            Shape::Services => &[
                ("palette service scale --replicas", "scale"),
                ("service restart", "restart"),
                ("service show", "show"),
                ("service remove", "remove"),
                ("shape", "nodes"),
                ("open", "containers"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
            ],
            Shape::Nodes => &[
                ("node drain", "drain"),
                ("node activate", "activate"),
                ("node show", "show"),
                ("shape", "services"),
                ("open", "host"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
            ],
        }
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let (table, below) = Self::areas(area);
        match self.shape {
            Shape::Services => {
                if self.services.list.order().is_empty() {
                    return super::empty(&self.emptiness(fleet), look, frame, area);
                }
                let row = |key: &Key| {
                    let (host, swarm, service) = service(fleet, key)?;
                    let row = ServiceRow {
                        host,
                        swarm,
                        service,
                    };
                    Some((row, host.is_stale()))
                };
                self.services
                    .view(row, &context(fleet, look), look, frame, table);
                let current = self.services.list.current();
                if let Some((_, swarm, one)) = current.and_then(|key| service(fleet, key)) {
                    tasks::of_service(swarm, one, fleet.now, look, frame.buffer_mut(), below);
                }
            }
            Shape::Nodes => {
                if self.nodes.list.order().is_empty() {
                    return super::empty(&self.emptiness(fleet), look, frame, area);
                }
                let row = |key: &Key| {
                    let (host, swarm, node) = node(fleet, key)?;
                    let row = NodeRow { host, swarm, node };
                    Some((row, host.is_stale()))
                };
                self.nodes
                    .view(row, &context(fleet, look), look, frame, table);
                let current = self.nodes.list.current();
                if let Some((_, swarm, one)) = current.and_then(|key| node(fleet, key)) {
                    tasks::of_node(swarm, one, fleet.now, look, frame.buffer_mut(), below);
                }
            }
        }
    }
}
