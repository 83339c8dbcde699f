//! The other tabs as lines: environment, mounts and networks, health, processes, changes, JSON.

use serde_json::Value;

use super::{
    Brought, Processes,
    facts::{Check, Facts, Mount, Round, duration},
    secret,
};
use crate::{
    model::{MASK, Timestamp, ago, redact},
    ui::{
        look::width,
        widget::line::{Ink, Line, field, heading, wrap},
    },
};

/// Cells of the names of values.
const LABELS: usize = 15;

/// Says that something could not be had.
pub fn failed(what: &str, why: &str, cells: usize) -> Vec<Line> {
    let text = format!("{what} could not be had: {why}. It is tried again by itself.");
    wrap(&text, cells)
        .iter()
        .map(|line| Line::of(line, Ink::BAD))
        .collect()
}

/// The environment, masked by rule until it is revealed.
pub fn env(facts: &Facts, revealed: bool, cells: usize) -> Vec<Line> {
    if facts.env.is_empty() {
        return vec![Line::of("It has no variables of its own.", Ink::FAINT)];
    }
    let longest = facts
        .env
        .iter()
        .map(|(key, _)| width(key))
        .max()
        .unwrap_or(0);
    let labels = longest.min(cells / 3).clamp(8, 40) + 2;
    let mut masked = 0;
    let mut lines = Vec::new();
    for (key, value) in &facts.env {
        let plain = value.as_deref().unwrap_or("");
        let shown = if revealed {
            plain.into()
        } else {
            secret::value(key, plain)
        };
        masked += usize::from(shown != plain);
        let ink = if shown == plain {
            Ink::PLAIN
        } else {
            Ink::WARN
        };
        lines.extend(named(key, &shown, ink, labels, cells));
    }
    let note = match (revealed, masked) {
        (true, _) => "Values are shown as they are.".to_owned(),
        (false, 0) => "No value looks like a secret.".to_owned(),
        (false, 1) => {
            format!(
                "1 value looks like a secret and is masked ({MASK}); :reveal shows it, which is recorded."
            )
        }
        (false, many) => {
            format!(
                "{many} values look like secrets and are masked ({MASK}); :reveal shows them, which is recorded."
            )
        }
    };
    let head = wrap(&format!("{} variables. {note}", facts.env.len()), cells);
    let head = head.iter().map(|line| Line::of(line, Ink::FAINT));
    head.chain([Line::new()]).chain(lines).collect()
}

/// A named value; a name too long for its place has a line of its own.
fn named(key: &str, value: &str, ink: Ink, labels: usize, cells: usize) -> Vec<Line> {
    if width(key) + 1 < labels {
        return field(key, value, ink, labels, cells);
    }
    let mut lines: Vec<Line> = wrap(key, cells)
        .iter()
        .map(|line| Line::of(line, Ink::Label))
        .collect();
    lines.extend(field("", value, ink, labels, cells));
    lines
}

/// Mounts, ports, networks and labels.
pub fn places(facts: &Facts, cells: usize) -> Vec<Line> {
    let mut lines = vec![heading("Mounts", &facts.mounts.len().to_string(), cells)];
    if facts.mounts.is_empty() {
        let text = "None: what it writes is lost with it.";
        lines.push(Line::of(text, Ink::FAINT));
    }
    lines.extend(facts.mounts.iter().flat_map(|one| mount(one, cells)));
    lines.push(Line::new());
    lines.push(heading("Ports", &facts.ports.len().to_string(), cells));
    if facts.ports.is_empty() {
        lines.push(Line::of("None is exposed or published.", Ink::FAINT));
    }
    lines.extend(facts.ports.iter().map(|port| Line::of(port, Ink::PLAIN)));
    lines.push(Line::new());
    lines.extend(networks(facts, cells));
    lines.push(Line::new());
    lines.push(heading("Labels", &facts.labels.len().to_string(), cells));
    let names = (cells / 2).min(42);
    for (key, value) in &facts.labels {
        let value = secret::value(key, value);
        lines.extend(named(key, &value, Ink::PLAIN, names, cells));
    }
    lines
}

fn mount(mount: &Mount, cells: usize) -> Vec<Line> {
    let rights = if mount.writable {
        "read and write"
    } else {
        "read-only"
    };
    let more = [rights, &mount.more].join(", ");
    let more = more.trim_end_matches(", ");
    let (kind, inside) = (&mount.kind, &mount.destination);
    let mut lines = field(kind, inside, Ink::PLAIN, LABELS, cells);
    if !mount.source.is_empty() {
        let outside = field("  from", &mount.source, Ink::PLAIN, LABELS, cells);
        lines.extend(outside);
    }
    lines.extend(field("", more, Ink::FAINT, LABELS, cells));
    lines
}

fn networks(facts: &Facts, cells: usize) -> Vec<Line> {
    let mut lines = vec![heading(
        "Networks",
        &facts.networks.len().to_string(),
        cells,
    )];
    if facts.networks.is_empty() {
        let mode = if facts.network_mode.is_empty() {
            "none"
        } else {
            &facts.network_mode
        };
        lines.push(Line::of(
            &format!("None of its own (mode {mode})."),
            Ink::FAINT,
        ));
    }
    for one in &facts.networks {
        let addresses = if one.addresses.is_empty() {
            "no address now".to_owned()
        } else {
            one.addresses.join(", ")
        };
        lines.extend(named(
            &one.network,
            &addresses,
            Ink::PLAIN,
            LABELS + 10,
            cells,
        ));
        let fields = [
            ("gateway", &one.gateway),
            ("mac", &one.mac),
            ("names", &one.aliases.join(", ")),
        ];
        let known = fields.into_iter().filter(|(_, value)| !value.is_empty());
        lines.extend(known.flat_map(|(name, value)| {
            field(&format!("  {name}"), value, Ink::FAINT, LABELS + 10, cells)
        }));
    }
    lines
}

/// How health is checked, and the log of checks, newest first.
pub fn health(facts: &Facts, now: Timestamp, cells: usize) -> Vec<Line> {
    let Some(check) = &facts.check else {
        let advice =
            "A HEALTHCHECK in its image, or one in its Compose file, lets the engine watch it.";
        let advice = wrap(advice, cells);
        let advice = advice.iter().map(|line| Line::of(line, Ink::FAINT));
        return [Line::of("It has no health check.", Ink::PLAIN)]
            .into_iter()
            .chain(advice)
            .collect();
    };
    let mut lines = health_head(check, cells);
    lines.push(Line::new());
    let count = format!("the last {}", check.rounds.len());
    lines.push(heading("Checks", &count, cells));
    if check.rounds.is_empty() {
        lines.push(Line::of("None has ended yet.", Ink::FAINT));
    }
    lines.extend(check.rounds.iter().flat_map(|one| round(one, now, cells)));
    lines
}

/// One check: a line, and what it printed.
fn round(round: &Round, now: Timestamp, cells: usize) -> Vec<Line> {
    let (word, ink, code) = match round.exit {
        0 => ("✓ passed", Ink::GOOD, String::new()),
        code => ("✕ failed", Ink::BAD, format!("exit {code}")),
    };
    let (clock, age) = round.start.map_or_else(Default::default, |at| {
        let clock = at.strftime("%H:%M:%S").to_string();
        (clock, format!("{} ago", ago(now, at)))
    });
    let took = round.took_ms.map(|ms| format!("took {}", duration(ms)));
    let head = Line::of(word, ink)
        .at(10, &clock, Ink::PLAIN)
        .at(20, &age, Ink::FAINT)
        .at(34, &took.unwrap_or_default(), Ink::FAINT)
        .at(48, &code, ink);
    let output = redact(&round.output);
    let said = output
        .lines()
        .flat_map(|line| wrap(line, cells.saturating_sub(10)))
        .map(|line| Line::new().at(10, &line, Ink::PLAIN));
    [head].into_iter().chain(said).collect()
}

fn health_head(check: &Check, cells: usize) -> Vec<Line> {
    let ink = match check.status.as_str() {
        "healthy" => Ink::GOOD,
        "unhealthy" => Ink::BAD,
        _ => Ink::BUSY,
    };
    let status = match check.failing {
        0 => check.status.clone(),
        1 => format!("{}; the last check failed", check.status),
        many => format!("{}; the last {many} checks failed", check.status),
    };
    let mut lines = field("Health", &status, ink, LABELS, cells);
    if !check.test.is_empty() {
        lines.extend(field(
            "Test",
            &secret::words(&check.test).join(" "),
            Ink::PLAIN,
            LABELS,
            cells,
        ));
    }
    let timing: Vec<String> = check
        .timing
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    if !timing.is_empty() {
        lines.extend(field(
            "Timing",
            &timing.join(", "),
            Ink::PLAIN,
            LABELS,
            cells,
        ));
    }
    lines
}

/// The processes as a table; the last column takes what is left.
pub fn processes(processes: &Brought<Processes>, runs: bool, cells: usize) -> Vec<Line> {
    if !runs {
        return vec![Line::of(
            "It does not run: it has no processes.",
            Ink::FAINT,
        )];
    }
    let (titles, all) = match processes {
        Brought::Waiting => {
            return vec![Line::of("Waiting for the list of processes…", Ink::FAINT)];
        }
        Brought::Failed(why) => return failed("The list of processes", why, cells),
        Brought::Here((titles, all)) => (titles, all),
    };
    let wide: Vec<usize> = (0..titles.len())
        .map(|at| {
            let cell = |one: &crate::model::Process| one.0.get(at).map_or(0, |text| width(text));
            all.iter()
                .map(cell)
                .max()
                .unwrap_or(0)
                .max(width(&titles[at]))
                .min(24)
        })
        .collect();
    let row = |texts: &[Box<str>], ink: Ink| {
        let mut x = 0;
        let mut line = Line::new();
        for (at, text) in texts.iter().enumerate() {
            line = line.at(x, &redact(text), ink);
            x += wide.get(at).copied().unwrap_or(0) + 2;
        }
        line
    };
    let mut lines = vec![row(titles, Ink::Label)];
    lines.extend(all.iter().map(|one| row(&one.0, Ink::PLAIN)));
    lines
}

/// The files that differ from the image.
pub fn changes(changes: &Brought<Vec<(char, Box<str>)>>, cells: usize) -> Vec<Line> {
    let all = match changes {
        Brought::Waiting => {
            return vec![Line::of(
                "Waiting for the list of changed files…",
                Ink::FAINT,
            )];
        }
        Brought::Failed(why) => return failed("The list of changed files", why, cells),
        Brought::Here(all) => all,
    };
    if all.is_empty() {
        return vec![Line::of("Nothing differs from its image.", Ink::FAINT)];
    }
    let count = |kind| all.iter().filter(|(one, _)| *one == kind).count();
    let head = format!(
        "{} paths differ from its image: {} added, {} changed, {} deleted.",
        all.len(),
        count('A'),
        count('C'),
        count('D')
    );
    let mut lines = vec![Line::of(&head, Ink::FAINT), Line::new()];
    for (kind, path) in all {
        let (word, ink) = match kind {
            'A' => ("added", Ink::GOOD),
            'C' => ("changed", Ink::WARN),
            'D' => ("deleted", Ink::BAD),
            _ => ("other", Ink::FAINT),
        };
        let rest = wrap(path, cells.saturating_sub(10));
        for (at, piece) in rest.iter().enumerate() {
            let line = if at == 0 {
                Line::of(word, ink)
            } else {
                Line::new()
            };
            lines.push(line.at(10, piece, Ink::PLAIN));
        }
    }
    lines
}

/// The inspection as it came, with its secrets masked until they are revealed.
pub fn raw(json: &Value, revealed: bool, cells: usize) -> Vec<Line> {
    let masked;
    let shown = if revealed {
        json
    } else {
        masked = secret::json(json);
        &masked
    };
    let text = serde_json::to_string_pretty(shown).unwrap_or_else(|error| error.to_string());
    let mut lines = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let indent = indent.min(cells / 2);
        let mut from = indent;
        for (at, piece) in wrap(line.trim_start(), cells - indent - 2)
            .iter()
            .enumerate()
        {
            lines.push(Line::new().at(from, piece, Ink::PLAIN));
            if at == 0 {
                from += 2;
            }
        }
    }
    lines
}
