//! The operations that run now, as far as the console shows them.

use std::collections::VecDeque;

use super::output::Output;
use crate::{
    model::{ContainerId, HostName, Outcome, Step, Timestamp},
    ops::{Danger, Plan, Progress},
};

/// What so many runs said is kept.
const OUTPUTS: usize = 20;

/// A run's number within this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// What it does, in a line.
    pub title: String,
    /// What it acts on, as `name@host`.
    pub targets: Vec<String>,
    /// It only looks, so it keeps nobody off its targets.
    looks: bool,
    /// The host and the container of each step.
    places: Vec<Place>,
    /// Steps ended.
    pub ended: usize,
    /// Of them, failed, each with the reason.
    pub failures: Vec<String>,
    /// What steps said when they were done.
    details: Vec<String>,
    /// Why its record waits beside the log, if it does.
    waits: Option<String>,
}

/// All runs of now.
#[derive(Debug, Default)]
pub struct Runs {
    next: u64,
    runs: Vec<Run>,
    outputs: VecDeque<Output>,
}

impl Runs {
    /// Begins a run.
    pub fn begin(&mut self, plan: &Plan) -> RunId {
        self.next += 1;
        let id = RunId(self.next);
        self.runs.push(Run {
            id,
            title: plan.title.clone(),
            targets: plan.steps.iter().map(crate::model::Step::target).collect(),
            looks: plan.danger == Danger::Reads,
            places: plan.steps.iter().map(place).collect(),
            ended: 0,
            failures: Vec::new(),
            details: Vec::new(),
            waits: None,
        });
        self.outputs.push_front(Output::new(id, plan));
        self.outputs.truncate(OUTPUTS);
        id
    }

    /// Takes in how far a run is. Returns what is to be said when it ended: whether all went well, and the text.
    pub fn progress(
        &mut self,
        id: RunId,
        progress: &Progress,
        now: Timestamp,
    ) -> Option<(bool, String)> {
        if let Some(output) = self.outputs.iter_mut().find(|output| output.id == id) {
            output.take(progress, now);
        }
        let at = self.runs.iter().position(|run| run.id == id)?;
        let run = &mut self.runs[at];
        match progress {
            Progress::Began(_) | Progress::StepBegan(_) | Progress::Said(..) => None,
            Progress::Waits(why) => {
                run.waits = Some(why.clone());
                Some((false, beside(why)))
            }
            Progress::StepEnded(step, result, _) => {
                run.ended += 1;
                match result {
                    Ok(detail) if !detail.is_empty() => run.details.push(detail.clone()),
                    Ok(_) => {}
                    Err(why) => {
                        let target = run.targets.get(*step).map_or("", String::as_str);
                        run.failures.push(format!("{target}: {why}"));
                    }
                }
                None
            }
            Progress::Ended(outcome) => {
                let run = self.runs.remove(at);
                let (well, text) = run.report(outcome);
                // It is not to be covered by the good news.
                Some(match &run.waits {
                    Some(why) => (false, format!("{text}; {}", beside(why))),
                    None => (well, text),
                })
            }
        }
    }

    /// Forgets a run that could not begin.
    pub fn forget(&mut self, id: RunId) {
        self.runs.retain(|run| run.id != id);
    }

    /// Where a run works: in one of its steps, or in all.
    pub fn places(&self, id: RunId, step: Option<usize>) -> Vec<Place> {
        let Some(run) = self.runs.iter().find(|run| run.id == id) else {
            return Vec::new();
        };
        match step {
            Some(step) => run.places.get(step).cloned().into_iter().collect(),
            None => run.places.clone(),
        }
    }

    /// How many run.
    pub fn count(&self) -> usize {
        self.runs.len()
    }

    /// The newest.
    pub fn newest(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// How a run stands, in a line: how many of its steps are done, and how far the first of the others has come.
    pub fn standing(&self, run: &Run, now: Timestamp) -> String {
        let mut text = format!("{}: {} of {} done", run.title, run.ended, run.targets.len());
        if !run.failures.is_empty() {
            text = format!("{text}, {} failed", run.failures.len());
        }
        let output = self.outputs.iter().find(|output| output.id == run.id);
        let mut amounts = output.into_iter().flat_map(|output| output.amounts(now));
        if let Some((target, amount)) = amounts.next() {
            text = if run.targets.len() == 1 {
                format!("{}: {amount}", run.title)
            } else {
                format!("{text}; {target}: {amount}")
            };
        }
        text
    }

    /// What the newest run says, or said.
    pub fn output(&self) -> Option<&Output> {
        self.outputs.front()
    }

    /// Whether an operation runs on a target written so.
    pub fn is_busy(&self, target: &str) -> bool {
        self.runs
            .iter()
            .filter(|run| !run.looks)
            .any(|run| run.targets.iter().any(|one| one == target))
    }
}

/// Where a step works: a host, or one of its containers.
type Place = (HostName, Option<ContainerId>);

fn place(step: &Step) -> Place {
    let container = step.container().map(|(id, _)| id.clone());
    (step.host.clone(), container)
}

/// What is said of an act that the log cannot take.
fn beside(why: &str) -> String {
    format!("recorded beside the log for now: {why}")
}

impl Run {
    fn report(&self, outcome: &Outcome) -> (bool, String) {
        match outcome {
            Outcome::Done { detail } => {
                let detail = if detail.is_empty() {
                    self.details.join("; ")
                } else {
                    detail.clone()
                };
                let tail = if detail.is_empty() {
                    String::new()
                } else {
                    format!(" ({detail})")
                };
                (true, format!("Done: {}{tail}", self.title))
            }
            Outcome::Failed {
                done,
                failed,
                detail,
            } => {
                let why = if self.failures.is_empty() {
                    detail.clone()
                } else {
                    self.failures.join("; ")
                };
                (
                    false,
                    format!(
                        "{}: {failed} of {} failed: {why}",
                        self.title,
                        done + failed
                    ),
                )
            }
            Outcome::Cancelled { done } => (
                false,
                format!("{}: cancelled after {done} steps", self.title),
            ),
            Outcome::Running | Outcome::Interrupted => {
                (false, format!("{}: {}", self.title, outcome.word()))
            }
        }
    }
}
