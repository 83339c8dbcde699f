//! Reads test reports in JUnit's form, as Maven, Gradle, pytest, cargo-nextest and others write them.

use roxmltree::{Document, Node, ParsingOptions};

use crate::model::{
    pipeline::{Failure, TestReport},
    printable, redact,
};

/// The counts and failures of a report.
pub(super) fn read(text: &str) -> Result<TestReport, String> {
    let options = ParsingOptions {
        // Old writers name a DTD; nothing is read from elsewhere, and entities are bounded by the reader.
        allow_dtd: true,
        nodes_limit: 2_000_000,
        ..ParsingOptions::default()
    };
    let document =
        Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !matches!(root.tag_name().name(), "testsuites" | "testsuite") {
        return Err(format!(
            "it begins with <{}>, not with <testsuites>",
            root.tag_name().name()
        ));
    }
    let mut report = TestReport::default();
    // The cases are counted, not what the heads say: those of nested suites are counted twice by some.
    for case in root
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
    {
        report.tests += 1;
        let seconds: f64 = case
            .attribute("time")
            .and_then(|time| time.replace(',', "").parse().ok())
            .unwrap_or(0.0);
        report.milliseconds += milliseconds(seconds);
        let said = |tag: &str| case.children().find(|node| node.has_tag_name(tag));
        if let Some(failure) = said("failure") {
            report.failures += 1;
            report.fail(failed(case, failure));
        } else if let Some(error) = said("error") {
            report.errors += 1;
            report.fail(failed(case, error));
        } else if said("skipped").is_some() {
            report.skipped += 1;
        }
    }
    Ok(report)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped to what fits"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).clamp(0.0, 1e12).round() as u64
}

fn failed(case: Node<'_, '_>, what: Node<'_, '_>) -> Failure {
    let of = |name: &str| printable(case.attribute(name).unwrap_or_default());
    let message = what.attribute("message").unwrap_or_default();
    let text = what.text().unwrap_or_default().trim();
    let whole = match (message.is_empty(), text.contains(message)) {
        (true, _) | (false, true) => text.to_owned(),
        (false, false) => format!("{message}\n{text}"),
    };
    let lines: Vec<String> = whole.trim().lines().map(printable).collect();
    Failure {
        class: of("classname"),
        name: of("name"),
        text: redact(&lines.join("\n")).into_owned(),
    }
}
