//! The steps of a run as a graph: a column for each rank, lanes in it, and lines from step to step.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::{
        Timestamp,
        pipeline::{Pipeline, Run, StepName, StepRun},
    },
    ops::column::{Tone, status_glyph, status_tone, took},
    ui::{
        look::{Look, cut_middle, width},
        theme::Theme,
    },
};

/// A name takes no more cells than this in the graph.
const NAME: usize = 20;
/// Where a line leaves a cell: to the left, the right, upwards, downwards.
const LEFT: usize = 1;
const RIGHT: usize = 2;
const UP: usize = 4;
const DOWN: usize = 8;
/// Lines by where they leave a cell.
const LINES: [&str; 16] = [
    " ", "─", "─", "─", "│", "┘", "└", "┴", "│", "┐", "┌", "┬", "│", "┤", "├", "┼",
];

/// What stands at a place: a step, or a line from one that passes by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Step(StepName),
    Wire(StepName),
}

/// Where all steps of a pipeline stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// In each column what stands in which lane.
    columns: Vec<BTreeMap<usize, Slot>>,
    /// Between each column and the one before: from which lane to which.
    gaps: Vec<BTreeSet<(usize, usize)>>,
}

impl Chart {
    /// Places the steps of a pipeline.
    pub fn of(pipeline: &Pipeline) -> Self {
        let ranks = pipeline.columns();
        let before = reduced(pipeline);
        let last = ranks.values().max().map_or(0, |last| last + 1);
        // How far the line of each step has to go.
        let mut reach: BTreeMap<&StepName, usize> = BTreeMap::new();
        for (step, parents) in &before {
            for parent in parents {
                let far = reach.entry(parent).or_default();
                *far = (*far).max(ranks[*step]);
            }
        }
        let mut chart = Self::default();
        for rank in 0..last {
            let steps = pipeline.steps.iter().map(|step| &step.name);
            let here = steps.clone().filter(|step| ranks[*step] == rank);
            let here = here.map(|step| (Slot::Step(step.clone()), before[step].clone()));
            let passing =
                steps.filter(|step| ranks[*step] < rank && reach.get(*step) > Some(&rank));
            let passing = passing.map(|step| (Slot::Wire(step.clone()), vec![step]));
            let items: Vec<(Slot, Vec<&StepName>)> = here.chain(passing).collect();
            chart.place(items);
        }
        chart
    }

    /// Puts items with their parents into the next column.
    fn place(&mut self, items: Vec<(Slot, Vec<&StepName>)>) {
        let lane_of = |parent: &StepName| -> Option<usize> {
            let column = self.columns.last()?;
            let mut all = column.iter();
            all.find_map(|(lane, slot)| match slot {
                Slot::Step(name) | Slot::Wire(name) => (name == parent).then_some(*lane),
            })
        };
        let mut placed: Vec<(usize, Slot, Vec<usize>)> = Vec::new();
        for (at, (slot, parents)) in items.into_iter().enumerate() {
            let lanes: Vec<usize> = parents.into_iter().filter_map(lane_of).collect();
            // Twice the middle of where it comes from, so that there are no fractions.
            let middle = if lanes.is_empty() {
                at
            } else {
                2 * lanes.iter().sum::<usize>() / lanes.len()
            };
            placed.push((middle, slot, lanes));
        }
        placed.sort_by_key(|(middle, ..)| *middle);
        let mut children: BTreeMap<usize, usize> = BTreeMap::new();
        for lane in placed.iter().flat_map(|(_, _, lanes)| lanes) {
            *children.entry(*lane).or_default() += 1;
        }
        let (mut column, mut gap, mut next) = (BTreeMap::new(), BTreeSet::new(), 0);
        for (_, slot, lanes) in placed {
            // What goes on alone goes straight on.
            let straight = match &lanes[..] {
                [one] if children[one] == 1 => *one,
                _ => 0,
            };
            let lane = next.max(straight);
            gap.extend(lanes.iter().map(|from| (*from, lane)));
            column.insert(lane, slot);
            next = lane + 1;
        }
        self.columns.push(column);
        self.gaps.push(gap);
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> usize {
        let last = self.columns.iter().filter_map(|column| column.keys().max());
        last.max().map_or(0, |last| last + 1)
    }

    /// The steps column by column, each with its column.
    pub fn order(&self) -> Vec<(usize, &StepName)> {
        let mut steps = Vec::new();
        for (rank, column) in self.columns.iter().enumerate() {
            for slot in column.values() {
                if let Slot::Step(name) = slot {
                    steps.push((rank, name));
                }
            }
        }
        steps
    }

    /// Where a step stands: column and lane.
    fn place_of(&self, step: &StepName) -> Option<(usize, usize)> {
        let mut columns = self.columns.iter().enumerate();
        columns.find_map(|(rank, column)| {
            let mut all = column.iter();
            let found = all.find(|(_, slot)| matches!(slot, Slot::Step(name) if name == step));
            found.map(|(lane, _)| (rank, *lane))
        })
    }

    /// The step beside another, in the next column or the one before that has any.
    pub fn beside(&self, step: &StepName, right: bool) -> Option<&StepName> {
        let (rank, lane) = self.place_of(step)?;
        let to = if right {
            rank + 1
        } else {
            rank.checked_sub(1)?
        };
        let steps = self.columns.get(to)?.iter();
        let steps = steps.filter_map(|(at, slot)| match slot {
            Slot::Step(name) => Some((at.abs_diff(lane), name)),
            Slot::Wire(_) => None,
        });
        steps.min_by_key(|(far, _)| *far).map(|(_, name)| name)
    }

    /// How many cells a column takes: its longest label with a blank on each side.
    fn column_cells(&self, rank: usize, run: &Run, now: Timestamp, look: &Look) -> usize {
        let slots = self.columns[rank].values();
        let labels = slots.filter_map(|slot| match slot {
            Slot::Step(name) => Some(Label::of(run.step(name)?, now, look).width()),
            Slot::Wire(_) => None,
        });
        labels.max().unwrap_or(0) + 2
    }

    /// Draws as much of it as fits, with the step under the cursor in view.
    pub fn draw(
        &self,
        run: &Run,
        cursor: Option<&StepName>,
        now: Timestamp,
        look: &Look,
        buffer: &mut Buffer,
        area: Rect,
    ) {
        let lanes = self.lanes();
        if lanes == 0 || area.height == 0 {
            return;
        }
        let pitch = if lanes * 2 - 1 <= usize::from(area.height) {
            2
        } else {
            1
        };
        let mut x = 0;
        let mut places = Vec::new();
        for rank in 0..self.columns.len() {
            let gap = if rank == 0 {
                0
            } else {
                self.trunks(rank).len() + 3
            };
            let cells = self.column_cells(rank, run, now, look);
            places.push((x + gap, cells));
            x += gap + cells;
        }
        let size = Rect::new(0, 0, short(x), short((lanes - 1) * pitch + 1));
        let mut sheet = Buffer::empty(size);
        for (rank, (left, cells)) in places.iter().enumerate() {
            if rank > 0 {
                let (before, wide) = places[rank - 1];
                self.draw_gap(rank, before + wide..*left, pitch, look, &mut sheet);
            }
            for (lane, slot) in &self.columns[rank] {
                let cell = Rect::new(short(*left), short(lane * pitch), short(*cells), 1);
                let goes_on = self.gaps.get(rank + 1).is_some_and(|gap| {
                    let mut from = gap.iter();
                    from.any(|(from, _)| from == lane)
                });
                if goes_on {
                    let line = look.glyphs.plain("─").repeat(*cells);
                    sheet.set_stringn(cell.x, cell.y, line, *cells, look.theme.frame);
                }
                let Slot::Step(name) = slot else { continue };
                if let Some(step) = run.step(name) {
                    let label = Label::of(step, now, look);
                    label.draw(cursor == Some(name), look, &mut sheet, cell);
                }
            }
        }
        let shown = cursor.and_then(|step| self.place_of(step));
        let (rank, lane) = shown.unwrap_or_default();
        let (left, cells) = places[rank];
        let from_x = window(left, cells, x, area.width.into());
        let from_y = window(lane * pitch, 1, size.height.into(), area.height.into());
        copy(&sheet, (from_x, from_y), buffer, area);
    }

    /// The upright lines before a column: from which lanes to which.
    fn trunks(&self, rank: usize) -> Vec<(BTreeSet<usize>, BTreeSet<usize>)> {
        let mut targets: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (from, to) in &self.gaps[rank] {
            targets.entry(*from).or_default().insert(*to);
        }
        let mut trunks: Vec<(BTreeSet<usize>, BTreeSet<usize>)> = Vec::new();
        for (from, to) in targets {
            if to.len() == 1 && to.contains(&from) && !self.joins(rank, from) {
                continue;
            }
            // Those that go to the same places share a line.
            match trunks.iter_mut().find(|(_, known)| *known == to) {
                Some((sources, _)) => drop(sources.insert(from)),
                None => trunks.push((BTreeSet::from([from]), to)),
            }
        }
        trunks
    }

    /// Whether others come to that lane, too.
    fn joins(&self, rank: usize, lane: usize) -> bool {
        let to = self.gaps[rank].iter().filter(|(_, to)| *to == lane);
        to.count() > 1
    }

    fn draw_gap(
        &self,
        rank: usize,
        cells: std::ops::Range<usize>,
        pitch: usize,
        look: &Look,
        sheet: &mut Buffer,
    ) {
        let (left, wide) = (cells.start, cells.len());
        let mut marks: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut mark = |x: usize, y: usize, sides: usize| {
            *marks.entry((x, y)).or_default() |= sides;
        };
        let trunks = self.trunks(rank);
        for (from, to) in &self.gaps[rank] {
            if from == to && !trunks.iter().any(|(sources, _)| sources.contains(from)) {
                (0..wide).for_each(|x| mark(x, from * pitch, LEFT | RIGHT));
            }
        }
        for (at, (sources, targets)) in trunks.iter().enumerate() {
            let trunk = at + 1;
            for lane in sources {
                (0..trunk).for_each(|x| mark(x, lane * pitch, LEFT | RIGHT));
                mark(trunk, lane * pitch, LEFT);
            }
            for lane in targets {
                (trunk + 1..wide).for_each(|x| mark(x, lane * pitch, LEFT | RIGHT));
                mark(trunk, lane * pitch, RIGHT);
            }
            let all = sources.iter().chain(targets);
            let (top, end) = all.fold((usize::MAX, 0), |(top, end), lane| {
                (top.min(lane * pitch), end.max(lane * pitch))
            });
            for y in top..=end {
                let up = if y > top { UP } else { 0 };
                let down = if y < end { DOWN } else { 0 };
                mark(trunk, y, up | down);
            }
        }
        for ((x, y), sides) in marks {
            let line = look.glyphs.plain(LINES[sides & 15]);
            sheet.set_stringn(short(left + x), short(y), line, 1, look.theme.frame);
        }
    }
}

/// For each step those before it that no other of them comes after.
fn reduced(pipeline: &Pipeline) -> BTreeMap<&StepName, Vec<&StepName>> {
    let mut all: BTreeMap<&StepName, BTreeSet<&StepName>> = BTreeMap::new();
    // The reader has made sure that there is no circle, and each round knows one rank more.
    for _ in &pipeline.steps {
        for step in &pipeline.steps {
            let known: BTreeSet<&StepName> = step
                .after
                .iter()
                .filter(|parent| pipeline.step(parent).is_some())
                .flat_map(|parent| {
                    let further = all.get(parent).cloned().unwrap_or_default();
                    further.into_iter().chain([parent])
                })
                .collect();
            all.insert(&step.name, known);
        }
    }
    let steps = pipeline.steps.iter().map(|step| {
        let parents = step.after.iter().filter(|parent| all.contains_key(parent));
        let is_first = |parent: &&StepName| {
            let mut others = step.after.iter().filter(|one| one != parent);
            !others.any(|one| all.get(one).is_some_and(|known| known.contains(parent)))
        };
        (&step.name, parents.filter(is_first).collect())
    });
    steps.collect()
}

/// How a step is written: its mark, its name, how long it took.
struct Label {
    glyph: &'static str,
    tone: Tone,
    name: String,
    took: String,
}

impl Label {
    fn of(step: &StepRun, now: Timestamp, look: &Look) -> Self {
        let name = cut_middle(step.name.as_str(), NAME, &look.glyphs);
        Self {
            glyph: status_glyph(step.status, look.glyphs.ascii),
            tone: status_tone(step.status),
            name: name.into_owned(),
            took: step.milliseconds(now).map(took).unwrap_or_default(),
        }
    }

    fn width(&self) -> usize {
        let took = width(&self.took);
        2 + width(&self.name) + took + usize::from(took > 0)
    }

    fn draw(&self, is_here: bool, look: &Look, sheet: &mut Buffer, cell: Rect) {
        let ground = if is_here {
            look.theme.cursor
        } else {
            look.theme.text
        };
        let cells = self.width() + 2;
        sheet.set_stringn(cell.x, cell.y, " ".repeat(cells), cells, ground);
        let tone = Theme::on(ground, look.theme.tone(self.tone));
        let faint = Theme::on(ground, look.theme.faint);
        let x = cell.x + 1;
        sheet.set_string(x, cell.y, self.glyph, tone);
        let (x, _) = sheet.set_stringn(x + 2, cell.y, &self.name, NAME, ground);
        if !self.took.is_empty() {
            sheet.set_string(x + 1, cell.y, &self.took, faint);
        }
    }
}

fn short(cells: usize) -> u16 {
    u16::try_from(cells).unwrap_or(u16::MAX)
}

/// Where a window has to begin so that what is looked at is in it, in its middle where it can be.
fn window(at: usize, long: usize, whole: usize, room: usize) -> usize {
    if whole <= room {
        return 0;
    }
    let middle = (at + long / 2).saturating_sub(room / 2);
    middle.min(whole - room)
}

fn copy(sheet: &Buffer, (from_x, from_y): (usize, usize), buffer: &mut Buffer, area: Rect) {
    for y in 0..area.height {
        for x in 0..area.width {
            let from = (x + short(from_x), y + short(from_y));
            if let (Some(cell), Some(to)) =
                (sheet.cell(from), buffer.cell_mut((area.x + x, area.y + y)))
            {
                *to = cell.clone();
            }
        }
    }
}
