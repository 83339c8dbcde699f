//! The one loop of a run: looks how far its steps are, begins those whose turn it is, writes down how they end.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    drive::Drive,
    say::Program,
    step::{self, Ended, Note, Turn},
};
use crate::{
    clients::{jenkins::Servers, registry::Registries},
    engine::{Engines, Yard, YardService},
    model::{
        Fleet, HostName, HostSpec, RemoteImage, Timestamp,
        notify::Channel,
        pipeline::{
            Ending, Pipeline, PipelineStep, Run, RunLease, RunWish, Status, StepRun, Verb, filled,
        },
        release::Secrets,
    },
    ops::target::HostPattern,
    store::{Kept, Store},
};

/// A sign of life is given so often.
const BEAT: Duration = Duration::from_secs(3);
/// Without a word of the store for so long, somebody else may have the run.
const SILENCE: Duration = Duration::from_secs(20);
/// It is looked so often whether a run that let others pass may go on.
const PASS: Duration = Duration::from_secs(1);
/// A run may take so long when its pipeline does not say.
const LONGEST: Duration = Duration::from_hours(24 * 7);

/// What a worker carries runs out with.
#[derive(Clone, Copy)]
pub struct Shop<'s> {
    /// The hosts.
    pub engines: &'s Engines,
    /// The image registries.
    pub registries: &'s Registries,
    /// The Jenkins servers.
    pub jenkins: &'s Servers,
    /// Where runs are kept.
    pub store: &'s Store,
    /// The fleet as it is configured.
    pub fleet: &'s Fleet,
    /// Who knows the values of secrets.
    pub secrets: &'s Secrets,
    /// The channels that people are told by.
    pub channels: &'s [Channel],
    /// This program, for what is said as sentences.
    pub program: &'s Program,
    /// For files that are needed for a moment.
    pub scratch: &'s Path,
    /// Where the files are kept that steps leave: below it a directory for each run.
    pub artifacts: &'s Path,
    /// So many runs have their containers on one host at the same time.
    pub per_host: usize,
    /// Who works.
    pub by: &'s str,
}

impl Shop<'_> {
    /// The digest that a name of an image stands for in its registry now.
    pub(super) async fn digest(&self, image: &str) -> Result<String, String> {
        let remote: RemoteImage = image.parse()?;
        let registry = self.registries.open(&remote.repository.registry);
        let registry = registry.map_err(|error| error.to_string())?;
        let found = registry.digest("look what a tag stands for", &remote).await;
        found
            .map(|(digest, _)| digest)
            .map_err(|error| error.to_string())
    }
}

/// Carries a run out, or goes on with one that was left, until it is over, somebody else has it, or `cancel` says that
/// this worker ends. Answers how far it is then; none when somebody else has it.
pub async fn work(
    shop: &Shop<'_>,
    run: Run,
    lease: RunLease,
    cancel: &CancellationToken,
) -> Option<Run> {
    let (wish, left) = (CancellationToken::new(), CancellationToken::new());
    let (notes, heard) = mpsc::channel(256);
    let (turns, driving) = Drive::new();
    let mut work = Work {
        shop,
        lease,
        wish: wish.clone(),
        left: left.clone(),
        notes,
        run,
        ending: None,
    };
    tokio::select! {
        biased;
        done = Box::pin(work.go(heard, turns)) => match done {
            Ok(()) => Some(work.run),
            Err(Gone) => None,
        },
        () = driving => None,
        () = async {
            beat(shop.store, lease, &wish).await;
            left.cancel();
        } => None,
        // What it says goes on, and whoever takes the run next hears what came of it.
        () = async {
            cancel.cancelled().await;
            left.cancel();
        } => {
            // Whoever takes it next need not wait.
            if let Err(error) = shop.store.leave_run(lease).await {
                tracing::warn!(%error, "a run was left without a word");
            }
            Some(work.run)
        }
    }
}

/// Gives signs of life; returns when the run is not ours any more.
async fn beat(store: &Store, lease: RunLease, wish: &CancellationToken) {
    let mut heard = Instant::now();
    loop {
        sleep(BEAT).await;
        match store.keep_run(lease).await {
            Ok(Some(RunWish::Cancel)) => wish.cancel(),
            Ok(Some(RunWish::Go)) => {}
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "a run cannot be kept");
                if heard.elapsed() > SILENCE {
                    return;
                }
                continue;
            }
        }
        heard = Instant::now();
    }
}

/// The hosts that may run the steps of a pipeline: those that it names, else all that may be changed.
pub fn grounds<'h>(
    pipeline: &Pipeline,
    hosts: impl IntoIterator<Item = &'h HostSpec>,
) -> Vec<&'h HostName> {
    // What is no pattern names no host; `pipeline check` tells it.
    let patterns = pipeline.hosts.iter().filter_map(|text| text.parse().ok());
    let patterns: Vec<HostPattern> = patterns.collect();
    let fits = |spec: &&HostSpec| {
        (pipeline.hosts.is_empty() && !spec.read_only)
            || patterns.iter().any(|one| one.matches(spec))
    };
    let hosts = hosts.into_iter().filter(fits);
    hosts.map(|spec| &spec.name).collect()
}

/// Somebody else has the run.
struct Gone;

struct Work<'s> {
    shop: &'s Shop<'s>,
    lease: RunLease,
    run: Run,
    wish: CancellationToken,
    left: CancellationToken,
    notes: mpsc::Sender<Note>,
    /// Why the run ends before its steps do.
    ending: Option<(Status, String)>,
}

type Turns<'s> = Drive<'s, (usize, Ended)>;

impl<'s> Work<'s> {
    async fn go(
        &mut self,
        mut heard: mpsc::Receiver<Note>,
        mut turns: Turns<'s>,
    ) -> Result<(), Gone> {
        let begun = Timestamp::now();
        let started = *self.run.started.get_or_insert(begun);
        let mut may_go = self.tell().await?;
        let limit = self.run.pipeline.timeout.unwrap_or(LONGEST);
        let spent = Duration::try_from(begun.duration_since(started)).unwrap_or_default();
        let late = sleep(limit.saturating_sub(spent));
        tokio::pin!(late);
        // What was under way when the run was left goes on first.
        for index in 0..self.run.steps.len() {
            if matches!(
                self.run.steps[index].status,
                Status::Running | Status::Blocked
            ) {
                self.begin(index, true, &mut turns).await;
            }
        }
        // What was canceled before it was taken does nothing more.
        if let Ok(Some(RunWish::Cancel)) = self.shop.store.keep_run(self.lease).await {
            self.ending = Some((Status::Canceled, "it was canceled".to_owned()));
            self.wish.cancel();
        }
        let mut passing = interval(PASS);
        loop {
            if may_go {
                self.begin_ready(&mut turns).await?;
            }
            if turns.is_empty() && (self.is_over() || self.ending.is_some()) {
                break;
            }
            tokio::select! {
                Some((index, ended)) = turns.next() => {
                    self.end(index, ended);
                    may_go = self.tell().await?;
                }
                Some(note) = heard.recv() => {
                    self.note(note);
                    may_go = self.tell().await?;
                }
                _ = passing.tick(), if !may_go => may_go = self.tell().await?,
                () = self.wish.cancelled(), if self.ending.is_none() => {
                    self.ending = Some((Status::Canceled, "it was canceled".to_owned()));
                }
                () = &mut late, if self.ending.is_none() => {
                    let why = format!("it took longer than {} s", limit.as_secs());
                    self.ending = Some((Status::Failure, why));
                    self.wish.cancel();
                }
            }
        }
        self.finish().await
    }

    /// Whether no step has its turn still to come.
    fn is_over(&self) -> bool {
        self.run.steps.iter().all(|step| step.status.is_over())
    }

    /// Begins the steps whose turn it is, and passes over those that are not to be done.
    async fn begin_ready(&mut self, turns: &mut Turns<'s>) -> Result<(), Gone> {
        if self.ending.is_some() {
            return Ok(());
        }
        let pipeline = Arc::clone(&self.run.pipeline);
        loop {
            let mut changed = false;
            for (index, step) in pipeline.steps.iter().enumerate() {
                if self.run.steps[index].status != Status::Pending || !self.has_turn(step) {
                    continue;
                }
                changed = true;
                if let Some(why) = self.passes(step) {
                    let one = &mut self.run.steps[index];
                    one.status = Status::Skipped;
                    one.detail = why;
                } else {
                    self.begin(index, false, turns).await;
                }
            }
            if !changed {
                return Ok(());
            }
            self.tell().await?;
        }
    }

    /// Whether all before it are over.
    fn has_turn(&self, step: &PipelineStep) -> bool {
        let before = step.after.iter().filter_map(|name| self.run.step(name));
        before.into_iter().all(|one| one.status.is_over())
    }

    /// Why a step whose turn it is is not done.
    fn passes(&self, step: &PipelineStep) -> Option<String> {
        let before = self.before(step);
        let wanted: &[Ending] = if step.on.is_empty() {
            &[Ending::Success]
        } else {
            &step.on
        };
        if !wanted.contains(&before) {
            return Some(match before {
                Ending::Failure => "a step before it did not go well".to_owned(),
                Ending::Success => "all steps before it went well".to_owned(),
            });
        }
        for (name, values) in &step.only {
            let value = step::variable(&self.run, Some(step), name).unwrap_or_default();
            if !values.contains(&value) {
                return Some(format!("{name} is '{value}'"));
            }
        }
        None
    }

    /// How those before a step ended, all the way back.
    fn before(&self, step: &PipelineStep) -> Ending {
        let went = |name| {
            let (Some(one), Some(of)) = (self.run.step(name), self.run.pipeline.step(name)) else {
                return Ending::Success;
            };
            match one.status {
                // What is done after a failure as well does not undo it.
                Status::Success if of.on.contains(&Ending::Failure) => self.before(of),
                Status::Success => Ending::Success,
                Status::Skipped => self.before(of),
                _ if of.may_fail => Ending::Success,
                _ => Ending::Failure,
            }
        };
        let bad = step.after.iter().any(|name| went(name) == Ending::Failure);
        if bad {
            Ending::Failure
        } else {
            Ending::Success
        }
    }

    /// Begins a step, or goes on with it.
    async fn begin(&mut self, index: usize, goes_on: bool, turns: &mut Turns<'s>) {
        let step = self.run.pipeline.steps[index].clone();
        let one = &mut self.run.steps[index];
        if !goes_on {
            one.attempt += 1;
            one.started = Some(Timestamp::now());
            one.ended = None;
            one.status = Status::Running;
            one.detail.clear();
            one.replies.clear();
            one.digest = None;
        }
        let needs_host = matches!(
            step.verb,
            Verb::Commands { .. } | Verb::Git(_) | Verb::Build(_)
        );
        if needs_host && let Err(why) = self.settle(index).await {
            let ended = Ended::failed(why);
            turns.begin(Box::pin(async move { (index, ended) }));
            return;
        }
        let turn = Turn {
            shop: self.shop,
            lease: self.lease,
            index,
            attempt: self.run.steps[index].attempt,
            goes_on,
            run: self.run.clone(),
            step,
            notes: self.notes.clone(),
            wish: self.wish.clone(),
            left: self.left.clone(),
        };
        turns.begin(Box::pin(async move { (index, turn.take().await) }));
    }

    /// Finds the host of the run, and has its workspace and its services made there.
    async fn settle(&mut self, index: usize) -> Result<(), String> {
        let services: Vec<YardService> = self
            .run
            .pipeline
            .services
            .iter()
            .map(|service| {
                let value = |name: &str| step::variable(&self.run, None, name);
                let fill = |text: &str| {
                    filled(text, &value)
                        .map_err(|name| format!("service {}: {name} is not known", service.name))
                };
                let environment = service.environment.iter();
                let environment: Result<_, String> = environment
                    .map(|(name, text)| Ok((name.clone(), fill(text)?)))
                    .collect();
                Ok::<_, String>(YardService {
                    name: service.name.clone(),
                    image: fill(&service.image)?,
                    command: service.command.clone(),
                    environment: environment?,
                })
            })
            .collect::<Result<_, String>>()?;
        let run = self.run.tag().ok_or("the run has no name")?;
        let open = async |host: HostName| {
            let yard = Yard {
                host,
                run: run.clone(),
            };
            let opened = self.shop.engines.yard_open(&yard, &services).await;
            opened.map_err(|error| error.to_string())
        };
        if let Some(host) = &self.run.host {
            return open(host.clone()).await;
        }
        let mut troubles: Vec<(HostName, String)> = Vec::new();
        loop {
            let hosts = self.hosts().await?;
            let mut is_full = false;
            for host in &hosts {
                if troubles.iter().any(|(one, _)| one == host) {
                    continue;
                }
                if !self.place(host).await? {
                    is_full = true;
                    continue;
                }
                match open(host.clone()).await {
                    Ok(()) => {
                        self.run.steps[index].detail.clear();
                        return Ok(());
                    }
                    Err(why) => {
                        self.run.host = None;
                        troubles.push((host.clone(), why));
                    }
                }
            }
            if !is_full {
                break;
            }
            self.waits_for_room(index, &hosts).await?;
            // Each of them has as many runs as it may have.
            tokio::select! {
                () = sleep(PASS) => {}
                () = self.wish.cancelled() => return Err("it was canceled".to_owned()),
            }
        }
        let troubles: Vec<String> = troubles.into_iter().map(|(_, why)| why).collect();
        Err(format!(
            "no host can run its steps: {}",
            troubles.join("; ")
        ))
    }

    /// Takes a place on a host; false when as many runs have one there as may.
    async fn place(&mut self, host: &HostName) -> Result<bool, String> {
        self.run.host = Some(host.clone());
        let (store, most) = (self.shop.store, self.shop.per_host);
        match store.place_run(self.lease, &self.run, most).await {
            Ok(Kept::Yes) => Ok(true),
            Ok(Kept::Wait) => {
                self.run.host = None;
                Ok(false)
            }
            Ok(Kept::Lost) => Err("somebody else has the run".to_owned()),
            Err(error) => {
                self.run.host = None;
                Err(error.to_string())
            }
        }
    }

    /// Tells once that a step waits until a host has room for its run.
    async fn waits_for_room(&mut self, index: usize, hosts: &[HostName]) -> Result<(), String> {
        let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
        let told = format!(
            "waits for a host: {} may have {} at once (per_host)",
            names.join(", "),
            if self.shop.per_host == 1 {
                "one run".to_owned()
            } else {
                format!("{} runs", self.shop.per_host)
            }
        );
        let one = &mut self.run.steps[index];
        if one.detail != told {
            one.detail = told;
            let told = self.tell().await;
            told.map_err(|Gone| "somebody else has the run".to_owned())?;
        }
        Ok(())
    }

    /// The hosts that may run its steps, those with the fewest runs first.
    async fn hosts(&self) -> Result<Vec<HostName>, String> {
        let wanted = &self.run.pipeline.hosts;
        let specs = self.shop.fleet.hosts().iter().map(|host| &host.spec);
        let mut hosts: Vec<HostName> = grounds(&self.run.pipeline, specs)
            .into_iter()
            .cloned()
            .collect();
        if hosts.is_empty() {
            let of = if wanted.is_empty() {
                "any host".to_owned()
            } else {
                wanted.join(", ")
            };
            return Err(format!(
                "no host is {of}; name others in hosts: of the pipeline"
            ));
        }
        let open = self.shop.store.runs(None, true, 1000).await;
        let mut busy: BTreeMap<HostName, usize> = BTreeMap::new();
        for held in open.map_err(|error| error.to_string())? {
            if let (Some(host), Status::Running) = (held.run.host, held.run.status) {
                *busy.entry(host).or_default() += 1;
            }
        }
        let runs = |host: &HostName| busy.get(host).copied().unwrap_or(0);
        hosts.sort_by_key(runs);
        Ok(hosts)
    }

    /// Takes in what a step says while it goes on.
    fn note(&mut self, note: Note) {
        let one = &mut self.run.steps[note.index];
        // What was still on its way when a try ended says nothing of the next one.
        if !matches!(one.status, Status::Running | Status::Blocked) {
            return;
        }
        one.status = if note.blocks {
            Status::Blocked
        } else {
            Status::Running
        };
        one.detail = note.detail;
        if let Some((digest, replies)) = note.asks {
            one.digest = Some(digest);
            one.replies = replies;
        }
    }

    /// Takes in how a step ended.
    fn end(&mut self, index: usize, ended: Ended) {
        let retries = self.run.pipeline.steps[index].retries;
        self.run.variables.extend(ended.variables);
        self.run.images.extend(ended.images);
        let one: &mut StepRun = &mut self.run.steps[index];
        one.ended = Some(Timestamp::now());
        one.status = ended.status;
        one.detail = ended.detail;
        one.report = ended.report.or(one.report.take());
        one.artifacts = ended.artifacts;
        let is_tried =
            matches!(one.status, Status::Failure | Status::Lost) && one.attempt <= retries;
        if is_tried && self.ending.is_none() {
            one.status = Status::Pending;
        }
    }

    /// Says how far it is. False when it has to let another one pass first.
    async fn tell(&mut self) -> Result<bool, Gone> {
        loop {
            self.run.status = self.standing();
            self.run.detail.clear();
            match self.shop.store.tell_run(self.lease, &self.run).await {
                Ok(Kept::Yes) => return Ok(true),
                Ok(Kept::Wait) => break,
                Ok(Kept::Lost) => return Err(Gone),
                Err(error) => {
                    // Nothing goes on that nobody can know of.
                    tracing::warn!(%error, "a run cannot be kept");
                    sleep(PASS).await;
                }
            }
        }
        self.run.status = Status::Blocked;
        let key = self.run.pipeline.key();
        self.run.detail = format!("it waits until another run of {key} is over");
        match self.shop.store.tell_run(self.lease, &self.run).await {
            Ok(Kept::Lost) => Err(Gone),
            Ok(Kept::Yes | Kept::Wait) | Err(_) => Ok(false),
        }
    }

    /// What the run is, from its steps: it is blocked when all it could do waits for people.
    fn standing(&self) -> Status {
        let has = |status| self.run.steps.iter().any(|step| step.status == status);
        let both = self.run.steps.iter().zip(&self.run.pipeline.steps);
        let mut pending = both.filter(|(one, _)| one.status == Status::Pending);
        let is_ready = pending.any(|(_, step)| self.has_turn(step));
        if has(Status::Blocked) && !has(Status::Running) && !is_ready {
            Status::Blocked
        } else {
            Status::Running
        }
    }

    /// Writes down how the run ended, and clears up behind it.
    async fn finish(&mut self) -> Result<(), Gone> {
        for step in &mut self.run.steps {
            if !step.status.is_over() {
                step.status = Status::Canceled;
                step.ended = Some(Timestamp::now());
            }
        }
        let bad = self.run.steps.iter().zip(&self.run.pipeline.steps);
        let bad = bad.filter(|(one, step)| one.status.is_bad() && !step.may_fail);
        let first = bad.map(|(one, _)| one).next();
        let (status, detail) = match (self.ending.take(), first) {
            (Some(ending), _) => ending,
            (None, Some(step)) => {
                let status = match step.status {
                    Status::Declined => Status::Declined,
                    Status::Canceled => Status::Canceled,
                    _ => Status::Failure,
                };
                (status, format!("{}: {}", step.name, step.detail))
            }
            (None, None) => (Status::Success, String::new()),
        };
        self.clear_up(status).await;
        self.run.status = status;
        self.run.detail = detail;
        self.run.ended = Some(Timestamp::now());
        loop {
            match self.shop.store.tell_run(self.lease, &self.run).await {
                Ok(Kept::Lost) => return Err(Gone),
                Ok(_) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "the end of a run cannot be kept");
                    sleep(PASS).await;
                }
            }
        }
    }

    /// Removes what the run has on its host; the workspace of one that did not go well stays, for it may be tried again,
    /// until the next run of the same pipeline is over.
    async fn clear_up(&self, status: Status) {
        let Some(host) = &self.run.host else { return };
        let (store, engines) = (self.shop.store, self.shop.engines);
        let mut over = Vec::new();
        match self.run.tag() {
            Some(tag) if status != Status::Success => {
                let yard = Yard {
                    host: host.clone(),
                    run: tag,
                };
                if let Err(error) = engines.yard_rest(&yard).await {
                    tracing::warn!(%error, "the containers of a run could not be removed");
                }
            }
            tag => over.extend(tag),
        }
        let left = engines.yards(host).await.unwrap_or_default();
        let older = store.runs(Some(self.run.name()), false, 100).await;
        let older = older.unwrap_or_default().into_iter().map(|held| held.run);
        let older = older.filter(|one| one.status.is_over() && one.number < self.run.number);
        over.extend(
            older
                .filter_map(|one| one.tag())
                .filter(|one| left.contains(one)),
        );
        for run in over {
            let yard = Yard {
                host: host.clone(),
                run,
            };
            if let Err(error) = self.shop.engines.yard_close(&yard).await {
                tracing::warn!(%error, "what a run left could not be removed");
            }
        }
    }
}
