//! HAProxy, by its admin socket: what stands behind it, and moving servers in and out without losing a request.
//!
//! The rules that were measured on HAProxy 2.6 and that this part stands for:
//! a server is put into a slot with one line, `addr …; state drain; health down`, and made ready only when its own
//! checks found it up; otherwise it takes traffic before it was ever checked. A reload keeps the addresses of slots only
//! where the states were saved and the configuration gives the slots a name, `free.invalid:1 init-addr last,192.0.2.1`.

mod act;
mod check;
mod config;
mod line;
mod read;
mod render;
mod save;
mod slots;
mod watch;

use std::{fmt, sync::Arc};

use futures_util::future::try_join;
use tokio::sync::Mutex;

pub use self::{
    read::{About, Level},
    render::{Blueprint, render},
    watch::{Sample, Watched},
};
use super::{Error, ErrorKind, reach::Reach};
use crate::model::{Backend, BalancerSpec, Counters, ServerName, Share, Slot};

/// All load balancers; cheap to clone.
#[derive(Clone, Debug)]
pub struct Balancers {
    specs: Arc<[Arc<BalancerSpec>]>,
    /// Two that look for a free slot at the same time find the same one.
    turn: Arc<Mutex<()>>,
    reach: Arc<dyn Reach>,
}

impl Balancers {
    /// Those that the configuration describes, reached so.
    pub fn new(specs: impl IntoIterator<Item = BalancerSpec>, reach: Arc<dyn Reach>) -> Self {
        Self {
            specs: specs.into_iter().map(Arc::new).collect(),
            turn: Arc::default(),
            reach,
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Balancer> {
        self.specs.iter().map(|spec| Balancer {
            spec: Arc::clone(spec),
            turn: Arc::clone(&self.turn),
            reach: Arc::clone(&self.reach),
        })
    }

    /// One of them by name. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the configuration has none of that name.
    pub fn open(&self, name: &str) -> Result<Balancer, Error> {
        let found = self.all().find(|one| *one.spec.name == *name);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.specs.iter().map(|spec| &*spec.name).collect();
            let remedy = if known.is_empty() {
                "write a [[balancer]] into wharf.toml".to_owned()
            } else {
                format!("there is {}", known.join(", "))
            };
            let why = format!("no balancer is called '{name}'");
            Error::new(ErrorKind::Missing, "opening a balancer", why).with(remedy)
        })
    }
}

/// One `HAProxy`. Every question is a connection of its own to its admin socket; cheap to clone.
#[derive(Clone)]
pub struct Balancer {
    spec: Arc<BalancerSpec>,
    turn: Arc<Mutex<()>>,
    reach: Arc<dyn Reach>,
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl Balancer {
    /// As configured.
    pub fn spec(&self) -> &BalancerSpec {
        &self.spec
    }

    /// Who it is, and what it lets us do.
    ///
    /// # Errors
    /// When it cannot be reached or is no `HAProxy`.
    pub async fn about(&self) -> Result<About, Error> {
        let (info, level) = try_join(self.show("show info"), self.show("show cli level")).await?;
        read::about(&info, &level).map_err(|why| self.garbled("show info", why))
    }

    /// All backends that have servers, with those.
    ///
    /// # Errors
    /// When it cannot be reached, or what it says is not understood.
    pub async fn backends(&self) -> Result<Vec<Backend>, Error> {
        let states = self.show("show servers state");
        let (states, stat) = try_join(states, self.show("show stat")).await?;
        read::backends(&states, &stat).map_err(|why| self.garbled("show servers state", why))
    }

    /// One backend with its servers.
    ///
    /// # Errors
    /// As for [`Balancer::backends`]; and when there is none of that name.
    pub async fn backend(&self, name: &str) -> Result<Backend, Error> {
        let all = self.backends().await?;
        let names: Vec<String> = all.iter().map(|one| one.name.to_string()).collect();
        let found = all.into_iter().find(|one| *one.name == *name);
        found.ok_or_else(|| {
            let why = format!("no backend with servers is called '{name}'");
            let remedy = format!("it has {}", names.join(", "));
            self.error(ErrorKind::Missing, &format!("looking for {name}"), why)
                .with(remedy)
        })
    }

    /// The servers of a backend.
    ///
    /// # Errors
    /// As for [`Balancer::backend`].
    pub async fn slots(&self, backend: &str) -> Result<Vec<Slot>, Error> {
        Ok(self.backend(backend).await?.slots)
    }

    /// One server.
    ///
    /// # Errors
    /// As for [`Balancer::backend`]; and when the backend has none of that name.
    pub async fn slot(&self, name: &ServerName) -> Result<Slot, Error> {
        let slots = self.slots(&name.backend).await?;
        let found = slots.into_iter().find(|slot| slot.name == *name);
        found.ok_or_else(|| {
            let why = format!("{} has no server {}", name.backend, name.server);
            self.error(ErrorKind::Missing, &format!("looking for {name}"), why)
                .with(format!("see `wharf balancer show {}`", self.spec.name))
        })
    }

    /// What a backend has done since the balancer started, its own answers included.
    ///
    /// # Errors
    /// As for [`Balancer::backend`].
    pub async fn counters(&self, backend: &str) -> Result<Counters, Error> {
        Ok(self.backend(backend).await?.counters)
    }

    /// The share that stands below a key of a map; none where there is no such key.
    ///
    /// # Errors
    /// When it cannot be reached, has no such map, or what stands there is no share.
    pub async fn share(&self, map: &str, key: &str) -> Result<Option<Share>, Error> {
        let shares = self.shares(map).await?;
        let found = shares.into_iter().find(|(name, _)| name == key);
        found.map_or(Ok(None), |(_, value)| {
            let read: Result<Share, String> = value.parse();
            read.map(Some)
                .map_err(|why| self.garbled(&format!("show map {map}"), why))
        })
    }

    /// All keys of a map with what stands below them.
    ///
    /// # Errors
    /// When it cannot be reached or has no such map.
    pub async fn shares(&self, map: &str) -> Result<Vec<(String, String)>, Error> {
        let command = format!("show map {}", self.path(map)?);
        Ok(read::map(&self.show(&command).await?))
    }

    /// The files of all maps that it has read.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn maps(&self) -> Result<Vec<String>, Error> {
        Ok(read::maps(&self.show("show map").await?))
    }

    /// The map that is meant where none is named.
    ///
    /// # Errors
    /// When the configuration names none.
    pub fn own_map(&self) -> Result<&str, Error> {
        self.spec.map.as_deref().ok_or_else(|| {
            let why = "it is not known which map holds its shares";
            self.error(ErrorKind::Missing, "looking for its map", why)
                .with("write map = \"/etc/haproxy/ops/canary.map\" into its [[balancer]], or say --map")
        })
    }
}
