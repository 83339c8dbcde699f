//! A plan: what a sentence would do, as values, before anything happens.

mod act;
mod app;
mod balancer;
mod configure;
mod discovery;
mod docker;
mod gather;
mod host;
mod image;
mod jenkins;
mod loss;
mod network;
mod pipeline;
mod prune;
mod query;
mod queue;
mod registry;
mod resource;
mod swarm;
mod switch;
mod volume;

pub(super) use configure::import as import_plan;
pub(super) use gather::unpermitted;
pub(super) use queue::unplanned;
pub use volume::way_to;

use std::fmt;

use serde::Serialize;

use super::{
    deploy::Task,
    sentence::{ContainerCommand, Danger, HostCommand, Sentence},
    target::Target,
};
use crate::model::{Fleet, Resource, Spot, Step, Subject};

/// What a sentence would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The sentence with its targets by name: it can be pasted into a shell; secrets are masked.
    pub sentence: String,
    /// In a few words: `Restart 3 containers on 2 hosts`.
    pub title: String,
    /// How bad it can be.
    pub danger: Danger,
    /// What it acts on, each as `name@host` or `@host`.
    pub targets: Vec<String>,
    /// What is done on which host, in order; empty for what is answered or edited here.
    pub steps: Vec<Step>,
    /// What is lost, target by target where it differs.
    pub loses: Vec<String>,
    /// The same as docker commands.
    pub docker: Vec<String>,
    /// What has to be asked first.
    pub confirm: Confirm,
    /// What is left out of what was named, each with the reason.
    pub left_out: Vec<LeftOut>,
    /// What to show on a target while it runs: `restarting`.
    pub busy: &'static str,
    /// Whether it belongs into the log of acts.
    pub recorded: bool,
    /// What is to be known of it before it is confirmed: what changes, and how.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// The deploy that is carried out in the place of the steps, which are its targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Box<Task>>,
}

/// A target that was named and is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The target, `name@host`.
    pub target: String,
    /// Why.
    pub refusal: Refusal,
}

/// What has to be asked before a plan is run; grows with what it can destroy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// Nothing.
    No,
    /// Yes or no.
    Ask,
    /// This text has to be typed: the environment's name, or the number of targets.
    Phrase(String),
}

/// Why a sentence cannot be done, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The kind of reason.
    pub kind: RefusalKind,
    /// Why not, in one line.
    pub why: String,
    /// What to do, in one line.
    pub remedy: String,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// Nothing may be changed: the program, the environment or the host is read-only.
    ReadOnly,
    /// Who asks may not do it there.
    Forbidden,
    /// The host cannot be reached.
    Offline,
    /// The target is not in a state for it, or already as wanted.
    State,
    /// Nothing is selected.
    Nothing,
    /// The selection is of another kind.
    Kind,
    /// There is no such target.
    Unknown,
    /// The name fits more than was meant.
    Ambiguous,
    /// Another operation runs on the target.
    Busy,
    /// The sentence makes no sense as it is.
    Sentence,
    /// It was not confirmed.
    Unconfirmed,
}

impl Refusal {
    /// A refusal with its reason and remedy.
    pub fn new(kind: RefusalKind, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            why: why.into(),
            remedy: remedy.into(),
        }
    }
}

impl Refusal {
    /// The refusal of a program that was started read-only.
    pub fn read_only() -> Self {
        Self::new(
            RefusalKind::ReadOnly,
            "this program was started read-only",
            "start it without --read-only",
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.remedy)
        }
    }
}

impl std::error::Error for Refusal {}

impl Sentence {
    /// What the sentence would do to the fleet. Targets that the sentence names win over the
    /// selection. Targets that cannot take part are left out with their reason; only when none
    /// is left, or a name is unknown or ambiguous, the whole is refused.
    ///
    /// Whoever may not do it anywhere is refused before anything else; and nothing is planned on a host where they may not.
    pub fn plan(&self, fleet: &Fleet, selection: &[Target]) -> Result<Plan, Refusal> {
        if let Some(refusal) = gather::unpermitted(self, fleet, Spot::Somewhere) {
            return Err(refusal);
        }
        let plan = self.planned(fleet, selection)?;
        self.permitted(plan, fleet)
    }

    /// The plan, unless it would act on a host where whoever says it may not.
    pub(super) fn permitted(&self, plan: Plan, fleet: &Fleet) -> Result<Plan, Refusal> {
        let inside = plan
            .steps
            .iter()
            .filter(|step| !matches!(step.subject, Subject::Outside(_)));
        let hosts = inside.filter_map(|step| fleet.host(&step.host));
        let mut refused =
            hosts.filter_map(|host| gather::unpermitted(self, fleet, Spot::Host(&host.spec)));
        match refused.next() {
            Some(refusal) => Err(refusal),
            None => queue::queued(self, plan, fleet),
        }
    }

    fn planned(&self, fleet: &Fleet, selection: &[Target]) -> Result<Plan, Refusal> {
        if let Self::App(_) = self
            && let Some(scope) = super::app::selected(fleet, selection)
        {
            return self.about_app(Some(scope)).planned(fleet, &[]);
        }
        match self {
            Self::Container(command) => match command {
                ContainerCommand::Start(_)
                | ContainerCommand::Stop { .. }
                | ContainerCommand::Restart { .. }
                | ContainerCommand::Pause(_)
                | ContainerCommand::Unpause(_)
                | ContainerCommand::Kill(_)
                | ContainerCommand::Remove(_)
                | ContainerCommand::Rename { .. }
                | ContainerCommand::Exec(_)
                | ContainerCommand::Copy { .. } => act::plan(self, command, fleet, selection),
                ContainerCommand::List(_)
                | ContainerCommand::Show(_)
                | ContainerCommand::Top { .. }
                | ContainerCommand::Changes { .. } => query::plan(self, fleet, selection),
            },
            Self::Host(command) => match command {
                HostCommand::Prune(args) => prune::plan(self, args, fleet, selection),
                HostCommand::Doctor { .. } => host::doctor(self, fleet, selection),
                HostCommand::Install(args) => host::install(self, args, fleet, selection),
                HostCommand::Upgrade(args) => host::upgrade(self, args, fleet, selection),
                HostCommand::Drain(_) | HostCommand::Activate(_) => {
                    host::upkeep(self, fleet, selection)
                }
                HostCommand::Add(args) => configure::add(self, args, fleet),
                HostCommand::Edit(args) => configure::edit(self, args, fleet),
                HostCommand::Remove { .. } => configure::remove(self, fleet, selection),
                HostCommand::Import(args) => configure::import(self, args, fleet, None),
                HostCommand::Export(_)
                | HostCommand::List(_)
                | HostCommand::Show { .. }
                | HostCommand::Reconnect { .. }
                | HostCommand::Login { .. } => query::plan(self, fleet, selection),
            },
            Self::Setting(command) => configure::setting(self, command, fleet),
            Self::Image(command) => image::plan(self, command, fleet, selection),
            Self::Network(command) => network::plan(self, command, fleet, selection),
            Self::Volume(command) => volume::plan(self, command, fleet, selection),
            Self::Registry(command) => registry::plan(self, command, fleet, selection),
            Self::App(command) => app::plan(self, command, fleet),
            Self::Pipeline(_) => pipeline::plan(self, fleet),
            Self::Node(command) => swarm::node(self, command, fleet, selection),
            Self::Service(command) => swarm::service(self, command, fleet, selection),
            Self::Secret(command) => {
                swarm::stored(self, Resource::Secret, command, fleet, selection)
            }
            Self::SwarmConfig(command) => {
                swarm::stored(self, Resource::Config, command, fleet, selection)
            }
            Self::Balancer(command) => balancer::plan(self, command, fleet, selection),
            Self::Jenkins(command) => jenkins::plan(self, command, fleet, selection),
            Self::Discovery(command) => discovery::plan(self, command, fleet),
            Self::Logs(_)
            | Self::Audit(_)
            | Self::Subnet(_)
            | Self::Swarm(_)
            | Self::Notify(_)
            | Self::Template(_) => query::plan(self, fleet, selection),
        }
    }
}

/// More targets than this make a confirmation stronger.
const MANY: usize = 10;

impl Confirm {
    /// What has to be asked for an act of that danger on so many targets, in those guarded
    /// environments.
    fn for_act(danger: Danger, targets: usize, guarded: &[String], left_out: bool) -> Self {
        match danger {
            Danger::Changes if targets > MANY || left_out => Self::Ask,
            Danger::Reads | Danger::Changes => Self::No,
            Danger::Destroys if !guarded.is_empty() => Self::Phrase(guarded.join(" ")),
            Danger::Disrupts | Danger::Destroys if targets > MANY => {
                Self::Phrase(targets.to_string())
            }
            Danger::Disrupts | Danger::Destroys => Self::Ask,
        }
    }
}
