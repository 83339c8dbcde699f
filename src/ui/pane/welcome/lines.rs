//! The lines of the first start: what was found, by kind, and what to press.

use super::{Welcome, obstacle};
use crate::{
    model::{
        Fleet,
        found::{Answer, Candidate, Found, Kind},
    },
    ui::{
        look::width,
        widget::line::{Ink, Line, heading, wrap},
    },
};

/// How wide a name may be before it pushes what is behind it.
const NAME: usize = 24;

/// All lines, and the line of each candidate.
pub(super) fn lines(welcome: &Welcome, fleet: &Fleet, cells: usize) -> (Vec<Line>, Vec<usize>) {
    let Some(found) = &welcome.found else {
        return (
            vec![Line::of("Looking what is here …", Ink::FAINT)],
            Vec::new(),
        );
    };
    let mut lines: Vec<Line> = wrap(&opening(found), cells)
        .iter()
        .map(|text| Line::of(text, Ink::PLAIN))
        .collect();
    let mut places = Vec::new();
    for kind in [Kind::Engine, Kind::Context, Kind::Alias] {
        let (title, more) = title(kind, found);
        if kind != Kind::Engine {
            lines.push(Line::new());
        }
        lines.push(heading(title, &more, cells));
        let mut is_empty = true;
        for (at, candidate) in found.candidates.iter().enumerate() {
            if candidate.kind == kind {
                is_empty = false;
                places.push(lines.len());
                lines.extend(row(welcome, at, candidate, fleet, cells));
            }
        }
        if is_empty {
            lines.extend(nothing(kind, found, cells));
        }
    }
    lines.push(Line::new());
    lines.push(heading("What to press", "", cells));
    // Nothing can be chosen where there is nothing.
    let skipped = if found.candidates.is_empty() { 2 } else { 0 };
    let keys = welcome.keys.iter().skip(skipped);
    let widest = welcome.keys.iter().map(|(keys, _)| width(keys)).max();
    let widest = widest.unwrap_or(0);
    for (keys, about) in keys {
        lines.push(Line::of(keys, Ink::Label).at(widest + 2, about, Ink::PLAIN));
    }
    (lines, places)
}

fn opening(found: &Found) -> String {
    let (file, is_there) = &found.file;
    let file = if *is_there {
        format!("What is chosen here is added to {file}.")
    } else {
        format!("There is no {file} yet.")
    };
    format!("{file} This was found here, without asking the network for anything.")
}

fn title(kind: Kind, found: &Found) -> (&'static str, String) {
    let count = found
        .candidates
        .iter()
        .filter(|one| one.kind == kind)
        .count();
    let counted = |more: &str| match count {
        0 => String::new(),
        count => format!("{count}{more}"),
    };
    match kind {
        Kind::Engine => ("Engines of this machine", counted("")),
        Kind::Context => ("Docker contexts", counted("")),
        Kind::Alias => (
            "Hosts of ~/.ssh/config",
            counted(", not asked; patterns are left out"),
        ),
    }
}

/// What is said where nothing was found: where it would have been.
fn nothing(kind: Kind, found: &Found, cells: usize) -> Vec<Line> {
    let (rest, ssh) = found.places.split_at(found.places.len().saturating_sub(1));
    let (sockets, contexts) = rest.split_at(rest.len().saturating_sub(1));
    let text = match kind {
        Kind::Engine => format!("none: there is no socket at {}", sockets.join(", ")),
        Kind::Context => format!("none in {}", contexts.join("")),
        Kind::Alias => format!("none: no Host without wildcards in {}", ssh.join("")),
    };
    let lines = wrap(&text, cells.saturating_sub(2));
    lines
        .iter()
        .map(|text| Line::new().at(2, text, Ink::FAINT))
        .collect()
}

/// The lines of a candidate; what it is chosen by is the first.
fn row(
    welcome: &Welcome,
    at: usize,
    candidate: &Candidate,
    fleet: &Fleet,
    cells: usize,
) -> Vec<Line> {
    let obstacle = obstacle(candidate, fleet);
    let tick = match obstacle {
        Some(_) => "   ",
        None if welcome.list.is_marked(&at) => "[x]",
        None => "[ ]",
    };
    let line = Line::of(tick, Ink::PLAIN).at(4, &candidate.name, Ink::PLAIN);
    let others = || {
        welcome
            .candidates()
            .iter()
            .filter(|one| one.kind != Kind::Alias)
    };
    let names = others()
        .map(|one| width(&one.name))
        .max()
        .unwrap_or(0)
        .min(NAME);
    let behind = 4 + names + 2;
    if let (Some(why), Kind::Alias) = (obstacle, candidate.kind) {
        return vec![line.then("  ", Ink::FAINT).then(why, Ink::FAINT)];
    }
    if candidate.kind == Kind::Alias {
        return vec![line];
    }
    let endpoints = others().map(|one| width(&one.endpoint.to_string()));
    let answered = behind + endpoints.max().unwrap_or(0) + 2;
    let line = line.at(behind, &candidate.endpoint.to_string(), Ink::FAINT);
    let (answer, ink) = match (obstacle, &candidate.answer) {
        (Some(why), _) => (why.to_owned(), Ink::FAINT),
        (None, Answer::NotAsked) => return vec![line],
        (None, Answer::Asked) => ("asking …".to_owned(), Ink::BUSY),
        (None, Answer::Here(engine)) => (format!("● {engine}"), Ink::GOOD),
        (None, Answer::Silent(trouble)) => (
            format!("✕ {}; {}", trouble.reason, trouble.remedy),
            Ink::BAD,
        ),
    };
    if answered + width(&answer) <= cells {
        return vec![line.at(answered, &answer, ink)];
    }
    // What does not fit beside it stands below, whole.
    let below = wrap(&answer, cells.saturating_sub(behind));
    let below = below.iter().map(|text| Line::new().at(behind, text, ink));
    std::iter::once(line).chain(below).collect()
}
