//! Images of all hosts as a table, one row for each on each host.

use std::sync::Arc;

use ratatui::{Frame, layout::Rect};

use super::{Reply, unknown_hosts};
use crate::{
    model::{Fleet, Host, HostName, Image, Resource},
    ops::{
        column::{self, ImageRow, natural},
        filter::Filter,
        target::Target,
    },
    ui::{
        grid::Sort,
        look::Look,
        nav::Nav,
        pane::{containers::context, hosts::NO_HOSTS, table::Table},
    },
};

/// Which one of which host.
type Key = (HostName, Arc<str>);

/// What of a host's images the rows were made of: a list is replaced as a whole when it changes.
pub type Stamp = Vec<(usize, usize)>;

/// What the rows of now would be made of.
pub fn stamp(fleet: &Fleet) -> Stamp {
    let place = |host: &Host| match &host.images {
        Some(images) => (images.as_ptr() as usize, images.len()),
        None => (0, usize::MAX),
    };
    fleet.hosts().iter().map(place).collect()
}

/// The rows.
pub struct ImageList {
    table: Table<Key, column::Images>,
    total: usize,
    made: Option<(Stamp, String, Sort)>,
}

impl Default for ImageList {
    fn default() -> Self {
        Self {
            table: Table::new("name", false),
            total: 0,
            made: None,
        }
    }
}

fn find<'f>(fleet: &'f Fleet, (host, id): &Key) -> Option<(&'f Host, &'f Image)> {
    let host = fleet.host(host)?;
    let image = host.images.iter().flatten().find(|one| one.id == *id)?;
    Some((host, image))
}

impl ImageList {
    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// What rows have to fit.
    pub fn parsed_filter(&self) -> &Filter {
        self.table.parsed_filter()
    }

    /// That as text.
    pub fn filter(&self) -> &str {
        self.table.filter()
    }

    /// How many there are, and which are not known.
    pub fn title(&self, fleet: &Fleet) -> String {
        let mut parts = vec![format!("Images{}", self.table.count(self.total))];
        parts.extend(unknown_hosts(fleet));
        parts.join("  ")
    }

    /// Moves, marks, sorts, filters.
    pub fn nav(&mut self, nav: &Nav) -> Reply {
        match nav {
            Nav::Copy => match self.table.list.current() {
                Some((host, id)) => Reply::Copy(format!("{id}@{host}")),
                None => Reply::Done,
            },
            other => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    /// Takes in the images, if they, the filter or the order changed.
    pub fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let made = (
            stamp(fleet),
            self.table.filter().to_owned(),
            self.table.sort(),
        );
        if self.made.as_ref() != Some(&made) {
            let hosts = fleet.hosts().iter();
            let rows: Vec<ImageRow<'_>> = hosts
                .flat_map(|host| {
                    let images = host.images.iter().flatten();
                    images.map(move |image| ImageRow { host, image })
                })
                .collect();
            self.total = rows.len();
            let rows = self.table.arrange(rows.into_iter(), |a, b| {
                natural(a.host.name().as_str(), b.host.name().as_str())
                    .then_with(|| natural(a.image.name(), b.image.name()))
                    .then_with(|| a.image.id.cmp(&b.image.id))
            });
            let key = |row: &ImageRow<'_>| (row.host.name().clone(), row.image.id.clone());
            self.table.list.settle(rows.iter().map(key).collect());
            self.table
                .list
                .retain_marks(|key| find(fleet, key).is_some());
            self.made = Some(made);
        }
        self.table
            .list
            .set_height(usize::from(area.height.saturating_sub(1)));
    }

    /// What an operation would act on.
    pub fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let chosen = self.table.list.selection().into_iter();
        chosen
            .filter(|key| find(fleet, key).is_some())
            .map(|(host, id)| Target::Resource(Resource::Image, host, id))
            .collect()
    }

    /// Why there is nothing to see, and what to do.
    pub fn emptiness(&self, fleet: &Fleet) -> String {
        if fleet.hosts().is_empty() {
            return NO_HOSTS.to_owned();
        }
        let online = fleet.hosts().iter().filter(|host| host.link.is_online());
        let waiting = online.clone().filter(|host| host.images.is_none()).count();
        let there: usize = online
            .clone()
            .filter_map(|host| Some(host.images.as_ref()?.len()))
            .sum();
        match (online.count(), waiting) {
            (0, _) => "No host is online, so there are no images to show.".to_owned(),
            (_, 0) if there == 0 => "No host that is online has images.".to_owned(),
            (_, hosts) if there == 0 => format!("Asking {hosts} hosts for their images …"),
            _ => format!(
                "None of the {there} images matches '{}'. Esc clears the filter.",
                self.table.filter()
            ),
        }
    }

    /// Draws it.
    pub fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let row = |key: &Key| {
            let (host, image) = find(fleet, key)?;
            Some((ImageRow { host, image }, host.is_stale()))
        };
        self.table
            .view(row, &context(fleet, look), look, frame, area);
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.table.list.order().is_empty()
    }
}
