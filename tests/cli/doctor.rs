//! `host doctor` from a shell: on healthy hosts, and on each kind of sick one that the lab has.

use std::fs;

use serde_json::Value;
use wharf_lab::Lab;

use crate::bench::{Answer, Bench};

/// A bench whose hosts are reached with the lab's `ssh_config`.
fn bench(lab: &Lab) -> Bench {
    let bench = Bench::new();
    let config = lab.ssh_config().display().to_string();
    fs::write(bench.file(), format!("[ssh]\nconfig = \"{config}\"\n")).unwrap();
    bench
}

fn doctor(bench: &Bench, alias: &str) -> Answer {
    bench.say(&format!("-H ssh://{alias} -o json host doctor {alias}"))
}

/// The findings of the only host.
#[track_caller]
fn findings(answer: &Answer) -> Vec<Value> {
    answer.json()["steps"][0]["findings"]
        .as_array()
        .unwrap()
        .clone()
}

/// The finding that ended the way: its check, what was seen, the remedy.
#[track_caller]
fn failed(answer: &Answer) -> (String, String, String) {
    let all = findings(answer);
    let at = all.iter().position(|one| one["mark"] == "failed").unwrap();
    assert!(all[at + 1..].iter().all(|one| one["mark"] == "not-reached"));
    let text = |key: &str| all[at][key].as_str().unwrap().to_owned();
    (text("check"), text("saw"), text("remedy"))
}

#[track_caller]
fn marks(answer: &Answer, check: &str) -> Vec<String> {
    let all = findings(answer);
    let of_check = all.iter().filter(|one| one["check"] == check);
    of_check
        .map(|one| one["mark"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_healthy_host_is_walked_to_its_disk() {
    let lab = Lab::shared();
    let _node = lab.host("node1");
    let answer = doctor(&bench(&lab), "node1").ended(0);
    let all = findings(&answer);
    let checks: Vec<&str> = all
        .iter()
        .map(|one| one["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        checks,
        [
            "configuration",
            "name",
            "tcp",
            "host-key",
            "login",
            "session",
            "socket",
            "access",
            "forwarding",
            "engine",
            "api",
            "clock",
            "disk"
        ]
    );
    for one in &all {
        assert_eq!(one["mark"], "ok", "{one}");
        assert_eq!(one["remedy"], "", "{one}");
    }
    let saw = |check: &str| {
        let one = all.iter().find(|one| one["check"] == check).unwrap();
        one["saw"].as_str().unwrap().to_owned()
    };
    assert!(saw("host-key").contains("SHA256:"));
    assert!(saw("login").contains("ops is let in by publickey"));
    assert!(saw("api").contains("Wharf 1.24 to"));
    assert!(saw("disk").contains("/run/lab/docker"));
}

#[test]
fn each_hop_is_walked() {
    let lab = Lab::shared();
    let (_jump, _node) = (lab.host("node1"), lab.host("node3"));
    let bench = bench(&lab);
    let answer = doctor(&bench, "node3").ended(0);
    for check in ["name", "tcp", "host-key", "login"] {
        assert_eq!(marks(&answer, check), ["ok", "ok"], "{check}");
    }
    let refused = doctor(&bench, "bad-jump-key").ended(4);
    let (check, saw, _) = failed(&refused);
    assert_eq!(check, "host-key");
    assert!(saw.contains("the jump host"), "{saw}");
}

#[test]
fn where_forwarding_is_forbidden_that_is_a_warning() {
    let lab = Lab::shared();
    let _node = lab.host("node4");
    let answer = doctor(&bench(&lab), "node4").ended(0);
    assert_eq!(marks(&answer, "forwarding"), ["warning"]);
    assert_eq!(marks(&answer, "engine"), ["ok"]);
}

#[test]
fn a_sick_host_is_told_where_and_what_to_do() {
    let lab = Lab::shared();
    let _node = lab.host("node1");
    let bench = bench(&lab);
    for (alias, check, saw, remedy) in [
        ("bad-dns", "name", "cannot be resolved", "spelling"),
        ("bad-refused", "tcp", "Connection refused", "sshd runs"),
        (
            "bad-unknown-key",
            "host-key",
            "is not known",
            "compare the fingerprint",
        ),
        (
            "bad-changed-key",
            "host-key",
            "is not the one in known_hosts",
            "ssh-keygen",
        ),
        (
            "bad-auth",
            "login",
            "accepts none of our keys",
            "authorized_keys",
        ),
        (
            "needs-password",
            "login",
            "asks for a password",
            "host login",
        ),
        (
            "bad-group",
            "access",
            "guest may not use",
            "usermod -aG docker guest",
        ),
        (
            "bad-nodocker",
            "socket",
            "there is no Docker",
            "host install",
        ),
        (
            "bad-daemon-down",
            "engine",
            "no daemon listens",
            "systemctl start docker",
        ),
    ] {
        let answer = doctor(&bench, alias).ended(4);
        let found = failed(&answer);
        assert_eq!(found.0, check, "{alias}: {found:?}");
        assert!(found.1.contains(saw), "{alias}: {found:?}");
        assert!(found.2.contains(remedy), "{alias}: {found:?}");
    }
}

#[test]
fn a_host_that_never_says_a_word_has_an_end() {
    let lab = Lab::shared();
    let _node = lab.host("node1");
    let answer = doctor(&bench(&lab), "bad-hung").ended(4);
    let (check, saw, _) = failed(&answer);
    assert_eq!(check, "tcp");
    assert!(saw.contains("no sshd greets there"), "{saw}");
}

#[test]
fn an_account_without_a_shell_is_seen_as_far_as_can_be() {
    let lab = Lab::shared();
    let _node = lab.host("node1");
    let answer = doctor(&bench(&lab), "bad-nologin").ended(0);
    assert_eq!(marks(&answer, "session"), ["warning"]);
    assert_eq!(marks(&answer, "access"), ["skipped"]);
    assert_eq!(marks(&answer, "engine"), ["ok"]);
}

#[test]
fn engines_without_ssh_have_their_own_steps() {
    let lab = Lab::shared();
    let (_plain, _tls) = (lab.host("plain"), lab.host("tls"));
    let bench = Bench::new();
    let dir = lab.dir().display();
    let secure = lab.engine("tls").replace("tcp://", "https://");
    let host = |name: &str, endpoint: &str, more: &str| {
        format!("[[host]]\nname = \"{name}\"\nendpoint = \"{endpoint}\"\n{more}\n")
    };
    let text = [
        host("sock", &lab.engine("unix"), ""),
        host("gone", &format!("unix://{dir}/nothing.sock"), ""),
        host("plain", &lab.engine("tcp"), ""),
        host("tls", &secure, &format!("tls = \"{dir}/tls\"")),
        host("stranger", &secure, &format!("tls = \"{dir}/tls-other\"")),
    ];
    fs::write(bench.file(), text.concat()).unwrap();
    let of = |name: &str, code: i32| {
        bench
            .say(&format!("-o json host doctor {name}"))
            .ended(code)
    };
    assert_eq!(marks(&of("sock", 0), "access"), ["ok"]);
    assert_eq!(failed(&of("gone", 4)).0, "socket");
    assert_eq!(marks(&of("plain", 0), "certificate"), ["warning"]);
    // The lab's certificates last a week, which is soon over.
    let tls = of("tls", 0);
    assert_eq!(marks(&tls, "certificate"), ["warning"]);
    let told = findings(&tls);
    let told = told
        .iter()
        .find(|one| one["check"] == "certificate")
        .unwrap();
    assert!(
        told["remedy"]
            .as_str()
            .unwrap()
            .contains("renew the engine's")
    );
    let (check, saw, _) = failed(&of("stranger", 4));
    assert_eq!(check, "certificate");
    assert!(
        saw.contains("does not accept our client certificate"),
        "{saw}"
    );
}

#[test]
fn several_hosts_are_told_one_after_the_other() {
    let bench = Bench::new();
    let gone = "-H ams-1 -H x=unix:///nothing.sock -H ams-2 host doctor '*'";
    let answer = bench
        .say(gone)
        .ended(4)
        .complains("1 of 3 hosts cannot be used");
    let heads: Vec<&str> = answer
        .lines()
        .into_iter()
        .filter(|line| line.starts_with('@'))
        .collect();
    assert_eq!(heads.len(), 3, "{answer:?}");
    let groups: Vec<&str> = answer.out.split('@').skip(1).collect();
    for group in groups {
        let is_gone = group.starts_with("x\n");
        assert_eq!(group.contains("✗ failed"), is_gone, "{group}");
        assert!(group.contains("usable") || is_gone, "{group}");
    }
    assert_eq!(
        bench.say("audit list -o json").ended(0).json(),
        serde_json::json!([])
    );
}

#[test]
fn a_checkup_is_allowed_where_nothing_may_be_changed() {
    let bench = Bench::new();
    let answer = bench.say("--read-only host doctor @ams-1").ended(0);
    assert!(answer.out.contains("all is well"), "{answer:?}");
    bench.say("host doctor @nobody").ended(3);
    bench.say("host doctor").ended(2);
}
