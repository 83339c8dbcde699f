//! When the containers of a service count as well, beside their health check: what their log says.

use serde::{Deserialize, Serialize};

use super::is_default;

/// What the log of a new container has to say before it counts as well, and what it must not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogGate {
    /// It is well only once a line matches this expression.
    #[serde(skip_serializing_if = "is_default")]
    pub ready: Option<String>,
    /// It is not well when a line matches this one.
    #[serde(skip_serializing_if = "is_default")]
    pub fault: Option<String>,
}
