//! A container and its servers behind a balancer: let in when it is well, taken out without losing a request.

use std::net::SocketAddr;

use tokio::time::{Instant, sleep};

use super::{
    converge::patiently,
    place::{Place, Trouble},
};
use crate::model::{
    Admin, Backend, HostName, Said, ServerName, Share, Slot, Standing,
    release::{Found, Front, Lane},
};

/// What is done to a balancer in the course of a deploy. Doing it again changes nothing more.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Put an address into a backend: checked, and without traffic.
    Enter {
        /// The backend.
        backend: String,
        /// Where the balancer reaches the container.
        address: SocketAddr,
    },
    /// Give traffic to a server whose checks found it up.
    Admit(Slot),
    /// Give a server nothing new.
    Drain(ServerName),
    /// Take a server out for good.
    Retire(ServerName),
    /// Give the gray release another share of the requests.
    Share(Share),
    /// Write down what a reload would forget, where the configuration says into which files.
    Save,
}

/// What a well container lacks to take traffic.
#[derive(Clone, Debug, PartialEq)]
pub enum WayIn {
    /// A server.
    Enter(SocketAddr),
    /// The balancer has to find it up; what it says of it.
    Wait(String),
    /// To be let in.
    Admit(Slot),
    /// Nothing.
    There,
}

/// What a well container lacks to take traffic in one of the backends of a front.
pub(super) fn way_in(
    front: &Front,
    lane: Lane,
    host: &HostName,
    one: &Found,
    backends: &[Backend],
) -> Result<WayIn, String> {
    let name = front.backend(lane).ok_or_else(|| {
        let (balancer, stable) = (&front.balancer, &front.stable);
        format!("{balancer} has no backend for a gray release beside {stable}")
    })?;
    let port = one
        .port()
        .ok_or_else(|| format!("{} does not say at which port it is found", one.name))?;
    let address = front
        .at(host, port)
        .ok_or_else(|| format!("it is not known where {} reaches {host}", front.balancer))?;
    let backend = backends
        .iter()
        .find(|backend| &*backend.name == name)
        .ok_or_else(|| format!("{} has no backend {name}", front.balancer))?;
    Ok(match backend.slot_of(address) {
        None => WayIn::Enter(address),
        Some(slot) => match slot.admin {
            Admin::Maintenance => WayIn::Enter(address),
            Admin::Drain if slot.is_up() => WayIn::Admit(slot.clone()),
            Admin::Ready if slot.standing != Standing::Down => WayIn::There,
            Admin::Drain | Admin::Ready => {
                WayIn::Wait(format!("{} to find it up ({})", front.balancer, slot.check))
            }
        },
    })
}

/// The servers that stand for the ports of a target at which nothing runs any more, in the stable backend.
pub(super) fn left_behind(
    front: &Front,
    host: &HostName,
    replica: u32,
    live: &[u16],
    backends: &[Backend],
) -> Option<ServerName> {
    let stable = backends
        .iter()
        .find(|backend| *backend.name == *front.stable)?;
    let dead = front.pair(replica).into_iter();
    let mut dead = dead.filter(|port| !live.contains(port));
    dead.find_map(|port| {
        let slot = stable.slot_of(front.at(host, port)?)?;
        Some(slot.name.clone())
    })
}

/// Takes a container out of the backends of its fronts, or of a single lane: nothing new comes to it, what it has may
/// end, and then its servers are free.
pub(super) async fn take_out(
    place: &impl Place,
    fronts: &[&Front],
    lane: Option<Lane>,
    (host, one): (&HostName, &Found),
    say: &(dyn Fn(Said) + Sync),
) -> Result<(), Trouble> {
    let Some(port) = one.port() else {
        return Ok(());
    };
    for front in fronts {
        if let Some(address) = front.at(host, port) {
            let leaving = Leaving {
                place,
                front,
                lane,
                address,
                name: &one.name,
                say,
            };
            leaving.go().await?;
        }
    }
    Ok(())
}

/// Takes everything of a front out of one of its backends.
pub(super) async fn empty(place: &impl Place, front: &Front, lane: Lane) -> Result<(), Trouble> {
    let backends = patiently(|| place.backends(front)).await?;
    let name = front.backend(lane);
    let backend = backends.iter().find(|one| name == Some(&*one.name));
    let slots = backend.into_iter().flat_map(|one| &one.slots);
    for address in slots.filter_map(|slot| slot.address) {
        if front.addresses.values().any(|ip| *ip == address.ip()) {
            let leaving = Leaving {
                place,
                front,
                lane: Some(lane),
                address,
                name: front.backend(lane).unwrap_or_default(),
                say: &|_| {},
            };
            leaving.go().await?;
        }
    }
    Ok(())
}

/// A container on its way out of a front.
struct Leaving<'l, P> {
    place: &'l P,
    front: &'l Front,
    lane: Option<Lane>,
    address: SocketAddr,
    name: &'l str,
    say: &'l (dyn Fn(Said) + Sync),
}

impl<P: Place> Leaving<'_, P> {
    async fn go(&self) -> Result<(), Trouble> {
        let mut since = Instant::now();
        let mut told = 0;
        loop {
            let Some(slot) = self.slot().await? else {
                return Ok(());
            };
            let left = slot.sessions + slot.queue;
            let next = match slot.admin {
                Admin::Ready => {
                    since = Instant::now();
                    Move::Drain(slot.name)
                }
                Admin::Drain if left > 0 && since.elapsed() < self.front.drain => {
                    if told != left {
                        let line = format!("waiting for {left} sessions of {} to end", self.name);
                        (self.say)(Said::Line(line));
                        told = left;
                    }
                    sleep(self.place.pace()).await;
                    continue;
                }
                Admin::Drain | Admin::Maintenance => Move::Retire(slot.name),
            };
            patiently(|| self.place.balance(self.front, &next)).await?;
        }
    }

    /// A server that still stands for it.
    async fn slot(&self) -> Result<Option<Slot>, Trouble> {
        let backends = patiently(|| self.place.backends(self.front)).await?;
        let only = self.lane.map(|lane| self.front.backend(lane));
        let found = backends
            .iter()
            .filter(|backend| only.is_none_or(|only| only == Some(&*backend.name)))
            .find_map(|backend| backend.slot_of(self.address));
        Ok(found.cloned())
    }
}
