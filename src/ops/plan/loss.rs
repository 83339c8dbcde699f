//! What an act takes away, told per target where it differs.

use crate::{
    model::{Action, Container, Host, Prune, bytes},
    ops::target::container_text,
};

/// How many names are told before the rest is counted.
const NAMES: usize = 5;

/// What an act on containers takes away.
pub(super) fn of_containers(action: &Action, chosen: &[(&Host, &Container)]) -> Vec<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (host, container) in chosen {
        let Some(loss) = of_container(action, container) else {
            continue;
        };
        let text = container_text(host, container);
        match groups.iter_mut().find(|(known, _)| *known == loss) {
            Some((_, targets)) => targets.push(text),
            None => groups.push((loss, vec![text])),
        }
    }
    if let [(loss, targets)] = groups.as_slice()
        && targets.len() == chosen.len()
    {
        return vec![if chosen.len() == 1 {
            loss.clone()
        } else {
            format!("of each: {loss}")
        }];
    }
    groups
        .into_iter()
        .map(|(loss, targets)| format!("{}: {loss}", names(&targets)))
        .collect()
}

fn names(targets: &[String]) -> String {
    if targets.len() <= NAMES {
        return targets.join(", ");
    }
    format!(
        "{} and {} more",
        targets[..NAMES].join(", "),
        targets.len() - NAMES
    )
}

fn of_container(action: &Action, container: &Container) -> Option<String> {
    let live = container.state.is_live();
    match action {
        Action::Stop { .. } => Some(
            "what its processes hold in memory; the whole container if it was made with --rm"
                .into(),
        ),
        Action::Restart { .. } => {
            live.then(|| "its open connections, and what its processes hold in memory".into())
        }
        Action::Pause => Some("it does not answer until it is unpaused".into()),
        Action::Kill { signal } => Some(match &**signal {
            "KILL" | "9" => "what its processes hold in memory or have not yet written".into(),
            _ => format!("what its main process gives up at {signal}"),
        }),
        Action::Remove { force, volumes } => {
            let mut lost = vec!["its writable layer", "its log"];
            if *force && live {
                lost.insert(0, "its running processes");
            }
            if *volumes {
                lost.push("its anonymous volumes");
            }
            Some(lost.join(", "))
        }
        Action::CopyIn { to, .. } => Some(format!("files of the same name in {to}")),
        Action::CopyOut { to, .. } => {
            Some(format!("files of the same name in {} here", to.display()))
        }
        Action::Start
        | Action::Unpause
        | Action::Rename { .. }
        | Action::Exec { .. }
        | Action::Prune(_)
        | Action::Examine
        | Action::Install(_)
        | Action::Image(_)
        | Action::Network(_)
        | Action::Volume(_)
        | Action::Registry(_)
        | Action::Balancer(_)
        | Action::Jenkins(_)
        | Action::Discovery(_)
        | Action::Swarm(_)
        | Action::Deploy(_) => None,
    }
}

/// What a cleaning takes away from a host, with sizes as far as they are known.
pub(super) fn of_prune(host: &Host, kinds: &[Prune]) -> Vec<String> {
    kinds
        .iter()
        .map(|kind| format!("@{}: {}", host.name(), of_kind(host, *kind)))
        .collect()
}

fn of_kind(host: &Host, kind: Prune) -> String {
    let size = |of: fn(&crate::model::DiskUsage) -> u64| match &host.disk {
        Some(disk) => format!(", {} at most", bytes(of(disk))),
        None => String::new(),
    };
    match kind {
        Prune::Containers => {
            let ended = host
                .containers
                .values()
                .filter(|container| !container.state.is_live())
                .count();
            let size = size(|disk| disk.containers_reclaimable);
            format!("{ended} stopped containers with their writable layers and logs{size}")
        }
        Prune::Images { all } => {
            let which = if all {
                "all images that no container uses"
            } else {
                "images without a tag that no container uses"
            };
            format!("{which}{}", size(|disk| disk.images_reclaimable))
        }
        Prune::Networks => "networks that no container uses".to_owned(),
        Prune::Volumes { all } => {
            let which = if all {
                "the data of all volumes that no container uses"
            } else {
                "the data of anonymous volumes that no container uses"
            };
            format!("{which}{}", size(|disk| disk.volumes_reclaimable))
        }
        Prune::BuildCache => {
            format!(
                "the build cache{}",
                size(|disk| disk.build_cache_reclaimable)
            )
        }
    }
}
