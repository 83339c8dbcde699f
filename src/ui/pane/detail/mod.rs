//! One container in detail: facts, environment, mounts and networks, health, processes, changes, JSON.

mod facts;
mod limits;
mod live;
mod secret;
mod summary;
mod tabs;

use std::{collections::BTreeSet, sync::Arc};

use ratatui::{Frame, buffer::Buffer, layout::Rect};
use serde_json::Value;

use self::facts::Facts;
use super::{Pane, Reply};
use crate::{
    model::{
        Container, ContainerId, Feed, Fleet, Health, HostName, Payload, Process, Timestamp, ago,
    },
    ops::{column, target::Target},
    ui::{
        look::Look,
        nav::Nav,
        widget::{
            line::{Ink, Line},
            page::Page,
            place,
        },
    },
};

/// With fewer cells the charts stand above the facts, with more beside them.
const WIDE: u16 = 130;

/// The parts of the view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Summary,
    Env,
    Places,
    Health,
    Processes,
    Changes,
    Raw,
}

impl Tab {
    const ALL: [Self; 7] = [
        Self::Summary,
        Self::Env,
        Self::Places,
        Self::Health,
        Self::Processes,
        Self::Changes,
        Self::Raw,
    ];

    fn title(self, narrow: bool) -> &'static str {
        match self {
            Self::Summary => "Summary",
            Self::Env => "Env",
            Self::Places if narrow => "Mounts & nets",
            Self::Places => "Mounts & networks",
            Self::Health => "Health",
            Self::Processes => "Processes",
            Self::Changes => "Changes",
            Self::Raw => "Raw",
        }
    }

    fn away(self, steps: usize) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        Self::ALL[(at + steps) % Self::ALL.len()]
    }
}

/// What a feed brought, or why it could not.
#[derive(Clone, Debug, Default, PartialEq)]
enum Brought<T> {
    #[default]
    Waiting,
    Here(T),
    Failed(String),
}

/// Titles of columns, and processes.
type Processes = (Vec<Box<str>>, Vec<Process>);

/// One container.
#[derive(Debug, Default)]
pub struct Detail {
    key: Option<(HostName, ContainerId)>,
    /// The name it was shown under, for when it is gone.
    name: Arc<str>,
    tab: Tab,
    revealed: bool,
    inspected: Brought<(Facts, Arc<Value>)>,
    processes: Brought<Processes>,
    changes: Brought<Vec<(char, Box<str>)>>,
    /// Counts what feeds brought, so that lines are made anew after it only.
    brought: u64,
    page: Page,
    stamp: Option<Stamp>,
}

/// What the lines depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    tab: Tab,
    revealed: bool,
    brought: u64,
    width: u16,
    version: u64,
    second: i64,
}

impl Detail {
    /// Shows that container from now on.
    pub fn show(&mut self, host: &HostName, id: &ContainerId) {
        let key = (host.clone(), id.clone());
        if self.key.as_ref() != Some(&key) {
            let brought = self.brought + 1;
            *self = Self {
                key: Some(key),
                tab: self.tab,
                brought,
                ..Self::default()
            };
        }
    }

    /// Masks values again: whoever comes back has to ask anew, and that is recorded anew.
    pub fn conceal(&mut self) {
        self.revealed = false;
    }

    /// Shows the masked values of that container, if it is still the one shown.
    pub fn reveal(&mut self, host: &HostName, id: &ContainerId) -> bool {
        let shown = self.key.as_ref() == Some(&(host.clone(), id.clone()));
        self.revealed |= shown;
        shown
    }

    fn container<'f>(&self, fleet: &'f Fleet) -> Option<&'f Container> {
        let (host, id) = self.key.as_ref()?;
        fleet.container(host, id)
    }

    fn is_stale(&self, fleet: &Fleet) -> bool {
        let host = self.key.as_ref().and_then(|(host, _)| fleet.host(host));
        host.is_none_or(|host| !host.link.is_online())
    }

    /// Another container that has the name now, as after `docker compose up`.
    fn heir(&self, fleet: &Fleet) -> Option<ContainerId> {
        let (host, _) = self.key.as_ref()?;
        let all = &fleet.host(host)?.containers;
        all.values()
            .find(|one| one.name == self.name)
            .map(|one| one.id.clone())
    }

    fn turn(&mut self, tab: Tab) -> Reply {
        if tab != self.tab {
            self.tab = tab;
            self.page.rewind();
        }
        Reply::Done
    }

    fn open(&self, fleet: &Fleet) -> Reply {
        match (&self.key, self.container(fleet), self.heir(fleet)) {
            (Some((host, _)), None, Some(heir)) => {
                Reply::Detail(Target::Container(host.clone(), heir))
            }
            _ => Reply::Pass,
        }
    }

    /// The lines of the tab.
    fn lines(&self, fleet: &Fleet, width: u16) -> Vec<Line> {
        let cells = usize::from(width.saturating_sub(3)).max(20);
        let live = self.container(fleet).is_some_and(|one| one.state.is_live());
        match self.tab {
            Tab::Processes => tabs::processes(&self.processes, live, cells),
            Tab::Changes => tabs::changes(&self.changes, cells),
            Tab::Summary | Tab::Env | Tab::Places | Tab::Health | Tab::Raw => {
                let (facts, json) = match &self.inspected {
                    Brought::Here((facts, json)) => (facts, json),
                    Brought::Waiting => return self.known(fleet, cells),
                    Brought::Failed(why) => return tabs::failed("The inspection", why, cells),
                };
                match self.tab {
                    Tab::Env => tabs::env(facts, self.revealed, cells),
                    Tab::Places => tabs::places(facts, cells),
                    Tab::Health => tabs::health(facts, fleet.now, cells),
                    Tab::Raw => tabs::raw(json, self.revealed, cells),
                    Tab::Summary | Tab::Processes | Tab::Changes => {
                        let of = summary::Of {
                            facts,
                            container: self.container(fleet),
                            now: fleet.now,
                        };
                        of.lines(cells)
                    }
                }
            }
        }
    }

    /// What is known before the inspection comes.
    fn known(&self, fleet: &Fleet, cells: usize) -> Vec<Line> {
        let mut lines = match (self.tab, self.container(fleet)) {
            (Tab::Summary, Some(container)) => {
                let facts = summary::listed(container);
                let of = summary::Of {
                    facts: &facts,
                    container: Some(container),
                    now: fleet.now,
                };
                of.lines(cells)
            }
            _ => Vec::new(),
        };
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(Line::of("Waiting for the inspection…", Ink::FAINT));
        lines
    }

    /// What is to be known before everything else: it is gone, or its host is not heard of.
    fn banner(&self, fleet: &Fleet) -> Option<Line> {
        let (name, _) = self.key.as_ref()?;
        let host = fleet.host(name);
        let offline = host.filter(|host| !host.link.is_online());
        if let Some(host) = offline {
            let age = host
                .heard
                .map(|heard| format!(" for {}", ago(fleet.now, heard)))
                .unwrap_or_default();
            let text = format!(
                "{name} is {}: nothing was heard of it{age}; what is shown is that old",
                host.link.word()
            );
            return Some(Line::of(&text, Ink::WARN));
        }
        if self.container(fleet).is_some() {
            return None;
        }
        let known = host.is_some_and(|host| host.listed);
        Some(match self.heir(fleet) {
            _ if !known => Line::of("Its host was not listed yet.", Ink::FAINT),
            Some(heir) => {
                let text = format!(
                    "This container is gone; {heir} has its name now. Enter shows that one."
                );
                Line::of(&text, Ink::WARN)
            }
            None => Line::of(
                "This container is gone: it was removed. Esc goes back.",
                Ink::WARN,
            ),
        })
    }

    fn areas(&self, fleet: &Fleet, area: Rect) -> Areas {
        let (_, inner) = place::left(area, 1, 0);
        let (tabs, rest) = place::above(inner, 1);
        let (banner, rest) = place::above(rest, u16::from(self.banner(fleet).is_some()));
        let (_, body) = place::above(rest, 1);
        let (live, page) = if self.tab != Tab::Summary || body.height < 8 {
            place::above(body, 0)
        } else if body.width >= WIDE {
            let (page, live) = place::left(body, body.width * 11 / 20, 2);
            let (live, _) = place::left(live, live.width - 1, 0);
            (live, page)
        } else {
            let silent = self.container(fleet).is_none_or(|one| one.usage.is_none());
            let rows = if silent {
                1
            } else {
                (body.height / 3).clamp(4, 8)
            };
            let (live, rest) = place::above(body, rows);
            let (live, _) = place::left(live, live.width.saturating_sub(1), 0);
            (live, place::above(rest, 1).1)
        };
        Areas {
            tabs,
            banner,
            live,
            page,
        }
    }

    fn draw_tabs(&self, look: &Look, buffer: &mut Buffer, area: Rect) {
        let mut x = area.x;
        for tab in Tab::ALL {
            let title = tab.title(area.width < 100);
            // The tab that is open is told by its brackets, not by its colour alone.
            let (text, style) = if tab == self.tab {
                (format!("[{title}]"), look.theme.crumb_here)
            } else {
                (format!(" {title} "), look.theme.hint)
            };
            let room = usize::from(area.right().saturating_sub(x));
            (x, _) = buffer.set_stringn(x, area.y, &text, room, style);
        }
    }
}

/// Where the parts are.
struct Areas {
    tabs: Rect,
    banner: Rect,
    live: Rect,
    page: Rect,
}

impl Pane for Detail {
    fn name(&self) -> &'static str {
        "detail"
    }

    fn title(&self, fleet: &Fleet) -> String {
        let Some((host, id)) = &self.key else {
            return "No container".into();
        };
        let Some(container) = self.container(fleet) else {
            let name = if self.name.is_empty() {
                id.short()
            } else {
                &self.name
            };
            return format!("{name}@{host}  gone");
        };
        let state = match (&container.exit, container.health) {
            (Some(code), _) if !container.state.is_live() => {
                format!("{} ({code})", container.state.word())
            }
            (_, Health::None) => container.state.word().to_owned(),
            (_, health) => format!("{} ({})", container.state.word(), health.word()),
        };
        crate::model::printable(&format!("{}@{host}  {state}", container.name))
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        match nav {
            Nav::Next | Nav::Right => self.turn(self.tab.away(1)),
            Nav::Previous | Nav::Left => self.turn(self.tab.away(Tab::ALL.len() - 1)),
            Nav::Reveal if self.revealed => {
                self.revealed = false;
                Reply::Tell("values are masked".into())
            }
            Nav::Reveal => Reply::Reveal,
            Nav::Open => self.open(fleet),
            other if self.page.nav(other) => Reply::Done,
            _ => Reply::Pass,
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        if let Some(container) = self.container(fleet) {
            self.name = container.name.clone();
        }
        let areas = self.areas(fleet, area);
        let ages = matches!(self.tab, Tab::Summary | Tab::Health);
        let stamp = Stamp {
            tab: self.tab,
            revealed: self.revealed,
            brought: self.brought,
            width: areas.page.width,
            version: if self.tab == Tab::Raw {
                0
            } else {
                fleet.version()
            },
            second: if ages { fleet.now.as_second() } else { 0 },
        };
        if self.stamp != Some(stamp) {
            self.page.set(self.lines(fleet, areas.page.width));
            self.stamp = Some(stamp);
        }
        self.page.set_height(usize::from(areas.page.height));
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        match (&self.key, self.container(fleet)) {
            (Some((host, id)), Some(_)) => vec![Target::Container(host.clone(), id.clone())],
            _ => Vec::new(),
        }
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        let Some(((host, id), container)) = self.key.clone().zip(self.container(fleet)) else {
            return BTreeSet::new();
        };
        let mut wants = BTreeSet::from([Feed::Inspect(host.clone(), id.clone())]);
        if container.state.is_live() {
            wants.insert(Feed::Stats(host.clone(), id.clone()));
        }
        match self.tab {
            Tab::Processes if container.state.is_live() => {
                wants.insert(Feed::Top(host, id));
            }
            Tab::Changes => {
                wants.insert(Feed::Changes(host, id));
            }
            Tab::Summary | Tab::Env | Tab::Places | Tab::Health | Tab::Processes | Tab::Raw => {}
        }
        wants
    }

    fn feed(&mut self, feed: &Feed, payload: Payload, _fleet: &Fleet) {
        let (Feed::Inspect(host, id) | Feed::Top(host, id) | Feed::Changes(host, id)) = feed else {
            return;
        };
        if self.key.as_ref() != Some(&(host.clone(), id.clone())) {
            return;
        }
        self.brought += 1;
        match (feed, payload) {
            (_, Payload::Inspected(json)) => {
                self.inspected = Brought::Here((Facts::read(&json), json));
            }
            (_, Payload::Processes(titles, all)) => {
                self.processes = Brought::Here((titles, all));
            }
            (_, Payload::Changed(all)) => self.changes = Brought::Here(all),
            // What is known already says more than that it could not be had again.
            (Feed::Inspect(..), Payload::Failed(why)) => fail(&mut self.inspected, &why),
            (Feed::Top(..), Payload::Failed(why)) => self.processes = Brought::Failed(why),
            (Feed::Changes(..), Payload::Failed(why)) => fail(&mut self.changes, &why),
            (
                _,
                Payload::Failed(_)
                | Payload::Lines(_)
                | Payload::Files(_)
                | Payload::Older { .. }
                | Payload::Gap(_)
                | Payload::Ended(_)
                | Payload::Resumed(_),
            ) => {}
        }
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("next", "next part"),
            ("logs", "logs"),
            ("container exec", "shell"),
            ("container start", "start"),
            ("container restart", "restart"),
            ("menu", "actions"),
            ("reveal", "reveal"),
            ("back", "back"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.key.is_none() {
            let text = "No container was chosen. Choose one (:pane containers), then say :open";
            return super::empty(text, look, frame, area);
        }
        let areas = self.areas(fleet, area);
        self.draw_tabs(look, frame.buffer_mut(), areas.tabs);
        if let Some(banner) = self.banner(fleet) {
            banner.draw(look, frame.buffer_mut(), areas.banner);
        }
        if areas.live.height > 0 {
            let live = live::Live {
                container: self.container(fleet),
                now: fleet.now,
                stale: self.is_stale(fleet),
            };
            live.draw(look, frame.buffer_mut(), areas.live);
        }
        self.page.view(look, frame, areas.page);
    }
}

fn fail<T>(known: &mut Brought<T>, why: &str) {
    if !matches!(known, Brought::Here(_)) {
        *known = Brought::Failed(why.to_owned());
    }
}

/// The tone of a container's state, as the grid shows it.
fn tone(container: &Container) -> Ink {
    Ink::Tone(column::state_tone(container))
}

/// A moment, with how long ago it was.
fn moment(at: Timestamp, now: Timestamp) -> String {
    format!(
        "{}  ({} ago)",
        at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        ago(now, at)
    )
}

#[cfg(test)]
mod tests;
