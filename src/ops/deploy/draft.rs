//! What a deploy is planned from: everything that had to be read, as values.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::Serialize;

use super::{
    fronts::Fronted,
    rollout::Begin,
    swarm::{self, Stacking},
};
use crate::model::{
    Fleet, HostName, Image, Maintenance, Timestamp,
    app::{SecretName, ServiceName, Spec, Told},
    pipeline::SuiteResult,
    release::{Found, Held, Policy, Release, Request, Scope, Target, Verdict, Wish},
};
use crate::ops::{maintenance::Upkeep, pipeline};

/// What a deploy is planned from.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Of which app in which environment.
    pub scope: Scope,
    /// What is to be.
    pub spec: Spec,
    /// Where it comes from: `template nginx 1.2`, `shop.yaml`.
    pub source: String,
    /// The release whose images it keeps, where it names the same ones: it comes back or is changed a little.
    pub keeps: Option<Release>,
    /// What was said about it when it was read.
    pub told: Vec<Told>,
    /// Secrets that are made, each of so many characters.
    pub generate: Vec<(SecretName, usize)>,
    /// Secrets that nobody knows, with where they were looked for.
    pub unknown: Vec<String>,
    /// The hosts that are to have it; of a Swarm one manager.
    pub hosts: Vec<HostName>,
    /// Where its replicas are to be, where that is decided already.
    pub targets: Option<Vec<Target>>,
    /// The Swarm that is to have it; none for hosts of their own.
    pub stack: Option<Stacking>,
    /// The releases that there are, newest first.
    pub releases: Vec<(Release, Held)>,
    /// What registries say that names mean now: a digest, or why not.
    pub digests: BTreeMap<String, Result<String, String>>,
    /// The containers of the app on its hosts, or why they are not known.
    pub found: BTreeMap<HostName, Result<Vec<Found>, String>>,
    /// Services that publish their port themselves, for their environment has no balancer.
    pub plain: Vec<ServiceName>,
    /// Where services stand behind balancers, with what those say, or why they cannot.
    pub fronts: BTreeMap<ServiceName, Fronted>,
    /// The images of its hosts, as far as they are known.
    pub images: BTreeMap<HostName, Vec<Image>>,
    /// How it is brought there.
    pub policy: Policy,
    /// Containers that somebody else made are replaced.
    pub adopt: bool,
    /// The file of this machine that has its images.
    pub bundle: Option<PathBuf>,
    /// When it is planned.
    pub at: Timestamp,
    /// Who does it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// What was asked for of the app in its environment, newest first.
    pub requests: Vec<Request>,
    /// What the suites said last that its environment asks for, each as the environment's gates are in order.
    pub suites: Vec<Vec<SuiteResult>>,
    /// The hosts that are in maintenance.
    pub resting: Vec<Maintenance>,
    /// Why it cannot wait for the end of a freeze or for approvals.
    pub emergency: Option<String>,
}

/// What is done in the place of the steps of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A deploy is begun, or gone on with.
    Run(Begin),
    /// Whoever works on a deploy is told what is wished.
    Wish(Scope, Wish),
    /// A deploy is given up.
    Unlock(Scope),
    /// Others are asked to approve a release.
    Ask(Box<Request>),
    /// Somebody says of a request whether it may be deployed.
    Judge {
        /// Of which app in which environment.
        scope: Scope,
        /// Which request.
        digest: String,
        /// What is said.
        verdict: Verdict,
    },
    /// A host is drained, or comes back: the steps of the plan are done one after the other.
    Upkeep(Box<Upkeep>),
    /// Something is done with a run of a pipeline.
    Pipeline(Box<pipeline::Act>),
}

impl Draft {
    /// Its hosts, and those that are nodes of its Swarm.
    pub(super) fn everywhere(&self, fleet: &Fleet) -> Vec<HostName> {
        let seen = self.stack.as_ref().and_then(|one| one.seen.as_ref().ok());
        let nodes = seen.map(|seen| swarm::nodes_of(fleet, seen));
        let nodes = nodes.into_iter().flat_map(BTreeMap::into_values);
        let all: BTreeSet<HostName> = self.hosts.iter().cloned().chain(nodes).collect();
        all.into_iter().collect()
    }

    /// The release that is everywhere now, as far as deploys are known: the newest that succeeded.
    pub fn current(&self) -> Option<&Release> {
        current(&self.releases)
    }
}

/// The newest release whose deploy succeeded.
pub fn current(releases: &[(Release, Held)]) -> Option<&Release> {
    use crate::model::release::Phase;
    let good = releases
        .iter()
        .find(|(_, held)| held.phase == Phase::Succeeded);
    good.map(|(release, _)| release)
}
