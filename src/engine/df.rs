//! `docker system df` in both shapes: itemised up to API 1.51, with ready sums from 1.52 on.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::error::Fault;
use super::session::{Api, Session};
use crate::model::DiskUsage;

/// The engine walks all volumes for this.
const DEADLINE: Duration = Duration::from_mins(3);

/// The first version with sums; items come only when asked for.
const SUMS: Api = Api(52);

/// What the disk is used for, and by what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Df {
    /// The sums.
    pub disk: DiskUsage,
    /// Containers of each image, by its bare id.
    pub used_by: HashMap<String, u32>,
    /// Bytes of each image that other images have, too, by its bare id.
    pub shared: HashMap<String, u64>,
    /// Size of each volume.
    pub volume_size: HashMap<String, u64>,
    /// Containers of each volume.
    pub volume_users: HashMap<String, u32>,
}

/// Asks the engine.
pub(super) async fn df(session: &Session) -> Result<Df, Fault> {
    let path = if session.api >= SUMS {
        "/system/df?verbose=1"
    } else {
        "/system/df"
    };
    let answer: Answer = session.wire.get(path).within(DEADLINE).json().await?;
    Ok(answer.read())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    layers_size: u64,
    #[serde(deserialize_with = "list")]
    images: Vec<Image>,
    #[serde(deserialize_with = "list")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "list")]
    volumes: Vec<Volume>,
    #[serde(deserialize_with = "list")]
    build_cache: Vec<Cache>,
    image_usage: Option<Sum<Image>>,
    container_usage: Option<Sum<IgnoredAny>>,
    volume_usage: Option<Sum<Volume>>,
    build_cache_usage: Option<Sum<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Sum<T> {
    total_count: u32,
    total_size: u64,
    reclaimable: u64,
    #[serde(deserialize_with = "list")]
    items: Vec<T>,
}

impl<T> Default for Sum<T> {
    fn default() -> Self {
        Self {
            total_count: 0,
            total_size: 0,
            reclaimable: 0,
            items: Vec::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Image {
    id: String,
    size: i64,
    shared_size: i64,
    containers: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    size_rw: i64,
    state: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Volume {
    name: String,
    usage_data: Option<VolumeUsage>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VolumeUsage {
    size: i64,
    ref_count: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Cache {
    size: i64,
    in_use: bool,
    shared: bool,
}

/// The engine writes `null` for an empty list.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// An image's id without the name of its hash, which Podman leaves out here.
pub(super) fn bare_id(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// −1 is "not known".
fn bytes(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

impl Image {
    fn own_size(&self) -> u64 {
        bytes(self.size - self.shared_size.max(0))
    }
}

impl Answer {
    fn read(self) -> Df {
        let mut df = Df {
            disk: self.itemised(),
            ..Df::default()
        };
        if let Some(sum) = &self.image_usage {
            df.disk.images = sum.total_count;
            df.disk.layers = sum.total_size;
            df.disk.images_reclaimable = sum.reclaimable;
        }
        if let Some(sum) = &self.container_usage {
            df.disk.containers = sum.total_size;
            df.disk.containers_reclaimable = sum.reclaimable;
        }
        if let Some(sum) = &self.volume_usage {
            df.disk.volumes = sum.total_size;
            df.disk.volumes_reclaimable = sum.reclaimable;
        }
        if let Some(sum) = &self.build_cache_usage {
            df.disk.build_cache = sum.total_size;
            df.disk.build_cache_reclaimable = sum.reclaimable;
        }
        let images = self.image_usage.map_or(self.images, |sum| sum.items);
        let known = images.iter().filter_map(|image| {
            let shared = u64::try_from(image.shared_size).ok()?;
            Some((bare_id(&image.id).to_owned(), shared))
        });
        df.shared = known.collect();
        let counted = images.into_iter().filter(|image| image.containers >= 0);
        df.used_by = counted
            .map(|image| {
                let count = u32::try_from(image.containers).unwrap_or(u32::MAX);
                (bare_id(&image.id).to_owned(), count)
            })
            .collect();
        let volumes = self.volume_usage.map_or(self.volumes, |sum| sum.items);
        df.volume_users = volumes
            .iter()
            .filter_map(|one| {
                Some((
                    one.name.clone(),
                    u32::try_from(one.usage_data?.ref_count).ok()?,
                ))
            })
            .collect();
        df.volume_size = volumes
            .into_iter()
            .filter_map(|one| Some((one.name, u64::try_from(one.usage_data?.size).ok()?)))
            .collect();
        df
    }

    /// The sums as the docker command reckons them from the items.
    fn itemised(&self) -> DiskUsage {
        // Podman sums nothing up.
        let layers = match self.layers_size {
            0 => self.images.iter().map(Image::own_size).sum(),
            known => known,
        };
        let kept: u64 = self
            .images
            .iter()
            .filter(|image| image.containers != 0)
            .map(Image::own_size)
            .sum();
        let lives =
            |one: &&Container| matches!(one.state.as_str(), "running" | "paused" | "restarting");
        let containers = |all: &mut dyn Iterator<Item = &Container>| {
            all.map(|one| bytes(one.size_rw)).sum::<u64>()
        };
        let volume = |one: &Volume| one.usage_data.unwrap_or_default();
        let owned = || self.build_cache.iter().filter(|one| !one.shared);
        DiskUsage {
            images: u32::try_from(self.images.len()).unwrap_or(u32::MAX),
            layers,
            images_reclaimable: layers.saturating_sub(kept),
            containers: containers(&mut self.containers.iter()),
            containers_reclaimable: containers(
                &mut self.containers.iter().filter(|one| !lives(one)),
            ),
            volumes: self.volumes.iter().map(|one| bytes(volume(one).size)).sum(),
            volumes_reclaimable: self
                .volumes
                .iter()
                .map(volume)
                .filter(|usage| usage.ref_count == 0)
                .map(|usage| bytes(usage.size))
                .sum(),
            build_cache: owned().map(|one| bytes(one.size)).sum(),
            build_cache_reclaimable: owned()
                .filter(|one| !one.in_use)
                .map(|one| bytes(one.size))
                .sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(text: &[u8]) -> Df {
        serde_json::from_slice::<Answer>(text).unwrap().read()
    }

    #[test]
    fn items_are_summed_up_as_the_docker_command_does() {
        let df = read(include_bytes!("recorded/docker-20.10-df.json"));
        let expected = DiskUsage {
            images: 2,
            layers: 5_000_000,
            images_reclaimable: 5_000_000 - 1_982_465,
            containers: 1050,
            containers_reclaimable: 1000,
            volumes: 730,
            volumes_reclaimable: 30,
            build_cache: 490,
            build_cache_reclaimable: 90,
        };
        assert_eq!(df.disk, expected);
        assert_eq!(df.used_by[&"b".repeat(64)], 0);
        assert_eq!(df.volume_size.get("db"), Some(&700));
        assert_eq!(df.volume_size.get("far"), None, "not known is not zero");
    }

    #[test]
    fn podman_sums_nothing_up() {
        let df = read(include_bytes!("recorded/podman-4.3-df.json"));
        assert_eq!((df.disk.images, df.disk.layers), (1, 2_008_123));
        assert_eq!(df.used_by.values().copied().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn sums_are_taken_as_they_come_since_api_1_52() {
        let text = br#"{"ImageUsage":{"ActiveCount":1,"TotalCount":2,"Reclaimable":30,"TotalSize":100,
            "Items":[{"Id":"sha256:aa","Containers":1,"Size":70,"SharedSize":0}]},
            "ContainerUsage":{"ActiveCount":1,"TotalCount":3,"Reclaimable":4,"TotalSize":9},
            "VolumeUsage":{"TotalCount":1,"TotalSize":8,"Reclaimable":8,"Items":[{"Name":"v","UsageData":{"Size":8,"RefCount":0}}]},
            "BuildCacheUsage":{"TotalCount":0,"TotalSize":7,"Reclaimable":6,"Items":null}}"#;
        let df = read(text);
        let expected = DiskUsage {
            images: 2,
            layers: 100,
            images_reclaimable: 30,
            containers: 9,
            containers_reclaimable: 4,
            volumes: 8,
            volumes_reclaimable: 8,
            build_cache: 7,
            build_cache_reclaimable: 6,
        };
        assert_eq!(df.disk, expected);
        assert_eq!((df.used_by["aa"], df.volume_size["v"]), (1, 8));
    }
}
