//! Fills a new engine: images, networks, volumes and containers as its profile and seed say.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::blueprint::Voice;
use super::clock::{Nanos, SECOND};
use super::container::{Attachment, Container, Health, Plan, State};
use super::engine::{Due, Engine, Image, Network, Profile, Volume};
use super::fate;
use super::image_archive;
use super::images_table::{self, IMAGES, ImageRow};
use super::place::{self, Placed};
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
    world.spare();
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
        let age = 2 * DAY + profile.seed.of(&placed.project).span(70 * DAY);
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
                created: profile.epoch - age + seed.of("created").span(20 * SECOND),
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
            let mut image = image_of(seed, row, row.tag, profile.epoch - seed.span(90 * DAY));
            image.tags.clear();
            image.digests.clear();
            self.engine.images.push(image);
            self.volume(
                &seed.of("volume").hex64(),
                "",
                profile.epoch - seed.span(90 * DAY),
            );
        }
    }

    /// What is there only to be many.
    fn spare(&mut self) {
        let profile = self.profile();
        let seed = profile.seed.of("spare");
        for nth in 0..profile.spare.images {
            let seed = seed.of("image").at(nth as u64);
            let row = seed.pick(IMAGES);
            let tag = format!("{}-build.{nth}", row.tag);
            let image = image_of(seed, row, &tag, profile.epoch - seed.span(90 * DAY));
            self.engine.images.push(image);
        }
        for nth in 0..profile.spare.networks.min(1 << 15) {
            let [_, _, high, low] = u32::try_from(nth).unwrap_or(0).to_be_bytes();
            let subnet = Some((Ipv4Addr::new(10, high, low, 0), 24));
            let name = format!("spare-{nth}");
            let born = profile.epoch - 30 * DAY;
            let network = network(&profile, &name, "bridge", subnet, born, &[]);
            self.engine.networks.push(network);
        }
        for nth in 0..profile.spare.volumes {
            let born = profile.epoch - 30 * DAY;
            self.volume(&format!("spare_data-{nth}"), "spare", born);
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
        let age = 3 * DAY + seed.of("age").span(120 * DAY);
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
            files: None,
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
            let doom = place::fate(&profile, number, count, container.seed);
            fate::live(container, doom, profile.epoch);
        }
        born.sort_by_key(|container| container.created);
        for container in born {
            let looping = container.state == State::Restarting;
            let seed = container.seed;
            let key = self.engine.insert(container);
            if looping {
                let wait = seed.of("loop").span(20 * SECOND);
                self.engine.schedule(profile.epoch + wait, Due::Start(key));
            }
        }
        let spread = profile.seed.of("churn").unit();
        self.engine.schedule_churn(profile.epoch, spread);
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
        aliases: Vec::new(),
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
        config: Vec::new(),
        internal: false,
        attachable: driver == "overlay",
        ipv6: false,
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

fn image_of(seed: Seed, row: &'static ImageRow, tag: &str, created: Nanos) -> Image {
    let size = i64::from(row.megabytes) * 1_000_000 + seed.of("size").span(1_000_000);
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
    let (config, layers) = image_archive::configured(seed, row, &labels, size, created);
    Image {
        id: image_archive::id_of(&config),
        tags: vec![format!("{}:{tag}", row.repo)],
        digests: vec![format!("{}@sha256:{}", row.repo, seed.of("digest").hex64())],
        size,
        created,
        row,
        labels,
        seed,
        layers,
        config: config.into(),
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
