//! Hosts are drained for maintenance and activated again: out of traffic, stopped, and back as they were.

mod act;
mod plan;
mod prepare;
#[cfg(test)]
mod tests;

pub(crate) use act::carry_out;
pub use plan::{Back, Elsewhere, Rest, activate, drain};
pub use prepare::prepare;

use serde::Serialize;

use crate::model::Maintenance;

/// What is done to a host, beside the steps of its plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upkeep {
    /// It is put to rest.
    Drain(Maintenance),
    /// It comes back.
    Activate(Maintenance),
}
