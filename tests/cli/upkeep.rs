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
