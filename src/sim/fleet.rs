//! The running sim: which hosts it has, their sockets, and the handle by which tests change them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::clock;
use super::control::Engine;
use super::door;
use super::engine::Profile;
use super::faults::Faults;
use super::host::{self, Host};
use super::seed::Seed;

/// The socket, beside those of the hosts, that answers `/sim/…` for all of them even while a host
/// refuses or is frozen.
pub const CONTROL_SOCKET: &str = "sim.control";

/// Which API versions the engines speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// All of them 1.N.
    Minor(u32),
    /// 1.41 to 1.44, host by host.
    Mixed,
}

/// The shape of the hosts' stats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cgroup {
    /// Version 1 everywhere.
    V1,
    /// Version 2 everywhere.
    V2,
    /// Version 1 on every fourth host.
    Mixed,
}

/// So many images, networks and volumes that nothing uses, for the size of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spare {
    /// Images.
    pub images: usize,
    /// Networks; no more than 32 768, in 10.0.0.0/9.
    pub networks: usize,
    /// Volumes.
    pub volumes: usize,
}

/// What fleet to serve. The same spec gives the same fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// How many hosts.
    pub hosts: usize,
    /// Containers on each host.
    pub containers: usize,
    /// What nothing uses on each host, beside what its containers need.
    pub spare: Spare,
    /// The root of everything random.
    pub seed: u64,
    /// API versions.
    pub api: Api,
    /// Shape of the stats.
    pub cgroup: Cgroup,
    /// Random changes on each host, a minute (restarts, crashes, health); 0 for a still fleet.
    pub churn: f64,
    /// The moment that all ages are counted back from; now when absent.
    pub epoch: Option<SystemTime>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            hosts: 6,
            containers: 40,
            spare: Spare::default(),
            seed: 1,
            api: Api::Mixed,
            cgroup: Cgroup::Mixed,
            churn: 0.0,
            epoch: None,
        }
    }
}

/// A host of the running sim, as a configuration would name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimHost {
    /// Its name, such as `ams-1`.
    pub name: String,
    /// Where its engine listens.
    pub socket: PathBuf,
    /// `dev`, `qa`, `stage` or `prod`.
    pub environment: String,
    /// Its groups: what it is for, and its site.
    pub groups: Vec<String>,
    /// Labels that its engine carries too.
    pub labels: Vec<(String, String)>,
    /// The highest API version it speaks, the N of 1.N.
    pub api_minor: u32,
}

/// The running sim. Dropping it ends every connection and removes the sockets.
#[derive(Debug)]
pub struct Fleet {
    hosts: Vec<SimHost>,
    engines: Vec<Arc<Host>>,
    control: PathBuf,
    ended: CancellationToken,
}

/// Serves a fleet: one socket for each host in `dir` (which is made if it is missing), and
/// `sim.control` for the sim itself. The engines are filled when they are first asked. Must be
/// called within a tokio runtime. Fails when a socket cannot be bound, for example because another
/// sim holds it.
pub async fn serve(dir: &Path, spec: Spec) -> io::Result<Fleet> {
    tokio::fs::create_dir_all(dir).await?;
    let ended = CancellationToken::new();
    let control = dir.join(CONTROL_SOCKET);
    let mut fleet = Fleet {
        hosts: Vec::new(),
        engines: Vec::new(),
        control,
        ended,
    };
    let door = bind(&fleet.control)?;
    let mut listeners = Vec::new();
    for profile in profiles(&spec) {
        let socket = dir.join(format!("{}.sock", profile.name));
        listeners.push(bind(&socket)?);
        fleet.hosts.push(SimHost {
            name: profile.name.clone(),
            socket,
            environment: profile.environment.clone(),
            groups: profile.groups.clone(),
            labels: profile.labels.clone(),
            api_minor: profile.minor,
        });
        fleet
            .engines
            .push(Arc::new(Host::new(profile, fleet.ended.clone())));
    }
    for (host, listener) in fleet.engines.iter().zip(listeners) {
        tokio::spawn(door::serve_host(Arc::clone(host), listener));
        tokio::spawn(host::pulse(Arc::clone(host)));
    }
    tokio::spawn(door::serve_control(
        fleet.engines.clone(),
        door,
        fleet.ended.clone(),
    ));
    Ok(fleet)
}

/// Binds a socket; one that a crashed sim left behind is replaced, one that answers is not.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let told = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("binding the socket {}: {error}", path.display()),
        )
    };
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(told(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another sim serves it; end that one or choose another directory",
        )));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(told(error)),
        _ => UnixListener::bind(path).map_err(told),
    }
}

impl Fleet {
    /// The hosts, in their order.
    pub fn hosts(&self) -> &[SimHost] {
        &self.hosts
    }

    /// Sets what is wrong with a host; at once, for open connections too. False when there is no
    /// host of this name.
    pub fn set_faults(&self, host: &str, faults: Faults) -> bool {
        self.find(host).is_some_and(|host| {
            host.faults.send_replace(faults);
            true
        })
    }

    /// The handle to a host's engine; none when there is no host of this name.
    pub fn engine(&self, host: &str) -> Option<Engine> {
        self.find(host).map(|host| Engine::new(Arc::clone(host)))
    }

    fn find(&self, name: &str) -> Option<&Arc<Host>> {
        self.engines.iter().find(|host| host.profile.name == name)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.ended.cancel();
        // A socket that is gone already is as it should be.
        for host in &self.hosts {
            let _ = std::fs::remove_file(&host.socket);
        }
        let _ = std::fs::remove_file(&self.control);
    }
}

/// What each host of a fleet is.
pub fn profiles(spec: &Spec) -> Vec<Profile> {
    let epoch = spec.epoch.map_or_else(clock::now, clock::from_system);
    let sites = (spec.hosts / 3).clamp(1, SITES.len());
    (0..spec.hosts)
        .map(|index| profile(spec, index, sites, epoch))
        .collect()
}

/// Site and region.
const SITES: [(&str, &str); 10] = [
    ("ams", "eu-west"),
    ("fra", "eu-central"),
    ("lon", "eu-west"),
    ("iad", "us-east"),
    ("sfo", "us-west"),
    ("sgp", "ap-south"),
    ("waw", "eu-central"),
    ("tyo", "ap-east"),
    ("gru", "sa-east"),
    ("syd", "ap-south"),
];

fn profile(spec: &Spec, index: usize, sites: usize, epoch: clock::Nanos) -> Profile {
    const ENVIRONMENTS: [&str; 10] = [
        "prod", "prod", "stage", "prod", "qa", "prod", "dev", "prod", "stage", "prod",
    ];
    const ROLES: [&str; 6] = ["web", "db", "edge", "web", "batch", "db"];
    let fleet = Seed::new(spec.seed);
    let seed = fleet.of("host").at(index as u64);
    let (site, region) = SITES[index % sites];
    let role = ROLES[index % ROLES.len()];
    let environment = ENVIRONMENTS[index % ENVIRONMENTS.len()].to_owned();
    let api = match spec.api {
        Api::Minor(minor) => minor,
        Api::Mixed => 41 + u32::try_from(index % 4).unwrap_or(0),
    };
    let cgroup = match spec.cgroup {
        Cgroup::V1 => 1,
        Cgroup::V2 => 2,
        Cgroup::Mixed => {
            if index % 4 == 3 {
                1
            } else {
                2
            }
        }
    };
    let cpus = *seed.of("cpus").pick(&[4, 8, 8, 16, 32]);
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    Profile {
        name: format!("{site}-{}", index / sites + 1),
        index,
        seed,
        fleet,
        groups: vec![role.into(), site.into()],
        labels: vec![
            label("environment", &environment),
            label("region", region),
            label("rack", &format!("r{:02}", 1 + seed.of("rack").below(24))),
        ],
        environment,
        minor: api,
        cgroup,
        cpus,
        memory: i64::from(cpus) * 4 * 1_073_741_824 - 268_435_456,
        containers: spec.containers,
        spare: spec.spare,
        epoch,
        churn: spec.churn,
    }
}
