//! Fills a new engine: images, networks, volumes and containers as its profile and seed say.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::blueprint::Voice;
use super::clock::{MILLI, Nanos, SECOND};
use super::container::{Attachment, Container, Ending, Health, Plan, Probe, Restart, Run, State};
use super::engine::{Due, Engine, Image, Network, Profile, Volume};
use super::images_table::{self, IMAGES, ImageRow};
use super::place::{self, Fate, Placed};
use super::plans::{COMPOSE, image_plan, service_plan};
use super::seed::Seed;

const HOUR: Nanos = 3600 * SECOND;
const DAY: Nanos = 24 * HOUR;

/// An engine as it stands when somebody first looks at it.
pub fn populate(profile: &Arc<Profile>) -> Engine {
    let mut world = World {
        engine: Engine::new(Arc::clone(profile)),
        next_ip: BTreeMap::new(),
        born: Vec::new(),
    };
    world.base_networks();
    let standalone = usize::from(profile.containers >= 12);
    for placed in place::place(profile, standalone) {
        world.deploy(&placed);
    }
    if standalone == 1 {
        world.debug_shell();
    }
    world.leftovers();
    world.settle();
    world.engine
}

struct World {
    engine: Engine,
    /// How many addresses of each network are taken.
    next_ip: BTreeMap<Arc<str>, u32>,
    born: Vec<Container>,
}

impl World {
    fn profile(&self) -> Arc<Profile> {
        Arc::clone(&self.engine.profile)
    }

    /// The networks that every engine has, and those of the site.
    fn base_networks(&mut self) {
        let profile = self.profile();
        let born = profile.epoch - 200 * DAY;
        let docker0 = (Ipv4Addr::new(172, 17, 0, 0), 16);
        let mut add = |name: &str, driver: &str, subnet, options: &[(&str, &str)]| {
            let network = network(&profile, name, driver, subnet, born, options);
            self.engine.networks.push(network);
        };
        add(
            "bridge",
            "bridge",
            Some(docker0),
            &[
                ("com.docker.network.bridge.default_bridge", "true"),
                ("com.docker.network.bridge.enable_icc", "true"),
                ("com.docker.network.bridge.enable_ip_masquerade", "true"),
                ("com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"),
                ("com.docker.network.bridge.name", "docker0"),
                ("com.docker.network.driver.mtu", "1500"),
            ],
        );
        add("host", "host", None, &[]);
        add("none", "null", None, &[]);
        let lan = u8::try_from(profile.index % 250).unwrap_or(0);
        if profile.index % 3 == 1 {
            add(
                "lan-vlan20",
                "macvlan",
                Some((Ipv4Addr::new(10, 20, lan, 0), 24)),
                &[("parent", "eth0.20")],
            );
        }
        if profile.index % 5 == 2 {
            add(
                "mesh",
                "overlay",
                Some((Ipv4Addr::new(10, 0, 1, 0), 24)),
                &[("com.docker.network.driver.overlay.vxlanid_list", "4097")],
            );
        }
    }

    /// The containers of one service, with the image, network and volume it needs.
    fn deploy(&mut self, placed: &Placed) {
        let profile = self.profile();
        let Some(row) = images_table::row_of(placed.service.image) else {
            return;
        };
        let seed = profile.seed.of(&placed.project).of(placed.service.name);
        let age = 2 * DAY + span(profile.seed.of(&placed.project), 70 * DAY);
        let image = self.image(row, profile.seed.of("drift").of(row.repo).unit() < 0.2);
        let network = self.project_network(&placed.project, profile.epoch - age);
        let plan = Arc::new(service_plan(&profile, placed, row, &image));
        for volume in plan.mounts.iter().filter_map(|mount| mount.volume.as_ref()) {
            self.volume(volume, &placed.project, profile.epoch - age);
        }
        for number in 1..=placed.replicas {
            let seed = seed.at(u64::from(number));
            let attachment = self.attach(&network);
            self.born.push(Container {
                id: seed.of("id").hex64(),
                name: format!("{}-{}-{number}", placed.project, placed.service.name),
                number,
                created: profile.epoch - age + span(seed.of("created"), 20 * SECOND),
                networks: vec![attachment],
                ..blank(seed, Arc::clone(&plan))
            });
        }
    }

    /// A container that belongs to no app: somebody's shell, with a terminal.
    fn debug_shell(&mut self) {
        let profile = self.profile();
        let seed = profile.seed.of("debug-shell");
        let Some(row) = images_table::row_of("alpine") else {
            return;
        };
        let image = self.image(row, false);
        let bridge = self.engine.networks[0].clone();
        let plan = Plan {
            tty: true,
            voice: Voice::Colour,
            labels: BTreeMap::from([("maintainer".to_owned(), "ops@corp.example".to_owned())]),
            ..image_plan(row, &image)
        };
        let attachment = self.attach(&bridge);
        self.born.push(Container {
            id: seed.of("id").hex64(),
            name: "debug-shell".into(),
            created: profile.epoch - 5 * HOUR,
            networks: vec![attachment],
            ..blank(seed, Arc::new(plan))
        });
    }

    /// Images and volumes that nothing uses any more: what `prune` is for.
    fn leftovers(&mut self) {
        let profile = self.profile();
        let used: Vec<_> = self.engine.images.iter().map(|image| image.row).collect();
        for row in used.iter().filter(|row| row.repo.contains('.')).take(3) {
            self.image(row, true);
        }
        for number in 0..=profile.seed.of("dangling").below(3) {
            let seed = profile.seed.of("dangling").at(number);
            let row = seed.pick(IMAGES);
            let mut image = image_of(seed, row, row.tag, profile.epoch - span(seed, 90 * DAY));
            image.tags.clear();
            image.digests.clear();
            self.engine.images.push(image);
            self.volume(
                &seed.of("volume").hex64(),
                "",
                profile.epoch - span(seed, 90 * DAY),
            );
        }
    }

    /// The image of a row, the tag before it when `old`; taken into the engine when it is new there.
    fn image(&mut self, row: &'static ImageRow, old: bool) -> Image {
        let profile = self.profile();
        let tag = if old {
            tag_before(row.tag)
        } else {
            row.tag.to_owned()
        };
        let seed = profile.fleet.of(row.repo).of(&tag);
        let age = 3 * DAY + span(seed.of("age"), 120 * DAY);
        let image = image_of(seed, row, &tag, profile.epoch - age);
        if !self.engine.images.iter().any(|one| one.id == image.id) {
            self.engine.images.push(image.clone());
        }
        image
    }

    fn project_network(&mut self, project: &str, born: Nanos) -> Network {
        let name = format!("{project}_default");
        if let Some(found) = self.engine.networks.iter().find(|one| *one.name == *name) {
            return found.clone();
        }
        let nth = self
            .engine
            .networks
            .iter()
            .filter(|one| one.driver == "bridge")
            .count()
            - 1;
        let mut network = network(&self.profile(), &name, "bridge", Some(pool(nth)), born, &[]);
        network.labels = BTreeMap::from([
            (
                "com.docker.compose.network".to_owned(),
                "default".to_owned(),
            ),
            ("com.docker.compose.project".to_owned(), project.to_owned()),
            ("com.docker.compose.version".to_owned(), COMPOSE.to_owned()),
        ]);
        self.engine.networks.push(network.clone());
        network
    }

    fn volume(&mut self, name: &str, project: &str, created: Nanos) {
        if self.engine.volumes.contains_key(name) {
            return;
        }
        let seed = self.engine.profile.seed.of("volume").of(name);
        let labels = match name
            .strip_prefix(project)
            .and_then(|rest| rest.strip_prefix('_'))
        {
            Some(short) if !project.is_empty() => BTreeMap::from([
                ("com.docker.compose.project".to_owned(), project.to_owned()),
                ("com.docker.compose.version".to_owned(), COMPOSE.to_owned()),
                ("com.docker.compose.volume".to_owned(), short.to_owned()),
            ]),
            _ => BTreeMap::from([("com.docker.volume.anonymous".to_owned(), String::new())]),
        };
        let size = i64::try_from(1_000_000 + seed.below(40_000_000_000)).unwrap_or(0);
        let volume = Volume {
            name: name.to_owned(),
            labels,
            options: BTreeMap::new(),
            created,
            size,
        };
        self.engine.volumes.insert(name.to_owned(), volume);
    }

    fn attach(&mut self, network: &Network) -> Attachment {
        let taken = self.next_ip.entry(Arc::clone(&network.id)).or_insert(1);
        *taken += 1;
        attachment(network, *taken)
    }

    /// Gives every container its life so far, and takes them in by age.
    fn settle(&mut self) {
        let profile = self.profile();
        let mut born = std::mem::take(&mut self.born);
        let count = born.len();
        for (number, container) in born.iter_mut().enumerate() {
            let fate = place::fate(&profile, number, count, container.seed);
            live(container, fate, profile.epoch);
        }
        born.sort_by_key(|container| container.created);
        for container in born {
            let looping = container.state == State::Restarting;
            let seed = container.seed;
            let key = self.engine.insert(container);
            if looping {
                let wait = span(seed.of("loop"), 20 * SECOND);
                self.engine.schedule(profile.epoch + wait, Due::Start(key));
            }
        }
        let spread = profile.seed.of("churn").unit();
        self.engine.schedule_churn(profile.epoch, spread);
    }
}

/// The life of a container up to now.
fn live(container: &mut Container, fate: Fate, now: Nanos) {
    let seed = container.seed.of("life");
    let since_created = now - container.created;
    // Most run since they were made; one in four was started again since.
    let restarted = seed.unit() < 0.25;
    let started = if restarted {
        now - span(seed.of("again"), since_created / 2) - 60 * SECOND
    } else {
        container.created + 400 * MILLI
    };
    container.state = State::Running;
    container.started = Some(started);
    container.restarts = if restarted {
        u32::try_from(seed.of("count").below(3)).unwrap_or(0)
    } else {
        0
    };
    container.health = if container.plan.probe.is_some() {
        Health::Healthy
    } else {
        Health::None
    };
    container.runs = vec![Run {
        began: started,
        fresh: true,
        silent: false,
        ended: None,
    }];
    let ended = started + span(seed.of("ended"), now - started - 30 * SECOND).max(SECOND);
    match fate {
        Fate::Well => {}
        Fate::Failed => finish(container, ended, Ending::Crashed(1), Restart::OnFailure(3)),
        Fate::OutOfMemory => finish(container, ended, Ending::OutOfMemory, Restart::No),
        Fate::Unhealthy => {
            let probe = || Probe {
                test: vec![
                    "CMD-SHELL".into(),
                    "curl -fsS http://localhost:8080/healthz || exit 1".into(),
                ],
                every: 30 * SECOND,
            };
            Arc::make_mut(&mut container.plan)
                .probe
                .get_or_insert_with(probe);
            container.health = Health::Unhealthy(ended);
        }
        Fate::Looping => {
            let began = now - 20 * SECOND;
            container.runs = vec![Run {
                began,
                fresh: true,
                silent: false,
                ended: None,
            }];
            container.started = Some(began);
            finish(
                container,
                began + 700 * MILLI,
                Ending::Crashed(1),
                Restart::Always,
            );
            container.state = State::Restarting;
            container.restarts = 40 + u32::try_from(seed.of("loops").below(900)).unwrap_or(0);
        }
        Fate::Paused => {
            container.state = State::Paused;
            container.end_run(ended, Ending::Frozen);
        }
        Fate::Created => {
            container.state = State::Created;
            container.started = None;
            container.runs.clear();
            container.health = Health::None;
            container.restarts = 0;
        }
        Fate::Dead => {
            finish(container, ended, Ending::Killed, Restart::No);
            container.state = State::Dead;
        }
    }
}

fn finish(container: &mut Container, at: Nanos, ending: Ending, restart: Restart) {
    Arc::make_mut(&mut container.plan).restart = restart;
    container.end_run(at, ending);
    container.finished = Some(at);
    container.exit_code = container.code_of(ending);
    container.oom = ending == Ending::OutOfMemory;
    container.state = State::Exited;
    container.restarts = restart.limit();
    if container.plan.probe.is_some() {
        container.health = Health::Unhealthy(at);
    }
}

/// A container that was never started, without a name.
pub fn blank(seed: Seed, plan: Arc<Plan>) -> Container {
    Container {
        id: String::new(),
        name: String::new(),
        seed,
        number: 0,
        plan,
        created: 0,
        state: State::Created,
        exit_code: 0,
        oom: false,
        error: String::new(),
        started: None,
        finished: None,
        restarts: 0,
        by_hand: false,
        health: Health::None,
        networks: Vec::new(),
        runs: Vec::new(),
        extras: None,
    }
}

/// The `number`th address of a network, for a container.
pub fn attachment(network: &Network, number: u32) -> Attachment {
    Attachment {
        network: Arc::clone(&network.id),
        name: Arc::clone(&network.name),
        address: network
            .subnet
            .map(|(base, _)| Ipv4Addr::from(u32::from(base) + number)),
        gateway: network.gateway(),
        prefix: network.subnet.map_or(0, |(_, prefix)| prefix),
    }
}

/// A network that is new.
pub fn network(
    profile: &Profile,
    name: &str,
    driver: &str,
    subnet: Option<(Ipv4Addr, u8)>,
    created: Nanos,
    options: &[(&str, &str)],
) -> Network {
    Network {
        id: profile
            .seed
            .of("network")
            .of(name)
            .at(created.unsigned_abs())
            .hex64()
            .into(),
        name: name.into(),
        driver: driver.to_owned(),
        scope: if driver == "overlay" {
            "swarm"
        } else {
            "local"
        },
        subnet,
        internal: false,
        options: options
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        labels: BTreeMap::new(),
        created,
    }
}

/// The address pools in the order in which Docker takes them: 172.18/16 to 172.31/16, then small
/// ones (from 10.128/9 here, for 192.168/16 is soon used up).
pub fn pool(nth: usize) -> (Ipv4Addr, u8) {
    let nth = u32::try_from(nth).unwrap_or(0);
    match nth {
        0..14 => (Ipv4Addr::from(0xAC12_0000 + (nth << 16)), 16),
        _ => (
            Ipv4Addr::from(0x0A80_0000 + (((nth - 14) % 2048) << 12)),
            20,
        ),
    }
}

/// A span of time below `limit`.
fn span(seed: Seed, limit: Nanos) -> Nanos {
    i64::try_from(seed.below(limit.max(1).unsigned_abs())).unwrap_or(0)
}

fn image_of(seed: Seed, row: &'static ImageRow, tag: &str, created: Nanos) -> Image {
    let size = i64::from(row.megabytes) * 1_000_000 + span(seed.of("size"), 1_000_000);
    let public = !row.repo.starts_with("registry.corp");
    let mut labels = BTreeMap::new();
    if !public {
        let path = row.repo.trim_start_matches("registry.corp.example/");
        labels.insert(
            "org.opencontainers.image.source".into(),
            format!("https://git.corp.example/{path}"),
        );
        labels.insert("org.opencontainers.image.version".into(), tag.to_owned());
        labels.insert(
            "org.opencontainers.image.revision".into(),
            seed.of("revision").hex64()[..40].to_owned(),
        );
    }
    Image {
        id: format!("sha256:{}", seed.of("id").hex64()),
        tags: vec![format!("{}:{tag}", row.repo)],
        digests: vec![format!("{}@sha256:{}", row.repo, seed.of("digest").hex64())],
        size,
        created,
        row,
        labels,
        seed,
    }
}

/// The release before: the last number above zero goes down by one.
fn tag_before(tag: &str) -> String {
    let parts: Vec<&str> = tag.split('.').collect();
    for (place, part) in parts.iter().enumerate().rev() {
        if let Ok(number @ 1..) = part.parse::<u32>() {
            let mut parts: Vec<String> = parts.iter().map(|one| (*one).to_owned()).collect();
            parts[place] = (number - 1).to_string();
            return parts.join(".");
        }
    }
    format!("{tag}-rc1")
}
