//! The last acts, at the foot of the overview.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::{Fleet, Operation, Timestamp},
    ops::column::{Tone, outcome_tone},
    ui::{
        look::{Look, width},
        widget::line::{Ink, Line, draw as draw_lines, heading},
    },
};

/// How many acts are shown in a pane of that many rows.
pub fn rows(fleet: &Fleet, height: u16) -> u16 {
    let room = match height {
        0..14 => 0,
        14..22 => 3,
        22..32 => 5,
        32.. => 10,
    };
    u16::try_from(fleet.operations().take(10).count())
        .unwrap_or(0)
        .clamp(1, room.max(1))
}

/// Draws the heading and as many acts as fit.
pub fn draw(fleet: &Fleet, look: &Look, buffer: &mut Buffer, area: Rect) {
    if area.height < 2 {
        return;
    }
    let cells = usize::from(area.width);
    let title = heading("Last operations", "(UTC)", cells);
    let shown: Vec<&Operation> = fleet
        .operations()
        .take(usize::from(area.height) - 1)
        .collect();
    let mut lines = vec![title];
    if shown.is_empty() {
        lines.push(Line::of(
            "None yet. What is done here or with `wharf` in a shell is kept.",
            Ink::FAINT,
        ));
    }
    let longest =
        |of: fn(&Operation) -> &str| shown.iter().map(|one| width(of(one))).max().unwrap_or(0);
    let operator = longest(|one| &one.origin.operator).min(14);
    let first = shown.iter().any(|one| !same_day(one.at, fleet.now));
    let time = if first { 11 } else { 8 };
    let sentence = time + 2 + operator + 2;
    let outcome =
        sentence + longest(|one| &one.sentence).min(cells.saturating_sub(sentence) * 6 / 10) + 2;
    lines.extend(shown.iter().map(|one| {
        let form = if first { "%m-%d %H:%M" } else { "%H:%M:%S" };
        Line::of(&one.at.strftime(form).to_string(), Ink::FAINT)
            .at(time + 2, &one.origin.operator, Ink::PLAIN)
            .at(sentence, &one.sentence, Ink::Tone(Tone::Accent))
            .at(
                outcome,
                &one.outcome.to_string(),
                Ink::Tone(outcome_tone(&one.outcome)),
            )
    }));
    draw_lines(&lines, look, buffer, area);
}

fn same_day(a: Timestamp, b: Timestamp) -> bool {
    a.as_second().div_euclid(86_400) == b.as_second().div_euclid(86_400)
}
