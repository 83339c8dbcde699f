//! Makes secrets and configs of a Swarm.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::act::DEADLINE;
use super::failed;
use crate::engine::Engines;
use crate::engine::error::{Deed, Error, ErrorKind};
use crate::engine::session::Session;
use crate::model::swarm::NewStored;
use crate::model::{Resource, SecretSource};

/// More a Swarm does not take of one secret or config, in bytes (swarmkit's limits).
const LARGEST: [(Resource, usize); 2] = [
    (Resource::Secret, 500 << 10),
    (Resource::Config, 1000 << 10),
];

/// Makes one, with what a file or a variable of this machine holds.
pub(super) async fn create(
    engines: &Engines,
    session: &Session,
    name: &str,
    wanted: &NewStored,
    deed: &Deed,
) -> Result<String, Error> {
    let text = match &wanted.from {
        SecretSource::File(path) => read(path, deed).await?,
        SecretSource::Variable(variable) => {
            let value = engines.ground().variable(variable);
            let missing = || deed.failed(ErrorKind::Local, format!("${variable} is not set"));
            value.ok_or_else(missing)?.into_bytes()
        }
    };
    let labels = wanted.labels.iter();
    let labels: Map<String, Value> = labels
        .map(|(key, value)| (key.to_string(), json!(&**value)))
        .collect();
    make(session, wanted.kind, name, &text, labels, deed)
        .await
        .map(|_| String::new())
}

async fn read(path: &Path, deed: &Deed) -> Result<Vec<u8>, Error> {
    let read = tokio::fs::read(path).await;
    read.map_err(|error| deed.failed_here(&path.display().to_string(), &error))
}

/// Makes one of that text; answers its id.
pub(super) async fn make(
    session: &Session,
    kind: Resource,
    name: &str,
    text: &[u8],
    labels: Map<String, Value>,
    deed: &Deed,
) -> Result<String, Error> {
    let most = LARGEST
        .iter()
        .find(|(one, _)| *one == kind)
        .map_or(0, |(_, most)| *most);
    if text.is_empty() || text.len() > most {
        let why = format!(
            "a {} has 1 to {most} bytes, this has {}",
            kind.word(),
            text.len()
        );
        return Err(deed.failed(ErrorKind::Rejected, why));
    }
    let body = json!({"Name": name, "Labels": labels, "Data": STANDARD.encode(text)});
    let path = format!("/{}s/create", kind.word());
    let sent = session.wire.post(path).within(DEADLINE).json_body(&body);
    let made: Value = sent.json().await.map_err(|fault| failed(deed, fault))?;
    let id = made["ID"].as_str().map(str::to_owned);
    id.ok_or_else(|| deed.failed(ErrorKind::Engine, "the manager names no id of it"))
}
