//! Parts of an area: what is above and what is left over, left and right, and the inside.

use ratatui::layout::Rect;

/// The area without its first and last column, where marks and scrollbars stand.
pub fn inset(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    }
}

/// So many rows at the top, and the rest.
pub fn above(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let rest = Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    };
    (
        Rect {
            height: rows,
            ..area
        },
        rest,
    )
}

/// So many columns at the left, and the rest behind a gap.
pub fn left(area: Rect, columns: u16, gap: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width);
    let taken = columns.saturating_add(gap).min(area.width);
    let rest = Rect {
        x: area.x + taken,
        width: area.width - taken,
        ..area
    };
    (
        Rect {
            width: columns,
            ..area
        },
        rest,
    )
}
