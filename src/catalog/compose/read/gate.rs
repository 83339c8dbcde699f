//! `x-wharf.gate` of a service: what its log has to say, and what it must not say.

use regex::Regex;

use super::super::{Fields, fields};
use crate::model::app::LogGate;

/// Reads it.
pub(super) fn gate(fields: &mut Fields<'_, '_>) -> LogGate {
    let Some(mut own) = fields.open_below("gate") else {
        return LogGate::default();
    };
    let read = LogGate {
        ready: expression(&mut own, "ready"),
        fault: expression(&mut own, "fault"),
    };
    own.done(&[]);
    read
}

/// An expression that lines are searched for.
fn expression(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<String> {
    let node = fields.take(key)?;
    let path = fields.below(key);
    let remedy = "write an expression such as 'listening on :\\d+'; a $ of it is written $$";
    let read = |text: &str| match Regex::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            let told = error.to_string();
            Err(told.lines().last().unwrap_or_default().to_owned())
        }
    };
    fields::checked(node, &path, fields.told, remedy, read)
}
