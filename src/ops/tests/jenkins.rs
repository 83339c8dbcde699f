//! Plans about Jenkins: what is named, who may not, and what is said again.

use std::sync::Arc;

use super::*;
use crate::{
    model::jenkins::{JenkinsLogin, JenkinsSpec},
    ops::{Confirm, RefusalKind},
};

/// A server without a policy of its own.
pub(super) fn ci() -> JenkinsSpec {
    JenkinsSpec {
        name: Arc::from("ci"),
        url: Arc::from("https://ci.example.org"),
        login: JenkinsLogin::Nobody,
        ca: None,
        skip_verify: false,
        environment: None,
        read_only: false,
    }
}

#[test]
fn a_build_is_planned_as_it_is_said_and_its_secrets_are_not_told() {
    let plan = plan("jenkins run pay/regression@ci --set A='x y' --set PASSWORD=hunter22 -f");
    assert_eq!(plan.title, "Build pay/regression@ci");
    assert_eq!(plan.targets, ["pay/regression@ci"]);
    assert!(!plan.sentence.contains("hunter22"), "{}", plan.sentence);
    assert!(
        plan.sentence
            .starts_with("jenkins run pay/regression@ci --set 'A=x y' --set"),
        "{}",
        plan.sentence
    );
    assert_eq!(plan.confirm, Confirm::Ask);
}

#[test]
fn what_is_closed_stays_closed() {
    let refused = |spec: JenkinsSpec, line: &str| {
        let mut fleet = fleet();
        fleet.jenkins = Arc::from([spec]);
        sentence(line).plan(&fleet, &[]).unwrap_err()
    };
    let run = "jenkins run pay/regression@ci";
    let closed = JenkinsSpec {
        read_only: true,
        ..ci()
    };
    let refusal = refused(closed.clone(), run);
    assert_eq!(
        (refusal.kind, &*refusal.why),
        (RefusalKind::ReadOnly, "ci is read-only")
    );
    refused(closed, "jenkins abort pay/regression@ci 41");
    let other = JenkinsSpec {
        name: Arc::from("other"),
        ..ci()
    };
    let refusal = refused(other, run);
    assert_eq!(
        refusal.to_string(),
        "no Jenkins server is called 'ci'; there is other"
    );
}

#[test]
fn servers_and_the_jobs_that_were_spoken_of_are_offered() {
    let mut fleet = fleet();
    fleet.jenkins = [ci()].into();
    let text = "steps: [{name: a, jenkins: {server: ci, job: pay/regression}}]\nwhen: [{event: jenkins, server: ci, job: pay/package, result: [success]}]\n";
    let read = crate::catalog::pipeline::pipeline("p.yaml", text);
    let pipeline = Arc::new(read.pipeline.unwrap());
    fleet.apply(Event::Pipelines(Ok(vec![pipeline].into())));
    let offered = |line: &str| -> Vec<String> {
        let offers = Sentence::complete(line, &fleet, &[]);
        offers.into_iter().map(|one| one.text).collect()
    };
    assert!(offered("jenkins doctor ").contains(&"ci".to_owned()));
    let jobs = offered("jenkins show ");
    for job in ["pay/package@ci", "pay/regression@ci"] {
        assert!(jobs.contains(&job.to_owned()), "{jobs:?}");
    }
    assert_eq!(offered("jenkins run regr"), ["pay/regression@ci"]);
}
