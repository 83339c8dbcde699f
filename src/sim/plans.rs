//! What containers are made of: from an image alone, or from an app's service.

use super::blueprint::Voice;
use super::clock::SECOND;
use super::container::{Mount, Plan, Port, Probe, Restart};
use super::engine::{Image, Profile};
use super::images_table::ImageRow;
use super::place::Placed;

/// The version of Compose that made the apps.
pub const COMPOSE: &str = "2.29.7";

/// What a container is that was made of an image and nothing else.
pub fn image_plan(row: &ImageRow, image: &Image) -> Plan {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let port = |private| Port {
        private,
        protocol: "tcp".into(),
        public: None,
    };
    Plan {
        image: image
            .tags
            .first()
            .cloned()
            .unwrap_or_else(|| image.id.clone()),
        image_id: image.id.clone(),
        entrypoint: words(row.entrypoint),
        command: words(row.command),
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()],
        labels: image.labels.clone(),
        ports: (row.port > 0).then(|| port(row.port)).into_iter().collect(),
        mounts: Vec::new(),
        network_mode: "default".into(),
        memory: 0,
        restart: Restart::No,
        probe: None,
        tty: false,
        user: String::new(),
        workdir: String::new(),
        auto_remove: false,
        log_driver: "json-file".into(),
        load: 0.01,
        voice: Voice::Quiet,
    }
}

/// What the containers of a service are.
pub fn service_plan(profile: &Profile, placed: &Placed, row: &ImageRow, image: &Image) -> Plan {
    let service = placed.service;
    let mut plan = image_plan(row, image);
    let secrets = profile.fleet.of(&placed.project);
    let setting = |text: &&str| match text.strip_suffix("=?") {
        Some(name) => format!("{name}={}", secrets.of(name).secret(24)),
        None => (*text).to_owned(),
    };
    plan.env.splice(0..0, service.env.iter().map(setting));
    plan.labels.extend(compose_labels(profile, placed, image));
    plan.network_mode = format!("{}_default", placed.project);
    plan.memory = i64::from(service.memory) << 20;
    plan.restart = match service.voice {
        Voice::Quiet => Restart::Always,
        Voice::Colour => Restart::OnFailure(5),
        _ => Restart::UnlessStopped,
    };
    if service.publish > 0 {
        for port in &mut plan.ports {
            port.public = Some((String::new(), service.publish + 10 * placed.variant));
        }
    }
    plan.mounts = mounts(placed);
    plan.probe = (!service.probe.is_empty()).then(|| Probe {
        test: vec!["CMD-SHELL".into(), service.probe.into()],
        every: 30 * SECOND,
    });
    plan.user = if row.repo.starts_with("registry.corp") {
        "10001:10001".into()
    } else {
        String::new()
    };
    plan.workdir = if row.repo.starts_with("registry.corp") {
        "/app".into()
    } else {
        String::new()
    };
    plan.load = service.load;
    plan.voice = service.voice;
    plan
}

fn mounts(placed: &Placed) -> Vec<Mount> {
    let service = placed.service;
    let mut mounts = Vec::new();
    if !service.bind.0.is_empty() {
        mounts.push(Mount {
            volume: None,
            source: service.bind.0.into(),
            destination: service.bind.1.into(),
            writable: false,
        });
    }
    if !service.volume.0.is_empty() {
        let name = format!("{}_{}", placed.project, service.volume.0);
        mounts.push(Mount {
            source: format!("/var/lib/docker/volumes/{name}/_data"),
            volume: Some(name),
            destination: service.volume.1.into(),
            writable: true,
        });
    }
    mounts
}

fn compose_labels(profile: &Profile, placed: &Placed, image: &Image) -> Vec<(String, String)> {
    let directory = format!("/srv/{}", placed.project);
    let hash = profile
        .fleet
        .of("config")
        .of(&placed.project)
        .of(placed.service.name)
        .of(&image.id);
    [
        ("com.docker.compose.config-hash", hash.hex64()),
        ("com.docker.compose.depends_on", String::new()),
        ("com.docker.compose.image", image.id.clone()),
        ("com.docker.compose.oneoff", "False".into()),
        ("com.docker.compose.project", placed.project.clone()),
        (
            "com.docker.compose.project.config_files",
            format!("{directory}/compose.yaml"),
        ),
        ("com.docker.compose.project.working_dir", directory),
        ("com.docker.compose.service", placed.service.name.into()),
        ("com.docker.compose.version", COMPOSE.into()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}
