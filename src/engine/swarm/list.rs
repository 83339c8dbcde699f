//! Asks a manager for all of its Swarm.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::read::{NodeEntry, ServiceEntry, StoredEntry, TaskEntry};
use crate::engine::error::Fault;
use crate::engine::session::{Api, Session};
use crate::model::Product;
use crate::model::swarm::{Mode, Service, Swarm};

/// A Swarm may have thousands of tasks.
const DEADLINE: Duration = Duration::from_secs(30);

/// From here on managers count the tasks of services themselves.
const COUNTS: Api = Api(41);

/// All of a manager's Swarm; none when the host is no manager.
pub(in crate::engine) async fn swarm(session: &Session) -> Result<Option<Swarm>, Fault> {
    if session.product == Product::Podman {
        return Ok(None);
    }
    let nodes: Vec<NodeEntry> = match ask(session, "/nodes").await {
        Ok(nodes) => nodes,
        Err(Fault::Refused {
            status: 404 | 406 | 503,
            ..
        }) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let counted = if session.api >= COUNTS {
        "/services?status=true"
    } else {
        "/services"
    };
    let (services, tasks, secrets, configs) = tokio::try_join!(
        ask::<ServiceEntry>(session, counted),
        ask::<TaskEntry>(session, "/tasks"),
        ask::<StoredEntry>(session, "/secrets"),
        ask::<StoredEntry>(session, "/configs"),
    )?;
    let mut users: HashMap<String, Vec<Arc<str>>> = HashMap::new();
    for service in &services {
        for file in service.files() {
            users
                .entry(file.to_owned())
                .or_default()
                .push(service.name());
        }
    }
    let mut swarm = Swarm {
        nodes: nodes.into_iter().map(NodeEntry::into_node).collect(),
        services: services
            .into_iter()
            .map(ServiceEntry::into_service)
            .collect(),
        tasks: tasks.into_iter().map(TaskEntry::into_task).collect(),
        secrets: secrets
            .into_iter()
            .map(|one| one.into_stored(&users))
            .collect(),
        configs: configs
            .into_iter()
            .map(|one| one.into_stored(&users))
            .collect(),
    };
    swarm
        .nodes
        .sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    swarm.services.sort_by(|a, b| a.name.cmp(&b.name));
    swarm
        .tasks
        .sort_by_key(|one| (Reverse(one.created), one.id.clone()));
    swarm.secrets.sort_by(|a, b| a.name.cmp(&b.name));
    swarm.configs.sort_by(|a, b| a.name.cmp(&b.name));
    if session.api < COUNTS {
        count(&mut swarm);
    }
    Ok(Some(swarm))
}

/// Asks for a list; none is an empty one.
pub(super) async fn ask<T: DeserializeOwned>(
    session: &Session,
    path: &str,
) -> Result<Vec<T>, Fault> {
    let answer: Option<Vec<T>> = session.wire.get(path).within(DEADLINE).json().await?;
    Ok(answer.unwrap_or_default())
}

/// Counts the tasks of services, where the managers do not.
fn count(swarm: &mut Swarm) {
    let counted: Vec<Service> = swarm
        .services
        .iter()
        .map(|one| {
            let of = |fits: &dyn Fn(&crate::model::swarm::Task) -> bool| {
                let tasks = swarm.tasks_of(&one.id, true);
                tasks.filter(|task| fits(task)).count() as u64
            };
            Service {
                running: of(&|task| task.is_wanted() && task.is_running()),
                completed: of(&|task| &*task.state == "complete"),
                wanted: match one.mode {
                    Mode::Replicated(all) | Mode::ReplicatedJob(all) => all,
                    Mode::Global | Mode::GlobalJob => of(&|task| task.is_wanted()),
                },
                ..one.clone()
            }
        })
        .collect();
    swarm.services = counted;
}
