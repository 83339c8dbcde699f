//! How health is found out.

use super::super::{Fields, Kind};
use super::values::words;
use crate::model::app::{Healthcheck, Probe, Value};

/// What a file says of the command.
enum Test {
    /// Nothing: it is the image's.
    Unsaid,
    /// `NONE`: there is none.
    Off,
    /// This.
    Words(Vec<Value>),
}

/// The probe of a service.
pub(super) fn healthcheck(fields: &mut Fields<'_, '_>) -> Option<Healthcheck> {
    let mut fields = fields.open_below("healthcheck")?;
    let disabled = fields.truth("disable").unwrap_or(false);
    let (words, off) = match test(&mut fields) {
        Test::Unsaid => (None, false),
        Test::Off => (None, true),
        Test::Words(words) => (Some(words), false),
    };
    let probe = Probe {
        test: words,
        interval: fields.duration("interval"),
        timeout: fields.duration("timeout"),
        start_period: fields.duration("start_period"),
        start_interval: fields.duration("start_interval"),
        retries: fields.number("retries"),
    };
    fields.done(&[]);
    Some(if disabled || off {
        Healthcheck::Disabled
    } else {
        Healthcheck::Probe(probe)
    })
}

fn test(fields: &mut Fields<'_, '_>) -> Test {
    let Some(node) = fields.take("test") else {
        return Test::Unsaid;
    };
    let path = fields.below("test");
    let remedy = "write [\"CMD\", …] or one line";
    match &node.kind {
        Kind::Text(line) => Test::Words(vec![Value::plain("CMD-SHELL"), Value::read(line)]),
        Kind::List(_) => {
            let words = words(node, &path, fields.told).unwrap_or_default();
            let first = words.first().and_then(Value::as_plain).unwrap_or_default();
            match (first, words.len()) {
                ("NONE", _) => Test::Off,
                ("CMD", 2..) | ("CMD-SHELL", 2) => Test::Words(words),
                ("", 0) => Test::Unsaid,
                ("CMD-SHELL", 3..) => {
                    let what = "CMD-SHELL takes one line; the words after it are not heard";
                    fields.warn(&node.at, "test", what, "write one line, or CMD for words");
                    Test::Words(words)
                }
                ("CMD" | "CMD-SHELL", _) => {
                    fields.wrong(&node.at, "test", "it has no command", "name one");
                    Test::Unsaid
                }
                _ => {
                    let what = "it begins with none of CMD, CMD-SHELL and NONE";
                    fields.wrong(&node.at, "test", what, remedy);
                    Test::Unsaid
                }
            }
        }
        Kind::Null | Kind::Map(_) => {
            fields.wrong(&node.at, "test", "a line or a list is expected", remedy);
            Test::Unsaid
        }
    }
}
