//! `[[balancer]]`: which load balancers there are, and how each is reached.

use std::sync::Arc;

use super::{document::Section, file::environment_name};
use crate::model::{
    BalancerKind, BalancerSpec, Endpoint, HostName, Machine, NginxSpec, balancer::is_name,
};

const UNTIL: &str = "until then it does not count";

/// Reads one, and adds it to those that are known.
pub(super) fn read(section: &mut Section<'_, '_>, known: &mut Vec<BalancerSpec>) {
    let name = section.text("name");
    if let Some(name) = &name {
        section.rename(format!("[[balancer]] {name}"));
    }
    let kind = section.text("kind");
    let (environment, is_unsure) = environment_name(section);
    let read_only = section.strict("read_only") || is_unsure;
    let socket = path(section, "socket");
    let (map, state, config) = (
        path(section, "map"),
        path(section, "state"),
        path(section, "config"),
    );
    let machine = machine(section);
    let nginx = nginx(section, config.clone());
    let Some(name) = name.filter(|name| is_name(name)) else {
        let remedy = format!("write name = \"edge\"; {UNTIL}");
        return section.complain("needs a name of letters, digits and -_.:", remedy);
    };
    let kind = match kind.as_deref() {
        None | Some("haproxy") => BalancerKind::Haproxy,
        Some("nginx") => match nginx {
            Some(own) => BalancerKind::Nginx(Arc::new(own)),
            None => {
                let remedy = format!("write config = \"/etc/nginx/conf.d/wharf.conf\"; {UNTIL}");
                return section.complain("needs the path of the file that Wharf changes", remedy);
            }
        },
        Some(_) => {
            let remedy = format!("write kind = \"haproxy\" or \"nginx\"; {UNTIL}");
            return section.complain_of("kind", "is not known", remedy);
        }
    };
    let Some(machine) = machine else { return };
    let socket = match (socket, &kind) {
        (Some(socket), BalancerKind::Haproxy) => socket,
        (_, BalancerKind::Nginx(_)) => Arc::from(""),
        (None, BalancerKind::Haproxy) => {
            let remedy = format!("write socket = \"/run/haproxy/admin.sock\"; {UNTIL}");
            return section.complain("needs the path of its admin socket", remedy);
        }
    };
    if known.iter().any(|one| *one.name == *name) {
        return section.complain(
            "is there twice",
            "give it another name; only the first counts",
        );
    }
    known.push(BalancerSpec {
        name: Arc::from(name),
        kind,
        machine,
        socket,
        map,
        state,
        config,
        environment,
        read_only,
    });
}

/// What only an nginx has: the file that is changed, and the commands around that.
fn nginx(section: &mut Section<'_, '_>, file: Option<Arc<str>>) -> Option<NginxSpec> {
    let pid = path(section, "pid").unwrap_or_else(|| Arc::from("/run/nginx.pid"));
    let (check, reload) = (section.text("check"), section.text("reload"));
    Some(NginxSpec {
        file: file?,
        check: check.map_or_else(|| Arc::from("nginx -t -q"), Arc::from),
        reload: reload.map_or_else(|| Arc::from("nginx -s reload"), Arc::from),
        pid,
    })
}

/// A path on its machine.
fn path(section: &mut Section<'_, '_>, key: &'static str) -> Option<Arc<str>> {
    let text = section.text(key)?;
    if text.starts_with('/') {
        return Some(Arc::from(text));
    }
    let remedy =
        "write the whole path as it is on the balancer's machine; until then it is not known";
    section.complain_of(key, "is no absolute path", remedy);
    None
}

/// The machine: `host`, one of the fleet; `endpoint`, one that is not; else this one.
fn machine(section: &mut Section<'_, '_>) -> Option<Machine> {
    let (host, endpoint) = (section.text("host"), section.text("endpoint"));
    match (host, endpoint) {
        (None, None) => Some(Machine::Here),
        (Some(_), Some(_)) => {
            let remedy = format!("write only one of them; {UNTIL}");
            section.complain("has a host and an endpoint", remedy);
            None
        }
        (Some(host), None) => match HostName::check(&host) {
            Ok(()) => Some(Machine::Host(HostName::new(&host))),
            Err(error) => {
                section.complain_of("host", &error, format!("name a host of the fleet; {UNTIL}"));
                None
            }
        },
        (None, Some(endpoint)) => match endpoint.parse() {
            Ok(Endpoint::Ssh {
                destination,
                port,
                socket: None,
            }) => Some(Machine::Ssh {
                destination: Arc::from(destination),
                port,
            }),
            Ok(
                Endpoint::Ssh { .. }
                | Endpoint::Unix(_)
                | Endpoint::Tcp { .. }
                | Endpoint::Tls { .. },
            )
            | Err(_) => {
                let remedy = format!(
                    "write ssh://user@machine, without a path, and the socket's path as socket; {UNTIL}"
                );
                section.complain_of("endpoint", "is no machine that ssh reaches", remedy);
                None
            }
        },
    }
}
