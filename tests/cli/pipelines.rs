//! Pipelines from a shell: on a real host over real ssh, with a real repository, and workers that are killed on the way.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use wharf_lab::Lab;

use crate::bench::{Answer, Bench, answer};

/// What a test does with a page, and how it is brought to its host.
const PIPELINE: &str = r#"
when: [{event: push, branch: main, every: 2s}]
hosts: ["node1"]
parameters: [{name: WHO, default: world, choices: [world, you]}]
services: [{name: beside, image: "lab/busybox:1", command: [sh, -c, "while true; do sleep 1; done"]}]
steps:
  - {name: checkout, git: {url: REPOSITORY}}
  - name: unit
    image: lab/busybox:1
    commands:
      - "mkdir -p out; cp report.xml out/"
      - "echo hello $WHO with $KEY"
      - "for i in 1 2 3 4 5 6; do echo line $i; sleep 1; done"
      - "test -e green"
    secrets: {KEY: TOKEN}
    reports: {junit: "out/*.xml"}
    artifacts: [page]
  - {name: image, build: {tag: "lab/pipe:rt${CI_PIPELINE_NUMBER}"}}
  - {name: good, gate: {suite: unit, consecutive: 1}}
  - {name: people, approval: {count: 1}}
  - {name: go, deploy: {app: piped, env: dev, file: compose.yaml, hosts: [node1], images: {web: "lab/pipe:rt${CI_PIPELINE_NUMBER}"}}}
  - {name: told, run: "host list", when: {status: [success, failure]}}
"#;

const COMPOSE: &str = "services: {web: {image: 'lab/busybox:1', stop_grace_period: 1s}}\n";

const DOCKERFILE: &str = "FROM lab/busybox:1\nCOPY page /page\n\
    CMD [\"sh\", \"-c\", \"trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]\n";

fn report(is_green: bool) -> String {
    let inside = if is_green {
        ""
    } else {
        "<failure message='it is red'/>"
    };
    format!(
        "<testsuite><testcase classname='page' name='colour' time='0.1'>{inside}</testcase></testsuite>"
    )
}

struct Scene {
    bench: Bench,
    lab: Lab,
    repository: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::shared();
        let bench = Bench::new();
        let text = format!(
            "[ssh]\nconfig = \"{}\"\n[[host]]\nname = \"node1\"\nendpoint = \"ssh://node1\"\nenvironment = \"dev\"\n",
            lab.ssh_config().display()
        );
        fs::write(bench.file(), text).unwrap();
        let repository = bench.home().join("repository");
        fs::create_dir(&repository).unwrap();
        let scene = Self {
            bench,
            lab,
            repository,
        };
        scene.git(&["init", "--quiet", "--initial-branch=main", "."]);
        for (name, text) in [
            ("page", "one"),
            ("green", ""),
            ("compose.yaml", COMPOSE),
            ("Dockerfile", DOCKERFILE),
        ] {
            fs::write(scene.repository.join(name), text).unwrap();
        }
        fs::write(scene.repository.join("report.xml"), report(true)).unwrap();
        scene.commit("one");
        let directory = scene.bench.file().with_file_name("pipelines");
        fs::create_dir(&directory).unwrap();
        let text = PIPELINE.replace("REPOSITORY", &scene.repository.display().to_string());
        fs::write(directory.join("web.yaml"), text).unwrap();
        scene.clear();
        scene
    }

    fn git(&self, words: &[&str]) {
        let done = Command::new("git")
            .arg("-C")
            .arg(&self.repository)
            .args(["-c", "user.name=ann", "-c", "user.email=ann@example"])
            .args(words)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Takes away what a test left on the host.
    fn clear(&self) {
        let _host = self.lab.host("node1");
        let docker = |words: &[&str]| self.lab.command(&[&["docker", "node1"], words].concat());
        let mut labels = own_runs(&self.bench);
        labels.push("label=com.docker.compose.project=piped".to_owned());
        for label in &labels {
            for id in docker(&["ps", "-aq", "--filter", label]).split_whitespace() {
                docker(&["rm", "-f", id]);
            }
            for id in docker(&["volume", "ls", "-q", "--filter", label]).split_whitespace() {
                docker(&["volume", "rm", "-f", id]);
            }
            for id in docker(&["network", "ls", "-q", "--filter", label]).split_whitespace() {
                docker(&["network", "rm", id]);
            }
        }
    }

    fn worker(&self) -> Worker {
        let child = self
            .bench
            .command("worker")
            .env("TOKEN", "geheim-9")
            .stderr(Stdio::null())
            .spawn();
        Worker(child.unwrap())
    }

    fn run(&self, number: u32) -> Value {
        self.bench
            .say(&format!("pipeline show {number} -o json"))
            .ended(0)
            .json()
    }

    /// Waits until a step of a run has a state.
    #[track_caller]
    fn until(&self, number: u32, step: &str, wanted: &str) {
        let start = Instant::now();
        loop {
            let run = self.run(number);
            let found = state(&run, step);
            if found == wanted {
                return;
            }
            let is_late = start.elapsed() > Duration::from_secs(90);
            assert!(
                !is_late && run["status"] != "failure",
                "{step} is {found}: {run:#}"
            );
            sleep(Duration::from_millis(200));
        }
    }

    fn log(&self, number: u32, step: &str) -> Vec<String> {
        let answer = self
            .bench
            .say(&format!("pipeline logs {number} {step}"))
            .ended(0);
        answer.lines().into_iter().map(str::to_owned).collect()
    }

    /// Says a line as somebody else.
    fn say_as(&self, who: &str, line: &str) -> Answer {
        answer(
            self.bench
                .command(line)
                .env("SUDO_USER", who)
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.clear();
        }
    }
}

pub(crate) fn state(run: &Value, step: &str) -> String {
    let steps = run["steps"].as_array().unwrap();
    let found = steps.iter().find(|one| one["name"] == step).unwrap();
    found["status"].as_str().unwrap().to_owned()
}

/// The labels of what the runs of a bench have on their host: other tests have runs there too.
pub(crate) fn own_runs(bench: &Bench) -> Vec<String> {
    let runs = bench.say("pipeline runs -o json").ended(0).json();
    let runs = runs.as_array().unwrap().iter();
    runs.map(|run| {
        let key = run["key"].as_str().unwrap();
        format!("label=io.wharf.run={}-{key}", run["number"])
    })
    .collect()
}

/// A worker that ends with its test.
pub(crate) struct Worker(pub(crate) Child);

impl Worker {
    /// Ends it at once, as a fault would.
    pub(crate) fn kill(mut self) {
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

#[test]
#[expect(clippy::too_many_lines, reason = "one story from a commit to its host")]
fn a_run_goes_from_a_commit_to_its_host_though_workers_are_killed() {
    let scene = Scene::new();
    let listed = scene.bench.say("pipeline list").ended(0);
    assert!(listed.out.contains("web"), "{listed:?}");
    scene
        .bench
        .say("pipeline run web --set WHO=nobody --yes")
        .ended(3)
        .complains("one of world, you");
    scene
        .bench
        .say("pipeline run web --set WHO=you --yes")
        .ended(0);

    // Killed while a step runs: its container goes on, and no line is lost or doubled.
    let worker = scene.worker();
    let start = Instant::now();
    while !scene.log(1, "unit").contains(&"line 2".to_owned()) {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{:#}",
            scene.run(1)
        );
        sleep(Duration::from_millis(100));
    }
    worker.kill();
    sleep(Duration::from_secs(2));
    let worker = scene.worker();
    scene.until(1, "people", "blocked");
    let log = scene.log(1, "unit");
    let lines: Vec<&String> = log
        .iter()
        .filter(|line| line.starts_with("line "))
        .collect();
    assert_eq!(
        lines,
        ["line 1", "line 2", "line 3", "line 4", "line 5", "line 6"],
        "{log:?}"
    );
    assert!(log.contains(&"hello you with ****".to_owned()), "{log:?}");
    let run = scene.run(1);
    assert_eq!(run["steps"][1]["report"]["tests"], 1, "{run:#}");
    assert_eq!(run["steps"][1]["artifacts"][0][0], "page");
    let kept = scene
        .bench
        .home()
        .join(".local/share/wharf/artifacts/1/unit/page");
    assert_eq!(fs::read_to_string(kept).unwrap(), "one");

    // Killed while it waits for people; who started it cannot approve it.
    worker.kill();
    let worker = scene.worker();
    scene
        .say_as("ann", "pipeline approve 1 --yes")
        .ended(3)
        .complains("ann made the commit");
    scene.say_as("bob", "pipeline approve 1 --yes").ended(0);
    scene.until(1, "people", "success");

    // Killed in the middle of the deploy.
    let start = Instant::now();
    while scene.bench.say("app deploys -o name").ended(0).out.trim() != "piped" {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{:#}",
            scene.run(1)
        );
        sleep(Duration::from_millis(50));
    }
    worker.kill();
    let worker = scene.worker();
    scene.until(1, "go", "success");
    scene.until(1, "told", "success");
    let releases = scene
        .bench
        .say("app releases piped -o json")
        .ended(0)
        .json();
    assert_eq!(releases.as_array().unwrap().len(), 1, "{releases:#}");
    assert_eq!(releases[0]["phase"], "succeeded", "{releases:#}");
    let own = |number: u32| {
        let key = scene.run(number)["key"].as_str().unwrap().to_owned();
        format!("label=io.wharf.run={number}-{key}")
    };
    let left = |what: &[&str]| scene.lab.command(&[&["docker", "node1"], what].concat());
    let start = Instant::now();
    while scene.run(1)["status"] != "success" {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{:#}",
            scene.run(1)
        );
        sleep(Duration::from_millis(100));
    }
    assert_eq!(
        left(&["ps", "-aq", "--filter", &own(1)]).trim(),
        "",
        "nothing is left of it"
    );

    // A commit is noticed; a red test ends its run before anything is built.
    fs::remove_file(scene.repository.join("green")).unwrap();
    fs::write(scene.repository.join("report.xml"), report(false)).unwrap();
    scene.commit("red");
    let start = Instant::now();
    let mut last = Value::Null;
    while last["status"] != "failure" {
        assert!(start.elapsed() < Duration::from_secs(90), "{last:#}");
        sleep(Duration::from_millis(200));
        let runs = scene.bench.say("pipeline runs -o json").ended(0).json();
        last = runs[0].clone();
    }
    assert_eq!(last["number"], 2);
    let states: Vec<String> = ["unit", "image", "go", "told"]
        .map(|step| state(&last, step))
        .to_vec();
    assert_eq!(
        states,
        ["failure", "skipped", "skipped", "success"],
        "{last:#}"
    );
    let failed = &last["steps"][1]["report"]["failed"][0];
    assert_eq!(
        (&failed["name"], &failed["text"]),
        (&Value::from("colour"), &Value::from("it is red"))
    );
    // Its containers are gone, and its workspace is there for whoever tries it again.
    assert_eq!(left(&["ps", "-aq", "--filter", &own(2)]).trim(), "");
    let volumes = left(&["volume", "ls", "-q", "--filter", &own(2)]);
    assert!(volumes.trim().starts_with("wharf-run-2-"), "{volumes}");
    // Nobody knows the secret from what is kept.
    drop(worker);
    let store = fs::read(scene.bench.database()).unwrap();
    let wal = fs::read(wal(&scene.bench.database())).unwrap_or_default();
    let holds = |bytes: &[u8]| bytes.windows(8).any(|part| part == b"geheim-9");
    assert!(!holds(&store) && !holds(&wal), "the secret is in the store");
}

fn wal(database: &Path) -> PathBuf {
    database.with_extension("db-wal")
}

#[test]
fn files_are_checked_and_a_run_can_be_canceled_before_it_begins() {
    let bench = Bench::new();
    let directory = bench.file().with_file_name("pipelines");
    fs::create_dir(&directory).unwrap();
    fs::write(
        directory.join("good.yaml"),
        "steps: [{name: a, run: host list}]\n",
    )
    .unwrap();
    let text = "hosts: ['[']\nsteps:\n- name: a\n  run: host frobnicate\n";
    fs::write(bench.home().join("bad.yaml"), text).unwrap();
    fs::write(
        bench.home().join("worse.yaml"),
        "steps:\n- {name: b, imag: x}\n",
    )
    .unwrap();
    let told = bench.say("pipeline check bad.yaml worse.yaml").ended(1);
    for part in [
        "'host frobnicate' is no sentence",
        "bad.yaml: error: hosts:",
        "worse.yaml:2: steps[0].imag: error",
        "did you mean 'image'?",
    ] {
        assert!(told.out.contains(part), "{part}: {told:?}");
    }
    bench
        .say("pipeline run goood --yes")
        .ended(3)
        .complains("did you mean good?");
    bench.say("pipeline run good --yes").ended(0);
    bench.say("pipeline cancel 1 --yes").ended(0);
    bench
        .say("pipeline show 7")
        .ended(3)
        .complains("there is no run #7");
    // The worker does what is in the queue, and knows what is not to begin.
    bench.say("pipeline run good --yes").ended(0);
    bench.say("worker --once").ended(1);
    let runs = bench.say("pipeline runs -o json").ended(0).json();
    assert_eq!(
        (&runs[0]["status"], &runs[1]["status"]),
        (&Value::from("success"), &Value::from("canceled"))
    );
    let log = bench.say("pipeline logs 2 a").ended(0);
    assert!(
        log.out.contains("+ wharf host list") && log.out.contains("ams-1"),
        "{log:?}"
    );
    bench
        .say("pipeline retry 2 --yes")
        .ended(3)
        .complains("went well");
    bench.say("pipeline retry 1 --yes").ended(0);
    bench.say("worker --once").ended(0);
    let runs = bench.say("pipeline runs -o json").ended(0).json();
    assert_eq!(runs[1]["status"], "success", "{runs:#}");
    // Cleaned of what is a number, the log of acts tells who did what.
    let acts = bench.say("audit list -o json").ended(0).out;
    assert!(
        acts.contains("pipeline cancel 1") && acts.contains("pipeline retry 1"),
        "{acts}"
    );
}
