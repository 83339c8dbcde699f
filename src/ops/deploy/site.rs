//! The real hosts as the loop uses them.

use std::{net::IpAddr, path::Path, time::Duration};

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};

use super::{
    place::{Place, Trouble},
    traffic::Move,
};
use crate::{
    clients::haproxy::{Sample, Watched},
    model::{
        Action, Backend, ContainerId, HostName, ImageAction, Listing, Resource, Rules, Said, Share,
        Step, Subject, Timestamp,
        app::Restart,
        release::{Converge, Found, Front, Lease, Pin, Scope},
    },
    ops::{Crew, discovery},
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
        bundle: Option<&Path>,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<(), Trouble> {
        if let (Some(file), Some(id)) = (bundle, &pin.id) {
            let tags = match pin.image.digest() {
                None => vec![pin.image.as_str().into()],
                Some(_) => Vec::new(),
            };
            let step = Step {
                host: host.clone(),
                subject: Subject::Host,
                action: Action::Image(ImageAction::Load {
                    file: file.to_owned(),
                    // What is called how is not what the seal is of: the release alone says it.
                    only: Some((id.as_str().into(), tags)),
                    limit: None,
                }),
            };
            let done = self.engines.act(&step, say).await;
            return done.map(drop).map_err(Trouble::from);
        }
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

    async fn make(
        &self,
        converge: &Converge,
        image: &str,
        port: Option<u16>,
    ) -> Result<(), Trouble> {
        let made = self.engines.make(converge, image, port, &self.secrets);
        Ok(made.await?)
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

    async fn log(
        &self,
        host: &HostName,
        id: &ContainerId,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, String)>, Trouble> {
        Ok(self.engines.log_since(host, id, since).await?)
    }

    async fn mark(&self, host: &HostName, lease: &Lease, by: &str) -> Result<(), Trouble> {
        Ok(self.engines.mark(host, lease, by).await?)
    }

    async fn unmark(&self, host: &HostName, scope: &Scope) -> Result<(), Trouble> {
        Ok(self.engines.unmark(host, scope).await?)
    }

    fn is_listed(&self, scope: &Scope) -> bool {
        self.discoveries.of(scope).next().is_some()
    }

    async fn address(&self, host: &HostName) -> Result<IpAddr, Trouble> {
        Ok(self.engines.address(host).await?)
    }

    async fn publish(&self, listing: &Listing, leaving: bool) -> Result<Vec<String>, Trouble> {
        Ok(discovery::publish(self, listing, leaving).await?)
    }

    async fn backends(&self, front: &Front) -> Result<Vec<Backend>, Trouble> {
        let all = self.balancers.open(&front.balancer)?.backends().await?;
        let of = |name: &str| all.iter().find(|one| *one.name == *name).cloned();
        Ok(front.backends().filter_map(of).collect())
    }

    async fn balance(&self, front: &Front, what: &Move) -> Result<(), Trouble> {
        let balancer = self.balancers.open(&front.balancer)?;
        match what {
            Move::Enter { backend, address } => {
                balancer.enter(backend, *address).await?;
            }
            Move::Admit(slot) => balancer.admit(slot).await?,
            Move::Drain(server) => balancer.drain(server).await?,
            Move::Retire(server) => balancer.retire(server).await?,
            Move::Share(share) => {
                balancer.set_share(&front.key, *share).await?;
            }
            Move::Save => {
                balancer.save().await?;
            }
        }
        Ok(())
    }

    async fn share(&self, front: &Front) -> Result<Share, Trouble> {
        let balancer = self.balancers.open(&front.balancer)?;
        let share = balancer.share(&front.key).await?;
        Ok(share.unwrap_or_default())
    }

    fn watch(
        &self,
        front: &Front,
        every: Duration,
        rules: Rules,
    ) -> BoxStream<'static, Result<Sample, Trouble>> {
        let balancer = match self.balancers.open(&front.balancer) {
            Ok(balancer) => balancer,
            Err(error) => return stream::once(async { Err(error.into()) }).boxed(),
        };
        let watched = Watched {
            stable: front.stable.clone(),
            canary: front.canary.clone().unwrap_or_default(),
            every,
            rules,
        };
        let samples = balancer.watch(watched);
        samples.map(|one| one.map_err(Trouble::from)).boxed()
    }
}
