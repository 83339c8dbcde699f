//! `/services`: made, updated with their version, removed.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{Kept, Swarm, find, id, in_sequence, passes, read, tasks};
use crate::sim::clock::{self, Nanos};
use crate::sim::engine::Engine;
use crate::sim::events::Kind;
use crate::sim::http::{self, Answer, Refusal};
use crate::sim::route::Call;
use crate::sim::system;

/// `GET /services`
pub fn list(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    let counted = call.query.flag("status");
    call.host.read(|engine, _| {
        let swarm = engine.swarm.as_ref().ok_or_else(system::no_manager)?;
        let rows = swarm.services.values().filter(|one| passes(&filters, one));
        let rows: Vec<Value> = rows
            .map(|one| {
                let mut row = row(one);
                if counted {
                    row["ServiceStatus"] = tasks::counts(engine, one);
                }
                row
            })
            .collect();
        Ok(http::ok(&rows))
    })
}

fn row(service: &Kept) -> Value {
    let mut row = service.json();
    let ports = service.spec["EndpointSpec"].get("Ports").cloned();
    row["Endpoint"] = match ports {
        Some(ports) => json!({"Spec": service.spec["EndpointSpec"], "Ports": ports}),
        None => json!({"Spec": {}}),
    };
    if !service.before.is_null() {
        row["PreviousSpec"] = service.before.clone();
    }
    if !service.update.is_null() {
        row["UpdateStatus"] = service.update.clone();
    }
    row
}

/// `GET /services/{id}`
pub fn inspect(call: &Call, wanted: &str) -> Answer {
    read(call, |swarm| {
        Ok(http::ok(&row(find(&swarm.services, "service", wanted)?)))
    })
}

/// What a spec must say.
fn check(swarm: &Swarm, spec: &Value) -> Result<(), Refusal> {
    let name = spec["Name"].as_str().unwrap_or_default();
    let bad = |text: &str| Refusal::bad(format!("rpc error: code = InvalidArgument desc = {text}"));
    if name.is_empty() {
        return Err(bad("name must be provided"));
    }
    let container = &spec["TaskTemplate"]["ContainerSpec"];
    if container["Image"].as_str().unwrap_or_default().is_empty() {
        return Err(bad("ContainerSpec: image reference must be provided"));
    }
    for (field, key, all) in [
        ("Secrets", "SecretID", &swarm.secrets),
        ("Configs", "ConfigID", &swarm.configs),
    ] {
        for one in container[field].as_array().into_iter().flatten() {
            let id = one[key].as_str().unwrap_or_default();
            if !all.contains_key(id) {
                return Err(bad(&format!("{} not found: {id}", field.to_lowercase())));
            }
        }
    }
    Ok(())
}

/// `POST /services/create`
pub async fn create(call: Call) -> Answer {
    let spec: Value = http::read_json(call.body).await?;
    call.host.change(|engine, now| {
        let seed = engine.fresh_seed();
        let swarm = engine.swarm.as_mut().ok_or_else(system::no_manager)?;
        check(swarm, &spec)?;
        let name = spec["Name"].as_str().unwrap_or_default().to_owned();
        if swarm.services.values().any(|one| one.name() == name) {
            let text = format!("rpc error: code = AlreadyExists desc = name conflicts with an existing object: service {name} already exists");
            return Err(Refusal::conflict(text));
        }
        let service = Kept {
            id: id(&seed.of("service").hex64()),
            version: swarm.next(),
            created: now,
            updated: now,
            spec: with_mode(spec),
            ..Kept::default()
        };
        let made = service.id.clone();
        swarm.services.insert(made.clone(), service);
        emit(engine, now, "create", &made, &name);
        tasks::reconcile(engine, &made, now);
        Ok(http::json(StatusCode::CREATED, &json!({"ID": made})))
    })
}

/// Managers write down how many there are where nobody says.
fn with_mode(mut spec: Value) -> Value {
    if spec["Mode"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty)
    {
        spec["Mode"] = json!({"Replicated": {"Replicas": 1}});
    } else if let Some(one) = spec["Mode"].get_mut("Replicated")
        && one["Replicas"].is_null()
    {
        one["Replicas"] = json!(1);
    }
    spec
}

fn emit(engine: &mut Engine, now: Nanos, action: &str, id: &str, name: &str) {
    let attributes = [("name".to_owned(), name.to_owned())].into();
    engine.emit(now, Kind::Service, action, id, attributes);
}

/// `POST /services/{id}/update`
pub async fn update(call: Call, wanted: &str) -> Answer {
    let spec: Value = http::read_json(call.body).await?;
    let query = call.query;
    call.host.change(|engine, now| {
        let swarm = engine.swarm.as_mut().ok_or_else(system::no_manager)?;
        let service = find(&swarm.services, "service", wanted)?.clone();
        in_sequence(&query, service.version)?;
        check(swarm, &spec)?;
        if spec["Name"] != service.spec["Name"] {
            return Err(Refusal::bad("rpc error: code = Unimplemented desc = renaming services is not supported"));
        }
        let spec = with_mode(spec);
        let kind = |spec: &Value| spec["Mode"].as_object().and_then(|mode| mode.keys().next().cloned());
        if kind(&spec) != kind(&service.spec) {
            return Err(Refusal::bad("rpc error: code = Unimplemented desc = service mode change is not allowed"));
        }
        let replaces = spec["TaskTemplate"] != service.spec["TaskTemplate"];
        let at = clock::rfc3339(now);
        let changed = Kept {
            version: swarm.next(),
            updated: now,
            before: service.spec.clone(),
            update: if replaces {
                json!({"State": "completed", "StartedAt": at, "CompletedAt": at, "Message": "update completed"})
            } else {
                Value::Null
            },
            spec,
            ..service.clone()
        };
        let name = changed.name().to_owned();
        swarm.services.insert(service.id.clone(), changed);
        emit(engine, now, "update", &service.id, &name);
        tasks::reconcile(engine, &service.id, now);
        Ok(http::ok(&json!({"Warnings": null})))
    })
}

/// `DELETE /services/{id}`
pub fn remove(call: &Call, wanted: &str) -> Answer {
    call.host.change(|engine, now| {
        let swarm = engine.swarm.as_mut().ok_or_else(system::no_manager)?;
        let service = find(&swarm.services, "service", wanted)?.clone();
        tasks::drop_all(engine, &service.id, now);
        if let Some(swarm) = engine.swarm.as_mut() {
            swarm.services.remove(&service.id);
        }
        emit(engine, now, "remove", &service.id, service.name());
        Ok(http::empty(StatusCode::OK))
    })
}

/// The services that use a secret or a config, by name.
pub(super) fn users(swarm: &Swarm, field: &str, key: &str, id: &str) -> Vec<String> {
    let uses = |one: &&Kept| {
        let files = one.spec["TaskTemplate"]["ContainerSpec"][field].as_array();
        files.into_iter().flatten().any(|file| file[key] == id)
    };
    let all: &BTreeMap<String, Kept> = &swarm.services;
    all.values()
        .filter(uses)
        .map(|one| one.name().to_owned())
        .collect()
}
