//! Carries a drain or its end out: step after step, recorded before it begins, so that it can be run again.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::Upkeep;
use crate::{
    model::{
        Action, ContainerId, HostName, Maintenance, Outcome, Rested, Step, Subject, app::Restart,
    },
    ops::{
        Crew, Plan,
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
    let (Upkeep::Drain(maintenance) | Upkeep::Activate(maintenance)) = upkeep;
    if let Upkeep::Drain(maintenance) = upkeep
        && let Err(error) = store.rest_host(maintenance).await
    {
        // What nobody knows of is not stopped.
        return failed(0, error.to_string());
    }
    let host = &maintenance.host;
    for (at, step) in plan.steps.iter().enumerate() {
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
    if matches!(upkeep, Upkeep::Activate(_))
        && let Err(error) = store.wake_host(host).await
    {
        return failed(plan.steps.len(), error.to_string());
    }
    Outcome::Done {
        detail: match upkeep {
            Upkeep::Drain(_) => {
                format!("{host} is in maintenance; `host activate @{host}` brings it back")
            }
            Upkeep::Activate(_) => format!("{host} is back"),
        },
    }
}

/// How it is gone on with.
fn again(upkeep: &Upkeep, host: &HostName) -> String {
    match upkeep {
        Upkeep::Drain(_) => {
            format!("`host drain @{host}` goes on, `host activate @{host}` goes back")
        }
        Upkeep::Activate(_) => format!("`host activate @{host}` goes on"),
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
