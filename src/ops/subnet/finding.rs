//! What is wrong with the networks of a fleet: rules over plain values, with care for false alarms.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{Survey, Surveyed};
use crate::model::{
    AddressPool, Container, Fleet, Host, HostName, Network, Pool, Port, Product, SiteRange, Subnet,
};

/// From so many percent of its addresses on a subnet is nearly full.
const FULL_PERCENT: u128 = 90;

/// With so few blocks left the pools of an engine are nearly used up.
const FEW_BLOCKS: u128 = 3;

/// So many names are told before the rest is counted.
const NAMES: usize = 3;

/// The kinds of what can be wrong, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Two networks have addresses in common, and something can reach both.
    Overlap,
    /// A network hides a range of the site.
    Site,
    /// Several containers claim one port of their host.
    Ports,
    /// The engine has few or no addresses left for new networks.
    Pools,
    /// A subnet has few or no addresses left.
    Full,
    /// No container is attached.
    Unused,
}

impl FindingKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Site => "site",
            Self::Ports => "ports",
            Self::Pools => "pools",
            Self::Full => "full",
            Self::Unused => "unused",
        }
    }

    /// Whether something does not work for it, or will not; an unused network harms nobody.
    pub fn is_harmful(self) -> bool {
        self != Self::Unused
    }

    /// All words, for filters.
    pub const WORDS: [&'static str; 6] = ["overlap", "site", "ports", "pools", "full", "unused"];
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The host.
    pub host: HostName,
    /// The network, `back@ams-1`; none where it is about the host as a whole.
    pub network: Option<String>,
    /// What is wrong and what follows, in one line.
    pub text: String,
}

/// Puts what is wrong into a survey.
pub(super) fn find(survey: &mut Survey, fleet: &Fleet) {
    let mut found: Vec<(Finding, Vec<usize>)> = Vec::new();
    overlaps_on_hosts(survey, fleet, &mut found);
    overlaps_between_hosts(survey, fleet, &mut found);
    for (at, one) in survey.all(fleet).enumerate() {
        site(&one, fleet, at, &mut found);
        full(&one, at, &mut found);
        unused(&one, fleet, at, &mut found);
    }
    for host in fleet.hosts() {
        ports(survey, host, &mut found);
        pools(survey, host, &mut found);
    }
    found.sort_by_key(|(one, _)| one.kind);
    for (finding, places) in found {
        for at in places {
            survey.seen[at].found.push(survey.findings.len());
        }
        survey.findings.push(finding);
    }
}

type Found = Vec<(Finding, Vec<usize>)>;

/// A subnet, and the place of its network in the survey.
type Claim = (Subnet, usize);

/// Pairs of claims that overlap: each with the first of those before it that it lies in. Claims are put in order, where
/// a block stands before all that it contains, so that the open blocks make a stack.
fn overlapping(
    claims: &mut [Claim],
    mut matters: impl FnMut(Claim, Claim) -> bool,
) -> Vec<(Claim, Claim)> {
    claims.sort_unstable();
    let mut open: Vec<Claim> = Vec::new();
    let mut pairs = Vec::new();
    for claim in claims.iter() {
        while open
            .last()
            .is_some_and(|(subnet, _)| !subnet.overlaps(claim.0))
        {
            open.pop();
        }
        if let Some(first) = open.iter().rev().find(|one| matters(**one, *claim)) {
            pairs.push((*first, *claim));
        }
        open.push(*claim);
    }
    pairs
}

/// Networks of one host: there is one table of routes, so one of two that overlap cannot be reached. (Engines refuse
/// that among their local networks, but know nothing of a Swarm's and of what was made while they were down.)
fn overlaps_on_hosts(survey: &Survey, fleet: &Fleet, found: &mut Found) {
    for host in fleet.hosts() {
        let mut claims = claims_of(survey, host);
        for ((_, a), (_, b)) in overlapping(&mut claims, |(_, a), (_, b)| a != b) {
            let pair = (survey.surveyed(fleet, a), survey.surveyed(fleet, b));
            let (Some(one), Some(other)) = pair else {
                continue;
            };
            let text = format!(
                "{} has addresses of {}: on {} only one of both can be reached",
                told(&other),
                told(&one),
                host.name()
            );
            found.push((
                finding(FindingKind::Overlap, &other, host, text),
                vec![a, b],
            ));
        }
    }
}

fn finding(kind: FindingKind, one: &Surveyed<'_>, host: &Host, text: String) -> Finding {
    Finding {
        kind,
        host: host.name().clone(),
        network: Some(format!("{}@{}", one.network.name, host.name())),
        text,
    }
}

/// `back (10.1.0.0/16)`.
fn told(one: &Surveyed<'_>) -> String {
    let subnets: Vec<String> = one
        .network
        .subnets
        .iter()
        .map(|pool| pool.subnet.to_string())
        .collect();
    format!("{} ({})", one.network.name, subnets.join(" "))
}

fn claims_of(survey: &Survey, host: &Host) -> Vec<Claim> {
    let mut claims = Vec::new();
    for network in host.networks.iter().flatten() {
        let key = (host.name().clone(), network.id.clone());
        if let Some(at) = survey.index.get(&key) {
            claims.extend(network.subnets.iter().map(|pool| (pool.subnet, *at)));
        }
    }
    claims
}

/// Whether addresses of a network are seen outside of its host as they are, so that the same ones elsewhere matter. A
/// usual bridge hides them behind the host's own: every host has 172.17.0.0/16, and that is well.
fn is_wide(network: &Network) -> bool {
    let option = |key: &str| network.options.get(key).map(|value| &**value);
    match &*network.driver {
        "macvlan" | "ipvlan" | "overlay" => true,
        "bridge" if network.internal => false,
        "bridge" => {
            option("com.docker.network.bridge.enable_ip_masquerade") == Some("false")
                || option("com.docker.network.bridge.gateway_mode_ipv4") == Some("routed")
        }
        _ => false,
    }
}

fn is_on_lan(network: &Network) -> bool {
    matches!(&*network.driver, "macvlan" | "ipvlan")
}

/// The number of the VLAN that a network on the LAN is in, as its parent's name tells: `eth0.20`.
fn vlan(network: &Network) -> Option<&str> {
    let parent = network.options.get("parent")?;
    parent.rsplit_once('.').map(|(_, number)| number)
}

/// Networks of different hosts whose addresses are seen outside: the same address would be there twice.
///
/// No finding: two networks on the LAN that deal addresses from different ranges of one subnet, which is how it is
/// meant; those in different VLANs; overlay networks of different Swarms, which never meet (each has 10.0.0.0/24).
fn overlaps_between_hosts(survey: &Survey, fleet: &Fleet, found: &mut Found) {
    let mut claims: Vec<Claim> = Vec::new();
    for (at, one) in survey.all(fleet).enumerate() {
        if is_wide(one.network) {
            let pools = one.network.subnets.iter();
            claims.extend(pools.map(|pool| (seen_outside(one.network, pool), at)));
        }
    }
    let matters = |(_, a): Claim, (_, b): Claim| {
        let pair = (survey.surveyed(fleet, a), survey.surveyed(fleet, b));
        let (Some(one), Some(other)) = pair else {
            return false;
        };
        let overlays = [&one, &other].map(|one| &*one.network.driver == "overlay");
        let share_host = one
            .seen
            .hosts
            .iter()
            .any(|host| other.seen.hosts.contains(host));
        let vlans = (vlan(one.network), vlan(other.network));
        let apart = matches!(vlans, (Some(x), Some(y)) if x != y);
        a != b && overlays != [true, true] && !share_host && !apart
    };
    let pairs = overlapping(&mut claims, matters);
    for ((_, a), (_, b)) in pairs {
        let pair = (survey.surveyed(fleet, a), survey.surveyed(fleet, b));
        let (Some(one), Some(other)) = pair else {
            continue;
        };
        let what = if is_on_lan(one.network) && is_on_lan(other.network) {
            "deals the same addresses as"
        } else {
            "has addresses of"
        };
        let text = format!(
            "{} {what} {} of {}, and both are seen outside of their hosts",
            told(&other),
            told(&one),
            one.host.name()
        );
        let finding = finding(FindingKind::Overlap, &other, other.host, text);
        found.push((finding, vec![a, b]));
    }
}

/// The addresses that a network brings to the outside: on the LAN only those that it deals.
fn seen_outside(network: &Network, pool: &Pool) -> Subnet {
    if is_on_lan(network) {
        pool.dealt()
    } else {
        pool.subnet
    }
}

/// A network that has addresses of the site: its host sends packets for that part of the site to it instead.
///
/// No finding: a network on the LAN, which is to have them; one within a range that is there for Docker.
fn site(one: &Surveyed<'_>, fleet: &Fleet, at: usize, found: &mut Found) {
    if is_on_lan(one.network) {
        return;
    }
    for pool in &one.network.subnets {
        if let Some(range) = hidden_range(pool.subnet, &fleet.site_ranges) {
            let text = format!(
                "{} hides site range {} ({}): neither {} nor its containers reach that part of it",
                told(one),
                range.name,
                range.cidr,
                one.hosts()
            );
            found.push((finding(FindingKind::Site, one, one.host, text), vec![at]));
        }
    }
}

/// The range of the site that a network of these addresses would hide; none when there is none, or when the smallest
/// range around them is there for Docker.
pub(in crate::ops) fn hidden_range(subnet: Subnet, ranges: &[SiteRange]) -> Option<&SiteRange> {
    let around = ranges.iter().filter(|range| range.cidr.contains(subnet));
    let innermost = around.max_by_key(|range| range.cidr.prefix());
    let within = ranges
        .iter()
        .find(|range| subnet.contains(range.cidr) && subnet != range.cidr && !range.deal);
    within.or(innermost.filter(|range| !range.deal))
}

fn full(one: &Surveyed<'_>, at: usize, found: &mut Found) {
    for (pool, used) in one.network.subnets.iter().zip(&one.seen.used) {
        let capacity = pool.subnet.capacity();
        // In the smallest ones a container or two is all there can be.
        if pool.subnet.is_ipv6() || capacity < 6 || used * 100 < capacity * FULL_PERCENT {
            continue;
        }
        let left = capacity.saturating_sub(*used);
        let text = format!("{} has {left} of {capacity} addresses left", told(one));
        found.push((finding(FindingKind::Full, one, one.host, text), vec![at]));
    }
}

/// A network that nobody uses, running or not.
///
/// No finding: those of the engine and of a Swarm (its tasks may be on hosts outside of the fleet); those of hosts whose
/// containers are not known.
fn unused(one: &Surveyed<'_>, fleet: &Fleet, at: usize, found: &mut Found) {
    let network = one.network;
    let is_somebodys = !network.is_engines_own()
        && !network.is_shared()
        && &*network.name != "docker_gwbridge"
        && !network.subnets.is_empty();
    let known = |name: &HostName| fleet.host(name).is_some_and(|host| host.listed);
    if one.seen.attached == 0 && is_somebodys && one.seen.hosts.iter().all(known) {
        let text = format!("no container is attached to {}", told(one));
        found.push((finding(FindingKind::Unused, one, one.host, text), vec![at]));
    }
}

/// Who claims a port: the container, the port, whether it holds it now.
type Claimant<'h> = (&'h Container, &'h Port, bool);

/// Containers of a host that claim one port: of those only one can run.
///
/// No finding: stopped replicas of the same service of the same app, which are what it was before (a release is kept
/// for going back to it). What a stopped container claims is known once it was inspected.
fn ports(survey: &Survey, host: &Host, found: &mut Found) {
    let mut by_port: BTreeMap<(u16, &str), Vec<Claimant<'_>>> = BTreeMap::new();
    for container in host.containers.values() {
        let live = container.state.is_live();
        let claims = match (&container.claims, live) {
            (_, true) => &container.ports,
            (Some(claims), false) => claims,
            (None, false) => continue,
        };
        for port in claims {
            if let Some(public) = port.public {
                let claimants = by_port.entry((public, &port.protocol)).or_default();
                claimants.push((container, port, live));
            }
        }
    }
    let networks: HashMap<&str, usize> = host
        .networks
        .iter()
        .flatten()
        .filter_map(|one| {
            let key = (host.name().clone(), one.id.clone());
            Some((&*one.name, *survey.index.get(&key)?))
        })
        .collect();
    for ((port, protocol), claimants) in by_port {
        let Some((first, others)) = collision(claimants) else {
            continue;
        };
        let stops = names(&others);
        let runs = if first.2 {
            format!("while {} runs", first.0.name)
        } else {
            format!("together with {}", first.0.name)
        };
        let text = format!(
            "{stops} cannot run {runs}: both claim port {port}/{protocol} of {}",
            host.name()
        );
        let places: HashSet<usize> = [first]
            .iter()
            .chain(&others)
            .flat_map(|(container, ..)| &container.networks)
            .filter_map(|place| networks.get(&*place.network).copied())
            .collect();
        let finding = Finding {
            kind: FindingKind::Ports,
            host: host.name().clone(),
            network: None,
            text,
        };
        found.push((finding, places.into_iter().collect()));
    }
}

/// Of those that claim a port, one and the others that cannot run beside it.
fn collision(mut claimants: Vec<Claimant<'_>>) -> Option<(Claimant<'_>, Vec<Claimant<'_>>)> {
    claimants.sort_by_key(|(container, _, live)| (!live, container.name.clone()));
    let mut rest = claimants.into_iter();
    let first = rest.next()?;
    let everywhere = |port: &Port| matches!(&*port.ip, "" | "0.0.0.0" | "::");
    let others: Vec<Claimant<'_>> = rest
        .filter(|(container, port, live)| {
            let same_address = port.ip == first.1.ip || everywhere(port) || everywhere(first.1);
            let is_former = !live
                && container.app.is_some()
                && container.app == first.0.app
                && container.service == first.0.service;
            container.id != first.0.id && same_address && !is_former && !(*live && first.2)
        })
        .collect();
    (!others.is_empty()).then_some((first, others))
}

fn names(claimants: &[Claimant<'_>]) -> String {
    let shown: Vec<&str> = claimants
        .iter()
        .take(NAMES)
        .map(|(container, ..)| &*container.name)
        .collect();
    let shown = shown.join(", ");
    match claimants.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Addresses for networks whose maker names none. (Engines also pass over blocks that the host has routes to, which
/// nobody tells.)
fn pools(survey: &Survey, host: &Host, found: &mut Found) {
    let Some(engine) = host
        .engine
        .as_ref()
        .filter(|one| one.product == Product::Docker)
    else {
        return;
    };
    if host.networks.is_none() {
        return;
    }
    let usual;
    let pools: &[AddressPool] = if engine.address_pools.is_empty() {
        usual = AddressPool::usual();
        &usual
    } else {
        &engine.address_pools
    };
    let taken: Vec<Subnet> = claims_of(survey, host)
        .iter()
        .map(|(one, _)| *one)
        .collect();
    let all: u128 = pools.iter().map(|pool| pool.blocks()).sum();
    let used: u128 = pools.iter().map(|pool| pool.taken(&taken)).sum();
    let left = all.saturating_sub(used);
    if left > FEW_BLOCKS {
        return;
    }
    let text = match left {
        0 => format!(
            "{} has no addresses left for networks that name no subnet (all {all} blocks are in use)",
            host.name()
        ),
        left => format!(
            "{} has addresses for {left} more networks that name no subnet, of {all}",
            host.name()
        ),
    };
    let bridge = host
        .networks
        .iter()
        .flatten()
        .find(|one| &*one.name == "bridge");
    let place = bridge.and_then(|bridge| {
        let key = (host.name().clone(), bridge.id.clone());
        survey.index.get(&key).copied()
    });
    let finding = Finding {
        kind: FindingKind::Pools,
        host: host.name().clone(),
        network: None,
        text,
    };
    found.push((finding, place.into_iter().collect()));
}
