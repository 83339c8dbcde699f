//! What keeps a release from its hosts, found before anything is changed.

use std::collections::BTreeMap;

use crate::{
    model::{
        Fleet, Host, HostName,
        app::{HostPort, MountKind, NetworkMode, Protocol, Published, Service, ServiceName, Spec},
        release::{Found, Release, Target},
    },
    ops::plan::{LeftOut, Refusal, RefusalKind},
};

use super::{Draft, fronts};

/// Everything that keeps it from its hosts, all at once; and what is only to be known.
pub(super) fn check(
    draft: &Draft,
    release: &Release,
    fleet: &Fleet,
) -> (Vec<LeftOut>, Vec<String>) {
    let (mut against, mut notes) = (Vec::new(), Vec::new());
    for (name, service) in &release.spec.services {
        let why = impossible(name, service, false);
        let why = why.or_else(|| unshared(name, service, &release.spec));
        against.extend(why.map(|refusal| left_out(name.as_str(), refusal)));
        if let Some(own) = &service.container_name {
            notes.push(format!("{name}: its containers are called after the release; {own} stays as a name in its networks"));
        }
    }
    for why in &draft.unknown {
        let refusal = Refusal::new(RefusalKind::State, why.clone(), "");
        against.push(left_out(release.scope.app.as_str(), refusal));
    }
    for host in release.hosts() {
        let Some(host) = fleet.host(host) else {
            continue;
        };
        against.extend(
            host_troubles(draft, release, fleet, host)
                .into_iter()
                .map(|refusal| left_out(&format!("@{}", host.name()), refusal)),
        );
        if let Some(Ok(all)) = draft.found.get(host.name()) {
            let names = foreign(release, all, false);
            if !names.is_empty() {
                notes.push(format!(
                    "{} of {} stay: somebody else made them, and the release has no such services",
                    names.join(", "),
                    host.name()
                ));
            }
        }
        if host.disk_is_full() {
            notes.push(format!("the disk of {} is nearly full", host.name()));
        }
    }
    against.extend(ports(release, fleet));
    against.extend(fronts::against(draft, release));
    notes.extend(fronts::notes(draft));
    (against, notes)
}

pub(super) fn left_out(target: &str, refusal: Refusal) -> LeftOut {
    LeftOut {
        target: target.to_owned(),
        refusal,
    }
}

/// The containers of the app that somebody else made and that run: of services that the release has, or of others.
fn foreign<'f>(release: &Release, all: &'f [Found], has: bool) -> Vec<&'f str> {
    let is_of_it = |one: &Found| {
        let mut services = release.spec.services.keys();
        services.any(|name| name.as_str() == one.service)
    };
    let foreign = all.iter().filter(|one| one.mark.is_none() && one.is_live());
    let mut names: Vec<&str> = foreign
        .filter(|one| is_of_it(one) == has)
        .map(|one| one.name.as_str())
        .collect();
    names.sort_unstable();
    names
}

/// Why a host cannot take part.
fn host_troubles(draft: &Draft, release: &Release, fleet: &Fleet, host: &Host) -> Vec<Refusal> {
    let mut found = Vec::new();
    if let Some(why) = fleet.forbids_change(host) {
        found.push(Refusal::new(RefusalKind::ReadOnly, why, ""));
    }
    if let Some(rests) = draft.resting.iter().find(|one| one.host == *host.name()) {
        let remedy = format!(
            "`host activate @{}`, or say --hosts without it",
            host.name()
        );
        found.push(Refusal::new(RefusalKind::State, rests.to_string(), remedy));
    }
    if let Some(trouble) = host.link.trouble() {
        found.push(Refusal::new(
            RefusalKind::Offline,
            trouble.reason.clone(),
            trouble.remedy.clone(),
        ));
        return found;
    }
    if host.environment() != &*release.scope.environment {
        let of = match host.environment() {
            "" => "no environment".to_owned(),
            other => other.to_owned(),
        };
        found.push(Refusal::new(
            RefusalKind::State,
            format!("it belongs to {of}"),
            "an app has its releases for each environment",
        ));
    }
    match draft.found.get(host.name()) {
        Some(Err(why)) => {
            let remedy = "`host doctor` looks at the way to it";
            found.push(Refusal::new(RefusalKind::Offline, why.clone(), remedy));
        }
        Some(Ok(all)) if !draft.adopt => {
            let names = foreign(release, all, true);
            if !names.is_empty() {
                found.push(Refusal::new(
                    RefusalKind::State,
                    format!(
                        "{} of this app were made by somebody else",
                        names.join(", ")
                    ),
                    "say --adopt to replace them, or deploy under another name",
                ));
            }
        }
        Some(Ok(_)) | None => {}
    }
    found
}

/// What cannot be done on any host.
pub(super) fn impossible(name: &ServiceName, service: &Service, is_stack: bool) -> Option<Refusal> {
    let refuse = |why: String, remedy: &str| Some(Refusal::new(RefusalKind::State, why, remedy));
    let shares = [&service.pid, &service.ipc];
    if shares
        .into_iter()
        .flatten()
        .any(|mode| mode.starts_with("service:"))
    {
        let why = format!("{name} shares processes or memory with another service's container");
        return refuse(why, "say host, shareable or nothing");
    }
    if !service.volumes_from.is_empty() {
        let why = format!("{name} takes volumes from another container");
        return refuse(why, "name the volumes in both services");
    }
    for mount in &service.mounts {
        if let MountKind::Bind { source, .. } = &mount.kind
            && !source.starts_with('/')
        {
            let why = format!(
                "{name} mounts {source}, which is a path of the machine with the file, not of the hosts"
            );
            return refuse(
                why,
                "write the whole path on the hosts, or use a volume or a config",
            );
        }
    }
    if service.read_only && !is_stack && !(service.configs.is_empty() && service.secrets.is_empty())
    {
        let why =
            format!("{name} is read-only, so that its configs and secrets cannot be put into it");
        return refuse(why, "take read_only out, or mount a volume that has them");
    }
    None
}

/// Why a service cannot use the network of another one.
fn unshared(name: &ServiceName, service: &Service, spec: &Spec) -> Option<Refusal> {
    let Some(NetworkMode::Service(other)) = &service.network_mode else {
        return None;
    };
    let refuse = |why: String, remedy: String| Some(Refusal::new(RefusalKind::State, why, remedy));
    let lender = spec.services.get(other)?;
    if matches!(
        lender.network_mode,
        Some(NetworkMode::Service(_) | NetworkMode::Container(_))
    ) {
        let why = format!("{name} uses the network of {other}, which has none of its own");
        return refuse(why, "name the service that has it".to_owned());
    }
    let own = [
        (!service.ports.is_empty(), "ports"),
        (service.balancer.is_some(), "x-wharf.balancer"),
        (service.hostname.is_some(), "hostname"),
        (service.mac_address.is_some(), "mac_address"),
        (!service.extra_hosts.is_empty(), "extra_hosts"),
        (
            !(service.dns.is_empty()
                && service.dns_search.is_empty()
                && service.dns_opt.is_empty()),
            "dns",
        ),
    ];
    let own: Vec<&str> = own
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| *word)
        .collect();
    if !own.is_empty() {
        let why = format!(
            "{name} uses the network of {other}, and has {} of its own",
            own.join(", ")
        );
        return refuse(why, format!("say that of {other}"));
    }
    let differs = service
        .deploy
        .replicas
        .is_some_and(|count| lender.deploy.replicas != Some(count));
    (differs).then(|| {
        let why = format!(
            "each of {name} goes with one of {other}, and there are to be other numbers of them"
        );
        Refusal::new(
            RefusalKind::State,
            why,
            "have as many replicas of both, or say it of one",
        )
    })
}

/// Which ports on which hosts are taken: by others, or twice by this app.
fn ports(release: &Release, fleet: &Fleet) -> Vec<LeftOut> {
    let mut wanted: BTreeMap<(HostName, Protocol, u16), Vec<&Target>> = BTreeMap::new();
    for target in &release.targets {
        let Some(service) = release.spec.services.get(&target.service) else {
            continue;
        };
        let published = service
            .ports
            .iter()
            .filter_map(|port| Some((port.protocol, number(port, target.replica)?)));
        let front = release.fronts.get(&target.service);
        let pair = front.map(|front| front.pair(target.replica));
        let pair = pair.into_iter().flatten().map(|port| (Protocol::Tcp, port));
        for (protocol, number) in published.chain(pair) {
            let key = (target.host.clone(), protocol, number);
            wanted.entry(key).or_default().push(target);
        }
    }
    let mut found = Vec::new();
    for ((host, protocol, port), targets) in wanted {
        let at = format!("@{host}");
        if let [first, second, ..] = targets.as_slice()
            && first != second
        {
            found.push(left_out(
                &at,
                Refusal::new(
                    RefusalKind::State,
                    format!(
                        "{}.{} and {}.{} would both publish port {port}",
                        first.service, first.replica, second.service, second.replica
                    ),
                    "publish a range such as 8080-8090:80, or have fewer replicas",
                ),
            ));
        }
        let holder = fleet
            .host(&host)
            .and_then(|host| holder(host, release, protocol, port));
        if let Some(name) = holder {
            let why = format!("{name} has port {port}");
            let remedy = "publish another port, or stop it first";
            found.push(left_out(&at, Refusal::new(RefusalKind::State, why, remedy)));
        }
    }
    found
}

/// The port of the host that a replica publishes, where it is known.
fn number(port: &Published, replica: u32) -> Option<u16> {
    match port.host {
        HostPort::Any => None,
        HostPort::Fixed(number) => Some(number),
        HostPort::Between(first, last) => {
            let nth = u16::try_from(replica.saturating_sub(1)).ok()?;
            Some(first.saturating_add(nth).min(last))
        }
    }
}

/// The container of another app that has a port of a host.
fn holder(host: &Host, release: &Release, protocol: Protocol, port: u16) -> Option<String> {
    let word = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    let others = host.containers.values().filter(|one| {
        one.state.is_live() && one.app.as_deref() != Some(release.scope.app.as_str())
    });
    let has = |one: &&crate::model::Container| {
        one.ports
            .iter()
            .any(|its| its.public == Some(port) && &*its.protocol == word)
    };
    others.into_iter().find(has).map(|one| one.name.to_string())
}
