//! Commands on a host, for what is done to the host itself rather than to its engine.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWriteExt as _},
    process::{ChildStdin, ChildStdout},
    time::timeout,
};

use super::{
    Ssh, address,
    connect::Target,
    heard::Lines,
    master::{Forward, Master},
    mux::{NoSession, Session, SessionProcess},
    sessions::Permit,
};
use crate::model::{Trouble, printable};

/// How long a lost connection has to be seen as lost, after a session of it broke.
const SEEN: Duration = Duration::from_secs(2);

/// A connection on which commands are run; dropping it ends it.
#[derive(Debug)]
pub(in crate::engine) struct Shell {
    target: Target,
    master: Arc<Master>,
}

/// A command that runs, and is spoken with; dropping it ends it.
pub(in crate::engine) struct Talk<'s> {
    shell: &'s Shell,
    /// To the command; none when all was said.
    pub stdin: Option<ChildStdin>,
    /// From the command.
    pub stdout: ChildStdout,
    process: SessionProcess,
    _permit: Permit,
}

impl Talk<'_> {
    /// Waits for its end, when all that it says was read.
    pub async fn end(self) -> Result<(), Broken> {
        drop(self.stdin);
        match self.process.end().await {
            Ok(()) => Ok(()),
            Err(words) => Err(self.shell.broken(words).await),
        }
    }
}

/// How a command came to nothing.
#[derive(Debug)]
pub(in crate::engine) enum Broken {
    /// It ended with an error; its last words, which may be none.
    Failed(String),
    /// The connection is gone.
    Lost(Trouble),
}

impl Ssh {
    /// Connects to a host to run commands there.
    pub(in crate::engine) async fn shell(
        &self,
        destination: &str,
        port: Option<u16>,
    ) -> Result<Shell, Trouble> {
        let target = self.shared.fresh_target(address(destination, port)).await?;
        let master = target.connect().await?;
        Ok(Shell { target, master })
    }
}

impl Shell {
    /// Runs a short script and answers what it printed.
    pub async fn ask(&self, script: &str, deadline: Duration) -> Result<String, Broken> {
        let permit = self.permit()?;
        let asked = timeout(deadline, self.master.mux().script(script)).await;
        drop(permit);
        match asked {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(no)) => Err(self.broken(words(no)).await),
            Err(_) => {
                let why = format!("the host did not answer in {} s", deadline.as_secs());
                Err(self.broken(why).await)
            }
        }
    }

    /// Runs `shell` (a command line for a POSIX shell that reads its script from stdin) with a script;
    /// each line that it prints is told.
    pub async fn run(
        &self,
        shell: &str,
        script: &str,
        mut tell: impl FnMut(&str),
    ) -> Result<(), Broken> {
        let (session, _permit) = self.session(shell).await?;
        let Session {
            mut stdin,
            stdout,
            process,
        } = session;
        // In braces, so that it is read to its end before a command could eat a part of it.
        let text = format!("{{\n{script}\n}} </dev/null\n");
        let read = async {
            // A shell that ends early has said why.
            drop(stdin.write_all(text.as_bytes()).await);
            drop(stdin);
            let mut lines = Lines::new(stdout);
            while let Some(line) = lines.next().await {
                tell(&printable(&line));
            }
        };
        let ((), end) = tokio::join!(read, process.end());
        match end {
            Ok(()) => Ok(()),
            Err(words) => Err(self.broken(words).await),
        }
    }

    /// Writes a file on the host.
    pub async fn send(&self, path: &str, mut bytes: impl AsyncRead + Unpin) -> Result<(), Broken> {
        let (session, _permit) = self.session(&format!("cat >'{path}'")).await?;
        let Session {
            mut stdin,
            stdout,
            process,
        } = session;
        let copy = async {
            let copied = tokio::io::copy(&mut bytes, &mut stdin).await;
            drop(stdin);
            drop(stdout);
            copied
        };
        let (copied, end) = tokio::join!(copy, process.end());
        match (copied, end) {
            (Ok(_), Ok(())) => Ok(()),
            (Err(error), Ok(())) => Err(self.broken(error.to_string()).await),
            (_, Err(words)) => Err(self.broken(words).await),
        }
    }

    /// Starts a command, to be spoken with.
    pub async fn talk(&self, command: &str) -> Result<Talk<'_>, Broken> {
        let (session, permit) = self.session(command).await?;
        Ok(Talk {
            shell: self,
            stdin: Some(session.stdin),
            stdout: session.stdout,
            process: session.process,
            _permit: permit,
        })
    }

    /// Whether the connection is gone.
    pub fn is_lost(&self) -> bool {
        self.master.end().is_some()
    }

    /// Makes a socket of the host reachable at one of ours.
    pub(super) async fn forward(&self, path: &str) -> Result<Forward, String> {
        self.master.forward(path).await
    }

    /// Starts a command.
    pub(super) async fn session(&self, command: &str) -> Result<(Session, Permit), Broken> {
        let permit = self.permit()?;
        match self.master.mux().session(command).await {
            Ok(session) => Ok((session, permit)),
            Err(no) => Err(self.broken(words(no)).await),
        }
    }

    fn permit(&self) -> Result<Permit, Broken> {
        let permit = self.master.sessions().acquire();
        permit.ok_or_else(|| Broken::Failed("all sessions that sshd allows are in use".to_owned()))
    }

    /// A session broke: because the connection did, or by itself.
    async fn broken(&self, words: String) -> Broken {
        let end = match self.master.end() {
            Some(end) => Some(end),
            // What takes a connection away ends the session first.
            None if words.is_empty() => timeout(SEEN, self.master.ended()).await.ok(),
            None => None,
        };
        match end {
            Some(end) => Broken::Lost(self.target.scene(&self.master, |scene| scene.lost(end))),
            None => Broken::Failed(words),
        }
    }
}

fn words(no: NoSession) -> String {
    match no {
        NoSession::Refused => "sshd refuses sessions (MaxSessions)".to_owned(),
        NoSession::Failed(words) => words,
    }
}
