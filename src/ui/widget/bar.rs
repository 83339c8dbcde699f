//! Bars: how a whole divides into parts, and how full something is.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use crate::ui::look::Look;

/// A part of a whole.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// How many of the whole.
    pub count: usize,
    /// Its style.
    pub style: Style,
    /// What it is drawn with: parts differ by more than colour.
    pub glyph: &'static str,
}

/// How many of `cells` each part gets, in proportion; what is there at all gets one at least.
pub fn deal(counts: &[usize], cells: usize) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    if total == 0 {
        return vec![0; counts.len()];
    }
    let mut dealt: Vec<usize> = counts
        .iter()
        .map(|count| {
            if *count == 0 {
                0
            } else {
                (count * cells / total).max(1)
            }
        })
        .collect();
    // What rounding left over or overdrew is settled with the largest part, where it shows least.
    let largest = (0..counts.len()).max_by_key(|at| counts[*at]).unwrap_or(0);
    let others: usize = dealt.iter().sum::<usize>() - dealt[largest];
    dealt[largest] = cells.saturating_sub(others);
    dealt
}

/// Draws a whole divided into its parts over the first row of `area`.
pub fn divided(parts: &[Part], look: &Look, buffer: &mut Buffer, area: Rect) {
    if area.height == 0 {
        return;
    }
    let counts: Vec<usize> = parts.iter().map(|part| part.count).collect();
    let cells = usize::from(area.width);
    if counts.iter().sum::<usize>() == 0 {
        buffer.set_stringn(
            area.x,
            area.y,
            look.glyphs.empty.repeat(cells),
            cells,
            look.theme.bar_empty,
        );
        return;
    }
    let mut x = area.x;
    for (part, cells) in parts.iter().zip(deal(&counts, cells)) {
        buffer.set_stringn(
            x,
            area.y,
            part.glyph.repeat(cells),
            usize::from(area.right() - x),
            part.style,
        );
        x = (x + u16::try_from(cells).unwrap_or(0)).min(area.right());
    }
}

/// A bar of `cells` that is full to `percent`, as text.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a bar has a few dozen cells"
)]
pub fn gauge(percent: f32, cells: usize, look: &Look) -> (String, String) {
    let full = (percent.clamp(0.0, 100.0) / 100.0 * cells as f32).round() as usize;
    let full = full.min(cells);
    (
        look.glyphs.full.repeat(full),
        look.glyphs.empty.repeat(cells - full),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_exists_is_seen_and_the_bar_is_exactly_as_long_as_its_place() {
        assert_eq!(deal(&[1000, 1, 0, 2], 20), [18, 1, 0, 1]);
        assert_eq!(deal(&[1, 1, 1], 10), [3, 3, 4]);
        assert_eq!(deal(&[0, 0], 10), [0, 0]);
        assert_eq!(deal(&[5], 10), [10]);
        assert_eq!(deal(&[7, 7, 7, 7], 10).iter().sum::<usize>(), 10);
    }
}
