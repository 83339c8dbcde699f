//! A scrollbar on the frame's right side, only where there is more than fits.

use ratatui::{Frame, layout::Rect};

use super::look::Look;

/// Draws the thumb for rows from `offset` of `total` beside the rows of a table whose first line
/// is its titles.
pub fn bar(offset: usize, total: usize, look: &Look, frame: &mut Frame<'_>, area: Rect) {
    let height = usize::from(area.height.saturating_sub(1));
    if total <= height || height < 2 || area.width == 0 {
        return;
    }
    let size = (height * height / total).clamp(1, height - 1);
    let at = offset * (height - size) / (total - height).max(1);
    for y in at..at + size {
        let y = area.y + 1 + u16::try_from(y.min(height - 1)).unwrap_or(0);
        frame
            .buffer_mut()
            .set_string(area.right() - 1, y, look.glyphs.thumb, look.theme.frame);
    }
}
