//! What pipelines promise as values.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn step(name: &str, after: &[&str]) -> PipelineStep {
    PipelineStep {
        after: after.iter().map(|name| name.parse().unwrap()).collect(),
        ..PipelineStep::new(name.parse().unwrap(), Verb::Run("host list".to_owned()))
    }
}

#[test]
fn a_step_stands_one_column_after_the_last_of_those_before_it() {
    let steps = vec![
        step("end", &["b", "c"]),
        step("b", &["a"]),
        step("a", &[]),
        step("c", &[]),
    ];
    let pipeline = Pipeline {
        name: "p".parse().unwrap(),
        when: Vec::new(),
        vars: BTreeMap::new(),
        parameters: Vec::new(),
        hosts: Vec::new(),
        matrix: BTreeMap::new(),
        concurrency: None,
        timeout: None,
        services: Vec::new(),
        steps,
    };
    let columns = pipeline.columns();
    let column = |name: &str| columns[&name.parse::<StepName>().unwrap()];
    assert_eq!(
        [column("a"), column("c"), column("b"), column("end")],
        [0, 0, 1, 2]
    );
}

#[test]
fn variables_are_filled_in_and_what_is_unknown_is_named() {
    let value = |name: &str| (name == "TAG").then(|| "rt7".to_owned());
    assert_eq!(
        filled("app:${TAG}-$$x $y", &value).unwrap(),
        "app:rt7-$x $y"
    );
    assert_eq!(filled("${NO:-none}", &value).unwrap(), "none");
    assert_eq!(&*filled("a ${NO}", &value).unwrap_err(), "NO");
}

#[test]
fn nothing_is_shown_without_tests_and_a_skipped_test_has_not_passed() {
    let mut report = TestReport::default();
    assert!(!report.is_good(100, true));
    report.tests = 10;
    assert!(report.is_good(100, false));
    report.skipped = 1;
    assert!(!report.is_good(100, false) && report.is_good(100, true));
    report.failures = 1;
    assert!(!report.is_good(100, true) && report.is_good(90, true));
    assert_eq!(report.words(), "8 passed, 1 failed, 1 skipped");
}
