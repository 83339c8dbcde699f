//! The columns of builds.

use std::borrow::Cow;

use super::{Align, Column, Row, Rows, Tone, between, fixed, growing, natural, outcome_tone, took};
use crate::model::{BuildRecord, Outcome, ago, bytes};

/// An image that was built.
#[derive(Clone, Copy, Debug)]
pub struct BuildRow<'a> {
    /// What is known of it.
    pub build: &'a BuildRecord,
}

/// Rows of builds.
#[derive(Clone, Copy, Debug)]
pub struct Builds;

impl Rows for Builds {
    type Row<'a> = BuildRow<'a>;

    const NAME: &'static str = "builds";

    fn columns() -> &'static [Column<Self>] {
        &BUILDS
    }
}

/// How a build ended, by its mark.
fn glyph(outcome: &Outcome, ascii: bool) -> &'static str {
    let (unicode, plain) = match outcome {
        Outcome::Running => ("▸", ">"),
        Outcome::Done { .. } => ("●", "*"),
        Outcome::Failed { .. } => ("✕", "x"),
        Outcome::Cancelled { .. } => ("■", "#"),
        Outcome::Interrupted => ("?", "?"),
    };
    if ascii { plain } else { unicode }
}

/// Why a build failed; of one that went well there is no more to say than the other columns do.
fn why(build: &BuildRecord) -> &str {
    match &build.outcome {
        Outcome::Done { .. } => "",
        other => other.detail(),
    }
}

fn commit(build: &BuildRecord) -> &str {
    let commit = build.commit.as_deref().unwrap_or("");
    commit.get(..10).unwrap_or(commit)
}

static BUILDS: [Column<Builds>; 12] = [
    Column {
        name: "number",
        title: "NO",
        about: "The number of the act in the log",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| row.build.operation.to_string().into(),
        tone: |_| Tone::Faint,
        order: |a, b| a.build.operation.cmp(&b.build.operation),
        shown: true,
        priority: 1,
    },
    Column {
        name: "result",
        title: "RESULT",
        about: "How it ended on its host",
        align: Align::Left,
        width: fixed(13),
        text: |row, context| {
            let outcome = &row.build.outcome;
            format!("{} {}", glyph(outcome, context.ascii), outcome.word()).into()
        },
        tone: |row| outcome_tone(&row.build.outcome),
        order: |a, b| a.build.outcome.word().cmp(b.build.outcome.word()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "image",
        title: "IMAGE",
        about: "What it is called",
        align: Align::Left,
        width: growing(16, 34),
        text: |row, _| Cow::Borrowed(row.build.image()),
        tone: |_| Tone::Accent,
        order: |a, b| natural(a.build.image(), b.build.image()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "from",
        title: "FROM",
        about: "What it was built of: the pipeline with its run, or the directory or repository",
        align: Align::Left,
        width: growing(10, 24),
        text: |row, _| row.build.origin().into(),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.build.origin(), &b.build.origin()),
        shown: true,
        priority: 2,
    },
    Column {
        name: "commit",
        title: "COMMIT",
        about: "The commit that it was built of, where that is known",
        align: Align::Left,
        width: fixed(10),
        text: |row, _| Cow::Borrowed(commit(row.build)),
        tone: |_| Tone::Plain,
        order: |a, b| a.build.commit.cmp(&b.build.commit),
        shown: true,
        priority: 5,
    },
    Column {
        name: "digest",
        title: "DIGEST",
        about: "Its digest in its registry or, where it was not pushed by its run, its id",
        align: Align::Left,
        width: fixed(12),
        text: |row, _| Cow::Borrowed(row.build.short_digest()),
        tone: |_| Tone::Faint,
        order: |a, b| a.build.digest.cmp(&b.build.digest),
        shown: true,
        priority: 6,
    },
    Column {
        name: "size",
        title: "SIZE",
        about: "How large it is",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| {
            row.build
                .size
                .map_or(Cow::Borrowed(""), |size| bytes(size).into())
        },
        tone: |_| Tone::Plain,
        order: |a, b| a.build.size.cmp(&b.build.size),
        shown: true,
        priority: 4,
    },
    Column {
        name: "host",
        title: "HOST",
        about: "The host that built it",
        align: Align::Left,
        width: between(7, 12),
        text: |row, _| Cow::Borrowed(row.build.host.as_str()),
        tone: |_| Tone::Plain,
        order: |a, b| natural(a.build.host.as_str(), b.build.host.as_str()),
        shown: true,
        priority: 3,
    },
    Column {
        name: "age",
        title: "AGE",
        about: "How long ago it began",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| ago(context.now, row.build.at).into(),
        tone: |_| Tone::Plain,
        order: |a, b| b.build.at.cmp(&a.build.at),
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
            let took_ms = row.build.duration_ms;
            took_ms.map_or(Cow::Borrowed(""), |ms| took(ms).into())
        },
        tone: |_| Tone::Plain,
        order: |a, b| a.build.duration_ms.cmp(&b.build.duration_ms),
        shown: true,
        priority: 3,
    },
    Column {
        name: "by",
        title: "BY",
        about: "Who said it, or started its run",
        align: Align::Left,
        width: between(8, 12),
        text: |row, _| Cow::Borrowed(&*row.build.by),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.build.by, &b.build.by),
        shown: true,
        priority: 4,
    },
    Column {
        name: "detail",
        title: "WHY",
        about: "Why it failed",
        align: Align::Left,
        width: growing(12, 24),
        text: |row, _| Cow::Borrowed(why(row.build)),
        tone: |_| Tone::Plain,
        order: |a, b| why(a.build).cmp(why(b.build)),
        shown: true,
        priority: 7,
    },
];

impl Row for BuildRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let build = self.build;
        Some(match key {
            "image" | "name" => build.tags.join(",").into(),
            "host" => Cow::Borrowed(build.host.as_str()),
            "result" | "is" | "outcome" => Cow::Borrowed(build.outcome.word()),
            "by" => Cow::Borrowed(&*build.by),
            "from" => build.origin().into(),
            "commit" => Cow::Borrowed(build.commit.as_deref()?),
            "digest" => Cow::Borrowed(build.digest.as_deref()?),
            "pipeline" => Cow::Borrowed(build.pipeline.as_ref()?.as_str()),
            "time" => build.at.to_string().into(),
            _ => return None,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "number" => Some(self.build.operation as f64),
            "run" => Some(self.build.run?.0 as f64),
            "size" => Some(self.build.size? as f64),
            "duration" => Some(self.build.duration_ms? as f64 / 1000.0),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let keys = [
            "image", "host", "result", "by", "from", "commit", "digest", "pipeline",
        ];
        let why = std::iter::once(Cow::Borrowed(why(self.build)));
        keys.into_iter()
            .filter_map(|key| self.value(key))
            .chain(why)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "image", "host", "result", "is", "by", "from", "commit", "digest", "pipeline", "time",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["number", "run", "size", "duration"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "result" | "is" => &["running", "done", "failed", "cancelled", "interrupted"],
            _ => &[],
        }
    }
}
