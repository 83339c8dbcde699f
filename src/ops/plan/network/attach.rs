//! Plans of attaching containers to a network of their host, and of detaching them.

use std::{net::IpAddr, sync::Arc};

use super::attached;
use crate::{
    model::{Action, Container, Fleet, Host, Network, NetworkAction, Step, Subject},
    ops::{
        plan::{Plan, Refusal, RefusalKind, docker, gather},
        sentence::{ConnectArgs, DisconnectArgs, Sentence},
        subnet::holders,
        target::{Target, container_text},
    },
};

/// The plan of attaching.
pub(super) fn connect(
    sentence: &Sentence,
    args: &ConnectArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let (ipv4, ipv6) = addresses(&args.addresses)?;
    let act = |host: &Host, container: &Container| {
        let network = named(host, &args.network)?;
        unfit_to_connect(host, container, network, args)?;
        Ok(NetworkAction::Connect {
            network: network.id.clone(),
            name: network.name.clone(),
            ipv4,
            ipv6,
            aliases: args.aliases.iter().map(|name| Arc::from(&**name)).collect(),
        })
    };
    let title = |what: &str| format!("Connect {what} to {}", args.network);
    let plan = each(sentence, fleet, selection, act, title, None)?;
    if !args.addresses.is_empty() && plan.steps.len() > 1 {
        return Err(Refusal::new(
            RefusalKind::Sentence,
            format!("{} containers cannot have one address", plan.steps.len()),
            "name one container, or leave --ip out",
        ));
    }
    Ok(plan)
}

/// The plan of detaching.
pub(super) fn disconnect(
    sentence: &Sentence,
    args: &DisconnectArgs,
    fleet: &Fleet,
    selection: &[Target],
) -> Result<Plan, Refusal> {
    let act = |host: &Host, container: &Container| {
        let network = named(host, &args.network)?;
        if &*network.driver == "host" {
            return state("a container cannot leave the network of its host", "");
        }
        if !network.has(container) && !args.force {
            let text = container_text(host, container);
            return state(format!("{text} is not attached to {}", network.name), "");
        }
        Ok(NetworkAction::Disconnect {
            network: network.id.clone(),
            name: network.name.clone(),
            force: args.force,
        })
    };
    let title = |what: &str| format!("Disconnect {what} from {}", args.network);
    let loss = "its address there, and the connections over it";
    each(sentence, fleet, selection, act, title, Some(loss))
}

fn state<T>(why: impl Into<String>, remedy: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(RefusalKind::State, why, remedy))
}

/// A plan with one step for each container that can take part.
fn each(
    sentence: &Sentence,
    fleet: &Fleet,
    selection: &[Target],
    act: impl Fn(&Host, &Container) -> Result<NetworkAction, Refusal>,
    title: impl Fn(&str) -> String,
    loss: Option<&str>,
) -> Result<Plan, Refusal> {
    let mut gathered = gather::containers(sentence, fleet, selection)?;
    let mut steps = Vec::new();
    let candidates = std::mem::take(&mut gathered.chosen);
    for (host, container) in candidates {
        let text = container_text(host, container);
        match act(host, container) {
            Ok(action) => {
                gathered.chosen.push((host, container));
                steps.push(Step {
                    host: host.name().clone(),
                    subject: Subject::Container(container.id.clone(), container.name.clone()),
                    action: Action::Network(action),
                });
            }
            Err(refusal) => gathered.leave_out(text, refusal),
        }
    }
    let gathered = gathered.or_refuse()?;
    let chosen = gathered.chosen.iter();
    let targets: Vec<String> = chosen
        .map(|(host, one)| container_text(host, one))
        .collect();
    let what = match targets.as_slice() {
        [only] => only.clone(),
        several => format!("{} containers", several.len()),
    };
    let danger = sentence.danger();
    let hosts = gathered.chosen.iter().map(|(host, _)| *host);
    Ok(Plan {
        sentence: sentence.canonical(&targets),
        title: title(&what),
        danger,
        loses: loss.map(str::to_owned).into_iter().collect(),
        docker: docker::commands(&steps, fleet),
        confirm: gathered.confirm(danger, fleet, hosts),
        left_out: gathered.left_out,
        busy: match steps.first().map(|step| &step.action) {
            Some(Action::Network(action)) => action.busy(),
            _ => "connecting",
        },
        recorded: true,
        told: Vec::new(),
        deploy: None,
        targets,
        steps,
    })
}

/// At most one address of each family.
fn addresses(
    said: &[IpAddr],
) -> Result<(Option<std::net::Ipv4Addr>, Option<std::net::Ipv6Addr>), Refusal> {
    let (mut ipv4, mut ipv6) = (None, None);
    for address in said {
        let twice = match address {
            IpAddr::V4(address) => ipv4.replace(*address).is_some(),
            IpAddr::V6(address) => ipv6.replace(*address).is_some(),
        };
        if twice {
            return Err(Refusal::new(
                RefusalKind::Sentence,
                "a container has one address of a family on a network",
                "say --ip once for IPv4 and once for IPv6",
            ));
        }
    }
    Ok((ipv4, ipv6))
}

/// The network of a host that a name or the beginning of an id means.
fn named<'h>(host: &'h Host, text: &str) -> Result<&'h Network, Refusal> {
    let refuse = |kind, why: String, remedy: &str| Err(Refusal::new(kind, why, remedy));
    if text.contains('@') {
        return refuse(
            RefusalKind::Sentence,
            format!("'{text}' names a host where only a network is needed"),
            "a container can only be on networks of its own host, so say the name alone",
        );
    }
    let Some(networks) = &host.networks else {
        return refuse(
            RefusalKind::Offline,
            format!("the networks of {} are not known yet", host.name()),
            "look at them first: pane subnets, or `network list`",
        );
    };
    let mut found: Vec<&Network> = networks.iter().filter(|one| *one.name == *text).collect();
    if found.is_empty() && text.len() >= 4 {
        found = networks
            .iter()
            .filter(|one| one.id.starts_with(text))
            .collect();
    }
    match found.as_slice() {
        [only] => Ok(only),
        [] => refuse(
            RefusalKind::Unknown,
            format!("{} has no network {text}", host.name()),
            &format!("`wharf network list host:{}` lists them", host.name()),
        ),
        several => {
            let ids = several
                .iter()
                .map(|one| one.id.get(..12).unwrap_or(&one.id));
            let ids: Vec<&str> = ids.collect();
            refuse(
                RefusalKind::Ambiguous,
                format!(
                    "{} has several networks {text}: {}",
                    host.name(),
                    ids.join(", ")
                ),
                "say the id of the one that is meant",
            )
        }
    }
}

/// Why a container cannot be attached; the engine would say the same later, in other words.
fn unfit_to_connect(
    host: &Host,
    container: &Container,
    network: &Network,
    args: &ConnectArgs,
) -> Result<(), Refusal> {
    let text = container_text(host, container);
    if let "host" | "null" = &*network.driver {
        return state(
            format!("nothing can be connected to network {}", network.name),
            "",
        );
    }
    let alone = container
        .networks
        .iter()
        .find(|one| matches!(&*one.network, "host" | "none"));
    if let Some(alone) = alone {
        return state(
            format!(
                "{text} is on network {}, and can be on no other beside it",
                alone.network
            ),
            "make it anew with another network",
        );
    }
    if network.has(container) {
        return state(
            format!("{text} is attached to {} already", network.name),
            "",
        );
    }
    if network.is_shared() && !network.attachable {
        return state(
            format!("{} is for services of its Swarm only", network.name),
            "make it with --attachable",
        );
    }
    let by_engine = &*network.name == "bridge" && !args.addresses.is_empty();
    if by_engine || (!args.addresses.is_empty() && network.subnets.is_empty()) {
        return state(
            format!(
                "{} has no subnet of its own, so no address can be chosen on it",
                network.name
            ),
            "make a network with --subnet, and choose there",
        );
    }
    if &*network.name == "bridge" && !args.aliases.is_empty() {
        return state(
            "on network bridge containers have no names, so no other ones either",
            "make a network, and name them there",
        );
    }
    args.addresses
        .iter()
        .try_for_each(|address| free(host, network, *address))
}

/// Refuses an address that cannot be had on a network.
fn free(host: &Host, network: &Network, address: IpAddr) -> Result<(), Refusal> {
    let name = &network.name;
    let Some(pool) = network
        .subnets
        .iter()
        .find(|pool| pool.subnet.holds(address))
    else {
        let subnets: Vec<String> = network
            .subnets
            .iter()
            .map(|one| one.subnet.to_string())
            .collect();
        return state(
            format!("{address} is outside of {name} ({})", subnets.join(", ")),
            "",
        );
    };
    let span = pool.subnet.span();
    if pool.subnet.capacity() > 2
        && !pool.subnet.is_ipv6()
        && [span.first, span.last].contains(&address)
    {
        return state(
            format!(
                "{address} is no address of one container in {}",
                pool.subnet
            ),
            "",
        );
    }
    if pool.gateway == Some(address) {
        return state(format!("{address} is the gateway of {name}"), "");
    }
    if let Some((who, _)) = pool.aux.iter().find(|(_, one)| **one == address) {
        return state(format!("{address} is set apart for {who} on {name}"), "");
    }
    let holder = holders(host, network).remove(&address);
    let holder = holder.and_then(|id| host.containers.get(&id));
    match holder {
        Some(holder) => state(
            format!(
                "{address} belongs to {} on {name}",
                container_text(host, holder)
            ),
            format!("in use there: {}", attached(host, network, true)),
        ),
        None => Ok(()),
    }
}
