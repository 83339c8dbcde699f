//! A fleet for pictures: always the same, with something of everything.
#![expect(
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures of a fleet made up"
)]

#[path = "releases.rs"]
mod releases;
#[path = "swarm.rs"]
mod swarm;

use std::sync::Arc;

use serde_json::{Value, json};
use wharf::{
    model::{
        Attachment, Container, ContainerId, DiskUsage, EngineInfo, Event, Feed, FileEntry,
        FileKind, FileList, Fleet, Health, HostLoad, HostName, HostSpec, Image, Link, Network,
        Operation, Origin, Outcome, Payload, Pool, Port, Product, SiteRange, State, Subnet,
        Timestamp, Trouble, TroubleKind, Usage, Volume, Way,
        found::{Answer, Candidate, Found, Kind},
        setting::{Key, Source},
    },
    ui::{Msg, desk::Desk},
};

/// The moment at which all pictures are taken.
pub fn now() -> Timestamp {
    "2026-03-14T03:07:42Z".parse().unwrap()
}

fn before(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).unwrap()
}

const HOSTS: &[(&str, &str, &[&str])] = &[
    ("ams-1", "prod", &["web"]),
    ("ams-2", "prod", &["web"]),
    ("ams-3", "prod", &["db"]),
    ("fra-1", "prod", &["web"]),
    ("fra-2", "prod", &["edge"]),
    ("fra-3", "stage", &["web"]),
    ("lon-1", "stage", &["db"]),
    ("lon-2", "qa", &["web"]),
    ("lon-3", "qa", &["ci"]),
    ("par-1", "dev", &["ci"]),
];

const SERVICES: &[(&str, &str, &str, u16)] = &[
    ("shop", "web", "registry.corp.example/shop/web:4.12.0", 8080),
    ("shop", "api", "registry.corp.example/shop/api:4.12.0", 9000),
    (
        "shop",
        "worker",
        "registry.corp.example/shop/worker:4.11.3",
        0,
    ),
    ("shop", "redis", "redis:7.2-alpine", 6379),
    (
        "billing",
        "ledger",
        "registry.corp.example/billing/ledger:2.3.1",
        7070,
    ),
    ("billing", "postgres", "postgres:16.4", 5432),
    (
        "search",
        "index",
        "opensearchproject/opensearch:2.15.0",
        9200,
    ),
    ("monitoring", "prometheus", "prom/prometheus:v2.53.1", 9090),
    (
        "monitoring",
        "node-exporter",
        "prom/node-exporter:v1.8.2",
        9100,
    ),
];

/// What a first start finds on a machine with something of everything.
pub fn found() -> Found {
    let candidate = |kind, name: &str, endpoint: &str, answer| Candidate {
        kind,
        name: name.into(),
        endpoint: endpoint.parse().unwrap_or_else(|_| panic!("{endpoint}")),
        answer,
    };
    let denied = Trouble {
        kind: TroubleKind::SocketDenied,
        reason: "this user may not use /run/podman/podman.sock".into(),
        remedy: "add the user to the group podman and log in again".into(),
        raw: Vec::new(),
    };
    let here = Answer::Here("Docker 28.2.2, 12 containers".into());
    let mut candidates = vec![
        candidate(Kind::Engine, "local", "unix:///var/run/docker.sock", here),
        candidate(
            Kind::Engine,
            "podman",
            "unix:///run/podman/podman.sock",
            Answer::Silent(denied),
        ),
        candidate(
            Kind::Context,
            "build",
            "ssh://ci@build.corp.example:2222",
            Answer::NotAsked,
        ),
        candidate(
            Kind::Context,
            "legacy",
            "tcp://10.20.0.7:2375",
            Answer::NotAsked,
        ),
    ];
    let aliases = [
        "ams-1",
        "ams-2",
        "fra-edge-gateway-1",
        "db-1",
        "db-2",
        "bastion",
    ];
    candidates.extend(aliases.map(|name| {
        candidate(
            Kind::Alias,
            name,
            &format!("ssh://{name}"),
            Answer::NotAsked,
        )
    }));
    Found {
        candidates,
        ..nothing_found()
    }
}

/// What a first start finds where there is nothing.
pub fn nothing_found() -> Found {
    let places = [
        "/var/run/docker.sock",
        "/run/user/1000/docker.sock",
        "/home/ann/.docker/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/user/1000/podman/podman.sock",
        "/home/ann/.docker/contexts",
        "/home/ann/.ssh/config",
    ];
    Found {
        candidates: Vec::new(),
        places: places.map(str::to_owned).into(),
        file: ("/home/ann/.config/wharf/wharf.toml".into(), false),
    }
}

/// Settings as somebody may have them.
fn settings(fleet: &mut Fleet) {
    let settings = &mut fleet.settings;
    let all = |names: &[&str]| {
        let of_wharf = |name: &&str| ((*name).to_owned(), String::new());
        names.iter().map(of_wharf).collect::<Vec<_>>()
    };
    let mut themes = all(&["dark", "high-contrast", "light", "mono", "sixteen"]);
    themes.push((
        "dusk".into(),
        "your own: ~/.config/wharf/themes/dusk.toml".into(),
    ));
    settings.offer(Key::Theme, themes);
    settings.offer(Key::Keymap, all(&["default", "emacs", "k9s", "lazydocker"]));
    settings.file = "/home/ann/.config/wharf/wharf.toml".into();
    let file = |line| Source::File {
        file: "wharf.toml".into(),
        line,
    };
    settings.tell(Key::Keymap, "default", file(31));
    settings.tell(Key::Start, "pane overview", Source::Given("--start".into()));
    settings.tell(Key::Load, "2s", file(44));
}

/// The fleet.
pub fn demo() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.apply(Event::Tick(now()));
    let specs = HOSTS.iter().map(|(name, environment, groups)| {
        let mut spec = HostSpec::new(
            name,
            format!("ssh://ops@{name}.corp.example").parse().unwrap(),
            "wharf.toml",
        );
        spec.environment = Some(Arc::from(*environment));
        spec.groups = groups.iter().map(|group| Arc::from(*group)).collect();
        spec
    });
    fleet.apply(Event::Hosts(specs.collect()));
    for (at, (name, _, _)) in HOSTS.iter().enumerate() {
        let host = HostName::new(name);
        if *name == "lon-3" {
            offline(&mut fleet, &host);
            continue;
        }
        online(&mut fleet, &host, at);
        let containers: Vec<Container> = (0..SERVICES.len())
            .filter(|n| !(n * 7 + at).is_multiple_of(5))
            .map(|n| container(at, n))
            .collect();
        fleet.apply(Event::Containers(host.clone(), containers.clone()));
        for second in 0..=120 {
            let usages = containers
                .iter()
                .enumerate()
                .filter(|(_, one)| one.state.is_live())
                .map(|(n, one)| (one.id.clone(), usage(at, n, second)))
                .collect();
            fleet.apply(Event::Usages(host.clone(), usages));
        }
        networks(&mut fleet, &host, at);
        resources(&mut fleet, host, at);
    }
    releases::deployed(&mut fleet, now());
    let hosts: Vec<HostName> = HOSTS
        .iter()
        .map(|(name, _, _)| HostName::new(name))
        .collect();
    swarm::put(&mut fleet, &hosts, before);
    fleet.site_ranges = site_ranges();
    last_words(&mut fleet);
    settings(&mut fleet);
    let templates = wharf::catalog::Catalog::own().templates.into();
    fleet.apply(wharf::model::Event::Templates(templates, [].into()));
    let pipelines = wharf::model::pipeline::samples::pipelines();
    fleet.apply(Event::Pipelines(Ok(pipelines)));
    let runs = wharf::model::pipeline::samples::runs(now());
    fleet.apply(Event::Runs(Ok(runs)));
    for operation in operations() {
        fleet.apply(Event::Operation(Box::new(operation)));
    }
    fleet
}

fn online(fleet: &mut Fleet, host: &HostName, at: usize) {
    fleet.apply(Event::Link(
        host.clone(),
        Link::Online {
            since: before(86_400 * 3 + at as i64 * 977),
        },
    ));
    fleet.apply(Event::Way(
        host.clone(),
        if at == 4 {
            Way::SshStdio
        } else {
            Way::SshForward
        },
    ));
    fleet.apply(Event::Engine(
        host.clone(),
        Box::new(EngineInfo {
            live_restore: false,
            product: if at == 8 {
                Product::Podman
            } else {
                Product::Docker
            },
            version: if at.is_multiple_of(3) {
                "20.10.24".into()
            } else {
                "28.2.2".into()
            },
            api: if at.is_multiple_of(3) {
                "1.41".into()
            } else {
                "1.50".into()
            },
            hostname: host.to_string(),
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            kernel: "6.1.0-22-amd64".into(),
            arch: "x86_64".into(),
            cpus: 16,
            memory: 64 << 30,
            storage_driver: "overlay2".into(),
            root_dir: "/var/lib/docker".into(),
            cgroup_version: 2,
            id: format!("id-{at}"),
            address_pools: Vec::new(),
            warnings: Vec::new(),
            swarm: swarm::membership(at),
        }),
    ));
    fleet.apply(Event::Heard(
        host.clone(),
        before(1),
        Some(1.5 + at as f32 * 3.7),
    ));
    fleet.apply(Event::Load(
        host.clone(),
        HostLoad {
            at: before(2),
            cpu: Some(11.0 + at as f32 * 6.3),
            memory: (20 + at as u64 * 4) << 30,
            memory_total: 64 << 30,
            disk: if at == 2 {
                189 << 30
            } else {
                (60 + at as u64 * 11) << 30
            },
            disk_total: 200 << 30,
        },
    ));
}

/// Images, and what they and all else occupy.
fn resources(fleet: &mut Fleet, host: HostName, at: usize) {
    let image = |n: usize, tag: &str| Image {
        // On one host the name is another image: somebody built it there.
        id: if at == 2 && tag.ends_with("shop/api:4.12.0") {
            Arc::from(format!("sha256:9f3c07d1{n:056x}"))
        } else {
            Arc::from(format!(
                "sha256:{:012x}{:052x}",
                0x5e1d_03a7_71b3_u64 * (n as u64 + 3) % 0xffff_ffff_ffff,
                n
            ))
        },
        tags: vec![Arc::from(tag)],
        digests: vec![Arc::from(format!(
            "{}@sha256:{:064x}",
            tag.rsplit_once(':').map_or(tag, |(name, _)| name),
            n * 7919 + 1
        ))],
        created: before(86_400 * (3 + 9 * n as i64)),
        size: (40 + 57 * n as u64) << 20,
        shared: None,
        used_by: Some(u32::from(!(at == 5 && n.is_multiple_of(3)))),
    };
    let images = SERVICES
        .iter()
        .enumerate()
        .filter(|(n, _)| !(at > 6 && n % 4 == 1))
        .map(|(n, (_, _, tag, _))| image(n, tag));
    fleet.apply(Event::Images(host.clone(), images.collect()));
    let volumes = volumes(at);
    fleet.apply(Event::Volumes(host.clone(), volumes));
    let disk = DiskUsage {
        images: 9,
        layers: (7 + at as u64) << 30,
        images_reclaimable: (1 + at as u64) << 29,
        containers: 310 << 20,
        containers_reclaimable: 12 << 20,
        volumes: (3 * at as u64 + 2) << 30,
        volumes_reclaimable: 1 << 30,
        build_cache: 900 << 20,
        build_cache_reclaimable: 900 << 20,
    };
    fleet.apply(Event::Disk(host, disk));
}

/// The volumes of a host: those of its apps, one that nobody uses, and one without a name.
fn volumes(at: usize) -> Vec<Volume> {
    let volume = |name: &str, megabytes: u64, backup: Option<i64>| {
        let app = name.split_once('_').map(|(app, _)| app);
        Volume {
            name: Arc::from(name),
            driver: Arc::from("local"),
            scope: Arc::from("local"),
            mountpoint: Arc::from(format!("/var/lib/docker/volumes/{name}/_data")),
            created: Some(before(86_400 * (40 + at as i64))),
            labels: app
                .map(|app| ("com.docker.compose.project".into(), app.into()))
                .into_iter()
                .collect(),
            app: app.map(Arc::from),
            size: Some((megabytes + at as u64 * 13) << 20),
            backup: backup.map(before),
            ..Volume::default()
        }
    };
    let mut all = vec![
        volume("shop_redis", 96, Some(3_600 * 5)),
        volume("billing_spool", 2_800, Some(3_600 * 29)),
        volume("billing_data", 18_400, Some(3_600 * 5)),
    ];
    if at.is_multiple_of(3) {
        all.push(volume("old-registry", 9_200, None));
        all.push(volume(&format!("{:064x}", 7919 * (at + 1)), 4, None));
    }
    all
}

/// What a volume holds.
fn files() -> FileList {
    let entry = |path: &str, size: u64, mode: u32, hours: i64| FileEntry {
        path: path.into(),
        kind: if size == 0 {
            FileKind::Directory
        } else {
            FileKind::File
        },
        size,
        mode,
        owner: (999, 999),
        changed: before(3_600 * hours),
        link: None,
    };
    let link = FileEntry {
        kind: FileKind::Link,
        link: Some("wal/000000010000000A".into()),
        ..entry("current", 20, 0o777, 2)
    };
    let mut entries = vec![
        entry("", 0, 0o700, 2),
        entry("PG_VERSION", 3, 0o600, 9_000),
        entry("base", 0, 0o700, 700),
        entry("base/16384", 18_700 << 20, 0o600, 1),
        link,
        entry("pg_hba.conf", 4_821, 0o600, 2_900),
        entry("postgresql.conf", 29_718, 0o600, 2_900),
        entry("postmaster.pid", 94, 0o600, 300),
        entry("wal", 0, 0o700, 1),
        entry("wal/000000010000000A", 16 << 20, 0o600, 1),
    ];
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    FileList { entries, cut: None }
}

/// The inspection of a container.
pub fn inspection(container: &Container) -> Value {
    json!({
        "Id": container.id.as_str(),
        "Created": "2026-03-02T03:07:42Z",
        "Name": format!("/{}", container.name),
        "Image": &*container.image_id,
        "RestartCount": 2,
        "Platform": "linux",
        "State": { "Status": "running", "Running": true, "Pid": 20117, "ExitCode": 0,
            "StartedAt": "2026-03-13T23:11:04Z", "FinishedAt": "2026-03-13T23:10:58Z",
            "Health": { "Status": "healthy", "FailingStreak": 0, "Log": [] } },
        "HostConfig": { "Memory": 4_294_967_296_i64, "NanoCpus": 2_000_000_000, "NetworkMode": "billing_default",
            "RestartPolicy": { "Name": "unless-stopped" }, "LogConfig": { "Type": "json-file" },
            "CapDrop": ["ALL"], "ReadonlyRootfs": true },
        "Mounts": [{ "Type": "volume", "Name": "billing_spool", "Destination": "/var/spool/ledger", "RW": true },
            { "Type": "bind", "Source": "/etc/billing/ledger.toml", "Destination": "/etc/ledger.toml", "RW": false }],
        "Config": { "Hostname": container.id.short(), "User": "10001", "Image": &*container.image, "WorkingDir": "/srv",
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LEDGER_DB=postgres://ledger:s3cr3t@postgres/ledger",
                "LEDGER_SIGNING_KEY=s3cr3t", "LANG=C.UTF-8"],
            "Entrypoint": ["/usr/local/bin/ledger"], "Cmd": ["serve", "--listen", "0.0.0.0:7070"], "StopSignal": "SIGTERM" },
        "NetworkSettings": { "Ports": { "7070/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "7080" }] },
            "Networks": places(container) },
    })
}

/// A container's places on networks, as an inspection tells them.
fn places(container: &Container) -> Value {
    let place = |one: &Attachment| {
        let address = one
            .ipv4
            .map(|address| address.to_string())
            .unwrap_or_default();
        let gateway = address.rsplit_once('.').map(|(net, _)| format!("{net}.1"));
        let place = json!({ "IPAddress": address, "IPPrefixLen": 16, "Gateway": gateway,
            "NetworkID": &*one.id, "Aliases": [container.service.as_deref(), container.id.short()] });
        (one.network.to_string(), place)
    };
    container
        .networks
        .iter()
        .map(place)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Which of the apps it is, in their order.
fn app_number(app: &str) -> usize {
    let mut apps: Vec<&str> = SERVICES.iter().map(|(app, ..)| *app).collect();
    apps.dedup();
    apps.iter().position(|one| *one == app).unwrap()
}

/// The id of a network; that of a Swarm is the same on all its hosts.
fn network_id(at: usize, name: &str) -> Arc<str> {
    let at = if name == "mesh" { 99 } else { at };
    let letters: usize = name.bytes().map(usize::from).sum();
    Arc::from(format!("{:064x}", (at + 3) * 7919 * letters * 104_729))
}

fn attachment(at: usize, name: &str, address: &str) -> Attachment {
    let bytes: Vec<u8> = address
        .split('.')
        .filter_map(|one| one.parse().ok())
        .collect();
    let mac = bytes
        .iter()
        .fold("02:42".to_owned(), |mac, byte| format!("{mac}:{byte:02x}"));
    Attachment::read(Arc::from(name), network_id(at, name), address, "", &mac)
}

/// A network, with its first address as the gateway.
fn network(at: usize, name: &str, driver: &str, subnet: &str) -> Network {
    let subnets = subnet.parse::<Subnet>().ok().map(|one| {
        let base = subnet.split_once('/').unwrap().0;
        let gateway = base
            .rsplit_once('.')
            .map(|(net, _)| format!("{net}.1").parse().unwrap());
        Pool {
            gateway,
            ..Pool::new(one)
        }
    });
    Network {
        id: network_id(at, name),
        name: Arc::from(name),
        driver: Arc::from(driver),
        scope: Arc::from(if driver == "overlay" {
            "swarm"
        } else {
            "local"
        }),
        subnets: subnets.into_iter().collect(),
        attachable: driver == "overlay",
        app: name.strip_suffix("_default").map(Arc::from),
        ..Network::default()
    }
}

/// Networks as they grow: the engine's own, one for each app, and what somebody made by hand.
fn networks(fleet: &mut Fleet, host: &HostName, at: usize) {
    let mut all = vec![
        network(at, "bridge", "bridge", "172.17.0.0/16"),
        network(at, "host", "host", ""),
        network(at, "none", "null", ""),
    ];
    let mut apps: Vec<&str> = SERVICES.iter().map(|(app, ..)| *app).collect();
    apps.dedup();
    for app in apps {
        let subnet = format!("172.{}.0.0/16", 18 + app_number(app));
        all.push(network(at, &format!("{app}_default"), "bridge", &subnet));
    }
    if at < 3 {
        all.push(network(at, "mesh", "overlay", "10.0.9.0/24"));
    }
    match host.as_str() {
        "fra-1" | "fra-2" => {
            let mut lan = network(at, "lan", "macvlan", "10.20.4.0/24");
            lan.options.insert("parent".into(), "eth0.20".into());
            all.push(lan);
        }
        "par-1" => {
            let mut build = network(at, "ci-build", "bridge", "10.20.8.0/22");
            build.internal = true;
            build.labels.insert("team".into(), "build".into());
            all.push(build);
        }
        "lon-1" => all.push(network(at, "dealt", "bridge", "10.64.1.0/24")),
        _ => {}
    }
    fleet.apply(Event::Networks(host.clone(), all));
}

/// What the site's addresses are.
fn site_ranges() -> Vec<SiteRange> {
    let range = |name: &str, cidr: &str, deal| SiteRange {
        name: Arc::from(name),
        cidr: cidr.parse().unwrap(),
        deal,
    };
    vec![
        range("office", "10.20.0.0/16", false),
        range("containers", "10.64.0.0/16", true),
    ]
}

/// Brings the inspections that a console wants.
pub fn inspected(desk: &mut Desk) {
    for feed in desk.wants() {
        if let Feed::Files(..) = &feed {
            let files = Payload::Files(Arc::new(files()));
            desk.send(Msg::Feed(feed, files));
            continue;
        }
        let Feed::Inspect(host, id) = &feed else {
            continue;
        };
        let container = desk.ui().fleet.container(host, id).unwrap();
        let json = Payload::Inspected(Arc::new(inspection(container)));
        desk.send(Msg::Feed(feed, json));
    }
}

fn offline(fleet: &mut Fleet, host: &HostName) {
    let trouble = Trouble {
        kind: TroubleKind::HostKeyChanged,
        reason: "the host key of lon-3.corp.example is not the one in known_hosts".into(),
        remedy: "ask who changed the host; then: ssh-keygen -R lon-3.corp.example".into(),
        raw: vec![
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @".into(),
            "Host key verification failed.".into(),
        ],
    };
    fleet.apply(Event::Link(
        host.clone(),
        Link::Offline {
            trouble,
            since: before(754),
            next_try: None,
        },
    ));
}

fn container(at: usize, n: usize) -> Container {
    let (app, service, image, port) = SERVICES[n];
    let id = ContainerId::new(&format!("{:064x}", (at + 1) * 7919 * (n + 3) * 104_729));
    let (state, health, exit, oom) = match (at, n) {
        (0, 2) => (State::Exited, Health::None, Some(137), Some(true)),
        (1, 1) => (State::Running, Health::Unhealthy, None, Some(false)),
        (3, 4) => (State::Restarting, Health::None, Some(1), Some(false)),
        (5, 6) => (State::Exited, Health::None, Some(78), Some(false)),
        (6, 8) => (State::Paused, Health::None, None, Some(false)),
        (7, 3) => (State::Created, Health::None, None, Some(false)),
        (9, 2) => (State::Exited, Health::None, Some(0), Some(false)),
        (_, 0 | 1 | 5) => (State::Running, Health::Healthy, None, Some(false)),
        _ => (State::Running, Health::None, None, Some(false)),
    };
    let mut one = Container::new(
        id,
        &format!("{app}-{service}-1"),
        state,
        before(86_400 * 12),
    );
    one.image = Arc::from(image);
    one.image_id = Arc::from(format!("sha256:{:064x}", n * 31));
    one.health = health;
    one.exit = exit;
    one.oom_killed = oom;
    one.restarts = Some(if n == 4 && at == 3 { 17 } else { 0 });
    one.since = Some(before(412 + at as i64 * 9_721 + n as i64 * 3_607));
    one.app = Some(Arc::from(app));
    one.service = Some(Arc::from(service));
    if port > 0 {
        one.ports = Box::new([Port {
            private: port,
            public: n.is_multiple_of(2).then_some(port + 10),
            ip: "0.0.0.0".into(),
            protocol: "tcp".into(),
        }]);
    }
    let used: &[&str] = match (app, service) {
        ("shop", "redis") => &["shop_redis"],
        ("billing", "ledger") => &["billing_spool"],
        ("billing", _) => &["billing_data"],
        _ => &[],
    };
    one.volumes = used.iter().map(|name| Arc::from(*name)).collect();
    let name = format!("{app}_default");
    let address = format!("172.{}.0.{}", 18 + app_number(app), 2 + n);
    let live = one.state.is_live();
    let mut networks = vec![attachment(at, &name, if live { &address } else { "" })];
    if service == "web" && at < 3 {
        networks.push(attachment(at, "mesh", &format!("10.0.9.{}", 10 + at)));
    }
    one.networks = networks.into();
    one
}

/// A plausible sample.
pub fn usage(at: usize, n: usize, second: i64) -> Usage {
    let moment = second as f32;
    let slow = (moment / 17.0 + (at * 3 + n) as f32).sin();
    let quick = (moment / 2.3 + n as f32).sin() * (moment / 31.0 + at as f32).cos();
    let wave = 22.0 + slow * 12.0 + quick * 8.0;
    let gone = second.unsigned_abs();
    Usage {
        at: before(120 - second),
        cpu: Some(if n == 2 {
            92.4 + wave / 2.0
        } else {
            wave / 3.0
        }),
        memory: ((n as u64 + 1) * 97 + at as u64 * 13 + wave as u64) << 20,
        memory_limit: 4 << 30,
        net_in: (n as u64 + 1) * (123_456_789 + gone * 31_207),
        net_out: (n as u64 + 3) * (45_678_901 + gone * 9_041),
        block_in: (n as u64) * 9_876_543,
        block_out: (n as u64 + 2) * (3_456_789 + gone * 4_096),
        pids: 12 + n as u64,
    }
}

fn last_words(fleet: &mut Fleet) {
    let words = [
        (
            "ams-1",
            "shop-worker-1",
            "fatal error: runtime: out of memory",
        ),
        (
            "ams-2",
            "shop-api-1",
            "healthcheck: GET /healthz: 503 upstream billing timed out after 2s",
        ),
        (
            "fra-1",
            "billing-ledger-1",
            "panic: dial tcp 10.3.0.7:5432: connect: connection refused",
        ),
        (
            "fra-3",
            "search-index-1",
            "ERROR: [1] bootstrap checks failed: max virtual memory areas vm.max_map_count [65530] is too low",
        ),
    ];
    for (host, name, line) in words {
        let host = HostName::new(host);
        let id = fleet
            .host(&host)
            .unwrap()
            .containers
            .values()
            .find(|one| &*one.name == name)
            .map(|one| one.id.clone());
        if let Some(id) = id {
            fleet.apply(Event::LastLine(host, id, line.into()));
        }
    }
}

fn operations() -> Vec<Operation> {
    let ann = Origin {
        operator: "ann".into(),
        place: "ops-1 pts/3 from 10.1.2.3".into(),
        through: "console".into(),
        step: None,
    };
    let ben = Origin {
        operator: "ben (root)".into(),
        place: "ops-2 pts/0".into(),
        through: "shell".into(),
        step: None,
    };
    let row = |number,
               seconds,
               origin: &Origin,
               sentence: &str,
               targets: &[&str],
               outcome,
               ms,
               reason: Option<&str>| Operation {
        number,
        at: before(seconds),
        origin: origin.clone(),
        sentence: sentence.into(),
        targets: targets.iter().map(|one| (*one).to_owned()).collect(),
        reason: reason.map(str::to_owned),
        outcome,
        duration_ms: ms,
    };
    let done = || Outcome::Done {
        detail: String::new(),
    };
    vec![
        row(
            1,
            86_400,
            &ben,
            "host prune @ams-3 --images",
            &["@ams-3"],
            Outcome::Done {
                detail: "freed 12.4G".into(),
            },
            Some(48_211),
            Some("CHG-4411 disk alarm"),
        ),
        row(
            2,
            7_200,
            &ann,
            "container restart shop-api-1@ams-2",
            &["shop-api-1@ams-2"],
            done(),
            Some(1_904),
            None,
        ),
        row(
            3,
            5_400,
            &ann,
            "container stop search-index-1@fra-3 --grace 30",
            &["search-index-1@fra-3"],
            done(),
            Some(30_112),
            Some("INC-2093"),
        ),
        row(
            4,
            900,
            &ben,
            "container restart 'billing-*@env:prod'",
            &["billing-ledger-1@fra-1", "billing-ledger-1@ams-1"],
            Outcome::Failed {
                done: 1,
                failed: 1,
                detail: "billing-ledger-1@fra-1: the container ended with exit code 1 at once"
                    .into(),
            },
            Some(11_840),
            None,
        ),
        row(
            5,
            12,
            &ann,
            "container restart shop-worker-1@ams-1",
            &["shop-worker-1@ams-1"],
            Outcome::Running,
            None,
            None,
        ),
    ]
}
