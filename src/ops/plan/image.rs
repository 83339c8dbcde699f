//! Plans of acts on images.

use std::sync::Arc;

use super::{Plan, Refusal, query, resource::Act};
use crate::{
    model::{Action, Fleet, Host, ImageAction, Resource, bytes},
    ops::{
        sentence::{ImageCommand, Sentence},
        target::Target,
    },
};

/// The plan of a sentence about images.
pub(super) fn plan(
    sentence: &Sentence,
    command: &ImageCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        ImageCommand::List(_) => query::plan(sentence, fleet, selection),
        ImageCommand::Remove(args) => Act {
            kind: Resource::Image,
            verb: "Remove",
            busy: "removing",
            action: &|host, id| {
                let named = said(command, host, id);
                let action = ImageAction::Remove {
                    only: named.clone(),
                    force: args.force,
                };
                (Action::Image(action), named)
            },
            unfit: &|_, _| None,
            loss: &|host, id| Some(lost(host, id)),
        }
        .plan(sentence, fleet, selection),
    }
}

/// The one of its names that a sentence says; none where the image as a whole is meant.
fn said(command: &ImageCommand, host: &Host, id: &str) -> Option<Arc<str>> {
    let image = host.images.iter().flatten().find(|one| *one.id == *id)?;
    let is_said = |tag: &&Arc<str>| {
        let mut patterns = command.patterns().iter();
        patterns.any(|pattern| pattern.name() == &***tag)
    };
    image.tags.iter().find(is_said).cloned()
}

/// What is gone with it.
fn lost(host: &Host, id: &str) -> String {
    let image = host.images.iter().flatten().find(|one| *one.id == *id);
    let size = image.map_or_else(String::new, |image| {
        format!(", {} at most", bytes(image.size))
    });
    format!(
        "its layers that no other image has{size}; they can come back from a registry or another host only"
    )
}
