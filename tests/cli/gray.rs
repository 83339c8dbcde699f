//! Deploys behind Debian's HAProxy on real hosts over real ssh, under load: nothing is lost, whatever goes wrong.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;
use wharf_lab::Lab;

use crate::{
    app::{Load, failed, from},
    bench::{Answer, Bench},
    proxy::Proxy,
};

/// A small web server: it says its release; it may never be found well, die after a while, or answer with errors.
const APP: &str = "
services:
  web:
    image: lab/busybox:1
    command:
      - sh
      - -c
      - |
        trap 'exit 0' TERM
        mkdir -p /srv/cgi-bin
        test $$SICK = 1 || echo ok >/srv/healthz
        if test $$BAD = 1; then
          echo '#!/bin/sh' >/srv/cgi-bin/index.cgi
          echo \"echo 'HTTP/1.0 500 Bad'; echo; echo\" >>/srv/cgi-bin/index.cgi
          chmod 755 /srv/cgi-bin/index.cgi
        else
          echo -n $$RELEASE >/srv/index.html
        fi
        httpd -f -p 80 -h /srv & WEB=$$!
        test $$CRASH = 0 && wait
        sleep $$CRASH & wait $$!
        kill $$WEB; sleep 0.5; exit 3
    environment: {RELEASE: '${RELEASE}', SICK: '${SICK:-0}', CRASH: '${CRASH:-0}', BAD: '${BAD:-0}'}
    stop_grace_period: 1s
    restart: unless-stopped
    x-wharf:
      balancer: {backend: shop_stable, canary: shop_canary, key: shop, port: 80, host_port: '${PORT}', drain: 5s}
";

const HOSTS: [&str; 2] = ["node1", "node2"];

/// Two hosts of the lab behind a balancer on this machine.
pub(crate) struct Scene {
    pub(crate) bench: Bench,
    pub(crate) proxy: Proxy,
    file: PathBuf,
    pub(crate) lab: Lab,
    pub(crate) runtime: Runtime,
    port: u16,
}

impl Scene {
    pub(crate) fn new(port: u16) -> Self {
        let lab = Lab::shared();
        let bench = Bench::new();
        let proxy = Proxy::start(8, 4);
        let entry = |host: &&str| {
            format!(
                "[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"gray-{port}\"\n"
            )
        };
        let hosts: String = HOSTS.iter().map(entry).collect();
        let text = format!(
            "[ssh]\nconfig = \"{}\"\n{hosts}[[balancer]]\nname = \"edge\"\nsocket = \"{}\"\nmap = \"{}\"\n\
             state = \"{}\"\nenvironment = \"gray-{port}\"\n",
            lab.ssh_config().display(),
            proxy.text("admin.sock"),
            proxy.text("canary.map"),
            proxy.text("ops.state"),
        );
        fs::write(bench.file(), text).unwrap();
        let file = bench.home().join("compose.yaml");
        fs::write(&file, APP).unwrap();
        let scene = Self {
            bench,
            proxy,
            file,
            lab,
            runtime: Runtime::new().unwrap(),
            port,
        };
        scene.clear();
        scene
    }

    /// `app deploy` of the file, with these words besides.
    pub(crate) fn line(&self, release: u32, words: &str) -> String {
        format!(
            "app deploy gray-{} --env gray-{} --file {} --set PORT={} --set RELEASE=v{release} --settle 0s --yes {words}",
            self.port,
            self.port,
            self.file.display(),
            self.port
        )
    }

    pub(crate) fn say(&self, line: &str) -> Answer {
        let start = Instant::now();
        let answer = self.bench.say(line);
        eprintln!("{:?}: {line}: {answer:?}", start.elapsed());
        answer
    }

    pub(crate) fn load(&self, clients: usize) -> Load {
        let _inside = self.runtime.enter();
        Load::start(&self.proxy.path("front.sock"), clients)
    }

    /// What the balancer has counted: requests of the stable backend and of the other one.
    fn counted(&self) -> (u64, u64) {
        let shown = self.say("balancer show edge -o json").ended(0).json();
        let of = |name: &str| {
            let all = shown["backends"].as_array().unwrap().iter();
            let one = all.clone().find(|one| one["name"] == name).unwrap();
            one["counters"]["requests"].as_u64().unwrap()
        };
        (of("shop_stable"), of("shop_canary"))
    }

    /// The servers that take requests.
    pub(crate) fn serving(&self, backend: &str) -> usize {
        let shown = self
            .say(&format!("balancer show edge {backend} -o json"))
            .ended(0)
            .json();
        let slots = shown["backends"][0]["slots"].as_array().unwrap().clone();
        slots.iter().filter(|slot| slot["admin"] == "ready").count()
    }

    /// Takes everything of this test's app away, which has a port of its own.
    fn clear(&self) {
        // Nobody else has them alone meanwhile.
        let _hosts = HOSTS.map(|host| self.lab.host(host));
        for host in HOSTS {
            let docker = |words: &[&str]| self.lab.command(&[&["docker", host], words].concat());
            let mine = format!("label=io.wharf.environment=gray-{}", self.port);
            for id in docker(&["ps", "-aq", "--filter", &mine]).split_whitespace() {
                docker(&["rm", "-f", "-v", id]);
            }
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Ten releases under load: two are never found well, one dies after a while (what it had begun to answer it ends before:
/// no balancer can take back half an answer), and three times the program is killed in
/// the middle and another one goes on.
#[test]
fn ten_releases_under_load_lose_no_request() {
    let scene = Scene::new(18100);
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    scene
        .say(&scene.line(0, "--hosts node1,node2 --bake 0s"))
        .ended(0);
    assert_eq!(scene.serving("shop_stable"), 2);
    let load = scene.load(4);
    let mut good = 0;
    for release in 1..=10 {
        match release {
            3 | 6 => {
                let line = scene.line(release, "--set SICK=1 --deadline 4s");
                let ended = scene.say(&line).ended(1);
                ended.complains("edge to find it up");
            }
            8 => {
                let line = scene.line(release, "--set CRASH=20 --bake 30s");
                scene.say(&line).ended(1).complains("was well and is not");
            }
            2 | 5 | 9 => {
                let line = scene.line(release, "--bake 1s");
                let mut child = scene.bench.command(&line).spawn().unwrap();
                sleep(Duration::from_millis(500 + u64::from(release) * 290));
                child.kill().unwrap();
                child.wait().unwrap();
                let env = format!("--env gray-{}", scene.port);
                let open = scene.say("app deploys -o json").ended(0).json();
                if open.as_array().unwrap().is_empty() {
                    // It was killed before it had begun, or when it had ended.
                    scene.say(&scene.line(release, "--bake 0s --reason again"));
                } else {
                    scene
                        .say(&format!("app continue gray-18100 {env} --yes"))
                        .ended(0);
                }
                good = release;
            }
            _ => {
                scene.say(&scene.line(release, "--bake 0s")).ended(0);
                good = release;
            }
        }
        assert_eq!(scene.serving("shop_stable"), 2, "release {release}");
        let now = scene
            .runtime
            .block_on(crate::app::ask(&scene.proxy.path("front.sock"), 20, ""));
        assert_eq!(from(&now, &format!("v{good}")), 20, "{release}: {now:?}");
    }
    let answers = scene.runtime.block_on(load.stop());
    eprintln!("{answers:?}");
    assert!(answers.values().sum::<u64>() > 1000, "{answers:?}");
    assert_eq!(failed(&answers), 0, "{answers:?}");
}

/// A share of the requests is what was asked for; a release that answers with errors goes back, and one of which too
/// little is known waits.
#[test]
fn a_gray_release_is_judged_by_what_its_clients_are_answered() {
    let scene = Scene::new(18200);
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    scene
        .say(&scene.line(1, "--hosts node1,node2 --bake 0s"))
        .ended(0);
    let gray = "--bake 0s --canary 30 --every 12s --requests 300";
    // Nobody asks for anything: nothing is known of it, and nothing is promoted.
    let unsure = scene
        .say(&scene.line(2, "--bake 0s --canary 30 --every 3s --requests 300"))
        .ended(1);
    unsure.complains("`app promote` brings it everywhere");
    let shares = scene.say("balancer show edge -o json").ended(0).out;
    assert!(shares.contains("30"), "{shares}");
    let env = format!("--env gray-{}", scene.port);
    scene
        .say(&format!("app abort gray-18200 {env} --yes"))
        .ended(1);
    assert_eq!(
        (scene.serving("shop_stable"), scene.serving("shop_canary")),
        (2, 0)
    );

    // As good as the old one: its share is that, and then it is everywhere.
    let load = scene.load(4);
    let before = scene.counted();
    let line = scene.line(3, gray);
    let mut child = scene.bench.command(&line).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(40);
    while scene.serving("shop_canary") == 0 {
        assert!(Instant::now() < patience, "no canary");
        sleep(Duration::from_millis(100));
    }
    sleep(Duration::from_secs(1));
    let first = scene.counted();
    sleep(Duration::from_secs(8));
    let last = scene.counted();
    let (stable, canary) = (last.0 - first.0, last.1 - first.1);
    let share = canary * 1000 / (stable + canary);
    assert!(
        (280..=320).contains(&share),
        "{share} of 1000, of {stable} + {canary}"
    );
    assert!(child.wait().unwrap().success());
    let answers = scene.runtime.block_on(load.stop());
    assert_eq!(failed(&answers), 0, "{answers:?}");
    assert!(
        from(&answers, "v3") > 0 && first.0 > before.0,
        "{answers:?}"
    );
    assert_eq!(
        (scene.serving("shop_stable"), scene.serving("shop_canary")),
        (2, 0)
    );

    // One that answers with errors.
    let load = scene.load(4);
    let worse = scene
        .say(&scene.line(4, &format!("{gray} --set BAD=1")))
        .ended(1);
    worse.complains("answers with an error (5xx)");
    let answers = scene.runtime.block_on(load.stop());
    let bad = failed(&answers) * 1000 / answers.values().sum::<u64>();
    assert!((1..320).contains(&bad), "{answers:?}");
    assert_eq!(
        (scene.serving("shop_stable"), scene.serving("shop_canary")),
        (2, 0)
    );
    let releases = scene
        .say(&format!("app releases gray-18200 {env} -o json"))
        .ended(0)
        .json();
    assert_eq!(releases[0]["phase"], "rolled-back");
}
