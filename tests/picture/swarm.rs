//! The Swarm of the picture: four nodes, services that run, one that is being updated and does not get well.

use wharf::model::{
    Event, Fleet, HostName, Timestamp,
    release::ReleaseNumber,
    swarm::{Availability, Membership, Mode, Node, Service, Swarm, Task, Update},
};

/// What a host is in it; the first is its manager.
pub fn membership(at: usize) -> Option<Membership> {
    (at < 4).then(|| Membership {
        node: format!("node{at}").into(),
        cluster: (at == 0).then(|| "swarm0".into()),
        manages: at == 0,
        state: "active".into(),
        ..Membership::default()
    })
}

fn node(at: usize, host: &HostName) -> Node {
    Node {
        id: format!("node{at}").into(),
        name: host.as_str().into(),
        manages: at == 0,
        leads: at == 0,
        reachability: if at == 0 { "reachable" } else { "" }.into(),
        availability: if at == 3 {
            Availability::Drain
        } else {
            Availability::Active
        },
        state: "ready".into(),
        address: format!("10.1.0.{}", at + 1).into(),
        engine: "27.3.1".into(),
        nano_cpus: 16_000_000_000,
        memory: 64 << 30,
        ..Node::default()
    }
}

fn service(id: &str, name: &str, image: &str, tasks: (u64, u64), at: Timestamp) -> Service {
    Service {
        id: id.into(),
        name: name.into(),
        image: image.into(),
        mode: Mode::Replicated(tasks.1),
        running: tasks.0,
        wanted: tasks.1,
        app: name.split('_').next().map(Into::into),
        release: Some(ReleaseNumber(7)),
        created: at,
        updated: at,
        ..Service::default()
    }
}

fn task(service: &str, slot: u64, node: usize, state: &str, error: &str, at: Timestamp) -> Task {
    let ended = state == "failed";
    Task {
        id: format!("{service}-{slot}-{state}-{at}").into(),
        service: service.into(),
        slot: Some(slot),
        node: Some(format!("node{node}").into()),
        desired: if ended { "shutdown" } else { "running" }.into(),
        state: state.into(),
        error: error.into(),
        since: at,
        created: at,
        ..Task::default()
    }
}

/// Puts it on the fleet.
pub fn put(fleet: &mut Fleet, hosts: &[HostName], before: impl Fn(i64) -> Timestamp) {
    let mut api = service("api", "shop_api", "shop/api:2.5", (3, 4), before(40));
    api.update = Some(Update {
        state: "updating".into(),
        message: "update in progress".into(),
        began: Some(before(40)),
    });
    let mut web = service("web", "shop_web", "shop/web:2.4", (3, 3), before(86_400));
    web.ports = vec!["8080→80/tcp host".into()];
    let mut probe = service(
        "probe",
        "watch_probe",
        "prom/node-exporter:1.8",
        (3, 3),
        before(400_000),
    );
    (probe.mode, probe.release) = (Mode::Global, None);
    let mut mail = service("mail", "mail_queue", "mail/queue:11", (2, 2), before(7200));
    mail.update = Some(Update {
        state: "rollback_completed".into(),
        message: "rollback completed".into(),
        began: Some(before(7200)),
    });
    let died = "task: non-zero exit (137): dockerexec: unhealthy container";
    let mut tasks = vec![
        task("api", 1, 0, "running", "", before(31)),
        task("api", 2, 1, "running", "", before(3600)),
        task("api", 3, 2, "running", "", before(3600)),
        task("api", 4, 1, "starting", "", before(3)),
        task("api", 4, 1, "failed", died, before(9)),
        task("api", 4, 2, "failed", died, before(21)),
    ];
    for slot in 1..=3 {
        let node = usize::try_from(slot).unwrap_or(1) - 1;
        tasks.push(task("web", slot, node, "running", "", before(86_400)));
        let mut one = task("probe", slot, node, "running", "", before(400_000));
        one.slot = None;
        tasks.push(one);
    }
    tasks.extend([1, 2].map(|slot| task("mail", slot, 1, "running", "", before(7000))));
    let swarm = Swarm {
        nodes: hosts
            .iter()
            .take(4)
            .enumerate()
            .map(|(at, host)| node(at, host))
            .collect(),
        services: vec![api, mail, probe, web],
        tasks,
        ..Swarm::default()
    };
    fleet.apply(Event::Swarm(hosts[0].clone(), Some(Box::new(swarm))));
}
