//! The apps of all hosts as a tree: an app, its services, their replicas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{ContainerId, Feed, Fleet, HostName},
    ops::{
        app::{App, AppKey, AppService, Replica, apps},
        column::{self, AppRow},
        target::Target,
    },
    ui::{look::Look, nav::Nav},
};

/// A row, told apart by what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    App(AppKey),
    Service(AppKey, Arc<str>),
    Replica(AppKey, Arc<str>, HostName, ContainerId),
}

/// What the rows were made of.
type Stamp = (
    Option<(u64, i64)>,
    String,
    crate::ui::grid::Sort,
    BTreeSet<Node>,
);

/// All apps of the fleet.
pub struct Apps {
    table: Table<Node, column::Apps>,
    apps: Vec<App>,
    /// Where each is among them.
    places: BTreeMap<AppKey, usize>,
    /// What is opened.
    open: BTreeSet<Node>,
    /// Of which state of the fleet the apps are, and of which second.
    made: Option<(u64, i64)>,
    stamp: Option<Stamp>,
}

impl Default for Apps {
    fn default() -> Self {
        Self {
            table: Table::new("state", false),
            apps: Vec::new(),
            places: BTreeMap::new(),
            open: BTreeSet::new(),
            made: None,
            stamp: None,
        }
    }
}

impl Apps {
    /// Shows these columns, as remembered.
    pub fn set_columns(&mut self, names: &str) -> Result<(), String> {
        self.table.set_columns(names)
    }

    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// Puts the cursor on the first app that a pattern fits, and opens all that it fits.
    pub fn go_to(&mut self, fleet: &Fleet, fits: impl Fn(&App) -> bool) -> bool {
        self.renew(fleet);
        // An empty filter is always right.
        let _ = self.table.set_filter("");
        let found: Vec<AppKey> = self
            .apps
            .iter()
            .filter(|app| fits(app))
            .map(|app| app.key.clone())
            .collect();
        self.open.extend(found.iter().cloned().map(Node::App));
        self.stamp = None;
        match found.into_iter().next() {
            Some(first) => {
                self.table.list.go_to(&Node::App(first));
                true
            }
            None => false,
        }
    }

    /// Brings the apps up to date, at most once a second: in a large fleet something always changes.
    fn renew(&mut self, fleet: &Fleet) {
        let now = (fleet.version(), fleet.now.as_second());
        let is_due = match self.made {
            None => true,
            Some((version, second)) => {
                version != now.0 && (second != now.1 || self.apps.is_empty())
            }
        };
        if is_due {
            self.apps = apps(fleet);
            let keys = self.apps.iter().map(|app| app.key.clone());
            self.places = keys.enumerate().map(|(at, key)| (key, at)).collect();
            self.made = Some(now);
        }
    }

    fn app(&self, key: &AppKey) -> Option<&App> {
        self.apps.get(*self.places.get(key)?)
    }

    fn service(&self, key: &AppKey, name: &str) -> Option<(&App, &AppService)> {
        let app = self.app(key)?;
        let service = app.services.iter().find(|one| *one.name == *name)?;
        Some((app, service))
    }

    fn row<'a>(&'a self, node: &Node, fleet: &'a Fleet) -> Option<(AppRow<'a>, bool)> {
        let is_open = self.open.contains(node);
        Some(match node {
            Node::App(key) => (AppRow::App(self.app(key)?, is_open), false),
            Node::Service(key, name) => {
                let (app, service) = self.service(key, name)?;
                (AppRow::Service(app, service, is_open), false)
            }
            Node::Replica(key, name, host, id) => {
                let (app, service) = self.service(key, name)?;
                let (host, container) = (fleet.host(host)?, fleet.container(host, id)?);
                let row = AppRow::Replica(app, service, host, container);
                (row, host.is_stale())
            }
        })
    }

    /// An app with what is opened of it.
    fn nodes(&self, app: &App) -> Vec<Node> {
        let whole = Node::App(app.key.clone());
        let mut nodes = vec![whole.clone()];
        if !self.open.contains(&whole) {
            return nodes;
        }
        for service in &app.services {
            let node = Node::Service(app.key.clone(), service.name.clone());
            let is_open = self.open.contains(&node);
            nodes.push(node);
            if is_open {
                nodes.extend(service.replicas.iter().map(|one| {
                    let (key, name) = (app.key.clone(), service.name.clone());
                    Node::Replica(key, name, one.host.clone(), one.id.clone())
                }));
            }
        }
        nodes
    }

    fn replicas(&self, node: &Node) -> Vec<Target> {
        let target = |one: &Replica| Target::Container(one.host.clone(), one.id.clone());
        match node {
            Node::App(key) => {
                let services = self.app(key).map_or(&[][..], |app| &app.services);
                let all = services.iter().flat_map(|one| one.replicas.iter());
                all.map(target).collect()
            }
            Node::Service(key, name) => match self.service(key, name) {
                Some((_, service)) => service.replicas.iter().map(target).collect(),
                None => Vec::new(),
            },
            Node::Replica(_, _, host, id) => vec![Target::Container(host.clone(), id.clone())],
        }
    }

    fn emptiness(&self) -> String {
        if self.apps.is_empty() {
            "No apps. Every Compose project and Swarm stack is one, whoever started it;\n\
             containers that belong to none are in the pane containers."
                .to_owned()
        } else {
            let filter = self.table.filter();
            format!("No app matches '{filter}'. Esc clears the filter.")
        }
    }
}

impl Pane for Apps {
    fn name(&self) -> &'static str {
        "apps"
    }

    fn title(&self, _fleet: &Fleet) -> String {
        let is_app = |node: &&Node| matches!(node, Node::App(_));
        let shown = self.table.list.order().iter().filter(is_app).count();
        let marked = self.table.list.marked();
        format!(
            "Apps{}",
            super::table::counted(shown, self.apps.len(), marked)
        )
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match (nav, self.table.list.current()) {
            (Nav::Open, Some(Node::Replica(_, _, host, id))) => {
                Reply::Detail(Target::Container(host.clone(), id.clone()))
            }
            (Nav::Open, Some(node)) => {
                let node = node.clone();
                if !self.open.remove(&node) {
                    self.open.insert(node);
                }
                Reply::Done
            }
            (Nav::Open, None) => Reply::Done,
            (other, _) => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        self.renew(fleet);
        let stamp = (
            self.made,
            self.table.filter().to_owned(),
            self.table.sort(),
            self.open.clone(),
        );
        if self.stamp.as_ref() != Some(&stamp) {
            let rows = self.apps.iter().map(|app| AppRow::App(app, false));
            // They stand in the order of their names already.
            let rows = self.table.arrange(rows, |_, _| std::cmp::Ordering::Equal);
            let shown = rows.into_iter().filter_map(|row| match row {
                AppRow::App(app, _) => Some(app),
                AppRow::Service(..) | AppRow::Replica(..) => None,
            });
            let nodes: Vec<Node> = shown.flat_map(|app| self.nodes(app)).collect();
            self.table.list.settle(nodes);
            let places = &self.places;
            self.table.list.retain_marks(|node| match node {
                Node::App(key) | Node::Service(key, _) => places.contains_key(key),
                Node::Replica(_, _, host, id) => fleet.container(host, id).is_some(),
            });
            self.stamp = Some(stamp);
        }
        let rows = usize::from(area.height.saturating_sub(1));
        self.table.list.set_height(rows);
    }

    fn selection(&self, _fleet: &Fleet) -> Vec<Target> {
        let mut targets = Vec::new();
        for node in self.table.list.selection() {
            for target in self.replicas(&node) {
                if !targets.contains(&target) {
                    targets.push(target);
                }
            }
        }
        targets
    }

    fn wants(&self, _fleet: &Fleet) -> BTreeSet<Feed> {
        BTreeSet::new()
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("open", "open, close"),
            ("logs", "logs"),
            ("container restart", "restart"),
            ("menu", "actions"),
            ("filter", "filter"),
            ("mark", "mark"),
            ("columns", "columns"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.table.list.order().is_empty() {
            return super::empty(&self.emptiness(), look, frame, area);
        }
        let row = |node: &Node| self.row(node, fleet);
        self.table
            .view(row, &context(fleet, look), look, frame, area);
    }
}

#[cfg(test)]
mod tests;
