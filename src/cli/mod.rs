//! The same sentences without a screen: from a shell, for people and for machines.

mod act;
mod app;
mod args;
mod audit;
mod balancer;
mod builds;
mod catalog;
mod deploy;
mod discovery;
mod docs;
mod exec;
mod exit;
mod inventory;
mod jenkins;
mod json;
mod list;
mod logs;
mod network;
mod notify;
mod output;
mod pipeline;
mod reach;
mod registry;
mod report;
mod scaling;
mod setting;
mod setup;
mod show;
mod signals;
mod swarm;
mod table;
mod template;
mod volume;
mod work;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    num::NonZeroUsize,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::worker::Shift;

use self::{
    args::{Cli, Command, Options},
    exit::{Exit, Failure},
    output::Screen,
    reach::Reached,
    signals::unless_asked,
};
use crate::{
    config::{self, Config, Env, Flags},
    model::{DatabasePlace, Event, Feed, Fleet, Host, HostSpec, Origin, release::Deploys},
    ops::{
        AppCommand, AuditCommand, ContainerCommand, HostCommand, ImageCommand, NetworkCommand,
        Role, Sentence, VolumeCommand,
    },
};

/// How long connections may take to end.
const CLEANING: Duration = Duration::from_millis(300);

/// More workers than this would wait for each other.
const MOST_WORKERS: usize = 6;

/// What a command works with.
pub(super) struct Session {
    options: Options,
    env: Env,
    config: Config,
    screen: Screen,
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let arguments = config::arguments();
    let env = Env::of_process();
    let cli = match parse(&arguments, &env) {
        Ok(cli) => cli,
        Err(error) => {
            // Whoever closed the pipe needs neither help nor error.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
            .into();
        }
    };
    match run(cli, env) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.is_quiet() {
                complain(&failure.to_string());
            }
            failure.exit().into()
        }
    }
}

/// How many threads work besides the first one, which has the screen: each costs memory, and a fleet of hundreds of
/// hosts keeps few of them busy.
fn workers() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    processors.saturating_sub(1).clamp(1, MOST_WORKERS)
}

/// Says on standard error what went wrong.
fn complain(text: &str) {
    // A closed pipe does not stop what goes on.
    let _ = writeln!(io::stderr(), "wharf: {text}");
}

/// Reads the command line. In a read-only run the help does not know what changes something.
fn parse(arguments: &[OsString], env: &Env) -> Result<Cli, clap::Error> {
    let parsed = Cli::command().try_get_matches_from(arguments);
    let matches = match parsed {
        Err(error) if !error.use_stderr() && docs::is_read_only(arguments, env) => {
            docs::grammar(true).try_get_matches_from(arguments)?
        }
        parsed => parsed?,
    };
    Cli::from_arg_matches(&matches)
}

/// Does what was said.
fn run(cli: Cli, env: Env) -> Result<Exit, Failure> {
    let screen = Screen::of_process(&cli.options, &env);
    match cli.command {
        Some(Command::Completions { shell }) => {
            docs::completions(shell, &cli.options.flags(), &env)
        }
        Some(Command::Man { dir }) => docs::manual(dir.as_deref()),
        Some(Command::Config(command)) => setup::configuration(command, &cli.options.flags(), &env),
        command => {
            let config = Config::load(&cli.options.flags(), &env);
            setup::log(&cli.options, &config, command.is_none())?;
            let session = Session {
                options: cli.options,
                env,
                config,
                screen,
            };
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(workers())
                .enable_all()
                .build()
                .map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
            let exit = runtime.block_on(session.perform(command));
            // Connections have a moment to clean up behind themselves; slow ones hold up nobody.
            runtime.shutdown_timeout(CLEANING);
            exit
        }
    }
}

impl Session {
    async fn perform(&self, command: Option<Command>) -> Result<Exit, Failure> {
        match command {
            None => setup::console(self).await,
            Some(Command::Demo(size)) => setup::demo(self, size).await,
            Some(Command::Worker { once, runs }) => {
                let shift = match (once, runs) {
                    (_, true) => Shift::Runs,
                    (true, false) => Shift::Once,
                    (false, false) => Shift::Lasting,
                };
                work::work(self, shift).await
            }
            Some(Command::Sim(command)) => setup::sim(&command).await,
            Some(Command::Say(sentence)) => {
                self.warn();
                Box::pin(self.say(&sentence)).await
            }
            Some(Command::Config(_) | Command::Completions { .. } | Command::Man { .. }) => {
                Ok(Exit::Usage)
            }
        }
    }

    async fn say(&self, sentence: &Sentence) -> Result<Exit, Failure> {
        match sentence.role() {
            Role::Act | Role::Look => return act::act(self, sentence).await,
            Role::Deploy => return deploy::act(self, sentence).await,
            Role::Configure => {
                return match sentence {
                    Sentence::Host(HostCommand::Import(args)) => {
                        inventory::import(self, sentence, args).await
                    }
                    _ => act::configure(self, sentence).await,
                };
            }
            Role::Terminal => return exec::terminal(self, sentence).await,
            Role::Query => {}
        }
        let answer = unless_asked(Box::pin(self.ask(sentence))).await;
        answer.unwrap_or(Ok(Exit::Interrupted))
    }

    async fn ask(&self, sentence: &Sentence) -> Result<Exit, Failure> {
        match sentence {
            Sentence::Host(HostCommand::List(args)) => list::hosts(self, args).await,
            Sentence::Host(HostCommand::Export(args)) => inventory::export(self, args),
            Sentence::Host(_) => show::hosts(self, sentence).await,
            Sentence::Container(ContainerCommand::List(args)) => list::containers(self, args).await,
            Sentence::Container(ContainerCommand::Top { .. }) => show::top(self, sentence).await,
            Sentence::Container(ContainerCommand::Changes { .. }) => {
                show::changes(self, sentence).await
            }
            Sentence::Container(_) => show::containers(self, sentence).await,
            Sentence::App(AppCommand::List(args)) => app::list(self, args).await,
            Sentence::App(AppCommand::Show { name, env }) => {
                app::show(self, name, env.as_deref()).await
            }
            Sentence::App(AppCommand::Releases(place)) => deploy::releases(self, place).await,
            Sentence::App(AppCommand::Deploys { all }) => deploy::deploys(self, *all).await,
            Sentence::App(AppCommand::Autoscale) => scaling::autoscale(self).await,
            Sentence::App(AppCommand::Approvals { all }) => deploy::approvals(self, *all).await,
            Sentence::Image(ImageCommand::List(args)) => list::images(self, args).await,
            Sentence::Image(ImageCommand::Builds(args)) => builds::list(self, args).await,
            Sentence::Image(ImageCommand::BuildLog { number }) => builds::log(self, *number).await,
            Sentence::Network(NetworkCommand::List(args)) => list::networks(self, args).await,
            Sentence::Network(NetworkCommand::Show { .. }) => network::show(self, sentence).await,
            Sentence::Subnet(command) => network::subnets(self, command).await,
            Sentence::Volume(VolumeCommand::List(args)) => list::volumes(self, args).await,
            Sentence::Volume(VolumeCommand::Show { .. }) => volume::show(self, sentence).await,
            Sentence::Volume(VolumeCommand::Browse(args)) => {
                volume::browse(self, sentence, args).await
            }
            Sentence::Volume(VolumeCommand::Backups(args)) => volume::backups(self, args).await,
            // Their roles are not those of questions.
            Sentence::App(_) | Sentence::Image(_) | Sentence::Network(_) | Sentence::Volume(_) => {
                Ok(Exit::Usage)
            }
            Sentence::Pipeline(command) => pipeline::ask(self, command).await,
            Sentence::Notify(command) => notify::ask(self, command).await,
            Sentence::Registry(command) => registry::ask(self, command).await,
            Sentence::Balancer(command) => balancer::ask(self, command).await,
            Sentence::Jenkins(command) => jenkins::ask(self, command).await,
            Sentence::Discovery(command) => discovery::ask(self, command).await,
            Sentence::Swarm(_)
            | Sentence::Node(_)
            | Sentence::Service(_)
            | Sentence::Secret(_)
            | Sentence::SwarmConfig(_) => swarm::ask(self, sentence).await,
            Sentence::Logs(args) => logs::logs(self, sentence, args).await,
            Sentence::Audit(AuditCommand::List { list, number }) => {
                audit::list(self, list, *number).await
            }
            Sentence::Audit(AuditCommand::Verify) => audit::verify(self).await,
            Sentence::Setting(command) => setting::list(self, command),
            Sentence::Template(command) => template::template(self, command).await,
        }
    }

    /// Says what is wrong with the configuration.
    fn warn(&self) {
        for notice in &self.config.notices {
            complain(&format!("warning: {notice}"));
        }
    }

    /// Reaches the hosts that are needed, until their containers are listed.
    async fn reach(&self, needed: impl Fn(&HostSpec) -> bool) -> Result<Reached, Failure> {
        let patience = self.options.timeout;
        Reached::hosts(&self.config, patience, needed, |host| host.listed).await
    }

    /// Reaches the hosts that are needed, until their engines have introduced themselves too.
    async fn reach_known(&self, needed: impl Fn(&HostSpec) -> bool) -> Result<Reached, Failure> {
        let is_ready = |host: &Host| host.listed && host.engine.is_some();
        Reached::hosts(&self.config, self.options.timeout, needed, is_ready).await
    }

    /// Reaches the hosts that are needed, until their images, networks and volumes are known, with what uses them.
    async fn reach_resources(
        &self,
        needed: impl Fn(&HostSpec) -> bool,
    ) -> Result<Reached, Failure> {
        let mut reached = self.reach_known(needed).await?;
        reached
            .ask(Feed::Resources, |host| host.disk.is_some())
            .await;
        let fleet = &reached.fleet;
        let is_known = |host: &Host| {
            host.images.is_some() && host.networks.is_some() && host.volumes.is_some()
        };
        reached
            .missing
            .retain(|name, _| !fleet.host(name).is_some_and(is_known));
        Ok(reached)
    }

    /// Reaches the hosts that are needed, until their networks are known.
    async fn reach_networks(&self, needed: impl Fn(&HostSpec) -> bool) -> Result<Reached, Failure> {
        let mut reached = self.reach_known(needed).await?;
        reached
            .ask(Feed::Resources, |host| host.networks.is_some())
            .await;
        let fleet = &reached.fleet;
        let is_known = |host: &Host| host.networks.is_some();
        reached
            .missing
            .retain(|name, _| !fleet.host(name).is_some_and(is_known));
        Ok(reached)
    }

    /// Tells a fleet which of its hosts are in maintenance. Where there is no store yet, none is; one that cannot be
    /// read is told.
    async fn know_maintenance(&self, fleet: &mut Fleet) {
        if let DatabasePlace::File(path) = &self.config.store.database
            && !path.exists()
        {
            return;
        }
        match self.store().maintenances().await {
            Ok(all) => fleet.apply(Event::Maintenance(all.into_iter().map(Arc::new).collect())),
            Err(error) => complain(&format!("warning: {error}")),
        }
    }

    /// Tells a fleet what was deployed to it. Where there is no store yet, nothing was; one that cannot be read is told.
    async fn know_deploys(&self, fleet: &mut Fleet) {
        if let DatabasePlace::File(path) = &self.config.store.database
            && !path.exists()
        {
            return;
        }
        match self.store().deployed(&Deploys::default(), None, true).await {
            Ok(all) => fleet.apply(Event::Deploys(Box::new(all))),
            Err(error) => complain(&format!("warning: {error}")),
        }
    }

    /// Who acts here.
    fn origin(&self, through: &str) -> Origin {
        config::origin(&self.env, through)
    }

    fn flags(&self) -> Flags {
        self.options.flags()
    }
}

/// Says which hosts could not be reached; the answer is not complete without them.
fn missing(reached: &Reached) -> Exit {
    for (host, why) in &reached.missing {
        complain(&format!("{host} could not be asked: {why}"));
    }
    if reached.missing.is_empty() {
        Exit::Done
    } else {
        Exit::Unreached
    }
}
