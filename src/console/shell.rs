//! What takes the terminal from the console for a while: a command in a container, a login, the shell outside.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    signal::unix::{SignalKind, signal},
};

use super::{terminal::RawMode, tty::Tty};
use crate::{
    engine::{Engines, ExecSpec},
    model::{ContainerId, HostName, Trouble},
};

/// How many bytes are read from the terminal at once.
const CHUNK: usize = 4096;

/// Runs a command in a container with this terminal as its own. The answer is its exit code.
pub async fn exec(
    engines: &Engines,
    host: &HostName,
    id: &ContainerId,
    mut spec: ExecSpec,
) -> Result<Option<i64>, String> {
    spec.tty = true;
    spec.size = crossterm::terminal::size().ok();
    let mut exec = engines
        .exec(host, id, spec)
        .await
        .map_err(|error| error.to_string())?;
    let say = |error: io::Error| format!("use the terminal: {error}");
    let mut tty = Tty::open().map_err(say)?;
    let mut resized = signal(SignalKind::window_change()).map_err(say)?;
    let _raw = RawMode::on().map_err(say)?;
    let mut typed = vec![0; CHUNK];
    loop {
        tokio::select! {
            output = exec.output.next() => match output {
                Ok(Some((_, bytes))) => tty.write_all(&bytes).await.map_err(say)?,
                Ok(None) => break,
                Err(error) => return Err(format!("the connection to {host} was lost: {error}")),
            },
            read = tty.read(&mut typed) => match read.map_err(say)? {
                0 => break,
                count => exec.input.write(&typed[..count]).await.map_err(|error| format!("write to the container: {error}"))?,
            },
            _ = resized.recv() => {
                if let Ok((columns, rows)) = crossterm::terminal::size() {
                    // A shell that has just ended cannot be resized; its end is seen next.
                    let _ = exec.control.resize(columns, rows).await;
                }
            }
        }
    }
    exec.control
        .exit_code()
        .await
        .map_err(|error| error.to_string())
}

/// Logs in to a host with a person at this terminal.
pub async fn login(engines: &Engines, host: &HostName) -> Result<(), String> {
    let say = |error: io::Error| format!("use the terminal: {error}");
    let mut output = Tty::open().map_err(say)?;
    let input = Tty::open().map_err(say)?;
    let _raw = RawMode::on().map_err(say)?;
    let words = format!("Logging in to {host}; ctrl-c gives up.\r\n");
    output.write_all(words.as_bytes()).await.map_err(say)?;
    engines
        .login(host, input, output)
        .await
        .map_err(|trouble: Trouble| trouble.to_string())
}

/// Stops this program as Ctrl-Z does; returns after `fg`.
pub fn suspend() -> io::Result<()> {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)
        .map_err(io::Error::from)
}
