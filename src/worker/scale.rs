//! Services whose replicas follow their load: looked at again and again, and scaled as anybody would.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::sight::View;
use crate::{
    clients::balancer::Balancer,
    model::{
        Feed, Fleet, State, Timestamp,
        release::Release,
        scaling::{Decision, Metric, Scaling, Seen, decide, is_calm},
    },
    ops::{Sentence, deploy},
};

/// So many releases are looked at.
const RELEASES: u32 = 50;

/// Scales services.
#[derive(Default)]
pub(super) struct Scaler {
    /// Since when fewer replicas would be enough.
    calm: BTreeMap<String, Instant>,
}

impl Scaler {
    /// Looks at all services once, and scales those that need it.
    pub async fn look(&mut self, view: &View<'_>) {
        let View { worker, sight, .. } = view;
        let scalings = worker.setup.scalings.iter();
        let feeds = scalings.flat_map(|one| feeds(&sight.fleet, one));
        sight.engines.want(feeds.collect());
        for scaling in &worker.setup.scalings {
            if worker.cancel.is_cancelled() {
                return;
            }
            let decision = match self.one(view, scaling).await {
                Ok(Some(decision)) => decision,
                Ok(None) => continue,
                Err(why) => {
                    (worker.tell)(&format!("scaling {}: {why}", scaling.key()));
                    continue;
                }
            };
            if let Err(error) = worker.store.decided(&scaling.key(), &decision).await {
                tracing::warn!(%error, "a decision about scaling could not be recorded");
            }
        }
    }

    /// Looks at one service; what was decided, and none while a deploy of its app is open.
    async fn one(
        &mut self,
        view: &View<'_>,
        scaling: &Scaling,
    ) -> Result<Option<Decision>, String> {
        let (worker, store) = (view.worker, view.worker.store);
        let open = store.open_deploy(&scaling.scope).await;
        if open.map_err(|error| error.to_string())?.is_some() {
            return Ok(None);
        }
        let releases = store.releases(&scaling.scope, RELEASES).await;
        let releases = releases.map_err(|error| error.to_string())?;
        let now = Timestamp::now();
        let Some(release) = deploy::current(&releases) else {
            return Ok(Some(Decision {
                at: now,
                replicas: 0,
                to: None,
                value: None,
                why: format!("{} has no release", scaling.scope),
            }));
        };
        let newest = releases.first().map_or(release.at, |(newest, _)| newest.at);
        let seen = self.seen(view, scaling, release, newest).await;
        let (to, mut why) = decide(scaling, &seen);
        if let Some(to) = to {
            (worker.tell)(&format!("scaling {} to {to}: {why}", scaling.key()));
            match Box::pin(scale(view, scaling, to, &why)).await {
                Ok(text) => (worker.tell)(&format!("{}: {text}", scaling.key())),
                Err(refused) => {
                    why = format!("{why}; but it was not done: {refused}");
                    (worker.tell)(&format!("scaling {} FAILED: {refused}", scaling.key()));
                }
            }
            self.calm.remove(&scaling.key());
        }
        Ok(Some(Decision {
            at: now,
            replicas: seen.replicas,
            to,
            value: seen.value,
            why,
        }))
    }

    /// What is seen of a service now.
    async fn seen(
        &mut self,
        view: &View<'_>,
        scaling: &Scaling,
        release: &Release,
        newest: Timestamp,
    ) -> Seen {
        let targets = release.targets.iter();
        let count = targets.filter(|one| one.service == scaling.service).count();
        let replicas = u32::try_from(count).unwrap_or(u32::MAX);
        let unchanged =
            Duration::try_from(Timestamp::now().duration_since(newest)).unwrap_or_default();
        let mut seen = Seen {
            replicas,
            value: load(view, scaling, replicas).await,
            unchanged,
            calm: Duration::ZERO,
        };
        let key = scaling.key();
        if is_calm(scaling, &seen) {
            seen.calm = self.calm.entry(key).or_insert_with(Instant::now).elapsed();
        } else {
            self.calm.remove(&key);
        }
        seen
    }
}

/// The samples that a service is judged by.
fn feeds(fleet: &Fleet, scaling: &Scaling) -> Vec<Feed> {
    match scaling.metric {
        Metric::Queue { .. } => Vec::new(),
        Metric::Cpu => {
            let replicas = replicas(fleet, scaling).into_iter();
            replicas
                .map(|(host, one)| Feed::Stats(host.name().clone(), one.id.clone()))
                .collect()
        }
    }
}

/// The load of one replica, on average; none when it is not known.
async fn load(view: &View<'_>, scaling: &Scaling, count: u32) -> Option<f64> {
    match &scaling.metric {
        Metric::Cpu => {
            let replicas = replicas(&view.sight.fleet, scaling);
            let samples = replicas.iter();
            let samples: Vec<f64> = samples
                .filter_map(|(_, one)| one.usage?.cpu)
                .map(f64::from)
                .collect();
            // Of a part of them nothing can be told.
            let all = !samples.is_empty() && samples.len() == replicas.len();
            #[expect(clippy::cast_precision_loss, reason = "there are not so many replicas")]
            all.then(|| samples.iter().sum::<f64>() / samples.len() as f64)
        }
        Metric::Queue { balancer, backend } => {
            let balancer = view.crew.balancers.open(balancer).ok()?;
            // What nobody counts is not known.
            if matches!(balancer, Balancer::Nginx(_)) {
                return None;
            }
            let found = balancer.backends().await.ok()?;
            let found = found.iter().find(|one| one.name == *backend)?;
            let waiting: u64 = found.queue + found.slots.iter().map(|slot| slot.queue).sum::<u64>();
            #[expect(clippy::cast_precision_loss, reason = "there are not so many requests")]
            Some(waiting as f64 / f64::from(count.max(1)))
        }
    }
}

/// Scales a service by the sentence that anybody would say.
async fn scale(view: &View<'_>, scaling: &Scaling, to: u32, why: &str) -> Result<String, String> {
    let mut words = vec![
        "app".to_owned(),
        "scale".to_owned(),
        scaling.scope.app.to_string(),
        format!("{}={to}", scaling.service),
        "--reason".to_owned(),
        why.to_owned(),
    ];
    for host in &scaling.hosts {
        words.extend(["--hosts".to_owned(), host.clone()]);
    }
    if !scaling.scope.environment.is_empty() {
        words.extend(["--env".to_owned(), scaling.scope.environment.to_string()]);
    }
    let line =
        shlex::try_join(words.iter().map(String::as_str)).map_err(|error| error.to_string())?;
    let sentence = Sentence::parse(&line).map_err(|error| error.to_string())?;
    view.act(&sentence).await
}

/// The replicas of a service that run.
fn replicas<'f>(
    fleet: &'f Fleet,
    scaling: &Scaling,
) -> Vec<(&'f crate::model::Host, &'f crate::model::Container)> {
    let all = fleet.containers().filter(|(host, one)| {
        one.state == State::Running
            && one.app.as_deref() == Some(scaling.scope.app.as_str())
            && one.service.as_deref() == Some(scaling.service.as_str())
            && host.environment() == &*scaling.scope.environment
    });
    all.collect()
}
