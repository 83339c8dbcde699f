//! What is known of pipelines and their runs, for whoever shows them.

use std::{collections::BTreeSet, sync::Arc};

use super::{Pipeline, PipelineName, Run, RunHeld, RunNumber, Verb};
use crate::model::BuildRecord;

/// The pipelines that have a file, and the newest runs of all.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Those whose files were read; none before that.
    pub files: Option<Arc<[Arc<Pipeline>]>>,
    /// The newest runs, the newest first; none before they were read.
    pub runs: Option<Arc<[RunHeld]>>,
    /// The newest builds of images, the newest first; none before somebody looked at them.
    pub builds: Option<Arc<[BuildRecord]>>,
    /// Why files could not be read the last time.
    pub files_trouble: Option<Arc<str>>,
    /// Why runs could not be read the last time; those of before are still there.
    pub runs_trouble: Option<Arc<str>>,
    /// Why builds could not be read the last time; those of before are still there.
    pub builds_trouble: Option<Arc<str>>,
}

impl Board {
    /// The runs as far as they are known, the newest first.
    pub fn runs(&self) -> &[RunHeld] {
        self.runs.as_deref().unwrap_or(&[])
    }

    /// The builds as far as they are known, the newest first.
    pub fn builds(&self) -> &[BuildRecord] {
        self.builds.as_deref().unwrap_or(&[])
    }

    /// A run by its number.
    pub fn run(&self, number: RunNumber) -> Option<&RunHeld> {
        self.runs().iter().find(|held| held.run.number == number)
    }

    /// The runs of a pipeline, the newest first.
    pub fn runs_of<'b>(&'b self, name: &PipelineName) -> impl Iterator<Item = &'b RunHeld> {
        let runs = self.runs().iter();
        runs.filter(move |held| held.run.name() == name)
    }

    /// All names, of files and of runs whose file is gone.
    pub fn names(&self) -> BTreeSet<&PipelineName> {
        let files = self.files.iter().flat_map(|files| files.iter());
        let runs = self.runs().iter().map(|held| held.run.name());
        files.map(|one| &one.name).chain(runs).collect()
    }

    /// The name as it is kept here.
    pub fn known(&self, name: &PipelineName) -> Option<&PipelineName> {
        self.pipeline(name).map(|pipeline| &pipeline.name)
    }

    /// A pipeline as its file says it, or as it was in its newest run.
    pub fn pipeline(&self, name: &PipelineName) -> Option<&Arc<Pipeline>> {
        let mut files = self.files.iter().flat_map(|files| files.iter());
        let file = files.find(|one| one.name == *name);
        file.or_else(|| self.runs_of(name).next().map(|held| &held.run.pipeline))
    }

    /// Takes in the files that were read, or why they were not.
    pub fn take_files(&mut self, read: Result<Arc<[Arc<Pipeline>]>, Arc<str>>) {
        match read {
            Ok(files) => (self.files, self.files_trouble) = (Some(files), None),
            Err(why) => self.files_trouble = Some(why),
        }
    }

    /// Takes in the builds that were read, or why they were not.
    pub fn take_builds(&mut self, read: Result<Arc<[BuildRecord]>, Arc<str>>) {
        match read {
            Ok(builds) => (self.builds, self.builds_trouble) = (Some(builds), None),
            Err(why) => self.builds_trouble = Some(why),
        }
    }

    /// Takes in the runs that were read, or why they were not.
    pub fn take_runs(&mut self, read: Result<Arc<[RunHeld]>, Arc<str>>) {
        match read {
            Ok(runs) => (self.runs, self.runs_trouble) = (Some(runs), None),
            Err(why) => self.runs_trouble = Some(why),
        }
    }
}

impl Run {
    /// Whose approval it waits for: `ops-lead or eve`, `2 of ann, bob, eve`; empty when nobody is asked.
    pub fn asked(&self) -> String {
        let asked = self.asks().filter_map(|step| {
            let Verb::Approval(approval) = &self.pipeline.step(&step.name)?.verb else {
                return None;
            };
            let names = approval.people.join(", ");
            Some(match (approval.people.len(), approval.count) {
                (0, 0 | 1) => format!("anybody but {}", self.by),
                (0, count) => format!("{count} people but {}", self.by),
                (1, _) => names,
                (_, count) => format!("{count} of {names}"),
            })
        });
        asked.collect::<Vec<_>>().join("; ")
    }

    /// What its tests said, all steps together; none without any.
    pub fn tests(&self) -> Option<super::TestReport> {
        let mut reports = self.steps.iter().filter_map(|step| step.report.clone());
        let mut sum = reports.next()?;
        for report in reports {
            sum.add(report);
        }
        Some(sum)
    }
}
