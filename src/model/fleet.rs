//! All hosts that the configuration names, with what is known of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{
    Access, Backend, BalancerSpec, Container, ContainerId, DiscoverySpec, EnvironmentSpec, Event,
    Health, Host, HostName, Link, Operation, Settings, SiteRange, Skew, State, Timestamp, Usage,
    app::{Template, TemplateName, Told},
    jenkins::JenkinsSpec,
    pipeline::Board,
    release::{Admission, Deploys},
};

/// How many of the newest operations the fleet keeps at hand.
const OPERATIONS_KEPT: usize = 1000;

/// All hosts, as plain values.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// The time as the last tick told it.
    pub now: Timestamp,
    /// The hosts in the order of the configuration.
    hosts: Vec<Host>,
    index: BTreeMap<HostName, usize>,
    /// What the configuration says of environments.
    pub environments: Vec<EnvironmentSpec>,
    /// What the configuration says of the site's addresses.
    pub site_ranges: Vec<SiteRange>,
    /// The load balancers that the configuration describes.
    pub balancers: Arc<[BalancerSpec]>,
    /// The Jenkins servers that the configuration describes.
    pub jenkins: Arc<[JenkinsSpec]>,
    /// Who keeps lists of the targets of apps, as the configuration describes it.
    pub discoveries: Arc<[DiscoverySpec]>,
    /// What stands behind those of them that were looked at for the sentence at hand.
    pub behind: BTreeMap<Arc<str>, Vec<Backend>>,
    /// Nothing may be changed at all.
    pub read_only: bool,
    /// Who may do what, and who acts.
    pub access: Access,
    /// The templates of all catalogs, sorted by name; none until somebody wants to see them and they were read.
    pub templates: Option<Arc<[Template]>>,
    /// What could not be read of the catalogs, and why.
    pub catalog_faults: Arc<[Told]>,
    /// The pipelines and their newest runs.
    pub pipelines: Board,
    /// What the console is told about itself.
    pub settings: Settings,
    /// What the store tells of deploys.
    pub deploys: Deploys,
    /// The newest operations, newest first.
    operations: VecDeque<Operation>,
    /// Those that wait to be recorded, newest first.
    waiting: Vec<Operation>,
    /// Grows with every change of containers or hosts, so that views can be kept until then.
    version: u64,
}

/// Numbers over a set of hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Hosts by state of their link.
    pub online: usize,
    /// Being opened, or not tried yet.
    pub connecting: usize,
    /// Not usable.
    pub offline: usize,
    /// With a disk that is nearly full.
    pub full_disks: usize,
    /// All containers.
    pub containers: usize,
    /// Containers by state.
    pub running: usize,
    /// Frozen.
    pub paused: usize,
    /// Restarting.
    pub restarting: usize,
    /// Never started.
    pub created: usize,
    /// Ended, removing, dead or unknown.
    pub ended: usize,
    /// Of the running ones, unhealthy.
    pub unhealthy: usize,
    /// In need of attention.
    pub broken: usize,
}

impl Fleet {
    /// The templates as far as they are known.
    pub fn all_templates(&self) -> &[Template] {
        self.templates.as_deref().unwrap_or(&[])
    }

    /// The template of that name.
    pub fn template(&self, name: &TemplateName) -> Option<&Template> {
        self.all_templates().iter().find(|one| one.name == *name)
    }

    /// A fleet of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The hosts, in the order of the configuration.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Without what is asked anew for each plan: images, networks, volumes, operations. Cheaper to hand over.
    #[must_use]
    pub fn bare(&self) -> Self {
        let hosts = self.hosts.iter().map(|host| Host {
            images: None,
            networks: None,
            volumes: None,
            swarm: None,
            ..host.clone()
        });
        Self {
            hosts: hosts.collect(),
            operations: VecDeque::new(),
            waiting: Vec::new(),
            templates: None,
            catalog_faults: Arc::new([]),
            ..self.clone()
        }
    }

    /// A host by name.
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.index.get(name).map(|at| &self.hosts[*at])
    }

    /// A container by host and id.
    pub fn container(&self, host: &HostName, id: &ContainerId) -> Option<&Container> {
        self.host(host)?.containers.get(id)
    }

    /// How far a host's clock is ahead of ours, in nanoseconds, as far as that is certain.
    pub fn clock_ahead(&self, host: &HostName) -> i64 {
        let skew = self.host(host).and_then(|host| host.skew);
        skew.map_or(0, Skew::correction)
    }

    /// All containers with their hosts, in no order.
    pub fn containers(&self) -> impl Iterator<Item = (&Host, &Container)> {
        self.hosts
            .iter()
            .flat_map(|host| host.containers.values().map(move |one| (host, one)))
    }

    /// The newest operations, newest first; those that wait to be recorded before all.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.waiting.iter().chain(&self.operations)
    }

    /// How many operations wait to be recorded, because the log cannot be written.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Grows with every change of hosts and containers except samples and ages.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The environment of that name: as configured, else with the defaults.
    pub fn environment(&self, name: &str) -> EnvironmentSpec {
        self.environments
            .iter()
            .find(|one| &*one.name == name)
            .cloned()
            .unwrap_or_else(|| EnvironmentSpec {
                name: Arc::from(name),
                guarded: name == "prod",
                read_only: false,
                deny: Vec::new(),
                worker_only: false,
                deploys: None,
                tags: Vec::new(),
                admission: Admission::default(),
            })
    }

    /// The names of all environments that hosts belong to, in the order of their first host.
    pub fn environment_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for name in self
            .hosts
            .iter()
            .filter_map(|host| host.spec.environment.as_ref())
        {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Why nothing may be changed on that host; none when it may.
    pub fn forbids_change(&self, host: &Host) -> Option<String> {
        if self.read_only {
            Some("this program was started read-only".into())
        } else if host.spec.read_only {
            Some(format!(
                "host {} is read-only by configuration",
                host.name()
            ))
        } else if self.environment(host.environment()).read_only {
            Some(format!(
                "environment {} is read-only by configuration",
                host.environment()
            ))
        } else {
            None
        }
    }

    /// Counts hosts and containers of the hosts that `which` accepts.
    pub fn tally(&self, which: impl Fn(&Host) -> bool) -> Tally {
        let mut tally = Tally::default();
        for host in self.hosts.iter().filter(|host| which(host)) {
            match host.link {
                Link::Online { .. } => tally.online += 1,
                Link::Unknown | Link::Connecting { .. } | Link::Installing { .. } => {
                    tally.connecting += 1;
                }
                Link::Offline { .. } | Link::InstallFailed { .. } => tally.offline += 1,
            }
            tally.full_disks += usize::from(host.disk_is_full());
            for container in host.containers.values() {
                tally.count(container);
            }
        }
        tally
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Tick(now) => {
                self.now = now;
                return;
            }
            Event::Usages(name, usages) => {
                if let Some(host) = self.host_mut(&name) {
                    apply_usages(host, usages);
                }
                return;
            }
            Event::Heard(name, at, latency) => {
                if let Some(host) = self.host_mut(&name) {
                    host.heard = Some(at);
                    host.latency_ms = latency.or(host.latency_ms);
                }
                return;
            }
            Event::Skew(name, skew) => {
                if let Some(host) = self.host_mut(&name) {
                    host.skew = Some(skew);
                }
                return;
            }
            Event::Deploys(deploys) => self.deploys = *deploys,
            Event::Operation(operation) => self.apply_operation(*operation),
            Event::AnotherLog => self.operations.clear(),
            Event::Waiting(waiting) => {
                let numbered = (0..).zip(waiting);
                self.waiting = numbered.map(|(at, one)| one.waiting(at)).collect();
                self.waiting.reverse();
            }
            Event::Templates(templates, faults) => {
                self.templates = Some(templates);
                self.catalog_faults = faults;
            }
            Event::Pipelines(read) => self.pipelines.take_files(read),
            Event::Runs(read) => self.pipelines.take_runs(read),
            Event::Builds(read) => self.pipelines.take_builds(read),
            Event::Settings(settings) => self.settings.read_again(*settings),
            Event::Hosts(specs) => self.apply_hosts(specs),
            Event::Link(name, link) => self.change(&name, |host| {
                host.link = link;
                host.opening = None;
            }),
            Event::Opening(name, step) => self.change(&name, |host| host.opening = Some(step)),
            Event::Way(name, way) => self.change(&name, |host| host.way = Some(way)),
            Event::Engine(name, info) => self.change(&name, |host| host.engine = Some(*info)),
            Event::Containers(name, list) => self.change(&name, |host| apply_list(host, list)),
            Event::Container(name, one) => self.change(&name, |host| apply_one(host, *one)),
            Event::ContainerState(name, id, state, at) => self.change(&name, |host| {
                if let Some(container) = host.containers.get_mut(&id)
                    && container.state != state
                {
                    container.state = state;
                    container.since = Some(at);
                }
            }),
            Event::ContainerGone(name, id) => self.change(&name, |host| {
                host.containers.remove(&id);
            }),
            Event::LastLine(name, id, line) => self.change(&name, |host| {
                if let Some(container) = host.containers.get_mut(&id) {
                    container.last_line = Some(line);
                }
            }),
            Event::Images(name, images) => self.change(&name, |host| host.images = Some(images)),
            Event::Networks(name, all) => self.change(&name, |host| host.networks = Some(all)),
            Event::Volumes(name, all) => self.change(&name, |host| host.volumes = Some(all)),
            Event::Swarm(name, all) => self.change(&name, |host| host.swarm = all),
            Event::Disk(name, disk) => self.change(&name, |host| host.disk = Some(disk)),
            Event::Maintenance(all) => {
                for host in &mut self.hosts {
                    let mut all = all.iter();
                    let found = all.find(|one| one.host == host.spec.name);
                    host.maintenance = found.cloned();
                }
            }
            Event::Load(name, load) => self.change(&name, |host| host.load = Some(load)),
        }
        self.version += 1;
    }

    /// Tells what is being done to a container, or to a host as a whole; none when it is over.
    pub fn set_busy(
        &mut self,
        host: &HostName,
        container: Option<&ContainerId>,
        busy: Option<&'static str>,
    ) {
        self.change(host, |host| match container {
            None => host.busy = busy,
            Some(id) => {
                if let Some(container) = host.containers.get_mut(id) {
                    container.busy = busy;
                }
            }
        });
        self.version += 1;
    }

    fn host_mut(&mut self, name: &HostName) -> Option<&mut Host> {
        self.index.get(name).map(|at| &mut self.hosts[*at])
    }

    fn change(&mut self, name: &HostName, change: impl FnOnce(&mut Host)) {
        if let Some(host) = self.host_mut(name) {
            change(host);
        }
    }

    fn apply_hosts(&mut self, specs: Vec<super::HostSpec>) {
        let mut before: BTreeMap<HostName, Host> = std::mem::take(&mut self.hosts)
            .into_iter()
            .map(|host| (host.name().clone(), host))
            .collect();
        for spec in specs {
            let host = match before.remove(&spec.name) {
                Some(host) if host.spec.endpoint == spec.endpoint => Host { spec, ..host },
                _ => Host::new(spec),
            };
            self.hosts.push(host);
        }
        self.index = self
            .hosts
            .iter()
            .enumerate()
            .map(|(at, host)| (host.name().clone(), at))
            .collect();
    }

    fn apply_operation(&mut self, operation: Operation) {
        if let Some(known) = self
            .operations
            .iter_mut()
            .find(|one| one.number == operation.number)
        {
            *known = operation;
            return;
        }
        let at = self
            .operations
            .iter()
            .take_while(|one| one.number > operation.number)
            .count();
        self.operations.insert(at, operation);
        self.operations.truncate(OPERATIONS_KEPT);
    }
}

fn apply_list(host: &mut Host, list: Vec<Container>) {
    let mut before = std::mem::take(&mut host.containers);
    host.containers = list
        .into_iter()
        .map(|mut container| {
            if let Some(mut known) = before.remove(&container.id) {
                container.inherit(&mut known);
            }
            (container.id.clone(), container)
        })
        .collect();
    host.listed = true;
}

fn apply_one(host: &mut Host, mut container: Container) {
    if let Some(known) = host.containers.get_mut(&container.id) {
        container.inherit(known);
        *known = container;
    } else {
        host.containers.insert(container.id.clone(), container);
    }
}

fn apply_usages(host: &mut Host, usages: Vec<(ContainerId, Usage)>) {
    for (id, usage) in usages {
        if let Some(container) = host.containers.get_mut(&id) {
            container.sampled(usage);
        }
    }
}

impl Tally {
    fn count(&mut self, container: &Container) {
        self.containers += 1;
        match container.state {
            State::Running => self.running += 1,
            State::Paused => self.paused += 1,
            State::Restarting => self.restarting += 1,
            State::Created => self.created += 1,
            State::Removing | State::Exited | State::Dead | State::Other(_) => self.ended += 1,
        }
        if container.state == State::Running && container.health == Health::Unhealthy {
            self.unhealthy += 1;
        }
        if container.trouble().is_some() {
            self.broken += 1;
        }
    }
}
