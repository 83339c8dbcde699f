//! The container grid: all containers of the fleet as a table, or as tiles.

mod tiles;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, table::Table};
use crate::{
    model::{ContainerId, Feed, Fleet, HostName},
    ops::{
        column::{self, ContainerRow},
        target::Target,
    },
    ui::{grid::Sort, look::Look, nav::Nav},
};

/// How a container is told apart from all others of the fleet.
type Key = (HostName, ContainerId);

/// From so many containers on, what changes in the fleet is sorted in once a second: something always changes.
const MANY: usize = 2000;

/// The two ways to show the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Table,
    Tiles,
}

/// All containers of the fleet.
pub struct Containers {
    table: Table<Key, column::Containers>,
    shape: Shape,
    group: tiles::Group,
    tiles: tiles::Layout,
    total: usize,
    stamp: Option<Stamp>,
    /// In which second the rows were arranged.
    settled_at: i64,
}

/// What the order of rows depends on.
#[derive(Clone, Debug, PartialEq)]
struct Stamp {
    version: u64,
    filter: String,
    sort: Sort,
    shape: Shape,
    group: tiles::Group,
    width: u16,
    moment: i64,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            table: Table::new("name", false),
            shape: Shape::Table,
            group: tiles::Group::default(),
            tiles: tiles::Layout::default(),
            total: 0,
            stamp: None,
            settled_at: 0,
        }
    }
}

impl Containers {
    /// Shows only rows that match; a wrong filter is refused with the reason.
    pub fn set_filter(&mut self, text: &str) -> Result<(), String> {
        self.table.set_filter(text)
    }

    /// Shows these columns, as remembered.
    pub fn set_columns(&mut self, names: &str) -> Result<(), String> {
        self.table.set_columns(names)
    }

    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// Takes all marks off.
    pub fn clear_marks(&mut self) {
        self.table.list.nav(&Nav::Unmark);
    }

    /// Puts the cursor on a container.
    pub fn go_to(&mut self, host: &HostName, id: &ContainerId) {
        self.table.list.go_to(&(host.clone(), id.clone()));
    }

    fn rows(&self, fleet: &Fleet) -> Vec<Key> {
        let rows = fleet
            .containers()
            .map(|(host, container)| ContainerRow { host, container });
        let mut rows = self.table.arrange(rows, |a, b| {
            a.container
                .name
                .cmp(&b.container.name)
                .then_with(|| a.host.name().cmp(b.host.name()))
                .then_with(|| a.container.id.cmp(&b.container.id))
        });
        if self.shape == Shape::Tiles {
            // Within a group the order stays.
            rows.sort_by(|a, b| self.group.of(a).cmp(self.group.of(b)));
        }
        rows.into_iter()
            .map(|row| (row.host.name().clone(), row.container.id.clone()))
            .collect()
    }
}

impl Pane for Containers {
    fn name(&self) -> &'static str {
        "containers"
    }

    fn title(&self, fleet: &Fleet) -> String {
        let mut title = format!("Containers{}", self.table.count(self.total));
        let waiting = fleet
            .hosts()
            .iter()
            .filter(|host| !host.listed && host.link.trouble().is_none())
            .count();
        if self.shape == Shape::Tiles
            && let Some((host, id)) = self.table.list.current()
            && let Some(container) = fleet.container(host, id)
        {
            // A tile may have no room for the whole name.
            let state = container.state.word();
            title = crate::model::printable(&format!("{title} {}@{host} {state}", container.name));
        }
        match waiting {
            0 => {}
            1 => title.push_str(" waiting for 1 host"),
            _ => title = format!("{title} waiting for {waiting} hosts"),
        }
        title
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        if self.shape == Shape::Tiles
            && let Some(steps) = self.tiles.step(nav, self.table.list.index())
        {
            self.table.list.nav(&steps);
            return Reply::Done;
        }
        match nav {
            Nav::Shape => {
                self.shape = match self.shape {
                    Shape::Table => Shape::Tiles,
                    Shape::Tiles => Shape::Table,
                };
                Reply::Done
            }
            Nav::Group => {
                self.shape = Shape::Tiles;
                self.group = self.group.next();
                Reply::Tell(format!("tiles grouped by {}", self.group.word()))
            }
            Nav::Open => match self.table.list.current() {
                Some((host, id)) => Reply::Detail(Target::Container(host.clone(), id.clone())),
                None => Reply::Done,
            },
            other => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let second = fleet.now.as_second();
        let stamp = Stamp {
            version: match &self.stamp {
                Some(stamp) if self.total >= MANY && self.settled_at == second => stamp.version,
                _ => fleet.version(),
            },
            filter: self.table.filter().to_owned(),
            sort: self.table.sort(),
            shape: self.shape,
            group: self.group,
            width: area.width,
            moment: self.table.moment(&column::SAMPLED, fleet),
        };
        if self.stamp.as_ref() != Some(&stamp) {
            let rows = self.rows(fleet);
            self.table.list.settle(rows);
            self.table
                .list
                .retain_marks(|(host, id)| fleet.container(host, id).is_some());
            self.total = fleet.hosts().iter().map(|host| host.containers.len()).sum();
            if self.shape == Shape::Tiles {
                self.tiles =
                    tiles::Layout::new(self.table.list.order(), fleet, self.group, area.width);
            }
            self.stamp = Some(stamp);
            self.settled_at = second;
        }
        match self.shape {
            Shape::Table => self
                .table
                .list
                .set_height(usize::from(area.height.saturating_sub(1))),
            Shape::Tiles => self
                .tiles
                .follow(self.table.list.index(), usize::from(area.height)),
        }
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let keys = self.table.list.selection();
        keys.into_iter()
            .filter(|(host, id)| fleet.container(host, id).is_some())
            .map(|(host, id)| Target::Container(host, id))
            .collect()
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        if self.shape == Shape::Tiles {
            return BTreeSet::new();
        }
        let mut wants = BTreeSet::new();
        for (host, id) in self.table.list.visible() {
            let live = fleet
                .container(host, id)
                .is_some_and(|container| container.state.is_live());
            if live {
                wants.insert(Feed::Stats(host.clone(), id.clone()));
            }
            wants.insert(Feed::Facts(host.clone(), id.clone()));
        }
        wants
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self.shape {
            Shape::Table => &[
                ("open", "detail"),
                ("logs", "logs"),
                ("container exec", "shell"),
                ("container start", "start"),
                ("container restart", "restart"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
                ("shape", "tiles"),
                ("group", "group"),
                ("columns", "columns"),
                ("sort cpu", "by cpu"),
            ],
            Shape::Tiles => &[
                ("open", "detail"),
                ("logs", "logs"),
                ("container start", "start"),
                ("container restart", "restart"),
                ("group", "group"),
                ("shape", "table"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
            ],
        }
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.table.list.order().is_empty() {
            return super::empty(&self.emptiness(fleet), look, frame, area);
        }
        if self.shape == Shape::Tiles {
            return self.tiles.view(&self.table.list, fleet, look, frame, area);
        }
        let row = |(host, id): &Key| {
            let host = fleet.host(host)?;
            let container = host.containers.get(id)?;
            Some((ContainerRow { host, container }, host.is_stale()))
        };
        self.table
            .view(row, &context(fleet, look), look, frame, area);
    }
}

/// What columns need to know to print a row.
pub fn context(fleet: &Fleet, look: &Look) -> column::Context {
    column::Context {
        now: fleet.now,
        ascii: look.glyphs.ascii,
        cells: u16::MAX,
    }
}

impl Containers {
    /// Why there is nothing to see, and what to do.
    fn emptiness(&self, fleet: &Fleet) -> String {
        if !self.table.filter().is_empty() && self.total > 0 {
            return format!(
                "No container matches '{}'. Esc clears the filter.",
                self.table.filter()
            );
        }
        let hosts = fleet.hosts();
        if hosts.is_empty() {
            return "No hosts. Add one with  :host add NAME ENDPOINT".into();
        }
        let tally = fleet.tally(|_| true);
        if tally.connecting > 0 {
            return match hosts {
                [only] => format!("Connecting to {}…", only.name()),
                all => format!("Connecting to {} of {} hosts…", tally.connecting, all.len()),
            };
        }
        if tally.online == 0 {
            return "No host can be reached. Pane 2 says why, host by host.".into();
        }
        "No containers on these hosts. New ones appear here by themselves.".into()
    }
}
