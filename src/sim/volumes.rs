//! `/volumes`: list, inspect, create, remove, prune.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clock;
use super::engine::{Engine, Volume};
use super::events::Kind;
use super::files::Tree;
use super::http::{self, Answer, Refusal};
use super::route::Call;

/// Ids of the containers that mount a volume.
fn users(engine: &Engine, name: &str) -> Vec<String> {
    let mounts = |one: &&super::container::Container| {
        one.plan
            .mounts
            .iter()
            .any(|mount| mount.volume.as_deref() == Some(name))
    };
    engine
        .containers
        .values()
        .filter(mounts)
        .map(|one| one.id.clone())
        .collect()
}

/// How many containers mount each volume.
fn census(engine: &Engine) -> BTreeMap<&str, usize> {
    let mounts = engine.containers.values().flat_map(|one| &one.plan.mounts);
    let mut census = BTreeMap::new();
    for name in mounts.filter_map(|mount| mount.volume.as_deref()) {
        *census.entry(name).or_default() += 1;
    }
    census
}

fn row(volume: &Volume) -> Value {
    let map = |map: &BTreeMap<String, String>| {
        if map.is_empty() {
            Value::Null
        } else {
            json!(map)
        }
    };
    json!({
        "CreatedAt": clock::rfc3339_seconds(volume.created),
        "Driver": "local",
        "Labels": map(&volume.labels),
        "Mountpoint": format!("/var/lib/docker/volumes/{}/_data", volume.name),
        "Name": volume.name,
        "Options": map(&volume.options),
        "Scope": "local",
    })
}

/// The rows for `/system/df`: with what each takes and how many use it.
pub fn used_rows(engine: &Engine) -> Vec<Value> {
    let census = census(engine);
    let row = |volume: &Volume| {
        let count = census.get(volume.name.as_str()).copied().unwrap_or(0);
        let mut value = row(volume);
        value["UsageData"] = json!({ "RefCount": count, "Size": volume.size });
        value
    };
    engine.volumes.values().map(row).collect()
}

/// `GET /volumes`
pub fn list(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    filters.allow(&["dangling", "driver", "label", "name"])?;
    call.host.read(|engine, _| {
        let census = census(engine);
        let rows: Vec<Value> = engine
            .volumes
            .values()
            .filter(|one| filters.any("name", |wanted| one.name.contains(wanted)))
            .filter(|_| filters.any("driver", |wanted| wanted == "local"))
            .filter(|one| filters.label_map(&one.labels))
            .filter(|one| {
                filters.any("dangling", |wanted| {
                    matches!(wanted, "true" | "1") == !census.contains_key(one.name.as_str())
                })
            })
            .map(row)
            .collect();
        Ok(http::ok(&json!({ "Volumes": rows, "Warnings": null })))
    })
}

fn find<'a>(engine: &'a Engine, name: &str) -> Result<&'a Volume, Refusal> {
    let missing = || Refusal::missing(format!("get {name}: no such volume"));
    engine.volumes.get(name).ok_or_else(missing)
}

/// `GET /volumes/{name}`
pub fn inspect(call: &Call, name: &str) -> Answer {
    call.host
        .read(|engine, _| Ok(http::ok(&row(find(engine, name)?))))
}

/// `POST /volumes/create`
pub async fn create(call: Call) -> Answer {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Wanted {
        name: String,
        labels: Option<BTreeMap<String, String>>,
        driver_opts: Option<BTreeMap<String, String>>,
    }
    let wanted: Wanted = http::read_json(call.body).await?;
    call.host.change(|engine, now| {
        let anonymous = wanted.name.is_empty();
        let name = if anonymous {
            engine.fresh_seed().hex64()
        } else {
            wanted.name
        };
        if !engine.volumes.contains_key(&name) {
            let volume = Volume {
                name: name.clone(),
                labels: wanted.labels.unwrap_or_default(),
                options: wanted.driver_opts.unwrap_or_default(),
                created: now,
                size: 0,
                files: Some(Tree::new()),
            };
            engine.volumes.insert(name.clone(), volume);
            emit(engine, now, "create", &name);
        }
        Ok(http::json(StatusCode::CREATED, &row(find(engine, &name)?)))
    })
}

fn emit(engine: &mut Engine, now: i64, action: &str, name: &str) {
    let attributes = [("driver".to_owned(), "local".to_owned())].into();
    engine.emit(now, Kind::Volume, action, name, attributes);
}

/// `DELETE /volumes/{name}`
pub fn remove(call: &Call, name: &str) -> Answer {
    call.host.change(|engine, now| {
        if call.query.flag("force") && !engine.volumes.contains_key(name) {
            return Ok(http::empty(StatusCode::NO_CONTENT));
        }
        find(engine, name)?;
        let users = users(engine, name);
        if !users.is_empty() {
            let message = format!("remove {name}: volume is in use - [{}]", users.join(", "));
            return Err(Refusal::conflict(message));
        }
        engine.volumes.remove(name);
        emit(engine, now, "destroy", name);
        Ok(http::empty(StatusCode::NO_CONTENT))
    })
}

/// `POST /volumes/prune`: unused ones; since 1.42 only anonymous ones, unless `all` is asked.
pub fn prune(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    filters.allow(&["all", "label", "label!"])?;
    let named = call.minor < 42
        || filters
            .values("all")
            .iter()
            .any(|value| value == "true" || value == "1");
    call.host.change(|engine, now| {
        let census = census(engine);
        let doomed: Vec<Volume> = engine
            .volumes
            .values()
            .filter(|one| !census.contains_key(one.name.as_str()))
            .filter(|one| named || one.labels.contains_key("com.docker.volume.anonymous"))
            .filter(|one| filters.label_map(&one.labels))
            .cloned()
            .collect();
        for volume in &doomed {
            engine.volumes.remove(&volume.name);
            emit(engine, now, "destroy", &volume.name);
        }
        let reclaimed: i64 = doomed.iter().map(|one| one.size).sum();
        let attributes = [("reclaimed".to_owned(), reclaimed.to_string())].into();
        engine.emit(now, Kind::Volume, "prune", "", attributes);
        let deleted: Vec<&str> = doomed.iter().map(|one| one.name.as_str()).collect();
        Ok(http::ok(
            &json!({ "VolumesDeleted": deleted, "SpaceReclaimed": reclaimed }),
        ))
    })
}
