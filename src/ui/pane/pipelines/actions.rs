//! What can be done with what is under the cursor: with a pipeline, a run, a step, a build.

use super::{At, Pipelines, builds};
use crate::model::{
    Fleet,
    pipeline::{Run, Status},
};

/// A line with what it does.
type Action = (String, &'static str);

fn action(line: &str, about: &'static str) -> Action {
    (line.to_owned(), about)
}

impl Pipelines {
    /// The name of what is under the cursor, and what can be done with it.
    pub(super) fn possible(&self, fleet: &Fleet) -> (String, Vec<Action>) {
        let reads = fleet.read_only;
        let held = self.meant(fleet).and_then(|run| fleet.pipelines.run(run));
        let mut all = Vec::new();
        let title = match &self.at {
            At::All => self.current(fleet).map(|name| name.to_string()),
            At::Builds | At::Build(_) => {
                let key = self.builds.table.list.current();
                let build = key.and_then(|key| builds::build(&fleet.pipelines, key));
                build.map(|build| format!("{} on {}", build.image(), build.host))
            }
            At::Run(_) => held.map(|held| {
                let step = self.view.step();
                let step = step.map_or_else(String::new, |step| format!(", {step}"));
                format!("run {} of {}{step}", held.run.number, held.run.name())
            }),
            At::Runs(_) | At::Pair(..) => {
                held.map(|held| format!("run {} of {}", held.run.number, held.run.name()))
            }
        };
        let Some(title) = title else {
            return ("Nothing is under the cursor".to_owned(), all);
        };
        match &self.at {
            At::All => all.push(action("open", "Its runs")),
            At::Runs(_) => all.push(action("open", "Its steps as a graph, with logs and tests")),
            At::Builds => all.push(action("open", "What the build said")),
            At::Run(_) | At::Pair(..) | At::Build(_) => {}
        }
        if let Some(held) = held.filter(|_| !matches!(self.at, At::Build(_))) {
            self.on_run(&held.run, reads, &mut all);
        }
        let has_pipeline = self.current(fleet).is_some();
        if has_pipeline && !reads {
            all.push(action(
                "say pipeline run",
                "Start it, with a form where it asks something",
            ));
        }
        if matches!(self.at, At::Runs(_)) {
            all.push(action(
                "mark",
                "Mark the run; two that are marked can be compared",
            ));
            let marked = self.runs.list.selection().len();
            if marked == 2 {
                all.push(action("compare", "Compare the two marked runs"));
            }
        }
        if matches!(self.at, At::Builds) {
            all.push(action("copy", "Copy its digest"));
        }
        if !self.wants_builds() {
            all.push(action("image builds", "All images that were built"));
        }
        all.push(action(
            "notify history",
            "What people were told lately, and whether they got it",
        ));
        (title, all)
    }

    /// What can be done with a run as it is now.
    fn on_run(&self, run: &Run, reads: bool, all: &mut Vec<Action>) {
        all.push(action("say pipeline logs", "The log of its step"));
        if let (At::Run(_), Some(step)) = (&self.at, self.view.step())
            && run
                .step(step)
                .is_some_and(|step| !step.artifacts.is_empty())
        {
            all.push(action(
                "say pipeline artifacts",
                "Where the files are that the step left",
            ));
        }
        if reads {
            return;
        }
        if run.asks().next().is_some() {
            all.push(action("say pipeline approve", "Let it go on"));
            all.push(action("say pipeline reject", "Let it end"));
        }
        if !run.status.is_over() {
            all.push(action(
                "say pipeline cancel",
                "Let it end: what is under way is stopped",
            ));
        } else if matches!(self.at, At::Run(_)) {
            all.push(action(
                "say pipeline retry",
                "Again, from the step under the cursor on",
            ));
        } else if run.status != Status::Success {
            all.push(action(
                "say pipeline retry",
                "Again, from the first step that did not go well",
            ));
        }
    }
}
