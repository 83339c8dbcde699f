//! Decides whether an app is for a Swarm, and reads what that is planned from.

use std::collections::BTreeMap;

use super::super::{Desk, Draft, plan::release, prepare::refusal};
use super::Stacking;
use crate::{
    engine::Engines,
    model::{
        Host, HostName,
        app::ServiceName,
        release::{Release, Scope, Stacked},
    },
    ops::plan::Refusal,
};

impl Desk<'_> {
    /// The Swarm that an app is for, and the manager in the place of the hosts; none when it is for containers of the
    /// hosts. It is for a Swarm when that is asked for, when it is there already, or when a stack of its name is.
    pub(in crate::ops::deploy) async fn stacking(
        &self,
        scope: &Scope,
        hosts: Vec<HostName>,
        before: Option<&Release>,
        asked: Option<&str>,
    ) -> Result<(Vec<HostName>, Option<Stacking>), Refusal> {
        let was = before.and_then(|one| one.stack.as_ref());
        if let (Some(before), None, Some(why)) = (before, was, asked) {
            return Err(refusal(
                format!(
                    "{scope} runs as containers of hosts ({}), and {why}",
                    before.number
                ),
                "deploy it to the Swarm under another name, move what uses it, then take the old one away",
            ));
        }
        let managers: Vec<&Host> = hosts
            .iter()
            .filter_map(|name| self.fleet.host(name))
            .filter(|host| host.is_manager())
            .collect();
        let why = match (was, before, asked) {
            (Some(_), Some(before), _) => format!("{} is there", before.number),
            (_, _, Some(why)) => why.to_owned(),
            (_, None, None) if managers.len() == hosts.len() && !managers.is_empty() => {
                // A stack that somebody else made is not to be run twice.
                let seen = self.crew.engines.stack(managers[0].name(), scope).await;
                match seen {
                    Ok(seen) if !seen.services.is_empty() => {
                        "a stack of its name is there".to_owned()
                    }
                    Ok(_) | Err(_) => return Ok((hosts, None)),
                }
            }
            _ => return Ok((hosts, None)),
        };
        let manager = self.manager(&hosts, &managers, was.map(|one| &*one.cluster))?;
        let seen = self.crew.engines.stack(&manager, scope).await;
        let seen: Result<Stacked, String> = seen.map_err(|error| error.reason());
        if let (Some(was), Ok(seen)) = (was, &seen)
            && was.cluster != seen.cluster
        {
            return Err(refusal(
                format!("{manager} manages another Swarm than the one that has {scope}"),
                "say --hosts with a manager of that one, or deploy under another name",
            ));
        }
        let stacking = Stacking {
            why,
            manager: manager.clone(),
            seen,
            wanted: BTreeMap::new(),
        };
        Ok((vec![manager], Some(stacking)))
    }

    /// The manager that is told: the first that is named and reached, else another one of the same Swarm.
    fn manager(
        &self,
        hosts: &[HostName],
        managers: &[&Host],
        cluster: Option<&str>,
    ) -> Result<HostName, Refusal> {
        let of = |host: &Host| host.membership().and_then(|one| one.cluster.clone());
        if let Some(first) = managers.iter().find(|host| host.link.is_online()) {
            let other = managers.iter().find(|host| of(host) != of(first));
            if let Some(other) = other {
                return Err(refusal(
                    format!("{} and {} are of two Swarms", first.name(), other.name()),
                    "name managers of one",
                ));
            }
            let none = hosts.iter().find(|name| {
                let host = self.fleet.host(name);
                host.is_some_and(|host| host.link.is_online() && !host.is_manager())
            });
            if let Some(worker) = none {
                return Err(refusal(
                    format!("{worker} is no Swarm manager"),
                    "name managers only: they put tasks on all nodes; placement constraints say where",
                ));
            }
            return Ok(first.name().clone());
        }
        let mut fleet = self.fleet.hosts().iter();
        let another = fleet.find(|host| {
            let is_of = cluster.is_some() && of(host).as_deref() == cluster;
            is_of && host.is_manager() && host.link.is_online()
        });
        // What a host is may not have been told yet; it is asked then, and says so itself.
        let silent = hosts.iter().filter_map(|name| self.fleet.host(name));
        let silent = silent.filter(|host| host.link.is_online());
        let another = another.or_else(|| silent.into_iter().find(|host| host.engine.is_none()));
        match (another, hosts.first()) {
            (Some(host), _) => Ok(host.name().clone()),
            (None, Some(host)) => Err(refusal(
                format!("{host} is no Swarm manager that can be asked now"),
                "`swarm list` lists managers; say one with --hosts, or leave --swarm out",
            )),
            (None, None) => Err(refusal("no host is named", "say a manager with --hosts")),
        }
    }

    /// With what each service is to be made of, where it is for a Swarm.
    pub(in crate::ops::deploy) async fn made_of(&self, draft: &mut Draft) {
        if draft.stack.is_none() {
            return;
        }
        // What cannot be a release is told when it is planned.
        let Ok(release) = release(draft, self.fleet) else {
            return;
        };
        let secrets = self.crew.secrets.clone();
        let read = tokio::task::spawn_blocking(move || {
            let names = release.spec.services.keys();
            let facts = |name: &ServiceName| {
                let facts = Engines::stack_facts(&release, name, None, &secrets);
                (name.clone(), facts)
            };
            names.map(facts).collect::<BTreeMap<_, _>>()
        });
        if let (Some(stacking), Ok(wanted)) = (&mut draft.stack, read.await) {
            stacking.wanted = wanted;
        }
    }
}
