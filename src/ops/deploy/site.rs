//! The real hosts as the loop uses them.

use super::place::{Place, Trouble};
use crate::{
    model::{
        Action, ContainerId, HostName, ImageAction, Resource, Said, Step, Subject,
        app::Restart,
        release::{Converge, Found, Lease, Pin, Scope},
    },
    ops::Crew,
};

/// Something done to a container.
fn step(host: &HostName, one: &Found, action: Action) -> Step {
    Step {
        host: host.clone(),
        subject: Subject::Container(one.id.clone(), one.name.as_str().into()),
        action,
    }
}

impl Crew {
    async fn does(&self, step: Step) -> Result<(), Trouble> {
        let done = self.engines.act(&step, &|_| {}).await;
        done.map(drop).map_err(Trouble::from)
    }
}

impl Place for Crew {
    async fn observe(&self, host: &HostName, scope: &Scope) -> Result<Vec<Found>, Trouble> {
        Ok(self.engines.observe(host, scope).await?)
    }

    async fn image(&self, host: &HostName, pin: &Pin) -> Result<Option<String>, Trouble> {
        Ok(self.engines.has_image(host, pin).await?)
    }

    async fn pull(
        &self,
        host: &HostName,
        pin: &Pin,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<(), Trouble> {
        let Some(name) = pin.pull() else {
            return Err(Trouble {
                why: format!("{pin} is not on {host}, and no registry is known to have it"),
                passes: false,
            });
        };
        let step = Step {
            host: host.clone(),
            subject: Subject::Resource {
                kind: Resource::Image,
                id: "".into(),
                name: name.as_str().into(),
            },
            action: Action::Image(ImageAction::Pull {
                name: name.as_str().into(),
            }),
        };
        let done = self.engines.act(&step, say).await;
        done.map(drop).map_err(Trouble::from)
    }

    async fn make(&self, converge: &Converge, image: &str) -> Result<(), Trouble> {
        Ok(self.engines.make(converge, image, &self.secrets).await?)
    }

    async fn start(&self, host: &HostName, one: &Found) -> Result<(), Trouble> {
        self.does(step(host, one, Action::Start)).await
    }

    async fn stop(&self, host: &HostName, one: &Found) -> Result<(), Trouble> {
        self.does(step(host, one, Action::Stop { grace: None }))
            .await
    }

    async fn remove(&self, host: &HostName, one: &Found) -> Result<(), Trouble> {
        let action = Action::Remove {
            force: false,
            volumes: true,
        };
        self.does(step(host, one, action)).await
    }

    async fn set_restart(
        &self,
        host: &HostName,
        one: &Found,
        restart: Option<Restart>,
    ) -> Result<(), Trouble> {
        Ok(self.engines.set_restart(host, &one.id, restart).await?)
    }

    async fn last_words(&self, host: &HostName, id: &ContainerId) -> Vec<String> {
        self.engines.last_words(host, id).await
    }

    async fn mark(&self, host: &HostName, lease: &Lease, by: &str) -> Result<(), Trouble> {
        Ok(self.engines.mark(host, lease, by).await?)
    }

    async fn unmark(&self, host: &HostName, scope: &Scope) -> Result<(), Trouble> {
        Ok(self.engines.unmark(host, scope).await?)
    }
}
