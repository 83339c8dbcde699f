//! `GET /containers/json` and what else is asked of containers without changing them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::container::{Attachment, Container, Labels, Mount};
use super::engine::{Engine, Image, Profile};
use super::files;
use super::http::{self, Answer};
use super::inspect;
use super::route::Call;
use super::sift::Sift;

/// One row of the list, as Docker's `types.Container`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Summary<'a> {
    id: &'a str,
    names: [String; 1],
    image: &'a str,
    #[serde(rename = "ImageID")]
    image_id: &'a str,
    command: String,
    created: i64,
    ports: Vec<PortRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<i64>,
    labels: Labels<'a>,
    state: &'static str,
    status: String,
    host_config: NetworkMode<'a>,
    network_settings: Networks<'a>,
    mounts: Vec<MountRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkMode<'a> {
    network_mode: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Networks<'a> {
    networks: BTreeMap<&'a str, Endpoint>,
}

/// A port of the list.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortRow {
    #[serde(rename = "IP", skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    private_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_port: Option<u16>,
    r#type: String,
}

/// `EndpointSettings`: a container's place on a network.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Endpoint {
    #[serde(rename = "IPAMConfig")]
    ipam_config: Option<()>,
    links: Option<()>,
    aliases: Option<Vec<String>>,
    mac_address: String,
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "EndpointID")]
    id: String,
    gateway: String,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: &'static str,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: &'static str,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    driver_opts: Option<()>,
    #[serde(rename = "DNSNames", skip_serializing_if = "Option::is_none")]
    dns_names: Option<Value>,
}

/// A mount, as Docker's `types.MountPoint`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MountRow<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    source: &'a str,
    destination: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'static str>,
    mode: &'static str,
    #[serde(rename = "RW")]
    rw: bool,
    propagation: &'static str,
}

impl<'a> From<&'a Mount> for MountRow<'a> {
    fn from(mount: &'a Mount) -> Self {
        let volume = mount.volume.as_deref();
        Self {
            r#type: if volume.is_some() { "volume" } else { "bind" },
            name: volume,
            source: &mount.source,
            destination: &mount.destination,
            driver: volume.map(|_| "local"),
            mode: match (volume, mount.writable) {
                (Some(_), true) => "z",
                (None, true) => "",
                (_, false) => "ro",
            },
            rw: mount.writable,
            propagation: if volume.is_some() { "" } else { "rprivate" },
        }
    }
}

impl Endpoint {
    /// The place of a container on one of its networks; `long` with the aliases of an inspection.
    pub fn new(container: &Container, place: &Attachment, minor: u32, long: bool) -> Self {
        let up = container.state.alive();
        let started = container.started.unwrap_or(0).unsigned_abs();
        let seed = container.seed.of("endpoint").of(&place.name).at(started);
        let address = place.address.filter(|_| up);
        let short = container.id[..12].to_owned();
        let service = container.plan.app().map(|(_, service)| service.to_owned());
        let own_network = !matches!(&*place.name, "bridge" | "host" | "none");
        let said = place.aliases.iter().cloned().map(Some);
        let names: Vec<String> = said
            .chain([Some(container.name.clone()), service, Some(short)])
            .flatten()
            .collect();
        let aliases = (long && own_network).then_some(names);
        Self {
            ipam_config: None,
            links: None,
            aliases: aliases.clone(),
            mac_address: address.map_or_else(String::new, mac),
            network_id: if container.started.is_some() {
                place.network.to_string()
            } else {
                String::new()
            },
            id: if up { seed.hex64() } else { String::new() },
            gateway: place
                .gateway
                .filter(|_| up)
                .map_or_else(String::new, |ip| ip.to_string()),
            ip_address: address.map_or_else(String::new, |ip| ip.to_string()),
            ip_prefix_len: if address.is_some() { place.prefix } else { 0 },
            ipv6_gateway: "",
            global_ipv6_address: "",
            global_ipv6_prefix_len: 0,
            driver_opts: None,
            dns_names: (minor >= 44).then(|| json!(aliases)),
        }
    }
}

impl Endpoint {
    /// Its id; empty while the container has no process.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Docker's MAC address for an address.
pub fn mac(ip: std::net::Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// The networks of a container by name.
pub fn endpoints(container: &Container, minor: u32, long: bool) -> BTreeMap<&str, Endpoint> {
    let place = |one| Endpoint::new(container, one, minor, long);
    container
        .networks
        .iter()
        .map(|one| (&*one.name, place(one)))
        .collect()
}

/// The ports of a container as listed: none while it has no process.
fn ports(container: &Container) -> Vec<PortRow> {
    let mut rows = Vec::new();
    for port in container
        .plan
        .ports
        .iter()
        .filter(|_| container.state.alive())
    {
        let row = |ip, public_port| PortRow {
            ip,
            private_port: port.private,
            public_port,
            r#type: port.protocol.clone(),
        };
        match container.published(port) {
            None => rows.push(row(None, None)),
            Some((address, public)) if address.is_empty() => {
                rows.push(row(Some("0.0.0.0".into()), Some(public)));
                rows.push(row(Some("::".into()), Some(public)));
            }
            Some((address, public)) => rows.push(row(Some(address), Some(public))),
        }
    }
    rows
}

/// Bytes that a container has written to its own layer.
pub fn written(container: &Container) -> i64 {
    let files: usize = match &container.extras {
        Some(extras) => extras.files.values().map(files::Entry::size).sum(),
        None => 0,
    };
    let base = container.seed.of("written").below(40_000_000);
    i64::try_from(base).unwrap_or(0) + i64::try_from(files).unwrap_or(0)
}

/// Docker quotes what a shell would have to quote.
fn command(container: &Container) -> String {
    let quoted = |word: &str| {
        if word.contains([' ', '\'', '"', '$', ';', '&', '|']) {
            format!("'{}'", word.replace('\'', "'\\''"))
        } else {
            word.to_owned()
        }
    };
    let words: Vec<String> = container.plan.argv().into_iter().map(quoted).collect();
    words.join(" ")
}

/// What a list or an inspection needs to know besides the container.
#[derive(Clone, Copy)]
struct Asked {
    now: i64,
    minor: u32,
    size: bool,
}

fn summary<'a>(container: &'a Container, image: Option<&Image>, asked: Asked) -> Summary<'a> {
    let written = written(container);
    let size = |bytes| asked.size.then_some(bytes);
    // A container whose image lost its name is listed with the image's id.
    let named = image.is_none_or(|image| image.tags.contains(&container.plan.image));
    Summary {
        id: &container.id,
        names: [format!("/{}", container.name)],
        image: if named {
            &container.plan.image
        } else {
            &container.plan.image_id
        },
        image_id: &container.plan.image_id,
        command: command(container),
        created: container.created / super::clock::SECOND,
        ports: ports(container),
        size_rw: size(written),
        size_root_fs: size(written + image.map_or(0, |image| image.size)),
        labels: Labels(container),
        state: container.state.word(),
        status: container.status(asked.now),
        host_config: NetworkMode {
            network_mode: &container.plan.network_mode,
        },
        network_settings: Networks {
            networks: endpoints(container, asked.minor, false),
        },
        mounts: container.plan.mounts.iter().map(MountRow::from).collect(),
    }
}

/// Every container as a row of the list with sizes, as `/system/df` has it.
pub fn summaries(engine: &Engine, now: i64, minor: u32) -> Vec<Summary<'_>> {
    let asked = Asked {
        now,
        minor,
        size: true,
    };
    let images = images_by_id(engine);
    let image = |one: &Container| images.get(one.plan.image_id.as_str()).copied();
    engine
        .containers
        .values()
        .rev()
        .map(|one| summary(one, image(one), asked))
        .collect()
}

/// `GET /containers/json`
pub fn list(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    let limit = call
        .query
        .number::<i64>("limit")?
        .and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit > 0);
    let size = call.query.flag("size");
    call.host.read(|engine, now| {
        let asked = Asked {
            now,
            minor: call.minor,
            size,
        };
        let images = images_by_id(engine);
        let all = call.query.flag("all") || limit.is_some();
        let sift = Sift::new(&filters, engine, &images, all)?;
        let rows: Vec<Summary> = engine
            .containers
            .iter()
            .rev()
            .filter(|(key, one)| sift.passes(**key, one))
            .take(limit.unwrap_or(usize::MAX))
            .map(|(_, one)| summary(one, images.get(one.plan.image_id.as_str()).copied(), asked))
            .collect();
        Ok(http::ok(&rows))
    })
}

fn images_by_id(engine: &Engine) -> BTreeMap<&str, &Image> {
    engine
        .images
        .iter()
        .map(|image| (image.id.as_str(), image))
        .collect()
}

/// `GET /containers/{id}/json`
pub fn inspect(call: &Call, id: &str) -> Answer {
    call.host.read(|engine, now| {
        let container = engine.get(id)?;
        let profile: &Profile = &engine.profile;
        let mut value = inspect::container(container, engine, profile, call.minor, now);
        if call.query.flag("size") {
            let image = engine
                .find_image(&container.plan.image_id)
                .map_or(0, |image| image.size);
            value["SizeRw"] = json!(written(container));
            value["SizeRootFs"] = json!(written(container) + image);
        }
        Ok(http::ok(&value))
    })
}

/// `GET /containers/{id}/changes`: what the container changed in its file system.
pub fn changes(call: &Call, id: &str) -> Answer {
    call.host.read(|engine, _| {
        let container = engine.get(id)?;
        Ok(http::ok(&files::changes(container)))
    })
}

/// `GET /containers/{id}/top`
pub fn top(call: &Call, id: &str) -> Answer {
    let arguments = call.query.get("ps_args").unwrap_or("-ef").to_owned();
    call.host.read(|engine, now| {
        let container = engine.get(id)?;
        container.must_run()?;
        Ok(http::ok(&super::processes::top(
            container,
            engine.profile.memory,
            &arguments,
            now,
        )))
    })
}
