//! Two runs beside each other: what they were given, step by step how they went, what their tests said.

use std::collections::BTreeSet;

use crate::{
    model::{
        Timestamp,
        pipeline::{Run, RunHeld, Status, StepName, StepRun},
    },
    ops::column::{status_glyph, status_tone, took},
    ui::widget::line::{Ink, Line, heading},
};

/// Lines of two runs beside each other, the older at the left.
struct Pair {
    lines: Vec<Line>,
    /// Where the left and the right value begin.
    at: (usize, usize),
    cells: usize,
}

impl Pair {
    fn row(&mut self, name: &str, left: (&str, Ink), right: (&str, Ink)) {
        let mark = if left.0 == right.0 { " " } else { "!" };
        let line = Line::of(mark, Ink::WARN)
            .at(2, name, Ink::Label)
            .at(self.at.0, left.0, left.1)
            .at(self.at.1, right.0, right.1);
        self.lines.push(line);
    }

    fn plain(&mut self, name: &str, left: &str, right: &str) {
        self.row(name, (left, Ink::PLAIN), (right, Ink::PLAIN));
    }

    fn head(&mut self, title: &str, more: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::new());
        }
        self.lines.push(heading(title, more, self.cells));
    }
}

/// The lines of two runs.
pub fn lines(a: &RunHeld, b: &RunHeld, now: Timestamp, ascii: bool, cells: usize) -> Vec<Line> {
    let (a, b) = if a.run.number <= b.run.number {
        (&a.run, &b.run)
    } else {
        (&b.run, &a.run)
    };
    let names = (cells / 4).clamp(14, 30);
    let each = cells.saturating_sub(names) / 2;
    let mut pair = Pair {
        lines: Vec::new(),
        at: (names, names + each),
        cells,
    };
    of_runs(&mut pair, a, b, now, ascii);
    of_variables(&mut pair, a, b);
    of_steps(&mut pair, a, b, now, ascii);
    of_tests(&mut pair, a, b);
    pair.lines
}

fn state(status: Status, milliseconds: Option<u64>, ascii: bool) -> (String, Ink) {
    let glyph = status_glyph(status, ascii);
    let took = milliseconds.map(|ms| format!(" {}", took(ms)));
    let text = format!("{glyph} {}{}", status.word(), took.unwrap_or_default());
    (text, Ink::Tone(status_tone(status)))
}

fn of_runs(pair: &mut Pair, a: &Run, b: &Run, now: Timestamp, ascii: bool) {
    pair.head("Runs", "! is where they differ");
    let title = |run: &Run| format!("{} {}", run.number, run.name());
    let (left, right) = (title(a), title(b));
    let title = Line::new()
        .at(pair.at.0, &left, Ink::Title)
        .at(pair.at.1, &right, Ink::Title);
    pair.lines.push(title);
    let (left, right) = (
        state(a.status, a.milliseconds(now), ascii),
        state(b.status, b.milliseconds(now), ascii),
    );
    pair.row("status", (&left.0, left.1), (&right.0, right.1));
    pair.plain("cause", &a.cause.to_string(), &b.cause.to_string());
    pair.plain("by", &a.by, &b.by);
    let host = |run: &Run| run.host.as_ref().map_or(String::new(), ToString::to_string);
    pair.plain("host", &host(a), &host(b));
    pair.plain("detail", &a.detail, &b.detail);
}

fn of_variables(pair: &mut Pair, a: &Run, b: &Run) {
    let names: BTreeSet<&String> = a.variables.keys().chain(b.variables.keys()).collect();
    let value = |run: &Run, name: &String| run.variables.get(name).cloned().unwrap_or_default();
    let differ = |name: &&&String| a.variables.get(**name) != b.variables.get(**name);
    let count = names.iter().filter(differ).count();
    let more = match (names.len(), count) {
        (0, _) => "there are none".to_owned(),
        (all, 0) => format!("all {all} are the same"),
        (all, count) => format!("{count} of {all} differ"),
    };
    pair.head("Variables", &more);
    for name in names.iter().filter(differ) {
        pair.plain(name, &value(a, name), &value(b, name));
    }
}

fn of_steps(pair: &mut Pair, a: &Run, b: &Run, now: Timestamp, ascii: bool) {
    pair.head("Steps", "");
    let only = b.steps.iter().filter(|step| a.step(&step.name).is_none());
    let names: Vec<&StepName> = a.steps.iter().chain(only).map(|step| &step.name).collect();
    for name in names {
        let of = |run: &Run| -> (Option<Status>, String, Ink) {
            run.step(name).map_or_else(
                || (None, "not there".to_owned(), Ink::FAINT),
                |step| {
                    let (text, ink) = state(step.status, step.milliseconds(now), ascii);
                    (Some(step.status), text, ink)
                },
            )
        };
        let (left, right) = (of(a), of(b));
        // That one took a little longer is no difference.
        let mark = if left.0 == right.0 { " " } else { "!" };
        let line = Line::of(mark, Ink::WARN)
            .at(2, name.as_str(), Ink::Label)
            .at(pair.at.0, &left.1, left.2)
            .at(pair.at.1, &right.1, right.2);
        pair.lines.push(line);
    }
}

fn of_tests(pair: &mut Pair, a: &Run, b: &Run) {
    let has_tests = |step: &&StepRun| step.report.is_some();
    let all = a.steps.iter().chain(&b.steps).filter(has_tests);
    let names: BTreeSet<&StepName> = all.map(|step| &step.name).collect();
    if names.is_empty() {
        return;
    }
    pair.head("Tests", "");
    for name in names {
        let words = |run: &Run| {
            let report = run.step(name).and_then(|step| step.report.as_ref());
            report.map_or_else(|| "none".to_owned(), super::TestReport::words)
        };
        pair.plain(name.as_str(), &words(a), &words(b));
        for failure in failed(b, name).difference(&failed(a, name)) {
            let text = format!("fails in {} alone: {failure}", b.number);
            pair.lines.push(Line::new().at(4, &text, Ink::BAD));
        }
        for failure in failed(a, name).difference(&failed(b, name)) {
            let text = format!("fails in {} alone: {failure}", a.number);
            pair.lines.push(Line::new().at(4, &text, Ink::WARN));
        }
    }
}

fn failed(run: &Run, step: &StepName) -> BTreeSet<String> {
    let report = run.step(step).and_then(|step| step.report.as_ref());
    let all = report.into_iter().flat_map(|report| &report.failed);
    all.map(|one| format!("{} {}", one.class, one.name))
        .collect()
}
