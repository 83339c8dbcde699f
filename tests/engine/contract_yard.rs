//! What every engine promises of the steps of pipelines: a workspace, services, containers that run, and their logs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use wharf::engine::{
    ErrorKind, LogMark, StepLine, StepState, Yard, YardLog, YardService, YardStep,
};
use wharf::model::pipeline::StepName;

use crate::desk::{Desk, PATIENCE};
use crate::subject::{Subject, fresh};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A run that no other test has.
fn yard(subject: &Subject) -> Yard {
    let number = u64::from(std::process::id()) * 1000 + COUNT.fetch_add(1, Ordering::Relaxed);
    Yard {
        host: subject.host(),
        run: format!("{}-test", number + 1).parse().unwrap(),
    }
}

fn named(text: &str) -> StepName {
    text.parse().unwrap()
}

fn step(subject: &Subject, name: &str, commands: &[&str]) -> YardStep {
    YardStep {
        step: named(name),
        attempt: 1,
        image: subject.image.clone(),
        commands: commands.iter().map(|one| (*one).to_owned()).collect(),
        environment: BTreeMap::new(),
        secrets: BTreeMap::new(),
        cache: BTreeMap::new(),
        working_dir: None,
    }
}

/// Waits until a step has ended; its exit code.
async fn ended(desk: &Desk, yard: &Yard, step: &YardStep) -> i64 {
    let began = Instant::now();
    loop {
        let state = desk.engines.yard_state(yard, &step.step, step.attempt);
        match state.await.unwrap() {
            StepState::Ended { code, at, .. } => {
                assert!(at.is_some());
                return code;
            }
            other => assert!(began.elapsed() < PATIENCE, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn log(desk: &Desk, yard: &Yard, step: &YardStep, from: LogMark) -> YardLog {
    let opened = desk.engines.yard_log(yard, &step.step, step.attempt, from);
    opened.await.unwrap()
}

/// All lines to the end.
async fn lines(mut log: YardLog) -> Vec<StepLine> {
    let mut all = Vec::new();
    while let Some((lines, _)) = log.next().await.unwrap() {
        all.extend(lines);
    }
    all
}

fn texts(lines: &[StepLine], error: bool) -> Vec<&str> {
    let of = lines.iter().filter(|line| line.error == error);
    of.map(|line| line.text.as_str()).collect()
}

#[expect(
    clippy::too_many_lines,
    reason = "one story from the workspace to its end"
)]
pub async fn a_step_reads_and_writes_the_workspace_and_nothing_is_left_of_it(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let yard = yard(&subject);
    let here = tempfile::tempdir().unwrap();
    let from = here.path().join("from");
    fs::create_dir_all(from.join("sub")).unwrap();
    fs::write(from.join("in.txt"), "hello\n").unwrap();
    fs::write(from.join("sub/run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(from.join("sub/run.sh"), fs::Permissions::from_mode(0o751)).unwrap();
    symlink("sub/run.sh", from.join("link")).unwrap();

    let cache = fresh("cache");
    let mut build = step(
        &subject,
        "build",
        &[
            "cat in.txt",
            "mkdir -p out",
            "echo made > out/result.txt",
            "echo $TOKEN > out/token",
            "test -f in.txt",
            "test -f none",
            "echo never",
        ],
    );
    build.secrets.insert("TOKEN".to_owned(), "hush".to_owned());
    build.cache.insert(cache.clone(), "/cache".to_owned());
    let early = desk.engines.yard_step(&yard, &build).await.unwrap_err();
    assert_eq!(early.kind, ErrorKind::NotFound, "{early}");
    for _ in 0..2 {
        desk.engines.yard_open(&yard, &[]).await.unwrap();
        let filled = desk.engines.yard_fill(&yard, &from).await;
        assert_eq!(filled.unwrap(), 16);
    }
    let state = desk.engines.yard_state(&yard, &build.step, 1).await;
    assert_eq!(state.unwrap(), StepState::Missing);
    desk.engines.yard_step(&yard, &build).await.unwrap();
    assert_eq!(
        ended(&desk, &yard, &build).await,
        1,
        "the second test fails"
    );
    let again = desk.engines.yard_step(&yard, &build).await.unwrap();
    assert!(
        matches!(again, StepState::Ended { code: 1, .. }),
        "{again:?}"
    );
    let said = lines(log(&desk, &yard, &build, LogMark::default()).await).await;
    assert_eq!(
        texts(&said, false),
        [
            "+ cat in.txt",
            "hello",
            "+ mkdir -p out",
            "+ echo made > out/result.txt",
            "+ echo $TOKEN > out/token",
            "+ test -f in.txt",
            "+ test -f none",
        ]
    );

    let out = here.path().join("out");
    assert_eq!(
        desk.engines.yard_fetch(&yard, "out", &out).await.unwrap(),
        10
    );
    assert_eq!(
        fs::read_to_string(out.join("result.txt")).unwrap(),
        "made\n"
    );
    assert_eq!(fs::read_to_string(out.join("token")).unwrap(), "hush\n");
    let all = here.path().join("all");
    desk.engines.yard_fetch(&yard, "", &all).await.unwrap();
    let mode = fs::metadata(all.join("sub/run.sh")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o7777, 0o751);
    assert_eq!(
        fs::read_link(all.join("link")).unwrap().to_str(),
        Some("sub/run.sh")
    );
    let one = here.path().join("one");
    desk.engines
        .yard_fetch(&yard, "out/result.txt", &one)
        .await
        .unwrap();
    assert_eq!(
        fs::read_to_string(one.join("result.txt")).unwrap(),
        "made\n"
    );
    let none = desk.engines.yard_fetch(&yard, "nothing", &one).await;
    assert_eq!(none.unwrap_err().kind, ErrorKind::NotFound);
    let outside = desk.engines.yard_fetch(&yard, "../x", &one).await;
    assert_eq!(outside.unwrap_err().kind, ErrorKind::Rejected);

    let left = desk.engines.yards(&subject.host()).await.unwrap();
    assert!(left.contains(&yard.run), "{left:?}");
    // Without its containers the workspace is there still.
    desk.engines.yard_rest(&yard).await.unwrap();
    let state = desk.engines.yard_state(&yard, &build.step, 1).await;
    assert_eq!(state.unwrap(), StepState::Missing);
    let left = desk.engines.yards(&subject.host()).await.unwrap();
    assert!(left.contains(&yard.run), "{left:?}");
    for _ in 0..2 {
        desk.engines.yard_close(&yard).await.unwrap();
    }
    let left = desk.engines.yards(&subject.host()).await.unwrap();
    assert!(!left.contains(&yard.run), "{left:?}");
    let state = desk.engines.yard_state(&yard, &build.step, 1).await;
    assert_eq!(state.unwrap(), StepState::Missing);
    let workspace = format!("/v1.41/volumes/wharf-run-{}", yard.run);
    assert_eq!(subject.raw.ask(Method::GET, &workspace, None).await.0, 404);
    let cache = format!("/v1.41/volumes/wharf-cache-{cache}");
    subject.raw.must(Method::GET, &cache, None).await;
    subject.raw.ask(Method::DELETE, &cache, None).await;
}

pub async fn a_log_is_gone_on_with_from_any_line(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let yard = yard(&subject);
    desk.engines.yard_open(&yard, &[]).await.unwrap();
    let few = step(
        &subject,
        "few",
        &[
            "echo one; echo two >&2",
            "echo three",
            "echo three",
            "echo four >&2",
        ],
    );
    desk.engines.yard_step(&yard, &few).await.unwrap();
    // It is followed to its end.
    let all = lines(log(&desk, &yard, &few, LogMark::default()).await).await;
    assert_eq!(texts(&all, true), ["two", "four"]);
    assert_eq!(
        texts(&all, false),
        [
            "+ echo one; echo two >&2",
            "one",
            "+ echo three",
            "three",
            "+ echo three",
            "three",
            "+ echo four >&2"
        ]
    );
    let oldest = all.iter().map(|line| line.at).min().unwrap();
    for cut in 0..=all.len() {
        let count = |error: bool| {
            let had = all[..cut].iter().filter(|line| line.error == error);
            u32::try_from(had.count()).unwrap()
        };
        let mark = LogMark {
            at: oldest,
            out: count(false),
            err: count(true),
        };
        let rest = lines(log(&desk, &yard, &few, mark).await).await;
        assert_eq!(rest, all[cut..], "after {cut}");
    }

    // So many that they come in several parts, each read by somebody else.
    let many = step(&subject, "many", &["seq 1 15000"]);
    desk.engines.yard_step(&yard, &many).await.unwrap();
    let (mut mark, mut all, mut parts) = (LogMark::default(), Vec::new(), 0);
    while let Some((lines, next)) = log(&desk, &yard, &many, mark).await.next().await.unwrap() {
        all.extend(lines);
        mark = next;
        parts += 1;
    }
    assert!(parts > 1);
    let expected = (1..=15000).map(|number: u32| number.to_string());
    let expected: Vec<String> = std::iter::once("+ seq 1 15000".to_owned())
        .chain(expected)
        .collect();
    assert!(texts(&all, false) == expected, "{} lines", all.len());
    desk.engines.yard_close(&yard).await.unwrap();
}

pub async fn a_step_is_killed_and_a_stranger_is_left_alone(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let yard = yard(&subject);
    desk.engines.yard_open(&yard, &[]).await.unwrap();
    let long = step(&subject, "long", &["sleep 1000"]);
    for _ in 0..2 {
        let state = desk.engines.yard_step(&yard, &long).await.unwrap();
        assert_eq!(state, StepState::Running);
    }
    for _ in 0..2 {
        desk.engines.yard_stop(&yard, &long.step, 1).await.unwrap();
    }
    assert_eq!(ended(&desk, &yard, &long).await, 137);
    desk.engines
        .yard_stop(&yard, &named("none"), 1)
        .await
        .unwrap();

    let name = format!("wharf-run-{}.foreign.1", yard.run);
    let path = format!("/v1.41/containers/create?name={name}");
    let body = json!({"Image": subject.image, "Cmd": ["true"]});
    subject.raw.must(Method::POST, &path, Some(body)).await;
    let foreign = step(&subject, "foreign", &["true"]);
    let refused = desk.engines.yard_step(&yard, &foreign).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
    let path = format!("/v1.41/containers/{name}?force=1");
    desk.engines.yard_close(&yard).await.unwrap();
    assert_eq!(
        subject.raw.ask(Method::DELETE, &path, None).await.0,
        204,
        "it is still there"
    );
}

pub async fn an_image_that_is_not_there_is_told_with_what_to_do(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let yard = yard(&subject);
    desk.engines.yard_open(&yard, &[]).await.unwrap();
    let mut one = step(&subject, "one", &["true"]);
    one.image = String::from("registry.invalid/none:1");
    let error = desk.engines.yard_step(&yard, &one).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("registry.invalid/none:1") && text.contains("`image copy`"),
        "{text}"
    );
    desk.engines.yard_close(&yard).await.unwrap();
}

pub async fn a_service_is_found_by_its_name(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let yard = yard(&subject);
    let serve = "mkdir -p /w; echo from-db > /w/index.html; exec httpd -f -h /w";
    let service = YardService {
        name: named("db"),
        image: subject.image.clone(),
        command: ["sh", "-c", serve].map(str::to_owned).to_vec(),
        environment: BTreeMap::new(),
    };
    for _ in 0..2 {
        let services = std::slice::from_ref(&service);
        desk.engines.yard_open(&yard, services).await.unwrap();
    }
    let path = format!("/v1.41/containers/wharf-run-{}.db.service/json", yard.run);
    let made = subject.raw.must(Method::GET, &path, None).await;
    assert_eq!(made["State"]["Running"], true);
    let network = format!("wharf-run-{}", yard.run);
    let place = made["NetworkSettings"]["Networks"].as_object().unwrap();
    assert_eq!(place.len(), 1);
    let aliases = place.values().next().unwrap()["Aliases"]
        .as_array()
        .unwrap();
    assert!(aliases.iter().any(|one| one == "db"), "{aliases:?}");
    if !subject.is_sim() {
        // Nothing answers in simulated containers.
        let ask = "for i in 1 2 3 4 5 6 7 8 9; do /bin/busybox wget -q -O - http://db/ && exit 0; sleep 1; done; exit 1";
        let ask = step(&subject, "ask", &[ask]);
        desk.engines.yard_step(&yard, &ask).await.unwrap();
        let said = lines(log(&desk, &yard, &ask, LogMark::default()).await).await;
        assert_eq!(texts(&said, false).last(), Some(&"from-db"), "{said:?}");
        assert_eq!(ended(&desk, &yard, &ask).await, 0);
    }
    desk.engines.yard_close(&yard).await.unwrap();
    let (_, networks) = subject.raw.ask(Method::GET, "/v1.41/networks", None).await;
    assert!(!networks.to_string().contains(&format!("{network}\"")));
}
