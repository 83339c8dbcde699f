//! Who does the steps of plans: the engines, and the clients of what is beside them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::{
    builds::Listener,
    deploy::{self, Task},
    discovery, maintenance,
    plan::Plan,
    run::{Hands, Progress, RunError, recorded, run},
};
use crate::{
    clients::{
        balancer::Balancers,
        discovery::Discoveries,
        jenkins::Servers,
        reach::{Reach, Stream, Way},
        registry::Registries,
    },
    engine::Engines,
    model::{
        Action, BalancerSpec, DiscoverySpec, Machine, Origin, Outcome, Placing, Said, Step,
        Trouble, jenkins::JenkinsSpec, release::Secrets,
    },
    store::Store,
};

/// The hands of the console, the shell and the worker.
#[derive(Clone, Debug)]
pub struct Crew {
    /// All Docker hosts.
    pub engines: Engines,
    /// All image registries.
    pub registries: Registries,
    /// All load balancers.
    pub balancers: Balancers,
    /// All Jenkins servers.
    pub jenkins: Servers,
    /// All that keep lists of targets.
    pub discoveries: Discoveries,
    /// Who knows the values of secrets.
    pub secrets: Secrets,
}

impl Crew {
    /// Hands for all of it; balancers are reached over the ways that the engines know, what opens a Jenkins is asked of
    /// who knows secrets.
    pub fn new(
        engines: Engines,
        registries: Registries,
        balancers: impl IntoIterator<Item = BalancerSpec>,
        jenkins: impl IntoIterator<Item = JenkinsSpec>,
        discoveries: impl IntoIterator<Item = DiscoverySpec>,
        secrets: Secrets,
    ) -> Self {
        Self {
            balancers: balancers_over(&engines, balancers),
            jenkins: Servers::new(jenkins, secrets.clone()),
            discoveries: discoveries_over(&engines, discoveries, secrets.clone()),
            engines,
            registries,
            secrets,
        }
    }
}

/// Load balancers that are reached over the ways that the engines know.
pub fn balancers_over(
    engines: &Engines,
    specs: impl IntoIterator<Item = BalancerSpec>,
) -> Balancers {
    Balancers::new(specs, Arc::new(ByEngines(engines.clone())))
}

/// Lists of targets, on machines that are reached over the ways that the engines know.
pub fn discoveries_over(
    engines: &Engines,
    specs: impl IntoIterator<Item = DiscoverySpec>,
    secrets: Secrets,
) -> Discoveries {
    Discoveries::new(specs, Arc::new(ByEngines(engines.clone())), secrets)
}

/// Carries a plan out, whatever it is: its steps, or the deploy that it stands for.
pub async fn carry_out(
    plan: &Plan,
    origin: &Origin,
    reason: Option<&str>,
    crew: &Crew,
    store: &Store,
    cancel: CancellationToken,
    report: impl Fn(Progress) + Sync,
) -> Result<Outcome, RunError> {
    let Some(task) = &plan.deploy else {
        let Some(listener) = Listener::of(plan) else {
            return run(plan, origin, reason, crew, store, cancel, report).await;
        };
        let both = |progress| {
            listener.take(&progress);
            report(progress);
        };
        let ended = run(plan, origin, reason, crew, store, cancel, both).await;
        listener.keep(store).await;
        return ended;
    };
    if let Task::Upkeep(upkeep) = &**task {
        let work = maintenance::carry_out(plan, upkeep, crew, store, &cancel, &report);
        return recorded(plan, origin, reason, store, &report, Box::pin(work)).await;
    }
    let by = origin.signature();
    let work = deploy::carry_out(task, crew, &crew.secrets, store, &by, &cancel, &report);
    let work = Box::pin(work);
    recorded(plan, origin, reason, store, &report, work).await
}

impl Hands for Crew {
    async fn act(&self, step: &Step, say: &(dyn Fn(Said) + Sync)) -> Result<String, String> {
        // What is done to what is told around it.
        match &step.action {
            Action::Registry(action) => {
                let done = self.registries.act(action, say).await;
                done.map_err(|error| error.reason())
            }
            Action::Balancer(step) => {
                let done = self.balancers.act(step, say).await;
                done.map_err(|error| error.reason())
            }
            Action::Jenkins(step) => {
                let done = self.jenkins.act(step, say).await;
                done.map_err(|error| error.reason())
            }
            Action::Discovery(step) => discovery::act(self, step, say).await,
            _ => {
                let done = self.engines.act(step, say).await;
                done.map_err(|error| error.reason())
            }
        }
    }
}

/// Machines, reached as the engines on them are.
#[derive(Debug)]
struct ByEngines(Engines);

impl Reach for ByEngines {
    fn connect<'a>(&'a self, machine: &'a Machine, socket: &'a str) -> Way<'a, Stream> {
        Box::pin(async move {
            let stream = self.0.open_socket(machine, socket).await?;
            Ok(Box::new(stream) as Stream)
        })
    }

    fn explain<'a>(
        &'a self,
        machine: &'a Machine,
        socket: &'a str,
    ) -> BoxFuture<'a, Option<Trouble>> {
        Box::pin(self.0.explain_socket(machine, socket))
    }

    fn read<'a>(&'a self, machine: &'a Machine, path: &'a str) -> Way<'a, String> {
        Box::pin(self.0.read_of(machine, path))
    }

    fn place<'a>(&'a self, machine: &'a Machine, placing: &'a Placing) -> Way<'a, bool> {
        Box::pin(self.0.place_of(machine, placing))
    }

    fn run<'a>(&'a self, machine: &'a Machine, script: &'a str) -> Way<'a, String> {
        Box::pin(self.0.run_of(machine, script))
    }

    fn write<'a>(&'a self, machine: &'a Machine, path: &'a str, text: &'a str) -> Way<'a, ()> {
        Box::pin(self.0.write_of(machine, path, text))
    }
}
