//! Deploys to Swarms: an app's services are made and changed through one manager, watched, and taken back to their release.
//!
//! The Swarm replaces tasks by itself; what it calls completed is not yet well, and what it calls its previous spec is
//! not the previous release. So the whole spec is written in both directions, and tasks are looked at until all run it.

mod drift;
mod judge;
mod plan;
mod prepare;
mod roll;
mod site;
mod trial;
mod tried;

pub(super) use drift::{drift, present};
pub(super) use plan::{
    Stacking, against, changed, how, interrupted, leftovers, nodes_of, noted, seen, stack, told,
};
pub(super) use trial::{told as gray, trials};

use crate::model::{
    HostName,
    app::ServiceName,
    release::{Lease, Release, Scope, StackService, Stacked, Way},
    swarm::Facts,
};

use super::place::Trouble;

/// Swarms as the loop uses them: through their managers, or a stand-in for tests.
pub trait Swarms: Sync {
    /// What a manager knows of an app.
    fn stack(
        &self,
        manager: &HostName,
        scope: &Scope,
    ) -> impl Future<Output = Result<Stacked, Trouble>> + Send;

    /// What a service of a release is to be made of, or the second one of so many tasks that is tried beside it.
    fn wanted(
        &self,
        release: &Release,
        service: &ServiceName,
        tried: Option<u32>,
    ) -> Result<Facts, Trouble>;

    /// Makes a service or that second one, or changes what was seen of it. False when somebody else was faster.
    fn set(
        &self,
        manager: &HostName,
        release: &Release,
        service: (&ServiceName, Option<u32>),
        over: Option<&StackService>,
        way: Way,
    ) -> impl Future<Output = Result<bool, Trouble>> + Send;

    /// Removes a service with its tasks.
    fn drop_service(
        &self,
        manager: &HostName,
        one: &StackService,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Removes networks, secrets and configs of an app that none of the releases has; tells what stays.
    fn sweep(
        &self,
        manager: &HostName,
        scope: &Scope,
        kept: &[&Release],
    ) -> impl Future<Output = Result<Vec<String>, Trouble>> + Send;

    /// Marks a Swarm for the time of a deploy.
    fn mark_stack(
        &self,
        manager: &HostName,
        lease: &Lease,
        by: &str,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Takes the mark off.
    fn unmark_stack(
        &self,
        manager: &HostName,
        scope: &Scope,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;
}
