//! Who does the steps of plans: the engines, and the clients of what is beside them.

use super::run::Hands;
use crate::{
    clients::registry::Registries,
    engine::Engines,
    model::{Action, Said, Step},
};

/// The hands of the console, the shell and the worker.
#[derive(Clone, Debug)]
pub struct Crew {
    /// All Docker hosts.
    pub engines: Engines,
    /// All image registries.
    pub registries: Registries,
}

impl Hands for Crew {
    async fn act(&self, step: &Step, say: &(dyn Fn(Said) + Sync)) -> Result<String, String> {
        // What is done to what is told around it.
        match &step.action {
            Action::Registry(action) => {
                let done = self.registries.act(action, say).await;
                done.map_err(|error| error.reason())
            }
            _ => {
                let done = self.engines.act(step, say).await;
                done.map_err(|error| error.reason())
            }
        }
    }
}
