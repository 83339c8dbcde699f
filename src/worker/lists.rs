//! Lists of targets between deploys: what dies falls off them, and what is back is listed again.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    RETRY, Worker,
    sight::{Sight, View},
};
use crate::{
    clients::discovery::KeptState,
    model::{ContainerId, Health, Outcome, State, Timestamp},
    ops::{
        Crew, DiscoveryCommand, Sentence,
        discovery::{Wanted, look, wanted},
        sentence::{DiscoveryPlace, PushArgs, Why},
    },
    store::Filter,
};

/// A list is compared at least so often, for somebody may have changed it.
const COMPARE: Duration = Duration::from_mins(1);

/// So many of the newest acts are looked through for those that bring lists up to date themselves.
const ACTS: u32 = 200;

/// An act that has run for longer is one that nobody ends any more.
const OLD: Duration = Duration::from_hours(1);

/// What was seen of a list the last time.
struct Seen {
    /// The containers of its app.
    containers: Vec<(ContainerId, State, Health)>,
    /// When it was compared.
    compared: Instant,
    /// That it was otherwise than it is to be, where nobody was about to change that.
    differs: bool,
    /// Since when it is left alone, because it could not be written as these containers are.
    failed: Option<Instant>,
}

/// Keeps the lists.
#[derive(Default)]
pub(super) struct Lister {
    seen: BTreeMap<String, Seen>,
}

impl Lister {
    /// Looks at all lists once; those that were otherwise than they are to be at two looks in a row are written.
    pub async fn look(&mut self, view: &View<'_>) {
        let View { worker, sight, .. } = view;
        if sight.fleet.discoveries.is_empty() {
            return;
        }
        let specs: Vec<_> = sight.fleet.discoveries.iter().cloned().collect();
        let lists = match wanted(worker.store, &specs).await {
            Ok(lists) => lists,
            Err(error) => {
                tracing::warn!(%error, "the worker cannot see which lists there are");
                return;
            }
        };
        let is_fixed = |one: &Wanted| {
            one.spec.read_only || sight.fleet.environment(&one.scope.environment).read_only
        };
        // Of a host that does not answer nothing is known: what it has stays listed.
        let is_seen = |one: &Wanted| {
            let mut hosts = one.hosts.iter().map(|name| sight.fleet.host(name));
            hosts.all(|host| host.is_some_and(|host| host.listed && host.link.is_online()))
        };
        let kept = lists.iter();
        for list in kept.filter(|one| !is_fixed(one) && is_seen(one)) {
            if worker.cancel.is_cancelled() {
                return;
            }
            if let Err(why) = Box::pin(self.one(view, list)).await {
                tracing::warn!(list = %key(list), why, "the worker cannot see how a list is");
            }
        }
        let is_known = |name: &String| lists.iter().any(|one| key(one) == *name);
        self.seen.retain(|name, _| is_known(name));
    }

    async fn one(&mut self, view: &View<'_>, list: &Wanted) -> Result<(), String> {
        let View {
            worker,
            sight,
            crew,
        } = view;
        let containers = containers(sight, list);
        let last = self.seen.get(&key(list));
        let is_new = last.is_none_or(|last| {
            let is_left = last.failed.is_some_and(|at| at.elapsed() < RETRY);
            let is_due = last.differs || last.compared.elapsed() >= COMPARE;
            last.containers != containers || (is_due && !is_left)
        });
        if !is_new {
            return Ok(());
        }
        let differed = last.is_some_and(|last| last.differs);
        let detail = if is_busy(worker, list).await? {
            None
        } else {
            differs(crew, list).await?
        };
        let differs = detail.is_some();
        let seen = Seen {
            containers,
            compared: Instant::now(),
            differs,
            failed: None,
        };
        self.seen.insert(key(list), seen);
        let Some(detail) = detail.filter(|_| differed) else {
            return Ok(());
        };
        // A deploy or a drain may have begun while it was looked.
        if is_busy(worker, list).await? {
            return Ok(());
        }
        let told = match view.act(&push(list, detail)).await {
            Ok(text) => text,
            Err(why) => {
                if let Some(seen) = self.seen.get_mut(&key(list)) {
                    seen.failed = Some(Instant::now());
                }
                format!("FAILED: {why}")
            }
        };
        (worker.tell)(&format!("list of {}: {told}", key(list)));
        Ok(())
    }
}

fn key(list: &Wanted) -> String {
    format!("{} by {}", list.scope, list.spec.name)
}

/// The containers of the app of a list, as far as they are told.
fn containers(sight: &Sight, list: &Wanted) -> Vec<(ContainerId, State, Health)> {
    let hosts = list.hosts.iter().filter_map(|name| sight.fleet.host(name));
    let all = hosts.flat_map(|host| host.containers.values());
    let app = list.scope.app.as_str();
    all.filter(|one| one.app.as_deref() == Some(app))
        .map(|one| (one.id.clone(), one.state.clone(), one.health))
        .collect()
}

/// Whether somebody is about to bring it up to date: a deploy of its app, or an act that takes hosts in and out.
async fn is_busy(worker: &Worker<'_>, list: &Wanted) -> Result<bool, String> {
    let open = worker.store.open_deploy(&list.scope).await;
    if open.map_err(|error| error.to_string())?.is_some() {
        return Ok(true);
    }
    let filter = Filter::default();
    let acts = worker.store.operations(ACTS, None, &filter).await;
    let acts = acts.map_err(|error| error.to_string())?;
    let now = Timestamp::now();
    Ok(acts.iter().any(|act| {
        let age = Duration::try_from(now.duration_since(act.at)).unwrap_or_default();
        let words = act.sentence.trim_start_matches("wharf ");
        act.outcome == Outcome::Running
            && age < OLD
            && ["host ", "app ", "discovery "]
                .iter()
                .any(|begin| words.starts_with(begin))
    }))
}

/// How a list is otherwise than it is to be; none when it is right. A place that does not answer tells nothing.
async fn differs(crew: &Crew, list: &Wanted) -> Result<Option<String>, String> {
    let listing = look(crew, list).await?;
    let discovery = crew.discoveries.open(&list.spec.name);
    let discovery = discovery.map_err(|error| error.to_string())?;
    let kept = discovery.compare(&listing).await;
    let kept = kept.map_err(|error| error.to_string())?;
    let mut others = kept.iter().filter(|one| one.state == KeptState::Differs);
    Ok(others
        .next()
        .map(|one| format!("{}: {}", one.place, one.detail)))
}

/// The sentence that anybody would say.
fn push(list: &Wanted, detail: String) -> Sentence {
    Sentence::Discovery(DiscoveryCommand::Push(PushArgs {
        place: DiscoveryPlace {
            name: list.spec.name.to_string(),
            app: Some(list.scope.app.clone()),
            env: Some(list.scope.environment.to_string()),
        },
        why: Why {
            reason: Some(detail),
        },
    }))
}
