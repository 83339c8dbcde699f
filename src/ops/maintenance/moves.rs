//! Decides where the replicas of a host that is drained go, which stay behind and stop, and why.

use crate::{
    model::{
        Host, HostName,
        app::{DeployMode, HostPort, Protocol, Published, Service, ServiceName},
        release::{Release, Strategy, Target, strategy},
    },
    ops::deploy::{is_allowed, load},
};

/// Where the replicas of a release on a host go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// From where to where.
    pub moved: Vec<(Target, Target)>,
    /// Those that have no other place, with the reason.
    pub stay: Vec<(Target, String)>,
}

/// The hosts beside the one that is left.
#[derive(Debug, Default)]
pub(super) struct Others<'a> {
    /// Those that take more.
    pub hosts: Vec<&'a Host>,
    /// Those that do not, each with the reason.
    pub away: Vec<String>,
}

/// Where the replicas of a release on a host go: to where the fewest of their service are, then to where the least runs.
pub(super) fn moves(release: &Release, from: &HostName, others: &Others<'_>) -> Moves {
    let mut moves = Moves::default();
    let (leaving, mut targets): (Vec<&Target>, Vec<&Target>) =
        release.targets.iter().partition(|one| one.host == *from);
    let mut coming: Vec<Target> = Vec::new();
    for target in leaving {
        let all: Vec<&Target> = targets.iter().copied().chain(&coming).collect();
        match place(release, target, others, &all, coming.len()) {
            Ok(to) => {
                moves.moved.push((target.clone(), to.clone()));
                coming.push(to);
            }
            Err(why) => {
                moves.stay.push((target.clone(), why));
                targets.push(target);
            }
        }
    }
    moves
}

fn place(
    release: &Release,
    target: &Target,
    others: &Others<'_>,
    all: &[&Target],
    coming: usize,
) -> Result<Target, String> {
    let name = &target.service;
    let service = release.spec.services.get(name);
    let service = service.ok_or_else(|| format!("{} has no such service", release.number))?;
    if let Some(why) = pinned(release, name, service) {
        return Err(why);
    }
    let mut whys = others.away.clone();
    let mut fit = Vec::new();
    for host in &others.hosts {
        let on = |one: &&&Target| one.host == *host.name();
        let taken = |replica: u32| {
            let mut ours = all.iter().filter(on).filter(|one| one.service == *name);
            ours.any(|one| one.replica == replica)
        };
        let has = all
            .iter()
            .filter(on)
            .filter(|one| one.service == *name)
            .count();
        let replica = (1..=u32::MAX).find(|one| !taken(*one)).unwrap_or(u32::MAX);
        match unfit(release, name, service, host, (has, replica)) {
            Some(why) => whys.push(format!("{}: {why}", host.name())),
            None => {
                // What comes is not among what runs yet.
                let more = all.iter().rev().take(coming).filter(on).count();
                fit.push((has, load(host) + more, host.name().clone(), replica));
            }
        }
    }
    match fit.into_iter().min() {
        Some((_, _, host, replica)) => Ok(Target {
            service: name.clone(),
            replica,
            host,
        }),
        None if whys.is_empty() => Err("no other host may have it; --to names some".to_owned()),
        None => Err(whys.join(", ")),
    }
}

/// Why a service is bound to its host.
fn pinned(release: &Release, name: &ServiceName, service: &Service) -> Option<String> {
    let is_everywhere = matches!(
        service.deploy.mode,
        DeployMode::Global | DeployMode::GlobalJob
    );
    if is_everywhere || service.deploy.replicas.is_none() {
        return Some("there is one on each host of its app".to_owned());
    }
    if let Some(mount) = service.shared_mount() {
        return Some(format!("what it wrote to {} is there", mount.target));
    }
    if strategy(name, service, &release.spec).0 == Strategy::Job {
        return Some("it is a job".to_owned());
    }
    let mut names = release.spec.services.keys();
    let borrows = names.find(|other| release.shares(other) == Some(name));
    if let Some(other) = release.shares(name).or(borrows) {
        return Some(format!("it has one network with {other}"));
    }
    let mut joined = service.networks.values();
    joined
        .any(|one| one.ipv4.is_some() || one.ipv6.is_some())
        .then(|| "its address is of a network there".to_owned())
}

/// Why one more replica of a service cannot be on a host that has so many, under that number.
fn unfit(
    release: &Release,
    name: &ServiceName,
    service: &Service,
    host: &Host,
    (has, replica): (usize, u32),
) -> Option<String> {
    match is_allowed(name, service, host) {
        Ok(true) => {}
        Ok(false) => return Some("its constraints keep it off".to_owned()),
        Err(refusal) => return Some(refusal.to_string()),
    }
    let most = service.deploy.placement.max_per_node.unwrap_or(u64::MAX);
    if u64::try_from(has).unwrap_or(u64::MAX) >= most {
        return Some(format!("{most} are on it, and no more may be"));
    }
    for port in &service.ports {
        let number = match wanted(port, replica) {
            Ok(Some(number)) => number,
            Ok(None) => continue,
            Err(why) => return Some(why),
        };
        if has > 0 && matches!(port.host, HostPort::Fixed(_)) {
            return Some(format!("port {number} is that of another one of it"));
        }
        if let Some(holder) = holder(host, port.protocol, number) {
            return Some(format!("{holder} has port {number}"));
        }
    }
    let pair = release.fronts.get(name).map(|front| front.pair(replica));
    pair.into_iter().flatten().find_map(|number| {
        let holder = holder(host, Protocol::Tcp, number)?;
        Some(format!("{holder} has port {number}"))
    })
}

/// The port that a replica publishes.
fn wanted(port: &Published, replica: u32) -> Result<Option<u16>, String> {
    match port.host {
        HostPort::Any => Ok(None),
        HostPort::Fixed(number) => Ok(Some(number)),
        HostPort::Between(first, last) => {
            let nth = u16::try_from(replica.saturating_sub(1)).unwrap_or(u16::MAX);
            let number = first.checked_add(nth).filter(|number| *number <= last);
            let none = || format!("none of the ports {first}-{last} is left");
            number.map(Some).ok_or_else(none)
        }
    }
}

/// The container that has a port of a host.
fn holder(host: &Host, protocol: Protocol, number: u16) -> Option<String> {
    let word = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    let mut live = host.containers.values().filter(|one| one.state.is_live());
    let has = |one: &&crate::model::Container| {
        let mut ports = one.ports.iter();
        ports.any(|its| its.public == Some(number) && &*its.protocol == word)
    };
    live.find(has).map(|one| one.name.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{
        model::{
            Container, ContainerId, Endpoint, Event, Fleet, HostSpec, Port, State, Timestamp,
            app::{Mount, MountKind, PortMode},
        },
        ops::deploy::tests::release,
    };

    fn one(name: &str, port: Option<u16>) -> Container {
        Container {
            ports: port
                .into_iter()
                .map(|public| Port {
                    private: 80,
                    public: Some(public),
                    ip: "".into(),
                    protocol: "tcp".into(),
                })
                .collect(),
            ..Container::new(
                ContainerId::new(name),
                name,
                State::Running,
                Timestamp::UNIX_EPOCH,
            )
        }
    }

    /// Hosts `a`, `b` and `c`; of these containers two are on `b` and the last on `c`.
    fn fleet(last: Container) -> Fleet {
        let mut fleet = Fleet::new();
        let spec = |name: &str| HostSpec::new(name, Endpoint::Unix("/run/x".into()), "a test");
        fleet.apply(Event::Hosts(["a", "b", "c"].map(spec).to_vec()));
        let two = vec![one("x", None), one("y", None)];
        fleet.apply(Event::Containers(HostName::new("b"), two));
        fleet.apply(Event::Containers(HostName::new("c"), vec![last]));
        fleet
    }

    /// `web` and `edge`, which has a port, twice; `db`, which keeps data; `agent`, on each host of the app.
    fn app() -> Release {
        let all = [
            ("web", "w:1"),
            ("edge", "e:1"),
            ("db", "d:1"),
            ("agent", "a:1"),
        ];
        let mut release = (*release(1, &["a", "b"], &all, None)).clone();
        for (name, service) in &mut release.spec.services {
            service.deploy.replicas = (name.as_str() != "agent").then_some(2);
            if name.as_str() == "edge" {
                service.ports.push(Published {
                    container: 80,
                    protocol: Protocol::Tcp,
                    host: HostPort::Fixed(8080),
                    address: None,
                    mode: PortMode::Ingress,
                    name: None,
                    app_protocol: None,
                });
            }
            if name.as_str() == "db" {
                service.mounts.push(Mount {
                    target: "/data".to_owned(),
                    read_only: false,
                    kind: MountKind::Bind {
                        source: "/srv".to_owned(),
                        propagation: None,
                        create: false,
                        selinux: None,
                    },
                });
            }
        }
        release
    }

    fn told(release: &Release, fleet: &Fleet, others: &[&str]) -> (Vec<String>, Vec<String>) {
        let hosts = others
            .iter()
            .map(|name| fleet.host(&HostName::new(name)).unwrap())
            .collect();
        let others = Others {
            hosts,
            away: vec!["d: it is offline".to_owned()],
        };
        let moves = moves(release, &HostName::new("a"), &others);
        let moved = moves.moved.iter();
        let stay = moves.stay.iter();
        (
            moved.map(|(from, to)| format!("{from} → {to}")).collect(),
            stay.map(|(one, why)| format!("{one}: {why}")).collect(),
        )
    }

    #[test]
    fn replicas_go_to_where_the_fewest_of_them_are_and_what_is_bound_stays() {
        let (release, fleet) = (app(), fleet(one("z", None)));
        let (mut moved, mut stay) = told(&release, &fleet, &["b", "c"]);
        moved.sort();
        stay.sort();
        assert_eq!(moved, ["edge.1@a → edge.1@c", "web.1@a → web.1@c"]);
        assert_eq!(
            stay,
            [
                "agent.1@a: there is one on each host of its app",
                "db.1@a: what it wrote to /data is there"
            ]
        );
        // Where there is one of it already it gets another number, and a port is only had once.
        let (moved, stay) = told(&release, &fleet, &["b"]);
        assert_eq!(moved, ["web.1@a → web.2@b"]);
        assert!(
            stay.contains(
                &"edge.1@a: d: it is offline, b: port 8080 is that of another one of it".to_owned()
            ),
            "{stay:?}"
        );
    }

    #[test]
    fn a_port_that_somebody_has_keeps_it_off_and_without_others_all_stays() {
        let (release, fleet) = (app(), fleet(one("nginx", Some(8080))));
        let (_, stay) = told(&release, &fleet, &["c"]);
        assert!(
            stay.contains(&"edge.1@a: d: it is offline, c: nginx has port 8080".to_owned()),
            "{stay:?}"
        );
        let (moved, stay) = told(&release, &fleet, &[]);
        assert!(moved.is_empty());
        assert!(
            stay.contains(&"web.1@a: d: it is offline".to_owned()),
            "{stay:?}"
        );
        let moves = moves(&release, &HostName::new("a"), &Others::default());
        let why = "no other host may have it; --to names some";
        assert!(
            moves.stay.iter().any(|(_, told)| told == why),
            "{:?}",
            moves.stay
        );
    }
}
