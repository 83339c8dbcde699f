//! A desk at which a test sits: engines, the fleet they tell of, and what feeds bring.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout_at;
use wharf::engine::{Engines, Error, LogOptions, Settings, Signal};
use wharf::model::{
    Action, Container, Event, Feed, Fleet, HostName, HostSpec, LogBatch, Payload, Step,
};

use crate::subject::{Made, Subject};

/// Long enough for a loaded machine; what is promised to be fast is measured by itself.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Desk {
    pub engines: Engines,
    pub fleet: Fleet,
    signals: mpsc::Receiver<Signal>,
    /// What feeds brought and nobody took yet.
    brought: Vec<(Feed, Payload)>,
}

impl Desk {
    /// Sits down before one engine; returns when its containers are listed.
    pub async fn at(subject: &Subject) -> Self {
        Self::with(subject.spec.clone(), Settings::default()).await
    }

    pub async fn with(spec: HostSpec, settings: Settings) -> Self {
        let mut desk = Self::open(vec![spec], settings);
        desk.until("the containers are listed", |fleet| {
            fleet.hosts().first().is_some_and(|host| host.listed)
        })
        .await;
        desk
    }

    pub fn open(specs: Vec<HostSpec>, settings: Settings) -> Self {
        let (inbox, signals) = mpsc::channel(1024);
        let engines = Engines::start(settings, inbox);
        engines.set_hosts(specs);
        Self {
            engines,
            fleet: Fleet::new(),
            signals,
            brought: Vec::new(),
        }
    }

    /// Reads a log to its end.
    pub async fn log(&self, subject: &Subject, made: &Made, options: LogOptions) -> LogBatch {
        let mut logs = self
            .engines
            .logs(&subject.host(), &made.id, options)
            .await
            .expect("the log opens");
        let mut all = LogBatch::default();
        while let Some(lines) = logs.next().await.expect("the log is read") {
            all.append(&lines);
        }
        all
    }

    /// Takes in what comes until the fleet looks so; fails with what it looks like instead.
    pub async fn until(&mut self, what: &str, looks: impl Fn(&Fleet) -> bool) -> Duration {
        let began = Instant::now();
        while !looks(&self.fleet) {
            let told = self.turn(began + PATIENCE).await;
            let hosts = self.fleet.hosts();
            assert!(told, "not within {PATIENCE:?}: {what}; hosts: {hosts:#?}");
        }
        began.elapsed()
    }

    /// Takes in one signal; false when none came in time.
    pub async fn turn(&mut self, until: Instant) -> bool {
        match timeout_at(until.into(), self.signals.recv()).await {
            Ok(Some(Signal::Event(event))) => self.fleet.apply(event),
            Ok(Some(Signal::Feed(feed, payload, _))) => self.brought.push((feed, payload)),
            Ok(None) => panic!("the engines hung up"),
            Err(_) => return false,
        }
        true
    }

    /// Takes in all events of some time, and gives them.
    pub async fn listen(&mut self, time: Duration) -> Vec<Event> {
        let until = Instant::now() + time;
        let mut events = Vec::new();
        while let Ok(Some(signal)) = timeout_at(until.into(), self.signals.recv()).await {
            match signal {
                Signal::Event(event) => {
                    self.fleet.apply(event.clone());
                    events.push(event);
                }
                Signal::Feed(feed, payload, _) => self.brought.push((feed, payload)),
            }
        }
        events
    }

    pub fn want(&self, feeds: impl IntoIterator<Item = Feed>) {
        self.engines
            .want(feeds.into_iter().collect::<BTreeSet<_>>());
    }

    /// Waits until a feed brought what `pick` takes; what it brought before is passed to `pick` too.
    pub async fn brought<T>(
        &mut self,
        what: &str,
        feed: &Feed,
        mut pick: impl FnMut(&Payload) -> Option<T>,
    ) -> T {
        let until = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            while let Some(at) = self.brought.iter().position(|(one, _)| one == feed) {
                let (_, payload) = self.brought.remove(at);
                if let Some(found) = pick(&payload) {
                    return found;
                }
                last = Some(payload);
            }
            let told = self.turn(until).await;
            assert!(
                told,
                "not within {PATIENCE:?}: {what}; the last was {last:?}"
            );
        }
    }

    /// What a feed brought and nobody took yet, in order.
    pub fn take(&mut self, feed: &Feed) -> Vec<Payload> {
        let (ours, others) = std::mem::take(&mut self.brought)
            .into_iter()
            .partition(|(one, _)| one == feed);
        self.brought = others;
        ours.into_iter().map(|(_, payload)| payload).collect()
    }

    /// Waits until a log brought a line of just this text.
    pub async fn brought_line(&mut self, what: &str, feed: &Feed, text: &str) {
        self.brought(what, feed, |payload| match payload {
            Payload::Lines(lines) => lines
                .iter()
                .any(|line| line.text == text.as_bytes())
                .then_some(()),
            _ => None,
        })
        .await;
    }

    pub fn container(&self, made: &Made) -> Option<&Container> {
        self.fleet
            .containers()
            .map(|(_, one)| one)
            .find(|one| one.id == made.id)
    }

    /// Waits until a container looks so.
    pub async fn sees(
        &mut self,
        made: &Made,
        what: &str,
        looks: impl Fn(&Container) -> bool,
    ) -> Duration {
        let began = Instant::now();
        while !self.container(made).is_some_and(&looks) {
            let told = self.turn(began + PATIENCE).await;
            let one = self.container(made);
            assert!(told, "not within {PATIENCE:?}: {what}; it is {one:#?}");
        }
        began.elapsed()
    }

    /// Has the images, networks and volumes of a host told anew.
    pub async fn resources(&mut self, host: &HostName) {
        let name = host.clone();
        self.fleet.apply(Event::Images(name.clone(), Vec::new()));
        self.engines.want([Feed::Resources(name.clone())].into());
        self.until("its images are told", |fleet| {
            fleet
                .host(&name)
                .is_some_and(|host| host.images.as_ref().is_some_and(|all| !all.is_empty()))
        })
        .await;
        self.engines.want(std::collections::BTreeSet::new());
    }

    /// Does something to a container.
    pub async fn act(
        &self,
        subject: &Subject,
        made: &Made,
        action: Action,
    ) -> Result<String, Error> {
        let step = Step {
            host: subject.host(),
            subject: wharf::model::Subject::Container(made.id.clone(), made.name.as_str().into()),
            action,
        };
        self.engines.act(&step, &|_| ()).await
    }
}
