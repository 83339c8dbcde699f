//! Containers that are frozen while their volume is read, and go on whatever happens.

use std::time::Duration;

use super::Cleaning;
use crate::engine::error::{Deed, Error, Fault};
use crate::engine::session::Session;
use crate::engine::wire::Wire;
use crate::model::{Container, ContainerId};

/// How long the engine may take to freeze one, or to let it go on.
const DEADLINE: Duration = Duration::from_mins(1);

/// What is frozen; let go on when dropped.
pub(super) struct Frozen {
    wire: Wire,
    cleaning: Cleaning,
    names: Vec<String>,
    ids: Vec<ContainerId>,
}

impl Frozen {
    /// Freezes them, all or none.
    pub async fn freeze(
        session: &Session,
        cleaning: &Cleaning,
        containers: &[&Container],
        deed: &Deed,
    ) -> Result<Self, Error> {
        let mut frozen = Self {
            wire: session.wire.clone(),
            cleaning: cleaning.clone(),
            names: Vec::new(),
            ids: Vec::new(),
        };
        for container in containers {
            // Before it is asked for: nobody knows what became of an order that was broken off.
            frozen.ids.push(container.id.clone());
            let path = format!("/containers/{}/pause", container.id.as_str());
            let asked = session.wire.post(path).within(DEADLINE).status().await;
            asked.map_err(|fault| {
                let error = deed.fault(fault);
                Error {
                    why: format!("{} could not be frozen: {}", container.name, error.why),
                    ..error
                }
            })?;
            frozen.names.push(container.name.to_string());
        }
        Ok(frozen)
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Lets them go on; answers their names.
    pub async fn release(mut self) -> Result<Vec<String>, Fault> {
        while let Some(id) = self.ids.last() {
            thaw(&self.wire, id).await?;
            self.ids.pop();
        }
        Ok(std::mem::take(&mut self.names))
    }
}

/// Lets one go on. One that is gone, or goes on already, is as it should be.
async fn thaw(wire: &Wire, id: &ContainerId) -> Result<(), Fault> {
    let path = format!("/containers/{}/unpause", id.as_str());
    match wire.post(path).within(DEADLINE).status().await {
        Ok(_) => Ok(()),
        Err(Fault::Refused { status, message })
            if status == 404 || message.contains("not paused") || message.contains("improper") =>
        {
            Ok(())
        }
        Err(fault) => Err(fault),
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let ids = std::mem::take(&mut self.ids);
        if ids.is_empty() {
            return;
        }
        let wire = self.wire.clone();
        self.cleaning.spawn(async move {
            for id in ids {
                drop(thaw(&wire, &id).await);
            }
        });
    }
}
