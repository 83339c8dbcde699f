//! The way to a host over the system's ssh: one login per host, multiplexed.

mod settings;
mod tunnel;

use std::{io, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

pub use settings::Settings;
pub use tunnel::{Stream, Tunnel};

use crate::model::{Trouble, TroubleKind};

/// The ssh transport of this process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ssh {
    inner: Arc<Settings>,
}

impl Ssh {
    /// Prepares the runtime directory.
    pub fn new(settings: Settings) -> io::Result<Ssh> {
        Ok(Ssh {
            inner: Arc::new(settings),
        })
    }

    /// Opens the way to the engine of a host. Dropping the future ends what it had begun.
    #[expect(clippy::unused_async, reason = "the interface comes first")]
    pub async fn open(
        &self,
        destination: &str,
        _port: Option<u16>,
        _socket: Option<&str>,
        progress: impl Fn(&str) + Send + Sync,
    ) -> Result<Tunnel, Trouble> {
        progress("connecting");
        Err(not_yet(destination, &self.inner))
    }

    /// Logs in with a person at the terminal, who may type a password or a one-time code, or accept
    /// a host key. ssh runs in a pseudo-terminal of its own; `input` and `output` are the person's
    /// terminal in raw mode while the console is suspended. Returns once the login is made: the next
    /// [`Ssh::open`] of this host uses it.
    #[expect(clippy::unused_async, reason = "the interface comes first")]
    pub async fn login(
        &self,
        destination: &str,
        _port: Option<u16>,
        _input: impl AsyncRead + Unpin + Send,
        _output: impl AsyncWrite + Unpin + Send,
    ) -> Result<(), Trouble> {
        Err(not_yet(destination, &self.inner))
    }
}

fn not_yet(destination: &str, settings: &Settings) -> Trouble {
    Trouble {
        kind: TroubleKind::Other,
        reason: format!("{destination} is not reached over ssh yet"),
        remedy: format!("run {} by hand", settings.program.display()),
        raw: Vec::new(),
    }
}
