//! One ssh connection to a host, kept: the master that all forwards and sessions share.

use std::{future::pending, path::PathBuf, process::ExitStatus, sync::Arc, time::Duration};

use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::UnixStream,
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    heard::Heard, mux::Mux, runtime_dir::Place, sessions::Sessions, spawn::Detached, trouble::End,
};

/// How long an ssh that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How long the last words of an ended ssh are waited for; a helper of it may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// One connection; dropping it ends it and removes its sockets.
#[derive(Debug)]
pub struct Master {
    mux: Mux,
    sessions: Sessions,
    heard: Heard,
    end: watch::Receiver<Option<End>>,
    kept: Kept,
    // Declared after `kept`: the directory goes when the process was told to.
    place: Place,
}

/// Whose connection it is, and how long it stands.
#[derive(Debug)]
enum Kept {
    /// Ours, for one tunnel. Dropping the sender tells its keeper to end it.
    ForTunnel { _stop: oneshot::Sender<()> },
    /// Ours, from a person's login, for tunnel after tunnel.
    ForLogin { _stop: oneshot::Sender<()> },
    /// The person's own, which we only use.
    ByPerson,
}

impl Master {
    /// Keeps a connection that `child` is about to make for one tunnel; `talk` is its stderr.
    pub fn for_tunnel(
        child: Detached,
        talk: impl AsyncRead + Unpin + Send + 'static,
        heard: Heard,
        mux: Mux,
        place: Place,
    ) -> Self {
        let (ended, end) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(keep(child, talk, heard.clone(), stopped, ended));
        let kept = Kept::ForTunnel { _stop: stop };
        Self::new(kept, mux, heard, end, place)
    }

    /// Keeps a connection that a person has logged in; `talk` is its terminal.
    pub fn for_login(
        child: Detached,
        talk: impl AsyncRead + Unpin + Send + 'static,
        mux: Mux,
        place: Place,
    ) -> Self {
        let heard = Heard::new();
        let (ended, end) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(keep(child, talk, heard.clone(), stopped, ended));
        Self::new(Kept::ForLogin { _stop: stop }, mux, heard, end, place)
    }

    /// Uses a live master of the person, and watches it by an idle connection to its socket.
    pub fn share(mux: Mux, watch: UnixStream, place: Place) -> Self {
        let (ended, end) = watch::channel(None);
        tokio::spawn(watch_over(watch, ended));
        Self::new(Kept::ByPerson, mux, Heard::new(), end, place)
    }

    fn new(
        kept: Kept,
        mux: Mux,
        heard: Heard,
        end: watch::Receiver<Option<End>>,
        place: Place,
    ) -> Self {
        Self {
            mux,
            sessions: Sessions::new(),
            heard,
            end,
            kept,
            place,
        }
    }

    /// Waits until it takes commands; fails with its end.
    pub async fn ready(&self) -> Result<(), End> {
        let accepts = async {
            let mut pause = Duration::from_millis(10);
            while UnixStream::connect(self.mux.control()).await.is_err() {
                sleep(pause).await;
                pause = (pause * 5 / 4).min(Duration::from_millis(50));
            }
        };
        tokio::select! {
            () = accepts => Ok(()),
            end = self.ended() => Err(end),
        }
    }

    /// Waits for its end.
    pub async fn ended(&self) -> End {
        let mut end = self.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.unwrap_or(End::Exit(None)),
            Err(_) => End::Exit(None),
        }
    }

    /// How it ended, if it did.
    pub fn end(&self) -> Option<End> {
        if self.end.has_changed().is_err() {
            return Some(self.end.borrow().unwrap_or(End::Exit(None)));
        }
        *self.end.borrow()
    }

    /// The commands it takes.
    pub fn mux(&self) -> &Mux {
        &self.mux
    }

    /// Its sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// What it said.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Makes the engine's socket `remote` reachable at a socket of ours.
    pub async fn forward(self: &Arc<Self>, remote: &str) -> Result<Forward, String> {
        let local = self.place.socket();
        self.mux.forward(&local, remote).await?;
        Ok(Forward {
            local,
            remote: remote.to_owned(),
            master: Arc::clone(self),
        })
    }

    /// Whether it stands when the tunnel is gone.
    fn outlives_tunnel(&self) -> bool {
        match self.kept {
            Kept::ForTunnel { .. } => false,
            Kept::ForLogin { .. } | Kept::ByPerson => true,
        }
    }
}

/// A forwarded socket; dropping it closes it.
#[derive(Debug)]
pub struct Forward {
    local: PathBuf,
    remote: String,
    master: Arc<Master>,
}

impl Forward {
    /// A stream to the engine's socket.
    pub async fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(&self.local).await
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.local));
        // A connection that ends takes its forwards along; one that stands must forget this one.
        let outlives = self.master.outlives_tunnel() && self.master.end().is_none();
        if let (true, Ok(runtime)) = (outlives, tokio::runtime::Handle::try_current()) {
            let (mux, local) = (self.master.mux.clone(), std::mem::take(&mut self.local));
            let remote = std::mem::take(&mut self.remote);
            runtime.spawn(async move { mux.cancel(&local, &remote).await });
        }
    }
}

/// Listens to ssh until it ends or is no longer wanted.
async fn keep(
    mut child: Detached,
    talk: impl AsyncRead + Unpin,
    heard: Heard,
    stopped: oneshot::Receiver<()>,
    ended: watch::Sender<Option<End>>,
) {
    let status = {
        let listen = async {
            heard.listen(talk).await;
            pending::<()>().await;
        };
        tokio::pin!(listen);
        let status = tokio::select! {
            status = child.wait() => status.ok(),
            () = listen.as_mut() => None,
            _ = stopped => end_politely(&mut child).await,
        };
        drop(timeout(LAST_WORDS, listen).await);
        status
    };
    ended.send_replace(Some(End::Exit(status)));
}

/// ssh says good-bye to sshd on SIGTERM; one that cannot is killed with its helpers.
async fn end_politely(child: &mut Detached) -> Option<ExitStatus> {
    child.signal(Signal::TERM);
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status.ok();
    }
    child.signal(Signal::KILL);
    child.wait().await.ok()
}

async fn watch_over(mut watch: UnixStream, ended: watch::Sender<Option<End>>) {
    let mut words = [0; 256];
    tokio::select! {
        // It greets at first and then says nothing more.
        () = async { while matches!(watch.read(&mut words).await, Ok(n) if n > 0) {} } => {
            ended.send_replace(Some(End::Exit(None)));
        }
        () = ended.closed() => {}
    }
}
