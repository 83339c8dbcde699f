//! A command: the message as JSON on its standard input, its parts in variables.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use super::{Error, ErrorKind};
use crate::model::notify::{CommandWay, Message};

/// So much of what it says is read.
const SAID: u64 = 16 << 10;

/// Ends all that a command began, unless it ended by itself.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

pub(super) async fn send(
    way: &CommandWay,
    message: &Message,
    doing: &str,
) -> Result<String, Error> {
    let program = way.argv.first().map_or("", String::as_str);
    let failed = |why: String| Error::new(ErrorKind::Refused, doing, format!("{program}: {why}"));
    let mut command = Command::new(program);
    command
        .args(way.argv.iter().skip(1))
        .env("WHARF_NOTICE_ID", &message.id)
        .env("WHARF_NOTICE_CHANNEL", &message.channel)
        .env("WHARF_NOTICE_KIND", message.kind().word())
        .env("WHARF_NOTICE_OUTCOME", message.turn().word())
        .env("WHARF_NOTICE_TITLE", message.title())
        .env("WHARF_NOTICE_COUNT", message.count().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group(id.and_then(Pid::from_raw));
    let body = message.json().to_string();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writing = async {
        if let Some(mut stdin) = stdin {
            // One that does not listen says so by its end.
            let _ = stdin.write_all(body.as_bytes()).await;
        }
    };
    let out = async {
        let mut bytes = Vec::new();
        if let Some(stdout) = stdout {
            let _ = stdout.take(SAID).read_to_end(&mut bytes).await;
        }
        bytes
    };
    let err = async {
        let mut bytes = Vec::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(SAID).read_to_end(&mut bytes).await;
        }
        bytes
    };
    let ((), out, err) = tokio::join!(writing, out, err);
    let status = child.wait().await;
    group.0 = None;
    let status = status.map_err(|error| failed(error.to_string()))?;
    if status.success() {
        let said = last_line(&out);
        return Ok(if said.is_empty() {
            "it ended with 0".to_owned()
        } else {
            said
        });
    }
    let said = last_line(&err);
    let tail = if said.is_empty() {
        said
    } else {
        format!(": {said}")
    };
    Err(failed(format!("it ended with {status}{tail}")))
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    super::short(last.unwrap_or_default())
}
