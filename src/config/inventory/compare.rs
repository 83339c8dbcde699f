//! What an inventory would change in wharf.toml.

use std::fs;

use super::{Inventory, Listed};
use crate::{
    config::{
        Paths,
        edit::{Change, EditError},
        file::File,
    },
    model::{Endpoint, HostSpec},
};

/// The hosts of an inventory beside those that are written in wharf.toml. Hosts that the inventory does not
/// name are not touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What is said of hosts that are not there yet.
    pub new: Vec<(String, Vec<Change>)>,
    /// What becomes different of hosts that are.
    pub changed: Vec<(String, Vec<Change>)>,
    /// Hosts that stay as they are.
    pub unchanged: Vec<String>,
}

/// Compares an inventory with wharf.toml. Hosts of which the inventory says no environment get `environment`.
/// Groups are added and never taken away: some may have been written by hand.
pub fn compare(
    paths: &Paths,
    inventory: &Inventory,
    environment: Option<&str>,
) -> Result<Comparison, EditError> {
    let path = &paths.config_file;
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let why = format!("it cannot be read: {error}");
            return Err(EditError::new(path, why));
        }
    };
    let file = File::read(path, &bytes, &paths.home);
    let mut comparison = Comparison::default();
    for host in &inventory.hosts {
        let known = file
            .hosts
            .iter()
            .map(|(spec, _)| spec)
            .find(|spec| spec.name.as_str() == host.name);
        let changes = changes(host, environment, known);
        match known {
            None => comparison.new.push((host.name.clone(), changes)),
            Some(_) if changes.is_empty() => comparison.unchanged.push(host.name.clone()),
            Some(_) => comparison.changed.push((host.name.clone(), changes)),
        }
    }
    Ok(comparison)
}

/// What is to be said of a host beyond what is said already.
fn changes(host: &Listed, environment: Option<&str>, known: Option<&HostSpec>) -> Vec<Change> {
    let mut changes = Vec::new();
    let endpoint = match known {
        None => endpoint_of_new(host),
        Some(known) => endpoint_of_known(host, &known.endpoint),
    };
    changes.extend(endpoint.map(|endpoint| Change::Endpoint(Some(endpoint))));
    let known_environment = known.and_then(|known| known.environment.as_deref());
    let wanted = host.environment.as_deref();
    // What is said for all is for those of whom nothing is said.
    let wanted = wanted.or(if known_environment.is_none() {
        environment
    } else {
        None
    });
    if let Some(wanted) = wanted.filter(|wanted| known_environment != Some(wanted)) {
        changes.push(Change::Environment(Some(wanted.to_owned())));
    }
    let mut groups: Vec<String> = known
        .iter()
        .flat_map(|known| known.groups.iter().map(ToString::to_string))
        .collect();
    let before = groups.len();
    for group in &host.groups {
        if !groups.contains(group) {
            groups.push(group.clone());
        }
    }
    if groups.len() > before {
        changes.push(Change::Groups(groups));
    }
    let is_read_only = known.is_some_and(|known| known.read_only);
    if let Some(wanted) = host.read_only.filter(|wanted| *wanted != is_read_only) {
        changes.push(Change::ReadOnly(wanted));
    }
    changes
}

/// None where ssh finds the host by its name alone.
fn endpoint_of_new(host: &Listed) -> Option<String> {
    match &host.endpoint {
        Some(endpoint) => Some(endpoint.to_string()),
        None if host.address.is_none() && host.user.is_none() && host.port.is_none() => None,
        None => Some(host.ssh(None)),
    }
}

/// A host that is reached in another way than by ssh keeps its way, unless an endpoint is written out.
fn endpoint_of_known(host: &Listed, known: &Endpoint) -> Option<String> {
    let wanted = match (&host.endpoint, known) {
        (Some(endpoint), _) => endpoint.to_string(),
        (
            None,
            Endpoint::Ssh {
                destination,
                port,
                socket,
            },
        ) => host.ssh(Some((destination, *port, socket.as_deref()))),
        (None, Endpoint::Unix(_) | Endpoint::Tcp { .. } | Endpoint::Tls { .. }) => return None,
    };
    (wanted != known.to_string()).then_some(wanted)
}

impl Comparison {
    /// Whether nothing would become different.
    pub fn is_nothing(&self) -> bool {
        self.new.is_empty() && self.changed.is_empty()
    }

    /// How many hosts are new, changed and unchanged, in words.
    pub fn counts(&self) -> String {
        format!(
            "{} new, {} changed, {} unchanged",
            self.new.len(),
            self.changed.len(),
            self.unchanged.len()
        )
    }
}
