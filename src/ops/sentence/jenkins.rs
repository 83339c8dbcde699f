//! What can be said of Jenkins servers, their jobs and builds.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use glob::Pattern;

use super::{Danger, Pair, Role, Why, write::Words};
use crate::model::jenkins::{JobAt, JobPath};

/// So many builds are listed when nothing is said.
const BUILDS: u32 = 20;

/// Sentences about Jenkins.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum JenkinsCommand {
    /// List the Jenkins servers that are known: their version, as whom we are let in, or why not
    List,
    /// List the jobs and folders of a server, or of a folder
    Jobs {
        /// The server
        #[arg(value_name = "SERVER")]
        server: Arc<str>,
        /// The folder, `pay`; the top of all when none
        #[arg(value_name = "FOLDER")]
        folder: Option<JobPath>,
    },
    /// List the builds of a job, newest first: how they ended, why they began, how long they took
    Builds {
        /// The job, `pay/regression@ci`
        #[arg(value_name = "JOB@SERVER")]
        job: JobAt,
        /// How many
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = BUILDS,
            value_parser = clap::value_parser!(u32).range(1..=10_000))]
        number: u32,
    },
    /// Show a job with its parameters, or a build with what it was given
    Show {
        /// The job, `pay/regression@ci`
        #[arg(value_name = "JOB@SERVER")]
        job: JobAt,
        /// The build, `41`
        #[arg(value_name = "BUILD")]
        build: Option<u64>,
    },
    /// List what waits in the queue of a server, and why
    Queue {
        /// The server
        #[arg(value_name = "SERVER")]
        server: Arc<str>,
    },
    /// Have a job built; parameters that it does not have are refused, for Jenkins would drop them
    Run(RunJobArgs),
    /// Read or follow the console of a build
    Logs {
        /// The job, `pay/regression@ci`
        #[arg(value_name = "JOB@SERVER")]
        job: JobAt,
        /// The build; the last one when none
        #[arg(value_name = "BUILD")]
        build: Option<u64>,
        /// Go on until the build is over
        #[arg(short, long)]
        follow: bool,
    },
    /// Stop a build, or take out of the queue what has not begun
    Abort(AbortJobArgs),
    /// List the files that a build kept, or bring them to this machine
    Artifacts(ArtifactsArgs),
    /// Check a server before it is relied on: reachable, TLS, who, crumb, permissions, folders, console, clock; nothing is changed there
    Doctor {
        /// The server
        #[arg(value_name = "SERVER")]
        server: Arc<str>,
    },
}

/// Which job is built, with what.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RunJobArgs {
    /// The job, `pay/regression@ci`
    #[arg(value_name = "JOB@SERVER")]
    pub job: JobAt,
    /// The value of a parameter, `IMAGE=shop/web:1.2`; may be said several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<Pair>,
    /// Tell its console until it is over, and fail when it does not go well
    #[arg(short, long)]
    pub follow: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AbortJobArgs {
    /// The job, `pay/regression@ci`
    #[arg(value_name = "JOB@SERVER")]
    pub job: JobAt,
    /// The build, `41`
    #[arg(value_name = "BUILD", required_unless_present = "queued")]
    pub build: Option<u64>,
    /// Something that waits, by its number in the queue
    #[arg(long, value_name = "NUMBER", conflicts_with = "build")]
    pub queued: Option<u64>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which files.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ArtifactsArgs {
    /// The job, `pay/regression@ci`
    #[arg(value_name = "JOB@SERVER")]
    pub job: JobAt,
    /// The build; the last one when none
    #[arg(value_name = "BUILD")]
    pub build: Option<u64>,
    /// Only those that fit, `target/*.jar`
    #[arg(long = "match", value_name = "PATTERN")]
    pub pattern: Option<Pattern>,
    /// Bring them below this directory
    #[arg(long, value_name = "DIRECTORY")]
    pub to: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long, requires = "to")]
    pub replace: bool,
}

impl JenkinsCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            // What a job does may interrupt anything.
            Self::Run(_) | Self::Abort(_) => Danger::Disrupts,
            Self::List
            | Self::Jobs { .. }
            | Self::Builds { .. }
            | Self::Show { .. }
            | Self::Queue { .. }
            | Self::Logs { .. }
            | Self::Artifacts(_)
            | Self::Doctor { .. } => Danger::Reads,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Run(_) | Self::Abort(_) => Role::Act,
            Self::List
            | Self::Jobs { .. }
            | Self::Builds { .. }
            | Self::Show { .. }
            | Self::Queue { .. }
            | Self::Logs { .. }
            | Self::Artifacts(_)
            | Self::Doctor { .. } => Role::Query,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::Run(args) => Some(&args.why),
            Self::Abort(args) => Some(&args.why),
            Self::List
            | Self::Jobs { .. }
            | Self::Builds { .. }
            | Self::Show { .. }
            | Self::Queue { .. }
            | Self::Logs { .. }
            | Self::Artifacts(_)
            | Self::Doctor { .. } => None,
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List => "jenkins list",
            Self::Jobs { .. } => "jenkins jobs",
            Self::Builds { .. } => "jenkins builds",
            Self::Show { .. } => "jenkins show",
            Self::Queue { .. } => "jenkins queue",
            Self::Run(_) => "jenkins run",
            Self::Logs { .. } => "jenkins logs",
            Self::Abort(_) => "jenkins abort",
            Self::Artifacts(_) => "jenkins artifacts",
            Self::Doctor { .. } => "jenkins doctor",
        }
    }

    /// Writes what comes after the words that name it, without the reason.
    pub(super) fn write(&self, words: &mut Words) {
        let build = |build: &Option<u64>| build.map(|build| build.to_string());
        match self {
            Self::List => {}
            Self::Jobs { server, folder } => {
                words.add(&**server);
                words.0.extend(folder.as_ref().map(ToString::to_string));
            }
            Self::Builds { job, number } => {
                words.add(job.to_string());
                words.option("--number", (*number != BUILDS).then_some(number));
            }
            Self::Show { job, build: number } => {
                words.add(job.to_string());
                words.0.extend(build(number));
            }
            Self::Queue { server } | Self::Doctor { server } => {
                words.add(&**server);
            }
            Self::Run(args) => {
                words.add(args.job.to_string());
                for pair in &args.set {
                    words.option("--set", Some(pair));
                }
                words.flag("--follow", args.follow);
            }
            Self::Logs {
                job,
                build: number,
                follow,
            } => {
                words.add(job.to_string());
                words.0.extend(build(number));
                words.flag("--follow", *follow);
            }
            Self::Abort(args) => {
                words.add(args.job.to_string());
                words.0.extend(build(&args.build));
                words.option("--queued", args.queued);
            }
            Self::Artifacts(args) => {
                words.add(args.job.to_string());
                words.0.extend(build(&args.build));
                words
                    .option("--match", args.pattern.as_ref().map(Pattern::as_str))
                    .option("--to", args.to.as_ref().map(|to| to.display()))
                    .flag("--replace", args.replace);
            }
        }
    }
}
