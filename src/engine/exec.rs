//! Runs a command in a container, its input and output as raw bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep};

use super::error::{Deed, Error, ErrorKind, Fault};
use super::inspect;
use super::lines::Demux;
use super::session::{Api, Session};
use super::wire::{DEADLINE, query};
use crate::model::{ContainerId, Stream, printable};

/// Where shells are, the better ones first; `/busybox/sh` is that of distroless debug images.
const SHELLS: [&str; 7] = [
    "/bin/bash",
    "/usr/bin/bash",
    "/usr/local/bin/bash",
    "/bin/sh",
    "/usr/bin/sh",
    "/bin/ash",
    "/busybox/sh",
];

/// From this version on the engine sets the terminal's size itself.
const SIZES: Api = Api(42);

/// A command that has just begun cannot be resized yet, and one that has just ended still counts as running.
const SOON: Duration = Duration::from_secs(2);

/// The most that a command without a terminal may say when it is run as a step.
const HEARD: usize = 64 << 10;

/// What is run, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// The command and its arguments; empty for the best shell the container has.
    pub command: Vec<Arc<str>>,
    /// As which user; the container's own when none is named.
    pub user: Option<Arc<str>>,
    /// With a terminal: one stream of raw bytes.
    pub tty: bool,
    /// The terminal's columns and rows.
    pub size: Option<(u16, u16)>,
}

/// A command running in a container.
pub struct Exec {
    /// What is run; the shell that was chosen, if none was named.
    pub command: Vec<Arc<str>>,
    /// To its standard input.
    pub input: ExecInput,
    /// What it says.
    pub output: ExecOutput,
    /// Its size and its end.
    pub control: ExecControl,
}

/// The standard input of a running command.
pub struct ExecInput(WriteHalf<TokioIo<Upgraded>>);

/// The output of a running command.
pub struct ExecOutput {
    from: ReadHalf<TokioIo<Upgraded>>,
    buffer: BytesMut,
    demux: Demux,
    ready: std::collections::VecDeque<(Stream, Bytes)>,
}

/// What else can be done with a running command.
#[derive(Clone)]
pub struct ExecControl {
    session: Session,
    exec: Arc<str>,
    deed: Deed,
}

/// Starts the command.
pub(super) async fn exec(
    session: &Session,
    id: &ContainerId,
    spec: ExecSpec,
    deed: &Deed,
) -> Result<Exec, Error> {
    let command = if spec.command.is_empty() {
        vec![shell(session, id, deed).await?]
    } else {
        spec.command.clone()
    };
    let exec = create(session, id, &command, &spec)
        .await
        .map_err(|fault| deed.fault(fault))?;
    let io = start(session, &exec, &spec)
        .await
        .map_err(|fault| deed.fault(fault))?;
    let (from, to) = split(io);
    let control = ExecControl {
        session: session.clone(),
        exec: Arc::from(exec),
        deed: deed.clone(),
    };
    if let Some((columns, rows)) = spec.size.filter(|_| spec.tty && session.api < SIZES) {
        let control = control.clone();
        // It ends by itself within two seconds; the command need not wait for it.
        tokio::spawn(async move { control.resize(columns, rows).await });
    }
    Ok(Exec {
        command,
        input: ExecInput(to),
        output: ExecOutput {
            from,
            buffer: BytesMut::with_capacity(16 << 10),
            demux: Demux::new(spec.tty),
            ready: std::collections::VecDeque::new(),
        },
        control,
    })
}

async fn create(
    session: &Session,
    id: &ContainerId,
    command: &[Arc<str>],
    spec: &ExecSpec,
) -> Result<String, Fault> {
    #[derive(Deserialize)]
    struct Created {
        #[serde(rename = "Id")]
        id: String,
    }
    let mut body = json!({
        "AttachStdin": true,
        "AttachStdout": true,
        "AttachStderr": true,
        "Tty": spec.tty,
        "Cmd": command,
        "User": spec.user.as_deref().unwrap_or(""),
    });
    if spec.tty {
        body["Env"] = json!(["TERM=xterm-256color"]);
    }
    if let Some((columns, rows)) = spec.size.filter(|_| spec.tty && session.api >= SIZES) {
        body["ConsoleSize"] = json!([rows, columns]);
    }
    let path = format!("/containers/{}/exec", id.as_str());
    let created: Created = session.wire.post(path).json_body(&body).json().await?;
    Ok(created.id)
}

async fn start(session: &Session, exec: &str, spec: &ExecSpec) -> Result<TokioIo<Upgraded>, Fault> {
    let mut body = json!({"Detach": false, "Tty": spec.tty});
    if let Some((columns, rows)) = spec.size.filter(|_| spec.tty && session.api >= SIZES) {
        body["ConsoleSize"] = json!([rows, columns]);
    }
    let path = format!("/exec/{exec}/start");
    session.wire.post(path).json_body(&body).upgrade().await
}

/// The best shell that the container has.
async fn shell(session: &Session, id: &ContainerId, deed: &Deed) -> Result<Arc<str>, Error> {
    for path in SHELLS {
        let place = format!(
            "/containers/{}/archive{}",
            id.as_str(),
            query(&[("path", path)])
        );
        match session.wire.head(place).status().await {
            Ok(_) => return Ok(Arc::from(path)),
            Err(fault) if fault.is_missing() => {}
            // A proxy may forbid looking at files; the usual place is as good a guess as any.
            Err(Fault::Refused { .. }) => return Ok(Arc::from("sh")),
            Err(fault) => return Err(deed.fault(fault)),
        }
    }
    // A container that is not there has no shell either.
    inspect::inspect(&session.wire, id)
        .await
        .map_err(|fault| deed.fault(fault))?;
    Err(Error {
        remedy: Some("name a command that the image has, or copy files out instead".to_owned()),
        ..deed.failed(ErrorKind::NoShell, "no shell in the image")
    })
}

impl ExecInput {
    /// Passes bytes on.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// Ends the input, as Ctrl-D does; output goes on.
    pub async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

impl ExecOutput {
    /// The next bytes, with the stream they came from (always stdout with a terminal); none at the
    /// end. Safe to be dropped while waiting.
    pub async fn next(&mut self) -> io::Result<Option<(Stream, Bytes)>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            self.buffer.reserve(16 << 10);
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
            let data = self.buffer.split().freeze();
            let ready = &mut self.ready;
            self.demux
                .feed(&data, |stream, piece| {
                    if !piece.bytes.is_empty() {
                        ready.push_back((stream, data.slice_ref(piece.bytes)));
                    }
                })
                .map_err(io::Error::other)?;
        }
    }
}

impl ExecControl {
    /// Tells the terminal's new size.
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<(), Error> {
        let (rows, columns) = (rows.to_string(), columns.to_string());
        let path = format!(
            "/exec/{}/resize{}",
            self.exec,
            query(&[("h", &rows), ("w", &columns)])
        );
        let since = Instant::now();
        loop {
            match self.session.wire.post(&path).status().await {
                Ok(_) => return Ok(()),
                // It has not begun yet.
                Err(Fault::Refused { .. }) if since.elapsed() < SOON => sleep(SOON / 40).await,
                Err(fault) => return Err(self.deed.fault(fault)),
            }
        }
    }

    /// How the command ended; none when it still runs. To be asked after the output ended.
    pub async fn exit_code(&self) -> Result<Option<i64>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Status {
            #[serde(default)]
            running: bool,
            #[serde(default)]
            exit_code: Option<i64>,
        }
        let path = format!("/exec/{}/json", self.exec);
        let since = Instant::now();
        loop {
            let asked = self
                .session
                .wire
                .get(&path)
                .within(DEADLINE)
                .json::<Status>()
                .await;
            let status = asked.map_err(|fault| self.deed.fault(fault))?;
            match status {
                Status {
                    running: false,
                    exit_code: Some(code),
                } => return Ok(Some(code)),
                _ if since.elapsed() < SOON => sleep(SOON / 100).await,
                _ => return Ok(None),
            }
        }
    }
}

/// Runs a command without a terminal and without input to its end; what it said is the detail.
pub(super) async fn run(
    session: &Session,
    id: &ContainerId,
    spec: ExecSpec,
    deed: &Deed,
) -> Result<String, Error> {
    if spec.command.is_empty() {
        return Err(Error {
            remedy: Some("name a command".to_owned()),
            ..deed.failed(ErrorKind::Rejected, "a shell needs a terminal")
        });
    }
    let lost = |error: io::Error| deed.fault(Fault::Cut(error.to_string()));
    let mut exec = exec(session, id, spec, deed).await?;
    exec.input.close().await.map_err(lost)?;
    let mut said = Vec::new();
    while let Some((_, bytes)) = exec.output.next().await.map_err(lost)? {
        let room = HEARD - said.len();
        said.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<String> = said.trim_end().lines().map(printable).collect();
    match exec.control.exit_code().await? {
        Some(0) | None => Ok(lines.join("\n")),
        Some(code) => {
            let last = lines.last().map_or("", String::as_str);
            Err(deed.failed(
                ErrorKind::Engine,
                format!("it ended with exit code {code}: {last}"),
            ))
        }
    }
}
