//! One container as its inspection tells it, with what a list does not know: exact times, restarts, OOM.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::error::Fault;
use super::list::{Labels, MountEntry, state, tidy_ports};
use super::wire::Wire;
use crate::model::{Attachment, Container, ContainerId, Health, Port, State, Timestamp, printable};

/// Inspects a container and reads what the fleet wants to know of it.
pub(super) async fn inspect(wire: &Wire, id: &ContainerId) -> Result<Inspected, Fault> {
    let body = wire.get(path(id)).bytes().await?;
    parse(&body).map_err(|error| Fault::Garbled(format!("the inspection: {error}")))
}

/// Where a container is inspected.
pub(super) fn path(id: &ContainerId) -> String {
    format!("/containers/{}/json", id.as_str())
}

/// What an inspection tells.
pub(super) struct Inspected {
    /// The container for the fleet.
    pub container: Container,
    /// It has a terminal: its log is raw.
    pub tty: bool,
    /// Where its log goes: `json-file`, `none` …
    pub driver: String,
    /// When its last run began and ended.
    pub started: Option<Timestamp>,
    /// See [`Self::started`]; kept by engines while it runs again.
    pub finished: Option<Timestamp>,
    /// The code its last run ended with.
    pub exit: i64,
    /// Why the engine could not start it; empty when it could.
    pub error: String,
}

fn parse(body: &[u8]) -> Result<Inspected, serde_json::Error> {
    serde_json::from_slice::<Entry<'_>>(body).map(Entry::read)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    created: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    restart_count: Option<u64>,
    #[serde(default)]
    state: StateEntry,
    #[serde(borrow)]
    config: Config<'a>,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    network_settings: Networks,
    #[serde(default)]
    mounts: Option<Vec<MountEntry>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StateEntry {
    status: String,
    exit_code: i64,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    started_at: String,
    finished_at: String,
    error: String,
    #[serde(alias = "Healthcheck")]
    health: Option<HealthEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthEntry {
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config<'a> {
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    tty: bool,
    #[serde(borrow, default)]
    labels: Option<Labels<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    log_config: LogConfig,
    port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LogConfig {
    r#type: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Networks {
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    networks: Option<BTreeMap<String, Option<Place>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Binding {
    host_ip: String,
    host_port: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    #[serde(rename = "NetworkID")]
    id: String,
    #[serde(rename = "IPAddress")]
    ipv4: String,
    #[serde(rename = "GlobalIPv6Address")]
    ipv6: String,
    #[serde(rename = "MacAddress")]
    mac: String,
}

impl Entry<'_> {
    fn read(self) -> Inspected {
        let created = moment(&self.created).unwrap_or(Timestamp::UNIX_EPOCH);
        let name = self.name.strip_prefix('/').unwrap_or(&self.name);
        let state = state(&self.state.status);
        let mut one = Container::new(ContainerId::new(&self.id), name, state, created);
        one.since = since(&one.state, &self.state);
        one.exit = match one.state {
            State::Exited | State::Dead | State::Restarting => Some(self.state.exit_code),
            State::Created | State::Running | State::Paused | State::Removing | State::Other(_) => {
                None
            }
        };
        one.oom_killed = Some(self.state.oom_killed);
        one.restarts = Some(self.restart_count.unwrap_or(0));
        one.health = self.state.health.as_ref().map_or(Health::None, |health| {
            match health.status.as_str() {
                "starting" => Health::Starting,
                "healthy" => Health::Healthy,
                "unhealthy" => Health::Unhealthy,
                _ => Health::None,
            }
        });
        one.image = Arc::from(self.config.image.as_deref().unwrap_or(""));
        one.image_id = Arc::from(self.image.as_str());
        let labels = self.config.labels.unwrap_or_default();
        one.app = labels.app().map(Arc::from);
        one.service = labels.service().map(Arc::from);
        one.release = labels.release();
        one.print = labels.print();
        one.ports = ports(self.network_settings.ports.unwrap_or_default());
        one.claims = Some(ports(self.host_config.port_bindings.unwrap_or_default()));
        one.networks = self
            .network_settings
            .networks
            .unwrap_or_default()
            .into_iter()
            .map(|(name, at)| {
                let at = at.unwrap_or_default();
                let (name, id) = (Arc::from(name), Arc::from(at.id));
                Attachment::read(name, id, &at.ipv4, &at.ipv6, &at.mac)
            })
            .collect();
        let mounts = self.mounts.unwrap_or_default();
        one.mounts = u16::try_from(mounts.len()).unwrap_or(u16::MAX);
        one.volumes = mounts
            .iter()
            .filter_map(MountEntry::volume)
            .map(Arc::from)
            .collect();
        Inspected {
            container: one,
            tty: self.config.tty,
            driver: printable(&self.host_config.log_config.r#type),
            started: moment(&self.state.started_at),
            finished: moment(&self.state.finished_at),
            exit: self.state.exit_code,
            error: printable(self.state.error.trim()),
        }
    }
}

/// When the present state began.
fn since(state: &State, entry: &StateEntry) -> Option<Timestamp> {
    match state {
        State::Running | State::Paused => moment(&entry.started_at),
        State::Exited | State::Dead | State::Restarting => moment(&entry.finished_at),
        State::Created | State::Removing | State::Other(_) => None,
    }
}

/// Docker's time; its zero time (year 1) is none.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()
        .filter(|at| at.as_second() > 0)
}

fn ports(entries: BTreeMap<String, Option<Vec<Binding>>>) -> Box<[Port]> {
    let mut ports = Vec::new();
    for (key, bindings) in entries {
        let (number, protocol) = key.split_once('/').unwrap_or((&key, "tcp"));
        let Ok(private) = number.parse() else {
            continue;
        };
        let bindings = bindings
            .filter(|all| !all.is_empty())
            .unwrap_or_else(|| vec![Binding::default()]);
        ports.extend(bindings.into_iter().map(|binding| Port {
            private,
            public: binding.host_port.parse().ok().filter(|port| *port != 0),
            ip: Box::from(binding.host_ip),
            protocol: Box::from(protocol),
        }));
    }
    tidy_ports(ports)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_inspection_is_read() {
        let Inspected {
            container: one,
            tty,
            ..
        } = parse(include_bytes!("recorded/docker-20.10-inspect.json")).unwrap();
        assert!(!tty);
        assert_eq!(
            (&*one.name, &one.state, one.health),
            ("web-1", &State::Running, Health::Healthy)
        );
        assert_eq!(
            (one.restarts, one.oom_killed, one.exit),
            (Some(3), Some(false), None)
        );
        assert!(one.since.unwrap() > one.created);
        assert_eq!(
            (one.app.as_deref(), one.service.as_deref()),
            (Some("shop"), Some("web"))
        );
        assert_eq!(&*one.image, "lab/busybox:1");
        assert!(one.image_id.starts_with("sha256:"));
        let ports: Vec<String> = one.ports.iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["8080→80"]);
        assert_eq!((one.mounts, one.networks.len()), (1, 1));
    }

    #[test]
    fn the_end_of_a_run_is_read() {
        let text = r#"{"Id": "abc", "Name": "/x", "State": {"Status": "exited", "ExitCode": 137, "OOMKilled": true,
            "StartedAt": "2026-11-22T00:00:00Z", "FinishedAt": "2026-11-22T00:01:00.5Z"},
            "Config": {"Tty": true, "Labels": null}, "NetworkSettings": {"Ports": {"53/udp": null, "odd": []}}}"#;
        let Inspected {
            container: one,
            tty,
            ..
        } = parse(text.as_bytes()).unwrap();
        assert!(tty);
        assert_eq!((one.exit, one.oom_killed), (Some(137), Some(true)));
        assert_eq!(one.since, "2026-11-22T00:01:00.5Z".parse().ok());
        assert_eq!(
            one.ports
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["53/udp"]
        );
        assert_eq!(
            moment("0001-01-01T00:00:00Z"),
            None,
            "Docker's zero time is none"
        );
    }
}
