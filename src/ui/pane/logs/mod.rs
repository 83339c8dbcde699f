//! The log tail: what the selected containers log, followed live.

mod lines;
mod text;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use self::lines::{Entry, Lines};
use super::{Pane, Reply, empty};
use crate::{
    model::{ContainerId, Feed, Fleet, HostName, LogRange, Payload, Stream, Timestamp},
    ops::target::Target,
    ui::{
        look::{Look, cut, head, width},
        nav::Nav,
        scroll,
    },
};

/// How many lines are read of each container at first.
const TAIL: u32 = 1000;

/// Whose log is read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    host: HostName,
    id: ContainerId,
    label: String,
}

/// The log tail.
#[derive(Debug, Default)]
pub struct Logs {
    sources: Vec<Source>,
    range: Range,
    lines: Lines,
    /// The first line on the screen; none while the end is followed.
    top: Option<usize>,
    unseen: usize,
    left: usize,
    wrap: bool,
    timestamps: bool,
    revealed: bool,
    size: (usize, usize),
}

/// What is read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    feed: LogRange,
    word: &'static str,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            feed: LogRange::Tail(TAIL),
            word: "last 1000",
        }
    }
}

impl Range {
    fn numbered(number: u8, now: Timestamp) -> Self {
        let since = |seconds: i64, word| Self {
            feed: LogRange::Since(Timestamp::from_second(now.as_second() - seconds).unwrap_or(now)),
            word,
        };
        match number {
            1 => Self {
                feed: LogRange::All,
                word: "from the start",
            },
            2 => since(60, "last minute"),
            3 => since(300, "last 5 minutes"),
            4 => since(900, "last 15 minutes"),
            5 => since(1800, "last 30 minutes"),
            6 => since(3600, "last hour"),
            _ => Self::default(),
        }
    }
}

impl Logs {
    /// Follows these containers from now on.
    pub fn show(&mut self, targets: Vec<Target>, fleet: &Fleet) {
        let sources: Vec<Source> = targets
            .into_iter()
            .filter_map(|target| match target {
                Target::Container(host, id) => {
                    let name = fleet.container(&host, &id)?.name.clone();
                    Some(Source {
                        label: format!("{name}@{host}"),
                        host,
                        id,
                    })
                }
                Target::Host(_) | Target::Operation(_) => None,
            })
            .collect();
        if sources != self.sources {
            self.sources = sources;
            self.restart(Range::default());
        }
    }

    /// Shows or masks secrets.
    pub fn reveal(&mut self, shown: bool) {
        self.revealed = shown;
    }

    /// Whether nobody's log is followed.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    fn restart(&mut self, range: Range) {
        self.range = range;
        self.lines.clear();
        self.top = None;
        self.unseen = 0;
    }

    fn rows(&self) -> usize {
        self.size.1.max(1)
    }

    /// The first line of the last page.
    fn last_page(&self) -> usize {
        let mut rows = 0;
        let mut at = self.lines.shown();
        while at > 0 {
            rows += self.height_of(at - 1);
            if rows > self.rows() {
                break;
            }
            at -= 1;
        }
        at.min(self.lines.shown().saturating_sub(1))
    }

    fn height_of(&self, at: usize) -> usize {
        if !self.wrap {
            return 1;
        }
        let cells = self.lines.get(at).map_or(0, |entry| width(&entry.text));
        let room = self.size.0.saturating_sub(self.gutter()).max(1);
        cells.div_ceil(room).max(1)
    }

    fn scroll_to(&mut self, top: usize) {
        let last = self.last_page();
        if top >= last {
            self.top = None;
            self.unseen = 0;
        } else {
            self.top = Some(top);
        }
    }

    fn scroll_by(&mut self, rows: usize, down: bool) {
        let top = self.top.unwrap_or_else(|| self.last_page());
        self.scroll_to(if down {
            top.saturating_add(rows)
        } else {
            top.saturating_sub(rows)
        });
    }

    /// The cells before a line's text.
    fn gutter(&self) -> usize {
        let label = if self.sources.len() > 1 {
            self.label_width() + 1
        } else {
            0
        };
        label + if self.timestamps { 13 } else { 0 }
    }

    fn label_width(&self) -> usize {
        let longest = self
            .sources
            .iter()
            .map(|source| width(&source.label))
            .max()
            .unwrap_or(0);
        longest.min(self.size.0 / 4).max(6)
    }

    fn source_of(&self, feed: &Feed) -> Option<usize> {
        let Feed::Logs(host, id, range) = feed else {
            return None;
        };
        if *range != self.range.feed {
            return None;
        }
        self.sources
            .iter()
            .position(|source| source.host == *host && source.id == *id)
    }

    /// Why there is no line to see, and what to do.
    fn emptiness(&self) -> String {
        match (self.lines.filter(), self.range.feed) {
            ("", LogRange::Since(_)) => format!(
                "Nothing was logged in the {}. New lines appear here.\n\
                 :range 1 reads from the start, :range 0 the last {TAIL} lines.",
                self.range.word
            ),
            ("", LogRange::All | LogRange::Tail(_)) => {
                "Nothing logged yet. New lines appear here.".into()
            }
            (filter, _) => format!("No line matches '{filter}'. Esc clears the filter."),
        }
    }

    fn draw_entry(&self, entry: &Entry, look: &Look, frame: &mut Frame<'_>, area: Rect) -> u16 {
        let buffer = frame.buffer_mut();
        let mut x = area.x;
        let right = area.right();
        if self.timestamps {
            let time = entry
                .at
                .map(|at| at.strftime("%H:%M:%S%.3f").to_string())
                .unwrap_or_default();
            buffer.set_stringn(x, area.y, &time, usize::from(right - x), look.theme.faint);
            x += 13;
        }
        if self.sources.len() > 1 {
            let cells = self.label_width();
            let label = self
                .sources
                .get(entry.source)
                .map_or("", |source| source.label.as_str());
            let label = cut(label, cells, &look.glyphs);
            buffer.set_stringn(
                x.min(right),
                area.y,
                &label,
                cells,
                look.theme.circle(entry.source),
            );
            x += u16::try_from(cells + 1).unwrap_or(0);
        }
        if x >= right {
            return 1;
        }
        let style = match entry.stream {
            None => look.theme.busy,
            Some(Stream::Stderr) => look.theme.warn,
            Some(Stream::Stdout) => look.theme.text,
        };
        let room = usize::from(right - x);
        let text = look.glyphs.plain(&entry.text);
        if !self.wrap {
            let start = head(&text, self.left).len();
            buffer.set_stringn(
                x,
                area.y,
                cut(&text[start..], room, &look.glyphs),
                room,
                style,
            );
            return 1;
        }
        let mut rest = &*text;
        let mut y = area.y;
        while y < area.bottom() {
            let part = head(rest, room);
            buffer.set_stringn(x, y, part, room, style);
            y += 1;
            rest = &rest[part.len()..];
            if rest.is_empty() || part.is_empty() {
                break;
            }
        }
        y - area.y
    }
}

impl Pane for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn title(&self, _fleet: &Fleet) -> String {
        let whose = match &self.sources[..] {
            [] => return "Logs".into(),
            [one] => one.label.clone(),
            many => format!("{} containers", many.len()),
        };
        let state = match self.top {
            None => "following".to_owned(),
            Some(_) if self.unseen > 0 => format!("paused, ▼ {} new", self.unseen),
            Some(_) => "paused".to_owned(),
        };
        let dropped = if self.lines.dropped() > 0 {
            format!(" · {} oldest dropped", self.lines.dropped())
        } else {
            String::new()
        };
        let secrets = if self.revealed {
            " · secrets shown"
        } else {
            ""
        };
        format!(
            "Logs({whose})[{}] {} · {state}{dropped}{secrets}",
            self.lines.shown(),
            self.range.word
        )
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        let page = self.rows().saturating_sub(1).max(1);
        match nav {
            Nav::Up { rows } => self.scroll_by(*rows, false),
            Nav::Down { rows } => self.scroll_by(*rows, true),
            Nav::PageUp => self.scroll_by(page, false),
            Nav::PageDown => self.scroll_by(page, true),
            Nav::HalfUp => self.scroll_by(page.div_ceil(2), false),
            Nav::HalfDown => self.scroll_by(page.div_ceil(2), true),
            Nav::Top => self.scroll_to(0),
            Nav::Bottom => self.scroll_to(usize::MAX),
            Nav::Left => self.left = self.left.saturating_sub(16),
            Nav::Right => self.left += 16,
            Nav::Follow if self.top.is_some() => self.scroll_to(usize::MAX),
            Nav::Follow => self.top = Some(self.last_page()),
            Nav::Wrap => self.wrap = !self.wrap,
            Nav::Timestamps => self.timestamps = !self.timestamps,
            Nav::Range { number } => self.restart(Range::numbered(*number, fleet.now)),
            Nav::Filter { text } => {
                if let Err(why) = self.lines.set_filter(&text.join(" ")) {
                    return Reply::Refuse(why);
                }
                self.top = None;
                self.unseen = 0;
            }
            Nav::Mark | Nav::Unmark | Nav::Open => {}
            _ => return Reply::Pass,
        }
        Reply::Done
    }

    fn settle(&mut self, _fleet: &Fleet, area: Rect) {
        self.size = (
            usize::from(area.width.saturating_sub(1)),
            usize::from(area.height),
        );
        let dropped = self.lines.settle();
        if let Some(top) = &mut self.top {
            *top = top.saturating_sub(dropped);
        }
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        self.sources
            .iter()
            .filter(|source| fleet.container(&source.host, &source.id).is_some())
            .map(|source| Target::Container(source.host.clone(), source.id.clone()))
            .collect()
    }

    fn wants(&self, _fleet: &Fleet) -> BTreeSet<Feed> {
        self.sources
            .iter()
            .map(|source| Feed::Logs(source.host.clone(), source.id.clone(), self.range.feed))
            .collect()
    }

    fn feed(&mut self, feed: &Feed, payload: &Payload, fleet: &Fleet) {
        let Some(source) = self.source_of(feed) else {
            return;
        };
        let before = self.lines.shown();
        match payload {
            Payload::Lines(lines) => {
                for line in lines.iter() {
                    self.lines.push(Entry {
                        at: line.time(),
                        source,
                        stream: Some(line.stream),
                        text: text::plain(line.text),
                    });
                }
            }
            Payload::Ended(why)
            | Payload::Failed(why)
            | Payload::Gap(why)
            | Payload::Resumed(why) => {
                let text = format!(
                    "── {}: {} ──",
                    self.sources[source].label,
                    crate::model::printable(why)
                );
                self.lines.push(Entry {
                    at: Some(fleet.now),
                    source,
                    stream: None,
                    text: text.into(),
                });
            }
            Payload::Inspected(_)
            | Payload::Processes(..)
            | Payload::Changed(_)
            | Payload::Older { .. } => {}
        }
        if self.top.is_some() {
            self.unseen += self.lines.shown().saturating_sub(before);
        }
    }

    fn filter(&self) -> &str {
        self.lines.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("follow", "follow"),
            ("filter", "filter"),
            ("wrap", "wrap"),
            ("timestamps", "times"),
            ("range 0", "tail"),
            ("range 1", "all"),
            ("range 3", "5 min"),
            ("range 6", "1 h"),
            ("back", "back"),
        ]
    }

    fn view(&self, _fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.sources.is_empty() {
            return empty(
                "No log is open. Choose containers (:pane containers), then say :logs",
                look,
                frame,
                area,
            );
        }
        if self.lines.shown() == 0 {
            return empty(&self.emptiness(), look, frame, area);
        }
        let inner = Rect {
            width: area.width.saturating_sub(1),
            ..area
        };
        let top = self.top.unwrap_or_else(|| self.last_page());
        let mut y = inner.y;
        let mut at = top;
        while y < inner.bottom() {
            let Some(entry) = self.lines.get(at) else {
                break;
            };
            let rest = Rect {
                y,
                height: inner.bottom() - y,
                ..inner
            };
            y += self.draw_entry(entry, look, frame, rest);
            at += 1;
        }
        let whole = Rect {
            y: area.y.saturating_sub(1),
            height: area.height + 1,
            ..area
        };
        scroll::bar(top, self.lines.shown(), look, frame, whole);
    }
}
