//! What a host has beside containers: images, networks, volumes, and the disk they fill.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use serde::Serialize;

use super::{Container, Host, Subnet, Timestamp};

/// An image's id, `sha256:…`.
pub type ImageId = Arc<str>;

/// What a host has beside containers. Each is told apart on its host by an id: a digest, an id, a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// An image, by its id.
    Image,
    /// A network, by its id.
    Network,
    /// A volume, by its name.
    Volume,
    /// A node of a Swarm, by its id; a manager tells of it.
    Node,
    /// A service of a Swarm, by its id.
    Service,
    /// A secret of a Swarm, by its id.
    Secret,
    /// A config of a Swarm, by its id.
    Config,
}

impl Resource {
    /// The word for one: `image`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Node => "node",
            Self::Service => "service",
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    /// Whether it belongs to a Swarm, of which each manager tells the same.
    pub fn is_swarms(self) -> bool {
        match self {
            Self::Node | Self::Service | Self::Secret | Self::Config => true,
            Self::Image | Self::Network | Self::Volume => false,
        }
    }

    /// The noun of its sentences.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Config => "swarm-config",
            other => other.word(),
        }
    }
}

/// One image of one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Image {
    /// Its id (the digest of its configuration).
    pub id: ImageId,
    /// Its tags, `repository:tag`.
    pub tags: Vec<Arc<str>>,
    /// Its digests in registries, `repository@sha256:…`.
    pub digests: Vec<Arc<str>>,
    /// When it was made.
    pub created: Timestamp,
    /// Its size in bytes with all its layers.
    pub size: u64,
    /// Bytes of its layers that other images of its host have, too; none when the engine did not say.
    pub shared: Option<u64>,
    /// Containers that use it; none when the engine did not say.
    pub used_by: Option<u32>,
}

/// A name of an image without its tag, and that; `latest` where none is said. A port of the registry is no tag.
pub fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        Some(_) | None => (name, "latest"),
    }
}

impl Image {
    /// What it is called: its first tag, else its first digest, else the beginning of its id.
    pub fn name(&self) -> &str {
        match self.tags.first().or_else(|| self.digests.first()) {
            Some(name) => name,
            None => self.short_id(),
        }
    }

    /// The first twelve digits of its id.
    pub fn short_id(&self) -> &str {
        let digits = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        digits.get(..12).unwrap_or(digits)
    }

    /// Bytes of its layers that no other image of its host has: what its removal frees.
    pub fn unique(&self) -> Option<u64> {
        self.shared.map(|shared| self.size.saturating_sub(shared))
    }

    /// Whether it comes from a registry of one's own: the first part of its name is a host
    /// (has a dot or a colon, or is `localhost`) that is not one of the well-known public ones.
    pub fn is_private(&self) -> bool {
        const PUBLIC: [&str; 8] = [
            "docker.io",
            "index.docker.io",
            "ghcr.io",
            "quay.io",
            "gcr.io",
            "registry.k8s.io",
            "mcr.microsoft.com",
            "public.ecr.aws",
        ];
        let name = self.tags.first().or_else(|| self.digests.first());
        name.and_then(|name| name.split_once('/'))
            .is_some_and(|(registry, _)| {
                let is_host = registry == "localhost" || registry.contains(['.', ':']);
                is_host && !PUBLIC.contains(&registry)
            })
    }
}

/// One network of one host. An overlay network of a Swarm is told by each host that takes part in it, with one id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Its id.
    pub id: Arc<str>,
    /// Its name; not unique in Docker.
    pub name: Arc<str>,
    /// Its driver: `bridge`, `overlay`, `macvlan` …
    pub driver: Arc<str>,
    /// `local`, `global` or `swarm`.
    pub scope: Arc<str>,
    /// Its subnets.
    pub subnets: Vec<Pool>,
    /// Whether it has no way out.
    pub internal: bool,
    /// Whether single containers may be attached to it, where it is a Swarm's.
    pub attachable: bool,
    /// Whether it is the one that publishes the ports of a Swarm.
    pub ingress: bool,
    /// Whether its containers have IPv6 addresses, too.
    pub ipv6: bool,
    /// Options of its driver.
    pub options: BTreeMap<Arc<str>, Arc<str>>,
    /// Its labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// The app that made it.
    pub app: Option<Arc<str>>,
}

/// A subnet of a network, and what is set apart in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Pool {
    /// Its addresses.
    pub subnet: Subnet,
    /// The address of its way out.
    pub gateway: Option<IpAddr>,
    /// The part that addresses are dealt from; none for the whole.
    pub ip_range: Option<Subnet>,
    /// Addresses in use by others than containers, by what has them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aux: BTreeMap<Arc<str>, IpAddr>,
}

impl Pool {
    /// A subnet in which nothing is set apart.
    pub fn new(subnet: Subnet) -> Self {
        Self {
            subnet,
            gateway: None,
            ip_range: None,
            aux: BTreeMap::new(),
        }
    }

    /// The addresses that the engine deals from.
    pub fn dealt(&self) -> Subnet {
        self.ip_range.unwrap_or(self.subnet)
    }
}

impl Network {
    /// Whether it belongs to the engine itself: nobody made it, and nobody can remove it.
    pub fn is_engines_own(&self) -> bool {
        matches!(&*self.name, "bridge" | "host" | "none")
    }

    /// Whether several hosts of a Swarm share it.
    pub fn is_shared(&self) -> bool {
        &*self.scope == "swarm"
    }

    /// Whether a container is attached to it, running or not. Engines tell the id only where the container was started
    /// at least once; else the name counts.
    pub fn has(&self, container: &Container) -> bool {
        self.attachment(container).is_some()
    }

    /// How a container is attached to it.
    pub fn attachment<'c>(&self, container: &'c Container) -> Option<&'c super::Attachment> {
        let is_here = |one: &&super::Attachment| {
            if one.id.is_empty() {
                one.network == self.name
            } else {
                one.id == self.id
            }
        };
        container.networks.iter().find(is_here)
    }
}

/// One volume of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Its name.
    pub name: Arc<str>,
    /// Its driver.
    pub driver: Arc<str>,
    /// `local` or `global`.
    pub scope: Arc<str>,
    /// Where the host has it.
    pub mountpoint: Arc<str>,
    /// When it was made; some engines do not say.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// The options that its driver was given.
    pub options: BTreeMap<Box<str>, Box<str>>,
    /// The app that made it.
    pub app: Option<Arc<str>>,
    /// Its size in bytes; known from `df` only.
    pub size: Option<u64>,
    /// How many containers mount it; known from `df` only.
    pub references: Option<u32>,
    /// When it was last backed up, as the configured directories of backups say.
    pub backup: Option<Timestamp>,
}

impl Volume {
    /// What our own helper containers are called: they mount a volume without using it.
    pub const HELPER: &'static str = "wharf-helper-";

    /// The label of those that nobody named, since Docker 23.
    pub const ANONYMOUS: &'static str = "com.docker.volume.anonymous";

    /// Whether nobody named it: labelled so since Docker 23, else known by its name of 64 hexadecimal digits.
    pub fn is_anonymous(&self) -> bool {
        let name = &self.name;
        self.labels.contains_key(Self::ANONYMOUS)
            || (name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// The containers of its host that mount it, by name.
    pub fn users<'h>(&self, host: &'h Host) -> Vec<&'h Container> {
        let mut users: Vec<&Container> = host
            .containers
            .values()
            .filter(|one| one.volumes.contains(&self.name) && !one.name.starts_with(Self::HELPER))
            .collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        users
    }
}

/// What `docker system df` says, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskUsage {
    /// Number of images.
    pub images: u32,
    /// Layers of all images.
    pub layers: u64,
    /// Of the images' size, what no container uses.
    pub images_reclaimable: u64,
    /// Writable layers of all containers.
    pub containers: u64,
    /// Of them, those of containers that do not run.
    pub containers_reclaimable: u64,
    /// All local volumes.
    pub volumes: u64,
    /// Of them, those no container uses.
    pub volumes_reclaimable: u64,
    /// The build cache.
    pub build_cache: u64,
    /// Of it, what is not in use.
    pub build_cache_reclaimable: u64,
}

impl DiskUsage {
    /// All that Docker occupies.
    pub fn total(&self) -> u64 {
        self.layers + self.containers + self.volumes + self.build_cache
    }

    /// What pruning everything would free.
    pub fn reclaimable(&self) -> u64 {
        self.images_reclaimable
            + self.containers_reclaimable
            + self.volumes_reclaimable
            + self.build_cache_reclaimable
    }
}
