//! A pane: one view of the fleet. Panes select; operations act.

pub mod apps;
pub mod containers;
pub mod detail;
pub mod hosts;
pub mod images;
pub mod logs;
pub mod operations;
pub mod overview;
pub mod pipelines;
pub mod settings;
pub mod subnets;
pub mod swarms;
mod table;
pub mod templates;
pub mod volumes;
pub mod welcome;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use ratatui::{Frame, layout::Rect};

use super::{
    look::{Look, cut},
    nav::Nav,
    widget::line::wrap,
};
use crate::{
    logs::Excerpt,
    model::{Feed, Fleet, Payload, app::TemplateName, pipeline::Pipeline, setting::Key},
    ops::target::Target,
};

/// What every view of the fleet answers.
///
/// `&Fleet`: a pane cannot change the world. `&self` in `view`: drawing cannot change the pane.
pub trait Pane {
    /// Its name: the section in key maps, the word after `pane`.
    fn name(&self) -> &'static str;

    /// The title in its frame, with its scope, its count and what filters it.
    fn title(&self, fleet: &Fleet) -> String;

    /// Moves, marks, sorts, changes shape. What comes of it is the answer.
    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply;

    /// Brings the rows up to date with the fleet for an area of that size. Called before `wants`,
    /// `selection` and `view` whenever something changed.
    fn settle(&mut self, fleet: &Fleet, area: Rect);

    /// What an operation would act on.
    fn selection(&self, fleet: &Fleet) -> Vec<Target>;

    /// What it wants to see of the hosts, now.
    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed>;

    /// Takes in what a feed brought.
    fn feed(&mut self, feed: &Feed, payload: Payload, fleet: &Fleet) {
        let _ = (feed, payload, fleet);
    }

    /// The kind of its rows, whose keys a filter knows: mostly that of its name.
    fn rows(&self) -> &'static str {
        self.name()
    }

    /// Whether lines can be searched in it now.
    fn has_search(&self) -> bool {
        false
    }

    /// Goes to what is searched for, as soon as it is found.
    fn find(&mut self) {}

    /// Whether something is being worked out in portions: then it is to be settled again soon.
    fn has_work(&self) -> bool {
        false
    }

    /// The filter in force, as text; empty for none.
    #[expect(
        clippy::unnecessary_literal_bound,
        reason = "others answer with what they hold"
    )]
    fn filter(&self) -> &str {
        ""
    }

    /// Takes back the last thing that narrows what is seen. Whether there was any.
    fn back(&mut self) -> bool {
        false
    }

    /// What can be done with what is under the cursor where that is no target: the name of it, and each line with what it
    /// does.
    fn actions(&self, fleet: &Fleet) -> Option<(String, Vec<(String, &'static str)>)> {
        let _ = fleet;
        None
    }

    /// The sentences worth a hint at the bottom, most useful first, each with a word for it.
    fn hints(&self) -> &'static [(&'static str, &'static str)];

    /// Draws it into `area`, which is inside its frame.
    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect);
}

/// What comes of a move.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It was taken; the view may have changed.
    Done,
    /// It is none of this pane's; the console may have a use for it.
    Pass,
    /// Show that container in detail, that host among the hosts, that act in the log.
    Detail(Target),
    /// Show the containers that match a filter.
    Containers(String),
    /// Show the logs of these.
    Logs(Vec<Target>),
    /// Say something to the operator.
    Tell(String),
    /// Say this line.
    Say(String),
    /// Take hosts into wharf.toml, as these lines say.
    Take(Vec<String>),
    /// Change this setting.
    Edit(Key),
    /// Fill in what this template asks.
    Fill(TemplateName),
    /// Fill in what is asked when a pipeline is started.
    Start(Arc<Pipeline>),
    /// It cannot be done, and why.
    Refuse(String),
    /// Show the masked values of what it shows, which is an act.
    Reveal,
    /// Remember this value under that key.
    Remember(String, String),
    /// Copy text to the clipboard.
    Copy(String),
    /// Copy so many lines to the clipboard.
    CopyText(String, usize),
    /// Save lines into a file; one that is there is replaced only if that is wanted.
    Save(PathBuf, Excerpt, bool),
    /// Choose columns: all names with their meaning, and those shown now.
    ChooseColumns(Vec<(&'static str, &'static str)>, Vec<&'static str>),
}

/// The panes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaneId {
    /// Counters, what is broken, the last operations.
    Overview,
    /// The hosts.
    Hosts,
    /// The container grid.
    Containers,
    /// The apps.
    Apps,
    /// The log tail.
    Logs,
    /// The images.
    Images,
    /// The networks with their subnets.
    Subnets,
    /// The volumes.
    Volumes,
    /// The log of acts.
    Operations,
    /// Pipelines and their runs.
    Pipelines,
    /// The Swarms: services, nodes, tasks.
    Swarms,
    /// The templates of all catalogs.
    Templates,
    /// What this console is told about itself.
    Settings,
    /// What was found on this machine.
    Welcome,
    /// One container.
    Detail,
}

impl PaneId {
    /// The panes side by side, in the order of their numbers. The detail is reached from a container.
    pub const ALL: [Self; 13] = [
        Self::Overview,
        Self::Hosts,
        Self::Containers,
        Self::Logs,
        Self::Images,
        Self::Subnets,
        Self::Volumes,
        Self::Operations,
        Self::Settings,
        Self::Templates,
        Self::Apps,
        Self::Pipelines,
        Self::Swarms,
    ];

    /// The panes that can be gone to by name.
    pub const NAMED: [Self; 14] = [
        Self::Overview,
        Self::Hosts,
        Self::Containers,
        Self::Logs,
        Self::Images,
        Self::Subnets,
        Self::Volumes,
        Self::Operations,
        Self::Templates,
        Self::Settings,
        Self::Apps,
        Self::Pipelines,
        Self::Swarms,
        Self::Welcome,
    ];

    /// Its name: the section in key maps, the word after `pane`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Hosts => "hosts",
            Self::Containers => "containers",
            Self::Apps => "apps",
            Self::Logs => "logs",
            Self::Images => "images",
            Self::Subnets => "subnets",
            Self::Volumes => "volumes",
            Self::Operations => "operations",
            Self::Pipelines => "pipelines",
            Self::Swarms => "swarms",
            Self::Templates => "templates",
            Self::Settings => "settings",
            Self::Welcome => "welcome",
            Self::Detail => "detail",
        }
    }

    /// The next one round.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL
            .iter()
            .position(|one| *one == self)
            .unwrap_or(Self::ALL.len() - 1);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// The one before.
    #[must_use]
    pub fn previous(self) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        Self::ALL[(at + Self::ALL.len() - 1) % Self::ALL.len()]
    }
}

/// All panes with their state.
#[derive(Default)]
pub struct Panes {
    overview: overview::Overview,
    /// The hosts, to which others lead.
    pub hosts: hosts::Hosts,
    /// The container grid, which others filter.
    pub containers: containers::Containers,
    /// The apps, to which sentences lead.
    pub apps: apps::Apps,
    /// The log tail, which others fill.
    pub logs: logs::Logs,
    images: images::Images,
    /// The networks with their subnets, to which sentences lead.
    pub subnets: subnets::Subnets,
    /// The volumes, to which others lead.
    pub volumes: volumes::Volumes,
    /// The log of acts, to which others lead.
    pub operations: operations::Operations,
    /// Pipelines and their runs, to which sentences lead.
    pub pipelines: pipelines::Pipelines,
    swarms: swarms::Swarms,
    /// The templates, to which sentences lead.
    pub templates: templates::Templates,
    settings: settings::Settings,
    /// What was found on this machine, which the console looks for.
    pub welcome: welcome::Welcome,
    /// One container, which others choose.
    pub detail: detail::Detail,
}

impl Panes {
    /// A pane.
    pub fn get(&self, pane: PaneId) -> &dyn Pane {
        match pane {
            PaneId::Overview => &self.overview,
            PaneId::Hosts => &self.hosts,
            PaneId::Containers => &self.containers,
            PaneId::Apps => &self.apps,
            PaneId::Logs => &self.logs,
            PaneId::Images => &self.images,
            PaneId::Subnets => &self.subnets,
            PaneId::Volumes => &self.volumes,
            PaneId::Operations => &self.operations,
            PaneId::Pipelines => &self.pipelines,
            PaneId::Swarms => &self.swarms,
            PaneId::Templates => &self.templates,
            PaneId::Settings => &self.settings,
            PaneId::Welcome => &self.welcome,
            PaneId::Detail => &self.detail,
        }
    }

    /// A pane, to be changed.
    pub fn get_mut(&mut self, pane: PaneId) -> &mut dyn Pane {
        match pane {
            PaneId::Overview => &mut self.overview,
            PaneId::Hosts => &mut self.hosts,
            PaneId::Containers => &mut self.containers,
            PaneId::Apps => &mut self.apps,
            PaneId::Logs => &mut self.logs,
            PaneId::Images => &mut self.images,
            PaneId::Subnets => &mut self.subnets,
            PaneId::Volumes => &mut self.volumes,
            PaneId::Operations => &mut self.operations,
            PaneId::Pipelines => &mut self.pipelines,
            PaneId::Swarms => &mut self.swarms,
            PaneId::Templates => &mut self.templates,
            PaneId::Settings => &mut self.settings,
            PaneId::Welcome => &mut self.welcome,
            PaneId::Detail => &mut self.detail,
        }
    }

    /// Takes a value remembered from an earlier session. What no longer means anything is passed over.
    pub fn remembered(&mut self, key: &str, value: &str) {
        match key {
            "containers.sort" => self.containers.set_sort(value),
            "apps.sort" => self.apps.set_sort(value),
            "apps.columns" => {
                // What is no longer there leaves the usual columns.
                let _ = self.apps.set_columns(value);
            }
            "images.sort" => self.images.set_sort(value),
            "subnets.sort" => self.subnets.set_sort(value),
            "volumes.sort" => self.volumes.set_sort(value),
            "templates.sort" => self.templates.set_sort(value),
            "hosts.sort" => self.hosts.set_sort(value),
            "pipelines.sort" | "runs.sort" | "pipelines.columns" | "runs.columns" => {
                self.pipelines.remembered(key, value);
            }
            "services.sort" | "nodes.sort" | "services.columns" | "nodes.columns" => {
                self.swarms.remembered(key, value);
            }
            "operations.sort" => self.operations.set_sort(value),
            _ => {}
        }
    }
}

impl Panes {
    /// Shows these columns in the pane that a setting is about; none for those of the default.
    pub fn set_columns(&mut self, key: Key, names: &str) -> Result<(), String> {
        let names = if names.is_empty() { "default" } else { names };
        match key.pane() {
            Some("containers") => self.containers.set_columns(names),
            Some("hosts") => self.hosts.set_columns(names),
            Some("operations") => self.operations.set_columns(names),
            Some(_) | None => Ok(()),
        }
    }
}

/// The images, networks and volumes of all hosts that can be asked.
fn resources(fleet: &Fleet) -> BTreeSet<Feed> {
    let online = fleet.hosts().iter().filter(|host| host.link.is_online());
    online
        .map(|host| Feed::Resources(host.name().clone()))
        .collect()
}

/// Says in the middle of a pane why there is nothing to see.
pub fn empty(text: &str, look: &Look, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width.saturating_sub(2)).max(1);
    let lines: Vec<String> = text.lines().flat_map(|line| wrap(line, cells)).collect();
    let top = area.y
        + area
            .height
            .saturating_sub(u16::try_from(lines.len()).unwrap_or(0))
            / 2;
    for (y, line) in (top..area.bottom()).zip(lines) {
        let line = look.glyphs.plain(&line).into_owned();
        let line = cut(&line, usize::from(area.width), &look.glyphs);
        let x = area.x
            + area
                .width
                .saturating_sub(u16::try_from(super::look::width(&line)).unwrap_or(0))
                / 2;
        frame
            .buffer_mut()
            .set_stringn(x, y, &line, usize::from(area.width), look.theme.faint);
    }
}

#[cfg(test)]
pub(super) mod stage;
