//! Acts on networks.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::act::deed;
use super::error::{Deed, Error, ErrorKind, Fault};
use super::probe;
use super::session::Session;
use super::wire::{escape, query};
use crate::model::{ContainerId, NetworkAction, NetworkSpec, Pool, Step, Subject};

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// So long whoever made a network of our name at the same moment has to take it away again.
const RIVAL_PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked whether it did.
const RIVAL_PACE: Duration = Duration::from_millis(200);

/// Does what the step says; answers what there is to say beyond that it is done.
pub(super) async fn act(
    session: &Session,
    step: &Step,
    action: &NetworkAction,
) -> Result<String, Error> {
    let deed = deed(step);
    match action {
        NetworkAction::Create(spec) => {
            let Subject::Resource { name, .. } = &step.subject else {
                return Err(deed.failed(ErrorKind::Rejected, "no network was named"));
            };
            create(session, name, spec, &deed).await
        }
        NetworkAction::Remove => remove(session, step, &deed).await,
        NetworkAction::Connect {
            network,
            ipv4,
            ipv6,
            aliases,
            ..
        } => {
            let mut endpoint = Map::new();
            let mut chosen = Map::new();
            chosen.extend(ipv4.map(|one| ("IPv4Address".to_owned(), json!(one))));
            chosen.extend(ipv6.map(|one| ("IPv6Address".to_owned(), json!(one))));
            if !chosen.is_empty() {
                endpoint.insert("IPAMConfig".to_owned(), chosen.into());
            }
            if !aliases.is_empty() {
                endpoint.insert("Aliases".to_owned(), json!(aliases));
            }
            let plug =
                |id: &ContainerId| json!({"Container": id.as_str(), "EndpointConfig": endpoint});
            plugged(session, step, network, "connect", plug, &deed).await
        }
        NetworkAction::Disconnect { network, force, .. } => {
            let plug = |id: &ContainerId| json!({"Container": id.as_str(), "Force": force});
            plugged(session, step, network, "disconnect", plug, &deed).await
        }
        NetworkAction::Probe {
            to,
            port,
            seconds,
            helper,
        } => {
            let Some((id, _)) = step.container() else {
                return Err(deed.failed(ErrorKind::Rejected, "no container was named"));
            };
            let aim = probe::Aim {
                to,
                port: *port,
                seconds: *seconds,
            };
            probe::probe(session, id, &aim, helper.as_deref(), &deed).await
        }
    }
}

/// Attaches or detaches the step's container.
async fn plugged(
    session: &Session,
    step: &Step,
    network: &str,
    verb: &str,
    plug: impl Fn(&ContainerId) -> Value,
    deed: &Deed,
) -> Result<String, Error> {
    let Some((id, _)) = step.container() else {
        return Err(deed.failed(ErrorKind::Rejected, "no container was named"));
    };
    let path = format!("/networks/{}/{verb}", escape(network));
    let asked = session.wire.post(path).within(DEADLINE);
    let status = asked.json_body(&plug(id)).status().await;
    status.map_or_else(|fault| Err(deed.fault(fault)), |_| Ok(String::new()))
}

/// Removes it.
async fn remove(session: &Session, step: &Step, deed: &Deed) -> Result<String, Error> {
    let Subject::Resource { id, .. } = &step.subject else {
        return Err(deed.failed(ErrorKind::Rejected, "no network was named"));
    };
    match delete(session, id).await {
        Ok(()) => Ok(String::new()),
        Err(fault) => Err(deed.fault(fault)),
    }
}

async fn delete(session: &Session, id: &str) -> Result<(), Fault> {
    let path = format!("/networks/{}", escape(id));
    let status = session.wire.delete(path).within(DEADLINE).status().await;
    status.map(|_| ())
}

/// A network as far as it matters for telling several of one name apart.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "PascalCase")]
struct Namesake {
    #[serde(default)]
    created: String,
    id: String,
    #[serde(default)]
    name: String,
}

/// What an engine answers that made one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
    #[serde(default)]
    warning: Option<String>,
}

/// Makes it. Engines before 28 do not keep names unique (eight calls at once made eight networks of one name, whatever
/// `CheckDuplicate` said), so it is looked before and after.
pub(super) async fn create(
    session: &Session,
    name: &str,
    spec: &NetworkSpec,
    deed: &Deed,
) -> Result<String, Error> {
    let taken = || Error {
        remedy: Some("choose another name, or remove it first".to_owned()),
        ..deed.failed(
            ErrorKind::Conflict,
            format!("there is a network {name} already"),
        )
    };
    let fault = |fault| deed.fault(fault);
    if !namesakes(session, name).await.map_err(fault)?.is_empty() {
        return Err(taken());
    }
    let asked = session.wire.post("/networks/create").within(DEADLINE);
    let created: Created = asked
        .json_body(&body(name, spec))
        .json()
        .await
        .map_err(fault)?;
    if won(session, name, &created.id).await.map_err(fault)? {
        return Ok(created.warning.unwrap_or_default());
    }
    delete(session, &created.id).await.map_err(fault)?;
    Err(Error {
        remedy: Some("look at that one; ours was removed again".to_owned()),
        ..deed.failed(
            ErrorKind::Conflict,
            format!("somebody else made a network {name} at the same moment"),
        )
    })
}

/// Whether ours stays the only one of its name.
///
/// The oldest stays, by time and then by id, and whoever made another one removes it. But an engine lists a network
/// later than the moment it calls its birth, so that the maker of a younger one may have looked when it was alone, and
/// keeps it: then, after a while, the older gives way. So there is never more than one in the end, and mostly one.
async fn won(session: &Session, name: &str, id: &str) -> Result<bool, Fault> {
    let patience = Instant::now() + RIVAL_PATIENCE;
    loop {
        let mut all = namesakes(session, name).await?;
        all.sort();
        match all.as_slice() {
            [] => return Ok(true),
            [only] if only.id == id => return Ok(true),
            [first, ..] if first.id != id => return Ok(false),
            _ if Instant::now() >= patience => return Ok(false),
            _ => sleep(RIVAL_PACE).await,
        }
    }
}

/// Whether there is a network of that name.
pub(super) async fn is_there(session: &Session, name: &str) -> Result<bool, Fault> {
    Ok(!namesakes(session, name).await?.is_empty())
}

/// The networks of exactly that name; the engine's filter finds parts of names too.
async fn namesakes(session: &Session, name: &str) -> Result<Vec<Namesake>, Fault> {
    let filters = json!({"name": [name]}).to_string();
    let path = format!("/networks{}", query(&[("filters", &filters)]));
    let mut found: Vec<Namesake> = session.wire.get(path).within(DEADLINE).json().await?;
    found.retain(|one| one.name == name);
    Ok(found)
}

fn body(name: &str, spec: &NetworkSpec) -> Value {
    let mut body = json!({
        "Name": name,
        "CheckDuplicate": true,
        "Driver": spec.driver.as_deref().unwrap_or("bridge"),
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "EnableIPv6": spec.ipv6,
        "Options": spec.options,
        "Labels": spec.labels,
    });
    if !spec.subnets.is_empty() {
        let pools: Vec<Value> = spec.subnets.iter().map(pool).collect();
        body["IPAM"] = json!({"Driver": "default", "Config": pools});
    }
    body
}

fn pool(pool: &Pool) -> Value {
    let mut config = json!({"Subnet": pool.subnet});
    if let Some(gateway) = pool.gateway {
        config["Gateway"] = json!(gateway);
    }
    if let Some(range) = pool.ip_range {
        config["IPRange"] = json!(range);
    }
    if !pool.aux.is_empty() {
        config["AuxiliaryAddresses"] = json!(pool.aux);
    }
    config
}
