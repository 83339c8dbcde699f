//! The engines that the contract is run on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use hyper::Method;
use serde_json::{Value, json};
use wharf::model::{ContainerId, Endpoint, HostName, HostSpec};
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
    }
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Subject {
    pub fn host(&self) -> HostName {
        self.spec.name.clone()
    }

    /// A name that no other test uses.
    pub fn fresh(&self, word: &str) -> String {
        format!(
            "t-{word}-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Creates a container that runs a shell script; `more` is put over Docker's own defaults.
    pub async fn create(&self, script: &str, more: Value) -> Made {
        let name = self.fresh("c");
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

    pub async fn remove(&self, made: &Made) {
        let path = format!("/v1.41/containers/{}?force=1&v=1", made.id.as_str());
        self.raw.ask(Method::DELETE, &path, None).await;
    }

    /// The directory for a test's own files.
    pub fn scratch(&self) -> PathBuf {
        let path = std::env::temp_dir().join(self.fresh("files"));
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}

/// A container that does nothing and ends at once when it is asked to.
pub const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
