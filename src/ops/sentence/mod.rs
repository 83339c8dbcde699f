//! The sentence: one language for the shell, the keys, the palette, the help and the log of acts.

mod app;
mod balancer;
mod container;
mod discovery;
mod error;
mod fleet;
mod host;
mod image;
mod jenkins;
mod network;
mod notify;
mod permission;
mod pipeline;
mod registry;
mod setting;
mod subnet;
mod swarm;
mod template;
mod traits;
mod volume;
mod write;

pub use app::{
    AppAct, AppChoice, AppCommand, AppPlace, BundleAppArgs, DeployArgs, HowArgs, InstallAppArgs,
    JudgeArgs, RollbackArgs, ScaleArgs, ServiceCount, ServiceImage,
};
pub use balancer::{
    BalancerCommand, DrainArgs, ReadyArgs, RenderBalancerArgs, SaveArgs, ServersArgs, ShareArgs,
    ShowBalancerArgs, WeightArgs,
};
pub use container::{
    ContainerCommand, ContainerName, CopySide, ExecArgs, Grace, KillArgs, RemoveArgs, ShowArgs,
    Signal, Targets,
};
pub use discovery::{DiscoveryCommand, DiscoveryPlace, PushArgs};
pub use error::ParseError;
pub(crate) use fleet::seconds;
pub use fleet::{AuditCommand, ListArgs, LogsCommand, Moment};
pub use host::{
    ActivateHostArgs, AddArgs, DrainHostArgs, EditArgs, ExportArgs, HostCommand, ImportArgs,
    InstallArgs, PruneArgs, Replicas, UpgradeArgs,
};
pub use image::{
    BuildArgs, BuildsArgs, BundleArgs, CommitArgs, CopyImageArgs, ImageCommand, ImageName,
    ImageTargets, LoadArgs, PruneImagesArgs, PullArgs, RemoveImageArgs, Speed,
};
pub use jenkins::{AbortJobArgs, ArtifactsArgs, JenkinsCommand, RunJobArgs};
pub use network::{
    ConnectArgs, CreateNetworkArgs, DisconnectArgs, NetworkCommand, NetworkTargets, PrefixLength,
    ProbeArgs, ProbeTarget, ProbeWhat, SubnetWish,
};
pub use notify::{HistoryArgs, NotifyCommand, RetryArgs};
pub use pipeline::{AnswerArgs, PipelineCommand, RunArgs, StartArgs};
pub use registry::{DeleteArgs, Destination, PromoteArgs, RegistryCommand, RepositoriesArgs};
pub use setting::SettingCommand;
pub use subnet::{FreeArgs, SubnetCommand};
pub use swarm::{
    CreateStoredArgs, DrainNodeArgs, ManagersArgs, NodeCommand, NodeTargets, RemoveServiceArgs,
    ScaleServiceArgs, ServiceCommand, ServiceTargets, StoredCommand, StoredTargets, SwarmCommand,
    TasksArgs,
};
pub use template::{CheckTemplateArgs, ConvertArgs, RenderArgs, TemplateCommand};
pub use traits::{Accepts, Danger, Number, Role};
pub use volume::{
    BackupArgs, BackupsArgs, BrowseArgs, CreateVolumeArgs, Pair, PruneVolumeArgs, RestoreArgs,
    SwitchArgs, VerifyArgs, VolumeCommand, VolumePath, VolumeTargets,
};
pub(super) use write::join;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// What can be said: a noun, a verb, targets and options.
///
/// Targets are written `name@host`, hosts `@host`. Both parts may hold the wildcards `*`, `?` and
/// `[…]`; the host part may also be `env:prod` or `group:edge`, the container part `app:shop` or
/// `service:web`, or four or more digits of an id.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Sentence {
    /// Hosts: the engines, and the ways to them
    #[command(subcommand)]
    Host(HostCommand),
    /// Containers, on one host or on many
    #[command(subcommand)]
    Container(ContainerCommand),
    /// Apps: what Compose projects and Swarm stacks are made of, on all hosts
    #[command(subcommand)]
    App(AppCommand),
    /// Images of all hosts
    #[command(subcommand)]
    Image(ImageCommand),
    /// Networks of all hosts
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Subnets: the addresses of all networks seen together
    #[command(subcommand)]
    Subnet(SubnetCommand),
    /// Volumes of all hosts
    #[command(subcommand)]
    Volume(VolumeCommand),
    /// Image registries: what is in them, and moving names about
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Load balancers: what stands behind them, and who gets traffic
    #[command(subcommand)]
    Balancer(BalancerCommand),
    /// Service discovery: who keeps lists of the targets of apps
    #[command(subcommand)]
    Discovery(DiscoveryCommand),
    /// Jenkins: its jobs and builds, their consoles, what waits
    #[command(subcommand)]
    Jenkins(JenkinsCommand),
    /// Swarms: the clusters that hosts form
    #[command(subcommand)]
    Swarm(SwarmCommand),
    /// Nodes of Swarms: drained, paused, taking tasks
    #[command(subcommand)]
    Node(NodeCommand),
    /// Services of Swarms, and their tasks
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Secrets of Swarms
    #[command(subcommand)]
    Secret(StoredCommand),
    /// Configs of Swarms
    #[command(subcommand)]
    SwarmConfig(StoredCommand),
    /// Pipelines: from a commit to production, and their runs
    #[command(subcommand)]
    Pipeline(PipelineCommand),
    /// Notifications: the channels that tell people what happened, and what was told
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Templates: apps to be made of answers, and Compose files
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Read or follow the logs of containers
    Logs(LogsCommand),
    /// The log of acts: what was done, and whether it is whole
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Settings: how this console looks and behaves
    #[command(subcommand)]
    Setting(SettingCommand),
}

/// Why something is done: `--reason`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Why {
    /// Why it is done; kept in the log of acts
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// A line that holds one sentence and nothing else.
#[derive(Debug, Parser)]
#[command(
    name = "wharf",
    no_binary_name = true,
    disable_version_flag = true,
    color = clap::ColorChoice::Never
)]
struct Line {
    #[command(subcommand)]
    sentence: Sentence,
}

/// Reads sentences. The grammar costs far more than a sentence: who reads many of them keeps one of these.
#[derive(Clone, Debug)]
pub struct Reader(clap::Command);

impl Default for Reader {
    fn default() -> Self {
        Self(Line::command())
    }
}

impl Reader {
    /// Reads a sentence as it would be typed in a shell, with or without the leading `wharf`.
    pub fn read(&mut self, line: &str) -> Result<Sentence, ParseError> {
        let words = shlex::split(line).ok_or_else(ParseError::quotes)?;
        let words = match words.first().map(String::as_str) {
            Some("wharf") => &words[1..],
            _ => &words[..],
        };
        self.0
            .try_get_matches_from_mut(words)
            .and_then(|matches| Line::from_arg_matches(&matches))
            .map(|line| line.sentence)
            .map_err(|error| ParseError::from_clap(&error.format(&mut self.0)))
    }
}

impl Sentence {
    /// Reads a sentence as it would be typed in a shell, with or without the leading `wharf`.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        Reader::default().read(line)
    }

    /// The grammar as clap knows it, for the catalogue and for completion.
    pub(super) fn grammar() -> clap::Command {
        let mut grammar = Line::command();
        grammar.build();
        grammar
    }

    /// Why it is done, when the sentence says so.
    pub fn reason(&self) -> Option<&str> {
        let why = match self {
            Self::Host(command) => command.why(),
            Self::Container(command) => command.why(),
            Self::Setting(command) => command.why(),
            Self::Logs(args) => Some(&args.why),
            Self::Image(command) => command.why(),
            Self::Network(command) => command.why(),
            Self::Volume(command) => command.why(),
            Self::Registry(command) => command.why(),
            Self::Balancer(command) => command.why(),
            Self::Jenkins(command) => command.why(),
            Self::Discovery(command) => command.why(),
            Self::App(command) => command.why(),
            Self::Pipeline(command) => command.why(),
            Self::Node(command) => command.why(),
            Self::Service(command) => command.why(),
            Self::Secret(command) | Self::SwarmConfig(command) => command.why(),
            Self::Audit(_)
            | Self::Subnet(_)
            | Self::Swarm(_)
            | Self::Notify(_)
            | Self::Template(_) => None,
        };
        why.and_then(|why| why.reason.as_deref())
    }
}
