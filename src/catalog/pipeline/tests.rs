//! What pipeline files promise.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::{EXAMPLES, Read, pipeline};
use crate::model::{
    app::Severity,
    pipeline::{Ending, Trigger, Verb},
};

fn read(text: &str) -> Read {
    pipeline("ci/test.yaml", text)
}

/// What is told, a line each: `line path: what`.
fn told(text: &str) -> Vec<String> {
    let read = read(text);
    let lines = read.told.iter().map(|told| {
        let line = told.place.line.unwrap_or(0);
        format!("{line} {}: {}", told.place.path, told.what)
    });
    lines.collect()
}

#[test]
fn the_examples_load_without_a_word() {
    for (file, text) in EXAMPLES {
        let read = pipeline(file, text);
        assert!(read.told.is_empty(), "{file}: {:?}", read.told);
        assert_eq!(format!("{}.yaml", read.pipeline.unwrap().name), *file);
    }
}

#[test]
fn steps_come_one_after_the_other_until_one_says_what_comes_before() {
    let text = "steps:\n- {name: a, run: host list}\n- {name: b, run: host list}\n- {name: c, run: host list}\n";
    let one = read(text).pipeline.unwrap();
    assert_eq!(one.name.as_str(), "test", "its file's name");
    assert_eq!(format!("{:?}", one.steps[2].after), "[b]");
    let text = "steps:\n- {name: a, run: host list}\n- {name: b, run: host list}\n- {name: c, run: host list, depends_on: a}\n";
    let one = read(text).pipeline.unwrap();
    let after: Vec<String> = one
        .steps
        .iter()
        .map(|step| format!("{:?}", step.after))
        .collect();
    assert_eq!(after, ["[]", "[]", "[a]"]);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let text = "version: 2\nsteps:\n- name: a\n  image: App\n- name: a\n  git: {}\n- name: c\n  comands: [x]\n  depends_on: [d]\n  run: host list\n- name: d\n  jenkins: {job: x}\n- name: e\n  gate: {suite: s, pass_rate: 300}\n  retry: 99\n";
    let told = told(text).join("\n");
    for part in [
        "version: this Wharf knows version 1",
        "3 steps[0].image",
        "steps[1].git.url: it has no url",
        "8 steps[2].comands: the key 'comands' is unknown",
        "steps[3].jenkins.server: it has no server",
        "'300' is not a number of percent, 1 to 100",
        "15 steps[4].retry: that is very often",
    ] {
        assert!(told.contains(part), "no '{part}' in\n{told}");
    }
    assert!(read(text).pipeline.is_none());
}

#[test]
fn a_circle_and_a_missing_step_are_refused() {
    let text = "steps:\n- {name: a, run: x, depends_on: c}\n- {name: b, run: x, depends_on: a}\n- {name: c, run: x, depends_on: [b]}\n- {name: d, run: x, depends_on: [zz]}\n";
    let told = told(text).join("\n");
    assert!(told.contains("a waits for itself (a, b, c)"), "{told}");
    assert!(told.contains("d depends on zz, which is no step"), "{told}");
}

#[test]
fn a_matrix_copies_the_steps_that_use_it() {
    let text = "matrix: {V: ['1', '2'], OS: [deb]}\nsteps:\n- {name: get, git: {url: u}}\n- {name: test, image: \"app:${V}\", commands: [x], depends_on: get}\n- {name: pack, image: app, commands: ['echo $V'], depends_on: test}\n- {name: end, run: host list, depends_on: pack}\n";
    let one = read(text).pipeline.unwrap();
    let names: Vec<&str> = one.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "get",
            "test_deb_1",
            "test_deb_2",
            "pack_deb_1",
            "pack_deb_2",
            "end"
        ]
    );
    assert_eq!(format!("{:?}", one.steps[4].after), "[test_deb_2]");
    assert_eq!(
        format!("{:?}", one.steps[5].after),
        "[pack_deb_1, pack_deb_2]"
    );
    assert_eq!(one.steps[2].cell["V"], "2");
}

#[test]
fn when_and_triggers_are_read() {
    let text = "when: [{event: push, branch: main, every: 5s}, {event: cron, cron: '0 3 * * *'}]\nsteps:\n- {name: get, git: {url: u}}\n- {name: tell, run: host list, when: {status: [failure], branch: [main, next]}}\n";
    let one = read(text).pipeline.unwrap();
    let Trigger::Push { url, every, .. } = &one.when[0] else {
        unreachable!("{:?}", one.when)
    };
    assert_eq!(
        (url.as_str(), every.as_secs()),
        ("u", 5),
        "the git step's repository"
    );
    let tell = &one.steps[1];
    assert_eq!(tell.on, [Ending::Failure]);
    assert_eq!(tell.only["CI_COMMIT_BRANCH"], ["main", "next"]);
    assert!(matches!(&tell.verb, Verb::Run(line) if line == "host list"));
    let text =
        "steps:\n- {name: a, notify: {to: pay-ops, text: hi}}\n- {name: b, notify: {to: [x, y]}}\n";
    let one = read(text).pipeline.unwrap();
    let to = |at: usize| match &one.steps[at].verb {
        Verb::Notify(step) => (step.to.join("+"), step.text.clone()),
        other => unreachable!("{other:?}"),
    };
    assert_eq!(to(0), ("pay-ops".to_owned(), Some("hi".to_owned())));
    assert_eq!(to(1), ("x+y".to_owned(), None));
    assert_eq!(
        told("steps: [{name: a, notify: {text: hi}}]\n")[0],
        "1 steps[0].notify.to: it tells nobody"
    );
    let told = read("when: [{event: cron, cron: never}]\nsteps: [{name: a, run: x}]\n").told;
    assert!(told.iter().any(|told| told.severity == Severity::Error));
}

#[test]
fn builds_of_jenkins_are_read_as_steps_and_as_what_starts_a_run() {
    let text = "when: [{event: jenkins, server: ci, job: pay/package, result: [success, unstable], every: 5s}]\nsteps:\n- name: a\n  jenkins: {server: ci, job: pay/regression, params: {A: 1}, unstable: pass}\n  secrets: {KEY: QA}\n  reports: {suite: s}\n";
    assert_eq!(told(text), Vec::<String>::new());
    let one = read(text).pipeline.unwrap();
    let Trigger::Jenkins { job, results, .. } = &one.when[0] else {
        unreachable!("{:?}", one.when)
    };
    assert_eq!((job.as_str(), results.len()), ("pay/package", 2));
    let Verb::Jenkins(step) = &one.steps[0].verb else {
        unreachable!("{:?}", one.steps)
    };
    assert!(step.unstable_passes && step.params["A"] == "1");
    assert_eq!(one.steps[0].secrets["KEY"], "QA");
    let bad = "when: [{event: jenkins, server: ci, job: a, result: green}]\nsteps:\n- {name: a, jenkins: {server: ci, job: 'a?b'}}\n";
    let told = told(bad).join("\n");
    for part in ["'green' is no end of a build", "'a?b' is no job"] {
        assert!(told.contains(part), "no '{part}' in\n{told}");
    }
}
