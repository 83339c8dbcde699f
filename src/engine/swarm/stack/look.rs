//! What is found of an app in a Swarm: its services with their tasks, and what they need to know of the rest.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::body::CANARY;
use super::facts;
use crate::engine::deploy::label;
use crate::engine::error::Fault;
use crate::engine::session::Session;
use crate::engine::swarm::list::ask;
use crate::engine::swarm::read::{NodeEntry, STACK, ServiceEntry, TaskEntry};
use crate::engine::wire::query;
use crate::model::printable;
use crate::model::release::{Print, Scope, StackMark, StackService, Stacked};
use crate::model::swarm::Task;

/// All of it, as it is now.
pub(super) async fn stack(session: &Session, scope: &Scope) -> Result<Stacked, Fault> {
    let whole: Value = session.wire.get("/swarm").json().await?;
    let (nodes, services, secrets, configs, networks) = tokio::try_join!(
        ask::<NodeEntry>(session, "/nodes"),
        ask::<Value>(session, "/services"),
        ask::<Value>(session, "/secrets"),
        ask::<Value>(session, "/configs"),
        ask::<Value>(session, "/networks"),
    )?;
    let called: HashMap<&str, &str> = networks
        .iter()
        .filter_map(|one| Some((one["Id"].as_str()?, one["Name"].as_str()?)))
        .collect();
    let (ours, others): (Vec<&Value>, Vec<&Value>) =
        services.iter().partition(|one| is_of(&one["Spec"], scope));
    let ids: Vec<&str> = ours.iter().filter_map(|one| one["ID"].as_str()).collect();
    let mut tasks = tasks(session, &ids).await?;
    let standing = ours.into_iter().filter_map(|one| {
        let mut standing = read(one, scope, &called)?;
        standing.tasks = tasks.remove(&*standing.id).unwrap_or_default();
        Some(standing)
    });
    let names = |all: &[Value]| -> Vec<Arc<str>> {
        let names = all.iter().filter_map(|one| one["Spec"]["Name"].as_str());
        names.map(|name| Arc::from(printable(name))).collect()
    };
    let wide = networks.iter().filter(|one| one["Scope"] == "swarm");
    let wide = wide.filter_map(|one| one["Name"].as_str());
    Ok(Stacked {
        cluster: whole["ID"].as_str().unwrap_or_default().into(),
        nodes: nodes.into_iter().map(NodeEntry::into_node).collect(),
        services: standing.collect(),
        ports: ports(&others),
        secrets: names(&secrets),
        configs: names(&configs),
        networks: wide.map(|name| Arc::from(printable(name))).collect(),
    })
}

/// Whether a service is of the app's stack, by its label, else by its name.
fn is_of(spec: &Value, scope: &Scope) -> bool {
    let app = scope.app.as_str();
    match spec["Labels"][STACK].as_str() {
        Some(stack) => stack == app,
        None => {
            let name = spec["Name"]
                .as_str()
                .and_then(|name| name.strip_prefix(app));
            name.is_some_and(|rest| rest.starts_with('_'))
        }
    }
}

/// The tasks of services, by the ids of those.
async fn tasks(session: &Session, services: &[&str]) -> Result<HashMap<String, Vec<Task>>, Fault> {
    let mut all: HashMap<String, Vec<Task>> = HashMap::new();
    if services.is_empty() {
        return Ok(all);
    }
    let filters = json!({"service": services}).to_string();
    let path = format!("/tasks{}", query(&[("filters", &filters)]));
    for entry in ask::<TaskEntry>(session, &path).await? {
        let task = entry.into_task();
        all.entry(task.service.to_string()).or_default().push(task);
    }
    for tasks in all.values_mut() {
        tasks.sort_by_key(|one| (std::cmp::Reverse(one.created), one.id.clone()));
    }
    Ok(all)
}

fn read(whole: &Value, scope: &Scope, called: &HashMap<&str, &str>) -> Option<StackService> {
    let entry = ServiceEntry::deserialize(whole).ok()?;
    let service = entry.into_service();
    let spec = &whole["Spec"];
    let label = |name: &str| spec["Labels"][name].as_str();
    let network = |target: &str| {
        let known = called.get(target).copied();
        known.unwrap_or(target).to_owned()
    };
    let prefix = format!("{}_", scope.app);
    let own = service.name.strip_prefix(&*prefix).unwrap_or(&service.name);
    let mark = label(label::PRINT).zip(label(label::RELEASE).and_then(|text| text.parse().ok()));
    Some(StackService {
        version: whole["Version"]["Index"].as_u64()?,
        service: label(label::SERVICE).unwrap_or(own).into(),
        mark: mark.map(|(print, release)| StackMark {
            release,
            environment: label(label::ENVIRONMENT).unwrap_or_default().to_owned(),
            print: Print(print.to_owned()),
        }),
        tried: label(label::LANE) == Some(CANARY),
        facts: facts::read(spec, &network),
        mode: service.mode,
        update: service.update,
        id: service.id,
        name: service.name,
        tasks: Vec::new(),
    })
}

/// The ports that services publish on every node, and whose they are.
fn ports(services: &[&Value]) -> BTreeMap<(String, u16), Arc<str>> {
    let mut taken = BTreeMap::new();
    for service in services {
        let name = service["Spec"]["Name"].as_str().unwrap_or_default();
        for port in service["Endpoint"]["Ports"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let number = port["PublishedPort"]
                .as_u64()
                .and_then(|one| u16::try_from(one).ok());
            let Some(number) = number.filter(|one| *one > 0 && port["PublishMode"] != "host")
            else {
                continue;
            };
            let protocol = port["Protocol"].as_str().unwrap_or("tcp").to_owned();
            taken.insert((protocol, number), Arc::from(printable(name)));
        }
    }
    taken
}
