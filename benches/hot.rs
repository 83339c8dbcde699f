//! The hot paths of the console, by divan: time and allocations of taking an event in, arranging rows, drawing a frame.
#![expect(clippy::unwrap_used, reason = "a fleet made up")]

use std::{collections::BTreeMap, sync::Arc};

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use wharf::{
    model::{
        Container, ContainerId, Event, Fleet, HostName, HostSpec, Link, State, Timestamp, Usage,
        app::{AppName, ImageReference, Service, ServiceName, Spec},
        release::{Deploys, Release, ReleaseNumber, Scope, Target},
    },
    ops,
    ui::{Msg, desk::Desk},
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Hosts, and containers on each of them.
const FLEETS: [(u16, u16); 3] = [(1, 100), (1, 500), (500, 40)];

fn main() {
    divan::main();
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_773_000_000 + second).unwrap()
}

fn host(number: u16) -> HostName {
    HostName::new(&format!("ams-{number}"))
}

fn id(host: u16, number: u16) -> ContainerId {
    ContainerId::new(&format!(
        "{:064x}",
        u32::from(host) << 16 | u32::from(number)
    ))
}

fn container(host: u16, number: u16) -> Container {
    let name = format!("shop-service-{number}-{host}");
    let mut one = Container::new(id(host, number), &name, State::Running, at(-86_400));
    one.image = Arc::from(format!(
        "registry.corp.example/shop/service-{}:4.12.0",
        number % 37
    ));
    one.since = Some(at(-3_600 - i64::from(number)));
    one.app = Some(Arc::from("shop"));
    one
}

/// One sample of every container of a host.
fn usages(host: u16, containers: u16, second: i64) -> Vec<(ContainerId, Usage)> {
    let usage = |number: u16| Usage {
        at: at(second),
        cpu: Some(f32::from(
            (number * 7 + u16::try_from(second % 50).unwrap()) % 97,
        )),
        memory: (50 + u64::from(number)) << 20,
        memory_limit: 1 << 30,
        net_in: u64::from(number) * 1000 * second.unsigned_abs(),
        net_out: 0,
        block_in: 0,
        block_out: 0,
        pids: 3,
    };
    (0..containers)
        .map(|number| (id(host, number), usage(number)))
        .collect()
}

fn fleet((hosts, containers): (u16, u16)) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.apply(Event::Tick(at(0)));
    let spec = |number| {
        let endpoint = format!("ssh://ops@ams-{number}.corp.example")
            .parse()
            .unwrap();
        HostSpec::new(host(number).as_str(), endpoint, "wharf.toml")
    };
    fleet.apply(Event::Hosts((0..hosts).map(spec).collect()));
    for number in 0..hosts {
        fleet.apply(Event::Link(host(number), Link::Online { since: at(-60) }));
        let all = (0..containers).map(|one| container(number, one)).collect();
        fleet.apply(Event::Containers(host(number), all));
        fleet.apply(Event::Usages(host(number), usages(number, containers, 1)));
    }
    fleet
}

/// A console that shows the container grid of a fleet.
struct Grid(Option<Desk>);

impl Grid {
    fn of(size: (u16, u16), keys: &str) -> Self {
        let mut grid = Self(Some(Desk::new(fleet(size), 200, 50).at(at(1)).keys("3")));
        grid.press(keys);
        grid
    }

    /// Presses keys one by one, and draws the frame after the last.
    fn press(&mut self, keys: &str) {
        self.0 = self.0.take().map(|desk| desk.keys(keys));
        self.draw();
    }

    fn draw(&mut self) {
        let desk = self.desk();
        desk.draw();
        desk.effects();
    }

    fn desk(&mut self) -> &mut Desk {
        self.0.as_mut().unwrap()
    }
}

/// The second of samples: one batch of each host.
#[divan::bench(args = FLEETS)]
fn apply_samples(bencher: Bencher, size: (u16, u16)) {
    let mut fleet = fleet(size);
    let mut second = 1;
    bencher
        .counter(ItemsCount::new(usize::from(size.0) * usize::from(size.1)))
        .with_inputs(|| {
            second += 1;
            (0..size.0)
                .map(|number| Event::Usages(host(number), usages(number, size.1, second)))
                .collect::<Vec<_>>()
        })
        .bench_local_values(|events| {
            for event in events {
                fleet.apply(event);
            }
        });
}

/// The whole list of a host's containers, as at the start and at a resync.
#[divan::bench(args = FLEETS)]
fn apply_list(bencher: Bencher, size: (u16, u16)) {
    let mut fleet = fleet(size);
    bencher
        .counter(ItemsCount::new(size.1))
        .with_inputs(|| {
            Event::Containers(host(0), (0..size.1).map(|one| container(0, one)).collect())
        })
        .bench_local_values(|event| fleet.apply(event));
}

/// All rows filtered and sorted, as after each letter of a filter, then the frame.
#[divan::bench(args = FLEETS)]
fn filter_and_draw(bencher: Bencher, size: (u16, u16)) {
    let mut grid = Grid::of(size, "/");
    let mut typed = false;
    bencher.bench_local(|| {
        typed = !typed;
        grid.press(if typed { "7" } else { "backspace" });
    });
}

/// All rows sorted the other way, then the frame.
#[divan::bench(args = FLEETS)]
fn sort_and_draw(bencher: Bencher, size: (u16, u16)) {
    let mut grid = Grid::of(size, "C");
    bencher.bench_local(|| grid.press("C"));
}

/// The cursor one row on: what a key costs from its message to the finished frame.
#[divan::bench(args = FLEETS)]
fn key_and_draw(bencher: Bencher, size: (u16, u16)) {
    let mut grid = Grid::of(size, "");
    let mut down = false;
    bencher.bench_local(|| {
        down = !down;
        grid.press(if down { "j" } else { "k" });
    });
}

/// A second of the clock and of samples of the rows on the screen, then the frame.
#[divan::bench(args = FLEETS)]
fn second_and_draw(bencher: Bencher, size: (u16, u16)) {
    let mut grid = Grid::of(size, "");
    let mut second = 1;
    bencher.bench_local(|| {
        second += 1;
        let shown = usages(0, size.1.min(44), second);
        grid.desk().send(Msg::Event(Event::Usages(host(0), shown)));
        grid.desk().send(Msg::Event(Event::Tick(at(second))));
        grid.draw();
    });
}

/// A fleet of apps that were deployed, each on ten hosts: of forty containers of a host one is of somebody else.
fn deployed((hosts, containers): (u16, u16)) -> Fleet {
    let mut fleet = fleet((hosts, 0));
    let app = |host: u16, number: u16| host / 10 * 4 + number % 4;
    let release = |app: u16| {
        let first = app / 4 * 10;
        let service = ServiceName::new("web").unwrap();
        let mut targets = Vec::new();
        for at in (first..first + 10).filter(|host| *host < hosts) {
            let replicas = containers.saturating_sub(app % 4).div_ceil(4);
            targets.extend((1..=u32::from(replicas)).map(|replica| Target {
                service: service.clone(),
                replica,
                host: host(at),
            }));
        }
        let name = AppName::new(&format!("app-{app}")).unwrap();
        let one = Service {
            image: Some(ImageReference::new("registry.corp.example/shop/web:4.12.0").unwrap()),
            ..Service::default()
        };
        Arc::new(Release {
            scope: Scope {
                app: name.clone(),
                environment: Arc::from(""),
            },
            number: ReleaseNumber(1),
            spec: Spec {
                services: [(service, one)].into(),
                ..Spec::new(name)
            },
            pins: BTreeMap::new(),
            targets,
            fronts: BTreeMap::new(),
            stack: None,
            at: at(-86_400),
            by: "ann@ops-1".to_owned(),
            source: "shop.yaml".to_owned(),
            reason: None,
        })
    };
    let apps: Vec<_> = (0..=app(hosts - 1, 3)).map(release).collect();
    for at in 0..hosts {
        let made = |number: u16| {
            let release = &apps[usize::from(app(at, number))];
            let mut one = container(at, number);
            one.app = Some(Arc::from(release.scope.app.as_str()));
            one.service = Some(Arc::from("web"));
            one.release = Some(release.number);
            let is_ours = !number.is_multiple_of(40);
            one.print = release
                .print(&ServiceName::new("web").unwrap())
                .filter(|_| is_ours);
            one
        };
        fleet.apply(Event::Containers(
            host(at),
            (0..containers).map(made).collect(),
        ));
    }
    let current = apps.into_iter().map(|one| (one.scope.clone(), one));
    fleet.apply(Event::Deploys(Box::new(Deploys {
        current: current.collect(),
        ..Deploys::default()
    })));
    fleet
}

/// All apps gathered and held against their releases: what the pane of apps does at most once a second.
#[divan::bench(args = FLEETS)]
fn apps_and_drift(bencher: Bencher, size: (u16, u16)) {
    let fleet = deployed(size);
    let drifting = ops::app::apps(&fleet)
        .iter()
        .filter(|one| !one.drift_in_short().is_empty())
        .count();
    assert_ne!(drifting, 0);
    bencher.bench_local(|| ops::app::apps(&fleet));
}
