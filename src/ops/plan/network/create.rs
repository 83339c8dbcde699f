//! The plan of making a network on hosts, refused where an engine would refuse it, and where it would not and should.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use crate::{
    model::{
        Action, Fleet, Host, NetworkAction, NetworkSpec, Pool, Resource, Step, Subject, Subnet,
    },
    ops::{
        plan::{Confirm, Plan, Refusal, RefusalKind, docker, gather, resource::title},
        sentence::{CreateNetworkArgs, Pair, Sentence, SubnetWish},
        subnet::{Dealer, hidden_range},
        target::Target,
    },
};

/// The size of a block that is dealt when nobody says another.
const USUAL_SIZE: u8 = 24;

/// From this version of the API on engines choose IPv6 addresses by themselves.
const CHOOSES_IPV6: u32 = 46;

/// The plan: one step for each host.
pub(super) fn plan(
    sentence: &Sentence,
    args: &CreateNetworkArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    check_name(&args.name)?;
    let spec = spec(args)?;
    let gathered = gather::those_hosts(sentence, fleet, selection, |host| {
        gather::offline(host).or_else(|| unfit(host, &args.name, &spec))
    })?;
    let mut dealer = dealer(args, fleet)?;
    let mut steps = Vec::new();
    let mut loses = Vec::new();
    for host in &gathered.chosen {
        let mut spec = spec.clone();
        if let Some(dealer) = &mut dealer {
            let block = dealer.deal()?;
            spec.ipv6 |= block.is_ipv6();
            spec.subnets.push(Pool::new(block));
        }
        loses.extend(hides(fleet, host, &spec));
        steps.push(Step {
            host: host.name().clone(),
            subject: Subject::Resource {
                kind: Resource::Network,
                id: Arc::from(""),
                name: Arc::from(&*args.name),
            },
            action: Action::Network(NetworkAction::Create(Box::new(spec))),
        });
    }
    let targets: Vec<String> = steps.iter().map(Step::target).collect();
    let danger = sentence.danger();
    let confirm = gathered.confirm(danger, fleet, gathered.chosen.iter().copied());
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: title("Create", Resource::Network, &targets, &steps),
        danger,
        docker: docker::commands(&steps, fleet),
        confirm: match confirm {
            Confirm::No if !loses.is_empty() => Confirm::Ask,
            other => other,
        },
        loses,
        left_out: gathered.left_out,
        busy: "creating",
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

fn refuse<T>(why: impl Into<String>, remedy: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(RefusalKind::Sentence, why, remedy))
}

/// Names that engines take, and that can be said again: `@` is before the host.
fn check_name(name: &str) -> Result<(), Refusal> {
    if matches!(name, "bridge" | "host" | "none" | "default") {
        return refuse(
            format!("'{name}' is a network of the engine itself"),
            "choose another name",
        );
    }
    let is_fit = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let mut letters = name.chars();
    if !letters.next().is_some_and(char::is_alphanumeric) || !letters.all(is_fit) {
        return refuse(
            format!(
                "'{}' cannot be a network's name",
                crate::model::printable(name)
            ),
            "begin with a letter or digit; then also _ . and -",
        );
    }
    Ok(())
}

/// What is wished for, without the blocks that are dealt.
fn spec(args: &CreateNetworkArgs) -> Result<NetworkSpec, Refusal> {
    let named = args.subnets.iter().filter_map(|wish| match wish {
        SubnetWish::This(subnet) => Some(Pool::new(*subnet)),
        SubnetWish::Auto => None,
    });
    let mut pools: Vec<Pool> = named.collect();
    if pools.len() != args.subnets.len() && args.subnets.len() > 1 {
        return refuse(
            "`--subnet auto` stands for itself",
            "name all subnets, or none but auto",
        );
    }
    if pools.len() == args.subnets.len() && (args.range.is_some() || args.size.is_some()) {
        return refuse(
            "--in and --size say how blocks are dealt",
            "say `--subnet auto` with them",
        );
    }
    for (at, pool) in pools.iter().enumerate() {
        if let Some(other) = pools[..at]
            .iter()
            .find(|one| one.subnet.overlaps(pool.subnet))
        {
            return refuse(format!("{} overlaps {}", pool.subnet, other.subnet), "");
        }
    }
    for gateway in &args.gateways {
        around(&mut pools, *gateway, "the gateway")?.gateway = Some(*gateway);
    }
    for range in &args.ip_ranges {
        let pool = around(&mut pools, range.span().first, "the ip range")?;
        if !pool.subnet.contains(*range) {
            return refuse(
                format!("the ip range {range} is outside of {}", pool.subnet),
                "",
            );
        }
        pool.ip_range = Some(*range);
    }
    for Pair { key, value } in &args.aux {
        let Ok(address) = value.parse::<IpAddr>() else {
            return refuse(
                format!("'{value}' is no address"),
                "write --aux router=10.20.1.254",
            );
        };
        let pool = around(&mut pools, address, "the address")?;
        if pool.gateway == Some(address) {
            return refuse(format!("{address} is the gateway already"), "");
        }
        pool.aux.insert(Arc::from(&**key), address);
    }
    if let Some(driver @ ("host" | "null" | "none")) = args.driver.as_deref() {
        return refuse(
            format!("there is one {driver} network on every host, and no other"),
            "",
        );
    }
    Ok(NetworkSpec {
        driver: args.driver.as_deref().map(Arc::from),
        ipv6: args.ipv6 || pools.iter().any(|pool| pool.subnet.is_ipv6()),
        subnets: pools,
        internal: args.internal,
        attachable: args.attachable,
        options: pairs(&args.options),
        labels: pairs(&args.labels),
    })
}

fn pairs(pairs: &[Pair]) -> BTreeMap<Arc<str>, Arc<str>> {
    let pairs = pairs.iter();
    pairs
        .map(|pair| (Arc::from(&*pair.key), Arc::from(&*pair.value)))
        .collect()
}

/// The subnet that an address lies in.
fn around<'p>(pools: &'p mut [Pool], address: IpAddr, what: &str) -> Result<&'p mut Pool, Refusal> {
    if pools.is_empty() {
        return refuse(
            format!("{what} {address} needs a subnet that is named"),
            "say --subnet 10.20.1.0/24",
        );
    }
    let subnets: Vec<String> = pools.iter().map(|pool| pool.subnet.to_string()).collect();
    match pools.iter_mut().find(|pool| pool.subnet.holds(address)) {
        Some(pool) => Ok(pool),
        None => refuse(
            format!("{what} {address} is outside of {}", subnets.join(", ")),
            "name one that lies in it",
        ),
    }
}

/// Why it cannot be made on that host.
fn unfit(host: &Host, name: &str, spec: &NetworkSpec) -> Option<Refusal> {
    let refuse = |kind, why: String, remedy: &str| Some(Refusal::new(kind, why, remedy));
    let Some(networks) = &host.networks else {
        return refuse(
            RefusalKind::Offline,
            format!("the networks of {} are not known yet", host.name()),
            "look at them first: pane subnets, or `network list`",
        );
    };
    if networks.iter().any(|one| *one.name == *name) {
        return refuse(
            RefusalKind::State,
            format!("{name}@{} exists already", host.name()),
            "choose another name, or remove it first",
        );
    }
    for wanted in &spec.subnets {
        for one in networks {
            let overlapping = one
                .subnets
                .iter()
                .find(|pool| pool.subnet.overlaps(wanted.subnet));
            if let Some(pool) = overlapping {
                return refuse(
                    RefusalKind::State,
                    format!(
                        "{} overlaps {} of {}@{}",
                        wanted.subnet,
                        pool.subnet,
                        one.name,
                        host.name()
                    ),
                    "`subnet free` says a free one; `--subnet auto` takes it",
                );
            }
        }
    }
    let needs_ipv6 = spec.ipv6 && !spec.subnets.iter().any(|pool| pool.subnet.is_ipv6());
    let api = host.engine.as_ref().and_then(|engine| {
        let (_, minor) = engine.api.split_once('.')?;
        minor.parse::<u32>().ok()
    });
    if needs_ipv6 && api.is_some_and(|minor| minor < CHOOSES_IPV6) {
        return refuse(
            RefusalKind::State,
            format!(
                "the engine of {} chooses no IPv6 addresses by itself",
                host.name()
            ),
            "name them, as --subnet fd00:20::/64",
        );
    }
    None
}

fn dealer(args: &CreateNetworkArgs, fleet: &Fleet) -> Result<Option<Dealer>, Refusal> {
    if !args.subnets.contains(&SubnetWish::Auto) {
        return Ok(None);
    }
    let size = args.size.map_or(USUAL_SIZE, |size| size.0);
    Dealer::new(fleet, size, args.range.as_deref()).map(Some)
}

/// What can no longer be reached once it is there.
fn hides(fleet: &Fleet, host: &Host, spec: &NetworkSpec) -> Vec<String> {
    if matches!(spec.driver.as_deref(), Some("macvlan" | "ipvlan")) {
        return Vec::new();
    }
    let hidden = |subnet: Subnet| {
        let range = hidden_range(subnet, &fleet.site_ranges)?;
        Some(format!(
            "the way from @{} to {subnet} in site range {} ({})",
            host.name(),
            range.name,
            range.cidr
        ))
    };
    let subnets = spec.subnets.iter().map(|pool| pool.subnet);
    subnets.filter_map(hidden).collect()
}
