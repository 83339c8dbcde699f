//! Containers as tiles: one small cell each, marked by state, in groups. Hundreds at a glance.

use ratatui::{Frame, layout::Rect};

use super::Key;
use crate::{
    model::{Fleet, HostName, printable},
    ops::column::{self, ContainerRow},
    ui::{
        list::List,
        look::{Look, cut, cut_middle, width},
        nav::Nav,
        theme::Theme,
    },
};

/// What tiles are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Group {
    /// By host.
    #[default]
    Host,
    /// By app.
    App,
    /// By environment.
    Environment,
}

impl Group {
    /// The next one round.
    pub fn next(self) -> Self {
        match self {
            Self::Host => Self::App,
            Self::App => Self::Environment,
            Self::Environment => Self::Host,
        }
    }

    /// Cells of one tile, with the gap after it: where the group does not tell the host, the tile does.
    fn tile(self) -> usize {
        match self {
            Self::Host => 18,
            Self::App => 20,
            Self::Environment => 25,
        }
    }

    /// What a tile says; what its group says already is left out.
    fn label(self, row: &ContainerRow<'_>) -> String {
        let name = &*row.container.name;
        let host = row.host.name();
        match self {
            Self::Host => name.to_owned(),
            Self::App => {
                let app = row.container.app.as_deref().unwrap_or("");
                let rest = name
                    .strip_prefix(app)
                    .and_then(|rest| rest.strip_prefix('-'));
                format!("{}@{host}", rest.unwrap_or(name))
            }
            Self::Environment => format!("{name}@{host}"),
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::App => "app",
            Self::Environment => "environment",
        }
    }

    /// The group of a container; empty when it has none.
    pub fn of<'a>(self, row: &ContainerRow<'a>) -> &'a str {
        match self {
            Self::Host => row.host.name().as_str(),
            Self::App => row.container.app.as_deref().unwrap_or(""),
            Self::Environment => row.host.environment(),
        }
    }
}

/// A line of the view.
#[derive(Clone, Debug)]
enum Line {
    /// The head of a group, with how many tiles it has and how many of them are broken.
    Head(String, usize, usize),
    /// Tiles from one row index up to another.
    Tiles(usize, usize),
}

/// Where each tile is.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    lines: Vec<Line>,
    group: Group,
    across: usize,
    top: usize,
    height: usize,
}

impl Layout {
    /// Lays out rows, which are in the order of their groups.
    pub fn new(order: &[Key], fleet: &Fleet, group: Group, width: u16) -> Self {
        let across = (usize::from(width).saturating_sub(2) / group.tile()).max(1);
        let mut lines = Vec::new();
        let mut from = 0;
        while from < order.len() {
            let name = group_of(order, from, fleet, group);
            let mut to = from + 1;
            while to < order.len() && group_of(order, to, fleet, group) == name {
                to += 1;
            }
            let broken = order[from..to]
                .iter()
                .filter(|key| is_broken(key, fleet))
                .count();
            let title = if name.is_empty() {
                format!("no {}", group.word())
            } else {
                name.to_owned()
            };
            lines.push(Line::Head(title, to - from, broken));
            lines.extend(
                (from..to)
                    .step_by(across)
                    .map(|start| Line::Tiles(start, to.min(start + across))),
            );
            from = to;
        }
        Self {
            lines,
            group,
            across,
            top: 0,
            height: 1,
        }
    }

    /// Keeps the tile with the cursor on the screen.
    pub fn follow(&mut self, index: usize, height: usize) {
        self.height = height.max(1);
        let line = self.line_of(index).unwrap_or(0);
        // The head above the first tiles of a group belongs on the screen with them.
        let upper = if line > 0 && matches!(self.lines[line - 1], Line::Head(..)) {
            line - 1
        } else {
            line
        };
        if upper < self.top {
            self.top = upper;
        } else if line >= self.top + self.height {
            self.top = line + 1 - self.height;
        }
        self.top = self.top.min(self.lines.len().saturating_sub(self.height));
    }

    fn line_of(&self, index: usize) -> Option<usize> {
        self.lines
            .iter()
            .position(|line| matches!(line, Line::Tiles(from, to) if (*from..*to).contains(&index)))
    }

    /// What a move means among tiles, as a move in the list; none when it means the same.
    pub fn step(&self, nav: &Nav, index: usize) -> Option<Nav> {
        let page = self.height.saturating_sub(1).max(1);
        let (lines, down) = match nav {
            Nav::Left => return Some(Nav::Up { rows: 1 }),
            Nav::Right => return Some(Nav::Down { rows: 1 }),
            Nav::Up { rows } => (*rows, false),
            Nav::Down { rows } => (*rows, true),
            Nav::PageUp => (page, false),
            Nav::PageDown => (page, true),
            Nav::HalfUp => (page.div_ceil(2), false),
            Nav::HalfDown => (page.div_ceil(2), true),
            _ => return None,
        };
        let to = self.line_away(index, lines, down);
        Some(if to >= index {
            Nav::Down { rows: to - index }
        } else {
            Nav::Up { rows: index - to }
        })
    }

    /// The tile so many lines of tiles away in the same column, or the nearest there is.
    fn line_away(&self, index: usize, lines: usize, down: bool) -> usize {
        let rows: Vec<(usize, usize)> = self
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Tiles(from, to) => Some((*from, *to)),
                Line::Head(..) => None,
            })
            .collect();
        let Some(at) = rows
            .iter()
            .position(|(from, to)| (*from..*to).contains(&index))
        else {
            return index;
        };
        let column = index - rows[at].0;
        let to = if down {
            (at + lines).min(rows.len() - 1)
        } else {
            at.saturating_sub(lines)
        };
        if to == at {
            return if down { rows[at].1 - 1 } else { rows[at].0 };
        }
        (rows[to].0 + column).min(rows[to].1 - 1)
    }

    /// Draws the lines on the screen.
    pub fn view(
        &self,
        list: &List<Key>,
        fleet: &Fleet,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let lines = self
            .lines
            .iter()
            .skip(self.top)
            .take(usize::from(area.height));
        for (y, line) in (area.y..).zip(lines) {
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            match line {
                Line::Head(name, count, broken) => {
                    draw_head(name, *count, *broken, look, frame, row);
                }
                Line::Tiles(from, to) => self.draw_tiles(list, *from, *to, fleet, look, frame, row),
            }
        }
        crate::ui::scroll::bar(
            self.top,
            self.lines.len(),
            look,
            frame,
            Rect {
                y: area.y.saturating_sub(1),
                height: area.height + 1,
                ..area
            },
        );
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "drawing takes what it draws, how, and where"
    )]
    fn draw_tiles(
        &self,
        list: &List<Key>,
        from: usize,
        to: usize,
        fleet: &Fleet,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let cell = (usize::from(area.width).saturating_sub(2) / self.across).max(4);
        for (place, key) in list.order()[from..to].iter().enumerate() {
            let Some(host) = fleet.host(&key.0) else {
                continue;
            };
            let Some(container) = host.containers.get(&key.1) else {
                continue;
            };
            let here = list.current() == Some(key);
            let tone = look.theme.tone(column::state_tone(container));
            let mut style = if host.is_stale() {
                look.theme.stale
            } else {
                tone
            };
            if list.is_marked(key) {
                style = style.patch(look.theme.marked);
            }
            if here {
                style = Theme::on(look.theme.cursor, style);
            }
            let glyph = column::state_glyph(container, look.glyphs.ascii);
            let name = self.group.label(&ContainerRow { host, container });
            let name = printable(&name);
            let name = look.glyphs.plain(&name).into_owned();
            let text = format!("{glyph} {}", cut_middle(&name, cell - 4, &look.glyphs));
            let sign = if list.is_marked(key) {
                look.glyphs.mark
            } else {
                " "
            };
            let x = area.x + 1 + u16::try_from(place * cell).unwrap_or(0);
            // Signs may take two cells: what is filled up is cells, not characters.
            let blank = (cell - 2).saturating_sub(width(&text));
            let text = format!("{sign}{text}{:blank$}", "");
            frame
                .buffer_mut()
                .set_stringn(x, area.y, &text, cell - 1, style);
        }
    }
}

fn draw_head(
    name: &str,
    count: usize,
    broken: usize,
    look: &Look,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let name = printable(name);
    let name = look.glyphs.plain(&name).into_owned();
    let name = cut(
        &name,
        usize::from(area.width).saturating_sub(22),
        &look.glyphs,
    )
    .into_owned();
    let buffer = frame.buffer_mut();
    let all = usize::from(area.width);
    let (x, _) = buffer.set_stringn(area.x + 1, area.y, &name, all, look.theme.title);
    let (x, _) = buffer.set_stringn(x + 1, area.y, count.to_string(), all, look.theme.faint);
    if broken > 0 {
        buffer.set_string(x + 1, area.y, format!("{broken} broken"), look.theme.bad);
    }
}

fn is_broken((host, id): &(HostName, crate::model::ContainerId), fleet: &Fleet) -> bool {
    fleet
        .container(host, id)
        .is_some_and(|container| container.trouble().is_some())
}

fn group_of<'a>(order: &[Key], at: usize, fleet: &'a Fleet, group: Group) -> &'a str {
    let (name, id) = &order[at];
    fleet
        .host(name)
        .and_then(|host| {
            host.containers
                .get(id)
                .map(|container| group.of(&ContainerRow { host, container }))
        })
        .unwrap_or("")
}
