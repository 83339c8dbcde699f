//! The columns of pipelines with their last runs, and of the runs of a pipeline.

use std::{borrow::Cow, cmp::Ordering};

use super::{Align, Column, Context, Row, Rows, Tone, between, fixed, growing, natural, took};
use crate::model::{
    Timestamp, ago,
    pipeline::{Board, Pipeline, PipelineName, RunHeld, Status, Trigger},
};

/// So many runs are seen of a pipeline at most.
const STRIP: usize = 20;

/// A pipeline with its last runs.
#[derive(Clone, Debug)]
pub struct PipelineRow<'a> {
    /// What it is called.
    pub name: &'a PipelineName,
    /// As its file says it, or as it was in its newest run.
    pub pipeline: &'a Pipeline,
    /// Its last runs, the newest first.
    pub runs: Vec<&'a RunHeld>,
}

/// A run of a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct RunRow<'a> {
    /// The run, and who works on it.
    pub held: &'a RunHeld,
}

/// Rows of pipelines.
#[derive(Clone, Copy, Debug)]
pub struct Pipelines;

/// Rows of runs.
#[derive(Clone, Copy, Debug)]
pub struct Runs;

impl Rows for Pipelines {
    type Row<'a> = PipelineRow<'a>;

    const NAME: &'static str = "pipelines";

    fn columns() -> &'static [Column<Self>] {
        &PIPELINES
    }
}

impl Rows for Runs {
    type Row<'a> = RunRow<'a>;

    const NAME: &'static str = "runs";

    fn columns() -> &'static [Column<Self>] {
        &RUNS
    }
}

impl<'a> PipelineRow<'a> {
    /// All pipelines that are known, in the order of their names.
    pub fn all(board: &'a Board) -> impl Iterator<Item = Self> {
        let names = board.names().into_iter();
        names.filter_map(|name| Self::of(board, name))
    }

    /// A pipeline by its name.
    pub fn of(board: &'a Board, name: &'a PipelineName) -> Option<Self> {
        Some(Self {
            name,
            pipeline: board.pipeline(name)?,
            runs: board.runs_of(name).take(STRIP).collect(),
        })
    }

    fn newest(&self) -> Option<&'a RunHeld> {
        self.runs.first().copied()
    }

    fn status(&self) -> Option<Status> {
        self.newest().map(|held| held.run.status)
    }
}

/// How far a run or a step is, by its mark.
pub fn status_glyph(status: Status, ascii: bool) -> &'static str {
    let (unicode, plain) = match status {
        Status::Pending => ("◌", "o"),
        Status::Running => ("▸", ">"),
        Status::Blocked => ("‖", "="),
        Status::Success => ("●", "*"),
        Status::Failure => ("✕", "x"),
        Status::Canceled => ("■", "#"),
        Status::Skipped => ("·", "."),
        Status::Declined => ("✗", "X"),
        Status::Lost => ("?", "?"),
    };
    if ascii { plain } else { unicode }
}

/// How far a run or a step is, by its colour.
pub fn status_tone(status: Status) -> Tone {
    match status {
        Status::Pending | Status::Skipped => Tone::Faint,
        Status::Running => Tone::Busy,
        Status::Blocked | Status::Canceled | Status::Lost => Tone::Warn,
        Status::Success => Tone::Good,
        Status::Failure | Status::Declined => Tone::Bad,
    }
}

/// What of it is looked at first: what asks for somebody, what failed, what goes on.
fn urgency(status: Option<Status>) -> u8 {
    match status {
        Some(Status::Blocked) => 0,
        Some(Status::Failure | Status::Declined | Status::Lost) => 1,
        Some(Status::Running) => 2,
        Some(Status::Pending) => 3,
        Some(Status::Canceled) => 4,
        Some(Status::Success | Status::Skipped) => 5,
        None => 6,
    }
}

fn word(status: Option<Status>, ascii: bool) -> Cow<'static, str> {
    status.map_or(Cow::Borrowed("no run yet"), |status| {
        format!("{} {}", status_glyph(status, ascii), status.word()).into()
    })
}

fn tone(status: Option<Status>) -> Tone {
    status.map_or(Tone::Faint, status_tone)
}

/// What starts it without a person.
pub fn starts(pipeline: &Pipeline) -> String {
    let all = pipeline.when.iter().filter_map(|trigger| match trigger {
        Trigger::Manual => None,
        Trigger::Cron { cron } => Some(format!("cron {cron}")),
        Trigger::Push { url, branch, .. } => {
            let repository = url.rsplit('/').next().unwrap_or(url);
            Some(format!("push {repository} {branch}"))
        }
        Trigger::Image { image, .. } => Some(format!("image {image}")),
        Trigger::Jenkins { server, job, .. } => Some(format!("jenkins {job}@{server}")),
    });
    let all: Vec<String> = all.collect();
    if all.is_empty() {
        "manual".to_owned()
    } else {
        all.join(", ")
    }
}

fn age(now: Timestamp, held: Option<&RunHeld>) -> Cow<'static, str> {
    held.map_or(Cow::Borrowed(""), |held| ago(now, held.run.created).into())
}

fn duration(now: Timestamp, held: Option<&RunHeld>) -> Cow<'static, str> {
    let milliseconds = held.and_then(|held| held.run.milliseconds(now));
    milliseconds.map_or(Cow::Borrowed(""), |ms| took(ms).into())
}

/// The longest last; what still goes on is longer than all.
fn by_duration(a: &RunHeld, b: &RunHeld) -> Ordering {
    a.run
        .milliseconds(Timestamp::MAX)
        .cmp(&b.run.milliseconds(Timestamp::MAX))
}

fn strip(row: &PipelineRow<'_>, context: &Context) -> String {
    let runs = row.runs.iter().take(usize::from(context.cells.div_ceil(2)));
    let glyphs = runs.map(|held| status_glyph(held.run.status, context.ascii));
    glyphs.collect::<Vec<_>>().join(" ")
}

static PIPELINES: [Column<Pipelines>; 9] = [
    Column {
        name: "name",
        title: "PIPELINE",
        about: "What it is called",
        align: Align::Left,
        width: between(14, 24),
        text: |row, _| Cow::Borrowed(row.name.as_str()),
        tone: |_| Tone::Accent,
        order: |a, b| natural(a.name.as_str(), b.name.as_str()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "runs",
        title: "LAST RUNS",
        about: "How its last runs ended, the newest first",
        align: Align::Left,
        width: between(15, 27),
        text: |row, context| strip(row, context).into(),
        tone: |row| tone(row.status()),
        order: |a, b| a.runs.len().cmp(&b.runs.len()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "status",
        title: "STATUS",
        about: "How far the newest run is",
        align: Align::Left,
        width: fixed(10),
        text: |row, context| word(row.status(), context.ascii),
        tone: |row| tone(row.status()),
        order: |a, b| urgency(a.status()).cmp(&urgency(b.status())),
        shown: true,
        priority: 0,
    },
    Column {
        name: "cause",
        title: "CAUSE",
        about: "Why the newest run began",
        align: Align::Left,
        width: between(10, 18),
        text: |row, _| {
            row.newest()
                .map_or(Cow::Borrowed(""), |held| held.run.cause.to_string().into())
        },
        tone: |_| Tone::Plain,
        order: |a, b| {
            let cause = |row: &PipelineRow<'_>| row.newest().map(|held| held.run.cause.to_string());
            cause(a).cmp(&cause(b))
        },
        shown: true,
        priority: 3,
    },
    Column {
        name: "age",
        title: "AGE",
        about: "How long ago the newest run was asked for",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| age(context.now, row.newest()),
        tone: |_| Tone::Plain,
        order: |a, b| {
            let created = |row: &PipelineRow<'_>| row.newest().map(|held| held.run.created);
            created(b).cmp(&created(a))
        },
        shown: true,
        priority: 1,
    },
    Column {
        name: "duration",
        title: "TOOK",
        about: "How long the newest run took, or takes by now",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| duration(context.now, row.newest()),
        tone: |_| Tone::Plain,
        order: |a, b| match (a.newest(), b.newest()) {
            (Some(a), Some(b)) => by_duration(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        },
        shown: true,
        priority: 2,
    },
    Column {
        name: "asked",
        title: "ASKED",
        about: "Whose approval the newest run waits for",
        align: Align::Left,
        width: growing(8, 20),
        text: |row, _| {
            row.newest()
                .map_or(Cow::Borrowed(""), |held| held.run.asked().into())
        },
        tone: |_| Tone::Warn,
        order: |a, b| {
            let asked = |row: &PipelineRow<'_>| row.newest().map(|held| held.run.asked());
            asked(b).cmp(&asked(a))
        },
        shown: true,
        priority: 1,
    },
    Column {
        name: "starts",
        title: "STARTS BY",
        about: "What starts it without a person",
        align: Align::Left,
        width: growing(12, 26),
        text: |row, _| starts(row.pipeline).into(),
        tone: |_| Tone::Faint,
        order: |a, b| starts(a.pipeline).cmp(&starts(b.pipeline)),
        shown: true,
        priority: 5,
    },
    Column {
        name: "detail",
        title: "DETAIL",
        about: "What there is to say of the newest run",
        align: Align::Left,
        width: growing(16, 30),
        text: |row, _| {
            row.newest()
                .map_or(Cow::Borrowed(""), |held| Cow::Borrowed(&*held.run.detail))
        },
        tone: |_| Tone::Plain,
        order: |a, b| {
            let detail = |row: &PipelineRow<'_>| row.newest().map(|held| held.run.detail.clone());
            detail(a).cmp(&detail(b))
        },
        shown: true,
        priority: 4,
    },
];

static RUNS: [Column<Runs>; 10] = [
    Column {
        name: "number",
        title: "RUN",
        about: "Its number",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| row.held.run.number.to_string().into(),
        tone: |_| Tone::Accent,
        order: |a, b| a.held.run.number.cmp(&b.held.run.number),
        shown: true,
        priority: 0,
    },
    Column {
        name: "status",
        title: "STATUS",
        about: "How far it is",
        align: Align::Left,
        width: fixed(10),
        text: |row, context| word(Some(row.held.run.status), context.ascii),
        tone: |row| status_tone(row.held.run.status),
        order: |a, b| urgency(Some(a.held.run.status)).cmp(&urgency(Some(b.held.run.status))),
        shown: true,
        priority: 0,
    },
    Column {
        name: "pipeline",
        title: "PIPELINE",
        about: "What it is a run of",
        align: Align::Left,
        width: between(10, 20),
        text: |row, _| Cow::Borrowed(row.held.run.name().as_str()),
        tone: |_| Tone::Plain,
        order: |a, b| a.held.run.name().cmp(b.held.run.name()),
        shown: false,
        priority: 6,
    },
    Column {
        name: "cause",
        title: "CAUSE",
        about: "Why it began",
        align: Align::Left,
        width: between(10, 22),
        text: |row, _| row.held.run.cause.to_string().into(),
        tone: |_| Tone::Plain,
        order: |a, b| {
            a.held
                .run
                .cause
                .to_string()
                .cmp(&b.held.run.cause.to_string())
        },
        shown: true,
        priority: 1,
    },
    Column {
        name: "by",
        title: "BY",
        about: "Who started it",
        align: Align::Left,
        width: between(8, 16),
        text: |row, _| Cow::Borrowed(&*row.held.run.by),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.held.run.by, &b.held.run.by),
        shown: true,
        priority: 4,
    },
    Column {
        name: "age",
        title: "AGE",
        about: "How long ago it was asked for",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| age(context.now, Some(row.held)),
        tone: |_| Tone::Plain,
        order: |a, b| b.held.run.created.cmp(&a.held.run.created),
        shown: true,
        priority: 1,
    },
    Column {
        name: "duration",
        title: "TOOK",
        about: "How long it took, or takes by now",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| duration(context.now, Some(row.held)),
        tone: |_| Tone::Plain,
        order: |a, b| by_duration(a.held, b.held),
        shown: true,
        priority: 2,
    },
    Column {
        name: "tests",
        title: "TESTS",
        about: "What its tests said",
        align: Align::Left,
        width: between(10, 22),
        text: |row, _| {
            row.held
                .run
                .tests()
                .map_or(Cow::Borrowed(""), |report| report.words().into())
        },
        tone: |row| match row.held.run.tests() {
            Some(report) if report.failures + report.errors > 0 => Tone::Bad,
            Some(_) | None => Tone::Plain,
        },
        order: |a, b| {
            let bad = |row: &RunRow<'_>| {
                row.held
                    .run
                    .tests()
                    .map(|report| report.failures + report.errors)
            };
            bad(a).cmp(&bad(b))
        },
        shown: true,
        priority: 5,
    },
    Column {
        name: "asked",
        title: "ASKED",
        about: "Whose approval it waits for",
        align: Align::Left,
        width: between(8, 20),
        text: |row, _| row.held.run.asked().into(),
        tone: |_| Tone::Warn,
        order: |a, b| b.held.run.asked().cmp(&a.held.run.asked()),
        shown: true,
        priority: 6,
    },
    Column {
        name: "detail",
        title: "DETAIL",
        about: "What there is to say of it",
        align: Align::Left,
        width: growing(14, 30),
        text: |row, _| Cow::Borrowed(&*row.held.run.detail),
        tone: |_| Tone::Plain,
        order: |a, b| a.held.run.detail.cmp(&b.held.run.detail),
        shown: true,
        priority: 3,
    },
];

/// The words of all states.
const STATES: [&str; 9] = [
    "pending", "running", "blocked", "success", "failure", "canceled", "skipped", "declined",
    "lost",
];

fn of_run<'r>(held: &'r RunHeld, key: &str) -> Option<Cow<'r, str>> {
    let run = &held.run;
    Some(match key {
        "pipeline" | "name" => Cow::Borrowed(run.name().as_str()),
        "status" | "is" | "state" => Cow::Borrowed(run.status.word()),
        "cause" => run.cause.to_string().into(),
        "by" => Cow::Borrowed(&*run.by),
        "host" => Cow::Borrowed(run.host.as_ref()?.as_str()),
        "asked" => Some(run.asked()).filter(|asked| !asked.is_empty())?.into(),
        "detail" => Cow::Borrowed(&*run.detail),
        _ => return None,
    })
}

impl Row for PipelineRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        match key {
            "name" | "pipeline" => Some(Cow::Borrowed(self.name.as_str())),
            "starts" => Some(starts(self.pipeline).into()),
            _ => of_run(self.newest()?, key),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        (key == "steps").then_some(self.pipeline.steps.len() as f64)
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let name = Cow::Borrowed(self.name.as_str());
        let keys = ["status", "cause", "by", "asked", "detail"];
        let more = keys.into_iter().filter_map(|key| self.value(key));
        std::iter::once(name).chain(more)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name", "status", "is", "cause", "by", "host", "asked", "detail", "starts",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["steps"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "status" | "is" => &STATES,
            _ => &[],
        }
    }
}

impl Row for RunRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        of_run(self.held, key)
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        let run = &self.held.run;
        match key {
            "number" => Some(run.number.0 as f64),
            "duration" => Some(run.milliseconds(run.ended?)? as f64 / 1000.0),
            "failed" => run
                .tests()
                .map(|report| f64::from(report.failures + report.errors)),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let number = Cow::Owned(self.held.run.number.to_string());
        let keys = ["pipeline", "status", "cause", "by", "asked", "detail"];
        let more = keys.into_iter().filter_map(|key| self.value(key));
        let values = self.held.run.variables.values();
        let values = values.map(|value| Cow::Borrowed(&**value));
        std::iter::once(number).chain(more).chain(values)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "pipeline", "status", "is", "cause", "by", "host", "asked", "detail",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["number", "duration", "failed"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "status" | "is" => &STATES,
            _ => &[],
        }
    }
}
