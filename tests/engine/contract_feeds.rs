//! What every engine promises of its feeds: logs, samples, processes, files, resources.

use std::time::{Duration, Instant};

use serde_json::json;
use wharf::engine::{LogOptions, Pace, Settings};
use wharf::model::{Event, Feed, LogBatch, LogRange, Payload, State, Stream};

use crate::desk::Desk;
use crate::subject::{IDLE, Subject};

fn texts(lines: &LogBatch) -> Vec<String> {
    lines
        .iter()
        .map(|line| String::from_utf8_lossy(line.text).into_owned())
        .collect()
}

/// Waits until a feed brought these lines, and gives all it brought.
async fn heard(desk: &mut Desk, feed: &Feed, last: &str) -> Vec<String> {
    let mut seen = Vec::new();
    desk.brought(last, feed, |payload| {
        if let Payload::Lines(lines) = payload {
            seen.extend(texts(lines));
        }
        seen.iter().any(|line| line == last).then_some(())
    })
    .await;
    seen
}

pub async fn a_log_is_followed_over_a_restart_and_says_nothing_twice(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Logs(subject.host(), made.id.clone(), LogRange::All);
    desk.want([feed.clone()]);
    subject.say(&made, Stream::Stdout, "one").await;
    let mut seen = heard(&mut desk, &feed, "one").await;
    subject.say(&made, Stream::Stderr, "two").await;
    seen.extend(heard(&mut desk, &feed, "two").await);
    subject.post(&made, "kill").await;
    desk.brought("its end", &feed, |payload| match payload {
        Payload::Ended(_) => Some(()),
        Payload::Lines(lines) => {
            seen.extend(texts(lines));
            None
        }
        _ => None,
    })
    .await;
    subject.post(&made, "start").await;
    subject.say(&made, Stream::Stdout, "three").await;
    seen.extend(heard(&mut desk, &feed, "three").await);
    let ours: Vec<&str> = seen
        .iter()
        .map(String::as_str)
        .filter(|line| ["one", "two", "three"].contains(line))
        .collect();
    assert_eq!(ours, ["one", "two", "three"], "of {seen:?}");
    subject.remove(&made).await;
}

pub async fn a_part_of_a_log_is_read(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Logs(subject.host(), made.id.clone(), LogRange::All);
    desk.want([feed.clone()]);
    for (stream, line) in [(Stream::Stdout, "one"), (Stream::Stderr, "two")] {
        subject.say(&made, stream, line).await;
        heard(&mut desk, &feed, line).await;
    }
    subject.post(&made, "kill").await;
    desk.sees(&made, "it ended", |one| one.state == State::Exited)
        .await;
    let part = |range| LogOptions {
        range,
        ..LogOptions::default()
    };
    let all = desk.log(&subject, &made, part(LogRange::All)).await;
    let two = all.iter().find(|line| line.text == b"two").unwrap();
    assert_eq!(two.stream, Stream::Stderr);
    assert!(
        all.iter().all(|line| line.at.is_some()),
        "each line has its time: {all:?}"
    );
    let last = desk.log(&subject, &made, part(LogRange::Tail(1))).await;
    assert_eq!(last.get(0), all.get(all.len() - 1));
    assert_eq!(last.len(), 1);
    let last = all.get(all.len() - 1).unwrap().time().unwrap();
    let later = last + Duration::from_hours(1);
    let none = desk
        .log(&subject, &made, part(LogRange::Since(later)))
        .await;
    assert!(none.is_empty(), "{none:?}");
    subject.remove(&made).await;
}

pub async fn what_is_on_the_screen_is_sampled(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    desk.want([Feed::Stats(subject.host(), made.id.clone())]);
    let took = desk
        .sees(&made, "a sample with its CPU", |one| {
            one.usage.is_some_and(|usage| usage.cpu.is_some())
        })
        .await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    let usage = desk.container(&made).unwrap().usage.unwrap();
    assert!(usage.memory > 10_000, "{usage:?}");
    assert!(
        usage.memory_limit > usage.memory && usage.pids >= 1,
        "{usage:?}"
    );
    assert!(usage.cpu.unwrap() < 60.0, "{usage:?}");
    subject.remove(&made).await;
}

pub async fn what_is_not_on_the_screen_is_sampled_in_rotation(subject: Subject) {
    let (one, two) = (
        subject.run(IDLE, json!({})).await,
        subject.run(IDLE, json!({})).await,
    );
    let settings = Settings {
        sampling: Duration::from_millis(200),
        ..Settings::default()
    };
    let mut desk = Desk::with(subject.spec.clone(), settings).await;
    for made in [&one, &two] {
        desk.sees(made, "a sample", |one| one.usage.is_some()).await;
    }
    subject.remove(&one).await;
    subject.remove(&two).await;
}

pub async fn processes_and_changed_files_are_shown(subject: Subject) {
    let script = format!("echo new > /tmp/fresh; rm -f /etc/gone; {IDLE}");
    let made = subject.run(&script, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let top = Feed::Top(subject.host(), made.id.clone());
    let changes = Feed::Changes(subject.host(), made.id.clone());
    desk.want([top.clone()]);
    let titles = desk
        .brought("processes", &top, |payload| match payload {
            Payload::Processes(titles, rows) => rows
                .iter()
                .any(|row| {
                    row.0
                        .iter()
                        .any(|cell| cell.contains("sh") || cell.contains("sleep"))
                })
                .then(|| titles.clone()),
            _ => None,
        })
        .await;
    assert!(titles.len() >= 3, "{titles:?}");
    // The engine may be asked before the container has written anything; nothing tells when it has.
    let is_written = |changed: &[(char, Box<str>)]| {
        let mut changed = changed.iter();
        changed.any(|(kind, path)| *kind == 'A' && path.starts_with("/tmp/"))
    };
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        desk.want([changes.clone()]);
        let changed = desk
            .brought("changed files", &changes, |payload| match payload {
                Payload::Changed(changed) => Some(changed.clone()),
                _ => None,
            })
            .await;
        if is_written(&changed) {
            break;
        }
        assert!(Instant::now() < patience, "{changed:?}");
        desk.want([]);
        desk.listen(Duration::from_millis(200)).await;
    }
    subject.remove(&made).await;
}

pub async fn an_inspection_is_whole_and_follows_changes(subject: Subject) {
    let made = subject.run(IDLE, json!({"Env": ["COLOUR=red"]})).await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Inspect(subject.host(), made.id.clone());
    desk.want([feed.clone(), Feed::Facts(subject.host(), made.id.clone())]);
    let value = desk
        .brought("the inspection", &feed, |payload| match payload {
            Payload::Inspected(value) => Some(value.clone()),
            _ => None,
        })
        .await;
    assert!(
        value["Config"]["Env"]
            .as_array()
            .unwrap()
            .contains(&json!("COLOUR=red"))
    );
    desk.sees(&made, "restarts and the exact start", |one| {
        one.restarts == Some(0) && one.since.is_some()
    })
    .await;
    subject.post(&made, "kill").await;
    desk.brought(
        "the inspection after a change",
        &feed,
        |payload| match payload {
            Payload::Inspected(value) => (value["State"]["Status"] == "exited").then_some(()),
            _ => None,
        },
    )
    .await;
    subject.remove(&made).await;
}

pub async fn images_networks_volumes_and_disk_are_told(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    desk.want([Feed::Resources(subject.host())]);
    desk.until("the disk's use", |fleet| fleet.hosts()[0].disk.is_some())
        .await;
    let host = &desk.fleet.hosts()[0];
    let images = host.images.as_ref().unwrap();
    let image = images
        .iter()
        .find(|image| image.tags.iter().any(|tag| **tag == *subject.image));
    let image = image.unwrap_or_else(|| panic!("{images:#?}"));
    assert!(image.size > 100_000 && image.used_by.is_some(), "{image:?}");
    let networks = host.networks.as_ref().unwrap();
    assert!(
        networks
            .iter()
            .any(|one| &*one.driver == "bridge" && !one.subnets.is_empty()),
        "{networks:?}"
    );
    assert!(host.volumes.is_some());
    let disk = host.disk.unwrap();
    // Podman counts what an image has alone, and others may be built on it meanwhile.
    let least = if subject.is_podman { 1 } else { 100_000 };
    assert!(disk.images > 0 && disk.layers >= least, "{disk:?}");
}

pub async fn the_engine_introduces_itself(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    desk.until("who it is", |fleet| fleet.hosts()[0].engine.is_some())
        .await;
    let engine = desk.fleet.hosts()[0].engine.clone().unwrap();
    assert!(
        engine.version.starts_with(|c: char| c.is_ascii_digit()),
        "{engine:?}"
    );
    assert!(engine.api.starts_with("1."), "{engine:?}");
    assert!(engine.cpus > 0 && engine.memory > 1 << 20, "{engine:?}");
    assert!(
        !engine.kernel.is_empty() && !engine.root_dir.is_empty(),
        "{engine:?}"
    );
}

pub async fn a_list_that_did_not_change_is_not_told_again(subject: Subject) {
    let settings = Settings {
        pace: Pace {
            resync: Duration::from_millis(100),
            ..Pace::default()
        },
        ..Settings::default()
    };
    let mut desk = Desk::with(subject.spec.clone(), settings).await;
    desk.listen(Duration::from_millis(500)).await;
    let engine = subject
        .engine()
        .expect("only a simulated engine stands still");
    let before = engine.requests();
    let events = desk.listen(Duration::from_secs(1)).await;
    let requests = engine.requests() - before;
    assert!(requests > 4, "it is listed again and again");
    let lists = events
        .iter()
        .filter(|event| matches!(event, Event::Containers(..)))
        .count();
    // Ages in words change now and then.
    assert!(lists < 3, "{lists} of {requests}");
    assert!(
        events.iter().any(|event| matches!(event, Event::Heard(..))),
        "but the host is heard of"
    );
}

pub async fn another_pace_holds_at_once(subject: Subject) {
    let settings = Settings {
        pace: Pace {
            resync: Duration::from_hours(1),
            load: Duration::from_hours(1),
            ..Pace::default()
        },
        ..Settings::default()
    };
    let mut desk = Desk::with(subject.spec.clone(), settings).await;
    desk.want([Feed::Load(subject.host())]);
    desk.listen(Duration::from_millis(500)).await;
    let engine = subject
        .engine()
        .expect("only a simulated engine stands still");
    let before = engine.requests();
    desk.listen(Duration::from_millis(600)).await;
    let slow = engine.requests() - before;
    desk.engines.set_pace(Pace {
        resync: Duration::from_millis(100),
        resources: Duration::from_mins(1),
        load: Duration::from_millis(100),
    });
    let before = engine.requests();
    let events = desk.listen(Duration::from_secs(1)).await;
    let fast = engine.requests() - before;
    assert!(slow < 3 && fast > 4, "{slow} requests, then {fast}");
    let loads = events
        .iter()
        .filter(|event| matches!(event, Event::Load(..)));
    assert!(
        loads.count() > 3,
        "the load is read as often as is said now"
    );
}

pub async fn a_simulated_host_tells_its_load(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    desk.want([Feed::Load(subject.host())]);
    let until = Instant::now() + Duration::from_secs(20);
    let load = loop {
        let load = desk.fleet.host(&subject.host()).and_then(|host| host.load);
        // The processor is known from the second reading on.
        if let Some(load) = load.filter(|load| load.cpu.is_some()) {
            break load;
        }
        assert!(desk.turn(until).await, "no load was told");
    };
    let percent = |part: Option<f32>| part.is_some_and(|part| part > 0.0 && part <= 100.0);
    assert!(percent(load.cpu), "{load:?}");
    assert!(percent(load.memory_percent()), "{load:?}");
    assert!(percent(load.disk_percent()), "{load:?}");
}
