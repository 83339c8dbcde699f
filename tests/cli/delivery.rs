//! From a commit to production, whole: a registry, two environments, tests that gate, a second person, a gray release
//! under load; workers that are killed on the way, and people who may not do what they try.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::runtime::Runtime;
use wharf_lab::Lab;

use crate::{
    app::{Load, ask, failed, from},
    bench::{Answer, Bench, answer},
    pipelines::{Worker, own_runs, state},
    proxy::Proxy,
};

/// Where the registry is, for the hosts and for whoever works here.
const REGISTRY: &str = "127.0.0.1:5079";
const QA: &str = "qa-delivered";
const PROD: &str = "prod-delivered";
const PORT: u16 = 18400;

/// A small web server that says its release.
const DOCKERFILE: &str =
    "FROM lab/busybox:1\nCOPY page /srv/index.html\nCOPY serve /serve\nCMD [\"sh\", \"/serve\"]\n";
const SERVE: &str =
    "trap 'exit 0' TERM\necho ok >/srv/healthz\nhttpd -f -p 80 -h /srv &\nwait $!\n";
const COMPOSE: &str = "
services:
  web:
    image: lab/busybox:1
    stop_grace_period: 1s
    restart: unless-stopped
    x-wharf:
      balancer: {backend: shop_stable, canary: shop_canary, key: shop, port: 80, host_port: '${PORT}', drain: 5s}
";

const DELIVER: &str = r#"
when: [{event: push, branch: main, every: 2s}]
hosts: ["node1"]
vars: {IMG: "REGISTRY/shop/web", TAG: "rt${CI_PIPELINE_NUMBER}"}
steps:
  - {name: checkout, git: {url: REPOSITORY}}
  - name: unit
    image: lab/busybox:1
    commands: ["for i in 1 2 3 4; do echo test $i; sleep 1; done", "test -s page", "cp report.xml unit.xml"]
    reports: {junit: unit.xml}
  - {name: image, build: {tag: "${IMG}:${TAG}", push: true}}
  - {name: to-qa, deploy: {app: delivered, env: QA, file: compose.yaml, hosts: [node1], set: {PORT: "18450"}, images: {web: "${IMG}:${TAG}"}}}
  - {name: tag-qa, promote: {image: "${IMG}", from: "${TAG}", to: qa}}
  - {name: stable, gate: {suite: regression, env: QA, consecutive: 3, same_digest: true, wait: true}}
  - {name: sign, approval: {environment: PROD}}
  - {name: tag-prod, promote: {image: "${IMG}", from: "${TAG}", to: prod}}
  - {name: live, deploy: {app: delivered, env: PROD, file: compose.yaml, hosts: [node2], set: {PORT: "18400"}, images: {web: "${IMG}:${TAG}"}, canary: [30], every: 6s, requests: 100}}
"#;

/// The tests of what runs in QA. What they find is said when they are started.
const REGRESSION: &str = r#"
hosts: ["node1"]
parameters: [{name: FAULTS, default: "0", choices: ["0", "1"]}]
steps:
  - name: regression
    image: lab/busybox:1
    commands:
      - "test $FAULTS = 0 || FAULT='<failure message=\"broken\"/>'"
      - "echo \"<testsuite><testcase name='order'>$FAULT</testcase></testsuite>\" >out.xml"
      - "echo '{\"latency\": {\"p95_ms\": 12.5}}' >out.json"
    reports: {junit: out.xml, metrics: out.json, env: QA, image: "REGISTRY/shop/web:qa"}
"#;

fn filled(text: &str, repository: &Path) -> String {
    text.replace("REGISTRY", REGISTRY)
        .replace("REPOSITORY", &repository.display().to_string())
        .replace("QA", QA)
        .replace("PROD", PROD)
}

/// Registries of Debian that keep the same things: one here, and one on each host, for engines trust plain HTTP of their
/// own machine only.
struct Registries {
    here: Child,
    there: Vec<(&'static str, String)>,
    lab: Lab,
}

impl Registries {
    fn start(dir: &Path) -> Self {
        let lab = Lab::shared();
        let file = dir.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{REGISTRY}'}}\n",
            dir.join("images").display()
        );
        fs::write(&file, text).unwrap();
        let serve = |limit: &str| {
            format!(
                "exec timeout {limit} docker-registry serve {}",
                file.display()
            )
        };
        let here = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "sh", "-c", &serve("600")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let there = ["node1", "node2"].map(|node| {
            let line = format!("({}) >/dev/null 2>&1 & echo $!", serve("600"));
            (node, lab.command(&["exec", node, "sh", "-c", &line]))
        });
        Self {
            here,
            there: there.to_vec(),
            lab,
        }
    }
}

impl Drop for Registries {
    fn drop(&mut self) {
        for (node, id) in &self.there {
            self.lab.command(&["exec", node, "kill", id.trim()]);
        }
        // `timeout` hands on what it is told.
        if let Some(id) = rustix::process::Pid::from_raw(self.here.id().cast_signed()) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.here.wait();
    }
}

struct Scene {
    bench: Bench,
    proxy: Proxy,
    repository: PathBuf,
    lab: Lab,
    runtime: Runtime,
    _registries: Registries,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::shared();
        let bench = Bench::new();
        let proxy = Proxy::start(4, 2);
        let text = format!(
            r#"
[ssh]
config = "{}"
[[host]]
name = "node1"
endpoint = "ssh://node1"
environment = "{QA}"
[[host]]
name = "node2"
endpoint = "ssh://node2"
environment = "{PROD}"
[[environment]]
name = "{QA}"
[[environment]]
name = "{PROD}"
guarded = true
worker_only = true
tags = ["prod"]
[[environment.gate]]
suite = "regression"
environment = "{QA}"
consecutive = 3
limits = ["latency.p95_ms <= 50"]
[[grant]]
people = ["root"]
role = "admin"
[[grant]]
people = ["ann", "worker"]
role = "deployer"
[[grant]]
people = ["ann", "bob"]
role = "approver"
environments = ["{PROD}"]
[[pipelines.repository]]
url = "{}"
[[registry]]
host = "{REGISTRY}"
plain_http = true
[[balancer]]
name = "edge"
socket = "{}"
map = "{}"
state = "{}"
environment = "{PROD}"
"#,
            lab.ssh_config().display(),
            bench.home().join("repository").display(),
            proxy.text("admin.sock"),
            proxy.text("canary.map"),
            proxy.text("ops.state"),
        );
        fs::write(bench.file(), text).unwrap();
        let repository = bench.home().join("repository");
        fs::create_dir(&repository).unwrap();
        let registries = Registries::start(bench.home());
        let scene = Self {
            bench,
            proxy,
            repository,
            lab,
            runtime: Runtime::new().unwrap(),
            _registries: registries,
        };
        scene.clear();
        scene.git(&["init", "--quiet", "--initial-branch=main", "."]);
        for (name, text) in [
            ("page", "v0"),
            ("serve", SERVE),
            ("compose.yaml", COMPOSE),
            ("Dockerfile", DOCKERFILE),
            (
                "report.xml",
                "<testsuite><testcase name='page'/></testsuite>",
            ),
        ] {
            fs::write(scene.repository.join(name), text).unwrap();
        }
        // How it is delivered is kept beside what is delivered.
        let kept = scene.repository.join(".wharf");
        fs::create_dir(&kept).unwrap();
        let text = filled(DELIVER, &scene.repository);
        fs::write(kept.join("deliver.yaml"), text).unwrap();
        scene.commit("v0");
        let directory = scene.bench.file().with_file_name("pipelines");
        fs::create_dir(&directory).unwrap();
        let text = filled(REGRESSION, &scene.repository);
        fs::write(directory.join("regression.yaml"), text).unwrap();
        scene
    }

    fn git(&self, words: &[&str]) {
        let done = Command::new("git")
            .arg("-C")
            .arg(&self.repository)
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"])
            .args(words)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn clear(&self) {
        let _hosts = ["node1", "node2"].map(|host| self.lab.host(host));
        for host in ["node1", "node2"] {
            let docker = |words: &[&str]| self.lab.command(&[&["docker", host], words].concat());
            let mut labels = own_runs(&self.bench);
            labels.push("label=com.docker.compose.project=delivered".to_owned());
            for label in &labels {
                for id in docker(&["ps", "-aq", "--filter", label]).split_whitespace() {
                    docker(&["rm", "-f", "-v", id]);
                }
                for id in docker(&["volume", "ls", "-q", "--filter", label]).split_whitespace() {
                    docker(&["volume", "rm", "-f", id]);
                }
                for id in docker(&["network", "ls", "-q", "--filter", label]).split_whitespace() {
                    docker(&["network", "rm", id]);
                }
            }
        }
    }

    fn worker(&self) -> Worker {
        let child = self.bench.command("worker").stderr(Stdio::null()).spawn();
        Worker(child.unwrap())
    }

    /// Says a line as somebody.
    fn say(&self, who: &str, line: &str) -> Answer {
        let mut command = self.bench.command(line);
        let answer = answer(command.env("SUDO_USER", who).spawn().unwrap());
        eprintln!("{who}: {line}: {answer:?}");
        answer
    }

    /// The runs of a pipeline, the newest first.
    fn runs(&self, pipeline: &str) -> Vec<Value> {
        let all = self.bench.say("pipeline runs -o json").ended(0).json();
        let all = all.as_array().unwrap().iter();
        let of =
            all.filter(|run| run["pipeline"]["name"] == pipeline || run["pipeline"] == pipeline);
        of.cloned().collect()
    }

    /// The newest run of a pipeline, when that is so of it.
    #[track_caller]
    fn until(&self, what: &str, pipeline: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let runs = self.runs(pipeline);
            if let Some(run) = runs.first().filter(|run| is_so(run)) {
                eprintln!("{what}: after {:?}", start.elapsed());
                return run.clone();
            }
            let is_bad = runs.first().is_some_and(|run| {
                ["failure", "lost", "declined"].contains(&run["status"].as_str().unwrap())
            });
            let is_late = start.elapsed() > Duration::from_secs(100);
            assert!(!is_bad && !is_late, "{what}: {runs:#?}");
            sleep(Duration::from_millis(200));
        }
    }

    /// Has the regression run once.
    fn regression(&self, faults: u32) {
        let before = self.runs("regression").len();
        self.say(
            "ann",
            &format!("pipeline run regression --set FAULTS={faults} --yes"),
        )
        .ended(0);
        let start = Instant::now();
        while !self
            .runs("regression")
            .first()
            .is_some_and(|run| self.runs("regression").len() > before && run["status"] == "success")
        {
            assert!(start.elapsed() < Duration::from_mins(1));
            sleep(Duration::from_millis(200));
        }
    }

    fn page(&self) -> u64 {
        let front = self.proxy.path("front.sock");
        from(&self.runtime.block_on(ask(&front, 20, "")), "v1")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.clear();
        }
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from a commit to production"
)]
fn a_commit_comes_to_production_by_tests_and_people_though_workers_are_killed() {
    let scene = Scene::new();
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    let step_is =
        |name: &'static str, wanted: &'static str| move |run: &Value| state(run, name) == wanted;

    // What runs in production before: whoever may do everything says why it cannot wait for tests.
    let first = format!(
        "app deploy delivered --env {PROD} --file {} --hosts node2 --set PORT={PORT} --image web=lab/old:1 --settle 0s --bake 0s",
        scene.repository.join("compose.yaml").display()
    );
    let node2 = |words: &[&str]| scene.lab.command(&[&["docker", "node2"], words].concat());
    let made = "FROM lab/busybox:1\nRUN [\"busybox\", \"sh\", \"-c\", \"mkdir -p /srv; echo -n v0 >/srv/index.html\"]\n";
    let dir = scene.bench.home().join("old");
    fs::create_dir(&dir).unwrap();
    fs::write(
        dir.join("Dockerfile"),
        format!("{made}COPY serve /serve\nCMD [\"sh\", \"/serve\"]\n"),
    )
    .unwrap();
    fs::write(dir.join("serve"), SERVE).unwrap();
    let build = format!(
        "image build {} --on @node2 --tag lab/old:1 --builder classic --yes",
        dir.display()
    );
    // Only a worker changes it; this one is said where the worker is.
    let as_worker = |line: &str| {
        let mut command = scene.bench.command(line);
        command.env("WHARF_FOR", "root").env("WHARF_WORKER", "1");
        answer(command.spawn().unwrap())
    };
    scene
        .say("root", &build)
        .ended(3)
        .complains("changed by a worker only");
    as_worker(&build).ended(0);
    as_worker(&format!("{first} --confirm {PROD}"))
        .ended(3)
        .complains("asks for good tests: 0 of 3 good runs of regression");
    let urgent = format!("{first} --emergency first --confirm {PROD}");
    as_worker(&urgent).ended(0);
    assert_eq!(scene.page(), 0);

    // A commit is noticed. The worker is killed while its tests run.
    let worker = scene.worker();
    let start = Instant::now();
    while !scene
        .bench
        .say("pipeline list -o name")
        .out
        .contains("deliver")
    {
        assert!(start.elapsed() < Duration::from_secs(30), "it is not read");
        sleep(Duration::from_millis(200));
    }
    sleep(Duration::from_secs(8));
    fs::write(scene.repository.join("page"), "v1").unwrap();
    scene.commit("v1");
    scene.until("tests run", "deliver", step_is("unit", "running"));
    worker.kill();
    let worker = scene.worker();
    let run = scene.until("in QA, gated", "deliver", step_is("stable", "blocked"));
    let number = run["number"].as_u64().unwrap();
    let tests = scene
        .bench
        .say(&format!("pipeline logs {number} unit"))
        .ended(0);
    let tests: Vec<&str> = tests
        .out
        .lines()
        .filter(|line| line.starts_with("test "))
        .collect();
    assert_eq!(tests, ["test 1", "test 2", "test 3", "test 4"]);

    // Two good runs and a bad one are none; the worker is killed while it waits.
    scene.regression(0);
    scene.regression(0);
    scene.regression(1);
    worker.kill();
    let worker = scene.worker();
    scene.regression(0);
    scene.regression(0);
    let run = scene.until("two of three", "deliver", |run| {
        run["steps"]
            .to_string()
            .contains("2 of 3 good runs of regression: run")
    });
    assert_eq!(state(&run, "sign"), "pending", "{run:#}");
    scene.regression(0);

    // Neither who made the commit nor who has no role may approve it.
    scene.until("people are asked", "deliver", step_is("sign", "blocked"));
    let approve = format!("pipeline approve {number} --yes");
    scene
        .say("carl", &approve)
        .ended(3)
        .complains("carl is viewer");
    scene
        .say("ann", &approve)
        .ended(3)
        .complains("ann made the commit");
    let _inside = scene.runtime.enter();
    let load = Load::start(&scene.proxy.path("front.sock"), 4);
    scene.say("bob", &approve).ended(0);

    // Gray: the worker is killed in the middle of it.
    scene.until("gray release", "deliver", step_is("live", "running"));
    let patience = Instant::now() + Duration::from_mins(1);
    while !scene
        .bench
        .say("balancer show edge shop_canary -o json")
        .out
        .contains("\"ready\"")
    {
        assert!(Instant::now() < patience, "no canary");
        sleep(Duration::from_millis(200));
    }
    sleep(Duration::from_secs(1));
    worker.kill();
    let worker = scene.worker();
    let run = scene.until("live", "deliver", |run| run["status"] == "success");
    let answers = scene.runtime.block_on(load.stop());
    assert_eq!(failed(&answers), 0, "{answers:?}");
    assert!(answers.values().sum::<u64>() > 200, "{answers:?}");
    assert_eq!(scene.page(), 20);

    // The same image everywhere, and each step was done once.
    let digest = run["variables"]["CI_IMAGE_DIGEST"].as_str().unwrap();
    for tag in ["qa", "prod"] {
        let shown = scene
            .bench
            .say(&format!("registry show {REGISTRY}/shop/web:{tag} -o json"))
            .ended(0)
            .json();
        assert_eq!(shown["digest"], digest, "{tag}");
    }
    let filter = "label=com.docker.compose.project=delivered";
    let running = node2(&["ps", "-q", "--filter", filter]);
    let ids: Vec<&str> = running.split_whitespace().collect();
    assert_eq!(ids.len(), 1, "{running}");
    let image = node2(&["inspect", "-f", "{{.Image}}", ids[0]]);
    let digests = node2(&["image", "inspect", "-f", "{{.RepoDigests}}", image.trim()]);
    assert!(digests.contains(digest), "{digests} is not {digest}");
    for environment in [QA, PROD] {
        let releases = scene
            .bench
            .say(&format!(
                "app releases delivered --env {environment} -o json"
            ))
            .ended(0)
            .json();
        let count = if environment == QA { 1 } else { 2 };
        assert_eq!(releases.as_array().unwrap().len(), count, "{releases:#}");
        assert_eq!(releases[0]["phase"], "succeeded", "{releases:#}");
    }
    let log = scene.bench.say("audit list -o json").ended(0);
    assert!(log.out.contains("\"worker (via root)\""), "{log:?}");

    // By hand: a viewer is refused, a deployer's word is put into the worker's queue and said for them there.
    scene
        .say("carl", "app scale delivered web=2 --env qa-delivered --yes")
        .ended(3)
        .complains("carl is viewer");
    let restart = format!("container restart app:delivered@node2 --confirm {PROD} --reason tired");
    scene.say("ann", &restart).ended(0).says("by-hand");
    scene.until("said for ann", "by-hand", |run| run["status"] == "success");
    let log = scene.bench.say("audit list operator:ann -o json").ended(0);
    assert!(
        log.out.contains("ann (via root)") && log.out.contains("tired"),
        "{log:?}"
    );
    drop(worker);
}
