//! Follows the log of acts: what others add to it, and what waits beside it while it cannot be written.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    select,
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    model::{
        Event, Maintenance, Operation,
        notify::{Notice, Places, Turn, of_operation, of_request, of_run},
        release::{Deploys, Phase, ReleaseNumber, Scope},
    },
    store::{Error, Mark, Store},
    ui::{Msg, message::Level},
};

/// How often acts of other consoles are looked for.
const EVERY: Duration = Duration::from_secs(2);
/// After how many looks those acts are ended whose programs died on other machines.
const ROUND: u32 = 30;
/// How long a look may take that somebody waits for.
const LOOK: Duration = Duration::from_secs(1);
/// So many of the newest requests for approvals are looked at.
const NEWEST: u32 = 20;
/// So much is remembered of what was told.
const NEWS: usize = 1000;
/// The settings that are remembered between sessions.
const REMEMBERED: [&str; 6] = [
    "containers.columns",
    "containers.sort",
    "hosts.columns",
    "hosts.sort",
    "operations.columns",
    "operations.sort",
];

/// The handle to who follows the log.
#[derive(Clone)]
pub(super) struct Log {
    asks: mpsc::Sender<oneshot::Sender<()>>,
    /// The app that somebody looks at.
    app: watch::Sender<Option<Scope>>,
}

impl Log {
    /// Starts with what is remembered, then tells what the log of acts has, as long as a handle lives.
    pub(super) fn follow(store: Store, inbox: mpsc::Sender<Msg>) -> Self {
        let (asks, asked) = mpsc::channel(64);
        let (app, looked_at) = watch::channel(None);
        let follower = Follower {
            store,
            inbox,
            mark: Mark::default(),
            waiting: Vec::new(),
            resting: Vec::new(),
            deploys: Deploys::default(),
            reread: true,
            looked_at,
            seen: None,
            news: BTreeSet::new(),
            told: None,
        };
        tokio::spawn(follower.run(asked));
        Self { asks, app }
    }

    /// Tells the releases of that app from now on.
    pub(super) fn follow_app(&self, scope: Option<Scope>) {
        // Who follows lives as long as this handle.
        let _ = self.app.send(scope);
    }

    /// Looks into the log now, and returns when the console was told what is new: what is said next
    /// of an act is not ahead of what the log shows.
    pub(super) async fn look(&self) {
        let (reply, looked) = oneshot::channel();
        let look = async {
            if self.asks.send(reply).await.is_ok() {
                // An answer that never comes is of a console that ends.
                let _ = looked.await;
            }
        };
        // A disk that does not answer must not keep anybody from hearing how the act ended.
        let _ = timeout(LOOK, look).await;
    }
}

struct Follower {
    store: Store,
    inbox: mpsc::Sender<Msg>,
    mark: Mark,
    /// What waited beside the log at the last look.
    waiting: Vec<Operation>,
    /// The hosts that were in maintenance at the last look.
    resting: Vec<Arc<Maintenance>>,
    /// What was known of deploys at the last look.
    deploys: Deploys,
    /// Other releases may be everywhere now.
    reread: bool,
    looked_at: watch::Receiver<Option<Scope>>,
    /// What was known of runs and of requests for approvals at the last look.
    seen: Option<(i64, (i64, i64))>,
    /// What was told of them lately, so that it is told once.
    news: BTreeSet<String>,
    /// The trouble that was told last, so that it is not told again and again.
    told: Option<String>,
}

impl Follower {
    async fn run(mut self, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
        self.remember().await;
        let interrupted = self.store.interrupted().await;
        self.tell_trouble(interrupted.map(drop)).await;
        let mut turn = interval(EVERY);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = 0;
        loop {
            let reply = select! {
                _ = turn.tick() => None,
                ask = asked.recv() => match ask {
                    Some(reply) => Some(reply),
                    None => return,
                },
                Ok(()) = self.looked_at.changed() => None,
            };
            let looked = self.look().await;
            looks = (looks + 1) % ROUND;
            self.reread |= looks == 0;
            if looks == 0 && looked.is_ok() && self.store.is_shared() {
                // Its trouble shows with the next look.
                let _ = self.store.interrupted().await;
            }
            self.tell_trouble(looked).await;
            if let Some(reply) = reply {
                // Whoever asked may have lost patience.
                let _ = reply.send(());
            }
        }
    }

    async fn remember(&self) {
        let mut remembered = Vec::new();
        for key in REMEMBERED {
            if let Ok(Some(value)) = self.store.setting(key).await {
                remembered.push((key.to_owned(), value));
            }
        }
        self.tell(Msg::Remembered(remembered)).await;
    }

    /// Tells what is new.
    async fn look(&mut self) -> Result<(), Error> {
        let waiting = self.look_beside().await;
        let changes = self.look_inside().await;
        let resting = self.look_at_hosts().await;
        let deploys = self.look_at_deploys().await;
        waiting.and(changes).and(resting).and(deploys)
    }

    /// What waits beside the log is taken in as soon as the log can be written again, not only
    /// with the next act.
    async fn look_beside(&mut self) -> Result<(), Error> {
        let mut waiting = self.store.waiting().await?;
        let mut taken_in = Ok(());
        if !waiting.is_empty() {
            taken_in = self.store.take_in().await;
            if taken_in.is_ok() {
                waiting.clear();
            }
        }
        if self.waiting != waiting {
            self.tell(Msg::Event(Event::Waiting(waiting.clone()))).await;
            self.waiting = waiting;
        }
        taken_in
    }

    /// Tells which hosts are in maintenance, when that changed.
    async fn look_at_hosts(&mut self) -> Result<(), Error> {
        let resting: Vec<Arc<Maintenance>> = {
            let all = self.store.maintenances().await?;
            all.into_iter().map(Arc::new).collect()
        };
        if self.resting != resting {
            self.tell(Msg::Event(Event::Maintenance(resting.clone())))
                .await;
            self.resting = resting;
        }
        Ok(())
    }

    /// Tells what is known of deploys, when that changed. Which releases are everywhere is asked only when that can be
    /// other than before: a deploy began, ended or stands otherwise, or something was done.
    async fn look_at_deploys(&mut self) -> Result<(), Error> {
        let scope = self.looked_at.borrow_and_update().clone();
        let store = self.store.clone();
        let mut now = store
            .deployed(&self.deploys, scope.as_ref(), self.reread)
            .await?;
        if !self.reread && phases(&now) != phases(&self.deploys) {
            now = store.deployed(&now, scope.as_ref(), true).await?;
        }
        self.reread = false;
        if now != self.deploys {
            let event = Event::Deploys(Box::new(now.clone()));
            self.tell(Msg::Event(event)).await;
            self.deploys = now;
        }
        Ok(())
    }

    async fn look_inside(&mut self) -> Result<(), Error> {
        let changes = self.store.changed_since(self.mark).await?;
        self.mark = changes.mark;
        if changes.another {
            self.tell(Msg::Event(Event::AnotherLog)).await;
        }
        self.reread |= !changes.operations.is_empty();
        let is_first = self.seen.is_none();
        self.look_for_news(changes.runs, changes.requests).await?;
        if !is_first && !changes.another {
            // What a worker does nobody sees. What people do they are told where they do it.
            let by_worker = changes.operations.iter();
            let by_worker = by_worker.filter(|one| one.origin.operator == "worker");
            for notice in by_worker.filter_map(|one| of_operation(one, Places(&[]))) {
                if notice.turn == Turn::Failure {
                    self.tell_news(&notice).await;
                }
            }
        }
        for operation in changes.operations {
            let event = Event::Operation(Box::new(operation));
            self.tell(Msg::Event(event)).await;
        }
        Ok(())
    }

    /// Says that runs are over or ask for an approval, and that somebody wants to deploy; not what was before the start.
    async fn look_for_news(&mut self, runs: i64, requests: (i64, i64)) -> Result<(), Error> {
        let before = self.seen.replace((runs, requests));
        let Some((run, (since, count))) = before else {
            return Ok(());
        };
        if runs != run {
            for run in self.store.runs_since(run).await? {
                for notice in of_run(&run, Places(&[])) {
                    self.tell_news(&notice).await;
                }
            }
        }
        if requests != (since, count) {
            for request in self.store.requests(None, NEWEST).await? {
                if request.at.as_second() >= since {
                    self.tell_news(&of_request(&request, Places(&[]))).await;
                }
            }
        }
        Ok(())
    }

    /// Says what happened, once.
    async fn tell_news(&mut self, notice: &Notice) {
        if !self.news.insert(notice.key.clone()) {
            return;
        }
        if self.news.len() > NEWS {
            self.news.clear();
            self.news.insert(notice.key.clone());
        }
        let level = match notice.turn {
            Turn::Success => Level::Info,
            Turn::Asked => Level::Warning,
            Turn::Failure => Level::Error,
        };
        // What can be said to it is worth a place in the line.
        let text = match (notice.turn, notice.text.lines().last()) {
            (Turn::Asked, Some(line)) => {
                format!("{}; {}", notice.title, line.replace("wharf ", ":"))
            }
            (Turn::Failure, Some(_)) => {
                let first = notice.text.lines().next().unwrap_or_default();
                format!("{}: {first}", notice.title)
            }
            _ => notice.title.clone(),
        };
        self.tell(Msg::Say(level, text)).await;
    }

    /// Says what is wrong with the log, but not the same again and again.
    async fn tell_trouble(&mut self, looked: Result<(), Error>) {
        let trouble = looked.err().map(|error| error.to_string());
        if self.told != trouble {
            if let Some(text) = trouble.clone() {
                self.tell(Msg::Say(Level::Error, text)).await;
            }
            self.told = trouble;
        }
    }

    async fn tell(&self, msg: Msg) {
        // A console that is gone needs no news.
        let _ = self.inbox.send(msg).await;
    }
}

/// Which deploys are open, and how far they are.
fn phases(deploys: &Deploys) -> Vec<(&Scope, ReleaseNumber, Phase)> {
    let all = deploys.open.iter();
    all.map(|(scope, one)| (scope, one.held.number, one.held.phase))
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{
        catalog::pipeline::pipeline,
        model::{
            DatabasePlace, Place, Timestamp,
            pipeline::{Cause, Run, Status},
        },
        store::{Kept, Taker},
    };

    /// What was said since the last time, with everything else that came.
    fn heard(inbox: &mut mpsc::Receiver<Msg>) -> (Vec<(Level, String)>, usize) {
        let (mut said, mut others) = (Vec::new(), 0);
        while let Ok(msg) = inbox.try_recv() {
            match msg {
                Msg::Say(level, text) => said.push((level, text)),
                _ => others += 1,
            }
        }
        (said, others)
    }

    fn run() -> Run {
        let text = "steps: [{name: go, approval: {count: 1}}]";
        let pipeline = pipeline("shop.yaml", text).pipeline.unwrap();
        let at = Timestamp::now();
        Run::new(Arc::new(pipeline), Cause::Manual, "ann@ops".to_owned(), at)
    }

    #[tokio::test]
    async fn what_happens_is_said_once_and_an_idle_console_hears_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place {
            database: DatabasePlace::File(dir.path().join("log.db")),
            spill: dir.path().join("spill"),
        };
        let store = Store::open(&place).await.unwrap();
        let (sender, mut inbox) = mpsc::channel(256);
        let log = Log::follow(store.clone(), sender);
        log.look().await;
        heard(&mut inbox);

        store.ask_run(&run()).await.unwrap();
        let (mut run, lease) = store.claim_run("w", Taker::Worker).await.unwrap().unwrap();
        log.look().await;
        let (said, _) = heard(&mut inbox);
        assert!(said.is_empty(), "a run that goes on is seen in its pane");
        let step = &mut run.steps[0];
        (step.status, step.digest) = (Status::Blocked, Some("d1".to_owned()));
        step.started = Some(Timestamp::now());
        run.status = Status::Blocked;
        assert_eq!(store.tell_run(lease, &run).await.unwrap(), Kept::Yes);
        log.look().await;
        let (said, _) = heard(&mut inbox);
        let asked = "run #1 of shop asks for an approval: go; :pipeline approve 1 go";
        assert_eq!(said, [(Level::Warning, asked.to_owned())]);
        // More words of the same step say nothing new.
        run.steps[0].detail = "2 more".to_owned();
        assert_eq!(store.tell_run(lease, &run).await.unwrap(), Kept::Yes);
        log.look().await;
        assert!(heard(&mut inbox).0.is_empty());
        (run.steps[0].status, run.status) = (Status::Declined, Status::Declined);
        run.detail = "go: bob did not approve: no time".to_owned();
        run.ended = Some(Timestamp::now());
        assert_eq!(store.tell_run(lease, &run).await.unwrap(), Kept::Yes);
        log.look().await;
        let (said, _) = heard(&mut inbox);
        let over = "run #1 of shop: declined: go: bob did not approve: no time";
        assert_eq!(said, [(Level::Error, over.to_owned())]);

        // With nothing new there is nothing to draw.
        for _ in 0..5 {
            log.look().await;
        }
        assert_eq!(heard(&mut inbox), (Vec::new(), 0));
    }
}
