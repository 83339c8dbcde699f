//! What is known of one host: the way to it and why it is closed, its engine, its disk.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::{DiskUsage, EngineInfo, Host, Link, Product, Timestamp, Trouble, ago, bytes, span},
    ops::column::link_tone,
    ui::{
        look::Look,
        widget::{
            bar,
            line::{self, Ink, Line, field, heading},
            place,
        },
    },
};

/// Cells of the names of values.
const LABELS: usize = 12;

/// Cells of a bar.
const BAR: usize = 20;

/// With fewer cells there is one column of facts.
const WIDE: u16 = 100;

/// How many rows the reasons of an offline host take.
pub fn offline_rows(host: &Host, width: u16) -> u16 {
    let cells = usize::from(width).saturating_sub(2);
    let lines = host
        .link
        .trouble()
        .map_or(0, |trouble| trouble_lines(trouble, cells).len());
    // With the heading and the line that tells the state.
    u16::try_from(lines + 2).unwrap_or(u16::MAX)
}

/// Draws what is known of a host.
pub fn draw(host: &Host, now: Timestamp, look: &Look, buffer: &mut Buffer, area: Rect) {
    let (title, body) = place::above(place::inset(area), 1);
    let cells = usize::from(body.width);
    let endpoint = host.spec.endpoint.to_string();
    heading(host.name().as_str(), &endpoint, cells).draw(look, buffer, title);
    let mut lines = vec![state(host, now)];
    if let Some(trouble) = host.link.trouble() {
        lines.extend(trouble_lines(trouble, cells));
    }
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let (upper, rest) = place::above(body, rows);
    line::draw(&lines, look, buffer, upper);
    if rest.width >= WIDE {
        let (left, right) = place::left(rest, rest.width / 2 - 2, 4);
        line::draw(&facts(host, usize::from(left.width)), look, buffer, left);
        line::draw(&usage(host, now, look), look, buffer, right);
    } else {
        let facts = facts(host, cells);
        line::draw(
            facts.iter().chain(&usage(host, now, look)),
            look,
            buffer,
            rest,
        );
    }
}

/// The state of the link with its times: `● online for 3h, over ssh, answered in 12 ms`.
fn state(host: &Host, now: Timestamp) -> Line {
    let ink = Ink::Tone(link_tone(&host.link));
    let mut line = Line::of("link", Ink::Label).at(LABELS, host.link.word(), ink);
    let since = match &host.link {
        Link::Connecting { since }
        | Link::Online { since }
        | Link::Offline { since, .. }
        | Link::Installing { since } => Some(*since),
        Link::Unknown | Link::InstallFailed { .. } => None,
    };
    if let Some(since) = since {
        line = line.then(&format!(" for {}", ago(now, since)), Ink::PLAIN);
    }
    if let Link::Offline { next_try, .. } = &host.link {
        let text = match next_try {
            Some(at) if *at > now => {
                format!("; next try in {}", span(at.as_second() - now.as_second()))
            }
            Some(_) => format!("; trying again now{}", opening(host)),
            None => "; not tried again until you do something".into(),
        };
        return line.then(&text, Ink::FAINT);
    }
    if let Link::Connecting { .. } = &host.link {
        return line.then(&opening(host), Ink::FAINT);
    }
    if let Some(way) = host.way {
        line = line.then(&format!(", over {}", way.word()), Ink::FAINT);
    }
    if let Some(ms) = host.latency_ms.filter(|_| host.link.is_online()) {
        line = line.then(&format!(", answered in {ms:.0} ms"), Ink::FAINT);
    }
    line
}

/// How far the opening of the way has come: `: looking for the engine`.
fn opening(host: &Host) -> String {
    let step = host.opening.as_ref();
    step.map_or_else(String::new, |step| format!(": {step}"))
}

fn trouble_lines(trouble: &Trouble, cells: usize) -> Vec<Line> {
    let mut lines = field("reason", &trouble.reason, Ink::BAD, LABELS, cells);
    lines.extend(field("remedy", &trouble.remedy, Ink::PLAIN, LABELS, cells));
    for (at, raw) in trouble.raw.iter().enumerate() {
        lines.extend(field(
            if at == 0 { "it said" } else { "" },
            raw,
            Ink::FAINT,
            LABELS,
            cells,
        ));
    }
    lines
}

/// Engine, system and configuration.
fn facts(host: &Host, cells: usize) -> Vec<Line> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    if let Some(engine) = &host.engine {
        fields.push(("engine", engine_text(engine)));
        fields.push(("system", system_text(engine)));
        fields.push(("machine", machine_text(engine)));
        fields.push(("storage", storage_text(engine)));
        fields.extend(
            engine
                .warnings
                .iter()
                .map(|warning| ("warning", warning.clone())),
        );
    }
    let environment = match (host.environment(), host.spec.read_only) {
        ("", true) => "none, read-only".to_owned(),
        ("", false) => String::new(),
        (name, true) => format!("{name}, read-only"),
        (name, false) => name.to_owned(),
    };
    fields.push(("environment", environment));
    fields.push(("groups", host.spec.groups.join(", ")));
    fields.push(("said in", host.spec.source.to_string()));
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .flat_map(|(name, value)| {
            let ink = if name == "warning" {
                Ink::WARN
            } else {
                Ink::PLAIN
            };
            field(name, &value, ink, LABELS, cells)
        })
        .collect()
}

fn engine_text(engine: &EngineInfo) -> String {
    let product = match engine.product {
        Product::Docker => "Docker",
        Product::Podman => "Podman",
    };
    let cgroup = match engine.cgroup_version {
        0 => String::new(),
        version => format!(", cgroup v{version}"),
    };
    format!("{product} {}, API {}{cgroup}", engine.version, engine.api)
}

fn system_text(engine: &EngineInfo) -> String {
    let parts = [&engine.os, &engine.kernel, &engine.arch];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn machine_text(engine: &EngineInfo) -> String {
    let hostname = if engine.hostname.is_empty() {
        String::new()
    } else {
        format!("{}, ", engine.hostname)
    };
    format!(
        "{hostname}{} cpus, {} memory",
        engine.cpus,
        bytes(engine.memory)
    )
}

fn storage_text(engine: &EngineInfo) -> String {
    match (engine.storage_driver.as_str(), engine.root_dir.as_str()) {
        (driver, "") => driver.to_owned(),
        ("", root) => root.to_owned(),
        (driver, root) => format!("{driver} in {root}"),
    }
}

/// Load of the host, and what Docker occupies on its disk.
fn usage(host: &Host, now: Timestamp, look: &Look) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(load) = &host.load {
        let cpus = host.engine.as_ref().map(|engine| engine.cpus);
        let text = match (load.cpu, cpus) {
            (None, _) => "…".to_owned(),
            (Some(_), Some(cpus)) => format!("of {cpus} cpus"),
            (Some(_), None) => String::new(),
        };
        lines.push(gauge("cpu", load.cpu, &text, look));
        let text = format!("{} of {}", bytes(load.memory), bytes(load.memory_total));
        lines.push(gauge("memory", load.memory_percent(), &text, look));
        let text = format!("{} of {}", bytes(load.disk), bytes(load.disk_total));
        lines.push(gauge("disk", load.disk_percent(), &text, look));
        let age = now.as_second() - load.at.as_second();
        if age > 30 {
            lines.push(Line::new().at(LABELS, &format!("as it was {} ago", span(age)), Ink::Stale));
        }
    } else if host.link.is_online() {
        lines.push(Line::of("load", Ink::Label).at(LABELS, "not known", Ink::FAINT));
    }
    match &host.disk {
        Some(disk) => lines.extend(df(disk)),
        None if host.link.is_online() => {
            lines.push(Line::of("docker", Ink::Label).at(
                LABELS,
                "its use of the disk is being asked for",
                Ink::FAINT,
            ));
        }
        None => {}
    }
    lines
}

fn gauge(name: &str, percent: Option<f32>, text: &str, look: &Look) -> Line {
    let line = Line::of(name, Ink::Label);
    let Some(percent) = percent else {
        return line.at(LABELS, text, Ink::FAINT);
    };
    let (full, empty) = bar::gauge(percent, BAR, look);
    let ink = match percent {
        90.0.. => Ink::BAD,
        80.0.. => Ink::WARN,
        _ => Ink::BUSY,
    };
    line.at(LABELS, &full, ink)
        .then(&empty, Ink::FAINT)
        .at(LABELS + BAR + 1, &format!("{percent:>3.0}%"), ink)
        .at(LABELS + BAR + 7, text, Ink::PLAIN)
}

/// What Docker occupies, part by part, and what can be freed.
fn df(disk: &DiskUsage) -> Vec<Line> {
    let rows = [
        ("images", disk.layers, disk.images_reclaimable),
        ("containers", disk.containers, disk.containers_reclaimable),
        ("volumes", disk.volumes, disk.volumes_reclaimable),
        (
            "build cache",
            disk.build_cache,
            disk.build_cache_reclaimable,
        ),
        ("together", disk.total(), disk.reclaimable()),
    ];
    rows.into_iter()
        .map(|(name, used, free)| {
            let line =
                Line::of(name, Ink::Label).at(LABELS, &format!("{:>6}", bytes(used)), Ink::PLAIN);
            if free == 0 {
                line
            } else {
                line.at(
                    LABELS + 8,
                    &format!("{:>6} can be freed", bytes(free)),
                    Ink::FAINT,
                )
            }
        })
        .collect()
}
