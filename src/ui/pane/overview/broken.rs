//! What is broken now: which things, in which order, and how a row of them is drawn.

use std::cmp::Reverse;

use ratatui::{Frame, buffer::Buffer, layout::Rect};

use super::waits_for_person;
use crate::{
    model::{
        Container, ContainerId, Fleet, Host, HostLoad, HostName, Link, State, Timestamp, ago,
        bytes, span,
    },
    ops::{
        column::{link_glyph, state_glyph},
        target::Target,
    },
    ui::{
        list::List,
        look::{Look, cut_middle, width},
        scroll,
        widget::line::{self, Ink, Line, wrap},
    },
};

/// With fewer cells there is no place for the environment.
const ENVIRONMENT: u16 = 70;

/// With fewer cells the last words of a container are only told of the row under the cursor.
const LAST_WORDS: u16 = 110;

/// One thing that is broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A host that cannot be used.
    Host(HostName),
    /// A disk that is nearly full.
    Disk(HostName),
    /// A container in need of attention.
    Container(HostName, ContainerId),
}

impl Key {
    /// What operations act on.
    pub fn target(&self) -> Target {
        match self {
            Self::Host(host) | Self::Disk(host) => Target::Host(host.clone()),
            Self::Container(host, id) => Target::Container(host.clone(), id.clone()),
        }
    }

    fn host(&self) -> &HostName {
        match self {
            Self::Host(host) | Self::Disk(host) | Self::Container(host, _) => host,
        }
    }
}

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    /// Nothing can be seen or done there.
    HostOffline,
    /// It should run and does not do its work: unhealthy, restarting, dead, out of memory.
    Failing,
    /// Everything on that host is about to fail.
    DiskFull,
    /// It ended with an error.
    Ended,
    /// There is some time left.
    DiskFills,
}

/// A thing that is broken, with what its place in the list depends on.
#[derive(Clone, Debug)]
pub struct Broken {
    /// What it is.
    pub key: Key,
    severity: Severity,
    guarded: bool,
    since: Option<Timestamp>,
}

impl Broken {
    /// Whether there is still time: a disk that fills up.
    pub fn is_warning(&self) -> bool {
        self.severity == Severity::DiskFills
    }
}

/// All that is broken, the worst first; of equals those of guarded environments, then the newest.
pub fn find(fleet: &Fleet) -> Vec<Broken> {
    let mut all = Vec::new();
    for host in fleet.hosts() {
        let before = all.len();
        let mut add = |key, severity, since| {
            all.push(Broken {
                key,
                severity,
                guarded: false,
                since,
            });
        };
        let name = host.name();
        match &host.link {
            Link::Offline { since, .. } => {
                add(Key::Host(name.clone()), Severity::HostOffline, Some(*since));
            }
            Link::InstallFailed { .. } => add(Key::Host(name.clone()), Severity::HostOffline, None),
            Link::Unknown
            | Link::Connecting { .. }
            | Link::Online { .. }
            | Link::Installing { .. } => {}
        }
        match host.load.and_then(|load| load.disk_percent()) {
            Some(HostLoad::DISK_FULL..) => add(Key::Disk(name.clone()), Severity::DiskFull, None),
            Some(HostLoad::DISK_FILLS..) => add(Key::Disk(name.clone()), Severity::DiskFills, None),
            _ => {}
        }
        for container in host
            .containers
            .values()
            .filter(|one| one.trouble().is_some())
        {
            let key = Key::Container(name.clone(), container.id.clone());
            add(key, severity(container), container.since);
        }
        if all.len() > before && fleet.environment(host.environment()).guarded {
            all[before..].iter_mut().for_each(|one| one.guarded = true);
        }
    }
    all.sort_by(|a, b| {
        let rank = |one: &Broken| (one.severity, !one.guarded, Reverse(one.since));
        rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
    });
    all
}

fn severity(container: &Container) -> Severity {
    match container.state {
        State::Exited if container.oom_killed != Some(true) => Severity::Ended,
        State::Exited
        | State::Created
        | State::Running
        | State::Paused
        | State::Restarting
        | State::Removing
        | State::Dead
        | State::Other(_) => Severity::Failing,
    }
}

/// A row as it is read.
struct Row {
    glyph: &'static str,
    ink: Ink,
    place: String,
    environment: String,
    age: String,
    what: String,
    /// The last words of a container, the remedy of a host.
    more: String,
}

impl Row {
    fn of(one: &Broken, fleet: &Fleet, ascii: bool) -> Option<Self> {
        let host = fleet.host(one.key.host())?;
        // Since when a running container is unhealthy is not known, only since when it runs.
        let is_up = |id| {
            host.containers
                .get(id)
                .is_some_and(|one| one.state == State::Running)
        };
        let up = match &one.key {
            Key::Container(_, id) if is_up(id) => "up ",
            Key::Container(..) | Key::Host(_) | Key::Disk(_) => "",
        };
        let age = one
            .since
            .map(|since| format!("{up}{}", ago(fleet.now, since)))
            .unwrap_or_default();
        let row = match &one.key {
            Key::Host(_) => Self::host(host, fleet.now, ascii),
            Key::Disk(_) => Self::disk(host, &host.load?, one.severity, ascii),
            Key::Container(_, id) => {
                Self::container(host, host.containers.get(id)?, fleet.now, ascii)
            }
        };
        Some(Self {
            age,
            environment: host.environment().to_owned(),
            ..row
        })
    }

    fn host(host: &Host, now: Timestamp, ascii: bool) -> Self {
        let trouble = host.link.trouble();
        let reason = trouble.map_or("", |trouble| &trouble.reason);
        let remedy = trouble.map_or("", |trouble| &trouble.remedy);
        let next = match &host.link {
            link if waits_for_person(link) => "waits for you".to_owned(),
            Link::Offline {
                next_try: Some(at), ..
            } if *at > now => {
                format!("next try in {}", span(at.as_second() - now.as_second()))
            }
            _ => "trying again".to_owned(),
        };
        Self {
            glyph: link_glyph(&host.link, ascii),
            ink: Ink::BAD,
            place: format!("@{}", host.name()),
            environment: String::new(),
            age: String::new(),
            what: format!("{}: {reason}", host.link.word()),
            more: format!("{next}; {remedy}"),
        }
    }

    fn disk(host: &Host, load: &HostLoad, severity: Severity, ascii: bool) -> Self {
        let percent = load.disk_percent().unwrap_or(0.0);
        let full = severity == Severity::DiskFull;
        let free = bytes(load.disk_total.saturating_sub(load.disk));
        let prune = match &host.disk {
            Some(disk) if disk.reclaimable() > 0 => {
                format!("{} can be freed by pruning", bytes(disk.reclaimable()))
            }
            Some(_) => "nothing can be freed by pruning".to_owned(),
            None => String::new(),
        };
        Self {
            glyph: match (full, ascii) {
                (true, false) => "✕",
                (true, true) => "x",
                (false, false) => "▲",
                (false, true) => "!",
            },
            ink: if full { Ink::BAD } else { Ink::WARN },
            place: format!("@{}", host.name()),
            environment: String::new(),
            age: String::new(),
            what: format!(
                "disk {percent:.0} % full, {free} left of {}",
                bytes(load.disk_total)
            ),
            more: prune,
        }
    }

    fn container(host: &Host, container: &Container, now: Timestamp, ascii: bool) -> Self {
        let what = container.trouble().unwrap_or_default();
        let seen = host
            .heard
            .map(|heard| format!(", as seen {} ago", ago(now, heard)))
            .unwrap_or_default();
        Self {
            glyph: state_glyph(container, ascii),
            ink: if host.is_stale() {
                Ink::Stale
            } else {
                Ink::BAD
            },
            place: format!("{}@{}", container.name, host.name()),
            environment: String::new(),
            age: String::new(),
            what: if host.is_stale() {
                format!("{what}{seen}")
            } else {
                what
            },
            more: container
                .last_line
                .as_deref()
                .unwrap_or("")
                .trim()
                .to_owned(),
        }
    }
}

/// The rows on the screen.
pub struct Table<'v> {
    /// What is on the screen.
    pub rows: &'v [Broken],
    /// The list they are in, for cursor and marks.
    pub list: &'v List<Key>,
    /// Where they are.
    pub fleet: &'v Fleet,
    /// How things look.
    pub look: &'v Look,
}

/// Where the columns are, in cells from the left.
struct Columns {
    environment: Option<usize>,
    age: usize,
    what: usize,
    more: Option<usize>,
    place: usize,
}

impl Columns {
    fn fit(rows: &[(&Broken, Row)], cells: usize) -> Self {
        let longest = |of: fn(&Row) -> &str| {
            let widths = rows.iter().map(|(_, row)| width(of(row)));
            widths.max().unwrap_or(0)
        };
        let with_environment =
            cells >= usize::from(ENVIRONMENT) && longest(|row| &row.environment) > 0;
        let place = longest(|row| &row.place).clamp(12, (cells / 3).max(14));
        let mut x = 3 + place + 2;
        let environment = with_environment.then_some(x);
        if with_environment {
            x += longest(|row| &row.environment).min(10) + 2;
        }
        let age = x;
        let what = age + longest(|row| &row.age).max(4) + 2;
        let wide = longest(|row| &row.what).min((cells.saturating_sub(what)) * 6 / 10);
        let more = (cells >= usize::from(LAST_WORDS)).then_some(what + wide + 2);
        Self {
            environment,
            age,
            what,
            more,
            place,
        }
    }
}

impl Columns {
    /// Whether everything of a row is seen in it.
    fn show(&self, row: &Row, cells: usize) -> bool {
        match self.more {
            Some(x) => self.what + width(&row.what) < x && (x + width(&row.more) <= cells),
            None => row.more.is_empty() && self.what + width(&row.what) <= cells,
        }
    }
}

impl Table<'_> {
    fn found(&self, cells: usize) -> (Vec<(&Broken, Row)>, Columns) {
        let ascii = self.look.glyphs.ascii;
        let row = |one| Some((one, Row::of(one, self.fleet, ascii)?));
        let rows: Vec<(&Broken, Row)> = self.rows.iter().filter_map(row).collect();
        let columns = Columns::fit(&rows, cells);
        (rows, columns)
    }

    /// Draws them.
    pub fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        let (rows, columns) = self.found(usize::from(area.width.saturating_sub(1)));
        for (y, (one, row)) in (area.y..area.bottom()).zip(&rows) {
            let line = Rect {
                y,
                height: 1,
                width: area.width.saturating_sub(1),
                ..area
            };
            self.draw_row(one, row, &columns, frame.buffer_mut(), line);
        }
        let track = Rect {
            y: area.y.saturating_sub(1),
            height: area.height + 1,
            ..area
        };
        let (offset, total) = (self.list.offset(), self.list.order().len());
        scroll::bar(offset, total, self.look, frame, track);
    }

    /// Draws the row under the cursor as a whole into `area`, where it does not fit into its row.
    pub fn draw_strip(&self, frame: &mut Frame<'_>, area: Rect) {
        // The rows are one cell wider on either side.
        let room = usize::from(area.width) + 1;
        let (rows, columns) = self.found(room);
        let here = self.list.current();
        let Some((_, row)) = rows.iter().find(|(one, _)| Some(&one.key) == here) else {
            return;
        };
        if columns.show(row, room) {
            return;
        }
        let text = if row.more.is_empty() {
            row.what.clone()
        } else {
            format!("{}  {}", row.what, row.more)
        };
        let mut sign = "›";
        let lines: Vec<Line> = wrap(&text, usize::from(area.width).saturating_sub(2))
            .iter()
            .map(|text| Line::of(std::mem::take(&mut sign), Ink::FAINT).at(2, text, Ink::FAINT))
            .collect();
        line::draw(&lines, self.look, frame.buffer_mut(), area);
    }

    fn draw_row(
        &self,
        one: &Broken,
        row: &Row,
        columns: &Columns,
        buffer: &mut Buffer,
        area: Rect,
    ) {
        let look = self.look;
        let here = self.list.current() == Some(&one.key);
        let marked = self.list.is_marked(&one.key);
        let plain = if row.ink == Ink::Stale {
            Ink::Stale
        } else {
            Ink::PLAIN
        };
        let place = cut_middle(&row.place, columns.place, &look.glyphs).into_owned();
        let mut line = Line::new().at(1, row.glyph, row.ink).at(3, &place, plain);
        if let Some(x) = columns.environment {
            line = line.at(
                x,
                &row.environment,
                if one.guarded {
                    Ink::Guarded
                } else {
                    Ink::FAINT
                },
            );
        }
        line = line
            .at(columns.age, &row.age, Ink::FAINT)
            .at(columns.what, &row.what, row.ink);
        if let Some(x) = columns.more {
            line = line.at(x, &row.more, Ink::FAINT);
        }
        let over = here.then_some(look.theme.cursor);
        if let Some(style) = over {
            buffer.set_style(area, style);
        }
        if marked {
            let style = if here {
                look.theme.marked.patch(look.theme.cursor)
            } else {
                look.theme.marked
            };
            buffer.set_string(area.x, area.y, look.glyphs.mark, style);
        }
        line.draw_over(over, look, buffer, area);
    }
}
