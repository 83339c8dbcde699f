//! The disks of the hosts: how much Docker fills, with what, and what a prune would free.

use std::cmp::Reverse;

use ratatui::{Frame, layout::Rect};

use super::super::Reply;
use crate::{
    model::{DiskUsage, Fleet, HostName, bytes},
    ops::{column::HostRow, filter::Filter, target::Target},
    ui::{
        list::List,
        look::{Look, cut},
        nav::Nav,
        scroll,
        widget::bar::{self, Part},
    },
};

/// Cells of a figure.
const FIGURE: usize = 9;

/// The least cells that a bar needs to tell something.
const BAR: usize = 8;

/// The titles of the figures.
const TITLES: [&str; 6] = ["TOTAL", "LAYERS", "CONTNRS", "VOLUMES", "CACHE", "FREES"];

/// One row for each host, the fullest first.
#[derive(Default)]
pub struct Storage {
    list: List<HostName>,
    widest: usize,
    /// The fullest disk: the longest bar.
    most: u64,
}

impl Storage {
    /// Takes the hosts as they are now.
    pub fn arrange(&mut self, fleet: &Fleet, filter: &str) {
        let filter = Filter::parse(filter).unwrap_or_default();
        let rows = fleet.hosts().iter().map(HostRow::new);
        // What is a filter of volumes alone hides no host.
        let rows: Vec<HostRow<'_>> = rows.collect();
        let fitting: Vec<&HostRow<'_>> = rows.iter().filter(|row| filter.matches(*row)).collect();
        let mut shown: Vec<&HostRow<'_>> = if fitting.is_empty() {
            rows.iter().collect()
        } else {
            fitting
        };
        let total = |row: &HostRow<'_>| row.host.disk.as_ref().map_or(0, DiskUsage::total);
        shown.sort_by_key(|row| Reverse(total(row)));
        self.most = shown.first().map_or(0, |row| total(row));
        let names = shown.iter().map(|row| row.host.name().clone());
        self.list.settle(names.collect());
        let widths = shown.iter().map(|row| row.host.name().as_str().len());
        self.widest = widths.max().unwrap_or(0).clamp(6, 20);
    }

    /// Tells how many rows the screen has for it.
    pub fn set_height(&mut self, rows: usize) {
        self.list.set_height(rows);
    }

    /// The title: all hosts together.
    pub fn title(&self, fleet: &Fleet) -> String {
        let disks = fleet.hosts().iter().filter_map(|host| host.disk.as_ref());
        let total: u64 = disks.clone().map(DiskUsage::total).sum();
        let frees: u64 = disks.map(DiskUsage::reclaimable).sum();
        format!(
            "Disks[{}]  {} in use by Docker, a prune of all would free {}",
            self.list.order().len(),
            bytes(total),
            bytes(frees)
        )
    }

    /// Takes the moves of a list. Opening a host shows its volumes, as a filter.
    pub fn nav(&mut self, nav: &Nav) -> Option<Reply> {
        match nav {
            Nav::Open => Some(match self.list.current() {
                Some(host) => Reply::Containers(format!("host:{host}")),
                None => Reply::Done,
            }),
            Nav::Copy => self
                .list
                .current()
                .map(|host| Reply::Copy(format!("@{host}"))),
            Nav::Sort { .. } | Nav::Columns { .. } => Some(Reply::Refuse(
                "the disks are sorted by what fills them, and have no columns to choose".into(),
            )),
            other => self.list.nav(other).then_some(Reply::Done),
        }
    }

    /// The hosts that are marked, or the one under the cursor.
    pub fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let names = self.list.selection().into_iter();
        names
            .filter(|name| fleet.host(name).is_some())
            .map(Target::Host)
            .collect()
    }

    /// Draws it.
    pub fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.list.order().is_empty() {
            return super::super::empty(super::super::hosts::NO_HOSTS, look, frame, area);
        }
        let columns = self.columns(area.width);
        Self::head(&columns, look, frame, area);
        for (y, name) in (area.y + 1..area.bottom()).zip(self.list.visible()) {
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            self.row(name, &columns, fleet, look, frame, row);
        }
        let (offset, all) = (self.list.offset(), self.list.order().len());
        scroll::bar(offset, all, look, frame, area);
    }

    /// Where things stand; on a narrow screen the bar goes first.
    fn columns(&self, width: u16) -> Columns {
        let width = usize::from(width).saturating_sub(1);
        let figures = 1 + self.widest + TITLES.len() * FIGURE;
        let bar = width.saturating_sub(figures + 2);
        Columns {
            name: self.widest,
            bar: if bar >= BAR { bar } else { 0 },
        }
    }

    fn head(columns: &Columns, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let style = look.theme.column;
        let buffer = frame.buffer_mut();
        buffer.set_stringn(area.x + 1, area.y, "HOST", columns.name, style);
        for (at, title) in TITLES.iter().enumerate() {
            // The sign of a part stands before its title.
            let sign = at
                .checked_sub(1)
                .and_then(|part| signs(look).get(part).copied());
            let title = format!("{}{title}", sign.unwrap_or(""));
            let text = format!("{title:>FIGURE$}");
            let x = area.x + cells(columns.figure(at));
            if x < area.right() {
                buffer.set_stringn(x, area.y, text, usize::from(area.right() - x), style);
            }
        }
    }

    fn row(
        &self,
        name: &HostName,
        columns: &Columns,
        fleet: &Fleet,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let Some(host) = fleet.host(name) else {
            return;
        };
        let is_current = self.list.current() == Some(name);
        let theme = &look.theme;
        let base = if host.is_stale() {
            theme.stale
        } else {
            theme.tone(crate::ops::column::Tone::Plain)
        };
        let buffer = frame.buffer_mut();
        let mark = if self.list.is_marked(name) {
            look.glyphs.mark
        } else {
            " "
        };
        buffer.set_stringn(area.x, area.y, mark, 1, theme.marked);
        let text = cut(name.as_str(), columns.name, &look.glyphs);
        buffer.set_stringn(area.x + 1, area.y, text, columns.name, base);
        match &host.disk {
            Some(disk) => {
                let figures = [
                    disk.total(),
                    disk.layers,
                    disk.containers,
                    disk.volumes,
                    disk.build_cache,
                    disk.reclaimable(),
                ];
                for (at, figure) in figures.into_iter().enumerate() {
                    let x = area.x + cells(columns.figure(at));
                    let text = format!("{:>FIGURE$}", bytes(figure));
                    if x < area.right() {
                        buffer.set_stringn(x, area.y, text, usize::from(area.right() - x), base);
                    }
                }
                self.bar(disk, columns, look, frame, area);
            }
            None => {
                let why = match host.link.trouble() {
                    Some(_) => host.link.word().to_owned(),
                    None => "not known yet".to_owned(),
                };
                let x = area.x + cells(columns.figure(0)) + 1;
                let room = usize::from(area.right().saturating_sub(x));
                buffer.set_stringn(x, area.y, why, room, theme.faint);
            }
        }
        if is_current {
            frame.buffer_mut().set_style(area, theme.cursor);
        }
    }

    /// The bar of a host, as long as its disk is full beside the fullest.
    fn bar(
        &self,
        disk: &DiskUsage,
        columns: &Columns,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        if columns.bar == 0 || self.most == 0 {
            return;
        }
        let room = columns.bar as u64;
        let length = (disk.total() * room / self.most).max(1);
        let theme = &look.theme;
        let signs = signs(look);
        let styles = [theme.accent, theme.warn, theme.good, theme.faint];
        let counts = [disk.layers, disk.containers, disk.volumes, disk.build_cache];
        let parts: Vec<Part> = counts
            .iter()
            .zip(signs)
            .zip(styles)
            .map(|((count, glyph), style)| Part {
                count: usize::try_from(count >> 10).unwrap_or(usize::MAX),
                style,
                glyph,
            })
            .collect();
        let place = Rect {
            x: area.x + cells(columns.figure(TITLES.len())) + 2,
            width: u16::try_from(length).unwrap_or(u16::MAX),
            ..area
        };
        bar::divided(&parts, look, frame.buffer_mut(), place.intersection(area));
    }
}

/// What the parts of a bar are drawn with: layers, containers, volumes, build cache.
fn signs(look: &Look) -> [&'static str; 4] {
    if look.glyphs.ascii {
        ["L", "C", "V", "B"]
    } else {
        ["█", "▒", "▓", "░"]
    }
}

fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Where things stand in a row.
struct Columns {
    name: usize,
    bar: usize,
}

impl Columns {
    /// Where a figure begins.
    fn figure(&self, at: usize) -> usize {
        1 + self.name + at * FIGURE
    }
}
