//! Deploys of apps whose targets are listed: nobody on the list is stopped, and a list that cannot be written stops no one.

use std::collections::BTreeSet;

use super::*;

/// A list of targets, of memory.
#[derive(Default)]
pub(super) struct Book {
    /// Somebody keeps one.
    pub(super) open: bool,
    /// Who is on it.
    on: BTreeSet<ContainerId>,
    /// It takes so many more writes, if it is said.
    left: Option<u32>,
    /// The fewest that were on it since all were.
    fewest: Option<usize>,
    /// Who was stopped while on it.
    faults: Vec<String>,
}

impl Book {
    pub(super) fn stops(&mut self, one: &Found) {
        if self.open && self.on.contains(&one.id) {
            self.faults.push(one.name.clone());
        }
    }

    pub(super) fn publish(&mut self, listing: &Listing) -> Result<Vec<String>, Trouble> {
        match &mut self.left {
            Some(0) => return Err(trouble("the book is shut")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.on = listing.targets().map(|one| one.id.clone()).collect();
        self.fewest = self.fewest.map(|fewest| fewest.min(self.on.len()));
        Ok(Vec::new())
    }
}

/// All that run are on the list, nobody else is, and nobody was stopped who was.
fn right(hosts: &Hosts, image: &str, told: &str) {
    let book = hosts.book.lock().unwrap();
    assert_eq!(book.faults, Vec::<String>::new(), "{told}");
    let all = hosts.all.lock().unwrap();
    let live = all.values().flatten().filter(|one| one.found.is_live());
    let live: BTreeSet<ContainerId> = live.map(|one| one.found.id.clone()).collect();
    assert_eq!(book.on, live, "{told}");
    drop((book, all));
    assert_eq!(hosts.live(), webs(&THREE, image), "{told}");
}

async fn listed(image: &str) -> (Hosts, Ground, Arc<Release>, Arc<Release>) {
    let (hosts, ground) = (Hosts::new(), ground().await);
    hosts.book.lock().unwrap().open = true;
    let one = release(1, &THREE, &[("web", "web:1")], None);
    let outcome = deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    right(&hosts, "web:1", &outcome.to_string());
    hosts.book.lock().unwrap().fewest = Some(3);
    let two = release(2, &THREE, &[("web", image)], None);
    (hosts, ground, one, two)
}

async fn again(hosts: &Hosts, ground: &Ground, rollout: &Rollout, direction: Direction) -> Outcome {
    let begin = Begin::Again {
        rollout: Box::new(rollout.clone()),
        direction,
    };
    let (cancel, secrets) = (CancellationToken::new(), Secrets::default());
    run(
        &begin,
        hosts,
        &secrets,
        &ground.store,
        "bob@ops",
        &cancel,
        &|_| (),
    )
    .await
}

#[tokio::test]
async fn targets_leave_the_list_before_they_stop_and_the_new_ones_are_on_it() {
    for (image, after) in [("web:2", "web:2"), ("web:sick", "web:1")] {
        let (hosts, ground, one, two) = listed(image).await;
        let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
        right(&hosts, after, &outcome.to_string());
        assert_eq!(hosts.book.lock().unwrap().fewest, Some(3));
    }
    let (hosts, ground, one, _) = listed("web:1").await;
    let fewer = release(2, &["a"], &[("web", "web:1")], None);
    deploy(&hosts, &ground.store, &rollout(&fewer, Some(&one))).await;
    assert_eq!(hosts.book.lock().unwrap().on.len(), 1);
    assert!(hosts.book.lock().unwrap().faults.is_empty());
}

#[tokio::test]
async fn a_list_that_cannot_be_written_stops_the_deploy_and_nobody_on_it() {
    let (hosts, ground, one, two) = listed("web:2").await;
    hosts.book.lock().unwrap().left = Some(0);
    let outcome = deploy(&hosts, &ground.store, &rollout(&two, Some(&one))).await;
    let told = outcome.to_string();
    assert!(
        told.contains("nothing was changed: the book is shut"),
        "{told}"
    );
    right(&hosts, "web:1", &told);

    for writes in 1..6 {
        for (direction, image) in [(Direction::Forth, "web:2"), (Direction::Back, "web:1")] {
            let (hosts, ground, one, two) = listed("web:2").await;
            hosts.book.lock().unwrap().left = Some(writes);
            let rollout = rollout(&two, Some(&one));
            let outcome = deploy(&hosts, &ground.store, &rollout).await;
            let told = outcome.to_string();
            if matches!(outcome, Outcome::Done { .. }) {
                continue;
            }
            assert!(told.contains("could not be listed"), "{told}");
            assert_eq!(phase(&ground.store).await.0, Phase::Paused);
            assert!(hosts.book.lock().unwrap().faults.is_empty(), "{told}");
            hosts.book.lock().unwrap().left = None;
            let outcome = again(&hosts, &ground, &rollout, direction).await;
            right(&hosts, image, &outcome.to_string());
        }
    }
}

#[tokio::test]
async fn killed_anywhere_whoever_goes_on_leaves_the_list_right() {
    for kill in 0..60 {
        let (hosts, ground, one, two) = listed("web:2").await;
        let rollout = rollout(&two, Some(&one));
        hosts.left.store(kill, Ordering::SeqCst);
        let running = deploy(&hosts, &ground.store, &rollout);
        let killed = timeout(Duration::from_millis(250), running).await;
        hosts.left.store(u64::MAX, Ordering::SeqCst);
        if killed.is_ok() {
            assert!(kill > 15, "{kill}");
            right(&hosts, "web:2", "not killed");
            return;
        }
        expire(&ground).await;
        let (direction, image) = if kill % 2 == 0 {
            (Direction::Forth, "web:2")
        } else {
            (Direction::Back, "web:1")
        };
        let outcome = again(&hosts, &ground, &rollout, direction).await;
        right(&hosts, image, &format!("after {kill}: {outcome}"));
        assert_eq!(hosts.book.lock().unwrap().fewest, Some(3), "after {kill}");
    }
    panic!("it never ended by itself");
}
