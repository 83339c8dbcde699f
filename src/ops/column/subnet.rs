//! The columns of subnets, and of the containers that are attached to a network.

use std::borrow::Cow;

use super::{
    Align, Column, Context, OnHost, Row, Rows, Tone, between, fixed, growing, host_column, natural,
    of_host, state_tone,
};
use crate::{
    model::{Attachment, Container, Host, HostName, Pool, Subnet},
    ops::subnet::{Finding, FindingKind, Surveyed},
};

/// Cells of the bar of addresses in use.
const BAR: u128 = 6;

/// A subnet of a network; of a network without one, the network.
#[derive(Clone, Copy, Debug)]
pub struct SubnetRow<'a> {
    /// The network.
    pub of: Surveyed<'a>,
    /// Which of its subnets.
    pub at: usize,
}

impl<'a> SubnetRow<'a> {
    /// The rows of a network: one for each of its subnets, at least one.
    pub fn of(network: Surveyed<'a>) -> impl Iterator<Item = Self> {
        let count = network.network.subnets.len().max(1);
        (0..count).map(move |at| Self { of: network, at })
    }

    /// The subnet.
    pub fn pool(&self) -> Option<&'a Pool> {
        self.of.network.subnets.get(self.at)
    }

    fn subnet(&self) -> Option<Subnet> {
        self.pool().map(|pool| pool.subnet)
    }

    /// Addresses in use, and how many there can be.
    pub fn used(&self) -> Option<(u128, u128)> {
        let used = self.of.seen.used.get(self.at)?;
        Some((*used, self.subnet()?.capacity()))
    }

    /// The worst that is wrong with it.
    fn finding(&self) -> Option<&'a Finding> {
        self.of.findings().next()
    }
}

/// Rows of subnets.
#[derive(Clone, Copy, Debug)]
pub struct Subnets;

impl Rows for Subnets {
    type Row<'a> = SubnetRow<'a>;

    const NAME: &'static str = "subnets";

    fn columns() -> &'static [Column<Self>] {
        &SUBNETS
    }
}

/// How full a subnet is, as a bar and in figures.
pub fn fill(used: u128, capacity: u128, ascii: bool) -> String {
    let (full, empty) = if ascii { ("#", ".") } else { ("█", "░") };
    let cells = if used == 0 {
        0
    } else {
        (used * BAR / capacity.max(1)).clamp(1, BAR)
    };
    let cells = usize::try_from(cells).unwrap_or(0);
    let rest = usize::try_from(BAR).unwrap_or(0) - cells;
    format!(
        "{}{} {used}/{}",
        full.repeat(cells),
        empty.repeat(rest),
        count(capacity)
    )
}

/// A number of addresses; large ones of IPv6 as a power of two.
pub fn count(addresses: u128) -> String {
    if addresses < 10_000_000_000 {
        return addresses.to_string();
    }
    format!("2^{}", 128 - addresses.leading_zeros().min(127))
}

/// The tone of how full something is.
fn fill_tone(used: u128, capacity: u128) -> Tone {
    match used * 100 / capacity.max(1) {
        90.. => Tone::Bad,
        75.. => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// The mark of what is wrong.
pub fn finding_glyph(kind: FindingKind, ascii: bool) -> &'static str {
    match (kind.is_harmful(), ascii) {
        (true, false) => "▲",
        (true, true) => "!",
        (false, false) => "○",
        (false, true) => "o",
    }
}

/// The tone of what is wrong.
pub fn finding_tone(kind: FindingKind) -> Tone {
    if kind.is_harmful() {
        Tone::Warn
    } else {
        Tone::Faint
    }
}

fn found(row: &SubnetRow<'_>, ascii: bool) -> String {
    let Some(worst) = row.finding() else {
        return String::new();
    };
    let glyph = finding_glyph(worst.kind, ascii);
    let more = match row.of.found() {
        0 | 1 => String::new(),
        several => format!(" +{}", several - 1),
    };
    format!("{glyph} {}{more}", worst.kind.word())
}

fn gateway(row: &SubnetRow<'_>) -> String {
    let gateway = row.pool().and_then(|pool| pool.gateway);
    gateway
        .map(|address| address.to_string())
        .unwrap_or_default()
}

fn flags(row: &SubnetRow<'_>) -> String {
    let network = row.of.network;
    let all = [
        (network.internal, "internal"),
        (network.attachable, "attachable"),
        (network.ingress, "ingress"),
        (network.ipv6, "ipv6"),
    ];
    let set: Vec<&str> = all
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| *word)
        .collect();
    set.join(",")
}

fn share(row: &SubnetRow<'_>) -> u128 {
    row.used()
        .map_or(0, |(used, all)| used * 1_000_000 / all.max(1))
}

static SUBNETS: [Column<Subnets>; 12] = [
    Column {
        name: "host",
        title: "HOST",
        about: "The host it is on; of a Swarm's the first, and how many more",
        align: Align::Left,
        width: between(6, 14),
        text: |row, _| row.of.hosts().into(),
        tone: |_| Tone::Plain,
        order: |a, b| natural(a.of.host.name().as_str(), b.of.host.name().as_str()),
        shown: true,
        priority: 1,
    },
    Column {
        name: "name",
        title: "NETWORK",
        about: "The network's name",
        align: Align::Left,
        width: growing(10, 20),
        text: |row, _| Cow::Borrowed(&*row.of.network.name),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.of.network.name, &b.of.network.name),
        shown: true,
        priority: 0,
    },
    Column {
        name: "subnet",
        title: "SUBNET",
        about: "Its addresses",
        align: Align::Left,
        width: between(14, 18),
        text: |row, _| {
            row.subnet()
                .map(|one| one.to_string())
                .unwrap_or_default()
                .into()
        },
        tone: |_| Tone::Plain,
        order: |a, b| (a.subnet().is_none(), a.subnet()).cmp(&(b.subnet().is_none(), b.subnet())),
        shown: true,
        priority: 0,
    },
    Column {
        name: "gateway",
        title: "GATEWAY",
        about: "The address of its way out",
        align: Align::Left,
        width: between(10, 15),
        text: |row, _| gateway(row).into(),
        tone: |_| Tone::Faint,
        order: |a, b| {
            let key = |row: &SubnetRow<'_>| row.pool().and_then(|pool| pool.gateway);
            key(a).cmp(&key(b))
        },
        shown: true,
        priority: 5,
    },
    Column {
        name: "range",
        title: "RANGE",
        about: "The part of it that addresses are dealt from, where it is not the whole",
        align: Align::Left,
        width: between(14, 18),
        text: |row, _| {
            let range = row.pool().and_then(|pool| pool.ip_range);
            range.map(|one| one.to_string()).unwrap_or_default().into()
        },
        tone: |_| Tone::Faint,
        order: |a, b| {
            let key = |row: &SubnetRow<'_>| row.pool().and_then(|pool| pool.ip_range);
            key(a).cmp(&key(b))
        },
        shown: false,
        priority: 6,
    },
    Column {
        name: "used",
        title: "USED",
        about: "Addresses in use, of how many",
        align: Align::Right,
        width: between(9, 17),
        text: |row, context| match row.used() {
            None => Cow::Borrowed(""),
            Some((used, all)) if context.cells < 15 => format!("{used}/{}", count(all)).into(),
            Some((used, all)) => {
                // Bars stand below each other, figures end at the same cell.
                let text = fill(used, all, context.ascii);
                let (bar, figures) = text.split_once(' ').unwrap_or(("", &text));
                let room = usize::from(context.cells).saturating_sub(bar.chars().count());
                format!("{bar}{figures:>room$}").into()
            }
        },
        tone: |row| {
            row.used()
                .map_or(Tone::Plain, |(used, all)| fill_tone(used, all))
        },
        order: |a, b| share(a).cmp(&share(b)),
        shown: true,
        priority: 2,
    },
    Column {
        name: "attached",
        title: "CTRS",
        about: "Containers that are attached, running or not",
        align: Align::Right,
        width: fixed(4),
        text: |row, _| row.of.seen.attached.to_string().into(),
        tone: |row| {
            if row.of.seen.attached == 0 {
                Tone::Faint
            } else {
                Tone::Plain
            }
        },
        order: |a, b| a.of.seen.attached.cmp(&b.of.seen.attached),
        shown: true,
        priority: 3,
    },
    Column {
        name: "driver",
        title: "DRIVER",
        about: "Its driver: bridge, macvlan, overlay …",
        align: Align::Left,
        width: between(6, 8),
        text: |row, _| Cow::Borrowed(&*row.of.network.driver),
        tone: |_| Tone::Faint,
        order: |a, b| a.of.network.driver.cmp(&b.of.network.driver),
        shown: true,
        priority: 4,
    },
    Column {
        name: "scope",
        title: "SCOPE",
        about: "Local to its host, or a Swarm's",
        align: Align::Left,
        width: between(5, 7),
        text: |row, _| Cow::Borrowed(&*row.of.network.scope),
        tone: |_| Tone::Faint,
        order: |a, b| a.of.network.scope.cmp(&b.of.network.scope),
        shown: false,
        priority: 7,
    },
    Column {
        name: "app",
        title: "APP",
        about: "The app that made it",
        align: Align::Left,
        width: between(5, 12),
        text: |row, _| Cow::Borrowed(row.of.network.app.as_deref().unwrap_or("")),
        tone: |_| Tone::Plain,
        order: |a, b| a.of.network.app.cmp(&b.of.network.app),
        shown: true,
        priority: 4,
    },
    Column {
        name: "flags",
        title: "FLAGS",
        about: "Whether it is internal, attachable, ingress, has IPv6",
        align: Align::Left,
        width: between(8, 16),
        text: |row, _| flags(row).into(),
        tone: |_| Tone::Faint,
        order: |a, b| flags(a).cmp(&flags(b)),
        shown: false,
        priority: 7,
    },
    Column {
        name: "finding",
        title: "FINDING",
        about: "What is wrong with it: overlap, site, ports, pools, full, unused",
        align: Align::Left,
        width: between(9, 12),
        text: |row, context| found(row, context.ascii).into(),
        tone: |row| {
            row.finding()
                .map_or(Tone::Plain, |one| finding_tone(one.kind))
        },
        order: |a, b| {
            let key = |row: &SubnetRow<'_>| row.finding().map(|one| one.kind);
            (key(a).is_none(), key(a)).cmp(&(key(b).is_none(), key(b)))
        },
        shown: true,
        priority: 1,
    },
];

impl Row for SubnetRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let network = self.of.network;
        Some(match key {
            "name" | "network" => Cow::Borrowed(&*network.name),
            "id" => Cow::Borrowed(&*network.id),
            "driver" => Cow::Borrowed(&*network.driver),
            "scope" => Cow::Borrowed(&*network.scope),
            "subnet" => self.subnet()?.to_string().into(),
            "gateway" => gateway(self).into(),
            "app" => Cow::Borrowed(network.app.as_deref()?),
            "finding" => {
                let words: Vec<&str> = self.of.findings().map(|one| one.kind.word()).collect();
                words.join(",").into()
            }
            "is" => {
                let mut words = flags(self);
                words.push_str(if self.of.seen.attached == 0 {
                    ",empty"
                } else {
                    ",used"
                });
                words.push_str(if self.of.found() == 0 { "" } else { ",flagged" });
                words.into()
            }
            "host" if self.of.seen.hosts.len() > 1 => {
                let names: Vec<&str> = self.of.seen.hosts.iter().map(HostName::as_str).collect();
                names.join(",").into()
            }
            key => return of_host(self.of.host, key),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        let (used, all) = self.used()?;
        match key {
            "used" => Some(used as f64 * 100.0 / all.max(1) as f64),
            "free" => Some(all.saturating_sub(used) as f64),
            "attached" => Some(f64::from(self.of.seen.attached)),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let network = self.of.network;
        [
            &*network.name,
            self.of.host.name().as_str(),
            &*network.driver,
            network.app.as_deref().unwrap_or(""),
        ]
        .into_iter()
        .map(Cow::Borrowed)
        .chain(self.subnet().map(|one| one.to_string().into()))
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name", "network", "id", "driver", "scope", "subnet", "gateway", "app", "finding",
            "is", "host", "env", "group",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["used", "free", "attached"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "is" => &[
                "internal",
                "attachable",
                "ingress",
                "ipv6",
                "empty",
                "used",
                "flagged",
            ],
            "scope" => &["local", "global", "swarm"],
            "finding" => &FindingKind::WORDS,
            _ => &[],
        }
    }
}

/// A container that is attached to a network.
#[derive(Clone, Copy, Debug)]
pub struct AttachedRow<'a> {
    /// Its host.
    pub host: &'a Host,
    /// The container.
    pub container: &'a Container,
    /// How it is attached.
    pub place: &'a Attachment,
    /// Its other names on the network; none until it was inspected.
    pub aliases: &'a [String],
}

/// Rows of containers that are attached to a network.
#[derive(Clone, Copy, Debug)]
pub struct Attached;

impl Rows for Attached {
    type Row<'a> = AttachedRow<'a>;

    const NAME: &'static str = "attached";

    fn columns() -> &'static [Column<Self>] {
        &ATTACHED
    }
}

impl OnHost for Attached {
    fn host<'r>(row: &'r Self::Row<'_>) -> &'r Host {
        row.host
    }
}

fn ports(row: &AttachedRow<'_>) -> String {
    let ports = row
        .container
        .ports
        .iter()
        .filter(|port| port.public.is_some());
    let texts: Vec<String> = ports.map(ToString::to_string).collect();
    texts.join(" ")
}

fn text<T: ToString>(value: Option<T>) -> Cow<'static, str> {
    value.map(|one| one.to_string()).unwrap_or_default().into()
}

static ATTACHED: [Column<Attached>; 8] = [
    Column {
        name: "name",
        title: "CONTAINER",
        about: "The container",
        align: Align::Left,
        width: growing(10, 24),
        text: |row, _: &Context| Cow::Borrowed(&*row.container.name),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.container.name, &b.container.name),
        shown: true,
        priority: 0,
    },
    host_column(),
    Column {
        name: "state",
        title: "STATE",
        about: "What it is doing; it has addresses while it runs only",
        align: Align::Left,
        width: between(7, 10),
        text: |row, _| Cow::Borrowed(row.container.state.word()),
        tone: |row| state_tone(row.container),
        order: |a, b| a.container.state.cmp(&b.container.state),
        shown: true,
        priority: 2,
    },
    Column {
        name: "ipv4",
        title: "IPV4",
        about: "Its address",
        align: Align::Left,
        width: between(11, 15),
        text: |row, _| text(row.place.ipv4),
        tone: |_| Tone::Plain,
        order: |a, b| a.place.ipv4.cmp(&b.place.ipv4),
        shown: true,
        priority: 0,
    },
    Column {
        name: "ipv6",
        title: "IPV6",
        about: "Its IPv6 address",
        align: Align::Left,
        width: between(6, 20),
        text: |row, _| text(row.place.ipv6),
        tone: |_| Tone::Plain,
        order: |a, b| a.place.ipv6.cmp(&b.place.ipv6),
        shown: true,
        priority: 5,
    },
    Column {
        name: "mac",
        title: "MAC",
        about: "Its hardware address",
        align: Align::Left,
        width: fixed(17),
        text: |row, _| text(row.place.mac),
        tone: |_| Tone::Faint,
        order: |a, b| a.place.mac.cmp(&b.place.mac),
        shown: true,
        priority: 3,
    },
    Column {
        name: "aliases",
        title: "ALIASES",
        about: "Its other names on the network, once it was inspected",
        align: Align::Left,
        width: growing(8, 20),
        text: |row, _| row.aliases.join(" ").into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.aliases.cmp(b.aliases),
        shown: true,
        priority: 4,
    },
    Column {
        name: "ports",
        title: "PORTS",
        about: "What its host publishes of it",
        align: Align::Left,
        width: between(8, 20),
        text: |row, _| ports(row).into(),
        tone: |_| Tone::Plain,
        order: |a, b| ports(a).cmp(&ports(b)),
        shown: true,
        priority: 4,
    },
];

impl Row for AttachedRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(match key {
            "name" | "container" => Cow::Borrowed(&*self.container.name),
            "state" => Cow::Borrowed(self.container.state.word()),
            "app" => Cow::Borrowed(self.container.app.as_deref()?),
            "ip" => self.place.address().into(),
            key => return of_host(self.host, key),
        })
    }

    fn number(&self, _: &str) -> Option<f64> {
        None
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let place = self.place;
        [&*self.container.name, self.host.name().as_str()]
            .into_iter()
            .chain(self.aliases.iter().map(String::as_str))
            .map(Cow::Borrowed)
            .chain([text(place.ipv4), text(place.ipv6), text(place.mac)])
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name",
            "container",
            "state",
            "app",
            "ip",
            "host",
            "env",
            "group",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &[]
    }
}
