//! The columns of images, networks and volumes.

use std::{borrow::Cow, collections::HashMap};

use super::{
    Align, Column, OnHost, Row, Rows, Tone, between, fixed, growing, host_column, natural, of_host,
};
use crate::model::{Host, Image, Network, Subnet, Volume, ago, bytes};

/// An image with its host.
#[derive(Clone, Copy, Debug)]
pub struct ImageRow<'a> {
    /// The host.
    pub host: &'a Host,
    /// The image.
    pub image: &'a Image,
}

/// A network with its host.
#[derive(Clone, Copy, Debug)]
pub struct NetworkRow<'a> {
    /// The host.
    pub host: &'a Host,
    /// The network.
    pub network: &'a Network,
}

/// A volume with its host.
#[derive(Clone, Copy, Debug)]
pub struct VolumeRow<'a> {
    /// The host.
    pub host: &'a Host,
    /// The volume.
    pub volume: &'a Volume,
    /// How many containers mount it.
    pub users: usize,
}

impl<'a> VolumeRow<'a> {
    /// One volume.
    pub fn new(host: &'a Host, volume: &'a Volume) -> Self {
        let users = volume.users(host).len();
        Self {
            host,
            volume,
            users,
        }
    }

    /// All volumes of a host; its containers are gone through once.
    pub fn all(host: &'a Host) -> impl Iterator<Item = Self> {
        let mut users: HashMap<&str, usize> = HashMap::new();
        for one in host.containers.values() {
            if one.name.starts_with(Volume::HELPER) {
                continue;
            }
            for (at, name) in one.volumes.iter().enumerate() {
                // One that is mounted twice is used once.
                if !one.volumes[..at].contains(name) {
                    *users.entry(name).or_default() += 1;
                }
            }
        }
        host.volumes.iter().flatten().map(move |volume| Self {
            host,
            volume,
            users: users.get(&*volume.name).copied().unwrap_or(0),
        })
    }

    /// Who mounts it, by name.
    fn names(&self) -> String {
        let users = self.volume.users(self.host);
        let names: Vec<&str> = users.iter().map(|one| &*one.name).collect();
        names.join(", ")
    }
}

/// Rows of images.
#[derive(Clone, Copy, Debug)]
pub struct Images;

/// Rows of networks.
#[derive(Clone, Copy, Debug)]
pub struct Networks;

/// Rows of volumes.
#[derive(Clone, Copy, Debug)]
pub struct Volumes;

impl Rows for Images {
    type Row<'a> = ImageRow<'a>;

    const NAME: &'static str = "images";

    fn columns() -> &'static [Column<Self>] {
        images()
    }
}

impl Rows for Networks {
    type Row<'a> = NetworkRow<'a>;

    const NAME: &'static str = "networks";

    fn columns() -> &'static [Column<Self>] {
        networks()
    }
}

impl Rows for Volumes {
    type Row<'a> = VolumeRow<'a>;

    const NAME: &'static str = "volumes";

    fn columns() -> &'static [Column<Self>] {
        volumes()
    }
}

impl OnHost for Images {
    fn host<'r>(row: &'r Self::Row<'_>) -> &'r Host {
        row.host
    }
}

/// The columns of images.
pub fn images() -> &'static [Column<Images>] {
    &IMAGES
}

impl OnHost for Networks {
    fn host<'r>(row: &'r Self::Row<'_>) -> &'r Host {
        row.host
    }
}

/// The columns of networks.
pub fn networks() -> &'static [Column<Networks>] {
    &NETWORKS
}

impl OnHost for Volumes {
    fn host<'r>(row: &'r Self::Row<'_>) -> &'r Host {
        row.host
    }
}

/// The columns of volumes.
pub fn volumes() -> &'static [Column<Volumes>] {
    &VOLUMES
}

fn image_name(image: &Image) -> &str {
    let name = image.tags.first().or_else(|| image.digests.first());
    name.map_or("<none>", |name| name)
}

fn short_id(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

/// The subnets of a network as one text.
fn cidrs(network: &Network, between: &str) -> String {
    let texts: Vec<String> = blocks(network).map(|one| one.to_string()).collect();
    texts.join(between)
}

/// The subnets of a network, to be put in order.
fn blocks(network: &Network) -> impl Iterator<Item = Subnet> {
    network.subnets.iter().map(|pool| pool.subnet)
}

static IMAGES: [Column<Images>; 10] = [
    host_column(),
    Column {
        name: "name",
        title: "IMAGE",
        about: "Its first tag",
        align: Align::Left,
        width: growing(12, 40),
        text: |row, _| Cow::Borrowed(image_name(row.image)),
        tone: |_| Tone::Accent,
        order: |a, b| natural(image_name(a.image), image_name(b.image)),
        shown: true,
        priority: 0,
    },
    Column {
        name: "tags",
        title: "TAGS",
        about: "How many tags it has",
        align: Align::Right,
        width: fixed(4),
        text: |row, _| row.image.tags.len().to_string().into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.image.tags.len().cmp(&b.image.tags.len()),
        shown: false,
        priority: 5,
    },
    Column {
        name: "id",
        title: "ID",
        about: "The first twelve digits of its id",
        align: Align::Left,
        width: fixed(12),
        text: |row, _| Cow::Borrowed(short_id(&row.image.id)),
        tone: |_| Tone::Faint,
        order: |a, b| a.image.id.cmp(&b.image.id),
        shown: true,
        priority: 4,
    },
    Column {
        name: "size",
        title: "SIZE",
        about: "Its size with all its layers",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| bytes(row.image.size).into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.image.size.cmp(&b.image.size),
        shown: true,
        priority: 2,
    },
    Column {
        name: "shared",
        title: "SHARED",
        about: "What of its size other images of the host have, too",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| {
            row.image
                .shared
                .map_or(Cow::Borrowed(""), |size| bytes(size).into())
        },
        tone: |_| Tone::Faint,
        order: |a, b| a.image.shared.cmp(&b.image.shared),
        shown: false,
        priority: 5,
    },
    Column {
        name: "unique",
        title: "UNIQUE",
        about: "What of its size no other image of the host has: its removal frees that",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| {
            row.image
                .unique()
                .map_or(Cow::Borrowed(""), |size| bytes(size).into())
        },
        tone: |_| Tone::Plain,
        order: |a, b| a.image.unique().cmp(&b.image.unique()),
        shown: false,
        priority: 4,
    },
    Column {
        name: "origin",
        title: "ORIGIN",
        about: "From a public registry, or from one of one's own",
        align: Align::Left,
        width: fixed(7),
        text: |row, _| {
            Cow::Borrowed(if row.image.is_private() {
                "private"
            } else {
                "public"
            })
        },
        tone: |_| Tone::Faint,
        order: |a, b| a.image.is_private().cmp(&b.image.is_private()),
        shown: false,
        priority: 5,
    },
    Column {
        name: "used",
        title: "USED",
        about: "Containers that use it",
        align: Align::Right,
        width: fixed(4),
        text: |row, _| match row.image.used_by {
            Some(count) => count.to_string().into(),
            None => Cow::Borrowed(""),
        },
        tone: |_| Tone::Plain,
        order: |a, b| a.image.used_by.cmp(&b.image.used_by),
        shown: true,
        priority: 3,
    },
    Column {
        name: "created",
        title: "CREATED",
        about: "How long ago it was made",
        align: Align::Right,
        width: fixed(7),
        text: |row, context| ago(context.now, row.image.created).into(),
        tone: |_| Tone::Faint,
        order: |a, b| b.image.created.cmp(&a.image.created),
        shown: true,
        priority: 3,
    },
];

static NETWORKS: [Column<Networks>; 6] = [
    host_column(),
    Column {
        name: "name",
        title: "NETWORK",
        about: "Its name",
        align: Align::Left,
        width: growing(10, 28),
        text: |row, _| Cow::Borrowed(&*row.network.name),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.network.name, &b.network.name),
        shown: true,
        priority: 0,
    },
    Column {
        name: "driver",
        title: "DRIVER",
        about: "Its driver",
        align: Align::Left,
        width: between(6, 10),
        text: |row, _| Cow::Borrowed(&*row.network.driver),
        tone: |_| Tone::Plain,
        order: |a, b| a.network.driver.cmp(&b.network.driver),
        shown: true,
        priority: 2,
    },
    Column {
        name: "scope",
        title: "SCOPE",
        about: "Local to its host, or not",
        align: Align::Left,
        width: between(5, 7),
        text: |row, _| Cow::Borrowed(&*row.network.scope),
        tone: |_| Tone::Faint,
        order: |a, b| a.network.scope.cmp(&b.network.scope),
        shown: true,
        priority: 4,
    },
    Column {
        name: "subnets",
        title: "SUBNETS",
        about: "Its subnets",
        align: Align::Left,
        width: growing(12, 20),
        text: |row, _| cidrs(row.network, " ").into(),
        tone: |_| Tone::Plain,
        order: |a, b| blocks(a.network).cmp(blocks(b.network)),
        shown: true,
        priority: 2,
    },
    Column {
        name: "app",
        title: "APP",
        about: "The app that made it",
        align: Align::Left,
        width: between(6, 12),
        text: |row, _| Cow::Borrowed(row.network.app.as_deref().unwrap_or("")),
        tone: |_| Tone::Plain,
        order: |a, b| a.network.app.cmp(&b.network.app),
        shown: true,
        priority: 3,
    },
];

static VOLUMES: [Column<Volumes>; 9] = [
    host_column(),
    Column {
        name: "name",
        title: "VOLUME",
        about: "Its name",
        align: Align::Left,
        width: growing(10, 40),
        text: |row, _| Cow::Borrowed(&*row.volume.name),
        tone: |_| Tone::Accent,
        order: |a, b| natural(&a.volume.name, &b.volume.name),
        shown: true,
        priority: 0,
    },
    Column {
        name: "driver",
        title: "DRIVER",
        about: "Its driver",
        align: Align::Left,
        width: between(6, 10),
        text: |row, _| Cow::Borrowed(&*row.volume.driver),
        tone: |_| Tone::Plain,
        order: |a, b| a.volume.driver.cmp(&b.volume.driver),
        shown: true,
        priority: 3,
    },
    Column {
        name: "size",
        title: "SIZE",
        about: "Its size, where the engine told it",
        align: Align::Right,
        width: fixed(6),
        text: |row, _| match row.volume.size {
            Some(size) => bytes(size).into(),
            None => Cow::Borrowed(""),
        },
        tone: |_| Tone::Plain,
        order: |a, b| a.volume.size.cmp(&b.volume.size),
        shown: true,
        priority: 2,
    },
    Column {
        name: "app",
        title: "APP",
        about: "The app that made it",
        align: Align::Left,
        width: between(6, 12),
        text: |row, _| Cow::Borrowed(row.volume.app.as_deref().unwrap_or("")),
        tone: |_| Tone::Plain,
        order: |a, b| a.volume.app.cmp(&b.volume.app),
        shown: true,
        priority: 3,
    },
    Column {
        name: "used",
        title: "USED BY",
        about: "The containers that mount it",
        align: Align::Left,
        width: growing(8, 30),
        text: |row, _| match row.users {
            0 => Cow::Borrowed("nobody"),
            _ => row.names().into(),
        },
        tone: |row| match row.users {
            0 => Tone::Faint,
            _ => Tone::Plain,
        },
        order: |a, b| a.users.cmp(&b.users),
        shown: true,
        priority: 1,
    },
    Column {
        name: "backup",
        title: "BACKUP",
        about: "When it was last backed up into a directory that wharf.toml names",
        align: Align::Right,
        width: fixed(6),
        text: |row, context| match row.volume.backup {
            Some(at) => ago(context.now, at).into(),
            None => Cow::Borrowed("never"),
        },
        tone: |row| match row.volume.backup {
            Some(_) => Tone::Plain,
            None => Tone::Faint,
        },
        order: |a, b| a.volume.backup.cmp(&b.volume.backup),
        shown: true,
        priority: 2,
    },
    Column {
        name: "created",
        title: "AGE",
        about: "How long ago it was made",
        align: Align::Right,
        width: fixed(4),
        text: |row, context| match row.volume.created {
            Some(at) => ago(context.now, at).into(),
            None => Cow::Borrowed(""),
        },
        tone: |_| Tone::Plain,
        order: |a, b| b.volume.created.cmp(&a.volume.created),
        shown: false,
        priority: 4,
    },
    Column {
        name: "mountpoint",
        title: "MOUNTPOINT",
        about: "Where the host has it",
        align: Align::Left,
        width: growing(10, 60),
        text: |row, _| Cow::Borrowed(&*row.volume.mountpoint),
        tone: |_| Tone::Faint,
        order: |a, b| a.volume.mountpoint.cmp(&b.volume.mountpoint),
        shown: false,
        priority: 5,
    },
];

impl Row for ImageRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(match key {
            "name" | "image" | "tag" => {
                let names = self.image.tags.iter().chain(&self.image.digests);
                let names: Vec<&str> = names.map(|name| &**name).collect();
                names.join(",").into()
            }
            "id" => Cow::Borrowed(short_id(&self.image.id)),
            "is" => {
                let origin = if self.image.is_private() {
                    "private"
                } else {
                    "public"
                };
                let tagged = if self.image.tags.is_empty() {
                    ",untagged"
                } else {
                    ""
                };
                let used = match self.image.used_by {
                    Some(0) => ",unused",
                    Some(_) => ",used",
                    None => "",
                };
                format!("{origin}{tagged}{used}").into()
            }
            key => return of_host(self.host, key),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "size" => Some(self.image.size as f64),
            "used" => self.image.used_by.map(f64::from),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let names = self.image.tags.iter().chain(&self.image.digests);
        names
            .map(|name| &**name)
            .chain([self.host.name().as_str(), short_id(&self.image.id)])
            .map(Cow::Borrowed)
    }

    fn keys() -> &'static [&'static str] {
        &["name", "image", "tag", "id", "is", "host", "env", "group"]
    }

    fn figures() -> &'static [&'static str] {
        &["size", "used"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "is" => &["public", "private", "untagged", "used", "unused"],
            _ => &[],
        }
    }
}

impl Row for NetworkRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(match key {
            "name" | "network" => Cow::Borrowed(&*self.network.name),
            "id" => Cow::Borrowed(&*self.network.id),
            "driver" => Cow::Borrowed(&*self.network.driver),
            "scope" => Cow::Borrowed(&*self.network.scope),
            "subnet" => cidrs(self.network, ",").into(),
            "app" => Cow::Borrowed(self.network.app.as_deref()?),
            "is" => Cow::Borrowed(if self.network.internal {
                "internal"
            } else {
                ""
            }),
            key => return of_host(self.host, key),
        })
    }

    fn number(&self, _: &str) -> Option<f64> {
        None
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let network = self.network;
        [
            &*network.name,
            self.host.name().as_str(),
            &*network.driver,
            network.app.as_deref().unwrap_or(""),
        ]
        .into_iter()
        .map(Cow::Borrowed)
        .chain(
            network
                .subnets
                .iter()
                .map(|pool| pool.subnet.to_string().into()),
        )
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name", "network", "id", "driver", "scope", "subnet", "app", "is", "host", "env",
            "group",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &[]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "is" => &["internal"],
            "scope" => &["local", "global", "swarm"],
            _ => &[],
        }
    }
}

impl Row for VolumeRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(match key {
            "name" | "volume" => Cow::Borrowed(&*self.volume.name),
            "driver" => Cow::Borrowed(&*self.volume.driver),
            "app" => Cow::Borrowed(self.volume.app.as_deref()?),
            "scope" => Cow::Borrowed(&*self.volume.scope),
            "is" => {
                let used = if self.users == 0 { "unused" } else { "used" };
                let named = if self.volume.is_anonymous() {
                    "anonymous"
                } else {
                    "named"
                };
                let kept = if self.volume.backup.is_some() {
                    "backed-up"
                } else {
                    "bare"
                };
                format!("{used},{named},{kept}").into()
            }
            key => return of_host(self.host, key),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are compared roughly")]
    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "size" => Some(self.volume.size? as f64),
            "used" => Some(self.users as f64),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let volume = self.volume;
        [
            &*volume.name,
            self.host.name().as_str(),
            &*volume.driver,
            volume.app.as_deref().unwrap_or(""),
        ]
        .into_iter()
        .map(Cow::Borrowed)
    }

    fn keys() -> &'static [&'static str] {
        &[
            "name", "volume", "driver", "scope", "app", "is", "host", "env", "group",
        ]
    }

    fn figures() -> &'static [&'static str] {
        &["size", "used"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "is" => &["used", "unused", "named", "anonymous", "backed-up", "bare"],
            "scope" => &["local", "global"],
            _ => &[],
        }
    }
}
