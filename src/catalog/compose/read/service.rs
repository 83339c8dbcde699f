//! A service, key by key.

use std::collections::BTreeMap;

use super::{
    super::{Fields, Kind, Node, Request, fields, tell},
    deploy, files, gate, health, mounts, networks, ports,
    values::{environment, words},
};
use crate::model::app::{
    Behind, Build, Condition, Dependency, Device, ImageReference, Logging, PullPolicy, Restart,
    Service, ServiceName, Severity, Told, Ulimit, Value, units,
};
use crate::model::balancer::is_name;

/// What a service is read with.
pub(super) struct Context<'r, 't> {
    /// What was asked.
    pub(super) request: &'r Request<'r>,
    /// The volumes that are declared.
    pub(super) volumes: Vec<String>,
    /// What is told.
    pub(super) told: &'t mut Vec<Told>,
}

/// Keys of a service that are known and not read, with why. `note:` where nothing is lost.
const IGNORED: &[(&str, &str)] = &[
    ("attach", "note: it speaks to `docker compose up` only"),
    ("develop", "note: it speaks to `docker compose watch` only"),
    (
        "blkio_config",
        "bounds of disks differ from host to host; set them on the host",
    ),
    ("cpu_count", "it is Windows'"),
    ("cpu_percent", "it is Windows'"),
    ("cpu_period", "say cpus instead"),
    ("cpu_quota", "say cpus instead"),
    ("cpu_rt_period", "real-time scheduling is set on the host"),
    ("cpu_rt_runtime", "real-time scheduling is set on the host"),
    ("credential_spec", "it is Windows'"),
    (
        "external_links",
        "join the network of the other app instead",
    ),
    ("isolation", "it is Windows'"),
    ("label_file", "write the labels in the file"),
    (
        "models",
        "models of artificial intelligence are Docker Desktop's",
    ),
    (
        "post_start",
        "engines before 28 have no hooks; do it in the entrypoint",
    ),
    (
        "pre_stop",
        "engines before 28 have no hooks; do it in the entrypoint",
    ),
    (
        "provider",
        "providers are programs beside Compose; an app has images only",
    ),
    (
        "use_api_socket",
        "the engine's socket is not handed out; mount it where that is meant",
    ),
];

/// Reads a service; none when it is no map.
pub(super) fn service(node: &Node, path: &str, context: &mut Context<'_, '_>) -> Option<Service> {
    let mut fields = Fields::open(node, path, context.told)?;
    let mut service = Service {
        environment: environment(&mut fields, context.request),
        ports: ports::ports(&mut fields),
        mounts: mounts::mounts(&mut fields, &context.volumes),
        networks: networks::joined(&mut fields).unwrap_or_default(),
        network_mode: networks::mode(&mut fields),
        healthcheck: health::healthcheck(&mut fields),
        depends_on: depends_on(&mut fields),
        deploy: deploy::deploy(&mut fields),
        configs: files::uses(&mut fields, "configs"),
        secrets: files::uses(&mut fields, "secrets"),
        ..Service::default()
    };
    program(&mut fields, &mut service);
    place(&mut fields, &mut service);
    rights(&mut fields, &mut service);
    bounds(&mut fields, &mut service);
    links(&mut fields, &mut service);
    ours(&mut fields, &mut service);
    let said = ["image", "build", "provider"].map(|key| node.get(key));
    if said.iter().flatten().next().is_none() {
        let remedy = "say image: NAME:TAG";
        fields.wrong(&node.at, "", "it has neither an image nor a build", remedy);
    }
    fields.done(IGNORED);
    Some(service)
}

/// What only Wharf reads: `x-wharf:`.
fn ours(fields: &mut Fields<'_, '_>, service: &mut Service) {
    if let Some(mut own) = fields.open_below("x-wharf") {
        service.balancer = behind(&mut own);
        service.gate = gate::gate(&mut own);
        own.done(&[]);
    }
}

/// How it stands behind a load balancer.
fn behind(fields: &mut Fields<'_, '_>) -> Option<Behind> {
    let mut own = fields.open_below("balancer")?;
    let name = |text: &str| is_name(text).then(|| text.to_owned());
    let expected = "a name of letters, digits and -_.:";
    let behind = Behind {
        name: own.parsed("name", expected, name),
        backend: own.parsed("backend", expected, name),
        canary: own.parsed("canary", expected, name),
        key: own.parsed("key", expected, name),
        port: own.number("port").unwrap_or_default(),
        host_port: own.number("host_port").unwrap_or_default(),
        drain: own.duration("drain"),
    };
    let at = own.at.clone();
    for (key, port) in [("port", behind.port), ("host_port", behind.host_port)] {
        if port == 0 {
            let remedy = match key {
                "port" => "say port: 8080, the one inside the container",
                _ => "say host_port: 18080, the first of the two that each replica has in turn",
            };
            own.wrong(&at, key, "the port is not said", remedy);
        }
    }
    own.done(&[]);
    Some(behind)
}

/// What runs: the image, how it is got, words, and how it starts and ends.
fn program(fields: &mut Fields<'_, '_>, service: &mut Service) {
    if let Some(node) = fields.take("image") {
        let path = fields.below("image");
        let remedy = "write REPOSITORY:TAG";
        let read = |text: &str| ImageReference::new(text.trim());
        service.image = fields::checked(node, &path, fields.told, remedy, read);
    }
    service.build = build(fields);
    if service.build.is_some() && service.image.is_none() {
        let at = fields.at.clone();
        let remedy = "build it (wharf image build), and say image: NAME:TAG beside build";
        fields.warn(
            &at,
            "build",
            "the image has to be built first, and has no name",
            remedy,
        );
    }
    service.pull_policy = fields.parsed(
        "pull_policy",
        "always, never, missing, build, daily, weekly or every_…",
        |text| {
            Some(match text {
                "" => return None,
                "always" => PullPolicy::Always,
                "never" => PullPolicy::Never,
                "missing" | "if_not_present" => PullPolicy::Missing,
                "build" => PullPolicy::Build,
                "daily" | "weekly" => PullPolicy::Older(text.to_owned()),
                other if other.starts_with("every_") => PullPolicy::Older(other.to_owned()),
                _ => return None,
            })
        },
    );
    service.platform = fields.text("platform");
    service.command = line(fields, "command");
    service.entrypoint = line(fields, "entrypoint");
    service.restart = fields.parsed(
        "restart",
        "no, always, unless-stopped or on-failure[:times]",
        restart,
    );
    service.init = fields.truth("init");
    service.stop_signal = fields.text("stop_signal");
    service.stop_grace_period = fields.duration("stop_grace_period");
    service.stdin_open = fields.truth("stdin_open").unwrap_or(false);
    service.tty = fields.truth("tty").unwrap_or(false);
    service.profiles = fields.texts("profiles");
    service.labels = fields.labels("labels");
    service.annotations = fields.labels("annotations");
    service.logging = fields.open_below("logging").map(|mut logging| {
        let read = Logging {
            driver: logging.text("driver"),
            options: logging.labels("options"),
        };
        logging.done(&[]);
        read
    });
}

fn line(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Vec<Value>> {
    let node = fields.take(key)?;
    let path = fields.below(key);
    words(node, &path, fields.told)
}

fn restart(text: &str) -> Option<Restart> {
    Some(match text {
        // YAML 1.1 made a false of a bare no.
        "no" | "false" | "none" | "never" | "" => Restart::No,
        "always" => Restart::Always,
        "unless-stopped" => Restart::UnlessStopped,
        "on-failure" => Restart::OnFailure(None),
        other => Restart::OnFailure(Some(other.strip_prefix("on-failure:")?.parse().ok()?)),
    })
}

/// Names, addresses and directories.
fn place(fields: &mut Fields<'_, '_>, service: &mut Service) {
    service.container_name = fields.text("container_name");
    service.hostname = fields.text("hostname");
    service.domainname = fields.text("domainname");
    service.mac_address = fields.text("mac_address");
    service.working_dir = fields.text("working_dir");
    service.expose = fields.texts("expose");
    service.expose.sort();
    service.expose.dedup();
    service.extra_hosts = extra_hosts(fields);
    service.dns = fields.texts("dns");
    service.dns_search = fields.texts("dns_search");
    service.dns_opt = fields.texts("dns_opt");
    service.volumes_from = fields.texts("volumes_from");
    service.storage_opt = fields.labels("storage_opt");
    service.runtime = fields.text("runtime");
}

/// Who it is and what it may do.
fn rights(fields: &mut Fields<'_, '_>, service: &mut Service) {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names.dedup();
        names
    };
    service.user = fields.text("user");
    service.group_add = fields.texts("group_add");
    service.cap_add = sorted(fields.texts("cap_add"));
    service.cap_drop = sorted(fields.texts("cap_drop"));
    service.privileged = fields.truth("privileged").unwrap_or(false);
    service.read_only = fields.truth("read_only").unwrap_or(false);
    service.security_opt = fields.texts("security_opt");
    service.devices = devices(fields);
    service.device_cgroup_rules = fields.texts("device_cgroup_rules");
    service.pid = fields.text("pid");
    service.ipc = fields.text("ipc");
    service.uts = fields.text("uts");
    service.userns_mode = fields.text("userns_mode");
    service.cgroup = fields.text("cgroup");
    service.cgroup_parent = fields.text("cgroup_parent");
}

/// What it may use.
fn bounds(fields: &mut Fields<'_, '_>, service: &mut Service) {
    service.sysctls = fields.labels("sysctls");
    service.ulimits = ulimits(fields);
    service.shm_size = fields.bytes("shm_size");
    service.memory_swap = fields.parsed("memswap_limit", "an amount such as 1g, or -1", |text| {
        if text == "-1" {
            return Some(-1);
        }
        i64::try_from(units::bytes(text)?).ok()
    });
    service.memory_swappiness = fields.number("mem_swappiness");
    service.cpu_shares = fields.number("cpu_shares");
    service.cpuset = fields.text("cpuset");
    service.oom_score_adj = fields.number("oom_score_adj");
    service.oom_kill_disable = fields.truth("oom_kill_disable").unwrap_or(false);
}

/// The old way to name another service: it has to run before, and has one more name there. The second is told to
/// `between`, which knows the networks, by way of the dependency's service alone: names of services resolve anyway.
fn links(fields: &mut Fields<'_, '_>, service: &mut Service) {
    let Some(node) = fields.take("links") else {
        return;
    };
    let path = fields.below("links");
    for text in fields::texts(node, &path, fields.told) {
        let (name, alias) = text.split_once(':').unwrap_or((&text, &text));
        let Ok(other) = ServiceName::new(name) else {
            fields.wrong(
                &node.at,
                "links",
                format!("'{name}' is no service"),
                "name a service",
            );
            continue;
        };
        if alias != name {
            let what = format!("links give '{name}' the name '{alias}' no more");
            let remedy = format!("add the alias {alias} to {name} below networks");
            fields.warn(&node.at, "links", what, &remedy);
        }
        service.depends_on.entry(other).or_insert(Dependency {
            condition: Condition::Started,
            restart: true,
            optional: false,
        });
    }
}

fn build(fields: &mut Fields<'_, '_>) -> Option<Build> {
    let node = fields.take("build")?;
    let path = fields.below("build");
    if let Some(context) = node.text() {
        return Some(Build {
            context: context.to_owned(),
            ..Build::default()
        });
    }
    let mut long = Fields::open(node, &path, fields.told)?;
    let build = Build {
        context: long.text("context").unwrap_or_else(|| ".".to_owned()),
        dockerfile: long.text("dockerfile"),
        dockerfile_inline: long.text("dockerfile_inline"),
        target: long.text("target"),
        args: long.pairs("args"),
        labels: long.labels("labels"),
        tags: long.texts("tags"),
        platforms: long.texts("platforms"),
    };
    let other = "note: an image is built before, by `wharf image build`";
    long.done(
        &[
            "additional_contexts",
            "cache_from",
            "cache_to",
            "entitlements",
            "extra_hosts",
            "isolation",
            "network",
            "no_cache",
            "no_cache_filter",
            "privileged",
            "provenance",
            "pull",
            "sbom",
            "secrets",
            "shm_size",
            "ssh",
            "ulimits",
        ]
        .map(|key| (key, other)),
    );
    Some(build)
}

fn depends_on(fields: &mut Fields<'_, '_>) -> BTreeMap<ServiceName, Dependency> {
    let Some(node) = fields.take("depends_on") else {
        return BTreeMap::new();
    };
    let path = fields.below("depends_on");
    let mut all = BTreeMap::new();
    let Kind::Map(entries) = &node.kind else {
        for name in fields::texts(node, &path, fields.told) {
            let dependency = Dependency {
                condition: Condition::Started,
                restart: false,
                optional: false,
            };
            depend(fields, node, &name, dependency, &mut all);
        }
        return all;
    };
    let conditions = [
        ("service_started", Condition::Started),
        ("service_healthy", Condition::Healthy),
        ("service_completed_successfully", Condition::Completed),
    ];
    for (name, node) in entries {
        let path = format!("{path}.{}", name.text);
        let Some(mut one) = Fields::open(node, &path, fields.told) else {
            continue;
        };
        let dependency = Dependency {
            condition: one.word("condition", &conditions).unwrap_or_default(),
            restart: one.truth("restart").unwrap_or(false),
            optional: !one.truth("required").unwrap_or(true),
        };
        one.done(&[]);
        depend(fields, node, &name.text, dependency, &mut all);
    }
    all
}

fn depend(
    fields: &mut Fields<'_, '_>,
    node: &Node,
    name: &str,
    dependency: Dependency,
    all: &mut BTreeMap<ServiceName, Dependency>,
) {
    match ServiceName::new(name) {
        Ok(name) => {
            all.insert(name, dependency);
        }
        Err(error) => fields.wrong(&node.at, "depends_on", error.to_string(), "name a service"),
    }
}

/// `NAME:ADDRESS` or `NAME=ADDRESS`, as a list; or a map.
fn extra_hosts(fields: &mut Fields<'_, '_>) -> BTreeMap<String, Vec<String>> {
    let Some(node) = fields.take("extra_hosts") else {
        return BTreeMap::new();
    };
    let path = fields.below("extra_hosts");
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Kind::Map(entries) = &node.kind {
        for (name, node) in entries {
            let path = format!("{path}.{}", name.text);
            let addresses = fields::texts(node, &path, fields.told);
            all.entry(name.text.clone()).or_default().extend(addresses);
        }
        return all;
    }
    for text in fields::texts(node, &path, fields.told) {
        match text.split_once('=').or_else(|| text.split_once(':')) {
            Some((name, address)) if !name.is_empty() && !address.is_empty() => {
                let address = address.trim_start_matches('[').trim_end_matches(']');
                let all = all.entry(name.to_owned()).or_default();
                all.push(address.to_owned());
            }
            Some(_) | None => {
                let told = tell(
                    Severity::Error,
                    &node.at,
                    &path,
                    format!("'{text}' is no name with an address"),
                    "write NAME:ADDRESS",
                );
                fields.told.push(told);
            }
        }
    }
    all
}

fn ulimits(fields: &mut Fields<'_, '_>) -> BTreeMap<String, Ulimit> {
    let Some(node) = fields.take("ulimits") else {
        return BTreeMap::new();
    };
    let path = fields.below("ulimits");
    let Kind::Map(entries) = &node.kind else {
        fields.wrong(
            &node.at,
            "ulimits",
            "a map is expected",
            "write nofile: 65536",
        );
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= -1);
    for (name, node) in entries {
        let path = format!("{path}.{}", name.text);
        let limit = if node.text().is_some() {
            let one = fields::parsed(node, &path, fields.told, "a number", number);
            one.map(|both| Ulimit {
                soft: both,
                hard: both,
            })
        } else {
            Fields::open(node, &path, fields.told).and_then(|mut long| {
                let soft = long.parsed("soft", "a number", number);
                let hard = long.parsed("hard", "a number", number);
                long.done(&[]);
                let soft = soft.or(hard)?;
                let hard = hard.unwrap_or(soft);
                Some(Ulimit { soft, hard })
            })
        };
        all.extend(limit.map(|limit| (name.text.clone(), limit)));
    }
    all
}

/// `HOST[:CONTAINER[:RIGHTS]]`, or a map.
fn devices(fields: &mut Fields<'_, '_>) -> Vec<Device> {
    let Some(node) = fields.take("devices") else {
        return Vec::new();
    };
    let path = fields.below("devices");
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Null | Kind::Text(_) | Kind::Map(_) => std::slice::from_ref(node),
    };
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if let Kind::Map(_) = item.kind {
            let Some(mut long) = Fields::open(item, &path, fields.told) else {
                continue;
            };
            if let Some(host) = long.text("source") {
                all.push(Device {
                    container: long.text("target").unwrap_or_else(|| host.clone()),
                    host,
                    permissions: long.text("permissions").unwrap_or_else(|| "rwm".to_owned()),
                });
            }
            long.done(&[]);
        } else if let Some(text) = fields::text(item, &path, fields.told) {
            let mut parts = text.splitn(3, ':');
            let host = parts.next().unwrap_or_default().to_owned();
            let inside = parts.next();
            let is_rights = |part: &str| part.chars().all(|c| matches!(c, 'r' | 'w' | 'm'));
            let (inside, rights) = match (inside, parts.next()) {
                (Some(rights), None) if is_rights(rights) => (None, Some(rights)),
                other => other,
            };
            all.push(Device {
                container: inside.unwrap_or(&host).to_owned(),
                host,
                permissions: rights.unwrap_or("rwm").to_owned(),
            });
        }
    }
    all.sort();
    all
}
