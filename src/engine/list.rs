//! The list of containers as `/containers/json` gives it, read leniently: an odd word never loses the list.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::deploy::label::{PRINT, RELEASE};
use super::error::Fault;
use super::wire::Wire;
use crate::model::release::{Print, ReleaseNumber};
use crate::model::{Attachment, Container, ContainerId, Health, Port, State, Timestamp};

/// How the engine is asked for all its containers.
const PATH: &str = "/containers/json?all=1";

/// What a listing brought.
pub(super) enum Listing {
    /// The same bytes as last time.
    Same,
    /// Something else; with its hash for the next time.
    New(Vec<Container>, u64),
}

/// Lists all containers, unless the answer is the one with that hash.
pub(super) async fn list(wire: &Wire, before: Option<u64>) -> Result<Listing, Fault> {
    let body = wire
        .get(PATH)
        .within(std::time::Duration::from_secs(30))
        .bytes()
        .await?;
    let hash = hash(&body);
    if before == Some(hash) {
        return Ok(Listing::Same);
    }
    parse(&body, Timestamp::now())
        .map(|list| Listing::New(list, hash))
        .map_err(|error| Fault::Garbled(format!("the list of containers: {error}")))
}

fn hash(body: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}

/// Docker's list entry; what is missing or null is empty.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    names: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    image: Option<Text<'a>>,
    #[serde(borrow, default, rename = "ImageID")]
    image_id: Option<Text<'a>>,
    #[serde(default)]
    created: i64,
    #[serde(borrow, default)]
    state: Option<Text<'a>>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(default)]
    ports: Option<Vec<PortEntry>>,
    #[serde(borrow, default)]
    labels: Option<Labels<'a>>,
    #[serde(borrow, default)]
    network_settings: Option<NetworkSettings<'a>>,
    #[serde(default)]
    mounts: Option<Vec<MountEntry>>,
}

/// What a container mounts.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MountEntry {
    #[serde(default, rename = "Type")]
    kind: Option<Box<str>>,
    #[serde(default)]
    name: Option<Box<str>>,
}

impl MountEntry {
    /// The volume that it is, if it is one. (Only volumes have a name; older engines say no kind.)
    pub fn volume(&self) -> Option<&str> {
        let is_volume = self.kind.as_deref().is_none_or(|kind| kind == "volume");
        self.name
            .as_deref()
            .filter(|name| is_volume && !name.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortEntry {
    #[serde(default, rename = "IP")]
    ip: Option<Box<str>>,
    private_port: u16,
    #[serde(default)]
    public_port: Option<u16>,
    #[serde(default, rename = "Type")]
    kind: Option<Box<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings<'a> {
    #[serde(borrow, default)]
    networks: Option<BTreeMap<Text<'a>, Option<Place<'a>>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place<'a> {
    #[serde(borrow, rename = "NetworkID")]
    id: Option<Text<'a>>,
    #[serde(borrow, rename = "IPAddress")]
    ipv4: Option<Text<'a>>,
    #[serde(borrow, rename = "GlobalIPv6Address")]
    ipv6: Option<Text<'a>>,
    #[serde(borrow, rename = "MacAddress")]
    mac: Option<Text<'a>>,
}

/// A text of the answer, borrowed where it has no escapes (serde borrows a bare `Cow` only when it
/// is wrapped like this).
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Of all labels, those that say where a container belongs; the others are not even copied.
#[derive(Default)]
pub(super) struct Labels<'a> {
    project: Option<Text<'a>>,
    stack: Option<Text<'a>>,
    service: Option<Text<'a>>,
    stack_service: Option<Text<'a>>,
    release: Option<Text<'a>>,
    print: Option<Text<'a>>,
}

impl Labels<'_> {
    /// The app: Compose's project, else Swarm's stack.
    pub fn app(&self) -> Option<&str> {
        said(self.project.as_ref()).or_else(|| said(self.stack.as_ref()))
    }

    /// The release of it that it was made for.
    pub fn release(&self) -> Option<ReleaseNumber> {
        said(self.release.as_ref())?.parse().ok()
    }

    /// What it was made of then.
    pub fn print(&self) -> Option<Print> {
        said(self.print.as_ref()).map(|print| Print(print.to_owned()))
    }

    /// The service within it.
    pub fn service(&self) -> Option<&str> {
        said(self.service.as_ref()).or_else(|| said(self.stack_service.as_ref()))
    }
}

fn said<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    text.map(|text| &**text).filter(|text| !text.is_empty())
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pick;
        impl<'de> Visitor<'de> for Pick {
            type Value = Labels<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
                let mut labels = Labels::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    let place = match &*key {
                        "com.docker.compose.project" => &mut labels.project,
                        "com.docker.stack.namespace" => &mut labels.stack,
                        "com.docker.compose.service" => &mut labels.service,
                        "com.docker.swarm.service.name" => &mut labels.stack_service,
                        RELEASE => &mut labels.release,
                        PRINT => &mut labels.print,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *place = map.next_value()?;
                }
                Ok(labels)
            }
        }
        deserializer.deserialize_map(Pick)
    }
}

/// Equal texts of one listing share their memory: hundreds of containers have a handful of images and apps.
#[derive(Default)]
pub(super) struct Shared(HashMap<String, Arc<str>>);

impl Shared {
    /// The text, shared.
    pub fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let made: Arc<str> = Arc::from(text);
        self.0.insert(text.to_owned(), made.clone());
        made
    }
}

fn parse(body: &[u8], now: Timestamp) -> Result<Vec<Container>, serde_json::Error> {
    let entries: Vec<Entry<'_>> = serde_json::from_slice(body)?;
    let mut shared = Shared::default();
    Ok(entries
        .into_iter()
        .map(|entry| container(entry, now, &mut shared))
        .collect())
}

fn container(entry: Entry<'_>, now: Timestamp, shared: &mut Shared) -> Container {
    let status = Status::parse(entry.status.as_deref().unwrap_or(""));
    let word = entry.state.as_deref().unwrap_or("unknown");
    let created = Timestamp::from_second(entry.created).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut one = Container::new(
        ContainerId::new(&entry.id),
        own_name(entry.names.as_deref().unwrap_or(&[])),
        state(word),
        created,
    );
    one.image = shared.of(entry.image.as_deref().unwrap_or(""));
    one.image_id = shared.of(entry.image_id.as_deref().unwrap_or(""));
    one.health = status.health;
    one.exit = status.exit;
    one.since = status.ago.and_then(|seconds| {
        now.checked_sub(jiff::SignedDuration::from_secs(seconds))
            .ok()
    });
    let labels = entry.labels.unwrap_or_default();
    one.app = labels.app().map(|app| shared.of(app));
    one.service = labels.service().map(|service| shared.of(service));
    one.release = labels.release();
    one.print = labels.print();
    one.ports = ports(entry.ports.unwrap_or_default());
    one.networks = entry
        .network_settings
        .and_then(|settings| settings.networks)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, at)| {
            let at = at.unwrap_or_default();
            Attachment::read(
                shared.of(&name),
                shared.of(at.id.as_deref().unwrap_or("")),
                at.ipv4.as_deref().unwrap_or(""),
                at.ipv6.as_deref().unwrap_or(""),
                at.mac.as_deref().unwrap_or(""),
            )
        })
        .collect();
    let mounts = entry.mounts.unwrap_or_default();
    one.mounts = u16::try_from(mounts.len()).unwrap_or(u16::MAX);
    let volumes = mounts.iter().filter_map(MountEntry::volume);
    one.volumes = volumes.map(|name| shared.of(name)).collect();
    one
}

/// Its own name among those that links give it (`/web` and `/app/web`), without the slash.
fn own_name<'n>(names: &'n [Text<'_>]) -> &'n str {
    let mut bare = names
        .iter()
        .map(|name| name.strip_prefix('/').unwrap_or(name));
    let first = bare.clone().next().unwrap_or("");
    bare.find(|name| !name.contains('/')).unwrap_or(first)
}

/// The state by its word. Podman says `stopped` between the end of a process and its cleanup,
/// which is Docker's `exited`, and `configured` or `initialized` for `created`.
pub(super) fn state(word: &str) -> State {
    match word {
        "stopped" => State::Exited,
        "configured" | "initialized" => State::Created,
        other => State::parse(other),
    }
}

/// Ports in order; the same publication on IPv4 and IPv6 is told once.
fn ports(entries: Vec<PortEntry>) -> Box<[Port]> {
    let ports = entries.into_iter().map(|entry| Port {
        private: entry.private_port,
        public: entry.public_port.filter(|port| *port != 0),
        ip: entry.ip.unwrap_or_default(),
        protocol: entry.kind.unwrap_or_else(|| Box::from("tcp")),
    });
    tidy_ports(ports.collect())
}

/// Sorts ports and drops what says nothing more: `::` beside `0.0.0.0`, and doubles.
pub(super) fn tidy_ports(mut ports: Vec<Port>) -> Box<[Port]> {
    let everywhere: Vec<Port> = ports
        .iter()
        .filter(|port| &*port.ip == "0.0.0.0")
        .cloned()
        .collect();
    ports.retain(|port| {
        &*port.ip != "::"
            || !everywhere.iter().any(|v4| {
                v4.private == port.private
                    && v4.public == port.public
                    && v4.protocol == port.protocol
            })
    });
    ports.sort();
    ports.dedup();
    ports.into_boxed_slice()
}

/// What the text `Up 5 minutes (healthy)` or `Exited (137) 3 hours ago` tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Status {
    /// How long ago the present state began, in seconds; rough.
    ago: Option<i64>,
    exit: Option<i64>,
    health: Health,
}

impl Status {
    fn parse(text: &str) -> Self {
        let mut status = Self {
            ago: None,
            exit: None,
            health: health(text),
        };
        if let Some(rest) = text.strip_prefix("Up ") {
            status.ago = seconds(rest);
        } else if let Some((_, rest)) = text.split_once('(')
            && let Some((code, rest)) = rest.split_once(')')
        {
            status.exit = code.parse().ok();
            status.ago = seconds(rest.trim_start());
        }
        status
    }
}

fn health(text: &str) -> Health {
    if text.contains("(healthy)") {
        Health::Healthy
    } else if text.contains("(unhealthy)") {
        Health::Unhealthy
    } else if text.contains("(health: starting)") || text.contains("(starting)") {
        Health::Starting
    } else {
        Health::None
    }
}

/// Seconds in Docker's rough words: `Less than a second`, `About a minute`, `5 minutes`, `2 weeks ago`.
fn seconds(text: &str) -> Option<i64> {
    let mut words = text.split_whitespace();
    let count = match words.next()? {
        "Less" => return Some(0),
        "About" => {
            words.next()?;
            1
        }
        number => number.parse::<i64>().ok()?,
    };
    let unit = match words.next()?.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        "month" => 30 * 86_400,
        "year" => 365 * 86_400,
        _ => return None,
    };
    Some(count * unit)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T01:00:00Z".parse().unwrap()
    }

    #[test]
    fn docker_s_list_is_read() {
        let list = parse(include_bytes!("recorded/docker-20.10-list.json"), now()).unwrap();
        let [broken, web] = list.as_slice() else {
            panic!("{list:?}");
        };
        assert_eq!(
            (&*web.name, &web.state, web.health),
            ("web-1", &State::Running, Health::Healthy)
        );
        assert_eq!(
            (web.app.as_deref(), web.service.as_deref()),
            (Some("shop"), Some("web"))
        );
        assert_eq!(&*web.image, "lab/busybox:1");
        assert!(web.since.unwrap() < now());
        let ports: Vec<String> = web.ports.iter().map(ToString::to_string).collect();
        assert_eq!(
            ports,
            ["8080→80"],
            "the same port on IPv6 is not told again"
        );
        assert_eq!(&*web.networks[0].network, "bridge");
        assert!(!web.networks[0].id.is_empty() && web.networks[0].ipv4.is_some());
        assert!(web.networks[0].mac.is_some());
        assert!(
            Arc::ptr_eq(&web.image, &broken.image),
            "equal texts are shared"
        );
        assert_eq!((&broken.state, broken.exit), (&State::Exited, Some(1)));
        assert_eq!(broken.trouble().as_deref(), Some("exited 1"));
    }

    #[test]
    fn podman_s_list_is_read_whatever_it_says() {
        let list = parse(include_bytes!("recorded/podman-4.3-list.json"), now()).unwrap();
        assert_eq!((&list[0].state, list[0].exit), (&State::Exited, Some(3)));
        assert_eq!(
            list[0].since,
            now().checked_sub(jiff::SignedDuration::from_secs(2)).ok()
        );
        assert_eq!(list[1].state, State::Other("improbable".into()));
        assert_eq!(
            &*list[1].name, "web-1",
            "its own name, not the one a link gives it"
        );
        assert!(list[1].ports.is_empty() && list[1].networks.is_empty());
    }

    #[test]
    fn status_texts_tell_age_exit_and_health() {
        let status = |text| {
            let Status { ago, exit, health } = Status::parse(text);
            (ago, exit, health)
        };
        assert_eq!(
            status("Up Less than a second"),
            (Some(0), None, Health::None)
        );
        assert_eq!(
            status("Up About a minute (health: starting)"),
            (Some(60), None, Health::Starting)
        );
        assert_eq!(
            status("Up 3 hours (Paused)"),
            (Some(10_800), None, Health::None)
        );
        assert_eq!(
            status("Up 2 weeks (unhealthy)"),
            (Some(1_209_600), None, Health::Unhealthy)
        );
        assert_eq!(
            status("Exited (137) About an hour ago"),
            (Some(3600), Some(137), Health::None)
        );
        assert_eq!(
            status("Restarting (1) 5 seconds ago"),
            (Some(5), Some(1), Health::None)
        );
        assert_eq!(status("Created"), (None, None, Health::None));
        assert_eq!(status("Removal In Progress"), (None, None, Health::None));
        assert_eq!(status("Up a while (?"), (None, None, Health::None));
    }
}
