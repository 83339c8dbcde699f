//! What there is of an app on a host: its containers as they are, its images, the last word of a health check.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use serde::Deserialize;

use super::{containers_of, label};
use crate::engine::error::Fault;
use crate::engine::inspect::{self, moment};
use crate::engine::list::state;
use crate::engine::session::Session;
use crate::engine::wire::escape;
use crate::model::release::{Found, Mark, Pin, Print, Scope};
use crate::model::{ContainerId, Health, Publication, printable, redact};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    restart_count: Option<u64>,
    state: StateEntry,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    network_settings: NetworkSettings,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    ports: Option<HashMap<String, Option<Vec<Binding>>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Binding {
    host_ip: String,
    host_port: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StateEntry {
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    #[serde(default)]
    started_at: String,
    #[serde(default, alias = "Healthcheck")]
    health: Option<HealthEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthEntry {
    #[serde(default)]
    status: String,
    #[serde(default)]
    log: Option<Vec<Check>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(default)]
    exit_code: i64,
    #[serde(default)]
    output: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    labels: Option<HashMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    restart_policy: Policy,
    network_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Policy {
    name: String,
}

/// All containers of an app, each inspected. One that goes meanwhile is not among them.
pub(super) async fn containers(session: &Session, scope: &Scope) -> Result<Vec<Found>, Fault> {
    let listed: Vec<Listed> = session.wire.get(containers_of(scope)).json().await?;
    let all = listed.into_iter().map(|one| async move {
        let path = inspect::path(&ContainerId::new(&one.id));
        match session.wire.get(path).json::<Inspected>().await {
            Ok(found) => Ok(Some(read(found))),
            Err(fault) if fault.is_missing() => Ok(None),
            Err(fault) => Err(fault),
        }
    });
    Ok(try_join_all(all).await?.into_iter().flatten().collect())
}

fn read(found: Inspected) -> Found {
    let labels = found.config.labels.unwrap_or_default();
    let of = |name: &str| labels.get(name).map(String::as_str);
    let mark = of(label::PRINT)
        .zip(of(label::RELEASE).and_then(|text| text.parse().ok()))
        .map(|(print, release)| Mark {
            release,
            environment: of(label::ENVIRONMENT).unwrap_or_default().to_owned(),
            print: Print(print.to_owned()),
            port: of(label::PORT).and_then(|text| text.parse().ok()),
        });
    let replica = of(label::REPLICA).or_else(|| of(label::NUMBER));
    let service = of(label::SERVICE).or_else(|| of(label::COMPOSE_SERVICE));
    let health = found.state.health.as_ref();
    Found {
        id: ContainerId::new(&found.id),
        name: found.name.trim_start_matches('/').to_owned(),
        service: service.unwrap_or_default().to_owned(),
        replica: replica.and_then(|text| text.parse().ok()).unwrap_or(0),
        mark,
        state: state(&found.state.status),
        health: match health.map_or("", |one| one.status.as_str()) {
            "starting" => Health::Starting,
            "healthy" => Health::Healthy,
            "unhealthy" => Health::Unhealthy,
            _ => Health::None,
        },
        exit: found.state.exit_code,
        oom: found.state.oom_killed,
        restarts: found.restart_count.unwrap_or(0),
        started: moment(&found.state.started_at),
        joins: found
            .host_config
            .network_mode
            .strip_prefix("container:")
            .map(ContainerId::new),
        rises: !matches!(found.host_config.restart_policy.name.as_str(), "" | "no"),
        ports: published(found.network_settings),
    }
}

/// The TCP ports that others reach; what only the host itself reaches is none.
fn published(settings: NetworkSettings) -> Vec<Publication> {
    let mut all = Vec::new();
    for (port, bindings) in settings.ports.unwrap_or_default() {
        let Some(Ok(container)) = port.strip_suffix("/tcp").map(str::parse) else {
            continue;
        };
        let open = bindings.into_iter().flatten().filter(|one| {
            let ip: Option<std::net::IpAddr> = one.host_ip.parse().ok();
            ip.is_none_or(|ip| !ip.is_loopback())
        });
        all.extend(open.filter_map(|one| {
            let host = one.host_port.parse().ok()?;
            Some(Publication { container, host })
        }));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// What to call a pinned image so that it is exactly that one: its name where that means it, else its digest or id.
pub(super) async fn image(session: &Session, pin: &Pin) -> Result<Option<String>, Fault> {
    let by_digest = pin.pull();
    let Some(id) = (match &pin.id {
        Some(id) => id_of(session, id).await?,
        None => None,
    })
    .or(match &by_digest {
        Some(name) => id_of(session, name).await?,
        None => None,
    }) else {
        return Ok(None);
    };
    let named = id_of(session, pin.image.as_str()).await?;
    Ok(Some(if named.as_ref() == Some(&id) {
        pin.image.to_string()
    } else {
        id
    }))
}

/// The id of the image that a name means on a host.
async fn id_of(session: &Session, name: &str) -> Result<Option<String>, Fault> {
    let path = format!("/images/{}/json", escape(name));
    match session.wire.get(path).json::<Listed>().await {
        Ok(found) => Ok(Some(found.id)),
        Err(fault) if fault.is_missing() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// What the last health check of a container said, if it failed.
pub(super) async fn last_check(session: &Session, id: &ContainerId) -> Option<String> {
    let found: Inspected = session.wire.get(inspect::path(id)).json().await.ok()?;
    let checks = found.state.health?.log?;
    let last = checks.last().filter(|check| check.exit_code != 0)?;
    let text = redact(&printable(last.output.trim())).into_owned();
    let text = if text.is_empty() {
        "it said nothing"
    } else {
        &text
    };
    Some(format!("health check (exit {}): {text}", last.exit_code))
}
