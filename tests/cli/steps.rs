//! Sentences that steps say, by workers that are killed in the middle of them; and the list of what was built.

use std::{collections::BTreeMap, fs, process::Stdio, sync::Arc, time::Duration};

use serde_json::Value;
use wharf::{
    model::{
        DatabasePlace, Place, Timestamp,
        app::{AppName, Spec},
        release::{Phase, Policy, Release, ReleaseNumber, Rollout, Scope},
    },
    sim::Faults,
    store::{Begun, Store},
};

use crate::{
    bench::{Bench, until},
    pipelines::{Worker, state},
};

fn worker(bench: &Bench) -> Worker {
    let child = bench
        .command("worker")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Worker(child.unwrap())
}

fn pipeline(bench: &Bench, name: &str, steps: &str) {
    let directory = bench.file().with_file_name("pipelines");
    fs::create_dir_all(&directory).unwrap();
    fs::write(
        directory.join(format!("{name}.yaml")),
        format!("steps:\n{steps}"),
    )
    .unwrap();
}

fn run(bench: &Bench, number: u32) -> Value {
    bench
        .say(&format!("pipeline show {number} -o json"))
        .ended(0)
        .json()
}

/// The acts of the log with that sentence, the oldest first: how each ended.
fn acts(bench: &Bench, sentence: &str) -> Vec<String> {
    let all = bench.say("audit list -o json").ended(0).json();
    let all = all.as_array().unwrap().iter();
    let own = all.filter(|act| act["sentence"].as_str().unwrap().starts_with(sentence));
    own.map(|act| act["outcome"].as_str().unwrap().to_owned())
        .collect()
}

/// Ends what a step says, at once: the program that was told so.
fn kill_said(bench: &Bench) {
    let home = format!("HOME={}", bench.home().display());
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let mut parts = environment.split(|byte| *byte == 0);
        let is_own = environment.windows(11).any(|part| part == b"WHARF_STEP=");
        if is_own && parts.any(|part| part == home.as_bytes()) {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn freeze(bench: &Bench, freeze: bool) {
    let faults = Faults {
        freeze,
        ..Faults::default()
    };
    assert!(bench.sim.set_faults("ams-1", faults));
}

#[test]
fn what_a_step_says_is_begun_once_however_often_workers_are_killed() {
    let bench = Bench::new();
    let web = bench.running("ams-1");
    let restart = format!("container restart {web}");
    pipeline(
        &bench,
        "once",
        &format!("- {{name: again, run: {restart}}}\n"),
    );

    // Slow, so that the worker is killed in the middle: what it said goes on, and its end counts.
    let slow = Faults {
        latency: Duration::from_millis(1500),
        ..Faults::default()
    };
    assert!(bench.sim.set_faults("ams-1", slow));
    bench.say("pipeline run once --yes").ended(0);
    let first = worker(&bench);
    until("it is being restarted", || {
        acts(&bench, &restart) == ["running"]
    });
    first.kill();
    let second = worker(&bench);
    until("it is over", || run(&bench, 1)["status"] == "success");
    assert_eq!(acts(&bench, &restart), ["done"]);
    let log = bench.say("pipeline logs 1 again").ended(0).out;
    assert!(log.contains("begun before"), "{log}");
    drop(second);

    // Killed with what it said: nobody knows what came of it, and it is told what to do.
    bench.say("pipeline run once --yes").ended(0);
    let third = worker(&bench);
    until("it is being restarted", || {
        acts(&bench, &restart).len() == 2
    });
    third.kill();
    kill_said(&bench);
    assert!(bench.sim.set_faults("ams-1", Faults::default()));
    let fourth = worker(&bench);
    until("it is over", || run(&bench, 2)["status"] == "failure");
    let lost = run(&bench, 2);
    assert_eq!(state(&lost, "again"), "lost", "{lost:#}");
    let why = lost["steps"][0]["detail"].as_str().unwrap();
    assert!(
        why.contains("was cut off") && why.contains("`pipeline retry 2 --from again`"),
        "{why}"
    );
    assert_eq!(acts(&bench, &restart), ["done", "interrupted"]);
    bench.say("pipeline retry 2 --from again --yes").ended(0);
    until("it is over", || run(&bench, 2)["status"] == "success");
    assert_eq!(acts(&bench, &restart), ["done", "interrupted", "done"]);
    drop(fourth);
}

#[test]
fn what_only_reads_is_said_again_after_a_worker_was_killed() {
    let bench = Bench::new();
    pipeline(
        &bench,
        "look",
        "- {name: look, run: \"container list host:ams-1\"}\n",
    );
    freeze(&bench, true);
    bench.say("pipeline run look --yes").ended(0);
    let first = worker(&bench);
    let log = || bench.say("pipeline logs 1 look").ended(0).out;
    until("it is asked", || log().contains("+ wharf container list"));
    first.kill();
    kill_said(&bench);
    freeze(&bench, false);
    let second = worker(&bench);
    until("it is over", || run(&bench, 1)["status"] == "success");
    assert_eq!(
        log().matches("+ wharf container list").count(),
        2,
        "{}",
        log()
    );
    drop(second);
}

#[test]
fn builds_are_listed_with_what_they_made_and_said() {
    let bench = Bench::new();
    let source = bench.home().join("shop");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("Dockerfile"), "FROM scratch\nRUN echo hello\n").unwrap();
    bench
        .say("image build shop --on @ams-1 --tag shop:1 --yes")
        .ended(0);
    bench
        .say("image build shop --file none --on @ams-2 --tag shop:2 --yes")
        .ended(1);
    let step = format!(
        "- {{name: make, run: \"image build {} --on @ams-2 --tag tool:7\"}}\n",
        source.display()
    );
    pipeline(&bench, "tools", &step);
    bench.say("pipeline run tools --yes").ended(0);
    bench.say("worker --once").ended(0);

    let builds = bench.say("image builds -o json").ended(0).json();
    let seen: Vec<[&str; 3]> = builds
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["host", "outcome", "source"].map(|key| one[key].as_str().unwrap()))
        .collect();
    let whole = source.display().to_string();
    assert_eq!(
        seen,
        [
            ["ams-2", "done", &*whole],
            ["ams-2", "failed", "shop"],
            ["ams-1", "done", "shop"]
        ],
        "{builds:#}"
    );
    let newest = &builds[0];
    assert_eq!(
        (&newest["run"], &newest["step"], &newest["pipeline"]),
        (&Value::from(1), &Value::from("make"), &Value::from("tools"))
    );
    assert!(
        newest["digest"].as_str().unwrap().starts_with("sha256:"),
        "{newest:#}"
    );
    assert!(newest["size"].as_u64().unwrap() > 0, "{newest:#}");
    assert!(newest["duration_ms"].is_u64(), "{newest:#}");

    let names = |line: &str| bench.say(line).ended(0).lines().len();
    assert_eq!(names("image builds is:failed -o name"), 1);
    assert_eq!(names("image builds image:shop host:ams-1 -o name"), 1);
    assert_eq!(names("image builds --since 1h -n 2 -o name"), 2);
    assert_eq!(names("image builds pipeline:tools -o name"), 1);
    let number = builds[2]["operation"].as_u64().unwrap();
    bench
        .say(&format!("image build-log {number}"))
        .ended(0)
        .says("echo hello");
    bench
        .say("image build-log 999")
        .ended(3)
        .complains("is no build");
}

/// The first release of an app, which goes on as long as this test says so.
fn going_on(app: &str, environment: &str) -> Rollout {
    let app = AppName::new(app).unwrap();
    let release = Release {
        stack: None,
        fronts: BTreeMap::new(),
        scope: Scope {
            app: app.clone(),
            environment: environment.into(),
        },
        number: ReleaseNumber(1),
        spec: Spec::new(app),
        pins: BTreeMap::new(),
        targets: Vec::new(),
        at: Timestamp::now(),
        by: "ann@ops".to_owned(),
        source: "shop.yaml".to_owned(),
        reason: None,
    };
    Rollout {
        release: Arc::new(release),
        previous: None,
        policy: Policy::default(),
        adopt: false,
        generate: Vec::new(),
        bundle: None,
        seen: BTreeMap::new(),
        trials: BTreeMap::new(),
    }
}

#[test]
fn a_deploy_waits_until_its_environment_takes_one_more_and_says_so() {
    let bench = Bench::new();
    let mut text = fs::read_to_string(bench.file()).unwrap();
    text.push_str("[[environment]]\nname = \"stage\"\ndeploys = 1\n");
    fs::write(bench.file(), text).unwrap();
    let step = "- {name: go, deploy: {app: shop, env: stage, images: {web: \"nginx:1\"}, hosts: [ams-3]}}\n";
    pipeline(&bench, "go", step);
    // The store is made by its first use.
    bench.say("audit list").ended(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = Place {
        database: DatabasePlace::File(bench.database()),
        spill: bench.home().join("spill"),
    };
    let store = runtime.block_on(Store::open(&place)).unwrap();
    let begun = runtime.block_on(store.begin_deploy(&going_on("other", "stage")));
    let Begun::Lease(lease) = begun.unwrap() else {
        panic!("it begins");
    };
    bench.say("pipeline run go --yes").ended(0);
    bench
        .say("pipeline show 1")
        .ended(0)
        .says("waits for a worker");
    let working = worker(&bench);
    let waits = "waits for stage, which takes 1 at once: r000001 of other";
    until("it waits", || {
        let shown = bench.say("pipeline show 1").ended(0);
        shown.out.contains(waits)
    });
    let log = || bench.say("pipeline logs 1 go").ended(0).out;
    assert!(!log().contains("+ wharf app deploy"), "{}", log());
    let ended = store.end_deploy(&lease, Phase::Succeeded, "");
    assert!(runtime.block_on(ended).unwrap());
    // It is said now; what it deploys is nowhere, which is told.
    until("it is over", || run(&bench, 1)["status"] == "failure");
    assert!(log().contains("+ wharf app deploy shop"), "{}", log());
    drop(working);
}
