//! Plans about apps, as far as they can be made from the fleet alone: what a deploy does is planned from what is read.

use super::{Confirm, Plan, Refusal, RefusalKind};
use crate::{
    model::Fleet,
    ops::sentence::{AppCommand, Role, Sentence},
};

/// The plan of a sentence about apps. That of a deploy says only that it can be prepared: by
/// [`crate::ops::deploy::prepare`].
pub(super) fn plan(
    sentence: &Sentence,
    command: &AppCommand,
    fleet: &Fleet,
) -> Result<Plan, Refusal> {
    if let AppCommand::Deploy(args) = command {
        for pattern in &args.hosts {
            pattern.resolve(fleet)?;
        }
    }
    if fleet.read_only && sentence.role() == Role::Deploy {
        return Err(Refusal::read_only());
    }
    if command.choice().is_some() && command.place().is_none() {
        let words = sentence.words();
        return Err(Refusal::new(
            RefusalKind::Nothing,
            format!("`{words}` needs an app, and none is named, nor exactly one selected"),
            format!("say which one, as in `{words} shop`"),
        ));
    }
    let name = command.place().map(|place| place.name.to_string());
    let title = match &name {
        Some(name) => format!("{} {name}", sentence.words()),
        None => sentence.words().to_owned(),
    };
    Ok(Plan {
        sentence: sentence.canonical(&[]),
        title,
        danger: sentence.danger(),
        targets: name.into_iter().collect(),
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: if sentence.role() == Role::Deploy {
            Confirm::Ask
        } else {
            Confirm::No
        },
        left_out: Vec::new(),
        busy: "asking",
        recorded: sentence.role() == Role::Deploy,
        told: Vec::new(),
        deploy: None,
    })
}
