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

#[test]
fn a_run_that_has_not_begun_says_what_it_waits_for() {
    let pipeline = |name: &str, key: Option<&str>| {
        Arc::new(Pipeline {
            name: name.parse().unwrap(),
            when: Vec::new(),
            vars: BTreeMap::new(),
            parameters: Vec::new(),
            hosts: Vec::new(),
            matrix: BTreeMap::new(),
            concurrency: key.map(str::to_owned),
            timeout: None,
            services: Vec::new(),
            steps: vec![step("a", &[])],
        })
    };
    let run = |number: u64, of: &Arc<Pipeline>, status: Status| {
        let at = crate::model::Timestamp::UNIX_EPOCH;
        let mut run = Run::new(Arc::clone(of), Cause::Manual, "ann@ops".to_owned(), at);
        (run.number, run.status) = (RunNumber(number), status);
        RunHeld {
            run,
            worker: String::new(),
            seconds_left: 0,
            wish: RunWish::Go,
        }
    };
    let (shop, other) = (
        pipeline("shop", Some("prod")),
        pipeline("other", Some("prod")),
    );
    let alone = pipeline("alone", None);
    let all = [
        run(1, &other, Status::Running),
        run(2, &shop, Status::Pending),
        run(3, &shop, Status::Pending),
        run(4, &alone, Status::Pending),
        run(5, &alone, Status::Success),
    ];
    let waits: Vec<Option<String>> = all
        .iter()
        .map(|held| held.run.waits_for(all.iter()))
        .collect();
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(
        waits,
        [
            None,
            said("waits for run #1 of other"),
            said("waits for run #1 of other"),
            said("waits for a worker"),
            None
        ]
    );
    let blocked = [
        run(1, &other, Status::Blocked),
        run(2, &shop, Status::Pending),
        run(3, &shop, Status::Pending),
    ];
    let third = blocked[2].run.waits_for(blocked.iter());
    assert_eq!(third, said("waits for run #2 of shop"));
}
