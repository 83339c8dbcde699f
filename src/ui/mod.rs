//! The console as a value: state, update and view. No I/O, no async, no clock.

mod app;
pub mod command;
pub mod desk;
mod frame;
pub mod grid;
pub mod keymap;
mod links;
mod list;
pub mod look;
pub mod message;
pub mod nav;
mod output;
mod overlay;
pub mod pane;
mod prompt;
pub mod runs;
mod say;
mod scroll;
mod set;
pub mod theme;
mod update;
mod welcome;
mod widget;

use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
};

use crossterm::event::KeyEvent;
use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use self::{
    keymap::{Keymap, Press},
    look::Look,
    message::{Level, Message},
    overlay::Overlay,
    pane::{PaneId, Panes},
    prompt::Prompt,
    runs::{RunId, Runs},
    theme::Theme,
};
use crate::{
    logs::{Excerpt, Masks},
    model::{
        ContainerId, Event, Feed, Fleet, HostName, Payload, Step,
        app::TemplateName,
        found::Found,
        pipeline::{LogChunk, LogPlace, RunNumber, StepName},
        release::Scope,
        setting::Key,
    },
    ops::{Export, Plan, Progress, Sentence, target::Target},
};

/// How many messages are kept.
const MESSAGES_KEPT: usize = 500;

/// Something that reaches the console.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this size now.
    Resize(u16, u16),
    /// Something happened in the fleet, or time went on.
    Event(Event),
    /// A feed brought something.
    Feed(Feed, Payload),
    /// An operation goes on.
    Run(RunId, Progress),
    /// An operation could not begin, or its end could not be recorded, and why.
    RunRefused(RunId, String),
    /// That this is shown is recorded.
    Revealed(Masked),
    /// The file of that many bytes is there already; it is written over only when that was agreed to.
    Exists(PathBuf, u64, Box<Effect>),
    /// A deploy was planned, or it is known why it cannot be.
    Prepared(Box<Sentence>, Result<Box<Plan>, String>),
    /// Something is to be said.
    Say(Level, String),
    /// The colours are these now.
    Theme(Box<Theme>),
    /// The keys are these now.
    Keymap(Box<Keymap>),
    /// This could be hosts.
    Found(Box<Found>),
    /// Hosts were taken in, and are watched now.
    Taken,
    /// Hosts were taken in: the console is to be opened anew, on them.
    Reopen,
    /// The next part of a step's log, or why it could not be read.
    StepLog(RunNumber, StepName, Result<LogChunk, String>),
    /// Values remembered from an earlier session.
    Remembered(Vec<(String, String)>),
}

/// What is masked until it is recorded that somebody sees it.
#[derive(Clone, Debug, PartialEq)]
pub enum Masked {
    /// Values of a container.
    Values(HostName, ContainerId),
    /// Secrets in the logs of these containers.
    Lines(Vec<Target>),
}

/// A plan that was agreed to, with the operator's reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What is done.
    pub plan: Plan,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

/// The fleet as it was known at a moment.
#[derive(Clone, Debug)]
pub struct Known(pub Box<Fleet>);

/// Of one moment and with the same changes it is the same.
impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        (self.0.now, self.0.version()) == (other.0.now, other.0.version())
    }
}

/// Something the console must do, as a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Carry out a plan in the background.
    Run(RunId, Box<Act>),
    /// Read what a deploy is planned from, on these hosts, and plan it.
    Prepare(Box<Sentence>, Known),
    /// Ask a question as a shell would, and tell the answer line by line.
    Ask(RunId, String),
    /// Stop carrying it out.
    Cancel(RunId),
    /// Hand the terminal over for a step (a shell in a container), then come back.
    Terminal(Box<Act>, Box<Step>),
    /// Hand the terminal over for a login to a host, then come back.
    Login(HostName),
    /// Record that something masked is shown; only then it is.
    Reveal(Box<Act>, Masked),
    /// Change the configuration file as this sentence says.
    Configure(Box<Sentence>, Box<Plan>),
    /// Write a text into a file that is not there yet; so many hosts are in it.
    Export(PathBuf, Export),
    /// Write lines into a file.
    Save {
        /// The file; `~/` is the home.
        path: PathBuf,
        /// What it will hold.
        lines: Box<Excerpt>,
        /// Over one that is there already.
        replace: bool,
    },
    /// This setting has this value for now.
    Apply(Key, String),
    /// Look what could be hosts.
    Look,
    /// Take hosts into the configuration file as these sentences say.
    Take(Vec<(Sentence, Plan)>),
    /// Leave, and open the console anew on what is configured now.
    Reopen,
    /// Leave, and show the demo.
    Demo,
    /// Try hosts again now.
    Reconnect(Vec<HostName>),
    /// Ask a question that only the log of acts can answer.
    Audit,
    /// Put text into the clipboard.
    Copy(String),
    /// Remember a value under a key.
    Remember(String, String),
    /// Draw the whole screen again.
    Redraw,
    /// Hand the terminal back to the shell until `fg`.
    Suspend,
    /// Leave.
    Quit,
}

/// What the operator sees of the surroundings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Who works here: `ann@ops-1`.
    pub operator: String,
    /// A label for a fleet that is not real.
    pub label: Option<&'static str>,
    /// Where the clock stands that times are shown by; none for UTC.
    pub zone: Option<TimeZone>,
    /// What is masked in lines of logs.
    pub masks: Masks,
    /// How many bytes of lines a view of logs holds.
    pub log_memory: usize,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            operator: String::new(),
            label: None,
            masks: Masks::default(),
            log_memory: 128 << 20,
            zone: None,
        }
    }
}

/// What is looked at of runs of pipelines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsWanted {
    /// The builds are looked at.
    pub builds: bool,
    /// The step whose log is followed, and after which of its lines it goes on.
    pub log: Option<(RunNumber, StepName, LogPlace)>,
}

/// The console.
pub struct Ui {
    /// The fleet as far as it is known.
    pub fleet: Fleet,
    keymap: Keymap,
    look: Look,
    around: Surroundings,
    size: Rect,
    panes: Panes,
    here: PaneId,
    trail: Vec<PaneId>,
    last: PaneId,
    pressed: Vec<Press>,
    overlay: Option<Overlay>,
    prompt: Option<Prompt>,
    history: prompt::History,
    messages: VecDeque<Message>,
    /// The hosts that were said to be lost or back last.
    turned: links::Turned,
    runs: Runs,
    /// The template that is to be shown when templates are known.
    to_show: Option<TemplateName>,
    settled: bool,
}

impl Ui {
    /// A console on an empty fleet.
    pub fn new(fleet: Fleet, keymap: Keymap, look: Look, around: Surroundings) -> Self {
        let mut ui = Self {
            fleet,
            keymap,
            look,
            around,
            size: Rect::new(0, 0, 80, 24),
            panes: Panes::default(),
            here: PaneId::Overview,
            trail: Vec::new(),
            last: PaneId::Containers,
            pressed: Vec::new(),
            overlay: None,
            prompt: None,
            history: prompt::History::default(),
            messages: VecDeque::new(),
            turned: links::Turned::default(),
            runs: Runs::default(),
            to_show: None,
            settled: false,
        };
        ui.take_columns();
        let zone = ui.around.zone.clone().unwrap_or(TimeZone::UTC);
        let (masks, memory) = (ui.around.masks.clone(), ui.around.log_memory);
        let glyphs = ui.look.glyphs;
        ui.panes
            .pipelines
            .set_up(&masks, memory, zone.clone(), &glyphs);
        ui.panes.logs.set_up(masks, memory, zone, glyphs);
        ui
    }

    /// Whether something is being worked out in portions: then the next frame is to come soon.
    pub fn has_work(&self) -> bool {
        self.panes.get(self.here).has_work()
    }

    /// What the panes on the screen want to see of the hosts.
    pub fn wants(&mut self) -> BTreeSet<Feed> {
        self.settle();
        self.panes.get(self.here).wants(&self.fleet)
    }

    /// Whether somebody looks at templates, or names one, and they were not read yet: nobody else pays for them.
    pub fn wants_templates(&self) -> bool {
        let is_named = |prompt: &Prompt| prompt.is_about("template");
        self.fleet.templates.is_none()
            && (self.here == PaneId::Templates
                || self.to_show.is_some()
                || self.prompt.as_ref().is_some_and(is_named))
    }

    /// The app whose releases somebody looks at.
    pub fn looks_at_app(&self) -> Option<Scope> {
        match self.here {
            PaneId::Apps => self.panes.apps.scope(),
            _ => None,
        }
    }

    /// What somebody looks at of runs of pipelines; none when nobody does.
    pub fn wants_runs(&self) -> Option<RunsWanted> {
        (self.here == PaneId::Pipelines).then(|| RunsWanted {
            builds: self.panes.pipelines.wants_builds(),
            log: self.panes.pipelines.wanted_log(),
        })
    }

    /// Says something to the operator.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        let text = crate::model::printable(&text.into());
        self.messages.push_front(Message {
            at: self.fleet.now,
            level,
            text,
        });
        self.messages.truncate(MESSAGES_KEPT);
    }

    /// The message that is still to be seen at the bottom.
    fn flash(&self) -> Option<&Message> {
        let newest = self.messages.front()?;
        let age = self.fleet.now.as_second() - newest.at.as_second();
        (age < newest.level.seconds()).then_some(newest)
    }
}
