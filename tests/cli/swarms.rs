//! Deploys to a Swarm from a shell: two real engines that form one, over real ssh, in a lab of its own.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use wharf_lab::Lab;

use crate::bench::{Answer, Bench};

/// An app of a web service, on a port of each node, and a worker that waits for it.
const APP: &str = "
x-wharf: {engine: swarm}
services:
  web:
    image: lab/busybox:1
    command: [sh, -c, \"trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    environment: {GREETING: \"${GREETING:-one}\"}
    stop_grace_period: 1s
    configs: [{source: page, target: /srv/page}]
    ports: [{target: 80, published: 8181, mode: host}]
    healthcheck: {test: [CMD-SHELL, \"test ${SICK:-0} = 0 -a -e /srv/page\"], interval: 1s, retries: 2}
    deploy:
      replicas: 2
      endpoint_mode: dnsrr
      update_config: {monitor: 2s}
      restart_policy: {delay: 500ms}
  worker:
    image: lab/busybox:1
    command: [sh, -c, \"test ${MOOD:-good} != bad || exit 3; trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    environment: {GREETING: \"${GREETING:-one}\"}
    stop_grace_period: 1s
    deploy: {endpoint_mode: dnsrr, update_config: {monitor: 2s}, restart_policy: {delay: 500ms}}
    depends_on: {web: {condition: service_healthy}}
configs: {page: {content: hello}}
";

/// What makes a deploy quick.
const QUICK: &str = "--bake 1s --settle 1s --yes";

/// A Swarm of two hosts, and a home with a file of the app.
struct Scene {
    bench: Bench,
    file: PathBuf,
    lab: Lab,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::start(&["--hosts", "2"]);
        let bench = Bench::new();
        let entry = |host: &&str| {
            format!(
                "[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"dev\"\n"
            )
        };
        let hosts: String = ["node1", "node2"].iter().map(entry).collect();
        let ssh = lab.ssh_config();
        let text = format!("[ssh]\nconfig = \"{}\"\n{hosts}", ssh.display());
        fs::write(bench.file(), text).unwrap();
        let file = bench.home().join("compose.yaml");
        fs::write(&file, APP).unwrap();
        let scene = Self { bench, file, lab };
        let address = scene.address("node1");
        scene.docker("node1", &format!("swarm init --advertise-addr {address}"));
        let token = scene.docker("node1", "swarm join-token -q worker");
        let token = token.trim();
        scene.docker(
            "node2",
            &format!("swarm join --token {token} {address}:2377"),
        );
        scene
    }

    fn docker(&self, host: &str, line: &str) -> String {
        let mut words = vec!["docker", host];
        words.extend(line.split(' '));
        self.lab.command(&words)
    }

    fn address(&self, host: &str) -> String {
        let told = self
            .lab
            .command(&["exec", host, "ip", "-o", "-4", "addr", "show", "eth0"]);
        let address = told.split_whitespace().find(|word| word.contains('/'));
        let address = address.unwrap().split('/').next();
        address.unwrap().to_owned()
    }

    /// `app deploy` of the file, with these words besides.
    fn line(&self, words: &str) -> String {
        format!(
            "app deploy shop --file {} {QUICK} {words}",
            self.file.display()
        )
    }

    fn say(&self, words: &str) -> Answer {
        self.bench.say(&self.line(words))
    }

    /// `web 2/2 two`: the services with their tasks that run and are to, and what they greet with.
    fn stands(&self) -> Vec<String> {
        let all = self.docker("node1", "service ls --format {{.Name}}|{{.Replicas}}");
        let mut rows: Vec<String> = all
            .lines()
            .map(|line| {
                let (name, tally) = line.split_once('|').unwrap();
                let env = "{{.Spec.TaskTemplate.ContainerSpec.Env}}";
                let told = self.docker("node1", &format!("service inspect {name} --format {env}"));
                let words = told.trim().trim_matches(['[', ']']).split(' ');
                let greets = words.filter_map(|word| word.strip_prefix("GREETING="));
                let greets = greets.collect::<String>();
                format!("{name} {} {greets}", tally.split(' ').next().unwrap())
            })
            .collect();
        rows.sort();
        rows
    }

    /// Waits until just that stands: a task that was replaced counts until it has ended.
    #[track_caller]
    fn stand_as(&self, wanted: &[&str]) {
        self.until("what stands", || self.stands() == wanted);
    }

    /// What the containers that run greet with, and how many.
    fn greeting(&self, service: &str) -> Vec<String> {
        let mut all = Vec::new();
        for host in ["node1", "node2"] {
            let filter = format!("ps -q --filter label=io.wharf.service={service}");
            for id in self.docker(host, &filter).split_whitespace() {
                let told = self.docker(host, &format!("inspect {id} --format {{{{.Config.Env}}}}"));
                let words = told.trim().trim_matches(['[', ']']).split(' ');
                let greets = words.filter_map(|word| word.strip_prefix("GREETING="));
                all.push(format!("{host} {}", greets.collect::<String>()));
            }
        }
        all.sort();
        all
    }

    /// Waits until just these containers of a service run: those that were replaced end a moment later.
    fn greets(&self, service: &str, wanted: [&str; 2]) {
        self.until(service, || self.greeting(service) == words(wanted));
    }

    /// The newest release with its state.
    fn newest(&self) -> (String, String) {
        let all = self.bench.say("app releases shop -o json").ended(0).json();
        let text = |key: &str| all[0][key].as_str().unwrap_or_default().to_owned();
        (text("release"), text("phase"))
    }

    fn until(&self, what: &str, is: impl Fn() -> bool) {
        let patience = Instant::now() + Duration::from_mins(1);
        while !is() {
            assert!(Instant::now() < patience, "{what}: {:?}", self.stands());
            sleep(Duration::from_millis(200));
        }
    }
}

fn words(all: [&str; 2]) -> Vec<String> {
    all.map(str::to_owned).to_vec()
}

fn is(release: &str, phase: &str) -> (String, String) {
    (release.to_owned(), phase.to_owned())
}

#[test]
fn a_stack_comes_changes_fails_goes_back_and_is_gone_on_with() {
    let scene = Scene::new();
    it_comes_and_changes(&scene);
    it_goes_back_from_what_never_gets_well(&scene);
    it_is_gone_on_with_after_a_kill(&scene);
    what_others_change_is_asked_about(&scene);
    it_is_rolled_back_and_scaled(&scene);
    it_is_tried_beside_the_first(&scene);
    what_a_release_does_not_have_goes(&scene);
    a_first_release_that_fails_leaves_nothing(&scene);
    // Nothing of a deploy is left but what the app is made of.
    let configs = scene.docker("node1", "config ls --format {{.Name}}");
    assert!(!configs.contains("wharf-deploy"), "{configs}");
    scene.docker("node2", "swarm leave");
    scene.docker("node1", "swarm leave --force");
}

fn it_comes_and_changes(scene: &Scene) {
    let planned = scene.say("--hosts node1 --dry-run").ended(0);
    for part in [
        "to the Swarm that node1 manages (2 of 2 nodes take tasks), for its file says engine: swarm",
        "web: is made, 2 tasks on 2 nodes",
    ] {
        assert!(planned.out.contains(part), "{part}: {planned:?}");
    }
    // A manager takes plain containers as well.
    let plain = scene.bench.home().join("plain.yaml");
    fs::write(
        &plain,
        APP.replace("x-wharf: {engine: swarm}", "")
            .replace("replicas: 2", "replicas: 1")
            .replace("8181", "8191"),
    )
    .unwrap();
    let line = format!(
        "app deploy plain --file {} --hosts node1 --dry-run",
        plain.display()
    );
    scene.bench.say(&line).ended(0).says("to 1 host");
    scene
        .say("--hosts node2")
        .ended(3)
        .complains("node2 is no Swarm manager");
    scene.say("--hosts node1").ended(0);
    scene.stand_as(&["shop_web 2/2 one", "shop_worker 1/1 one"]);
    scene.greets("web", ["node1 one", "node2 one"]);
    scene.say("").ended(3).complains("nothing is to be done");
    let planned = scene.say("--set GREETING=two --dry-run").ended(0);
    for part in [
        "r000001 is there",
        "as it runs now: definition changed, environment GREETING changed",
        "web: stop-first (no node of the 2",
    ] {
        assert!(planned.out.contains(part), "{part}: {planned:?}");
    }
    scene.say("--set GREETING=two").ended(0);
    scene.greets("web", ["node1 two", "node2 two"]);
    assert_eq!(scene.newest(), is("r000002", "succeeded"));
}

fn it_goes_back_from_what_never_gets_well(scene: &Scene) {
    let failed = scene
        .say("--set GREETING=three --set SICK=1 --deadline 30s")
        .ended(1);
    assert!(
        failed.err.contains("everything is back at r000002"),
        "{failed:?}"
    );
    assert!(
        failed.err.contains("unhealthy") || failed.err.contains("tasks run it"),
        "{failed:?}"
    );
    scene.greets("web", ["node1 two", "node2 two"]);
    scene.stand_as(&["shop_web 2/2 two", "shop_worker 1/1 two"]);
    assert_eq!(scene.newest(), is("r000003", "rolled-back"));
}

fn it_is_gone_on_with_after_a_kill(scene: &Scene) {
    for (greeting, on) in [("four", "continue"), ("five", "abort")] {
        let line = scene.line(&format!("--set GREETING={greeting}"));
        let mut child = scene.bench.command(&line).spawn().unwrap();
        scene.until("the web service is changed", || {
            scene
                .stands()
                .iter()
                .any(|row| row.starts_with("shop_web") && row.ends_with(greeting))
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let marked = scene.docker("node1", "config ls --format {{.Name}}");
        assert!(marked.contains("wharf-deploy.shop.dev"), "{marked}");
        // The one that was killed counts as there for a while.
        let patience = Instant::now() + Duration::from_mins(1);
        let ended = loop {
            let answer = scene.bench.say(&format!("app {on} shop --yes"));
            let is_over = answer.code == i32::from(on == "abort");
            if is_over || Instant::now() > patience {
                break answer;
            }
            sleep(Duration::from_secs(2));
        };
        if on == "continue" {
            ended.ended(0);
            scene.stand_as(&["shop_web 2/2 four", "shop_worker 1/1 four"]);
        } else {
            let told = ended.ended(1);
            assert!(told.err.contains("back at r000004"), "{told:?}");
            scene.stand_as(&["shop_web 2/2 four", "shop_worker 1/1 four"]);
            assert_eq!(scene.newest(), is("r000005", "rolled-back"));
        }
        scene.greets("web", ["node1 four", "node2 four"]);
    }
}

/// Somebody changes the worker while the web service, which comes first, is changed.
fn what_others_change_is_asked_about(scene: &Scene) {
    let line = scene.line("--set GREETING=six");
    let child = scene.bench.command(&line).spawn().unwrap();
    scene.until("the web service is changed", || {
        scene
            .stands()
            .iter()
            .any(|row| row.starts_with("shop_web") && row.ends_with("six"))
    });
    scene.docker(
        "node1",
        "service update --detach --quiet --env-add WHO=else shop_worker",
    );
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("somebody else changed shop_worker meanwhile"),
        "{told}"
    );
    assert!(told.contains("- environment WHO"), "{told}");
    let open = scene.bench.say("app deploys -o json").ended(0).json();
    assert_eq!(open[0]["phase"], Value::from("paused"), "{open}");
    scene.bench.say("app continue shop --yes").ended(0);
    scene.stand_as(&["shop_web 2/2 six", "shop_worker 1/1 six"]);
    assert_eq!(scene.newest(), is("r000006", "succeeded"));
}

fn it_is_rolled_back_and_scaled(scene: &Scene) {
    scene
        .bench
        .say(&format!("app rollback shop {QUICK}"))
        .ended(0);
    scene.stand_as(&["shop_web 2/2 four", "shop_worker 1/1 four"]);
    scene
        .bench
        .say(&format!("app scale shop worker=3 {QUICK}"))
        .ended(0);
    scene.stand_as(&["shop_web 2/2 four", "shop_worker 3/3 four"]);
    scene.until("three workers run", || scene.greeting("worker").len() == 3);
    scene
        .bench
        .say(&format!("app scale shop web=3 {QUICK}"))
        .ended(3)
        .complains("3 tasks of web publish 8181:80 of their node, and 2 nodes may have them");
}

/// Three workers stay while others are tried: one of them, then as many. A bad one goes, and nothing else was touched.
fn it_is_tried_beside_the_first(scene: &Scene) {
    let line = "--set GREETING=four --canary 25,50 --every 2s --set MOOD=";
    let planned = scene.say(&format!("{line}new --dry-run")).ended(0);
    let part = "worker is tried in a second service, shop_worker-canary, found by the same names: \
                25%: 1 task beside 3, 50%: 3 tasks beside 3";
    assert!(planned.out.contains(part), "{planned:?}");
    // Of the web service there is one on each node, and it has a port of that.
    let none = scene.say("--set GREETING=other --canary 25 --dry-run");
    assert!(none.out.contains("not tried: no node of the 2"), "{none:?}");
    let version = || {
        scene.docker(
            "node1",
            "service inspect shop_worker --format {{.Version.Index}}",
        )
    };
    let before = version();
    let failed = scene.say(&format!("{line}bad")).ended(1);
    assert!(failed.err.contains("of its tasks failed"), "{failed:?}");
    assert!(failed.err.contains("everything is back at"), "{failed:?}");
    scene.stand_as(&["shop_web 2/2 four", "shop_worker 3/3 four"]);
    assert_eq!(version(), before);
    let line = scene.line(&format!("{line}new"));
    let child = scene.bench.command(&line).spawn().unwrap();
    scene.until("one is tried", || {
        scene
            .stands()
            .contains(&"shop_worker-canary 1/1 four".to_owned())
    });
    let web = scene.docker("node1", "ps -q --filter label=io.wharf.service=web");
    let found = || {
        let told = scene.docker(
            "node1",
            &format!("exec {} busybox nslookup worker", web.trim()),
        );
        let lines = told
            .lines()
            .filter(|line| line.starts_with("Address") && !line.contains("127.0.0.11"));
        lines.count()
    };
    assert_eq!(found(), 4);
    let apps = scene.bench.say("app list -o json").ended(0).json();
    assert_eq!(apps.as_array().unwrap().len(), 1, "{apps}");
    assert_eq!(
        apps[0]["deployed"]["drift"],
        Value::Array(Vec::new()),
        "{apps}"
    );
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    scene.stand_as(&["shop_web 2/2 four", "shop_worker 1/1 four"]);
}

/// A service that the release does not have goes.
fn what_a_release_does_not_have_goes(scene: &Scene) {
    let file = fs::read_to_string(&scene.file).unwrap();
    let (whole, rest) = file.split_once("  worker:").unwrap();
    let (_, configs) = rest.split_once("configs: {page").unwrap();
    fs::write(&scene.file, format!("{whole}configs: {{page{configs}")).unwrap();
    scene.say("--set GREETING=four").ended(0);
    scene.stand_as(&["shop_web 2/2 four"]);
}

fn a_first_release_that_fails_leaves_nothing(scene: &Scene) {
    let line = scene.line("--hosts node1 --set SICK=1 --deadline 40s");
    let line = line.replace("deploy shop", "deploy other");
    let text = fs::read_to_string(&scene.file).unwrap();
    fs::write(&scene.file, text.replace("8181", "8282")).unwrap();
    let failed = scene.bench.say(&line).ended(1);
    assert!(
        failed.err.contains("everything is back at nothing"),
        "{failed:?}"
    );
    scene.stand_as(&["shop_web 2/2 four"]);
    scene.until("its network is gone", || {
        let networks = scene.docker("node1", "network ls --format {{.Name}}");
        !networks.contains("other_")
    });
    let configs = scene.docker("node1", "config ls --format {{.Name}}");
    assert!(!configs.contains("other_"), "{configs}");
}
