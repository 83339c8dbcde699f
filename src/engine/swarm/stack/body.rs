//! A service of a release as the request that makes it in a Swarm, or changes it: always the whole of it.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::ground::Known;
use super::service_name;
use crate::engine::deploy::{Teller, label, nanos, put, put_unkept, volume_name};
use crate::engine::swarm::read::STACK;
use crate::model::app::{
    DeployMode, Failure, FileUse, Healthcheck, HostPort, Mount, MountKind, NetworkMode, Order,
    PortMode, Protocol, Restart, Service, ServiceName, Update,
};
use crate::model::release::{Pin, Release, Secrets, Way};

/// New tasks are watched at least so long by the Swarm, as long as the file does not say.
const MONITOR: Duration = Duration::from_secs(30);

/// And at most so long.
const LONGEST: Duration = Duration::from_mins(5);

/// What is written on the second service that is tried beside the first.
pub(super) const CANARY: &str = "canary";

/// The request; with a number of tasks that of the second service which is tried beside the first. The error is a secret
/// that is not known.
pub(super) fn of(
    release: &Release,
    (name, tried): (&ServiceName, Option<u32>),
    secrets: &Secrets,
    known: &Known,
    way: Way,
) -> Result<Json, String> {
    let service = release.spec.services.get(name);
    let service = service.ok_or_else(|| format!("the release has no service {name}"))?;
    let teller = Teller {
        scope: &release.scope,
        secrets,
    };
    let body = Body {
        release,
        name,
        tried,
        service,
        teller,
        known,
    };
    body.whole(way)
}

/// By what a Swarm is told which image: always the same bytes.
pub(super) fn image(pin: &Pin) -> Option<String> {
    let Some(digest) = pin.digest.as_deref() else {
        // Nodes that have it know it by its id, and fetch nothing.
        return pin.id.clone();
    };
    let name = pin.image.as_str();
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    Some(format!("{name}@{digest}"))
}

struct Body<'b> {
    release: &'b Release,
    name: &'b ServiceName,
    tried: Option<u32>,
    service: &'b Service,
    teller: Teller<'b>,
    known: &'b Known,
}

impl Body<'_> {
    fn whole(&self, way: Way) -> Result<Json, String> {
        let deploy = &self.service.deploy;
        let mut template = Map::new();
        put(&mut template, "ContainerSpec", self.container()?);
        put(&mut template, "Resources", self.resources());
        put(&mut template, "RestartPolicy", self.restart());
        put(&mut template, "Placement", self.placement());
        put(&mut template, "Networks", self.networks()?);
        if let Some(logging) = &self.service.logging {
            let mut driver = Map::new();
            put(&mut driver, "Name", logging.driver.clone());
            put(&mut driver, "Options", json!(logging.options));
            put(&mut template, "LogDriver", driver);
        }
        let mode = match deploy.mode {
            DeployMode::Global => json!({"Global": {}}),
            DeployMode::Replicated | DeployMode::ReplicatedJob | DeployMode::GlobalJob => {
                let replicas = self.tried.unwrap_or_else(|| self.service.replicas());
                json!({"Replicated": {"Replicas": replicas}})
            }
        };
        Ok(json!({
            "Name": service_name(self.release, self.name, self.tried.is_some()),
            "Labels": self.labels(),
            "TaskTemplate": template,
            "Mode": mode,
            "UpdateConfig": self.update(deploy.update.as_ref(), match way {
                Way::Forth => "rollback",
                Way::Back => "continue",
            }),
            "RollbackConfig": self.update(deploy.rollback.as_ref().or(deploy.update.as_ref()), "pause"),
            "EndpointSpec": self.endpoint(),
        }))
    }

    fn ours(&self) -> [(&'static str, String); 5] {
        let release = self.release;
        let print = release.print(self.name);
        [
            (STACK, release.scope.app.to_string()),
            (label::APP, release.scope.app.to_string()),
            (label::ENVIRONMENT, release.scope.environment.to_string()),
            (label::SERVICE, self.name.to_string()),
            (
                label::PRINT,
                print.map_or_else(String::new, |print| print.0),
            ),
        ]
    }

    /// Labels of the service: they change with each release that changes it, and replace no task.
    fn labels(&self) -> Map<String, Json> {
        let mut labels: Map<String, Json> = Map::new();
        let said = self.service.deploy.labels.iter();
        labels.extend(said.map(|(name, text)| (name.clone(), json!(text))));
        labels.extend(
            self.ours()
                .map(|(name, text)| (name.to_owned(), json!(text))),
        );
        let release = self.release;
        let image = release.pins.get(self.name).map(|pin| pin.image.to_string());
        for (name, text) in [
            (label::RELEASE, release.number.to_string()),
            (label::BY, release.by.clone()),
            (label::IMAGE, image.unwrap_or_default()),
        ] {
            labels.insert(name.to_owned(), json!(text));
        }
        if self.tried.is_some() {
            labels.insert(label::LANE.to_owned(), json!(CANARY));
        }
        labels
    }

    fn container(&self) -> Result<Map<String, Json>, String> {
        let service = self.service;
        let mut spec = Map::new();
        let pin = self.release.pins.get(self.name);
        let image = pin.and_then(image);
        put(
            &mut spec,
            "Image",
            image.ok_or_else(|| format!("the image of {} is not bound", self.name))?,
        );
        let mut labels: Map<String, Json> = Map::new();
        let said = service.labels.iter();
        labels.extend(said.map(|(name, text)| (name.clone(), json!(text))));
        labels.extend(
            self.ours()
                .map(|(name, text)| (name.to_owned(), json!(text))),
        );
        put(&mut spec, "Labels", labels);
        match &service.entrypoint {
            Some(words) if words.is_empty() => put(&mut spec, "Command", json!([""])),
            words => put(&mut spec, "Command", self.teller.words(words.as_ref())?),
        }
        put(
            &mut spec,
            "Args",
            self.teller.words(service.command.as_ref())?,
        );
        let mut variables = Vec::new();
        for (name, value) in &service.environment.0 {
            variables.push(format!("{name}={}", self.teller.told(value)?));
        }
        put(&mut spec, "Env", variables);
        put(&mut spec, "Hostname", service.hostname.clone());
        put(&mut spec, "Dir", service.working_dir.clone());
        put(&mut spec, "User", service.user.clone());
        put(&mut spec, "Groups", json!(service.group_add));
        put(&mut spec, "StopSignal", service.stop_signal.clone());
        let grace = service.stop_grace_period.map(|time| nanos(Some(time)));
        put(&mut spec, "StopGracePeriod", grace);
        put(&mut spec, "TTY", service.tty);
        put(&mut spec, "OpenStdin", service.stdin_open);
        put(&mut spec, "ReadOnly", service.read_only);
        put(&mut spec, "Init", service.init);
        put(&mut spec, "Sysctls", json!(service.sysctls));
        put(&mut spec, "CapabilityAdd", json!(service.cap_add));
        put(&mut spec, "CapabilityDrop", json!(service.cap_drop));
        put(&mut spec, "Healthcheck", self.teller.healthcheck(service)?);
        let bounds = service
            .ulimits
            .iter()
            .map(|(name, bound)| json!({"Name": name, "Soft": bound.soft, "Hard": bound.hard}));
        put(&mut spec, "Ulimits", bounds.collect::<Vec<_>>());
        let hosts = service.extra_hosts.iter().flat_map(|(name, addresses)| {
            let addresses = addresses.iter();
            addresses.map(move |address| format!("{address} {name}"))
        });
        put(&mut spec, "Hosts", hosts.collect::<Vec<_>>());
        let mut dns = Map::new();
        put(&mut dns, "Nameservers", json!(service.dns));
        put(&mut dns, "Search", json!(service.dns_search));
        put(&mut dns, "Options", json!(service.dns_opt));
        put(&mut spec, "DNSConfig", dns);
        let mounts = service.mounts.iter().map(|one| self.mount(one));
        put(&mut spec, "Mounts", mounts.collect::<Vec<_>>());
        put(&mut spec, "Secrets", self.files(&service.secrets, true)?);
        put(&mut spec, "Configs", self.files(&service.configs, false)?);
        Ok(spec)
    }

    fn files(&self, uses: &[FileUse], secret: bool) -> Result<Vec<Json>, String> {
        let (all, key, called) = if secret {
            (&self.known.secrets, "SecretID", "SecretName")
        } else {
            (&self.known.configs, "ConfigID", "ConfigName")
        };
        let files = uses.iter().map(|one| {
            let (id, name) = all
                .get(&one.source)
                .ok_or_else(|| format!("the app has no file {}", one.source))?;
            let usual = if secret {
                one.source.clone()
            } else {
                format!("/{}", one.source)
            };
            let file = json!({
                "Name": one.target.clone().unwrap_or(usual),
                "UID": one.uid.as_deref().unwrap_or("0"),
                "GID": one.gid.as_deref().unwrap_or("0"),
                "Mode": one.mode.unwrap_or(0o444),
            });
            Ok(json!({"File": file, (key): id, (called): name}))
        });
        files.collect()
    }

    fn mount(&self, mount: &Mount) -> Json {
        let mut one = Map::new();
        put(&mut one, "Target", mount.target.clone());
        put(&mut one, "ReadOnly", mount.read_only);
        match &mount.kind {
            MountKind::Volume {
                source, no_copy, ..
            } => {
                put(&mut one, "Type", "volume");
                let spec = &self.release.spec;
                let name = source.as_deref().map(|key| volume_name(spec, key));
                put(&mut one, "Source", name);
                let mut options = Map::new();
                put(&mut options, "NoCopy", *no_copy);
                let kept = source.as_deref().and_then(|key| spec.volumes.get(key));
                if let Some(kept) = kept.filter(|one| !one.external) {
                    let mut driver = Map::new();
                    put(&mut driver, "Name", kept.driver.clone());
                    put(&mut driver, "Options", json!(kept.driver_opts));
                    put(&mut options, "DriverConfig", driver);
                    put(&mut options, "Labels", json!(kept.labels));
                }
                put(&mut one, "VolumeOptions", options);
            }
            MountKind::Bind { .. } | MountKind::Tmpfs { .. } => put_unkept(&mut one, &mount.kind),
        }
        one.into()
    }

    fn resources(&self) -> Map<String, Json> {
        let said = &self.service.deploy.resources;
        let mut all = Map::new();
        for (name, bounds) in [
            ("Limits", &said.limits),
            ("Reservations", &said.reservations),
        ] {
            let mut one = Map::new();
            put(&mut one, "NanoCPUs", bounds.nano_cpus);
            put(&mut one, "MemoryBytes", bounds.memory);
            if name == "Limits" {
                put(&mut one, "Pids", bounds.pids);
            } else {
                let generic = said.generic.iter().map(
                    |(kind, value)| json!({"DiscreteResourceSpec": {"Kind": kind, "Value": value}}),
                );
                put(&mut one, "GenericResources", generic.collect::<Vec<_>>());
            }
            put(&mut all, name, one);
        }
        all
    }

    /// When a task that ended is replaced. Nothing said means always, as Swarms do.
    fn restart(&self) -> Map<String, Json> {
        let wish = self.service.deploy.restart.as_ref();
        let said = wish.and_then(|one| one.condition.as_deref());
        let plain = match self.service.restart {
            Some(Restart::No) => "none",
            Some(Restart::OnFailure(_)) => "on-failure",
            Some(Restart::Always | Restart::UnlessStopped) | None => "any",
        };
        let most = match self.service.restart {
            Some(Restart::OnFailure(Some(most))) => Some(u64::from(most)),
            _ => None,
        };
        let mut policy = Map::new();
        put(&mut policy, "Condition", said.unwrap_or(plain));
        let delay = wish.and_then(|one| one.delay);
        put(
            &mut policy,
            "Delay",
            nanos(Some(delay.unwrap_or(Duration::from_secs(5)))),
        );
        let most = wish.and_then(|one| one.max_attempts).or(most);
        put(&mut policy, "MaxAttempts", most);
        let window = wish.and_then(|one| one.window);
        put(&mut policy, "Window", window.map(|time| nanos(Some(time))));
        policy
    }

    fn placement(&self) -> Map<String, Json> {
        let said = &self.service.deploy.placement;
        let mut placement = Map::new();
        put(&mut placement, "Constraints", json!(said.constraints));
        let spread = said.spread.iter();
        let spread = spread.map(|by| json!({"Spread": {"SpreadDescriptor": by}}));
        put(&mut placement, "Preferences", spread.collect::<Vec<_>>());
        put(&mut placement, "MaxReplicas", said.max_per_node);
        placement
    }

    fn networks(&self) -> Result<Vec<Json>, String> {
        match &self.service.network_mode {
            Some(NetworkMode::Host) => return Ok(vec![json!({"Target": "host"})]),
            Some(NetworkMode::None) => return Ok(vec![json!({"Target": "none"})]),
            Some(NetworkMode::Named(name)) => return Ok(vec![json!({"Target": name})]),
            Some(NetworkMode::Service(_) | NetworkMode::Container(_)) => {
                return Err(format!("{} uses the network of a container", self.name));
            }
            None => {}
        }
        let joined = self.service.networks.iter().map(|(key, one)| {
            let id = self.known.networks.get(key);
            let id = id.ok_or_else(|| format!("the app has no network {key}"))?;
            let mut aliases = vec![self.name.to_string()];
            aliases.extend(one.aliases.iter().cloned());
            let mut joined = Map::new();
            put(&mut joined, "Target", id.clone());
            put(&mut joined, "Aliases", aliases);
            put(&mut joined, "DriverOpts", json!(one.driver_opts));
            Ok(joined.into())
        });
        joined.collect()
    }

    /// One task after the other; the order is by rule.
    fn update(&self, said: Option<&Update>, failure: &str) -> Json {
        let plain = Update::default();
        let said = said.unwrap_or(&plain);
        let stack = self.release.stack.as_ref();
        let order = stack.map_or(Order::StopFirst, |one| one.order(self.name));
        let failure = match said.on_failure {
            Some(Failure::Continue) if failure == "pause" => "continue",
            _ => failure,
        };
        json!({
            "Parallelism": said.parallelism.unwrap_or(1),
            "Delay": nanos(said.delay),
            "FailureAction": failure,
            "Monitor": nanos(Some(said.monitor.unwrap_or_else(|| monitor(self.service)))),
            "MaxFailureRatio": said.max_failure_ratio.unwrap_or(0.0),
            "Order": match order {
                Order::StartFirst => "start-first",
                Order::StopFirst => "stop-first",
            },
        })
    }

    fn endpoint(&self) -> Json {
        let ports = self.service.ports.iter().map(|port| {
            let protocol = match port.protocol {
                Protocol::Tcp => "tcp",
                Protocol::Udp => "udp",
                Protocol::Sctp => "sctp",
            };
            let mode = match port.mode {
                PortMode::Ingress => "ingress",
                PortMode::Host => "host",
            };
            let mut one = json!({
                "Protocol": protocol, "TargetPort": port.container, "PublishMode": mode,
            });
            if let HostPort::Fixed(number) | HostPort::Between(number, _) = port.host {
                one["PublishedPort"] = json!(number);
            }
            one
        });
        let mode = self.service.deploy.endpoint_mode.as_deref();
        let mut spec = Map::new();
        put(&mut spec, "Mode", mode.unwrap_or("vip"));
        put(&mut spec, "Ports", ports.collect::<Vec<_>>());
        spec.into()
    }
}

/// How long a Swarm watches a new task: as long as its probe needs to find out that it is not well.
fn monitor(service: &Service) -> Duration {
    let usual = Duration::from_secs(30);
    let window = match &service.healthcheck {
        Some(Healthcheck::Probe(probe)) => {
            let tries = u32::try_from(probe.retries.unwrap_or(3)).unwrap_or(u32::MAX);
            let checks = probe.interval.unwrap_or(usual).saturating_mul(tries);
            probe
                .start_period
                .unwrap_or_default()
                .saturating_add(checks)
        }
        Some(Healthcheck::Disabled) | None => Duration::ZERO,
    };
    window.clamp(MONITOR, LONGEST)
}
