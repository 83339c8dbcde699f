//! What all tables share: filter, sort, chosen columns, and the moves for them.

use std::cmp::Ordering;

use ratatui::{Frame, layout::Rect};

use super::Reply;
use crate::{
    model::Fleet,
    ops::{
        column::{self, Align, Column, Rows},
        filter::Filter,
    },
    ui::{
        grid::{self, RowState, Sort},
        list::List,
        look::Look,
        nav::Nav,
        scroll,
    },
};

/// How often rows that are sorted by live figures may change places, in seconds.
const RESORT_SECONDS: i64 = 3;

/// Rows of kind `R`, told apart by `K`.
pub struct Table<K, R: Rows> {
    /// Cursor, marks and order.
    pub list: List<K>,
    filter: Filter,
    text: String,
    sort: Sort,
    columns: Vec<&'static Column<R>>,
}

impl<K: Clone + Ord, R: Rows> Table<K, R> {
    /// A table with the columns that are shown by default.
    pub fn new(sort: &'static str, descending: bool) -> Self {
        Self {
            list: List::default(),
            filter: Filter::default(),
            text: String::new(),
            sort: Sort {
                column: sort,
                descending,
            },
            columns: default_columns(),
        }
    }

    /// The filter in force, as text.
    pub fn filter(&self) -> &str {
        &self.text
    }

    /// What rows have to fit.
    pub fn parsed_filter(&self) -> &Filter {
        &self.filter
    }

    /// Which column rows are sorted by.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Shows only rows that match; a wrong filter is refused with the reason.
    pub fn set_filter(&mut self, text: &str) -> Result<(), String> {
        self.filter = Filter::parse(text).map_err(|error| error.to_string())?;
        text.trim().clone_into(&mut self.text);
        Ok(())
    }

    /// Shows these columns, as remembered or chosen; unknown names are refused.
    pub fn set_columns(&mut self, names: &str) -> Result<(), String> {
        if names.trim() == "default" {
            self.columns = default_columns();
            return Ok(());
        }
        let mut chosen = Vec::new();
        for name in names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            chosen.push(column::column::<R>(name).ok_or_else(|| unknown::<R>(name))?);
        }
        if chosen.is_empty() {
            return Err("at least one column must be shown".into());
        }
        self.columns = chosen;
        Ok(())
    }

    /// Sorts as remembered: a column's name, with ` down` for the largest first.
    pub fn set_sort(&mut self, text: &str) {
        let (name, order) = text.split_once(' ').unwrap_or((text, ""));
        if let Some(column) = column::column::<R>(name) {
            self.sort = Sort {
                column: column.name,
                descending: order == "down",
            };
        }
    }

    /// Takes the moves of a table; none when the move is none of them.
    pub fn nav(&mut self, nav: &Nav) -> Option<Reply> {
        match nav {
            Nav::Sort { column } => Some(self.sort_by(column)),
            Nav::Columns { names: None } => {
                let all = R::columns()
                    .iter()
                    .map(|column| (column.name, column.about))
                    .collect();
                Some(Reply::ChooseColumns(
                    all,
                    self.columns.iter().map(|column| column.name).collect(),
                ))
            }
            Nav::Columns { names: Some(names) } => Some(match self.set_columns(names) {
                Ok(()) => {
                    let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
                    Reply::Remember(format!("{}.columns", R::NAME), names.join(","))
                }
                Err(why) => Reply::Refuse(why),
            }),
            Nav::Filter { text } => Some(match self.set_filter(&text.join(" ")) {
                Ok(()) => Reply::Done,
                Err(why) => Reply::Refuse(why),
            }),
            other => self.list.nav(other).then_some(Reply::Done),
        }
    }

    /// Sorts by a column; again to turn the order round. Figures begin with the largest.
    fn sort_by(&mut self, name: &str) -> Reply {
        let Some(column) = column::column::<R>(name) else {
            return Reply::Refuse(unknown::<R>(name));
        };
        let again = self.sort.column == column.name;
        let descending = if again {
            !self.sort.descending
        } else {
            column.align == Align::Right
        };
        self.sort = Sort {
            column: column.name,
            descending,
        };
        let order = if descending { " down" } else { "" };
        Reply::Remember(format!("{}.sort", R::NAME), format!("{name}{order}"))
    }

    /// A number that changes when rows sorted by one of these live figures may change places.
    pub fn moment(&self, live: &[&str], fleet: &Fleet) -> i64 {
        if live.contains(&self.sort.column) || self.filter.mentions(live) {
            fleet.now.as_second() / RESORT_SECONDS
        } else {
            0
        }
    }

    /// The rows that match, in order; `tie` orders those that are equal by the column.
    pub fn arrange<'r>(
        &self,
        rows: impl Iterator<Item = R::Row<'r>>,
        tie: impl Fn(&R::Row<'r>, &R::Row<'r>) -> Ordering,
    ) -> Vec<R::Row<'r>> {
        let mut rows: Vec<R::Row<'r>> = rows.filter(|row| self.filter.matches(row)).collect();
        let by = column::column::<R>(self.sort.column);
        rows.sort_by(|a, b| {
            let order = by.map_or(Ordering::Equal, |column| (column.order)(a, b));
            let order = if self.sort.descending {
                order.reverse()
            } else {
                order
            };
            order.then_with(|| tie(a, b))
        });
        rows
    }

    /// How many rows are shown, of how many: `[12]`, `[3 of 12]`, with the marked ones.
    pub fn count(&self, total: usize) -> String {
        counted(self.list.order().len(), total, self.list.marked())
    }

    /// Where a column begins in an area, and how many cells it has there; none when it is left out.
    pub fn place_of(&self, name: &str, area: Rect) -> Option<(u16, u16)> {
        grid::place_of(&self.columns, name, area)
    }

    /// Draws the rows on the screen without a cursor: moves are for another table.
    pub fn view_beside<'r>(
        &self,
        row: impl Fn(&K) -> Option<(R::Row<'r>, bool)>,
        context: &column::Context,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        self.draw(None, row, context, look, frame, area);
    }

    /// Draws the rows on the screen. `row` gives a row and whether it is stale.
    pub fn view<'r>(
        &self,
        row: impl Fn(&K) -> Option<(R::Row<'r>, bool)>,
        context: &column::Context,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        self.draw(self.list.current(), row, context, look, frame, area);
    }

    fn draw<'r>(
        &self,
        current: Option<&K>,
        row: impl Fn(&K) -> Option<(R::Row<'r>, bool)>,
        context: &column::Context,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let rows = self.list.visible().iter().filter_map(|key| {
            let (row, is_stale) = row(key)?;
            let state = RowState {
                cursor: Some(key) == current,
                marked: self.list.is_marked(key),
                stale: is_stale,
            };
            Some((row, state))
        });
        grid::draw(
            &self.columns,
            Some(self.sort),
            rows,
            context,
            look,
            frame,
            area,
        );
        scroll::bar(
            self.list.offset(),
            self.list.order().len(),
            look,
            frame,
            area,
        );
    }
}

/// How many rows are shown, of how many: `[12]`, `[3 of 12]`, with the marked ones.
pub fn counted(shown: usize, total: usize, marked: usize) -> String {
    let count = if shown == total {
        format!("[{shown}]")
    } else {
        format!("[{shown} of {total}]")
    };
    match marked {
        0 => count,
        marked => format!("{count} {marked} marked"),
    }
}

fn default_columns<R: Rows>() -> Vec<&'static Column<R>> {
    R::columns().iter().filter(|column| column.shown).collect()
}

fn unknown<R: Rows>(name: &str) -> String {
    let names: Vec<_> = R::columns().iter().map(|column| column.name).collect();
    format!(
        "there is no column '{name}'; there are {}",
        names.join(", ")
    )
}
