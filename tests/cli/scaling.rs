//! Replicas follow the load: the worker scales a real app on real hosts, and says why.

use std::{
    fs,
    process::Child,
    time::{Duration, Instant},
};

use crate::{
    app::failed,
    bench::{Bench, interrupt, within},
    deploys::Scene,
    gray,
};

/// A worker, which ends with the test.
pub(crate) struct Working(Child);

impl Working {
    pub(crate) fn start(bench: &Bench) -> Self {
        Self(bench.command("worker").spawn().unwrap())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        interrupt(&self.0);
        drop(self.0.wait());
    }
}

/// How many replicas of a service run.
fn count(scene: &Scene, service: &str) -> usize {
    let of = format!(".{service}.");
    scene
        .running()
        .iter()
        .filter(|name| name.contains(&of))
        .count()
}

#[test]
fn the_worker_keeps_a_service_within_its_bounds_and_tells_why() {
    let scene = Scene::new("scaling-a");
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    let bench = &scene.bench;
    bench
        .say(&scene.line("--hosts env:dev --set PORT=8195"))
        .ended(0);
    bench
        .say(&format!(
            "app scale {} worker=1 --bake 1s --settle 1s --yes",
            scene.app
        ))
        .ended(0);
    assert_eq!(count(&scene, "worker"), 1);
    let file = bench.file();
    let text = fs::read_to_string(&file).unwrap();
    let rule = format!(
        "[[autoscale]]\napp = \"{}\"\nenvironment = \"dev\"\nservice = \"worker\"\nhosts = [\"env:dev\"]\nmin = 2\nmax = 3\ncpu = 90\n",
        scene.app
    );
    fs::write(&file, format!("{text}{rule}")).unwrap();
    bench
        .say("app autoscale")
        .ended(0)
        .says("no worker has looked yet");
    let worker = Working::start(bench);
    let patience = Instant::now() + Duration::from_mins(2);
    while count(&scene, "worker") < 2 {
        assert!(
            Instant::now() < patience,
            "{:?}",
            bench.say("app autoscale")
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    // It idles: two are the fewest, and that is what it stays at, with a reason.
    let told = loop {
        let told = bench.say("app autoscale -o json").ended(0).json();
        let why = told[0]["last"]["why"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if why.contains("2 is the fewest") && why.contains("cpu") {
            break told;
        }
        assert!(Instant::now() < patience, "{told}");
        std::thread::sleep(Duration::from_millis(500));
    };
    assert_eq!(told[0]["last"]["replicas"], 2, "{told}");
    drop(worker);
    let acts = bench
        .say("audit list operator:worker -o json")
        .ended(0)
        .json()
        .to_string();
    assert!(
        acts.contains("app scale scaling-a worker=2") && acts.contains("2 is the fewest"),
        "{acts}"
    );
}

/// The requests that wait at a real `HAProxy` decide; when they are gone, so is the replica that was for them.
#[test]
fn replicas_follow_the_queue_of_a_balancer() {
    let scene = gray::Scene::new(18300);
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    scene
        .say(&scene.line(0, "--hosts node1 --bake 0s"))
        .ended(0);
    // One request at a time for each server: the others wait.
    for slot in 1..=8 {
        let told = scene
            .proxy
            .raw(&format!("set maxconn server shop_stable/s{slot} 1"));
        assert_eq!(told.trim(), "");
    }
    let text = fs::read_to_string(scene.bench.file()).unwrap();
    let rule = "[[autoscale]]\napp = \"gray-18300\"\nenvironment = \"gray-18300\"\nservice = \"web\"\n\
        hosts = [\"node1\", \"node2\"]\nmin = 1\nmax = 2\nqueue = 2\nbackend = \"edge:shop_stable\"\nup = \"1s\"\ndown = \"5s\"\n";
    fs::write(scene.bench.file(), format!("{text}{rule}")).unwrap();
    let load = scene.load(24);
    let worker = Working::start(&scene.bench);
    let patience = Duration::from_mins(1);
    let serve = |count| scene.serving("shop_stable") == count;
    within(patience, "another replica serves", || serve(2));
    let answers = scene.runtime.block_on(load.stop());
    assert_eq!(failed(&answers), 0, "{answers:?}");
    within(patience, "one is enough again", || serve(1));
    drop(worker);
    let acts = scene
        .say("audit list operator:worker -o json")
        .ended(0)
        .json();
    let acts = acts.to_string();
    assert!(
        acts.contains("web=2")
            && acts.contains("web=1")
            && acts.contains("queue of edge:shop_stable"),
        "{acts}"
    );
}
