//! Whether the last results of a suite are good enough, and whether enough people approve: pure.

use crate::model::{
    Access, Permission, Spot, Timestamp,
    pipeline::{ApprovalStep, GateStep, Reply, SuiteResult},
    release::{people, person},
};

/// What comes of looking at a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Look {
    /// It is open.
    Open(String),
    /// Not yet, for that reason.
    Shut(String),
    /// It will not open any more.
    Closed(String),
}

/// Looks at the last results of a suite, newest first. Each of the last so many has to be good; any other one, also one
/// that broke off, sets the count back to nothing.
/// With images given, results count for any of those when the gate asks for the same.
pub(in crate::ops) fn results(gate: &GateStep, newest: &[SuiteResult], images: &[&str]) -> Look {
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
        if let Some(why) = report.breaks(&gate.limits) {
            return Look::Shut(format!(
                "{good} of {wanted} good runs of {}: run {number} {why}",
                gate.suite
            ));
        }
        // What only measures has no tests.
        let measures = report.tests == 0 && !gate.limits.is_empty();
        if !measures && !report.is_good(gate.pass_rate, gate.skipped_pass) {
            return Look::Shut(format!(
                "{good} of {wanted} good runs of {}: run {number} had {}",
                gate.suite,
                report.words()
            ));
        }
        let tested = result.digest.as_deref();
        if gate.same_digest && !tested.is_some_and(|tested| images.contains(&tested)) {
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

/// What is asked, of whom, since when.
pub(super) struct Question<'q> {
    /// What exactly.
    pub digest: &'q str,
    /// Who started the run.
    pub starter: &'q str,
    /// Who made the commit: an address of mail, whose first part is taken for the account.
    pub author: Option<&'q str>,
    /// Who may approve.
    pub access: &'q Access,
    /// Where.
    pub spot: Spot<'q>,
    /// Since when.
    pub asked: Timestamp,
    /// What time it is.
    pub now: Timestamp,
}

impl Question<'_> {
    /// Why that person may not approve.
    pub fn excludes(&self, step: &ApprovalStep, signature: &str) -> Option<String> {
        let me = person(signature);
        if people(signature).count() > 1 {
            return Some(format!("{signature} speaks for somebody else"));
        }
        if people(self.starter).any(|starter| starter == me) {
            return Some(format!(
                "{me} started the run and cannot approve it as well"
            ));
        }
        if self.author.is_some_and(|author| is_of(author, me)) {
            return Some(format!(
                "{me} made the commit and cannot approve it as well"
            ));
        }
        if !step.people.is_empty() && !step.people.iter().any(|name| name == me) {
            return Some(format!(
                "{me} is not among those who are asked: {}",
                step.people.join(", ")
            ));
        }
        self.access
            .denies_to(signature, Permission::Approve, self.spot)
    }
}

/// Whether an address of mail is an account's: its first part, or the whole.
fn is_of(author: &str, account: &str) -> bool {
    author == account
        || author
            .split_once('@')
            .is_some_and(|(first, _)| first == account)
}

/// Looks at what people said. Only what was said of exactly that digest counts; who started the run does not.
pub(super) fn approval(step: &ApprovalStep, replies: &[Reply], question: &Question<'_>) -> Look {
    let Question {
        digest,
        starter,
        author,
        asked,
        now,
        ..
    } = *question;
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
    let mut given: Vec<&str> = of_this
        .iter()
        .filter(|reply| question.excludes(step, &reply.by).is_none())
        .map(|reply| person(&reply.by))
        .collect();
    given.sort_unstable();
    given.dedup();
    if given.len() as u64 >= u64::from(step.count) {
        return Look::Open(format!("approved by {}", given.join(", ")));
    }
    let late = now.duration_since(asked);
    if i128::from(late.as_secs()) > i128::from(step.expires.as_secs()) {
        return Look::Closed(format!(
            "it was not approved in time: {} of {}",
            given.len(),
            step.count
        ));
    }
    let but = match author {
        Some(author) => format!("{} and {author}", person(starter)),
        None => person(starter).to_owned(),
    };
    let who = match &step.environment {
        _ if !step.people.is_empty() => step.people.join(", "),
        Some(environment) => format!("whoever may approve in {environment}, but {but}"),
        None => format!("anybody but {but}"),
    };
    Look::Shut(format!(
        "{} of {} approvals, asked of {who}, as {digest}",
        given.len(),
        step.count
    ))
}
