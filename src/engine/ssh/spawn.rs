//! Starts ssh detached from the terminal and bound to our life.
//!
//! Two rules come from measurements. A child must not have our terminal, or the inner ssh of a
//! `ProxyJump` asks its questions on `/dev/tty` in the middle of the screen: hence `setsid`. And a
//! child must end when we end, even by SIGKILL: hence the parent-death signal, which the kernel
//! binds to the *thread* that forked. Threads of an async runtime come and go; so one thread that
//! lives as long as the transport does all the forking.

use std::{
    io,
    process::{ExitStatus, Stdio},
    sync::mpsc,
};

use rustix::process::{Pid, Signal};
use tokio::{
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    runtime::Handle,
    sync::oneshot,
};

/// The thread that starts children.
#[derive(Clone, Debug)]
pub struct Spawner {
    orders: mpsc::Sender<Order>,
}

/// Where the child's terminal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It has none, and can ask nothing.
    None,
    /// Its stderr is a pseudo-terminal, which becomes its own.
    Stderr,
}

#[derive(Debug)]
struct Order {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Detached>>,
}

impl Spawner {
    /// Starts the thread. It ends, and the kernel with it ends the children, when the last clone
    /// of the spawner is dropped or the process dies.
    pub fn start() -> io::Result<Self> {
        let (orders, queue) = mpsc::channel::<Order>();
        std::thread::Builder::new()
            .name("ssh-spawner".to_owned())
            .spawn(move || {
                while let Ok(Order {
                    mut command,
                    runtime,
                    reply,
                }) = queue.recv()
                {
                    let _runtime = runtime.enter();
                    let child = command.spawn().map(|child| Detached { child });
                    // When nobody waits for it any more, the drop ends the child.
                    drop(reply.send(child));
                }
            })?;
        Ok(Self { orders })
    }

    /// Starts `command` in a session of its own.
    pub async fn spawn(&self, mut command: Command, terminal: Terminal) -> io::Result<Detached> {
        detach(&mut command, terminal);
        let (reply, answer) = oneshot::channel();
        let order = Order {
            command,
            runtime: Handle::current(),
            reply,
        };
        let gone = || io::Error::other("the thread that starts ssh has ended");
        self.orders.send(order).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Nothing may ask on a screen or in a window, and the child lives no longer than we do.
fn detach(command: &mut Command, terminal: Terminal) {
    command
        .env("SSH_ASKPASS_REQUIRE", "never")
        .env_remove("SSH_ASKPASS")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::setsid()?;
        if terminal == Terminal::Stderr {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stderr())?;
        }
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            // We died between the fork and the line above.
            Err(io::Error::from_raw_os_error(libc::ESRCH))
        }
    };
    #[expect(
        unsafe_code,
        reason = "only code between fork and exec can detach a child from the terminal; it makes four system calls and allocates nothing"
    )]
    // SAFETY: async-signal-safe calls only, no allocation, no lock.
    unsafe {
        command.pre_exec(prepare);
    }
}

/// A child in a session of its own; dropping it asks it and its helpers (the ssh of a jump host) to end.
#[derive(Debug)]
pub struct Detached {
    child: Child,
}

impl Detached {
    /// Takes the pipes that the command asked for: stdin, stdout, stderr.
    pub fn pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (
            self.child.stdin.take(),
            self.child.stdout.take(),
            self.child.stderr.take(),
        )
    }

    /// Waits for its end. May be dropped and called again.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends a signal to the child and to what it started in its session.
    pub fn signal(&self, signal: Signal) {
        // None once it was waited for: its number may belong to somebody else by now.
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // It may have ended by itself, and not been waited for yet.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
    }
}

/// A command with nothing connected.
pub fn quiet(program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
