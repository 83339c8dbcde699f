//! Which targets a sentence names, and what they are in a fleet.

use super::{
    plan::{Refusal, RefusalKind},
    sentence::{
        Accepts, ActivateHostArgs, AppPlace, ContainerCommand, CopySide, DrainHostArgs, EditArgs,
        ExecArgs, HostCommand, ImageCommand, InstallArgs, KillArgs, LogsCommand, Number, PruneArgs,
        RemoveArgs, Sentence, ShowArgs, Targets, UpgradeArgs, VolumeCommand,
    },
    target::{ContainerPattern, HostPattern, ResourcePattern, Target},
};
use crate::model::{Fleet, HostName, HostSpec, Resource, release::Scope};

impl Sentence {
    /// The containers that it names itself, as patterns.
    fn container_patterns(&self) -> Vec<&ContainerPattern> {
        match self {
            Self::Container(command) => match command {
                ContainerCommand::Show(ShowArgs { targets, .. })
                | ContainerCommand::Start(Targets { targets, .. })
                | ContainerCommand::Pause(Targets { targets, .. })
                | ContainerCommand::Unpause(Targets { targets, .. })
                | ContainerCommand::Stop {
                    targets: Targets { targets, .. },
                    ..
                }
                | ContainerCommand::Restart {
                    targets: Targets { targets, .. },
                    ..
                }
                | ContainerCommand::Kill(KillArgs {
                    targets: Targets { targets, .. },
                    ..
                })
                | ContainerCommand::Remove(RemoveArgs {
                    targets: Targets { targets, .. },
                    ..
                }) => targets.iter().collect(),
                ContainerCommand::Rename { target, .. }
                | ContainerCommand::Exec(ExecArgs { target, .. })
                | ContainerCommand::Top { target }
                | ContainerCommand::Changes { target } => target.iter().collect(),
                ContainerCommand::Copy { from, to, .. } => {
                    [from, to].into_iter().flat_map(inside).collect()
                }
                ContainerCommand::List(_) => Vec::new(),
            },
            Self::Logs(LogsCommand { targets, .. }) => targets.iter().collect(),
            Self::Image(ImageCommand::Commit(args)) => args.target.iter().collect(),
            Self::Network(command) => command.containers().iter().collect(),
            Self::Volume(command) => command.containers().iter().collect(),
            Self::Host(_)
            | Self::Image(_)
            | Self::Subnet(_)
            | Self::App(_)
            | Self::Swarm(_)
            | Self::Node(_)
            | Self::Service(_)
            | Self::Secret(_)
            | Self::SwarmConfig(_)
            | Self::Registry(_)
            | Self::Balancer(_)
            | Self::Jenkins(_)
            | Self::Discovery(_)
            | Self::Pipeline(_)
            | Self::Notify(_)
            | Self::Template(_)
            | Self::Audit(_)
            | Self::Setting(_) => Vec::new(),
        }
    }

    /// The hosts that it names itself, as patterns.
    fn host_patterns(&self) -> &[HostPattern] {
        match self {
            Self::Host(
                HostCommand::Show { hosts }
                | HostCommand::Remove { hosts, .. }
                | HostCommand::Reconnect { hosts }
                | HostCommand::Doctor { hosts }
                | HostCommand::Prune(PruneArgs { hosts, .. }),
            ) => hosts,
            Self::Host(
                HostCommand::Login { host }
                | HostCommand::Install(InstallArgs { host, .. })
                | HostCommand::Drain(DrainHostArgs { host, .. })
                | HostCommand::Activate(ActivateHostArgs { host, .. })
                | HostCommand::Upgrade(UpgradeArgs { host, .. }),
            ) => host.as_slice(),
            Self::Network(command) => command.hosts(),
            Self::Volume(command) => command.hosts(),
            Self::Image(ImageCommand::Prune(args)) => &args.hosts,
            Self::Node(command) => command.hosts(),
            Self::Service(command) => command.hosts(),
            Self::Secret(command) | Self::SwarmConfig(command) => command.hosts(),
            Self::Host(
                HostCommand::List(_)
                | HostCommand::Add(_)
                | HostCommand::Edit(_)
                | HostCommand::Import(_)
                | HostCommand::Export(_),
            )
            | Self::Container(_)
            | Self::Image(_)
            | Self::Subnet(_)
            | Self::App(_)
            | Self::Swarm(_)
            | Self::Registry(_)
            | Self::Balancer(_)
            | Self::Jenkins(_)
            | Self::Discovery(_)
            | Self::Pipeline(_)
            | Self::Notify(_)
            | Self::Template(_)
            | Self::Logs(_)
            | Self::Audit(_)
            | Self::Setting(_) => &[],
        }
    }

    /// The same, with the host that was selected for it when it named none: it is planned where nothing is selected.
    #[must_use]
    pub fn naming(&self, selection: &[Target]) -> Self {
        let host = selection.iter().find_map(|target| match target {
            Target::Host(name) => name.as_str().parse::<HostPattern>().ok(),
            Target::Container(..) | Target::Resource(..) | Target::Operation(_) => None,
        });
        let mut named = self.clone();
        if let Self::Host(
            HostCommand::Drain(DrainHostArgs { host: one, .. })
            | HostCommand::Activate(ActivateHostArgs { host: one, .. }),
        ) = &mut named
            && one.is_none()
        {
            *one = host;
        }
        named
    }

    /// The same, with this app when it is about one and names none.
    #[must_use]
    pub fn about_app(&self, scope: Option<Scope>) -> Self {
        match (self, scope) {
            (Self::App(command), Some(scope)) => {
                let environment = Some(scope.environment.to_string());
                Self::App(command.about(AppPlace {
                    name: scope.app,
                    environment: environment.filter(|name| !name.is_empty()),
                }))
            }
            _ => self.clone(),
        }
    }

    /// The images, networks or volumes that it names itself, as patterns.
    fn resource_patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::Image(command) => command.patterns(),
            Self::Network(command) => command.patterns(),
            Self::Volume(command) => command.patterns(),
            Self::Node(command) => command.patterns(),
            Self::Service(command) => command.patterns(),
            Self::Secret(command) | Self::SwarmConfig(command) => command.patterns(),
            Self::Host(_)
            | Self::Container(_)
            | Self::Subnet(_)
            | Self::App(_)
            | Self::Swarm(_)
            | Self::Registry(_)
            | Self::Balancer(_)
            | Self::Jenkins(_)
            | Self::Discovery(_)
            | Self::Pipeline(_)
            | Self::Notify(_)
            | Self::Template(_)
            | Self::Logs(_)
            | Self::Audit(_)
            | Self::Setting(_) => &[],
        }
    }

    /// Whether it can concern that host at all: only such hosts have to be reached for it.
    pub fn touches(&self, spec: &HostSpec) -> bool {
        match self {
            Self::Audit(_)
            | Self::Registry(_)
            | Self::Balancer(_)
            | Self::Jenkins(_)
            | Self::Discovery(_)
            | Self::Setting(_)
            | Self::Pipeline(_)
            | Self::Notify(_)
            | Self::Template(_)
            | Self::Host(
                HostCommand::Add(_)
                | HostCommand::Edit(_)
                | HostCommand::Remove { .. }
                | HostCommand::Import(_)
                | HostCommand::Export(_),
            ) => false,
            Self::Host(_) => {
                let named = self.host_patterns();
                named.is_empty() || named.iter().any(|pattern| pattern.matches(spec))
            }
            Self::Container(_) | Self::Logs(_) => {
                let named = self.container_patterns();
                named.is_empty() || named.iter().any(|pattern| pattern.touches(spec))
            }
            Self::Volume(command) if command.is_local() => false,
            Self::Volume(command) if !command.hosts().is_empty() => {
                let mut named = command.hosts().iter();
                named.any(|pattern| pattern.matches(spec))
            }
            Self::Image(ImageCommand::Commit(_)) | Self::Volume(VolumeCommand::Switch(_)) => {
                let named = self.container_patterns();
                named.is_empty() || named.iter().any(|pattern| pattern.touches(spec))
            }
            Self::Image(ImageCommand::Prune(_)) => {
                let named = self.host_patterns();
                named.is_empty() || named.iter().any(|pattern| pattern.matches(spec))
            }
            Self::Subnet(_) | Self::App(_) | Self::Swarm(_) => true,
            Self::Node(_) | Self::Service(_) | Self::Secret(_) | Self::SwarmConfig(_) => {
                let (hosts, named) = (self.host_patterns(), self.resource_patterns());
                (hosts.is_empty() && named.is_empty())
                    || hosts.iter().any(|pattern| pattern.matches(spec))
                    || named.iter().any(|pattern| pattern.touches(spec))
            }
            Self::Network(command) => {
                let (containers, hosts) = (command.containers(), command.hosts());
                let networks = command.patterns();
                let names_none = containers.is_empty() && hosts.is_empty() && networks.is_empty();
                names_none
                    || command.looks_at_all()
                    || containers.iter().any(|pattern| pattern.touches(spec))
                    || hosts.iter().any(|pattern| pattern.matches(spec))
                    || networks.iter().any(|pattern| pattern.touches(spec))
            }
            Self::Image(_) | Self::Volume(_) => {
                let named = self.resource_patterns();
                let hosts = match self {
                    Self::Image(command) => command.destinations(),
                    _ => &[],
                };
                (named.is_empty() && hosts.is_empty())
                    || named.iter().any(|pattern| pattern.touches(spec))
                    || hosts.iter().any(|pattern| pattern.matches(spec))
            }
        }
    }

    /// Whether it says itself what it is about, so that no selection is needed.
    pub fn names_targets(&self) -> bool {
        !self.container_patterns().is_empty()
            || !self.host_patterns().is_empty()
            || !self.resource_patterns().is_empty()
            || matches!(
                self,
                Self::Image(ImageCommand::Load(_) | ImageCommand::Pull(_) | ImageCommand::Build(_))
                    | Self::Registry(_)
                    | Self::Balancer(_)
                    | Self::Jenkins(_)
                    | Self::Discovery(_)
            )
    }

    /// What it is about: the targets it names, else the selection; without repetition. Nothing for
    /// sentences that take no targets.
    pub fn targets(&self, fleet: &Fleet, selection: &[Target]) -> Result<Vec<Target>, Refusal> {
        let (targets, number, kind) = match self.accepts() {
            Accepts::App => return Ok(Vec::new()),
            Accepts::Nothing => return Ok(self.host_edited(fleet)?.into_iter().collect()),
            Accepts::Containers { number, .. } => {
                (self.containers(fleet, selection)?, number, "container")
            }
            Accepts::Hosts { number } => (self.hosts(fleet, selection)?, number, "host"),
            Accepts::Resources { kind, number } => {
                (self.resources(kind, fleet, selection)?, number, kind.word())
            }
        };
        match (number, targets.len()) {
            (_, 0) => Err(self.nothing(kind)),
            (Number::One, count @ 2..) => Err(Refusal::new(
                RefusalKind::Kind,
                format!("`{}` takes one {kind}, not {count}", self.words()),
                format!("name or select one {kind}"),
            )),
            (Number::One | Number::Some, _) => Ok(targets),
        }
    }

    fn nothing(&self, kind: &str) -> Refusal {
        let example = match kind {
            "host" => "@ams-1",
            "image" => "nginx:1.25@ams-1",
            "network" => "back@ams-1",
            "volume" => "data@ams-1",
            "node" => "ams-2",
            "service" => "shop_web",
            "secret" | "config" => "tls-key",
            _ => "web@ams-1",
        };
        Refusal::new(
            RefusalKind::Nothing,
            format!(
                "`{}` needs a {kind}, and none is named or selected",
                self.words()
            ),
            format!("say which one, as in `{} {example}`", self.words()),
        )
    }

    fn host_edited(&self, fleet: &Fleet) -> Result<Option<Target>, Refusal> {
        let Self::Host(HostCommand::Edit(EditArgs { name, .. })) = self else {
            return Ok(None);
        };
        let name = HostName::new(name.strip_prefix('@').unwrap_or(name));
        if fleet.host(&name).is_some() {
            return Ok(Some(Target::Host(name)));
        }
        Err(Refusal::new(
            RefusalKind::Unknown,
            format!("no host is @{name}"),
            "`wharf host list` lists the hosts",
        ))
    }

    fn containers(&self, fleet: &Fleet, selection: &[Target]) -> Result<Vec<Target>, Refusal> {
        let named = self.container_patterns();
        let mut targets = Vec::new();
        for pattern in &named {
            for (host, container) in pattern.resolve(fleet)? {
                targets.push(Target::Container(host.name().clone(), container.id.clone()));
            }
        }
        if named.is_empty() {
            for target in selection {
                if !matches!(target, Target::Container(..)) {
                    return Err(self.other_kind("containers", target, fleet));
                }
                targets.push(target.clone());
            }
        }
        Ok(distinct(targets))
    }

    fn hosts(&self, fleet: &Fleet, selection: &[Target]) -> Result<Vec<Target>, Refusal> {
        let named = self.host_patterns();
        let mut targets = Vec::new();
        for pattern in named {
            for host in pattern.resolve(fleet)? {
                targets.push(Target::Host(host.name().clone()));
            }
        }
        if named.is_empty() {
            for target in selection {
                if !matches!(target, Target::Host(_)) {
                    return Err(self.other_kind("hosts", target, fleet));
                }
                targets.push(target.clone());
            }
        }
        Ok(distinct(targets))
    }

    fn resources(
        &self,
        kind: Resource,
        fleet: &Fleet,
        selection: &[Target],
    ) -> Result<Vec<Target>, Refusal> {
        let named = self.resource_patterns();
        let mut targets = Vec::new();
        for pattern in named {
            let found = match self {
                Self::Image(command) if command.takes_any_source() => {
                    pattern.resolve_anywhere(kind, fleet)
                }
                _ => pattern.resolve(kind, fleet),
            };
            for (host, id, _) in found? {
                targets.push(Target::Resource(kind, host.name().clone(), id));
            }
        }
        if named.is_empty() {
            for target in selection {
                if !matches!(target, Target::Resource(one, ..) if *one == kind) {
                    return Err(self.other_kind(&format!("{}s", kind.word()), target, fleet));
                }
                targets.push(target.clone());
            }
        }
        Ok(distinct(targets))
    }

    fn other_kind(&self, kind: &str, selected: &Target, fleet: &Fleet) -> Refusal {
        let what = selected.kind();
        Refusal::new(
            RefusalKind::Kind,
            format!(
                "`{}` acts on {kind}; {} is {what}",
                self.words(),
                selected.text(fleet)
            ),
            format!("select {kind}"),
        )
    }
}

fn inside(side: &CopySide) -> &[ContainerPattern] {
    match side {
        CopySide::Inside { targets, .. } => targets,
        CopySide::Local(_) => &[],
    }
}

/// The targets without repetition, in their order.
fn distinct(targets: Vec<Target>) -> Vec<Target> {
    let mut seen = std::collections::HashSet::new();
    targets
        .into_iter()
        .filter(|target| seen.insert(target.clone()))
        .collect()
}
