//! The first start: what could be a host of the fleet, to be chosen from, and what else can be done.

mod lines;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply};
use crate::{
    model::{
        Endpoint, Feed, Fleet,
        found::{Candidate, Found},
    },
    ops::target::Target,
    ui::{
        list::List,
        look::Look,
        nav::Nav,
        scroll,
        widget::{line::Line, place},
    },
};

/// What was found on this machine.
#[derive(Default)]
pub struct Welcome {
    /// None until it was looked.
    found: Option<Found>,
    list: List<usize>,
    /// What can be done, each with its keys.
    keys: Vec<(String, &'static str)>,
    lines: Vec<Line>,
    /// The line of each candidate.
    places: Vec<usize>,
    offset: usize,
}

/// The moves that are offered, each with what it does in full.
pub const OFFERS: [(&str, &str); 7] = [
    ("mark", "choose, or take the choice back"),
    (
        "open",
        "take what is chosen, or the row under the cursor, into wharf.toml",
    ),
    ("demo", "look at a demo fleet, served from memory"),
    (
        "palette host add",
        "add a host by hand: a name, and where it is",
    ),
    ("help", "help, here and everywhere"),
    ("back", "go on without; this page is `pane welcome`"),
    ("exit", "quit"),
];

impl Welcome {
    /// Takes in what was found, or what was answered meanwhile.
    pub fn show(&mut self, found: Found) {
        self.found = Some(found);
    }

    /// What can be done, with the keys that are in force.
    pub fn set_keys(&mut self, keys: Vec<(String, &'static str)>) {
        self.keys = keys;
    }

    fn candidates(&self) -> &[Candidate] {
        self.found.as_ref().map_or(&[], |found| &found.candidates)
    }

    /// The sentences that take what is chosen.
    fn take(&self, fleet: &Fleet) -> Reply {
        let chosen = self.list.selection();
        let chosen: Vec<&Candidate> = chosen
            .into_iter()
            .filter_map(|at| self.candidates().get(at))
            .collect();
        let mut lines = Vec::new();
        for candidate in chosen {
            match sentence(candidate, fleet) {
                Ok(line) => lines.push(line),
                Err(why) => return Reply::Refuse(format!("{}: {why}", candidate.name)),
            }
        }
        if lines.is_empty() {
            return Reply::Refuse(
                "nothing was found that could be taken; add a host by hand".into(),
            );
        }
        Reply::Take(lines)
    }
}

/// Why a candidate cannot be taken; none when it can.
fn obstacle(candidate: &Candidate, fleet: &Fleet) -> Option<&'static str> {
    let is_known = |host: &crate::model::Host| {
        &*host.spec.source == "wharf.toml" && host.spec.endpoint == candidate.endpoint
    };
    if fleet.hosts().iter().any(is_known) {
        return Some("in wharf.toml already");
    }
    match &candidate.endpoint {
        Endpoint::Tls { files, .. } if files.skip_verify => {
            Some("its certificate is not checked; say so by hand: tls_verify = false")
        }
        Endpoint::Tls { .. } | Endpoint::Unix(_) | Endpoint::Tcp { .. } | Endpoint::Ssh { .. } => {
            None
        }
    }
}

/// What is said to take a candidate: `host add NAME ENDPOINT`.
fn sentence(candidate: &Candidate, fleet: &Fleet) -> Result<String, &'static str> {
    if let Some(why) = obstacle(candidate, fleet) {
        return Err(why);
    }
    let mut words = vec!["host".to_owned(), "add".to_owned(), candidate.name.clone()];
    match &candidate.endpoint {
        Endpoint::Ssh {
            destination,
            port: None,
            socket: None,
        } if *destination == candidate.name => {}
        endpoint => words.push(endpoint.to_string()),
    }
    if let Endpoint::Tls { files, .. } = &candidate.endpoint {
        let file = files.ca.as_ref().or(files.cert.as_ref());
        if let Some(directory) = file.and_then(|file| file.parent()) {
            words.extend(["--tls".to_owned(), directory.display().to_string()]);
        }
    }
    shlex::try_join(words.iter().map(String::as_str)).map_err(|_| "its name cannot be said")
}

impl Pane for Welcome {
    fn name(&self) -> &'static str {
        "welcome"
    }

    fn title(&self, _fleet: &Fleet) -> String {
        match self.list.marked() {
            0 => "Welcome to Wharf".to_owned(),
            count => format!("Welcome to Wharf: {count} chosen"),
        }
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        match nav {
            Nav::Open => self.take(fleet),
            Nav::Filter { .. } => {
                Reply::Refuse("these rows are few; there is no filter for them".into())
            }
            // Without rows the text itself is moved.
            Nav::Down { rows } if self.candidates().is_empty() => {
                self.offset += rows;
                Reply::Done
            }
            Nav::Up { rows } if self.candidates().is_empty() => {
                self.offset = self.offset.saturating_sub(*rows);
                Reply::Done
            }
            other if self.list.nav(other) => Reply::Done,
            _ => Reply::Pass,
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let count = self.candidates().len();
        self.list.settle((0..count).collect());
        self.list.set_height(count.max(1));
        let area = place::inset(area);
        let cells = usize::from(area.width);
        (self.lines, self.places) = lines::lines(self, fleet, cells);
        let height = usize::from(area.height);
        let last = self.lines.len().saturating_sub(height);
        let Some(at) = self.places.get(self.list.index()).copied() else {
            self.offset = self.offset.min(last);
            return;
        };
        // The first row shows what is above it, too, and the last what is below.
        if self.list.index() == 0 {
            self.offset = 0;
        } else if self.list.index() + 1 == count {
            self.offset = last;
        } else if at < self.offset + 1 {
            self.offset = at - 1;
        } else if at + 1 >= self.offset + height {
            self.offset = (at + 2).saturating_sub(height);
        }
        self.offset = self.offset.min(at).min(last);
        if at >= self.offset + height {
            self.offset = (at + 1).saturating_sub(height);
        }
    }

    fn selection(&self, _fleet: &Fleet) -> Vec<Target> {
        Vec::new()
    }

    fn wants(&self, _fleet: &Fleet) -> BTreeSet<Feed> {
        BTreeSet::new()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("mark", "choose"),
            ("open", "take"),
            ("mark-all", "all"),
            ("demo", "demo"),
            ("palette host add", "by hand"),
            ("back", "later"),
            ("exit", "quit"),
        ]
    }

    fn view(&self, _fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let inner = place::inset(area);
        let here = self.places.get(self.list.index()).copied();
        let rows = (inner.y..inner.bottom()).zip(self.lines.iter().enumerate().skip(self.offset));
        for (y, (at, line)) in rows {
            let row = Rect {
                y,
                height: 1,
                ..inner
            };
            let ground = (Some(at) == here).then_some(look.theme.cursor);
            if let Some(ground) = ground {
                let whole = Rect {
                    y,
                    height: 1,
                    ..area
                };
                frame.buffer_mut().set_style(whole, ground);
            }
            line.draw_over(ground, look, frame.buffer_mut(), row);
        }
        let track = Rect {
            y: area.y.saturating_sub(1),
            height: area.height + 1,
            ..area
        };
        scroll::bar(self.offset, self.lines.len(), look, frame, track);
    }
}
