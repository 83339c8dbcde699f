//! Plans of what only asks: targets, and no steps.

use super::{Confirm, Plan, Refusal, RefusalKind, gather};
use crate::{
    model::{Endpoint, Fleet},
    ops::{
        sentence::{
            Accepts, ContainerCommand, Danger, HostCommand, LogsCommand, Sentence, ShowArgs,
            VolumeCommand,
        },
        target::Target,
    },
};

/// The plan of a question, or of a login.
pub(super) fn plan(
    sentence: &Sentence,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let targets = sentence.targets(fleet, selection)?;
    for target in &targets {
        if let Some(refusal) = unanswerable(sentence, fleet, target) {
            return Err(refusal);
        }
    }
    let texts: Vec<String> = targets.iter().map(|target| target.text(fleet)).collect();
    let reveals = matches!(
        sentence,
        Sentence::Container(ContainerCommand::Show(ShowArgs { reveal: true, .. }))
            | Sentence::Logs(LogsCommand { reveal: true, .. })
    );
    Ok(Plan {
        sentence: sentence.canonical(&texts),
        title: title(sentence, &texts),
        danger: Danger::Reads,
        targets: texts,
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::No,
        left_out: Vec::new(),
        busy: "asking",
        recorded: reveals,
        told: Vec::new(),
        deploy: None,
    })
}

/// Why that target cannot answer.
fn unanswerable(sentence: &Sentence, fleet: &Fleet, target: &Target) -> Option<Refusal> {
    match target {
        Target::Host(name) => {
            let host = fleet.host(name)?;
            let by_ssh = matches!(host.spec.endpoint, Endpoint::Ssh { .. });
            (matches!(sentence, Sentence::Host(HostCommand::Login { .. })) && !by_ssh).then(|| {
                Refusal::new(
                    RefusalKind::State,
                    format!("@{name} is not reached over ssh, so there is nothing to log in to"),
                    "",
                )
            })
        }
        Target::Container(name, id) => {
            let host = fleet.host(name)?;
            // Lines that are shown already can be revealed, whatever became of their host.
            let is_here = matches!(sentence, Sentence::Logs(LogsCommand { reveal: true, .. }));
            if let Some(refusal) = gather::offline(host).filter(|_| !is_here) {
                return Some(refusal);
            }
            let text = target.text(fleet);
            let Some(container) = host.containers.get(id) else {
                return Some(Refusal::new(
                    RefusalKind::Unknown,
                    format!("{text} is gone"),
                    "",
                ));
            };
            let Accepts::Containers { unfit, .. } = sentence.accepts() else {
                return None;
            };
            unfit(container)
                .map(|why| Refusal::new(RefusalKind::State, format!("{text} {why}"), ""))
        }
        Target::Resource(_, name, _) => {
            let host = fleet.host(name)?;
            // For that a container is made and removed again.
            let makes = matches!(sentence, Sentence::Volume(VolumeCommand::Browse(_)));
            let forbidden = fleet.forbids_change(host).filter(|_| makes).map(|why| {
                let why = format!("{why}, and files are listed through a container made for it");
                Refusal::new(RefusalKind::ReadOnly, why, "")
            });
            forbidden.or_else(|| gather::offline(host))
        }
        Target::Operation(_) => None,
    }
}

fn title(sentence: &Sentence, targets: &[String]) -> String {
    match targets {
        [] => sentence.words().to_owned(),
        [only] => format!("{} {only}", sentence.words()),
        several => format!("{} of {} targets", sentence.words(), several.len()),
    }
}
