//! A service as the request that makes its container.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value as Json, json};

use super::ground::{network_name, volume_name};
use super::label;
use crate::engine::session::Api;
use crate::model::ContainerId;
use crate::model::app::{
    Healthcheck, HostPort, Joined, Mount, MountKind, NetworkMode, Protocol, Published, Restart,
    SecretName, Service, Spec, Value,
};
use crate::model::release::{Converge, Scope, SecretOf, Secrets, Strategy};

/// From here on a container may be made in several networks at once.
const MANY_NETWORKS: Api = Api(44);

/// The request, and what has to be attached after it.
pub(super) struct Wanted {
    /// What makes the container.
    pub container: Json,
    /// Further networks with how it joins them.
    pub more: Vec<(String, Json)>,
}

/// The request for a target's container of an image, in the network of another container where there is one; a balancer
/// finds it at that port of its host. The error is a secret that is not known.
pub(super) fn of(
    converge: &Converge,
    service: &Service,
    (image, lender): (&str, Option<&ContainerId>),
    port: Option<u16>,
    api: Api,
    secrets: &Secrets,
) -> Result<Wanted, String> {
    let body = Body {
        converge,
        service,
        lender,
        port,
        secrets,
    };
    let mut container = body.config(image)?;
    container.insert("HostConfig".to_owned(), body.host_config().into());
    let mut endpoints = body.endpoints();
    let more = if api < MANY_NETWORKS && endpoints.len() > 1 {
        endpoints.split_off(1)
    } else {
        Vec::new()
    };
    if !endpoints.is_empty() {
        let endpoints: Map<String, Json> = endpoints.into_iter().collect();
        let config = json!({"EndpointsConfig": endpoints});
        container.insert("NetworkingConfig".to_owned(), config);
    }
    Ok(Wanted {
        container: container.into(),
        more,
    })
}

/// A restart policy as engines take it.
pub(super) fn restart(wanted: Option<Restart>) -> Json {
    match wanted {
        None | Some(Restart::No) => json!({"Name": "no"}),
        Some(Restart::Always) => json!({"Name": "always"}),
        Some(Restart::UnlessStopped) => json!({"Name": "unless-stopped"}),
        Some(Restart::OnFailure(most)) => {
            json!({"Name": "on-failure", "MaximumRetryCount": most.unwrap_or(0)})
        }
    }
}

struct Body<'b> {
    converge: &'b Converge,
    service: &'b Service,
    lender: Option<&'b ContainerId>,
    port: Option<u16>,
    secrets: &'b Secrets,
}

/// Puts it there when it says something.
pub(in crate::engine) fn put(map: &mut Map<String, Json>, name: &str, value: impl Into<Json>) {
    let value = value.into();
    let says_nothing = match &value {
        Json::Null => true,
        Json::Bool(on) => !on,
        Json::Array(all) => all.is_empty(),
        Json::Object(all) => all.is_empty(),
        Json::Number(_) | Json::String(_) => false,
    };
    if !says_nothing {
        map.insert(name.to_owned(), value);
    }
}

/// What a mount says that no volume keeps: of a directory of the host, or of memory.
pub(in crate::engine) fn put_unkept(one: &mut Map<String, Json>, kind: &MountKind) {
    let mut options = Map::new();
    match kind {
        MountKind::Volume { .. } => {}
        MountKind::Bind {
            source,
            propagation,
            ..
        } => {
            put(one, "Type", "bind");
            put(one, "Source", source.clone());
            put(&mut options, "Propagation", propagation.clone());
            put(one, "BindOptions", options);
        }
        MountKind::Tmpfs { size, mode, .. } => {
            put(one, "Type", "tmpfs");
            put(&mut options, "SizeBytes", *size);
            put(&mut options, "Mode", *mode);
            put(one, "TmpfsOptions", options);
        }
    }
}

/// A time as engines take it.
pub(in crate::engine) fn nanos(time: Option<Duration>) -> u64 {
    let nanos = time.unwrap_or_default().as_nanos();
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// Tells an engine what it has to know of texts with secrets in them.
pub(in crate::engine) struct Teller<'t> {
    pub scope: &'t Scope,
    pub secrets: &'t Secrets,
}

impl Teller<'_> {
    /// A text with its secrets in it, for the engine alone.
    pub fn told(&self, value: &Value) -> Result<String, String> {
        let known = |name: &SecretName| self.secrets.value(&SecretOf::App(self.scope, name));
        let resolved = value.resolve(|name| Some(known(name).ok()?.expose_secret().to_owned()));
        resolved.map_err(|name| match known(&name) {
            Err(why) => why,
            Ok(_) => format!("the secret {name} is not known"),
        })
    }

    /// Words of a command; null for none.
    pub fn words(&self, words: Option<&Vec<Value>>) -> Result<Json, String> {
        let Some(words) = words else {
            return Ok(Json::Null);
        };
        let told = words.iter().map(|word| self.told(word));
        Ok(json!(told.collect::<Result<Vec<_>, _>>()?))
    }

    /// How health is found out; null as the image says.
    pub fn healthcheck(&self, service: &Service) -> Result<Json, String> {
        let probe = match &service.healthcheck {
            None => return Ok(Json::Null),
            Some(Healthcheck::Disabled) => return Ok(json!({"Test": ["NONE"]})),
            Some(Healthcheck::Probe(probe)) => probe,
        };
        let mut check = Map::new();
        put(&mut check, "Test", self.words(probe.test.as_ref())?);
        for (name, time) in [
            ("Interval", probe.interval),
            ("Timeout", probe.timeout),
            ("StartPeriod", probe.start_period),
            ("StartInterval", probe.start_interval),
        ] {
            put(&mut check, name, time.map(|time| nanos(Some(time))));
        }
        put(&mut check, "Retries", probe.retries);
        Ok(check.into())
    }
}

impl Body<'_> {
    fn spec(&self) -> &Spec {
        &self.converge.release.spec
    }

    fn teller(&self) -> Teller<'_> {
        Teller {
            scope: &self.converge.release.scope,
            secrets: self.secrets,
        }
    }

    fn labels(&self) -> Map<String, Json> {
        let Converge {
            release, target, ..
        } = self.converge;
        let mut labels: Map<String, Json> = self
            .service
            .labels
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let replica = target.replica.to_string();
        let print = release.print(&target.service);
        let ours = [
            (label::APP, release.scope.app.to_string()),
            (label::ENVIRONMENT, release.scope.environment.to_string()),
            (label::SERVICE, target.service.to_string()),
            (label::REPLICA, replica.clone()),
            (label::RELEASE, release.number.to_string()),
            (
                label::PRINT,
                print.map_or_else(String::new, |print| print.0),
            ),
            (label::BY, release.by.clone()),
            (label::PROJECT, release.spec.name.to_string()),
            (label::COMPOSE_SERVICE, target.service.to_string()),
            (label::NUMBER, replica),
            (label::ONE_OFF, "False".to_owned()),
        ];
        labels.extend(ours.map(|(name, text)| (name.to_owned(), json!(text))));
        labels.extend(
            self.port
                .map(|port| (label::PORT.to_owned(), json!(port.to_string()))),
        );
        labels
    }

    fn config(&self, image: &str) -> Result<Map<String, Json>, String> {
        let service = self.service;
        let mut config = Map::new();
        put(&mut config, "Image", image);
        // Empty words clear the image's own.
        for (name, words) in [
            ("Cmd", &service.command),
            ("Entrypoint", &service.entrypoint),
        ] {
            match words {
                Some(words) if words.is_empty() && name == "Entrypoint" => {
                    config.insert(name.to_owned(), json!([""]));
                }
                words => put(&mut config, name, self.teller().words(words.as_ref())?),
            }
        }
        let mut variables = Vec::new();
        for (name, value) in &service.environment.0 {
            variables.push(format!("{name}={}", self.teller().told(value)?));
        }
        put(&mut config, "Env", variables);
        put(&mut config, "User", service.user.clone());
        put(&mut config, "WorkingDir", service.working_dir.clone());
        put(&mut config, "Hostname", service.hostname.clone());
        put(&mut config, "Domainname", service.domainname.clone());
        put(&mut config, "MacAddress", service.mac_address.clone());
        put(&mut config, "StopSignal", service.stop_signal.clone());
        let grace = service.stop_grace_period.map(|time| time.as_secs());
        put(&mut config, "StopTimeout", grace);
        put(&mut config, "Tty", service.tty);
        put(&mut config, "OpenStdin", service.stdin_open);
        put(&mut config, "Labels", self.labels());
        put(
            &mut config,
            "Healthcheck",
            self.teller().healthcheck(self.service)?,
        );
        let told = service.ports.iter().map(inside);
        let exposed = service.expose.iter().map(|port| {
            if port.contains('/') {
                port.clone()
            } else {
                format!("{port}/tcp")
            }
        });
        let behind = service.balancer.as_ref().filter(|_| self.port.is_some());
        let behind = behind.map(|behind| format!("{}/tcp", behind.port));
        let all = told.chain(exposed).chain(behind);
        let exposed: Map<String, Json> = all.map(|one| (one, json!({}))).collect();
        // What uses another one's network has no ports of its own.
        if self.lender.is_none() {
            put(&mut config, "ExposedPorts", exposed);
        }
        Ok(config)
    }

    /// When the engine starts it by itself.
    fn restart(&self) -> Json {
        if self.converge.strategy == Strategy::Job {
            return restart(None);
        }
        restart(self.service.restarts())
    }

    fn host_config(&self) -> Map<String, Json> {
        let mut config = Map::new();
        put(&mut config, "RestartPolicy", self.restart());
        put(&mut config, "NetworkMode", self.network_mode());
        self.storage(&mut config);
        self.ports(&mut config);
        self.limits(&mut config);
        self.rights(&mut config);
        let service = self.service;
        put(&mut config, "Dns", json!(service.dns));
        put(&mut config, "DnsSearch", json!(service.dns_search));
        put(&mut config, "DnsOptions", json!(service.dns_opt));
        let hosts = service.extra_hosts.iter().flat_map(|(name, addresses)| {
            addresses
                .iter()
                .map(move |address| format!("{name}:{address}"))
        });
        put(&mut config, "ExtraHosts", hosts.collect::<Vec<_>>());
        put(&mut config, "Init", service.init);
        put(&mut config, "Annotations", json!(service.annotations));
        if let Some(logging) = &service.logging {
            let mut driver = Map::new();
            put(&mut driver, "Type", logging.driver.clone());
            put(&mut driver, "Config", json!(logging.options));
            put(&mut config, "LogConfig", driver);
        }
        config
    }

    fn storage(&self, config: &mut Map<String, Json>) {
        let (mut mounts, mut binds, mut memory) = (Vec::new(), Vec::new(), Map::new());
        for mount in &self.service.mounts {
            match &mount.kind {
                // What is missing is made only for binds that are written the short way.
                MountKind::Bind {
                    source,
                    create: true,
                    propagation,
                    selinux,
                } => {
                    let mut options: Vec<&str> = Vec::new();
                    options.extend(mount.read_only.then_some("ro"));
                    options.extend(propagation.as_deref());
                    options.extend(selinux.as_deref());
                    let mut bind = format!("{source}:{}", mount.target);
                    if !options.is_empty() {
                        bind = format!("{bind}:{}", options.join(","));
                    }
                    binds.push(bind);
                }
                MountKind::Tmpfs { options, .. } if !options.is_empty() => {
                    memory.insert(mount.target.clone(), json!(options.join(",")));
                }
                kind => mounts.push(self.mount(mount, kind)),
            }
        }
        put(config, "Mounts", mounts);
        put(config, "Binds", binds);
        put(config, "Tmpfs", memory);
        put(config, "StorageOpt", json!(self.service.storage_opt));
        put(config, "ShmSize", self.service.shm_size);
    }

    fn mount(&self, mount: &Mount, kind: &MountKind) -> Json {
        let mut one = Map::new();
        put(&mut one, "Target", mount.target.clone());
        put(&mut one, "ReadOnly", mount.read_only);
        match kind {
            MountKind::Volume {
                source,
                no_copy,
                subpath,
            } => {
                put(&mut one, "Type", "volume");
                let name = source.as_deref().map(|key| volume_name(self.spec(), key));
                put(&mut one, "Source", name);
                let mut options = Map::new();
                put(&mut options, "NoCopy", *no_copy);
                put(&mut options, "Subpath", subpath.clone());
                put(&mut one, "VolumeOptions", options);
            }
            MountKind::Bind { .. } | MountKind::Tmpfs { .. } => put_unkept(&mut one, kind),
        }
        one.into()
    }

    fn ports(&self, config: &mut Map<String, Json>) {
        let mut bindings: Map<String, Json> = Map::new();
        for port in &self.service.ports {
            let host = match port.host {
                HostPort::Any => String::new(),
                HostPort::Fixed(number) => number.to_string(),
                // Each replica of a host has one of its own, always the same.
                HostPort::Between(first, last) => {
                    let nth = u16::try_from(self.converge.target.replica.saturating_sub(1));
                    let number = first.saturating_add(nth.unwrap_or(u16::MAX));
                    number.min(last).to_string()
                }
            };
            let address = port.address.map(|address| address.to_string());
            let binding = json!({"HostIp": address.unwrap_or_default(), "HostPort": host});
            let of = bindings.entry(inside(port)).or_insert_with(|| json!([]));
            if let Json::Array(all) = of {
                all.push(binding);
            }
        }
        if let (Some(behind), Some(port)) = (&self.service.balancer, self.port) {
            let binding = json!({"HostIp": "", "HostPort": port.to_string()});
            bindings.insert(format!("{}/tcp", behind.port), json!([binding]));
        }
        put(config, "PortBindings", bindings);
    }

    fn limits(&self, config: &mut Map<String, Json>) {
        let service = self.service;
        let resources = &service.deploy.resources;
        put(config, "NanoCpus", resources.limits.nano_cpus);
        put(config, "Memory", resources.limits.memory);
        put(config, "PidsLimit", resources.limits.pids);
        put(config, "MemoryReservation", resources.reservations.memory);
        put(config, "MemorySwap", service.memory_swap);
        put(config, "MemorySwappiness", service.memory_swappiness);
        put(config, "CpuShares", service.cpu_shares);
        put(config, "CpusetCpus", service.cpuset.clone());
        put(config, "OomScoreAdj", service.oom_score_adj);
        put(config, "OomKillDisable", service.oom_kill_disable);
        let bounds = service
            .ulimits
            .iter()
            .map(|(name, bound)| json!({"Name": name, "Soft": bound.soft, "Hard": bound.hard}));
        put(config, "Ulimits", bounds.collect::<Vec<_>>());
        let wishes = resources.devices.iter().map(|wish| {
            let count = match wish.count {
                Some(count) => i64::from(count),
                None if wish.ids.is_empty() => -1,
                None => 0,
            };
            json!({
                "Driver": wish.driver.as_deref().unwrap_or(""),
                "Count": count,
                "DeviceIDs": wish.ids,
                "Capabilities": [wish.capabilities],
                "Options": wish.options,
            })
        });
        put(config, "DeviceRequests", wishes.collect::<Vec<_>>());
    }

    fn rights(&self, config: &mut Map<String, Json>) {
        let service = self.service;
        put(config, "CapAdd", json!(service.cap_add));
        put(config, "CapDrop", json!(service.cap_drop));
        put(config, "Privileged", service.privileged);
        put(config, "ReadonlyRootfs", service.read_only);
        put(config, "SecurityOpt", json!(service.security_opt));
        put(config, "Sysctls", json!(service.sysctls));
        put(config, "GroupAdd", json!(service.group_add));
        let devices = service.devices.iter().map(|device| {
            json!({
                "PathOnHost": device.host,
                "PathInContainer": device.container,
                "CgroupPermissions": device.permissions,
            })
        });
        put(config, "Devices", devices.collect::<Vec<_>>());
        put(
            config,
            "DeviceCgroupRules",
            json!(service.device_cgroup_rules),
        );
        put(config, "PidMode", service.pid.clone());
        put(config, "IpcMode", service.ipc.clone());
        put(config, "UTSMode", service.uts.clone());
        put(config, "UsernsMode", service.userns_mode.clone());
        put(config, "CgroupnsMode", service.cgroup.clone());
        put(config, "CgroupParent", service.cgroup_parent.clone());
        put(config, "Runtime", service.runtime.clone());
    }

    fn network_mode(&self) -> Json {
        match &self.service.network_mode {
            Some(NetworkMode::Host) => json!("host"),
            Some(NetworkMode::None) => json!("none"),
            Some(NetworkMode::Named(name)) => json!(name),
            Some(NetworkMode::Container(name)) => json!(format!("container:{name}")),
            // The other one's container has another name in each release.
            Some(NetworkMode::Service(_)) => match self.lender {
                Some(id) => json!(format!("container:{}", id.as_str())),
                None => Json::Null,
            },
            None => match self.endpoints().first() {
                Some((name, _)) => json!(name),
                None => Json::Null,
            },
        }
    }

    /// How it joins the app's networks, the first one first.
    fn endpoints(&self) -> Vec<(String, Json)> {
        let mut joined: Vec<(&String, &Joined)> = self.service.networks.iter().collect();
        joined.sort_by_key(|(_, one)| std::cmp::Reverse(one.priority));
        let endpoint = |(key, one): (&String, &Joined)| {
            let mut aliases = one.aliases.clone();
            aliases.insert(0, self.converge.target.service.to_string());
            aliases.extend(self.service.container_name.clone());
            let mut endpoint = Map::new();
            put(&mut endpoint, "Aliases", aliases);
            let mut chosen = Map::new();
            let text = |address: Option<std::net::IpAddr>| address.map(|one| one.to_string());
            put(&mut chosen, "IPv4Address", text(one.ipv4));
            put(&mut chosen, "IPv6Address", text(one.ipv6));
            let local: Vec<String> = one.link_local.iter().map(ToString::to_string).collect();
            put(&mut chosen, "LinkLocalIPs", local);
            put(&mut endpoint, "IPAMConfig", chosen);
            put(&mut endpoint, "MacAddress", one.mac_address.clone());
            put(&mut endpoint, "DriverOpts", json!(one.driver_opts));
            (network_name(self.spec(), key), endpoint.into())
        };
        joined.into_iter().map(endpoint).collect()
    }
}

/// A port inside, as engines name it: `80/tcp`.
fn inside(port: &Published) -> String {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    format!("{}/{protocol}", port.container)
}
