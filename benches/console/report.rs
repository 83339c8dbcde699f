//! The table of what was measured, as README has it.

use std::fmt;

use super::cases::Measured;

/// All runs, in the order in which they were made.
#[derive(Default)]
pub struct Report(Vec<Measured>);

/// A line of the table: what it says, and the figure of a run.
type Line = (&'static str, fn(&Measured) -> Option<String>);

const LINES: &[Line] = &[
    ("start to complete list, ms", |run| {
        run.list.map(|seconds| short(seconds * 1000.0))
    }),
    ("start to figures in every visible row, ms (rows)", |run| {
        run.figures
            .map(|(seconds, rows)| format!("{} ({rows} of {})", short(seconds * 1000.0), run.rows))
    }),
    ("idle: CPU, s a minute", |run| {
        Some(format!("{:.2}", run.idle_cpu))
    }),
    ("idle: CPU of the engine caused by it, s a minute", |run| {
        run.engine_cpu.map(|cpu| format!("{cpu:.2}"))
    }),
    ("idle: bytes a second to the terminal", |run| {
        Some(short(run.idle_bytes))
    }),
    ("key to the selection drawn, p50 / p95, ms", |run| {
        run.key.map(pair)
    }),
    ("the same with all processors busy, ms", |run| {
        run.busy_key.map(pair)
    }),
    ("presses that moved nothing", |run| {
        Some(run.missed.to_string())
    }),
    ("memory: PSS / peak RSS, MB", |run| {
        Some(format!("{:.1} / {:.1}", run.pss, run.peak))
    }),
    ("requests a minute while idle", |run| {
        run.requests.map(short)
    }),
    ("connections", |run| {
        run.connections.map(|count| count.to_string())
    }),
    ("quit, ms", |run| {
        Some(
            run.quit
                .map_or_else(|| "killed".to_owned(), |seconds| short(seconds * 1000.0)),
        )
    }),
    ("left behind", |run| {
        Some(if run.left.is_empty() {
            "nothing".to_owned()
        } else {
            run.left.join(", ")
        })
    }),
];

/// Three digits.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 || value == 0.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn pair((half, most): (f64, f64)) -> String {
    format!("{} / {}", short(half), short(most))
}

impl Report {
    /// Adds a run.
    pub fn add(&mut self, run: Measured) {
        self.0.push(run);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for runs in self.0.chunk_by(|one, next| one.case == next.case) {
            write!(f, "\n| {} containers |", runs[0].case)?;
            runs.iter()
                .try_for_each(|run| write!(f, " {} |", run.client))?;
            writeln!(f, "\n|---|{}", "---|".repeat(runs.len()))?;
            for (what, figure) in LINES {
                let figures: Vec<_> = runs.iter().map(figure).collect();
                if figures.iter().all(Option::is_none) {
                    continue;
                }
                let cells: Vec<_> = figures
                    .into_iter()
                    .map(|figure| figure.unwrap_or_else(|| "–".into()))
                    .collect();
                writeln!(f, "| {what} | {} |", cells.join(" | "))?;
            }
        }
        Ok(())
    }
}
