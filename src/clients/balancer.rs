//! Load balancers of all kinds, each by its own client: what a deploy and people ask of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::{
    Error, ErrorKind, Finding,
    haproxy::{self, Sample, Watched},
    nginx::{self, Nginx},
    reach::Reach,
};
use crate::model::{
    Admin, Amount, Backend, BalancerAction, BalancerKind, BalancerSpec, BalancerStep, Counters,
    Said, ServerName, Share, Slot, Verdict, span,
};

/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a gray release is not judged by its requests there.
const UNCOUNTED: &str = "nginx counts no requests of its servers, so nobody can compare them";

/// All load balancers; cheap to clone.
#[derive(Clone, Debug)]
pub struct Balancers {
    haproxy: haproxy::Balancers,
    nginx: Arc<[Nginx]>,
    names: Arc<[Arc<str>]>,
}

impl Balancers {
    /// Those that the configuration describes, reached so.
    pub fn new(specs: impl IntoIterator<Item = BalancerSpec>, reach: Arc<dyn Reach>) -> Self {
        let specs: Vec<BalancerSpec> = specs.into_iter().collect();
        let turn: Arc<Mutex<()>> = Arc::default();
        let nginx = specs.iter().filter_map(|spec| match &spec.kind {
            BalancerKind::Haproxy => None,
            BalancerKind::Nginx(own) => Some(Nginx::new(
                Arc::new(spec.clone()),
                Arc::clone(own),
                Arc::clone(&turn),
                Arc::clone(&reach),
            )),
        });
        let nginx = nginx.collect();
        let names = specs.iter().map(|spec| Arc::clone(&spec.name)).collect();
        let others = specs
            .into_iter()
            .filter(|spec| spec.kind == BalancerKind::Haproxy);
        Self {
            haproxy: haproxy::Balancers::new(others, reach),
            nginx,
            names,
        }
    }

    /// All of them, as the configuration has them in order.
    pub fn all(&self) -> impl Iterator<Item = Balancer> {
        self.names.iter().filter_map(|name| self.find(name))
    }

    fn find(&self, name: &str) -> Option<Balancer> {
        let nginx = self.nginx.iter().find(|one| *one.spec().name == *name);
        match nginx {
            Some(one) => Some(Balancer::Nginx(one.clone())),
            None => self.haproxy.open(name).ok().map(Balancer::Haproxy),
        }
    }

    /// One of them by name. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the configuration has none of that name.
    pub fn open(&self, name: &str) -> Result<Balancer, Error> {
        self.find(name).ok_or_else(|| {
            let remedy = if self.names.is_empty() {
                "write a [[balancer]] into wharf.toml".to_owned()
            } else {
                let known: Vec<&str> = self.names.iter().map(|name| &**name).collect();
                format!("there is {}", known.join(", "))
            };
            let why = format!("no balancer is called '{name}'");
            Error::new(ErrorKind::Missing, "opening a balancer", why).with(remedy)
        })
    }

    /// Does what is to be done to a balancer.
    ///
    /// # Errors
    /// When it is refused, by a rule of ours or by the balancer, or fails.
    pub async fn act(
        &self,
        step: &BalancerStep,
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<String, Error> {
        match self.open(&step.balancer)? {
            Balancer::Haproxy(_) => self.haproxy.act(step, say).await,
            Balancer::Nginx(one) => act(&one, &step.action, say).await,
        }
    }
}

/// One of them; cheap to clone.
#[derive(Clone, Debug)]
pub enum Balancer {
    /// By its admin socket.
    Haproxy(haproxy::Balancer),
    /// By its file.
    Nginx(Nginx),
}

/// Who a balancer is.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum About {
    /// Of the one kind.
    Haproxy(haproxy::About),
    /// Of the other.
    Nginx(nginx::About),
}

impl About {
    /// In a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Haproxy(about) => {
                let up = span(i64::try_from(about.uptime).unwrap_or(i64::MAX));
                format!(
                    "HAProxy {}, up {up}, socket {}",
                    about.version,
                    about.level.word()
                )
            }
            Self::Nginx(about) => format!("nginx {}, {} workers", about.version, about.workers),
        }
    }
}

impl Balancer {
    /// As configured.
    pub fn spec(&self) -> &BalancerSpec {
        match self {
            Self::Haproxy(one) => one.spec(),
            Self::Nginx(one) => one.spec(),
        }
    }

    /// Who it is.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn about(&self) -> Result<About, Error> {
        match self {
            Self::Haproxy(one) => one.about().await.map(About::Haproxy),
            Self::Nginx(one) => one.about().await.map(About::Nginx),
        }
    }

    /// All backends that have servers, with those.
    ///
    /// # Errors
    /// When it cannot be reached, or what it says is not understood.
    pub async fn backends(&self) -> Result<Vec<Backend>, Error> {
        match self {
            Self::Haproxy(one) => one.backends().await,
            Self::Nginx(one) => one.backends().await,
        }
    }

    /// One backend with its servers.
    ///
    /// # Errors
    /// As for [`Balancer::backends`]; and when there is none of that name.
    pub async fn backend(&self, name: &str) -> Result<Backend, Error> {
        match self {
            Self::Haproxy(one) => one.backend(name).await,
            Self::Nginx(one) => one.backend(name).await,
        }
    }

    /// Looks at all that Wharf needs of it.
    pub async fn check(&self) -> Vec<Finding> {
        match self {
            Self::Haproxy(one) => one.check().await,
            Self::Nginx(one) => one.check().await,
        }
    }

    /// Has it know an address, checked and without traffic.
    ///
    /// # Errors
    /// When it has no room for it, cannot be reached or refuses.
    pub async fn enter(&self, backend: &str, address: SocketAddr) -> Result<Slot, Error> {
        match self {
            Self::Haproxy(one) => one.enter(backend, address).await,
            Self::Nginx(one) => one.enter(backend, address).await,
        }
    }

    /// Gives traffic to a server that is up.
    ///
    /// # Errors
    /// When it is not up, or the balancer cannot be reached or refuses.
    pub async fn admit(&self, slot: &Slot) -> Result<(), Error> {
        match self {
            Self::Haproxy(one) => one.admit(slot).await,
            Self::Nginx(one) => one.admit(slot).await,
        }
    }

    /// Gives a server nothing new; what it has goes on.
    ///
    /// # Errors
    /// When the balancer cannot be reached or refuses.
    pub async fn drain(&self, name: &ServerName) -> Result<(), Error> {
        match self {
            Self::Haproxy(one) => one.drain(name).await,
            Self::Nginx(one) => one.drain(name).await,
        }
    }

    /// Takes a server out for good.
    ///
    /// # Errors
    /// When the balancer cannot be reached or refuses.
    pub async fn retire(&self, name: &ServerName) -> Result<(), Error> {
        match self {
            Self::Haproxy(one) => one.retire(name).await,
            Self::Nginx(one) => one.retire(name).await,
        }
    }

    /// The share that a gray release has; none where it has never had one.
    ///
    /// # Errors
    /// When it cannot be reached, or does not know where its shares are.
    pub async fn share(&self, key: &str) -> Result<Option<Share>, Error> {
        match self {
            Self::Haproxy(one) => one.share(one.own_map()?, key).await,
            Self::Nginx(one) => one.share(key).await,
        }
    }

    /// Gives a gray release another share.
    ///
    /// # Errors
    /// As for [`Balancer::share`]; and when it refuses.
    pub async fn set_share(&self, key: &str, share: Share) -> Result<(), Error> {
        match self {
            Self::Haproxy(one) => one.set_share(one.own_map()?, key, share).await,
            Self::Nginx(one) => one.set_share(key, share).await,
        }
    }

    /// All shares; none where it has no place for any.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn shares(&self) -> Result<Vec<(String, String)>, Error> {
        match self {
            Self::Haproxy(one) => match one.own_map() {
                Ok(map) => one.shares(map).await,
                // A balancer without canaries has no map.
                Err(_) => Ok(Vec::new()),
            },
            Self::Nginx(one) => one.shares().await,
        }
    }

    /// Writes down what a reload would forget, where the configuration says into which files; answers what was written.
    ///
    /// # Errors
    /// When it cannot be reached, or a file cannot be written.
    pub async fn save(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Haproxy(one) if one.spec().state.is_some() => one.save().await,
            // What nginx knows is in its file.
            Self::Haproxy(_) | Self::Nginx(_) => Ok(Vec::new()),
        }
    }

    /// Follows what two backends do, and judges the one by the other. It goes on until it is dropped.
    pub fn watch(&self, watched: Watched) -> BoxStream<'static, Result<Sample, Error>> {
        match self {
            Self::Haproxy(one) => one.watch(watched),
            Self::Nginx(_) => stream::unfold(watched.every, |every| async move {
                sleep(every).await;
                let sample = Sample {
                    stable: Counters::default(),
                    canary: Counters::default(),
                    verdict: Verdict::Inconclusive(UNCOUNTED.to_owned()),
                };
                Some((Ok(sample), every))
            })
            .boxed(),
        }
    }
}

/// Does something to an nginx.
async fn act(
    nginx: &Nginx,
    action: &BalancerAction,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let refused = |doing: &str, why: &str, remedy: &str| {
        Err(Error::new(ErrorKind::Refused, doing, why).with(remedy))
    };
    match action {
        BalancerAction::Ready { server, wait } => ready(nginx, server, *wait, say).await,
        BalancerAction::Drain { server, wait } => empty(nginx, server, *wait, say).await,
        BalancerAction::Maintenance { server } => {
            let before = nginx.slot(server).await?.admin;
            nginx.rest(server).await?;
            Ok(changed(before.word(), Admin::Maintenance.word()))
        }
        BalancerAction::Weight { server, weight } => {
            let before = nginx.slot(server).await?.weight;
            nginx.weight(server, *weight).await?;
            Ok(changed(&before.to_string(), &weight.to_string()))
        }
        BalancerAction::Share { map: Some(_), .. } => refused(
            "setting a share",
            "nginx has no maps; its shares are in its file",
            "leave --map out",
        ),
        BalancerAction::Share {
            key,
            share,
            map: None,
        } => {
            let before = nginx.share(key).await?;
            nginx.set_share(key, *share).await?;
            let before = before.map_or_else(|| "none".to_owned(), |before| before.to_string());
            Ok(changed(&before, &share.to_string()))
        }
        BalancerAction::Save => refused(
            "saving",
            "what nginx knows is in its file, and no reload forgets it",
            "nothing is to be done",
        ),
    }
}

fn changed(before: &str, now: &str) -> String {
    if before == now {
        format!("{now} it was already")
    } else {
        format!("{now}, before it {before}")
    }
}

/// Gives traffic to a server, once it can be reached.
async fn ready(
    nginx: &Nginx,
    server: &ServerName,
    wait: u32,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let mut slot = nginx.slot(server).await?;
    if slot.admin == Admin::Ready {
        return Ok("ready it was already".to_owned());
    }
    if slot.admin == Admin::Maintenance {
        nginx.drain(server).await?;
        slot = nginx.slot(server).await?;
    }
    let until = Instant::now() + Duration::from_secs(wait.into());
    let mut told = false;
    while !slot.is_up() && Instant::now() < until {
        if !told {
            say(Said::Line(format!(
                "{} ({})",
                slot.standing.word(),
                slot.check
            )));
            told = true;
        }
        sleep(PAUSE).await;
        slot = nginx.slot(server).await?;
    }
    nginx.admit(&slot).await?;
    Ok(format!("up ({})", slot.check))
}

/// Gives a server nothing new, and waits for what it has.
async fn empty(
    nginx: &Nginx,
    server: &ServerName,
    wait: u32,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let before = nginx.slot(server).await?;
    if before.admin == Admin::Maintenance {
        let why = "it is in maintenance, where it takes nothing either";
        return Err(Error::new(
            ErrorKind::Refused,
            &format!("draining {server}"),
            why,
        ));
    }
    nginx.drain(server).await?;
    if wait == 0 {
        return Ok(changed(before.admin.word(), Admin::Drain.word()));
    }
    let until = Instant::now() + Duration::from_secs(wait.into());
    let mut most = 0;
    loop {
        let left = nginx.slot(server).await?.sessions;
        if left == 0 {
            return Ok("it has nothing to do any more".to_owned());
        }
        most = left.max(most);
        say(Said::Amount(Amount::count(
            "ending",
            most - left,
            Some(most),
        )));
        if Instant::now() >= until {
            let why = format!("{left} connections go on after {wait} s");
            let remedy = "it takes nothing new; wait longer, or put it into maintenance";
            let doing = format!("draining {server}");
            return Err(Error::new(ErrorKind::Refused, &doing, why).with(remedy));
        }
        sleep(PAUSE).await;
    }
}
