//! What an operator on call sees first: counters, what is broken now, the last acts.
//!
//! ```text
//!  Hosts 43 ───────────  Containers 1212 ───────────────────────────────  Apps 61 ─────
//!  41        2           1180       2         1             29             61   3
//!  ● online  ✕ offline   ● running  ‖ paused  ↻ restarting  ○ ended …      all  with a broken one
//!  ██████████████████░░  ██████████████████████████████████████████▓▓▒░    ███████████░░
//!
//!  Broken now 5 on 41 of 43 hosts ──────────────────────────────────────────────────────
//!  ✕ @ams-2            prod    12m04s  unreachable: connection refused   check the network …
//!  ▲ api-1@ams-1       prod     3m12s  unhealthy                         upstream timed out
//!
//!  Last operations (UTC) ───────────────────────────────────────────────────────────────
//!  10:31:12  ann  container restart api-1@ams-1                          done
//! ```

mod broken;
mod counters;
mod recent;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use self::{
    broken::{Broken, Key},
    counters::Counters,
};
use super::{Pane, Reply};
use crate::{
    model::{Feed, Fleet, Host, HostName, Link, Timestamp},
    ops::target::Target,
    ui::{
        list::List,
        look::Look,
        nav::Nav,
        widget::{
            line::{Ink, Line, heading},
            place,
        },
    },
};

/// So many hosts are asked for their load at a time.
const LOADS: usize = 50;

/// In a larger fleet the next hosts are asked after so many seconds.
const LOADS_SECONDS: i64 = 30;

/// Only in a fleet of so many hosts at most are all asked for images and disk: `df` is costly.
const RESOURCES: usize = 10;

/// So many rows at least are for the row under the cursor as a whole.
const STRIP: u16 = 2;

/// With fewer rows there is no place for the last acts.
const SHORT: u16 = 14;

/// With more containers everything is counted anew once a tick, not after each event.
const LARGE: usize = 2000;

/// What an operator on call sees first.
#[derive(Debug, Default)]
pub struct Overview {
    list: List<Key>,
    broken: Vec<Broken>,
    counters: Counters,
    counted: Option<Counted>,
}

/// When everything was counted last.
#[derive(Clone, Copy, Debug)]
struct Counted {
    version: u64,
    at: Timestamp,
    containers: usize,
}

impl Counted {
    fn is_due(self, fleet: &Fleet) -> bool {
        self.version != fleet.version() && (self.containers < LARGE || self.at != fleet.now)
    }
}

/// Where the parts are.
struct Areas {
    counters: Rect,
    heading: Rect,
    list: Rect,
    strip: Rect,
    recent: Rect,
}

impl Overview {
    fn areas(&self, fleet: &Fleet, area: Rect) -> Areas {
        let gap = u16::from(area.height >= 28);
        let (counters, rest) = place::above(area, self.counters.height(area.width, area.height));
        let acts = recent::rows(fleet, area.height) + 1 + gap;
        let acts = if area.height < SHORT {
            0
        } else {
            acts.min(rest.height / 2)
        };
        let (middle, recent) = place::above(rest, rest.height - acts);
        let (heading, room) = place::above(place::above(middle, gap).1, 1);
        let strip = if room.height >= 6 && !self.broken.is_empty() {
            STRIP
        } else {
            0
        };
        let (list, _) = place::above(room, room.height - strip);
        // The strip follows the rows, with a blank between where there is room.
        let rows = u16::try_from(self.broken.len()).unwrap_or(u16::MAX);
        let (_, strip_room) = place::above(room, rows.saturating_add(1).min(list.height));
        Areas {
            counters,
            heading,
            list,
            strip: if strip == 0 {
                place::above(room, 0).0
            } else {
                strip_room
            },
            recent: place::above(recent, gap).1,
        }
    }

    /// The rows on the screen with what is broken there.
    fn visible(&self) -> &[Broken] {
        let from = self.list.offset().min(self.broken.len());
        let to = (from + self.list.visible().len()).min(self.broken.len());
        &self.broken[from..to]
    }

    /// How many rows are broken, and how many are only to be looked at.
    fn counts(&self) -> (usize, usize) {
        let warnings = self.broken.iter().filter(|one| one.is_warning()).count();
        (self.broken.len() - warnings, warnings)
    }

    fn title_line(&self, fleet: &Fleet, cells: usize) -> Line {
        let (heard, all) = (heard(fleet), fleet.hosts().len());
        let (broken, warnings) = self.counts();
        let fills = match warnings {
            0 => String::new(),
            1 => "· 1 disk fills up ".into(),
            many => format!("· {many} disks fill up "),
        };
        let of = match (self.broken.is_empty(), heard == all) {
            (true, _) => String::new(),
            (false, true) => format!("{fills}· on {all} hosts"),
            (false, false) => format!("{fills}· {heard} of {all} hosts are heard of"),
        };
        let title = match broken {
            0 => "Broken now".to_owned(),
            broken => format!("Broken now {broken}"),
        };
        heading(&title, &of, cells)
    }
}

/// How many hosts tell now what runs on them.
fn heard(fleet: &Fleet) -> usize {
    fleet
        .hosts()
        .iter()
        .filter(|host| host.listed && host.link.is_online())
        .count()
}

/// That nothing is broken, as far as it is known.
fn all_clear(fleet: &Fleet) -> Line {
    let (heard, all) = (heard(fleet), fleet.hosts().len());
    let silent = all - heard;
    match (heard, silent) {
        (0, _) => Line::of(
            &format!("Nothing is known yet: connecting to {all} hosts…"),
            Ink::BUSY,
        ),
        (1, 0) => Line::of("✓ Nothing is broken on the one host.", Ink::GOOD),
        (_, 0) => Line::of(
            &format!("✓ Nothing is broken on all {all} hosts."),
            Ink::GOOD,
        ),
        (_, 1) => Line::of(
            &format!("Nothing is broken on {heard} of {all} hosts; 1 is not heard of yet."),
            Ink::BUSY,
        ),
        _ => Line::of(
            &format!("Nothing is broken on {heard} of {all} hosts; {silent} are not heard of yet."),
            Ink::BUSY,
        ),
    }
}

impl Pane for Overview {
    fn name(&self) -> &'static str {
        "overview"
    }

    fn title(&self, _fleet: &Fleet) -> String {
        match (self.counts().0, self.list.marked()) {
            (0, _) => "Overview".into(),
            (broken, 0) => format!("Overview[{broken} broken]"),
            (broken, marked) => format!("Overview[{broken} broken] {marked} marked"),
        }
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match nav {
            Nav::Open => match self.list.current() {
                Some(key) => Reply::Detail(key.target()),
                None => Reply::Done,
            },
            other if self.list.nav(other) => Reply::Done,
            _ => Reply::Pass,
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        if self.counted.is_none_or(|counted| counted.is_due(fleet)) {
            self.broken = broken::find(fleet);
            self.counters = Counters::count(fleet);
            self.list
                .settle(self.broken.iter().map(|one| one.key.clone()).collect());
            let keys: BTreeSet<&Key> = self.broken.iter().map(|one| &one.key).collect();
            self.list.retain_marks(|key| keys.contains(key));
            let containers = fleet.hosts().iter().map(|host| host.containers.len()).sum();
            self.counted = Some(Counted {
                version: fleet.version(),
                at: fleet.now,
                containers,
            });
        }
        let areas = self.areas(fleet, area);
        self.list.set_height(usize::from(areas.list.height));
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let there = |target: &Target| match target {
            Target::Container(host, id) => fleet.container(host, id).is_some(),
            Target::Host(host) => fleet.host(host).is_some(),
            Target::Resource(..) | Target::Operation(_) => false,
        };
        self.list
            .selection()
            .iter()
            .map(Key::target)
            .filter(there)
            .collect()
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        let online: Vec<&HostName> = fleet
            .hosts()
            .iter()
            .filter(|host| host.link.is_online())
            .map(Host::name)
            .collect();
        let mut wants: BTreeSet<Feed> = turn(&online, fleet)
            .into_iter()
            .cloned()
            .map(Feed::Load)
            .collect();
        if fleet.hosts().len() <= RESOURCES {
            wants.extend(online.into_iter().cloned().map(Feed::Resources));
        }
        wants.extend(self.visible().iter().filter_map(|one| match &one.key {
            Key::Container(host, id) => Some(Feed::Facts(host.clone(), id.clone())),
            Key::Host(_) | Key::Disk(_) => None,
        }));
        wants
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("open", "look closer"),
            ("logs", "logs"),
            ("container restart", "restart"),
            ("container exec", "shell"),
            ("menu", "actions"),
            ("mark", "mark"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if fleet.hosts().is_empty() {
            let text = "No hosts. Add one with  :host add NAME ENDPOINT\n\
                        as in  :host add web-1 ssh://ops@web-1.example.org";
            return super::empty(text, look, frame, area);
        }
        let areas = self.areas(fleet, area);
        let inner = place::inset;
        let cells = usize::from(inner(area).width);
        self.counters
            .draw(area.height, look, frame.buffer_mut(), inner(areas.counters));
        self.title_line(fleet, cells)
            .draw(look, frame.buffer_mut(), inner(areas.heading));
        if self.broken.is_empty() {
            all_clear(fleet).draw(look, frame.buffer_mut(), inner(areas.list));
        } else {
            let table = broken::Table {
                rows: self.visible(),
                list: &self.list,
                fleet,
                look,
            };
            table.draw(frame, areas.list);
            table.draw_strip(frame, inner(areas.strip));
        }
        recent::draw(fleet, look, frame.buffer_mut(), inner(areas.recent));
    }
}

/// The hosts whose turn it is to be asked for their load: all of a small fleet, else one part of
/// it after the other.
fn turn<'f>(online: &[&'f HostName], fleet: &Fleet) -> Vec<&'f HostName> {
    let parts = online.len().div_ceil(LOADS).max(1);
    let round = usize::try_from(fleet.now.as_second() / LOADS_SECONDS).unwrap_or(0);
    online
        .chunks(LOADS)
        .nth(round % parts)
        .unwrap_or_default()
        .to_vec()
}

/// The hosts that are offline with nobody to try again: they wait for a person.
fn waits_for_person(link: &Link) -> bool {
    matches!(
        link,
        Link::Offline { next_try: None, .. } | Link::InstallFailed { .. }
    )
}

#[cfg(test)]
mod tests;
