//! The builds: which there were, and what one of them said.

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

use crate::{
    logs::Masks,
    model::{
        BuildRecord, Fleet, HostName, LogBatch, Outcome, Timestamp, ago, bytes,
        pipeline::{Board, LogChunk, LogPlace, RunNumber, StepName},
    },
    ops::column::{self, BuildRow, outcome_tone, took},
    ui::{
        look::{Glyphs, Look},
        nav::Nav,
        pane::{Pane as _, Reply, logs::Logs, table::Table},
        widget::{
            line::{Ink, Line, heading, wrap},
            place,
        },
    },
};

/// What tells a build from all others.
pub type Key = (u64, HostName);

/// What the rows were made of.
type Stamp = (u64, String, crate::ui::grid::Sort);

/// The list of builds, and the one that is looked at.
pub struct View {
    pub table: Table<Key, column::Builds>,
    /// How many there are without filters.
    pub total: usize,
    stamp: Option<Stamp>,
    logs: Logs,
    /// Whose log is there, and how many lines of it.
    of: Option<u64>,
    place: LogPlace,
    /// Why the log could not be read the last time.
    trouble: Option<String>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            table: Table::new("number", true),
            total: 0,
            stamp: None,
            logs: Logs::default(),
            of: None,
            place: LogPlace::default(),
            trouble: None,
        }
    }
}

/// A build by what tells it from others.
pub fn build<'b>(board: &'b Board, key: &Key) -> Option<&'b BuildRecord> {
    let mut all = board.builds().iter();
    all.find(|build| build.operation == key.0 && build.host == key.1)
}

impl View {
    /// How secrets are masked, how many bytes are held, where the clock stands, and the signs of the terminal.
    pub fn set_up(&mut self, masks: &Masks, memory: usize, zone: TimeZone, glyphs: &Glyphs) {
        self.logs.set_up(masks.clone(), memory, zone, *glyphs);
    }

    /// Shows what a build said.
    pub fn open(&mut self, number: u64) {
        self.logs.begin();
        (self.of, self.place, self.trouble) = (Some(number), LogPlace::default(), None);
    }

    /// The log that is wanted, and after which of its lines.
    pub fn wanted(&self) -> Option<(RunNumber, StepName, LogPlace)> {
        let number = RunNumber::of_build(self.of?);
        Some((number, RunNumber::build_step(), self.place))
    }

    /// Takes in the next part of a log.
    pub fn take(&mut self, run: RunNumber, read: Result<LogChunk, String>) {
        if self.of.map(RunNumber::of_build) != Some(run) {
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

    /// The log, to be searched.
    pub fn log_mut(&mut self) -> &mut Logs {
        &mut self.logs
    }

    /// The log.
    pub fn log(&self) -> &Logs {
        &self.logs
    }

    /// Brings the list up to date.
    pub fn settle(&mut self, fleet: &Fleet) {
        let stamp = (
            fleet.version(),
            self.table.filter().to_owned(),
            self.table.sort(),
        );
        if self.stamp.as_ref() == Some(&stamp) {
            return;
        }
        let all = fleet.pipelines.builds();
        let rows = self
            .table
            .arrange(all.iter().map(|build| BuildRow { build }), |a, b| {
                b.build.key().cmp(&a.build.key())
            });
        let keys = rows.iter().map(|row| row.build.key()).collect();
        self.total = all.len();
        self.table.list.settle(keys);
        self.table
            .list
            .retain_marks(|key| build(&fleet.pipelines, key).is_some());
        self.stamp = Some(stamp);
    }

    /// Brings what a build said up to date.
    pub fn settle_log(&mut self, key: &Key, fleet: &Fleet, area: Rect) {
        let log = areas(fleet, key, area).1;
        self.logs.settle(fleet, place::above(log, 1).1);
    }

    /// Moves in what a build said.
    pub fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        match nav {
            Nav::Range { .. } | Nav::Earlier | Nav::Sort { .. } | Nav::Columns { .. } => {
                Reply::Pass
            }
            Nav::Reveal => {
                Reply::Refuse("what is masked here was masked when it was written".into())
            }
            nav => self.logs.nav(nav, fleet),
        }
    }

    /// Draws a build: what is known of it, and below that what it said.
    pub fn view(&self, key: &Key, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let Some(build) = build(&fleet.pipelines, key) else {
            return;
        };
        let (top, log) = areas(fleet, key, area);
        let top = place::inset(top);
        let lines = facts(build, fleet.now, usize::from(top.width));
        for (y, line) in (top.y..top.bottom()).zip(&lines) {
            let row = Rect {
                y,
                height: 1,
                ..top
            };
            line.draw(look, frame.buffer_mut(), row);
        }
        let is_empty = self.place == LogPlace::default();
        let more = match (&self.trouble, &build.outcome) {
            (Some(why), _) => why.as_str(),
            (None, Outcome::Running) if is_empty => "its lines are kept when it is over",
            (None, _) if is_empty => "no line of it is kept",
            (None, _) => "/ searches, & filters",
        };
        let title = format!("Log [{}] {}", self.logs.count(), self.logs.motion());
        let (head, rest) = place::above(log, 1);
        let head = place::inset(head);
        heading(&title, more, usize::from(head.width)).draw(look, frame.buffer_mut(), head);
        self.logs.draw(look, frame, rest);
    }
}

/// Where what is known of a build is, and where its log.
fn areas(fleet: &Fleet, key: &Key, area: Rect) -> (Rect, Rect) {
    let cells = usize::from(place::inset(area).width);
    let lines = build(&fleet.pipelines, key).map_or(0, |one| facts(one, fleet.now, cells).len());
    let rows = u16::try_from(lines).unwrap_or(u16::MAX);
    place::above(area, rows.min(area.height / 2))
}

/// What is known of a build.
fn facts(build: &BuildRecord, now: Timestamp, cells: usize) -> Vec<Line> {
    let tone = Ink::Tone(outcome_tone(&build.outcome));
    let mut first = Line::of(build.outcome.word(), tone);
    let size = build.size.map(bytes).unwrap_or_default();
    let length = build.duration_ms.map(took).unwrap_or_default();
    let age = format!("{} ago by {}", ago(now, build.at), build.by);
    for text in [
        &*build.tags.join(", "),
        &size,
        build.host.as_str(),
        &length,
        &age,
    ] {
        if !text.is_empty() {
            first = first.join(2, Line::of(text, Ink::PLAIN));
        }
    }
    let mut from = format!("from {}", build.source);
    if let (Some(pipeline), Some(run)) = (&build.pipeline, build.run) {
        from = format!("{from} of {pipeline} {run}");
    }
    if let Some(commit) = &build.commit {
        from = format!("{from}, commit {commit}");
    }
    let mut lines = vec![first, Line::of(&from, Ink::FAINT)];
    lines.extend(
        build
            .digest
            .as_ref()
            .map(|digest| Line::of(digest, Ink::FAINT)),
    );
    if !matches!(build.outcome, Outcome::Done { .. }) {
        let detail = wrap(build.outcome.detail(), cells.max(20));
        lines.extend(detail.iter().take(4).map(|text| Line::of(text, Ink::PLAIN)));
    }
    lines
}

/// What is told where there is no build to be seen.
pub fn emptiness(view: &View, board: &Board) -> String {
    if let Some(why) = &board.builds_trouble {
        return format!("Builds cannot be read: {why}");
    }
    let filter = view.table.filter();
    if !filter.is_empty() && view.total > 0 {
        return format!("No build matches '{filter}'. Esc clears the filter.");
    }
    if board.builds.is_none() {
        return "Reading …".to_owned();
    }
    "No image was built yet. `image build SOURCE --on @HOST --tag NAME` builds one,\n\
     and so do the steps of pipelines with build:."
        .to_owned()
}
