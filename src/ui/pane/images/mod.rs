//! The images of the fleet: which host has which, by digest; or a table of all.

mod list;
mod matrix;
mod strip;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply};
use crate::{
    model::{Feed, Fleet},
    ops::target::Target,
    ui::{look::Look, nav::Nav},
};

use list::ImageList;
use matrix::Matrix;

/// From how many rows on there is room for what is known of an image.
const TALL: u16 = 26;

/// The ways to show the same images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Matrix,
    Table,
}

/// All images of the fleet.
#[derive(Default)]
pub struct Images {
    table: ImageList,
    matrix: Matrix,
    shape: Shape,
}

impl Images {
    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// The matrix, and the place for what is known of the image under the cursor.
    fn areas(&self, fleet: &Fleet, area: Rect) -> (Rect, Rect) {
        let known = self.matrix.current();
        let wanted = known.map_or(0, |row| strip::rows(row, fleet));
        let wanted = if area.height >= TALL {
            wanted.min(area.height / 3)
        } else {
            0
        };
        let upper = Rect {
            height: area.height - wanted,
            ..area
        };
        let lower = Rect {
            y: upper.bottom(),
            height: wanted,
            ..area
        };
        (upper, lower)
    }
}

impl Pane for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn title(&self, fleet: &Fleet) -> String {
        match self.shape {
            Shape::Table => self.table.title(fleet),
            Shape::Matrix => self.matrix.title(fleet),
        }
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match (nav, self.shape) {
            (Nav::Shape, Shape::Matrix) => {
                self.shape = Shape::Table;
                Reply::Done
            }
            (Nav::Shape, Shape::Table) => {
                self.shape = Shape::Matrix;
                Reply::Done
            }
            (Nav::Filter { .. }, _) => {
                // Both show the same.
                let reply = self.table.nav(nav);
                self.matrix.stale();
                reply
            }
            (Nav::Sort { .. } | Nav::Columns { .. }, Shape::Matrix) => {
                Reply::Refuse("the matrix is in the order of names; t shows the table".to_owned())
            }
            (_, Shape::Table) => self.table.nav(nav),
            (_, Shape::Matrix) => self.matrix.nav(nav).unwrap_or(Reply::Pass),
        }
    }

    fn back(&mut self) -> bool {
        self.shape == Shape::Matrix && self.matrix.back()
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        match self.shape {
            Shape::Table => self.table.settle(fleet, area),
            Shape::Matrix => {
                self.matrix.settle(fleet, self.table.parsed_filter());
                let (upper, _) = self.areas(fleet, area);
                self.matrix.fit(upper);
            }
        }
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        match self.shape {
            Shape::Table => self.table.selection(fleet),
            Shape::Matrix => self.matrix.selection(fleet),
        }
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        super::resources(fleet)
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("open", "containers"),
            ("palette image copy --to", "copy to"),
            ("palette image build", "build"),
            ("image show", "layers"),
            ("shape", "table, matrix"),
            ("image remove", "remove"),
            ("menu", "actions"),
            ("filter", "filter"),
            ("mark", "mark"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let is_empty = match self.shape {
            Shape::Table => self.table.is_empty(),
            Shape::Matrix => self.matrix.is_empty(),
        };
        if is_empty {
            let text = self.table.emptiness(fleet);
            return super::empty(&text, look, frame, area);
        }
        if self.shape == Shape::Table {
            return self.table.view(fleet, look, frame, area);
        }
        let (upper, lower) = self.areas(fleet, area);
        self.matrix.view(fleet, look, frame, upper);
        if let Some(row) = self.matrix.current().filter(|_| lower.height > 0) {
            strip::draw(row, fleet, look, frame.buffer_mut(), lower);
        }
    }
}

/// How many hosts have not told their images, if there are any.
fn unknown_hosts(fleet: &Fleet) -> Option<String> {
    let unknown = fleet.hosts().iter().filter(|host| host.images.is_none());
    match unknown.count() {
        0 => None,
        1 => Some("1 host not known".to_owned()),
        hosts => Some(format!("{hosts} hosts not known")),
    }
}

#[cfg(test)]
mod tests;
