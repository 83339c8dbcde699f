//! Deploys behind Debian's nginx on real hosts over real ssh, under load: a release and a canary's share lose nothing.

use std::{fs, path::PathBuf, time::Instant};

use tokio::runtime::Runtime;
use wharf::model::BalancerKind;
use wharf_lab::Lab;

use crate::{
    app::{Load, ask, failed, from},
    bench::{Answer, Bench},
    web::Web,
};

const APP: &str = "
services:
  web:
    image: lab/busybox:1
    command:
      - sh
      - -c
      - trap 'exit 0' TERM; mkdir /srv; echo -n $$RELEASE >/srv/index.html; httpd -f -p 80 -h /srv & wait
    environment: {RELEASE: '${RELEASE}'}
    stop_grace_period: 1s
    restart: unless-stopped
    x-wharf:
      balancer: {backend: shop_stable, canary: shop_canary, key: shop, port: 80, host_port: 18400, drain: 5s}
";

const HOSTS: [&str; 2] = ["node1", "node2"];

struct Scene {
    bench: Bench,
    web: Web,
    file: PathBuf,
    lab: Lab,
    runtime: Runtime,
}

impl Scene {
    fn new() -> Self {
        let (lab, bench, web) = (Lab::shared(), Bench::new(), Web::start());
        let entry = |host: &&str| {
            format!(
                "[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"nginx\"\n"
            )
        };
        let hosts: String = HOSTS.iter().map(entry).collect();
        let spec = web.spec();
        let BalancerKind::Nginx(own) = &spec.kind else {
            panic!("{spec:?}")
        };
        let text = format!(
            "[ssh]\nconfig = \"{}\"\n{hosts}[[balancer]]\nname = \"web\"\nkind = \"nginx\"\nenvironment = \"nginx\"\n\
             config = \"{}\"\ncheck = \"{}\"\nreload = \"{}\"\npid = \"{}\"\n",
            lab.ssh_config().display(),
            own.file,
            own.check,
            own.reload,
            own.pid,
        );
        fs::write(bench.file(), text).unwrap();
        let file = bench.home().join("compose.yaml");
        fs::write(&file, APP).unwrap();
        let scene = Self {
            bench,
            web,
            file,
            lab,
            runtime: Runtime::new().unwrap(),
        };
        scene.clear();
        scene
    }

    fn say(&self, line: &str) -> Answer {
        let start = Instant::now();
        let answer = self.bench.say(line);
        eprintln!("{:?}: {line}: {answer:?}", start.elapsed());
        answer
    }

    fn deploy(&self, release: u32, words: &str) -> Answer {
        self.say(&format!(
            "app deploy proxied --env nginx --file {} --set RELEASE=v{release} --settle 0s --bake 0s --yes {words}",
            self.file.display()
        ))
    }

    fn ask(&self, times: u64) -> crate::app::Answers {
        let front = self.web.path("front.sock");
        self.runtime
            .block_on(ask(&front, times, "Connection: close\r\n"))
    }

    fn clear(&self) {
        for host in HOSTS {
            let docker = |words: &[&str]| self.lab.command(&[&["docker", host], words].concat());
            let mine = "label=io.wharf.environment=nginx";
            for id in docker(&["ps", "-aq", "--filter", mine]).split_whitespace() {
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

#[test]
fn a_release_and_a_share_behind_nginx_lose_no_request() {
    let scene = Scene::new();
    let _hosts = HOSTS.map(|host| scene.lab.host(host));
    scene
        .say("balancer list")
        .ended(0)
        .says("nginx 1.")
        .says("2 workers");
    scene.deploy(1, "--hosts node1,node2").ended(0);
    assert_eq!(from(&scene.ask(20), "v1"), 20);
    let load = {
        let _inside = scene.runtime.enter();
        Load::start(&scene.web.path("front.sock"), 4)
    };
    scene.deploy(2, "").ended(0);
    assert_eq!(from(&scene.ask(20), "v2"), 20);

    // Nobody counts its requests, so nobody promotes it: a person does.
    scene
        .deploy(3, "--canary 30 --every 1s")
        .ended(1)
        .complains("nginx counts no requests")
        .complains("`app promote` brings it everywhere");
    let answers = scene.ask(1000);
    let share = from(&answers, "v3");
    assert!((230..370).contains(&share), "{share} of 1000: {answers:?}");
    scene.say("app promote proxied --env nginx --yes").ended(0);
    assert_eq!(from(&scene.ask(20), "v3"), 20);
    scene
        .say("balancer save web --yes")
        .ended(1)
        .says("no reload forgets it");
    scene.say("balancer check web").ended(0);
    let answers = scene.runtime.block_on(load.stop());
    eprintln!("{answers:?}");
    assert!(answers.values().sum::<u64>() > 1000, "{answers:?}");
    assert_eq!(failed(&answers), 0, "{answers:?}");
    let shown = scene
        .say("balancer show web shop_stable -o json")
        .ended(0)
        .json();
    assert_eq!(shown["backends"][0]["slots"].as_array().unwrap().len(), 2);
    assert_eq!(shown["shares"]["shop"], "0");
}
