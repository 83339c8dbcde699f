//! Hosts that the worker keeps in sight: what it judges by is there before it is needed.

use std::path::Path;

use tokio::sync::mpsc;

use super::{INBOX, Worker};
use crate::{
    engine::{Engines, Signal},
    model::{Event, Fleet, HostSpec, Timestamp, release::Trust},
    ops::{
        Crew, Sentence,
        deploy::{self, Desk},
    },
};

/// Hosts with all that they tell.
pub(super) struct Sight {
    /// How they are reached.
    pub engines: Engines,
    /// What is known of them.
    pub fleet: Fleet,
    inbox: mpsc::Receiver<Signal>,
}

impl Sight {
    /// Begins to look at the hosts in the environments of services that are scaled and of lists that are kept; none when
    /// there is nothing of either.
    pub fn start(worker: &Worker<'_>) -> Option<Self> {
        let setup = worker.setup;
        let lists = &setup.fleet.discoveries;
        if setup.scalings.is_empty() && lists.is_empty() {
            return None;
        }
        let is_of = |spec: &&HostSpec| {
            let of = spec.environment.as_deref().unwrap_or_default();
            let mut scalings = setup.scalings.iter();
            scalings.any(|one| &*one.scope.environment == of)
                || lists.iter().any(|list| list.covers(of))
        };
        let (sender, inbox) = mpsc::channel(INBOX);
        let engines = Engines::start(setup.engine.clone(), sender);
        engines.set_hosts(setup.hosts.iter().filter(is_of).cloned().collect());
        Some(Self {
            engines,
            fleet: worker.own_fleet(),
            inbox,
        })
    }

    /// Takes in what the hosts told meanwhile.
    pub fn take_in(&mut self) {
        while let Ok(signal) = self.inbox.try_recv() {
            match signal {
                Signal::Event(Event::Hosts(_)) | Signal::Feed(..) => {}
                Signal::Event(event) => self.fleet.apply(event),
            }
        }
        self.fleet.apply(Event::Tick(Timestamp::now()));
    }

    /// What a worker does with them.
    pub fn view<'v>(&'v self, worker: &'v Worker<'v>) -> View<'v> {
        View {
            worker,
            sight: self,
            crew: worker.crew(&self.engines),
        }
    }
}

/// A worker, what it sees, and who does what it says.
pub(super) struct View<'v> {
    pub worker: &'v Worker<'v>,
    pub sight: &'v Sight,
    pub crew: Crew,
}

impl View<'_> {
    /// Says a sentence as anybody would: it is planned, done and recorded.
    pub async fn act(&self, sentence: &Sentence) -> Result<String, String> {
        let worker = self.worker;
        let desk = Desk {
            crew: &self.crew,
            store: worker.store,
            fleet: &self.sight.fleet,
            catalogs: &[],
            pipelines: Path::new(""),
            // What is said here comes out of no bundle.
            trust: &Trust::default(),
            by: &worker.origin().signature(),
        };
        let plan = deploy::prepare(&desk, sentence).await;
        let plan = plan.map_err(|refusal| refusal.to_string())?;
        worker.run(&plan, sentence, &self.sight.engines).await
    }
}
