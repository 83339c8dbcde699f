//! A stage for the tests of panes: a small fleet with troubles of every kind, and a pane on a
//! screen in memory.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use ratatui::{Terminal, backend::TestBackend, layout::Rect};

use super::{Pane, Reply};
use crate::{
    model::{
        Container, ContainerId, DiskUsage, EngineInfo, Event, Fleet, Health, HostLoad, HostName,
        HostSpec, Image, Link, Operation, Origin, Outcome, Port, State, Timestamp, Trouble,
        TroubleKind, Usage, Way,
    },
    ui::{
        look::{Glyphs, Look, width},
        nav::Nav,
        theme::Theme,
    },
};

/// What the clock says on the stage.
pub fn now() -> Timestamp {
    "2025-06-12T10:31:00Z".parse().unwrap()
}

/// So many seconds before that.
pub fn before(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).unwrap()
}

/// A container's id made of one letter.
pub fn id(letter: char) -> ContainerId {
    ContainerId::new(&letter.to_string().repeat(64))
}

/// How the terminal is in most tests.
pub fn look() -> Look {
    Look {
        theme: Theme::embedded("dark").unwrap(),
        glyphs: Glyphs::UNICODE,
    }
}

/// How a terminal without UTF-8 is.
pub fn ascii() -> Look {
    Look {
        glyphs: Glyphs::ASCII,
        ..look()
    }
}

/// A host as configured.
pub fn spec(name: &str, environment: Option<&str>) -> HostSpec {
    let endpoint = format!("ssh://ops@{name}.example.org").parse().unwrap();
    let mut spec = HostSpec::new(name, endpoint, "wharf.toml");
    spec.environment = environment.map(Arc::from);
    spec.groups = vec![Arc::from("edge"), Arc::from("eu")];
    spec
}

/// A container that runs.
pub fn container(letter: char, name: &str, app: &str) -> Container {
    let mut one = Container::new(id(letter), name, State::Running, before(90_000));
    one.image = Arc::from("registry.example.org/shop/api:1.42");
    one.since = Some(before(7200));
    one.app = (!app.is_empty()).then(|| Arc::from(app));
    one.service = (!app.is_empty()).then(|| Arc::from("api"));
    one
}

fn unhealthy(letter: char, name: &str) -> Container {
    let mut one = container(letter, name, "shop");
    one.health = Health::Unhealthy;
    one.since = Some(before(192));
    one.last_line = Some("upstream timed out (110: Connection timed out) while reading response header from upstream".into());
    one
}

fn exited(letter: char, name: &str, code: i64, oom: bool) -> Container {
    let mut one = container(letter, name, "billing");
    one.state = State::Exited;
    one.exit = Some(code);
    one.oom_killed = Some(oom);
    one.since = Some(before(4000));
    one.last_line = Some("thread 'main' panicked at src/main.rs:12".into());
    one
}

fn restarting(letter: char, name: &str) -> Container {
    let mut one = container(letter, name, "shop");
    one.state = State::Restarting;
    one.exit = Some(1);
    one.since = Some(before(4));
    one.last_line = Some("ERROR cannot bind to 0.0.0.0:8080\u{7}".into());
    one
}

/// An engine.
pub fn engine() -> EngineInfo {
    EngineInfo {
        version: "28.3.2".into(),
        api: "1.44".into(),
        hostname: "ams-1".into(),
        os: "Debian GNU/Linux 12 (bookworm)".into(),
        kernel: "6.1.0-32-amd64".into(),
        arch: "x86_64".into(),
        cpus: 8,
        memory: 32 << 30,
        storage_driver: "overlay2".into(),
        root_dir: "/var/lib/docker".into(),
        cgroup_version: 2,
        ..EngineInfo::default()
    }
}

fn load(disk_percent: u64) -> HostLoad {
    HostLoad {
        at: before(2),
        cpu: Some(23.4),
        memory: 12 << 30,
        memory_total: 32 << 30,
        disk: disk_percent << 30,
        disk_total: 100 << 30,
    }
}

fn disk() -> DiskUsage {
    DiskUsage {
        images: 14,
        layers: 11 << 30,
        images_reclaimable: 4 << 30,
        containers: 300 << 20,
        containers_reclaimable: 0,
        volumes: 22 << 30,
        volumes_reclaimable: 1 << 30,
        build_cache: 2 << 30,
        build_cache_reclaimable: 2 << 30,
    }
}

fn image(letter: char, tag: &str) -> Image {
    Image {
        id: Arc::from(format!("sha256:{}", letter.to_string().repeat(64))),
        tags: if tag.is_empty() {
            Vec::new()
        } else {
            vec![Arc::from(tag)]
        },
        digests: Vec::new(),
        created: before(900_000),
        size: 120 << 20,
        shared: None,
        used_by: None,
    }
}

/// Why a host is offline on the stage.
pub fn trouble() -> Trouble {
    Trouble {
        kind: TroubleKind::Unreachable,
        reason: "nothing answers at ams-2.example.org port 22".into(),
        remedy: "check that the machine is up and that no firewall drops port 22".into(),
        raw: vec!["ssh: connect to host ams-2.example.org port 22: No route to host".into()],
    }
}

/// Brings a host online with its containers.
pub fn online(fleet: &mut Fleet, name: &str, containers: Vec<Container>) {
    let name = HostName::new(name);
    fleet.apply(Event::Link(
        name.clone(),
        Link::Online {
            since: before(9000),
        },
    ));
    fleet.apply(Event::Way(name.clone(), Way::SshForward));
    fleet.apply(Event::Engine(name.clone(), Box::new(engine())));
    fleet.apply(Event::Heard(name.clone(), before(1), Some(12.4)));
    fleet.apply(Event::Containers(name, containers));
}

/// An act of the log.
pub fn act(number: u64, sentence: &str, targets: &[&str], outcome: Outcome) -> Operation {
    let ended = outcome != Outcome::Running;
    Operation {
        number,
        at: before(3600 - i64::try_from(number).unwrap() * 300),
        origin: Origin {
            operator: if number.is_multiple_of(2) {
                "ann"
            } else {
                "bob (root)"
            }
            .into(),
            place: "ops-1 pts/3 from 10.1.2.3".into(),
            through: "console".into(),
            step: None,
        },
        sentence: sentence.into(),
        targets: targets.iter().map(|one| (*one).to_owned()).collect(),
        reason: (number == 3).then(|| "TICKET-4711: memory leak in 1.42".into()),
        outcome,
        duration_ms: ended.then_some(1234),
    }
}

/// Four hosts: one in production with broken containers, one in production offline, one in stage
/// whose disk is nearly full, one for development that is only being connected to.
pub fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.apply(Event::Tick(now()));
    fleet.apply(Event::Hosts(vec![
        spec("ams-1", Some("prod")),
        spec("ams-2", Some("prod")),
        spec("fra-1", Some("stage")),
        spec("lab-1", None),
    ]));
    ams_1(&mut fleet);
    ams_2(&mut fleet);
    fra_1(&mut fleet);
    let connecting = Link::Connecting { since: before(3) };
    fleet.apply(Event::Link("lab-1".into(), connecting));
    acts(&mut fleet);
    fleet
}

fn ams_1(fleet: &mut Fleet) {
    let mut published = container('b', "web-1", "shop");
    published.health = Health::Healthy;
    published.ports = Box::new([Port {
        private: 80,
        public: Some(8080),
        ip: "0.0.0.0".into(),
        protocol: "tcp".into(),
    }]);
    let mut paused = container('f', "漢字データベース", "");
    paused.state = State::Paused;
    let containers = vec![
        unhealthy('a', "api-1"),
        published,
        exited('c', "worker-billing-nightly-reconciliation-1", 137, true),
        exited('d', "cron", 0, false),
        restarting('e', "gateway"),
        paused,
    ];
    online(fleet, "ams-1", containers);
    resources(fleet, "ams-1", 41);
}

fn ams_2(fleet: &mut Fleet) {
    let containers = vec![
        container('1', "api-2", "shop"),
        exited('2', "mailer", 2, false),
    ];
    online(fleet, "ams-2", containers);
    let offline = Link::Offline {
        trouble: trouble(),
        since: before(724),
        next_try: Some(before(-12)),
    };
    fleet.apply(Event::Link("ams-2".into(), offline));
    fleet.apply(Event::Heard("ams-2".into(), before(730), None));
}

fn fra_1(fleet: &mut Fleet) {
    let containers = vec![
        container('3', "web-1", "shop"),
        exited('4', "import", 3, false),
    ];
    online(fleet, "fra-1", containers);
    resources(fleet, "fra-1", 93);
}

/// Load, images and `df` of a host.
fn resources(fleet: &mut Fleet, host: &str, disk_percent: u64) {
    let images = vec![
        image('a', "nginx:1.27"),
        image('b', "registry.example.org/shop/api:1.42"),
        image('c', ""),
    ];
    fleet.apply(Event::Load(host.into(), load(disk_percent)));
    fleet.apply(Event::Disk(host.into(), disk()));
    fleet.apply(Event::Images(host.into(), images));
}

/// A few acts, one of each outcome.
pub fn acts(fleet: &mut Fleet) {
    let failed = Outcome::Failed {
        done: 1,
        failed: 1,
        detail: "api-2@ams-2: the host is offline; nothing was changed".into(),
    };
    let all = [
        act(
            1,
            "container stop cron@ams-1",
            &["cron@ams-1"],
            Outcome::Done {
                detail: String::new(),
            },
        ),
        act(
            2,
            "host prune @fra-1 --images",
            &["@fra-1"],
            Outcome::Done {
                detail: "4.21G freed".into(),
            },
        ),
        act(
            3,
            "container restart api-1@ams-1 api-2@ams-2 --reason 'TICKET-4711: memory leak in 1.42'",
            &["api-1@ams-1", "api-2@ams-2"],
            failed,
        ),
        act(
            4,
            "container remove old@fra-1 --force",
            &["old@fra-1"],
            Outcome::Interrupted,
        ),
        act(
            5,
            "container restart web-1@ams-1",
            &["web-1@ams-1"],
            Outcome::Running,
        ),
    ];
    for one in all {
        fleet.apply(Event::Operation(Box::new(one)));
    }
}

/// A fleet of healthy hosts, of which so many are still silent.
pub fn quiet(hosts: usize, silent: usize) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.apply(Event::Tick(now()));
    let names: Vec<String> = (1..=hosts).map(|number| format!("web-{number}")).collect();
    fleet.apply(Event::Hosts(
        names.iter().map(|name| spec(name, Some("prod"))).collect(),
    ));
    for name in names.iter().skip(silent) {
        online(&mut fleet, name, vec![container('a', "nginx", "front")]);
    }
    fleet
}

/// Samples of a container over the last minutes, one a second.
pub fn samples(fleet: &mut Fleet, host: &str, of: &ContainerId, count: i64) {
    for second in (0..count).rev() {
        let step = u64::try_from(count - second).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "tests")]
        let cpu = 40.0 + 30.0 * (step as f32 / 9.0).sin();
        let usage = Usage {
            at: before(second),
            cpu: Some(cpu),
            memory: (200 + step) << 20,
            memory_limit: 512 << 20,
            net_in: step * 20_000,
            net_out: step * 4_000,
            block_in: 1 << 30,
            block_out: step * 1_000_000,
            pids: 12,
        };
        fleet.apply(Event::Usages(host.into(), vec![(of.clone(), usage)]));
    }
}

/// Settles a pane for a whole terminal of that size, as the console would.
pub fn settle(pane: &mut dyn Pane, fleet: &Fleet, columns: u16, rows: u16) -> Rect {
    // Header, hints and panes take a line each; the frame one on every side.
    let area = Rect::new(0, 0, columns - 2, rows - 5);
    pane.settle(fleet, area);
    area
}

/// Does moves, settling before each as the console does.
pub fn moves(pane: &mut dyn Pane, fleet: &Fleet, size: (u16, u16), navs: &[Nav]) -> Vec<Reply> {
    let mut replies = Vec::new();
    for nav in navs {
        settle(pane, fleet, size.0, size.1);
        replies.push(pane.nav(nav, fleet));
    }
    settle(pane, fleet, size.0, size.1);
    replies
}

/// The pane as text on a terminal of that size, with its title above. `▶` stands beside the row
/// under the cursor.
pub fn screen(pane: &mut dyn Pane, fleet: &Fleet, look: &Look, columns: u16, rows: u16) -> String {
    let area = settle(pane, fleet, columns, rows);
    let mut terminal = Terminal::new(TestBackend::new(area.width, area.height)).unwrap();
    terminal
        .draw(|frame| pane.view(fleet, look, frame, area))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let mut text = format!("{}\n", pane.title(fleet));
    for y in 0..area.height {
        let here = (0..area.width).any(|x| buffer[(x, y)].bg == look.theme.cursor.bg.unwrap());
        let mut line = String::from(if here { "▶" } else { " " });
        let mut x = 0;
        while x < area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(width(symbol).max(1)).unwrap();
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
