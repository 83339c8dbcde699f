//! What a deploy goes through: its stages in their order, the steps of its targets, and what is left over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::swarm;
use crate::model::{
    app::ServiceName,
    release::{Converge, DeployAction, Front, Lane, Release, Rollout, Target, strategy},
};

/// Targets of one service that go at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The service.
    pub service: ServiceName,
    /// Which batch of the service it is, from 1.
    pub batch: usize,
    /// Its targets.
    pub targets: Vec<Target>,
}

/// The stages of a deploy: services in the order in which they need each other, each in batches.
pub fn stages(rollout: &Rollout) -> Vec<Stage> {
    let release = &rollout.release;
    let mut stages = Vec::new();
    for service in order(release) {
        let mut targets: Vec<Target> = release
            .targets
            .iter()
            .filter(|target| target.service == service)
            .cloned()
            .collect();
        for (at, size) in rollout.policy.deal(targets.len()).into_iter().enumerate() {
            let rest = targets.split_off(size);
            stages.push(Stage {
                service: service.clone(),
                batch: at + 1,
                targets,
            });
            targets = rest;
        }
    }
    stages
}

/// The services, each after those that it needs. A circle is broken by names.
pub(super) fn order(release: &Release) -> Vec<ServiceName> {
    let mut left: BTreeSet<&ServiceName> = release.spec.services.keys().collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let is_free = |name: &ServiceName| {
            let service = release.spec.services.get(name);
            service.is_none_or(|one| !one.depends_on.keys().any(|need| left.contains(need)))
        };
        let free: Vec<&ServiceName> = left.iter().copied().filter(|name| is_free(name)).collect();
        let next = if free.is_empty() {
            left.iter().copied().take(1).collect()
        } else {
            free
        };
        for name in next {
            left.remove(name);
            order.push(name.clone());
        }
    }
    order
}

/// The numbers of the steps, by target.
pub(super) fn steps(rollout: &Rollout) -> BTreeMap<Target, usize> {
    let targets = stages(rollout).into_iter().flat_map(|stage| stage.targets);
    let gone = leftovers(rollout);
    targets
        .chain(gone)
        .enumerate()
        .map(|(at, one)| (one, at))
        .collect()
}

/// The targets of the release before that the new one does not have.
pub(super) fn leftovers(rollout: &Rollout) -> Vec<Target> {
    if rollout.release.stack.is_some() {
        return swarm::leftovers(rollout);
    }
    let Some(previous) = &rollout.previous else {
        return Vec::new();
    };
    let gone = previous.targets.iter();
    gone.filter(|one| !rollout.release.targets.contains(one))
        .cloned()
        .collect()
}

/// Where containers of the other release stand, when that is not where those of this one do.
pub(super) fn left(rollout: &Rollout, to: &Release, service: &ServiceName) -> Option<Box<Front>> {
    let here = to.fronts.get(service);
    let all = [Some(&rollout.release), rollout.previous.as_ref()];
    let other = all
        .into_iter()
        .flatten()
        .find(|one| one.number != to.number)?;
    let there = other.fronts.get(service)?;
    let same = here.is_some_and(|here| here == there);
    (!same).then(|| Box::new(there.clone()))
}

/// The steps of a deploy as a plan tells them: every target of every stage, then what goes.
pub(super) fn actions(rollout: &Rollout) -> Vec<(Target, DeployAction)> {
    let release = &rollout.release;
    let stages = stages(rollout).into_iter().flat_map(|stage| stage.targets);
    let mut actions: Vec<(Target, DeployAction)> = stages
        .filter_map(|target| {
            let service = release.spec.services.get(&target.service)?;
            let action = DeployAction::Converge(Converge {
                release: Arc::clone(release),
                target: target.clone(),
                strategy: strategy(&target.service, service, &release.spec).0,
                gate: rollout.policy.gate(service),
                adopt: rollout.adopt,
                lane: Lane::Stable,
                left: left(rollout, release, &target.service),
            });
            Some((target, action))
        })
        .collect();
    actions.extend(leftovers(rollout).into_iter().map(|target| {
        let action = DeployAction::Withdraw {
            release: Arc::clone(release),
            target: target.clone(),
        };
        (target, action)
    }));
    actions
}
