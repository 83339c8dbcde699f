//! Replicas follow the load: the worker scales a real app on real hosts, and says why.

use std::{
    fs,
    process::Child,
    time::{Duration, Instant},
};

use crate::{bench::interrupt, deploys::Scene};

/// Ends the worker with the test.
struct Working(Child);

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
    let worker = Working(bench.command("worker").spawn().unwrap());
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
