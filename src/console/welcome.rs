//! The first start: what is on this machine is looked for and asked, and what is chosen is taken in.

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{Own, engine_settings, looks};
use crate::{
    config::{self, Config},
    engine::{Engines, Signal},
    model::{
        Endpoint, Event, Fleet, Host, HostName, HostSpec, Link, Origin, Outcome, Product,
        found::{Answer, Candidate, Found},
    },
    ops::{self, Plan, Sentence},
    store::Store,
    ui::{Msg, message::Level},
};

/// How long engines of this machine have to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks for what could be hosts, and tells it; then again with what the engines of this machine answered.
pub(super) async fn look(config: Config, inbox: mpsc::Sender<Msg>) {
    let env = config::Env::of_process();
    let reader = config.clone();
    let looked = tokio::task::spawn_blocking(move || config::found(&reader, &env)).await;
    let Ok(mut found) = looked else { return };
    // A console that is gone needs no news.
    let _ = inbox.send(Msg::Found(Box::new(found.clone()))).await;
    ask(&config, &mut found).await;
    let _ = inbox.send(Msg::Found(Box::new(found))).await;
}

/// Asks the engines behind sockets of this machine who they are. Nothing else is asked.
async fn ask(config: &Config, found: &mut Found) {
    let is_asked = |one: &Candidate| matches!(one.answer, Answer::Asked);
    let asked = found.candidates.iter_mut().enumerate();
    let mut asked: Vec<(HostName, &mut Candidate)> = asked
        .filter(|(_, one)| is_asked(one))
        .map(|(at, one)| (HostName::new(&at.to_string()), one))
        .collect();
    let specs: Vec<HostSpec> = asked
        .iter()
        .filter(|(_, one)| matches!(one.endpoint, Endpoint::Unix(_)))
        .map(|(name, one)| HostSpec::new(name.as_str(), one.endpoint.clone(), "this machine"))
        .collect();
    let fleet = fleet_of(config, specs).await;
    for (name, candidate) in &mut asked {
        let answer = fleet.host(name).and_then(answer);
        candidate.answer = answer.unwrap_or(Answer::NotAsked);
    }
}

/// These hosts, when each has answered or the patience is over.
async fn fleet_of(config: &Config, specs: Vec<HostSpec>) -> Fleet {
    let mut fleet = Fleet::new();
    if specs.is_empty() {
        return fleet;
    }
    let (to_us, mut signals) = mpsc::channel(256);
    let engines = Engines::start(engine_settings(config), to_us);
    engines.set_hosts(specs);
    engines.want(BTreeSet::new());
    let deadline = Instant::now() + PATIENCE;
    while let Ok(Some(signal)) = timeout_at(deadline, signals.recv()).await {
        if let Signal::Event(event) = signal {
            fleet.apply(event);
        }
        let hosts = fleet.hosts();
        if !hosts.is_empty() && hosts.iter().all(|host| answer(host).is_some()) {
            break;
        }
    }
    fleet
}

/// What is known of an engine that was asked; none as long as it has not answered.
fn answer(host: &Host) -> Option<Answer> {
    match (&host.link, &host.engine) {
        (Link::Online { .. }, Some(engine)) if host.listed => {
            let containers = match host.containers.len() {
                1 => "1 container".to_owned(),
                count => format!("{count} containers"),
            };
            let version = &engine.version;
            let product = match engine.product {
                Product::Docker => "Docker",
                Product::Podman => "Podman",
            };
            Some(Answer::Here(format!("{product} {version}, {containers}")))
        }
        (link, _) => link.trouble().cloned().map(Answer::Silent),
    }
}

/// Takes hosts into the user's own file, each recorded as an act; then the console is opened anew on them, or
/// goes on with them.
pub(super) async fn take(
    taken: Vec<(Sentence, Plan)>,
    own: Own,
    origin: Origin,
    engines: Option<Engines>,
    inbox: mpsc::Sender<Msg>,
) {
    let store = Store::detached(&own.store);
    let mut done = 0;
    for (sentence, plan) in &taken {
        let work = async {
            match ops::configure(sentence, plan, &own.paths) {
                Ok(detail) => Outcome::Done { detail },
                Err(detail) => Outcome::Failed {
                    done: 0,
                    failed: 1,
                    detail,
                },
            }
        };
        let ended = ops::recorded(plan, &origin, sentence.reason(), &store, &|_| {}, work).await;
        let said = match ended {
            Ok(Outcome::Done { detail }) => {
                done += 1;
                Msg::Say(Level::Info, detail)
            }
            Ok(outcome) => Msg::Say(Level::Error, outcome.detail().to_owned()),
            Err(error) => Msg::Say(Level::Error, error.to_string()),
        };
        // A console that is gone needs no news.
        let _ = inbox.send(said).await;
    }
    store.close().await;
    if done == 0 {
        return;
    }
    let next = match engines {
        None => Msg::Reopen,
        Some(engines) => {
            let config = Config::load(&own.flags, &config::Env::of_process());
            let settings = Box::new(looks::settings(&config));
            engines.set_hosts(config.hosts);
            let _ = inbox.send(Msg::Event(Event::Settings(settings))).await;
            Msg::Taken
        }
    };
    let _ = inbox.send(next).await;
}
