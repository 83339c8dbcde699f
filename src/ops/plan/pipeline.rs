//! Plans about pipelines, as far as they can be made without the store: what is done to a run is planned from what is read.

use super::{Confirm, Plan, Refusal};
use crate::{
    model::Fleet,
    ops::sentence::{Role, Sentence},
};

/// The plan of a sentence about pipelines.
pub(super) fn plan(sentence: &Sentence, fleet: &Fleet) -> Result<Plan, Refusal> {
    let acts = sentence.role() == Role::Deploy;
    if fleet.read_only && acts {
        return Err(Refusal::read_only());
    }
    Ok(Plan {
        sentence: sentence.canonical(&[]),
        title: sentence.words().to_owned(),
        danger: sentence.danger(),
        targets: Vec::new(),
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm: if acts { Confirm::Ask } else { Confirm::No },
        left_out: Vec::new(),
        busy: "asking",
        recorded: acts,
        told: Vec::new(),
        deploy: None,
    })
}
