//! What every engine promises of logs beyond their lines: older ones on demand, and what is said in place.

use std::time::{Duration, Instant};

use serde_json::json;
use wharf::engine::LogOptions;
use wharf::model::{Feed, LogBatch, LogRange, Payload, State, Timestamp};

use crate::desk::Desk;
use crate::subject::{Made, Subject};

/// Says numbered lines in two seconds of their own, for engines that tell no parts of seconds.
const COUNT: &str = "i=0; while [ $i -lt 1500 ]; do echo line $i; i=$((i+1)); done; sleep 2; \
                     while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done";

/// A container that has logged some thousand lines and ended.
async fn full(subject: &Subject, desk: &mut Desk) -> Made {
    let made = subject.run(COUNT, json!({})).await;
    if let Some(engine) = subject.engine() {
        engine.flood(made.id.as_str(), 3000, 100_000).unwrap();
        desk.listen(Duration::from_millis(200)).await;
        subject.post(&made, "kill").await;
    }
    desk.sees(&made, "it ended", |one| one.state == State::Exited)
        .await;
    made
}

pub async fn older_lines_are_brought_on_demand(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    let made = full(&subject, &mut desk).await;
    let all = desk.log(&subject, &made, LogOptions::default()).await;
    assert!(all.len() >= 3000, "{} lines", all.len());
    for (line, count) in [(2000, 500), (2999, 10), (1600, 5000), (100, 500), (0, 3)] {
        let at = all.get(line).unwrap().at.unwrap();
        let mut expected = LogBatch::default();
        for line in all.iter().filter(|line| line.at.unwrap() < at) {
            expected.push(line.at, line.stream, line.text);
        }
        let before = Timestamp::from_nanosecond(at.into()).unwrap();
        let wanted = u32::try_from(count).unwrap();
        let feed = Feed::Older(subject.host(), made.id.clone(), before, wanted);
        desk.want([feed.clone()]);
        let (lines, whole) = desk
            .brought("older lines", &feed, |payload| match payload {
                Payload::Older { lines, whole } => Some((lines.clone(), *whole)),
                other => panic!("{other:?}"),
            })
            .await;
        assert_eq!(whole, expected.len() < count, "{count} before {line}");
        expected.drop_first(expected.len().saturating_sub(count));
        assert_eq!(lines, expected, "{count} before {line}");
        // It is answered once.
        desk.listen(Duration::from_millis(100)).await;
        assert_eq!(desk.take(&feed), []);
    }
    subject.remove(&made).await;
}

/// Waits until something is said of a log that has this in it, and gives all that was said until then.
async fn said(desk: &mut Desk, feed: &Feed, what: &str) -> Vec<Payload> {
    let mut all = Vec::new();
    desk.brought(what, feed, |payload| {
        let text = match payload {
            Payload::Lines(_) => return None,
            Payload::Ended(text)
            | Payload::Resumed(text)
            | Payload::Failed(text)
            | Payload::Gap(text) => text,
            other => panic!("{other:?}"),
        };
        all.push(payload.clone());
        text.contains(what).then_some(())
    })
    .await;
    all
}

pub async fn how_a_container_ended_is_told_with_what_it_means(subject: Subject) {
    let made = subject.run("sleep 1000", json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Logs(subject.host(), made.id.clone(), LogRange::All);
    desk.want([feed.clone()]);
    desk.listen(Duration::from_millis(300)).await;
    subject.post(&made, "kill").await;
    let all = said(&mut desk, &feed, "ended with code 137").await;
    assert!(
        matches!(&all[..], [Payload::Ended(text)] if text.contains("killed (SIGKILL)")),
        "{all:?}"
    );
    subject.post(&made, "start").await;
    let all = said(&mut desk, &feed, "was started again").await;
    assert!(matches!(&all[..], [Payload::Resumed(_)]), "{all:?}");
    subject.post(&made, "kill").await;
    said(&mut desk, &feed, "ended with code 137").await;
    subject.remove(&made).await;
    let all = said(&mut desk, &feed, "was removed").await;
    assert!(matches!(&all[..], [Payload::Ended(_)]), "{all:?}");
    desk.listen(Duration::from_secs(1)).await;
    assert_eq!(desk.take(&feed), [], "it is told once");
}

pub async fn a_log_that_cannot_be_read_says_why(subject: Subject) {
    let none = json!({"HostConfig": {"LogConfig": {"Type": "none"}}});
    let made = subject.run("sleep 1000", none).await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Logs(subject.host(), made.id.clone(), LogRange::All);
    desk.want([feed.clone()]);
    let all = said(&mut desk, &feed, "cannot be read").await;
    assert!(
        matches!(&all[..], [Payload::Ended(text)] if text.contains("'none'") && text.contains("json-file")),
        "{all:?}"
    );
    desk.listen(Duration::from_secs(1)).await;
    assert_eq!(desk.take(&feed), [], "it is told once");
    subject.remove(&made).await;
}

pub async fn the_host_s_clock_is_compared(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    let began = Instant::now();
    desk.until("its clock", |fleet| fleet.hosts()[0].skew.is_some())
        .await;
    let skew = desk.fleet.hosts()[0].skew.unwrap();
    // It runs on this machine.
    let most = i64::try_from(began.elapsed().as_millis()).unwrap() + 100;
    assert!(
        skew.ahead_ms.abs() <= skew.doubt_ms && skew.doubt_ms <= most,
        "{skew:?}"
    );
}
