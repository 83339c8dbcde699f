//! What a host has beside containers: images, networks, volumes, and the disk they fill.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::{ListImagesOptions, ListNetworksOptions};
use serde::Deserialize;

use super::backup::vault;
use super::df::{bare_id, df};
use super::docker::asked;
use super::error::Fault;
use super::outbox::Outbox;
use super::session::Session;
use crate::model::{Event, Image, Network, Pool, Timestamp, Volume};

/// Hosts may have thousands of images.
const DEADLINE: Duration = Duration::from_secs(30);

/// Asks for everything and tells each part as soon as it is there. A part that is refused (by a
/// proxy, mostly) does not keep the others back.
pub(super) async fn tell_all(
    session: &Session,
    vaults: &[PathBuf],
    out: &Outbox,
) -> Result<(), Fault> {
    let host = || out.host.clone();
    let images = unless_refused(images(session).await)?;
    if let Ok(images) = &images {
        out.tell(Event::Images(host(), images.clone())).await;
    }
    let networks = unless_refused(networks(session).await)?;
    if let Ok(networks) = &networks {
        out.tell(Event::Networks(host(), networks.clone())).await;
    }
    let volumes = unless_refused(volumes(session).await)?;
    if let Ok(volumes) = &volumes {
        let mut volumes = volumes.clone();
        vault::date(vaults, &out.host, &mut volumes).await;
        out.tell(Event::Volumes(host(), volumes)).await;
    }
    // Sizes and users are known only now: the engine has to walk its directories for them.
    let df = df(session).await?;
    let mut refused = networks.err();
    match images {
        Ok(mut images) => {
            for image in &mut images {
                image.used_by = df.used_by.get(bare_id(&image.id)).copied();
                image.shared = df.shared.get(bare_id(&image.id)).copied();
            }
            out.tell(Event::Images(host(), images)).await;
        }
        Err(fault) => refused = Some(fault),
    }
    match volumes {
        Ok(mut volumes) => {
            for volume in &mut volumes {
                volume.size = df.volume_size.get(&*volume.name).copied();
                volume.references = df.volume_users.get(&*volume.name).copied();
            }
            vault::date(vaults, &out.host, &mut volumes).await;
            out.tell(Event::Volumes(host(), volumes)).await;
        }
        Err(fault) => refused = Some(fault),
    }
    out.tell(Event::Disk(host(), df.disk)).await;
    refused.map_or(Ok(()), Err)
}

/// Passes faults of the way on at once; a refusal concerns one question only.
fn unless_refused<T>(result: Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    match result {
        Err(fault @ (Fault::Refused { .. } | Fault::Garbled(_))) => Ok(Err(fault)),
        other => other.map(Ok),
    }
}

/// All images, without the unnamed layers between.
pub(super) async fn images(session: &Session) -> Result<Vec<Image>, Fault> {
    let found = asked(
        DEADLINE,
        session.docker.list_images(None::<ListImagesOptions>),
    )
    .await?;
    let texts = |list: Vec<String>| -> Vec<Arc<str>> {
        let named = list.into_iter().filter(|text| !text.starts_with("<none>"));
        named.map(Arc::from).collect()
    };
    Ok(found
        .into_iter()
        .map(|one| Image {
            id: Arc::from(one.id),
            tags: texts(one.repo_tags),
            digests: texts(one.repo_digests),
            created: Timestamp::from_second(one.created).unwrap_or(Timestamp::UNIX_EPOCH),
            size: u64::try_from(one.size).unwrap_or(0),
            shared: u64::try_from(one.shared_size).ok(),
            used_by: u32::try_from(one.containers).ok(),
        })
        .collect())
}

/// All networks.
pub(super) async fn networks(session: &Session) -> Result<Vec<Network>, Fault> {
    let found = asked(
        DEADLINE,
        session.docker.list_networks(None::<ListNetworksOptions>),
    )
    .await?;
    let text = |text: Option<String>| Arc::from(text.unwrap_or_default());
    Ok(found
        .into_iter()
        .map(|one| Network {
            id: text(one.id),
            name: text(one.name),
            driver: text(one.driver),
            scope: text(one.scope),
            subnets: one
                .ipam
                .and_then(|ipam| ipam.config)
                .unwrap_or_default()
                .into_iter()
                .filter_map(pool)
                .collect(),
            internal: one.internal.unwrap_or(false),
            attachable: one.attachable.unwrap_or(false),
            ingress: one.ingress.unwrap_or(false),
            ipv6: one.enable_ipv6.unwrap_or(false),
            app: app(one.labels.as_ref().unwrap_or(&HashMap::new())),
            options: texts(one.options),
            labels: texts(one.labels),
        })
        .collect())
}

fn texts(pairs: Option<HashMap<String, String>>) -> BTreeMap<Arc<str>, Arc<str>> {
    let pairs = pairs.unwrap_or_default().into_iter();
    pairs
        .map(|(key, value)| (Arc::from(key), Arc::from(value)))
        .collect()
}

/// A subnet of a network; none where the engine tells none that can be read.
fn pool(config: bollard::models::IpamConfig) -> Option<Pool> {
    let address = |text: String| {
        // Engines tell a gateway with the prefix of its subnet sometimes.
        let bare = text.split_once('/').map_or(&*text, |(address, _)| address);
        bare.parse().ok()
    };
    let aux = config.auxiliary_addresses.unwrap_or_default().into_iter();
    Some(Pool {
        subnet: config.subnet?.parse().ok()?,
        gateway: config.gateway.and_then(address),
        ip_range: config.ip_range.and_then(|text| text.parse().ok()),
        aux: aux
            .filter_map(|(name, at)| Some((Arc::from(name), address(at)?)))
            .collect(),
    })
}

/// All volumes. (bollard cannot read those of drivers that report a status.)
pub(super) async fn volumes(session: &Session) -> Result<Vec<Volume>, Fault> {
    let found = named_volumes(session, "").await?;
    Ok(found.into_iter().map(VolumeEntry::into_volume).collect())
}

/// A volume as the engine lists it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VolumeEntry {
    /// Its name.
    pub name: String,
    /// Its driver.
    #[serde(default)]
    pub driver: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    mountpoint: String,
    #[serde(default)]
    created_at: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<HashMap<String, String>>,
    /// The options that its driver was given.
    #[serde(default)]
    pub options: Option<HashMap<String, String>>,
}

impl VolumeEntry {
    /// As the fleet knows it.
    pub fn into_volume(self) -> Volume {
        let labels = self.labels.unwrap_or_default();
        let boxed = |map: HashMap<String, String>| {
            let pairs = map.into_iter();
            pairs
                .map(|(key, value)| (key.into(), value.into()))
                .collect()
        };
        Volume {
            app: app(&labels),
            name: Arc::from(self.name),
            driver: Arc::from(self.driver),
            scope: Arc::from(self.scope),
            mountpoint: Arc::from(self.mountpoint),
            created: self.created_at.parse().ok(),
            labels: boxed(labels),
            options: boxed(self.options.unwrap_or_default()),
            ..Volume::default()
        }
    }
}

/// The volumes that a query lets through; an empty one lets all.
pub(super) async fn named_volumes(
    session: &Session,
    query: &str,
) -> Result<Vec<VolumeEntry>, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(default)]
        volumes: Option<Vec<VolumeEntry>>,
    }
    let path = format!("/volumes{query}");
    let answer: Answer = session.wire.get(path).within(DEADLINE).json().await?;
    Ok(answer.volumes.unwrap_or_default())
}

fn app(labels: &HashMap<String, String>) -> Option<Arc<str>> {
    ["com.docker.compose.project", "com.docker.stack.namespace"]
        .iter()
        .find_map(|key| labels.get(*key))
        .map(|name| Arc::from(name.as_str()))
}
