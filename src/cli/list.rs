//! Lists: hosts, containers, images, networks and volumes as tables, JSON or names.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::Duration,
};

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure},
    json::{ContainerJson, HostJson, OnHost},
    output::Out,
    reach::Reached,
    table::table,
};
use crate::{
    model::{Feed, Fleet, Host, HostName, Image, State},
    ops::{
        column::{
            Align, Column, ContainerRow, Containers, Context, HostRow, Hosts, ImageRow, Images,
            NetworkRow, Networks, Rows, SAMPLED, VolumeRow, Volumes, column, natural,
        },
        filter::Filter,
        sentence::ListArgs,
    },
};

/// How long samples of containers and loads of hosts are waited for.
const SAMPLES: Duration = Duration::from_secs(4);

/// Columns of hosts, and keys of filters over them, that need their load.
const LOADED: [&str; 4] = ["cpu", "mem", "memory", "disk"];

/// What is to be listed, and how.
pub(super) struct Listing<K: Rows> {
    filter: Filter,
    columns: Vec<&'static Column<K>>,
    sort: Option<(&'static Column<K>, bool)>,
}

impl<K: Rows> Listing<K> {
    /// Reads the arguments of a list. Columns that need samples are shown when they are asked for.
    pub fn read(args: &ListArgs, output: Output, slow: &[&str]) -> Result<Self, Failure> {
        let filter = Filter::parse(&args.filter())
            .map_err(|error| Failure::Usage(format!("the filter is wrong: {error}")))?;
        let columns: Vec<&Column<K>> = if args.columns.is_empty() {
            let all = K::columns().iter();
            all.filter(|one| match output {
                Output::Wide => true,
                Output::Table | Output::Json | Output::Name => {
                    one.shown && !slow.contains(&one.name)
                }
            })
            .collect()
        } else {
            let named = args.columns.iter();
            named.map(|name| find(name)).collect::<Result<_, _>>()?
        };
        let sort = match args.sort.as_deref() {
            None => None,
            Some(text) => {
                let name = text.strip_prefix('-').unwrap_or(text);
                let column = find::<K>(name)?;
                Some((
                    column,
                    (column.align == Align::Right) != text.starts_with('-'),
                ))
            }
        };
        Ok(Self {
            filter,
            columns,
            sort,
        })
    }

    /// Whether one of these columns is shown, sorted by or filtered by.
    fn needs(&self, slow: &[&str]) -> bool {
        let named = |column: &&Column<K>| slow.contains(&column.name);
        self.columns.iter().any(named)
            || self.sort.as_ref().is_some_and(|(column, _)| named(column))
            || self.filter.mentions(slow)
    }

    /// Whether a row fits.
    pub fn fits(&self, row: &K::Row<'_>) -> bool {
        self.filter.matches(row)
    }

    /// Keeps the rows that fit, and sorts them.
    pub fn arrange<'r>(&self, rows: impl Iterator<Item = K::Row<'r>>) -> Vec<K::Row<'r>> {
        let mut rows: Vec<K::Row<'r>> = rows.filter(|row| self.fits(row)).collect();
        if let Some((column, is_turned)) = self.sort {
            rows.sort_by(|a, b| {
                let order = (column.order)(a, b);
                if is_turned { order.reverse() } else { order }
            });
        }
        rows
    }

    /// Writes rows as they are asked for.
    pub fn write<'r>(
        &self,
        session: &Session,
        fleet: &Fleet,
        rows: &[K::Row<'r>],
        json: impl FnOnce(&mut Out) -> io::Result<()>,
        name: impl Fn(&K::Row<'r>) -> String,
    ) -> Result<(), Failure> {
        let mut out = Out::take();
        match session.options.output {
            Output::Json => json(&mut out)?,
            Output::Name => out.lines(rows.iter().map(name))?,
            Output::Table | Output::Wide => {
                let context = Context {
                    now: fleet.now,
                    ascii: session.screen.ascii,
                    cells: u16::MAX,
                };
                out.lines(table::<K>(rows, &self.columns, &context, &session.screen))?;
            }
        }
        Ok(out.flush()?)
    }
}

fn find<K: Rows>(name: &str) -> Result<&'static Column<K>, Failure> {
    column::<K>(name).ok_or_else(|| {
        let names: Vec<&str> = K::columns().iter().map(|one| one.name).collect();
        Failure::Usage(format!(
            "{} have no column '{name}'; they have {}",
            K::NAME,
            names.join(", ")
        ))
    })
}

/// `host list`: hosts that cannot be reached are part of the answer.
pub(super) async fn hosts(session: &Session, args: &ListArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Hosts>::read(args, session.options.output, &LOADED)?;
    let mut reached = session.reach_known(|_| true).await?;
    if listing.needs(&LOADED) {
        let online = reached.online();
        let feeds = online.iter().cloned().map(Feed::Load).collect();
        let has_load = |fleet: &Fleet, name: &HostName| {
            fleet.host(name).is_none_or(|host| host.load.is_some())
        };
        let all = |fleet: &Fleet| online.iter().all(|name| has_load(fleet, name));
        let _ = tokio::time::timeout(SAMPLES, reached.until(feeds, all)).await;
    }
    session.know_maintenance(&mut reached.fleet).await;
    let fleet = &reached.fleet;
    let rows = listing.arrange(fleet.hosts().iter().map(HostRow::new));
    let name = |row: &HostRow<'_>| format!("@{}", row.host.name());
    let json = |out: &mut Out| out.array(rows.iter().map(HostJson::of));
    listing.write(session, fleet, &rows, json, name)?;
    Ok(Exit::Done)
}

/// `container list`.
pub(super) async fn containers(session: &Session, args: &ListArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Containers>::read(args, session.options.output, &SAMPLED)?;
    let mut reached = session.reach(|_| true).await?;
    if listing.needs(&SAMPLED) {
        sample(&mut reached).await;
    }
    let fleet = &reached.fleet;
    let mut all: Vec<ContainerRow<'_>> = fleet
        .containers()
        .map(|(host, container)| ContainerRow { host, container })
        .collect();
    let place: BTreeMap<&HostName, usize> = fleet
        .hosts()
        .iter()
        .enumerate()
        .map(|(at, host)| (host.name(), at))
        .collect();
    let by_name = column::<Containers>("name");
    all.sort_by(|a, b| {
        let places = place[a.host.name()].cmp(&place[b.host.name()]);
        places.then_with(|| match by_name {
            Some(column) => (column.order)(a, b),
            None => a.container.name.cmp(&b.container.name),
        })
    });
    let rows = listing.arrange(all.into_iter());
    let json = |out: &mut Out| {
        out.array(
            rows.iter()
                .map(|row| ContainerJson::of(row.host, row.container)),
        )
    };
    let name = |row: &ContainerRow<'_>| format!("{}@{}", row.container.name, row.host.name());
    listing.write(session, fleet, &rows, json, name)?;
    Ok(super::missing(&reached))
}

/// Waits for a sample with its CPU of every running container, for a while.
async fn sample(reached: &mut Reached) {
    let feeds: BTreeSet<Feed> = reached
        .fleet
        .containers()
        .filter(|(host, container)| host.link.is_online() && container.state == State::Running)
        .map(|(host, container)| Feed::Stats(host.name().clone(), container.id.clone()))
        .collect();
    let all_sampled = |fleet: &Fleet| {
        let running = fleet
            .containers()
            .filter(|(host, container)| host.link.is_online() && container.state == State::Running);
        running
            .map(|(_, container)| container.usage)
            .all(|usage| usage.is_some_and(|usage| usage.cpu.is_some()))
    };
    let _ = tokio::time::timeout(SAMPLES, reached.until(feeds, all_sampled)).await;
}

/// `image list`.
pub(super) async fn images(session: &Session, args: &ListArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Images>::read(args, session.options.output, &[])?;
    let reached = resources(session, |host| host.images.is_some()).await?;
    let fleet = &reached.fleet;
    let rows = listing.arrange(fleet.hosts().iter().flat_map(|host| {
        let images = by_name(host.images.iter().flatten(), |image| name_of(image));
        images
            .into_iter()
            .map(move |image| ImageRow { host, image })
    }));
    let json = |out: &mut Out| out.array(rows.iter().map(|row| OnHost::of(row.host, row.image)));
    let name = |row: &ImageRow<'_>| name_of(row.image).to_owned();
    listing.write(session, fleet, &rows, json, name)?;
    Ok(super::missing(&reached))
}

/// `network list`.
pub(super) async fn networks(session: &Session, args: &ListArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Networks>::read(args, session.options.output, &[])?;
    let mut reached = session.reach(|_| true).await?;
    reached
        .ask(Feed::Resources, |host| host.networks.is_some())
        .await;
    let fleet = &reached.fleet;
    let rows = listing.arrange(fleet.hosts().iter().flat_map(|host| {
        let networks = by_name(host.networks.iter().flatten(), |network| &network.name);
        networks
            .into_iter()
            .map(move |network| NetworkRow { host, network })
    }));
    let json = |out: &mut Out| out.array(rows.iter().map(|row| OnHost::of(row.host, row.network)));
    let name = |row: &NetworkRow<'_>| row.network.name.to_string();
    listing.write(session, fleet, &rows, json, name)?;
    Ok(super::missing(&reached))
}

/// `volume list`.
pub(super) async fn volumes(session: &Session, args: &ListArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Volumes>::read(args, session.options.output, &[])?;
    let reached = resources(session, |host| host.volumes.is_some()).await?;
    let fleet = &reached.fleet;
    let rows = listing.arrange(fleet.hosts().iter().flat_map(|host| {
        let mut rows: Vec<VolumeRow<'_>> = VolumeRow::all(host).collect();
        rows.sort_by(|a, b| natural(&a.volume.name, &b.volume.name));
        rows
    }));
    let json = |out: &mut Out| out.array(rows.iter().map(|row| OnHost::of(row.host, row.volume)));
    let name = |row: &VolumeRow<'_>| row.volume.name.to_string();
    listing.write(session, fleet, &rows, json, name)?;
    Ok(super::missing(&reached))
}

/// Things of one host by name.
fn by_name<'h, T>(things: impl Iterator<Item = &'h T>, name: fn(&T) -> &str) -> Vec<&'h T> {
    let mut things: Vec<&T> = things.collect();
    things.sort_by(|a, b| natural(name(a), name(b)));
    things
}

/// Its first tag; its id without one, behind the others.
fn name_of(image: &Image) -> &str {
    image.tags.first().unwrap_or(&image.id)
}

/// Reaches all hosts and asks what they have. Sizes and users come last, with `docker system df`;
/// a host that has them not in time is listed without.
async fn resources(
    session: &Session,
    has_answered: impl Fn(&Host) -> bool,
) -> Result<Reached, Failure> {
    let mut reached = session.reach(|_| true).await?;
    reached
        .ask(Feed::Resources, |host| host.disk.is_some())
        .await;
    let fleet = &reached.fleet;
    let answered = |name: &HostName| fleet.host(name).is_some_and(&has_answered);
    reached.missing.retain(|name, _| !answered(name));
    Ok(reached)
}
