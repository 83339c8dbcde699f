//! What differs between two releases, service by service, in the words of the Compose file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::Release;
use crate::model::{
    MASK,
    app::{Mount, MountKind, Service, ServiceName},
    bytes, is_secret_name,
};

/// What is a time, in nanoseconds.
const TIMES: [&str; 8] = [
    "interval",
    "timeout",
    "start_period",
    "start_interval",
    "stop_grace_period",
    "delay",
    "monitor",
    "window",
];

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Of which service; none for what the app has besides services.
    pub service: Option<ServiceName>,
    /// Of what: `image`, `environment TAG`, `replicas`.
    pub what: String,
    /// What it was; none for what is new.
    pub from: Option<String>,
    /// What it becomes; none for what goes.
    pub to: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(service) = &self.service {
            write!(f, "{service}: ")?;
        }
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{} {from} → {to}", self.what),
            (None, Some(to)) => write!(f, "+ {} {to}", self.what),
            (Some(from), None) => write!(f, "- {} {from}", self.what),
            (None, None) => write!(f, "{} changed", self.what),
        }
    }
}

/// What differs between what was and what is to be; everything is new when nothing was.
pub fn diff(from: Option<&Release>, to: &Release) -> Vec<Change> {
    let mut changes = Vec::new();
    let empty = BTreeMap::new();
    let before = from.map_or(&empty, |one| &one.spec.services);
    let names: BTreeSet<&ServiceName> = before.keys().chain(to.spec.services.keys()).collect();
    for name in names {
        let mut found = Vec::new();
        service(name, from, to, &mut found);
        changes.extend(found.into_iter().map(|(what, from, to)| Change {
            service: Some(name.clone()),
            what,
            from,
            to,
        }));
    }
    let besides = |release: Option<&Release>| {
        let mut whole = release
            .and_then(|one| serde_json::to_value(&one.spec).ok())
            .unwrap_or_default();
        if let Some(map) = whole.as_object_mut() {
            map.remove("services");
            map.remove("name");
        }
        whole
    };
    let mut found = Vec::new();
    compare("", &besides(from), &besides(Some(to)), &mut found);
    changes.extend(found.into_iter().map(|(what, from, to)| Change {
        service: None,
        what,
        from,
        to,
    }));
    changes
}

type Difference = (String, Option<String>, Option<String>);

fn service(name: &ServiceName, from: Option<&Release>, to: &Release, found: &mut Vec<Difference>) {
    let pin = |release: Option<&Release>| {
        let pin = release.and_then(|one| one.pins.get(name));
        pin.map(ToString::to_string)
    };
    let count =
        |release: Option<&Release>| release.map_or(0, |one| one.replicas(name).unwrap_or(1));
    let same = from
        .and_then(|one| one.pins.get(name))
        .zip(to.pins.get(name))
        .is_some_and(|(a, b)| a.is(b));
    let (before, after) = (pin(from), pin(Some(to)));
    if !same && before != after {
        found.push(("image".to_owned(), before, after));
    }
    let (before, after) = (count(from), count(Some(to)));
    if before != after {
        let told = |count: usize| (count > 0).then(|| count.to_string());
        found.push(("replicas".to_owned(), told(before), told(after)));
    }
    // Of a service that comes or goes its ports and places are enough.
    let has =
        |release: Option<&Release>| release.is_some_and(|one| one.spec.services.contains_key(name));
    if !has(from) || !has(Some(to)) {
        let of = |release: Option<&Release>| {
            release
                .and_then(|one| one.spec.services.get(name))
                .map(essential)
        };
        let (before, after) = (of(from), of(Some(to)));
        for at in 0..2 {
            let part = |all: &Option<[(&'static str, Vec<String>); 2]>| {
                let part = all.as_ref().map(|all| all[at].1.join(", "));
                part.filter(|text| !text.is_empty())
            };
            let what = before
                .as_ref()
                .or(after.as_ref())
                .map_or("", |all| all[at].0);
            let (from, to) = (part(&before), part(&after));
            if from.is_some() || to.is_some() {
                found.push((what.to_owned(), from, to));
            }
        }
        return;
    }
    let plain = |release: Option<&Release>| {
        let service = release.and_then(|one| one.spec.services.get(name));
        service.map_or(Json::Null, bare)
    };
    compare("", &plain(from), &plain(Some(to)), found);
}

/// What is told of a service that comes or goes.
fn essential(service: &Service) -> [(&'static str, Vec<String>); 2] {
    let ports = service.ports.iter().map(ToString::to_string);
    let mounts = service.mounts.iter().map(mounted);
    [("ports", ports.collect()), ("mounts", mounts.collect())]
}

/// A mount as Compose writes it in one line.
fn mounted(mount: &Mount) -> String {
    let source = match &mount.kind {
        MountKind::Volume { source, .. } => source.clone().unwrap_or_default(),
        MountKind::Bind { source, .. } => source.clone(),
        MountKind::Tmpfs { .. } => "memory".to_owned(),
    };
    let end = if mount.read_only { ":ro" } else { "" };
    match source.as_str() {
        "" => format!("{}{end}", mount.target),
        source => format!("{source}:{}{end}", mount.target),
    }
}

/// A service without what was compared already, with what people write in one line in one line.
fn bare(service: &Service) -> Json {
    let mut whole = serde_json::to_value(service).unwrap_or_default();
    if let Some(map) = whole.as_object_mut() {
        for (name, lines) in essential(service) {
            if !lines.is_empty() {
                map.insert(name.to_owned(), Json::String(lines.join(", ")));
            }
        }
        map.remove("image");
        map.remove("build");
        if let Some(Json::Object(deploy)) = map.get_mut("deploy") {
            deploy.remove("replicas");
        }
    }
    whole
}

/// Compares maps by their keys, and all else as a whole.
fn compare(path: &str, from: &Json, to: &Json, found: &mut Vec<Difference>) {
    if from == to {
        return;
    }
    let empty = Map::new();
    let maps = match (from, to) {
        (Json::Object(a), Json::Object(b)) => Some((a, b)),
        (Json::Object(a), Json::Null) => Some((a, &empty)),
        (Json::Null, Json::Object(b)) => Some((&empty, b)),
        _ => None,
    };
    let Some((a, b)) = maps else {
        found.push((path.to_owned(), told(path, from), told(path, to)));
        return;
    };
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let below = if path.is_empty() {
            key.clone()
        } else {
            format!("{path} {key}")
        };
        let of = |map: &Map<String, Json>| map.get(key).cloned().unwrap_or_default();
        compare(&below, &of(a), &of(b), found);
    }
}

/// A value for a screen: what may be a secret is masked.
fn told(path: &str, value: &Json) -> Option<String> {
    let last = path.rsplit(' ').next().unwrap_or(path);
    match value {
        Json::Null => None,
        Json::String(text) if is_secret_name(last) && !text.starts_with("${") => {
            Some(if text.is_empty() {
                String::new()
            } else {
                MASK.to_owned()
            })
        }
        Json::String(text) => Some(crate::model::redact(text).into_owned()),
        Json::Number(number) if TIMES.contains(&last) => {
            // The spec has nanoseconds.
            let time = number.as_u64().map(std::time::Duration::from_nanos);
            time.map(|time| format!("{time:?}"))
        }
        Json::Array(words) if words.iter().all(Json::is_string) => {
            let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            Some(crate::model::redact(&words.join(" ")).into_owned())
        }
        Json::Number(number) if last == "memory" => {
            Some(number.as_u64().map_or_else(|| number.to_string(), bytes))
        }
        other => Some(crate::model::redact(&other.to_string()).into_owned()),
    }
}
