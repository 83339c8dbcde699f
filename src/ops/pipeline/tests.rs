//! What runs of pipelines promise, as far as values tell it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{sync::Arc, time::Duration};

use super::{
    gate::{Look, Question, approval, results},
    junit, step,
};
use crate::{
    catalog::pipeline::pipeline,
    model::{
        Access, Spot, Timestamp,
        pipeline::{ApprovalStep, Cause, GateStep, Reply, Run, RunNumber, SuiteResult, TestReport},
    },
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn result(run: u64, tests: u32, failures: u32, digest: &str) -> SuiteResult {
    SuiteResult {
        run: RunNumber(run),
        step: "one".parse().unwrap(),
        at: at(0),
        digest: Some(digest.to_owned()),
        report: (tests > 0).then(|| TestReport {
            tests,
            failures,
            ..TestReport::default()
        }),
    }
}

#[test]
fn a_gate_counts_good_results_one_after_the_other_and_any_other_sets_it_back() {
    let gate = GateStep {
        suite: "all".to_owned(),
        environment: None,
        consecutive: 3,
        pass_rate: 100,
        skipped_pass: false,
        limits: Vec::new(),
        same_digest: true,
        wait: false,
    };
    let look = |results_newest: &[SuiteResult]| results(&gate, results_newest, &["d"]);
    let good = [
        result(3, 5, 0, "d"),
        result(2, 5, 0, "d"),
        result(1, 5, 0, "d"),
    ];
    assert!(matches!(look(&good), Look::Open(_)));
    assert!(matches!(look(&good[..2]), Look::Shut(why) if why.starts_with("2 of 3")));
    for bad in [
        result(2, 5, 1, "d"),
        result(2, 0, 0, "d"),
        result(2, 5, 0, "other"),
    ] {
        let Look::Shut(why) = look(&[good[0].clone(), bad, good[2].clone()]) else {
            unreachable!("it is shut");
        };
        assert!(why.starts_with("1 of 3") && why.contains("run #2"), "{why}");
    }
}

#[test]
fn an_approval_is_of_one_digest_by_others_in_time() {
    let step = ApprovalStep {
        people: Vec::new(),
        environment: None,
        count: 1,
        expires: Duration::from_mins(1),
    };
    let reply = |by: &str, digest: &str, approves| Reply {
        by: by.to_owned(),
        at: at(1),
        approves,
        reason: "no time".to_owned(),
        digest: digest.to_owned(),
    };
    let access = Access::default();
    let look = |replies: &[Reply], now| {
        let question = Question {
            digest: "d",
            starter: "ann@ops",
            author: Some("carl@example.org"),
            access: &access,
            spot: Spot::Somewhere,
            asked: at(0),
            now: at(now),
        };
        approval(&step, replies, &question)
    };
    assert!(matches!(
        look(&[reply("bob@ops", "d", true)], 5),
        Look::Open(_)
    ));
    for replies in [
        vec![],
        vec![reply("ann@home", "d", true)],
        vec![reply("bob@ops", "another", true)],
        vec![reply("carl@ops", "d", true)],
        vec![reply("bob (via ann)@ops", "d", true)],
    ] {
        assert!(matches!(look(&replies, 5), Look::Shut(_)), "{replies:?}");
        assert!(matches!(look(&replies, 61), Look::Closed(_)), "{replies:?}");
    }
    let told = look(&[reply("bob@ops", "d", false)], 5);
    assert_eq!(
        told,
        Look::Closed("bob did not approve: no time".to_owned())
    );
}

#[test]
fn reports_of_several_writers_are_read() {
    let maven = r#"<?xml version="1.0"?><testsuite tests="3" failures="1" time="1.5">
        <testcase classname="A" name="one" time="1"/>
        <testcase classname="A" name="two" time="0.5"><failure message="was 1">at A.java:3</failure></testcase>
        <testcase classname="A" name="three"><skipped/></testcase></testsuite>"#;
    let read = junit::read(maven).unwrap();
    assert_eq!(
        (
            read.tests,
            read.failures,
            read.errors,
            read.skipped,
            read.milliseconds
        ),
        (3, 1, 0, 1, 1500)
    );
    assert_eq!(read.failed[0].text, "was 1\nat A.java:3");
    // Nested suites, whose heads count the same again.
    let nested = r#"<testsuites tests="9"><testsuite tests="1"><testsuite tests="1">
        <testcase name="deep" time="1,000.5"><error type="X"/></testcase></testsuite></testsuite></testsuites>"#;
    let read = junit::read(nested).unwrap();
    assert_eq!(
        (read.tests, read.errors, read.milliseconds),
        (1, 1, 1_000_500)
    );
    assert!(junit::read("<html/>").unwrap_err().contains("<html>"));
    assert!(junit::read("no").is_err());
    let bomb = r#"<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;">]><testsuite name="&e;"/>"#;
    assert!(
        junit::read(bomb).is_err(),
        "what grows without end is refused"
    );
}

#[test]
fn variables_are_those_of_the_cell_then_the_run_then_the_pipeline() {
    let text = "vars: {TAG: \"rt${CI_PIPELINE_NUMBER}-${WHO}\", LOOP: \"${LOOP}\"}\nmatrix: {V: [x]}\nsteps: [{name: a, image: \"app:${V}\", commands: [x]}]\n";
    let pipeline = pipeline("p.yaml", text).pipeline.unwrap();
    let cause = Cause::Push {
        branch: "main".to_owned(),
        commit: "c1".to_owned(),
    };
    let mut run = Run::new(Arc::new(pipeline), cause, "ann@ops".to_owned(), at(0));
    run.number = RunNumber(7);
    run.variables.insert("WHO".to_owned(), "you".to_owned());
    let one = &run.pipeline.steps[0];
    let value = |name: &str| step::variable(&run, Some(one), name);
    assert_eq!(value("TAG").unwrap(), "rt7-you");
    assert_eq!(value("V").unwrap(), "x");
    assert_eq!(value("CI_COMMIT_SHA").unwrap(), "c1");
    assert_eq!(value("LOOP"), None);
    assert_eq!(value("NOPE"), None);
}
