//! What an engine says of itself: ping, version, info, disk usage.

use hyper::Response;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use serde::Serialize;
use serde_json::{Value, json};

use super::clock;
use super::containers;
use super::http::{self, Body, Refusal};
use super::images;
use super::route::Call;
use super::swarm;
use super::volumes;

/// The versions of one of Docker's releases.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// The engine.
    pub engine: &'static str,
    /// Go, which built it.
    pub go: &'static str,
    /// The commit.
    pub commit: &'static str,
    /// When it was built.
    pub built: &'static str,
    /// containerd and its commit.
    pub containerd: (&'static str, &'static str),
    /// runc and its commit.
    pub runc: (&'static str, &'static str),
}

/// The release that speaks up to 1.`minor`.
pub const fn release(minor: u32) -> Release {
    match minor {
        ..=41 => Release {
            engine: "20.10.24",
            go: "go1.19.7",
            commit: "5d6db84",
            built: "2023-04-04T18:18:40.000000000+00:00",
            containerd: ("1.6.20", "2806fc1057397dbaeefbea0e4e17bddfbd388f38"),
            runc: ("1.1.5", "v1.1.5-0-gf19387a"),
        },
        42 => Release {
            engine: "23.0.6",
            go: "go1.19.9",
            commit: "9dbdbd4",
            built: "2023-05-05T21:18:13.000000000+00:00",
            containerd: ("1.6.21", "3dce8eb055cbb6872793272b4f20ed16117344f8"),
            runc: ("1.1.7", "v1.1.7-0-g860f061"),
        },
        43 => Release {
            engine: "24.0.9",
            go: "go1.20.13",
            commit: "fca702d",
            built: "2024-01-31T21:45:37.000000000+00:00",
            containerd: ("1.7.13", "7c3aca7a610df76212171d200ca3811ff6096eb8"),
            runc: ("1.1.12", "v1.1.12-0-g51d5e94"),
        },
        _ => Release {
            engine: "25.0.5",
            go: "go1.21.8",
            commit: "e63daec",
            built: "2024-03-19T15:05:20.000000000+00:00",
            containerd: ("1.7.14", "dcf2847247e18caba8dce86522029642f60fe96b"),
            runc: ("1.1.12", "v1.1.12-0-g51d5e94"),
        },
    }
}

/// The lowest version that an engine with this highest one speaks.
pub const fn lowest_minor(highest: u32) -> u32 {
    if highest >= 44 { 24 } else { 12 }
}

const KERNEL: &str = "6.1.0-25-amd64";

/// `GET` and `HEAD /_ping`
pub fn ping(call: &Call) -> Response<Body> {
    let mut response = http::bytes(StatusCode::OK, "text/plain; charset=utf-8", "OK");
    let headers = response.headers_mut();
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, must-revalidate"),
    );
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if call.host.profile.minor >= 42 {
        headers.insert("builder-version", HeaderValue::from_static("2"));
        headers.insert("swarm", HeaderValue::from_static("inactive"));
    }
    response
}

/// `GET /version`
pub fn version(call: &Call) -> Response<Body> {
    let minor = call.host.profile.minor;
    let release = release(minor);
    let api = format!("1.{minor}");
    let lowest = format!("1.{}", lowest_minor(minor));
    http::ok(&json!({
        "Platform": { "Name": "Docker Engine - Community" },
        "Components": [
            { "Name": "Engine", "Version": release.engine, "Details": {
                "ApiVersion": api, "Arch": "amd64", "BuildTime": release.built,
                "Experimental": "false", "GitCommit": release.commit, "GoVersion": release.go,
                "KernelVersion": KERNEL, "MinAPIVersion": lowest, "Os": "linux" } },
            { "Name": "containerd", "Version": release.containerd.0,
              "Details": { "GitCommit": release.containerd.1 } },
            { "Name": "runc", "Version": release.runc.0, "Details": { "GitCommit": release.runc.1 } },
            { "Name": "docker-init", "Version": "0.19.0", "Details": { "GitCommit": "de40ad0" } },
        ],
        "Version": release.engine,
        "ApiVersion": api,
        "MinAPIVersion": lowest,
        "GitCommit": release.commit,
        "GoVersion": release.go,
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": KERNEL,
        "BuildTime": release.built,
    }))
}

/// What is the same on every engine, as Docker answers `GET /info`.
const COMMON_INFO: &str = r#"{
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"],
        ["Native Overlay Diff", "true"], ["userxattr", "false"]],
    "Plugins": {
        "Volume": ["local"],
        "Network": ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"],
        "Authorization": null,
        "Log": ["awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local",
            "logentries", "splunk", "syslog"]
    },
    "MemoryLimit": true, "SwapLimit": true, "CpuCfsPeriod": true, "CpuCfsQuota": true,
    "CPUShares": true, "CPUSet": true, "PidsLimit": true, "IPv4Forwarding": true,
    "BridgeNfIptables": true, "BridgeNfIp6tables": true, "Debug": false, "NEventsListener": 1,
    "LoggingDriver": "json-file",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "OSVersion": "12", "OSType": "linux",
    "Architecture": "x86_64", "IndexServerAddress": "https://index.docker.io/v1/",
    "RegistryConfig": {
        "AllowNondistributableArtifactsCIDRs": [],
        "AllowNondistributableArtifactsHostnames": [],
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": { "docker.io": {
            "Name": "docker.io", "Mirrors": [], "Secure": true, "Official": true } },
        "Mirrors": []
    },
    "GenericResources": null, "DockerRootDir": "/var/lib/docker",
    "HttpProxy": "", "HttpsProxy": "", "NoProxy": "", "ExperimentalBuild": false,
    "Runtimes": { "io.containerd.runc.v2": { "path": "runc" }, "runc": { "path": "runc" } },
    "DefaultRuntime": "runc",
    "Swarm": { "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive",
        "ControlAvailable": false, "Error": "", "RemoteManagers": null },
    "LiveRestoreEnabled": true, "Isolation": "", "InitBinary": "docker-init",
    "InitCommit": { "ID": "de40ad0", "Expected": "de40ad0" },
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"],
    "Warnings": null
}"#;

/// `GET /info`
pub fn info(call: &Call) -> Response<Body> {
    let profile = &call.host.profile;
    let release = release(profile.minor);
    let ((running, paused, stopped), containers, images, now, swarm) =
        call.host.read(|engine, now| {
            (
                engine.census(),
                engine.containers.len(),
                engine.images.len(),
                now,
                swarm::info(engine),
            )
        });
    let labels: Vec<String> = profile
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut value: Value = serde_json::from_str(COMMON_INFO).unwrap_or_default();
    let own = json!({
        "ID": engine_id(&profile.seed.of("engine").hex64(), profile.minor),
        "Containers": containers,
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": stopped,
        "Images": images,
        "OomKillDisable": profile.cgroup == 1,
        "NFd": 40 + 4 * running,
        "NGoroutines": 50 + 9 * running,
        "SystemTime": clock::rfc3339(now),
        "CgroupDriver": if profile.cgroup == 2 { "systemd" } else { "cgroupfs" },
        "CgroupVersion": profile.cgroup.to_string(),
        "KernelVersion": KERNEL,
        "NCPU": profile.cpus,
        "MemTotal": profile.memory,
        "Name": profile.name,
        "Labels": labels,
        "ServerVersion": release.engine,
        "ContainerdCommit": { "ID": release.containerd.1, "Expected": release.containerd.1 },
        "RuncCommit": { "ID": release.runc.1, "Expected": release.runc.1 },
    });
    if let (Value::Object(value), Value::Object(own)) = (&mut value, own) {
        value.extend(own);
    }
    if let Some(swarm) = swarm {
        value["Swarm"] = swarm;
        // A daemon does not do both.
        value["LiveRestoreEnabled"] = json!(false);
    }
    if profile.minor <= 41 {
        value["KernelMemory"] = json!(true);
        value["KernelMemoryTCP"] = json!(true);
    }
    http::ok(&value)
}

/// Docker's engine ids: twelve groups up to 20.10, a UUID since 23.
fn engine_id(hex: &str, minor: u32) -> String {
    if minor >= 42 {
        return format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..32]
        );
    }
    let letters: Vec<String> = hex.as_bytes()[..48]
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .map(|byte| char::from(b'A' + byte % 26))
                .collect()
        })
        .collect();
    letters.join(":")
}

/// What every request to a Swarm is refused with where the host is no manager of one.
pub fn no_manager() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to \
         connect this node to swarm and try again.",
    )
}

/// The body of `GET /system/df`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Usage<'a> {
    layers_size: i64,
    images: Option<Vec<Value>>,
    containers: Option<Vec<containers::Summary<'a>>>,
    volumes: Option<Vec<Value>>,
    build_cache: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    builder_size: Option<i64>,
}

/// `GET /system/df`; since 1.42 only of the asked `type`s, if any.
pub fn df(call: &Call) -> Response<Body> {
    let types = call.query.all("type");
    let new = call.minor >= 42;
    let wants = |kind: &str| !new || types.is_empty() || types.contains(&kind);
    let images = wants("image");
    call.host.read(|engine, now| {
        let layers: i64 = engine.images.iter().map(|image| image.size).sum();
        http::ok(&Usage {
            layers_size: if images { layers } else { 0 },
            images: images.then(|| images::rows(engine, call.minor, true)),
            containers: wants("container").then(|| containers::summaries(engine, now, call.minor)),
            volumes: wants("volume").then(|| volumes::used_rows(engine)),
            build_cache: (new && wants("build-cache")).then_some([]),
            builder_size: (!new).then_some(0),
        })
    })
}
