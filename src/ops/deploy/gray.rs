//! Gray release: a new release gets a share of the requests, is judged beside the old one, and comes everywhere only when
//! it is as good.

use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    converge::{patiently, sides},
    place::{Place, Trouble},
    rollout::{Deploy, Stopped},
    stages::Stage,
    traffic::{Move, WayIn, empty, way_in},
};
use crate::{
    clients::haproxy::Sample,
    model::{
        Rules, Said, Share, Verdict,
        app::ServiceName,
        release::{Front, Gray, Lane, Release, Rollout, Target, Wish},
        span,
    },
};

/// So often both are looked at beside each other.
const LOOK: std::time::Duration = std::time::Duration::from_secs(2);

/// What is tried before it comes everywhere.
pub(super) struct Tried<'t> {
    /// How.
    pub gray: &'t Gray,
    /// The service.
    pub service: &'t ServiceName,
    /// Where it stands.
    pub front: &'t Front,
}

/// The service that a deploy tries with a share of the requests; none when it tries nothing, or nothing of it changes.
pub(super) fn tried(rollout: &Rollout) -> Option<Tried<'_>> {
    let gray = rollout.policy.gray.as_ref()?;
    let previous = rollout.previous.as_deref()?;
    let (service, front) = candidate(&rollout.release)?;
    let same = previous.print(service) == rollout.release.print(service);
    (!same).then_some(Tried {
        gray,
        service,
        front,
    })
}

/// The service of a release that could be tried: the one whose balancer has a backend for it.
pub(super) fn candidate(release: &Release) -> Option<(&ServiceName, &Front)> {
    let mut all = release.fronts.iter();
    all.find(|(_, front)| front.canary.is_some())
}

/// What became of a step.
enum Judged {
    /// It is as good.
    Good,
    /// Somebody does not want to wait for more.
    Enough,
}

impl<P: Place> Deploy<'_, P> {
    /// Tries the new release share by share. Whoever was killed in between goes on with the share that is set.
    pub(super) async fn try_gray(&self, tried: &Tried<'_>) -> Result<(), Stopped> {
        let fails = |trouble: Trouble| Stopped::Failed {
            why: trouble.why,
            first: true,
        };
        let targets: Vec<Target> = self
            .rollout
            .release
            .targets
            .iter()
            .filter(|one| one.service == *tried.service)
            .cloned()
            .collect();
        if self.again
            && self
                .is_promoted(tried.front, &targets)
                .await
                .map_err(fails)?
        {
            return Ok(());
        }
        let reached = self.reached_share(tried).await.map_err(fails)?;
        for share in &tried.gray.steps {
            self.asked()?;
            let count = Gray::replicas(*share, targets.len());
            let stage = Stage {
                service: tried.service.clone(),
                batch: 0,
                targets: targets[..count.min(targets.len())].to_vec(),
            };
            self.life.set_detail(format!(
                "{} for {share} of the requests: {count} of {} replicas",
                tried.service,
                targets.len()
            ));
            let (_, failed) = self.stage(&stage, Lane::Canary).await;
            if self.stop.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            if !failed.is_empty() {
                let why = failed.join("; ");
                return Err(Stopped::Failed { why, first: true });
            }
            if *share < reached {
                continue;
            }
            let done = self.set_share(tried.front, *share).await;
            done.map_err(fails)?;
            match self.judge(tried, *share, &stage).await? {
                Judged::Good => {}
                Judged::Enough => break,
            }
        }
        Ok(())
    }

    /// Gives what is tried another share of the requests.
    pub(super) async fn set_share(&self, front: &Front, share: Share) -> Result<(), Trouble> {
        let set = Move::Share(share);
        patiently(|| self.place.balance(front, &set)).await
    }

    /// The share that whoever worked on it before had come to. What else stands there is somebody's mistake, and goes.
    async fn reached_share(&self, tried: &Tried<'_>) -> Result<Share, Trouble> {
        let now = patiently(|| self.place.share(tried.front)).await?;
        if self.again && tried.gray.steps.contains(&now) {
            return Ok(now);
        }
        if now != Share::NONE {
            self.set_share(tried.front, Share::NONE).await?;
        }
        Ok(Share::NONE)
    }

    /// Whether it was good enough before: a new one takes the place of an old one already.
    async fn is_promoted(&self, front: &Front, targets: &[Target]) -> Result<bool, Trouble> {
        let backends = patiently(|| self.place.backends(front)).await?;
        let release = &self.rollout.release;
        for target in targets {
            let converge = self.converge_to(release, target, Lane::Stable);
            let Some(print) = release.print(&target.service) else {
                continue;
            };
            let scope = self.rollout.scope();
            let all = patiently(|| self.place.observe(&target.host, scope)).await?;
            let new = sides(&converge, &print, &all).0;
            if let Some(new) = new.filter(|one| one.is_live())
                && way_in(front, Lane::Stable, &target.host, new, &backends) == Ok(WayIn::There)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Watches a share for its time. Nobody is promoted of whom nothing is known.
    async fn judge(
        &self,
        tried: &Tried<'_>,
        share: Share,
        stage: &Stage,
    ) -> Result<Judged, Stopped> {
        let rules = Rules {
            requests: tried.gray.requests,
            ..Rules::default()
        };
        let mut samples = self.place.watch(tried.front, LOOK, rules);
        let mut seen = std::collections::BTreeMap::new();
        let mut verdict = Verdict::Inconclusive("nothing was heard of it".to_owned());
        let until = Instant::now() + tried.gray.every;
        loop {
            self.asked()?;
            if self.life.wish() == Wish::Promote {
                self.tell(stage, format!("at {share}: promoted by wish"));
                return Ok(Judged::Enough);
            }
            for target in &stage.targets {
                let well = self.is_well(target, &mut seen).await;
                well.map_err(|why| Stopped::Failed { why, first: true })?;
            }
            let next = timeout_at(until.max(Instant::now() + LOOK * 2), samples.next()).await;
            match next {
                Ok(Some(Ok(sample))) => {
                    self.told(tried, share, stage, &sample, until);
                    verdict = sample.verdict;
                }
                // A balancer that cannot be asked for a moment says nothing against it.
                Ok(Some(Err(trouble))) => {
                    verdict = Verdict::Inconclusive(trouble.why);
                }
                Ok(None) | Err(_) => sleep(self.place.pace()).await,
            }
            if let Verdict::Failure(why) = verdict {
                let why = format!("at {share} of the requests: {why}");
                return Err(Stopped::Failed { why, first: true });
            }
            if Instant::now() >= until {
                return match verdict {
                    Verdict::Success => Ok(Judged::Good),
                    Verdict::Inconclusive(why) | Verdict::Failure(why) => Err(Stopped::Unsure(
                        format!("at {share} of the requests: {why}"),
                    )),
                };
            }
            self.keep_share(tried.front, share).await;
        }
    }

    /// A balancer that was started anew meanwhile has forgotten the share.
    async fn keep_share(&self, front: &Front, share: Share) {
        let now = self.place.share(front).await;
        if now.is_ok_and(|now| now != share) {
            let set = self.place.balance(front, &Move::Share(share)).await;
            if let Err(trouble) = set {
                tracing::warn!(why = trouble.why, "the share could not be set again");
            }
        }
    }

    fn told(
        &self,
        tried: &Tried<'_>,
        share: Share,
        stage: &Stage,
        sample: &Sample,
        until: Instant,
    ) {
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        let left = span(i64::try_from(left).unwrap_or(i64::MAX));
        let (old, new) = (&sample.stable, &sample.canary);
        let line = format!(
            "{share} for {left} more: {} requests, {} failed, {} ms; beside {} requests, {} failed, {} ms: {}",
            new.requests,
            new.errors_5xx + new.broken(),
            new.total_ms,
            old.requests,
            old.errors_5xx + old.broken(),
            old.total_ms,
            sample.verdict.word()
        );
        self.life.set_detail(format!("{} at {line}", tried.service));
        self.tell(stage, line);
    }

    /// Says something of a stage, where its first target is told of.
    pub(super) fn tell(&self, stage: &Stage, line: String) {
        if let Some(first) = stage.targets.first() {
            self.say(first)(Said::Line(line));
        }
    }

    /// Ends the trial: no share any more, and its servers are free. The containers stay.
    pub(super) async fn end_gray(&self, front: &Front) -> Result<(), Trouble> {
        if front.canary.is_none() {
            return Ok(());
        }
        self.set_share(front, Share::NONE).await?;
        empty(self.place, front, Lane::Canary).await
    }
}
