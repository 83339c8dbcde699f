//! Builds as steps of pipelines: followed to their end though workers are killed, stopped with their runs, and what starts
//! runs when they end.

use std::{
    fs,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    bench::Bench,
    stub::{Jenkins, Script},
    with_token,
};

struct Scene {
    jenkins: Jenkins,
    bench: Bench,
}

impl Scene {
    fn new() -> Self {
        let jenkins = Jenkins::start();
        let bench = with_token(&jenkins);
        fs::create_dir(bench.file().with_file_name("pipelines")).unwrap();
        Self { jenkins, bench }
    }

    fn pipeline(&self, name: &str, text: &str) {
        let directory = self.bench.file().with_file_name("pipelines");
        fs::write(directory.join(format!("{name}.yaml")), text).unwrap();
    }

    fn worker(&self) -> Worker {
        let mut command = self.bench.command("worker");
        let command = command.env("KEY", "geheim-9").stderr(Stdio::null());
        Worker(command.spawn().unwrap())
    }

    fn run(&self, number: u32) -> Value {
        let line = format!("pipeline show {number} -o json");
        self.bench.say(&line).ended(0).json()
    }

    fn log(&self, number: u32, step: &str) -> Vec<String> {
        let answer = self
            .bench
            .say(&format!("pipeline logs {number} {step}"))
            .ended(0);
        answer.lines().into_iter().map(str::to_owned).collect()
    }

    /// Waits until a run is so.
    #[track_caller]
    fn until(&self, number: u32, wanted: &str) -> Value {
        let start = Instant::now();
        loop {
            let run = self.run(number);
            if run["status"] == wanted {
                return run;
            }
            let is_late = start.elapsed() > Duration::from_mins(1);
            assert!(
                !is_late,
                "{number} is not {wanted}: {run:#} {:?}",
                self.log(number, "build")
            );
            sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the log of the step `build` has a line.
    #[track_caller]
    fn until_said(&self, number: u32, line: &str) {
        let start = Instant::now();
        while !self.log(number, "build").iter().any(|one| one == line) {
            let is_late = start.elapsed() > Duration::from_mins(1);
            assert!(
                !is_late,
                "{line}: {:?} {:#}",
                self.log(number, "build"),
                self.run(number)
            );
            sleep(Duration::from_millis(100));
        }
    }
}

/// A worker that ends with its test.
struct Worker(Child);

impl Worker {
    /// Ends it at once, as a fault would.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines(count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("line {number} $IMAGE $KEY"))
        .collect()
}

#[test]
fn a_build_is_asked_for_once_and_no_line_is_lost_or_doubled_though_workers_are_killed() {
    let scene = Scene::new();
    let script = Script {
        lines: lines(60),
        pace: Duration::from_millis(250),
        quiet: Duration::from_secs(3),
        report: Some(json!({"duration": 0.5, "suites": [{"cases": [
            {"className": "pay", "name": "pays", "status": "PASSED"},
            {"className": "pay", "name": "later", "status": "SKIPPED"}]}]})),
        artifacts: vec![("target/pay.jar", b"jar"), ("target/other.txt", b"x")],
        ..Script::default()
    };
    let script = script
        .text("IMAGE", "")
        .text("KEY", "")
        .text("REST", "of it");
    scene.jenkins.job("pay/regression", script);
    scene.pipeline(
        "web",
        "vars: {IMAGE: shop/web}\nsteps:\n- name: build\n  jenkins: {server: ci, job: pay/regression, params: {IMAGE: \"${IMAGE}:1\"}}\n  \
         secrets: {KEY: KEY}\n  reports: {suite: regression, env: qa}\n  artifacts: ['*.jar']\n\
         - {name: good, gate: {suite: regression, env: qa, consecutive: 1, skipped: pass}}\n",
    );
    scene.bench.say("pipeline run web --yes").ended(0);
    // Killed while it waits in the queue, and then again and again while it goes on.
    let worker = scene.worker();
    scene.until_said(1, "— pay/regression is 1 in the queue of ci —");
    worker.kill();
    for line in [5, 15, 30] {
        let worker = scene.worker();
        scene.until_said(1, &format!("line {line} shop/web:1 ****"));
        worker.kill();
    }
    scene.jenkins.forgets_after(Duration::ZERO);
    let _worker = scene.worker();
    let run = scene.until(1, "success");
    assert_eq!(scene.jenkins.asked(), 1, "it is asked for once");
    let given = scene.jenkins.given("pay/regression", 1);
    assert_eq!(
        (&*given["IMAGE"], &*given["KEY"], &*given["REST"]),
        ("shop/web:1", "geheim-9", "of it")
    );
    let log = scene.log(1, "build");
    let said: Vec<&String> = log
        .iter()
        .filter(|line| line.starts_with("line "))
        .collect();
    let wanted: Vec<String> = (1..=60)
        .map(|number| format!("line {number} shop/web:1 ****"))
        .collect();
    assert_eq!(said, wanted.iter().collect::<Vec<_>>(), "{log:#?}");
    assert_eq!(
        log.iter()
            .filter(|line| *line == "Finished: SUCCESS")
            .count(),
        1
    );
    let step = &run["steps"][0];
    assert_eq!(
        (&step["report"]["tests"], &step["report"]["skipped"]),
        (&json!(2), &json!(1)),
        "{run:#}"
    );
    assert_eq!(step["artifacts"], json!([["target/pay.jar", 3]]));
    let kept = scene
        .bench
        .home()
        .join(".local/share/wharf/artifacts/1/build/target/pay.jar");
    assert_eq!(fs::read(kept).unwrap(), b"jar");
    // Nobody knows the secret from what is kept.
    let database = scene.bench.database();
    let store = fs::read(&database).unwrap();
    let wal = fs::read(database.with_extension("db-wal")).unwrap_or_default();
    let holds = |bytes: &[u8]| bytes.windows(8).any(|part| part == b"geheim-9");
    assert!(!holds(&store) && !holds(&wal), "the secret is in the store");
}

#[test]
fn how_a_build_ends_is_how_its_step_ends() {
    let scene = Scene::new();
    for (job, result) in [
        ("ok", "SUCCESS"),
        ("wobbly", "UNSTABLE"),
        ("red", "FAILURE"),
    ] {
        let script = Script {
            result,
            ..Script::default()
        };
        scene.jenkins.job(job, script);
    }
    let step = |name: &str, more: &str| {
        format!(
            "- {{name: {name}, failure: ignore, depends_on: [], jenkins: {{server: ci, job: {name}{more}}}}}\n"
        )
    };
    let all = [("ok", ""), ("wobbly", ""), ("red", ""), ("gone", "")];
    let steps: String = all.iter().map(|(name, more)| step(name, more)).collect();
    let passes =
        "- {name: passes, depends_on: [], jenkins: {server: ci, job: wobbly, unstable: pass}}\n";
    let unknown = "- {name: unknown, failure: ignore, depends_on: [], jenkins: {server: ci, job: ok, params: {X: y}}}\n";
    scene.pipeline("all", &format!("steps:\n{steps}{passes}{unknown}"));
    scene.bench.say("pipeline run all --yes").ended(0);
    scene.bench.say("worker --once").ended(0);
    let run = scene.run(1);
    let found: Vec<(&str, &str, &str)> = run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| ["name", "status", "detail"].map(|key| step[key].as_str().unwrap()))
        .map(|[name, status, detail]| (name, status, detail))
        .collect();
    for (name, status, part) in [
        ("ok", "success", "build 1 of ok: SUCCESS"),
        ("wobbly", "failure", "of wobbly: UNSTABLE"),
        ("red", "failure", "build 1 of red: FAILURE"),
        ("gone", "failure", "it is not there, or ann may not see it"),
        ("passes", "success", "of wobbly: UNSTABLE"),
        ("unknown", "failure", "ok@ci has no parameter X"),
    ] {
        let step = found.iter().find(|one| one.0 == name).unwrap();
        assert!(
            step.1 == status && step.2.contains(part),
            "{step:?}: {status}, {part}"
        );
    }
}

#[test]
fn a_run_that_is_canceled_or_takes_too_long_stops_its_build() {
    let scene = Scene::new();
    let script = Script {
        lines: lines(4000),
        pace: Duration::from_millis(50),
        ..Script::default()
    };
    scene.jenkins.job("long", script.clone());
    scene.jenkins.job("late", script);
    scene.pipeline(
        "long",
        "steps: [{name: build, jenkins: {server: ci, job: long}}]\n",
    );
    scene.pipeline(
        "late",
        "steps: [{name: build, timeout: 4s, jenkins: {server: ci, job: late}}]\n",
    );
    scene.bench.say("pipeline run long --yes").ended(0);
    let _worker = scene.worker();
    scene.until_said(1, "line 9 $IMAGE $KEY");
    scene.bench.say("pipeline cancel 1 --yes").ended(0);
    scene.until(1, "canceled");
    assert_eq!(scene.jenkins.result("long", 1).as_deref(), Some("ABORTED"));
    let log = scene.log(1, "build");
    assert!(
        log.contains(&"Aborted by ann".to_owned()),
        "{:?}",
        &log[log.len() - 5..]
    );
    scene.bench.say("pipeline run late --yes").ended(0);
    let run = scene.until(2, "failure");
    assert!(
        run["detail"]
            .as_str()
            .unwrap()
            .contains("it took longer than 4 s and was stopped"),
        "{run:#}"
    );
    assert_eq!(scene.jenkins.result("late", 1).as_deref(), Some("ABORTED"));
    // Somebody else stops one.
    scene.bench.say("pipeline run long --yes").ended(0);
    scene.until_said(3, "line 9 $IMAGE $KEY");
    scene.bench.say("jenkins abort long@ci 2 --yes").ended(0);
    let run = scene.until(3, "canceled");
    assert_eq!(run["steps"][0]["detail"], "build 2 of long: ABORTED");
}

#[test]
fn a_server_that_is_away_for_a_while_is_waited_for() {
    let scene = Scene::new();
    let script = Script {
        lines: lines(30),
        pace: Duration::from_millis(200),
        ..Script::default()
    };
    scene.jenkins.job("one", script);
    scene.pipeline(
        "one",
        "steps: [{name: build, jenkins: {server: ci, job: one}}]\n",
    );
    scene.jenkins.is_starting(true);
    scene.bench.say("pipeline run one --yes").ended(0);
    let _worker = scene.worker();
    sleep(Duration::from_secs(3));
    scene.jenkins.is_starting(false);
    scene.until_said(1, "line 5 $IMAGE $KEY");
    scene.jenkins.is_starting(true);
    sleep(Duration::from_secs(3));
    scene.jenkins.is_starting(false);
    scene.until(1, "success");
    let log = scene.log(1, "build");
    let count = log.iter().filter(|line| line.starts_with("line ")).count();
    assert_eq!((count, scene.jenkins.asked()), (30, 1), "{log:#?}");
}

#[test]
fn a_build_that_ends_starts_a_pipeline() {
    let scene = Scene::new();
    scene.jenkins.job("pay/package", Script::default());
    let red = Script {
        result: "FAILURE",
        ..Script::default()
    };
    scene.jenkins.job("red", red);
    let when =
        |job: &str| format!("when: [{{event: jenkins, server: ci, job: {job}, every: 2s}}]\n");
    let steps =
        "steps: [{name: build, run: \"jenkins show pay/package@ci ${CI_JENKINS_BUILD}\"}]\n";
    scene.pipeline("after", &format!("{}{steps}", when("pay/package")));
    scene.pipeline("never", &format!("{}{steps}", when("red")));
    // What was there before anybody looked starts nothing.
    scene.bench.say("jenkins run pay/package@ci --yes").ended(0);
    let _worker = scene.worker();
    sleep(Duration::from_secs(4));
    assert_eq!(scene.bench.say("pipeline runs -o name").ended(0).out, "");
    scene.bench.say("jenkins run red@ci --yes").ended(0);
    scene.bench.say("jenkins run pay/package@ci --yes").ended(0);
    let start = Instant::now();
    while scene
        .bench
        .say("pipeline runs -o name")
        .ended(0)
        .out
        .is_empty()
    {
        assert!(start.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(200));
    }
    let run = scene.until(1, "success");
    assert_eq!(run["cause"]["jenkins"]["build"], 2, "{run:#}");
    sleep(Duration::from_secs(3));
    assert_eq!(
        scene.bench.say("pipeline runs -o name").ended(0).lines(),
        ["1"]
    );
}

#[test]
fn a_build_whose_answer_was_lost_is_found_and_not_asked_for_again() {
    let scene = Scene::new();
    scene
        .jenkins
        .job("one", Script::default().text("IMAGE", ""));
    scene.pipeline(
        "one",
        "steps: [{name: build, jenkins: {server: ci, job: one, params: {IMAGE: x}}}]\n",
    );
    scene.jenkins.loses_an_answer();
    scene.bench.say("pipeline run one --yes").ended(0);
    scene.bench.say("worker --once").ended(0);
    let run = scene.run(1);
    assert_eq!(
        run["steps"][0]["detail"], "build 1 of one: SUCCESS",
        "{run:#}"
    );
    assert_eq!(scene.jenkins.asked(), 1);
}
