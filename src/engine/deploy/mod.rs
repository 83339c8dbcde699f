//! What a deploy does on one host: looks at an app's containers, makes new ones with what they stand on, marks the host.

mod body;
mod files;
mod ground;
mod look;

pub(super) use body::{Teller, nanos, put, put_unkept};
pub(super) use files::{config_text, secret_text};
pub(super) use ground::{network_name, network_spec, volume_name};

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::error::{Deed, Error, ErrorKind};
use super::wire::{escape, query};
use super::{Engines, LogOptions, resources};
use crate::model::app::Restart;
use crate::model::release::{Converge, Found, Lease, Pin, Scope, Secrets, Target};
use crate::model::{ContainerId, HostName, Image, LogRange, Timestamp, printable, redact};

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// So many last lines are told of a container that did not get well.
const LAST_LINES: u32 = 20;

/// So long somebody waits for those.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What we write on containers; it never changes. All labels of ours begin like this.
pub(super) mod label {
    /// The app.
    pub const APP: &str = "io.wharf.app";
    /// Its environment.
    pub const ENVIRONMENT: &str = "io.wharf.environment";
    /// The service.
    pub const SERVICE: &str = "io.wharf.service";
    /// Which replica on its host.
    pub const REPLICA: &str = "io.wharf.replica";
    /// `canary` on the second service of a Swarm, which is tried beside the first.
    pub const LANE: &str = "io.wharf.lane";
    /// The release that it was made for.
    pub const RELEASE: &str = "io.wharf.release";
    /// What it was made of.
    pub const PRINT: &str = "io.wharf.print";
    /// The port of its host at which a balancer finds it.
    pub const PORT: &str = "io.wharf.port";
    /// Who had it made.
    pub const BY: &str = "io.wharf.by";
    /// The name of the image that it was bound to.
    pub const IMAGE: &str = "io.wharf.image";
    /// What a deploy leaves on a host as long as it is under way.
    pub const DEPLOY: &str = "io.wharf.deploy";
    /// Compose's words, by which other tools group containers.
    pub const PROJECT: &str = "com.docker.compose.project";
    /// The same.
    pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";
    /// The same.
    pub const NUMBER: &str = "com.docker.compose.container-number";
    /// The same.
    pub const ONE_OFF: &str = "com.docker.compose.oneoff";
    /// The same, of networks.
    pub const NETWORK: &str = "com.docker.compose.network";
    /// The same, of volumes.
    pub const VOLUME: &str = "com.docker.compose.volume";
}

impl Engines {
    /// All containers of an app on a host, whoever made them.
    pub async fn observe(&self, host: &HostName, scope: &Scope) -> Result<Vec<Found>, Error> {
        let deed = Deed::on(host, "look at the containers of", scope.app.as_str());
        let session = self.session(&deed).await?;
        let found = look::containers(&session, scope).await;
        found.map_err(|fault| deed.fault(fault))
    }

    /// All images of a host, as they are now.
    pub async fn images(&self, host: &HostName) -> Result<Vec<Image>, Error> {
        let deed = Deed::on(host, "list", "images");
        let session = self.session(&deed).await?;
        let found = resources::images(&session).await;
        found.map_err(|fault| deed.fault(fault))
    }

    /// What to call a pinned image on a host so that it is exactly that one; none when the host does not have it.
    pub async fn has_image(&self, host: &HostName, pin: &Pin) -> Result<Option<String>, Error> {
        let deed = Deed::on(host, "look for the image", pin.image.as_str());
        let session = self.session(&deed).await?;
        let found = look::image(&session, pin).await;
        found.map_err(|fault| deed.fault(fault))
    }

    /// Makes the container of a target, with the networks, volumes and files that it stands on; it is not started. A
    /// balancer finds it at that port of its host.
    pub async fn make(
        &self,
        converge: &Converge,
        image: &str,
        port: Option<u16>,
        secrets: &Secrets,
    ) -> Result<(), Error> {
        let Target { host, .. } = &converge.target;
        let name = converge.release.container(&converge.target);
        let deed = Deed::on(host, "create", &name);
        let session = self.session(&deed).await?;
        let making = ground::Making {
            session: &session,
            converge,
            image,
            port,
            name: &name,
            secrets,
            deed: &deed,
        };
        Box::pin(making.make()).await
    }

    /// Changes when the engine starts a container by itself.
    pub async fn set_restart(
        &self,
        host: &HostName,
        id: &ContainerId,
        restart: Option<Restart>,
    ) -> Result<(), Error> {
        let deed = Deed::on(host, "change the restart policy of", id.short());
        let session = self.session(&deed).await?;
        let path = format!("/containers/{}/update", id.as_str());
        let asked = session.wire.post(path).within(DEADLINE);
        let body = json!({"RestartPolicy": body::restart(restart)});
        let status = asked.json_body(&body).status().await;
        status.map(drop).map_err(|fault| deed.fault(fault))
    }

    /// The last lines of a container's log and of its health check, as far as they can be had at once.
    pub async fn last_words(&self, host: &HostName, id: &ContainerId) -> Vec<String> {
        let options = LogOptions {
            range: LogRange::Tail(LAST_LINES),
            ..LogOptions::default()
        };
        let reading = async {
            let mut lines = Vec::new();
            let Ok(mut logs) = self.logs(host, id, options).await else {
                return lines;
            };
            while let Ok(Some(batch)) = logs.next().await {
                let texts = batch
                    .iter()
                    .map(|line| String::from_utf8_lossy(line.text).into_owned());
                lines.extend(texts.map(|text| redact(&printable(&text)).into_owned()));
            }
            lines
        };
        let mut lines = tokio::time::timeout(LAST_WORDS, reading)
            .await
            .unwrap_or_default();
        let deed = Deed::on(host, "look at", id.short());
        if let Ok(session) = self.session(&deed).await {
            lines.extend(look::last_check(&session, id).await);
        }
        lines
    }

    /// What a container logged since a moment of its host's clock, each line with its time; the last lines when they
    /// are very many.
    pub async fn log_since(
        &self,
        host: &HostName,
        id: &ContainerId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, String)>, Error> {
        /// So many lines are kept.
        const MOST: usize = 20_000;
        let options = LogOptions {
            range: LogRange::Since(since),
            ..LogOptions::default()
        };
        let deed = Deed::on(host, "read the log of", id.short());
        let reading = async {
            let mut lines = Vec::new();
            let mut logs = self.logs(host, id, options).await?;
            let lost = |why: String| deed.failed(ErrorKind::Lost, why);
            while let Some(batch) = logs.next().await.map_err(lost)? {
                lines.extend(batch.iter().map(|line| {
                    let at = line.at.unwrap_or_default();
                    let at = Timestamp::from_nanosecond(at.into()).unwrap_or(since);
                    (at, String::from_utf8_lossy(line.text).into_owned())
                }));
                let more = lines.len().saturating_sub(MOST);
                drop(lines.drain(..more));
            }
            Ok(lines)
        };
        let read = tokio::time::timeout(DEADLINE, reading).await;
        read.unwrap_or_else(|_| {
            let why = format!("it did not answer in {} s", DEADLINE.as_secs());
            Err(deed.failed(ErrorKind::Timeout, why))
        })
    }

    /// Marks a host as one that a deploy works on: a volume that whoever comes first makes. The error names who has it.
    pub async fn mark(&self, host: &HostName, lease: &Lease, by: &str) -> Result<(), Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Made {
            #[serde(default)]
            labels: Option<std::collections::HashMap<String, String>>,
        }
        let deed = Deed::on(
            host,
            "mark the host for a deploy of",
            lease.scope.app.as_str(),
        );
        let session = self.session(&deed).await?;
        let ours = lease.number.to_string();
        let body = json!({
            "Name": mark_name(&lease.scope),
            "Labels": {(label::DEPLOY): ours, (label::BY): by},
        });
        let asked = session.wire.post("/volumes/create").within(DEADLINE);
        let made: Made = asked
            .json_body(&body)
            .json()
            .await
            .map_err(|fault| deed.fault(fault))?;
        let labels = made.labels.unwrap_or_default();
        let of = |name: &str| labels.get(name).map_or("", String::as_str);
        if of(label::DEPLOY) == ours {
            return Ok(());
        }
        let end = format!("volume remove {}@{host}", mark_name(&lease.scope));
        Err(marked(&deed, of(label::DEPLOY), of(label::BY), &end))
    }

    /// Takes the mark off a host. That there is none is as good.
    pub async fn unmark(&self, host: &HostName, scope: &Scope) -> Result<(), Error> {
        let deed = Deed::on(
            host,
            "take the mark off for a deploy of",
            scope.app.as_str(),
        );
        let session = self.session(&deed).await?;
        let path = format!("/volumes/{}", escape(&mark_name(scope)));
        match session.wire.delete(path).within(DEADLINE).status().await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_missing() => Ok(()),
            Err(fault) => Err(deed.fault(fault)),
        }
    }
}

/// What is said where a deploy of another store has left its mark; `end` is the sentence that takes it off.
pub(in crate::engine) fn marked(deed: &Deed, deploy: &str, by: &str, end: &str) -> Error {
    let why =
        format!("a deploy of {deploy} by {by} is under way there, which this store does not know");
    Error {
        remedy: Some(format!("wait for it; if it is over, `{end}`")),
        ..deed.failed(ErrorKind::Conflict, why)
    }
}

/// What the mark of a deploy is called.
pub(super) fn mark_name(scope: &Scope) -> String {
    match &*scope.environment {
        "" => format!("wharf-deploy.{}", scope.app),
        environment => format!("wharf-deploy.{}.{environment}", scope.app),
    }
}

/// The path that asks for the containers of an app.
fn containers_of(scope: &Scope) -> String {
    let filters = json!({"label": [format!("{}={}", label::PROJECT, scope.app)]}).to_string();
    format!(
        "/containers/json{}",
        query(&[("all", "1"), ("filters", &filters)])
    )
}
