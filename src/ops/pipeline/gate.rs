//! Whether the last results of a suite are good enough, and whether enough people approve: pure.

use crate::model::{
    Timestamp,
    pipeline::{ApprovalStep, GateStep, Reply, SuiteResult},
    release::person,
};

/// What comes of looking at a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is open.
    Open(String),
    /// Not yet, for that reason.
    Shut(String),
    /// It will not open any more.
    Closed(String),
}

/// Looks at the last results of a suite, newest first. Each of the last so many has to be good; any other one, also one
/// that broke off, sets the count back to nothing.
pub(super) fn results(gate: &GateStep, newest: &[SuiteResult], digest: Option<&str>) -> Look {
    let wanted = gate.consecutive as usize;
    let mut good = 0;
    for result in newest.iter().take(wanted) {
        let number = result.run;
        let Some(report) = &result.report else {
            return Look::Shut(format!(
                "{good} of {wanted} good runs of {}: run {number} left no report",
                gate.suite
            ));
        };
        if !report.is_good(gate.pass_rate, gate.skipped_pass) {
            return Look::Shut(format!(
                "{good} of {wanted} good runs of {}: run {number} had {}",
                gate.suite,
                report.words()
            ));
        }
        if gate.same_digest && (digest.is_none() || result.digest.as_deref() != digest) {
            return Look::Shut(format!(
                "{good} of {wanted} good runs of {} with this image: run {number} tested another one",
                gate.suite
            ));
        }
        good += 1;
    }
    if good < wanted {
        return Look::Shut(format!("{good} of {wanted} good runs of {}", gate.suite));
    }
    Look::Open(format!(
        "the last {wanted} runs of {} were good",
        gate.suite
    ))
}

/// Looks at what people said. Only what was said of exactly that digest counts; who started the run does not.
pub(super) fn approval(
    step: &ApprovalStep,
    replies: &[Reply],
    digest: &str,
    starter: &str,
    asked: Timestamp,
    now: Timestamp,
) -> Look {
    let of_this: Vec<&Reply> = replies
        .iter()
        .filter(|reply| reply.digest == digest)
        .collect();
    if let Some(no) = of_this.iter().find(|reply| !reply.approves) {
        let why = if no.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", no.reason)
        };
        return Look::Closed(format!("{} did not approve{why}", person(&no.by)));
    }
    let mut people: Vec<&str> = of_this.iter().map(|reply| person(&reply.by)).collect();
    people.retain(|name| {
        let may = step.people.is_empty() || step.people.iter().any(|one| one == name);
        may && *name != person(starter)
    });
    people.sort_unstable();
    people.dedup();
    if people.len() as u64 >= u64::from(step.count) {
        return Look::Open(format!("approved by {}", people.join(", ")));
    }
    let late = now.duration_since(asked);
    if i128::from(late.as_secs()) > i128::from(step.expires.as_secs()) {
        return Look::Closed(format!(
            "it was not approved in time: {} of {}",
            people.len(),
            step.count
        ));
    }
    let who = if step.people.is_empty() {
        format!("anybody but {}", person(starter))
    } else {
        step.people.join(", ")
    };
    Look::Shut(format!(
        "{} of {} approvals, asked of {who}, as {digest}",
        people.len(),
        step.count
    ))
}
