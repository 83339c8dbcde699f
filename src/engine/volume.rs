//! Acts on volumes.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use super::act::deed;
use super::actor::Common;
use super::backup;
use super::error::{Deed, Error, ErrorKind, Fault};
use super::resources::VolumeEntry;
use super::session::Session;
use super::switch;
use super::wire::escape;
use crate::model::{NewVolume, Said, Step, Subject, VolumeAction};

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// Does what the step says; answers what there is to say beyond that it is done.
pub(super) async fn act(
    session: &Session,
    step: &Step,
    action: &VolumeAction,
    common: &Common,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let deed = deed(step);
    if let (VolumeAction::Switch { from, to }, Some((id, _))) = (action, step.container()) {
        return Box::pin(switch::switch(session, common, id, (from, to), &deed, say)).await;
    }
    let Subject::Resource { id, name, .. } = &step.subject else {
        return Err(deed.failed(ErrorKind::Rejected, "no volume was named"));
    };
    match action {
        VolumeAction::Switch { .. } => {
            Err(deed.failed(ErrorKind::Rejected, "no container was named"))
        }
        VolumeAction::Remove => remove(session, id, &deed).await,
        VolumeAction::Create(wanted) => create(session, name, wanted, &deed).await,
        VolumeAction::Backup(spec) => {
            Box::pin(backup::backup(session, common, id, spec, &deed, say)).await
        }
        VolumeAction::Verify { backup, from } => {
            backup::verify(common, &deed, backup, from, say).await
        }
        VolumeAction::Restore { backup, from } => {
            let source = (backup, from);
            Box::pin(backup::restore(session, common, name, source, &deed, say)).await
        }
    }
}

/// Removes it.
async fn remove(session: &Session, name: &str, deed: &Deed) -> Result<String, Error> {
    let path = format!("/volumes/{}", escape(name));
    match session.wire.delete(path).within(DEADLINE).status().await {
        Ok(_) => Ok(String::new()),
        Err(fault) => Err(deed.fault(fault)),
    }
}

/// Makes a volume. The engine would answer with one that is there already, whatever it is like.
pub(super) async fn create(
    session: &Session,
    name: &str,
    wanted: &NewVolume,
    deed: &Deed,
) -> Result<String, Error> {
    let path = format!("/volumes/{}", escape(name));
    match session.wire.get(path).status().await {
        Ok(_) => {
            let why = "a volume of that name is there already";
            return Err(deed.failed(ErrorKind::Conflict, why));
        }
        Err(fault) if fault.is_missing() => {}
        Err(fault) => return Err(deed.fault(fault)),
    }
    let map = |pairs: &[(std::sync::Arc<str>, std::sync::Arc<str>)]| -> HashMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    };
    let body = json!({
        "Name": name,
        "Driver": wanted.driver.as_deref().unwrap_or("local"),
        "DriverOpts": map(&wanted.options),
        "Labels": map(&wanted.labels),
    });
    let asked = session.wire.post("/volumes/create").json_body(&body);
    let made: Result<VolumeEntry, Fault> = asked.within(DEADLINE).json().await;
    made.map(|_| String::new())
        .map_err(|fault| deed.fault(fault))
}
