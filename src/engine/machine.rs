//! Machines and what is beside Docker on them: sockets and small files, directly or over an ssh connection of their own.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    sync::{OnceCell, oneshot},
    time::timeout,
};

use super::{
    Engines, placing,
    registry::Command,
    ssh::Side,
    trouble::{late, trouble},
};
use crate::model::{Endpoint, Machine, Placing, Trouble, TroubleKind};

/// How long opening a socket of this machine may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A stream to something beside Docker.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A machine as ssh is asked for it.
type Address = (String, Option<u16>);

/// The connections to machines that are open; each stays until it is lost, or nobody needs engines any more.
#[derive(Debug, Default)]
pub(super) struct Machines {
    sides: Mutex<HashMap<Address, Arc<OnceCell<Arc<Side>>>>>,
}

/// A way to a machine.
enum Way {
    /// It is this one.
    Here,
    /// Over ssh.
    Over(Arc<Side>),
}

impl Engines {
    /// Opens a stream to a unix socket of a machine. That it opens does not always say that somebody answers there: where
    /// it is closed without a word, [`Engines::explain_socket`] says why.
    pub async fn open_socket(
        &self,
        machine: &Machine,
        path: &str,
    ) -> Result<Box<dyn Bytes>, Trouble> {
        match self.way(machine).await? {
            Way::Over(side) => Ok(Box::new(side.connect(path).await?)),
            Way::Here => {
                let opened = timeout(DEADLINE, UnixStream::connect(path)).await;
                let opened = opened.map_err(|_| late(path, DEADLINE))?;
                let stream = opened.map_err(|error| of_socket(path, &error))?;
                Ok(Box::new(stream))
            }
        }
    }

    /// Why a socket was closed without a word; none where it is worth another try.
    pub async fn explain_socket(&self, machine: &Machine, path: &str) -> Option<Trouble> {
        match self.way(machine).await {
            Ok(Way::Over(side)) => side.explain(path).await,
            Ok(Way::Here) => None,
            Err(trouble) => Some(trouble),
        }
    }

    /// Reads a small file of a machine.
    pub async fn read_of(&self, machine: &Machine, path: &str) -> Result<String, Trouble> {
        match self.way(machine).await? {
            Way::Over(side) => side.read(path).await,
            Way::Here => {
                let read = tokio::fs::read_to_string(path).await;
                read.map_err(|error| of_file(path, &error))
            }
        }
    }

    /// Writes a small file of a machine, beside the old one and then in its place.
    pub async fn write_of(&self, machine: &Machine, path: &str, text: &str) -> Result<(), Trouble> {
        match self.way(machine).await? {
            Way::Over(side) => side.write(path, text).await,
            Way::Here => {
                let (to, text) = (PathBuf::from(path), text.to_owned());
                let written = tokio::task::spawn_blocking(move || write_here(&to, &text)).await;
                let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
                written.map_err(|error| of_file(path, &error))
            }
        }
    }

    /// Puts a file on a machine; whether something was to be done.
    ///
    /// # Errors
    /// When the machine cannot be reached, or the file is not found good there: all is as it was then.
    pub async fn place_of(&self, machine: &Machine, placing: &Placing) -> Result<bool, Trouble> {
        match self.way(machine).await? {
            Way::Over(side) => side.place(placing).await,
            Way::Here => placing::place_here(placing).await,
        }
    }

    /// Runs a short script on a machine; what it printed.
    ///
    /// # Errors
    /// When the machine cannot be reached, or it fails; with its last words.
    pub async fn run_of(&self, machine: &Machine, script: &str) -> Result<String, Trouble> {
        match self.way(machine).await? {
            Way::Over(side) => side.run(script).await,
            Way::Here => placing::run_here(script).await,
        }
    }

    async fn way(&self, machine: &Machine) -> Result<Way, Trouble> {
        let (destination, port) = match machine {
            Machine::Here => return Ok(Way::Here),
            Machine::Ssh { destination, port } => (destination.to_string(), *port),
            Machine::Host(name) => {
                let door = self.door(name).await;
                match door.map(|door| door.spec.endpoint.clone()) {
                    Some(Endpoint::Ssh {
                        destination, port, ..
                    }) => (destination, port),
                    Some(Endpoint::Unix(_)) => return Ok(Way::Here),
                    Some(Endpoint::Tcp { .. } | Endpoint::Tls { .. }) => {
                        return Err(trouble(
                            TroubleKind::Other,
                            format!("{name} is reached over TCP, which carries only its engine"),
                            "name the machine by endpoint = \"ssh://user@machine\" instead of host",
                        ));
                    }
                    None => {
                        return Err(trouble(
                            TroubleKind::Other,
                            format!("there is no host {name}"),
                            "name a host of the fleet, or the machine by endpoint = \"ssh://user@machine\"",
                        ));
                    }
                }
            }
        };
        Ok(Way::Over(self.side((destination, port)).await?))
    }

    /// The connection to a machine: the open one, or a new one.
    async fn side(&self, address: Address) -> Result<Arc<Side>, Trouble> {
        let cell = {
            let mut sides = self.machines.lock();
            let cell = sides.entry(address.clone()).or_default();
            if cell.get().is_some_and(|side| side.is_lost()) {
                *cell = Arc::default();
            }
            Arc::clone(cell)
        };
        let opened = cell.get_or_try_init(|| async {
            let (reply, answer) = oneshot::channel();
            self.order(Command::Common(reply));
            let common = answer
                .await
                .map_err(|_| trouble(TroubleKind::Other, "the program is about to end", ""))?;
            let side = common.ssh()?.side(&address.0, address.1).await?;
            Ok::<_, Trouble>(Arc::new(side))
        });
        opened.await.map(Arc::clone)
    }
}

impl Machines {
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Arc<OnceCell<Arc<Side>>>>> {
        // The map is whole after every step.
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a file beside the old one, with its mode, and puts it in its place.
fn write_here(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let mut file = std::fs::File::create(&part)?;
    if let Ok(old) = std::fs::metadata(path) {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        file.set_permissions(old.permissions())?;
        // Only root can give a file away; whoever may not keeps it.
        let _ = fchown(&file, Some(old.uid()), Some(old.gid()));
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

/// Why a socket of this machine could not be opened.
fn of_socket(path: &str, error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::NotFound => trouble(
            TroubleKind::SocketMissing,
            format!("there is no socket {path}"),
            "start what listens there, or correct the socket's path in the configuration",
        ),
        io::ErrorKind::PermissionDenied => trouble(
            TroubleKind::SocketDenied,
            format!("this user may not use {path}"),
            "add this user to the socket's group, and log in again",
        ),
        io::ErrorKind::ConnectionRefused => trouble(
            TroubleKind::DaemonDown,
            format!("nothing listens on {path}"),
            "start what listens there; the socket was left behind",
        ),
        _ => trouble(TroubleKind::Other, format!("opening {path}: {error}"), ""),
    }
}

fn of_file(path: &str, error: &io::Error) -> Trouble {
    trouble(
        TroubleKind::Other,
        format!("{path}: {error}"),
        "look at the path and its rights",
    )
}
