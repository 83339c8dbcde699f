//! Images of all hosts: a table.

use std::{collections::BTreeSet, sync::Arc};

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{Feed, Fleet, Host, HostName, Resource},
    ops::{
        column::{ImageRow, Images, Rows, natural},
        filter::Filter,
        target::Target,
    },
    ui::{look::Look, nav::Nav},
};

/// A kind of rows that are images, networks or volumes.
pub trait Kind: Rows {
    /// Which of them.
    const RESOURCE: Resource;
    /// The name of the pane.
    const PANE: &'static str;
    /// Its title.
    const TITLE: &'static str;

    /// How many a host has; none before they are known.
    fn count(host: &Host) -> Option<usize>;

    /// One of a host's.
    fn row(host: &Host, at: usize) -> Option<Self::Row<'_>>;

    /// The one that is told apart so.
    fn find<'h>(host: &'h Host, id: &str) -> Option<Self::Row<'h>>;

    /// Its host, what tells it apart there, and what it is called.
    fn key<'r>(row: &'r Self::Row<'_>) -> (&'r HostName, &'r Arc<str>, &'r str);
}

impl Kind for Images {
    const RESOURCE: Resource = Resource::Image;
    const PANE: &'static str = "images";
    const TITLE: &'static str = "Images";

    fn count(host: &Host) -> Option<usize> {
        host.images.as_ref().map(Vec::len)
    }

    fn row(host: &Host, at: usize) -> Option<ImageRow<'_>> {
        let image = host.images.as_ref()?.get(at)?;
        Some(ImageRow { host, image })
    }

    fn find<'h>(host: &'h Host, id: &str) -> Option<ImageRow<'h>> {
        let image = host.images.iter().flatten().find(|one| *one.id == *id)?;
        Some(ImageRow { host, image })
    }

    fn key<'r>(row: &'r ImageRow<'_>) -> (&'r HostName, &'r Arc<str>, &'r str) {
        (row.host.name(), &row.image.id, row.image.name())
    }
}

/// Which one of which host.
type Key = (HostName, Arc<str>);

/// All images, networks or volumes of the fleet.
pub struct Resources<K: Kind> {
    table: Table<Key, K>,
    total: usize,
    stamp: Option<(u64, String, crate::ui::grid::Sort)>,
}

impl<K: Kind> Default for Resources<K> {
    fn default() -> Self {
        Self {
            table: Table::new("name", false),
            total: 0,
            stamp: None,
        }
    }
}

impl<K: Kind> Resources<K> {
    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// What rows have to fit.
    pub fn parsed_filter(&self) -> &Filter {
        self.table.parsed_filter()
    }

    /// Why there is nothing to see, and what to do.
    pub fn emptiness(&self, fleet: &Fleet) -> String {
        let words = format!("{}s", K::RESOURCE.word());
        let total: usize = fleet.hosts().iter().filter_map(K::count).sum();
        if total > 0 {
            let filter = self.table.filter();
            return format!(
                "None of the {total} {words} matches '{filter}'. Esc clears the filter."
            );
        }
        if fleet.hosts().is_empty() {
            return super::hosts::NO_HOSTS.to_owned();
        }
        let online = fleet.hosts().iter().filter(|host| host.link.is_online());
        let unknown = online
            .clone()
            .filter(|host| K::count(host).is_none())
            .count();
        match (online.count(), unknown) {
            (0, _) => format!("No host is online, so there are no {words} to show."),
            (_, 0) => format!("No host that is online has {words}."),
            (_, hosts) => format!("Asking {hosts} hosts for their {words} …"),
        }
    }
}

impl<K: Kind> Pane for Resources<K> {
    fn name(&self) -> &'static str {
        K::PANE
    }

    fn title(&self, fleet: &Fleet) -> String {
        let unknown = fleet.hosts().iter().filter(|host| K::count(host).is_none());
        let unknown = match unknown.count() {
            0 => String::new(),
            1 => "  1 host not known".to_owned(),
            hosts => format!("  {hosts} hosts not known"),
        };
        format!("{}{}{unknown}", K::TITLE, self.table.count(self.total))
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match nav {
            Nav::Copy => match self.table.list.current() {
                Some((host, id)) => Reply::Copy(format!("{id}@{host}")),
                None => Reply::Done,
            },
            other => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let stamp = (
            fleet.version(),
            self.table.filter().to_owned(),
            self.table.sort(),
        );
        if self.stamp.as_ref() != Some(&stamp) {
            let hosts = fleet.hosts().iter();
            self.total = hosts.clone().filter_map(K::count).sum();
            let rows = hosts.flat_map(|host| {
                (0..K::count(host).unwrap_or(0)).filter_map(move |at| K::row(host, at))
            });
            let rows = self.table.arrange(rows, |a, b| {
                let ((host_a, id_a, name_a), (host_b, id_b, name_b)) = (K::key(a), K::key(b));
                natural(host_a.as_str(), host_b.as_str())
                    .then_with(|| natural(name_a, name_b))
                    .then_with(|| id_a.cmp(id_b))
            });
            let key = |row: &K::Row<'_>| {
                let (host, id, _) = K::key(row);
                (host.clone(), id.clone())
            };
            self.table.list.settle(rows.iter().map(key).collect());
            self.table.list.retain_marks(|(host, id)| {
                fleet
                    .host(host)
                    .is_some_and(|host| K::find(host, id).is_some())
            });
            self.stamp = Some(stamp);
        }
        self.table
            .list
            .set_height(usize::from(area.height.saturating_sub(1)));
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let chosen = self.table.list.selection().into_iter();
        chosen
            .filter(|(host, id)| {
                fleet
                    .host(host)
                    .is_some_and(|host| K::find(host, id).is_some())
            })
            .map(|(host, id)| Target::Resource(K::RESOURCE, host, id))
            .collect()
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        let online = fleet.hosts().iter().filter(|host| host.link.is_online());
        online
            .map(|host| Feed::Resources(host.name().clone()))
            .collect()
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match K::RESOURCE {
            Resource::Image => &[
                ("image remove", "remove"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
                ("columns", "columns"),
            ],
            Resource::Network | Resource::Volume => &[
                ("volume remove", "remove"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
                ("columns", "columns"),
            ],
        }
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.table.list.order().is_empty() {
            return super::empty(&self.emptiness(fleet), look, frame, area);
        }
        let row = |(host, id): &Key| {
            let host = fleet.host(host)?;
            Some((K::find(host, id)?, host.is_stale()))
        };
        self.table
            .view(row, &context(fleet, look), look, frame, area);
    }
}
