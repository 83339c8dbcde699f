//! What of the log is on the screen, and how it is drawn.

use std::{borrow::Cow, sync::LazyLock};

use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    Logs, Shape, Times,
    lay::{Layout, Run, sign, time, time_width},
};
use crate::{
    logs::{Line, Pattern},
    model::LogRange,
    ui::{
        look::{Glyphs, Look, cut, cut_middle, width},
        pane::empty,
        scroll,
        theme::Theme,
    },
};

/// A name in front of a line takes no more of the width than one part in so many.
const NAME_PART: usize = 5;

/// What lines are measured with: colours make no difference.
static PLAIN: LazyLock<Theme> = LazyLock::new(Theme::dark);

/// A row on the screen.
struct Row {
    line: i64,
    /// It is the first of its line.
    is_first: bool,
    runs: Vec<Run>,
}

impl Logs {
    pub(super) fn heading(&self) -> String {
        let whose = match &self.sources[..] {
            [] if self.is_empty() => return "Logs".to_owned(),
            [] => "nobody".to_owned(),
            [one] => one.label(),
            many => format!("{} containers", many.len()),
        };
        let (count, state) = (self.count(), self.motion());
        format!("Logs({whose})[{count}] {} · {state}", self.range.word)
    }

    /// How many lines are shown, of how many: `3 of 1,204`.
    pub fn count(&self) -> String {
        if self.book.filter().is_empty() {
            return grouped(self.book.len());
        }
        let (shown, held) = (self.book.shown(), self.book.len());
        format!("{} of {}", grouped(shown), grouped(held))
    }

    /// Whether the end is followed, and how much has come since it was left.
    pub fn motion(&self) -> String {
        match (self.top, self.unseen()) {
            (None, _) => "following".to_owned(),
            (Some(_), 0) => "paused".to_owned(),
            (Some(_), more) => format!("paused, ▼ {} new", grouped(more)),
        }
    }

    /// How many shown lines came since the end was seen.
    fn unseen(&self) -> usize {
        let before = self.seen.map_or(0, |seen| self.book.shown_before(seen));
        self.book.shown().saturating_sub(before)
    }

    /// What narrows and shapes what is seen, for the last row.
    fn state(&self) -> String {
        let mut parts = Vec::new();
        if let Some(level) = self.level {
            parts.push(format!("level {} and graver", level.word()));
        }
        if let Some(search) = self.book.search().map(Pattern::typed) {
            let hits = self.book.hits();
            let at = self.cursor.map(|line| self.book.hits_before(line + 1));
            let more = if self.book.is_behind() { "+" } else { "" };
            parts.push(match at {
                Some(at) if at > 0 => format!("search {search} {at} of {hits}{more}"),
                Some(_) | None => format!("search {search} {hits}{more} hits"),
            });
        }
        if !self.highlights.is_empty() {
            let texts: Vec<&str> = self.highlights.iter().map(Pattern::typed).collect();
            parts.push(format!("highlight {}", texts.join(" ")));
        }
        if let Some(anchor) = self.anchor {
            let cursor = self.cursor.unwrap_or(anchor);
            let lines = self.book.shown_before(anchor.max(cursor) + 1)
                - self.book.shown_before(anchor.min(cursor));
            parts.push(format!("{lines} lines chosen"));
        }
        match self.times {
            Times::Off => {}
            Times::Local => parts.push(format!(
                "times {}",
                self.zone.iana_name().unwrap_or("local")
            )),
            Times::Utc => parts.push("times UTC".to_owned()),
            Times::Relative => parts.push("times relative".to_owned()),
        }
        match &self.shape {
            Shape::Raw => {}
            Shape::Pretty => parts.push("JSON laid out".to_owned()),
            Shape::Fields(names) => parts.push(format!("fields {}", names.join(","))),
        }
        if self.wrap {
            parts.push("wrapped".to_owned());
        } else if self.left > 0 {
            parts.push(format!("from column {}", self.left + 1));
        }
        if self.revealed {
            parts.push("secrets shown".to_owned());
        }
        parts.extend(self.corrected.clone());
        if self.book.dropped() > 0 {
            let (dropped, size) = (grouped(self.book.dropped()), self.book.size() >> 20);
            parts.push(format!("{dropped} oldest dropped ({size} MB held)"));
        }
        if !self.older.is_empty() {
            parts.push("reading older lines".to_owned());
        }
        parts.join(" · ")
    }

    /// Stops following, with what is on the screen staying there.
    pub(super) fn pause(&mut self) {
        if self.top.is_some() || self.book.shown() == 0 {
            return;
        }
        let (top, above) = self.end_of_book();
        (self.top, self.above) = (Some(top), above);
        self.cursor = self.book.nth(self.book.shown() - 1);
    }

    /// The next shown line in a direction.
    fn beside(&self, line: i64, rows: usize, down: bool) -> Option<i64> {
        let at = self.book.shown_before(line);
        let last = self.book.shown().checked_sub(1)?;
        let at = if down {
            (at + rows).min(last)
        } else {
            at.saturating_sub(rows)
        };
        self.book.nth(at)
    }

    pub(super) fn move_cursor(&mut self, rows: usize, down: bool) {
        if self.top.is_none() {
            if down {
                return;
            }
            self.pause();
        }
        let Some(cursor) = self.cursor else { return };
        let next = self.beside(cursor, rows, down);
        if next == Some(cursor) && down {
            return self.resume();
        }
        if next == Some(cursor) {
            self.read_older();
        }
        if let Some(next) = next {
            self.cursor = Some(next);
            self.bring_into_view(next);
        }
    }

    /// Puts the cursor on a line and shows it.
    pub(super) fn show_line(&mut self, line: i64) {
        self.pause();
        self.cursor = Some(line);
        self.bring_into_view(line);
    }

    /// Shows a line, with as little scrolling as that takes.
    fn bring_into_view(&mut self, line: i64) {
        if let Some(place) = self.place_for(line) {
            // Nothing is empty below as long as there are lines above.
            let (top, above) = place.min(self.end_of_book());
            (self.top, self.above) = (Some(top), above);
        }
    }

    /// Where the screen has to begin for a line to be on it; none when it is.
    fn place_for(&self, line: i64) -> Option<(i64, usize)> {
        let top = self.top?;
        if line < top || (line == top && self.above > 0) {
            // A far jump lands in the middle, a step at the edge.
            let far = self.book.shown_before(top) - self.book.shown_before(line) > self.size.1;
            return Some(if far {
                self.up_from(line, self.size.1 / 2)
            } else {
                (line, 0)
            });
        }
        let between = self.book.shown_before(line) - self.book.shown_before(top);
        if between > self.size.1 {
            return Some(self.up_from(line, self.size.1 / 2));
        }
        let mut rows = 0;
        let mut at = Some(top);
        while let Some(one) = at.filter(|one| *one <= line) {
            rows += self.height(one);
            at = self.after(one);
        }
        if rows - self.above.min(rows) <= self.size.1 {
            return None;
        }
        let height = self.height(line).min(self.size.1);
        Some(self.up_from(line, self.size.1 - height))
    }

    fn after(&self, line: i64) -> Option<i64> {
        self.book.nth(self.book.shown_before(line + 1))
    }

    fn before(&self, line: i64) -> Option<i64> {
        self.book.nth(self.book.shown_before(line).checked_sub(1)?)
    }

    /// The place so many rows above the beginning of a line.
    fn up_from(&self, line: i64, mut rows: usize) -> (i64, usize) {
        let mut top = line;
        while rows > 0 {
            let Some(before) = self.before(top) else {
                return (top, 0);
            };
            let height = self.height(before);
            if height > rows {
                return (before, height - rows);
            }
            rows -= height;
            top = before;
        }
        (top, 0)
    }

    /// The place from which the last rows fill the screen.
    fn end_of_book(&self) -> (i64, usize) {
        let Some(last) = self
            .book
            .shown()
            .checked_sub(1)
            .and_then(|at| self.book.nth(at))
        else {
            return (self.book.first(), 0);
        };
        let height = self.height(last);
        match self.size.1.checked_sub(height) {
            Some(rows) => self.up_from(last, rows),
            None => (last, height - self.size.1),
        }
    }

    pub(super) fn scroll(&mut self, rows: usize, down: bool) {
        if self.top.is_none() {
            if down {
                return;
            }
            self.pause();
        }
        let Some(top) = self.top else { return };
        if down {
            let (mut line, mut left) = (top, self.above + rows);
            while left >= self.height(line) {
                let Some(after) = self.after(line) else { break };
                left -= self.height(line);
                line = after;
            }
            let end = self.end_of_book();
            if (line, left) >= end {
                return self.resume();
            }
            (self.top, self.above) = (Some(line), left);
        } else {
            let (line, above) = match self.above.checked_sub(rows) {
                Some(above) => (top, above),
                None => self.up_from(top, rows - self.above),
            };
            if line == top && above == self.above {
                self.read_older();
            }
            (self.top, self.above) = (Some(line), above);
        }
        self.keep_cursor_in_view();
    }

    fn keep_cursor_in_view(&mut self) {
        let (Some(top), Some(cursor)) = (self.top, self.cursor) else {
            return;
        };
        let mut rows = self.size.1 + self.above;
        let mut last = top;
        while let Some(after) = self.after(last) {
            rows = rows.saturating_sub(self.height(last));
            if rows < self.height(after) {
                break;
            }
            last = after;
        }
        self.cursor = Some(cursor.clamp(top, last));
    }

    pub(super) fn go_to_top(&mut self) {
        self.pause();
        if let Some(first) = self.book.nth(0) {
            if self.top == Some(first) && self.above == 0 {
                self.read_older();
            }
            (self.top, self.above, self.cursor) = (Some(first), 0, Some(first));
        }
    }

    /// A filter may have hidden the lines that are looked at: then the next ones are.
    pub(super) fn stay_on_shown(&mut self) {
        let Some(last) = self.book.shown().checked_sub(1) else {
            self.above = 0;
            return;
        };
        let shown = |line: i64| self.book.nth(self.book.shown_before(line).min(last));
        let (top, cursor) = (self.top.and_then(shown), self.cursor.and_then(shown));
        if top != self.top {
            self.above = 0;
        }
        (self.top, self.cursor) = (top, cursor);
    }

    fn height(&self, line: i64) -> usize {
        if !self.wrap && self.shape != Shape::Pretty {
            return 1;
        }
        // What is drawn has the same signs; only their colours are missing here.
        self.book.line(line).map_or(1, |line| {
            let layout = self.layout(&PLAIN, &self.glyphs, self.size.0);
            layout.rows(&line).len().max(1)
        })
    }

    fn layout<'l>(&'l self, theme: &'l Theme, glyphs: &'l Glyphs, columns: usize) -> Layout<'l> {
        let mut matches: Vec<(&Pattern, Style)> = Vec::new();
        for (at, pattern) in self.highlights.iter().enumerate() {
            let style = theme.circle(at + 1);
            matches.push((pattern, style.add_modifier(Modifier::REVERSED)));
        }
        let passed = theme.accent.add_modifier(Modifier::UNDERLINED);
        matches.extend(
            self.book
                .filter()
                .patterns()
                .map(|pattern| (pattern, passed)),
        );
        matches.extend(self.book.search().map(|pattern| (pattern, theme.matched)));
        Layout {
            theme,
            glyphs,
            shape: &self.shape,
            masks: (!self.revealed).then_some(&self.masks),
            matches,
            room: columns.saturating_sub(self.gutter()).max(1),
            wrap: self.wrap,
            left: self.left,
        }
    }

    /// The cells before a line's text: its sign, its time, its name.
    fn gutter(&self) -> usize {
        let time = time_width(self.times);
        let name = self.name_cells;
        1 + time + usize::from(time > 0) + name + usize::from(name > 0)
    }

    /// How many cells names take; none where there is one only.
    pub(super) fn name_width(&self) -> usize {
        if self.sources.len() < 2 {
            return 0;
        }
        let longest = self.sources.iter().map(|one| width(self.short(one))).max();
        longest
            .unwrap_or(0)
            .clamp(4, (self.size.0 / NAME_PART).max(4))
    }

    /// A container's name, with its host only where another has the same name.
    fn short<'s>(&'s self, source: &'s super::Source) -> &'s str {
        if source.is_alone {
            &source.name
        } else {
            self.book.name(source.number)
        }
    }

    /// The rows on the screen, from the top.
    fn rows(&self, look: &Look) -> Vec<Row> {
        let layout = self.layout(&look.theme, &look.glyphs, self.size.0);
        let (top, above) = match self.top {
            Some(top) => (top, self.above),
            None => self.end_of_book(),
        };
        let mut rows = Vec::with_capacity(self.size.1);
        let mut skip = above;
        let mut next = Some(top);
        while let Some(number) = next.filter(|_| rows.len() < self.size.1) {
            if let Some(line) = self.book.line(number) {
                for (at, runs) in layout.rows(&line).into_iter().enumerate().skip(skip) {
                    rows.push(Row {
                        line: number,
                        is_first: at == 0,
                        runs,
                    });
                }
            }
            skip = 0;
            next = self.after(number);
        }
        rows.truncate(self.size.1);
        rows
    }

    /// Why there is no line to see, and what to do.
    fn emptiness(&self) -> Cow<'static, str> {
        if self.is_empty() {
            return "No log is open. Choose containers (:pane containers), then say :logs".into();
        }
        if self.sources.is_empty() && self.who != super::who::Who::Brought {
            return "No container fits what was asked for. Those that come later are followed by themselves.".into();
        }
        if self.book.is_behind() {
            return "Filtering …".into();
        }
        if !self.book.filter().is_empty() {
            let typed = self.book.filter().typed();
            let held = grouped(self.book.len());
            return format!("No line passes '{typed}', of {held} held. Esc clears the filter.")
                .into();
        }
        match self.range.feed {
            LogRange::Since(_) => format!(
                "Nothing was logged in the {}. New lines appear here.\n\
                 :range 1 reads from the start, :range 0 the last {} lines.",
                self.range.word,
                super::range::TAIL
            )
            .into(),
            LogRange::All | LogRange::Tail(_) => {
                "Nothing logged yet. New lines appear here.".into()
            }
        }
    }

    /// Draws the lines, and what narrows them in the last row.
    pub fn draw(&self, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        if self.book.shown() == 0 {
            empty(&self.emptiness(), look, frame, area);
        } else {
            let rows = self.rows(look);
            for (y, row) in (area.y..area.bottom()).zip(&rows) {
                let one = Rect {
                    y,
                    height: 1,
                    width: area.width.saturating_sub(1),
                    ..area
                };
                self.draw_row(row, look, frame, one);
            }
            self.draw_bar(&rows, look, frame, area);
        }
        if area.height > 1 {
            let state = look.glyphs.plain(&self.state()).into_owned();
            let cells = usize::from(area.width);
            let state = cut(&state, cells, &look.glyphs);
            let buffer = frame.buffer_mut();
            buffer.set_stringn(area.x, area.bottom() - 1, &state, cells, look.theme.faint);
        }
    }

    fn draw_row(&self, row: &Row, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let Some(line) = self.book.line(row.line) else {
            return;
        };
        let ground = self.ground(row.line, look);
        let on = |style: Style| ground.map_or(style, |ground| Theme::on(ground, style));
        let buffer = frame.buffer_mut();
        if let Some(ground) = ground {
            buffer.set_style(area, ground);
        }
        let mut x = area.x;
        let mut put = |text: &str, cells: usize, style: Style| {
            let room = usize::from(area.right().saturating_sub(x));
            buffer.set_stringn(x, area.y, text, room.min(cells), on(style));
            x = x
                .saturating_add(u16::try_from(cells).unwrap_or(u16::MAX))
                .min(area.right());
        };
        if row.is_first {
            let (text, style) = sign(&line, look);
            put(text, 1, style);
            self.put_origin(&line, look, &mut put);
        } else {
            put("", self.gutter(), look.theme.text);
        }
        for (text, style) in &row.runs {
            put(text, width(text), *style);
        }
    }

    /// Time and name in front of a line.
    fn put_origin(&self, line: &Line<'_>, look: &Look, put: &mut impl FnMut(&str, usize, Style)) {
        let cells = time_width(self.times);
        if cells > 0 {
            put(
                &time(line.at, self.times, &self.zone, self.now),
                cells + 1,
                look.theme.faint,
            );
        }
        let cells = self.name_cells;
        if cells > 0 {
            let source = self.sources.iter().find(|one| one.number == line.source);
            let name = source.map_or("", |source| self.short(source));
            let name = look.glyphs.plain(name).into_owned();
            let name = cut_middle(&name, cells, &look.glyphs);
            put(
                &name,
                cells + 1,
                look.theme.circle(usize::from(line.source)),
            );
        }
    }

    /// The ground of the line under the cursor and of those that are chosen.
    fn ground(&self, line: i64, look: &Look) -> Option<Style> {
        let cursor = self.cursor?;
        if line == cursor {
            return Some(look.theme.cursor);
        }
        let anchor = self.anchor?;
        (anchor.min(cursor)..=anchor.max(cursor))
            .contains(&line)
            .then_some(look.theme.marked)
    }

    /// The scrollbar, with where hits are beside it.
    fn draw_bar(&self, rows: &[Row], look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let at = rows
            .first()
            .map_or(0, |row| self.book.shown_before(row.line));
        let whole = Rect {
            y: area.y.saturating_sub(1),
            ..area
        };
        scroll::bar(at, self.book.shown(), look, frame, whole);
        if self.book.search().is_none() {
            return;
        }
        let sign = if look.glyphs.ascii { "-" } else { "╺" };
        for (y, has) in (area.y..area.bottom()).zip(self.book.hit_parts(self.size.1)) {
            if has {
                frame
                    .buffer_mut()
                    .set_string(area.right() - 1, y, sign, look.theme.warn);
            }
        }
    }
}

/// Thousands apart, as people read them.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
