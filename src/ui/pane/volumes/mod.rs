//! The volumes: a table with what is known of the one under the cursor, the disks of the hosts, and the files of one.

mod browse;
mod facts;
mod storage;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use ratatui::{Frame, layout::Rect};

use self::{browse::Browse, storage::Storage};
use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{Feed, Fleet, Host, HostName, Payload, Resource, Volume},
    ops::{
        column::{self, VolumeRow, natural},
        target::Target,
    },
    ui::{grid::Sort, look::Look, nav::Nav, widget::place},
};

/// From how many rows on there is room for what is known of a volume.
const TALL: u16 = 22;

/// So many rows it takes.
const FACTS: u16 = 8;

/// Which one of which host.
type Key = (HostName, Arc<str>);

/// How the volumes are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    /// One row for each.
    #[default]
    Table,
    /// One row for each host, with what fills its disk.
    Storage,
}

/// All volumes of the fleet.
pub struct Volumes {
    table: Table<Key, column::Volumes>,
    total: usize,
    stamp: Option<(u64, String, Sort)>,
    shape: Shape,
    storage: Storage,
    browse: Option<Browse>,
}

impl Default for Volumes {
    fn default() -> Self {
        Self {
            table: Table::new("name", false),
            total: 0,
            stamp: None,
            shape: Shape::default(),
            storage: Storage::default(),
            browse: None,
        }
    }
}

fn find<'f>(fleet: &'f Fleet, (host, name): &Key) -> Option<(&'f Host, &'f Volume)> {
    let host = fleet.host(host)?;
    let volume = host
        .volumes
        .iter()
        .flatten()
        .find(|one| one.name == *name)?;
    Some((host, volume))
}

impl Volumes {
    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// Puts the cursor on a volume; what hides it is taken away.
    pub fn go_to(&mut self, host: &HostName, name: &Arc<str>) {
        // An empty filter is always right.
        let _ = self.table.set_filter("");
        (self.shape, self.browse) = (Shape::Table, None);
        self.table.list.go_to(&(host.clone(), name.clone()));
    }

    /// Looks into a volume.
    pub fn browse(&mut self, host: &HostName, name: &Arc<str>, path: &str) {
        self.go_to(host, name);
        self.browse = Some(Browse::new(host.clone(), name.clone(), path));
    }

    /// Looks into the volume under the cursor. For that a container is made and removed, which a host on which nothing
    /// may be changed does not take.
    fn open(&mut self, fleet: &Fleet) -> Reply {
        let Some(key) = self.table.list.current().cloned() else {
            return Reply::Done;
        };
        let Some((host, _)) = find(fleet, &key) else {
            return Reply::Done;
        };
        if let Some(why) = fleet.forbids_change(host) {
            let why = format!("{why}, and the engine lists files only of a container made for it");
            return Reply::Refuse(why);
        }
        if !host.link.is_online() {
            return Reply::Refuse(format!("{} is {}", host.name(), host.link.word()));
        }
        self.browse = Some(Browse::new(key.0, key.1, ""));
        Reply::Done
    }

    /// Why there is nothing to see, and what to do.
    fn emptiness(&self, fleet: &Fleet) -> String {
        if self.total > 0 {
            let filter = self.table.filter();
            return format!(
                "None of the {} volumes matches '{filter}'. Esc clears the filter.",
                self.total
            );
        }
        if fleet.hosts().is_empty() {
            return super::hosts::NO_HOSTS.to_owned();
        }
        let online = fleet.hosts().iter().filter(|host| host.link.is_online());
        let unknown = online.clone().filter(|host| host.volumes.is_none()).count();
        match (online.count(), unknown) {
            (0, _) => "No host is online, so there are no volumes to show.".to_owned(),
            (_, 0) => "No host that is online has volumes.\n\
                 Make one with  :volume create NAME@HOST"
                .to_owned(),
            (_, hosts) => format!("Asking {hosts} hosts for their volumes …"),
        }
    }

    /// The table, and the place for the volume under the cursor.
    fn areas(area: Rect) -> (Rect, Rect) {
        let below = if area.height >= TALL { FACTS } else { 0 };
        place::above(area, area.height - below)
    }

    fn arrange(&mut self, fleet: &Fleet) {
        let stamp = (
            fleet.version(),
            self.table.filter().to_owned(),
            self.table.sort(),
        );
        if self.stamp.as_ref() == Some(&stamp) {
            return;
        }
        let hosts = fleet.hosts().iter();
        self.total = hosts
            .clone()
            .map(|host| host.volumes.as_ref().map_or(0, Vec::len))
            .sum();
        let rows = self.table.arrange(hosts.flat_map(VolumeRow::all), |a, b| {
            natural(a.host.name().as_str(), b.host.name().as_str())
                .then_with(|| natural(&a.volume.name, &b.volume.name))
        });
        let keys: Vec<Key> = rows
            .iter()
            .map(|row| (row.host.name().clone(), row.volume.name.clone()))
            .collect();
        let known: BTreeSet<&Key> = keys.iter().collect();
        // Only what is gone loses its mark, and a look into the fleet for each mark is needed for the hidden ones alone.
        self.table
            .list
            .retain_marks(|key| known.contains(key) || find(fleet, key).is_some());
        self.table.list.settle(keys);
        self.storage.arrange(fleet, self.table.filter());
        self.stamp = Some(stamp);
    }
}

impl Pane for Volumes {
    fn name(&self) -> &'static str {
        "volumes"
    }

    fn title(&self, fleet: &Fleet) -> String {
        if let Some(browse) = &self.browse {
            return browse.title();
        }
        if self.shape == Shape::Storage {
            return self.storage.title(fleet);
        }
        let hosts = fleet.hosts().iter();
        let unknown = match hosts.filter(|host| host.volumes.is_none()).count() {
            0 => String::new(),
            1 => "  1 host not known".to_owned(),
            hosts => format!("  {hosts} hosts not known"),
        };
        format!("Volumes{}{unknown}", self.table.count(self.total))
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        if let Some(browse) = &mut self.browse {
            return browse.nav(nav);
        }
        match (nav, self.shape) {
            (Nav::Shape, shape) => {
                self.shape = match shape {
                    Shape::Table => Shape::Storage,
                    Shape::Storage => Shape::Table,
                };
                Reply::Done
            }
            (Nav::Open, Shape::Table) => self.open(fleet),
            (Nav::Copy, Shape::Table) => match self.table.list.current() {
                Some((host, id)) => Reply::Copy(format!("{id}@{host}")),
                None => Reply::Done,
            },
            (other, Shape::Storage) => match self.storage.nav(other) {
                Some(Reply::Done) => Reply::Done,
                Some(reply) => {
                    // What it leads to is a row of the table.
                    if let Reply::Containers(filter) = &reply {
                        self.shape = Shape::Table;
                        let _ = self.table.set_filter(filter);
                        return Reply::Done;
                    }
                    reply
                }
                None => self.table.nav(other).unwrap_or(Reply::Pass),
            },
            (other, Shape::Table) => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        self.arrange(fleet);
        let rows = |area: Rect| usize::from(area.height.saturating_sub(1));
        let (table, _) = Self::areas(area);
        self.table.list.set_height(rows(table));
        self.storage.set_height(rows(area));
        if let Some(browse) = &mut self.browse {
            browse.set_height(rows(area));
        }
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        if let Some(browse) = &self.browse {
            return vec![browse.target()];
        }
        if self.shape == Shape::Storage {
            return self.storage.selection(fleet);
        }
        let chosen = self.table.list.selection().into_iter();
        chosen
            .filter(|key| find(fleet, key).is_some())
            .map(|(host, id)| Target::Resource(Resource::Volume, host, id))
            .collect()
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        if let Some(browse) = &self.browse {
            return BTreeSet::from([browse.feed()]);
        }
        super::resources(fleet)
    }

    fn feed(&mut self, feed: &Feed, payload: Payload, _fleet: &Fleet) {
        if let Some(browse) = &mut self.browse
            && browse.feed() == *feed
        {
            browse.take(payload);
        }
    }

    fn filter(&self) -> &str {
        match &self.browse {
            Some(_) => "",
            None => self.table.filter(),
        }
    }

    fn back(&mut self) -> bool {
        match &mut self.browse {
            Some(browse) => {
                if !browse.up() {
                    self.browse = None;
                }
                true
            }
            None if self.shape == Shape::Storage => {
                self.shape = Shape::Table;
                true
            }
            None => false,
        }
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        if self.browse.is_some() {
            return &[
                ("open", "enter"),
                ("back", "up"),
                ("copy", "copy the path"),
                ("palette volume backup", "back up"),
            ];
        }
        match self.shape {
            Shape::Table => &[
                ("open", "files"),
                ("palette volume backup", "back up"),
                ("volume remove", "remove"),
                ("shape", "disks"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
                ("columns", "columns"),
            ],
            Shape::Storage => &[
                ("open", "volumes"),
                (
                    "host prune --containers --images --networks --build-cache",
                    "clean up",
                ),
                ("shape", "table"),
                ("menu", "actions"),
                ("filter", "filter"),
            ],
        }
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if let Some(browse) = &self.browse {
            return browse.view(fleet.now, look, frame, area);
        }
        if self.shape == Shape::Storage {
            return self.storage.view(fleet, look, frame, area);
        }
        if self.table.list.order().is_empty() {
            return super::empty(&self.emptiness(fleet), look, frame, area);
        }
        let (table, below) = Self::areas(area);
        let row = |key: &Key| {
            let (host, volume) = find(fleet, key)?;
            Some((VolumeRow::new(host, volume), host.is_stale()))
        };
        self.table
            .view(row, &context(fleet, look), look, frame, table);
        let current = self.table.list.current().and_then(|key| find(fleet, key));
        if let Some((host, volume)) = current.filter(|_| below.height > 0) {
            facts::draw(host, volume, fleet.now, look, frame.buffer_mut(), below);
        }
    }
}
