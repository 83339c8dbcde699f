//! Ports that others reach, in both forms.

use std::net::IpAddr;

use super::super::{Fields, Kind, Node, fields};
use crate::model::app::{HostPort, PortMode, Protocol, Published, Told};

/// All published ports, sorted, each once.
pub(super) fn ports(fields: &mut Fields<'_, '_>) -> Vec<Published> {
    let Some(node) = fields.take("ports") else {
        return Vec::new();
    };
    let Kind::List(items) = &node.kind else {
        fields.wrong(
            &node.at,
            "ports",
            "ports are a list",
            "begin each with '- '",
        );
        return Vec::new();
    };
    let mut ports = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{}[{index}]", fields.below("ports"));
        match &item.kind {
            Kind::Map(_) => ports.extend(long(item, &path, fields.told)),
            Kind::Null => {}
            Kind::Text(_) | Kind::List(_) => {
                let remedy = "write [ADDRESS:][HOST:]CONTAINER[/PROTOCOL], such as 8080:80";
                let found = fields::checked(item, &path, fields.told, remedy, short);
                ports.extend(found.into_iter().flatten());
            }
        }
    }
    ports.sort();
    ports.dedup();
    ports
}

/// `[ADDRESS:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]`.
pub(super) fn short(text: &str) -> Result<Vec<Published>, String> {
    let (rest, protocol) = match text.split_once('/') {
        Some((rest, name)) => (rest, protocol(name)?),
        None => (text, Protocol::Tcp),
    };
    let (rest, inside) = rest.rsplit_once(':').unwrap_or(("", rest));
    let (address, outside) = match rest.rsplit_once(':') {
        Some((address, outside)) => (address, outside),
        // An address alone has dots or brackets.
        None if rest.contains('.') => (rest, ""),
        None => ("", rest),
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = match address {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| format!("'{text}' is no address"))?,
        ),
    };
    let (first, last) = range(inside)?;
    let outside = match outside {
        "" => None,
        text => Some(range(text)?),
    };
    spread((first, last), outside, |container, host| Published {
        container,
        protocol,
        host,
        address,
        mode: PortMode::Ingress,
        name: None,
        app_protocol: None,
    })
}

/// Every port inside with its port of the host. A range of the host for one port inside is a choice.
fn spread(
    (first, last): (u16, u16),
    outside: Option<(u16, u16)>,
    make: impl Fn(u16, HostPort) -> Published,
) -> Result<Vec<Published>, String> {
    let ports = first..=last;
    match outside {
        None => Ok(ports.map(|port| make(port, HostPort::Any)).collect()),
        Some((from, to)) if first == last && from != to => {
            Ok(vec![make(first, HostPort::Between(from, to))])
        }
        Some((from, to)) if to - from == last - first => Ok(ports
            .zip(from..=to)
            .map(|(port, host)| make(port, HostPort::Fixed(host)))
            .collect()),
        Some((from, to)) => Err(format!(
            "{from}-{to} and {first}-{last} are not equally many ports"
        )),
    }
}

fn protocol(name: &str) -> Result<Protocol, String> {
    match name.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Ok(Protocol::Sctp),
        _ => Err(format!(
            "'{name}' is no protocol of ports; tcp, udp and sctp are"
        )),
    }
}

fn range(text: &str) -> Result<(u16, u16), String> {
    let port = |text: &str| match text.trim().parse::<u16>() {
        Ok(0) | Err(_) => Err(format!("'{text}' is no port from 1 to 65535")),
        Ok(port) => Ok(port),
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if last < first {
        return Err(format!("the ports {text} end before they begin"));
    }
    Ok((first, last))
}

fn long(node: &Node, path: &str, told: &mut Vec<Told>) -> Vec<Published> {
    let Some(mut fields) = Fields::open(node, path, told) else {
        return Vec::new();
    };
    let target = fields.parsed("target", "a port from 1 to 65535", |text| range(text).ok());
    let outside = fields.take("published").and_then(|published| {
        let path = fields.below("published");
        let none = published
            .text()
            .is_none_or(|text| text.is_empty() || text == "0");
        let read = |text: &str| range(text).ok();
        let expected = "a port, or a range of them";
        (!none).then(|| fields::parsed(published, &path, fields.told, expected, read))?
    });
    let protocol = fields
        .parsed("protocol", "tcp, udp or sctp", |text| protocol(text).ok())
        .unwrap_or_default();
    let address = fields.parsed("host_ip", "an address", |text| text.parse().ok());
    let modes = [("ingress", PortMode::Ingress), ("host", PortMode::Host)];
    let mode = fields.word("mode", &modes).unwrap_or_default();
    let name = fields.text("name");
    let app_protocol = fields.text("app_protocol");
    let Some(target) = target else {
        if node.get("target").is_none() {
            fields.wrong(&node.at, "target", "it is missing", "say the port inside");
        }
        return Vec::new();
    };
    let spread = spread(target, outside, |container, host| Published {
        container,
        protocol,
        host,
        address,
        mode,
        name: name.clone(),
        app_protocol: app_protocol.clone(),
    });
    match spread {
        Ok(ports) => {
            fields.done(&[]);
            ports
        }
        Err(why) => {
            fields.wrong(&node.at, "published", why, "make them equally many");
            Vec::new()
        }
    }
}
