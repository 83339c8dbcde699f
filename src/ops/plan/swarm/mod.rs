//! Plans of acts on Swarms: nodes, services, secrets and configs.

mod node;
mod service;
mod stored;

pub(super) use node::plan as node;
pub(super) use service::plan as service;
pub(super) use stored::plan as stored;

use super::{Refusal, RefusalKind};
use crate::model::{Host, swarm::Swarm};

/// So many tasks are named before the rest is counted.
const NAMES: usize = 6;

/// What a manager told of its Swarm; that it told nothing was found out before.
fn swarm(host: &Host) -> Option<&Swarm> {
    host.swarm.as_deref()
}

fn state(why: impl Into<String>, remedy: &str) -> Refusal {
    Refusal::new(RefusalKind::State, why, remedy)
}

/// Some names, the rest counted.
fn named(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(String::as_str);
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if names.len() > NAMES {
        text = format!("{text} and {} more", names.len() - NAMES);
    }
    text
}
