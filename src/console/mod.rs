//! The full-screen console: one task owns the screen and the state; everything else sends messages.

mod asking;
mod clipboard;
mod decode;
mod hand;
mod keys;
mod log;
mod looks;
mod opening;
mod outlet;
mod painter;
mod perform;
mod reveal;
mod runs;
mod save;
pub mod shell;
mod slow;
pub mod terminal;
mod tty;
mod welcome;

use std::{collections::BTreeSet, io, time::Duration};

use crossterm::event::{Event as Input, KeyEventKind};
use tokio::{
    runtime::{Builder, Handle},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::block_in_place,
    time::{Instant as Moment, MissedTickBehavior, interval, sleep_until},
};

use self::{decode::Heard, keys::Keys, perform::Performer, terminal::Screen};
pub use self::{
    looks::{check, settings},
    perform::Own,
};
use crate::{
    clients,
    config::{self, Config, Env, Flags, SecretFiles},
    engine::{self, Engines, Signal},
    model::{
        Event, Feed, HostSpec, Origin, Timestamp, registry,
        release::{Scope, Secrets},
        setting::Key,
    },
    ui::{Effect, Msg, Ui, keymap::wheel, message::Level},
};

/// Frames follow each other not faster than this, unless a key was pressed.
const FRAME: Duration = Duration::from_millis(16);
/// Between frames that no key asked for lies so many times what a frame costs: in a large fleet something always
/// changes, and drawing it may not take more than a small part of a processor.
const REST: u32 = 20;
/// But never more than this: what breaks is to be seen.
const LONGEST_REST: Duration = Duration::from_millis(500);
/// For so long after the start drawing may take half of the time: somebody waits for what is not yet there.
const OPENING: Duration = Duration::from_secs(2);
/// What comes together is drawn together.
const TOGETHER: Duration = Duration::from_millis(1);
/// How many messages are taken in before the screen gets its turn.
const BATCH: usize = 256;
/// How many rows a notch of the mouse wheel moves.
const WHEEL: usize = 3;
/// How many messages may wait.
const INBOX: usize = 1024;

/// What a console is opened with.
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// What it was read with, to read it again.
    pub flags: Flags,
    /// The user's own configuration, also where the fleet is from memory.
    pub own: Own,
    /// Who works here.
    pub origin: Origin,
    /// The hosts to show.
    pub hosts: Vec<HostSpec>,
    /// What could be hosts is shown first.
    pub welcome: bool,
    /// A label for a fleet that is not real.
    pub label: Option<&'static str>,
    /// What to tell the operator first.
    pub notices: Vec<String>,
}

/// How a console was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// For good.
    Quit,
    /// To be opened anew on what is configured now.
    Reopen,
    /// To look at the demo.
    Demo,
}

/// Opens the console and returns when it is left. The runtime around, which must have threads of its own, does the work;
/// this thread has one for keys and frames alone, so that a key needs no other thread to run, however busy the machine is.
pub fn run(setup: Setup) -> io::Result<Left> {
    let workers = Handle::current();
    block_in_place(|| {
        let screen = Builder::new_current_thread().enable_all().build()?;
        screen.block_on(open(setup, workers))
    })
}

async fn open(setup: Setup, workers: Handle) -> io::Result<Left> {
    let (inbox, messages) = mpsc::channel(INBOX);
    let (signals, from_engines) = mpsc::channel(INBOX);
    let engines = {
        let _in_background = workers.enter();
        Engines::start(engine_settings(&setup.config), signals)
    };
    engines.set_hosts(setup.hosts.clone());
    let terminal = config::Terminal::of(&Env::of_process());
    let mut ui = opening::new_ui(&setup, &terminal);
    let screen = Screen::take(opening::manner(&setup.config, &terminal))?;
    let (width, height) = screen.size()?;
    ui.update(Msg::Resize(width, height));
    ui.update(Msg::Event(Event::Tick(Timestamp::now())));
    for notice in &setup.notices {
        ui.say(Level::Warning, notice.clone());
    }
    let start = if setup.welcome {
        Some("pane welcome".to_owned())
    } else {
        setup.config.start.clone()
    };
    let performer = Performer::new(setup, engines, inbox, workers);
    let mut console = Console {
        ui,
        screen,
        terminal,
        performer,
        messages,
        from_engines,
        wanted: BTreeSet::new(),
        asked_templates: false,
        app: None,
        rest: TOGETHER,
        opened: Moment::now(),
        drawn: Moment::now(),
    };
    Box::pin(console.run(start.as_deref())).await
}

/// The one owner of state and screen.
struct Console {
    ui: Ui,
    screen: Screen,
    terminal: config::Terminal,
    performer: Performer,
    messages: mpsc::Receiver<Msg>,
    from_engines: mpsc::Receiver<Signal>,
    wanted: BTreeSet<Feed>,
    asked_templates: bool,
    /// The app whose releases are wanted.
    app: Option<Scope>,
    /// How long after the last frame the next may follow, unless a key is pressed.
    rest: Duration,
    opened: Moment,
    drawn: Moment,
}

/// Whether the console goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Left(Left),
}

impl Console {
    /// Runs until it is left; `start` is what is said first.
    async fn run(&mut self, start: Option<&str>) -> io::Result<Left> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut input = Keys::read()?;
        let mut signals = Vec::with_capacity(BATCH);
        let mut messages = Vec::with_capacity(BATCH);
        let mut due = Some(Moment::now());
        if let Some(line) = start {
            let effects = self.ui.say_line(line);
            if let Flow::Left(left) = Box::pin(self.perform(effects, &mut input)).await? {
                return Ok(left);
            }
        }
        loop {
            // A timer would come up to a millisecond late, and keys would be looked for meanwhile.
            if due.is_some_and(|frame| frame <= Moment::now()) {
                due = self.draw()?;
            }
            let frame = due.unwrap_or_else(Moment::now);
            let mut effects = Vec::new();
            tokio::select! {
                biased;
                () = sleep_until(frame), if due.is_some() => continue,
                event = input.next() => {
                    // A terminal that is gone is no error: there is nobody to be told of it.
                    let Ok(more) = event.and_then(|first| self.typed(first, &mut input)) else {
                        return Ok(Left::Quit);
                    };
                    effects = more;
                    due = Some(Moment::now());
                }
                count = self.from_engines.recv_many(&mut signals, BATCH) => {
                    if count == 0 { return Ok(Left::Quit); }
                    for signal in signals.drain(..) {
                        effects.extend(self.ui.update(match signal {
                            Signal::Event(event) => Msg::Event(event),
                            Signal::Feed(feed, payload, _room) => Msg::Feed(feed, payload),
                        }));
                    }
                    due = due.or_else(|| Some(self.next_frame()));
                }
                count = self.messages.recv_many(&mut messages, BATCH) => {
                    if count == 0 { return Ok(Left::Quit); }
                    for message in messages.drain(..) {
                        effects.extend(self.ui.update(message));
                    }
                    due = due.or_else(|| Some(self.next_frame()));
                }
                _ = tick.tick() => {
                    effects = self.ui.update(Msg::Event(Event::Tick(Timestamp::now())));
                    due = due.or_else(|| Some(Moment::now()));
                }
                _ = terminate.recv() => return Ok(Left::Quit),
                _ = hangup.recv() => return Ok(Left::Quit),
                _ = interrupt.recv() => return Ok(Left::Quit),
            }
            if let Flow::Left(left) = Box::pin(self.perform(effects, &mut input)).await? {
                return Ok(left);
            }
        }
    }

    /// Draws, and asks for what the panes on the screen want to see. When to draw again is the answer, if not all of
    /// it could be written.
    fn draw(&mut self) -> io::Result<Option<Moment>> {
        let start = Moment::now();
        let wanted = self.ui.wants();
        if wanted != self.wanted {
            self.performer.engines().want(wanted.clone());
            self.wanted = wanted;
        }
        if !self.asked_templates && self.ui.wants_templates() {
            self.asked_templates = true;
            self.performer.read_templates();
        }
        let app = self.ui.looks_at_app();
        if app != self.app {
            self.performer.follow_app(app.clone());
            self.app = app;
        }
        self.performer.want_runs(self.ui.wants_runs());
        let ui = &mut self.ui;
        let drawn = self.screen.draw(|frame| ui.view(frame));
        self.drawn = Moment::now();
        let cost = self.drawn - start;
        self.rest = if start - self.opened < OPENING {
            cost.max(TOGETHER)
        } else {
            (cost * REST).clamp(FRAME, LONGEST_REST)
        };
        // What is worked out in portions goes on after a look for keys.
        let more = self.ui.has_work().then(|| self.drawn + TOGETHER);
        drawn.map(|next| next.or(more))
    }

    /// When what no key asked for is drawn.
    fn next_frame(&self) -> Moment {
        (Moment::now() + TOGETHER).max(self.drawn + self.rest)
    }

    /// Takes in what was typed, with all that is already there, so that a held key cannot run ahead
    /// of the screen.
    fn typed(&mut self, first: Heard, input: &mut Keys) -> io::Result<Vec<Effect>> {
        let mut effects = self.take_input(first)?;
        for _ in 1..BATCH {
            if !effects.is_empty() {
                break;
            }
            let Some(event) = input.waiting()? else {
                break;
            };
            effects = self.take_input(event)?;
        }
        Ok(effects)
    }

    fn take_input(&mut self, heard: Heard) -> io::Result<Vec<Effect>> {
        let event = match heard {
            Heard::Event(event) => event,
            Heard::Synchronized(synchronized) => {
                self.screen.answered(synchronized);
                return Ok(Vec::new());
            }
            Heard::Background(_) => return Ok(Vec::new()),
        };
        let ui = &mut self.ui;
        self.screen.before_key(|frame| ui.view(frame))?;
        let msg = match event {
            Input::Key(key) if key.kind != KeyEventKind::Release => Msg::Key(key),
            Input::Paste(text) => Msg::Paste(text),
            Input::Resize(width, height) => {
                self.screen.resize(width, height)?;
                Msg::Resize(width, height)
            }
            Input::Mouse(mouse) => {
                let Some(key) = wheel(mouse) else {
                    return Ok(Vec::new());
                };
                let rows = (0..WHEEL).flat_map(|_| self.ui.update(Msg::Key(key)));
                return Ok(rows.collect());
            }
            Input::Key(_) | Input::FocusGained | Input::FocusLost => return Ok(Vec::new()),
        };
        Ok(self.ui.update(msg))
    }

    async fn perform(&mut self, effects: Vec<Effect>, input: &mut Keys) -> io::Result<Flow> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(Flow::Left(Left::Quit)),
                Effect::Reopen => return Ok(Flow::Left(Left::Reopen)),
                Effect::Demo => return Ok(Flow::Left(Left::Demo)),
                Effect::Redraw => self.screen.redraw()?,
                Effect::Apply(Key::Mouse, value) => self.screen.set_mouse(value == "true")?,
                Effect::Copy(text) => match clipboard::sequence(&text, &self.terminal) {
                    Ok(sequence) => self.screen.send(&sequence)?,
                    Err(why) => {
                        let msg = self.performer.keep(&text, &why);
                        self.ui.update(msg);
                    }
                },
                Effect::Suspend => {
                    self.away(input, |_| async {
                        match shell::suspend() {
                            Ok(()) => Vec::new(),
                            Err(error) => vec![Msg::Say(
                                Level::Error,
                                format!("cannot stop for the shell: {error}"),
                            )],
                        }
                    })
                    .await?;
                }
                Effect::Terminal(plan, step) => {
                    self.away(input, |performer| performer.terminal_step(*plan, *step))
                        .await?;
                }
                Effect::Login(host) => self.away(input, |performer| performer.login(host)).await?,
                other => {
                    for msg in self.performer.perform(other) {
                        self.ui.update(msg);
                    }
                }
            }
        }
        Ok(Flow::On)
    }

    /// Gives the terminal to something else, and takes it back. Keys are read nowhere meanwhile, so that not one
    /// byte is taken from the other.
    async fn away<'a, F>(
        &'a mut self,
        input: &mut Keys,
        what: impl FnOnce(&'a Performer) -> F,
    ) -> io::Result<()>
    where
        F: Future<Output = Vec<Msg>> + 'a,
    {
        self.screen.leave()?;
        let messages = Box::pin(what(&self.performer)).await;
        self.screen.enter()?;
        *input = Keys::read()?;
        let (width, height) = self.screen.size()?;
        self.ui.update(Msg::Resize(width, height));
        for message in messages {
            self.ui.update(message);
        }
        Ok(())
    }
}

/// How hosts are reached, as the configuration says it.
pub fn engine_settings(config: &Config) -> engine::Settings {
    engine::Settings {
        ssh: engine::ssh::Settings {
            config: config.ssh.config.clone(),
            runtime_dir: config.paths.runtime_dir.clone(),
            program: config.ssh.program.clone(),
            concurrent_logins: config.ssh.logins,
            connect_timeout: config.ssh.connect_timeout,
            keepalive: config.ssh.keep_alive,
            ..engine::ssh::Settings::default()
        },
        pace: engine_pace(config),
        scratch: config.paths.cache_dir.join("images"),
        vaults: config.backups.dated(),
        notes: config.backups.notes.clone(),
        operator: config.backups.operator.clone(),
        keys: keys(config),
        variables: engine::Variables::new(|name| crate::config::Env::of_process().text(name)),
        ..engine::Settings::default()
    }
}

/// What opens image registries.
fn keys(config: &Config) -> registry::Keys {
    let registries = config::registry::Registries::of(&config.paths.docker_dir);
    registry::Keys::new(move |registry| registries.key(registry))
}

/// How image registries are reached, as the configuration says it.
pub fn registry_settings(config: &Config) -> clients::registry::Settings {
    clients::registry::Settings {
        specs: config.registries.clone(),
        certificates: config.paths.registry_certificates(),
        keys: keys(config),
    }
}

/// Who knows the values of secrets: files below the data directory, and variables.
pub fn secrets(config: &Config) -> Secrets {
    let directory = config.paths.data_dir.join("secrets");
    Secrets::new(SecretFiles::new(directory, Env::of_process()))
}

/// How often what is asked, as the configuration says it.
fn engine_pace(config: &Config) -> engine::Pace {
    engine::Pace {
        resync: config.refresh.resync,
        resources: config.refresh.resources,
        load: config.refresh.load,
    }
}
