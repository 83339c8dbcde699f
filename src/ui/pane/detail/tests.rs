//! The detail of a container on screens of two sizes, tab by tab, and when it is gone.
#![expect(clippy::unwrap_used, reason = "tests")]

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::{
    model::{Event, Link, State},
    ui::{look::width, pane::stage},
};

fn inspection() -> Value {
    json!({
        "Id": "a".repeat(64),
        "Created": "2025-06-11T09:31:00.123456789Z",
        "Name": "/api-1",
        "Image": format!("sha256:{}", "b".repeat(64)),
        "RestartCount": 3,
        "Platform": "linux",
        "Path": "/usr/bin/api",
        "Args": ["serve"],
        "State": {
            "Status": "running", "Running": true, "Pid": 4211, "ExitCode": 0, "Error": "", "OOMKilled": false,
            "StartedAt": "2025-06-12T10:27:48Z", "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": {
                "Status": "unhealthy", "FailingStreak": 4,
                "Log": [
                    { "Start": "2025-06-12T10:30:00Z", "End": "2025-06-12T10:30:00.05Z", "ExitCode": 0, "Output": "ok\n" },
                    { "Start": "2025-06-12T10:30:30Z", "End": "2025-06-12T10:30:32.5Z", "ExitCode": 22,
                      "Output": "curl: (22) The requested URL returned error: 503\nupstream: postgres://shop:hunter2@db/shop\n" },
                ],
            },
        },
        "HostConfig": {
            "Memory": 536_870_912, "MemorySwap": 1_073_741_824, "NanoCpus": 1_500_000_000, "PidsLimit": 200,
            "ShmSize": 67_108_864, "Privileged": false, "ReadonlyRootfs": true, "CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"],
            "NetworkMode": "shop_default", "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 5 },
            "LogConfig": { "Type": "json-file", "Config": {} },
        },
        "Mounts": [
            { "Type": "volume", "Name": "shop_uploads", "Source": "/var/lib/docker/volumes/shop_uploads/_data",
              "Destination": "/srv/uploads", "Driver": "local", "Mode": "z", "RW": true },
            { "Type": "bind", "Source": "/etc/shop/api.toml", "Destination": "/etc/api.toml", "Mode": "ro", "RW": false,
              "Propagation": "rprivate" },
        ],
        "Config": {
            "Hostname": "aaaaaaaaaaaa", "User": "10001", "Image": "registry.example.org/shop/api:1.42", "WorkingDir": "/srv",
            "Env": ["PATH=/usr/local/bin:/usr/bin", "DB_PASSWORD=hunter2", "DATABASE_URL=postgres://shop:hunter2@db/shop",
                    "GREETING=こんにちは世界", "EMPTY="],
            "Entrypoint": ["/usr/bin/api"], "Cmd": ["serve", "--listen", ":8080", "--signing-key", "hunter2", "--name", "two words"],
            "StopSignal": "SIGINT", "StopTimeout": 20,
            "Healthcheck": { "Test": ["CMD-SHELL", "curl -f http://localhost:8080/health"], "Interval": 30_000_000_000_i64,
                             "Timeout": 5_000_000_000_i64, "Retries": 3 },
            "Labels": { "com.docker.compose.project": "shop", "com.docker.compose.service": "api", "org.example.api-key": "hunter2" },
        },
        "NetworkSettings": {
            "Ports": { "8080/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }, { "HostIp": "::", "HostPort": "8080" }],
                       "9090/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "9090" }], "53/udp": null },
            "Networks": { "shop_default": { "IPAddress": "172.18.0.4", "IPPrefixLen": 16, "Gateway": "172.18.0.1",
                          "MacAddress": "02:42:ac:12:00:04", "Aliases": ["api", "aaaaaaaaaaaa"], "GlobalIPv6Address": "" } },
        },
    })
}

/// The detail of `api-1@ams-1`, inspected, with two minutes of samples.
fn stage_set() -> (Fleet, Detail) {
    let mut fleet = stage::fleet();
    stage::samples(&mut fleet, "ams-1", &stage::id('a'), 120);
    let mut pane = Detail::default();
    pane.show(&"ams-1".into(), &stage::id('a'));
    let inspect = Feed::Inspect("ams-1".into(), stage::id('a'));
    pane.feed(&inspect, Payload::Inspected(Arc::new(inspection())), &fleet);
    (fleet, pane)
}

fn screen(pane: &mut Detail, fleet: &Fleet, columns: u16, rows: u16) -> String {
    stage::screen(pane, fleet, &stage::look(), columns, rows)
}

/// The screen of a tab so many to the right.
fn tab(steps: usize, columns: u16, rows: u16) -> String {
    let (fleet, mut pane) = stage_set();
    stage::moves(&mut pane, &fleet, (columns, rows), &vec![Nav::Next; steps]);
    screen(&mut pane, &fleet, columns, rows)
}

#[test]
fn the_summary_with_its_charts() {
    assert_snapshot!("summary_80x24", tab(0, 80, 24));
    assert_snapshot!("summary_200x50", tab(0, 200, 50));
    let (fleet, mut pane) = stage_set();
    let text = stage::screen(&mut pane, &fleet, &stage::ascii(), 200, 50);
    assert!(text.is_ascii(), "{text}");
    assert_snapshot!("summary_ascii_200x50", text);
}

#[test]
fn the_environment_is_masked_until_it_is_revealed() {
    let (fleet, mut pane) = stage_set();
    stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Next]);
    assert_snapshot!("env_80x24", screen(&mut pane, &fleet, 80, 24));
    let asked = stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Reveal]);
    assert_eq!(asked, [Reply::Reveal], "it is recorded before it is shown");
    assert!(!screen(&mut pane, &fleet, 80, 24).contains("hunter2"));
    assert!(!pane.reveal(&"ams-1".into(), &stage::id('b')));
    assert!(!screen(&mut pane, &fleet, 80, 24).contains("hunter2"));
    assert!(pane.reveal(&"ams-1".into(), &stage::id('a')));
    assert!(screen(&mut pane, &fleet, 80, 24).contains("DB_PASSWORD   hunter2"));
    pane.show(&"ams-1".into(), &stage::id('b'));
    pane.show(&"ams-1".into(), &stage::id('a'));
    assert!(
        !pane.revealed,
        "what was revealed for one container is not for the next"
    );
}

#[test]
fn no_tab_shows_a_secret_before_it_is_revealed() {
    for steps in 0..Tab::ALL.len() {
        let (fleet, mut pane) = stage_set();
        let navs = vec![Nav::Next; steps];
        stage::moves(&mut pane, &fleet, (200, 400), &navs);
        let text = screen(&mut pane, &fleet, 200, 400);
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn mounts_networks_and_labels() {
    assert_snapshot!("places_80x24", tab(2, 80, 24));
    assert_snapshot!("places_200x50", tab(2, 200, 50));
}

#[test]
fn the_log_of_health_checks() {
    assert_snapshot!("health_80x24", tab(3, 80, 24));
}

#[test]
fn processes_as_a_table() {
    let (fleet, mut pane) = stage_set();
    stage::moves(&mut pane, &fleet, (80, 24), &vec![Nav::Next; 4]);
    let top = Feed::Top("ams-1".into(), stage::id('a'));
    assert!(pane.wants(&fleet).contains(&top));
    let row = |texts: [&str; 4]| Process(texts.map(Box::from).to_vec());
    let titles = ["UID", "PID", "STIME", "CMD"].map(Box::from).to_vec();
    let all = vec![
        row([
            "10001",
            "4211",
            "10:27",
            "/usr/bin/api serve --listen :8080 --signing-key hunter2",
        ]),
        row(["10001", "4250", "10:27", "api: worker process 1"]),
    ];
    pane.feed(&top, Payload::Processes(titles, all), &fleet);
    assert_snapshot!("processes_80x24", screen(&mut pane, &fleet, 80, 24));
}

#[test]
fn changed_files_and_why_they_cannot_be_had() {
    let (fleet, mut pane) = stage_set();
    stage::moves(&mut pane, &fleet, (80, 24), &vec![Nav::Next; 5]);
    let changes = Feed::Changes("ams-1".into(), stage::id('a'));
    assert!(pane.wants(&fleet).contains(&changes));
    pane.feed(
        &changes,
        Payload::Failed("the engine answered 500".into()),
        &fleet,
    );
    let text = screen(&mut pane, &fleet, 80, 24);
    assert!(
        text.contains("could not be had: the engine answered 500."),
        "{text}"
    );
    let all = vec![
        ('C', Box::from("/tmp")),
        ('A', Box::from("/tmp/core.1")),
        ('D', Box::from("/etc/motd")),
    ];
    pane.feed(&changes, Payload::Changed(all), &fleet);
    assert_snapshot!("changes_80x24", screen(&mut pane, &fleet, 80, 24));
}

#[test]
fn the_raw_inspection_scrolls() {
    let (fleet, mut pane) = stage_set();
    let mut navs = vec![Nav::Next; 6];
    navs.push(Nav::Bottom);
    stage::moves(&mut pane, &fleet, (80, 24), &navs);
    let text = screen(&mut pane, &fleet, 80, 24);
    assert!(
        text.lines().last().unwrap().starts_with(" }") || text.contains("\n  }"),
        "{text}"
    );
    stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Top]);
    assert_snapshot!("raw_80x24", screen(&mut pane, &fleet, 80, 24));
}

#[test]
fn a_container_that_is_gone_says_so_and_leads_to_the_one_that_has_its_name() {
    let (mut fleet, mut pane) = stage_set();
    stage::settle(&mut pane, &fleet, 80, 24);
    fleet.apply(Event::ContainerGone("ams-1".into(), stage::id('a')));
    let text = screen(&mut pane, &fleet, 80, 24);
    assert!(text.starts_with("api-1@ams-1  gone"), "{text}");
    assert!(
        text.contains("This container is gone: it was removed."),
        "{text}"
    );
    assert!(pane.selection(&fleet).is_empty() && pane.wants(&fleet).is_empty());
    let heir = stage::container('9', "api-1", "shop");
    fleet.apply(Event::Container("ams-1".into(), Box::new(heir)));
    let replies = stage::moves(&mut pane, &fleet, (80, 24), &[Nav::Open]);
    assert_eq!(
        replies[0],
        Reply::Detail(Target::Container("ams-1".into(), stage::id('9')))
    );
}

#[test]
fn figures_of_a_silent_host_are_not_shown_as_live() {
    let (mut fleet, mut pane) = stage_set();
    let link = Link::Offline {
        trouble: stage::trouble(),
        since: stage::now(),
        next_try: None,
    };
    fleet.apply(Event::Link("ams-1".into(), link));
    fleet.apply(Event::Tick(stage::before(-40)));
    let text = screen(&mut pane, &fleet, 80, 24);
    assert!(
        text.contains("ams-1 is offline: nothing was heard of it for 41s"),
        "{text}"
    );
    assert!(text.contains("% of a core, 40s ago"), "{text}");
}

#[test]
fn a_container_that_ended_says_how() {
    let mut fleet = stage::fleet();
    let mut pane = Detail::default();
    pane.show(&"ams-1".into(), &stage::id('c'));
    let mut json = inspection();
    json["State"] = json!({ "Status": "exited", "ExitCode": 137, "OOMKilled": true, "Error": "",
        "StartedAt": "2025-06-12T08:00:00Z", "FinishedAt": "2025-06-12T09:24:20Z" });
    let inspect = Feed::Inspect("ams-1".into(), stage::id('c'));
    pane.feed(&inspect, Payload::Inspected(Arc::new(json)), &fleet);
    assert!(
        !pane
            .wants(&fleet)
            .iter()
            .any(|feed| matches!(feed, Feed::Stats(..)))
    );
    assert_snapshot!("ended_80x24", screen(&mut pane, &fleet, 80, 24));
    fleet.apply(Event::ContainerState(
        "ams-1".into(),
        stage::id('c'),
        State::Running,
        stage::now(),
    ));
    assert!(
        pane.wants(&fleet)
            .iter()
            .any(|feed| matches!(feed, Feed::Stats(..)))
    );
}

#[test]
fn an_inspection_of_another_engine_is_read_as_far_as_it_goes() {
    let empty = Facts::read(&json!({}));
    assert_eq!(
        empty,
        Facts {
            restart_policy: "no".into(),
            ..Facts::default()
        }
    );
    let podman = Facts::read(&json!({
        "Id": 12, "Created": "yesterday", "RestartCount": "4",
        "Config": { "Entrypoint": "/entry.sh", "Cmd": null, "Env": null, "Labels": { "a": null, "b": 1 } },
        "State": { "Healthcheck": { "Status": "starting", "Log": null }, "FinishedAt": "0001-01-01T00:00:00Z" },
        "Mounts": {}, "NetworkSettings": { "Ports": [], "Networks": null },
    }));
    assert_eq!(podman.entrypoint, ["/entry.sh"]);
    assert_eq!(podman.run.restarts, Some(4));
    assert_eq!(
        podman.labels,
        [
            ("a".to_owned(), String::new()),
            ("b".to_owned(), "1".to_owned())
        ]
    );
    assert_eq!(podman.check.unwrap().status, "starting");
}

#[test]
fn no_line_is_wider_than_its_place() {
    let (fleet, mut pane) = stage_set();
    for columns in [80_u16, 100, 120, 140, 200] {
        for steps in 0..Tab::ALL.len() {
            stage::moves(&mut pane, &fleet, (columns, 24), &[Nav::Next]);
            let text = screen(&mut pane, &fleet, columns, 24);
            for line in text.lines().skip(1) {
                assert!(width(line) < usize::from(columns), "tab {steps}: {line}");
            }
        }
    }
}
