//! The way to a host over the system's ssh: one login per host, multiplexed.
//!
//! ```text
//! Ssh ── Target ── Master ──┬── session: preflight, scripts
//!  │    (ssh -G)  (ssh -M)  ├── forward of the engine's socket ── Tunnel ── Stream
//!  ├ slots                  └── sessions of dial-stdio ─────────── Tunnel ── Stream
//!  ├ spawner: the one thread that forks
//!  └ runtime dir: sockets, configurations
//! ```
//!
//! The system's ssh, so that `ssh_config`, jump hosts, agents, certificates, hardware keys and
//! `known_hosts` are what the site made them. Nothing of the site's policy is overridden: no
//! algorithm, no trust in a new key. No prompt can reach the terminal, and no ssh outlives us.

mod connect;
mod diagnosis;
mod heard;
mod login;
mod master;
mod mux;
mod open;
mod ping;
mod preflight;
mod runtime_dir;
mod sessions;
mod settings;
mod shell;
mod site;
mod slots;
mod socket;
pub(super) mod spawn;
mod stdio;
mod trouble;
mod tunnel;
mod walk;

use std::{io, sync::Arc};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};

pub use settings::Settings;
pub(super) use shell::{Broken, Shell, Talk};
pub(super) use socket::Side;
pub use tunnel::{Stream, Tunnel};

use crate::model::Trouble;
use connect::{Address, Shared};

/// The ssh transport of this process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ssh {
    shared: Arc<Shared>,
}

impl Ssh {
    /// Prepares the runtime directory (and sweeps what dead processes left there), starts the
    /// thread that forks, and raises the limit of open files as far as the system allows: three
    /// are needed per host, and one per stream.
    pub fn new(settings: Settings) -> io::Result<Ssh> {
        if let Some(config) = &settings.config {
            std::fs::metadata(config).map_err(|error| {
                let text = format!("the ssh configuration {}: {error}", config.display());
                io::Error::new(error.kind(), text)
            })?;
        }
        raise_file_limit();
        Ok(Ssh {
            shared: Arc::new(Shared::new(settings)?),
        })
    }

    /// Opens the way to the engine of a host. `progress` hears a few words at each step. Dropping
    /// the future ends what it had begun.
    pub async fn open(
        &self,
        destination: &str,
        port: Option<u16>,
        socket: Option<&str>,
        progress: impl Fn(&str) + Send + Sync,
    ) -> Result<Tunnel, Trouble> {
        let target = self.shared.target(address(destination, port)).await?;
        open::open(target, socket, progress).await
    }

    /// Logs in with a person at the terminal, who may type a password or a one-time code, unlock a
    /// key, or accept a host key; `input` and `output` are that terminal, in raw mode, while the
    /// console is suspended. Returns once the login is made; the next [`Ssh::open`] of this host
    /// uses it, and so do later ones as long as the connection lives. Ctrl-C breaks it off.
    pub async fn login(
        &self,
        destination: &str,
        port: Option<u16>,
        input: impl AsyncRead + Unpin + Send,
        output: impl AsyncWrite + Unpin + Send,
    ) -> Result<(), Trouble> {
        let target = self.shared.target(address(destination, port)).await?;
        if self.shared.login(&target.address).is_some() {
            return Ok(());
        }
        login::login(&target, input, output).await
    }

    /// The name or address that ssh would reach a destination at.
    pub async fn name_of(&self, destination: &str, port: Option<u16>) -> Result<String, Trouble> {
        let target = self.shared.target(address(destination, port)).await?;
        Ok(target.site.hostname.clone())
    }

    /// The plain ssh command with which a person reaches the host outside of Wharf.
    pub fn by_hand(&self, destination: &str, port: Option<u16>) -> String {
        self.shared.by_hand(&address(destination, port))
    }
}

fn address(destination: &str, port: Option<u16>) -> Address {
    Address {
        destination: destination.to_owned(),
        port,
    }
}

/// Raises the soft limit of open files to the hard one.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
