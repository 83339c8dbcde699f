//! The real Swarms as the loop uses them.

use super::{Swarms, Trouble};
use crate::{
    engine::Engines,
    model::{
        HostName,
        app::ServiceName,
        release::{Lease, Release, Scope, StackService, Stacked, Way},
        swarm::Facts,
    },
    ops::Crew,
};

impl Swarms for Crew {
    async fn stack(&self, manager: &HostName, scope: &Scope) -> Result<Stacked, Trouble> {
        Ok(self.engines.stack(manager, scope).await?)
    }

    fn wanted(
        &self,
        release: &Release,
        service: &ServiceName,
        tried: Option<u32>,
    ) -> Result<Facts, Trouble> {
        let facts = Engines::stack_facts(release, service, tried, &self.secrets);
        facts.map_err(|why| Trouble { why, passes: false })
    }

    async fn set(
        &self,
        manager: &HostName,
        release: &Release,
        service: (&ServiceName, Option<u32>),
        over: Option<&StackService>,
        way: Way,
    ) -> Result<bool, Trouble> {
        let over = over.map(|one| (&*one.id, one.version));
        let set = self
            .engines
            .set_service(manager, release, service, over, way, &self.secrets);
        Ok(set.await?)
    }

    async fn drop_service(&self, manager: &HostName, one: &StackService) -> Result<(), Trouble> {
        Ok(self.engines.drop_service(manager, &one.id).await?)
    }

    async fn sweep(
        &self,
        manager: &HostName,
        scope: &Scope,
        kept: &[&Release],
    ) -> Result<Vec<String>, Trouble> {
        let swept = self
            .engines
            .sweep_stack(manager, scope, kept, &self.secrets);
        Ok(swept.await?)
    }

    async fn mark_stack(&self, manager: &HostName, lease: &Lease, by: &str) -> Result<(), Trouble> {
        Ok(self.engines.mark_stack(manager, lease, by).await?)
    }

    async fn unmark_stack(&self, manager: &HostName, scope: &Scope) -> Result<(), Trouble> {
        Ok(self.engines.unmark_stack(manager, scope).await?)
    }
}
