//! A chart of one figure over the last seconds, drawn with blocks of text.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::Timestamp,
    ui::look::{Look, width},
};

/// Cells on the left for the scale.
const SCALE: u16 = 6;

/// For how many seconds a sample stands when the next one is missing.
const HOLDS: usize = 3;

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart<'t> {
    /// What it shows.
    pub title: &'t str,
    /// The newest value, as text.
    pub value: &'t str,
    /// What is to be said on the right: the limit, the share of it.
    pub note: &'t str,
    /// One value a second, the newest last; none where nothing was heard.
    pub values: &'t [Option<f64>],
    /// The top of the scale.
    pub top: f64,
    /// The top of the scale, as text.
    pub top_text: &'t str,
}

/// Samples laid out one a second up to `end`, the newest last; short gaps are bridged.
pub fn seconds(
    samples: impl Iterator<Item = (Timestamp, Option<f64>)>,
    end: Timestamp,
    count: usize,
) -> Vec<Option<f64>> {
    let mut values = vec![None; count];
    for (at, value) in samples {
        let back = usize::try_from(end.as_second() - at.as_second()).unwrap_or(usize::MAX);
        if back < count {
            values[count - 1 - back] = value;
        }
    }
    let mut held = 0;
    for at in 1..count {
        if values[at].is_some() {
            held = 0;
        } else if held < HOLDS && values[at - 1].is_some() {
            values[at] = values[at - 1];
            held += 1;
        }
    }
    values
}

/// The least round number that is not smaller: 1, 2 or 5 times a power of ten.
pub fn round_up(value: f64) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|step| step * power)
        .find(|step| *step >= value)
        .unwrap_or(value)
}

/// The least power of two that is not smaller, for bytes; at least one mebibyte.
pub fn round_up_bytes(value: f64) -> f64 {
    2f64.powf(value.max(1_048_576.0).log2().ceil())
}

impl Chart<'_> {
    /// How many seconds fit into a chart of that width.
    pub fn room(cells: u16) -> usize {
        usize::from(cells.saturating_sub(SCALE + 1))
    }

    /// Draws it: a line of text, and the chart in the rows below.
    pub fn draw(&self, look: &Look, buffer: &mut Buffer, area: Rect) {
        if area.height == 0 || area.width < SCALE + 4 {
            return;
        }
        self.draw_title(look, buffer, area);
        let plot = Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        };
        if plot.height > 0 {
            self.draw_scale(look, buffer, plot);
            self.draw_values(look, buffer, plot);
        }
    }

    fn draw_title(&self, look: &Look, buffer: &mut Buffer, area: Rect) {
        let cells = usize::from(area.width);
        let (x, _) = buffer.set_stringn(area.x, area.y, self.title, cells, look.theme.title);
        let used = usize::from(x + 1 - area.x);
        let left = cells.saturating_sub(used);
        let (x, _) = buffer.set_stringn(x + 1, area.y, self.value, left, look.theme.text);
        let used = usize::from(x - area.x);
        let note = look.glyphs.plain(self.note);
        if used + 2 + width(&note) <= cells {
            let x = area.right() - u16::try_from(width(&note)).unwrap_or(0);
            buffer.set_string(x, area.y, &note, look.theme.faint);
        }
    }

    fn draw_scale(&self, look: &Look, buffer: &mut Buffer, plot: Rect) {
        let right = |text: &str| format!("{text:>cells$}", cells = usize::from(SCALE) - 1);
        let rule = look.glyphs.border.vertical_left;
        for y in plot.y..plot.bottom() {
            buffer.set_string(plot.x + SCALE, y, rule, look.theme.frame);
        }
        buffer.set_string(plot.x, plot.y, right(self.top_text), look.theme.faint);
        if plot.height > 1 {
            buffer.set_string(plot.x, plot.bottom() - 1, right("0"), look.theme.faint);
        }
    }

    fn draw_values(&self, look: &Look, buffer: &mut Buffer, plot: Rect) {
        let left = plot.x + SCALE + 1;
        let room = usize::from(plot.right().saturating_sub(left));
        let shown = &self.values[self.values.len().saturating_sub(room)..];
        let start = room - shown.len();
        for (place, value) in shown.iter().enumerate() {
            let Some(value) = value else { continue };
            let x = left + u16::try_from(start + place).unwrap_or(0);
            let column = column(*value, self.top, plot.height, look.glyphs.ascii);
            for (y, glyph) in (plot.y..plot.bottom()).zip(column) {
                buffer.set_string(x, y, glyph, look.theme.bar);
            }
        }
    }
}

/// One value as glyphs from the top down. What is known to be nothing is still seen to be known.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a chart is a few dozen rows high"
)]
fn column(value: f64, top: f64, height: u16, ascii: bool) -> Vec<&'static str> {
    const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 4] = [" ", ".", ":", "#"];
    let glyphs: &[&'static str] = if ascii { &ASCII } else { &BLOCKS };
    let share = if top > 0.0 {
        (value / top).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let steps = glyphs.len() - 1;
    let most = f64::from(height) * if ascii { 3.0 } else { 8.0 };
    let level = ((share * most).round() as usize).max(1);
    (0..usize::from(height))
        .rev()
        .map(|row| glyphs[level.saturating_sub(row * steps).min(steps)])
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let ups: Vec<f64> = [0.0, 0.4, 1.5, 12.0, 50.0, 51.0, 380.0]
            .map(round_up)
            .to_vec();
        assert_eq!(ups, [1.0, 1.0, 2.0, 20.0, 50.0, 100.0, 500.0]);
        assert!((round_up_bytes(3_000_000.0) - 4_194_304.0).abs() < 1.0);
    }

    #[test]
    fn a_short_gap_is_bridged_and_a_long_one_is_seen() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let samples = [(at(0), Some(1.0)), (at(2), Some(2.0)), (at(9), Some(3.0))];
        let values = seconds(samples.into_iter(), at(9), 10);
        let known: Vec<bool> = values.iter().map(Option::is_some).collect();
        assert_eq!(values[1], Some(1.0));
        assert_eq!(
            known,
            [
                true, true, true, true, true, true, false, false, false, true
            ]
        );
    }

    #[test]
    fn a_column_is_filled_from_the_bottom() {
        assert_eq!(column(50.0, 100.0, 2, false), [" ", "█"]);
        assert_eq!(column(100.0, 100.0, 2, false), ["█", "█"]);
        assert_eq!(column(0.0, 100.0, 2, false), [" ", "▁"]);
        assert_eq!(column(75.0, 100.0, 2, true), [":", "#"]);
    }
}
