//! Gray release in a Swarm: the new one runs as a second service beside the first, step by step, until it takes its place.
//!
//! What is known of it stands in the Swarm: how many tasks the second service has says how far it is.

use super::super::{
    place::{Place, Trouble},
    rollout::{Deploy, Stopped},
};
use crate::model::{
    Said,
    app::ServiceName,
    release::{Stacked, Target, Trial, Way, Wish},
    swarm::Mode,
};

impl<P: Place> Deploy<'_, P> {
    /// Tries a service in a second one, if this deploy does that. Whoever was killed in between goes on with the step
    /// that it is at.
    pub(super) async fn try_beside(&self, target: &Target) -> Result<(), Stopped> {
        let Some(steps) = self.rollout.trials.get(&target.service) else {
            return Ok(());
        };
        if self.promoted || self.life.wish() == Wish::Promote {
            return Ok(());
        }
        let seen = self.look(&target.host).await;
        let seen = seen.map_err(|trouble| Stopped::Failed {
            why: format!("{target}: {}", trouble.why),
            first: true,
        })?;
        if self.again && self.is_taken(&seen, &target.service) {
            return Ok(());
        }
        let reached = tasks(&seen, &target.service);
        for step in steps.iter().filter(|step| step.tasks >= reached) {
            self.asked()?;
            let told = said(&target.service, step);
            self.life.set_detail(told.clone());
            self.say(target)(Said::Line(told));
            let tried = Some(step.tasks);
            // The Swarm does not take it back by itself: it goes as a whole.
            self.set_to(target, Way::Back, tried, true).await?;
            let every = self.rollout.policy.gray.as_ref().map(|gray| gray.every);
            let watched = self
                .bake_stack(target, tried, every.unwrap_or_default())
                .await;
            watched.map_err(|halt| halt.stops(None, true))?;
            self.asked()?;
            if self.life.wish() == Wish::Promote {
                self.say(target)(Said::Line("promoted by wish".to_owned()));
                break;
            }
        }
        Ok(())
    }

    /// Whether the first one is of the new release already, or on its way to it.
    fn is_taken(&self, seen: &Stacked, service: &ServiceName) -> bool {
        let mark = seen.service(service).and_then(|one| one.mark.as_ref());
        mark.map(|mark| &mark.print) == self.rollout.release.print(service).as_ref()
    }

    /// Removes the second services that are tried: of one service or of all. Answers what stays, and why.
    pub(super) async fn drop_tried(&self, of: Option<&ServiceName>) -> Vec<String> {
        let Some(manager) = self.manager() else {
            return Vec::new();
        };
        let seen = match self.look(manager).await {
            Ok(seen) => seen,
            Err(Trouble { why, .. }) => return vec![why],
        };
        let all = seen.services.iter().filter(|one| {
            let is_of = |name: &ServiceName| *one.service == *name.as_str();
            one.tried && self.is_ours(one) && of.is_none_or(is_of)
        });
        let mut stays = Vec::new();
        for one in all {
            let gone = self.place.drop_service(manager, one).await;
            stays.extend(gone.err().map(|trouble| trouble.why));
        }
        stays
    }
}

/// How many tasks the second service has.
fn tasks(seen: &Stacked, service: &ServiceName) -> u32 {
    match seen.part(service, true).map(|one| &one.mode) {
        Some(Mode::Replicated(count)) => u32::try_from(*count).unwrap_or(u32::MAX),
        Some(Mode::Global | Mode::ReplicatedJob(_) | Mode::GlobalJob) | None => 0,
    }
}

/// What is told of a step; the share stands there as it was said.
fn said(service: &ServiceName, step: &Trial) -> String {
    let s = if step.tasks == 1 { "task" } else { "tasks" };
    format!(
        "{service} at {}: {} {s} of {} beside {}",
        step.share,
        step.tasks,
        service.canary(),
        step.beside
    )
}
