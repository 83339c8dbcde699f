//! What `[[environment]]` asks of releases: freeze windows, and how many others have to approve.

use super::document::Section;
use crate::model::{
    freeze::{Freeze, WrittenFreeze},
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
    let admission = Admission {
        freezes,
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
