//! A table drawn straight into the buffer: only visible rows, columns chosen by the width there is.

use std::borrow::Cow;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    look::{Look, cut, cut_middle, width},
    theme::Theme,
};
use crate::{
    model::printable,
    ops::column::{Align, Column, Context, Rows, Tone},
};

/// Cells between two columns.
const GAP: u16 = 2;

/// Which column rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column's name.
    pub column: &'static str,
    /// Largest first.
    pub descending: bool,
}

/// A row's own look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowState {
    /// Under the cursor.
    pub cursor: bool,
    /// Marked.
    pub marked: bool,
    /// Of a host that is not heard of: its figures are old.
    pub stale: bool,
}

/// One cell ready to be drawn.
struct Cell<'a> {
    text: Cow<'a, str>,
    tone: Tone,
}

/// Chooses the columns that fit into `total` cells: those with the least priority number stay
/// longest. Returns indices into `columns` with their widths, in the order of `columns`.
pub fn fit<K: Rows>(columns: &[&Column<K>], total: u16) -> Vec<(usize, u16)> {
    let mut by_priority: Vec<usize> = (0..columns.len()).collect();
    by_priority.sort_by_key(|at| columns[*at].priority);
    let mut left = total;
    let mut chosen: Vec<(usize, u16)> = Vec::new();
    for at in by_priority {
        let needed = columns[at].width.min + if chosen.is_empty() { 0 } else { GAP };
        if needed > left {
            continue;
        }
        left -= needed;
        chosen.push((at, columns[at].width.min));
    }
    for (at, given) in &mut chosen {
        let more = columns[*at].width.ideal.saturating_sub(*given).min(left);
        *given += more;
        left -= more;
    }
    chosen.sort_by_key(|(at, _)| *at);
    grow(columns, &mut chosen, left);
    chosen
}

/// Deals what is left among the columns that grow, in equal parts.
fn grow<K: Rows>(columns: &[&Column<K>], chosen: &mut [(usize, u16)], left: u16) {
    let shares = chosen
        .iter()
        .filter(|(at, _)| columns[*at].width.grow)
        .count();
    if shares == 0 {
        return;
    }
    let mut spent = 0;
    let mut seen = 0;
    for (at, given) in chosen.iter_mut() {
        seen += usize::from(columns[*at].width.grow);
        let upto = u16::try_from(usize::from(left) * seen / shares).unwrap_or(left);
        *given += upto - spent;
        spent = upto;
    }
}

/// Where a column begins in an area, and how many cells it has there; none when it is left out.
pub fn place_of<K: Rows>(columns: &[&Column<K>], name: &str, area: Rect) -> Option<(u16, u16)> {
    let mut x = area.x + 1;
    for (at, cells) in fit(columns, area.width.saturating_sub(2)) {
        if columns[at].name == name {
            return Some((x, cells));
        }
        x += cells + GAP;
    }
    None
}

/// Draws titles and rows. `rows` gives the visible rows in order.
pub fn draw<'r, K: Rows>(
    columns: &[&Column<K>],
    sort: Option<Sort>,
    rows: impl Iterator<Item = (K::Row<'r>, RowState)>,
    context: &Context,
    look: &Look,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    if area.width < 4 || area.height == 0 {
        return;
    }
    let inner = Rect {
        x: area.x + 1,
        width: area.width - 2,
        ..area
    };
    let fitted = fit(columns, inner.width);
    let buffer = frame.buffer_mut();
    draw_titles(columns, &fitted, sort, look, buffer, inner);
    for (y, (row, state)) in (area.y + 1..area.bottom()).zip(rows) {
        let line = Rect {
            y,
            height: 1,
            ..area
        };
        let base = row_style(state, look);
        buffer.set_style(line, base);
        if state.marked {
            buffer.set_string(area.x, y, look.glyphs.mark, look.theme.marked.patch(base));
        }
        let mut x = inner.x;
        for (at, cells) in &fitted {
            let column = columns[*at];
            let context = Context {
                cells: *cells,
                ..*context
            };
            let cell = Cell {
                text: (column.text)(&row, &context),
                tone: (column.tone)(&row),
            };
            draw_cell(
                &cell,
                column.align,
                state,
                base,
                look,
                buffer,
                Rect::new(x, y, *cells, 1),
            );
            x += cells + GAP;
        }
    }
}

fn row_style(state: RowState, look: &Look) -> Style {
    let mut style = look.theme.text;
    if state.stale {
        style = style.patch(look.theme.stale);
    }
    if state.marked {
        style = style.patch(look.theme.marked);
    }
    if state.cursor && state.stale {
        // Old figures stay dim under the cursor, too.
        let dim = Theme::on(look.theme.cursor, look.theme.stale);
        style = style.patch(dim).remove_modifier(Modifier::BOLD);
    } else if state.cursor {
        style = style.patch(look.theme.cursor);
    }
    style
}

fn draw_titles<K: Rows>(
    columns: &[&Column<K>],
    fitted: &[(usize, u16)],
    sort: Option<Sort>,
    look: &Look,
    buffer: &mut Buffer,
    area: Rect,
) {
    let mut x = area.x;
    for (at, cells) in fitted {
        let column = columns[*at];
        let sorted = sort.filter(|sort| sort.column == column.name);
        let (text, style) = match sorted {
            None => (Cow::Borrowed(column.title), look.theme.column),
            Some(sort) => {
                let arrow = if sort.descending {
                    look.glyphs.down
                } else {
                    look.glyphs.up
                };
                (
                    Cow::Owned(format!("{}{arrow}", column.title)),
                    look.theme.sorted,
                )
            }
        };
        let spare = usize::from(*cells).saturating_sub(width(&text));
        let indent = if column.align == Align::Right {
            spare
        } else {
            0
        };
        let start = x + u16::try_from(indent).unwrap_or(0);
        buffer.set_stringn(
            start,
            area.y,
            &text,
            usize::from(*cells) - indent.min(usize::from(*cells)),
            style,
        );
        x += cells + GAP;
    }
}

fn draw_cell(
    cell: &Cell<'_>,
    align: Align,
    state: RowState,
    base: Style,
    look: &Look,
    buffer: &mut Buffer,
    area: Rect,
) {
    let cells = usize::from(area.width);
    let text = printable(&cell.text);
    let text = look.glyphs.plain(&text);
    // Names differ at both ends; a sentence begins with what matters.
    let text = if text.contains(' ') {
        cut(&text, cells, &look.glyphs)
    } else {
        cut_middle(&text, cells, &look.glyphs)
    };
    let indent = if align == Align::Right {
        cells.saturating_sub(width(&text))
    } else {
        0
    };
    let style = if state.stale || cell.tone == Tone::Plain {
        base
    } else {
        Theme::on(base, look.theme.tone(cell.tone))
    };
    buffer.set_stringn(
        area.x + u16::try_from(indent).unwrap_or(0),
        area.y,
        &text,
        cells,
        style,
    );
}
