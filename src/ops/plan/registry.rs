//! Plans of what is done in image registries. What is in them is not part of the fleet: it is looked at when it is done.

use std::{collections::BTreeMap, sync::Arc};

use super::{Confirm, Plan, Refusal, RefusalKind, gather::unpermitted, query};
use crate::{
    model::{
        Action, EnvironmentSpec, Fleet, HostName, RegistryAction, RemoteImage, Repository, Spot,
        Step, Subject, freeze::frozen, registry::Label,
    },
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
        RegistryCommand::Promote(args) => {
            let to = args.to.of(&args.from);
            let tag = match &to.label {
                Label::Tag(tag) => tag,
                Label::Digest(_) => "",
            };
            let mut owners = fleet.environments.iter();
            let owner = owners.find(|one| one.tags.iter().any(|own| **own == *tag));
            match owner.and_then(|owner| closed(sentence, fleet, owner, tag)) {
                Some(refusal) => Err(refusal),
                None => Ok(promote(sentence, args)),
            }
        }
    }
}

/// Why a tag that says what runs in an environment must not be moved now, or not by whoever says it.
fn closed(
    sentence: &Sentence,
    fleet: &Fleet,
    owner: &EnvironmentSpec,
    tag: &str,
) -> Option<Refusal> {
    let name = &owner.name;
    let of = format!("the tag {tag} is that of {name}");
    if owner.read_only {
        let why = format!("{of}, which is read-only by configuration");
        return Some(Refusal::new(RefusalKind::ReadOnly, why, ""));
    }
    if let Some(frozen) = frozen(&owner.admission.freezes, fleet.now) {
        let why = format!("{of}, which is {frozen}");
        return Some(Refusal::new(RefusalKind::State, why, "wait until then"));
    }
    unpermitted(sentence, fleet, Spot::Environment(name))
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
