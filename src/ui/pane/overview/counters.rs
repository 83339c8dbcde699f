//! The counters at the top of the overview: hosts, containers, apps, images, disk.

use std::collections::{HashMap, HashSet};

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::{DiskUsage, Fleet, Host, Tally, bytes},
    ui::{
        look::{Look, width},
        widget::{
            bar,
            line::{self, Ink, Line, heading},
        },
    },
};

/// With fewer rows the counters are single lines.
const TALL: u16 = 24;

/// With fewer rows only hosts and containers are counted, on one line each.
const TINY: u16 = 10;

/// Rows of groups that stand side by side.
const STANDING: u16 = 4;

/// Cells between two groups.
const GAP: usize = 3;

/// Cells between two figures.
const BETWEEN: usize = 2;

/// A number with what it counts.
#[derive(Clone, Debug)]
struct Figure {
    number: String,
    /// Its sign on terminals with UTF-8, and on others.
    glyph: (&'static str, &'static str),
    word: &'static str,
    /// How its meaning looks while it is not zero.
    ink: Ink,
    /// Its part of the whole, for the bar; none for what is no part.
    part: Option<(usize, (&'static str, &'static str))>,
    /// Shown even when it is zero and there is little room.
    always: bool,
}

/// Numbers over one kind of things.
#[derive(Clone, Debug)]
struct Group {
    title: &'static str,
    total: String,
    figures: Vec<Figure>,
}

/// All counters.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Hosts and containers: these stand side by side where there is room.
    main: Vec<Group>,
    /// Apps, images, disk.
    more: Vec<Group>,
}

/// How the counters are laid out in a place.
struct Layout {
    /// These stand side by side, with bars.
    standing: Vec<Group>,
    /// These are lines below.
    lines: Vec<Line>,
}

impl Counters {
    /// Counts a fleet.
    pub fn count(fleet: &Fleet) -> Self {
        let tally = fleet.tally(|_| true);
        Self {
            main: vec![hosts(fleet, tally), containers(fleet, tally)],
            more: [apps(fleet), images(fleet), disk(fleet)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// How many rows they take in a pane of that size.
    pub fn height(&self, width: u16, height: u16) -> u16 {
        let layout = self.layout(usize::from(width.saturating_sub(2)), height, false);
        let standing = if layout.standing.is_empty() {
            0
        } else {
            STANDING
        };
        standing + u16::try_from(layout.lines.len()).unwrap_or(u16::MAX - STANDING)
    }

    /// All side by side; else hosts and containers side by side and lines for the others; else
    /// lines. Figures that are zero count too, so that the layout does not change with them. On a
    /// short screen the others have one line: what is broken needs the rows.
    fn layout(&self, cells: usize, height: u16, ascii: bool) -> Layout {
        let all: Vec<Group> = self.main.iter().chain(&self.more).cloned().collect();
        if height >= TALL && total_width(&all) <= cells {
            return Layout {
                standing: all,
                lines: Vec::new(),
            };
        }
        if height >= TALL && total_width(&self.main) <= cells {
            return Layout {
                standing: self.main.clone(),
                lines: joined(&self.more, cells, ascii),
            };
        }
        if height < TINY {
            let brief: Vec<Group> = self.main.iter().map(Group::brief).collect();
            return Layout {
                standing: Vec::new(),
                lines: joined(&brief, cells, ascii),
            };
        }
        let labels = self
            .main
            .iter()
            .map(|group| width(&group.head()))
            .max()
            .unwrap_or(0)
            + 2;
        let lines = self
            .main
            .iter()
            .flat_map(|group| group.lines(labels, cells, ascii));
        let more = if height < TALL {
            let brief: Vec<Group> = self.more.iter().map(Group::brief).collect();
            joined(&brief, cells, ascii).into_iter().take(1).collect()
        } else {
            joined(&self.more, cells, ascii)
        };
        Layout {
            standing: Vec::new(),
            lines: lines.chain(more).collect(),
        }
    }

    /// Draws them; `height` is that of the whole pane, as for [`Self::height`].
    pub fn draw(&self, height: u16, look: &Look, buffer: &mut Buffer, area: Rect) {
        let cells = usize::from(area.width);
        let layout = self.layout(cells, height, look.glyphs.ascii);
        let mut lines = area;
        if !layout.standing.is_empty() {
            draw_standing(&layout.standing, look, buffer, area);
            let used = STANDING.min(area.height);
            lines = Rect {
                y: area.y + used,
                height: area.height - used,
                ..area
            };
        }
        line::draw(&layout.lines, look, buffer, lines);
    }
}

fn total_width(groups: &[Group]) -> usize {
    groups.iter().map(Group::width).sum::<usize>() + GAP * groups.len().saturating_sub(1)
}

fn draw_standing(groups: &[Group], look: &Look, buffer: &mut Buffer, area: Rect) {
    let spare = usize::from(area.width).saturating_sub(total_width(groups));
    let mut x = area.x;
    for (at, group) in groups.iter().enumerate() {
        // The containers get what is left over: theirs is the longest bar.
        let more = if at == 1 { spare } else { 0 };
        let width = u16::try_from(group.width() + more).unwrap_or(area.width);
        group.draw(look, buffer, Rect { x, width, ..area });
        x += width + u16::try_from(GAP).unwrap_or(0);
    }
}

/// Groups one behind the other; a line that is full goes on below.
fn joined(groups: &[Group], cells: usize, ascii: bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for group in groups {
        let short = group
            .lines(width(&group.head()) + 2, usize::MAX, ascii)
            .pop()
            .unwrap_or_default();
        match lines.pop() {
            Some(line) if line.width() + GAP + short.width() <= cells => {
                lines.push(line.join(GAP, short));
            }
            before => lines.extend(before.into_iter().chain([short])),
        }
    }
    lines
}

impl Group {
    fn head(&self) -> String {
        format!("{} {}", self.title, self.total)
            .trim_end()
            .to_owned()
    }

    /// The same with the figures that always matter only.
    fn brief(&self) -> Self {
        let figures = self
            .figures
            .iter()
            .filter(|one| one.always)
            .cloned()
            .collect();
        Self {
            figures,
            ..self.clone()
        }
    }

    fn width(&self) -> usize {
        let figures: usize = self.figures.iter().map(|one| one.width() + BETWEEN).sum();
        figures.saturating_sub(BETWEEN).max(width(&self.head()) + 2)
    }

    fn draw(&self, look: &Look, buffer: &mut Buffer, area: Rect) {
        let cells = usize::from(area.width);
        let mut numbers = Line::new();
        let mut labels = Line::new();
        let spare = cells.saturating_sub(self.width()) / self.figures.len().max(1);
        let mut x = 0;
        for figure in &self.figures {
            numbers = numbers.at(x, &figure.number, figure.ink());
            let label = format!("{}{}", figure.glyph(look.glyphs.ascii), figure.word);
            labels = labels.at(x, &label, Ink::FAINT);
            x += figure.width() + BETWEEN + spare.min(6);
        }
        let lines = [heading(self.title, &self.total, cells), numbers, labels];
        line::draw(&lines, look, buffer, area);
        let parts: Vec<bar::Part> = self
            .figures
            .iter()
            .filter_map(|figure| {
                let (count, glyph) = figure.part?;
                let glyph = if look.glyphs.ascii { glyph.1 } else { glyph.0 };
                Some(bar::Part {
                    count,
                    style: figure.ink.style(&look.theme),
                    glyph,
                })
            })
            .collect();
        if !parts.is_empty() && area.height >= STANDING {
            let row = Rect {
                y: area.y + STANDING - 1,
                height: 1,
                ..area
            };
            bar::divided(&parts, look, buffer, row);
        }
    }

    /// As a line: the title in `labels` cells, then the figures that tell something.
    fn lines(&self, labels: usize, cells: usize, ascii: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut line = Line::of(self.title, Ink::Title);
        if !self.total.is_empty() {
            line = line.then(" ", Ink::PLAIN).then(&self.total, Ink::PLAIN);
        }
        let mut x = labels;
        for figure in self.figures.iter().filter(|one| one.tells()) {
            let glyph = figure.glyph(ascii);
            let needed = width(&glyph) + width(&figure.number) + 1 + width(figure.word);
            if x + needed > cells && x > labels {
                lines.push(std::mem::take(&mut line));
                x = labels;
            }
            line = line
                .at(x, &glyph, figure.ink())
                .then(&figure.number, figure.ink())
                .then(" ", Ink::PLAIN)
                .then(figure.word, Ink::FAINT);
            x += needed + BETWEEN;
        }
        lines.push(line);
        lines
    }
}

impl Figure {
    fn new(
        count: usize,
        glyph: (&'static str, &'static str),
        word: &'static str,
        ink: Ink,
    ) -> Self {
        Self {
            number: count.to_string(),
            glyph,
            word,
            ink,
            part: None,
            always: false,
        }
    }

    /// It is a part of the whole, drawn with that in the bar.
    fn part(self, glyph: (&'static str, &'static str)) -> Self {
        let count = self.number.parse().unwrap_or(0);
        Self {
            part: Some((count, glyph)),
            ..self
        }
    }

    fn always(self) -> Self {
        Self {
            always: true,
            ..self
        }
    }

    fn tells(&self) -> bool {
        self.always || self.number != "0"
    }

    fn glyph(&self, ascii: bool) -> String {
        let glyph = if ascii { self.glyph.1 } else { self.glyph.0 };
        if glyph.is_empty() {
            String::new()
        } else {
            format!("{glyph} ")
        }
    }

    /// Every glyph takes one cell, so the width is the same on all terminals.
    fn width(&self) -> usize {
        width(&self.number).max(width(&self.glyph(true)) + width(self.word))
    }

    fn ink(&self) -> Ink {
        if self.number == "0" {
            Ink::FAINT
        } else {
            self.ink
        }
    }
}

fn hosts(fleet: &Fleet, tally: Tally) -> Group {
    Group {
        title: "Hosts",
        total: fleet.hosts().len().to_string(),
        figures: vec![
            Figure::new(tally.online, ("●", "*"), "online", Ink::GOOD)
                .part(("█", "#"))
                .always(),
            Figure::new(tally.connecting, ("◐", "~"), "connecting", Ink::BUSY).part(("▒", "o")),
            Figure::new(tally.offline, ("✕", "x"), "offline", Ink::BAD)
                .part(("░", "."))
                .always(),
        ],
    }
}

fn containers(fleet: &Fleet, tally: Tally) -> Group {
    let stale: usize = fleet
        .hosts()
        .iter()
        .filter(|host| host.is_stale())
        .map(|host| host.containers.len())
        .sum();
    let mut figures = vec![
        Figure::new(tally.running, ("●", "*"), "running", Ink::GOOD)
            .part(("█", "#"))
            .always(),
        Figure::new(tally.paused, ("◐", "="), "paused", Ink::WARN).part(("▓", "=")),
        Figure::new(tally.restarting, ("↻", "~"), "restarting", Ink::BAD).part(("▚", "~")),
        Figure::new(tally.created, ("◌", "o"), "created", Ink::BUSY).part(("▒", "o")),
        Figure::new(tally.ended, ("○", "."), "ended", Ink::FAINT)
            .part(("░", "."))
            .always(),
        Figure::new(tally.unhealthy, ("▲", "!"), "unhealthy", Ink::BAD).always(),
        Figure::new(tally.broken, ("✕", "x"), "broken", Ink::BAD).always(),
    ];
    if stale > 0 {
        figures.push(Figure::new(stale, ("?", "?"), "on silent hosts", Ink::WARN));
    }
    Group {
        title: "Containers",
        total: tally.containers.to_string(),
        figures,
    }
}

/// Apps by name within their environment: the same app in `stage` and `prod` is two.
fn apps(fleet: &Fleet) -> Option<Group> {
    let mut apps: HashMap<(&str, &str), bool> = HashMap::new();
    for (host, container) in fleet.containers() {
        if let Some(app) = container.app.as_deref() {
            *apps.entry((host.environment(), app)).or_default() |= container.trouble().is_some();
        }
    }
    let broken = apps.values().filter(|broken| **broken).count();
    (!apps.is_empty()).then(|| Group {
        title: "Apps",
        total: apps.len().to_string(),
        figures: vec![
            Figure::new(apps.len() - broken, ("●", "*"), "whole", Ink::GOOD).part(("█", "#")),
            Figure::new(broken, ("✕", "x"), "broken", Ink::BAD)
                .part(("░", "."))
                .always(),
        ],
    })
}

/// Images by their id: the same image on forty hosts is one.
fn images(fleet: &Fleet) -> Option<Group> {
    let known: Vec<&Host> = fleet
        .hosts()
        .iter()
        .filter(|host| host.images.is_some())
        .collect();
    let mut seen = HashSet::new();
    let (mut public, mut private, mut untagged) = (0, 0, 0);
    for image in known
        .iter()
        .filter_map(|host| host.images.as_ref())
        .flatten()
    {
        if !seen.insert(&image.id) {
            continue;
        }
        if image.is_private() {
            private += 1;
        } else if image.tags.is_empty() && image.digests.is_empty() {
            untagged += 1;
        } else {
            public += 1;
        }
    }
    (!known.is_empty()).then(|| Group {
        title: "Images",
        total: format!("{}{}", seen.len(), scope(known.len(), fleet)),
        figures: vec![
            Figure::new(public, ("", ""), "public", Ink::PLAIN).always(),
            Figure::new(private, ("", ""), "private", Ink::PLAIN).always(),
            Figure::new(untagged, ("", ""), "untagged", Ink::WARN),
        ],
    })
}

/// What Docker occupies on the hosts that were asked, and what can be freed.
fn disk(fleet: &Fleet) -> Option<Group> {
    let known: Vec<&DiskUsage> = fleet
        .hosts()
        .iter()
        .filter_map(|host| host.disk.as_ref())
        .collect();
    let used: u64 = known.iter().map(|disk| disk.total()).sum();
    let free: u64 = known.iter().map(|disk| disk.reclaimable()).sum();
    let figure = |number, word| Figure {
        number,
        glyph: ("", ""),
        word,
        ink: Ink::PLAIN,
        part: None,
        always: true,
    };
    (!known.is_empty()).then(|| Group {
        title: "Disk",
        total: scope(known.len(), fleet).trim_start().to_owned(),
        figures: vec![
            figure(bytes(used), "used"),
            figure(bytes(free), "can be freed"),
        ],
    })
}

/// Of how many hosts it is known, when not of all.
fn scope(known: usize, fleet: &Fleet) -> String {
    let all = fleet.hosts().len();
    if known == all {
        String::new()
    } else {
        format!(" ({known} of {all} hosts)")
    }
}
