//! What BuildKit tells of a build, as lines: steps, what they print, what was there already, what failed.

use std::collections::HashMap;

use super::proto::{Value, fields};

/// No line is longer; more is broken.
const LONGEST: usize = 4 << 10;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: HashMap<String, Step>,
    /// The name of the step that failed last.
    pub failed: Option<String>,
}

/// A step of a build.
#[derive(Debug, Default)]
struct Step {
    number: usize,
    name: String,
    is_told: bool,
    started: Option<f64>,
    is_over: bool,
    /// A line that has not ended yet.
    left: Vec<u8>,
}

impl Step {
    /// What only says that files were looked at.
    fn is_quiet(&self) -> bool {
        self.name.starts_with("[internal] load ") && !self.name.contains("metadata")
    }
}

impl Trace {
    /// Takes one message; the lines that it makes.
    pub fn take(&mut self, message: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for (field, value) in fields(message) {
            match field {
                1 => self.vertex(value.bytes(), &mut lines),
                3 => self.log(value.bytes(), &mut lines),
                _ => {}
            }
        }
        lines
    }

    /// How many of the known steps are over.
    pub fn progress(&self) -> (u64, u64) {
        let shown = self.steps.values().filter(|step| !step.is_quiet());
        shown.fold((0, 0), |(over, all), step| {
            (over + u64::from(step.is_over), all + 1)
        })
    }

    fn step(&mut self, digest: &str) -> &mut Step {
        let number = self.steps.len() + 1;
        let fresh = || Step {
            number,
            ..Step::default()
        };
        self.steps.entry(digest.to_owned()).or_insert_with(fresh)
    }

    fn vertex(&mut self, message: &[u8], lines: &mut Vec<String>) {
        let (mut digest, mut name, mut error) = (String::new(), String::new(), String::new());
        let (mut cached, mut started, mut completed) = (false, None, None);
        for (field, value) in fields(message) {
            match field {
                1 => digest = value.text(),
                3 => name = value.text(),
                4 => cached = value.number() != 0,
                5 => started = Some(seconds(value)),
                6 => completed = Some(seconds(value)),
                7 => error = value.text(),
                _ => {}
            }
        }
        let step = self.step(&digest);
        if !name.is_empty() {
            step.name = name;
        }
        step.started = started.or(step.started);
        let number = step.number;
        let quiet = step.is_quiet() && error.is_empty();
        if step.started.is_some() && !step.is_told && !quiet {
            step.is_told = true;
            lines.push(format!("#{number} {}", step.name));
        }
        let Some(completed) = completed.filter(|_| !step.is_over) else {
            return;
        };
        step.is_over = true;
        lines.extend(rest(step));
        if !error.is_empty() {
            lines.push(format!("#{number} ERROR: {error}"));
            self.failed = Some(step.name.clone());
        } else if quiet {
        } else if cached {
            lines.push(format!("#{number} CACHED"));
        } else if let Some(started) = step.started {
            lines.push(format!("#{number} DONE {:.1}s", completed - started));
        }
    }

    fn log(&mut self, message: &[u8], lines: &mut Vec<String>) {
        let (mut digest, mut text) = (String::new(), &[][..]);
        for (field, value) in fields(message) {
            match field {
                1 => digest = value.text(),
                4 => text = value.bytes(),
                _ => {}
            }
        }
        let step = self.step(&digest);
        step.left.extend_from_slice(text);
        while let Some(end) = step.left.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = step.left.drain(..=end).collect();
            lines.extend(line_of(step.number, &line));
        }
        if step.left.len() > LONGEST {
            lines.extend(rest(step));
        }
    }
}

fn rest(step: &mut Step) -> Option<String> {
    let left = std::mem::take(&mut step.left);
    line_of(step.number, &left)
}

/// A line that a step printed; of one that was written over, what was there in the end.
fn line_of(number: usize, line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\n', '\r']);
    let text = text.rsplit('\r').next().unwrap_or(text);
    (!text.trim().is_empty()).then(|| format!("#{number} {text}"))
}

/// Seconds of a `google.protobuf.Timestamp`.
#[expect(clippy::cast_precision_loss, reason = "tenths of a second are shown")]
fn seconds(value: Value<'_>) -> f64 {
    fields(value.bytes()).fold(0.0, |sum, (field, value)| match field {
        1 => sum + value.number() as f64,
        2 => sum + value.number() as f64 / 1e9,
        _ => sum,
    })
}

#[cfg(test)]
mod tests {
    use super::super::proto::Message;
    use super::*;

    fn at(seconds: u64) -> Vec<u8> {
        Message::default().number(1, seconds).done()
    }

    fn vertex(digest: &str, name: &str) -> Message {
        Message::default()
            .bytes(1, digest.as_bytes())
            .bytes(3, name.as_bytes())
    }

    fn told(trace: &mut Trace, field: u32, message: Message) -> Vec<String> {
        trace.take(&Message::default().bytes(field, &message.done()).done())
    }

    fn log(digest: &str, text: &str) -> Message {
        Message::default()
            .bytes(1, digest.as_bytes())
            .bytes(4, text.as_bytes())
    }

    #[test]
    fn steps_are_told_once_with_what_became_of_them() {
        let mut trace = Trace::default();
        let load = vertex("a", "[internal] load .dockerignore");
        assert!(told(&mut trace, 1, load.bytes(5, &at(1)).bytes(6, &at(2))).is_empty());
        let from = vertex("b", "[1/2] FROM busybox").number(4, 1);
        let lines = told(&mut trace, 1, from.bytes(5, &at(1)).bytes(6, &at(1)));
        assert_eq!(lines, ["#2 [1/2] FROM busybox", "#2 CACHED"]);
        let run = || vertex("c", "[2/2] RUN make");
        assert!(told(&mut trace, 1, run()).is_empty(), "it has not begun");
        let begun = told(&mut trace, 1, run().bytes(5, &at(3)));
        assert_eq!(begun, ["#3 [2/2] RUN make"]);
        assert_eq!(told(&mut trace, 3, log("c", "one\ntw")), ["#3 one"]);
        assert_eq!(told(&mut trace, 3, log("c", "o\r100%\nrest")), ["#3 100%"]);
        let failed = run()
            .bytes(5, &at(3))
            .bytes(6, &at(5))
            .bytes(7, b"exit code: 2");
        let lines = told(&mut trace, 1, failed);
        assert_eq!(lines, ["#3 rest", "#3 ERROR: exit code: 2"]);
        assert_eq!(trace.failed.as_deref(), Some("[2/2] RUN make"));
        assert_eq!(trace.progress(), (2, 2));
    }
}
