//! Plans of what is done in image registries. What is in them is not part of the fleet: it is looked at when it is done.

use std::{collections::BTreeMap, sync::Arc};

use super::{Confirm, Plan, Refusal, query};
use crate::{
    model::{Action, Fleet, HostName, RegistryAction, RemoteImage, Repository, Step, Subject},
    ops::{
        sentence::{Danger, DeleteArgs, PromoteArgs, RegistryCommand, Sentence},
        target::Target,
    },
};

/// The plan of a sentence about registries.
pub(super) fn plan(
    sentence: &Sentence,
    command: &RegistryCommand,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    match command {
        RegistryCommand::List
        | RegistryCommand::Repositories(_)
        | RegistryCommand::Tags { .. }
        | RegistryCommand::Show { .. } => query::plan(sentence, fleet, selection),
        RegistryCommand::Delete(args) => Ok(delete(sentence, args)),
        RegistryCommand::Promote(args) => Ok(promote(sentence, args)),
    }
}

/// A step in the registry of an image.
fn step(image: &RemoteImage, action: RegistryAction) -> Step {
    Step {
        host: HostName::new(&image.repository.registry),
        subject: Subject::Outside(Arc::from(image.to_string())),
        action: Action::Registry(action),
    }
}

/// Deletions in one repository are one step: what names the same manifest goes together.
fn delete(sentence: &Sentence, args: &DeleteArgs) -> Plan {
    let mut by_repository: BTreeMap<&Repository, Vec<RemoteImage>> = BTreeMap::new();
    for image in &args.images {
        let named = by_repository.entry(&image.repository).or_default();
        if !named.contains(image) {
            named.push(image.clone());
        }
    }
    let steps = by_repository.into_values().map(|named| {
        let first = named[0].clone();
        step(&first, RegistryAction::Delete { named })
    });
    let names: Vec<String> = args.images.iter().map(ToString::to_string).collect();
    let title = match names.as_slice() {
        [only] => format!("Delete {only}"),
        several => format!("Delete {} images from registries", several.len()),
    };
    let lost = names.iter().map(|name| {
        format!("{name}: what it stands for, for all who would still fetch it by its digest")
    });
    Plan {
        loses: lost.collect(),
        steps: steps.collect(),
        ..base(sentence, title, "being deleted", names)
    }
}

fn promote(sentence: &Sentence, args: &PromoteArgs) -> Plan {
    let to = args.to.of(&args.from);
    let action = RegistryAction::Promote {
        from: args.from.clone(),
        to: to.clone(),
        expect: args.expect.clone(),
    };
    let title = format!("Promote {} to {to}", args.from);
    Plan {
        steps: vec![step(&args.from, action)],
        ..base(
            sentence,
            title,
            "being promoted",
            vec![args.from.to_string()],
        )
    }
}

/// A plan without steps.
fn base(sentence: &Sentence, title: String, busy: &'static str, targets: Vec<String>) -> Plan {
    let danger: Danger = sentence.danger();
    Plan {
        sentence: sentence.canonical(&targets),
        title,
        danger,
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::for_act(danger, targets.len(), &[], false),
        left_out: Vec::new(),
        busy,
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
    }
}
