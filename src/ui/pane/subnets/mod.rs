//! All networks of all hosts as subnets: by host, by address, and one in detail.

mod detail;
mod map;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use ratatui::{Frame, layout::Rect};

use self::{detail::Detail, map::Map};
use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{Feed, Fleet, HostName, Payload, Resource},
    ops::{
        column::{self, SubnetRow, finding_glyph, finding_tone, natural},
        subnet::{Finding, Survey, Surveyed},
        target::Target,
    },
    ui::{
        grid::Sort,
        look::Look,
        nav::Nav,
        widget::line::{Ink, Line},
    },
};

/// A subnet of a network of a host: host, id of the network, which of its subnets.
type Key = (HostName, Arc<str>, usize);

/// From so many rows on, what changes in the fleet is sorted in once a second: something always changes.
const MANY: usize = 1000;

/// So many stopped containers are inspected at once for the ports that they would claim.
const INSPECTED: usize = 32;

/// With fewer rows than this on the screen none is given to what is wrong.
const LOW: u16 = 6;

/// The two ways to show the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    /// A table by host.
    #[default]
    Hosts,
    /// A map by address.
    Addresses,
}

/// What the rows depend on.
#[derive(Clone, Debug, PartialEq)]
struct Stamp {
    version: u64,
    filter: String,
    sort: Sort,
    shape: Shape,
}

/// All subnets of the fleet.
pub struct Subnets {
    table: Table<Key, column::Subnets>,
    map: Map,
    detail: Option<Detail>,
    shape: Shape,
    survey: Survey,
    /// As of which version of the fleet the survey is.
    surveyed: Option<u64>,
    total: usize,
    stamp: Option<Stamp>,
    settled_at: i64,
}

impl Default for Subnets {
    fn default() -> Self {
        Self {
            table: Table::new("host", false),
            map: Map::default(),
            detail: None,
            shape: Shape::default(),
            survey: Survey::default(),
            surveyed: None,
            total: 0,
            stamp: None,
            settled_at: 0,
        }
    }
}

impl Subnets {
    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// Shows one network in detail.
    pub fn open(&mut self, host: &HostName, id: &Arc<str>) {
        self.detail = Some(Detail::new(host, id));
    }

    /// Leaves the detail, so that a list is seen.
    pub fn close(&mut self) {
        self.detail = None;
    }

    fn row<'a>(&'a self, fleet: &'a Fleet, (host, id, at): &Key) -> Option<SubnetRow<'a>> {
        let of = self.survey.get(fleet, host, id)?;
        Some(SubnetRow { of, at: *at })
    }

    /// Looks at the fleet anew, and arranges what is shown, where something changed.
    fn arrange(&mut self, fleet: &Fleet) {
        let second = fleet.now.as_second();
        let waits = self.total >= MANY && self.settled_at == second;
        let version = match self.surveyed {
            Some(version) if waits => version,
            _ => fleet.version(),
        };
        if self.surveyed != Some(version) {
            self.survey = Survey::of(fleet);
            self.surveyed = Some(version);
            self.settled_at = second;
        }
        let stamp = Stamp {
            version,
            filter: self.table.filter().to_owned(),
            sort: self.table.sort(),
            shape: self.shape,
        };
        if self.stamp.as_ref() == Some(&stamp) {
            return;
        }
        let mut total = 0;
        let rows = self.survey.all(fleet).flat_map(SubnetRow::of);
        let rows = rows.inspect(|_| total += 1);
        let rows = self.table.arrange(rows, |a, b| {
            natural(a.of.host.name().as_str(), b.of.host.name().as_str())
                .then_with(|| natural(&a.of.network.name, &b.of.network.name))
                .then_with(|| a.of.network.id.cmp(&b.of.network.id))
                .then_with(|| a.at.cmp(&b.at))
        });
        let key = |row: &SubnetRow<'_>| {
            (
                row.of.host.name().clone(),
                row.of.network.id.clone(),
                row.at,
            )
        };
        let order: Vec<Key> = rows.iter().map(key).collect();
        if self.shape == Shape::Addresses {
            let is_whole = self.table.filter().is_empty();
            let blocks = rows
                .iter()
                .filter_map(|row| Some((row.pool()?.subnet, key(row))));
            self.map.arrange(blocks, &fleet.site_ranges, is_whole);
        }
        self.total = total;
        self.table.list.settle(order);
        let survey = &self.survey;
        self.table
            .list
            .retain_marks(|(host, id, _)| survey.get(fleet, host, id).is_some());
        self.stamp = Some(stamp);
    }

    /// The networks under the cursor, or marked.
    fn chosen(&self) -> Vec<Key> {
        match self.shape {
            Shape::Hosts => self.table.list.selection(),
            Shape::Addresses => self.map.selection(),
        }
    }

    /// How many rows the findings of the one under the cursor take.
    fn foot(&self, area: Rect) -> u16 {
        u16::from(!self.survey.findings().is_empty() && area.height > LOW)
    }

    /// What is wrong with the one under the cursor.
    fn current_findings<'a>(&'a self, fleet: &'a Fleet) -> Vec<&'a Finding> {
        let key = match self.shape {
            Shape::Hosts => self.table.list.current(),
            Shape::Addresses => self.map.current(),
        };
        let surveyed: Option<Surveyed<'_>> =
            key.and_then(|(host, id, _)| self.survey.get(fleet, host, id));
        surveyed.map_or_else(Vec::new, |one| one.findings().collect())
    }

    /// Why there is nothing to see, and what to do.
    fn emptiness(&self, fleet: &Fleet) -> String {
        if self.total > 0 {
            let filter = self.table.filter();
            return format!(
                "None of the {} subnets matches '{filter}'. Esc clears the filter.",
                self.total
            );
        }
        if fleet.hosts().is_empty() {
            return super::hosts::NO_HOSTS.to_owned();
        }
        let online = fleet.hosts().iter().filter(|host| host.link.is_online());
        let unknown = online
            .clone()
            .filter(|host| host.networks.is_none())
            .count();
        match (online.count(), unknown) {
            (0, _) => "No host is online, so there are no networks to show.".to_owned(),
            (_, 0) => "No host that is online has networks.".to_owned(),
            (_, hosts) => format!("Asking {hosts} hosts for their networks …"),
        }
    }

    /// Stopped containers whose ports are not known yet, a few at a time.
    fn to_inspect(fleet: &Fleet) -> impl Iterator<Item = Feed> + '_ {
        let stopped = fleet.containers().filter(|(host, container)| {
            host.link.is_online() && !container.state.is_live() && container.claims.is_none()
        });
        stopped
            .take(INSPECTED)
            .map(|(host, container)| Feed::Facts(host.name().clone(), container.id.clone()))
    }
}

impl Pane for Subnets {
    fn name(&self) -> &'static str {
        "subnets"
    }

    fn title(&self, fleet: &Fleet) -> String {
        if let Some(detail) = &self.detail {
            return detail.title();
        }
        let unknown = fleet.hosts().iter().filter(|host| host.networks.is_none());
        let unknown = match unknown.count() {
            0 => String::new(),
            1 => "  1 host not known".to_owned(),
            hosts => format!("  {hosts} hosts not known"),
        };
        let harmful = self
            .survey
            .findings()
            .iter()
            .filter(|one| one.kind.is_harmful());
        let wrong = match harmful.count() {
            0 => String::new(),
            1 => "  1 finding".to_owned(),
            several => format!("  {several} findings"),
        };
        let by = match self.shape {
            Shape::Hosts => "",
            Shape::Addresses => " by address",
        };
        let count = match self.shape {
            Shape::Hosts => self.table.count(self.total),
            Shape::Addresses => self.map.count(self.total, self.table.list.order().len()),
        };
        format!("Subnets{by}{count}{wrong}{unknown}")
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        if let Some(detail) = &mut self.detail {
            return match nav {
                Nav::Shape => {
                    self.detail = None;
                    Reply::Done
                }
                other => detail.nav(other, fleet),
            };
        }
        match nav {
            Nav::Shape => {
                self.shape = match self.shape {
                    Shape::Hosts => Shape::Addresses,
                    Shape::Addresses => Shape::Hosts,
                };
                Reply::Done
            }
            Nav::Open | Nav::Copy => {
                let key = match self.shape {
                    Shape::Hosts => self.table.list.current().cloned(),
                    Shape::Addresses => self.map.current().cloned(),
                };
                match (key, nav) {
                    (Some((host, id, _)), Nav::Open) => {
                        self.open(&host, &id);
                        Reply::Done
                    }
                    (Some(key), _) => match self.row(fleet, &key).and_then(|row| row.pool()) {
                        Some(pool) => Reply::Copy(pool.subnet.to_string()),
                        None => Reply::Copy(format!("{}@{}", key.1, key.0)),
                    },
                    (None, Nav::Copy) => self.map.text().map_or(Reply::Done, Reply::Copy),
                    (None, _) => Reply::Done,
                }
            }
            other if self.shape == Shape::Addresses && self.map.nav(other) => Reply::Done,
            other => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        self.arrange(fleet);
        let foot = usize::from(self.foot(area));
        let height = usize::from(area.height.saturating_sub(1)).saturating_sub(foot);
        self.table.list.set_height(height);
        self.map.set_height(height);
        if let Some(detail) = &mut self.detail {
            detail.settle(&self.survey, fleet, area);
        }
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        if let Some(detail) = &self.detail {
            return detail.selection(fleet);
        }
        let mut targets: Vec<Target> = Vec::new();
        for (host, id, _) in self.chosen() {
            let target = Target::Resource(Resource::Network, host.clone(), id.clone());
            if self.survey.get(fleet, &host, &id).is_some() && !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        let mut wants = super::resources(fleet);
        wants.extend(Self::to_inspect(fleet));
        if let Some(detail) = &self.detail {
            wants.extend(detail.wants(fleet));
        }
        wants
    }

    fn feed(&mut self, feed: &Feed, payload: Payload, _fleet: &Fleet) {
        if let Some(detail) = &mut self.detail {
            detail.feed(feed, &payload);
        }
    }

    fn filter(&self) -> &str {
        match &self.detail {
            Some(detail) => detail.filter(),
            None => self.table.filter(),
        }
    }

    fn back(&mut self) -> bool {
        let is_filtered = self
            .detail
            .as_ref()
            .is_some_and(|detail| !detail.filter().is_empty());
        !is_filtered && self.detail.take().is_some()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match (&self.detail, self.shape) {
            (Some(_), _) => &[
                ("back", "all"),
                ("logs", "logs"),
                ("container exec", "shell"),
                ("palette network probe", "probe"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("columns", "columns"),
            ],
            (None, Shape::Hosts) => &[
                ("open", "who"),
                ("shape", "by address"),
                ("palette network create", "create"),
                ("network remove", "remove"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
                ("columns", "columns"),
            ],
            (None, Shape::Addresses) => &[
                ("open", "who"),
                ("shape", "by host"),
                ("palette network create", "create"),
                ("network remove", "remove"),
                ("menu", "actions"),
                ("filter", "filter"),
                ("mark", "mark"),
            ],
        }
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if let Some(detail) = &self.detail {
            return detail.view(&self.survey, fleet, look, frame, area);
        }
        let is_empty = match self.shape {
            Shape::Hosts => self.table.list.order().is_empty(),
            Shape::Addresses => self.map.is_empty(),
        };
        if is_empty {
            return super::empty(&self.emptiness(fleet), look, frame, area);
        }
        let foot = self.foot(area);
        let rows = Rect {
            height: area.height - foot,
            ..area
        };
        match self.shape {
            Shape::Hosts => {
                let row = |key: &Key| {
                    let row = self.row(fleet, key)?;
                    Some((row, row.of.host.is_stale()))
                };
                self.table
                    .view(row, &context(fleet, look), look, frame, rows);
            }
            Shape::Addresses => {
                let row = |key: &Key| self.row(fleet, key);
                self.map.view(row, look, frame, rows);
            }
        }
        if foot > 0 {
            let below = Rect {
                x: area.x + 1,
                y: rows.bottom(),
                width: area.width.saturating_sub(2),
                height: 1,
            };
            told(&self.current_findings(fleet), look).draw(look, frame.buffer_mut(), below);
        }
    }
}

/// What is wrong in one line: the worst in words, and how much more.
fn told(findings: &[&Finding], look: &Look) -> Line {
    let Some(first) = findings.first() else {
        return Line::new();
    };
    let ink = Ink::Tone(finding_tone(first.kind));
    let glyph = finding_glyph(first.kind, look.glyphs.ascii);
    let more = match findings.len() {
        1 => String::new(),
        several => format!("  (and {} more)", several - 1),
    };
    Line::of(
        &format!("{glyph} {}: {}{more}", first.kind.word(), first.text),
        ink,
    )
}
