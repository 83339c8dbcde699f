//! Plans about discovery, as far as they can be made without the store: what is listed is planned from what was deployed.

use super::{Confirm, Plan, Refusal, RefusalKind};
use crate::{
    model::Fleet,
    ops::sentence::{DiscoveryCommand, Role, Sentence},
};

/// The plan of a sentence about discovery. That of bringing lists says only that it can be prepared: by
/// [`crate::ops::deploy::prepare`].
pub(super) fn plan(
    sentence: &Sentence,
    command: &DiscoveryCommand,
    fleet: &Fleet,
) -> Result<Plan, Refusal> {
    let acts = sentence.role() == Role::Deploy;
    if fleet.read_only && acts {
        return Err(Refusal::read_only());
    }
    let place = command.place();
    if let Some(place) = place
        && !fleet.discoveries.iter().any(|one| *one.name == *place.name)
    {
        let known: Vec<&str> = fleet.discoveries.iter().map(|one| &*one.name).collect();
        let remedy = if known.is_empty() {
            "write a [[discovery]] into wharf.toml; `wharf config example` shows one".to_owned()
        } else {
            format!("there is {}", known.join(", "))
        };
        let why = format!("no discovery is called '{}'", place.name);
        return Err(Refusal::new(RefusalKind::Unknown, why, remedy));
    }
    Ok(Plan {
        sentence: sentence.canonical(&[]),
        title: sentence.words().to_owned(),
        danger: sentence.danger(),
        targets: place.map(|place| place.name.clone()).into_iter().collect(),
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: Confirm::No,
        left_out: Vec::new(),
        busy: "asking",
        recorded: acts,
        told: Vec::new(),
        deploy: None,
    })
}
