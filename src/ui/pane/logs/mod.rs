//! The log tail: what the selected containers log, merged by time and followed live.

mod excerpt;
mod feed;
mod lay;
mod range;
mod view;
mod who;

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use ratatui::{Frame, layout::Rect};

pub use self::range::Range;
use self::who::{Source, Who};
use super::{Pane, Reply};
use crate::{
    logs::{Book, Filter, Level, Masks, Pattern},
    model::{Feed, Fleet, LogBatch, Payload, Timestamp},
    ops::target::{ContainerPattern, Target},
    ui::{
        look::{Glyphs, Look},
        nav::Nav,
    },
};

/// About how many bytes are filtered and searched at a time.
const PORTION: usize = 16 << 20;
/// How many lines are asked for when the oldest are on the screen.
const OLDER: u32 = 1000;
/// No more logs are followed at once.
const MOST: usize = 200;
/// How many cells the text moves sideways.
const SIDEWAYS: usize = 16;

/// How times are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Not at all.
    #[default]
    Off,
    /// As clocks here show them.
    Local,
    /// In UTC.
    Utc,
    /// How long ago.
    Relative,
}

/// How lines with fields are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// As they are.
    #[default]
    Raw,
    /// JSON on several rows.
    Pretty,
    /// The values of these fields.
    Fields(Vec<String>),
}

/// What is to be found when the search is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jump {
    Newer,
    Older,
}

/// The log tail.
#[derive(Debug)]
pub struct Logs {
    who: Who,
    sources: Vec<Source>,
    range: Range,
    book: Book,
    /// The first line on the screen and how many of its rows are above it; none while the end is followed.
    top: Option<i64>,
    above: usize,
    /// The line under the cursor, when the end is not followed.
    cursor: Option<i64>,
    /// The other end of the lines that are chosen.
    anchor: Option<i64>,
    /// Behind the newest line that was seen.
    seen: Option<i64>,
    left: usize,
    wrap: bool,
    times: Times,
    shape: Shape,
    /// The fields that were chosen last.
    fields: Vec<String>,
    filter: String,
    level: Option<Level>,
    backwards: bool,
    jump: Option<Jump>,
    highlights: Vec<Pattern>,
    masks: Masks,
    revealed: bool,
    zone: TimeZone,
    glyphs: Glyphs,
    /// Older lines are being read, of these sources, by their numbers.
    older: Vec<u16>,
    /// Which clocks are put right.
    corrected: Option<String>,
    opened: Timestamp,
    looked: Timestamp,
    now: Timestamp,
    /// Columns and rows for lines.
    size: (usize, usize),
    /// How many of the columns are for names.
    name_cells: usize,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            who: Who::Nobody,
            sources: Vec::new(),
            range: Range::default(),
            book: Book::new(128 << 20),
            top: None,
            above: 0,
            cursor: None,
            anchor: None,
            seen: None,
            left: 0,
            wrap: false,
            times: Times::Off,
            shape: Shape::Raw,
            fields: ["level", "msg"].map(str::to_owned).to_vec(),
            filter: String::new(),
            level: None,
            backwards: false,
            jump: None,
            highlights: Vec::new(),
            masks: Masks::default(),
            revealed: false,
            zone: TimeZone::UTC,
            glyphs: Glyphs::UNICODE,
            older: Vec::new(),
            corrected: None,
            opened: Timestamp::UNIX_EPOCH,
            looked: Timestamp::UNIX_EPOCH,
            now: Timestamp::UNIX_EPOCH,
            size: (80, 20),
            name_cells: 0,
        }
    }
}

impl Logs {
    /// How secrets are masked, how many bytes are held, where the clock stands that times are shown by, and the signs
    /// of the terminal.
    pub fn set_up(&mut self, masks: Masks, memory: usize, zone: TimeZone, glyphs: Glyphs) {
        self.masks = masks;
        self.book.set_limit(memory);
        (self.zone, self.glyphs) = (zone, glyphs);
    }

    /// Follows all that fits, now and later; in that range, where one is named.
    pub fn show_fitting(
        &mut self,
        who: Vec<ContainerPattern>,
        range: Option<Range>,
        fleet: &Fleet,
    ) {
        self.follow(Who::Fitting(who), range, fleet);
    }

    /// Follows these from now on; in that range, where one is named.
    pub fn show(&mut self, targets: &[Target], range: Option<Range>, fleet: &Fleet) {
        self.follow(Who::these(targets, fleet), range, fleet);
    }

    fn follow(&mut self, who: Who, range: Option<Range>, fleet: &Fleet) {
        if who != self.who || range.is_some() {
            self.who = who;
            self.restart(range.unwrap_or_default(), fleet);
        }
    }

    /// Forgets all lines; others will be brought.
    pub fn begin(&mut self) {
        self.who = Who::Brought;
        self.book.clear();
        self.resume();
    }

    /// Takes in lines that were brought.
    pub fn bring(&mut self, lines: LogBatch) {
        let number = self.book.source("");
        self.book.add(number, lines, 0);
    }

    /// Whether nobody's log is followed.
    pub fn is_empty(&self) -> bool {
        self.who == Who::Nobody
    }

    /// Shows or masks secrets.
    pub fn reveal(&mut self, shown: bool) {
        self.revealed = shown;
    }

    /// It is not looked at for a while; when it is again, it goes on where it was.
    pub fn rest(&mut self) {
        for source in &mut self.sources {
            source.rest();
        }
        self.older.clear();
        self.revealed = false;
    }

    fn restart(&mut self, range: Range, fleet: &Fleet) {
        self.range = range;
        self.book.clear();
        self.sources.clear();
        self.older.clear();
        self.opened = fleet.now;
        self.resume();
        self.join(fleet);
    }

    /// Follows the end again.
    fn resume(&mut self) {
        (self.top, self.cursor, self.anchor) = (None, None, None);
        self.above = 0;
    }

    fn set_filter(&mut self, text: &str) -> Result<(), String> {
        let level = self
            .level
            .map(|level| format!(" level:{}", level.word()))
            .unwrap_or_default();
        let filter = Filter::parse(&format!("{text}{level}")).map_err(|error| error.to_string())?;
        text.trim().clone_into(&mut self.filter);
        self.book.set_filter(filter);
        Ok(())
    }

    fn set_search(&mut self, text: &str, backwards: bool) -> Result<(), String> {
        let pattern = Pattern::parse(text).map_err(|error| error.to_string())?;
        self.backwards = backwards;
        self.book.set_search(pattern);
        Ok(())
    }

    fn highlight(&mut self, text: &str) -> Reply {
        match Pattern::parse(text) {
            Ok(None) => self.highlights.clear(),
            Ok(Some(pattern)) => match self.highlights.iter().position(|one| *one == pattern) {
                Some(known) => drop(self.highlights.remove(known)),
                None => self.highlights.push(pattern),
            },
            Err(error) => return Reply::Refuse(error.to_string()),
        }
        Reply::Done
    }

    /// Only lines of that level and graver ones; without a name the next level, and after the last all.
    fn set_level(&mut self, name: Option<&str>) -> Reply {
        let level = match name {
            None => match self.level {
                None => Some(Level::Info),
                Some(Level::Fatal) => None,
                Some(level) => Level::ALL.into_iter().find(|one| *one > level),
            },
            Some("all") => None,
            Some(name) => match name.parse() {
                Ok(level) => Some(level),
                Err(()) => {
                    let text = "the levels are trace, debug, info, warn, error, fatal and all";
                    return Reply::Refuse(text.to_owned());
                }
            },
        };
        self.level = level;
        let filter = self.filter.clone();
        match self.set_filter(&filter) {
            Ok(()) => Reply::Done,
            Err(why) => Reply::Refuse(why),
        }
    }

    /// Goes to the next line that has what is searched for.
    fn go_to_hit(&mut self, newer: bool) -> Reply {
        let hits = self.book.hits();
        let Some(search) = self.book.search() else {
            return Reply::Refuse("nothing is searched for; / begins".to_owned());
        };
        if hits == 0 {
            return Reply::Refuse(format!("no line has {}", search.typed()));
        }
        let (before, on) = match self.cursor {
            Some(line) => (self.book.hits_before(line), self.book.hits_before(line + 1)),
            None => (hits, hits),
        };
        let (at, round) = if newer {
            if on < hits {
                (on, false)
            } else {
                (0, self.cursor.is_some())
            }
        } else {
            before
                .checked_sub(1)
                .map_or((hits - 1, true), |at| (at, false))
        };
        // Following the end, the newest hit is the nearest, whichever way is asked for.
        let at = if self.cursor.is_none() { hits - 1 } else { at };
        if let Some(line) = self.book.hit(at) {
            self.show_line(line);
        }
        if round {
            return Reply::Tell("the search went on at the other end".to_owned());
        }
        Reply::Done
    }

    fn mark(&mut self) {
        if self.cursor.is_none() {
            self.pause();
        }
        if let Some(line) = self.cursor {
            self.book.mark(line);
        }
    }

    fn next_shape(&mut self) {
        self.shape = match self.shape {
            Shape::Raw => Shape::Pretty,
            Shape::Pretty => Shape::Fields(self.fields.clone()),
            Shape::Fields(_) => Shape::Raw,
        };
    }

    fn set_fields(&mut self, names: &str) {
        let names: Vec<String> = names
            .split([',', ' '])
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            self.shape = Shape::Raw;
        } else {
            self.fields.clone_from(&names);
            self.shape = Shape::Fields(names);
        }
    }

    /// Takes away one thing that narrows or chooses, the last first. Whether there was any.
    fn undo(&mut self) -> bool {
        if self.anchor.take().is_some() {
            return true;
        }
        if self.book.search().is_some() {
            self.book.set_search(None);
            return true;
        }
        if !self.filter.is_empty() || self.level.is_some() {
            self.level = None;
            return self.set_filter("").is_ok();
        }
        false
    }

    /// Shows the log of the instance before: the newest container that has the same place in the same app, or the
    /// same name with something behind it.
    fn earlier(&mut self, fleet: &Fleet) -> Reply {
        let [source] = &self.sources[..] else {
            return Reply::Refuse("choose the log of one container first".to_owned());
        };
        let Some(host) = fleet.host(&source.host) else {
            return Reply::Refuse(format!("@{} is not known any more", source.host));
        };
        let Some(this) = host.containers.get(&source.id) else {
            return Reply::Refuse(format!("{} is not known any more", source.label()));
        };
        let before = host
            .containers
            .values()
            .filter(|one| one.id != this.id && one.created < this.created)
            .filter(|one| {
                let same_service =
                    this.app.is_some() && one.app == this.app && one.service == this.service;
                let same_name =
                    one.name.starts_with(&*this.name) || this.name.starts_with(&*one.name);
                same_service || same_name
            })
            .max_by_key(|one| one.created);
        match before {
            Some(one) => {
                let target = Target::Container(source.host.clone(), one.id.clone());
                self.show(&[target], None, fleet);
                Reply::Tell(format!("this is the log of {}", one.name))
            }
            None => Reply::Refuse(format!(
                "{} has no earlier instance on @{}: Docker removes a log with its container",
                source.name, source.host
            )),
        }
    }

    fn line_nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        let taken = match nav {
            Nav::Filter { text } => self.set_filter(&text.join(" ")),
            Nav::Search { text } => self.set_search(&text.join(" "), false),
            Nav::SearchBack { text } => self.set_search(&text.join(" "), true),
            Nav::Highlight { text } => return self.highlight(&text.join(" ")),
            Nav::Level { name } => return self.set_level(name.as_deref()),
            Nav::NextHit => return self.go_to_hit(!self.backwards),
            Nav::PreviousHit => return self.go_to_hit(self.backwards),
            Nav::NextMark => {
                match self.book.next_marked(self.cursor.unwrap_or(i64::MAX)) {
                    Some(line) => self.show_line(line),
                    None => return Reply::Refuse("no line is marked".to_owned()),
                }
                Ok(())
            }
            Nav::Earlier => return self.earlier(fleet),
            Nav::Save(args) => return self.save(args),
            _ => return Reply::Pass,
        };
        match taken {
            Ok(()) => Reply::Done,
            Err(why) => Reply::Refuse(why),
        }
    }
}

impl Pane for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn title(&self, _fleet: &Fleet) -> String {
        self.heading()
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        let page = self.size.1.saturating_sub(1).max(1);
        match nav {
            Nav::Up { rows } => self.move_cursor(*rows, false),
            Nav::Down { rows } => self.move_cursor(*rows, true),
            Nav::PageUp => self.scroll(page, false),
            Nav::PageDown => self.scroll(page, true),
            Nav::HalfUp => self.scroll(page.div_ceil(2), false),
            Nav::HalfDown => self.scroll(page.div_ceil(2), true),
            Nav::Top => self.go_to_top(),
            Nav::Bottom => self.resume(),
            Nav::Left => self.left = self.left.saturating_sub(SIDEWAYS),
            Nav::Right => self.left += SIDEWAYS,
            Nav::Follow if self.top.is_some() => self.resume(),
            Nav::Follow => self.pause(),
            Nav::Wrap => self.wrap = !self.wrap,
            Nav::Timestamps => {
                self.times = match self.times {
                    Times::Off => Times::Local,
                    Times::Local => Times::Utc,
                    Times::Utc => Times::Relative,
                    Times::Relative => Times::Off,
                }
            }
            Nav::Shape => self.next_shape(),
            Nav::Fields { names } => self.set_fields(&names.join(" ")),
            Nav::Range { number } => self.restart(Range::numbered(*number, fleet.now), fleet),
            Nav::Mark => self.mark(),
            Nav::MarkRange => {
                if self.cursor.is_none() {
                    self.pause();
                }
                self.anchor = match self.anchor {
                    Some(_) => None,
                    None => self.cursor,
                };
            }
            Nav::Unmark => {
                self.undo();
            }
            Nav::Reveal if self.revealed => self.revealed = false,
            Nav::Reveal => return Reply::Reveal,
            Nav::Copy => return self.copied(),
            Nav::Open => {}
            _ => return self.line_nav(nav, fleet),
        }
        Reply::Done
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        self.size = (
            usize::from(area.width.saturating_sub(1)),
            usize::from(area.height.saturating_sub(1)),
        );
        self.now = fleet.now;
        if self.looked != fleet.now {
            self.looked = fleet.now;
            self.join(fleet);
        }
        self.name_cells = self.name_width();
        let mut pins = [self.top, self.cursor, self.anchor, self.seen];
        self.book.settle(&mut pins);
        [self.top, self.cursor, self.anchor, self.seen] = pins;
        self.book.work(PORTION);
        if self.jump.is_some() && !self.book.is_behind() {
            let newer = self.jump.take() == Some(Jump::Newer);
            // That nothing was found is seen in the line of the state.
            self.go_to_hit(newer);
        }
        self.stay_on_shown();
        if self.top.is_none() {
            self.seen = Some(self.book.end());
        }
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        // What is done is done to the container of the line under the cursor.
        let source = self
            .cursor
            .and_then(|line| self.book.line(line))
            .map(|line| line.source);
        let chosen = |one: &&Source| source.is_none_or(|source| one.number == source);
        self.sources
            .iter()
            .filter(chosen)
            .filter(|source| fleet.container(&source.host, &source.id).is_some())
            .map(|source| Target::Container(source.host.clone(), source.id.clone()))
            .collect()
    }

    fn wants(&self, _fleet: &Fleet) -> BTreeSet<Feed> {
        self.feeds()
    }

    fn feed(&mut self, feed: &Feed, payload: Payload, fleet: &Fleet) {
        self.take(feed, payload, fleet);
    }

    fn has_search(&self) -> bool {
        true
    }

    fn find(&mut self) {
        self.jump = Some(if self.backwards {
            Jump::Older
        } else {
            Jump::Newer
        });
    }

    fn has_work(&self) -> bool {
        self.book.is_behind()
    }

    fn filter(&self) -> &str {
        &self.filter
    }

    fn back(&mut self) -> bool {
        self.undo()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("search", "search"),
            ("filter", "filter"),
            ("follow", "follow"),
            ("timestamps", "times"),
            ("wrap", "wrap"),
            ("level", "level"),
            ("shape", "JSON"),
            ("range 3", "5 min"),
            ("copy", "copy"),
        ]
    }

    fn view(&self, _fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        self.draw(look, frame, area);
    }
}

#[cfg(test)]
mod tests;
