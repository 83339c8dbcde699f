//! Questions that no pane answers: this program is asked, and what it writes is passed on line by line.

use std::{ffi::OsString, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::Command,
    sync::mpsc,
};

use crate::{
    config,
    model::{Said, printable},
    ops::Progress,
    ui::{Msg, runs::RunId},
};

/// Asks; what is answered, and what is complained of, is told of that run. It ends when whoever waits for it is gone.
///
/// # Errors
/// When the program cannot be run, or says that it failed.
pub(super) async fn ask(
    arguments: &[OsString],
    words: &[String],
    run: RunId,
    inbox: &mpsc::Sender<Msg>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("this program cannot be asked: {error}");
    let program = config::program().map_err(failed)?;
    let mut child = Command::new(program)
        .args(arguments)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (answer, complaints) = (child.stdout.take(), child.stderr.take());
    tokio::join!(pass(answer, run, inbox), pass(complaints, run, inbox));
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        Ok(())
    } else {
        Err("it was not answered as a whole".to_owned())
    }
}

async fn pass(from: Option<impl AsyncRead + Unpin>, run: RunId, inbox: &mpsc::Sender<Msg>) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = printable(&String::from_utf8_lossy(&line));
        // A console that is gone needs no answer.
        let _ = inbox
            .send(Msg::Run(run, Progress::Said(0, Said::Line(line))))
            .await;
    }
}
