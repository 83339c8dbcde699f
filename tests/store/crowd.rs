//! Several programs at one log: nobody waits for ever, nothing is lost, the chain stays one.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

use wharf::{model::Outcome, store::Store};

use crate::{
    ground::Ground,
    scene::{act, all, done, faults, perform},
};

on_both!(
    programs_share_a_log_from_its_first_moment,
    tasks_and_stores_of_one_program_share_a_log,
    a_killed_program_loses_nothing_it_was_told_is_safe,
    only_acts_of_dead_programs_are_interrupted,
);

const PROGRAMS: u64 = 8;
const EACH: u64 = 60;

#[tokio::test]
#[ignore = "a child of `programs_share_a_log_from_its_first_moment`"]
async fn child_performs() {
    let store = Store::open(&Ground::given()).await.unwrap();
    for number in 0..EACH {
        let id = std::process::id();
        let ticket = store
            .begin(&act(&format!("container start c-{id}-{number}")))
            .await
            .unwrap();
        store.finish(&ticket, &done(), 1).await.unwrap();
    }
}

async fn programs_share_a_log_from_its_first_moment(ground: Ground) {
    let start = Instant::now();
    let children: Vec<_> = (0..PROGRAMS)
        .map(|_| ground.child("crowd::child_performs").spawn().unwrap())
        .collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    println!(
        "{} entries by {PROGRAMS} programs in {:?}",
        PROGRAMS * EACH * 2,
        start.elapsed()
    );
    let store = ground.store().await;
    // On a machine too busy for its turn, an act waits in the spill.
    println!("{} had to wait", store.waiting().await.unwrap().len());
    store.interrupted().await.unwrap();
    let operations = all(&store).await;
    let sentences: HashSet<&str> = operations
        .iter()
        .map(|operation| operation.sentence.as_str())
        .collect();
    assert_eq!(
        (operations.len() as u64, sentences.len() as u64),
        (PROGRAMS * EACH, PROGRAMS * EACH)
    );
    assert_eq!(operations[0].number, PROGRAMS * EACH);
    assert_eq!(faults(&store).await, Vec::<String>::new());
    assert!(store.waiting().await.unwrap().is_empty());
}

async fn tasks_and_stores_of_one_program_share_a_log(ground: Ground) {
    let stores = [ground.store().await, ground.store().await];
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = stores[task % 2].clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    perform(&store, "container start web@ams-1").await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(all(&stores[0]).await.len(), 200);
    let check = stores[1].verify().await.unwrap();
    // On a machine too busy for its turn an act waits in the spill, and a note tells of it.
    assert!(check.entries >= 400, "{}", check.entries);
    assert_eq!(check.faults, Vec::<String>::new());
}

#[tokio::test]
#[ignore = "a child of `a_killed_program_loses_nothing_it_was_told_is_safe`"]
async fn child_performs_until_killed() {
    let store = Store::open(&Ground::given()).await.unwrap();
    for number in 0.. {
        let ticket = store
            .begin(&act("container start web@ams-1"))
            .await
            .unwrap();
        println!("begun {}", ticket.number.unwrap());
        if number % 3 != 0 {
            store.finish(&ticket, &done(), 1).await.unwrap();
            println!("ended {}", ticket.number.unwrap());
        }
    }
}

async fn a_killed_program_loses_nothing_it_was_told_is_safe(ground: Ground) {
    let (mut begun, mut ended) = (HashSet::new(), HashSet::new());
    for round in 0..6u64 {
        let mut child = ground
            .child("crowd::child_performs_until_killed")
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        // Not before it writes, and each time at another moment of it.
        assert!(lines.any(|line| line.contains("begun")));
        tokio::time::sleep(Duration::from_millis(40 + 17 * round)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            match line.split_once(' ') {
                Some(("begun", number)) => begun.insert(number.parse::<u64>().unwrap()),
                Some(("ended", number)) => ended.insert(number.parse::<u64>().unwrap()),
                _ => false,
            };
        }
    }
    let store = ground.store().await;
    assert_eq!(faults(&store).await, Vec::<String>::new());
    let operations = all(&store).await;
    let with = |test: fn(&Outcome) -> bool| -> HashSet<u64> {
        let found = operations
            .iter()
            .filter(|operation| test(&operation.outcome));
        found.map(|operation| operation.number).collect()
    };
    assert!(!ended.is_empty() && begun.is_subset(&with(|_| true)));
    assert!(ended.is_subset(&with(|outcome| matches!(outcome, Outcome::Done { .. }))));
    let left = with(|outcome| *outcome == Outcome::Running).len();
    assert!(left > 0);
    assert_eq!(store.interrupted().await.unwrap().len(), left);
    assert!(
        all(&store)
            .await
            .iter()
            .all(|operation| operation.outcome != Outcome::Running)
    );
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

#[tokio::test]
#[ignore = "a child of `only_acts_of_dead_programs_are_interrupted`"]
async fn child_begins_and_waits() {
    let store = Store::open(&Ground::given()).await.unwrap();
    store
        .begin(&act("container stop theirs@ams-1"))
        .await
        .unwrap();
    println!("begun");
    std::future::pending::<()>().await;
}

async fn only_acts_of_dead_programs_are_interrupted(ground: Ground) {
    let here = ground.store().await;
    let mine = here.begin(&act("container stop mine@ams-1")).await.unwrap();
    let mut child = ground
        .child("crowd::child_begins_and_waits")
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("begun")));
    assert_eq!(here.interrupted().await.unwrap(), [], "both programs live");
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = here.interrupted().await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].sentence.as_str(), &ended[0].outcome),
        ("container stop theirs@ams-1", &Outcome::Interrupted)
    );
    assert_eq!(here.interrupted().await.unwrap(), [], "once is enough");
    here.finish(&mine, &done(), 9).await.unwrap();
    assert_eq!(all(&ground.store().await).await[1].outcome, done());
}
