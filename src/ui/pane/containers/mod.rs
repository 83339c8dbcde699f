//! The container grid: all containers of the fleet as a table, or as tiles.

mod tiles;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply};
use crate::{
    model::{ContainerId, Feed, Fleet, HostName},
    ops::{
        column::{self, Align, ContainerRow},
        filter::Filter,
        target::Target,
    },
    ui::{
        grid::{self, RowState, Sort},
        list::List,
        look::Look,
        nav::Nav,
        scroll,
    },
};

/// How a container is told apart from all others of the fleet.
type Key = (HostName, ContainerId);

/// How often rows that are sorted by live figures may change places.
const RESORT_SECONDS: i64 = 3;

/// The two ways to show the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Table,
    Tiles,
}

/// All containers of the fleet.
#[derive(Debug)]
pub struct Containers {
    list: List<Key>,
    filter: Filter,
    filter_text: String,
    sort: Sort,
    columns: Vec<&'static str>,
    shape: Shape,
    group: tiles::Group,
    tiles: tiles::Layout,
    total: usize,
    stamp: Option<Stamp>,
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
            list: List::default(),
            filter: Filter::default(),
            filter_text: String::new(),
            sort: Sort {
                column: "name",
                descending: false,
            },
            columns: Self::default_columns(),
            shape: Shape::Table,
            group: tiles::Group::default(),
            tiles: tiles::Layout::default(),
            total: 0,
            stamp: None,
        }
    }
}

impl Containers {
    fn default_columns() -> Vec<&'static str> {
        column::containers()
            .iter()
            .filter(|column| column.shown)
            .map(|column| column.name)
            .collect()
    }

    /// Shows only rows that match; a wrong filter is refused with the reason.
    pub fn set_filter(&mut self, text: &str) -> Result<(), String> {
        self.filter = Filter::parse(text).map_err(|error| error.to_string())?;
        text.trim().clone_into(&mut self.filter_text);
        Ok(())
    }

    /// Shows these columns, as remembered or chosen; unknown names are refused.
    pub fn set_columns(&mut self, names: &str) -> Result<(), String> {
        if names.trim() == "default" {
            self.columns = Self::default_columns();
            return Ok(());
        }
        let all = column::containers();
        let mut chosen = Vec::new();
        for name in names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let known = all
                .iter()
                .find(|column| column.name == name)
                .ok_or_else(|| {
                    let names: Vec<_> = all.iter().map(|column| column.name).collect();
                    format!(
                        "there is no column '{name}'; there are {}",
                        names.join(", ")
                    )
                })?;
            chosen.push(known.name);
        }
        if chosen.is_empty() {
            return Err("at least one column must be shown".into());
        }
        self.columns = chosen;
        Ok(())
    }

    /// Takes all marks off.
    pub fn clear_marks(&mut self) {
        self.list.nav(&Nav::Unmark);
    }

    /// Puts the cursor on a container.
    pub fn go_to(&mut self, host: &HostName, id: &ContainerId) {
        self.list.go_to(&(host.clone(), id.clone()));
    }

    fn sort_by(&mut self, name: &str) -> Reply {
        let all = column::containers();
        let Some(column) = all.iter().find(|column| column.name == name) else {
            return Reply::Refuse(format!("there is no column '{name}' to sort by"));
        };
        let descending = if self.sort.column == column.name {
            !self.sort.descending
        } else {
            column.align == Align::Right
        };
        self.sort = Sort {
            column: column.name,
            descending,
        };
        Reply::Remember(
            "containers.sort".into(),
            format!("{name}{}", if descending { " down" } else { "" }),
        )
    }

    /// Sorts as remembered: a column's name, with ` down` for the largest first.
    pub fn set_sort(&mut self, text: &str) {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or("");
        if let Some(column) = column::containers()
            .iter()
            .find(|column| column.name == name)
        {
            self.sort = Sort {
                column: column.name,
                descending: words.next() == Some("down"),
            };
        }
    }

    fn moment(&self, fleet: &Fleet) -> i64 {
        let live = matches!(
            self.sort.column,
            "cpu" | "memory" | "memory%" | "net" | "block" | "pids"
        );
        if live {
            fleet.now.as_second() / RESORT_SECONDS
        } else {
            0
        }
    }

    fn rows(&self, fleet: &Fleet) -> Vec<Key> {
        let mut rows: Vec<ContainerRow<'_>> = fleet
            .containers()
            .map(|(host, container)| ContainerRow { host, container })
            .filter(|row| self.filter.matches(row))
            .collect();
        let columns = column::containers();
        let by = columns
            .iter()
            .find(|column| column.name == self.sort.column);
        rows.sort_unstable_by(|a, b| {
            let grouped = match self.shape {
                Shape::Table => std::cmp::Ordering::Equal,
                Shape::Tiles => self.group.of(a).cmp(self.group.of(b)),
            };
            let wanted = by.map_or(std::cmp::Ordering::Equal, |column| (column.order)(a, b));
            let wanted = if self.sort.descending {
                wanted.reverse()
            } else {
                wanted
            };
            grouped
                .then(wanted)
                .then_with(|| a.container.name.cmp(&b.container.name))
                .then_with(|| a.host.name().cmp(b.host.name()))
                .then_with(|| a.container.id.cmp(&b.container.id))
        });
        rows.into_iter()
            .map(|row| (row.host.name().clone(), row.container.id.clone()))
            .collect()
    }

    fn choose_columns(&self) -> Reply {
        let all = column::containers()
            .iter()
            .map(|column| (column.name, column.about))
            .collect();
        Reply::ChooseColumns(all, self.columns.clone())
    }
}

impl Pane for Containers {
    fn name(&self) -> &'static str {
        "containers"
    }

    fn title(&self, fleet: &Fleet) -> String {
        let shown = self.list.order().len();
        let mut title = if shown == self.total {
            format!("Containers[{shown}]")
        } else {
            format!("Containers[{shown} of {}]", self.total)
        };
        if self.list.marked() > 0 {
            title = format!("{title} {} marked", self.list.marked());
        }
        let waiting = fleet
            .hosts()
            .iter()
            .filter(|host| !host.listed && host.link.trouble().is_none())
            .count();
        if waiting > 0 {
            title = format!("{title} waiting for {waiting} hosts");
        }
        title
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        if self.shape == Shape::Tiles
            && let Some(steps) = self.tiles.step(nav, self.list.index())
        {
            self.list.nav(&steps);
            return Reply::Done;
        }
        match nav {
            Nav::Sort { column } => self.sort_by(column),
            Nav::Columns { names: None } => self.choose_columns(),
            Nav::Columns { names: Some(names) } => match self.set_columns(names) {
                Ok(()) => Reply::Remember("containers.columns".into(), self.columns.join(",")),
                Err(why) => Reply::Refuse(why),
            },
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
            Nav::Filter { text } => match self.set_filter(&text.join(" ")) {
                Ok(()) => Reply::Done,
                Err(why) => Reply::Refuse(why),
            },
            Nav::Open => match self.list.current() {
                Some((host, id)) => Reply::Detail(Target::Container(host.clone(), id.clone())),
                None => Reply::Done,
            },
            other if self.list.nav(other) => Reply::Done,
            _ => Reply::Pass,
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let stamp = Stamp {
            version: fleet.version(),
            filter: self.filter_text.clone(),
            sort: self.sort,
            shape: self.shape,
            group: self.group,
            width: area.width,
            moment: self.moment(fleet),
        };
        if self.stamp.as_ref() != Some(&stamp) {
            let rows = self.rows(fleet);
            self.list.settle(rows);
            self.list
                .retain_marks(|(host, id)| fleet.container(host, id).is_some());
            self.total = fleet.hosts().iter().map(|host| host.containers.len()).sum();
            if self.shape == Shape::Tiles {
                self.tiles = tiles::Layout::new(self.list.order(), fleet, self.group, area.width);
            }
            self.stamp = Some(stamp);
        }
        match self.shape {
            Shape::Table => self
                .list
                .set_height(usize::from(area.height.saturating_sub(1))),
            Shape::Tiles => self
                .tiles
                .follow(self.list.index(), usize::from(area.height)),
        }
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let keys = self.list.selection();
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
        for (host, id) in self.list.visible() {
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
        &self.filter_text
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("open", "detail"),
            ("logs", "logs"),
            ("container exec", "shell"),
            ("container restart", "restart"),
            ("menu", "actions"),
            ("filter", "filter"),
            ("mark", "mark"),
            ("shape", "tiles"),
            ("group", "group"),
            ("columns", "columns"),
            ("sort cpu", "by cpu"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.list.order().is_empty() {
            return super::empty(&self.emptiness(fleet), look, frame, area);
        }
        if self.shape == Shape::Tiles {
            return self.tiles.view(&self.list, fleet, look, frame, area);
        }
        let all = column::containers();
        let columns: Vec<_> = self
            .columns
            .iter()
            .filter_map(|name| all.iter().find(|column| column.name == *name))
            .collect();
        let current = self.list.current();
        let rows = self.list.visible().iter().filter_map(|key| {
            let host = fleet.host(&key.0)?;
            let container = host.containers.get(&key.1)?;
            let state = RowState {
                cursor: Some(key) == current,
                marked: self.list.is_marked(key),
                stale: host.is_stale(),
                busy: false,
            };
            Some((ContainerRow { host, container }, state))
        });
        let context = context(fleet, look);
        grid::draw(&columns, Some(self.sort), rows, &context, look, frame, area);
        scroll::bar(
            self.list.offset(),
            self.list.order().len(),
            look,
            frame,
            area,
        );
    }
}

/// What columns need to know to print a row.
pub fn context(fleet: &Fleet, look: &Look) -> column::Context {
    column::Context {
        now: fleet.now,
        ascii: look.glyphs.ascii,
    }
}

impl Containers {
    /// Why there is nothing to see, and what to do.
    fn emptiness(&self, fleet: &Fleet) -> String {
        if !self.filter_text.is_empty() && self.total > 0 {
            return format!(
                "No container matches '{}'. Esc clears the filter.",
                self.filter_text
            );
        }
        let hosts = fleet.hosts();
        if hosts.is_empty() {
            return "No hosts. Add one with  :host add NAME ENDPOINT".into();
        }
        let tally = fleet.tally(|_| true);
        if tally.connecting > 0 {
            return format!(
                "Connecting to {} of {} hosts…",
                tally.connecting,
                hosts.len()
            );
        }
        if tally.online == 0 {
            return "No host can be reached. Pane 2 says why, host by host.".into();
        }
        "No containers on these hosts.".into()
    }
}
