//! What stands around the sentences: the console, the demo, the sim, the configuration, the own log.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{
    Session,
    args::{ConfigCommand, DemoArgs, Options, SimCommand},
    exit::{Exit, Failure},
    output::Out,
    signals::Asked,
};
use crate::{
    config::{self, Config, Env, Flags, Terminal},
    console::{self, Left},
    model, sim,
};

/// What a fleet from memory is called on the screen.
const DEMO: &str = "DEMO";

/// The demo that is shown where there is nothing else.
const DEMO_SIZE: DemoArgs = DemoArgs {
    hosts: 6,
    containers: 40,
    spare_images: 0,
    spare_networks: 0,
    spare_volumes: 0,
    seed: 1,
    churn: 2.0,
};

/// The console on the configured hosts; on the demo when none is named and there is no engine. It may be left
/// to be opened anew: on hosts that were taken in, or on the demo.
pub(super) async fn console(session: &Session) -> Result<Exit, Failure> {
    let config = &session.config;
    let welcome = config::is_first_start(&session.flags(), &session.env, &config.paths);
    console_on(session, config.clone(), welcome).await
}

async fn console_on(
    session: &Session,
    mut config: Config,
    mut welcome: bool,
) -> Result<Exit, Failure> {
    let flags = session.flags();
    loop {
        let left = if config.hosts.is_empty() && !config.configured {
            on_demo(session, &config, DEMO_SIZE, welcome).await?
        } else {
            let setup = setup(session, &config, config.clone(), flags.clone(), None);
            open(session, console::Setup { welcome, ..setup })?
        };
        match left {
            Left::Quit => return Ok(Exit::Done),
            Left::Demo => return demo(session, DEMO_SIZE).await,
            Left::Reopen => config = Config::load(&flags, &session.env),
        }
        welcome = false;
    }
}

/// The console on a fleet from memory.
pub(super) async fn demo(session: &Session, size: DemoArgs) -> Result<Exit, Failure> {
    match on_demo(session, &session.config, size, false).await? {
        Left::Quit | Left::Demo => Ok(Exit::Done),
        // Hosts were taken in, and are what is shown now.
        Left::Reopen => {
            let config = Config::load(&session.flags(), &session.env);
            Box::pin(console_on(session, config, false)).await
        }
    }
}

/// The console on a fleet from memory, with hosts and a log of its own.
async fn on_demo(
    session: &Session,
    own: &Config,
    size: DemoArgs,
    welcome: bool,
) -> Result<Left, Failure> {
    needs_terminal(&session.env)?;
    let dir = DemoDir::make(own, &session.env)?;
    let fleet = serve(&dir.0, size).await?;
    let flags = Flags {
        config: Some(write_configuration(&dir.0, &fleet)?),
        read_only: own.read_only,
        start: own.start.clone(),
        ..Flags::default()
    };
    let mut config = Config::load(&flags, &session.env);
    config.store = model::Place::in_directories(&dir.0, &dir.0);
    // It looks and behaves as the user's own console does.
    config.keymap.clone_from(&own.keymap);
    config.theme.clone_from(&own.theme);
    config.mouse = own.mouse;
    config.glyphs = own.glyphs;
    config.baud = own.baud;
    config.refresh.clone_from(&own.refresh);
    config.settings.clone_from(&own.settings);
    config.notices.clone_from(&own.notices);
    let setup = setup(session, own, config, flags, Some(DEMO));
    let left = open(session, console::Setup { welcome, ..setup });
    drop(fleet);
    left
}

fn setup(
    session: &Session,
    own: &Config,
    config: Config,
    flags: Flags,
    label: Option<&'static str>,
) -> console::Setup {
    console::Setup {
        hosts: config.hosts.clone(),
        notices: config.notices.iter().map(ToString::to_string).collect(),
        origin: session.origin("console"),
        config,
        flags,
        own: console::Own {
            flags: session.flags(),
            paths: own.paths.clone(),
            store: own.store.clone(),
        },
        welcome: false,
        label,
    }
}

fn open(session: &Session, setup: console::Setup) -> Result<Left, Failure> {
    needs_terminal(&session.env)?;
    console::run(setup).map_err(|error| Failure::Failed(format!("the console ended: {error}")))
}

/// Refuses to open the console where it cannot be seen or typed at.
fn needs_terminal(env: &Env) -> Result<(), Failure> {
    let missing = match (io::stdin().is_terminal(), io::stdout().is_terminal()) {
        (true, true) => None,
        (false, true) => Some("standard input is"),
        (true, false) => Some("standard output is"),
        (false, false) => Some("standard input and output are"),
    };
    let refusal = match missing {
        Some(what) => Some(format!(
            "{what} no terminal, and the console needs one. Without it, say what is to be done, as \
             'wharf container list -o json' or 'wharf logs NAME' (see wharf --help); over ssh, ask for a terminal: \
             ssh -t HOST wharf"
        )),
        None => Terminal::of(env).refusal(),
    };
    refusal.map_or(Ok(()), |why| Err(Failure::Usage(why)))
}

/// A directory for the sockets and the log of a demo; gone with it.
struct DemoDir(PathBuf);

impl DemoDir {
    fn make(config: &Config, env: &Env) -> Result<Self, Failure> {
        config
            .paths
            .make_runtime_dir(env)
            .map_err(Failure::Failed)?;
        let name = format!("demo-{}", std::process::id());
        let dir = config.paths.runtime_dir.join(name);
        fs::create_dir_all(&dir)
            .map_err(|error| Failure::Failed(format!("cannot make {}: {error}", dir.display())))?;
        Ok(Self(dir))
    }
}

impl Drop for DemoDir {
    fn drop(&mut self) {
        // Nothing of value is in it, and nobody is left to be told.
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn serve(dir: &Path, size: DemoArgs) -> Result<sim::Fleet, Failure> {
    let spec = sim::Spec {
        hosts: size.hosts,
        containers: size.containers,
        spare: sim::Spare {
            images: size.spare_images,
            networks: size.spare_networks,
            volumes: size.spare_volumes,
        },
        seed: size.seed,
        churn: size.churn,
        ..sim::Spec::default()
    };
    sim::serve(dir, spec)
        .await
        .map_err(|error| Failure::Failed(format!("cannot serve the sim: {error}")))
}

/// Writes a wharf.toml that names the hosts of the sim; answers its path.
fn write_configuration(dir: &Path, fleet: &sim::Fleet) -> Result<PathBuf, Failure> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let entry = |host: &sim::SimHost| {
        let socket = fs::canonicalize(&host.socket).unwrap_or_else(|_| host.socket.clone());
        let groups: Vec<String> = host.groups.iter().map(|group| quoted(group)).collect();
        format!(
            "\n[[host]]\nname = {}\nendpoint = {}\nenvironment = {}\ngroups = [{}]\n",
            quoted(&host.name),
            quoted(&format!("unix://{}", socket.display())),
            quoted(&host.environment),
            groups.join(", "),
        )
    };
    let entries: String = fleet.hosts().iter().map(entry).collect();
    let text = format!("# The hosts of a sim; they live as long as it.\n{entries}");
    let path = dir.join("wharf.toml");
    fs::write(&path, text)
        .map_err(|error| Failure::Failed(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

/// `sim serve`.
pub(super) async fn sim(command: &SimCommand) -> Result<Exit, Failure> {
    let SimCommand::Serve { dir, fleet: size } = command;
    let fleet = serve(dir, *size).await?;
    let path = write_configuration(dir, &fleet)?;
    let mut out = Out::take();
    out.lines([format!(
        "{} hosts with {} containers each: wharf --config {}",
        fleet.hosts().len(),
        size.containers,
        path.display()
    )])?;
    out.flush()?;
    drop(out);
    Asked::listen().wait().await;
    // What names hosts that are gone helps nobody.
    let _ = fs::remove_file(&path);
    drop(fleet);
    Ok(Exit::Done)
}

/// `config`.
pub(super) fn configuration(
    command: ConfigCommand,
    flags: &Flags,
    env: &Env,
) -> Result<Exit, Failure> {
    let mut out = Out::take();
    let exit = match command {
        ConfigCommand::Example => {
            out.bytes(config::EXAMPLE.as_bytes())?;
            Exit::Done
        }
        ConfigCommand::Path => {
            let config = Config::load(flags, env);
            out.lines([config.paths.config_file.display().to_string()])?;
            Exit::Done
        }
        ConfigCommand::Check => {
            let config = Config::load(flags, env);
            let mut notices = config.notices.clone();
            notices.extend(console::check(&config));
            out.lines(notices.iter().map(ToString::to_string))?;
            let (hosts, wrong) = (config.hosts.len(), notices.len());
            let path = config.paths.config_file.display();
            out.lines([match wrong {
                0 => format!("{path}: {hosts} hosts, nothing is wrong"),
                wrong => format!("{path}: {hosts} hosts, {wrong} complaints"),
            }])?;
            if wrong == 0 { Exit::Done } else { Exit::Failed }
        }
    };
    out.flush()?;
    Ok(exit)
}

/// Writes what happens inside into a file: where it is asked for, and always in the console.
pub(super) fn log(options: &Options, config: &Config, is_console: bool) -> Result<(), Failure> {
    let path = match &options.log {
        Some(path) => path,
        None if is_console => &config.log.file,
        None => return Ok(()),
    };
    match open_log(path, config.log.max_size) {
        Ok(file) => {
            let filter = tracing_subscriber::EnvFilter::try_new(&config.log.level)
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_ansi(false)
                .with_writer(Mutex::new(file))
                .init();
            Ok(())
        }
        Err(error) => {
            let text = format!("cannot write the log {}: {error}", path.display());
            if options.log.is_some() {
                return Err(Failure::Failed(text));
            }
            super::complain(&format!("warning: {text}"));
            Ok(())
        }
    }
}

/// Opens the log for appending. One that has grown too large is kept once as `….old`.
fn open_log(path: &Path, max_size: u64) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    if fs::metadata(path).is_ok_and(|found| found.len() > max_size) {
        let mut old = path.as_os_str().to_owned();
        old.push(".old");
        fs::rename(path, old)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}
