//! One actor per host: opens the way, watches the engine, and tries again when it is lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::select;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::backup::Cleaning;
use super::dial::Dialer;
use super::events::Change;
use super::feeds::Sample;
use super::outbox::Outbox;
use super::session::Session;
use super::ssh::{Ssh, Tunnel};
use super::trouble::trouble;
use super::watch::watch;
use super::{Pace, Settings};
use crate::model::{Endpoint, Event, Feed, HostSpec, Link, Timestamp, Trouble, TroubleKind};

/// After so long online, a loss is the first one again.
const STEADY: Duration = Duration::from_mins(1);

/// How long the last words of a lost ssh connection are waited for: they tell why it was lost.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a host whose engine is silent has to answer a question of its own.
const HOST_ANSWERS: Duration = Duration::from_secs(3);

/// Whether a host can be used now.
#[derive(Clone)]
pub(super) enum Status {
    /// It is being opened for the first time, or after a person asked for it.
    Connecting,
    /// It answers.
    Online(Box<Session>),
    /// It does not.
    Offline(Trouble),
}

/// What is being done to a host as a whole.
#[derive(Clone, Debug, Default)]
pub(super) enum Work {
    /// Nothing.
    #[default]
    Nothing,
    /// An engine is being installed, since then.
    Installing(Timestamp),
    /// That failed; told until the host answers or a person tries it again.
    InstallFailed(Trouble),
}

/// What all that belongs to one host shares.
#[derive(Clone)]
pub(super) struct Context {
    /// Where it tells what it learns.
    pub out: Outbox,
    /// How often what is asked.
    pub settings: Arc<Settings>,
    /// How often what no event tells is asked for, now.
    pub pace: watch::Receiver<Pace>,
    /// What somebody wants to see of this host.
    pub wants: watch::Receiver<Arc<BTreeSet<Feed>>>,
    /// Tells feeds that something changed.
    pub changes: broadcast::Sender<Change>,
    /// Samples, to be batched.
    pub samples: mpsc::Sender<Sample>,
    /// What all hosts share.
    pub common: Arc<Common>,
}

impl Context {
    /// How many hosts the fleet has.
    pub fn fleet_size(&self) -> usize {
        self.common.hosts.load(Ordering::Relaxed)
    }
}

/// What all hosts of the process share.
pub(super) struct Common {
    /// So many hosts are opened at the same time (ssh counts its own logins).
    gate: Semaphore,
    ssh_settings: super::ssh::Settings,
    ssh: OnceLock<Result<Ssh, Trouble>>,
    /// How many hosts there are.
    pub hosts: AtomicUsize,
    /// What is left to be cleaned up after something was broken off.
    pub cleaning: Cleaning,
    /// Who makes backups here.
    pub operator: String,
    /// Where it is noted which backups there are in directories of other hosts.
    pub notes: std::path::PathBuf,
}

impl Common {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Self {
        Self {
            gate: Semaphore::new(settings.concurrent_connects.max(1)),
            ssh_settings: settings.ssh.clone(),
            ssh: OnceLock::new(),
            hosts: AtomicUsize::new(0),
            cleaning: Cleaning::default(),
            operator: settings.operator.clone(),
            notes: settings.notes.clone(),
        }
    }

    /// The ssh transport; made when the first host needs it.
    pub fn ssh(&self) -> Result<&Ssh, Trouble> {
        let made = self.ssh.get_or_init(|| {
            Ssh::new(self.ssh_settings.clone()).map_err(|error| {
                trouble(
                    TroubleKind::Other,
                    format!(
                        "{} cannot be used for ssh: {error}",
                        self.ssh_settings.runtime_dir.display()
                    ),
                    "make that directory usable by this user alone, or name another one",
                )
            })
        });
        made.as_ref().map_err(Clone::clone)
    }
}

/// Keeps the way to one host open.
pub(super) struct Actor {
    /// Where the engine is.
    pub spec: HostSpec,
    /// What it shares with the host's feeds.
    pub context: Context,
    /// Told to everybody who wants to use the host.
    pub status: watch::Sender<Status>,
    /// What is being done to the host.
    pub work: watch::Sender<Work>,
    /// Somebody wants it tried now.
    pub again: Arc<Notify>,
}

impl Actor {
    /// Runs for ever; is ended by dropping it.
    pub async fn run(self) {
        let mut backoff = Backoff::new(&self.spec.endpoint);
        let mut offline_since = None;
        self.link(Link::Connecting {
            since: Timestamp::now(),
        })
        .await;
        loop {
            self.let_work().await;
            let opened = select! {
                opened = self.open() => opened,
                () = self.work_begins() => continue,
            };
            let trouble = match opened {
                Ok(session) => {
                    self.work.send_replace(Work::Nothing);
                    let opened = Instant::now();
                    let trouble = self.serve(session).await;
                    offline_since = None;
                    backoff.was_online(opened.elapsed() >= STEADY);
                    trouble
                }
                Err(trouble) => trouble,
            };
            let pause = backoff.pause(trouble.kind, self.context.fleet_size());
            let since = *offline_since.get_or_insert_with(Timestamp::now);
            self.fail(trouble, since, pause).await;
            if self.wait(pause).await {
                self.forget_failure();
                self.status.send_replace(Status::Connecting);
                self.link(Link::Connecting {
                    since: Timestamp::now(),
                })
                .await;
            }
        }
    }

    /// Watches an engine that answered until it is lost.
    async fn serve(&self, session: Session) -> Trouble {
        let out = &self.context.out;
        out.tell(Event::Way(out.host.clone(), session.way)).await;
        self.link(Link::Online {
            since: session.heard,
        })
        .await;
        out.mention(Event::Heard(
            out.host.clone(),
            session.heard,
            Some(session.latency_ms),
        ));
        self.status
            .send_replace(Status::Online(Box::new(session.clone())));
        let trouble = watch(&session, &self.context, &self.again).await;
        match session.tunnel {
            Some(tunnel) => explained(trouble, &tunnel).await,
            None => trouble,
        }
    }

    async fn open(&self) -> Result<Session, Trouble> {
        let dialer = match &self.spec.endpoint {
            Endpoint::Unix(path) => Dialer::unix(path.clone()),
            Endpoint::Tcp { host, port } => Dialer::tcp(host, *port),
            Endpoint::Tls { host, port, files } => Dialer::tls(host, *port, files)?,
            Endpoint::Ssh {
                destination,
                port,
                socket,
            } => {
                let ssh = self.context.common.ssh()?;
                let out = &self.context.out;
                let progress =
                    |step: &str| out.mention(Event::Opening(out.host.clone(), step.into()));
                let tunnel = ssh
                    .open(destination, *port, socket.as_deref(), progress)
                    .await?;
                return Session::open(Dialer::Ssh(Arc::new(tunnel))).await;
            }
        };
        let _permit = self.context.common.gate.acquire().await;
        Session::open(dialer).await
    }

    async fn fail(&self, trouble: Trouble, since: Timestamp, pause: Option<Duration>) {
        self.status.send_replace(Status::Offline(trouble.clone()));
        let next_try = pause.and_then(|pause| Timestamp::now().checked_add(pause).ok());
        let failed = match &*self.work.borrow() {
            Work::InstallFailed(trouble) => Some(trouble.clone()),
            Work::Nothing | Work::Installing(_) => None,
        };
        self.link(match failed {
            Some(trouble) => Link::InstallFailed { trouble },
            None => Link::Offline {
                trouble,
                since,
                next_try,
            },
        })
        .await;
    }

    /// Lets an installation come to its end before the host is tried.
    async fn let_work(&self) {
        let since = match &*self.work.borrow() {
            Work::Installing(since) => *since,
            Work::Nothing | Work::InstallFailed(_) => return,
        };
        self.link(Link::Installing { since }).await;
        let mut work = self.work.subscribe();
        let ended = work.wait_for(|work| !matches!(work, Work::Installing(_)));
        // We hold a sender ourselves, so it cannot be closed.
        let _ = ended.await;
    }

    /// Waits until an installation begins.
    async fn work_begins(&self) {
        let mut work = self.work.subscribe();
        let _ = work
            .wait_for(|work| matches!(work, Work::Installing(_)))
            .await;
    }

    /// A person tries again: what failed before is no longer told.
    fn forget_failure(&self) {
        self.work.send_if_modified(|work| {
            let failed = matches!(work, Work::InstallFailed(_));
            if failed {
                *work = Work::Nothing;
            }
            failed
        });
    }

    /// Waits for the next try; true when a person asked for it.
    async fn wait(&self, pause: Option<Duration>) -> bool {
        let again = self.again.notified();
        match pause {
            None => select! {
                () = again => true,
                () = self.work_begins() => false,
            },
            Some(pause) => select! {
                () = again => true,
                () = self.work_begins() => false,
                () = sleep(pause) => false,
            },
        }
    }

    async fn link(&self, link: Link) {
        let out = &self.context.out;
        out.tell(Event::Link(out.host.clone(), link)).await;
    }
}

/// What the ssh connection knows of a loss: a stream that broke says only that it did, and of an
/// engine that is silent it is not known whether the whole host is.
async fn explained(trouble: Trouble, tunnel: &Tunnel) -> Trouble {
    match trouble.kind {
        TroubleKind::Lost => timeout(LAST_WORDS, tunnel.closed())
            .await
            .unwrap_or(trouble),
        TroubleKind::Timeout => select! {
            lost = tunnel.closed() => lost,
            answer = timeout(HOST_ANSWERS, tunnel.run(":", HOST_ANSWERS * 2)) => match answer {
                Ok(Ok(_)) => Trouble {
                    reason: format!("{}, though its host does", trouble.reason),
                    remedy: "look at the engine's log; it may hang".to_owned(),
                    ..trouble
                },
                // No session was free to ask in.
                Ok(Err(_)) => trouble,
                Err(_) => Trouble {
                    reason: "the host no longer answers over ssh".to_owned(),
                    remedy: "look at the host's load and its network".to_owned(),
                    ..trouble
                },
            },
        },
        _ => trouble,
    }
}
