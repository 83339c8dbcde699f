//! What is known of one volume: who uses it, where it is, what it was made with, its last backup.

use std::collections::BTreeMap;

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::{Host, Timestamp, Volume, ago, bytes},
    ui::{
        look::Look,
        widget::{
            line::{Ink, Line, draw as draw_lines, field, heading},
            place,
        },
    },
};

/// Cells of the names of values.
const LABELS: usize = 11;

/// Draws it.
pub fn draw(
    host: &Host,
    volume: &Volume,
    now: Timestamp,
    look: &Look,
    buffer: &mut Buffer,
    area: Rect,
) {
    let (title, body) = place::above(place::inset(area), 1);
    let cells = usize::from(body.width);
    let made = volume
        .created
        .map_or_else(String::new, |at| format!("made {} ago", ago(now, at)));
    heading(&format!("{}@{}", volume.name, host.name()), &made, cells).draw(look, buffer, title);
    draw_lines(&lines(host, volume, now, cells), look, buffer, body);
}

fn lines(host: &Host, volume: &Volume, now: Timestamp, cells: usize) -> Vec<Line> {
    let users: Vec<String> = volume
        .users(host)
        .iter()
        .map(|one| format!("{} ({})", one.name, one.state.word()))
        .collect();
    let (used, ink) = match (users.is_empty(), volume.references) {
        (false, _) => (users.join(", "), Ink::PLAIN),
        (true, Some(count @ 1..)) => (format!("{count} containers"), Ink::PLAIN),
        (true, _) => ("nobody".to_owned(), Ink::FAINT),
    };
    let (backup, backup_ink) = match volume.backup {
        Some(at) => (format!("{} ago", ago(now, at)), Ink::PLAIN),
        None => (
            "never, as far as the directories of wharf.toml tell".to_owned(),
            Ink::WARN,
        ),
    };
    let size = volume.size.map_or_else(|| "not known".to_owned(), bytes);
    let mut lines = Vec::new();
    let mut fact = |label, value: &str, ink| {
        if !value.is_empty() {
            lines.extend(field(label, value, ink, LABELS, cells).into_iter().take(1));
        }
    };
    fact("used by", &used, ink);
    fact("backup", &backup, backup_ink);
    fact("size", &size, Ink::PLAIN);
    fact("mountpoint", &volume.mountpoint, Ink::PLAIN);
    fact("options", &pairs(&volume.options), Ink::PLAIN);
    fact("labels", &pairs(&volume.labels), Ink::FAINT);
    lines
}

fn pairs(map: &BTreeMap<Box<str>, Box<str>>) -> String {
    let pairs: Vec<String> = map
        .iter()
        .map(|(key, value)| match &**value {
            "" => key.to_string(),
            value => format!("{key}={value}"),
        })
        .collect();
    pairs.join("  ")
}
