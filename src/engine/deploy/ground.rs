//! Makes a container with what it stands on: networks, volumes, files. All of it may be there already.

use serde_json::{Map, json};

use super::{DEADLINE, body, files, label, look};
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::network;
use crate::engine::session::Session;
use crate::engine::wire::{escape, full, query};
use crate::model::app::{AppNetwork, AppVolume, MountKind, Service, Spec};
use crate::model::release::{Converge, Secrets};
use crate::model::{ContainerId, NetworkSpec, Pool, Subnet};

/// What is needed to make a container.
pub(super) struct Making<'m> {
    pub session: &'m Session,
    pub converge: &'m Converge,
    /// What the image is called on the host.
    pub image: &'m str,
    /// The port of the host at which a balancer finds it.
    pub port: Option<u16>,
    /// What the container is to be called.
    pub name: &'m str,
    pub secrets: &'m Secrets,
    pub deed: &'m Deed,
}

/// What a network of an app is called on its hosts.
pub(in crate::engine) fn network_name(spec: &Spec, key: &str) -> String {
    let one = spec.networks.get(key);
    name_of(
        spec,
        key,
        one.map(|one| (one.name.as_deref(), one.external)),
    )
}

/// What a volume of an app is called on its hosts.
pub(in crate::engine) fn volume_name(spec: &Spec, key: &str) -> String {
    let one = spec.volumes.get(key);
    name_of(
        spec,
        key,
        one.map(|one| (one.name.as_deref(), one.external)),
    )
}

/// By the name that it has been given; what is there already goes by its key, what is made after its app, too.
fn name_of(spec: &Spec, key: &str, told: Option<(Option<&str>, bool)>) -> String {
    match told {
        Some((Some(name), _)) => name.to_owned(),
        Some((None, true)) => key.to_owned(),
        Some((None, false)) | None => format!("{}_{key}", spec.name),
    }
}

/// A network of an app as it is to be made.
pub(in crate::engine) fn network_spec(
    spec: &Spec,
    key: &str,
    wanted: &AppNetwork,
) -> Result<NetworkSpec, String> {
    let shared = |map: &std::collections::BTreeMap<String, String>| {
        let pairs = map.iter();
        pairs
            .map(|(a, b)| (a.as_str().into(), b.as_str().into()))
            .collect()
    };
    let mut labels: std::collections::BTreeMap<std::sync::Arc<str>, std::sync::Arc<str>> =
        shared(&wanted.labels);
    labels.insert(label::PROJECT.into(), spec.name.as_str().into());
    labels.insert(label::NETWORK.into(), key.into());
    let mut subnets = Vec::new();
    for pool in &wanted.pools {
        let Some(subnet) = pool.subnet else { continue };
        let read = |net: ipnet::IpNet| {
            let read = net.to_string().parse::<Subnet>();
            read.map_err(|error| format!("network {key}: {error}"))
        };
        subnets.push(Pool {
            gateway: pool.gateway,
            ip_range: pool.ip_range.map(read).transpose()?,
            aux: pool
                .aux_addresses
                .iter()
                .map(|(name, address)| (name.as_str().into(), *address))
                .collect(),
            ..Pool::new(read(subnet)?)
        });
    }
    Ok(NetworkSpec {
        driver: wanted.driver.as_deref().map(Into::into),
        subnets,
        internal: wanted.internal,
        attachable: wanted.attachable,
        ipv6: wanted.ipv6.unwrap_or(false),
        options: shared(&wanted.driver_opts),
        labels,
    })
}

impl Making<'_> {
    fn spec(&self) -> &Spec {
        &self.converge.release.spec
    }

    fn service(&self) -> Result<&Service, Error> {
        let name = &self.converge.target.service;
        let service = self.spec().services.get(name);
        service.ok_or_else(|| self.rejected(format!("the release has no service {name}")))
    }

    fn rejected(&self, why: impl Into<String>) -> Error {
        self.deed.failed(ErrorKind::Rejected, why)
    }

    /// Makes it, unless one of its name is there, which is ours when it is made of the same.
    pub async fn make(&self) -> Result<(), Error> {
        let service = self.service()?;
        for key in service.networks.keys() {
            self.network(key).await?;
        }
        for mount in &service.mounts {
            if let MountKind::Volume {
                source: Some(key), ..
            } = &mount.kind
            {
                self.volume(key).await?;
            }
        }
        let archive = self.files().await?;
        let lender = self.lender().await?;
        let wanted = body::of(
            self.converge,
            service,
            (self.image, lender.as_ref()),
            self.port,
            self.session.api,
            self.secrets,
        );
        let wanted = wanted.map_err(|why| self.rejected(why))?;
        let path = format!("/containers/create{}", query(&[("name", self.name)]));
        let asked = self.session.wire.post(path).within(DEADLINE);
        match asked.json_body(&wanted.container).status().await {
            Ok(_) => {}
            // Who was killed right after making it comes here again: the loop looks whose it is.
            Err(Fault::Refused {
                status: 409,
                message,
            }) if self.is_there().await => {
                tracing::debug!(message, "the container is there already");
                return Ok(());
            }
            Err(fault) => return Err(self.deed.fault(fault)),
        }
        let done = self.furnish(archive, &wanted.more).await;
        if done.is_err() {
            // Half made it would count as whole the next time.
            let path = format!("/containers/{}?force=1&v=1", escape(self.name));
            drop(
                self.session
                    .wire
                    .delete(path)
                    .within(DEADLINE)
                    .status()
                    .await,
            );
        }
        done
    }

    /// The container whose network it uses, where its service uses that of another one.
    async fn lender(&self) -> Result<Option<ContainerId>, Error> {
        let Converge {
            release, target, ..
        } = self.converge;
        let Some(other) = release.shares(&target.service) else {
            return Ok(None);
        };
        let all = look::containers(self.session, &release.scope).await;
        let all = all.map_err(|fault| self.deed.fault(fault))?;
        match release.lender(target, &all) {
            Some(one) => Ok(Some(one.id.clone())),
            None => Err(self.rejected(format!("no container of {other} runs to share a network"))),
        }
    }

    /// Puts files into it and attaches it to further networks.
    async fn furnish(
        &self,
        archive: Option<Vec<u8>>,
        more: &[(String, serde_json::Value)],
    ) -> Result<(), Error> {
        let fault = |fault| self.deed.fault(fault);
        if let Some(archive) = archive {
            let path = format!("/containers/{}/archive?path=/", escape(self.name));
            let asked = self.session.wire.put(path).within(DEADLINE);
            let sent = asked.body("application/x-tar", full(archive)).status();
            sent.await.map_err(fault)?;
        }
        for (network, endpoint) in more {
            let path = format!("/networks/{}/connect", escape(network));
            let plug = json!({"Container": self.name, "EndpointConfig": endpoint});
            let asked = self.session.wire.post(path).within(DEADLINE);
            asked.json_body(&plug).status().await.map_err(fault)?;
        }
        Ok(())
    }

    /// The files that go into it. Secrets may be read from a disk, on a thread of its own.
    async fn files(&self) -> Result<Option<Vec<u8>>, Error> {
        let (release, target) = (self.converge.release.clone(), self.converge.target.clone());
        let secrets = self.secrets.clone();
        let made = tokio::task::spawn_blocking(move || files::archive(&release, &target, &secrets));
        let made = made.await.unwrap_or_else(|error| Err(error.to_string()));
        made.map_err(|why| self.deed.failed(ErrorKind::Local, why))
    }

    /// Whether a container of its name is there.
    async fn is_there(&self) -> bool {
        let path = format!("/containers/{}/json", escape(self.name));
        self.session.wire.get(path).status().await.is_ok()
    }

    /// Makes a network of the app, unless it is there.
    async fn network(&self, key: &str) -> Result<(), Error> {
        let plain = AppNetwork::default();
        let wanted = self.spec().networks.get(key).unwrap_or(&plain);
        let name = network_name(self.spec(), key);
        let deed = Deed::on(&self.deed.host, "create the network", &name);
        let there = || network::is_there(self.session, &name);
        if there().await.map_err(|fault| deed.fault(fault))? {
            return Ok(());
        }
        if wanted.external {
            let why = format!("the app needs a network {name}, which has to be there");
            return Err(self.rejected(why));
        }
        let spec = network_spec(self.spec(), key, wanted);
        let spec = spec.map_err(|why| self.rejected(why))?;
        match network::create(self.session, &name, &spec, &deed).await {
            Ok(_) => Ok(()),
            // Another replica made it at the same moment.
            Err(error) if error.kind == ErrorKind::Conflict => {
                if there().await.map_err(|fault| deed.fault(fault))? {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a volume of the app, unless it is there: the engine answers with the one that is.
    async fn volume(&self, key: &str) -> Result<(), Error> {
        let plain = AppVolume::default();
        let wanted = self.spec().volumes.get(key).unwrap_or(&plain);
        let name = volume_name(self.spec(), key);
        let deed = Deed::on(&self.deed.host, "create the volume", &name);
        if wanted.external {
            let path = format!("/volumes/{}", escape(&name));
            return match self.session.wire.get(path).status().await {
                Ok(_) => Ok(()),
                Err(fault) if fault.is_missing() => Err(self.rejected(format!(
                    "the app needs a volume {name}, which has to be there"
                ))),
                Err(fault) => Err(deed.fault(fault)),
            };
        }
        let mut labels: Map<String, serde_json::Value> = wanted
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        labels.insert(label::PROJECT.to_owned(), json!(self.spec().name.as_str()));
        labels.insert(label::VOLUME.to_owned(), json!(key));
        let body = json!({
            "Name": name,
            "Driver": wanted.driver.as_deref().unwrap_or("local"),
            "DriverOpts": wanted.driver_opts,
            "Labels": labels,
        });
        let asked = self.session.wire.post("/volumes/create").within(DEADLINE);
        let made = asked.json_body(&body).status().await;
        made.map(drop).map_err(|fault| deed.fault(fault))
    }
}
