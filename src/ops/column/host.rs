//! The columns of hosts.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    Align, Column, Row, Rows, Tone, between, by_number, fixed, growing, natural, of_host, percent,
};
use crate::model::{Host, HostLoad, Link, Product, State, Way, ago, bytes, printable};

/// A host with the numbers over its containers.
#[derive(Clone, Copy, Debug)]
pub struct HostRow<'a> {
    /// The host.
    pub host: &'a Host,
    /// Its running containers.
    pub running: usize,
    /// Its containers in need of attention.
    pub broken: usize,
}

impl<'a> HostRow<'a> {
    /// The row of a host.
    pub fn new(host: &'a Host) -> Self {
        let containers = || host.containers.values();
        Self {
            host,
            running: containers()
                .filter(|one| one.state == State::Running)
                .count(),
            broken: containers().filter(|one| one.trouble().is_some()).count(),
        }
    }
}

/// Rows of hosts.
#[derive(Clone, Copy, Debug)]
pub struct Hosts;

impl Rows for Hosts {
    type Row<'a> = HostRow<'a>;

    const NAME: &'static str = "hosts";

    fn columns() -> &'static [Column<Self>] {
        hosts()
    }
}

/// The mark of the state of the way to a host.
pub fn link_glyph(link: &Link, ascii: bool) -> &'static str {
    let (unicode, plain) = match link {
        Link::Unknown => ("◌", "o"),
        Link::Connecting { .. } => ("◐", "~"),
        Link::Online { .. } => ("●", "*"),
        Link::Offline { .. } => ("✕", "x"),
        Link::Installing { .. } => ("↓", "+"),
        Link::InstallFailed { .. } => ("✖", "X"),
    };
    if ascii { plain } else { unicode }
}

/// The tone of the state of the way to a host.
pub fn link_tone(link: &Link) -> Tone {
    match link {
        Link::Unknown => Tone::Faint,
        Link::Connecting { .. } | Link::Installing { .. } => Tone::Busy,
        Link::Online { .. } => Tone::Good,
        Link::Offline { .. } | Link::InstallFailed { .. } => Tone::Bad,
    }
}

/// The columns of hosts.
pub fn hosts() -> &'static [Column<Hosts>] {
    &HOSTS
}

/// Hosts that need somebody come first when sorted by state.
fn link_rank(link: &Link) -> u8 {
    match link {
        Link::Offline { .. } => 0,
        Link::InstallFailed { .. } => 1,
        Link::Unknown => 2,
        Link::Connecting { .. } => 3,
        Link::Installing { .. } => 4,
        Link::Online { .. } => 5,
    }
}

fn engine(host: &Host) -> Cow<'_, str> {
    match &host.engine {
        None => Cow::Borrowed(""),
        Some(engine) if engine.product == Product::Podman => {
            format!("podman {}", engine.version).into()
        }
        Some(engine) => Cow::Borrowed(&engine.version),
    }
}

fn api(host: &Host) -> &str {
    host.engine.as_ref().map_or("", |engine| &engine.api)
}

fn clock(host: &Host) -> Cow<'static, str> {
    match host.skew {
        Some(skew) if skew.is_certain() => skew.to_string().into(),
        Some(_) | None => Cow::Borrowed(""),
    }
}

fn way(host: &Host) -> &'static str {
    host.way.map_or("", Way::word)
}

fn counted(row: &HostRow<'_>) -> Cow<'static, str> {
    if row.host.listed {
        format!("{}/{}", row.running, row.host.containers.len()).into()
    } else {
        Cow::Borrowed("")
    }
}

/// Disk from which a host needs attention, in percent.
const FULL_DISK: [f32; 2] = [80.0, 90.0];

fn load(row: &HostRow<'_>, of: fn(&HostLoad) -> Option<f32>) -> Option<f32> {
    row.host.load.as_ref().and_then(of)
}

fn load_tone(row: &HostRow<'_>, of: fn(&HostLoad) -> Option<f32>) -> Tone {
    match load(row, of) {
        Some(percent) if percent >= FULL_DISK[1] => Tone::Bad,
        Some(percent) if percent >= FULL_DISK[0] => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn load_order(a: &HostRow<'_>, b: &HostRow<'_>, of: fn(&HostLoad) -> Option<f32>) -> Ordering {
    by_number(load(a, of), load(b, of))
}

/// The load; where the way lets nobody see it, what Docker itself occupies.
fn disk(row: &HostRow<'_>) -> Cow<'static, str> {
    match (load(row, HostLoad::disk_percent), &row.host.disk) {
        (Some(percent), _) => format!("{percent:.0}%").into(),
        (None, Some(disk)) => bytes(disk.total()).into(),
        (None, None) => Cow::Borrowed(""),
    }
}

/// Why it cannot be used; of one that is being opened, how far that has come.
fn reason(host: &Host) -> Cow<'_, str> {
    match (&host.link, &host.opening) {
        (Link::Connecting { .. }, Some(step)) => Cow::Borrowed(step),
        _ => host.link.trouble().map_or(Cow::Borrowed(""), |trouble| {
            printable(&trouble.to_string()).into()
        }),
    }
}

/// How long an answer took, in at most seven cells: `1.5ms`, `234ms`, `1234ms`, `12.3s`.
fn ping(milliseconds: f32) -> String {
    if milliseconds < 99.95 {
        format!("{milliseconds:.1}ms")
    } else if milliseconds < 9999.5 {
        format!("{milliseconds:.0}ms")
    } else {
        format!("{:.1}s", milliseconds / 1000.0)
    }
}

static HOSTS: [Column<Hosts>; 17] = [
    Column {
        name: "name",
        title: "HOST",
        about: "Its name in the configuration",
        align: Align::Left,
        width: growing(8, 18),
        text: |row, _| Cow::Borrowed(row.host.name().as_str()),
        tone: |_| Tone::Accent,
        order: |a, b| natural(a.host.name().as_str(), b.host.name().as_str()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "state",
        title: "STATE",
        about: "The state of the way to it",
        align: Align::Left,
        width: between(12, 16),
        text: |row, context| {
            let link = &row.host.link;
            // What opens the way is told by the way's own state.
            if let Some(busy) = row.host.busy.filter(|_| link.is_online()) {
                let glyph = if context.ascii { '@' } else { '↻' };
                return format!("{glyph} {busy}…").into();
            }
            if row.host.maintenance.is_some() && link.is_online() {
                return if context.ascii {
                    "! maintenance"
                } else {
                    "◇ maintenance"
                }
                .into();
            }
            format!("{} {}", link_glyph(link, context.ascii), link.word()).into()
        },
        tone: |row| match (row.host.busy, &row.host.maintenance) {
            (Some(_), _) => Tone::Busy,
            (None, Some(_)) if row.host.link.is_online() => Tone::Warn,
            (None, _) => link_tone(&row.host.link),
        },
        order: |a, b| link_rank(&a.host.link).cmp(&link_rank(&b.host.link)),
        shown: true,
        priority: 0,
    },
    Column {
        name: "environment",
        title: "ENV",
        about: "The environment it belongs to",
        align: Align::Left,
        width: between(5, 8),
        text: |row, _| Cow::Borrowed(row.host.environment()),
        tone: |_| Tone::Plain,
        order: |a, b| natural(a.host.environment(), b.host.environment()),
        shown: true,
        priority: 3,
    },
    Column {
        name: "groups",
        title: "GROUPS",
        about: "Its groups",
        align: Align::Left,
        width: between(6, 14),
        text: |row, _| row.host.spec.groups.join(",").into(),
        tone: |_| Tone::Faint,
        order: |a, b| a.host.spec.groups.cmp(&b.host.spec.groups),
        shown: false,
        priority: 12,
    },
    Column {
        name: "way",
        title: "WAY",
        about: "How it is reached",
        align: Align::Left,
        width: fixed(9),
        text: |row, _| Cow::Borrowed(way(row.host)),
        tone: |_| Tone::Faint,
        order: |a, b| way(a.host).cmp(way(b.host)),
        shown: true,
        priority: 8,
    },
    Column {
        name: "endpoint",
        title: "ENDPOINT",
        about: "Where its engine is",
        align: Align::Left,
        width: growing(14, 26),
        text: |row, _| row.host.spec.endpoint.to_string().into(),
        tone: |_| Tone::Faint,
        order: |a, b| {
            let endpoint = |row: &HostRow<'_>| row.host.spec.endpoint.to_string();
            natural(&endpoint(a), &endpoint(b))
        },
        shown: false,
        priority: 13,
    },
    Column {
        name: "engine",
        title: "ENGINE",
        about: "The version of its engine",
        align: Align::Left,
        width: between(8, 12),
        text: |row, _| engine(row.host),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&engine(a.host), &engine(b.host)),
        shown: true,
        priority: 6,
    },
    Column {
        name: "api",
        title: "API",
        about: "The API version in use with it",
        align: Align::Left,
        width: fixed(5),
        text: |row, _| Cow::Borrowed(api(row.host)),
        tone: |_| Tone::Faint,
        order: |a, b| natural(api(a.host), api(b.host)),
        shown: true,
        priority: 10,
    },
    Column {
        name: "containers",
        title: "RUN/ALL",
        about: "Its running containers, and all",
        align: Align::Right,
        width: fixed(9),
        text: |row, _| counted(row),
        tone: |_| Tone::Plain,
        order: |a, b| a.running.cmp(&b.running),
        shown: true,
        priority: 1,
    },
    Column {
        name: "broken",
        title: "BROKEN",
        about: "Its containers in need of attention",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| match (row.host.listed, row.broken) {
            (false, _) => Cow::Borrowed(""),
            (true, count) => count.to_string().into(),
        },
        tone: |row| {
            if row.broken > 0 {
                Tone::Bad
            } else {
                Tone::Faint
            }
        },
        order: |a, b| a.broken.cmp(&b.broken),
        shown: true,
        priority: 1,
    },
    Column {
        name: "cpu",
        title: "CPU%",
        about: "CPU of the host in percent of all cores",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| percent(load(row, |load| load.cpu)),
        tone: |row| load_tone(row, |load| load.cpu),
        order: |a, b| load_order(a, b, |load| load.cpu),
        shown: true,
        priority: 4,
    },
    Column {
        name: "memory",
        title: "MEM%",
        about: "Memory of the host in use, in percent",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| percent(load(row, HostLoad::memory_percent)),
        tone: |row| load_tone(row, HostLoad::memory_percent),
        order: |a, b| load_order(a, b, HostLoad::memory_percent),
        shown: true,
        priority: 5,
    },
    Column {
        name: "disk",
        title: "DISK",
        about: "Where the engine keeps its data: used in percent, else the bytes Docker occupies",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| disk(row),
        tone: |row| load_tone(row, HostLoad::disk_percent),
        order: |a, b| load_order(a, b, HostLoad::disk_percent),
        shown: true,
        priority: 5,
    },
    Column {
        name: "latency",
        title: "PING",
        about: "How long its last answer took, in milliseconds",
        align: Align::Right,
        width: fixed(7),
        text: |row, _| {
            row.host
                .latency_ms
                .map_or(Cow::Borrowed(""), |ms| ping(ms).into())
        },
        tone: |_| Tone::Plain,
        order: |a, b| by_number(a.host.latency_ms, b.host.latency_ms),
        shown: true,
        priority: 6,
    },
    Column {
        name: "clock",
        title: "CLOCK",
        about: "How far its clock is ahead of this machine's; nothing while that is within what was measured",
        align: Align::Right,
        width: fixed(7),
        text: |row, _| clock(row.host),
        tone: |_| Tone::Warn,
        order: |a, b| {
            let ahead = |row: &HostRow<'_>| row.host.skew.map(|skew| skew.ahead_ms);
            ahead(a).cmp(&ahead(b))
        },
        shown: false,
        priority: 12,
    },
    Column {
        name: "age",
        title: "AGE",
        about: "How old what is known of it is",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| {
            row.host
                .heard
                .map_or(Cow::Borrowed(""), |heard| ago(context.now, heard).into())
        },
        tone: |row| {
            if row.host.is_stale() {
                Tone::Warn
            } else {
                Tone::Faint
            }
        },
        order: |a, b| b.host.heard.cmp(&a.host.heard),
        shown: true,
        priority: 6,
    },
    Column {
        name: "reason",
        title: "REASON",
        about: "Why it cannot be used, and what to do",
        align: Align::Left,
        width: growing(20, 40),
        text: |row, _| reason(row.host),
        tone: |row| match row.host.link {
            Link::Connecting { .. } => Tone::Faint,
            _ => Tone::Bad,
        },
        order: |a, b| reason(a.host).cmp(&reason(b.host)),
        shown: true,
        priority: 9,
    },
];

fn flags(row: &HostRow<'_>) -> String {
    let mut flags = vec![row.host.link.word()];
    if row.broken > 0 || row.host.link.trouble().is_some() {
        flags.push("broken");
    }
    if row.host.is_stale() {
        flags.push("stale");
    }
    if row.host.spec.read_only {
        flags.push("read-only");
    }
    flags.join(",")
}

impl Row for HostRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let host = self.host;
        Some(match key {
            "name" => Cow::Borrowed(host.name().as_str()),
            "state" => Cow::Borrowed(host.link.word()),
            "way" => Cow::Borrowed(way(host)),
            "endpoint" => host.spec.endpoint.to_string().into(),
            "engine" => engine(host),
            "api" => Cow::Borrowed(api(host)),
            "os" => Cow::Borrowed(&host.engine.as_ref()?.os),
            "source" => Cow::Borrowed(&*host.spec.source),
            "reason" => reason(host),
            "is" => flags(self).into(),
            key => return of_host(host, key),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "containers" => Some(self.host.containers.len() as f64),
            "running" => Some(self.running as f64),
            "broken" => Some(self.broken as f64),
            "cpu" => load(self, |load| load.cpu).map(f64::from),
            "mem" | "memory" => load(self, HostLoad::memory_percent).map(f64::from),
            "disk" => load(self, HostLoad::disk_percent).map(f64::from),
            "latency" => self.host.latency_ms.map(|ms| f64::from(ms) / 1000.0),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let host = self.host;
        [
            Cow::Borrowed(host.name().as_str()),
            Cow::Borrowed(host.environment()),
            Cow::Borrowed(host.link.word()),
            host.spec.groups.join(",").into(),
            host.spec.endpoint.to_string().into(),
            engine(host),
            reason(host),
        ]
        .into_iter()
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name",
            "host",
            "env",
            "environment",
            "group",
            "state",
            "way",
            "endpoint",
            "engine",
            "api",
            "os",
            "source",
            "reason",
            "is",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &[
            "containers",
            "running",
            "broken",
            "cpu",
            "mem",
            "memory",
            "disk",
            "latency",
        ]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "state" => &["unknown", "connecting", "online", "offline"],
            "way" => &["unix", "tcp", "tls", "ssh", "ssh-stdio"],
            "is" => &["online", "offline", "broken", "stale", "read-only"],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ping;

    #[test]
    fn an_answer_of_any_time_fits_its_column() {
        for (milliseconds, shown) in [
            (0.04, "0.0ms"),
            (12.34, "12.3ms"),
            (99.97, "100ms"),
            (1234.0, "1234ms"),
            (9999.9, "10.0s"),
            (123_456.0, "123.5s"),
        ] {
            assert_eq!(ping(milliseconds), shown);
            assert!(shown.len() <= 7);
        }
    }
}
