//! What `[[environment]]` asks of releases: freeze windows, and how many others have to approve.

use toml_edit::Item;

use super::{document::Section, file::is_list_of_tables};
use crate::model::{
    freeze::{Freeze, WrittenFreeze},
    pipeline::{GateStep, Limit},
    release::Admission,
};

/// Reads it; also whether something of it could not be read that was to close the environment.
pub(super) fn read(section: &mut Section<'_, '_>) -> (Admission, bool) {
    const CLOSED: &str = "until then nothing in this environment may be changed";
    let usual = Admission::default();
    let mut is_unsure = false;
    let lasts = section.duration("approvals_last").unwrap_or(usual.lasts);
    let approvals = section.number("approvals", 0..100);
    if approvals.is_none() && section.item("approvals").is_some() {
        section.complain_of("approvals", "is not understood", CLOSED);
        is_unsure = true;
    }
    let mut freezes = Vec::new();
    let item = section.item("freeze");
    let is_list = item.is_none_or(|item| item.is_array() || item.is_array_of_tables());
    section.tables("freeze", |section| freezes.push(freeze(section)));
    if !is_list {
        freezes.push(Freeze::always("its freeze windows cannot be read"));
    }
    // `[[environment.freezes]]`: nobody knows when that was to close it.
    if section.slip("freeze").is_some() || section.slip("approvals").is_some() {
        section.complain("has a key that is nearly freeze or approvals", CLOSED);
        is_unsure = true;
    }
    let mut gates = Vec::new();
    let item = section.item("gate");
    let is_list = is_list_of_tables(item);
    section.tables("gate", |section| match gate(section) {
        Some(gate) => gates.push(gate),
        None => is_unsure = true,
    });
    if !is_list || section.slip("gate").is_some() {
        section.complain_of("gate", "is to be written as [[environment.gate]]", CLOSED);
        is_unsure = true;
    }
    let admission = Admission {
        freezes,
        gates,
        approvals: approvals
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(usual.approvals),
        lasts,
    };
    (admission, is_unsure)
}

/// One window. What is not understood holds always: a mistake must not open what was meant to be closed.
fn freeze(section: &mut Section<'_, '_>) -> Freeze {
    let written = WrittenFreeze {
        days: section.text("days"),
        from: section.text("from"),
        to: section.text("to"),
        zone: section.text("zone"),
        reason: section
            .text("reason")
            .unwrap_or_else(|| "no reason is written".to_owned()),
    };
    Freeze::try_from(written).unwrap_or_else(|why| {
        let remedy = "until it is mended the environment is frozen";
        section.complain(&format!("is not understood: {why}"), remedy);
        Freeze::always("a freeze window in wharf.toml is not understood")
    })
}

/// One gate; none when it is not understood.
fn gate(section: &mut Section<'_, '_>) -> Option<GateStep> {
    const CLOSED: &str = "until then nothing in this environment may be changed";
    let suite = section.text("suite");
    let environment = section.text("environment");
    let consecutive = section.number("consecutive", 1..1001);
    let pass_rate = section.number("pass_rate", 1..101);
    let skipped = section.text("skipped");
    let same_digest = section.flag("same_digest");
    let limits: Vec<Result<Limit, String>> = section
        .texts("limits")
        .iter()
        .map(|text| text.parse())
        .collect();
    // Each of these makes it stricter when it is understood.
    for key in ["consecutive", "pass_rate", "limits", "same_digest"] {
        let is_lost = match key {
            "consecutive" => consecutive.is_none(),
            "pass_rate" => pass_rate.is_none(),
            "limits" => limits.is_empty(),
            _ => same_digest.is_none(),
        };
        let is_empty = |item: &Item| item.as_array().is_some_and(toml_edit::Array::is_empty);
        let is_lost = is_lost && !section.item(key).is_some_and(is_empty);
        if is_lost && (section.item(key).is_some() || section.slip(key).is_some()) {
            section.complain_of(key, "is not understood", CLOSED);
            return None;
        }
    }
    let limits = match limits.into_iter().collect::<Result<Vec<Limit>, String>>() {
        Ok(limits) => limits,
        Err(why) => {
            section.complain_of("limits", &why, CLOSED);
            return None;
        }
    };
    let Some(suite) = suite else {
        let remedy = format!("write suite = \"regression\"; {CLOSED}");
        section.complain("names no suite", remedy);
        return None;
    };
    let small = |number: Option<i64>| number.and_then(|one| u32::try_from(one).ok());
    Some(GateStep {
        suite,
        environment,
        consecutive: small(consecutive).unwrap_or(1),
        pass_rate: pass_rate
            .and_then(|one| u8::try_from(one).ok())
            .unwrap_or(100),
        skipped_pass: skipped.as_deref() == Some("pass"),
        limits,
        same_digest: same_digest.unwrap_or(true),
        wait: false,
    })
}
