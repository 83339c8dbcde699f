//! Deploys from a shell: prepare, show, confirm, carry out; releases and deploys as lists.

use serde::Serialize;

use super::{
    Session,
    act::{carry_out, crew, worse},
    args::Output,
    exit::{Exit, Failure},
    output::Out,
    reach::empty_fleet,
    signals::unless_asked,
    table::plain,
};
use crate::{
    model::{
        HostName, HostSpec, Timestamp, ago,
        release::{Held, Release, ReleaseNumber, Request, Standing, Verdict, diff},
    },
    ops::{
        AppCommand, Refusal, Sentence,
        deploy::{self, Desk, Task},
        sentence::AppChoice,
    },
};

/// So many releases are listed.
const RELEASES: u32 = 100;

/// So many differences are named before the rest is counted.
const CHANGES: usize = 3;

/// A sentence that is planned from what is read for it.
pub(super) async fn act(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    if session.config.read_only {
        return Err(Refusal::read_only().into());
    }
    // What is wrong without looking anywhere is told before anything is opened.
    sentence.plan(&empty_fleet(&session.config), &[])?;
    let environments = environments(session, sentence);
    let touches = |spec: &HostSpec| {
        if matches!(sentence, Sentence::Host(_)) {
            return sentence.touches(spec) || is_beside(session, sentence, spec);
        }
        // What the store alone knows is asked of no host.
        needs_hosts(sentence)
            && (environments.is_empty() || environments.iter().any(|one| one == environment(spec)))
    };
    // Who manages a Swarm is told after the containers are.
    let reached = unless_asked(session.reach_known(touches)).await;
    let Some(mut reached) = reached.transpose()? else {
        return Ok(Exit::Interrupted);
    };
    reached
        .missing
        .retain(|host, _| !is_spared(session, sentence, host));
    let exit = super::missing(&reached);
    let (fleet, engines, drained) = reached.drain();
    let crew = crew(session, engines);
    let store = session.store();
    let by = session.origin("shell").signature();
    let desk = Desk {
        crew: &crew,
        store: &store,
        fleet: &fleet,
        catalogs: &session.config.catalogs,
        pipelines: &session.config.pipelines.directory,
        trust: &session.config.trust,
        by: &by,
    };
    let planned = unless_asked(Box::pin(deploy::prepare(&desk, sentence))).await;
    let Some(plan) = planned.transpose()? else {
        return Ok(Exit::Interrupted);
    };
    if session.options.dry_run {
        let shown = session.preview(&plan)?;
        return Ok(worse(shown, exit));
    }
    if !session.is_confirmed(&plan).await? {
        return Ok(Exit::Interrupted);
    }
    let ended = Box::pin(carry_out(session, sentence, &plan, &store, &crew)).await;
    drained.abort();
    let ended = match (ended?, plan.deploy.as_deref()) {
        // Whoever waits for the release to be there must not take it for that.
        (Exit::Done, Some(Task::Ask(_))) => Exit::Refused,
        (ended, _) => ended,
    };
    Ok(worse(ended, exit))
}

/// Whether a host is of the environment of those that are drained or come back: what runs there may go to it, and all of
/// a list are looked at.
fn is_beside(session: &Session, sentence: &Sentence, spec: &HostSpec) -> bool {
    let mut hosts = session.config.hosts.iter();
    hosts.any(|host| sentence.touches(host) && environment(host) == environment(spec))
}

/// Whether nothing is missing when a host beside those that are drained does not answer: no list needs its targets. That
/// nothing goes there, the plan tells.
fn is_spared(session: &Session, sentence: &Sentence, host: &HostName) -> bool {
    let mut hosts = session.config.hosts.iter();
    let Some(spec) = hosts.find(|spec| spec.name == *host) else {
        return false;
    };
    let mut lists = session.config.discoveries.iter();
    matches!(sentence, Sentence::Host(_))
        && !sentence.touches(spec)
        && !lists.any(|list| list.covers(environment(spec)))
}

fn environment(spec: &HostSpec) -> &str {
    spec.environment.as_deref().unwrap_or_default()
}

/// Whether hosts have to be asked for it.
fn needs_hosts(sentence: &Sentence) -> bool {
    !matches!(
        sentence,
        Sentence::App(AppCommand::Approve(_) | AppCommand::Reject(_)) | Sentence::Pipeline(_)
    )
}

/// The environments that a sentence can be about; none when it does not say.
fn environments(session: &Session, sentence: &Sentence) -> Vec<String> {
    if let Sentence::Discovery(command) = sentence {
        return command.place().map_or_else(Vec::new, |place| {
            let mut specs = session.config.discoveries.iter();
            let spec = specs.find(|one| *one.name == *place.name);
            let hosts = session.config.hosts.iter();
            let all = hosts.map(|host| environment(host).to_owned());
            let is_meant = |name: &String| place.env.as_ref().is_none_or(|env| env == name);
            let is_listed = |name: &String| spec.is_some_and(|spec| spec.covers(name));
            all.filter(|name| is_meant(name) && is_listed(name))
                .collect()
        });
    }
    let Sentence::App(command) = sentence else {
        return Vec::new();
    };
    if let Some(environment) = command.place().and_then(|place| place.environment) {
        return vec![environment];
    }
    let AppCommand::Deploy(args) = command else {
        return Vec::new();
    };
    let named = session
        .config
        .hosts
        .iter()
        .filter(|spec| args.hosts.iter().any(|pattern| pattern.matches(spec)));
    named
        .map(|spec| spec.environment.as_deref().unwrap_or_default().to_owned())
        .collect()
}

/// A release as `app releases` tells it.
#[derive(Serialize)]
struct ReleaseJson<'a> {
    release: String,
    app: &'a str,
    environment: &'a str,
    phase: &'a str,
    detail: &'a str,
    at: Timestamp,
    by: &'a str,
    source: &'a str,
    reason: Option<&'a str>,
    hash: String,
    images: Vec<String>,
    replicas: usize,
    /// What going back to it would change now.
    changes: Vec<crate::model::release::Change>,
}

/// `app releases`.
pub(super) async fn releases(session: &Session, choice: &AppChoice) -> Result<Exit, Failure> {
    let store = session.store();
    let fleet = empty_fleet(&session.config);
    let Some(place) = choice.place() else {
        let sentence = Sentence::App(AppCommand::Releases(choice.clone()));
        sentence.plan(&fleet, &[])?;
        return Ok(Exit::Usage);
    };
    let place = &place;
    let scope = deploy::scope(&store, &fleet, place, &[]).await?;
    let all = store.releases(&scope, RELEASES).await?;
    let current = deploy::current(&all);
    let number = current.map(|one| one.number);
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(all.iter().map(|(release, held)| ReleaseJson {
            release: release.number.to_string(),
            app: release.scope.app.as_str(),
            environment: &release.scope.environment,
            phase: held.phase.word(),
            detail: &held.detail,
            at: release.at,
            by: &release.by,
            source: &release.source,
            reason: release.reason.as_deref(),
            hash: release.hash().to_string(),
            images: release.pins.values().map(ToString::to_string).collect(),
            replicas: release.targets.len(),
            changes: diff(current, release),
        }))?,
        Output::Name => out.lines(all.iter().map(|(release, _)| release.number.to_string()))?,
        Output::Table | Output::Wide => {
            let now = Timestamp::now();
            let rows = all
                .iter()
                .map(|(release, held)| row(release, held, number, current, now));
            let titles = [
                "RELEASE",
                "STATE",
                "AGE",
                "BY",
                "OF",
                "GOING BACK TO IT CHANGES",
            ];
            out.lines(plain(&titles, "  >   ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn row(
    release: &Release,
    held: &Held,
    current: Option<ReleaseNumber>,
    now: Option<&Release>,
    at: Timestamp,
) -> Vec<String> {
    let is_current = current == Some(release.number);
    let changes = if is_current {
        "it is there now".to_owned()
    } else {
        let all = diff(now, release);
        let all: Vec<String> = all.iter().map(|one| short(&one.to_string())).collect();
        let more = all.len().saturating_sub(CHANGES);
        let shown = all[..all.len() - more].join("; ");
        match (all.len(), more) {
            (0, _) => "nothing".to_owned(),
            (_, 0) => shown,
            (_, more) => format!("{shown}; and {more} more"),
        }
    };
    vec![
        release.number.to_string(),
        held.phase.word().to_owned(),
        ago(at, release.at),
        release.by.clone(),
        release.source.clone(),
        changes,
    ]
}

/// A difference in so many letters that several have room.
fn short(text: &str) -> String {
    const LETTERS: usize = 50;
    match text.char_indices().nth(LETTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `app deploys`.
pub(super) async fn deploys(session: &Session, all: bool) -> Result<Exit, Failure> {
    let store = session.store();
    let found = store.deploys(!all, RELEASES).await?;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&found)?,
        Output::Name => out.lines(found.iter().map(|held| held.scope.app.to_string()))?,
        Output::Table | Output::Wide => {
            let now = Timestamp::now();
            let rows = found.iter().map(|held| {
                let state = if held.phase.is_open()
                    && !held.is_live()
                    && held.phase != crate::model::release::Phase::Paused
                {
                    "left".to_owned()
                } else {
                    held.phase.word().to_owned()
                };
                vec![
                    held.scope.app.to_string(),
                    held.scope.environment.to_string(),
                    held.number.to_string(),
                    state,
                    ago(now, held.since),
                    held.by.clone(),
                    held.detail.clone(),
                ]
            });
            let titles = ["APP", "ENV", "RELEASE", "STATE", "AGE", "BY", "DETAIL"];
            out.lines(plain(&titles, "    >  ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// A request as `app approvals` tells it.
#[derive(Serialize)]
struct RequestJson<'a> {
    digest: &'a str,
    app: &'a str,
    environment: &'a str,
    release: String,
    state: &'static str,
    missing: u32,
    needed: u32,
    by: &'a str,
    at: Timestamp,
    until: Timestamp,
    source: &'a str,
    reason: Option<&'a str>,
    images: Vec<String>,
    hosts: Vec<String>,
    verdicts: &'a [Verdict],
}

/// `app approvals`.
pub(super) async fn approvals(session: &Session, all: bool) -> Result<Exit, Failure> {
    let store = session.store();
    let now = Timestamp::now();
    let found = store.requests(None, RELEASES).await?;
    let found = found.into_iter().map(|one| (one.standing(now), one));
    let found: Vec<(Standing, Request)> = found
        .filter(|(standing, _)| all || matches!(standing, Standing::Waiting(_)))
        .collect();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(found.iter().map(|(standing, one)| {
            RequestJson {
                digest: &one.digest,
                app: one.scope().app.as_str(),
                environment: &one.scope().environment,
                release: one.release.number.to_string(),
                state: standing.word(),
                missing: match standing {
                    Standing::Waiting(missing) => *missing,
                    Standing::Approved | Standing::Rejected(_) | Standing::Expired => 0,
                },
                needed: one.needed,
                by: &one.by,
                at: one.at,
                until: one.until,
                source: &one.release.source,
                reason: one.release.reason.as_deref(),
                images: one.release.pins.values().map(ToString::to_string).collect(),
                hosts: one
                    .release
                    .hosts()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                verdicts: &one.verdicts,
            }
        }))?,
        Output::Name => out.lines(found.iter().map(|(_, one)| one.digest.clone()))?,
        Output::Table | Output::Wide => {
            let rows = found.iter().map(|(standing, one)| {
                let state = match standing {
                    Standing::Waiting(missing) => {
                        format!("{} of {}", one.needed.saturating_sub(*missing), one.needed)
                    }
                    Standing::Approved | Standing::Rejected(_) | Standing::Expired => {
                        standing.word().to_owned()
                    }
                };
                let said = one.verdicts.iter().map(|verdict| match &verdict.reason {
                    Some(reason) => format!("{} ({reason})", verdict.by),
                    None => verdict.by.clone(),
                });
                vec![
                    one.digest.clone(),
                    one.scope().app.to_string(),
                    one.scope().environment.to_string(),
                    one.release.number.to_string(),
                    state,
                    ago(now, one.at),
                    one.by.clone(),
                    said.collect::<Vec<_>>().join(", "),
                    one.release.source.clone(),
                ]
            });
            let titles = [
                "DIGEST", "APP", "ENV", "RELEASE", "STATE", "AGE", "BY", "SAID BY", "OF",
            ];
            out.lines(plain(&titles, "     >   ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}
