//! What an app has besides services: networks, volumes, secrets and configs.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Value, is_default};

/// A network of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppNetwork {
    /// Its name on the hosts; none for the app's name, `_` and its own.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// It is there already and is not ours to make or remove.
    #[serde(skip_serializing_if = "is_default")]
    pub external: bool,
    /// Its driver; none for the engine's default.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: Option<String>,
    /// Options of its driver.
    #[serde(skip_serializing_if = "is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// Who gives out its addresses; none for the engine's default.
    #[serde(skip_serializing_if = "is_default")]
    pub ipam_driver: Option<String>,
    /// Options of that.
    #[serde(skip_serializing_if = "is_default")]
    pub ipam_options: BTreeMap<String, String>,
    /// Its subnets; none for one that the engine chooses.
    #[serde(skip_serializing_if = "is_default")]
    pub pools: Vec<IpamPool>,
    /// Without a way out.
    #[serde(skip_serializing_if = "is_default")]
    pub internal: bool,
    /// Single containers may join it (Swarm).
    #[serde(skip_serializing_if = "is_default")]
    pub attachable: bool,
    /// With IPv6; none for the engine's default.
    #[serde(skip_serializing_if = "is_default")]
    pub ipv6: Option<bool>,
    /// With IPv4; none for the engine's default, which is yes.
    #[serde(skip_serializing_if = "is_default")]
    pub ipv4: Option<bool>,
    /// Its labels.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
}

/// One subnet of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IpamPool {
    /// The subnet.
    #[serde(skip_serializing_if = "is_default")]
    pub subnet: Option<IpNet>,
    /// The part of it that is given out.
    #[serde(skip_serializing_if = "is_default")]
    pub ip_range: Option<IpNet>,
    /// The way out.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway: Option<IpAddr>,
    /// Addresses that are kept back, by what keeps them.
    #[serde(skip_serializing_if = "is_default")]
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

/// A named volume of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppVolume {
    /// Its name on the hosts; none for the app's name, `_` and its own.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// It is there already and is not ours to make or remove.
    #[serde(skip_serializing_if = "is_default")]
    pub external: bool,
    /// Its driver; none for `local`.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: Option<String>,
    /// Options of its driver.
    #[serde(skip_serializing_if = "is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// Its labels.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
}

/// A secret or a config: a file for services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppFile {
    /// Its name on a Swarm; none for the app's name, `_` and its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// Where its text comes from.
    pub from: FileFrom,
    /// Its labels (Swarm).
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
}

/// Where the text of a secret or a config comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFrom {
    /// It stands here. Of configs only: a secret's text is never in a spec.
    Text(Value),
    /// A file on the machine that deploys, beside the Compose file.
    File(String),
    /// A variable of the machine that deploys, or a parameter of the template.
    Variable(String),
    /// It is there already, on the Swarm or in the store of secrets, under its name.
    External,
}

impl AppFile {
    /// Its text, where that stands here.
    pub fn text(&self) -> Option<&Value> {
        match &self.from {
            FileFrom::Text(text) => Some(text),
            FileFrom::File(_) | FileFrom::Variable(_) | FileFrom::External => None,
        }
    }
}
