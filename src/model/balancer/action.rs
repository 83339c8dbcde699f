//! What is done to a balancer, as a value, before anything happens.

use std::{fmt, sync::Arc};

use serde::Serialize;

use super::{ServerName, Share};

/// Something that is done to a balancer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct BalancerStep {
    /// Its name.
    pub balancer: Arc<str>,
    /// What.
    pub action: BalancerAction,
}

/// What is done to a balancer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BalancerAction {
    /// A server takes traffic, once its checks pass.
    Ready {
        /// Which.
        server: ServerName,
        /// How long its checks are waited for, in seconds.
        wait: u32,
    },
    /// A server takes nothing new.
    Drain {
        /// Which.
        server: ServerName,
        /// How long what it has is waited for, in seconds.
        wait: u32,
    },
    /// A server takes nothing, and is not checked.
    Maintenance {
        /// Which.
        server: ServerName,
    },
    /// A server gets another part of its backend's traffic.
    Weight {
        /// Which.
        server: ServerName,
        /// 0 to 256.
        weight: u16,
    },
    /// A canary gets another share.
    Share {
        /// The key of the map, an app's name.
        key: Arc<str>,
        /// How much.
        share: Share,
        /// The map's file, if not the balancer's own.
        map: Option<Arc<str>>,
    },
    /// What it knows is written down, so that it knows it after a reload.
    Save,
}

impl fmt::Display for BalancerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { .. } => f.write_str("ready"),
            Self::Drain { .. } => f.write_str("drain"),
            Self::Maintenance { .. } => f.write_str("maintenance"),
            Self::Weight { weight, .. } => write!(f, "weight {weight}"),
            Self::Share { share, .. } => write!(f, "share {share}"),
            Self::Save => f.write_str("save"),
        }
    }
}
