//! Questions about one thing or a few: hosts, containers, their processes and changed files.

use serde_json::{Value, json};

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure, of_outcome},
    json::{ContainerJson, HostJson},
    output::Out,
    reach::Reached,
    table::facts,
};
use crate::{
    model::{
        Container, ContainerId, Fleet, Host, HostName, HostSpec, MASK, Outcome, Timestamp, Way,
        ago, bytes, is_secret_name, printable, redact,
    },
    ops::{self, ContainerCommand, Plan, Sentence, Target, column::HostRow, sentence::ShowArgs},
};

/// `host show` and `host reconnect`: what is known of hosts after asking them.
pub(super) async fn hosts(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let (mut reached, targets) = asked(session, sentence).await?;
    session.know_maintenance(&mut reached.fleet).await;
    let fleet = &reached.fleet;
    let hosts: Vec<HostRow<'_>> = targets
        .iter()
        .filter_map(|target| fleet.host(target.host()?))
        .map(HostRow::new)
        .collect();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&hosts.iter().map(HostJson::of).collect::<Vec<_>>())?,
        Output::Name => out.lines(hosts.iter().map(|row| format!("@{}", row.host.name())))?,
        Output::Table | Output::Wide => {
            for (at, row) in hosts.iter().enumerate() {
                if at > 0 {
                    out.lines([""])?;
                }
                out.lines(facts(&host_facts(row, fleet.now), &session.screen))?;
            }
        }
    }
    out.flush()?;
    Ok(super::missing(&reached))
}

fn host_facts(row: &HostRow<'_>, now: Timestamp) -> Vec<(&'static str, String)> {
    let host = row.host;
    let engine = host.engine.clone().unwrap_or_default();
    let trouble = host.link.trouble();
    let some = |count: u64, text: String| if count > 0 { text } else { String::new() };
    let raw = trouble.map(|trouble| trouble.raw.join(" · "));
    vec![
        ("host", host.name().to_string()),
        ("state", host.link.word().to_owned()),
        (
            "reason",
            trouble.map(|one| one.reason.clone()).unwrap_or_default(),
        ),
        (
            "remedy",
            trouble.map(|one| one.remedy.clone()).unwrap_or_default(),
        ),
        ("said", raw.unwrap_or_default()),
        ("endpoint", host.spec.endpoint.to_string()),
        ("way", host.way.map_or("", Way::word).to_owned()),
        ("environment", host.environment().to_owned()),
        ("groups", host.spec.groups.join(", ")),
        ("named by", host.spec.source.to_string()),
        (
            "read-only",
            if host.spec.read_only {
                "yes".to_owned()
            } else {
                String::new()
            },
        ),
        ("engine", engine.version.clone()),
        ("api", engine.api.clone()),
        ("hostname", engine.hostname.clone()),
        (
            "system",
            [engine.os, engine.kernel, engine.arch]
                .join(" ")
                .trim()
                .to_owned(),
        ),
        (
            "processors",
            some(engine.cpus.into(), engine.cpus.to_string()),
        ),
        ("memory", some(engine.memory, bytes(engine.memory))),
        (
            "storage",
            [engine.storage_driver, engine.root_dir]
                .join(" ")
                .trim()
                .to_owned(),
        ),
        ("warnings", engine.warnings.join("; ")),
        ("containers", containers_of(row)),
        (
            "ping",
            host.latency_ms
                .map(|ms| format!("{ms:.1} ms"))
                .unwrap_or_default(),
        ),
        (
            "heard",
            host.heard
                .map(|at| format!("{} ago", ago(now, at)))
                .unwrap_or_default(),
        ),
    ]
}

fn containers_of(row: &HostRow<'_>) -> String {
    if row.host.listed {
        let all = row.host.containers.len();
        format!("{all}, {} running, {} broken", row.running, row.broken)
    } else {
        String::new()
    }
}

/// `container show`: the facts of containers; secrets are masked unless they are to be revealed,
/// which is recorded.
pub(super) async fn containers(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let Sentence::Container(ContainerCommand::Show(ShowArgs { reveal, .. })) = sentence else {
        return Err(Failure::Usage(format!(
            "`{}` shows no containers",
            sentence.words()
        )));
    };
    let (reached, targets) = asked(session, sentence).await?;
    let plan = sentence.plan(&reached.fleet, &[])?;
    if !plan.recorded {
        return facts_of(session, &reached, &targets, *reveal).await;
    }
    let mut answer = Ok(Exit::Done);
    let work = async {
        answer = facts_of(session, &reached, &targets, *reveal).await;
        match &answer {
            Ok(_) => Outcome::Done {
                detail: String::new(),
            },
            Err(failure) => Outcome::Failed {
                done: 0,
                failed: 1,
                detail: failure.to_string(),
            },
        }
    };
    let ended = Box::pin(recorded(session, sentence, &plan, work)).await?;
    answer.map(|exit| {
        if exit == Exit::Done {
            of_outcome(&ended)
        } else {
            exit
        }
    })
}

/// Records what is done around the plan.
pub(super) async fn recorded(
    session: &Session,
    sentence: &Sentence,
    plan: &Plan,
    work: impl Future<Output = Outcome>,
) -> Result<Outcome, Failure> {
    let store = session.store();
    let origin = session.origin("shell");
    let ended = ops::recorded(plan, &origin, sentence.reason(), &store, &|_| {}, work).await;
    store.close().await;
    Ok(ended?)
}

async fn facts_of(
    session: &Session,
    reached: &Reached,
    targets: &[Target],
    reveal: bool,
) -> Result<Exit, Failure> {
    let mut shown = Vec::new();
    for (host, container) in known(&reached.fleet, targets) {
        let inspection = reached.engines.inspect(host.name(), &container.id).await;
        let mut value = Value::clone(&*inspection?);
        if !reveal {
            mask(&mut value);
        }
        shown.push((host, container, value));
    }
    let mut out = Out::take();
    match session.options.output {
        Output::Name => {
            let names = shown
                .iter()
                .map(|(host, container, _)| name(host, container));
            out.lines(names)?;
        }
        Output::Json => {
            let values: Vec<Value> = shown
                .iter()
                .map(|(host, container, inspection)| {
                    let known = ContainerJson::of(host, container);
                    json!({"container": known, "inspection": inspection})
                })
                .collect();
            out.json(&values)?;
        }
        Output::Table | Output::Wide => {
            for (at, (host, container, inspection)) in shown.iter().enumerate() {
                if at > 0 {
                    out.lines([""])?;
                }
                let now = reached.fleet.now;
                let known = container_facts(host, container, inspection, now);
                out.lines(facts(&known, &session.screen))?;
                for (title, lines) in lists(inspection) {
                    out.lines([title.to_owned()])?;
                    out.lines(lines.iter().map(|line| format!("  {}", printable(line))))?;
                }
            }
        }
    }
    out.flush()?;
    Ok(super::missing(reached))
}

fn name(host: &Host, container: &Container) -> String {
    format!("{}@{}", container.name, host.name())
}

/// Puts a mask in place of what looks like a secret, in the whole value.
fn mask(value: &mut Value) {
    match value {
        Value::String(text) => {
            let masked = match text.split_once('=') {
                Some((name, secret)) if is_secret_name(name) && !secret.is_empty() => {
                    format!("{name}={MASK}")
                }
                _ => redact(text).into_owned(),
            };
            *text = masked;
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if is_secret_name(name) && !text.is_empty() => {
                        MASK.clone_into(text);
                    }
                    field => mask(field),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn container_facts(
    host: &Host,
    container: &Container,
    inspection: &Value,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let text = |path: &str| inspection.pointer(path).map(plain).unwrap_or_default();
    let since = container
        .since
        .map(|since| format!(", {}", ago(now, since)));
    let ports: Vec<String> = container.ports.iter().map(ToString::to_string).collect();
    vec![
        ("container", name(host, container)),
        ("id", container.id.as_str().to_owned()),
        ("image", container.image.to_string()),
        ("image id", container.image_id.to_string()),
        ("app", container.app.as_deref().unwrap_or("").to_owned()),
        (
            "service",
            container.service.as_deref().unwrap_or("").to_owned(),
        ),
        (
            "state",
            format!("{}{}", container.state.word(), since.unwrap_or_default()),
        ),
        ("trouble", container.trouble().unwrap_or_default()),
        ("health", container.health.word().to_owned()),
        (
            "exit code",
            container
                .exit
                .map(|code| code.to_string())
                .unwrap_or_default(),
        ),
        ("error", text("/State/Error")),
        ("restarts", text("/RestartCount")),
        ("restart policy", text("/HostConfig/RestartPolicy/Name")),
        ("created", text("/Created")),
        (
            "command",
            [text("/Path"), text("/Args")].join(" ").trim().to_owned(),
        ),
        ("user", text("/Config/User")),
        ("directory", text("/Config/WorkingDir")),
        ("ports", ports.join(", ")),
    ]
}

/// A value as a person reads it in one line.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let words: Vec<String> = values.iter().map(plain).collect();
            words.join(" ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// What there may be several of: environment, mounts, networks, labels, checks of health.
fn lists(inspection: &Value) -> Vec<(&'static str, Vec<String>)> {
    let items = |path: &str| {
        let found = inspection.pointer(path).and_then(Value::as_array);
        found.into_iter().flatten()
    };
    let fields = |path: &str| {
        let found = inspection.pointer(path).and_then(Value::as_object);
        found.into_iter().flatten()
    };
    let field = |value: &Value, name: &str| value.get(name).map(plain).unwrap_or_default();
    let mounts = items("/Mounts").map(|one| {
        let writable = one.get("RW").and_then(Value::as_bool).unwrap_or(true);
        let access = if writable { "" } else { " (read-only)" };
        let source = match field(one, "Name") {
            name if name.is_empty() => field(one, "Source"),
            name => name,
        };
        format!(
            "{} {source} → {}{access}",
            field(one, "Type"),
            field(one, "Destination")
        )
    });
    let networks = fields("/NetworkSettings/Networks")
        .map(|(name, one)| format!("{name} {}", field(one, "IPAddress")));
    let labels = fields("/Config/Labels").map(|(name, value)| format!("{name}={}", plain(value)));
    let checks = items("/State/Health/Log").map(|one| {
        let output = field(one, "Output");
        format!("exit {} {}", field(one, "ExitCode"), output.trim())
    });
    let lists = [
        (
            "environment",
            items("/Config/Env").map(plain).collect::<Vec<_>>(),
        ),
        ("mounts", mounts.collect()),
        ("networks", networks.collect()),
        ("labels", labels.collect()),
        ("health checks", checks.collect()),
    ];
    lists
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .collect()
}

/// `container top`.
pub(super) async fn top(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let (reached, targets) = asked(session, sentence).await?;
    let mut out = Out::take();
    for (host, id) in containers_in(&targets) {
        let (titles, processes) = reached.engines.top(host, id).await?;
        let rows: Vec<&[Box<str>]> = processes.iter().map(|one| one.0.as_slice()).collect();
        if session.options.output.is_json() {
            let objects: Vec<Value> = rows
                .iter()
                .map(|row| {
                    let pairs = titles.iter().zip(row.iter());
                    pairs
                        .map(|(title, cell)| (title.to_string(), json!(cell)))
                        .collect()
                })
                .collect();
            out.json(&objects)?;
        } else {
            let head = session.screen.header.then_some(titles.as_slice());
            out.lines(aligned(head.into_iter().chain(rows)))?;
        }
    }
    out.flush()?;
    Ok(super::missing(&reached))
}

/// Rows of words with the columns under each other; the last is as long as it is.
fn aligned<'r>(rows: impl Iterator<Item = &'r [Box<str>]>) -> Vec<String> {
    let rows: Vec<&[Box<str>]> = rows.collect();
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{:width$}", printable(cell)));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// `container changes`.
pub(super) async fn changes(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let (reached, targets) = asked(session, sentence).await?;
    let mut out = Out::take();
    for (host, id) in containers_in(&targets) {
        let changes = reached.engines.changes(host, id).await?;
        if session.options.output.is_json() {
            let objects = changes
                .iter()
                .map(|(kind, path)| json!({"kind": kind, "path": path}));
            out.json(&objects.collect::<Vec<_>>())?;
        } else {
            out.lines(
                changes
                    .iter()
                    .map(|(kind, path)| format!("{kind} {}", printable(path))),
            )?;
        }
    }
    out.flush()?;
    Ok(super::missing(&reached))
}

/// Reaches what the sentence is about; answers its targets.
pub(super) async fn asked(
    session: &Session,
    sentence: &Sentence,
) -> Result<(Reached, Vec<Target>), Failure> {
    if !sentence.names_targets() {
        // There is no selection in a shell, so this says what is missing.
        sentence.plan(&super::reach::empty_fleet(&session.config), &[])?;
    }
    let touches = |spec: &HostSpec| sentence.touches(spec);
    let reached = if let Sentence::Host(_) = sentence {
        session.reach_known(touches).await?
    } else {
        session.reach(touches).await?
    };
    sentence.plan(&reached.fleet, &[])?;
    let targets = sentence.targets(&reached.fleet, &[])?;
    Ok((reached, targets))
}

fn containers_in(targets: &[Target]) -> impl Iterator<Item = (&HostName, &ContainerId)> {
    targets.iter().filter_map(|target| match target {
        Target::Container(host, id) => Some((host, id)),
        Target::Host(_) | Target::Resource(..) | Target::Operation(_) => None,
    })
}

fn known<'f>(fleet: &'f Fleet, targets: &[Target]) -> Vec<(&'f Host, &'f Container)> {
    containers_in(targets)
        .filter_map(|(host, id)| {
            let host = fleet.host(host)?;
            host.containers.get(id).map(|container| (host, container))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_inspection_are_masked_wherever_they_stand() {
        let mut value = json!({
            "Config": {
                "Env": ["PATH=/bin", "DB_PASSWORD=hunter2", "URL=https://u:pw@host/x", "EMPTY_TOKEN="],
                "Cmd": ["serve", "--api-key=abc12345"],
                "Labels": {"com.example.token": "abc", "com.example.name": "web"},
            },
        });
        mask(&mut value);
        assert_eq!(
            value["Config"]["Env"],
            json!([
                "PATH=/bin",
                "DB_PASSWORD=****",
                "URL=https://u:****@host/x",
                "EMPTY_TOKEN="
            ])
        );
        assert_eq!(value["Config"]["Cmd"], json!(["serve", "--api-key=****"]));
        assert_eq!(value["Config"]["Labels"]["com.example.token"], "****");
        assert_eq!(value["Config"]["Labels"]["com.example.name"], "web");
    }

    #[test]
    fn processes_stand_in_columns() {
        let row = |cells: [&str; 2]| cells.map(Box::from).to_vec();
        let rows = [
            row(["PID", "CMD"]),
            row(["12345", "nginx: master"]),
            row(["7", "sh"]),
        ];
        let lines = aligned(rows.iter().map(Vec::as_slice));
        assert_eq!(lines, ["PID    CMD", "12345  nginx: master", "7      sh"]);
    }
}
