//! How things look on this terminal: theme, glyphs, and text cut to a width.

use std::borrow::Cow;

use ratatui::symbols::border;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

use super::theme::Theme;

/// What drawing needs to know of the terminal.
#[derive(Clone, Debug)]
pub struct Look {
    /// The styles.
    pub theme: Theme,
    /// The signs.
    pub glyphs: Glyphs,
}

/// Which signs the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Those of Unicode.
    All,
    /// Those of code page 437 and Latin-1, as the fonts of text consoles have them.
    Console,
    /// ASCII alone.
    Ascii,
}

/// The signs that differ between terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Which ones it shows at all.
    pub signs: Signs,
    /// Whether states and the like are drawn with ASCII.
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
        signs: Signs::All,
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

    /// For text consoles, whose fonts have a few hundred signs.
    pub const CONSOLE: Self = Self {
        signs: Signs::Console,
        ascii: true,
        border: border::PLAIN,
        up: "↑",
        down: "↓",
        mark: "▌",
        cut: "~",
        full: "█",
        empty: "░",
        dot: "·",
        thumb: "▐",
    };

    /// For all others.
    pub const ASCII: Self = Self {
        signs: Signs::Ascii,
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

    /// The signs for what a terminal shows.
    pub fn of(signs: Signs) -> Self {
        match signs {
            Signs::All => Self::UNICODE,
            Signs::Console => Self::CONSOLE,
            Signs::Ascii => Self::ASCII,
        }
    }

    /// Text with what the terminal lacks replaced.
    pub fn plain<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.signs.plain(text)
    }
}

impl Signs {
    /// Text with what the terminal lacks replaced; it may take fewer cells then.
    pub fn plain(self, text: &str) -> Cow<'_, str> {
        let replaced: fn(char) -> Option<char> = match self {
            Self::All => return Cow::Borrowed(text),
            Self::Console => console_for,
            Self::Ascii => ascii_for,
        };
        if text.is_ascii() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.chars().filter_map(replaced).collect())
    }
}

/// What of code page 437 lies beyond Latin-1, without what is drawn narrower or wider elsewhere.
const CODE_PAGE: &str = "ƒΓΘΣΦΩαδεπστφ•‼ⁿ←↑→↓↔↕∙√∞∟∩≈≡≤≥⌐⌠⌡▲►▼◄◊○◘◙";

/// What stands for a character on a text console.
fn console_for(c: char) -> Option<char> {
    match c {
        '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => Some(c),
        '╭' => Some('┌'),
        '╮' => Some('┐'),
        '╰' => Some('└'),
        '╯' => Some('┘'),
        '─' | '│' | '┌'..='┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => {
            Some(c)
        }
        '═'..='╬' | '▀' | '▄' | '█' | '▌' | '▐'..='▓' | '■' => Some(c),
        c if CODE_PAGE.contains(c) => Some(c),
        c => ascii_for(c),
    }
}

/// What stands for a character where only ASCII is known; nothing for what only marks the character before.
fn ascii_for(c: char) -> Option<char> {
    Some(match c {
        c if c.is_ascii() => c,
        c if c.width() == Some(0) => return None,
        '●' | '•' => '*',
        '◌' | '○' => 'o',
        '◐' | '‖' => '=',
        '✕' | '✗' | '×' => 'x',
        '↻' => '@',
        '→' | '▸' | '›' => '>',
        '←' | '‹' => '<',
        '↑' | '▲' => '^',
        '↓' | '▼' => 'v',
        '·' | '░' | '▁' | '▂' => '.',
        '▃' | '▄' | '▅' => ':',
        '‐'..='―' | '─' | '━' | '═' => '-',
        '│' | '┃' | '║' => '|',
        '┌'..='╋' | '╒'..='╰' => '+',
        '…' => '~',
        '▆' | '▇' | '█' | '▐' | '▌' | '▓' | '▒' => '#',
        '✓' | '✔' => '+',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        '\u{a0}' => ' ',
        _ => '?',
    })
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
        assert_eq!(Glyphs::ASCII.plain("e\u{301}te\u{301} 漢字"), "ete ??");
    }

    #[test]
    fn text_consoles_get_what_their_fonts_have() {
        assert_eq!(Glyphs::CONSOLE.plain("● été → ╭─┤ 漢 ▇"), "* été → ┌─┤ ? #");
    }
}
