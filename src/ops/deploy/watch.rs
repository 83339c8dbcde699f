//! Watches containers that were found well for as long as they are to be watched.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    converge::sides, listen::Ear, place::Place, plan::time as spoken, rollout::Deploy,
    stages::Stage,
};
use crate::model::{
    Health,
    release::{Found, Lane, Strategy, Target, Wish},
};

/// So often containers are looked at while they are watched.
pub(super) const WATCH: Duration = Duration::from_secs(2);

/// What is known of a container that is watched.
pub(super) struct Watched {
    /// How often it had been restarted when it was first looked at.
    restarts: u64,
    ear: Ear,
}

impl<P: Place> Deploy<'_, P> {
    /// Watches the containers of a stage that are well now.
    pub(super) async fn bake(&self, stage: &Stage) -> Result<(), String> {
        let time = self.rollout.policy.bake;
        if time.is_zero() {
            return Ok(());
        }
        let mut seen: BTreeMap<String, Watched> = BTreeMap::new();
        let until = Instant::now() + time;
        let words = format!("watching for {}", spoken(time));
        self.life
            .set_detail(format!("{} batch {}: {words}", stage.service, stage.batch));
        self.tell(stage, words);
        loop {
            for target in &stage.targets {
                self.is_well(target, &mut seen).await?;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.is_cancelled() || self.life.wish() == Wish::Abort {
                return Ok(());
            }
            sleep(WATCH.min(left)).await;
        }
    }

    /// Whether the container of a target still is well. A host that cannot be reached now says nothing against it.
    pub(super) async fn is_well(
        &self,
        target: &Target,
        seen: &mut BTreeMap<String, Watched>,
    ) -> Result<(), String> {
        let converge = self.converge_to(&self.rollout.release, target, Lane::Stable);
        if converge.strategy == Strategy::Job {
            return Ok(());
        }
        let print = self.rollout.release.print(&target.service);
        let scope = self.rollout.scope();
        let all = match self.place.observe(&target.host, scope).await {
            Ok(all) => all,
            Err(trouble) if trouble.passes => return Ok(()),
            Err(trouble) => return Err(trouble.why),
        };
        let ours = print.and_then(|print| sides(&converge, &print, &all).0);
        let Some(one) = ours else {
            return Err(format!("{target}: its container is gone"));
        };
        let id = one.id.as_str().to_owned();
        let watched = seen.entry(id).or_insert_with(|| Watched {
            restarts: one.restarts,
            ear: Ear::new(&converge.gate),
        });
        let why = if !one.is_live() {
            format!("it ended with exit code {}", one.exit)
        } else if one.restarts > watched.restarts {
            "it was restarted".to_owned()
        } else if one.health == Health::Unhealthy {
            "its health check fails".to_owned()
        } else if let Some(line) = self.fault(target, one, &mut watched.ear).await {
            format!("its log says: {line}")
        } else {
            return Ok(());
        };
        let words = self.place.last_words(&target.host, &one.id).await;
        let last = words
            .last()
            .map(|line| format!("; its last line: {}", line.trim()));
        Err(format!(
            "{target} was well and is not any more: {why}{}",
            last.unwrap_or_default()
        ))
    }

    /// A line of a container's log that must not be there; each is read once.
    async fn fault(&self, target: &Target, one: &Found, ear: &mut Ear) -> Option<String> {
        // A host that cannot be reached now says nothing against it.
        let listened = ear.listen(self.place, &target.host, one).await;
        listened.ok().and_then(|()| ear.heard.fault.clone())
    }
}
