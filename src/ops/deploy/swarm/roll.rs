//! The rollout in a Swarm: one service after the other is told its whole spec and watched until all tasks run it.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{sync::Semaphore, time::sleep};

use super::{
    Trouble,
    judge::{Goal, Judged, Memory, errors, judge, wanted, with_errors},
    leftovers,
};
use crate::{
    model::{
        HostName, Said,
        app::{Healthcheck, Service, ServiceName},
        release::{OnFailure, Phase, Release, StackService, Stacked, Target, Way, Wish},
        swarm::Facts,
    },
    ops::deploy::{
        converge::SO_ALREADY,
        place::Place,
        rollout::{Deploy, End, Stopped},
        stages::stages,
        watch::WATCH,
    },
};

/// A manager may be silent for so long.
const SILENT: Duration = Duration::from_mins(1);

/// So often a spec is written, when somebody or something writes another one again and again.
const WRITES: usize = 6;

/// On so many nodes at the same time images are fetched.
const PULLS: usize = 8;

/// Why a service does not come to what it is to be.
#[derive(Debug)]
pub(super) enum Halt {
    /// Somebody else changed it; this is what.
    Asks(String),
    /// It does not get well, or cannot be told.
    Fails(Trouble),
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Fails(trouble)
    }
}

impl Halt {
    /// As a step tells it.
    fn trouble(&self) -> Trouble {
        match self {
            Self::Asks(why) => Trouble {
                why: why.clone(),
                passes: true,
            },
            Self::Fails(trouble) => trouble.clone(),
        }
    }

    /// As it stops the deploy.
    pub(super) fn stops(self, target: Option<&Target>, first: bool) -> Stopped {
        let named = |why: String| match target {
            Some(target) => format!("{target}: {why}"),
            None => why,
        };
        match self {
            Self::Asks(why) => Stopped::Asks(why),
            Self::Fails(trouble) => Stopped::Failed {
                why: named(trouble.why),
                first,
            },
        }
    }
}

/// Why a service does not come to what it was told again and again.
fn unsettled(one: Option<&StackService>, facts: &Facts) -> String {
    match one {
        None => "it cannot be made: another service has its name".to_owned(),
        Some(one) => format!(
            "somebody changes it again and again: {}",
            one.facts.diff(facts).join(", ")
        ),
    }
}

/// What could not be taken away stops the deploy.
fn stopped_by(stays: &[String], first: bool) -> Result<(), Stopped> {
    if stays.is_empty() {
        return Ok(());
    }
    let why = stays.join("; ");
    Err(Stopped::Failed { why, first })
}

fn fails(why: impl Into<String>) -> Halt {
    Halt::Fails(Trouble {
        why: why.into(),
        passes: false,
    })
}

impl<P: Place> Deploy<'_, P> {
    /// The manager that is told.
    pub(super) fn manager(&self) -> Option<&HostName> {
        self.rollout.release.targets.first().map(|one| &one.host)
    }

    /// Marks the Swarm, and has the nodes that are known fetch images: one that is missing would be missed when the old
    /// task is gone.
    pub(in crate::ops::deploy) async fn begin_stack(&self) -> Result<(), String> {
        let Some(manager) = self.manager() else {
            return Err("the release has no services".to_owned());
        };
        let marked = self.place.mark_stack(manager, self.lease, self.by).await;
        marked.map_err(|trouble| trouble.why)?;
        self.life.set_detail("fetching images".to_owned());
        let release = &self.rollout.release;
        let nodes: BTreeSet<&HostName> = release
            .stack
            .iter()
            .flat_map(|one| one.nodes.values())
            .collect();
        let gate = Semaphore::new(PULLS);
        let gate = &gate;
        let pulling = nodes.into_iter().map(|host| async move {
            let _turn = gate.acquire().await;
            for pin in release.pins.values() {
                if self.stop.is_cancelled() {
                    return Err("it was broken off".to_owned());
                }
                let there = match self.place.image(host, pin).await {
                    Ok(there) => there.is_some(),
                    // A node that cannot be asked now fetches it itself, when it gets a task.
                    Err(_) => true,
                };
                if !there {
                    let pulled = self.place.pull(host, pin, None, &|_| {}).await;
                    pulled.map_err(|trouble| format!("{host}: {}", trouble.why))?;
                }
            }
            Ok(())
        });
        join_all(pulling).await.into_iter().collect()
    }

    /// Takes the mark off.
    pub(in crate::ops::deploy) async fn leave_stack(&self) {
        let Some(manager) = self.manager() else {
            return;
        };
        let done = self.place.unmark_stack(manager, self.rollout.scope()).await;
        if let Err(trouble) = done {
            tracing::warn!(why = trouble.why, "a mark of a deploy stays in its Swarm");
        }
    }

    /// Brings the new release to all services.
    pub(in crate::ops::deploy) async fn forth_stack(&self) -> Result<String, Stopped> {
        let stages = stages(self.rollout);
        let all = stages.len();
        let mut first = true;
        if !self.again {
            // Of a deploy that was given up.
            let stays = self.drop_tried(None).await;
            stopped_by(&stays, first)?;
        }
        for (at, stage) in stages.iter().enumerate() {
            self.asked()?;
            self.reached.fetch_max(at + 1, Ordering::Relaxed);
            for target in &stage.targets {
                self.try_beside(target).await?;
                self.life
                    .set_detail(format!("{} ({} of {all})", stage.service, at + 1));
                let done = self.set_to(target, Way::Forth, None, first).await?;
                let changed = done != SO_ALREADY;
                if changed || self.again {
                    let bake = self.rollout.policy.bake;
                    let baked = self.bake_stack(target, None, bake).await;
                    baked.map_err(|halt| halt.stops(None, first))?;
                }
                if self.rollout.trials.contains_key(&stage.service) {
                    let stays = self.drop_tried(Some(&stage.service)).await;
                    stopped_by(&stays, first)?;
                }
                if changed || self.again {
                    first = false;
                    if at + 1 < all && !self.rollout.policy.wait.is_zero() {
                        self.wait(self.rollout.policy.wait).await?;
                    }
                }
            }
        }
        self.asked()?;
        self.life.set_detail("tidying up".to_owned());
        let mut told = Vec::new();
        for target in leftovers(self.rollout) {
            let gone = self.step(&target, self.drop_one(&target)).await;
            told.extend(gone.err().map(|trouble| trouble.why));
        }
        let kept: Vec<&Release> = [Some(&self.rollout.release), self.rollout.previous.as_ref()]
            .into_iter()
            .flatten()
            .map(|one| &**one)
            .collect();
        told.extend(self.sweep_up(&kept).await);
        Ok(told.join("; "))
    }

    /// Brings a service to the new release, or the second one beside it to so many tasks, as a step that is told.
    pub(super) async fn set_to(
        &self,
        target: &Target,
        way: Way,
        tried: Option<u32>,
        first: bool,
    ) -> Result<String, Stopped> {
        let to = &self.rollout.release;
        let mut halt = None;
        let work = async {
            let settled = self.settle(to, target, way, tried).await;
            settled.map_err(|why| {
                let trouble = why.trouble();
                halt = Some(why);
                trouble
            })
        };
        let done = self.step(target, work).await;
        self.asked()?;
        match (halt, done) {
            (Some(halt), _) => Err(halt.stops(Some(target), first)),
            (None, Err(trouble)) => Err(Halt::Fails(trouble).stops(Some(target), first)),
            (None, Ok(done)) => Ok(done),
        }
    }

    /// What stays of networks, secrets and configs that no release has any more.
    async fn sweep_up(&self, kept: &[&Release]) -> Vec<String> {
        let Some(manager) = self.manager() else {
            return Vec::new();
        };
        match self.place.sweep(manager, self.rollout.scope(), kept).await {
            Ok(told) => told,
            Err(trouble) => vec![format!("tidying up: {}", trouble.why)],
        }
    }

    /// Brings the release before back to all services, in reverse.
    pub(in crate::ops::deploy) async fn back_stack(&self, why: &str) -> End {
        self.life.set_phase(Phase::RollingBack);
        self.life.set_detail(format!("going back: {why}"));
        let previous = self.rollout.previous.as_ref();
        let stages = stages(self.rollout);
        let reached = self.reached.load(Ordering::Relaxed).min(stages.len());
        let mut targets: Vec<Target> = stages[..reached]
            .iter()
            .rev()
            .flat_map(|stage| stage.targets.clone())
            .collect();
        // What the new release does not have was taken away last, if it came that far.
        if reached == stages.len() {
            targets.extend(leftovers(self.rollout));
        }
        // What was tried goes before anything else is done.
        let mut troubles = self.drop_tried(None).await;
        for target in &targets {
            (self.say(target))(Said::Line("going back".to_owned()));
            let has = |one: &&Arc<Release>| one.spec.services.contains_key(&target.service);
            let done = match previous.filter(has) {
                Some(previous) => {
                    let work = async {
                        match self.settle(previous, target, Way::Back, None).await {
                            Ok(done) if done == SO_ALREADY => {
                                Ok(format!("was still at {}", previous.number))
                            }
                            Ok(_) => Ok(format!("is back at {}", previous.number)),
                            Err(Halt::Fails(trouble)) => Err(trouble),
                            Err(Halt::Asks(why)) => Err(Trouble { why, passes: false }),
                        }
                    };
                    self.step(target, work).await
                }
                None => self.step(target, self.drop_one(target)).await,
            };
            troubles.extend(
                done.err()
                    .map(|trouble| format!("{target}: {}", trouble.why)),
            );
        }
        if self.stop.is_cancelled() {
            return End::Paused(format!(
                "broken off on the way back ({why}); `app abort` goes on with it"
            ));
        }
        let kept: Vec<&Release> = previous.iter().map(|one| &***one).collect();
        let stays = self.sweep_up(&kept).await;
        if !stays.is_empty() {
            tracing::warn!(?stays, "something of a release stays in its Swarm");
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

    /// Removes a service that is not to be.
    async fn drop_one(&self, target: &Target) -> Result<String, Trouble> {
        let seen = self.look(&target.host).await?;
        let Some(one) = seen.service(&target.service) else {
            return Ok("was not there".to_owned());
        };
        if !self.is_ours(one) {
            return Ok(format!("{} stays: somebody else made it", one.name));
        }
        self.place.drop_service(&target.host, one).await?;
        Ok("taken away".to_owned())
    }

    pub(super) fn is_ours(&self, one: &StackService) -> bool {
        let environment = &*self.rollout.scope().environment;
        let mark = one.mark.as_ref();
        self.rollout.adopt || mark.is_some_and(|mark| mark.environment == environment)
    }

    /// What the manager knows; one that is silent for a moment is asked again.
    pub(super) async fn look(&self, manager: &HostName) -> Result<Stacked, Trouble> {
        let until = Instant::now() + SILENT;
        loop {
            match self.place.stack(manager, self.rollout.scope()).await {
                Ok(seen) => return Ok(seen),
                Err(trouble) if trouble.passes && Instant::now() < until => {
                    sleep(self.place.pace()).await;
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    fn goal(&self, to: &Release, service: &ServiceName, way: Way) -> Result<Goal, Trouble> {
        let plain = Service::default();
        let wanted = to.spec.services.get(service).unwrap_or(&plain);
        let gate = self.rollout.policy.gate(wanted);
        // A task with a probe runs only once that says it is well.
        let probes = matches!(wanted.healthcheck, Some(Healthcheck::Probe(_)));
        let print = to.print(service).ok_or_else(|| Trouble {
            why: format!("{} has no service {service}", to.number),
            passes: false,
        })?;
        Ok(Goal {
            print,
            settle: if probes { Duration::ZERO } else { gate.settle },
            deadline: gate.deadline,
            constraints: wanted.deploy.placement.constraints.clone(),
            way,
        })
    }

    /// Brings a service to what a release has of it: looks, writes the whole spec if it is another one, and looks again
    /// until all tasks run it.
    async fn settle(
        &self,
        to: &Arc<Release>,
        target: &Target,
        way: Way,
        tried: Option<u32>,
    ) -> Result<String, Halt> {
        let (service, manager) = (&target.service, &target.host);
        let goal = self.goal(to, service, way)?;
        let facts = self.place.wanted(to, service, tried)?;
        let say = self.say(target);
        let mut memory: Option<Memory> = None;
        let mut base = match way {
            Way::Forth if !self.again => self.rollout.seen.get(service).cloned(),
            Way::Forth | Way::Back => None,
        };
        let (mut writes, mut told) = (0_usize, String::new());
        loop {
            if (way == Way::Forth || tried.is_some()) && self.life.wish() == Wish::Abort {
                return Err(fails("somebody wished that it goes back"));
            }
            let seen = self.look(manager).await?;
            let one = seen.part(service, tried.is_some());
            let now = Instant::now();
            let memory = memory.get_or_insert_with(|| Memory::new(one, now));
            let is_so = one.is_some_and(|one| one.facts == facts);
            if let (Some(one), false) = (one, is_so) {
                if !self.is_ours(one) {
                    return Err(fails(format!("{} was made by somebody else", one.name)));
                }
                if way == Way::Forth {
                    let may = self.may_write(one, &facts, &goal, memory, (writes, base.as_deref()));
                    if let Err(Halt::Fails(trouble)) = may {
                        let words = self.words(to, one, &goal, memory).await;
                        return Err(fails(format!("{}{words}", trouble.why)));
                    }
                    may?;
                }
                // What it is now is what was decided about.
                base.get_or_insert_with(|| one.facts.print());
            }
            if !is_so {
                if writes >= WRITES {
                    return Err(fails(unsettled(one, &facts)));
                }
                if writes > 0 && one.is_none() && way == Way::Forth && base.is_some() {
                    return Err(Halt::Asks(format!(
                        "{service} was removed by somebody else"
                    )));
                }
                if self
                    .place
                    .set(manager, to, (service, tried), one, way)
                    .await?
                {
                    writes += 1;
                    say(Said::Line(match one {
                        Some(_) => "the manager is told".to_owned(),
                        None => "made".to_owned(),
                    }));
                } else if one.is_none() {
                    writes += 1;
                }
                sleep(self.place.pace()).await;
                continue;
            }
            let Some(one) = one else { continue };
            match judge(one, &seen, &goal, memory, now) {
                Judged::Well(_) if writes == 0 && told.is_empty() => {
                    return Ok(SO_ALREADY.to_owned());
                }
                Judged::Well(all) => {
                    let s = if all == 1 { "task runs" } else { "tasks run" };
                    return Ok(format!("{all} {s} it"));
                }
                Judged::Stuck(why) if writes >= WRITES => {
                    return Err(fails(format!("the Swarm stopped again and again: {why}")));
                }
                Judged::Stuck(why) => {
                    say(Said::Line(format!(
                        "the Swarm stopped ({why}), and is told again"
                    )));
                    let asked = self
                        .place
                        .set(manager, to, (service, tried), Some(one), way);
                    asked.await?;
                    writes += 1;
                }
                Judged::Failed(why) => {
                    let words = self.words(to, one, &goal, memory).await;
                    return Err(fails(format!("{why}{words}")));
                }
                Judged::Waits(how) => {
                    if how != told {
                        say(Said::Line(how.clone()));
                        told = how;
                    }
                }
            }
            sleep(self.place.pace()).await;
        }
    }

    /// Whether a service that is another one than it is to be may be changed: not when the Swarm has just taken it back,
    /// and not when somebody else has changed it since it was decided about.
    fn may_write(
        &self,
        one: &StackService,
        facts: &Facts,
        goal: &Goal,
        memory: &Memory,
        (writes, base): (usize, Option<&str>),
    ) -> Result<(), Halt> {
        let update = one.update.as_ref();
        let taken = update.filter(|update| update.state.starts_with("rollback"));
        let unattended = self.again && self.rollout.policy.on_failure == OnFailure::Rollback;
        let since = |began: Option<crate::model::Timestamp>| {
            began.is_some_and(|began| began > self.rollout.release.at)
        };
        if let Some(update) = taken
            && (writes > 0 || (unattended && since(update.began)))
        {
            let why = format!("the Swarm took it back by itself ({})", update.message);
            return Err(fails(with_errors(&why, one, goal, memory)));
        }
        let print = one.facts.print();
        if writes > 0 || base.is_some_and(|base| base != print) {
            let what = one.facts.diff(facts).join(", ");
            return Err(Halt::Asks(format!(
                "somebody else changed {} meanwhile; to be as planned it lacks: {what}",
                one.name
            )));
        }
        Ok(())
    }

    /// The last line of a task that failed, where its node is a host that is known.
    async fn words(
        &self,
        to: &Release,
        one: &StackService,
        goal: &Goal,
        memory: &Memory,
    ) -> String {
        let stack = to.stack.as_ref();
        for task in memory.failed(one, &goal.print) {
            let host = task.node.as_ref().and_then(|node| stack?.nodes.get(node));
            let (Some(host), Some(id)) = (host, &task.container) else {
                continue;
            };
            let words = self.place.last_words(host, id).await;
            if let Some(line) = words.last() {
                return format!("; its last line: {}", line.trim());
            }
        }
        String::new()
    }

    /// Watches a service that is well now, or the second one beside it: none of its tasks may fail.
    pub(super) async fn bake_stack(
        &self,
        target: &Target,
        tried: Option<u32>,
        time: Duration,
    ) -> Result<(), Halt> {
        if time.is_zero() {
            return Ok(());
        }
        let to = &self.rollout.release;
        let goal = self.goal(to, &target.service, Way::Forth)?;
        let facts = self.place.wanted(to, &target.service, tried)?;
        let mut memory: Option<Memory> = None;
        let until = Instant::now() + time;
        loop {
            let seen = match self.place.stack(&target.host, self.rollout.scope()).await {
                Ok(seen) => Some(seen),
                // A manager that cannot be reached now says nothing against it.
                Err(trouble) if trouble.passes => None,
                Err(trouble) => return Err(trouble.into()),
            };
            if let Some(seen) = seen {
                let Some(one) = seen.part(&target.service, tried.is_some()) else {
                    return Err(Halt::Asks(format!("{target} was removed by somebody else")));
                };
                let memory = memory.get_or_insert_with(|| Memory::new(Some(one), Instant::now()));
                if one.facts != facts {
                    let what = one.facts.diff(&facts).join(", ");
                    return Err(Halt::Asks(format!(
                        "somebody else changed {} meanwhile; to be as planned it lacks: {what}",
                        one.name
                    )));
                }
                let failed = memory.failed(one, &goal.print);
                if !failed.is_empty() {
                    let words = self.words(to, one, &goal, memory).await;
                    let errors = errors(one, &goal.print, memory);
                    let runs = one
                        .tasks
                        .iter()
                        .filter(|task| task.is_wanted() && task.is_running());
                    return Err(fails(format!(
                        "{target} was well and is not any more ({} of {} tasks run): {}{words}",
                        runs.count(),
                        wanted(one, &seen, &goal.constraints),
                        errors.join("; ")
                    )));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            let wish = self.life.wish();
            let enough = wish == Wish::Abort || (tried.is_some() && wish != Wish::Go);
            if left.is_zero() || self.stop.is_cancelled() || enough {
                return Ok(());
            }
            sleep(WATCH.min(left)).await;
        }
    }
}
