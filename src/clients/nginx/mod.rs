//! nginx, by a file of upstreams and shares that it includes: changed, found good, put in the place of the old one, and
//! taken by new workers.
//!
//! What nginx of the free edition cannot do is done beside it: whether a server can be reached is tried from its machine, and
//! what a server that is drained still has is seen in that machine's connections. It counts nothing of its servers.

mod check;
mod document;
mod render;
mod see;

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
};

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use self::document::{Document, Server};
pub use self::{
    render::{Blueprint, render},
    see::About,
};
use super::{
    Error, ErrorKind,
    reach::{Reach, kind_of},
};
use crate::model::{
    Admin, Backend, BalancerSpec, NginxSpec, Placing, ServerName, Share, Slot, Trouble,
    balancer::is_name, hex,
};

/// How often it is tried anew when somebody else wrote the file meanwhile.
const TRIES: usize = 5;

/// One nginx; cheap to clone.
#[derive(Clone)]
pub struct Nginx {
    spec: Arc<BalancerSpec>,
    own: Arc<NginxSpec>,
    turn: Arc<Mutex<()>>,
    reach: Arc<dyn Reach>,
}

impl fmt::Debug for Nginx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nginx")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

/// What a change needs to count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    /// New workers: it moves traffic.
    Now,
    /// Nothing: the next ones take it, and until then it makes no difference.
    Later,
}

impl Nginx {
    /// As configured. `turn` is had by one that changes something at a time.
    pub(super) fn new(
        spec: Arc<BalancerSpec>,
        own: Arc<NginxSpec>,
        turn: Arc<Mutex<()>>,
        reach: Arc<dyn Reach>,
    ) -> Self {
        Self {
            spec,
            own,
            turn,
            reach,
        }
    }

    /// As configured.
    pub fn spec(&self) -> &BalancerSpec {
        &self.spec
    }

    /// All upstreams of its file, with their servers.
    ///
    /// # Errors
    /// When its machine cannot be reached, or the file cannot be read.
    pub async fn backends(&self) -> Result<Vec<Backend>, Error> {
        let document = self.document("reading").await?;
        let upstreams = document.upstreams();
        let servers = upstreams.iter().flat_map(|(_, servers)| servers);
        let addresses: Vec<SocketAddr> = servers.filter_map(Server::address).collect();
        let sights = self.see(&addresses).await?;
        if sights.is_unfinished {
            // Somebody was killed between the file and its reload.
            let _turn = self.turn.lock().await;
            self.place("finishing", &document.text(), None, Take::Now)
                .await?;
        }
        let backends = upstreams.into_iter().map(|(name, servers)| {
            let slots = servers.iter().filter_map(|server| {
                let name = format!("{name}/{}", server.name());
                Some(sights.slot(name.parse().ok()?, server))
            });
            let slots: Vec<Slot> = slots.collect();
            Backend {
                sessions: slots.iter().map(|slot| slot.sessions).sum(),
                name: name.into(),
                slots,
                elastic: true,
                queue: 0,
                counters: crate::model::Counters::default(),
            }
        });
        Ok(backends.collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// As for [`Nginx::backends`]; and when there is none of that name.
    pub async fn backend(&self, name: &str) -> Result<Backend, Error> {
        let all = self.backends().await?;
        let names: Vec<String> = all.iter().map(|one| one.name.to_string()).collect();
        let found = all.into_iter().find(|one| *one.name == *name);
        found.ok_or_else(|| self.no_upstream(name, &names))
    }

    /// One server.
    ///
    /// # Errors
    /// As for [`Nginx::backend`]; and when it has none of that name.
    pub async fn slot(&self, name: &ServerName) -> Result<Slot, Error> {
        let slots = self.backend(&name.backend).await?.slots;
        let found = slots.into_iter().find(|slot| slot.name == *name);
        found.ok_or_else(|| self.no_server(name))
    }

    /// Puts an address into an upstream, without traffic. One that is there already stays as it is, unless it rests.
    ///
    /// # Errors
    /// When there is no such upstream, or the file cannot be changed.
    pub async fn enter(&self, backend: &str, address: SocketAddr) -> Result<Slot, Error> {
        let doing = format!("entering {address} into {backend}");
        let change = |document: &mut Document| {
            let Some(servers) = document.servers(backend) else {
                let all = document.upstreams().into_iter().map(|(name, _)| name);
                return Err(self.no_upstream(backend, &all.collect::<Vec<_>>()));
            };
            let known = servers
                .into_iter()
                .find(|one| one.address() == Some(address));
            let server = match known {
                Some(known) if known.admin != Admin::Maintenance => return Ok(()),
                Some(known) => Server {
                    admin: Admin::Drain,
                    weight: 1,
                    ..known
                },
                None => Server::new(address),
            };
            document.put(backend, &server);
            Ok(())
        };
        // A server that is down makes no difference to workers that do not know it.
        self.change(&doing, Take::Later, change).await?;
        let backend = self.backend(backend).await?;
        let slot = backend.slot_of(address).cloned();
        slot.ok_or_else(|| {
            self.error(
                ErrorKind::Wrong,
                &doing,
                "it is not there after it was written",
            )
        })
    }

    /// Gives traffic to a server that can be reached from its machine.
    ///
    /// # Errors
    /// When it cannot be reached, stands for another address than it did, or the file cannot be changed.
    pub async fn admit(&self, slot: &Slot) -> Result<(), Error> {
        let doing = format!("admitting {}", slot.name);
        let now = self.slot(&slot.name).await?;
        if now.admin == Admin::Ready {
            return Ok(());
        }
        if now.admin == Admin::Maintenance || !now.is_up() {
            let why = format!("it is not up ({})", now.check);
            return Err(self
                .error(ErrorKind::Refused, &doing, why)
                .with("wait until it is up"));
        }
        self.set(&slot.name, &doing, |server| server.admin = Admin::Ready)
            .await
    }

    /// Gives a server nothing new; what it has goes on.
    ///
    /// # Errors
    /// When there is none of that name, or the file cannot be changed.
    pub async fn drain(&self, name: &ServerName) -> Result<(), Error> {
        let doing = format!("draining {name}");
        self.set(name, &doing, |server| server.admin = Admin::Drain)
            .await
    }

    /// Takes a server out of traffic; it keeps its address.
    ///
    /// # Errors
    /// As for [`Nginx::drain`].
    pub async fn rest(&self, name: &ServerName) -> Result<(), Error> {
        let doing = format!("resting {name}");
        self.set(name, &doing, |server| server.admin = Admin::Maintenance)
            .await
    }

    /// Takes a server out for good.
    ///
    /// # Errors
    /// When the file cannot be changed.
    pub async fn retire(&self, name: &ServerName) -> Result<(), Error> {
        let doing = format!("retiring {name}");
        // One that still takes requests must not be forgotten by workers later.
        let document = self.document(&doing).await?;
        let servers = document.servers(&name.backend).unwrap_or_default();
        let take = match servers.iter().find(|one| one.name() == *name.server) {
            Some(one) if one.admin == Admin::Ready => Take::Now,
            Some(_) | None => Take::Later,
        };
        self.change(&doing, take, |document| {
            let servers = document.servers(&name.backend).unwrap_or_default();
            for one in servers.iter().filter(|one| one.name() == *name.server) {
                document.remove(&name.backend, &one.text);
            }
            Ok(())
        })
        .await
    }

    /// Gives a server another part of its upstream's traffic.
    ///
    /// # Errors
    /// When it is none, or the file cannot be changed.
    pub async fn weight(&self, name: &ServerName, weight: u16) -> Result<(), Error> {
        let doing = format!("weighing {name}");
        if weight == 0 {
            let why = "nginx knows no weight of nothing";
            let remedy = "drain it";
            return Err(self.error(ErrorKind::Refused, &doing, why).with(remedy));
        }
        self.set(name, &doing, |server| server.weight = weight)
            .await
    }

    /// The share below a key; none where there is no such key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn share(&self, key: &str) -> Result<Option<Share>, Error> {
        Ok(self.document("reading").await?.share(key))
    }

    /// All shares by their keys.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn shares(&self) -> Result<Vec<(String, String)>, Error> {
        let document = self.document("reading").await?;
        let keys = document.keys().into_iter();
        let pairs = keys.filter_map(|key| {
            let share = document.share(&key)?;
            Some((key, share.percent().to_string()))
        });
        Ok(pairs.collect())
    }

    /// Sets a share. What has no server that takes requests gets none: nginx would answer 502.
    ///
    /// # Errors
    /// When there is no such key, or the file cannot be changed.
    pub async fn set_share(&self, key: &str, share: Share) -> Result<(), Error> {
        let doing = format!("setting the share of {key}");
        if !is_name(key) {
            let why = format!("'{key}' is no key; letters, digits and -_.: are");
            return Err(self.error(ErrorKind::Wrong, &doing, why));
        }
        self.change(&doing, Take::Now, |document| {
            if document.share(key) == Some(share) {
                return Ok(());
            }
            let Some((canary, _)) = document.sides(key) else {
                let why = format!("{} has no share of {key}", self.own.file);
                let remedy = format!(
                    "`wharf balancer render {key} --balancer {}` writes one",
                    self.spec.name
                );
                return Err(self.error(ErrorKind::Missing, &doing, why).with(remedy));
            };
            let servers = document.servers(&canary).unwrap_or_default();
            if share != Share::NONE && !servers.iter().any(|one| one.admin == Admin::Ready) {
                let why =
                    format!("{canary} has no server that takes requests: it would answer 502");
                return Err(self
                    .error(ErrorKind::Refused, &doing, why)
                    .with("make one ready first"));
            }
            document.set_share(key, share);
            Ok(())
        })
        .await
    }

    /// Changes one server.
    async fn set(
        &self,
        name: &ServerName,
        doing: &str,
        change: impl Fn(&mut Server),
    ) -> Result<(), Error> {
        self.change(doing, Take::Now, |document| {
            let servers = document.servers(&name.backend).unwrap_or_default();
            let found = servers.into_iter().find(|one| one.name() == *name.server);
            let mut server = found.ok_or_else(|| self.no_server(name))?;
            change(&mut server);
            document.put(&name.backend, &server);
            Ok(())
        })
        .await
    }

    /// Changes the file, and has it taken; all is as it was when it is refused.
    async fn change(
        &self,
        doing: &str,
        take: Take,
        change: impl Fn(&mut Document) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        for _ in 0..TRIES {
            let mut document = self.document(doing).await?;
            let before = document.text();
            change(&mut document)?;
            let after = document.text();
            if after == before {
                return Ok(());
            }
            if self.place(doing, &after, Some(&before), take).await? {
                return Ok(());
            }
        }
        let why = format!("somebody else writes {} all the time", self.own.file);
        Err(self.error(ErrorKind::Refused, doing, why))
    }

    /// Puts the file there; false when it is not any more what it was.
    async fn place(
        &self,
        doing: &str,
        text: &str,
        was: Option<&str>,
        take: Take,
    ) -> Result<bool, Error> {
        let placing = Placing {
            path: self.own.file.to_string(),
            text: text.to_owned(),
            was: was.map(|was| hex(Sha256::digest(was.as_bytes()).as_slice())),
            check: Some(self.own.check.to_string()),
            reload: (take == Take::Now).then(|| self.reload()),
            ..Placing::default()
        };
        let placed = self.reach.place(&self.spec.machine, &placing).await;
        match placed {
            Ok(_) => Ok(true),
            Err(trouble) if trouble.reason.contains(Placing::OTHER) => Ok(false),
            Err(trouble) => Err(self.of_machine(doing, &trouble)),
        }
    }

    /// Reloads, and waits until only new workers take requests.
    fn reload(&self) -> String {
        let NginxSpec { pid, reload, .. } = &*self.own;
        let mut script = format!(
            "m=$(cat {pid}) || exit 1\n\
             live() {{ for p in $(cat /proc/$m/task/$m/children); do \
             case $(tr '\\0' ' ' </proc/$p/cmdline 2>/dev/null) in *shutting*) ;; *worker*) echo $p ;; esac; done; }}\n\
             old=\" $(live | tr '\\n' ' ')\"\n"
        );
        let _ = write!(
            script,
            "{{ {reload}\n}} || exit 1\n\
             i=0; while [ $i -lt 100 ]; do n=0; o=0\n\
             for p in $(live); do case $old in *\" $p \"*) o=1 ;; *) n=1 ;; esac; done\n\
             [ $n = 1 ] && [ $o = 0 ] && exit 0\n\
             sleep 0.05; i=$((i+1)); done\n\
             echo 'no new workers came; its error log says why'; exit 1"
        );
        script
    }

    async fn document(&self, doing: &str) -> Result<Document, Error> {
        let read = self.reach.read(&self.spec.machine, &self.own.file).await;
        let text = read.map_err(|trouble| {
            let error = self.of_machine(doing, &trouble);
            match error.remedy {
                Some(_) => error,
                None => error.with(format!(
                    "`wharf balancer render APP --balancer {}` says what belongs into {}",
                    self.spec.name, self.own.file
                )),
            }
        })?;
        Ok(Document::read(&text))
    }

    fn no_upstream(&self, name: &str, names: &[String]) -> Error {
        let why = format!("no upstream of {} is called '{name}'", self.own.file);
        let remedy = format!("it has {}", names.join(", "));
        self.error(ErrorKind::Missing, &format!("looking for {name}"), why)
            .with(remedy)
    }

    fn no_server(&self, name: &ServerName) -> Error {
        let why = format!("{} has no server {}", name.backend, name.server);
        self.error(ErrorKind::Missing, &format!("looking for {name}"), why)
            .with(format!("see `wharf balancer show {}`", self.spec.name))
    }

    fn error(&self, kind: ErrorKind, doing: &str, why: impl Into<String>) -> Error {
        Error::new(kind, &format!("{doing} at {}", self.spec.name), why)
    }

    fn of_machine(&self, doing: &str, trouble: &Trouble) -> Error {
        let error = self.error(kind_of(trouble), doing, &*trouble.reason);
        if trouble.remedy.is_empty() {
            error
        } else {
            error.with(&*trouble.remedy)
        }
    }
}
