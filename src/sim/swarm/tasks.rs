//! `/tasks`, and how services get theirs: as many as they are to have, of what they are to be made of.

use serde_json::{Value, json};

use super::{Kept, id, system};
use crate::sim::clock::{self, Nanos};
use crate::sim::container::{Container, State};
use crate::sim::create;
use crate::sim::engine::{Engine, Key};
use crate::sim::http::{self, Answer, Refusal};
use crate::sim::route::Call;

/// One task. What it does is what its container does.
#[derive(Clone, Debug)]
pub struct Task {
    id: String,
    service: String,
    slot: u64,
    /// What its container is made of.
    template: Value,
    /// `running` or `shutdown`.
    desired: &'static str,
    created: Nanos,
    changed: Nanos,
    /// None while it has no node, or was rejected.
    container: Option<Key>,
    /// Why it has no container.
    error: String,
    /// The node refused it.
    rejected: bool,
}

impl Task {
    /// State, words, error and exit code, as its container is.
    fn state(&self, container: Option<&Container>) -> (&'static str, &'static str, String, i64) {
        if self.rejected {
            return ("rejected", "preparing", self.error.clone(), 0);
        }
        let Some(container) = container else {
            return match self.desired {
                "running" => ("pending", "pending task scheduling", self.error.clone(), 0),
                _ => ("shutdown", "shutdown", String::new(), 0),
            };
        };
        let code = container.exit_code;
        match container.state {
            State::Running | State::Paused | State::Restarting => {
                ("running", "started", String::new(), 0)
            }
            State::Created => ("starting", "starting", String::new(), 0),
            State::Exited | State::Dead if self.desired == "shutdown" => {
                ("shutdown", "shutdown", String::new(), code)
            }
            State::Exited | State::Dead if code == 0 => ("complete", "finished", String::new(), 0),
            State::Exited | State::Dead => (
                "failed",
                "started",
                format!("task: non-zero exit ({code})"),
                code,
            ),
        }
    }

    fn json(&self, engine: &Engine, node: &str) -> Value {
        let container = self.container.and_then(|key| engine.containers.get(&key));
        let (state, message, error, code) = self.state(container);
        let mut status = json!({
            "Timestamp": clock::rfc3339(self.changed), "State": state, "Message": message, "PortStatus": {},
        });
        if !error.is_empty() {
            status["Err"] = json!(error);
        }
        if let Some(container) = container {
            let pid = if container.state.alive() { 4242 } else { 0 };
            status["ContainerStatus"] =
                json!({"ContainerID": container.id, "PID": pid, "ExitCode": code});
        }
        let mut row = json!({
            "ID": self.id, "Version": {"Index": 12}, "CreatedAt": clock::rfc3339(self.created),
            "UpdatedAt": clock::rfc3339(self.changed), "Labels": {}, "Spec": self.template,
            "ServiceID": self.service, "Slot": self.slot, "Status": status, "DesiredState": self.desired,
        });
        if self.container.is_some() || self.rejected {
            row["NodeID"] = json!(node);
        }
        row
    }
}

/// `GET /tasks`
pub fn list(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    call.host.read(|engine, _| {
        let swarm = engine.swarm.as_ref().ok_or_else(system::no_manager)?;
        let name = |task: &Task| swarm.services.get(&task.service).map_or("", Kept::name);
        let node = &swarm.node.id;
        let rows = swarm
            .tasks
            .values()
            .filter(|one| filters.any("id", |wanted| one.id.starts_with(wanted)))
            .filter(|one| {
                filters.any("service", |wanted| {
                    one.service == wanted || name(one) == wanted
                })
            })
            .filter(|one| filters.any("node", |wanted| node == wanted && one.container.is_some()))
            .filter(|one| filters.any("desired-state", |wanted| one.desired == wanted));
        Ok(http::ok(
            &rows.map(|one| one.json(engine, node)).collect::<Vec<_>>(),
        ))
    })
}

/// `GET /tasks/{id}`
pub fn inspect(call: &Call, wanted: &str) -> Answer {
    call.host.read(|engine, _| {
        let swarm = engine.swarm.as_ref().ok_or_else(system::no_manager)?;
        let missing = || Refusal::missing(format!("task {wanted} not found"));
        let task = swarm
            .tasks
            .values()
            .find(|one| one.id.starts_with(wanted))
            .ok_or_else(missing)?;
        Ok(http::ok(&task.json(engine, &swarm.node.id)))
    })
}

/// How many a service is to have.
fn wanted(service: &Kept) -> u64 {
    let mode = &service.spec["Mode"];
    let said = |value: &Value| value.as_u64().unwrap_or(1);
    if let Some(replicated) = mode.get("Replicated") {
        return said(&replicated["Replicas"]);
    }
    match mode.get("ReplicatedJob") {
        Some(job) => said(&job["TotalCompletions"]),
        None => 1,
    }
}

/// What managers count of a service.
pub(super) fn counts(engine: &Engine, service: &Kept) -> Value {
    let tasks = engine.swarm.iter().flat_map(|swarm| swarm.tasks.values());
    let states = tasks.filter(|one| one.service == service.id).map(|one| {
        let container = one.container.and_then(|key| engine.containers.get(&key));
        (one.desired, one.state(container).0)
    });
    let states: Vec<_> = states.collect();
    let count = |wanted: (&str, &str)| states.iter().filter(|one| **one == wanted).count();
    json!({"RunningTasks": count(("running", "running")), "DesiredTasks": wanted(service),
        "CompletedTasks": count(("running", "complete"))})
}

/// Gives a service the tasks that it is to have: at once, where a real one takes seconds.
pub(super) fn reconcile(engine: &mut Engine, service: &str, now: Nanos) {
    let Some(swarm) = &engine.swarm else { return };
    let Some(service) = swarm.services.get(service).cloned() else {
        return;
    };
    let template = &service.spec["TaskTemplate"];
    let takes = swarm.node.spec["Availability"] == "active";
    let drained = swarm.node.spec["Availability"] == "drain";
    let all = wanted(&service);
    let is_good = |one: &Task| {
        one.slot <= all && one.template == *template && !(drained && one.container.is_some())
    };
    let mine = swarm
        .tasks
        .values()
        .filter(|one| one.service == service.id && one.desired == "running");
    let (good, old): (Vec<&Task>, Vec<&Task>) = mine.partition(|one| is_good(one));
    // One that waits for a place gets it when there is one again.
    let (good, waiting): (Vec<&Task>, Vec<&Task>) = good
        .into_iter()
        .partition(|one| !(takes && one.container.is_none() && !one.rejected));
    let kept: Vec<u64> = good.iter().map(|one| one.slot).collect();
    let ended: Vec<String> = old
        .into_iter()
        .chain(waiting)
        .map(|one| one.id.clone())
        .collect();
    for id in ended {
        end(engine, &id, now);
    }
    for slot in (1..=all).filter(|slot| !kept.contains(slot)) {
        begin(engine, &service, slot, takes, now);
    }
}

fn end(engine: &mut Engine, id: &str, now: Nanos) {
    let task = engine
        .swarm
        .as_mut()
        .and_then(|swarm| swarm.tasks.get_mut(id));
    let Some(task) = task else { return };
    (task.desired, task.changed) = ("shutdown", now);
    if let Some(key) = task.container
        && engine
            .containers
            .get(&key)
            .is_some_and(|one| one.state.alive())
    {
        engine.end_by_hand(key, now);
    }
}

fn begin(engine: &mut Engine, service: &Kept, slot: u64, takes: bool, now: Nanos) {
    let task_id = id(&engine.fresh_seed().of("task").hex64());
    let template = service.spec["TaskTemplate"].clone();
    let (mut container, mut error) = (None, String::new());
    let mut rejected = false;
    if takes {
        let name = format!("{}.{slot}.{task_id}", service.name());
        match create::make(
            engine,
            now,
            &name,
            body(service, &template["ContainerSpec"], &task_id),
        ) {
            Ok(key) => container = Some(key),
            Err(refusal) => (error, rejected) = (refusal.message, true),
        }
    } else {
        "no suitable node (1 node not available for new tasks)".clone_into(&mut error);
    }
    let task = Task {
        id: task_id.clone(),
        service: service.id.clone(),
        slot,
        template,
        desired: "running",
        created: now,
        changed: now,
        container,
        error,
        rejected,
    };
    if let Some(swarm) = &mut engine.swarm {
        swarm.tasks.insert(task_id, task);
    }
}

/// The container of a task, as `POST /containers/create` takes it.
fn body(service: &Kept, spec: &Value, task: &str) -> Value {
    let mut labels = spec["Labels"].clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels["com.docker.swarm.service.id"] = json!(service.id);
    labels["com.docker.swarm.service.name"] = json!(service.name());
    labels["com.docker.swarm.task.id"] = json!(task);
    let mut body = json!({"Image": spec["Image"], "Labels": labels});
    for (from, to) in [
        ("Command", "Entrypoint"),
        ("Args", "Cmd"),
        ("Env", "Env"),
        ("Healthcheck", "Healthcheck"),
    ] {
        if spec[from].is_array() || spec[from].is_object() {
            body[to] = spec[from].clone();
        }
    }
    body
}

/// Takes all tasks of a service away, with their containers.
pub(super) fn drop_all(engine: &mut Engine, service: &str, now: Nanos) {
    let Some(swarm) = &mut engine.swarm else {
        return;
    };
    let keys: Vec<Key> = swarm
        .tasks
        .values()
        .filter(|one| one.service == service)
        .filter_map(|one| one.container)
        .collect();
    swarm.tasks.retain(|_, one| one.service != service);
    for key in keys {
        if engine
            .containers
            .get(&key)
            .is_some_and(|one| one.state.alive())
        {
            engine.end_by_hand(key, now);
        }
        engine.destroy(key, now);
    }
}
