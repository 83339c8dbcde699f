//! The apps of all hosts as a tree: an app, its services, their replicas; and the app under the cursor in detail.

mod detail;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ratatui::{Frame, layout::Rect};

pub use detail::told;

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{ContainerId, Feed, Fleet, HostName, release::Scope},
    ops::{
        app::{App, AppKey, AppService, Replica, apps},
        column::{self, AppRow},
        target::Target,
    },
    ui::{
        look::Look,
        nav::Nav,
        widget::{line::heading, page::Page, place},
    },
};

/// With fewer rows the detail covers the tree instead of standing below it.
const SHORT: u16 = 24;

/// With so many rows the detail is there without being asked for, once anything was deployed.
const TALL: u16 = 34;

/// With so many cells its two halves stand side by side.
const WIDE: u16 = 130;

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
    /// The detail is to be seen, or not; where nobody said, it is where there is room.
    detail: Option<bool>,
    page: Shown,
}

/// The detail of the app under the cursor.
#[derive(Default)]
struct Shown {
    /// Of which app it is, of which state of the fleet, at which second and how wide.
    made: Option<(AppKey, u64, i64, u16)>,
    /// It is to be seen.
    is_there: bool,
    /// Moves scroll it, not the tree.
    entered: bool,
    /// A deploy of it is open.
    is_open: bool,
    /// Its releases.
    left: Page,
    /// What differs and what happened, where there is room beside.
    right: Page,
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
            detail: None,
            page: Shown::default(),
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

    /// The app under the cursor.
    fn current(&self) -> Option<&AppKey> {
        match self.table.list.current()? {
            Node::App(key) | Node::Service(key, _) | Node::Replica(key, ..) => Some(key),
        }
    }

    /// Whose releases are looked at: those of the app under the cursor.
    pub fn scope(&self) -> Option<Scope> {
        self.current()?.scope()
    }

    /// The tree, and the place for the detail; one of them may have no rows.
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        let none = Rect { height: 0, ..area };
        match self.page.is_there {
            false => (area, none),
            true if area.height < SHORT => (none, area),
            true => {
                let rows = u16::try_from(self.table.list.order().len() + 1).unwrap_or(u16::MAX);
                place::above(area, rows.clamp(4, area.height * 2 / 5))
            }
        }
    }

    /// Brings the detail up to date.
    fn settle_detail(&mut self, fleet: &Fleet, area: Rect) {
        let by_itself = area.height >= TALL && !fleet.deploys.is_empty();
        self.page.is_there = self.detail.unwrap_or(by_itself);
        let key = self.current().cloned();
        let scope = key.as_ref().and_then(AppKey::scope);
        self.page.is_open = scope
            .as_ref()
            .is_some_and(|scope| fleet.deploys.open.contains_key(scope));
        if !self.page.is_there {
            self.page.entered = false;
            return;
        }
        let (_, below) = self.areas(area);
        let made = key.map(|key| (key, fleet.version(), fleet.now.as_second(), below.width));
        let (_, left, right) = halves(below);
        if made != self.page.made {
            let same = match (&made, &self.page.made) {
                (Some((key, ..)), Some((before, ..))) => key == before,
                _ => false,
            };
            let found = made.as_ref().zip(scope.as_ref());
            let app = found.and_then(|((key, ..), scope)| Some((self.app(key)?, scope)));
            let (mut releases, standing) = match app {
                None => Default::default(),
                Some((app, scope)) => {
                    let of = detail::Of { app, scope, fleet };
                    let cells = |area: Rect| usize::from(area.width.saturating_sub(2)).max(20);
                    let right = if right.width > 0 { right } else { left };
                    (of.releases(cells(left)), of.standing(cells(right)))
                }
            };
            if right.width == 0 {
                releases.push(crate::ui::widget::line::Line::new());
                releases.extend(standing);
                self.page.right.set(Vec::new());
            } else {
                self.page.right.set(standing);
            }
            self.page.left.set(releases);
            if !same {
                self.page.left.rewind();
                self.page.right.rewind();
            }
            self.page.made = made;
        }
        self.page.left.set_height(usize::from(left.height));
        self.page.right.set_height(usize::from(right.height));
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

    /// The moves that are about the detail.
    fn detail_nav(&mut self, nav: &Nav) -> Option<Reply> {
        match nav {
            Nav::Shape => {
                self.detail = Some(!self.page.is_there);
                Some(Reply::Done)
            }
            Nav::Next | Nav::Previous if self.page.is_there => {
                self.page.entered = !self.page.entered;
                Some(Reply::Done)
            }
            other if self.page.entered => {
                let left = self.page.left.nav(other);
                let right = self.page.right.nav(other);
                (left || right).then_some(Reply::Done)
            }
            _ => None,
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

    fn view_detail(&self, app: &App, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let (top, left, right) = halves(area);
        let environment = match &*app.key.environment {
            "" => String::new(),
            name => format!("in {name}"),
        };
        let more = if self.page.entered {
            format!("{environment}; up and down scroll it")
        } else {
            environment
        };
        let cells = usize::from(top.width);
        heading(&app.key.name, more.trim_start_matches("; "), cells).draw(
            look,
            frame.buffer_mut(),
            top,
        );
        self.page.left.view(look, frame, left);
        self.page.right.view(look, frame, right);
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

/// The row of the name, and below it the releases beside the rest; the rest has no place where it stands below.
fn halves(area: Rect) -> (Rect, Rect, Rect) {
    let (top, page) = place::above(place::inset(area), 1);
    if area.width >= WIDE {
        let (left, right) = place::left(page, page.width * 11 / 20, 2);
        (top, left, right)
    } else {
        (top, page, Rect { width: 0, ..page })
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
        if let Some(reply) = self.detail_nav(nav) {
            return reply;
        }
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
        self.settle_detail(fleet, area);
        let (tree, _) = self.areas(area);
        let rows = usize::from(tree.height.saturating_sub(1));
        self.table.list.set_height(rows);
    }

    fn back(&mut self) -> bool {
        let was_entered = std::mem::take(&mut self.page.entered);
        if !was_entered && self.detail == Some(true) {
            self.detail = Some(false);
            return true;
        }
        was_entered
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
        if self.page.is_open {
            return &[
                ("open", "open, close"),
                ("shape", "detail"),
                ("app pause", "pause"),
                ("app continue", "go on"),
                ("app abort", "go back"),
                ("logs", "logs"),
                ("menu", "actions"),
                ("filter", "filter"),
            ];
        }
        &[
            ("open", "open, close"),
            ("shape", "detail"),
            ("app deploy", "deploy"),
            ("app rollback", "roll back"),
            ("logs", "logs"),
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
        let (tree, below) = self.areas(area);
        if tree.height > 0 {
            let row = |node: &Node| self.row(node, fleet);
            let context = context(fleet, look);
            self.table.view(row, &context, look, frame, tree);
        }
        let app = self.current().and_then(|key| self.app(key));
        if let Some(app) = app.filter(|_| below.height > 0) {
            self.view_detail(app, look, frame, below);
        }
    }
}

#[cfg(test)]
mod tests;
