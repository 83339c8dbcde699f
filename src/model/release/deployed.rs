//! What the store tells of deploys: those that are open, the releases that are everywhere, and how an app came to be as it is.

use std::{collections::BTreeMap, sync::Arc};

use super::{Held, Release, ReleaseNumber, Rollout, Scope};

/// What is known of the deploys of all apps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deploys {
    /// Those that are under way or stand still.
    pub open: BTreeMap<Scope, Open>,
    /// The newest release of each app that came everywhere.
    pub current: BTreeMap<Scope, Arc<Release>>,
    /// The releases of the app that somebody looks at.
    pub history: Option<History>,
}

/// A deploy that is under way or stands still.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// How far it is, and who works on it.
    pub held: Held,
    /// What it does.
    pub rollout: Arc<Rollout>,
}

/// The newest releases of an app.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Of which app in which environment.
    pub scope: Scope,
    /// The releases with what came of their deploys, newest first.
    pub releases: Vec<(Arc<Release>, Held)>,
}

impl Deploys {
    /// Whether nothing was ever deployed.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.current.is_empty()
    }

    /// The releases of an app with what came of their deploys, as far as they are known, newest first.
    pub fn history(&self, scope: &Scope) -> Option<&[(Arc<Release>, Held)]> {
        let history = self.history.as_ref()?;
        (history.scope == *scope).then_some(&history.releases)
    }

    /// A release that is known from anywhere.
    pub fn release(&self, scope: &Scope, number: ReleaseNumber) -> Option<&Arc<Release>> {
        let is_it = |one: &&Arc<Release>| one.number == number;
        let current = self.current.get(scope).filter(is_it);
        let open = self.open.get(scope).map(|one| &one.rollout.release);
        let past = self.history(scope).unwrap_or(&[]).iter();
        current
            .or_else(|| open.filter(is_it))
            .or_else(|| past.map(|(release, _)| release).find(is_it))
    }
}
