//! The hosts: a table, and below it what is known of the one under the cursor.

mod strip;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{Feed, Fleet, HostName},
    ops::{
        column::{self, HostRow, natural},
        target::Target,
    },
    ui::{look::Look, nav::Nav},
};

/// Columns that change without a new version of the fleet.
const LIVE: [&str; 5] = ["latency", "age", "cpu", "memory", "disk"];

/// From how many rows on there is room for what is known of a host, whatever its state.
const TALL: u16 = 30;

/// With fewer rows there is only the table.
const SHORT: u16 = 12;

/// What is said where there are no hosts.
pub const NO_HOSTS: &str = "No hosts. Add one with  :host add NAME ENDPOINT\n\
     as in  :host add web-1 ssh://ops@web-1.example.org";

/// All hosts of the fleet.
pub struct Hosts {
    table: Table<HostName, column::Hosts>,
    stamp: Option<(u64, i64, String, crate::ui::grid::Sort)>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            table: Table::new("name", false),
            stamp: None,
        }
    }
}

impl Hosts {
    /// Shows these columns, as remembered.
    pub fn set_columns(&mut self, names: &str) -> Result<(), String> {
        self.table.set_columns(names)
    }

    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// Puts the cursor on a host; a filter that hides it is taken away.
    pub fn go_to(&mut self, host: &HostName) {
        if !self.table.list.order().is_empty() && !self.table.list.order().contains(host) {
            // An empty filter is always right.
            let _ = self.table.set_filter("");
        }
        self.table.list.go_to(host);
    }

    /// The table, and the place for the host under the cursor.
    fn areas(&self, fleet: &Fleet, area: Rect) -> (Rect, Rect) {
        let host = self.table.list.current().and_then(|name| fleet.host(name));
        let wanted = match host {
            Some(_) if area.height >= TALL => 12,
            Some(host) if area.height >= SHORT && host.link.trouble().is_some() => {
                let rows = strip::offline_rows(host, area.width);
                rows.min(area.height / 2)
            }
            _ => 0,
        };
        let upper = Rect {
            height: area.height - wanted,
            ..area
        };
        (
            upper,
            Rect {
                y: upper.bottom(),
                height: wanted,
                ..area
            },
        )
    }
}

impl Pane for Hosts {
    fn name(&self) -> &'static str {
        "hosts"
    }

    fn title(&self, fleet: &Fleet) -> String {
        format!("Hosts{}", self.table.count(fleet.hosts().len()))
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match nav {
            Nav::Open => match self.table.list.current() {
                Some(name) => Reply::Containers(format!("host:{name}")),
                None => Reply::Done,
            },
            other => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let moment = self.table.moment(&LIVE, fleet);
        let stamp = (
            fleet.version(),
            moment,
            self.table.filter().to_owned(),
            self.table.sort(),
        );
        if self.stamp.as_ref() != Some(&stamp) {
            let rows = fleet.hosts().iter().map(HostRow::new);
            let rows = self.table.arrange(rows, |a, b| {
                natural(a.host.name().as_str(), b.host.name().as_str())
            });
            self.table
                .list
                .settle(rows.iter().map(|row| row.host.name().clone()).collect());
            self.table
                .list
                .retain_marks(|name| fleet.host(name).is_some());
            self.stamp = Some(stamp);
        }
        let (table, _) = self.areas(fleet, area);
        self.table
            .list
            .set_height(usize::from(table.height.saturating_sub(1)));
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let names = self.table.list.selection();
        names
            .into_iter()
            .filter(|name| fleet.host(name).is_some())
            .map(Target::Host)
            .collect()
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        let online = |name: &&HostName| fleet.host(name).is_some_and(|host| host.link.is_online());
        let visible = self.table.list.visible().iter().filter(online);
        let mut wants: BTreeSet<Feed> = visible.cloned().map(Feed::Load).collect();
        wants.extend(
            self.table
                .list
                .current()
                .filter(online)
                .cloned()
                .map(Feed::Resources),
        );
        wants
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("open", "containers"),
            ("host doctor", "doctor"),
            ("host reconnect", "reconnect"),
            ("host login", "log in"),
            ("menu", "actions"),
            ("filter", "filter"),
            ("mark", "mark"),
            ("columns", "columns"),
            ("sort state", "by state"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.table.list.order().is_empty() {
            return super::empty(&self.emptiness(fleet), look, frame, area);
        }
        let (table, below) = self.areas(fleet, area);
        let row = |name: &HostName| {
            let host = fleet.host(name)?;
            Some((HostRow::new(host), host.is_stale()))
        };
        self.table
            .view(row, &context(fleet, look), look, frame, table);
        let host = self.table.list.current().and_then(|name| fleet.host(name));
        if let Some(host) = host.filter(|_| below.height > 0) {
            strip::draw(host, fleet.now, look, frame.buffer_mut(), below);
        }
    }
}

impl Hosts {
    /// Why there is nothing to see, and what to do.
    fn emptiness(&self, fleet: &Fleet) -> String {
        if fleet.hosts().is_empty() {
            NO_HOSTS.to_owned()
        } else {
            format!(
                "No host matches '{}'. Esc clears the filter.",
                self.table.filter()
            )
        }
    }
}

#[cfg(test)]
mod tests;
