//! Plans of cleaning up hosts.

use super::{Plan, Refusal, RefusalKind, docker, gather, loss};
use crate::{
    model::{Action, Fleet, Prune, Step, Subject},
    ops::{
        sentence::{PruneArgs, Sentence},
        target::Target,
    },
};

/// The plan of a cleaning: on each host one step for each kind, in the order in which one frees
/// the next (containers hold images, networks and volumes).
pub(super) fn plan(
    sentence: &Sentence,
    args: &PruneArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    if args.all && !args.images && !args.volumes {
        return Err(Refusal::new(
            RefusalKind::Sentence,
            "--all says nothing without --images or --volumes",
            "say `--images --all` or `--volumes --all`",
        ));
    }
    let kinds = kinds(args);
    let gathered = gather::hosts(sentence, fleet, selection)?;
    let targets: Vec<String> = gathered
        .chosen
        .iter()
        .map(|host| format!("@{}", host.name()))
        .collect();
    let mut steps = Vec::new();
    let mut loses = Vec::new();
    for host in &gathered.chosen {
        loses.extend(loss::of_prune(host, &kinds));
        steps.extend(kinds.iter().map(|kind| Step {
            host: host.name().clone(),
            subject: Subject::Host,
            action: Action::Prune(*kind),
        }));
    }
    let danger = sentence.danger();
    let hosts = gathered.chosen.iter().copied();
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: match targets.as_slice() {
            [only] => format!("Clean up {only}"),
            several => format!("Clean up {} hosts", several.len()),
        },
        danger,
        loses,
        docker: docker::commands(&steps, fleet),
        confirm: gathered.confirm(danger, fleet, hosts),
        left_out: gathered.left_out,
        busy: "cleaning up",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

fn kinds(args: &PruneArgs) -> Vec<Prune> {
    let images = Prune::Images { all: args.all };
    let volumes = Prune::Volumes { all: args.all };
    let named: Vec<Prune> = [
        (args.containers, Prune::Containers),
        (args.networks, Prune::Networks),
        (args.volumes, volumes),
        (args.images, images),
        (args.build_cache, Prune::BuildCache),
    ]
    .into_iter()
    .filter_map(|(is_named, kind)| is_named.then_some(kind))
    .collect();
    if named.is_empty() {
        vec![
            Prune::Containers,
            Prune::Networks,
            Prune::Images { all: false },
            Prune::BuildCache,
        ]
    } else {
        named
    }
}
