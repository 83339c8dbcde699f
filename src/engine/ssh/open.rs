//! Opens the way to an engine: connect, look around, forward, ask; else dial in sessions, ask.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    connect::Target,
    diagnosis::Patient,
    master::{Forward, Master},
    mux::NoSession,
    ping::{NoEngine, ping},
    preflight::{self, Facts, is_plain_path},
    stdio::Stdio,
    tunnel::{Carry, Tunnel},
};
use crate::model::{Trouble, TroubleKind};

/// How long a login shell may take to look around.
const LOOK: Duration = Duration::from_secs(5);

/// Where Docker Engine listens unless it is told otherwise.
const USUAL: &str = "/var/run/docker.sock";

/// Opens the way to the engine of `target`; `wanted` is the socket that the configuration names.
pub async fn open(
    target: Target,
    wanted: Option<&str>,
    progress: impl Fn(&str) + Send + Sync,
) -> Result<Tunnel, Trouble> {
    if let Some(path) = wanted.filter(|path| !is_plain_path(path)) {
        return Err(strange_path(path));
    }
    progress("connecting");
    let master = target.connect().await?;
    let visit = Visit {
        target,
        master,
        wanted,
    };
    let opened = visit.find_engine(&progress).await;
    // A connection that broke meanwhile is the reason for whatever else went wrong.
    opened.map_err(|trouble| match visit.master.end() {
        Some(end) => visit.target.scene(&visit.master, |scene| scene.lost(end)),
        None => trouble,
    })
}

fn strange_path(path: &str) -> Trouble {
    Trouble {
        kind: TroubleKind::Other,
        reason: format!("ssh would misread the socket's path {path:?}"),
        remedy: "name an absolute path of letters, digits and /._-+@=, in the endpoint".to_owned(),
        raw: Vec::new(),
    }
}

/// A host that we are connected with.
pub(super) struct Visit<'a> {
    /// The host.
    pub target: Target,
    /// The connection.
    pub master: Arc<Master>,
    /// The socket that the configuration names.
    pub wanted: Option<&'a str>,
}

impl Visit<'_> {
    async fn find_engine(
        &self,
        progress: &(impl Fn(&str) + Send + Sync),
    ) -> Result<Tunnel, Trouble> {
        progress("looking for the engine");
        let guess = self.wanted.unwrap_or(USUAL);
        let (facts, forward) = tokio::join!(self.look(), self.master.forward(guess));
        let facts = facts.as_ref().map_err(String::as_str);
        let socket = self.socket(facts);
        if let Some(trouble) = self.patient(socket, facts).hopeless() {
            return Err(trouble);
        }
        progress("asking the engine");
        let forward = (socket == guess).then_some(forward);
        self.reach(socket, facts, forward).await
    }

    /// The socket to try.
    pub fn socket<'s>(&'s self, facts: Result<&'s Facts, &str>) -> &'s str {
        let chosen = facts.ok().and_then(|facts| facts.choose(self.wanted));
        chosen.or(self.wanted).unwrap_or(USUAL)
    }

    /// The way to the engine at a socket: forwarded, else in sessions.
    pub async fn reach(
        &self,
        socket: &str,
        facts: Result<&Facts, &str>,
        forward: Option<Result<Forward, String>>,
    ) -> Result<Tunnel, Trouble> {
        let forward = match forward {
            Some(forward) => forward,
            None => self.master.forward(socket).await,
        };
        let forward = forward.map_err(|words| self.no_forward(&words))?;
        let answer = match forward.connect().await {
            Ok(stream) => ping(stream).await,
            Err(error) => Err(NoEngine::Closed(error)),
        };
        match answer {
            Ok(()) => Ok(self.tunnel(socket, Carry::Forward(forward))),
            Err(NoEngine::Closed(_)) => {
                drop(forward);
                let stdio = self.dial(socket, facts).await?;
                Ok(self.tunnel(socket, Carry::Stdio(stdio)))
            }
            Err(sick) => Err(self.patient(socket, facts).sick(&sick)),
        }
    }

    /// What one short session sees on the host.
    pub async fn look(&self) -> Result<Facts, String> {
        let script = preflight::script(self.wanted);
        let Some(permit) = self.master.sessions().acquire() else {
            return Err("all sessions are in use".to_owned());
        };
        let words = match timeout(LOOK, self.master.mux().script(&script)).await {
            Ok(Ok(text)) => return Ok(Facts::parse(&text)),
            Ok(Err(NoSession::Failed(words))) => words,
            Ok(Err(NoSession::Refused)) => {
                self.master.sessions().refused(permit);
                "sshd refuses sessions (MaxSessions)".to_owned()
            }
            Err(_) => format!("the login shell did not finish in {} s", LOOK.as_secs()),
        };
        tracing::debug!(host = %self.target.address.destination, words, "no look at the host");
        Err(words)
    }

    /// The other way: streams in sessions.
    async fn dial(&self, socket: &str, facts: Result<&Facts, &str>) -> Result<Stdio, Trouble> {
        let Some(carrier) = facts.ok().and_then(|facts| facts.carrier.as_ref()) else {
            return Err(self.patient(socket, facts).no_other_way());
        };
        let (target, master) = (self.target.clone(), Arc::clone(&self.master));
        let stdio = Stdio::new(target, carrier, socket, master);
        let answer = match stdio.connect().await {
            Ok(stream) => ping(stream).await,
            Err(error) => Err(NoEngine::Closed(error)),
        };
        match answer {
            Ok(()) => Ok(stdio),
            Err(why) => Err(self.patient(socket, facts).sick(&why)),
        }
    }

    /// All that is known, for a diagnosis.
    pub fn patient<'a>(
        &'a self,
        socket: &'a str,
        facts: Result<&'a Facts, &'a str>,
    ) -> Patient<'a> {
        Patient {
            site: &self.target.site,
            socket,
            facts,
            raw: self.master.heard().lines(),
        }
    }

    fn no_forward(&self, words: &str) -> Trouble {
        Trouble {
            kind: TroubleKind::Other,
            reason: format!("ssh could not listen on a local socket: {words}"),
            remedy: "check the runtime directory's free space".to_owned(),
            raw: self.master.heard().lines(),
        }
    }

    fn tunnel(&self, socket: &str, carry: Carry) -> Tunnel {
        let host = &self.target.address.destination;
        let tunnel = Tunnel {
            target: self.target.clone(),
            socket: socket.to_owned(),
            carry,
            master: Arc::clone(&self.master),
        };
        tracing::info!(%host, socket, way = tunnel.way().word(), "the engine answers");
        tunnel
    }
}
