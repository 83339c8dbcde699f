//! What only real engines can show: real processes, real terminals, real files.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;
use wharf::engine::{ErrorKind, Exec, ExecSpec, LogOptions};
use wharf::model::{Action, Container, Feed, LogRange, Prune, State, Step, Stream};

use crate::desk::{Desk, PATIENCE};
use crate::subject::{IDLE, Made, Subject, fresh};

pub async fn a_busy_loop_shows_as_the_processor_time_it_gets(subject: Subject) {
    let made = subject.run("while :; do :; done", json!({})).await;
    let mut desk = Desk::at(&subject).await;
    desk.want([Feed::Stats(subject.host(), made.id.clone())]);
    let has = |count| {
        move |one: &Container| {
            one.history
                .as_ref()
                .is_some_and(|history| history.iter().count() >= count)
        }
    };
    desk.sees(&made, "a first sample", has(1)).await;
    let before = processor_time(&subject, &made).await;
    let began = Instant::now();
    desk.sees(&made, "more samples", has(4)).await;
    let used = processor_time(&subject, &made).await - before;
    // On a busy machine the loop gets less than a whole processor: it is compared with what it got.
    let truth = used / began.elapsed().as_secs_f64() * 100.0;
    let samples: Vec<f64> = desk
        .container(&made)
        .unwrap()
        .history
        .as_ref()
        .unwrap()
        .iter()
        .skip(1)
        .filter_map(|usage| usage.cpu.map(f64::from))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    assert!(truth > 3.0, "the loop got only {truth:.1} % of a processor");
    assert!(
        (0.5..2.0).contains(&(mean / truth)),
        "{samples:?} are shown, it was {truth:.1} %"
    );
    assert!(
        samples.iter().all(|cpu| *cpu < 130.0),
        "one loop, one processor: {samples:?}"
    );
    subject.remove(&made).await;
}

/// Seconds of processor time that a container has used.
async fn processor_time(subject: &Subject, made: &Made) -> f64 {
    let path = format!(
        "/v1.41/containers/{}/stats?stream=false&one-shot=true",
        made.id.as_str()
    );
    let stats = subject.raw.must(hyper::Method::GET, &path, None).await;
    stats["cpu_stats"]["cpu_usage"]["total_usage"]
        .as_f64()
        .unwrap()
        / 1e9
}

pub async fn a_terminal_s_log_loses_no_byte(subject: Subject) {
    let script = r"printf '\001\002rest\n\377\376bad utf-8\nlogin: '; sleep 1";
    let made = subject.run(script, json!({"Tty": true})).await;
    let mut desk = Desk::at(&subject).await;
    desk.sees(&made, "it ended", |one| one.state == State::Exited)
        .await;
    let all = desk.log(&subject, &made, LogOptions::default()).await;
    let all: Vec<Vec<u8>> = all.iter().map(|line| line.text.to_vec()).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(all[0], b"\x01\x02rest");
    // Docker's json-file log keeps no bytes that are not UTF-8: it writes U+FFFD for them.
    let replaced = "\u{fffd}\u{fffd}bad utf-8".as_bytes();
    assert!(
        all[1] == b"\xff\xfebad utf-8" || all[1] == replaced,
        "{all:?}"
    );
    assert_eq!(all[2], b"login: ");
    subject.remove(&made).await;
}

/// Collects what a command says to its end.
async fn hear(exec: &mut Exec) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some((stream, bytes)) = timeout(PATIENCE, exec.output.next())
        .await
        .expect("it goes on")
        .unwrap()
    {
        match stream {
            Stream::Stdout => out.extend_from_slice(&bytes),
            Stream::Stderr => err.extend_from_slice(&bytes),
        }
    }
    (out, err)
}

fn command(words: &[&str]) -> ExecSpec {
    ExecSpec {
        command: words.iter().map(|word| (*word).into()).collect(),
        ..ExecSpec::default()
    }
}

pub async fn a_command_without_a_terminal(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let spec = command(&["sh", "-c", "cat; echo oops >&2; exit 7"]);
    let mut exec = desk
        .engines
        .exec(&subject.host(), &made.id, spec)
        .await
        .unwrap();
    exec.input.write(b"through ").await.unwrap();
    exec.input.write(b"the pipe\n").await.unwrap();
    exec.input.close().await.unwrap();
    let (out, err) = hear(&mut exec).await;
    assert_eq!(String::from_utf8_lossy(&out), "through the pipe\n");
    assert_eq!(String::from_utf8_lossy(&err), "oops\n");
    assert_eq!(exec.control.exit_code().await.unwrap(), Some(7));
    subject.remove(&made).await;
}

pub async fn a_terminal_keeps_its_bytes_and_its_size(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let script =
        r"printf '\001\002rest-of-output'; read -r x; stty size; read -r x; stty size; exit 3";
    let spec = ExecSpec {
        tty: true,
        size: Some((111, 33)),
        ..command(&["sh", "-c", script])
    };
    let mut exec = desk
        .engines
        .exec(&subject.host(), &made.id, spec)
        .await
        .unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"rest-of-output") {
        let (_, bytes) = timeout(PATIENCE, exec.output.next())
            .await
            .unwrap()
            .unwrap()
            .expect("it speaks");
        said.extend_from_slice(&bytes);
    }
    assert_eq!(
        said, b"\x01\x02rest-of-output",
        "all bytes, and no frame headers"
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    exec.input.write(b"\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    exec.control.resize(200, 50).await.unwrap();
    exec.input.write(b"\n").await.unwrap();
    let (rest, _) = hear(&mut exec).await;
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("33 111"), "the first size: {rest:?}");
    assert!(rest.contains("50 200"), "the size after a resize: {rest:?}");
    assert_eq!(exec.control.exit_code().await.unwrap(), Some(3));
    subject.remove(&made).await;
}

pub async fn a_container_without_a_shell_says_so(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let rid = Action::Exec {
        command: ["rm", "-f", "/bin/sh", "/bin/ash", "/bin/bash"]
            .map(Into::into)
            .to_vec(),
        user: None,
    };
    desk.act(&subject, &made, rid).await.unwrap();
    let error = desk
        .engines
        .exec(&subject.host(), &made.id, ExecSpec::default())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::NoShell, "{error}");
    assert_eq!(error.why, "no shell in the image");
    subject.remove(&made).await;
}

pub async fn a_command_as_a_step_tells_its_end(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let run = |script: &str| Action::Exec {
        command: ["sh", "-c", script].map(Into::into).to_vec(),
        user: None,
    };
    let said = desk.act(&subject, &made, run("echo fine")).await;
    assert_eq!(said.as_deref(), Ok("fine"));
    let error = desk
        .act(&subject, &made, run("echo 'no such table' >&2; exit 5"))
        .await
        .unwrap_err();
    assert_eq!(error.why, "it ended with exit code 5: no such table");
    subject.post(&made, "kill").await;
    let error = desk.act(&subject, &made, run("true")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert_eq!(error.remedy.as_deref(), Some("start it first"), "{error}");
    subject.remove(&made).await;
}

/// Alone on its engine: it removes what others may need.
pub async fn pruning_removes_what_is_unused_and_no_more(subject: Subject) {
    let ended = subject.run("true", json!({})).await;
    let named = fresh("volume");
    let volume = |body| {
        subject
            .raw
            .must(hyper::Method::POST, "/v1.41/volumes/create", Some(body))
    };
    volume(json!({"Name": named})).await;
    let anonymous = volume(json!({})).await["Name"].as_str().unwrap().to_owned();
    let mut desk = Desk::at(&subject).await;
    desk.sees(&ended, "it ended", |one| one.state == State::Exited)
        .await;
    let prune = async |what| {
        let step = Step {
            host: subject.host(),
            subject: wharf::model::Subject::Host,
            action: Action::Prune(what),
        };
        desk.engines.act(&step, &|_| ()).await
    };

    let told = prune(Prune::Containers).await.unwrap();
    assert!(
        told.starts_with("removed ") && told.contains("container"),
        "{told}"
    );
    let volumes = async || {
        subject
            .raw
            .must(hyper::Method::GET, "/v1.41/volumes", None)
            .await
            .to_string()
    };
    let told = prune(Prune::Volumes { all: false }).await.unwrap();
    assert!(told.starts_with("removed 1 volume"), "{told}");
    let left = volumes().await;
    assert!(
        left.contains(&named) && !left.contains(&anonymous),
        "a named volume is not pruned: {left}"
    );
    let told = prune(Prune::Volumes { all: true }).await.unwrap();
    assert!(told.starts_with("removed 1 volume"), "{told}");
    assert!(!volumes().await.contains(&named));
    let told = prune(Prune::Images { all: false }).await.unwrap();
    assert_eq!(told, "nothing was to be removed");
    prune(Prune::Networks).await.unwrap();
    match prune(Prune::BuildCache).await {
        Ok(told) => assert_eq!(told, "nothing was to be removed"),
        Err(error) => assert!(
            subject.is_podman && error.kind == ErrorKind::Unsupported,
            "{error}"
        ),
    }
}

pub async fn a_prompt_is_shown_before_its_line_ends(subject: Subject) {
    let made = subject
        .run("printf 'ready\\n'; sleep 1000", json!({"Tty": true}))
        .await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Logs(subject.host(), made.id.clone(), LogRange::All);
    desk.want([feed.clone()]);
    desk.brought_line("the first line", &feed, "ready").await;
    subject.remove(&made).await;
}

pub async fn a_log_is_read_line_by_line(subject: Subject) {
    let script = "echo one; echo two >&2; echo; printf 'no end'";
    let made = subject.run(script, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    desk.sees(&made, "it ended", |one| one.state == State::Exited)
        .await;
    let mut logs = desk
        .engines
        .logs(&subject.host(), &made.id, LogOptions::default())
        .await
        .unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(lines) = logs.next().await.unwrap() {
        for line in lines.iter() {
            let text = String::from_utf8(line.text.to_vec()).unwrap();
            match line.stream {
                Stream::Stdout => out.push(text),
                Stream::Stderr => err.push(text),
            }
        }
    }
    assert_eq!(out, ["one", "", "no end"]);
    assert_eq!(err, ["two"]);
    subject.remove(&made).await;
}
