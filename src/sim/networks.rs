//! `/networks`: list, inspect, create, connect, disconnect, remove, prune.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clock;
use super::container::{Attachment, Container};
use super::containers;
use super::engine::{Engine, Network};
use super::events::Kind;
use super::http::{self, Answer, Refusal};
use super::route::Call;
use super::world;

/// A network's JSON; its containers only where it is inspected.
fn row(engine: &Engine, network: &Network, inspected: bool) -> Value {
    let chosen = network.subnet.map(|(base, prefix)| {
        let gateway = network
            .gateway()
            .map_or_else(String::new, |ip| ip.to_string());
        json!({ "Subnet": format!("{base}/{prefix}"), "Gateway": gateway })
    });
    let config = if network.config.is_empty() {
        chosen.into_iter().collect()
    } else {
        network.config.clone()
    };
    let containers = if inspected {
        members(engine, network)
    } else {
        BTreeMap::new()
    };
    json!({
        "Name": &*network.name,
        "Id": &*network.id,
        "Created": clock::rfc3339(network.created),
        "Scope": network.scope,
        "Driver": network.driver,
        "EnableIPv6": network.ipv6,
        "IPAM": { "Driver": "default", "Options": null, "Config": config },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": containers,
        "Options": network.options,
        "Labels": network.labels,
    })
}

/// The running containers on a network, by id.
fn members<'a>(engine: &'a Engine, network: &Network) -> BTreeMap<&'a str, Value> {
    let on = |one: &'a Container| {
        let place = one
            .networks
            .iter()
            .find(|place| place.network == network.id)?;
        let endpoint = containers::Endpoint::new(one, place, 41, false);
        let address = place
            .address
            .map_or_else(String::new, |ip| format!("{ip}/{}", place.prefix));
        let value = json!({
            "Name": one.name,
            "EndpointID": endpoint.id(),
            "MacAddress": place.address.map_or_else(String::new, containers::mac),
            "IPv4Address": address,
            "IPv6Address": "",
        });
        Some((one.id.as_str(), value))
    };
    engine
        .containers
        .values()
        .filter(|one| one.state.alive())
        .filter_map(on)
        .collect()
}

/// `GET /networks`
pub fn list(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    filters.allow(&["dangling", "driver", "id", "label", "name", "scope", "type"])?;
    call.host.read(|engine, _| {
        let builtin = |one: &Network| matches!(&*one.name, "bridge" | "host" | "none");
        let rows: Vec<Value> = engine
            .networks
            .iter()
            .filter(|one| filters.any("name", |wanted| one.name.contains(wanted)))
            .filter(|one| filters.any("id", |wanted| one.id.starts_with(wanted)))
            .filter(|one| filters.any("driver", |wanted| one.driver == wanted))
            .filter(|one| filters.any("scope", |wanted| one.scope == wanted))
            .filter(|one| filters.any("type", |wanted| (wanted == "builtin") == builtin(one)))
            .filter(|one| filters.label_map(&one.labels))
            .filter(|one| {
                let unused = || !builtin(one) && members(engine, one).is_empty();
                filters.any("dangling", |wanted| {
                    matches!(wanted, "true" | "1") == unused()
                })
            })
            .map(|one| row(engine, one, false))
            .collect();
        Ok(http::ok(&rows))
    })
}

fn find<'a>(engine: &'a Engine, wanted: &str) -> Result<&'a Network, Refusal> {
    let missing = || Refusal::missing(format!("network {wanted} not found"));
    engine.find_network(wanted).ok_or_else(missing)
}

/// `GET /networks/{id}`
pub fn inspect(call: &Call, id: &str) -> Answer {
    call.host
        .read(|engine, _| Ok(http::ok(&row(engine, find(engine, id)?, true))))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wanted {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Driver")]
    driver: String,
    #[serde(rename = "CheckDuplicate")]
    check_duplicate: bool,
    #[serde(rename = "Internal")]
    internal: bool,
    #[serde(rename = "Attachable")]
    attachable: bool,
    #[serde(rename = "EnableIPv6")]
    ipv6: bool,
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "Options")]
    options: Option<BTreeMap<String, String>>,
    #[serde(rename = "IPAM")]
    ipam: Option<Ipam>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Ipam {
    config: Option<Vec<BTreeMap<String, Value>>>,
}

impl Wanted {
    fn subnet(&self) -> Result<Option<(Ipv4Addr, u8)>, Refusal> {
        let configs = self.ipam.iter().flat_map(|ipam| &ipam.config).flatten();
        let mut texts = configs
            .filter_map(|one| one.get("Subnet")?.as_str())
            .filter(|text| !text.contains(':'));
        let Some(text) = texts.next() else {
            return Ok(None);
        };
        let wrong = || {
            Refusal::internal(format!(
                "Invalid subnet {text} : invalid CIDR address: {text}"
            ))
        };
        let (base, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let base = base.parse().map_err(|_| wrong())?;
        Ok(Some((
            base,
            prefix
                .parse()
                .ok()
                .filter(|bits| *bits <= 32)
                .ok_or_else(wrong)?,
        )))
    }
}

/// So long an engine before API 1.44 takes between looking for the name and having the network, during which others may
/// make one of the same name.
const MAKING: std::time::Duration = std::time::Duration::from_millis(30);

fn taken(name: &str) -> Refusal {
    Refusal::conflict(format!("network with name {name} already exists"))
}

/// `POST /networks/create`
pub async fn create(call: Call) -> Answer {
    let wanted: Wanted = http::read_json(call.body).await?;
    let subnet = wanted.subnet()?;
    let name = wanted.name.as_str();
    if name.trim().is_empty() {
        return Err(Refusal::internal("invalid name: "));
    }
    // Since 1.44 two networks never have one name.
    let is_unique = call.minor >= 44;
    call.host.read(|engine, _| {
        let is_taken = engine.networks.iter().any(|one| *one.name == *name);
        if is_taken && (wanted.check_duplicate || is_unique) {
            return Err(taken(name));
        }
        Ok(())
    })?;
    tokio::time::sleep(MAKING).await;
    call.host.change(|engine, now| {
        if is_unique && engine.networks.iter().any(|one| *one.name == *name) {
            return Err(taken(name));
        }
        let subnet = match (subnet, wanted.driver.as_str()) {
            (Some(subnet), _) => Some(check_overlap(engine, subnet)?),
            (None, "host" | "null") => None,
            (None, _) => Some(free_pool(engine)),
        };
        let driver = if wanted.driver.is_empty() {
            "bridge"
        } else {
            &wanted.driver
        };
        let config = wanted.ipam.iter().flat_map(|ipam| &ipam.config).flatten();
        let made = world::network(&engine.profile, name, driver, subnet, now, &[]);
        // Several of one name may be made in one moment.
        let nth = engine
            .networks
            .iter()
            .filter(|one| one.id == made.id)
            .count();
        let id = match nth {
            0 => made.id,
            nth => engine
                .profile
                .seed
                .of(name)
                .at(nth as u64)
                .at(now.unsigned_abs())
                .hex64()
                .into(),
        };
        let network = Network {
            id: Arc::clone(&id),
            internal: wanted.internal,
            attachable: wanted.attachable,
            ipv6: wanted.ipv6,
            config: config.map(|one| json!(one)).collect(),
            labels: wanted.labels.clone().unwrap_or_default(),
            options: wanted.options.clone().unwrap_or_default(),
            ..made
        };
        engine.networks.push(network);
        emit(engine, now, "create", &id);
        Ok(http::json(
            StatusCode::CREATED,
            &json!({ "Id": &*id, "Warning": "" }),
        ))
    })
}

fn range((base, prefix): (Ipv4Addr, u8)) -> (u32, u32) {
    let size = 1_u64 << (32 - u32::from(prefix));
    let first = u32::try_from(u64::from(u32::from(base)) / size * size).unwrap_or(u32::MAX);
    (
        first,
        first.saturating_add(u32::try_from(size - 1).unwrap_or(u32::MAX)),
    )
}

fn overlaps(engine: &Engine, subnet: (Ipv4Addr, u8)) -> bool {
    let (first, last) = range(subnet);
    engine
        .networks
        .iter()
        .filter_map(|one| one.subnet)
        .map(range)
        .any(|(low, high)| first <= high && low <= last)
}

fn check_overlap(engine: &Engine, subnet: (Ipv4Addr, u8)) -> Result<(Ipv4Addr, u8), Refusal> {
    if overlaps(engine, subnet) {
        return Err(Refusal::forbidden(
            "Pool overlaps with other one on this address space",
        ));
    }
    Ok(subnet)
}

fn free_pool(engine: &Engine) -> (Ipv4Addr, u8) {
    (0..2062)
        .map(world::pool)
        .find(|subnet| !overlaps(engine, *subnet))
        .unwrap_or_else(|| world::pool(0))
}

fn emit(engine: &mut Engine, now: i64, action: &str, id: &str) {
    let Some(network) = engine.find_network(id) else {
        return;
    };
    let attributes = [
        ("name".to_owned(), network.name.to_string()),
        ("type".into(), network.driver.clone()),
    ]
    .into();
    engine.emit(now, Kind::Network, action, id, attributes);
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Plug {
    container: String,
    force: bool,
    endpoint_config: Option<Wishes>,
}

/// How a container is to be attached.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Wishes {
    #[serde(rename = "IPAMConfig")]
    ipam: Option<BTreeMap<String, String>>,
    #[serde(rename = "Aliases")]
    aliases: Option<Vec<String>>,
}

impl Wishes {
    /// Puts an attachment as it is wished for.
    fn grant(
        self,
        engine: &Engine,
        network: &Network,
        place: &mut Attachment,
    ) -> Result<(), Refusal> {
        place.aliases = self.aliases.unwrap_or_default();
        let Some(text) = self.ipam.and_then(|mut all| all.remove("IPv4Address")) else {
            return Ok(());
        };
        if network.config.is_empty() {
            return Err(Refusal::bad(
                "user specified IP address is supported only when connecting to networks with user configured subnets",
            ));
        }
        let wanted: Ipv4Addr = text
            .parse()
            .map_err(|_| Refusal::bad(format!("invalid IPv4 address: {text}")))?;
        let (low, high) = network.subnet.map_or((0, 0), range);
        if !(low..=high).contains(&u32::from(wanted)) {
            return Err(Refusal::bad(format!(
                "Invalid address {wanted}: It does not belong to any of this network's subnets"
            )));
        }
        let mut others = engine.containers.values().flat_map(|one| &one.networks);
        if others.any(|one| one.network == network.id && one.address == Some(wanted)) {
            return Err(Refusal::forbidden("Address already in use"));
        }
        place.address = Some(wanted);
        Ok(())
    }
}

/// A free address on a network.
pub fn free_place(engine: &Engine, network: &Network) -> Attachment {
    let taken: BTreeSet<Ipv4Addr> = engine
        .containers
        .values()
        .flat_map(|one| &one.networks)
        .filter(|one| one.network == network.id)
        .filter_map(|one| one.address)
        .collect();
    let place = (2..).map(|number| world::attachment(network, number));
    let free = |one: &Attachment| one.address.is_none_or(|address| !taken.contains(&address));
    place
        .into_iter()
        .find(free)
        .unwrap_or_else(|| world::attachment(network, 2))
}

/// `POST /networks/{id}/connect`
pub async fn connect(call: Call, id: &str) -> Answer {
    let plug: Plug = http::read_json(call.body).await?;
    call.host.change(|engine, now| {
        let network = find(engine, id)?.clone();
        let mut place = free_place(engine, &network);
        if let Some(wishes) = plug.endpoint_config {
            wishes.grant(engine, &network, &mut place)?;
        }
        let (_, container) = engine.get_mut(&plug.container)?;
        if container
            .networks
            .iter()
            .any(|one| one.network == network.id)
        {
            return Err(Refusal::forbidden(format!(
                "endpoint with name {} already exists in network {}",
                container.name, network.name
            )));
        }
        let (container_id, alive) = (container.id.clone(), container.state.alive());
        container.networks.push(place);
        if alive {
            engine.emit_plug(now, &network.id, &container_id, true);
        }
        Ok(http::empty(StatusCode::OK))
    })
}

/// `POST /networks/{id}/disconnect`
pub async fn disconnect(call: Call, id: &str) -> Answer {
    let plug: Plug = http::read_json(call.body).await?;
    call.host.change(|engine, now| {
        let network = find(engine, id)?.clone();
        let (_, container) = engine.get_mut(&plug.container)?;
        let count = container.networks.len();
        container.networks.retain(|one| one.network != network.id);
        if container.networks.len() == count && !plug.force {
            return Err(Refusal::internal(format!(
                "container {} is not connected to network {}",
                container.id, network.name
            )));
        }
        let container_id = container.id.clone();
        engine.emit_plug(now, &network.id, &container_id, false);
        Ok(http::empty(StatusCode::OK))
    })
}

/// `DELETE /networks/{id}`
pub fn remove(call: &Call, id: &str) -> Answer {
    call.host.change(|engine, now| {
        let network = find(engine, id)?.clone();
        if matches!(&*network.name, "bridge" | "host" | "none") {
            let message = format!(
                "{} is a pre-defined network and cannot be removed",
                network.name
            );
            return Err(Refusal::forbidden(message));
        }
        if !members(engine, &network).is_empty() {
            return Err(Refusal::forbidden(format!(
                "error while removing network: network {} id {} has active endpoints",
                network.name, network.id
            )));
        }
        emit(engine, now, "destroy", &network.id);
        engine.networks.retain(|one| one.id != network.id);
        Ok(http::empty(StatusCode::NO_CONTENT))
    })
}

/// `POST /networks/prune`
pub fn prune(call: &Call) -> Answer {
    let filters = call.query.filters()?;
    filters.allow(&["label", "label!", "until"])?;
    call.host.change(|engine, now| {
        let doomed: Vec<Network> = engine
            .networks
            .iter()
            .filter(|one| !matches!(&*one.name, "bridge" | "host" | "none"))
            .filter(|one| members(engine, one).is_empty() && filters.label_map(&one.labels))
            .cloned()
            .collect();
        for network in &doomed {
            emit(engine, now, "destroy", &network.id);
            engine.networks.retain(|one| one.id != network.id);
        }
        let attributes = [("reclaimed".to_owned(), "0".to_owned())].into();
        engine.emit(now, Kind::Network, "prune", "", attributes);
        let names: Vec<&str> = doomed.iter().map(|one| &*one.name).collect();
        let deleted = if names.is_empty() {
            Value::Null
        } else {
            json!(names)
        };
        Ok(http::ok(&json!({ "NetworksDeleted": deleted })))
    })
}
