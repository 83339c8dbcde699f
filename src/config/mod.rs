//! The only reader of files and environment variables that configure Wharf.

mod access;
mod admission;
mod backup;
mod balancer;
mod catalog;
mod contexts;
mod discovery;
mod document;
pub mod edit;
mod endpoint;
mod env;
mod file;
mod fleet;
mod found;
pub mod inventory;
mod jenkins;
mod load;
mod notify;
mod origin;
mod paths;
pub mod registry;
mod scaling;
mod secrets;
mod ssh_config;
mod terminal;

use std::{
    collections::BTreeMap, ffi::OsString, fmt, ops::RangeInclusive, path::PathBuf, time::Duration,
};

pub use self::{
    document::nearest,
    env::{Env, arguments, program},
    found::{found, is_first_start, remember_start},
    load::{own_file, own_names},
    origin::{FOR, STEP, WORKER, origin},
    paths::Paths,
    secrets::SecretFiles,
    terminal::{Colors, Multiplexer, Signs, Terminal},
};
use crate::{
    logs::Masks,
    model::{
        Access, BalancerSpec, DiscoverySpec, EnvironmentSpec, HostSpec, Place, RegistrySpec,
        Schedule, Settings, SiteRange, Vault, app::CatalogSource, file_part, jenkins::JenkinsSpec,
        notify::Channel, pipeline::PipelineSource, scaling::Scaling,
    },
};

/// What the command line says about the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `-H`, as often as given: `name=endpoint`, an endpoint, the name or glob of configured
    /// hosts, an alias of `ssh_config`, `ssh:GLOB` or `context:GLOB`. They replace the fleet.
    pub hosts: Vec<String>,
    /// `--also`: hosts named by `-H` are added to the fleet instead of replacing it.
    pub also: bool,
    /// `--config`: this file instead of the usual one.
    pub config: Option<PathBuf>,
    /// `--context`: the host of this docker context instead of the fleet.
    pub context: Option<String>,
    /// `--all-contexts`: every docker context is a host.
    pub all_contexts: bool,
    /// `--read-only`: nothing may be changed.
    pub read_only: bool,
    /// `--start`: what the console says to itself when it is opened.
    pub start: Option<String>,
    /// `--baud`.
    pub baud: Option<u32>,
}

impl Flags {
    /// The same as arguments of another run of this program, as far as they say which fleet it is.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        for host in &self.hosts {
            arguments.extend(["-H".into(), host.into()]);
        }
        if let Some(config) = &self.config {
            arguments.extend(["--config".into(), config.into()]);
        }
        if let Some(context) = &self.context {
            arguments.extend(["--context".into(), context.into()]);
        }
        for (is_set, flag) in [
            (self.also, "--also"),
            (self.all_contexts, "--all-contexts"),
            (self.read_only, "--read-only"),
        ] {
            arguments.extend(is_set.then(|| flag.into()));
        }
        arguments
    }
}

/// The whole configuration, complete whatever the files hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The hosts, in the order in which they are named. Empty when none is configured and there
    /// is no engine on this machine.
    pub hosts: Vec<HostSpec>,
    /// Somebody asked for hosts, by flag, file or variable. If not and there are none, the demo
    /// may be shown; if so, it must not take their place.
    pub configured: bool,
    /// The environments that are configured or named by a host.
    pub environments: Vec<EnvironmentSpec>,
    /// The ranges of addresses that the site has.
    pub site_ranges: Vec<SiteRange>,
    /// The image registries that it describes.
    pub registries: Vec<RegistrySpec>,
    /// The load balancers that it describes.
    pub balancers: Vec<BalancerSpec>,
    /// The Jenkins servers that it describes.
    pub jenkins: Vec<JenkinsSpec>,
    /// Who keeps lists of the targets of apps.
    pub discoveries: Vec<DiscoverySpec>,
    /// The services whose replicas follow their load.
    pub scalings: Vec<Scaling>,
    /// The channels that notifications go to.
    pub channels: Vec<Channel>,
    /// Where templates come from, beside Wharf's own.
    pub catalogs: Vec<CatalogSource>,
    /// Where pipelines are, and how many of their runs go on at once here.
    pub pipelines: Pipelines,
    /// Who signs bundles of releases, and whose are trusted.
    pub trust: crate::model::release::Trust,
    /// Nothing may be changed.
    pub read_only: bool,
    /// Who may do what, and who acts here.
    pub access: Access,
    /// The name of the keymap.
    pub keymap: String,
    /// The name of the theme.
    pub theme: String,
    /// What the console says to itself when it is opened, such as `pane containers`.
    pub start: Option<String>,
    /// Whether the mouse is taken.
    pub mouse: bool,
    /// The signs to draw with, instead of those that the terminal is taken to show.
    pub glyphs: Option<Signs>,
    /// How many bits a second the line to the terminal carries, where that is to be reckoned with.
    pub baud: Option<u32>,
    /// Chosen columns by pane.
    pub columns: BTreeMap<String, Vec<String>>,
    /// How often facts are asked for again.
    pub refresh: Refresh,
    /// What the console is told about itself, with where each value comes from.
    pub settings: Settings,
    /// How ssh is used.
    pub ssh: Ssh,
    /// Where the store is.
    pub store: Place,
    /// Where backups go, and what is backed up by itself.
    pub backups: Backups,
    /// How logs of containers are shown.
    pub logs: Logs,
    /// The program's own log.
    pub log: Log,
    /// Where Wharf's files are.
    pub paths: Paths,
    /// What is wrong with the configuration, to be shown; never fatal.
    pub notices: Vec<Notice>,
}

/// Where pipelines are, and how many of their runs go on at once here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipelines {
    /// The directory of their files.
    pub directory: PathBuf,
    /// So many runs a worker carries out at the same time; those that wait for people do not count.
    pub at_once: usize,
    /// So many runs at the same time have their containers on one host, those of all workers together.
    pub per_host: usize,
    /// Whether a console carries runs out as long as no worker is there.
    pub console: bool,
    /// The repositories that keep pipelines of their own.
    pub repositories: Vec<PipelineSource>,
}

/// How often facts are asked for again that no event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The full list of a host's containers, in case an event was lost.
    pub resync: Duration,
    /// Images, networks, volumes and disk usage.
    pub resources: Duration,
    /// A host's own load.
    pub load: Duration,
}

impl Refresh {
    /// Nothing is asked for more often than this.
    pub const SHORTEST: Duration = Duration::from_secs(1);
}

impl Default for Refresh {
    fn default() -> Self {
        Self {
            resync: Duration::from_mins(1),
            resources: Duration::from_mins(1),
            load: Duration::from_secs(5),
        }
    }
}

/// How the system's ssh is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// The program.
    pub program: PathBuf,
    /// The configuration ssh reads instead of its usual ones.
    pub config: Option<PathBuf>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// After how much silence the connection is tested; three tests without an answer end it.
    pub keep_alive: Duration,
    /// How many logins may be under way at once.
    pub logins: usize,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            program: PathBuf::from("ssh"),
            config: None,
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(5),
            logins: 8,
        }
    }
}

/// Where backups of volumes go, and what the worker backs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backups {
    /// The directory that is meant where none is said.
    pub directory: Vault,
    /// What the worker backs up, and when.
    pub jobs: Vec<BackupJob>,
    /// Who acts, for the manifests.
    pub operator: String,
    /// Where it is noted which backups there are in directories of other hosts.
    pub notes: PathBuf,
}

impl Default for Backups {
    fn default() -> Self {
        Self {
            directory: Vault::Here(PathBuf::new()),
            jobs: Vec::new(),
            operator: String::new(),
            notes: PathBuf::new(),
        }
    }
}

impl Backups {
    /// All directories in which there may be backups.
    pub fn directories(&self) -> Vec<Vault> {
        let mut all = vec![self.directory.clone()];
        for directory in self.jobs.iter().filter_map(|job| job.directory.as_ref()) {
            if !all.contains(directory) {
                all.push(directory.clone());
            }
        }
        all
    }

    /// The directories of this machine whose names say when a volume was backed up: those of other hosts are noted.
    pub fn dated(&self) -> Vec<PathBuf> {
        let all = self.directories().into_iter();
        all.map(|vault| match vault {
            Vault::Here(path) => path,
            Vault::On(..) => self.notes.join(file_part(&vault.to_string())),
        })
        .collect()
    }
}

/// Volumes that are backed up again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupJob {
    /// Which, as in `volume backup`.
    pub volumes: Vec<String>,
    /// When.
    pub when: Schedule,
    /// Where to, if not to the usual directory.
    pub directory: Option<Vault>,
    /// How many backups of each are kept; all without it.
    pub keep: Option<u32>,
    /// Whether the containers that use them are frozen meanwhile.
    pub pause: bool,
    /// What is run before.
    pub before: Option<String>,
}

/// How logs of containers are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Logs {
    /// What is masked in their lines.
    pub masks: Masks,
    /// How many bytes of lines a view holds.
    pub memory: usize,
}

impl Logs {
    /// What a view may be told to hold, in bytes: from 1 MB to 64 GB.
    pub const MEMORY: RangeInclusive<u64> = 1 << 20..=64 << 30;
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            masks: Masks::default(),
            memory: 128 << 20,
        }
    }
}

/// The program's own log, for finding out what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The file.
    pub file: PathBuf,
    /// What is written, as `RUST_LOG` writes it: `info`, `wharf::engine=debug`.
    pub level: String,
    /// At how many bytes the file is begun anew.
    pub max_size: u64,
}

/// Something wrong with the configuration: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// The file, the variable (`$DOCKER_HOST`) or the flag (`-H`).
    pub place: String,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do; may be empty.
    pub remedy: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.remedy)
        }
    }
}

/// `wharf.toml` with everything in it, explained.
pub const EXAMPLE: &str = include_str!("example.toml");
