//! Pipelines with their last runs; the runs of one; a run with its steps, logs, tests and approvals; two runs compared.

mod actions;
mod builds;
mod compare;
mod empty;
mod facts;
mod graph;
mod run;
mod strip;

use std::{collections::BTreeSet, sync::Arc};

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use self::run::{Part, View};
use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    logs::Masks,
    model::{
        Feed, Fleet,
        pipeline::{
            LogChunk, LogPlace, PipelineName, RunHeld, RunNumber, Status, StepName, TestReport,
        },
    },
    ops::{
        column::{self, BuildRow, PipelineRow, Rows as _, RunRow, status_glyph},
        target::Target,
    },
    ui::{
        grid::Sort,
        look::{Glyphs, Look},
        nav::Nav,
        widget::{line::heading, page::Page, place},
    },
};

/// With fewer rows only the pipelines are seen, and not the runs of the one under the cursor.
const TALL: u16 = 26;

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum At {
    /// The pipelines.
    #[default]
    All,
    /// The runs of a pipeline.
    Runs(PipelineName),
    /// A run.
    Run(RunNumber),
    /// Two runs beside each other.
    Pair(RunNumber, RunNumber),
    /// The builds.
    Builds,
    /// A build that no step of a run made, or whose run is not known any more.
    Build(builds::Key),
}

/// What somebody wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The runs of a pipeline.
    Runs(PipelineName),
    /// A run, with the cursor on that step, and its log if that is wanted.
    Run(RunNumber, Option<StepName>, bool),
}

/// What the rows of both tables were made of.
type Stamp = (u64, Option<PipelineName>, [String; 2], [Sort; 2]);

/// Pipelines and their runs.
pub struct Pipelines {
    at: At,
    pipelines: Table<PipelineName, column::Pipelines>,
    runs: Table<RunNumber, column::Runs>,
    /// How many rows there are without filters.
    totals: (usize, usize),
    stamp: Option<Stamp>,
    view: View,
    pair: Page,
    builds: builds::View,
    /// The run that is open was opened from the builds.
    is_of_builds: bool,
    /// What is to be shown when it is known which runs there are.
    wish: Option<Wish>,
    ascii: bool,
}

impl Default for Pipelines {
    fn default() -> Self {
        Self {
            at: At::All,
            pipelines: Table::new("status", false),
            runs: Table::new("number", true),
            totals: (0, 0),
            stamp: None,
            view: View::default(),
            pair: Page::default(),
            builds: builds::View::default(),
            is_of_builds: false,
            wish: None,
            ascii: false,
        }
    }
}

impl Pipelines {
    /// How secrets are masked, how many bytes are held, where the clock stands, and the signs of the terminal.
    pub fn set_up(&mut self, masks: &Masks, memory: usize, zone: TimeZone, glyphs: &Glyphs) {
        self.ascii = glyphs.ascii;
        self.builds.set_up(masks, memory, zone.clone(), glyphs);
        self.view.set_up(masks, memory, zone, glyphs);
    }

    /// Takes a value remembered from an earlier session; what no longer means anything is passed over.
    pub fn remembered(&mut self, key: &str, value: &str) {
        match key {
            "pipelines.sort" => self.pipelines.set_sort(value),
            "runs.sort" => self.runs.set_sort(value),
            "builds.sort" => self.builds.table.set_sort(value),
            "builds.columns" => drop(self.builds.table.set_columns(value)),
            "pipelines.columns" => drop(self.pipelines.set_columns(value)),
            "runs.columns" => drop(self.runs.set_columns(value)),
            _ => {}
        }
    }

    /// The step whose log is looked at, and after which of its lines it goes on.
    pub fn wanted_log(&self) -> Option<(RunNumber, StepName, LogPlace)> {
        match self.at {
            At::Run(_) => self.view.wanted(),
            At::Build(_) => self.builds.wanted(),
            At::All | At::Runs(_) | At::Pair(..) | At::Builds => None,
        }
    }

    /// Takes in the next part of a step's log.
    pub fn take_log(&mut self, run: RunNumber, step: &StepName, read: Result<LogChunk, String>) {
        match self.at {
            At::Build(_) => self.builds.take(run, read),
            _ => self.view.take(run, step, read),
        }
    }

    /// Whether somebody looks at builds.
    pub fn wants_builds(&self) -> bool {
        matches!(self.at, At::Builds | At::Build(_))
    }

    /// Shows the builds that match a filter; a wrong one is refused with the reason.
    pub fn show_builds(&mut self, filter: &str) -> Result<(), String> {
        self.at = At::Builds;
        self.builds.table.set_filter(filter)
    }

    /// Shows a build that is known. Whether it is.
    pub fn show_build(&mut self, number: u64, fleet: &Fleet) -> bool {
        let mut all = fleet.pipelines.builds().iter();
        let Some(build) = all.find(|build| build.operation == number) else {
            return false;
        };
        let key = build.key();
        self.open_build(&key, fleet);
        true
    }

    /// Opens what a build said: the step that made it, where its run is known.
    fn open_build(&mut self, key: &builds::Key, fleet: &Fleet) {
        let Some(build) = builds::build(&fleet.pipelines, key) else {
            return;
        };
        self.builds.table.list.go_to(key);
        if let (Some(run), Some(step)) = (build.run, build.step.clone())
            && self.show_run(run, Some(step), true, fleet)
        {
            self.is_of_builds = true;
            return;
        }
        self.builds.open(key.0);
        self.at = At::Build(key.clone());
    }

    /// Shows the pipelines.
    pub fn show_all(&mut self) {
        self.at = At::All;
    }

    /// Shows what somebody wants to see, when it is known which runs there are. Whether it is there, as far as that is known.
    pub fn show(&mut self, wish: Wish, fleet: &Fleet) -> bool {
        if fleet.pipelines.runs.is_none() {
            self.wish = Some(wish);
            return true;
        }
        match wish {
            Wish::Runs(name) => self.show_runs(&name, fleet),
            Wish::Run(number, step, log) => self.show_run(number, step, log, fleet),
        }
    }

    /// Shows the runs of a pipeline. Whether it is known.
    fn show_runs(&mut self, name: &PipelineName, fleet: &Fleet) -> bool {
        let is_known = fleet.pipelines.pipeline(name).is_some();
        if is_known {
            self.pipelines.list.go_to(name);
            self.at = At::Runs(name.clone());
        }
        is_known
    }

    /// Shows a run, with the cursor on that step; the log of it, if that is wanted. Whether it is known.
    fn show_run(
        &mut self,
        number: RunNumber,
        step: Option<StepName>,
        log: bool,
        fleet: &Fleet,
    ) -> bool {
        let Some(held) = fleet.pipelines.run(number) else {
            return false;
        };
        self.pipelines.list.go_to(held.run.name());
        self.runs.list.go_to(&number);
        self.view.open(&held.run, step);
        if log {
            self.view.part = Part::Log;
        }
        self.at = At::Run(number);
        self.is_of_builds = false;
        true
    }

    /// The pipeline whose runs are shown, or would be.
    fn current(&self, fleet: &Fleet) -> Option<PipelineName> {
        match &self.at {
            At::All => self.pipelines.list.current().cloned(),
            At::Runs(name) => Some(name.clone()),
            At::Run(number) | At::Pair(number, _) => {
                let held = fleet.pipelines.run(*number)?;
                Some(held.run.name().clone())
            }
            At::Builds | At::Build(_) => {
                let key = self.builds.table.list.current()?;
                builds::build(&fleet.pipelines, key)?.pipeline.clone()
            }
        }
    }

    /// The run that is meant: the one that is open, the one under the cursor, or the newest of the pipeline there.
    fn meant(&self, fleet: &Fleet) -> Option<RunNumber> {
        match &self.at {
            At::Run(number) => Some(*number),
            At::Runs(_) => self.runs.list.current().copied(),
            At::All => {
                let name = self.pipelines.list.current()?;
                let mut runs = fleet.pipelines.runs_of(name);
                runs.next().map(|held| held.run.number)
            }
            At::Pair(_, newer) => Some(*newer),
            At::Builds | At::Build(_) => {
                let key = self.builds.table.list.current()?;
                builds::build(&fleet.pipelines, key)?.run
            }
        }
    }

    /// Says a sentence about what is under the cursor: its name, and that of the step where that is meant.
    fn say(&mut self, words: &str, fleet: &Fleet) -> Reply {
        if words == "pipeline run" {
            let name = self.current(fleet);
            let known = name.and_then(|name| fleet.pipelines.pipeline(&name));
            return match known {
                None => Reply::Refuse("put the cursor on a pipeline first".to_owned()),
                Some(known) if known.parameters.is_empty() => {
                    Reply::Say(format!("{words} {}", known.name))
                }
                Some(known) => Reply::Start(Arc::clone(known)),
            };
        }
        if let (At::Builds, "pipeline logs") = (&self.at, words) {
            return self.open(fleet);
        }
        let Some(number) = self.meant(fleet) else {
            return Reply::Refuse("put the cursor on a run first".to_owned());
        };
        let step = match self.at {
            At::Run(_) => self.view.step().cloned(),
            At::All | At::Runs(_) | At::Pair(..) | At::Builds | At::Build(_) => None,
        };
        match (words, &step) {
            ("pipeline artifacts", _) => {
                self.view.part = Part::Facts;
                return Reply::Done;
            }
            ("pipeline logs", _) => {
                self.show_run(number, step, true, fleet);
                return Reply::Done;
            }
            ("pipeline retry", Some(step)) => {
                return Reply::Say(format!("{words} {} --from {step}", number.0));
            }
            ("pipeline approve" | "pipeline reject", _) => {
                let asks = fleet.pipelines.run(number);
                let asks = asks.and_then(|held| {
                    let mut asks = held.run.asks();
                    let is_here = |one: &StepName| step.as_ref() == Some(one);
                    let here = held.run.asks().find(|one| is_here(&one.name));
                    here.or_else(|| asks.next()).map(|one| one.name.clone())
                });
                return match asks {
                    Some(step) => Reply::Say(format!("{words} {} {step}", number.0)),
                    None => Reply::Refuse(format!("run {number} asks nobody")),
                };
            }
            _ => {}
        }
        Reply::Say(format!("{words} {}", number.0))
    }

    fn compare(&mut self, fleet: &Fleet) -> Reply {
        let marked = self.runs.list.selection();
        let of = |number: &RunNumber| fleet.pipelines.run(*number).is_some();
        match &marked[..] {
            [a, b] if of(a) && of(b) => {
                self.pair.rewind();
                self.at = At::Pair(*a.min(b), *a.max(b));
                Reply::Done
            }
            _ => Reply::Refuse("mark two runs first, then compare them".to_owned()),
        }
    }

    fn open(&mut self, fleet: &Fleet) -> Reply {
        match &self.at {
            At::All => {
                if let Some(name) = self.pipelines.list.current() {
                    self.at = At::Runs(name.clone());
                }
            }
            At::Runs(_) => {
                if let Some(number) = self.runs.list.current().copied() {
                    self.show_run(number, None, false, fleet);
                }
            }
            At::Builds => {
                if let Some(key) = self.builds.table.list.current().cloned() {
                    self.open_build(&key, fleet);
                }
            }
            At::Run(_) | At::Pair(..) | At::Build(_) => {}
        }
        Reply::Done
    }

    fn settle_tables(&mut self, fleet: &Fleet) {
        let board = &fleet.pipelines;
        let stamp = |this: &Self| {
            (
                fleet.version(),
                this.current(fleet),
                [
                    this.pipelines.filter().to_owned(),
                    this.runs.filter().to_owned(),
                ],
                [this.pipelines.sort(), this.runs.sort()],
            )
        };
        if self.stamp.as_ref() == Some(&stamp(self)) {
            return;
        }
        let rows = self
            .pipelines
            .arrange(PipelineRow::all(board), |a, b| a.name.cmp(b.name));
        let names: Vec<PipelineName> = rows.iter().map(|row| row.name.clone()).collect();
        self.pipelines.list.settle(names);
        let names = board.names();
        self.pipelines
            .list
            .retain_marks(|name| names.contains(name));
        self.totals.0 = names.len();
        let name = self.current(fleet);
        let of = |held: &&RunHeld| Some(held.run.name()) == name.as_ref();
        let runs = || board.runs().iter().filter(of);
        let rows = self
            .runs
            .arrange(runs().map(|held| RunRow { held }), |a, b| {
                b.held.run.number.cmp(&a.held.run.number)
            });
        let numbers = rows.iter().map(|row| row.held.run.number).collect();
        self.totals.1 = runs().count();
        self.runs.list.settle(numbers);
        self.runs.list.retain_marks(|number| {
            let held = board.run(*number);
            held.is_some_and(|held| of(&held))
        });
        self.stamp = Some(stamp(self));
    }

    /// The pipelines, and below them the runs of the one under the cursor where there is room.
    fn areas(area: Rect, pipelines: usize) -> (Rect, Rect) {
        if area.height < TALL {
            return (area, Rect { height: 0, ..area });
        }
        let rows = u16::try_from(pipelines).unwrap_or(u16::MAX);
        place::above(area, rows.saturating_add(2).min(area.height / 2))
    }
}

impl Pane for Pipelines {
    fn name(&self) -> &'static str {
        "pipelines"
    }

    fn rows(&self) -> &'static str {
        match self.at {
            At::All => column::Pipelines::NAME,
            At::Runs(_) => column::Runs::NAME,
            At::Builds => column::Builds::NAME,
            At::Run(_) | At::Pair(..) | At::Build(_) => "",
        }
    }

    fn title(&self, fleet: &Fleet) -> String {
        let title = match &self.at {
            At::All => format!("Pipelines{}", self.pipelines.count(self.totals.0)),
            At::Runs(name) => format!("Runs({name}){}", self.runs.count(self.totals.1)),
            At::Run(number) => {
                let held = fleet.pipelines.run(*number);
                let more = held.map(|held| {
                    let glyph = status_glyph(held.run.status, self.ascii);
                    format!(" {} · {glyph} {}", held.run.name(), held.run.status.word())
                });
                format!("Run {number}{}", more.unwrap_or_default())
            }
            At::Pair(a, b) => format!("Runs {a} and {b}"),
            At::Builds => format!("Builds{}", self.builds.table.count(self.builds.total)),
            At::Build((number, host)) => format!("Build {number} on {host}"),
        };
        let board = &fleet.pipelines;
        if let (true, Some(why)) = (self.wants_builds(), &board.builds_trouble) {
            return format!("{title} · as read before: {why}");
        }
        match (&board.runs_trouble, &board.files_trouble) {
            (Some(why), _) => format!("{title} · as read before: {why}"),
            (None, Some(why)) => format!("{title} · {why}"),
            (None, None) => title,
        }
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        if let Nav::Say { text } = nav {
            return self.say(&text.join(" "), fleet);
        }
        match (&self.at, nav) {
            (At::Runs(_), Nav::Compare) => self.compare(fleet),
            (_, Nav::Compare) => Reply::Refuse("open a pipeline and mark two of its runs".into()),
            (At::Run(_), nav) => self.view.nav(nav, fleet),
            (At::Pair(..), nav) if self.pair.nav(nav) => Reply::Done,
            (At::Pair(..), _) => Reply::Pass,
            (At::Build(_), nav) => self.builds.nav(nav, fleet),
            (_, Nav::Open) => self.open(fleet),
            (At::All, Nav::Copy) => {
                let name = self.pipelines.list.current();
                name.map_or(Reply::Done, |name| Reply::Copy(name.to_string()))
            }
            (At::Runs(_), Nav::Copy) => {
                let number = self.runs.list.current();
                number.map_or(Reply::Done, |number| Reply::Copy(number.0.to_string()))
            }
            (At::Builds, Nav::Copy) => {
                let key = self.builds.table.list.current();
                let build = key.and_then(|key| builds::build(&fleet.pipelines, key));
                let digest = build.and_then(|build| build.digest.clone());
                digest.map_or(Reply::Done, Reply::Copy)
            }
            (At::Builds, nav) => self.builds.table.nav(nav).unwrap_or(Reply::Pass),
            (At::All, nav) => self.pipelines.nav(nav).unwrap_or(Reply::Pass),
            (At::Runs(_), nav) => self.runs.nav(nav).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        if fleet.pipelines.runs.is_some()
            && let Some(wish) = self.wish.take()
        {
            self.show(wish, fleet);
        }
        // A run that is no longer known is left.
        if let At::Run(number) | At::Pair(number, _) = self.at
            && fleet.pipelines.run(number).is_none()
        {
            self.at = At::All;
        }
        if let At::Build(key) = &self.at
            && builds::build(&fleet.pipelines, key).is_none()
        {
            self.at = At::Builds;
        }
        self.settle_tables(fleet);
        let rows = |area: Rect| usize::from(area.height.saturating_sub(1));
        match &self.at {
            At::All => {
                let (upper, lower) = Self::areas(area, self.pipelines.list.order().len());
                self.pipelines.list.set_height(rows(upper));
                self.runs.list.set_height(rows(lower).saturating_sub(1));
            }
            At::Runs(_) => self.runs.list.set_height(rows(area)),
            At::Builds => {
                self.builds.settle(fleet);
                self.builds.table.list.set_height(rows(area));
            }
            At::Build(key) => self.builds.settle_log(key, fleet, area),
            At::Run(number) => {
                if let Some(held) = fleet.pipelines.run(*number) {
                    self.view.settle(held, fleet, self.ascii, area);
                }
            }
            At::Pair(a, b) => {
                let both = fleet.pipelines.run(*a).zip(fleet.pipelines.run(*b));
                if let Some((a, b)) = both {
                    let cells = usize::from(area.width).saturating_sub(4);
                    let lines = compare::lines(a, b, fleet.now, self.ascii, cells);
                    self.pair.set(lines);
                    self.pair.set_height(usize::from(area.height));
                }
            }
        }
    }

    fn selection(&self, _fleet: &Fleet) -> Vec<Target> {
        Vec::new()
    }

    fn wants(&self, _fleet: &Fleet) -> BTreeSet<Feed> {
        BTreeSet::new()
    }

    fn has_search(&self) -> bool {
        matches!(self.at, At::Run(_) | At::Build(_))
    }

    fn find(&mut self) {
        match self.at {
            At::Build(_) => self.builds.log_mut().find(),
            _ => self.view.log_mut().find(),
        }
    }

    fn has_work(&self) -> bool {
        match self.at {
            At::Run(_) => self.view.has_work(),
            At::Build(_) => self.builds.log().has_work(),
            At::All | At::Runs(_) | At::Pair(..) | At::Builds => false,
        }
    }

    fn filter(&self) -> &str {
        match self.at {
            At::All => self.pipelines.filter(),
            At::Runs(_) => self.runs.filter(),
            At::Run(_) => self.view.filter(),
            At::Builds => self.builds.table.filter(),
            At::Build(_) => self.builds.log().filter(),
            At::Pair(..) => "",
        }
    }

    fn back(&mut self) -> bool {
        match &self.at {
            At::All => false,
            // The console clears the filter first.
            At::Runs(_) if !self.runs.filter().is_empty() => false,
            At::Builds if !self.builds.table.filter().is_empty() => false,
            At::Runs(_) | At::Builds => {
                self.at = At::All;
                true
            }
            At::Run(_) if self.is_of_builds => {
                self.at = At::Builds;
                true
            }
            At::Build(_) if self.builds.log_mut().back() => true,
            At::Build(_) => {
                self.at = At::Builds;
                true
            }
            At::Run(_) if self.view.back() => true,
            At::Run(_) | At::Pair(..) => {
                self.at = match self.pipelines.list.current() {
                    Some(name) => At::Runs(name.clone()),
                    None => At::All,
                };
                true
            }
        }
    }

    fn actions(&self, fleet: &Fleet) -> Option<(String, Vec<(String, &'static str)>)> {
        Some(self.possible(fleet))
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self.at {
            At::All => &[
                ("open", "runs"),
                ("say pipeline run", "run"),
                ("say pipeline logs", "log"),
                ("say pipeline approve", "approve"),
                ("say pipeline reject", "reject"),
                ("image builds", "builds"),
                ("search", "filter"),
                ("sort status", "by status"),
            ],
            At::Runs(_) => &[
                ("open", "run"),
                ("say pipeline logs", "log"),
                ("say pipeline retry", "retry"),
                ("say pipeline cancel", "cancel"),
                ("say pipeline approve", "approve"),
                ("mark", "mark"),
                ("compare", "compare"),
                ("search", "filter"),
            ],
            At::Run(_) => &[
                ("next", "next part"),
                ("say pipeline logs", "log"),
                ("say pipeline retry", "retry from here"),
                ("say pipeline approve", "approve"),
                ("say pipeline reject", "reject"),
                ("say pipeline cancel", "cancel"),
                ("search", "search"),
                ("follow", "follow"),
            ],
            At::Pair(..) => &[("back", "back"), ("down", "scroll")],
            At::Builds => &[
                ("open", "log"),
                ("search", "filter"),
                ("copy", "copy digest"),
                ("sort age", "by age"),
                ("sort duration", "by duration"),
                ("back", "pipelines"),
            ],
            At::Build(_) => &[
                ("back", "builds"),
                ("search", "search"),
                ("filter", "filter"),
                ("wrap", "wrap"),
            ],
        }
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let board = &fleet.pipelines;
        let context = context(fleet, look);
        let run = |number: &RunNumber| {
            let held = board.run(*number)?;
            Some((RunRow { held }, board.runs_trouble.is_some()))
        };
        match &self.at {
            At::All if self.pipelines.list.order().is_empty() => {
                super::empty(&self.emptiness(fleet), look, frame, area);
            }
            At::Runs(_) if self.runs.list.order().is_empty() => {
                super::empty(&self.emptiness(fleet), look, frame, area);
            }
            At::All => {
                let (upper, lower) = Self::areas(area, self.pipelines.list.order().len());
                let row = |name: &PipelineName| {
                    let row = PipelineRow::of(board, board.known(name)?)?;
                    Some((row, board.runs_trouble.is_some()))
                };
                self.pipelines.view(row, &context, look, frame, upper);
                strip::paint(&self.pipelines, board, look, frame.buffer_mut(), upper);
                let current = self.pipelines.list.current();
                if let Some(name) = current.filter(|_| lower.height > 3) {
                    let (top, rest) = place::above(lower, 1);
                    let top = place::inset(top);
                    let title = format!("Runs of {name}");
                    heading(&title, "enter opens them", usize::from(top.width)).draw(
                        look,
                        frame.buffer_mut(),
                        top,
                    );
                    self.runs.view_beside(run, &context, look, frame, rest);
                }
            }
            At::Runs(_) => self.runs.view(run, &context, look, frame, area),
            At::Builds if self.builds.table.list.order().is_empty() => {
                super::empty(&builds::emptiness(&self.builds, board), look, frame, area);
            }
            At::Builds => {
                let row = |key: &builds::Key| {
                    let build = builds::build(board, key)?;
                    Some((BuildRow { build }, board.builds_trouble.is_some()))
                };
                self.builds.table.view(row, &context, look, frame, area);
            }
            At::Build(key) => self.builds.view(key, fleet, look, frame, area),
            At::Run(number) => {
                if let Some(held) = board.run(*number) {
                    self.view.view(held, fleet, look, frame, area);
                }
            }
            At::Pair(..) => self.pair.view(look, frame, place::inset(area)),
        }
    }
}

/// The tones of a pipeline's last runs, in the order in which they stand in its strip.
fn statuses(row: &PipelineRow<'_>) -> Vec<Status> {
    row.runs.iter().map(|held| held.run.status).collect()
}

#[cfg(test)]
mod tests;
