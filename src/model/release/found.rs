//! A container of an app as it is found on a host.

use crate::model::{ContainerId, Health, Publication, State, Timestamp};

use super::{Print, ReleaseNumber};

/// A container of an app as it is found on a host, ours or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// The service it is of; empty for none.
    pub service: String,
    /// Which replica of it on its host; 0 when it does not say.
    pub replica: u32,
    /// What we wrote on it when we made it; none when somebody else made it.
    pub mark: Option<Mark>,
    /// What it is doing.
    pub state: State,
    /// What its own check says.
    pub health: Health,
    /// The code its last run ended with.
    pub exit: i64,
    /// It was killed for want of memory.
    pub oom: bool,
    /// How often the engine started it again.
    pub restarts: u64,
    /// When its last run began.
    pub started: Option<Timestamp>,
    /// The engine starts it by itself, after an end or its own start.
    pub rises: bool,
    /// The container whose network it uses, where that is not its own.
    pub joins: Option<ContainerId>,
    /// The TCP ports that its host publishes for others.
    pub ports: Vec<Publication>,
}

/// What we write on a container when we make it; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The release that it was made for.
    pub release: ReleaseNumber,
    /// Its environment.
    pub environment: String,
    /// What it was made of.
    pub print: Print,
    /// The port of its host at which a balancer finds it.
    pub port: Option<u16>,
}

impl Found {
    /// Whether its processes live, or are about to again.
    pub fn is_live(&self) -> bool {
        self.state.is_live()
    }

    /// The port of its host at which a balancer finds it.
    pub fn port(&self) -> Option<u16> {
        self.mark.as_ref()?.port
    }

    /// Whether it was never started.
    pub fn is_new(&self) -> bool {
        self.state == State::Created
    }
}
