//! Acts on images.

use std::time::Duration;

use serde::Deserialize;

use super::act::deed;
use super::error::{Deed, Error, ErrorKind};
use super::session::Session;
use super::wire::{escape, query};
use crate::model::{ImageAction, Step, Subject};

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// Does what the step says; answers what there is to say beyond that it is done.
pub(super) async fn act(
    session: &Session,
    step: &Step,
    action: &ImageAction,
) -> Result<String, Error> {
    let deed = deed(step);
    match action {
        ImageAction::Remove { only, force } => {
            let named = only.as_deref();
            remove(session, step, named, *force, &deed).await
        }
    }
}

/// Removes one of its names, or all of it.
async fn remove(
    session: &Session,
    step: &Step,
    only: Option<&str>,
    force: bool,
    deed: &Deed,
) -> Result<String, Error> {
    let Subject::Resource { id, .. } = &step.subject else {
        return Err(deed.failed(ErrorKind::Rejected, "no image was named"));
    };
    let force = query(&[("force", if force { "1" } else { "0" })]);
    let path = format!("/images/{}{force}", escape(only.unwrap_or(id)));
    let answer: Vec<Removed> = session
        .wire
        .delete(path)
        .within(DEADLINE)
        .json()
        .await
        .map_err(|fault| deed.fault(fault))?;
    let layers = answer.iter().filter(|one| one.deleted.is_some()).count();
    Ok(match layers {
        0 => "a name was taken off; the image stays, for others need it".to_owned(),
        count => format!("{count} layers removed"),
    })
}

/// One thing that went.
#[derive(Deserialize)]
struct Removed {
    #[serde(rename = "Deleted")]
    deleted: Option<String>,
}
