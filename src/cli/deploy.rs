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
        HostSpec, Timestamp, ago,
        release::{Held, Release, ReleaseNumber, diff},
    },
    ops::{
        AppCommand, Refusal, Sentence,
        deploy::{self, Desk},
        sentence::AppPlace,
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
        let of = spec.environment.as_deref().unwrap_or_default();
        environments.is_empty() || environments.iter().any(|one| one == of)
    };
    let reached = unless_asked(session.reach(touches)).await;
    let Some(reached) = reached.transpose()? else {
        return Ok(Exit::Interrupted);
    };
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
    Ok(worse(ended?, exit))
}

/// The environments that a sentence can be about; none when it does not say.
fn environments(session: &Session, sentence: &Sentence) -> Vec<String> {
    let Sentence::App(command) = sentence else {
        return Vec::new();
    };
    if let Some(environment) = command.place().and_then(|place| place.environment.clone()) {
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
pub(super) async fn releases(session: &Session, place: &AppPlace) -> Result<Exit, Failure> {
    let store = session.store();
    let fleet = empty_fleet(&session.config);
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
