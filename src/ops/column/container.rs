//! The columns of containers.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    Align, Column, Context, OnHost, Row, Rows, Tone, between, by_number, fixed, growing,
    host_column, natural, of_host, percent,
};
use crate::model::{Container, Health, Host, Rates, State, Usage, ago, bytes};

/// Columns of containers, and keys of filters over them, that need a sample.
pub const SAMPLED: [&str; 10] = [
    "cpu", "mem", "memory", "mem%", "memory%", "net", "block", "net/s", "block/s", "pids",
];

/// A container with its host.
#[derive(Clone, Copy, Debug)]
pub struct ContainerRow<'a> {
    /// The host.
    pub host: &'a Host,
    /// The container.
    pub container: &'a Container,
}

/// Rows of containers.
#[derive(Clone, Copy, Debug)]
pub struct Containers;

impl Rows for Containers {
    type Row<'a> = ContainerRow<'a>;

    const NAME: &'static str = "containers";

    fn columns() -> &'static [Column<Self>] {
        containers()
    }
}

impl OnHost for Containers {
    fn host<'r>(row: &'r Self::Row<'_>) -> &'r Host {
        row.host
    }
}

/// The mark of a container's state.
pub fn state_glyph(container: &Container, ascii: bool) -> &'static str {
    let (unicode, plain) = match &container.state {
        State::Running if container.health == Health::Unhealthy => ("▲", "!"),
        State::Running => ("●", "*"),
        State::Created => ("◌", "o"),
        State::Paused => ("◐", "="),
        State::Restarting => ("↻", "~"),
        State::Removing => ("◍", "-"),
        State::Exited if container.trouble().is_some() => ("✕", "x"),
        State::Exited => ("○", "."),
        State::Dead => ("✖", "X"),
        State::Other(_) => ("?", "?"),
    };
    if ascii { plain } else { unicode }
}

/// The tone of a container's state.
pub fn state_tone(container: &Container) -> Tone {
    match &container.state {
        State::Running => match container.health {
            Health::Unhealthy => Tone::Bad,
            Health::Starting => Tone::Busy,
            Health::None | Health::Healthy => Tone::Good,
        },
        State::Restarting | State::Dead => Tone::Bad,
        State::Exited if container.trouble().is_some() => Tone::Bad,
        State::Paused | State::Other(_) => Tone::Warn,
        State::Removing => Tone::Busy,
        State::Created | State::Exited => Tone::Faint,
    }
}

/// The columns of containers.
pub fn containers() -> &'static [Column<Containers>] {
    &CONTAINERS
}

fn text_order(a: Option<&str>, b: Option<&str>) -> Ordering {
    natural(a.unwrap_or(""), b.unwrap_or(""))
}

fn usage<'a>(row: &ContainerRow<'a>) -> Option<&'a Usage> {
    row.container.usage.as_ref()
}

fn figure(row: &ContainerRow<'_>, of: fn(&Usage) -> u64) -> Option<u64> {
    usage(row).map(of)
}

fn flow(row: &ContainerRow<'_>, of: fn(&Usage) -> (u64, u64)) -> Cow<'static, str> {
    usage(row).map(of).map_or(Cow::Borrowed(""), |(i, o)| {
        format!("{}/{}", bytes(i), bytes(o)).into()
    })
}

/// Two rates, such as `9.80K/120B`; a plain 0 where nothing goes on.
fn rate(row: &ContainerRow<'_>, of: fn(&Rates) -> (u64, u64)) -> Cow<'static, str> {
    match row.container.rates.as_ref().map(of) {
        None => Cow::Borrowed(""),
        Some((0, 0)) => Cow::Borrowed("0"),
        Some((i, o)) => format!("{}/{}", bytes(i), bytes(o)).into(),
    }
}

fn rate_order(a: &ContainerRow<'_>, b: &ContainerRow<'_>, of: fn(&Rates) -> u64) -> Ordering {
    rate_sum(a, of).cmp(&rate_sum(b, of))
}

fn rate_sum(row: &ContainerRow<'_>, of: fn(&Rates) -> u64) -> Option<u64> {
    row.container.rates.as_ref().map(of)
}

fn flow_order(a: &ContainerRow<'_>, b: &ContainerRow<'_>, of: fn(&Usage) -> u64) -> Ordering {
    figure(a, of).cmp(&figure(b, of))
}

fn state_text(container: &Container, ascii: bool) -> String {
    if let Some(busy) = container.busy {
        let glyph = if ascii { '@' } else { '↻' };
        return format!("{glyph} {busy}…");
    }
    let glyph = state_glyph(container, ascii);
    match (&container.state, container.exit) {
        (State::Exited, Some(code)) => format!("{glyph} exited {code}"),
        (state, _) => format!("{glyph} {}", state.word()),
    }
}

fn uptime<'r>(row: &'r ContainerRow<'_>, context: &Context) -> Cow<'r, str> {
    match row.container.since {
        Some(since) => ago(context.now, since).into(),
        None => Cow::Borrowed(""),
    }
}

/// CPU from which it is worth a look, in percent of one core.
const BUSY_CPU: f32 = 80.0;
/// Memory from which it is worth a look, and from which it is dangerous, in percent of the limit.
const FULL_MEMORY: [f32; 2] = [80.0, 95.0];

fn cpu_tone(row: &ContainerRow<'_>) -> Tone {
    match usage(row).and_then(|usage| usage.cpu) {
        Some(cpu) if cpu >= BUSY_CPU => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn memory_tone(row: &ContainerRow<'_>) -> Tone {
    match usage(row).and_then(Usage::memory_percent) {
        Some(percent) if percent >= FULL_MEMORY[1] => Tone::Bad,
        Some(percent) if percent >= FULL_MEMORY[0] => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn health_tone(row: &ContainerRow<'_>) -> Tone {
    match row.container.health {
        Health::None => Tone::Faint,
        Health::Starting => Tone::Busy,
        Health::Healthy => Tone::Good,
        Health::Unhealthy => Tone::Bad,
    }
}

fn restarts_tone(row: &ContainerRow<'_>) -> Tone {
    match row.container.restarts {
        None | Some(0) => Tone::Faint,
        Some(1..=4) => Tone::Plain,
        Some(_) => Tone::Warn,
    }
}

fn ports(container: &Container) -> String {
    let mut shown: Vec<String> = Vec::new();
    for port in &container.ports {
        let text = port.to_string();
        if !shown.contains(&text) {
            shown.push(text);
        }
    }
    shown.join(" ")
}

fn networks(container: &Container) -> String {
    let names: Vec<&str> = container.networks.iter().map(|one| &*one.network).collect();
    names.join(",")
}

static CONTAINERS: [Column<Containers>; 22] = [
    host_column(),
    Column {
        name: "environment",
        title: "ENV",
        about: "The environment of its host",
        align: Align::Left,
        width: between(4, 8),
        text: |row, _| Cow::Borrowed(row.host.environment()),
        tone: |_| Tone::Faint,
        order: |a, b| natural(a.host.environment(), b.host.environment()),
        shown: false,
        priority: 11,
    },
    Column {
        name: "app",
        title: "APP",
        about: "The app it belongs to (Compose's project)",
        align: Align::Left,
        width: between(6, 12),
        text: |row, _| Cow::Borrowed(row.container.app.as_deref().unwrap_or("")),
        tone: |_| Tone::Plain,
        order: |a, b| text_order(a.container.app.as_deref(), b.container.app.as_deref()),
        shown: true,
        priority: 7,
    },
    Column {
        name: "service",
        title: "SERVICE",
        about: "Its service within the app",
        align: Align::Left,
        width: between(6, 12),
        text: |row, _| Cow::Borrowed(row.container.service.as_deref().unwrap_or("")),
        tone: |_| Tone::Plain,
        order: |a, b| {
            text_order(
                a.container.service.as_deref(),
                b.container.service.as_deref(),
            )
        },
        shown: false,
        priority: 12,
    },
    Column {
        name: "name",
        title: "NAME",
        about: "Its name",
        align: Align::Left,
        width: growing(18, 24),
        text: |row, _| Cow::Borrowed(&*row.container.name),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.container.name, &b.container.name),
        shown: true,
        priority: 0,
    },
    Column {
        name: "image",
        title: "IMAGE",
        about: "The image as its creator named it",
        align: Align::Left,
        width: growing(18, 28),
        text: |row, _| Cow::Borrowed(&*row.container.image),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.container.image, &b.container.image),
        shown: true,
        priority: 6,
    },
    Column {
        name: "state",
        title: "STATE",
        about: "What it is doing",
        align: Align::Left,
        width: between(12, 14),
        text: |row, context| state_text(row.container, context.ascii).into(),
        tone: |row| match row.container.busy {
            Some(_) => Tone::Busy,
            None => state_tone(row.container),
        },
        order: |a, b| a.container.state.cmp(&b.container.state),
        shown: true,
        priority: 0,
    },
    Column {
        name: "health",
        title: "HEALTH",
        about: "What its health check says",
        align: Align::Left,
        width: fixed(9),
        text: |row, _| Cow::Borrowed(row.container.health.word()),
        tone: health_tone,
        order: |a, b| a.container.health.cmp(&b.container.health),
        shown: true,
        priority: 4,
    },
    Column {
        name: "cpu",
        title: "CPU%",
        about: "CPU in percent of one core, as docker stats computes it",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| percent(usage(row).and_then(|usage| usage.cpu)),
        tone: cpu_tone,
        order: |a, b| {
            let cpu = |row| usage(row).and_then(|usage| usage.cpu);
            by_number(cpu(a), cpu(b))
        },
        shown: true,
        priority: 2,
    },
    Column {
        name: "memory",
        title: "MEM",
        about: "Memory in use, without the page cache",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| figure(row, |u| u.memory).map_or(Cow::Borrowed(""), |n| bytes(n).into()),
        tone: memory_tone,
        order: |a, b| figure(a, |u| u.memory).cmp(&figure(b, |u| u.memory)),
        shown: true,
        priority: 3,
    },
    Column {
        name: "memory%",
        title: "MEM%",
        about: "Memory in percent of its limit, else of the host's memory",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| percent(usage(row).and_then(Usage::memory_percent)),
        tone: memory_tone,
        order: |a, b| {
            let memory = |row| usage(row).and_then(Usage::memory_percent);
            by_number(memory(a), memory(b))
        },
        shown: false,
        priority: 10,
    },
    Column {
        name: "net/s",
        title: "NET/s I/O",
        about: "Bytes received and sent, a second",
        align: Align::Right,
        width: fixed(11),
        text: |row, _| rate(row, |r| (r.net_in, r.net_out)),
        tone: |_| Tone::Plain,
        order: |a, b| rate_order(a, b, |r| r.net_in + r.net_out),
        shown: true,
        priority: 9,
    },
    Column {
        name: "block/s",
        title: "DISK/s R/W",
        about: "Bytes read from and written to disks, a second",
        align: Align::Right,
        width: fixed(11),
        text: |row, _| rate(row, |r| (r.block_in, r.block_out)),
        tone: |_| Tone::Plain,
        order: |a, b| rate_order(a, b, |r| r.block_in + r.block_out),
        shown: true,
        priority: 10,
    },
    Column {
        name: "net",
        title: "NET IN/OUT",
        about: "Bytes received and sent since it started",
        align: Align::Right,
        width: fixed(13),
        text: |row, _| flow(row, |u| (u.net_in, u.net_out)),
        tone: |_| Tone::Plain,
        order: |a, b| flow_order(a, b, |u| u.net_in + u.net_out),
        shown: false,
        priority: 9,
    },
    Column {
        name: "block",
        title: "BLOCK R/W",
        about: "Bytes read from and written to disks since it started",
        align: Align::Right,
        width: fixed(13),
        text: |row, _| flow(row, |u| (u.block_in, u.block_out)),
        tone: |_| Tone::Plain,
        order: |a, b| flow_order(a, b, |u| u.block_in + u.block_out),
        shown: false,
        priority: 10,
    },
    Column {
        name: "pids",
        title: "PIDS",
        about: "Processes and threads",
        align: Align::Right,
        width: fixed(5),
        text: |row, _| figure(row, |u| u.pids).map_or(Cow::Borrowed(""), |n| n.to_string().into()),
        tone: |_| Tone::Plain,
        order: |a, b| figure(a, |u| u.pids).cmp(&figure(b, |u| u.pids)),
        shown: false,
        priority: 13,
    },
    Column {
        name: "ports",
        title: "PORTS",
        about: "Its ports, and where the host publishes them",
        align: Align::Left,
        width: growing(12, 16),
        text: |row, _| ports(row.container).into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.container.ports.cmp(&b.container.ports),
        shown: true,
        priority: 8,
    },
    Column {
        name: "uptime",
        title: "UPTIME",
        about: "How long it has been in its state",
        align: Align::Right,
        width: fixed(6),
        text: uptime,
        tone: |_| Tone::Plain,
        order: |a, b| b.container.since.cmp(&a.container.since),
        shown: true,
        priority: 2,
    },
    Column {
        name: "restarts",
        title: "RST",
        about: "How often the engine restarted it",
        align: Align::Right,
        width: fixed(4),
        text: |row, _| match row.container.restarts {
            Some(count) => count.to_string().into(),
            None => Cow::Borrowed(""),
        },
        tone: restarts_tone,
        order: |a, b| a.container.restarts.cmp(&b.container.restarts),
        shown: true,
        priority: 5,
    },
    Column {
        name: "networks",
        title: "NETWORKS",
        about: "The networks it is attached to",
        align: Align::Left,
        width: growing(8, 16),
        text: |row, _| networks(row.container).into(),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&networks(a.container), &networks(b.container)),
        shown: false,
        priority: 14,
    },
    Column {
        name: "created",
        title: "CREATED",
        about: "How long ago it was created",
        align: Align::Right,
        width: fixed(7),
        text: |row, context| ago(context.now, row.container.created).into(),
        tone: |_| Tone::Faint,
        order: |a, b| b.container.created.cmp(&a.container.created),
        shown: false,
        priority: 15,
    },
    Column {
        name: "id",
        title: "ID",
        about: "The first twelve digits of its id",
        align: Align::Left,
        width: fixed(12),
        text: |row, _| Cow::Borrowed(row.container.id.short()),
        tone: |_| Tone::Faint,
        order: |a, b| a.container.id.cmp(&b.container.id),
        shown: false,
        priority: 16,
    },
];

/// What `is:` asks for.
fn flags(row: &ContainerRow<'_>) -> String {
    let container = row.container;
    let mut flags = vec![container.state.word()];
    if container.trouble().is_some() {
        flags.push("broken");
    }
    if container.state.is_live() {
        flags.push("live");
    }
    if container.health != Health::None {
        flags.push(container.health.word());
    }
    if container.oom_killed == Some(true) {
        flags.push("oom");
    }
    if container.ports.iter().any(|port| port.public.is_some()) {
        flags.push("published");
    }
    if row.host.is_stale() {
        flags.push("stale");
    }
    flags.join(",")
}

fn port_numbers(container: &Container) -> String {
    let mut numbers: Vec<String> = Vec::new();
    for port in &container.ports {
        numbers.push(port.private.to_string());
        numbers.extend(port.public.map(|public| public.to_string()));
    }
    numbers.join(",")
}

impl Row for ContainerRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let container = self.container;
        Some(match key {
            "name" => Cow::Borrowed(&*container.name),
            "app" => Cow::Borrowed(container.app.as_deref()?),
            "service" => Cow::Borrowed(container.service.as_deref()?),
            "image" => Cow::Borrowed(&*container.image),
            "state" => Cow::Borrowed(container.state.word()),
            "health" => Cow::Borrowed(container.health.word()),
            "network" => networks(container).into(),
            "port" => port_numbers(container).into(),
            "id" => Cow::Borrowed(container.id.as_str()),
            "is" => flags(self).into(),
            key => return of_host(self.host, key),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        let usage = usage(self);
        match key {
            "cpu" => usage?.cpu.map(f64::from),
            "mem" | "memory" => Some(usage?.memory as f64),
            "mem%" | "memory%" => usage?.memory_percent().map(f64::from),
            "net" => Some((usage?.net_in + usage?.net_out) as f64),
            "block" => Some((usage?.block_in + usage?.block_out) as f64),
            "net/s" => Some(rate_sum(self, |r| r.net_in + r.net_out)? as f64),
            "block/s" => Some(rate_sum(self, |r| r.block_in + r.block_out)? as f64),
            "pids" => Some(usage?.pids as f64),
            "restarts" => Some(self.container.restarts? as f64),
            "exit" => Some(self.container.exit? as f64),
            "uptime" => {
                let now = self.host.heard?;
                Some((now.as_second() - self.container.since?.as_second()) as f64)
            }
            "age" => {
                let now = self.host.heard?;
                Some((now.as_second() - self.container.created.as_second()) as f64)
            }
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        [
            Some(&*self.container.name),
            Some(self.host.name().as_str()),
            Some(&*self.container.image),
            self.container.app.as_deref(),
            self.container.service.as_deref(),
            Some(self.container.state.word()),
            Some(self.container.health.word()),
            Some(self.container.id.short()),
        ]
        .into_iter()
        .flatten()
        .map(Cow::Borrowed)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name",
            "host",
            "app",
            "service",
            "image",
            "state",
            "health",
            "env",
            "environment",
            "group",
            "network",
            "port",
            "id",
            "is",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &[
            "cpu", "mem", "memory", "mem%", "memory%", "net", "block", "net/s", "block/s", "pids",
            "restarts", "exit", "uptime", "age",
        ]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "state" => &[
                "created",
                "running",
                "paused",
                "restarting",
                "removing",
                "exited",
                "dead",
            ],
            "health" => &["starting", "healthy", "unhealthy"],
            "is" => &[
                "broken",
                "live",
                "healthy",
                "unhealthy",
                "oom",
                "published",
                "stale",
            ],
            _ => &[],
        }
    }
}
