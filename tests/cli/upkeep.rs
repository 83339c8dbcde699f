//! A host is drained and activated from a shell: a real host over ssh, behind Debian's HAProxy.

use std::fs;

use serde_json::Value;
use wharf_lab::Lab;

use crate::{
    bench::{Bench, until},
    proxy::Proxy,
};

/// Two servers at the address of a host's own web server.
fn config(dir: &std::path::Path, address: &str) -> String {
    format!(
        "global\n  stats socket {0}/admin.sock mode 660 level admin\n  server-state-file {0}/ops.state\n\
         defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n\
         frontend app\n  bind unix@{0}/app.sock\n  default_backend shop\n\
         backend shop\n  default-server check inter 200ms fall 2 rise 1\n  server one {address}:8080\n  \
         server other 127.0.0.1:9\n",
        dir.display()
    )
}

/// The address of a lab's host.
fn address(lab: &Lab, host: &str) -> String {
    let text = fs::read_to_string(lab.ssh_config()).unwrap();
    let mut lines = text
        .lines()
        .skip_while(|line| *line != format!("Host {host}"));
    let line = lines.nth(1).unwrap();
    line.trim().strip_prefix("HostName ").unwrap().to_owned()
}

fn running(bench: &Bench) -> Vec<String> {
    let all = bench
        .say("container list host:node2 state:running -o json")
        .ended(0)
        .json();
    let mut names: Vec<String> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// What is wanted of the host's server.
fn admin(bench: &Bench) -> String {
    let told = bench.say("balancer show edge shop -o json").ended(0).json();
    let slots = told["backends"][0]["slots"].as_array().unwrap().iter();
    let mut own = slots.filter(|slot| slot["name"] == "shop/one");
    own.next().unwrap()["admin"].as_str().unwrap().to_owned()
}

#[test]
fn a_host_is_drained_and_comes_back_as_it_was() {
    let lab = Lab::shared();
    let _two = lab.disturb("node2");
    let bench = Bench::new();
    let proxy = Proxy::with(|dir| config(dir, &address(&lab, "node2")));
    let text = format!(
        "[ssh]\nconfig = \"{}\"\n[[host]]\nname = \"node2\"\nendpoint = \"ssh://node2\"\nenvironment = \"dev\"\n\
         [[balancer]]\nname = \"edge\"\nsocket = \"{}\"\n",
        lab.ssh_config().display(),
        proxy.text("admin.sock"),
    );
    fs::write(bench.file(), text).unwrap();
    until("its check finds the host", || {
        proxy.raw("show stat").contains("L4OK") || proxy.raw("show stat").contains(",UP,")
    });
    let before = running(&bench);
    assert!(before.contains(&"web-1".to_owned()), "{before:?}");
    // The plan names what stops, and what is left without a server; nothing is done before it is confirmed.
    let planned = bench
        .say("host drain @node2 --wait 5 --reason 'a new kernel' --dry-run")
        .ended(0);
    for part in ["web-1", "edge: shop: all its traffic", "edge:shop/one"] {
        let json = bench
            .say("host drain @node2 --wait 5 --dry-run -o json")
            .ended(0);
        assert!(
            planned.out.contains(part) || json.out.contains(part),
            "{part}: {planned:?} {json:?}"
        );
    }
    assert_eq!(running(&bench), before);
    bench
        .say("host drain @node2 --wait 5 --reason 'a new kernel' --yes")
        .ended(0);
    assert!(running(&bench).is_empty());
    assert_eq!(admin(&bench), "drain");
    // Everybody sees it, and nothing is deployed to it.
    bench.say("host list").ended(0).says("maintenance");
    let told = bench.say("host list -o json").ended(0).json();
    assert_eq!(
        told[0]["maintenance"]["reason"],
        Value::from("a new kernel"),
        "{told}"
    );
    let file = bench.home().join("compose.yaml");
    fs::write(
        &file,
        "services: {web: {image: 'lab/busybox:1', command: [sleep, '60']}}\n",
    )
    .unwrap();
    let deploy = format!(
        "app deploy upkeep --file {} --hosts node2 --yes",
        file.display()
    );
    bench
        .say(&deploy)
        .ended(3)
        .complains("node2 is in maintenance since");
    // An engine without containers can be upgraded; this one is the newest that there is, or says why not.
    bench
        .say("host drain @node2 --yes")
        .ended(3)
        .complains("in maintenance already");
    bench.say("host activate @node2 --wait 20 --yes").ended(0);
    assert_eq!(running(&bench), before);
    assert_eq!(admin(&bench), "ready");
    let told = bench.say("host list -o json").ended(0).json();
    assert_eq!(told[0]["maintenance"], Value::Null, "{told}");
    let acts = bench.say("audit list -o json").ended(0).json().to_string();
    assert!(
        acts.contains("host drain @node2 --wait 5") && acts.contains("host activate @node2"),
        "{acts}"
    );
}

/// An app of which two are wanted, and one that keeps what it writes.
const APP: &str = "
services:
  web:
    image: lab/busybox:1
    command: [sh, -c, \"trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    stop_grace_period: 1s
    healthcheck: {test: [CMD-SHELL, 'true'], interval: 1s}
    deploy: {replicas: 2}
  db:
    image: lab/busybox:1
    command: [sh, -c, \"trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    stop_grace_period: 1s
    healthcheck: {test: [CMD-SHELL, 'true'], interval: 1s}
    volumes: ['kept:/data']
    deploy: {replicas: 1, placement: {constraints: [node.hostname==node2]}}
volumes: {kept: {}}
";

/// Where the services of the app run.
fn places(bench: &Bench) -> Vec<String> {
    let line = "container list app:moves state:running -o json";
    let all = bench.say(line).ended(0).json();
    let mut rows: Vec<String> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            format!("{} {}", text("service"), text("host"))
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn replicas_of_a_drained_host_run_elsewhere_until_it_is_back() {
    let lab = Lab::shared();
    let _one = lab.host("node1");
    let _two = lab.disturb("node2");
    let bench = Bench::new();
    let entry = |host: &&str| {
        format!("[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"dev\"\n")
    };
    let hosts: String = ["node1", "node2"].iter().map(entry).collect();
    let text = format!(
        "[ssh]\nconfig = \"{}\"\n{hosts}",
        lab.ssh_config().display()
    );
    fs::write(bench.file(), text).unwrap();
    let file = bench.home().join("compose.yaml");
    fs::write(&file, APP).unwrap();
    let line = format!(
        "app deploy moves --file {} --hosts node1,node2 --bake 0s --settle 1s --yes",
        file.display()
    );
    bench.say(&line).ended(0);
    let before = ["db node2", "web node1", "web node2"];
    assert_eq!(places(&bench), before);
    let planned = bench.say("host drain @node2 --dry-run").ended(0);
    for part in [
        "moves in dev: web.1@node2 → web.2@node1",
        "moves in dev: db.1@node2 stops: what it wrote to /data is there",
    ] {
        assert!(planned.out.contains(part), "{part}: {planned:?}");
    }
    bench.say("host drain @node2 --yes").ended(0);
    assert_eq!(places(&bench), ["web node1", "web node1"]);
    let shown = bench.say("app list -o json").ended(0).json();
    let own = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "moves");
    assert_eq!(
        own.unwrap()["deployed"]["release"],
        Value::from(2),
        "{shown}"
    );
    bench.say("host activate @node2 --yes").ended(0);
    assert_eq!(places(&bench), before);
    // What stops instead, if that is wished.
    let stops = bench
        .say("host drain @node2 --replicas stop --dry-run")
        .ended(0);
    assert!(!stops.out.contains("web.2@node1"), "{stops:?}");
    for host in ["node1", "node2"] {
        let gone = lab.command(&[
            "docker",
            host,
            "ps",
            "-aq",
            "--filter",
            "label=io.wharf.app=moves",
        ]);
        let ids: Vec<&str> = gone.split_whitespace().collect();
        let mut words = vec!["docker", host, "rm", "-fv"];
        words.extend(ids);
        lab.command(&words);
    }
}
