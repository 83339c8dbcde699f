//! Deploys from a shell: on real hosts over real ssh, with containers that get well and such that do not.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use wharf_lab::Lab;

use crate::bench::Bench;

/// An app of a web service and a worker that waits for it.
const APP: &str = "
services:
  web:
    image: ${IMAGE:-lab/busybox:1}
    command: [sh, -c, \"echo $$GREETING; trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    environment: {GREETING: \"${GREETING:-one}\"}
    ports: [\"${PORT:-8181}:80\"]
    stop_grace_period: 1s
    restart: unless-stopped
    configs: [{source: page, target: /srv/page}]
    healthcheck: {test: [CMD-SHELL, \"test ${SICK:-0} = 0 -a -e /srv/page\"], interval: 1s, retries: 2}
  worker:
    image: lab/busybox:1
    command: [sh, -c, \"trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    stop_grace_period: 1s
    depends_on: {web: {condition: service_healthy}}
    volumes: [\"data:/data\"]
volumes: {data: {}}
configs: {page: {content: hello}}
";

/// What makes a deploy quick.
pub(crate) const QUICK: &str = "--bake 1s --settle 1s --yes";

/// Two hosts of the lab, and a home with a file of the app.
pub(crate) struct Scene {
    pub(crate) bench: Bench,
    file: PathBuf,
    pub(crate) lab: Lab,
    pub(crate) app: &'static str,
}

const HOSTS: [&str; 2] = ["node1", "node2"];

impl Scene {
    pub(crate) fn new(app: &'static str) -> Self {
        let lab = Lab::shared();
        let bench = Bench::new();
        let entry = |host: &&str| {
            format!(
                "[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"dev\"\n"
            )
        };
        let hosts: String = HOSTS.iter().map(entry).collect();
        let ssh = lab.ssh_config();
        let text = format!("[ssh]\nconfig = \"{}\"\n{hosts}", ssh.display());
        fs::write(bench.file(), text).unwrap();
        let file = bench.home().join("compose.yaml");
        fs::write(&file, APP).unwrap();
        let scene = Self {
            bench,
            file,
            lab,
            app,
        };
        scene.clear();
        scene
    }

    /// `app deploy` of the file, with these words besides.
    pub(crate) fn line(&self, words: &str) -> String {
        format!(
            "app deploy {} --file {} {QUICK} {words}",
            self.app,
            self.file.display()
        )
    }

    /// The containers of the app that run: `name host`, sorted.
    pub(crate) fn running(&self) -> Vec<String> {
        let line = format!("container list app:{} state:running -o json", self.app);
        let all = self.bench.say(&line).ended(0).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = all.as_array().unwrap().iter();
        let mut names: Vec<String> = all
            .map(|one| format!("{} {}", text(&one["name"]), text(&one["host"])))
            .collect();
        names.sort();
        names
    }

    /// What runs when the services have these releases.
    pub(crate) fn wanted(&self, web: u32, worker: u32) -> Vec<String> {
        let mut names: Vec<String> = HOSTS
            .iter()
            .flat_map(|host| {
                let name = |service: &str, release: u32| {
                    format!("{}.dev.r{release:06}.{service}.1 {host}", self.app)
                };
                [name("web", web), name("worker", worker)]
            })
            .collect();
        names.sort();
        names
    }

    /// The newest release with its state.
    pub(crate) fn newest(&self) -> (String, String) {
        let all = self
            .bench
            .say(&format!("app releases {} -o json", self.app))
            .ended(0)
            .json();
        let text = |key: &str| all[0][key].as_str().unwrap_or_default().to_owned();
        (text("release"), text("phase"))
    }

    /// Takes everything of the app away.
    fn clear(&self) {
        // Nobody else has them alone meanwhile.
        let _hosts = HOSTS.map(|host| self.lab.host(host));
        for host in HOSTS {
            let mine = format!("label=com.docker.compose.project={}", self.app);
            let docker = |words: &[&str]| self.lab.command(&[&["docker", host], words].concat());
            for id in docker(&["ps", "-aq", "--filter", &mine]).split_whitespace() {
                docker(&["rm", "-f", "-v", id]);
            }
            for id in docker(&["network", "ls", "-q", "--filter", &mine]).split_whitespace() {
                docker(&["network", "rm", id]);
            }
            for name in docker(&["volume", "ls", "-q", "--filter", &mine]).split_whitespace() {
                docker(&["volume", "rm", name]);
            }
        }
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
fn a_release_comes_fails_goes_back_and_is_rolled_back() {
    let scene = Scene::new("deploys-a");
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    let bench = &scene.bench;
    // Nothing is done before it is confirmed, and the plan says what will be.
    let planned = bench.say(&format!("{} --hosts env:dev --dry-run", scene.line("")));
    let planned = planned.ended(0);
    for part in [
        "nothing → r000001",
        "stop-first",
        "port",
        "+ replicas 2",
        "if it fails everything of it is stopped again",
    ] {
        assert!(planned.out.contains(part), "{part}: {planned:?}");
    }
    assert!(scene.running().is_empty());
    bench.say(&scene.line("--hosts env:dev")).ended(0);
    assert_eq!(scene.running(), scene.wanted(1, 1));
    // The same again changes nothing.
    bench
        .say(&scene.line(""))
        .ended(3)
        .complains("nothing is to be done");
    // Only what changes is replaced.
    bench
        .say(&scene.line("--set GREETING=two"))
        .ended(0)
        .says("was so already");
    assert_eq!(scene.running(), scene.wanted(2, 1));
    // One that does not get well goes back by itself, and says why.
    let failed = bench.say(&scene.line("--set GREETING=three --set SICK=1"));
    let failed = failed.ended(1).complains("its health check fails");
    assert!(
        failed.err.contains("everything is back at r000002"),
        "{failed:?}"
    );
    assert_eq!(scene.running(), scene.wanted(2, 1));
    assert_eq!(
        scene.newest(),
        ("r000003".to_owned(), "rolled-back".to_owned())
    );
    // Back to the first: its containers are still there and are started again.
    bench
        .say(&format!("app rollback {} {QUICK}", scene.app))
        .ended(0);
    assert_eq!(scene.running(), scene.wanted(1, 1));
    assert_eq!(
        scene.newest(),
        ("r000004".to_owned(), "succeeded".to_owned())
    );
    // The app is whole, and what gave way is no trouble.
    let apps = bench.say("app list -o json").ended(0).json();
    let app = apps
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == scene.app);
    assert_eq!(app.unwrap()["standing"], "running", "{app:?}");
    // Fewer and more replicas; two on one host would want one port.
    bench
        .say(&format!("app scale {} worker=1 {QUICK}", scene.app))
        .ended(0);
    assert_eq!(scene.running().len(), 3);
    let refused = bench
        .say(&format!("app scale {} web=3 {QUICK}", scene.app))
        .ended(3);
    refused.complains("would both publish port 8181");
    let acts = bench.say("audit list -o json").ended(0).json();
    let last = acts.as_array().unwrap().last().unwrap();
    assert!(
        last["sentence"]
            .as_str()
            .unwrap()
            .starts_with("app scale deploys-a worker=1"),
        "{last}"
    );
}

#[test]
fn what_speaks_against_a_deploy_is_told_before_anything_is_done() {
    let scene = Scene::new("deploys-b");
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    let bench = &scene.bench;
    // The lab's own web server has that port on both hosts.
    let refused = bench
        .say(&scene.line("--hosts env:dev --set PORT=8080"))
        .ended(3);
    for host in HOSTS {
        assert!(
            refused
                .err
                .contains(&format!("@{host}: web-1 has port 8080")),
            "{refused:?}"
        );
    }
    let refused = bench.say(&scene.line("--hosts env:dev --set IMAGE=127.0.0.1:9/none:1"));
    refused
        .ended(3)
        .complains("127.0.0.1:9/none:1 is on none of the hosts, and its registry");
    bench
        .say(&scene.line(""))
        .ended(3)
        .complains("say of what, and with --hosts where");
    // Containers that somebody else made are not touched unasked.
    let shop = format!(
        "app deploy shop --file {} --hosts node1 --set PORT=8182 {QUICK}",
        scene.file.display()
    );
    bench
        .say(&shop)
        .ended(3)
        .complains("web-1, worker-1 of this app were made by somebody else");
    let told = bench.say("app releases deploys-b").ended(3);
    told.complains("has no releases yet");
}

/// Kills the program in the middle; another one goes on, as if nothing had happened.
#[test]
fn a_deploy_that_is_killed_is_gone_on_with_by_the_worker() {
    let scene = Scene::new("deploys-c");
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    let bench = &scene.bench;
    bench
        .say(&scene.line("--hosts env:dev --set PORT=8183"))
        .ended(0);
    let line = scene.line("--set PORT=8183 --set GREETING=two --wait 60s");
    let mut child = bench.command(&line).spawn().unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    let is_begun = |name: &String| name.contains("r000002.web");
    while !scene.running().iter().any(is_begun) {
        assert!(Instant::now() < patience, "{:?}", scene.running());
        sleep(Duration::from_millis(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Nobody else may begin meanwhile; what to do is said.
    bench
        .say(&scene.line("--set GREETING=three"))
        .ended(3)
        .complains("`app continue deploys-c --env dev`");
    let told = bench.say("app deploys").ended(0);
    assert!(
        told.out.contains("deploys-c") && told.out.contains("left"),
        "{told:?}"
    );
    bench.say("worker --once").ended(0);
    assert_eq!(scene.running(), scene.wanted(2, 1));
    assert_eq!(
        scene.newest(),
        ("r000002".to_owned(), "succeeded".to_owned())
    );
    assert_eq!(
        bench.say("app deploys -o json").ended(0).json(),
        serde_json::json!([])
    );
}

/// Two services in one network: the second reaches the first as itself, and both come anew when the first changes.
const PAIR: &str = "
services:
  web:
    image: lab/busybox:1
    command:
      - sh
      - -c
      - trap 'exit 0' TERM; mkdir /srv; echo -n $$GREETING >/srv/index.html; httpd -f -p 8080 -h /srv & wait
    environment: {GREETING: '${GREETING:-one}'}
    ports: ['${PORT}:8080']
    stop_grace_period: 1s
  beside:
    image: lab/busybox:1
    network_mode: service:web
    command: [sh, -c, \"trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    healthcheck: {test: [CMD-SHELL, 'test $$(wget -qO- http://127.0.0.1:8080/) = ${GREETING:-one}'], interval: 1s}
    stop_grace_period: 1s
";

#[test]
fn a_service_in_the_network_of_another_comes_anew_with_it() {
    let scene = Scene::new("pair-a");
    let _one = scene.lab.host("node1");
    fs::write(&scene.file, PAIR).unwrap();
    let line = |words: &str| scene.line(&format!("--hosts node1 --set PORT=8197 {words}"));
    let healthy = || {
        let all = scene
            .bench
            .say("container list app:pair-a state:running -o json")
            .ended(0);
        let mut rows: Vec<String> = all
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                format!("{} {} {}", one["name"], one["state"], one["health"]).replace('"', "")
            })
            .collect();
        rows.sort();
        rows
    };
    scene.bench.say(&line("")).ended(0);
    assert_eq!(
        healthy(),
        [
            "pair-a.dev.r000001.beside.1 running healthy",
            "pair-a.dev.r000001.web.1 running null"
        ]
    );
    // Its own words did not change, yet the network that it is in is another one.
    scene.bench.say(&line("--set GREETING=two")).ended(0);
    let now = healthy();
    assert_eq!(now.len(), 2, "{now:?}");
    assert!(
        now[0].ends_with("r000002.beside.1 running healthy"),
        "{now:?}"
    );
    assert!(now[1].ends_with("r000002.web.1 running null"), "{now:?}");
}
