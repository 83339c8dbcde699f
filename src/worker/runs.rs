//! Runs of pipelines: taken out of the queue, so many at once, and started by what is seen.

use std::collections::{BTreeMap, BTreeSet};

use tokio::{
    sync::mpsc,
    time::{Duration, sleep},
};

use super::{INBOX, Worker};
use crate::{
    clients::{jenkins::Servers, registry::Registries},
    engine::Engines,
    model::{
        HostName, Timestamp,
        pipeline::{Run, RunNumber, Status},
    },
    ops::pipeline::{self, Drive, Shop, Watch},
};

/// The queue is looked at so often.
const LOOK: Duration = Duration::from_millis(500);
/// Runs that wait for people are worked on as well, so many at most.
const MOST: usize = 500;

type Working<'w> = Drive<'w, (RunNumber, Option<Run>)>;

/// Carries runs out until the worker ends.
pub(super) async fn work(worker: &Worker<'_>) {
    carry(worker, false).await;
}

/// Carries out what is in the queue and ends; answers how many runs did not go well.
pub(super) async fn once(worker: &Worker<'_>) -> usize {
    carry(worker, true).await
}

async fn carry(worker: &Worker<'_>, once: bool) -> usize {
    let setup = worker.setup;
    let (sender, mut inbox) = mpsc::channel(INBOX);
    let engines = Engines::start(setup.engine.clone(), sender);
    let drained = tokio::spawn(async move { while inbox.recv().await.is_some() {} });
    let registries = Registries::new(setup.registries.clone());
    let jenkins = Servers::new(setup.fleet.jenkins.iter().cloned(), setup.secrets.clone());
    let by = worker.origin().signature();
    let shop = Shop {
        engines: &engines,
        registries: &registries,
        jenkins: &jenkins,
        store: worker.store,
        fleet: &setup.fleet,
        secrets: &setup.secrets,
        channels: &setup.channels,
        program: &setup.program,
        scratch: &setup.engine.scratch,
        artifacts: &setup.artifacts,
        per_host: setup.pipelines.per_host,
        by: &by,
    };
    let (working, driving) = Drive::new();
    let mut queue = Queue {
        worker,
        shop: &shop,
        working,
        reached: BTreeSet::new(),
        failed: 0,
    };
    let watching = async {
        let mut watch = Watch::default();
        while !once && !worker.cancel.is_cancelled() {
            let directory = &setup.pipelines.directory;
            let repositories = &setup.pipelines.repositories;
            let now = Timestamp::now();
            for line in pipeline::watch(&shop, directory, repositories, &mut watch, now).await {
                (worker.tell)(&line);
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = worker.cancel.cancelled() => {}
            }
        }
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(queue.go(once), watching) } => {}
        () = driving => {}
    }
    let failed = queue.failed;
    drop(queue);
    drained.abort();
    failed
}

struct Queue<'w> {
    worker: &'w Worker<'w>,
    shop: &'w Shop<'w>,
    working: Working<'w>,
    /// The hosts that runs may need.
    reached: BTreeSet<HostName>,
    failed: usize,
}

impl Queue<'_> {
    async fn go(&mut self, once: bool) {
        let cancel = self.worker.cancel;
        loop {
            let took = !cancel.is_cancelled() && self.take().await;
            if self.working.is_empty() && (cancel.is_cancelled() || (once && !took)) {
                return;
            }
            let wait = if took { Duration::ZERO } else { LOOK };
            tokio::select! {
                Some((number, run)) = self.working.next() => self.ended(number, run.as_ref()),
                () = sleep(wait) => {}
            }
        }
    }

    /// Takes one run, if there is one and room for it.
    async fn take(&mut self) -> bool {
        if self.busy().await >= self.worker.setup.pipelines.at_once || self.working.len() >= MOST {
            return false;
        }
        let (run, lease) = match self
            .worker
            .store
            .claim_run(self.shop.by, self.worker.taker)
            .await
        {
            Ok(Some(taken)) => taken,
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(%error, "no run can be taken");
                return false;
            }
        };
        let word = if run.started.is_some() {
            "goes on"
        } else {
            "begins"
        };
        (self.worker.tell)(&format!("run {} of {} {word}", run.number, run.name()));
        self.reach(&run);
        let (shop, cancel) = (self.shop, self.worker.cancel);
        self.working.begin(Box::pin(async move {
            let number = run.number;
            (number, pipeline::work(shop, run, lease, cancel).await)
        }));
        true
    }

    /// Has the hosts opened that a run may need.
    fn reach(&mut self, run: &Run) {
        let all = &self.worker.setup.hosts;
        let before = self.reached.len();
        self.reached
            .extend(pipeline::grounds(&run.pipeline, all).into_iter().cloned());
        self.reached.extend(run.host.clone());
        if self.reached.len() > before {
            let specs = all.iter().filter(|spec| self.reached.contains(&spec.name));
            self.shop.engines.set_hosts(specs.cloned().collect());
        }
    }

    /// How many go on and do not wait for people.
    async fn busy(&self) -> usize {
        if self.working.len() < self.worker.setup.pipelines.at_once {
            return self.working.len();
        }
        let open = self.worker.store.runs(None, true, 1000).await;
        let open = open.unwrap_or_default().into_iter();
        let mut by_status: BTreeMap<Status, usize> = BTreeMap::new();
        for held in open.filter(|held| held.worker == self.shop.by && held.seconds_left > 0) {
            *by_status.entry(held.run.status).or_default() += 1;
        }
        let waits = by_status.get(&Status::Blocked).copied().unwrap_or(0);
        self.working.len().saturating_sub(waits)
    }

    fn ended(&mut self, number: RunNumber, run: Option<&Run>) {
        let Some(run) = run else {
            (self.worker.tell)(&format!("run {number} is somebody else's now"));
            return;
        };
        let why = if run.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", run.detail)
        };
        let word = if run.status.is_over() {
            run.status.word()
        } else {
            "left"
        };
        (self.worker.tell)(&format!("run {number} of {}: {word}{why}", run.name()));
        self.failed += usize::from(run.status.is_bad());
    }
}
