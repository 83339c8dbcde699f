//! A login made by a person: ssh in a pseudo-terminal of its own, its questions relayed.
//!
//! The connection that the person logs in is the one we keep. It is our child like every other (so
//! it cannot outlive us), and its terminal is not the console's: once it is logged in, nothing that
//! it or the ssh of a jump host writes reaches the screen, and no Ctrl-C typed elsewhere reaches it.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::OpenptFlags,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{UnixStream, unix::pipe},
    time::sleep,
};

use super::{
    connect::Target,
    heard::Story,
    master::Master,
    spawn::{Detached, Terminal},
    trouble::{self, End, Scene},
};
use crate::model::{Trouble, TroubleKind};

/// Relays a login between ssh and a person, then keeps the connection for the next tunnel.
pub async fn login(
    target: &Target,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<(), Trouble> {
    let shared = &target.shared;
    let local = |error| trouble::local("making a terminal for the login", &error);
    let place = shared.dir.place().map_err(local)?;
    let (mut pty, terminal) = Pty::open().map_err(local)?;
    let mut command = target.master_command(&shared.dir.login_config(), &place.control());
    command.stderr(terminal);
    let spawn = shared.spawner.spawn(command, Terminal::Stderr);
    let no_ssh = |error| trouble::no_ssh(&shared.settings.program, &error);
    let mut child = spawn.await.map_err(no_ssh)?;
    let mut said = Transcript::default();
    let control = place.control();
    let accepted = async {
        while UnixStream::connect(&control).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        biased;
        status = relay(&mut child, &mut pty, &mut said, input, output) => {
            return Err(failed(target, status, &said.story));
        }
        () = accepted => {}
    }
    let mux = target.mux(control);
    let master = Master::for_login(child, pty.from_ssh, mux, place);
    shared.keep_login(target.address.clone(), Arc::new(master));
    tracing::info!(host = %target.address.destination, "logged in by hand");
    Ok(())
}

/// The side of a pseudo-terminal that we hold.
struct Pty {
    from_ssh: pipe::Receiver,
    to_ssh: pipe::Sender,
}

impl Pty {
    /// A new one, and the side that ssh gets.
    fn open() -> io::Result<(Self, OwnedFd)> {
        let ours =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&ours)?;
        rustix::pty::unlockpt(&ours)?;
        let name = rustix::pty::ptsname(&ours, Vec::new())?;
        let theirs = rustix::fs::open(
            name,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::fs::fcntl_setfl(&ours, OFlags::RDWR | OFlags::NONBLOCK)?;
        // A terminal's master side reads, writes and polls like a pipe.
        let pty = Self {
            to_ssh: pipe::Sender::from_owned_fd_unchecked(ours.try_clone()?)?,
            from_ssh: pipe::Receiver::from_owned_fd_unchecked(ours)?,
        };
        Ok((pty, theirs))
    }
}

/// Carries bytes both ways until ssh ends.
async fn relay(
    child: &mut Detached,
    pty: &mut Pty,
    said: &mut Transcript,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<ExitStatus> {
    let (mut typed, mut shown) = ([0; 1024], [0; 1024]);
    let (mut typing, mut showing) = (true, true);
    loop {
        tokio::select! {
            biased;
            read = pty.from_ssh.read(&mut shown), if showing => match read {
                Ok(count) if count > 0 => {
                    said.hear(&shown[..count]);
                    output.write_all(&shown[..count]).await?;
                    output.flush().await?;
                }
                // The other side is closed: its end is near.
                _ => showing = false,
            },
            read = input.read(&mut typed), if typing => match read {
                Ok(count) if count > 0 => {
                    said.typed();
                    pty.to_ssh.write_all(&typed[..count]).await?;
                }
                _ => typing = false,
            },
            status = child.wait() => return status,
        }
    }
}

/// What ssh said, without the lines into which somebody typed: a one-time code may stand there.
#[derive(Debug, Default)]
struct Transcript {
    story: Story,
    line: Vec<u8>,
    secret: bool,
}

impl Transcript {
    fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if !std::mem::take(&mut self.secret) {
                self.story.hear(String::from_utf8_lossy(&line).trim());
            }
        }
    }

    fn typed(&mut self) {
        self.secret = true;
    }
}

fn failed(target: &Target, status: io::Result<ExitStatus>, story: &Story) -> Trouble {
    let by_hand = target.shared.by_hand(&target.address);
    let status = status.ok();
    if status.is_some_and(|status| status.signal().is_some()) {
        return Trouble {
            kind: TroubleKind::LoginNeeded,
            reason: "the login was broken off".to_owned(),
            remedy: format!("log in again, here or with: {by_hand}"),
            raw: Vec::new(),
        };
    }
    let scene = Scene {
        by_hand: &by_hand,
        site: &target.site,
        story,
    };
    scene.login_failed(End::Exit(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_not_kept() {
        let mut said = Transcript::default();
        said.hear(b"Property of the bank\r\nVerification code: ");
        said.typed();
        said.hear(b"123456\r\nPermission denied (keyboard-interactive).\r\n");
        assert_eq!(
            said.story.lines,
            [
                "Property of the bank",
                "Permission denied (keyboard-interactive)."
            ]
        );
    }
}
