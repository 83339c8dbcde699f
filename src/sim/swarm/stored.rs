//! `/secrets` and `/configs`.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{Kept, Swarm, find, id, passes, read, services};
use crate::sim::http::{self, Answer, Refusal};
use crate::sim::route::Call;
use crate::sim::system;

fn all<'s>(swarm: &'s Swarm, kind: &str) -> &'s BTreeMap<String, Kept> {
    if kind == "secrets" {
        &swarm.secrets
    } else {
        &swarm.configs
    }
}

fn all_mut<'s>(swarm: &'s mut Swarm, kind: &str) -> &'s mut BTreeMap<String, Kept> {
    if kind == "secrets" {
        &mut swarm.secrets
    } else {
        &mut swarm.configs
    }
}

/// `secret`, `config`.
fn word(kind: &str) -> &str {
    kind.trim_end_matches('s')
}

/// What is in a secret is told to nobody.
fn row(kind: &str, one: &Kept) -> Value {
    let mut row = one.json();
    if kind == "secrets"
        && let Some(spec) = row["Spec"].as_object_mut()
    {
        spec.remove("Data");
    }
    row
}

/// `GET /secrets`, `GET /configs`
pub fn list(call: &Call, kind: &str) -> Answer {
    let filters = call.query.filters()?;
    read(call, |swarm| {
        let found = all(swarm, kind)
            .values()
            .filter(|one| passes(&filters, one));
        Ok(http::ok(
            &found.map(|one| row(kind, one)).collect::<Vec<_>>(),
        ))
    })
}

/// `GET /secrets/{id}`, `GET /configs/{id}`
pub fn inspect(call: &Call, kind: &str, wanted: &str) -> Answer {
    read(call, |swarm| {
        Ok(http::ok(&row(
            kind,
            find(all(swarm, kind), word(kind), wanted)?,
        )))
    })
}

/// `POST /secrets/create`, `POST /configs/create`
pub async fn create(call: Call, kind: &str) -> Answer {
    let spec: Value = http::read_json(call.body).await?;
    call.host.change(|engine, now| {
        let seed = engine.fresh_seed();
        let swarm = engine.swarm.as_mut().ok_or_else(system::no_manager)?;
        let name = spec["Name"].as_str().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(Refusal::bad("rpc error: code = InvalidArgument desc = invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]"));
        }
        if all(swarm, kind).values().any(|one| one.name() == name) {
            let text = format!("rpc error: code = AlreadyExists desc = {} {name} already exists", word(kind));
            return Err(Refusal::conflict(text));
        }
        let one = Kept {
            id: id(&seed.of(kind).hex64()),
            version: swarm.next(),
            created: now,
            updated: now,
            spec,
            ..Kept::default()
        };
        let made = one.id.clone();
        all_mut(swarm, kind).insert(made.clone(), one);
        Ok(http::json(StatusCode::CREATED, &json!({"ID": made})))
    })
}

/// `DELETE /secrets/{id}`, `DELETE /configs/{id}`
pub fn remove(call: &Call, kind: &str, wanted: &str) -> Answer {
    let (field, key) = if kind == "secrets" {
        ("Secrets", "SecretID")
    } else {
        ("Configs", "ConfigID")
    };
    call.host.change(|engine, _| {
        let swarm = engine.swarm.as_mut().ok_or_else(system::no_manager)?;
        let one = find(all(swarm, kind), word(kind), wanted)?.clone();
        let users = services::users(swarm, field, key, &one.id);
        if !users.is_empty() {
            let text = format!(
                "rpc error: code = InvalidArgument desc = {} '{}' is in use by the following service: {}",
                word(kind), one.name(), users.join(", ")
            );
            return Err(Refusal::bad(text));
        }
        all_mut(swarm, kind).remove(&one.id);
        Ok(http::empty(StatusCode::NO_CONTENT))
    })
}
