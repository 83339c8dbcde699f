//! What can be done to a network, as values.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use serde::Serialize;

use crate::model::Pool;

/// What is done to a network, or to a container's place on one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkAction {
    /// Make it.
    Create(Box<NetworkSpec>),
    /// Remove it.
    Remove,
    /// Attach a container to it.
    Connect {
        /// The network's id.
        network: Arc<str>,
        /// What it is called.
        name: Arc<str>,
        /// The address that the container is to have.
        ipv4: Option<Ipv4Addr>,
        /// The IPv6 address that it is to have.
        ipv6: Option<Ipv6Addr>,
        /// Its other names on the network.
        aliases: Vec<Arc<str>>,
    },
    /// Detach a container from it.
    Disconnect {
        /// The network's id.
        network: Arc<str>,
        /// What it is called.
        name: Arc<str>,
        /// Also where the engine no longer knows the container.
        force: bool,
    },
    /// See from inside a container whether something answers.
    Probe {
        /// A name or an address, as the container sees it.
        to: Arc<str>,
        /// The TCP port.
        port: u16,
        /// So many seconds are waited.
        seconds: u16,
        /// The image of a container that looks in the container's place; none for the container itself.
        helper: Option<Arc<str>>,
    },
}

/// A network that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct NetworkSpec {
    /// Its driver; none for the engine's default.
    pub driver: Option<Arc<str>>,
    /// Its subnets; none for one that the engine chooses.
    pub subnets: Vec<Pool>,
    /// Without a way out.
    pub internal: bool,
    /// Single containers may be attached to it.
    pub attachable: bool,
    /// With IPv6.
    pub ipv6: bool,
    /// Options of its driver.
    pub options: BTreeMap<Arc<str>, Arc<str>>,
    /// Its labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

impl fmt::Display for NetworkAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(spec) => {
                f.write_str("create")?;
                for (at, pool) in spec.subnets.iter().enumerate() {
                    let word = if at == 0 { " with" } else { "," };
                    write!(f, "{word} {}", pool.subnet)?;
                }
                Ok(())
            }
            Self::Remove => f.write_str("remove"),
            Self::Connect { name, .. } => write!(f, "connect to {name}"),
            Self::Disconnect { name, .. } => write!(f, "disconnect from {name}"),
            Self::Probe { to, port, .. } if to.contains(':') => write!(f, "probe [{to}]:{port}"),
            Self::Probe { to, port, .. } => write!(f, "probe {to}:{port}"),
        }
    }
}

impl NetworkAction {
    /// What to show on it meanwhile.
    pub fn busy(&self) -> &'static str {
        match self {
            Self::Create(_) => "creating",
            Self::Remove => "removing",
            Self::Connect { .. } => "connecting",
            Self::Disconnect { .. } => "disconnecting",
            Self::Probe { .. } => "probing",
        }
    }
}
