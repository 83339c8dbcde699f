//! Images by hosts: a row for each name, a column for each host, and in a cell which image that name is there.

use std::{collections::BTreeMap, sync::Arc};

use ratatui::{Frame, buffer::Buffer, layout::Rect, style::Style};

use super::{
    Reply,
    list::{Stamp, stamp},
    unknown_hosts,
};
use crate::{
    model::{Fleet, Host, HostName, Image, Resource, Timestamp, ago, bytes, printable},
    ops::{
        column::{ImageRow, Tone, natural},
        filter::Filter,
        target::Target,
    },
    ui::{
        list::List,
        look::{Look, cut, cut_middle, width},
        nav::Nav,
        scroll,
        theme::Theme,
    },
};

/// Cells of a host's column.
const NARROWEST: usize = 3;
const WIDEST: usize = 9;

/// Cells of the columns between the name and the hosts: HOSTS, SIZE, AGE.
const FIGURES: u16 = 7 + 8 + 9;

/// A name, and what it is on each host.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name with its tag; of images without one the beginning of the id.
    pub name: Arc<str>,
    /// The images that are called so, the one on most hosts first.
    pub variants: Vec<Variant>,
    /// By the host's place in the fleet: which variant.
    cells: BTreeMap<usize, usize>,
}

/// One of the images that have the same name.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its id.
    pub id: Arc<str>,
    /// The hosts that have it.
    pub hosts: Vec<HostName>,
    /// Containers that are made of it, as far as engines say.
    pub used_by: u32,
    /// Its size in bytes, with all its layers.
    pub size: u64,
    /// When it was made.
    pub created: Timestamp,
}

/// The matrix.
#[derive(Default)]
pub struct Matrix {
    rows: BTreeMap<Arc<str>, Row>,
    list: List<Arc<str>>,
    /// The hosts that have a column, by their place in the fleet.
    columns: Vec<usize>,
    /// The column under the cursor, if the cursor is in one.
    column: Option<usize>,
    /// The first column on the screen.
    first: usize,
    /// So many columns are on the screen.
    shown: usize,
    cells: usize,
    stamp: Option<Stamp>,
}

impl Matrix {
    /// It has to be made anew.
    pub fn stale(&mut self) {
        self.stamp = None;
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row under the cursor.
    pub fn current(&self) -> Option<&Row> {
        self.rows.get(self.list.current()?)
    }

    /// How many names there are, and how many of them are not the same image everywhere.
    pub fn title(&self, fleet: &Fleet) -> String {
        let differ = self
            .rows
            .values()
            .filter(|row| row.variants.len() > 1)
            .count();
        let mut parts = vec![format!(
            "Images[{}] on {} hosts",
            self.rows.len(),
            self.columns.len()
        )];
        match differ {
            0 => {}
            1 => parts.push("1 name is not the same image everywhere".to_owned()),
            several => parts.push(format!("{several} names are not the same image everywhere")),
        }
        if self.list.marked() > 0 {
            parts.push(format!("{} marked", self.list.marked()));
        }
        parts.extend(unknown_hosts(fleet));
        parts.join("  ")
    }

    /// Takes in the images, if they or the filter changed.
    pub fn settle(&mut self, fleet: &Fleet, filter: &Filter) {
        let stamp = stamp(fleet);
        if self.stamp.as_ref() == Some(&stamp) {
            return;
        }
        self.stamp = Some(stamp);
        self.rows.clear();
        self.columns.clear();
        for (at, host) in fleet.hosts().iter().enumerate() {
            let images = host.images.iter().flatten();
            let mut images = images
                .filter(|image| filter.matches(&ImageRow { host, image }))
                .peekable();
            if images.peek().is_some() || (host.images.is_none() && filter.is_empty()) {
                self.columns.push(at);
            }
            for image in images {
                self.take(at, host, image);
            }
        }
        for row in self.rows.values_mut() {
            row.rank();
        }
        let mut order: Vec<Arc<str>> = self.rows.keys().cloned().collect();
        order.sort_by(|a, b| natural(a, b));
        self.list.settle(order);
        self.list.retain_marks(|name| self.rows.contains_key(name));
        self.column = self
            .column
            .map(|at| at.min(self.columns.len().saturating_sub(1)));
        let names = self
            .columns
            .iter()
            .map(|at| width(fleet.hosts()[*at].name().as_str()));
        self.cells = names.max().unwrap_or(0).clamp(NARROWEST, WIDEST);
    }

    fn take(&mut self, at: usize, host: &Host, image: &Image) {
        let nameless = [Arc::from(image.name())];
        let names = if image.tags.is_empty() {
            &nameless[..]
        } else {
            &image.tags[..]
        };
        for name in names {
            let row = self.rows.entry(name.clone()).or_insert_with(|| Row {
                name: name.clone(),
                variants: Vec::new(),
                cells: BTreeMap::new(),
            });
            row.take(at, host, image);
        }
    }

    /// Tells how much room there is.
    pub fn fit(&mut self, area: Rect) {
        // The titles, and the signs' meaning below.
        self.list
            .set_height(usize::from(area.height.saturating_sub(2)));
        let names = self.name_cells(area);
        let left = usize::from(area.width).saturating_sub(names + usize::from(FIGURES) + 3);
        self.shown = (left / (self.cells + 1)).min(self.columns.len());
        let last = self.columns.len() - self.shown;
        if let Some(column) = self.column {
            if column < self.first {
                self.first = column;
            } else if column >= self.first + self.shown {
                self.first = (column + 1).saturating_sub(self.shown);
            }
        }
        self.first = self.first.min(last);
    }

    /// Cells of the names: as many as the longest has, but at least a few hosts have to be seen.
    fn name_cells(&self, area: Rect) -> usize {
        let room = usize::from(area.width.saturating_sub(FIGURES + 3));
        let hosts = (self.columns.len() * (self.cells + 1)).min(room / 2);
        let longest = self.rows.keys().map(|name| width(name)).max().unwrap_or(0);
        longest.clamp(12, room.saturating_sub(hosts).max(12))
    }

    /// Moves and marks; none when the move is none of it.
    pub fn nav(&mut self, nav: &Nav) -> Option<Reply> {
        let last = self.columns.len().checked_sub(1)?;
        match nav {
            Nav::Right => {
                self.column = Some(self.column.map_or(self.first, |at| (at + 1).min(last)));
            }
            Nav::Left => self.column = self.column.and_then(|at| at.checked_sub(1)),
            Nav::Open => {
                let row = self.current()?;
                return Some(Reply::Containers(format!("image:{}", row.name)));
            }
            Nav::Copy => return Some(Reply::Copy(self.current()?.name.to_string())),
            other => return self.list.nav(other).then_some(Reply::Done),
        }
        Some(Reply::Done)
    }

    /// Leaves the columns. Whether the cursor was in one.
    pub fn back(&mut self) -> bool {
        self.column.take().is_some()
    }

    /// What an operation would act on: in a column the image there, else all images of that name, each on one host.
    pub fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let column = self
            .column
            .and_then(|at| fleet.hosts().get(*self.columns.get(at)?));
        let names = self.list.selection();
        let rows = names.iter().filter_map(|name| self.rows.get(name));
        let mut targets: Vec<Target> = rows
            .flat_map(|row| row.variants.iter())
            .flat_map(|variant| variant.hosts.iter().map(|host| (host, &variant.id)))
            .filter(|(host, _)| column.is_none_or(|column| column.name() == *host))
            .map(|(host, id)| Target::Resource(Resource::Image, host.clone(), id.clone()))
            .collect();
        targets.sort();
        targets.dedup();
        targets
    }

    /// Draws it.
    pub fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if area.height < 3 || area.width < 20 {
            return;
        }
        let names = self.name_cells(area);
        let buffer = frame.buffer_mut();
        self.titles(fleet, names, look, buffer, area);
        let current = self.list.current();
        for (y, name) in (area.y + 1..area.bottom() - 1).zip(self.list.visible()) {
            let Some(row) = self.rows.get(name) else {
                continue;
            };
            let mut base = look.theme.text;
            if self.list.is_marked(name) {
                base = base.patch(look.theme.marked);
            }
            let is_current = current == Some(name);
            if is_current && self.column.is_none() {
                base = base.patch(look.theme.cursor);
            }
            let line = Rect {
                y,
                height: 1,
                ..area
            };
            buffer.set_style(line, base);
            if self.list.is_marked(name) {
                buffer.set_string(area.x, y, look.glyphs.mark, look.theme.marked.patch(base));
            }
            self.row(row, is_current, fleet, names, base, look, buffer, line);
        }
        let bottom = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        self.legend(look, buffer, bottom);
        let body = Rect {
            height: area.height - 1,
            ..area
        };
        scroll::bar(
            self.list.offset(),
            self.list.order().len(),
            look,
            frame,
            body,
        );
    }

    fn titles(&self, fleet: &Fleet, names: usize, look: &Look, buffer: &mut Buffer, area: Rect) {
        let style = look.theme.column;
        buffer.set_stringn(area.x + 1, area.y, "IMAGE", names, style);
        let figures = format!("{:>7}{:>8}{:>9}", "HOSTS", "SIZE", "AGE");
        let x = area.x + 1 + u16::try_from(names).unwrap_or(0);
        buffer.set_stringn(x, area.y, figures, usize::from(FIGURES), style);
        for (at, x) in self.places(x + FIGURES + 1) {
            let name = printable(fleet.hosts()[self.columns[at]].name().as_str());
            let name = cut_middle(&name, self.cells, &look.glyphs);
            let style = if self.column == Some(at) {
                look.theme.sorted
            } else {
                style
            };
            buffer.set_stringn(x, area.y, &name, self.cells, style);
        }
    }

    /// The columns on the screen, each with where it begins.
    fn places(&self, x: u16) -> impl Iterator<Item = (usize, u16)> {
        let step = u16::try_from(self.cells + 1).unwrap_or(1);
        let shown = self.first..self.first + self.shown;
        shown.zip((0..).map(move |n: u16| x + n * step))
    }

    #[expect(clippy::too_many_arguments, reason = "what is drawn, how and where")]
    fn row(
        &self,
        row: &Row,
        is_current: bool,
        fleet: &Fleet,
        names: usize,
        base: Style,
        look: &Look,
        buffer: &mut Buffer,
        line: Rect,
    ) {
        let tone = |tone: Tone| Theme::on(base, look.theme.tone(tone));
        let name = printable(&row.name);
        let name = cut_middle(&name, names, &look.glyphs);
        buffer.set_stringn(line.x + 1, line.y, &name, names, tone(Tone::Accent));
        let x = line.x + 1 + u16::try_from(names).unwrap_or(0);
        let main = &row.variants[0];
        let age = ago(fleet.now, main.created);
        let figures = format!("{:>7}{:>8}{age:>9}", row.cells.len(), bytes(main.size));
        buffer.set_stringn(x, line.y, figures, usize::from(FIGURES), base);
        for (at, x) in self.places(x + FIGURES + 1) {
            let host = &fleet.hosts()[self.columns[at]];
            let (text, mut meaning) = row.sign(self.columns[at], host, look);
            if host.is_stale() {
                meaning = Tone::Faint;
            }
            let mut style = tone(meaning);
            if is_current && self.column == Some(at) {
                style = Theme::on(base.patch(look.theme.cursor), look.theme.tone(meaning));
                let cell = Rect::new(x, line.y, u16::try_from(self.cells).unwrap_or(1), 1);
                buffer.set_style(cell, base.patch(look.theme.cursor));
            }
            buffer.set_stringn(x, line.y, text, self.cells, style);
        }
    }

    fn legend(&self, look: &Look, buffer: &mut Buffer, area: Rect) {
        let (used, idle, none) = signs(look);
        let mut text = format!(
            "{used} here  {idle} here, not used  A B … other images of one name  {none} not here"
        );
        let after = self.columns.len() - (self.first + self.shown).min(self.columns.len());
        if self.first + after > 0 {
            text = format!(
                "{} more hosts with left and right   {text}",
                self.first + after
            );
        }
        let text = look.glyphs.plain(&text).into_owned();
        let cells = usize::from(area.width.saturating_sub(2));
        let text = cut(&text, cells, &look.glyphs);
        buffer.set_stringn(area.x + 1, area.y, &text, cells, look.theme.faint);
    }
}

/// The signs of an image that is used, of one that is not, and of none.
fn signs(look: &Look) -> (&'static str, &'static str, &'static str) {
    if look.glyphs.ascii {
        ("*", "o", ".")
    } else {
        ("●", "○", "·")
    }
}

impl Row {
    fn take(&mut self, at: usize, host: &Host, image: &Image) {
        let known = self.variants.iter().position(|one| one.id == image.id);
        let variant = known.unwrap_or_else(|| {
            self.variants.push(Variant {
                id: image.id.clone(),
                hosts: Vec::new(),
                used_by: 0,
                size: image.size,
                created: image.created,
            });
            self.variants.len() - 1
        });
        let one = &mut self.variants[variant];
        one.hosts.push(host.name().clone());
        one.used_by += image.used_by.unwrap_or(0);
        self.cells.insert(at, variant);
    }

    /// Puts the variant that most hosts have first.
    fn rank(&mut self) {
        let mut order: Vec<usize> = (0..self.variants.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.variants[*at].hosts.len()));
        let place = |old: usize| order.iter().position(|one| *one == old).unwrap_or(old);
        for cell in self.cells.values_mut() {
            *cell = place(*cell);
        }
        let mut variants: Vec<Option<Variant>> = std::mem::take(&mut self.variants)
            .into_iter()
            .map(Some)
            .collect();
        self.variants = order.iter().filter_map(|at| variants[*at].take()).collect();
    }

    /// What stands in a host's cell.
    fn sign(&self, at: usize, host: &Host, look: &Look) -> (String, Tone) {
        let (used, idle, none) = signs(look);
        let Some(variant) = self.cells.get(&at) else {
            return if host.images.is_none() {
                ("?".to_owned(), Tone::Faint)
            } else {
                (none.to_owned(), Tone::Faint)
            };
        };
        let id = &self.variants[*variant].id;
        let image = host.images.iter().flatten().find(|one| one.id == *id);
        let is_used = image.is_none_or(|image| image.used_by != Some(0));
        if self.variants.len() == 1 {
            return (if is_used { used } else { idle }.to_owned(), Tone::Good);
        }
        let tone = if *variant == 0 {
            Tone::Plain
        } else {
            Tone::Warn
        };
        (letter(*variant).to_string(), tone)
    }
}

/// The letter of a variant; of very many the last ones share one.
pub fn letter(variant: usize) -> char {
    let at = u8::try_from(variant).map_or(25, |at| at.min(25));
    char::from(b'A' + at)
}
