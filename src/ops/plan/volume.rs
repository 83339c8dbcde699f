//! Plans of acts on volumes.

use super::{Plan, Refusal, query, resource::Act};
use crate::{
    model::{Action, Fleet, Host, Resource, VolumeAction, bytes},
    ops::{
        sentence::{Sentence, VolumeCommand},
        target::Target,
    },
};

/// The plan of a sentence about volumes.
pub(super) fn plan(
    sentence: &Sentence,
    command: &VolumeCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        VolumeCommand::List(_) => query::plan(sentence, fleet, selection),
        VolumeCommand::Remove(_) => Act {
            kind: Resource::Volume,
            verb: "Remove",
            busy: VolumeAction::Remove.busy(),
            action: &|_, _| (Action::Volume(VolumeAction::Remove), None),
            unfit: &|_, _| None,
            loss: &|host, id| Some(lost(host, id)),
        }
        .plan(sentence, fleet, selection),
    }
}

/// What is in it, with its size as far as that is known.
fn lost(host: &Host, id: &str) -> String {
    let volume = host.volumes.iter().flatten().find(|one| *one.name == *id);
    match volume.and_then(|volume| volume.size) {
        Some(size) => format!("all that is in it, {}", bytes(size)),
        None => "all that is in it".to_owned(),
    }
}
