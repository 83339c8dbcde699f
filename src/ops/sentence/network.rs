//! What can be said of networks.

use std::{fmt, net::IpAddr, str::FromStr};

use clap::{Args, Subcommand};

use super::{
    Accepts, Danger, ListArgs, Number, Pair, Role, Why,
    traits::{unless_removing, unless_running},
};
use crate::{
    model::{Resource, Subnet},
    ops::target::{ContainerPattern, HostPattern, ResourcePattern},
};

/// Sentences about networks.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum NetworkCommand {
    /// List the networks of all hosts
    List(ListArgs),
    /// Show networks with all who are attached to them
    Show {
        /// The networks, `back@ams-1`; without them, those that are selected
        #[arg(value_name = "TARGET")]
        targets: Vec<ResourcePattern>,
    },
    /// Make a network on one host or on many
    Create(Box<CreateNetworkArgs>),
    /// Attach containers to a network of their host
    Connect(ConnectArgs),
    /// Detach containers from a network of their host
    Disconnect(DisconnectArgs),
    /// Remove networks that no container is attached to
    Remove(NetworkTargets),
    /// Remove all networks of hosts that no running container is attached to
    Prune {
        /// The hosts, `@ams-1`; without them, those that are selected
        #[arg(value_name = "HOST")]
        hosts: Vec<HostPattern>,
        /// Why it is done.
        #[command(flatten)]
        why: Why,
    },
    /// See from inside a container whether another one, a name or an address answers at a TCP port
    #[command(allow_missing_positional = true)]
    Probe(ProbeArgs),
}

/// Which networks, and why.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct NetworkTargets {
    /// The networks, `back@ams-1`; without them, those that are selected
    #[arg(value_name = "TARGET")]
    pub targets: Vec<ResourcePattern>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What the new network is to be like.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct CreateNetworkArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The hosts to make it on, @ams-1 or @env:prod; without them, those that are selected
    #[arg(long = "on", value_name = "HOST")]
    pub hosts: Vec<HostPattern>,
    /// Its driver: bridge (the default), macvlan, ipvlan, overlay …
    #[arg(long, value_name = "DRIVER")]
    pub driver: Option<String>,
    /// Its subnet, 10.20.1.0/24; auto for a free block, another on each host
    #[arg(long = "subnet", value_name = "CIDR|auto")]
    pub subnets: Vec<SubnetWish>,
    /// Deal the blocks of `--subnet auto` from this range: a `[[site_range]]` by name, or a CIDR
    #[arg(long = "in", value_name = "RANGE")]
    pub range: Option<String>,
    /// The size of the blocks of `--subnet auto`: /24 when it is not said
    #[arg(long, value_name = "/BITS")]
    pub size: Option<PrefixLength>,
    /// The address of its way out, in its subnet
    #[arg(long = "gateway", value_name = "ADDRESS")]
    pub gateways: Vec<IpAddr>,
    /// The part of its subnet that addresses are dealt from
    #[arg(long = "ip-range", value_name = "CIDR")]
    pub ip_ranges: Vec<Subnet>,
    /// An address of its subnet that somebody else has
    #[arg(long = "aux", value_name = "NAME=ADDRESS")]
    pub aux: Vec<Pair>,
    /// Without a way out
    #[arg(long)]
    pub internal: bool,
    /// Single containers may be attached to it (overlay)
    #[arg(long)]
    pub attachable: bool,
    /// With IPv6
    #[arg(long)]
    pub ipv6: bool,
    /// An option of its driver, as parent=eth0.20
    #[arg(long = "option", value_name = "KEY=VALUE")]
    pub options: Vec<Pair>,
    /// A label
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<Pair>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Who is attached, and as what.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ConnectArgs {
    /// The network of the containers' hosts, by name or the beginning of its id
    #[arg(value_name = "NETWORK")]
    pub network: String,
    /// The containers, `web@ams-1`; without them, those that are selected
    #[arg(value_name = "CONTAINER")]
    pub targets: Vec<ContainerPattern>,
    /// The address it is to have, in a subnet that the network was made with; IPv6 as well
    #[arg(long = "ip", value_name = "ADDRESS")]
    pub addresses: Vec<IpAddr>,
    /// Another name for it on the network
    #[arg(long = "alias", value_name = "NAME")]
    pub aliases: Vec<String>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Who is detached.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct DisconnectArgs {
    /// The network of the containers' hosts, by name or the beginning of its id
    #[arg(value_name = "NETWORK")]
    pub network: String,
    /// The containers, `web@ams-1`; without them, those that are selected
    #[arg(value_name = "CONTAINER")]
    pub targets: Vec<ContainerPattern>,
    /// Also where the engine no longer knows the container
    #[arg(long)]
    pub force: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// From where to where.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct ProbeArgs {
    /// The container to look from, `web@ams-1`; without it, the selected one
    #[arg(value_name = "CONTAINER")]
    pub container: Option<ContainerPattern>,
    /// A container, name or address with the port: db@ams-1:5432, db:5432, 10.0.0.7:80, `[fd00::7]:80`
    #[arg(value_name = "TARGET:PORT")]
    pub to: ProbeTarget,
    /// So many seconds are waited
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=120))]
    pub wait: u16,
    /// Look from a container of this image, put in the container's place for that; the image must be on the host
    #[arg(long, value_name = "IMAGE")]
    pub helper: Option<String>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// A subnet that is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetWish {
    /// A free one.
    Auto,
    /// This one.
    This(Subnet),
}

impl FromStr for SubnetWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse()
            .map(Self::This)
            .map_err(|error: crate::model::SubnetError| error.to_string())
    }
}

impl fmt::Display for SubnetWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::This(subnet) => subnet.fmt(f),
        }
    }
}

/// The length of a prefix, as `/24` or `24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLength(pub u8);

impl FromStr for PrefixLength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('/').unwrap_or(text);
        match digits.parse() {
            Ok(bits @ 1..=128) => Ok(Self(bits)),
            Ok(_) | Err(_) => Err("write the size of a block as /24".to_owned()),
        }
    }
}

impl fmt::Display for PrefixLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

/// Something that may answer at a port.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeTarget {
    /// What.
    pub what: ProbeWhat,
    /// At which TCP port.
    pub port: u16,
}

/// What may answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeWhat {
    /// A container of the fleet.
    Container(ContainerPattern),
    /// A name or an address, as the container that looks sees it.
    Name(String),
}

impl FromStr for ProbeTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it as db@ams-1:5432, db:5432, 10.0.0.7:80 or [fd00::7]:80";
        let (what, port) = text.rsplit_once(':').ok_or(FORM)?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(FORM.to_owned()),
            Ok(port) => port,
        };
        let bare = what
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let name = bare.unwrap_or(what);
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '%');
        let what = if what.contains('@') {
            ProbeWhat::Container(what.parse().map_err(|error| format!("{error}"))?)
        } else if name.is_empty()
            || name.starts_with('-')
            || !name.chars().all(is_name)
            || (name.contains(':') && bare.is_none())
        {
            return Err(FORM.to_owned());
        } else {
            ProbeWhat::Name(name.to_owned())
        };
        Ok(Self { what, port })
    }
}

impl fmt::Display for ProbeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            ProbeWhat::Container(pattern) => write!(f, "{pattern}:{}", self.port),
            ProbeWhat::Name(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            ProbeWhat::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl NetworkCommand {
    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List(_) | Self::Show { .. } => Danger::Reads,
            Self::Create(_) | Self::Connect(_) | Self::Probe(_) => Danger::Changes,
            Self::Disconnect(_) => Danger::Disrupts,
            Self::Remove(_) | Self::Prune { .. } => Danger::Destroys,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List(_) | Self::Show { .. } => Role::Query,
            Self::Create(_)
            | Self::Connect(_)
            | Self::Disconnect(_)
            | Self::Remove(_)
            | Self::Prune { .. }
            | Self::Probe(_) => Role::Act,
        }
    }

    /// Which selection it takes when it names no targets.
    pub(super) fn accepts(&self) -> Accepts {
        match self {
            Self::List(_) => Accepts::Nothing,
            Self::Show { .. } | Self::Remove(_) => Accepts::Resources {
                kind: Resource::Network,
                number: Number::Some,
            },
            Self::Create(_) | Self::Prune { .. } => Accepts::Hosts {
                number: Number::Some,
            },
            Self::Connect(_) | Self::Disconnect(_) => Accepts::Containers {
                number: Number::Some,
                unfit: unless_removing,
            },
            Self::Probe(_) => Accepts::Containers {
                number: Number::One,
                unfit: unless_running,
            },
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_) | Self::Show { .. } => None,
            Self::Create(args) => Some(&args.why),
            Self::Connect(args) => Some(&args.why),
            Self::Disconnect(args) => Some(&args.why),
            Self::Remove(args) => Some(&args.why),
            Self::Prune { why, .. } => Some(why),
            Self::Probe(args) => Some(&args.why),
        }
    }

    /// The networks that it names itself.
    pub(in crate::ops) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            Self::Show { targets } => targets,
            Self::Remove(args) => &args.targets,
            Self::List(_)
            | Self::Create(_)
            | Self::Connect(_)
            | Self::Disconnect(_)
            | Self::Prune { .. }
            | Self::Probe(_) => &[],
        }
    }

    /// The hosts that it names itself.
    pub(in crate::ops) fn hosts(&self) -> &[HostPattern] {
        match self {
            Self::Create(args) => &args.hosts,
            Self::Prune { hosts, .. } => hosts,
            Self::List(_)
            | Self::Show { .. }
            | Self::Connect(_)
            | Self::Disconnect(_)
            | Self::Remove(_)
            | Self::Probe(_) => &[],
        }
    }

    /// The containers that it acts on, as it names them itself.
    pub(in crate::ops) fn containers(&self) -> &[ContainerPattern] {
        match self {
            Self::Connect(args) => &args.targets,
            Self::Disconnect(args) => &args.targets,
            Self::Probe(args) => args.container.as_slice(),
            Self::List(_)
            | Self::Show { .. }
            | Self::Create(_)
            | Self::Remove(_)
            | Self::Prune { .. } => &[],
        }
    }

    /// Whether hosts matter that it does not act on: blocks are dealt over the whole fleet, and what is to answer may be
    /// on another host.
    pub(in crate::ops) fn looks_at_all(&self) -> bool {
        match self {
            Self::Create(args) => args.subnets.contains(&SubnetWish::Auto),
            Self::Probe(args) => matches!(args.to.what, ProbeWhat::Container(_)),
            Self::List(_)
            | Self::Show { .. }
            | Self::Connect(_)
            | Self::Disconnect(_)
            | Self::Remove(_)
            | Self::Prune { .. } => false,
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "network list",
            Self::Show { .. } => "network show",
            Self::Create(_) => "network create",
            Self::Connect(_) => "network connect",
            Self::Disconnect(_) => "network disconnect",
            Self::Remove(_) => "network remove",
            Self::Prune { .. } => "network prune",
            Self::Probe(_) => "network probe",
        }
    }
}
