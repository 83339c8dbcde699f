//! Performs effects: starts and ends background work, and sends back what comes of it.

mod edit;

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc, time::Instant};

use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, watch},
    task::{JoinSet, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

use super::{
    Setup, asking, clipboard,
    hand::Hand,
    log::Log,
    registry_settings,
    reveal::reveal,
    runs,
    save::{Unsaved, save},
    secrets, shell, welcome,
};
use crate::{
    catalog::Catalog,
    clients::{
        balancer::Balancers, discovery::Discoveries, jenkins::Servers, registry::Registries,
    },
    config::{self, Config, Flags, Paths},
    engine::{Engines, ExecSpec},
    logs::Excerpt,
    model::{
        Action, Event, Fleet, HostName, Origin, Outcome, Place, Step, Timestamp,
        app::{CatalogSource, Severity},
        release::{Scope, Secrets},
    },
    ops::{
        self, Crew, Export, Plan, Progress, Sentence,
        deploy::{Desk, Task},
    },
    store::Store,
    ui::{Act, Effect, Masked, Msg, RunsWanted, message::Level, runs::RunId},
};

/// Does what the console is asked to do.
pub struct Performer {
    engines: Engines,
    registries: Registries,
    balancers: Balancers,
    jenkins: Servers,
    discoveries: Discoveries,
    secrets: Secrets,
    store: Store,
    log: Log,
    origin: Origin,
    config: Config,
    flags: Flags,
    /// The user's own configuration, also where the fleet is not theirs.
    own: Own,
    /// The fleet is from memory.
    is_lent: bool,
    /// What the terminal can show.
    terminal: config::Terminal,
    inbox: mpsc::Sender<Msg>,
    runs: BTreeMap<RunId, CancellationToken>,
    /// What is looked at of runs of pipelines.
    wanted_runs: watch::Sender<Option<RunsWanted>>,
    /// Something was put into the queue of runs.
    asked: Arc<Notify>,
    tasks: JoinSet<()>,
    workers: Handle,
}

impl Performer {
    /// Starts reading the log of acts and the remembered settings. All work is done by `workers`.
    pub fn new(setup: Setup, engines: Engines, inbox: mpsc::Sender<Msg>, workers: Handle) -> Self {
        let _in_background = workers.enter();
        let store = Store::detached(&setup.config.store);
        let (wanted_runs, wanted) = watch::channel(None);
        let mut tasks = JoinSet::new();
        let source = if setup.label.is_some() {
            runs::Source::Demo(Timestamp::now())
        } else {
            let directory = setup.config.pipelines.directory.clone();
            runs::Source::Store(store.clone(), directory)
        };
        let config = &setup.config;
        let is_willing = setup.label.is_none() && config.pipelines.console && !config.read_only;
        let program = config::program().ok().filter(|_| is_willing);
        let hand = program.map(|program| Hand::new(program, setup.flags.arguments()));
        let asked = Arc::new(Notify::new());
        let following = runs::follow(source, hand, Arc::clone(&asked), wanted, inbox.clone());
        tasks.spawn_on(following, &workers);
        Self {
            log: Log::follow(store.clone(), inbox.clone()),
            discoveries: ops::discoveries_over(
                &engines,
                setup.config.discoveries.iter().cloned(),
                secrets(&setup.config),
            ),
            balancers: ops::balancers_over(&engines, setup.config.balancers.iter().cloned()),
            jenkins: Servers::new(setup.config.jenkins.iter().cloned(), secrets(&setup.config)),
            engines,
            registries: Registries::new(registry_settings(&setup.config)),
            secrets: secrets(&setup.config),
            store,
            origin: setup.origin,
            config: setup.config,
            flags: setup.flags,
            own: setup.own,
            is_lent: setup.label.is_some(),
            terminal: config::Terminal::of(&config::Env::of_process()),
            inbox,
            runs: BTreeMap::new(),
            wanted_runs,
            asked,
            tasks,
            workers: workers.clone(),
        }
    }

    /// The hosts.
    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Performs an effect that neither draws nor takes the terminal. What is to be said at once is the answer.
    pub fn perform(&mut self, effect: Effect) -> Vec<Msg> {
        while self.tasks.try_join_next().is_some() {}
        match effect {
            Effect::Run(id, act) => self.run(id, *act),
            Effect::Ask(id, sentence) => self.ask(id, &sentence),
            Effect::Prepare(sentence, fleet) => self.prepare(sentence, fleet.0),
            Effect::Cancel(id) => {
                if let Some(token) = self.runs.get(&id) {
                    token.cancel();
                }
            }
            Effect::Reconnect(hosts) => hosts.iter().for_each(|host| self.engines.reconnect(host)),
            Effect::Remember(key, value) => self.remember(key, value),
            Effect::Audit => self.audit(),
            Effect::Export(path, export) => self.export(path, export),
            Effect::Save {
                path,
                lines,
                replace,
            } => self.save(path, lines, replace),
            Effect::Reveal(act, masked) => self.reveal(*act, masked),
            Effect::Configure(sentence, plan) => self.configure(*sentence, *plan),
            Effect::Apply(key, value) => return self.apply(key, &value),
            Effect::Look => self.look(),
            Effect::Take(taken) => self.take(taken),
            Effect::Terminal(..)
            | Effect::Login(_)
            | Effect::Copy(_)
            | Effect::Redraw
            | Effect::Suspend
            | Effect::Reopen
            | Effect::Demo
            | Effect::Quit => {}
        }
        Vec::new()
    }

    /// Reads the templates, and tells them.
    pub fn read_templates(&mut self) {
        self.work(tell_templates(
            self.config.catalogs.clone(),
            self.inbox.clone(),
        ));
    }

    /// Has the releases of that app told from now on.
    pub fn follow_app(&self, scope: Option<Scope>) {
        self.log.follow_app(scope);
    }

    /// Reads runs of pipelines as long as they are looked at.
    pub fn want_runs(&self, wanted: Option<RunsWanted>) {
        self.wanted_runs.send_if_modified(|known| {
            let is_other = *known != wanted;
            *known = wanted;
            is_other
        });
    }

    fn work(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.workers);
    }

    fn run(&mut self, id: RunId, act: Act) {
        let token = CancellationToken::new();
        self.runs.insert(id, token.clone());
        let crew = self.crew();
        let (store, origin, inbox) = (self.store.clone(), self.origin.clone(), self.inbox.clone());
        let log = self.log.clone();
        let asked = Arc::clone(&self.asked);
        self.work(async move {
            let (report, mut reports) = mpsc::unbounded_channel();
            let forward = {
                let inbox = inbox.clone();
                tokio::spawn(async move {
                    while let Some(progress) = reports.recv().await {
                        if let Progress::Ended(_) = progress {
                            log.look().await;
                        }
                        // A console that is gone needs no report.
                        let _ = inbox.send(Msg::Run(id, progress)).await;
                    }
                })
            };
            let result = ops::carry_out(
                &act.plan,
                &origin,
                act.reason.as_deref(),
                &crew,
                &store,
                token,
                move |progress| {
                    // The other end lives as long as this one.
                    let _ = report.send(progress);
                },
            )
            .await;
            let _ = forward.await;
            if let Some(Task::Pipeline(_)) = act.plan.deploy.as_deref() {
                asked.notify_one();
            }
            if let Err(error) = result {
                let _ = inbox.send(Msg::RunRefused(id, error.to_string())).await;
            }
        });
    }

    fn crew(&self) -> Crew {
        Crew {
            engines: self.engines.clone(),
            registries: self.registries.clone(),
            balancers: self.balancers.clone(),
            jenkins: self.jenkins.clone(),
            discoveries: self.discoveries.clone(),
            secrets: self.secrets.clone(),
        }
    }

    /// Reads what a deploy is planned from, and plans it.
    fn prepare(&mut self, sentence: Box<Sentence>, fleet: Box<Fleet>) {
        let (crew, store, inbox) = (self.crew(), self.store.clone(), self.inbox.clone());
        let (catalogs, by) = (self.config.catalogs.clone(), self.origin.signature());
        let trust = self.config.trust.clone();
        let pipelines = self.config.pipelines.directory.clone();
        self.work(async move {
            let desk = Desk {
                crew: &crew,
                store: &store,
                fleet: &fleet,
                catalogs: &catalogs,
                pipelines: &pipelines,
                trust: &trust,
                by: &by,
            };
            let planned = ops::deploy::prepare(&desk, &sentence).await;
            let planned = planned.map(Box::new).map_err(|refusal| refusal.to_string());
            // A console that is gone asks nobody.
            let _ = inbox.send(Msg::Prepared(sentence, planned)).await;
        });
    }

    /// Asks a question as a shell would: by this program itself, so that there is one answer to it.
    fn ask(&mut self, id: RunId, sentence: &str) {
        let token = CancellationToken::new();
        self.runs.insert(id, token.clone());
        let arguments = self.flags.arguments();
        let words = shlex::split(sentence).unwrap_or_default();
        let inbox = self.inbox.clone();
        let update = words.join(" ").starts_with("template update");
        let catalogs = update.then(|| self.config.catalogs.clone());
        self.work(async move {
            let start = Instant::now();
            let ended = tokio::select! {
                ended = asking::ask(&arguments, &words, id, &inbox) => Some(ended),
                () = token.cancelled() => None,
            };
            let outcome = match &ended {
                None => Outcome::Cancelled { done: 0 },
                Some(Ok(())) => Outcome::Done {
                    detail: String::new(),
                },
                Some(Err(why)) => Outcome::Failed {
                    done: 0,
                    failed: 1,
                    detail: why.clone(),
                },
            };
            let ended = ended.map(|ended| ended.map(|()| String::new()));
            let step = ended.map(|ended| Progress::StepEnded(0, ended, start.elapsed()));
            for progress in step.into_iter().chain([Progress::Ended(outcome)]) {
                // A console that is gone needs no answer.
                let _ = inbox.send(Msg::Run(id, progress)).await;
            }
            if let Some(catalogs) = catalogs {
                tell_templates(catalogs, inbox).await;
            }
        });
    }

    fn remember(&mut self, key: String, value: String) {
        let (store, inbox) = (self.store.clone(), self.inbox.clone());
        self.work(async move {
            if let Err(error) = store.set_setting(&key, &value).await {
                let _ = inbox
                    .send(Msg::Say(Level::Warning, format!("not remembered: {error}")))
                    .await;
            }
        });
    }

    fn reveal(&mut self, act: Act, masked: Masked) {
        let (store, origin, inbox) = (self.store.clone(), self.origin.clone(), self.inbox.clone());
        self.work(async move {
            for msg in reveal(&act, masked, &origin, &store).await {
                // A console that is gone shows nothing.
                let _ = inbox.send(msg).await;
            }
        });
    }

    /// Writes the hosts into a file that is not there yet.
    fn export(&mut self, path: PathBuf, export: Export) {
        let path = self.at_home(path);
        self.write(move || {
            let text = export.text.as_bytes();
            let place = path.display();
            match save(&path, false, |file| file.write_all(text)) {
                Ok(()) => Msg::Say(
                    Level::Info,
                    format!("{} hosts are in {place}", export.hosts),
                ),
                Err(Unsaved::Exists(_)) => {
                    let text = format!("{place} is there already; name another file");
                    Msg::Say(Level::Warning, text)
                }
                Err(Unsaved::Failed(why)) => Msg::Say(Level::Error, why),
            }
        });
    }

    /// Writes lines into a file; over one that is there only when that was agreed to.
    fn save(&mut self, path: PathBuf, lines: Box<Excerpt>, replace: bool) {
        let path = self.at_home(path);
        self.write(
            move || match save(&path, replace, |file| lines.write(file)) {
                Ok(()) => {
                    let text = format!("{} lines are in {}", lines.len(), path.display());
                    Msg::Say(Level::Info, text)
                }
                Err(Unsaved::Exists(size)) => {
                    let agreed = Effect::Save {
                        path: path.clone(),
                        lines,
                        replace: true,
                    };
                    Msg::Exists(path, size, Box::new(agreed))
                }
                Err(Unsaved::Failed(why)) => Msg::Say(Level::Error, why),
            },
        );
    }

    /// The path with the home in the place of `~`.
    fn at_home(&self, path: PathBuf) -> PathBuf {
        match path.strip_prefix("~") {
            Ok(rest) => self.config.paths.home.join(rest),
            Err(_) => path,
        }
    }

    /// Does what waits for a disk, and tells what came of it.
    fn write(&mut self, write: impl FnOnce() -> Msg + Send + 'static) {
        let inbox = self.inbox.clone();
        self.work(async move {
            if let Ok(msg) = tokio::task::spawn_blocking(write).await {
                // A console that is gone needs no news.
                let _ = inbox.send(msg).await;
            }
        });
    }

    fn audit(&mut self) {
        let (store, inbox) = (self.store.clone(), self.inbox.clone());
        self.work(async move {
            let msg = match store.verify().await {
                Ok(found) if found.faults.is_empty() => {
                    let head = found.head.get(..16).unwrap_or(&found.head);
                    Msg::Say(
                        Level::Info,
                        format!(
                            "the operations log is whole: {} entries, head {head}",
                            found.entries
                        ),
                    )
                }
                Ok(found) => Msg::Say(
                    Level::Error,
                    format!(
                        "the operations log was tampered with: {}",
                        found.faults.join("; ")
                    ),
                ),
                Err(error) => Msg::Say(Level::Error, error.to_string()),
            };
            let _ = inbox.send(msg).await;
        });
    }

    /// Looks for what could be hosts. What a first start shows is seen with it.
    fn look(&mut self) {
        config::remember_start(&self.own.paths);
        let mut config = self.config.clone();
        config.paths = self.own.paths.clone();
        self.work(welcome::look(config, self.inbox.clone()));
    }

    fn take(&mut self, taken: Vec<(Sentence, Plan)>) {
        // A fleet that is not the user's own gives way to it.
        let engines = (!self.is_lent).then(|| self.engines.clone());
        let (own, origin, inbox) = (self.own.clone(), self.origin.clone(), self.inbox.clone());
        self.work(welcome::take(taken, own, origin, engines, inbox));
    }

    /// Runs a command in a container with the terminal handed over, and records it.
    pub async fn terminal_step(&self, act: Act, step: Step) -> Vec<Msg> {
        let Some((id, name)) = step.container() else {
            return Vec::new();
        };
        let Action::Exec { command, user } = &step.action else {
            return Vec::new();
        };
        let spec = ExecSpec {
            command: command.clone(),
            user: user.clone(),
            tty: true,
            size: None,
        };
        let work = async {
            match Box::pin(shell::exec(&self.engines, &step.host, id, spec)).await {
                Ok(code) => Outcome::Done {
                    detail: code.map_or_else(String::new, |code| format!("exit code {code}")),
                },
                Err(why) => Outcome::Failed {
                    done: 0,
                    failed: 1,
                    detail: why,
                },
            }
        };
        let ended = ops::recorded(
            &act.plan,
            &self.origin,
            act.reason.as_deref(),
            &self.store,
            &|_| {},
            work,
        )
        .await;
        let said = match ended {
            Ok(Outcome::Failed { detail, .. }) => Msg::Say(Level::Error, detail),
            Ok(_) => Msg::Say(Level::Info, format!("back from {name}@{}", step.host)),
            Err(error) => Msg::Say(Level::Error, error.to_string()),
        };
        vec![said]
    }

    /// Puts text where it can be had that the clipboard cannot take, and says where that is.
    pub fn keep(&self, text: &str, why: &str) -> Msg {
        let paths = &self.config.paths;
        let path = paths.runtime_dir.join("copied");
        let made = paths.make_runtime_dir(&config::Env::of_process());
        let kept = made.and_then(|()| {
            let kept = clipboard::keep(text, &path);
            kept.map_err(|error| format!("{} cannot be written: {error}", path.display()))
        });
        match kept {
            Ok(()) => {
                let text = format!("{why}; the text is in {}", path.display());
                Msg::Say(Level::Warning, text)
            }
            Err(error) => Msg::Say(Level::Error, format!("{why}, and {error}")),
        }
    }

    /// Logs in to a host with the terminal handed over.
    pub async fn login(&self, host: HostName) -> Vec<Msg> {
        match shell::login(&self.engines, &host).await {
            Ok(()) => vec![Msg::Say(Level::Info, format!("logged in to {host}"))],
            Err(why) => vec![Msg::Say(Level::Error, why)],
        }
    }
}

/// The user's own configuration: what it is read with, where it is, and the log in which its changes are recorded.
#[derive(Clone, Debug)]
pub struct Own {
    /// What it is read with.
    pub flags: Flags,
    /// Where it is.
    pub paths: Paths,
    /// The log.
    pub store: Place,
}

/// Reads the templates of all catalogs, and tells them.
async fn tell_templates(catalogs: Vec<CatalogSource>, inbox: mpsc::Sender<Msg>) {
    let read = spawn_blocking(move || Catalog::read(&catalogs)).await;
    let mut catalog = read.unwrap_or_default();
    catalog.told.retain(|one| one.severity != Severity::Note);
    let event = Event::Templates(catalog.templates.into(), catalog.told.into());
    // A console that is gone needs no news.
    let _ = inbox.send(Msg::Event(event)).await;
}
