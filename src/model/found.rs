//! What was found on this machine that could be a host of the fleet, before anybody named one.

use super::{Endpoint, Trouble};

/// What was found, and where was looked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// What could be a host, by kind and then in the order in which it was found.
    pub candidates: Vec<Candidate>,
    /// The sockets, directories and files that were looked for.
    pub places: Vec<String>,
    /// The file that hosts are taken into, and whether it is there already.
    pub file: (String, bool),
}

/// Something that could be a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it is.
    pub kind: Kind,
    /// What it would be called.
    pub name: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Whether it answers, as far as that was asked.
    pub answer: Answer,
}

/// What could be a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An engine of this machine.
    Engine,
    /// A docker context.
    Context,
    /// An alias of `ssh_config`.
    Alias,
}

/// What an engine said.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was not asked: the network is not touched for what nobody chose.
    NotAsked,
    /// It is being asked.
    Asked,
    /// It answers, and says that it is this.
    Here(String),
    /// It does not, and why.
    Silent(Trouble),
}
