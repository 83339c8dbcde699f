//! The state of one simulated engine: its containers, images, networks, volumes, and its events.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::clock::Nanos;
use super::container::{Container, State};
use super::events::{Event, Kind};
use super::exec::Exec;
use super::files::Tree;
use super::fleet::Spare;
use super::http::Refusal;
use super::images_table::ImageRow;
use super::seed::Seed;
use super::swarm::Swarm;

/// How many events are kept for `since`, as the real engine keeps 256.
const EVENTS_KEPT: usize = 4096;

/// The place of a container in its engine: a number that is never used twice, older first.
pub type Key = u64;

/// What does not change about a host.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The host's name.
    pub name: String,
    /// Its place in the fleet.
    pub index: usize,
    /// Where its random values come from.
    pub seed: Seed,
    /// Where values come from that are the same on every host: images, secrets.
    pub fleet: Seed,
    /// `dev`, `qa`, `stage`, `prod`.
    pub environment: String,
    /// Groups, the first one decides which apps it runs.
    pub groups: Vec<String>,
    /// Labels of the engine.
    pub labels: Vec<(String, String)>,
    /// The highest API version, as the N of 1.N.
    pub minor: u32,
    /// 1 or 2.
    pub cgroup: u8,
    /// Cores.
    pub cpus: u32,
    /// Bytes.
    pub memory: i64,
    /// How many containers it is born with.
    pub containers: usize,
    /// What it is born with that nothing uses.
    pub spare: Spare,
    /// The moment that all ages are counted back from.
    pub epoch: Nanos,
    /// Random changes, a minute.
    pub churn: f64,
}

/// An image of a host.
#[derive(Clone, Debug)]
pub struct Image {
    /// `sha256:…`
    pub id: String,
    /// `repo:tag`
    pub tags: Vec<String>,
    /// `repo@sha256:…`
    pub digests: Vec<String>,
    /// Bytes.
    pub size: i64,
    /// When it was built.
    pub created: Nanos,
    /// What its configuration is taken from.
    pub row: &'static ImageRow,
    /// Labels of its configuration.
    pub labels: BTreeMap<String, String>,
    /// Where its layers come from.
    pub seed: Seed,
    /// The digests of its layers.
    pub layers: Vec<String>,
    /// Its configuration, whose sum its id is.
    pub config: Arc<str>,
}

/// A network of a host.
#[derive(Clone, Debug)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// `bridge`, `host`, `null`, `macvlan`, `overlay` …
    pub driver: String,
    /// `local` or `swarm`.
    pub scope: &'static str,
    /// Address and length of the prefix.
    pub subnet: Option<(Ipv4Addr, u8)>,
    /// Its subnets as its maker named them; empty where the engine chose one.
    pub config: Vec<serde_json::Value>,
    /// Whether it has no way out.
    pub internal: bool,
    /// Whether single containers may be attached, where it is a Swarm's.
    pub attachable: bool,
    /// Whether it was made with IPv6.
    pub ipv6: bool,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When it was made.
    pub created: Nanos,
}

impl Network {
    /// The address that its maker named, else the first of the subnet.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        let named = self
            .config
            .iter()
            .find_map(|one| one.get("Gateway")?.as_str()?.parse().ok());
        named.or_else(|| {
            self.subnet
                .map(|(base, _)| Ipv4Addr::from(u32::from(base) + 1))
        })
    }
}

/// A volume of a host.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// When it was made.
    pub created: Nanos,
    /// Bytes.
    pub size: i64,
    /// What is in it, by the path in it, beginning with a slash; the volume itself is `""`. None while nobody changed
    /// what it was born with.
    pub files: Option<Tree>,
}

/// Something that is to happen to a container later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Due {
    /// The restart policy's next start.
    Start(Key),
    /// The crash of a container that cannot live.
    Crash(Key, i64),
    /// The end of a command that ends by itself: when it began, and its code.
    Exit(Key, Nanos, i64),
    /// The first verdict of a health check after a start.
    Verdict(Key),
    /// The end of an illness.
    Recovery(Key),
    /// A random change.
    Churn,
}

/// A simulated engine.
#[derive(Debug)]
pub struct Engine {
    /// What does not change.
    pub profile: Arc<Profile>,
    /// Containers, oldest first.
    pub containers: BTreeMap<Key, Container>,
    by_id: BTreeMap<String, Key>,
    by_name: HashMap<String, Key>,
    next_key: Key,
    /// Images, as listed.
    pub images: Vec<Image>,
    /// Networks, as listed.
    pub networks: Vec<Network>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Volume>,
    /// The Swarm that it manages.
    pub swarm: Option<Swarm>,
    /// Commands in containers, by id.
    pub execs: HashMap<String, Exec>,
    events: VecDeque<Event>,
    seen: u64,
    agenda: BTreeMap<(Nanos, u64), Due>,
    made: u64,
}

impl Engine {
    /// An engine with nothing on it.
    pub fn new(profile: Arc<Profile>) -> Self {
        Self {
            profile,
            containers: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_name: HashMap::new(),
            next_key: 0,
            images: Vec::new(),
            networks: Vec::new(),
            volumes: BTreeMap::new(),
            swarm: None,
            execs: HashMap::new(),
            events: VecDeque::new(),
            seen: 0,
            agenda: BTreeMap::new(),
            made: 0,
        }
    }

    /// A seed that was not used yet, for the id of something new.
    pub fn fresh_seed(&mut self) -> Seed {
        self.made += 1;
        self.profile.seed.of("made").at(self.made)
    }

    /// Takes in a container.
    pub fn insert(&mut self, container: Container) -> Key {
        let key = self.next_key;
        self.next_key += 1;
        self.by_id.insert(container.id.clone(), key);
        self.by_name.insert(container.name.clone(), key);
        self.containers.insert(key, container);
        key
    }

    /// Lets a container go.
    pub fn take(&mut self, key: Key) -> Option<Container> {
        let container = self.containers.remove(&key)?;
        self.by_id.remove(&container.id);
        self.by_name.remove(&container.name);
        self.execs.retain(|_, exec| exec.container != container.id);
        Some(container)
    }

    /// Gives a container another name.
    pub fn rename(&mut self, key: Key, name: &str) {
        if let Some(container) = self.containers.get_mut(&key) {
            self.by_name.remove(&container.name);
            name.clone_into(&mut container.name);
            self.by_name.insert(name.to_owned(), key);
        }
    }

    /// The container that has this name now.
    pub fn named(&self, name: &str) -> Option<&Container> {
        self.containers.get(self.by_name.get(name)?)
    }

    /// Finds a container by id, name or unambiguous prefix of its id, as Docker does.
    pub fn find(&self, wanted: &str) -> Result<Key, Refusal> {
        let name = wanted.trim_start_matches('/');
        if let Some(key) = self.by_id.get(wanted).or_else(|| self.by_name.get(name)) {
            return Ok(*key);
        }
        let mut hits = self.by_id.range(wanted.to_owned()..).take(2);
        let mut hit = || {
            hits.next()
                .filter(|(id, _)| !wanted.is_empty() && id.starts_with(wanted))
        };
        match (hit(), hit()) {
            (Some((_, key)), None) => Ok(*key),
            (Some(_), Some(_)) => Err(Refusal::bad(format!(
                "Multiple IDs found with provided prefix: {wanted}"
            ))),
            (None, _) => Err(Refusal::missing(format!("No such container: {wanted}"))),
        }
    }

    /// The container of this id, name or prefix.
    pub fn get(&self, wanted: &str) -> Result<&Container, Refusal> {
        let key = self.find(wanted)?;
        Ok(&self.containers[&key])
    }

    /// The container of this id, name or prefix, to be changed.
    pub fn get_mut(&mut self, wanted: &str) -> Result<(Key, &mut Container), Refusal> {
        let key = self.find(wanted)?;
        let missing = || Refusal::missing(format!("No such container: {wanted}"));
        Ok((key, self.containers.get_mut(&key).ok_or_else(missing)?))
    }

    /// How many containers are in each of running (restarting counts), paused and stopped.
    pub fn census(&self) -> (usize, usize, usize) {
        self.containers
            .values()
            .fold(
                (0, 0, 0),
                |(running, paused, stopped), container| match container.state {
                    State::Running | State::Restarting => (running + 1, paused, stopped),
                    State::Paused => (running, paused + 1, stopped),
                    State::Created | State::Exited | State::Dead => (running, paused, stopped + 1),
                },
            )
    }

    /// Notes an event; every listener gets it.
    pub fn emit(
        &mut self,
        now: Nanos,
        kind: Kind,
        action: &str,
        id: &str,
        attributes: BTreeMap<String, String>,
    ) {
        // Listeners tell events apart by time, so no two have the same.
        let time = self
            .events
            .back()
            .map_or(now, |last| now.max(last.time + 1));
        self.seen += 1;
        let action = action.to_owned();
        self.events.push_back(Event {
            time,
            kind,
            action,
            id: id.to_owned(),
            attributes,
        });
        if self.events.len() > EVENTS_KEPT {
            self.events.pop_front();
        }
    }

    /// Notes an event of a container, with Docker's attributes and those of `more`.
    pub fn emit_container(&mut self, now: Nanos, key: Key, action: &str, more: &[(&str, String)]) {
        let Some(container) = self.containers.get(&key) else {
            return;
        };
        let mut attributes = container.labels();
        attributes.insert("image".into(), container.plan.image.clone());
        attributes.insert("name".into(), container.name.clone());
        attributes.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let id = container.id.clone();
        self.emit(now, Kind::Container, action, &id, attributes);
    }

    /// How many events there were so far.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// The events after the first `seen` ones that are still kept, oldest first.
    pub fn events_after(&self, seen: u64) -> impl Iterator<Item = &Event> {
        let kept = self.events.len();
        let wanted = usize::try_from(self.seen.saturating_sub(seen)).unwrap_or(kept);
        self.events.iter().skip(kept - wanted.min(kept))
    }

    /// Plans something.
    pub fn schedule(&mut self, at: Nanos, due: Due) {
        self.made += 1;
        self.agenda.insert((at, self.made), due);
    }

    /// Takes the next planned thing whose time has come.
    pub fn next_due(&mut self, now: Nanos) -> Option<(Nanos, Due)> {
        let entry = self.agenda.first_entry()?;
        let at = entry.key().0;
        (at <= now).then(|| (at, entry.remove()))
    }

    /// When the next planned thing is to happen.
    pub fn wake_at(&self) -> Option<Nanos> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// The image of this reference, id or digest.
    pub fn find_image(&self, wanted: &str) -> Option<&Image> {
        let wanted = familiar(wanted);
        let hex = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        let tagged = with_tag(wanted);
        self.images.iter().find(|image| {
            image.tags.contains(&tagged)
                || image.digests.iter().any(|digest| digest == wanted)
                || (hex.len() >= 4 && image.id["sha256:".len()..].starts_with(hex))
        })
    }

    /// The network of this name, id or prefix of it.
    pub fn find_network(&self, wanted: &str) -> Option<&Network> {
        let named = |network: &&Network| &*network.name == wanted || &*network.id == wanted;
        let prefixed = |network: &&Network| !wanted.is_empty() && network.id.starts_with(wanted);
        self.networks
            .iter()
            .find(named)
            .or_else(|| self.networks.iter().find(prefixed))
    }
}

/// A reference as users write it: without the name of Docker's own registry.
pub fn familiar(reference: &str) -> &str {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    short.strip_prefix("library/").unwrap_or(short)
}

/// A reference with its tag: `latest` where it has none.
pub fn with_tag(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains(':') || name.contains('@') {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}
