//! The templates of all catalogs: cards or a table, and what the one under the cursor asks and makes.

mod cards;
mod facts;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{
        Feed, Fleet,
        app::{Template, TemplateName},
        printable,
    },
    ops::{
        column::{TemplateRow, Templates as Rows},
        target::Target,
    },
    ui::{
        look::Look,
        nav::Nav,
        widget::{
            line::{self, Ink, Line},
            place,
        },
    },
};

/// From how many columns on the detail stands beside the list.
const WIDE: u16 = 140;
/// With fewer rows there is only the list.
const SHORT: u16 = 14;

/// So many faults of catalogs are shown at most.
const MOST_TOLD: usize = 3;

/// The ways to show the same templates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Cards,
    Table,
}

/// All templates.
pub struct Templates {
    table: Table<TemplateName, Rows>,
    shape: Shape,
    /// How many cards stand beside each other.
    across: usize,
    total: usize,
}

impl Default for Templates {
    fn default() -> Self {
        Self {
            table: Table::new("name", false),
            shape: Shape::default(),
            across: 1,
            total: 0,
        }
    }
}

impl Templates {
    /// Puts the cursor on a template; whether it is there.
    pub fn show(&mut self, name: &TemplateName, fleet: &Fleet) -> bool {
        if fleet.template(name).is_none() {
            return false;
        }
        // A filter may hide it.
        if self.table.set_filter("").is_ok() {
            let names = fleet.all_templates().iter().map(|one| one.name.clone());
            self.table.list.settle(names.collect());
        }
        self.table.list.go_to(name);
        true
    }

    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    fn current<'f>(&self, fleet: &'f Fleet) -> Option<&'f Template> {
        let name = self.table.list.current()?;
        fleet.template(name)
    }

    /// Goes to the next category, by way of the filter: all, then each.
    fn next_category(&mut self, fleet: &Fleet) -> Reply {
        let all = fleet.all_templates().iter().flat_map(|one| &one.categories);
        let names: BTreeSet<&str> = all.map(String::as_str).collect();
        let now = self.table.filter().strip_prefix("category:");
        let next = match now {
            None => names.first().copied(),
            Some(now) => names.iter().find(|name| **name > now).copied(),
        };
        let filter = next.map_or_else(String::new, |name| format!("category:{name}"));
        match self.table.set_filter(&filter) {
            Ok(()) => Reply::Done,
            Err(why) => Reply::Refuse(why),
        }
    }

    /// The list, and the place for what is known of the template under the cursor.
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        if area.width >= WIDE {
            return place::left(area, area.width * 11 / 20, 1);
        }
        if area.height < SHORT {
            return (area, Rect { height: 0, ..area });
        }
        let rows = match self.shape {
            Shape::Cards => cards::HEIGHT * 2,
            Shape::Table => area.height * 2 / 5,
        };
        place::above(area, rows)
    }

    /// Cards are moved over in two directions.
    fn over_cards(&self, nav: &Nav) -> Option<Nav> {
        Some(match nav {
            Nav::Left => Nav::Up { rows: 1 },
            Nav::Right => Nav::Down { rows: 1 },
            Nav::Up { rows } => Nav::Up {
                rows: rows * self.across,
            },
            Nav::Down { rows } => Nav::Down {
                rows: rows * self.across,
            },
            _ => return None,
        })
    }
}

/// The place of the templates, and that of what is wrong with catalogs.
fn split(fleet: &Fleet, area: Rect) -> (Rect, Rect) {
    let most = if area.height < 2 * SHORT {
        1
    } else {
        MOST_TOLD
    };
    let rows = fleet.catalog_faults.len().min(most);
    let rows = u16::try_from(rows).unwrap_or(0);
    place::above(area, area.height.saturating_sub(rows))
}

/// What is wrong with catalogs: the first faults, and how many more there are.
fn faults(fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
    let all = &fleet.catalog_faults;
    let rows = usize::from(area.height);
    let more = all.len().saturating_sub(rows);
    for (index, (told, row)) in all.iter().zip(area.rows()).enumerate() {
        let mut short = told.clone();
        // Directories would leave no room for the reason.
        if let Some((_, file)) = short.place.file.rsplit_once('/') {
            short.place.file = file.to_owned();
        }
        let mut text = printable(&short.to_string());
        if more > 0 && index + 1 == rows {
            text = format!("{more} more, which `wharf template list` tells, and {text}");
        }
        Line::of(&text, Ink::WARN).draw(look, frame.buffer_mut(), row);
    }
}

impl Pane for Templates {
    fn name(&self) -> &'static str {
        "templates"
    }

    fn title(&self, _fleet: &Fleet) -> String {
        format!("Templates{}", self.table.count(self.total))
    }

    fn nav(&mut self, nav: &Nav, fleet: &Fleet) -> Reply {
        match (nav, self.shape) {
            (Nav::Shape, Shape::Cards) => {
                self.shape = Shape::Table;
                Reply::Done
            }
            (Nav::Shape, Shape::Table) => {
                self.shape = Shape::Cards;
                Reply::Done
            }
            (Nav::Group, _) => self.next_category(fleet),
            (Nav::Open, _) => match self.table.list.current() {
                Some(name) => Reply::Fill(name.clone()),
                None => Reply::Done,
            },
            (Nav::Columns { names: None }, _) => {
                Reply::Refuse("the columns of this table are always the same".into())
            }
            (Nav::Sort { .. }, Shape::Cards) => {
                Reply::Refuse("cards are in the order of names; t shows the table".to_owned())
            }
            (nav, Shape::Cards) => {
                let nav = self.over_cards(nav).unwrap_or_else(|| nav.clone());
                self.table.nav(&nav).unwrap_or(Reply::Pass)
            }
            (nav, Shape::Table) => self.table.nav(nav).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        self.total = fleet.all_templates().len();
        let rows = fleet.all_templates().iter();
        let rows = rows.map(|template| TemplateRow { template });
        let rows = self
            .table
            .arrange(rows, |a, b| a.template.name.cmp(&b.template.name));
        let names = rows.iter().map(|row| row.template.name.clone()).collect();
        self.table.list.settle(names);
        self.table.list.nav(&Nav::Unmark);
        let (area, _) = split(fleet, area);
        let (list, _) = self.areas(area);
        self.across = cards::across(list.width);
        let height = match self.shape {
            Shape::Cards => self.across * usize::from((list.height / cards::HEIGHT).max(1)),
            Shape::Table => usize::from(list.height.saturating_sub(1)),
        };
        self.table.list.set_height(height);
    }

    fn selection(&self, _fleet: &Fleet) -> Vec<Target> {
        Vec::new()
    }

    fn wants(&self, fleet: &Fleet) -> BTreeSet<Feed> {
        super::resources(fleet)
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("open", "fill in"),
            ("shape", "table, cards"),
            ("group", "category"),
            ("filter", "search"),
            ("template update", "fetch"),
            ("back", "back"),
        ]
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let (area, told) = split(fleet, area);
        faults(fleet, look, frame, told);
        if self.table.list.order().is_empty() {
            let text = if fleet.templates.is_none() {
                "The templates are being read …".to_owned()
            } else if self.total == 0 {
                "No template is there. Name a [[catalog]] in wharf.toml.".to_owned()
            } else {
                let filter = self.table.filter();
                format!("No template matches '{filter}'. Esc clears the filter.")
            };
            return super::empty(&text, look, frame, area);
        }
        let (list, detail) = self.areas(area);
        match self.shape {
            Shape::Cards => {
                let find = |name: &TemplateName| {
                    let template = fleet.template(name)?;
                    Some(TemplateRow { template })
                };
                let order = self.table.list.order();
                let rows: Vec<TemplateRow<'_>> = order.iter().filter_map(find).collect();
                cards::draw(&rows, self.table.list.index(), look, frame, list);
            }
            Shape::Table => {
                let row = |name: &TemplateName| {
                    let template = fleet.template(name)?;
                    Some((TemplateRow { template }, false))
                };
                let context = context(fleet, look);
                self.table.view(row, &context, look, frame, list);
            }
        }
        if let Some(template) = self.current(fleet).filter(|_| detail.height > 0) {
            let detail = place::inset(detail);
            let lines = facts::lines(template, fleet, usize::from(detail.width));
            line::draw(&lines, look, frame.buffer_mut(), detail);
        }
    }
}

#[cfg(test)]
mod tests;
