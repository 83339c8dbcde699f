//! Cleans up after a run.

use std::time::Duration;

use super::{DEADLINE, Yard, look};
use crate::engine::backup::helper_label;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::session::Session;
use crate::engine::wire::escape;

/// How often it is tried: an engine may still be removing what it was asked to remove before.
const TRIES: usize = 6;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Removes all that has the run's label, or all but its workspace.
pub(super) async fn close(
    session: &Session,
    yard: &Yard,
    keeps_workspace: bool,
    deed: &Deed,
) -> Result<(), Error> {
    let mut tried = 1;
    loop {
        match sweep(session, yard, keeps_workspace).await {
            Ok(()) => return Ok(()),
            Err(fault) => match deed.fault(fault) {
                error if error.kind == ErrorKind::Conflict && tried < TRIES => {}
                error => return Err(error),
            },
        }
        tried += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn sweep(session: &Session, yard: &Yard, keeps_workspace: bool) -> Result<(), Fault> {
    let run = &yard.run;
    for id in look::containers(session, run, &helper_label(&yard.name())).await? {
        remove(session, format!("/containers/{id}?force=1&v=1")).await?;
    }
    for id in look::networks(session, run).await? {
        remove(session, format!("/networks/{}", escape(&id))).await?;
    }
    if keeps_workspace {
        return Ok(());
    }
    for name in look::volumes(session, run).await? {
        remove(session, format!("/volumes/{}", escape(&name))).await?;
    }
    Ok(())
}

/// That it is gone already is as good.
async fn remove(session: &Session, path: String) -> Result<(), Fault> {
    match session.wire.delete(path).within(DEADLINE).status().await {
        Ok(_) => Ok(()),
        Err(fault) if fault.is_missing() => Ok(()),
        Err(fault) => Err(fault),
    }
}
