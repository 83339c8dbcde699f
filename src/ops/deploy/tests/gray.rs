//! Deploys behind a balancer of memory, and gray releases.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
};

use super::*;
use crate::{
    clients::haproxy::Sample,
    model::{
        Admin, Backend, Counters, ServerName, Share, Slot, Standing, Verdict,
        app::Behind,
        balancer::NOWHERE,
        release::{Direction, Front, Gray, Wish},
    },
    ops::deploy::Move,
};

/// A balancer of memory with a stable and a canary backend.
pub(super) struct Edge {
    pub(super) backends: Vec<Backend>,
    pub(super) share: Share,
    /// What is thought of a canary, look by look; the last one stays.
    pub(super) verdicts: VecDeque<Verdict>,
    /// What would have cost requests.
    pub(super) faults: Vec<String>,
}

impl Default for Edge {
    fn default() -> Self {
        let backend = |name: &str| Backend {
            name: name.into(),
            slots: (1..=8).map(|at| slot(name, at)).collect(),
            elastic: false,
            queue: 0,
            sessions: 0,
            counters: Counters::default(),
        };
        Self {
            backends: vec![backend("shop_stable"), backend("shop_canary")],
            share: Share::NONE,
            verdicts: VecDeque::from([Verdict::Success]),
            faults: Vec::new(),
        }
    }
}

fn slot(backend: &str, at: usize) -> Slot {
    Slot {
        name: format!("{backend}/s{at}").parse().unwrap(),
        address: Some(NOWHERE),
        admin: Admin::Maintenance,
        standing: Standing::Down,
        checked: true,
        check: "L7OK".into(),
        weight: 1,
        sessions: 0,
        queue: 0,
        counters: Counters::default(),
    }
}

/// Where the balancer reaches a host.
fn ip(host: &HostName) -> IpAddr {
    let letter = host.as_str().as_bytes()[0];
    IpAddr::from([10, 0, 0, letter])
}

impl Edge {
    fn slot(&mut self, name: &ServerName) -> &mut Slot {
        let mut slots = self.backends.iter_mut().flat_map(|one| &mut one.slots);
        slots.find(|slot| slot.name == *name).unwrap()
    }

    /// Every slot is checked against the containers that run.
    pub(super) fn look(&mut self, live: &[(SocketAddr, bool)]) {
        for slot in self.backends.iter_mut().flat_map(|one| &mut one.slots) {
            let well = live.iter().find(|(at, _)| Some(*at) == slot.address);
            slot.standing = match well {
                Some((_, true)) if slot.admin != Admin::Maintenance => Standing::Up,
                _ => Standing::Down,
            };
            // Of two looks one still sees a session that ends.
            slot.sessions = u64::from(slot.admin == Admin::Drain && slot.sessions == 2);
        }
    }

    pub(super) fn act(&mut self, what: &Move) {
        match what {
            Move::Enter { backend, address } => {
                let mut all = self.backends.iter_mut();
                let backend = all.find(|one| *one.name == **backend).unwrap();
                let name = backend
                    .slot_of(*address)
                    .or_else(|| backend.free_slot())
                    .unwrap()
                    .name
                    .clone();
                let slot = self.slot(&name);
                slot.address = Some(*address);
                (slot.admin, slot.standing) = (Admin::Drain, Standing::Down);
            }
            Move::Admit(slot) => {
                let fault = slot.standing != Standing::Up;
                self.slot(&slot.name).admin = Admin::Ready;
                if fault {
                    self.faults.push(format!("{} was not up", slot.name));
                }
            }
            Move::Drain(name) => {
                let slot = self.slot(name);
                (slot.admin, slot.sessions) = (Admin::Drain, 2);
            }
            Move::Retire(name) => {
                let slot = self.slot(name);
                let fault = slot.sessions > 0;
                (slot.admin, slot.address) = (Admin::Maintenance, Some(NOWHERE));
                if fault {
                    self.faults.push(format!("{name} was not empty"));
                }
            }
            Move::Share(share) => self.share = *share,
            Move::Save => {}
        }
    }

    /// Nobody stops what takes requests.
    pub(super) fn stops(&mut self, address: Option<SocketAddr>, well: bool) {
        let mut slots = self.backends.iter().flat_map(|one| &one.slots);
        let busy = slots.find(|slot| slot.admin == Admin::Ready && slot.address == address);
        if let Some(slot) = busy.filter(|_| well && address.is_some()) {
            self.faults.push(format!("{} was stopped", slot.name));
        }
    }

    pub(super) fn sample(&mut self) -> Sample {
        let verdict = match self.verdicts.len() {
            0 | 1 => self.verdicts[0].clone(),
            _ => self.verdicts.pop_front().unwrap(),
        };
        Sample {
            stable: Counters::default(),
            canary: Counters::default(),
            verdict,
        }
    }

    /// The addresses that take requests in a backend.
    fn serving(&self, backend: &str) -> Vec<SocketAddr> {
        let all = self.backends.iter().filter(|one| *one.name == *backend);
        let slots = all.flat_map(|one| &one.slots);
        let ready = slots.filter(|slot| slot.admin == Admin::Ready);
        let mut all: Vec<SocketAddr> = ready.filter_map(|slot| slot.address).collect();
        all.sort();
        all
    }
}

/// At which address a balancer reaches a container.
pub(super) fn at(host: &HostName, one: &Found) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip(host), one.port()?))
}

/// A release of `web` behind the balancer.
fn fronted(number: u32, hosts: &[&str], image: &str) -> Arc<Release> {
    let plain = release(number, hosts, &[("web", image)], None);
    let mut release = (*plain).clone();
    let web = ServiceName::new("web").unwrap();
    let behind = Behind {
        port: 80,
        host_port: 18080,
        ..Behind::default()
    };
    release.spec.services.get_mut(&web).unwrap().balancer = Some(behind);
    let front = Front {
        balancer: "edge".to_owned(),
        stable: "shop_stable".to_owned(),
        canary: Some("shop_canary".to_owned()),
        key: "shop".to_owned(),
        port: 80,
        host_port: 18080,
        drain: Duration::from_secs(1),
        addresses: hosts
            .iter()
            .map(|host| (HostName::new(host), ip(&HostName::new(host))))
            .collect(),
    };
    release.fronts.insert(web, front);
    Arc::new(release)
}

fn gray(release: &Arc<Release>, previous: &Arc<Release>) -> Rollout {
    let mut rollout = rollout(release, Some(previous));
    rollout.policy.gray = Some(Gray {
        steps: [5, 40].map(|share| Share::new(share).unwrap()).to_vec(),
        every: Duration::from_millis(5),
        requests: 1,
    });
    rollout
}

/// All hosts take requests in the stable backend and none in the other, nothing was lost, and nothing else runs.
fn settled(hosts: &Hosts, image: &str, told: &str) {
    let edge = hosts.edge.lock().unwrap();
    assert_eq!(edge.faults, Vec::<String>::new(), "{told}");
    assert_eq!(edge.share, Share::NONE, "{told}");
    assert_eq!(edge.serving("shop_canary"), [], "{told}");
    let all = hosts.all.lock().unwrap();
    let mut live: Vec<SocketAddr> = all
        .iter()
        .flat_map(|(host, all)| all.iter().map(move |one| (host, one)))
        .filter(|(_, one)| one.found.is_live())
        .filter_map(|(host, one)| at(host, &one.found))
        .collect();
    live.sort();
    assert_eq!(edge.serving("shop_stable"), live, "{told}");
    drop((edge, all));
    assert_eq!(hosts.live(), webs(&THREE, image), "{told}");
}

async fn again(hosts: &Hosts, ground: &Ground, rollout: Rollout, direction: Direction) -> Outcome {
    let begin = Begin::Again {
        rollout: Box::new(rollout),
        direction,
    };
    let cancel = CancellationToken::new();
    let (secrets, by) = (Secrets::default(), "bob@ops");
    run(&begin, hosts, &secrets, &ground.store, by, &cancel, &|_| ()).await
}

#[tokio::test]
async fn behind_a_balancer_releases_take_the_two_ports_in_turn() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let mut before: Option<Arc<Release>> = None;
    for number in 1..=5 {
        let image = match number {
            3 => "web:sick".to_owned(),
            _ => format!("web:{number}"),
        };
        let new = fronted(number, &THREE, &image);
        let outcome = deploy(&hosts, &ground.store, &rollout(&new, before.as_ref())).await;
        if number == 3 {
            assert!(outcome.to_string().contains("back at r000002"), "{outcome}");
            settled(&hosts, "web:2", "3");
        } else {
            assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
            settled(&hosts, &image, &image);
            before = Some(new);
        }
    }
    // An old release comes back though its port is somebody else's now: of the same image, as a new release.
    let back = fronted(6, &THREE, "web:4");
    let outcome = deploy(&hosts, &ground.store, &rollout(&back, before.as_ref())).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    settled(&hosts, "web:4", "6");
}

#[tokio::test]
async fn a_gray_release_comes_everywhere_when_it_is_as_good() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = fronted(1, &THREE, "web:1");
    deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    let two = fronted(2, &THREE, "web:2");
    let outcome = deploy(&hosts, &ground.store, &gray(&two, &one)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome}");
    settled(&hosts, "web:2", "done");
    let done = hosts.done.lock().unwrap().clone();
    let shares: Vec<&String> = done.iter().filter(|act| act.contains("Share")).collect();
    assert_eq!(
        shares,
        ["Share(Share(5))", "Share(Share(40))", "Share(Share(0))"]
    );
    // Nothing of the old release stopped before the last share was judged.
    let last = done.iter().position(|act| act == "Share(Share(40))");
    let stop = done.iter().position(|act| act.starts_with("stop"));
    assert!(last < stop, "{done:?}");
}

#[tokio::test]
async fn a_gray_release_that_is_worse_goes_back_and_its_share_first() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = fronted(1, &THREE, "web:1");
    deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    let two = fronted(2, &THREE, "web:2");
    let worse = Verdict::Failure("5 % errors".to_owned());
    hosts.edge.lock().unwrap().verdicts = VecDeque::from([Verdict::Success, worse]);
    let mut rollout = gray(&two, &one);
    rollout.policy.on_failure = OnFailure::Pause;
    let outcome = deploy(&hosts, &ground.store, &rollout).await;
    assert!(outcome.to_string().contains("5 % errors"), "{outcome}");
    assert_eq!(phase(&ground.store).await.0, Phase::RolledBack);
    settled(&hosts, "web:1", "back");
    let done = hosts.done.lock().unwrap().clone();
    let share = done.iter().position(|act| act == "Share(Share(0))");
    let stop = done.iter().position(|act| act.starts_with("stop"));
    assert!(share < stop, "{done:?}");
}

#[tokio::test]
async fn one_of_which_nothing_is_known_waits_for_somebody() {
    for direction in [Direction::Forth, Direction::Promote, Direction::Back] {
        let (hosts, ground) = (Hosts::new(), ground().await);
        let one = fronted(1, &THREE, "web:1");
        deploy(&hosts, &ground.store, &rollout(&one, None)).await;
        let two = fronted(2, &THREE, "web:2");
        let unsure = Verdict::Inconclusive("3 requests".to_owned());
        hosts.edge.lock().unwrap().verdicts = VecDeque::from([unsure]);
        let rollout = gray(&two, &one);
        let outcome = deploy(&hosts, &ground.store, &rollout).await;
        assert!(outcome.to_string().contains("`app promote`"), "{outcome}");
        assert_eq!(phase(&ground.store).await.0, Phase::Paused);
        assert_eq!(hosts.edge.lock().unwrap().share.percent(), 5);
        if direction == Direction::Forth {
            hosts.edge.lock().unwrap().verdicts = VecDeque::from([Verdict::Success]);
        }
        let outcome = again(&hosts, &ground, rollout, direction).await;
        let image = match direction {
            Direction::Back => "web:1",
            Direction::Forth | Direction::Promote => "web:2",
        };
        settled(&hosts, image, &outcome.to_string());
    }
}

#[tokio::test]
async fn a_wish_ends_the_judging() {
    for (wish, image) in [(Wish::Promote, "web:2"), (Wish::Abort, "web:1")] {
        let (hosts, ground) = (Arc::new(Hosts::new()), ground().await);
        let one = fronted(1, &THREE, "web:1");
        deploy(&hosts, &ground.store, &rollout(&one, None)).await;
        let mut two = gray(&fronted(2, &THREE, "web:2"), &one);
        two.policy.gray.as_mut().unwrap().every = Duration::from_hours(1);
        let running = {
            let (hosts, store) = (Arc::clone(&hosts), ground.store.clone());
            tokio::spawn(async move { deploy(&hosts, &store, &two).await })
        };
        while hosts.edge.lock().unwrap().share == Share::NONE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let told = ground.store.wish_deploy(&scope(), wish).await.unwrap();
        assert!(told.is_some());
        let outcome = timeout(Duration::from_secs(30), running).await;
        settled(&hosts, image, &outcome.unwrap().unwrap().to_string());
    }
}

#[tokio::test]
async fn a_share_that_somebody_left_is_no_judgement() {
    let (hosts, ground) = (Hosts::new(), ground().await);
    let one = fronted(1, &THREE, "web:1");
    deploy(&hosts, &ground.store, &rollout(&one, None)).await;
    hosts.edge.lock().unwrap().share = Share::new(90).unwrap();
    let unsure = Verdict::Inconclusive("3 requests".to_owned());
    hosts.edge.lock().unwrap().verdicts = VecDeque::from([unsure]);
    let two = gray(&fronted(2, &THREE, "web:2"), &one);
    deploy(&hosts, &ground.store, &two).await;
    assert_eq!(phase(&ground.store).await.0, Phase::Paused);
    assert_eq!(hosts.edge.lock().unwrap().share.percent(), 5);
}

/// As without a balancer: killed after every number of acts, gone on with or taken back by somebody else.
#[tokio::test]
async fn a_gray_release_that_was_killed_at_any_moment_is_gone_on_with() {
    for kill in 0..80 {
        let (hosts, ground) = (Hosts::new(), ground().await);
        let one = fronted(1, &THREE, "web:1");
        deploy(&hosts, &ground.store, &rollout(&one, None)).await;
        let two = gray(&fronted(2, &THREE, "web:2"), &one);
        hosts.left.store(kill, Ordering::SeqCst);
        let running = deploy(&hosts, &ground.store, &two);
        let killed = timeout(Duration::from_millis(250), running).await;
        hosts.left.store(u64::MAX, Ordering::SeqCst);
        if killed.is_ok() {
            assert!(kill > 30, "{kill}");
            settled(&hosts, "web:2", "not killed");
            return;
        }
        expire(&ground).await;
        let (direction, image) = match kill % 3 {
            0 => (Direction::Forth, "web:2"),
            1 => (Direction::Promote, "web:2"),
            _ => (Direction::Back, "web:1"),
        };
        let outcome = again(&hosts, &ground, two, direction).await;
        settled(&hosts, image, &format!("{kill}: {outcome}"));
    }
    panic!("it never ended by itself");
}
