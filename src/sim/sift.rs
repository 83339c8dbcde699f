//! Which containers `GET /containers/json` lets through.

use std::collections::BTreeMap;

use regex::Regex;

use super::container::{Container, State};
use super::engine::{self, Engine, Image, Key};
use super::http::{Filters, Refusal};

/// What the list can be filtered by.
const KEYS: &[&str] = &[
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "label!",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

/// The filters of a list, made ready for many containers.
pub struct Sift<'a> {
    filters: &'a Filters,
    images: &'a BTreeMap<&'a str, &'a Image>,
    names: Vec<(&'a str, Option<Regex>)>,
    before: Option<Key>,
    since: Option<Key>,
    all: bool,
}

impl<'a> Sift<'a> {
    /// Reads the filters; `all` with those that do not run. Wrong ones are refused in Docker's words.
    pub fn new(
        filters: &'a Filters,
        engine: &Engine,
        images: &'a BTreeMap<&'a str, &'a Image>,
        all: bool,
    ) -> Result<Self, Refusal> {
        filters.allow(KEYS)?;
        check_values(filters)?;
        let find = |key| {
            filters
                .values(key)
                .first()
                .map(|id| engine.find(id))
                .transpose()
        };
        // Docker takes a name as a regular expression.
        let names = filters
            .values("name")
            .iter()
            .map(|name| (name.as_str(), Regex::new(name).ok()));
        // These mean those that do not run as well.
        let wide = ["status", "exited", "before", "since"];
        let all = all || wide.iter().any(|key| !filters.values(key).is_empty());
        let (before, since) = (find("before")?, find("since")?);
        Ok(Self {
            filters,
            images,
            names: names.collect(),
            before,
            since,
            all,
        })
    }

    /// Whether a container is listed.
    pub fn passes(&self, key: Key, one: &Container) -> bool {
        let runs = one.state.alive() || one.state == State::Restarting;
        let filters = self.filters;
        (self.all || runs)
            && self.before.is_none_or(|before| key < before)
            && self.since.is_none_or(|since| key > since)
            && filters.any("status", |wanted| wanted == one.state.word())
            && filters.any("health", |wanted| wanted == one.health.word())
            && filters.any("id", |wanted| one.id.starts_with(wanted))
            && self.named(one)
            && filters.any("exited", |wanted| {
                let ended = one.finished.is_some() && !one.state.alive();
                ended && one.exit_code.to_string() == wanted
            })
            && filters.any("ancestor", |wanted| self.descends(one, wanted))
            && filters.any("network", |wanted| {
                one.networks
                    .iter()
                    .any(|on| &*on.name == wanted || on.network.starts_with(wanted))
            })
            && filters.any("volume", |wanted| mounts(one, wanted))
            && filters.any("publish", |wanted| port(one, wanted, true))
            && filters.any("expose", |wanted| port(one, wanted, false))
            && filters.any("is-task", |wanted| matches!(wanted, "false" | "0"))
            && filters.labels(|key| one.label(key))
    }

    /// With or without the slash before the name.
    fn named(&self, one: &Container) -> bool {
        let fits = |(text, regex): &(&str, Option<Regex>)| {
            one.name.contains(text)
                || regex.as_ref().is_some_and(|regex| {
                    regex.is_match(&one.name) || regex.is_match(&format!("/{}", one.name))
                })
        };
        self.names.is_empty() || self.names.iter().any(fits)
    }

    /// Whether it was made of this image: by tag, id or a prefix of it.
    fn descends(&self, one: &Container, wanted: &str) -> bool {
        let id = one.plan.image_id.as_str();
        let hex = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        let tagged = engine::with_tag(wanted);
        (hex.len() >= 4 && id["sha256:".len()..].starts_with(hex))
            || one.plan.image == tagged
            || self
                .images
                .get(id)
                .is_some_and(|image| image.tags.contains(&tagged))
    }
}

/// Docker's refusals of values that cannot be.
fn check_values(filters: &Filters) -> Result<(), Refusal> {
    const STATES: [&str; 7] = [
        "created",
        "running",
        "paused",
        "restarting",
        "removing",
        "exited",
        "dead",
    ];
    const HEALTH: [&str; 4] = ["none", "starting", "healthy", "unhealthy"];
    let unknown = |key: &str, known: &[&str]| {
        filters
            .values(key)
            .iter()
            .find(|value| !known.contains(&value.as_str()))
            .cloned()
    };
    if let Some(state) = unknown("status", &STATES) {
        return Err(Refusal::bad(format!("Invalid filter 'status={state}'")));
    }
    if let Some(health) = unknown("health", &HEALTH) {
        return Err(Refusal::bad(format!(
            "Unrecognised filter value for health: {health}"
        )));
    }
    Ok(())
}

fn mounts(one: &Container, wanted: &str) -> bool {
    let is = |mount: &super::container::Mount| {
        mount.volume.as_deref() == Some(wanted) || mount.destination == wanted
    };
    one.plan.mounts.iter().any(is)
}

/// `80` or `80/tcp`, of the host when `public`, else of the container.
fn port(one: &Container, wanted: &str, public: bool) -> bool {
    let (number, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
    one.plan
        .ports
        .iter()
        .filter(|port| port.protocol == protocol)
        .any(|port| {
            let outside = || one.published(port).map(|(_, port)| port);
            let found = if public {
                outside()
            } else {
                Some(port.private)
            };
            found.is_some_and(|found| found.to_string() == number)
        })
}
