//! Makes the one connection to a host: asks `ssh -G`, waits for a slot, starts the master.

use std::{
    collections::HashMap,
    ffi::OsString,
    future::pending,
    io,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _, net::UnixStream, process::Command, sync::OnceCell, time::timeout,
};

use super::{
    heard::Heard,
    master::Master,
    mux::Mux,
    runtime_dir::RuntimeDir,
    settings::Settings,
    site::Site,
    slots::Slots,
    spawn::{Spawner, Terminal, quiet},
    trouble::{self, End, Scene},
};
use crate::model::Trouble;

/// How long `ssh -G` may take; a `Match exec` of the person's may do anything.
const CONFIGURATION: Duration = Duration::from_secs(10);

/// How long a shared master may take to prove that it lives.
const GREETING: Duration = Duration::from_millis(500);

/// Options of every master. What the person's configuration asks for beyond a connection
/// (forwards, commands, agents, X11) is not for a console's connection.
const MASTER: [&str; 18] = [
    "-o",
    "ControlPersist=no",
    "-o",
    "ClearAllForwardings=yes",
    "-o",
    "RemoteCommand=none",
    "-o",
    "RequestTTY=no",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "ForwardAgent=no",
    "-o",
    "ForwardX11=no",
    "-o",
    "Tunnel=no",
    "-o",
    "UpdateHostKeys=no",
];

/// A host as ssh is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// An alias of `ssh_config`, or `user@host`.
    pub destination: String,
    /// The port, when the endpoint names one.
    pub port: Option<u16>,
}

/// What all connections of this process share.
#[derive(Debug)]
pub struct Shared {
    /// As set.
    pub settings: Settings,
    /// Where the sockets are.
    pub dir: Arc<RuntimeDir>,
    /// Starts ssh.
    pub spawner: Spawner,
    slots: Slots,
    sites: Mutex<HashMap<Address, Arc<OnceCell<Arc<Site>>>>>,
    logins: Mutex<HashMap<Address, Arc<Master>>>,
}

/// A host with what the site's configuration says of it, and the means to connect.
#[derive(Clone, Debug)]
pub struct Target {
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// The host.
    pub address: Address,
    /// What `ssh -G` says.
    pub site: Arc<Site>,
}

impl Shared {
    /// Makes the runtime directory and starts the spawner.
    pub fn new(settings: Settings) -> io::Result<Self> {
        Ok(Self {
            dir: Arc::new(RuntimeDir::new(&settings)?),
            spawner: Spawner::start()?,
            slots: Slots::new(&settings),
            sites: Mutex::default(),
            logins: Mutex::default(),
            settings,
        })
    }

    /// Asks `ssh -G` about a host; once, as long as it is reached.
    pub async fn target(self: &Arc<Self>, address: Address) -> Result<Target, Trouble> {
        let cell = Arc::clone(lock(&self.sites).entry(address.clone()).or_default());
        let site = cell.get_or_try_init(|| self.ask_site(&address)).await?;
        Ok(Target {
            shared: Arc::clone(self),
            site: Arc::clone(site),
            address,
        })
    }

    /// Asks `ssh -G` anew: a person may have corrected the configuration.
    pub async fn fresh_target(self: &Arc<Self>, address: Address) -> Result<Target, Trouble> {
        lock(&self.sites).remove(&address);
        self.target(address).await
    }

    async fn ask_site(&self, address: &Address) -> Result<Arc<Site>, Trouble> {
        let mut command = self.ssh(&self.dir.batch_config(), address, &["-G", "-T"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let no_ssh = |error: io::Error| trouble::no_ssh(&self.settings.program, &error);
        let spawn = self.spawner.spawn(command, Terminal::None);
        let mut child = spawn.await.map_err(no_ssh)?;
        let (_, stdout, stderr) = child.pipes();
        let heard = Heard::new();
        let mut text = String::new();
        let answer = async {
            if let (Some(mut stdout), Some(stderr)) = (stdout, stderr) {
                let (read, ()) =
                    tokio::join!(stdout.read_to_string(&mut text), heard.listen(stderr));
                read?;
            }
            child.wait().await
        };
        let end = match timeout(CONFIGURATION, answer).await {
            Ok(Ok(status)) if status.success() => return Ok(Arc::new(Site::parse(&text))),
            Ok(status) => End::Exit(status.ok()),
            Err(_) => End::Deadline(CONFIGURATION.as_secs()),
        };
        let scene = Scene {
            by_hand: &self.by_hand(address),
            site: &Site::default(),
            story: &heard.story(),
        };
        Err(scene.login_failed(end))
    }

    /// `ssh -F config OPTIONS [-p port] -- destination`.
    pub fn ssh(&self, config: &Path, address: &Address, options: &[&str]) -> Command {
        let mut command = quiet(&self.settings.program);
        command.arg("-F").arg(config).args(options);
        command.args(address.arguments());
        command
    }

    /// The master of a login that a person made, while it lives.
    pub fn login(&self, address: &Address) -> Option<Arc<Master>> {
        let mut logins = lock(&self.logins);
        logins.retain(|_, master| master.end().is_none());
        logins.get(address).map(Arc::clone)
    }

    /// Keeps the master of a login that a person made.
    pub fn keep_login(&self, address: Address, master: Arc<Master>) {
        lock(&self.logins).insert(address, master);
    }

    /// The plain command with which a person connects.
    pub fn by_hand(&self, address: &Address) -> String {
        let mut words = vec![OsString::from(&self.settings.program)];
        if let Some(config) = &self.settings.config {
            words.extend(["-F".into(), config.into()]);
        }
        words.extend(address.arguments().into_iter().filter(|word| word != "--"));
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        shlex::try_join(words.iter().map(AsRef::as_ref)).unwrap_or_else(|_| words.join(" "))
    }
}

impl Address {
    fn arguments(&self) -> Vec<OsString> {
        let mut words = Vec::new();
        if let Some(port) = self.port {
            words.extend(["-p".into(), port.to_string().into()]);
        }
        words.extend(["--".into(), OsString::from(&self.destination)]);
        words
    }
}

impl Target {
    /// A connection: that of a person's login, the person's own, or a new one.
    pub async fn connect(&self) -> Result<Arc<Master>, Trouble> {
        match self.ready_made().await {
            Some(master) => Ok(master),
            None => self.start().await.map(Arc::new),
        }
    }

    /// A connection that a person made: the login from here, or the person's own master.
    pub async fn ready_made(&self) -> Option<Arc<Master>> {
        match self.shared.login(&self.address) {
            Some(master) => Some(master),
            None => self.share().await.map(Arc::new),
        }
    }

    /// The person's own live master, where the configuration names one.
    async fn share(&self) -> Option<Master> {
        let control = self
            .site
            .control
            .as_ref()
            .filter(|_| self.shared.settings.share_masters)?;
        let mut watch = UnixStream::connect(control).await.ok()?;
        // A master greets; what does not is a socket of something else, or hangs.
        let mut greeting = [0; 4];
        let read = timeout(GREETING, watch.read_exact(&mut greeting)).await;
        read.ok()?.ok()?;
        let mux = self.mux(control.into());
        mux.check().await.ok()?;
        let place = self.shared.dir.place().ok()?;
        tracing::info!(host = %self.address.destination, control, "using the person's own ssh master");
        Some(Master::share(mux, watch, place))
    }

    /// A new connection.
    pub async fn start(&self) -> Result<Master, Trouble> {
        self.start_heard(Heard::new()).await
    }

    /// A new connection; what ssh says of it on the way is told to `heard`.
    pub async fn start_heard(&self, heard: Heard) -> Result<Master, Trouble> {
        let slot = self.shared.slots.acquire(self.site.proxy.as_deref()).await;
        let master = self.spawn(heard.clone()).await?;
        let limit = self.shared.settings.login_timeout;
        let ready = tokio::select! {
            ready = timeout(limit, master.ready()) => ready,
            () = async { slot.hold(&heard).await; pending().await } => Ok(Ok(())),
        };
        let end = match ready {
            Ok(Ok(())) => return Ok(master),
            Ok(Err(end)) => end,
            Err(_) => End::Deadline(limit.as_secs()),
        };
        // A person may correct the configuration before the next attempt.
        lock(&self.shared.sites).remove(&self.address);
        let trouble = self.scene(&master, |scene| scene.login_failed(end));
        tracing::debug!(host = %self.address.destination, kind = ?trouble.kind, reason = %trouble.reason, "no ssh connection");
        Err(trouble)
    }

    async fn spawn(&self, heard: Heard) -> Result<Master, Trouble> {
        let local = |error| trouble::local("making a directory for sockets", &error);
        let place = self.shared.dir.place().map_err(local)?;
        let mut command = self.master_command(&self.shared.dir.batch_config(), &place.control());
        command.stderr(Stdio::piped());
        let spawn = self.shared.spawner.spawn(command, Terminal::None);
        let no_ssh = |error| trouble::no_ssh(&self.shared.settings.program, &error);
        let mut child = spawn.await.map_err(no_ssh)?;
        let (_, _, stderr) = child.pipes();
        let mux = self.mux(place.control());
        let talk = stderr.ok_or_else(|| no_ssh(io::Error::other("it has no stderr")))?;
        Ok(Master::for_tunnel(child, talk, heard, mux, place))
    }

    /// The command of a master.
    pub fn master_command(&self, config: &Path, control: &Path) -> Command {
        let mut options = vec!["-M", "-N", "-T", "-S"];
        let control = control.to_string_lossy();
        options.push(&control);
        options.extend(MASTER);
        self.shared.ssh(config, &self.address, &options)
    }

    /// Commands for a master.
    pub fn mux(&self, control: std::path::PathBuf) -> Mux {
        Mux::new(
            Arc::from(self.shared.settings.program.as_path()),
            self.shared.spawner.clone(),
            control,
        )
    }

    /// Asks for a trouble of `master` with all that is known.
    pub fn scene(&self, master: &Master, ask: impl FnOnce(&Scene<'_>) -> Trouble) -> Trouble {
        let story = master.heard().story();
        ask(&Scene {
            by_hand: &self.shared.by_hand(&self.address),
            site: &self.site,
            story: &story,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps are whole after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
