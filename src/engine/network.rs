//! Acts on networks.

use std::time::Duration;

use super::act::deed;
use super::error::{Deed, Error, ErrorKind};
use super::session::Session;
use super::wire::escape;
use crate::model::{NetworkAction, Step, Subject};

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// Does what the step says; answers what there is to say beyond that it is done.
pub(super) async fn act(
    session: &Session,
    step: &Step,
    action: &NetworkAction,
) -> Result<String, Error> {
    let deed = deed(step);
    match action {
        NetworkAction::Remove => remove(session, step, &deed).await,
    }
}

/// Removes it.
async fn remove(session: &Session, step: &Step, deed: &Deed) -> Result<String, Error> {
    let Subject::Resource { id, .. } = &step.subject else {
        return Err(deed.failed(ErrorKind::Rejected, "no network was named"));
    };
    let path = format!("/networks/{}", escape(id));
    match session.wire.delete(path).within(DEADLINE).status().await {
        Ok(_) => Ok(String::new()),
        Err(fault) => Err(deed.fault(fault)),
    }
}
