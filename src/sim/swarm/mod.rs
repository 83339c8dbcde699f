//! A Swarm of one simulated host, which is its manager: `/swarm`, `/nodes`, `/services`, `/tasks`, `/secrets`, `/configs`.

mod cluster;
mod services;
mod stored;
mod tasks;

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::{Value, json};

use super::clock::{self, Nanos};
use super::http::{self, Answer, Refusal};
use super::route::Call;
use super::system;

pub use cluster::info;

/// A Swarm as its manager keeps it.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    /// Its id.
    id: String,
    /// The host as a node.
    node: Kept,
    services: BTreeMap<String, Kept>,
    tasks: BTreeMap<String, tasks::Task>,
    secrets: BTreeMap<String, Kept>,
    configs: BTreeMap<String, Kept>,
    /// Grows with every change; each object has the number of its last one.
    index: u64,
}

/// One object: what was said of it, and the version of that.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    id: String,
    version: u64,
    created: Nanos,
    updated: Nanos,
    spec: Value,
    /// Of services: the one before, and how the newest update went.
    before: Value,
    update: Value,
}

impl Kept {
    fn json(&self) -> Value {
        json!({
            "ID": self.id,
            "Version": { "Index": self.version },
            "CreatedAt": clock::rfc3339(self.created),
            "UpdatedAt": clock::rfc3339(self.updated),
            "Spec": self.spec,
        })
    }

    fn name(&self) -> &str {
        self.spec["Name"].as_str().unwrap_or_default()
    }
}

impl Swarm {
    /// Notes a change; answers its number.
    fn next(&mut self) -> u64 {
        self.index += 1;
        self.index
    }
}

/// Swarm's ids have 25 digits and letters.
fn id(hex: &str) -> String {
    hex.chars().take(25).collect()
}

/// One of a map, by id, by name, or by the beginning of its id.
fn find<'m>(
    all: &'m BTreeMap<String, Kept>,
    kind: &str,
    wanted: &str,
) -> Result<&'m Kept, Refusal> {
    let missing = || Refusal::missing(format!("{kind} {wanted} not found"));
    let named = || all.values().find(|one| one.name() == wanted);
    let begins = || {
        all.values()
            .find(|one| !wanted.is_empty() && one.id.starts_with(wanted))
    };
    all.get(wanted)
        .or_else(named)
        .or_else(begins)
        .ok_or_else(missing)
}

/// The refusal of what was made from an older version.
fn in_sequence(query: &http::Query, now: u64) -> Result<(), Refusal> {
    let said: u64 = query.number("version")?.unwrap_or(0);
    if said == now {
        return Ok(());
    }
    Err(Refusal::internal(
        "rpc error: code = Unknown desc = update out of sequence",
    ))
}

/// What a manager answers; none when there is no such page.
pub async fn answer(method: &Method, parts: &[&str], call: Call) -> Option<Answer> {
    let (get, post) = (method == Method::GET, method == Method::POST);
    let delete = method == Method::DELETE;
    if let ["swarm", "init"] = parts
        && post
    {
        return Some(cluster::init(&call));
    }
    let is_manager = call.host.read(|engine, _| engine.swarm.is_some());
    if !is_manager {
        return Some(Err(system::no_manager()));
    }
    Some(match parts {
        ["swarm"] if get => cluster::inspect(&call),
        ["swarm", "leave"] if post => cluster::leave(&call),
        ["nodes"] if get => cluster::nodes(&call),
        ["nodes", id] if get => cluster::node(&call, id),
        ["nodes", id, "update"] if post => cluster::update(call, id).await,
        ["services"] if get => services::list(&call),
        ["services", "create"] if post => services::create(call).await,
        ["services", id] if get => services::inspect(&call, id),
        ["services", id] if delete => services::remove(&call, id),
        ["services", id, "update"] if post => services::update(call, id).await,
        ["tasks"] if get => tasks::list(&call),
        ["tasks", id] if get => tasks::inspect(&call, id),
        [kind @ ("secrets" | "configs")] if get => stored::list(&call, kind),
        [kind @ ("secrets" | "configs"), "create"] if post => stored::create(call, kind).await,
        [kind @ ("secrets" | "configs"), id] if get => stored::inspect(&call, kind, id),
        [kind @ ("secrets" | "configs"), id] if delete => stored::remove(&call, kind, id),
        _ => return None,
    })
}

/// Looks at the Swarm.
fn read<R>(call: &Call, look: impl FnOnce(&Swarm) -> Result<R, Refusal>) -> Result<R, Refusal> {
    call.host.read(|engine, _| match &engine.swarm {
        Some(swarm) => look(swarm),
        None => Err(system::no_manager()),
    })
}

/// Whether something passes the filters by id, name and label that all lists know.
fn passes(filters: &http::Filters, one: &Kept) -> bool {
    let labels: BTreeMap<String, String> =
        serde_json::from_value(one.spec["Labels"].clone()).unwrap_or_default();
    filters.any("id", |wanted| one.id.starts_with(wanted))
        && filters.any("name", |wanted| one.name().starts_with(wanted))
        && filters.label_map(&labels)
}
