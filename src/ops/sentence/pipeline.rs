//! What can be said of pipelines and their runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Danger, Pair, Role, Why, write::Words};
use crate::model::pipeline::{PipelineName, RunNumber, StepName};

/// Sentences about pipelines.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum PipelineCommand {
    /// List the pipelines that are known, with their last runs
    List,
    /// Start a pipeline: its run is put into the queue, for the worker
    Run(StartArgs),
    /// List runs, newest first: how far they are, why they began, how long they took
    Runs {
        /// Only of this pipeline
        #[arg(value_name = "PIPELINE")]
        pipeline: Option<PipelineName>,
        /// Only those that are not over
        #[arg(long)]
        open: bool,
        /// How many
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        number: u32,
    },
    /// Show a run with its steps: how long each took, what its tests said, whom it asks
    Show {
        /// The run, `42`
        #[arg(value_name = "RUN")]
        run: RunNumber,
    },
    /// Read or follow what the steps of a run wrote
    Logs {
        /// The run, `42`
        #[arg(value_name = "RUN")]
        run: RunNumber,
        /// Only this step
        #[arg(value_name = "STEP")]
        step: Option<StepName>,
        /// Go on until the run is over
        #[arg(short, long)]
        follow: bool,
    },
    /// Let a run end: what is under way is stopped
    Cancel(RunArgs),
    /// Run again what a run did, from a step on or from the first that did not go well
    Retry {
        /// Which run, and why.
        #[command(flatten)]
        run: RunArgs,
        /// From this step on, with all that come after it
        #[arg(long, value_name = "STEP")]
        from: Option<StepName>,
    },
    /// Let a run go on that asks for it
    Approve(AnswerArgs),
    /// Let a run end that asks whether it may go on
    Reject(AnswerArgs),
    /// Read pipeline files and say what is wrong with them; nothing is run
    Check {
        /// The files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// Which pipeline is started, with what.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct StartArgs {
    /// Its name
    #[arg(value_name = "PIPELINE")]
    pub pipeline: PipelineName,
    /// The value of a parameter, `BRANCH=main`; may be said several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<Pair>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RunArgs {
    /// The run, `42`
    #[arg(value_name = "RUN")]
    pub run: RunNumber,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which run is answered, and why.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AnswerArgs {
    /// The run, `42`
    #[arg(value_name = "RUN")]
    pub run: RunNumber,
    /// The step that asks; needs not be said when only one does
    #[arg(value_name = "STEP")]
    pub step: Option<StepName>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

impl PipelineCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List
            | Self::Runs { .. }
            | Self::Show { .. }
            | Self::Logs { .. }
            | Self::Check { .. } => Danger::Reads,
            Self::Approve(_) | Self::Reject(_) => Danger::Changes,
            // What a run does may interrupt anything.
            Self::Run(_) | Self::Retry { .. } | Self::Cancel(_) => Danger::Disrupts,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List
            | Self::Runs { .. }
            | Self::Show { .. }
            | Self::Logs { .. }
            | Self::Check { .. } => Role::Query,
            Self::Run(_)
            | Self::Retry { .. }
            | Self::Cancel(_)
            | Self::Approve(_)
            | Self::Reject(_) => Role::Deploy,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List
            | Self::Runs { .. }
            | Self::Show { .. }
            | Self::Logs { .. }
            | Self::Check { .. } => None,
            Self::Run(args) => Some(&args.why),
            Self::Cancel(args) | Self::Retry { run: args, .. } => Some(&args.why),
            Self::Approve(args) | Self::Reject(args) => Some(&args.why),
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List => "pipeline list",
            Self::Run(_) => "pipeline run",
            Self::Runs { .. } => "pipeline runs",
            Self::Show { .. } => "pipeline show",
            Self::Logs { .. } => "pipeline logs",
            Self::Cancel(_) => "pipeline cancel",
            Self::Retry { .. } => "pipeline retry",
            Self::Approve(_) => "pipeline approve",
            Self::Reject(_) => "pipeline reject",
            Self::Check { .. } => "pipeline check",
        }
    }

    /// Writes what comes after the words that name it, without the reason.
    pub(super) fn write(&self, words: &mut Words) {
        match self {
            Self::List => {}
            Self::Run(args) => {
                words.add(args.pipeline.as_str());
                for pair in &args.set {
                    words.option("--set", Some(pair));
                }
            }
            Self::Runs {
                pipeline,
                open,
                number,
            } => {
                words.0.extend(pipeline.as_ref().map(ToString::to_string));
                words.flag("--open", *open);
                words.option("--number", (*number != 20).then_some(number));
            }
            Self::Show { run } => words.0.push(run.0.to_string()),
            Self::Logs { run, step, follow } => {
                words.0.push(run.0.to_string());
                words.0.extend(step.as_ref().map(ToString::to_string));
                words.flag("--follow", *follow);
            }
            Self::Cancel(args) => words.0.push(args.run.0.to_string()),
            Self::Retry { run, from } => {
                words.0.push(run.run.0.to_string());
                words.option("--from", from.as_ref());
            }
            Self::Approve(args) | Self::Reject(args) => {
                words.0.push(args.run.0.to_string());
                words.0.extend(args.step.as_ref().map(ToString::to_string));
            }
            Self::Check { files } => {
                words
                    .0
                    .extend(files.iter().map(|file| file.display().to_string()));
            }
        }
    }
}
