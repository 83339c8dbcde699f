//! The engine's stream of events: what changed, as little of it as needed.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;

use super::error::Fault;
use super::session::Session;
use super::wire::query;
use crate::model::{ContainerId, Product, State, Timestamp};

/// An engine may answer with the first event only.
const OPENING: Duration = Duration::from_hours(24);

/// No event is longer than this; longer ones come from something that is no engine.
const LONGEST: usize = 4 << 20;

/// Something that changed on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A container is in another state, known from the event alone.
    State(ContainerId, State, Timestamp),
    /// Something else about a container; an inspection tells what.
    Container(ContainerId),
    /// A container is gone.
    Gone(ContainerId),
    /// Images, networks or volumes came or went.
    Resources,
}

/// What containers do that changes how they look. Health checks start processes every few
/// seconds (`exec_start` …), which is why Docker is asked for these alone.
const CONTAINER: [&str; 11] = [
    "create",
    "start",
    "die",
    "oom",
    "pause",
    "unpause",
    "rename",
    "update",
    "health_status",
    "restart",
    "destroy",
];

/// What changes the lists of images, networks and volumes.
const RESOURCES: [&str; 9] = [
    "create", "destroy", "remove", "delete", "tag", "untag", "import", "load", "pull",
];

/// What managers tell of their Swarm, beside making and removing.
const SWARM: [&str; 1] = ["update"];

/// What networks tell of containers that are attached and detached; these tell nothing of it themselves.
const PLUGS: [&str; 2] = ["connect", "disconnect"];

/// An open stream of events.
pub(super) struct Events {
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    /// Opens the stream; what happened since that second of the engine's clock comes first.
    pub async fn open(session: &Session, since: Option<i64>) -> Result<Self, Fault> {
        let filters = filters(session.product);
        let since = since.map(|second| second.to_string());
        let mut pairs = vec![("filters", filters.as_str())];
        if let Some(since) = &since {
            pairs.push(("since", since));
        }
        let path = format!("/events{}", query(&pairs));
        let response = session.wire.get(path).within(OPENING).response().await?;
        Ok(Self {
            body: response.into_body(),
            buffer: BytesMut::new(),
        })
    }

    /// The next change; none when the engine ended the stream. Safe to be dropped while waiting.
    pub async fn next(&mut self) -> Result<Option<Change>, String> {
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                if let Some(change) = read(&line) {
                    return Ok(Some(change));
                }
            }
            if self.buffer.len() > LONGEST {
                return Err("an event without end".to_owned());
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(error.to_string()),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

fn filters(product: Product) -> String {
    match product {
        Product::Docker => {
            let mut events: Vec<&str> = CONTAINER
                .into_iter()
                .chain(RESOURCES)
                .chain(PLUGS)
                .collect();
            events.sort_unstable();
            events.dedup();
            serde_json::json!({"type": ["container", "image", "network", "volume", "node", "service", "secret", "config"], "event": events}).to_string()
        }
        // Podman refuses some of Docker's words for events, so it is asked for all of them.
        Product::Podman => {
            serde_json::json!({"type": ["container", "image", "volume"]}).to_string()
        }
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default, rename = "Action")]
    action: String,
    #[serde(default, rename = "Actor")]
    actor: Actor,
    #[serde(default)]
    time: i64,
    #[serde(default, rename = "timeNano")]
    time_nano: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attributes {
    /// The container that a network tells of.
    container: Option<String>,
}

/// What a line means; none for what changes nothing that is shown, and for what is not understood.
fn read(line: &[u8]) -> Option<Change> {
    let entry: Entry = serde_json::from_slice(line).ok()?;
    let action = entry.action.split(':').next().unwrap_or("");
    if entry.kind == "network" && PLUGS.contains(&action) {
        let container = entry.actor.attributes.container?;
        return Some(Change::Container(ContainerId::new(&container)));
    }
    if entry.kind != "container" {
        let is_change = RESOURCES.contains(&action) || SWARM.contains(&action);
        return is_change.then_some(Change::Resources);
    }
    let id = ContainerId::new(&entry.actor.id);
    let at = Timestamp::from_nanosecond(entry.time_nano.into())
        .ok()
        .filter(|at| at.as_second() > 0)
        .or_else(|| Timestamp::from_second(entry.time).ok())?;
    match action {
        "die" | "died" => Some(Change::State(id, State::Exited, at)),
        "start" | "unpause" => Some(Change::State(id, State::Running, at)),
        "pause" => Some(Change::State(id, State::Paused, at)),
        "destroy" | "remove" => Some(Change::Gone(id)),
        other if CONTAINER.contains(&other) || other == "init" || other == "cleanup" => {
            Some(Change::Container(id))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: &str, action: &str) -> Option<Change> {
        let line = format!(
            r#"{{"status":"x","id":"abc","from":"img","Type":"{kind}","Action":"{action}","Actor":{{"ID":"abc",
            "Attributes":{{"exitCode":"137","image":"img"}}}},"scope":"local","time":1795307354,"timeNano":1795307354736461450}}"#
        );
        read(line.replace('\n', "").as_bytes())
    }

    #[test]
    fn events_become_changes() {
        let id = ContainerId::new("abc");
        let at = Timestamp::from_nanosecond(1_795_307_354_736_461_450).ok();
        for (action, state) in [
            ("die", State::Exited),
            ("start", State::Running),
            ("pause", State::Paused),
            ("unpause", State::Running),
        ] {
            let expected = at.map(|at| Change::State(id.clone(), state, at));
            assert_eq!(change("container", action), expected);
        }
        for action in [
            "create",
            "rename",
            "oom",
            "health_status: unhealthy",
            "update",
            "init",
        ] {
            assert_eq!(
                change("container", action),
                Some(Change::Container(id.clone()))
            );
        }
        assert_eq!(
            change("container", "destroy"),
            Some(Change::Gone(id.clone()))
        );
        assert_eq!(
            change("container", "remove"),
            Some(Change::Gone(id)),
            "Podman's word"
        );
        assert_eq!(change("image", "pull"), Some(Change::Resources));
        let plugged = br#"{"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{"container":"abc"}}}"#;
        assert_eq!(
            read(plugged),
            Some(Change::Container(ContainerId::new("abc")))
        );
    }

    #[test]
    fn what_changes_nothing_is_left_out() {
        for action in [
            "exec_create: sh -c true",
            "exec_start: x",
            "exec_die",
            "kill",
            "attach",
            "top",
            "resize",
        ] {
            assert_eq!(change("container", action), None, "{action}");
        }
        assert_eq!(change("network", "connect"), None);
        assert_eq!(change("volume", "mount"), None);
        assert_eq!(read(b"not json"), None);
        assert_eq!(read(b"{}"), None);
    }
}
