//! Hosts are drained for maintenance and activated again: out of traffic, stopped, and back as they were.

mod act;
mod elsewhere;
mod moves;
mod plan;
mod prepare;
#[cfg(test)]
mod tests;

pub(crate) use act::carry_out;
pub use elsewhere::Moving;
pub use plan::{Back, Elsewhere, Rest, activate, drain};
pub use prepare::prepare;

use serde::Serialize;

use crate::model::{Maintenance, Moved, release::Rollout};

/// What is done to a host, beside the steps of its plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upkeep {
    /// It is put to rest, once replicas run elsewhere.
    Drain(Maintenance, Vec<Move>),
    /// It comes back, and then replicas do.
    Activate(Maintenance, Vec<Move>),
}

/// A deploy by which replicas of an app go elsewhere, or come back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// Which.
    pub moved: Moved,
    /// The deploy.
    pub rollout: Box<Rollout>,
    /// So many steps of the plan are its.
    pub steps: usize,
}
