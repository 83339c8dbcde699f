//! The commands we give to a master over its control socket.
//!
//! They are short-lived ssh processes that must never open a connection of their own: without a
//! master their only way out is a proxy command that fails.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use tokio::{
    process::{ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    heard::{Heard, Lines},
    spawn::{Detached, Spawner, Terminal, quiet},
};

/// How long a master may take to answer on its own socket.
const ANSWER: Duration = Duration::from_secs(5);

/// A master's control socket and the means to speak with it.
#[derive(Clone, Debug)]
pub struct Mux {
    program: Arc<Path>,
    spawner: Spawner,
    control: PathBuf,
}

/// Why no session came about.
#[derive(Debug, PartialEq, Eq)]
pub enum NoSession {
    /// sshd refuses more sessions on this connection (`MaxSessions`).
    Refused,
    /// Something else, in ssh's words.
    Failed(String),
}

/// An open session: the remote command's streams, and what it says on stderr.
#[derive(Debug)]
pub struct Session {
    /// To the command.
    pub stdin: ChildStdin,
    /// From the command.
    pub stdout: ChildStdout,
    /// Its other words, and the process that carries it.
    pub process: SessionProcess,
}

/// The process that carries a session; dropping it ends the session.
#[derive(Debug)]
pub struct SessionProcess {
    child: Detached,
    errors: Lines<tokio::process::ChildStderr>,
    heard: Heard,
}

impl Mux {
    /// Commands for the master at `control`.
    pub fn new(program: Arc<Path>, spawner: Spawner, control: PathBuf) -> Self {
        Self {
            program,
            spawner,
            control,
        }
    }

    /// The control socket.
    pub fn control(&self) -> &Path {
        &self.control
    }

    fn command(&self) -> Command {
        let mut command = quiet(&self.program);
        command
            .args(["-F", "/dev/null", "-T", "-o", "ProxyCommand=false", "-S"])
            .arg(&self.control);
        command
    }

    /// Makes the engine's socket `remote` reachable at `local`.
    pub async fn forward(&self, local: &Path, remote: &str) -> Result<(), String> {
        self.order("forward", Some((local, remote))).await
    }

    /// Takes a forward back.
    pub async fn cancel(&self, local: &Path, remote: &str) -> Result<(), String> {
        self.order("cancel", Some((local, remote))).await
    }

    /// Whether a master answers.
    pub async fn check(&self) -> Result<(), String> {
        self.order("check", None).await
    }

    async fn order(&self, order: &str, forward: Option<(&Path, &str)>) -> Result<(), String> {
        let mut command = self.command();
        command.args(["-O", order]).stderr(Stdio::piped());
        if let Some((local, remote)) = forward {
            command
                .arg("-L")
                .arg(format!("{}:{remote}", local.display()));
        }
        command.args(["--", "x"]);
        let spawn = self.spawner.spawn(command, Terminal::None);
        let mut child = spawn.await.map_err(|error| error.to_string())?;
        let heard = Heard::new();
        let (_, _, stderr) = child.pipes();
        let talk = async {
            if let Some(stderr) = stderr {
                heard.listen(stderr).await;
            }
            child.wait().await
        };
        match timeout(ANSWER, talk).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(heard
                .story()
                .lines
                .back()
                .cloned()
                .unwrap_or_else(|| format!("ssh -O {order} ended with {status}"))),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the ssh master did not answer to -O {order}")),
        }
    }

    /// Starts a command on the host; returns once sshd has opened the session.
    pub async fn session(&self, remote: &str) -> Result<Session, NoSession> {
        let failed = |error: std::io::Error| NoSession::Failed(error.to_string());
        let mut command = self.command();
        command
            .args(["-v", "--", "x", remote])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let spawn = self.spawner.spawn(command, Terminal::None);
        let mut child = spawn.await.map_err(failed)?;
        let (Some(stdin), Some(stdout), Some(stderr)) = child.pipes() else {
            return Err(NoSession::Failed(
                "ssh was started without pipes".to_owned(),
            ));
        };
        let mut process = SessionProcess {
            child,
            errors: Lines::new(stderr),
            heard: Heard::new(),
        };
        process.opened().await?;
        Ok(Session {
            stdin,
            stdout,
            process,
        })
    }

    /// Runs a POSIX shell script and returns what it printed.
    ///
    /// The script goes in by stdin, so that no login shell (csh, fish) gets to read its quotes.
    pub async fn script(&self, script: &str) -> Result<String, NoSession> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let Session {
            mut stdin,
            mut stdout,
            process,
        } = self.session("/bin/sh").await?;
        // In braces, because the shell would otherwise run the first lines before it has read the
        // last, and a command could eat them.
        let text = format!("{{\n{script}\n}} </dev/null\n");
        let mut output = Vec::new();
        let exchange = async {
            // A shell that is none (nologin) does not read; its words are worth more than EPIPE.
            drop(stdin.write_all(text.as_bytes()).await);
            drop(stdin);
            stdout.read_to_end(&mut output).await
        };
        let (_, end) = tokio::join!(exchange, process.end());
        let output = String::from_utf8_lossy(&output).into_owned();
        match end {
            Ok(()) => Ok(output),
            Err(words) => {
                let said = output.lines().last().unwrap_or_default();
                let words = if words.is_empty() || !said.is_empty() {
                    said
                } else {
                    &words
                };
                Err(NoSession::Failed(words.to_owned()))
            }
        }
    }
}

impl SessionProcess {
    /// Waits until sshd has opened the session.
    async fn opened(&mut self) -> Result<(), NoSession> {
        while let Some(line) = self.errors.next().await {
            if line.contains("master session id") {
                return Ok(());
            }
            if line.contains("Session open refused") {
                return Err(NoSession::Refused);
            }
            self.heard.hear(&line);
        }
        let story = self.heard.story();
        let words = story
            .lines
            .iter()
            .find(|line| !line.contains("UNKNOWN port"));
        Err(NoSession::Failed(words.map_or_else(
            || "the ssh master opened no session".to_owned(),
            Clone::clone,
        )))
    }

    /// Waits for the end of the session; fails with the command's last words, which may be none.
    pub async fn end(mut self) -> Result<(), String> {
        while let Some(line) = self.errors.next().await {
            self.heard.hear(&line);
        }
        let status = self.child.wait().await;
        if status.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        let story = self.heard.story();
        let words = story.lines.iter().rev().find(|line| !is_of_mux(line));
        Err(words.cloned().unwrap_or_default())
    }
}

/// What the multiplexing ssh says of itself when a session ends.
fn is_of_mux(line: &str) -> bool {
    line.starts_with("mux_client") || line.starts_with("Shared connection to")
}
