//! Runs of pipelines: one conformance suite for both databases.

use std::{collections::BTreeSet, sync::Arc};

use wharf::{
    catalog::pipeline::pipeline,
    model::{
        HostName, Timestamp,
        pipeline::{
            Cause, LogLine, LogPlace, Reply, Run, RunNumber, RunWish, Status, StepName,
            SuiteResult, TestReport,
        },
    },
    store::{Kept, Store, Taker},
};

use crate::ground::Ground;

fn run(name: &str) -> Run {
    let text = "steps: [{name: one, run: host list}, {name: two, run: host list}]";
    let pipeline = pipeline(&format!("{name}.yaml"), text).pipeline.unwrap();
    let at = Timestamp::from_second(1_790_000_000).unwrap();
    Run::new(Arc::new(pipeline), Cause::Manual, "ann@ops".to_owned(), at)
}

fn step(name: &str) -> StepName {
    name.parse().unwrap()
}

fn line(text: &str) -> LogLine {
    LogLine {
        at: 7,
        error: false,
        text: text.to_owned(),
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one story, for a database is not made for each promise"
)]
async fn conforms(store: &Store) {
    assert_eq!(store.claim_run("w@1", Taker::Worker).await.unwrap(), None);
    let mark = store.runs_mark().await.unwrap();
    let first = store.ask_run(&run("a")).await.unwrap();
    let second = store.ask_run(&run("a")).await.unwrap();
    let other = store.ask_run(&run("b")).await.unwrap();
    assert_eq!([first.0, second.0, other.0], [1, 2, 3]);
    assert!(store.runs_mark().await.unwrap() > mark);

    // Of one pipeline one runs at a time; another pipeline does not wait for it.
    let (mut one, lease) = store
        .claim_run("w@1", Taker::Worker)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(one.number, first);
    let (mut three, other_lease) = store
        .claim_run("w@2", Taker::Worker)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(three.number, other);
    assert_eq!(store.claim_run("w@3", Taker::Worker).await.unwrap(), None);

    // One that waits for people lets the next one pass, and goes on when that is over.
    one.status = Status::Blocked;
    assert_eq!(store.tell_run(lease, &one).await.unwrap(), Kept::Yes);
    let (mut two, second_lease) = store
        .claim_run("w@1", Taker::Worker)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(two.number, second);
    one.status = Status::Running;
    assert_eq!(store.tell_run(lease, &one).await.unwrap(), Kept::Wait);
    two.status = Status::Success;
    assert_eq!(store.tell_run(second_lease, &two).await.unwrap(), Kept::Yes);
    assert_eq!(store.tell_run(lease, &one).await.unwrap(), Kept::Yes);

    // Wishes reach whoever works; what is over is wished nothing.
    assert_eq!(store.keep_run(lease).await.unwrap(), Some(RunWish::Go));
    assert!(
        store
            .wish_run(first, RunWish::Cancel)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(store.keep_run(lease).await.unwrap(), Some(RunWish::Cancel));
    assert_eq!(store.wish_run(second, RunWish::Cancel).await.unwrap(), None);

    // Who was taken over is told with the next word, and changes nothing.
    store.leave_run(lease).await.unwrap();
    let (again, newer) = store
        .claim_run("w@4", Taker::Worker)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.number, newer.token > lease.token), (first, true));
    assert_eq!(store.keep_run(lease).await.unwrap(), None);
    one.detail = String::from("stale");
    assert_eq!(store.tell_run(lease, &one).await.unwrap(), Kept::Lost);
    assert!(
        !store
            .add_run_log(lease, &step("one"), &[line("stale")], "m")
            .await
            .unwrap()
    );
    let held = store.run(first).await.unwrap().unwrap();
    assert_eq!(
        (held.worker.as_str(), held.run.detail.as_str()),
        ("w@4", "")
    );

    // The log of a step, from any line on, with where it was read up to.
    let none = store
        .run_log(first, &step("one"), LogPlace(0))
        .await
        .unwrap();
    assert!(none.lines.is_empty());
    for (lines, mark) in [(&["a", "b"][..], "m1"), (&["c"][..], "")] {
        let lines: Vec<LogLine> = lines.iter().map(|text| line(text)).collect();
        assert!(
            store
                .add_run_log(newer, &step("one"), &lines, mark)
                .await
                .unwrap()
        );
    }
    let rest = store
        .run_log(first, &step("one"), LogPlace(1))
        .await
        .unwrap();
    let texts: Vec<&str> = rest.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!((texts, rest.next), (vec!["b", "c"], LogPlace(3)));
    let end = store
        .run_log(first, &step("one"), LogPlace(3))
        .await
        .unwrap();
    assert!(end.lines.is_empty() && end.next == LogPlace(3));
    let read = store.run_log_mark(first, &step("one")).await.unwrap();
    assert_eq!(read.as_deref(), Some("m1"), "notes of our own mark nothing");

    // Answers: the last one of each person.
    let at = Timestamp::from_second(1_790_000_100).unwrap();
    for (by, approves) in [("ann@ops", false), ("bob@ops", true), ("ann@ops", true)] {
        let reply = Reply {
            by: by.to_owned(),
            at,
            approves,
            reason: String::new(),
            digest: "d".to_owned(),
        };
        store.reply_run(first, &step("two"), &reply).await.unwrap();
    }
    let replies = store.replies(first, &step("two")).await.unwrap();
    assert_eq!(replies.len(), 2);
    assert!(replies.iter().all(|reply| reply.approves));

    // Suites: newest first, once for each step of a run.
    let report = TestReport {
        tests: 3,
        ..TestReport::default()
    };
    for (run, second) in [(first, 1), (second, 2), (second, 2)] {
        let result = SuiteResult {
            run,
            step: step("one"),
            at: Timestamp::from_second(1_790_000_000 + second).unwrap(),
            digest: None,
            report: Some(report.clone()),
        };
        store.add_suite_result("all", "qa", &result).await.unwrap();
    }
    let results = store.suite_results("all", "qa", 10).await.unwrap();
    let runs: Vec<RunNumber> = results.iter().map(|result| result.run).collect();
    assert_eq!(runs, [second, first]);
    assert!(
        store
            .suite_results("all", "dev", 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.suite_results("all", "", 10).await.unwrap().len(), 2);

    // Over, and again.
    three.status = Status::Failure;
    assert_eq!(
        store.tell_run(other_lease, &three).await.unwrap(),
        Kept::Yes
    );
    three.status = Status::Pending;
    assert!(store.again_run(&three).await.unwrap());
    assert!(
        !store.again_run(&three).await.unwrap(),
        "it is not over any more"
    );
    let (taken, _) = store
        .claim_run("w@5", Taker::Worker)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(taken.number, other);

    // What is seen starts one run, however many see it.
    let seen = |run, before, now| store.ask_run_once(run, "push a", before, now);
    let next = run("a");
    assert_eq!(seen(None, None, "c1").await.unwrap(), None);
    assert!(seen(Some(&next), Some("c1"), "c2").await.unwrap().is_some());
    assert_eq!(seen(Some(&next), Some("c1"), "c2").await.unwrap(), None);
    assert_eq!(store.seen("push a").await.unwrap().as_deref(), Some("c2"));
    let open = store
        .runs(Some(&next.pipeline.name), true, 10)
        .await
        .unwrap();
    let open: Vec<u64> = open.iter().map(|held| held.run.number.0).collect();
    assert_eq!(open, [4, 1]);
}

async fn runs_are_queued_taken_told_and_never_doubled(ground: Ground) {
    let store = ground.store().await;
    conforms(&store).await;
}

/// A hundred runs of ten pipelines, and workers that take, tell and end them: each is taken once.
async fn many_workers_share_the_queue(ground: Ground) {
    const RUNS: usize = 100;
    let store = ground.store().await;
    for index in 0..RUNS {
        store
            .ask_run(&run(&format!("p{}", index % 10)))
            .await
            .unwrap();
    }
    let worker = async |name: String| {
        let mut done = Vec::new();
        while let Some((mut run, lease)) = store.claim_run(&name, Taker::Worker).await.unwrap() {
            run.status = Status::Success;
            assert_eq!(store.tell_run(lease, &run).await.unwrap(), Kept::Yes);
            done.push(run.number);
        }
        done
    };
    let (one, two, three) = tokio::join!(
        worker("w@1".to_owned()),
        worker("w@2".to_owned()),
        worker("w@3".to_owned())
    );
    let all: Vec<RunNumber> = [one, two, three].concat();
    let once: BTreeSet<RunNumber> = all.iter().copied().collect();
    assert_eq!((all.len(), once.len()), (RUNS, RUNS));
}

/// So many runs have their containers on one host, however many look for room at the same time.
async fn a_host_takes_no_more_runs_than_it_may(ground: Ground) {
    let store = ground.store().await;
    let mut taken = Vec::new();
    for name in ["a", "b", "c", "d"] {
        store.ask_run(&run(name)).await.unwrap();
        let (mut run, lease) = store
            .claim_run("w@1", Taker::Worker)
            .await
            .unwrap()
            .unwrap();
        run.status = Status::Running;
        run.host = Some(HostName::new("ams-1"));
        taken.push((run, lease));
    }
    let placed = |index: usize| store.place_run(taken[index].1, &taken[index].0, 2);
    let (one, two, three, four) = tokio::join!(placed(0), placed(1), placed(2), placed(3));
    let all = [one, two, three, four].map(|one| one.unwrap());
    let room = all.iter().filter(|one| **one == Kept::Yes).count();
    assert_eq!(room, 2, "{all:?}");
    // Who has a place keeps it; when one is over the next has room, and another host has room all the time.
    let had = all.iter().position(|one| *one == Kept::Yes).unwrap();
    let waits = all.iter().position(|one| *one == Kept::Wait).unwrap();
    assert_eq!(placed(had).await.unwrap(), Kept::Yes);
    let (mut beside, lease) = taken[waits].clone();
    beside.host = Some(HostName::new("ams-2"));
    assert_eq!(store.place_run(lease, &beside, 2).await.unwrap(), Kept::Yes);
    let (mut over, lease) = taken[had].clone();
    over.status = Status::Success;
    assert_eq!(store.tell_run(lease, &over).await.unwrap(), Kept::Yes);
    assert_eq!(placed(waits).await.unwrap(), Kept::Yes);
}

/// What a build said is kept by the number of its act, in the place of what was kept before.
async fn what_builds_said_is_kept(ground: Ground) {
    let store = ground.store().await;
    let key = (RunNumber::of_build(42), RunNumber::build_step());
    let read = async || {
        let (mut place, mut all) = (LogPlace::default(), Vec::new());
        loop {
            let chunk = store.run_log(key.0, &key.1, place).await.unwrap();
            place = chunk.next;
            if chunk.lines.is_empty() {
                return all;
            }
            all.extend(chunk.lines.into_iter().map(|line| line.text));
        }
    };
    assert!(read().await.is_empty());
    let lines: Vec<LogLine> = (0..1200).map(|number| line(&number.to_string())).collect();
    store.keep_build_log(42, &lines).await.unwrap();
    let kept = read().await;
    assert_eq!((kept.len(), kept[1199].as_str()), (1200, "1199"));
    // Runs come and go without it.
    store.ask_run(&run("a")).await.unwrap();
    assert_eq!(read().await.len(), 1200);
    store.keep_build_log(42, &lines[..3]).await.unwrap();
    assert_eq!(read().await.len(), 3);
    store.keep_build_log(40_000, &lines[..1]).await.unwrap();
    assert!(read().await.is_empty(), "those of very old builds go");
}

on_both!(
    a_host_takes_no_more_runs_than_it_may,
    what_builds_said_is_kept,
    runs_are_queued_taken_told_and_never_doubled,
    many_workers_share_the_queue,
);
