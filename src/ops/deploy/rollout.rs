//! Runs a deploy: batch by batch, watched, and back again when it does not go well.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    converge::{SO_ALREADY, converge, prune, withdraw},
    draft::Task,
    gray::{candidate, tried},
    hold::{Life, beat, lease},
    place::{Place, Trouble},
    plan::time as spoken,
    stages::{Stage, left, leftovers, stages, steps},
    teller::Teller,
    traffic::Move,
    watch::WATCH,
};
use crate::{
    model::{
        HostName, Outcome, Said,
        app::ServiceName,
        release::{
            Converge, Direction, Front, Lane, Lease, OnFailure, Phase, Release, Rollout, Secrets,
            Target, Wish, strategy,
        },
    },
    ops::run::Progress,
    store::{self, Store},
};

/// On so many hosts at the same time images are fetched.
const PULLS: usize = 8;

/// What a run begins with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begin {
    /// A new deploy.
    New(Box<Rollout>),
    /// The one of an app that stands still or was left; back when it is to go back.
    Again {
        /// As it was planned.
        rollout: Box<Rollout>,
        /// Where to, whatever it was about to do.
        direction: Direction,
    },
}

/// Runs a deploy to its end, or until it stands still. Each target is one step, in the order of [`stages`].
pub async fn run(
    begin: &Begin,
    place: &impl Place,
    secrets: &Secrets,
    store: &Store,
    by: &str,
    cancel: &CancellationToken,
    report: &(dyn Fn(Progress) + Sync),
) -> Outcome {
    let (rollout, lease, phase) = match lease(begin, store, by).await {
        Ok(taken) => taken,
        Err(why) => return failed(why),
    };
    let stop = cancel.child_token();
    let life = Life::default();
    life.set_phase(phase);
    let deploy = Deploy {
        rollout: &rollout,
        lease: &lease,
        place,
        teller: Teller::new(place, &rollout),
        secrets,
        by,
        stop: &stop,
        life: &life,
        report,
        steps: steps(&rollout),
        again: matches!(begin, Begin::Again { .. }),
        promoted: matches!(
            begin,
            Begin::Again {
                direction: Direction::Promote,
                ..
            }
        ),
        reached: AtomicUsize::new(match begin {
            Begin::New(_) => 0,
            Begin::Again { .. } => usize::MAX,
        }),
    };
    let beating = beat(store, &lease, &life, &stop);
    let ended = tokio::select! {
        ended = deploy.whole(phase) => ended,
        () = beating => unreachable_beat(),
    };
    let (phase, outcome) = match ended {
        _ if life.is_lost() => {
            return failed("somebody else has taken over this deploy; nothing more was done here");
        }
        // A shell that ends, a console that is closed: it stands still, and can be gone on with.
        End::Paused(why) => (Phase::Paused, failed(why)),
        End::Done(detail) => (Phase::Succeeded, Outcome::Done { detail }),
        End::Back(why) => (Phase::RolledBack, failed(why)),
        End::Failed(why) => (Phase::Failed, failed(why)),
    };
    let detail = outcome.detail().to_owned();
    match store.end_deploy(&lease, phase, &detail).await {
        Ok(true) => outcome,
        Ok(false) => failed("somebody else has taken over this deploy; look at `app deploys`"),
        Err(error) => failed(format!(
            "{detail}; the store does not know it ({error}), and will take the deploy for left"
        )),
    }
}

/// The beat ends only by being dropped.
fn unreachable_beat() -> End {
    End::Failed("the deploy lost its heartbeat".to_owned())
}

/// An end that is none of those that were wished.
fn failed(why: impl Into<String>) -> Outcome {
    Outcome::Failed {
        done: 0,
        failed: 1,
        detail: why.into(),
    }
}

/// Does what a plan stands for.
pub async fn carry_out(
    task: &Task,
    place: &impl Place,
    secrets: &Secrets,
    store: &Store,
    by: &str,
    cancel: &CancellationToken,
    report: &(dyn Fn(Progress) + Sync),
) -> Outcome {
    let told = match task {
        Task::Run(begin) => return run(begin, place, secrets, store, by, cancel, report).await,
        Task::Wish(scope, wish) => store.wish_deploy(scope, *wish).await,
        Task::Unlock(scope) => {
            store
                .break_deploy(scope, &format!("given up by {by}"))
                .await
        }
        Task::Upkeep(_) => return failed("a host is drained by its own steps"),
        Task::Pipeline(act) => return act.carry_out(store).await,
        Task::Ask(request) => {
            let asked = store.ask_approval(request).await;
            return written(
                asked.map(|()| true),
                &format!(
                    "{} waits for approval; nothing is deployed yet",
                    request.digest
                ),
            );
        }
        Task::Judge {
            scope,
            digest,
            verdict,
        } => {
            let judged = store.judge(scope, digest, verdict).await;
            let word = if verdict.approves {
                "approved"
            } else {
                "rejected"
            };
            return written(judged, &format!("{digest} is {word}"));
        }
    };
    match told {
        Ok(Some(held)) => Outcome::Done {
            detail: match task {
                Task::Unlock(_) => format!("{} of {} is given up", held.number, held.scope),
                Task::Run(_)
                | Task::Wish(..)
                | Task::Ask(_)
                | Task::Judge { .. }
                | Task::Pipeline(_)
                | Task::Upkeep(_) => {
                    format!("{} is told", held.by)
                }
            },
        },
        Ok(None) => failed("no deploy of it is open any more"),
        Err(error) => failed(error.to_string()),
    }
}

/// What came of writing something down: whether there was something to write it to.
fn written(done: Result<bool, store::Error>, detail: &str) -> Outcome {
    match done {
        Ok(true) => Outcome::Done {
            detail: detail.to_owned(),
        },
        Ok(false) => failed("it is not asked for any more"),
        Err(error) => failed(error.to_string()),
    }
}

/// How the work on a deploy ended.
pub(super) enum End {
    /// The new release is everywhere; what there is to say.
    Done(String),
    /// The release before is everywhere again; why.
    Back(String),
    /// It stands still; why.
    Paused(String),
    /// It ended otherwise; why.
    Failed(String),
}

/// Why going on stopped.
pub(super) enum Stopped {
    /// Targets did not get well.
    Failed { why: String, first: bool },
    /// Somebody wishes it.
    Wished(Wish),
    /// Nobody can tell whether a gray release is as good.
    Unsure(String),
    /// Its targets could not be listed.
    Untold(String),
    /// Somebody else changed what is to be changed.
    Asks(String),
    /// This program is to end, or the store is silent.
    Cancelled,
}

pub(super) struct Deploy<'d, P> {
    pub(super) rollout: &'d Rollout,
    pub(super) lease: &'d Lease,
    pub(super) place: &'d P,
    pub(super) teller: Teller<'d, P>,
    secrets: &'d Secrets,
    pub(super) by: &'d str,
    pub(super) stop: &'d CancellationToken,
    pub(super) life: &'d Life,
    report: &'d (dyn Fn(Progress) + Sync),
    steps: BTreeMap<Target, usize>,
    /// It was begun before; by whom ever.
    pub(super) again: bool,
    /// A gray release is judged no more.
    pub(super) promoted: bool,
    /// So many stages were begun here; all may have been when it was begun before.
    pub(super) reached: AtomicUsize,
}

impl<P: Place> Deploy<'_, P> {
    /// Whether it is for a Swarm.
    pub(super) fn is_stack(&self) -> bool {
        self.rollout.release.stack.is_some()
    }

    /// All of it.
    async fn whole(&self, phase: Phase) -> End {
        if let Err(why) = self.begin().await {
            if self.again {
                return End::Paused(format!("it could not be gone on with: {why}"));
            }
            self.leave().await;
            return End::Failed(format!("nothing was changed: {why}"));
        }
        let end = match phase {
            Phase::RollingBack => self.back("it was to go back").await,
            _ => match self.forth().await {
                Ok(detail) => End::Done(detail),
                Err(stopped) => self.stopped(stopped).await,
            },
        };
        if !matches!(end, End::Paused(_)) {
            self.leave().await;
        }
        end
    }

    /// Marks the hosts, makes secrets that are to be made, fetches images. Nothing that runs is touched.
    async fn begin(&self) -> Result<(), String> {
        let scope = self.rollout.scope();
        for (name, length) in &self.rollout.generate {
            self.secrets.make(scope, name, *length)?;
        }
        if self.is_stack() {
            return self.begin_stack().await;
        }
        let hosts = self.hosts();
        let marking = hosts
            .iter()
            .map(|host| self.place.mark(host, self.lease, self.by));
        for done in join_all(marking).await {
            done.map_err(|trouble| trouble.why)?;
        }
        self.life.set_detail("fetching images".to_owned());
        let gate = Semaphore::new(PULLS);
        let gate = &gate;
        let pulling = hosts.iter().map(|host| async move {
            let _turn = gate.acquire().await;
            self.fetch(host).await
        });
        let pulled: Result<(), String> = join_all(pulling).await.into_iter().collect();
        pulled?;
        if self.rollout.previous.is_none() && !self.again {
            return Ok(());
        }
        // What cannot be told now could not be told later, when targets are to go.
        self.life.set_detail("listing its targets".to_owned());
        let told = self.teller.tell(&|_| {}).await;
        told.map_err(|trouble| trouble.why)
    }

    /// Has a host fetch the images that it lacks.
    async fn fetch(&self, host: &HostName) -> Result<(), String> {
        let release = &self.rollout.release;
        let of_host = release.targets.iter().filter(|one| one.host == *host);
        let services: BTreeSet<&ServiceName> = of_host.map(|one| &one.service).collect();
        for pin in services.into_iter().filter_map(|one| release.pins.get(one)) {
            if self.stop.is_cancelled() {
                return Err("it was broken off".to_owned());
            }
            let there = self.place.image(host, pin).await;
            if there.map_err(|trouble| trouble.why)?.is_none() {
                let bundle = self.rollout.bundle.as_deref();
                let pulled = self.place.pull(host, pin, bundle, &|_| {}).await;
                pulled.map_err(|trouble| format!("{host}: {}", trouble.why))?;
            }
        }
        Ok(())
    }

    /// Takes the marks off. A host that cannot be reached keeps its mark, which the next deploy of it will tell.
    async fn leave(&self) {
        if self.is_stack() {
            return self.leave_stack().await;
        }
        let scope = self.rollout.scope();
        let hosts = self.hosts();
        let done = join_all(hosts.iter().map(|host| self.place.unmark(host, scope))).await;
        for trouble in done.into_iter().filter_map(Result::err) {
            tracing::warn!(why = trouble.why, "a mark of a deploy stays on its host");
        }
    }

    /// The hosts of both releases.
    fn hosts(&self) -> Vec<HostName> {
        let previous = self.rollout.previous.iter().flat_map(|one| one.hosts());
        let all: BTreeSet<&HostName> = self
            .rollout
            .release
            .hosts()
            .into_iter()
            .chain(previous)
            .collect();
        all.into_iter().cloned().collect()
    }

    /// Brings the new release everywhere.
    async fn forth(&self) -> Result<String, Stopped> {
        if self.is_stack() {
            return self.forth_stack().await;
        }
        let stages = stages(self.rollout);
        let all = stages.len();
        let is_last_of_it = |at: usize| {
            let next = stages.get(at + 1);
            next.is_none_or(|next| next.service != stages[at].service)
        };
        let mut first = true;
        for (at, stage) in stages.iter().enumerate() {
            self.asked()?;
            if let Some(tried) = tried(self.rollout)
                && stage.service == *tried.service
                && stage.batch == 1
                && !self.promoted
            {
                // All of its replicas may take part.
                let of_it = |one: &Stage| one.service == stage.service;
                let last = stages.iter().rposition(of_it).unwrap_or(at);
                self.reached.fetch_max(last + 1, Ordering::Relaxed);
                self.try_gray(&tried).await?;
            }
            self.life.set_detail(format!(
                "{} batch {} ({} of {all})",
                stage.service,
                stage.batch,
                at + 1
            ));
            self.reached.fetch_max(at + 1, Ordering::Relaxed);
            let (changed, failed) = self.stage(stage, Lane::Stable).await;
            if self.stop.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            self.listed(stage).await?;
            if !failed.is_empty() {
                let why = failed.join("; ");
                return Err(Stopped::Failed { why, first });
            }
            if is_last_of_it(at)
                && let Some(front) = self.front_of_gray(&stage.service)
            {
                let ended = self.end_gray(front).await;
                ended.map_err(|trouble| Stopped::Failed {
                    why: trouble.why,
                    first,
                })?;
            }
            if !changed {
                continue;
            }
            if let Err(why) = self.bake(stage).await {
                return Err(Stopped::Failed { why, first });
            }
            first = false;
            let is_last_of_it = is_last_of_it(at);
            if !is_last_of_it && !self.rollout.policy.wait.is_zero() {
                let time = self.rollout.policy.wait;
                self.life.set_detail(format!(
                    "{} batch {}: {} until the next one",
                    stage.service,
                    stage.batch,
                    spoken(time)
                ));
                self.wait(time).await?;
            }
        }
        self.asked()?;
        self.life.set_detail("tidying up".to_owned());
        let mut told = Vec::new();
        for target in leftovers(self.rollout) {
            let release = &self.rollout.release;
            let fronts = self.fronts(&target.service);
            let gone = withdraw(release, &target, self.place, &self.teller, &fronts, false);
            let done = self.step(&target, gone).await;
            told.extend(done.err().map(|trouble| trouble.why));
        }
        for host in self.rollout.release.hosts() {
            let kept = self.rollout.policy.keep;
            let done = prune(&self.rollout.release, host, self.place, kept).await;
            // What is left over is in nobody's way.
            told.extend(
                done.err()
                    .map(|trouble| format!("tidying up {host}: {}", trouble.why)),
            );
        }
        for front in self.rollout.release.fronts.values() {
            let saved = self.place.balance(front, &Move::Save).await;
            told.extend(saved.err().map(|trouble| {
                format!(
                    "a reload of {} may forget it: {}",
                    front.balancer, trouble.why
                )
            }));
        }
        Ok(told.join("; "))
    }

    /// What a stage brought stands on the lists. A list that could not be written stands still the deploy: old and new ones
    /// run, and nobody is asked who is gone.
    pub(super) async fn listed(&self, stage: &Stage) -> Result<(), Stopped> {
        if let Some(why) = self.teller.untold() {
            return Err(Stopped::Untold(why));
        }
        let told = match stage.targets.first() {
            Some(first) => self.teller.tell(&self.say(first)).await,
            None => Ok(()),
        };
        told.map_err(|trouble| Stopped::Untold(trouble.why))
    }

    /// Where containers of a service may stand, of this release and of the one before.
    pub(super) fn fronts(&self, service: &ServiceName) -> Vec<&Front> {
        let releases = [Some(&self.rollout.release), self.rollout.previous.as_ref()];
        let fronts = releases.into_iter().flatten();
        fronts.filter_map(|one| one.fronts.get(service)).collect()
    }

    /// Where a service is tried with a share of the requests, if this deploy tries it.
    fn front_of_gray(&self, service: &ServiceName) -> Option<&Front> {
        self.rollout.policy.gray.as_ref()?;
        let (of, front) = candidate(&self.rollout.release)?;
        (of == service).then_some(front)
    }

    /// Whether somebody wishes something else.
    pub(super) fn asked(&self) -> Result<(), Stopped> {
        if self.stop.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        match self.life.wish() {
            Wish::Go | Wish::Promote => Ok(()),
            wish @ (Wish::Pause | Wish::Abort) => Err(Stopped::Wished(wish)),
        }
    }

    pub(super) async fn wait(&self, time: Duration) -> Result<(), Stopped> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.asked()?;
            sleep(WATCH.min(until.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }

    /// Brings the targets of a stage to the new release, those of one host one after the other; answers whether anything
    /// was to be done, and what failed.
    pub(super) async fn stage(&self, stage: &Stage, lane: Lane) -> (bool, Vec<String>) {
        let changed = AtomicBool::new(false);
        let marked = &changed;
        let failed = self.each_host(&stage.targets, |target| {
            let converge_to = self.converge_to(&self.rollout.release, target, lane);
            Box::pin(async move {
                let say = self.say(target);
                let done = self
                    .step(
                        target,
                        converge(&converge_to, self.place, &self.teller, &say),
                    )
                    .await;
                marked.fetch_or(done.as_deref() != Ok(SO_ALREADY), Ordering::Relaxed);
                done
            })
        });
        let failed = failed.await;
        (changed.into_inner(), failed)
    }

    /// Does something for targets, those of one host one after the other; answers what failed.
    pub(super) async fn each_host<'t>(
        &self,
        targets: &'t [Target],
        work: impl Fn(&'t Target) -> BoxFuture<'t, Result<String, Trouble>>,
    ) -> Vec<String> {
        let mut by_host: BTreeMap<&HostName, Vec<&'t Target>> = BTreeMap::new();
        for target in targets {
            by_host.entry(&target.host).or_default().push(target);
        }
        let work = &work;
        let hosts = by_host.into_values().map(|targets| async move {
            let mut failed = Vec::new();
            for target in targets {
                if let Err(trouble) = work(target).await {
                    failed.push(format!("{target}: {}", trouble.why));
                    break;
                }
            }
            failed
        });
        join_all(hosts).await.into_iter().flatten().collect()
    }

    pub(super) fn converge_to(
        &self,
        release: &Arc<Release>,
        target: &Target,
        lane: Lane,
    ) -> Converge {
        let service = release.spec.services.get(&target.service);
        let plain = crate::model::app::Service::default();
        let service = service.unwrap_or(&plain);
        Converge {
            release: Arc::clone(release),
            target: target.clone(),
            strategy: strategy(&target.service, service, &release.spec).0,
            gate: self.rollout.policy.gate(service),
            adopt: self.rollout.adopt,
            lane,
            left: left(self.rollout, release, &target.service),
        }
    }

    pub(super) fn say(&self, target: &Target) -> impl Fn(Said) + Sync + use<'_, P> {
        let at = self.steps.get(target).copied();
        move |said| {
            if let Some(at) = at {
                (self.report)(Progress::Said(at, said));
            }
        }
    }

    /// Does the step of a target, unless it is broken off.
    pub(super) async fn step(
        &self,
        target: &Target,
        work: impl Future<Output = Result<String, Trouble>>,
    ) -> Result<String, Trouble> {
        let at = self.steps.get(target).copied();
        if let Some(at) = at {
            (self.report)(Progress::StepBegan(at));
        }
        let start = Instant::now();
        let done = tokio::select! {
            biased;
            done = work => done,
            () = self.stop.cancelled() => Err(Trouble {
                why: "broken off; going on looks what was done".to_owned(),
                passes: true,
            }),
        };
        if let Some(at) = at {
            let told = done.clone().map_err(|trouble| trouble.why.clone());
            (self.report)(Progress::StepEnded(at, told, start.elapsed()));
        }
        done
    }

    /// What is done when going on stopped.
    async fn stopped(&self, stopped: Stopped) -> End {
        match stopped {
            Stopped::Cancelled => {
                End::Paused("broken off; `app continue` goes on, `app abort` goes back".to_owned())
            }
            Stopped::Wished(Wish::Abort) => self.back("somebody wished it").await,
            Stopped::Untold(why) => End::Paused(format!(
                "its targets could not be listed: {why}; `app continue` tries again, `app abort` goes back"
            )),
            Stopped::Asks(why) => End::Paused(format!(
                "{why}; `app continue` overrules that, `app abort` goes back"
            )),
            Stopped::Unsure(why) => End::Paused(format!(
                "{why}; `app continue` watches it again, `app promote` brings it everywhere, `app abort` goes back"
            )),
            Stopped::Wished(Wish::Pause | Wish::Go | Wish::Promote) => {
                End::Paused("paused; `app continue` goes on, `app abort` goes back".to_owned())
            }
            Stopped::Failed { why, first } => match self.rollout.policy.on_failure {
                OnFailure::Pause if !first => End::Paused(format!(
                    "{why}; `app continue` tries again, `app abort` goes back"
                )),
                OnFailure::Pause | OnFailure::Rollback => self.back(&why).await,
            },
        }
    }
}
