//! How an act goes on and ends, written as it happens: for people, or for machines at the end.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Session, args::Output, exit::Failure, output::Out};
use crate::{
    model::{Action, Amount, Finding, ImageAction, Mark, Outcome, Said},
    ops::{
        Plan, Progress,
        column::{Tone, took},
    },
};

/// Cells of the word of a mark, and of the name of a check.
const WORD: usize = 11;
const TITLE: usize = 14;
/// So often it is shown how far steps have come.
const REDRAWN: Duration = Duration::from_millis(200);
/// So many cells of it: a longer line would be broken and not be written over.
const AMOUNTS: usize = 78;

/// Says how an act goes on.
pub(super) struct Report<'s> {
    session: &'s Session,
    plan: &'s Plan,
    inner: Mutex<Inner>,
}

/// What changes while it goes on.
#[derive(Default)]
struct Inner {
    number: u64,
    steps: Vec<Value>,
    /// What each step said so far, for machines.
    said: BTreeMap<usize, (Vec<Value>, Vec<Value>)>,
    /// What is told of each host in its turn, so that several do not mix.
    waiting: BTreeMap<usize, Vec<String>>,
    /// The step whose turn it is.
    turn: usize,
    ended: Vec<usize>,
    /// How far each step has come, and since when that is counted.
    amounts: BTreeMap<usize, (Instant, Amount)>,
    /// When that was shown; none when nothing of it is on the terminal.
    shown: Option<Instant>,
}

impl<'s> Report<'s> {
    /// Of a plan that is about to be run.
    pub fn new(session: &'s Session, plan: &'s Plan) -> Self {
        Self {
            session,
            plan,
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // It is whole after every line.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what happens. A closed pipe does not stop an act, so errors of writing are let be.
    pub fn take(&self, progress: Progress) {
        match progress {
            Progress::Began(number) => self.lock().number = number,
            Progress::Waits(why) => super::complain(&format!(
                "warning: the log cannot take this act now; its record waits beside it: {why}"
            )),
            Progress::StepBegan(index) => {
                if matches!(self.plan.steps[index].action, Action::Examine) {
                    self.tell(index, self.plan.steps[index].target());
                }
            }
            Progress::Said(index, said) => self.said(index, said),
            Progress::Ended(_) => {}
            Progress::StepEnded(index, result, took) => {
                let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                self.ended(index, &result, ms);
            }
        }
    }

    fn said(&self, index: usize, said: Said) {
        if self.session.options.output.is_json() {
            let mut inner = self.lock();
            let (findings, lines) = inner.said.entry(index).or_default();
            match said {
                Said::Finding(finding) => findings.extend(serde_json::to_value(finding)),
                Said::Line(line) => lines.push(Value::String(line)),
                Said::Amount(_) => {}
            }
            return;
        }
        match said {
            Said::Amount(amount) => self.measured(index, amount),
            Said::Line(line) if self.takes_turns(index) => self.tell(index, format!("  {line}")),
            // It says little, and is not to wait for others.
            Said::Line(line) => {
                let line = format!("{}: {line}", self.plan.steps[index].target());
                let _ = writeln!(io::stdout(), "{}{line}", self.cleared());
            }
            Said::Finding(finding) => {
                for line in self.finding(&finding) {
                    self.tell(index, line);
                }
            }
        }
    }

    /// Shows on a terminal how far the steps have come, in a line that is written anew.
    fn measured(&self, index: usize, amount: Amount) {
        let mut inner = self.lock();
        let now = Instant::now();
        let since = match inner.amounts.get(&index) {
            Some((since, before)) if before.what == amount.what => *since,
            Some(_) | None => now,
        };
        inner.amounts.insert(index, (since, amount));
        let is_due = inner.shown.is_none_or(|at| now - at > REDRAWN);
        if !is_due || !io::stderr().is_terminal() || self.session.options.output.is_json() {
            return;
        }
        inner.shown = Some(now);
        let open = inner.amounts.iter().map(|(index, (since, amount))| {
            let ms = u64::try_from((now - *since).as_millis()).unwrap_or(u64::MAX);
            format!("{}: {}", self.plan.steps[*index].target(), amount.text(ms))
        });
        let text: Vec<String> = open.collect();
        let text: String = text.join("   ").chars().take(AMOUNTS).collect();
        let _ = write!(io::stderr(), "\r\x1b[K{text}");
    }

    /// Takes the line of a step that has ended off the terminal.
    fn unmeasured(&self, index: usize) {
        let mut inner = self.lock();
        if inner.amounts.remove(&index).is_some() && inner.shown.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Writes a line of a step, or keeps it until the steps before have ended.
    fn tell(&self, index: usize, line: String) {
        match self.session.options.output {
            Output::Json | Output::Name => return,
            Output::Table | Output::Wide => {}
        }
        let mut inner = self.lock();
        if index == inner.turn {
            let _ = writeln!(io::stdout(), "{line}");
        } else {
            inner.waiting.entry(index).or_default().push(line);
        }
    }

    /// A step has ended: it is the next one's turn.
    fn turn(&self, index: usize) {
        let mut inner = self.lock();
        inner.ended.push(index);
        while inner.ended.contains(&inner.turn) {
            inner.turn += 1;
            let turn = inner.turn;
            for line in inner.waiting.remove(&turn).unwrap_or_default() {
                let _ = writeln!(io::stdout(), "{line}");
            }
        }
    }

    fn ended(&self, index: usize, result: &Result<String, String>, ms: u64) {
        self.unmeasured(index);
        let step = &self.plan.steps[index];
        match self.session.options.output {
            Output::Json => {
                let (is_done, text) = match result {
                    Ok(text) => (true, text),
                    Err(text) => (false, text),
                };
                let mut value = json!({
                    "target": step.target(), "action": step.action.to_string(),
                    "done": is_done, "text": text, "duration_ms": ms,
                });
                let mut inner = self.lock();
                let (findings, lines) = inner.said.remove(&index).unwrap_or_default();
                for (key, said) in [("findings", findings), ("output", lines)] {
                    if !said.is_empty() {
                        value[key] = Value::Array(said);
                    }
                }
                inner.steps.push(value);
            }
            Output::Name if result.is_ok() => {
                let _ = writeln!(io::stdout(), "{}", step.target());
            }
            Output::Name => {}
            Output::Table | Output::Wide if self.is_look() => {
                // The findings have said why.
                let (word, tone, text) = match result {
                    Ok(text) => ("usable", Tone::Good, text.as_str()),
                    Err(_) => ("cannot be used", Tone::Bad, "the remedy is above"),
                };
                let word = self.session.screen.paint(word, tone);
                self.tell(index, format!("  {word}: {text} ({})", took(ms)));
                self.turn(index);
            }
            Output::Table | Output::Wide => {
                let line = self.line(&step.target(), &step.action.to_string(), result, ms);
                if self.takes_turns(index) {
                    self.tell(index, line);
                    self.turn(index);
                } else {
                    let _ = writeln!(io::stdout(), "{line}");
                }
            }
        }
    }

    /// Whether a step says so much that several would mix.
    fn takes_turns(&self, index: usize) -> bool {
        let action = &self.plan.steps[index].action;
        matches!(
            action,
            Action::Install(_) | Action::Examine | Action::Image(ImageAction::Look)
        )
    }

    /// What takes the line of amounts off the terminal, if there is one.
    fn cleared(&self) -> &'static str {
        if self.lock().shown.take().is_some() {
            "\r\x1b[K"
        } else {
            ""
        }
    }

    /// Whether the plan only looks.
    fn is_look(&self) -> bool {
        let mut steps = self.plan.steps.iter();
        !self.plan.steps.is_empty() && steps.all(|step| matches!(step.action, Action::Examine))
    }

    /// A finding for people: sign and word, what it is about, what was seen; below it the remedy.
    fn finding(&self, finding: &Finding) -> Vec<String> {
        let screen = &self.session.screen;
        let (sign, word) = (finding.mark.glyph(screen.ascii), finding.mark.word());
        let mark = format!("{sign} {word:<WORD$}");
        let (title, saw) = (finding.title(), &finding.saw);
        let time = match finding.mark {
            Mark::NotReached | Mark::Skipped => String::new(),
            Mark::Ok | Mark::Warning | Mark::Failed => format!(" ({} ms)", finding.ms),
        };
        let line = format!(
            "  {} {title:<TITLE$} {saw}{time}",
            screen.paint(&mark, tone(finding.mark))
        );
        let mut lines = vec![line.trim_end().to_owned()];
        if !finding.remedy.is_empty() {
            let indent = WORD + TITLE + 6;
            lines.push(format!("{:indent$}do: {}", "", finding.remedy));
        }
        lines
    }

    fn line(&self, target: &str, action: &str, result: &Result<String, String>, ms: u64) -> String {
        let screen = &self.session.screen;
        let (word, tone, text) = match result {
            Ok(text) => ("done  ", Tone::Good, text),
            Err(text) => ("FAILED", Tone::Bad, text),
        };
        let colon = if text.is_empty() { "" } else { ": " };
        format!(
            "{}  {target}  {action} ({}){colon}{text}",
            screen.paint(word, tone),
            took(ms)
        )
    }

    /// Says how it ended.
    pub fn finish(&self, outcome: &Outcome) -> Result<(), Failure> {
        let number = self.lock().number;
        let name = match number {
            0 => "the operation".to_owned(),
            number => format!("operation {number}"),
        };
        match self.session.options.output {
            Output::Json => {
                let steps = std::mem::take(&mut self.lock().steps);
                let mut out = Out::take();
                out.json(&json!({
                    "operation": (number > 0).then_some(number),
                    "sentence": self.plan.sentence,
                    "outcome": outcome.word(),
                    "detail": outcome.detail(),
                    "steps": steps,
                    "left_out": self.plan.left_out,
                }))?;
                out.flush()?;
            }
            // Of what only looks there is no more to say.
            Output::Table | Output::Wide if !self.plan.recorded => {}
            Output::Table | Output::Wide if matches!(outcome, Outcome::Done { .. }) => {
                let detail = if self.plan.steps.is_empty() {
                    outcome.detail()
                } else {
                    ""
                };
                let colon = if detail.is_empty() { "" } else { ": " };
                let _ = writeln!(io::stdout(), "{name} is done{colon}{detail}");
            }
            Output::Table | Output::Wide | Output::Name => {}
        }
        match outcome {
            Outcome::Done { .. } => {}
            Outcome::Failed { done, failed, .. } if self.is_look() => {
                let hosts = done + failed;
                super::complain(&format!("{failed} of {hosts} hosts cannot be used"));
            }
            Outcome::Failed { detail, .. } if self.plan.deploy.is_some() => {
                super::complain(&format!("{name}: {detail}"));
            }
            Outcome::Failed { done, failed, .. } if !self.plan.steps.is_empty() => {
                let steps = done + failed;
                super::complain(&format!("{name}: {failed} of {steps} steps failed"));
            }
            Outcome::Failed { .. }
            | Outcome::Cancelled { .. }
            | Outcome::Running
            | Outcome::Interrupted => super::complain(&format!("{name}: {outcome}")),
        }
        Ok(())
    }
}

fn tone(mark: Mark) -> Tone {
    match mark {
        Mark::Ok => Tone::Good,
        Mark::Warning => Tone::Warn,
        Mark::Failed => Tone::Bad,
        Mark::NotReached | Mark::Skipped => Tone::Faint,
    }
}
