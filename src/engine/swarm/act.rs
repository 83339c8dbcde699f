//! Acts on nodes and services: each reads what is there, changes one thing of it, and sends it back with its version.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::list::swarm;
use super::{failed, stored};
use crate::engine::Engines;
use crate::engine::act::deed;
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::session::Session;
use crate::engine::wire::{escape, query};
use crate::model::swarm::{Availability, Swarm, SwarmAction};
use crate::model::{Amount, Resource, Said, Step, Subject};

/// Managers agree among each other before they answer.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(700);

/// Does what the step says; answers what there is to say beyond that it is done.
pub(in crate::engine) async fn act(
    engines: &Engines,
    step: &Step,
    action: &SwarmAction,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let deed = deed(step);
    let Subject::Resource { id, name, .. } = &step.subject else {
        return Err(deed.failed(ErrorKind::Rejected, "nothing of a Swarm was named"));
    };
    let session = &engines.session(&deed).await?;
    match action {
        SwarmAction::Availability { to, wait } => {
            let said = availability(session, id, *to, &deed).await?;
            if *to == Availability::Drain && *wait > 0 {
                return drained(session, id, Duration::from_secs((*wait).into()), &deed, say).await;
            }
            Ok(said)
        }
        SwarmAction::Scale { to } => scale(session, id, *to, &deed).await,
        SwarmAction::Restart => restart(session, id, &deed).await,
        SwarmAction::Remove(kind) => remove(session, *kind, id, &deed).await,
        SwarmAction::Create(wanted) => stored::create(engines, session, name, wanted, &deed).await,
    }
}

/// Something of a Swarm as it is, with the version that a change has to name.
pub(super) struct Present {
    pub version: u64,
    pub spec: Value,
}

/// Reads what is at a path.
pub(super) async fn present(session: &Session, path: &str, deed: &Deed) -> Result<Present, Error> {
    let whole: Value = session
        .wire
        .get(path)
        .json()
        .await
        .map_err(|fault| failed(deed, fault))?;
    let version = whole["Version"]["Index"].as_u64();
    let version = version
        .ok_or_else(|| deed.failed(ErrorKind::Engine, "the manager names no version of it"))?;
    Ok(Present {
        version,
        spec: whole["Spec"].clone(),
    })
}

/// Sends a changed spec back, with what opens the registry of its image. Who changed it meanwhile is not overruled.
pub(super) async fn replace(
    session: &Session,
    path: &str,
    version: u64,
    spec: &Value,
    key: Option<String>,
) -> Result<(), Fault> {
    let version = version.to_string();
    let path = format!("{path}/update{}", query(&[("version", &version)]));
    let asked = session.wire.post(path).within(DEADLINE).registry_auth(key);
    asked.json_body(spec).status().await.map(drop)
}

/// The same where nothing but the spec counts.
async fn change(session: &Session, path: &str, now: &Present, deed: &Deed) -> Result<(), Error> {
    let sent = replace(session, path, now.version, &now.spec, None).await;
    sent.map_err(|fault| failed(deed, fault))
}

async fn availability(
    session: &Session,
    id: &str,
    to: Availability,
    deed: &Deed,
) -> Result<String, Error> {
    let path = format!("/nodes/{}", escape(id));
    let mut node = present(session, &path, deed).await?;
    if node.spec["Availability"] == to.word() {
        return Ok(format!("was {to} already"));
    }
    node.spec["Availability"] = json!(to.word());
    change(session, &path, &node, deed).await?;
    Ok(String::new())
}

/// Waits until the tasks of a drained node have stopped; tells where those that replace them are.
async fn drained(
    session: &Session,
    id: &str,
    wait: Duration,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let until = Instant::now() + wait;
    let mut all = 0;
    loop {
        let known = swarm(session).await.map_err(|fault| failed(deed, fault))?;
        let known = known.ok_or_else(|| super::no_manager(deed))?;
        let left = staying(&known, id);
        all = all.max(left.len());
        if left.is_empty() {
            return Ok(placeless(&known));
        }
        let gone = (all - left.len()) as u64;
        say(Said::Amount(Amount::count(
            "moving tasks",
            gone,
            Some(all as u64),
        )));
        if Instant::now() >= until {
            let why = format!(
                "after {} s tasks still run there: {}",
                wait.as_secs(),
                left.join(", ")
            );
            return Err(Error {
                remedy: Some(
                    "the node stays drained; wait longer with --wait, or look at `node show`"
                        .to_owned(),
                ),
                ..deed.failed(ErrorKind::Timeout, why)
            });
        }
        sleep(LOOK).await;
    }
}

/// The tasks on a node that have not ended; those of services with one on each node end, too.
fn staying(swarm: &Swarm, node: &str) -> Vec<String> {
    let here = swarm
        .tasks
        .iter()
        .filter(|task| task.node.as_deref() == Some(node));
    let live = here.filter(|task| !task.is_over() && task.container.is_some());
    live.map(|task| swarm.task_name(task)).collect()
}

/// What is to be known when a node is empty: tasks that found no other place.
fn placeless(swarm: &Swarm) -> String {
    let waiting = swarm
        .tasks
        .iter()
        .filter(|task| task.is_wanted() && task.node.is_none());
    let mut told: Vec<String> = waiting
        .map(|task| {
            let why = task
                .trouble()
                .unwrap_or_else(|| "it waits for a place".to_owned());
            format!("{}: {why}", swarm.task_name(task))
        })
        .collect();
    told.dedup();
    told.join("; ")
}

async fn scale(session: &Session, id: &str, to: u64, deed: &Deed) -> Result<String, Error> {
    let path = format!("/services/{}", escape(id));
    let mut service = present(session, &path, deed).await?;
    let replicas = service.spec.pointer_mut("/Mode/Replicated/Replicas");
    let Some(replicas) = replicas else {
        return Err(deed.failed(ErrorKind::Rejected, "it has no number of replicas"));
    };
    if *replicas == json!(to) {
        return Ok(format!("had {to} already"));
    }
    *replicas = json!(to);
    change(session, &path, &service, deed).await?;
    Ok(String::new())
}

async fn restart(session: &Session, id: &str, deed: &Deed) -> Result<String, Error> {
    let path = format!("/services/{}", escape(id));
    let mut service = present(session, &path, deed).await?;
    let Some(template) = service.spec["TaskTemplate"].as_object_mut() else {
        return Err(deed.failed(ErrorKind::Engine, "the manager tells nothing of its tasks"));
    };
    let times = template
        .get("ForceUpdate")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    template.insert("ForceUpdate".to_owned(), json!(times + 1));
    change(session, &path, &service, deed).await?;
    Ok(String::new())
}

async fn remove(session: &Session, kind: Resource, id: &str, deed: &Deed) -> Result<String, Error> {
    let collection = match kind {
        Resource::Service => "services",
        Resource::Secret => "secrets",
        Resource::Config => "configs",
        Resource::Node | Resource::Image | Resource::Network | Resource::Volume => {
            return Err(deed.failed(
                ErrorKind::Unsupported,
                "that is not removed from a Swarm here",
            ));
        }
    };
    let path = format!("/{collection}/{}", escape(id));
    let done = session.wire.delete(path).within(DEADLINE).status().await;
    done.map(|_| String::new())
        .map_err(|fault| failed(deed, fault))
}
