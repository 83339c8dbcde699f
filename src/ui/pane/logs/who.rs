//! Whose logs are read: containers by name, so that one that is made anew is followed on, whole hosts, or patterns.

use crate::{
    model::{ContainerId, Feed, Fleet, HostName, LogRange, Timestamp, moment},
    ops::target::{ContainerPattern, Target},
};

/// Whose logs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Who {
    /// Nobody's.
    #[default]
    Nobody,
    /// These.
    These(Vec<One>),
    /// Whoever fits one of these, also later.
    Fitting(Vec<ContainerPattern>),
    /// Somebody else brings the lines.
    Brought,
}

/// A container by its name on its host, or all of a host.
#[derive(Clone, Debug, PartialEq)]
pub enum One {
    /// A container.
    Container(HostName, String, ContainerId),
    /// All containers of a host.
    Host(HostName),
}

/// A container that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub host: HostName,
    pub id: ContainerId,
    pub name: String,
    pub created: Timestamp,
}

/// A log that is read.
#[derive(Clone, Debug)]
pub struct Source {
    pub host: HostName,
    pub id: ContainerId,
    pub name: String,
    /// Its number in the book.
    pub number: u16,
    /// What is asked for.
    pub from: LogRange,
    /// The time of its last line, by the host's clock, and how many lines had it.
    pub last: Option<(i64, usize)>,
    /// What is brought again after a break is left out: so many lines of that time.
    pub known: Option<(i64, usize)>,
    /// The time of its first line, by the host's clock.
    pub first: Option<i64>,
    /// Its first line ever is here.
    pub is_whole: bool,
    /// No other host has one of that name.
    pub is_alone: bool,
    /// What was told last of what happened to it.
    pub said: Option<String>,
}

impl Who {
    /// These targets; acts have no log.
    pub fn these(targets: &[Target], fleet: &Fleet) -> Self {
        let one = |target: &Target| match target {
            Target::Container(host, id) => {
                let name = fleet.container(host, id)?.name.to_string();
                Some(One::Container(host.clone(), name, id.clone()))
            }
            Target::Host(host) => Some(One::Host(host.clone())),
            Target::Resource(..) | Target::Operation(_) => None,
        };
        match targets.iter().filter_map(one).collect::<Vec<_>>() {
            none if none.is_empty() => Self::Nobody,
            these => Self::These(these),
        }
    }

    /// The containers that are meant now.
    pub fn find(&self, fleet: &Fleet) -> Vec<Found> {
        let found = |host: &HostName, one: &crate::model::Container| Found {
            host: host.clone(),
            id: one.id.clone(),
            name: one.name.to_string(),
            created: one.created,
        };
        let of_host = |host: &HostName| {
            let host = fleet.host(host);
            host.into_iter().flat_map(|host| host.containers.values())
        };
        let mut all: Vec<Found> = match self {
            Self::Nobody | Self::Brought => Vec::new(),
            Self::These(these) => these
                .iter()
                .flat_map(|one| -> Vec<Found> {
                    match one {
                        One::Host(host) => of_host(host).map(|one| found(host, one)).collect(),
                        One::Container(host, name, id) => of_host(host)
                            .filter(|one| one.id == *id || *one.name == **name)
                            .map(|one| found(host, one))
                            .collect(),
                    }
                })
                .collect(),
            Self::Fitting(patterns) => patterns
                .iter()
                .filter_map(|pattern| pattern.resolve(fleet).ok())
                .flatten()
                .map(|(host, one)| found(host.name(), one))
                .collect(),
        };
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|one| seen.insert((one.host.clone(), one.id.clone())));
        all
    }
}

impl Source {
    /// `web@ams-1`
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.host)
    }

    /// The feed that brings its lines.
    pub fn feed(&self) -> Feed {
        Feed::Logs(self.host.clone(), self.id.clone(), self.from)
    }

    /// It is not looked at for a while: then it is asked to go on where it was.
    pub fn rest(&mut self) {
        if let Some((last, _)) = self.last {
            self.from = LogRange::Since(moment(last));
            self.known = self.last;
        }
    }
}
