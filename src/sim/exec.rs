//! `/exec`: commands in containers, over a raw connection when the client asks for one.

use std::sync::Arc;

use futures_util::StreamExt as _;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::io::ReaderStream;

use super::container::Container;
use super::engine::Engine;
use super::faults;
use super::host::Host;
use super::http::{self, Answer, Refusal};
use super::route::Call;
use super::session::{Session, Way};
use super::shell;

/// How a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Made, not started.
    Waiting,
    /// Running.
    Running,
    /// Ended with this code.
    Done(i64),
}

/// A command in a container.
#[derive(Debug)]
pub struct Exec {
    /// The container's id.
    pub container: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// What the client wants of it.
    pub wish: Wish,
    /// How it stands.
    pub progress: Progress,
    /// Its process; 0 before the start.
    pub pid: u64,
    /// Rows and columns of its terminal.
    pub size: watch::Sender<(u16, u16)>,
}

impl Exec {
    /// Whether it runs now.
    pub fn running(&self) -> bool {
        self.progress == Progress::Running
    }
}

/// The body of `POST /containers/{id}/exec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the body of Docker's request has them"
)]
pub struct Wish {
    cmd: Option<Vec<String>>,
    /// Whether with a terminal.
    pub tty: bool,
    /// Whether the client's input goes to it.
    pub attach_stdin: bool,
    /// Whether its output comes back.
    pub attach_stdout: bool,
    /// Whether its errors come back.
    pub attach_stderr: bool,
    /// Where it starts.
    pub working_dir: Option<String>,
    privileged: bool,
    detach_keys: Option<String>,
    console_size: Option<(u16, u16)>,
}

/// `POST /containers/{id}/exec`
pub async fn create(call: Call, id: &str) -> Answer {
    let wish: Wish = http::read_json(call.body).await?;
    call.host.change(|engine, now| {
        let seed = engine.fresh_seed();
        let (key, container) = engine.get_mut(id)?;
        let command = wish.cmd.clone().unwrap_or_default();
        if command.is_empty() {
            return Err(Refusal::bad("No exec command specified"));
        }
        container.must_run()?;
        if container.state == super::container::State::Paused {
            let message = format!("Container {id} is paused, unpause the container before exec");
            return Err(Refusal::conflict(message));
        }
        let container = container.id.clone();
        let exec_id = seed.hex64();
        let action = format!("exec_create: {}", command.join(" "));
        engine.emit_container(now, key, &action, &[("execID", exec_id.clone())]);
        let size = watch::Sender::new(wish.console_size.unwrap_or((24, 80)));
        let exec = Exec {
            container,
            command,
            wish,
            progress: Progress::Waiting,
            pid: 0,
            size,
        };
        engine.execs.insert(exec_id.clone(), exec);
        Ok(http::json(StatusCode::CREATED, &json!({ "Id": exec_id })))
    })
}

fn missing(id: &str) -> Refusal {
    Refusal::missing(format!("No such exec instance: {id}"))
}

/// `GET /exec/{id}/json`
pub fn inspect(call: &Call, id: &str) -> Answer {
    call.host.read(|engine, _| {
        let exec = engine.execs.get(id).ok_or_else(|| missing(id))?;
        let (program, arguments) = exec.command.split_first().ok_or_else(|| missing(id))?;
        let code = match exec.progress {
            Progress::Done(code) => json!(code),
            Progress::Waiting | Progress::Running => Value::Null,
        };
        Ok(http::ok(&json!({
            "ID": id,
            "Running": exec.running(),
            "ExitCode": code,
            "ProcessConfig": {
                "tty": exec.wish.tty, "entrypoint": program, "arguments": arguments,
                "privileged": exec.wish.privileged,
            },
            "OpenStdin": exec.wish.attach_stdin,
            "OpenStderr": exec.wish.attach_stderr,
            "OpenStdout": exec.wish.attach_stdout,
            "CanRemove": false,
            "ContainerID": exec.container,
            "DetachKeys": exec.wish.detach_keys.clone().unwrap_or_default(),
            "Pid": exec.pid,
        })))
    })
}

/// `POST /exec/{id}/resize`
pub fn resize(call: &Call, id: &str) -> Answer {
    let side = |name| {
        let text = call.query.get(name).unwrap_or_default();
        let wrong = || format!("strconv.Atoi: parsing \"{text}\": invalid syntax");
        text.parse::<u16>().map_err(|_| Refusal::bad(wrong()))
    };
    let (rows, columns) = (side("h")?, side("w")?);
    call.host.read(|engine, _| {
        let exec = engine.execs.get(id).ok_or_else(|| missing(id))?;
        if !exec.running() {
            return Err(Refusal::missing("no such exec"));
        }
        exec.size.send_replace((rows, columns));
        Ok(http::empty(StatusCode::OK))
    })
}

/// The body of `POST /exec/{id}/start`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Start {
    detach: bool,
    console_size: Option<(u16, u16)>,
}

/// `POST /exec/{id}/start`
pub async fn start(call: Call, id: &str) -> Answer {
    let Call {
        host,
        minor,
        body,
        upgrade,
        ..
    } = call;
    let start: Start = http::read_json(body).await?;
    let session = begin(&host, id, start.console_size)?;
    let tty = session.tty();
    if start.detach {
        spawn(&host, session.run(Way::Nowhere));
        return Ok(http::empty(StatusCode::OK));
    }
    let kind = match (minor, tty) {
        (42.., false) => "application/vnd.docker.multiplexed-stream",
        _ => "application/vnd.docker.raw-stream",
    };
    let Some(upgrade) = upgrade else {
        // Without a raw connection there is output only.
        let (near, far) = tokio::io::duplex(64 << 10);
        spawn(&host, session.run(Way::Output(near)));
        let pieces = ReaderStream::new(far).filter_map(|piece| async { piece.ok() });
        return Ok(http::stream(Some(kind), pieces));
    };
    spawn(&host, async move {
        if let Ok(connection) = upgrade.await {
            session.run(Way::Both(TokioIo::new(connection))).await;
        } else {
            session.abandon();
        }
    });
    Ok(upgraded(kind))
}

fn upgraded(kind: &'static str) -> Response<http::Body> {
    let mut response = http::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
    response
}

/// A session lives under the host's faults as a connection does.
fn spawn(host: &Arc<Host>, work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(faults::under(
        host.faults.subscribe(),
        host.ended.clone(),
        work,
    ));
}

/// Marks the command as running, with its event, and makes its session.
fn begin(host: &Arc<Host>, id: &str, size: Option<(u16, u16)>) -> Result<Session, Refusal> {
    let cpus = host.profile.cpus;
    host.change(|engine, now| {
        let exec = engine.execs.get(id).ok_or_else(|| missing(id))?;
        if exec.progress != Progress::Waiting {
            return Err(Refusal::conflict(format!(
                "Error: Exec command {id} has already run"
            )));
        }
        let (container_id, mut command) = (exec.container.clone(), exec.command.clone());
        if let Some(answer) = looked_for(engine, &command) {
            command = answer;
        }
        let directory = exec.wish.working_dir.clone();
        let key = engine.find(&container_id)?;
        let container = engine.get(&container_id)?;
        container.must_run()?;
        let directory = directory.unwrap_or_else(|| container.plan.workdir.clone());
        let shell = shell::Shell::new(container, cpus, now, &directory);
        let known = shell::has_program(container, &command[0]);
        let pid = container.pid() + 100 + engine.seen() % 1000;
        let action = format!("exec_start: {}", command.join(" "));
        engine.emit_container(now, key, &action, &[("execID", id.to_owned())]);
        let exec = engine.execs.get_mut(id).ok_or_else(|| missing(id))?;
        exec.command = command;
        exec.progress = Progress::Running;
        exec.pid = if known { pid } else { 0 };
        if let Some(size) = size {
            exec.size.send_replace(size);
        }
        let sizes = exec.size.subscribe();
        Ok(Session::new(
            Arc::clone(host),
            id.to_owned(),
            exec,
            known.then_some(shell),
            sizes,
        ))
    })
}

/// What a look for another container comes to: it is there where one of that name or address runs on the host. There are
/// no sockets here to be asked.
fn looked_for(engine: &Engine, command: &[String]) -> Option<Vec<String>> {
    let [shell, flag, script, _, to, ..] = command else {
        return None;
    };
    if flag != "-c" || !script.contains("wharf-probe") {
        return None;
    }
    let is_it = |one: &Container| {
        let mut places = one.networks.iter().filter_map(|place| place.address);
        one.state.alive() && (one.name == *to || places.any(|address| address.to_string() == *to))
    };
    let answer = if engine.containers.values().any(is_it) {
        "echo wharf-probe nc 0"
    } else {
        "echo nc: no such host; echo wharf-probe nc 1"
    };
    Some(vec![shell.clone(), flag.clone(), answer.to_owned()])
}
