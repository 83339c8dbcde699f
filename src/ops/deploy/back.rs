//! The way back: whatever was changed gets the release before again.

use std::sync::atomic::Ordering;

use super::{
    converge::{SO_ALREADY, converge, withdraw},
    place::{Place, Trouble},
    rollout::{Deploy, End},
    stages::{Stage, leftovers, stages},
};
use crate::model::{
    Said, Share,
    release::{Lane, Phase, Rollout, Target},
};

/// The stages that go back: those that were reached, the last first. Whoever uses the network of another service comes
/// after that here, too, and always with it: its network is another one then.
fn way_back<'s>(rollout: &Rollout, stages: &'s [Stage], reached: usize) -> Vec<&'s Stage> {
    let releases = || {
        [Some(&rollout.release), rollout.previous.as_ref()]
            .into_iter()
            .flatten()
    };
    let lender = |stage: &Stage| releases().find_map(|one| one.shares(&stage.service).cloned());
    let (done, left) = stages.split_at(reached);
    let (mut then, mut order): (Vec<&Stage>, Vec<&Stage>) =
        done.iter().rev().partition(|stage| lender(stage).is_some());
    let concerned = left
        .iter()
        .filter(|stage| lender(stage).is_some_and(|of| done.iter().any(|one| one.service == of)));
    then.extend(concerned);
    order.extend(then);
    order
}

impl<P: Place> Deploy<'_, P> {
    /// Brings a target back to the release before, or takes it away when that had none there.
    async fn one_back(&self, target: &Target) -> Result<String, Trouble> {
        let say = self.say(target);
        say(Said::Line("going back".to_owned()));
        let previous = self.rollout.previous.as_ref();
        match previous.filter(|one| one.targets.contains(target)) {
            Some(previous) => {
                let to = self.converge_to(previous, target, Lane::Stable);
                let work = async {
                    let done = converge(&to, self.place, &self.teller, &say).await?;
                    let is = if done == SO_ALREADY {
                        "was still"
                    } else {
                        "is back"
                    };
                    Ok(format!("{is} at {}", previous.number))
                };
                self.step(target, work).await
            }
            None => {
                let release = &self.rollout.release;
                let fronts = self.fronts(&target.service);
                let work = withdraw(
                    release,
                    target,
                    self.place,
                    &self.teller,
                    &fronts,
                    self.rollout.adopt,
                );
                self.step(target, work).await
            }
        }
    }

    /// No request more comes to what is tried, before anything else is done.
    async fn no_share(&self) -> Vec<String> {
        let gray = self.rollout.policy.gray.as_ref();
        let fronts = self.rollout.release.fronts.values();
        let mut troubles = Vec::new();
        for front in fronts.filter(|one| gray.is_some() && one.canary.is_some()) {
            let done = self.set_share(front, Share::NONE).await;
            troubles.extend(done.err().map(|trouble| trouble.why));
        }
        troubles
    }

    /// Brings the release before back to every target, in reverse.
    pub(super) async fn back(&self, why: &str) -> End {
        if self.is_stack() {
            return self.back_stack(why).await;
        }
        self.life.set_phase(Phase::RollingBack);
        self.life.set_detail(format!("going back: {why}"));
        let mut troubles = self.no_share().await;
        let previous = self.rollout.previous.as_ref();
        let stages = stages(self.rollout);
        let reached = self.reached.load(Ordering::Relaxed).min(stages.len());
        for stage in way_back(self.rollout, &stages, reached) {
            let failed = self
                .each_host(&stage.targets, |target| Box::pin(self.one_back(target)))
                .await;
            troubles.extend(failed);
            let told = self.teller.tell(&|_| {}).await;
            troubles.extend(told.err().map(|trouble| trouble.why));
        }
        // What the new release does not have was taken away last, if it came that far.
        let gone = leftovers(self.rollout);
        if !gone.is_empty() && reached == stages.len() {
            let failed = self
                .each_host(&gone, |target| Box::pin(self.one_back(target)))
                .await;
            troubles.extend(failed);
            let told = self.teller.tell(&|_| {}).await;
            troubles.extend(told.err().map(|trouble| trouble.why));
        }
        if self.stop.is_cancelled() {
            return End::Paused(format!(
                "broken off on the way back ({why}); `app abort` goes on with it"
            ));
        }
        if let Some(untold) = self.teller.untold() {
            // Whoever reads a list that is wrong would ask targets that are gone.
            return End::Paused(format!(
                "on the way back ({why}) its targets could not be listed: {untold}; `app abort` goes on with it"
            ));
        }
        let number = previous.map_or_else(|| "nothing".to_owned(), |one| one.number.to_string());
        if troubles.is_empty() {
            End::Back(format!("{why}; everything is back at {number}"))
        } else {
            End::Failed(format!(
                "{why}; going back to {number} failed, too: {}",
                troubles.join("; ")
            ))
        }
    }
}
