//! The columns of the log of acts.

use std::borrow::Cow;

use super::{Align, Column, Row, Rows, Tone, between, fixed, growing, natural};
use crate::model::{Operation, Outcome, span};

/// An entry of the log of acts.
#[derive(Clone, Copy, Debug)]
pub struct OperationRow<'a> {
    /// The entry.
    pub operation: &'a Operation,
}

/// Rows of the log of acts.
#[derive(Clone, Copy, Debug)]
pub struct Operations;

impl Rows for Operations {
    type Row<'a> = OperationRow<'a>;

    const NAME: &'static str = "operations";

    fn columns() -> &'static [Column<Self>] {
        operations()
    }
}

/// The tone of an outcome.
pub fn outcome_tone(outcome: &Outcome) -> Tone {
    match outcome {
        Outcome::Running => Tone::Busy,
        Outcome::Done { .. } => Tone::Good,
        Outcome::Failed { .. } => Tone::Bad,
        Outcome::Cancelled { .. } | Outcome::Interrupted => Tone::Warn,
    }
}

/// The columns of the log of acts.
pub fn operations() -> &'static [Column<Operations>] {
    &OPERATIONS
}

fn targets(operation: &Operation) -> Cow<'_, str> {
    match operation.targets.as_slice() {
        [] => Cow::Borrowed(""),
        [only] => Cow::Borrowed(only),
        [first, rest @ ..] => format!("{first} +{}", rest.len()).into(),
    }
}

/// When it began; where that does not fit, without the year.
fn time(operation: &Operation, cells: u16) -> Cow<'_, str> {
    let form = if cells < 19 {
        "%m-%d %H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    operation.at.strftime(form).to_string().into()
}

/// How it ended; where what there is to say of it would be cut soon, the word alone.
fn outcome(outcome: &Outcome, cells: u16) -> Cow<'_, str> {
    if cells < 20 {
        Cow::Borrowed(outcome.word())
    } else {
        outcome.to_string().into()
    }
}

/// How long something took, with two or three digits: `4ms`, `1.2s`, `3m12s`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds}ms"),
        1000..60_000 => format!("{:.1}s", milliseconds as f64 / 1000.0),
        _ => span(i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX)),
    }
}

static OPERATIONS: [Column<Operations>; 9] = [
    Column {
        name: "number",
        title: "NO",
        about: "Its number in the log",
        align: Align::Right,
        width: fixed(5),
        text: |row, _| row.operation.number_text().into(),
        tone: |row| {
            if row.operation.is_waiting() {
                Tone::Warn
            } else {
                Tone::Faint
            }
        },
        order: |a, b| a.operation.number.cmp(&b.operation.number),
        shown: true,
        priority: 1,
    },
    Column {
        name: "time",
        title: "TIME (UTC)",
        about: "When it began",
        align: Align::Left,
        width: between(14, 19),
        text: |row, context| time(row.operation, context.cells),
        tone: |_| Tone::Plain,
        order: |a, b| a.operation.at.cmp(&b.operation.at),
        shown: true,
        priority: 1,
    },
    Column {
        name: "operator",
        title: "OPERATOR",
        about: "Who did it",
        align: Align::Left,
        width: between(10, 12),
        text: |row, _| Cow::Borrowed(&row.operation.origin.operator),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.operation.origin.operator, &b.operation.origin.operator),
        shown: true,
        priority: 2,
    },
    Column {
        name: "place",
        title: "FROM",
        about: "From which machine, terminal and client",
        align: Align::Left,
        width: between(8, 20),
        text: |row, _| Cow::Borrowed(&row.operation.origin.place),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&a.operation.origin.place, &b.operation.origin.place),
        shown: false,
        priority: 8,
    },
    Column {
        name: "sentence",
        title: "SENTENCE",
        about: "What was said; it can be pasted into a shell",
        align: Align::Left,
        width: growing(24, 40),
        text: |row, _| Cow::Borrowed(&row.operation.sentence),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.operation.sentence, &b.operation.sentence),
        shown: true,
        priority: 0,
    },
    Column {
        name: "targets",
        title: "TARGETS",
        about: "What it acted on",
        align: Align::Left,
        width: between(10, 18),
        text: |row, _| targets(row.operation),
        tone: |_| Tone::Plain,
        order: |a, b| a.operation.targets.cmp(&b.operation.targets),
        shown: false,
        priority: 7,
    },
    Column {
        name: "outcome",
        title: "OUTCOME",
        about: "How it ended",
        align: Align::Left,
        width: growing(13, 20),
        text: |row, context| outcome(&row.operation.outcome, context.cells),
        tone: |row| outcome_tone(&row.operation.outcome),
        order: |a, b| a.operation.outcome.word().cmp(b.operation.outcome.word()),
        shown: true,
        priority: 1,
    },
    Column {
        name: "duration",
        title: "TOOK",
        about: "How long it took",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| {
            row.operation
                .duration_ms
                .map_or(Cow::Borrowed(""), |ms| took(ms).into())
        },
        tone: |_| Tone::Plain,
        order: |a, b| a.operation.duration_ms.cmp(&b.operation.duration_ms),
        shown: true,
        priority: 4,
    },
    Column {
        name: "reason",
        title: "REASON",
        about: "Why it was done, in the operator's words",
        align: Align::Left,
        width: growing(8, 20),
        text: |row, _| Cow::Borrowed(row.operation.reason.as_deref().unwrap_or("")),
        tone: |_| Tone::Plain,
        order: |a, b| a.operation.reason.cmp(&b.operation.reason),
        shown: true,
        priority: 5,
    },
];

impl Row for OperationRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let operation = self.operation;
        Some(match key {
            "operator" => Cow::Borrowed(&operation.origin.operator),
            "place" => Cow::Borrowed(&operation.origin.place),
            "through" => Cow::Borrowed(&operation.origin.through),
            "sentence" => Cow::Borrowed(&operation.sentence),
            "target" => operation.targets.join(",").into(),
            "host" => operation
                .targets
                .iter()
                .filter_map(|target| target.split_once('@'))
                .map(|(_, host)| host)
                .collect::<Vec<_>>()
                .join(",")
                .into(),
            "outcome" | "is" => Cow::Borrowed(operation.outcome.word()),
            "reason" => Cow::Borrowed(operation.reason.as_deref()?),
            "time" => operation.at.to_string().into(),
            _ => return None,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "number" => Some(self.operation.number as f64),
            "duration" => Some(self.operation.duration_ms? as f64 / 1000.0),
            "targets" => Some(self.operation.targets.len() as f64),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let operation = self.operation;
        [
            &*operation.sentence,
            &*operation.origin.operator,
            &*operation.origin.place,
            operation.reason.as_deref().unwrap_or(""),
            operation.outcome.word(),
            operation.outcome.detail(),
        ]
        .into_iter()
        .map(Cow::Borrowed)
        .chain(operation.targets.iter().map(|one| Cow::Borrowed(&**one)))
    }

    fn keys() -> &'static [&'static str] {
        &[
            "operator", "place", "through", "sentence", "target", "host", "outcome", "is",
            "reason", "time",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["number", "duration", "targets"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "outcome" => &[
                "running",
                "done",
                "failed",
                "partly failed",
                "cancelled",
                "interrupted",
            ],
            _ => &[],
        }
    }
}
