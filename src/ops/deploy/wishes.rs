//! Plans of what is only wished of a deploy that goes on elsewhere, and of what takes its lock away.

use super::Task;
use crate::{
    model::release::{Held, Scope, Wish},
    ops::{
        plan::{Confirm, Plan},
        sentence::{Danger, Sentence},
    },
};

/// A plan that only tells whoever works on a deploy what is wished.
pub(super) fn wish(sentence: &Sentence, held: &Held, wish: Wish) -> Plan {
    let (title, danger) = match wish {
        Wish::Abort => (
            format!("Have {} of {} taken back", held.number, held.scope),
            Danger::Disrupts,
        ),
        Wish::Promote => (
            format!("Have {} of {} come everywhere", held.number, held.scope),
            Danger::Disrupts,
        ),
        Wish::Pause | Wish::Go => (
            format!("Have {} of {} stand still", held.number, held.scope),
            Danger::Changes,
        ),
    };
    let confirm = match wish {
        Wish::Abort | Wish::Promote => Confirm::Ask,
        Wish::Pause | Wish::Go => Confirm::No,
    };
    Plan {
        told: vec![format!(
            "{} works on it and is told within seconds",
            held.by
        )],
        deploy: Some(Box::new(Task::Wish(held.scope.clone(), wish))),
        ..bare(sentence, title, danger, confirm, &held.scope)
    }
}

pub(super) fn unlock(sentence: &Sentence, held: &Held) -> Plan {
    let title = format!("Give up {} of {}", held.number, held.scope);
    let who = if held.is_live() { "works" } else { "worked" };
    Plan {
        told: vec![
            format!(
                "{} {who} on it since {}",
                held.by,
                held.since.strftime("%F %T UTC")
            ),
            "what it did stays as it is; hosts may have containers of both releases".to_owned(),
        ],
        loses: vec![format!("the right of {} to go on with it", held.by)],
        deploy: Some(Box::new(Task::Unlock(held.scope.clone()))),
        ..bare(sentence, title, Danger::Disrupts, Confirm::Ask, &held.scope)
    }
}

pub(super) fn bare(
    sentence: &Sentence,
    title: String,
    danger: Danger,
    confirm: Confirm,
    scope: &Scope,
) -> Plan {
    Plan {
        sentence: sentence.canonical(&[]),
        title,
        danger,
        targets: vec![scope.app.to_string()],
        steps: Vec::new(),
        loses: Vec::new(),
        docker: Vec::new(),
        confirm,
        left_out: Vec::new(),
        busy: "deploying",
        recorded: true,
        told: Vec::new(),
        deploy: None,
    }
}
