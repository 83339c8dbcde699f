//! Which lists there are to be: who keeps them, of which apps, and the hosts that may have targets.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    model::{
        DiscoverySpec, DiscoveryStep, HostName,
        release::{Deploys, Release, Scope},
    },
    store::{Error, Store},
};

/// A list that is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who keeps it.
    pub spec: DiscoverySpec,
    /// Of which app in which environment.
    pub scope: Scope,
    /// The services of its release.
    pub services: Vec<String>,
    /// The hosts that may have targets of it.
    pub hosts: Vec<HostName>,
}

impl Wanted {
    /// The step that brings it there.
    pub fn step(&self) -> DiscoveryStep {
        DiscoveryStep {
            discovery: Arc::clone(&self.spec.name),
            scope: self.scope.clone(),
            services: self.services.clone(),
            hosts: self.hosts.clone(),
            without: Vec::new(),
            with: (Vec::new(), 0),
        }
    }
}

/// The lists that are to be of all that was deployed: of the releases that are everywhere, and of those under way. Hosts in
/// maintenance have no targets; Swarms have a discovery of their own.
///
/// # Errors
/// When the store cannot be read.
pub async fn wanted(store: &Store, specs: &[DiscoverySpec]) -> Result<Vec<Wanted>, Error> {
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let known = store.deployed(&Deploys::default(), None, true).await?;
    let resting = store.maintenances().await?;
    let scopes: BTreeSet<&Scope> = known.current.keys().chain(known.open.keys()).collect();
    let mut all = Vec::new();
    for scope in scopes {
        let open = known.open.get(scope).map(|one| &one.rollout);
        let current = known.current.get(scope);
        let releases: Vec<&Arc<Release>> = open
            .map(|rollout| &rollout.release)
            .into_iter()
            .chain(open.and_then(|rollout| rollout.previous.as_ref()))
            .chain(current)
            .collect();
        let Some(newest) = releases.first() else {
            continue;
        };
        if newest.stack.is_some() {
            continue;
        }
        let hosts: BTreeSet<&HostName> = releases.iter().flat_map(|one| one.hosts()).collect();
        let rests = |host: &HostName| resting.iter().any(|one| one.host == *host);
        let hosts: Vec<HostName> = hosts
            .into_iter()
            .filter(|host| !rests(host))
            .cloned()
            .collect();
        all.extend(
            specs
                .iter()
                .filter(|spec| spec.lists(scope))
                .map(|spec| Wanted {
                    spec: spec.clone(),
                    scope: scope.clone(),
                    services: services(newest),
                    hosts: hosts.clone(),
                }),
        );
    }
    Ok(all)
}

/// The services of a release, as lists name them.
pub(in crate::ops) fn services(release: &Release) -> Vec<String> {
    release
        .spec
        .services
        .keys()
        .map(ToString::to_string)
        .collect()
}
