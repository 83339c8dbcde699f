//! Brings lists to where they are kept: looked at anew each time, for what was planned may be old by now.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::{Sight, Wanted, listing};
use crate::{
    model::{DiscoveryStep, HostName, Listing, Said, release::Scope},
    ops::Crew,
};

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(500);

/// What is on hosts of an app. One that cannot be reached is an error: what it has must not fall off a list for that.
async fn sights(crew: &Crew, scope: &Scope, hosts: &[HostName]) -> Result<Vec<Sight>, String> {
    let looks = hosts.iter().map(|host| async move {
        let found = crew.engines.observe(host, scope).await;
        let found = found.map_err(|error| error.to_string())?;
        let address = crew.engines.address(host).await;
        let address = address.map_err(|error| error.to_string())?;
        Ok::<_, String>(Sight {
            host: host.clone(),
            address,
            found,
        })
    });
    try_join_all(looks).await
}

/// What belongs into a list now.
pub(crate) async fn look(crew: &Crew, wanted: &Wanted) -> Result<Listing, String> {
    let sights = sights(crew, &wanted.scope, &wanted.hosts).await?;
    Ok(listing(
        &wanted.scope,
        &wanted.services,
        &sights,
        &BTreeSet::new(),
    ))
}

/// Does a step of a plan.
pub(crate) async fn act(
    crew: &Crew,
    step: &DiscoveryStep,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, String> {
    let discovery = crew.discoveries.open(&step.discovery);
    let discovery = discovery.map_err(|error| error.to_string())?;
    let leaving: BTreeSet<_> = step.without.iter().cloned().collect();
    let (coming, wait) = (&step.with.0, Duration::from_secs(step.with.1.into()));
    let until = Instant::now() + wait;
    loop {
        let sights = sights(crew, &step.scope, &step.hosts).await?;
        let listing = listing(&step.scope, &step.services, &sights, &leaving);
        let seen = sights.iter().flat_map(|sight| &sight.found);
        // One that publishes nothing, or went meanwhile, is not waited for.
        let late = seen.filter(|one| {
            coming.contains(&one.id)
                && (one.port().is_some() || !one.ports.is_empty())
                && !listing.targets().any(|target| target.id == one.id)
        });
        let late: Vec<&str> = late.map(|one| one.name.as_str()).collect();
        if !late.is_empty() && Instant::now() < until {
            say(Said::Line(format!(
                "waiting for {} to be well",
                late.join(", ")
            )));
            sleep(PAUSE).await;
            continue;
        }
        let done = discovery.push(&listing).await;
        let done = match done {
            Ok(done) => done,
            Err(error) if discovery.spec().warns => return Ok(format!("not done: {error}")),
            Err(error) => return Err(error.to_string()),
        };
        if !leaving.is_empty() && !done.is_empty() {
            sleep(discovery.spec().grace).await;
        }
        if !late.is_empty() {
            return Err(format!(
                "{} did not get well in {} s; the others are listed",
                late.join(", "),
                wait.as_secs()
            ));
        }
        let count = listing.targets().count();
        return Ok(match done.as_slice() {
            [] => format!("{count} targets, was so already"),
            done => format!("{count} targets: {}", done.join(", ")),
        });
    }
}

/// Brings a list to all who keep it; answers what is only to be known of it. With `leaving`, readers get the time that
/// they need before what left is stopped.
pub(crate) async fn publish(
    crew: &Crew,
    listing: &Listing,
    leaving: bool,
) -> Result<Vec<String>, crate::clients::Error> {
    let mut told = Vec::new();
    let mut grace = Duration::ZERO;
    for discovery in crew.discoveries.of(&listing.scope) {
        let name = &discovery.spec().name;
        match discovery.push(listing).await {
            Ok(done) if done.is_empty() => {}
            Ok(done) => {
                grace = grace.max(discovery.spec().grace);
                told.push(format!("{name}: {}", done.join(", ")));
            }
            Err(error) if discovery.spec().warns => told.push(format!("not done: {error}")),
            Err(error) => return Err(error),
        }
    }
    if leaving {
        sleep(grace).await;
    }
    Ok(told)
}
