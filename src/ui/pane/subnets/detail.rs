//! One network in detail: what it is, what is wrong with it, and who is attached.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ratatui::{Frame, layout::Rect};
use serde_json::Value;

use super::super::{Reply, containers::context, table::Table};
use crate::{
    model::{ContainerId, Feed, Fleet, HostName, Payload, Pool},
    ops::{
        column::{Attached, AttachedRow, fill, finding_glyph, finding_tone, natural},
        subnet::{Survey, Surveyed},
        target::Target,
    },
    ui::{
        grid::Sort,
        look::Look,
        nav::Nav,
        widget::line::{Ink, Line, draw, field},
    },
};

/// Cells of the names of values.
const LABELS: usize = 10;

/// A container of a host.
type Key = (HostName, ContainerId);

/// One network with all who are attached to it.
pub struct Detail {
    host: HostName,
    id: Arc<str>,
    name: String,
    table: Table<Key, Attached>,
    /// Other names on the network, of those that were inspected.
    aliases: BTreeMap<Key, Vec<String>>,
    /// What the rows depend on: version of the fleet, filter, sort, how many were inspected.
    stamp: Option<(u64, String, Sort, usize)>,
    total: usize,
    /// How many rows the facts take.
    head: u16,
}

impl Detail {
    /// A network of a host.
    pub fn new(host: &HostName, id: &Arc<str>) -> Self {
        Self {
            host: host.clone(),
            id: id.clone(),
            name: String::new(),
            table: Table::new("name", false),
            aliases: BTreeMap::new(),
            stamp: None,
            total: 0,
            head: 0,
        }
    }

    /// `Network back@ams-1 [3]`.
    pub fn title(&self) -> String {
        let name = if self.name.is_empty() {
            &*self.id
        } else {
            &*self.name
        };
        let name = crate::model::printable(name);
        format!(
            "Network {name}@{}{}",
            self.host,
            self.table.count(self.total)
        )
    }

    /// The filter in force, as text.
    pub fn filter(&self) -> &str {
        self.table.filter()
    }

    /// Moves, marks, sorts, leads on to a container.
    pub fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match (nav, self.table.list.current()) {
            (Nav::Open, Some((host, id))) => {
                Reply::Detail(Target::Container(host.clone(), id.clone()))
            }
            (Nav::Open, None) => Reply::Done,
            (Nav::Copy, _) => Reply::Copy(format!("{}@{}", self.name, self.host)),
            (other, _) => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    /// Brings the rows up to date.
    pub fn settle(&mut self, survey: &Survey, fleet: &Fleet, area: Rect) {
        let stamp = (
            fleet.version(),
            self.table.filter().to_owned(),
            self.table.sort(),
            self.aliases.len(),
        );
        let cells = usize::from(area.width.saturating_sub(2));
        let one = survey.get(fleet, &self.host, &self.id);
        if let Some(one) = one {
            let lines = facts(&one, true, cells).len();
            let most = (area.height / 2).max(1);
            self.head = u16::try_from(lines).unwrap_or(u16::MAX).min(most);
        }
        if self.stamp.as_ref() != Some(&stamp) {
            if let Some(one) = one {
                self.name = one.network.name.to_string();
            }
            let members = one.map_or_else(Vec::new, |one| one.members(fleet));
            self.total = members.len();
            let aliases = &self.aliases;
            let rows = members
                .into_iter()
                .map(|(host, container, place)| AttachedRow {
                    host,
                    container,
                    place,
                    aliases: names_of(aliases, host.name(), &container.id),
                });
            let rows = self.table.arrange(rows, |a, b| {
                natural(&a.container.name, &b.container.name)
                    .then_with(|| natural(a.host.name().as_str(), b.host.name().as_str()))
                    .then_with(|| a.container.id.cmp(&b.container.id))
            });
            let key = |row: &AttachedRow<'_>| (row.host.name().clone(), row.container.id.clone());
            let order = rows.iter().map(key).collect();
            self.table.list.settle(order);
            self.table
                .list
                .retain_marks(|(host, id)| fleet.container(host, id).is_some());
            self.stamp = Some(stamp);
        }
        let height = area.height.saturating_sub(self.head + 1);
        self.table.list.set_height(usize::from(height));
    }

    /// The containers under the cursor, or marked.
    pub fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let chosen = self.table.list.selection().into_iter();
        chosen
            .filter(|(host, id)| fleet.container(host, id).is_some())
            .map(|(host, id)| Target::Container(host, id))
            .collect()
    }

    /// Inspections of the rows on the screen: only these tell other names.
    pub fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        let visible = self.table.list.visible().iter();
        visible
            .filter(|(host, _)| fleet.host(host).is_some_and(|host| host.link.is_online()))
            .map(|(host, id)| Feed::Inspect(host.clone(), id.clone()))
            .collect()
    }

    /// Takes in an inspection.
    pub fn feed(&mut self, feed: &Feed, payload: &Payload) {
        let (Feed::Inspect(host, id), Payload::Inspected(json)) = (feed, payload) else {
            return;
        };
        let networks = json
            .pointer("/NetworkSettings/Networks")
            .and_then(Value::as_object);
        let Some(place) = networks.and_then(|all| {
            let by_id = all
                .values()
                .find(|one| one["NetworkID"].as_str() == Some(&*self.id));
            by_id.or_else(|| all.get(&self.name))
        }) else {
            return;
        };
        let mut names: Vec<String> = Vec::new();
        for list in ["Aliases", "Links"] {
            let texts = place[list].as_array().into_iter().flatten();
            for text in texts.filter_map(Value::as_str) {
                let is_id = id.as_str().starts_with(text);
                if !is_id && !names.iter().any(|one| one == text) {
                    names.push(text.to_owned());
                }
            }
        }
        self.aliases.insert((host.clone(), id.clone()), names);
        self.stamp = None;
    }

    /// Draws the facts, and the table of who is attached below.
    pub fn view(
        &self,
        survey: &Survey,
        fleet: &Fleet,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let Some(one) = survey.get(fleet, &self.host, &self.id) else {
            let text = "This network is gone. Esc shows the others.";
            return super::super::empty(text, look, frame, area);
        };
        let inner = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            height: self.head.min(area.height),
            ..area
        };
        let lines = facts(&one, look.glyphs.ascii, usize::from(inner.width));
        draw(&lines, look, frame.buffer_mut(), inner);
        let below = Rect {
            y: area.y + inner.height,
            height: area.height - inner.height,
            ..area
        };
        if self.table.list.order().is_empty() {
            let text = if self.total > 0 {
                format!(
                    "None of the {} containers matches '{}'. Esc clears the filter.",
                    self.total,
                    self.filter()
                )
            } else if one.host.listed {
                "No container is attached to this network.".to_owned()
            } else {
                "Asking who is attached …".to_owned()
            };
            return super::super::empty(&text, look, frame, below);
        }
        let row = |(host, id): &Key| {
            let host = fleet.host(host)?;
            let container = host.containers.get(id)?;
            let place = one.network.attachment(container)?;
            let aliases = names_of(&self.aliases, host.name(), id);
            let row = AttachedRow {
                host,
                container,
                place,
                aliases,
            };
            Some((row, host.is_stale()))
        };
        self.table
            .view(row, &context(fleet, look), look, frame, below);
    }
}

fn names_of<'a>(
    aliases: &'a BTreeMap<Key, Vec<String>>,
    host: &HostName,
    id: &ContainerId,
) -> &'a [String] {
    let key = (host.clone(), id.clone());
    aliases.get(&key).map_or(&[], Vec::as_slice)
}

/// What the network is, and what is wrong with it.
fn facts(one: &Surveyed<'_>, ascii: bool, cells: usize) -> Vec<Line> {
    let network = one.network;
    let mut lines = Vec::new();
    let mut say = |label: &str, value: &str, ink: Ink| {
        if !value.is_empty() {
            lines.extend(field(label, value, ink, LABELS, cells));
        }
    };
    let set = [
        (network.internal, "internal"),
        (network.attachable, "attachable"),
        (network.ingress, "ingress"),
        (network.ipv6, "ipv6"),
    ];
    let mut kind = vec![&*network.driver, &*network.scope];
    kind.extend(set.iter().filter(|(is, _)| *is).map(|(_, word)| *word));
    if let Some(app) = &network.app {
        say("App", app, Ink::PLAIN);
    }
    say("Kind", &kind.join(", "), Ink::PLAIN);
    let hosts: Vec<&str> = one.seen.hosts.iter().map(HostName::as_str).collect();
    say("Hosts", &hosts.join(", "), Ink::PLAIN);
    for (pool, used) in network.subnets.iter().zip(&one.seen.used) {
        say("Subnet", &pool_text(pool, *used, ascii), Ink::PLAIN);
    }
    for found in one.findings() {
        let text = format!(
            "{} {}: {}",
            finding_glyph(found.kind, ascii),
            found.kind.word(),
            found.text
        );
        say("Finding", &text, Ink::Tone(finding_tone(found.kind)));
    }
    for (label, pairs) in [("Options", &network.options), ("Labels", &network.labels)] {
        let texts: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        say(label, &texts.join("  "), Ink::FAINT);
    }
    say("Id", &network.id, Ink::FAINT);
    lines
}

/// `10.20.1.0/24  gateway 10.20.1.1  ██░░░░ 3/254  dealt from 10.20.1.128/25  router 10.20.1.254`.
fn pool_text(pool: &Pool, used: u128, ascii: bool) -> String {
    let mut parts = vec![pool.subnet.to_string()];
    parts.extend(pool.gateway.map(|gateway| format!("gateway {gateway}")));
    parts.push(fill(used, pool.subnet.capacity(), ascii));
    parts.extend(pool.ip_range.map(|range| format!("dealt from {range}")));
    parts.extend(pool.aux.iter().map(|(name, at)| format!("{name} {at}")));
    parts.join("  ")
}
