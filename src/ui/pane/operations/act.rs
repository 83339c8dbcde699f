//! One act as a whole: what, what came of it, why, when, who, and target by target.

use crate::{
    model::{Operation, Outcome, span},
    ops::column::{Tone, outcome_tone},
    ui::widget::line::{Ink, Line, field},
};

/// Cells of the names of values.
const LABELS: usize = 11;

/// The lines of an act.
pub fn lines(operation: &Operation, cells: usize) -> Vec<Line> {
    let origin = &operation.origin;
    let told = Told::read(operation);
    let mut lines = Vec::new();
    let mut say = |name: &str, value: &str, ink: Ink| {
        if !value.is_empty() {
            lines.extend(field(name, value, ink, LABELS, cells));
        }
    };
    say(
        "sentence",
        &format!("wharf {}", operation.sentence),
        Ink::Tone(Tone::Accent),
    );
    let ink = Ink::Tone(outcome_tone(&operation.outcome));
    say("outcome", &outcome_text(&operation.outcome, &told), ink);
    say(
        "reason",
        operation.reason.as_deref().unwrap_or("none was given"),
        Ink::PLAIN,
    );
    let began = operation.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let duration = operation
        .duration_ms
        .map(|ms| format!(", took {}", took(ms)))
        .unwrap_or_default();
    say("began", &format!("{began}{duration}"), Ink::PLAIN);
    let by = [&origin.operator, &origin.place, &origin.through].map(String::as_str);
    say(
        "by",
        &by.into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        Ink::PLAIN,
    );
    lines.push(Line::new());
    for (at, target) in operation.targets.iter().enumerate() {
        let (text, ink) = verdict(operation, &told, at, target);
        lines.extend(field(
            if at == 0 { "targets" } else { "" },
            &text,
            ink,
            LABELS,
            cells,
        ));
    }
    lines
}

fn took(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => span(i64::try_from(ms / 1000).unwrap_or(i64::MAX)),
    }
}

/// The word with the numbers, and what is said of no target in particular.
fn outcome_text(outcome: &Outcome, told: &Told) -> String {
    let text = match outcome {
        Outcome::Failed { done, failed, .. } => {
            format!("{}: {done} done, {failed} failed", outcome.word())
        }
        Outcome::Cancelled { done } => format!("{} after {done} were done", outcome.word()),
        Outcome::Done { .. } => outcome.word().to_owned(),
        Outcome::Running | Outcome::Interrupted => outcome.to_string(),
    };
    if told.rest.is_empty() {
        text
    } else {
        format!("{text}\n{}", told.rest)
    }
}

/// What is to be said of a target. It was done only where that is certain.
fn verdict(operation: &Operation, told: &Told, at: usize, target: &str) -> (String, Ink) {
    let said = told.of[at].as_deref();
    let (well, ill) = match &operation.outcome {
        Outcome::Done { .. } => (true, false),
        Outcome::Failed { failed, .. } => {
            let all_told = usize::try_from(*failed)
                .is_ok_and(|failed| failed == told.of.iter().flatten().count());
            (all_told && said.is_none(), said.is_some())
        }
        Outcome::Running | Outcome::Cancelled { .. } | Outcome::Interrupted => (false, false),
    };
    let (sign, ink) = match (well, ill) {
        (true, _) => ("✓", Ink::PLAIN),
        (_, true) => ("✕", Ink::BAD),
        _ => (" ", Ink::PLAIN),
    };
    let text = said.map_or_else(
        || format!("{sign} {target}"),
        |said| format!("{sign} {target}: {said}"),
    );
    (text, ink)
}

/// The detail of an outcome, taken apart again: `web@a, web@b: no such container; x@a: gone`.
struct Told {
    /// What is said of each target.
    of: Vec<Option<String>>,
    /// What is said of none.
    rest: String,
}

impl Told {
    fn read(operation: &Operation) -> Self {
        let detail = match &operation.outcome {
            Outcome::Done { detail } | Outcome::Failed { detail, .. } => detail.as_str(),
            Outcome::Running | Outcome::Cancelled { .. } | Outcome::Interrupted => "",
        };
        let mut of: Vec<Option<String>> = vec![None; operation.targets.len()];
        let mut rest: Vec<&str> = Vec::new();
        let mut latest: Vec<usize> = Vec::new();
        for part in detail.split("; ").filter(|part| !part.is_empty()) {
            if let Some((places, text)) = group(part, &operation.targets) {
                for at in &places {
                    of[*at] = Some(text.to_owned());
                }
                latest = places;
            } else if latest.is_empty() {
                rest.push(part);
            } else {
                // A semicolon within what is said of the targets before.
                for at in &latest {
                    let before = of[*at].take().unwrap_or_default();
                    of[*at] = Some(format!("{before}; {part}"));
                }
            }
        }
        Self {
            of,
            rest: rest.join("; "),
        }
    }
}

/// The places of the targets that a part begins with, and what is said of them.
fn group<'d>(part: &'d str, targets: &[String]) -> Option<(Vec<usize>, &'d str)> {
    let (names, text) = part.split_once(": ")?;
    let names = names
        .rsplit_once(" and ")
        .filter(|(_, more)| more.ends_with(" more"))
        .map_or(names, |(names, _)| names);
    let places: Option<Vec<usize>> = names
        .split(", ")
        .map(|name| targets.iter().position(|target| target == name))
        .collect();
    Some((places?, text))
}
