//! A sentence as a step: this program is run as somebody would in a shell, and what it prints is the step's log.
//!
//! So a step does exactly what the same line does by hand: the same plan, the same checks, the same entry in the log of
//! acts. A worker that is killed takes nothing with it that a shell that is killed would not.

use std::{ffi::OsString, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{FOR, STEP, WORKER},
    model::pipeline::Saying,
};

/// How long it may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(15);
/// So many bytes of a line are kept.
const LONGEST: usize = 16 << 10;

/// How this program is run.
#[derive(Clone, Debug)]
pub struct Program {
    /// It.
    pub path: PathBuf,
    /// What it is told each time: which configuration.
    pub arguments: Vec<OsString>,
    /// Whether it is run by a worker, which may change what only workers change.
    pub is_worker: bool,
}

/// What is said, for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'w> {
    /// The sentence, without the program.
    pub words: &'w [String],
    /// Who started the run, `ann@ops-1`.
    pub by: &'w str,
    /// The step that says it.
    pub saying: &'w Saying,
}

impl Program {
    /// Runs it. Its lines go to `lines`, with whether they came from the errors' output. When `cancel` says so it is asked to
    /// end, and killed when it does not. When nobody waits for it any more it is killed, unless `left` says that somebody
    /// else goes on with the run: then it comes to its end by itself. Answers the code that it ended with.
    pub(super) async fn say(
        &self,
        words: Words<'_>,
        lines: mpsc::Sender<(bool, String)>,
        cancel: &CancellationToken,
        left: &CancellationToken,
    ) -> Result<i32, String> {
        let mut command = Command::new(&self.path);
        command
            .args(words.words)
            .args(&self.arguments)
            .env(FOR, words.by)
            .env(STEP, words.saying.to_string())
            .env(WORKER, if self.is_worker { "1" } else { "0" })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What ends a worker at a terminal does not end what it says.
            .process_group(0);
        let fail = |error: std::io::Error| format!("{}: {error}", self.path.display());
        let mut spoken = Spoken {
            child: command.spawn().map_err(fail)?,
            left,
        };
        let child = &mut spoken.child;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let reading = async {
            let sender = lines.clone();
            tokio::join!(told(out, false, sender), told(err, true, lines));
        };
        let status = tokio::select! {
            status = async { reading.await; child.wait().await } => Some(status),
            () = cancel.cancelled() => None,
        };
        let status = match status {
            Some(status) => status,
            None => end(child).await,
        };
        Ok(status.map_err(fail)?.code().unwrap_or(-1))
    }
}

/// A program that is killed when nobody waits for it any more, unless it is left to itself.
struct Spoken<'s> {
    child: Child,
    left: &'s CancellationToken,
}

impl Drop for Spoken<'_> {
    fn drop(&mut self) {
        if !self.left.is_cancelled() {
            // One that has ended is not there any more.
            let _ = self.child.start_kill();
        }
    }
}

/// Asks a program to end, and kills it when it does not.
async fn end(child: &mut Child) -> std::io::Result<std::process::ExitStatus> {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok())
        && let Some(process) = rustix::process::Pid::from_raw(id)
    {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::INT);
    }
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status;
    }
    child.kill().await?;
    child.wait().await
}

async fn told(
    from: Option<impl AsyncRead + Unpin>,
    is_error: bool,
    lines: mpsc::Sender<(bool, String)>,
) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match from.read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        bytes.truncate(LONGEST);
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        if lines.send((is_error, line)).await.is_err() {
            return;
        }
    }
}
