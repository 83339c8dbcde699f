//! `POST /containers/create`: a container from an image of the engine and a configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::acts;
use super::clock::{Nanos, SECOND};
use super::container::{Attachment, Container, Mount, Plan, Port, Probe, Restart};
use super::engine::{Engine, Key, Volume};
use super::files::Tree;
use super::http::{self, Answer, Refusal};
use super::images;
use super::networks;
use super::plans;
use super::route::Call;
use super::seed::Seed;
use super::world;

/// The body, as far as the sim knows it; what it does not know is left aside.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Wanted {
    image: String,
    cmd: Option<Words>,
    entrypoint: Option<Words>,
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    tty: bool,
    user: String,
    working_dir: String,
    exposed_ports: Option<BTreeMap<String, Value>>,
    healthcheck: Option<Healthcheck>,
    host_config: Option<HostConfig>,
    networking_config: Option<NetworkingConfig>,
}

/// Docker takes one string for a list of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
}

impl From<Words> for Vec<String> {
    fn from(words: Words) -> Self {
        match words {
            Words::One(word) => vec![word],
            Words::Many(words) => words,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Healthcheck {
    test: Option<Vec<String>>,
    interval: Nanos,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    binds: Option<Vec<String>>,
    mounts: Option<Vec<WantedMount>>,
    port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    restart_policy: Option<Policy>,
    network_mode: String,
    memory: i64,
    auto_remove: bool,
    log_config: Option<LogConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LogConfig {
    r#type: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WantedMount {
    r#type: String,
    source: String,
    target: String,
    read_only: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Binding {
    host_ip: String,
    host_port: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkingConfig {
    endpoints_config: Option<BTreeMap<String, Value>>,
}

/// A restart policy as clients write it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Policy {
    name: String,
    maximum_retry_count: u32,
}

impl Policy {
    /// The policy; an unknown name is none.
    pub fn restart(&self) -> Restart {
        match self.name.as_str() {
            "always" => Restart::Always,
            "unless-stopped" => Restart::UnlessStopped,
            "on-failure" => Restart::OnFailure(self.maximum_retry_count),
            _ => Restart::No,
        }
    }
}

/// Makes the container of a task, and starts it: a body as of `POST /containers/create`.
pub fn make(engine: &mut Engine, now: Nanos, name: &str, body: Value) -> Result<Key, Refusal> {
    let wanted: Wanted =
        serde_json::from_value(body).map_err(|error| Refusal::bad(error.to_string()))?;
    let seed = engine.fresh_seed();
    let image = engine
        .find_image(&wanted.image)
        .ok_or_else(|| images::missing(&wanted.image))?;
    let base = plans::image_plan(image.row, image);
    let (plan, networks) = plan(engine, base, wanted, seed, now)?;
    let container = Container {
        id: seed.of("id").hex64(),
        name: name.to_owned(),
        created: now,
        networks,
        ..world::blank(seed, Arc::new(plan))
    };
    let key = engine.insert(container);
    engine.emit_container(now, key, "create", &[]);
    engine.begin(key, now);
    Ok(key)
}

/// `POST /containers/create`
pub async fn create(call: Call) -> Answer {
    let wanted: Wanted = http::read_json(call.body).await?;
    if wanted.image.is_empty() {
        return Err(Refusal::bad(
            "Config cannot be empty in order to create a container",
        ));
    }
    call.host.change(|engine, now| {
        let seed = engine.fresh_seed();
        let name = match call.query.get("name") {
            Some(name) => name.trim_start_matches('/').to_owned(),
            None => random_name(seed),
        };
        let image = engine
            .find_image(&wanted.image)
            .ok_or_else(|| images::missing(&wanted.image))?;
        let base = plans::image_plan(image.row, image);
        acts::free_name(engine, &name)?;
        let (plan, networks) = plan(engine, base, wanted, seed, now)?;
        let container = Container {
            id: seed.of("id").hex64(),
            name,
            created: now,
            networks,
            ..world::blank(seed, Arc::new(plan))
        };
        let id = container.id.clone();
        let key = engine.insert(container);
        engine.emit_container(now, key, "create", &[]);
        Ok(http::json(
            StatusCode::CREATED,
            &json!({ "Id": id, "Warnings": [] }),
        ))
    })
}

fn plan(
    engine: &mut Engine,
    mut plan: Plan,
    wanted: Wanted,
    seed: Seed,
    now: Nanos,
) -> Result<(Plan, Vec<Attachment>), Refusal> {
    let host = wanted.host_config.unwrap_or_default();
    plan.image = wanted.image;
    if let Some(entrypoint) = wanted.entrypoint {
        // Another entrypoint means that the image's command does not fit it.
        plan.entrypoint = entrypoint.into();
        plan.command.clear();
    }
    if let Some(command) = wanted.cmd {
        plan.command = command.into();
    }
    if plan.entrypoint.is_empty() && plan.command.is_empty() {
        return Err(Refusal::bad("No command specified"));
    }
    plan.env.splice(0..0, wanted.env.unwrap_or_default());
    plan.labels.extend(wanted.labels.unwrap_or_default());
    plan.tty = wanted.tty;
    plan.user = wanted.user;
    plan.workdir = wanted.working_dir;
    plan.memory = host.memory;
    plan.auto_remove = host.auto_remove;
    if let Some(log) = host.log_config.filter(|log| !log.r#type.is_empty()) {
        plan.log_driver = log.r#type;
    }
    plan.restart = host
        .restart_policy
        .as_ref()
        .map_or(Restart::No, Policy::restart);
    plan.probe = wanted.healthcheck.and_then(probe);
    add_ports(&mut plan, wanted.exposed_ports, host.port_bindings)?;
    plan.mounts = mounts(
        host.binds.unwrap_or_default(),
        host.mounts.unwrap_or_default(),
        seed,
    );
    make_volumes(engine, &plan, now);
    if !host.network_mode.is_empty() {
        plan.network_mode = host.network_mode;
    }
    let endpoints = wanted
        .networking_config
        .and_then(|config| config.endpoints_config);
    let networks = attach(engine, &plan.network_mode, endpoints.unwrap_or_default())?;
    Ok((plan, networks))
}

/// Makes the volumes that are not there yet.
fn make_volumes(engine: &mut Engine, plan: &Plan, created: Nanos) {
    for name in plan.mounts.iter().filter_map(|mount| mount.volume.clone()) {
        let (labels, options) = (BTreeMap::new(), BTreeMap::new());
        let volume = Volume {
            name: name.clone(),
            labels,
            options,
            created,
            size: 0,
            files: Some(Tree::new()),
        };
        engine.volumes.entry(name).or_insert(volume);
    }
}

fn probe(check: Healthcheck) -> Option<Probe> {
    let test = check
        .test
        .filter(|test| !matches!(test.first().map(String::as_str), None | Some("NONE")))?;
    Some(Probe {
        test,
        every: if check.interval > 0 {
            check.interval
        } else {
            30 * SECOND
        },
    })
}

fn attach(
    engine: &Engine,
    mode: &str,
    endpoints: BTreeMap<String, Value>,
) -> Result<Vec<Attachment>, Refusal> {
    if mode.starts_with("container:") {
        return Ok(Vec::new());
    }
    let real = |name: &str| if name == "default" { "bridge" } else { name }.to_owned();
    let mode = real(mode);
    let endpoints = endpoints.into_iter();
    let mut wanted: Vec<(String, Value)> =
        endpoints.map(|(name, how)| (real(&name), how)).collect();
    if wanted.iter().all(|(name, _)| *name != mode) {
        wanted.insert(0, (mode, Value::Null));
    }
    let place = |(name, how): &(String, Value)| {
        let missing = || Refusal::missing(format!("network {name} not found"));
        let network = engine.find_network(name).ok_or_else(missing)?;
        let aliases = how["Aliases"].as_array().into_iter().flatten();
        let aliases = aliases.filter_map(Value::as_str).map(str::to_owned);
        Ok(Attachment {
            aliases: aliases.collect(),
            ..networks::free_place(engine, network)
        })
    };
    wanted.iter().map(place).collect()
}

/// `80/tcp`, or `80` for TCP.
fn port(text: &str) -> Result<(u16, String), Refusal> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let wrong = |_| Refusal::bad(format!("invalid port specification: \"{text}\""));
    Ok((number.parse().map_err(wrong)?, protocol.to_owned()))
}

fn add_ports(
    plan: &mut Plan,
    exposed: Option<BTreeMap<String, Value>>,
    bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
) -> Result<(), Refusal> {
    for text in exposed.unwrap_or_default().into_keys() {
        let (private, protocol) = port(&text)?;
        if !plan
            .ports
            .iter()
            .any(|one| one.private == private && one.protocol == protocol)
        {
            plan.ports.push(Port {
                private,
                protocol,
                public: None,
            });
        }
    }
    for (text, bound) in bindings.unwrap_or_default() {
        let (private, protocol) = port(&text)?;
        let first = bound.into_iter().flatten().next();
        // A free port is the kernel's choice; here it is a function of the port inside.
        let public = first.map(|one| {
            (
                one.host_ip,
                one.host_port.parse().unwrap_or(32_768 + private % 20_000),
            )
        });
        plan.ports
            .retain(|one| one.private != private || one.protocol != protocol);
        plan.ports.push(Port {
            private,
            protocol,
            public,
        });
    }
    Ok(())
}

fn mounts(binds: Vec<String>, wanted: Vec<WantedMount>, seed: Seed) -> Vec<Mount> {
    let bound = binds.into_iter().filter_map(|bind| {
        let mut parts = bind.split(':');
        let (source, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let writable = parts
            .next()
            .is_none_or(|mode| !mode.split(',').any(|one| one == "ro"));
        Some((source, target, writable))
    });
    let mounted = wanted
        .into_iter()
        .filter(|one| matches!(one.r#type.as_str(), "bind" | "volume"));
    let mounted = mounted.map(|one| (one.source, one.target, !one.read_only));
    bound
        .chain(mounted)
        .map(|(source, destination, writable)| {
            if source.starts_with('/') {
                return Mount {
                    volume: None,
                    source,
                    destination,
                    writable,
                };
            }
            let anonymous = || seed.of("volume").of(&destination).hex64();
            let name = if source.is_empty() {
                anonymous()
            } else {
                source
            };
            let source = format!("/var/lib/docker/volumes/{name}/_data");
            Mount {
                volume: Some(name),
                source,
                destination,
                writable,
            }
        })
        .collect()
}

/// A name for who gives none, in Docker's manner.
fn random_name(seed: Seed) -> String {
    const MOODS: [&str; 12] = [
        "brave", "calm", "eager", "gentle", "happy", "keen", "lucid", "mystic", "patient",
        "quirky", "sharp", "wise",
    ];
    const PEOPLE: [&str; 12] = [
        "curie", "darwin", "euler", "franklin", "gauss", "hopper", "hypatia", "lovelace",
        "noether", "ritchie", "turing", "wozniak",
    ];
    format!(
        "{}_{}_{}",
        seed.of("mood").pick(&MOODS),
        seed.of("who").pick(&PEOPLE),
        seed.of("nth").below(1000)
    )
}
