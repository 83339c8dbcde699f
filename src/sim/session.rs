//! A command's conversation with its client: input, output in frames or raw, the terminal's manners, the end.

use std::sync::Arc;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;

use super::exec::{Exec, Progress, Wish};
use super::host::Host;
use super::shell::{self, Outcome, Shell};

/// Where input comes from and output goes.
pub enum Way {
    /// A raw connection.
    Both(TokioIo<Upgraded>),
    /// The body of an answer.
    Output(DuplexStream),
    /// Nobody listens.
    Nowhere,
}

/// A command that was started.
pub struct Session {
    host: Arc<Host>,
    id: String,
    container: String,
    command: Vec<String>,
    wish: Wish,
    /// None when the image does not have the program.
    shell: Option<Shell>,
    sizes: watch::Receiver<(u16, u16)>,
    changed: watch::Receiver<u64>,
}

/// The client has gone, or the container has.
struct Gone;

type Step<T> = Result<T, Gone>;

impl From<std::io::Error> for Gone {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl Session {
    /// A session of an exec that has just begun.
    pub fn new(
        host: Arc<Host>,
        id: String,
        exec: &Exec,
        shell: Option<Shell>,
        sizes: watch::Receiver<(u16, u16)>,
    ) -> Self {
        let (container, command) = (exec.container.clone(), exec.command.clone());
        let changed = host.changes();
        Self {
            host,
            id,
            container,
            command,
            wish: exec.wish.clone(),
            shell,
            sizes,
            changed,
        }
    }

    /// Whether with a terminal.
    pub const fn tty(&self) -> bool {
        self.wish.tty
    }

    /// Ends it before it said anything: the client went away.
    pub fn abandon(self) {
        self.end(137);
    }

    /// Lives through it, to the end.
    pub async fn run(mut self, way: Way) {
        let code = match way {
            Way::Nowhere => self.talk(tokio::io::empty(), tokio::io::sink()).await,
            Way::Output(output) => self.talk(tokio::io::empty(), output).await,
            Way::Both(connection) => {
                let (input, output) = tokio::io::split(connection);
                self.talk(input, output).await
            }
        };
        self.end(code);
    }

    /// Notes the end, with its event.
    fn end(&self, code: i64) {
        self.host.change(|engine, now| {
            if let Some(exec) = engine.execs.get_mut(&self.id) {
                exec.progress = Progress::Done(code);
            }
            if let Ok(key) = engine.find(&self.container) {
                let attributes = [("execID", self.id.clone()), ("exitCode", code.to_string())];
                engine.emit_container(now, key, "exec_die", &attributes);
            }
        });
    }

    async fn talk<R, W>(&mut self, input: R, mut output: W) -> i64
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let spoken = self.speak(input, &mut output).await;
        let _ = output.shutdown().await;
        // A terminal that goes away hangs its process up; so does the end of the container.
        spoken.unwrap_or(137)
    }

    async fn speak<R, W>(&mut self, input: R, output: &mut W) -> Step<i64>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let Some(mut shell) = self.shell.take() else {
            let text = format!(
                "OCI runtime exec failed: exec failed: unable to start container process: exec: \"{}\": \
                 executable file not found in $PATH: unknown\r\n",
                self.command[0]
            );
            self.write(output, false, text.as_bytes()).await?;
            return Ok(126);
        };
        let words: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let interactive = shell::is_shell(words[0]) && !words.contains(&"-c");
        let copies = words == ["cat"];
        if self.wish.tty {
            shell.size = Some(*self.sizes.borrow_and_update());
        }
        if !interactive && !copies {
            let outcome = shell.run(&words);
            return self.deliver(output, outcome).await;
        }
        if !self.wish.attach_stdin {
            return Ok(0);
        }
        if self.wish.tty {
            self.terminal(shell, input, output).await
        } else {
            self.plain(shell, copies, input, output).await
        }
    }

    /// Waits as long as the command takes, then hands its output over.
    async fn deliver<W: AsyncWrite + Unpin>(
        &mut self,
        output: &mut W,
        outcome: Outcome,
    ) -> Step<i64> {
        if !outcome.took.is_zero() {
            let host = Arc::clone(&self.host);
            let container = self.container.clone();
            tokio::select! {
                () = tokio::time::sleep(outcome.took) => {}
                () = ended(&host, &container, &mut self.changed) => return Err(Gone),
            }
        }
        self.write(output, false, &outcome.stdout).await?;
        self.write(output, true, &outcome.stderr).await?;
        Ok(outcome.code)
    }

    /// Writes output: raw with the terminal's line ends, or in frames of eight bytes and payload.
    async fn write<W: AsyncWrite + Unpin>(
        &self,
        output: &mut W,
        stderr: bool,
        bytes: &[u8],
    ) -> Step<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.wish.tty {
            output.write_all(&terminal_ends(bytes)).await?;
        } else if if stderr {
            self.wish.attach_stderr
        } else {
            self.wish.attach_stdout
        } {
            for piece in bytes.chunks(32 << 10) {
                let length = u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes();
                let mut frame = vec![if stderr { 2 } else { 1 }, 0, 0, 0];
                frame.extend_from_slice(&length);
                frame.extend_from_slice(piece);
                output.write_all(&frame).await?;
            }
        }
        output.flush().await?;
        Ok(())
    }

    /// Bytes of the client, or the news of a resize; an empty answer is the end of the input.
    async fn hear<R: AsyncRead + Unpin>(
        &mut self,
        input: &mut R,
        shell: &mut Shell,
    ) -> Step<Vec<u8>> {
        let mut buffer = vec![0; 4096];
        loop {
            let host = Arc::clone(&self.host);
            let container = self.container.clone();
            tokio::select! {
                count = input.read(&mut buffer) => {
                    buffer.truncate(count?);
                    return Ok(buffer);
                }
                change = self.sizes.changed() => {
                    change.map_err(|_| Gone)?;
                    shell.size = Some(*self.sizes.borrow_and_update());
                }
                () = ended(&host, &container, &mut self.changed) => return Err(Gone),
            }
        }
    }

    /// Without a terminal: lines in, output out, until the input ends.
    async fn plain<R, W>(
        &mut self,
        mut shell: Shell,
        copies: bool,
        mut input: R,
        output: &mut W,
    ) -> Step<i64>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut pending = Vec::new();
        loop {
            let heard = self.hear(&mut input, &mut shell).await?;
            if copies {
                if heard.is_empty() {
                    return Ok(0);
                }
                self.write(output, false, &heard).await?;
                continue;
            }
            let over = heard.is_empty();
            pending.extend_from_slice(&heard);
            while let Some(line) = take_line(&mut pending, over) {
                let outcome = shell.script(&line);
                let exits = outcome.exits;
                let code = self.deliver(output, outcome).await?;
                if exits {
                    return Ok(code);
                }
            }
            if over {
                return Ok(shell.last_code());
            }
        }
    }

    /// With a terminal: a prompt, the echo of what is typed, backspace, Ctrl-C, Ctrl-D.
    async fn terminal<R, W>(&mut self, mut shell: Shell, mut input: R, output: &mut W) -> Step<i64>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut typed: Vec<u8> = Vec::new();
        self.write(output, false, shell.prompt().as_bytes()).await?;
        loop {
            let heard = self.hear(&mut input, &mut shell).await?;
            if heard.is_empty() {
                return Err(Gone);
            }
            for byte in heard {
                match byte {
                    b'\r' | b'\n' => {
                        self.write(output, false, b"\n").await?;
                        let outcome = shell.script(&String::from_utf8_lossy(&typed));
                        typed.clear();
                        let exits = outcome.exits;
                        let code = self.deliver(output, outcome).await?;
                        if exits {
                            return Ok(code);
                        }
                        self.write(output, false, shell.prompt().as_bytes()).await?;
                    }
                    0x04 if typed.is_empty() => return Ok(shell.last_code()),
                    0x03 => {
                        typed.clear();
                        self.write(output, false, format!("^C\n{}", shell.prompt()).as_bytes())
                            .await?;
                    }
                    0x7f | 0x08 => {
                        if erase(&mut typed) {
                            self.write(output, false, b"\x08 \x08").await?;
                        }
                    }
                    byte => {
                        typed.push(byte);
                        self.write(output, false, &[byte]).await?;
                    }
                }
            }
        }
    }
}

/// Takes the last letter away, whole; false when there is none.
fn erase(typed: &mut Vec<u8>) -> bool {
    while let Some(byte) = typed.pop() {
        // The bytes after the first of a letter in UTF-8 are 10xxxxxx.
        if byte & 0xC0 != 0x80 {
            return true;
        }
    }
    false
}

/// The next whole line of what came in; at the `end` of the input what is left is one too.
fn take_line(pending: &mut Vec<u8>, end: bool) -> Option<String> {
    let length = match pending.iter().position(|byte| *byte == b'\n') {
        Some(place) => place + 1,
        None if end && !pending.is_empty() => pending.len(),
        None => return None,
    };
    let line: Vec<u8> = pending.drain(..length).collect();
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// A terminal writes a carriage return before each line feed.
fn terminal_ends(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for byte in bytes {
        if *byte == b'\n' {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// Waits for the end of a container's process.
async fn ended(host: &Host, container: &str, changed: &mut watch::Receiver<u64>) {
    loop {
        changed.mark_unchanged();
        let alive = host.read(|engine, _| engine.get(container).is_ok_and(|one| one.state.alive()));
        if !alive || changed.changed().await.is_err() {
            return;
        }
    }
}
