//! How a service stands behind a load balancer, as its file says it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{duration, is_default};

/// What a service says below `x-wharf: balancer:`. What is not said is found out when a release is planned: an app is
/// the same in every environment, balancers are not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behind {
    /// The balancer; none for the only one of the environment.
    #[serde(skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// The backend; none for `APP_stable`.
    #[serde(skip_serializing_if = "is_default")]
    pub backend: Option<String>,
    /// The backend of a gray release; none for `APP_canary`, if there is one.
    #[serde(skip_serializing_if = "is_default")]
    pub canary: Option<String>,
    /// Its key in the balancer's map of shares; none for the app's name.
    #[serde(skip_serializing_if = "is_default")]
    pub key: Option<String>,
    /// The port inside the container.
    pub port: u16,
    /// The first port on the hosts. The nth replica of a host has the pair from `host_port + 2 (n - 1)`: the old and
    /// the new one stand side by side while one replaces the other.
    pub host_port: u16,
    /// How long an old one may take to end what it has; none for 30 s.
    #[serde(with = "duration", skip_serializing_if = "is_default")]
    pub drain: Option<Duration>,
}
