//! Carries a drain or its end out: step after step, recorded before it begins, so that it can be run again.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{Move, Upkeep};
use crate::{
    model::{
        Action, ContainerId, HostName, Maintenance, Moved, Outcome, Rested, Step, Subject,
        app::Restart,
    },
    ops::{
        Crew, Plan,
        deploy::{self, Begin},
        run::{Hands as _, Progress},
    },
    store::Store,
};

/// Does the steps of such a plan, one after the other.
pub(crate) async fn carry_out(
    plan: &Plan,
    upkeep: &Upkeep,
    crew: &Crew,
    store: &Store,
    cancel: &CancellationToken,
    report: &(dyn Fn(Progress) + Sync),
) -> Outcome {
    let (Upkeep::Drain(maintenance, moves) | Upkeep::Activate(maintenance, moves)) = upkeep;
    let theirs: usize = moves.iter().map(|one| one.steps).sum();
    let own = plan.steps.len().saturating_sub(theirs);
    let steps = match upkeep {
        Upkeep::Drain(..) => {
            // What nobody knows of is not stopped.
            if let Err(error) = store.rest_host(maintenance).await {
                return failed(0, error.to_string());
            }
            let moved = moved(moves, upkeep, 0, (crew, store), cancel, report).await;
            if let Err(outcome) = moved {
                return outcome;
            }
            theirs..plan.steps.len()
        }
        Upkeep::Activate(..) => 0..own,
    };
    let host = &maintenance.host;
    for at in steps {
        let step = &plan.steps[at];
        if cancel.is_cancelled() {
            return failed(at, format!("broken off; {}", again(upkeep, host)));
        }
        report(Progress::StepBegan(at));
        let start = Instant::now();
        let done = one(step, maintenance, crew, at, report).await;
        report(Progress::StepEnded(at, done.clone(), start.elapsed()));
        if let Err(why) = done {
            return failed(
                at,
                format!("{}: {why}; {}", step.target(), again(upkeep, host)),
            );
        }
    }
    if matches!(upkeep, Upkeep::Activate(..)) {
        let moved = moved(moves, upkeep, own, (crew, store), cancel, report).await;
        if let Err(outcome) = moved {
            return outcome;
        }
        if let Err(error) = store.wake_host(host).await {
            return failed(plan.steps.len(), error.to_string());
        }
    }
    Outcome::Done {
        detail: match upkeep {
            Upkeep::Drain(..) => {
                format!("{host} is in maintenance; `host activate @{host}` brings it back")
            }
            Upkeep::Activate(..) => format!("{host} is back"),
        },
    }
}

/// Brings replicas to where they go, app after app: each is a deploy like any other, whose steps begin at a number. What
/// does not get well there goes back, and ends it.
async fn moved(
    moves: &[Move],
    upkeep: &Upkeep,
    mut at: usize,
    (crew, store): (&Crew, &Store),
    cancel: &CancellationToken,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<(), Outcome> {
    let (Upkeep::Drain(Maintenance { host, .. }, _)
    | Upkeep::Activate(Maintenance { host, .. }, _)) = upkeep;
    for one in moves {
        let first = at;
        let shifted = move |progress: Progress| {
            report(match progress {
                Progress::StepBegan(step) => Progress::StepBegan(first + step),
                Progress::Said(step, said) => Progress::Said(first + step, said),
                Progress::StepEnded(step, done, time) => {
                    Progress::StepEnded(first + step, done, time)
                }
                other => other,
            });
        };
        let begin = Begin::New(one.rollout.clone());
        let by = &one.rollout.release.by;
        let work = deploy::run(&begin, crew, &crew.secrets, store, by, cancel, &shifted);
        let outcome = Box::pin(work).await;
        if !matches!(outcome, Outcome::Done { .. }) {
            let Moved { scope, .. } = &one.moved;
            let why = outcome.detail();
            let again = again(upkeep, host);
            return Err(failed(
                at,
                format!("{scope} could not be moved: {why}; {again}"),
            ));
        }
        at += one.steps;
    }
    Ok(())
}

/// How it is gone on with.
fn again(upkeep: &Upkeep, host: &HostName) -> String {
    match upkeep {
        Upkeep::Drain(..) => {
            format!("`host drain @{host}` goes on, `host activate @{host}` goes back")
        }
        Upkeep::Activate(..) => format!("`host activate @{host}` goes on"),
    }
}

fn failed(done: usize, detail: String) -> Outcome {
    Outcome::Failed {
        done: u32::try_from(done).unwrap_or(u32::MAX),
        failed: 1,
        detail,
    }
}

/// One step. A container that is stopped must not be started by its engine meanwhile, and one that is started gets back
/// what it had.
async fn one(
    step: &Step,
    maintenance: &Maintenance,
    crew: &Crew,
    at: usize,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<String, String> {
    let say = |said| report(Progress::Said(at, said));
    let rested = match &step.subject {
        Subject::Container(id, _) => known(maintenance, id),
        Subject::Host | Subject::Resource { .. } | Subject::Outside(_) => None,
    };
    if let Some(rested) = rested {
        let to = match &step.action {
            Action::Stop { .. } => None,
            _ => Some(rested.restart),
        };
        if rested.restart != Restart::No {
            let set = crew.engines.set_restart(&step.host, &rested.id, to).await;
            set.map_err(|error| error.reason())?;
        }
    }
    crew.act(step, &say).await
}

fn known<'m>(maintenance: &'m Maintenance, id: &ContainerId) -> Option<&'m Rested> {
    maintenance.stopped.iter().find(|one| one.id == *id)
}
