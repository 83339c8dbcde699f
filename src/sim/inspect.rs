//! `GET /containers/{id}/json`: everything about one container, in Docker's words and order of nesting.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::clock::{self, MILLI, Nanos, SECOND};
use super::container::{Container, Health, State};
use super::containers::{MountRow, endpoints};
use super::engine::{Engine, Profile};

/// How many results of the health check Docker keeps.
const HEALTH_LOG: i64 = 5;

/// A container's inspection.
pub fn container(
    container: &Container,
    engine: &Engine,
    profile: &Profile,
    minor: u32,
    now: Nanos,
) -> Value {
    let plan = &container.plan;
    let argv = plan.argv();
    let directory = format!("/var/lib/docker/containers/{}", container.id);
    let never = container.started.is_none();
    let file = |name: &str| {
        if never {
            String::new()
        } else {
            format!("{directory}/{name}")
        }
    };
    let execs: Vec<&str> = engine
        .execs
        .iter()
        .filter(|(_, exec)| exec.container == container.id && exec.running())
        .map(|(id, _)| id.as_str())
        .collect();
    json!({
        "Id": container.id,
        "Created": clock::rfc3339(container.created),
        "Path": argv.first().copied().unwrap_or_default(),
        "Args": argv.get(1..).unwrap_or_default(),
        "State": state(container, now),
        "Image": plan.image_id,
        "ResolvConfPath": file("resolv.conf"),
        "HostnamePath": file("hostname"),
        "HostsPath": file("hosts"),
        "LogPath": file(&format!("{}-json.log", container.id)),
        "Name": format!("/{}", container.name),
        "RestartCount": container.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": if never { "" } else { "docker-default" },
        "ExecIDs": if execs.is_empty() { Value::Null } else { json!(execs) },
        "HostConfig": host_config(container, profile, minor),
        "GraphDriver": graph_driver(container),
        "Mounts": plan.mounts.iter().map(MountRow::from).collect::<Vec<_>>(),
        "Config": config(container),
        "NetworkSettings": network_settings(container, minor),
    })
}

fn state(container: &Container, now: Nanos) -> Value {
    let state = container.state;
    let mut value = json!({
        "Status": state.word(),
        // To Docker a restarting container runs, though it has no process.
        "Running": state.alive() || state == State::Restarting,
        "Paused": state == State::Paused,
        "Restarting": state == State::Restarting,
        "OOMKilled": container.oom,
        "Dead": state == State::Dead,
        "Pid": container.pid(),
        "ExitCode": container.exit_code,
        "Error": container.error,
        "StartedAt": clock::rfc3339_or_never(container.started),
        "FinishedAt": clock::rfc3339_or_never(container.finished),
    });
    if container.health != Health::None {
        value["Health"] = health(container, now);
    }
    value
}

/// The health check's verdict and its last results, which are a function of time like all else.
fn health(container: &Container, now: Nanos) -> Value {
    let every = container
        .plan
        .probe
        .as_ref()
        .map_or(30 * SECOND, |probe| probe.every);
    let began = container.started.unwrap_or(now);
    let over = if container.state.alive() {
        now
    } else {
        container.finished.unwrap_or(now)
    };
    let rounds = (over - began) / every;
    let log: Vec<Value> = (1.max(rounds - HEALTH_LOG + 1)..=rounds)
        .map(|round| {
            let start = began + round * every;
            let took = i64::try_from(container.seed.of("took").at(round.unsigned_abs()).below(90)).unwrap_or(0);
            let failed = matches!(container.health, Health::Unhealthy(since) if start >= since);
            json!({
                "Start": clock::rfc3339(start),
                "End": clock::rfc3339(start + (35 + took) * MILLI),
                "ExitCode": i32::from(failed),
                "Output": if failed {
                    "curl: (7) Failed to connect to localhost port 8080 after 0 ms: Couldn't connect to server\n"
                } else { "{\"status\":\"ok\"}\n" },
            })
        })
        .collect();
    let streak = match container.health {
        Health::Unhealthy(since) if container.state.alive() => (now - since) / every + 3,
        _ => 0,
    };
    json!({ "Status": container.health.word(), "FailingStreak": streak, "Log": log })
}

/// What the sim never sets in a `HostConfig`, as Docker answers it.
const UNSET_HOST_CONFIG: &str = r#"{
    "ContainerIDFile": "",
    "VolumeDriver": "", "VolumesFrom": null, "CapAdd": null, "CapDrop": null, "Dns": [],
    "DnsOptions": [], "DnsSearch": [], "ExtraHosts": null, "GroupAdd": null, "IpcMode": "private",
    "Cgroup": "", "Links": null, "OomScoreAdj": 0, "PidMode": "", "PublishAllPorts": false,
    "ReadonlyRootfs": false, "SecurityOpt": null, "UTSMode": "", "UsernsMode": "",
    "ShmSize": 67108864, "Runtime": "runc", "ConsoleSize": [0, 0], "Isolation": "",
    "CpuShares": 0, "NanoCpus": 0, "CgroupParent": "", "BlkioWeight": 0, "BlkioWeightDevice": [],
    "BlkioDeviceReadBps": [], "BlkioDeviceWriteBps": [], "BlkioDeviceReadIOps": [],
    "BlkioDeviceWriteIOps": [], "CpuPeriod": 0, "CpuQuota": 0, "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0, "CpusetCpus": "", "CpusetMems": "", "Devices": [],
    "DeviceCgroupRules": null, "DeviceRequests": null, "MemoryReservation": 0,
    "MemorySwappiness": null, "PidsLimit": null, "Ulimits": [], "CpuCount": 0, "CpuPercent": 0,
    "IOMaximumIOps": 0, "IOMaximumBandwidth": 0,
    "MaskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys",
        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
        "/proc/scsi", "/sys/firmware"],
    "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
}"#;

fn host_config(container: &Container, profile: &Profile, minor: u32) -> Value {
    let plan = &container.plan;
    let binds: Vec<String> = plan
        .mounts
        .iter()
        .map(|mount| {
            let source = mount.volume.as_ref().unwrap_or(&mount.source);
            let mode = if mount.writable { "rw" } else { "ro" };
            format!("{source}:{}:{mode}", mount.destination)
        })
        .collect();
    let mut value: Value = serde_json::from_str(UNSET_HOST_CONFIG).unwrap_or_default();
    let set = json!({
        "Binds": if binds.is_empty() { Value::Null } else { json!(binds) },
        "NetworkMode": plan.network_mode,
        "PortBindings": port_bindings(container),
        "RestartPolicy": { "Name": plan.restart.name(), "MaximumRetryCount": plan.restart.limit() },
        "AutoRemove": plan.auto_remove,
        "LogConfig": log_config(&plan.log_driver),
        "CgroupnsMode": if profile.cgroup == 2 { "private" } else { "host" },
        "Privileged": plan.image.contains("cadvisor"),
        "Memory": plan.memory,
        "MemorySwap": plan.memory * 2,
        "OomKillDisable": if profile.cgroup == 1 { json!(false) } else { Value::Null },
    });
    if let (Value::Object(value), Value::Object(set)) = (&mut value, set) {
        value.extend(set);
    }
    if minor < 42 {
        value["KernelMemory"] = json!(0);
        value["KernelMemoryTCP"] = json!(0);
    }
    value
}

fn log_config(driver: &str) -> Value {
    let config = match driver {
        "json-file" => json!({ "max-file": "3", "max-size": "50m" }),
        _ => json!({}),
    };
    json!({ "Type": driver, "Config": config })
}

fn port_bindings(container: &Container) -> BTreeMap<String, Value> {
    let published = |port| container.published(port);
    let ports = container.plan.ports.iter();
    ports
        .filter_map(|port| {
            let (address, public) = published(port)?;
            let name = format!("{}/{}", port.private, port.protocol);
            Some((
                name,
                json!([{ "HostIp": address, "HostPort": public.to_string() }]),
            ))
        })
        .collect()
}

fn graph_driver(container: &Container) -> Value {
    let layer = container.seed.of("layer").hex64();
    let below = container.seed.of("below").hex64();
    let root = format!("/var/lib/docker/overlay2/{layer}");
    json!({ "Name": "overlay2", "Data": {
        "LowerDir": format!("{root}-init/diff:/var/lib/docker/overlay2/{below}/diff"),
        "MergedDir": format!("{root}/merged"),
        "UpperDir": format!("{root}/diff"),
        "WorkDir": format!("{root}/work"),
    }})
}

fn config(container: &Container) -> Value {
    let plan = &container.plan;
    let exposed: BTreeMap<String, Value> = plan
        .ports
        .iter()
        .map(|port| (format!("{}/{}", port.private, port.protocol), json!({})))
        .collect();
    let list = |words: &[String]| {
        if words.is_empty() {
            Value::Null
        } else {
            json!(words)
        }
    };
    let mut value = json!({
        "Hostname": &container.id[..12],
        "Domainname": "",
        "User": plan.user,
        "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
        "Tty": plan.tty, "OpenStdin": plan.tty, "StdinOnce": false,
        "Env": plan.env,
        "Cmd": list(&plan.command),
        "Image": plan.image,
        "Volumes": null,
        "WorkingDir": plan.workdir,
        "Entrypoint": list(&plan.entrypoint),
        "OnBuild": null,
        "Labels": container.labels(),
    });
    if !exposed.is_empty() {
        value["ExposedPorts"] = json!(exposed);
    }
    if let Some(probe) = &plan.probe {
        value["Healthcheck"] = json!({
            "Test": probe.test, "Interval": probe.every, "Timeout": 5 * SECOND, "Retries": 3,
        });
    }
    value
}

fn network_settings(container: &Container, minor: u32) -> Value {
    let up = container.state.alive();
    let sandbox = container
        .seed
        .of("sandbox")
        .at(container.started.unwrap_or(0).unsigned_abs())
        .hex64();
    let mut ports = BTreeMap::new();
    for port in container.plan.ports.iter().filter(|_| up) {
        let rows = container.published(port).map(|(address, public)| {
            let row = |ip: &str| json!({ "HostIp": ip, "HostPort": public.to_string() });
            if address.is_empty() {
                vec![row("0.0.0.0"), row("::")]
            } else {
                vec![row(&address)]
            }
        });
        ports.insert(format!("{}/{}", port.private, port.protocol), rows);
    }
    // The fields of the default bridge, for clients from before there were other networks.
    let bridge = container
        .networks
        .iter()
        .find(|one| &*one.name == "bridge" && up);
    let address = bridge.and_then(|one| one.address);
    let text = |ip: Option<std::net::Ipv4Addr>| ip.map_or_else(String::new, |ip| ip.to_string());
    let networks = json!(endpoints(container, minor, true));
    json!({
        "Bridge": "",
        "SandboxID": if container.started.is_some() { sandbox.as_str() } else { "" },
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": ports,
        "SandboxKey": if container.started.is_some() {
            format!("/var/run/docker/netns/{}", &sandbox[..12])
        } else { String::new() },
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": bridge.map_or("", |_| networks["bridge"]["EndpointID"].as_str().unwrap_or("")),
        "Gateway": text(bridge.and_then(|one| one.gateway)),
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": text(address),
        "IPPrefixLen": if address.is_some() { bridge.map_or(0, |one| one.prefix) } else { 0 },
        "IPv6Gateway": "",
        "MacAddress": address.map_or_else(String::new, super::containers::mac),
        "Networks": networks,
    })
}
