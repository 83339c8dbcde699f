//! Plans of acts on containers.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use super::{Plan, Refusal, RefusalKind, docker, gather, loss};
use crate::{
    model::{Action, Fleet, Step, Subject},
    ops::{
        sentence::{ContainerCommand, CopySide, ExecArgs, Grace, KillArgs, RemoveArgs, Sentence},
        target::{Target, container_text},
    },
};

/// The plan of a sentence that acts on containers, one step for each.
pub(super) fn plan(
    sentence: &Sentence,
    command: &ContainerCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let Some((action, verb)) = action(command)? else {
        return Err(Refusal::new(
            RefusalKind::Sentence,
            format!("`{}` is no act on containers", sentence.words()),
            "",
        ));
    };
    let gathered = gather::containers(sentence, fleet, selection)?;
    let targets: Vec<String> = gathered
        .chosen
        .iter()
        .map(|(host, container)| container_text(host, container))
        .collect();
    let steps: Vec<Step> = gathered
        .chosen
        .iter()
        .map(|(host, container)| Step {
            host: host.name().clone(),
            subject: Subject::Container(container.id.clone(), container.name.clone()),
            action: action.clone(),
        })
        .collect();
    if let Action::Rename { to } = &action {
        free_name(fleet, &steps, to)?;
    }
    let danger = sentence.danger();
    let hosts = gathered.chosen.iter().map(|(host, _)| *host);
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: title(&verb, &targets, &steps),
        danger,
        loses: loss::of_containers(&action, &gathered.chosen),
        docker: docker::commands(&steps, fleet),
        confirm: gathered.confirm(danger, fleet, hosts),
        left_out: gathered.left_out,
        busy: busy(&action),
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

/// What is done to each container, and the verb for the title.
fn action(command: &ContainerCommand) -> Result<Option<(Action, String)>, Refusal> {
    let plain = |action, verb: &str| Ok(Some((action, verb.to_owned())));
    match command {
        ContainerCommand::Start(_) => plain(Action::Start, "Start"),
        ContainerCommand::Stop {
            grace: Grace { grace },
            ..
        } => plain(Action::Stop { grace: *grace }, "Stop"),
        ContainerCommand::Restart {
            grace: Grace { grace },
            ..
        } => plain(Action::Restart { grace: *grace }, "Restart"),
        ContainerCommand::Pause(_) => plain(Action::Pause, "Pause"),
        ContainerCommand::Unpause(_) => plain(Action::Unpause, "Unpause"),
        ContainerCommand::Kill(KillArgs { signal, .. }) => Ok(Some((
            Action::Kill {
                signal: Arc::from(signal.as_str()),
            },
            format!("Send {signal} to"),
        ))),
        ContainerCommand::Remove(RemoveArgs { force, volumes, .. }) => plain(
            Action::Remove {
                force: *force,
                volumes: *volumes,
            },
            "Remove",
        ),
        ContainerCommand::Rename { name, .. } => plain(
            Action::Rename {
                to: Arc::from(name.as_str()),
            },
            "Rename",
        ),
        ContainerCommand::Exec(args) => Ok(Some((exec(args), "Enter".to_owned()))),
        ContainerCommand::Copy { from, to, .. } => copy(from, to).map(Some),
        ContainerCommand::List(_)
        | ContainerCommand::Show(_)
        | ContainerCommand::Top { .. }
        | ContainerCommand::Changes { .. } => Ok(None),
    }
}

fn exec(args: &ExecArgs) -> Action {
    Action::Exec {
        command: args.command.iter().map(|word| Arc::from(&**word)).collect(),
        user: args.user.as_deref().map(Arc::from),
    }
}

fn copy(from: &CopySide, to: &CopySide) -> Result<(Action, String), Refusal> {
    match (from, to) {
        (CopySide::Local(from), CopySide::Inside { path, .. }) => Ok((
            Action::CopyIn {
                from: PathBuf::from(from),
                to: Arc::from(&**path),
            },
            format!("Copy {} into", from.display()),
        )),
        (CopySide::Inside { path, .. }, CopySide::Local(to)) => Ok((
            Action::CopyOut {
                from: Arc::from(&**path),
                to: PathBuf::from(to),
            },
            format!("Copy {path} out of"),
        )),
        (CopySide::Local(_), CopySide::Local(_)) => Err(Refusal::new(
            RefusalKind::Sentence,
            "neither side of the copy is in a container",
            "write one side as web@ams-1:/path",
        )),
        (CopySide::Inside { .. }, CopySide::Inside { .. }) => Err(Refusal::new(
            RefusalKind::Sentence,
            "both sides of the copy are in containers",
            "copy to this machine first, then into the other container",
        )),
    }
}

/// Refuses a new name that another container of the host has.
fn free_name(fleet: &Fleet, steps: &[Step], to: &str) -> Result<(), Refusal> {
    for step in steps {
        let taken = fleet
            .host(&step.host)
            .is_some_and(|host| host.containers.values().any(|one| &*one.name == to));
        if taken {
            return Err(Refusal::new(
                RefusalKind::State,
                format!("{to}@{} exists already", step.host),
                "choose another name",
            ));
        }
    }
    Ok(())
}

/// `Restart web@ams-1`, `Restart 3 containers on 2 hosts`.
fn title(verb: &str, targets: &[String], steps: &[Step]) -> String {
    if let [only] = targets {
        return match &steps[0].action {
            Action::Rename { to } => format!("{verb} {only} to {to}"),
            _ => format!("{verb} {only}"),
        };
    }
    let hosts: HashSet<_> = steps.iter().map(|step| &step.host).collect();
    match hosts.len() {
        1 => format!("{verb} {} containers on {}", targets.len(), steps[0].host),
        several => format!("{verb} {} containers on {several} hosts", targets.len()),
    }
}

/// What to show on a target meanwhile.
fn busy(action: &Action) -> &'static str {
    match action {
        Action::Start => "starting",
        Action::Stop { .. } => "stopping",
        Action::Restart { .. } => "restarting",
        Action::Pause => "pausing",
        Action::Unpause => "unpausing",
        Action::Kill { .. } => "being killed",
        Action::Remove { .. } => "removing",
        Action::Rename { .. } => "renaming",
        Action::CopyIn { .. } | Action::CopyOut { .. } => "copying",
        Action::Exec { .. } => "entered",
        Action::Prune(_) => "cleaning up",
        Action::Examine => "examining",
        Action::Install(_) => "installing",
        Action::Image(action) => action.busy(),
        Action::Network(action) => action.busy(),
        Action::Volume(action) => action.busy(),
        Action::Swarm(action) => action.busy(),
        Action::Registry(_)
        | Action::Balancer(_)
        | Action::Jenkins(_)
        | Action::Discovery(_)
        | Action::Deploy(_) => "working",
    }
}
