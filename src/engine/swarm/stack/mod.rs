//! Deploys to a Swarm through one of its managers: what is there of an app, its services made and changed, its marker.

mod body;
mod facts;
mod ground;
mod look;

use serde_json::{Value, json};

use super::act::{DEADLINE, present, replace};
use super::{failed, is_out_of_sequence, stored};
use crate::engine::Engines;
use crate::engine::deploy::{label, mark_name, marked};
use crate::engine::error::{Deed, Error, ErrorKind, Fault};
use crate::engine::image::trade::header;
use crate::engine::wire::{escape, query};
use crate::model::app::ServiceName;
use crate::model::release::{Lease, Release, Scope, Secrets, Stacked, Way};
use crate::model::swarm::Facts;
use crate::model::{HostName, Resource};

/// What a service is called in the Swarm, or the second one that is tried beside it.
pub(super) fn service_name(release: &Release, service: &ServiceName, tried: bool) -> String {
    let name = if tried {
        service.canary()
    } else {
        service.to_string()
    };
    format!("{}_{name}", release.scope.app)
}

impl Engines {
    /// What a manager knows of an app, and of what its services need.
    pub async fn stack(&self, manager: &HostName, scope: &Scope) -> Result<Stacked, Error> {
        let deed = Deed::on(manager, "look at the services of", scope.app.as_str());
        let session = self.session(&deed).await?;
        let seen = look::stack(&session, scope).await;
        seen.map_err(|fault| failed(&deed, fault))
    }

    /// What a service of a release is to be made of, or the second one of so many tasks that is tried beside it. The
    /// error is a secret that is not known.
    pub fn stack_facts(
        release: &Release,
        service: &ServiceName,
        tried: Option<u32>,
        secrets: &Secrets,
    ) -> Result<Facts, String> {
        let known = ground::Known::by_name(release, secrets)?;
        let body = body::of(release, (service, tried), secrets, &known, Way::Forth)?;
        Ok(facts::read(&body, &|target| target.to_owned()))
    }

    /// Makes a service, or changes the version of it that was seen, with the networks, secrets and configs that it
    /// needs; with a number of tasks it is the second one that is tried beside it. False when somebody else was faster:
    /// it has to be looked again.
    pub async fn set_service(
        &self,
        manager: &HostName,
        release: &Release,
        (service, tried): (&ServiceName, Option<u32>),
        over: Option<(&str, u64)>,
        way: Way,
        secrets: &Secrets,
    ) -> Result<bool, Error> {
        let name = service_name(release, service, tried.is_some());
        let doing = if over.is_some() { "change" } else { "create" };
        let deed = Deed::on(manager, doing, &name);
        let session = self.session(&deed).await?;
        let laid = ground::lay(&session, release, secrets, &deed).await?;
        let body = body::of(release, (service, tried), secrets, &laid, way);
        let mut body = body.map_err(|why| deed.failed(ErrorKind::Local, why))?;
        let image = body["TaskTemplate"]["ContainerSpec"]["Image"].as_str();
        let key = match image.filter(|image| image.contains('/') || image.contains('@')) {
            Some(image) if !image.starts_with("sha256:") => header(self, image, &deed).await?,
            Some(_) | None => None,
        };
        let Some((id, version)) = over else {
            let asked = session.wire.post("/services/create").within(DEADLINE);
            let sent = asked.registry_auth(key).json_body(&body).status().await;
            return match sent {
                Ok(_) => Ok(true),
                Err(Fault::Refused { status: 409, .. }) => Ok(false),
                Err(fault) => Err(failed(&deed, fault)),
            };
        };
        let path = format!("/services/{}", escape(id));
        let now = present(&session, &path, &deed).await?;
        if now.version != version {
            return Ok(false);
        }
        // Whoever forced an update counted up; less would replace all tasks once more.
        let forced = now.spec["TaskTemplate"]["ForceUpdate"].clone();
        if forced.as_u64().is_some_and(|count| count > 0) {
            body["TaskTemplate"]["ForceUpdate"] = forced;
        }
        match replace(&session, &path, version, &body, key).await {
            Ok(()) => Ok(true),
            Err(Fault::Refused { message, .. }) if is_out_of_sequence(&message) => Ok(false),
            Err(fault) => Err(failed(&deed, fault)),
        }
    }

    /// Removes a service with its tasks. That it is gone is as good.
    pub async fn drop_service(&self, manager: &HostName, id: &str) -> Result<(), Error> {
        let deed = Deed::on(manager, "remove the service", id);
        let session = self.session(&deed).await?;
        let path = format!("/services/{}", escape(id));
        match session.wire.delete(path).within(DEADLINE).status().await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_missing() => Ok(()),
            Err(fault) => Err(failed(&deed, fault)),
        }
    }

    /// Removes networks, secrets and configs that were made for an app and that none of these releases has; tells what
    /// cannot be removed.
    pub async fn sweep_stack(
        &self,
        manager: &HostName,
        scope: &Scope,
        kept: &[&Release],
        secrets: &Secrets,
    ) -> Result<Vec<String>, Error> {
        let deed = Deed::on(manager, "tidy up after", scope.app.as_str());
        let session = self.session(&deed).await?;
        ground::sweep(&session, scope, kept, secrets, &deed).await
    }

    /// Marks a Swarm as one that a deploy of an app works on: a config that whoever comes first makes. The error names
    /// who has it.
    pub async fn mark_stack(
        &self,
        manager: &HostName,
        lease: &Lease,
        by: &str,
    ) -> Result<(), Error> {
        let app = lease.scope.app.as_str();
        let deed = Deed::on(manager, "mark the Swarm for a deploy of", app);
        let session = self.session(&deed).await?;
        let name = mark_name(&lease.scope);
        let ours = lease.number.to_string();
        let labels = [(label::DEPLOY, ours.as_str()), (label::BY, by)];
        let labels = labels.map(|(key, text)| (key.to_owned(), json!(text)));
        let made = stored::make(
            &session,
            Resource::Config,
            &name,
            b"wharf",
            labels.into_iter().collect(),
            &deed,
        );
        match made.await {
            Ok(_) => return Ok(()),
            Err(error) if error.kind == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
        let filters = json!({"name": [name]}).to_string();
        let path = format!("/configs{}", query(&[("filters", &filters)]));
        let all: Vec<Value> = session
            .wire
            .get(path)
            .json()
            .await
            .map_err(|fault| failed(&deed, fault))?;
        let there = all.iter().find(|one| one["Spec"]["Name"] == *name);
        let of = |key: &str| {
            let said = there.and_then(|one| one["Spec"]["Labels"][key].as_str());
            said.unwrap_or_default().to_owned()
        };
        if of(label::DEPLOY) == ours {
            return Ok(());
        }
        let end = format!("swarm-config remove {name}@{manager}");
        Err(marked(&deed, &of(label::DEPLOY), &of(label::BY), &end))
    }

    /// Takes the mark off. That there is none is as good.
    pub async fn unmark_stack(&self, manager: &HostName, scope: &Scope) -> Result<(), Error> {
        let app = scope.app.as_str();
        let deed = Deed::on(manager, "take the mark off for a deploy of", app);
        let session = self.session(&deed).await?;
        let path = format!("/configs/{}", escape(&mark_name(scope)));
        match session.wire.delete(path).within(DEADLINE).status().await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_missing() => Ok(()),
            Err(fault) => Err(failed(&deed, fault)),
        }
    }
}
