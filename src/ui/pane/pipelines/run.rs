//! A run: its steps as a graph or a list, the log of the step under the cursor, and what there is to know of it.

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use super::{facts, graph::Chart};
use crate::{
    logs::Masks,
    model::{
        Fleet, LogBatch, Timestamp,
        pipeline::{LogChunk, LogPlace, Run, RunHeld, RunNumber, Status, StepName},
    },
    ops::column::{status_glyph, status_tone, took},
    ui::{
        look::{Glyphs, Look, width},
        nav::Nav,
        pane::{Pane as _, Reply, logs::Logs},
        scroll,
        widget::{
            line::{Ink, Line, heading},
            page::Page,
            place,
        },
    },
};

/// With less room steps are a list.
const WIDE: u16 = 110;
const TALL: u16 = 26;
/// So many cells beside the names of steps are for how far they are.
const BESIDE: usize = 24;
/// How many cells a column moves a step of the list to the right.
const INDENT: usize = 2;

/// Which part of the view moves are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The steps.
    #[default]
    Steps,
    /// The log of the step under the cursor.
    Log,
    /// What there is to know.
    Facts,
}

/// The view of a run.
#[derive(Debug, Default)]
pub struct View {
    number: Option<RunNumber>,
    step: Option<StepName>,
    pub part: Part,
    chart: Chart,
    logs: Logs,
    /// Whose lines are there, and how many of them.
    logged: Option<(RunNumber, StepName)>,
    place: LogPlace,
    /// Why the log could not be read the last time.
    trouble: Option<String>,
    facts: Page,
    /// What the facts were made for.
    made: Option<(u64, Timestamp, Option<StepName>, u16)>,
}

/// Where the parts of the view are.
struct Areas {
    steps: Rect,
    is_graph: bool,
    log: Rect,
    facts: Rect,
}

impl View {
    /// How secrets are masked, how many bytes are held, where the clock stands, and the signs of the terminal.
    pub fn set_up(&mut self, masks: &Masks, memory: usize, zone: TimeZone, glyphs: &Glyphs) {
        self.logs.set_up(masks.clone(), memory, zone, *glyphs);
    }

    /// Shows a run, with the cursor on that step or on the one that somebody wants to see first.
    pub fn open(&mut self, run: &Run, step: Option<StepName>) {
        let urgent = [
            Status::Blocked,
            Status::Failure,
            Status::Running,
            Status::Declined,
            Status::Lost,
        ];
        let of = |status| run.steps.iter().find(move |step| step.status == status);
        let first = urgent.into_iter().find_map(of).or(run.steps.first());
        self.number = Some(run.number);
        self.step = step.or_else(|| first.map(|step| step.name.clone()));
        self.part = Part::Steps;
        self.made = None;
        self.facts.rewind();
        self.settle_run(run);
    }

    /// The step under the cursor.
    pub fn step(&self) -> Option<&StepName> {
        self.step.as_ref()
    }

    /// The step whose log is wanted, and after which of its lines.
    pub fn wanted(&self) -> Option<(RunNumber, StepName, LogPlace)> {
        let (number, step) = self.logged.clone()?;
        Some((number, step, self.place))
    }

    /// Takes in the next part of a log.
    pub fn take(&mut self, run: RunNumber, step: &StepName, read: Result<LogChunk, String>) {
        if self.logged.as_ref() != Some(&(run, step.clone())) {
            return;
        }
        match read {
            // What was asked for twice is taken once.
            Ok(chunk) if chunk.next > self.place => {
                let mut lines = LogBatch::default();
                for line in &chunk.lines {
                    lines.push(Some(line.at), line.stream(), line.text.as_bytes());
                }
                self.logs.bring(lines);
                self.place = chunk.next;
                self.trouble = None;
            }
            Ok(_) => self.trouble = None,
            Err(why) => self.trouble = Some(why),
        }
    }

    /// What the log is filtered by.
    pub fn filter(&self) -> &str {
        self.logs.filter()
    }

    /// Whether the log is being filtered or searched.
    pub fn has_work(&self) -> bool {
        self.logs.has_work()
    }

    /// The log, to be searched.
    pub fn log_mut(&mut self) -> &mut Logs {
        &mut self.logs
    }

    /// Takes back the last thing that narrows the log, or leaves a part. Whether there was any.
    pub fn back(&mut self) -> bool {
        if self.part == Part::Log && self.logs.back() {
            return true;
        }
        let was = std::mem::take(&mut self.part);
        was != Part::Steps
    }

    fn settle_run(&mut self, run: &Run) {
        self.chart = Chart::of(&run.pipeline);
        let now = self.step.clone().map(|step| (run.number, step));
        if self.logged != now {
            self.logs.begin();
            (self.logged, self.place, self.trouble) = (now, LogPlace::default(), None);
        }
    }

    /// Brings it up to date.
    pub fn settle(&mut self, held: &RunHeld, fleet: &Fleet, ascii: bool, area: Rect) {
        let run = &held.run;
        self.settle_run(run);
        let areas = self.areas(run, area);
        self.logs.settle(fleet, below(areas.log));
        let cells = areas.facts.width.saturating_sub(1);
        let made = (fleet.version(), fleet.now, self.step.clone(), cells);
        if self.made.as_ref() != Some(&made) {
            if self
                .made
                .as_ref()
                .is_some_and(|(_, _, step, _)| *step != self.step)
            {
                self.facts.rewind();
            }
            let cells = usize::from(cells).saturating_sub(2);
            let (board, step) = (&fleet.pipelines, self.step.as_ref());
            let lines = facts::lines(board, held, step, fleet.now, ascii, cells);
            self.facts.set(lines);
            self.made = Some(made);
        }
        self.facts
            .set_height(usize::from(below(areas.facts).height));
    }

    fn areas(&self, run: &Run, area: Rect) -> Areas {
        let (_, rest) = place::above(area, 1);
        let is_graph = area.width >= WIDE && area.height >= TALL;
        if is_graph {
            let lanes = u16::try_from(self.chart.lanes()).unwrap_or(u16::MAX);
            let rows = lanes.saturating_mul(2).min(rest.height / 2);
            let (steps, rest) = place::above(rest, rows.max(1) + 1);
            let (log, facts) = place::left(rest, rest.width / 5 * 3, 1);
            return Areas {
                steps: place::inset(steps),
                is_graph,
                log,
                facts,
            };
        }
        let rows = u16::try_from(run.steps.len()).unwrap_or(u16::MAX);
        let share = if self.part == Part::Steps { 2 } else { 4 };
        let (steps, rest) = place::above(rest, rows.min(rest.height / share));
        // One of them is seen; the other stands behind it.
        Areas {
            steps: place::inset(steps),
            is_graph,
            log: rest,
            facts: rest,
        }
    }

    /// Moves; `Pass` when it is none of its moves.
    pub fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        match (self.part, nav) {
            (_, Nav::Next) => {
                self.part = match self.part {
                    Part::Steps => Part::Log,
                    Part::Log => Part::Facts,
                    Part::Facts => Part::Steps,
                };
            }
            (_, Nav::Previous) => {
                self.part = match self.part {
                    Part::Steps => Part::Facts,
                    Part::Log => Part::Steps,
                    Part::Facts => Part::Log,
                };
            }
            (Part::Steps, Nav::Open) => self.part = Part::Log,
            (_, Nav::Range { .. } | Nav::Earlier | Nav::Sort { .. } | Nav::Columns { .. }) => {
                return Reply::Pass;
            }
            (_, Nav::Reveal) => {
                return Reply::Refuse("what is masked here was masked when it was written".into());
            }
            (Part::Facts, nav) if self.facts.nav(nav) => {}
            (Part::Steps, nav) if self.step_nav(nav) => {}
            (Part::Steps, Nav::Copy) => {
                let name = self.step.as_ref();
                return name.map_or(Reply::Done, |name| Reply::Copy(name.to_string()));
            }
            (Part::Steps | Part::Facts, Nav::Mark | Nav::MarkRange | Nav::MarkAll) => {}
            (_, nav) => return self.logs.nav(nav, fleet),
        }
        Reply::Done
    }

    fn step_nav(&mut self, nav: &Nav) -> bool {
        let Some(here) = &self.step else { return false };
        let order = self.chart.order();
        let at = order.iter().position(|(_, name)| *name == here);
        let (at, last) = (at.unwrap_or(0), order.len().saturating_sub(1));
        let to = match nav {
            Nav::Up { rows } => at.saturating_sub(*rows),
            Nav::Down { rows } => at.saturating_add(*rows).min(last),
            Nav::Top => 0,
            Nav::Bottom => last,
            Nav::Left | Nav::Right => {
                let found = self.chart.beside(here, *nav == Nav::Right).cloned();
                self.step = found.or(self.step.take());
                return true;
            }
            _ => return false,
        };
        self.step = order.get(to).map(|(_, name)| (*name).clone());
        true
    }

    /// Draws it.
    pub fn view(
        &self,
        held: &RunHeld,
        fleet: &Fleet,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let run = &held.run;
        let areas = self.areas(run, area);
        let (top, _) = place::above(place::inset(area), 1);
        let waits = run.waits_for(fleet.pipelines.runs().iter());
        summary(held, waits, fleet.now, look).draw(look, frame.buffer_mut(), top);
        let cursor = self.step.as_ref();
        if areas.is_graph {
            let (_, graph) = place::above(areas.steps, 1);
            self.chart
                .draw(run, cursor, fleet.now, look, frame.buffer_mut(), graph);
        } else {
            self.list(run, fleet.now, look, frame, areas.steps);
        }
        if areas.is_graph || self.part != Part::Facts {
            self.view_log(areas.is_graph, look, frame, areas.log);
        }
        if areas.is_graph || self.part == Part::Facts {
            let more = match (self.part, areas.is_graph) {
                (Part::Facts, true) => "up and down scroll it",
                (_, true) => "",
                (_, false) => "tab: the steps",
            };
            let (top, page) = place::above(areas.facts, 1);
            let name = cursor.map_or("", StepName::as_str);
            let top = place::inset(top);
            heading(name, more, usize::from(top.width)).draw(look, frame.buffer_mut(), top);
            self.facts.view(look, frame, place::inset(page));
        }
    }

    fn view_log(&self, is_graph: bool, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let name = self.step.as_ref().map_or("", StepName::as_str);
        let title = format!(
            "Log of {name} [{}] {}",
            self.logs.count(),
            self.logs.motion()
        );
        let more = match (&self.trouble, self.part, is_graph) {
            (Some(why), ..) => why.clone(),
            (None, Part::Log, _) => "up and down move in it, / searches, & filters".to_owned(),
            (None, _, true) => String::new(),
            (None, _, false) => "enter: into it, tab: facts".to_owned(),
        };
        let (top, _) = place::above(area, 1);
        let top = place::inset(top);
        heading(&title, &more, usize::from(top.width)).draw(look, frame.buffer_mut(), top);
        self.logs.draw(look, frame, below(area));
    }

    /// The steps as a list, each moved in by its column, with the one under the cursor in view.
    fn list(&self, run: &Run, now: Timestamp, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let order = self.chart.order();
        let here = self.step.as_ref();
        let at = order.iter().position(|(_, name)| Some(*name) == here);
        let (at, rows) = (at.unwrap_or(0), usize::from(area.height));
        let top = (at + 1)
            .saturating_sub(rows)
            .max(at.saturating_sub(rows / 2));
        let top = top.min(order.len().saturating_sub(rows));
        let cells = usize::from(area.width);
        let ends = order.iter().map(|(rank, name)| {
            let indent = (rank * INDENT).min(cells / 4);
            indent + 3 + width(name.as_str())
        });
        // Names are read whole before anything else is.
        let middle = ends.max().unwrap_or(0).max((cells / 2).min(36));
        let middle = middle.min(cells.saturating_sub(BESIDE));
        for (y, (rank, name)) in (area.y..area.bottom()).zip(order.iter().skip(top)) {
            let Some(step) = run.step(name) else { continue };
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            let over = (Some(*name) == here).then_some(look.theme.cursor);
            if let Some(ground) = over {
                frame.buffer_mut().set_style(row, ground);
            }
            let ink = Ink::Tone(status_tone(step.status));
            let glyph = status_glyph(step.status, look.glyphs.ascii);
            let room = middle.saturating_sub(3 + width(name.as_str()));
            let indent = (rank * INDENT).min(cells / 4).min(room);
            let word = step.status.word();
            let length = step.milliseconds(now).map(took).unwrap_or_default();
            let line = Line::new()
                .at(indent, glyph, ink)
                .at(indent + 2, name.as_str(), Ink::PLAIN)
                .at(middle, word, ink)
                .at(middle + 9, &format!("{length:>6}"), Ink::PLAIN)
                .at(middle + 17, &step.detail, Ink::FAINT);
            line.draw_over(over, look, frame.buffer_mut(), row);
        }
        let track = Rect {
            y: area.y.saturating_sub(1),
            height: area.height + 1,
            width: area.width + 1,
            ..area
        };
        scroll::bar(top, order.len(), look, frame, track);
    }
}

/// The place below a heading.
fn below(area: Rect) -> Rect {
    place::above(area, 1).1
}

/// A run in a line.
fn summary(held: &RunHeld, waits: Option<String>, now: Timestamp, look: &Look) -> Line {
    let run = &held.run;
    let glyph = status_glyph(run.status, look.glyphs.ascii);
    let status = format!("{glyph} {}", run.status.word());
    let mut line = Line::of(&status, Ink::Tone(status_tone(run.status)));
    let length = run.milliseconds(now).map(took).unwrap_or_default();
    let asked = run.asked();
    let asked = if asked.is_empty() {
        asked
    } else {
        format!("asks {asked}")
    };
    let detail = waits.unwrap_or_else(|| run.detail.clone());
    let by = format!("{}, by {}", run.cause, run.by);
    for (text, ink) in [
        (&*length, Ink::PLAIN),
        (&*asked, Ink::WARN),
        (&*by, Ink::FAINT),
        (&*detail, Ink::PLAIN),
    ] {
        if width(text) > 0 {
            line = line.join(2, Line::of(text, ink));
        }
    }
    line
}
