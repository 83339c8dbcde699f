//! The engines that the contract is run on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use hyper::Method;
use serde_json::{Value, json};
use wharf::model::{ContainerId, Endpoint, HostName, HostSpec, Stream};
use wharf_lab::{Host, Lab};

use crate::raw::Raw;

/// An engine to be tested.
pub struct Subject {
    pub spec: HostSpec,
    pub raw: Raw,
    pub image: String,
    /// Podman does a few things in another way.
    pub is_podman: bool,
    /// No other test puts faults on the host meanwhile.
    _borrowed: Option<Host<'static>>,
    sim: Option<(wharf::sim::Fleet, tempfile::TempDir)>,
}

/// A container that a test made.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: ContainerId,
    pub name: String,
}

pub fn lab() -> &'static Lab {
    Box::leak(Box::new(Lab::shared()))
}

pub async fn docker() -> Subject {
    let lab = lab();
    real(lab, "unix", "lab/busybox:1", Some(lab.host("plain")))
}

pub async fn podman() -> Subject {
    let lab = lab();
    let subject = real(
        lab,
        "podman",
        "localhost/lab/busybox:1",
        Some(lab.host("podman")),
    );
    Subject {
        is_podman: true,
        ..subject
    }
}

pub fn real(lab: &Lab, way: &str, image: &str, borrowed: Option<Host<'static>>) -> Subject {
    let endpoint: Endpoint = lab.engine(way).parse().unwrap();
    let Endpoint::Unix(socket) = &endpoint else {
        panic!("{way} is no unix socket");
    };
    Subject {
        raw: Raw::new(socket),
        spec: HostSpec::new(way, endpoint, "test"),
        image: image.to_owned(),
        is_podman: false,
        _borrowed: borrowed,
        sim: None,
    }
}

/// A simulated engine, which ends with the subject.
pub async fn sim() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let spec = wharf::sim::Spec {
        hosts: 1,
        containers: 12,
        ..wharf::sim::Spec::default()
    };
    let fleet = wharf::sim::serve(directory.path(), spec).await.unwrap();
    let socket = fleet.hosts()[0].socket.clone();
    let raw = Raw::new(&socket);
    let images = raw.must(Method::GET, "/v1.41/images/json", None).await;
    let tags = images.as_array().unwrap().iter();
    let mut tag = tags.filter_map(|image| image["RepoTags"][0].as_str());
    let image = tag.find(|tag| *tag != "<none>:<none>").unwrap().to_owned();
    Subject {
        raw,
        spec: HostSpec::new("sim", Endpoint::Unix(socket), "test"),
        image,
        is_podman: false,
        _borrowed: None,
        sim: Some((fleet, directory)),
    }
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A name that no other test uses.
pub fn fresh(word: &str) -> String {
    format!(
        "t-{word}-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A directory for a test's own files.
pub fn scratch() -> PathBuf {
    let path = std::env::temp_dir().join(fresh("files"));
    std::fs::create_dir_all(&path).unwrap();
    path
}

impl Subject {
    pub fn host(&self) -> HostName {
        self.spec.name.clone()
    }

    pub fn is_sim(&self) -> bool {
        self.sim.is_some()
    }

    /// Creates a container that runs a shell script; `more` is put over Docker's own defaults.
    pub async fn create(&self, script: &str, more: Value) -> Made {
        let name = fresh("c");
        let mut body = json!({
            "Image": self.image,
            "Cmd": ["sh", "-c", script],
            "Labels": {"com.docker.compose.project": "contract", "com.docker.compose.service": "web"},
        });
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let path = format!("/v1.41/containers/create?name={name}");
        let made = self.raw.must(Method::POST, &path, Some(body)).await;
        let id = ContainerId::new(made["Id"].as_str().expect("a created container has an id"));
        Made { id, name }
    }

    /// The same, and starts it.
    pub async fn run(&self, script: &str, more: Value) -> Made {
        let made = self.create(script, more).await;
        self.post(&made, "start").await;
        made
    }

    /// Does something to a container past Wharf, as somebody else would.
    pub async fn post(&self, made: &Made, verb: &str) {
        let path = format!("/v1.41/containers/{}/{verb}", made.id.as_str());
        self.raw.must(Method::POST, &path, None).await;
    }

    /// The simulated engine.
    pub fn engine(&self) -> Option<wharf::sim::Engine> {
        let (fleet, _) = self.sim.as_ref()?;
        fleet.engine(&fleet.hosts()[0].name)
    }

    /// Lets a running container log a line.
    pub async fn say(&self, made: &Made, on: Stream, line: &str) {
        if let Some(engine) = self.engine() {
            engine
                .log(made.id.as_str(), on == Stream::Stderr, line)
                .unwrap();
            return;
        }
        let fd = if on == Stream::Stderr { 2 } else { 1 };
        let command = ["sh", "-c", &format!("echo '{line}' > /proc/1/fd/{fd}")];
        let path = format!("/v1.41/containers/{}/exec", made.id.as_str());
        let exec = self
            .raw
            .must(Method::POST, &path, Some(json!({"Cmd": command})))
            .await;
        let path = format!("/v1.41/exec/{}/start", exec["Id"].as_str().unwrap());
        self.raw
            .must(Method::POST, &path, Some(json!({"Detach": true})))
            .await;
    }

    pub async fn remove(&self, made: &Made) {
        let path = format!("/v1.41/containers/{}?force=1&v=1", made.id.as_str());
        self.raw.ask(Method::DELETE, &path, None).await;
    }
}

/// A container that does nothing and ends at once when it is asked to.
pub const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
