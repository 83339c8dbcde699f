//! What can be done: sentences, their plans on a fleet, and the runner that does them.

pub mod app;
pub mod builds;
pub mod catalogue;
pub mod column;
mod complete;
mod configure;
mod crew;
pub mod deploy;
pub mod discovery;
pub mod filter;
mod inventory;
mod listing;
pub mod maintenance;
mod named;
pub mod pipeline;
pub mod plan;
pub mod run;
pub mod sentence;
pub mod setting;
pub mod subnet;
pub mod swarm;
pub mod target;
#[cfg(test)]
mod tests;

/// Screens are tested with the templates that there are.
#[cfg(test)]
pub(crate) use crate::catalog::Catalog;
pub use catalogue::Entry;
pub use column::{Column, Context, Rows, Tone};
pub use complete::Completion;
pub use configure::configure;
pub use crew::{Crew, balancers_over, carry_out, discoveries_over};
pub use filter::{Filter, FilterError, Row};
pub use inventory::{Export, Import};
pub use listing::Listing;
pub use plan::{Confirm, LeftOut, Plan, Refusal, RefusalKind, way_to};
pub use run::{Hands, Ledger, Progress, RunError, recorded, run};
pub use sentence::{
    Accepts, AppCommand, AuditCommand, BalancerCommand, ContainerCommand, Danger, DiscoveryCommand,
    HostCommand, ImageCommand, JenkinsCommand, LogsCommand, NetworkCommand, NotifyCommand, Number,
    ParseError, PipelineCommand, Reader, RegistryCommand, Role, Sentence, SettingCommand,
    SubnetCommand, TemplateCommand, VolumeCommand,
};
pub use target::{ContainerPattern, HostPattern, PatternError, ResourcePattern, Target};
