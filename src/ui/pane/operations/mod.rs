//! The log of acts as a table, and one act as a whole below it.

mod act;

use std::collections::BTreeSet;

use ratatui::{Frame, layout::Rect};

use super::{Pane, Reply, containers::context, table::Table};
use crate::{
    model::{Feed, Fleet, Operation},
    ops::{
        column::{self, OperationRow},
        target::Target,
    },
    ui::{
        look::Look,
        nav::Nav,
        widget::{line::heading, page::Page, place},
    },
};

/// With fewer rows an act covers the table instead of standing below it.
const SHORT: u16 = 12;

/// The newest entries of the log of acts.
pub struct Operations {
    table: Table<u64, column::Operations>,
    total: usize,
    stamp: Option<(u64, String, crate::ui::grid::Sort)>,
    act: Option<Act>,
}

/// The act that is shown as a whole.
#[derive(Debug, Default)]
struct Act {
    /// Its number, and the state of the fleet and the width its lines were made for.
    made: Option<(u64, u64, u16)>,
    page: Page,
    /// Moves scroll it, not the table.
    entered: bool,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            table: Table::new("number", true),
            total: 0,
            stamp: None,
            act: None,
        }
    }
}

impl Operations {
    /// Shows these columns, as remembered.
    pub fn set_columns(&mut self, names: &str) -> Result<(), String> {
        self.table.set_columns(names)
    }

    /// Sorts as remembered.
    pub fn set_sort(&mut self, text: &str) {
        self.table.set_sort(text);
    }

    /// Puts the cursor on an act and shows it as a whole.
    pub fn go_to(&mut self, number: u64) {
        self.table.list.go_to(&number);
        self.act.get_or_insert_default();
    }

    fn areas(&self, area: Rect) -> (Rect, Rect) {
        match &self.act {
            None => (area, Rect { height: 0, ..area }),
            Some(_) if area.height < SHORT => (Rect { height: 0, ..area }, area),
            Some(_) => {
                let upper = Rect {
                    height: area.height / 2,
                    ..area
                };
                (
                    upper,
                    Rect {
                        y: upper.bottom(),
                        height: area.height - upper.height,
                        ..area
                    },
                )
            }
        }
    }

    fn settle_act(&mut self, fleet: &Fleet, area: Rect) {
        let current = self
            .table
            .list
            .current()
            .and_then(|number| find(fleet, *number));
        let Some(act) = &mut self.act else { return };
        let Some(operation) = current else {
            return act.page.set(Vec::new());
        };
        let made = (operation.number, fleet.version(), area.width);
        if act.made != Some(made) {
            if act
                .made
                .is_none_or(|(number, ..)| number != operation.number)
            {
                act.page.rewind();
            }
            act.page.set(act::lines(
                operation,
                usize::from(area.width).saturating_sub(4),
            ));
            act.made = Some(made);
        }
        act.page
            .set_height(usize::from(area.height.saturating_sub(1)));
    }

    fn emptiness(&self) -> String {
        if self.total > 0 {
            return format!(
                "No act matches '{}'. Esc clears the filter.",
                self.table.filter()
            );
        }
        "No acts yet. Whatever is done here or with `wharf` in a shell is kept:\n\
         who did it, from where, what was said, on what, why, and what came of it."
            .into()
    }
}

impl Pane for Operations {
    fn name(&self) -> &'static str {
        "operations"
    }

    fn title(&self, _fleet: &Fleet) -> String {
        format!("Operations{}", self.table.count(self.total))
    }

    fn nav(&mut self, nav: &Nav, _fleet: &Fleet) -> Reply {
        match (&mut self.act, nav) {
            (act @ None, Nav::Open) if !self.table.list.order().is_empty() => {
                *act = Some(Act::default());
                Reply::Done
            }
            (act @ Some(_), Nav::Open | Nav::Unmark) => {
                *act = None;
                Reply::Done
            }
            (Some(act), Nav::Next | Nav::Previous) => {
                act.entered = !act.entered;
                Reply::Done
            }
            (Some(act), other) if act.entered => {
                if act.page.nav(other) {
                    Reply::Done
                } else {
                    Reply::Pass
                }
            }
            (_, other) => self.table.nav(other).unwrap_or(Reply::Pass),
        }
    }

    fn settle(&mut self, fleet: &Fleet, area: Rect) {
        let stamp = (
            fleet.version(),
            self.table.filter().to_owned(),
            self.table.sort(),
        );
        if self.stamp.as_ref() != Some(&stamp) {
            let rows = fleet
                .operations()
                .map(|operation| OperationRow { operation });
            let rows = self
                .table
                .arrange(rows, |a, b| b.operation.number.cmp(&a.operation.number));
            self.table
                .list
                .settle(rows.iter().map(|row| row.operation.number).collect());
            self.table
                .list
                .retain_marks(|number| find(fleet, *number).is_some());
            self.total = fleet.operations().count();
            self.stamp = Some(stamp);
        }
        let (table, below) = self.areas(area);
        self.table
            .list
            .set_height(usize::from(table.height.saturating_sub(1)));
        self.settle_act(fleet, below);
    }

    fn selection(&self, fleet: &Fleet) -> Vec<Target> {
        let numbers = self.table.list.selection();
        numbers
            .into_iter()
            .filter(|number| find(fleet, *number).is_some())
            .map(Target::Operation)
            .collect()
    }

    fn wants(&self, _fleet: &Fleet) -> BTreeSet<Feed> {
        BTreeSet::new()
    }

    fn filter(&self) -> &str {
        self.table.filter()
    }

    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        if self.act.is_some() {
            &[
                ("open", "close"),
                ("next", "into the act"),
                ("filter", "filter"),
                ("columns", "columns"),
            ]
        } else {
            &[
                ("open", "whole act"),
                ("filter", "filter"),
                ("columns", "columns"),
                ("sort duration", "by duration"),
            ]
        }
    }

    fn view(&self, fleet: &Fleet, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.table.list.order().is_empty() {
            return super::empty(&self.emptiness(), look, frame, area);
        }
        let (table, below) = self.areas(area);
        if table.height > 0 {
            let row = |number: &u64| {
                Some((
                    OperationRow {
                        operation: find(fleet, *number)?,
                    },
                    false,
                ))
            };
            self.table
                .view(row, &context(fleet, look), look, frame, table);
        }
        let current = self.table.list.current();
        let current = current.and_then(|number| find(fleet, *number));
        let (Some(act), Some(operation)) = (&self.act, current) else {
            return;
        };
        let (top, page) = place::above(place::inset(below), 1);
        let more = if act.entered {
            "up and down scroll it"
        } else {
            ""
        };
        let title = if operation.is_waiting() {
            "An act that waits to be recorded".to_owned()
        } else {
            format!("Act {}", operation.number)
        };
        heading(&title, more, usize::from(top.width)).draw(look, frame.buffer_mut(), top);
        act.page.view(look, frame, page);
    }
}

fn find(fleet: &Fleet, number: u64) -> Option<&Operation> {
    fleet.operations().find(|one| one.number == number)
}

#[cfg(test)]
mod tests;
