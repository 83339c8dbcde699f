//! `GET /events`: what happened, as a stream, with Docker's filters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use hyper::Response;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::clock::{self, Nanos, SECOND};
use super::host::Host;
use super::http::{self, Answer, Body, Filters, Query};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// A service of a Swarm.
    Service,
}

impl Kind {
    /// Docker's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Service => "service",
        }
    }
}

/// Something that happened on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When; no two events of an engine have the same moment.
    pub time: Nanos,
    /// What it is about.
    pub kind: Kind,
    /// `die`, `health_status: healthy` …
    pub action: String,
    /// The id of what it is about.
    pub id: String,
    /// Labels, name, image, and what the action adds.
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    /// Docker's JSON, with the fields of old clients for containers and images.
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "Type": self.kind.word(),
            "Action": self.action,
            "Actor": { "ID": self.id, "Attributes": self.attributes },
            "scope": "local",
            "time": self.time / SECOND,
            "timeNano": self.time,
        });
        if matches!(self.kind, Kind::Container | Kind::Image) {
            value["status"] = json!(self.action);
            if !self.id.is_empty() {
                value["id"] = json!(self.id);
            }
        }
        if self.kind == Kind::Container && self.attributes.contains_key("image") {
            value["from"] = json!(self.attributes["image"]);
        }
        value
    }

    /// Whether Docker would let it through these filters.
    pub fn passes(&self, filters: &Filters) -> bool {
        let word = self.action.split(':').next().unwrap_or(&self.action);
        let name = self.attributes.get("name").map_or("", String::as_str);
        let image = self.attributes.get("image").map_or("", String::as_str);
        let about = |kind: Kind, key: &str| {
            filters.any(key, |wanted| {
                self.kind == kind && (name == wanted || self.id.starts_with(wanted))
            })
        };
        filters.any("type", |wanted| wanted == self.kind.word())
            && filters.any("event", |wanted| wanted == self.action || wanted == word)
            && about(Kind::Container, "container")
            && about(Kind::Network, "network")
            && about(Kind::Volume, "volume")
            && filters.any("image", |wanted| {
                let repo = image.rsplit_once(':').map_or(image, |(repo, _)| repo);
                wanted == image || wanted == repo || (self.kind == Kind::Image && wanted == name)
            })
            && filters.label_map(&self.attributes)
    }
}

/// A listener: where it stands in the engine's events.
struct Listener {
    host: Arc<Host>,
    changed: watch::Receiver<u64>,
    filters: Filters,
    seen: u64,
    until: Option<Nanos>,
    ready: VecDeque<Bytes>,
}

impl Listener {
    /// The next event that passes; none when the stream is over.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some((line, self));
            }
            self.changed.mark_unchanged();
            let (seen, filters) = (self.seen, &self.filters);
            let (now_seen, lines) = self.host.read(|engine, _| {
                let passed = engine
                    .events_after(seen)
                    .filter(|event| event.passes(filters));
                (engine.seen(), passed.map(line).collect::<VecDeque<_>>())
            });
            self.seen = now_seen;
            self.ready = lines;
            if !self.ready.is_empty() {
                continue;
            }
            let patience = self.until.map(|until| clock::until(until, clock::now()));
            if patience.is_some_and(|left| left.is_zero()) {
                return None;
            }
            let change = self.changed.changed();
            match patience {
                None => change.await.ok()?,
                Some(left) => {
                    if let Ok(Err(_)) = tokio::time::timeout(left, change).await {
                        return None;
                    }
                }
            }
        }
    }
}

fn line(event: &Event) -> Bytes {
    let mut text = event.to_json().to_string();
    text.push('\n');
    Bytes::from(text)
}

/// `GET /events`
pub fn events(host: &Arc<Host>, query: &Query) -> Answer {
    // A filter that is not known lets everything through, as in Docker.
    let filters = query.filters()?;
    let (since, until) = (query.moment("since")?, query.moment("until")?);
    Ok(listen(host, filters, since, until))
}

fn listen(
    host: &Arc<Host>,
    filters: Filters,
    since: Option<Nanos>,
    until: Option<Nanos>,
) -> Response<Body> {
    let within = |event: &&Event| {
        since.is_some_and(|since| event.time >= since)
            && until.is_none_or(|until| event.time <= until)
    };
    let changed = host.changes();
    let (seen, ready) = host.read(|engine, _| {
        let past = engine
            .events_after(0)
            .filter(within)
            .filter(|event| event.passes(&filters));
        (engine.seen(), past.map(line).collect())
    });
    let listener = Listener {
        host: Arc::clone(host),
        changed,
        filters,
        seen,
        until,
        ready,
    };
    http::stream(
        Some("application/json"),
        stream::unfold(listener, Listener::next),
    )
}
