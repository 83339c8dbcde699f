//! Plans of lists that are brought to where they are kept, and what a host that rests or comes back does to them.

use super::{Wanted, wanted};
use crate::{
    model::{Action, ContainerId, DiscoveryStep, Host, HostName, Spot, Step, Subject},
    ops::{
        deploy::Desk,
        plan::{Confirm, Plan, Refusal, RefusalKind, unpermitted},
        sentence::{DiscoveryCommand, DiscoveryPlace, Sentence},
    },
};

/// Reads what a sentence about discovery needs, and plans it.
pub async fn prepare(
    desk: &Desk<'_>,
    sentence: &Sentence,
    command: &DiscoveryCommand,
) -> Result<Plan, Refusal> {
    let DiscoveryCommand::Push(args) = command else {
        let why = "this changes nothing";
        return Err(Refusal::new(RefusalKind::State, why, ""));
    };
    let all = lists(desk).await?;
    let chosen = chosen(all, &args.place)?;
    for one in &chosen {
        if let Some(refusal) = forbidden(desk, sentence, one) {
            return Err(refusal);
        }
    }
    let steps: Vec<Step> = chosen.iter().map(|one| at(&one.step())).collect();
    let targets: Vec<String> = steps.iter().map(Step::target).collect();
    let guarded: Vec<String> = chosen
        .iter()
        .map(|one| desk.fleet.environment(&one.scope.environment))
        .filter(|environment| environment.guarded)
        .map(|environment| environment.name.to_string())
        .collect();
    Ok(Plan {
        sentence: sentence.canonical(&[]),
        title: match chosen.as_slice() {
            [one] => format!("List the targets of {} in {}", one.scope, one.spec.name),
            many => format!(
                "List the targets of {} apps in {}",
                many.len(),
                args.place.name
            ),
        },
        danger: sentence.danger(),
        targets,
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: if guarded.is_empty() {
            Confirm::No
        } else {
            Confirm::Ask
        },
        left_out: Vec::new(),
        busy: "listing",
        recorded: true,
        told: chosen
            .iter()
            .map(|one| {
                let hosts: Vec<&str> = one.hosts.iter().map(HostName::as_str).collect();
                format!("{}: what is well on {}", one.spec.place(), hosts.join(", "))
            })
            .collect(),
        deploy: None,
        steps,
    })
}

/// All lists that are to be.
async fn lists(desk: &Desk<'_>) -> Result<Vec<Wanted>, Refusal> {
    let all = wanted(desk.store, &desk.fleet.discoveries).await;
    all.map_err(|error| Refusal::new(RefusalKind::State, error.to_string(), ""))
}

/// Those that are meant of all lists.
pub(crate) fn chosen(all: Vec<Wanted>, place: &DiscoveryPlace) -> Result<Vec<Wanted>, Refusal> {
    let is_meant = |one: &Wanted| {
        *one.spec.name == *place.name
            && place.app.as_ref().is_none_or(|app| *app == one.scope.app)
            && place
                .env
                .as_deref()
                .is_none_or(|env| *env == *one.scope.environment)
    };
    let chosen: Vec<Wanted> = all.into_iter().filter(is_meant).collect();
    if chosen.is_empty() {
        let why = format!("nothing that {} lists was deployed", place.name);
        let remedy = "`app deploy` first; look at its app and environment in wharf.toml";
        return Err(Refusal::new(RefusalKind::Unknown, why, remedy));
    }
    Ok(chosen)
}

fn forbidden(desk: &Desk<'_>, sentence: &Sentence, one: &Wanted) -> Option<Refusal> {
    let fleet = desk.fleet;
    let environment = &*one.scope.environment;
    let why = if fleet.read_only {
        return Some(Refusal::read_only());
    } else if one.spec.read_only {
        format!("{} is read-only", one.spec.name)
    } else if fleet.environment(environment).read_only {
        format!("{environment} is read-only")
    } else {
        return unpermitted(sentence, fleet, Spot::Environment(environment));
    };
    let remedy = "change `read_only` in wharf.toml if that is wrong";
    Some(Refusal::new(RefusalKind::ReadOnly, why, remedy))
}

fn at(step: &DiscoveryStep) -> Step {
    Step {
        host: HostName::new(&step.discovery),
        subject: Subject::Outside(step.target().into()),
        action: Action::Discovery(step.clone()),
    }
}

/// What takes the targets of a host off all lists, before it is drained.
pub(crate) async fn leave(desk: &Desk<'_>, host: &Host) -> Result<Vec<Step>, Refusal> {
    let steps = of_host(desk, host).await?.into_iter().map(|one| {
        let step = DiscoveryStep {
            without: of_app(host, &one, host.containers.keys()),
            ..one.step()
        };
        at(&step)
    });
    Ok(steps.collect())
}

/// What puts its targets onto the lists again, once they are well; they are waited for so many seconds.
pub(crate) async fn stay(
    desk: &Desk<'_>,
    host: &Host,
    started: &[ContainerId],
    wait: u32,
) -> Result<Vec<Step>, Refusal> {
    let steps = of_host(desk, host).await?.into_iter().map(|mut one| {
        // It rests still, as far as the store knows.
        if !one.hosts.contains(host.name()) {
            one.hosts.push(host.name().clone());
        }
        let step = DiscoveryStep {
            with: (of_app(host, &one, started), wait),
            ..one.step()
        };
        at(&step)
    });
    Ok(steps.collect())
}

/// Those of a host's containers that are of the app of a list.
fn of_app<'c>(
    host: &Host,
    list: &Wanted,
    ids: impl IntoIterator<Item = &'c ContainerId>,
) -> Vec<ContainerId> {
    let is_of = |id: &&ContainerId| {
        let one = host.containers.get(*id);
        one.is_some_and(|one| one.app.as_deref() == Some(list.scope.app.as_str()))
    };
    ids.into_iter().filter(is_of).cloned().collect()
}

/// The lists of the apps that a host has.
async fn of_host(desk: &Desk<'_>, host: &Host) -> Result<Vec<Wanted>, Refusal> {
    let mut all = lists(desk).await?;
    all.retain(|one| {
        let is_of = |app: &str| app == one.scope.app.as_str();
        *one.scope.environment == *host.environment()
            && host
                .containers
                .values()
                .any(|container| container.app.as_deref().is_some_and(is_of))
    });
    Ok(all)
}
