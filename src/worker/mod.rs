//! What is done without anybody there: scheduled backups one after the other, and deploys that were left.

mod diary;
mod lists;
mod notify;
mod runs;
mod scale;
mod sight;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use self::{
    diary::{Diary, Lock},
    lists::Lister,
    scale::Scaler,
    sight::Sight,
};
use crate::{
    clients::registry::{self, Registries},
    config::{self, BackupJob},
    engine::{self, Engines, Signal},
    model::{
        Event, Feed, Fleet, Host, HostSpec, Origin, Outcome, Timestamp,
        notify::Channel,
        release::{Direction, Held, Phase, Secrets},
        scaling::Scaling,
    },
    ops::{
        self, Crew, Plan, Sentence, VolumeCommand,
        pipeline::Program,
        sentence::{BackupArgs, Why},
        target::ResourcePattern,
    },
    store::{Store, Taker},
};

/// How many signals may wait.
const INBOX: usize = 1024;

/// What failed is tried again after so long, even if it is due much later.
const RETRY: Duration = Duration::from_mins(15);

/// So often it is looked whether a deploy was left, and what time it is: clocks are put right, and machines sleep.
const LOOK: Duration = Duration::from_secs(10);

/// What the worker works with.
pub struct Setup {
    /// What is to be done, and when.
    pub jobs: Vec<BackupJob>,
    /// The services whose replicas follow their load.
    pub scalings: Vec<Scaling>,
    /// The channels that notifications go to.
    pub channels: Vec<Channel>,
    /// Where pipelines are, and how many of their runs go on at once.
    pub pipelines: config::Pipelines,
    /// How this program is run for the sentences of pipelines.
    pub program: Program,
    /// Where the files are kept that steps leave.
    pub artifacts: PathBuf,
    /// All hosts.
    pub hosts: Vec<HostSpec>,
    /// The fleet with nothing known of its hosts.
    pub fleet: Fleet,
    /// How hosts are reached.
    pub engine: engine::Settings,
    /// How image registries are reached.
    pub registries: registry::Settings,
    /// Who knows the values of secrets.
    pub secrets: Secrets,
    /// Where it keeps what it did last.
    pub state: PathBuf,
    /// The machine and the user it runs as.
    pub origin: Origin,
    /// How long a host may take to be reached.
    pub patience: Duration,
}

/// How long a worker works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// Until it is cancelled.
    Lasting,
    /// All that there is, once.
    Once,
    /// Until no run of a pipeline waits any more, for a console.
    Runs,
}

/// Does what is due until it is cancelled, or as its shift says. Answers how many failed. What it has to say goes to
/// `tell`.
pub async fn run(
    setup: &Setup,
    store: &Store,
    shift: Shift,
    cancel: &CancellationToken,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<usize, String> {
    let worker = Worker {
        setup,
        store,
        cancel,
        tell,
        taker: match shift {
            Shift::Runs => Taker::Console,
            Shift::Lasting | Shift::Once => Taker::Worker,
        },
    };
    if shift == Shift::Runs {
        return Ok(runs::once(&worker).await);
    }
    let _lock = Lock::take(&setup.state)?;
    let mut diary = Diary::open(&setup.state)?;
    if shift == Shift::Once {
        let mut failed = worker.left_deploys().await;
        failed += runs::once(&worker).await;
        for job in &setup.jobs {
            if cancel.is_cancelled() {
                break;
            }
            failed += usize::from(!worker.begin(job, &mut diary).await?);
        }
        failed += notify::once(&worker).await;
        return Ok(failed);
    }
    tell(&format!(
        "{} jobs are scheduled, {} services follow their load, {} discoveries are kept, {} channels are told; deploys that are left are gone on with, runs of pipelines carried out",
        setup.jobs.len(),
        setup.scalings.len(),
        setup.fleet.discoveries.len(),
        setup.channels.len()
    ));
    let scheduled = worker.scheduled(&mut diary);
    let (ended, (), (), ()) = tokio::join!(
        scheduled,
        runs::work(&worker),
        worker.be_seen(),
        notify::work(&worker)
    );
    ended.map(|()| 0)
}

/// How long it may be until it is looked again.
fn until(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let wait = next.map_or(LOOK, |at| {
        Duration::try_from(at.duration_since(now)).unwrap_or_default()
    });
    wait.min(LOOK)
}

struct Worker<'w> {
    setup: &'w Setup,
    store: &'w Store,
    cancel: &'w CancellationToken,
    tell: &'w (dyn Fn(&str) + Sync),
    taker: Taker,
}

impl Worker<'_> {
    /// Does what is due by the clock, and goes on with deploys that are left, until it is cancelled.
    async fn scheduled(&self, diary: &mut Diary) -> Result<(), String> {
        let mut sight = Sight::start(self);
        let (mut scaler, mut lister) = (Scaler::default(), Lister::default());
        while !self.cancel.is_cancelled() {
            self.left_deploys().await;
            if let Some(sight) = &mut sight {
                sight.take_in();
                let view = sight.view(self);
                scaler.look(&view).await;
                lister.look(&view).await;
            }
            let now = Timestamp::now();
            let jobs = self.setup.jobs.iter();
            let due = jobs.filter_map(|job| Some((diary.next(job, now)?, job)));
            let next = due.min_by_key(|(at, _)| *at);
            if let Some((_, job)) = next.filter(|(at, _)| *at <= now) {
                self.begin(job, diary).await?;
                continue;
            }
            tokio::select! {
                () = sleep(until(next.map(|(at, _)| at), now)) => {}
                () = self.cancel.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Says that it is there, as long as it is.
    async fn be_seen(&self) {
        let name = self.origin().signature();
        while !self.cancel.is_cancelled() {
            if let Err(error) = self.store.tell_worker(&name).await {
                tracing::warn!(%error, "nobody sees that this worker is there");
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.cancel.cancelled() => {}
            }
        }
        if let Err(error) = self.store.forget_worker(&name).await {
            tracing::warn!(%error, "a worker ends without a word");
        }
    }

    /// Goes on with the deploys that were left by whoever worked on them; answers how many failed.
    async fn left_deploys(&self) -> usize {
        /// So many are looked at.
        const MOST: u32 = 100;
        let open = match self.store.deploys(true, MOST).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(%error, "the worker cannot see whether deploys were left");
                return 0;
            }
        };
        let mut failed = 0;
        for held in open {
            if held.is_live() || held.phase == Phase::Paused || self.cancel.is_cancelled() {
                continue;
            }
            let Held {
                scope, number, by, ..
            } = &held;
            (self.tell)(&format!(
                "going on with {number} of {scope}, which {by} left"
            ));
            match Box::pin(self.resume(&held)).await {
                Ok(text) => (self.tell)(&format!("{number} of {scope}: {text}")),
                Err(why) => {
                    failed += 1;
                    (self.tell)(&format!("{number} of {scope} FAILED: {why}"));
                }
            }
        }
        failed
    }

    /// Goes on with one.
    async fn resume(&self, held: &Held) -> Result<String, String> {
        let open = self.store.open_deploy(&held.scope).await;
        let Some((held, rollout)) = open.map_err(|error| error.to_string())? else {
            return Ok("somebody else has ended it".to_owned());
        };
        let mut hosts = rollout.release.hosts();
        hosts.extend(rollout.previous.iter().flat_map(|one| one.hosts()));
        let stack = rollout.release.stack.iter();
        hosts.extend(stack.flat_map(|one| one.nodes.values()));
        let specs = self.setup.hosts.iter();
        let specs: Vec<HostSpec> = specs
            .filter(|spec| hosts.contains(&&spec.name))
            .cloned()
            .collect();
        let (sender, mut inbox) = mpsc::channel(INBOX);
        let engines = Engines::start(self.setup.engine.clone(), sender);
        engines.set_hosts(specs);
        let drained = tokio::spawn(async move { while inbox.recv().await.is_some() {} });
        let mut line = format!("app continue {}", held.scope.app);
        if !held.scope.environment.is_empty() {
            line = format!("{line} --env {}", held.scope.environment);
        }
        let sentence = Sentence::parse(&line).map_err(|error| error.to_string())?;
        let direction = match held.phase {
            Phase::RollingBack => Direction::Back,
            _ => Direction::Forth,
        };
        let plan = ops::deploy::again(&sentence, rollout, &held, direction);
        let ended = self.run(&plan, &sentence, &engines).await;
        drained.abort();
        ended
    }

    /// Does a job and notes that it was done. Whether it went well.
    async fn begin(&self, job: &BackupJob, diary: &mut Diary) -> Result<bool, String> {
        let began = Timestamp::now();
        let name = job.volumes.join(" ");
        let result = Box::pin(self.job(job)).await;
        let went_well = match &result {
            Ok(text) => {
                (self.tell)(&format!("backup of {name}: {text}"));
                true
            }
            Err(why) => {
                (self.tell)(&format!("backup of {name} FAILED: {why}"));
                false
            }
        };
        // What was broken off because the worker ends is due at its next start.
        if !self.cancel.is_cancelled() {
            diary.note(job, began, went_well)?;
        }
        Ok(went_well)
    }

    /// Reaches the hosts, plans, runs, records.
    async fn job(&self, job: &BackupJob) -> Result<String, String> {
        let sentence = sentence(job)?;
        let needed = self
            .setup
            .hosts
            .iter()
            .filter(|spec| sentence.touches(spec));
        let specs: Vec<HostSpec> = needed.cloned().collect();
        let (sender, inbox) = mpsc::channel(INBOX);
        let engines = Engines::start(self.setup.engine.clone(), sender);
        let mut reached = Reached {
            fleet: self.own_fleet(),
            inbox,
        };
        let missing = tokio::select! {
            missing = reached.known(&engines, &specs, self.setup.patience) => missing,
            () = self.cancel.cancelled() => return Err("it was broken off".to_owned()),
        };
        let plan = sentence
            .plan(&reached.fleet, &[])
            .map_err(|refusal| refusal.to_string())?;
        let drained = tokio::spawn(async move { while reached.inbox.recv().await.is_some() {} });
        let ended = self.run(&plan, &sentence, &engines).await;
        drained.abort();
        let text = ended?;
        let left_out = plan.left_out.iter();
        let left_out = left_out.map(|one| format!("{}: {}", one.target, one.refusal));
        let lacking: Vec<String> = missing.into_iter().chain(left_out).collect();
        if lacking.is_empty() {
            Ok(text)
        } else {
            Err(format!("{text}; without {}", lacking.join("; ")))
        }
    }

    /// The fleet for what the worker does by itself: that is written where roles are, and asks for none.
    fn own_fleet(&self) -> Fleet {
        let mut fleet = self.setup.fleet.clone();
        fleet.access.grants = None;
        fleet
    }

    /// Who acts.
    fn origin(&self) -> Origin {
        match self.taker {
            Taker::Worker => Origin {
                operator: "worker".to_owned(),
                ..self.setup.origin.clone()
            },
            Taker::Console => self.setup.origin.clone(),
        }
    }

    /// Who does what is planned.
    fn crew(&self, engines: &Engines) -> Crew {
        let (setup, known) = (self.setup, &self.setup.fleet);
        Crew::new(
            engines.clone(),
            Registries::new(setup.registries.clone()),
            known.balancers.iter().cloned(),
            known.jenkins.iter().cloned(),
            known.discoveries.iter().cloned(),
            setup.secrets.clone(),
        )
    }

    async fn run(
        &self,
        plan: &Plan,
        sentence: &Sentence,
        engines: &Engines,
    ) -> Result<String, String> {
        let origin = self.origin();
        let cancel = self.cancel.child_token();
        let crew = self.crew(engines);
        let ended = ops::carry_out(
            plan,
            &origin,
            sentence.reason(),
            &crew,
            self.store,
            cancel,
            |_| {},
        )
        .await;
        if let Some(step) = plan.steps.first() {
            engines.settle(&step.host).await;
        }
        match ended.map_err(|error| error.to_string())? {
            Outcome::Done { detail } => Ok(detail),
            other => Err(other.to_string()),
        }
    }
}

/// The sentence that a job is: the same that a person would say.
fn sentence(job: &BackupJob) -> Result<Sentence, String> {
    let patterns = job.volumes.iter().map(|text| {
        text.parse::<ResourcePattern>()
            .map_err(|error| error.to_string())
    });
    Ok(Sentence::Volume(VolumeCommand::Backup(BackupArgs {
        targets: patterns.collect::<Result<_, _>>()?,
        to: job.directory.clone(),
        pause: job.pause,
        before: job.before.clone(),
        keep: job.keep,
        why: Why {
            reason: Some(format!("scheduled {}", job.when)),
        },
    })))
}

/// The hosts of a job, as far as they answered.
struct Reached {
    fleet: Fleet,
    inbox: mpsc::Receiver<Signal>,
}

impl Reached {
    /// Waits until each host is known with its volumes, or cannot be; answers who is missing, and why.
    async fn known(
        &mut self,
        engines: &Engines,
        specs: &[HostSpec],
        patience: Duration,
    ) -> Vec<String> {
        engines.set_hosts(specs.to_vec());
        let feeds = specs.iter().map(|spec| Feed::Resources(spec.name.clone()));
        engines.want(feeds.collect::<BTreeSet<_>>());
        // Listing them begins when the way is open; the engine walks its directories for the sizes.
        let deadline = Instant::now() + patience * 3;
        let is_known = |host: &Host| host.listed && host.volumes.is_some() && host.disk.is_some();
        let is_lost = |host: &Host| host.link.trouble().is_some();
        loop {
            let hosts = specs.iter().filter_map(|spec| self.fleet.host(&spec.name));
            if hosts.clone().all(|host| is_known(host) || is_lost(host)) {
                break;
            }
            match timeout_at(deadline, self.inbox.recv()).await {
                Ok(Some(Signal::Event(Event::Hosts(_)) | Signal::Feed(..))) => {}
                Ok(Some(Signal::Event(event))) => self.fleet.apply(event),
                Ok(None) | Err(_) => break,
            }
        }
        engines.want(BTreeSet::new());
        self.fleet.apply(Event::Tick(Timestamp::now()));
        let hosts = specs.iter().filter_map(|spec| self.fleet.host(&spec.name));
        hosts
            .filter(|host| host.volumes.is_none() || is_lost(host))
            .map(|host| match host.link.trouble() {
                Some(trouble) => format!("{}: {trouble}", host.name()),
                None => format!("{}: it did not answer in time", host.name()),
            })
            .collect()
    }
}
