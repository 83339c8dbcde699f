//! Networks and subnets from a shell: one in detail, all as a list, what is free, what is wrong.

use std::{collections::BTreeMap, io};

use serde::Serialize;
use serde_json::Value;

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure},
    list::Listing,
    output::Out,
    reach::{Reached, empty_fleet},
    table::{facts, table},
};
use crate::{
    model::{Attachment, Fleet, HostName, Network, Pool, Port},
    ops::{
        Sentence, SubnetCommand, Target,
        column::{
            Attached, AttachedRow, Column, Context, Rows as _, SubnetRow, Subnets, fill, natural,
        },
        sentence::FreeArgs,
        subnet::{self, Finding, Survey, Surveyed},
    },
};

/// A subnet as `subnet list` tells it.
#[derive(Serialize)]
struct SubnetJson<'a> {
    /// All hosts that have the network: several for a Swarm's.
    hosts: Vec<&'a str>,
    network: &'a str,
    id: &'a str,
    driver: &'a str,
    scope: &'a str,
    app: Option<&'a str>,
    #[serde(flatten)]
    pool: Option<&'a Pool>,
    used: Option<u128>,
    capacity: Option<u128>,
    attached: u32,
    findings: Vec<&'a Finding>,
}

impl<'a> SubnetJson<'a> {
    fn of(row: &SubnetRow<'a>) -> Self {
        let (seen, network) = (row.of.seen, row.of.network);
        Self {
            hosts: seen.hosts.iter().map(HostName::as_str).collect(),
            network: &network.name,
            id: &network.id,
            driver: &network.driver,
            scope: &network.scope,
            app: network.app.as_deref(),
            pool: row.pool(),
            used: row.used().map(|(used, _)| used),
            capacity: row.used().map(|(_, all)| all),
            attached: seen.attached,
            findings: row.of.findings().collect(),
        }
    }
}

/// A network as `network show` tells it.
#[derive(Serialize)]
struct NetworkJson<'a> {
    hosts: Vec<&'a str>,
    #[serde(flatten)]
    network: &'a Network,
    attached: Vec<AttachedJson<'a>>,
    findings: Vec<&'a Finding>,
}

/// A container that is attached.
#[derive(Serialize)]
struct AttachedJson<'a> {
    host: &'a str,
    container: &'a str,
    id: &'a str,
    state: &'a str,
    #[serde(flatten)]
    place: &'a Attachment,
    aliases: Vec<String>,
    links: Vec<String>,
    ports: &'a [Port],
}

/// The `subnet` sentences.
pub(super) async fn subnets(session: &Session, command: &SubnetCommand) -> Result<Exit, Failure> {
    if let SubnetCommand::Free(args) = command {
        // What makes no sense is said before anybody is asked.
        subnet::free(&empty_fleet(&session.config), args)?;
    }
    let listing = match command {
        SubnetCommand::List(args) => {
            Some(Listing::<Subnets>::read(args, session.options.output, &[])?)
        }
        SubnetCommand::Free(_) | SubnetCommand::Check => None,
    };
    let reached = session.reach_networks(|_| true).await?;
    let fleet = &reached.fleet;
    match (command, listing) {
        (SubnetCommand::List(_), Some(listing)) => list(session, fleet, &listing)?,
        (SubnetCommand::List(_), None) => {}
        (SubnetCommand::Free(args), _) => free(session, fleet, args)?,
        (SubnetCommand::Check, _) => check(session, fleet)?,
    }
    Ok(super::missing(&reached))
}

fn list(session: &Session, fleet: &Fleet, listing: &Listing<Subnets>) -> Result<(), Failure> {
    let survey = Survey::of(fleet);
    let mut rows: Vec<SubnetRow<'_>> = survey.all(fleet).flat_map(SubnetRow::of).collect();
    let place: BTreeMap<_, usize> = fleet
        .hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| (host.name(), at))
        .collect();
    rows.sort_by(|a, b| {
        let places = place[a.of.host.name()].cmp(&place[b.of.host.name()]);
        places.then_with(|| natural(&a.of.network.name, &b.of.network.name))
    });
    let rows = listing.arrange(rows.into_iter());
    let json = |out: &mut Out| -> io::Result<()> { out.array(rows.iter().map(SubnetJson::of)) };
    let name = |row: &SubnetRow<'_>| match row.pool() {
        Some(pool) => pool.subnet.to_string(),
        None => row.of.network.name.to_string(),
    };
    listing.write(session, fleet, &rows, json, name)
}

fn free(session: &Session, fleet: &Fleet, args: &FreeArgs) -> Result<(), Failure> {
    let blocks = subnet::free(fleet, args)?;
    let mut out = Out::take();
    if session.options.output.is_json() {
        out.json(&blocks)?;
    } else {
        out.lines(&blocks)?;
    }
    Ok(out.flush()?)
}

fn check(session: &Session, fleet: &Fleet) -> Result<(), Failure> {
    let survey = Survey::of(fleet);
    let found = survey.findings();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(found.iter())?,
        Output::Name => {
            let network = |one: &Finding| match &one.network {
                Some(network) => network.clone(),
                None => format!("@{}", one.host),
            };
            out.lines(found.iter().map(network))?;
        }
        Output::Table | Output::Wide => {
            let line = |one: &Finding| format!("{:<8}  {}", one.kind.word(), one.text);
            out.lines(found.iter().map(line))?;
            if found.is_empty() {
                out.lines(["nothing is wrong with the networks that could be asked"])?;
            }
        }
    }
    Ok(out.flush()?)
}

/// `network show`.
pub(super) async fn show(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    if !sentence.names_targets() {
        // There is no selection in a shell, so this says what is missing.
        sentence.plan(&empty_fleet(&session.config), &[])?;
    }
    let reached = session
        .reach_networks(|spec| sentence.touches(spec))
        .await?;
    sentence.plan(&reached.fleet, &[])?;
    let targets = sentence.targets(&reached.fleet, &[])?;
    let survey = Survey::of(&reached.fleet);
    let mut shown: Vec<Surveyed<'_>> = Vec::new();
    for target in &targets {
        if let Target::Resource(_, host, id) = target
            && let Some(one) = survey.get(&reached.fleet, host, id)
            // A Swarm's network is one, whichever hosts are named.
            && !shown.iter().any(|other| std::ptr::eq(other.seen, one.seen))
        {
            shown.push(one);
        }
    }
    let mut out = Out::take();
    let mut objects = Vec::new();
    for (at, one) in shown.iter().enumerate() {
        let names = names_of(&reached, one).await;
        match session.options.output {
            Output::Json => objects.push(object(&reached.fleet, one, &names)?),
            Output::Name => out.lines([format!("{}@{}", one.network.name, one.host.name())])?,
            Output::Table | Output::Wide => {
                if at > 0 {
                    out.lines([""])?;
                }
                out.lines(facts(&told(one), &session.screen))?;
                out.lines(who(session, &reached.fleet, one, &names))?;
            }
        }
    }
    if session.options.output.is_json() {
        out.json(&objects)?;
    }
    out.flush()?;
    Ok(super::missing(&reached))
}

/// What only an inspection tells: other names on the network, and links.
#[derive(Default)]
struct Names {
    aliases: Vec<String>,
    links: Vec<String>,
}

/// The names of all who are attached, in their order; nothing of those that cannot be inspected.
async fn names_of(reached: &Reached, one: &Surveyed<'_>) -> Vec<Names> {
    let mut all = Vec::new();
    for (host, container, place) in one.members(&reached.fleet) {
        let inspection = reached.engines.inspect(host.name(), &container.id).await;
        let names = inspection.ok().map(|value| {
            let networks = value.pointer("/NetworkSettings/Networks");
            let at = networks.and_then(|all| all.get(&*place.network));
            let texts = |key: &str| -> Vec<String> {
                let list = at.and_then(|at| at.get(key)).and_then(Value::as_array);
                let texts = list.into_iter().flatten().filter_map(Value::as_str);
                texts.map(str::to_owned).collect()
            };
            Names {
                aliases: texts("Aliases"),
                links: texts("Links"),
            }
        });
        all.push(names.unwrap_or_default());
    }
    all
}

fn object(fleet: &Fleet, one: &Surveyed<'_>, names: &[Names]) -> Result<Value, Failure> {
    let members = one.members(fleet);
    let attached = members
        .iter()
        .zip(names)
        .map(|((host, container, place), names)| AttachedJson {
            host: host.name().as_str(),
            container: &container.name,
            id: container.id.as_str(),
            state: container.state.word(),
            place,
            aliases: names.aliases.clone(),
            links: names.links.clone(),
            ports: &container.ports,
        });
    let json = NetworkJson {
        hosts: one.seen.hosts.iter().map(HostName::as_str).collect(),
        network: one.network,
        attached: attached.collect(),
        findings: one.findings().collect(),
    };
    serde_json::to_value(json).map_err(|error| Failure::Failed(error.to_string()))
}

fn told(one: &Surveyed<'_>) -> Vec<(&'static str, String)> {
    let network = one.network;
    let hosts: Vec<&str> = one.seen.hosts.iter().map(HostName::as_str).collect();
    let pairs = |pairs: &BTreeMap<std::sync::Arc<str>, std::sync::Arc<str>>| {
        let texts: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        texts.join(", ")
    };
    let flags = [
        (network.internal, "internal"),
        (network.attachable, "attachable"),
        (network.ingress, "ingress"),
        (network.ipv6, "ipv6"),
    ];
    let flags: Vec<&str> = flags
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| *word)
        .collect();
    let mut told = vec![
        ("network", format!("{}@{}", network.name, one.host.name())),
        ("id", network.id.to_string()),
        ("hosts", hosts.join(", ")),
        ("driver", network.driver.to_string()),
        ("scope", network.scope.to_string()),
        ("app", network.app.as_deref().unwrap_or("").to_owned()),
        ("is", flags.join(", ")),
    ];
    for (pool, used) in network.subnets.iter().zip(&one.seen.used) {
        told.push(("subnet", pool_text(pool, *used)));
    }
    told.push(("options", pairs(&network.options)));
    told.push(("labels", pairs(&network.labels)));
    told.extend(
        one.findings()
            .map(|found| (found.kind.word(), found.text.clone())),
    );
    told
}

/// `10.20.1.0/24 gateway 10.20.1.1, dealt from 10.20.1.128/25, router 10.20.1.254, 3/254 in use`.
fn pool_text(pool: &Pool, used: u128) -> String {
    let mut parts = vec![pool.subnet.to_string()];
    parts.extend(pool.gateway.map(|gateway| format!("gateway {gateway}")));
    parts.extend(pool.ip_range.map(|range| format!("dealt from {range}")));
    parts.extend(pool.aux.iter().map(|(name, at)| format!("{name} {at}")));
    parts.push(fill(used, pool.subnet.capacity(), true));
    parts.join(", ")
}

/// The table of who is attached.
fn who(session: &Session, fleet: &Fleet, one: &Surveyed<'_>, names: &[Names]) -> Vec<String> {
    let members = one.members(fleet);
    if members.is_empty() {
        return vec!["nobody is attached".to_owned()];
    }
    let rows: Vec<AttachedRow<'_>> = members
        .into_iter()
        .zip(names)
        .map(|((host, container, place), names)| AttachedRow {
            host,
            container,
            place,
            aliases: &names.aliases,
        })
        .collect();
    let columns: Vec<&Column<Attached>> = Attached::columns().iter().collect();
    let context = Context {
        now: fleet.now,
        ascii: session.screen.ascii,
        cells: u16::MAX,
    };
    table::<Attached>(&rows, &columns, &context, &session.screen)
}
