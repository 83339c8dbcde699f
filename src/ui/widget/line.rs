//! A line of text whose parts have a place and a meaning; the theme gives the meaning its style.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    model::printable,
    ops::column::Tone,
    ui::{
        look::{Look, cut, width},
        theme::Theme,
    },
};

/// What a part of a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// As a column's cell would mean it.
    Tone(Tone),
    /// A heading.
    Title,
    /// The name of a value.
    Label,
    /// Of a host that is not heard of.
    Stale,
    /// A guarded environment.
    Guarded,
}

impl Ink {
    /// What is read.
    pub const PLAIN: Self = Self::Tone(Tone::Plain);
    /// What is there for completeness.
    pub const FAINT: Self = Self::Tone(Tone::Faint);
    /// As it should be.
    pub const GOOD: Self = Self::Tone(Tone::Good);
    /// Needs a look.
    pub const WARN: Self = Self::Tone(Tone::Warn);
    /// Broken.
    pub const BAD: Self = Self::Tone(Tone::Bad);
    /// Under way.
    pub const BUSY: Self = Self::Tone(Tone::Busy);

    /// Its style.
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Tone(tone) => theme.tone(tone),
            Self::Title => theme.title,
            Self::Label => theme.column,
            Self::Stale => theme.stale,
            Self::Guarded => theme.guarded,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    x: usize,
    text: String,
    ink: Ink,
    /// It follows the part before without a blank.
    joined: bool,
}

/// One line. Whatever text is put into it is made safe for the terminal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    parts: Vec<Part>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one meaning.
    pub fn of(text: &str, ink: Ink) -> Self {
        Self::new().at(0, text, ink)
    }

    /// Puts text at a place, in cells from the left.
    #[must_use]
    pub fn at(mut self, x: usize, text: &str, ink: Ink) -> Self {
        self.parts.push(Part {
            x,
            text: printable(text),
            ink,
            joined: false,
        });
        self
    }

    /// Puts text right behind what is there.
    #[must_use]
    pub fn then(self, text: &str, ink: Ink) -> Self {
        let x = self.width();
        let mut line = self.at(x, text, ink);
        if let Some(part) = line.parts.last_mut() {
            part.joined = true;
        }
        line
    }

    /// Puts another line behind what is there, after so many blanks.
    #[must_use]
    pub fn join(mut self, blanks: usize, other: Self) -> Self {
        let width = self.width() + blanks;
        self.parts.extend(other.parts.into_iter().map(|part| Part {
            x: part.x + width,
            ..part
        }));
        self
    }

    /// How many cells it takes.
    pub fn width(&self) -> usize {
        self.parts
            .iter()
            .map(|part| part.x + width(&part.text))
            .max()
            .unwrap_or(0)
    }

    /// Draws it into the first row of `area`. A part ends where the next one begins.
    pub fn draw(&self, look: &Look, buffer: &mut Buffer, area: Rect) {
        self.draw_over(None, look, buffer, area);
    }

    /// Draws it with one style laid over, as for the row under the cursor.
    pub fn draw_over(&self, over: Option<Style>, look: &Look, buffer: &mut Buffer, area: Rect) {
        if area.height == 0 {
            return;
        }
        let right = usize::from(area.width);
        for (at, part) in self.parts.iter().enumerate() {
            let end = self.parts.get(at + 1).map_or(right, |next| {
                // A part with a place of its own has a blank before it.
                next.x.saturating_sub(usize::from(!next.joined)).min(right)
            });
            let cells = end.saturating_sub(part.x);
            let text = look.glyphs.plain(&part.text);
            let text = cut(&text, cells, &look.glyphs);
            let ink = part.ink.style(&look.theme);
            let style = over.map_or(ink, |ground| Theme::on(ground, ink));
            let x = area.x + u16::try_from(part.x.min(right)).unwrap_or(0);
            buffer.set_stringn(x, area.y, &text, cells, style);
        }
    }
}

/// Draws lines one under another, as many as fit.
pub fn draw<'l>(
    lines: impl IntoIterator<Item = &'l Line>,
    look: &Look,
    buffer: &mut Buffer,
    area: Rect,
) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        line.draw(
            look,
            buffer,
            Rect {
                y,
                height: 1,
                ..area
            },
        );
    }
}

/// A heading with a rule up to `cells`.
pub fn heading(title: &str, more: &str, cells: usize) -> Line {
    let mut line = Line::of(title, Ink::Title);
    if !more.is_empty() {
        line = line.then(" ", Ink::FAINT).then(more, Ink::FAINT);
    }
    let rule = cells.saturating_sub(line.width() + 1);
    line.then(" ", Ink::FAINT)
        .then(&"─".repeat(rule), Ink::FAINT)
}

/// A named value; a long value goes on below itself.
pub fn field(label: &str, value: &str, ink: Ink, labels: usize, cells: usize) -> Vec<Line> {
    let room = cells.saturating_sub(labels).max(8);
    let mut lines: Vec<Line> = value
        .split('\n')
        .flat_map(|paragraph| wrap(paragraph, room))
        .map(|piece| Line::new().at(labels, &piece, ink))
        .collect();
    if let Some(first) = lines.first_mut() {
        first.parts.insert(
            0,
            Part {
                x: 0,
                text: printable(label),
                ink: Ink::Label,
                joined: false,
            },
        );
    }
    lines
}

/// Breaks text into lines of at most `cells`, between words where it can be; at least one line.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let text = printable(text);
    let cells = cells.max(1);
    if text.len() <= cells || width(&text) <= cells {
        return vec![text];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let needed = width(word.trim_end());
        if used > 0 && used + needed > cells {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
            used = 0;
        }
        for grapheme in word.graphemes(true) {
            let more = width(grapheme);
            if used + more > cells {
                if grapheme == " " {
                    continue;
                }
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(grapheme);
            used += more;
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
impl Line {
    /// The line as it is read.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            let gap = part.x.saturating_sub(width(&text));
            text.extend(std::iter::repeat_n(' ', gap));
            text.push_str(&part.text);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::ui::look::Glyphs;

    #[test]
    fn text_is_broken_between_words_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("漢字かな", 5), ["漢字", "かな"]);
        assert_eq!(wrap("", 5), [""]);
        for line in wrap("a /very/long/path/that/has/no/space and more words", 9) {
            assert!(width(&line) <= 9, "{line}");
        }
    }

    #[test]
    fn nothing_that_is_put_in_can_move_the_cursor_of_the_terminal() {
        let line = Line::of("a\u{1b}[2Jb\nc", Ink::PLAIN).then("\u{202e}evil", Ink::BAD);
        assert_eq!(line.text(), "a·[2Jb·c·evil");
    }

    #[test]
    fn a_part_ends_where_the_next_one_begins() {
        let theme = Theme::embedded("dark").unwrap();
        let look = Look {
            theme,
            glyphs: Glyphs::UNICODE,
        };
        let area = Rect::new(0, 0, 12, 1);
        let mut buffer = Buffer::empty(area);
        Line::of("a long name", Ink::PLAIN)
            .at(6, "second part", Ink::BAD)
            .draw(&look, &mut buffer, area);
        let text: String = buffer
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(text, "a lo… secon…");
    }

    #[test]
    fn a_long_value_goes_on_below_itself() {
        let lines = field("cmd", "sleep 1000 and more", Ink::PLAIN, 5, 15);
        let lines: Vec<String> = lines.iter().map(Line::text).collect();
        assert_eq!(lines, ["cmd  sleep 1000", "     and more"]);
    }
}
