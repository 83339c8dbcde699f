//! Judges a service of a Swarm whose spec is as it is to be: whether all its tasks run it, are on their way, or never will.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::model::{
    release::{Print, StackService, Stacked, Way},
    swarm::{Mode, Task, fits},
};

/// So many tasks of a service that was just made may fail before it counts as one that never gets well.
const TRIES: usize = 3;

/// The Swarm may watch tasks that run for so long before it calls an update completed.
const MONITORED: Duration = Duration::from_mins(10);

/// What a service is to come to, and how long that may take.
#[derive(Clone, Debug)]
pub(super) struct Goal {
    /// What its tasks are made of.
    pub print: Print,
    /// A task has to run so long.
    pub settle: Duration,
    /// One more has to run within so long.
    pub deadline: Duration,
    /// On which nodes it may be.
    pub constraints: Vec<String>,
    /// Which way it goes.
    pub way: Way,
}

/// What is remembered of a service while it is watched.
#[derive(Debug)]
pub(super) struct Memory {
    /// Tasks that had failed before.
    old: BTreeSet<Arc<str>>,
    /// Since when tasks are seen to run; none when they did at the first look.
    since: BTreeMap<Arc<str>, Option<Instant>>,
    /// So many ran, at most, and since when.
    best: (usize, Instant),
    /// How the update was when it was last looked at, and whether it ever was another way.
    state: Arc<str>,
    moved: bool,
}

/// What is to be thought of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// All of its tasks run it; so many.
    Well(usize),
    /// They are on their way.
    Waits(String),
    /// The Swarm has stopped on the way, and has to be told again.
    Stuck(String),
    /// They will not.
    Failed(String),
}

impl Memory {
    /// From the first look on; what had failed by then says nothing.
    pub fn new(one: Option<&StackService>, now: Instant) -> Self {
        let tasks = || one.into_iter().flat_map(|one| &one.tasks);
        let failed = tasks().filter(|task| ended(task));
        let runs = tasks().filter(|task| task.is_running());
        Self {
            old: failed.map(|task| task.id.clone()).collect(),
            since: runs.map(|task| (task.id.clone(), None)).collect(),
            best: (0, now),
            state: one
                .and_then(|one| one.update.as_ref())
                .map_or_else(|| "".into(), |one| one.state.clone()),
            moved: false,
        }
    }

    /// The tasks of a print that failed since.
    pub fn failed<'s>(&self, one: &'s StackService, print: &Print) -> Vec<&'s Task> {
        let tasks = one.tasks.iter().filter(|task| *task.print == *print.0);
        tasks
            .filter(|task| ended(task) && !self.old.contains(&task.id))
            .collect()
    }

    /// The tasks that run what they are to and have done so for long enough.
    fn good(&mut self, one: &StackService, goal: &Goal, now: Instant) -> usize {
        let runs =
            |task: &&Task| task.is_wanted() && task.is_running() && *task.print == *goal.print.0;
        let ids: BTreeSet<Arc<str>> = one
            .tasks
            .iter()
            .filter(runs)
            .map(|task| task.id.clone())
            .collect();
        self.since.retain(|id, _| ids.contains(id));
        for id in ids {
            self.since.entry(id).or_insert(Some(now));
        }
        let long = |since: &&Option<Instant>| {
            since.is_none_or(|since| now.duration_since(since) >= goal.settle)
        };
        self.since.values().filter(long).count()
    }
}

/// Whether a task ended by itself: with an error, or well, which a service that is to run does not do. One that is not
/// healthy any more is asked to end, and may end well.
fn ended(task: &Task) -> bool {
    task.failed() || &*task.state == "complete"
}

/// How many tasks a service is to have.
pub(super) fn wanted(one: &StackService, seen: &Stacked, constraints: &[String]) -> usize {
    match one.mode {
        Mode::Replicated(count) | Mode::ReplicatedJob(count) => {
            usize::try_from(count).unwrap_or(usize::MAX)
        }
        Mode::Global | Mode::GlobalJob => {
            let nodes = seen.nodes.iter().filter(|node| node.takes_tasks());
            let may = |node: &&crate::model::swarm::Node| {
                constraints.iter().all(|one| fits(node, one) != Some(false))
            };
            nodes.filter(may).count()
        }
    }
}

/// What is to be thought of a service whose spec is as it is to be.
pub(super) fn judge(
    one: &StackService,
    seen: &Stacked,
    goal: &Goal,
    memory: &mut Memory,
    now: Instant,
) -> Judged {
    let all = wanted(one, seen, &goal.constraints);
    let good = memory.good(one, goal, now);
    let others = one.tasks.iter().filter(|task| {
        let lives = task.is_wanted() && !task.is_over();
        lives && *task.print != *goal.print.0
    });
    let others = others.count();
    let state = one.update.as_ref().map_or("", |update| &*update.state);
    if good > memory.best.0 || *memory.state != *state {
        memory.moved |= *memory.state != *state;
        memory.best = (good.max(memory.best.0), now);
        memory.state = state.into();
    }
    let words = one.update.as_ref().map_or("", |update| &*update.message);
    match (state, goal.way) {
        // It stood so before; or it must go on, whatever the Swarm thinks of it.
        ("paused" | "rollback_paused", Way::Forth) if !memory.moved => {
            return Judged::Stuck(words.to_owned());
        }
        ("paused" | "rollback_paused", Way::Back) => return Judged::Stuck(words.to_owned()),
        ("paused" | "rollback_paused", Way::Forth) => {
            let why = format!("the Swarm stopped the update ({words})");
            return Judged::Failed(with_errors(&why, one, goal, memory));
        }
        _ => {}
    }
    let busy = matches!(state, "updating" | "rollback_started");
    if good >= all && others == 0 && !busy {
        return Judged::Well(all);
    }
    let failed = memory.failed(one, &goal.print);
    if !busy && failed.len() >= TRIES {
        let why = format!("{} of its tasks failed", failed.len());
        return Judged::Failed(with_errors(&why, one, goal, memory));
    }
    let limit = if good >= all && others == 0 {
        goal.deadline.max(MONITORED)
    } else {
        goal.deadline
    };
    if now.duration_since(memory.best.1) >= limit {
        let why = format!(
            "{good} of {all} tasks run it, and none more within {} s",
            limit.as_secs()
        );
        return Judged::Failed(with_errors(&why, one, goal, memory));
    }
    let mut told = format!("{good} of {all} tasks run it");
    if others > 0 {
        told = format!("{told}, {others} run something else");
    }
    if busy {
        let word = one.update.as_ref().map_or("", |update| update.word());
        told = format!("{told} ({word})");
    }
    Judged::Waits(told)
}

/// Why, with what its newest tasks say.
pub(super) fn with_errors(why: &str, one: &StackService, goal: &Goal, memory: &Memory) -> String {
    let errors = errors(one, &goal.print, memory);
    if errors.is_empty() {
        return why.to_owned();
    }
    format!("{why}: {}", errors.join("; "))
}

/// What is wrong with tasks, each only once: of those that failed since, then of those that wait.
pub(super) fn errors(one: &StackService, print: &Print, memory: &Memory) -> Vec<String> {
    let failed = memory.failed(one, print);
    let waits = one.tasks.iter().filter(|task| {
        *task.print == *print.0 && task.is_wanted() && !task.is_running() && !task.is_over()
    });
    let mut told: Vec<String> = Vec::new();
    for task in failed.into_iter().chain(waits) {
        let why = match &*task.state {
            "complete" => Some("it ended, or was ended as unhealthy".to_owned()),
            _ => task.trouble(),
        };
        told.extend(why.filter(|why| !why.is_empty()));
    }
    let mut seen = BTreeSet::new();
    told.retain(|why| seen.insert(why.clone()));
    told.truncate(3);
    told
}
