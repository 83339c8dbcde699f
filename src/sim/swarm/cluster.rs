//! The Swarm itself and its one node.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{Kept, Swarm, find, id, in_sequence, read};
use crate::sim::clock;
use crate::sim::engine::{Engine, Profile};
use crate::sim::http::{self, Answer, Refusal};
use crate::sim::route::Call;
use crate::sim::system;

/// `POST /swarm/init`
pub fn init(call: &Call) -> Answer {
    call.host.change(|engine, now| {
        if engine.swarm.is_some() {
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join another one.",
            ));
        }
        let seed = engine.fresh_seed();
        let node = id(&seed.of("node").hex64());
        let kept = Kept {
            id: node.clone(),
            version: 9,
            created: now,
            updated: now,
            spec: json!({"Labels": {}, "Role": "manager", "Availability": "active"}),
            ..Kept::default()
        };
        engine.swarm = Some(Swarm { id: id(&seed.of("swarm").hex64()), node: kept, index: 9, ..Swarm::default() });
        Ok(http::ok(&node))
    })
}

/// `GET /swarm`
pub fn inspect(call: &Call) -> Answer {
    read(call, |swarm| {
        let at = clock::rfc3339(swarm.node.created);
        Ok(http::ok(
            &json!({"ID": swarm.id, "Version": {"Index": 9}, "CreatedAt": at, "UpdatedAt": at,
            "Spec": {"Name": "default", "Labels": {}}}),
        ))
    })
}

/// `POST /swarm/leave`
pub fn leave(call: &Call) -> Answer {
    if !call.query.flag("force") {
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "You are attempting to leave the swarm on a node that is participating as a manager. Removing the last \
             manager erases all current state of the swarm. Use `--force` to ignore this message. ",
        ));
    }
    call.host.change(|engine, now| {
        let services: Vec<String> = engine
            .swarm
            .iter()
            .flat_map(|swarm| swarm.services.keys().cloned())
            .collect();
        for service in services {
            super::tasks::drop_all(engine, &service, now);
        }
        engine.swarm = None;
        Ok(http::empty(StatusCode::OK))
    })
}

/// What `/info` says of it; none where the host is in no Swarm.
pub fn info(engine: &Engine) -> Option<Value> {
    let swarm = engine.swarm.as_ref()?;
    let address = "10.0.0.1";
    Some(json!({
        "NodeID": swarm.node.id, "NodeAddr": address, "LocalNodeState": "active",
        "ControlAvailable": true, "Error": "", "Nodes": 1, "Managers": 1,
        "RemoteManagers": [{"NodeID": swarm.node.id, "Addr": format!("{address}:2377")}],
        "Cluster": {"ID": swarm.id, "Version": {"Index": 9}, "CreatedAt": clock::rfc3339(swarm.node.created),
            "UpdatedAt": clock::rfc3339(swarm.node.updated), "Spec": {"Name": "default", "Labels": {}}},
    }))
}

fn row(swarm: &Swarm, profile: &Profile) -> Value {
    let mut row = swarm.node.json();
    row["Description"] = json!({
        "Hostname": profile.name,
        "Platform": {"Architecture": "x86_64", "OS": "linux"},
        "Resources": {"NanoCPUs": u64::from(profile.cpus) * 1_000_000_000, "MemoryBytes": profile.memory},
        "Engine": {"EngineVersion": system::release(profile.minor).engine},
    });
    row["Status"] = json!({"State": "ready", "Addr": "10.0.0.1"});
    row["ManagerStatus"] =
        json!({"Leader": true, "Reachability": "reachable", "Addr": "10.0.0.1:2377"});
    row
}

/// `GET /nodes`
pub fn nodes(call: &Call) -> Answer {
    let profile = call.host.profile.clone();
    read(call, |swarm| Ok(http::ok(&[row(swarm, &profile)])))
}

/// `GET /nodes/{id}`
pub fn node(call: &Call, wanted: &str) -> Answer {
    let profile = call.host.profile.clone();
    read(call, |swarm| {
        is_it(swarm, wanted, &profile.name)?;
        Ok(http::ok(&row(swarm, &profile)))
    })
}

fn is_it(swarm: &Swarm, wanted: &str, name: &str) -> Result<(), Refusal> {
    let all = [(swarm.node.id.clone(), swarm.node.clone())].into();
    if wanted == name || wanted == "self" {
        return Ok(());
    }
    find(&all, "node", wanted).map(|_| ())
}

/// `POST /nodes/{id}/update`
pub async fn update(call: Call, wanted: &str) -> Answer {
    let spec: Value = http::read_json(call.body).await?;
    let (query, name) = (call.query, call.host.profile.name.clone());
    call.host.change(|engine, now| {
        let swarm = engine.swarm.as_mut().ok_or_else(system::no_manager)?;
        is_it(swarm, wanted, &name)?;
        in_sequence(&query, swarm.node.version)?;
        swarm.node.version = swarm.next();
        swarm.node.updated = now;
        swarm.node.spec = spec;
        let services: Vec<String> = swarm.services.keys().cloned().collect();
        for service in services {
            super::tasks::reconcile(engine, &service, now);
        }
        Ok(http::empty(StatusCode::OK))
    })
}
