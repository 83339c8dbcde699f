//! Questions: lists, what is shown of one thing, errors and their codes.

use std::time::Duration;

use wharf::sim::Faults;

use crate::bench::Bench;

/// The keys of an object, in the order in which they are written.
fn keys(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.starts_with("    \""));
    lines.filter_map(|line| line.split('"').nth(1)).collect()
}

#[test]
fn hosts_are_listed_for_people_and_machines() {
    let bench = Bench::new();
    let table = bench.say("host list").ended(0);
    let lines = table.lines();
    assert_eq!(lines.len(), 4, "{table:?}");
    assert!(lines[0].starts_with("HOST   STATE     ENV"), "{table:?}");
    assert!(lines[1].contains("ams-1  ● online  prod"), "{table:?}");
    assert!(!table.out.contains('\x1b'), "no colour in a pipe");

    let json = bench.say("host list -o json env:stage").ended(0);
    assert_eq!(
        keys(&json.out),
        [
            "target",
            "name",
            "endpoint",
            "environment",
            "groups",
            "source",
            "read_only",
            "state",
            "since",
            "reason",
            "remedy",
            "way",
            "engine",
            "latency_ms",
            "containers",
            "load",
            "disk",
            "maintenance"
        ]
    );
    let hosts = json.json();
    assert_eq!(hosts[0]["name"], "ams-3");
    assert_eq!(hosts[0]["state"], "online");
    assert_eq!(hosts[0]["containers"]["all"], 6);
    assert!(hosts[0]["engine"]["version"].is_string());

    let names = bench.say("host list -o name").ended(0);
    assert_eq!(names.lines(), ["@ams-1", "@ams-2", "@ams-3"]);
}

#[test]
fn containers_are_filtered_sorted_and_shown_by_column() {
    let bench = Bench::new();
    let all = bench.say("container list --no-header").ended(0);
    assert_eq!(all.lines().len(), 18);
    let some = bench.say("container list host:ams-1 -o name").ended(0);
    assert_eq!(some.lines().len(), 6);
    assert!(some.lines().iter().all(|line| line.ends_with("@ams-1")));
    let sorted = bench
        .say("container list host:ams-1 --columns name --sort -name --no-header")
        .ended(0);
    let mut expected = sorted.lines();
    expected.sort_unstable();
    expected.reverse();
    assert_eq!(sorted.lines(), expected);

    let json = bench.say("container list -o json host:ams-1").ended(0);
    assert_eq!(
        keys(&json.out)[..22],
        [
            "target",
            "host",
            "environment",
            "name",
            "id",
            "image",
            "image_id",
            "app",
            "service",
            "state",
            "health",
            "exit_code",
            "restarts",
            "oom_killed",
            "created",
            "since",
            "ports",
            "networks",
            "trouble",
            "last_line",
            "usage",
            "target"
        ]
    );
}

#[test]
fn samples_are_waited_for_when_a_column_or_a_filter_needs_them() {
    let bench = Bench::new();
    let table = bench
        .say("container list host:ams-1 --columns name,cpu,memory --sort cpu --no-header")
        .ended(0);
    let cpu = |line: &str| {
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    let figures: Vec<f64> = table.lines().into_iter().map(cpu).collect();
    assert_eq!(figures.len(), 6);
    assert!(
        figures.windows(2).all(|pair| pair[0] >= pair[1]),
        "{figures:?}"
    );
    let some = bench.say("container list mem>1 -o name").ended(0);
    assert!(!some.lines().is_empty());
}

#[test]
fn what_hosts_have_beside_containers_is_listed() {
    let bench = Bench::new();
    for (line, column) in [
        ("image list", "IMAGE"),
        ("network list", "NETWORK"),
        ("volume list", "VOLUME"),
    ] {
        let table = bench.say(line).ended(0);
        assert!(table.lines()[0].contains(column), "{table:?}");
        assert!(table.lines().len() > 3, "{table:?}");
        let json = bench
            .say(&format!("{line} -o json host:ams-2"))
            .ended(0)
            .json();
        assert!(
            json.as_array()
                .unwrap()
                .iter()
                .all(|one| one["host"] == "ams-2")
        );
    }
    let used = bench
        .say("image list -o json is:used host:ams-1")
        .ended(0)
        .json();
    assert!(
        used.as_array()
            .unwrap()
            .iter()
            .all(|one| one["used_by"].as_u64() > Some(0))
    );
}

#[test]
fn one_host_and_one_container_are_shown_with_their_facts() {
    let bench = Bench::new();
    let host = bench.say("host show @ams-1").ended(0);
    assert!(host.out.contains("engine       "), "{host:?}");
    let target = bench.running("ams-1");
    let shown = bench.say(&format!("container show {target}")).ended(0);
    assert!(shown.lines()[0].starts_with("container"), "{shown:?}");
    assert!(shown.out.contains("environment\n  "), "{shown:?}");
    let json = bench
        .say(&format!("container show {target} -o json"))
        .ended(0)
        .json();
    assert_eq!(json[0]["container"]["target"], target.as_str());
    assert!(json[0]["inspection"]["HostConfig"].is_object());
    let top = bench.say(&format!("container top {target}")).ended(0);
    assert!(top.lines()[0].contains("PID"), "{top:?}");
    let changes = bench
        .say(&format!("container changes {target} -o json"))
        .ended(0);
    assert!(
        changes
            .json()
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["path"].is_string())
    );
}

#[test]
fn secrets_are_masked_until_revealed_and_revealing_is_recorded() {
    let bench = Bench::new();
    let all = bench.say("container list -o name").ended(0);
    let with_secret = all.lines().into_iter().find(|target| {
        let shown = bench.say(&format!("container show {target}")).ended(0);
        shown.out.contains("=****")
    });
    let target = with_secret.expect("the sim has containers with secrets");
    bench.say("audit list -o json").ended(0);
    let masked = bench.say(&format!("container show {target}")).ended(0);
    let line = format!("container show {target} --reveal --reason 'to compare'");
    let revealed = bench.say(&line).ended(0);
    assert!(!revealed.out.contains("=****"), "{revealed:?}");
    assert_ne!(masked.out, revealed.out);
    let acts = bench.say("audit list -o json").ended(0).json();
    assert_eq!(acts.as_array().unwrap().len(), 1);
    assert_eq!(
        acts[0]["sentence"],
        format!("container show {target} --reveal")
    );
    assert_eq!(acts[0]["reason"], "to compare");
}

#[test]
fn a_host_that_is_gone_is_told_and_the_rest_is_answered() {
    let bench = Bench::new();
    bench.sim.set_faults(
        "ams-2",
        Faults {
            refuse: true,
            ..Faults::default()
        },
    );
    let list = bench.say("container list -o name").ended(4);
    assert_eq!(list.lines().len(), 12);
    assert!(
        list.err.starts_with("wharf: ams-2 could not be asked: "),
        "{list:?}"
    );
    let hosts = bench.say("host list -o json state:offline").ended(0).json();
    assert_eq!(hosts[0]["name"], "ams-2");
    assert!(hosts[0]["remedy"].is_string());
    bench.say("container list -o name -H ams-1").ended(0);
    bench.say("container stop web@ams-2 --yes").ended(4);
    bench.say("host show @ams-2").ended(4);
}

#[test]
fn a_host_that_says_nothing_is_given_up_in_time() {
    let bench = Bench::new();
    bench.sim.set_faults(
        "ams-3",
        Faults {
            freeze: true,
            ..Faults::default()
        },
    );
    let start = std::time::Instant::now();
    let list = bench.say("container list -o name --timeout 2").ended(4);
    assert_eq!(list.lines().len(), 12);
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn only_hosts_that_can_be_meant_are_asked() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let requests = |host: &str| bench.sim.engine(host).unwrap().requests();
    let before = (requests("ams-1"), requests("ams-2"));
    bench.say(&format!("container show {target}")).ended(0);
    assert!(requests("ams-1") > before.0);
    assert_eq!(requests("ams-2"), before.1);
}

#[test]
fn what_is_no_sentence_is_refused_with_a_suggestion() {
    let bench = Bench::new();
    bench
        .say("container restrat x")
        .ended(2)
        .complains("'restart'");
    bench
        .say("container list --colums name")
        .ended(2)
        .complains("--columns");
    bench
        .say("container list --columns nme")
        .ended(2)
        .complains("they have host, environment");
    bench
        .say("container list /a(/")
        .ended(2)
        .complains("unclosed group");
    bench
        .say("container stop")
        .ended(2)
        .complains("as in `container stop web@ams-1`");
    bench
        .say("container stop nothing@ams-1 --yes")
        .ended(3)
        .complains("no container is");
    bench
        .say("container stop x@ams-9 --yes")
        .ended(3)
        .complains("did you mean ams-1");
}

#[test]
fn the_console_is_not_opened_without_a_terminal() {
    let bench = Bench::new();
    bench
        .say("")
        .ended(2)
        .complains("are no terminal, and the console needs one");
    bench
        .say("demo")
        .ended(2)
        .complains("are no terminal, and the console needs one");
    bench
        .say("host login @ams-1")
        .ended(2)
        .complains("needs a terminal");
}

#[test]
fn apps_are_listed_and_shown_with_their_replicas() {
    let bench = Bench::new();
    let all = bench.say("app list -o json").ended(0).json();
    let all = all.as_array().unwrap();
    let apps = bench.say("container list -o json").ended(0).json();
    let wanted: std::collections::BTreeSet<&str> = apps
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["app"].as_str())
        .collect();
    let found: std::collections::BTreeSet<&str> =
        all.iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(!found.is_empty() && found == wanted, "{found:?} {wanted:?}");
    let first = &all[0];
    let (name, env) = (
        first["name"].as_str().unwrap(),
        first["environment"].as_str().unwrap(),
    );
    let shown = bench
        .say(&format!("app show {name} --env {env} -o name"))
        .ended(0);
    let replicas = first["services"].as_array().unwrap().iter();
    let replicas: usize = replicas
        .map(|one| one["replicas"].as_array().unwrap().len())
        .sum();
    let lines = shown.lines();
    assert_eq!(lines[0], name);
    assert_eq!(
        lines.iter().filter(|line| line.contains('@')).count(),
        replicas
    );
    let table = bench.say(&format!("app show {name}")).ended(0);
    assert!(table.lines()[0].starts_with("APP"), "{table:?}");
    bench
        .say("app show nothing-like-that")
        .ended(1)
        .complains("no app is called nothing-like-that");
    bench.say("app list --columns nothing").ended(2);
}
