//! Networks of an app, and how services join them.

use std::collections::BTreeMap;

use super::super::{Fields, Kind, Node};
use crate::model::app::{AppNetwork, IpamPool, Joined, NetworkMode, ServiceName, Told};

/// A network of the app.
pub(super) fn network(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<AppNetwork> {
    let mut fields = Fields::open(node, path, told)?;
    let (external, external_name) = external(&mut fields);
    let mut network = AppNetwork {
        name: fields.text("name").or(external_name),
        external,
        driver: fields.text("driver"),
        driver_opts: fields.labels("driver_opts"),
        internal: fields.truth("internal").unwrap_or(false),
        attachable: fields.truth("attachable").unwrap_or(false),
        ipv6: fields.truth("enable_ipv6"),
        ipv4: fields.truth("enable_ipv4"),
        labels: fields.labels("labels"),
        ..AppNetwork::default()
    };
    if let Some(mut ipam) = fields.open_below("ipam") {
        network.ipam_driver = ipam.text("driver").filter(|driver| driver != "default");
        network.ipam_options = ipam.labels("options");
        network.pools = pools(&mut ipam);
        ipam.done(&[]);
    }
    fields.done(&[]);
    Some(network)
}

/// `external: true`, or the old `external: {name: …}`.
pub(super) fn external(fields: &mut Fields<'_, '_>) -> (bool, Option<String>) {
    let is_map = |node: &Node| matches!(node.kind, Kind::Map(_));
    match fields.take("external") {
        Some(node) if is_map(node) => {
            let name = fields
                .open_below("external")
                .and_then(|mut old| old.text("name"));
            (true, name)
        }
        Some(_) => (fields.truth("external").unwrap_or(false), None),
        None => (false, None),
    }
}

fn pools(ipam: &mut Fields<'_, '_>) -> Vec<IpamPool> {
    let Some(node) = ipam.take("config") else {
        return Vec::new();
    };
    let Kind::List(items) = &node.kind else {
        ipam.wrong(
            &node.at,
            "config",
            "config is a list",
            "begin each with '- subnet:'",
        );
        return Vec::new();
    };
    let mut pools = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{}[{index}]", ipam.below("config"));
        let Some(mut fields) = Fields::open(item, &path, ipam.told) else {
            continue;
        };
        let net = "a subnet such as 10.20.0.0/24";
        let mut pool = IpamPool {
            subnet: fields.parsed("subnet", net, |text| text.parse().ok()),
            ip_range: fields.parsed("ip_range", net, |text| text.parse().ok()),
            gateway: fields.parsed("gateway", "an address", |text| text.parse().ok()),
            aux_addresses: BTreeMap::new(),
        };
        for (name, text) in fields.labels("aux_addresses") {
            match text.parse() {
                Ok(address) => {
                    pool.aux_addresses.insert(name, address);
                }
                Err(_) => {
                    let what = format!("'{text}' is no address");
                    fields.wrong(&item.at, "aux_addresses", what, "write an address");
                }
            }
        }
        fields.done(&[]);
        pools.push(pool);
    }
    pools
}

/// The networks that a service joins; none when it says nothing of them.
pub(super) fn joined(fields: &mut Fields<'_, '_>) -> Option<BTreeMap<String, Joined>> {
    let node = fields.take("networks")?;
    let below = fields.below("networks");
    let mut all = BTreeMap::new();
    match &node.kind {
        Kind::Map(entries) => {
            for (name, node) in entries {
                let path = format!("{below}.{}", name.text);
                if let Some(joined) = join(node, &path, fields.told) {
                    all.insert(name.text.clone(), joined);
                }
            }
        }
        Kind::List(_) | Kind::Text(_) | Kind::Null => {
            for name in fields.texts("networks") {
                all.insert(name, Joined::default());
            }
        }
    }
    Some(all)
}

fn join(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<Joined> {
    let mut fields = Fields::open(node, path, told)?;
    let mut aliases = fields.texts("aliases");
    aliases.sort();
    aliases.dedup();
    let address = "an address";
    let mut link_local = Vec::new();
    for text in fields.texts("link_local_ips") {
        match text.parse() {
            Ok(address) => link_local.push(address),
            Err(_) => fields.wrong(
                &node.at,
                "link_local_ips",
                format!("'{text}' is no address"),
                address,
            ),
        }
    }
    let joined = Joined {
        aliases,
        ipv4: fields.parsed("ipv4_address", address, |text| text.parse().ok()),
        ipv6: fields.parsed("ipv6_address", address, |text| text.parse().ok()),
        link_local,
        mac_address: fields.text("mac_address"),
        priority: fields.number("priority").unwrap_or(0),
        gateway_priority: fields.number("gw_priority").unwrap_or(0),
        interface: fields.text("interface_name"),
        driver_opts: fields.labels("driver_opts"),
    };
    fields.done(&[]);
    Some(joined)
}

/// A network that is not the app's.
pub(super) fn mode(fields: &mut Fields<'_, '_>) -> Option<NetworkMode> {
    let text = fields
        .text("network_mode")
        .filter(|text| !text.is_empty())?;
    Some(match text.as_str() {
        "host" => NetworkMode::Host,
        "none" => NetworkMode::None,
        other => match other.split_once(':') {
            Some(("service", name)) => match ServiceName::new(name) {
                Ok(name) => NetworkMode::Service(name),
                Err(error) => {
                    let at = fields.at.clone();
                    fields.wrong(&at, "network_mode", error.to_string(), "name a service");
                    return None;
                }
            },
            Some(("container", name)) => NetworkMode::Container(name.to_owned()),
            _ => NetworkMode::Named(other.to_owned()),
        },
    })
}
