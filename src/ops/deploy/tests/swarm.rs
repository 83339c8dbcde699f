//! Deploys to a Swarm of memory: its services come, change, fail and go back, also when it is killed at any moment.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::timeout;

use super::{Hosts, ground, phase, release, rollout, trouble};
use crate::{
    model::{
        HostName, Outcome, Share, Timestamp,
        app::{Order, ServiceName},
        release::{
            Direction, Gray, Lease, Phase, Release, Rollout, Scope, Stack, StackMark, StackService,
            Stacked, Trial, Way,
        },
        swarm::{Facts, Mode, Node, Task, Update},
    },
    ops::deploy::{Begin, Swarms, Trouble, run},
    store::Store,
};

/// A Swarm of memory: what a look finds goes on by one step with each look.
#[derive(Debug, Default)]
pub(super) struct Memory {
    services: BTreeMap<String, Kept>,
    mark: Option<String>,
    ids: AtomicU64,
    /// Somebody else changes it before the next change.
    rival: bool,
    /// The Swarm does nothing when an update fails, as with a task that finds no place.
    idle: bool,
}

#[derive(Clone, Debug)]
struct Kept {
    one: StackService,
    image: String,
    before: Option<(Facts, String, String)>,
    failure: Way,
}

fn facts_of(release: &Release, service: &ServiceName, tried: Option<u32>) -> Facts {
    let mut facts = Facts::default();
    facts.open("image", release.pins[service].image.to_string());
    let own = release.spec.services[service].replicas();
    facts.open("replicas", tried.unwrap_or(own).to_string());
    facts.closed("definition", &release.print(service).unwrap().0);
    facts
}

impl Memory {
    fn task(&self, service: &StackService, print: &str, slot: u64, state: &str) -> Task {
        let id = self.ids.fetch_add(1, Ordering::SeqCst);
        Task {
            id: format!("t{id}").into(),
            service: service.id.clone(),
            slot: Some(slot),
            node: Some("n1".into()),
            desired: if state == "failed" {
                "shutdown"
            } else {
                "running"
            }
            .into(),
            state: state.into(),
            error: if state == "failed" {
                "task: non-zero exit (1)"
            } else {
                ""
            }
            .into(),
            print: print.into(),
            created: Timestamp::now(),
            ..Task::default()
        }
    }

    /// One step of what a Swarm does by itself.
    fn go_on(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let mut kept = self.services[&name].clone();
            let Mode::Replicated(all) = kept.one.mode else {
                continue;
            };
            let print = kept.one.mark.as_ref().unwrap().print.0.clone();
            let sick = kept.image.contains("sick");
            let runs = |task: &&Task| task.is_running() && task.is_wanted();
            let good: Vec<u64> = kept
                .one
                .tasks
                .iter()
                .filter(runs)
                .filter(|task| *task.print == *print)
                .filter_map(|task| task.slot)
                .collect();
            let next = (1..=all).find(|slot| !good.contains(slot));
            if kept
                .one
                .update
                .as_ref()
                .is_some_and(|update| &*update.state == "paused")
            {
                continue;
            }
            match next {
                None => {
                    kept.one
                        .tasks
                        .retain(|task| *task.print == *print || task.failed());
                    if let Some(update) = &mut kept.one.update
                        && update.is_under_way()
                    {
                        let done = if &*update.state == "updating" {
                            "completed"
                        } else {
                            "rollback_completed"
                        };
                        update.state = done.into();
                    }
                }
                Some(_) if sick && self.idle => {}
                Some(slot) if sick => {
                    let failed = self.task(&kept.one, &print, slot, "failed");
                    kept.one.tasks.insert(0, failed);
                    // The Swarm takes an update back by itself, if it was told to.
                    if kept.failure == Way::Forth
                        && let Some((facts, image, print)) = kept.before.take()
                    {
                        kept.one.facts = facts;
                        kept.image = image;
                        kept.one.mark.as_mut().unwrap().print.0 = print;
                        kept.one.update = Some(Update {
                            state: "rollback_started".into(),
                            message: "update rolled back due to failure".into(),
                            began: Some(Timestamp::now()),
                        });
                    }
                }
                Some(slot) => {
                    let old = |task: &Task| task.slot == Some(slot) && task.is_running();
                    kept.one.tasks.retain(|task| !old(task));
                    let new = self.task(&kept.one, &print, slot, "running");
                    kept.one.tasks.insert(0, new);
                }
            }
            self.services.insert(name, kept);
        }
    }
}

impl Swarms for Hosts {
    async fn stack(&self, _: &HostName, _: &Scope) -> Result<Stacked, Trouble> {
        let mut swarm = self.swarm.lock().unwrap();
        let seen = Stacked {
            cluster: "c1".into(),
            nodes: vec![Node {
                id: "n1".into(),
                state: "ready".into(),
                manages: true,
                ..Node::default()
            }],
            services: swarm
                .services
                .values()
                .map(|kept| kept.one.clone())
                .collect(),
            ..Stacked::default()
        };
        swarm.go_on();
        Ok(seen)
    }

    fn wanted(
        &self,
        release: &Release,
        service: &ServiceName,
        tried: Option<u32>,
    ) -> Result<Facts, Trouble> {
        Ok(facts_of(release, service, tried))
    }

    async fn set(
        &self,
        _: &HostName,
        release: &Release,
        (service, tried): (&ServiceName, Option<u32>),
        over: Option<&StackService>,
        way: Way,
    ) -> Result<bool, Trouble> {
        let called = match tried {
            Some(_) => service.canary(),
            None => service.to_string(),
        };
        let all = tried.unwrap_or_else(|| release.spec.services[service].replicas());
        let many = tried.map_or_else(String::new, |count| format!(" x{count}"));
        self.act(format!("set {called}{many} to {}", release.number))
            .await;
        let mut swarm = self.swarm.lock().unwrap();
        let facts = facts_of(release, service, tried);
        let image = release.pins[service].image.to_string();
        let mark = StackMark {
            release: release.number,
            environment: release.scope.environment.to_string(),
            print: release.print(service).unwrap(),
        };
        let mode = Mode::Replicated(all.into());
        let rival = std::mem::take(&mut swarm.rival);
        let Some(kept) = swarm.services.get_mut(&called) else {
            if over.is_some() {
                return Ok(false);
            }
            let one = StackService {
                id: format!("id-{called}").into(),
                name: format!("shop_{called}").into(),
                service: service.as_str().into(),
                tried: tried.is_some(),
                version: 1,
                mark: Some(mark),
                facts,
                mode,
                ..StackService::default()
            };
            let kept = Kept {
                one,
                image,
                before: None,
                failure: way,
            };
            swarm.services.insert(called, kept);
            return Ok(true);
        };
        if rival {
            kept.one.version += 1;
            kept.one.facts.open("replicas", "9");
        }
        if over.is_none_or(|one| one.version != kept.one.version) {
            return Ok(false);
        }
        let before = kept.one.mark.as_ref().unwrap().print.0.clone();
        kept.before = Some((kept.one.facts.clone(), kept.image.clone(), before));
        kept.image = image;
        kept.failure = way;
        kept.one.version += 1;
        kept.one.facts = facts;
        kept.one.mark = Some(mark);
        kept.one.mode = mode;
        kept.one.update = Some(Update {
            state: "updating".into(),
            message: "update in progress".into(),
            began: Some(Timestamp::now()),
        });
        Ok(true)
    }

    async fn drop_service(&self, _: &HostName, one: &StackService) -> Result<(), Trouble> {
        self.act(format!("drop {}", one.name)).await;
        let mut swarm = self.swarm.lock().unwrap();
        swarm.services.retain(|_, kept| kept.one.id != one.id);
        Ok(())
    }

    async fn sweep(&self, _: &HostName, _: &Scope, _: &[&Release]) -> Result<Vec<String>, Trouble> {
        Ok(Vec::new())
    }

    async fn mark_stack(&self, _: &HostName, lease: &Lease, _: &str) -> Result<(), Trouble> {
        let mut swarm = self.swarm.lock().unwrap();
        let ours = lease.number.to_string();
        let there = swarm.mark.get_or_insert_with(|| ours.clone());
        if *there == ours {
            Ok(())
        } else {
            Err(trouble("it is marked"))
        }
    }

    async fn unmark_stack(&self, _: &HostName, _: &Scope) -> Result<(), Trouble> {
        self.swarm.lock().unwrap().mark = None;
        Ok(())
    }
}

/// A release for a Swarm, of services with their images.
fn stacked(number: u32, services: &[(&str, &str)], replicas: u32) -> Arc<Release> {
    let mut one = (*release(number, &["m1"], services, None)).clone();
    for target in &mut one.targets {
        target.replica = 0;
    }
    for service in one.spec.services.values_mut() {
        service.deploy.replicas = Some(replicas);
    }
    one.at = Timestamp::now();
    one.stack = Some(Stack {
        cluster: "c1".into(),
        orders: one
            .spec
            .services
            .keys()
            .map(|name| (name.clone(), Order::StartFirst))
            .collect(),
        ..Stack::default()
    });
    Arc::new(one)
}

/// With what the services are when it is planned.
fn planned(hosts: &Hosts, release: &Arc<Release>, previous: Option<&Arc<Release>>) -> Rollout {
    let swarm = hosts.swarm.lock().unwrap();
    let seen = swarm.services.values();
    Rollout {
        seen: seen
            .filter(|kept| !kept.one.tried)
            .map(|kept| {
                let name = ServiceName::new(&kept.one.service).unwrap();
                (name, kept.one.facts.print())
            })
            .collect(),
        ..rollout(release, previous)
    }
}

async fn deploy(
    hosts: &Hosts,
    store: &Store,
    release: &Arc<Release>,
    previous: Option<&Arc<Release>>,
) -> Outcome {
    let rollout = planned(hosts, release, previous);
    super::deploy(hosts, store, &rollout).await
}

async fn again(hosts: &Hosts, store: &Store, rollout: Rollout, direction: Direction) -> Outcome {
    let begin = Begin::Again {
        rollout: Box::new(rollout),
        direction,
    };
    let stop = tokio_util::sync::CancellationToken::new();
    run(
        &begin,
        hosts,
        &crate::model::release::Secrets::default(),
        store,
        "ben@ops",
        &stop,
        &|_| (),
    )
    .await
}

/// The services with their images and how many of their tasks run just that.
fn runs(hosts: &Hosts) -> Vec<(String, String, usize)> {
    let swarm = hosts.swarm.lock().unwrap();
    let of = |kept: &Kept| {
        let print = &kept.one.mark.as_ref().unwrap().print.0;
        let tasks = kept
            .one
            .tasks
            .iter()
            .filter(|task| task.is_running() && *task.print == **print);
        (
            kept.one.name.strip_prefix("shop_").unwrap().to_owned(),
            kept.image.clone(),
            tasks.count(),
        )
    };
    swarm.services.values().map(of).collect()
}

fn row(service: &str, image: &str, count: usize) -> (String, String, usize) {
    (service.to_owned(), image.to_owned(), count)
}

#[tokio::test]
async fn services_come_change_and_go_with_their_release() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = stacked(1, &[("web", "web:1"), ("db", "db:1")], 3);
    let outcome = deploy(&hosts, &ground.store, &one, None).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    assert_eq!(runs(&hosts), [row("db", "db:1", 3), row("web", "web:1", 3)]);
    let before = hosts.done.lock().unwrap().len();
    let two = stacked(2, &[("web", "web:2"), ("db", "db:1")], 3);
    deploy(&hosts, &ground.store, &two, Some(&one)).await;
    assert_eq!(runs(&hosts), [row("db", "db:1", 3), row("web", "web:2", 3)]);
    // What did not change is not written.
    assert_eq!(hosts.done.lock().unwrap()[before..], ["set web to r000002"]);
    // How many there are is the release's, too; and what it does not have goes.
    let three = stacked(3, &[("web", "web:2")], 5);
    let outcome = deploy(&hosts, &ground.store, &three, Some(&two)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    assert_eq!(runs(&hosts), [row("web", "web:2", 5)]);
    assert_eq!(phase(&ground.store).await.0, Phase::Succeeded);
    assert!(hosts.swarm.lock().unwrap().mark.is_none());
}

#[tokio::test]
async fn a_release_that_never_gets_well_goes_back_whatever_the_swarm_does() {
    for idle in [false, true] {
        let (hosts, ground) = (Hosts::new(), ground().await);
        let one = stacked(1, &[("web", "web:1"), ("db", "db:1")], 2);
        deploy(&hosts, &ground.store, &one, None).await;
        hosts.swarm.lock().unwrap().idle = idle;
        let two = stacked(2, &[("web", "web:sick"), ("db", "db:2")], 2);
        let outcome = deploy(&hosts, &ground.store, &two, Some(&one)).await;
        let told = outcome.to_string();
        assert!(
            told.contains("everything is back at r000001"),
            "{idle}: {told}"
        );
        let why = if idle {
            "0 of 2 tasks run it"
        } else {
            "took it back by itself"
        };
        assert!(told.contains(why), "{idle}: {told}");
        assert_eq!(told.contains("non-zero exit"), !idle, "{told}");
        assert_eq!(
            runs(&hosts),
            [row("db", "db:1", 2), row("web", "web:1", 2)],
            "{idle}"
        );
        assert_eq!(phase(&ground.store).await.0, Phase::RolledBack);
        // The next one comes over that.
        let three = stacked(3, &[("web", "web:3"), ("db", "db:1")], 2);
        let outcome = deploy(&hosts, &ground.store, &three, Some(&one)).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    }
}

#[tokio::test]
async fn a_first_release_that_never_gets_well_is_taken_away() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = stacked(1, &[("web", "web:sick"), ("db", "db:1")], 2);
    let outcome = deploy(&hosts, &ground.store, &one, None).await;
    assert!(
        outcome
            .to_string()
            .contains("everything is back at nothing"),
        "{outcome}"
    );
    assert!(
        outcome
            .to_string()
            .contains("of its tasks failed: task: non-zero exit (1)"),
        "{outcome}"
    );
    assert!(runs(&hosts).is_empty());
    assert!(hosts.swarm.lock().unwrap().mark.is_none());
}

#[tokio::test]
async fn what_somebody_else_changed_is_asked_about() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = stacked(1, &[("web", "web:1")], 2);
    deploy(&hosts, &ground.store, &one, None).await;
    let two = stacked(2, &[("web", "web:2")], 2);
    hosts.swarm.lock().unwrap().rival = true;
    let outcome = deploy(&hosts, &ground.store, &two, Some(&one)).await;
    let told = outcome.to_string();
    assert!(
        told.contains("somebody else changed shop_web meanwhile"),
        "{told}"
    );
    assert!(told.contains("replicas 9 → 2"), "{told}");
    assert_eq!(phase(&ground.store).await.0, Phase::Paused);
    assert_eq!(runs(&hosts)[0].1, "web:1");
    // Whoever goes on has decided.
    let held = rollout(&two, Some(&one));
    let outcome = again(&hosts, &ground.store, held, Direction::Forth).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    assert_eq!(runs(&hosts), [row("web", "web:2", 2)]);
}

#[tokio::test]
async fn whoever_goes_on_after_a_kill_at_any_moment_ends_at_the_same() {
    for (kill, direction) in
        (0..4).flat_map(|kill| [(kill, Direction::Forth), (kill, Direction::Back)])
    {
        let (hosts, ground) = (Hosts::new(), ground().await);
        let one = stacked(1, &[("web", "web:1"), ("db", "db:1"), ("old", "old:1")], 2);
        deploy(&hosts, &ground.store, &one, None).await;
        let two = stacked(2, &[("web", "web:2"), ("db", "db:2")], 2);
        let rollout = planned(&hosts, &two, Some(&one));
        hosts.left.store(kill, Ordering::SeqCst);
        let begin = super::deploy(&hosts, &ground.store, &rollout);
        let killed = timeout(Duration::from_millis(400), begin).await.is_err();
        hosts.left.store(u64::MAX, Ordering::SeqCst);
        assert_eq!(killed, kill < 3, "{kill}");
        if !killed {
            continue;
        }
        super::expire(&ground).await;
        let outcome = again(&hosts, &ground.store, rollout, direction).await;
        let wanted = match direction {
            Direction::Back => vec![
                row("db", "db:1", 2),
                row("old", "old:1", 2),
                row("web", "web:1", 2),
            ],
            _ => vec![row("db", "db:2", 2), row("web", "web:2", 2)],
        };
        assert_eq!(runs(&hosts), wanted, "{kill} {direction:?}: {outcome}");
        assert!(hosts.swarm.lock().unwrap().mark.is_none());
    }
}

/// With `web` tried by 20 and 50 of a hundred first, beside four.
fn tried(mut rollout: Rollout) -> Rollout {
    let shares = [20, 50].map(|share| Share::new(share).unwrap());
    rollout.policy.gray = Some(Gray {
        steps: shares.to_vec(),
        every: Duration::from_millis(3),
        requests: 1,
    });
    let web = ServiceName::new("web").unwrap();
    rollout.trials = BTreeMap::from([(web, Trial::steps(&shares, 4, 4))]);
    rollout
}

#[tokio::test]
async fn what_is_tried_stands_beside_the_first_until_it_takes_its_place() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = stacked(1, &[("web", "web:1"), ("db", "db:1")], 4);
    deploy(&hosts, &ground.store, &one, None).await;
    let before = hosts.done.lock().unwrap().len();
    let two = stacked(2, &[("web", "web:2"), ("db", "db:1")], 4);
    let rollout = tried(planned(&hosts, &two, Some(&one)));
    let outcome = super::deploy(&hosts, &ground.store, &rollout).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    assert_eq!(runs(&hosts), [row("db", "db:1", 4), row("web", "web:2", 4)]);
    assert_eq!(
        hosts.done.lock().unwrap()[before..],
        [
            "set web-canary x1 to r000002",
            "set web-canary x4 to r000002",
            "set web to r000002",
            "drop shop_web-canary",
        ]
    );
}

#[tokio::test]
async fn a_bad_one_that_is_tried_goes_and_nothing_else_is_touched() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = stacked(1, &[("web", "web:1")], 4);
    deploy(&hosts, &ground.store, &one, None).await;
    let before = hosts.done.lock().unwrap().len();
    let two = stacked(2, &[("web", "web:sick")], 4);
    let rollout = tried(planned(&hosts, &two, Some(&one)));
    let outcome = super::deploy(&hosts, &ground.store, &rollout).await;
    let told = outcome.to_string();
    assert!(told.contains("everything is back at r000001"), "{told}");
    assert!(told.contains("non-zero exit"), "{told}");
    assert_eq!(runs(&hosts), [row("web", "web:1", 4)]);
    assert_eq!(
        hosts.done.lock().unwrap()[before..],
        ["set web-canary x1 to r000002", "drop shop_web-canary"]
    );
}

#[tokio::test]
async fn what_was_left_of_a_trial_is_gone_on_with_or_goes() {
    use Direction::{Back, Forth, Promote};
    for (kill, direction) in (0..4).flat_map(|kill| [Forth, Back, Promote].map(|to| (kill, to))) {
        let (hosts, ground) = (Hosts::new(), ground().await);
        let one = stacked(1, &[("web", "web:1")], 4);
        deploy(&hosts, &ground.store, &one, None).await;
        let two = stacked(2, &[("web", "web:2")], 4);
        let rollout = tried(planned(&hosts, &two, Some(&one)));
        hosts.left.store(kill, Ordering::SeqCst);
        let begin = super::deploy(&hosts, &ground.store, &rollout);
        let killed = timeout(Duration::from_millis(400), begin).await.is_err();
        assert!(killed, "{kill}");
        let before = hosts.done.lock().unwrap().len();
        hosts.left.store(u64::MAX, Ordering::SeqCst);
        super::expire(&ground).await;
        let outcome = again(&hosts, &ground.store, rollout, direction).await;
        let image = if direction == Back { "web:1" } else { "web:2" };
        let told = format!("{kill} {direction:?}: {outcome}");
        assert_eq!(runs(&hosts), [row("web", image, 4)], "{told}");
        let done = hosts.done.lock().unwrap()[before..].join("; ");
        // A step that was done is not done again.
        let steps = done.matches("web-canary x").count() as u64;
        let left = if direction == Forth {
            2_u64.saturating_sub(kill)
        } else {
            0
        };
        assert_eq!(steps, left, "{told}: {done}");
    }
}

#[tokio::test]
async fn what_a_deploy_that_was_given_up_tried_goes_with_the_next() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = stacked(1, &[("web", "web:1")], 4);
    deploy(&hosts, &ground.store, &one, None).await;
    let two = stacked(2, &[("web", "web:2")], 4);
    let tried = tried(planned(&hosts, &two, Some(&one)));
    hosts.left.store(1, Ordering::SeqCst);
    let begin = super::deploy(&hosts, &ground.store, &tried);
    assert!(timeout(Duration::from_millis(400), begin).await.is_err());
    hosts.left.store(u64::MAX, Ordering::SeqCst);
    assert_eq!(runs(&hosts).len(), 2);
    ground
        .store
        .break_deploy(&one.scope, "given up")
        .await
        .unwrap();
    hosts.swarm.lock().unwrap().mark = None;
    let three = stacked(3, &[("web", "web:3")], 4);
    let outcome = deploy(&hosts, &ground.store, &three, Some(&one)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    assert_eq!(runs(&hosts), [row("web", "web:3", 4)]);
}
