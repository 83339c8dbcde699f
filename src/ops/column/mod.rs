//! Columns: declared once for the grids of the console and the tables of the shell.

mod app;
mod build;
mod container;
mod host;
mod operation;
mod pipeline;
mod resource;
mod setting;
mod subnet;
mod swarm;
mod template;

use std::{borrow::Cow, cmp::Ordering};

use super::filter::Row;
pub use crate::model::natural;
use crate::model::{Host, Timestamp};

pub use app::{AppRow, Apps, standing_glyph, standing_tone};
pub use build::{BuildRow, Builds};
pub use container::{ContainerRow, Containers, SAMPLED, containers, state_glyph, state_tone};
pub use host::{HostRow, Hosts, hosts, link_glyph, link_tone};
pub use operation::{OperationRow, Operations, operations, outcome_tone, took};
pub use pipeline::{PipelineRow, Pipelines, RunRow, Runs, starts, status_glyph, status_tone};
pub use resource::{
    ImageRow, Images, NetworkRow, Networks, VolumeRow, Volumes, images, networks, volumes,
};
pub use setting::{SettingRow, SettingRows};
pub use subnet::{
    Attached, AttachedRow, SubnetRow, Subnets, count, fill, finding_glyph, finding_tone,
};
pub use swarm::{NodeRow, Nodes, ServiceRow, Services};
pub use template::{TemplateRow, Templates};

/// A kind of rows with its columns. The rows borrow from the fleet, the columns do not.
pub trait Rows: Sized + 'static {
    /// One row.
    type Row<'a>: Row;

    /// What the rows are called, in small letters: `containers`.
    const NAME: &'static str;

    /// Its columns, in the order in which they are shown.
    fn columns() -> &'static [Column<Self>];
}

/// Rows that each belong to a host.
trait OnHost: Rows {
    /// The host of a row.
    fn host<'r>(row: &'r Self::Row<'_>) -> &'r Host;
}

/// What a cell depends on beside its row.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The time, for ages.
    pub now: Timestamp,
    /// Only ASCII may be drawn.
    pub ascii: bool,
    /// How many cells there are for it, so that a shorter text can be chosen.
    pub cells: u16,
}

/// Where text stands in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Figures: sorted with the largest first.
    Right,
}

/// How wide a column is, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// With less it is left out.
    pub min: u16,
    /// What it gets when there is room.
    pub ideal: u16,
    /// Whether it takes a share of what is left over.
    pub grow: bool,
}

/// What a cell says by its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// Beside the point.
    Faint,
    /// All is well.
    Good,
    /// Look at it.
    Warn,
    /// Broken.
    Bad,
    /// Something goes on.
    Busy,
    /// It stands out: names.
    Accent,
}

/// A column of rows of a kind.
pub struct Column<K: Rows> {
    /// Its name, by which it is chosen and sorted; without blanks.
    pub name: &'static str,
    /// Its title on the screen.
    pub title: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Where its text stands.
    pub align: Align,
    /// How wide it is.
    pub width: Width,
    /// The text of a cell.
    pub text: for<'r, 'a> fn(&'r K::Row<'a>, &Context) -> Cow<'r, str>,
    /// The tone of a cell.
    pub tone: for<'r, 'a> fn(&'r K::Row<'a>) -> Tone,
    /// The order of two rows by it, the smaller first.
    pub order: for<'r, 's, 'a> fn(&'r K::Row<'a>, &'s K::Row<'a>) -> Ordering,
    /// Whether it is shown when nobody has chosen.
    pub shown: bool,
    /// What stays on a narrow screen: 0 the longest, the highest is left out first.
    pub priority: u8,
}

/// The column of that name.
pub fn column<K: Rows>(name: &str) -> Option<&'static Column<K>> {
    K::columns().iter().find(|column| column.name == name)
}

const fn fixed(width: u16) -> Width {
    Width {
        min: width,
        ideal: width,
        grow: false,
    }
}

const fn between(min: u16, ideal: u16) -> Width {
    Width {
        min,
        ideal,
        grow: false,
    }
}

const fn growing(min: u16, ideal: u16) -> Width {
    Width {
        min,
        ideal,
        grow: true,
    }
}

/// The column with the host a row belongs to.
const fn host_column<K: OnHost>() -> Column<K> {
    Column {
        name: "host",
        title: "HOST",
        about: "The host it is on",
        align: Align::Left,
        width: between(6, 14),
        text: |row, _| Cow::Borrowed(K::host(row).name().as_str()),
        tone: |_| Tone::Plain,
        order: |a, b| natural(K::host(a).name().as_str(), K::host(b).name().as_str()),
        shown: true,
        priority: 1,
    }
}

/// The values that a row has by its host.
fn of_host<'a>(host: &'a Host, key: &str) -> Option<Cow<'a, str>> {
    match key {
        "host" => Some(Cow::Borrowed(host.name().as_str())),
        "env" | "environment" => Some(Cow::Borrowed(host.environment())),
        "group" => Some(host.spec.groups.join(",").into()),
        _ => None,
    }
}

/// Percent with one decimal; nothing when it is not known.
fn percent(value: Option<f32>) -> Cow<'static, str> {
    value.map_or(Cow::Borrowed(""), |value| format!("{value:.1}").into())
}

/// The order of numbers that may be unknown; unknown is smallest.
fn by_number(a: Option<f32>, b: Option<f32>) -> Ordering {
    let value = |one: Option<f32>| one.unwrap_or(f32::NEG_INFINITY);
    value(a).total_cmp(&value(b))
}
