//! What belongs into a list: the targets of an app that are well, and of two that stand side by side one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::model::{
    ContainerId, Health, HostName, Listed, ListedService, Listing, State,
    release::{Found, Scope},
};

/// What was seen of an app on a host.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The host.
    pub host: HostName,
    /// Where others reach it.
    pub address: IpAddr,
    /// Its containers of the app.
    pub found: Vec<Found>,
}

/// The targets of an app, without those that are about to go.
///
/// A container counts when Wharf made it for that environment, it runs, its check does not say otherwise, and its host
/// publishes a port of it. Of an old and a new one side by side the old one counts until it is about to go: what is only
/// tried beside it gets no traffic here.
pub fn listing(
    scope: &Scope,
    services: &[String],
    sights: &[Sight],
    leaving: &BTreeSet<ContainerId>,
) -> Listing {
    let mut by_service: BTreeMap<String, Vec<Listed>> = services
        .iter()
        .map(|name| (name.clone(), Vec::new()))
        .collect();
    for sight in sights {
        let mut places: BTreeMap<(&str, u32), &Found> = BTreeMap::new();
        for one in &sight.found {
            if !counts(scope, one) || leaving.contains(&one.id) {
                continue;
            }
            let place = (one.service.as_str(), one.replica);
            let age = |one: &Found| (one.mark.as_ref().map(|mark| mark.release), one.started);
            match places.get(&place) {
                Some(other) if age(other) <= age(one) => {}
                Some(_) | None => {
                    places.insert(place, one);
                }
            }
        }
        for one in places.into_values() {
            if let Some(listed) = listed(sight, one) {
                let all = by_service.entry(one.service.clone()).or_default();
                all.push(listed);
            }
        }
    }
    let services = by_service.into_iter().map(|(name, mut targets)| {
        targets.sort();
        ListedService { name, targets }
    });
    Listing {
        scope: scope.clone(),
        services: services.collect(),
    }
}

/// Whether a container is a target at all.
fn counts(scope: &Scope, one: &Found) -> bool {
    let is_ours = one
        .mark
        .as_ref()
        .is_some_and(|mark| mark.environment == *scope.environment);
    is_ours && one.state == State::Running && matches!(one.health, Health::Healthy | Health::None)
}

fn listed(sight: &Sight, one: &Found) -> Option<Listed> {
    let mark = one.mark.as_ref()?;
    let first = one.ports.first().map(|port| port.host);
    Some(Listed {
        service: one.service.clone(),
        address: sight.address,
        port: mark.port.or(first)?,
        host: sight.host.to_string(),
        replica: one.replica,
        release: mark.release,
        ports: one.ports.clone(),
        id: one.id.clone(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::{
        Publication,
        app::AppName,
        release::{Mark, Print, ReleaseNumber},
    };

    fn scope() -> Scope {
        Scope {
            app: AppName::new("shop").unwrap(),
            environment: "prod".into(),
        }
    }

    fn one(id: &str, release: u32, port: u16) -> Found {
        Found {
            id: ContainerId::new(id),
            name: id.to_owned(),
            service: "web".to_owned(),
            replica: 1,
            mark: Some(Mark {
                release: ReleaseNumber(release),
                environment: "prod".to_owned(),
                print: Print(id.to_owned()),
                port: None,
            }),
            state: State::Running,
            health: Health::None,
            exit: 0,
            oom: false,
            restarts: 0,
            started: None,
            rises: true,
            joins: None,
            ports: vec![Publication {
                container: 80,
                host: port,
            }],
        }
    }

    fn ports(found: Vec<Found>, leaving: &[&str]) -> Vec<u16> {
        let sight = Sight {
            host: HostName::new("web-1"),
            address: "10.0.0.7".parse().unwrap(),
            found,
        };
        let leaving = leaving.iter().map(|id| ContainerId::new(id)).collect();
        let listing = listing(&scope(), &["web".to_owned()], &[sight], &leaving);
        assert_eq!(listing.services[0].name, "web");
        listing.targets().map(|one| one.port).collect()
    }

    #[test]
    fn the_old_one_counts_until_it_goes_and_then_the_new_one() {
        let both = vec![one("b", 2, 20), one("a", 1, 10)];
        assert_eq!(ports(both.clone(), &[]), [10]);
        assert_eq!(ports(both.clone(), &["a"]), [20]);
        // On the way back the new one goes.
        assert_eq!(ports(both, &["b"]), [10]);
    }

    #[test]
    fn what_is_not_well_or_not_ours_or_publishes_nothing_does_not_count() {
        let change = |change: fn(&mut Found)| {
            let mut one = one("a", 1, 10);
            change(&mut one);
            ports(vec![one], &[])
        };
        assert_eq!(change(|_| {}), [10]);
        assert_eq!(change(|one| one.health = Health::Healthy), [10]);
        assert!(change(|one| one.health = Health::Starting).is_empty());
        assert!(change(|one| one.health = Health::Unhealthy).is_empty());
        assert!(change(|one| one.state = State::Exited).is_empty());
        assert!(change(|one| one.mark = None).is_empty());
        assert!(change(|one| one.mark.as_mut().unwrap().environment.clear()).is_empty());
        assert!(change(|one| one.ports.clear()).is_empty());
        // The port for its balancer is meant where there is one.
        assert_eq!(
            change(|one| one.mark.as_mut().unwrap().port = Some(18100)),
            [18100]
        );
    }
}
