//! How things look on this terminal: theme, glyphs, and text cut to a width.

use std::borrow::Cow;

use ratatui::symbols::border;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::theme::Theme;

/// What drawing needs to know of the terminal.
#[derive(Clone, Debug)]
pub struct Look {
    /// The styles.
    pub theme: Theme,
    /// The signs.
    pub glyphs: Glyphs,
}

/// The signs that differ between terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether only ASCII may be drawn.
    pub ascii: bool,
    /// Frames.
    pub border: border::Set<'static>,
    /// Sorted upwards, downwards.
    pub up: &'static str,
    /// Sorted downwards.
    pub down: &'static str,
    /// A mark before a row.
    pub mark: &'static str,
    /// What stands for text that was cut off.
    pub cut: &'static str,
    /// The filled part of a bar.
    pub full: &'static str,
    /// The empty part of a bar.
    pub empty: &'static str,
    /// Between things in a line.
    pub dot: &'static str,
    /// The thumb of a scrollbar.
    pub thumb: &'static str,
}

/// Frames of terminals that know ASCII only.
const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Glyphs {
    /// For terminals with UTF-8.
    pub const UNICODE: Self = Self {
        ascii: false,
        border: border::ROUNDED,
        up: "↑",
        down: "↓",
        mark: "▌",
        cut: "…",
        full: "█",
        empty: "░",
        dot: "·",
        thumb: "▐",
    };

    /// For all others.
    pub const ASCII: Self = Self {
        ascii: true,
        border: ASCII_BORDER,
        up: "^",
        down: "v",
        mark: ">",
        cut: "~",
        full: "#",
        empty: ".",
        dot: "|",
        thumb: "#",
    };

    /// Text with what ASCII terminals lack replaced.
    pub fn plain<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.ascii || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.chars().map(ascii_for).collect())
    }
}

/// What stands for a character where only ASCII is known.
fn ascii_for(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '●' => '*',
        '◌' | '○' => 'o',
        '◐' | '‖' => '=',
        '✕' | '✗' => 'x',
        '↻' => '@',
        '→' | '▸' | '›' => '>',
        '←' | '‹' => '<',
        '↑' | '▲' => '^',
        '↓' | '▼' => 'v',
        '·' => '.',
        '–' | '—' | '─' => '-',
        '×' => 'x',
        '…' => '~',
        '█' | '▐' | '▌' => '#',
        '░' => '.',
        '✓' => '+',
        _ => '?',
    }
}

/// How many cells a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Text cut at its end to `cells`, with a sign when something is missing.
pub fn cut<'a>(text: &'a str, cells: usize, glyphs: &Glyphs) -> Cow<'a, str> {
    if text.len() <= cells || text.width() <= cells {
        return Cow::Borrowed(text);
    }
    if cells == 0 {
        return Cow::Borrowed("");
    }
    let mut out = head(text, cells - 1).to_owned();
    out.push_str(glyphs.cut);
    Cow::Owned(out)
}

/// Text cut in its middle to `cells`: names differ at both ends.
pub fn cut_middle<'a>(text: &'a str, cells: usize, glyphs: &Glyphs) -> Cow<'a, str> {
    if text.len() <= cells || text.width() <= cells {
        return Cow::Borrowed(text);
    }
    if cells < 5 {
        return cut(text, cells, glyphs);
    }
    let left = cells.div_ceil(2) - 1;
    let right = cells - 1 - left;
    let tail_start = text
        .grapheme_indices(true)
        .map(|(at, _)| at)
        .find(|at| text[*at..].width() <= right)
        .unwrap_or(text.len());
    Cow::Owned(format!(
        "{}{}{}",
        head(text, left),
        glyphs.cut,
        &text[tail_start..]
    ))
}

/// The longest beginning of a text that fits into `cells`.
pub fn head(text: &str, cells: usize) -> &str {
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        used += grapheme.width();
        if used > cells {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_text_never_takes_more_cells_than_it_may() {
        for text in [
            "plain",
            "漢字かな交じり",
            "e\u{301}a\u{300}o",
            "",
            "a",
            "👩‍👩‍👧 family",
        ] {
            for cells in 0..12 {
                assert!(
                    width(&cut(text, cells, &Glyphs::UNICODE)) <= cells,
                    "{text} {cells}"
                );
                assert!(
                    width(&cut_middle(text, cells, &Glyphs::UNICODE)) <= cells,
                    "{text} {cells}"
                );
            }
        }
    }

    #[test]
    fn the_middle_goes_first() {
        assert_eq!(
            cut_middle("billing-worker-12", 11, &Glyphs::UNICODE),
            "billi…er-12"
        );
        assert_eq!(cut("billing-worker-12", 8, &Glyphs::ASCII), "billing~");
    }

    #[test]
    fn ascii_terminals_get_ascii() {
        assert_eq!(Glyphs::ASCII.plain("● running → 80"), "* running > 80");
    }
}
