//! Questions about Swarms: nodes, services, tasks, secrets and configs as tables and JSON.

use serde_json::{Value, json};

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure},
    output::Out,
    reach::Reached,
    table::{facts, plain},
};
use crate::{
    model::{
        Feed, Fleet, Host, HostSpec, Resource, ago, bytes,
        swarm::{Node, Service, Stored, Swarm, Task},
    },
    ops::{
        Sentence, Target,
        sentence::{NodeCommand, ServiceCommand, StoredCommand, SwarmCommand},
        swarm::{Cluster, clusters, host_of},
    },
};

/// A billion: processors are counted in these parts.
const NANO: u64 = 1_000_000_000;

impl Session {
    /// Reaches the hosts that are needed, until the managers among them have told of their Swarms.
    pub(super) async fn reach_swarms(
        &self,
        needed: impl Fn(&HostSpec) -> bool,
    ) -> Result<Reached, Failure> {
        let mut reached = self.reach_known(needed).await?;
        let is_told = |host: &Host| host.swarm.is_some() || !host.is_manager();
        reached.ask(Feed::Swarm, is_told).await;
        Ok(reached)
    }
}

/// A question about Swarms.
pub(super) async fn ask(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let takes_targets = matches!(
        sentence,
        Sentence::Node(NodeCommand::Show { .. })
            | Sentence::Service(ServiceCommand::Show { .. } | ServiceCommand::Tasks(_))
    );
    if takes_targets && !sentence.names_targets() {
        // There is no selection in a shell, so this says what is missing.
        sentence.plan(&super::reach::empty_fleet(&session.config), &[])?;
    }
    let reached = session.reach_swarms(|spec| sentence.touches(spec)).await?;
    let fleet = &reached.fleet;
    let targets = if takes_targets {
        sentence.plan(fleet, &[])?;
        sentence.targets(fleet, &[])?
    } else {
        Vec::new()
    };
    let asked = Asked {
        session,
        fleet,
        targets: &targets,
    };
    let mut out = Out::take();
    match sentence {
        Sentence::Swarm(SwarmCommand::List) => asked.swarms(&mut out)?,
        Sentence::Node(NodeCommand::List(_)) => asked.nodes(&mut out)?,
        Sentence::Node(NodeCommand::Show { .. }) => asked.node_facts(&mut out)?,
        Sentence::Service(ServiceCommand::List(_)) => asked.services(&mut out)?,
        Sentence::Service(ServiceCommand::Show { .. }) => asked.service_facts(&mut out)?,
        Sentence::Service(ServiceCommand::Tasks(args)) => asked.tasks(&mut out, args.all)?,
        Sentence::Secret(StoredCommand::List(_)) => asked.stored(&mut out, Resource::Secret)?,
        Sentence::SwarmConfig(StoredCommand::List(_)) => {
            asked.stored(&mut out, Resource::Config)?;
        }
        // Their roles are not those of questions.
        _ => return Ok(Exit::Usage),
    }
    out.flush()?;
    Ok(super::missing(&reached))
}

struct Asked<'a> {
    session: &'a Session,
    fleet: &'a Fleet,
    targets: &'a [Target],
}

impl<'a> Asked<'a> {
    fn clusters(&self) -> Vec<Cluster<'a>> {
        clusters(self.fleet, |_| true)
    }

    /// What is told of one target: its manager, the Swarm, its id.
    fn each(&self) -> impl Iterator<Item = (&'a Host, &'a Swarm, &'a str)> {
        let fleet = self.fleet;
        self.targets.iter().filter_map(move |target| {
            let Target::Resource(_, host, id) = target else {
                return None;
            };
            let host = fleet.host(host)?;
            Some((host, host.swarm.as_deref()?, &**id))
        })
    }

    /// A table, JSON, or names; says so when there is nothing.
    fn write(&self, out: &mut Out, table: &Table<'_>) -> Result<(), Failure> {
        match self.session.options.output {
            Output::Json => out.array(table.rows.iter().map(|(_, json, _)| json))?,
            Output::Name => out.lines(table.rows.iter().map(|(name, ..)| name))?,
            Output::Table | Output::Wide if table.rows.is_empty() => {
                super::complain(if self.clusters().is_empty() {
                    "none of the hosts that were asked is a Swarm manager"
                } else {
                    table.nothing
                });
            }
            Output::Table | Output::Wide => {
                let rows = table.rows.iter().map(|(.., cells)| cells.clone());
                out.lines(plain(table.titles, table.sides, rows, &self.session.screen))?;
            }
        }
        Ok(())
    }

    fn since(&self, at: crate::model::Timestamp) -> String {
        ago(self.fleet.now, at)
    }

    /// `swarm list`.
    fn swarms(&self, out: &mut Out) -> Result<(), Failure> {
        let rows = self.clusters().into_iter().map(|one| {
            let names = |hosts: Vec<&Host>| -> Vec<String> {
                hosts.iter().map(|host| host.name().to_string()).collect()
            };
            let (managers, hosts) = (
                names(one.managers(self.fleet)),
                names(one.hosts(self.fleet)),
            );
            let ready = one
                .swarm
                .nodes
                .iter()
                .filter(|node| node.is_ready())
                .count();
            let lacking = one
                .swarm
                .services
                .iter()
                .filter(|service| service.lacks())
                .count();
            let json = json!({"id": one.id(), "managers": managers, "hosts": hosts,
                "nodes": one.swarm.nodes.len(), "ready": ready,
                "services": one.swarm.services.len(), "lacking": lacking,
                "secrets": one.swarm.secrets.len(), "configs": one.swarm.configs.len()});
            let cells = vec![
                one.id().get(..12).unwrap_or(one.id()).to_owned(),
                format!("{ready}/{}", one.swarm.nodes.len()),
                one.swarm.services.len().to_string(),
                lacking.to_string(),
                managers.join(" "),
                hosts.join(" "),
            ];
            (one.id().to_owned(), json, cells)
        });
        self.write(
            out,
            &Table {
                titles: &["SWARM", "READY", "SERVICES", "LACKING", "MANAGERS", "HOSTS"],
                sides: " >>>",
                rows: rows.collect(),
                nothing: "",
            },
        )
    }

    /// `node list`.
    fn nodes(&self, out: &mut Out) -> Result<(), Failure> {
        let clusters = self.clusters();
        let rows = clusters
            .iter()
            .flat_map(|one| one.swarm.nodes.iter().map(move |node| (one, node)));
        let rows = rows.map(|(one, node)| {
            let manager = one.manager.name();
            let cells = vec![
                format!("{}@{manager}", node.name),
                node.role().to_owned(),
                node.state.to_string(),
                node.availability.to_string(),
                one.swarm.tasks_on(&node.id).count().to_string(),
                (node.nano_cpus / NANO).to_string(),
                bytes(node.memory),
                node.engine.to_string(),
                node.address.to_string(),
                self.host(&node.id),
            ];
            (
                format!("{}@{manager}", node.name),
                self.node_json(one.manager, one.swarm, node),
                cells,
            )
        });
        self.write(
            out,
            &Table {
                titles: &[
                    "NODE", "ROLE", "STATE", "TAKES", "TASKS", "CPUS", "MEMORY", "ENGINE",
                    "ADDRESS", "HOST",
                ],
                sides: "    >>>",
                rows: rows.collect(),
                nothing: "",
            },
        )
    }

    /// The host of the fleet that is a node; empty when it is none of ours.
    fn host(&self, node: &str) -> String {
        host_of(self.fleet, node).map_or_else(String::new, |host| host.name().to_string())
    }

    fn node_json(&self, manager: &Host, swarm: &Swarm, node: &Node) -> Value {
        with(
            node,
            json!({"target": format!("{}@{}", node.name, manager.name()),
            "manager": manager.name(), "host": host_of(self.fleet, &node.id).map(Host::name),
            "role": node.role(), "tasks": swarm.tasks_on(&node.id).count()}),
        )
    }

    /// `node show`.
    fn node_facts(&self, out: &mut Out) -> Result<(), Failure> {
        if self.session.options.output.is_json() {
            let values: Vec<Value> = self
                .each()
                .filter_map(|(host, swarm, id)| {
                    let node = swarm.node(id)?;
                    let tasks: Vec<Value> = swarm
                        .tasks_on(id)
                        .map(|task| self.task_json(host, swarm, task))
                        .collect();
                    let mut json = self.node_json(host, swarm, node);
                    json["tasks"] = tasks.into();
                    Some(json)
                })
                .collect();
            return Ok(out.json(&values)?);
        }
        for (host, swarm, id) in self.each() {
            let Some(node) = swarm.node(id) else { continue };
            let labels: Vec<String> = node
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let known = [
                ("node", format!("{}@{}", node.name, host.name())),
                ("id", node.id.to_string()),
                ("host", self.host(id)),
                ("role", node.role().to_owned()),
                (
                    "state",
                    format!("{} {}", node.state, node.message).trim().to_owned(),
                ),
                ("takes tasks", node.availability.to_string()),
                ("manager", node.reachability.to_string()),
                ("engine", node.engine.to_string()),
                (
                    "means",
                    format!("{} CPUs, {}", node.nano_cpus / NANO, bytes(node.memory)),
                ),
                ("address", node.address.to_string()),
                ("labels", labels.join(", ")),
            ];
            out.lines(facts(&known, &self.session.screen))?;
            let tasks: Vec<&Task> = swarm.tasks_on(id).collect();
            self.task_table(out, host, swarm, &tasks)?;
        }
        Ok(())
    }

    /// `service list`.
    fn services(&self, out: &mut Out) -> Result<(), Failure> {
        let clusters = self.clusters();
        let rows = clusters.iter().flat_map(|one| {
            one.swarm
                .services
                .iter()
                .map(move |service| (one.manager, service))
        });
        let rows = rows.map(|(manager, service)| {
            let target = format!("{}@{}", service.name, manager.name());
            let cells = vec![
                target.clone(),
                service.mode.to_string(),
                service.tally(),
                service.word().to_owned(),
                service.image.to_string(),
                service.app.as_deref().unwrap_or_default().to_owned(),
                service
                    .release
                    .map(|release| release.to_string())
                    .unwrap_or_default(),
                service.ports.join(" "),
                self.since(service.updated),
            ];
            (target, service_json(manager, service), cells)
        });
        self.write(
            out,
            &Table {
                titles: &[
                    "SERVICE", "MODE", "TASKS", "STATE", "IMAGE", "APP", "RELEASE", "PORTS",
                    "CHANGED",
                ],
                sides: "  >     >",
                rows: rows.collect(),
                nothing: "there are no services",
            },
        )
    }

    /// `service show`.
    fn service_facts(&self, out: &mut Out) -> Result<(), Failure> {
        if self.session.options.output.is_json() {
            let values: Vec<Value> = self
                .each()
                .filter_map(|(host, swarm, id)| {
                    let mut json = service_json(host, swarm.service(id)?);
                    let tasks = swarm.tasks_of(id, true);
                    let tasks: Vec<Value> = tasks
                        .map(|task| self.task_json(host, swarm, task))
                        .collect();
                    json["tasks"] = tasks.into();
                    Some(json)
                })
                .collect();
            return Ok(out.json(&values)?);
        }
        for (host, swarm, id) in self.each() {
            let Some(service) = swarm.service(id) else {
                continue;
            };
            let update = service.update.as_ref();
            let known = [
                ("service", format!("{}@{}", service.name, host.name())),
                ("id", service.id.to_string()),
                ("mode", service.mode.to_string()),
                ("tasks", service.tally()),
                ("image", service.image.to_string()),
                ("app", service.app.as_deref().unwrap_or_default().to_owned()),
                (
                    "release",
                    service
                        .release
                        .map(|one| one.to_string())
                        .unwrap_or_default(),
                ),
                ("ports", service.ports.join(", ")),
                ("constraints", service.constraints.join(", ")),
                (
                    "update",
                    update.map_or_else(String::new, |one| {
                        format!("{}: {}", one.word(), one.message)
                    }),
                ),
                ("made", format!("{} ago", self.since(service.created))),
                ("changed", format!("{} ago", self.since(service.updated))),
            ];
            out.lines(facts(&known, &self.session.screen))?;
            let tasks: Vec<&Task> = swarm.tasks_of(id, false).collect();
            self.task_table(out, host, swarm, &tasks)?;
        }
        Ok(())
    }

    /// `service tasks`.
    fn tasks(&self, out: &mut Out, all: bool) -> Result<(), Failure> {
        let rows = self.each().flat_map(|(host, swarm, id)| {
            let mut tasks: Vec<&Task> = swarm.tasks_of(id, all).collect();
            tasks.sort_by_key(|task| (task.slot, swarm.task_name(task)));
            tasks.into_iter().map(move |task| (host, swarm, task))
        });
        let rows = rows.map(|(host, swarm, task)| self.task_row(host, swarm, task));
        self.write(
            out,
            &Table {
                rows: rows.collect(),
                nothing: "there are no tasks",
                ..TASKS
            },
        )
    }

    fn task_table(
        &self,
        out: &mut Out,
        host: &Host,
        swarm: &Swarm,
        tasks: &[&Task],
    ) -> Result<(), Failure> {
        if tasks.is_empty() {
            return Ok(());
        }
        let rows = tasks.iter().map(|task| self.task_row(host, swarm, task));
        self.write(
            out,
            &Table {
                rows: rows.collect(),
                ..TASKS
            },
        )
    }

    fn task_row(&self, host: &Host, swarm: &Swarm, task: &Task) -> Row {
        let name = swarm.task_name(task);
        let node = task.node.as_deref().map(|id| {
            swarm
                .node(id)
                .map_or_else(|| id.to_owned(), |node| node.name.to_string())
        });
        let cells = vec![
            name.clone(),
            node.unwrap_or_else(|| "nowhere yet".to_owned()),
            task.state.to_string(),
            task.desired.to_string(),
            self.since(task.since),
            task.image.to_string(),
            swarm.trouble(task).unwrap_or_default(),
        ];
        (name, self.task_json(host, swarm, task), cells)
    }

    fn task_json(&self, manager: &Host, swarm: &Swarm, task: &Task) -> Value {
        let node = task.node.as_deref().and_then(|id| swarm.node(id));
        let service = swarm.service(&task.service).map(|one| &one.name);
        let host = task.node.as_deref().and_then(|id| host_of(self.fleet, id));
        with(
            task,
            json!({"task": swarm.task_name(task), "manager": manager.name(),
            "service": service, "node": node.map(|one| &one.name), "host": host.map(Host::name),
            "trouble": swarm.trouble(task)}),
        )
    }

    /// `secret list`, `swarm-config list`.
    fn stored(&self, out: &mut Out, kind: Resource) -> Result<(), Failure> {
        let clusters = self.clusters();
        let rows = clusters.iter().flat_map(|one| {
            one.swarm
                .stored(kind)
                .iter()
                .map(move |stored| (one.manager, stored))
        });
        let rows = rows.map(|(manager, stored): (&Host, &Stored)| {
            let target = format!("{}@{}", stored.name, manager.name());
            let cells = vec![
                target.clone(),
                stored.app.as_deref().unwrap_or_default().to_owned(),
                stored.used_by.join(" "),
                self.since(stored.created),
            ];
            let json = with(stored, json!({"target": target, "manager": manager.name()}));
            (target, json, cells)
        });
        let (titles, nothing): (&[&str], &str) = if kind == Resource::Secret {
            (
                &["SECRET", "APP", "USED BY", "MADE"],
                "there are no secrets",
            )
        } else {
            (
                &["CONFIG", "APP", "USED BY", "MADE"],
                "there are no configs",
            )
        };
        self.write(
            out,
            &Table {
                titles,
                sides: "   >",
                rows: rows.collect(),
                nothing,
            },
        )
    }
}

/// A row: its name, the same for machines, its cells.
type Row = (String, Value, Vec<String>);

struct Table<'t> {
    titles: &'t [&'t str],
    sides: &'t str,
    rows: Vec<Row>,
    nothing: &'t str,
}

/// A table of tasks without rows.
const TASKS: Table<'static> = Table {
    titles: &[
        "TASK", "NODE", "STATE", "WANTED", "SINCE", "IMAGE", "TROUBLE",
    ],
    sides: "    >",
    rows: Vec::new(),
    nothing: "",
};

fn service_json(manager: &Host, service: &Service) -> Value {
    with(
        service,
        json!({"target": format!("{}@{}", service.name, manager.name()),
        "manager": manager.name(), "state": service.word(), "replicas": service.tally()}),
    )
}

/// A value of the fleet with what is added to it.
fn with(value: &impl serde::Serialize, more: Value) -> Value {
    let mut whole = serde_json::to_value(value).unwrap_or_default();
    if let (Some(map), Value::Object(more)) = (whole.as_object_mut(), more) {
        map.extend(more);
    }
    whole
}
