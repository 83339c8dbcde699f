//! A line laid out on rows of the screen: harmless, masked, coloured, wrapped.

use jiff::tz::TimeZone;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Shape, Times};
use crate::{
    logs::{Ink, Level, Line, Masks, Pattern, pretty, values},
    model::{Stream, Timestamp, moment, printable, span},
    ui::{
        look::{Glyphs, Look, width},
        theme::Theme,
    },
};

/// Longer lines are cut here, in bytes.
const LONGEST: usize = 16 << 10;
/// A line takes no more rows than this.
const MOST_ROWS: usize = 400;

/// A part of a row in one style.
pub type Run = (String, Style);

/// How lines are laid out.
pub struct Layout<'l> {
    pub theme: &'l Theme,
    pub glyphs: &'l Glyphs,
    pub shape: &'l Shape,
    pub masks: Option<&'l Masks>,
    /// What is found, what is filtered by and what else is to be seen, with the style of each.
    pub matches: Vec<(&'l Pattern, Style)>,
    /// The cells for the text.
    pub room: usize,
    pub wrap: bool,
    /// How many cells are scrolled away at the left.
    pub left: usize,
}

impl Layout<'_> {
    /// The rows of a line's text, at least one.
    pub fn rows(&self, line: &Line<'_>) -> Vec<Vec<Run>> {
        if line.stream.is_none() {
            let text = self
                .glyphs
                .plain(&String::from_utf8_lossy(line.text))
                .into_owned();
            return self.fold(&[(text, self.theme.busy)]);
        }
        let base = self.style(line);
        match self.shape {
            Shape::Raw => {}
            Shape::Pretty => {
                if let Some(lines) = pretty(shortened(line.text)) {
                    let rows = lines.iter().flat_map(|text| {
                        let text = self.masked(printable(text));
                        self.fold(&self.matched(&[(text, base)]))
                    });
                    return rows.take(MOST_ROWS).collect();
                }
            }
            Shape::Fields(names) => {
                if let Some(values) = values(shortened(line.text), names) {
                    let values: Vec<String> = values.iter().map(|text| printable(text)).collect();
                    let text = self.masked(values.join("  "));
                    return self.fold(&self.matched(&[(text, base)]));
                }
            }
        }
        let parts = self.parts(line, base);
        self.fold(&self.matched(&parts))
    }

    /// A line's own style: by its level, if it has no colours of its own.
    fn style(&self, line: &Line<'_>) -> Style {
        let theme = self.theme;
        if !line.inks.is_empty() {
            return theme.text;
        }
        match Level::of(line.text) {
            Some(Level::Error | Level::Fatal) => theme.bad,
            Some(Level::Warn) => theme.warn,
            Some(Level::Debug | Level::Trace) => theme.faint,
            Some(Level::Info) | None => theme.text,
        }
    }

    /// The text in parts, each with the colour that it wants.
    fn parts(&self, line: &Line<'_>, base: Style) -> Vec<Run> {
        let text = shortened(line.text);
        let mut parts = Vec::with_capacity(line.inks.len() + 1);
        let mut column = 0;
        let mut part = |bytes: &[u8], style: Style| {
            let text = harmless(bytes, &mut column);
            if !text.is_empty() {
                parts.push((text, style));
            }
        };
        let (mut from, mut ink) = (0, Ink::default());
        for (at, next) in &line.inks {
            let at = (*at).min(text.len());
            part(&text[from..at], self.theme.ink(base, ink));
            (from, ink) = (at, *next);
        }
        part(&text[from..], self.theme.ink(base, ink));
        if text.len() < line.text.len() {
            parts.push((" […]".to_owned(), self.theme.faint));
        }
        if let Some(masks) = self.masks {
            let whole: String = parts.iter().map(|(text, _)| text.as_str()).collect();
            if let std::borrow::Cow::Owned(masked) = masks.apply(&whole) {
                return vec![(masked, base)];
            }
        }
        parts
    }

    fn masked(&self, text: String) -> String {
        match self.masks {
            Some(masks) => masks.apply(&text).into_owned(),
            None => text,
        }
    }

    /// The parts with what matches in its style.
    fn matched(&self, parts: &[Run]) -> Vec<Run> {
        let whole: String = parts.iter().map(|(text, _)| text.as_str()).collect();
        let mut places: Vec<(usize, usize, Style)> = Vec::new();
        for (pattern, style) in &self.matches {
            let found = pattern.places(whole.as_bytes());
            places.extend(found.into_iter().map(|(start, end)| (start, end, *style)));
        }
        if places.is_empty() {
            return parts.to_vec();
        }
        let style_at = |at: usize| {
            let last = places
                .iter()
                .rfind(|(start, end, _)| (*start..*end).contains(&at));
            last.map(|(.., style)| *style)
        };
        let mut runs: Vec<Run> = Vec::new();
        let mut at = 0;
        for (text, base) in parts {
            for c in text.chars() {
                let style = style_at(at).map_or(*base, |style| base.patch(style));
                match runs.last_mut().filter(|(_, last)| *last == style) {
                    Some((run, _)) => run.push(c),
                    None => runs.push((c.to_string(), style)),
                }
                at += c.len_utf8();
            }
        }
        runs
    }

    /// The parts on rows: one, of which a piece is seen, or as many as they need.
    fn fold(&self, parts: &[Run]) -> Vec<Vec<Run>> {
        let room = self.room.max(1);
        let mut rows: Vec<Vec<Run>> = vec![Vec::new()];
        let mut used = 0;
        let mut skip = if self.wrap { 0 } else { self.left };
        for (text, style) in parts {
            let text = self.glyphs.plain(text);
            for grapheme in text.graphemes(true) {
                let cells = width(grapheme);
                if skip > 0 {
                    skip = skip.saturating_sub(cells);
                    continue;
                }
                if used + cells > room {
                    if !self.wrap {
                        self.cut_row(rows.last_mut());
                        return rows;
                    }
                    if rows.len() == MOST_ROWS {
                        return rows;
                    }
                    rows.push(Vec::new());
                    used = 0;
                }
                used += cells;
                if let Some(row) = rows.last_mut() {
                    match row.last_mut().filter(|(_, last)| last == style) {
                        Some((run, _)) => run.push_str(grapheme),
                        None => row.push((grapheme.to_owned(), *style)),
                    }
                }
            }
        }
        rows
    }

    /// Puts the sign for what is missing at the end of a full row.
    fn cut_row(&self, row: Option<&mut Vec<Run>>) {
        let Some((last, _)) = row.and_then(|row| row.last_mut()) else {
            return;
        };
        let end = last.grapheme_indices(true).next_back();
        if let Some((at, grapheme)) = end {
            let cells = width(grapheme);
            last.truncate(at);
            last.push_str(&" ".repeat(cells.saturating_sub(1)));
            last.push_str(self.glyphs.cut);
        }
    }
}

fn shortened(text: &[u8]) -> &[u8] {
    &text[..text.len().min(LONGEST)]
}

/// Bytes as text that a terminal cannot obey; tabs go to the next of every eighth column.
fn harmless(bytes: &[u8], column: &mut usize) -> String {
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte);
    if bytes.iter().all(is_plain) {
        *column += bytes.len();
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut out = String::new();
    for (at, piece) in String::from_utf8_lossy(bytes).split('\t').enumerate() {
        if at > 0 {
            let to = *column / 8 * 8 + 8;
            out.push_str(&" ".repeat(to - *column));
            *column = to;
        }
        // A terminal that is written to ends its lines with CR LF, and draws over them with CR.
        let piece = printable(&piece.replace('\r', ""));
        *column += width(&piece);
        out.push_str(&piece);
    }
    out
}

/// The time of a line as it is shown.
pub fn time(at: Option<i64>, times: Times, zone: &TimeZone, now: Timestamp) -> String {
    let Some(at) = at.map(moment) else {
        return String::new();
    };
    match times {
        Times::Off => String::new(),
        Times::Utc => at.strftime("%m-%d %H:%M:%S%.3fZ").to_string(),
        Times::Local => at
            .to_zoned(zone.clone())
            .strftime("%m-%d %H:%M:%S%.3f")
            .to_string(),
        Times::Relative => {
            let seconds = now.as_second() - at.as_second();
            format!("{} ago", span(seconds))
        }
    }
}

/// How many cells times take.
pub fn time_width(times: Times) -> usize {
    match times {
        Times::Off => 0,
        Times::Local => 18,
        Times::Utc => 19,
        Times::Relative => 10,
    }
}

/// The sign of a line: marked, from the standard error, or nothing.
pub fn sign(line: &Line<'_>, look: &Look) -> (&'static str, Style) {
    if line.is_marked {
        (look.glyphs.mark, look.theme.accent)
    } else if line.stream == Some(Stream::Stderr) {
        (if look.glyphs.ascii { "!" } else { "▏" }, look.theme.warn)
    } else {
        (" ", look.theme.text)
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (bytes, text) in [
            (&b"plain"[..], "plain"),
            (b"a\tb\tc", "a       b       c"),
            (b"a\x00b\x08c\r", "a·b·c"),
            ("x\u{202e}y \u{9b}31m".as_bytes(), "x·y ·31m"),
            (b"bad \xff", "bad \u{fffd}"),
            ("漢\tx".as_bytes(), "漢      x"),
        ] {
            assert_eq!(harmless(bytes, &mut 0), text);
        }
    }
}
