//! A Swarm as managers write it; words that are new to us are kept as they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use crate::engine::deploy::label;
use crate::engine::inspect::moment;
use crate::model::swarm::{Availability, Mode, Node, Service, Stored, Task, Update};
use crate::model::{ContainerId, Timestamp, printable, redact};

/// What stacks write on what is theirs.
pub(super) const STACK: &str = "com.docker.stack.namespace";

type Labels = HashMap<String, String>;

/// A text of a manager, without control characters.
fn text(said: &str) -> Arc<str> {
    Arc::from(printable(said))
}

/// The same for what may hold a secret.
fn told(said: &str) -> Arc<str> {
    Arc::from(redact(&printable(said)).as_ref())
}

fn at(said: &str) -> Timestamp {
    moment(said).unwrap_or_default()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Named {
    name: String,
    labels: Option<Labels>,
}

impl Named {
    fn app(&self) -> Option<Arc<str>> {
        let labels = self.labels.as_ref()?;
        let said = [label::APP, STACK].iter().find_map(|key| labels.get(*key));
        said.filter(|name| !name.is_empty()).map(|name| text(name))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NodeEntry {
    #[serde(rename = "ID")]
    id: String,
    spec: NodeSpec,
    description: Description,
    status: NodeStatus,
    manager_status: Option<ManagerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NodeSpec {
    labels: Option<Labels>,
    role: String,
    availability: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Description {
    hostname: String,
    resources: Means,
    engine: EngineEntry,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Means {
    #[serde(rename = "NanoCPUs")]
    nano_cpus: u64,
    #[serde(rename = "MemoryBytes")]
    memory: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EngineEntry {
    engine_version: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NodeStatus {
    state: String,
    message: String,
    addr: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ManagerStatus {
    leader: bool,
    reachability: String,
}

impl NodeEntry {
    pub fn into_node(self) -> Node {
        let manager = self.manager_status;
        let labels: BTreeMap<Arc<str>, Arc<str>> = self
            .spec
            .labels
            .unwrap_or_default()
            .iter()
            .map(|(key, value)| (text(key), told(value)))
            .collect();
        Node {
            id: text(&self.id),
            name: text(&self.description.hostname),
            manages: self.spec.role == "manager",
            leads: manager.as_ref().is_some_and(|one| one.leader),
            reachability: text(manager.as_ref().map_or("", |one| &one.reachability)),
            availability: Availability::read(&self.spec.availability),
            state: text(&self.status.state),
            message: text(&self.status.message),
            address: text(&self.status.addr),
            engine: text(&self.description.engine.engine_version),
            nano_cpus: self.description.resources.nano_cpus,
            memory: self.description.resources.memory,
            labels,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ServiceEntry {
    #[serde(rename = "ID")]
    id: String,
    created_at: String,
    updated_at: String,
    spec: ServiceSpec,
    endpoint: Endpoint,
    update_status: Option<UpdateStatus>,
    service_status: Option<ServiceStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceSpec {
    #[serde(flatten)]
    named: Named,
    task_template: TaskTemplate,
    mode: ModeEntry,
    endpoint_spec: Option<Endpoint>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TaskTemplate {
    container_spec: Option<ContainerSpec>,
    placement: Option<Placement>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerSpec {
    image: String,
    labels: Option<Labels>,
    secrets: Option<Vec<FileEntry>>,
    configs: Option<Vec<FileEntry>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FileEntry {
    #[serde(rename = "SecretID")]
    secret: String,
    #[serde(rename = "ConfigID")]
    config: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Placement {
    constraints: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ModeEntry {
    replicated: Option<Replicated>,
    global: Option<serde_json::Value>,
    replicated_job: Option<ReplicatedJob>,
    global_job: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Replicated {
    replicas: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ReplicatedJob {
    max_concurrent: Option<u64>,
    total_completions: Option<u64>,
}

impl ModeEntry {
    pub fn mode(&self) -> Mode {
        if let Some(job) = &self.replicated_job {
            let all = job.total_completions.or(job.max_concurrent);
            return Mode::ReplicatedJob(all.unwrap_or(1));
        }
        if self.global_job.is_some() {
            return Mode::GlobalJob;
        }
        if self.global.is_some() {
            return Mode::Global;
        }
        let replicas = self.replicated.as_ref().and_then(|one| one.replicas);
        Mode::Replicated(replicas.unwrap_or(1))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    ports: Option<Vec<PortEntry>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PortEntry {
    protocol: String,
    target_port: u32,
    published_port: u32,
    publish_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateStatus {
    state: String,
    started_at: String,
    message: String,
}

impl UpdateStatus {
    fn into_update(self) -> Option<Update> {
        let update = Update {
            state: text(&self.state),
            message: text(&self.message),
            began: moment(&self.started_at),
        };
        (!self.state.is_empty()).then_some(update)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceStatus {
    running_tasks: u64,
    desired_tasks: u64,
    completed_tasks: u64,
}

fn port(one: &PortEntry) -> Arc<str> {
    let published = match one.published_port {
        0 => String::new(),
        number => format!("{number}→"),
    };
    let mode = if one.publish_mode == "host" {
        " host"
    } else {
        ""
    };
    let protocol = if one.protocol.is_empty() {
        "tcp"
    } else {
        &one.protocol
    };
    Arc::from(format!("{published}{}/{protocol}{mode}", one.target_port))
}

impl ServiceEntry {
    /// Which secrets and configs its containers see, by id.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let spec = self.spec.task_template.container_spec.iter();
        spec.flat_map(|one| one.secrets.iter().chain(&one.configs).flatten())
            .map(|one| {
                if one.secret.is_empty() {
                    &one.config
                } else {
                    &one.secret
                }
            })
            .map(String::as_str)
    }

    pub fn name(&self) -> Arc<str> {
        text(&self.spec.named.name)
    }

    pub fn into_service(self) -> Service {
        let spec = self.spec;
        let labels = spec.named.labels.as_ref();
        let release = labels.and_then(|all| all.get(label::RELEASE));
        let status = self.service_status.unwrap_or_default();
        let container = spec.task_template.container_spec.unwrap_or_default();
        let placement = spec.task_template.placement.unwrap_or_default();
        // One that goes by its id is called as it was named.
        let bound = labels.and_then(|all| all.get(label::IMAGE));
        let bound = bound.filter(|_| container.image.starts_with("sha256:"));
        let bound = bound.map(String::as_str);
        // Before the managers dealt ports, only those that were wished are known.
        let ports = self
            .endpoint
            .ports
            .or(spec.endpoint_spec.and_then(|one| one.ports));
        Service {
            id: text(&self.id),
            name: text(&spec.named.name),
            image: text(
                container
                    .image
                    .split_once('@')
                    .map_or(bound.unwrap_or(&container.image), |(name, _)| name),
            ),
            mode: spec.mode.mode(),
            running: status.running_tasks,
            wanted: status.desired_tasks,
            completed: status.completed_tasks,
            update: self.update_status.and_then(UpdateStatus::into_update),
            ports: ports.unwrap_or_default().iter().map(port).collect(),
            constraints: placement
                .constraints
                .unwrap_or_default()
                .iter()
                .map(|one| text(one))
                .collect(),
            app: spec.named.app(),
            release: release.and_then(|text| text.parse().ok()),
            created: at(&self.created_at),
            updated: at(&self.updated_at),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TaskEntry {
    #[serde(rename = "ID")]
    id: String,
    created_at: String,
    spec: TaskTemplate,
    #[serde(rename = "ServiceID")]
    service: String,
    slot: u64,
    #[serde(rename = "NodeID")]
    node: String,
    status: TaskStatus,
    desired_state: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TaskStatus {
    timestamp: String,
    state: String,
    message: String,
    err: String,
    container_status: Option<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    #[serde(rename = "ContainerID")]
    container: String,
    #[serde(rename = "ExitCode")]
    exit: i64,
}

impl TaskEntry {
    pub fn into_task(self) -> Task {
        let container = self.status.container_status.unwrap_or_default();
        let spec = self.spec.container_spec.unwrap_or_default();
        let print = spec.labels.as_ref().and_then(|all| all.get(label::PRINT));
        let state = text(&self.status.state);
        let is_over = matches!(
            &*state,
            "complete" | "failed" | "shutdown" | "rejected" | "orphaned"
        );
        let known = |id: &str| (!id.is_empty()).then(|| text(id));
        Task {
            id: text(&self.id),
            service: text(&self.service),
            slot: (self.slot > 0).then_some(self.slot),
            node: known(&self.node),
            desired: text(&self.desired_state),
            message: text(&self.status.message),
            error: told(&self.status.err),
            exit: (is_over && !container.container.is_empty()).then_some(container.exit),
            since: at(&self.status.timestamp),
            created: at(&self.created_at),
            container: known(&container.container).map(|id| ContainerId::new(&id)),
            image: text(
                spec.image
                    .split_once('@')
                    .map_or(&*spec.image, |(name, _)| name),
            ),
            print: text(print.map_or("", String::as_str)),
            state,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct StoredEntry {
    #[serde(rename = "ID")]
    id: String,
    created_at: String,
    spec: Named,
}

impl StoredEntry {
    /// With the services that use it.
    pub fn into_stored(self, users: &HashMap<String, Vec<Arc<str>>>) -> Stored {
        Stored {
            used_by: users.get(&self.id).cloned().unwrap_or_default(),
            id: text(&self.id),
            name: text(&self.spec.name),
            created: at(&self.created_at),
            app: self.spec.app(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_service_of_a_stack_is_read() {
        let said = r#"{"ID":"s1","Version":{"Index":12},"CreatedAt":"2026-11-22T10:00:00.5Z","UpdatedAt":"2026-11-22T11:00:00Z",
            "Spec":{"Name":"shop_web","Labels":{"com.docker.stack.namespace":"shop","io.wharf.release":"r000004"},
            "TaskTemplate":{"ContainerSpec":{"Image":"nginx:1.25@sha256:ab","Secrets":[{"SecretID":"x1","SecretName":"key"}]},
            "Placement":{"Constraints":["node.role==worker"]}},"Mode":{"Replicated":{"Replicas":3}}},
            "Endpoint":{"Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":8080,"PublishMode":"host"}]},
            "UpdateStatus":{"State":"something_new","StartedAt":"2026-11-22T11:00:00Z","Message":"at it"},
            "ServiceStatus":{"RunningTasks":2,"DesiredTasks":3,"CompletedTasks":0}}"#;
        let entry: ServiceEntry = serde_json::from_str(said).unwrap();
        assert_eq!(entry.files().collect::<Vec<_>>(), ["x1"]);
        let service = entry.into_service();
        assert_eq!(&*service.image, "nginx:1.25");
        assert_eq!(service.mode, Mode::Replicated(3));
        assert_eq!(service.tally(), "2/3");
        assert_eq!(service.word(), "something_new");
        assert_eq!(service.app.as_deref(), Some("shop"));
        assert_eq!(service.release.unwrap().to_string(), "r000004");
        assert_eq!(&*service.ports[0], "8080→80/tcp host");
        assert_eq!(&*service.constraints[0], "node.role==worker");
    }

    #[test]
    fn a_task_that_has_no_place_says_why() {
        let said = r#"{"ID":"t1","CreatedAt":"2026-11-22T10:00:00Z","ServiceID":"s1","Slot":2,"DesiredState":"running",
            "Spec":{"ContainerSpec":{"Image":"nginx"}},
            "Status":{"Timestamp":"2026-11-22T10:00:01Z","State":"pending","Message":"pending task scheduling",
            "Err":"no suitable node (1 node not available for new tasks)","PortStatus":{}}}"#;
        let task = serde_json::from_str::<TaskEntry>(said).unwrap().into_task();
        assert!(task.is_wanted() && !task.is_running() && task.node.is_none());
        assert_eq!(task.exit, None);
        let why = task.trouble().unwrap();
        assert!(why.starts_with("no suitable node"), "{why}");
        let said = r#"{"ID":"t2","ServiceID":"s1","NodeID":"n1","DesiredState":"shutdown",
            "Status":{"State":"failed","Err":"task: non-zero exit (3)","ContainerStatus":{"ContainerID":"c1","ExitCode":3}}}"#;
        let task = serde_json::from_str::<TaskEntry>(said).unwrap().into_task();
        assert!(task.failed() && task.is_over() && !task.is_wanted());
        assert_eq!((task.exit, task.slot), (Some(3), None));
    }

    #[test]
    fn a_node_is_read_with_what_it_does() {
        let said = r#"{"ID":"n1","Spec":{"Role":"manager","Availability":"drain","Labels":{"zone":"a"}},
            "Description":{"Hostname":"ams-1","Resources":{"NanoCPUs":4000000000,"MemoryBytes":8},"Engine":{"EngineVersion":"20.10.24"}},
            "Status":{"State":"ready","Addr":"10.0.0.1"},"ManagerStatus":{"Leader":true,"Reachability":"reachable","Addr":"10.0.0.1:2377"}}"#;
        let node = serde_json::from_str::<NodeEntry>(said).unwrap().into_node();
        assert_eq!(
            (node.role(), node.availability),
            ("leader", Availability::Drain)
        );
        assert!(node.is_ready() && !node.takes_tasks());
    }
}
