//! What every sentence states of itself: its danger, its role and what it accepts.

use serde::Serialize;

use super::{
    ContainerCommand, CopySide, ExecArgs, HostCommand, ImageCommand, Sentence, SettingCommand,
};
use crate::{
    model::{Container, Fleet, Resource, State},
    ops::target::Target,
};

/// How bad a sentence can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Danger {
    /// Nothing is changed.
    Reads,
    /// Something is changed, and can be changed back.
    Changes,
    /// What runs is interrupted.
    Disrupts,
    /// Something is lost for good.
    Destroys,
}

/// What has to be done with a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its plan has steps for the engines.
    Act,
    /// It asks for an answer.
    Query,
    /// It edits wharf.toml.
    Configure,
    /// It takes the terminal.
    Terminal,
    /// Its plan has steps that only look.
    Look,
    /// It is planned from what is read first: files, releases, hosts, registries.
    Deploy,
}

/// Which selection a sentence takes when it names no targets.
#[derive(Clone, Copy, Debug)]
pub enum Accepts {
    /// None: it does not look at the selection.
    Nothing,
    /// Containers.
    Containers {
        /// One, or any number.
        number: Number,
        /// Why a container cannot take part; none when it can.
        unfit: fn(&Container) -> Option<&'static str>,
    },
    /// Hosts.
    Hosts {
        /// One, or any number.
        number: Number,
    },
    /// Containers of one app that was deployed.
    App,
    /// Images, networks or volumes.
    Resources {
        /// Which of them.
        kind: Resource,
        /// One, or any number.
        number: Number,
    },
}

/// How many targets a sentence takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// Exactly one.
    One,
    /// One or more.
    Some,
}

impl Accepts {
    /// Whether that target could be one of its targets.
    pub fn takes(&self, fleet: &Fleet, target: &Target) -> bool {
        match (self, target) {
            (Self::Containers { unfit, .. }, Target::Container(host, id)) => fleet
                .container(host, id)
                .is_some_and(|container| unfit(container).is_none()),
            (Self::App, Target::Container(host, id)) => fleet
                .container(host, id)
                .is_some_and(|one| one.app.is_some() && one.release.is_some()),
            (Self::Hosts { .. }, Target::Host(host)) => fleet.host(host).is_some(),
            (Self::Resources { kind, .. }, Target::Resource(one, host, _)) => {
                kind == one && fleet.host(host).is_some()
            }
            (
                Self::Nothing
                | Self::App
                | Self::Containers { .. }
                | Self::Hosts { .. }
                | Self::Resources { .. },
                _,
            ) => false,
        }
    }
}

impl Sentence {
    /// How bad it can be.
    pub fn danger(&self) -> Danger {
        match self {
            Self::Host(command) => command.danger(),
            Self::Container(command) => command.danger(),
            Self::Setting(SettingCommand::List(_)) => Danger::Reads,
            Self::Setting(SettingCommand::Set { .. } | SettingCommand::Reset { .. }) => {
                Danger::Changes
            }
            Self::Image(command) => command.danger(),
            Self::Network(command) => command.danger(),
            Self::Volume(command) => command.danger(),
            Self::Registry(command) => command.danger(),
            Self::Balancer(command) => command.danger(),
            Self::Jenkins(command) => command.danger(),
            Self::Discovery(command) => command.danger(),
            Self::App(command) => command.danger(),
            Self::Pipeline(command) => command.danger(),
            Self::Swarm(command) => command.danger(),
            Self::Node(command) => command.danger(),
            Self::Service(command) => command.danger(),
            Self::Secret(command) | Self::SwarmConfig(command) => command.danger(),
            Self::Logs(_)
            | Self::Audit(_)
            | Self::Subnet(_)
            | Self::Notify(_)
            | Self::Template(_) => Danger::Reads,
        }
    }

    /// Whether saying it twice, even at the same time, does no more than saying it once: for who goes on after it was said
    /// and nobody knows what came of that.
    pub fn may_be_repeated(&self) -> bool {
        match self {
            Self::Image(command) => matches!(
                command,
                ImageCommand::Pull(_)
                    | ImageCommand::Push(_)
                    | ImageCommand::Tag { .. }
                    | ImageCommand::Build(_)
            ),
            _ => self.danger() == Danger::Reads,
        }
    }

    /// What has to be done with it.
    pub fn role(&self) -> Role {
        match self {
            Self::Host(command) => command.role(),
            Self::Container(command) => command.role(),
            Self::Setting(SettingCommand::List(_)) => Role::Query,
            Self::Setting(SettingCommand::Set { .. } | SettingCommand::Reset { .. }) => {
                Role::Configure
            }
            Self::Image(command) => command.role(),
            Self::Network(command) => command.role(),
            Self::Volume(command) => command.role(),
            Self::Registry(command) => command.role(),
            Self::Balancer(command) => command.role(),
            Self::Jenkins(command) => command.role(),
            Self::Discovery(command) => command.role(),
            Self::App(command) => command.role(),
            Self::Pipeline(command) => command.role(),
            Self::Swarm(command) => command.role(),
            Self::Node(command) => command.role(),
            Self::Service(command) => command.role(),
            Self::Secret(command) | Self::SwarmConfig(command) => command.role(),
            Self::Logs(_)
            | Self::Audit(_)
            | Self::Subnet(_)
            | Self::Notify(_)
            | Self::Template(_) => Role::Query,
        }
    }

    /// Which selection it takes when it names no targets.
    pub fn accepts(&self) -> Accepts {
        match self {
            Self::Host(command) => command.accepts(),
            Self::Container(command) => command.accepts(),
            Self::Logs(_) => Accepts::Containers {
                number: Number::Some,
                unfit: fits_always,
            },
            Self::Image(command) => command.accepts(),
            Self::Network(command) => command.accepts(),
            Self::Volume(command) => command.accepts(),
            Self::Node(command) => command.accepts(),
            Self::Service(command) => command.accepts(),
            Self::Secret(command) => command.accepts(Resource::Secret),
            Self::SwarmConfig(command) => command.accepts(Resource::Config),
            Self::App(command) => command.accepts(),
            Self::Audit(_)
            | Self::Setting(_)
            | Self::Subnet(_)
            | Self::Swarm(_)
            | Self::Registry(_)
            | Self::Balancer(_)
            | Self::Jenkins(_)
            | Self::Discovery(_)
            | Self::Pipeline(_)
            | Self::Notify(_)
            | Self::Template(_) => Accepts::Nothing,
        }
    }
}

impl HostCommand {
    fn danger(&self) -> Danger {
        match self {
            Self::List(_)
            | Self::Show { .. }
            | Self::Export(_)
            | Self::Reconnect { .. }
            | Self::Login { .. }
            | Self::Doctor { .. } => Danger::Reads,
            Self::Add(_) | Self::Edit(_) | Self::Import(_) | Self::Install(_) => Danger::Changes,
            Self::Activate(_) => Danger::Changes,
            Self::Remove { .. } | Self::Drain(_) | Self::Upgrade(_) => Danger::Disrupts,
            Self::Prune(_) => Danger::Destroys,
        }
    }

    fn role(&self) -> Role {
        match self {
            Self::List(_) | Self::Show { .. } | Self::Export(_) | Self::Reconnect { .. } => {
                Role::Query
            }
            Self::Add(_) | Self::Edit(_) | Self::Remove { .. } | Self::Import(_) => Role::Configure,
            Self::Login { .. } => Role::Terminal,
            Self::Doctor { .. } => Role::Look,
            Self::Install(_) | Self::Upgrade(_) | Self::Prune(_) => Role::Act,
            Self::Drain(_) | Self::Activate(_) => Role::Deploy,
        }
    }

    fn accepts(&self) -> Accepts {
        let number = match self {
            Self::List(_) | Self::Add(_) | Self::Edit(_) | Self::Import(_) | Self::Export(_) => {
                return Accepts::Nothing;
            }
            Self::Login { .. }
            | Self::Install(_)
            | Self::Upgrade(_)
            | Self::Drain(_)
            | Self::Activate(_) => Number::One,
            Self::Show { .. }
            | Self::Remove { .. }
            | Self::Reconnect { .. }
            | Self::Doctor { .. }
            | Self::Prune(_) => Number::Some,
        };
        Accepts::Hosts { number }
    }
}

impl ContainerCommand {
    fn danger(&self) -> Danger {
        match self {
            Self::List(_) | Self::Show(_) | Self::Top { .. } | Self::Changes { .. } => {
                Danger::Reads
            }
            Self::Copy { to, .. } => match to {
                CopySide::Local(_) => Danger::Reads,
                CopySide::Inside { .. } => Danger::Changes,
            },
            Self::Start(_) | Self::Unpause(_) | Self::Rename { .. } | Self::Exec(_) => {
                Danger::Changes
            }
            Self::Stop { .. } | Self::Restart { .. } | Self::Pause(_) | Self::Kill(_) => {
                Danger::Disrupts
            }
            Self::Remove(_) => Danger::Destroys,
        }
    }

    fn role(&self) -> Role {
        match self {
            Self::List(_) | Self::Show(_) | Self::Top { .. } | Self::Changes { .. } => Role::Query,
            Self::Exec(_) => Role::Terminal,
            Self::Start(_)
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Pause(_)
            | Self::Unpause(_)
            | Self::Kill(_)
            | Self::Remove(_)
            | Self::Rename { .. }
            | Self::Copy { .. } => Role::Act,
        }
    }

    fn accepts(&self) -> Accepts {
        let (number, unfit): (Number, fn(&Container) -> Option<&'static str>) = match self {
            Self::List(_) => return Accepts::Nothing,
            Self::Show(_) => (Number::Some, fits_always),
            Self::Start(_) => (Number::Some, unfit_to_start),
            Self::Stop { .. } | Self::Kill(_) => (Number::Some, unless_live),
            Self::Restart { .. } => (Number::Some, unfit_to_restart),
            Self::Pause(_) => (Number::Some, unless_running),
            Self::Unpause(_) => (Number::Some, unless_paused),
            Self::Remove(args) if args.force => (Number::Some, unless_removing),
            Self::Remove(_) => (Number::Some, unfit_to_remove),
            Self::Rename { .. } => (Number::One, unless_removing),
            Self::Exec(ExecArgs { .. }) => (Number::One, unless_running),
            Self::Copy { to, .. } => match to {
                CopySide::Local(_) => (Number::One, unless_removing),
                CopySide::Inside { .. } => (Number::Some, unless_removing),
            },
            Self::Top { .. } => (Number::One, unless_live),
            Self::Changes { .. } => (Number::One, fits_always),
        };
        Accepts::Containers { number, unfit }
    }
}

fn fits_always(_: &Container) -> Option<&'static str> {
    None
}

fn unless_live(container: &Container) -> Option<&'static str> {
    (!container.state.is_live()).then_some("is not running")
}

pub(super) fn unless_running(container: &Container) -> Option<&'static str> {
    match container.state {
        State::Running => None,
        State::Paused => Some("is paused"),
        State::Restarting => Some("is restarting"),
        State::Created | State::Removing | State::Exited | State::Dead | State::Other(_) => {
            Some("is not running")
        }
    }
}

fn unless_paused(container: &Container) -> Option<&'static str> {
    (container.state != State::Paused).then_some("is not paused")
}

pub(super) fn unless_removing(container: &Container) -> Option<&'static str> {
    (container.state == State::Removing).then_some("is being removed")
}

fn unfit_to_start(container: &Container) -> Option<&'static str> {
    match container.state {
        State::Created | State::Exited | State::Other(_) => None,
        State::Running => Some("already runs"),
        State::Paused => Some("is paused; unpause it"),
        State::Restarting => Some("is restarting by itself"),
        State::Removing => Some("is being removed"),
        State::Dead => Some("is dead; only removal is left"),
    }
}

fn unfit_to_restart(container: &Container) -> Option<&'static str> {
    match container.state {
        State::Removing => Some("is being removed"),
        State::Dead => Some("is dead; only removal is left"),
        State::Created
        | State::Running
        | State::Paused
        | State::Restarting
        | State::Exited
        | State::Other(_) => None,
    }
}

fn unfit_to_remove(container: &Container) -> Option<&'static str> {
    match container.state {
        State::Running | State::Paused | State::Restarting => {
            Some("runs; stop it first, or say --force")
        }
        State::Removing => Some("is being removed"),
        State::Created | State::Exited | State::Dead | State::Other(_) => None,
    }
}
