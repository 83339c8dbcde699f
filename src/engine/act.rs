//! Does one step on one host.

use std::time::Duration;

use hyper::StatusCode;

use super::actor::Common;
use super::error::{Deed, Error, ErrorKind, Fault};
use super::exec::{self, ExecSpec};
use super::session::Session;
use super::wire::{Ask, query};
use super::{archive, network, prune, volume};
use crate::model::{Action, ContainerId, Said, Step};

/// What is done at once has this long; a busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(1);

/// Stopping without a stated grace waits as long as the container was set up to be waited for.
const OWN_GRACE: u32 = 600;

/// The deed that a step is, for its error.
pub(super) fn deed(step: &Step) -> Deed {
    Deed {
        host: step.host.clone(),
        doing: step.action.to_string(),
        to: step.target(),
    }
}

/// Does the step; says what there is to say beyond that it is done.
pub(super) async fn act(
    session: &Session,
    step: &Step,
    common: &Common,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let deed = deed(step);
    if let Action::Prune(what) = &step.action {
        return prune::prune(session, *what, &deed).await;
    }
    match &step.action {
        Action::Network(action) => return network::act(session, step, action).await,
        Action::Volume(action) => return volume::act(session, step, action, common, say).await,
        Action::Registry(_)
        | Action::Balancer(_)
        | Action::Jenkins(_)
        | Action::Discovery(_)
        | Action::Swarm(_)
        | Action::Deploy(_) => {
            return Err(deed.failed(ErrorKind::Rejected, "no engine does that"));
        }
        _ => {}
    }
    let Some((id, _)) = step.container() else {
        return Err(deed.failed(ErrorKind::Rejected, "no container was named"));
    };
    match &step.action {
        Action::CopyIn { from, to } => archive::copy_in(session, id, from, to, &deed).await,
        Action::CopyOut { from, to } => archive::copy_out(session, id, from, to, &deed).await,
        Action::Exec { command, user } => {
            let spec = ExecSpec {
                command: command.clone(),
                user: user.clone(),
                tty: false,
                size: None,
            };
            exec::run(session, id, spec, &deed).await
        }
        simple => {
            let status = order(session, id, simple).status().await;
            done(simple, status, &deed)
        }
    }
}

/// The request that an act is.
fn order<'s>(session: &'s Session, id: &ContainerId, action: &Action) -> Ask<'s> {
    let to = |verb: &str, pairs: &[(&str, &str)]| {
        let path = format!("/containers/{}/{verb}{}", id.as_str(), query(pairs));
        session.wire.post(path).within(DEADLINE)
    };
    let graceful = |verb: &str, grace: Option<u32>| {
        let seconds = grace.map(|seconds| seconds.to_string());
        let pairs: Vec<_> = seconds
            .iter()
            .map(|seconds| ("t", seconds.as_str()))
            .collect();
        to(verb, &pairs).within(DEADLINE + Duration::from_secs(grace.unwrap_or(OWN_GRACE).into()))
    };
    match action {
        Action::Start => to("start", &[]),
        Action::Stop { grace } => graceful("stop", *grace),
        Action::Restart { grace } => graceful("restart", *grace),
        Action::Pause => to("pause", &[]),
        Action::Unpause => to("unpause", &[]),
        Action::Kill { signal } => to("kill", &[("signal", signal)]),
        Action::Rename { to: name } => to("rename", &[("name", name)]),
        Action::Remove { force, volumes } => {
            let flag = |on: &bool| if *on { "1" } else { "0" };
            let pairs = [("force", flag(force)), ("v", flag(volumes))];
            let path = format!("/containers/{}{}", id.as_str(), query(&pairs));
            session.wire.delete(path).within(DEADLINE * 3)
        }
        Action::CopyIn { .. }
        | Action::CopyOut { .. }
        | Action::Exec { .. }
        | Action::Prune(_)
        | Action::Examine
        | Action::Image(_)
        | Action::Network(_)
        | Action::Volume(_)
        | Action::Registry(_)
        | Action::Balancer(_)
        | Action::Jenkins(_)
        | Action::Discovery(_)
        | Action::Swarm(_)
        | Action::Deploy(_)
        | Action::Install(_) => {
            unreachable!("these are no single request and were handled before")
        }
    }
}

/// Reads the answer: that there was nothing to do is as good as done.
fn done(action: &Action, status: Result<StatusCode, Fault>, deed: &Deed) -> Result<String, Error> {
    let already = match action {
        Action::Start => "was running already",
        Action::Stop { .. } => "was stopped already",
        _ => "nothing was to be done",
    };
    match status {
        Ok(StatusCode::NOT_MODIFIED) => Ok(already.to_owned()),
        Ok(_) => Ok(String::new()),
        Err(fault) => Err(deed.fault(fault)),
    }
}
