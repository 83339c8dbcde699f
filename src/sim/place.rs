//! Which services a host runs, how many of each, and which of them are broken.

use super::blueprint::{APPS, App, Service};
use super::engine::Profile;
use super::seed::Seed;

/// Containers that one set of apps is enough for; more containers bring more apps, not only replicas.
const PER_VARIANT: usize = 400;

/// A service of an app on a host.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Compose's project name: the app's, with a suffix for a further variant of it.
    pub project: String,
    /// Which variant of the app it is, from 0.
    pub variant: u16,
    /// The service.
    pub service: &'static Service,
    /// How many containers of it.
    pub replicas: u32,
}

/// What is wrong with a container from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Well,
    /// Gave up with code 1.
    Failed,
    /// The kernel took it for its memory.
    OutOfMemory,
    /// Its health check fails.
    Unhealthy,
    /// Crashes each time it is started.
    Looping,
    /// Frozen.
    Paused,
    /// Never started.
    Created,
    /// Could not be removed.
    Dead,
}

/// All the ways to be broken.
pub const FATES: [Fate; 7] = [
    Fate::Failed,
    Fate::OutOfMemory,
    Fate::Unhealthy,
    Fate::Looping,
    Fate::Paused,
    Fate::Created,
    Fate::Dead,
];

/// The services of a host: exactly `profile.containers` containers, less `standalone` ones.
pub fn place(profile: &Profile, standalone: usize) -> Vec<Placed> {
    let wanted = profile.containers.saturating_sub(standalone);
    let variants = 1 + wanted / PER_VARIANT;
    let mut placed: Vec<Placed> = Vec::new();
    for variant in 0..variants {
        for app in order(profile, variant) {
            let project = project(app, variant);
            for service in app.services {
                if placed.len() < wanted {
                    let variant = u16::try_from(variant).unwrap_or(u16::MAX);
                    placed.push(Placed {
                        project: project.clone(),
                        variant,
                        service,
                        replicas: 1,
                    });
                }
            }
        }
    }
    scale(&mut placed, wanted);
    placed
}

/// Hands out the containers that are still missing to the services that scale, in turn.
fn scale(placed: &mut [Placed], wanted: usize) {
    let mut missing = wanted - placed.len();
    let anything = !placed.iter().any(|one| one.service.scales);
    while missing > 0 && !placed.is_empty() {
        for one in placed
            .iter_mut()
            .filter(|one| anything || one.service.scales)
        {
            if missing > 0 {
                one.replicas += 1;
                missing -= 1;
            }
        }
    }
}

/// The apps in the order in which this host takes them: its group's, everybody's, the others.
fn order(profile: &Profile, variant: usize) -> Vec<&'static App> {
    let group = profile.groups.first().map_or("", String::as_str);
    let seed = profile.seed.of("apps").at(variant as u64);
    let mut apps: Vec<&App> = APPS.iter().collect();
    apps.sort_by_key(|app| match app.group {
        own if own == group => (0, 0),
        "*" => (1, 0),
        _ => (2, seed.of(app.name).below(1000)),
    });
    apps
}

fn project(app: &App, variant: usize) -> String {
    const SUFFIXES: [&str; 6] = ["", "-eu", "-us", "-b2b", "-canary", "-apac"];
    match SUFFIXES.get(variant) {
        Some(suffix) => format!("{}{suffix}", app.name),
        None => format!("{}-t{:02}", app.name, variant - SUFFIXES.len() + 1),
    }
}

/// What is wrong with the `number`th of a host's `count` containers: the first host has each
/// way of being broken once, elsewhere it is about one container in eighty.
pub fn fate(profile: &Profile, number: usize, count: usize, seed: Seed) -> Fate {
    if profile.index == 0 && count >= 10 {
        let step = count / (FATES.len() + 1);
        let hit = number % step == step / 2;
        return FATES
            .get(number / step)
            .filter(|_| hit)
            .copied()
            .unwrap_or(Fate::Well);
    }
    let seed = seed.of("fate");
    if seed.unit() < 0.0125 {
        *seed.of("kind").pick(&FATES)
    } else {
        Fate::Well
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::fleet;

    #[test]
    fn a_host_has_exactly_as_many_containers_as_asked() {
        for containers in [0, 1, 7, 29, 40, 401, 20_000] {
            let spec = fleet::Spec {
                hosts: 1,
                containers,
                ..fleet::Spec::default()
            };
            let profile = &fleet::profiles(&spec)[0];
            let placed = place(profile, 0);
            let sum: u32 = placed.iter().map(|one| one.replicas).sum();
            assert_eq!(usize::try_from(sum), Ok(containers));
        }
    }

    #[test]
    fn the_first_host_has_every_way_of_being_broken() {
        let profile = &fleet::profiles(&fleet::Spec::default())[0];
        for count in [10, 40, 333] {
            let fates: Vec<Fate> = (0..count)
                .map(|n| fate(profile, n, count, profile.seed.at(n as u64)))
                .collect();
            for wanted in FATES {
                assert_eq!(
                    fates.iter().filter(|one| **one == wanted).count(),
                    1,
                    "{wanted:?}"
                );
            }
        }
    }
}
